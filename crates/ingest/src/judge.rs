//! Gives every row of a batch its state: used, filtered, after `as_of`, or the first rule it fails.

use std::collections::{BTreeMap, BTreeSet};

use appraise_schema::source::ColumnRole;
use arrow::array::{Array, BooleanArray};
use arrow::buffer::{BooleanBuffer, NullBuffer};
use arrow::error::ArrowError;

use crate::columns::amount::{Amounts, Reading};
use crate::columns::id::{IdValues, Ids};
use crate::columns::time::{Clock, Days};
use crate::columns::zone::{AFTER, BEFORE};
use crate::columns::{Values, flags};
use crate::config::Severity;
use crate::mapping::{WHERE, Wanted};
use crate::reasons::{AFTER_AS_OF, FIRST_RULE, RowRule, Rule, USED};

/// A column in canonical shape.
#[derive(Debug, Clone)]
pub(crate) enum Column {
    Ids(Ids),
    Days(Days),
    Amounts(Amounts),
    Flags { set: BooleanBuffer, faults: Option<BooleanBuffer> },
    Other { faults: Option<BooleanBuffer> },
}

impl Column {
    pub(crate) fn new(role: ColumnRole, values: &Values, clock: &mut Clock, scale: u8) -> Result<Self, ArrowError> {
        Ok(match role {
            ColumnRole::Id | ColumnRole::Text => Self::Ids(Ids::new(values)?),
            ColumnRole::Time => Self::Days(clock.days(values)?),
            ColumnRole::Amount => Self::Amounts(Amounts::new(values, scale)?),
            ColumnRole::Flag => match values.array.as_any().downcast_ref::<BooleanArray>() {
                Some(array) => Self::Flags { set: flags(array), faults: values.faults.clone() },
                None => return Err(ArrowError::CastError(format!("{} is no flag", values.array.data_type()))),
            },
            ColumnRole::Number => Self::Other { faults: values.faults.clone() },
        })
    }

    fn nulls(&self) -> Option<&NullBuffer> {
        match self {
            Self::Ids(ids) => ids.nulls.as_ref(),
            Self::Days(days) => days.nulls.as_ref(),
            Self::Amounts(amounts) => amounts.nulls.as_ref(),
            Self::Flags { .. } | Self::Other { .. } => None,
        }
    }

    fn faults(&self) -> Option<&BooleanBuffer> {
        match self {
            Self::Ids(ids) => ids.faults.as_ref(),
            Self::Days(days) => days.faults.as_ref(),
            Self::Amounts(_) => None,
            Self::Flags { faults, .. } | Self::Other { faults } => faults.as_ref(),
        }
    }
}

/// The canonical columns of a batch with the state of each row.
#[derive(Debug)]
pub(crate) struct Judged {
    pub(crate) columns: BTreeMap<&'static str, Column>,
    /// The values as delivered, for the quarantine table and the content digest.
    pub(crate) values: BTreeMap<&'static str, Values>,
    pub(crate) state: Vec<u8>,
    /// Rows kept although they fail a rule of severity `warn`, by position of the rule.
    pub(crate) warned: Vec<(usize, u64)>,
}

