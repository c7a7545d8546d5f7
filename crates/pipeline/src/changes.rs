//! `customer_changes`: the rows of `customer_values` that are not what they were in the base snapshot, for those who merge them into
//! a table of their own. Both tables are read once, side by side, so memory is bounded whatever their size.

use std::rc::Rc;
use std::sync::Arc;

use appraise_export::{Layout, Snapshot, newest_before};
use appraise_schema::table::ContractError;
use appraise_schema::{AsOf, ColumnSpec, ColumnType, TableContract};
use arrow::array::{Array, ArrayRef, BooleanArray, Date32Array, RecordBatch, StringArray, new_null_array};
use arrow::compute::kernels::cmp::distinct;
use arrow::compute::kernels::zip::zip;
use arrow::compute::{interleave, or};
use arrow::datatypes::DataType;

use crate::batch_store::BatchStoreWriter;
use crate::compare::{VALUES, rows, same_kinds, values_contract};
use crate::error::RunError;
use crate::key_merge::{KeyMerge, Met, Row};
use crate::memory::Budget;
use crate::plan::PublishedTables;
use crate::session::Session;
use crate::spec::resolved::Pipeline;
use crate::values::Values;

/// The table.
const CHANGES: &str = "customer_changes";
/// The date and the key, which no other column comes before.
const KEYS: usize = 2;
/// Columns whose value in the base is told, too.
const PREVIOUS: [&str; 3] = ["segment", "value_index", "rfm_score"];
/// Customers that are compared at once.
const BLOCK_ROWS: usize = 1 << 15;

/// The contract of the changes of the table of `values`: `change`, what was before, then the columns of `values`.
///
/// # Errors
/// When `values` has a column of a name that is needed here.
pub(crate) fn contract(values: &TableContract) -> Result<TableContract, ContractError> {
    let mut columns: Vec<ColumnSpec> = values.columns.iter().take(KEYS).cloned().collect();
    let meaning = "what happened since the base snapshot: added, changed or removed";
    columns.push(ColumnSpec::required("change", ColumnType::String, "", meaning));
    for of in previous(values) {
        let meaning = format!("{} in the base snapshot; NULL where the customer is not in it", of.name);
        columns.push(ColumnSpec::nullable(&previous_name(of), of.column_type, &of.unit, &meaning));
    }
    columns.extend(values.columns.iter().skip(KEYS).map(|of| ColumnSpec { nullable: true, ..of.clone() }));
    let meaning =
        "one row per customer whose values are not what they were in the base snapshot; of removed ones they are NULL";
    TableContract::new(CHANGES, meaning, columns)
}

fn previous(values: &TableContract) -> impl Iterator<Item = &ColumnSpec> {
    PREVIOUS.iter().filter_map(|name| values.position(name)).map(|position| &values.columns[position])
}

fn previous_name(of: &ColumnSpec) -> String {
    format!("previous_{}", of.name)
}

/// The snapshot that the changes of a run begin at; `None` without one, and where no changes are asked for.
///
/// # Errors
/// When published dates can't be listed or read.
pub(crate) fn base(pipeline: &Pipeline, layout: &Layout, as_of: AsOf) -> Result<Option<Snapshot>, RunError> {
    if pipeline.export.changes { Ok(newest_before(layout, as_of)?) } else { Ok(None) }
}

/// Adds the changes since `base` to `values`, where `tables` has a table of them; without `base` everybody is added.
///
/// # Errors
/// [`RunError::NotComparable`] when customers' keys in `base` are of another type; when it can't be read, or rows do not fit the
/// disk.
pub(crate) fn add(
    session: &mut Session<'_>,
    tables: &PublishedTables,
    values: Option<&mut Values>,
    base: Option<&Snapshot>,
    budget: Budget,
) -> Result<(), RunError> {
    let (Some(contract), Some(model), Some(values)) = (&tables.changes, &tables.model, values) else {
        return Ok(());
    };
    let customers = values.rows.rows();
    let changes = session.stage("changes", customers, |session| {
        let base = base.filter(|base| base.manifest.table(VALUES).is_some());
        let before = base.map(|base| {
            same_kinds(&values_contract(base)?, model.contract())?;
            rows(base, VALUES, |name| name == "as_of" || model.contract().position(name).is_some())
        });
        let before = before.transpose()?.into_iter().flatten();
        let options = session.options;
        let mut writer = BatchStoreWriter::new(contract.arrow(), budget.values_bytes, &options.temp_dir);
        let mut block = Block::new(contract, model.contract(), options.as_of.day());
        for met in KeyMerge::new(before, values.rows.batches()?) {
            block.push(met?);
            if block.rows() >= BLOCK_ROWS {
                options.check_cancelled()?;
                writer.push(block.changes()?)?;
            }
        }
        writer.push(block.changes()?)?;
        let changes = writer.finish()?;
        session.note_spilled(changes.spilled_bytes());
        let rows = changes.rows();
        Ok((changes, rows))
    })?;
    values.changes = Some(changes);
    Ok(())
}

