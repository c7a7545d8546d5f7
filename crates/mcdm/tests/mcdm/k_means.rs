//! Clusters and silhouettes.

use appraise_mcdm::{Error, KMeans, KMeansConfig, silhouettes};
use proptest::prelude::*;
use rand_pcg::Pcg64;
use rand_pcg::rand_core::Rng;

use crate::run::slices;

const CONFIG: KMeansConfig = KMeansConfig { clusters: 3, seed: 7, starts: 4, max_iterations: 100 };

/// 50, 40 and 30 rows around three places, and a constant column.
fn clouds() -> (Vec<Vec<f64>>, Vec<u32>) {
    let mut random = Pcg64::new(1, 1);
    let mut columns = vec![Vec::new(), Vec::new(), Vec::new()];
    let mut labels = Vec::new();
    for row in 0..120_u32 {
        let label = if row % 12 < 5 {
            0
        } else if row % 12 < 9 {
            1
        } else {
            2
        };
        let place = [[0.0, 0.0], [100.0, 0.5], [0.0, 9.0]][label as usize];
        let mut noise = || f64::from(random.next_u32()) / f64::from(u32::MAX);
        columns[0].push(place[0] + 10.0 * noise());
        columns[1].push(place[1] + noise());
        columns[2].push(4.0);
        labels.push(label);
    }
    (columns, labels)
}

#[test]
fn clouds_are_found() {
    let (columns, labels) = clouds();
    let found = KMeans::fit(&slices(&columns), &CONFIG).unwrap();
    assert_eq!(found.sizes, [50, 40, 30]);
    assert!(found.converged && found.deviations[2] == 0.0);
    assert_eq!(found.assign(&slices(&columns)).unwrap(), labels);
    let frozen: KMeans = serde_json::from_str(&serde_json::to_string(&found).unwrap()).unwrap();
    assert_eq!(frozen, found);
    assert_eq!(frozen.assign(&[&[120.0], &[0.0], &[-4.0]]).unwrap(), [1]);
    // The inertia is what the definition says, and centroids are means.
    let points = found.standardise(&slices(&columns)).unwrap();
    let mut inertia = 0.0;
    for (row, &label) in labels.iter().enumerate() {
        let centroid = &found.centroids[label as usize];
        inertia += points.iter().zip(centroid).map(|(column, centre)| (column[row] - centre).powi(2)).sum::<f64>();
    }
    assert!((found.inertia / inertia - 1.0).abs() < 1e-12);
}

#[test]
fn seeds_decide_and_nothing_else() {
    let (columns, _) = clouds();
    let config = KMeansConfig { clusters: 7, starts: 1, ..CONFIG };
    let found = KMeans::fit(&slices(&columns), &config).unwrap();
    assert_eq!(KMeans::fit(&slices(&columns), &config).unwrap(), found);
    let others = (0..5).map(|seed| KMeans::fit(&slices(&columns), &KMeansConfig { seed, ..config }).unwrap());
    assert!(others.into_iter().any(|other| other.centroids != found.centroids));
    let more = KMeans::fit(&slices(&columns), &KMeansConfig { starts: 10, ..config }).unwrap();
    assert!(more.inertia <= found.inertia);
}

#[test]
fn standardised_columns_have_mean_0_and_deviation_1() {
    let columns = [vec![1e300, -1e300, 3e299, 0.0], vec![1e9, 1e9 + 1.0, 1e9 + 2.0, 1e9 + 3.0]];
    let found = KMeans::fit(&slices(&columns), &KMeansConfig { clusters: 2, ..CONFIG }).unwrap();
    for column in found.standardise(&slices(&columns)).unwrap() {
        let mean: f64 = column.iter().sum::<f64>() / 4.0;
        let square: f64 = column.iter().map(|value| value * value).sum::<f64>() / 4.0;
        assert!(mean.abs() < 1e-12 && (square - 1.0).abs() < 1e-12, "{column:?}");
    }
}

