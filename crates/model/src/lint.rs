//! Questions that segment rules should answer before they meet customers: do two claim the same customers, can
//! each be met, is anybody left out?
//!
//! The rules are evaluated over every cell of recency, frequency and monetary scores, and over one customer with
//! refunds only and one with nothing. `purchase_periods`, `orders` and `refund_count` take several values each; a rule whose answer
//! depends on which, or that reads other columns, is not decided by the grid, and nothing is claimed about it.

use std::fmt;
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Int32Array, Int64Array, RecordBatch};
use arrow::datatypes::{DataType, Field, Schema};

use crate::config::RfmConfig;
use crate::error::ModelError;
use crate::rfm;
use crate::segments::BoundRule;

/// A kind of customer that rules are tried on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum GridRow {
    /// Buyers of one cell.
    Cell {
        /// `r_score`.
        r: i32,
        /// `f_score`.
        f: i32,
        /// `m_score`.
        m: i32,
    },
    /// All buyers, when there are no scores to tell them apart.
    Buyer,
    /// Customers with refunds and no purchase that stands.
    RefundOnly,
    /// Customers with neither purchases nor refunds.
    Prospect,
}

impl fmt::Display for GridRow {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cell { r, f, m } if *r.max(f).max(m) > 9 => write!(out, "{r}-{f}-{m}"),
            Self::Cell { r, f, m } => write!(out, "{r}{f}{m}"),
            Self::Buyer => out.write_str("customers with purchases"),
            Self::RefundOnly => out.write_str("customers with refunds only"),
            Self::Prospect => out.write_str("customers without purchases and refunds"),
        }
    }
}

/// Something questionable about segment rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// The grid can't tell whom the rule admits.
    NotDecided {
        /// The segment.
        segment: String,
        /// What its rule reads beyond the scores.
        columns: Vec<String>,
    },
    /// No customer can meet the rule.
    NeverMet {
        /// The segment.
        segment: String,
    },
    /// Whoever meets the rule has met one before it.
    Unreachable {
        /// The segment.
        segment: String,
        /// The segments that take its customers, in order.
        taken_by: Vec<String>,
    },
    /// Two rules admit the same customers; the first gets them.
    Overlap {
        /// The earlier segment.
        first: String,
        /// The later segment.
        second: String,
        /// Where both rules are met.
        rows: Vec<GridRow>,
    },
    /// Customers who meet no rule.
    Unassigned {
        /// Who.
        rows: Vec<GridRow>,
        /// Segments that are not decided by the grid, and may take them.
        unless: Vec<String>,
    },
}

impl fmt::Display for Finding {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotDecided { segment, columns } => {
                write!(out, "segment `{segment}` is not decided by the scores: it reads {}", columns.join(", "))
            }
            Self::NeverMet { segment } => write!(out, "segment `{segment}`: no customer can meet its rule"),
            Self::Unreachable { segment, taken_by } => {
                write!(out, "segment `{segment}` can't be reached: {} take all its customers", taken_by.join(", "))
            }
            Self::Overlap { first, second, rows } => {
                write!(out, "segments `{first}` and `{second}` overlap, `{first}` gets: {}", listed(rows))
            }
            Self::Unassigned { rows, unless } if unless.is_empty() => {
                write!(out, "no rule is met, so the segment is `unassigned`: {}", listed(rows))
            }
            Self::Unassigned { rows, unless } => {
                write!(out, "no rule is met, except perhaps {}: {}", unless.join(", "), listed(rows))
            }
        }
    }
}

/// How many rows of the grid a message names.
const LISTED: usize = 8;

fn listed(rows: &[GridRow]) -> String {
    let names: Vec<String> = rows.iter().take(LISTED).map(GridRow::to_string).collect();
    let more = rows.len().saturating_sub(LISTED);
    let tail = if more == 0 { String::new() } else { format!(" and {more} more") };
    format!("{}{tail}", names.join(", "))
}

/// A rule and what the grid says of it.
struct Judged<'a> {
    segment: &'a str,
    /// For each row of the grid, whether the rule is met; `None` when the grid does not decide.
    met: Option<Vec<bool>>,
}

/// What is questionable about `rules`, tried in order on customers scored by `rfm`.
pub(crate) fn lint(rfm: Option<&RfmConfig>, rules: &[BoundRule]) -> Result<Vec<Finding>, ModelError> {
    let rows = grid_rows(rfm);
    let variants = VARIANTS.map(|variant| grid(rfm, &rows, variant)).into_iter().collect::<Result<Vec<_>, _>>()?;
    let mut findings = Vec::new();
    let mut judged: Vec<Judged<'_>> = Vec::new();
    for rule in rules {
        let met = judge(rule, &variants)?;
        findings.extend(about_rule(rule, met.as_deref(), &judged));
        judged.push(Judged { segment: &rule.segment, met });
    }
    findings.extend(overlaps(&rows, &judged));
    findings.extend(unassigned(&rows, &judged));
    Ok(findings)
}

/// Rows of the grid on which a rule is met, or `None` when the grid does not decide it.
fn judge(rule: &BoundRule, variants: &[RecordBatch]) -> Result<Option<Vec<bool>>, ModelError> {
    if !rule.when.columns().iter().all(|column| SCORES.contains(&column.as_str()) || COUNTS.contains(&column.as_str()))
    {
        return Ok(None);
    }
    let mut answers = Vec::new();
    for variant in variants {
        answers.push(rule.evaluate(variant)?.met);
    }
    let same = answers.windows(2).all(|pair| pair[0] == pair[1]);
    let silent = answers.iter().all(|met| met.true_count() == 0) && reads_counts(rule);
    let met = |met: &BooleanArray| met.values().iter().collect();
    Ok(answers.first().filter(|_| same && !silent).map(met))
}

