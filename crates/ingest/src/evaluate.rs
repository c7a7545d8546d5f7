//! Values of expressions on a batch: by the engine, or once for each distinct value of a dictionary.

use std::collections::BTreeMap;
use std::sync::Arc;

use appraise_expression::Bound;
use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, DictionaryArray, Int32Array, RecordBatch, RecordBatchOptions,
};
use arrow::compute::{concat, take};
use arrow::datatypes::{DataType, Field, Int32Type, Schema};

use crate::columns::{Values, flags};
use crate::mapping::Source;

/// Dictionaries of at most so many values are compared by value, so that row groups share a result.
const COMPARED: usize = 1024;

/// The engine's words on why an expression failed as a whole.
pub(crate) type Failure = String;

/// What one worker remembers of the dictionaries it has met.
#[derive(Debug, Default)]
pub(crate) struct Evaluator {
    /// By position of the wanted column.
    remembered: BTreeMap<usize, Remembered>,
}

#[derive(Debug)]
struct Remembered {
    distinct: ArrayRef,
    /// One value more than there are distinct ones: the last is that of NULL.
    values: Values,
}

impl Evaluator {
    /// The values of `source`, which gives wanted column number `column`.
    pub(crate) fn values(&mut self, column: usize, source: &Source, batch: &RecordBatch) -> Result<Values, Failure> {
        match source {
            Source::Direct(position) => Ok(Values::new(Arc::clone(batch.column(*position)), None)),
            Source::Computed { bound, inputs, lookup: false } => {
                let inputs = inputs.iter().map(|&input| batch.column(input).clone()).collect();
                compute(bound, inputs, batch.num_rows())
            }
            Source::Computed { bound, inputs, .. } => {
                let input = batch.column(inputs[0]).as_dictionary::<Int32Type>();
                let distinct = self.distinct(column, bound, input)?;
                spread(&distinct, input)
            }
        }
    }

    /// For each row of a filter: `kept` where it is true, `dropped` where it is false or NULL, `faulty` where it
    /// can't be computed.
    pub(crate) fn filter(
        &mut self,
        column: usize,
        source: &Source,
        batch: &RecordBatch,
        [kept, dropped, faulty]: [u8; 3],
    ) -> Result<Vec<u8>, Failure> {
        let code = |values: &Values| -> Vec<u8> {
            let truths = flags(values.array.as_boolean());
            let mut codes: Vec<u8> = truths.iter().map(|truth| if truth { kept } else { dropped }).collect();
            if let Some(faults) = &values.faults {
                faults.set_indices().for_each(|row| codes[row] = faulty);
            }
            codes
        };
        let Source::Computed { bound, inputs, lookup: true } = source else {
            return Ok(code(&self.values(column, source, batch)?));
        };
        let input = batch.column(inputs[0]).as_dictionary::<Int32Type>();
        let codes = code(&self.distinct(column, bound, input)?);
        let keys = input.keys();
        if keys.null_count() == 0 {
            return Ok(keys.values().iter().map(|&key| codes[key.cast_unsigned() as usize]).collect());
        }
        let place = |key: Option<i32>| key.map_or(codes.len() - 1, |key| key.cast_unsigned() as usize);
        Ok(keys.iter().map(|key| codes[place(key)]).collect())
    }

    /// The expression's values of every distinct value of `input`, and of NULL.
    fn distinct(
        &mut self,
        column: usize,
        bound: &Bound,
        input: &DictionaryArray<Int32Type>,
    ) -> Result<Values, Failure> {
        if let Some(remembered) = self.remembered.get(&column)
            && same(&remembered.distinct, input.values())
        {
            return Ok(remembered.values.clone());
        }
        let null = arrow::array::new_null_array(input.values().data_type(), 1);
        let inputs = concat(&[input.values().as_ref(), null.as_ref()]).map_err(|error| error.to_string())?;
        let rows = inputs.len();
        let values = compute(bound, vec![inputs], rows)?;
        self.remembered.insert(column, Remembered { distinct: Arc::clone(input.values()), values: values.clone() });
        Ok(values)
    }
}

/// Whether two dictionaries hold the same values, as far as that is cheap to see.
pub(crate) fn same(left: &ArrayRef, right: &ArrayRef) -> bool {
    let small = || left.len() == right.len() && left.len() <= COMPARED && left == right;
    left.to_data().ptr_eq(&right.to_data()) || small()
}

/// Spreads values of distinct inputs over the rows; texts stay a dictionary.
fn spread(distinct: &Values, input: &DictionaryArray<Int32Type>) -> Result<Values, Failure> {
    let null = i32::try_from(distinct.array.len() - 1).map_err(|error| error.to_string())?;
    let places: Int32Array = input.keys().iter().map(|key| Some(key.unwrap_or(null))).collect();
    let array: ArrayRef = if *distinct.array.data_type() == DataType::Utf8 {
        let texts = DictionaryArray::try_new(places.clone(), Arc::clone(&distinct.array));
        Arc::new(texts.map_err(|error| error.to_string())?)
    } else {
        take(&distinct.array, &places, None).map_err(|error| error.to_string())?
    };
    let faults = distinct.faults.as_ref().map(|faults| {
        places
            .values()
            .iter()
            .map(|&place| Some(faults.value(place.cast_unsigned() as usize)))
            .collect::<BooleanArray>()
    });
    Ok(Values::new(array, faults.as_ref()))
}

fn compute(bound: &Bound, inputs: Vec<ArrayRef>, rows: usize) -> Result<Values, Failure> {
    let names = bound.columns().iter();
    let fields: Vec<Field> =
        names.zip(&inputs).map(|(name, input)| Field::new(name, input.data_type().clone(), true)).collect();
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    let batch = RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), inputs, &options)
        .map_err(|error| error.to_string())?;
    let evaluated = bound.evaluate(&batch).map_err(|error| error.to_string())?;
    if evaluated.values.len() != rows {
        return Err(format!("it gave {} values for {rows} rows", evaluated.values.len()));
    }
    Ok(Values::new(evaluated.values, evaluated.faults.as_ref()))
}
