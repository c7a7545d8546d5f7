//! Distances of many rows from one point.

/// Rows whose distances are found at once, so that they stay in the fastest memory.
pub(crate) const BLOCK: usize = 256;

/// Squared distances of the rows of a block from a point, added up column by column.
pub(crate) fn squares(points: &[&[f64]], first: usize, rows: usize, point: &[f64]) -> [f64; BLOCK] {
    let mut squares = [0.0; BLOCK];
    let of_block = &mut squares[..rows];
    for (column, centre) in points.iter().zip(point) {
        for (square, value) in of_block.iter_mut().zip(&column[first..first + rows]) {
            *square += (value - centre) * (value - centre);
        }
    }
    squares
}
