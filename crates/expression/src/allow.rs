//! The allow-list: what the SQL parser may have found and what it becomes. Everything not named here is
//! refused with its place.

use sqlparser::ast::{
    BinaryOperator, CaseWhen, CastKind, CeilFloorKind, DataType, DateTimeField, ExactNumberInfo, Expr, Spanned,
    TimezoneInfo, TrimWhereField, UnaryOperator, Value, ValueWithSpan,
};

use crate::call;
use crate::error::{ExpressionError, Position};
use crate::functions::ONE_ROW;
use crate::literal;
use crate::parse::position;
use crate::sql_type::MAX_PRECISION;
use crate::tree::{CastTarget, Comparison, DatePart, Kind, Literal, Node, Operation, Side};

/// Most nodes of a tree, written-out forms of BETWEEN, NULLIF and CASE x WHEN included.
const MAX_NODES: usize = 256;
/// Deepest tree.
const MAX_DEPTH: usize = 160;

pub(crate) type Checked = Result<Node, ExpressionError>;

/// The tree of `expression` if all of it is allowed.
pub(crate) fn check(expression: &Expr) -> Checked {
    Scope { depth: 0, at: Position::START }.node(expression)
}

/// Where the walk is: how deep, and the last place that was known.
#[derive(Clone, Copy)]
pub(crate) struct Scope {
    depth: usize,
    pub(crate) at: Position,
}

impl Scope {
    /// An error at this place.
    pub(crate) fn refuse(self, message: impl Into<String>) -> ExpressionError {
        ExpressionError::at(self.at, message)
    }

    /// A node at this place, if the tree stays small enough.
    fn build(self, kind: Kind, size: usize) -> Checked {
        if size >= MAX_NODES {
            let error = self.refuse(format!("the expression has more than {MAX_NODES} operands and operators"));
            return Err(error.hinted("compute it in two columns"));
        }
        Ok(Node { kind, at: self.at, size: size + 1 })
    }

    pub(crate) fn operation(self, operation: Operation, operands: Vec<Node>) -> Checked {
        let size = operands.iter().map(|operand| operand.size).sum();
        self.build(Kind::Operation(operation, operands), size)
    }

    fn literal(self, literal: Literal) -> Checked {
        self.build(Kind::Literal(literal), 0)
    }

    fn not_if(self, negated: bool, node: Checked) -> Checked {
        if negated { self.operation(Operation::Not, vec![node?]) } else { node }
    }

    /// The node of `expression`, one level deeper.
    pub(crate) fn node(self, expression: &Expr) -> Checked {
        let start = expression.span().start;
        let at = if start.line == 0 { self.at } else { position(start) };
        let scope = Self { depth: self.depth + 1, at };
        if scope.depth > MAX_DEPTH {
            return Err(scope.refuse("the expression is nested too deeply").hinted("compute it in two columns"));
        }
        scope.leaf_or_test(expression)
    }

    fn nodes(self, expressions: &[&Expr]) -> Result<Vec<Node>, ExpressionError> {
        expressions.iter().map(|expression| self.node(expression)).collect()
    }

    fn leaf_or_test(self, expression: &Expr) -> Checked {
        let is = |operation, value: &Expr, negated| {
            self.not_if(negated, self.nodes(&[value]).and_then(|operands| self.operation(operation, operands)))
        };
        match expression {
            Expr::Identifier(name) => self.build(Kind::Column(name.value.clone()), 0),
            Expr::Value(value) => self.value(value),
            Expr::TypedString(typed) => self.typed_string(&typed.data_type, &typed.value),
            Expr::Nested(inner) => self.node(inner),
            Expr::IsNull(value) => is(Operation::IsNull, value, false),
            Expr::IsNotNull(value) => is(Operation::IsNull, value, true),
            Expr::IsTrue(value) => is(Operation::IsTrue, value, false),
            Expr::IsNotTrue(value) => is(Operation::IsTrue, value, true),
            Expr::IsFalse(value) => is(Operation::IsFalse, value, false),
            Expr::IsNotFalse(value) => is(Operation::IsFalse, value, true),
            Expr::IsDistinctFrom(left, right) => self.distinct(left, right, false),
            Expr::IsNotDistinctFrom(left, right) => self.distinct(left, right, true),
            _ => self.operator(expression),
        }
    }

