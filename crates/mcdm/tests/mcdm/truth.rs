//! The true values and how results are held against them.

use std::fs;
use std::path::{Path, PathBuf};

use appraise_mcdm::{BoundsRule, Direction, Scale, Transform};
use serde_json::Value;

/// Results must be within this of the truth.
pub(crate) const TOLERANCE: f64 = 1e-12;

/// A file of the folder of true values: `$APPRAISE_TRUTH/mcdm` or `$APPRAISE_TRUTH` where that is set, else the
/// repository's.
fn read(name: &str) -> String {
    let path = match std::env::var_os("APPRAISE_TRUTH").map(PathBuf::from) {
        Some(given) if given.join("mcdm").is_dir() => given.join("mcdm").join(name),
        Some(given) => given.join(name),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/truth/mcdm").join(name),
    };
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A JSON file of that folder.
pub(crate) fn json(name: &str) -> Value {
    serde_json::from_str(&read(name)).unwrap()
}

/// The columns of numbers of a csv file of that folder.
pub(crate) fn columns(name: &str) -> Vec<Vec<f64>> {
    let content = read(name);
    let mut lines = content.lines();
    let names: Vec<&str> = lines.next().unwrap().split(',').collect();
    let mut columns = vec![Vec::new(); names.len()];
    for line in lines {
        for (column, field) in columns.iter_mut().zip(line.split(',')) {
            column.push(field.parse().unwrap_or(f64::NAN));
        }
    }
    columns.into_iter().zip(names).filter(|(_, name)| *name != "customer_id").map(|(column, _)| column).collect()
}

/// Numbers of JSON.
pub(crate) fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
}

/// The customers of the decision matrix.
#[derive(Debug)]
pub(crate) struct Customers {
    pub(crate) directions: Vec<Direction>,
    pub(crate) raw: Vec<Vec<f64>>,
    pub(crate) normalised: Vec<Vec<f64>>,
}

impl Customers {
    pub(crate) fn read() -> Self {
        let types = numbers(&json("weights.json")["meta"]["types"]);
        let directions = types.iter().map(|&sign| if sign < 0.0 { Direction::Cost } else { Direction::Benefit });
        Self::new(directions.collect(), columns("decision_matrix_60x8.csv"))
    }

    /// Customers with the min–max scales of their own columns.
    pub(crate) fn new(directions: Vec<Direction>, raw: Vec<Vec<f64>>) -> Self {
        let normalised = raw.iter().zip(&directions).map(|(column, &direction)| {
            let scale = Scale::fit(&mut column.clone(), direction, Transform::Identity, BoundsRule::MinMax).unwrap();
            scale.normalise_column(column)
        });
        Self { normalised: normalised.collect(), directions, raw }
    }

    /// All but one.
    pub(crate) fn without(&self, row: usize) -> Self {
        let mut raw = self.raw.clone();
        for column in &mut raw {
            column.remove(row);
        }
        Self::new(self.directions.clone(), raw)
    }
}

/// The largest difference; lists must be of a length.
pub(crate) fn difference(found: &[f64], truth: &[f64]) -> f64 {
    assert_eq!(found.len(), truth.len());
    found.iter().zip(truth).map(|(found, truth)| (found - truth).abs()).fold(0.0, f64::max)
}

/// Holds numbers to the truth.
pub(crate) fn meet(what: &str, found: &[f64], truth: &[f64]) {
    let difference = difference(found, truth);
    assert!(difference <= TOLERANCE, "{what} is off by {difference:e}: {found:?} is not {truth:?}");
}
