//! Ranks, and how two rankings of the same rows differ.

use crate::Error;

/// The rank of each score: 1 is the greatest; equal scores share the lowest of their ranks, and the next one comes as
/// far behind as there are of them (1, 2, 2, 4). Scores must be numbers.
#[must_use]
pub fn ranks(scores: &[f64]) -> Vec<u64> {
    let mut ranks = vec![0; scores.len()];
    let order = order(scores);
    let mut rank = 1;
    for (place, &row) in order.iter().enumerate() {
        if place > 0 && scores[order[place - 1]] != scores[row] {
            rank = place as u64 + 1;
        }
        ranks[row] = rank;
    }
    ranks
}

/// The rows from the greatest score to the least, equal ones in their order.
fn order(scores: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    // Adding 0 makes 0 of −0, which is equal to it.
    order.sort_unstable_by(|&a, &b| (scores[b] + 0.0).total_cmp(&(scores[a] + 0.0)).then(a.cmp(&b)));
    order
}

/// Spearman's correlation of two lists of scores of the same rows: Pearson's of their ranks, equal scores sharing the
/// mean of theirs. `None` where all scores of a list are equal, or there are fewer than two.
///
/// # Errors
/// Lists of different lengths.
pub fn spearman(scores: &[f64], others: &[f64]) -> Result<Option<f64>, Error> {
    same_rows(scores.len(), others.len())?;
    let centre = f64::midpoint(1.0, scores.len() as f64);
    let deviations = |scores: &[f64]| -> Vec<f64> { mean_ranks(scores).iter().map(|rank| rank - centre).collect() };
    let (x, y) = (deviations(scores), deviations(others));
    let dot = |x: &[f64], y: &[f64]| x.iter().zip(y).map(|(x, y)| x * y).sum::<f64>();
    let squares = (dot(&x, &x), dot(&y, &y));
    if squares.0 == 0.0 || squares.1 == 0.0 {
        return Ok(None);
    }
    Ok(Some((dot(&x, &y) / libm::sqrt(squares.0 * squares.1)).clamp(-1.0, 1.0)))
}

/// Ranks of which equal scores share the mean.
fn mean_ranks(scores: &[f64]) -> Vec<f64> {
    let order = order(scores);
    let mut ranks = vec![0.0; scores.len()];
    let mut first = 0;
    for equal in order.chunk_by(|&a, &b| scores[a] == scores[b]) {
        let last = first + equal.len();
        for &row in equal {
            ranks[row] = f64::midpoint((first + 1) as f64, last as f64);
        }
        first = last;
    }
    ranks
}

/// How many rows have a rank up to `top` in both lists of ranks.
///
/// # Errors
/// Lists of different lengths.
pub fn top_overlap(ranks: &[u64], others: &[u64], top: u64) -> Result<u64, Error> {
    same_rows(ranks.len(), others.len())?;
    Ok(ranks.iter().zip(others).filter(|&(&rank, &other)| rank <= top && other <= top).count() as u64)
}

/// The most ranks that a row is apart in two lists of ranks.
///
/// # Errors
/// Lists of different lengths.
pub fn max_rank_shift(ranks: &[u64], others: &[u64]) -> Result<u64, Error> {
    same_rows(ranks.len(), others.len())?;
    Ok(ranks.iter().zip(others).map(|(rank, other)| rank.abs_diff(*other)).max().unwrap_or(0))
}

/// Refuses lists of different lengths.
pub(crate) fn same_rows(first: usize, second: usize) -> Result<(), Error> {
    if first == second { Ok(()) } else { Err(Error::Lists { first, second }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_scores_share_the_lowest_rank() {
        assert_eq!(ranks(&[0.5, 0.9, 0.5, 0.1, 0.0, -0.0]), [2, 1, 2, 4, 5, 5]);
        assert!(ranks(&[]).is_empty());
    }

    #[test]
    fn rankings_are_compared() {
        assert_eq!(spearman(&[3.0, 2.0, 1.0], &[0.3, 0.2, 0.1]).unwrap(), Some(1.0));
        assert_eq!(spearman(&[3.0, 2.0, 1.0], &[0.1, 0.2, 0.3]).unwrap(), Some(-1.0));
        // Ranks 1, 2.5, 2.5, 4 against 1, 2, 3, 4: the sum of products is 4.5, of squares 4.5 and 5.
        let tied = spearman(&[4.0, 3.0, 3.0, 1.0], &[4.0, 3.0, 2.0, 1.0]).unwrap().unwrap();
        assert!((tied - 4.5 / libm::sqrt(22.5)).abs() < 1e-15);
        assert_eq!(spearman(&[1.0, 1.0], &[1.0, 2.0]).unwrap(), None);
        assert!(spearman(&[1.0], &[1.0, 2.0]).is_err());
        assert_eq!(top_overlap(&[1, 2, 3], &[3, 1, 2], 2).unwrap(), 1);
        assert_eq!(max_rank_shift(&[1, 2, 3], &[3, 1, 2]).unwrap(), 2);
    }
}
