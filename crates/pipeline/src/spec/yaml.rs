//! YAML as a tree that remembers where everything stands, read within tight limits.
//!
//! A file is at most 1 MiB and 64 levels deep, holds one document, and replays few aliases. Mapping keys are
//! unique. Only `true` and `false` are booleans. Tags and merge keys are refused. Plain scalars follow the core
//! schema of YAML 1.2, with decimal integers only; anything else is text, dates among it.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use serde_saphyr::granit_parser::{ErrorKind, Event, Marker, Parser, ScalarStyle, Span, options};

use super::node::{Key, Node, Value};
use super::problem::{Place, Problem, echo};

/// Largest pipeline file in bytes.
pub const MAX_BYTES: usize = 1 << 20;
/// Deepest nesting of mappings and sequences.
pub const MAX_DEPTH: usize = 64;
/// Longest scalar in bytes.
const MAX_SCALAR: usize = 64 << 10;
/// Most nodes of a tree, replayed ones included.
const MAX_NODES: usize = 100_000;
/// Most nodes that anchors may name and aliases repeat.
const MAX_REPLAYED: usize = 10_000;

/// Reads a file of at most [`MAX_BYTES`] bytes of UTF-8.
///
/// # Errors
/// A problem with the file as a whole.
pub fn read(path: &Path, file: &Arc<str>) -> Result<String, Problem> {
    let fail = |message: String| Problem::new(&Place::whole(file), "", message);
    let mut bytes = Vec::new();
    std::fs::File::open(path)
        .and_then(|opened| opened.take(MAX_BYTES as u64 + 1).read_to_end(&mut bytes))
        .map_err(|error| fail(format!("can't read the file: {error}")))?;
    if bytes.len() > MAX_BYTES {
        return Err(fail(format!("the file is larger than {MAX_BYTES} bytes")));
    }
    String::from_utf8(bytes).map_err(|error| {
        fail(format!("the file is not UTF-8: byte {} can't be read", error.utf8_error().valid_up_to() + 1))
    })
}

/// Parses one YAML document; `file` names it in places.
///
/// # Errors
/// The first thing that is not YAML, or that the limits refuse.
pub fn parse(file: &Arc<str>, text: &str) -> Result<Node, Problem> {
    if text.len() > MAX_BYTES {
        return Err(Problem::new(&Place::whole(file), "", format!("the file is larger than {MAX_BYTES} bytes")));
    }
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let limits = options! { flow_nesting_limit: MAX_DEPTH, block_nesting_limit: MAX_DEPTH };
    let mut parser = Parser::new_from_str_with_options(text, limits);
    let mut builder = Builder::new(file);
    while let Some(event) = parser.next_event() {
        match event {
            Ok((event, span)) => builder.event(event, span)?,
            Err(error) => {
                let place = builder.place(*error.marker());
                let message = match error.kind() {
                    ErrorKind::RecursionLimitExceeded => too_deep(),
                    _ => format!("not valid YAML: {}", echo(&error.info())),
                };
                return Err(Problem::new(&place, "", message));
            }
        }
    }
    builder.root.ok_or_else(|| Problem::new(&Place::whole(file), "", "the file is empty"))
}

enum Open {
    Sequence { items: Vec<Node>, anchor: usize, place: Place },
    Mapping { entries: Vec<(Key, Node)>, seen: BTreeSet<String>, key: Option<Key>, anchor: usize, place: Place },
}

struct Builder {
    file: Arc<str>,
    open: Vec<Open>,
    root: Option<Node>,
    anchors: BTreeMap<usize, Node>,
    documents: usize,
    nodes: usize,
    replayed: usize,
}

impl Builder {
    fn new(file: &Arc<str>) -> Self {
        Self {
            file: Arc::clone(file),
            open: Vec::new(),
            root: None,
            anchors: BTreeMap::new(),
            documents: 0,
            nodes: 0,
            replayed: 0,
        }
    }

    fn place(&self, marker: Marker) -> Place {
        Place { file: Arc::clone(&self.file), line: marker.line(), column: marker.col() + 1 }
    }

    fn event(&mut self, event: Event<'_>, span: Span) -> Result<(), Problem> {
        let place = self.place(span.start);
        match event {
            Event::DocumentStart(..) => {
                self.documents += 1;
                if self.documents > 1 {
                    return Err(Problem::new(&place, "", "a second document begins here: one file holds one pipeline"));
                }
                Ok(())
            }
            Event::Scalar(text, style, anchor, tag) => {
                refuse_tag(tag.is_some(), &place)?;
                let one_line = span.start.line() == span.end.line();
                self.scalar(&text, style == ScalarStyle::Plain, one_line, anchor, place)
            }
            Event::SequenceStart(_, anchor, tag) => {
                refuse_tag(tag.is_some(), &place)?;
                self.descend(Open::Sequence { items: Vec::new(), anchor, place: place.clone() }, &place)
            }
            Event::MappingStart(_, anchor, tag) => {
                refuse_tag(tag.is_some(), &place)?;
                let open = Open::Mapping {
                    entries: Vec::new(),
                    seen: BTreeSet::new(),
                    key: None,
                    anchor,
                    place: place.clone(),
                };
                self.descend(open, &place)
            }
            Event::SequenceEnd | Event::MappingEnd => self.ascend(&place),
            Event::Alias(anchor) => self.alias(anchor, &place),
            _ => Ok(()),
        }
    }

