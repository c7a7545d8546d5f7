//! Folds a scatter into `customer_features`.

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::Arc;

use appraise_schema::event::{KeyType, NO_SYMBOL};
use appraise_schema::table::ContractError;
use appraise_schema::{ColumnSpec, SourceKind, Symbols, TableContract};
use arrow::array::{ArrayRef, Date32Array, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::SchemaRef;
use rayon::prelude::*;

use crate::config::FeatureConfig;
use crate::dedupe::Duplicates;
use crate::error::FoldError;
use crate::family::{Context, FamilyKind, LotSurvey};
use crate::gather::{Gather, Part};
use crate::history::History;
use crate::lots::LotBook;
use crate::partition::Partition;
use crate::scatter::Scatter;
use crate::views::Views;

/// Partitions folded before their rows are handed on, per thread.
const PARTITIONS_AT_ONCE: usize = 8;

/// The result of a fold.
#[derive(Debug, Default)]
pub struct Folded {
    /// Number of customers.
    pub customers: u64,
    /// What was dropped as duplicates, by source.
    pub duplicates: BTreeMap<SourceKind, Duplicates>,
    /// Bytes that waited on disk.
    pub spilled_bytes: u64,
}

/// Receives the rows of `customer_features`, in order.
pub type Emit<'a> = &'a mut dyn FnMut(RecordBatch) -> Result<(), Box<dyn Error + Send + Sync>>;

/// The contract of `customer_features` under `config`: the fixed columns of all families, then the pipeline's own.
///
/// # Errors
/// When two families claim one column name, or a name is not portable.
pub fn contract(config: &FeatureConfig) -> Result<TableContract, ContractError> {
    let mut columns = vec![ColumnSpec::as_of(), ColumnSpec::customer_id(config.key_type)];
    let families = wanted(config);
    let fixed = families.iter().flat_map(|family| family.columns(config).fixed);
    let own = families.iter().flat_map(|family| family.columns(config).own);
    columns.extend(fixed.chain(own).filter(|column| config.keeps(&column.name)));
    TableContract::new("customer_features", "one customer, as known at `as_of`", columns)
}

fn wanted(config: &FeatureConfig) -> Vec<FamilyKind> {
    FamilyKind::ALL.into_iter().filter(|family| family.is_wanted(config)).collect()
}

/// Where in the table a column of a family stands.
#[derive(Debug, Clone, Copy)]
enum Place {
    /// Among the columns of every pipeline.
    Fixed,
    /// Behind them, among those that the pipeline names.
    Own,
    /// The pipeline does not want it.
    Nowhere,
}

/// Where each column of `family` stands.
fn places(family: FamilyKind, config: &FeatureConfig) -> Vec<Place> {
    let columns = family.columns(config);
    let place = |column: &ColumnSpec, place| if config.keeps(&column.name) { place } else { Place::Nowhere };
    let fixed = columns.fixed.iter().map(|column| place(column, Place::Fixed));
    fixed.chain(columns.own.iter().map(|column| place(column, Place::Own))).collect()
}

/// What every partition is folded with.
struct Driver<'a> {
    config: &'a FeatureConfig,
    families: Vec<FamilyKind>,
    /// Of each family's columns, in its order.
    publishes: Vec<Vec<Place>>,
    schema: SchemaRef,
    key_type: KeyType,
    context: Context,
    keep_going: &'a (dyn Fn() -> bool + Sync),
}

/// Folds everything that `scatter` keeps and hands the rows to `emit`, in the order of the table; the cuts between batches
/// mean nothing. Runs on the current rayon pool, `emit` on the caller's thread; `keep_going` is asked before every
/// partition.
///
/// # Errors
/// [`FoldError`] of the first partition that failed, in the order of the hash.
pub fn fold(
    config: &FeatureConfig,
    contract: &TableContract,
    mut scatter: Scatter,
    symbols: &Symbols,
    keep_going: &(dyn Fn() -> bool + Sync),
    emit: Emit<'_>,
) -> Result<Folded, FoldError> {
    let mut folded = Folded::default();
    let lots = book_lots(config, &mut scatter, symbols, &mut folded)?;
    let families = wanted(config);
    let mut driver = Driver {
        config,
        publishes: families.iter().map(|family| places(*family, config)).collect(),
        families,
        schema: contract.arrow(),
        key_type: scatter.shape.key_type,
        context: context(config, symbols, lots),
        keep_going,
    };
    let surveys = driver.families.iter().any(|family| family.surveys(config));
    if surveys && (scatter.spilled_bytes() > 0 || !scatter.segments.is_empty()) {
        // What is read twice must stay where it is.
        scatter.spill_all()?;
    }
    folded.spilled_bytes = scatter.spilled_bytes();
    let mut gather = Gather::new(scatter)?;
    if surveys {
        driver.context.underbids = driver.survey(&mut gather)?.finish();
    }
    driver.run(&mut gather, &mut folded, emit)?;
    Ok(folded)
}

