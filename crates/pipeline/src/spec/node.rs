//! A tree of values that remembers where everything stands.

use super::problem::{Place, echo};

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// The value.
    pub value: Value,
    /// Where it stands, or which flag gave it.
    pub place: Place,
    /// Whether it is a scalar without quotes on one line: then columns within it can be told.
    pub plain: bool,
    /// Its text before parameters were filled in, when there were any.
    pub template: Option<String>,
    /// Whether an environment variable is part of it.
    pub from_environment: bool,
}

/// A YAML value.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Nothing, `~` or `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A decimal integer.
    Integer(i64),
    /// A finite number and how it was written.
    Float(f64, String),
    /// Text.
    String(String),
    /// A sequence.
    Sequence(Vec<Node>),
    /// A mapping in the order of the file.
    Mapping(Vec<(Key, Node)>),
}

/// The key of a mapping.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// Its text.
    pub name: String,
    /// Where it stands.
    pub place: Place,
}

impl Node {
    /// A node at `place`.
    #[must_use]
    pub fn new(value: Value, place: Place) -> Self {
        Self { value, place, plain: false, template: None, from_environment: false }
    }

    /// The text of a scalar as it was written, without quotes; `None` for mappings and sequences.
    #[must_use]
    pub fn text(&self) -> Option<String> {
        match &self.value {
            Value::Null => Some(String::new()),
            Value::Bool(value) => Some(value.to_string()),
            Value::Integer(value) => Some(value.to_string()),
            Value::Float(_, text) | Value::String(text) => Some(text.clone()),
            Value::Sequence(_) | Value::Mapping(_) => None,
        }
    }

    /// The text of a scalar fit for people: parameters and environment references are not filled in.
    #[must_use]
    pub fn shown(&self) -> String {
        match (&self.template, &self.value) {
            (Some(template), _) => echo(template),
            (None, Value::Sequence(_)) => "a list".to_owned(),
            (None, Value::Mapping(_)) => "a mapping".to_owned(),
            (None, _) => echo(&self.text().unwrap_or_default()),
        }
    }

    /// What it is, for messages.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self.value {
            Value::Null => "nothing",
            Value::Bool(_) => "a boolean",
            Value::Integer(_) => "an integer",
            Value::Float(..) => "a number",
            Value::String(_) => "text",
            Value::Sequence(_) => "a list",
            Value::Mapping(_) => "a mapping",
        }
    }

    /// The value of `key` in a mapping.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Self> {
        match &self.value {
            Value::Mapping(entries) => entries.iter().find(|(k, _)| k.name == key).map(|(_, node)| node),
            _ => None,
        }
    }

    /// The node at a path of keys and list positions, such as `model.segments[0].name`.
    #[must_use]
    pub fn at(&self, path: &str) -> Option<&Self> {
        let mut node = self;
        for step in steps(path) {
            node = match (&node.value, step.parse::<usize>()) {
                (Value::Sequence(items), Ok(position)) => items.get(position)?,
                _ => node.get(step)?,
            };
        }
        Some(node)
    }

    /// The tree as JSON, which is what types are read from.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        match &self.value {
            Value::Null => serde_json::Value::Null,
            Value::Bool(value) => (*value).into(),
            Value::Integer(value) => (*value).into(),
            Value::Float(value, _) => match whole(*value) {
                Some(integer) => integer.into(),
                None => (*value).into(),
            },
            Value::String(text) => text.as_str().into(),
            Value::Sequence(items) => items.iter().map(Self::to_json).collect(),
            Value::Mapping(entries) => entries.iter().map(|(key, node)| (key.name.clone(), node.to_json())).collect(),
        }
    }

    /// Number of nodes in the tree.
    pub(crate) fn size(&self) -> usize {
        1 + match &self.value {
            Value::Sequence(items) => items.iter().map(Self::size).sum(),
            Value::Mapping(entries) => entries.iter().map(|(_, node)| node.size()).sum(),
            _ => 0,
        }
    }

    /// Levels of mappings and sequences in the tree.
    pub(crate) fn height(&self) -> usize {
        match &self.value {
            Value::Sequence(items) => 1 + items.iter().map(Self::height).max().unwrap_or(0),
            Value::Mapping(entries) => 1 + entries.iter().map(|(_, node)| node.height()).max().unwrap_or(0),
            _ => 0,
        }
    }
}

/// The integer that a number equals, as JSON sees no difference between 5.0 and 5.
#[expect(clippy::cast_possible_truncation, reason = "whole and below 2^53")]
pub(crate) fn whole(number: f64) -> Option<i64> {
    (number.fract() == 0.0 && number.abs() < 9_007_199_254_740_992.0).then_some(number as i64)
}

/// The steps of a path such as `model.segments[0].name` or `model.segments.0.name`.
pub(crate) fn steps(path: &str) -> impl Iterator<Item = &str> {
    path.split(['.', '[', ']']).filter(|step| !step.is_empty())
}
