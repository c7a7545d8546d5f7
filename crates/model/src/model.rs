//! What every model is: fitted to customers, or taken from a card, then applied row by row.

use appraise_schema::ColumnSpec;
use arrow::array::{ArrayRef, RecordBatch};

use crate::card::ModelCard;
use crate::clv::ClvCard;
use crate::error::ModelError;
use crate::index::WeighedIndex;
use crate::lint::Lint;

/// A model that is on, with its parameters.
pub(crate) trait Model: Send + Sync {
    /// The columns that it adds.
    fn columns(&self) -> Vec<ColumnSpec>;

    /// The columns of the features, and of models before it, that fitting reads.
    fn fit_inputs(&self) -> Vec<String>;

    /// The columns of the features, and of models before it, that applying reads.
    fn inputs(&self) -> Vec<String>;

    /// Fits the model to all customers.
    fn fit(&self, table: &[RecordBatch]) -> Result<Box<dyn Fitted + '_>, ModelError>;

    /// Takes the model from a card that was fitted before.
    fn thaw(&self, card: &ModelCard) -> Result<Box<dyn Fitted + '_>, ModelError>;

    /// Its section of the pipeline's models, where a card of its own fit stands for fitting the same customers again: with equal
    /// parameters, taking it from the card gives the same columns and the same card. `None` where that is not so.
    fn section(&self) -> Option<&'static str> {
        None
    }

    /// What is questionable about its parameters. Calls the expression engine: not for use inside a rayon job.
    fn lint(&self) -> Result<Vec<Lint>, ModelError> {
        Ok(Vec::new())
    }
}

/// A fitted model.
pub(crate) trait Fitted {
    /// Looks at all customers that will be valued by a card of others, before the first is: ranks are counted among them.
    ///
    /// # Errors
    /// When a column is absent or of another type.
    fn survey(&mut self, _table: &[RecordBatch]) -> Result<(), ModelError> {
        Ok(())
    }

    /// Values of [`Model::columns`] for each batch of `table`, whose first is number `first` of all that are valued. May call
    /// the expression engine: not for use inside a rayon job.
    fn apply(&mut self, first: usize, table: &[RecordBatch]) -> Result<Vec<Vec<ArrayRef>>, ModelError>;

    /// Keeps the indicators of the value index of all customers that will be valued.
    fn keep_indicators(&mut self) {}

    /// The indicators that were kept.
    fn take_indicators(&mut self) -> Option<WeighedIndex> {
        None
    }

    /// The lifetime values that were fitted: what groups are forecast by.
    fn clv(&self) -> Option<&ClvCard> {
        None
    }

    /// Writes what was fitted to its place in the card.
    fn record(self: Box<Self>, card: &mut ModelCard);
}
