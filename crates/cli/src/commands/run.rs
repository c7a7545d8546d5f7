//! `appraise run`.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use appraise_export::RunStatus;
use appraise_pipeline::clock::{Clock, SystemClock};
use appraise_pipeline::spec::Loaded;
use appraise_pipeline::spec::resolved::Refit;
use appraise_pipeline::{RunOptions, Summary};
use appraise_schema::AsOf;
use clap::Args;
use serde_json::json;

use crate::dates::Dates;
use crate::exit::{self, DONE, Failure};
use crate::options::{MemoryOptions, NightOptions, ThreadOptions};
use crate::output;
use crate::progress::Bars;
use crate::signals::Stop;

/// Reads the dumps, values every customer, publishes the tables.
///
/// The last line on stdout is one JSON object that says how the run ended, also when it failed. Running again
/// with the same inputs and settings publishes nothing new and succeeds.
///
/// A range of dates, `--as-of 2026-01-01..2026-01-31`, runs one date after another, with what was known by then, and prints
/// such a line for each. A date that fails does not stop those after it; it is named at the end, and the exit code is that of
/// the first that failed.
#[derive(Debug, Args)]
#[command(mut_arg("as_of", |of| of.value_name("DATE|DATE..DATE")
    .help("The date to value customers at, such as 2024-12-31, events of that day count; or a range of dates")))]
pub(crate) struct Run {
    #[command(flatten)]
    night: NightOptions<Dates>,
    #[command(flatten)]
    carrying: Carrying,
    /// Takes cut-offs and parameters of all models from this model card instead of fitting them.
    #[arg(long, value_name = "CARD")]
    model: Option<PathBuf>,
}

/// How a run is carried out.
#[derive(Debug, Args)]
pub(crate) struct Carrying {
    /// Most rows to decode at once; decides speed and memory, never a result.
    #[arg(long, value_name = "ROWS", default_value_t = 32_768, value_parser = clap::value_parser!(u32).range(1..=1_048_576))]
    batch_rows: u32,
    /// Seconds to wait for another run that publishes to the same root.
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    lock_timeout: u64,
    /// Publishes the snapshot without moving the `CURRENT.json` pointers to it.
    #[arg(long)]
    no_current: bool,
    /// Reads all dumps, whatever the ledger holds of them, and makes the ledger anew.
    #[arg(long)]
    full: bool,
    /// The exit code when the same content was published already; 0 without this flag.
    #[arg(long, value_name = "CODE", value_parser = clap::value_parser!(u8).range(99..=99))]
    exit_skip: Option<u8>,
}

impl Carrying {
    /// Runs `loaded` at `as_of`, prints the summary, gives the exit code.
    pub(crate) fn carry_out(
        &self,
        loaded: &Loaded,
        as_of: AsOf,
        (threads, memory): (&ThreadOptions, &MemoryOptions),
        clock: &SystemClock,
        stop: &Stop,
        bars: &Bars,
    ) -> Result<u8, Failure> {
        let options = RunOptions {
            as_of,
            threads: threads.count(),
            batch_rows: usize::try_from(self.batch_rows).unwrap_or(usize::MAX),
            memory_limit: memory.limit(),
            temp_dir: memory.temp_dir(),
            lock_timeout_s: self.lock_timeout,
            move_pointers: !self.no_current,
            full: self.full,
            cancel: Arc::clone(&stop.cancel),
            cancel_code: Arc::clone(&stop.code),
        };
        let mut summary = appraise_pipeline::run(loaded, &options, clock, bars);
        bars.finish();
        self.finish(&mut summary)
    }

    fn finish(&self, summary: &mut Summary) -> Result<u8, Failure> {
        if let (RunStatus::NothingNew, Some(code)) = (summary.status, self.exit_skip) {
            summary.exit_code = code;
        }
        output::json_line(summary)?;
        if summary.message.is_empty() {
            return Ok(summary.exit_code);
        }
        Err(Failure { code: summary.exit_code, messages: vec![summary.message.clone()], hint: summary.hint.clone() })
    }
}

impl Run {
    /// Runs each date, prints its summary, gives the exit code.
    pub(crate) fn run(&self, bars: &Bars) -> Result<u8, Failure> {
        self.night.threads.apply();
        let stop = Stop::listen()?;
        let dates = self.night.as_of;
        if !dates.is_range() {
            return self.date(dates.first(), &stop, bars);
        }
        let (mut skipped_all, mut failed) = (true, Vec::new());
        for as_of in dates.iter() {
            match self.date(as_of, &stop, bars) {
                Ok(code) => skipped_all &= Some(code) == self.carrying.exit_skip,
                Err(failure) => failed.push((as_of, failure)),
            }
            // What is wrong with the file is wrong on all dates.
            let refused = failed.last().is_some_and(|(_, failure)| failure.code == exit::PIPELINE);
            if refused || stop.cancel.load(Ordering::SeqCst) {
                break;
            }
        }
        match self.carrying.exit_skip.filter(|_| skipped_all) {
            _ if !failed.is_empty() => Err(Failure::of_dates(&failed)),
            Some(code) => Ok(code),
            None => Ok(DONE),
        }
    }

    /// Runs one date, prints its summary, gives the exit code.
    fn date(&self, as_of: AsOf, stop: &Stop, bars: &Bars) -> Result<u8, Failure> {
        let NightOptions { threads, memory, .. } = &self.night;
        let clock = SystemClock::start();
        let mut loaded = match self.night.load_for(as_of) {
            Ok(loaded) => loaded,
            Err(failure) => {
                output::json_line(&refused(as_of, &failure, &clock))?;
                return Err(failure);
            }
        };
        if self.night.as_of.is_range() {
            loaded = loaded.known_the_morning_after(as_of);
        }
        if let Some(card) = &self.model {
            loaded.pipeline.model.refit = Refit::Card(std::path::absolute(card).unwrap_or_else(|_| card.clone()));
        }
        self.carrying.carry_out(&loaded, as_of, (threads, memory), &clock, stop, bars)
    }
}

/// The summary of a run whose pipeline file is not valid.
fn refused(as_of: AsOf, failure: &Failure, clock: &SystemClock) -> serde_json::Value {
    json!({
        "run_id": null,
        "status": RunStatus::Failed,
        "exit_code": exit::PIPELINE,
        "retryable": false,
        "message": failure.messages.join("\n"),
        "as_of": as_of.to_string(),
        "wall_s": clock.elapsed_s(),
        "peak_memory_bytes": appraise_pipeline::memory::peak_bytes(),
        "rows": null,
        "tables": {},
    })
}
