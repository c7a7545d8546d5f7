//! The value index: the tree, its weights, its tiers.

use appraise_model::{
    BoundsRule, Combination, Direction, IndexConfig, IndexCustomers, IndexGroup, Indicator, Missing, Objective,
    ObjectiveConfig, RandomIndex, Ranking, SiblingWeights, Transform,
};

use super::Report;
use crate::spec::problem::did_you_mean;
use crate::spec::scalars::{Judgement, MissingText, Name};
use crate::spec::types::{
    AhpSpec, BoundsSpec, CombineSpec, DirectionSpec, IndexCustomersSpec, IndexSpec, IndicatorSpec, ObjectiveMethodSpec,
    ObjectiveSpec, RandomIndexSpec, RankingSpec, TransformSpec,
};

const PATH: &str = "model.index";
/// What judgements of the groups themselves are called.
const GROUPS: &str = "groups";
/// How far shares may be from the whole by rounding.
const ROUNDING: f64 = 1e-9;

/// Resolves `model.index`. Whether its columns are built is known later.
pub(super) fn resolve(report: &mut Report<'_>, spec: &IndexSpec) -> Option<IndexConfig> {
    let names = check_names(report, spec);
    let missing = spec.missing.as_ref().map_or(Missing::Median, missing);
    let group_names: Vec<&str> = spec.tree.0.iter().map(|(name, _)| name.0.as_str()).collect();
    let mut groups = Vec::with_capacity(spec.tree.0.len());
    for (Name(name), written) in &spec.tree.0 {
        let of = |(column, of): &(Name, IndicatorSpec)| indicator(&column.0, of, missing);
        let indicators: Vec<Indicator> = written.0.iter().map(of).collect();
        let columns: Vec<&str> = indicators.iter().map(|of| of.column.as_str()).collect();
        let weights = weights(report, spec, name, &columns);
        groups.push(IndexGroup { name: name.clone(), weights, indicators });
    }
    let group_weights = weights(report, spec, GROUPS, &group_names);
    check_judged(report, spec, &group_names);
    if names.is_empty() {
        report.add("model.index.tree", "the tree is empty", Some("give a group with one or more columns"));
    }
    Some(IndexConfig {
        customers: match spec.customers.unwrap_or_default() {
            IndexCustomersSpec::Buyers => IndexCustomers::Buyers,
            IndexCustomersSpec::All => IndexCustomers::All,
        },
        groups,
        group_weights,
        bounds: match spec.bounds.unwrap_or_default() {
            BoundsSpec::Percentiles => BoundsRule::Percentiles,
            BoundsSpec::MinMax => BoundsRule::MinMax,
        },
        objective: spec.objective.as_ref().map(|of| objective(report, of)),
        ranking: match spec.ranking.unwrap_or_default() {
            RankingSpec::Saw => Ranking::Saw,
            RankingSpec::Topsis => Ranking::Topsis,
            RankingSpec::Vikor => Ranking::Vikor { v: 0.5 },
            RankingSpec::Gra => Ranking::Gra { zeta: 0.5 },
        },
        tiers: tiers(report, spec)?,
    })
}

/// The names in the tree, each of which must stand once; reports weights of others.
fn check_names<'s>(report: &mut Report<'_>, spec: &'s IndexSpec) -> Vec<&'s str> {
    let mut names: Vec<&str> = Vec::new();
    for (Name(group), indicators) in &spec.tree.0 {
        let path = format!("model.index.tree.{group}");
        if indicators.0.is_empty() {
            report.add(&path, format!("group `{group}` has no indicator"), Some("name one or more columns"));
        }
        let below = indicators.0.iter().map(|(Name(column), _)| (format!("{path}.{column}"), column.as_str()));
        for (path, name) in std::iter::once((path.clone(), group.as_str())).chain(below) {
            if names.contains(&name) {
                let hint = Some("weights go by names: each group and column needs its own");
                report.add(&path, format!("`{name}` stands twice in the tree"), hint);
            }
            names.push(name);
        }
    }
    for (Name(name), _) in spec.weights.iter().flat_map(|weights| &weights.0) {
        if !names.contains(&name.as_str()) {
            let hint = did_you_mean(name, &names);
            report.add(&format!("model.index.weights.{name}"), format!("`{name}` is not in the tree"), hint.as_deref());
        }
    }
    names
}

/// Reports judgements of what is no group.
fn check_judged(report: &mut Report<'_>, spec: &IndexSpec, groups: &[&str]) {
    let known: Vec<&str> = std::iter::once(GROUPS).chain(groups.iter().copied()).collect();
    for (Name(name), _) in spec.ahp.iter().flat_map(|ahp| &ahp.judgements.0) {
        if !known.contains(&name.as_str()) {
            let hint = did_you_mean(name, &known);
            let path = format!("model.index.ahp.judgements.{name}");
            report.add(&path, format!("`{name}` is neither `{GROUPS}` nor a group of the tree"), hint.as_deref());
        }
    }
}

