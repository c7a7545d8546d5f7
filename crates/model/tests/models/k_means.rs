//! Clusters: obvious ones are found, the definition holds for any customers, and a card gives them again.

use std::collections::BTreeSet;
use std::sync::Arc;

use appraise_model::{
    ClusterCount, ClustersConfig, IndexCustomers, ModelCard, ModelConfig, ModelError, ModelPlan, Transform, Valued,
};
use appraise_schema::{ColumnSpec, ColumnType, KeyType, TableContract};
use arrow::array::{ArrayRef, Decimal64Array, Float64Array, RecordBatch};
use proptest::prelude::*;

use crate::customers::{as_of, buyer, contract, doubles, features, no_buyer, scores};

/// A customer: whether there are orders, a double, cents.
type Row = (bool, Option<f64>, Option<i64>);

fn extended() -> TableContract {
    let TableContract { name, meaning, mut columns } = contract(KeyType::Integer);
    columns.push(ColumnSpec::nullable("share", ColumnType::Float64, "", "a number"));
    columns.push(ColumnSpec::nullable("spent", ColumnType::customer_money(2), "GBP", "money"));
    TableContract::new(&name, &meaning, columns).unwrap()
}

/// Customers by their keys.
fn table(rows: &[(i64, Row)], batch_size: usize) -> Vec<RecordBatch> {
    let batch = |rows: &[(i64, Row)]| {
        let customer = |(key, (buys, _, _)): &(i64, Row)| {
            if *buys { buyer(&key.to_string(), 1, 1, 100) } else { no_buyer(&key.to_string(), 0) }
        };
        let customers: Vec<_> = rows.iter().map(customer).collect();
        let mut columns = features(KeyType::Integer, &customers, rows.len())[0].columns().to_vec();
        columns.push(Arc::new(rows.iter().map(|(_, (_, share, _))| *share).collect::<Float64Array>()));
        let spent: Decimal64Array = rows.iter().map(|(_, (_, _, spent))| *spent).collect();
        columns.push(Arc::new(spent.with_precision_and_scale(18, 2).unwrap()) as ArrayRef);
        RecordBatch::try_new(extended().arrow(), columns).unwrap()
    };
    rows.chunks(batch_size).map(batch).collect()
}

fn config(clusters: ClusterCount) -> ClustersConfig {
    ClustersConfig {
        columns: vec![("share".to_owned(), None), ("spent".to_owned(), None)],
        clusters,
        seed: 7,
        customers: IndexCustomers::Buyers,
    }
}

fn plan(config: &ClustersConfig) -> ModelPlan {
    ModelPlan::new(&ModelConfig { k_means: Some(config.clone()), ..ModelConfig::default() }, &extended()).unwrap()
}

fn value(config: &ClustersConfig, rows: &[(i64, Row)], batch_size: usize) -> Result<Valued, ModelError> {
    plan(config).fit_and_apply(as_of(), &table(rows, batch_size))
}

fn keyed(rows: Vec<Row>) -> Vec<(i64, Row)> {
    (1..).zip(rows).collect()
}

/// Three heaps of 60, 30 and 10 customers, apart by logarithms of money, and by the share.
fn heaps() -> Vec<(i64, Row)> {
    let row = |number: i64| {
        let spread = (number * 7919 % 101) as f64 / 1000.0;
        match number % 10 {
            0 => (true, Some(0.5 + spread), Some(1_000_000 + number)),
            1..=3 => (true, Some(0.9 + spread), Some(1_000 + number)),
            _ => (true, Some(0.1 + spread), Some(1_000 + number)),
        }
    };
    keyed((0..100).map(row).collect())
}

#[test]
fn heaps_are_found_and_the_largest_is_the_first() {
    for clusters in [ClusterCount::Fixed(3), ClusterCount::Auto] {
        let valued = value(&config(clusters), &heaps(), 17).unwrap();
        let expected: Vec<Option<i32>> = (0..100)
            .map(|number| {
                Some(match number % 10 {
                    0 => 3,
                    1..=3 => 2,
                    _ => 1,
                })
            })
            .collect();
        assert_eq!(scores(&valued, "cluster"), expected, "{clusters:?}");
        let card = valued.card.k_means.unwrap();
        assert_eq!((card.customers, card.fitted_customers, &card.clusters.sizes[..]), (100, 100, &[60, 30, 10][..]));
        assert_eq!((card.columns[0].transform, card.columns[1].transform), (Transform::Identity, Transform::Log1p));
        if clusters == ClusterCount::Auto {
            let best = card.silhouettes.iter().max_by(|a, b| a.silhouette.total_cmp(&b.silhouette)).unwrap();
            assert_eq!((card.silhouettes.len(), best.k), (7, 3));
            assert!(best.silhouette > 0.8, "{}", best.silhouette);
        }
    }
}