    fn distinct(self, left: &Expr, right: &Expr, negated: bool) -> Checked {
        let distinct = Operation::Compare(Comparison::Distinct);
        self.not_if(negated, self.operation(distinct, self.nodes(&[left, right])?))
    }

    fn operator(self, expression: &Expr) -> Checked {
        match expression {
            Expr::UnaryOp { op, expr } => self.unary(*op, expr),
            Expr::BinaryOp { left, op, right } => self.binary(left, op, right),
            Expr::InList { expr, list, negated } => {
                let operands: Vec<&Expr> = std::iter::once(&**expr).chain(list).collect();
                self.not_if(*negated, self.operation(Operation::In, self.nodes(&operands)?))
            }
            Expr::Between { expr, negated, low, high } => {
                let value = self.node(expr)?;
                let side = |comparison, bound: &Expr| {
                    self.operation(Operation::Compare(comparison), vec![value.clone(), self.node(bound)?])
                };
                let sides = vec![side(Comparison::GreaterOrEqual, low)?, side(Comparison::LessOrEqual, high)?];
                self.not_if(*negated, self.operation(Operation::And, sides))
            }
            Expr::Like { negated, any: false, expr, pattern, escape_char } => {
                self.not_if(*negated, self.like(false, expr, pattern, escape_char.as_ref()))
            }
            Expr::ILike { negated, any: false, expr, pattern, escape_char } => {
                self.not_if(*negated, self.like(true, expr, pattern, escape_char.as_ref()))
            }
            Expr::Case { operand, conditions, else_result, .. } => {
                self.case(operand.as_deref(), conditions, else_result.as_deref())
            }
            Expr::Cast { kind, expr, data_type, array: false, format: None } => self.cast(kind, expr, data_type),
            _ => self.call(expression),
        }
    }

    fn call(self, expression: &Expr) -> Checked {
        match expression {
            Expr::Function(function) => call::function(self, function),
            Expr::Ceil { expr, field: CeilFloorKind::DateTimeField(DateTimeField::NoDateTime) } => {
                self.operation(Operation::Ceil, self.nodes(&[expr])?)
            }
            Expr::Floor { expr, field: CeilFloorKind::DateTimeField(DateTimeField::NoDateTime) } => {
                self.operation(Operation::Floor, self.nodes(&[expr])?)
            }
            Expr::Substring { expr, substring_from: Some(from), substring_for, .. } => {
                let operands: Vec<&Expr> = [&**expr, from].into_iter().chain(substring_for.as_deref()).collect();
                self.operation(Operation::Substring, self.nodes(&operands)?)
            }
            Expr::Trim { expr, trim_where, trim_what, trim_characters: None } => {
                let side = match trim_where {
                    None | Some(TrimWhereField::Both) => Side::Both,
                    Some(TrimWhereField::Leading) => Side::Left,
                    Some(TrimWhereField::Trailing) => Side::Right,
                };
                let operands: Vec<&Expr> = std::iter::once(&**expr).chain(trim_what.as_deref()).collect();
                self.operation(Operation::Trim(side), self.nodes(&operands)?)
            }
            Expr::Extract { field, expr, .. } => {
                let part = match field {
                    DateTimeField::Year => DatePart::Year,
                    DateTimeField::Quarter => DatePart::Quarter,
                    DateTimeField::Month => DatePart::Month,
                    DateTimeField::Day => DatePart::Day,
                    other => {
                        let error = self.refuse(format!("EXTRACT does not know `{other}`"));
                        return Err(error.hinted("YEAR, QUARTER, MONTH and DAY can be extracted"));
                    }
                };
                self.operation(Operation::DatePart(part), self.nodes(&[expr])?)
            }
            _ => Err(self.refusal(expression)),
        }
    }

    fn refusal(self, expression: &Expr) -> ExpressionError {
        match expression {
            Expr::Subquery(_) | Expr::Exists { .. } | Expr::InSubquery { .. } => {
                self.refuse("subqueries are not part of the subset").hinted(ONE_ROW)
            }
            Expr::Wildcard(_) | Expr::QualifiedWildcard(..) => {
                self.refuse("`*` does not name a column").hinted("name the one column that is meant")
            }
            Expr::CompoundIdentifier(_) | Expr::CompoundFieldAccess { .. } => self
                .refuse(format!("`{expression}` is a qualified name"))
                .hinted("columns are named alone; a name with a point in it is written in double quotes"),
            Expr::Interval(_) => self
                .refuse("intervals are not part of the subset")
                .hinted("days_between(a, b) counts days; a column of this name is written in double quotes"),
            _ => self.refuse(format!("`{expression}` is not part of the subset")),
        }
    }

