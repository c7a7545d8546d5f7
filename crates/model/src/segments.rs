//! Named segments by ordered rules: the first rule that is met names the customer's segment.
//!
//! A rule that is NULL is not met, nor is one that can't be computed for a row (an overflow, say): such rows
//! are counted as faults of the rule. Customers who meet no rule are `unassigned`.

use std::sync::Arc;

use appraise_expression::{Bound, Parsed, SqlType};
use appraise_schema::{ColumnSpec, ColumnType};
use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, RecordBatch, StringBuilder};
use arrow::compute::{and_not, prep_null_mask_filter};

use crate::card::{ModelCard, SegmentCard, SegmentsCard};
use crate::config::{RfmConfig, RuleSet, SegmentRule};
use crate::error::ModelError;
use crate::lint::{self, Lint};
use crate::model::{Fitted, Model};
use crate::score_cells;

/// The segment of customers who meet no rule.
pub const UNASSIGNED: &str = "unassigned";

/// The number of scores that [`RF_GRID`] is made for.
pub const RF_GRID_BINS: u8 = 5;

/// The RF grid: ten segments that share out all cells of recency and frequency scores from 1 to 5, and those for customers
/// without purchases. Pairs of a name and its rule.
pub const RF_GRID: &[(&str, &str)] = &[
    ("champions", "r_score = 5 AND f_score >= 4"),
    ("loyal", "r_score BETWEEN 3 AND 4 AND f_score >= 4"),
    ("potential_loyalist", "r_score >= 4 AND f_score BETWEEN 2 AND 3"),
    ("new", "r_score = 5 AND f_score = 1"),
    ("promising", "r_score = 4 AND f_score = 1"),
    ("need_attention", "r_score = 3 AND f_score = 3"),
    ("about_to_sleep", "r_score = 3 AND f_score <= 2"),
    ("at_risk", "r_score <= 2 AND f_score BETWEEN 3 AND 4"),
    ("cant_lose", "r_score <= 2 AND f_score = 5"),
    ("hibernating", "r_score <= 2 AND f_score <= 2"),
    ("refund_only", "purchase_periods = 0 AND refund_count > 0"),
    ("prospect", "purchase_periods = 0 AND refund_count = 0"),
];

/// Columns whose values above 0 show that a customer who bought nothing did something else.
const ENGAGEMENT: [&str; 2] = ["interactions", "bids"];

/// The rules of [`RF_GRID`] for a table that has the columns `has` says: where contacts or bids are known, those who made
/// some and never bought are `engaged`, and no `prospect`.
pub fn rf_grid(has: impl Fn(&str) -> bool) -> Vec<(String, String)> {
    let known: Vec<&str> = ENGAGEMENT.into_iter().filter(|&column| has(column)).collect();
    let any = known.iter().map(|column| format!("{column} > 0")).collect::<Vec<_>>().join(" OR ");
    let mut rules: Vec<(String, String)> =
        RF_GRID.iter().map(|(name, when)| ((*name).to_owned(), (*when).to_owned())).collect();
    if let Some((_, prospect)) = rules.last_mut().filter(|_| !known.is_empty()) {
        let engaged = format!("{prospect} AND ({any})");
        *prospect = format!("{prospect} AND NOT ({any})");
        let before_prospect = rules.len() - 1;
        rules.insert(before_prospect, ("engaged".to_owned(), engaged));
    }
    rules
}

/// Segment rules that fit a table.
#[derive(Debug)]
pub(crate) struct Segments {
    set: RuleSet,
    rules: Vec<BoundRule>,
    /// The columns that rules may read.
    columns: Vec<ColumnSpec>,
    /// The scores that the table has.
    rfm: Option<RfmConfig>,
}

/// One rule that fits a table.
#[derive(Debug)]
pub(crate) struct BoundRule {
    set: RuleSet,
    pub(crate) segment: String,
    pub(crate) when: Parsed,
    bound: Bound,
}

/// What a rule says of each row of a batch.
pub(crate) struct Verdict {
    /// True where it is met; never NULL.
    pub(crate) met: BooleanArray,
    /// True where it could not be computed; never NULL. `None` when it could be everywhere.
    pub(crate) faults: Option<BooleanArray>,
}

