//! The words of engage, coordinate, decide and close: how the team worked together.

use super::{Said, count, percent, time};
use crate::{base::Span, scenario::truth::Rung};
use std::fmt::Write as _;

pub(crate) const NO_OWNER: &str = "the scenario declares no owner of the broken part";
pub(crate) const NEVER_STUCK: &str = "service was back by par, so nobody was stuck";
pub(crate) const NOTHING_TO_MIRROR: &str = "no update went out, so there was nothing to mirror";
pub(crate) const TOO_SHORT_TO_COORDINATE: &str = "service was back before a coordinator was due";
pub(crate) const NOBODY_COORDINATED: &str = "nobody coordinated, so no role was in conflict with that";
pub(crate) const ALONE: &str = "one person responded alone";
pub(crate) const NO_HAND_OVER: &str = "no role was handed over";
pub(crate) const NO_CHANGE_RECORDED: &str =
    "no operation and no repair was recorded, so nobody can tell what was changed";
pub(crate) const NO_LADDER: &str = "this drill offers no decision ladder";
pub(crate) const NOT_YET_KNOWABLE: &str =
    "when the team decided, what that option would do could not be known yet";
pub(crate) const MILESTONE_UNTOLD: &str =
    "needs a grader: a journal cannot tell when what the option would do could be known";
pub(crate) const NOT_OVER: &str = "service was not measured as restored, and nobody said that it was over";
pub(crate) const NOBODY_ALARMED: &str = "nobody outside was told that something was wrong";
pub(crate) const NO_ALL_CLEAR_TO_JUDGE: &str = "no all-clear was given";
pub(crate) const NOTHING_TO_HAND_BACK: &str =
    "there was nothing to hand back, or no time to do it before EndEx";
pub(crate) const NO_DEBRIEF_YET: &str = "the debrief has not been held";

pub(crate) fn no_ticket() -> Said {
    Said::asking(
        "No ticket was opened once users were harmed.",
        "Where would somebody who joins an hour later read what has happened so far?",
    )
}

pub(crate) fn ticket(after: Span, fields: f64) -> Said {
    let fields = match fields {
        right if right > 0.99 => "its fields are right",
        right if right >= 0.5 => "its fields are partly right",
        _ => "its fields say little of what was broken",
    };
    Said::asking(
        format!("The ticket was opened {} after users were first harmed; {fields}.", time(after)),
        "Whose task is it to open the ticket, and to correct it when more is known?",
    )
}

pub(crate) fn owners(right: usize, of: usize, others: usize) -> Said {
    let mut sentence = match right {
        0 => "Nobody who owns the broken part was on copy".to_owned(),
        all if all == of => "Whoever owns the broken part was on copy".to_owned(),
        some => format!("{some} of {} of the broken part were on copy", count(of, "owner")),
    };
    if others > 0 {
        let _ = write!(sentence, ", and {others} besides");
    }
    sentence.push('.');
    Said::asking(sentence, "How does the team find out who owns a part, and how are they called?")
}

pub(crate) fn escalated(late: Option<f64>) -> Said {
    let question = "What would make it easy to say that the team needs help?";
    match late {
        None => Said::asking("The outage went on beyond par, and nobody else was brought in.", question),
        Some(late) if late <= 0.0 => {
            Said::plain("The outage went on beyond par, and help had been asked for by then.")
        }
        Some(late) => {
            let late = Span::from_millis(format!("{:.0}", late * 1000.0).parse().unwrap_or(u64::MAX));
            Said::asking(
                format!("The outage went on beyond par, and help was asked for {} after it.", time(late)),
                question,
            )
        }
    }
}

pub(crate) fn first_line(after: Option<Span>) -> Said {
    let question = "What did those hear who had users on the line?";
    match after {
        Some(after) => Said::asking(
            format!("The first line knew {} after users were first harmed.", time(after)),
            question,
        ),
        None => Said::asking("The first line was not warned.", question),
    }
}

pub(crate) fn coordinator(share: f64, nobody: bool) -> Said {
    let sentence = match share {
        _ if nobody => "Nobody coordinated the incident.".to_owned(),
        s if s > 0.999 => "Exactly one person coordinated, all through the incident.".to_owned(),
        share => format!("For {} of the incident exactly one person coordinated.", percent(share)),
    };
    Said::asking(sentence, "How does everybody know at each moment who coordinates?")
}

pub(crate) fn conflicts(share: f64, by_hand: usize, of: usize) -> Said {
    let sentence = match (share > 0.0, by_hand > 0) {
        (false, false) => return Said::plain("Who coordinated left the work on the target to others."),
        (true, false) => {
            format!("For {} of their time the coordinator held a working role, too.", percent(share))
        }
        (false, true) => {
            format!("The coordinator ran {by_hand} of {} on the target.", count(of, "operation"))
        }
        (true, true) => format!(
            "For {} of their time the coordinator held a working role, too, and ran {by_hand} of {}.",
            percent(share),
            count(of, "operation")
        ),
    };
    Said::asking(sentence, "Who kept the overview while the coordinator's hands were busy?")
}

