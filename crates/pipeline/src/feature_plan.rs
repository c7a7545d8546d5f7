//! What the fold builds, and the pipeline's own columns over it.

use std::collections::BTreeSet;
use std::sync::Arc;

use appraise_expression::{Bound, ExpressionError, Parsed, SqlType};
use appraise_feature_engineering::{FeatureConfig, contract};
use appraise_schema::table::ContractError;
use appraise_schema::{ColumnSpec, ColumnType, TableContract};
use arrow::array::{Array, ArrayRef, AsArray, Float64Array, RecordBatch};
use arrow::compute::{CastOptions, cast_with_options, nullif};
use arrow::datatypes::{Float64Type, Schema};
use arrow::error::ArrowError;

use crate::error::RunError;

/// How `customer_features` is made.
#[derive(Debug, Clone)]
pub(crate) struct FeaturePlan {
    /// What the fold is asked for.
    pub(crate) config: FeatureConfig,
    /// What the fold gives.
    pub(crate) folded: TableContract,
    /// Columns over it, in the order in which they are computed.
    pub(crate) own: Vec<OwnColumn>,
    /// What is published.
    pub(crate) contract: TableContract,
}

/// A column of the pipeline's own.
#[derive(Debug, Clone)]
pub(crate) struct OwnColumn {
    pub(crate) spec: ColumnSpec,
    bound: Bound,
}

/// Why features can't be built.
#[derive(Debug, thiserror::Error)]
pub enum FeaturePlanError {
    /// Two parts of the pipeline claim one column, or a name is not portable.
    #[error(transparent)]
    Contract(#[from] ContractError),
    /// An own column does not fit the built ones.
    #[error("column `{name}`: {source}")]
    Own {
        /// The column.
        name: String,
        /// What is wrong.
        source: ExpressionError,
    },
    /// An own column is of a type that is not published.
    #[error("column `{name}` is {found}, which is not published")]
    OwnType {
        /// The column.
        name: String,
        /// Its type.
        found: String,
    },
}

impl FeaturePlan {
    /// Plans the features of `config`, whose `only` names columns of the fold and of `own`, in the order of the pipeline.
    ///
    /// # Errors
    /// When columns clash or an own column does not fit.
    pub(crate) fn new(config: FeatureConfig, own: &[(String, Parsed)]) -> Result<Self, FeaturePlanError> {
        let only = config.only.clone();
        let all = contract(&FeatureConfig { only: None, ..config.clone() })?;
        let own = bind(&all, own)?;
        let wanted = |name: &str| only.as_ref().is_none_or(|only| only.contains(name));
        let own = needed(own, &wanted);
        let config = FeatureConfig { only: widened(only.as_ref(), &own), ..config };
        let folded = contract(&config)?;
        let keys = folded.columns.iter().take(2);
        let built = folded.columns.iter().skip(2).chain(own.iter().map(|column| &column.spec));
        let columns = keys.chain(built.filter(|column| wanted(&column.name))).cloned().collect();
        let published = TableContract::new(&folded.name, &folded.meaning, columns)?;
        Ok(Self { config, folded, own, contract: published })
    }

    /// The rows of `customer_features` for rows of the fold. `faults` counts, for each own column, the rows that could not
    /// be computed and are NULL. Calls the expression engine: not for use inside a rayon job.
    pub(crate) fn extend(&self, folded: RecordBatch, faults: &mut [u64]) -> Result<RecordBatch, RunError> {
        let mut batch = folded;
        for (own, faults) in self.own.iter().zip(faults) {
            let (column, failed) = own.evaluate(&batch)?;
            *faults += failed;
            batch = with_column(&batch, &own.spec, column)?;
        }
        let columns = self.contract.columns.iter().map(|column| {
            let found = batch.column_by_name(&column.name).cloned();
            found.ok_or_else(|| ArrowError::SchemaError(format!("column `{}` was not built", column.name)))
        });
        Ok(RecordBatch::try_new(self.contract.arrow(), columns.collect::<Result<_, _>>()?)?)
    }
}

impl OwnColumn {
    /// The published values on `batch`, and how many rows failed.
    fn evaluate(&self, batch: &RecordBatch) -> Result<(ArrayRef, u64), RunError> {
        let failed = |source| RunError::Evaluation { column: self.spec.name.clone(), source: Box::new(source) };
        let evaluated = self.bound.evaluate(batch).map_err(failed)?;
        let mut values = evaluated.values;
        let mut faults = 0;
        if let Some(rows) = &evaluated.faults {
            faults += rows.true_count() as u64;
            values = nullif(&values, rows)?;
        }
        if let Some(doubles) = values.as_primitive_opt::<Float64Type>() {
            values = Arc::new(finite(doubles));
        }
        let nulls = values.null_count();
        let published = self.spec.column_type.arrow();
        let values = cast_with_options(&values, &published, &CastOptions { safe: true, ..CastOptions::default() })?;
        faults += (values.null_count() - nulls) as u64;
        Ok((values, faults))
    }
}

/// Doubles, with NULL for those that are not finite.
fn finite(doubles: &Float64Array) -> Float64Array {
    doubles.iter().map(|value| value.filter(|value| value.is_finite())).collect()
}

fn with_column(batch: &RecordBatch, spec: &ColumnSpec, column: ArrayRef) -> Result<RecordBatch, ArrowError> {
    let mut fields = batch.schema().fields().to_vec();
    fields.push(Arc::new(spec.field()));
    let columns = batch.columns().iter().cloned().chain([column]).collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)
}

