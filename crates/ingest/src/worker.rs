//! One decoding thread: from a row group to events and findings.

use std::collections::BTreeMap;
use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arrow::array::{
    Array, ArrayRef, AsArray, DictionaryArray, Int32Array, RecordBatch, RecordBatchOptions, StringArray,
};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{DataType, Field, Schema};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder};

use crate::chunk::{events, used_rows};
use crate::columns::amount::Reading;
use crate::columns::time::Clock;
use crate::columns::{Values, nulls_of};
use crate::error::IngestError;
use crate::evaluate::Evaluator;
use crate::findings::Findings;
use crate::judge::{Column, Judged};
use crate::mapping::{FileMapping, WHERE};
use crate::pages::check_pages;
use crate::plan::ReadPlan;
use crate::quarantine::{MAX_VALUE_CHARACTERS, QuarantineRow};
use crate::read::{EventSink, Origin, Progress, Unit};
use crate::reasons::{FILTERED, FIRST_RULE, RowRule, USED};

/// Decoded bytes of a batch to aim for, by the footer's word.
const BATCH_BYTES: u64 = 16 << 20;
/// Rows decoded at once even when they are wide.
const LEAST_ROWS: usize = 128;
/// Text that one batch may spread out to; beyond, it is worked on in halves.
const TEXT_BYTES: u64 = 64 << 20;
/// One decoding thread.
pub(crate) struct Worker<'a> {
    plan: &'a ReadPlan<'a>,
    batch_rows: usize,
    progress: &'a dyn Progress,
    stop: [&'a AtomicBool; 2],
    evaluator: Evaluator,
    clock: Clock,
    pub(crate) findings: Findings,
}

