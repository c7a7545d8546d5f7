//! The data dictionary: what every table and column means, as Markdown.

use std::fmt::Write as _;

use crate::manifest::Table;

/// The dictionary of `tables`, one section each, columns in their order.
#[must_use]
pub fn markdown(tables: &[Table]) -> String {
    let mut text = "# Data dictionary\n".to_owned();
    for table in tables {
        // Writing to a string can't fail.
        let _ = write!(text, "\n## {}\n\n{}\n\n", table.name, sentence(&table.meaning));
        text.push_str("| column | type | NULL | unit | meaning |\n|---|---|---|---|---|\n");
        for column in &table.columns {
            let null = if column.nullable { "yes" } else { "no" };
            let (unit, meaning) = (cell(&column.unit), cell(&column.meaning));
            let _ = writeln!(text, "| `{}` | {} | {null} | {unit} | {meaning} |", column.name, column.column_type);
        }
    }
    text
}

/// `text` as one sentence: a capital letter first, a full stop last.
fn sentence(text: &str) -> String {
    let text = cell(text);
    let mut characters = text.chars();
    let Some(first) = characters.next() else { return String::new() };
    let stop = if text.ends_with('.') { "" } else { "." };
    format!("{}{}{stop}", first.to_uppercase(), characters.as_str())
}

/// `text` so that it stays within one cell of a table: no line ends, bars, markup of HTML.
fn cell(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '|' => safe.push_str("\\|"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '&' => safe.push_str("&amp;"),
            control if control.is_control() => safe.push(' '),
            other => safe.push(other),
        }
    }
    safe.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use appraise_schema::{ColumnSpec, ColumnType, KeyType, TableContract};

    use super::*;

    #[test]
    fn a_table_becomes_a_section_with_a_line_per_column() {
        let columns = vec![
            ColumnSpec::as_of(),
            ColumnSpec::customer_id(KeyType::Integer),
            ColumnSpec::nullable("revenue", ColumnType::customer_money(2), "GBP", "paid | netted\n<b>"),
        ];
        let contract = TableContract::new("customer_values", "one customer", columns).unwrap();
        let text = markdown(&[Table::new(&contract, Vec::new())]);
        assert!(text.contains("\n## customer_values\n\nOne customer.\n\n| column |"), "{text}");
        assert!(text.contains("| `customer_id` | INT64 | no |  | the customer, as delivered |\n"), "{text}");
        assert!(text.ends_with("| `revenue` | DECIMAL(18,2) | yes | GBP | paid \\| netted &lt;b&gt; |\n"), "{text}");
    }
}
