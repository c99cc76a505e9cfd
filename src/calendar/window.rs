//! A surprise: some moment in the business hours of a week, drawn by the seed.

use super::{
    moment::{Moment, near, only_instant, zone_of},
    rule::hour_and_minute,
};
use crate::{base::At, seed::Seed};
use jiff::{
    civil::{Date, ISOWeekDate, Time, Weekday},
    tz::TimeZoneDatabase,
};
use rand::RngExt;
use serde::{Deserialize, Serialize};
use std::fmt;

/// When a surprise may begin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// The Monday of its week.
    pub monday: Date,
    /// The zone's IANA name.
    pub zone: String,
    /// From this time of each working day ..
    pub from: Time,
    /// .. and before this one.
    pub to: Time,
    /// Days of the week on which nobody works; Saturday and Sunday are such days already.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub holidays: Vec<Date>,
}

/// Why this is no window. Completes "could not understand `..`".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadWindow(String);

impl Window {
    /// Reads `2026-W50 Europe/Berlin` and hours like `09:00-17:00`.
    pub fn read(
        zones: &TimeZoneDatabase,
        week: &str,
        hours: &str,
        holidays: Vec<Date>,
    ) -> Result<Self, BadWindow> {
        let bad = |why: &str| BadWindow(why.to_owned());
        let (named, zone) = week.trim().split_once(' ').ok_or_else(|| bad("a week and a zone are needed"))?;
        let monday = monday_of(named).ok_or_else(|| bad("a week looks like 2026-W50"))?;
        let zone = zone.trim();
        zone_of(zones, zone).map_err(|unknown| BadWindow(unknown.to_string()))?;
        let hours = hours
            .split_once('-')
            .and_then(|(from, to)| Some((hour_and_minute(from.trim())?, hour_and_minute(to.trim())?)));
        let (from, to) = hours
            .filter(|(from, to)| from < to)
            .ok_or_else(|| bad("hours look like 09:00-17:00, the earlier one first"))?;
        Ok(Self { monday, zone: zone.to_owned(), from, to, holidays })
    }

    /// The moment that this seed draws: any minute of the window after `after`. Nothing when none is left.
    pub fn draw(&self, zones: &TimeZoneDatabase, seed: Seed, after: At) -> Option<Moment> {
        let zone = zone_of(zones, &self.zone).ok()?;
        let minutes = self.working().flat_map(|day| {
            let first = day.to_datetime(self.from);
            first
                .series(jiff::Span::new().minutes(1))
                .take_while(move |civil| *civil < day.to_datetime(self.to))
        });
        // A minute that is missing, or there twice, is no minute to begin at.
        let possible: Vec<_> = minutes
            .filter_map(|civil| {
                let at = only_instant(&zone, &self.zone, civil).ok().filter(|at| *at > after)?;
                Some(Moment { civil, zone: self.zone.clone(), at })
            })
            .collect();
        let drawn =
            (!possible.is_empty()).then(|| seed.stream("surprise").random_range(0..possible.len()))?;
        possible.into_iter().nth(drawn)
    }
}

impl Window {
    /// The beginning of its first hours, whatever is drawn.
    pub fn begins(&self, zones: &TimeZoneDatabase) -> At {
        let first = self.working().next().unwrap_or(self.monday).to_datetime(self.from);
        zone_of(zones, &self.zone).map_or(At::from_millis(i64::MAX), |zone| near(&zone, first))
    }

    /// Its days on which somebody works.
    fn working(&self) -> impl Iterator<Item = Date> + '_ {
        let week = self.monday.series(jiff::Span::new().days(1)).take(5);
        week.filter(|day| !self.holidays.contains(day))
    }
}

/// The Monday of `2026-W50`.
fn monday_of(text: &str) -> Option<Date> {
    let (year, week) = text.split_once("-W")?;
    let day = ISOWeekDate::new(year.parse().ok()?, week.parse().ok()?, Weekday::Monday).ok()?;
    Some(day.date())
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use super::moment::clock_face;
        let (from, to) = (clock_face(self.from), clock_face(self.to));
        write!(f, "a surprise in the week of {}, {from} to {to} {}", self.monday, self.zone)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::tz::db;
    use proptest::prelude::*;

    fn window(hours: &str, holidays: &[&str]) -> Result<Window, BadWindow> {
        let holidays = holidays.iter().map(|day| day.parse().unwrap()).collect();
        Window::read(db(), "2026-W50 Europe/Berlin", hours, holidays)
    }

    proptest! {
        #[test]
        fn a_surprise_is_in_its_hours_and_the_same_for_every_reader(seed in any::<u64>()) {
            let window = window("09:00-17:00", &["2026-12-08"]).unwrap();
            let drawn = window.draw(db(), Seed(seed), At::from_millis(0)).unwrap();
            prop_assert_eq!(window.draw(db(), Seed(seed), At::from_millis(0)), Some(drawn.clone()));
            let (day, hour) = (drawn.civil.date(), drawn.civil.hour());
            prop_assert!((9..17).contains(&hour), "{}", drawn);
            let allowed = ["2026-12-07", "2026-12-09", "2026-12-10", "2026-12-11"];
            prop_assert!(allowed.contains(&day.to_string().as_str()), "{}", drawn);
            prop_assert_eq!(Moment::new(db(), drawn.civil, &drawn.zone), Ok(drawn));
        }
    }

    #[test]
    fn all_of_a_window_can_be_drawn_and_what_has_passed_cannot() {
        let window =
            window("09:00-09:02", &["2026-12-07", "2026-12-08", "2026-12-09", "2026-12-10"]).unwrap();
        let drawn = |after: At| -> std::collections::BTreeSet<_> {
            (0..64)
                .filter_map(|seed| window.draw(db(), Seed(seed), after))
                .map(|one| one.to_string())
                .collect()
        };
        let both: Vec<_> = drawn(At::from_millis(0)).into_iter().collect();
        assert_eq!(both, ["2026-12-11 09:00 Europe/Berlin", "2026-12-11 09:01 Europe/Berlin"]);
        let first = Moment::read(db(), &both[0]).unwrap();
        assert_eq!(drawn(first.at).into_iter().collect::<Vec<_>>(), both[1..]);
        assert!(drawn(Moment::read(db(), &both[1]).unwrap().at).is_empty());
    }

    #[test]
    fn nonsense_is_refused() {
        assert!(window("17:00-09:00", &[]).is_err() && window("9-17", &[]).is_err());
        for week in ["2026-W50", "2026-W54 UTC", "2026-50 UTC", "week UTC", "2026-W50 Nowhere/Land"] {
            assert!(Window::read(db(), week, "09:00-17:00", Vec::new()).is_err(), "{week}");
        }
    }
}
