//! Exact arithmetic against an oracle: checked 128-bit integers at the widest scale of the expression.

use std::sync::Arc;

use super::{batch, evaluate, row};
use arrow::array::{ArrayRef, Decimal128Array, Int64Array, RecordBatch};
use proptest::prelude::*;

const LIMIT: i128 = 10_i128.pow(38);

/// A random expression over the columns `i`, `j` (integers), `p` (scale 2) and `q` (scale 5).
#[derive(Debug, Clone)]
enum Tree {
    Column(&'static str),
    Literal(i64, u8),
    Binary(&'static str, Box<Tree>, Box<Tree>),
    Negate(Box<Tree>),
    Coalesce(Box<Tree>, Box<Tree>),
    Choose(Box<Tree>, Box<Tree>, Box<Tree>),
}

/// The oracle's value: an unscaled number and its scale.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Value {
    Number(i128),
    Null,
    Fault,
}

type Rows = [Option<i128>; 4];

impl Tree {
    fn sql(&self) -> String {
        match self {
            Self::Column(name) => (*name).to_owned(),
            Self::Literal(value, 0) => format!("({value})"),
            Self::Literal(value, scale) => {
                let digits = format!("{:0>width$}", value.unsigned_abs(), width = usize::from(*scale) + 1);
                let (whole, fraction) = digits.split_at(digits.len() - usize::from(*scale));
                format!("({}{whole}.{fraction})", if *value < 0 { "-" } else { "" })
            }
            Self::Binary(sign, left, right) => format!("({} {sign} {})", left.sql(), right.sql()),
            Self::Negate(value) => format!("(- {})", value.sql()),
            Self::Coalesce(left, right) => format!("COALESCE({}, {})", left.sql(), right.sql()),
            Self::Choose(value, yes, no) => {
                format!("CASE WHEN {} > 0 THEN {} ELSE {} END", value.sql(), yes.sql(), no.sql())
            }
        }
    }

    fn scale(&self) -> u8 {
        match self {
            Self::Column("p") => 2,
            Self::Column("q") => 5,
            Self::Column(_) => 0,
            Self::Literal(_, scale) => *scale,
            Self::Binary("*", left, right) => left.scale() + right.scale(),
            Self::Binary(_, left, right) | Self::Coalesce(left, right) | Self::Choose(_, left, right) => {
                left.scale().max(right.scale())
            }
            Self::Negate(value) => value.scale(),
        }
    }

    fn at_scale(&self, rows: &Rows, scale: u8) -> Value {
        match self.value(rows) {
            Value::Number(value) => {
                let raised = value.checked_mul(10_i128.pow(u32::from(scale - self.scale())));
                raised.filter(|v| v.abs() < LIMIT).map_or(Value::Fault, Value::Number)
            }
            other => other,
        }
    }

