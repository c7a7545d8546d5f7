//! The search for the parameters under which the data are most likely.

use crate::cholesky::Cholesky;
use crate::{Evaluation, FitError, Patterns, PurchaseModel};

#[cfg(test)]
mod tests;

/// A search ends where the next Newton step is shorter than this in every log parameter …
const SMALL_STEP: f64 = 1e-9;

/// … and the gradient per customer is below this.
const SMALL_GRADIENT: f64 = 1e-9;

/// Where rounding stops the search, a step as short as this will do.
const ROUNDED_STEP: f64 = 1e-6;

/// The longest step, in log parameters.
const LONGEST_STEP: f64 = 2.0;

/// Beyond e^±18 a parameter has run away.
const FARTHEST: f64 = 18.0;

/// A log parameter with a larger standard error is not identified.
const LARGEST_ERROR: f64 = 10.0;

/// Newton steps before a search is given up.
const MOST_ITERATIONS: usize = 200;

/// From twice as many patterns on, the search starts on a sample of this size.
const SAMPLE: usize = 4096;

/// The parameters under which some data are most likely: a maximum of the log likelihood, checked.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Maximum<const K: usize> {
    /// Logarithms of the parameters.
    pub log_parameters: [f64; K],
    /// The parameters.
    pub parameters: [f64; K],
    /// The log likelihood at the maximum.
    pub log_likelihood: f64,
    /// The largest absolute derivative of the log likelihood per customer by a log parameter: as good as 0.
    pub gradient_norm: f64,
    /// The covariance matrix of the log parameters: the inverse of the negative Hessian.
    pub covariance: [[f64; K]; K],
    /// Standard errors of the parameters, by the delta method.
    pub standard_errors: [f64; K],
    /// Newton steps of the search on all patterns.
    pub iterations: usize,
    /// How many customers there are.
    pub customers: f64,
    /// How many distinct histories they have.
    pub patterns: usize,
}

/// Fits a model of purchases by maximum likelihood.
///
/// Many patterns are first searched in a sample, evenly spaced in their order, from all of the model's starts; the
/// best maximum there is where the search on all patterns starts. What is returned is a maximum on all patterns.
///
/// # Errors
/// When there are fewer than two customers, when none of them or all of them alike came back, and when no maximum is
/// found or the likelihood is flat there.
pub fn maximise<M: PurchaseModel>(patterns: &Patterns) -> Result<Maximum<4>, FitError> {
    let customers = patterns.customers();
    let count = whole(customers);
    if customers < 2.0 {
        return Err(FitError::TooFewCustomers { model: M::NAME, customers: count });
    }
    if patterns.histories().iter().all(|history| history.x == 0.0) {
        return Err(FitError::NoRepeaters { model: M::NAME, customers: count });
    }
    if patterns.histories().len() == 1 {
        return Err(FitError::AllEqual { model: M::NAME, customers: count });
    }
    let search = Search { model: M::NAME, names: M::PARAMETERS, customers, patterns: patterns.histories().len() };
    let starts = M::starts(patterns);
    if patterns.histories().len() >= 2 * SAMPLE {
        let sample = patterns.sample(SAMPLE);
        let refined = search
            .run(&starts, |at| M::evaluate(at, &sample))
            .and_then(|maximum| search.run(&[maximum.log_parameters], |at| M::evaluate(at, patterns)));
        if refined.is_ok() {
            return refined;
        }
    }
    search.run(&starts, |at| M::evaluate(at, patterns))
}

/// What a search for a maximum reports of itself.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Search<const K: usize> {
    /// The model's name.
    pub(crate) model: &'static str,
    /// The parameters' names.
    pub(crate) names: [&'static str; K],
    /// How many customers there are: the gradient is judged per customer.
    pub(crate) customers: f64,
    /// How many distinct data they have.
    pub(crate) patterns: usize,
}

