//! One decoding thread: from a row group to events and findings.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

use appraise_schema::SourceKind;
use appraise_schema::event::NO_DAY;
use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::buffer::NullBuffer;
use arrow::datatypes::DataType;
use arrow::error::ArrowError;
use arrow::util::display::{ArrayFormatter, FormatOptions};

use crate::chunk::{Chunk, chosen_rows};
use crate::columns::amount::Reading;
use crate::columns::symbol::Numbering;
use crate::columns::time::Clock;
use crate::columns::{Values, conversion, nulls_of};
use crate::error::IngestError;
use crate::evaluate::Evaluator;
use crate::findings::FileBooks;
use crate::judge::{Column, Judged, hide_unknown};
use crate::mapping::WHERE;
use crate::plan::ReadPlan;
use crate::quarantine::{MAX_VALUE_CHARACTERS, QuarantineRow};
use crate::read::{EventSink, Origin, Progress};
use crate::reasons::{FILTERED, FIRST_RULE, USED};
use crate::row_group::{Unit, decode, failed};

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
    numbering: Numbering<'a>,
    /// By position of the file among the inputs.
    pub(crate) books: BTreeMap<usize, FileBooks>,
}

impl<'a> Worker<'a> {
    pub(crate) fn new(
        plan: &'a ReadPlan<'a>,
        batch_rows: usize,
        progress: &'a dyn Progress,
        stop: [&'a AtomicBool; 2],
    ) -> Self {
        let clock = Clock::new(plan.config.source_zone, plan.config.zone);
        let numbering = Numbering::new(&plan.config.symbols);
        let (evaluator, books) = (Evaluator::default(), BTreeMap::new());
        Self { plan, batch_rows, progress, stop, evaluator, clock, numbering, books }
    }

    /// A failure to decode `unit`.
    pub(crate) fn decode_error(&self, unit: Unit, reason: &str) -> IngestError {
        failed(&self.plan.inputs[unit.file], &self.plan.mappings[unit.file], unit.row_group, reason)
    }

    /// Reads one row group.
    pub(crate) fn read_unit<S: EventSink>(&mut self, unit: Unit, sink: &mut S) -> Result<(), IngestError> {
        let plan = self.plan;
        decode(&plan.inputs[unit.file], &plan.mappings[unit.file], unit, self.batch_rows, |batch, first_row, bytes| {
            if self.stop.iter().any(|stop| stop.load(Ordering::Relaxed)) {
                return Err(IngestError::Interrupted);
            }
            self.process(unit, batch, first_row, sink)?;
            self.progress.advance(batch.num_rows() as u64, bytes);
            Ok(())
        })
    }

    /// Judges one batch and hands on its rows; halves it when its text is long.
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
        if self.book(unit, &judged) {
            self.quarantine(unit, &judged, first_row)?;
        }
        let rows = chosen_rows(&judged, self.plan);
        if rows.is_empty() {
            return Ok(());
        }
        let (clock, numbering) = (&mut self.clock, &mut self.numbering);
        let events = Chunk { plan: self.plan, judged: &judged, rows: &rows, clock, numbering }.events();
        let events = events.map_err(|error| self.decode_error(unit, &error.to_string()))?;
        let origin = Origin { file: unit.file, first_row, rows: &rows };
        sink.accept(events, origin).map_err(|error| IngestError::Sink(Box::new(error)))
    }

    fn judge(&mut self, unit: Unit, batch: &RecordBatch) -> Result<Judged, IngestError> {
        let plan = self.plan;
        let evaluation = |canonical: &str, reason: String| IngestError::Evaluation {
            canonical: canonical.to_owned(),
            path: plan.inputs[unit.file].path.clone(),
            row_group: unit.row_group,
            reason,
        };
        let mut state = vec![USED; batch.num_rows()];
        let mut columns = Vec::with_capacity(plan.wanted.len());
        let mut all_values = Vec::with_capacity(plan.wanted.len());
        for (place, (wanted, source)) in plan.wanted.iter().zip(&plan.mappings[unit.file].sources).enumerate() {
            if wanted.name == WHERE {
                let filter = self.evaluator.filter(place, source, batch, [USED, FILTERED, FIRST_RULE]);
                state = filter.map_err(|reason| evaluation(WHERE, reason))?;
                columns.push(None);
                all_values.push(None);
                continue;
            }
            let values = self.evaluator.values(place, source, batch);
            let values = values.map_err(|reason| evaluation(wanted.name, reason))?;
            let column = Column::new(wanted.role, &values, &mut self.clock, plan.config.money.scale())
                .map_err(|error| evaluation(wanted.name, error.to_string()))?;
            columns.push(Some(column));
            all_values.push(Some(values));
        }
        self.note_latest(unit, &columns);
        hide_unknown(&mut columns, &plan.places, plan.config.as_of.day());
        self.convert(&mut columns, &all_values).map_err(|error| evaluation("currency", error.to_string()))?;
        Ok(Judged::new(columns, all_values, state, plan))
    }

    /// Converts amounts of other currencies.
    fn convert(&self, columns: &mut [Option<Column>], values: &[Option<Values>]) -> Result<(), ArrowError> {
        let (places, config) = (&self.plan.places, self.plan.config);
        let Some(table) = &config.exchange_rates else { return Ok(()) };
        let column = |place: Option<usize>| place.and_then(|place| columns[place].as_ref());
        let (Some(Column::Ids(currency)), Some(Column::Days(days))) = (column(places.currency), column(places.time))
        else {
            return Ok(());
        };
        let rates = conversion::rates(table, config.money.unit(), currency, days);
        for &place in &places.converted {
            if let (Some(Column::Amounts(amounts)), Some(values)) = (&mut columns[place], &values[place]) {
                *amounts = conversion::convert(amounts, values, &rates, config.money.scale())?;
            }
        }
        Ok(())
    }

