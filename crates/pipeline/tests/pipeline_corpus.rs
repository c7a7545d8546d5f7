//! The corpus of pipeline files: what is accepted, what is refused, at which line and in which words; and that the
//! committed JSON Schema gives the same verdict wherever the error is one of structure.
//!
//! A refused file begins with comments: `# expect: LINE:COLUMN: path: message` (any part of the problem's text from its
//! line on), one for each problem. `# not yaml` marks files without a tree, `# semantic` errors beyond a schema's reach.

#![expect(clippy::unwrap_used, reason = "a test that can't read its files has failed")]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use appraise_pipeline::spec::{Loaded, Overrides, Problem, json_schema, load, load_text, structure, yaml};
use appraise_testutils::json_schema::JsonSchema;
use serde_json::{Map, Value, json};

fn workspace(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

fn files(folder: &str) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(workspace(folder)).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    files.sort();
    files
}

fn overrides() -> Overrides {
    Overrides { environment: |name| (name == "APPRAISE_CORPUS").then(|| "corpus".to_owned()), ..Overrides::default() }
}

fn problems(path: &Path) -> Vec<String> {
    let found: Vec<Problem> = load(path, &overrides()).err().unwrap_or_default();
    found.iter().map(ToString::to_string).collect()
}

fn committed_schema() -> JsonSchema {
    let text = fs::read_to_string(workspace("schemas/pipeline.v1.json")).unwrap();
    JsonSchema::new(&serde_json::from_str(&text).unwrap()).unwrap()
}

fn schema_accepts(schema: &JsonSchema, path: &Path) -> Option<bool> {
    let text = fs::read_to_string(path).unwrap();
    let tree = yaml::parse(&Arc::from("corpus"), &text).ok()?;
    Some(schema.accepts(&tree.to_json()))
}

#[test]
fn what_is_right_is_accepted_by_the_parser_and_by_the_schema() {
    let schema = committed_schema();
    let paths = files("tests/corpus/pipelines/accept");
    assert!(paths.len() >= 12);
    for path in paths {
        assert_eq!(problems(&path), Vec::<String>::new(), "{}", path.display());
        let beyond = fs::read_to_string(&path).unwrap().starts_with("# beyond the schema");
        assert_eq!(schema_accepts(&schema, &path), Some(!beyond), "{}", path.display());
    }
}

#[test]
fn what_is_wrong_is_refused_at_its_line_in_the_expected_words() {
    let schema = committed_schema();
    let paths = files("tests/corpus/pipelines/refuse");
    assert!(paths.len() >= 40);
    for path in paths {
        let name = path.display().to_string();
        let bytes = fs::read(&path).unwrap();
        let text = String::from_utf8_lossy(&bytes);
        let expected: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("# expect: ")).collect();
        let found = problems(&path);
        assert_eq!(found.len(), expected.len(), "{name}: {found:#?}");
        for part in expected {
            let met = found.iter().any(|problem| problem.strip_prefix(&name).is_some_and(|rest| rest.contains(part)));
            assert!(met, "{name}: expected {part:?}, found {found:#?}");
        }
        let verdict = schema_accepts(&schema, &path);
        if text.contains("# not yaml\n") {
            assert_eq!(verdict, None, "{name}");
        } else {
            assert_eq!(verdict, Some(text.contains("# semantic\n")), "{name}");
        }
        assert!(found.iter().all(|problem| !problem.contains("hunter22")), "{name}: a secret is echoed");
    }
}

#[test]
fn the_pipelines_of_the_repository_are_valid_and_name_their_schema() {
    let schema = committed_schema();
    for path in files("pipelines") {
        assert_eq!(problems(&path), Vec::<String>::new(), "{}", path.display());
        assert_eq!(schema_accepts(&schema, &path), Some(true), "{}", path.display());
        let text = fs::read_to_string(&path).unwrap();
        assert!(
            text.starts_with("# yaml-language-server: $schema=../schemas/pipeline.v1.json\n"),
            "{}",
            path.display()
        );
        let stem = path.file_stem().unwrap().to_str().unwrap();
        assert_eq!(load(&path, &overrides()).unwrap().pipeline.name, stem);
    }
}

#[test]
fn what_is_resolved_loads_to_the_same_pipeline() {
    for path in files("pipelines").into_iter().chain(files("tests/corpus/pipelines/accept")) {
        let loaded = load(&path, &overrides()).unwrap();
        let again = reload(&loaded, path.parent().unwrap());
        assert_eq!(again.pipeline.semantic(), loaded.pipeline.semantic(), "{}", path.display());
        assert_eq!(again.pipeline.sources.len(), loaded.pipeline.sources.len());
        for (again, loaded) in again.pipeline.sources.values().zip(loaded.pipeline.sources.values()) {
            assert_eq!(again.paths, loaded.paths);
            assert_eq!(again.tolerate, loaded.tolerate);
            assert_eq!(again.rows, loaded.rows);
            assert_eq!(again.freshness, loaded.freshness);
        }
        assert_eq!(again.pipeline.export, loaded.pipeline.export);
    }
}

