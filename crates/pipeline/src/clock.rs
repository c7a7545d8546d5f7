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

/// Seconds of processor time that this process has taken so far, all threads together, where the system tells (Linux does,
/// in hundredths).
pub(crate) fn cpu_s() -> Option<f64> {
    cpu_seconds(&std::fs::read_to_string("/proc/self/stat").ok()?)
}

/// The user and system time in the line of `/proc/<pid>/stat`: its fields 14 and 15. The second is a name in brackets, which may
/// hold anything.
fn cpu_seconds(stat: &str) -> Option<f64> {
    let mut behind_name = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let mut ticks = || behind_name.next()?.parse::<u64>().ok();
    Some((ticks()? + ticks()?) as f64 / 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_time_stands_behind_the_name() {
        assert_eq!(cpu_seconds("7 (a) b) R 1 2 3 4 5 6 7 8 9 10 150 25 0 0 20"), Some(1.75));
        assert_eq!(cpu_seconds("7 (a) R 1"), None);
        assert!(cpu_s().is_some());
    }
}
