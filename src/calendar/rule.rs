//! A series: the days on which something is planned again and again, at one civil time.

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

/// `tue 14:00 Europe/Berlin`, `mon,thu 09:30 Asia/Tokyo`, `1st tue 14:00 Europe/Berlin`, `last fri 10:00 UTC`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Rule {
    /// Which one of a month; nothing: every week.
    nth: Option<i8>,
    /// Days of the week, Monday first.
    days: BTreeSet<i8>,
    /// What the clock on the wall shows.
    pub time: Time,
    /// The zone's IANA name.
    pub zone: String,
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
        from.series(jiff::Span::new().days(1)).filter(|day| self.has(*day))
    }

    /// What the clock on the wall shows on a day.
    pub fn on(&self, day: Date) -> DateTime {
        day.to_datetime(self.time)
    }

    fn has(&self, day: Date) -> bool {
        let weekday = day.weekday();
        self.days.contains(&weekday.to_monday_one_offset())
            && self.nth.is_none_or(|nth| day.nth_weekday_of_month(nth, weekday).is_ok_and(|nth| nth == day))
    }
}

impl FromStr for Rule {
    type Err = BadRule;
    fn from_str(text: &str) -> Result<Self, BadRule> {
        let bad = |why: &str| BadRule(why.to_owned());
        let mut words: Vec<&str> = text.split_whitespace().collect();
        let named = |word: &str| NTHS.iter().find(|(name, _)| *name == word).map(|(_, nth)| *nth);
        let nth = words.first().and_then(|word| named(word));
        if nth.is_some() {
            words.remove(0);
        }
        let [days, time, zone] = words[..] else {
            return Err(bad("days, a time and a zone are needed"));
        };
        let days = match days {
            "daily" => (1..=7).collect(),
            "weekdays" => (1..=5).collect(),
            named => named.split(',').map(weekday).collect::<Result<BTreeSet<_>, _>>()?,
        };
        let time = hour_and_minute(time).ok_or_else(|| bad("a time looks like 14:00"))?;
        Ok(Self { nth, days, time, zone: zone.to_owned() })
    }
}

/// `14:00`.
pub(super) fn hour_and_minute(text: &str) -> Option<Time> {
    Time::strptime("%H:%M", text).ok()
}

fn weekday(text: &str) -> Result<i8, BadRule> {
    let known = DAYS.iter().find(|(name, _)| *name == text.to_lowercase());
    known.map(|(_, day)| day.to_monday_one_offset()).ok_or_else(|| {
        BadRule(format!("`{text}` is no day: use mon, tue, wed, thu, fri, sat, sun, weekdays or daily"))
    })
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((name, _)) = NTHS.iter().find(|(_, nth)| Some(*nth) == self.nth) {
            write!(f, "{name} ")?;
        }
        let named = DAYS.iter().filter(|(_, day)| self.days.contains(&day.to_monday_one_offset()));
        let named: Vec<_> = named.map(|(name, _)| *name).collect();
        let days = if named.len() == 7 { "daily".to_owned() } else { named.join(",") };
        write!(f, "{days} {} {}", clock_face(self.time), self.zone)
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
    fn a_rule_reads_back_as_it_was_written_and_nonsense_is_refused() {
        for text in
            ["tue 14:00 Europe/Berlin", "mon,thu 09:30 Asia/Tokyo", "last fri 10:00 UTC", "daily 00:00 UTC"]
        {
            assert_eq!(text.parse::<Rule>().unwrap().to_string(), text);
        }
        for text in [
            "",
            "14:00 UTC",
            "tue 14 UTC",
            "tue 25:00 UTC",
            "noday 14:00 UTC",
            "5th tue 14:00 UTC",
            "tue, 14:00 UTC",
        ] {
            assert!(text.parse::<Rule>().is_err(), "{text}");
        }
        assert!(Rule::read(jiff::tz::db(), "tue 14:00 Nowhere/Land").is_err());
    }
}
