//! Who the customer is, and what he brought year by year.

use appraise_schema::SourceKind::{Customers, Transactions};

use super::cell::{Columns, sum};
use super::subject::Subject;

pub(super) fn fold(subject: &Subject<'_>, out: &mut Columns) {
    let question = subject.question;
    if !question.has(Customers) {
        return;
    }
    master(subject, out);
    let attribute = |name: &str| subject.master.and_then(|row| row.attributes.get(name)).cloned();
    for name in &question.attributes {
        out.text(name, attribute(name));
    }
    for reference in &question.references {
        let value = attribute(&reference.attribute);
        let numbers = value.and_then(|value| reference.table.in_force(&value, question.as_of));
        for (column, name) in reference.columns.iter().enumerate() {
            out.quotient(name, numbers.map(|numbers| numbers[column]).filter(|number| !number.is_nan()));
        }
    }
    if question.has(Transactions) {
        for year in 1..=5 {
            out.whole(format!("margin_year_{year}"), margin_of_year(subject, year));
        }
    }
}

fn master(subject: &Subject<'_>, out: &mut Columns) {
    let (question, row) = (subject.question, subject.master);
    let maps = |column| question.maps(Customers, column);
    if maps("registered_at") {
        out.day("registered_at", row.and_then(|row| row.registered_at));
    }
    if maps("credit_limit") {
        out.whole("credit_limit", row.and_then(|row| row.credit_limit).map(i128::from));
    }
    if maps("opted_out") {
        out.flag("opted_out", row.and_then(|row| row.opted_out));
    }
    if maps("manager_rating") {
        out.quotient("manager_rating", row.and_then(|row| row.manager_rating));
    }
    if maps("stated_needs") {
        out.text("stated_needs", row.and_then(|row| row.stated_needs.clone()));
    }
    if maps("market_total") {
        out.whole("market_total", row.and_then(|row| row.market_total).map(i128::from));
    }
}

/// Margin of standing purchases in the customer's own year, once it is complete.
fn margin_of_year(subject: &Subject<'_>, year: i32) -> Option<i128> {
    let from = subject.entry()? + 365 * (year - 1);
    let to = from + 364;
    if to > subject.question.as_of {
        return None;
    }
    let by_margin = subject.question.maps(Transactions, "margin");
    let standing = subject.standing();
    let within = standing.iter().filter(|row| row.day >= from && row.day <= to);
    Some(sum(within.map(|row| if by_margin { row.margin.unwrap_or(0) } else { row.amount })))
}
