//! The scores of recency, frequency and money.

use super::problem::join;
use super::resolve::Report;
use super::resolved::{Rfm, ScoreRule};
use super::scalars::Decimal;
use super::types::{FrequencySpec, RfmSpec, ScoreMethod, ScoreSpec, ScoreWeights, Ties};

const DEFAULT_BINS: u8 = 5;

/// What the cut-offs of a score count.
#[derive(Clone, Copy)]
enum Unit {
    /// Days since the last purchase: fewer are better.
    Days,
    /// Purchase periods.
    Periods,
    /// Amounts at this many decimal places.
    Money(u8),
}

/// One of the three scores as it is written.
struct Score<'s> {
    name: &'static str,
    unit: Unit,
    spec: &'s ScoreSpec,
    /// `separate_one_time`, where the score has it.
    separate: Option<bool>,
}

/// Resolves `model.rfm`; cut-offs of money are at `scale` decimal places.
pub(crate) fn resolve(report: &mut Report<'_>, spec: &RfmSpec, scale: u8) -> Rfm {
    let bins = spec.bins.unwrap_or(DEFAULT_BINS);
    let recency = spec.recency.clone().unwrap_or_default();
    let monetary = spec.monetary.clone().unwrap_or_default();
    let FrequencySpec { method, ties, cuts, separate_one_time } = spec.frequency.clone().unwrap_or_default();
    let frequency = ScoreSpec { method, ties, cuts };
    let recency = Score { name: "recency", unit: Unit::Days, spec: &recency, separate: None };
    let frequency = Score { name: "frequency", unit: Unit::Periods, spec: &frequency, separate: separate_one_time };
    let monetary = Score { name: "monetary", unit: Unit::Money(scale), spec: &monetary, separate: None };
    Rfm {
        bins,
        weights: weights(report, spec.score_weights.as_ref()),
        recency: rule(report, &recency, bins),
        frequency: rule(report, &frequency, bins),
        monetary: rule(report, &monetary, bins),
    }
}

fn weights(report: &mut Report<'_>, spec: Option<&ScoreWeights>) -> [f64; 3] {
    let weight = |pick: fn(&ScoreWeights) -> Option<f64>| spec.and_then(pick).unwrap_or(1.0);
    let weights = [weight(|w| w.r), weight(|w| w.f), weight(|w| w.m)];
    if weights.iter().all(|weight| *weight == 0.0) {
        report.add("model.rfm.score_weights", "all weights are 0", Some("give at least one a weight"));
    }
    if !weights.iter().sum::<f64>().is_finite() {
        report.add("model.rfm.score_weights", "the weights are too large to add", None);
    }
    weights
}

fn rule(report: &mut Report<'_>, score: &Score<'_>, bins: u8) -> ScoreRule {
    let path = format!("model.rfm.{}", score.name);
    let frequency = matches!(score.unit, Unit::Periods);
    match score.spec.method.unwrap_or_default() {
        method @ (ScoreMethod::Quantile | ScoreMethod::Nested) => {
            if score.spec.cuts.is_some() {
                report.add(&join(&path, "cuts"), "`cuts` have no meaning here", Some("write `method: thresholds`"));
            }
            let (ties, separate_one_time) = (score.spec.ties.unwrap_or_default(), score.separate.unwrap_or(frequency));
            if method == ScoreMethod::Quantile {
                return ScoreRule::Quantile { ties, separate_one_time };
            }
            nested(report, score, &path, ties);
            ScoreRule::Nested { ties, separate_one_time }
        }
        ScoreMethod::Thresholds => {
            for (key, given) in
                [("ties", score.spec.ties.is_some()), ("separate_one_time", frequency && score.separate.is_some())]
            {
                if given {
                    report.add(&join(&path, key), format!("`{key}` has no meaning with `thresholds`"), None);
                }
            }
            ScoreRule::Thresholds { cuts: cuts(report, score, &path, bins) }
        }
    }
}

/// Reports what can't be nested.
fn nested(report: &mut Report<'_>, score: &Score<'_>, path: &str, ties: Ties) {
    if matches!(score.unit, Unit::Days) {
        let hint = Some("nest `frequency`, `monetary` or both");
        report.add(&join(path, "method"), "there is no score before recency that it could be nested in", hint);
    }
    if ties == Ties::Split {
        let hint = Some("write `low`, `mid` or `high`");
        report.add(&join(path, "ties"), "`split` has no meaning with `nested`", hint);
    }
}

fn cuts(report: &mut Report<'_>, score: &Score<'_>, path: &str, bins: u8) -> Vec<i64> {
    let Some(written) = &score.spec.cuts else {
        report.add(path, "`thresholds` need `cuts`", None);
        return Vec::new();
    };
    let path = join(path, "cuts");
    let wanted = usize::from(bins) - 1;
    if written.len() != wanted {
        let message = format!("{bins} scores need {wanted} cuts, there are {}", written.len());
        report.add(&path, message, Some("give another cut, or change `model.rfm.bins`"));
    }
    let mut cuts: Vec<i64> = Vec::new();
    for (position, cut) in written.iter().enumerate() {
        let here = format!("{path}[{position}]");
        let Some(value) = report.take(&here, in_unit(cut, score.unit)) else { continue };
        let falls = matches!(score.unit, Unit::Days);
        if cuts.last().is_some_and(|before| if falls { value >= *before } else { value <= *before }) {
            let way = if falls { "fall: fewer days are better" } else { "rise" };
            report.add(&here, format!("`{}` is out of order: cuts {way}", cut.text()), None);
        }
        cuts.push(value);
    }
    cuts
}

fn in_unit(cut: &Decimal, unit: Unit) -> Result<i64, String> {
    let whole = |least: i64| match cut {
        Decimal::Integer(value) if *value >= least => Ok(*value),
        _ => Err(format!("`{}` is not a whole number from {least}", cut.text())),
    };
    match unit {
        Unit::Days => whole(0),
        Unit::Periods => whole(1),
        Unit::Money(scale) => cut.minor(scale),
    }
}
