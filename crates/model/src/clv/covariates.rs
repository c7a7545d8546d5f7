//! Columns as covariates: numbers less their mean, one for each text but the most frequent; with their fitted effects.

use std::cmp::Ordering;
use std::collections::{BTreeMap, HashMap};

use appraise_clv::{CovariateError, CovariateFit, CovariatePatterns, FitError, History, MOST_COVARIATES, PurchaseKind};
use arrow::array::{Array, AsArray, Float64Array, RecordBatch, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type};
use foldhash::fast::FixedState;

use super::card::{CovariateCard, CovariatesCard, EffectCard, EncodingCard};
use crate::columns::absent;
use crate::error::ModelError;

/// What a column of covariates is to be of.
pub(super) const TYPES: &str = "INT32, INT64, DOUBLE, DECIMAL, BOOLEAN or STRING";

/// A value of a covariate's column.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Value<'a> {
    /// Finite; money in whole units, booleans as 0 and 1.
    Number(f64),
    Text(&'a str),
}

enum Column<'a> {
    Numbers(Float64Array),
    Texts(&'a StringArray),
}

/// The columns of covariates of a batch.
pub(super) struct Columns<'a>(Vec<Column<'a>>);

impl<'a> Columns<'a> {
    /// The columns `names` of `batch`.
    ///
    /// # Errors
    /// [`ModelError::Column`] for the first that is absent or can't be a covariate.
    pub(super) fn new<'n>(
        names: impl IntoIterator<Item = &'n String>,
        batch: &'a RecordBatch,
    ) -> Result<Self, ModelError> {
        let column = |name: &String| {
            let found = batch.column_by_name(name).ok_or_else(|| absent(name, TYPES))?;
            match found.data_type() {
                DataType::Utf8 => Ok(Column::Texts(found.as_string::<i32>())),
                DataType::Date32 => Err(absent(name, TYPES)),
                _ => Ok(Column::Numbers(cast(found, &DataType::Float64)?.as_primitive::<Float64Type>().clone())),
            }
        };
        Ok(Self(names.into_iter().map(column).collect::<Result<_, _>>()?))
    }

    /// The values in a row; none for what is NULL or no finite number.
    fn values(&self, row: usize) -> impl Iterator<Item = Option<Value<'_>>> {
        self.0.iter().map(move |column| match column {
            Column::Numbers(numbers) => {
                let number = numbers.is_valid(row).then(|| numbers.value(row)).filter(|number| number.is_finite());
                // Adding 0 makes one of both zeros.
                number.map(|number| Value::Number(number + 0.0))
            }
            Column::Texts(texts) => texts.is_valid(row).then(|| Value::Text(texts.value(row))),
        })
    }
}

/// A value in a few bytes: the bits of a number, the number of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Raw {
    Number(u64),
    Text(usize),
}

/// The distinct covariates of customers, numbered as they come.
#[derive(Debug, Default)]
pub(super) struct Distinct {
    texts: Vec<String>,
    numbers_of_texts: HashMap<String, usize, FixedState>,
    rows: Vec<Vec<Option<Raw>>>,
    numbers_of_rows: HashMap<Vec<Option<Raw>>, usize, FixedState>,
}

impl Distinct {
    /// The number of the covariates in `row`.
    pub(super) fn insert(&mut self, columns: &Columns<'_>, row: usize) -> usize {
        let raw: Vec<Option<Raw>> = columns.values(row).map(|value| value.map(|value| self.raw(value))).collect();
        if let Some(number) = self.numbers_of_rows.get(&raw) {
            return *number;
        }
        self.rows.push(raw.clone());
        self.numbers_of_rows.insert(raw, self.rows.len() - 1);
        self.rows.len() - 1
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    fn raw(&mut self, value: Value<'_>) -> Raw {
        let text = match value {
            Value::Number(number) => return Raw::Number(number.to_bits()),
            Value::Text(text) => text,
        };
        if let Some(number) = self.numbers_of_texts.get(text) {
            return Raw::Text(*number);
        }
        self.texts.push(text.to_owned());
        self.numbers_of_texts.insert(text.to_owned(), self.texts.len() - 1);
        Raw::Text(self.texts.len() - 1)
    }

    /// The values of column number `column`, by the number of the covariates.
    fn values(&self, column: usize) -> impl Iterator<Item = Option<Value<'_>>> {
        self.rows.iter().map(move |row| {
            row[column].map(|raw| match raw {
                Raw::Number(bits) => Value::Number(f64::from_bits(bits)),
                Raw::Text(number) => Value::Text(&self.texts[number]),
            })
        })
    }
}

