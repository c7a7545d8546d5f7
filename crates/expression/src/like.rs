//! LIKE patterns.

/// Longest pattern, in characters: it bounds the automaton built from it.
const MAX_CHARACTERS: usize = 1_000;

/// What a pattern asks of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Pattern {
    /// `abc`
    Equals(String),
    /// `abc%`
    StartsWith(String),
    /// `%abc`
    EndsWith(String),
    /// `%abc%`
    Contains(String),
    /// Anything else.
    Parts(Vec<Part>),
}

/// A piece of a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Part {
    /// These characters.
    Literal(String),
    /// `_`
    One,
    /// `%`
    Any,
}

impl Pattern {
    /// Reads `pattern`; after `escape`, the next character stands for itself.
    ///
    /// # Errors
    /// When nothing follows the escape character, or the pattern is too long.
    pub(crate) fn parse(pattern: &str, escape: Option<char>) -> Result<Self, String> {
        if pattern.chars().count() > MAX_CHARACTERS {
            return Err(format!("the pattern has more than {MAX_CHARACTERS} characters"));
        }
        let mut parts: Vec<Part> = Vec::new();
        let mut characters = pattern.chars();
        while let Some(character) = characters.next() {
            let literal = if Some(character) == escape {
                characters.next().ok_or_else(|| format!("the pattern `{pattern}` ends in its escape character"))?
            } else if character == '%' {
                if parts.last() != Some(&Part::Any) {
                    parts.push(Part::Any);
                }
                continue;
            } else if character == '_' {
                parts.push(Part::One);
                continue;
            } else {
                character
            };
            match parts.last_mut() {
                Some(Part::Literal(text)) => text.push(literal),
                _ => parts.push(Part::Literal(literal.to_string())),
            }
        }
        Ok(match parts.as_slice() {
            [] => Self::Equals(String::new()),
            [Part::Literal(text)] => Self::Equals(text.clone()),
            [Part::Literal(text), Part::Any] => Self::StartsWith(text.clone()),
            [Part::Any, Part::Literal(text)] => Self::EndsWith(text.clone()),
            [Part::Any, Part::Literal(text), Part::Any] => Self::Contains(text.clone()),
            _ => Self::Parts(parts),
        })
    }

    /// The pattern as a regular expression over the whole text.
    pub(crate) fn regex(&self, ignore_case: bool) -> String {
        let literal = |text: &String| Part::Literal(text.clone());
        let parts = match self {
            Self::Equals(text) => vec![literal(text)],
            Self::StartsWith(text) => vec![literal(text), Part::Any],
            Self::EndsWith(text) => vec![Part::Any, literal(text)],
            Self::Contains(text) => vec![Part::Any, literal(text), Part::Any],
            Self::Parts(parts) => parts.clone(),
        };
        let mut regex = String::from(if ignore_case { "(?is)^" } else { "(?s)^" });
        for part in parts {
            match part {
                Part::Literal(text) => text.chars().for_each(|character| push_literal(&mut regex, character)),
                Part::One => regex.push('.'),
                Part::Any => regex.push_str(".*"),
            }
        }
        regex.push('$');
        regex
    }
}

fn push_literal(regex: &mut String, character: char) {
    if r"\.+*?()|[]{}^$#&-~".contains(character) {
        regex.push('\\');
    }
    regex.push(character);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_shapes_need_no_regex() {
        let parse = |pattern| Pattern::parse(pattern, None).unwrap();
        assert_eq!(parse("C%"), Pattern::StartsWith("C".into()));
        assert_eq!(parse("%%x"), Pattern::EndsWith("x".into()));
        assert_eq!(parse("%x%"), Pattern::Contains("x".into()));
        assert_eq!(parse("x"), Pattern::Equals("x".into()));
        assert_eq!(parse("a_%").regex(false), "(?s)^a..*$");
    }

    #[test]
    fn escapes_make_signs_literal() {
        let escaped = Pattern::parse("10!%!_!!", Some('!')).unwrap();
        assert_eq!(escaped, Pattern::Equals("10%_!".into()));
        assert_eq!(Pattern::parse("a.b(c)%", None).unwrap().regex(true), r"(?is)^a\.b\(c\).*$");
        assert!(Pattern::parse("x!", Some('!')).is_err());
    }
}
