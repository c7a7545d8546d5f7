//! Expressions of the pipeline file: parsed once, errors placed in the file.

use appraise_expression::{ExpressionError, Parsed};

use super::node::Node;
use super::problem::{Place, Problem};

/// Parses a row-wise SQL expression.
pub(crate) fn sql(text: &str) -> Result<Parsed, ExpressionError> {
    Parsed::parse(text)
}

/// Parses the right side of a column mapping: SQL, or the name of a column that is no SQL, such as `Customer ID`.
pub(crate) fn column_sql(text: &str) -> Result<Parsed, ExpressionError> {
    sql(text).or_else(|error| if is_words(text) { Ok(Parsed::column(text)) } else { Err(error) })
}

fn is_words(text: &str) -> bool {
    text.starts_with(char::is_alphabetic) && text.chars().all(|c| c.is_alphanumeric() || c == '_' || c == ' ')
}

/// The problem of an expression at its place in the file, as exactly as the scalar's style allows.
pub(crate) fn problem(error: ExpressionError, node: &Node, path: &str) -> Problem {
    let one_line = node.plain && node.template.is_none() && error.line == 1;
    let (place, message) = if one_line {
        (Place { column: node.place.column + error.column.saturating_sub(1), ..node.place.clone() }, error.message)
    } else if error.line == 1 {
        (node.place.clone(), format!("{} (character {} of the expression)", error.message, error.column))
    } else {
        let at = format!("(line {}, character {} of the expression)", error.line, error.column);
        (node.place.clone(), format!("{} {at}", error.message))
    };
    Problem { hint: error.hint, ..Problem::new(&place, path, message) }
}
