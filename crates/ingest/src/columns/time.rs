//! Times: from dates and timestamps of any unit to local days.

use appraise_schema::as_of::{FIRST_DAY, LAST_DAY};
use appraise_schema::event::NO_INSTANT;
use arrow::array::{Array, ArrayRef, AsArray};
use arrow::buffer::{BooleanBuffer, NullBuffer, ScalarBuffer};
use arrow::datatypes::{
    DataType, Date32Type, Date64Type, TimeUnit, TimestampMicrosecondType, TimestampMillisecondType,
    TimestampNanosecondType, TimestampSecondType,
};
use arrow::error::ArrowError;
use chrono_tz::Tz;

use super::zone::{AFTER, BEFORE, DAY_SECONDS, Offsets, clamp_day};
use super::{Values, has, nulls_of};

/// Microseconds of a second.
const MICROS: i64 = 1_000_000;

/// A column of local days since 1970-01-01.
#[derive(Debug, Clone)]
pub(crate) struct Days {
    /// Meaningless where NULL; outside the years 0001–9999 [`BEFORE`] or [`AFTER`].
    pub(crate) day: ScalarBuffer<i32>,
    pub(crate) nulls: Option<NullBuffer>,
    /// Rows whose time could not be computed.
    pub(crate) faults: Option<BooleanBuffer>,
    /// Smallest and largest day, those under NULLs included: rules that no day can fail are skipped by them.
    pub(crate) bounds: (i32, i32),
}

impl Days {
    /// Whether `row` has a day of the years 0001–9999.
    #[inline]
    pub(crate) fn has(&self, row: usize) -> bool {
        (FIRST_DAY..=LAST_DAY).contains(&self.day[row]) && has(self.nulls.as_ref(), self.faults.as_ref(), row)
    }

    /// Which rows have a day after `limit`; `None` when none has.
    pub(crate) fn after(&self, limit: i32) -> Option<BooleanBuffer> {
        if self.bounds.1 <= limit {
            return None;
        }
        let after = BooleanBuffer::collect_bool(self.day.len(), |row| self.day[row] > limit && self.has(row));
        (after.count_set_bits() > 0).then_some(after)
    }
}

/// How wall times become days of the pipeline's zone, with what one worker remembers of the zones.
#[derive(Debug)]
pub(crate) struct Clock {
    /// Offset of instants in the pipeline's zone; `None` when it is always 0.
    to_zone: Option<Offsets>,
    /// Offset of local times in the source's zone; `None` when source and pipeline share a zone.
    from_source: Option<Offsets>,
    /// Offset of local times in the source's zone, for instants; `None` when it is always 0.
    source_to_utc: Option<Offsets>,
    /// Offset of local times in the pipeline's zone, for the first moment of a date; `None` when it is always 0.
    zone_to_utc: Option<Offsets>,
}

impl Clock {
    /// A clock for timestamps without zone in `source_zone`, and days in `zone`.
    pub(crate) fn new(source_zone: Tz, zone: Tz) -> Self {
        let is_utc = |zone: Tz| matches!(zone, Tz::UTC | Tz::Etc__UTC | Tz::Etc__GMT | Tz::GMT | Tz::Zulu);
        Self {
            to_zone: (!is_utc(zone)).then(|| Offsets::of_instants(zone)),
            from_source: (source_zone != zone).then(|| Offsets::of_local_times(source_zone)),
            source_to_utc: (!is_utc(source_zone)).then(|| Offsets::of_local_times(source_zone)),
            zone_to_utc: (!is_utc(zone)).then(|| Offsets::of_local_times(zone)),
        }
    }

