//! How far a group's total may lie from what is expected of it.

mod draws;
mod surface;
#[cfg(test)]
mod tests;

use std::cmp::Ordering;

use rand_pcg::Pcg64;
use rayon::prelude::*;

use crate::special::normal;
use crate::{GammaGamma, History, Maximum, ParameterError, PurchaseModel, Spend};
use draws::{Draw, Parameters, generator};
use surface::{Surface, design};

/// Draws of the parameters and of a group's future.
pub const DRAWS: usize = 200;

/// The share of draws outside on either side.
const TAIL: f64 = 0.025;

/// A larger group's future is drawn as a whole: with so many members the chance in it is close to normal.
pub const MANY_MEMBERS: usize = 400;

/// Members whose futures tell the variance of those of a group with many.
const MOST_OF_NOISE: usize = 1000;

/// Members that the response surface is made of; that of a larger group is scaled to its expected total.
const MOST_OF_SURFACE: usize = 4000;

/// Members for which the expected total of each draw is exact, to correct the response surface with.
const CORRECTING: usize = 100;

/// Futures of a member from which the variance of the future is estimated.
const FUTURES: usize = 16;

/// Members that one thread works on at a time.
const CHUNK: usize = 256;

/// Where the generators of parameters and of whole groups start; members start at their keys.
const PARAMETERS: u64 = 0x7061_7261_6d65_7465;
const GROUPS: u64 = 0x6772_6f75_7073_2e2e;

/// A customer of a group.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Member {
    /// A number that stands for the customer in whatever group and place: it seeds the customer's future.
    pub key: u64,
    /// The purchases so far.
    pub history: History,
    /// What the customer spent; without effect when there is no model of spend.
    pub spend: Spend,
    /// What a unit of money spent within the horizon is worth today: margin times the mean discount factor. Without
    /// a model of spend, what a purchase within the horizon is worth: the expected spend times that.
    pub worth: f64,
}

/// From and to, in the unit of the quantity.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// 2.5 % of the draws are below.
    pub low: f64,
    /// 2.5 % of the draws are above.
    pub high: f64,
}

/// The intervals of one quantity.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Intervals {
    /// Of the expected total: the parameters are uncertain.
    pub expected: Interval,
    /// Of the total that will be seen: what the members will do is uncertain too.
    pub realised: Interval,
}

/// The intervals of a group's totals over the horizon.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GroupIntervals {
    /// Of purchases.
    pub purchases: Intervals,
    /// Of what they are worth: the lifetime value. None where a member's mean spend is infinite, or not certain to
    /// be finite.
    pub value: Option<Intervals>,
}

/// Draws of a fit's parameters, to be applied to groups.
///
/// The logarithms of the parameters are normal around the maximum, with its covariance, those of the purchases
/// independent of those of the spend. All follows from the seed: the draws are the same for all groups, and a
/// member's future follows from the seed and the member's key.
#[derive(Debug, Clone)]
pub struct Forecast<M> {
    horizon: f64,
    seed: u64,
    purchases: Parameters<4, M>,
    spend: Option<Parameters<3, GammaGamma>>,
    draws: Vec<Draw<M, GammaGamma>>,
}

/// Totals of a group: of purchases and of what they are worth.
#[derive(Debug, Clone, Copy, Default)]
struct Total {
    purchases: f64,
    value: f64,
}

/// The totals of a group, or of parts of one, in each draw.
#[derive(Debug, Clone, Default)]
pub struct GroupTotals {
    expected: Vec<Total>,
    realised: Vec<Total>,
}

impl GroupTotals {
    /// Adds another part of the group, drawn with the same seed from another fit. Its parameters move with those of this part,
    /// draw by draw: as if the fits erred together, which makes the interval of the expectation rather too wide than too narrow.
    pub fn add(&mut self, part: &Self) {
        for (totals, parts) in [(&mut self.expected, &part.expected), (&mut self.realised, &part.realised)] {
            totals.resize(totals.len().max(parts.len()), Total::default());
            for (total, part) in totals.iter_mut().zip(parts) {
                total.purchases += part.purchases;
                total.value += part.value;
            }
        }
    }

