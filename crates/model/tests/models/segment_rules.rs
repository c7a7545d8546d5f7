//! Segment rules: their order, what counts as met, and what the linter finds in published grids.

use std::collections::BTreeSet;

use appraise_model::{Finding, GridRow, ModelCard, ModelConfig, ModelError, ModelPlan, RF_GRID, RfmConfig, rf_grid};
use appraise_schema::{ColumnSpec, ColumnType, KeyType, TableContract};

use crate::customers::{as_of, buyer, contract, features, no_buyer, plan, rule, texts, truth};

#[test]
fn the_first_rule_met_names_the_segment_and_null_is_not_met() {
    let rules = [
        ("recent", "days_since_last_purchase <= 10"),
        ("not_recent", "NOT days_since_last_purchase <= 10"),
        ("refunded", "refund_count > 0"),
    ];
    let customers = [buyer("a", 5, 1, 1), buyer("b", 50, 1, 1), no_buyer("c", 1), no_buyer("d", 0)];
    let valued =
        plan(RfmConfig::default(), &rules).fit_and_apply(as_of(), &features(KeyType::Text, &customers, 3)).unwrap();
    let expected = ["recent", "not_recent", "refunded", "unassigned"].map(|name| Some(name.to_owned()));
    assert_eq!(texts(&valued, "segment"), expected);
    let segments = valued.card.segments.unwrap();
    assert_eq!(segments.rules.iter().map(|rule| rule.customers).collect::<Vec<_>>(), [1, 1, 1]);
    assert_eq!(segments.unassigned, 1);
    assert_eq!(segments.rules[1].when, "NOT days_since_last_purchase <= 10");
}

#[test]
fn a_rule_that_overflows_is_not_met_and_counted() {
    let huge = "orders * 9000000000000000000 * 9000000000000000000 * 9000000000000000000 > 0";
    let customers = [buyer("a", 5, 1, 1), buyer("b", 5, 2, 1), no_buyer("c", 1)];
    let valued = plan(RfmConfig::default(), &[("huge", huge), ("rest", "orders >= 0")])
        .fit_and_apply(as_of(), &features(KeyType::Text, &customers, 10))
        .unwrap();
    assert_eq!(texts(&valued, "segment"), vec![Some("rest".to_owned()); 3]);
    let rules = valued.card.segments.unwrap().rules;
    assert_eq!((rules[0].customers, rules[0].faults), (0, 2));
    assert_eq!((rules[1].customers, rules[1].faults), (3, 0));
}

/// `r_score + 0 * orders` makes a rule that is evaluated for each customer, `r_score` one for each cell.
#[test]
fn rules_over_scores_alone_and_over_other_columns_agree() {
    let mut customers: Vec<_> =
        (1..200).map(|n| buyer(&n.to_string(), n % 37, i64::from(n % 11), i64::from(n))).collect();
    customers.retain(|customer| customer.orders > 0);
    customers.extend((1..9).map(|n| no_buyer(&format!("x{n}"), n % 2)));
    let segments = |r: &str| {
        let rules = [
            ("low", format!("{r} * 2 + m_score <= 5")),
            ("fault", format!("{r} * 9000000000000000000 * 9000000000000000000 * 10 > 0")),
            ("null", format!("{r} IS NULL")),
        ];
        let rules: Vec<(&str, &str)> = rules.iter().map(|(name, when)| (*name, when.as_str())).collect();
        let features = features(KeyType::Text, &customers, 64);
        let valued = plan(RfmConfig::default(), &rules).fit_and_apply(as_of(), &features).unwrap();
        let counts = valued.card.segments.clone().unwrap().rules;
        let counts: Vec<(u64, u64)> = counts.iter().map(|rule| (rule.customers, rule.faults)).collect();
        (texts(&valued, "segment"), counts)
    };
    let (by_cell, by_row) = (segments("r_score"), segments("(r_score + 0 * orders)"));
    assert_eq!(by_cell, by_row);
    assert!(by_cell.1[0].0 > 0 && by_cell.1[1].1 > 0 && by_cell.1[2].0 == 8, "{by_cell:?}");
}

