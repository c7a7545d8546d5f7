//! What every model of purchases can do.

use rand_pcg::Pcg64;

use crate::{Evaluation, History, ParameterError, Patterns};

/// A model of when customers buy and when they leave, with four parameters.
///
/// Times are in one unit throughout: that of the histories the model was fitted to (for the discrete model:
/// opportunities). All results are finite for finite input.
pub trait PurchaseModel: Sized + Copy + Send + Sync {
    /// The model's name in pipelines and cards: `bg_nbd`.
    const NAME: &'static str;

    /// The model of a customer who is alive: mostly the model itself, but one without the dropout that only a new
    /// customer risks.
    type GivenAlive: PurchaseModel;

    /// Names of the parameters, as in the paper and in the order of every array here.
    const PARAMETERS: [&'static str; 4];

    /// A model with these parameters.
    ///
    /// # Errors
    /// When one of them is not a finite number above 0.
    fn from_parameters(parameters: [f64; 4]) -> Result<Self, ParameterError>;

    /// The parameters, in the order of [`PurchaseModel::PARAMETERS`].
    fn parameters(&self) -> [f64; 4];

    /// The log likelihood of all customers with its derivatives, at the logarithms of the parameters. Sums run in
    /// the order of the patterns, in chunks of fixed size: the same bits for any number of threads.
    fn evaluate(log_parameters: &[f64; 4], patterns: &Patterns) -> Evaluation<4>;

    /// Where to start the search for the maximum, best guess first, as logarithms of the parameters.
    fn starts(patterns: &Patterns) -> Vec<[f64; 4]>;

    /// The log likelihood of one customer's history.
    fn log_likelihood(&self, history: &History) -> f64;

    /// Logarithm of the probability that the customer is still a customer at the end of the history.
    fn log_p_alive(&self, history: &History) -> f64;

    /// The probability that the customer is still a customer at the end of the history, 0 to 1.
    fn p_alive(&self, history: &History) -> f64 {
        libm::exp(self.log_p_alive(history))
    }

    /// The model of a customer with this history who is alive at its end: gamma and beta priors are conjugate, so
    /// what comes next follows the same process with updated parameters.
    fn given_alive(&self, history: &History) -> Self::GivenAlive;

    /// Expected purchases of a new customer in `(0, t]` after the first purchase, E[X(t)].
    fn expected_purchases_new(&self, t: f64) -> f64;

    /// Expected purchases of a customer in the time `t` after the end of the history, `E[Y(t) | x, t_x, T]`.
    fn expected_purchases(&self, history: &History, t: f64) -> f64;

    /// Expected purchases of a customer in each of the times `times` after the end of the history, ascending; fills
    /// `expected`, which is as long. A model for which many times of one history are cheaper together has its own.
    fn expected_purchases_at(&self, history: &History, times: &[f64], expected: &mut [f64]) {
        for (purchases, t) in expected.iter_mut().zip(times) {
            *purchases = self.expected_purchases(history, *t);
        }
    }

    /// [`PurchaseModel::p_alive`] and [`PurchaseModel::expected_purchases_at`] in one: returns the probability and fills
    /// `expected`. A model for which that is cheaper than one after the other has its own.
    fn p_alive_and_expected_at(&self, history: &History, times: &[f64], expected: &mut [f64]) -> f64 {
        self.expected_purchases_at(history, times, expected);
        self.p_alive(history)
    }

    /// Logarithm of the probability that a new customer makes no purchase in `(0, t]`.
    fn log_p_none_new(&self, t: f64) -> f64 {
        let mut none = [0.0];
        self.purchase_probabilities_new(t, &mut none);
        libm::log(none[0])
    }

    /// Probabilities that a new customer makes 0, 1, … purchases in `(0, t]`; fills `probabilities`. They add up
    /// to at most 1; what is missing is the probability of more.
    fn purchase_probabilities_new(&self, t: f64, probabilities: &mut [f64]);

    /// Probabilities of 0, 1, … purchases in the time `t` after the end of the history.
    fn purchase_probabilities(&self, history: &History, t: f64, probabilities: &mut [f64]) {
        let alive = self.p_alive(history);
        self.given_alive(history).purchase_probabilities_new(t, probabilities);
        for probability in probabilities.iter_mut() {
            *probability *= alive;
        }
        if let Some(none) = probabilities.first_mut() {
            *none += 1.0 - alive;
        }
    }

    /// Discounted expected residual transactions: what is still to come, for ever, discounted at the continuous
    /// rate `delta` per unit of time (for the discrete model: the rate per opportunity). None where the model has
    /// no closed form.
    fn dert(&self, history: &History, delta: f64) -> Option<f64>;

    /// One possible number of purchases in the time `t` after the end of the history.
    fn simulate(&self, history: &History, t: f64, random: &mut Pcg64) -> u64;
}
