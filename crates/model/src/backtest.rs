//! How well what was foretold at an earlier date came true.
//!
//! Customers are valued as of a cut date, and what they were expected to do until a later date is compared with what they did.
//! A forecast is judged by its errors, its bias, and by how well it puts customers in order.

use serde::Serialize;

/// Frequencies from this on are told together.
const MOST_FREQUENCY: u64 = 7;

/// Parts of customers of equal size, by forecast.
const DECILES: usize = 10;

/// What was foretold of some customers, and what came.
#[derive(Debug, Clone, Default)]
pub struct Outcomes {
    /// Repeat purchase periods of each customer up to the cut date.
    pub frequency: Vec<u64>,
    /// What each customer did until the later date.
    pub actual: Vec<f64>,
}

/// The quality of one forecast of all customers.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Quality {
    /// Who foretold: a model or a baseline.
    pub forecast: String,
    /// Σ foretold.
    pub predicted: f64,
    /// Σ actual.
    pub actual: f64,
    /// Σ foretold / Σ actual − 1; absent when nothing came.
    pub bias: Option<f64>,
    /// Mean absolute error.
    pub mae: f64,
    /// Root of the mean squared error.
    pub rmse: f64,
    /// Rank correlation with mean ranks for ties; absent when either is the same for all.
    pub spearman: Option<f64>,
    /// Gini coefficient of what came, in the order foretold, over that in the best order: 1 is a perfect order, 0 none. Absent
    /// when nothing came.
    pub gini: Option<f64>,
    /// What the tenth with the highest forecast did, over a tenth of everything: 1 is no better than chance.
    pub top_decile_lift: Option<f64>,
}

/// Customers of one frequency: what was foretold and what came, on average.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ByFrequency {
    /// Repeat purchase periods up to the cut date; the last stands for itself and more.
    pub frequency: u64,
    /// How many customers.
    pub customers: u64,
    /// Mean of the forecast.
    pub predicted: f64,
    /// Mean of what came.
    pub actual: f64,
}

/// A tenth of the customers, the best forecast first.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Decile {
    /// From 1, the highest forecast.
    pub decile: usize,
    /// How many customers.
    pub customers: u64,
    /// Sum of the forecast.
    pub predicted: f64,
    /// Sum of what came.
    pub actual: f64,
    /// What came over its mean share; absent when nothing came.
    pub lift: Option<f64>,
}

impl Outcomes {
    /// How well `predicted`, one value for each customer, was a forecast of what came.
    #[must_use]
    pub fn quality(&self, forecast: &str, predicted: &[f64]) -> Quality {
        let count = self.actual.len().max(1) as f64;
        let errors = || predicted.iter().zip(&self.actual).map(|(p, a)| p - a);
        let (sum, actual): (f64, f64) = (predicted.iter().sum(), self.actual.iter().sum());
        let order = order_of(predicted);
        Quality {
            forecast: forecast.to_owned(),
            predicted: sum,
            actual,
            bias: (actual != 0.0).then(|| sum / actual - 1.0),
            mae: errors().map(f64::abs).sum::<f64>() / count,
            rmse: (errors().map(|error| error * error).sum::<f64>() / count).sqrt(),
            spearman: spearman(predicted, &self.actual),
            gini: self.gini(predicted, &order),
            top_decile_lift: self.deciles(predicted).first().and_then(|decile| decile.lift),
        }
    }

    /// Forecast and outcome by frequency.
    #[must_use]
    pub fn by_frequency(&self, predicted: &[f64]) -> Vec<ByFrequency> {
        let mut rows: Vec<ByFrequency> = (0..=MOST_FREQUENCY)
            .map(|frequency| ByFrequency { frequency, customers: 0, predicted: 0.0, actual: 0.0 })
            .collect();
        for ((frequency, predicted), actual) in self.frequency.iter().zip(predicted).zip(&self.actual) {
            let row = &mut rows[usize::try_from(*frequency.min(&MOST_FREQUENCY)).unwrap_or(0)];
            row.customers += 1;
            row.predicted += predicted;
            row.actual += actual;
        }
        rows.retain(|row| row.customers > 0);
        for row in &mut rows {
            row.predicted /= row.customers as f64;
            row.actual /= row.customers as f64;
        }
        rows
    }

    /// Forecast and outcome by tenths of the forecast. A tenth that cuts through equal forecasts has its share of what all of
    /// them did, so that the order of customers does not matter.
    #[must_use]
    pub fn deciles(&self, predicted: &[f64]) -> Vec<Decile> {
        let order = order_of(predicted);
        let smooth = smoothed(&order, predicted, &self.actual);
        let (count, total) = (order.len(), self.actual.iter().sum::<f64>());
        let bounds = |decile: usize| decile * count / DECILES..(decile + 1) * count / DECILES;
        let row = |decile: usize| {
            let range = bounds(decile);
            let customers = range.len() as u64;
            let actual: f64 = smooth[range.clone()].iter().sum();
            let share = customers as f64 / count as f64;
            Decile {
                decile: decile + 1,
                customers,
                predicted: order[range].iter().map(|&row| predicted[row]).sum(),
                actual,
                lift: (total > 0.0 && customers > 0).then(|| actual / (total * share)),
            }
        };
        (0..DECILES).map(row).collect()
    }

    /// The area between the curve of concentration and the diagonal, in the order foretold over that in the best order.
    fn gini(&self, predicted: &[f64], order: &[usize]) -> Option<f64> {
        let best = order_of(&self.actual);
        let area = |values: &[f64]| {
            let (mut sum, mut area) = (0.0, 0.0);
            for value in values {
                area += sum + value / 2.0;
                sum += value;
            }
            area - sum * values.len() as f64 / 2.0
        };
        let perfect = area(&smoothed(&best, &self.actual, &self.actual));
        (perfect > 0.0).then(|| area(&smoothed(order, predicted, &self.actual)) / perfect)
    }
}

