//! Exit codes, and the failures that carry them.

use std::any::Any;

use appraise_export::ExportError;
use appraise_pipeline::RunError;
use appraise_pipeline::spec::Problem;
use appraise_schema::AsOf;
use appraise_schema::panic::message;

use crate::logging::LogOptions;
use crate::output;

/// What `--help` says of exit codes.
pub(crate) const HELP: &str = "\
Exit codes:
    0  done                             6  publishing failed
    1  internal error                   7  transient, or a dump that is not there yet: retry
    2  usage                            8  another run holds the tables: retry
    3  pipeline file invalid            9  memory or disk budget exceeded
    4  input missing, unreadable or     99 nothing new, only with `--exit-skip 99`
       drifted                          130 interrupted
    5  a data check failed              143 terminated";

/// The code of a command that did what it was asked for.
pub(crate) const DONE: u8 = 0;
/// The code of a defect of the program.
pub(crate) const INTERNAL: u8 = 1;
/// The code of a wrong use of the command line.
pub(crate) const USAGE: u8 = 2;
/// The code of an invalid pipeline file.
pub(crate) const PIPELINE: u8 = 3;
/// The code of data that is not what it should be.
pub(crate) const CHECK: u8 = 5;
/// The code of files that can't be written.
pub(crate) const PUBLISH: u8 = 6;
/// From this code on a signal ended the process.
const SIGNALS: u8 = 128;

/// A command that failed: what to say, and the exit code.
#[derive(Debug)]
pub(crate) struct Failure {
    /// Exit code of the process.
    pub(crate) code: u8,
    /// What went wrong, one message each.
    pub(crate) messages: Vec<String>,
    /// What to do about it.
    pub(crate) hint: Option<String>,
}

impl Failure {
    /// A wrong use of the command line.
    pub(crate) fn usage(message: impl Into<String>, hint: &str) -> Self {
        Self { code: USAGE, messages: vec![message.into()], hint: Some(hint.to_owned()) }
    }

    /// The failures of some dates of a range, of which there is one at least. The code is that of the first, or of the signal that
    /// ended the last.
    pub(crate) fn of_dates(failed: &[(AsOf, Self)]) -> Self {
        let messages = |(as_of, failure): &(AsOf, Self)| {
            failure.messages.iter().map(|message| format!("{as_of}: {message}")).collect::<Vec<_>>()
        };
        let codes = || failed.iter().map(|(_, failure)| failure.code);
        Self {
            code: codes().next_back().filter(|code| *code >= SIGNALS).or(codes().next()).unwrap_or(INTERNAL),
            messages: failed.iter().flat_map(messages).collect(),
            hint: Some("mend what is named, and run these dates again".to_owned()),
        }
    }

    /// A defect of the program that ended in a panic.
    pub(crate) fn internal(panic: &(dyn Any + Send)) -> Self {
        let message = format!("internal error: {}", message(panic));
        let hint = "please report it; `--log-level debug` says where it happened";
        Self { code: INTERNAL, messages: vec![message], hint: Some(hint.to_owned()) }
    }

    /// Tells the user, and gives the exit code.
    pub(crate) fn report(&self, log: &LogOptions) -> u8 {
        if log.is_json() {
            for message in &self.messages {
                tracing::error!(exit_code = self.code, hint = self.hint, "{message}");
            }
            return self.code;
        }
        for message in &self.messages {
            output::stderr(&format!("error: {message}"));
        }
        if let Some(hint) = &self.hint {
            output::stderr(&format!("hint: {hint}"));
        }
        self.code
    }
}

impl From<Vec<Problem>> for Failure {
    fn from(problems: Vec<Problem>) -> Self {
        Self { code: PIPELINE, messages: problems.iter().map(ToString::to_string).collect(), hint: None }
    }
}

impl From<RunError> for Failure {
    fn from(error: RunError) -> Self {
        Self { code: error.exit_code(), messages: vec![error.to_string()], hint: error.hint() }
    }
}

impl From<ExportError> for Failure {
    fn from(error: ExportError) -> Self {
        RunError::from(error).into()
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self { code: INTERNAL, messages: vec![format!("can't write to stdout: {error}")], hint: None }
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        Self { code: INTERNAL, messages: vec![format!("can't write JSON: {error}")], hint: None }
    }
}
