//! Logs on stderr: text for people, one JSON object per line for machines.

use std::io::{self, IsTerminal, Write};

use clap::{Args, ValueEnum};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::progress::Bars;

/// Flags of every command.
#[derive(Debug, Args)]
pub(crate) struct LogOptions {
    /// Form of the log on stderr.
    #[arg(long, global = true, value_enum, default_value_t = LogFormat::Text, env = "APPRAISE_LOG_FORMAT")]
    log_format: LogFormat,
    /// Least severity that is logged.
    #[arg(long, global = true, value_enum, default_value_t = LogLevel::Info, env = "APPRAISE_LOG_LEVEL")]
    log_level: LogLevel,
    /// Shows no progress bars, also on a terminal.
    #[arg(long, global = true)]
    no_progress: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum LogFormat {
    /// Lines for people.
    Text,
    /// One object per line, times in RFC 3339 UTC.
    Json,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum LogLevel {
    Error,
    Warn,
    Info,
    Debug,
}

impl LogOptions {
    /// Whether the log is JSON.
    pub(crate) fn is_json(&self) -> bool {
        self.log_format == LogFormat::Json
    }

    /// Whether progress bars are wanted and there is somebody to see them.
    pub(crate) fn shows_progress(&self) -> bool {
        let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
        !self.no_progress && !self.is_json() && !dumb && !set("CI") && io::stderr().is_terminal()
    }

    fn level(&self) -> LevelFilter {
        match self.log_level {
            LogLevel::Error => LevelFilter::ERROR,
            LogLevel::Warn => LevelFilter::WARN,
            LogLevel::Info => LevelFilter::INFO,
            LogLevel::Debug => LevelFilter::DEBUG,
        }
    }
}

/// Whether the terminal shows colours and the user wants them.
fn colours() -> bool {
    let no_colour = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    !no_colour && !dumb && io::stderr().is_terminal()
}

/// Starts the log; lines go above the progress bars.
pub(crate) fn start(options: &LogOptions, bars: &Bars) {
    let builder = tracing_subscriber::fmt().with_max_level(options.level()).with_writer(AboveBars(bars.clone()));
    // A second start in one process would fail; there is only this one.
    let _ = match options.log_format {
        LogFormat::Text => {
            tracing::subscriber::set_global_default(builder.with_target(false).with_ansi(colours()).finish())
        }
        LogFormat::Json => tracing::subscriber::set_global_default(builder.json().flatten_event(true).finish()),
    };
}

/// Writes to stderr with the bars out of the way.
#[derive(Debug, Clone)]
struct AboveBars(Bars);

impl Write for AboveBars {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.suspended(|| io::stderr().write_all(bytes))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

impl<'a> MakeWriter<'a> for AboveBars {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}
