use super::builder::{Play, START, name, plan};
use crate::{
    base::{At, Span},
    drill::{
        event::{Attachment, Event, InjectionStep, Outcome, Recorded},
        plan::{Plan, PlannedInjection},
    },
    fault::Fault,
    report::{
        board::{Audience, InstigatorBoard, ResponderBoard, replay_line},
        render::terminal,
    },
    scenario::{
        Moment, Play as AutoPlay,
        act::Act,
        truth::{DecisionTruth, Fact, Rung},
    },
};

const CANARY: &str = "kanarie";

fn canary(what: &str) -> String {
    format!("{CANARY}-{what}")
}

/// Every sealed field holds the word.
fn sealed() -> Plan {
    let mut plan = plan();
    plan.summary = canary("summary");
    plan.variant = Some(canary("variant"));
    plan.hints = vec![canary("hint")];
    plan.questions = vec!["an open question".to_owned(), canary("question")];
    plan.reference_solution = vec![vec![canary("reference")]];
    plan.autopilot = vec![AutoPlay {
        after: Moment::Start,
        wait: Span::ZERO,
        who: name("ana"),
        act: Act::Say(canary("autopilot")),
        by_hand: Some(Span::from_secs(60)),
    }];
    let cause = &mut plan.truth.cause;
    cause.component = canary("component");
    cause.kind = canary("kind");
    cause.trigger = canary("trigger");
    cause.contributing = vec![canary("contributing")];
    cause.spreads = vec![(canary("from"), canary("to"))];
    let fact = |id: &str| Fact { id: canary(id), says: canary("says"), any: vec![vec![canary("any")]] };
    cause.facts = vec![fact("fact")];
    cause.distractors = vec![fact("distractor")];
    plan.truth.owners = vec![canary("owner")];
    plan.truth.milestones = vec![canary("milestone")];
    plan.truth.severity = plan.severity.iter().map(|asked| (asked.id.clone(), canary("yes"))).collect();
    plan.ladder = vec![Rung::RollBack];
    plan.truth.decision.clear();
    plan.truth.decision.insert(
        Rung::RollBack,
        DecisionTruth { effective: true, harmful: false, knowable_after: Some(canary("knowable")) },
    );
    plan.injections = vec![PlannedInjection {
        id: name("kanarie-injection"),
        injector: canary("injector"),
        related: true,
        at: Span::from_secs(120),
        until: None,
        fault: Fault::FileEdit { file: canary("file"), key: canary("key"), value: canary("value") },
    }];
    plan
}

fn journal() -> Vec<Recorded> {
    let mut play = Play::of(sealed())
        .broken()
        .outage(300, 400)
        .act(180, "ana", Act::Say("hello".to_owned()))
        .act(181, "ana", Act::Operate(vec![canary("operate")]))
        .event(190, Event::QuestionAsked { by: name("ivy"), question: 0 })
        .event(191, Event::StopConditionFailed { condition: 0, detail: canary("stop") })
        .event(192, Event::AgentSilent { error: canary("agent") })
        .event(193, Event::InjectSkipped { inject: 0 })
        .event(194, Event::PlayLeft { play: 0, since: At::from_millis(0), done: false })
        .event(194, Event::Played { play: 0, refused: Some(canary("refused")) })
        .event(195, Event::Observed { by: name("tom"), about: Some(40), text: canary("observation") })
        .event(
            195,
            Event::TargetAttached(Attachment {
                agent: canary("address"),
                folder: canary("folder"),
                root: Some(canary("root")),
            }),
        )
        .event(196, Event::SymptomSeen { detail: canary("symptom") })
        .restored(300);
    for step in [
        InjectionStep::Reverting { why: canary("why") },
        InjectionStep::Diverged { detail: canary("detail") },
    ] {
        play = play.step(380, step);
    }
    let ended = Event::Ended { outcome: Outcome::Completed, reason: canary("reason") };
    play.event(400, ended).journal()
}

