//! What can be wrong with parameters or with the data of a fit.

/// A parameter outside its domain.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{model} needs {parameter} to be a finite number above 0, not {value}")]
pub struct ParameterError {
    /// The model's name.
    pub model: &'static str,
    /// The parameter's name, as in the paper.
    pub parameter: &'static str,
    /// What was given.
    pub value: f64,
}

/// Why a model has no fit to some data.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum FitError {
    /// Fewer than the customers that a fit needs.
    #[error("{model} can't be fitted to {customers} customers")]
    TooFewCustomers {
        /// The model's name.
        model: &'static str,
        /// How many there are.
        customers: u64,
    },
    /// Nobody came back, so that nothing says how often anybody would.
    #[error("{model} can't be fitted: none of {customers} customers bought a second time")]
    NoRepeaters {
        /// The model's name.
        model: &'static str,
        /// How many there are.
        customers: u64,
    },
    /// All customers are alike: there is no heterogeneity to fit.
    #[error("{model} can't be fitted: all {customers} customers have the same history")]
    AllEqual {
        /// The model's name.
        model: &'static str,
        /// How many there are.
        customers: u64,
    },
    /// The likelihood has no maximum inside the parameters' domain, or none that was found.
    #[error("{model} did not converge: after {iterations} iterations at {at} the gradient's norm is {gradient:e}")]
    NotConverged {
        /// The model's name.
        model: &'static str,
        /// Iterations of the best start.
        iterations: usize,
        /// The best parameters found, by name.
        at: String,
        /// The largest absolute derivative of the log likelihood per customer by a log parameter.
        gradient: f64,
    },
    /// The likelihood is flat in some direction at its maximum: the data do not say where the parameters lie.
    #[error("{model} is not identified: the likelihood is flat around {at}")]
    NotIdentified {
        /// The model's name.
        model: &'static str,
        /// The parameters of the flat maximum, by name.
        at: String,
    },
}
