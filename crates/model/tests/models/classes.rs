//! ABC, XYZ, the value matrix and the lifecycle: by hand, at the edges, and against definitions counted out.

use std::sync::Arc;

use appraise_model::{
    AbcConfig, Axis, Cut, LifecycleConfig, ModelCard, ModelConfig, ModelError, ModelPlan, ValueMatrixConfig, Valued,
    XyzConfig,
};
use appraise_schema::{ColumnSpec, ColumnType, KeyType, Share, TableContract};
use arrow::array::{ArrayRef, Decimal64Array, Float64Array, Int32Array, Int64Array, RecordBatch, StringArray};
use proptest::prelude::*;

use crate::customers::{as_of, buyer, contract, features, texts};

/// A customer as the models see one.
#[derive(Debug, Clone, Default, PartialEq)]
struct Customer {
    cents: Option<i64>,
    number: Option<f64>,
    variation: Option<f64>,
    /// Days since the last purchase; none of the four without one.
    days: Option<i32>,
    periods: i64,
    mean_gap: Option<f64>,
    last_gap: Option<f64>,
    overdue: Option<f64>,
    group: [Option<&'static str>; 2],
}

fn worth(cents: Option<i64>, number: Option<f64>) -> Customer {
    Customer { cents, number, ..Customer::default() }
}

/// A customer who bought at `gaps` and then `days` ago.
fn rhythm(days: i32, gaps: &[i32], group: [Option<&'static str>; 2]) -> Customer {
    let count = gaps.len() as f64;
    let total: f64 = gaps.iter().map(|&gap| f64::from(gap)).sum();
    Customer {
        days: Some(days),
        periods: i64::try_from(gaps.len()).unwrap() + 1,
        mean_gap: (count > 0.0).then(|| total / count),
        last_gap: gaps.last().map(|&gap| f64::from(gap)),
        overdue: (count > 0.0).then(|| f64::from(days) * count / total),
        group,
        ..Customer::default()
    }
}

const NOWHERE: [Option<&str>; 2] = [None, None];

fn wide_contract() -> TableContract {
    let TableContract { name, meaning, mut columns } = contract(KeyType::Text);
    columns.retain(|column| !["days_since_last_purchase", "purchase_periods"].contains(&column.name.as_str()));
    let money = ColumnType::customer_money(2);
    let own = [
        ("spent", money),
        ("whole", ColumnType::Int64),
        ("number", ColumnType::Float64),
        ("spend_cv", ColumnType::Float64),
        ("days_since_last_purchase", ColumnType::Int32),
        ("purchase_periods", ColumnType::Int64),
        ("mean_gap_days", ColumnType::Float64),
        ("last_gap_days", ColumnType::Float64),
        ("overdue_ratio", ColumnType::Float64),
        ("industry", ColumnType::String),
        ("size", ColumnType::String),
    ];
    columns.extend(own.map(|(name, column_type)| ColumnSpec::nullable(name, column_type, "", "of the test")));
    // The headline of the values.
    columns.push(ColumnSpec::nullable("label", ColumnType::String, "", "of the test"));
    TableContract::new(&name, &meaning, columns).unwrap()
}

fn table(customers: &[Customer], batch_size: usize) -> Vec<RecordBatch> {
    customers.chunks(batch_size).map(batch).collect()
}

fn batch(customers: &[Customer]) -> RecordBatch {
    let buyers: Vec<_> = customers.iter().map(|_| buyer("c", 1, 1, 100)).collect();
    let base = &features(KeyType::Text, &buyers, buyers.len())[0];
    let doubles =
        |of: fn(&Customer) -> Option<f64>| -> ArrayRef { Arc::new(customers.iter().map(of).collect::<Float64Array>()) };
    let text = |place: usize| -> ArrayRef {
        Arc::new(customers.iter().map(|customer| customer.group[place]).collect::<StringArray>())
    };
    let cents: Decimal64Array = customers.iter().map(|customer| customer.cents).collect();
    let column = |name: &str| -> ArrayRef {
        match name {
            "spent" => Arc::new(cents.clone().with_precision_and_scale(18, 2).unwrap()),
            "whole" => Arc::new(customers.iter().map(|customer| customer.cents).collect::<Int64Array>()),
            "number" => doubles(|customer| customer.number),
            "spend_cv" => doubles(|customer| customer.variation),
            "days_since_last_purchase" => Arc::new(customers.iter().map(|c| c.days).collect::<Int32Array>()),
            "purchase_periods" => Arc::new(customers.iter().map(|c| Some(c.periods)).collect::<Int64Array>()),
            "mean_gap_days" => doubles(|customer| customer.mean_gap),
            "last_gap_days" => doubles(|customer| customer.last_gap),
            "overdue_ratio" => doubles(|customer| customer.overdue),
            "industry" | "label" => text(0),
            "size" => text(1),
            other => base.column_by_name(other).unwrap().clone(),
        }
    };
    let contract = wide_contract();
    let columns = contract.columns.iter().map(|spec| column(&spec.name)).collect();
    RecordBatch::try_new(contract.arrow(), columns).unwrap()
}

fn plan(config: &ModelConfig) -> ModelPlan {
    ModelPlan::new(config, &wide_contract()).unwrap()
}

fn fit(config: &ModelConfig, customers: &[Customer]) -> Valued {
    plan(config).fit_and_apply(as_of(), &table(customers, 7)).unwrap()
}

/// Applies the card of `valued`, gone through JSON, to other customers.
fn apply(config: &ModelConfig, valued: &Valued, customers: &[Customer]) -> Valued {
    let card = ModelCard::from_json(&valued.card.to_json().unwrap()).unwrap();
    assert_eq!(card, valued.card);
    plan(config).apply(&card, &table(customers, 3)).unwrap()
}

fn share(percent: u32) -> Share {
    Share::from_fraction(f64::from(percent) / 100.0).unwrap()
}

fn abc(measure: &str, a: u32, b: u32) -> ModelConfig {
    let abc = AbcConfig { measure: Some(measure.to_owned()), a: share(a), b: share(b) };
    ModelConfig { abc: Some(abc), ..ModelConfig::default() }
}

fn matrix(current: Cut, future: Cut) -> ModelConfig {
    let axis = |column: &str, cut| Axis { column: Some(column.to_owned()), cut };
    let value_matrix = ValueMatrixConfig { current: axis("spent", current), future: axis("number", future) };
    ModelConfig { value_matrix: Some(value_matrix), ..ModelConfig::default() }
}

fn lifecycle(config: LifecycleConfig) -> ModelConfig {
    ModelConfig { lifecycle: Some(config), ..ModelConfig::default() }
}

fn refusal(config: &ModelConfig) -> String {
    match ModelPlan::new(config, &wide_contract()) {
        Ok(_) => "planned".to_owned(),
        Err(error) => error.to_string(),
    }
}

fn known(texts: Vec<Option<String>>) -> Vec<String> {
    texts.into_iter().map(|text| text.unwrap_or_else(|| "NULL".to_owned())).collect()
}

// -- ABC ---------------------------------------------------------------------------------------------------------

#[test]
fn the_one_who_crosses_the_line_is_still_among_the_few() {
    // Of 100, from the largest: 0, 60, 80, 95 and 98 before. Exactly 80 and 95 are no longer less.
    let customers: Vec<Customer> =
        [6_000, 1_500, 2_000, 200, 300, 0, -50].map(|cents| worth(Some(cents), None)).to_vec();
    let valued = fit(&abc("spent", 80, 95), &customers);
    assert_eq!(known(texts(&valued, "abc_class")), ["A", "B", "A", "C", "C", "C", "C"]);
    let card = valued.card.abc.clone().unwrap();
    let sums: Vec<_> = card.classes.iter().map(|class| class.sum.as_deref().unwrap()).collect();
    assert_eq!(sums, ["80.00", "15.00", "5.00"]);
    assert_eq!(card.classes.iter().map(|class| class.customers).collect::<Vec<_>>(), [2, 1, 4]);
    // A penny less before the third, and it is the one who crosses the line.
    let short = [6_000, 1_501, 1_999, 200, 300].map(|cents| worth(Some(cents), None));
    assert_eq!(known(texts(&fit(&abc("spent", 80, 95), &short), "abc_class")), ["A", "A", "A", "C", "C"]);
}

#[test]
fn equal_values_share_the_class_of_their_first() {
    let customers = vec![worth(Some(100), None); 10];
    let valued = fit(&abc("spent", 50, 60), &customers);
    assert!(texts(&valued, "abc_class").iter().all(|class| class.as_deref() == Some("A")));
}

#[test]
fn classes_at_the_edges() {
    let config = abc("spent", 80, 95);
    assert_eq!(fit(&config, &[]).card.abc.unwrap().classes.len(), 3);
    assert_eq!(known(texts(&fit(&config, &[worth(Some(1), None)]), "abc_class")), ["A"]);
    let nobody = [Some(0), Some(-5), None].map(|cents| worth(cents, None));
    let valued = fit(&config, &nobody);
    assert_eq!(known(texts(&valued, "abc_class")), ["C", "C", "NULL"]);
    // Nobody was above 0 when the card was made.
    assert_eq!(known(texts(&apply(&config, &valued, &[worth(Some(7), None)]), "abc_class")), ["C"]);
    let huge = vec![worth(Some(999_999_999_999_999_999), Some(f64::MAX)); 50];
    for measure in ["spent", "whole", "number"] {
        let valued = fit(&abc(measure, 80, 95), &huge);
        let card = valued.card.abc.unwrap();
        assert_eq!((card.classes[0].customers, card.classes[0].share), (50, 1.0), "{measure}");
    }
}

#[test]
fn classes_that_can_not_be_are_refused() {
    assert_eq!(
        refusal(&abc("label", 80, 95)),
        "`customer_features` has no column `label` of type DECIMAL, INT32, INT64 or DOUBLE"
    );
    assert!(refusal(&abc("nothing", 80, 95)).contains("no column `nothing`"));
    assert!(refusal(&abc("spent", 95, 80)).contains("`abc.a` is 95%"));
    assert!(refusal(&abc("spent", 0, 80)).contains("`abc.a` is 0%"));
    let valued = fit(&abc("spent", 80, 95), &[worth(Some(1), None)]);
    for other in [abc("number", 80, 95), abc("spent", 70, 95), abc("spent", 80, 90)] {
        let error = plan(&other).apply(&valued.card, &table(&[], 1)).unwrap_err();
        assert!(matches!(error, ModelError::CardMismatch { .. }), "{error}");
    }
}

/// The class of `value` among `fitted`, counted out.
fn naive_abc(fitted: &[Option<i64>], value: i64, a: u32, b: u32) -> &'static str {
    let above =
        |least: i64| fitted.iter().flatten().filter(|&&v| v > least.max(0)).map(|&v| i128::from(v)).sum::<i128>();
    // A value that was not fitted has the class of the largest fitted one that is not above it.
    let Some(fitted_value) = fitted.iter().flatten().copied().filter(|&v| v <= value).max().filter(|&v| v > 0) else {
        return "C";
    };
    let (before, whole) = (above(fitted_value), above(0));
    if before * 100 < whole * i128::from(a) {
        "A"
    } else if before * 100 < whole * i128::from(b) {
        "B"
    } else {
        "C"
    }
}

fn values() -> impl Strategy<Value = Vec<Option<i64>>> {
    let value = prop_oneof![
        4 => (-3..12_i64).prop_map(Some),
        2 => (0..100_000_i64).prop_map(Some),
        1 => Just(None),
        1 => Just(Some(0)),
    ];
    prop::collection::vec(value, 0..60)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// Money, whole numbers and doubles of equal values are classed alike, as the definition says; a frozen card classes
    /// those who were fitted as before and others by the value below.
    #[test]
    fn abc_is_its_definition(fitted in values(), new in -5..100_010_i64, a in 1..90_u32, more in 1..10_u32) {
        let b = a + more;
        let customers: Vec<Customer> = fitted.iter().map(|&v| worth(v, v.map(|v| v as f64))).collect();
        let expected: Vec<&str> = fitted.iter().map(|v| v.map_or("NULL", |v| naive_abc(&fitted, v, a, b))).collect();
        for measure in ["spent", "whole", "number"] {
            let config = abc(measure, a, b);
            let valued = fit(&config, &customers);
            prop_assert_eq!(known(texts(&valued, "abc_class")), expected.clone(), "{}", measure);
            prop_assert_eq!(texts(&apply(&config, &valued, &customers), "abc_class"), texts(&valued, "abc_class"));
            let later = apply(&config, &valued, &[worth(Some(new), Some(new as f64))]);
            prop_assert_eq!(known(texts(&later, "abc_class")), [naive_abc(&fitted, new, a, b)]);
        }
    }

    /// The classes hold everybody with a value once, and their shares are the whole.
    #[test]
    fn shares_of_classes_sum_to_one(fitted in values()) {
        let customers: Vec<Customer> = fitted.iter().map(|&v| worth(v, None)).collect();
        let card = fit(&abc("spent", 80, 95), &customers).card.abc.unwrap();
        let cents = |text: &Option<String>| text.as_ref().unwrap().replace('.', "").parse::<i64>().unwrap();
        let whole: i64 = fitted.iter().flatten().filter(|&&v| v > 0).sum();
        prop_assert_eq!(card.classes.iter().map(|class| cents(&class.sum)).sum::<i64>(), whole);
        prop_assert_eq!(card.classes.iter().map(|class| class.customers).sum::<u64>(), fitted.iter().flatten().count() as u64);
        let shares: f64 = card.classes.iter().map(|class| class.share).sum();
        let expected = if whole > 0 { 1.0 } else { 0.0 };
        prop_assert!((shares - expected).abs() < 1e-15, "{}", shares);
    }
}

// -- XYZ ---------------------------------------------------------------------------------------------------------

#[test]
fn a_bound_of_xyz_is_reached() {
    let config = ModelConfig { xyz: Some(XyzConfig::default()), ..ModelConfig::default() };
    let variations = [Some(0.0), Some(0.5), Some(0.500_001), Some(1.0), Some(1.000_001), Some(30.0), None];
    let customers = variations.map(|variation| Customer { variation, ..Customer::default() });
    let valued = fit(&config, &customers);
    assert_eq!(known(texts(&valued, "xyz_class")), ["X", "X", "Y", "Y", "Z", "Z", "NULL"]);
    assert_eq!(texts(&apply(&config, &valued, &customers), "xyz_class"), texts(&valued, "xyz_class"));
    let counts: Vec<u64> = valued.card.xyz.unwrap().classes.iter().map(|class| class.customers).collect();
    assert_eq!(counts, [2, 2, 2]);
    for (x, y) in [(1.0, 1.0), (-0.1, 1.0), (f64::NAN, 1.0), (0.5, f64::INFINITY)] {
        let refused = refusal(&ModelConfig { xyz: Some(XyzConfig { x, y }), ..ModelConfig::default() });
        assert!(refused.contains("`xyz.x`"), "{refused}");
    }
}

// -- The value matrix --------------------------------------------------------------------------------------------

#[test]
fn who_stands_at_the_median_is_not_above_it() {
    let half = || Cut::Top(share(50));
    let customers = [(1, 9.0), (2, 1.0), (3, 8.0), (4, 2.0), (5, 7.0)].map(|(c, n)| worth(Some(c), Some(n)));
    let valued = fit(&matrix(half(), half()), &customers);
    assert_eq!(known(texts(&valued, "value_cell")), ["grow", "review", "grow", "harvest", "harvest"]);
    // Most have nothing: they are not above anybody, and one value alone is above none.
    let poor = [0, 0, 0, 5].map(|cents| worth(Some(cents), Some(1.0)));
    assert_eq!(
        known(texts(&fit(&matrix(half(), half()), &poor), "value_cell")),
        ["review", "review", "review", "harvest"]
    );
    let one_side = [worth(Some(1), None), worth(None, Some(1.0))];
    assert_eq!(known(texts(&fit(&matrix(half(), half()), &one_side), "value_cell")), ["NULL", "NULL"]);
}

#[test]
fn a_value_where_high_begins_is_reached() {
    let config = matrix(Cut::At("12.50".to_owned()), Cut::At("-1".to_owned()));
    let customers = [(1_250, -1.0), (1_249, 0.0), (1_250, -1.01), (0, -5.0)].map(|(c, n)| worth(Some(c), Some(n)));
    let valued = fit(&config, &customers);
    assert_eq!(known(texts(&valued, "value_cell")), ["keep", "grow", "harvest", "review"]);
    let refused = refusal(&matrix(Cut::At("1.234".to_owned()), Cut::Top(share(50))));
    assert_eq!(refused, "`value_matrix.current.at` is 1.234, expected a value of the column `spent`");
    let card = plan(&matrix(Cut::At("12.51".to_owned()), Cut::At("-1".to_owned()))).apply(&valued.card, &table(&[], 1));
    assert!(matches!(card.unwrap_err(), ModelError::CardMismatch { .. }));
}

#[test]
fn a_matrix_without_a_future_is_refused() {
    let config = ModelConfig {
        value_matrix: Some(ValueMatrixConfig { current: Axis::default(), future: Axis::default() }),
        ..ModelConfig::default()
    };
    assert_eq!(refusal(&config), "`customer_features` has no column `clv` of type DECIMAL");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// High are the largest values that at most the share has; the cells partition those with both values.
    #[test]
    fn cells_partition_who_has_both_values(
        money in values(),
        numbers in prop::collection::vec(prop::option::weighted(0.9, -3..9_i32), 60),
        current in 1..100_u32,
        future in 1..100_u32,
    ) {
        let numbers = numbers.into_iter().map(|number| number.map(f64::from));
        let customers: Vec<Customer> = money.into_iter().zip(numbers).map(|(c, n)| worth(c, n)).collect();
        let config = matrix(Cut::Top(share(current)), Cut::Top(share(future)));
        let both: Vec<(i64, f64)> = customers.iter().filter_map(|c| Some((c.cents?, c.number?))).collect();
        let most = |percent: u32, reached: usize| reached * 100 <= both.len() * percent as usize;
        let cell = |customer: &Customer| {
            let (Some(c), Some(n)) = (customer.cents, customer.number) else { return "NULL" };
            let today = most(current, both.iter().filter(|other| other.0 >= c).count());
            let later = most(future, both.iter().filter(|other| other.1 >= n).count());
            match (today, later) {
                (true, true) => "keep",
                (false, true) => "grow",
                (true, false) => "harvest",
                (false, false) => "review",
            }
        };
        let valued = fit(&config, &customers);
        let cells = texts(&valued, "value_cell");
        prop_assert_eq!(known(cells.clone()), customers.iter().map(cell).collect::<Vec<_>>());
        prop_assert_eq!(texts(&apply(&config, &valued, &customers), "value_cell"), cells.clone());
        let card = valued.card.value_matrix.unwrap();
        for class in &card.cells {
            let members = cells.iter().filter(|cell| cell.as_deref() == Some(class.class.as_str())).count();
            prop_assert_eq!(class.customers, members as u64);
        }
        prop_assert_eq!(card.cells.iter().map(|class| class.customers).sum::<u64>(), both.len() as u64);
    }
}

// -- The lifecycle -----------------------------------------------------------------------------------------------

fn states(config: &LifecycleConfig, customers: &[Customer]) -> Vec<String> {
    let valued = fit(&lifecycle(config.clone()), customers);
    let states = texts(&valued, "lifecycle");
    let card = valued.card.lifecycle.unwrap();
    assert_eq!(card.states.iter().map(|state| state.customers).sum::<u64>(), customers.len() as u64);
    states.into_iter().map(Option::unwrap).collect()
}

#[test]
fn a_life_by_its_own_rhythm() {
    let cases: [(i32, &[i32], &str); 15] = [
        (0, &[], "new"),
        (90, &[], "new"),
        (10, &[731], "won_back"),
        (90, &[5, 731], "won_back"),
        (91, &[731], "active"),
        (10, &[730], "active"),
        (90, &[1], "active"),
        (91, &[1], "lost"),
        (150, &[100], "active"),
        (151, &[100], "cooling"),
        (300, &[100], "cooling"),
        (301, &[100], "dormant"),
        (600, &[100], "dormant"),
        (601, &[100], "lost"),
        (731, &[700], "lost"),
    ];
    let customers: Vec<Customer> = cases.iter().map(|(days, gaps, _)| rhythm(*days, gaps, NOWHERE)).collect();
    let expected: Vec<&str> = cases.iter().map(|case| case.2).collect();
    assert_eq!(states(&LifecycleConfig::default(), &customers), expected);
    assert_eq!(states(&LifecycleConfig::default(), &[Customer::default()]), ["prospect"]);
}

#[test]
fn a_buyer_of_1741_is_lost_whatever_the_rhythm() {
    // Two purchases in 32 years, the last 172 years before: by ratio alone not yet gone.
    let buyer = rhythm(62_822, &[11_688], NOWHERE);
    assert!(buyer.overdue.unwrap() < 6.0);
    let slow = rhythm(62_822, &[60_000], NOWHERE);
    let once = rhythm(62_822, &[], NOWHERE);
    assert_eq!(states(&LifecycleConfig::default(), &[buyer, slow, once]), ["lost", "lost", "lost"]);
}

#[test]
fn who_bought_once_takes_the_rhythm_of_alike_repeaters() {
    let law = [Some("law"), Some("small")];
    let config = LifecycleConfig {
        new_days: 5,
        group_by: vec!["industry".to_owned(), "size".to_owned()],
        min_repeaters: 2,
        ..LifecycleConfig::default()
    };
    // Gaps of small law firms 10 and 20, of a large one 60; of art 100 and 300, all of one size; of nobody's 80.
    let mut customers = vec![
        rhythm(1, &[10], law),
        rhythm(1, &[20], law),
        rhythm(1, &[60], [Some("law"), Some("large")]),
        rhythm(1, &[100], [Some("art"), None]),
        rhythm(1, &[300], [Some("art"), None]),
        rhythm(1, &[80], NOWHERE),
    ];
    let once = |days, group| rhythm(days, &[], group);
    // Medians: small law 15, law 20, art 200, all 70.
    let large = [Some("law"), Some("large")];
    customers.extend([once(22, law), once(23, law), once(30, large), once(31, large)]);
    customers.extend([once(300, [Some("art"), None]), once(301, [Some("art"), Some("tiny")])]);
    customers.extend([once(105, [Some("tin"), None]), once(106, NOWHERE)]);
    let found = states(&config, &customers);
    let expected = ["active", "cooling", "active", "cooling", "active", "cooling", "active", "cooling"];
    assert_eq!(found[6..], expected);

    let valued = fit(&lifecycle(config.clone()), &customers);
    let medians: Vec<(usize, u64, f64)> = valued
        .card
        .lifecycle
        .clone()
        .unwrap()
        .groups
        .iter()
        .map(|group| (group.group.len(), group.repeaters, group.median_gap_days))
        .collect();
    assert_eq!(medians, [(0, 6, 70.0), (1, 2, 200.0), (1, 3, 20.0), (2, 2, 200.0), (2, 2, 15.0)]);
    let later = apply(&lifecycle(config), &valued, &[once(23, law), once(106, [Some("new"), Some("small")])]);
    assert_eq!(known(texts(&later, "lifecycle")), ["cooling", "cooling"]);
}

#[test]
fn without_repeaters_customers_of_one_purchase_are_lost_after_the_days_of_the_pipeline() {
    // 600 days: active to 150, cooling to 300, dormant to 600.
    let config = LifecycleConfig { lost_days: 600, ..LifecycleConfig::default() };
    let customers = [90, 91, 150, 151, 300, 301, 600, 601].map(|days| rhythm(days, &[], NOWHERE));
    let expected = ["new", "active", "active", "cooling", "cooling", "dormant", "dormant", "lost"];
    assert_eq!(states(&config, &customers), expected);
    assert!(states(&config, &[]).is_empty());
}

#[test]
fn lives_that_can_not_be_are_refused() {
    let refused = |config: LifecycleConfig| refusal(&lifecycle(config));
    let default = LifecycleConfig::default;
    assert!(refused(LifecycleConfig { new_days: 730, ..default() }).contains("`lifecycle.new_days` is 730"));
    for (active, cooling, dormant) in [(0.0, 1.0, 2.0), (1.0, 1.0, 2.0), (1.0, 3.0, 2.0), (1.0, 2.0, f64::INFINITY)] {
        assert!(refused(LifecycleConfig { active, cooling, dormant, ..default() }).contains("`lifecycle.active`"));
    }
    assert!(refused(LifecycleConfig { min_repeaters: 0, ..default() }).contains("`lifecycle.min_repeaters` is 0"));
    let by_number = LifecycleConfig { group_by: vec!["number".to_owned()], ..default() };
    assert_eq!(refused(by_number), "`customer_features` has no column `number` of type STRING");
    let valued = fit(&lifecycle(default()), &[]);
    let other = lifecycle(LifecycleConfig { lost_days: 365, ..default() });
    assert!(matches!(plan(&other).apply(&valued.card, &[]).unwrap_err(), ModelError::CardMismatch { .. }));
}

/// The state by the definition, with all customers for the groups.
fn naive_state(config: &LifecycleConfig, all: &[Customer], customer: &Customer) -> &'static str {
    let Some(days) = customer.days.map(f64::from) else { return "prospect" };
    let recent = days <= f64::from(config.new_days);
    if recent && customer.last_gap.is_some_and(|gap| gap > f64::from(config.lost_days)) {
        return "won_back";
    }
    if recent {
        return if customer.periods == 1 { "new" } else { "active" };
    }
    if days > f64::from(config.lost_days) {
        return "lost";
    }
    let overdue = customer.overdue.unwrap_or_else(|| {
        let depths = (0..=2).rev().map(|depth| {
            let mut gaps: Vec<f64> =
                all.iter().filter(|c| c.group[..depth] == customer.group[..depth]).filter_map(|c| c.mean_gap).collect();
            gaps.sort_by(f64::total_cmp);
            gaps
        });
        let gaps = depths.into_iter().find(|gaps| gaps.len() as u64 >= config.min_repeaters);
        let median = gaps.map(|gaps| f64::midpoint(gaps[(gaps.len() - 1) / 2], gaps[gaps.len() / 2]));
        days / median.unwrap_or(f64::from(config.lost_days) / config.dormant)
    });
    ["lost", "dormant", "cooling", "active"]
        [[config.dormant, config.cooling, config.active].iter().filter(|&&m| overdue <= m).count()]
}

