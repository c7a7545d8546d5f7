//! The memory of a fit goes by distinct histories, not by customers.
//!
//! A binary of its own, with one test: the high-water mark is that of the whole process.
#![allow(clippy::unwrap_used, reason = "a test may fail")]
#![allow(clippy::print_stdout, reason = "figures to look at, where the test is run with its output")]

use appraise_clv::{History, Patterns, PurchaseKind};

const MIB: u64 = 1 << 20;

/// Resident memory of the process in bytes: `VmRSS:` now, `VmHWM:` at most so far; `None` where the system does not tell.
fn resident(which: &str) -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(which))?;
    Some(line.trim().strip_suffix(" kB")?.parse::<u64>().ok()? * 1024)
}

/// Histories of the MBG/NBD with r = 1, a = 1: purchase rates and dropout probabilities are powers of uniform numbers then.
fn histories(distinct: u64) -> Vec<History> {
    let mut state = 0_u64;
    let mut uniform = move || {
        // SplitMix64 (Steele, Lea & Flood 2014).
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (((mixed ^ (mixed >> 31)) >> 12) as f64 + 0.5) / (1_u64 << 52) as f64
    };
    let mut life = |number: u64| {
        let (rate, p) = (-uniform().ln() / 8.0, 1.0 - uniform().powf(1.0 / 3.0));
        let t = 30.0 + 50.0 * number as f64 / distinct as f64;
        let (mut x, mut t_x) = (0.0, 0.0);
        while uniform() >= p {
            let next = t_x - uniform().ln() / rate;
            if next > t {
                break;
            }
            (x, t_x) = (x + 1.0, next);
        }
        History { x, t_x, t }
    };
    (0..distinct).map(&mut life).collect()
}

/// Fits `customers` who share `distinct` histories; how much memory that took at most, on top of what was held before.
fn growth(distinct: u64, customers: usize) -> Option<u64> {
    let histories = histories(distinct);
    let before = resident("VmRSS:")?;
    let patterns = Patterns::new(histories.iter().cycle().take(customers).map(|history| (*history, 1.0)));
    assert_eq!(patterns.histories().len() as u64, distinct);
    assert_eq!(patterns.customers(), customers as f64);
    let fit = PurchaseKind::MbgNbd.fit(&patterns).unwrap();
    assert_eq!(fit.patterns as u64, distinct);
    Some(resident("VmHWM:")?.saturating_sub(before))
}

#[test]
fn memory_goes_by_distinct_histories() {
    // What the threads and the libraries take once.
    let Some(_) = growth(5_000, 10_000) else { return };
    let customers = growth(5_000, 20_000_000).unwrap();
    let [some, twice] = [200_000, 400_000].map(|distinct| growth(distinct, 400_000).unwrap());
    println!("20,000,000 customers of 5,000 histories: {customers} bytes; histories: {some}, twice as many: {twice}");
    assert!(customers <= 2 * MIB, "{customers} bytes for customers without a new history");
    let ratio = twice as f64 / some as f64;
    assert!((1.6..=2.4).contains(&ratio), "{some} bytes, {twice} for twice the histories");
    assert!(some / 200_000 <= 200, "{some} bytes for 200,000 histories");
}