    /// The books of the file that `unit` belongs to.
    fn books_of(&mut self, unit: Unit) -> &mut FileBooks {
        self.books.entry(unit.file).or_default()
    }

    /// Notes until when what the batch holds may still change its meaning.
    fn note_latest(&mut self, unit: Unit, columns: &[Option<Column>]) {
        let places = &self.plan.places;
        let latest = |places: &mut dyn Iterator<Item = usize>| {
            let days = places.filter_map(|place| match &columns[place] {
                Some(Column::Days(days)) if !days.day.is_empty() => Some(days.bounds.1),
                _ => None,
            });
            days.max()
        };
        let known = places.known_times.iter().copied();
        let day = latest(&mut places.time.into_iter().chain(places.closes_at).chain(known));
        let load = latest(&mut places.loaded_at.into_iter());
        let books = self.books_of(unit);
        books.latest_day = books.latest_day.max(day);
        books.latest_load = books.latest_load.max(load);
    }

    /// Adds the batch to the books; says whether rows may have been quarantined.
    fn book(&mut self, unit: Unit, judged: &Judged) -> bool {
        let plan = self.plan;
        let books = self.books_of(unit);
        let amounts = judged.amounts(&plan.places);
        if let Some(readings) = amounts.and_then(|amounts| amounts.readings.as_ref()) {
            let used = judged.state.iter().zip(readings).filter(|(state, _)| **state == USED);
            books.inexact_amounts += used.filter(|(_, reading)| **reading == Reading::Inexact).count() as u64;
        }
        if let Some(amounts) = amounts.filter(|_| plan.config.kind == SourceKind::Transactions) {
            books.refund_rows += refunds(judged, plan.places.refund, &amounts.minor);
        }
        for &(rule, rows) in &judged.warned {
            *books.warnings.entry(rule).or_default() += rows;
        }
        note_newest(books, judged, plan);
        books.count(&judged.state, amounts)
    }

    fn quarantine(&mut self, unit: Unit, judged: &Judged, first_row: u64) -> Result<(), IngestError> {
        let plan = self.plan;
        let shown: Vec<Option<Shown<'_>>> =
            judged.values.iter().map(|values| Shown::new(&values.as_ref()?.array)).collect();
        let failed = |(_, state): &(usize, &u8)| **state >= FIRST_RULE;
        for (row, &state) in judged.state.iter().enumerate().filter(failed) {
            let reason = state - FIRST_RULE;
            let column = plan.rules[usize::from(reason)].column;
            let value = shown.get(column).and_then(|values| values.as_ref()?.value(row));
            let found = QuarantineRow { file: position(unit.file), row: first_row + row as u64, reason, value };
            self.books_of(unit).quarantine.push(found);
        }
        let rows = self.books.values().map(|books| books.quarantine.len()).sum();
        self.books_of(unit).check_quarantine(rows, plan)
    }
}

fn note_newest(books: &mut FileBooks, judged: &Judged, plan: &ReadPlan<'_>) {
    let Some(Column::Days(days)) = judged.column(plan.places.time) else { return };
    if books.newest_day.is_some_and(|newest| newest >= days.bounds.1) {
        return;
    }
    let used = judged.state.iter().zip(&days.day[..]);
    let newest = if days.nulls.is_none() {
        // Every used row has a day; a sentinel instead of a branch.
        used.map(|(&state, &day)| if state == USED { day } else { NO_DAY }).max()
    } else {
        used.enumerate().filter(|(row, (state, _))| **state == USED && days.has(*row)).map(|(_, (_, &day))| day).max()
    };
    books.newest_day = books.newest_day.max(newest.filter(|day| *day != NO_DAY));
}

/// Used rows that are marked as refunds or of a negative amount.
fn refunds(judged: &Judged, marked: Option<usize>, minor: &[i64]) -> u64 {
    let rows = judged.state.iter().zip(minor);
    let refunds = if let Some(Column::Flags(marked)) = judged.column(marked) {
        rows.zip(marked.set.iter()).filter(|((state, minor), set)| **state == USED && (**minor < 0 || *set)).count()
    } else if minor.iter().fold(0, |bits, minor| bits | minor) < 0 {
        rows.filter(|(state, minor)| **state == USED && **minor < 0).count()
    } else {
        0
    };
    refunds as u64
}

fn position(file: usize) -> u32 {
    u32::try_from(file).unwrap_or(u32::MAX)
}

/// The values of a column as text.
pub(crate) struct Shown<'a> {
    formatter: ArrayFormatter<'a>,
    nulls: Option<NullBuffer>,
}

impl<'a> Shown<'a> {
    pub(crate) fn new(array: &'a ArrayRef) -> Option<Self> {
        const OPTIONS: FormatOptions<'static> = FormatOptions::new().with_display_error(true);
        let formatter = ArrayFormatter::try_new(array.as_ref(), &OPTIONS).ok()?;
        Some(Self { formatter, nulls: nulls_of(array.as_ref()) })
    }

    /// Cut to a bounded length; `None` for NULL.
    pub(crate) fn value(&self, row: usize) -> Option<String> {
        let null = self.nulls.as_ref().is_some_and(|nulls| nulls.is_null(row));
        (!null).then(|| self.formatter.value(row).to_string().chars().take(MAX_VALUE_CHARACTERS).collect())
    }
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
