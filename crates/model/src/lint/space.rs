//! The customers that rules are tried on: kinds of customers, times values of the columns that rules read.

use std::sync::Arc;

use appraise_expression::{Parsed, Tests};
use appraise_schema::{ColumnSpec, hash};
use arrow::array::{Array, ArrayRef, AsArray, Int32Array, RecordBatch, UInt64Array};
use arrow::compute::take;
use arrow::datatypes::{Field, Int64Type, Schema};

use super::finding::GridRow;
use super::values::representatives;
use crate::config::RfmConfig;
use crate::error::ModelError;
use crate::rfm;

/// Columns of which all values are tried where there are scores.
const SCORES: &[&str] = &["r_score", "f_score", "m_score", "rfm_cell", "rfm_score"];

/// Columns that depend on the kind of customer.
const COUNTS: &[&str] = &["purchase_periods", "orders", "refund_count"];

/// Most customers that are tried.
const MOST: usize = 1 << 16;

/// The customers that some rules are tried on, and how they are told apart.
pub(super) struct Space {
    pub(super) kinds: Vec<GridRow>,
    dimensions: Vec<Dimension>,
    /// Numbers of the customers' kinds.
    pub(super) kind_of: Vec<usize>,
    /// All customers there could be.
    pub(super) of: u128,
    pub(super) table: RecordBatch,
}

/// A column beside the scores.
struct Dimension {
    name: String,
    values: ArrayRef,
    /// Numbers of the values that buyers, customers with refunds only, and prospects may have.
    allowed: [Vec<usize>; 3],
}

/// What a rule reads, in numbers of dimensions.
pub(super) struct Reads {
    kinds: bool,
    dimensions: Vec<usize>,
}

/// Whether all values of the column are tried.
pub(super) fn is_score(rfm: Option<&RfmConfig>, column: &str) -> bool {
    rfm.is_some() && SCORES.contains(&column)
}

/// The columns for whose sake a rule is not tried: computed with, or compared with something else than they hold.
pub(super) fn undecided(rfm: Option<&RfmConfig>, columns: &[ColumnSpec], rule: &Parsed) -> Vec<String> {
    let Tests { compared, computed } = rule.tests(|column| is_score(rfm, column));
    let odd = compared.into_iter().filter(|(name, literals)| {
        let spec = columns.iter().find(|column| column.name == *name);
        !is_score(rfm, name) && spec.is_none_or(|spec| representatives(spec, literals).is_none())
    });
    computed.into_iter().chain(odd.map(|(name, _)| name)).collect()
}

impl Space {
    /// The customers that `rules`, all of them decided, tell apart; or some of them, where there are too many.
    pub(super) fn new(rfm: Option<&RfmConfig>, columns: &[ColumnSpec], rules: &[&Parsed]) -> Result<Self, ModelError> {
        let tests: Vec<Tests> = rules.iter().map(|rule| rule.tests(|column| is_score(rfm, column))).collect();
        let reads_scores = tests.iter().flat_map(|tests| tests.compared.keys()).any(|name| is_score(rfm, name))
            || rules.iter().flat_map(|rule| rule.columns()).any(|name| is_score(rfm, name));
        let scores = rfm.filter(|_| reads_scores);
        let dimensions = dimensions(rfm, columns, &tests);
        let reads: Vec<Reads> = rules.iter().map(|rule| Reads::of(rfm, &dimensions, rule)).collect();
        let mut draw = Draw::new(kinds(scores), dimensions);
        let everything = Reads { kinds: true, dimensions: (0..draw.dimensions.len()).collect() };
        let of = draw.combinations(&everything);
        if of <= MOST as u128 {
            draw.take(&everything, MOST);
        } else {
            for reads in &reads {
                draw.take(reads, MOST / rules.len());
            }
            while draw.kind_of.len() < MOST {
                draw.push(None, &[]);
            }
        }
        draw.space(scores, of)
    }

    /// The columns beside the scores that `rules` read.
    pub(super) fn columns_of(&self, rules: &[&Parsed]) -> Vec<String> {
        let read = |name: &&String| rules.iter().any(|rule| rule.columns().contains(*name));
        self.dimensions.iter().map(|dimension| &dimension.name).filter(read).cloned().collect()
    }
}

