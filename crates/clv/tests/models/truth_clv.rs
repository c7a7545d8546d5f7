//! Customer lifetime value over a year against values computed with 50 digits.

use crate::truth::{Misses, Truth};
use appraise_clv::{BgNbd, History, Horizon, MbgNbd, ParetoNbd, PurchaseModel, Timing};

/// Adds what misses the truth of one model's column: twelve months of 4.345 weeks, paid at their ends, discounted by
/// 1 % a month.
fn compare<M: PurchaseModel>(parameters: [f64; 4], column: &str, misses: &mut Misses) {
    let model = M::from_parameters(parameters).unwrap();
    let annual = 1.01_f64.powi(12) - 1.0;
    let horizon = Horizon::new(12.0 * 4.345, 4.345, annual, Timing::End).unwrap();
    let table = Truth::read("mpmath_scores_published_params.csv");
    let [x, t_x, t] = ["x", "t_x", "T"].map(|name| table.numbers(name));
    let (spend, clv) = (table.numbers("gg_cond_exp_value"), table.numbers(column));
    for row in 0..table.rows() {
        let history = History { x: x[row], t_x: t_x[row], t: t[row] };
        let found = horizon.purchases(&model, &history).discounted * spend[row];
        misses.relative(M::NAME, row, found, clv[row]);
    }
}

#[test]
fn clv_of_cdnow_customers_at_the_published_parameters() {
    let mut misses = Misses::default();
    compare::<BgNbd>([0.243, 4.414, 0.793, 2.426], "bgnbd_clv12_d0.01_W", &mut misses);
    compare::<MbgNbd>([0.52484, 6.183, 0.89136, 1.614], "mbgnbd_clv12_d0.01_W", &mut misses);
    compare::<ParetoNbd>([0.553, 10.578, 0.606, 11.669], "pnbd_clv12_d0.01_W", &mut misses);
    misses.report();
}
