//! Lifetime values against known cases, and the time to the next purchase.

use super::*;
use crate::{BgBb, BgNbd, MbgNbd};

#[test]
fn the_last_month_is_what_remains() {
    let horizon = Horizon::new(10.0, 4.0, 0.1, Timing::Mid).unwrap();
    assert_eq!(horizon.month_ends(), [4.0, 8.0, 10.0]);
    let monthly = libm::pow(1.1, 1.0 / 12.0);
    for (k, factor) in horizon.discount_factors().iter().enumerate() {
        assert!((factor - libm::pow(monthly, -(k as f64 + 0.5))).abs() < 1e-15);
    }
    let whole = Horizon::new(24.0 * DAYS_PER_MONTH, DAYS_PER_MONTH, 0.0, Timing::End).unwrap();
    assert_eq!(whole.month_ends().len(), 24);
    assert_eq!(whole.discount_factors(), [1.0; 24]);
    assert_eq!(whole.length(), 24.0 * DAYS_PER_MONTH);
}

#[test]
fn horizons_outside_their_domain_are_refused() {
    for (length, month, annual) in [(0.0, 1.0, 0.1), (1.0, f64::NAN, 0.1), (1e6, 1.0, 0.1), (12.0, 1.0, -1.0)] {
        assert!(Horizon::new(length, month, annual, Timing::Mid).is_err());
    }
    let error = Horizon::new(-3.0, 1.0, 0.1, Timing::Mid).unwrap_err();
    assert_eq!(error.to_string(), "horizon has to be a finite number above 0, not -3");
}

/// Months in batches, months one by one and the sum over given expectations are the same.
#[test]
fn discounting_has_one_result() {
    let model = MbgNbd::from_parameters([0.525, 6.183, 0.891, 1.614]).unwrap();
    let history = History { x: 3.0, t_x: 20.0, t: 30.0 };
    let horizon = Horizon::new(300.0, 4.0, 0.15, Timing::Mid).unwrap();
    let mut expected = vec![0.0; horizon.month_ends().len()];
    model.expected_purchases_at(&history, horizon.month_ends(), &mut expected);
    let purchases = horizon.purchases(&model, &history);
    assert_eq!(purchases.discounted, horizon.discounted(&expected));
    assert_eq!(Some(&purchases.total), expected.last());
    assert!((purchases.total - model.expected_purchases(&history, 300.0)).abs() <= 1e-12 * purchases.total);
    assert!(purchases.discounted < purchases.total);
    assert!((purchases.p_alive - model.p_alive(&history)).abs() <= 1e-15);
}

#[test]
fn rates_of_a_year_and_of_a_unit() {
    assert!((continuous_rate(0.15, 7.0) - libm::log(1.15) * 7.0 / 365.25).abs() < 1e-17);
    assert!((libm::pow(1.0 + periodic_rate(0.15, DAYS_PER_MONTH), 12.0) - 1.15).abs() < 1e-14);
    assert_eq!(credit_adjusted_value(2.0, 10.0, 0.5, 0.1, 0.5, 1.5), 2.0 * 10.0 * 0.45 - 1.5);
}

/// Where the customer is alive for certain, P₀ is (α / (α + t))^r.
#[test]
fn median_time_of_a_new_customer() {
    let model = BgNbd::from_parameters([0.243, 4.414, 0.793, 2.426]).unwrap();
    for t in [0.0, 1e-3, 1.0, 38.86, 500.0, 1e4] {
        let median = median_time_to_next(&model, &History { x: 0.0, t_x: 0.0, t }, 1e6).unwrap();
        let exact = (4.414 + t) * libm::expm1(libm::log(2.0) / 0.243);
        assert!((median - exact).abs() <= 1e-10 * exact, "{t}: {median} for {exact}");
    }
}

#[test]
fn median_time_is_where_the_chance_crosses_one_half() {
    let model = MbgNbd::from_parameters([0.525, 6.183, 0.891, 1.614]).unwrap();
    let (mut found, mut never) = (0, 0);
    for x in [0.0, 1.0, 2.0, 5.0, 20.0, 300.0] {
        for t_x in [1.0, 10.0, 30.0, 38.0, 38.86] {
            let history = History { x, t_x: if x > 0.0 { t_x } else { 0.0 }, t: 38.86 };
            let bought = |t: f64| {
                let mut none = [0.0];
                model.purchase_probabilities(&history, t, &mut none);
                1.0 - none[0]
            };
            if let Some(t) = median_time_to_next(&model, &history, 5217.0) {
                found += 1;
                assert!(bought(t) >= 0.5 - 1e-10 && bought(t * (1.0 - 1e-6)) < 0.5, "{history:?}: {t}");
            } else {
                never += 1;
                assert!(bought(5217.0) < 0.5, "{history:?}");
            }
        }
    }
    assert!(found >= 10 && never >= 5, "{found} found, {never} never");
}

#[test]
fn median_opportunity_is_a_whole_number() {
    let model = BgBb::from_parameters([1.204, 0.75, 0.657, 2.783]).unwrap();
    for (x, t_x) in [(6.0, 6.0), (3.0, 6.0), (1.0, 6.0), (2.0, 5.0), (0.0, 0.0)] {
        let history = History { x, t_x, t: 6.0 };
        let bought = |n: f64| {
            let mut none = [0.0];
            model.purchase_probabilities(&history, n, &mut none);
            1.0 - none[0]
        };
        match median_time_to_next(&model, &history, 100.0) {
            Some(n) => assert!(n == n.round() && bought(n) >= 0.5 && bought(n - 1.0) < 0.5, "{history:?}: {n}"),
            None => assert!(bought(100.0) < 0.5, "{history:?}"),
        }
    }
}