fn lives() -> impl Strategy<Value = Vec<Customer>> {
    let group = (
        prop::sample::select(vec![None, Some("law"), Some("art")]),
        prop::sample::select(vec![None, Some("small"), Some("large")]),
    );
    let gaps = prop::collection::vec(prop_oneof![1..40_i32, 1..2_000_i32], 0..4);
    let life = (prop::option::weighted(0.9, prop_oneof![0..60_i32, 0..3_000_i32]), gaps, group).prop_map(
        |(days, gaps, (industry, size))| match days {
            Some(days) => rhythm(days, &gaps, [industry, size]),
            None => Customer { group: [industry, size], ..Customer::default() },
        },
    );
    prop::collection::vec(life, 0..60)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// Nobody is without a state, and each is that of the definition, also by a frozen card.
    #[test]
    fn everybody_has_the_state_of_the_definition(
        customers in lives(),
        new_days in 0..200_u32,
        more in 1..1_000_u32,
        min_repeaters in 1..20_u64,
    ) {
        let config = LifecycleConfig {
            new_days,
            lost_days: new_days + more,
            group_by: vec!["industry".to_owned(), "size".to_owned()],
            min_repeaters,
            ..LifecycleConfig::default()
        };
        let expected: Vec<&str> = customers.iter().map(|c| naive_state(&config, &customers, c)).collect();
        prop_assert_eq!(states(&config, &customers), expected.clone());
        let valued = fit(&lifecycle(config.clone()), &customers);
        prop_assert_eq!(known(texts(&apply(&lifecycle(config), &valued, &customers), "lifecycle")), expected);
    }
}
