//! The ticket and the severity checklist: what they are worth, by hand, and where the debrief tells of them.

use super::builder::{
    Play, answers, decide, do_nothing, mirrored, name, no_fault, perfect, plan, status, ticket,
};
use crate::{
    drill::event::Outcome,
    report::{Journal, Score, board::ResponderBoard, debrief, render, score, score::State},
    scenario::{
        act::{Act, Role, StatusState},
        ticket::{Priority, TicketAct, TicketId},
        truth::Rung,
    },
};
use proptest::prelude::*;

fn scored(play: Play) -> Score {
    score(&Journal::new(&play.journal()).unwrap(), None)
}

fn figure(play: Play, id: &str) -> f64 {
    let score = scored(play);
    let check = score.check(id).unwrap();
    check.score.unwrap_or_else(|| panic!("{id} is {:?}", check.state))
}

fn ticket_of(play: Play) -> f64 {
    figure(play, "engage.ticket")
}

fn owners_of(play: Play) -> f64 {
    figure(play, "engage.owners")
}

fn mirrored_of(play: Play) -> f64 {
    figure(play, "communicate.mirrored")
}

fn checklist(list: &[(&str, &str)]) -> f64 {
    figure(do_nothing().act(500, "ana", answers(list)), "assess.severity")
}

fn near(value: f64, hand: f64) {
    assert!((value - hand).abs() < 0.0001, "{value} is not {hand}");
}

fn lat(seconds: f64) -> f64 {
    1.0 - (seconds / 300.0).ln() / 6.0_f64.ln()
}

fn cc(to: &[&str]) -> Act {
    Act::Ticket(TicketAct::Cc { ticket: FIRST, to: to.iter().map(|&one| one.to_owned()).collect() })
}

const FIRST: Option<TicketId> = Some(TicketId::FIRST);

fn note(ticket: Option<TicketId>, status: Option<u64>) -> Act {
    Act::Ticket(TicketAct::Note { ticket, text: "more is known".to_owned(), status })
}

/// A ticket that says little: no component, no priority, nobody on copy.
fn bare(title: &str) -> Act {
    let title = title.to_owned();
    Act::Ticket(TicketAct::Open { title, on: None, priority: None, text: String::new(), cc: vec![] })
}

#[test]
fn a_ticket_is_worth_its_time_its_fields_its_people_and_its_updates() {
    for id in ["engage.ticket", "engage.owners"] {
        near(figure(do_nothing(), id), 0.0);
    }
    for id in ["engage.ticket", "engage.owners", "communicate.mirrored"] {
        near(figure(perfect(), id), 1.0);
    }
    // Opened 600 s after the onset; its component is a neighbour's, its priority one step off; one on copy too many.
    let late = do_nothing().act(
        725,
        "ana",
        Act::Ticket(TicketAct::Open {
            title: "Half of all uploads fail".to_owned(),
            on: Some("edge".to_owned()),
            priority: Some(Priority::Urgent),
            text: String::new(),
            cc: ["web-oncall", "metadata-oncall"].map(str::to_owned).to_vec(),
        }),
    );
    let fields = (1.0 + 0.5 + 0.5) / 3.0;
    near(lat(600.0), 0.6131);
    near(ticket_of(late.clone()), 0.6 * lat(600.0) + 0.4 * fields);
    near(owners_of(late.clone()), 5.0 / (4.0 + 2.0));
    // No update went out.
    let score = scored(late.clone());
    assert!(matches!(score.check("communicate.mirrored").unwrap().state, State::NotApplicable { .. }));
    // Two updates, one of them mirrored as it is sent, the other not at all.
    let told = late.act(800, "ana", mirrored(StatusState::Investigating)).act(
        900,
        "ana",
        status(StatusState::Investigating),
    );
    near(mirrored_of(told), 0.5);
    // Three words and nothing else, at once.
    near(ticket_of(do_nothing().act(130, "ana", bare("uploads are broken"))), 0.6);
}

