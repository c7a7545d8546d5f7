//! The only two places where the program prints.

use std::io::{self, ErrorKind, Write};

use serde::Serialize;

/// Writes one line of a result to stdout. A reader that went away is no error.
pub(crate) fn stdout(line: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    match writeln!(stdout, "{line}").and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error),
        _ => Ok(()),
    }
}

/// Writes `value` as one line of JSON to stdout.
pub(crate) fn json_line(value: &impl Serialize) -> io::Result<()> {
    stdout(&serde_json::to_string(value)?)
}

/// Writes one line for people to stderr; there is nobody to tell when that fails.
pub(crate) fn stderr(line: &str) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}
