//! Gives every row of a batch its state: used, filtered, after `known_by` or `as_of`, or the first rule it fails.

use std::collections::BTreeSet;

use appraise_schema::source::ColumnRole;
use arrow::array::{Array, BooleanArray};
use arrow::buffer::{BooleanBuffer, NullBuffer};
use arrow::error::ArrowError;

use crate::columns::amount::{Amounts, Reading};
use crate::columns::id::{IdValues, Ids};
use crate::columns::number::Numbers;
use crate::columns::time::{Clock, Days};
use crate::columns::zone::{AFTER, BEFORE};
use crate::columns::{Values, flags, has, nulls_of, without};
use crate::config::Severity;
use crate::plan::{Places, ReadPlan};
use crate::reasons::{AFTER_AS_OF, AFTER_KNOWN_BY, FILTERED, FIRST_RULE, MAX_TEXT_BYTES, RowRule, Rule, USED};

/// A column in canonical shape.
#[derive(Debug, Clone)]
pub(crate) enum Column {
    Ids(Ids),
    Days(Days),
    Amounts(Amounts),
    Numbers(Numbers),
    Flags(Flags),
}

/// A column of flags.
#[derive(Debug, Clone)]
pub(crate) struct Flags {
    /// Not set where NULL.
    pub(crate) set: BooleanBuffer,
    pub(crate) nulls: Option<NullBuffer>,
    /// Rows whose flag could not be computed.
    pub(crate) faults: Option<BooleanBuffer>,
}

impl Column {
    pub(crate) fn new(role: ColumnRole, values: &Values, clock: &mut Clock, scale: u8) -> Result<Self, ArrowError> {
        Ok(match role {
            ColumnRole::Id | ColumnRole::Text => Self::Ids(Ids::new(values)?),
            ColumnRole::Time | ColumnRole::KnownTime => Self::Days(clock.days(values)?),
            ColumnRole::Amount => Self::Amounts(Amounts::new(values, scale)?),
            ColumnRole::Number => Self::Numbers(Numbers::new(values)?),
            ColumnRole::Flag => match values.array.as_any().downcast_ref::<BooleanArray>() {
                Some(array) => {
                    let (nulls, faults) = (nulls_of(array), values.faults.clone());
                    Self::Flags(Flags { set: flags(array), nulls, faults })
                }
                None => return Err(ArrowError::CastError(format!("{} is no flag", values.array.data_type()))),
            },
        })
    }

    pub(crate) fn nulls(&self) -> Option<&NullBuffer> {
        match self {
            Self::Ids(ids) => ids.nulls.as_ref(),
            Self::Days(days) => days.nulls.as_ref(),
            Self::Amounts(amounts) => amounts.nulls.as_ref(),
            Self::Numbers(numbers) => numbers.nulls.as_ref(),
            Self::Flags(flags) => flags.nulls.as_ref(),
        }
    }

    fn faults(&self) -> Option<&BooleanBuffer> {
        match self {
            Self::Ids(ids) => ids.faults.as_ref(),
            Self::Days(days) => days.faults.as_ref(),
            Self::Amounts(_) => None,
            Self::Numbers(numbers) => numbers.faults.as_ref(),
            Self::Flags(flags) => flags.faults.as_ref(),
        }
    }

    /// Whether `row` has a value that can be read.
    #[inline]
    pub(crate) fn has(&self, row: usize) -> bool {
        match self {
            Self::Ids(ids) => ids.has(row),
            Self::Days(days) => days.has(row),
            Self::Amounts(amounts) => amounts.get(row).is_some(),
            Self::Numbers(numbers) => has(numbers.nulls.as_ref(), numbers.faults.as_ref(), row),
            Self::Flags(flags) => has(flags.nulls.as_ref(), flags.faults.as_ref(), row),
        }
    }

    /// Whether `row` is NULL or has a value that can be read.
    fn is_sound(&self, row: usize) -> bool {
        self.has(row)
            || self.nulls().is_some_and(|nulls| nulls.is_null(row)) && !self.faults().is_some_and(|f| f.value(row))
    }

    /// Whether every row has a value that can be read, as far as that is known without looking at the rows.
    pub(crate) fn is_whole(&self) -> bool {
        let readable = match self {
            Self::Days(days) => days.bounds.0 > BEFORE && days.bounds.1 < AFTER,
            Self::Amounts(amounts) => amounts.readings.is_none(),
            Self::Ids(_) | Self::Numbers(_) | Self::Flags(_) => true,
        };
        readable && self.nulls().is_none() && self.faults().is_none()
    }

    /// Makes the `hidden` rows NULL.
    fn hide(&mut self, hidden: &BooleanBuffer) {
        let nulls = match self {
            Self::Ids(ids) => &mut ids.nulls,
            Self::Days(days) => &mut days.nulls,
            Self::Amounts(amounts) => &mut amounts.nulls,
            Self::Numbers(numbers) => &mut numbers.nulls,
            Self::Flags(flags) => &mut flags.nulls,
        };
        *nulls = Some(without(nulls.as_ref(), hidden));
    }
}

