//! Two published snapshots side by side: who moved where, what moved the figures, how far distributions moved, which customers
//! the value went with. Of both, only the columns that are compared are read, one or two at a time.

mod configuration;
mod gate;
mod rescore;
mod tables;

use appraise_export::{Base, ExportError, Snapshot};
use appraise_model::compare::{
    Bridge, Classes, Compared, Customers, Effect, Migration, Numbers, Pair, Psi, Totals, amounts, effects,
};
use appraise_schema::TableContract;
use arrow::array::RecordBatch;
use serde::Serialize;

use crate::error::RunError;
use crate::key_merge::{KeyMerge, Row};
use crate::spec::Loaded;

pub(crate) use gate::judge;
pub use tables::write;

/// The table that is compared.
pub(crate) const VALUES: &str = "customer_values";
/// The column of segments.
const SEGMENT: &str = "segment";

/// How two snapshots differ.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    /// The earlier one.
    pub base: Base,
    /// The later one.
    pub new: Base,
    /// How many customers they have.
    pub customers: Customers,
    /// The column of money that moves are weighed by.
    pub value: String,
    /// The migration matrix of each column of classes that both have.
    pub migrations: Vec<Migration>,
    /// What moved each figure; empty where that can't be told.
    pub effects: Vec<Effect>,
    /// Why `effects` can't be told; empty where they can.
    pub effects_missing: String,
    /// How far the distribution of each number moved.
    pub psi: Vec<Psi>,
    /// From the value of all customers in the base to that in the new one, of each column of money that is told.
    pub bridges: Vec<Bridge>,
}

/// Compares `base` with `new`. The effects need the models of `base` again: those of `loaded`, if it is the pipeline that made it,
/// else those in the records of the runs beside it. Calls the expression engine: not for use inside a rayon job.
///
/// # Errors
/// [`RunError::NotComparable`] when a snapshot has no values of customers, or their keys or money are of other kinds;
/// [`RunError::Export`] when one can't be read.
pub fn compare(loaded: &Loaded, base: &Snapshot, new: &Snapshot) -> Result<Comparison, RunError> {
    let sides = Sides::new(base, new)?;
    let pairs = sides.pairs()?;
    let (totals_base, totals_new) = (sides.totals(base)?, sides.totals(new)?);
    let rescored =
        configuration::of(loaded, base, new).and_then(|config| rescore::rescore(&config, base, new, &sides.compared));
    let (effects, effects_missing) = match rescored {
        Ok([by_card, by_fit]) => {
            (effects(&sides.compared, [&totals_base, &by_card, &by_fit, &totals_new]), String::new())
        }
        Err(RunError::Interrupted) => return Err(RunError::Interrupted),
        Err(error) => (Vec::new(), error.to_string()),
    };
    let Some((value, scale)) = sides.compared.bridges().next().cloned() else {
        return Err(RunError::NotComparable { why: "the snapshots have no money in common".to_owned() });
    };
    let weights = sides.amounts(&value)?;
    let mut migrations = Vec::new();
    for column in &sides.compared.classes {
        let (of_base, of_new) = sides.classes(column)?;
        migrations.push(Migration::of(column, &pairs, (&of_base, &of_new), (&weights.0, &weights.1), scale));
    }
    let psi = sides.compared.numbers.iter().map(|column| sides.psi(column)).collect::<Result<_, _>>()?;
    Ok(Comparison {
        base: base.as_base(),
        new: new.as_base(),
        customers: Customers::of(&pairs),
        value,
        migrations,
        effects,
        effects_missing,
        psi,
        bridges: sides.bridges(&pairs)?,
    })
}

/// Two snapshots whose values can be compared.
struct Sides<'s> {
    base: &'s Snapshot,
    new: &'s Snapshot,
    contracts: (TableContract, TableContract),
    compared: Compared,
}

