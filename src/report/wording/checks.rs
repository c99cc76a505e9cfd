//! The words of the score's checks.

use super::{Said, count, list, number, percent, time};
use crate::{
    base::{ClassName, Span},
    drill::event::Outcome,
    report::score::{Check, DimensionName, State},
    scenario::{Profile, act::ClaimedShare},
};
use std::fmt::Write as _;

pub(crate) const NOT_ENDED: &str = "the drill has not ended";
pub(crate) const NEVER_STARTED: &str = "the drill ended before its start";
pub(crate) const NOT_MEASURED: &str = "nothing was measured in this drill";
pub(crate) const HARDLY_MEASURED: &str = "too few seconds of this drill were measured";
pub(crate) const NO_ALARM: &str = "no alarm of the outage waited for anybody";
pub(crate) const NOTHING_TO_COMPARE: &str = "there is nothing to compare with in this scenario";
pub(crate) const NEEDS_A_GRADER: &str =
    "needs a grader: the claim's words come near a fact without stating it";
pub(crate) const NO_FAILED_REQUESTS: &str =
    "requests were slow and not lost, so there is no figure for what was spared";
pub(crate) const NO_INVARIANTS: &str = "the scenario declares nothing that had to stay intact";
pub(crate) const NOT_ASKED_BY_PROFILE: &str = "not asked for when restoring comes first";
pub(crate) const SHELL_NOT_RECORDED: &str =
    "no operation was recorded, so nobody can tell what was looked at before";
pub(crate) const NOTHING_CHANGED: &str = "the team only looked and changed nothing";
pub(crate) const NOTHING_WAS_BROKEN: &str = "nothing was broken in this drill";
pub(crate) const TOO_SHORT_FOR_CADENCE: &str = "service was back before a first update was due";
pub(crate) const NO_PROMISE_DUE: &str = "no promised update fell due during the incident";
pub(crate) const NOTHING_SAID: &str = "nothing was said that could be compared with the measurement";
pub(crate) const NO_CHECKLIST: &str = "this drill asks no severity checklist";
pub(crate) const NO_OUTAGE: &str = "no outage was measured, so there is nothing to compare with";

/// Why a drill of this outcome is not scored.
pub(crate) fn unscored(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Void => "the fault never bit, so there was nothing to respond to",
        Outcome::Stopped => "the real world came first, and the drill was stopped",
        Outcome::Unfit => "the target was not in its steady state, so the drill did not begin",
        Outcome::Missed => "the planned start passed before the drill could begin",
        Outcome::Completed | Outcome::Aborted => "the drill has not ended",
    }
}

/// A dimension in words.
pub(crate) fn dimension(
    name: DimensionName,
    score: Option<f64>,
    applicable: bool,
    checks: &[Check],
) -> String {
    match (score, checks) {
        (Some(score), _) => format!("{}: {}.", about(name), standing(score)),
        (None, [Check { state: State::NotApplicable { why }, .. }, others @ ..])
            if others
                .iter()
                .all(|one| matches!(&one.state, State::NotApplicable { why: same } if same == why)) =>
        {
            format!("Not applicable: {why}.")
        }
        (None, _) if applicable => "Not enough evidence for a figure.".to_owned(),
        (None, _) => "Did not arise in this drill.".to_owned(),
    }
}

/// What a dimension is about.
pub(crate) fn about(name: DimensionName) -> &'static str {
    match name {
        DimensionName::Detect => "Noticing, declaring and looking after the alarms",
        DimensionName::Engage => "Bringing in the right people",
        DimensionName::Coordinate => "Working as one team",
        DimensionName::Diagnose => "Finding the cause",
        DimensionName::Mitigate => "Bringing service back safely",
        DimensionName::Communicate => "Telling people outside",
        DimensionName::Assess => "Judging the impact",
        DimensionName::Decide => "Choosing the lightest step that works",
        DimensionName::Close => "Ending the incident",
        DimensionName::Learn => "Writing it up and following up",
    }
}

fn standing(score: f64) -> &'static str {
    match score {
        s if s >= 0.85 => "a strength to keep",
        s if s >= 0.7 => "solid",
        s if s >= 0.4 => "partly there, and worth a talk",
        _ => "room to practise",
    }
}

