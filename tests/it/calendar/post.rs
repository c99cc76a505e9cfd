//! Letters about planned drills: each is sent at least once whatever dies, and once when nothing does; of a surprise nothing is
//! told by when they are sent; and no mail server keeps a drill waiting.

use super::{NOW, entry, id, ina, invited::moment, plan};
use gameday::{
    base::{
        At, Person, Span,
        book::{Fold as _, Note as _},
        limits,
    },
    calendar::{Ask, Calendar, Command, Entry, Noted, Side, When, decide::SignUp, window::Window},
    clock::{BoxFuture, Clock, VirtualClock},
    drill::command::DeliveryError,
    engine::{
        book::OpenBook,
        calendar::Schedule,
        post::{Books, Manner, Postman},
    },
    notify::Carrier,
    people::{self, About, People},
    post::{self, Desk, Mail, Told},
    seed::Seed,
    store::MemoryStore,
};
use rand::RngExt;
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

pub(crate) fn person(name: &str) -> Person {
    name.parse().unwrap()
}

/// Somebody with an address.
pub(crate) fn added(name: &str) -> people::Event {
    let about = About { email: Some(format!("{name}@example.org").parse().unwrap()), ..About::default() };
    people::Event::Added { person: person(name), about, by: ina() }
}

/// Takes letters, each after a while. With the n-th the server dies: the letter is carried or not, it never hears the answer.
pub(crate) struct Pigeon {
    pub(crate) clock: VirtualClock,
    pub(crate) takes: Span,
    pub(crate) carried: Mutex<Vec<(At, Mail)>>,
    pub(crate) dies: Mutex<Option<(usize, bool)>>,
    pub(crate) fallen: Notify,
}

impl Pigeon {
    pub(crate) fn new(clock: &VirtualClock, takes: Span) -> Arc<Self> {
        let (carried, dies, fallen) = (Mutex::default(), Mutex::default(), Notify::new());
        Arc::new(Self { clock: clock.clone(), takes, carried, dies, fallen })
    }
}

impl Carrier for Pigeon {
    fn carry<'a>(&'a self, mail: &'a Mail, at: At) -> BoxFuture<'a, Result<(), DeliveryError>> {
        Box::pin(async move {
            self.clock.sleep_until(self.clock.now() + self.takes).await;
            let dies = {
                let mut dies = self.dies.lock().unwrap();
                *dies = dies.map(|(left, carried)| (left.saturating_sub(1), carried));
                dies.filter(|(left, _)| *left == 0)
            };
            if dies.is_none_or(|(_, carried)| carried) {
                self.carried.lock().unwrap().push((at, mail.clone()));
            }
            if dies.is_some() {
                self.fallen.notify_one();
                std::future::pending::<()>().await;
            }
            Ok(())
        })
    }
}

/// A team with a calendar, and letters that a pigeon carries.
struct Town {
    clock: VirtualClock,
    store: Arc<MemoryStore>,
    schedule: Arc<Schedule>,
    pigeon: Arc<Pigeon>,
}

impl Town {
    async fn new() -> Self {
        let clock = VirtualClock::starting_at(NOW);
        let store = Arc::<MemoryStore>::default();
        let schedule = Schedule::new(store.clone(), Arc::new(clock.clone()), jiff::tz::db().clone());
        let pigeon = Pigeon::new(&clock, Span::from_millis(200));
        let town = Self { clock, store, schedule: Arc::new(schedule), pigeon };
        for name in ["ana", "ben"] {
            let known = |_: &People, _| Ok::<_, std::convert::Infallible>(vec![added(name)]);
            town.people().ask(known).await.unwrap_or_else(|_| panic!("it is written"));
        }
        town
    }

    fn people(&self) -> Arc<OpenBook<People>> {
        Arc::new(OpenBook::new(self.store.clone(), Arc::new(self.clock.clone())))
    }

    /// A postman works until then, or until it dies with a letter in its hand.
    async fn until(&self, at: At) {
        let post = Arc::new(OpenBook::new(self.store.clone(), Arc::new(self.clock.clone())));
        let books = Books { schedule: Arc::clone(&self.schedule), people: self.people(), post };
        let from = "drills@example.org".parse().unwrap();
        let manner = Manner { carrier: self.pigeon.clone(), from, remind: limits::REMINDERS.to_vec() };
        let postman = Postman::new(books, manner, Arc::new(self.clock.clone()));
        tokio::select! {
            () = self.pigeon.fallen.notified() => {}
            () = postman.work(CancellationToken::new()) => {}
            () = self.clock.sleep_until(at) => {}
        }
    }