    fn descend(&mut self, open: Open, place: &Place) -> Result<(), Problem> {
        if self.open.len() >= MAX_DEPTH {
            return Err(Problem::new(place, "", too_deep()));
        }
        if let Some(Open::Mapping { key: None, .. }) = self.open.last() {
            return Err(Problem::new(place, "", "a mapping or a list can't be a key"));
        }
        self.open.push(open);
        Ok(())
    }

    fn ascend(&mut self, place: &Place) -> Result<(), Problem> {
        let (value, anchor, start) = match self.open.pop() {
            Some(Open::Sequence { items, anchor, place }) => (Value::Sequence(items), anchor, place),
            Some(Open::Mapping { entries, anchor, place, .. }) => (Value::Mapping(entries), anchor, place),
            None => return Err(Problem::new(place, "", "not valid YAML: nothing is open here")),
        };
        self.add(Node::new(value, start), anchor)
    }

    fn scalar(&mut self, text: &str, plain: bool, one_line: bool, anchor: usize, place: Place) -> Result<(), Problem> {
        if text.len() > MAX_SCALAR {
            return Err(Problem::new(&place, "", format!("a scalar is longer than {MAX_SCALAR} bytes")));
        }
        if text.contains('\0') {
            return Err(Problem::new(&place, "", "a NUL character can't be part of a pipeline"));
        }
        if let Some(Open::Mapping { key: key @ None, seen, .. }) = self.open.last_mut() {
            if plain && text == "<<" {
                return Err(
                    Problem::new(&place, "", "merge keys (`<<`) are not supported").with_hint("repeat the keys")
                );
            }
            if !seen.insert(text.to_owned()) {
                return Err(Problem::new(&place, "", format!("key `{}` stands twice in one mapping", echo(text))));
            }
            *key = Some(Key { name: text.to_owned(), place });
            return Ok(());
        }
        let value = if plain { plain_value(text, &place)? } else { Value::String(text.to_owned()) };
        self.add(Node { plain: plain && one_line, ..Node::new(value, place) }, anchor)
    }

    fn alias(&mut self, anchor: usize, place: &Place) -> Result<(), Problem> {
        let Some(node) = self.anchors.get(&anchor).cloned() else {
            return Err(Problem::new(place, "", "an alias stands within its own anchor"));
        };
        self.charge(node.size(), place)?;
        if self.open.len() + node.height() > MAX_DEPTH {
            return Err(Problem::new(place, "", too_deep()));
        }
        if let Some(Open::Mapping { key: None, .. }) = self.open.last() {
            return Err(Problem::new(place, "", "an alias can't be a key"));
        }
        self.add(node, 0)
    }

    fn charge(&mut self, nodes: usize, place: &Place) -> Result<(), Problem> {
        self.replayed += nodes;
        if self.replayed > MAX_REPLAYED {
            return Err(Problem::new(place, "", format!("anchors and aliases repeat more than {MAX_REPLAYED} values")));
        }
        Ok(())
    }

    fn add(&mut self, node: Node, anchor: usize) -> Result<(), Problem> {
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            return Err(Problem::new(&node.place, "", format!("the file holds more than {MAX_NODES} values")));
        }
        if anchor != 0 {
            self.charge(node.size(), &node.place)?;
            self.anchors.insert(anchor, node.clone());
        }
        match self.open.last_mut() {
            Some(Open::Sequence { items, .. }) => items.push(node),
            Some(Open::Mapping { entries, key, .. }) => {
                if let Some(key) = key.take() {
                    entries.push((key, node));
                }
            }
            None => self.root = Some(node),
        }
        Ok(())
    }
}

fn too_deep() -> String {
    format!("nested deeper than {MAX_DEPTH} levels")
}

fn refuse_tag(tagged: bool, place: &Place) -> Result<(), Problem> {
    if tagged {
        return Err(Problem::new(place, "", "tags are not supported").with_hint("quote a value to make it text"));
    }
    Ok(())
}