#[test]
fn an_update_may_be_mirrored_by_a_note_and_the_sooner_the_better() {
    let play = |second: u64| {
        let play = do_nothing().act(200, "ana", ticket()).act(300, "ana", status(StatusState::Investigating));
        let events = play.clone().journal();
        let is_status = |act: &Act| matches!(act, Act::Status { .. });
        let seq = events.iter().find_map(|one| match &one.event {
            crate::drill::event::Event::Acted { act, .. } if is_status(act) => Some(one.seq),
            _ => None,
        });
        mirrored_of(play.act(second, "ana", note(FIRST, seq)))
    };
    near(play(300), 1.0);
    near(play(900), lat(600.0));
    // A note about something else mirrors nothing.
    let other = do_nothing()
        .act(200, "ana", ticket())
        .act(300, "ana", status(StatusState::Investigating))
        .act(301, "ana", note(FIRST, None));
    near(mirrored_of(other), 0.0);
}

#[test]
fn the_ticket_that_tracks_the_incident_counts_and_the_others_are_neutral() {
    let noise = bare("the certificate needs renewal next month");
    // A ticket about something else, opened first, or a dozen of them later.
    let mut busy = do_nothing().act(130, "ben", noise.clone()).act(200, "ana", ticket());
    for second in 300..312 {
        busy = busy.act(second, "ben", noise.clone());
    }
    near(ticket_of(busy.clone()), 1.0);
    near(owners_of(busy), 1.0);
    // One from before anything was broken is about something else, whatever it says.
    near(ticket_of(do_nothing().act(60, "ana", ticket())), 0.0);
    // A shotgun: a ticket for every component is worth what its first is.
    let mut shotgun = do_nothing();
    for on in ["metadata", "edge", "web"] {
        let title = "something in here is broken".to_owned();
        let on = Some(on.to_owned());
        let open = TicketAct::Open { title, on, priority: None, text: String::new(), cc: vec![] };
        shotgun = shotgun.act(200, "ana", Act::Ticket(open));
    }
    near(ticket_of(shotgun), 0.6 + 0.4 / 3.0);
}

#[test]
fn what_a_scenario_does_not_declare_is_no_part_of_the_ticket() {
    let mut quiet = plan();
    quiet.truth.owners.clear();
    quiet.truth.priority = None;
    let play = Play::of(quiet).broken().outage(1800, 1800).ended(1800, Outcome::Completed);
    let open = TicketAct::Open {
        title: "Half of all uploads fail".to_owned(),
        on: Some("web-east".to_owned()),
        priority: None,
        text: String::new(),
        cc: vec![],
    };
    let play = play.act(200, "ana", Act::Ticket(open));
    near(ticket_of(play.clone()), 1.0);
    let not_asked =
        |play: Play, id: &str| matches!(scored(play).check(id).unwrap().state, State::NotApplicable { .. });
    assert!(not_asked(play, "engage.owners"));
    assert!(not_asked(no_fault(Some("none.false-alarm")), "engage.ticket"));
}

#[test]
fn people_who_respond_anyway_are_no_copies_too_many() {
    let play = |to: &[&str]| owners_of(do_nothing().act(200, "ana", ticket()).act(210, "ana", cc(to)));
    near(play(&["ben", "users", "stakeholders", "ic", "web-oncall "]), 1.0);
    // One owner among seven: 5 / (4 + 7).
    near(play(&["a", "b", "c", "d", "e", "f"]), 5.0 / 11.0);
}

#[test]
fn each_question_of_the_checklist_is_worth_as_much_as_the_other() {
    near(checklist(&[("live", "true"), ("users", "some-of-all"), ("sites", "east")]), 1.0);
    near(checklist(&[("live", "true")]), 1.0 / 3.0);
    near(checklist(&[("live", "false"), ("users", "everybody"), ("sites", "west")]), 0.0);
    // Two right of a set of one: F1 is 2/3. "Don't know" about six answers is a sixth, about one of two sites 5/9.
    near(checklist(&[("live", "true"), ("sites", "east,west")]), (1.0 + 2.0 / 3.0) / 3.0);
    let unsure = [("live", "dont-know"), ("users", "dont-know"), ("sites", "dont-know")];
    near(checklist(&unsure), (0.5 + 1.0 / 6.0 + 5.0 / 9.0) / 3.0);
}

