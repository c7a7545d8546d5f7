//! The tree after type checking: every node has a type, operands have the types their operation computes on.

use std::collections::BTreeSet;

use crate::sql_type::SqlType;
use crate::tree::{Literal, Operation};

/// A typed node.
#[derive(Debug, Clone)]
pub(crate) struct Typed {
    pub(crate) kind: TypedKind,
    pub(crate) sql_type: SqlType,
    /// The columns that the subtree reads.
    pub(crate) columns: BTreeSet<String>,
}

/// What a typed node is.
#[derive(Debug, Clone)]
pub(crate) enum TypedKind {
    Column(String),
    Literal(Literal),
    Operation(Operation, Vec<Typed>),
    Case(Vec<(Typed, Typed)>, Box<Typed>),
    /// A conversion to the node's type; a value that does not convert is a fault, or NULL where `lenient`.
    Cast {
        value: Box<Typed>,
        lenient: bool,
    },
}

impl Typed {
    /// A node over `kind`, reading what its operands read.
    pub(crate) fn new(kind: TypedKind, sql_type: SqlType) -> Self {
        let mut node = Self { kind, sql_type, columns: BTreeSet::new() };
        node.columns = node.children().flat_map(|child| child.columns.iter().cloned()).collect();
        if let TypedKind::Column(name) = &node.kind {
            node.columns.insert(name.clone());
        }
        node
    }

    /// The operands.
    pub(crate) fn children(&self) -> impl Iterator<Item = &Self> {
        let (operands, branches, last): (&[Self], &[(Self, Self)], Option<&Self>) = match &self.kind {
            TypedKind::Column(_) | TypedKind::Literal(_) => (&[], &[], None),
            TypedKind::Operation(_, operands) => (operands, &[], None),
            TypedKind::Case(branches, otherwise) => (&[], branches, Some(otherwise)),
            TypedKind::Cast { value, .. } => (&[], &[], Some(value)),
        };
        operands.iter().chain(branches.iter().flat_map(|(condition, result)| [condition, result])).chain(last)
    }

    /// Whether the node is the literal NULL.
    pub(crate) fn is_null(&self) -> bool {
        matches!(self.kind, TypedKind::Literal(Literal::Null))
    }
}