/// How a climb ended.
#[derive(Debug, Clone, Copy, PartialEq)]
enum End {
    /// At a maximum.
    Maximum,
    /// Where the likelihood is flat, or with a parameter that runs away.
    Flat,
    /// Elsewhere.
    Lost,
}

/// The end of a climb from one start.
#[derive(Debug, Clone, Copy)]
struct Climb<const K: usize> {
    end: End,
    at: [f64; K],
    evaluation: Evaluation<K>,
    iterations: usize,
}

impl<const K: usize> Search<K> {
    /// The best maximum that is reached from any of the starts (the first of equals).
    ///
    /// `evaluate` gives the log likelihood of all customers with its derivatives by the log parameters.
    ///
    /// # Errors
    /// When none is reached, when a likelihood without maximum is higher, or when the best is flat.
    pub(crate) fn run(
        &self,
        starts: &[[f64; K]],
        evaluate: impl Fn(&[f64; K]) -> Evaluation<K>,
    ) -> Result<Maximum<K>, FitError> {
        let mut best: Option<Climb<K>> = None;
        for start in starts {
            let climb = self.climb(start, &evaluate);
            // A point that is not a maximum has to be clearly higher than one that is.
            let margin = if climb.end == End::Maximum { 0.0 } else { 1e-6 };
            let better = best.as_ref().is_none_or(|best| {
                let handicap = if best.end == End::Maximum { 0.0 } else { 1e-6 };
                climb.evaluation.value - margin > best.evaluation.value - handicap
            });
            if climb.evaluation.value.is_finite() && better {
                best = Some(climb);
            }
        }
        match best {
            Some(climb) if climb.end == End::Maximum => self.maximum(&climb),
            Some(climb) if climb.end == End::Flat => Err(self.not_identified(&climb.at)),
            Some(climb) => Err(self.not_converged(&climb.at, &climb)),
            None => Err(FitError::NotConverged {
                model: self.model,
                iterations: 0,
                at: "any start".to_owned(),
                gradient: f64::NAN,
            }),
        }
    }

    /// Newton's method with a line search; where the likelihood is not concave, the Hessian is shifted until it is.
    fn climb(&self, start: &[f64; K], evaluate: &impl Fn(&[f64; K]) -> Evaluation<K>) -> Climb<K> {
        let mut climb = Climb { end: End::Lost, at: *start, evaluation: evaluate(start), iterations: 0 };
        while climb.iterations < MOST_ITERATIONS && climb.evaluation.value.is_finite() {
            let Some((step, concave)) = ascent(&climb.evaluation) else { break };
            let length = largest(&step);
            let level = self.gradient(&climb.evaluation) <= SMALL_GRADIENT;
            if concave && level && length <= SMALL_STEP {
                climb.end = End::Maximum;
                break;
            }
            if largest(&climb.at) > FARTHEST {
                climb.end = End::Flat;
                break;
            }
            climb.iterations += 1;
            let shorten = (LONGEST_STEP / length).min(1.0);
            let Some((at, evaluation)) = line_search(&climb, &step.map(|s| s * shorten), evaluate) else {
                climb.end = match level {
                    true if concave && length <= ROUNDED_STEP => End::Maximum,
                    true => End::Flat,
                    false => End::Lost,
                };
                break;
            };
            (climb.at, climb.evaluation) = (at, evaluation);
        }
        climb
    }

    /// The maximum at the end of a climb, unless it is flat.
    fn maximum(&self, climb: &Climb<K>) -> Result<Maximum<K>, FitError> {
        let Some(cholesky) = Cholesky::new(&negative(&climb.evaluation.hessian)) else {
            return Err(self.not_identified(&climb.at));
        };
        let covariance = cholesky.inverse();
        let parameters = climb.at.map(libm::exp);
        let mut standard_errors = parameters;
        for (i, error) in standard_errors.iter_mut().enumerate() {
            let log_error = covariance[i][i].sqrt();
            if log_error.is_nan() || log_error > LARGEST_ERROR {
                return Err(self.not_identified(&climb.at));
            }
            *error *= log_error;
        }
        Ok(Maximum {
            log_parameters: climb.at,
            parameters,
            log_likelihood: climb.evaluation.value,
            gradient_norm: self.gradient(&climb.evaluation),
            covariance,
            standard_errors,
            iterations: climb.iterations,
            customers: self.customers,
            patterns: self.patterns,
        })
    }

