//! What is asked of a what-if, as scenarios: each the pipeline with a few values set.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use appraise_model::{DirichletDraws, IndexConfig, ModelConfig, SiblingWeights, fix_weights};
use serde_json::Value as Json;

use super::vary::{MOST_SCENARIOS, Vary};
use crate::spec::node::{Node, Value, steps};
use crate::spec::overrides::Overrides;
use crate::spec::problem::{Place, Problem, did_you_mean, echo};
use crate::spec::resolved::Pipeline;
use crate::spec::{Loaded, load_text, yaml};
use crate::stages;

/// The weights of the value index in the pipeline.
const WEIGHTS: [&str; 3] = ["model", "index", "weights"];
/// What is not recomputed in a scenario: nothing would change.
const NOT_SHOWN: [&str; 3] = ["groups", "strategies", "suppress"];

/// What is asked of a what-if.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    /// Texts `PATH=VALUES`; several make a grid.
    pub vary: Vec<String>,
    /// Whether a varied weight of the index is a share of its siblings', which keep their proportions.
    pub keep_proportions: bool,
    /// A file of named scenarios.
    pub file: Option<PathBuf>,
    /// Drawn weights of the index.
    pub draw: Option<Draw>,
}

/// Weights of the index, drawn around those of the pipeline.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Draw {
    /// How many scenarios.
    pub number: u32,
    /// How near to the pipeline's weights, above 0: the variance of a share w is w (1 − w) / (concentration + 1).
    pub concentration: f64,
    /// What the draws begin with.
    pub seed: u64,
}

/// A scenario: the pipeline with some values set.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// From 1.
    pub number: u32,
    /// Its name.
    pub name: String,
    /// Texts `path=value`, as `--set` takes them.
    pub sets: Vec<String>,
    /// What they change.
    pub(super) change: Change,
}

/// What a scenario changes.
#[derive(Debug, Clone)]
pub(super) enum Change {
    /// The weights of the index, or how they are joined with the data's.
    Weights(Box<IndexConfig>),
    /// Other parameters of models.
    Models(Box<ModelConfig>),
}

/// Why there are no scenarios.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ScenarioError {
    /// The options can't be understood.
    Usage {
        /// What is wrong.
        message: String,
        /// What to do about it.
        hint: String,
    },
    /// A scenario, or the file of scenarios, is not valid.
    Problems(Vec<Problem>),
}

fn usage(message: impl Into<String>, hint: &str) -> ScenarioError {
    ScenarioError::Usage { message: message.into(), hint: hint.to_owned() }
}

/// A scenario before the pipeline was loaded with it.
struct Written {
    name: String,
    sets: Vec<String>,
    /// The index that loading would give, where that is known.
    index: Option<IndexConfig>,
}

/// The models that scenarios are asked for: without what is not shown of them.
pub(super) fn models(pipeline: &Pipeline) -> Option<ModelConfig> {
    let config = stages::model(pipeline)?;
    Some(ModelConfig { groups: Vec::new(), strategies: Vec::new(), suppress: Vec::new(), ..config })
}

/// The scenarios of `asked` over the pipeline file at `path`, which is `base` with `overrides`: those that are varied, those of the
/// file, those that are drawn.
///
/// # Errors
/// What is wrong with the options, or all problems of the first scenario that is no valid pipeline.
pub fn scenarios(
    path: &Path,
    overrides: &Overrides,
    base: &Loaded,
    asked: &Asked,
) -> Result<Vec<Scenario>, ScenarioError> {
    let mut written = grid(asked, &base.pipeline)?;
    if let Some(file) = &asked.file {
        written.extend(named(file).map_err(|problem| ScenarioError::Problems(vec![problem]))?);
    }
    if let Some(draw) = &asked.draw {
        written.extend(drawn(draw, &base.pipeline)?);
    }
    if written.is_empty() {
        let hint = "give --vary PATH=VALUES, --scenarios FILE or --draw dirichlet";
        return Err(usage("no scenario is asked for", hint));
    }
    if written.len() > MOST_SCENARIOS {
        let message = format!("{} scenarios are asked for, at most {MOST_SCENARIOS} are compared", written.len());
        return Err(usage(message, "vary fewer values, or draw fewer scenarios"));
    }
    let file: Arc<str> = path.to_string_lossy().into();
    let text = yaml::read(path, &file).map_err(|problem| ScenarioError::Problems(vec![problem]))?;
    let of_base = apart_from_weights(&base.pipeline);
    let folder = path.parent().unwrap_or(Path::new(""));
    let scenario = |(number, Written { name, sets, index }): (u32, Written)| {
        if let Some(index) = index {
            return Ok(Scenario { number, name, sets, change: Change::Weights(Box::new(index)) });
        }
        sets.iter().try_for_each(|set| check_path(set, &name))?;
        let sets_of_all = overrides.sets.iter().chain(&sets).cloned().collect();
        let overrides = Overrides { sets: sets_of_all, ..overrides.clone() };
        let loaded = load_text(&file, &text, folder, &overrides).map_err(|problems| of_scenario(&name, problems))?;
        Ok(Scenario { number, name, sets, change: change(&loaded.pipeline, &of_base)? })
    };
    (1..).zip(written).map(scenario).collect()
}