    /// A postman works from a minute before then to a minute after, and nobody before that.
    async fn around(&self, at: At) {
        self.clock.sleep_until(at - Span::from_mins(1)).await;
        self.until(at + Span::from_mins(1)).await;
    }

    async fn does(&self, command: &Command) {
        self.schedule.ask(command).await.unwrap();
    }

    /// Who was told what, in order.
    fn told(&self) -> Vec<String> {
        let carried = self.pigeon.carried.lock().unwrap();
        carried.iter().map(|(_, mail)| format!("{}: {}", mail.to, mail.subject)).collect()
    }
}

fn run(story: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(story);
}

/// A drill in three days, with ana and ben; ina, who runs it, has no address.
fn drill() -> Entry {
    let mut planned = entry(jiff::tz::db(), "s-one", Ask::At(moment("2026-12-04 14:00 Europe/Berlin")), NOW);
    planned.wanted.responders = vec![person("ana"), person("ben")];
    planned.wanted.instigators = vec![ina()];
    planned
}

#[test]
fn everybody_is_told_once_of_what_is_planned_moved_near_and_called_off() {
    run(async {
        let town = Town::new().await;
        let _hold = town.clock.hold();
        town.does(&plan(drill())).await;
        town.until(NOW + Span::from_mins(10)).await;
        let to = moment("2026-12-03 16:00 Europe/Berlin");
        town.does(&Command::Move { entry: id("s-one"), day: None, to: to.clone(), by: ina() }).await;
        // Postmen come and go, and nobody is told anything twice.
        for before in [30, 24, 23, 1, 0] {
            town.around(to.at - Span::from_mins(before * 60)).await;
        }
        let both =
            |subject: &str| ["ana", "ben"].map(|name| format!("{name}@example.org: EXERCISE: {subject}"));
        let near = "reminder: game day on target-of-s-one, 2026-12-03 16:00 Europe/Berlin";
        let expected = [
            both("game day on target-of-s-one, 2026-12-04 14:00 Europe/Berlin"),
            both("changed: game day on target-of-s-one, 2026-12-03 16:00 Europe/Berlin"),
            both(near),
            both(near),
        ];
        assert_eq!(town.told(), expected.concat());
        let reminded: Vec<_> =
            town.pigeon.carried.lock().unwrap()[4..].iter().map(|(at, _)| to.at.since(*at)).collect();
        for (reminded, before) in reminded.chunks(2).zip(limits::REMINDERS) {
            assert!(
                reminded.iter().all(|one| *one <= before && before <= *one + Span::from_secs(3)),
                "{reminded:?}"
            );
        }
    });
}

#[test]
fn everybody_who_is_known_is_asked_to_a_code_blue() {
    run(async {
        let town = Town::new().await;
        let _hold = town.clock.hold();
        let mut planned = drill();
        (planned.wanted.responders, planned.wanted.code_blue) = (Vec::new(), true);
        town.does(&plan(planned)).await;
        town.until(NOW + Span::from_mins(1)).await;
        let mut told = town.told();
        told.sort();
        let asked = "game day on target-of-s-one, 2026-12-04 14:00 Europe/Berlin";
        let expected = ["ana", "ben"].map(|name| format!("{name}@example.org: EXERCISE: {asked}"));
        assert_eq!(told, expected);
        let carried = town.pigeon.carried.lock().unwrap();
        assert!(carried.iter().all(|(_, mail)| mail.text.contains("everybody is called (Code Blue)")));
    });
}