pub(crate) fn recognised(after: Option<Span>) -> Said {
    match after {
        Some(after) => Said::asking(
            format!("The team noticed {} after users were first harmed.", time(after)),
            "What could have told the team sooner?",
        ),
        None => Said::asking(
            "Nothing in the journal shows that the team noticed the outage.",
            "What did the alarms and the channel look like from where the team sat?",
        ),
    }
}

pub(crate) fn declared(after: Option<Span>) -> Said {
    match after {
        Some(after) => Said::asking(
            format!("The team declared an incident {} after users were first harmed.", time(after)),
            "What was the team waiting for before it declared?",
        ),
        None => Said::asking(
            "No incident was declared once users were harmed.",
            "What would have made declaring feel right? Declaring early costs little.",
        ),
    }
}

pub(crate) fn triaged(acked: usize, of: usize) -> Said {
    Said::asking(
        if of == 1 && acked == 1 {
            "The alarm of the outage was acknowledged.".to_owned()
        } else {
            format!("{acked} of {} of the outage were acknowledged.", count(of, "alarm"))
        },
        "Who looks after alarms while everybody is busy?",
    )
}

pub(crate) fn nothing_broken(score: f64, answered: bool) -> Said {
    match (score >= 1.0, answered) {
        (true, _) => Said::plain("Nothing was broken, and the team said so."),
        (false, true) => Said::asking(
            "Nothing was broken, and the team came close to saying so.",
            "What would have made the team sure that nothing was broken?",
        ),
        (false, false) => Said::asking(
            "Nothing was broken, and nobody said so.",
            "How does the team end an alarm that turns out to be nothing?",
        ),
    }
}

pub(crate) fn no_cause() -> Said {
    Said::asking(
        "The team handed in no answer about the cause.",
        "What did the team believe the cause to be, and what kept it from writing that down?",
    )
}

pub(crate) fn component(named: &str, actual: &str, score: f64) -> Said {
    let named = if named.is_empty() { "no component" } else { named };
    let sentence = if score > 0.99 {
        format!("The team named {named}, and that is where the fault was.")
    } else {
        format!("The team named {named}; the fault was in {actual}.")
    };
    Said::asking(sentence, format!("Which signal would have pointed to {actual}?"))
}

pub(crate) fn kind(named: Option<&str>, actual: &str, score: f64) -> Said {
    let named = named.unwrap_or("no kind of fault");
    let sentence = match score {
        s if s > 0.99 => format!("The team called it {named}, which is what it was."),
        s if s > 0.0 => format!("The team called it {named}: the right family; it was {actual}."),
        _ => format!("The team called it {named}; it was {actual}."),
    };
    Said::asking(sentence, format!("What sets {actual} apart from what the team had in mind?"))
}

pub(crate) fn facts(right: usize, of: usize, wrong: usize) -> Said {
    let mut sentence = format!("The team's answer holds {right} of {}", count(of, "true fact"));
    if wrong > 0 {
        let statements = count(wrong, "statement");
        let _ = write!(sentence, " and {statements} that did not apply here");
    }
    sentence.push('.');
    Said::asking(sentence, "Which of the facts could have been seen during the drill, and where?")
}

pub(crate) fn onset(error: Option<f64>) -> Said {
    let question = "Where is the first trace of the fault, and who could see it?";
    match error {
        None => Said::asking("The answer does not say when it began.", question),
        Some(error) => {
            let direction = if error >= 0.0 { "after" } else { "before" };
            let size =
                time(Span::from_millis(format!("{:.0}", error.abs() * 1000.0).parse().unwrap_or(u64::MAX)));
            let sentence = if error.abs() < 1.0 {
                "The team named the moment when it began.".to_owned()
            } else {
                format!("The team put the beginning {size} {direction} the measured one.")
            };
            Said::asking(sentence, question)
        }
    }
}

pub(crate) fn evidence(cited: usize, looked: usize) -> Said {
    let sentence = match (cited, looked) {
        (0, 0) => "The answer points to nothing that was seen before it.".to_owned(),
        (0, looked) => format!(
            "Before its answer the team looked or logged {}, and the answer points to none of them.",
            if looked == 1 { "once".to_owned() } else { format!("{looked} times") }
        ),
        (cited, _) => format!("The answer points to {} that was seen before it.", count(cited, "thing")),
    };
    Said::asking(sentence, "What had the team seen that made it sure?")
}