/// The problems of a scenario, with its name.
fn of_scenario(name: &str, problems: Vec<Problem>) -> ScenarioError {
    let named = |problem: Problem| {
        let file = format!("scenario `{}`: {}", echo(name), problem.place.file).into();
        Problem { place: Place { file, ..problem.place }, ..problem }
    };
    ScenarioError::Problems(problems.into_iter().map(named).collect())
}

/// Refuses a path that no scenario may set.
fn check_path(set: &str, name: &str) -> Result<(), ScenarioError> {
    let path = set.split_once('=').map_or(set, |(path, _)| path).trim();
    let steps: Vec<&str> = steps(path).collect();
    let message = |why: &str| format!("scenario `{}` sets `{}`: {why}", echo(name), echo(path));
    match steps.as_slice() {
        ["model", of, ..] if NOT_SHOWN.contains(of) => {
            let why = format!("a what-if does not look at `model.{of}`");
            Err(usage(message(&why), "run with --set instead, and compare the tables"))
        }
        ["model", _, ..] => Ok(()),
        _ => {
            let hint = "set a path below `model.`; for others, which change the data, run with --set instead";
            Err(usage(message("a what-if changes parameters of `model` alone"), hint))
        }
    }
}

/// What decides the models of a pipeline, but for the weights of the index and how they are joined.
fn apart_from_weights(pipeline: &Pipeline) -> Json {
    let mut model = pipeline.semantic()["model"].take();
    if let Some(index) = model.get_mut("index").and_then(Json::as_object_mut) {
        index.remove("weights");
        if let Some(objective) = index.get_mut("objective").and_then(Json::as_object_mut) {
            objective.remove("combine");
            objective.remove("alpha");
        }
    }
    model
}

fn change(pipeline: &Pipeline, of_base: &Json) -> Result<Change, ScenarioError> {
    let Some(config) = models(pipeline) else {
        return Err(usage("the pipeline has no `model`", "give it models that scenarios can change"));
    };
    match &config.index {
        Some(index) if apart_from_weights(pipeline) == *of_base => Ok(Change::Weights(Box::new(index.clone()))),
        _ => Ok(Change::Models(Box::new(config))),
    }
}

/// The scenarios of a file: `scenarios:` with names, each a mapping of paths to values.
fn named(path: &Path) -> Result<Vec<Written>, Problem> {
    let file: Arc<str> = path.to_string_lossy().into();
    let tree = yaml::parse(&file, &yaml::read(path, &file)?)?;
    let refuse = |node: &Node, path: &str, message: String| {
        Err(Problem::new(&node.place, path, message).with_hint("write `scenarios: { name: { model.rfm.bins: 10 } }`"))
    };
    let Value::Mapping(top) = &tree.value else {
        return refuse(&tree, "", format!("expected a mapping with `scenarios`, found {}", tree.kind()));
    };
    if let Some((key, _)) = top.iter().find(|(key, _)| key.name != "scenarios") {
        let message = format!("unknown key `{}`", echo(&key.name));
        let problem = Problem::new(&key.place, &key.name, message);
        return Err(Problem { hint: did_you_mean(&key.name, &["scenarios"]), ..problem });
    }
    let Some(Value::Mapping(scenarios)) = tree.get("scenarios").map(|node| &node.value) else {
        return refuse(&tree, "scenarios", "expected a mapping of scenarios by their names".to_owned());
    };
    let mut all = Vec::new();
    for (key, node) in scenarios {
        let path = format!("scenarios.{}", echo(&key.name));
        match &node.value {
            Value::Mapping(values) if !values.is_empty() => {
                let sets = values.iter().map(|(path, value)| format!("{}={}", path.name, set_text(value)));
                all.push(Written { name: key.name.clone(), sets: sets.collect(), index: None });
            }
            _ => return refuse(node, &path, format!("expected a mapping of paths to values, found {}", node.kind())),
        }
    }
    Ok(all)
}

