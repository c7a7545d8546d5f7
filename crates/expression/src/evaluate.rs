//! Evaluation of bound expressions on batches.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use appraise_schema::panic::message;
use arrow::array::cast::AsArray;
use arrow::array::{
    Array, ArrayRef, BooleanArray, Date32Array, Decimal128Array, Float64Array, RecordBatch, StringArray,
    TimestampMicrosecondArray, UInt64Array, new_null_array,
};
use arrow::compute::{concat, take};
use arrow::datatypes::Float64Type;

use crate::canonical::{canonical, integers_as_doubles};
use crate::cast::cast;
use crate::choice;
use crate::column::{Column, Outcome, collect_numbers};
use crate::engine;
use crate::error::EvaluationError;
use crate::exact;
use crate::sql_type::{MAX_PRECISION, SqlType};
use crate::tree::{Literal, Operation};
use crate::typed::{Typed, TypedKind};

/// An expression with types, ready to be evaluated.
#[derive(Debug, Clone)]
pub struct Bound {
    text: Arc<str>,
    tree: Arc<Typed>,
}

/// The values of an expression on a batch.
#[derive(Debug, Clone)]
pub struct Evaluated {
    /// One value for each row of the batch. `BOOLEAN` is Boolean; `INTEGER` and `DECIMAL(p,s)` are
    /// Decimal128(38, s), integers with scale 0; `DOUBLE` is Float64; `TEXT` is Utf8; `DATE` is Date32;
    /// `TIMESTAMP` is Timestamp(Microsecond) without zone, or with `UTC` for instants.
    pub values: ArrayRef,
    /// True where a number overflowed or a CAST failed; the value of such a row means nothing. Absent when no
    /// row failed; never NULL.
    pub faults: Option<BooleanArray>,
}

impl Bound {
    pub(crate) fn new(text: String, tree: Typed) -> Self {
        Self { text: text.into(), tree: Arc::new(tree) }
    }

    /// The type of the values.
    #[must_use]
    pub fn sql_type(&self) -> SqlType {
        self.tree.sql_type
    }

    /// The columns the expression reads.
    #[must_use]
    pub fn columns(&self) -> &BTreeSet<String> {
        &self.tree.columns
    }

    /// Evaluates the expression on every row of `batch`, whose columns are found by exact name.
    ///
    /// What reads a single dictionary-encoded column is computed once for each distinct value.
    ///
    /// # Errors
    /// When the batch lacks a column, a column has another type than at bind time, or the engine fails.
    pub fn evaluate(&self, batch: &RecordBatch) -> Result<Evaluated, EvaluationError> {
        let mut columns = BTreeMap::new();
        for name in &self.tree.columns {
            let array = batch.column_by_name(name).ok_or_else(|| EvaluationError::MissingColumn {
                expression: self.text.to_string(),
                column: name.clone(),
            })?;
            columns.insert(name.as_str(), array.clone());
        }
        self.check_types(&self.tree, &columns)?;
        let run = Run { columns, rows: batch.num_rows() };
        let computed = catch_unwind(AssertUnwindSafe(|| run.evaluate(&self.tree)))
            .unwrap_or_else(|panic| Err(format!("the engine panicked: {}", message(panic.as_ref()))));
        let Column { values, faults } = computed.map_err(|reason| self.failed(reason))?;
        if values.len() != batch.num_rows() {
            return Err(self.failed(format!("{} rows came of {}", values.len(), batch.num_rows())));
        }
        let faults = faults.filter(|faults| faults.count_set_bits() > 0);
        Ok(Evaluated { values, faults: faults.map(|faults| BooleanArray::new(faults, None)) })
    }

    fn failed(&self, reason: String) -> EvaluationError {
        EvaluationError::Engine { expression: self.text.to_string(), reason }
    }

    fn check_types(&self, node: &Typed, columns: &BTreeMap<&str, ArrayRef>) -> Result<(), EvaluationError> {
        if let TypedKind::Column(name) = &node.kind
            && let Some(array) = columns.get(name.as_str())
            && SqlType::of(array.data_type()) != Some(node.sql_type)
        {
            return Err(EvaluationError::ColumnType {
                expression: self.text.to_string(),
                column: name.clone(),
                expected: node.sql_type.name(),
                found: array.data_type().to_string(),
            });
        }
        node.children().try_for_each(|child| self.check_types(child, columns))
    }
}

/// One evaluation: the columns at hand and how many rows they have.
#[derive(Debug)]
pub(crate) struct Run<'a> {
    columns: BTreeMap<&'a str, ArrayRef>,
    rows: usize,
}