#[test]
fn a_responder_is_told_nothing_that_is_sealed() {
    let events = journal();
    let plan = sealed();
    assert!(events[0].to_line().contains(CANARY), "the plan holds the word");
    for upto in 1..=events.len() {
        // Every state of the board while the drill runs, in steps that end with all of it.
        if upto % 37 != 0 && upto != events.len() {
            continue;
        }
        let board = ResponderBoard::of(&events[..upto]).unwrap();
        let json = serde_json::to_string(&board).unwrap();
        assert!(!json.contains(CANARY), "{json}");
        assert!(!json.contains("related"));
        assert!(!terminal::responder(&board).contains(CANARY));
    }
    for recorded in &events {
        let line = replay_line(&plan, START, recorded, Audience::Responder);
        assert!(!line.as_deref().unwrap_or("").contains(CANARY), "{line:?}");
    }
    // The test can fail: the instigators' side does hold the word.
    let board = InstigatorBoard::of(&events).unwrap();
    assert!(serde_json::to_string(&board).unwrap().contains(CANARY));
    let told = events
        .iter()
        .filter_map(|one| replay_line(&plan, START, one, Audience::Instigator))
        .filter(|line| line.contains(CANARY))
        .count();
    assert!(told > 5, "{told}");
}

#[test]
fn what_a_trainer_noted_is_in_the_debrief_under_no_name() {
    let journal = journal();
    let debrief = crate::report::debrief(&crate::report::Journal::new(&journal).unwrap());
    let noted = debrief.timeline.rows.iter().find(|row| row.text.contains("noted on event 40"));
    let text = &noted.expect("the observation has a row").text;
    assert!(text.contains(CANARY) && !text.contains("tom"), "{text}");
}

#[test]
fn measured_truth_is_no_part_of_a_responders_replay() {
    let events = super::builder::perfect().journal();
    let plan = plan();
    let lines: Vec<String> =
        events.iter().filter_map(|one| replay_line(&plan, START, one, Audience::Responder)).collect();
    assert!(lines.contains(&"T+3m5s    ana acknowledged UploadErrorsHigh".to_owned()), "{lines:#?}");
    assert!(!lines.iter().any(|line| line.contains("measured") || line.contains("injection")));
}

#[test]
fn a_board_shows_the_ladder_and_nothing_of_its_worth() {
    let board = |play: Play| ResponderBoard::of(&play.journal()).unwrap();
    let open = board(super::builder::do_nothing());
    let options: Vec<_> = open.ladder.iter().map(|option| option.name.as_str()).collect();
    assert_eq!(options, ["do_nothing", "broadcast", "roll_back", "fast_track"]);
    assert!(
        terminal::responder(&open)
            .contains("decide    nothing yet; one of do_nothing, broadcast, roll_back, fast_track")
    );
    let decided = board(super::builder::perfect());
    let (text, ladder) = (terminal::responder(&decided), terminal::ladder(&decided));
    assert!(text.contains("decided   roll_back (T+5m50s): the release made the pool too small"), "{text}");
    assert!(ladder.contains("decision: roll_back by ana (T+5m50s)"), "{ladder}");
    let json = serde_json::to_string(&(&decided.ladder, &decided.decision)).unwrap();
    for sealed in ["effective", "harmful", "knowable", "localised", "symptom"] {
        assert!(!json.contains(sealed) && !ladder.contains(sealed), "{sealed}");
    }
}

#[test]
fn a_board_shows_what_stands_now() {
    let events = super::builder::perfect().journal();
    let upto = events.iter().position(|one| one.at > START + Span::from_secs(300)).unwrap();
    let board = ResponderBoard::of(&events[..upto]).unwrap();
    assert_eq!(board.alarms.len(), 1);
    assert_eq!(board.alarms[0].acked_by, Some(name("ana")));
    assert_eq!(board.alarms[0].age, Span::from_secs(140));
    assert_eq!(board.declared.as_deref(), Some("uploads fail"));
    assert_eq!(board.roles[0].holder, Some(name("ana")));
    assert_eq!(board.status.as_ref().unwrap().age, Span::ZERO);
    let all = ResponderBoard::of(&events).unwrap();
    assert!(all.alarms.is_empty());
    assert_eq!(all.declared, None);
    let text = terminal::responder(&board);
    assert!(text.contains("ack by ana"), "{text}");
    let instigator = InstigatorBoard::of(&events[..upto]).unwrap();
    assert_eq!(instigator.injections[0].state, "live");
    assert_eq!(instigator.restored, Some(false));
    assert!(terminal::instigator(&instigator).contains("put: 50 % of 8 failed"));
}