impl<'a> Worker<'a> {
    pub(crate) fn new(
        plan: &'a ReadPlan<'a>,
        batch_rows: usize,
        progress: &'a dyn Progress,
        stop: [&'a AtomicBool; 2],
    ) -> Self {
        let clock = Clock::new(plan.config.source_zone, plan.config.zone);
        let (evaluator, findings) = (Evaluator::default(), Findings::default());
        Self { plan, batch_rows, progress, stop, evaluator, clock, findings }
    }

    /// A failure to decode `unit`.
    pub(crate) fn decode_error(&self, unit: Unit, reason: &str) -> IngestError {
        IngestError::Decode {
            path: self.plan.inputs[unit.file].path.clone(),
            row_group: unit.row_group,
            columns: self.plan.columns(unit.file).join(", "),
            reason: reason.to_owned(),
        }
    }

    /// Reads one row group.
    pub(crate) fn read_unit<S: EventSink>(&mut self, unit: Unit, sink: &mut S) -> Result<(), IngestError> {
        let input = &self.plan.inputs[unit.file];
        let mapping = &self.plan.mappings[unit.file];
        let group = input.metadata.row_group(unit.row_group);
        let expected = u64::try_from(group.num_rows()).unwrap_or_default();
        let file = File::open(&input.path).map_err(|source| IngestError::Io { path: input.path.clone(), source })?;
        let options = ArrowReaderOptions::new().with_schema(Arc::clone(&mapping.schema));
        let metadata = ArrowReaderMetadata::try_new(Arc::clone(&input.metadata), options)
            .map_err(|error| self.decode_error(unit, &error.to_string()))?;
        let mask = ProjectionMask::roots(metadata.parquet_schema(), mapping.roots.iter().copied());
        let sizes = check_pages(&file, input.bytes, group, &mask).map_err(|reason| self.decode_error(unit, &reason))?;
        let reader = ParquetRecordBatchReaderBuilder::new_with_metadata(file, metadata)
            .with_row_groups(vec![unit.row_group])
            .with_projection(mask)
            .with_batch_size(batch_rows(self.batch_rows, sizes.decoded, expected))
            .build()
            .map_err(|error| self.decode_error(unit, &error.to_string()))?;
        let mut row = 0;
        for batch in reader {
            if self.stop.iter().any(|stop| stop.load(Ordering::Relaxed)) {
                return Err(IngestError::Interrupted);
            }
            let batch = batch.map_err(|error| self.decode_error(unit, &error.to_string()))?;
            let rows = batch.num_rows() as u64;
            let batch = with_partitions(batch, mapping).map_err(|error| self.decode_error(unit, &error.to_string()))?;
            self.process(unit, &batch, unit.first_row + row, sink)?;
            row += rows;
            self.progress.advance(rows, sizes.stored * rows / expected.max(1));
        }
        if row == expected {
            return Ok(());
        }
        Err(self.decode_error(unit, &format!("it holds {row} rows, its footer says {expected}")))
    }

    /// Judges one batch and hands on its used rows; halves it when its text is long.
    fn process<S: EventSink>(
        &mut self,
        unit: Unit,
        batch: &RecordBatch,
        first_row: u64,
        sink: &mut S,
    ) -> Result<(), IngestError> {
        let rows = batch.num_rows();
        if rows > 1 && text_bytes(batch) > TEXT_BYTES {
            let half = rows / 2;
            self.process(unit, &batch.slice(0, half), first_row, sink)?;
            return self.process(unit, &batch.slice(half, rows - half), first_row + half as u64, sink);
        }
        let judged = self.judge(unit, batch)?;
        let failed = |error: arrow::error::ArrowError| self.decode_error(unit, &error.to_string());
        let used = used_rows(&judged.state);
        let events = events(&judged, &used, self.plan.key_type()).map_err(failed)?;
        if self.book(&judged, &used, events.refund.as_deref()) {
            self.quarantine(unit, &judged, first_row)?;
        }
        self.findings.newest_day = self.findings.newest_day.max(events.day.iter().copied().max());
        if events.is_empty() {
            return Ok(());
        }
        let origin = Origin { file: unit.file, first_row, rows: &used };
        sink.accept(events, origin).map_err(|error| IngestError::Sink(Box::new(error)))
    }

    fn judge(&mut self, unit: Unit, batch: &RecordBatch) -> Result<Judged, IngestError> {
        let plan = self.plan;
        let mapping = &plan.mappings[unit.file];
        let evaluation = |canonical: &str, reason: String| IngestError::Evaluation {
            canonical: canonical.to_owned(),
            path: plan.inputs[unit.file].path.clone(),
            row_group: unit.row_group,
            reason,
        };
        let mut state = vec![USED; batch.num_rows()];
        let mut columns = BTreeMap::new();
        let mut all_values: BTreeMap<&'static str, Values> = BTreeMap::new();
        for wanted in &plan.wanted {
            let Some(source) = mapping.sources.get(wanted.name) else { continue };
            if wanted.name == WHERE {
                let filter = self.evaluator.filter(WHERE, source, batch, [USED, FILTERED, FIRST_RULE]);
                state = filter.map_err(|reason| evaluation(WHERE, reason))?;
                continue;
            }
            let values = self.evaluator.values(wanted.name, source, batch);
            let values = values.map_err(|reason| evaluation(wanted.name, reason))?;
            let column = Column::new(wanted.role, &values, &mut self.clock, plan.config.money.scale())
                .map_err(|error| evaluation(wanted.name, error.to_string()))?;
            columns.insert(wanted.name, column);
            all_values.insert(wanted.name, values);
        }
        Ok(Judged::new(&plan.wanted, columns, all_values, state, &plan.rules, plan.config.as_of.day()))
    }

    /// Adds the batch to the books; says whether a row was quarantined.
    fn book(&mut self, judged: &Judged, used: &[u32], refund: Option<&[bool]>) -> bool {
        let Some(Column::Amounts(amounts)) = judged.columns.get("amount") else { return true };
        let failed = self.findings.count(&judged.state, amounts);
        let refunds = refund.map_or(0, |refund| refund.iter().filter(|refund| **refund).count());
        self.findings.refund_rows += refunds as u64;
        if let Some(readings) = &amounts.readings {
            let inexact = used.iter().filter(|&&row| readings[row as usize] == Reading::Inexact).count();
            self.findings.inexact_amounts += inexact as u64;
        }
        for &(rule, rows) in &judged.warned {
            *self.findings.warnings.entry(rule).or_default() += rows;
        }
        failed
    }

    fn quarantine(&mut self, unit: Unit, judged: &Judged, first_row: u64) -> Result<(), IngestError> {
        let rules: &[RowRule] = &self.plan.rules;
        let mut shown: BTreeMap<&str, Shown<'_>> = BTreeMap::new();
        for (name, values) in &judged.values {
            shown.extend(Shown::new(&values.array).map(|values| (*name, values)));
        }
        let failed = |(_, state): &(usize, &u8)| **state >= FIRST_RULE;
        for (row, &state) in judged.state.iter().enumerate().filter(failed) {
            let reason = state - FIRST_RULE;
            let value = shown.get(rules[usize::from(reason)].column).and_then(|values| values.value(row));
            let found = QuarantineRow { file: position(unit.file), row: first_row + row as u64, reason, value };
            self.findings.quarantine.push(found);
        }
        self.findings.check_quarantine(self.plan)
    }
}

fn position(file: usize) -> u32 {
    u32::try_from(file).unwrap_or(u32::MAX)
}

/// The values of a column as text.
struct Shown<'a> {
    formatter: ArrayFormatter<'a>,
    nulls: Option<NullBuffer>,
}

