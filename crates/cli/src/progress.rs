//! Progress bars on a terminal; nothing elsewhere.

use std::sync::{Arc, Mutex};

use appraise_pipeline::{Progress, Watch};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::logging::LogOptions;

/// The bar of the stage at hand.
#[derive(Debug, Clone)]
pub(crate) struct Bars {
    multi: MultiProgress,
    current: Arc<Mutex<Option<Bar>>>,
}

/// A bar that counts rows, and the bytes that went by with them.
#[derive(Debug, Clone)]
struct Bar {
    bar: ProgressBar,
    bytes: u64,
}

impl Bars {
    /// Bars as the options and the terminal want them.
    pub(crate) fn new(options: &LogOptions) -> Self {
        let target = if options.shows_progress() { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        Self { multi: MultiProgress::with_draw_target(target), current: Arc::new(Mutex::new(None)) }
    }

    /// Does `work` with the bars out of the way.
    pub(crate) fn suspended<T>(&self, work: impl FnOnce() -> T) -> T {
        self.multi.suspend(work)
    }

    /// Removes the bar of the last stage.
    pub(crate) fn finish(&self) {
        self.replace(None);
    }

    fn replace(&self, next: Option<Bar>) {
        let Ok(mut current) = self.current.lock() else { return };
        if let Some(previous) = std::mem::replace(&mut *current, next) {
            previous.bar.finish_and_clear();
        }
    }
}

/// A bar for stages of known length, a spinner for others.
fn style(rows: u64, bytes: u64) -> ProgressStyle {
    let template = match (rows, bytes) {
        (0, 0) => "{prefix:10} {spinner} {elapsed}",
        (_, 0) => "{prefix:10} [{bar:30}] {human_pos}/{human_len} {elapsed}",
        _ => "{prefix:10} [{bar:30}] {human_pos}/{human_len} rows {msg} {elapsed}, {eta} left",
    };
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("=> ")
}

impl Progress for Bars {
    fn advance(&self, rows: u64, bytes: u64) {
        let Ok(mut current) = self.current.lock() else { return };
        if let Some(bar) = current.as_mut() {
            bar.bar.inc(rows);
            bar.bytes += bytes;
            if bytes > 0 {
                bar.bar.set_message(format!("{}", indicatif::HumanBytes(bar.bytes)));
            }
        }
    }
}

impl Watch for Bars {
    fn begin(&self, stage: &'static str, rows: u64, bytes: u64) {
        let bar = self.multi.add(ProgressBar::new(rows).with_style(style(rows, bytes)).with_prefix(stage));
        self.replace(Some(Bar { bar, bytes: 0 }));
    }
}
