//! A moment as people plan it: a civil time in a zone, and the instant that it means.

use crate::base::At;
use jiff::{
    Timestamp,
    civil::DateTime,
    tz::{AmbiguousOffset, TimeZone, TimeZoneDatabase},
};
use serde::{Deserialize, Serialize};
use std::fmt;

/// A civil time in a zone with its instant. The civil time is what counts: when a government moves its clocks, the instant
/// follows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moment {
    /// What the clock on the wall shows.
    pub civil: DateTime,
    /// The zone's IANA name.
    pub zone: String,
    /// The instant, as the zone's rules were when it was planned or last looked at.
    pub at: At,
}

/// Why there is no such moment. Completes "could not understand the time `..`".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadMoment {
    /// The text has another shape.
    #[error("{0}")]
    Shape(String),
    /// The zone is not in the database.
    #[error("there is no zone `{0}`")]
    Zone(String),
    /// The clocks leap over it.
    #[error("the clocks of {zone} are put forward then: this time does not exist")]
    Missing {
        /// The zone.
        zone: String,
    },
    /// The clocks show it twice.
    #[error("the clocks of {zone} are put back then: this time exists twice")]
    Twice {
        /// The zone.
        zone: String,
    },
}

/// The zone of this name.
pub(super) fn zone_of(zones: &TimeZoneDatabase, name: &str) -> Result<TimeZone, BadMoment> {
    zones.get(name).map_err(|_| BadMoment::Zone(name.chars().take(80).collect()))
}

/// The only instant of a civil time.
pub(super) fn only_instant(zone: &TimeZone, name: &str, civil: DateTime) -> Result<At, BadMoment> {
    let found = zone.to_ambiguous_timestamp(civil);
    let zone = name.to_owned();
    match found.offset() {
        AmbiguousOffset::Unambiguous { .. } => {}
        AmbiguousOffset::Gap { .. } => return Err(BadMoment::Missing { zone }),
        AmbiguousOffset::Fold { .. } => return Err(BadMoment::Twice { zone }),
    }
    found.unambiguous().map(at_of).map_err(|error| BadMoment::Shape(error.to_string()))
}

/// An instant near a civil time, also where that is missing or double: for what only needs the order of things.
pub(super) fn near(zone: &TimeZone, civil: DateTime) -> At {
    zone.to_ambiguous_timestamp(civil).compatible().map_or(At::from_millis(i64::MAX), at_of)
}

/// What the clocks of a zone show.
pub(super) fn civil_of(zone: &TimeZone, at: At) -> DateTime {
    Timestamp::from_millisecond(at.millis()).map_or(DateTime::MAX, |at| zone.to_datetime(at))
}

fn at_of(instant: Timestamp) -> At {
    At::from_millis(instant.as_millisecond())
}

impl Moment {
    /// The moment of a civil time; one that is missing in its zone, or exists twice, is refused.
    pub fn new(zones: &TimeZoneDatabase, civil: DateTime, zone: &str) -> Result<Self, BadMoment> {
        let at = only_instant(&zone_of(zones, zone)?, zone, civil)?;
        Ok(Self { civil, zone: zone.to_owned(), at })
    }

    /// An instant, told in UTC.
    pub fn utc(at: At) -> Self {
        Self { civil: civil_of(&TimeZone::UTC, at), zone: "UTC".to_owned(), at }
    }

    /// Reads `2026-12-01 14:00 Europe/Berlin`, or RFC 3339.
    pub fn read(zones: &TimeZoneDatabase, text: &str) -> Result<Self, BadMoment> {
        if let Ok(at) = At::try_from(text.to_owned()) {
            return Ok(Self::utc(at));
        }
        let (civil, zone) = text
            .trim()
            .rsplit_once(' ')
            .ok_or_else(|| BadMoment::Shape("a day, a time and a zone are needed".to_owned()))?;
        let civil = civil.trim().replacen(' ', "T", 1).parse();
        let civil = civil.map_err(|error: jiff::Error| BadMoment::Shape(error.to_string()))?;
        Self::new(zones, civil, zone)
    }

    /// The same civil time by the zone's rules as they are now; nothing when these leave it no instant of its own, and the
    /// one that was told stands.
    pub fn again(&self, zones: &TimeZoneDatabase) -> Option<Self> {
        Self::new(zones, self.civil, &self.zone).ok()
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.civil.date(), clock_face(self.civil.time()), self.zone)
    }
}

/// `14:00`, and seconds where there are some.
pub(super) fn clock_face(time: jiff::civil::Time) -> String {
    let whole = time.second() == 0 && time.subsec_nanosecond() == 0;
    if whole { format!("{:02}:{:02}", time.hour(), time.minute()) } else { time.to_string() }
}
