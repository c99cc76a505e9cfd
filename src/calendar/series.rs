//! A series: a rule with the day on which it begins, and maybe one on which it ends.

use super::{
    decide::Refusal,
    moment::{civil_of, zone_of},
    rule::Rule,
};
use crate::base::{At, limits};
use jiff::{ToSpan as _, civil::Date, tz::TimeZoneDatabase};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Something that takes place again and again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Series {
    /// On which days, and at what time.
    pub rule: Rule,
    /// The first day that counts.
    pub from: Date,
    /// The last day that counts; nothing: it goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Date>,
}

/// When a series is to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Not by itself.
    Never,
    /// With this day, by the calendar of the rule's zone.
    Until(Date),
    /// After so many of its days.
    Times(u32),
}

impl Series {
    /// The series that begins with the rule's next day.
    pub fn settle(zones: &TimeZoneDatabase, rule: Rule, end: End, now: At) -> Result<Self, Refusal> {
        let civil = civil_of(&zone_of(zones, &rule.zone)?, now);
        let today = civil.date();
        let passed = rule.on(today) <= civil;
        let from = if passed { today.saturating_add(1.day()) } else { today };
        let until = match end {
            End::Never => None,
            End::Until(day) => Some(day),
            End::Times(times) if !(1..=limits::SERIES_TIMES_MAX).contains(&times) => {
                return Err(Refusal::BadTimes(times));
            }
            End::Times(times) => rule.days(from).nth(times as usize - 1),
        };
        let series = Self { rule, from, until };
        let has_a_day = series.days(from).next().is_some();
        match series.until.filter(|_| !has_a_day) {
            Some(until) => Err(Refusal::NoDay { rule: series.rule, until }),
            None => Ok(series),
        }
    }

    /// Its days from `day` on.
    pub fn days(&self, day: Date) -> impl Iterator<Item = Date> + '_ {
        let days = self.rule.days(day.max(self.from));
        days.take_while(|day| self.until.is_none_or(|until| *day <= until))
    }

    /// Whether a day is one of it.
    pub fn has(&self, day: Date) -> bool {
        self.days(day).next() == Some(day)
    }
}

impl fmt::Display for Series {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "every {}", self.rule)?;
        self.until.map_or(Ok(()), |until| write!(f, ", until {until}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::tz::db;
    use proptest::prelude::*;

    fn settled(rule: &str, end: End, now: &str) -> Result<Series, Refusal> {
        let now = super::super::Moment::read(db(), now).unwrap().at;
        Series::settle(db(), rule.parse().unwrap(), end, now)
    }

    fn days(series: &Series) -> Vec<String> {
        series.days(Date::MIN).take(5).map(|day| day.to_string()).collect()
    }

    #[test]
    fn it_ends_with_a_day_or_after_so_many_and_one_without_a_day_is_refused() {
        let until = |day: &str| End::Until(day.parse().unwrap());
        let at = |rule, end| settled(rule, end, "2026-12-01 14:00 Europe/Berlin");
        // Today's has passed: three are to come.
        let series = at("tue 14:00 Europe/Berlin", End::Times(3)).unwrap();
        assert_eq!(days(&series), ["2026-12-08", "2026-12-15", "2026-12-22"]);
        assert_eq!(series.to_string(), "every tue 14:00 Europe/Berlin, until 2026-12-22");
        // The last day counts.
        let series = at("last day 09:30 UTC", until("2027-01-31")).unwrap();
        assert_eq!(days(&series), ["2026-12-31", "2027-01-31"]);
        assert!(series.has("2027-01-31".parse().unwrap()) && !series.has("2027-02-28".parse().unwrap()));
        let none = at("15th 09:30 UTC", until("2026-12-14")).unwrap_err();
        assert_eq!(
            (none.code(), none.to_string().as_str()),
            ("bad-time", "no day of `15th 09:30 UTC` is left until 2026-12-14")
        );
        for times in [0, limits::SERIES_TIMES_MAX + 1] {
            assert_eq!(at("daily 09:30 UTC", End::Times(times)).unwrap_err().code(), "bad-time");
        }
        assert_eq!(days(&at("daily 09:30 UTC", End::Never).unwrap()).len(), 5);
    }

    proptest! {
        #[test]
        fn so_many_times_are_so_many_days_and_the_same_as_until_the_last_of_them(
            rule in prop::sample::select(vec![
                "tue 14:00 Europe/Berlin", "weekdays 10:00 Asia/Tokyo", "1st tue 14:00 UTC",
                "29th,31st 02:30 America/New_York", "last day 00:00 Pacific/Kiritimati",
            ]),
            times in 1_u32..=40,
            now in 1_790_000_000_000_i64..2_200_000_000_000,
        ) {
            let now = At::from_millis(now);
            let rule: Rule = rule.parse().unwrap();
            let counted = Series::settle(db(), rule.clone(), End::Times(times), now).unwrap();
            let all: Vec<_> = counted.days(Date::MIN).collect();
            prop_assert_eq!(all.len(), times as usize);
            let until = End::Until(*all.last().unwrap());
            prop_assert_eq!(&Series::settle(db(), rule.clone(), until, now).unwrap(), &counted);
            let endless = Series::settle(db(), rule, End::Never, now).unwrap();
            prop_assert!(endless.days(Date::MIN).take(all.len()).eq(all));
            let text = serde_json::to_string(&counted).unwrap();
            prop_assert_eq!(serde_json::from_str::<Series>(&text).unwrap(), counted);
        }
    }
}
