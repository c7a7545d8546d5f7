//! How the columns of each file differ from those of the first.

use std::collections::BTreeMap;

use arrow::datatypes::{DataType, Schema};

use crate::discover::InputFile;

/// One difference between a file and the first file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DriftLine {
    /// The file that differs.
    pub file: String,
    /// The column; empty when the order of columns differs.
    pub column: String,
    /// What differs.
    pub change: DriftChange,
    /// Whether the run reads the column.
    pub needed: bool,
}

/// What differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DriftChange {
    /// The first file lacks the column.
    Added,
    /// The file lacks the column.
    Removed,
    /// Another type, unit or zone.
    Retyped {
        /// In the first file.
        from: String,
        /// In this file.
        to: String,
    },
    /// The same columns in another order.
    Reordered,
}

impl std::fmt::Display for DriftLine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { file, column, .. } = self;
        match &self.change {
            DriftChange::Added => write!(f, "`{file}` has a column `{column}` that the first file lacks"),
            DriftChange::Removed => write!(f, "`{file}` lacks column `{column}` of the first file"),
            DriftChange::Retyped { from, to } => {
                write!(f, "`{file}` has column `{column}` as {to}, the first file as {from}")
            }
            DriftChange::Reordered => write!(f, "`{file}` has its columns in another order than the first file"),
        }
    }
}

/// The differences of `files` against the first of them; `needed` says which columns the run reads.
pub(crate) fn drift(files: &[InputFile], needed: impl Fn(&str) -> bool) -> Vec<DriftLine> {
    let Some((first, others)) = files.split_first() else { return Vec::new() };
    others
        .iter()
        .flat_map(|file| {
            let line = |(column, change): (String, DriftChange)| DriftLine {
                file: file.path.display().to_string(),
                needed: needed(&column),
                column,
                change,
            };
            compare(&first.schema, &file.schema).into_iter().map(line).collect::<Vec<_>>()
        })
        .collect()
}

fn compare(first: &Schema, other: &Schema) -> Vec<(String, DriftChange)> {
    let types = |schema: &Schema| -> BTreeMap<String, DataType> {
        schema.fields().iter().map(|field| (field.name().clone(), field.data_type().clone())).collect()
    };
    let (before, after) = (types(first), types(other));
    let mut lines = Vec::new();
    for field in other.fields().iter().filter(|field| !before.contains_key(field.name())) {
        lines.push((field.name().clone(), DriftChange::Added));
    }
    for field in first.fields() {
        match after.get(field.name()) {
            None => lines.push((field.name().clone(), DriftChange::Removed)),
            Some(to) if to != field.data_type() => {
                let change = DriftChange::Retyped { from: field.data_type().to_string(), to: to.to_string() };
                lines.push((field.name().clone(), change));
            }
            Some(_) => {}
        }
    }
    let common = |schema: &Schema, names: &BTreeMap<String, DataType>| -> Vec<String> {
        let fields = schema.fields().iter().map(|field| field.name());
        fields.filter(|name| names.contains_key(*name)).cloned().collect()
    };
    if common(first, &after) != common(other, &before) {
        lines.push((String::new(), DriftChange::Reordered));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::datatypes::{Field, TimeUnit};

    #[test]
    fn every_kind_of_drift_is_seen() {
        let micros = DataType::Timestamp(TimeUnit::Microsecond, None);
        let millis = DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into()));
        let field = |name: &str, data_type: &DataType| Field::new(name, data_type.clone(), true);
        let first = Schema::new(vec![field("a", &micros), field("b", &DataType::Int32), field("c", &DataType::Int32)]);
        let other = Schema::new(vec![field("c", &DataType::Int32), field("d", &DataType::Int32), field("a", &millis)]);
        let retyped = DriftChange::Retyped { from: micros.to_string(), to: millis.to_string() };
        let want =
            [("d", DriftChange::Added), ("a", retyped), ("b", DriftChange::Removed), ("", DriftChange::Reordered)];
        assert_eq!(compare(&first, &other), want.map(|(column, change)| (column.to_owned(), change)));
        assert_eq!(compare(&first, &first), []);
    }
}
