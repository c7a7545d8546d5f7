//! What is true of the generated house, for those who want to see whether a model finds it.

use serde_json::{Value, json};

use crate::contacts::OPTED_OUT_FACTOR;
use crate::customer::PROSPECT_SHARE;
use crate::dump::Tallies;
use crate::options::Options;
use crate::purchases::{CREDIT_DAYS, LATE, RETURNED, WALK_AWAY};
use crate::world::{Group, INDUSTRIES, PURCHASES, SIZES, SPEND};

/// The document `truth.json`.
pub(crate) fn document(options: &Options, tallies: &Tallies) -> Value {
    let group = |group: Group| {
        let (default_alpha, default_beta) = group.default_beta();
        json!({
            "industry": INDUSTRIES[group.industry].name,
            "company_size": SIZES[group.size].name,
            "rate_effect": group.rate_effect(options.homogeneous),
            "spend_effect": group.spend_effect(options.homogeneous),
            "default_alpha": default_alpha,
            "default_beta": default_beta,
        })
    };
    json!({
        "options": options,
        "purchases": {
            "model": "BG/NBD",
            "parameters": PURCHASES,
            "time_unit": "week",
            "meaning": "a buyer's rate is gamma(r, alpha) times the rate_effect of the group; after each repeat purchase the \
                buyer drops out with a probability that is beta(a, b); time runs from the middle of the day of the first \
                purchase; days are rounded, so that several occasions of a day are one purchase day; lots that come back \
                and cancelled invoices still count as purchases here",
        },
        "spend": {
            "model": "gamma-gamma",
            "parameters": SPEND,
            "unit": "GBP",
            "meaning": "an occasion's hammer prices and premiums sum to gamma(p, rate nu), and nu is gamma(q, gamma * \
                spend_effect of the group), whatever the purchase rate; the sum is rounded to pence, 1 pound at least",
        },
        "credit": {
            "meaning": "an invoice is cancelled with probability cancelled; any other is never paid with the customer's \
                default probability, which is beta(default_alpha, default_beta) of the group; paid ones are late with \
                probability late, by 88 days at most: of invoices due 90 days ago and not cancelled, the unpaid are those",
            "cancelled": WALK_AWAY,
            "late": LATE,
            "credit_days": CREDIT_DAYS,
        },
        "expected_value_next_year": "in pounds, over the 365 days after the last day: mean_spend * (1 - exp(-rate * p * \
            365/7)) / p for those who have not dropped out, 0 for those who have; returns and defaults are not taken off",
        "prospect_share": PROSPECT_SHARE,
        "returned_share_of_paid_in_pounds": RETURNED,
        "opted_out_contact_factor": OPTED_OUT_FACTOR,
        "groups": Group::all().map(group).collect::<Vec<_>>(),
        "sources": tallies,
    })
}
