//! Recency, frequency and monetary scores of buyers; the best score is `bins`, the worst 1.
//!
//! Scores are by quantiles of the buyers or by thresholds, on integers throughout. `rfm_score` is their mean by
//! the weights r, f, m, computed as `r_score + (f·(f_score − r_score) + m·(m_score − r_score)) / (r + f + m)`, so
//! that three equal scores have exactly that mean, and kept within 1 and `bins`.
//! Customers none of whose purchases stands have no scores.

mod nested;

use std::fmt::Write as _;
use std::sync::Arc;

use appraise_schema::{ColumnSpec, ColumnType};
use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Float64Array, Int32Array, Int64Array, RecordBatch, StringBuilder,
};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{DataType, Int32Type, Int64Type};
use rayon::prelude::*;

use self::nested::Nested;
use crate::card::{CardValue, DimensionCard, MethodCard, ModelCard, RfmCard, ScoreCard};
use crate::columns::{absent, money, typed};
use crate::config::{Dimension, RfmConfig, ScoreMethod, Ties};
use crate::error::ModelError;
use crate::model::{Fitted, Model};
use crate::scores::{CutOffs, FittedRanking, Ranking, ScoreRange};

/// The feature columns that are read: the key, who is a buyer, and the three that are scored.
const INPUTS: &[&str] = &["customer_id", "days_since_last_purchase", "purchase_periods", "net_revenue"];

/// The scores, checked.
pub(crate) struct Rfm {
    config: RfmConfig,
    /// Decimal places of money.
    scale: u8,
}

impl Rfm {
    /// Checks the parameters.
    pub(crate) fn new(config: RfmConfig, scale: u8) -> Result<Self, ModelError> {
        config.check()?;
        Ok(Self { config, scale })
    }
}

impl Model for Rfm {
    fn columns(&self) -> Vec<ColumnSpec> {
        columns(self.config.bins)
    }

    fn fit_inputs(&self) -> Vec<String> {
        INPUTS.iter().map(|&name| name.to_owned()).collect()
    }

    fn inputs(&self) -> Vec<String> {
        self.fit_inputs()
    }

    fn fit(&self, table: &[RecordBatch]) -> Result<Box<dyn Fitted + '_>, ModelError> {
        Ok(Box::new(fit(&self.config, self.scale, table)?))
    }

    fn thaw(&self, card: &ModelCard) -> Result<Box<dyn Fitted + '_>, ModelError> {
        let card = card.rfm.as_ref().ok_or_else(|| ModelError::not_in_card("`rfm`"))?;
        Ok(Box::new(from_card(&self.config, self.scale, card)?))
    }

    /// Split ties are told apart by the customers' keys, which the card does not name.
    fn section(&self) -> Option<&'static str> {
        let splits = |method: &ScoreMethod| {
            matches!(method, ScoreMethod::Quantile { ties: Ties::Split } | ScoreMethod::Nested { ties: Ties::Split })
        };
        let RfmConfig { recency, frequency, monetary, .. } = &self.config;
        (![recency, frequency, monetary].into_iter().any(splits)).then_some("rfm")
    }
}

/// The columns that RFM adds.
pub(crate) fn columns(bins: u8) -> Vec<ColumnSpec> {
    let score = |name, of: &str| {
        ColumnSpec::nullable(
            name,
            ColumnType::Int32,
            "",
            &format!("{of} score, 1 to {bins}, {bins} is best; NULL without purchases"),
        )
    };
    let example = if bins == 10 { "'10-9-3'" } else { "'545'" };
    vec![
        score("r_score", "recency"),
        score("f_score", "frequency"),
        score("m_score", "monetary"),
        ColumnSpec::nullable(
            "rfm_cell",
            ColumnType::String,
            "",
            &format!("the three scores in a row, such as {example}; NULL without purchases"),
        ),
        ColumnSpec::nullable(
            "rfm_score",
            ColumnType::Float64,
            "",
            &format!("weighted mean of the three scores, 1 to {bins}; NULL without purchases"),
        ),
    ]
}

/// Fitted scores, ready to apply.
struct FittedRfm<'p> {
    config: &'p RfmConfig,
    card: RfmCard,
    dimensions: [FittedDimension; 3],
}

