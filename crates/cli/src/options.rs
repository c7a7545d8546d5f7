//! Options that several commands share.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use appraise_export::Layout;
use appraise_export::folder::is_free;
use appraise_pipeline::RunOptions;
use appraise_pipeline::spec::{Loaded, Overrides, load};
use appraise_schema::AsOf;
use clap::Args;

use crate::exit::Failure;
use crate::signals::Stop;

/// The pipeline file and what changes it.
#[derive(Debug, Args)]
pub(crate) struct PipelineOptions {
    /// The pipeline file.
    pub(crate) pipeline: PathBuf,
    /// Sets a value of the file by its path, such as `sources.transactions.path=dumps/*.parquet`; later ones win.
    #[arg(long = "set", value_name = "PATH=VALUE")]
    sets: Vec<String>,
    /// A YAML mapping of values for the file's `params`.
    #[arg(long, value_name = "FILE")]
    params: Option<PathBuf>,
}

impl PipelineOptions {
    /// Loads the pipeline.
    pub(crate) fn load(&self, as_of: Option<AsOf>, output: Option<&PathBuf>) -> Result<Loaded, Failure> {
        Ok(load(&self.pipeline, &self.overrides(as_of, output))?)
    }

    fn overrides(&self, as_of: Option<AsOf>, output: Option<&PathBuf>) -> Overrides {
        Overrides {
            as_of,
            params_file: self.params.clone(),
            sets: self.sets.clone(),
            output: output.cloned(),
            ..Overrides::default()
        }
    }
}

/// A night's work: a pipeline, its date, where its tables go, and how many threads it may use.
#[derive(Debug, Args)]
pub(crate) struct NightOptions<D = AsOf>
where
    D: FromStr + Clone + Send + Sync + 'static,
    D::Err: std::error::Error + Send + Sync,
{
    #[command(flatten)]
    pipeline: PipelineOptions,
    /// The date to value customers at, such as 2024-12-31; events of that day count.
    #[arg(long, value_name = "DATE", value_parser = D::from_str)]
    pub(crate) as_of: D,
    /// Root of the published tables, instead of the file's `export.path`.
    #[arg(long, value_name = "DIR")]
    output: Option<PathBuf>,
    /// Computes everything anew: uses nothing that earlier runs kept, and keeps nothing.
    #[arg(long)]
    no_cache: bool,
    #[command(flatten)]
    pub(crate) threads: ThreadOptions,
    #[command(flatten)]
    pub(crate) memory: MemoryOptions,
}

impl NightOptions {
    /// Loads the pipeline for its date.
    pub(crate) fn load(&self) -> Result<Loaded, Failure> {
        self.load_for(self.as_of)
    }

    /// The pipeline file.
    pub(crate) fn file(&self) -> &Path {
        &self.pipeline.pipeline
    }

    /// What changes the pipeline file.
    pub(crate) fn overrides(&self) -> Overrides {
        self.pipeline.overrides(Some(self.as_of), self.output.as_ref())
    }
}

impl<D> NightOptions<D>
where
    D: FromStr + Clone + Send + Sync + 'static,
    D::Err: std::error::Error + Send + Sync,
{
    /// Loads the pipeline for `as_of`.
    pub(crate) fn load_for(&self, as_of: AsOf) -> Result<Loaded, Failure> {
        let mut loaded = self.pipeline.load(Some(as_of), self.output.as_ref())?;
        if self.no_cache {
            loaded.pipeline.cache.keep = 0;
        }
        Ok(loaded)
    }
}

/// Where the published tables are.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct OutputOptions {
    /// Root of the published tables.
    #[arg(long, value_name = "DIR", env = "APPRAISE_OUTPUT")]
    output: Option<PathBuf>,
    /// The pipeline file that names the root.
    #[arg(long, value_name = "FILE")]
    pipeline: Option<PathBuf>,
}

impl OutputOptions {
    /// The pipeline that names the root, for `as_of` and with `sets`.
    pub(crate) fn load(&self, as_of: AsOf, sets: &[String]) -> Result<Loaded, Failure> {
        let pipeline = self.pipeline.as_ref();
        let pipeline =
            pipeline.ok_or_else(|| Failure::usage("no pipeline is given", "name it with `--pipeline FILE`"))?;
        let overrides = Overrides { as_of: Some(as_of), sets: sets.to_vec(), ..Overrides::default() };
        Ok(load(pipeline, &overrides)?)
    }

    /// The layout below the root.
    pub(crate) fn layout(&self) -> Result<Layout, Failure> {
        let root = match (&self.output, &self.pipeline) {
            (Some(root), _) => root.clone(),
            (None, Some(pipeline)) => load(pipeline, &Overrides::default())?.pipeline.export.path,
            (None, None) => {
                return Err(Failure::usage("no output is given", "name it with `--output DIR` or `--pipeline FILE`"));
            }
        };
        Ok(Layout::at(&root))
    }
}