/// Row numbers by falling value, equal ones in the order of rows.
fn order_of(values: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[b].total_cmp(&values[a]));
    order
}

/// `values` in `order`; those whose `keys` are equal are replaced by their mean.
fn smoothed(order: &[usize], keys: &[f64], values: &[f64]) -> Vec<f64> {
    let mut smooth = Vec::with_capacity(order.len());
    for equal in order.chunk_by(|&a, &b| keys[a] == keys[b]) {
        let mean = equal.iter().map(|&row| values[row]).sum::<f64>() / equal.len() as f64;
        smooth.extend(std::iter::repeat_n(mean, equal.len()));
    }
    smooth
}

/// Spearman's rank correlation: Pearson's of mean ranks.
fn spearman(a: &[f64], b: &[f64]) -> Option<f64> {
    let (a, b) = (ranks(a), ranks(b));
    let mean = f64::midpoint(a.len() as f64, 1.0);
    let (mut product, mut squares_a, mut squares_b) = (0.0, 0.0, 0.0);
    for (a, b) in a.iter().zip(&b) {
        product += (a - mean) * (b - mean);
        squares_a += (a - mean) * (a - mean);
        squares_b += (b - mean) * (b - mean);
    }
    (squares_a > 0.0 && squares_b > 0.0).then(|| product / (squares_a * squares_b).sqrt())
}

/// Ranks from 1, the mean of their ranks for equal values.
fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order = order_of(values);
    order.reverse();
    let mut ranks = vec![0.0; values.len()];
    let mut before = 0;
    for equal in order.chunk_by(|&a, &b| values[a] == values[b]) {
        for &row in equal {
            ranks[row] = before as f64 + f64::midpoint(equal.len() as f64, 1.0);
        }
        before += equal.len();
    }
    ranks
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn outcomes(actual: &[f64]) -> Outcomes {
        Outcomes { frequency: vec![0; actual.len()], actual: actual.to_vec() }
    }

    #[test]
    fn a_perfect_forecast_has_no_error_and_the_best_order() {
        let actual = [3.0, 0.0, 1.0, 0.0, 6.0];
        let quality = outcomes(&actual).quality("model", &actual);
        assert_eq!((quality.mae, quality.rmse, quality.bias), (0.0, 0.0, Some(0.0)));
        assert_eq!((quality.spearman, quality.gini), (Some(1.0), Some(1.0)));
    }

    #[test]
    fn the_figures_of_a_forecast_by_hand() {
        let quality = outcomes(&[1.0, 2.0, 3.0, 6.0]).quality("model", &[2.0, 2.0, 2.0, 3.0]);
        assert_eq!((quality.predicted, quality.actual, quality.bias), (9.0, 12.0, Some(-0.25)));
        assert_eq!((quality.mae, quality.rmse), (1.25, (11.0_f64 / 4.0).sqrt()));
        // Ranks 2, 2, 2, 4 and 1, 2, 3, 4.
        assert!((quality.spearman.unwrap() - 3.0 / (3.0_f64 * 5.0).sqrt()).abs() < 1e-15);
        // Curve 6, 8, 10, 12 against the best 6, 9, 11, 12: areas 3 + 7 + 9 + 11 − 24 and 3 + 7.5 + 10 + 11.5 − 24.
        assert!((quality.gini.unwrap() - 6.0 / 8.0).abs() < 1e-15);
    }

    #[test]
    fn customers_are_told_by_frequency_and_by_tenths() {
        let outcomes = Outcomes { frequency: vec![0, 0, 9, 7], actual: vec![0.0, 1.0, 5.0, 3.0] };
        let rows = outcomes.by_frequency(&[0.5, 0.5, 4.0, 3.0]);
        let told: Vec<_> = rows.iter().map(|row| (row.frequency, row.customers, row.predicted, row.actual)).collect();
        assert_eq!(told, [(0, 2, 0.5, 0.5), (7, 2, 3.5, 4.0)]);
        let many: Vec<f64> = (0..100).map(f64::from).collect();
        let deciles = self::outcomes(&many).deciles(&many);
        assert_eq!((deciles[0].customers, deciles[0].actual, deciles[9].actual), (10, 945.0, 45.0));
        assert!((deciles[0].lift.unwrap() - 945.0 / 495.0).abs() < 1e-12);
    }

    proptest! {
        #[test]
        fn figures_do_not_depend_on_the_order_of_customers(
            rows in prop::collection::vec((0_u8..4, 0_u8..5), 1..60), turn in 0_usize..60,
        ) {
            let mut turned = rows.clone();
            turned.rotate_left(turn % rows.len());
            let judge = |rows: &[(u8, u8)]| {
                let actual: Vec<f64> = rows.iter().map(|row| f64::from(row.1)).collect();
                let predicted: Vec<f64> = rows.iter().map(|row| f64::from(row.0)).collect();
                let quality = outcomes(&actual).quality("model", &predicted);
                [Some(quality.mae), quality.spearman, quality.gini, quality.top_decile_lift]
            };
            for (a, b) in judge(&rows).into_iter().zip(judge(&turned)) {
                prop_assert_eq!(a.is_some(), b.is_some());
                prop_assert!((a.unwrap_or(0.0) - b.unwrap_or(0.0)).abs() < 1e-9);
            }
        }
    }
}