struct FittedDimension {
    dimension: Dimension,
    cut_offs: CutOffs,
    /// The fitted customers' own scores, batch by batch: under `Ties::Split` cut-offs alone do not tell them.
    split: Option<Vec<Int32Array>>,
    /// Cut-offs by the scores before, where they are nested in these.
    nested: Option<Nested>,
}

/// How the goodness of a dimension is shown.
#[derive(Clone, Copy)]
struct Numbers {
    dimension: Dimension,
    /// Decimal places of money.
    scale: u8,
}

impl Numbers {
    fn show(self, goodness: i64) -> CardValue {
        CardValue::new(self.dimension.goodness(goodness), money_scale(self.dimension, self.scale))
    }

    fn card(self, score: i32, range: Option<&ScoreRange>) -> ScoreCard {
        ScoreCard::new(score, range, |goodness| self.show(goodness))
    }
}

/// Fits the scores to the buyers among `batches`.
fn fit<'p>(config: &'p RfmConfig, scale: u8, batches: &[RecordBatch]) -> Result<FittedRfm<'p>, ModelError> {
    let fit = |dimension, before: &[FittedDimension]| fit_dimension(config, dimension, scale, batches, before);
    let (recency, r) = fit(Dimension::Recency, &[])?;
    let before = [r];
    let (frequency, f) = fit(Dimension::Frequency, &before)?;
    let [r] = before;
    let before = [r, f];
    let (monetary, m) = fit(Dimension::Monetary, &before)?;
    let [r, f] = before;
    let buyers = recency.scores.iter().map(|score| score.customers).sum();
    let score_weights = config.score_weights.into();
    let card = RfmCard { bins: config.bins, buyers, score_weights, recency, frequency, monetary };
    Ok(FittedRfm { config, card, dimensions: [r, f, m] })
}

/// Takes the scores of a card that was fitted before. Weights come from `config`: they are chosen, not fitted.
fn from_card<'p>(config: &'p RfmConfig, scale: u8, card: &RfmCard) -> Result<FittedRfm<'p>, ModelError> {
    if card.bins != config.bins {
        return Err(mismatch("`bins`", card.bins.to_string(), config.bins.to_string()));
    }
    let take = |dimension: Dimension, card: &DimensionCard| {
        let configured = method_card(config, dimension, scale);
        if card.method == configured {
            return fitted_dimension(dimension, card, scale, None);
        }
        Err(mismatch(&format!("the method of {}", dimension.column()), card.method.to_string(), configured.to_string()))
    };
    let r = take(Dimension::Recency, &card.recency)?;
    let f = take(Dimension::Frequency, &card.frequency)?;
    let m = take(Dimension::Monetary, &card.monetary)?;
    let card = RfmCard { score_weights: config.score_weights.into(), ..card.clone() };
    Ok(FittedRfm { config, card, dimensions: [r, f, m] })
}

fn mismatch(what: &str, card: String, config: String) -> ModelError {
    ModelError::CardMismatch { what: what.to_owned(), card, config }
}

impl Fitted for FittedRfm<'_> {
    fn apply(&mut self, first: usize, table: &[RecordBatch]) -> Result<Vec<Vec<ArrayRef>>, ModelError> {
        let fitted = &*self;
        table.par_iter().enumerate().map(|(index, batch)| fitted.apply_batch(first + index, batch)).collect()
    }

    fn record(self: Box<Self>, card: &mut ModelCard) {
        card.rfm = Some(self.card);
    }
}

impl FittedRfm<'_> {
    fn apply_batch(&self, index: usize, batch: &RecordBatch) -> Result<Vec<ArrayRef>, ModelError> {
        let [r, f, m] = &self.dimensions;
        let before = [r.scores(index, batch, &[])?];
        let f = f.scores(index, batch, &before)?;
        let [r] = before;
        let before = [r, f];
        let m = m.scores(index, batch, &before)?;
        let [r, f] = before;
        let cells = cells(self.config.bins, &r, &f, &m);
        let means = weighted_means(self.config, &r, &f, &m);
        Ok(vec![Arc::new(r), Arc::new(f), Arc::new(m), cells, means])
    }
}

