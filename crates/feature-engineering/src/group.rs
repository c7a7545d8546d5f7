//! Groups a partition's rows of all sources by customer, customers in the order of the published tables.

use appraise_schema::hash;

use crate::rows::Keys;

/// A partition's customers, and the rows of each in every source.
#[derive(Debug)]
pub(crate) struct Groups {
    /// Where each customer's key stands: source, row.
    pub(crate) customers: Vec<(usize, u32)>,
    /// By source.
    pub(crate) sources: Vec<SourceGroups>,
}

/// The rows of one source side by side per customer.
#[derive(Debug)]
pub(crate) struct SourceGroups {
    /// Row numbers; those of customer `c` are `rows[starts[c]..starts[c + 1]]`.
    pub(crate) rows: Vec<u32>,
    /// One more than there are customers.
    pub(crate) starts: Vec<u32>,
}

impl SourceGroups {
    /// Keeps the rows that `keep` lets pass, which sees each customer's rows and may reorder them.
    pub(crate) fn retain<E>(&mut self, mut keep: impl FnMut(&mut [u32]) -> Result<usize, E>) -> Result<(), E> {
        let (mut kept, mut start) = (0_u32, 0_u32);
        for c in 0..self.starts.len() - 1 {
            let end = self.starts[c + 1];
            let rows = start as usize..end as usize;
            let stays = keep(&mut self.rows[rows.clone()])?;
            self.rows.copy_within(rows.start..rows.start + stays, kept as usize);
            self.starts[c] = kept;
            kept += u32::try_from(stays).unwrap_or(u32::MAX);
            start = end;
        }
        if let Some(last) = self.starts.last_mut() {
            *last = kept;
        }
        self.rows.truncate(kept as usize);
        Ok(())
    }
}

/// Groups `keys`, one column per source of one key type, customers ordered by hash, then key. No source holds more than
/// 2³² − 2 rows.
pub(crate) fn group(keys: &[&Keys]) -> Groups {
    if keys.iter().all(|keys| matches!(keys, Keys::Integer(_))) {
        let integers: Vec<&[i64]> =
            keys.iter().map(|keys| if let Keys::Integer(keys) = keys { keys.as_slice() } else { &[] }).collect();
        group_by(keys, |source, row| integers[source][row], |&key| hash::of_integer(key))
    } else {
        let text = |source: usize, row: usize| match keys[source] {
            Keys::Text { ends, bytes } => Keys::text(ends, bytes, row),
            Keys::Integer(_) => &[],
        };
        group_by(keys, text, |text| hash::of_text(text))
    }
}

/// A customer met in the partition: hash and key give the order, `number` is in order of appearance.
struct Customer<K> {
    hash: u64,
    key: K,
    number: u32,
    place: (usize, u32),
}

fn group_by<K: Ord>(keys: &[&Keys], key_of: impl Fn(usize, usize) -> K, hash_of: impl Fn(&K) -> u64) -> Groups {
    let lengths: Vec<usize> = keys.iter().map(|keys| keys.len()).collect();
    let (numbers, mut customers) = number_customers(&lengths, key_of, hash_of);
    customers.sort_unstable_by(|a, b| (a.hash, &a.key).cmp(&(b.hash, &b.key)));
    let by_position: Vec<u32> = customers.iter().map(|customer| customer.number).collect();
    Groups {
        sources: numbers.iter().map(|numbers| side_by_side(numbers, &by_position)).collect(),
        customers: customers.into_iter().map(|customer| customer.place).collect(),
    }
}

/// A counting sort of one source's rows: `numbers` are their customers', `by_position` the customers in order.
fn side_by_side(numbers: &[u32], by_position: &[u32]) -> SourceGroups {
    let mut sizes = vec![0_u32; by_position.len()];
    for &number in numbers {
        sizes[number as usize] += 1;
    }
    let mut starts = Vec::with_capacity(by_position.len() + 1);
    let mut cursors = vec![0_u32; by_position.len()];
    let mut start = 0;
    for &number in by_position {
        starts.push(start);
        cursors[number as usize] = start;
        start += sizes[number as usize];
    }
    starts.push(start);
    let mut rows = vec![0_u32; numbers.len()];
    for (row, &number) in (0_u32..).zip(numbers) {
        let cursor = &mut cursors[number as usize];
        rows[*cursor as usize] = row;
        *cursor += 1;
    }
    SourceGroups { rows, starts }
}