/// Makes NULL what is not known on day `as_of`.
pub(crate) fn hide_unknown(columns: &mut [Option<Column>], places: &Places, as_of: i32) {
    let after = |columns: &[Option<Column>], place: usize| match &columns[place] {
        Some(Column::Days(days)) => days.after(as_of),
        _ => None,
    };
    if let Some(open) = places.closes_at.and_then(|place| after(columns, place)) {
        for &place in &places.known_at_close {
            columns[place].iter_mut().for_each(|column| column.hide(&open));
        }
    }
    for &place in &places.known_times {
        if let Some(later) = after(columns, place) {
            columns[place].iter_mut().for_each(|column| column.hide(&later));
        }
    }
}

/// The wanted columns of a batch with the state of each row.
#[derive(Debug)]
pub(crate) struct Judged {
    /// By position of the wanted column; `None` for the filter.
    pub(crate) columns: Vec<Option<Column>>,
    /// The values as delivered, for the quarantine table, the content digest and instants.
    pub(crate) values: Vec<Option<Values>>,
    pub(crate) state: Vec<u8>,
    /// Rows kept although they fail a rule of severity `warn`, by position of the rule.
    pub(crate) warned: Vec<(usize, u64)>,
}

impl Judged {
    /// Judges rows whose `state` the filter has set.
    pub(crate) fn new(
        columns: Vec<Option<Column>>,
        values: Vec<Option<Values>>,
        state: Vec<u8>,
        plan: &ReadPlan<'_>,
    ) -> Self {
        let mut judged = Self { columns, values, state, warned: Vec::new() };
        if let Some(known_by) = plan.config.known_by {
            judged.leave_out(plan.places.loaded_at, known_by.day(), |state| *state = AFTER_KNOWN_BY);
        }
        judged.leave_out(plan.places.time, plan.config.as_of.day(), |state| {
            if *state == USED {
                *state = AFTER_AS_OF;
            }
        });
        for (code, rule) in (FIRST_RULE..).zip(&plan.rules).filter(|(_, rule)| rule.severity == Severity::Error) {
            judged.visit(rule, |state| *state = code);
        }
        for (position, rule) in plan.rules.iter().enumerate().filter(|(_, rule)| rule.severity == Severity::Warn) {
            let mut rows = 0;
            judged.visit(rule, |_| rows += 1);
            if rows > 0 {
                judged.warned.push((position, rows));
            }
        }
        judged
    }

    /// The column at `place` of the wanted ones.
    pub(crate) fn column(&self, place: Option<usize>) -> Option<&Column> {
        self.columns.get(place?)?.as_ref()
    }

    /// The amounts that the books keep.
    pub(crate) fn amounts(&self, places: &Places) -> Option<&Amounts> {
        match self.column(places.amount) {
            Some(Column::Amounts(amounts)) => Some(amounts),
            _ => None,
        }
    }

    /// Calls `leave` with the state of every row whose time at `place` lies after day `limit`.
    fn leave_out(&mut self, place: Option<usize>, limit: i32, leave: impl Fn(&mut u8)) {
        let Some(Some(Column::Days(days))) = place.and_then(|place| self.columns.get(place)) else { return };
        if days.bounds.1 <= limit {
            return;
        }
        for ((row, &day), state) in days.day.iter().enumerate().zip(&mut self.state) {
            if day > limit && days.has(row) {
                leave(state);
            }
        }
    }

    /// Which of the filtered rows have a key, an identity and a time of delivery that can be read. The time of delivery may
    /// be NULL, and so may a key that no row needs.
    pub(crate) fn withdrawn(&self, plan: &ReadPlan<'_>) -> impl Fn(usize) -> bool {
        let places = &plan.places;
        let key = self.column(places.key);
        let needs_key = places.key.is_some_and(|place| plan.wanted[place].required);
        let named = self.column(places.identity);
        let delivered = self.column(places.loaded_at);
        move |row| {
            self.state[row] == FILTERED
                && key.is_none_or(|key| if needs_key { key.has(row) } else { key.is_sound(row) })
                && named.is_none_or(|named| named.has(row))
                && delivered.is_none_or(|delivered| delivered.is_sound(row))
        }
    }

    /// Calls `fail` with the state of every row that is used so far and fails `rule`.
    fn visit(&mut self, rule: &RowRule, fail: impl FnMut(&mut u8)) {
        let Some(Some(column)) = self.columns.get(rule.column) else { return };
        let state = &mut self.state;
        match (&rule.rule, column) {
            (Rule::Unreadable, Column::Amounts(amounts)) => readings(state, amounts, Reading::Unreadable, fail),
            (Rule::NotFinite, Column::Amounts(amounts)) => readings(state, amounts, Reading::NotFinite, fail),
            (Rule::Overflow, Column::Amounts(amounts)) => readings(state, amounts, Reading::Overflow, fail),
            (Rule::NoRate { amount }, _) => {
                if let Some(Some(Column::Amounts(amounts))) = self.columns.get(*amount) {
                    readings(state, amounts, Reading::Unconverted, fail);
                }
            }
            (Rule::NotFinite, Column::Numbers(numbers)) => {
                present(state, column, |row| !numbers.values[row].is_finite(), fail);
            }
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
            (Rule::TooLong, Column::Ids(ids)) => {
                if let IdValues::Text(texts) = &ids.values
                    && texts.views().iter().any(|&view| length(view) > MAX_TEXT_BYTES)
                {
                    present(state, column, |row| length(texts.views()[row]) > MAX_TEXT_BYTES, fail);
                }
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

/// Length of the text behind a view: its low 32 bits.
fn length(view: u128) -> usize {
    (view & u128::from(u32::MAX)) as usize
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
