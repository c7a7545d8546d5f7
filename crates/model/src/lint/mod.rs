//! Questions that segment rules should answer before they meet customers: do two claim the same customers, can
//! each be met, is anybody left out?
//!
//! Rules are evaluated over customers that stand for all others: every cell of recency, frequency and monetary scores, one
//! with refunds only, one with nothing; times, of every other column, NULL, each constant that it is compared with and one
//! value of each interval between them. So no customer is missed where all are tried; but columns may depend on one
//! another, so not all of these need exist, and what is found of some values of other columns is said to be possible, not
//! certain. About rules that compute with other columns nothing is claimed.

mod finding;
mod space;
mod values;

use appraise_expression::Parsed;
use appraise_schema::ColumnSpec;

pub use finding::{Case, Finding, GridRow, Lint};
use space::{Space, undecided};

use crate::config::RfmConfig;
use crate::error::ModelError;
use crate::reason::Reasons;
use crate::segments::BoundRule;

/// A rule that is decided, and what it says of each customer who is tried.
struct Judged<'a> {
    segment: &'a str,
    when: &'a Parsed,
    met: Vec<bool>,
}

/// Where something holds, among the customers who are tried.
struct Found {
    /// Kinds of customers of whom it holds whatever the rest.
    kinds: Vec<GridRow>,
    /// A customer of whom it holds, of a kind of which it does not always.
    other: Option<usize>,
}

/// What is questionable about `rules`, tried in order on customers scored by `rfm`, in a table of `columns`.
pub(crate) fn lint(
    rfm: Option<&RfmConfig>,
    columns: &[ColumnSpec],
    rules: &[BoundRule],
) -> Result<Vec<Finding>, ModelError> {
    let mut findings = Vec::new();
    let mut decided: Vec<&BoundRule> = Vec::new();
    let mut unless = Vec::new();
    for rule in rules {
        let columns = undecided(rfm, columns, &rule.when);
        if columns.is_empty() {
            decided.push(rule);
        } else {
            unless.push(format!("`{}`", rule.segment));
            findings.push(Finding::NotDecided { segment: rule.segment.clone(), columns });
        }
    }
    if decided.is_empty() {
        return Ok(findings);
    }
    let space = Space::new(rfm, columns, &decided.iter().map(|rule| &rule.when).collect::<Vec<_>>())?;
    let tried = space.kind_of.len();
    if (tried as u128) < space.of {
        findings.push(Finding::Sampled { tried, of: space.of });
    }
    let judge = |rule: &&'_ BoundRule| Ok(rule.evaluate(&space.table)?.met.values().iter().collect::<Vec<bool>>());
    let met = decided.iter().map(judge).collect::<Result<Vec<_>, ModelError>>()?;
    let judged: Vec<Judged<'_>> =
        decided.iter().zip(met).map(|(rule, met)| Judged { segment: &rule.segment, when: &rule.when, met }).collect();
    findings.extend(judged.iter().enumerate().filter_map(|(place, rule)| about_rule(rule, &judged[..place])));
    findings.extend(overlaps(&space, &judged)?);
    findings.extend(unassigned(&space, &judged, &unless)?);
    Ok(findings)
}

fn about_rule(rule: &Judged<'_>, before: &[Judged<'_>]) -> Option<Finding> {
    let segment = rule.segment.to_owned();
    if !rule.met.contains(&true) {
        return Some(Finding::NeverMet { segment });
    }
    let mut taken_by = Vec::new();
    let mut open = rule.met.clone();
    for earlier in before {
        let mut takes = false;
        for (open, theirs) in open.iter_mut().zip(&earlier.met) {
            takes |= *open && *theirs;
            *open &= !theirs;
        }
        taken_by.extend(takes.then(|| format!("`{}`", earlier.segment)));
    }
    (!open.contains(&true)).then_some(Finding::Unreachable { segment, taken_by })
}

fn overlaps(space: &Space, judged: &[Judged<'_>]) -> Result<Vec<Finding>, ModelError> {
    let (mut certain, mut possible) = (Vec::new(), Vec::new());
    for (place, first) in judged.iter().enumerate() {
        let mut others = Vec::new();
        let mut example = None;
        for second in &judged[place + 1..] {
            let both = |customer: usize| first.met[customer] && second.met[customer];
            let found = Found::of(space, both);
            let (first, second_name) = (first.segment.to_owned(), second.segment.to_owned());
            if !found.kinds.is_empty() {
                certain.push(Finding::Overlap { first, second: second_name, rows: found.kinds });
            } else if let Some(customer) = found.other {
                others.push(format!("`{}`", second.segment));
                example.get_or_insert((customer, second));
            }
        }
        if let Some((customer, second)) = example {
            let case = case(space, customer, &[first.when, second.when])?;
            possible.push(Finding::MayOverlap { first: first.segment.to_owned(), others, case });
        }
    }
    certain.extend(possible);
    Ok(certain)
}

fn unassigned(space: &Space, judged: &[Judged<'_>], unless: &[String]) -> Result<Vec<Finding>, ModelError> {
    let found = Found::of(space, |customer| !judged.iter().any(|rule| rule.met[customer]));
    let mut findings = Vec::new();
    if !found.kinds.is_empty() {
        findings.push(Finding::Unassigned { rows: found.kinds, unless: unless.to_vec() });
    }
    if let Some(customer) = found.other {
        let rules: Vec<&Parsed> = judged.iter().map(|rule| rule.when).collect();
        let case = case(space, customer, &rules)?;
        findings.push(Finding::MayBeUnassigned { case, unless: unless.to_vec() });
    }
    Ok(findings)
}

impl Found {
    fn of(space: &Space, holds: impl Fn(usize) -> bool) -> Self {
        let mut of_kind = vec![(0_usize, None, 0_usize); space.kinds.len()];
        for (customer, &kind) in space.kind_of.iter().enumerate() {
            let (tried, first, held) = &mut of_kind[kind];
            *tried += 1;
            if holds(customer) {
                first.get_or_insert(customer);
                *held += 1;
            }
        }
        let always = |(kind, (tried, _, held)): (&GridRow, &(usize, Option<usize>, usize))| {
            (*tried > 0 && held == tried).then_some(*kind)
        };
        let other = of_kind.iter().filter(|(tried, _, held)| held < tried).find_map(|(_, first, _)| *first);
        Self { kinds: space.kinds.iter().zip(&of_kind).filter_map(always).collect(), other }
    }
}

/// The customer with the values that `rules` read.
fn case(space: &Space, customer: usize, rules: &[&Parsed]) -> Result<Case, ModelError> {
    let columns = space.columns_of(rules);
    let mut values = String::new();
    // Writing into memory does not fail.
    let _ = Reasons::new(&columns, &space.table)?.write(&mut values, customer);
    Ok(Case { row: space.kinds[space.kind_of[customer]], values })
}