pub(crate) fn milestones(passed: usize, of: usize, missing: Option<&str>) -> Said {
    let sentence = format!("The team passed {passed} of {}.", count(of, "milestone"));
    match missing {
        None => Said::plain(sentence),
        Some(name) => Said::asking(sentence, format!("What stood between the team and `{name}`?")),
    }
}

pub(crate) fn no_harm(harmless: bool) -> Said {
    if harmless {
        Said::plain("Nothing was broken, and the team broke nothing.")
    } else {
        Said::asking(
            "Nothing was broken to begin with, and users were harmed during the drill.",
            "Which step harmed users, and what would have shown that before?",
        )
    }
}

pub(crate) fn restored(after: Span, par: Span, relapses: usize) -> Said {
    let mut sentence = format!(
        "Service was measured as restored {} after StartEx (par: {}) and stayed so",
        time(after),
        time(par)
    );
    if relapses > 0 {
        let _ = write!(sentence, ", after {}", count(relapses, "relapse"));
    }
    sentence.push('.');
    Said::asking(sentence, "Which step took longest, and what would shorten it?")
}

pub(crate) fn not_restored(relapses: usize) -> Said {
    let sentence = if relapses > 0 {
        "Service came back and was lost again before the drill ended."
    } else {
        "Service was not measured as restored before the drill ended."
    };
    Said::asking(sentence, "What would have brought service back, even in part?")
}

pub(crate) fn restored_censored() -> Said {
    Said::plain("The drill was ended early, so nobody can tell whether service would have come back in time.")
}

pub(crate) fn spared(actual: f64, nothing: f64, par: f64) -> Said {
    let whole = |value: f64| number(format!("{:.0}", value.max(0.0)).parse().unwrap_or(u64::MAX));
    Said::asking(
        format!(
            "About {} requests failed; doing nothing would have cost about {}, a team at par about {}.",
            whole(actual),
            whole(nothing),
            whole(par)
        ),
        "Was there an earlier step that would have spared users, even without knowing the cause?",
    )
}

pub(crate) fn target_gone() -> Said {
    Said::asking(
        "The part that was at fault can no longer be found on the target.",
        "What was meant to come back in place of the part that was removed?",
    )
}

pub(crate) fn how(profile: Profile, held: bool, root: bool) -> Said {
    let sentence = match (held, root) {
        (true, true) => "Service came back because the fault itself was repaired.",
        (true, false) => "Service came back while the fault itself was still there.",
        (false, true) => "The fault was repaired, and service was not yet measured as restored.",
        (false, false) => "The fault was still there at the end.",
    };
    let question = match profile {
        Profile::UnderstandFirst => "What would have made the repair last?",
        Profile::RestoreFirst => "What was the quickest way back to service?",
    };
    Said::asking(sentence, question)
}

pub(crate) fn invariants(intact: bool) -> Said {
    if intact {
        Said::plain("Everything that had to stay intact stayed intact.")
    } else {
        Said::asking(
            "Something that had to stay intact did not.",
            "How would the team have noticed that in a real incident?",
        )
    }
}

pub(crate) fn preserved(score: f64) -> Said {
    let sentence = match score {
        s if s >= 1.0 => "The team looked or logged before it first changed something.",
        s if s > 0.0 => "The first change was logged right after it was made.",
        _ => "The first change came before anything was looked at or logged.",
    };
    Said::asking(sentence, "What did the first change take away that would have shown the cause?")
}

pub(crate) fn first_status(after: Option<Span>) -> Said {
    match after {
        Some(after) => Said::asking(
            format!("The first status update went out {} after users were first harmed.", time(after)),
            "What is the least that the team could have said earlier?",
        ),
        None => Said::asking(
            "No status update went out once users were harmed.",
            "Who was waiting for a word from the team, and whose task was it to give one?",
        ),
    }
}

pub(crate) fn cadence(score: f64) -> Said {
    Said::asking(
        format!("For {} of the incident, what people outside knew was fresh.", percent(score)),
        "What would remind the team that an update is due?",
    )
}

pub(crate) fn content(score: Option<f64>) -> Said {
    let question = "What would a user want to read first?";
    match score {
        None => Said::asking("No status update went out, so there was nothing to read.", question),
        Some(score) if score > 0.99 => {
            Said::plain("Every update says what is wrong, to whom it goes and when more will come.")
        }
        Some(_) => Said::asking(
            "Some updates leave out what is wrong, whom they are for or when more will come.",
            question,
        ),
    }
}

