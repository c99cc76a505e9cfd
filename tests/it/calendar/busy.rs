//! Two who want one target at the same time: who is refused is told whose it is, when, and what can be done.

use super::{NOW, does, entry, ina, plan};
use gameday::{
    base::Span,
    calendar::{Ask, Calendar, Command, Entry, Event, Moment, When, series::End, window::Window},
};
use jiff::tz::TimeZoneDatabase;

fn zones() -> &'static TimeZoneDatabase {
    jiff::tz::db()
}

fn moment(text: &str) -> Moment {
    Moment::read(zones(), text).unwrap_or_else(|bad| panic!("{text}: {bad}"))
}

/// Something on the one target; a drill takes it for an hour, five minutes more on either side, and twenty seconds before.
fn wants(name: &str, ask: Ask) -> Entry {
    Entry { target: "depot".into(), ..entry(zones(), name, ask, NOW) }
}

fn at(name: &str, when: &str) -> Entry {
    wants(name, Ask::At(moment(when)))
}

fn every(name: &str, rule: &str) -> Entry {
    wants(name, Ask::Every(rule.parse().unwrap(), End::Never))
}

fn refused(calendar: &Calendar, command: &Command) -> String {
    let no = calendar.decide(zones(), NOW, command).unwrap_err();
    assert_eq!(no.code(), "target-busy");
    no.to_string()
}

/// The moment that a refusal offers.
fn offered(said: &str) -> Moment {
    let (_, after) = said.split_once("Yours may begin at ").unwrap_or_else(|| panic!("{said}"));
    moment(after.split_once(" or later").unwrap().0)
}

#[test]
fn a_refusal_names_the_other_drill_its_time_and_what_can_be_done() {
    let mut calendar = Calendar::default();
    does(&mut calendar, zones(), NOW, &plan(at("s-one", "2026-12-08 14:00 Europe/Berlin")));
    let mine = |when: &str| at("s-two", when);
    assert_eq!(
        refused(&calendar, &plan(mine("2026-12-08 14:30 Europe/Berlin"))),
        "the target `depot` is taken, one drill at a time: s-one is planned (2026-12-08 14:00 Europe/Berlin). \
         Yours may begin at 2026-12-08 15:11 Europe/Berlin or later. \
         Or make room: `gameday schedule move s-one --at TIME`, or `gameday schedule cancel s-one`"
    );
    // What it offers is free, and a minute earlier is not.
    assert!(refused(&calendar, &plan(mine("2026-12-08 15:10 Europe/Berlin"))).contains("15:11"));
    does(&mut calendar, zones(), NOW, &plan(mine("2026-12-08 15:11 Europe/Berlin")));
    // With the second one there is room behind that alone.
    let said = refused(&calendar, &plan(at("s-three", "2026-12-08 13:30:30 UTC")));
    assert_eq!(offered(&said).to_string(), "2026-12-08 15:22 UTC");
    // Moving is refused the same way.
    does(&mut calendar, zones(), NOW, &plan(at("s-far", "2026-12-09 14:00 Europe/Berlin")));
    let to = moment("2026-12-08 14:10 Europe/Berlin");
    let said = refused(&calendar, &Command::Move { entry: super::id("s-far"), day: None, to, by: ina() });
    assert!(said.contains("s-one is planned") && offered(&said).to_string().contains("16:22"), "{said}");

    // What has begun can neither be moved nor called off.
    let start = moment("2026-12-08 14:00 Europe/Berlin").at;
    does(&mut calendar, zones(), start - Span::from_secs(60), &Command::Tick);
    let said = refused(&calendar, &plan(at("s-late", "2026-12-08 14:40 Europe/Berlin")));
    assert!(said.contains("s-one has begun (2026-12-08 14:00 Europe/Berlin)"), "{said}");
    assert!(said.contains("stopped on the pages of its drill") && !said.contains("schedule"), "{said}");
}

#[test]
fn a_series_is_refused_with_the_day_of_its_own_and_the_day_of_the_other() {
    let mut calendar = Calendar::default();
    does(&mut calendar, zones(), NOW, &plan(every("s-tue", "tue 14:00 Europe/Berlin")));
    // The fifteenth is a Tuesday, and not the first of the series that asks.
    let said = refused(&calendar, &plan(every("s-month", "4th,15th 14:00 Europe/Berlin")));
    assert!(said.starts_with("on 2026-12-15 the target `depot` is taken"), "{said}");
    assert!(said.contains("s-tue is planned (2026-12-15 14:00 Europe/Berlin)"), "{said}");
    assert!(said.contains("`gameday schedule cancel s-tue --day 2026-12-15`"), "{said}");
    assert!(said.contains("`gameday schedule move s-tue --day 2026-12-15 --at TIME`"), "{said}");
    assert_eq!(offered(&said), moment("2026-12-15 15:11 Europe/Berlin"));
    // As the refusal says: without that day, the next that collides is another one.
    let day = Some("2026-12-15".parse().unwrap());
    does(&mut calendar, zones(), NOW, &Command::Cancel { entry: super::id("s-tue"), day, by: ina() });
    let said = refused(&calendar, &plan(every("s-month", "4th,15th 14:00 Europe/Berlin")));
    assert!(said.starts_with("on 2027-05-04 "), "{said}");
    // One that ends before that has nothing in its way.
    let end = End::Until("2027-05-03".parse().unwrap());
    let rule = "4th,15th 14:00 Europe/Berlin".parse().unwrap();
    does(&mut calendar, zones(), NOW, &plan(wants("s-month", Ask::Every(rule, end))));
}

#[test]
fn a_refusal_tells_the_moment_of_no_surprise() {
    let window = || Window::read(zones(), "2026-W50 Europe/Berlin", "09:00-17:00", Vec::new()).unwrap();
    let surprise = |name: &str| wants(name, Ask::Window(window()));
    let hidden = surprise("s-hidden");
    let When::Window { drawn, .. } = hidden.when.clone() else { panic!("{hidden:?}") };
    let mut calendar = Calendar::default();
    does(&mut calendar, zones(), NOW, &plan(hidden.clone()));
    let seen = |said: &str, drawn: &Moment| {
        let clock = drawn.to_string();
        let clock = clock.split(' ').nth(1).unwrap().to_owned();
        assert!(said.contains("a surprise in the week of 2026-12-07"), "{said}");
        assert!(!said.contains(&clock) && !said.contains("may begin at"), "{drawn}: {said}");
        assert!(said.contains("Take another time for yours"), "{said}");
    };
    let mine = wants("s-mine", Ask::At(drawn.clone()));
    let said = refused(&calendar, &plan(mine.clone()));
    seen(&said, &drawn);
    // Not when a server makes it ready, either.
    let ready = drawn.at - Span::from_secs(100);
    let begun = does(&mut calendar, zones(), ready, &Command::Tick);
    assert!(matches!(begun[..], [Event::Begun { .. }]));
    seen(&refused(&calendar, &plan(mine)), &drawn);

    // Nor is one told the moment that was drawn for oneself.
    let mut calendar = Calendar::default();
    does(&mut calendar, zones(), NOW, &plan(wants("s-told", Ask::At(drawn.clone()))));
    let said = refused(&calendar, &plan(hidden));
    assert!(said.contains("s-told is planned") && said.contains("Take another time for yours"), "{said}");
}
