//! Kendall's rank correlation.

use crate::Error;
use crate::ranks::same_rows;

/// Kendall's τ-b of two lists of scores of the same rows (Kendall 1945, for ties): the pairs of rows that both lists order alike less
/// those that they order otherwise, over the geometric mean of the pairs that each list tells apart. Counted exactly in integers by
/// sorting (Knight 1966). `None` where all scores of a list are equal, or there are fewer than two.
///
/// # Errors
/// Lists of different lengths.
pub fn kendall_tau_b(scores: &[f64], others: &[f64]) -> Result<Option<f64>, Error> {
    same_rows(scores.len(), others.len())?;
    // Adding 0 makes 0 of −0, which is equal to it.
    let mut pairs: Vec<(f64, f64)> = scores.iter().zip(others).map(|(x, y)| (x + 0.0, y + 0.0)).collect();
    pairs.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
    let pairs_of = |rows: usize| rows as u64 * rows.saturating_sub(1) as u64 / 2;
    let all = pairs_of(pairs.len());
    let tied = pairs.chunk_by(|a, b| a.0 == b.0).map(|equal| pairs_of(equal.len())).sum::<u64>();
    let tied_in_both = pairs.chunk_by(|a, b| a == b).map(|equal| pairs_of(equal.len())).sum::<u64>();
    let mut others: Vec<f64> = pairs.iter().map(|pair| pair.1).collect();
    let turned = sort_counting(&mut others, &mut vec![0.0; pairs.len()]);
    let tied_others = others.chunk_by(|a, b| a == b).map(|equal| pairs_of(equal.len())).sum::<u64>();
    if all == tied || all == tied_others {
        return Ok(None);
    }
    // Whole numbers below 2⁵³.
    let agreement = (all + tied_in_both - tied - tied_others) as f64 - 2.0 * turned as f64;
    Ok(Some(agreement / (libm::sqrt((all - tied) as f64) * libm::sqrt((all - tied_others) as f64))))
}

/// Sorts `values` ascending by merging; how many pairs stood the other way round.
fn sort_counting(values: &mut [f64], room: &mut [f64]) -> u64 {
    let middle = values.len() / 2;
    if middle == 0 {
        return 0;
    }
    let (first, second) = values.split_at_mut(middle);
    let (room_first, room_second) = room.split_at_mut(middle);
    let mut turned = sort_counting(first, room_first) + sort_counting(second, room_second);
    let (mut left, mut right) = (0, 0);
    for place in room.iter_mut() {
        let takes_first = right == second.len() || (left < first.len() && first[left] <= second[right]);
        if takes_first {
            *place = first[left];
            left += 1;
        } else {
            turned += (first.len() - left) as u64;
            *place = second[right];
            right += 1;
        }
    }
    values.copy_from_slice(room);
    turned
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Over all pairs, from the definition.
    fn naive(x: &[f64], y: &[f64]) -> Option<f64> {
        let (mut agreement, mut told, mut told_others) = (0.0, 0.0, 0.0);
        for a in 0..x.len() {
            for b in 0..a {
                let order = |of: &[f64]| of[a].partial_cmp(&of[b]).map_or(0.0, |order| f64::from(order as i8));
                agreement += order(x) * order(y);
                told += order(x).abs();
                told_others += order(y).abs();
            }
        }
        (told * told_others > 0.0).then(|| agreement / (told.sqrt() * told_others.sqrt()))
    }

    #[test]
    fn ties_count_as_the_definition_has_it() {
        // Pairs: 6; x ties one, y none; all five others agree: 5 / sqrt(5 · 6).
        let tau = kendall_tau_b(&[1.0, 2.0, 2.0, 3.0], &[1.0, 2.0, 3.0, 4.0]).unwrap().unwrap();
        assert!((tau - 5.0 / libm::sqrt(30.0)).abs() < 1e-15);
        assert_eq!(kendall_tau_b(&[1.0, 2.0], &[2.0, 1.0]).unwrap(), Some(-1.0));
        assert_eq!(kendall_tau_b(&[0.0, -0.0], &[2.0, 1.0]).unwrap(), None);
        assert_eq!(kendall_tau_b(&[], &[]).unwrap(), None);
        assert!(kendall_tau_b(&[1.0], &[]).is_err());
    }

    proptest! {
        #[test]
        fn sorting_counts_what_all_pairs_count(rows in prop::collection::vec((0..9_i32, 0..9_i32), 0..60)) {
            let (x, y): (Vec<f64>, Vec<f64>) = rows.iter().map(|(x, y)| (f64::from(*x), f64::from(*y))).unzip();
            let (found, expected) = (kendall_tau_b(&x, &y).unwrap(), naive(&x, &y));
            prop_assert_eq!(found.is_some(), expected.is_some());
            prop_assert!((found.unwrap_or(0.0) - expected.unwrap_or(0.0)).abs() < 1e-12, "{:?} {:?}", found, expected);
        }
    }
}
