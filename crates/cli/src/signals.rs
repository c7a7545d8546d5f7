//! SIGINT and SIGTERM stop a run; one that does not stop in time is ended.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::time::Duration;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

/// How long a run may take to clean up behind itself.
const GRACE: Duration = Duration::from_millis(4_500);

/// Whether the process was asked to stop, and by what.
#[derive(Debug, Clone, Default)]
pub(crate) struct Stop {
    /// Set once a signal came.
    pub(crate) cancel: Arc<AtomicBool>,
    /// The exit code that goes with the signal, 0 before one came.
    pub(crate) code: Arc<AtomicU8>,
}

impl Stop {
    /// Listens for signals from now on.
    pub(crate) fn listen() -> std::io::Result<Self> {
        let stop = Self::default();
        let mut signals = Signals::new([SIGINT, SIGTERM])?;
        let theirs = stop.clone();
        std::thread::spawn(move || {
            if let Some(signal) = signals.forever().next() {
                theirs.code.store(128 + u8::try_from(signal).unwrap_or(0), Ordering::SeqCst);
                theirs.cancel.store(true, Ordering::SeqCst);
                std::thread::sleep(GRACE);
                end(128 + signal);
            }
        });
        Ok(stop)
    }
}

#[expect(clippy::exit, reason = "the run did not stop in time; the next one removes what it left")]
fn end(code: i32) {
    std::process::exit(code);
}