impl Reads {
    fn of(rfm: Option<&RfmConfig>, dimensions: &[Dimension], rule: &Parsed) -> Self {
        let depends = |name: &String| is_score(rfm, name) || COUNTS.contains(&name.as_str());
        let read = |(_, dimension): &(usize, &Dimension)| rule.columns().contains(&dimension.name);
        Self {
            kinds: rule.columns().iter().any(depends),
            dimensions: dimensions.iter().enumerate().filter(read).map(|(number, _)| number).collect(),
        }
    }
}

fn kinds(scores: Option<&RfmConfig>) -> Vec<GridRow> {
    let scale = 1..=scores.map_or(0, |config| i32::from(config.bins));
    let mut kinds = if scores.is_some() { Vec::new() } else { vec![GridRow::Buyer] };
    for r in scale.clone() {
        for f in scale.clone() {
            kinds.extend(scale.clone().map(|m| GridRow::Cell { r, f, m }));
        }
    }
    kinds.extend([GridRow::RefundOnly, GridRow::Prospect]);
    kinds
}

/// The columns beside scores that are compared with constants.
fn dimensions(rfm: Option<&RfmConfig>, columns: &[ColumnSpec], tests: &[Tests]) -> Vec<Dimension> {
    let dimension = |column: &ColumnSpec| {
        let compared: Vec<_> = tests.iter().filter_map(|tests| tests.compared.get(&column.name)).collect();
        if is_score(rfm, &column.name) || compared.is_empty() {
            return None;
        }
        let mut literals: Vec<_> = compared.into_iter().flatten().cloned().collect();
        if COUNTS.contains(&column.name.as_str()) {
            literals.push(appraise_expression::Literal::Exact { unscaled: 0, scale: 0 });
        }
        let values = representatives(column, &literals)?;
        let allowed = allowed(&column.name, &values);
        Some(Dimension { name: column.name.clone(), values, allowed })
    };
    columns.iter().filter_map(dimension).collect()
}

/// Who bought has orders in some period, who has refunds only has refunds and no orders, prospects have neither.
fn allowed(name: &str, values: &ArrayRef) -> [Vec<usize>; 3] {
    let all = || (0..values.len()).collect::<Vec<usize>>();
    let Some(counts) = values.as_primitive_opt::<Int64Type>().filter(|_| COUNTS.contains(&name)) else {
        return [all(), all(), all()];
    };
    let those = |may: fn(i64) -> bool| all().into_iter().filter(|&place| may(counts.value(place))).collect();
    match name {
        "refund_count" => [those(|count| count >= 0), those(|count| count > 0), those(|count| count == 0)],
        _ => [those(|count| count > 0), those(|count| count == 0), those(|count| count == 0)],
    }
}

/// Customers while they are chosen.
struct Draw {
    kinds: Vec<GridRow>,
    dimensions: Vec<Dimension>,
    kind_of: Vec<usize>,
    /// Of each dimension, numbers of the customers' values.
    value_of: Vec<Vec<usize>>,
    /// Customers at random so far.
    counter: u64,
}

impl Draw {
    fn new(kinds: Vec<GridRow>, dimensions: Vec<Dimension>) -> Self {
        let value_of = vec![Vec::new(); dimensions.len()];
        Self { kinds, dimensions, kind_of: Vec::new(), value_of, counter: 0 }
    }

    fn allowed(&self, dimension: usize, kind: usize) -> &[usize] {
        let place = match self.kinds[kind] {
            GridRow::Cell { .. } | GridRow::Buyer => 0,
            GridRow::RefundOnly => 1,
            GridRow::Prospect => 2,
        };
        &self.dimensions[dimension].allowed[place]
    }

    /// How many customers `reads` tells apart.
    fn combinations(&self, reads: &Reads) -> u128 {
        let of_kind = |kind: usize| {
            let values = reads.dimensions.iter().map(|&dimension| self.allowed(dimension, kind).len() as u128);
            values.fold(1_u128, u128::saturating_mul)
        };
        let kinds = if reads.kinds { self.kinds.len() } else { 1 };
        (0..kinds).map(of_kind).fold(0, u128::saturating_add)
    }

