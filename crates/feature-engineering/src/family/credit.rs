//! Family `credit`: what was invoiced, paid, paid late or never.
//!
//! Every number is a sum, a count or an extreme of integers, so invoices may come in any order.

use appraise_schema::event::{Form, NO_DAY, NO_ID, NO_MONEY};
use appraise_schema::{ColumnSpec, ColumnType, SourceKind};
use arrow::array::ArrayRef;

use super::{Family, FamilyColumns, Need, needs_of};
use crate::column::{Amounts, Days, Doubles, Integers, ratio};
use crate::config::FeatureConfig;
use crate::error::FoldError;
use crate::history::{History, Invoices, Profile};

/// The family's columns.
pub(crate) fn columns(config: &FeatureConfig) -> FamilyColumns {
    if !config.has(SourceKind::Invoices) {
        return FamilyColumns::default();
    }
    let (int, double) = (ColumnType::Int64, ColumnType::Float64);
    let money = ColumnType::customer_money(config.money.scale());
    let currency = config.money.unit();
    let grace = config.default_days;
    let maybe = ColumnSpec::nullable;
    let always = ColumnSpec::required;
    let unpaid_wins = format!("invoices cancelled, or open {grace} days after they were due");
    let matured = format!("invoices due at least {grace} days before as_of that were not cancelled");
    let defaults = format!("invoices written off, or open {grace} days after they were due");
    let defaults_matured =
        format!("those of invoices_matured that were written off or are open {grace} days after they were due");
    let mut fixed = vec![
        always("invoices", int, "rows", "invoices issued"),
        always("invoiced_total", money, currency, "sum of all invoices"),
        always("invoices_paid", int, "rows", "invoices paid"),
        maybe("mean_days_late", double, "days", "days that paid invoices were late, weighted by amount"),
        maybe("worst_days_late", ColumnType::Int32, "days", "most days that a paid or open invoice was late"),
        maybe("late_share", double, "share", "late invoices, of those paid or overdue"),
        always("outstanding", money, currency, "sum of open invoices"),
        always("overdue", money, currency, "sum of open invoices that were due before as_of"),
        always("unpaid_wins", int, "rows", &unpaid_wins),
        always("unpaid_win_value", money, currency, "sum of unpaid_wins"),
        always("defaults", int, "rows", &defaults),
        always("invoices_matured", int, "rows", &matured),
        always("defaults_matured", int, "rows", &defaults_matured),
        always(
            "exposure",
            money,
            currency,
            "sum of open invoices that are not in default, each less its deposit, at least 0",
        ),
        always("exposure_in_default", money, currency, "the same of open invoices in default"),
    ];
    if config.maps(SourceKind::Invoices, "disputed_at") {
        fixed.push(always("disputes", int, "rows", "invoices that were disputed"));
    }
    if config.maps(SourceKind::Invoices, "deposit") {
        fixed.push(always("deposit_total", money, currency, "deposits on open invoices"));
    }
    if config.maps(SourceKind::Customers, "credit_limit") {
        fixed.push(maybe("credit_utilisation", double, "share", "outstanding / credit_limit"));
    }
    FamilyColumns { fixed, own: Vec::new() }
}

/// What it reads.
pub(crate) fn needs() -> Vec<Need> {
    let of_invoices = needs_of(
        SourceKind::Invoices,
        [
            ("due_at", Form::Day),
            ("lot_id", Form::Id),
            ("paid_at", Form::Day),
            ("disputed_at", Form::Day),
            ("cancelled_at", Form::Day),
            ("written_off_at", Form::Day),
            ("deposit", Form::Money),
        ],
    );
    let of_customers = needs_of(SourceKind::Customers, [("credit_limit", Form::Money)]);
    of_invoices.into_iter().chain(of_customers).collect()
}

/// What became of an invoice by `as_of`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Status {
    /// Paid on this day.
    Paid(i32),
    Cancelled,
    WrittenOff,
    Open,
}

