//! Linear equations with a positive definite matrix.

/// The lower triangle L of a positive definite matrix L Lᵀ.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cholesky<const K: usize>([[f64; K]; K]);

/// The lower triangle L of a positive semidefinite matrix L Lᵀ; a direction without variance has a column of zeros.
pub(crate) fn lower_triangle<const K: usize>(matrix: &[[f64; K]; K]) -> [[f64; K]; K] {
    let mut lower = [[0.0; K]; K];
    for i in 0..K {
        for j in 0..=i {
            let known: f64 = (0..j).map(|k| lower[i][k] * lower[j][k]).sum();
            let left = matrix[i][j] - known;
            lower[i][j] = match (i == j, lower[j][j] > 0.0) {
                (true, _) => left.max(0.0).sqrt(),
                (false, true) => left / lower[j][j],
                (false, false) => 0.0,
            };
        }
    }
    lower
}

impl<const K: usize> Cholesky<K> {
    /// Factors a symmetric matrix; None unless it is positive definite.
    pub(crate) fn new(matrix: &[[f64; K]; K]) -> Option<Self> {
        let lower = lower_triangle(matrix);
        (0..K).all(|i| lower[i][i] > 0.0 && lower[i][i].is_finite()).then_some(Self(lower))
    }

    /// The solution y of L Lᵀ y = `right`.
    pub(crate) fn solve(&self, right: &[f64; K]) -> [f64; K] {
        let lower = &self.0;
        let mut y = *right;
        for i in 0..K {
            let known: f64 = (0..i).map(|k| lower[i][k] * y[k]).sum();
            y[i] = (y[i] - known) / lower[i][i];
        }
        for i in (0..K).rev() {
            let known: f64 = (i + 1..K).map(|k| lower[k][i] * y[k]).sum();
            y[i] = (y[i] - known) / lower[i][i];
        }
        y
    }

    /// The inverse of the matrix.
    pub(crate) fn inverse(&self) -> [[f64; K]; K] {
        let mut inverse = [[0.0; K]; K];
        for (i, row) in inverse.iter_mut().enumerate() {
            let mut unit = [0.0; K];
            unit[i] = 1.0;
            *row = self.solve(&unit);
        }
        inverse
    }
}