impl FittedDimension {
    /// The scores of a batch whose scores of the dimensions before are `before`.
    fn scores(&self, index: usize, batch: &RecordBatch, before: &[Int32Array]) -> Result<Int32Array, ModelError> {
        if let Some(scores) = &self.split {
            return Ok(scores[index].clone());
        }
        let goodness = goodness(self.dimension, index, batch)?;
        match &self.nested {
            Some(nested) => Ok(nested.scores(&goodness, before)),
            None => Ok(goodness.unary(|value| self.cut_offs.score(value))),
        }
    }
}

/// The scores of `batch` in each of `dimensions`, from the first.
fn scores_before(
    dimensions: &[FittedDimension],
    index: usize,
    batch: &RecordBatch,
) -> Result<Vec<Int32Array>, ModelError> {
    let mut before = Vec::with_capacity(dimensions.len());
    for dimension in dimensions {
        before.push(dimension.scores(index, batch, &before)?);
    }
    Ok(before)
}

/// `rfm_cell` of each row.
pub(crate) fn cells(bins: u8, r: &Int32Array, f: &Int32Array, m: &Int32Array) -> ArrayRef {
    let separator = if bins == 10 { "-" } else { "" };
    let mut cells = StringBuilder::with_capacity(r.len(), r.len() * 3);
    for row in 0..r.len() {
        if r.is_null(row) {
            cells.append_null();
        } else {
            // Writing to a builder in memory does not fail.
            let _ = write!(cells, "{}{separator}{}{separator}{}", r.value(row), f.value(row), m.value(row));
            cells.append_value("");
        }
    }
    Arc::new(cells.finish())
}

/// `rfm_score` of each row.
pub(crate) fn weighted_means(config: &RfmConfig, r: &Int32Array, f: &Int32Array, m: &Int32Array) -> ArrayRef {
    let weights = config.score_weights;
    let sum = weights.r + weights.f + weights.m;
    let mean = |r: i32, f: i32, m: i32| {
        let shift = weights.f * f64::from(f - r) + weights.m * f64::from(m - r);
        (f64::from(r) + shift / sum).clamp(1.0, f64::from(config.bins))
    };
    let scores = r.iter().zip(f).zip(m).map(|((r, f), m)| Some(mean(r?, f?, m?)));
    Arc::new(scores.collect::<Float64Array>())
}

fn fit_dimension(
    config: &RfmConfig,
    dimension: Dimension,
    scale: u8,
    batches: &[RecordBatch],
    before: &[FittedDimension],
) -> Result<(DimensionCard, FittedDimension), ModelError> {
    if let ScoreMethod::Nested { ties } = config.method(dimension) {
        return fit_nested(config, dimension, scale, batches, before, *ties);
    }
    let mut sorted: Vec<i64> = Vec::new();
    for (index, batch) in batches.iter().enumerate() {
        sorted.extend(goodness(dimension, index, batch)?.iter().flatten());
    }
    sorted.par_sort_unstable();
    let method = method_card(config, dimension, scale);
    let show = |value| Numbers { dimension, scale }.show(value);
    let (fitted, split) = match config.method(dimension) {
        ScoreMethod::Quantile { ties } => {
            let ranking = Ranking { bins: config.bins, ties: *ties, separate_one_time: separate(config, dimension) };
            let split =
                (*ties == Ties::Split).then(|| split_scores(ranking, dimension, &sorted, batches)).transpose()?;
            (ranking.fit(&sorted), split)
        }
        ScoreMethod::Nested { .. } => (FittedRanking::default(), None),
        ScoreMethod::Thresholds { cuts } => (fit_thresholds(dimension, cuts, &sorted), None),
    };
    let card = DimensionCard::new(dimension.column(), method, config.bins, &fitted, show);
    let fitted = fitted_dimension(dimension, &card, scale, split)?;
    Ok((card, fitted))
}