    fn value(self, value: &ValueWithSpan) -> Checked {
        match &value.value {
            Value::Null => self.literal(Literal::Null),
            Value::Boolean(value) => self.literal(Literal::Boolean(*value)),
            Value::SingleQuotedString(text) => self.literal(Literal::Text(text.clone())),
            Value::Number(digits, false) => self.number(digits),
            Value::Placeholder(name) => {
                let error = self.refuse(format!("parameter `{name}` is not part of the subset"));
                Err(error.hinted("write the value itself"))
            }
            other => Err(self.refuse(format!("literal `{other}` is not part of the subset"))),
        }
    }

    fn number(self, digits: &str) -> Checked {
        if let Some((unscaled, scale)) = literal::exact(digits) {
            return self.literal(Literal::Exact { unscaled, scale });
        }
        match literal::double(digits).filter(|_| digits.contains(['e', 'E'])) {
            Some(value) => self.literal(Literal::Double(value)),
            None => Err(self.refuse(format!("number `{digits}` has more than 38 digits"))),
        }
    }

    fn typed_string(self, data_type: &DataType, value: &ValueWithSpan) -> Checked {
        let Value::SingleQuotedString(text) = &value.value else {
            return Err(self.refuse(format!("literal `{value}` is not part of the subset")));
        };
        let (literal, form) = match data_type {
            DataType::Date => (literal::date(text).map(Literal::Date), "DATE '2024-12-31'"),
            DataType::Timestamp(None, TimezoneInfo::None) => (
                literal::timestamp(text).map(|(micros, utc)| Literal::Timestamp { micros, utc }),
                "TIMESTAMP '2024-12-31 23:59:59'",
            ),
            other => return Err(self.refuse(format!("literals of type {other} are not part of the subset"))),
        };
        let error = || self.refuse(format!("`{text}` is not a {data_type}")).hinted(format!("written as {form}"));
        self.literal(literal.ok_or_else(error)?)
    }

    fn unary(self, op: UnaryOperator, operand: &Expr) -> Checked {
        let operand = self.node(operand)?;
        match (op, &operand.kind) {
            (UnaryOperator::Plus, _) => Ok(operand),
            (UnaryOperator::Minus, Kind::Literal(Literal::Exact { unscaled, scale })) => {
                self.literal(Literal::Exact { unscaled: -unscaled, scale: *scale })
            }
            (UnaryOperator::Minus, Kind::Literal(Literal::Double(value))) => self.literal(Literal::Double(-value)),
            (UnaryOperator::Minus, _) => self.operation(Operation::Negate, vec![operand]),
            (UnaryOperator::Not, _) => self.operation(Operation::Not, vec![operand]),
            _ => Err(self.refuse(format!("operator `{op}` is not part of the subset"))),
        }
    }

    fn binary(self, left: &Expr, op: &BinaryOperator, right: &Expr) -> Checked {
        let operation = match op {
            BinaryOperator::Plus => Operation::Add,
            BinaryOperator::Minus => Operation::Subtract,
            BinaryOperator::Multiply => Operation::Multiply,
            BinaryOperator::Divide => Operation::Divide,
            BinaryOperator::Modulo => Operation::Remainder,
            BinaryOperator::StringConcat => Operation::Join,
            BinaryOperator::And => Operation::And,
            BinaryOperator::Or => Operation::Or,
            BinaryOperator::Eq => Operation::Compare(Comparison::Equal),
            BinaryOperator::NotEq => Operation::Compare(Comparison::NotEqual),
            BinaryOperator::Lt => Operation::Compare(Comparison::Less),
            BinaryOperator::LtEq => Operation::Compare(Comparison::LessOrEqual),
            BinaryOperator::Gt => Operation::Compare(Comparison::Greater),
            BinaryOperator::GtEq => Operation::Compare(Comparison::GreaterOrEqual),
            _ => return Err(self.refuse(format!("operator `{op}` is not part of the subset"))),
        };
        self.operation(operation, self.nodes(&[left, right])?)
    }

