//! Runs the program and reads what it said.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

/// Root of the repository.
pub(crate) fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// The program, started in the root of the repository, deaf to the caller's environment.
pub(crate) fn appraise() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_appraise"));
    command.current_dir(repository()).env("CI", "true");
    for variable in ["OUTPUT", "THREADS", "MEMORY_LIMIT", "TEMP_DIR", "LOG_FORMAT", "LOG_LEVEL"] {
        command.env_remove(format!("APPRAISE_{variable}"));
    }
    command
}

/// What a process said.
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Said {
    pub(crate) fn of(output: &Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// The JSON object in the last line of stdout.
    pub(crate) fn summary(&self) -> Value {
        let line = self.stdout.lines().last().unwrap_or_default();
        serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: `{line}`; stderr:\n{}", self.stderr))
    }

    /// Fails the test unless the process ended with `code`.
    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, code, "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }
}

/// Starts the program with `arguments` and waits for it.
pub(crate) fn say(arguments: &[&str]) -> Said {
    Said::of(&appraise().args(arguments).output().unwrap())
}

/// `appraise run PIPELINE --as-of AS_OF --output OUTPUT` with further arguments.
pub(crate) fn run(pipeline: &str, as_of: &str, output: &Path, more: &[&str]) -> Said {
    let mut arguments = vec!["run", pipeline, "--as-of", as_of, "--output", output.to_str().unwrap()];
    arguments.extend(more);
    say(&arguments)
}

/// The folder of `table` in a run's summary.
pub(crate) fn folder(summary: &Value, table: &str) -> PathBuf {
    PathBuf::from(summary["tables"][table]["path"].as_str().unwrap_or_else(|| panic!("no {table} in {summary}")))
}