impl Status {
    /// The status of the invoice in `row`. What is paid is not cancelled, and what is cancelled is not written off.
    fn of(invoices: &Invoices<'_>, row: usize) -> Self {
        let day = |column: Option<&[i32]>| column.map_or(NO_DAY, |column| column[row]);
        let paid = day(invoices.paid);
        if paid != NO_DAY {
            Self::Paid(paid)
        } else if day(invoices.cancelled) != NO_DAY {
            Self::Cancelled
        } else if day(invoices.written_off) != NO_DAY {
            Self::WrittenOff
        } else {
            Self::Open
        }
    }
}

/// What the invoices of one customer add up to.
#[derive(Debug, Default)]
struct Summary {
    total: i128,
    paid: usize,
    /// Sum of paid invoices with a due date, and of their amounts times days late.
    paid_amount: i128,
    paid_amount_days: i128,
    worst_days_late: Option<i32>,
    late: usize,
    /// Invoices paid or overdue.
    settled_or_overdue: usize,
    outstanding: i128,
    overdue: i128,
    unpaid_wins: usize,
    unpaid_win_value: i128,
    defaults: usize,
    matured: usize,
    defaults_matured: usize,
    /// Open invoices less their deposits: those not in default, and those in default.
    exposure: i128,
    exposure_in_default: i128,
    disputes: usize,
    deposits: i128,
}

impl Summary {
    fn of(invoices: &Invoices<'_>, as_of: i32, default_days: i64) -> Self {
        let mut summary = Self::default();
        for row in 0..invoices.days.len() {
            summary.add(invoices, row, as_of, default_days);
        }
        summary
    }

    /// Adds the invoice in `row`. Without a due date it is never late, due or mature.
    fn add(&mut self, invoices: &Invoices<'_>, row: usize, as_of: i32, default_days: i64) {
        let amount = i128::from(invoices.amounts[row]);
        let due = invoices.due.get(row).copied().filter(|&due| due != NO_DAY);
        let status = Status::of(invoices, row);
        let matured = due.is_some_and(|due| i64::from(as_of) - i64::from(due) >= default_days);
        let overdue = due.is_some_and(|due| due < as_of);
        self.total += amount;
        match status {
            Status::Paid(paid) => {
                self.paid += 1;
                if let Some(due) = due {
                    self.add_lateness(paid - due, true);
                    self.paid_amount += amount;
                    self.paid_amount_days += amount * i128::from((paid - due).max(0));
                }
            }
            Status::Open => {
                self.outstanding += amount;
                self.overdue += if overdue { amount } else { 0 };
                let deposit = invoices.deposits.map_or(0, |deposits| known(deposits[row]));
                self.deposits += deposit;
                let exposure = (amount - deposit).max(0);
                *(if matured { &mut self.exposure_in_default } else { &mut self.exposure }) += exposure;
                if let Some(due) = due {
                    self.add_lateness(as_of - due, overdue);
                }
            }
            Status::Cancelled | Status::WrittenOff => {}
        }
        let of_a_lot = invoices.lots.is_none_or(|lots| lots[row] != NO_ID);
        if of_a_lot && (status == Status::Cancelled || (status == Status::Open && matured)) {
            self.unpaid_wins += 1;
            self.unpaid_win_value += amount;
        }
        self.defaults += usize::from(status == Status::WrittenOff || (status == Status::Open && matured));
        self.matured += usize::from(matured && status != Status::Cancelled);
        self.defaults_matured += usize::from(matured && matches!(status, Status::WrittenOff | Status::Open));
        self.disputes += usize::from(invoices.disputed.is_some_and(|disputed| disputed[row] != NO_DAY));
    }

    /// Adds the days from due to payment, or to `as_of`, of an invoice; `counts` in `late_share` or not.
    fn add_lateness(&mut self, days: i32, counts: bool) {
        self.worst_days_late = self.worst_days_late.max(Some(days.max(0)));
        self.settled_or_overdue += usize::from(counts);
        self.late += usize::from(counts && days > 0);
    }
}

/// An amount, 0 for NULL.
fn known(minor: i64) -> i128 {
    if minor == NO_MONEY { 0 } else { i128::from(minor) }
}

