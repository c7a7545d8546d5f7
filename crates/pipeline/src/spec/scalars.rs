//! Scalars of the pipeline file as they are written: their patterns in the JSON Schema, and their values.

use std::borrow::Cow;

use appraise_schema::{ScalarError, Share};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

/// A pattern of the JSON Schema together with the function that decides the same language.
pub(crate) struct Shape {
    /// ECMA-262 regular expression, anchored.
    pub(crate) pattern: &'static str,
    /// Whether a text has the shape.
    pub(crate) matches: fn(&str) -> bool,
    /// What was expected, to be read behind "is not".
    pub(crate) expected: &'static str,
}

const NAME: Shape = Shape {
    pattern: "^[a-z][a-z0-9_]{0,62}$",
    matches: is_name,
    expected: "a name: a letter from a to z, then up to 62 of a to z, 0 to 9 and `_`",
};
const SHARE: Shape = Shape {
    pattern: "^(100(\\.0+)?|[0-9]{1,2}(\\.[0-9]+)?)%$",
    matches: is_share,
    expected: "a share from 0% to 100%, such as `2%` or 0.02",
};
const WINDOW: Shape = Shape {
    pattern: "^[1-9][0-9]{0,3}d$",
    matches: |text| is_days(text) && !text.starts_with('0'),
    expected: "a window in days such as `90d`, from 1d to 3660d",
};
const AGE: Shape = Shape {
    pattern: "^(0|[1-9][0-9]{0,3})d$",
    matches: is_days,
    expected: "an age in days such as `3d`, from 0d to 9999d",
};
const DAYS: Shape = Shape {
    pattern: "^[1-9][0-9]{0,4}d$",
    matches: |text| text.strip_suffix('d').is_some_and(|days| is_digits(days, 1..=5)) && !text.starts_with('0'),
    expected: "a number of days such as `90d`, from 1d to 99999d",
};
const REFIT: Shape = Shape {
    pattern: "^(always|never|[1-9][0-9]{0,4}d)$",
    matches: |text| matches!(text, "always" | "never") || (DAYS.matches)(text),
    expected: "`always`, `never`, or a number of days such as `7d`",
};
const HORIZON: Shape = Shape {
    pattern: "^[1-9][0-9]{0,3}(d|w|mo|y)$",
    matches: |text| text.parse::<appraise_schema::Horizon>().is_ok(),
    expected: "a horizon such as `24mo`, `90d`, `13w` or `2y`",
};
const RATE: Shape = Shape {
    pattern: "^[0-9]{1,3}(\\.[0-9]{1,6})?%/y$",
    matches: |text| text.parse::<appraise_schema::DiscountRate>().is_ok(),
    expected: "a yearly rate such as `10%/y`",
};
const MARGIN: Shape = Shape {
    pattern: "^((100(\\.0+)?|[0-9]{1,2}(\\.[0-9]+)?)%|[a-z][a-z0-9_]{0,62})$",
    matches: |text| is_share(text) || is_name(text),
    expected: "a share such as `30%`, or the name of a column",
};
const DATE: Shape =
    Shape { pattern: "^[0-9]{4}-[0-9]{2}-[0-9]{2}$", matches: is_date, expected: "a date such as `2024-12-31`" };
const DECIMAL: Shape = Shape {
    pattern: "^-?[0-9]{1,18}(\\.[0-9]{1,9})?$",
    matches: is_decimal,
    expected: "a decimal number such as 12.34",
};
const GRADE: Shape = Shape {
    pattern: "^[A-Za-z][A-Za-z0-9+_-]{0,19}$",
    matches: is_grade,
    expected: "a name such as `A`, `BB+` or `low_risk`, of at most 20 letters, digits, `+`, `-` and `_`",
};
const NOT_BLANK: Shape = Shape {
    pattern: "\\S",
    matches: |text| text.chars().any(|c| !c.is_whitespace()),
    expected: "a text that says something",
};

