//! `appraise what-if`.

use std::fmt::Write as _;
use std::path::PathBuf;

use appraise_pipeline::clock::SystemClock;
use appraise_pipeline::what_if;
use appraise_pipeline::what_if::{Asked, Compared, Draw, ScenarioError, WhatIf as Found};
use clap::{Args, ValueEnum};
use indicatif::HumanCount;
use serde_json::json;

use crate::exit::{DONE, Failure};
use crate::options::{NightOptions, aside, check_free};
use crate::output;
use crate::progress::Bars;
use crate::signals::Stop;

/// Scenarios that are all shown; of more only those that differ most are.
const SHOWN: usize = 20;
/// How many of these.
const MOST_DIFFERENT: usize = 10;
/// The share of scenarios from which on a place is firm.
const FIRM: f64 = 0.95;

/// Compares scenarios with the pipeline as it is: what if weights, cut-offs, horizons or margins were others?
///
/// A scenario is the pipeline with some values below `model.` set, as `run --set` would; its figures are those of that run. The inputs
/// are read once. Nothing is published.
#[derive(Debug, Args)]
pub(crate) struct WhatIf {
    #[command(flatten)]
    night: NightOptions,
    /// Values that a path takes in turn: `model.clv.margin=20%,30%` or `model.index.weights.loyalty=10..30/5`. Several make a grid.
    #[arg(long, value_name = "PATH=VALUES")]
    vary: Vec<String>,
    /// What a varied weight of the index is: a `values` of the file, or a share of its siblings', whose other weights keep their
    /// `proportions`.
    #[arg(long, value_enum, default_value_t = Keep::Values)]
    keep: Keep,
    /// A YAML file of named scenarios: `scenarios: { name: { path: value } }`.
    #[arg(long, value_name = "FILE")]
    scenarios: Option<PathBuf>,
    /// Draws weights of the index around those of the file.
    #[arg(long, value_enum, value_name = "DISTRIBUTION")]
    draw: Option<Distribution>,
    /// How many scenarios to draw.
    #[arg(long, value_name = "N", default_value_t = 1000, requires = "draw", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    n: u32,
    /// How near to the file's weights draws are: the variance of a share w is w (1 - w) / (C + 1).
    #[arg(long, value_name = "C", default_value_t = 50.0, requires = "draw", value_parser = concentration)]
    concentration: f64,
    /// What draws begin with: the same seed gives the same scenarios everywhere.
    #[arg(long, value_name = "SEED", default_value_t = 1, requires = "draw")]
    seed: u64,
    /// Prints the comparison as one line of JSON.
    #[arg(long)]
    json: bool,
    /// Writes the comparison as Parquet tables, with a dictionary, to this folder, which must not be there or be empty. They
    /// appear together.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// What a varied weight is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Keep {
    /// A weight as the file would have it: all siblings' are divided by their sum.
    Values,
    /// A share of the siblings; the others share the rest in their proportions.
    Proportions,
}

/// How weights are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Distribution {
    /// Shares of siblings from a Dirichlet distribution whose mean is the file's.
    Dirichlet,
}

fn concentration(text: &str) -> Result<f64, String> {
    let number = text.parse::<f64>().ok().filter(|number| (1e-3..=1e9).contains(number));
    number.ok_or_else(|| "expected a number from 0.001 to 1000000000".to_owned())
}

impl From<ScenarioError> for Failure {
    fn from(error: ScenarioError) -> Self {
        match error {
            ScenarioError::Usage { message, hint } => Self::usage(message, &hint),
            ScenarioError::Problems(problems) => problems.into(),
        }
    }
}

impl WhatIf {
    /// Compares, prints, gives the exit code.
    pub(crate) fn run(&self, bars: &Bars) -> Result<u8, Failure> {
        let NightOptions { as_of, threads, memory, .. } = &self.night;
        threads.apply();
        check_free(self.out.as_deref())?;
        let clock = SystemClock::start();
        let loaded = self.night.load()?;
        let scenarios = what_if::scenarios(self.night.file(), &self.night.overrides(), &loaded, &self.asked())?;
        let stop = Stop::listen()?;
        let options = aside(*as_of, threads, memory, &stop);
        let found = what_if(&loaded, scenarios, &options, &clock, bars)?;
        if let Some(folder) = &self.out {
            what_if::write(folder, &found)?;
        }
        bars.finish();
        if self.json {
            output::json_line(&line(&found))?;
        } else {
            output::stdout(text(&loaded.pipeline.name, &found).trim_end())?;
        }
        Ok(DONE)
    }

