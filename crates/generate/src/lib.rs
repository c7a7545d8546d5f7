//! A seeded auction house at any scale, whose truth is known: Parquet dumps of customers, sales, lots, bids, interactions
//! and invoices, reference tables, and the parameters that they were drawn with.
//!
//! Every customer's draws come from streams of their own, named by seed and customer number. Customers are worked on in
//! blocks of a fixed size, and each block writes files of its own: memory is that of one block, whatever the number of
//! customers, and the bytes are the same whatever the number of threads.

mod contacts;
mod customer;
mod draw;
mod dump;
mod error;
mod options;
mod purchases;
mod reference;
mod rows;
mod tables;
mod truth;
mod world;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use rayon::prelude::*;
use serde::Serialize;

pub use crate::dump::SourceTally;
pub use crate::error::GenerateError;
pub use crate::options::{MAX_CUSTOMERS, MAX_DAYS, Options, Partition};
pub use crate::world::{PurchaseTruth, SpendTruth};

use crate::customer::Customer;
use crate::dump::{Dump, TableWriter, Tallies};
use crate::purchases::Purchases;
use crate::reference::Rates;
use crate::rows::{Rows, Truth};
use crate::world::{INDUSTRIES, SIZES};

/// Customers whose rows are held in memory at once. Part of the contract: another number gives other files.
const BLOCK_CUSTOMERS: u64 = 50_000;
/// Customers that one thread draws at a time.
const TASK_CUSTOMERS: u64 = 500;
/// Folder of the reference tables.
const REFERENCE: &str = "reference";
/// What the output folder must not hold yet.
const OUTPUTS: [&str; 9] = [
    "sales",
    "customers",
    "interactions",
    "lots",
    "bids",
    "invoices",
    REFERENCE,
    "truth.json",
    "truth_customers.parquet",
];

/// What was generated.
#[derive(Debug, Clone, Serialize)]
pub struct Summary {
    /// Customers, prospects included.
    pub customers: u64,
    /// Files, those of references and truth included.
    pub files: u64,
    /// Rows of all sources.
    pub rows: u64,
    /// By source.
    pub sources: BTreeMap<&'static str, SourceTally>,
}

/// Generates an auction house into the folder `root`, which may hold other things but no earlier one.
///
/// # Errors
///
/// Options that are out of range, an output that is there already, and whatever keeps files from being written.
pub fn generate(root: &Path, options: &Options) -> Result<Summary, GenerateError> {
    options.check()?;
    if let Some(path) = OUTPUTS.iter().map(|name| root.join(name)).find(|path| path.exists()) {
        return Err(GenerateError::Exists { path });
    }
    let pool = rayon::ThreadPoolBuilder::new().num_threads(options.threads).build()?;
    pool.install(|| write_all(root, options))
}

fn write_all(root: &Path, options: &Options) -> Result<Summary, GenerateError> {
    let rates = Rates::draw(options);
    let reference = root.join(REFERENCE);
    dump::write(&reference.join("exchange_rates.parquet"), rates.columns())?;
    dump::write(&reference.join("market_demand.parquet"), reference::market_demand(options))?;
    let dump = Dump { root, options };
    let mut tallies = Tallies::new();
    let mut truth = TableWriter::create(&root.join("truth_customers.parquet"), &tables::truth_columns(&[]))?;
    for block in 0..options.customers.div_ceil(BLOCK_CUSTOMERS) {
        let rows = draw_block(options, &rates, block);
        dump.add(block, rows.sales, &mut tallies)?;
        dump.copy(block, &rows.customers, &mut tallies)?;
        dump.add(block, rows.interactions, &mut tallies)?;
        dump.add(block, rows.lots, &mut tallies)?;
        dump.add(block, rows.bids, &mut tallies)?;
        dump.copy(block, &rows.invoices, &mut tallies)?;
        truth.row_group(tables::truth_columns(&rows.truth))?;
    }
    truth.finish()?;
    write_truth(&root.join("truth.json"), options, &tallies)?;
    let files = tallies.values().map(|tally| tally.files).sum::<u64>() + 4;
    let rows = tallies.values().map(|tally| tally.rows).sum();
    Ok(Summary { customers: options.customers, files, rows, sources: tallies })
}

fn write_truth(path: &Path, options: &Options, tallies: &Tallies) -> Result<(), GenerateError> {
    let text = format!("{:#}\n", truth::document(options, tallies));
    fs::write(path, text).map_err(|source| GenerateError::Write { path: path.to_owned(), source })
}

/// The rows of all customers of a block, in the order of their numbers.
fn draw_block(options: &Options, rates: &Rates, block: u64) -> Rows {
    let start = block * BLOCK_CUSTOMERS;
    let end = options.customers.min(start + BLOCK_CUSTOMERS);
    let tasks: Vec<u64> = (start..end).step_by(usize::try_from(TASK_CUSTOMERS).unwrap_or(1)).collect();
    let draw_task = |first: u64| {
        let mut rows = Rows::default();
        for number in first..end.min(first + TASK_CUSTOMERS) {
            draw_customer(options, rates, number, &mut rows);
        }
        rows
    };
    let drawn: Vec<Rows> = tasks.into_par_iter().map(draw_task).collect();
    let mut all = Rows::default();
    for rows in drawn {
        all.append(rows);
    }
    all
}

fn draw_customer(options: &Options, rates: &Rates, number: u64, rows: &mut Rows) {
    let customer = Customer::draw(options, number);
    let bought = customer.buyer.map(|buyer| Purchases::new(options, rates, &customer, rows).draw(&buyer));
    let (days, buyer) = bought.unzip();
    contacts::draw(options, &customer, &days.unwrap_or_default(), rows);
    rows.truth.push(Truth {
        customer_id: customer.person.customer_id,
        industry: INDUSTRIES[customer.group.industry].name,
        company_size: SIZES[customer.group.size].name,
        default_probability: customer.default_probability,
        buyer,
    });
    rows.customers.push(customer.person);
}
