//! The calendar: what is planned begins exactly once, at its time, or is told as missed.

mod busy;
mod crash;
pub(crate) mod invited;
pub(crate) mod mailed;
mod post;
mod served;
mod zones;

use gameday::{
    base::{
        At, EntryId, Person, Span,
        book::{Fold as _, Note as _},
    },
    calendar::{
        Ask, Calendar, Command, Entry, Event, Moment, Noted, Side, SignUp, Wanted, series::End,
        window::Window,
    },
    seed::Seed,
};
use jiff::tz::TimeZoneDatabase;
use std::path::PathBuf;

/// 2026-12-01T13:00:00Z.
pub(crate) const NOW: At = At::from_millis(1_796_130_000_000);

pub(crate) fn ina() -> Person {
    "ina".parse().unwrap()
}

/// Something for the calendar; each has a target of its own.
pub(crate) fn entry(zones: &TimeZoneDatabase, name: &str, ask: Ask, now: At) -> Entry {
    let seed = Seed(7);
    Entry {
        needs: None,
        planner: None,
        id: name.parse().unwrap(),
        when: ask.settle(zones, seed, now).unwrap(),
        wanted: Wanted { scenario: "pool-shrink".into(), ..Wanted::default() },
        title: "The pool".into(),
        family: None,
        target: format!("target-of-{name}"),
        lead: Span::from_secs(20),
        limit: Span::from_mins(60),
        seed,
        uid: None,
    }
}

pub(crate) fn plan(entry: Entry) -> Command {
    Command::Plan { entry: Box::new(entry), by: ina() }
}

/// Decides and applies.
pub(crate) fn does(
    calendar: &mut Calendar,
    zones: &TimeZoneDatabase,
    at: At,
    command: &Command,
) -> Vec<Event> {
    let events = calendar.decide(zones, at, command).unwrap_or_else(|no| panic!("{no}"));
    for event in &events {
        calendar.apply(&Noted { seq: calendar.next_seq(), at, event: event.clone() });
    }
    events
}

fn id(name: &str) -> EntryId {
    name.parse().unwrap()
}

/// A seed has 32 bits: whoever knows what it has made can try them all, and would know the moment of a surprise.
#[test]
fn no_name_that_people_see_is_made_of_the_seed_that_draws_a_surprise() {
    let zones = jiff::tz::db();
    let ask = || {
        let window = Window::read(zones, "2099-W10 UTC", "09:00-17:00", Vec::new()).unwrap();
        Ask::Window(window)
    };
    let drawn_by = |seed: u64| {
        let when = ask().settle(zones, Seed(seed), NOW).unwrap();
        let entry = entry(zones, "s-one", ask(), NOW);
        Entry { seed: Seed(seed), when, uid: Some("letters".into()), ..entry }
    };
    let (one, other) = (drawn_by(1), drawn_by(2));
    assert_ne!(one.when, other.when);
    let day = one.only_day().unwrap();
    assert_eq!(one.drill(day), other.drill(day));
    assert_ne!(one.drill(day), Entry { uid: Some("others".into()), ..one.clone() }.drill(day));
}

/// The corpus of stored calendars: what any released version has written must read for ever.
#[test]
fn a_calendar_that_was_stored_is_read_for_ever() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/calendar-v1/every-kind.jsonl");
    let text = std::fs::read_to_string(path).unwrap();
    let mut kinds = std::collections::BTreeSet::new();
    let mut calendar = Calendar::default();
    for (seq, line) in (0..).zip(text.lines()) {
        let stored: serde_json::Value = serde_json::from_str(line).unwrap();
        let (kind, data) = (stored["kind"].as_str().unwrap(), stored["data"].to_string());
        let event = Event::of_parts(kind, &data).unwrap_or_else(|bad| panic!("{bad}: {line}"));
        let written = event.parts();
        assert_eq!((written.0.as_str(), &written.1), (kind, &data), "it is written as it was");
        kinds.insert(written.0);
        calendar.apply(&Noted { seq, at: NOW, event });
    }
    assert_eq!(kinds.len(), 11, "every kind is there: {kinds:?}");
    let open = calendar.upcoming(jiff::tz::db(), 1);
    let wanted = &open[0].wanted;
    let told = serde_json::json!([wanted.responders, wanted.instigators, wanted.trainers, wanted.observers]);
    assert_eq!(told, serde_json::json!([["cem"], ["ina"], ["tom"], ["oda", "ben"]]));
    assert_eq!(wanted.roster_anyway.as_deref(), Some("cem leads the second half"));
    // What calendars of before there were ends say of a series, and what later ones do.
    let series: Vec<_> = ["s-series", "s-halves"]
        .map(|name| calendar.entry(&id(name)).unwrap())
        .map(|entry| format!("{} {:?}", entry.when, entry.wanted.variant))
        .into();
    assert_eq!(
        series,
        [
            "every tue 14:00 Europe/Berlin None",
            "every 15th,last day 14:00 Europe/Berlin, until 2099-06-30 Some(\"late\")"
        ]
    );
    let blue = open.iter().find(|one| one.entry.id.as_str() == "s-blue").unwrap();
    assert_eq!(blue.wanted.instigators, ["ina".parse().unwrap()], "who has planned it runs it");
    assert!(blue.wanted.code_blue && blue.wanted.shifts.len() == 2);
    let past: Vec<_> = calendar
        .past(jiff::tz::db())
        .iter()
        .map(|one| format!("{} {} {:?}", one.entry.id, one.day, one.state))
        .collect();
    assert_eq!(past.join("\n"), PAST.trim());
}

