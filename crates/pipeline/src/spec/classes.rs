//! Classes of customers as they stand in the resolved pipeline.

use appraise_model::{AbcConfig, Axis, Cut, LifecycleConfig, ValueMatrixConfig, XyzConfig};
use appraise_schema::Share;
use serde_json::{Map, Value, json};

use super::resolved::Model;

/// The classes that are on, by their keys.
pub(crate) fn classes(model: &Model) -> Map<String, Value> {
    let sections = [
        ("abc", model.abc.as_ref().map(abc)),
        ("xyz", model.xyz.as_ref().map(xyz)),
        ("value_matrix", model.value_matrix.as_ref().map(value_matrix)),
        ("lifecycle", model.lifecycle.as_ref().map(lifecycle)),
    ];
    sections.into_iter().filter_map(|(key, section)| Some((key.to_owned(), section?))).collect()
}

fn abc(abc: &AbcConfig) -> Value {
    let mut section = json!({ "a": percent(abc.a), "b": percent(abc.b) });
    if let Some(measure) = &abc.measure {
        section["measure"] = measure.as_str().into();
    }
    section
}

fn xyz(xyz: &XyzConfig) -> Value {
    json!({ "x": xyz.x, "y": xyz.y })
}

fn value_matrix(matrix: &ValueMatrixConfig) -> Value {
    json!({ "current": axis(&matrix.current), "future": axis(&matrix.future) })
}

fn axis(axis: &Axis) -> Value {
    let mut section = match &axis.cut {
        Cut::Top(share) => json!({ "top": percent(*share) }),
        Cut::At(value) => json!({ "at": value }),
    };
    if let Some(column) = &axis.column {
        section["column"] = column.as_str().into();
    }
    section
}

fn lifecycle(lifecycle: &LifecycleConfig) -> Value {
    json!({
        "new_days": lifecycle.new_days,
        "lost_days": lifecycle.lost_days,
        "active": lifecycle.active,
        "cooling": lifecycle.cooling,
        "dormant": lifecycle.dormant,
        "group_by": lifecycle.group_by,
        "min_repeaters": lifecycle.min_repeaters,
    })
}

/// A share as it is written.
fn percent(share: Share) -> String {
    format!("{}%", (share.fraction() * 1e8).round() / 1e6)
}