/// The fold of one partition.
#[derive(Debug)]
pub(crate) struct Credit {
    as_of: i32,
    default_days: i64,
    invoices: Integers,
    invoiced_total: Amounts,
    invoices_paid: Integers,
    mean_days_late: Doubles,
    worst_days_late: Days,
    late_share: Doubles,
    outstanding: Amounts,
    overdue: Amounts,
    unpaid_wins: Integers,
    unpaid_win_value: Amounts,
    defaults: Integers,
    invoices_matured: Integers,
    defaults_matured: Integers,
    exposure: Amounts,
    exposure_in_default: Amounts,
    disputes: Option<Integers>,
    deposit_total: Option<Amounts>,
    utilisation: Option<Doubles>,
}

impl Credit {
    /// A fold.
    pub(crate) fn new(config: &FeatureConfig) -> Self {
        let amounts = |name| Amounts::new(name, config.money.scale());
        Self {
            as_of: config.as_of.day(),
            default_days: i64::from(config.default_days),
            invoices: Integers::default(),
            invoiced_total: amounts("invoiced_total"),
            invoices_paid: Integers::default(),
            mean_days_late: Doubles::default(),
            worst_days_late: Days::default(),
            late_share: Doubles::default(),
            outstanding: amounts("outstanding"),
            overdue: amounts("overdue"),
            unpaid_wins: Integers::default(),
            unpaid_win_value: amounts("unpaid_win_value"),
            defaults: Integers::default(),
            invoices_matured: Integers::default(),
            defaults_matured: Integers::default(),
            exposure: amounts("exposure"),
            exposure_in_default: amounts("exposure_in_default"),
            disputes: config.maps(SourceKind::Invoices, "disputed_at").then(Integers::default),
            deposit_total: config.maps(SourceKind::Invoices, "deposit").then(|| amounts("deposit_total")),
            utilisation: config.maps(SourceKind::Customers, "credit_limit").then(Doubles::default),
        }
    }
}

impl Family for Credit {
    fn fold(&mut self, history: &History<'_>) -> Result<(), FoldError> {
        let summary = Summary::of(&history.invoices, self.as_of, self.default_days);
        self.invoices.count(history.invoices.days.len());
        self.invoiced_total.push(Some(summary.total))?;
        self.invoices_paid.count(summary.paid);
        let weighed = summary.paid_amount != 0;
        self.mean_days_late.push(weighed.then(|| summary.paid_amount_days as f64 / summary.paid_amount as f64));
        self.worst_days_late.push(summary.worst_days_late);
        self.late_share.push(ratio(summary.late as i128, summary.settled_or_overdue as i128));
        self.outstanding.push(Some(summary.outstanding))?;
        self.overdue.push(Some(summary.overdue))?;
        self.unpaid_wins.count(summary.unpaid_wins);
        self.unpaid_win_value.push(Some(summary.unpaid_win_value))?;
        self.defaults.count(summary.defaults);
        self.invoices_matured.count(summary.matured);
        self.defaults_matured.count(summary.defaults_matured);
        self.exposure.push(Some(summary.exposure))?;
        self.exposure_in_default.push(Some(summary.exposure_in_default))?;
        if let Some(column) = &mut self.disputes {
            column.count(summary.disputes);
        }
        if let Some(column) = &mut self.deposit_total {
            column.push(Some(summary.deposits))?;
        }
        if let Some(column) = &mut self.utilisation {
            let limit = history.profile.as_ref().map_or(0, |profile| known(Profile::credit_limit(profile)));
            column.push(ratio(summary.outstanding, limit));
        }
        Ok(())
    }

    fn finish(self: Box<Self>) -> Vec<ArrayRef> {
        let mut columns = vec![
            self.invoices.finish(),
            self.invoiced_total.finish(),
            self.invoices_paid.finish(),
            self.mean_days_late.finish(),
            self.worst_days_late.finish(),
            self.late_share.finish(),
            self.outstanding.finish(),
            self.overdue.finish(),
            self.unpaid_wins.finish(),
            self.unpaid_win_value.finish(),
            self.defaults.finish(),
            self.invoices_matured.finish(),
            self.defaults_matured.finish(),
            self.exposure.finish(),
            self.exposure_in_default.finish(),
        ];
        columns.extend(self.disputes.map(Integers::finish));
        columns.extend(self.deposit_total.map(Amounts::finish));
        columns.extend(self.utilisation.map(Doubles::finish));
        columns
    }
}

#[cfg(test)]
mod tests;
