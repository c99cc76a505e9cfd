//! A rule: the days on which something is planned again and again, at one civil time.

use super::moment::{BadMoment, clock_face, zone_of};
use jiff::{
    civil::{Date, DateTime, Time, Weekday},
    tz::TimeZoneDatabase,
};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeSet, fmt, str::FromStr};

/// Days of the week as they are written.
const DAYS: [(&str, Weekday); 7] = [
    ("mon", Weekday::Monday),
    ("tue", Weekday::Tuesday),
    ("wed", Weekday::Wednesday),
    ("thu", Weekday::Thursday),
    ("fri", Weekday::Friday),
    ("sat", Weekday::Saturday),
    ("sun", Weekday::Sunday),
];
/// Which one of a month.
const NTHS: [(&str, i8); 5] = [("1st", 1), ("2nd", 2), ("3rd", 3), ("4th", 4), ("last", -1)];
/// The end of a month, however long that is.
const LAST_DAY: &str = "last day";

/// `tue 14:00 Europe/Berlin`, `mon,thu 09:30 Asia/Tokyo`, `1st tue 14:00 Europe/Berlin`, `last fri 10:00 UTC`, and by the
/// days of a month `15th 14:00 Europe/Berlin`, `1st,15th 10:00 UTC`, `last day 09:30 UTC`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Rule {
    days: Days,
    /// What the clock on the wall shows.
    pub time: Time,
    /// The zone's IANA name.
    pub zone: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Days {
    OfWeek {
        /// Which one of a month; nothing: every week.
        nth: Option<i8>,
        /// Monday is 1.
        days: BTreeSet<i8>,
    },
    /// A month that has no such day is passed over.
    OfMonth(BTreeSet<OfMonth>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum OfMonth {
    Day(i8),
    Last,
}

/// Why this is no rule. Completes "could not understand `..`".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadRule(String);

impl Rule {
    /// Reads a rule, and makes sure that its zone is known.
    pub fn read(zones: &TimeZoneDatabase, text: &str) -> Result<Self, BadRule> {
        let rule: Self = text.parse()?;
        zone_of(zones, &rule.zone).map_err(|bad: BadMoment| BadRule(bad.to_string()))?;
        Ok(rule)
    }

    /// Its days from `from` on, without end.
    pub fn days(&self, from: Date) -> impl Iterator<Item = Date> + '_ {
        from.series(jiff::Span::new().days(1)).filter(|day| self.days.have(*day))
    }

    /// What the clock on the wall shows on a day.
    pub fn on(&self, day: Date) -> DateTime {
        day.to_datetime(self.time)
    }
}

impl Days {
    fn have(&self, day: Date) -> bool {
        match self {
            Self::OfWeek { nth, days } => {
                let weekday = day.weekday();
                let is_nth = |nth| day.nth_weekday_of_month(nth, weekday).is_ok_and(|nth| nth == day);
                days.contains(&weekday.to_monday_one_offset()) && nth.is_none_or(is_nth)
            }
            Self::OfMonth(days) => {
                days.contains(&OfMonth::Day(day.day()))
                    || (days.contains(&OfMonth::Last) && day == day.last_of_month())
            }
        }
    }

    /// `1st tue` is a day of the week, `1st` alone one of the month.
    fn read(words: &[&str]) -> Result<Self, BadRule> {
        let nth = words.first().and_then(|word| NTHS.iter().find(|(name, _)| name == word));
        match (nth, words) {
            (_, [days]) if days.starts_with(|first: char| first.is_ascii_digit()) => Self::of_month(days),
            (_, [days]) => Ok(Self::OfWeek { nth: None, days: weekdays(days)? }),
            (Some((_, nth)), [_, days]) if !days.split(',').any(|day| day == "day") => {
                Ok(Self::OfWeek { nth: Some(*nth), days: weekdays(days)? })
            }
            _ => Self::of_month(&words.join(" ")),
        }
    }

    fn of_month(text: &str) -> Result<Self, BadRule> {
        text.split(',').map(|day| day_of_month(day.trim())).collect::<Result<_, _>>().map(Self::OfMonth)
    }
}

impl FromStr for Rule {
    type Err = BadRule;
    fn from_str(text: &str) -> Result<Self, BadRule> {
        let words: Vec<&str> = text.split_whitespace().collect();
        let [days @ .., time, zone] = &words[..] else { return Err(incomplete()) };
        if days.is_empty() {
            return Err(incomplete());
        }
        let days: Vec<_> = days.iter().map(|word| word.to_lowercase()).collect();
        let days = Days::read(&days.iter().map(String::as_str).collect::<Vec<_>>())?;
        let time = hour_and_minute(time).ok_or_else(|| BadRule("a time looks like 14:00".to_owned()))?;
        Ok(Self { days, time, zone: (*zone).to_owned() })
    }
}

fn incomplete() -> BadRule {
    BadRule("days, a time and a zone are needed".to_owned())
}

/// `14:00`.
pub(super) fn hour_and_minute(text: &str) -> Option<Time> {
    Time::strptime("%H:%M", text).ok()
}

fn weekdays(text: &str) -> Result<BTreeSet<i8>, BadRule> {
    match text {
        "daily" => Ok((1..=7).collect()),
        "weekdays" => Ok((1..=5).collect()),
        named => named.split(',').map(weekday).collect(),
    }
}

fn weekday(text: &str) -> Result<i8, BadRule> {
    let known = DAYS.iter().find(|(name, _)| *name == text);
    known.map(|(_, day)| day.to_monday_one_offset()).ok_or_else(|| {
        BadRule(format!(
            "`{text}` is no day: use mon, tue, wed, thu, fri, sat, sun, weekdays or daily, or a day of the month like 15th or last day"
        ))
    })
}

fn day_of_month(text: &str) -> Result<OfMonth, BadRule> {
    if text == LAST_DAY {
        return Ok(OfMonth::Last);
    }
    (1..=31).find(|day| ordinal(*day) == text).map(OfMonth::Day).ok_or_else(|| {
        BadRule(format!(
            "`{text}` is no day of a month: use 1st to 31st, or last day; of a day of the week there is a 1st, 2nd, 3rd, 4th and last one"
        ))
    })
}

/// `1st`, `22nd`, `13th`.
fn ordinal(day: i8) -> String {
    let end = match (day % 10, day / 10) {
        (_, 1) => "th",
        (1, _) => "st",
        (2, _) => "nd",
        (3, _) => "rd",
        _ => "th",
    };
    format!("{day}{end}")
}

impl fmt::Display for Days {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OfWeek { nth, days } => {
                if let Some((name, _)) = NTHS.iter().find(|(_, known)| Some(*known) == *nth) {
                    write!(f, "{name} ")?;
                }
                let named = DAYS.iter().filter(|(_, day)| days.contains(&day.to_monday_one_offset()));
                let named: Vec<_> = named.map(|(name, _)| *name).collect();
                f.write_str(&if named.len() == 7 { "daily".to_owned() } else { named.join(",") })
            }
            Self::OfMonth(days) => {
                let named = days.iter().map(|day| match day {
                    OfMonth::Day(day) => ordinal(*day),
                    OfMonth::Last => LAST_DAY.to_owned(),
                });
                f.write_str(&named.collect::<Vec<_>>().join(","))
            }
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.days, clock_face(self.time), self.zone)
    }
}

