//! What moved the figures: the data, the cut-offs fitted to it, or what was asked of the models.

use std::collections::{BTreeMap, BTreeSet};

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::{DataType, Float64Type};
use serde::Serialize;

use super::columns::Compared;
use super::exact::Exact;
use crate::columns::{money, texts, typed};
use crate::error::ModelError;

/// Decimal places of the sum of a score.
const SCORE_SCALE: u8 = 6;
/// Parts that each score is rounded to before it is summed.
const SCORE_PARTS: f64 = 1e6;

/// Sums over the customers of one scoring: how many are in each class, their money, their scores.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Totals {
    /// Customers by class, of each column of classes.
    classes: Vec<BTreeMap<Option<String>, i128>>,
    /// Minor units, of each column of money.
    money: Vec<i128>,
    /// Millionths, of each score.
    scores: Vec<i128>,
}

impl Totals {
    /// Nobody's.
    #[must_use]
    pub fn new(compared: &Compared) -> Self {
        Self {
            classes: vec![BTreeMap::new(); compared.classes.len()],
            money: vec![0; compared.money.len()],
            scores: vec![0; compared.scores.len()],
        }
    }

    /// Adds the customers of `batch`. NULL is a class of its own, and adds nothing to a sum.
    ///
    /// # Errors
    /// [`ModelError::Column`] when a column is absent or of another type.
    #[expect(clippy::cast_possible_truncation, reason = "a score is finite, and a million times it fits 128 bits")]
    pub fn observe(&mut self, compared: &Compared, batch: &RecordBatch) -> Result<(), ModelError> {
        for (column, counts) in texts(&compared.classes, batch)?.into_iter().zip(&mut self.classes) {
            for class in column {
                *counts.entry(class.map(str::to_owned)).or_default() += 1;
            }
        }
        for ((name, _), sum) in compared.money.iter().zip(&mut self.money) {
            *sum += money(batch, name)?.iter().flatten().map(i128::from).sum::<i128>();
        }
        for (name, sum) in compared.scores.iter().zip(&mut self.scores) {
            let scores = typed(batch, name, &DataType::Float64)?.as_primitive::<Float64Type>();
            *sum += scores.iter().flatten().map(|score| libm::rint(score * SCORE_PARTS) as i128).sum::<i128>();
        }
        Ok(())
    }

    /// The class of column `name` whose share of the customers differs most from that in `new`, with the difference; the first of
    /// several by name. `None` where the column is not compared or either has no customers.
    #[must_use]
    pub fn greatest_shift(&self, new: &Self, compared: &Compared, name: &str) -> Option<(Option<String>, f64)> {
        let column = compared.classes.iter().position(|class| class == name)?;
        let (base, new) = (&self.classes[column], &new.classes[column]);
        let (base_all, new_all) = (base.values().sum::<i128>(), new.values().sum::<i128>());
        if base_all == 0 || new_all == 0 {
            return None;
        }
        let share = |of: &BTreeMap<Option<String>, i128>, class, all: i128| {
            of.get(class).copied().unwrap_or_default() as f64 / all as f64
        };
        let classes: BTreeSet<&Option<String>> = base.keys().chain(new.keys()).collect();
        let shifts =
            classes.into_iter().map(|class| (class, share(new, class, new_all) - share(base, class, base_all)));
        let greatest = shifts.rev().max_by(|a, b| a.1.abs().total_cmp(&b.1.abs()));
        greatest.map(|(class, shift)| (class.clone(), shift))
    }
}

/// What moved one figure; `base`, the three effects and nothing else add up to `new`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Effect {
    /// The column.
    pub column: String,
    /// The class whose customers are counted; `None` for NULL, and where `column` is summed.
    pub class: Option<String>,
    /// The figure of the base.
    pub base: Exact,
    /// What came by other customers and features.
    pub data: Exact,
    /// What came by fitting anew.
    pub cut_offs: Exact,
    /// What came by asking something else of the models.
    pub weights: Exact,
    /// The figure of the new table.
    pub new: Exact,
}