impl<'s> Sides<'s> {
    fn new(base: &'s Snapshot, new: &'s Snapshot) -> Result<Self, RunError> {
        for snapshot in [base, new] {
            snapshot.check_lengths()?;
        }
        let contracts = (values_contract(base)?, values_contract(new)?);
        same_kinds(&contracts.0, &contracts.1)?;
        let units = |snapshot: &Snapshot| snapshot.manifest.parameters.get("money").cloned();
        if units(base) != units(new) {
            return Err(RunError::NotComparable { why: "their money is not of one unit".to_owned() });
        }
        let compared = Compared::new(&contracts.0, &contracts.1);
        Ok(Self { base, new, contracts, compared })
    }

    /// The customers of both.
    fn pairs(&self) -> Result<Vec<Pair>, RunError> {
        let keys = |snapshot: &Snapshot| rows(snapshot, VALUES, |name| ["as_of", "customer_id"].contains(&name));
        let number = |row: Option<Row>| row.map(|row| row.number);
        let met = KeyMerge::new(keys(self.base)?, keys(self.new)?);
        met.map(|met| met.map(|met| Pair { base: number(met.base), new: number(met.new) })).collect()
    }

    fn totals(&self, snapshot: &Snapshot) -> Result<Totals, RunError> {
        let mut totals = Totals::new(&self.compared);
        for batch in rows(snapshot, VALUES, |name| self.compared.is_summed(name))? {
            totals.observe(&self.compared, &batch?)?;
        }
        Ok(totals)
    }

    fn classes(&self, column: &str) -> Result<(Classes, Classes), RunError> {
        let read = |snapshot| Classes::read(column, rows(snapshot, VALUES, |name| name == column)?);
        Ok((read(self.base)?, read(self.new)?))
    }

    fn amounts(&self, column: &str) -> Result<(Vec<i64>, Vec<i64>), RunError> {
        let read = |snapshot| amounts(column, rows(snapshot, VALUES, |name| name == column)?);
        Ok((read(self.base)?, read(self.new)?))
    }

    fn psi(&self, column: &str) -> Result<Psi, RunError> {
        let read = |snapshot, contract| Numbers::read(column, contract, rows(snapshot, VALUES, |name| name == column)?);
        let of_base: Numbers = read(self.base, &self.contracts.0)?;
        Ok(Psi::of(column, &of_base, &read(self.new, &self.contracts.1)?))
    }

    fn bridges(&self, pairs: &[Pair]) -> Result<Vec<Bridge>, RunError> {
        let segmented = self.compared.classes.iter().any(|column| column == SEGMENT);
        let segments = segmented.then(|| self.classes(SEGMENT)).transpose()?;
        let segments = segments.as_ref().map(|(base, new)| (base, new));
        let mut bridges = Vec::new();
        for (column, scale) in self.compared.bridges() {
            let (base, new) = self.amounts(column)?;
            bridges.push(Bridge::of(column, pairs, (&base, &new), *scale, segments));
        }
        Ok(bridges)
    }
}

/// The contract of the values of `snapshot`.
pub(crate) fn values_contract(snapshot: &Snapshot) -> Result<TableContract, RunError> {
    if snapshot.manifest.table(VALUES).is_none() {
        let Base { as_of, content_id } = snapshot.as_base();
        return Err(RunError::NotComparable { why: format!("{as_of}@{content_id} has no `{VALUES}`") });
    }
    Ok(snapshot.contract(VALUES)?)
}

/// Fails unless customers of two tables can be the same.
pub(crate) fn same_kinds(base: &TableContract, new: &TableContract) -> Result<(), RunError> {
    let key =
        |contract: &TableContract| contract.columns.get(1).map(|column| (column.name.clone(), column.column_type));
    if key(base) == key(new) {
        return Ok(());
    }
    let named = |contract| key(contract).map_or("nothing".to_owned(), |(_, column_type)| column_type.name());
    Err(RunError::NotComparable {
        why: format!("customers' keys are {} in one and {} in the other", named(base), named(new)),
    })
}

/// The columns of a table that `keep` names.
pub(crate) fn rows<K: Fn(&str) -> bool>(
    snapshot: &Snapshot,
    table: &str,
    keep: K,
) -> Result<impl Iterator<Item = Result<RecordBatch, RunError>> + use<K>, RunError> {
    Ok(snapshot.rows(table, keep)?.map(|batch: Result<_, ExportError>| Ok(batch?)))
}