impl<'a> Shown<'a> {
    fn new(array: &'a ArrayRef) -> Option<Self> {
        const OPTIONS: FormatOptions<'static> = FormatOptions::new().with_display_error(true);
        let formatter = ArrayFormatter::try_new(array.as_ref(), &OPTIONS).ok()?;
        Some(Self { formatter, nulls: nulls_of(array.as_ref()) })
    }

    /// Cut to a bounded length; `None` for NULL.
    fn value(&self, row: usize) -> Option<String> {
        let null = self.nulls.as_ref().is_some_and(|nulls| nulls.is_null(row));
        (!null).then(|| self.formatter.value(row).to_string().chars().take(MAX_VALUE_CHARACTERS).collect())
    }
}

/// Rows at once, so that a batch stays near [`BATCH_BYTES`].
fn batch_rows(wish: usize, decoded: u64, rows: u64) -> usize {
    let per_row = (decoded / rows.max(1)).max(1);
    let fitting = usize::try_from(BATCH_BYTES / per_row).unwrap_or(usize::MAX);
    wish.clamp(1, u32::MAX as usize).min(fitting.max(LEAST_ROWS))
}

/// Bytes that the batch's texts take when each row holds its own.
#[expect(clippy::cast_possible_truncation, reason = "masked to 32 bits")]
fn text_bytes(batch: &RecordBatch) -> u64 {
    let views = batch.columns().iter().filter(|column| *column.data_type() == DataType::Utf8View);
    // The low 32 bits of a view are its length.
    views
        .flat_map(|column| column.as_string_view().views().iter().map(|&view| (view & u128::from(u32::MAX)) as u64))
        .sum()
}

/// Adds the columns that the file's folders give, as dictionaries of one value.
fn with_partitions(batch: RecordBatch, mapping: &FileMapping) -> Result<RecordBatch, arrow::error::ArrowError> {
    if mapping.partitions.is_empty() {
        return Ok(batch);
    }
    let rows = batch.num_rows();
    let mut columns = batch.columns().to_vec();
    for (_, value) in &mapping.partitions {
        let keys = Int32Array::from(vec![value.as_ref().map(|_| 0); rows]);
        let values = StringArray::from_iter_values(value.iter());
        columns.push(Arc::new(DictionaryArray::try_new(keys, Arc::new(values))?));
    }
    let mut fields: Vec<Field> = batch.schema().fields().iter().map(|field| field.as_ref().clone()).collect();
    for ((name, _), column) in mapping.partitions.iter().zip(&columns[batch.num_columns()..]) {
        fields.push(Field::new(name, column.data_type().clone(), true));
    }
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), columns, &options)
}
