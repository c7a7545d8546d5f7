//! Formats of text scalars that a JSON Schema can only name: expressions, time zones, dates, windows, paths.

use appraise_schema::{AsOf, WindowDays};

use super::expression;
use super::node::Node;
use super::problem::{Problem, closest};

/// Checks `text`, which has the right pattern, against a format of the schema.
pub(crate) fn check(format: &str, node: &Node, text: &str, path: &str) -> Option<Problem> {
    match format {
        "sql" => expression::sql(text).err().map(|error| expression::problem(error, node, path)),
        "column-sql" => expression::column_sql(text).err().map(|error| expression::problem(error, node, path)),
        "time-zone" => time_zone(node, text, path),
        "date" => text.parse::<AsOf>().err().map(|error| Problem::new(&node.place, path, error.to_string())),
        "window" => text.parse::<WindowDays>().err().map(|error| Problem::new(&node.place, path, error.to_string())),
        "local-path" => local_path(node, text, path),
        "segment-name" => (text == "unassigned").then(|| {
            Problem::new(&node.place, path, "`unassigned` is the segment of customers that no rule takes")
                .with_hint("choose another name")
        }),
        _ => None,
    }
}

fn time_zone(node: &Node, text: &str, path: &str) -> Option<Problem> {
    if text.parse::<chrono_tz::Tz>().is_ok() {
        return None;
    }
    let names = chrono_tz::TZ_VARIANTS.iter().map(|zone| zone.name());
    let problem = Problem::new(&node.place, path, format!("`{}` is not a known IANA time zone", node.shown()));
    // Abbreviations such as BST resemble each other and mean nothing alike.
    let similar = (text.len() > 4).then(|| closest(text, names.clone())).flatten();
    Some(match similar.or_else(|| names.clone().find(|name| is_city(name, text))) {
        Some(name) => problem.with_hint(format!("did you mean `{name}`?")),
        None => problem.with_hint("write it as `Europe/London`"),
    })
}

/// Whether `text` is the last part of a zone's name.
fn is_city(zone: &str, text: &str) -> bool {
    zone.rsplit('/').next().is_some_and(|city| city.eq_ignore_ascii_case(text))
}

fn local_path(node: &Node, text: &str, path: &str) -> Option<Problem> {
    let (scheme, _) = text.split_once("://")?;
    (!scheme.is_empty() && scheme.bytes().all(|b| b.is_ascii_alphanumeric())).then(|| {
        Problem::new(&node.place, path, format!("`{}` is not a local path", node.shown()))
            .with_hint("only files of this machine are read and written")
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::spec::yaml::parse;

    fn complaint(format: &str, text: &str) -> Option<String> {
        let node = parse(&Arc::from("t"), &format!("a: {text}")).unwrap();
        let node = node.get("a").unwrap();
        check(format, node, &node.text().unwrap(), "a").map(|problem| problem.to_string())
    }

    #[test]
    fn time_zones_are_those_of_the_database() {
        assert_eq!(complaint("time-zone", "Europe/London"), None);
        assert!(complaint("time-zone", "Europe/Londn").unwrap().contains("did you mean `Europe/London`?"));
        assert!(complaint("time-zone", "tokyo").unwrap().contains("did you mean `Asia/Tokyo`?"));
        assert!(complaint("time-zone", "BST").unwrap().contains("write it as"));
        assert!(complaint("time-zone", "Mars/Olympus_Mons").unwrap().contains("write it as"));
    }

    #[test]
    fn dates_are_days_of_the_calendar() {
        assert_eq!(complaint("date", "2024-02-29"), None);
        assert!(complaint("date", "2023-02-29").unwrap().contains("t:1:4: a: `2023-02-29` is not a calendar date"));
        assert!(complaint("date", "0000-01-01").is_some());
    }

    #[test]
    fn windows_and_paths_have_their_limits() {
        assert_eq!(complaint("window", "3660d"), None);
        assert!(complaint("window", "3661d").is_some());
        assert_eq!(complaint("local-path", "../data/x/*.parquet"), None);
        assert!(complaint("local-path", "s3://bucket/x").unwrap().contains("is not a local path"));
    }
}