const PAST: &str = r#"
s-series 2026-12-01 Begun { start: At(1796130000000), soon: false }
s-moved 2026-12-01 Begun { start: At(1796220000000), soon: true }
s-surprise 2026-12-07 Missed { start: At(1796632860000) }
s-series 2026-12-08 Failed("the target is busy")
s-series 2026-12-15 Cancelled
s-series 2027-03-30 Skipped("the clocks of Europe/Berlin are put forward then: this time does not exist")
"#;

#[test]
fn what_was_begun_is_not_moved_and_what_is_over_is_not_called_off() {
    let zones = jiff::tz::db();
    let mut calendar = Calendar::default();
    let moment = |text: &str| Moment::read(zones, text).unwrap();
    let ask = Ask::At(moment("2026-12-01 16:00 Europe/Berlin"));
    does(&mut calendar, zones, NOW, &plan(entry(zones, "s-one", ask.clone(), NOW)));
    let day = "2026-12-01".parse().unwrap();
    let refused = |calendar: &Calendar, at: At, command: Command| {
        calendar.decide(zones, at, &command).unwrap_err().code()
    };
    let moved = |to: &str| Command::Move { entry: id("s-one"), day: None, to: moment(to), by: ina() };
    let cancel = |day| Command::Cancel { entry: id("s-one"), day, by: ina() };
    assert_eq!(refused(&calendar, NOW, moved("2026-12-01 14:00 Europe/Berlin")), "bad-time");
    assert_eq!(refused(&calendar, NOW, plan(entry(zones, "s-one", ask.clone(), NOW))), "taken");
    let mut other = entry(zones, "s-two", Ask::At(moment("2026-12-01 16:30 Europe/Berlin")), NOW);
    other.target = "target-of-s-one".into();
    assert_eq!(refused(&calendar, NOW, plan(other.clone())), "target-busy");
    does(&mut calendar, zones, NOW, &moved("2026-12-02 10:00 Europe/Berlin"));
    does(&mut calendar, zones, NOW, &plan(other));

    let start = moment("2026-12-02 10:00 Europe/Berlin").at;
    does(&mut calendar, zones, start - Span::from_secs(100), &cancel(Some("2026-12-01".parse().unwrap())));
    assert_eq!(refused(&calendar, start, cancel(None)), "is-over");
    let mut calendar = Calendar::default();
    does(&mut calendar, zones, NOW, &plan(entry(zones, "s-one", ask, NOW)));
    let soon = Command::StartNow { entry: id("s-one"), day: None, by: ina() };
    does(&mut calendar, zones, NOW, &soon);
    let begun = does(&mut calendar, zones, NOW, &Command::Tick);
    assert!(matches!(begun[..], [Event::Begun { soon: true, start: NOW, .. }]), "{begun:?}");
    for command in [moved("2026-12-02 10:00 Europe/Berlin"), soon, cancel(None), cancel(Some(day))] {
        assert_eq!(refused(&calendar, NOW, command), "not-planned");
    }
    assert_eq!(refused(&calendar, NOW, Command::Lost { entry: id("s-one"), day }), "not-lost");
    assert_eq!(
        refused(&calendar, NOW, Command::Cancel { entry: id("s-none"), day: None, by: ina() }),
        "no-such-entry"
    );
}

