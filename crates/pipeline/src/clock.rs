//! The only place that reads clocks, for the run log alone. Time never decides data.

use std::time::Instant;

use chrono::{DateTime, SecondsFormat, Utc};

/// Time as the run log stamps it.
pub trait Clock: Sync {
    /// The present, RFC 3339 in UTC with milliseconds.
    fn now(&self) -> String;
    /// Seconds since the clock was made.
    fn elapsed_s(&self) -> f64;
}

/// The clock of the machine.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock {
    start: Instant,
}

impl SystemClock {
    /// A clock that starts now.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the run log measures how long stages take")]
    pub fn start() -> Self {
        Self { start: Instant::now() }
    }
}

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the run log stamps when a run started and ended")]
    fn now(&self) -> String {
        let now: DateTime<Utc> = Utc::now();
        now.to_rfc3339_opts(SecondsFormat::Millis, true)
    }

    fn elapsed_s(&self) -> f64 {
        (self.start.elapsed().as_secs_f64() * 1000.0).round() / 1000.0
    }
}
