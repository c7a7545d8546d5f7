//! Type checking: names become columns, operands get the types their operation computes on.

use crate::error::{ExpressionError, Position};
use crate::exact::to_double;
use crate::functions::closest;
use crate::like;
use crate::literal;
use crate::sql_type::{MAX_PRECISION, SqlType};
use crate::tree::{CastTarget, Kind, Literal, Node, Operation};
use crate::typed::{Typed, TypedKind};

type Checked = Result<Typed, ExpressionError>;

/// The typed tree of `node` over `columns`.
pub(crate) fn bind(node: &Node, columns: &[(String, SqlType)]) -> Checked {
    Binder { columns }.node(node)
}

struct Binder<'a> {
    columns: &'a [(String, SqlType)],
}

impl Binder<'_> {
    fn node(&self, node: &Node) -> Checked {
        match &node.kind {
            Kind::Column(name) => self.column(name, node.at),
            Kind::Literal(literal) => Ok(typed_literal(literal.clone())),
            Kind::Operation(operation, operands) => {
                let operands = operands.iter().map(|operand| self.node(operand)).collect::<Result<Vec<_>, _>>()?;
                Place { at: node.at, operation: *operation }.check(operands)
            }
            Kind::Case(branches, otherwise) => self.case(branches, otherwise.as_deref(), node.at),
            Kind::Cast { value, to, lenient } => cast(self.node(value)?, *to, *lenient, node.at),
        }
    }

    fn column(&self, name: &str, at: Position) -> Checked {
        if let Some((_, sql_type)) = self.columns.iter().find(|(column, _)| column == name) {
            return Ok(Typed::new(TypedKind::Column(name.to_owned()), *sql_type));
        }
        let error = ExpressionError::at(at, format!("unknown column `{name}`"));
        let names = || self.columns.iter().map(|(column, _)| column.as_str());
        let same = names().find(|column| column.eq_ignore_ascii_case(name));
        Err(match same.or_else(|| closest(name, names())) {
            Some(near) => error.hinted(format!("did you mean `{near}`?")),
            None => error,
        })
    }

    fn case(&self, branches: &[(Node, Node)], otherwise: Option<&Node>, at: Position) -> Checked {
        let mut conditions = Vec::with_capacity(branches.len());
        let mut results = Vec::with_capacity(branches.len() + 1);
        for (condition, result) in branches {
            conditions.push(boolean(self.node(condition)?, condition.at, "WHEN")?);
            results.push(self.node(result)?);
        }
        results.push(match otherwise {
            Some(otherwise) => self.node(otherwise)?,
            None => typed_literal(Literal::Null),
        });
        let (mut results, sql_type) = unify(results, at, "CASE")?;
        let otherwise = results.pop().unwrap_or_else(|| typed_literal(Literal::Null));
        let branches = conditions.into_iter().zip(results).collect();
        Ok(Typed::new(TypedKind::Case(branches, Box::new(otherwise)), sql_type))
    }
}

/// The operation being checked and where it was written.
#[derive(Clone, Copy)]
struct Place {
    at: Position,
    operation: Operation,
}

impl Place {
    fn build(self, operands: Vec<Typed>, sql_type: SqlType) -> Typed {
        Typed::new(TypedKind::Operation(self.operation, operands), sql_type)
    }

    fn error(self, message: impl Into<String>) -> ExpressionError {
        ExpressionError::at(self.at, message)
    }

