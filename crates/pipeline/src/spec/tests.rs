//! Loading as a whole: overrides, parameters, folders, and texts that nobody would write on purpose.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use appraise_schema::AsOf;
use appraise_schema::SourceKind::Transactions;
use proptest::prelude::*;

use super::resolved::{CheckRule, ScoreRule, Severity};
use super::{Loaded, Overrides, load_text};

const FILE: &str = "\
version: 1
name: shop
money: { unit: EUR, scale: 2 }
params: { dumps: data, least: 0.5 }
sources:
  transactions:
    path: ${dumps}/dt=${as_of}/*.parquet
    where: day <= '${as_of}'
    columns: { customer_id: buyer, time: sold_at, amount: price }
    checks:
      time: { min: 1700-01-01 }
      amount:
        min: ${least}
        severity: warn
model: { rfm: {} }
export: { path: out }
";

fn load(sets: &[&str]) -> Result<Loaded, Vec<String>> {
    let overrides = Overrides {
        as_of: Some("2024-01-31".parse::<AsOf>().unwrap()),
        sets: sets.iter().map(ToString::to_string).collect(),
        ..Overrides::default()
    };
    load_text(&Arc::from("p.yaml"), FILE, Path::new("pipelines"), &overrides)
        .map_err(|problems| problems.iter().map(ToString::to_string).collect())
}

#[test]
fn defaults_are_filled_in() {
    let pipeline = load(&[]).unwrap().pipeline;
    assert_eq!(pipeline.timezone, chrono_tz::Tz::UTC);
    assert_eq!(pipeline.sources[&Transactions].zone, chrono_tz::Tz::UTC);
    assert_eq!(pipeline.features.windows.iter().map(|w| w.days()).collect::<Vec<_>>(), [30, 90, 365]);
    let rfm = pipeline.model.rfm.unwrap();
    assert_eq!((rfm.bins, rfm.weights), (5, [1.0; 3]));
    let quantile = |separate_one_time| ScoreRule::Quantile { ties: super::resolved::Ties::Mid, separate_one_time };
    assert_eq!(rfm.recency, quantile(false));
    assert_eq!(rfm.frequency, quantile(true));
    assert_eq!(pipeline.export.path, PathBuf::from("pipelines/out"));
}

#[test]
fn checks_have_bounds_in_the_units_of_the_engine() {
    let checks = load(&[]).unwrap().pipeline.sources[&Transactions].checks.clone();
    let found: Vec<_> = checks.iter().map(|check| (check.column.name, check.rule.clone(), check.severity)).collect();
    // 1700-01-01 is 98,615 days before 1970-01-01.
    let expected =
        [("time", CheckRule::MinDay(-98_615), Severity::Error), ("amount", CheckRule::MinMinor(50), Severity::Warn)];
    assert_eq!(found, expected);
}

#[test]
fn parameters_and_the_date_reach_paths_and_expressions() {
    let pipeline = load(&["params.dumps=/lake", "params.least=2"]).unwrap().pipeline;
    assert_eq!(pipeline.sources[&Transactions].paths, ["/lake/dt=2024-01-31/*.parquet"]);
    assert_eq!(pipeline.sources[&Transactions].filter.as_ref().unwrap().text(), "day <= '2024-01-31'");
    assert_eq!(pipeline.sources[&Transactions].checks[1].rule, CheckRule::MinMinor(200));
}

#[test]
fn problems_of_a_flag_name_the_flag() {
    assert_eq!(
        load(&["model.rfm.bins=twelve", "features.windows=[7d, 7w]"]).unwrap_err(),
        [
            "--set features.windows: features.windows[1]: `7w` is not a window in days such as `90d`, from 1d to 3660d",
            "--set model.rfm.bins: model.rfm.bins: expected an integer, found text `twelve`",
        ]
    );
}

#[test]
fn the_semantic_part_knows_no_paths_and_no_limits() {
    let same = load(&[]).unwrap().pipeline.semantic();
    for set in [
        "params.dumps=/elsewhere",
        "export.path=/elsewhere",
        "sources.transactions.tolerate=5%",
        "sources.transactions.checks.rows.max=9",
        "sources.transactions.checks.freshness=3d",
        "model.rfm.bins=5",
        "timezone=UTC",
        "features.windows=[365d, 30d, 90d]",
        "features.leave_out=[]",
        "features.credit.default_after=90d",
        "features.interaction.half_life=90d",
        "sources.transactions.duplicates=fail",
    ] {
        assert_eq!(load(&[set]).unwrap().pipeline.semantic(), same, "{set}");
    }
    for set in [
        "params.least=1",
        "timezone=Europe/London",
        "sources.transactions.where=day > '2000-01-01'",
        "model.rfm.bins=4",
        "money.scale=3",
        "model.rfm.frequency.separate_one_time=false",
        "export.compression=snappy",
        "features.leave_out=[timing]",
        "features.bidding.late_bid_seconds=61",
        "features.interaction.kind_weights={ call: 3 }",
        "features.columns.more=orders + 1",
        "sources.customers={ path: c.parquet, columns: { customer_id: c } }",
        "sources.transactions.columns.category=department",
    ] {
        assert_ne!(load(&[set]).unwrap().pipeline.semantic(), same, "{set}");
    }
}

#[test]
fn what_features_are_made_of_knows_no_model_but_the_limits_of_the_inputs() {
    let same = load(&[]).unwrap().pipeline.semantic_of_features();
    for set in [
        "name=other",
        "params.dumps=/elsewhere",
        "export.path=/elsewhere",
        "model.rfm.bins=4",
        "model.refit=never",
        "model.lifecycle={}",
        "cache.keep=5",
    ] {
        assert_eq!(load(&[set]).unwrap().pipeline.semantic_of_features(), same, "{set}");
    }
    for set in [
        "params.least=1",
        "timezone=Europe/London",
        "export.compression=snappy",
        "features.bidding.late_bid_seconds=61",
        "features.columns.more=orders + 1",
        "sources.transactions.columns.category=department",
        "sources.transactions.tolerate=5%",
        "sources.transactions.checks.rows.max=9",
        "sources.transactions.checks.freshness=3d",
    ] {
        assert_ne!(load(&[set]).unwrap().pipeline.semantic_of_features(), same, "{set}");
    }
}

#[test]
fn the_semantic_part_knows_the_potential_however_it_is_written() {
    let customers = "sources.customers={ path: c.parquet, columns: { customer_id: c }, attributes: { x: a, y: b } }";
    let semantic = |set: &str| load(&[customers, set]).unwrap().pipeline.semantic();
    let same = semantic("model.potential={}");
    for set in ["horizon: 1y", "horizon: 12mo", "winsorise: 0.99", "by: []"] {
        assert_eq!(semantic(&format!("model.potential={{ {set} }}")), same, "{set}");
    }
    for set in ["horizon: 13mo", "winsorise: 100%", "by: [x]", "by: [y]", "by: [x, y]", "by: [y, x]"] {
        assert_ne!(semantic(&format!("model.potential={{ {set} }}")), same, "{set}");
    }
    assert_ne!(semantic("model.potential.by=[x, y]"), semantic("model.potential.by=[y, x]"));
}

#[test]
fn order_counts_where_columns_follow_it() {
    let semantic = |set: &str| load(&[set]).unwrap().pipeline.semantic();
    let same = [
        ["features.leave_out=[timing, credit]", "features.leave_out=[credit, timing]"],
        ["features.only=[orders, lines]", "features.only=[lines, orders]"],
        [
            "features.interaction.kind_weights={ call: 3, visit: 1 }",
            "features.interaction.kind_weights={ visit: 1, call: 3 }",
        ],
    ];
    // The model would miss its columns.
    let without_model = |set: &str| load(&["model={}", set]).unwrap().pipeline.semantic();
    for [one, other] in same {
        assert_eq!(without_model(one), without_model(other), "{one}");
    }
    assert_ne!(
        semantic("features.columns={ a: orders, b: lines }"),
        semantic("features.columns={ b: lines, a: orders }")
    );
    let customers = "sources.customers={ path: c.parquet, columns: { customer_id: c }, attributes: ";
    assert_ne!(
        semantic(&format!("{customers}{{ x: a, y: b }} }}")),
        semantic(&format!("{customers}{{ y: b, x: a }} }}"))
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever the text, loading ends in a pipeline or in problems.
    #[test]
    fn no_text_makes_loading_panic(text in "[a-z:{}\\[\\]&*!|>'\"$#, \n\t\\-0-9.%]{0,200}") {
        let _ = load_text(&Arc::from("p"), &text, Path::new(""), &Overrides::default());
    }

    /// A valid file with one piece replaced never panics, and its problems stand within the file.
    #[test]
    fn a_damaged_file_has_problems_within_it(
        at in 0..FILE.len(), cut in 0_usize..12, piece in "[a-z:{}\\[\\]&*!|>'\"$#, \n0-9.%€]{0,8}",
    ) {
        prop_assume!(FILE.is_char_boundary(at));
        let end = (at + cut).min(FILE.len());
        let text = format!("{}{piece}{}", &FILE[..at], &FILE[end..]);
        let lines = text.lines().count() + 1;
        if let Err(problems) = load_text(&Arc::from("p"), &text, Path::new(""), &Overrides::default()) {
            prop_assert!(!problems.is_empty());
            prop_assert!(problems.iter().all(|problem| problem.place.line <= lines));
        }
    }

    /// `--set` takes any text without a panic.
    #[test]
    fn no_flag_makes_loading_panic(text in "(params|model|sources|features|name)[a-z.=\\[\\]0-9{}' ]{0,40}") {
        let _ = load(&[&text]);
    }
}
