//! Family `interaction`: contacts by kind, responses, feedback, and how lately all that was.
//!
//! `engagement` is a sum of doubles: contacts are counted by day and kind first, so that the order of the rows of one day
//! can't change it.

use appraise_schema::event::{Form, NO_SYMBOL, UNKNOWN, YES};
use appraise_schema::{ColumnSpec, ColumnType, SourceKind};
use arrow::array::ArrayRef;

use super::{Context, Family, FamilyColumns, Need, needs_of};
use crate::column::{Days, Doubles, Integers, ratio};
use crate::config::FeatureConfig;
use crate::error::FoldError;
use crate::history::{History, Interactions};

/// The family's columns.
pub(crate) fn columns(config: &FeatureConfig) -> FamilyColumns {
    if !config.has(SourceKind::Interactions) {
        return FamilyColumns::default();
    }
    let (int, double) = (ColumnType::Int64, ColumnType::Float64);
    let maybe = ColumnSpec::nullable;
    let always = ColumnSpec::required;
    let mut fixed = vec![
        always("interactions", int, "rows", "contacts"),
        maybe("days_since_last_interaction", ColumnType::Int32, "days", "as_of - date of the last contact"),
    ];
    if config.maps(SourceKind::Interactions, "responded") {
        fixed.extend([
            maybe("response_rate", double, "share", "contacts with a response, of those where that is known"),
            always("events_invited", int, "rows", "contacts of kind `event`"),
            always("events_attended", int, "rows", "contacts of kind `event` with a response"),
        ]);
    }
    if config.maps(SourceKind::Interactions, "feedback_score") {
        fixed.push(maybe("mean_feedback", double, "", "mean of the feedback scores; NULL without"));
    }
    let meaning = "weights of all contacts, each halved with every half-life of age";
    fixed.push(maybe("engagement", double, "", meaning));
    let of_window = config.windows.iter().map(|window| {
        let meaning = format!("contacts in the {} days up to as_of", window.days());
        always(&format!("interactions_{window}"), int, "rows", &meaning)
    });
    let kinds = config.interaction.kind_weights.keys();
    let of_kind =
        kinds.map(|kind| always(&format!("interactions_{kind}"), int, "rows", &format!("contacts of kind `{kind}`")));
    FamilyColumns { fixed, own: of_window.chain(of_kind).collect() }
}

/// What it reads.
pub(crate) fn needs() -> Vec<Need> {
    needs_of(
        SourceKind::Interactions,
        [("kind", Form::Symbol), ("responded", Form::Flag), ("feedback_score", Form::Number)],
    )
}

/// The number of contacts in a trailing window.
#[derive(Debug)]
struct WindowCount {
    days: i32,
    contacts: Integers,
}

/// A kind with a weight: how often it came.
#[derive(Debug)]
struct Kind {
    symbol: u32,
    weight: f64,
    /// Contacts of the customer at hand, and those of one day.
    count: i64,
    count_of_day: i64,
    contacts: Integers,
}

/// Whether the customer responded, and came.
#[derive(Debug, Default)]
struct Responses {
    rate: Doubles,
    invited: Integers,
    attended: Integers,
}

/// The fold of one partition.
#[derive(Debug)]
pub(crate) struct Interaction<'a> {
    context: &'a Context,
    as_of: i32,
    half_life_days: f64,
    contacts: Integers,
    windows: Vec<WindowCount>,
    /// In the order of their names.
    kinds: Vec<Kind>,
    days_since_last: Days,
    responses: Option<Responses>,
    feedback: Option<Doubles>,
    engagement: Doubles,
    scores: Vec<f64>,
}

impl<'a> Interaction<'a> {
    /// A fold.
    pub(crate) fn new(config: &'a FeatureConfig, context: &'a Context) -> Self {
        let symbols = context.kind_symbols.iter().copied().chain(std::iter::repeat(NO_SYMBOL));
        let kinds = config.interaction.kind_weights.values().zip(symbols).map(|(&weight, symbol)| Kind {
            symbol,
            weight,
            count: 0,
            count_of_day: 0,
            contacts: Integers::default(),
        });
        let windows = config.windows.iter();
        let windows =
            windows.map(|window| WindowCount { days: window.days().cast_signed(), contacts: Integers::default() });
        Self {
            context,
            as_of: config.as_of.day(),
            half_life_days: config.interaction.half_life_days,
            contacts: Integers::default(),
            windows: windows.collect(),
            kinds: kinds.collect(),
            days_since_last: Days::default(),
            responses: config.maps(SourceKind::Interactions, "responded").then(Responses::default),
            feedback: config.maps(SourceKind::Interactions, "feedback_score").then(Doubles::default),
            engagement: Doubles::default(),
            scores: Vec::new(),
        }
    }