impl Judged {
    /// Judges rows whose `state` the filter has set.
    pub(crate) fn new(
        wanted: &[Wanted<'_>],
        columns: BTreeMap<&'static str, Column>,
        values: BTreeMap<&'static str, Values>,
        state: Vec<u8>,
        rules: &[RowRule],
        as_of_day: i32,
    ) -> Self {
        debug_assert!(wanted.iter().all(|column| column.name == WHERE || columns.contains_key(column.name)));
        let mut judged = Self { columns, values, state, warned: Vec::new() };
        judged.leave_out_later(as_of_day);
        for (code, rule) in (FIRST_RULE..).zip(rules).filter(|(_, rule)| rule.severity == Severity::Error) {
            judged.visit(rule, |state| *state = code);
        }
        for (position, rule) in rules.iter().enumerate().filter(|(_, rule)| rule.severity == Severity::Warn) {
            let mut rows = 0;
            judged.visit(rule, |_| rows += 1);
            if rows > 0 {
                judged.warned.push((position, rows));
            }
        }
        judged
    }

    fn leave_out_later(&mut self, as_of_day: i32) {
        let Some(Column::Days(days)) = self.columns.get("time") else { return };
        if days.bounds.1 <= as_of_day {
            return;
        }
        let unreadable = |row| days.faults.as_ref().is_some_and(|faults| faults.value(row));
        let late = |row: usize, day: i32| {
            day > as_of_day && day < AFTER && days.nulls.as_ref().is_none_or(|n| n.is_valid(row)) && !unreadable(row)
        };
        for ((row, &day), state) in days.day.iter().enumerate().zip(&mut self.state) {
            if day > as_of_day && *state == USED && late(row, day) {
                *state = AFTER_AS_OF;
            }
        }
    }

    /// Calls `fail` with the state of every row that is used so far and fails `rule`.
    fn visit(&mut self, rule: &RowRule, fail: impl FnMut(&mut u8)) {
        let Some(column) = self.columns.get(rule.column) else { return };
        let state = &mut self.state;
        match (&rule.rule, column) {
            (Rule::Unreadable, Column::Amounts(amounts)) => readings(state, amounts, Reading::Unreadable, fail),
            (Rule::NotFinite, Column::Amounts(amounts)) => readings(state, amounts, Reading::NotFinite, fail),
            (Rule::Overflow, Column::Amounts(amounts)) => readings(state, amounts, Reading::Overflow, fail),
            (Rule::Unreadable, column) => {
                if let Some(faults) = column.faults() {
                    each(state, |row| faults.value(row), fail);
                }
            }
            (Rule::Missing, column) => {
                if let Some(nulls) = column.nulls() {
                    each(state, |row| nulls.is_null(row), fail);
                }
            }
            (Rule::OutOfRange, Column::Days(days)) if days.bounds.0 <= BEFORE || days.bounds.1 >= AFTER => {
                present(state, column, |row| days.day[row] <= BEFORE || days.day[row] >= AFTER, fail);
            }
            (Rule::Before(min), Column::Days(days)) if days.bounds.0 < *min => {
                present(state, column, |row| days.day[row] < *min, fail);
            }
            (Rule::After(max), Column::Days(days)) if days.bounds.1 > *max => {
                present(state, column, |row| days.day[row] > *max, fail);
            }
            (Rule::Below(min), Column::Amounts(amounts)) => {
                present(state, column, |row| amounts.minor[row] < *min, fail);
            }
            (Rule::Above(max), Column::Amounts(amounts)) => {
                present(state, column, |row| amounts.minor[row] > *max, fail);
            }
            (Rule::Blank, Column::Ids(ids)) => {
                if let IdValues::Text(texts) = &ids.values {
                    present(state, column, |row| texts.value(row).trim().is_empty(), fail);
                }
            }
            (Rule::NotAccepted(accepted), Column::Ids(ids)) => not_accepted(state, column, ids, accepted, fail),
            _ => {}
        }
    }
}

#[inline]
fn each(state: &mut [u8], fails: impl Fn(usize) -> bool, mut fail: impl FnMut(&mut u8)) {
    for (row, state) in state.iter_mut().enumerate() {
        if *state == USED && fails(row) {
            fail(state);
        }
    }
}

/// As [`each`], on rows that are not NULL.
#[inline]
fn present(state: &mut [u8], column: &Column, fails: impl Fn(usize) -> bool, fail: impl FnMut(&mut u8)) {
    match column.nulls() {
        None => each(state, fails, fail),
        Some(nulls) => each(state, |row| nulls.is_valid(row) && fails(row), fail),
    }
}

fn readings(state: &mut [u8], amounts: &Amounts, which: Reading, fail: impl FnMut(&mut u8)) {
    let Some(readings) = &amounts.readings else { return };
    // The value under a fault is meaningless, NULL or not.
    let valid = |row| which == Reading::Unreadable || amounts.nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row));
    each(state, |row| readings[row] == which && valid(row), fail);
}

fn not_accepted(state: &mut [u8], column: &Column, ids: &Ids, accepted: &BTreeSet<String>, fail: impl FnMut(&mut u8)) {
    match &ids.values {
        IdValues::Text(texts) => present(state, column, |row| !accepted.contains(texts.value(row)), fail),
        IdValues::Integer(values) => {
            let accepted: BTreeSet<i64> = accepted.iter().filter_map(|value| value.parse().ok()).collect();
            present(state, column, |row| !accepted.contains(&values[row]), fail);
        }
    }
}