impl EncodingCard {
    /// How a column is made covariates, by its values and how many fitted customers have each; none when it is the same for
    /// all of them.
    fn of<'v>(values: impl Iterator<Item = (Option<Value<'v>>, f64)>) -> Option<Self> {
        let (mut numbers, mut texts) = (Vec::new(), BTreeMap::<Option<&str>, f64>::new());
        for (value, count) in values {
            match value {
                Some(Value::Number(number)) => numbers.push((number, count)),
                Some(Value::Text(text)) => *texts.entry(Some(text)).or_default() += count,
                None => *texts.entry(None).or_default() += count,
            }
        }
        if numbers.is_empty() { Self::of_texts(&texts) } else { Self::of_numbers(numbers) }
    }

    /// The mean is summed up in the order of the values.
    fn of_numbers(mut values: Vec<(f64, f64)>) -> Option<Self> {
        values.sort_by(|(one, _), (other, _)| one.total_cmp(other));
        let (lowest, highest) = (values.first()?.0, values.last()?.0);
        let customers: f64 = values.iter().map(|(_, count)| count).sum();
        // Divided before they are summed up: the sum of huge numbers need not be one.
        let mean = values.iter().map(|(value, count)| value * (count / customers)).sum::<f64>();
        let differ = lowest < highest && (highest - lowest).is_finite();
        differ.then(|| Self::Number { mean: mean.clamp(lowest, highest), lowest, highest })
    }

    /// Of equally frequent values the first counts as the most frequent: no value, then by UTF-8 bytes.
    fn of_texts(counts: &BTreeMap<Option<&str>, f64>) -> Option<Self> {
        let more = |one: f64, other: f64| one.total_cmp(&other) == Ordering::Greater;
        let most = counts.iter().reduce(|best, next| if more(*next.1, *best.1) { next } else { best })?.0;
        let owned = |value: Option<&str>| value.map(str::to_owned);
        let values: Vec<_> = counts.keys().filter(|value| *value != most).map(|value| owned(*value)).collect();
        (!values.is_empty()).then(|| Self::Text { most_frequent: owned(*most), values })
    }

    /// The names of its covariates.
    fn names(&self, column: &str) -> Vec<String> {
        match self {
            Self::Number { .. } => vec![column.to_owned()],
            Self::Text { values, .. } => {
                values.iter().map(|value| format!("{column} {}", value.as_deref().unwrap_or("NULL"))).collect()
            }
        }
    }

    /// The one covariate of `value` that may not be 0, by its place among those of the column.
    fn covariate(&self, value: Option<Value<'_>>) -> Option<(usize, f64)> {
        match (self, value) {
            (Self::Number { mean, lowest, highest }, Some(Value::Number(number))) => {
                Some((0, number.max(*lowest).min(*highest) - mean))
            }
            (Self::Text { values, .. }, None) => values.iter().position(Option::is_none).map(|place| (place, 1.0)),
            (Self::Text { values, .. }, Some(Value::Text(text))) => {
                values.iter().position(|value| value.as_deref() == Some(text)).map(|place| (place, 1.0))
            }
            _ => None,
        }
    }
}

/// The covariates of the fitted customers.
pub(super) struct Encoded {
    columns: Vec<(String, EncodingCard)>,
    /// By the number of the distinct covariates.
    z: Vec<Vec<f64>>,
    /// Columns that are the same for all fitted customers.
    pub(super) constant: Vec<String>,
}

impl Encoded {
    /// Encodes `columns`; `counts` tells how many fitted customers there are of each number of `distinct`.
    ///
    /// # Errors
    /// [`ModelError::Covariates`] when they make more than the crate fits.
    pub(super) fn new(columns: &[String], distinct: &Distinct, counts: &[f64]) -> Result<Self, ModelError> {
        let mut encoded = Self { columns: Vec::new(), z: vec![Vec::new(); distinct.rows.len()], constant: Vec::new() };
        let mut positions = Vec::new();
        for (position, name) in columns.iter().enumerate() {
            let values = distinct.values(position).zip(counts.iter().copied()).filter(|(_, count)| *count > 0.0);
            match EncodingCard::of(values) {
                Some(encoding) => {
                    encoded.columns.push((name.clone(), encoding));
                    positions.push(position);
                }
                None => encoded.constant.push(name.clone()),
            }
        }
        let found = encoded.names().len();
        if found > MOST_COVARIATES {
            let each = encoded.columns.iter().map(|(name, encoding)| format!("{name} {}", encoding.names(name).len()));
            let columns = each.collect::<Vec<_>>().join(", ");
            return Err(ModelError::Covariates { columns, found, most: MOST_COVARIATES });
        }
        for ((name, encoding), position) in encoded.columns.iter().zip(positions) {
            for (z, value) in encoded.z.iter_mut().zip(distinct.values(position)) {
                let first = z.len();
                z.resize(first + encoding.names(name).len(), 0.0);
                if let Some((place, covariate)) = encoding.covariate(value) {
                    z[first + place] = covariate;
                }
            }
        }
        Ok(encoded)
    }