/// A value as `--set` takes it.
fn set_text(node: &Node) -> String {
    match node.text() {
        Some(text) if node.plain || !matches!(node.value, Value::String(_)) => text,
        _ => node.to_json().to_string(),
    }
}

/// All combinations of the varied values; the last path varies fastest.
fn grid(asked: &Asked, base: &Pipeline) -> Result<Vec<Written>, ScenarioError> {
    if asked.vary.is_empty() {
        return Ok(Vec::new());
    }
    let read = |text: &String| {
        let hint = "such as --vary model.index.weights.loyalty=10..30/5 or --vary model.clv.margin=20%,30%";
        Vary::parse(text).map_err(|why| usage(format!("--vary `{}`: {why}", echo(text)), hint))
    };
    let varied = asked.vary.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    for (position, vary) in varied.iter().enumerate() {
        if varied[..position].iter().any(|other| steps(&other.path).eq(steps(&vary.path))) {
            let message = format!("--vary `{}` is given twice", echo(&vary.path));
            return Err(usage(message, "give all values of a path at once, with commas between"));
        }
    }
    let number = varied.iter().try_fold(1_usize, |number, vary| number.checked_mul(vary.values.len()));
    let Some(number) = number.filter(|number| *number <= MOST_SCENARIOS) else {
        let message = format!("--vary makes a grid of more than {MOST_SCENARIOS} scenarios");
        return Err(usage(message, "vary fewer values, or take larger steps"));
    };
    if asked.keep_proportions && !varied.iter().any(|vary| weight_name(&vary.path).is_some()) {
        let message = "--keep proportions is for weights of the index, and none is varied";
        return Err(usage(message, "vary `model.index.weights.NAME`, or leave --keep out"));
    }
    (0..number).map(|place| combination(&varied, place, asked.keep_proportions, base)).collect()
}

/// Number `place` of the combinations of `varied`.
fn combination(varied: &[Vary], mut place: usize, keep: bool, base: &Pipeline) -> Result<Written, ScenarioError> {
    let mut chosen: Vec<(&str, &str)> = Vec::with_capacity(varied.len());
    for Vary { path, values } in varied.iter().rev() {
        chosen.push((path, &values[place % values.len()]));
        place /= values.len();
    }
    chosen.reverse();
    let shown = |(path, value): &(&str, &str)| format!("{}={value}", path.strip_prefix("model.").unwrap_or(path));
    let name = chosen.iter().map(shown).collect::<Vec<_>>().join(", ");
    let (weights, others): (Vec<_>, Vec<_>) =
        chosen.into_iter().partition(|(path, _)| keep && weight_name(path).is_some());
    let mut sets: Vec<String> = others.iter().map(|(path, value)| format!("{path}={value}")).collect();
    if !weights.is_empty() {
        sets.extend(kept_proportions(&weights, base)?);
    }
    Ok(Written { name, sets, index: None })
}

/// The name of the weight that a path sets; `None` of other paths.
fn weight_name(path: &str) -> Option<&str> {
    let mut steps = steps(path);
    let name = WEIGHTS.iter().all(|step| steps.next() == Some(step)).then(|| steps.next())??;
    steps.next().is_none().then_some(name)
}

fn weight_set(name: &str, weight: f64) -> String {
    format!("{}.{name}={weight}", WEIGHTS.join("."))
}

/// Siblings of the index: their names and weights, which sum to 1.
struct Siblings {
    names: Vec<String>,
    weights: Vec<f64>,
}