#[test]
fn rules_that_do_not_fit_the_table_are_refused() {
    let refused = |rules: &[(&str, &str)]| {
        let segments = rules.iter().map(|(name, when)| rule(name, when)).collect();
        let config = ModelConfig { rfm: Some(RfmConfig::default()), segments, ..ModelConfig::default() };
        ModelPlan::new(&config, &contract(KeyType::Text)).err().unwrap()
    };
    assert!(matches!(refused(&[("a", "r_scor = 1")]), ModelError::Rule { .. }));
    assert!(matches!(refused(&[("a", "r_score + 1")]), ModelError::RuleType { .. }));
    for rules in
        [&[(" ", "orders = 1")][..], &[("unassigned", "orders = 1")], &[("a", "orders = 1"), ("a", "orders = 2")]]
    {
        assert!(matches!(refused(rules), ModelError::SegmentName { .. }), "{rules:?}");
    }
}

/// A published grid as rules over score ranges: name, recency, and the range of `measure`.
fn ranges(measure: &str, segments: &[(&str, [i32; 2], [i32; 2])]) -> Vec<(String, String)> {
    let when = |[r0, r1]: &[i32; 2], [low, high]: &[i32; 2]| {
        let of_measure = measure.replace("LOW", &low.to_string()).replace("HIGH", &high.to_string());
        format!("r_score BETWEEN {r0} AND {r1} AND {of_measure}")
    };
    segments.iter().map(|(name, r, range)| ((*name).to_owned(), when(r, range))).collect()
}

/// The grid of the R package's tests, version 0.2.
fn r_tests() -> Vec<(String, String)> {
    let segments = [
        ("Champions", [4, 5], [4, 5]),
        ("Loyal Customers", [2, 5], [3, 5]),
        ("Potential Loyalist", [3, 5], [1, 3]),
        ("New Customers", [4, 5], [1, 1]),
        ("Promising", [3, 4], [1, 1]),
        ("Need Attention", [2, 3], [2, 3]),
        ("About To Sleep", [2, 3], [1, 2]),
        ("At Risk", [1, 2], [2, 5]),
        ("Can't Lose Them", [1, 1], [4, 5]),
        ("Lost", [1, 2], [1, 2]),
    ];
    ranges("f_score BETWEEN LOW AND HIGH AND m_score BETWEEN LOW AND HIGH", &segments)
}

/// The grid of the R package's documentation, version 0.3: ranges of R, F and M.
fn r_docs() -> Vec<(String, String)> {
    let segments = [
        ("Champions", [5, 5], [5, 5], [5, 5]),
        ("Potential Loyalist", [3, 5], [3, 5], [2, 5]),
        ("Loyal Customers", [2, 4], [2, 4], [2, 4]),
        ("Promising", [3, 4], [1, 3], [3, 5]),
        ("New Customers", [4, 5], [1, 3], [1, 5]),
        ("Can't Lose Them", [1, 2], [3, 4], [4, 5]),
        ("At Risk", [1, 2], [2, 5], [4, 5]),
        ("Need Attention", [1, 3], [3, 5], [3, 5]),
        ("About To Sleep", [2, 3], [1, 3], [1, 4]),
        ("Lost", [1, 1], [1, 5], [1, 5]),
    ];
    let when = |r: [i32; 2], f: [i32; 2], m: [i32; 2]| {
        format!(
            "r_score BETWEEN {} AND {} AND f_score BETWEEN {} AND {} AND m_score BETWEEN {} AND {}",
            r[0], r[1], f[0], f[1], m[0], m[1]
        )
    };
    segments.map(|(name, r, f, m)| (name.to_owned(), when(r, f, m))).to_vec()
}

