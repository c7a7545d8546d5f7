//! The part of a pipeline that decides what its tables hold.

use appraise_expression::Parsed;
use appraise_model::{ClvConfig, CreditConfig, Margin, PurchaseChoice, StrategyConfig, Timing};
use appraise_schema::as_of::date_of;
use appraise_schema::{PurchasePeriod, Share, TimeUnit};
use serde_json::{Value, json};

use super::classes::classes;
use super::index_text::{index, k_means};
use super::resolved::{
    CheckRule, ColumnCheck, Features, Model, Pipeline, Potential, ReferenceTable, Rfm, ScoreRule, SegmentRule, Source,
};

impl Pipeline {
    /// The configuration that decides the bytes of the tables, as canonical JSON: no paths, no limits, and none of the
    /// checks that can only stop a run. Equal configurations, however written, give equal values.
    #[must_use]
    pub fn semantic(&self) -> Value {
        let sources = self.sources.iter().map(|(kind, of)| (kind.name().to_owned(), source(of)));
        let sources = Value::Object(sources.collect());
        let references = self.references.iter().map(|(name, table)| (name.clone(), reference(table)));
        let references = Value::Object(references.collect());
        let mut semantic = json!({
            "version": 1,
            "name": self.name,
            "timezone": self.timezone.name(),
            "money": { "unit": self.money.unit(), "scale": self.money.scale() },
            "known_by": self.known_by.map(|date| date.to_string()),
            "sources": sources,
            "references": references,
            "exchange_rates": self.exchange_rates.as_ref().map(reference),
            "features": features(&self.features),
            "model": model(&self.model),
            "compression": self.export.compression,
        });
        if self.export.changes {
            semantic["changes"] = true.into();
        }
        semantic
    }
}

impl Pipeline {
    /// The part of [`Pipeline::semantic`] that decides the rows and files of `customer_features`, and the limits by which reading the
    /// inputs may fail.
    #[must_use]
    pub fn semantic_of_features(&self) -> Value {
        let mut semantic = self.semantic();
        if let Some(sections) = semantic.as_object_mut() {
            sections.retain(|name, _| !matches!(name.as_str(), "name" | "model"));
        }
        let limits = |source: &Source| {
            let of_checks = source.checks.iter().map(|check| check.tolerate.map(Share::fraction)).collect::<Vec<_>>();
            let (rows, freshness) = (format!("{:?}", source.rows), format!("{:?}", source.freshness));
            json!([source.tolerate.fraction(), of_checks, rows, freshness])
        };
        semantic["limits"] = self.sources.iter().map(|(kind, of)| json!([kind.name(), limits(of)])).collect();
        semantic
    }
}

fn source(source: &Source) -> Value {
    let columns: serde_json::Map<String, Value> = source
        .columns
        .iter()
        .map(|mapping| (mapping.column.name.to_owned(), mapping.expression.text().into()))
        .collect();
    json!({
        "zone": source.zone.name(),
        "delivery": source.delivery,
        "duplicates": source.duplicates,
        "where": source.filter.as_ref().map(Parsed::text),
        "columns": columns,
        "attributes": in_order(&source.attributes),
        "checks": source.checks.iter().map(check).collect::<Value>(),
    })
}

fn reference(table: &ReferenceTable) -> Value {
    json!({
        "on": { "attribute": table.attribute, "value": table.on.text() },
        "valid_from": table.valid_from.as_ref().map(Parsed::text),
        "columns": in_order(&table.columns),
    })
}

/// Names and expressions whose order is that of columns.
fn in_order(entries: &[(String, Parsed)]) -> Value {
    entries.iter().map(|(name, expression)| json!([name, expression.text()])).collect()
}

fn check(check: &ColumnCheck) -> Value {
    let (rule, bound): (&str, Value) = match &check.rule {
        CheckRule::NotBlank => ("not_blank", true.into()),
        CheckRule::In(values) => ("in", values.clone().into()),
        CheckRule::MinDay(day) => ("min_day", (*day).into()),
        CheckRule::MaxDay(day) => ("max_day", (*day).into()),
        CheckRule::MinMinor(minor) => ("min_minor", (*minor).into()),
        CheckRule::MaxMinor(minor) => ("max_minor", (*minor).into()),
    };
    json!({ "column": check.column.name, "rule": rule, "bound": bound, "severity": check.severity })
}

fn features(features: &Features) -> Value {
    json!({
        "purchase_period": period_name(features.purchase_period),
        "time_unit": unit_name(features.time_unit),
        "spend_period": features.spend_period.name(),
        "windows": features.windows.iter().map(ToString::to_string).collect::<Value>(),
        "leave_out": features.leave_out,
        "half_life_days": features.interaction.half_life_days,
        "kind_weights": features.interaction.kind_weights,
        "default_days": features.default_days,
        "late_bid_seconds": features.late_bid_seconds,
        "no_show_days": features.no_show_days,
        "columns": in_order(&features.own),
        "only": features.only,
    })
}

