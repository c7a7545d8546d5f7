//! Fits purchases and spend to customers.

use std::collections::{BTreeMap, HashMap};

use appraise_clv::{
    CovariateFit, FOLDS, FitError, GammaGamma, History, Maximum, Patterns, PurchaseKind, Spend, Spends, choose,
};
use arrow::array::RecordBatch;
use foldhash::fast::FixedState;

use super::card::{CandidateCard, ClvCard, CovariatesCard, FitCard, GroupFitCard, PurchasesCard, SpendCard};
use super::config::{ClvConfig, Fallback, Margin, PurchaseChoice};
use super::covariates::{Columns, Distinct, Encoded};
use super::customers::{Customers, NotFitted};
use crate::columns::{texts, values_of};
use crate::error::ModelError;
use crate::groups::GroupTree;

/// A frequency and a mean spend that move together by more than this are said to.
const NOTABLE_CORRELATION: f64 = 0.3;
/// A fit of fewer customers is said to be of few.
const FEW_CUSTOMERS: f64 = 500.0;
/// A standard error above this share of its parameter is said to be large.
const LARGE_ERROR: f64 = 0.5;

/// Spends of so many customers are put among the distinct ones at a time, at least.
const SPENDS_AT_ONCE: usize = 1 << 16;

/// How many customers have a history, by group or else covariates, fold and the bits of x, `t_x` and t.
type Counts = HashMap<(u32, u32, [u64; 3]), f64, FixedState>;

/// What fitting needs of all customers.
struct Gathered {
    tree: GroupTree,
    /// Attributes of each group with fitted customers, by its number in `tree`.
    groups: BTreeMap<usize, Vec<Option<String>>>,
    covariates: Distinct,
    counts: Counts,
    /// Whether held-out fifths of the customers are needed.
    folded: bool,
    spends: Spends,
    /// Those that are not yet among the distinct ones: no more than these, so that memory goes by distinct spends.
    further_spends: Vec<(Spend, f64)>,
    unknown_entries: u64,
    before_fit_from: u64,
    /// Customers of each group of `tree` who bought, and all of them.
    converted: BTreeMap<usize, (u64, u64)>,
    margins: (f64, f64),
    /// Purchases after the first, and time, of all customers.
    rate: (f64, f64),
}

/// Fits purchases and spend to the customers of `table`.
///
/// # Errors
/// [`ModelError::Fit`] when purchases have no fit and nothing stands in.
pub(super) fn fit(config: &ClvConfig, scale: u8, table: &[RecordBatch]) -> Result<ClvCard, ModelError> {
    let mut gathered = gather(config, scale, table)?;
    gathered.merge_spends();
    let fitted_customers: f64 = gathered.counts.values().sum();
    let (purchases, mut doubts) = fit_purchases(config, &gathered)?;
    let spend = fit_spend(&gathered.spends, &mut doubts);
    if gathered.unknown_entries > 0 {
        let count = gathered.unknown_entries;
        doubts
            .push(format!("{count} buyers may have bought before the data begin: they are valued as if they had not"));
    }
    let (sum, count) = gathered.margins;
    Ok(ClvCard {
        purchases,
        spend,
        conversion_rate: gathered.conversion_rate(None),
        mean_margin: (count > 0.0).then(|| sum / count),
        fitted_customers: whole(fitted_customers),
        customers_of_unknown_entry: gathered.unknown_entries,
        customers_before_fit_from: config.fit_from.map(|_| gathered.before_fit_from),
        doubts,
    })
}

