//! BG/NBD and MBG/NBD against their true values.

use crate::truth::{Misses, Truth};
use appraise_clv::{BetaGeometric, BgNbd, History, MbgNbd, PurchaseModel};

#[test]
fn bg_nbd_meets_its_true_values() {
    meets_truth::<false>("bgnbd.csv");
}

#[test]
fn mbg_nbd_meets_its_true_values() {
    meets_truth::<true>("mbgnbd.csv");
}

/// Holds every row to the truth.
fn meets_truth<const FROM_START: bool>(file: &str) {
    let columns = [
        "r",
        "alpha",
        "a",
        "b",
        "x",
        "t_x",
        "T",
        "t",
        "loglik",
        "p_alive",
        "log_p_alive",
        "cond_exp",
        "log_cond_exp",
        "uncond_exp",
    ];
    let table = Truth::read(file);
    let columns = columns.map(|name| table.numbers(name));
    let mut misses = Misses::default();
    for row in 0..table.rows() {
        let [r, alpha, a, b, x, t_x, end, t, ll, p_alive, ln_alive, mean, ln_mean, new] =
            columns.each_ref().map(|column| column[row]);
        let model = BetaGeometric::<FROM_START>::from_parameters([r, alpha, a, b]).unwrap();
        let history = History { x, t_x, t: end };
        misses.log_likelihood("log likelihood", row, model.log_likelihood(&history), ll);
        misses.relative("log p_alive", row, model.log_p_alive(&history), ln_alive);
        if p_alive.abs() > 1e-300 {
            misses.relative("p_alive", row, model.p_alive(&history), p_alive);
        }
        let found = model.expected_purchases(&history, t);
        if mean > 1e-300 {
            misses.relative("expected purchases", row, found, mean);
        } else {
            let alive = model.given_alive(&history).expected_purchases_new(t);
            misses.logarithm("ln expected purchases", row, model.log_p_alive(&history) + alive.ln(), ln_mean);
        }
        misses.relative("expected purchases of a new customer", row, model.expected_purchases_new(t), new);
    }
    misses.report();
}

#[test]
fn scores_of_cdnow_customers_at_the_published_parameters() {
    let table = Truth::read("mpmath_scores_published_params.csv");
    let bg = BgNbd::from_parameters([0.243, 4.414, 0.793, 2.426]).unwrap();
    let mbg = MbgNbd::from_parameters([0.52484, 6.183, 0.89136, 1.614]).unwrap();
    let mut misses = Misses::default();
    scores(&table, "bgnbd", &bg, &mut misses);
    scores(&table, "mbgnbd", &mbg, &mut misses);
    misses.report();
}

/// Holds the columns of one model to the truth.
fn scores(table: &Truth, prefix: &str, model: &impl PurchaseModel, misses: &mut Misses) {
    let column = |name: &str| table.numbers(&format!("{prefix}_{name}"));
    let [x, t_x, t] = ["x", "t_x", "T"].map(|name| table.numbers(name));
    let [ll, alive] = ["loglik", "palive"].map(column);
    for row in 0..table.rows() {
        let history = History { x: x[row], t_x: t_x[row], t: t[row] };
        misses.log_likelihood("log likelihood", row, model.log_likelihood(&history), ll[row]);
        misses.relative("p_alive", row, model.p_alive(&history), alive[row]);
        for weeks in [13.0, 39.0, 52.0] {
            let truth = column(&format!("exp_{weeks}"))[row];
            misses.relative("expected purchases", row, model.expected_purchases(&history, weeks), truth);
        }
    }
}
