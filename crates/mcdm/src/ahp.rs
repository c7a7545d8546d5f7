//! The analytic hierarchy process: weights from judgements of pairs (Saaty 1980).

use serde::{Deserialize, Serialize};

use crate::AhpError;

/// The consistency ratio above which judgements are refused unless the caller allows it (Saaty 1980).
pub const MOST_INCONSISTENCY: f64 = 0.1;

/// How far the product of two reciprocal judgements may be from 1: 0.13 may stand for 1/8, while neighbours on Saaty's
/// scale differ by 1/9 or more.
const RECIPROCAL_TOLERANCE: f64 = 0.05;
const SMALLEST: f64 = 1e-6;
const GREATEST: f64 = 1e6;
const MOST_ITERATIONS: usize = 100_000;
/// Largest relative change of a weight in the last iteration.
const SETTLED: f64 = 4e-15;

/// A table of the consistency index that random judgements have on average.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum RandomIndex {
    /// Saaty 1980, up to 10 criteria.
    #[default]
    #[serde(rename = "saaty_1980")]
    Saaty1980,
    /// Saaty's later table (of 2000 and 2008), up to 10 criteria.
    #[serde(rename = "saaty_later")]
    SaatyLater,
    /// Alonso & Lamata 2006, from 100,000 matrices of each size, up to 10 criteria.
    #[serde(rename = "alonso_lamata_2006")]
    AlonsoLamata2006,
}

impl RandomIndex {
    /// The table's name, as in serde.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Saaty1980 => "saaty_1980",
            Self::SaatyLater => "saaty_later",
            Self::AlonsoLamata2006 => "alonso_lamata_2006",
        }
    }

    /// The indices of 3, 4, 5 … criteria.
    fn table(self) -> &'static [f64] {
        match self {
            Self::Saaty1980 => &[0.58, 0.90, 1.12, 1.24, 1.32, 1.41, 1.45, 1.49],
            Self::SaatyLater => &[0.52, 0.89, 1.11, 1.25, 1.35, 1.40, 1.45, 1.49],
            Self::AlonsoLamata2006 => &[0.5245, 0.8815, 1.1086, 1.2479, 1.3417, 1.4056, 1.4499, 1.4854],
        }
    }

    /// The most criteria that the table knows.
    #[must_use]
    pub fn most_criteria(self) -> usize {
        self.table().len() + 2
    }
}

/// Weights from judgements of pairs, and how well the judgements agree.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ahp {
    /// The weights of the criteria: the principal eigenvector; they sum to 1.
    pub weights: Vec<f64>,
    /// The principal eigenvalue λ.
    pub lambda_max: f64,
    /// CI = (λ − n) / (n − 1), and 0 for one or two criteria.
    pub consistency_index: f64,
    /// CR = CI / RI, and 0 for one or two criteria.
    pub consistency_ratio: f64,
}

/// The weights of criteria from judgements: `judgements[i][j]` says how many times as important i is as j.
///
/// Judgements may be rounded as people write them (0.33 for 1/3): of the two judgements of a pair the greater one is
/// taken as meant, and the other is its reciprocal, exactly. Where their product is more than 5 % from 1 they
/// contradict each other, which is refused.
///
/// # Errors
/// A matrix that is not square, positive and reciprocal; more criteria than the table knows; a consistency ratio above
/// [`MOST_INCONSISTENCY`] unless `allow_inconsistent`.
pub fn ahp(judgements: &[Vec<f64>], table: RandomIndex, allow_inconsistent: bool) -> Result<Ahp, AhpError> {
    let matrix = reciprocal(judgements)?;
    let n = matrix.len();
    if n > table.most_criteria() {
        return Err(AhpError::TooManyCriteria { criteria: n, most: table.most_criteria(), table: table.name() });
    }
    let (weights, lambda_max) = principal(&matrix)?;
    let (consistency_index, consistency_ratio) = if n <= 2 {
        (0.0, 0.0)
    } else {
        let index = ((lambda_max - n as f64) / (n - 1) as f64).max(0.0);
        (index, index / table.table()[n - 3])
    };
    if consistency_ratio > MOST_INCONSISTENCY && !allow_inconsistent {
        return Err(AhpError::Inconsistent { ratio: consistency_ratio });
    }
    Ok(Ahp { weights, lambda_max, consistency_index, consistency_ratio })
}

/// The judgements with exact reciprocals.
fn reciprocal(judgements: &[Vec<f64>]) -> Result<Vec<Vec<f64>>, AhpError> {
    let n = judgements.len();
    if n == 0 {
        return Err(AhpError::Empty);
    }
    for (i, row) in judgements.iter().enumerate() {
        if row.len() != n {
            return Err(AhpError::NotSquare { row: i + 1, expected: n, found: row.len() });
        }
        if let Some(j) = row.iter().position(|value| !(SMALLEST..=GREATEST).contains(value)) {
            return Err(AhpError::Judgement { row: i + 1, column: j + 1, value: row[j] });
        }
        if (row[i] - 1.0).abs() > 1e-9 {
            return Err(AhpError::Diagonal { row: i + 1, value: row[i] });
        }
    }
    let mut matrix = vec![vec![1.0; n]; n];
    for i in 0..n {
        for j in i + 1..n {
            let (value, mirrored) = (judgements[i][j], judgements[j][i]);
            if (value * mirrored - 1.0).abs() > RECIPROCAL_TOLERANCE {
                return Err(AhpError::NotReciprocal { row: i + 1, column: j + 1, value, mirrored });
            }
            (matrix[i][j], matrix[j][i]) =
                if value >= mirrored { (value, 1.0 / value) } else { (1.0 / mirrored, mirrored) };
        }
    }
    Ok(matrix)
}

/// The principal eigenvector of a positive matrix, which sums to 1, and its eigenvalue λ: power iteration of the matrix
/// plus λ times the identity, which has the same eigenvectors and settles even where judgements go round in circles.
fn principal(matrix: &[Vec<f64>]) -> Result<(Vec<f64>, f64), AhpError> {
    let n = matrix.len();
    let mut weights = vec![1.0 / n as f64; n];
    for _ in 0..MOST_ITERATIONS {
        let product: Vec<f64> =
            matrix.iter().map(|row| row.iter().zip(&weights).map(|(a, w)| a * w).sum::<f64>()).collect();
        let lambda: f64 = product.iter().sum();
        let next: Vec<f64> =
            product.iter().zip(&weights).map(|(value, weight)| 0.5 * (value / lambda + weight)).collect();
        let settled = next.iter().zip(&weights).all(|(new, old)| (new - old).abs() <= SETTLED * new);
        weights = next;
        if settled {
            return Ok((weights, lambda));
        }
    }
    Err(AhpError::NotConverged { iterations: MOST_ITERATIONS })
}
