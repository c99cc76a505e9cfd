//! Every transition of every zone for twenty years: nothing begins at a wrong time, twice, or not at all without a word.

use super::{does, entry, plan};
use gameday::{
    base::{At, Span},
    calendar::{Ask, Calendar, Command, Event, Moment, moment::BadMoment, series::End},
};
use jiff::{
    Timestamp, ToSpan,
    civil::DateTime,
    tz::{TimeZone, TimeZoneDatabase},
};
use std::collections::BTreeSet;

const FROM: &str = "2026-11-21T00:00:00Z";
const UNTIL: &str = "2046-11-21T00:00:00Z";
/// Around a transition, in seconds.
const AROUND: [i64; 13] = [-10_800, -3601, -3600, -1800, -60, -1, 0, 1, 60, 1800, 3599, 3600, 10_800];

fn at(instant: Timestamp) -> At {
    At::from_millis(instant.as_millisecond())
}

/// Every transition with its zone.
fn transitions(zones: &TimeZoneDatabase) -> Vec<(String, TimeZone, Timestamp)> {
    let (from, until): (Timestamp, Timestamp) = (FROM.parse().unwrap(), UNTIL.parse().unwrap());
    let named = zones.available().map(|name| name.to_string());
    named
        .flat_map(|name| {
            let zone = zones.get(&name).unwrap();
            let within: Vec<_> =
                zone.following(from).map(|one| one.timestamp()).take_while(|one| *one < until).collect();
            within.into_iter().map(move |one| (name.clone(), zone.clone(), one))
        })
        .collect()
}

/// Civil times around a transition, as the clocks show them before it and after it, and as they never do.
fn civil_times(zone: &TimeZone, transition: Timestamp) -> BTreeSet<DateTime> {
    let offsets = [zone.to_offset(transition - 1.second()), zone.to_offset(transition)];
    let shown =
        |offset: &jiff::tz::Offset| AROUND.map(|secs| offset.to_datetime(transition + secs.seconds()));
    offsets.iter().flat_map(shown).collect()
}

/// The instants at which the clocks show a civil time, found by asking what they show.
fn instants(zone: &TimeZone, civil: DateTime, transition: Timestamp) -> BTreeSet<Timestamp> {
    let offsets = [transition - 2.hours(), transition + 2.hours()].map(|near| zone.to_offset(near));
    let possible = offsets.map(|offset| offset.to_timestamp(civil).unwrap());
    possible.into_iter().filter(|instant| zone.to_datetime(*instant) == civil).collect()
}

#[test]
fn what_is_planned_around_any_transition_begins_once_when_the_clocks_show_it() {
    let zones = TimeZoneDatabase::bundled();
    let all = transitions(&zones);
    assert!(all.len() > 4000, "{} transitions", all.len());
    let (mut begun, mut missing, mut twice) = (0, 0, 0);
    for (name, zone, transition) in &all {
        for civil in civil_times(zone, *transition) {
            let there = instants(zone, civil, *transition);
            match (Moment::new(&zones, civil, name), there.len()) {
                (Ok(moment), 1) => {
                    assert_eq!(Some(&moment.at), there.first().map(|one| at(*one)).as_ref(), "{moment}");
                    begins_once(&zones, &moment);
                    begun += 1;
                }
                (Err(BadMoment::Missing { .. }), 0) => missing += 1,
                (Err(BadMoment::Twice { .. }), 2) => twice += 1,
                (found, count) => panic!("{civil} {name}: {found:?}, and the clocks show it {count} times"),
            }
        }
    }
    assert!(begun > 50_000 && missing > 5000 && twice > 5000, "{begun} {missing} {twice}");
}

fn begins_once(zones: &TimeZoneDatabase, moment: &Moment) {
    let start = moment.at;
    let now = start - Span::from_mins(300);
    let mut calendar = Calendar::default();
    does(&mut calendar, zones, now, &plan(entry(zones, "s-one", Ask::At(moment.clone()), now)));
    let mut seen = Vec::new();
    for before in [18_000, 10_800, 7200, 3600, 101] {
        seen.extend(does(&mut calendar, zones, start - Span::from_secs(before), &Command::Tick));
    }
    assert_eq!(seen, [], "{moment}");
    seen.extend(does(&mut calendar, zones, start - Span::from_secs(100), &Command::Tick));
    for after in [0, 1, 60, 61, 3600, 7200, 10_800, 90_000] {
        seen.extend(does(&mut calendar, zones, start + Span::from_secs(after), &Command::Tick));
    }
    assert!(matches!(&seen[..], [Event::Begun { start: told, .. }] if *told == start), "{moment}: {seen:?}");
}

