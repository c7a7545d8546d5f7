//! The JSON Schema of the pipeline file, generated from its types.

use std::sync::LazyLock;

use schemars::Schema;
use schemars::generate::SchemaSettings;
use schemars::transform::transform_subschemas;
use serde_json::{Map, Value};

use super::types::Spec;

static SCHEMA: LazyLock<Value> = LazyLock::new(generate);

/// The JSON Schema (draft 2020-12) of the pipeline file, version 1.
#[must_use]
pub fn json_schema() -> &'static Value {
    &SCHEMA
}

/// The JSON Schema as text, as it is committed.
#[must_use]
pub fn json_schema_text() -> String {
    format!("{:#}\n", json_schema())
}

fn generate() -> Value {
    let mut schema = SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<Spec>();
    refuse_null(&mut schema);
    unwrap_lines(&mut schema);
    schema.insert("title".to_owned(), "appraise pipeline, version 1".into());
    let Value::Object(mut rest) = schema.to_value() else { return Value::Bool(false) };
    let first = ["$schema", "title", "description"].map(|key| rest.shift_remove_entry(key));
    Value::Object(first.into_iter().flatten().chain(rest).collect())
}

/// An option that is left out has its default; one that is written as nothing is a slip. So `null` is taken out of
/// every type.
fn refuse_null(schema: &mut Schema) {
    if let Some(object) = schema.as_object_mut() {
        strip_null_type(object);
        strip_null_branch(object);
    }
    transform_subschemas(&mut refuse_null, schema);
}

/// A description that the source wraps is one line to whoever reads it in an editor.
fn unwrap_lines(schema: &mut Schema) {
    if let Some(Value::String(text)) = schema.as_object_mut().and_then(|object| object.get_mut("description")) {
        *text = text.replace('\n', " ");
    }
    transform_subschemas(&mut unwrap_lines, schema);
}

fn strip_null_type(object: &mut Map<String, Value>) {
    if let Some(Value::Array(types)) = object.get_mut("type") {
        types.retain(|name| name != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            object.insert("type".to_owned(), only);
        }
    }
}

fn strip_null_branch(object: &mut Map<String, Value>) {
    let Some(Value::Array(branches)) = object.get_mut("anyOf") else { return };
    branches.retain(|branch| branch.get("type").is_none_or(|name| name != "null"));
    if let [Value::Object(only)] = branches.as_slice() {
        let only = only.clone();
        object.remove("anyOf");
        object.extend(only);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_schema_is_the_one_of_the_types() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../schemas/pipeline.v1.json");
        if std::env::var_os("APPRAISE_BLESS").is_some() {
            std::fs::write(path, json_schema_text()).unwrap();
        }
        let committed = std::fs::read_to_string(path).unwrap();
        assert!(committed == json_schema_text(), "run the test with APPRAISE_BLESS=1 and commit {path}");
    }

    #[test]
    fn nothing_is_never_a_value() {
        assert!(!json_schema_text().contains("\"null\""));
    }

    #[test]
    fn every_source_has_its_columns_and_only_customers_have_attributes() {
        for kind in appraise_schema::SourceKind::ALL {
            let reference = json_schema()["properties"]["sources"]["$ref"].as_str().unwrap().trim_start_matches('#');
            let reference = &json_schema().pointer(reference).unwrap()["properties"][kind.name()]["$ref"];
            let source = json_schema().pointer(reference.as_str().unwrap().trim_start_matches('#')).unwrap();
            let columns = source["properties"]["columns"]["properties"].as_object().unwrap();
            let names: Vec<&str> = kind.columns().iter().map(|column| column.name).collect();
            assert_eq!(columns.keys().map(String::as_str).collect::<Vec<_>>(), names);
            let attributes = source["properties"].get("attributes").is_some();
            assert_eq!(attributes, kind == appraise_schema::SourceKind::Customers, "{}", kind.name());
        }
    }
}