/// The effects on every figure of four scorings: the base; the new features by the base's card; by the base's configuration, fitted
/// anew; the new table.
#[must_use]
pub fn effects(compared: &Compared, scorings: [&Totals; 4]) -> Vec<Effect> {
    let effect = |column: &str, class: Option<String>, scale: Option<u8>, units: [i128; 4]| {
        let [base, data, cut_offs, new] = units;
        let exact = |units| Exact { units, scale };
        Effect {
            column: column.to_owned(),
            class,
            base: exact(base),
            data: exact(data - base),
            cut_offs: exact(cut_offs - data),
            weights: exact(new - cut_offs),
            new: exact(new),
        }
    };
    let mut effects = Vec::new();
    for (number, column) in compared.classes.iter().enumerate() {
        let all: BTreeSet<&Option<String>> = scorings.iter().flat_map(|totals| totals.classes[number].keys()).collect();
        for class in all {
            let units = scorings.map(|totals| totals.classes[number].get(class).copied().unwrap_or_default());
            effects.push(effect(column, class.clone(), None, units));
        }
    }
    for (number, (column, scale)) in compared.money.iter().enumerate() {
        effects.push(effect(column, None, Some(*scale), scorings.map(|totals| totals.money[number])));
    }
    for (number, column) in compared.scores.iter().enumerate() {
        effects.push(effect(column, None, Some(SCORE_SCALE), scorings.map(|totals| totals.scores[number])));
    }
    effects
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn compared() -> Compared {
        Compared {
            classes: vec!["segment".to_owned()],
            money: vec![("clv".to_owned(), 2)],
            scores: vec!["value_index".to_owned()],
            numbers: Vec::new(),
        }
    }

    prop_compose! {
        fn totals()(
            counts in prop::collection::btree_map(prop::option::of("[ab]"), 0_i128..9, 0..4),
            money in any::<i64>(), score in any::<i64>(),
        ) -> Totals {
            Totals { classes: vec![counts], money: vec![i128::from(money)], scores: vec![i128::from(score)] }
        }
    }

    fn of_segments(counts: &[(&str, i128)]) -> Totals {
        let counts = counts.iter().map(|(name, count)| (Some((*name).to_owned()), *count)).collect();
        Totals { classes: vec![counts], money: vec![0], scores: vec![0] }
    }

    #[test]
    fn the_greatest_shift_is_one_of_shares() {
        let base = of_segments(&[("a", 50), ("b", 30), ("c", 20)]);
        let new = of_segments(&[("a", 100), ("b", 20), ("d", 80)]);
        // 50, 30, 20, 0 and 50, 10, 0, 40 of a hundred.
        let (segment, shift) = base.greatest_shift(&new, &compared(), "segment").unwrap();
        assert_eq!((segment.as_deref(), shift), (Some("d"), 0.4));
        assert_eq!(base.greatest_shift(&of_segments(&[]), &compared(), "segment"), None);
        assert_eq!(base.greatest_shift(&new, &compared(), "value_tier"), None);
        let even = of_segments(&[("a", 1), ("b", 1)]);
        assert_eq!(
            even.greatest_shift(&of_segments(&[("a", 1)]), &compared(), "segment").unwrap().0.as_deref(),
            Some("a")
        );
    }

    proptest! {
        #[test]
        fn effects_add_up_exactly(scorings in prop::array::uniform4(totals())) {
            let [base, by_card, by_fit, new] = &scorings;
            let found = effects(&compared(), [base, by_card, by_fit, new]);
            for effect in &found {
                let parts = [effect.base, effect.data, effect.cut_offs, effect.weights];
                prop_assert_eq!(parts.iter().map(|part| part.units).sum::<i128>(), effect.new.units);
            }
            let clv = found.iter().find(|effect| effect.column == "clv").unwrap();
            prop_assert_eq!((clv.base.units, clv.new.units), (base.money[0], new.money[0]));
            prop_assert_eq!(clv.data.units + clv.base.units, by_card.money[0]);
            // Every class of any scoring has its row.
            let classes: std::collections::BTreeSet<_> =
                scorings.iter().flat_map(|totals| totals.classes[0].keys().cloned()).collect();
            prop_assert_eq!(found.iter().filter(|effect| effect.column == "segment").count(), classes.len());
        }
    }
}