    fn like(self, ignore_case: bool, value: &Expr, pattern: &Expr, escape: Option<&ValueWithSpan>) -> Checked {
        let escape = match escape.map(|escape| &escape.value) {
            None => None,
            Some(Value::SingleQuotedString(text)) if text.chars().count() == 1 => text.chars().next(),
            Some(other) => return Err(self.refuse(format!("ESCAPE takes one character, not {other}"))),
        };
        self.operation(Operation::Like { ignore_case, escape }, self.nodes(&[value, pattern])?)
    }

    fn case(self, operand: Option<&Expr>, conditions: &[CaseWhen], otherwise: Option<&Expr>) -> Checked {
        let operand = operand.map(|operand| self.node(operand)).transpose()?;
        let mut branches = Vec::with_capacity(conditions.len());
        for CaseWhen { condition, result } in conditions {
            let condition = self.node(condition)?;
            let condition = match &operand {
                Some(value) => {
                    let equal = Operation::Compare(Comparison::Equal);
                    self.operation(equal, vec![value.clone(), condition])?
                }
                None => condition,
            };
            branches.push((condition, self.node(result)?));
        }
        let otherwise = otherwise.map(|otherwise| self.node(otherwise)).transpose()?.map(Box::new);
        self.searched_case(branches, otherwise)
    }

    /// A searched CASE of nodes.
    pub(crate) fn searched_case(self, branches: Vec<(Node, Node)>, otherwise: Option<Box<Node>>) -> Checked {
        let size = branches.iter().map(|(condition, result)| condition.size + result.size).sum::<usize>();
        let size = size + otherwise.as_ref().map_or(0, |node| node.size);
        self.build(Kind::Case(branches, otherwise), size)
    }

    /// The literal NULL.
    pub(crate) fn null(self) -> Checked {
        self.literal(Literal::Null)
    }

    fn cast(self, kind: &CastKind, value: &Expr, data_type: &DataType) -> Checked {
        let value = self.node(value)?;
        let to = self.cast_target(data_type)?;
        let size = value.size;
        let lenient = matches!(kind, CastKind::TryCast | CastKind::SafeCast);
        self.build(Kind::Cast { value: Box::new(value), to, lenient }, size)
    }

    fn cast_target(self, data_type: &DataType) -> Result<CastTarget, ExpressionError> {
        Ok(match data_type {
            DataType::Boolean | DataType::Bool => CastTarget::Boolean,
            DataType::Integer(None) | DataType::Int(None) | DataType::BigInt(None) => CastTarget::Integer,
            DataType::Decimal(size) | DataType::Numeric(size) => return self.decimal(*size),
            DataType::Double(ExactNumberInfo::None) | DataType::DoublePrecision => CastTarget::Double,
            DataType::Text | DataType::Varchar(None) | DataType::String(None) => CastTarget::Text,
            DataType::Date => CastTarget::Date,
            DataType::Timestamp(None, TimezoneInfo::None) => CastTarget::Timestamp,
            other => {
                let error = self.refuse(format!("CAST does not know the type {other}"));
                let known = "BOOLEAN, INTEGER, BIGINT, DECIMAL(p,s), DOUBLE, TEXT, DATE and TIMESTAMP can be cast to";
                return Err(error.hinted(known));
            }
        })
    }

    fn decimal(self, size: ExactNumberInfo) -> Result<CastTarget, ExpressionError> {
        let (precision, scale) = match size {
            ExactNumberInfo::PrecisionAndScale(precision, scale) => (precision, scale),
            ExactNumberInfo::Precision(precision) => (precision, 0),
            ExactNumberInfo::None => {
                return Err(self.refuse("DECIMAL lacks its digits").hinted("written as DECIMAL(18,2)"));
            }
        };
        let target = match (u8::try_from(precision), u8::try_from(scale)) {
            (Ok(precision @ 1..=MAX_PRECISION), Ok(scale)) if scale <= precision => Some((precision, scale)),
            _ => None,
        };
        let error = || self.refuse(format!("DECIMAL({precision},{scale}) is not a type"));
        let (precision, scale) = target
            .ok_or_else(|| error().hinted("DECIMAL(p,s) has p from 1 to 38 digits, s of them after the point"))?;
        Ok(CastTarget::Decimal { precision, scale })
    }
}