/// Threads that the process may use: what is asked for, else what the machine or its container grants.
#[derive(Debug, Args)]
pub(crate) struct ThreadOptions {
    /// Threads to work with; without, all that the machine or container grants.
    #[arg(long, value_name = "N", env = "APPRAISE_THREADS", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
}

impl ThreadOptions {
    /// The number of threads, at least one.
    pub(crate) fn count(&self) -> usize {
        self.threads.map_or_else(|| std::thread::available_parallelism().map_or(1, usize::from), usize::from)
    }

    /// Makes every thread pool of the process that size. The expression engine reads its size once, from the
    /// environment, so the process starts itself again with the variable set.
    pub(crate) fn apply(&self) {
        const ENGINE: &str = "POLARS_MAX_THREADS";
        let threads = self.count();
        if std::env::var(ENGINE).ok().as_deref() != Some(&threads.to_string()) {
            use std::os::unix::process::CommandExt;
            if let Ok(program) = std::env::current_exe() {
                let mut again = std::process::Command::new(program);
                let error = again.args(std::env::args_os().skip(1)).env(ENGINE, threads.to_string()).exec();
                tracing::warn!(%error, "the expression engine takes its own number of threads");
            }
        }
        if let Err(error) = rayon::ThreadPoolBuilder::new().num_threads(threads).build_global() {
            tracing::warn!(%error, "the thread pool takes its own number of threads");
        }
    }
}

/// Memory that the process may take, and where what does not fit goes.
#[derive(Debug, Args)]
pub(crate) struct MemoryOptions {
    /// Memory to work with, such as 512MiB or 4GiB; without, four fifths of what the machine or container grants. What does
    /// not fit waits on disk.
    #[arg(long = "memory-limit", value_name = "SIZE", env = "APPRAISE_MEMORY_LIMIT", value_parser = bytes)]
    limit: Option<u64>,
    /// Folder for what does not fit in memory; without, the system's for temporary files.
    #[arg(long, value_name = "DIR", env = "APPRAISE_TEMP_DIR")]
    temp_dir: Option<PathBuf>,
}

impl MemoryOptions {
    /// Bytes of memory; without any limit where nothing grants one.
    pub(crate) fn limit(&self) -> u64 {
        self.limit.or_else(appraise_pipeline::memory::default_limit).unwrap_or(u64::MAX)
    }

    /// The folder for temporary files.
    pub(crate) fn temp_dir(&self) -> PathBuf {
        self.temp_dir.clone().unwrap_or_else(std::env::temp_dir)
    }
}

/// Rows that are decoded at once by commands that do not ask.
const BATCH_ROWS: usize = 32_768;

/// How a run is carried out that moves no pointer.
pub(crate) fn aside(as_of: AsOf, threads: &ThreadOptions, memory: &MemoryOptions, stop: &Stop) -> RunOptions {
    RunOptions {
        as_of,
        threads: threads.count(),
        batch_rows: BATCH_ROWS,
        memory_limit: memory.limit(),
        temp_dir: memory.temp_dir(),
        lock_timeout_s: 0,
        move_pointers: false,
        full: false,
        cancel: Arc::clone(&stop.cancel),
        cancel_code: Arc::clone(&stop.code),
    }
}

/// Refuses a folder for tables, `--out`, in which something is.
pub(crate) fn check_free(out: Option<&Path>) -> Result<(), Failure> {
    match out {
        Some(folder) if !is_free(folder)? => {
            let message = format!("--out `{}` is there, and not empty", folder.display());
            Err(Failure::usage(message, "name a folder that is not there yet"))
        }
        _ => Ok(()),
    }
}

/// A size in bytes: digits and a unit of 1024 or 1000.
fn bytes(text: &str) -> Result<u64, String> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let unit: u64 = match unit.trim_start() {
        "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        "TiB" => 1 << 40,
        "kB" | "KB" => 1_000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "TB" => 1_000_000_000_000,
        _ => return Err("a size is written like 512MiB or 4GiB".to_owned()),
    };
    let size = number.parse::<u64>().ok().and_then(|number| number.checked_mul(unit));
    size.ok_or_else(|| "a size is written like 512MiB or 4GiB".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_a_number_and_a_unit() {
        assert_eq!(bytes("512MiB"), Ok(512 << 20));
        assert_eq!(bytes("4 GiB"), Ok(4 << 30));
        assert_eq!(bytes("1500MB"), Ok(1_500_000_000));
        for text in ["", "512", "MiB", "-1MiB", "1.5GiB", "1Gib", "99999999999999TiB"] {
            assert!(bytes(text).is_err(), "{text}");
        }
    }
}