/// Gives every customer a number by order of appearance, through a linear-probing table at most two thirds full.
fn number_customers<K: Ord>(
    lengths: &[usize],
    key_of: impl Fn(usize, usize) -> K,
    hash_of: impl Fn(&K) -> u64,
) -> (Vec<Vec<u32>>, Vec<Customer<K>>) {
    let rows: usize = lengths.iter().sum();
    let mut table = vec![0_u32; (rows + rows / 2 + 1).next_power_of_two()];
    let mask = table.len() - 1;
    let mut customers: Vec<Customer<K>> = Vec::new();
    let mut number = |source: usize, row: usize| {
        let key = key_of(source, row);
        let hash = hash_of(&key);
        // The partition fixes the high bits of the hash; the low ones choose the slot.
        #[expect(clippy::cast_possible_truncation, reason = "only the low bits are used")]
        let mut slot = hash as usize & mask;
        loop {
            let number = table[slot];
            if number == 0 {
                let number = u32::try_from(customers.len()).unwrap_or(u32::MAX);
                table[slot] = number + 1;
                let place = (source, u32::try_from(row).unwrap_or(u32::MAX));
                customers.push(Customer { hash, key, number, place });
                return number;
            }
            let customer = &customers[number as usize - 1];
            if customer.hash == hash && customer.key == key {
                return number - 1;
            }
            slot = (slot + 1) & mask;
        }
    };
    let numbers =
        lengths.iter().enumerate().map(|(source, &rows)| (0..rows).map(|row| number(source, row)).collect()).collect();
    (numbers, customers)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::{BTreeMap, BTreeSet};

    proptest! {
        #[test]
        fn groups_are_those_of_a_sorted_map(
            left in prop::collection::vec(-9_i64..9, 0..200),
            right in prop::collection::vec(-12_i64..3, 0..50),
        ) {
            let sources = [left, right];
            let everyone: BTreeSet<(u64, i64)> =
                sources.iter().flatten().map(|&key| (hash::of_integer(key), key)).collect();
            let keys = sources.clone().map(Keys::Integer);
            let groups = group(&[&keys[0], &keys[1]]);
            let found: Vec<i64> = groups.customers.iter().map(|&(source, row)| sources[source][row as usize]).collect();
            prop_assert_eq!(&found, &everyone.iter().map(|(_, key)| *key).collect::<Vec<_>>());
            for (source, keys) in groups.sources.iter().zip(&sources) {
                let mut expected: BTreeMap<i64, Vec<u32>> = found.iter().map(|&key| (key, Vec::new())).collect();
                for (row, key) in (0_u32..).zip(keys) {
                    expected.get_mut(key).unwrap().push(row);
                }
                for (c, key) in found.iter().enumerate() {
                    let rows = &source.rows[source.starts[c] as usize..source.starts[c + 1] as usize];
                    prop_assert_eq!(rows, &expected[key][..]);
                }
            }
        }

        #[test]
        fn retained_rows_stay_with_their_customer(keys in prop::collection::vec(0_i64..5, 0..60), rest in 0_u32..3) {
            let column = Keys::Integer(keys.clone());
            let mut groups = group(&[&column]);
            let keep = |rows: &mut [u32]| {
                rows.sort_unstable_by_key(|row| (row % 3 == rest, *row));
                Ok::<_, ()>(rows.iter().filter(|row| **row % 3 != rest).count())
            };
            groups.sources[0].retain(keep).unwrap();
            let left = &groups.sources[0];
            prop_assert_eq!(left.rows.len(), (0..keys.len()).filter(|row| row % 3 != rest as usize).count());
            for (c, &(_, place)) in groups.customers.iter().enumerate() {
                for &row in &left.rows[left.starts[c] as usize..left.starts[c + 1] as usize] {
                    prop_assert_eq!(keys[row as usize], keys[place as usize]);
                    prop_assert!(row % 3 != rest);
                }
            }
        }
    }
}
