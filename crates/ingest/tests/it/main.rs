//! Parquet files on disk, read through the public interface.

#[cfg(test)]
mod broken;
#[cfg(test)]
mod checks;
#[cfg(test)]
mod files;
#[cfg(test)]
mod mapping;
#[cfg(test)]
mod oracle;
#[cfg(test)]
mod references;
#[cfg(test)]
mod sources;
#[cfg(test)]
mod support;
#[cfg(test)]
mod times;
