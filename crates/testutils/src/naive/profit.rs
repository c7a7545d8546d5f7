//! What is left of it.

use appraise_schema::SourceKind::Transactions;

use super::cell::{Columns, quotient, sum};
use super::subject::Subject;

pub(super) fn fold(subject: &Subject<'_>, out: &mut Columns) {
    let maps = |column| subject.question.maps(Transactions, column);
    if !maps("margin") && !maps("cost") {
        return;
    }
    let margin = if subject.has_gross_margin() { subject.gross_margin() } else { None };
    let net = subject.net_revenue();
    let of_net = |part: i128| if net > 0 { quotient(part, net) } else { None };
    if maps("margin") {
        out.quotient("margin_share", margin.and_then(of_net));
    }
    let of_refunds: Vec<i64> = subject.refunds.iter().filter_map(|row| row.cost).collect();
    let of_purchases = subject.purchases.iter().filter_map(|purchase| purchase.row.cost);
    let costs: Vec<i64> = of_purchases.chain(of_refunds.iter().copied()).collect();
    let cost = (!costs.is_empty()).then(|| sum(costs.into_iter()));
    if maps("cost") {
        out.whole("cost_to_serve", cost);
    }
    out.whole("returns_cost", Some(sum(subject.taken_back().into_iter()) + sum(of_refunds.into_iter())));
    let contribution = margin.unwrap_or(0) - cost.unwrap_or(0);
    out.whole("contribution", Some(contribution));
    out.quotient("contribution_share", of_net(contribution));
}