#[test]
fn customers_without_orders_or_values_have_no_cluster() {
    let mut rows = heaps();
    rows[0].1 = (false, Some(0.1), Some(1_000));
    rows[1].1 = (true, None, Some(1_000));
    rows[2].1 = (true, Some(0.1), None);
    rows[3].1 = (true, Some(f64::NAN), Some(1_000));
    let config = config(ClusterCount::Fixed(3));
    let valued = value(&config, &rows, 3).unwrap();
    let (clusters, distances) = (scores(&valued, "cluster"), doubles(&valued, "cluster_distance"));
    for number in 0..100 {
        assert_eq!((clusters[number].is_none(), distances[number].is_none()), (number < 4, number < 4), "{number}");
    }
    let all = ClustersConfig { customers: IndexCustomers::All, ..config };
    let clusters = scores(&value(&all, &rows, 3).unwrap(), "cluster");
    assert_eq!(clusters.iter().take(4).map(Option::is_some).collect::<Vec<_>>(), [true, false, false, false]);
}

#[test]
fn too_few_different_customers_are_refused_by_number() {
    let rows = keyed(vec![(true, Some(1.0), Some(5)), (true, Some(2.0), Some(5)), (true, Some(2.0), Some(5))]);
    let message = |clusters, rows: &[(i64, Row)]| value(&config(clusters), rows, 2).unwrap_err().to_string();
    let said = message(ClusterCount::Fixed(3), &rows);
    assert_eq!(said, "`model.k_means` can't be fitted: 3 clusters were asked for, but only 2 rows differ");
    // Two differ: that is the only number to choose.
    let card = value(&config(ClusterCount::Auto), &rows, 2).unwrap().card.k_means.unwrap();
    assert_eq!((card.silhouettes.len(), &card.clusters.sizes[..]), (1, &[2, 1][..]));
    for clusters in [ClusterCount::Fixed(2), ClusterCount::Auto] {
        assert!(message(clusters, &rows[1..]).contains("only 1 rows differ"));
        assert!(message(clusters, &[]).contains("only 0 rows differ"));
    }
}

#[test]
fn what_is_no_plan_is_refused_by_name() {
    let message = |config: ClustersConfig| {
        let models = ModelConfig { k_means: Some(config), ..ModelConfig::default() };
        ModelPlan::new(&models, &extended()).err().unwrap().to_string()
    };
    let of = |columns: &[&str]| ClustersConfig {
        columns: columns.iter().map(|name| ((*name).to_owned(), None)).collect(),
        ..config(ClusterCount::Auto)
    };
    assert!(message(of(&["first_purchase_date"])).contains("`first_purchase_date` of type INT32"));
    assert!(message(of(&[])).contains("model.k_means.columns"));
    assert!(message(of(&["share", "share"])).contains("`share` twice"));
    assert!(message(config(ClusterCount::Fixed(1))).contains("`model.k_means.k` is 1"));
}

#[test]
fn a_card_of_other_clusters_is_refused() {
    let config = config(ClusterCount::Fixed(3));
    let card = value(&config, &heaps(), 50).unwrap().card;
    let apply = |config: &ClustersConfig, card: &ModelCard| {
        plan(config).apply(card, &table(&heaps(), 50)).map(|valued| scores(&valued, "cluster"))
    };
    let other = ClustersConfig { clusters: ClusterCount::Fixed(4), ..config.clone() };
    assert!(apply(&other, &card).unwrap_err().to_string().contains("`k_means.k` is 3 in the card, 4"));
    let mut other = config.clone();
    other.columns[1].1 = Some(Transform::Identity);
    assert!(apply(&other, &card).unwrap_err().to_string().contains("spent (log1p)"));
    assert!(apply(&ClustersConfig { clusters: ClusterCount::Auto, seed: 8, ..config.clone() }, &card).is_ok());
    let mut broken = card;
    broken.k_means.as_mut().unwrap().clusters.centroids[1].pop();
    assert!(apply(&config, &broken).unwrap_err().to_string().contains("k_means.clusters"));
}

