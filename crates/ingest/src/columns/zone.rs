//! Local dates: from instants or local wall times to days in a zone.
//!
//! A zone's offset is constant within almost every day. [`Offsets`] remembers the offset of days that are
//! uniform, so that a row costs a division and a look into a small table; the few other days ask the
//! time-zone database row by row.

use appraise_schema::as_of::{FIRST_DAY, LAST_DAY};
use chrono::{DateTime, Duration, MappedLocalTime, NaiveDateTime, Offset, TimeZone};
use chrono_tz::{GapInfo, Tz};

/// Seconds of a day.
pub(crate) const DAY_SECONDS: i64 = 86_400;
/// Days remembered; a power of two.
const SLOTS: usize = 1024;
/// Hours of a day looked at to call it uniform: no zone has ever changed its offset and back within one.
const PROBES: i64 = 24;

/// The day of everything before [`FIRST_DAY`].
pub(crate) const BEFORE: i32 = FIRST_DAY - 1;
/// The day of everything after [`LAST_DAY`].
pub(crate) const AFTER: i32 = LAST_DAY + 1;

/// A day as i32; days outside the years 0001–9999 become [`BEFORE`] or [`AFTER`].
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "clamped to a range within i32")]
pub(crate) fn clamp_day(day: i64) -> i32 {
    day.clamp(i64::from(BEFORE), i64::from(AFTER)) as i32
}

#[derive(Debug, Clone, Copy)]
struct Slot {
    day: i64,
    /// Seconds to add; `None` when it changes within the day.
    offset: Option<i32>,
}

/// A function from seconds to offsets, remembered by day.
#[derive(Debug, Clone)]
pub(crate) struct Offsets {
    slots: Vec<Slot>,
    lookup: Lookup,
}

/// Which offset is meant.
#[derive(Debug, Clone, Copy)]
enum Lookup {
    /// Of an instant (seconds since 1970-01-01 UTC), to be added for local time.
    OfInstant(Tz),
    /// Of a local wall time (seconds since 1970-01-01 local), to be subtracted for the instant.
    OfLocal(Tz),
}

impl Lookup {
    /// The offset at `seconds`, east positive; 0 beyond what the calendar can hold.
    fn at(self, seconds: i64) -> i32 {
        let Some(time) = DateTime::from_timestamp(seconds, 0).map(|time| time.naive_utc()) else { return 0 };
        match self {
            Self::OfInstant(zone) => zone.offset_from_utc_datetime(&time).fix().local_minus_utc(),
            Self::OfLocal(zone) => offset_of_local(zone, &time),
        }
    }

    /// The offset of every second of `day`, when it is the same.
    fn of_day(self, day: i64) -> Option<i32> {
        let start = day * DAY_SECONDS;
        let offset = self.at(start);
        let uniform = (0..=PROBES).all(|hour| self.at(start + hour * DAY_SECONDS / PROBES) == offset);
        uniform.then_some(offset)
    }
}

/// Of an ambiguous local time the earlier instant is meant; one that does not exist is shifted forward by the
/// length of the gap, which is what the offset before the gap gives.
fn offset_of_local(zone: Tz, time: &NaiveDateTime) -> i32 {
    match zone.offset_from_local_datetime(time) {
        MappedLocalTime::Single(offset) => offset.fix().local_minus_utc(),
        MappedLocalTime::Ambiguous(first, second) => first.fix().local_minus_utc().max(second.fix().local_minus_utc()),
        MappedLocalTime::None => match GapInfo::new(time, &zone).and_then(|gap| gap.begin) {
            Some((_, before)) => before.fix().local_minus_utc(),
            None => zone.offset_from_utc_datetime(&(*time - Duration::days(1))).fix().local_minus_utc(),
        },
    }
}

impl Offsets {
    fn new(lookup: Lookup) -> Self {
        Self { slots: vec![Slot { day: i64::MIN, offset: None }; SLOTS], lookup }
    }

