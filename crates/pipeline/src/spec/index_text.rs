//! The value index and the clusters as they stand in the resolved pipeline.

use appraise_model::{
    ClusterCount, ClustersConfig, Combination, IndexConfig, IndexCustomers, Indicator, Missing, ObjectiveConfig,
    Ranking, SiblingWeights,
};
use serde_json::{Map, Value, json};

use super::node::whole;

/// The index as the pipeline file would have it, with nothing left to defaults.
pub(crate) fn index(config: &IndexConfig) -> Value {
    let mut tree = Map::new();
    let mut weights = Weights::default();
    for group in &config.groups {
        let columns: Vec<&str> = group.indicators.iter().map(|of| of.column.as_str()).collect();
        weights.add(&group.name, &columns, &group.weights);
        let indicators = group.indicators.iter().map(|of| (of.column.clone(), indicator(of)));
        tree.insert(group.name.clone(), Value::Object(indicators.collect()));
    }
    let groups: Vec<&str> = config.groups.iter().map(|group| group.name.as_str()).collect();
    weights.add("groups", &groups, &config.group_weights);
    let mut text = json!({
        "customers": customers(config.customers),
        "tree": tree,
        "bounds": config.bounds,
        "ranking": match config.ranking {
            Ranking::Saw => "saw",
            Ranking::Topsis => "topsis",
            Ranking::Vikor { .. } => "vikor",
            Ranking::Gra { .. } => "gra",
        },
    });
    if !weights.manual.is_empty() {
        text["weights"] = Value::Object(weights.manual);
    }
    if !weights.ahp.is_empty() {
        text["ahp"] = Value::Object(weights.ahp);
    }
    if let Some(of) = &config.objective {
        text["objective"] = objective(of);
    }
    if !config.tiers.is_empty() {
        text["tiers"] = config.tiers.iter().map(|(name, share)| (name.clone(), number(*share))).collect();
    }
    text
}

/// The clusters as the pipeline file would have them.
pub(crate) fn k_means(config: &ClustersConfig) -> Value {
    let transforms = config.columns.iter().filter_map(|(name, of)| Some((name.clone(), json!((*of)?))));
    let transforms: Map<String, Value> = transforms.collect();
    let mut text = json!({
        "columns": config.columns.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(),
        "k": match config.clusters {
            ClusterCount::Fixed(clusters) => clusters.into(),
            ClusterCount::Auto => Value::from("auto"),
        },
        "seed": config.seed,
        "customers": customers(config.customers),
    });
    if !transforms.is_empty() {
        text["transform"] = Value::Object(transforms);
    }
    text
}

fn customers(customers: IndexCustomers) -> &'static str {
    match customers {
        IndexCustomers::Buyers => "buyers",
        IndexCustomers::All => "all",
    }
}

/// Weights by name, and judgements by what they judge.
#[derive(Default)]
struct Weights {
    manual: Map<String, Value>,
    ahp: Map<String, Value>,
}

impl Weights {
    fn add(&mut self, of: &str, names: &[&str], weights: &SiblingWeights) {
        match weights {
            SiblingWeights::Manual(weights) => {
                self.manual.extend(names.iter().zip(weights).map(|(name, of)| ((*name).to_owned(), number(*of))));
            }
            SiblingWeights::Judged { matrix, random_index, allow_inconsistent } => {
                self.ahp.insert("random_index".to_owned(), random_index.name().into());
                self.ahp.insert("allow_inconsistent".to_owned(), (*allow_inconsistent).into());
                let judgements = self.ahp.entry("judgements").or_insert_with(|| json!({}));
                judgements[of] = matrix.iter().map(|row| row.iter().map(|of| number(*of)).collect::<Value>()).collect();
            }
        }
    }
}

fn indicator(indicator: &Indicator) -> Value {
    let mut text = json!({
        "direction": indicator.direction,
        "missing": match indicator.missing {
            Missing::Median => "median".into(),
            Missing::Worst => "worst".into(),
            Missing::Value(value) => number(value),
        },
    });
    if let Some(transform) = indicator.transform {
        text["transform"] = json!(transform);
    }
    if let Some(cap) = indicator.cap {
        text["cap"] = number(cap);
    }
    text
}

fn objective(objective: &ObjectiveConfig) -> Value {
    match objective.combination {
        Combination::Additive { alpha } => {
            json!({ "method": objective.method, "combine": "additive", "alpha": number(alpha) })
        }
        Combination::Multiplicative => json!({ "method": objective.method, "combine": "multiplicative" }),
        Combination::GameTheory => json!({ "method": objective.method, "combine": "game_theory" }),
    }
}

/// A number as a person would write it.
fn number(number: f64) -> Value {
    whole(number).map_or_else(|| Value::from(number), Value::from)
}
