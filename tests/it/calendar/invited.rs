//! What people are told of planned drills: files that somebody else's parser reads and that change one entry in place, and
//! surprises of which nothing can be reckoned.

use super::{NOW, does, id, ina, plan, post::surprise};
use crate::{
    cli::{folder, gameday, out},
    skip::skip,
    tidy::root,
};
use gameday::{
    base::{
        At, Span,
        book::{Fold as _, Note as _},
        limits,
    },
    calendar::{Calendar, Command, Moment, Noted},
    post::{
        Invitation,
        ics::{self, Parties},
        invitation::Occasion,
    },
};
use serde_json::Value;
use std::{fs, path::Path, process};

/// Python with the packages that judge; see `.ci/run`.
pub(crate) fn judge() -> Option<process::Command> {
    let found = process::Command::new("python-judges").args(["-c", "import icalendar, aiosmtpd"]).output();
    found.is_ok_and(|ended| ended.status.success()).then(|| process::Command::new("python-judges"))
}

/// What stands in a calendar after each of these files; nothing: nobody is here to judge.
pub(crate) fn calendars(files: &[&Path]) -> Option<Vec<Value>> {
    let Some(mut judge) = judge() else {
        skip("python-judges (icalendar and aiosmtpd) is not installed");
        return None;
    };
    let ended = judge.arg(root().join("tests/fixtures/calendar_client.py")).args(files).output().unwrap();
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    Some(serde_json::from_slice(&ended.stdout).unwrap())
}

pub(crate) fn moment(text: &str) -> Moment {
    Moment::read(jiff::tz::db(), text).unwrap()
}

/// The one entry of a calendar.
pub(crate) fn only(calendar: &Value) -> (&str, &Value) {
    let entries = calendar.as_object().unwrap();
    assert_eq!(entries.len(), 1, "an update makes no second entry: {calendar}");
    entries.iter().map(|(uid, entry)| (uid.as_str(), entry)).next().unwrap()
}

#[test]
fn one_entry_of_a_calendar_is_moved_and_called_off_in_place() {
    let home = folder();
    let home = home.path();
    let does = |args: &[&str]| gameday(home).current_dir(home).arg("schedule").args(args).assert().success();
    for name in ["ana", "ben"] {
        let address = format!("{name}@example.org");
        gameday(home).args(["people", "add", name, "--email", &address]).assert().success();
    }
    let at = ["--at", "2099-03-03 14:00 Europe/Berlin", "--responder", "ana", "--responder", "ben"];
    let planned = out(gameday(home).args(["schedule", "add", "pool-shrink", "--json"]).args(at));
    let planned: Value = serde_json::from_str(&planned).unwrap();
    let drill = planned["id"].as_str().unwrap().to_owned();
    let file = |name: &str| {
        does(&["invite", &drill, "--out", name, "--from", "drills@example.org"]);
        home.join(name)
    };
    let first = file("first.ics");
    assert_eq!(
        fs::read(&first).unwrap(),
        fs::read(file("again.ics")).unwrap(),
        "the same whenever it is written"
    );
    does(&["move", &drill, "--at", "2099-03-04 09:30 Asia/Tokyo"]);
    let moved = file("moved.ics");
    does(&["cancel", &drill]);
    let off = file("off.ics");

    // The old one arrives late, too.
    let Some(after) = calendars(&[&first, &moved, &first, &off, &moved]) else { return };
    let (uid, one) = only(&after[0]);
    assert_eq!(
        (&one["start"], &one["end"]),
        (&"2099-03-03T13:00:00+00:00".into(), &"2099-03-03T13:45:00+00:00".into())
    );
    assert_eq!((&one["status"], &one["busy"]), (&"CONFIRMED".into(), &true.into()));
    assert_eq!(
        one["attendees"],
        serde_json::json!([["ana", "mailto:ana@example.org"], ["ben", "mailto:ben@example.org"]])
    );
    assert_eq!(
        (&one["organizer"], &one["alarms"]),
        (&"mailto:drills@example.org".into(), &serde_json::json!(["-1 day, 0:00:00", "-1 day, 23:00:00"]))
    );
    let said = one["description"].as_str().unwrap();
    assert!(
        said.contains("2099-03-03 14:00 Europe/Berlin (13:00 UTC)") && said.contains("ana, ben"),
        "{said}"
    );
    for calendar in &after[1..] {
        assert_eq!(only(calendar).0, uid);
    }
    let (_, now) = only(&after[1]);
    assert_eq!((&now["start"], &now["sequence"]), (&"2099-03-04T00:30:00+00:00".into(), &1.into()));
    assert_eq!(after[2], after[1], "what is older changes nothing");
    let (_, gone) = only(&after[3]);
    assert_eq!((&gone["status"], &gone["sequence"]), (&"CANCELLED".into(), &2.into()));
    assert_eq!(after[4], after[3]);
}

#[test]
fn an_invitation_tells_nothing_of_what_breaks() {
    let home = folder();
    let add = ["schedule", "add", "pool-shrink", "--at", "2099-03-03 14:00 Europe/Berlin", "--json"];
    let planned: Value = serde_json::from_str(&out(gameday(home.path()).args(add))).unwrap();
    let made =
        out(gameday(home.path()).args(["schedule", "invite", planned["id"].as_str().unwrap(), "--json"]));
    assert!(made.contains("PUBLISH") && made.contains("game day on depot"), "{made}");
    let made = made.to_lowercase();
    for truth in ["pool", "upload", "release", "metadata", planned["drill"].as_str().unwrap()] {
        assert!(!made.contains(truth), "{truth}: {made}");
    }
    let none = gameday(home.path()).args(["schedule", "invite", "s-nothing"]).assert().code(1);
    assert!(
        String::from_utf8_lossy(&none.get_output().stderr)
            .contains("nothing on the calendar is called s-nothing")
    );
}