#[test]
fn of_many_customers_a_sample_by_their_keys_is_fitted() {
    let row = |key: i64| (true, Some((key * 31 % 977) as f64), Some(key * key % 100_003));
    let mut rows: Vec<(i64, Row)> = (0..20_500).map(|key| (key, row(key))).collect();
    let config = config(ClusterCount::Fixed(4));
    let valued = value(&config, &rows, 4_096).unwrap();
    let card = valued.card.k_means.as_ref().unwrap();
    assert_eq!((card.customers, card.fitted_customers), (20_500, 20_000));
    assert_eq!(card.clusters.sizes.iter().sum::<u64>(), 20_000);
    assert!(scores(&valued, "cluster").iter().all(Option::is_some));
    // The order of customers does not matter.
    rows.reverse();
    assert_eq!(value(&config, &rows, 1_000).unwrap().card, valued.card);
}

fn random_rows() -> impl Strategy<Value = Vec<(i64, Row)>> {
    let double = prop_oneof![
        1 => Just(None),
        3 => (-3..4_i32).prop_map(|value| Some(f64::from(value))),
        3 => (-1e3..1e3).prop_map(Some),
        1 => prop_oneof![Just(f64::MAX), Just(-f64::MAX)].prop_map(Some),
    ];
    let cents =
        prop_oneof![1 => Just(None), 5 => (-999_999_999_999_999_999..=999_999_999_999_999_999_i64).prop_map(Some)];
    prop::collection::vec((prop::bool::weighted(0.8), double, cents), 0..50).prop_map(keyed)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// Every customer is in the cluster whose middle is nearest, as a naive search finds it.
    #[test]
    fn the_nearest_middle_is_the_cluster(
        rows in random_rows(),
        fixed in 2..6_u8,
        auto in any::<bool>(),
        all in any::<bool>(),
        batch_size in 1..20_usize,
    ) {
        let clusters = if auto { ClusterCount::Auto } else { ClusterCount::Fixed(fixed) };
        let customers = if all { IndexCustomers::All } else { IndexCustomers::Buyers };
        let config = ClustersConfig { customers, ..config(clusters) };
        let belongs = |(buys, share, spent): &Row| (all || *buys) && share.is_some() && spent.is_some();
        let different: BTreeSet<(u64, i64)> = rows
            .iter()
            .filter(|(_, row)| belongs(row))
            .map(|(_, (_, share, spent))| ((share.unwrap() + 0.0).to_bits(), spent.unwrap()))
            .collect();
        let Ok(valued) = value(&config, &rows, batch_size) else {
            let needed = if auto { 2 } else { usize::from(fixed) };
            // Beside the greatest numbers small differences are lost.
            let extreme = rows.iter().any(|(_, row)| row.1.is_some_and(|share| share.abs() > 1e300));
            prop_assert!(extreme || different.len() < needed);
            return Ok(());
        };
        let card = valued.card.k_means.as_ref().unwrap();
        let found = scores(&valued, "cluster");
        let distances = doubles(&valued, "cluster_distance");
        let of = &card.clusters;
        prop_assert!(of.sizes.windows(2).all(|pair| pair[0] >= pair[1]));
        for (place, (_, row)) in rows.iter().enumerate() {
            prop_assert_eq!(found[place].is_some(), belongs(row));
            let Some(cluster) = found[place] else { continue };
            let money = row.2.unwrap() as f64 / 100.0;
            let values = [row.1.unwrap(), money.signum() * money.abs().ln_1p()];
            let standard = |column: usize| {
                let deviation = of.deviations[column];
                if deviation > 0.0 { (values[column] / 2.0 - of.means[column] / 2.0) / (deviation / 2.0) } else { 0.0 }
            };
            let distance = |centroid: &Vec<f64>| ((standard(0) - centroid[0]).powi(2) + (standard(1) - centroid[1]).powi(2)).sqrt();
            let nearest = of.centroids.iter().map(distance).fold(f64::INFINITY, f64::min);
            let own = distance(&of.centroids[usize::try_from(cluster).unwrap() - 1]);
            prop_assert!(own <= nearest + 1e-9, "{own} {nearest}");
            prop_assert!((distances[place].unwrap() - own).abs() <= 1e-9, "{:?} {own}", distances[place]);
        }
        // Batches and the way through the card change no bit.
        let whole = value(&config, &rows, 1000).unwrap();
        prop_assert_eq!(&whole.card, &valued.card);
        prop_assert_eq!(&doubles(&whole, "cluster_distance"), &distances);
        let frozen = ModelCard::from_json(&valued.card.to_json().unwrap()).unwrap();
        let again = plan(&config).apply(&frozen, &table(&rows, 7)).unwrap();
        prop_assert_eq!(&scores(&again, "cluster"), &found);
        prop_assert_eq!(&doubles(&again, "cluster_distance"), &distances);
    }
}