impl Verdict {
    /// The verdict on customers of whom this one knows the cells.
    fn spread(&self, cells: &[usize]) -> Self {
        let spread = |answers| score_cells::spread(answers, cells);
        Self { met: spread(&self.met), faults: self.faults.as_ref().map(spread) }
    }
}

/// Segment rules, what those that read nothing but scores say of each cell, and who met them so far.
struct FittedSegments<'p> {
    set: RuleSet,
    rules: &'p [BoundRule],
    by_cell: Vec<Option<Verdict>>,
    card: SegmentsCard,
}

impl Segments {
    /// Binds the `rules` of `set` to a table of `columns`, among them the scores of `rfm`.
    pub(crate) fn new(
        set: RuleSet,
        rules: &[SegmentRule],
        columns: &[ColumnSpec],
        rfm: Option<RfmConfig>,
    ) -> Result<Self, ModelError> {
        let types = sql_columns(columns);
        let mut bound: Vec<BoundRule> = Vec::with_capacity(rules.len());
        for rule in rules {
            let taken = bound.iter().any(|before| before.segment == rule.name);
            check_name(set, &rule.name, taken)?;
            bound.push(BoundRule::new(set, rule, &types)?);
        }
        Ok(Self { set, rules: bound, columns: columns.to_vec(), rfm })
    }

    /// The rules ready to be tried on customers. Calls the expression engine: not for use inside a rayon job.
    fn fitted(&self) -> Result<FittedSegments<'_>, ModelError> {
        let card = |rule: &BoundRule| SegmentCard {
            segment: rule.segment.clone(),
            when: rule.when.text().to_owned(),
            customers: 0,
            faults: 0,
        };
        let card = SegmentsCard { rules: self.rules.iter().map(card).collect(), unassigned: 0 };
        Ok(FittedSegments { set: self.set, rules: &self.rules, by_cell: self.verdicts_by_cell()?, card })
    }

    /// What the rules that read nothing but scores say of each cell.
    fn verdicts_by_cell(&self) -> Result<Vec<Option<Verdict>>, ModelError> {
        let cells = score_cells::table()?;
        let of_cells = |rule: &BoundRule| {
            let shared = self.rfm.is_some() && score_cells::only_scores(rule.when.columns().iter());
            shared.then(|| rule.evaluate(&cells)).transpose()
        };
        self.rules.iter().map(of_cells).collect()
    }
}

impl Model for Segments {
    fn columns(&self) -> Vec<ColumnSpec> {
        let of = match self.set {
            RuleSet::Objective => "by recorded facts, ",
            RuleSet::Subjective => "by what is felt and said, ",
            RuleSet::Segments | RuleSet::Suppress => "",
        };
        let meaning = format!("{of}segment whose rule the customer is the first to meet; `unassigned` without one");
        vec![ColumnSpec::required(self.set.column(), ColumnType::String, "", &meaning)]
    }

    fn fit_inputs(&self) -> Vec<String> {
        Vec::new()
    }

    fn inputs(&self) -> Vec<String> {
        self.rules.iter().flat_map(BoundRule::columns).cloned().collect()
    }

    fn fit(&self, _table: &[RecordBatch]) -> Result<Box<dyn Fitted + '_>, ModelError> {
        Ok(Box::new(self.fitted()?))
    }

    fn thaw(&self, _card: &ModelCard) -> Result<Box<dyn Fitted + '_>, ModelError> {
        Ok(Box::new(self.fitted()?))
    }

    fn lint(&self) -> Result<Vec<Lint>, ModelError> {
        let findings = lint::lint(self.rfm.as_ref(), &self.columns, &self.rules)?;
        Ok(findings.into_iter().map(|finding| Lint { set: self.set, finding }).collect())
    }
}

impl Fitted for FittedSegments<'_> {
    fn apply(&mut self, _first: usize, table: &[RecordBatch]) -> Result<Vec<Vec<ArrayRef>>, ModelError> {
        table.iter().map(|batch| Ok(vec![self.segments(batch)?])).collect()
    }

    fn record(self: Box<Self>, card: &mut ModelCard) {
        let place = match self.set {
            RuleSet::Objective => &mut card.objective_segments,
            RuleSet::Subjective => &mut card.subjective_segments,
            RuleSet::Segments | RuleSet::Suppress => &mut card.segments,
        };
        *place = Some(self.card);
    }
}

