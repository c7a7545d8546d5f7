//! Checks a located tree against the JSON Schema: all structural errors at once, each at its place.
//!
//! This knows the part of JSON Schema that the schema of the pipeline file uses. What a schema of ours says, an
//! editor checks while the file is written, and this checks again with better words.

use serde_json::{Map, Value as Json};

use super::node::{Key, Node, Value, whole};
use super::problem::{Problem, did_you_mean, join};
use super::scalars::SHAPES;

/// Checks `node` against the whole schema `root`.
#[must_use]
pub fn check(root: &Json, node: &Node) -> Vec<Problem> {
    let mut walk = Walk { root, problems: Vec::new() };
    walk.node(root, node, "");
    walk.problems
}

/// The schema at a path of keys and list positions; `Err` holds the unknown step and the names known there.
pub(crate) fn schema_at<'s>(root: &'s Json, path: &[&str]) -> Result<&'s Json, (usize, Vec<&'s str>)> {
    let mut schema = resolve(root, root);
    for (position, step) in path.iter().enumerate() {
        let found = alternatives(root, schema).into_iter().find_map(|branch| child(branch, step));
        match found {
            Some(next) => schema = resolve(root, next),
            None => return Err((position, known_names(root, schema))),
        }
    }
    Ok(schema)
}

fn child<'s>(schema: &'s Json, step: &str) -> Option<&'s Json> {
    if step.parse::<usize>().is_ok()
        && let Some(items) = schema.get("items")
    {
        return Some(items);
    }
    schema.get("properties").and_then(|properties| properties.get(step)).or_else(|| open_entry(schema))
}

/// The schema of entries with free names, such as parameters.
fn open_entry(schema: &Json) -> Option<&Json> {
    let by_pattern =
        schema.get("patternProperties").and_then(Json::as_object).and_then(|object| object.values().next());
    by_pattern.or_else(|| schema.get("additionalProperties").filter(|entry| entry.is_object()))
}

fn known_names<'s>(root: &'s Json, schema: &'s Json) -> Vec<&'s str> {
    alternatives(root, schema)
        .into_iter()
        .filter_map(|branch| branch.get("properties").and_then(Json::as_object))
        .flat_map(|properties| properties.keys().map(String::as_str))
        .collect()
}

/// Follows `$ref`.
fn resolve<'s>(root: &'s Json, schema: &'s Json) -> &'s Json {
    let mut schema = schema;
    while let Some(reference) = schema.get("$ref").and_then(Json::as_str) {
        match reference.strip_prefix('#').and_then(|pointer| root.pointer(pointer)) {
            Some(target) => schema = target,
            None => break,
        }
    }
    schema
}

/// The branches of `anyOf`, or the schema itself.
fn alternatives<'s>(root: &'s Json, schema: &'s Json) -> Vec<&'s Json> {
    match schema.get("anyOf").and_then(Json::as_array) {
        Some(branches) => branches.iter().map(|branch| resolve(root, branch)).collect(),
        None => vec![schema],
    }
}

struct Walk<'s> {
    root: &'s Json,
    problems: Vec<Problem>,
}

impl<'s> Walk<'s> {
    fn report(&mut self, node: &Node, path: &str, message: String) {
        self.problems.push(Problem::new(&node.place, path, message));
    }

    fn node(&mut self, schema: &'s Json, node: &Node, path: &str) {
        let schema = resolve(self.root, schema);
        if schema.get("anyOf").is_some() {
            return self.any_of(schema, node, path);
        }
        if let Some(problem) = choice_problem(schema, node, path) {
            self.problems.push(problem);
            return;
        }
        if let Some(expected) = schema.get("type").and_then(Json::as_str)
            && !has_type(node, expected)
        {
            self.problems.push(type_problem(node, path, type_name(expected)));
            return;
        }
        match &node.value {
            Value::Mapping(entries) => self.mapping(schema, node, entries, path),
            Value::Sequence(items) => self.sequence(schema, node, items, path),
            Value::String(text) => self.text(schema, node, text, path),
            Value::Integer(_) | Value::Float(..) => self.number(schema, node, path),
            Value::Null | Value::Bool(_) => {}
        }
    }

