//! What can go wrong.

use std::path::PathBuf;

/// Why nothing, or not all, was generated.
#[derive(Debug, thiserror::Error)]
pub enum GenerateError {
    /// An option is not what it may be.
    #[error("{message}")]
    Option {
        /// The option, its value, and what was expected.
        message: String,
    },
    /// The output is there already.
    #[error("{} is there already", path.display())]
    Exists {
        /// What is there.
        path: PathBuf,
    },
    /// A file or folder can't be written.
    #[error("can't write {}: {source}", path.display())]
    Write {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A table can't be encoded.
    #[error("can't encode {}: {source}", path.display())]
    Encode {
        /// Its file.
        path: PathBuf,
        /// Why.
        source: parquet::errors::ParquetError,
    },
    /// The threads can't be started.
    #[error("can't start the threads: {0}")]
    Threads(#[from] rayon::ThreadPoolBuildError),
}
