//! Classes of customers: ABC, XYZ, the value matrix, the lifecycle.

use std::collections::BTreeMap;

use appraise_feature_engineering::FamilyKind;
use appraise_model::{AbcConfig, Axis, Cut, LifecycleConfig, ModelError, ValueMatrixConfig, XyzConfig};
use appraise_schema::{Share, SourceKind};

use super::{Report, attributes};
use crate::spec::problem::join;
use crate::spec::resolved::{Features, Model, Source};
use crate::spec::types::{AbcSpec, AxisSpec, LifecycleSpec, ModelSpec, ValueMatrixSpec, XyzSpec};

/// Shares of the sum that end the classes A and B, unless the pipeline says otherwise.
const ABC: [f64; 2] = [0.8, 0.95];

/// Resolves the classes of `spec` into `model`, against the attributes of `sources` and the built `features`.
pub(super) fn resolve(
    report: &mut Report<'_>,
    spec: &ModelSpec,
    sources: &BTreeMap<SourceKind, Source>,
    features: &Features,
    model: &mut Model,
) {
    model.abc = spec.abc.as_ref().and_then(|of| abc(report, of));
    for (path, given) in [("model.xyz", spec.xyz.is_some()), ("model.lifecycle", spec.lifecycle.is_some())] {
        if given {
            needs_timing(report, path, sources, features);
        }
    }
    model.xyz = spec.xyz.as_ref().map(|of| xyz(report, of));
    model.value_matrix = spec.value_matrix.as_ref().and_then(|of| value_matrix(report, of));
    model.lifecycle = spec.lifecycle.as_ref().map(|of| lifecycle(report, of, sources));
}

/// Reports a parameter that its model refuses, where it is written.
fn checked(report: &mut Report<'_>, result: Result<(), ModelError>) {
    if let Err(error) = result {
        let path = match &error {
            ModelError::Parameter { parameter, .. } => format!("model.{parameter}"),
            _ => "model".to_owned(),
        };
        report.add(&path, error.to_string(), error.hint().as_deref());
    }
}

fn needs_timing(report: &mut Report<'_>, path: &str, sources: &BTreeMap<SourceKind, Source>, features: &Features) {
    if !sources.contains_key(&SourceKind::Transactions) {
        report.add(path, "the rhythm of purchases needs `sources.transactions`", Some("map it, or leave this out"));
    }
    let family = FamilyKind::Timing.name();
    if features.leave_out.contains(family) {
        let message = format!("the model needs the features of `{family}`, which are left out");
        report.add(path, message, Some("take it off `features.leave_out`"));
    }
}

fn abc(report: &mut Report<'_>, spec: &AbcSpec) -> Option<AbcConfig> {
    let [a, b] =
        [("model.abc.a", &spec.a, ABC[0]), ("model.abc.b", &spec.b, ABC[1])].map(|(path, written, default)| {
            match written {
                Some(share) => report.take(path, share.share()),
                None => Share::from_fraction(default).ok(),
            }
        });
    let config = AbcConfig { measure: spec.measure.as_ref().map(|name| name.0.clone()), a: a?, b: b? };
    checked(report, config.check());
    Some(config)
}

fn xyz(report: &mut Report<'_>, spec: &XyzSpec) -> XyzConfig {
    let default = XyzConfig::default();
    let config = XyzConfig { x: spec.x.unwrap_or(default.x), y: spec.y.unwrap_or(default.y) };
    checked(report, config.check());
    config
}

fn value_matrix(report: &mut Report<'_>, spec: &ValueMatrixSpec) -> Option<ValueMatrixConfig> {
    let current = axis(report, "model.value_matrix.current", spec.current.as_ref());
    let future = axis(report, "model.value_matrix.future", spec.future.as_ref());
    Some(ValueMatrixConfig { current: current?, future: future? })
}

fn axis(report: &mut Report<'_>, path: &str, spec: Option<&AxisSpec>) -> Option<Axis> {
    let AxisSpec { column, top, at } = spec.cloned().unwrap_or_default();
    let share = report.share(&join(path, "top"), top.as_ref());
    if top.is_some() && at.is_some() {
        report.add(&join(path, "at"), "high can't begin at a share and at a value", Some("give `top` or `at`"));
    }
    let cut = match (at, top) {
        (Some(at), _) => Cut::At(at.text()),
        (None, Some(_)) => Cut::Top(share?),
        (None, None) => Axis::default().cut,
    };
    Some(Axis { column: column.map(|name| name.0), cut })
}

fn lifecycle(report: &mut Report<'_>, spec: &LifecycleSpec, sources: &BTreeMap<SourceKind, Source>) -> LifecycleConfig {
    let default = LifecycleConfig::default();
    let config = LifecycleConfig {
        new_days: spec.new_days.unwrap_or(default.new_days),
        lost_days: spec.lost_days.unwrap_or(default.lost_days),
        active: spec.active.unwrap_or(default.active),
        cooling: spec.cooling.unwrap_or(default.cooling),
        dormant: spec.dormant.unwrap_or(default.dormant),
        group_by: attributes(report, "model.lifecycle.group_by", spec.group_by.as_deref(), sources),
        min_repeaters: spec.min_repeaters.unwrap_or(default.min_repeaters),
    };
    checked(report, config.check());
    config
}