    /// Brings `values` into canonical shape.
    pub(crate) fn days(&mut self, values: &Values) -> Result<Days, ArrowError> {
        let array = &values.array;
        let day: ScalarBuffer<i32> = match array.data_type() {
            DataType::Date32 => array.as_primitive::<Date32Type>().values().clone(),
            DataType::Date64 => {
                let days = array.as_primitive::<Date64Type>().values().iter();
                days.map(|&ms| clamp_day(ms.div_euclid(DAY_SECONDS * 1000))).collect()
            }
            DataType::Timestamp(unit, zone) => {
                let ticks = ticks(array, *unit);
                match unit {
                    TimeUnit::Second => self.local_days::<1>(&ticks, zone.is_some()),
                    TimeUnit::Millisecond => self.local_days::<1_000>(&ticks, zone.is_some()),
                    TimeUnit::Microsecond => self.local_days::<1_000_000>(&ticks, zone.is_some()),
                    TimeUnit::Nanosecond => self.local_days::<1_000_000_000>(&ticks, zone.is_some()),
                }
            }
            other => return Err(ArrowError::CastError(format!("{other} is no time"))),
        };
        let bounds = day.iter().fold((i32::MAX, i32::MIN), |(min, max), &day| (min.min(day), max.max(day)));
        Ok(Days { day, nulls: nulls_of(array.as_ref()), faults: values.faults.clone(), bounds })
    }

    /// Microseconds since 1970-01-01 UTC of times whose `days` are known; [`NO_INSTANT`] for the others. A date is its
    /// first moment in the pipeline's zone.
    pub(crate) fn instants(&mut self, array: &ArrayRef, days: &Days) -> Vec<i64> {
        let known = |row: usize| days.has(row);
        let (ticks, per_second, offsets) = if let DataType::Timestamp(unit, zone) = array.data_type() {
            let per_second = match unit {
                TimeUnit::Second => 1,
                TimeUnit::Millisecond => 1_000,
                TimeUnit::Microsecond => 1_000_000,
                TimeUnit::Nanosecond => 1_000_000_000,
            };
            (ticks(array, *unit), per_second, self.source_to_utc.as_mut().filter(|_| zone.is_none()))
        } else {
            let midnights = days.day.iter().map(|&day| i64::from(day) * DAY_SECONDS);
            (midnights.collect(), 1, self.zone_to_utc.as_mut())
        };
        let micros = |tick: i64| {
            if per_second > MICROS { tick.div_euclid(per_second / MICROS) } else { tick * (MICROS / per_second) }
        };
        let Some(offsets) = offsets else {
            let instant = |(row, &tick): (usize, &i64)| if known(row) { micros(tick) } else { NO_INSTANT };
            return ticks.iter().enumerate().map(instant).collect();
        };
        let mut instant = |row: usize, tick: i64| {
            if !known(row) {
                return NO_INSTANT;
            }
            let second = tick.div_euclid(per_second);
            let offset = offsets.at(second.div_euclid(DAY_SECONDS), second.rem_euclid(DAY_SECONDS));
            micros(tick) - offset * MICROS
        };
        ticks.iter().enumerate().map(|(row, &tick)| instant(row, tick)).collect()
    }

    fn local_days<const PER_SECOND: i64>(&mut self, ticks: &[i64], instant: bool) -> ScalarBuffer<i32> {
        match (instant, &mut self.from_source, &mut self.to_zone) {
            // Local wall time of the pipeline's own zone, or instants in UTC: the date part.
            (false, None, _) | (true, _, None) => date_parts::<PER_SECOND>(ticks),
            (true, _, Some(to_zone)) => shifted::<PER_SECOND>(ticks, |day, second| second + to_zone.at(day, second)),
            (false, Some(from_source), to_zone) => shifted::<PER_SECOND>(ticks, |day, second| {
                let utc = second - from_source.at(day, second);
                let (days, rest) = (utc.div_euclid(DAY_SECONDS), utc.rem_euclid(DAY_SECONDS));
                utc + to_zone.as_mut().map_or(0, |zone| zone.at(day + days, rest))
            }),
        }
    }
}

/// The timestamps' native values.
pub(crate) fn ticks(array: &ArrayRef, unit: TimeUnit) -> ScalarBuffer<i64> {
    match unit {
        TimeUnit::Second => array.as_primitive::<TimestampSecondType>().values().clone(),
        TimeUnit::Millisecond => array.as_primitive::<TimestampMillisecondType>().values().clone(),
        TimeUnit::Microsecond => array.as_primitive::<TimestampMicrosecondType>().values().clone(),
        TimeUnit::Nanosecond => array.as_primitive::<TimestampNanosecondType>().values().clone(),
    }
}