    fn asked(&self) -> Asked {
        let Self { n, concentration, seed, .. } = *self;
        Asked {
            vary: self.vary.clone(),
            keep_proportions: self.keep == Keep::Proportions,
            file: self.scenarios.clone(),
            draw: self.draw.map(|Distribution::Dirichlet| Draw { number: n, concentration, seed }),
        }
    }
}

/// Customers of the best tenth, those of them who are firmly in it, and those of them who are in it less often than not.
fn firmness(found: &Found) -> (usize, usize, usize) {
    let shares = found.base.top().iter().zip(&found.robustness.top_decile).filter(|(top, _)| **top);
    let shares: Vec<f64> = shares.map(|(_, share)| *share).collect();
    let count = |is: fn(f64) -> bool| shares.iter().filter(|share| is(**share)).count();
    (shares.len(), count(|share| share >= FIRM), count(|share| share < 0.5))
}

fn line(found: &Found) -> serde_json::Value {
    let scenario = |of: &Compared| {
        json!({
            "scenario": of.scenario.number,
            "name": of.scenario.name,
            "settings": of.scenario.sets,
            "is_fitted": of.fitted,
            "ranked_customers": of.figures.ranked,
            "tier_moves": found.tier_moves(&of.figures),
            "segment_moves": found.segment_moves(&of.figures),
            "top_decile_overlap": of.figures.top_decile_overlap,
            "kendall_tau_b": of.figures.kendall_tau_b,
        })
    };
    let (top, firm, doubtful) = firmness(found);
    json!({
        "as_of": found.as_of.to_string(),
        "customers": found.base.outcome().customers(),
        "ranked_by": found.base.outcome().ranked_by(),
        "ranked_customers": found.base.ranked().len(),
        "top_decile": { "customers": top, "firm": firm, "doubtful": doubtful },
        "scenarios": found.scenarios.iter().map(scenario).collect::<Vec<_>>(),
    })
}

fn text(pipeline: &str, found: &Found) -> String {
    let outcome = found.base.outcome();
    let mut text = format!("{pipeline} as of {}: {} customers", found.as_of, people(outcome.customers()));
    if let Some(by) = outcome.ranked_by() {
        let _ = write!(text, ", {} of them ranked by {by}", people(found.base.ranked().len()));
    }
    let fitted = found.scenarios.iter().filter(|of| of.fitted).count();
    let (all, weighed) = (found.scenarios.len(), found.scenarios.len() - fitted);
    let _ = writeln!(
        text,
        "\n{} scenarios: {} fitted anew, {} weighed anew\n",
        people(all),
        people(fitted),
        people(weighed)
    );
    spreads(&mut text, found);
    for (column, name) in found.names.columns().iter().enumerate() {
        classes(&mut text, found, column, name);
    }
    differing(&mut text, found);
    let (top, firm, doubtful) = firmness(found);
    if top > 0 {
        let (top, firm, doubtful) = (people(top), people(firm), people(doubtful));
        let _ = writeln!(
            text,
            "\nof the {top} customers in the best tenth {firm} are in it in 95% of the scenarios or more, {doubtful} in less than half"
        );
    }
    let near = found.changes.iter().flatten().filter(|of| of.change.abs() <= 0.01).count();
    if !found.changes.is_empty() {
        let _ = writeln!(text, "{} customers change tier when one weight changes by 0.01 or less", people(near));
    }
    text
}

fn people(count: usize) -> HumanCount {
    HumanCount(count as u64)
}

/// How the scenarios' figures spread.
fn spreads(text: &mut String, found: &Found) {
    let figures = || found.scenarios.iter().map(|of| &of.figures);
    let count = |count: f64| format!("{count:.0}");
    let share = |share: f64| format!("{:.1}%", 100.0 * share);
    let number = |number: f64| format!("{number:.3}");
    let _ = writeln!(
        text,
        "{:<32}{:>10}{:>10}{:>10}{:>10}{:>10}",
        "over all scenarios", "least", "5%", "median", "95%", "most"
    );
    let mut spread = |what: &str, values: Vec<f64>, show: &dyn Fn(f64) -> String| {
        let Some([least, low, median, high, most]) = quantiles(values) else { return };
        let [least, low, median, high, most] = [least, low, median, high, most].map(show);
        let _ = writeln!(text, "{what:<32}{least:>10}{low:>10}{median:>10}{high:>10}{most:>10}");
    };
    spread("customers in another tier", figures().filter_map(|of| found.tier_moves(of)).map(real).collect(), &count);
    let moves = figures().filter_map(|of| found.segment_moves(of)).map(real).collect();
    spread("customers in another segment", moves, &count);
    spread("of the best tenth still in it", figures().filter_map(|of| of.top_decile_overlap).collect(), &share);
    spread("Kendall's tau-b with the base", figures().filter_map(|of| of.kendall_tau_b).collect(), &number);
}

