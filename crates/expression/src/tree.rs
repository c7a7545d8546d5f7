//! The tree that the allow-list leaves: operators and functions alike are operations on operands.

use crate::error::Position;
use crate::functions::FUNCTIONS;

/// A node with the place it was written at.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) kind: Kind,
    pub(crate) at: Position,
    /// Nodes of this subtree, itself included.
    pub(crate) size: usize,
}

/// What a node is.
#[derive(Debug, Clone)]
pub(crate) enum Kind {
    /// A column, by its exact name.
    Column(String),
    /// A constant.
    Literal(Literal),
    /// An operator or function.
    Operation(Operation, Vec<Node>),
    /// Searched CASE: pairs of condition and result, then the result of ELSE.
    Case(Vec<(Node, Node)>, Option<Box<Node>>),
    /// `CAST`, or `TRY_CAST` where `lenient`.
    Cast { value: Box<Node>, to: CastTarget, lenient: bool },
}

/// A constant.
#[derive(Debug, Clone, PartialEq)]
pub enum Literal {
    /// NULL, of whichever type is wanted.
    Null,
    /// True or false.
    Boolean(bool),
    /// A number without exponent.
    Exact {
        /// Its digits without the point.
        unscaled: i128,
        /// How many of them follow the point.
        scale: u8,
    },
    /// A number with an exponent.
    Double(f64),
    /// A text.
    Text(String),
    /// Days since 1970-01-01.
    Date(i32),
    /// A time.
    Timestamp {
        /// Microseconds since 1970-01-01.
        micros: i64,
        /// Whether it was written for an instant.
        utc: bool,
    },
}

/// What a CAST asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CastTarget {
    Boolean,
    Integer,
    Decimal { precision: u8, scale: u8 },
    Double,
    Text,
    Date,
    Timestamp,
}

/// An operator or function. Arguments are checked when types are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
    Negate,
    Compare(Comparison),
    And,
    Or,
    Not,
    IsNull,
    IsTrue,
    IsFalse,
    /// `value IN (list)`: the first operand is the value.
    In,
    /// LIKE and ILIKE: value and pattern, which is a literal.
    Like {
        ignore_case: bool,
        escape: Option<char>,
    },
    /// `||`: NULL if any operand is.
    Join,
    /// CONCAT: NULL operands are left out.
    Concat,
    Coalesce,
    Abs,
    Round,
    Floor,
    Ceil,
    Greatest,
    Least,
    Lower,
    Upper,
    Trim(Side),
    Length,
    Substring,
    Replace,
    StartsWith,
    EndsWith,
    DatePart(DatePart),
    DaysBetween,
}

/// Comparison operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    /// IS DISTINCT FROM: never NULL.
    Distinct,
}

/// Which end TRIM works on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Both,
    Left,
    Right,
}

/// Parts of a date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DatePart {
    Year,
    Quarter,
    Month,
    Day,
}

impl Operation {
    /// The name in messages.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Add => "`+`",
            Self::Subtract | Self::Negate => "`-`",
            Self::Multiply => "`*`",
            Self::Divide => "`/`",
            Self::Remainder => "`%`",
            Self::Compare(comparison) => comparison.name(),
            Self::And => "AND",
            Self::Or => "OR",
            Self::Not => "NOT",
            Self::IsNull => "IS NULL",
            Self::IsTrue => "IS TRUE",
            Self::IsFalse => "IS FALSE",
            Self::In => "IN",
            Self::Like { ignore_case: false, .. } => "LIKE",
            Self::Like { ignore_case: true, .. } => "ILIKE",
            Self::Join => "`||`",
            _ => self.function_name(),
        }
    }

    fn function_name(self) -> &'static str {
        FUNCTIONS.iter().find(|function| function.operation == self).map_or("a function", |function| function.name)
    }
}

impl Comparison {
    fn name(self) -> &'static str {
        match self {
            Self::Equal => "`=`",
            Self::NotEqual => "`<>`",
            Self::Less => "`<`",
            Self::LessOrEqual => "`<=`",
            Self::Greater => "`>`",
            Self::GreaterOrEqual => "`>=`",
            Self::Distinct => "IS DISTINCT FROM",
        }
    }
}
