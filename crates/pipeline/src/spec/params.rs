//! Parameters: `${name}`, `${as_of}` and `${env:NAME}` in text scalars.

use std::collections::BTreeMap;

use super::node::{Node, Value};
use super::problem::{Place, Problem, did_you_mean, join};
use super::secrets::Secrets;

/// Most bytes that references may add to a file: parameters must not multiply like aliases.
const MAX_FILLED: usize = 4 << 20;

/// What references stand for.
pub(crate) struct Scope<'a> {
    /// The date of the run as text.
    pub(crate) as_of: &'a str,
    /// Reads an environment variable.
    pub(crate) environment: fn(&str) -> Option<String>,
}

/// Fills in every reference of the tree. Environment values are remembered in `secrets`.
pub(crate) fn substitute(tree: &mut Node, scope: &Scope<'_>, secrets: &mut Secrets) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut params = BTreeMap::new();
    let mut room = MAX_FILLED;
    let Value::Mapping(entries) = &mut tree.value else { return problems };
    for (key, node) in entries.iter_mut().filter(|(key, _)| key.name == "params") {
        let Value::Mapping(declared) = &mut node.value else { continue };
        for (name, value) in declared {
            let path = join(&key.name, &name.name);
            if name.name == "as_of" {
                let message = "`as_of` is the date of the run: it can't be a parameter of the file";
                problems.push(Problem::new(&name.place, &path, message));
            }
            let mut filler = Filler { params: None, scope, secrets, problems: &mut problems, room: &mut room };
            filler.node(value, &path);
            params.insert(name.name.clone(), value.clone());
        }
    }
    let mut filler = Filler { params: Some(&params), scope, secrets, problems: &mut problems, room: &mut room };
    for (key, node) in entries.iter_mut().filter(|(key, _)| key.name != "params") {
        filler.node(node, &key.name);
    }
    problems
}

struct Filler<'a> {
    /// The parameters; `None` within `params` itself, where none can be used.
    params: Option<&'a BTreeMap<String, Node>>,
    scope: &'a Scope<'a>,
    secrets: &'a mut Secrets,
    problems: &'a mut Vec<Problem>,
    /// Bytes that references may still add.
    room: &'a mut usize,
}

impl Filler<'_> {
    fn node(&mut self, node: &mut Node, path: &str) {
        match &mut node.value {
            Value::Mapping(entries) => {
                for (key, value) in entries {
                    self.node(value, &join(path, &key.name));
                }
            }
            Value::Sequence(items) => {
                for (position, item) in items.iter_mut().enumerate() {
                    self.node(item, &format!("{path}[{position}]"));
                }
            }
            Value::String(text) if text.contains("${") => {
                let text = text.clone();
                self.text(node, &text, path);
            }
            _ => {}
        }
    }

    fn text(&mut self, node: &mut Node, text: &str, path: &str) {
        node.template = Some(text.to_owned());
        if node.plain
            && let Some(value) = text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}'))
            && let Some(param) = self.params.and_then(|params| params.get(value))
        {
            node.value = param.value.clone();
            node.from_environment = param.from_environment;
        } else if let Some(filled) = self.fill(node, text, path) {
            node.value = Value::String(filled);
        }
        if node.from_environment && !takes_environment(path) {
            let message = "an environment reference can't decide results: it may stand in paths only";
            self.problems.push(
                Problem::new(&node.place, path, message).with_hint("write a parameter and change it with `--set`"),
            );
        }
    }

    /// `text` with every reference filled in; `None` when one is unknown.
    fn fill(&mut self, node: &mut Node, text: &str, path: &str) -> Option<String> {
        let mut out = String::new();
        let mut rest = text;
        let mut known = true;
        while let Some(at) = rest.find("${") {
            if let Some(before) = rest[..at].strip_suffix('$') {
                out.push_str(before);
                out.push_str("${");
                rest = &rest[at + 2..];
                continue;
            }
            out.push_str(&rest[..at]);
            let place = place_within(node, text, text.len() - rest.len() + at);
            let Some((name, after)) = rest[at + 2..].split_once('}') else {
                self.problems
                    .push(Problem::new(&place, path, "`${` without `}`").with_hint("write `$${` for the text `${`"));
                return None;
            };
            match self.value_of(node, name, path, &place) {
                Some(value) if value.len() <= *self.room => {
                    *self.room -= value.len();
                    out.push_str(&value);
                }
                Some(_) => {
                    *self.room = 0;
                    let message = format!("parameters add more than {MAX_FILLED} bytes to the file");
                    self.problems.push(Problem::new(&place, path, message));
                    return None;
                }
                None => known = false,
            }
            rest = after;
        }
        out.push_str(rest);
        known.then_some(out)
    }

    fn value_of(&mut self, node: &mut Node, name: &str, path: &str, place: &Place) -> Option<String> {
        if name == "as_of" {
            return Some(self.scope.as_of.to_owned());
        }
        if let Some(variable) = name.strip_prefix("env:") {
            node.from_environment = true;
            return self.variable(variable, path, place);
        }
        let Some(params) = self.params else {
            let message = format!("`${{{}}}`: a parameter can't refer to another", super::problem::echo(name));
            self.problems.push(Problem::new(place, path, message));
            return None;
        };
        if let Some(param) = params.get(name) {
            node.from_environment |= param.from_environment;
            return param.text();
        }
        let names: Vec<&str> = params.keys().map(String::as_str).chain(["as_of"]).collect();
        let message = format!("unknown parameter `{}`", super::problem::echo(name));
        self.problems.push(Problem { hint: did_you_mean(name, &names), ..Problem::new(place, path, message) });
        None
    }

    fn variable(&mut self, variable: &str, path: &str, place: &Place) -> Option<String> {
        let shown = super::problem::echo(variable);
        let well_formed = variable.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && variable.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        if !well_formed {
            self.problems.push(Problem::new(
                place,
                path,
                format!("`{shown}` is not the name of an environment variable"),
            ));
            return None;
        }
        let value = (self.scope.environment)(variable).filter(|value| !value.is_empty() && !value.contains('\0'));
        match &value {
            Some(value) => self.secrets.add(value, format!("${{env:{variable}}}")),
            None => {
                self.problems.push(Problem::new(place, path, format!("environment variable `{shown}` is not set")));
            }
        }
        value
    }
}

