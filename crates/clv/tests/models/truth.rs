//! The true values, computed with 50 digits and more, and how results are held against them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// A table of true values, column by column.
pub(crate) struct Truth {
    text: BTreeMap<String, Vec<String>>,
    rows: usize,
}

impl Truth {
    /// Reads the csv file of this name.
    pub(crate) fn read(name: &str) -> Self {
        Self::at(&path(name))
    }

    /// Reads the repository's own csv file of this name.
    pub(crate) fn read_own(name: &str) -> Self {
        Self::at(&own(name))
    }

    fn at(file: &Path) -> Self {
        let content = fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let mut lines = content.lines();
        let names: Vec<&str> = lines.next().unwrap().split(',').collect();
        let mut text: BTreeMap<String, Vec<String>> = names.iter().map(|&name| (name.to_owned(), Vec::new())).collect();
        let mut rows = 0;
        for line in lines {
            for (name, field) in names.iter().zip(line.split(',')) {
                text.get_mut(*name).unwrap().push(field.to_owned());
            }
            rows += 1;
        }
        Self { text, rows }
    }

    /// How many rows there are.
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// A column of numbers; an empty field is no number (NaN).
    pub(crate) fn numbers(&self, column: &str) -> Vec<f64> {
        self.column(column).iter().map(|field| field.parse().unwrap_or(f64::NAN)).collect()
    }

    /// A column of text.
    pub(crate) fn column(&self, column: &str) -> &[String] {
        self.text.get(column).unwrap_or_else(|| panic!("no column {column}"))
    }
}

/// The file of this name in the folder of true values: `$APPRAISE_TRUTH/clv` or `$APPRAISE_TRUTH` where that is set, else the
/// repository's.
pub(crate) fn path(name: &str) -> PathBuf {
    match std::env::var_os("APPRAISE_TRUTH").map(PathBuf::from) {
        Some(given) if given.join("clv").is_dir() => given.join("clv").join(name),
        Some(given) => given.join(name),
        None => own(name),
    }
}

/// The repository's own file of this name.
fn own(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/truth/clv").join(name)
}

/// Collects what misses the truth, to report all of it at once.
#[derive(Default)]
pub(crate) struct Misses {
    /// One line each.
    lines: Vec<String>,
    /// The largest error that was met, by quantity.
    worst: BTreeMap<&'static str, f64>,
}

impl Misses {
    /// Holds `found` to `truth`: relative error of at most 1e-9.
    pub(crate) fn relative(&mut self, quantity: &'static str, row: usize, found: f64, truth: f64) {
        let error = if found == truth { 0.0 } else { ((found - truth) / truth).abs() };
        self.note(quantity, row, found, truth, error, 1e-9);
    }

    /// Holds `found` to `truth`: error of at most 1e-10 · max(1, |truth|).
    pub(crate) fn log_likelihood(&mut self, quantity: &'static str, row: usize, found: f64, truth: f64) {
        self.note(quantity, row, found, truth, (found - truth).abs() / truth.abs().max(1.0), 1e-10);
    }

    /// Holds the logarithm of a value below 1e-300 to the logarithm of the truth.
    pub(crate) fn logarithm(&mut self, quantity: &'static str, row: usize, found: f64, truth: f64) {
        self.note(quantity, row, found, truth, (found - truth).abs() / truth.abs().max(1.0), 1e-9);
    }

    /// Fails with all misses.
    pub(crate) fn report(self) {
        println!("worst errors: {:?}", self.worst);
        assert!(self.lines.is_empty(), "{} misses:\n{}", self.lines.len(), self.lines.join("\n"));
    }

    fn note(&mut self, quantity: &'static str, row: usize, found: f64, truth: f64, error: f64, limit: f64) {
        let worst = self.worst.entry(quantity).or_default();
        *worst = worst.max(error);
        if error.is_nan() || error > limit {
            self.lines.push(format!("row {row}: {quantity} {found:e}, not {truth:e}: error {error:e}"));
        }
    }
}