#[test]
fn a_series_over_any_transition_has_each_day_once() {
    let zones = TimeZoneDatabase::bundled();
    let mut skipped = 0;
    for (name, zone, transition) in transitions(&zones) {
        let shown = [-1800_i64, 0, 1800].map(|secs| {
            zone.to_offset(transition - 1.second()).to_datetime(transition + secs.seconds()).time()
        });
        let times: BTreeSet<String> = shown.iter().map(|time| time.strftime("%H:%M").to_string()).collect();
        for time in times {
            skipped += each_day_once(&zones, &zone, &format!("daily {time} {name}"), transition);
        }
    }
    assert!(skipped > 5000, "{skipped}");
}

/// Lives through four days; gives how many were skipped.
fn each_day_once(zones: &TimeZoneDatabase, zone: &TimeZone, rule: &str, transition: Timestamp) -> usize {
    let mut now = at(transition - 49.hours());
    let until = at(transition + 50.hours());
    let mut calendar = Calendar::default();
    does(
        &mut calendar,
        zones,
        now,
        &plan(entry(zones, "s-day", Ask::Every(rule.parse().unwrap(), End::Never), now)),
    );
    let first = calendar.upcoming(zones, 1)[0].day;
    let mut days = Vec::new();
    let mut skips = 0;
    let mut last = None;
    while now < until {
        now = calendar.upcoming(zones, 1)[0].order - Span::from_secs(30);
        for event in does(&mut calendar, zones, now, &Command::Tick) {
            match event {
                Event::Begun { day, start, .. } => {
                    let shown = zone.to_datetime(Timestamp::from_millisecond(start.millis()).unwrap());
                    assert_eq!(shown.date(), day, "{rule}");
                    assert_eq!(instants(zone, shown, transition).len(), 1, "{rule}: {shown} comes twice");
                    assert!(rule.contains(&shown.strftime("%H:%M").to_string()), "{rule}: {shown}");
                    assert!(last < Some(start), "{rule}: {start} after {last:?}");
                    last = Some(start);
                    days.push(day);
                }
                Event::Skipped { day, .. } => {
                    let civil = format!("{day}T{}", rule.split(' ').nth(1).unwrap()).parse().unwrap();
                    assert_ne!(instants(zone, civil, transition).len(), 1, "{rule}: {day} was there");
                    skips += 1;
                    days.push(day);
                }
                other => panic!("{rule}: {other:?}"),
            }
        }
    }
    assert!(days.len() >= 4, "{rule}: {days:?}");
    let each = first.series(1.day()).take(days.len());
    assert!(each.eq(days.iter().copied()), "{rule}: {days:?} from {first}");
    skips
}

/// A zone that is this much ahead of UTC for ever, as zone databases write it.
fn fixed(hours: i32) -> Vec<u8> {
    let mut file = b"TZif\0".to_vec();
    file.extend([0; 15]);
    // Indicators, leap seconds, transitions: none. One type, four letters.
    for count in [0_u32, 0, 0, 0, 1, 4] {
        file.extend(count.to_be_bytes());
    }
    file.extend((hours * 3600).to_be_bytes());
    file.extend([0, 0]);
    file.extend(b"ZZZ\0");
    file
}

#[test]
fn when_a_government_moves_its_clocks_the_civil_time_stays_and_that_is_told() {
    let with = |hours: i32| {
        let folder = crate::cli::folder();
        std::fs::create_dir_all(folder.path().join("Europe")).unwrap();
        std::fs::write(folder.path().join("Europe/Berlin"), fixed(hours)).unwrap();
        let zones = TimeZoneDatabase::from_dir(folder.path()).unwrap();
        let moment = Moment::read(&zones, "2026-12-01 18:00 Europe/Berlin").unwrap();
        (folder, zones, moment)
    };
    let ((_one, old, planned), (_two, new, moment)) = (with(1), with(3));
    let now = super::NOW - Span::from_mins(60);
    let mut calendar = Calendar::default();
    does(&mut calendar, &old, now, &plan(entry(&old, "s-one", Ask::At(planned.clone()), now)));
    assert_eq!(does(&mut calendar, &old, now, &Command::Tick), []);
    let told = does(&mut calendar, &new, now, &Command::Tick);
    assert!(matches!(&told[..], [Event::Shifted { to, .. }] if *to == moment), "{told:?}");
    assert_eq!(planned.at.since(moment.at), Span::from_mins(120));
    assert_eq!(does(&mut calendar, &new, now, &Command::Tick), []);
    let begun = does(&mut calendar, &new, moment.at, &Command::Tick);
    assert!(matches!(&begun[..], [Event::Begun { start, .. }] if *start == moment.at), "{begun:?}");
}
