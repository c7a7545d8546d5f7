//! The rows of a judged batch that are handed on, in the columns and forms of the layout.

use appraise_schema::event::{EventColumn, Form, NO, NO_DAY, NO_ID, NO_INSTANT, NO_MONEY, UNKNOWN, YES};
use appraise_schema::hash::{identity_of_integer, identity_of_text};
use appraise_schema::{EventBatch, KeyColumn, KeyType};
use arrow::array::StringViewArray;
use arrow::error::ArrowError;

use crate::columns::Values;
use crate::columns::content::Contents;
use crate::columns::id::{IdValues, Ids};
use crate::columns::symbol::Numbering;
use crate::columns::time::Clock;
use crate::judge::{Column, Judged};
use crate::plan::ReadPlan;
use crate::reasons::{FILTERED, USED};

/// The rows in use, and where the layout asks for them those that were withdrawn, ascending.
pub(crate) fn chosen_rows(judged: &Judged, plan: &ReadPlan<'_>) -> Vec<u32> {
    let numbered = (0_u32..).zip(&judged.state);
    if plan.outputs.iter().any(|output| output.form == Form::Withdrawn) {
        let withdrawn = judged.withdrawn(plan);
        return numbered
            .filter(|(row, state)| **state == USED || withdrawn(*row as usize))
            .map(|(row, _)| row)
            .collect();
    }
    let mut rows = vec![0; judged.state.len()];
    let mut used = 0;
    for (row, &state) in numbered {
        rows[used] = row;
        used += usize::from(state == USED);
    }
    rows.truncate(used);
    rows
}

/// Makes events of the rows of one batch.
pub(crate) struct Chunk<'a, 'w, 's> {
    pub(crate) plan: &'a ReadPlan<'a>,
    pub(crate) judged: &'a Judged,
    /// The rows to hand on.
    pub(crate) rows: &'a [u32],
    pub(crate) clock: &'w mut Clock,
    pub(crate) numbering: &'w mut Numbering<'s>,
}