fn gather(config: &ClvConfig, scale: u8, table: &[RecordBatch]) -> Result<Gathered, ModelError> {
    let discrete = config.is_discrete();
    let mut gathered = Gathered {
        tree: GroupTree::default(),
        groups: BTreeMap::new(),
        covariates: Distinct::default(),
        counts: Counts::default(),
        folded: !config.fit_by.is_empty() || config.purchases == PurchaseChoice::Auto,
        spends: Spends::new([]),
        further_spends: Vec::new(),
        unknown_entries: 0,
        before_fit_from: 0,
        converted: BTreeMap::new(),
        margins: (0.0, 0.0),
        rate: (0.0, 0.0),
    };
    for batch in table {
        let customers = Customers::new(config, scale, discrete, batch)?;
        let attributes = texts(&config.fit_by, batch)?;
        let covariates = Columns::new(&config.covariates, batch)?;
        for row in 0..batch.num_rows() {
            let group = gathered.tree.insert(values_of(&attributes, row));
            let (bought, all) = gathered.converted.entry(group).or_default();
            *bought += u64::from(!customers.is_prospect(row));
            *all += 1;
            let Some(history) = customers.history(row) else { continue };
            match customers.not_fitted(row) {
                Some(NotFitted::EntryUnknown) => gathered.unknown_entries += 1,
                Some(NotFitted::BeforeFitFrom) => gathered.before_fit_from += 1,
                None if config.covariates.is_empty() => {
                    let names = || values_of(&attributes, row).map(|value| value.map(str::to_owned)).collect();
                    gathered.groups.entry(group).or_insert_with(names);
                    gathered.add(&customers, row, history, group);
                }
                None => {
                    let number = gathered.covariates.insert(&covariates, row);
                    gathered.add(&customers, row, history, number);
                }
            }
        }
    }
    Ok(gathered)
}

impl Gathered {
    fn add(&mut self, customers: &Customers<'_>, row: usize, history: History, group: usize) {
        let fold = if self.folded { customers.key_hash(row) % FOLDS as u64 } else { 0 };
        let bits = [history.x, history.t_x, history.t].map(f64::to_bits);
        // There are fewer groups and folds than customers, and fewer customers than 2³².
        let [group, fold] = [group as u64, fold].map(|number| u32::try_from(number).unwrap_or(u32::MAX));
        *self.counts.entry((group, fold, bits)).or_default() += 1.0;
        if let Some(m) = customers.mean_spend(row).filter(|mean| history.x > 0.0 && *mean > 0.0) {
            self.further_spends.push((Spend { x: history.x, m }, 1.0));
            if self.further_spends.len() >= SPENDS_AT_ONCE.max(self.spends.spends().len()) {
                self.merge_spends();
            }
        }
        if let Some(margin) = customers.margin(row) {
            self.margins = (self.margins.0 + margin, self.margins.1 + 1.0);
        }
        self.rate = (self.rate.0 + history.x, self.rate.1 + history.t);
    }

    fn merge_spends(&mut self) {
        let distinct = std::mem::replace(&mut self.spends, Spends::new([]));
        self.spends = distinct.with(self.further_spends.drain(..));
    }

    /// Share of the customers of a group, or of all, who have bought.
    fn conversion_rate(&self, group: Option<usize>) -> f64 {
        let of = self.converted.iter().filter(|(number, _)| group.is_none_or(|group| group == **number));
        let (bought, all) = of.fold((0, 0), |(bought, all), (_, of)| (bought + of.0, all + of.1));
        if all > 0 { bought as f64 / all as f64 } else { 0.0 }
    }

    /// Group or covariates, fold, history and customers, in no order.
    fn histories(&self) -> impl Iterator<Item = (usize, usize, History, f64)> + '_ {
        self.counts.iter().map(|(&(number, fold, bits), &count)| {
            let [x, t_x, t] = bits.map(f64::from_bits);
            (number as usize, fold as usize, History { x, t_x, t }, count)
        })
    }

    /// The patterns of each fold of one group, or of all of them.
    fn folds(&self, group: Option<usize>) -> [Patterns; FOLDS] {
        std::array::from_fn(|fold| {
            let of = self.histories().filter(|(g, f, ..)| *f == fold && group.is_none_or(|group| group == *g));
            Patterns::new(of.map(|(.., history, count)| (history, count)))
        })
    }

    /// The patterns of all customers.
    fn patterns(&self) -> Patterns {
        Patterns::new(self.histories().map(|(.., history, count)| (history, count)))
    }

    /// The covariates of the fitted customers.
    fn encoded(&self, config: &ClvConfig) -> Result<Encoded, ModelError> {
        let mut counts = vec![0.0; self.covariates.len()];
        if !config.covariates.is_empty() {
            self.histories().for_each(|(number, .., count)| counts[number] += count);
        }
        Encoded::new(&config.covariates, &self.covariates, &counts)
    }
}