/// Fits the scores of a dimension within those of the dimensions `before`.
fn fit_nested(
    config: &RfmConfig,
    dimension: Dimension,
    scale: u8,
    batches: &[RecordBatch],
    before: &[FittedDimension],
    ties: Ties,
) -> Result<(DimensionCard, FittedDimension), ModelError> {
    let rows = |(index, batch)| Ok((goodness(dimension, index, batch)?, scores_before(before, index, batch)?));
    let rows = batches.iter().enumerate().map(rows).collect::<Result<Vec<_>, ModelError>>()?;
    let ranking = Ranking { bins: config.bins, ties, separate_one_time: separate(config, dimension) };
    let numbers = Numbers { dimension, scale };
    let fitted = nested::fit(ranking, &rows, numbers);
    let method = method_card(config, dimension, scale);
    let show = |value| numbers.show(value);
    let card = DimensionCard::new(dimension.column(), method, config.bins, &fitted.whole, show);
    let card = DimensionCard { nested: fitted.cells, ..card };
    let fitted = fitted_dimension(dimension, &card, scale, None)?;
    Ok((card, fitted))
}

/// A dimension as its card tells it.
fn fitted_dimension(
    dimension: Dimension,
    card: &DimensionCard,
    scale: u8,
    split: Option<Vec<Int32Array>>,
) -> Result<FittedDimension, ModelError> {
    let MethodCard::Nested { separate_one_time, .. } = card.method else {
        let cut_offs = cut_offs_of(dimension, card, scale)?;
        return Ok(FittedDimension { dimension, cut_offs, split, nested: None });
    };
    let read = |scores: &[ScoreCard]| ranges_of(dimension, scores, scale, separate_one_time);
    let depth = Dimension::ALL.iter().position(|other| *other == dimension).unwrap_or_default();
    let nested = Nested::thaw(&card.nested, depth, read)?;
    let cut_offs = CutOffs::Fitted { worst: Vec::new(), separate_one_time };
    Ok(FittedDimension { dimension, cut_offs, split, nested: Some(nested) })
}

/// Describes `sorted` goodness by fixed thresholds; nothing is fitted.
fn fit_thresholds(dimension: Dimension, cuts: &[i64], sorted: &[i64]) -> FittedRanking {
    let cut_offs = CutOffs::Thresholds(cuts.iter().map(|cut| dimension.goodness(*cut)).collect());
    FittedRanking::describe(sorted, |value| cut_offs.score(value))
}

fn method_card(config: &RfmConfig, dimension: Dimension, scale: u8) -> MethodCard {
    match config.method(dimension) {
        ScoreMethod::Quantile { ties } => {
            MethodCard::Quantile { ties: *ties, separate_one_time: separate(config, dimension) }
        }
        ScoreMethod::Nested { ties } => {
            MethodCard::Nested { ties: *ties, separate_one_time: separate(config, dimension) }
        }
        ScoreMethod::Thresholds { cuts } => {
            let scale = money_scale(dimension, scale);
            MethodCard::Thresholds { cuts: cuts.iter().map(|cut| CardValue::new(*cut, scale)).collect() }
        }
    }
}

fn separate(config: &RfmConfig, dimension: Dimension) -> bool {
    dimension == Dimension::Frequency && config.separate_one_time
}

fn money_scale(dimension: Dimension, scale: u8) -> Option<u8> {
    (dimension == Dimension::Monetary).then_some(scale)
}

fn cut_offs_of(dimension: Dimension, card: &DimensionCard, scale: u8) -> Result<CutOffs, ModelError> {
    match &card.method {
        MethodCard::Thresholds { cuts } => {
            let read = |value: &CardValue| value.integer(money_scale(dimension, scale), dimension.column());
            let cuts = cuts.iter().map(|cut| read(cut).map(|value| dimension.goodness(value)));
            Ok(CutOffs::Thresholds(cuts.collect::<Result<_, _>>()?))
        }
        MethodCard::Quantile { separate_one_time, .. } | MethodCard::Nested { separate_one_time, .. } => {
            ranges_of(dimension, &card.scores, scale, *separate_one_time)
        }
    }
}

/// The cut-offs of fitted ranges of scores.
fn ranges_of(
    dimension: Dimension,
    scores: &[ScoreCard],
    scale: u8,
    separate_one_time: bool,
) -> Result<CutOffs, ModelError> {
    let what = dimension.column();
    let mut worst = Vec::new();
    for score in scores {
        if let Some(value) = &score.worst {
            let value = value.integer(money_scale(dimension, scale), what)?;
            worst.push((dimension.goodness(value), score.score));
        }
    }
    if !worst.is_sorted() || worst.iter().any(|(_, score)| !(1..=10).contains(score)) {
        return Err(ModelError::CardValue {
            what: format!("scores of {what}"),
            value: format!("{worst:?}"),
            expected: "scores from 1 to 10 whose worst values get better",
        });
    }
    Ok(CutOffs::Fitted { worst, separate_one_time })
}