    /// The largest absolute derivative per customer.
    fn gradient(&self, evaluation: &Evaluation<K>) -> f64 {
        largest(&evaluation.gradient) / self.customers
    }

    fn not_identified(&self, at: &[f64; K]) -> FitError {
        FitError::NotIdentified { model: self.model, at: self.describe(at) }
    }

    fn not_converged(&self, at: &[f64; K], climb: &Climb<K>) -> FitError {
        FitError::NotConverged {
            model: self.model,
            iterations: climb.iterations,
            at: self.describe(at),
            gradient: self.gradient(&climb.evaluation),
        }
    }

    /// The parameters by name: `r 0.243, alpha 4.41`.
    fn describe(&self, at: &[f64; K]) -> String {
        let pairs: Vec<_> =
            self.names.iter().zip(at).map(|(name, log)| format!("{name} {:.6}", libm::exp(*log))).collect();
        pairs.join(", ")
    }
}

/// The Newton step, and whether the likelihood is concave there; else the step with the smallest shift of the
/// Hessian, by powers of ten, that makes it so. None when the derivatives are no numbers.
fn ascent<const K: usize>(evaluation: &Evaluation<K>) -> Option<([f64; K], bool)> {
    let curvature = negative(&evaluation.hessian);
    if let Some(cholesky) = Cholesky::new(&curvature) {
        return Some((cholesky.solve(&evaluation.gradient), true));
    }
    let size = curvature.iter().map(largest).fold(0.0, f64::max);
    let mut shift = 1e-8 * size.max(f64::MIN_POSITIVE);
    while shift.is_finite() && shift <= 100.0 * size {
        let mut shifted = curvature;
        for (i, row) in shifted.iter_mut().enumerate() {
            row[i] += shift;
        }
        if let Some(cholesky) = Cholesky::new(&shifted) {
            return Some((cholesky.solve(&evaluation.gradient), false));
        }
        shift *= 10.0;
    }
    None
}

/// The first point among the step, its half, its quarter … where the likelihood rises as it should, up to rounding.
fn line_search<const K: usize>(
    climb: &Climb<K>,
    step: &[f64; K],
    evaluate: &impl Fn(&[f64; K]) -> Evaluation<K>,
) -> Option<([f64; K], Evaluation<K>)> {
    let from = &climb.evaluation;
    let slope: f64 = from.gradient.iter().zip(step).map(|(g, s)| g * s).sum();
    let rounding = 1e-14 * from.value.abs();
    let mut share = 1.0;
    while share > 1e-10 {
        let mut at = climb.at;
        for (log, s) in at.iter_mut().zip(step) {
            *log += share * s;
        }
        let evaluation = evaluate(&at);
        let rise = evaluation.value - from.value;
        // Where the rise drowns in rounding, the gradient has to shrink.
        let certain = rise >= 1e-4 * share * slope && rise > rounding;
        let level = rise >= -rounding && largest(&evaluation.gradient) < largest(&from.gradient);
        if certain || level {
            return Some((at, evaluation));
        }
        share *= 0.5;
    }
    None
}

/// The largest absolute value.
fn largest<const K: usize>(values: &[f64; K]) -> f64 {
    values.iter().fold(0.0, |largest, value| largest.max(value.abs()))
}

/// The matrix times −1.
fn negative<const K: usize>(matrix: &[[f64; K]; K]) -> [[f64; K]; K] {
    matrix.map(|row| row.map(|value| -value))
}

/// A number of customers for a message.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count, cut off at the largest")]
pub(crate) fn whole(customers: f64) -> u64 {
    customers as u64
}