#[test]
fn one_day_of_a_series_is_moved_and_called_off_without_the_others() {
    let zones = jiff::tz::db();
    let mut calendar = Calendar::default();
    let rule = "tue 14:00 Europe/Berlin".parse().unwrap();
    does(&mut calendar, zones, NOW, &plan(entry(zones, "s-tue", Ask::Every(rule, End::Never), NOW)));
    let upcoming = |calendar: &Calendar| -> Vec<_> {
        calendar.upcoming(zones, 3).iter().map(|one| format!("{} at {}", one.day, one.told())).collect()
    };
    // NOW is the first one's own moment: it has passed.
    assert_eq!(upcoming(&calendar)[0], "2026-12-08 at 2026-12-08 14:00 Europe/Berlin");
    let (first, second) = ("2026-12-08".parse().unwrap(), "2026-12-15".parse().unwrap());
    let to = Moment::read(zones, "2026-12-17 09:00 Europe/Berlin").unwrap();
    let moved = |day| Command::Move { entry: id("s-tue"), day, to: to.clone(), by: ina() };
    assert_eq!(calendar.decide(zones, NOW, &moved(None)).unwrap_err().code(), "which-day");
    assert_eq!(
        calendar.decide(zones, NOW, &moved(Some("2026-12-09".parse().unwrap()))).unwrap_err().code(),
        "no-such-day"
    );
    does(&mut calendar, zones, NOW, &moved(Some(first)));
    does(&mut calendar, zones, NOW, &Command::Cancel { entry: id("s-tue"), day: Some(second), by: ina() });
    assert_eq!(
        upcoming(&calendar),
        [
            "2026-12-08 at 2026-12-17 09:00 Europe/Berlin",
            "2026-12-22 at 2026-12-22 14:00 Europe/Berlin",
            "2026-12-29 at 2026-12-29 14:00 Europe/Berlin"
        ]
    );
    assert_eq!(does(&mut calendar, zones, to.at - Span::from_secs(100), &Command::Tick).len(), 1);
    does(&mut calendar, zones, NOW, &Command::Cancel { entry: id("s-tue"), day: None, by: ina() });
    assert_eq!(upcoming(&calendar), [""; 0]);
    assert_eq!(does(&mut calendar, zones, to.at + Span::from_mins(60 * 24 * 90), &Command::Tick), []);
}

#[test]
fn a_series_takes_place_until_its_last_day_and_is_then_at_its_end() {
    let zones = jiff::tz::db();
    let mut calendar = Calendar::default();
    let rule: gameday::calendar::rule::Rule = "15th,last day 14:00 Europe/Berlin".parse().unwrap();
    let ask = |end| Ask::Every(rule.clone(), end);
    does(&mut calendar, zones, NOW, &plan(entry(zones, "s-three", ask(End::Times(3)), NOW)));
    does(&mut calendar, zones, NOW, &plan(entry(zones, "s-ever", ask(End::Never), NOW)));
    let until = End::Until("2027-01-31".parse().unwrap());
    does(&mut calendar, zones, NOW, &plan(entry(zones, "s-until", ask(until), NOW)));
    let of = |calendar: &Calendar, name: &str| -> Vec<String> {
        let all = calendar.upcoming(zones, 5);
        let all = all.iter().filter(|one| one.entry.id == id(name));
        all.map(|one| one.day.to_string()).collect()
    };
    assert_eq!(of(&calendar, "s-three"), ["2026-12-15", "2026-12-31", "2027-01-15"]);
    assert_eq!(of(&calendar, "s-until"), ["2026-12-15", "2026-12-31", "2027-01-15", "2027-01-31"]);
    assert_eq!(of(&calendar, "s-ever").len(), 5);
    let fourth = Some("2027-01-31".parse().unwrap());
    let cancel = |name, day| Command::Cancel { entry: id(name), day, by: ina() };
    let no = calendar.decide(zones, NOW, &cancel("s-three", fourth)).unwrap_err();
    assert_eq!(no.code(), "no-such-day");

    // Each of its days begins, one is called off, and nothing comes after the last.
    does(&mut calendar, zones, NOW, &cancel("s-three", Some("2026-12-31".parse().unwrap())));
    let ended = |calendar: &Calendar| -> Vec<String> {
        calendar.ended(zones).iter().map(|entry| entry.id.to_string()).collect()
    };
    let mut begun = Vec::new();
    for day in 0..80 {
        assert_eq!(ended(&calendar).contains(&"s-three".to_owned()), begun.len() == 2, "{begun:?}");
        let noon = Moment::read(zones, "2026-12-02 14:00 Europe/Berlin").unwrap().at;
        let now = noon + Span::from_mins(60 * 24 * day);
        for event in does(&mut calendar, zones, now, &Command::Tick) {
            match event {
                Event::Begun { entry, day, .. } if entry == id("s-three") => begun.push(day.to_string()),
                Event::Begun { .. } => {}
                other => panic!("{other:?}"),
            }
        }
    }
    assert_eq!(begun, ["2026-12-15", "2027-01-15"]);
    assert_eq!(ended(&calendar), ["s-three", "s-until"]);
    let later = NOW + Span::from_mins(60 * 24 * 90);
    let no = calendar.decide(zones, later, &cancel("s-three", None)).unwrap_err();
    assert_eq!((no.code(), no.to_string().as_str()), ("is-over", "nothing of s-three is to come"));
    // What was called off as a whole did not come to its end.
    does(&mut calendar, zones, NOW, &cancel("s-ever", None));
    assert_eq!(ended(&calendar), ["s-three", "s-until"]);
}