    /// Counts the customer's contacts by kind and gives their engagement.
    fn count_kinds(&mut self, interactions: Interactions<'_>) -> f64 {
        let mut engagement = 0.0;
        let mut row = 0;
        for rows_of_day in interactions.days.chunk_by(|a, b| a == b) {
            for &symbol in &interactions.kinds[row..row + rows_of_day.len()] {
                let kind = self.kinds.iter_mut().find(|kind| kind.symbol == symbol && symbol != NO_SYMBOL);
                if let Some(kind) = kind {
                    kind.count_of_day += 1;
                }
            }
            row += rows_of_day.len();
            let decay = libm::exp2(-f64::from(self.as_of - rows_of_day[0]) / self.half_life_days);
            for kind in &mut self.kinds {
                engagement += kind.count_of_day as f64 * kind.weight * decay;
                kind.count += kind.count_of_day;
                kind.count_of_day = 0;
            }
        }
        engagement
    }

    /// Mean of the scores that are there, added from the smallest to the largest.
    fn mean_feedback(&mut self, feedback: &[f64]) -> Option<f64> {
        self.scores.clear();
        self.scores.extend(feedback.iter().filter(|score| !score.is_nan()));
        self.scores.sort_unstable_by(f64::total_cmp);
        let sum = self.scores.iter().fold(0.0, |sum, score| sum + score);
        (!self.scores.is_empty()).then(|| sum / self.scores.len() as f64)
    }
}

impl Family for Interaction<'_> {
    fn fold(&mut self, history: &History<'_>) -> Result<(), FoldError> {
        let interactions = history.interactions;
        let days = interactions.days;
        self.contacts.count(days.len());
        self.days_since_last.push(days.last().map(|last| self.as_of - last));
        for window in &mut self.windows {
            let before = days.partition_point(|&day| day <= self.as_of - window.days);
            window.contacts.count(days.len() - before);
        }
        let engagement = self.count_kinds(interactions);
        self.engagement.push(Some(engagement));
        for kind in &mut self.kinds {
            kind.contacts.push(Some(std::mem::take(&mut kind.count)));
        }
        if let Some(responses) = &mut self.responses {
            responses.push(interactions, self.context.event_symbol);
        }
        if self.feedback.is_some() {
            let mean = self.mean_feedback(interactions.feedback.unwrap_or(&[]));
            self.feedback.iter_mut().for_each(|column| column.push(mean));
        }
        Ok(())
    }

    fn finish(self: Box<Self>) -> Vec<ArrayRef> {
        let mut columns = vec![self.contacts.finish(), self.days_since_last.finish()];
        if let Some(responses) = self.responses {
            columns.extend([responses.rate.finish(), responses.invited.finish(), responses.attended.finish()]);
        }
        columns.extend(self.feedback.map(Doubles::finish));
        columns.push(self.engagement.finish());
        columns.extend(self.windows.into_iter().map(|window| window.contacts.finish()));
        columns.extend(self.kinds.into_iter().map(|kind| kind.contacts.finish()));
        columns
    }
}

impl Responses {
    fn push(&mut self, interactions: Interactions<'_>, event: u32) {
        let responded = interactions.responded.unwrap_or(&[]);
        let known = responded.iter().map(|&flag| i128::from(flag != UNKNOWN)).sum();
        let yes = responded.iter().map(|&flag| i128::from(flag == YES)).sum();
        self.rate.push(ratio(yes, known));
        let is_event = |kind: u32| kind == event && kind != NO_SYMBOL;
        self.invited.count(interactions.kinds.iter().filter(|&&kind| is_event(kind)).count());
        let of_events = interactions.kinds.iter().zip(responded).filter(|&(&kind, _)| is_event(kind));
        self.attended.count(of_events.filter(|&(_, &flag)| flag == YES).count());
    }
}

#[cfg(test)]
mod tests;