    /// Reports the errors of the branch that was most likely meant.
    fn any_of(&mut self, schema: &'s Json, node: &Node, path: &str) {
        let branches = alternatives(self.root, schema);
        let fitting: Vec<&Json> = branches.iter().copied().filter(|branch| type_fits(branch, node)).collect();
        let Some(meant) = fitting.iter().copied().rev().max_by_key(|branch| shared_keys(branch, node)) else {
            let mut names: Vec<&str> =
                branches.iter().filter_map(|branch| branch.get("type").and_then(Json::as_str)).map(type_name).collect();
            names.dedup();
            self.problems.push(type_problem(node, path, &names.join(" or ")));
            return;
        };
        self.node(meant, node, path);
    }

    fn mapping(&mut self, schema: &'s Json, node: &Node, entries: &[(Key, Node)], path: &str) {
        let empty = Map::new();
        let properties = schema.get("properties").and_then(Json::as_object).unwrap_or(&empty);
        let required = schema.get("required").and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_str);
        for name in required.filter(|name| node.get(name).is_none()) {
            self.report(node, path, format!("`{name}` is missing"));
        }
        if schema.get("minProperties").and_then(Json::as_u64).is_some_and(|least| (entries.len() as u64) < least) {
            self.report(node, path, "the mapping is empty".to_owned());
        }
        let pattern = schema.get("patternProperties").and_then(Json::as_object).and_then(|object| object.iter().next());
        for (key, value) in entries {
            let below = join(path, &super::problem::echo(&key.name));
            if let Some(property) = schema.get("properties").and_then(|all| all.get(&key.name)) {
                self.node(property, value, &below);
            } else if let Some((_, entry)) = pattern.filter(|(pattern, _)| matches(pattern, &key.name)) {
                self.node(entry, value, &below);
            } else {
                let names: Vec<&str> = properties.keys().map(String::as_str).collect();
                self.problems.push(unknown_key(key, &below, &names, pattern.map(|(pattern, _)| pattern.as_str())));
            }
        }
    }

    fn sequence(&mut self, schema: &'s Json, node: &Node, items: &[Node], path: &str) {
        if schema.get("minItems").and_then(Json::as_u64).is_some_and(|least| (items.len() as u64) < least) {
            self.report(node, path, "the list is empty".to_owned());
        }
        if let Some(most) = schema.get("maxItems").and_then(Json::as_u64).filter(|most| items.len() as u64 > *most) {
            self.report(node, path, format!("the list has {} entries, {most} at most", items.len()));
        }
        if let Some(entry) = schema.get("items") {
            for (position, item) in items.iter().enumerate() {
                self.node(entry, item, &format!("{path}[{position}]"));
            }
        }
    }

    fn text(&mut self, schema: &Json, node: &Node, text: &str, path: &str) {
        let pattern = schema.get("pattern").and_then(Json::as_str);
        if let Some(shape) = pattern.and_then(shape_of).filter(|shape| !(shape.matches)(text)) {
            self.report(node, path, format!("`{}` is not {}", node.shown(), shape.expected));
        } else if let Some(format) = schema.get("format").and_then(Json::as_str) {
            self.problems.extend(super::format::check(format, node, text, path));
        }
    }

    fn number(&mut self, schema: &Json, node: &Node, path: &str) {
        let value = match &node.value {
            Value::Integer(value) => *value as f64,
            Value::Float(value, _) => *value,
            _ => return,
        };
        let bound = |name| schema.get(name).and_then(Json::as_f64);
        let (least, most) = (bound("minimum"), bound("maximum"));
        if least.is_none_or(|least| value >= least) && most.is_none_or(|most| value <= most) {
            return;
        }
        let range = match (least, most) {
            (Some(least), Some(most)) => format!("from {least} to {most}"),
            (Some(least), None) => format!("at least {least}"),
            (None, Some(most)) => format!("at most {most}"),
            (None, None) => return,
        };
        let problem = Problem::new(&node.place, path, format!("`{}` is not {range}", node.shown()));
        let share = most == Some(1.0) && value > 1.0;
        self.problems.push(if share { problem.with_hint(format!("a share is written `{value}%`")) } else { problem });
    }
}

fn unknown_key(key: &Key, path: &str, names: &[&str], pattern: Option<&str>) -> Problem {
    let shown = super::problem::echo(&key.name);
    if let Some(shape) = pattern.and_then(shape_of) {
        return Problem::new(&key.place, path, format!("`{shown}` is not {}", shape.expected));
    }
    let hint = did_you_mean(&key.name, names);
    Problem { hint, ..Problem::new(&key.place, path, format!("unknown key `{shown}`")) }
}

