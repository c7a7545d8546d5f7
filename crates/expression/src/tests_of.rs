//! What a condition tests of each column, where that can be told from its tree: tries of one value between each two constants
//! that a column is compared with then decide the condition.

use std::collections::{BTreeMap, BTreeSet};

use crate::parse::Parsed;
use crate::tree::{Comparison, Kind, Literal, Node, Operation};

/// What a condition compares columns with.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Tests {
    /// The constants that each column is compared with, in the order in which they stand. A column that is only tested for
    /// NULL, or for being true, has none.
    pub compared: BTreeMap<String, Vec<Literal>>,
    /// Columns that are computed with, or compared with one another.
    pub computed: BTreeSet<String>,
}

impl Parsed {
    /// What the condition tests. Nothing is asked of parts that read nothing but columns of which `known` says that all their
    /// values will be tried.
    #[must_use]
    pub fn tests(&self, known: impl Fn(&str) -> bool) -> Tests {
        let mut tests = Tests::default();
        tests.condition(self.tree(), &known);
        tests
    }
}

impl Tests {
    fn condition(&mut self, node: &Node, known: &impl Fn(&str) -> bool) {
        match &node.kind {
            Kind::Column(name) => self.column(name, &[]),
            Kind::Literal(_) => {}
            Kind::Operation(
                Operation::And | Operation::Or | Operation::Not | Operation::IsTrue | Operation::IsFalse,
                operands,
            ) => operands.iter().for_each(|operand| self.condition(operand, known)),
            Kind::Operation(Operation::IsNull, operands) => match operands.as_slice() {
                [value] if column_of(value).is_none() => self.condition(value, known),
                operands => operands.iter().filter_map(column_of).for_each(|name| self.column(name, &[])),
            },
            Kind::Operation(operation, operands) => match comparison(*operation, operands) {
                Some((name, constants)) => self.column(name, &constants),
                None => self.compute(node, known),
            },
            Kind::Case(..) | Kind::Cast { .. } => self.compute(node, known),
        }
    }

    fn column(&mut self, name: &str, constants: &[&Literal]) {
        self.compared.entry(name.to_owned()).or_default().extend(constants.iter().map(|&literal| literal.clone()));
    }

    fn compute(&mut self, node: &Node, known: &impl Fn(&str) -> bool) {
        let mut columns = BTreeSet::new();
        crate::parse::collect_columns(node, &mut columns);
        if !columns.iter().all(|name| known(name)) {
            self.computed.extend(columns.into_iter().filter(|name| !known(name)));
        }
    }
}

/// The column and the constants of a comparison of a column with constants. The order of texts is not of these.
fn comparison(operation: Operation, operands: &[Node]) -> Option<(&str, Vec<&Literal>)> {
    let (name, constants) = match (operation, operands) {
        (Operation::In, [value, list @ ..]) => (column_of(value)?, list.iter().map(constant).collect::<Option<_>>()?),
        (Operation::Compare(_), [left, right]) => match (column_of(left), column_of(right)) {
            (Some(name), None) => (name, vec![constant(right)?]),
            (None, Some(name)) => (name, vec![constant(left)?]),
            _ => return None,
        },
        _ => return None,
    };
    let equality = matches!(
        operation,
        Operation::In | Operation::Compare(Comparison::Equal | Comparison::NotEqual | Comparison::Distinct)
    );
    let constants: Vec<&Literal> = constants;
    let texts = constants.iter().any(|constant| matches!(constant, Literal::Text(_)));
    (equality || !texts).then_some((name, constants))
}

/// The column that a node is, or is where it is not NULL: `COALESCE(column, constant)` takes no other values between constants.
fn column_of(node: &Node) -> Option<&str> {
    match &node.kind {
        Kind::Column(name) => Some(name),
        Kind::Operation(Operation::Coalesce, operands) => {
            let (value, others) = operands.split_first()?;
            others.iter().all(|other| constant(other).is_some()).then(|| column_of(value)).flatten()
        }
        _ => None,
    }
}

fn constant(node: &Node) -> Option<&Literal> {
    match &node.kind {
        Kind::Literal(literal) => Some(literal),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tests(text: &str) -> Tests {
        Parsed::parse(text).unwrap().tests(|name| name.ends_with("_score"))
    }

    #[test]
    fn constants_are_found_by_column_whatever_joins_the_tests() {
        let found =
            tests("NOT (a BETWEEN 1 AND -2.5 OR 7 < b) AND c IN ('x', 'y') AND d AND COALESCE(e, 0) = 3 AND f IS NULL");
        let exact = |unscaled, scale| Literal::Exact { unscaled, scale };
        let text = |text: &str| Literal::Text(text.to_owned());
        let expected = [
            ("a", vec![exact(1, 0), exact(-25, 1)]),
            ("b", vec![exact(7, 0)]),
            ("c", vec![text("x"), text("y")]),
            ("d", vec![]),
            ("e", vec![exact(3, 0)]),
            ("f", vec![]),
        ];
        let expected = expected.map(|(name, constants)| (name.to_owned(), constants));
        assert_eq!(found, Tests { compared: expected.into(), computed: BTreeSet::new() });
    }

    #[test]
    fn columns_that_are_computed_with_are_told_apart() {
        let computed = |text: &str| tests(text).computed.into_iter().collect::<Vec<_>>().join(" ");
        assert_eq!(computed("r_score + m_score > 3"), "");
        assert_eq!(computed("r_score + a > 3 AND b = 1"), "a");
        for (text, expected) in [
            ("a > b", "a b"),
            ("LOWER(a) = 'x'", "a"),
            ("a < 'x'", "a"),
            ("CASE WHEN a > 1 THEN b END", "a b"),
            ("a * 2 > 1 AND b > 1", "a"),
            ("COALESCE(a, b) = 1", "a b"),
        ] {
            assert_eq!(computed(text), expected, "{text}");
        }
    }
}
