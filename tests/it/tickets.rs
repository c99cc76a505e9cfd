//! What responders may do with tickets, with the action list, with pagers and with the severity checklist, and every reason to
//! say no.

use crate::stage::{Stage, scenario};
use gameday::{
    base::limits,
    drill::{
        Drill,
        command::Command,
        event::{Event, Hat, Recorded},
        plan::Plan,
    },
    report::{self, Journal},
    scenario::act::Act,
};
use serde_json::{Value, json};

/// A drill of session-hang that has just begun, without any engine.
struct Team {
    drill: Drill,
    journal: Vec<Recorded>,
}

impl Team {
    fn of(started: bool) -> Self {
        Self::with(Stage::in_memory(&scenario("session-hang"), 7).plan, started)
    }

    fn with(plan: Plan, started: bool) -> Self {
        let plan = Box::new(plan);
        let planned = Recorded { seq: 0, at: plan.start, event: Event::Planned(plan.clone()) };
        let mut team = Self { drill: Drill::new(plan), journal: vec![planned] };
        team.take(Event::Joined { person: "ana".parse().unwrap(), hat: Hat::Responder });
        if started {
            team.take(Event::Started);
        }
        team
    }

    fn take(&mut self, event: Event) {
        let at = self.journal[0].at;
        let recorded = Recorded { seq: self.drill.next_seq(), at, event };
        self.drill.apply(&recorded);
        self.journal.push(recorded);
    }

    /// What ana asks for, as it is stored; or the sentence that she reads, with its code.
    fn does(&mut self, act: Value) -> Result<Value, (&'static str, String)> {
        let act: Act = serde_json::from_value(act).unwrap();
        let command = Command::Act { by: "ana".parse().unwrap(), act };
        let at = self.journal[0].at;
        let events = self.drill.decide(at, &command).map_err(|no| (no.code(), no.to_string()))?;
        for event in &events {
            self.take(event.clone());
        }
        match &events[..] {
            [Event::Acted { act, .. }] => Ok(serde_json::to_value(act).unwrap()),
            other => panic!("{other:?}"),
        }
    }

    fn refused(&mut self, act: &Value, code: &str, words: &str) {
        let (was, sentence) = self.does(act.clone()).unwrap_err();
        assert!(was == code && sentence.contains(words), "{act}: {was}: {sentence}");
    }
}

#[test]
fn a_ticket_may_be_left_unnamed_while_only_one_is_open() {
    let mut team = Team::of(true);
    let note = || json!({"ticket": {"note": {"text": "more is known"}}});
    team.refused(&note(), "bad-ticket", "no ticket is open");
    team.does(json!({"ticket": {"open": {"title": "Nobody can log in", "on": "session"}}})).unwrap();
    assert_eq!(team.does(note()).unwrap()["ticket"]["note"]["ticket"], "t1");
    team.does(json!({"ticket": {"open": {"title": "The certificate"}}})).unwrap();
    team.refused(&note(), "bad-ticket", "say which ticket: open are t1, t2");
    team.refused(&json!({"ticket": {"close": {"ticket": "t3"}}}), "bad-ticket", "there is no ticket t3");
    team.does(json!({"ticket": {"close": {"ticket": "t2"}}})).unwrap();
    team.refused(&json!({"ticket": {"cc": {"ticket": "t2", "to": ["ben"]}}}), "bad-ticket", "t2 is closed");
    assert_eq!(team.does(note()).unwrap()["ticket"]["note"]["ticket"], "t1");
    // Everything that was stored folds into the same drill.
    let folded = Drill::fold(&team.journal).unwrap();
    assert_eq!(format!("{folded:?}"), format!("{:?}", team.drill));
}

#[test]
fn an_update_is_mirrored_as_it_is_sent_or_by_a_note_that_names_it() {
    let mut team = Team::of(true);
    let status =
        |ticket: Value| json!({"status": {"text": "We look", "state": "investigating", "ticket": ticket}});
    team.refused(&status("t1".into()), "bad-ticket", "no ticket is open");
    let sent = team.does(status(Value::Null)).unwrap();
    assert!(
        sent["status"].get("ticket").is_none(),
        "an update that is not mirrored is stored as ever: {sent}"
    );
    let seq = team.journal.last().unwrap().seq;
    team.does(json!({"ticket": {"open": {"title": "Nobody can log in"}}})).unwrap();
    let note = |seq: u64| json!({"ticket": {"note": {"text": "users are told", "status": seq}}});
    team.refused(&note(seq + 1), "bad-ticket", "is no status update");
    team.does(note(seq)).unwrap();
    team.does(status("t1".into())).unwrap();
    let journal = Journal::new(&team.journal).unwrap();
    let timeline = report::timeline::Timeline::of(&journal);
    let mirrored: Vec<_> = timeline.tickets[0].mirrors().filter_map(|entry| entry.status).collect();
    assert_eq!(mirrored, [seq, team.journal.last().unwrap().seq]);
}