/// The goodness of every buyer in a batch; NULL for customers none of whose purchases stands.
fn goodness(dimension: Dimension, index: usize, batch: &RecordBatch) -> Result<Int64Array, ModelError> {
    let periods = typed(batch, "purchase_periods", &DataType::Int64)?.as_primitive::<Int64Type>();
    let buyers: BooleanArray = periods.iter().map(|periods| Some(periods.is_some_and(|count| count > 0))).collect();
    let values = integers(dimension, batch)?;
    let missing = (0..values.len()).find(|row| buyers.value(*row) && values.is_null(*row));
    if let Some(row) = missing {
        return Err(ModelError::BuyerWithoutValue { column: dimension.column(), batch: index, row });
    }
    let good: Int64Array = values.unary(|value| dimension.goodness(value));
    Ok(Int64Array::new(good.values().clone(), Some(NullBuffer::new(buyers.values().clone()))))
}

/// The scored column as integers: days, periods, minor units of money.
fn integers(dimension: Dimension, batch: &RecordBatch) -> Result<Int64Array, ModelError> {
    let name = dimension.column();
    match dimension {
        Dimension::Recency => Ok(typed(batch, name, &DataType::Int32)?.as_primitive::<Int32Type>().unary(i64::from)),
        Dimension::Frequency => Ok(typed(batch, name, &DataType::Int64)?.as_primitive::<Int64Type>().clone()),
        Dimension::Monetary => {
            let money = money(batch, name)?;
            Ok(Int64Array::new(money.values().clone(), money.nulls().cloned()))
        }
    }
}

/// Scores of all buyers by value, then key: integers by number, texts by their UTF-8 bytes.
fn split_scores(
    ranking: Ranking,
    dimension: Dimension,
    sorted: &[i64],
    batches: &[RecordBatch],
) -> Result<Vec<Int32Array>, ModelError> {
    let keys = batches.iter().map(Keys::of).collect::<Result<Vec<_>, _>>()?;
    let values = batches.iter().enumerate().map(|(index, batch)| goodness(dimension, index, batch));
    let values = values.collect::<Result<Vec<_>, _>>()?;
    let mut rows: Vec<(i64, usize, usize)> = Vec::with_capacity(sorted.len());
    for (index, batch) in values.iter().enumerate() {
        rows.extend(batch.iter().enumerate().filter_map(|(row, value)| Some((value?, index, row))));
    }
    rows.par_sort_unstable_by(|a, b| a.0.cmp(&b.0).then_with(|| keys[a.1].at(a.2).cmp(&keys[b.1].at(b.2))));
    let ranked = ranking.over(sorted);
    let mut scores: Vec<Vec<i32>> = values.iter().map(|batch| vec![0; batch.len()]).collect();
    for (rank, (_, index, row)) in (1_u64..).zip(rows) {
        scores[index][row] = ranked.score(rank, rank);
    }
    Ok(scores
        .into_iter()
        .zip(&values)
        .map(|(scores, batch)| Int32Array::new(scores.into(), batch.nulls().cloned()))
        .collect())
}

/// A key within one table: all integers or all texts.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Key<'a> {
    Integer(i64),
    Text(&'a str),
}

enum Keys<'a> {
    Integer(&'a Int64Array),
    Text(&'a arrow::array::StringArray),
}

impl<'a> Keys<'a> {
    fn of(batch: &'a RecordBatch) -> Result<Self, ModelError> {
        let keys = batch.column_by_name("customer_id");
        let integer = keys.and_then(|keys| keys.as_primitive_opt::<Int64Type>()).map(Self::Integer);
        let text = keys.and_then(|keys| keys.as_string_opt::<i32>()).map(Self::Text);
        integer.or(text).ok_or_else(|| absent("customer_id", "INT64 or STRING"))
    }

    fn at(&self, row: usize) -> Key<'a> {
        match self {
            Self::Integer(keys) => Key::Integer(keys.value(row)),
            Self::Text(keys) => Key::Text(keys.value(row)),
        }
    }
}
