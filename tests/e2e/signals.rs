//! SIGTERM and SIGINT end a run cleanly and soon.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use tempfile::tempdir;

use crate::program::{Said, appraise};

const PIPELINE: &str = "pipelines/online_retail.yaml";

/// Sends `signal` to a run after `delay`; gives what it said.
fn interrupted(output: &Path, signal: &str, delay: Duration) -> Said {
    let mut command = appraise();
    command.args(["run", PIPELINE, "--as-of", "2011-12-09", "--output"]).arg(output);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    std::thread::sleep(delay);
    Command::new("kill").args(["-s", signal, &child.id().to_string()]).status().unwrap();
    Said::of(&child.wait_with_output().unwrap())
}

#[test]
fn a_signal_ends_the_run_with_its_own_code() {
    for (signal, code) in [("TERM", 143), ("INT", 130)] {
        let mut seen = false;
        for milliseconds in (20..400).step_by(20) {
            let output = tempdir().unwrap();
            let said = interrupted(output.path(), signal, Duration::from_millis(milliseconds));
            // Before the program listens it dies of the signal; once it is through, it has succeeded.
            if said.code != code {
                assert!(matches!(said.code, -1 | 0), "{}: {}", said.code, said.stderr);
                continue;
            }
            seen = true;
            let summary = said.summary();
            assert_eq!(summary["status"], "interrupted");
            assert_eq!(summary["exit_code"], code);
            assert_eq!(summary["retryable"], true);
            let staging = output.path().join(".staging");
            assert!(!staging.exists() || std::fs::read_dir(staging).unwrap().count() == 0);
            assert!(!output.path().join("CURRENT.json").exists());
        }
        assert!(seen, "no delay met the run while it worked");
    }
}