pub(crate) fn promises(kept: usize, due: usize) -> Said {
    Said::asking(
        format!("{kept} of {} of a next update were kept.", count(due, "promise")),
        "What makes a promised time easy to keep?",
    )
}

pub(crate) fn audiences(told: &[&str]) -> Said {
    let sentence = match told {
        [] => "Neither users nor stakeholders were addressed.".to_owned(),
        told if told.len() > 1 => format!("Updates went to {}.", list(told)),
        told => format!("Updates went to {} alone.", list(told)),
    };
    Said::asking(sentence, "Who else was asking themselves what was going on?")
}

pub(crate) fn truthful(wrong_at: Option<&str>) -> Said {
    match wrong_at {
        None => Said::plain("What the team told people agrees with what was measured at that moment."),
        Some(at) => Said::asking(
            format!("At {at} the team said that it was over while requests were still failing."),
            "Which figure does the team look at before it gives the all-clear?",
        ),
    }
}

pub(crate) fn severity(answered: usize, of: usize, right: usize, unsure: usize) -> Said {
    let sentence = if answered == 0 {
        format!("The team answered none of {} of the severity checklist.", count(of, "question"))
    } else {
        let mut sentence = format!(
            "The team answered {answered} of {} of the severity checklist; {right} as declared",
            count(of, "question")
        );
        if unsure > 0 {
            let _ = write!(sentence, ", {unsure} with an honest \u{201c}don't know\u{201d}");
        }
        sentence.push('.');
        sentence
    };
    Said::asking(
        sentence,
        "Who can tell the team how many users, which sites and which services are affected?",
    )
}

pub(crate) fn no_assessment() -> Said {
    Said::asking(
        "The team handed in no assessment of the impact.",
        "From which data could the team tell who was harmed, when and how much?",
    )
}

fn stretch(seconds: Option<(f64, f64)>) -> String {
    let offset = |at: f64| {
        // Whole seconds that have passed, as everywhere in the debrief.
        let whole = format!("{:.0}", at.abs().floor());
        let span = Span::from_secs(whole.parse().unwrap_or_default());
        format!("T{}{span}", if at < 0.0 { '-' } else { '+' })
    };
    seconds.map_or_else(
        || "no time at all".to_owned(),
        |(from, to)| format!("{} to {}", offset(from), offset(to)),
    )
}

pub(crate) fn window(claimed: Option<(f64, f64)>, actual: Option<(f64, f64)>, score: f64) -> Said {
    let agreement = match score {
        s if s > 0.95 => "a close match",
        s if s >= 0.8 => "a good match",
        s if s >= 0.4 => "a partial match",
        _ => "far apart",
    };
    Said::asking(
        format!(
            "The team put the outage at {}; measured was {}: {agreement}.",
            stretch(claimed),
            stretch(actual)
        ),
        "Which source gives the team the first and the last failed request?",
    )
}

pub(crate) fn classes(claimed: &str, actual: &str, score: f64) -> Said {
    let or_none = |names: &str| {
        if names.is_empty() { "no class".to_owned() } else { names.to_owned() }
    };
    let sentence = if score > 0.99 {
        format!("The team named the classes that were harmed: {}.", or_none(actual))
    } else {
        format!("The team named {} as harmed; measured was {}.", or_none(claimed), or_none(actual))
    };
    Said::asking(sentence, "How can the team see each kind of request by itself?")
}

/// `put 40 % (measured 52 %)`.
pub(crate) fn share_pair(class: &ClassName, claimed: Option<&ClaimedShare>, share: f64) -> String {
    let claimed = claimed.map_or_else(|| "not given".to_owned(), claimed_share);
    format!("{class} {claimed} (measured {})", percent(share))
}

/// `40 %`, `30 to 50 %`.
pub(crate) fn claimed_share(claim: &ClaimedShare) -> String {
    match claim.up_to {
        None => percent(claim.percent / 100.0),
        Some(up_to) => format!("{:.0} to {}", claim.percent, percent(up_to / 100.0)),
    }
}

pub(crate) fn shares(pairs: &[String]) -> Said {
    Said::asking(
        format!("Failed requests as the team saw them: {}.", list(pairs)),
        "Which count would have given the team these shares?",
    )
}
