//! Changed weights, drawn weights, and customers left out.

use appraise_mcdm::{Ranking, WeightChange, change_weight, max_rank_shift, ranks, spearman, top_overlap};

use crate::run::{of, ranking, slices};
use crate::truth::{Customers, columns, json, meet, numbers};

fn scores(customers: &Customers, method: Ranking, weights: &[f64]) -> Vec<f64> {
    let columns = of(method.input(), &customers.raw, &customers.normalised);
    let references = ranking(method, &customers.directions, weights, columns, &[]).unwrap();
    references.scores(weights, &slices(columns)).unwrap()
}

#[test]
fn one_weight_changes_at_a_time() {
    let (customers, truth) = (Customers::read(), json("whatif.json"));
    let base = numbers(&truth["base_weights"]);
    let before = scores(&customers, Ranking::Topsis, &base);
    let names: Vec<&str> =
        truth["meta"]["criteria"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
    let cases = truth["whatif"]["one_at_a_time"].as_object().unwrap();
    assert_eq!(cases.len(), 112);
    for (case, expected) in cases {
        let parts: Vec<&str> = case.split('|').collect();
        let indicator = names.iter().position(|&name| name == parts[0]).unwrap();
        let factor: f64 = parts[1].trim_start_matches('x').parse().unwrap();
        let change: WeightChange = serde_json::from_value(parts[2].into()).unwrap();
        let weights = change_weight(&base, indicator, factor, change).unwrap();
        meet(case, &weights, &numbers(&expected["weights"]));
        let after = scores(&customers, Ranking::Topsis, &weights);
        let of = |key: &str| expected[key].as_f64().unwrap();
        let (old, new) = (ranks(&before), ranks(&after));
        meet(case, &[spearman(&before, &after).unwrap().unwrap()], &[of("spearman_vs_base")]);
        assert_eq!(top_overlap(&old, &new, 10).unwrap() as f64, of("top10_overlap"), "{case}");
        assert_eq!(max_rank_shift(&old, &new).unwrap() as f64, of("max_rank_shift"), "{case}");
    }
}

/// The percentile of a thousand numbers between two order statistics, as numpy's default has it.
fn percentile(sorted: &[f64], percent: usize) -> f64 {
    let (below, part) = (percent * 999 / 100, (percent * 999 % 100) as f64 / 100.0);
    sorted[below] + (sorted[below + 1] - sorted[below]) * part
}

#[test]
fn ranks_under_drawn_weights() {
    let (customers, truth) = (Customers::read(), json("whatif.json"));
    let draws = columns("dirichlet_draws_1000x8.csv");
    let truth = &truth["whatif"]["dirichlet"];
    let mut of_customers = vec![Vec::new(); 60];
    for draw in 0..draws[0].len() {
        let weights: Vec<f64> = draws.iter().map(|column| column[draw]).collect();
        let ranks = ranks(&scores(&customers, Ranking::Topsis, &weights));
        for (of_customer, rank) in of_customers.iter_mut().zip(ranks) {
            of_customer.push(rank as f64);
        }
    }
    for of_customer in &mut of_customers {
        of_customer.sort_by(f64::total_cmp);
    }
    let share = |ranks: &Vec<f64>, most: f64| ranks.iter().filter(|&&rank| rank <= most).count() as f64 / 1000.0;
    let of_each = |statistic: &dyn Fn(&Vec<f64>) -> f64| of_customers.iter().map(statistic).collect::<Vec<f64>>();
    meet("mean rank", &of_each(&|ranks| ranks.iter().sum::<f64>() / 1000.0), &numbers(&truth["mean_rank"]));
    meet("among ten", &of_each(&|ranks| share(ranks, 10.0)), &numbers(&truth["p_top10"]));
    meet("first", &of_each(&|ranks| share(ranks, 1.0)), &numbers(&truth["rank_acceptability_1"]));
    meet("5 %", &of_each(&|ranks| percentile(ranks, 5)), &numbers(&truth["rank_p05"]));
    meet("95 %", &of_each(&|ranks| percentile(ranks, 95)), &numbers(&truth["rank_p95"]));
}

#[test]
fn leaving_one_customer_out_may_turn_others_round() {
    let (customers, truth) = (Customers::read(), json("whatif.json"));
    let base = numbers(&truth["base_weights"]);
    let truth = &truth["whatif"]["leave_one_out_rank_reversal"];
    for (name, method) in [("TOPSIS_vector", Ranking::Topsis), ("SAW_minmax", Ranking::Saw)] {
        let all = scores(&customers, method, &base);
        let reversals = (0..60).filter(|&row| {
            let mut expected = all.clone();
            expected.remove(row);
            ranks(&scores(&customers.without(row), method, &base)) != ranks(&expected)
        });
        assert_eq!(reversals.count() as f64, truth[name].as_f64().unwrap(), "{name}");
    }
}

#[test]
fn changes_that_there_are_none_of_are_refused() {
    let fixed = WeightChange::FixTargetOthersProportional;
    assert!(change_weight(&[0.6, 0.4], 0, 2.0, fixed).unwrap_err().to_string().starts_with("changed weight is 1.2"));
    assert!(change_weight(&[1.0, 0.0], 0, 0.5, fixed).is_err());
    assert_eq!(change_weight(&[1.0, 0.0], 0, 1.0, fixed).unwrap(), [1.0, 0.0]);
    assert_eq!(change_weight(&[0.5, 0.5], 0, 2.0, fixed).unwrap(), [1.0, 0.0]);
    for change in WeightChange::ALL {
        assert!(change_weight(&[0.6, 0.4], 2, 1.0, change).is_err());
        assert!(change_weight(&[0.6, 0.4], 0, -1.0, change).is_err());
        assert_eq!(change_weight(&[0.6, 0.4], 1, 0.0, change).unwrap(), [1.0, 0.0]);
    }
    assert!(change_weight(&[1.0], 0, 0.0, WeightChange::Renormalise).is_err());
}
