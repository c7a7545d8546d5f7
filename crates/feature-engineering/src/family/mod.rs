//! What a feature family is, and the list of them. `docs/features.md` defines every column.
//!
//! A new family is a file beside this one, its `mod`, a variant of [`FamilyKind`] and its arms below.

mod bidding;
mod credit;
#[cfg(test)]
pub(crate) mod fixture;
mod interaction;
mod loyalty;
mod potential;
mod preference;
mod profit;
mod purchase;
mod timing;

use std::sync::Arc;

use appraise_schema::event::Form;
use appraise_schema::{ColumnSpec, SourceKind};
use arrow::array::ArrayRef;

pub(crate) use bidding::{LotSurvey, Underbids};

use crate::config::FeatureConfig;
use crate::error::FoldError;
use crate::history::History;
use crate::lots::LotBook;

/// What families share while they fold.
#[derive(Debug, Default)]
pub(crate) struct Context {
    /// The run's texts: symbol `n` is at `n - 1`.
    pub(crate) texts: Vec<Arc<str>>,
    /// The symbols of the kinds of [`crate::InteractionConfig::kind_weights`], in the order of their names; `NO_SYMBOL` for
    /// one that no row has.
    pub(crate) kind_symbols: Vec<u32>,
    /// The symbol of the text `registration`, or `NO_SYMBOL`.
    pub(crate) registration_symbol: u32,
    /// The symbol of the text `event`, or `NO_SYMBOL`.
    pub(crate) event_symbol: u32,
    /// The lots.
    pub(crate) lots: LotBook,
    /// Who was the underbidder of which lot: the result of the survey that precedes the fold, where one is wanted.
    pub(crate) underbids: Underbids,
}

/// The columns that a family writes.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct FamilyColumns {
    /// Those of every pipeline with the same mapped columns.
    pub(crate) fixed: Vec<ColumnSpec>,
    /// Those that the pipeline names: windows, kinds, attributes. They stand behind the fixed ones of all families.
    pub(crate) own: Vec<ColumnSpec>,
}

impl FamilyColumns {
    /// All names.
    fn names(&self) -> impl Iterator<Item = &str> {
        self.fixed.iter().chain(&self.own).map(|column| column.name.as_str())
    }
}

/// The fold of one family over one partition.
pub(crate) trait Family {
    /// Reads one customer's history and appends one value to every column.
    ///
    /// # Errors
    /// [`FoldError::MoneyOverflow`] when a sum exceeds DECIMAL(18, scale).
    fn fold(&mut self, history: &History<'_>) -> Result<(), FoldError>;

    /// The finished columns: the fixed ones, then the pipeline's own, in the order of [`FamilyColumns`].
    fn finish(self: Box<Self>) -> Vec<ArrayRef>;
}

/// A column that a family reads, where it is mapped.
pub(crate) type Need = (SourceKind, String, Form);

/// The families, in the order of their columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FamilyKind {
    /// Recency, frequency, money, windows.
    Purchase,
    /// Gaps between purchases.
    Timing,
    /// Categories.
    Preference,
    /// How long and how steadily.
    Loyalty,
    /// Contacts and feedback.
    Interaction,
    /// Bids, wins, underbids; consigned lots.
    Bidding,
    /// Invoices.
    Credit,
    /// Attributes and market.
    Potential,
    /// Margin, cost, contribution.
    Profit,
}

impl FamilyKind {
    /// All families.
    pub const ALL: [Self; 9] = [
        Self::Purchase,
        Self::Timing,
        Self::Preference,
        Self::Loyalty,
        Self::Interaction,
        Self::Bidding,
        Self::Credit,
        Self::Potential,
        Self::Profit,
    ];

    /// Its name in the pipeline file.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Purchase => "purchase",
            Self::Timing => "timing",
            Self::Preference => "preference",
            Self::Loyalty => "loyalty",
            Self::Interaction => "interaction",
            Self::Bidding => "bidding",
            Self::Credit => "credit",
            Self::Potential => "potential",
            Self::Profit => "profit",
        }
    }

    /// The columns it writes under `config`: none when a source it needs is not mapped.
    pub(crate) fn columns(self, config: &FeatureConfig) -> FamilyColumns {
        match self {
            Self::Purchase => purchase::columns(config),
            Self::Timing => timing::columns(config),
            Self::Preference => preference::columns(config),
            Self::Loyalty => loyalty::columns(config),
            Self::Interaction => interaction::columns(config),
            Self::Bidding => bidding::columns(config),
            Self::Credit => credit::columns(config),
            Self::Potential => potential::columns(config),
            Self::Profit => profit::columns(config),
        }
    }

    /// The columns it reads for those that `config` wants; what is not mapped among them is left out later.
    pub(crate) fn needs(self, config: &FeatureConfig) -> Vec<Need> {
        match self {
            Self::Purchase => purchase::needs(config),
            Self::Timing => timing::needs(),
            Self::Preference => preference::needs(),
            Self::Loyalty => loyalty::needs(),
            Self::Interaction => interaction::needs(),
            Self::Bidding => bidding::needs(config),
            Self::Credit => credit::needs(),
            Self::Potential => potential::needs(config),
            Self::Profit => profit::needs(),
        }
    }

    /// A fresh fold with room for `customers` rows.
    pub(crate) fn build<'a>(
        self,
        config: &'a FeatureConfig,
        context: &'a Context,
        customers: usize,
    ) -> Box<dyn Family + 'a> {
        match self {
            Self::Purchase => Box::new(purchase::Purchase::new(config, context, customers)),
            Self::Timing => Box::new(timing::Timing::new(config)),
            Self::Preference => Box::new(preference::Preference::new(config, context)),
            Self::Loyalty => Box::new(loyalty::Loyalty::new(config)),
            Self::Interaction => Box::new(interaction::Interaction::new(config, context)),
            Self::Bidding => Box::new(bidding::Bidding::new(config, context)),
            Self::Credit => Box::new(credit::Credit::new(config)),
            Self::Potential => Box::new(potential::Potential::new(config, context)),
            Self::Profit => Box::new(profit::Profit::new(config, context)),
        }
    }

    /// Whether a column of it is to be built.
    pub(crate) fn is_wanted(self, config: &FeatureConfig) -> bool {
        !config.leave_out.contains(self.name()) && self.columns(config).names().any(|column| config.keeps(column))
    }

    /// Whether it wants to see all customers before the first is folded.
    pub(crate) fn surveys(self, config: &FeatureConfig) -> bool {
        self == Self::Bidding && self.is_wanted(config) && bidding::surveys(config)
    }
}

/// Needs on one source.
pub(crate) fn needs_of<const N: usize>(source: SourceKind, columns: [(&str, Form); N]) -> Vec<Need> {
    columns.into_iter().map(|(column, form)| (source, column.to_owned(), form)).collect()
}
