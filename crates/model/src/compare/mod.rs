//! What changed between two tables of customers' values: who is where, what moved the figures, by how much.
//!
//! Figures are exact: customers are counted, money is summed in minor units, scores in millionths. `docs/compare.md` defines them.

mod bridge;
mod columns;
mod effects;
mod exact;
mod migration;
mod psi;

pub use bridge::{Bridge, BridgeRow, Step};
pub use columns::{Classes, Compared, Customers, Numbers, Pair, amounts};
pub use effects::{Effect, Totals, effects};
pub use exact::Exact;
pub use migration::{Migration, MigrationCell, Movement};
pub use psi::{Psi, PsiBin, Reading};
