//! The used rows of a judged batch as canonical events.

use appraise_schema::hash::{identity_of_integer, identity_of_text};
use appraise_schema::{EventBatch, KeyColumn, KeyType, TransactionRef};
use arrow::array::StringViewArray;
use arrow::error::ArrowError;

use crate::columns::content::Contents;
use crate::columns::id::{IdValues, Ids};
use crate::judge::{Column, Judged};
use crate::reasons::USED;

/// The rows in use, ascending.
pub(crate) fn used_rows(state: &[u8]) -> Vec<u32> {
    let mut rows = vec![0; state.len()];
    let mut used = 0;
    let numbered = (0_u32..).zip(state);
    for (row, &state) in numbered {
        rows[used] = row;
        used += usize::from(state == USED);
    }
    rows.truncate(used);
    rows
}

/// Events of `rows`, whose customer, time and amount are known to be there.
pub(crate) fn events(judged: &Judged, rows: &[u32], key_type: KeyType) -> Result<EventBatch, ArrowError> {
    let all = rows.len() == judged.state.len();
    let missing = |name: &str| ArrowError::ComputeError(format!("column {name} was not mapped"));
    let Some(Column::Ids(customer)) = judged.columns.get("customer_id") else { return Err(missing("customer_id")) };
    let Some(Column::Days(days)) = judged.columns.get("time") else { return Err(missing("time")) };
    let Some(Column::Amounts(amounts)) = judged.columns.get("amount") else { return Err(missing("amount")) };
    let amount = if all { amounts.minor.to_vec() } else { gather(&amounts.minor, rows) };
    let refund = refunds(judged, &amount, rows);
    let margin = judged.columns.get("margin").map(|column| margins(column, rows, refund.as_deref()));
    let order = match judged.columns.get("order_id") {
        Some(Column::Ids(ids)) => Some(identities(ids, rows)),
        _ => None,
    };
    Ok(EventBatch {
        key: keys(customer, rows, key_type, all)?,
        day: if all { days.day.to_vec() } else { gather(&days.day, rows) },
        amount,
        refund,
        order,
        margin,
        transaction: transactions(judged, rows)?,
    })
}

fn gather<T: Copy>(values: &[T], rows: &[u32]) -> Vec<T> {
    rows.iter().map(|&row| values[row as usize]).collect()
}

fn keys(ids: &Ids, rows: &[u32], key_type: KeyType, all: bool) -> Result<KeyColumn, ArrowError> {
    match (&ids.values, key_type) {
        (IdValues::Integer(values), KeyType::Integer) => {
            Ok(KeyColumn::Integer(if all { values.to_vec() } else { gather(values, rows) }))
        }
        (IdValues::Text(values), KeyType::Text) => text_keys(values, rows),
        _ => Err(ArrowError::CastError("customer keys changed their type".to_owned())),
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

/// Which of `rows` are refunds: marked so, or of a negative amount. `amount` is that of the chosen rows.
fn refunds(judged: &Judged, amount: &[i64], rows: &[u32]) -> Option<Vec<bool>> {
    if let Some(Column::Flags { set, .. }) = judged.columns.get("refund") {
        return Some(rows.iter().zip(amount).map(|(&row, &amount)| set.value(row as usize) || amount < 0).collect());
    }
    let smallest = amount.iter().fold(0, |smallest, &amount| smallest.min(amount));
    (smallest < 0).then(|| amount.iter().map(|&amount| amount < 0).collect())
}

fn margins(column: &Column, rows: &[u32], refund: Option<&[bool]>) -> Vec<i64> {
    let Column::Amounts(margins) = column else { return vec![EventBatch::NO_MARGIN; rows.len()] };
    let is_refund = |place: usize| refund.is_some_and(|refund| refund[place]);
    let margin = |(place, &row): (usize, &u32)| match margins.get(row as usize) {
        Some(margin) if is_refund(place) => margin.abs(),
        Some(margin) => margin,
        None => EventBatch::NO_MARGIN,
    };
    rows.iter().enumerate().map(margin).collect()
}

/// Identities of ids; 0 for NULL.
fn identities(ids: &Ids, rows: &[u32]) -> Vec<u128> {
    let identify = |identity: &dyn Fn(usize) -> u128| -> Vec<u128> {
        match &ids.nulls {
            None => rows.iter().map(|&row| identity(row as usize)).collect(),
            Some(nulls) => {
                rows.iter().map(|&row| if nulls.is_null(row as usize) { 0 } else { identity(row as usize) }).collect()
            }
        }
    };
    match &ids.values {
        IdValues::Integer(values) => identify(&|row| identity_of_integer(values[row])),
        IdValues::Text(values) => identify(&|row| identity_of_text(values.value(row).as_bytes())),
    }
}

fn transactions(judged: &Judged, rows: &[u32]) -> Result<Option<Vec<TransactionRef>>, ArrowError> {
    let Some(Column::Ids(ids)) = judged.columns.get("transaction_id") else { return Ok(None) };
    let mut contents = Contents::new(rows);
    for (name, column) in &judged.columns {
        match column {
            // Part of the identity already.
            _ if *name == "transaction_id" => {}
            Column::Ids(ids) => contents.ids(ids),
            Column::Amounts(amounts) => contents.amounts(amounts),
            Column::Flags { set, .. } => contents.flags(set),
            Column::Days(_) | Column::Other { .. } => {
                if let Some(values) = judged.values.get(name) {
                    contents.values(&values.array)?;
                }
            }
        }
    }
    let refs = identities(ids, rows).into_iter().zip(contents.finish());
    Ok(Some(refs.map(|(id, content)| TransactionRef { id, content }).collect()))
}
