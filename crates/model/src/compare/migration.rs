//! From which class customers came, and to which they went.

use std::collections::BTreeMap;

use serde::Serialize;

use super::columns::{Classes, Pair};
use super::exact::Exact;

/// What a customer did between two tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Movement {
    /// Is in the same class.
    Stayed,
    /// Is in another class.
    Moved,
    /// Is in the new table alone.
    Joined,
    /// Is in the base alone.
    Left,
}

impl Movement {
    /// Its name in tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Stayed => "stayed",
            Self::Moved => "moved",
            Self::Joined => "joined",
            Self::Left => "left",
        }
    }
}

/// The migration matrix of one column of classes; cells without customers are left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Migration {
    /// The column.
    pub column: String,
    /// Ordered by class in the base, then in the new table, NULL first; who joined and who left come last.
    pub cells: Vec<MigrationCell>,
}

/// The customers of one cell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MigrationCell {
    /// What they did.
    pub movement: Movement,
    /// Their class in the base; `None` for NULL and for who joined.
    pub from: Option<String>,
    /// Their class in the new table; `None` for NULL and for who left.
    pub to: Option<String>,
    /// How many.
    pub customers: u64,
    /// Sum of their values in the base; 0 of who joined.
    pub base_value: Exact,
    /// Sum of their values in the new table; 0 of who left.
    pub new_value: Exact,
}

impl Migration {
    /// The matrix of `column` over the customers of `pairs`, whose classes and minor units of money, at `scale` decimal places, are
    /// given for each row of both tables.
    #[must_use]
    pub fn of(
        column: &str,
        pairs: &[Pair],
        (base, new): (&Classes, &Classes),
        (base_minor, new_minor): (&[i64], &[i64]),
        scale: u8,
    ) -> Self {
        // Rows of the matrix are the classes of the base and, last, who joined; its columns alike.
        let width = new.names.len() + 1;
        let mut counted = vec![(0_u64, 0_i128, 0_i128); (base.names.len() + 1) * width];
        for pair in pairs {
            let from = pair.base.map_or(base.names.len(), |row| base.code(row));
            let to = pair.new.map_or(new.names.len(), |row| new.code(row));
            let cell = &mut counted[from * width + to];
            cell.0 += 1;
            cell.1 += pair.base.map_or(0, |row| i128::from(base_minor[row as usize]));
            cell.2 += pair.new.map_or(0, |row| i128::from(new_minor[row as usize]));
        }
        let mut cells = BTreeMap::new();
        for (position, (customers, base_value, new_value)) in counted.into_iter().enumerate() {
            let (from, to) = (base.names.get(position / width).cloned(), new.names.get(position % width).cloned());
            let movement = match (&from, &to) {
                (None, _) => Movement::Joined,
                (_, None) => Movement::Left,
                (from, to) if from == to => Movement::Stayed,
                _ => Movement::Moved,
            };
            let cell = MigrationCell {
                movement,
                from: from.flatten(),
                to: to.flatten(),
                customers,
                base_value: Exact::decimal(base_value, scale),
                new_value: Exact::decimal(new_value, scale),
            };
            if customers > 0 {
                // Who stays and who moves stand in one order.
                let group = movement.max(Movement::Moved);
                cells.insert((group, cell.from.clone(), cell.to.clone()), cell);
            }
        }
        Self { column: column.to_owned(), cells: cells.into_values().collect() }
    }
}