    /// Whether there is nothing that tells customers apart.
    pub(super) fn is_empty(&self) -> bool {
        self.columns.is_empty()
    }

    fn names(&self) -> Vec<String> {
        self.columns.iter().flat_map(|(name, encoding)| encoding.names(name)).collect()
    }

    /// Fits `kind` to customers: the number of their covariates, their history, and how many there are.
    pub(super) fn fit(
        &self,
        kind: PurchaseKind,
        customers: impl Iterator<Item = (usize, History, f64)>,
    ) -> Result<CovariateFit, FitError> {
        let customers = customers.map(|(number, history, count)| (self.z[number].as_slice(), history, count));
        let fit = CovariatePatterns::new(customers).and_then(|data| kind.fit_with_covariates(&data));
        fit.map_err(|error| match error {
            CovariateError::Fit(error) => self.named(kind, error),
            // The covariates are few, finite and not all the same: this is that of no customers.
            _ => FitError::TooFewCustomers { model: kind.name(), customers: 0 },
        })
    }

    /// The error with the covariates by their names.
    fn named(&self, kind: PurchaseKind, error: FitError) -> FitError {
        let rates = kind.rates().unwrap_or_default();
        let named = |at: String| {
            let factors = rates.iter().enumerate().flat_map(|(part, rate)| {
                let factor =
                    move |(j, name)| (format!("exp(gamma{}_{})", part + 1, j + 1), format!("{rate} by {name}"));
                self.names().into_iter().enumerate().map(factor)
            });
            factors.fold(at, |at, (factor, name)| at.replace(&factor, &name))
        };
        match error {
            FitError::NotConverged { model, iterations, at, gradient } => {
                FitError::NotConverged { model, iterations, at: named(at), gradient }
            }
            FitError::NotIdentified { model, at } => FitError::NotIdentified { model, at: named(at) },
            other => other,
        }
    }

    /// What the card tells of a fit of `kind`.
    pub(super) fn card(&self, kind: PurchaseKind, fit: &CovariateFit) -> CovariatesCard {
        let (dimensions, errors) = (fit.gamma[0].len(), fit.standard_errors());
        let effect = |j: usize| EffectCard {
            gamma: [fit.gamma[0][j], fit.gamma[1][j]],
            standard_errors: [errors[4 + j], errors[4 + dimensions + j]],
        };
        let mut effects = (0..dimensions).map(effect);
        let columns = self.columns.iter().map(|(column, encoding)| CovariateCard {
            column: column.clone(),
            encoding: encoding.clone(),
            effects: effects.by_ref().take(encoding.names(column).len()).collect(),
        });
        CovariatesCard { rates: kind.rates().unwrap_or_default().map(str::to_owned), columns: columns.collect() }
    }
}

impl CovariatesCard {
    /// Checks what the types can't say.
    ///
    /// # Errors
    /// [`ModelError::CardValue`] for the first column that is not what a fit writes.
    pub(super) fn check(&self) -> Result<(), ModelError> {
        for CovariateCard { column, encoding, effects } in &self.columns {
            let sound = match encoding {
                EncodingCard::Number { mean, lowest, highest } => {
                    lowest <= mean && mean <= highest && (highest - lowest).is_finite()
                }
                EncodingCard::Text { .. } => true,
            };
            let finite = effects.iter().flat_map(|effect| effect.gamma).all(f64::is_finite);
            if !(sound && finite && effects.len() == encoding.names(column).len()) {
                return Err(ModelError::CardValue {
                    what: format!("clv covariate {column}"),
                    value: format!("{encoding:?}, {effects:?}"),
                    expected: "finite numbers, one effect of each covariate",
                });
            }
        }
        Ok(())
    }

    /// The names of the columns.
    pub(super) fn names(&self) -> impl Iterator<Item = &String> {
        self.columns.iter().map(|covariate| &covariate.column)
    }

    /// What the covariates in `row` do to the logarithms of the two rates; `columns` are those of [`Self::names`].
    pub(super) fn effects(&self, columns: &Columns<'_>, row: usize) -> [f64; 2] {
        let mut effects = [0.0; 2];
        for (covariate, value) in self.columns.iter().zip(columns.values(row)) {
            let Some((place, z)) = covariate.encoding.covariate(value) else { continue };
            for (effect, gamma) in effects.iter_mut().zip(covariate.effects[place].gamma) {
                *effect += gamma * z;
            }
        }
        effects
    }
}
