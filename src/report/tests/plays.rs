//! Teams of every sort, beside those of [`builder`](super::builder). What each is worth is in `seventeen`.

use super::builder::{
    ONSET, Play, decide, do_nothing, looks, mirrored, name, perfect, plan, right_cause, right_impact, status,
    ticket,
};
use crate::{
    drill::event::{Event, Hat, InjectionStep, Outcome},
    scenario::{
        act::{Act, CauseClaim, Role, StatusState},
        truth::Rung,
    },
};

/// One person does everything, well and in silence, while the other one watches.
pub(crate) fn lone_hero() -> Play {
    Play::of(plan())
        .broken()
        .outage(300, 480)
        .act(165, "ana", Act::Ack(name("UploadErrorsHigh")))
        .act(170, "ana", Act::TakeRole(Role::Ic))
        .act(170, "ana", Act::TakeRole(Role::Operations))
        .act(175, "ana", Act::Declare { text: "uploads fail".to_owned() })
        .ran_by(200, "ana", "depotctl logs web")
        .ran_by(290, "ana", "depotctl rollback web")
        .step(310, InjectionStep::Cleared)
        .restored(300)
        .act(400, "ana", Act::Resolve("it was the release".to_owned()))
        .ended(480, Outcome::Completed)
}

/// Repairs late, and says nothing at all.
pub(crate) fn silent_team() -> Play {
    Play::of(plan())
        .broken()
        .outage(1300, 1800)
        .ran(1290, "depotctl rollback web")
        .step(1310, InjectionStep::Cleared)
        .restored(1300)
        .ended(1800, Outcome::Completed)
}

/// Talks without end, to nobody, of nothing.
pub(crate) fn spammer() -> Play {
    let mut play = do_nothing();
    for second in (130..1790).step_by(20) {
        play = play.act(second, "ben", Act::Say("look at me".to_owned())).act(
            second + 1,
            "ben",
            Act::Status {
                text: "still looking".to_owned(),
                to: vec![],
                state: StatusState::Investigating,
                next_in: None,
                ticket: None,
            },
        );
    }
    play
}

/// Names the cause at once, having seen nothing, and decides on it.
pub(crate) fn lucky_guesser() -> Play {
    do_nothing().act(131, "ben", Act::Cause(right_cause())).act(132, "ben", decide(Rung::RollBack))
}

/// Claims every fact that is offered.
pub(crate) fn shotgun_claim() -> Play {
    let facts = ["f1", "f2", "f3", "f4"].map(str::to_owned).to_vec();
    do_nothing().act(400, "ben", Act::Cause(CauseClaim { facts, ..CauseClaim::default() }))
}

/// Gives the all-clear in the middle of the outage, and no other one.
pub(crate) fn false_all_clear() -> Play {
    Play::of(plan())
        .broken()
        .outage(1000, 1800)
        .act(150, "ana", Act::TakeRole(Role::Ic))
        .act(200, "ana", status(StatusState::Investigating))
        .act(400, "ana", status(StatusState::Resolved))
        .act(400, "ana", Act::Resolve("over".to_owned()))
        .restored(1000)
        .ended(1800, Outcome::Completed)
}

/// Service comes back and is lost again for good; the team had gone home.
pub(crate) fn relapse() -> Play {
    Play::of(plan())
        .broken()
        .measured(0..1800, |second| match second {
            ONSET..300 | 500..1800 => 4,
            _ => 0,
        })
        .restored(300)
        .act(400, "ana", Act::Resolve("over".to_owned()))
        .event(510, Event::Relapsed)
        .ended(1800, Outcome::Completed)
}

/// Does nothing for a long time, and then tells the impact to the second.
pub(crate) fn late_assessment() -> Play {
    do_nothing().act(1795, "ana", Act::Assess(right_impact(1800)))
}

/// Stopped before anybody could repair anything.
pub(crate) fn aborted() -> Play {
    Play::of(plan()).broken().outage(500, 500).ended(500, Outcome::Aborted)
}

/// The same as a perfect team, and no instrument looked.
pub(crate) fn not_measured() -> Play {
    perfect().without(|event| {
        matches!(event, Event::Measured { .. } | Event::Restored { .. } | Event::Operated { .. })
            || matches!(event, Event::Injection { step: InjectionStep::Cleared, .. })
    })
}

/// An outage that outlasts a shift: the coordinator hands over in the middle, with or without a word.
pub(crate) fn two_shifts(note: &str) -> Play {
    let early = Play::of(plan())
        .event(0, Event::Joined { person: name("cho"), hat: Hat::Responder })
        .broken()
        .outage(1500, 1700)
        .act(150, "ana", Act::TakeRole(Role::Ic))
        .act(152, "cho", Act::TakeRole(Role::Operations))
        .act(165, "ana", Act::Ack(name("UploadErrorsHigh")))
        .act(180, "ana", Act::Declare { text: "uploads fail".to_owned() })
        .act(200, "ana", ticket())
        .act(210, "ana", mirrored(StatusState::Investigating))
        .act(900, "ana", Act::HandOver { role: Role::Ic, to: name("ben"), note: note.to_owned() })
        .act(1200, "cho", Act::Hypothesis(right_cause()))
        .act(1300, "ben", decide(Rung::RollBack))
        .act(1480, "cho", super::builder::log())
        .ran_by(1490, "cho", "depotctl rollback web")
        .step(1510, InjectionStep::Cleared)
        .act(1520, "cho", Act::Say("web is rolled back".to_owned()))
        .restored(1500);
    let mut cause = right_cause();
    cause.evidence = looks(&early.clone().journal());
    early
        .act(1600, "ben", Act::Cause(cause))
        .act(1610, "ben", mirrored(StatusState::Resolved))
        .act(1620, "ben", Act::Resolve("uploads work again".to_owned()))
        .ended(1700, Outcome::Completed)
}