#[test]
fn what_is_called_off_is_told_to_who_was_asked_and_to_nobody_else() {
    run(async {
        let town = Town::new().await;
        let _hold = town.clock.hold();
        town.does(&plan(drill())).await;
        let mut other = drill();
        (other.id, other.target) = (id("s-two"), "other".into());
        town.until(NOW + Span::from_mins(1)).await;
        town.does(&plan(other)).await;
        for name in ["s-one", "s-two"] {
            town.does(&Command::Cancel { entry: id(name), day: None, by: ina() }).await;
        }
        let start = moment("2026-12-04 14:00 Europe/Berlin").at;
        for at in
            [NOW + Span::from_mins(5), start - Span::from_mins(24 * 60), start - Span::from_mins(60), start]
        {
            town.around(at).await;
        }
        let off = "called off: game day on target-of-s-one, 2026-12-04 14:00 Europe/Berlin";
        let told = town.told();
        assert_eq!(told.len(), 4, "{told:#?}");
        assert!(told[2..].iter().all(|one| one.ends_with(off)), "{told:#?}");
    });
}

#[test]
fn who_signs_up_is_asked_and_who_withdraws_is_let_go_without_a_word_to_the_others() {
    run(async {
        let town = Town::new().await;
        let _hold = town.clock.hold();
        let mut planned = drill();
        planned.wanted.responders = vec![person("ben")];
        town.does(&plan(planned)).await;
        let (entry, by) = (id("s-one"), ina());
        for coming in [true, false, true] {
            town.until(town.clock.now() + Span::from_mins(1)).await;
            let (entry, day, person, by) = (entry.clone(), None, person("ana"), by.clone());
            town.does(&if coming {
                Command::SignUp(SignUp { entry, day, person, side: Side::Responder, anyway: None, by })
            } else {
                Command::Withdraw { entry, day, person, by }
            })
            .await;
        }
        town.until(town.clock.now() + Span::from_mins(1)).await;
        let what = "game day on target-of-s-one, 2026-12-04 14:00 Europe/Berlin";
        let expected = ["ben", "ana", "ana", "ana"].map(|name| format!("{name}@example.org: EXERCISE: "));
        let expected: Vec<_> = expected
            .iter()
            .zip(["", "", "without you: ", ""])
            .map(|(to, how)| format!("{to}{how}{what}"))
            .collect();
        assert_eq!(town.told(), expected);
        let carried = town.pigeon.carried.lock().unwrap();
        let numbers: Vec<_> = carried
            .iter()
            .filter_map(|(_, mail)| {
                mail.calendar.as_ref().unwrap().1.lines().find(|line| line.starts_with("SEQUENCE"))
            })
            .collect();
        assert_eq!(
            numbers,
            ["SEQUENCE:0", "SEQUENCE:1", "SEQUENCE:2", "SEQUENCE:3"],
            "calendars take each for newer"
        );
        assert_eq!(carried[2].1.calendar.as_ref().unwrap().0, "CANCEL");
    });
}

#[test]
fn a_reminder_that_was_slept_through_is_left_out_for_the_nearer_one() {
    run(async {
        let town = Town::new().await;
        let _hold = town.clock.hold();
        town.does(&plan(drill())).await;
        town.until(NOW + Span::from_mins(1)).await;
        let start = moment("2026-12-04 14:00 Europe/Berlin").at;
        // Nobody is there from then until half an hour before.
        town.clock.sleep_until(start - Span::from_mins(30)).await;
        town.until(start + Span::from_mins(30)).await;
        assert_eq!(town.told().len(), 4, "{:#?}", town.told());
    });
}

#[test]
fn every_letter_arrives_whoever_dies_and_nothing_is_sent_twice_without_a_death() {
    for number in 0..200 {
        run(async {
            let mut rng = Seed(number).stream("post");
            let town = Town::new().await;
            let _hold = town.clock.hold();
            town.does(&plan(drill())).await;
            let mut deaths = 0;
            for life in 0..8 {
                // One that lives, so that everybody is asked before it is called off.
                let dies = (life != 3 && rng.random_bool(0.6))
                    .then(|| (rng.random_range(1..4), rng.random_bool(0.5)));
                *town.pigeon.dies.lock().unwrap() = dies;
                let end = town.clock.now() + Span::from_secs(rng.random_range(1..40));
                town.until(end).await;
                deaths +=
                    usize::from(dies.is_some() && matches!(*town.pigeon.dies.lock().unwrap(), Some((0, _))));
                if life == 4 {
                    town.does(&Command::Cancel { entry: id("s-one"), day: None, by: ina() }).await;
                }
            }
            *town.pigeon.dies.lock().unwrap() = None;
            town.until(town.clock.now() + Span::from_mins(1)).await;
            let mut times: BTreeMap<String, usize> = BTreeMap::new();
            for (_, mail) in town.pigeon.carried.lock().unwrap().iter() {
                *times.entry(mail.id.clone()).or_default() += 1;
            }
            for name in ["ana", "ben"] {
                for what in [".0.", ".off."] {
                    let came = times.keys().any(|one| one.contains(what) && one.contains(name));
                    assert!(came, "trial {number}: {name} was not told of {what}: {times:?}");
                }
            }
            let again: usize = times.values().map(|times| times - 1).sum();
            assert!(
                again <= deaths,
                "trial {number}: {again} letters came again in {deaths} deaths: {times:?}"
            );
        });
    }
}