/// The place of a byte offset within a scalar.
fn place_within(node: &Node, text: &str, offset: usize) -> Place {
    let mut place = node.place.clone();
    if node.plain && place.line > 0 {
        place.column += text.get(..offset).map_or(0, |before| before.chars().count());
    }
    place
}

/// Whether a value may come from the environment: only paths, which decide no result.
fn takes_environment(path: &str) -> bool {
    let mut steps = super::node::steps(path);
    match (steps.next(), steps.next(), steps.next()) {
        (Some("params"), _, _) | (Some("export"), Some("path"), _) => true,
        (Some("sources" | "references"), _, field) => field == Some("path"),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::spec::yaml::parse;

    fn filled(text: &str) -> (Node, Vec<String>, Secrets) {
        let mut tree = parse(&Arc::from("t"), text).unwrap();
        let mut secrets = Secrets::default();
        let scope =
            Scope { as_of: "2024-01-31", environment: |name| (name == "BUCKET").then(|| "canary-bucket".to_owned()) };
        let problems = substitute(&mut tree, &scope, &mut secrets);
        (tree, problems.iter().map(ToString::to_string).collect(), secrets)
    }

    #[test]
    fn whole_scalars_take_the_type_and_parts_the_text() {
        let (tree, problems, _) = filled("params: {n: 3, x: 1.50}\na: ${n}\nb: '${n}'\nc: n${x}-${as_of}$${k}\n");
        assert_eq!(problems, Vec::<String>::new());
        assert_eq!(tree.get("a").unwrap().to_json(), 3);
        assert_eq!(tree.get("b").unwrap().to_json(), "3");
        assert_eq!(tree.get("c").unwrap().to_json(), "n1.50-2024-01-31${k}");
        assert_eq!(tree.get("c").unwrap().shown(), "n${x}-${as_of}$${k}");
    }

    #[test]
    fn unknown_references_are_placed_and_explained() {
        let (_, problems, _) = filled("params: {dumps: x}\na: abc/${dmps}/y\nb: ${open\nc: ${env:NOPE}\n");
        assert_eq!(
            problems,
            [
                "t:2:8: a: unknown parameter `dmps`\n  hint: did you mean `dumps`?",
                "t:3:4: b: `${` without `}`\n  hint: write `$${` for the text `${`",
                "t:4:4: c: environment variable `NOPE` is not set",
                "t:4:4: c: an environment reference can't decide results: it may stand in paths only\n  hint: write a parameter and change it with `--set`",
            ]
        );
    }

    #[test]
    fn environment_values_reach_paths_through_parameters_and_are_masked() {
        let (tree, problems, secrets) = filled("params: {b: '${env:BUCKET}'}\nexport: {path: '/${b}/x'}\nname: ${b}\n");
        assert_eq!(tree.at("export.path").unwrap().text().unwrap(), "/canary-bucket/x");
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(problems[0].starts_with("t:3:7: name: an environment reference"));
        assert_eq!(secrets.mask("in canary-bucket"), "in ${env:BUCKET}");
    }

    #[test]
    fn parameters_do_not_multiply_without_end() {
        let text = format!("params: {{x: {}}}\na: ['{}']\n", "y".repeat(60_000), "${x}".repeat(16_000));
        let (_, problems, _) = filled(&text);
        assert_eq!(problems, ["t:2:5: a[0]: parameters add more than 4194304 bytes to the file"]);
    }

    #[test]
    fn parameters_do_not_refer_to_each_other() {
        let (_, problems, _) = filled("params: {a: 1, b: '${a}', as_of: 2}\n");
        assert_eq!(problems.len(), 2, "{problems:?}");
    }
}