fn date_parts<const PER_SECOND: i64>(ticks: &[i64]) -> ScalarBuffer<i32> {
    ticks.iter().map(|&tick| clamp_day(tick.div_euclid(DAY_SECONDS * PER_SECOND))).collect()
}

/// Days of ticks whose second of the day is moved by `shift(day, second)`, which may leave the day.
fn shifted<const PER_SECOND: i64>(ticks: &[i64], mut shift: impl FnMut(i64, i64) -> i64) -> ScalarBuffer<i32> {
    let day_of = |&tick: &i64| {
        let day = tick.div_euclid(DAY_SECONDS * PER_SECOND);
        // A shift is less than two days: what lies farther out stays out, and the calendar is never asked of it.
        if day < i64::from(BEFORE) - 2 || day > i64::from(AFTER) + 2 {
            return clamp_day(day);
        }
        let second = tick.rem_euclid(DAY_SECONDS * PER_SECOND) / PER_SECOND;
        clamp_day(day + shift(day, second).div_euclid(DAY_SECONDS))
    };
    ticks.iter().map(day_of).collect()
}

/// Whether times can have this type.
pub(crate) fn accepts(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Date32 | DataType::Date64 | DataType::Timestamp(_, _))
}

#[cfg(test)]
mod tests {
    use super::*;
    use appraise_schema::as_of::epoch_day;
    use arrow::array::{Date32Array, TimestampMicrosecondArray, TimestampNanosecondArray, TimestampSecondArray};
    use chrono::{NaiveDate, NaiveDateTime};
    use std::sync::Arc;

    fn seconds(text: &str) -> i64 {
        NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S").unwrap().and_utc().timestamp()
    }

    fn date(text: &str) -> i32 {
        epoch_day(NaiveDate::parse_from_str(text, "%Y-%m-%d").unwrap())
    }

    fn check(source: Tz, zone: Tz, utc: bool, text: &str, want: &str) {
        let mut clock = Clock::new(source, zone);
        let at = seconds(text);
        let stamp = |values: Vec<i64>| TimestampSecondArray::from(values).with_timezone_opt(utc.then_some("UTC"));
        let micros = TimestampMicrosecondArray::from(vec![at * 1_000_000 + 999_999]);
        let arrays: [ArrayRef; 2] =
            [Arc::new(stamp(vec![at])), Arc::new(micros.with_timezone_opt(utc.then_some("UTC")))];
        for array in arrays {
            let days = clock.days(&Values { array, faults: None }).unwrap();
            assert_eq!(days.day[0], date(want), "{text} in {zone}");
        }
    }

    #[test]
    fn instants_are_dated_in_the_zone() {
        let (london, york) = (Tz::Europe__London, Tz::America__New_York);
        check(london, london, true, "2024-03-31 23:30:00", "2024-04-01");
        check(london, london, true, "2024-03-30 23:30:00", "2024-03-30");
        check(london, london, true, "2024-10-26 23:30:00", "2024-10-27");
        check(london, london, true, "2024-10-27 23:30:00", "2024-10-27");
        check(york, york, true, "2024-03-10 04:59:59", "2024-03-09");
        check(york, york, true, "2024-03-11 04:00:00", "2024-03-11");
        check(york, york, true, "1969-12-31 04:59:59", "1969-12-30");
    }

    #[test]
    fn wall_times_of_the_own_zone_are_never_shifted() {
        let york = Tz::America__New_York;
        check(york, york, false, "2024-03-10 02:30:00", "2024-03-10");
        check(york, york, false, "1709-01-01 00:00:00", "1709-01-01");
        check(york, york, false, "0001-01-01 00:00:00", "0001-01-01");
        check(york, york, false, "9999-12-31 23:59:59", "9999-12-31");
    }

