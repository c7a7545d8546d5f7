//! The resolved pipeline for people: valid YAML that loads to the same pipeline, each value with its origin.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use appraise_expression::Parsed;
use appraise_model::{CreditConfig, Grade};
use appraise_schema::SourceKind;
use serde_json::{Map, Value as Json, json};

use super::classes::classes;
use super::index_text::{index, k_means};
use super::node::{Node, Value, whole};
use super::problem::{Place, join};
use super::resolve::model::grid;
use super::resolved::{Features, Pipeline, Potential, ReferenceTable, Refit, Rfm, ScoreRule, Source};
use super::secrets::Secrets;
use super::semantic::{clv, period_name, segments, unit_name};
use super::yaml;

/// The resolved pipeline as YAML with origins as comments.
pub(crate) fn yaml(pipeline: &Pipeline, tree: &Node, secrets: &Secrets) -> String {
    let printer = Printer { origins: segment_origins(pipeline, tree), tree, secrets };
    let mut out = String::new();
    if let Json::Object(entries) = resolved(pipeline, tree) {
        printer.mapping(&entries, "", 0, &mut out);
    }
    out
}

/// The resolved pipeline as JSON, and the origin of each of its values by path.
pub(crate) fn json(pipeline: &Pipeline, tree: &Node, secrets: &Secrets) -> Json {
    let printer = Printer { origins: segment_origins(pipeline, tree), tree, secrets };
    let resolved = resolved(pipeline, tree);
    let mut origins = Map::new();
    printer.collect(&resolved, "", &mut origins);
    let mut whole = json!({ "pipeline": resolved, "origins": origins });
    if let Refit::Card(path) = &pipeline.model.refit {
        whole["model_card"] = path.display().to_string().into();
    }
    mask_all(&mut whole, secrets);
    whole
}

fn mask_all(value: &mut Json, secrets: &Secrets) {
    match value {
        Json::String(text) => *text = secrets.mask(text),
        Json::Array(items) => items.iter_mut().for_each(|item| mask_all(item, secrets)),
        Json::Object(entries) => entries.values_mut().for_each(|entry| mask_all(entry, secrets)),
        _ => {}
    }
}

fn resolved(pipeline: &Pipeline, tree: &Node) -> Json {
    let mut whole = Map::new();
    whole.insert("version".to_owned(), 1.into());
    whole.insert("name".to_owned(), pipeline.name.as_str().into());
    whole.insert("timezone".to_owned(), pipeline.timezone.name().into());
    whole.insert("money".to_owned(), json!({ "unit": pipeline.money.unit(), "scale": pipeline.money.scale() }));
    whole.extend(tree.get("params").map(|params| ("params".to_owned(), params.to_json())));
    whole.extend(pipeline.known_by.map(|date| ("known_by".to_owned(), date.to_string().into())));
    let sources = pipeline.sources.iter().map(|(kind, of)| (kind.name().to_owned(), source(*kind, of, tree)));
    whole.insert("sources".to_owned(), Json::Object(sources.collect()));
    let tables = references(pipeline, tree);
    whole.extend((!tables.is_empty()).then(|| ("references".to_owned(), Json::Object(tables))));
    whole.insert("features".to_owned(), features(&pipeline.features));
    let mut model = Map::new();
    let refit = match &pipeline.model.refit {
        Refit::Always | Refit::Card(_) => "always".to_owned(),
        Refit::Never => "never".to_owned(),
        Refit::EveryDays(days) => format!("{days}d"),
    };
    model.insert("refit".to_owned(), refit.into());
    model.extend(pipeline.model.rfm.as_ref().map(|scores| ("rfm".to_owned(), rfm(scores, tree))));
    model.extend(pipeline.model.credit.as_ref().map(|of| ("credit".to_owned(), credit(of, tree))));
    model.extend(pipeline.model.clv.as_ref().map(|of| ("clv".to_owned(), clv(of))));
    model.extend(pipeline.model.potential.as_ref().map(|of| ("potential".to_owned(), potential(of, tree))));
    model.extend(classes(&pipeline.model));
    model.extend(pipeline.model.k_means.as_ref().map(|of| ("k_means".to_owned(), k_means(of))));
    model.extend(pipeline.model.index.as_ref().map(|of| ("index".to_owned(), index(of))));
    model.insert("segments".to_owned(), segments(&pipeline.model.segments));
    for (key, rules) in [
        ("objective_segments", &pipeline.model.objective_segments),
        ("subjective_segments", &pipeline.model.subjective_segments),
    ] {
        model.extend((!rules.is_empty()).then(|| (key.to_owned(), segments(rules))));
    }
    // Every default of a strategy is that there is none.
    let as_written = |key: &str| Some((key.to_owned(), tree.at(&format!("model.{key}"))?.to_json()));
    model.extend(["strategies", "suppress"].into_iter().filter_map(as_written));
    let groups = &pipeline.model.groups;
    model.extend((!groups.is_empty()).then(|| ("groups".to_owned(), json!(groups))));
    whole.insert("model".to_owned(), Json::Object(model));
    whole.insert("cache".to_owned(), json!({ "keep": pipeline.cache.keep }));
    whole.extend(tree.get("gates").map(|gates| ("gates".to_owned(), gates.to_json())));
    let path = tree.at("export.path").map(Node::to_json);
    let mut export = json!({ "path": path, "compression": pipeline.export.compression });
    if pipeline.export.changes {
        export["changes"] = true.into();
    }
    whole.insert("export".to_owned(), export);
    whole.insert("ledger".to_owned(), pipeline.ledger.into());
    Json::Object(whole)
}