    fn name(self) -> &'static str {
        self.operation.name()
    }

    fn check(self, operands: Vec<Typed>) -> Checked {
        use Operation as O;
        match self.operation {
            O::Add | O::Subtract | O::Multiply | O::Divide | O::Remainder => self.arithmetic(operands),
            O::Negate | O::Abs | O::Floor | O::Ceil | O::Round => self.rounding(operands),
            O::Compare(_) | O::In => {
                let operands = comparable(operands, self.at, self.name())?;
                Ok(self.build(operands, SqlType::Boolean))
            }
            O::And | O::Or | O::Not | O::IsTrue | O::IsFalse => {
                let operands = operands.into_iter().map(|operand| boolean(operand, self.at, self.name()));
                Ok(self.build(operands.collect::<Result<_, _>>()?, SqlType::Boolean))
            }
            O::IsNull => Ok(self.build(operands, SqlType::Boolean)),
            O::Coalesce | O::Greatest | O::Least => {
                let (operands, sql_type) = unify(operands, self.at, self.name())?;
                Ok(self.build(operands, sql_type))
            }
            O::Like { escape, .. } => self.like(operands, escape),
            O::Join | O::Concat | O::Lower | O::Upper | O::Trim(_) | O::Replace => self.texts(operands, SqlType::Text),
            O::Length => self.texts(operands, SqlType::Integer),
            O::StartsWith | O::EndsWith => self.texts(operands, SqlType::Boolean),
            O::Substring => self.substring(operands),
            O::DatePart(_) | O::DaysBetween => {
                let operands = operands.into_iter().map(|operand| self.day(operand)).collect::<Result<_, _>>()?;
                Ok(self.build(operands, SqlType::Integer))
            }
        }
    }

    /// Operands as numbers: all exact, or all doubles.
    fn numbers(self, operands: Vec<Typed>) -> Result<Vec<Typed>, ExpressionError> {
        let operands: Vec<Typed> = operands.into_iter().map(|o| null_as(o, SqlType::Integer)).collect();
        if let Some(wrong) = operands.iter().find(|operand| !operand.sql_type.is_number()) {
            let error = self.error(format!("{} takes numbers, found {}", self.name(), wrong.sql_type));
            let hint = "CAST(... AS DECIMAL(18,2)) or AS DOUBLE reads a text as a number";
            return Err(if wrong.sql_type == SqlType::Text { error.hinted(hint) } else { error });
        }
        let double = operands.iter().any(|operand| operand.sql_type == SqlType::Double);
        Ok(operands.into_iter().map(|o| if double { convert(o, SqlType::Double) } else { o }).collect())
    }

    fn arithmetic(self, operands: Vec<Typed>) -> Checked {
        let operands = self.numbers(operands)?;
        let mut sizes = operands.iter().map(|operand| operand.sql_type.scale());
        let (Some(Some(left)), Some(Some(right))) = (sizes.next(), sizes.next()) else {
            return Ok(self.build(operands, SqlType::Double));
        };
        if self.operation == Operation::Divide {
            return Ok(self.build(operands, SqlType::Double));
        }
        if operands.iter().all(|operand| operand.sql_type == SqlType::Integer) {
            return Ok(self.build(operands, SqlType::Integer));
        }
        let scale = if self.operation == Operation::Multiply { left + right } else { left.max(right) };
        if scale > MAX_PRECISION {
            let error = self.error(format!("the product has {scale} digits after the point, at most 38 are held"));
            return Err(error.hinted("ROUND one side first"));
        }
        Ok(self.build(operands, decimal(scale)))
    }

    fn rounding(self, mut operands: Vec<Typed>) -> Checked {
        let digits = match (self.operation, operands.len()) {
            (Operation::Round, 2) => operands.pop().map_or(Ok(0), |digits| self.digits(&digits))?,
            _ => 0,
        };
        let mut operands = self.numbers(operands)?;
        let Some(sql_type) = operands.first().map(|operand| operand.sql_type) else {
            return Err(self.error("an operand is missing"));
        };
        let changed = match (self.operation, sql_type) {
            (Operation::Negate | Operation::Abs, _) | (_, SqlType::Integer | SqlType::Double) => sql_type,
            (_, SqlType::Decimal { scale, .. }) => decimal(u8::try_from(digits.max(0)).unwrap_or(scale).min(scale)),
            _ => sql_type,
        };
        if self.operation == Operation::Round {
            operands.push(typed_literal(Literal::Exact { unscaled: i128::from(digits), scale: 0 }));
        }
        Ok(self.build(operands, changed))
    }

    /// The second argument of ROUND.
    fn digits(self, digits: &Typed) -> Result<i32, ExpressionError> {
        match digits.kind {
            TypedKind::Literal(Literal::Exact { unscaled, scale: 0 }) if unscaled.abs() <= 38 => {
                Ok(i32::try_from(unscaled).unwrap_or(0))
            }
            _ => Err(self.error("ROUND takes its number of digits as a whole number from -38 to 38")),
        }
    }

    fn like(self, operands: Vec<Typed>, escape: Option<char>) -> Checked {
        let typed = self.texts(operands, SqlType::Boolean)?;
        if let TypedKind::Operation(_, operands) = &typed.kind
            && let Some(pattern) = operands.get(1)
        {
            match &pattern.kind {
                TypedKind::Literal(Literal::Text(pattern)) => {
                    like::Pattern::parse(pattern, escape).map_err(|message| self.error(message))?;
                }
                TypedKind::Literal(Literal::Null) => {}
                _ => {
                    let error = self.error("LIKE takes its pattern as a literal");
                    return Err(error.hinted("STARTS_WITH and ENDS_WITH compare with a column"));
                }
            }
        }
        Ok(typed)
    }

    fn texts(self, operands: Vec<Typed>, sql_type: SqlType) -> Checked {
        let text = |operand: Typed| {
            let operand = null_as(operand, SqlType::Text);
            if operand.sql_type == SqlType::Text {
                return Ok(operand);
            }
            let error = self.error(format!("{} takes TEXT, found {}", self.name(), operand.sql_type));
            Err(error.hinted("CAST(... AS TEXT) writes a value as text"))
        };
        Ok(self.build(operands.into_iter().map(text).collect::<Result<_, _>>()?, sql_type))
    }

    fn substring(self, operands: Vec<Typed>) -> Checked {
        let mut operands = operands.into_iter();
        let text = operands.next().into_iter().collect();
        let Typed { kind: TypedKind::Operation(_, mut checked), .. } = self.texts(text, SqlType::Text)? else {
            return Err(self.error("an operand is missing"));
        };
        for operand in operands {
            let operand = null_as(operand, SqlType::Integer);
            if operand.sql_type != SqlType::Integer {
                return Err(self.error(format!("SUBSTRING counts with INTEGER, found {}", operand.sql_type)));
            }
            checked.push(operand);
        }
        Ok(self.build(checked, SqlType::Text))
    }

    /// An operand as a date.
    fn day(self, operand: Typed) -> Checked {
        let operand = dated_literal(null_as(operand, SqlType::Date), SqlType::Date, self.at)?;
        match operand.sql_type {
            SqlType::Date | SqlType::Timestamp { .. } => Ok(convert(operand, SqlType::Date)),
            other => {
                let error = self.error(format!("{} takes DATE or TIMESTAMP, found {other}", self.name()));
                Err(error.hinted("CAST(... AS DATE) reads a text as a date"))
            }
        }
    }
}

