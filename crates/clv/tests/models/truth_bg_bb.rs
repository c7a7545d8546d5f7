//! BG/BB against its true values.

use crate::truth::{Misses, Truth};
use appraise_clv::{BgBb, History, PurchaseModel};

#[test]
fn meets_its_true_values() {
    meets_truth(&Truth::read("bgbb.csv"));
    meets_truth(&Truth::read_own("drawn_bgbb.csv"));
}

/// Holds every row to the truth.
fn meets_truth(table: &Truth) {
    let columns = [
        "alpha",
        "beta",
        "gamma",
        "delta",
        "x",
        "t_x",
        "n",
        "m",
        "d",
        "loglik",
        "p_alive_n",
        "p_alive_n1",
        "log_p_alive_n",
        "p_dead_n",
        "cond_exp",
        "uncond_exp_n",
        "dert",
    ];
    let columns = columns.map(|name| table.numbers(name));
    let mut misses = Misses::default();
    for row in 0..table.rows() {
        let [alpha, beta, gamma, delta, x, t_x, n, m, d, ll, alive, next, ln_alive, dead, mean, new, dert] =
            columns.each_ref().map(|column| column[row]);
        let model = BgBb::new(alpha, beta, gamma, delta).unwrap();
        let history = History { x, t_x, t: n };
        misses.log_likelihood("log likelihood", row, model.log_likelihood(&history), ll);
        misses.relative("log p_alive_n", row, model.log_p_alive_n(&history), ln_alive);
        if alive > 1e-300 {
            misses.relative("p_alive_n", row, model.p_alive_n(&history), alive);
        }
        if next > 1e-300 {
            misses.relative("p_alive", row, model.p_alive(&history), next);
            misses.relative("log p_alive", row, model.log_p_alive(&history), next.ln());
        }
        if dead > 1e-300 || dead == 0.0 {
            misses.relative("p_dead_n", row, model.p_dead_n(&history), dead);
        }
        if mean > 1e-300 {
            misses.relative("expected purchases", row, model.expected_purchases(&history, m), mean);
        }
        misses.relative("expected purchases of a new customer", row, model.expected_purchases_new(n), new);
        if dert > 1e-300 {
            misses.relative("dert", row, model.dert(&history, d).unwrap(), dert);
        }
    }
    misses.report();
}

#[test]
fn probabilities_of_purchases_meet_their_true_values() {
    let table = Truth::read_own("drawn_bgbb.csv");
    let columns = ["alpha", "beta", "gamma", "delta", "n", "probability"].map(|name| table.numbers(name));
    let counts = table.column("count");
    let mut misses = Misses::default();
    for row in 0..table.rows() {
        let [alpha, beta, gamma, delta, n, truth] = columns.each_ref().map(|column| column[row]);
        let count: usize = counts[row].parse().unwrap();
        let mut probabilities = [0.0; 13];
        BgBb::new(alpha, beta, gamma, delta).unwrap().purchase_probabilities_new(n, &mut probabilities);
        misses.relative("probability", row, probabilities[count], truth);
    }
    misses.report();
}