/// All siblings of the index of `base`: the groups, then the indicators of each.
fn siblings(base: &Pipeline) -> Result<Vec<Siblings>, ScenarioError> {
    let Some(index) = &base.model.index else {
        return Err(usage(
            "the pipeline has no `model.index`, whose weights could vary",
            "vary other paths of `model`",
        ));
    };
    let groups = index.groups.iter().map(|group| group.name.clone()).collect();
    let mut all = vec![of_siblings("groups", groups, &index.group_weights)?];
    for group in &index.groups {
        let names = group.indicators.iter().map(|of| of.column.clone()).collect();
        all.push(of_siblings(&group.name, names, &group.weights)?);
    }
    Ok(all)
}

fn of_siblings(of: &str, names: Vec<String>, weights: &SiblingWeights) -> Result<Siblings, ScenarioError> {
    if matches!(weights, SiblingWeights::Judged { .. }) {
        let message = format!("the weights of `{of}` come from judgements (`model.index.ahp`): they can't be set");
        return Err(usage(message, "take the judgements out, and write the weights that they gave"));
    }
    match weights.weights(names.len()) {
        Ok((weights, _)) => Ok(Siblings { names, weights }),
        Err(error) => Err(usage(format!("the weights of `{of}`: {error}"), "give weights that are not all 0")),
    }
}

/// The settings by which `chosen` weights are shares of their siblings', and the others keep their proportions.
fn kept_proportions(chosen: &[(&str, &str)], base: &Pipeline) -> Result<Vec<String>, ScenarioError> {
    let all = siblings(base)?;
    for (path, _) in chosen {
        let name = weight_name(path).unwrap_or_default();
        if !all.iter().any(|of| of.names.iter().any(|sibling| sibling == name)) {
            let names: Vec<&str> = all.iter().flat_map(|of| of.names.iter().map(String::as_str)).collect();
            let hint = did_you_mean(name, &names).unwrap_or_else(|| "name a group or column of the tree".to_owned());
            return Err(usage(format!("--vary `{}`: `{}` is not in the tree", echo(path), echo(name)), &hint));
        }
    }
    let mut sets = Vec::new();
    for Siblings { names, weights } in all {
        let mut targets = Vec::new();
        for (path, value) in chosen {
            let Some(position) = names.iter().position(|name| Some(name.as_str()) == weight_name(path)) else {
                continue;
            };
            let share = value.parse::<f64>().ok().filter(|share| (0.0..=1.0).contains(share));
            let Some(share) = share else {
                let message = format!("--vary `{}`: `{}` is no share", echo(path), echo(value));
                return Err(usage(message, "with --keep proportions a weight is a number from 0 to 1"));
            };
            targets.push((position, share));
        }
        if targets.is_empty() {
            continue;
        }
        let fixed = fix_weights(&weights, &targets).map_err(|error| {
            let of: Vec<&str> = targets.iter().map(|(position, _)| names[*position].as_str()).collect();
            usage(format!("--vary weights of {}: {error}", of.join(", ")), "take shares that leave some for the others")
        })?;
        sets.extend(names.iter().zip(fixed).map(|(name, weight)| weight_set(name, weight)));
    }
    Ok(sets)
}

/// The drawn scenarios: in each, the weights of all siblings are from a Dirichlet distribution around those of `base`.
fn drawn(draw: &Draw, base: &Pipeline) -> Result<Vec<Written>, ScenarioError> {
    let siblings = siblings(base)?;
    if siblings.iter().all(|of| of.names.len() == 1) {
        return Err(usage("the index has one indicator: there are no weights to draw", "vary other paths of `model`"));
    }
    let scenario = |number: u32| {
        let mut draws = DirichletDraws::new(draw.seed, number.into());
        let mut index = base.model.index.clone();
        let mut sets = Vec::new();
        for (place, Siblings { names, weights }) in siblings.iter().enumerate().filter(|(_, of)| of.names.len() > 1) {
            let alphas: Vec<f64> = weights.iter().map(|weight| draw.concentration * weight).collect();
            let shares = draws.draw(&alphas);
            sets.extend(names.iter().zip(&shares).map(|(name, weight)| weight_set(name, *weight)));
            if let Some(index) = &mut index {
                let of = match place.checked_sub(1) {
                    Some(group) => &mut index.groups[group].weights,
                    None => &mut index.group_weights,
                };
                *of = SiblingWeights::Manual(shares);
            }
        }
        Written { name: format!("draw {number}"), sets, index }
    };
    Ok((1..=draw.number).map(scenario).collect())
}
