//! The values that a path of the pipeline takes in turn: `PATH=VALUE,VALUE` and `PATH=FROM..TO/STEP`.

/// Most scenarios of one what-if.
pub(super) const MOST_SCENARIOS: usize = 10_000;

/// A path and the values that it takes, as they were written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Vary {
    pub(super) path: String,
    pub(super) values: Vec<String>,
}

impl Vary {
    /// Reads `text`; the error says what is wrong with it.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let Some((path, values)) = text.split_once('=').filter(|(path, _)| !path.trim().is_empty()) else {
            return Err("expected PATH=VALUES".to_owned());
        };
        let mut all = Vec::new();
        for written in split(values) {
            let written = written.trim();
            if written.is_empty() {
                return Err(format!("a value is missing in `{values}`"));
            }
            match written.split_once("..") {
                Some((from, rest)) => {
                    all.extend(range(from, rest).map_err(|why| format!("`{written}` is no range: {why}"))?);
                }
                None => all.push(written.to_owned()),
            }
            if all.len() > MOST_SCENARIOS {
                return Err(format!("more than {MOST_SCENARIOS} values"));
            }
        }
        Ok(Self { path: path.trim().to_owned(), values: all })
    }
}

/// The parts of `text` between commas that stand in no brackets or quotes.
fn split(text: &str) -> Vec<&str> {
    let (mut parts, mut first, mut depth, mut quote) = (Vec::new(), 0, 0_i32, None);
    for (at, letter) in text.char_indices() {
        match (quote, letter) {
            (Some(open), _) => quote = Some(open).filter(|open| *open != letter),
            (None, '"' | '\'') => quote = Some(letter),
            (None, '(' | '[' | '{') => depth += 1,
            (None, ')' | ']' | '}') => depth -= 1,
            (None, ',') if depth == 0 => {
                parts.push(&text[first..at]);
                first = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[first..]);
    parts
}

/// A decimal number, as whole units of its last place, and what stands behind it.
struct Decimal<'t> {
    units: i64,
    places: u32,
    suffix: &'t str,
}

impl<'t> Decimal<'t> {
    fn parse(text: &'t str) -> Option<Self> {
        let text = text.trim();
        let end = text.find(|c: char| !c.is_ascii_digit() && !matches!(c, '-' | '.')).unwrap_or(text.len());
        let (number, suffix) = text.split_at(end);
        let (whole, places) = number.split_once('.').unwrap_or((number, ""));
        let digits = format!("{whole}{places}");
        // Nine places of numbers below 10⁹ are summed without overflow.
        if digits.len() > 18 || places.len() > 9 || places.contains('-') || whole.is_empty() {
            return None;
        }
        Some(Self { units: digits.parse().ok()?, places: u32::try_from(places.len()).ok()?, suffix })
    }

    /// In units of the place `places`, which is not before its own.
    fn at(&self, places: u32) -> Option<i64> {
        self.units.checked_mul(10_i64.checked_pow(places - self.places)?)
    }
}

/// The values from `from` on in steps, as decimal numbers with the places that the range has, up to and with its end.
fn range(from: &str, rest: &str) -> Result<Vec<String>, String> {
    let expected = "expected FROM..TO/STEP, such as 0.1..0.6/0.1 or 5%..15%/5%";
    let (to, step) = rest.rsplit_once('/').ok_or(expected)?;
    let [Some(from), Some(to), Some(step)] = [from, to, step].map(Decimal::parse) else {
        return Err(expected.to_owned());
    };
    if from.suffix != to.suffix || from.suffix != step.suffix {
        return Err("its three numbers have different units".to_owned());
    }
    let places = from.places.max(to.places).max(step.places);
    let [Some(first), Some(last), Some(by)] = [&from, &to, &step].map(|of| of.at(places)) else {
        return Err("its numbers have too many digits".to_owned());
    };
    if by <= 0 {
        return Err("the step must be above 0".to_owned());
    }
    if last < first {
        return Err("it ends before it begins".to_owned());
    }
    if usize::try_from((last - first) / by).map_or(true, |steps| steps >= MOST_SCENARIOS) {
        return Err(format!("it has more than {MOST_SCENARIOS} values"));
    }
    let text = |units: i64| format!("{}{}", decimal_text(units, places), from.suffix);
    Ok((0..=(last - first) / by).map(|step| text(first + step * by)).collect())
}

/// `units` of the place `places` without zeros at the end.
fn decimal_text(units: i64, places: u32) -> String {
    let unit = 10_i64.pow(places);
    let sign = if units < 0 { "-" } else { "" };
    let (whole, part) = (units.unsigned_abs() / unit.unsigned_abs(), units.unsigned_abs() % unit.unsigned_abs());
    let text = format!("{sign}{whole}.{part:0width$}", width = places as usize);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(text: &str) -> Result<Vec<String>, String> {
        Vary::parse(&format!("a.b={text}")).map(|vary| vary.values)
    }

    #[test]
    fn lists_and_ranges_give_values_as_they_would_be_written() {
        for (text, expected) in [
            ("0.1..0.6/0.1", "0.1 0.2 0.3 0.4 0.5 0.6"),
            ("5%,10%", "5% 10%"),
            ("5%..15%/5%", "5% 10% 15%"),
            ("6mo..24mo/9mo", "6mo 15mo 24mo"),
            ("-1..1/0.75", "-1 -0.25 0.5"),
            ("10..10/1", "10"),
            ("1,2..3/1", "1 2 3"),
            ("[7d, 14d],[1d]", "[7d, 14d] [1d]"),
            ("a = 'x,y'", "a = 'x,y'"),
        ] {
            let separator = if text.contains('[') || text.contains('\'') { "\u{1f}" } else { " " };
            let expected = expected.replace("] [", "]\u{1f}[");
            assert_eq!(values(text).unwrap().join(separator), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_list_of_values_is_refused_with_the_reason() {
        for (text, words) in [
            ("", "missing"),
            ("1,,2", "missing"),
            ("1..2", "FROM..TO/STEP"),
            ("a..b/c", "FROM..TO/STEP"),
            ("1..2/0", "above 0"),
            ("1..2/-1", "above 0"),
            ("2..1/1", "ends before"),
            ("1%..2/1", "different units"),
            ("0..1000000/1", "more than 10000"),
            ("0..99999999999999999999/1", "FROM..TO/STEP"),
        ] {
            let error = values(text).unwrap_err();
            assert!(error.contains(words), "{text}: {error}");
        }
        assert!(Vary::parse("a.b").is_err() && Vary::parse("=1").is_err());
    }
}
