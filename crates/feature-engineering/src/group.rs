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

fn group_by<K: Ord>(keys: &[&Keys], key_of: impl Fn(usize, usize) -> K, hash_of: impl Fn(&K) -> u64) -> Groups {
    let lengths: Vec<usize> = keys.iter().map(|keys| keys.len()).collect();
    let mut customers = Customers::new(lengths.iter().sum());
    let number = |(source, &rows): (usize, &usize)| -> Vec<u32> {
        (0..rows)
            .map(|row| {
                let key = key_of(source, row);
                let hash = hash_of(&key);
                customers.number(key, hash, (source, row))
            })
            .collect()
    };
    let numbers: Vec<Vec<u32>> = lengths.iter().enumerate().map(number).collect();
    let order = customers.order();
    Groups {
        sources: numbers.iter().map(|numbers| side_by_side(numbers, &order)).collect(),
        customers: order.iter().map(|&number| customers.places[number as usize]).collect(),
    }
}

/// The customers met in a partition, numbered by order of appearance, and a linear-probing table at most half full that
/// finds them. What a probe reads is kept apart from the rest, and small.
struct Customers<K> {
    /// A number and 1, or 0 for an empty slot.
    table: Vec<u32>,
    keys: Vec<K>,
    hashes: Vec<u64>,
    /// Where the key stands: source, row.
    places: Vec<(usize, u32)>,
}

impl<K: Ord> Customers<K> {
    fn new(rows: usize) -> Self {
        let slots = (rows / 4).next_power_of_two().max(16);
        Self { table: vec![0; slots], keys: Vec::new(), hashes: Vec::new(), places: Vec::new() }
    }

    /// The number of the customer with `key`, who is met at `place`.
    #[inline]
    fn number(&mut self, key: K, hash: u64, place: (usize, usize)) -> u32 {
        let mask = self.table.len() - 1;
        let mut slot = first_slot(hash, mask);
        loop {
            let number = self.table[slot];
            if number == 0 {
                return self.add(key, hash, place, slot);
            }
            if self.keys[number as usize - 1] == key {
                return number - 1;
            }
            slot = (slot + 1) & mask;
        }
    }

    fn add(&mut self, key: K, hash: u64, (source, row): (usize, usize), slot: usize) -> u32 {
        let number = u32::try_from(self.keys.len()).unwrap_or(u32::MAX);
        self.table[slot] = number + 1;
        self.keys.push(key);
        self.hashes.push(hash);
        self.places.push((source, u32::try_from(row).unwrap_or(u32::MAX)));
        if self.keys.len() * 2 > self.table.len() {
            self.grow();
        }
        number
    }

    fn grow(&mut self) {
        let slots = self.table.len() * 2;
        self.table.clear();
        self.table.resize(slots, 0);
        for (number, &hash) in (1_u32..).zip(&self.hashes) {
            let mut slot = first_slot(hash, slots - 1);
            while self.table[slot] != 0 {
                slot = (slot + 1) & (slots - 1);
            }
            self.table[slot] = number;
        }
    }

    /// Numbers by hash, then key.
    fn order(&self) -> Vec<u32> {
        let mut order: Vec<(u64, u32)> = self.hashes.iter().copied().zip(0..).collect();
        let key = |number: u32| &self.keys[number as usize];
        order.sort_unstable_by(|a, b| a.0.cmp(&b.0).then_with(|| key(a.1).cmp(key(b.1))));
        order.into_iter().map(|(_, number)| number).collect()
    }
}

/// The partition fixes the high bits of the hash; the low ones choose the slot.
#[expect(clippy::cast_possible_truncation, reason = "only the low bits are used")]
fn first_slot(hash: u64, mask: usize) -> usize {
    hash as usize & mask
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