    fn value(&self, rows: &Rows) -> Value {
        match self {
            Self::Column(name) => {
                let at = ["i", "j", "p", "q"].iter().position(|column| column == name).unwrap();
                rows[at].map_or(Value::Null, Value::Number)
            }
            Self::Literal(value, _) => Value::Number(i128::from(*value)),
            Self::Negate(value) => match value.value(rows) {
                Value::Number(value) => Value::Number(-value),
                other => other,
            },
            Self::Binary(sign, left, right) => {
                let scale = self.scale();
                let product = *sign == "*";
                // Aligned numbers may use all 128 bits; results have 38 digits.
                let side = |tree: &Self| match tree.value(rows) {
                    Value::Number(value) if product => Some(value),
                    Value::Number(value) => value.checked_mul(10_i128.pow(u32::from(scale - tree.scale()))),
                    _ => None,
                };
                let (x, y) = match (left.value(rows), right.value(rows)) {
                    (Value::Fault, _) | (_, Value::Fault) => return Value::Fault,
                    (Value::Null, _) | (_, Value::Null) => return Value::Null,
                    _ => match (side(left), side(right)) {
                        (Some(x), Some(y)) => (x, y),
                        _ if *sign == "%" && right.value(rows) == Value::Number(0) => return Value::Null,
                        _ => return Value::Fault,
                    },
                };
                let result = match *sign {
                    "+" => x.checked_add(y),
                    "-" => x.checked_sub(y),
                    "*" => x.checked_mul(y),
                    _ if y == 0 => return Value::Null,
                    _ => x.checked_rem(y),
                };
                result.filter(|v| v.abs() < LIMIT).map_or(Value::Fault, Value::Number)
            }
            Self::Coalesce(left, right) => match left.at_scale(rows, self.scale()) {
                Value::Null => right.at_scale(rows, self.scale()),
                other => other,
            },
            Self::Choose(value, yes, no) => match value.value(rows) {
                Value::Fault => Value::Fault,
                Value::Number(value) if value > 0 => yes.at_scale(rows, self.scale()),
                _ => no.at_scale(rows, self.scale()),
            },
        }
    }
}

fn trees() -> impl Strategy<Value = Tree> {
    let leaf = prop_oneof![
        prop::sample::select(vec!["i", "j", "p", "q"]).prop_map(Tree::Column),
        (-1_000_000_i64..1_000_000, 0_u8..4).prop_map(|(value, scale)| Tree::Literal(value, scale)),
    ];
    leaf.prop_recursive(4, 24, 3, |inner| {
        let pair = || (inner.clone().prop_map(Box::new), inner.clone().prop_map(Box::new));
        prop_oneof![
            (prop::sample::select(vec!["+", "-", "*", "%"]), pair())
                .prop_map(|(sign, (left, right))| Tree::Binary(sign, left, right)),
            inner.clone().prop_map(|value| Tree::Negate(Box::new(value))),
            pair().prop_map(|(left, right)| Tree::Coalesce(left, right)),
            (inner.clone().prop_map(Box::new), pair()).prop_map(|(value, (yes, no))| Tree::Choose(value, yes, no)),
        ]
    })
    .prop_filter("a scale above 38 is refused", |tree| widest(tree) <= 38)
}

fn widest(tree: &Tree) -> u8 {
    let below = match tree {
        Tree::Column(_) | Tree::Literal(..) => 0,
        Tree::Binary(_, left, right) | Tree::Coalesce(left, right) => widest(left).max(widest(right)),
        Tree::Negate(value) => widest(value),
        Tree::Choose(value, yes, no) => widest(value).max(widest(yes)).max(widest(no)),
    };
    below.max(tree.scale())
}

fn cells() -> impl Strategy<Value = Rows> {
    let whole = || {
        prop_oneof![
            1 => Just(None),
            2 => (-50_i128..50).prop_map(Some),
            2 => any::<i64>().prop_map(|value| Some(i128::from(value))),
        ]
    };
    let decimal = || {
        prop_oneof![
            1 => Just(None),
            2 => (-5_000_i128..5_000).prop_map(Some),
            2 => (1 - LIMIT..LIMIT).prop_map(Some),
            2 => (-10_i128.pow(18)..10_i128.pow(18)).prop_map(Some),
        ]
    };
    [whole().boxed(), whole().boxed(), decimal().boxed(), decimal().boxed()]
}

fn columns(rows: &[Rows]) -> RecordBatch {
    let integers = |at: usize| {
        let values = rows.iter().map(|row| row[at].map(|value| i64::try_from(value).unwrap()));
        Arc::new(values.collect::<Int64Array>()) as ArrayRef
    };
    let decimals = |at: usize, scale| {
        let values: Decimal128Array = rows.iter().map(|row| row[at]).collect();
        Arc::new(values.with_precision_and_scale(38, scale).unwrap()) as ArrayRef
    };
    batch(vec![("i", integers(0)), ("j", integers(1)), ("p", decimals(2, 2)), ("q", decimals(3, 5))])
}

fn written(value: Value, scale: u8) -> String {
    match value {
        Value::Null => "NULL".to_owned(),
        Value::Fault => "fault".to_owned(),
        Value::Number(value) => {
            let digits = format!("{:0>width$}", value.unsigned_abs(), width = usize::from(scale) + 1);
            let (whole, fraction) = digits.split_at(digits.len() - usize::from(scale));
            let point = if scale == 0 { "" } else { "." };
            format!("{}{whole}{point}{fraction}", if value < 0 { "-" } else { "" })
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn exact_arithmetic_is_that_of_checked_integers(tree in trees(), rows in prop::collection::vec(cells(), 1..12)) {
        let text = tree.sql();
        let result = evaluate(&text, &columns(&rows));
        for (at, cells) in rows.iter().enumerate() {
            let want = written(tree.value(cells), tree.scale());
            prop_assert_eq!(row(&result, at), want, "{} on {:?}", text, cells);
        }
    }

    #[test]
    fn any_text_is_parsed_or_refused(text in r#"[-+*/%()'"a-cLIKE=<>.,0-9 ]{0,60}"#) {
        let _ = crate::Parsed::parse(&text);
    }
}
