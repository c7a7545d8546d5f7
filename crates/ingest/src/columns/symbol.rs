//! Texts as numbers of the run's symbols, each asked for once where that can be had.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use appraise_schema::Symbols;
use appraise_schema::event::NO_SYMBOL;
use arrow::array::{Array, ArrayRef, AsArray, StringArray};
use arrow::datatypes::{DataType, Int32Type};
use arrow::error::ArrowError;

use super::id::{IdValues, Ids};
use crate::evaluate::same;

/// Texts of one column that a thread remembers; beyond, it asks the shared table every time.
const MAX_REMEMBERED: usize = 1 << 16;

/// What one thread remembers of the numbers of texts, by wanted column.
#[derive(Debug)]
pub(crate) struct Numbering<'a> {
    symbols: &'a Symbols,
    remembered: BTreeMap<usize, Remembered>,
}

#[derive(Debug, Default)]
struct Remembered {
    by_text: HashMap<Box<str>, u32>,
    /// The values of the dictionary met last.
    distinct: Option<ArrayRef>,
    /// Their numbers; [`NO_SYMBOL`] where it was not asked for.
    by_value: Vec<u32>,
}

impl<'a> Numbering<'a> {
    /// Remembers nothing yet of `symbols`.
    pub(crate) fn new(symbols: &'a Symbols) -> Self {
        Self { symbols, remembered: BTreeMap::new() }
    }

    /// The numbers of the texts of wanted column `column` in `rows`; [`NO_SYMBOL`] where the row `has` none. `array` and
    /// `ids` are the same column.
    pub(crate) fn numbers(
        &mut self,
        column: usize,
        array: &ArrayRef,
        ids: &Ids,
        rows: &[u32],
        has: impl Fn(usize) -> bool,
    ) -> Result<Vec<u32>, ArrowError> {
        let symbols = self.symbols;
        let remembered = self.remembered.entry(column).or_default();
        let mut number = |row: usize| match &ids.values {
            _ if !has(row) => Ok(NO_SYMBOL),
            IdValues::Text(texts) => remembered.by_text(symbols, texts.value(row)),
            IdValues::Integer(values) => remembered.by_text(symbols, &values[row].to_string()),
        };
        if let Some(dictionary) = array.as_dictionary_opt::<Int32Type>()
            && *dictionary.values().data_type() == DataType::Utf8
        {
            remembered.meet(dictionary.values());
            let (keys, texts) = (dictionary.keys().values(), dictionary.values().as_string::<i32>());
            let number = |row: usize| {
                if has(row) {
                    remembered.by_value(symbols, texts, keys[row].cast_unsigned() as usize)
                } else {
                    Ok(NO_SYMBOL)
                }
            };
            return rows.iter().map(|&row| row as usize).map(number).collect();
        }
        rows.iter().map(|&row| number(row as usize)).collect()
    }
}

impl Remembered {
    /// Forgets the values of another dictionary than `distinct`.
    fn meet(&mut self, distinct: &ArrayRef) {
        if !self.distinct.as_ref().is_some_and(|known| same(known, distinct)) {
            self.by_value.clear();
            self.by_value.resize(distinct.len(), NO_SYMBOL);
            self.distinct = Some(Arc::clone(distinct));
        }
    }

    #[inline]
    fn by_value(&mut self, symbols: &Symbols, texts: &StringArray, place: usize) -> Result<u32, ArrowError> {
        if self.by_value[place] == NO_SYMBOL {
            self.by_value[place] = ask(symbols, texts.value(place))?;
        }
        Ok(self.by_value[place])
    }

    fn by_text(&mut self, symbols: &Symbols, text: &str) -> Result<u32, ArrowError> {
        if let Some(&number) = self.by_text.get(text) {
            return Ok(number);
        }
        let number = ask(symbols, text)?;
        if self.by_text.len() < MAX_REMEMBERED {
            self.by_text.insert(text.into(), number);
        }
        Ok(number)
    }
}

fn ask(symbols: &Symbols, text: &str) -> Result<u32, ArrowError> {
    let full = || ArrowError::ComputeError(format!("the run has more than {} different texts", u32::MAX));
    symbols.number(text).ok_or_else(full)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::columns::Values;
    use arrow::array::{DictionaryArray, Int32Array, Int64Array};

    #[test]
    fn the_same_text_has_one_number_however_it_is_stored() {
        let symbols = Symbols::default();
        let mut numbering = Numbering::new(&symbols);
        let mut numbers = |array: ArrayRef| {
            let ids = Ids::new(&Values { array: Arc::clone(&array), faults: None }).unwrap();
            let rows: Vec<u32> = (0..u32::try_from(array.len()).unwrap()).collect();
            let has = |row| ids.nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row));
            numbering.numbers(0, &array, &ids, &rows, has).unwrap()
        };
        let plain = numbers(Arc::new(StringArray::from(vec![Some("7"), None, Some("b"), Some("7")])));
        assert_eq!(plain, [1, NO_SYMBOL, 2, 1]);
        let values = Arc::new(StringArray::from(vec![Some("unused"), Some("b"), None, Some("7"), Some("b")]));
        let keys = Int32Array::from(vec![Some(1), None, Some(2), Some(3), Some(4)]);
        let dictionary = DictionaryArray::try_new(keys, values).unwrap();
        assert_eq!(numbers(Arc::new(dictionary)), [2, NO_SYMBOL, NO_SYMBOL, 1, 2]);
        assert_eq!(numbers(Arc::new(Int64Array::from(vec![7]))), [1]);
        assert_eq!(symbols.find("unused"), None);
    }
}
