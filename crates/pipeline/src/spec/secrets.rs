//! Secrets stay out of pipeline files, and out of everything that is printed.

use super::node::{Node, Value};
use super::problem::{Problem, join};

/// Texts that must not be printed, and what is printed instead.
#[derive(Debug, Clone, Default)]
pub struct Secrets {
    masks: Vec<(String, String)>,
}

impl Secrets {
    /// Remembers `secret`. Texts below four characters would mask half of every message; they hide nothing.
    pub(crate) fn add(&mut self, secret: &str, mask: String) {
        if secret.chars().count() >= 4 && !self.masks.iter().any(|(known, _)| known == secret) {
            self.masks.push((secret.to_owned(), mask));
            self.masks.sort_by(|a, b| b.0.len().cmp(&a.0.len()).then_with(|| a.cmp(b)));
        }
    }

    /// `text` with every secret masked.
    #[must_use]
    pub fn mask(&self, text: &str) -> String {
        self.masks.iter().fold(text.to_owned(), |text, (secret, mask)| text.replace(secret.as_str(), mask))
    }

    /// `text` as it would stand in a pipeline file: secrets as references, other `${` escaped.
    pub(crate) fn mask_and_escape(&self, text: &str) -> String {
        let escaped = self.mask(text).replace("${", "$${");
        self.masks.iter().fold(escaped, |text, (_, mask)| text.replace(&format!("${mask}"), mask))
    }

    /// The problem with every secret masked.
    pub(crate) fn mask_problem(&self, problem: Problem) -> Problem {
        Problem {
            path: self.mask(&problem.path),
            message: self.mask(&problem.message),
            hint: problem.hint.map(|hint| self.mask(&hint)),
            ..problem
        }
    }
}

/// Finds literals that look like secrets, and remembers them so that no message echoes them.
pub(crate) fn find(node: &Node, path: &str, secrets: &mut Secrets, problems: &mut Vec<Problem>) {
    match &node.value {
        Value::Mapping(entries) => {
            for (key, value) in entries {
                let below = join(path, &super::problem::echo(&key.name));
                if let Some(text) =
                    value.text().filter(|text| names_a_secret(&key.name) && !is_reference(text) && !text.is_empty())
                {
                    refuse(
                        value,
                        &text,
                        &below,
                        &format!("`{}` looks like the name of a secret", key.name),
                        secrets,
                        problems,
                    );
                } else {
                    find(value, &below, secrets, problems);
                }
            }
        }
        Value::Sequence(items) => {
            for (position, item) in items.iter().enumerate() {
                find(item, &format!("{path}[{position}]"), secrets, problems);
            }
        }
        Value::String(text) => {
            if let Some(what) = looks_like_secret(text) {
                refuse(node, text, path, &format!("the value looks like {what}"), secrets, problems);
            }
        }
        Value::Null | Value::Bool(_) | Value::Integer(_) | Value::Float(..) => {}
    }
}

fn refuse(node: &Node, text: &str, path: &str, what: &str, secrets: &mut Secrets, problems: &mut Vec<Problem>) {
    secrets.add(text, "***".to_owned());
    let message = format!("{what}: secrets do not belong in pipeline files");
    problems
        .push(Problem::new(&node.place, path, message).with_hint("refer to an environment variable: `${env:NAME}`"));
}

fn names_a_secret(key: &str) -> bool {
    const WORDS: [&str; 10] = [
        "password",
        "passwd",
        "passphrase",
        "secret",
        "token",
        "apikey",
        "api_key",
        "private_key",
        "access_key",
        "credential",
    ];
    let key = key.to_lowercase().replace('-', "_");
    WORDS.iter().any(|word| key.contains(word))
}

/// Whether a text is one environment reference and nothing else.
fn is_reference(text: &str) -> bool {
    text.strip_prefix("${env:").and_then(|rest| rest.strip_suffix('}')).is_some_and(|name| !name.contains('}'))
}