/// The corpus of stored books: what any released version has written must read for ever.
#[test]
fn a_book_of_letters_that_was_stored_is_read_for_ever() {
    let path = crate::tidy::root().join("tests/corpus/post-v1/every-kind.jsonl");
    let (mut kinds, mut told) = (std::collections::BTreeSet::new(), Told::default());
    for (seq, line) in (0..).zip(std::fs::read_to_string(path).unwrap().lines()) {
        let stored: serde_json::Value = serde_json::from_str(line).unwrap();
        let (kind, data) = (stored["kind"].as_str().unwrap(), stored["data"].to_string());
        let event = post::Event::of_parts(kind, &data).unwrap_or_else(|bad| panic!("{bad}: {line}"));
        let written = event.parts();
        assert_eq!((written.0.as_str(), &written.1), (kind, &data), "it is written as it was");
        kinds.insert(written.0);
        told.apply(&post::Noted { seq, at: NOW, event });
    }
    assert_eq!((kinds.len(), told.next_seq()), (2, 4), "every kind is there: {kinds:?}");
}

/// A surprise with this moment, whatever its seed would have drawn.
pub(crate) fn surprise(drawn: gameday::calendar::Moment) -> Entry {
    let window = Window::read(jiff::tz::db(), "2026-W50 Europe/Berlin", "09:00-17:00", Vec::new()).unwrap();
    let mut entry = entry(jiff::tz::db(), "s-blue", Ask::Window(window.clone()), NOW);
    entry.when = When::Window { window, drawn };
    entry.wanted.responders = vec![person("ana")];
    entry
}

/// Every letter about a surprise with this moment, and when it is sent, over two weeks in which all looks are taken.
fn letters(drawn: &str) -> Vec<(At, Mail)> {
    let zones = jiff::tz::db();
    let (mut calendar, mut people, mut told) = (Calendar::default(), People::default(), Told::default());
    people.apply(&people::Noted { seq: 0, at: NOW, event: added("ana") });
    super::does(&mut calendar, zones, NOW, &plan(surprise(moment(drawn))));
    let from = "drills@example.org".parse().unwrap();
    let mut sent = Vec::new();
    for look in 0..14 * 24 * 60 {
        let now = NOW + Span::from_mins(look);
        for event in calendar.decide(zones, now, &Command::Tick).unwrap() {
            calendar.apply(&Noted { seq: calendar.next_seq(), at: now, event });
        }
        let remind = &limits::REMINDERS;
        let desk = Desk { calendar: &calendar, zones, people: &people, told: &told, remind, from: &from };
        let due: Vec<_> =
            desk.due(now).into_iter().map(|letter| (desk.write(&letter).unwrap(), letter)).collect();
        for (mail, letter) in due {
            sent.push((now, mail));
            told.apply(&post::Noted { seq: told.next_seq(), at: now, event: post::Event::Sent(letter) });
        }
    }
    sent
}

#[test]
fn when_letters_are_sent_tells_nothing_of_the_moment_that_was_drawn() {
    let first = letters("2026-12-07 09:00 Europe/Berlin");
    // Asked at once; reminded a day and an hour before the first hour of the week.
    let when: Vec<_> = first.iter().map(|(at, _)| at.to_string()).collect();
    assert_eq!(when, ["2026-12-01T13:00:00.000Z", "2026-12-06T08:00:00.000Z", "2026-12-07T07:00:00.000Z"]);
    for other in ["2026-12-07 09:01", "2026-12-09 12:34", "2026-12-11 16:59"] {
        assert_eq!(letters(&format!("{other} Europe/Berlin")), first, "{other}");
    }
}