fn reload(loaded: &Loaded, folder: &Path) -> Loaded {
    let yaml = loaded.resolved_yaml();
    load_text(&Arc::from("resolved"), &yaml, folder, &overrides())
        .unwrap_or_else(|problems| panic!("{yaml}\n{}", problems[0]))
}

#[test]
fn a_file_that_is_too_large_or_missing_or_no_text_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("p.yaml");
    assert!(problems(&path)[0].contains("can't read the file"));
    fs::write(&path, "#".repeat(2 << 20)).unwrap();
    assert!(problems(&path)[0].contains("larger than 1048576 bytes"));
    fs::write(&path, [b'a', b':', 0xff]).unwrap();
    assert!(problems(&path)[0].contains("not UTF-8: byte 3"));
    assert!(problems(folder.path())[0].contains("can't read the file"));
}

#[test]
fn a_thousand_errors_are_cut_to_what_a_person_reads() {
    let file = (0..1000).map(|i| format!("key{i}: 1")).collect::<Vec<_>>().join("\n");
    let problems = load_text(&Arc::from("p.yaml"), &file, Path::new(""), &overrides()).unwrap_err();
    assert_eq!(problems.len(), 101);
    assert!(problems[100].message.starts_with("and 9"));
}

/// The schema in use is the committed one; a second generation gives the same.
#[test]
fn the_schema_is_the_committed_one() {
    let text = fs::read_to_string(workspace("schemas/pipeline.v1.json")).unwrap();
    let committed: Value = serde_json::from_str(&text).unwrap();
    assert!(&committed == json_schema(), "schemas/pipeline.v1.json is not the schema of the types");
}

/// Every tree that differs from `tree` in one place: another value there, one key less, one key more.
fn variants(tree: &Value) -> Vec<Value> {
    let replacements = [
        Value::Null,
        json!(true),
        json!(0),
        json!(-1),
        json!(7),
        json!(0.5),
        json!(2.0),
        json!(1e12),
        json!(""),
        json!("x"),
        json!("5%"),
        json!("30d"),
        json!("2024-02-30"),
        json!("12.5"),
        json!([]),
        json!(["x"]),
        json!({}),
        json!({ "min": 1 }),
        json!({ "name": "x", "when": "y" }),
    ];
    let mut found: Vec<Value> = replacements.to_vec();
    match tree {
        Value::Object(entries) => {
            found.push(changed(entries, |map| drop(map.insert("stray".to_owned(), json!(1)))));
            for (key, below) in entries {
                found.push(changed(entries, |map| drop(map.shift_remove(key))));
                let put = |variant| changed(entries, |map| drop(map.insert(key.clone(), variant)));
                found.extend(variants(below).into_iter().map(put));
            }
        }
        Value::Array(items) => {
            for (position, below) in items.iter().enumerate() {
                found.extend(variants(below).into_iter().map(|variant| {
                    let mut list = items.clone();
                    list[position] = variant;
                    Value::Array(list)
                }));
            }
        }
        _ => {}
    }
    found
}

fn changed(entries: &Map<String, Value>, change: impl FnOnce(&mut Map<String, Value>)) -> Value {
    let mut map = entries.clone();
    change(&mut map);
    Value::Object(map)
}

/// What only this program checks: expressions, zones, dates, windows, paths.
fn is_of_format(problem: &Problem) -> bool {
    const OF_STRUCTURE: [&str; 7] =
        ["unknown key", "expected ", "is missing", "is not from", "at least", "is empty", "is not one of"];
    problem.message.contains("of the expression") || !OF_STRUCTURE.iter().any(|words| problem.message.contains(words))
}

#[test]
fn parser_and_schema_agree_on_every_file_that_differs_in_one_place() {
    let schema = committed_schema();
    let text = fs::read_to_string(workspace("tests/corpus/pipelines/accept/everything.yaml")).unwrap();
    let everything = yaml::parse(&Arc::from("everything"), &text).unwrap().to_json();
    let variants = variants(&everything);
    assert!(variants.len() > 1500);
    for variant in variants {
        // JSON is YAML.
        let tree = yaml::parse(&Arc::from("variant"), &variant.to_string()).unwrap();
        let problems = structure::check(json_schema(), &tree);
        if schema.accepts(&variant) {
            assert!(problems.iter().all(is_of_format), "only the parser refuses {variant}: {problems:#?}");
        } else {
            assert!(!problems.is_empty(), "only the schema refuses {variant}");
        }
    }
}
