//! From the value of all customers in one table to that in another, step by step.

use std::collections::BTreeSet;

use serde::Serialize;

use super::columns::{Classes, Pair};
use super::exact::Exact;

/// The bridge of one column of money.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Bridge {
    /// The column; NULL counts 0.
    pub column: String,
    /// Of all customers.
    pub all: BridgeRow,
    /// Of each segment, by name; empty where either table has none.
    pub segments: Vec<BridgeRow>,
}

/// The steps of all customers or of one segment: `start` and the six steps behind it add up to `end`, in value and but for `fell`
/// and `rose`, whose customers stay, in customers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BridgeRow {
    /// The segment; `None` for all customers.
    pub segment: Option<String>,
    /// The customers of the base.
    pub start: Step,
    /// Less those who are not in the new table.
    pub left: Step,
    /// Those who are in the new table alone.
    pub joined: Step,
    /// Less those who went to another segment, at their value in the base.
    pub moved_out: Step,
    /// Those who came from another segment, at their value in the base.
    pub moved_in: Step,
    /// What those who are in both tables lost, by their segment in the new one.
    pub fell: Step,
    /// What they gained.
    pub rose: Step,
    /// The customers of the new table.
    pub end: Step,
}

/// One step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Step {
    /// How many customers; less than 0 for those who go.
    pub customers: i64,
    /// Their value.
    pub value: Exact,
}

impl Step {
    fn add(&mut self, customers: i64, minor: i128) {
        self.customers += customers;
        self.value.units += minor;
    }
}

impl BridgeRow {
    fn new(segment: Option<String>, scale: u8) -> Self {
        let none = Step { customers: 0, value: Exact::decimal(0, scale) };
        Self {
            segment,
            start: none,
            left: none,
            joined: none,
            moved_out: none,
            moved_in: none,
            fell: none,
            rose: none,
            end: none,
        }
    }

