//! Whether the customer pays.

use appraise_schema::SourceKind::{Customers, Invoices};

use super::Question;
use super::cell::{Columns, quotient, sum, wide};
use super::subject::Subject;
use crate::world::Invoice;

/// What became of an invoice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Paid,
    Cancelled,
    WrittenOff,
    Open,
}

fn state(invoice: &Invoice) -> State {
    if invoice.paid_at.is_some() {
        State::Paid
    } else if invoice.cancelled_at.is_some() {
        State::Cancelled
    } else if invoice.written_off_at.is_some() {
        State::WrittenOff
    } else {
        State::Open
    }
}

/// Whether it was due so long ago that it should have been paid.
fn is_mature(invoice: &Invoice, question: &Question) -> bool {
    question.as_of - invoice.due_at >= question.default_days
}

/// Days late of an invoice that is paid or open.
fn days_late(invoice: &Invoice, question: &Question) -> Option<i32> {
    match state(invoice) {
        State::Paid => invoice.paid_at.map(|paid_at| (paid_at - invoice.due_at).max(0)),
        State::Open => Some((question.as_of - invoice.due_at).max(0)),
        State::Cancelled | State::WrittenOff => None,
    }
}

pub(super) fn fold(subject: &Subject<'_>, out: &mut Columns) {
    if !subject.question.has(Invoices) {
        return;
    }
    let (question, invoices) = (subject.question, &subject.invoices);
    let open: Vec<&Invoice> = invoices.iter().copied().filter(|invoice| state(invoice) == State::Open).collect();
    out.count("invoices", invoices.len());
    out.whole("invoiced_total", Some(sum(invoices.iter().map(|invoice| invoice.amount))));
    lateness(subject, out);
    let outstanding = sum(open.iter().map(|invoice| invoice.amount));
    let overdue = open.iter().filter(|invoice| invoice.due_at < question.as_of);
    out.whole("outstanding", Some(outstanding));
    out.whole("overdue", Some(sum(overdue.map(|invoice| invoice.amount))));
    defaults(subject, out);
    exposures(subject, out);
    if question.maps(Invoices, "disputed_at") {
        out.count("disputes", invoices.iter().filter(|invoice| invoice.disputed_at.is_some()).count());
    }
    if question.maps(Invoices, "deposit") {
        out.whole("deposit_total", Some(sum(open.iter().filter_map(|invoice| invoice.deposit))));
    }
    if question.maps(Customers, "credit_limit") {
        let limit = subject.master.and_then(|row| row.credit_limit).filter(|limit| *limit > 0);
        out.quotient("credit_utilisation", limit.and_then(|limit| quotient(outstanding, i128::from(limit))));
    }
}

fn lateness(subject: &Subject<'_>, out: &mut Columns) {
    let (question, invoices) = (subject.question, &subject.invoices);
    let paid: Vec<&Invoice> = invoices.iter().copied().filter(|invoice| state(invoice) == State::Paid).collect();
    out.count("invoices_paid", paid.len());
    let late = |invoice: &Invoice| i128::from(days_late(invoice, question).unwrap_or(0));
    let weighted = paid.iter().map(|invoice| i128::from(invoice.amount) * late(invoice)).sum();
    out.ratio("mean_days_late", weighted, sum(paid.iter().map(|invoice| invoice.amount)));
    let worst = invoices.iter().filter_map(|invoice| days_late(invoice, question)).max();
    out.day("worst_days_late", worst);
    let judged: Vec<&Invoice> = invoices
        .iter()
        .copied()
        .filter(|invoice| match state(invoice) {
            State::Paid => true,
            State::Open => invoice.due_at < question.as_of,
            State::Cancelled | State::WrittenOff => false,
        })
        .collect();
    out.ratio("late_share", wide(judged.iter().filter(|invoice| late(invoice) > 0).count()), wide(judged.len()));
}

fn defaults(subject: &Subject<'_>, out: &mut Columns) {
    let (question, invoices) = (subject.question, &subject.invoices);
    let of_a_win = |invoice: &Invoice| invoice.lot_id.is_some() || !question.maps(Invoices, "lot_id");
    let broken = |invoice: &Invoice| match state(invoice) {
        State::Cancelled => true,
        State::Open => is_mature(invoice, question),
        State::Paid | State::WrittenOff => false,
    };
    let unpaid: Vec<&Invoice> =
        invoices.iter().copied().filter(|invoice| broken(invoice) && of_a_win(invoice)).collect();
    out.count("unpaid_wins", unpaid.len());
    out.whole("unpaid_win_value", Some(sum(unpaid.iter().map(|invoice| invoice.amount))));
    let in_default = |invoice: &&&Invoice| match state(invoice) {
        State::WrittenOff => true,
        State::Open => is_mature(invoice, question),
        State::Paid | State::Cancelled => false,
    };
    out.count("defaults", invoices.iter().filter(in_default).count());
    let matured = invoices.iter().filter(|invoice| is_mature(invoice, question) && state(invoice) != State::Cancelled);
    out.count("invoices_matured", matured.count());
    let both = |invoice: &&&Invoice| in_default(invoice) && is_mature(invoice, question);
    out.count("defaults_matured", invoices.iter().filter(both).count());
}

fn exposures(subject: &Subject<'_>, out: &mut Columns) {
    let question = subject.question;
    let left = |invoice: &Invoice| (invoice.amount - invoice.deposit.unwrap_or(0)).max(0);
    for (name, mature) in [("exposure", false), ("exposure_in_default", true)] {
        let open = subject.invoices.iter().filter(|invoice| state(invoice) == State::Open);
        let of_kind = open.filter(|invoice| is_mature(invoice, question) == mature);
        out.whole(name, Some(sum(of_kind.map(|invoice| left(invoice)))));
    }
}
