//! What is kept for later runs, as it is written.

use schemars::JsonSchema;
use serde::Deserialize;

/// What is kept for later runs. None of it decides a result.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Cache")]
pub struct CacheSpec {
    /// Of how many runs the features and fitted models are kept, so that a run with other models, weights or rules need not read
    /// the inputs again; 0 keeps nothing. Default 1.
    #[schemars(range(min = 0, max = 100))]
    pub keep: Option<u8>,
}