/// Makes the book of lots, and scatters the consigned ones by consignor.
fn book_lots(
    config: &FeatureConfig,
    scatter: &mut Scatter,
    symbols: &Symbols,
    folded: &mut Folded,
) -> Result<LotBook, FoldError> {
    let Some(layout) = scatter.shape.layouts.get(&SourceKind::Lots).cloned() else { return Ok(LotBook::default()) };
    let batches: Vec<_> = scatter.kept.iter_mut().flat_map(|writer| std::mem::take(&mut writer.lots)).collect();
    scatter.kept.retain(|writer| writer.source != SourceKind::Lots);
    let sold = symbols.find("sold").unwrap_or(NO_SYMBOL);
    let (book, consigned, duplicates) = LotBook::new(config, &layout, &batches, sold)?;
    drop(batches);
    folded.duplicates.insert(SourceKind::Lots, duplicates);
    let mut writer = scatter.consigned_writer();
    for batch in &consigned {
        writer.push(batch, 0)?;
    }
    scatter.keep(vec![writer])?;
    Ok(book)
}

fn context(config: &FeatureConfig, symbols: &Symbols, lots: LotBook) -> Context {
    let symbol = |text: &str| symbols.find(text).unwrap_or(NO_SYMBOL);
    Context {
        texts: symbols.texts(),
        lots,
        kind_symbols: config.interaction.kind_weights.keys().map(|kind| symbol(kind)).collect(),
        registration_symbol: symbol("registration"),
        event_symbol: symbol("event"),
        ..Context::default()
    }
}

struct Finished {
    batch: RecordBatch,
    duplicates: BTreeMap<SourceKind, Duplicates>,
}

impl Driver<'_> {
    fn check(&self) -> Result<(), FoldError> {
        if (self.keep_going)() { Ok(()) } else { Err(FoldError::Interrupted) }
    }

    /// Shows every customer to the families that look across customers.
    fn survey(&self, gather: &mut Gather) -> Result<LotSurvey, FoldError> {
        let mut all = LotSurvey::default();
        let layouts = gather.layouts();
        let look = |part: Part| {
            self.check()?;
            let first = part.first;
            let partition = part.prepare(self.config, &layouts)?;
            let views = Views::new(self.config, &partition, first);
            let mut survey = LotSurvey::default();
            let mut history = History::default();
            for c in 0..partition.customers() {
                views.turn(&mut history, c);
                survey.observe(&history);
            }
            drop(views);
            Ok((partition, survey))
        };
        for window in gather.windows(at_once()) {
            let surveyed: Vec<Result<_, FoldError>> = gather.window(window.clone()).into_par_iter().map(look).collect();
            for (position, result) in window.zip(surveyed) {
                let (partition, survey) = result?;
                gather.put_back(position, partition);
                all.merge(survey);
            }
        }
        Ok(all)
    }

    fn run(&self, gather: &mut Gather, folded: &mut Folded, emit: Emit<'_>) -> Result<(), FoldError> {
        let layouts = gather.layouts();
        let work = |part: Part| {
            self.check()?;
            self.fold_partition(part.first, &part.prepare(self.config, &layouts)?)
        };
        for window in gather.windows(at_once()) {
            let finished: Vec<Result<Finished, FoldError>> = gather.window(window).into_par_iter().map(work).collect();
            for part in finished {
                let part = part?;
                for (source, duplicates) in &part.duplicates {
                    folded.duplicates.entry(*source).or_default().merge(duplicates);
                }
                folded.customers += part.batch.num_rows() as u64;
                if part.batch.num_rows() > 0 {
                    emit(part.batch).map_err(|source| FoldError::Emit { source })?;
                }
            }
        }
        Ok(())
    }

    fn fold_partition(&self, first: u64, partition: &Partition) -> Result<Finished, FoldError> {
        let customers = partition.customers();
        let views = Views::new(self.config, partition, first);
        let mut families: Vec<_> =
            self.families.iter().map(|kind| kind.build(self.config, &self.context, customers)).collect();
        let mut history = History::default();
        for c in 0..customers {
            views.turn(&mut history, c);
            for family in &mut families {
                family.fold(&history).map_err(|error| error.of_customer(|| partition.key_text(c)))?;
            }
        }
        let mut columns = self.key_columns(partition);
        let (mut fixed, mut own) = (Vec::new(), Vec::new());
        for (publishes, family) in self.publishes.iter().zip(families) {
            for (column, array) in publishes.iter().zip(family.finish()) {
                match column {
                    Place::Fixed => fixed.push(array),
                    Place::Own => own.push(array),
                    Place::Nowhere => {}
                }
            }
        }
        columns.append(&mut fixed);
        columns.append(&mut own);
        let batch = RecordBatch::try_new(Arc::clone(&self.schema), columns)?;
        Ok(Finished { batch, duplicates: partition.duplicates.clone() })
    }

    fn key_columns(&self, partition: &Partition) -> Vec<ArrayRef> {
        let customers = partition.customers();
        let as_of: ArrayRef = Arc::new(Date32Array::from_value(self.config.as_of.day(), customers));
        let key: ArrayRef = match self.key_type {
            KeyType::Integer => Arc::new(Int64Array::from_iter_values(partition.integer_keys())),
            KeyType::Text => Arc::new(StringArray::from_iter_values((0..customers).map(|c| partition.key_text(c)))),
        };
        vec![as_of, key]
    }
}

/// Most parts that are folded before their rows are handed on.
fn at_once() -> usize {
    rayon::current_num_threads() * PARTITIONS_AT_ONCE
}
