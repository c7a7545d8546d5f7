//! Options that several commands share.

use std::path::PathBuf;

use appraise_export::Layout;
use appraise_pipeline::spec::{Loaded, Overrides, load};
use appraise_schema::AsOf;
use clap::Args;

use crate::exit::Failure;

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
        let overrides = Overrides {
            as_of,
            params_file: self.params.clone(),
            sets: self.sets.clone(),
            output: output.cloned(),
            ..Overrides::default()
        };
        Ok(load(&self.pipeline, &overrides)?)
    }
}

/// A night's work: a pipeline, its date, where its tables go, and how many threads it may use.
#[derive(Debug, Args)]
pub(crate) struct NightOptions {
    #[command(flatten)]
    pipeline: PipelineOptions,
    /// The date to value customers at, such as 2024-12-31; events of that day count.
    #[arg(long, value_name = "DATE")]
    pub(crate) as_of: AsOf,
    /// Root of the published tables, instead of the file's `export.path`.
    #[arg(long, value_name = "DIR")]
    output: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) threads: ThreadOptions,
}

impl NightOptions {
    /// Loads the pipeline for its date.
    pub(crate) fn load(&self) -> Result<Loaded, Failure> {
        self.pipeline.load(Some(self.as_of), self.output.as_ref())
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