fn source(kind: SourceKind, source: &Source, tree: &Node) -> Json {
    let written = |key: &str| tree.at(&format!("sources.{}.{key}", kind.name())).map(Node::to_json);
    let mut entries = Map::new();
    entries.extend(written("path").map(|path| ("path".to_owned(), path)));
    entries.insert("zone".to_owned(), source.zone.name().into());
    entries.insert("delivery".to_owned(), json!(source.delivery));
    entries.insert("duplicates".to_owned(), json!(source.duplicates));
    entries.extend(source.filter.as_ref().map(|filter| ("where".to_owned(), filter.text().into())));
    let columns = source.columns.iter().map(|mapping| (mapping.column.name, &mapping.expression));
    entries.insert("columns".to_owned(), expressions(columns));
    if !source.attributes.is_empty() {
        entries.insert("attributes".to_owned(), named(&source.attributes));
    }
    entries.insert("tolerate".to_owned(), written("tolerate").unwrap_or_else(|| "0%".into()));
    if let Some(Json::Object(mut checks)) = written("checks") {
        for check in checks.values_mut().filter_map(Json::as_object_mut) {
            check.entry("severity").or_insert_with(|| "error".into());
        }
        entries.insert("checks".to_owned(), Json::Object(checks));
    }
    Json::Object(entries)
}

fn expressions<'p>(entries: impl Iterator<Item = (&'p str, &'p Parsed)>) -> Json {
    Json::Object(entries.map(|(name, expression)| (name.to_owned(), expression.text().into())).collect())
}

fn named(entries: &[(String, Parsed)]) -> Json {
    expressions(entries.iter().map(|(name, expression)| (name.as_str(), expression)))
}

fn references(pipeline: &Pipeline, tree: &Node) -> Map<String, Json> {
    let rates = pipeline.exchange_rates.as_ref().map(|table| ("exchange_rates", table));
    let tables = pipeline.references.iter().map(|(name, table)| (name.as_str(), table)).chain(rates);
    tables.map(|(name, table)| (name.to_owned(), reference(name, table, tree))).collect()
}

fn reference(name: &str, table: &ReferenceTable, tree: &Node) -> Json {
    let mut entries = Map::new();
    let path = tree.at(&format!("references.{name}.path")).map(Node::to_json);
    entries.extend(path.map(|path| ("path".to_owned(), path)));
    entries.insert("on".to_owned(), expressions(std::iter::once((table.attribute.as_str(), &table.on))));
    entries.extend(table.valid_from.as_ref().map(|sql| ("valid_from".to_owned(), sql.text().into())));
    entries.insert("columns".to_owned(), named(&table.columns));
    Json::Object(entries)
}

fn features(features: &Features) -> Json {
    let weights = features.interaction.kind_weights.iter().map(|(kind, weight)| (kind.clone(), number(*weight)));
    let mut entries = json!({
        "purchase_period": period_name(features.purchase_period),
        "time_unit": unit_name(features.time_unit),
        "spend_period": features.spend_period.name(),
        "windows": features.windows.iter().map(ToString::to_string).collect::<Json>(),
        "leave_out": features.leave_out,
        "interaction": {
            "half_life": format!("{}d", features.interaction.half_life_days),
            "kind_weights": Json::Object(weights.collect()),
        },
        "credit": { "default_after": format!("{}d", features.default_days) },
        "bidding": {
            "late_bid_seconds": features.late_bid_seconds,
            "no_show_after": format!("{}d", features.no_show_days),
        },
    });
    if !features.own.is_empty() {
        entries["columns"] = named(&features.own);
    }
    if let Some(only) = &features.only {
        entries["only"] = json!(only);
    }
    entries
}