    #[test]
    fn wall_times_of_another_zone_go_through_the_instant() {
        let (london, york) = (Tz::Europe__London, Tz::America__New_York);
        check(york, london, false, "2024-07-01 19:00:00", "2024-07-02");
        check(york, london, false, "2024-07-01 18:59:59", "2024-07-01");
        check(york, Tz::UTC, false, "2024-07-01 20:00:00", "2024-07-02");
        check(Tz::UTC, york, false, "2024-07-01 03:59:59", "2024-06-30");
        // 23:30 in the gap before 2011-12-31 in Apia does not exist: the whole 30th was skipped.
        check(Tz::Pacific__Apia, Tz::Pacific__Auckland, false, "2011-12-30 12:00:00", "2011-12-31");
    }

    #[test]
    fn instants_are_microseconds_of_utc() {
        let (london, york) = (Tz::Europe__London, Tz::America__New_York);
        let instant = |source: Tz, zone: Tz, array: ArrayRef| {
            let mut clock = Clock::new(source, zone);
            let days = clock.days(&Values { array: Arc::clone(&array), faults: None }).unwrap();
            clock.instants(&array, &days)
        };
        let at = seconds("2024-07-01 12:00:00");
        let local: ArrayRef = Arc::new(TimestampSecondArray::from(vec![Some(at), None]));
        assert_eq!(instant(york, london, Arc::clone(&local)), [(at + 4 * 3600) * MICROS, NO_INSTANT]);
        assert_eq!(instant(london, london, local), [(at - 3600) * MICROS, NO_INSTANT]);
        let zoned: ArrayRef = Arc::new(TimestampSecondArray::from(vec![at]).with_timezone("UTC"));
        assert_eq!(instant(york, london, zoned), [at * MICROS]);
        let nanos = vec![-1, 1_999, i64::MAX];
        let nanos: ArrayRef = Arc::new(TimestampNanosecondArray::from(nanos).with_timezone("UTC"));
        assert_eq!(instant(york, london, nanos), [-1, 1, i64::MAX / 1000]);
        // The first moment of a date in London's summer, and of one whose midnight is skipped in Cairo.
        let dates = || Arc::new(Date32Array::from(vec![date("2024-07-01"), date("2024-04-26")])) as ArrayRef;
        let midnight = |text| seconds(text) * MICROS;
        let want = [midnight("2024-06-30 23:00:00"), midnight("2024-04-25 23:00:00")];
        assert_eq!(instant(york, london, dates()), want);
        let want = [midnight("2024-06-30 21:00:00"), midnight("2024-04-25 22:00:00")];
        assert_eq!(instant(york, Tz::Africa__Cairo, dates()), want);
        let far: ArrayRef = Arc::new(TimestampSecondArray::from(vec![i64::MAX, i64::MIN]));
        assert_eq!(instant(york, london, far), [NO_INSTANT; 2]);
    }

    #[test]
    fn days_outside_years_1_to_9999_are_kept_apart() {
        let mut clock = Clock::new(Tz::UTC, Tz::America__New_York);
        let first = i64::from(FIRST_DAY) * DAY_SECONDS;
        let end = (i64::from(LAST_DAY) + 1) * DAY_SECONDS;
        let values = vec![first, first + 86_400, end - 1, end + 6 * 3600, i64::MAX, i64::MIN];
        let array: ArrayRef = Arc::new(TimestampSecondArray::from(values).with_timezone("UTC"));
        let days = clock.days(&Values { array, faults: None }).unwrap();
        assert_eq!(&days.day[..], [BEFORE, FIRST_DAY, LAST_DAY, AFTER, AFTER, BEFORE]);
        assert_eq!(days.bounds, (BEFORE, AFTER));
        let array: ArrayRef = Arc::new(Date32Array::from(vec![FIRST_DAY, LAST_DAY]));
        assert_eq!(clock.days(&Values { array, faults: None }).unwrap().bounds, (FIRST_DAY, LAST_DAY));
    }
}