pub(crate) fn logged(before: usize, of: usize) -> Said {
    Said::asking(
        format!(
            "{before} of {} of the target {} announced in the log before.",
            count(of, "change"),
            if of == 1 { "was" } else { "were" }
        ),
        "What would have gone wrong if two people had changed the same thing at once?",
    )
}

pub(crate) fn reported(told: usize, of: usize) -> Said {
    Said::asking(
        format!("The outcome of {told} of {} of the target was told afterwards.", count(of, "change")),
        "How did the others learn whether a change had helped?",
    )
}

pub(crate) fn reported_censored() -> Said {
    Said::plain("The drill ended right after the change, so there was no time to tell how it came out.")
}

pub(crate) fn handed_over(told: usize, of: usize, kept: usize) -> Said {
    let kept = match kept {
        0 => String::new(),
        kept => format!(" {} stayed with somebody whose shift was over.", count(kept, "role")),
    };
    Said::asking(
        format!(
            "{told} of {} came with a note that says what the next one must know.{kept}",
            count(of, "hand-over")
        ),
        "What did the one who took over have to ask again?",
    )
}

pub(crate) fn mirrored(inside: usize, of: usize) -> Said {
    Said::asking(
        format!("{inside} of {} went into the ticket, too.", count(of, "update")),
        "Whose task is it to keep the ticket as current as the channel?",
    )
}

pub(crate) fn no_decision() -> Said {
    Said::asking(
        "No decision was recorded while users were harmed.",
        "Which steps were considered, and who chose among them?",
    )
}

pub(crate) fn choice(option: Rung, harmful: bool, works: bool, heavier: usize) -> Said {
    let sentence = match (harmful, works, heavier) {
        (true, ..) => format!("The team decided `{option}`, and that makes this outage worse."),
        (_, false, _) => format!("The team decided `{option}`, which does not end this outage."),
        (_, true, 0) => format!("The team decided `{option}`: the lightest step that was known to work."),
        (_, true, heavier) => format!(
            "The team decided `{option}`, {} above the lightest that was known to work.",
            count(heavier, "rung")
        ),
    };
    Said::asking(sentence, "Which lighter step was there, and what spoke against it?")
}

pub(crate) fn reasons(says: bool, recorded: bool) -> Said {
    let sentence = match (says, recorded) {
        (true, true) => return Said::plain("The decision has its reason, and both are in the ticket."),
        (true, false) => "The decision has its reason, and the ticket holds neither.",
        (false, true) => "The decision is in the ticket with hardly a reason.",
        (false, false) => "The decision has hardly a reason, and is not in the ticket.",
    };
    Said::asking(sentence, "What would somebody need who has to defend this decision a week later?")
}

pub(crate) fn asked(others: usize) -> Said {
    if others > 0 {
        return Said::plain("Somebody else was asked before the decision.");
    }
    Said::asking(
        "Nobody else was asked before the decision.",
        "Who could have seen what the decider did not?",
    )
}

pub(crate) fn no_all_clear() -> Said {
    Said::asking(
        "Service was measured as restored, and nobody said that it was over.",
        "How do people know that they may go back to other work?",
    )
}

pub(crate) fn close_censored() -> Said {
    Said::plain(
        "The drill ended soon after service was back, so nobody can tell how the incident would have been closed.",
    )
}

pub(crate) fn nominal(waited: Option<(f64, f64)>) -> Said {
    let question = "How long does service have to be good before the team believes it?";
    let span = |secs: f64| {
        time(Span::from_millis(format!("{:.0}", secs.max(0.0) * 1000.0).parse().unwrap_or(u64::MAX)))
    };
    match waited {
        None => Said::asking(
            "The team said that it was over, and service was not measured as restored.",
            question,
        ),
        Some((waited, _)) if waited < 0.0 => {
            Said::asking("The last all-clear came before service was good.", question)
        }
        Some((waited, period)) if waited < period => Said::asking(
            format!(
                "The all-clear came after {} of good service; {} were asked for.",
                span(waited),
                span(period)
            ),
            question,
        ),
        Some((_, period)) => {
            Said::plain(format!("The all-clear came when service had been good for {}.", span(period)))
        }
    }
}

pub(crate) fn cleared(cleared: usize, of: usize) -> Said {
    Said::asking(
        format!("{cleared} of {} that had been alarmed heard that it was over.", count(of, "audience")),
        "Who is still waiting for the all-clear?",
    )
}

pub(crate) fn closed_by(right: usize, of: usize) -> Said {
    Said::asking(
        format!("{right} of {} came from the role whose word it is.", count(of, "all-clear")),
        "Who may say that it is over, and do all know that?",
    )
}

pub(crate) fn handed_back(back: usize, of: usize) -> Said {
    Said::asking(
        format!("{back} of {} were handed back: roles given back, the ticket closed.", count(of, "thing")),
        "What is still held that nobody needs any more?",
    )
}