const MISSING: Shape = Shape {
    pattern: "^(median|worst)$",
    matches: |text| matches!(text, "median" | "worst"),
    expected: "`median`, `worst` or a number",
};
const JUDGEMENT: Shape = Shape {
    pattern: "^[1-9]/[1-9]$",
    matches: |text| matches!(text.as_bytes(), [b'1'..=b'9', b'/', b'1'..=b'9']),
    expected: "a judgement such as `3` or `1/3`",
};
const AUTO: Shape =
    Shape { pattern: "^auto$", matches: |text| text == "auto", expected: "`auto`, or a number from 2 to 20" };

/// Every pattern that the JSON Schema uses.
pub(crate) const SHAPES: [&Shape; 16] = [
    &AUTO, &NAME, &GRADE, &SHARE, &WINDOW, &AGE, &DAYS, &REFIT, &HORIZON, &RATE, &MARGIN, &DATE, &DECIMAL, &NOT_BLANK,
    &MISSING, &JUDGEMENT,
];

fn is_name(text: &str) -> bool {
    text.len() <= 63
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

fn is_grade(text: &str) -> bool {
    text.len() <= 20
        && text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'_'))
}

fn is_digits(text: &str, lengths: std::ops::RangeInclusive<usize>) -> bool {
    lengths.contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit())
}

fn is_share(text: &str) -> bool {
    let Some(number) = text.strip_suffix('%') else { return false };
    let (whole, fraction) = number.split_once('.').map_or((number, None), |(whole, fraction)| (whole, Some(fraction)));
    if whole == "100" {
        return fraction.is_none_or(|f| !f.is_empty() && f.bytes().all(|b| b == b'0'));
    }
    is_digits(whole, 1..=2) && fraction.is_none_or(|f| is_digits(f, 1..=usize::MAX))
}

fn is_days(text: &str) -> bool {
    text.strip_suffix('d').is_some_and(|days| days == "0" || (is_digits(days, 1..=4) && !days.starts_with('0')))
}

fn is_date(text: &str) -> bool {
    text.len() == 10
        && text.bytes().enumerate().all(|(i, b)| if i == 4 || i == 7 { b == b'-' } else { b.is_ascii_digit() })
}

fn is_decimal(text: &str) -> bool {
    let text = text.strip_prefix('-').unwrap_or(text);
    match text.split_once('.') {
        Some((whole, fraction)) => is_digits(whole, 1..=18) && is_digits(fraction, 1..=9),
        None => is_digits(text, 1..=18),
    }
}

/// A text scalar with a pattern, and a format that only this program checks.
macro_rules! text_scalar {
    ($(#[$meta:meta])* $name:ident, $shape:expr, $format:expr) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub String);

        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "string", "pattern": $shape.pattern, "format": $format })
            }
        }
    };
}

text_scalar!(
    /// A name that loads everywhere.
    Name,
    NAME,
    "name"
);
text_scalar!(
    /// The name of a grade.
    GradeName,
    GRADE,
    "grade-name"
);
text_scalar!(
    /// A trailing window in days.
    Window,
    WINDOW,
    "window"
);
text_scalar!(
    /// A greatest age in days.
    Age,
    AGE,
    "age"
);
text_scalar!(
    /// A number of days.
    Days,
    DAYS,
    "days"
);
text_scalar!(
    /// When models are fitted anew.
    RefitText,
    REFIT,
    "refit"
);
text_scalar!(
    /// How far ahead a value reaches, in days, weeks, months or years.
    HorizonText,
    HORIZON,
    "horizon"
);
text_scalar!(
    /// A rate a year.
    RateText,
    RATE,
    "rate"
);
text_scalar!(
    /// A share, or the name of a column of shares.
    MarginText,
    MARGIN,
    "margin"
);
text_scalar!(
    /// A calendar date.
    DateText,
    DATE,
    "date"
);
text_scalar!(
    /// A row-wise SQL expression.
    Sql,
    NOT_BLANK,
    "sql"
);
text_scalar!(
    /// A column of the files, or a row-wise SQL expression over them.
    ColumnSql,
    NOT_BLANK,
    "column-sql"
);
text_scalar!(
    /// The name of an IANA time zone.
    TimeZone,
    NOT_BLANK,
    "time-zone"
);
text_scalar!(
    /// A path of the local file system.
    LocalPath,
    NOT_BLANK,
    "local-path"
);
text_scalar!(
    /// The name of a segment.
    SegmentName,
    NAME,
    "segment-name"
);
text_scalar!(
    /// A text with at least one visible character.
    Text,
    NOT_BLANK,
    "text"
);

