use super::builder::{Play, name, plan};
use crate::{
    drill::event::{Event, Outcome, Recorded},
    report::board::{BoardAck, ResponderBoard},
    scenario::act::Act,
};

const ALARM: &str = "UploadErrorsHigh";

fn raised() -> Event {
    Event::AlarmRaised { alarm: name(ALARM), summary: "31 % of put fail".to_owned() }
}

fn acks(events: &[Recorded]) -> Vec<BoardAck> {
    ResponderBoard::of(events).unwrap().acks
}

#[test]
fn an_acknowledgement_lasts_as_long_as_its_alarm() {
    let resolved = || Event::AlarmResolved { alarm: name(ALARM) };
    let events = Play::of(plan())
        .event(100, raised())
        .act(110, "ana", Act::Ack(name(ALARM)))
        // Too late: somebody is on it.
        .act(111, "ben", Act::Ack(name(ALARM)))
        .event(200, resolved())
        .event(300, raised())
        .act(310, "ben", Act::Ack(name(ALARM)))
        .event(400, Event::Ended { outcome: Outcome::Completed, reason: String::new() })
        .journal();
    let acks = acks(&events);
    let told: Vec<_> = acks.iter().map(|ack| (ack.by.as_str(), ack.until.is_some())).collect();
    assert_eq!(told, [("ana", true), ("ben", true)]);
    let until = |which: fn(&Event) -> bool| events.iter().find(|one| which(&one.event)).map(|one| one.at);
    assert_eq!(acks[0].until, until(|event| matches!(event, Event::AlarmResolved { .. })));
    assert_eq!(acks[1].until, until(|event| matches!(event, Event::Ended { .. })));
    let first = events.iter().find(|one| matches!(one.event, Event::Acted { act: Act::Ack(_), .. }));
    assert_eq!(first.map(|one| (one.seq, one.at)), Some((acks[0].seq, acks[0].at)));
}

#[test]
fn a_comment_is_what_the_same_person_says_of_the_alarm() {
    let say = |text: &str| Act::Say(text.to_owned());
    let events = Play::of(plan())
        .event(100, raised())
        .act(105, "ana", say("UploadErrorsHigh: before anything"))
        .act(110, "ana", Act::Ack(name(ALARM)))
        .act(111, "ben", say("UploadErrorsHigh: I look, too"))
        .act(112, "ana", say("good morning"))
        .act(113, "ana", say("UploadErrorsHigh: I look at the pool"))
        .act(114, "ana", say("UploadErrorsHigh: still looking"))
        .journal();
    let comments: Vec<_> = acks(&events).into_iter().map(|ack| ack.comment).collect();
    assert_eq!(comments, [Some("I look at the pool".to_owned())]);
}
