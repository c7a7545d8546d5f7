//! Texts that repeat, each held once and named by a number.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

/// The texts of a run: categories, kinds, attributes. Shared by all threads.
///
/// Which number a text gets depends on the threads' race: numbers tell texts apart, they never order anything.
#[derive(Debug, Default)]
pub struct Symbols {
    inner: RwLock<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    numbers: HashMap<Arc<str>, u32>,
    texts: Vec<Arc<str>>,
    bytes: usize,
}

impl Symbols {
    /// The number of `text`, never 0. `None` once there are 2³² − 1 texts.
    #[must_use]
    pub fn number(&self, text: &str) -> Option<u32> {
        if let Some(&number) = self.inner.read().unwrap_or_else(PoisonError::into_inner).numbers.get(text) {
            return Some(number);
        }
        let mut inner = self.inner.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(&number) = inner.numbers.get(text) {
            return Some(number);
        }
        let number = u32::try_from(inner.texts.len() + 1).ok()?;
        let text: Arc<str> = text.into();
        inner.bytes += text.len() + 64;
        inner.texts.push(Arc::clone(&text));
        inner.numbers.insert(text, number);
        Some(number)
    }

    /// The number of `text` if it has one.
    #[must_use]
    pub fn find(&self, text: &str) -> Option<u32> {
        self.inner.read().unwrap_or_else(PoisonError::into_inner).numbers.get(text).copied()
    }

    /// All texts as of now: number `n` is at `n - 1`.
    #[must_use]
    pub fn texts(&self) -> Vec<Arc<str>> {
        self.inner.read().unwrap_or_else(PoisonError::into_inner).texts.clone()
    }

    /// Bytes that the texts take, about.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.inner.read().unwrap_or_else(PoisonError::into_inner).bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_keeps_its_number() {
        let symbols = Symbols::default();
        let (a, b) = (symbols.number("a"), symbols.number("b"));
        assert_eq!((a, b), (Some(1), Some(2)));
        assert_eq!(symbols.number("a"), a);
        assert_eq!(symbols.find("c"), None);
        assert_eq!(symbols.texts()[1].as_ref(), "b");
    }
}