    /// Offsets of instants in `zone`.
    pub(crate) fn of_instants(zone: Tz) -> Self {
        Self::new(Lookup::OfInstant(zone))
    }

    /// Offsets of local wall times of `zone`.
    pub(crate) fn of_local_times(zone: Tz) -> Self {
        Self::new(Lookup::OfLocal(zone))
    }

    /// The offset at `second` of `day`, in seconds east of UTC.
    #[inline]
    pub(crate) fn at(&mut self, day: i64, second: i64) -> i64 {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "only the low bits count")]
        let place = day as usize & (SLOTS - 1);
        let slot = self.slots[place];
        if slot.day == day {
            if let Some(offset) = slot.offset {
                return i64::from(offset);
            }
            return i64::from(self.lookup.at(day * DAY_SECONDS + second));
        }
        self.remember(place, day, second)
    }

    #[cold]
    fn remember(&mut self, place: usize, day: i64, second: i64) -> i64 {
        self.slots[place] = Slot { day, offset: self.lookup.of_day(day) };
        i64::from(self.lookup.at(day * DAY_SECONDS + second))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::{Datelike, NaiveDate};
    use proptest::prelude::*;

    fn seconds(text: &str) -> i64 {
        NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S").unwrap().and_utc().timestamp()
    }

    #[test]
    fn local_times_in_the_gap_move_forward_and_doubled_ones_are_the_earlier() {
        let london = Lookup::OfLocal(Tz::Europe__London);
        // 01:30 does not exist on 2024-03-31: 01:30 − 0 h = 01:30 UTC = 02:30 local.
        assert_eq!(london.at(seconds("2024-03-31 01:30:00")), 0);
        assert_eq!(london.at(seconds("2024-03-31 02:30:00")), 3600);
        // 01:30 stands twice on 2024-10-27; the earlier is still summer time.
        assert_eq!(london.at(seconds("2024-10-27 01:30:00")), 3600);
        assert_eq!(london.at(seconds("2024-10-27 02:00:00")), 0);
    }

    proptest! {
        #[test]
        fn remembered_offsets_are_those_of_the_database(
            times in prop::collection::vec(-62_135_596_800_i64..253_402_300_800, 1..50),
            zone in prop::sample::select(vec![Tz::America__New_York, Tz::Europe__London, Tz::Asia__Kathmandu,
                Tz::Pacific__Apia, Tz::Africa__Casablanca, Tz::America__Caracas, Tz::Antarctica__Troll]),
        ) {
            let mut instants = Offsets::of_instants(zone);
            let mut locals = Offsets::of_local_times(zone);
            for time in times {
                let (day, second) = (time.div_euclid(DAY_SECONDS), time.rem_euclid(DAY_SECONDS));
                prop_assert_eq!(instants.at(day, second), i64::from(Lookup::OfInstant(zone).at(time)));
                prop_assert_eq!(locals.at(day, second), i64::from(Lookup::OfLocal(zone).at(time)));
            }
        }
    }

    #[test]
    fn every_quarter_hour_of_two_changes_is_right() {
        for zone in [Tz::America__New_York, Tz::Australia__Lord_Howe, Tz::Pacific__Apia] {
            let mut instants = Offsets::of_instants(zone);
            for year in [1945, 2011, 2024] {
                let start = NaiveDate::from_ymd_opt(year, 1, 1).unwrap();
                for quarter in 0..366_i64 * 96 {
                    let time = start.and_hms_opt(0, 0, 0).unwrap().and_utc().timestamp() + quarter * 900;
                    let local = DateTime::from_timestamp(time, 0).unwrap().with_timezone(&zone).naive_local();
                    let offset = instants.at(time.div_euclid(DAY_SECONDS), time.rem_euclid(DAY_SECONDS));
                    let day = (time + offset).div_euclid(DAY_SECONDS);
                    assert_eq!(day, i64::from(local.date().num_days_from_ce()) - 719_163, "{local} {zone}");
                }
            }
        }
    }
}