/// Putler's grid of recency and the mean of F and M.
fn putler(measure: &str) -> Vec<(String, String)> {
    let segments = [
        ("Champions", [4, 5], [4, 5]),
        ("Loyal Customers", [2, 5], [3, 5]),
        ("Potential Loyalist", [3, 5], [1, 3]),
        ("New Customers", [4, 5], [0, 1]),
        ("Promising", [3, 4], [0, 1]),
        ("Needing Attention", [2, 3], [2, 3]),
        ("About To Sleep", [2, 3], [0, 2]),
        ("At Risk", [0, 2], [2, 5]),
        ("Can't Lose Them", [0, 1], [4, 5]),
        ("Hibernating", [1, 2], [1, 2]),
        ("Lost", [0, 2], [0, 2]),
    ];
    ranges(measure, &segments)
}

fn findings(rules: &[(String, String)]) -> Vec<Finding> {
    let rules: Vec<(&str, &str)> = rules.iter().map(|(name, when)| (name.as_str(), when.as_str())).collect();
    lint(&plan(RfmConfig::default(), &rules))
}

fn lint(plan: &ModelPlan) -> Vec<Finding> {
    plan.lint().unwrap().into_iter().map(|lint| lint.finding).collect()
}

/// Segments nobody reaches, cells without a segment, number of cells with more than one.
type Flaws = (BTreeSet<String>, BTreeSet<String>, usize);

fn found(findings: &[Finding]) -> Flaws {
    let (mut unreachable, mut unassigned, mut contested) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    let cells = |rows: &[GridRow]| {
        let cells = rows.iter().filter(|row| matches!(row, GridRow::Cell { .. }));
        cells.map(GridRow::to_string).collect::<BTreeSet<String>>()
    };
    for finding in findings {
        match finding {
            Finding::Unreachable { segment, .. } | Finding::NeverMet { segment } => {
                unreachable.insert(segment.clone());
            }
            Finding::Overlap { rows, .. } => contested.extend(cells(rows)),
            Finding::Unassigned { rows, .. } => unassigned.extend(cells(rows)),
            _ => panic!("{finding}"),
        }
    }
    (unreachable, unassigned, contested.len())
}

fn published(grid: &str) -> Flaws {
    let grids: serde_json::Value = serde_json::from_str(&truth("segment_grids.json")).unwrap();
    let names = |key: &str| {
        let names = grids[grid][key].as_array().unwrap().iter();
        names.map(|name| name.as_str().unwrap().to_owned()).collect::<BTreeSet<String>>()
    };
    let contested = grids[grid]["cells_matching_more_than_one_rule"].as_u64().unwrap();
    (names("unreachable_segments"), names("unassigned_cells"), usize::try_from(contested).unwrap())
}

#[test]
fn the_linter_finds_the_flaws_of_the_published_grids() {
    let sum = "f_score + m_score BETWEEN 2 * LOW AND 2 * HIGH";
    let rounded = "f_score + m_score BETWEEN 2 * LOW - 1 AND 2 * HIGH";
    let grids = [
        ("r_rfm_0.2_and_tests", r_tests()),
        ("r_rfm_0.3_docs", r_docs()),
        ("putler_meanFM", putler(sum)),
        ("putler_rounded_half_up", putler(rounded)),
    ];
    for (name, rules) in grids {
        assert_eq!(found(&findings(&rules)), published(name), "{name}");
    }
}

#[test]
fn the_linter_has_nothing_to_say_of_the_rf_grid() {
    let rules: Vec<(String, String)> =
        RF_GRID.iter().map(|(name, when)| ((*name).to_owned(), (*when).to_owned())).collect();
    assert_eq!(findings(&rules), []);
}