/// A number as a person would write it.
fn number(number: f64) -> Json {
    whole(number).map_or_else(|| Json::from(number), Json::from)
}

fn rfm(rfm: &Rfm, tree: &Node) -> Json {
    let [r, f, m] = rfm.weights.map(number);
    let score = |name: &str, rule: &ScoreRule| match rule {
        ScoreRule::Quantile { ties, separate_one_time } if name == "frequency" => {
            json!({ "method": "quantile", "ties": ties, "separate_one_time": separate_one_time })
        }
        ScoreRule::Quantile { ties, .. } => json!({ "method": "quantile", "ties": ties }),
        ScoreRule::Nested { ties, separate_one_time } if name == "frequency" => {
            json!({ "method": "nested", "ties": ties, "separate_one_time": separate_one_time })
        }
        ScoreRule::Nested { ties, .. } => json!({ "method": "nested", "ties": ties }),
        ScoreRule::Thresholds { .. } => {
            let cuts = tree.at(&format!("model.rfm.{name}.cuts")).map(Node::to_json);
            json!({ "method": "thresholds", "cuts": cuts })
        }
    };
    json!({
        "bins": rfm.bins,
        "score_weights": { "r": r, "f": f, "m": m },
        "recency": score("recency", &rfm.recency),
        "frequency": score("frequency", &rfm.frequency),
        "monetary": score("monetary", &rfm.monetary),
    })
}

fn credit(credit: &CreditConfig, tree: &Node) -> Json {
    let written = |key: &str| tree.at(&format!("model.credit.{key}")).map(Node::to_json);
    let grade = |grade: &Grade| (grade.name.clone(), grade.up_to.fraction().into());
    let mut entries = Map::new();
    let lost = written("loss_given_default").unwrap_or_else(|| credit.loss_given_default.fraction().into());
    entries.insert("loss_given_default".to_owned(), lost);
    entries.insert("exposure".to_owned(), credit.exposure.name().into());
    entries.insert("group_by".to_owned(), json!(credit.group_by));
    let grades = written("grades").unwrap_or_else(|| Json::Object(credit.grades.iter().map(grade).collect()));
    entries.insert("grades".to_owned(), grades);
    Json::Object(entries)
}

fn potential(potential: &Potential, tree: &Node) -> Json {
    let winsorise = tree.at("model.potential.winsorise").map(Node::to_json);
    let mut entries = Map::new();
    entries.insert("by".to_owned(), json!(potential.by));
    entries.extend(potential.demand.as_ref().map(|demand| ("demand".to_owned(), demand.as_str().into())));
    entries.insert("horizon".to_owned(), potential.horizon.to_string().into());
    entries.insert("winsorise".to_owned(), winsorise.unwrap_or_else(|| potential.winsorise.to_string().into()));
    Json::Object(entries)
}

/// Origins of the resolved segments: a set stands for many rules.
fn segment_origins(pipeline: &Pipeline, tree: &Node) -> BTreeMap<String, String> {
    let in_grid = grid(&pipeline.sources, &pipeline.features).len();
    let mut origins = BTreeMap::new();
    for list in ["model.segments", "model.objective_segments", "model.subjective_segments"] {
        let mut position = 0;
        let Some(Value::Sequence(items)) = tree.at(list).map(|node| &node.value) else { continue };
        for item in items {
            let rules = if item.get("use").is_some() { in_grid } else { 1 };
            for _ in 0..rules {
                for key in ["name", "when"] {
                    let place = item.get(key).map_or(&item.place, |node| &node.place);
                    let origin = if rules == 1 { shown(place) } else { format!("rf_grid at {}", shown(place)) };
                    origins.insert(format!("{list}[{position}].{key}"), origin);
                }
                position += 1;
            }
        }
    }
    origins
}

fn shown(place: &Place) -> String {
    place.to_string()
}

struct Printer<'t> {
    origins: BTreeMap<String, String>,
    tree: &'t Node,
    secrets: &'t Secrets,
}