    /// The steps by name, in order.
    #[must_use]
    pub fn steps(&self) -> [(&'static str, Step); 8] {
        [
            ("start", self.start),
            ("left", self.left),
            ("joined", self.joined),
            ("moved_out", self.moved_out),
            ("moved_in", self.moved_in),
            ("fell", self.fell),
            ("rose", self.rose),
            ("end", self.end),
        ]
    }

    fn changes(&mut self, change: i128) {
        match change {
            0 => {}
            change if change < 0 => self.fell.add(1, change),
            change => self.rose.add(1, change),
        }
    }
}

impl Bridge {
    /// The bridge of `column` over the customers of `pairs`, whose minor units of money, at `scale` decimal places, and segments,
    /// where both tables have them, are given for each row of both tables.
    #[must_use]
    pub fn of(
        column: &str,
        pairs: &[Pair],
        minor: (&[i64], &[i64]),
        scale: u8,
        segments: Option<(&Classes, &Classes)>,
    ) -> Self {
        let mut all = vec![BridgeRow::new(None, scale)];
        walk(&mut all, pairs, minor, |_| 0, |_| 0);
        let mut rows = Vec::new();
        if let Some((base, new)) = segments {
            let names: BTreeSet<&Option<String>> = base.names.iter().chain(&new.names).collect();
            rows.extend(names.iter().map(|&name| BridgeRow::new(name.clone(), scale)));
            let places = |classes: &Classes| -> Vec<usize> {
                classes.names.iter().map(|name| names.iter().position(|other| *other == name).unwrap_or(0)).collect()
            };
            let (from, to) = (places(base), places(new));
            walk(&mut rows, pairs, minor, |row| from[base.code(row)], |row| to[new.code(row)]);
        }
        Self { column: column.to_owned(), all: all.swap_remove(0), segments: rows }
    }
}

/// Adds the steps of `pairs` to `rows`; `from` and `to` find the row of a customer of the base and of the new table.
fn walk(
    rows: &mut [BridgeRow],
    pairs: &[Pair],
    (base_minor, new_minor): (&[i64], &[i64]),
    from: impl Fn(u32) -> usize,
    to: impl Fn(u32) -> usize,
) {
    for pair in pairs {
        let before = pair.base.map(|row| (from(row), i128::from(base_minor[row as usize])));
        let after = pair.new.map(|row| (to(row), i128::from(new_minor[row as usize])));
        if let Some((from, before)) = before {
            rows[from].start.add(1, before);
        }
        if let Some((to, after)) = after {
            rows[to].end.add(1, after);
        }
        match (before, after) {
            (Some((from, before)), None) => rows[from].left.add(-1, -before),
            (None, Some((to, after))) => rows[to].joined.add(1, after),
            (Some((from, before)), Some((to, after))) => {
                if from != to {
                    rows[from].moved_out.add(-1, -before);
                    rows[to].moved_in.add(1, before);
                }
                rows[to].changes(after - before);
            }
            (None, None) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Customers by their value and segment in the base and in the new table, and what a bridge reads of them.
    type Seen = Option<(i8, u8)>;

    fn tables(customers: &[(Seen, Seen)]) -> (Vec<Pair>, [Vec<i64>; 2], [Classes; 2]) {
        let (mut minor, mut classes) = ([Vec::new(), Vec::new()], [Classes::default(), Classes::default()]);
        let mut put = |table: usize, seen: Seen| {
            let (value, segment) = seen?;
            let name = (segment > 0).then(|| format!("s{segment}"));
            let of: &mut Classes = &mut classes[table];
            let code = of.names.iter().position(|other| *other == name).unwrap_or_else(|| {
                of.names.push(name);
                of.names.len() - 1
            });
            of.codes.push(u32::try_from(code).unwrap());
            minor[table].push(i64::from(value));
            Some(u32::try_from(minor[table].len() - 1).unwrap())
        };
        let pairs = customers.iter().map(|&(base, new)| Pair { base: put(0, base), new: put(1, new) });
        let pairs = pairs.filter(|pair| pair.base.is_some() || pair.new.is_some()).collect();
        (pairs, minor, classes)
    }

    #[test]
    fn a_bridge_by_hand() {
        let customers =
            [(Some((10, 1)), None), (Some((20, 1)), Some((5, 1))), (Some((7, 1)), Some((9, 2))), (None, Some((3, 2)))];
        let (pairs, [base, new], [from, to]) = tables(&customers);
        let bridge = Bridge::of("clv", &pairs, (&base, &new), 2, Some((&from, &to)));
        let told = |row: &BridgeRow| row.steps().map(|(_, step)| (step.customers, step.value.units));
        assert_eq!(told(&bridge.all), [(3, 37), (-1, -10), (1, 3), (0, 0), (0, 0), (1, -15), (1, 2), (3, 17)]);
        assert_eq!(told(&bridge.segments[0]), [(3, 37), (-1, -10), (0, 0), (-1, -7), (0, 0), (1, -15), (0, 0), (1, 5)]);
        assert_eq!(told(&bridge.segments[1]), [(0, 0), (0, 0), (1, 3), (0, 0), (1, 7), (0, 0), (1, 2), (2, 12)]);
    }

    proptest! {
        #[test]
        fn every_bridge_holds_and_segments_add_up(
            customers in prop::collection::vec(
                (prop::option::of((any::<i8>(), 0_u8..4)), prop::option::of((any::<i8>(), 0_u8..4))), 0..60,
            ),
        ) {
            let (pairs, [base, new], [from, to]) = tables(&customers);
            let bridge = Bridge::of("clv", &pairs, (&base, &new), 2, Some((&from, &to)));
            for row in bridge.segments.iter().chain([&bridge.all]) {
                let steps = row.steps();
                let value: i128 = steps[..7].iter().map(|(_, step)| step.value.units).sum();
                let customers: i64 = steps[..5].iter().map(|(_, step)| step.customers).sum();
                prop_assert_eq!((value, customers), (row.end.value.units, row.end.customers));
            }
            prop_assert_eq!(bridge.all.start.value.units, base.iter().map(|minor| i128::from(*minor)).sum::<i128>());
            prop_assert_eq!(bridge.all.end.value.units, new.iter().map(|minor| i128::from(*minor)).sum::<i128>());
            for number in [0, 1, 2, 5, 6, 7] {
                let sum: i128 = bridge.segments.iter().map(|row| row.steps()[number].1.value.units).sum();
                prop_assert_eq!(sum, bridge.all.steps()[number].1.value.units);
            }
            let moved: i128 = bridge.segments.iter().map(|row| row.moved_in.value.units + row.moved_out.value.units).sum();
            prop_assert_eq!(moved, 0);
        }

        #[test]
        fn a_matrix_counts_everybody_once(
            customers in prop::collection::vec(
                (prop::option::of((any::<i8>(), 0_u8..4)), prop::option::of((any::<i8>(), 0_u8..4))), 0..60,
            ),
        ) {
            use super::super::migration::{Migration, Movement};
            let (pairs, [base, new], [from, to]) = tables(&customers);
            let matrix = Migration::of("segment", &pairs, (&from, &to), (&base, &new), 2);
            let name = |seen: Seen| seen.and_then(|(_, segment)| (segment > 0).then(|| format!("s{segment}")));
            let movement = |base: Seen, new: Seen| match (base, new) {
                (None, _) => Movement::Joined,
                (_, None) => Movement::Left,
                (Some(base), Some(new)) if base.1 == new.1 => Movement::Stayed,
                _ => Movement::Moved,
            };
            for cell in &matrix.cells {
                let members = customers.iter().filter(|(base, new)| {
                    let there = base.is_some() || new.is_some();
                    there && (movement(*base, *new), name(*base), name(*new)) == (cell.movement, cell.from.clone(), cell.to.clone())
                });
                let members: Vec<_> = members.collect();
                let sum = |of: fn(&(Seen, Seen)) -> Seen| -> i128 {
                    members.iter().filter_map(|seen| of(seen)).map(|(value, _)| i128::from(value)).sum()
                };
                prop_assert_eq!(cell.customers, members.len() as u64);
                prop_assert_eq!((cell.base_value.units, cell.new_value.units), (sum(|seen| seen.0), sum(|seen| seen.1)));
            }
            prop_assert_eq!(matrix.cells.iter().map(|cell| cell.customers).sum::<u64>(), pairs.len() as u64);
        }
    }
}
