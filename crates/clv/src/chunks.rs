//! Sums over patterns, on many threads and yet always in the same order.

use rayon::prelude::*;

use crate::{Evaluation, History, Patterns};

/// Patterns of one chunk: few enough to share out, many enough to be worth it.
const CHUNK: usize = 4096;

/// The sum of `evaluate` over chunks of the patterns, each a slice of histories and one of their counts.
pub(crate) fn sum_over_chunks<const K: usize>(
    patterns: &Patterns,
    evaluate: impl Fn(&[History], &[f64]) -> Evaluation<K> + Sync,
) -> Evaluation<K> {
    sum_in_chunks(patterns.histories(), patterns.counts(), evaluate)
}

/// The sum of `evaluate` over chunks of the items and their counts.
///
/// The chunks are of fixed size and are added up in their order: the same bits for any number of threads.
pub(crate) fn sum_in_chunks<T: Sync, const K: usize>(
    items: &[T],
    counts: &[f64],
    evaluate: impl Fn(&[T], &[f64]) -> Evaluation<K> + Sync,
) -> Evaluation<K> {
    let chunk = |(items, counts)| evaluate(items, counts);
    let pairs = || items.chunks(CHUNK).zip(counts.chunks(CHUNK));
    if items.len() <= CHUNK {
        return pairs().next().map_or(Evaluation::ZERO, chunk);
    }
    let parts: Vec<_> = pairs().collect();
    let parts: Vec<_> = parts.into_par_iter().map(chunk).collect();
    let mut sum = Evaluation::ZERO;
    for part in &parts {
        sum.add(1.0, part);
    }
    sum
}
