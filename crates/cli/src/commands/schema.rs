//! `appraise schema`.

use appraise_pipeline::spec::json_schema_text;
use appraise_schema::{AsOf, TableContract};
use clap::{Args, Subcommand};

use crate::exit::{DONE, Failure};
use crate::options::PipelineOptions;
use crate::output;

/// Prints the form of the pipeline file, or of the tables that one publishes.
#[derive(Debug, Args)]
pub(crate) struct Schema {
    #[command(subcommand)]
    of: Of,
}

#[derive(Debug, Subcommand)]
enum Of {
    /// The JSON Schema of the pipeline file, for editors.
    Pipeline,
    /// The tables that a pipeline publishes: name, type, unit and meaning of every column.
    Tables(Tables),
}

#[derive(Debug, Args)]
struct Tables {
    #[command(flatten)]
    pipeline: PipelineOptions,
    /// The date of the run, for paths with `${as_of}`.
    #[arg(long, value_name = "DATE", default_value = "9999-12-31")]
    as_of: AsOf,
    /// Prints JSON instead of Markdown.
    #[arg(long)]
    json: bool,
}

impl Schema {
    /// Prints the schema.
    pub(crate) fn run(&self) -> Result<u8, Failure> {
        match &self.of {
            Of::Pipeline => output::stdout(json_schema_text().trim_end())?,
            Of::Tables(tables) => tables.run()?,
        }
        Ok(DONE)
    }
}

impl Tables {
    fn run(&self) -> Result<(), Failure> {
        let loaded = self.pipeline.load(Some(self.as_of), None)?;
        let plan = appraise_pipeline::plan(&loaded, self.as_of, 1, u64::MAX)?;
        if self.json {
            return Ok(output::json_line(&plan.tables)?);
        }
        Ok(output::stdout(markdown(&plan.tables).trim_end())?)
    }
}

fn markdown(tables: &[TableContract]) -> String {
    let described: Vec<_> =
        tables.iter().map(|table| appraise_export::manifest::Table::new(table, Vec::new())).collect();
    appraise_export::dictionary::markdown(&described)
}