/// What a text looks like, if it looks like a secret.
fn looks_like_secret(text: &str) -> Option<&'static str> {
    const PREFIXES: [(&str, usize, &str); 14] = [
        ("AKIA", 16, "an access key id"),
        ("ASIA", 16, "an access key id"),
        ("AIza", 35, "an API key"),
        ("ghp_", 30, "an access token"),
        ("gho_", 30, "an access token"),
        ("ghs_", 30, "an access token"),
        ("github_pat_", 30, "an access token"),
        ("glpat-", 20, "an access token"),
        ("xoxb-", 20, "an access token"),
        ("xoxp-", 20, "an access token"),
        ("sk_live_", 16, "an API key"),
        ("sk-", 32, "an API key"),
        ("dapi", 32, "an access token"),
        ("eyJ", 40, "a signed token"),
    ];
    if text.contains("-----BEGIN ") && text.contains("PRIVATE KEY") {
        return Some("a private key");
    }
    if has_user_and_password(text) {
        return Some("a URL with a password");
    }
    if ["X-Amz-Signature=", "X-Goog-Signature=", "&sig=", "?sig="].iter().any(|part| text.contains(part)) {
        return Some("a signed URL");
    }
    text.split(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'))).find_map(|word| {
        PREFIXES
            .iter()
            .find(|(prefix, rest, _)| {
                word.strip_prefix(prefix).is_some_and(|tail| tail.len() >= *rest && is_dense(tail))
            })
            .map(|(_, _, what)| *what)
    })
}

/// Words of a language have few digits and capitals; keys have many.
fn is_dense(text: &str) -> bool {
    text.bytes().filter(|b| b.is_ascii_digit() || b.is_ascii_uppercase()).count() * 4 >= text.len()
}

fn has_user_and_password(text: &str) -> bool {
    text.split("://").skip(1).any(|rest| {
        let authority = rest.split(['/', '?', '#', ' ']).next().unwrap_or_default();
        let user = authority.rsplit_once('@').map_or("", |(user, _)| user);
        user.split_once(':').is_some_and(|(_, password)| !password.is_empty() && !is_reference(password))
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::spec::yaml::parse;

    fn findings(text: &str) -> (Vec<String>, Secrets) {
        let (mut secrets, mut problems) = (Secrets::default(), Vec::new());
        find(&parse(&Arc::from("t"), text).unwrap(), "", &mut secrets, &mut problems);
        (problems.iter().map(ToString::to_string).collect(), secrets)
    }

    #[test]
    fn literals_that_look_like_secrets_are_found_and_not_echoed() {
        for (text, secret) in [
            ("a: postgres://bob:hunter22@db/x", "hunter22"),
            ("params: { db_password: hunter22 }", "hunter22"),
            ("params: { api-key: 12345678 }", "12345678"),
            ("a: [x, AKIAIOSFODNN7EXAMPLE]", "AKIAIOSFODNN7EXAMPLE"),
            ("a: \"-----BEGIN RSA PRIVATE KEY----- abcd\"", "abcd"),
            ("a: ghp_0123456789abcdefghijABCDEFGHIJ012345", "ghp_"),
        ] {
            let (problems, secrets) = findings(text);
            assert_eq!(problems.len(), 1, "{text}");
            assert!(!problems[0].contains(secret), "{}", problems[0]);
            assert!(!secrets.mask(text).contains(secret), "{text}");
        }
    }

    #[test]
    fn references_and_ordinary_texts_are_not_secrets() {
        for text in [
            "params: { db_password: '${env:DB}' }",
            "a: s3://bucket/asia/AKIA/x.parquet",
            "a: postgres://bob:${env:PW}@db/x",
            "a: https://host:8080/x@y",
            "a: sk-this-is-only-a-rather-long-kebab-case-name",
            "a: customer_id",
        ] {
            assert_eq!(findings(text).0, Vec::<String>::new(), "{text}");
        }
    }

    #[test]
    fn longer_secrets_are_masked_before_their_parts() {
        let mut secrets = Secrets::default();
        secrets.add("abcd", "${env:A}".to_owned());
        secrets.add("abcdef", "${env:B}".to_owned());
        secrets.add("xyz", "${env:C}".to_owned());
        assert_eq!(secrets.mask("abcdef abcd xyz"), "${env:B} ${env:A} xyz");
    }
}