fn model(model: &Model) -> Value {
    let mut semantic = json!({ "rfm": model.rfm.as_ref().map(rfm), "segments": segments(&model.segments) });
    for (key, rules) in
        [("objective_segments", &model.objective_segments), ("subjective_segments", &model.subjective_segments)]
    {
        if !rules.is_empty() {
            semantic[key] = segments(rules);
        }
    }
    if !model.strategies.is_empty() {
        semantic["strategies"] =
            model.strategies.iter().map(|of| json!({ "name": of.name, "is": strategy(of) })).collect();
        semantic["suppress"] = segments(&model.suppress);
    }
    if !model.groups.is_empty() {
        semantic["groups"] = json!(model.groups);
    }
    if let Some(of) = &model.credit {
        semantic["credit"] = credit(of);
    }
    if let Some(of) = &model.clv {
        semantic["clv"] = clv(of);
    }
    if let Some(of) = &model.k_means {
        semantic["k_means"] = k_means(of);
    }
    if let Some(of) = &model.index {
        semantic["index"] = index(of);
    }
    if let Some(of) = &model.potential {
        semantic["potential"] = potential(of);
    }
    for (key, section) in classes(model) {
        semantic[key] = section;
    }
    semantic
}

/// Segments and their rules, in order.
pub(crate) fn segments(rules: &[SegmentRule]) -> Value {
    rules.iter().map(|rule| json!({ "name": rule.name, "when": rule.when.text() })).collect()
}

/// A strategy, its budget in minor units.
fn strategy(of: &StrategyConfig) -> Value {
    json!({
        "for": of.segments,
        "actions": of.actions,
        "channel": of.channel,
        "owner": of.owner,
        "reason": of.reason,
        "budget": of.budget,
        "cap": of.cap,
        "uplift": of.uplift.map(Share::fraction),
        "gain": of.gain,
        "control_share": of.control_share.fraction(),
    })
}

/// Lifetime value as it stands in the resolved pipeline.
pub(crate) fn clv(clv: &ClvConfig) -> Value {
    let purchases = match clv.purchases {
        PurchaseChoice::Fixed(kind) => kind.name(),
        PurchaseChoice::Auto => "auto",
    };
    let timing = match clv.timing {
        Timing::Mid => "mid",
        Timing::End => "end",
    };
    let margin = match &clv.margin {
        Margin::Share(share) => format!("{}%", (share * 1e8).round() / 1e6),
        Margin::Column(name) => name.clone(),
    };
    let mut semantic = json!({
        "purchases": purchases,
        "horizon": clv.horizon.to_string(),
        "discount_rate": clv.discount_rate.to_string(),
        "timing": timing,
        "margin": margin,
        "fit_by": clv.fit_by,
    });
    if let Some(fallback) = clv.fallback {
        semantic["fallback"] = fallback.name().into();
    }
    if !clv.covariates.is_empty() {
        semantic["covariates"] = clv.covariates.clone().into();
    }
    for (name, day) in [("history_start", clv.history_start), ("fit_from", clv.fit_from)] {
        if let Some(date) = day.and_then(date_of) {
            semantic[name] = date.to_string().into();
        }
    }
    if let Some(most) = clv.probabilities {
        semantic["probabilities"] = most.into();
    }
    semantic
}

fn credit(credit: &CreditConfig) -> Value {
    json!({
        "loss_given_default": credit.loss_given_default.fraction(),
        "exposure": credit.exposure.name(),
        "group_by": credit.group_by,
        "grades": credit.grades.iter().map(|grade| json!([grade.name, grade.up_to.fraction()])).collect::<Value>(),
    })
}

fn potential(potential: &Potential) -> Value {
    json!({
        "by": potential.by,
        "demand": potential.demand,
        "horizon_years": potential.horizon.years(),
        "winsorise": potential.winsorise.fraction(),
    })
}

fn rfm(rfm: &Rfm) -> Value {
    json!({
        "bins": rfm.bins,
        "score_weights": rfm.weights,
        "recency": score(&rfm.recency),
        "frequency": score(&rfm.frequency),
        "monetary": score(&rfm.monetary),
    })
}

fn score(rule: &ScoreRule) -> Value {
    match rule {
        ScoreRule::Quantile { ties, separate_one_time } => {
            json!({ "method": "quantile", "ties": ties, "separate_one_time": separate_one_time })
        }
        ScoreRule::Nested { ties, separate_one_time } => {
            json!({ "method": "nested", "ties": ties, "separate_one_time": separate_one_time })
        }
        ScoreRule::Thresholds { cuts } => json!({ "method": "thresholds", "cuts": cuts }),
    }
}

/// The name of a purchase period in the pipeline file.
pub(crate) fn period_name(period: PurchasePeriod) -> &'static str {
    match period {
        PurchasePeriod::Day => "day",
        PurchasePeriod::Week => "week",
        PurchasePeriod::Month => "month",
    }
}

/// The name of a time unit in the pipeline file.
pub(crate) fn unit_name(unit: TimeUnit) -> &'static str {
    match unit {
        TimeUnit::Day => "day",
        TimeUnit::Week => "week",
    }
}