#[test]
fn people_sign_up_and_withdraw_until_a_drill_begins() {
    let zones = jiff::tz::db();
    let mut calendar = Calendar::default();
    let rule = "tue 14:00 Europe/Berlin".parse().unwrap();
    let mut series = entry(zones, "s-tue", Ask::Every(rule, End::Never), NOW);
    series.wanted.responders = vec!["ana".parse().unwrap()];
    does(&mut calendar, zones, NOW, &plan(series));
    let (first, second): (jiff::civil::Date, _) =
        ("2026-12-08".parse().unwrap(), "2026-12-15".parse().unwrap());
    let sign_up = |person: &str, side, day| {
        let (entry, person) = (id("s-tue"), person.parse().unwrap());
        Command::SignUp(SignUp { entry, day, person, side, anyway: None, by: ina() })
    };
    let withdraw = |person: &str, day| {
        let (entry, person) = (id("s-tue"), person.parse().unwrap());
        Command::Withdraw { entry, day, person, by: ina() }
    };
    let people = |calendar: &Calendar| -> Vec<_> {
        let days = calendar.upcoming(zones, 2);
        let of = |side| {
            move |one: &gameday::calendar::Occurrence<'_>| {
                one.wanted.of(side).iter().map(|one| one.as_str().to_owned()).collect::<Vec<_>>().join(" ")
            }
        };
        days.iter().map(|one| (of(Side::Responder)(one), of(Side::Observer)(one))).collect()
    };
    let refused =
        |calendar: &Calendar, command: Command| calendar.decide(zones, NOW, &command).unwrap_err().code();
    assert_eq!(refused(&calendar, sign_up("ben", Side::Responder, None)), "which-day");
    does(&mut calendar, zones, NOW, &sign_up("ben", Side::Responder, Some(first)));
    does(&mut calendar, zones, NOW, &sign_up("oda", Side::Observer, Some(first)));
    does(&mut calendar, zones, NOW, &withdraw("ana", Some(second)));
    let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
    assert_eq!(people(&calendar), [pair("ana ben", "oda"), pair("", "")]);

    // Nobody is on two sides, and nothing is written twice.
    assert_eq!(refused(&calendar, sign_up("ben", Side::Instigator, Some(first))), "other-side");
    assert_eq!(refused(&calendar, sign_up("ana", Side::Observer, Some(first))), "other-side");
    assert_eq!(refused(&calendar, withdraw("cem", Some(first))), "not-signed-up");
    assert_eq!(does(&mut calendar, zones, NOW, &sign_up("ben", Side::Responder, Some(first))), []);

    // Whoever withdraws can come back, and what begins has the people of its day.
    does(&mut calendar, zones, NOW, &withdraw("ben", Some(first)));
    does(&mut calendar, zones, NOW, &sign_up("ben", Side::Instigator, Some(first)));
    let start = calendar.upcoming(zones, 1)[0].moment.clone().unwrap().at;
    does(&mut calendar, zones, start - Span::from_secs(100), &Command::Tick);
    let due = calendar.begun().next().unwrap();
    assert_eq!(due.entry.wanted.responders, ["ana".parse().unwrap()]);
    assert_eq!(due.entry.wanted.instigators, ["ben".parse().unwrap()]);
    for command in [sign_up("cem", Side::Responder, Some(first)), withdraw("ana", Some(first))] {
        assert_eq!(refused(&calendar, command), "not-planned");
    }
}

#[test]
fn a_surprise_is_told_by_its_week_alone() {
    let zones = jiff::tz::db();
    let mut calendar = Calendar::default();
    let window = Window::read(zones, "2026-W50 Europe/Berlin", "09:00-17:00", Vec::new());
    does(&mut calendar, zones, NOW, &plan(entry(zones, "s-code-blue", Ask::Window(window.unwrap()), NOW)));
    let upcoming = calendar.upcoming(zones, 1);
    let one = &upcoming[0];
    assert_eq!(one.told(), "a surprise in the week of 2026-12-07, 09:00 to 17:00 Europe/Berlin");
    assert!(one.hidden && one.day.to_string() == "2026-12-07");
    let moment = one.moment.clone().unwrap();
    let begun = does(&mut calendar, zones, moment.at - Span::from_secs(100), &Command::Tick);
    assert!(matches!(begun[..], [Event::Begun { start, .. }] if start == moment.at), "{begun:?}");
}