#[test]
fn findings_say_who_takes_whom() {
    let own = |rules: &[(&str, &str)]| {
        let rules: Vec<_> = rules.iter().map(|(name, when)| ((*name).to_owned(), (*when).to_owned())).collect();
        findings(&rules).iter().map(Finding::to_string).collect::<Vec<_>>()
    };
    let messages = own(&[
        ("good", "r_score >= 3"),
        ("bad", "r_score <= 2"),
        ("best", "rfm_cell = '555'"),
        ("none", "r_score = 6"),
        ("idle", "orders = 0"),
    ]);
    let expected = [
        "segment `best` can't be reached: `good` take all its customers",
        "segment `none`: no customer can meet its rule",
        "segments `good` and `best` overlap, `good` gets: 555",
    ];
    assert_eq!(messages, expected);

    let messages = own(&[("old", "days_since_last_purchase > 365 AND r_score = 1"), ("some", "m_score >= 2")]);
    let expected = [
        "segment `old` may take customers of `some`, such as 112 where days_since_last_purchase = 366",
        "no rule is met, so the segment is `unassigned`: 211, 221, 231, 241, 251, 311, 321, 331 and 14 more",
        "customers may meet no rule, such as 111 where days_since_last_purchase is NULL",
    ];
    assert_eq!(messages, expected);

    let messages = own(&[("late", "days_since_last_purchase > orders"), ("some", "m_score >= 1")]);
    let expected = [
        "whom segment `late` takes is not judged: it computes with days_since_last_purchase, orders",
        "no rule is met, except perhaps `late`: customers with refunds only, customers without purchases and refunds",
    ];
    assert_eq!(messages, expected);
}

#[test]
fn without_scores_buyers_and_others_are_told_apart() {
    let says = |rules: &[(&str, &str)]| {
        let segments = rules.iter().map(|(name, when)| rule(name, when)).collect();
        let plan =
            ModelPlan::new(&ModelConfig { segments, ..ModelConfig::default() }, &contract(KeyType::Text)).unwrap();
        lint(&plan).iter().map(Finding::to_string).collect::<Vec<_>>()
    };
    assert_eq!(says(&[("buyer", "orders > 0"), ("other", "orders = 0")]), Vec::<String>::new());
    assert_eq!(
        says(&[("none", "orders = 0"), ("refunded", "refund_count > 0")]),
        [
            "segments `none` and `refunded` overlap, `none` gets: customers with refunds only",
            "customers may meet no rule, such as customers with purchases where orders = 1, refund_count = 0",
        ]
    );
}

#[test]
fn rules_over_counts_are_judged_at_their_constants() {
    let rules = [("many", "orders >= 100"), ("seven", "orders = 7"), ("none", "orders < 0"), ("all", "orders >= 0")];
    let rules = rules.map(|(name, when)| (name.to_owned(), when.to_owned()));
    let messages: Vec<String> = findings(&rules).iter().map(Finding::to_string).collect();
    let expected = [
        "segment `none`: no customer can meet its rule",
        "segment `many` may take customers of `all`, such as customers with purchases where orders = 100",
        "segment `seven` may take customers of `all`, such as customers with purchases where orders = 7",
    ];
    assert_eq!(messages, expected);
}

/// A rule that the rules before it take all customers of only together, each at other values of a column of its own.
#[test]
fn a_rule_that_only_others_together_take_is_unreachable() {
    let rules = [
        ("early", "days_since_last_purchase <= 10"),
        ("late", "days_since_last_purchase > 10"),
        ("rich", "net_revenue >= 5 AND days_since_last_purchase >= 0"),
    ];
    let rules = rules.map(|(name, when)| (name.to_owned(), when.to_owned()));
    let unreachable = Finding::Unreachable {
        segment: "rich".to_owned(),
        taken_by: ["`early`", "`late`"].map(str::to_owned).to_vec(),
    };
    assert!(findings(&rules).contains(&unreachable));
}