    /// Takes all customers that `reads` tells apart, or `most` of them at random; what it does not read is random.
    fn take(&mut self, reads: &Reads, most: usize) {
        if self.combinations(reads) > most as u128 {
            (0..most).for_each(|_| self.push(None, &[]));
            return;
        }
        for kind in 0..if reads.kinds { self.kinds.len() } else { 1 } {
            let mut places = vec![0; reads.dimensions.len()];
            loop {
                let fixed: Vec<(usize, usize)> = reads
                    .dimensions
                    .iter()
                    .zip(&places)
                    .map(|(&dimension, &place)| (dimension, self.allowed(dimension, kind)[place]))
                    .collect();
                self.push(reads.kinds.then_some(kind), &fixed);
                if !self.advance(reads, kind, &mut places) {
                    break;
                }
            }
        }
    }

    /// The next places as an odometer has them; false after the last.
    fn advance(&self, reads: &Reads, kind: usize, places: &mut [usize]) -> bool {
        for (place, &dimension) in places.iter_mut().zip(&reads.dimensions) {
            *place += 1;
            if *place < self.allowed(dimension, kind).len() {
                return true;
            }
            *place = 0;
        }
        false
    }

    fn push(&mut self, kind: Option<usize>, fixed: &[(usize, usize)]) {
        let kind = kind.unwrap_or_else(|| self.random(self.kinds.len()));
        self.kind_of.push(kind);
        for dimension in 0..self.dimensions.len() {
            let value = fixed.iter().find(|(of, _)| *of == dimension).map(|(_, value)| *value);
            let value = value.unwrap_or_else(|| {
                let place = self.random(self.allowed(dimension, kind).len());
                self.allowed(dimension, kind)[place]
            });
            self.value_of[dimension].push(value);
        }
    }

    /// A number below `below`: always the same sequence.
    fn random(&mut self, below: usize) -> usize {
        self.counter += 1;
        let drawn = hash::of_integer(self.counter.cast_signed()) % below as u64;
        usize::try_from(drawn).unwrap_or_default()
    }

    fn space(self, scores: Option<&RfmConfig>, of: u128) -> Result<Space, ModelError> {
        let kinds = places(&self.kind_of);
        let mut columns: Vec<(String, ArrayRef)> = Vec::new();
        if let Some(config) = scores {
            for (name, of_kinds) in score_columns(config, &self.kinds) {
                columns.push((name.to_owned(), take(&of_kinds, &kinds, None)?));
            }
        }
        for (dimension, values) in self.dimensions.iter().zip(self.value_of) {
            columns.push((dimension.name.clone(), take(&dimension.values, &places(&values), None)?));
        }
        let field = |(name, array): &(String, ArrayRef)| Field::new(name, array.data_type().clone(), true);
        let schema = Arc::new(Schema::new(columns.iter().map(field).collect::<Vec<_>>()));
        let arrays = columns.into_iter().map(|(_, array)| array).collect();
        let options = arrow::array::RecordBatchOptions::new().with_row_count(Some(self.kind_of.len()));
        let table = RecordBatch::try_new_with_options(schema, arrays, &options)?;
        Ok(Space { kinds: self.kinds, dimensions: self.dimensions, kind_of: self.kind_of, of, table })
    }
}

fn places(numbers: &[usize]) -> UInt64Array {
    numbers.iter().map(|&number| number as u64).collect()
}

/// The score columns of each kind.
fn score_columns(config: &RfmConfig, kinds: &[GridRow]) -> [(&'static str, ArrayRef); 5] {
    let score = |pick: fn(i32, i32, i32) -> i32| -> Int32Array {
        let pick = |row: &GridRow| if let GridRow::Cell { r, f, m } = row { Some(pick(*r, *f, *m)) } else { None };
        kinds.iter().map(pick).collect()
    };
    let (r, f, m) = (score(|r, _, _| r), score(|_, f, _| f), score(|_, _, m| m));
    [
        ("rfm_cell", rfm::cells(config.bins, &r, &f, &m)),
        ("rfm_score", rfm::weighted_means(config, &r, &f, &m)),
        ("r_score", Arc::new(r)),
        ("f_score", Arc::new(f)),
        ("m_score", Arc::new(m)),
    ]
}