#[test]
fn the_last_answer_before_the_end_counts() {
    let right = [("live", "true"), ("users", "some-of-all"), ("sites", "east")];
    let play = do_nothing().act(400, "ana", answers(&[("live", "false"), ("users", "few")]));
    let revised = play.act(500, "ben", answers(&right));
    near(figure(revised.clone(), "assess.severity"), 1.0);
    near(
        figure(revised.clone().act(600, "ana", answers(&[("live", "false")])), "assess.severity"),
        2.0 / 3.0,
    );
    near(figure(revised.act(1800, "ana", answers(&[("live", "false")])), "assess.severity"), 1.0);
}

#[test]
fn honesty_is_never_worse_than_guessing() {
    // The mean of all answers that there are, against "don't know", for every question and every truth.
    let sets = [vec!["east"], vec!["west"], vec!["east", "west"]];
    for truth in ["east", "west", "east, west"] {
        let worth = |answer: &str| {
            let mut planned = plan();
            planned.truth.severity = [("sites".to_owned(), truth.to_owned())].into();
            let play = Play::of(planned).broken().outage(600, 600).ended(600, Outcome::Completed);
            figure(play.act(500, "ana", answers(&[("sites", answer)])), "assess.severity")
        };
        let guess = sets.iter().map(|set| worth(&set.join(","))).sum::<f64>() / 3.0;
        assert!(worth("dont-know") + 1e-4 >= guess, "{truth}: {guess}");
    }
    let mean = |id: &str, options: &[&str]| {
        options.iter().map(|one| checklist(&[(id, one)])).sum::<f64>() / options.len() as f64
    };
    let users = ["nobody", "few", "some-of-all", "all-readers", "all-writers", "everybody"];
    for (id, options) in [("live", &["true", "false"][..]), ("users", &users)] {
        assert!(checklist(&[(id, "dont-know")]) + 1e-4 >= mean(id, options), "{id}");
    }
}

#[test]
fn a_journal_without_a_checklist_is_not_judged_by_it() {
    let mut old = plan();
    old.severity.clear();
    let score = scored(Play::of(old).broken().outage(600, 600).ended(600, Outcome::Completed));
    let check = score.check("assess.severity").unwrap();
    assert!(matches!(check.state, State::NotApplicable { .. }), "{check:?}");
}

#[test]
fn the_debrief_tells_the_declared_answers_after_the_reveal() {
    let told = do_nothing()
        .act(180, "ana", Act::TakeRole(Role::Ic))
        .act(200, "ana", ticket())
        .act(300, "ana", mirrored(StatusState::Investigating))
        .act(500, "ana", mirrored(StatusState::Resolved))
        .act(400, "ana", decide(Rung::Broadcast))
        .act(610, "ana", answers(&[("users", "everybody"), ("sites", "dont-know")]));
    let data = debrief(&Journal::new(&told.journal()).unwrap());
    for (text, reveal) in [(render::markdown(&data), "## The reveal"), (render::html(&data), "id=\"reveal\"")]
    {
        let reveal = text.find(reveal).unwrap();
        assert!(text.find("some-of-all").unwrap() > reveal, "the right answer comes after the reveal");
        let answered = text.find("everybody").unwrap();
        assert!(answered < reveal && text[reveal..].contains("everybody"));
        let ticket = text.find("Half of all uploads fail").unwrap();
        assert!(ticket < reveal);
        // The decision and its reason are the team's; what the options would have done is the truth.
        assert!(text.find("the release made the pool too small").unwrap() < reveal);
        for truth in ["chosen at T+6m40s", "would have restored service", "would have made things worse"] {
            assert!(text.find(truth).unwrap() > reveal, "{truth}");
        }
        for said in ["very-urgent", "web-oncall", "not closed", "don't know"] {
            assert!(text.replace('\u{2019}', "'").contains(said), "{said}");
        }
    }
    let lines: Vec<_> = data.response.tickets[0].entries.iter().map(|row| row.text.as_str()).collect();
    let said = "Uploads are failing for about half of all users";
    assert_eq!(
        lines,
        [
            "ic opened it".to_owned(),
            format!("ic mirrored an update: `investigating`: {said}"),
            "ic recorded a decision: `broadcast`: the release made the pool too small".to_owned(),
            format!("ic mirrored an update: `resolved`: {said}"),
        ]
    );
    let card = data.scorecard.iter().find(|line| line.question.contains("ticket")).unwrap();
    assert_eq!(card.answer, Some(true));
}