#[expect(clippy::cast_precision_loss, reason = "shown in a few digits")]
fn real(count: u64) -> f64 {
    count as f64
}

/// The least, number ⌈5 n / 100⌉, ⌈n / 2⌉ and ⌈95 n / 100⌉ ascending, and the greatest of n values.
fn quantiles(mut values: Vec<f64>) -> Option<[f64; 5]> {
    values.sort_by(f64::total_cmp);
    let at = |percent: usize| values.get((percent * values.len()).div_ceil(100).max(1) - 1).copied();
    Some([at(0)?, at(5)?, at(50)?, at(95)?, at(100)?])
}

/// The classes of a column that some scenario changes.
fn classes(text: &mut String, found: &Found, column: usize, name: &str) {
    let of = |number: usize| found.scenarios.iter().map(move |of| of.figures.classes[column].totals.get(number));
    if found.scenarios.iter().all(|of| of.figures.classes[column].moves.is_empty()) {
        return;
    }
    let _ = writeln!(
        text,
        "\n{name:<26}{:>11}{:>11}{:>11}{:>18}{:>18}{:>18}",
        "customers", "least", "most", "net revenue", "least", "most"
    );
    let base = &found.base.figures().classes[column];
    for (number, class) in found.names.classes(column).iter().enumerate() {
        let customers: Vec<u64> = of(number).map(|total| total.map_or(0, |total| total.customers)).collect();
        let revenue: Vec<i128> = of(number).map(|total| total.map_or(0, |total| total.net_revenue)).collect();
        let now = base.totals.get(number).copied().unwrap_or_default();
        let (Some(least), Some(most)) = (customers.iter().min(), customers.iter().max()) else { continue };
        let (Some(lowest), Some(highest)) = (revenue.iter().min(), revenue.iter().max()) else { continue };
        if now.customers == 0 && *most == 0 {
            continue;
        }
        let [count, least, most] = [now.customers, *least, *most].map(|count| HumanCount(count).to_string());
        let [sum, lowest, highest] = [now.net_revenue, *lowest, *highest].map(|minor| whole(minor, found));
        let class = class.as_deref().unwrap_or("(none)");
        let _ = writeln!(text, "{class:<26}{count:>11}{least:>11}{most:>11}{sum:>18}{lowest:>18}{highest:>18}");
    }
}

/// Minor units of money in whole ones, rounded towards zero.
fn whole(minor: i128, found: &Found) -> String {
    let whole = minor / 10_i128.pow(u32::from(found.money.scale()));
    let sign = if whole < 0 { "-" } else { "" };
    format!("{sign}{}", HumanCount(u64::try_from(whole.unsigned_abs()).unwrap_or(u64::MAX)))
}

/// The scenarios, or those that differ most where there are many.
fn differing(text: &mut String, found: &Found) {
    let moved = |of: &Compared| {
        found.tier_moves(&of.figures).unwrap_or_default() + found.segment_moves(&of.figures).unwrap_or_default()
    };
    let mut shown: Vec<&Compared> = found.scenarios.iter().collect();
    if shown.len() > SHOWN {
        shown.sort_by_key(|of| (std::cmp::Reverse(moved(of)), of.scenario.number));
        shown.truncate(MOST_DIFFERENT);
        text.push_str("\nthe scenarios that move most customers\n");
    } else {
        text.push_str("\nthe scenarios\n");
    }
    for of in shown {
        let figures = &of.figures;
        let mut said = Vec::new();
        said.extend(found.tier_moves(figures).map(|moved| format!("{} in another tier", HumanCount(moved))));
        said.extend(found.segment_moves(figures).map(|moved| format!("{} in another segment", HumanCount(moved))));
        let kept = figures.top_decile_overlap.map(|share| format!("{:.1}% of the best tenth kept", 100.0 * share));
        said.extend(kept);
        said.extend(figures.kendall_tau_b.map(|tau| format!("tau-b {tau:.3}")));
        let _ = writeln!(text, "{:>6}  {}: {}", of.scenario.number, of.scenario.name, said.join(", "));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_values_that_were_seen() {
        let values: Vec<f64> = (1..=200).rev().map(f64::from).collect();
        assert_eq!(quantiles(values), Some([1.0, 10.0, 100.0, 190.0, 200.0]));
        assert_eq!(quantiles(vec![3.0]), Some([3.0; 5]));
        assert_eq!(quantiles(Vec::new()), None);
    }
}
