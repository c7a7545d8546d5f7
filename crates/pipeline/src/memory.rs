//! How much memory the process has held, how much it may hold, and what each stage gets of it.

use std::path::{Path, PathBuf};

use crate::error::RunError;

const MIB: u64 = 1 << 20;
/// Memory of the program before any row is read.
const BASE_BYTES: u64 = 64 * MIB;
/// Memory of one decoding thread: a row group's pages and a batch of its rows.
const THREAD_BYTES: u64 = 48 * MIB;
/// The least that a run can do with.
const LEAST_BYTES: u64 = 256 * MIB;

/// What a run may hold in memory, by purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// Events that wait to be folded.
    pub scatter_bytes: u64,
    /// The finished features.
    pub features_bytes: u64,
    /// The finished values, and as much again for actions, while they are drafts and once they are finished.
    pub values_bytes: u64,
}

impl Budget {
    /// Splits `limit` among the stages of a run with `threads` threads: the program and its decoders take theirs first, half
    /// of the rest is for events, a quarter for features, an eighth for values; folding takes what is left.
    ///
    /// # Errors
    /// [`RunError::Memory`] when the limit is below what a run can do with.
    pub fn new(limit: u64, threads: usize) -> Result<Self, RunError> {
        let fixed = BASE_BYTES + THREAD_BYTES * threads as u64;
        let least = LEAST_BYTES.max(fixed + 64 * MIB);
        if limit < least {
            return Err(RunError::Memory { needed: least, limit, threads });
        }
        let rest = limit - fixed;
        Ok(Self { scatter_bytes: rest / 2, features_bytes: rest / 4, values_bytes: rest / 8 })
    }
}

/// Memory that a run is expected to take beside its events and tables.
pub(crate) fn fixed_bytes(threads: usize) -> u64 {
    BASE_BYTES + THREAD_BYTES * threads as u64
}

/// Four fifths of what the container or else the machine grants this process; `None` where the system does not tell.
#[must_use]
pub fn default_limit() -> Option<u64> {
    let groups = std::fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let granted = limits_of(&groups).into_iter().filter_map(|file| limit_in(&file));
    let machine = std::fs::read_to_string("/proc/meminfo").ok();
    let machine = machine.and_then(|text| kilobytes(&text, "MemTotal:"));
    granted.chain(machine).min().map(|bytes| bytes / 5 * 4)
}

/// The files that may hold a limit for a process of these control groups, those of all groups above included.
fn limits_of(groups: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for line in groups.lines() {
        let mut parts = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(group)) = (parts.next(), parts.next()) else { continue };
        let (root, file) = match controllers {
            "" => ("/sys/fs/cgroup", "memory.max"),
            _ if controllers.split(',').any(|name| name == "memory") => {
                ("/sys/fs/cgroup/memory", "memory.limit_in_bytes")
            }
            _ => continue,
        };
        let group = Path::new(group.trim_start_matches('/'));
        files.extend(group.ancestors().map(|above| Path::new(root).join(above).join(file)));
    }
    files
}

/// The limit that a control group's file states; `None` for `max`.
fn limit_in(file: &Path) -> Option<u64> {
    std::fs::read_to_string(file).ok()?.trim().parse().ok()
}

/// Greatest resident memory of this process in bytes, where the system tells (Linux does).
#[must_use]
pub fn peak_bytes() -> Option<u64> {
    kilobytes(&std::fs::read_to_string("/proc/self/status").ok()?, "VmHWM:")
}

/// The bytes of line `name` in a text that gives them in kB.
fn kilobytes(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim_end().parse().ok()?;
    kilobytes.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_high_water_mark_is_read_in_bytes() {
        let status = "Name:\tx\nVmPeak:\t  9 kB\nVmHWM:\t    2048 kB\n";
        assert_eq!(kilobytes(status, "VmHWM:"), Some(2_097_152));
        assert_eq!(kilobytes("Name:\tx\n", "VmHWM:"), None);
    }

    #[test]
    fn limits_are_sought_in_the_group_and_all_above_it() {
        let files = limits_of("12:cpu,memory:/a\n1:cpu:/b\n0::/c/d\n");
        let expected = [
            "/sys/fs/cgroup/memory/a/memory.limit_in_bytes",
            "/sys/fs/cgroup/memory/memory.limit_in_bytes",
            "/sys/fs/cgroup/c/d/memory.max",
            "/sys/fs/cgroup/c/memory.max",
            "/sys/fs/cgroup/memory.max",
        ];
        assert_eq!(files, expected.map(PathBuf::from));
    }

    #[test]
    fn a_budget_never_gives_more_than_the_limit() {
        for (limit, threads) in [(LEAST_BYTES, 2), (1 << 30, 2), (1 << 36, 64)] {
            let budget = Budget::new(limit, threads).unwrap();
            let given = budget.scatter_bytes + budget.features_bytes + budget.values_bytes;
            assert!(given + fixed_bytes(threads) < limit && budget.scatter_bytes >= 32 * MIB);
        }
        assert!(matches!(Budget::new(LEAST_BYTES - 1, 1), Err(RunError::Memory { .. })));
        assert!(matches!(Budget::new(1 << 30, 64), Err(RunError::Memory { .. })));
    }
}