    /// The intervals of the totals.
    #[must_use]
    pub fn intervals(&self) -> GroupIntervals {
        let of = |quantity: fn(&Total) -> f64| Intervals {
            expected: interval(self.expected.iter().map(quantity)),
            realised: interval(self.realised.iter().map(quantity)),
        };
        let finite = self.expected.iter().chain(&self.realised).all(|total| total.value.is_finite());
        GroupIntervals { purchases: of(|total| total.purchases), value: finite.then(|| of(|total| total.value)) }
    }
}

/// The response surfaces of the totals.
struct Surfaces {
    purchases: Surface,
    value: Surface,
}

impl Surfaces {
    fn at(&self, whitened: &[f64]) -> Total {
        Total { purchases: self.purchases.at(whitened), value: self.value.at(whitened) }
    }
}

impl<M: PurchaseModel> Forecast<M> {
    /// Draws of the parameters of these fits, for a horizon in the model's unit of time.
    ///
    /// # Errors
    /// When a fit is so uncertain that a draw of a parameter is no finite number above 0.
    pub fn new(
        purchases: &Maximum<4>,
        spend: Option<&Maximum<3>>,
        horizon: f64,
        seed: u64,
    ) -> Result<Self, ParameterError> {
        let purchases = Parameters::new(purchases, M::from_parameters)?;
        let spend = spend.map(|spend| Parameters::new(spend, |[p, q, v]| GammaGamma::new(p, q, v))).transpose()?;
        let mut random = generator(seed, PARAMETERS);
        let mut draws = Vec::with_capacity(DRAWS);
        for _ in 0..DRAWS {
            let whitened: Vec<f64> = (0..7).map(|_| normal(&mut random)).collect();
            draws.push(Draw {
                purchases: purchases.model(&whitened[..4])?,
                spend: spend.as_ref().map(|spend| spend.model(&whitened[4..])).transpose()?,
                whitened,
            });
        }
        Ok(Self { horizon, seed, purchases, spend, draws })
    }

    /// The intervals of a group's totals: the same for any order of the members.
    ///
    /// The expected total of a draw is taken from a response surface: the second-order polynomial, mostly of its
    /// logarithm, through its values at 15 points (36 with a model of spend), corrected by what it misses of the exact
    /// total of 100 members: so the expected totals of up to 100 members are exact. Of a group of more than 4,000, so
    /// many at even distances make the surface, scaled to the group's expected total. Futures are drawn for each member and
    /// draw; in a group of more than [`MANY_MEMBERS`], instead, the expected total of a draw gets a normal number
    /// with the variance of the futures, estimated from all members, or of more than 1,000 from so many at even distances in
    /// their order.
    #[must_use]
    pub fn intervals(&self, members: &[Member]) -> GroupIntervals {
        self.totals(members).intervals()
    }

    /// The totals of a group in each draw, as [`Forecast::intervals`] takes them.
    #[must_use]
    pub fn totals(&self, members: &[Member]) -> GroupTotals {
        let members = ordered(members);
        let expected = self.expected(&members);
        let realised =
            if members.len() <= MANY_MEMBERS { self.futures(&members) } else { self.with_noise(&expected, &members) };
        GroupTotals { expected, realised }
    }

    /// The expected totals of each draw.
    fn expected(&self, members: &[Member]) -> Vec<Total> {
        let (base, sample) = (spread(members, MOST_OF_SURFACE), spread(members, CORRECTING));
        let step = members.len() as f64 / sample.len().max(1) as f64;
        let (whole, part) = (self.surfaces(&base), self.surfaces(&sample));
        let scale =
            if base.len() == members.len() { Total { purchases: 1.0, value: 1.0 } } else { self.scale(members, &base) };
        let corrected = |draw: &Draw<M, GammaGamma>| {
            let exact = self.total(&draw.purchases, draw.spend.as_ref(), &sample);
            let (whole, part) = (whole.at(&draw.whitened), part.at(&draw.whitened));
            Total {
                purchases: (scale.purchases * whole.purchases + step * (exact.purchases - part.purchases)).max(0.0),
                value: scale.value * whole.value + step * (exact.value - part.value),
            }
        };
        self.draws.par_iter().map(corrected).collect()
    }