impl Printer<'_> {
    fn origin(&self, path: &str) -> String {
        if let Some(origin) = self.origins.get(path) {
            return origin.clone();
        }
        match self.tree.at(path) {
            Some(node) if node.from_environment => format!("environment, {}", shown(&node.place)),
            Some(node) => shown(&node.place),
            None => "default".to_owned(),
        }
    }

    fn collect(&self, value: &Json, path: &str, origins: &mut Map<String, Json>) {
        match value {
            Json::Object(entries) if !entries.is_empty() => {
                entries.iter().for_each(|(key, entry)| self.collect(entry, &join(path, key), origins));
            }
            Json::Array(items) if items.iter().any(Json::is_object) => {
                for (position, item) in items.iter().enumerate() {
                    self.collect(item, &format!("{path}[{position}]"), origins);
                }
            }
            _ => {
                origins.insert(path.to_owned(), self.origin(path).into());
            }
        }
    }

    fn mapping(&self, entries: &Map<String, Json>, path: &str, indent: usize, out: &mut String) {
        for (key, entry) in entries {
            let _ = write!(out, "{:indent$}{key}:", "");
            self.entry(entry, &join(path, key), indent, out);
        }
    }

    fn entry(&self, entry: &Json, path: &str, indent: usize, out: &mut String) {
        match entry {
            Json::Object(below) if !below.is_empty() => {
                out.push('\n');
                self.mapping(below, path, indent + 2, out);
            }
            Json::Array(items) if items.iter().any(Json::is_object) => {
                out.push('\n');
                for (position, item) in items.iter().enumerate() {
                    let Json::Object(below) = item else { continue };
                    let mut block = String::new();
                    self.mapping(below, &format!("{path}[{position}]"), indent + 4, &mut block);
                    let _ = write!(out, "{:indent$}  - {}", "", block.trim_start());
                }
            }
            _ => {
                let _ = writeln!(out, " {}  # {}", self.flow(entry), self.origin(path));
            }
        }
    }

    /// A scalar, or a list or mapping on one line.
    fn flow(&self, value: &Json) -> String {
        match value {
            Json::String(text) => scalar(&self.secrets.mask_and_escape(text)),
            Json::Array(items) => {
                format!("[{}]", items.iter().map(|item| self.flow(item)).collect::<Vec<_>>().join(", "))
            }
            other => other.to_string(),
        }
    }
}

/// Text as a YAML scalar, without quotes where it stays text.
fn scalar(text: &str) -> String {
    let begins = text.starts_with(|c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '.'));
    let harmless = |c: char| c.is_ascii_alphanumeric() || " _./%*=<>()'+-".contains(c);
    let stays_text = matches!(yaml::plain_value(text, &Place::whole(&"".into())), Ok(Value::String(_)));
    if begins && stays_text && text.chars().all(harmless) && !text.ends_with(' ') {
        return text.to_owned();
    }
    Json::String(text.to_owned()).to_string()
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use appraise_schema::SourceKind;

    use crate::spec::{Overrides, load_text};

    const FILE: &str = "\
version: 1
name: small
money: { unit: GBP, scale: 2 }
params: { root: '${env:ROOT}' }
sources:
  transactions:
    path: ${root}/x.parquet
    where: \"note <> '# $${x}' AND b\"
    columns: { customer_id: c, time: t, amount: a }
    checks: { amount: { min: 0.01 } }
model:
  segments: [{ name: big, when: orders > 3 }, { use: rf_grid }]
export: { path: out }
";

    fn overrides() -> Overrides {
        Overrides {
            sets: vec!["model.rfm.score_weights.m=2.5".to_owned()],
            environment: |name| (name == "ROOT").then(|| "/can\"ary".to_owned()),
            ..Overrides::default()
        }
    }

    #[test]
    fn the_resolved_pipeline_names_origins_and_loads_again() {
        let loaded = load_text(&Arc::from("p.yaml"), FILE, Path::new(""), &overrides()).unwrap();
        let yaml = loaded.resolved_yaml();
        for line in [
            "name: small  # p.yaml:2:7",
            "timezone: UTC  # default",
            "    path: \"${env:ROOT}/x.parquet\"  # environment, p.yaml:7:11",
            "      m: 2.5  # --set model.rfm.score_weights.m",
            "    - name: big  # p.yaml:12:22",
            "    - name: champions  # rf_grid at p.yaml:12:47",
            "        severity: error  # default",
            "  compression: zstd  # default",
        ] {
            assert!(yaml.lines().any(|found| found == line), "{line} is not in\n{yaml}");
        }
        assert!(!yaml.contains("/can") && !loaded.resolved_json().to_string().contains("/can"));
        let again = load_text(&Arc::from("q.yaml"), &yaml, Path::new(""), &overrides()).unwrap();
        assert_eq!(again.pipeline.semantic(), loaded.pipeline.semantic());
        assert_eq!(again.pipeline.sources[&SourceKind::Transactions].paths, ["/can\"ary/x.parquet"]);
    }
}
