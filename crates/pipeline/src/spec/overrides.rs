//! What the command line changes in a pipeline file: `--params FILE` and `--set path.to.key=value`.

use std::path::PathBuf;
use std::sync::Arc;

use appraise_schema::AsOf;

use super::node::{Key, Node, Value, steps};
use super::problem::{Place, Problem, did_you_mean, echo};
use super::schema::json_schema;
use super::structure::schema_at;
use super::yaml;

/// What the caller gives beside the pipeline file.
#[derive(Debug, Clone)]
pub struct Overrides {
    /// The date of the run, which `${as_of}` stands for. Without one a stand-in takes its place: enough to validate.
    pub as_of: Option<AsOf>,
    /// A YAML mapping of parameters.
    pub params_file: Option<PathBuf>,
    /// Texts `path.to.key=value`; later ones win.
    pub sets: Vec<String>,
    /// The root of the published tables, relative to the working folder.
    pub output: Option<PathBuf>,
    /// Reads an environment variable.
    pub environment: fn(&str) -> Option<String>,
}

impl Default for Overrides {
    fn default() -> Self {
        Self {
            as_of: None,
            params_file: None,
            sets: Vec::new(),
            output: None,
            environment: |name| std::env::var(name).ok(),
        }
    }
}

/// Applies the overrides to the tree of the file; later sources win.
pub(crate) fn apply(tree: &mut Node, overrides: &Overrides) -> Vec<Problem> {
    let declared: Vec<String> = match tree.get("params").map(|params| &params.value) {
        Some(Value::Mapping(entries)) => entries.iter().map(|(key, _)| key.name.clone()).collect(),
        _ => Vec::new(),
    };
    let mut problems = Vec::new();
    if let Some(path) = &overrides.params_file {
        let file: Arc<str> = path.to_string_lossy().into();
        match yaml::read(path, &file).and_then(|text| yaml::parse(&file, &text)) {
            Ok(params) => problems.extend(apply_params(tree, params, &declared)),
            Err(problem) => problems.push(problem),
        }
    }
    for text in &overrides.sets {
        problems.extend(apply_set(tree, text, &declared).err());
    }
    problems
}

fn apply_params(tree: &mut Node, params: Node, declared: &[String]) -> Vec<Problem> {
    let place = params.place.clone();
    let Value::Mapping(entries) = params.value else {
        return vec![Problem::new(&place, "", format!("a file of parameters is a mapping, not {}", params.kind()))];
    };
    let mut problems = Vec::new();
    for (key, value) in entries {
        match undeclared(&key.name, declared) {
            Some(hint) => {
                let message =
                    format!("parameter `{}` is not declared in `params` of the pipeline file", echo(&key.name));
                problems.push(Problem { hint: Some(hint), ..Problem::new(&key.place, &key.name, message) });
            }
            None => insert(tree, &["params", &key.name], value),
        }
    }
    problems
}

/// The hint for a parameter that the file does not declare.
fn undeclared(name: &str, declared: &[String]) -> Option<String> {
    if declared.iter().any(|known| known == name) {
        return None;
    }
    let known: Vec<&str> = declared.iter().map(String::as_str).collect();
    Some(did_you_mean(name, &known).unwrap_or_else(|| "declare it with a default".to_owned()))
}

fn apply_set(tree: &mut Node, text: &str, declared: &[String]) -> Result<(), Problem> {
    let (path, value) = text.split_once('=').unwrap_or((text, ""));
    let path = path.trim();
    let file: Arc<str> = format!("--set {}", echo(path)).into();
    let place = Place::whole(&file);
    let steps: Vec<&str> = steps(path).collect();
    if !text.contains('=') || steps.is_empty() {
        return Err(
            Problem::new(&place, "", "expected `path.to.key=value`").with_hint("such as `--set model.rfm.bins=10`")
        );
    }
    if let ["params", name] = steps.as_slice()
        && let Some(hint) = undeclared(name, declared)
    {
        let message = format!("parameter `{}` is not declared in `params` of the pipeline file", echo(name));
        return Err(Problem::new(&place, path, message).with_hint(hint));
    }
    if let Err((position, known)) = schema_at(json_schema(), &steps) {
        let unknown = steps[position];
        let hint = did_you_mean(unknown, &known);
        return Err(Problem { hint, ..Problem::new(&place, path, format!("unknown key `{}`", echo(unknown))) });
    }
    let value = set_value(&file, value).map_err(|problem| Problem { path: path.to_owned(), ..problem })?;
    check_reach(tree, &steps, &place, path)?;
    insert(tree, &steps, value);
    Ok(())
}

/// A value of `--set`: YAML in flow style, or else text as it stands, so that SQL needs no second quoting.
fn set_value(file: &Arc<str>, text: &str) -> Result<Node, Problem> {
    let place = Place::whole(file);
    let trimmed = text.trim();
    if !trimmed.starts_with(['[', '{', '"', '\'']) {
        return Ok(Node::new(yaml::plain_value(trimmed, &place)?, place));
    }
    match yaml::parse(file, trimmed) {
        Ok(mut node) => {
            replace_place(&mut node, &place);
            Ok(node)
        }
        // `'a' = b` begins like quoted YAML and is SQL.
        Err(_) if trimmed.starts_with(['"', '\'']) => Ok(Node::new(Value::String(trimmed.to_owned()), place)),
        Err(problem) => Err(Problem { place, ..problem }),
    }
}

