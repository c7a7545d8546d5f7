//! The files of a run: which are there, what is in them, whether they stay as they are.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use appraise_export::{ContentId, Input, Publisher, Snapshot};
use appraise_ingest::{IngestError, InputFile, digest, discover};
use appraise_schema::{AsOf, SourceKind};
use serde_json::json;

use crate::cache::digests;
use crate::error::RunError;
use crate::run::RunOptions;
use crate::session::versions;
use crate::spec::resolved::Pipeline;
use crate::stages;

/// The name of the exchange rates among the reference tables.
pub(crate) const EXCHANGE_RATES: &str = "exchange_rates";

/// The files of all sources and reference tables.
#[derive(Debug)]
pub(crate) struct Inputs {
    /// By source.
    pub(crate) sources: BTreeMap<SourceKind, Vec<InputFile>>,
    /// By name of the table.
    pub(crate) references: BTreeMap<String, Vec<InputFile>>,
}

/// What the inputs of a run are.
#[derive(Debug)]
pub(crate) struct Identity {
    /// The files as the manifest lists them.
    pub(crate) listed: Vec<Input>,
    /// What each file is, without its path, in the order of these texts.
    pub(crate) identities: Vec<String>,
    /// The name of the content.
    pub(crate) content_id: ContentId,
}

impl Inputs {
    /// Finds the files and reads their footers.
    pub(crate) fn find(pipeline: &Pipeline) -> Result<Self, RunError> {
        let find = |of: &str, paths: &[String], dated| {
            discover(&stages::paths(pipeline, paths)).map_err(|source| match source {
                IngestError::NothingMatches { .. } if dated => {
                    RunError::NotThereYet { of: of.to_owned(), source: Box::new(source) }
                }
                source => RunError::of_source(of, source),
            })
        };
        let mut sources = BTreeMap::new();
        for (kind, source) in &pipeline.sources {
            sources.insert(*kind, find(kind.name(), &source.paths, source.dated)?);
        }
        let rates = pipeline.exchange_rates.as_ref().map(|table| (EXCHANGE_RATES, table));
        let mut references = BTreeMap::new();
        for (name, table) in pipeline.references.iter().map(|(name, table)| (name.as_str(), table)).chain(rates) {
            references.insert(name.to_owned(), find(&table_name(name), &table.paths, table.dated)?);
        }
        Ok(Self { sources, references })
    }

    /// All files with the name of their source or table, in the order in which the manifest lists them.
    pub(crate) fn files(&self) -> impl Iterator<Item = (String, &InputFile)> {
        let sources = self.sources.iter().map(|(kind, files)| (kind.name().to_owned(), files));
        let references = self.references.iter().map(|(name, files)| (table_name(name), files));
        sources.chain(references).flat_map(|(name, files)| files.iter().map(move |file| (name.clone(), file)))
    }

    /// Rows of all sources, by their footers.
    pub(crate) fn rows(&self) -> u64 {
        self.sources.values().flatten().map(|file| file.rows).sum()
    }

    /// Bytes of all files.
    pub(crate) fn bytes(&self) -> u64 {
        self.files().map(|(_, file)| file.bytes).sum()
    }

    /// The paths of all files, in the same order.
    pub(crate) fn paths(&self) -> Vec<PathBuf> {
        self.files().map(|(_, file)| file.path.clone()).collect()
    }

    /// The digests of all files; those that `publisher`'s root remembers are not computed.
    pub(crate) fn digests(
        &self,
        pipeline: &Pipeline,
        publisher: &Publisher,
        options: &RunOptions,
    ) -> Result<Vec<String>, RunError> {
        if pipeline.cache.keep > 0 {
            return digests::of(publisher, &self.paths(), options);
        }
        Ok(digest(&self.paths(), options.threads, &options.cancel)?)
    }

    /// What the files of these `digests` are, and the name of the content that they, the pipeline, the card of models that are not
    /// fitted and the snapshot that changes begin at make; `card` is its digest.
    pub(crate) fn identity(
        &self,
        pipeline: &Pipeline,
        as_of: AsOf,
        digests: Vec<String>,
        card: Option<&str>,
        base: Option<&Snapshot>,
    ) -> Identity {
        let mut identities: Vec<String> = self
            .files()
            .zip(&digests)
            .map(|((source, file), digest)| {
                json!({ "source": source, "digest": digest, "partitions": file.partitions }).to_string()
            })
            .collect();
        identities.sort_unstable();
        let mut content = json!({
            "versions": versions(),
            "pipeline": pipeline.semantic(),
            "as_of": as_of.to_string(),
            "inputs": identities,
        });
        if let Some(card) = card {
            content["model_card"] = card.into();
        }
        if let Some(base) = base {
            content["base"] = base.manifest.content_id.as_str().into();
        }
        let input = |((source, file), digest): ((String, &InputFile), String)| Input {
            source,
            path: shown_path(pipeline, &file.path).display().to_string(),
            bytes: file.bytes,
            digest,
            rows: file.rows,
        };
        let listed = self.files().zip(digests).map(input).collect();
        Identity { listed, identities, content_id: ContentId::of(&content) }
    }

    /// The digest names the bytes that were there before the read: they must be there after it.
    pub(crate) fn check_unchanged(&self) -> Result<(), RunError> {
        match self.files().find(|(_, file)| !file.is_unchanged()) {
            Some((_, file)) => Err(RunError::InputChanged { path: file.path.display().to_string() }),
            None => Ok(()),
        }
    }
}

/// How a reference table is called among the inputs.
pub(crate) fn table_name(name: &str) -> String {
    format!("references.{name}")
}

/// A path as the pipeline file would write it: the same on every machine.
pub(crate) fn shown_path(pipeline: &Pipeline, path: &Path) -> PathBuf {
    path.strip_prefix(&pipeline.folder).unwrap_or(path).to_owned()
}

/// [`shown_path`] of all `paths`.
pub(crate) fn shown_paths(pipeline: &Pipeline, paths: &[PathBuf]) -> Vec<PathBuf> {
    paths.iter().map(|path| shown_path(pipeline, path)).collect()
}