#[test]
fn a_decision_is_for_an_option_of_the_ladder_and_into_a_ticket_that_is_open() {
    let mut team = Team::of(true);
    let decide = |option: &str, because: &str, ticket: Value| json!({"decide": {"option": option, "because": because, "asked": ["ben"], "ticket": ticket}});
    team.refused(&decide("roll_back", " ", Value::Null), "bad-text", "empty");
    team.refused(&decide("roll_back", "it is quick", "t1".into()), "bad-ticket", "no ticket is open");
    let odd = json!({"decide": {"option": "roll_back", "because": "why not", "asked": ["\u{1b}"]}});
    team.refused(&odd, "bad-text", "somebody who was asked");
    team.does(json!({"ticket": {"open": {"title": "Nobody can log in"}}})).unwrap();
    team.does(decide("roll_back", "it is quick", "t1".into())).unwrap();
    let board = report::board::ResponderBoard::of(&team.journal).unwrap();
    let offered: Vec<_> = board.ladder.iter().map(|option| option.name.as_str()).collect();
    assert_eq!(offered, ["do_nothing", "broadcast", "roll_back", "fast_track"]);
    assert_eq!(board.decision.unwrap().option, "roll_back");
    assert!(board.tickets[0].entries[1].text.contains("recorded a decision: `roll_back`: it is quick"));
    assert!(serde_json::from_value::<Act>(decide("fail_over", "it is quick", Value::Null)).is_err());
    let mut early = Team::of(false);
    early.refused(&decide("roll_back", "it is quick", Value::Null), "wrong-phase", "take roles and talk");
    // A drill from before there were ladders offers none.
    let mut plan = Stage::in_memory(&scenario("session-hang"), 7).plan;
    plan.ladder.clear();
    let mut old = Team::with(plan, true);
    old.refused(&decide("roll_back", "it is quick", Value::Null), "bad-claim", "no decision ladder");
}

#[test]
fn a_ticket_has_its_limits() {
    let mut team = Team::of(true);
    let open = |title: &str| json!({"ticket": {"open": {"title": title}}});
    team.refused(&open(" "), "bad-text", "empty");
    team.refused(&open(&"x".repeat(limits::TEXT_BYTES_MAX + 1)), "bad-text", "at most");
    team.refused(&json!({"ticket": {"open": {"title": "x", "on": "sesion"}}}), "bad-claim", "`sesion`");
    team.refused(&json!({"ticket": {"open": {"title": "x", "cc": ["a\u{1b}b"]}}}), "bad-text", "on copy");
    let many = vec!["ben"; limits::COPIED_MAX + 1];
    team.refused(&json!({"ticket": {"open": {"title": "x", "cc": many}}}), "bad-text", "named at once");
    for _ in 0..limits::TICKETS_MAX {
        team.does(open("x")).unwrap();
    }
    team.refused(&open("x"), "bad-ticket", "limit");
    team.refused(&json!({"ticket": {"update": {"ticket": "t1"}}}), "bad-text", "which field");
    team.refused(&json!({"ticket": {"cc": {"ticket": "t1", "to": []}}}), "bad-text", "who is copied");
    let mut early = Team::of(false);
    early.refused(&open("x"), "wrong-phase", "take roles and talk");
}

#[test]
fn the_checklist_takes_its_own_options_and_honesty() {
    let mut team = Team::of(true);
    let answers = |answers: Value| json!({ "severity": answers });
    team.refused(&answers(json!({})), "bad-claim", "at least one");
    team.refused(&answers(json!({"sity": "east"})), "bad-claim", "it asks live, users, sites");
    team.refused(&answers(json!({"users": "most"})), "bad-claim", "use nobody, few");
    team.refused(&answers(json!({"live": ["true", "false"]})), "bad-claim", "has one answer");
    team.refused(&answers(json!({"sites": []})), "bad-claim", "needs an answer");
    let stored = team.does(answers(json!({"live": true, "sites": ["west", "east"], "users": "dont-know"})));
    assert_eq!(
        stored.unwrap()["severity"],
        json!({"live": ["true"], "sites": ["east", "west"], "users": "dont-know"})
    );
    let mut early = Team::of(false);
    early.refused(&answers(json!({"live": true})), "wrong-phase", "take roles and talk");
}