impl Days {
    /// The number of days.
    ///
    /// # Errors
    /// When it is none.
    pub fn count(&self) -> Result<u32, std::num::ParseIntError> {
        self.0.trim_end_matches('d').parse()
    }
}

/// A share: `2%` or 0.02.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(untagged)]
pub enum ShareText {
    /// A fraction from 0 to 1.
    Fraction(f64),
    /// A percentage.
    Percent(String),
}

impl ShareText {
    /// The validated share.
    ///
    /// # Errors
    /// When it lies outside the whole.
    pub fn share(&self) -> Result<Share, ScalarError> {
        match self {
            Self::Fraction(fraction) => Share::from_fraction(*fraction),
            Self::Percent(text) => text.parse(),
        }
    }
}

impl JsonSchema for ShareText {
    fn schema_name() -> Cow<'static, str> {
        "Share".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [
            { "type": "string", "pattern": SHARE.pattern },
            { "type": "number", "minimum": 0, "maximum": 1 },
        ] })
    }
}

/// What a value that is not there counts as.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(untagged)]
pub enum MissingText {
    /// As this number.
    Number(f64),
    /// `median` or `worst`.
    Text(String),
}

impl JsonSchema for MissingText {
    fn schema_name() -> Cow<'static, str> {
        "Missing".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [{ "type": "string", "pattern": MISSING.pattern }, { "type": "number" }] })
    }
}

/// How many clusters there are.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum ClusterCountText {
    /// So many.
    Number(u8),
    /// `auto`.
    Text(String),
}

impl JsonSchema for ClusterCountText {
    fn schema_name() -> Cow<'static, str> {
        "ClusterCount".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "anyOf": [{ "type": "string", "pattern": AUTO.pattern }, { "type": "integer", "minimum": 2, "maximum": 20 }]
        })
    }
}

/// How many times as important one thing is as another: 3, or `1/3`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(untagged)]
pub enum Judgement {
    /// A number above 0.
    Number(f64),
    /// A fraction of two digits.
    Fraction(String),
}

impl Judgement {
    /// Its value; NaN for a text that is no fraction.
    #[must_use]
    pub fn value(&self) -> f64 {
        match self {
            Self::Number(number) => *number,
            Self::Fraction(text) => match text.as_bytes() {
                [above, b'/', below] => f64::from(above.wrapping_sub(b'0')) / f64::from(below.wrapping_sub(b'0')),
                _ => f64::NAN,
            },
        }
    }
}

impl JsonSchema for Judgement {
    fn schema_name() -> Cow<'static, str> {
        "Judgement".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [{ "type": "string", "pattern": JUDGEMENT.pattern }, { "type": "number" }] })
    }
}

/// A decimal number: a plain number, or text where a double would not hold it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(untagged)]
pub enum Decimal {
    /// A whole number.
    Integer(i64),
    /// A number with decimal places.
    Float(f64),
    /// A decimal in quotes.
    Text(String),
}

impl Decimal {
    /// Its digits.
    #[must_use]
    pub fn text(&self) -> String {
        match self {
            Self::Integer(number) => number.to_string(),
            Self::Float(number) => number.to_string(),
            Self::Text(text) => text.clone(),
        }
    }