#[test]
fn too_many_kinds_of_customers_are_tried_in_part_and_no_rule_is_forgotten() {
    let wide = |n: i64| {
        format!("(days_since_last_purchase = {n} OR net_revenue = {n} OR total_revenue = {n} OR refund_count = {n})")
    };
    let mut rules: Vec<(String, String)> =
        (0..9).map(|n| (format!("s{n}"), format!("{} AND orders = {}", wide(n * 10), n * 10 + 1))).collect();
    rules.push(("needle".to_owned(), "net_revenue = 12345.67 AND rfm_cell = '321'".to_owned()));
    let found = findings(&rules);
    assert!(matches!(found[0], Finding::Sampled { tried, of } if tried <= 1 << 16 && of > 1 << 20), "{:?}", found[0]);
    let never = |finding: &&Finding| matches!(finding, Finding::NeverMet { .. } | Finding::Unreachable { .. });
    assert_eq!(found.iter().find(never), None);
    assert_eq!(found, findings(&rules), "the same customers are tried each time");
}

#[test]
fn the_grid_tells_the_engaged_where_contacts_or_bids_are_known() {
    for known in [&[][..], &["bids"], &["interactions", "bids"]] {
        let mut features = contract(KeyType::Text).columns;
        features.extend(known.iter().map(|name| ColumnSpec::required(name, ColumnType::Int64, "rows", "")));
        let features = TableContract::new("customer_features", "", features).unwrap();
        let rules = rf_grid(|column| known.contains(&column));
        assert_eq!(rules.len(), 12 + usize::from(!known.is_empty()));
        let segments = rules.iter().map(|(name, when)| rule(name, when)).collect();
        let config = ModelConfig { rfm: Some(RfmConfig::default()), segments, ..ModelConfig::default() };
        assert_eq!(lint(&ModelPlan::new(&config, &features).unwrap()), [], "{known:?}");
    }
}

#[test]
fn three_sets_of_segments_stand_side_by_side() {
    let config = ModelConfig {
        objective_segments: vec![rule("often", "orders >= 3"), rule("once", "orders = 1")],
        subjective_segments: vec![rule("liked", "refund_count = 0")],
        segments: vec![
            rule("both", "objective_segment = 'often' AND subjective_segment = 'liked'"),
            rule("gone", "orders < 0"),
        ],
        ..ModelConfig::default()
    };
    let plan = ModelPlan::new(&config, &contract(KeyType::Text)).unwrap();
    let customers = [buyer("a", 5, 3, 1), buyer("b", 50, 1, 1), no_buyer("c", 1), no_buyer("d", 0)];
    let valued = plan.fit_and_apply(as_of(), &features(KeyType::Text, &customers, 3)).unwrap();
    let column = |name| texts(&valued, name).into_iter().map(Option::unwrap).collect::<Vec<_>>();
    assert_eq!(column("objective_segment"), ["often", "once", "unassigned", "unassigned"]);
    assert_eq!(column("subjective_segment"), ["liked", "liked", "unassigned", "liked"]);
    assert_eq!(column("segment"), ["both", "unassigned", "unassigned", "unassigned"]);
    assert_eq!(valued.card.subjective_segments.as_ref().unwrap().rules[0].customers, 3);
    assert_eq!(ModelCard::from_json(&valued.card.to_json().unwrap()).unwrap(), valued.card);
    let lints: Vec<String> = plan.lint().unwrap().iter().map(ToString::to_string).collect();
    assert!(lints.iter().any(|line| line.starts_with("objective_segments: customers may meet no rule")), "{lints:?}");
    assert!(lints.contains(&"segments: segment `gone`: no customer can meet its rule".to_owned()), "{lints:?}");
    let wrong = ModelConfig { subjective_segments: vec![rule("x", "order > 1")], ..config };
    let error = ModelPlan::new(&wrong, &contract(KeyType::Text)).err().unwrap();
    assert!(error.to_string().starts_with("subjective segment `x`: "), "{error}");
}
