//! The auction house's value index: it adds up, ranks and tiers follow it, and customers that it can't be fitted to stop the night.

use tempfile::tempdir;

use crate::program::{folder, run};
use crate::tables::{doubles, integers, read, texts};

const PIPELINE: &str = "pipelines/auction_house.yaml";
const AS_OF: &str = "2024-12-31";
const GROUPS: [&str; 5] = ["current", "loyalty", "interaction", "potential", "credit"];

#[test]
fn the_index_of_the_house_adds_up_and_ranks_its_buyers() {
    let output = tempdir().unwrap();
    let summary = run(PIPELINE, AS_OF, output.path(), &[]).expect(0).summary();
    let values = read(&folder(&summary, "customer_values"));
    let index = doubles(&values, "value_index");
    let parts = GROUPS.map(|group| doubles(&values, &format!("index_{group}")));
    let (ranks, orders) = (integers(&values, "value_rank"), integers(&values, "orders"));
    let tiers = texts(&values, "value_tier");
    let buyers = orders.iter().filter(|orders| orders.is_some_and(|orders| orders > 0)).count();
    for row in 0..values.num_rows() {
        assert_eq!(index[row].is_some(), orders[row].is_some_and(|orders| orders > 0));
        let Some(score) = index[row] else { continue };
        assert_eq!(parts.iter().map(|part| part[row].unwrap()).sum::<f64>(), score);
        let better = index.iter().flatten().filter(|other| **other > score).count();
        assert_eq!(ranks[row], Some(i128::try_from(better).unwrap() + 1));
        assert_eq!(tiers[row].as_deref() == Some("platinum"), better * 20 < buyers, "{better} of {buyers}");
    }
}

#[test]
fn customers_that_weights_cant_be_found_for_are_an_error_of_the_data() {
    let output = tempdir().unwrap();
    let more = ["--set", "model.index.objective.method=merec"];
    let said = run(PIPELINE, AS_OF, output.path(), &more).expect(5);
    for words in ["`model.index` can't be fitted with `revenue_365d`", "above 0", "objective.method"] {
        assert!(said.stderr.contains(words), "{}", said.stderr);
    }
    assert!(!output.path().join("snapshots").exists());
}
