//! Pareto/NBD against its true values.

use crate::truth::{Misses, Truth};
use appraise_clv::{History, ParetoNbd, PurchaseModel};

#[test]
fn meets_its_true_values() {
    meets_truth(&Truth::read("pnbd.csv"));
    meets_truth(&Truth::read_own("drawn_pnbd.csv"));
}

/// Holds every row to the truth.
fn meets_truth(table: &Truth) {
    let columns = [
        "r",
        "alpha",
        "s",
        "beta",
        "x",
        "t_x",
        "T",
        "t",
        "delta",
        "loglik",
        "p_alive",
        "log_p_alive",
        "p_dead",
        "cond_exp",
        "log_cond_exp",
        "uncond_exp",
        "dert",
    ];
    let columns = columns.map(|name| table.numbers(name));
    let mut misses = Misses::default();
    for row in 0..table.rows() {
        let [r, alpha, s, beta, x, t_x, end, t, delta, ll, alive, ln_alive, dead, mean, ln_mean, new, dert] =
            columns.each_ref().map(|column| column[row]);
        let model = ParetoNbd::new(r, alpha, s, beta).unwrap();
        let history = History { x, t_x, t: end };
        misses.log_likelihood("log likelihood", row, model.log_likelihood(&history), ll);
        misses.relative("log p_alive", row, model.log_p_alive(&history), ln_alive);
        if alive > 1e-300 {
            misses.relative("p_alive", row, model.p_alive(&history), alive);
        }
        if dead > 1e-300 || dead == 0.0 {
            misses.relative("p_dead", row, model.p_dead(&history), dead);
        }
        if mean > 1e-300 {
            misses.relative("expected purchases", row, model.expected_purchases(&history, t), mean);
        } else {
            let alive = model.given_alive(&history).expected_purchases_new(t);
            misses.logarithm("ln expected purchases", row, model.log_p_alive(&history) + alive.ln(), ln_mean);
        }
        misses.relative("expected purchases of a new customer", row, model.expected_purchases_new(t), new);
        if dert > 1e-300 {
            misses.relative("dert", row, model.dert(&history, delta).unwrap(), dert);
        }
    }
    misses.report();
}

#[test]
fn probabilities_of_purchases_meet_their_true_values() {
    let table = Truth::read_own("drawn_pnbd.csv");
    let columns = ["r", "alpha", "s", "beta", "t", "probability"].map(|name| table.numbers(name));
    let counts = table.column("count");
    let mut misses = Misses::default();
    for row in 0..table.rows() {
        let [r, alpha, s, beta, t, truth] = columns.each_ref().map(|column| column[row]);
        // Rare counts drown in the quadrature's error, which is one of the whole distribution.
        if truth.is_nan() || truth < 1e-10 {
            continue;
        }
        let count: usize = counts[row].parse().unwrap();
        let mut probabilities = [0.0; 26];
        ParetoNbd::new(r, alpha, s, beta).unwrap().purchase_probabilities_new(t, &mut probabilities);
        misses.relative("probability", row, probabilities[count], truth);
    }
    misses.report();
}

#[test]
fn scores_of_cdnow_customers_at_the_published_parameters() {
    let table = Truth::read("mpmath_scores_published_params.csv");
    let model = ParetoNbd::new(0.553, 10.578, 0.606, 11.669).unwrap();
    let [x, t_x, t] = ["x", "t_x", "T"].map(|name| table.numbers(name));
    let columns = ["loglik", "palive", "exp_13", "exp_39", "exp_52", "dert_ln1.15_52", "dert_0.15_52"];
    let columns = columns.map(|name| table.numbers(&format!("pnbd_{name}")));
    let mut misses = Misses::default();
    for row in 0..table.rows() {
        let [ll, alive, weeks_13, weeks_39, weeks_52, dert_log, dert_linear] =
            columns.each_ref().map(|column| column[row]);
        let history = History { x: x[row], t_x: t_x[row], t: t[row] };
        misses.log_likelihood("log likelihood", row, model.log_likelihood(&history), ll);
        misses.relative("p_alive", row, model.p_alive(&history), alive);
        for (weeks, truth) in [(13.0, weeks_13), (39.0, weeks_39), (52.0, weeks_52)] {
            misses.relative("expected purchases", row, model.expected_purchases(&history, weeks), truth);
        }
        for (delta, truth) in [(1.15_f64.ln() / 52.0, dert_log), (0.15 / 52.0, dert_linear)] {
            misses.relative("dert", row, model.dert(&history, delta).unwrap(), truth);
        }
    }
    misses.report();
}