/// Some customers, in order, before they are compared.
struct Block<'p> {
    contract: &'p TableContract,
    values: &'p TableContract,
    day: i32,
    base: Side,
    new: Side,
}

/// The rows of some customers in one table.
#[derive(Default)]
struct Side {
    batches: Vec<Rc<RecordBatch>>,
    /// Of each customer the number of the batch and of the row within it.
    at: Vec<Option<(usize, usize)>>,
}

impl Side {
    fn push(&mut self, row: Option<Row>) {
        let at = row.map(|Row { batch, at, .. }| {
            if self.batches.last().is_none_or(|last| !Rc::ptr_eq(last, &batch)) {
                self.batches.push(batch);
            }
            (self.batches.len() - 1, at)
        });
        self.at.push(at);
    }

    /// Column `name` of the customers in `picked`; NULL where there is no row, or no such column of that type.
    fn column(&self, name: &str, data_type: &DataType, picked: &[usize]) -> Result<ArrayRef, RunError> {
        let none = new_null_array(data_type, 1);
        let of = |batch: &'_ Rc<RecordBatch>| {
            batch.column_by_name(name).filter(|column| column.data_type() == data_type).cloned()
        };
        let Some(columns) = self.batches.iter().map(of).collect::<Option<Vec<ArrayRef>>>() else {
            return Ok(new_null_array(data_type, picked.len()));
        };
        let arrays: Vec<&dyn Array> = columns.iter().chain([&none]).map(AsRef::as_ref).collect();
        let places: Vec<_> = picked.iter().map(|&customer| self.at[customer].unwrap_or((columns.len(), 0))).collect();
        Ok(interleave(&arrays, &places)?)
    }
}

impl<'p> Block<'p> {
    fn new(contract: &'p TableContract, values: &'p TableContract, day: i32) -> Self {
        Self { contract, values, day, base: Side::default(), new: Side::default() }
    }

    fn push(&mut self, met: Met) {
        self.base.push(met.base);
        self.new.push(met.new);
    }

    fn rows(&self) -> usize {
        self.new.at.len()
    }

    /// What the change of a customer is called, given that of those of both tables; `None` where there is none.
    fn change(&self, customer: usize, differs: &BooleanArray) -> Option<&'static str> {
        match (self.base.at[customer], self.new.at[customer]) {
            (None, _) => Some("added"),
            (_, None) => Some("removed"),
            _ => differs.value(customer).then_some("changed"),
        }
    }

    /// Whether any value but the date is another one, of each customer.
    fn differs(&self) -> Result<BooleanArray, RunError> {
        let all: Vec<usize> = (0..self.rows()).collect();
        let mut differs = BooleanArray::from(vec![false; all.len()]);
        for column in self.values.columns.iter().skip(KEYS) {
            let data_type = column.column_type.arrow();
            let (base, new) =
                (self.base.column(&column.name, &data_type, &all)?, self.new.column(&column.name, &data_type, &all)?);
            differs = or(&differs, &distinct(&base, &new)?)?;
        }
        Ok(differs)
    }

    /// The changes of these customers; none of them is left then.
    fn changes(&mut self) -> Result<RecordBatch, RunError> {
        let differs = self.differs()?;
        let changed = (0..self.rows()).filter_map(|customer| Some((customer, self.change(customer, &differs)?)));
        let (picked, names): (Vec<usize>, Vec<&str>) = changed.unzip();
        let key = &self.values.columns[1];
        let key_type = key.column_type.arrow();
        let is_new =
            BooleanArray::from(picked.iter().map(|&customer| self.new.at[customer].is_some()).collect::<Vec<_>>());
        let (old_keys, new_keys) =
            (self.base.column(&key.name, &key_type, &picked)?, self.new.column(&key.name, &key_type, &picked)?);
        let mut columns: Vec<ArrayRef> = vec![
            Arc::new(Date32Array::from(vec![self.day; picked.len()])),
            zip(&is_new, &new_keys, &old_keys)?,
            Arc::new(StringArray::from(names)),
        ];
        for of in previous(self.values) {
            columns.push(self.base.column(&of.name, &of.column_type.arrow(), &picked)?);
        }
        for of in self.values.columns.iter().skip(KEYS) {
            columns.push(self.new.column(&of.name, &of.column_type.arrow(), &picked)?);
        }
        (self.base, self.new) = (Side::default(), Side::default());
        Ok(RecordBatch::try_new(self.contract.arrow(), columns)?)
    }
}