fn indicator(column: &str, spec: &IndicatorSpec, missing_elsewhere: Missing) -> Indicator {
    Indicator {
        column: column.to_owned(),
        direction: match spec.direction.unwrap_or_default() {
            DirectionSpec::Benefit => Direction::Benefit,
            DirectionSpec::Cost => Direction::Cost,
        },
        transform: spec.transform.map(|transform| match transform {
            TransformSpec::Identity => Transform::Identity,
            TransformSpec::Log1p => Transform::Log1p,
        }),
        missing: spec.missing.as_ref().map_or(missing_elsewhere, missing),
        cap: spec.cap,
    }
}

fn missing(written: &MissingText) -> Missing {
    match written {
        MissingText::Number(number) => Missing::Value(*number),
        MissingText::Text(text) if text == "worst" => Missing::Worst,
        MissingText::Text(_) => Missing::Median,
    }
}

/// The weights of `siblings`: the indicators of group `of`, or all groups.
fn weights(report: &mut Report<'_>, spec: &IndexSpec, of: &str, siblings: &[&str]) -> SiblingWeights {
    let written = |name: &str| {
        let weights = spec.weights.iter().flat_map(|weights| &weights.0);
        weights.filter(|(written, _)| written.0 == name).map(|(_, weight)| weight.0).next()
    };
    let judged = spec.ahp.iter().find_map(|ahp| Some((ahp, judgements(ahp, of)?)));
    let (path, weights) = if let Some((ahp, matrix)) = judged {
        if let Some(name) = siblings.iter().find(|name| written(name).is_some()) {
            let hint = Some("take the weight or the judgements out");
            report.add(&format!("model.index.weights.{name}"), format!("`{name}` is weighted twice"), hint);
        }
        let random_index = match ahp.random_index.unwrap_or_default() {
            RandomIndexSpec::Saaty1980 => RandomIndex::Saaty1980,
            RandomIndexSpec::SaatyLater => RandomIndex::SaatyLater,
            RandomIndexSpec::AlonsoLamata2006 => RandomIndex::AlonsoLamata2006,
        };
        let allow_inconsistent = ahp.allow_inconsistent.unwrap_or(false);
        let judged = SiblingWeights::Judged { matrix, random_index, allow_inconsistent };
        (format!("model.index.ahp.judgements.{of}"), judged)
    } else {
        let manual = siblings.iter().map(|name| written(name).unwrap_or(1.0)).collect();
        ("model.index.weights".to_owned(), SiblingWeights::Manual(manual))
    };
    if !siblings.is_empty()
        && let Err(error) = weights.weights(siblings.len())
    {
        let of = if of == GROUPS { "the groups".to_owned() } else { format!("the indicators of `{of}`") };
        let hint = if judged_inconsistently(&error) {
            "judge the pairs again, or say `allow_inconsistent: true`"
        } else {
            "give weights that are not all 0, or judgements row by row in the order of the tree"
        };
        report.add(&path, format!("{of} have no weights: {error}"), Some(hint));
    }
    weights
}

fn judged_inconsistently(error: &appraise_model::WeightsError) -> bool {
    matches!(error, appraise_model::WeightsError::Judged(appraise_model::AhpError::Inconsistent { .. }))
}

fn judgements(ahp: &AhpSpec, of: &str) -> Option<Vec<Vec<f64>>> {
    let (_, rows) = ahp.judgements.0.iter().find(|(name, _)| name.0 == of)?;
    Some(rows.iter().map(|row| row.iter().map(Judgement::value).collect()).collect())
}

fn objective(report: &mut Report<'_>, spec: &ObjectiveSpec) -> ObjectiveConfig {
    let combine = spec.combine.unwrap_or_default();
    if spec.alpha.is_some() && combine != CombineSpec::Additive {
        let hint = Some("take it out, or combine by `additive`");
        report.add("model.index.objective.alpha", "`alpha` is the share of `additive` alone", hint);
    }
    ObjectiveConfig {
        method: match spec.method {
            ObjectiveMethodSpec::Equal => Objective::Equal,
            ObjectiveMethodSpec::Critic => Objective::Critic,
            ObjectiveMethodSpec::Std => Objective::Std,
            ObjectiveMethodSpec::Entropy => Objective::Entropy,
            ObjectiveMethodSpec::Merec => Objective::Merec,
        },
        combination: match combine {
            CombineSpec::Additive => Combination::Additive { alpha: spec.alpha.unwrap_or(0.5) },
            CombineSpec::Multiplicative => Combination::Multiplicative,
            CombineSpec::GameTheory => Combination::GameTheory,
        },
    }
}

fn tiers(report: &mut Report<'_>, spec: &IndexSpec) -> Option<Vec<(String, f64)>> {
    let mut tiers = Vec::new();
    for (Name(name), share) in spec.tiers.iter().flat_map(|tiers| &tiers.0) {
        let share = report.take(&format!("model.index.tiers.{name}"), share.share())?;
        tiers.push((name.clone(), share.fraction()));
    }
    let sum: f64 = tiers.iter().map(|(_, share)| share).sum();
    if !tiers.is_empty() && (sum - 1.0).abs() > ROUNDING {
        let percent = (sum * 1e8).round() / 1e6;
        report.add(&format!("{PATH}.tiers"), format!("the shares come to {percent}%, expected 100%"), None);
    }
    Some(tiers)
}