impl From<Rule> for String {
    fn from(rule: Rule) -> Self {
        rule.to_string()
    }
}

impl TryFrom<String> for Rule {
    type Error = BadRule;
    fn try_from(text: String) -> Result<Self, BadRule> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn days(rule: &str, from: &str, count: usize) -> Vec<String> {
        let rule: Rule = rule.parse().unwrap();
        rule.days(from.parse().unwrap()).take(count).map(|day| day.to_string()).collect()
    }

    #[test]
    fn weeks_and_months_have_their_days() {
        assert_eq!(days("tue 14:00 UTC", "2026-12-01", 3), ["2026-12-01", "2026-12-08", "2026-12-15"]);
        assert_eq!(days("mon,Thu 14:00 UTC", "2026-12-01", 3), ["2026-12-03", "2026-12-07", "2026-12-10"]);
        assert_eq!(days("1st tue 14:00 UTC", "2026-12-02", 2), ["2027-01-05", "2027-02-02"]);
        assert_eq!(days("last fri 14:00 UTC", "2026-12-01", 2), ["2026-12-25", "2027-01-29"]);
        assert_eq!(days("daily 14:00 UTC", "2028-02-28", 3), ["2028-02-28", "2028-02-29", "2028-03-01"]);
        assert_eq!(days("weekdays 14:00 UTC", "2026-12-05", 1), ["2026-12-07"]);
    }

