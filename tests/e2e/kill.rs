//! A run that is killed at any time leaves the last tables whole, and the next run succeeds.

use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Duration;

use serde_json::Value;
use tempfile::tempdir;

use crate::program::{appraise, run, say};

const PIPELINE: &str = "pipelines/online_retail.yaml";
const KILLS: u32 = 100;

fn start(as_of: &str, output: &Path) -> Child {
    let mut command = appraise();
    command.args(["run", PIPELINE, "--as-of", as_of, "--output"]).arg(output);
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

fn verify(output: &Path) {
    say(&["verify", "--output", output.to_str().unwrap()]).expect(0);
}

/// Parquet files that a reader could find, but no finished snapshot vouches for. Staging is a hidden folder.
fn loose_files(output: &Path) -> Vec<String> {
    let pattern = format!("{}/**/*.parquet", output.display());
    let found = glob::glob(&pattern).unwrap().map(|path| path.unwrap());
    let finished = |path: &Path| path.ancestors().any(|folder| folder.join("_SUCCESS").is_file());
    let unpublished = |path: &Path| [".staging", "runs"].iter().any(|folder| path.starts_with(output.join(folder)));
    found.filter(|path| !finished(path) && !unpublished(path)).map(|path| path.display().to_string()).collect()
}

fn statuses(output: &Path) -> Vec<String> {
    let said = say(&["runs", "--json", "--output", output.to_str().unwrap()]).expect(0);
    let record = |line: &str| serde_json::from_str::<Value>(line).unwrap()["status"].as_str().unwrap().to_owned();
    said.stdout.lines().map(record).collect()
}

#[test]
fn a_hundred_kills() {
    let output = tempdir().unwrap();
    let output = output.path();
    let wall_s = |as_of: &str| run(PIPELINE, as_of, output, &[]).expect(0).summary()["wall_s"].as_f64().unwrap();
    // How long a run takes decides when to kill one: the delays are spread over all of it and a bit more.
    let mut whole = wall_s("2011-11-30");
    let mut killed = 0;
    for round in 0..KILLS {
        // Each round values another date, so that no run finds its work done.
        let as_of = format!("2011-{:02}-{:02}", 6 + round / 28, 1 + round % 28);
        let mut child = start(&as_of, output);
        // A low-discrepancy sequence covers the run evenly without chance.
        let share = (f64::from(round) * 0.618_033_988_75).fract();
        std::thread::sleep(Duration::from_secs_f64(share * (whole + 0.05)));
        child.kill().unwrap();
        killed += u32::from(!child.wait().unwrap().success());
        assert_eq!(loose_files(output), Vec::<String>::new(), "after kill {round}");
        if round % 10 == 9 {
            verify(output);
            run(PIPELINE, &as_of, output, &[]).expect(0);
            verify(output);
            // A date of its own again: the machine may be busier or idler than it was.
            whole = wall_s(&format!("2011-11-{:02}", 1 + round / 10));
        }
    }
    assert!(killed > KILLS / 2, "only {killed} of {KILLS} runs were killed before they ended");
    let last = run(PIPELINE, "2011-12-09", output, &[]).expect(0).summary();
    assert_eq!(last["status"], "succeeded");
    verify(output);
    assert!(!statuses(output).iter().any(|status| status == "running"), "the records of dead runs are closed");
    let staging = std::fs::read_dir(output.join(".staging")).unwrap().count();
    assert_eq!(staging, 0, "what dead runs had staged is removed");
}