impl Run<'_> {
    /// Rows of every column.
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// The column that `node` stands for.
    pub(crate) fn evaluate(&self, node: &Typed) -> Result<Column, String> {
        if let Some(dictionary) = self.dictionary(node) {
            return distinct(node, dictionary);
        }
        match &node.kind {
            TypedKind::Column(name) => {
                let array = self.columns.get(name.as_str()).ok_or_else(|| format!("column `{name}` is missing"))?;
                canonical(array, node.sql_type)
            }
            TypedKind::Literal(literal) => Ok(Column::sound(self.constant(literal, node.sql_type)?)),
            TypedKind::Case(branches, otherwise) => choice::case(self, branches, otherwise),
            TypedKind::Cast { value, lenient } => {
                if let (TypedKind::Column(name), SqlType::Double) = (&value.kind, node.sql_type)
                    && let Some(doubles) = self.columns.get(name.as_str()).and_then(integers_as_doubles)
                {
                    return doubles;
                }
                cast(&self.evaluate(value)?, value.sql_type, node.sql_type, *lenient)
            }
            TypedKind::Operation(operation, operands) if engine::computes(*operation, operands) => {
                engine::evaluate(self, node)
            }
            TypedKind::Operation(operation, operands) => self.operation(node, *operation, operands),
        }
    }

    /// What this crate computes itself.
    fn operation(&self, node: &Typed, operation: Operation, operands: &[Typed]) -> Result<Column, String> {
        match operation {
            Operation::Coalesce => return choice::coalesce(self, operands),
            Operation::Greatest | Operation::Least => return choice::extreme(self, operation, operands),
            Operation::Round => {
                let digits = operands.get(1).map_or(0, engine::rounding_digits);
                let value = operands.first().ok_or("ROUND lacks an operand")?;
                return exact::unary(operation, &self.evaluate(value)?, digits, scale(node)?);
            }
            _ => {}
        }
        let computed = operands.iter().map(|o| self.evaluate(o)).collect::<Result<Vec<_>, _>>()?;
        match (operation, computed.as_slice()) {
            (Operation::IsNull, [value]) => Ok(choice::is_null(value)),
            (Operation::In, [value, list @ ..]) => exact::among(value, list),
            (Operation::Compare(comparison), [left, right]) => exact::comparison(comparison, left, right),
            (Operation::Remainder, [left, right]) if node.sql_type == SqlType::Double => remainder(left, right),
            (Operation::Divide, [left, right]) => exact::divide(left, right),
            (_, [value]) => exact::unary(operation, value, 0, scale(node)?),
            (_, [left, right]) => exact::arithmetic(operation, left, right, scale(node)?),
            _ => Err(format!("{} has {} operands", operation.name(), computed.len())),
        }
    }

    fn constant(&self, literal: &Literal, sql_type: SqlType) -> Result<ArrayRef, String> {
        let rows = self.rows;
        Ok(match literal {
            Literal::Null => new_null_array(&sql_type.arrow(), rows),
            Literal::Boolean(value) => Arc::new(BooleanArray::from(vec![*value; rows])),
            Literal::Exact { unscaled, scale } => {
                let values = Decimal128Array::from(vec![*unscaled; rows]);
                let values = values.with_precision_and_scale(MAX_PRECISION, scale.cast_signed());
                Arc::new(values.map_err(|error| error.to_string())?)
            }
            Literal::Double(value) => Arc::new(Float64Array::from(vec![*value; rows])),
            Literal::Text(text) => Arc::new(StringArray::from_iter_values(std::iter::repeat_n(text, rows))),
            Literal::Date(day) => Arc::new(Date32Array::from(vec![*day; rows])),
            Literal::Timestamp { micros, utc } => {
                let values = TimestampMicrosecondArray::from(vec![*micros; rows]);
                Arc::new(values.with_timezone_opt(utc.then_some("UTC")))
            }
        })
    }

    /// Whether `node` is computed on the distinct values of a dictionary.
    pub(crate) fn by_dictionary(&self, node: &Typed) -> bool {
        self.dictionary(node).is_some()
    }

    /// The dictionary-encoded column that is all `node` reads, where that has fewer values than rows.
    fn dictionary(&self, node: &Typed) -> Option<(&str, &dyn arrow::array::AnyDictionaryArray)> {
        let name = node.columns.first().filter(|_| node.columns.len() == 1)?;
        let (name, array) = self.columns.get_key_value(name.as_str())?;
        let dictionary = array.as_any_dictionary_opt()?;
        let values = dictionary.values().len();
        (0 < values && values < self.rows).then_some((*name, dictionary))
    }
}

/// Evaluates `node` on the values of `dictionary` and NULL, then spreads the results over the rows.
fn distinct(node: &Typed, (name, dictionary): (&str, &dyn arrow::array::AnyDictionaryArray)) -> Result<Column, String> {
    let failed = |error: arrow::error::ArrowError| error.to_string();
    let values = dictionary.values();
    let null = new_null_array(values.data_type(), 1);
    let with_null = concat(&[values.as_ref(), null.as_ref()]).map_err(failed)?;
    let run = Run { columns: BTreeMap::from([(name, with_null)]), rows: values.len() + 1 };
    let computed = run.evaluate(node)?;
    let keys = dictionary.keys();
    if computed.faults.is_none() && (keys.null_count() == 0 || computed.values.is_null(values.len())) {
        return take(&computed.values, keys, None).map(Column::sound).map_err(failed);
    }
    let mut places = dictionary.normalized_keys();
    for (row, place) in places.iter_mut().enumerate() {
        if keys.is_null(row) {
            *place = values.len();
        }
    }
    let faults = computed.faults.map(|faults| places.iter().map(|place| faults.value(*place)).collect());
    let places = UInt64Array::from_iter_values(places.iter().map(|place| *place as u64));
    Ok(Column { values: take(&computed.values, &places, None).map_err(failed)?, faults })
}

fn scale(node: &Typed) -> Result<u8, String> {
    node.sql_type.scale().ok_or_else(|| format!("{} is not an exact type", node.sql_type))
}

/// The remainder of doubles, with the sign of the dividend; NULL where the divisor is 0.
fn remainder(left: &Column, right: &Column) -> Result<Column, String> {
    let wrong = "a double was expected";
    let a = left.values.as_primitive_opt::<Float64Type>().ok_or(wrong)?;
    let b = right.values.as_primitive_opt::<Float64Type>().ok_or(wrong)?;
    let (values, faults) = collect_numbers::<Float64Type>(a.len(), |row| {
        if a.is_null(row) || b.is_null(row) || b.value(row) == 0.0 {
            return Outcome::Null;
        }
        Outcome::Value(a.value(row) % b.value(row))
    });
    let computed = Column { values: Arc::new(values), faults };
    Ok(computed.with_faults(left.faults.as_ref()).with_faults(right.faults.as_ref()))
}