/// Everything that anybody is sent about the first day on this calendar.
fn told(calendar: &Calendar) -> String {
    let day = "2026-12-07".parse().unwrap();
    let one = calendar.day(jiff::tz::db(), &id("s-blue"), day).unwrap();
    let invitation = Invitation::of(&one);
    let ana = ("ana".parse().unwrap(), "ana@example.org".parse().unwrap());
    let parties = Parties { from: Some("drills@example.org".parse().unwrap()), to: vec![ana] };
    let letters = [Occasion::Invited, Occasion::Changed, Occasion::Reminded]
        .map(|occasion| format!("{}{}", invitation.subject(occasion), invitation.letter(occasion)));
    format!(
        "{:?} {}{}",
        invitation.from(jiff::tz::db()),
        letters.concat(),
        ics::file(&invitation, &parties, &limits::REMINDERS)
    )
}

#[test]
fn nothing_that_is_sent_depends_on_the_moment_that_was_drawn() {
    let zones = jiff::tz::db();
    let mut all = std::collections::BTreeSet::new();
    for drawn in ["2026-12-07 09:00", "2026-12-08 11:11", "2026-12-09 12:34", "2026-12-11 16:59"] {
        let drawn = moment(&format!("{drawn} Europe/Berlin"));
        let mut calendar = Calendar::default();
        does(&mut calendar, zones, NOW, &plan(surprise(drawn.clone())));
        all.insert(told(&calendar));
        // The law moves the very moment and moves it back, and the server takes the drill on itself: nobody's business.
        let to = Moment { at: drawn.at + Span::from_mins(60), ..drawn.clone() };
        let day = "2026-12-07".parse().unwrap();
        let event = gameday::calendar::Event::Shifted { entry: id("s-blue"), day, to };
        calendar.apply(&Noted { seq: calendar.next_seq(), at: NOW + Span::from_secs(9), event });
        all.insert(told(&calendar));
        let soon = drawn.at - limits::STAGING_LEAD;
        for kind in ["shifted", "begun"] {
            let events = does(&mut calendar, zones, soon, &Command::Tick);
            assert!(matches!(&events[..], [event] if event.parts().0 == kind), "{events:?}");
            all.insert(told(&calendar));
        }
    }
    assert_eq!(all.len(), 1, "{all:#?}");
    let sent = all.first().unwrap();
    for said in ["20261207", "20261212", "TRANSPARENT", "09:00 to 17:00", "in the week of 2026-12-07"] {
        assert!(sent.contains(said), "{said}: {sent}");
    }
    assert!(!sent.contains("VALARM") && !sent.contains("s-blue at"), "{sent}");
}

#[test]
fn what_a_surprise_is_known_by_was_not_made_of_its_seed() {
    // Seeds have 32 bits: whoever knows letters that one has made tries them all, and draws the moment.
    let home = folder();
    let add = ["schedule", "add", "pool-shrink", "--window", "2099-W10 UTC", "--seed", "7", "--json"];
    let known_by = |home: &Path| {
        let planned: Value = serde_json::from_str(&out(gameday(home).args(add))).unwrap();
        let id = planned["id"].as_str().unwrap().to_owned();
        let made = out(gameday(home).args(["schedule", "invite", &id, "--json"]));
        let made: Value = serde_json::from_str(&made).unwrap();
        let all = made.to_string();
        assert!(!all.contains(&id) && !all.contains(planned["drill"].as_str().unwrap()), "{all}");
        made["uid"].as_str().unwrap().to_owned()
    };
    let other = folder();
    assert_ne!(known_by(home.path()), known_by(other.path()));
}

#[test]
fn a_surprise_that_is_moved_becomes_a_moment_of_the_same_entry() {
    let zones = jiff::tz::db();
    let mut calendar = Calendar::default();
    does(&mut calendar, zones, NOW, &plan(surprise(moment("2026-12-08 11:11 Europe/Berlin"))));
    let place = folder();
    let write = |calendar: &Calendar, name: &str| {
        let one = calendar.day(zones, &id("s-blue"), "2026-12-07".parse().unwrap()).unwrap();
        let path = place.path().join(name);
        fs::write(&path, ics::file(&Invitation::of(&one), &Parties::default(), &limits::REMINDERS)).unwrap();
        path
    };
    let first = write(&calendar, "first.ics");
    let to = moment("2026-12-10 10:00 Europe/Berlin");
    let at: At = NOW + Span::from_mins(5);
    does(&mut calendar, zones, at, &Command::Move { entry: id("s-blue"), day: None, to, by: ina() });
    let second = write(&calendar, "second.ics");
    let Some(after) = calendars(&[&first, &second]) else { return };
    let (uid, one) = only(&after[0]);
    assert_eq!(
        (&one["start"], &one["end"], &one["busy"]),
        (&"2026-12-07".into(), &"2026-12-12".into(), &false.into())
    );
    let (same, now) = only(&after[1]);
    assert_eq!((same, &now["start"], &now["busy"]), (uid, &"2026-12-10T09:00:00+00:00".into(), &true.into()));
}