#[test]
fn what_has_no_clusters_is_refused() {
    let rows = [1.0, 2.0, 1.0, 2.0];
    let fit = |clusters| KMeans::fit(&[&rows], &KMeansConfig { clusters, ..CONFIG });
    assert_eq!(fit(3), Err(Error::TooFewDistinct { clusters: 3, distinct: 2 }));
    assert_eq!(fit(5), Err(Error::TooFewDistinct { clusters: 5, distinct: 4 }));
    assert!(matches!(fit(0), Err(Error::Parameter { parameter: "clusters", .. })));
    assert_eq!(fit(2).unwrap().inertia, 0.0);
    assert_eq!(KMeans::fit(&[], &CONFIG), Err(Error::NoIndicators));
    assert!(matches!(KMeans::fit(&[&[1.0, f64::NAN]], &CONFIG), Err(Error::Value { .. })));
}

#[test]
fn silhouettes_of_few_rows_are_those_by_hand() {
    // Rows at 0, 1 and 5: within {0, 1} a = 1, b = 5 and 4, so 4/5 and 3/4; the row alone counts 0.
    let found = silhouettes(&[&[0.0, 1.0, 5.0]], &[&[0, 0, 1], &[0, 0, 0], &[2, 2, 9]]).unwrap();
    let expected = (0.8 + 0.75) / 3.0;
    assert!((found[0] - expected).abs() < 1e-15);
    assert_eq!((found[1], found[2]), (0.0, found[0]));
    assert_eq!(silhouettes(&[&[1.0, 1.0]], &[&[0, 1]]).unwrap(), [0.0]);
    assert_eq!(silhouettes(&[&[1.0; 4]], &[&[0, 1, 0, 1]]).unwrap(), [0.0]);
    assert!(silhouettes(&[&vec![1.0; 10_001]], &[]).is_err());
    assert!(silhouettes(&[&[1.0, 2.0]], &[&[0]]).is_err());
}

/// The mean silhouette, from its definition.
fn naive_silhouette(points: &[Vec<f64>], labels: &[u32]) -> f64 {
    let distance = |a: usize, b: usize| points.iter().map(|column| (column[a] - column[b]).powi(2)).sum::<f64>().sqrt();
    let clusters = labels.iter().max().unwrap() + 1;
    let silhouette = |row: usize| {
        let mean = |cluster: u32| {
            let others: Vec<usize> =
                (0..labels.len()).filter(|&other| other != row && labels[other] == cluster).collect();
            let sum = others.iter().map(|&other| distance(row, other)).sum::<f64>();
            (!others.is_empty()).then(|| sum / others.len() as f64)
        };
        let between = (0..clusters).filter(|&cluster| cluster != labels[row]).filter_map(mean).reduce(f64::min);
        match (mean(labels[row]), between) {
            (Some(within), Some(between)) if within.max(between) > 0.0 => (between - within) / within.max(between),
            _ => 0.0,
        }
    };
    (0..labels.len()).map(silhouette).sum::<f64>() / labels.len() as f64
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_fit_is_a_fixed_point(
        columns in (1_usize..4, 1_usize..80).prop_flat_map(|(n, rows)| {
            let value = prop_oneof![(0_u32..4).prop_map(f64::from), -5.0..5.0];
            prop::collection::vec(prop::collection::vec(value, rows), n)
        }),
        clusters in 1_usize..9,
        seed in any::<u64>(),
    ) {
        let columns = slices(&columns);
        let config = KMeansConfig { clusters, seed, starts: 2, max_iterations: 500 };
        let Ok(found) = KMeans::fit(&columns, &config) else { return Ok(()) };
        prop_assert!(found.converged);
        prop_assert_eq!(found.sizes.iter().sum::<u64>(), columns[0].len() as u64);
        prop_assert!(found.sizes.iter().all(|&size| size > 0));
        let labels = found.assign(&columns).unwrap();
        let points = found.standardise(&columns).unwrap();
        for (cluster, centroid) in found.centroids.iter().enumerate() {
            let members: Vec<usize> = (0..labels.len()).filter(|&row| labels[row] as usize == cluster).collect();
            for (column, centre) in points.iter().zip(centroid) {
                let mean = members.iter().map(|&row| column[row]).sum::<f64>() / members.len() as f64;
                prop_assert!((mean - centre).abs() < 1e-9);
            }
        }
        let silhouette = silhouettes(&slices(&points), &[&labels]).unwrap()[0];
        prop_assert!((silhouette - naive_silhouette(&points, &labels)).abs() < 1e-12);
    }
}