fn reads_counts(rule: &BoundRule) -> bool {
    rule.when.columns().iter().any(|column| COUNTS.contains(&column.as_str()))
}

fn about_rule(rule: &BoundRule, met: Option<&[bool]>, before: &[Judged<'_>]) -> Option<Finding> {
    let segment = rule.segment.clone();
    let Some(met) = met else {
        let known = |column: &&String| !SCORES.contains(&column.as_str());
        return Some(Finding::NotDecided {
            segment,
            columns: rule.when.columns().iter().filter(known).cloned().collect(),
        });
    };
    if !met.contains(&true) {
        return Some(Finding::NeverMet { segment });
    }
    let mut taken_by = Vec::new();
    let mut taken = vec![false; met.len()];
    for earlier in before {
        let Some(theirs) = &earlier.met else { continue };
        if (0..met.len()).any(|row| met[row] && theirs[row] && !taken[row]) {
            taken_by.push(format!("`{}`", earlier.segment));
        }
        taken.iter_mut().zip(theirs).for_each(|(taken, theirs)| *taken |= theirs);
    }
    let reached = met.iter().zip(&taken).any(|(met, taken)| *met && !taken);
    (!reached).then_some(Finding::Unreachable { segment, taken_by })
}

fn overlaps(rows: &[GridRow], judged: &[Judged<'_>]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (position, second) in judged.iter().enumerate() {
        for first in &judged[..position] {
            let (Some(a), Some(b)) = (&first.met, &second.met) else { continue };
            let both = |index: &usize| a[*index] && b[*index];
            let rows: Vec<GridRow> = (0..rows.len()).filter(both).map(|index| rows[index]).collect();
            if !rows.is_empty() {
                let (first, second) = (first.segment.to_owned(), second.segment.to_owned());
                findings.push(Finding::Overlap { first, second, rows });
            }
        }
    }
    findings
}

fn unassigned(rows: &[GridRow], judged: &[Judged<'_>]) -> Option<Finding> {
    let open = |index: &usize| !judged.iter().any(|rule| rule.met.as_ref().is_some_and(|met| met[*index]));
    let open: Vec<GridRow> = (0..rows.len()).filter(open).map(|index| rows[index]).collect();
    let unless = judged.iter().filter(|rule| rule.met.is_none()).map(|rule| format!("`{}`", rule.segment)).collect();
    (!open.is_empty()).then_some(Finding::Unassigned { rows: open, unless })
}

/// Columns that the grid takes all values of.
const SCORES: &[&str] = &["r_score", "f_score", "m_score", "rfm_cell", "rfm_score"];

/// Columns that the grid takes some values of.
const COUNTS: &[&str] = &["purchase_periods", "orders", "refund_count"];

/// A count far above any threshold that a rule may have.
const MANY: i64 = 1_000_000_000;

/// Orders of buyers and refunds of buyers, to see whether a rule's answer depends on them.
const VARIANTS: [(i64, i64); 4] = [(1, 0), (1, MANY), (MANY, 0), (MANY, MANY)];

fn grid_rows(rfm: Option<&RfmConfig>) -> Vec<GridRow> {
    let scores = 1..=rfm.map_or(0, |config| i32::from(config.bins));
    let mut rows = if rfm.is_some() { Vec::new() } else { vec![GridRow::Buyer] };
    for r in scores.clone() {
        for f in scores.clone() {
            rows.extend(scores.clone().map(|m| GridRow::Cell { r, f, m }));
        }
    }
    rows.extend([GridRow::RefundOnly, GridRow::Prospect]);
    rows
}

/// The grid as a table, its buyers with so many `orders`, in as many periods, and `refunds`.
fn grid(rfm: Option<&RfmConfig>, rows: &[GridRow], (orders, refunds): (i64, i64)) -> Result<RecordBatch, ModelError> {
    let counts = |row: &GridRow| match row {
        GridRow::Cell { .. } | GridRow::Buyer => (orders, refunds),
        GridRow::RefundOnly => (0, refunds.max(1)),
        GridRow::Prospect => (0, 0),
    };
    let mut columns: Vec<(&str, ArrayRef)> = vec![
        ("purchase_periods", Arc::new(rows.iter().map(|row| counts(row).0).collect::<Int64Array>())),
        ("orders", Arc::new(rows.iter().map(|row| counts(row).0).collect::<Int64Array>())),
        ("refund_count", Arc::new(rows.iter().map(|row| counts(row).1).collect::<Int64Array>())),
    ];
    if let Some(config) = rfm {
        let score = |pick: fn(i32, i32, i32) -> i32| -> Int32Array {
            let pick = |row: &GridRow| if let GridRow::Cell { r, f, m } = row { Some(pick(*r, *f, *m)) } else { None };
            rows.iter().map(pick).collect()
        };
        let (r, f, m) = (score(|r, _, _| r), score(|_, f, _| f), score(|_, _, m| m));
        columns.push(("rfm_cell", rfm::cells(config.bins, &r, &f, &m)));
        columns.push(("rfm_score", rfm::weighted_means(config, &r, &f, &m)));
        columns.push(("r_score", Arc::new(r)));
        columns.push(("f_score", Arc::new(f)));
        columns.push(("m_score", Arc::new(m)));
    }
    let field = |(name, array): &(&str, ArrayRef)| Field::new(*name, DataType::clone(array.data_type()), true);
    let schema = Schema::new(columns.iter().map(field).collect::<Vec<_>>());
    Ok(RecordBatch::try_new(Arc::new(schema), columns.into_iter().map(|(_, array)| array).collect())?)
}