fn fit_purchases(config: &ClvConfig, gathered: &Gathered) -> Result<(PurchasesCard, Vec<String>), ModelError> {
    let unit_days = if config.is_discrete() { config.period_days } else { config.unit_days };
    let encoded = gathered.encoded(config)?;
    let chosen = chosen(config, gathered);
    let candidates = chosen.as_ref().map(|(_, cards)| cards.clone()).unwrap_or_default();
    let fitted = chosen.and_then(|(kind, _)| Ok((kind, fit_kind(kind, config, gathered, &encoded)?)));
    match (fitted, config.fallback) {
        (Ok((kind, ModelFit { all, groups, pooling, covariates })), _) => {
            let mut doubts = doubts_of(&all);
            let same = |name: &String| format!("{name} is the same for all fitted customers: it has no effect");
            doubts.extend(encoded.constant.iter().map(same));
            if covariates.is_some() {
                doubts.push("groups have no intervals: none are known for covariates".to_owned());
            }
            let model = kind.name().to_owned();
            Ok((PurchasesCard { model, unit_days, all, covariates, groups, pooling, candidates }, doubts))
        }
        (Err(source), Some(fallback)) => {
            let doubt = format!("{source}: {} stands in, which knows nothing of who has left", fallback.name());
            let all = fallback_card(fallback, gathered);
            let model = fallback.name().to_owned();
            let (covariates, groups) = (None, Vec::new());
            Ok((PurchasesCard { model, unit_days, all, covariates, groups, pooling: None, candidates }, vec![doubt]))
        }
        (Err(source), None) => Err(ModelError::Fit { what: "clv.purchases", source }),
    }
}

/// The model to fit, and how those that were compared did.
fn chosen(config: &ClvConfig, gathered: &Gathered) -> Result<(PurchaseKind, Vec<CandidateCard>), FitError> {
    let kinds = config.purchases.candidates();
    if let [only] = kinds[..] {
        return Ok((only, Vec::new()));
    }
    let choice = choose(&kinds, &gathered.folds(None))?;
    let cards = choice.candidates.iter().map(|candidate| CandidateCard {
        model: candidate.kind.name().to_owned(),
        held_out_log_likelihood: candidate.held_out.as_ref().ok().copied(),
        behind: candidate.behind.0,
        behind_standard_error: candidate.behind.1,
    });
    Ok((choice.kind, cards.collect()))
}

struct ModelFit {
    all: FitCard,
    groups: Vec<GroupFitCard>,
    pooling: Option<f64>,
    covariates: Option<CovariatesCard>,
}

fn fit_kind(
    kind: PurchaseKind,
    config: &ClvConfig,
    gathered: &Gathered,
    encoded: &Encoded,
) -> Result<ModelFit, FitError> {
    let names = kind.parameter_names();
    let alone = |all, covariates| ModelFit { all, groups: Vec::new(), pooling: None, covariates };
    if !encoded.is_empty() {
        let fit =
            encoded.fit(kind, gathered.histories().map(|(number, _, history, count)| (number, history, count)))?;
        let all = card_with_covariates(names, &fit, gathered.counts.len());
        return Ok(alone(all, Some(encoded.card(kind, &fit))));
    }
    if config.fit_by.is_empty() {
        return Ok(alone(fit_card(&names, &kind.fit(&gathered.patterns())?), None));
    }
    let folds: Vec<[Patterns; FOLDS]> = gathered.groups.keys().map(|group| gathered.folds(Some(*group))).collect();
    let fits = kind.fit_groups(&folds)?;
    let card = |((number, group), fit): ((&usize, &Vec<Option<String>>), &Maximum<4>)| GroupFitCard {
        group: group.clone(),
        conversion_rate: gathered.conversion_rate(Some(*number)),
        fit: fit_card(&names, fit),
    };
    let mut groups: Vec<GroupFitCard> = gathered.groups.iter().zip(&fits.groups).map(card).collect();
    groups.sort_by(|a, b| a.group.cmp(&b.group));
    let pooling = fits.strength.is_finite().then_some(fits.strength);
    Ok(ModelFit { all: fit_card(&names, &fits.pooled), groups, pooling, covariates: None })
}

/// The card of the parameters of a customer whose covariates are 0.
fn card_with_covariates(names: [&str; 4], fit: &CovariateFit, patterns: usize) -> FitCard {
    let parameters = fit.log_parameters.map(libm::exp);
    let errors = fit.standard_errors();
    let by_name = |value: &dyn Fn(usize) -> f64| (0..4).map(|i| (names[i].to_owned(), value(i))).collect();
    FitCard {
        parameters: by_name(&|i| parameters[i]),
        standard_errors: by_name(&|i| parameters[i] * errors[i]),
        log_covariance: fit.covariance.clone(),
        log_likelihood: fit.log_likelihood,
        gradient_norm: fit.gradient_norm,
        customers: whole(fit.customers),
        patterns: patterns as u64,
    }
}

