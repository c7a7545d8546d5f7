//! What ingest hands on of the rows of a world: those that are known as of the run's date, as they were known.

use appraise_schema::SourceKind;
use appraise_schema::source::ColumnRole;

use crate::naive::Question;
use crate::world::{SourceRow, World};

/// Of `world`: no row of a source that is not mapped or dated after `as_of`; no filtered row, but where the newest row
/// of an identity counts; no column that is not mapped; no time after `as_of`, and no result of a lot that closes then.
#[must_use]
pub fn delivered(world: &World, question: &Question) -> World {
    World {
        transactions: rows(&world.transactions, question),
        customers: rows(&world.customers, question),
        interactions: rows(&world.interactions, question),
        lots: rows(&world.lots, question),
        bids: rows(&world.bids, question),
        invoices: rows(&world.invoices, question),
    }
}

fn rows<R: SourceRow>(rows: &[R], question: &Question) -> Vec<R> {
    if !question.has(R::SOURCE) {
        return Vec::new();
    }
    let seen = rows.iter().map(|row| mapped(row, question));
    let seen = seen.filter(|row| !row.delivery().withdrawn || question.takes_latest(R::SOURCE));
    let dated = R::SOURCE.time().unwrap_or_default();
    let seen = seen.filter(|row| row.value(dated).day().is_none_or(|day| day <= question.as_of));
    seen.map(|row| known(row, question.as_of)).collect()
}

/// The row without the columns that are not mapped.
fn mapped<R: SourceRow>(row: &R, question: &Question) -> R {
    let mut row = row.clone();
    for column in R::SOURCE.columns() {
        if !question.maps(R::SOURCE, column.name) {
            row.clear(column.name);
        }
    }
    row
}

/// The row as it was known on `as_of`.
fn known<R: SourceRow>(mut row: R, as_of: i32) -> R {
    for column in R::SOURCE.columns().iter().filter(|column| column.role == ColumnRole::KnownTime) {
        if row.value(column.name).day().is_some_and(|day| day > as_of) {
            row.clear(column.name);
            if R::SOURCE == SourceKind::Lots {
                for result in ["hammer", "commission", "outcome"] {
                    row.clear(result);
                }
            }
        }
    }
    row
}