    /// How many times the expected total at the maximum of a part of the members that of all of them is.
    fn scale(&self, members: &[Member], part: &[Member]) -> Total {
        let (model, spend) = self.maximum();
        let chunks = |members: &[Member]| {
            let chunks: Vec<_> = members.par_chunks(CHUNK).map(|chunk| vec![self.total(model, spend, chunk)]).collect();
            sum(1, &chunks)[0]
        };
        let (all, part) = (chunks(members), chunks(part));
        let ratio = |all: f64, part: f64| if part == 0.0 { 1.0 } else { all / part };
        Total { purchases: ratio(all.purchases, part.purchases), value: ratio(all.value, part.value) }
    }

    /// The models at the maximum.
    fn maximum(&self) -> (&M, Option<&GammaGamma>) {
        (&self.purchases.models[0], self.spend.as_ref().map(|spend| &spend.models[0]))
    }

    /// The expected total of members; those with the same history are next to each other.
    fn total(&self, model: &M, spend: Option<&GammaGamma>, members: &[Member]) -> Total {
        let mut total = Total::default();
        for run in members.chunk_by(|one, other| one.history == other.history) {
            let purchases = model.expected_purchases(&run[0].history, self.horizon);
            total.purchases += run.len() as f64 * purchases;
            total.value += purchases * worth(spend, run);
        }
        total
    }

    /// The response surfaces of some members' totals.
    fn surfaces(&self, members: &[Member]) -> Surfaces {
        let dimensions = if self.spend.is_some() { 7 } else { 4 };
        // The points of the surface, each as one of the purchases' models and one of the spend's.
        let (four, three) = (design(4), design(3));
        let place = |points: &[Vec<f64>], part: &[f64]| points.iter().position(|point| point == part).unwrap_or(0);
        let points: Vec<(usize, usize)> =
            design(dimensions).iter().map(|point| (place(&four, &point[..4]), place(&three, &point[4..]))).collect();
        let chunks: Vec<_> = members.par_chunks(CHUNK).map(|chunk| self.totals_at(&points, chunk)).collect();
        let sums = sum(points.len(), &chunks);
        let surface =
            |quantity: fn(&Total) -> f64| Surface::new(dimensions, &sums.iter().map(quantity).collect::<Vec<_>>());
        Surfaces { purchases: surface(|total| total.purchases), value: surface(|total| total.value) }
    }

    /// The expected totals of some members at pairs of models; members with the same history are next to each other.
    fn totals_at(&self, points: &[(usize, usize)], members: &[Member]) -> Vec<Total> {
        let mut totals = vec![Total::default(); points.len()];
        for run in members.chunk_by(|one, other| one.history == other.history) {
            let expect = |model: &M| model.expected_purchases(&run[0].history, self.horizon);
            let purchases: Vec<f64> = self.purchases.models.iter().map(expect).collect();
            let worth: Vec<f64> = match &self.spend {
                None => vec![worth(None, run)],
                Some(spend) => spend.models.iter().map(|model| worth(Some(model), run)).collect(),
            };
            for (total, (of_purchases, of_spend)) in totals.iter_mut().zip(points) {
                total.purchases += run.len() as f64 * purchases[*of_purchases];
                total.value += purchases[*of_purchases] * worth[*of_spend];
            }
        }
        totals
    }

    /// A total of drawn futures for each draw of the parameters.
    fn futures(&self, members: &[Member]) -> Vec<Total> {
        let chunk = |members: &[Member]| {
            let mut totals = vec![Total::default(); self.draws.len()];
            for member in members {
                let mut random = generator(self.seed, member.key);
                for (total, draw) in totals.iter_mut().zip(&self.draws) {
                    let future = self.future(member, &draw.purchases, draw.spend.as_ref(), &mut random);
                    total.purchases += future.purchases;
                    total.value += future.value;
                }
            }
            totals
        };
        let chunks: Vec<_> = members.par_chunks(CHUNK).map(chunk).collect();
        sum(self.draws.len(), &chunks)
    }