impl Chunk<'_, '_, '_> {
    /// The events.
    pub(crate) fn events(&mut self) -> Result<EventBatch, ArrowError> {
        let key_type = self.plan.key_type().unwrap_or(KeyType::Integer);
        let (key, has_key) = match self.judged.column(self.plan.places.key) {
            Some(Column::Ids(ids)) => (self.keys(ids, key_type)?, self.has_key(ids)),
            Some(_) => return Err(mistyped()),
            None => (no_keys(key_type, self.rows.len()), Some(vec![false; self.rows.len()])),
        };
        let mut columns = Vec::with_capacity(self.plan.outputs.len());
        for output in &self.plan.outputs {
            columns.push(match output.form {
                Form::Content => EventColumn::U64(self.contents()?),
                Form::Withdrawn => EventColumn::U8(self.withdrawn()),
                form => {
                    let column = self.judged.column(Some(output.column)).ok_or_else(mistyped)?;
                    let values = self.judged.values[output.column].as_ref().ok_or_else(mistyped)?;
                    self.column(output.column, form, column, values)?
                }
            });
        }
        Ok(EventBatch { key, has_key, columns })
    }

    fn column(
        &mut self,
        place: usize,
        form: Form,
        column: &Column,
        values: &Values,
    ) -> Result<EventColumn, ArrowError> {
        Ok(match (form, column) {
            (Form::Day, Column::Days(days)) => EventColumn::I32(self.gather(&days.day, column, NO_DAY)),
            (Form::Instant, Column::Days(days)) => {
                let instants = self.clock.instants(&values.array, days);
                EventColumn::I64(self.gather(&instants, column, NO_INSTANT))
            }
            (Form::Money, Column::Amounts(amounts)) => EventColumn::I64(self.gather(&amounts.minor, column, NO_MONEY)),
            (Form::Number, Column::Numbers(numbers)) => {
                EventColumn::F64(self.gather(&numbers.values, column, f64::NAN))
            }
            (Form::Id, Column::Ids(ids)) => EventColumn::U128(self.identities(ids)),
            (Form::Symbol, Column::Ids(ids)) => {
                let numbers = self.numbering.numbers(place, &values.array, ids, self.rows, |row| ids.has(row))?;
                EventColumn::U32(numbers)
            }
            (Form::Flag, Column::Flags(flags)) => {
                let flag = |row: usize| match (column.has(row), flags.set.value(row)) {
                    (false, _) => UNKNOWN,
                    (true, true) => YES,
                    (true, false) => NO,
                };
                EventColumn::U8(self.rows.iter().map(|&row| flag(row as usize)).collect())
            }
            _ => return Err(mistyped()),
        })
    }

    /// The chosen rows of `values`, with `without` where `column` has no value that can be read.
    fn gather<T: Copy>(&self, values: &[T], column: &Column, without: T) -> Vec<T> {
        if !column.is_whole() {
            let value = |&row: &u32| if column.has(row as usize) { values[row as usize] } else { without };
            return self.rows.iter().map(value).collect();
        }
        self.pick(values)
    }

    /// The chosen rows of `values`.
    fn pick<T: Copy>(&self, values: &[T]) -> Vec<T> {
        if self.rows.len() == values.len() {
            return values.to_vec();
        }
        self.rows.iter().map(|&row| values[row as usize]).collect()
    }

    fn keys(&self, ids: &Ids, key_type: KeyType) -> Result<KeyColumn, ArrowError> {
        match (&ids.values, key_type) {
            (IdValues::Integer(values), KeyType::Integer) => Ok(KeyColumn::Integer(self.pick(values))),
            (IdValues::Text(values), KeyType::Text) => text_keys(values, self.rows),
            _ => Err(mistyped()),
        }
    }

    /// Which rows have a key, where not all have.
    fn has_key(&self, ids: &Ids) -> Option<Vec<bool>> {
        let nulls = ids.nulls.as_ref()?;
        let has_key: Vec<bool> = self.rows.iter().map(|&row| nulls.is_valid(row as usize)).collect();
        has_key.contains(&false).then_some(has_key)
    }

    fn identities(&self, ids: &Ids) -> Vec<u128> {
        match &ids.values {
            IdValues::Integer(values) => self.identify(ids, |row| identity_of_integer(values[row])),
            IdValues::Text(values) => self.identify(ids, |row| identity_of_text(values.value(row).as_bytes())),
        }
    }

    fn identify(&self, ids: &Ids, identity: impl Fn(usize) -> u128) -> Vec<u128> {
        let rows = self.rows.iter().map(|&row| row as usize);
        if ids.nulls.is_none() && ids.faults.is_none() {
            return rows.map(identity).collect();
        }
        rows.map(|row| if ids.has(row) { identity(row) } else { NO_ID }).collect()
    }

    fn withdrawn(&self) -> Vec<u8> {
        let flag = |&row: &u32| if self.judged.state[row as usize] == FILTERED { YES } else { NO };
        self.rows.iter().map(flag).collect()
    }

    fn contents(&self) -> Result<Vec<u64>, ArrowError> {
        let mut contents = Contents::new(self.rows);
        let places = &self.plan.places;
        for &place in &places.digested {
            let (Some(column), Some(values)) = (self.judged.column(Some(place)), &self.judged.values[place]) else {
                continue;
            };
            match column {
                Column::Ids(ids) => contents.ids(ids),
                Column::Amounts(amounts) if !places.converted.contains(&place) => contents.amounts(amounts),
                Column::Flags(flags) => contents.flags(&flags.set, flags.nulls.as_ref()),
                Column::Days(_) | Column::Numbers(_) | Column::Amounts(_) => {
                    contents.values(&values.array, column.nulls())?;
                }
            }
        }
        Ok(contents.finish())
    }
}

fn mistyped() -> ArrowError {
    ArrowError::CastError("a column changed its type".to_owned())
}

fn no_keys(key_type: KeyType, rows: usize) -> KeyColumn {
    match key_type {
        KeyType::Integer => KeyColumn::Integer(vec![0; rows]),
        KeyType::Text => KeyColumn::Text { offsets: vec![0; rows + 1], bytes: Vec::new() },
    }
}

fn text_keys(values: &StringViewArray, rows: &[u32]) -> Result<KeyColumn, ArrowError> {
    let too_long = |_| ArrowError::ComputeError("customer keys of one batch exceed 4 GiB".to_owned());
    let mut offsets = Vec::with_capacity(rows.len() + 1);
    let mut bytes = Vec::with_capacity(rows.len() * 12);
    offsets.push(0);
    for &row in rows {
        bytes.extend_from_slice(values.value(row as usize).as_bytes());
        offsets.push(u32::try_from(bytes.len()).map_err(too_long)?);
    }
    Ok(KeyColumn::Text { offsets, bytes })
}
