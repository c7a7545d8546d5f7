//! Texts read as numbers, dates and timestamps, exactly or not at all.

use chrono::{NaiveDate, NaiveDateTime};

const MICROS_PER_SECOND: i64 = 1_000_000;

/// `text` as digits without the point and the count of those after it: `-2.50` is (-250, 2). No exponent, no
/// white space inside, at most 38 digits.
pub(crate) fn exact(text: &str) -> Option<(i128, u8)> {
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if whole.len() + fraction.len() == 0 {
        return None;
    }
    let mut value = 0_i128;
    for byte in whole.bytes().chain(fraction.bytes()) {
        if !byte.is_ascii_digit() {
            return None;
        }
        value = value.checked_mul(10)?.checked_add(i128::from(byte - b'0'))?;
    }
    let scale = u8::try_from(fraction.len()).ok().filter(|scale| *scale <= 38)?;
    Some((if negative { -value } else { value }, scale))
}

/// `text` as a finite double.
pub(crate) fn double(text: &str) -> Option<f64> {
    let numeric = text.bytes().all(|b| b.is_ascii_digit() || b"+-.eE".contains(&b));
    text.parse::<f64>().ok().filter(|value| numeric && value.is_finite())
}

/// `text`, written `2024-02-29`, as days since 1970-01-01; years 0001 to 9999.
pub(crate) fn date(text: &str) -> Option<i32> {
    let date = calendar_date(text)?;
    i32::try_from(date.signed_duration_since(NaiveDate::default()).num_days()).ok()
}

fn calendar_date(text: &str) -> Option<NaiveDate> {
    let bytes = text.as_bytes();
    if bytes.len() != 10 || bytes[4] != b'-' || bytes[7] != b'-' {
        return None;
    }
    let year = digits(&text[..4])?;
    let date = NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, digits(&text[5..7])?, digits(&text[8..])?);
    date.filter(|_| year > 0)
}

fn digits(text: &str) -> Option<u32> {
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok())?
}

/// `text`, written `2024-02-29 13:05:00.25`, as microseconds since 1970-01-01, and whether it named a zone
/// (`Z` or `+01:00`), which is then taken off. The time may be left out or lack its seconds; `T` may stand
/// for the space.
pub(crate) fn timestamp(text: &str) -> Option<(i64, bool)> {
    if !text.is_ascii() || text.len() < 10 {
        return None;
    }
    let day = calendar_date(&text[..10])?.and_hms_opt(0, 0, 0)?;
    if text.len() == 10 {
        return Some((micros(day), false));
    }
    let rest = text[10..].strip_prefix([' ', 'T'])?;
    let (clock, offset_minutes) = match rest.find(['Z', '+', '-']) {
        Some(at) => (&rest[..at], Some(offset(&rest[at..])?)),
        None => (rest, None),
    };
    let local = micros(day) + time_of_day(clock.trim_end())?;
    Some((local - offset_minutes.unwrap_or(0) * 60 * MICROS_PER_SECOND, offset_minutes.is_some()))
}

fn micros(at: NaiveDateTime) -> i64 {
    at.and_utc().timestamp_micros()
}

/// Minutes east of UTC.
fn offset(text: &str) -> Option<i64> {
    if text == "Z" {
        return Some(0);
    }
    let sign = if text.starts_with('-') { -1 } else { 1 };
    let (hours, minutes) = match text[1..].split_once(':') {
        Some((hours, minutes)) => (hours, minutes),
        None if text.len() == 5 => (&text[1..3], &text[3..]),
        None => (&text[1..], "00"),
    };
    let two_digits = hours.len() == 2 && minutes.len() == 2;
    let (hours, minutes) = (digits(hours)?, digits(minutes)?);
    (two_digits && hours <= 18 && minutes < 60).then_some(sign * i64::from(hours * 60 + minutes))
}

/// Microseconds since midnight.
fn time_of_day(text: &str) -> Option<i64> {
    let (clock, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let mut parts = clock.split(':');
    let mut part = |limit: u32| {
        let text = parts.next()?;
        digits(text).filter(|value| text.len() == 2 && *value < limit)
    };
    let (hour, minute) = (part(24)?, part(60)?);
    let second = if clock.len() > 5 { part(60)? } else { 0 };
    let (fraction_value, fraction_scale) = exact(fraction)?;
    let too_fine = fraction.starts_with(['+', '-', '.']) || fraction_scale != 0 || fraction.len() > 9;
    if parts.next().is_some() || too_fine {
        return None;
    }
    let nanos = fraction_value * 10_i128.pow(9 - u32::try_from(fraction.len()).ok()?);
    let micros = i64::try_from(nanos / 1000).ok().filter(|_| nanos % 1000 == 0)?;
    Some(i64::from(hour * 3600 + minute * 60 + second) * MICROS_PER_SECOND + micros)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_exactly_or_not_at_all() {
        assert_eq!(exact("-2.50"), Some((-250, 2)));
        assert_eq!(exact("+.5"), Some((5, 1)));
        assert_eq!(exact("7."), Some((7, 0)));
        for text in ["", "-", ".", "1e3", "1 2", "٣", "--1", "1.2.3", &"9".repeat(40)] {
            assert_eq!(exact(text), None, "{text}");
        }
        assert_eq!(double("-1.5e3"), Some(-1500.0));
        assert_eq!([double("inf"), double("nan"), double("1e999")], [None; 3]);
    }

    #[test]
    fn dates_span_years_1_to_9999() {
        assert_eq!(date("1970-01-01"), Some(0));
        assert_eq!(date("1969-12-31"), Some(-1));
        assert_eq!(date("0001-01-01"), Some(-719_162));
        assert_eq!(date("9999-12-31"), Some(2_932_896));
        for text in ["0000-01-01", "2023-02-29", "2024-1-01", "24-01-01", "2024-01-01 ", "+024-01-01"] {
            assert_eq!(date(text), None, "{text}");
        }
    }

    #[test]
    fn timestamps_keep_microseconds_and_know_whether_a_zone_was_named() {
        let second = 1_000_000;
        assert_eq!(timestamp("1970-01-01 00:01"), Some((60 * second, false)));
        assert_eq!(timestamp("1969-12-31T23:59:59.5"), Some((-second / 2, false)));
        assert_eq!(timestamp("1970-01-01 01:00:00+01:00"), Some((0, true)));
        assert_eq!(timestamp("1970-01-01T00:00:00Z"), Some((0, true)));
        assert_eq!(timestamp("1970-01-01"), Some((0, false)));
        for text in ["1970-01-01 24:00", "1970-01-01 1:00", "1970-01-01 00:00:00.0000001", "1970-01-01 00:00:"] {
            assert_eq!(timestamp(text), None, "{text}");
        }
    }
}
