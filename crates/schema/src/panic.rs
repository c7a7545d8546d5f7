//! What a panic said.

use std::any::Any;

/// The message that a thread panicked with.
#[must_use]
pub fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no reason given")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_both_kinds_are_found() {
        assert_eq!(message(&"plain"), "plain");
        assert_eq!(message(&String::from("made")), "made");
        assert_eq!(message(&7), "no reason given");
    }
}