#[test]
fn a_board_shows_tickets_and_questions_and_no_right_answer() {
    let events = do_nothing()
        .act(200, "ana", ticket())
        .act(210, "ben", mirrored(StatusState::Investigating))
        .act(220, "ana", cc(&["storage-oncall"]))
        .act(
            225,
            "ana",
            Act::Ticket(TicketAct::Update {
                ticket: FIRST,
                title: None,
                on: Some("metadata".to_owned()),
                priority: None,
            }),
        )
        .act(230, "ben", answers(&[("users", "everybody"), ("live", "dont-know")]))
        .act(240, "ana", Act::Ticket(TicketAct::Close { ticket: FIRST, text: String::new() }))
        .journal();
    let upto = |second: u64| {
        let end = events.iter().position(|one| one.at > super::builder::at(second).resolve(events[0].at));
        ResponderBoard::of(&events[..end.unwrap()]).unwrap()
    };
    let board = upto(232);
    assert_eq!(board.tickets.len(), 1);
    let kept = &board.tickets[0];
    assert_eq!((kept.on.as_deref(), kept.priority), (Some("metadata"), Some(Priority::VeryUrgent)));
    assert_eq!(kept.cc, ["web-oncall", "storage-oncall"]);
    assert_eq!((kept.closed, kept.entries.len()), (None, 4));
    let text = render::terminal::responder(&board);
    assert!(text.contains("ticket    t1  very-urgent  on metadata  Half of all uploads fail"), "{text}");
    assert!(text.contains("severity  2 of 3 answered"), "{text}");
    let questions = render::terminal::severity(&board);
    assert!(questions.contains("one of: nobody, few, some-of-all"), "{questions}");
    assert!(questions.contains("answer: everybody (T+3m50s)"), "{questions}");
    assert!(questions.contains("answer: none yet"), "{questions}");
    let closed = render::terminal::tickets(&upto(250).tickets, super::builder::START);
    assert!(closed.contains("(closed, 1 update in it") && closed.contains("ana closed it"), "{closed}");
    assert_eq!(name::<TicketId>("t1"), kept.id);
}

proptest! {
    #![proptest_config(super::random_plays(24))]

    #[test]
    fn a_conforming_act_never_lowers_and_a_delay_never_raises(
        opened in 130_u64..1000, later in 0_u64..700, wrong in prop::sample::subsequence(vec!["a", "b", "c", "d"], 1..4),
        updates in 0_u64..4,
    ) {
        let play = |opened: u64| {
            let mut play = do_nothing().act(opened, "ana", bare("uploads fail here")).act(1701, "ana", cc(&wrong));
            for update in 0..updates {
                play = play.act(1710 + update, "ana", status(StatusState::Investigating));
            }
            play
        };
        let ids = ["engage.ticket", "engage.owners", "communicate.mirrored"];
        let all = |play: Play| { let score = scored(play); ids.map(|id| score.check(id).unwrap().score) };
        let before = all(play(opened));
        let delayed = all(play(opened + later));
        prop_assert!(delayed[0] <= before[0] && delayed[1] == before[1]);
        let update = |on: &str, priority| Act::Ticket(TicketAct::Update {
            ticket: FIRST, title: None, on: Some(on.to_owned()), priority,
        });
        let conforming = [
            cc(&["web-oncall"]), note(FIRST, None), update("web", Some(Priority::VeryUrgent)),
            mirrored(StatusState::Identified),
        ];
        let mut so_far = play(opened);
        let mut last = before;
        for act in conforming {
            so_far = so_far.act(1720, "ben", act);
            let now = all(so_far.clone());
            for (now, last) in now.iter().zip(last) {
                prop_assert!(now.is_none_or(|now| (0.0..=1.0).contains(&now)) && *now >= last, "{last:?} then {now:?}");
            }
            last = now;
        }
    }

    #[test]
    fn another_right_answer_never_lowers(given in prop::sample::subsequence(vec!["live", "users", "sites"], 0..=3)) {
        let right = |id: &str| match id { "live" => "true", "users" => "some-of-all", _ => "east" };
        let play = given.iter().fold(do_nothing(), |play, id| play.act(500, "ana", answers(&[(id, right(id))])));
        near(figure(play, "assess.severity"), (given.len() as f64 / 3.0 * 10_000.0).round() / 10_000.0);
    }
}
