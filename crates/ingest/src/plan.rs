//! What a read will do: the files, the drift between them, and the mapping of each.

use std::collections::BTreeSet;

use appraise_schema::KeyType;
use appraise_schema::source::{ColumnRole, TRANSACTIONS, find};
use arrow::datatypes::DataType;

use crate::columns::id;
use crate::config::{CheckKind, TransactionsConfig};
use crate::discover::InputFile;
use crate::drift::{DriftLine, drift};
use crate::error::IngestError;
use crate::mapping::{FileMapping, WHERE, Wanted};
use crate::reasons::{RowRule, compile};

/// Files whose columns fit the mapping, ready to be read.
#[derive(Debug)]
pub struct ReadPlan<'a> {
    pub(crate) inputs: &'a [InputFile],
    pub(crate) config: &'a TransactionsConfig,
    pub(crate) wanted: Vec<Wanted<'a>>,
    pub(crate) mappings: Vec<FileMapping>,
    pub(crate) rules: Vec<RowRule>,
    key_type: KeyType,
    drift: Vec<DriftLine>,
}

impl<'a> ReadPlan<'a> {
    /// Binds the mapping to every file and compares their columns.
    ///
    /// # Errors
    /// When there is no file, a required column is not mapped, a file lacks a needed column or has it in a type
    /// that can't be used, or customer keys are integers in one file and text in another.
    pub fn new(inputs: &'a [InputFile], config: &'a TransactionsConfig) -> Result<Self, IngestError> {
        let wanted = wanted(config)?;
        let rules = compile(&wanted, &config.checks)?;
        let mappings =
            inputs.iter().map(|file| FileMapping::new(file, &wanted)).collect::<Result<Vec<_>, IngestError>>()?;
        let key_type = key_type(inputs, &mappings)?;
        let needed: BTreeSet<&String> = wanted.iter().flat_map(|column| column.parsed.columns()).collect();
        let drift = drift(inputs, |column| needed.iter().any(|name| *name == column));
        Ok(Self { inputs, config, wanted, mappings, rules, key_type, drift })
    }

    /// The type of customer keys.
    #[must_use]
    pub fn key_type(&self) -> KeyType {
        self.key_type
    }

    /// How files differ from the first.
    #[must_use]
    pub fn drift(&self) -> &[DriftLine] {
        &self.drift
    }

    /// Names of the columns that are decoded from file number `file`, in the file's order.
    #[must_use]
    pub fn columns(&self, file: usize) -> Vec<&str> {
        let mapping = self.mappings.get(file);
        mapping.map_or(Vec::new(), |m| m.roots.iter().map(|&root| m.schema.field(root).name().as_str()).collect())
    }

    /// Rows of all files, by their footers.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.inputs.iter().map(|file| file.rows).sum()
    }
}

/// The columns that a run needs, in the order in which their rules apply. Columns that nothing but the content of
/// a transaction or a check would use are read only for these.
fn wanted(config: &TransactionsConfig) -> Result<Vec<Wanted<'_>>, IngestError> {
    for name in config.columns.keys() {
        if find(TRANSACTIONS, name).is_none() {
            return Err(IngestError::NotMapped { canonical: name.clone() });
        }
    }
    let checked = |name: &str| {
        config.checks.iter().any(|check| match &check.kind {
            CheckKind::NotBlank { column } | CheckKind::AcceptedValues { column, .. } => column == name,
            _ => false,
        })
    };
    let identified = config.columns.contains_key("transaction_id");
    let mut wanted: Vec<_> =
        config.filter.iter().map(|parsed| Wanted { name: WHERE, role: ColumnRole::Flag, parsed }).collect();
    for column in TRANSACTIONS {
        match config.columns.get(column.name) {
            Some(_) if matches!(column.name, "category" | "quantity") && !identified && !checked(column.name) => {}
            Some(parsed) => wanted.push(Wanted { name: column.name, role: column.role, parsed }),
            None if column.required => return Err(IngestError::NotMapped { canonical: column.name.to_owned() }),
            None => {}
        }
    }
    Ok(wanted)
}

/// Integer or text: one for all files.
fn key_type(inputs: &[InputFile], mappings: &[FileMapping]) -> Result<KeyType, IngestError> {
    let mut first: Option<(bool, &InputFile, &DataType)> = None;
    for (file, mapping) in inputs.iter().zip(mappings) {
        let Some(data_type) = mapping.types.get("customer_id") else { continue };
        let integer = id::is_integer(data_type).unwrap_or(false);
        match first {
            None => first = Some((integer, file, data_type)),
            Some((expected, other, other_type)) if expected != integer => {
                return Err(IngestError::TypeConflict {
                    canonical: "customer_id".to_owned(),
                    path: file.path.clone(),
                    found: data_type.to_string(),
                    expected: format!("{other_type} in `{}`", other.path.display()),
                });
            }
            Some(_) => {}
        }
    }
    match first {
        Some((true, _, _)) => Ok(KeyType::Integer),
        Some((false, _, _)) => Ok(KeyType::Text),
        None => Err(IngestError::NothingMatches { pattern: String::new(), nearest: "/".into() }),
    }
}