    /// The number of minor units at `scale` decimal places, exactly.
    ///
    /// # Errors
    /// When it has more decimal places, or does not fit DECIMAL(18, scale).
    pub fn minor(&self, scale: u8) -> Result<i64, String> {
        let text = self.text();
        let places = usize::from(scale);
        let digits = text.strip_prefix('-').unwrap_or(&text);
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let fraction = fraction.trim_end_matches('0');
        if fraction.len() > places {
            return Err(format!("`{text}` has more than the {scale} decimal places of `money.scale`"));
        }
        let too_large = || format!("`{text}` does not fit 18 digits at {scale} decimal places");
        // A double holds fifteen digits for certain; beyond, what was written is lost.
        if matches!(self, Self::Float(_)) && whole.trim_start_matches('0').len() + fraction.len() > 15 {
            return Err(format!("`{text}` has more digits than a plain number holds: quote it"));
        }
        let minor: i64 = format!("{whole}{fraction:0<places$}").parse().map_err(|_| too_large())?;
        if minor > appraise_schema::money::MAX_CUSTOMER_MINOR {
            return Err(too_large());
        }
        Ok(if text.starts_with('-') { -minor } else { minor })
    }
}

impl JsonSchema for Decimal {
    fn schema_name() -> Cow<'static, str> {
        "Decimal".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [
            { "type": "number" },
            { "type": "string", "pattern": DECIMAL.pattern },
        ] })
    }
}

/// An accepted value: text or an integer.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum AcceptedValue {
    /// An integer.
    Integer(i64),
    /// A text.
    Text(String),
}

impl AcceptedValue {
    /// The value as text.
    #[must_use]
    pub fn text(&self) -> String {
        match self {
            Self::Integer(number) => number.to_string(),
            Self::Text(text) => text.clone(),
        }
    }
}

impl JsonSchema for AcceptedValue {
    fn schema_name() -> Cow<'static, str> {
        "AcceptedValue".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [{ "type": "string" }, { "type": "integer" }] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_is_read_to_the_minor_unit_without_a_float_in_between() {
        assert_eq!(Decimal::Float(0.01).minor(2), Ok(1));
        assert_eq!(Decimal::Integer(-3).minor(2), Ok(-300));
        assert_eq!(Decimal::Text("999999999999999.999".to_owned()).minor(3), Ok(999_999_999_999_999_999));
        assert_eq!(Decimal::Float(12.50).minor(1), Ok(125));
        assert_eq!(Decimal::Float(-0.5).minor(1), Ok(-5));
    }

    #[test]
    fn money_that_does_not_fit_is_refused() {
        assert!(Decimal::Float(0.001).minor(2).unwrap_err().contains("more than the 2 decimal places"));
        assert!(Decimal::Integer(i64::MAX).minor(0).unwrap_err().contains("does not fit"));
        assert!(Decimal::Integer(1_000_000_000_000_000_000).minor(9).unwrap_err().contains("does not fit"));
        assert!(Decimal::Float(1_234_567_890_123_456.5).minor(2).unwrap_err().contains("quote it"));
    }

    /// The functions and the patterns must decide the same language; the engine of the JSON Schema is the oracle.
    #[test]
    fn shapes_agree_with_their_patterns() {
        let pieces = [
            "",
            "0",
            "1",
            "9",
            "10",
            "100",
            "99",
            "3660",
            "12345",
            "123456",
            ".",
            ".0",
            ".5",
            "%",
            " %",
            "d",
            "w",
            "mo",
            "y",
            "-",
            "a",
            "_",
            "A",
            " ",
            "ä",
            "\n",
            "2024-12-31",
            "2024-1-1",
            "1e3",
        ];
        for shape in SHAPES {
            let schema = serde_json::json!({ "pattern": shape.pattern });
            let oracle = appraise_testutils::json_schema::JsonSchema::new(&schema).unwrap();
            for a in pieces {
                for b in pieces {
                    for c in pieces {
                        let text = format!("{a}{b}{c}");
                        let expected = oracle.accepts(&serde_json::Value::String(text.clone()));
                        assert_eq!((shape.matches)(&text), expected, "{text:?} against {}", shape.pattern);
                    }
                }
            }
        }
    }
}