    /// One possible future of a member.
    fn future(&self, member: &Member, model: &M, spend: Option<&GammaGamma>, random: &mut Pcg64) -> Total {
        let purchases = model.simulate(&member.history, self.horizon, random);
        let amount = match spend {
            Some(spend) => spend.simulate(&member.spend, purchases, random),
            None => purchases as f64,
        };
        Total { purchases: purchases as f64, value: amount * member.worth }
    }

    /// The expected totals with normal noise.
    fn with_noise(&self, expected: &[Total], members: &[Member]) -> Vec<Total> {
        let sample = spread(members, MOST_OF_NOISE);
        let step = members.len() as f64 / sample.len() as f64;
        let variance = |member: &Member| {
            let mut random = generator(self.seed, member.key);
            let (model, spend) = self.maximum();
            let futures: Vec<Total> = (0..FUTURES).map(|_| self.future(member, model, spend, &mut random)).collect();
            Total {
                purchases: sample_variance(futures.iter().map(|future| future.purchases)),
                value: sample_variance(futures.iter().map(|future| future.value)),
            }
        };
        let variances: Vec<Total> = sample.par_iter().map(variance).collect();
        let spread = |quantity: fn(&Total) -> f64| (step * variances.iter().map(quantity).sum::<f64>()).sqrt();
        let (of_purchases, of_value) = (spread(|total| total.purchases), spread(|total| total.value));
        let mut random = generator(self.seed, GROUPS);
        let noisy = |total: &Total| {
            let noise = normal(&mut random);
            Total {
                purchases: (total.purchases + of_purchases * noise).max(0.0),
                value: total.value + of_value * noise,
            }
        };
        expected.iter().map(noisy).collect()
    }
}

/// The members by history, spend, worth and key.
fn ordered(members: &[Member]) -> Vec<Member> {
    let mut ordered = members.to_vec();
    let numbers = |member: &Member| {
        let Member { history, spend, worth, .. } = member;
        [history.x, history.t_x, history.t, spend.x, spend.m, *worth]
    };
    ordered.sort_unstable_by(|a, b| {
        let pairs = numbers(a).into_iter().zip(numbers(b));
        let order = pairs.map(|(one, other)| one.total_cmp(&other));
        order.fold(Ordering::Equal, Ordering::then).then(a.key.cmp(&b.key))
    });
    ordered
}

/// What a purchase of each of the members is worth together; infinite where an expected spend is.
fn worth(spend: Option<&GammaGamma>, members: &[Member]) -> f64 {
    let of = |member: &Member| match spend {
        Some(spend) => member.worth * spend.conditional_mean(&member.spend).unwrap_or(f64::INFINITY),
        None => member.worth,
    };
    members.iter().map(of).sum()
}

/// The sums of totals, chunk by chunk.
fn sum(totals: usize, chunks: &[Vec<Total>]) -> Vec<Total> {
    let mut sums = vec![Total::default(); totals];
    for chunk in chunks {
        for (sum, total) in sums.iter_mut().zip(chunk) {
            sum.purchases += total.purchases;
            sum.value += total.value;
        }
    }
    sums
}

/// So many members at even distances, or all if they are not more.
fn spread(members: &[Member], most: usize) -> Vec<Member> {
    let taken = members.len().min(most);
    let step = members.len() as f64 / taken as f64;
    (0..taken).map(|i| members[middle(i, step)]).collect()
}

/// The place of the middle of step i.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a place in a slice")]
fn middle(i: usize, step: f64) -> usize {
    ((i as f64 + 0.5) * step) as usize
}

/// The variance of some numbers, without bias.
fn sample_variance(values: impl Iterator<Item = f64> + Clone) -> f64 {
    let count = values.clone().count() as f64;
    let mean = values.clone().sum::<f64>() / count;
    values.map(|value| (value - mean) * (value - mean)).sum::<f64>() / (count - 1.0)
}

/// The interval that leaves out [`TAIL`] on either side, by linear interpolation between the ordered values.
fn interval(values: impl Iterator<Item = f64>) -> Interval {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let last = values.len() - 1;
    let place = TAIL * last as f64;
    let below = middle(0, 2.0 * place);
    let share = place - below as f64;
    let between = |from: f64, to: f64| from + share * (to - from);
    Interval {
        low: between(values[below], values[below + 1]),
        high: between(values[last - below], values[last - below - 1]),
    }
}