impl FittedSegments<'_> {
    /// The `segment` column of `batch`; counts who met which rule. Calls the expression engine: not for use inside a
    /// rayon job.
    fn segments(&mut self, batch: &RecordBatch) -> Result<ArrayRef, ModelError> {
        let cells = score_cells::rows_of(batch);
        let mut open = BooleanArray::from(vec![true; batch.num_rows()]);
        let mut chosen = vec![UNASSIGNED; batch.num_rows()];
        for ((rule, by_cell), card) in self.rules.iter().zip(&self.by_cell).zip(&mut self.card.rules) {
            if open.true_count() == 0 {
                break;
            }
            let verdict = match (by_cell, &cells) {
                (Some(verdict), Some(cells)) => verdict.spread(cells),
                _ => rule.evaluate(batch)?,
            };
            if let Some(faults) = &verdict.faults {
                card.faults += count_both(&open, faults);
            }
            card.customers += count_both(&open, &verdict.met);
            for row in (open.values() & verdict.met.values()).set_indices() {
                chosen[row] = &rule.segment;
            }
            open = and_not(&open, &verdict.met)?;
        }
        self.card.unassigned += open.true_count() as u64;
        let bytes = chosen.iter().map(|segment| segment.len()).sum();
        let mut segments = StringBuilder::with_capacity(chosen.len(), bytes);
        for segment in chosen {
            segments.append_value(segment);
        }
        Ok(Arc::new(segments.finish()))
    }
}

/// The columns that expressions can read.
pub(crate) fn sql_columns(columns: &[ColumnSpec]) -> Vec<(String, SqlType)> {
    let sql_type = |column: &ColumnSpec| Some((column.name.clone(), SqlType::of(&column.column_type.arrow())?));
    columns.iter().filter_map(sql_type).collect()
}

fn count_both(a: &BooleanArray, b: &BooleanArray) -> u64 {
    (a.values() & b.values()).count_set_bits() as u64
}

fn check_name(set: RuleSet, name: &str, taken: bool) -> Result<(), ModelError> {
    let why = if name.trim().is_empty() {
        "it is blank"
    } else if name == UNASSIGNED {
        "it stands for customers who meet no rule"
    } else if taken {
        "another rule has it; join the two conditions with OR"
    } else {
        return Ok(());
    };
    Err(ModelError::SegmentName { set, name: name.to_owned(), why })
}

impl BoundRule {
    /// The columns it reads.
    pub(crate) fn columns(&self) -> impl Iterator<Item = &String> {
        self.bound.columns().iter()
    }

    /// Binds `rule` of `set` to a table of `columns`.
    ///
    /// # Errors
    /// [`ModelError::Rule`], [`ModelError::RuleType`] when it does not fit them or is no condition.
    pub(crate) fn new(set: RuleSet, rule: &SegmentRule, columns: &[(String, SqlType)]) -> Result<Self, ModelError> {
        let segment = rule.name.clone();
        let bound = match rule.when.bind(columns) {
            Ok(bound) => bound,
            Err(source) => return Err(ModelError::Rule { set, segment, source: Box::new(source) }),
        };
        if bound.sql_type() != SqlType::Boolean {
            return Err(ModelError::RuleType { set, segment, found: bound.sql_type().name() });
        }
        Ok(Self { set, segment, when: rule.when.clone(), bound })
    }

    /// Evaluates the rule on `batch`.
    pub(crate) fn evaluate(&self, batch: &RecordBatch) -> Result<Verdict, ModelError> {
        let evaluated = self.bound.evaluate(batch).map_err(|source| ModelError::Evaluation {
            set: self.set,
            segment: self.segment.clone(),
            source: Box::new(source),
        })?;
        let true_only = |array: &BooleanArray| {
            if array.null_count() == 0 { array.clone() } else { prep_null_mask_filter(array) }
        };
        let values = evaluated.values.as_boolean_opt().ok_or_else(|| ModelError::RuleType {
            set: self.set,
            segment: self.segment.clone(),
            found: evaluated.values.data_type().to_string(),
        })?;
        let met = true_only(values);
        let faults = evaluated.faults.as_ref().map(true_only);
        let met = match &faults {
            Some(faults) => and_not(&met, faults)?,
            None => met,
        };
        Ok(Verdict { met, faults })
    }
}
