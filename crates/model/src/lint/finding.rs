//! What the linter says.

use std::fmt;

use crate::config::RuleSet;

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

/// A customer that rules were tried on, if there is such a customer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// Its kind.
    pub row: GridRow,
    /// Values of the columns that decide, in words.
    pub values: String,
}

impl fmt::Display for Case {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.values.as_str() {
            "" => write!(out, "{}", self.row),
            values => write!(out, "{} where {values}", self.row),
        }
    }
}

/// Something questionable about segment rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// Too many kinds of customers to try them all.
    Sampled {
        /// How many were tried.
        tried: usize,
        /// How many there are.
        of: u128,
    },
    /// The linter can't tell whom the rule admits.
    NotDecided {
        /// The segment.
        segment: String,
        /// Columns that it computes with, or compares with one another.
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
        /// Where both rules are met, whatever else is known of the customer.
        rows: Vec<GridRow>,
    },
    /// Rules admit the same customers, if there are such customers; the first gets them.
    MayOverlap {
        /// The earlier segment.
        first: String,
        /// The later segments.
        others: Vec<String>,
        /// One who would meet the rule of the first of them, too.
        case: Case,
    },
    /// Customers who meet no rule.
    Unassigned {
        /// Who, whatever else is known of them.
        rows: Vec<GridRow>,
        /// Segments that are not decided, and may take them.
        unless: Vec<String>,
    },
    /// Customers who meet no rule, if there are such customers.
    MayBeUnassigned {
        /// One of them.
        case: Case,
        /// Segments that are not decided, and may take them.
        unless: Vec<String>,
    },
}

impl fmt::Display for Finding {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sampled { tried, of } => {
                write!(out, "the rules tell {of} kinds of customers apart, of which {tried} were tried")
            }
            Self::NotDecided { segment, columns } => {
                write!(out, "whom segment `{segment}` takes is not judged: it computes with {}", columns.join(", "))
            }
            Self::NeverMet { segment } => write!(out, "segment `{segment}`: no customer can meet its rule"),
            Self::Unreachable { segment, taken_by } => {
                write!(out, "segment `{segment}` can't be reached: {} take all its customers", taken_by.join(", "))
            }
            Self::Overlap { first, second, rows } => {
                write!(out, "segments `{first}` and `{second}` overlap, `{first}` gets: {}", listed(rows))
            }
            Self::MayOverlap { first, others, case } => {
                write!(out, "segment `{first}` may take customers of {}, such as {case}", listed(others))
            }
            Self::Unassigned { rows, unless } if unless.is_empty() => {
                write!(out, "no rule is met, so the segment is `unassigned`: {}", listed(rows))
            }
            Self::Unassigned { rows, unless } => {
                write!(out, "no rule is met, except perhaps {}: {}", unless.join(", "), listed(rows))
            }
            Self::MayBeUnassigned { case, unless } if unless.is_empty() => {
                write!(out, "customers may meet no rule, such as {case}")
            }
            Self::MayBeUnassigned { case, unless } => {
                write!(out, "customers may meet no rule, except perhaps {}, such as {case}", unless.join(", "))
            }
        }
    }
}

impl Finding {
    /// Whether it is about customers who are there if anybody is like that, and not only about those whom values of several
    /// columns would make.
    #[must_use]
    pub fn is_certain(&self) -> bool {
        matches!(
            self,
            Self::NeverMet { .. } | Self::Unreachable { .. } | Self::Overlap { .. } | Self::Unassigned { .. }
        )
    }
}

/// How many rows of the grid, or segments, a message names.
const LISTED: usize = 8;

fn listed<T: ToString>(rows: &[T]) -> String {
    let names: Vec<String> = rows.iter().take(LISTED).map(T::to_string).collect();
    let more = rows.len().saturating_sub(LISTED);
    let tail = if more == 0 { String::new() } else { format!(" and {more} more") };
    format!("{}{tail}", names.join(", "))
}

/// Something questionable, and in which rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lint {
    /// The list of the rules.
    pub set: RuleSet,
    /// What is questionable.
    pub finding: Finding,
}

impl fmt::Display for Lint {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {}", self.set.key(), self.finding)
    }
}