/// Binds each own column to the built ones and to those of its kind before it.
fn bind(built: &TableContract, own: &[(String, Parsed)]) -> Result<Vec<OwnColumn>, FeaturePlanError> {
    let sql_type = |column: &ColumnSpec| Some((column.name.clone(), SqlType::of(&column.column_type.arrow())?));
    let mut known: Vec<(String, SqlType)> = built.columns.iter().filter_map(sql_type).collect();
    let mut bound_columns = Vec::new();
    for (name, parsed) in own {
        let bound = parsed.bind(&known).map_err(|source| FeaturePlanError::Own { name: name.clone(), source })?;
        let found = bound.sql_type();
        let column_type = published_type(found)
            .ok_or_else(|| FeaturePlanError::OwnType { name: name.clone(), found: found.name() })?;
        let spec = ColumnSpec::nullable(name, column_type, "", &format!("own column: {}", one_line(parsed.text())));
        known.extend(sql_type(&spec));
        bound_columns.push(OwnColumn { spec, bound });
    }
    let specs = bound_columns.iter().map(|column: &OwnColumn| &column.spec);
    TableContract::new(&built.name, &built.meaning, built.columns.iter().chain(specs).cloned().collect())?;
    Ok(bound_columns)
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The type in which values of a SQL type are published.
fn published_type(sql_type: SqlType) -> Option<ColumnType> {
    Some(match sql_type {
        SqlType::Boolean => ColumnType::Boolean,
        SqlType::Integer => ColumnType::Int64,
        SqlType::Decimal { precision, scale } => {
            ColumnType::Decimal { precision: if precision <= 18 { 18 } else { 38 }, scale }
        }
        SqlType::Double => ColumnType::Float64,
        SqlType::Text => ColumnType::String,
        SqlType::Date => ColumnType::Date,
        SqlType::Timestamp { .. } => return None,
    })
}

/// The own columns that are wanted, and those that these read.
fn needed(own: Vec<OwnColumn>, wanted: &impl Fn(&str) -> bool) -> Vec<OwnColumn> {
    let mut read: BTreeSet<String> = BTreeSet::new();
    let mut kept = Vec::new();
    for column in own.into_iter().rev() {
        if wanted(&column.spec.name) || read.contains(&column.spec.name) {
            read.extend(column.bound.columns().iter().cloned());
            kept.push(column);
        }
    }
    kept.reverse();
    kept
}

/// `only` with the columns that the own ones read.
fn widened(only: Option<&BTreeSet<String>>, own: &[OwnColumn]) -> Option<BTreeSet<String>> {
    let read = own.iter().flat_map(|column| column.bound.columns());
    only.map(|only| only.iter().chain(read).cloned().collect())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use appraise_schema::{AsOf, KeyType};
    use arrow::array::{Date32Array, Decimal64Array, Int32Array, Int64Array, StringArray};
    use arrow::datatypes::{DataType, Decimal64Type, Decimal128Type, Field, Int64Type};

    use super::*;
    use crate::spec::{Overrides, load_text};
    use crate::stages::{self, ReferenceTables};

    const FILE: &str = "\
version: 1
name: shop
money: { unit: EUR, scale: 2 }
sources:
  transactions:
    path: sales.parquet
    columns: { customer_id: buyer, time: sold_at, amount: price }
export: { path: out }
";

    fn plan(features: &str) -> FeaturePlan {
        let text = format!("{FILE}features: {features}\n");
        let loaded = load_text(&Arc::from("p"), &text, Path::new(""), &Overrides::default()).unwrap();
        let as_of: AsOf = "2024-01-31".parse().unwrap();
        let config = stages::features(&loaded.pipeline, as_of, KeyType::Integer, &ReferenceTables::default());
        FeaturePlan::new(config, &loaded.pipeline.features.own).unwrap()
    }

    fn names(contract: &TableContract) -> Vec<&str> {
        contract.columns.iter().skip(2).map(|column| column.name.as_str()).collect()
    }

    /// Two customers of whom every number is 5 and 10.
    fn rows(plan: &FeaturePlan) -> RecordBatch {
        let column = |field: &Arc<Field>| -> ArrayRef {
            match field.data_type() {
                DataType::Int64 => Arc::new(Int64Array::from(vec![5, 10])),
                DataType::Int32 => Arc::new(Int32Array::from(vec![5, 10])),
                DataType::Date32 => Arc::new(Date32Array::from(vec![5, 10])),
                DataType::Decimal64(precision, scale) => {
                    let money = Decimal64Array::from(vec![5, 10]).with_precision_and_scale(*precision, *scale);
                    Arc::new(money.unwrap())
                }
                DataType::Float64 => Arc::new(Float64Array::from(vec![5.0, 10.0])),
                DataType::Utf8 => Arc::new(StringArray::from(vec!["5", "10"])),
                other => arrow::array::new_null_array(other, 2),
            }
        };
        let schema = plan.folded.arrow();
        let columns = schema.fields().iter().map(column).collect();
        RecordBatch::try_new(schema, columns).unwrap()
    }

    #[test]
    fn own_columns_stand_last_and_those_that_only_others_read_are_dropped() {
        let text = "{ columns: { a: orders + 1, b: a * 2, c: lines }, only: [b, total_revenue] }";
        let plan = plan(text);
        assert_eq!(names(&plan.contract), ["total_revenue", "b"]);
        assert_eq!(names(&plan.folded), ["orders", "total_revenue"]);
        let own: Vec<&str> = plan.own.iter().map(|own| own.spec.name.as_str()).collect();
        assert_eq!(own, ["a", "b"], "nobody reads c");
        let mut faults = vec![0; 2];
        let batch = plan.extend(rows(&plan), &mut faults).unwrap();
        assert_eq!(batch.schema(), plan.contract.arrow());
        assert_eq!(batch.column(3).as_primitive::<Int64Type>().values(), &[12, 22]);
        assert_eq!(faults, [0, 0]);
    }

    #[test]
    fn own_columns_have_portable_types() {
        let text = "{ columns: { money: total_revenue * 2, wide: total_revenue * total_revenue, whole: orders, \
                    part: \"CAST(orders AS DOUBLE) / 4\", word: \"CONCAT('a', 'b')\", day: last_purchase_date, \
                    sure: orders > 5 } }";
        let plan = plan(text);
        let types: Vec<ColumnType> = plan.own.iter().map(|own| own.spec.column_type).collect();
        assert!(matches!(types[0], ColumnType::Decimal { scale: 2, .. }), "{types:?}");
        assert_eq!(types[1], ColumnType::Decimal { precision: 38, scale: 4 });
        let rest = [ColumnType::Int64, ColumnType::Float64, ColumnType::String, ColumnType::Date, ColumnType::Boolean];
        assert_eq!(types[2..], rest);
        let batch = plan.extend(rows(&plan), &mut [0; 7]).unwrap();
        let wide = batch.column_by_name("wide").unwrap().as_primitive::<Decimal128Type>();
        assert_eq!(wide.values(), &[25, 100]);
        let sure = batch.column_by_name("sure").unwrap().as_boolean();
        assert_eq!((sure.value(0), sure.value(1)), (false, true));
        let money = batch.column_by_name("money").unwrap();
        let doubled = match money.data_type() {
            DataType::Decimal64(..) => i128::from(money.as_primitive::<Decimal64Type>().value(1)),
            _ => money.as_primitive::<Decimal128Type>().value(1),
        };
        assert_eq!(doubled, 20);
    }

    #[test]
    fn what_can_not_be_computed_is_null_and_counted() {
        let text = "{ columns: { huge: orders * 1844674407370955161, cast_fails: \"CAST(CASE WHEN orders > 5 THEN 'x' \
                    ELSE '1' END AS INTEGER)\", endless: \"CAST(orders AS DOUBLE) * 1e308\" } }";
        let plan = plan(text);
        let mut faults = vec![0; 3];
        let batch = plan.extend(rows(&plan), &mut faults).unwrap();
        // 10 × 1844674407370955161 exceeds 64 bits, 5 × it does not.
        assert_eq!(faults, [1, 1, 0]);
        let nulls = |name: &str| {
            let column = batch.column_by_name(name).unwrap();
            [column.is_null(0), column.is_null(1)]
        };
        assert_eq!(nulls("huge"), [false, true]);
        assert_eq!(nulls("cast_fails"), [false, true]);
        assert_eq!(nulls("endless"), [true, true]);
    }
}