    #[test]
    fn days_of_a_month_are_not_days_of_a_week_and_a_month_without_them_is_passed_over() {
        assert_eq!(days("1st 10:00 UTC", "2026-12-02", 2), ["2027-01-01", "2027-02-01"]);
        assert_eq!(days("1st,15th 10:00 UTC", "2026-12-02", 3), ["2026-12-15", "2027-01-01", "2027-01-15"]);
        assert_eq!(days("31st 10:00 UTC", "2027-01-31", 3), ["2027-01-31", "2027-03-31", "2027-05-31"]);
        assert_eq!(days("29th 10:00 UTC", "2027-01-30", 2), ["2027-03-29", "2027-04-29"]);
        assert_eq!(days("last day 10:00 UTC", "2028-01-31", 3), ["2028-01-31", "2028-02-29", "2028-03-31"]);
        assert_eq!(days("15th, Last Day 10:00 UTC", "2027-02-16", 2), ["2027-02-28", "2027-03-15"]);
        // A day that is both is one day.
        assert_eq!(days("30th,last day 10:00 UTC", "2027-04-29", 2), ["2027-04-30", "2027-05-30"]);
    }

    proptest! {
        #[test]
        fn days_of_a_month_are_those_that_a_calendar_shows(
            named in proptest::collection::btree_set(1_i8..=31, 0..5),
            end in any::<bool>(),
            year in 2026_i16..2060,
            month in 1_i8..=12,
            day in 1_i8..=28,
        ) {
            prop_assume!(end || !named.is_empty());
            let last = end.then(|| "last day".to_owned());
            let text = named.iter().map(|day| ordinal(*day)).chain(last).collect::<Vec<_>>().join(",");
            let rule: Rule = format!("{text} 10:00 UTC").parse().unwrap();
            prop_assert_eq!(rule.to_string(), format!("{text} 10:00 UTC"));
            let from = Date::new(year, month, day).unwrap();
            let found: Vec<_> = rule.days(from).take(24).collect();
            // What a calendar shows: month for month, each named day that there is.
            let months = (0..).map(|months| from.first_of_month() + jiff::Span::new().months(months));
            let shown = months.flat_map(|first| {
                let length = first.days_in_month();
                let days = (1..=length).filter(|day| named.contains(day) || (end && *day == length));
                days.map(move |day| Date::new(first.year(), first.month(), day).unwrap()).collect::<Vec<_>>()
            });
            let shown: Vec<_> = shown.filter(|day| *day >= from).take(24).collect();
            prop_assert_eq!(found, shown);
        }

        #[test]
        fn no_text_is_read_in_two_ways(words in proptest::collection::vec(
            prop::sample::select(vec!["1st", "2nd", "5th", "last", "15th", "day", "tue", "mon,fri", "daily", "last day", ",", " "]),
            1..5,
        )) {
            let text = format!("{} 10:00 UTC", words.concat());
            if let Ok(rule) = text.parse::<Rule>() {
                prop_assert_eq!(&rule.to_string().parse::<Rule>().unwrap(), &rule);
                let of_week = ["tue", "mon,fri", "daily"].iter().any(|word| text.contains(word));
                prop_assert_eq!(matches!(rule.days, Days::OfWeek { .. }), of_week, "{}", text);
            }
        }
    }

    #[test]
    fn a_rule_reads_back_as_it_was_written_and_nonsense_is_refused() {
        for text in [
            "tue 14:00 Europe/Berlin",
            "mon,thu 09:30 Asia/Tokyo",
            "last fri 10:00 UTC",
            "daily 00:00 UTC",
            "1st 14:00 UTC",
            "2nd,22nd,23rd,31st 14:00 UTC",
            "15th,last day 09:30 UTC",
        ] {
            assert_eq!(text.parse::<Rule>().unwrap().to_string(), text);
        }
        for text in [
            "",
            "14:00 UTC",
            "tue 14 UTC",
            "tue 25:00 UTC",
            "noday 14:00 UTC",
            "5th tue 14:00 UTC",
            "1st,3rd tue 14:00 UTC",
            "tue, 14:00 UTC",
            "tue,15th 14:00 UTC",
            "15th,tue 14:00 UTC",
            "0th 14:00 UTC",
            "32nd 14:00 UTC",
            "21th 14:00 UTC",
            "15 14:00 UTC",
            "last 14:00 UTC",
            "day 14:00 UTC",
            "1st day 14:00 UTC",
            "1st last day 14:00 UTC",
            "15th, 14:00 UTC",
        ] {
            assert!(text.parse::<Rule>().is_err(), "{text}");
        }
        assert!(Rule::read(jiff::tz::db(), "tue 14:00 Nowhere/Land").is_err());
    }
}
