//! Groups a partition's rows by customer, customers in the order of the published tables.

use appraise_schema::hash;

use crate::scatter::Keys;

/// The rows of a partition side by side per customer.
#[derive(Debug)]
pub(crate) struct Groups {
    /// Row numbers; those of customer `c` are `rows[starts[c]..starts[c + 1]]`.
    pub(crate) rows: Vec<u32>,
    /// One more than there are customers.
    pub(crate) starts: Vec<u32>,
}

impl Groups {
    /// Number of customers.
    pub(crate) fn customers(&self) -> usize {
        self.starts.len() - 1
    }

    /// Row numbers of customer `c`.
    pub(crate) fn of(&self, c: usize) -> &[u32] {
        &self.rows[self.starts[c] as usize..self.starts[c + 1] as usize]
    }
}

/// Groups `keys`, customers ordered by hash, then key. `keys` holds fewer than 2³² − 1 rows.
pub(crate) fn group(keys: &Keys) -> Groups {
    match keys {
        Keys::Integer(keys) => group_by(keys.len(), |row| keys[row], |&key| hash::of_integer(key)),
        Keys::Text { ends, bytes } => {
            let text = |row: usize| &bytes[if row == 0 { 0 } else { ends[row - 1] }..ends[row]];
            group_by(ends.len(), text, |text| hash::of_text(text))
        }
    }
}

/// A customer met in the partition: hash and key give the order, `number` is in order of appearance.
struct Customer<K> {
    hash: u64,
    key: K,
    number: u32,
}

fn group_by<K: Ord>(rows: usize, key_of: impl Fn(usize) -> K, hash_of: impl Fn(&K) -> u64) -> Groups {
    let (number_of_row, mut customers) = number_customers(rows, key_of, hash_of);
    let mut sizes = vec![0_u32; customers.len()];
    for &number in &number_of_row {
        sizes[number as usize] += 1;
    }
    customers.sort_unstable_by(|a, b| (a.hash, &a.key).cmp(&(b.hash, &b.key)));
    let mut starts = Vec::with_capacity(customers.len() + 1);
    let mut cursors = vec![0_u32; customers.len()];
    let mut start = 0;
    for customer in &customers {
        starts.push(start);
        cursors[customer.number as usize] = start;
        start += sizes[customer.number as usize];
    }
    starts.push(start);
    let mut ordered = vec![0_u32; rows];
    for (row, &number) in (0_u32..).zip(&number_of_row) {
        let cursor = &mut cursors[number as usize];
        ordered[*cursor as usize] = row;
        *cursor += 1;
    }
    Groups { rows: ordered, starts }
}

/// Gives every customer a number by order of appearance, through a linear-probing table at most two thirds full.
fn number_customers<K: Ord>(
    rows: usize,
    key_of: impl Fn(usize) -> K,
    hash_of: impl Fn(&K) -> u64,
) -> (Vec<u32>, Vec<Customer<K>>) {
    let mut table = vec![0_u32; (rows + rows / 2 + 1).next_power_of_two()];
    let mask = table.len() - 1;
    let mut customers: Vec<Customer<K>> = Vec::new();
    let number_of_row = (0..rows)
        .map(|row| {
            let key = key_of(row);
            let hash = hash_of(&key);
            // The partition fixes the high bits of the hash; the low ones choose the slot.
            #[expect(clippy::cast_possible_truncation, reason = "only the low bits are used")]
            let mut slot = hash as usize & mask;
            loop {
                let number = table[slot];
                if number == 0 {
                    let number = u32::try_from(customers.len()).unwrap_or(u32::MAX);
                    table[slot] = number + 1;
                    customers.push(Customer { hash, key, number });
                    return number;
                }
                let customer = &customers[number as usize - 1];
                if customer.hash == hash && customer.key == key {
                    return number - 1;
                }
                slot = (slot + 1) & mask;
            }
        })
        .collect();
    (number_of_row, customers)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        #[test]
        fn groups_are_those_of_a_sorted_map(keys in prop::collection::vec(-9_i64..9, 0..200)) {
            let mut expected: BTreeMap<(u64, i64), Vec<u32>> = BTreeMap::new();
            for (row, &key) in (0_u32..).zip(&keys) {
                expected.entry((hash::of_integer(key), key)).or_default().push(row);
            }
            let groups = group(&Keys::Integer(keys));
            let found: Vec<Vec<u32>> = (0..groups.customers()).map(|c| groups.of(c).to_vec()).collect();
            prop_assert_eq!(found, expected.into_values().collect::<Vec<_>>());
        }

        #[test]
        fn text_keys_group_like_integers(keys in prop::collection::vec("[ab]{0,3}", 0..100)) {
            let mut expected: BTreeMap<(u64, Vec<u8>), Vec<u32>> = BTreeMap::new();
            let (mut ends, mut bytes) = (Vec::new(), Vec::new());
            for (row, key) in (0_u32..).zip(&keys) {
                bytes.extend_from_slice(key.as_bytes());
                ends.push(bytes.len());
                expected.entry((hash::of_text(key.as_bytes()), key.clone().into_bytes())).or_default().push(row);
            }
            let groups = group(&Keys::Text { ends, bytes });
            let found: Vec<Vec<u32>> = (0..groups.customers()).map(|c| groups.of(c).to_vec()).collect();
            prop_assert_eq!(found, expected.into_values().collect::<Vec<_>>());
        }
    }
}
