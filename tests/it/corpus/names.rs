//! Names of all kinds of events, steps and acts, as a journal has them.

use gameday::{
    drill::event::{Event, InjectionStep},
    scenario::{act::Act, review::Review},
};

/// Makes, from one list of patterns and names, an exhaustive match and the list of all names: a new variant does not
/// compile until it has a name here, and a name without a line in the corpus fails the tests.
macro_rules! names {
    ($all:ident, $of:ident, $type:ty, $($pattern:pat => $name:literal,)*) => {
        pub(crate) const $all: &[&str] = &[$($name),*];
        pub(super) fn $of(value: &$type) -> &'static str {
            match value { $($pattern => $name,)* }
        }
    };
}

names! { KINDS, kind_of, Event,
    Event::Planned(_) => "planned",
    Event::TookOver { .. } => "took-over",
    Event::TargetAttached(_) => "target-attached",
    Event::Joined { .. } => "joined",
    Event::MeasuringBegan => "measuring-began",
    Event::Measured { .. } => "measured",
    Event::ProbeAnswered { .. } => "probe-answered",
    Event::SteadyStateHeld => "steady-state-held",
    Event::ShiftBegan { .. } => "shift-began",
    Event::Started => "started",
    Event::Injection { .. } => "injection",
    Event::SymptomSeen { .. } => "symptom-seen",
    Event::Restored { .. } => "restored",
    Event::Relapsed => "relapsed",
    Event::Reacted { .. } => "reacted",
    Event::AlarmRaised { .. } => "alarm-raised",
    Event::AlarmResolved { .. } => "alarm-resolved",
    Event::NoticeQueued(_) => "notice-queued",
    Event::NoticeDelivered { .. } => "notice-delivered",
    Event::NoticeFailed { .. } => "notice-failed",
    Event::InjectSpoken { .. } => "inject-spoken",
    Event::InjectSkipped { .. } => "inject-skipped",
    Event::Acted { .. } => "acted",
    Event::Played { .. } => "played",
    Event::PlayLeft { .. } => "play-left",
    Event::Operated { .. } => "operated",
    Event::HintGiven { .. } => "hint-given",
    Event::QuestionAsked { .. } => "question-asked",
    Event::BystanderWrote { .. } => "bystander-wrote",
    Event::BystanderSettled { .. } => "bystander-settled",
    Event::SecondActBegan { .. } => "second-act-began",
    Event::Observed { .. } => "observed",
    Event::Reviewed { .. } => "reviewed",
    Event::StopConditionFailed { .. } => "stop-condition-failed",
    Event::StopRequested { .. } => "stop-requested",
    Event::AgentSilent { .. } => "agent-silent",
    Event::AgentBack => "agent-back",
    Event::Barred { .. } => "barred",
    Event::Ended { .. } => "ended",
    Event::TargetReset => "target-reset",
    Event::SignedOff { .. } => "signed-off",
    Event::Closed { .. } => "closed",
}

names! { STEPS, step_of, InjectionStep,
    InjectionStep::Probed => "probed",
    InjectionStep::Intent { .. } => "intent",
    InjectionStep::Armed => "armed",
    InjectionStep::Injecting => "injecting",
    InjectionStep::Applied => "applied",
    InjectionStep::Live => "live",
    InjectionStep::Reverting { .. } => "reverting",
    InjectionStep::Fenced => "fenced",
    InjectionStep::Undoing => "undoing",
    InjectionStep::Verifying { .. } => "verifying",
    InjectionStep::Reverted => "reverted",
    InjectionStep::Cleared => "cleared",
    InjectionStep::Expired => "expired",
    InjectionStep::Aborted { .. } => "aborted",
    InjectionStep::Diverged { .. } => "diverged",
    InjectionStep::Gone { .. } => "gone",
    InjectionStep::Stuck { .. } => "stuck",
}

names! { ACTS, act_of, Act,
    Act::TakeRole(_) => "take-role",
    Act::ReleaseRole(_) => "release-role",
    Act::HandOver { .. } => "hand-over",
    Act::Say(_) => "say",
    Act::Log { .. } => "log",
    Act::Ack(_) => "ack",
    Act::Declare { .. } => "declare",
    Act::Status { .. } => "status",
    Act::Ticket(_) => "ticket",
    Act::Decide { .. } => "decide",
    Act::Page { .. } => "page",
    Act::Action(_) => "action",
    Act::Summary(_) => "summary",
    Act::Stumped(_) => "stumped",
    Act::Hypothesis(_) => "hypothesis",
    Act::Cause(_) => "cause",
    Act::Assess(_) => "assess",
    Act::Severity(_) => "severity",
    Act::Resolve(_) => "resolve",
    Act::Operate(_) => "operate",
}

names! { REVIEWS, review_of, Review,
    Review::Grade { .. } => "grade",
    Review::HandIn { .. } => "hand-in",
    Review::Invalidate { .. } => "invalidate",
    Review::Read { .. } => "read",
    Review::Write { .. } => "write",
    Review::FollowUp { .. } => "follow-up",
    Review::Objective { .. } => "objective",
}