/// A computed decimal may use all digits there are.
fn decimal(scale: u8) -> SqlType {
    SqlType::Decimal { precision: MAX_PRECISION, scale }
}

fn typed_literal(literal: Literal) -> Typed {
    let sql_type = match &literal {
        Literal::Null | Literal::Text(_) => SqlType::Text,
        Literal::Boolean(_) => SqlType::Boolean,
        Literal::Exact { scale: 0, .. } => SqlType::Integer,
        Literal::Exact { scale, .. } => decimal(*scale),
        Literal::Double(_) => SqlType::Double,
        Literal::Date(_) => SqlType::Date,
        Literal::Timestamp { utc, .. } => SqlType::Timestamp { utc: *utc },
    };
    Typed::new(TypedKind::Literal(literal), sql_type)
}

/// The literal NULL takes the type that is wanted of it.
fn null_as(operand: Typed, sql_type: SqlType) -> Typed {
    if operand.is_null() { Typed { sql_type, ..operand } } else { operand }
}

/// `operand` as `sql_type`, which cannot fail but by overflow.
fn convert(operand: Typed, sql_type: SqlType) -> Typed {
    if operand.sql_type == sql_type {
        return operand;
    }
    if operand.is_null() {
        return Typed { sql_type, ..operand };
    }
    if let (TypedKind::Literal(Literal::Exact { unscaled, scale }), SqlType::Double) = (&operand.kind, sql_type) {
        return typed_literal(Literal::Double(to_double(*unscaled, *scale)));
    }
    Typed::new(TypedKind::Cast { value: Box::new(operand), lenient: false }, sql_type)
}

fn boolean(operand: Typed, at: Position, name: &str) -> Checked {
    let operand = null_as(operand, SqlType::Boolean);
    if operand.sql_type == SqlType::Boolean {
        return Ok(operand);
    }
    let error = ExpressionError::at(at, format!("{name} takes BOOLEAN, found {}", operand.sql_type));
    Err(error.hinted("a comparison such as `amount > 0` is BOOLEAN"))
}

/// A text literal beside a date or timestamp is read as one.
fn dated_literal(operand: Typed, wanted: SqlType, at: Position) -> Checked {
    let TypedKind::Literal(Literal::Text(text)) = &operand.kind else {
        return Ok(operand);
    };
    let literal = match wanted {
        SqlType::Date => literal::date(text)
            .map(Literal::Date)
            .or_else(|| literal::timestamp(text).map(|(micros, utc)| Literal::Timestamp { micros, utc })),
        SqlType::Timestamp { utc } => literal::timestamp(text)
            .filter(|(_, zoned)| utc || !zoned)
            .map(|(micros, _)| Literal::Timestamp { micros, utc }),
        _ => return Ok(operand),
    };
    let error = || {
        let error = ExpressionError::at(at, format!("`{text}` is compared with a {wanted} but is not one"));
        error.hinted("dates are written '2024-12-31', timestamps '2024-12-31 23:59:59'")
    };
    literal.map(typed_literal).ok_or_else(error)
}