fn fit_card<const K: usize>(names: &[&str; K], fit: &Maximum<K>) -> FitCard {
    let by_name = |values: &[f64; K]| names.iter().map(|&name| name.to_owned()).zip(*values).collect();
    FitCard {
        parameters: by_name(&fit.parameters),
        standard_errors: by_name(&fit.standard_errors),
        log_covariance: fit.covariance.iter().map(|row| row.to_vec()).collect(),
        log_likelihood: fit.log_likelihood,
        gradient_norm: fit.gradient_norm,
        customers: whole(fit.customers),
        patterns: fit.patterns as u64,
    }
}

fn fallback_card(fallback: Fallback, gathered: &Gathered) -> FitCard {
    let (purchases, time) = gathered.rate;
    let rate = if time > 0.0 { purchases / time } else { 0.0 };
    let parameters = match fallback {
        Fallback::Mean => [("rate".to_owned(), rate)].into(),
        Fallback::LastYearRepeat => BTreeMap::new(),
    };
    plain_card(parameters, whole(gathered.counts.values().sum()))
}

/// The card of what is not fitted by likelihood.
fn plain_card(parameters: BTreeMap<String, f64>, customers: u64) -> FitCard {
    FitCard {
        parameters,
        standard_errors: BTreeMap::new(),
        log_covariance: Vec::new(),
        log_likelihood: 0.0,
        gradient_norm: 0.0,
        customers,
        patterns: 0,
    }
}

fn fit_spend(spends: &Spends, doubts: &mut Vec<String>) -> SpendCard {
    let correlation = spends.correlation();
    if let Some(correlation) = correlation.filter(|correlation| correlation.abs() > NOTABLE_CORRELATION) {
        let who = if correlation > 0.0 { "more" } else { "less" };
        doubts.push(format!(
            "customers who come more often spend {who} each time (correlation {correlation:.2}): spend is modelled as if they did not"
        ));
    }
    match GammaGamma::fit(spends) {
        Ok(fit) => {
            let q = fit.parameters[1];
            if q <= 1.0 {
                doubts.push(format!(
                    "q of gamma_gamma is {q:.3}: the mean spend of customers without repeat purchases is infinite"
                ));
            }
            let fit = fit_card(&GammaGamma::PARAMETERS, &fit);
            doubts.extend(doubts_of(&fit).into_iter().map(|doubt| format!("spend: {doubt}")));
            SpendCard { model: "gamma_gamma".to_owned(), fit, correlation_with_frequency: correlation }
        }
        Err(error) => {
            doubts.push(format!("{error}: everybody is taken to spend the mean"));
            let customers = spends.customers();
            let sum: f64 = spends.spends().iter().zip(spends.counts()).map(|(spend, count)| spend.m * count).sum();
            let mean = if customers > 0.0 { sum / customers } else { 0.0 };
            let fit = plain_card([("mean".to_owned(), mean)].into(), whole(customers));
            SpendCard { model: "mean".to_owned(), fit, correlation_with_frequency: correlation }
        }
    }
}

/// What is doubtful about a fit, in words.
fn doubts_of(fit: &FitCard) -> Vec<String> {
    let mut doubts = Vec::new();
    if (fit.customers as f64) < FEW_CUSTOMERS {
        doubts.push(format!("fitted to {} customers only", fit.customers));
    }
    for (name, error) in &fit.standard_errors {
        let value = fit.parameters.get(name).copied().unwrap_or_default();
        if *error > LARGE_ERROR * value {
            doubts.push(format!("the data say little about {name}: {value:.4} with a standard error of {error:.4}"));
        }
    }
    doubts
}

/// A number of customers.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count of rows")]
fn whole(customers: f64) -> u64 {
    customers as u64
}

/// The margin of a customer.
pub(super) fn margin(config: &ClvConfig, mean: Option<f64>, own: Option<f64>) -> Option<f64> {
    match config.margin {
        Margin::Share(share) => Some(share),
        Margin::Column(_) => own.or(mean),
    }
}
