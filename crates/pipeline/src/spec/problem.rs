//! What is wrong with a pipeline file: where, what, and what to do about it.

use std::fmt;
use std::sync::Arc;

/// A place in a file or on the command line.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The file as the caller named it, or the flag, such as `--set model.rfm.bins`.
    pub file: Arc<str>,
    /// Line, from 1; 0 when there is none.
    pub line: usize,
    /// Column in characters, from 1; 0 when there is none.
    pub column: usize,
}

impl Place {
    /// A place without line and column: a whole file, or a flag.
    #[must_use]
    pub fn whole(file: &Arc<str>) -> Self {
        Self { file: Arc::clone(file), line: 0, column: 0 }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.line, self.column) {
            (0, _) => write!(f, "{}", self.file),
            (line, column) => write!(f, "{}:{line}:{column}", self.file),
        }
    }
}

/// One thing that is wrong with a pipeline file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where.
    pub place: Place,
    /// Path of the value, such as `sources.transactions.where`; empty for the whole file.
    pub path: String,
    /// What is wrong: lower case, one line, names the value.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Problem {
    /// A problem without a hint.
    pub(crate) fn new(place: &Place, path: &str, message: impl Into<String>) -> Self {
        Self { place: place.clone(), path: path.to_owned(), message: message.into(), hint: None }
    }

    /// The same with a hint.
    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.place)?;
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.message)?;
        match &self.hint {
            Some(hint) => write!(f, "\n  hint: {hint}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Problem {}

/// The path of `key` below `path`.
pub(crate) fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

/// Longest text that is compared or echoed in full.
const LONGEST_ECHO: usize = 80;

/// `text` fit for a message: one line, control characters escaped, cut after 80 characters.
pub(crate) fn echo(text: &str) -> String {
    let mut out: String = text
        .chars()
        .take(LONGEST_ECHO)
        .flat_map(|c| {
            let hidden = c.is_control()
                || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
            if hidden { c.escape_default().collect::<Vec<_>>() } else { vec![c] }
        })
        .collect();
    if text.chars().nth(LONGEST_ECHO).is_some() {
        out.push('…');
    }
    out
}

/// The candidate that a person most likely meant by `given`.
pub(crate) fn closest<'a>(given: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if given.chars().nth(LONGEST_ECHO).is_some() {
        return None;
    }
    let lower = given.to_lowercase();
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(&lower, &candidate.to_lowercase()), candidate))
        .filter(|(distance, candidate)| {
            let shorter = candidate.chars().count().min(lower.chars().count());
            *distance < shorter && *distance <= 1 + shorter / 4
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// A hint that names the closest candidate, or else all of them when they are few.
pub(crate) fn did_you_mean(given: &str, candidates: &[&str]) -> Option<String> {
    if let Some(candidate) = closest(given, candidates.iter().copied()) {
        return Some(format!("did you mean `{candidate}`?"));
    }
    let known = candidates.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>();
    (1..=16).contains(&known.len()).then(|| format!("known here: {}", known.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_one_or_two_letters_is_recognised() {
        assert_eq!(closest("purchse_period", ["purchase_period", "time_unit"]), Some("purchase_period"));
        assert_eq!(closest("Where", ["where", "path"]), Some("where"));
        assert_eq!(closest("colour", ["path", "where"]), None);
        assert_eq!(closest("v", ["r", "f"]), None);
        assert_eq!(closest(&"w".repeat(100_000), ["where"]), None);
    }

    #[test]
    fn echoes_are_short_and_without_control_characters() {
        assert_eq!(echo("a\nb\u{202e}"), "a\\nb\\u{202e}");
        assert_eq!(echo(&"x".repeat(200)).chars().count(), 81);
    }

    #[test]
    fn a_problem_reads_place_path_message_hint() {
        let place = Place { file: Arc::from("p.yaml"), line: 3, column: 5 };
        let problem = Problem::new(&place, "model.rfm", "no").with_hint("yes");
        assert_eq!(problem.to_string(), "p.yaml:3:5: model.rfm: no\n  hint: yes");
    }
}