fn replace_place(node: &mut Node, place: &Place) {
    node.place = place.clone();
    node.plain = false;
    match &mut node.value {
        Value::Mapping(entries) => {
            for (key, value) in entries {
                key.place = place.clone();
                replace_place(value, place);
            }
        }
        Value::Sequence(items) => items.iter_mut().for_each(|item| replace_place(item, place)),
        _ => {}
    }
}

/// Refuses list positions beyond the end; other steps can be made.
fn check_reach(tree: &Node, steps: &[&str], place: &Place, path: &str) -> Result<(), Problem> {
    let mut node = Some(tree);
    for step in steps {
        let Some(here) = node else {
            if step.parse::<usize>().is_ok() {
                return Err(Problem::new(place, path, "there is no list here yet").with_hint("set the whole list"));
            }
            continue;
        };
        node = match (&here.value, step.parse::<usize>()) {
            (Value::Sequence(items), Ok(position)) if position < items.len() => items.get(position),
            (Value::Sequence(items), _) => {
                let message =
                    format!("`{}` is not a position of a list of {}: they begin with 0", echo(step), items.len());
                return Err(Problem::new(place, path, message));
            }
            _ => here.get(step),
        };
    }
    Ok(())
}

/// Puts `value` at `steps`, replacing what is there; makes the mappings on the way.
fn insert(node: &mut Node, steps: &[&str], value: Node) {
    let Some((step, rest)) = steps.split_first() else {
        *node = value;
        return;
    };
    if let Value::Sequence(items) = &mut node.value {
        if let Some(item) = step.parse::<usize>().ok().and_then(|position| items.get_mut(position)) {
            insert(item, rest, value);
        }
        return;
    }
    if !matches!(node.value, Value::Mapping(_)) {
        *node = Node::new(Value::Mapping(Vec::new()), value.place.clone());
    }
    let Value::Mapping(entries) = &mut node.value else { return };
    if let Some((_, below)) = entries.iter_mut().find(|(key, _)| key.name == *step) {
        return insert(below, rest, value);
    }
    let key = Key { name: (*step).to_owned(), place: value.place.clone() };
    let mut below = Node::new(Value::Null, value.place.clone());
    insert(&mut below, rest, value);
    entries.push((key, below));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(file: &str, sets: &[&str]) -> (Node, Vec<String>) {
        let mut tree = yaml::parse(&Arc::from("t"), file).unwrap();
        let overrides = Overrides { sets: sets.iter().map(ToString::to_string).collect(), ..Overrides::default() };
        let problems = apply(&mut tree, &overrides);
        (tree, problems.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn values_are_scalars_flow_yaml_or_sql() {
        let (tree, problems) = set(
            "name: x\nmodel: {segments: [{name: a, when: b}]}\nparams: {n: 1}\n",
            &[
                "model.rfm.bins=10",
                "features.windows=[7d, 14d]",
                "sources.transactions.where='a' = b AND c = 'x=y'",
                "model.segments.0.when=orders > 1",
                "params.n='5'",
                "export.path=",
                "name=y",
                "name=z",
            ],
        );
        assert_eq!(problems, Vec::<String>::new());
        let json = tree.to_json();
        assert_eq!(json["model"]["rfm"]["bins"], 10);
        assert_eq!(json["features"]["windows"], serde_json::json!(["7d", "14d"]));
        assert_eq!(json["sources"]["transactions"]["where"], "'a' = b AND c = 'x=y'");
        assert_eq!(json["model"]["segments"], serde_json::json!([{"name": "a", "when": "orders > 1"}]));
        assert_eq!(json["params"]["n"], "5");
        assert_eq!(json["export"]["path"], serde_json::Value::Null);
        assert_eq!(json["name"], "z");
        assert_eq!(tree.get("name").unwrap().place.to_string(), "--set name");
    }

    #[test]
    fn unknown_paths_are_refused_with_advice() {
        let (_, problems) = set(
            "params: {dumps: x}\nmodel: {segments: []}\n",
            &[
                "model.rmf.bins=10",
                "params.dump=y",
                "model.rfm",
                "=3",
                "model.segments[3].name=x",
                "features.windows[0]=7d",
            ],
        );
        assert_eq!(
            problems,
            [
                "--set model.rmf.bins: model.rmf.bins: unknown key `rmf`\n  hint: did you mean `rfm`?",
                "--set params.dump: params.dump: parameter `dump` is not declared in `params` of the pipeline file\n  hint: did you mean `dumps`?",
                "--set model.rfm: expected `path.to.key=value`\n  hint: such as `--set model.rfm.bins=10`",
                "--set : expected `path.to.key=value`\n  hint: such as `--set model.rfm.bins=10`",
                "--set model.segments[3].name: model.segments[3].name: `3` is not a position of a list of 0: they begin with 0",
                "--set features.windows[0]: features.windows[0]: there is no list here yet\n  hint: set the whole list",
            ]
        );
    }

    #[test]
    fn a_params_file_changes_declared_parameters_only() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("night.yaml");
        std::fs::write(&path, "dumps: /elsewhere\nnope: 1\n").unwrap();
        let mut tree = yaml::parse(&Arc::from("t"), "params: {dumps: x}").unwrap();
        let overrides = Overrides { params_file: Some(path.clone()), ..Overrides::default() };
        let problems = apply(&mut tree, &overrides);
        assert_eq!(problems.len(), 1);
        assert!(problems[0].to_string().starts_with(&format!("{}:2:1: nope: parameter", path.display())));
        assert_eq!(tree.at("params.dumps").unwrap().place.to_string(), format!("{}:1:8", path.display()));
    }
}