/// Operands of one kind: exact numbers keep their scales, everything else has one type.
fn comparable(operands: Vec<Typed>, at: Position, name: &str) -> Result<Vec<Typed>, ExpressionError> {
    let exact = |operand: &Typed| operand.is_null() || operand.sql_type.scale().is_some();
    if operands.iter().all(exact) && !operands.iter().all(Typed::is_null) {
        return Ok(operands.into_iter().map(|operand| null_as(operand, SqlType::Integer)).collect());
    }
    unify(operands, at, name).map(|(operands, _)| operands)
}

/// Operands of one type, and that type.
fn unify(operands: Vec<Typed>, at: Position, name: &str) -> Result<(Vec<Typed>, SqlType), ExpressionError> {
    let dated = operands.iter().map(|operand| operand.sql_type).fold(None, |dated, next| match (dated, next) {
        (_, SqlType::Timestamp { .. }) | (None, SqlType::Date) => Some(next),
        _ => dated,
    });
    let mut common = None;
    let mut read = Vec::with_capacity(operands.len());
    for operand in operands {
        let operand = match dated {
            Some(wanted) => dated_literal(operand, wanted, at)?,
            None => operand,
        };
        if !operand.is_null() {
            let sofar = common.unwrap_or(operand.sql_type);
            let both = common_type(sofar, operand.sql_type);
            common = Some(both.ok_or_else(|| mismatch(sofar, operand.sql_type, at, name))?);
        }
        read.push(operand);
    }
    let sql_type = common.unwrap_or(SqlType::Text);
    Ok((read.into_iter().map(|operand| convert(operand, sql_type)).collect(), sql_type))
}

fn mismatch(left: SqlType, right: SqlType, at: Position, name: &str) -> ExpressionError {
    let error = ExpressionError::at(at, format!("{name} does not mix {left} and {right}"));
    match (left, right) {
        (SqlType::Timestamp { .. }, SqlType::Timestamp { .. }) => {
            error.hinted("one is local time, the other an instant: which zone is meant is not known here")
        }
        _ => error.hinted("CAST one side to the type of the other"),
    }
}

fn common_type(left: SqlType, right: SqlType) -> Option<SqlType> {
    if left == right {
        return Some(left);
    }
    match (left, right) {
        (SqlType::Date, stamp @ SqlType::Timestamp { .. }) | (stamp @ SqlType::Timestamp { .. }, SqlType::Date) => {
            Some(stamp)
        }
        _ if !(left.is_number() && right.is_number()) => None,
        _ => Some(match (left.scale(), right.scale()) {
            (Some(left), Some(right)) => decimal(left.max(right)),
            _ => SqlType::Double,
        }),
    }
}

fn cast(value: Typed, to: CastTarget, lenient: bool, at: Position) -> Checked {
    let sql_type = match to {
        CastTarget::Boolean => SqlType::Boolean,
        CastTarget::Integer => SqlType::Integer,
        CastTarget::Decimal { precision, scale } => SqlType::Decimal { precision, scale },
        CastTarget::Double => SqlType::Double,
        CastTarget::Text => SqlType::Text,
        CastTarget::Date => SqlType::Date,
        // An instant stays an instant.
        CastTarget::Timestamp => SqlType::Timestamp { utc: value.sql_type == SqlType::Timestamp { utc: true } },
    };
    if value.is_null() {
        return Ok(Typed { sql_type, ..value });
    }
    let from = value.sql_type;
    let dated = |t: SqlType| matches!(t, SqlType::Date | SqlType::Timestamp { .. });
    let possible = from == SqlType::Text || sql_type == SqlType::Text || dated(from) == dated(sql_type);
    if !possible {
        return Err(ExpressionError::at(at, format!("{from} cannot be cast to {sql_type}")));
    }
    // Arithmetic may have outgrown the digits of an exact type, so that a CAST to one always checks.
    if from == sql_type && from.scale().is_none() {
        return Ok(value);
    }
    Ok(Typed::new(TypedKind::Cast { value: Box::new(value), lenient }, sql_type))
}