/// Resolves a scalar without quotes: null, boolean, decimal integer, finite number, else text.
pub(crate) fn plain_value(text: &str, place: &Place) -> Result<Value, Problem> {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Ok(Value::Null),
        "true" => return Ok(Value::Bool(true)),
        "false" => return Ok(Value::Bool(false)),
        ".inf" | "-.inf" | "+.inf" | ".nan" | ".Inf" | "-.Inf" | ".NaN" | ".INF" | "-.INF" | ".NAN" => {
            return Err(Problem::new(place, "", format!("`{text}` is not a finite number")));
        }
        _ => {}
    }
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if !digits.starts_with(|c: char| c.is_ascii_digit() || c == '.')
        || !digits.ends_with(|c: char| c.is_ascii_digit() || c == '.')
    {
        return Ok(Value::String(text.to_owned()));
    }
    let zero_padded = digits.len() > 1 && digits.starts_with('0') && digits.as_bytes()[1].is_ascii_digit();
    if digits.bytes().all(|b| b.is_ascii_digit()) && !zero_padded {
        return text.parse().map(Value::Integer).map_err(|_| {
            Problem::new(place, "", format!("`{}` does not fit 64 bits", echo(text)))
                .with_hint("quote it to make it text")
        });
    }
    let number_like =
        !zero_padded && digits.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'e' | b'E' | b'+' | b'-'));
    match text.parse::<f64>() {
        Ok(number) if number_like && number.is_finite() => Ok(Value::Float(number, text.to_owned())),
        Ok(_) if number_like => Err(Problem::new(place, "", format!("`{}` is not a finite number", echo(text)))),
        _ => Ok(Value::String(text.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(text: &str) -> Node {
        parse(&Arc::from("t.yaml"), text).unwrap()
    }

    fn refusal(text: &str) -> String {
        parse(&Arc::from("t.yaml"), text).unwrap_err().to_string()
    }

    #[test]
    fn plain_scalars_follow_the_strict_core_schema() {
        let node = tree("[5, '5', true, yes, True, 1.50, 1e3, ~, 1700-01-01, 007, 2%, 0x1f, 1.2.3, -3, '']");
        let json = serde_json::json!([
            5,
            "5",
            true,
            "yes",
            "True",
            1.5,
            1000,
            null,
            "1700-01-01",
            "007",
            "2%",
            "0x1f",
            "1.2.3",
            -3,
            ""
        ]);
        assert_eq!(node.to_json(), json);
        assert_eq!(node.at("[5]").unwrap().text().unwrap(), "1.50");
    }

    #[test]
    fn every_key_and_value_knows_its_place() {
        let node = tree("a:\n  b: [1,\n    two]\n");
        let Value::Mapping(entries) = &node.at("a").unwrap().value else { panic!() };
        assert_eq!((entries[0].0.place.line, entries[0].0.place.column), (2, 3));
        let two = node.at("a.b[1]").unwrap();
        assert_eq!((two.place.line, two.place.column, two.plain), (3, 5, true));
    }

    #[test]
    fn a_folded_scalar_is_one_text_without_columns() {
        let node = tree("a: >-\n  x\n  y\nb: 'q'\n");
        assert_eq!(node.get("a").unwrap().text().unwrap(), "x y");
        assert!(!node.get("a").unwrap().plain && !node.get("b").unwrap().plain);
    }

    #[test]
    fn what_yaml_allows_and_a_pipeline_does_not() {
        for (text, message) in [
            ("a: 1\na: 2", "t.yaml:2:1: key `a` stands twice in one mapping"),
            ("a: 1\n---\nb: 2", "t.yaml:2:1: a second document begins here"),
            ("a: !!str 5", "tags are not supported"),
            ("a: &x {b: 1}\nc: {<<: *x}", "merge keys (`<<`) are not supported"),
            ("a: &x [*x]", "an alias stands within its own anchor"),
            ("? [a]\n: 1", "can't be a key"),
            ("a: .nan", "is not a finite number"),
            ("a: 1e999", "is not a finite number"),
            ("a: 99999999999999999999", "does not fit 64 bits"),
            ("", "the file is empty"),
            ("# nothing", "the file is empty"),
            ("a: [1", "not valid YAML"),
            ("a: *nobody", "not valid YAML"),
            ("a:\n\t- 1", "not valid YAML"),
            ("a: \"\\0\"", "a NUL character"),
        ] {
            let problem = refusal(text);
            assert!(problem.contains(message), "{text:?} gives {problem}");
        }
    }

    #[test]
    fn bombs_are_refused_before_they_grow() {
        let mut laughs = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
        for level in 1..30 {
            let before = format!("*a{},", level - 1).repeat(9);
            laughs = format!("{laughs}a{level}: &a{level} [{before}]\n");
        }
        assert!(refusal(&laughs).contains("repeat more than 10000 values"));
        assert!(refusal(&"[".repeat(10_000)).contains("nested deeper than 64"));
        assert!(refusal(&"- ".repeat(10_000)).contains("nested deeper than 64"));
        assert!(refusal(&format!("a: {}", "x".repeat(70_000))).contains("longer than 65536"));
        assert!(refusal(&format!("[{}]", "1,".repeat(200_000))).contains("more than 100000 values"));
        assert!(refusal(&"#".repeat(MAX_BYTES + 1)).contains("larger than 1048576 bytes"));
    }

    #[test]
    fn few_aliases_are_fine() {
        assert_eq!(tree("a: &x [1, 2]\nb: *x").to_json(), serde_json::json!({"a": [1, 2], "b": [1, 2]}));
    }
}