fn shape_of(pattern: &str) -> Option<&'static super::scalars::Shape> {
    SHAPES.into_iter().find(|shape| shape.pattern == pattern)
}

fn matches(pattern: &str, text: &str) -> bool {
    shape_of(pattern).is_some_and(|shape| (shape.matches)(text))
}

/// The values of `enum`, `const`, or a `oneOf` of constants.
fn choices(schema: &Json) -> Option<Vec<&Json>> {
    if let Some(value) = schema.get("const") {
        return Some(vec![value]);
    }
    if let Some(values) = schema.get("enum").and_then(Json::as_array) {
        return Some(values.iter().collect());
    }
    let branches = schema.get("oneOf").and_then(Json::as_array)?;
    branches.iter().map(choices).collect::<Option<Vec<_>>>().map(|lists| lists.into_iter().flatten().collect())
}

fn choice_problem(schema: &Json, node: &Node, path: &str) -> Option<Problem> {
    let choices = choices(schema)?;
    if choices.contains(&&node.to_json()) {
        return None;
    }
    if path == "version" {
        let message =
            format!("version `{}` of the pipeline file is unknown: this program reads version 1", node.shown());
        return Some(Problem::new(&node.place, path, message));
    }
    let names: Vec<String> =
        choices.iter().map(|value| value.as_str().map_or(value.to_string(), str::to_owned)).collect();
    let known: Vec<&str> = names.iter().map(String::as_str).collect();
    let listed = known.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let message = match &node.value {
        Value::Mapping(_) | Value::Sequence(_) | Value::Null => {
            format!("expected one of {listed}, found {}", node.kind())
        }
        _ => format!("`{}` is not one of {listed}", node.shown()),
    };
    let hint = node.text().and_then(|text| {
        super::problem::closest(&text, known.iter().copied()).map(|name| format!("did you mean `{name}`?"))
    });
    Some(Problem { hint, ..Problem::new(&node.place, path, message) })
}

fn has_type(node: &Node, name: &str) -> bool {
    match (&node.value, name) {
        (Value::Null, "null")
        | (Value::Bool(_), "boolean")
        | (Value::Integer(_), "integer" | "number")
        | (Value::Float(..), "number")
        | (Value::String(_), "string")
        | (Value::Sequence(_), "array")
        | (Value::Mapping(_), "object") => true,
        (Value::Float(number, _), "integer") => whole(*number).is_some(),
        _ => false,
    }
}

fn type_fits(schema: &Json, node: &Node) -> bool {
    schema.get("type").and_then(Json::as_str).is_none_or(|name| has_type(node, name))
}

/// How many keys of a mapping a branch knows.
fn shared_keys(schema: &Json, node: &Node) -> usize {
    match (&node.value, schema.get("properties").and_then(Json::as_object)) {
        (Value::Mapping(entries), Some(properties)) => {
            entries.iter().filter(|(key, _)| properties.contains_key(&key.name)).count()
        }
        _ => 0,
    }
}

fn type_name(json: &str) -> &'static str {
    match json {
        "object" => "a mapping",
        "array" => "a list",
        "string" => "text",
        "integer" => "an integer",
        "number" => "a number",
        "boolean" => "a boolean",
        _ => "another type",
    }
}

fn type_problem(node: &Node, path: &str, expected: &str) -> Problem {
    let message = match &node.value {
        Value::Null | Value::Sequence(_) | Value::Mapping(_) => format!("expected {expected}, found {}", node.kind()),
        _ => format!("expected {expected}, found {} `{}`", node.kind(), node.shown()),
    };
    let problem = Problem::new(&node.place, path, message);
    match (&node.value, expected) {
        (Value::Null, "a mapping") => problem.with_hint("write `{}`, or leave the key out"),
        (Value::Null, _) => problem.with_hint("give a value, or leave the key out"),
        (Value::String(_), "a boolean") => problem.with_hint("write `true` or `false`"),
        (Value::Integer(_) | Value::Float(..) | Value::Bool(_), "text") => {
            problem.with_hint("quote it to make it text")
        }
        (Value::Mapping(_), "text") => problem.with_hint("text that holds `{` or `: ` must be quoted"),
        _ => problem,
    }
}
