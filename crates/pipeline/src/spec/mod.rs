//! The pipeline file, from text to a valid [`Pipeline`].
//!
//! A file is parsed to a located tree ([`yaml`]); overrides and parameters change the tree; the tree is checked
//! against the JSON Schema of the types ([`structure`]), so that every error is found at once and at its place; then
//! the types are read from it and resolved, which fills in defaults and checks what holds between values.

mod built;
mod checks;
mod classes;
mod expression;
mod format;
pub mod index_text;
pub(crate) mod node;
pub mod overrides;
mod params;
mod print;
pub mod problem;
mod resolve;
pub mod resolved;
pub mod scalars;
pub mod schema;
mod scores;
pub mod secrets;
mod semantic;
pub mod structure;
#[cfg(test)]
mod tests;
pub mod types;
pub mod yaml;

use std::path::Path;
use std::sync::Arc;

use node::Node;
pub use overrides::Overrides;
pub use problem::{Place, Problem};
pub use resolved::Pipeline;
pub use schema::{json_schema, json_schema_text};
use secrets::Secrets;

/// Most problems that are reported of one file.
const MAX_PROBLEMS: usize = 100;
/// Stands for `${as_of}` where no date is given: enough to validate, never to run.
const STAND_IN_DATE: &str = "9999-12-31";

/// A pipeline that was loaded and is valid.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The pipeline.
    pub pipeline: Pipeline,
    /// What it was read from: overrides applied, parameters filled in.
    tree: Node,
    secrets: Secrets,
}

impl Loaded {
    /// `text` with the values of environment references masked: for whatever is printed or logged.
    #[must_use]
    pub fn mask(&self, text: &str) -> String {
        self.secrets.mask(text)
    }

    /// The resolved pipeline as YAML, each value with its origin as a comment; environment values are masked.
    #[must_use]
    pub fn resolved_yaml(&self) -> String {
        print::yaml(&self.pipeline, &self.tree, &self.secrets)
    }

    /// The resolved pipeline as JSON; environment values are masked.
    #[must_use]
    pub fn resolved_json(&self) -> serde_json::Value {
        print::json(&self.pipeline, &self.tree, &self.secrets)
    }
}

/// Loads the pipeline file at `path`.
///
/// # Errors
/// Everything that is wrong with it, in the order of the file.
pub fn load(path: &Path, overrides: &Overrides) -> Result<Loaded, Vec<Problem>> {
    let file: Arc<str> = path.to_string_lossy().into();
    let text = yaml::read(path, &file).map_err(|problem| vec![problem])?;
    load_text(&file, &text, path.parent().unwrap_or(Path::new("")), overrides)
}

/// Loads a pipeline from `text`; `file` names it in problems, and relative paths begin at `folder`.
///
/// # Errors
/// Everything that is wrong with it, in the order of the file.
pub fn load_text(file: &Arc<str>, text: &str, folder: &Path, overrides: &Overrides) -> Result<Loaded, Vec<Problem>> {
    let mut tree = yaml::parse(file, text).map_err(|problem| vec![problem])?;
    let mut problems = overrides::apply(&mut tree, overrides);
    let mut secrets = Secrets::default();
    secrets::find(&tree, "", &mut secrets, &mut problems);
    let as_of = overrides.as_of.map_or_else(|| STAND_IN_DATE.to_owned(), |as_of| as_of.to_string());
    let scope = params::Scope { as_of: &as_of, environment: overrides.environment };
    problems.extend(params::substitute(&mut tree, &scope, &mut secrets));
    let known: Vec<String> =
        problems.iter().map(|problem| problem.path.clone()).filter(|path| !path.is_empty()).collect();
    problems
        .extend(structure::check(json_schema(), &tree).into_iter().filter(|problem| !known.contains(&problem.path)));
    if problems.is_empty() {
        match read_types(&tree, folder, overrides) {
            Ok(pipeline) => return Ok(Loaded { pipeline, tree, secrets }),
            Err(found) => problems = found,
        }
    }
    Err(in_order(problems, file, &secrets))
}

fn read_types(tree: &Node, folder: &Path, overrides: &Overrides) -> Result<Pipeline, Vec<Problem>> {
    let spec: types::Spec = serde_json::from_value(tree.to_json())
        .map_err(|error| vec![Problem::new(&tree.place, "", error.to_string())])?;
    resolve::resolve(&spec, tree, folder, overrides.output.as_ref())
}

/// Sorts by place, the file's own problems first, masks secrets, and cuts what nobody would read.
fn in_order(mut problems: Vec<Problem>, file: &Arc<str>, secrets: &Secrets) -> Vec<Problem> {
    problems.sort_by(|a, b| (a.place.file != *file, &a.place).cmp(&(b.place.file != *file, &b.place)));
    problems.dedup();
    if problems.len() > MAX_PROBLEMS {
        let more = problems.len() - MAX_PROBLEMS;
        problems.truncate(MAX_PROBLEMS);
        problems.push(Problem::new(&Place::whole(file), "", format!("and {more} more problems")));
    }
    problems.into_iter().map(|problem| secrets.mask_problem(problem)).collect()
}