#[test]
fn an_action_has_an_owner_who_can_do_it_and_is_closed_once() {
    let mut team = Team::of(true);
    let add = |owner: &str| json!({"action": {"add": {"text": "compare both releases", "owner": owner}}});
    team.does(add("ana")).unwrap();
    team.does(add("communications")).unwrap();
    team.does(json!({"action": {"add": {"text": "look at the queue"}}})).unwrap();
    for nobody in ["ben", "boss", ""] {
        team.refused(&add(nobody), "bad-action", "a role or one of the responders");
    }
    team.refused(&json!({"action": {"add": {"text": " "}}}), "bad-text", "empty");
    team.does(json!({"action": {"assign": {"action": 3, "owner": "ic"}}})).unwrap();
    team.does(json!({"action": {"done": {"action": 1}}})).unwrap();
    team.does(json!({"action": {"drop": {"action": 2}}})).unwrap();
    for closed in [1, 2] {
        team.refused(&json!({"action": {"done": {"action": closed}}}), "bad-action", "is closed");
    }
    for wrong in [0, 4, 65535] {
        team.refused(&json!({"action": {"done": {"action": wrong}}}), "bad-action", "the list has 3");
    }
    let board = report::board::ResponderBoard::of(&team.journal).unwrap();
    let told: Vec<_> =
        board.actions.iter().map(|one| (one.owner.as_deref(), one.closed.map(|at| at.1))).collect();
    assert_eq!(told, [(Some("ana"), Some(true)), (Some("communications"), Some(false)), (Some("ic"), None)]);
    for _ in 3..limits::ACTIONS_MAX {
        team.does(add("ana")).unwrap();
    }
    team.refused(&add("ana"), "too-many", "the limit");
}

#[test]
fn a_page_goes_out_by_every_route_and_not_without_end() {
    let mut plan = Stage::in_memory(&scenario("session-hang"), 7).plan;
    plan.routes = vec!["terminal".into(), "webhook".into()];
    let mut team = Team::with(plan, true);
    let by = || "ana".parse().unwrap();
    let page = |with| Command::Act {
        by: by(),
        act: serde_json::from_value(json!({"page": {"with": with, "text": "logins fail"}})).unwrap(),
    };
    let at = team.journal[0].at;
    for with in ["klaxon", "batphone"] {
        let events = team.drill.decide(at, &page(with)).unwrap();
        let routes: Vec<_> = events
            .iter()
            .filter_map(|event| match event {
                Event::NoticeQueued(notice) => {
                    assert!(notice.subject.starts_with("EXERCISE ") && notice.subject.contains(with));
                    Some(notice.route.as_str())
                }
                _ => None,
            })
            .collect();
        assert_eq!(routes, ["terminal", "webhook"]);
    }
    for _ in 0..limits::PAGES_MAX {
        for event in team.drill.decide(at, &page("klaxon")).unwrap() {
            team.take(event);
        }
    }
    let refused = team.drill.decide(at, &page("batphone")).unwrap_err();
    assert_eq!(refused.code(), "too-many");
    assert_eq!(report::board::ResponderBoard::of(&team.journal).unwrap().pages.len(), limits::PAGES_MAX);
}

#[test]
fn whoever_has_repaired_something_sums_up_afterwards() {
    let mut team = Team::of(true);
    team.does(json!({"summary": "the session service hung"})).unwrap();
    team.take(Event::Ended { outcome: gameday::drill::event::Outcome::Completed, reason: "done".into() });
    team.does(json!({"summary": "the session service hung; a restart repaired it"})).unwrap();
    team.refused(&json!({"say": "and now?"}), "wrong-phase", "the exercise is over");
    let board = report::board::ResponderBoard::of(&team.journal).unwrap();
    assert_eq!(board.summaries.len(), 1);
    assert!(board.summaries[0].text.ends_with("repaired it"));
}
