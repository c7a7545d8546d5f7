//! A JSON Schema validator that is not ours, to compare with.

use serde_json::Value;

/// A schema that says which documents it accepts.
#[derive(Debug)]
pub struct JsonSchema(jsonschema::Validator);

impl JsonSchema {
    /// Compiles `schema`, of the draft that it names or the newest one.
    ///
    /// # Errors
    /// What is wrong with the schema.
    pub fn new(schema: &Value) -> Result<Self, String> {
        jsonschema::validator_for(schema).map(Self).map_err(|error| error.to_string())
    }

    /// Whether `document` is valid.
    #[must_use]
    pub fn accepts(&self, document: &Value) -> bool {
        self.0.is_valid(document)
    }
}
