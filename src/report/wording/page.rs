//! The words of the debrief's page: banner, headings, prose and the questions for what only people can fill in.

use std::fmt::Write as _;

use super::{list, number, percent, tame, time};
use crate::{
    base::{ClassName, Span},
    drill::{event::Outcome, plan::Admission},
    report::impact::Count,
    scenario::{Profile, severity::Answer, truth::DecisionTruth},
};

/// Stands above everything.
pub const BANNER: &str = "PRACTICE / EXERCISE";
/// What the debrief is not for.
pub const PURPOSE: &str = "For learning. Not for performance review: the subject is how the team, its tools and its target worked together.";
/// Where the truth begins.
pub const REVEAL: &str = "The reveal";
/// What comes before it.
pub const REVEAL_NOTE: &str = "Everything above is what the team did, said and could measure. From here on the truth is told. The team's answers were frozen at EndEx.";
/// Row of the impact table.
pub const BEGAN: &str = "Harm began";
/// Row of the impact table.
pub const OVER: &str = "Harm ended";
/// Where nothing was claimed.
pub const NOT_CLAIMED: &str = "not claimed";
/// For a question of the checklist without an answer.
pub const NOT_ANSWERED: &str = "not answered";
/// For a ticket that is still open.
pub const NOT_CLOSED: &str = "not closed";
/// For a team that opened no ticket.
pub const NO_TICKET: &str = "No ticket was opened.";
/// Where nothing was measured.
pub const NOT_MEASURED: &str = "not measured";
/// For a team that gave no assessment.
pub const NO_ASSESSMENT: &str = "The team handed in no assessment of the impact.";
/// For a cell that stays empty.
pub const NONE: &str = "none";
/// How windows are measured.
pub const DEFINITION: &str = "A second is bad when its own requests miss the scenario's test for restored service. Bad seconds at most 5 s apart form one window; fewer than 3 bad seconds are not counted. Shares are counted inside the windows.";
/// Heads the questions of the score.
pub const TALK_ABOUT: &str = "Worth a talk";
/// Explains the figures.
pub const ABOUT_SCORES: &str = "Figures are from 0 to 1 and rest on the journal alone. There is no overall figure. What could not be judged says why and counts for nothing.";
/// For a person without a role.
pub const A_RESPONDER: &str = "a responder";

/// How a profile is called.
pub fn profile(profile: Profile) -> &'static str {
    match profile {
        Profile::UnderstandFirst => "understand-first",
        Profile::RestoreFirst => "restore-first",
    }
}

/// An answer to a question of the severity checklist: `yes`, `east and west`, `don't know`.
pub fn answer(answer: Option<&Answer>) -> String {
    let word = |word: &String| match word.as_str() {
        "true" => "yes".to_owned(),
        "false" => "no".to_owned(),
        word => tame(word),
    };
    match answer {
        None => NOT_ANSWERED.to_owned(),
        Some(Answer::DontKnow) => "don't know".to_owned(),
        Some(Answer::Says(words)) => list(&words.iter().map(word).collect::<Vec<_>>()),
    }
}

/// Whether an option of the decision ladder was chosen.
pub fn chosen(at: Option<&str>) -> String {
    at.map_or_else(|| "not chosen".to_owned(), |at| format!("chosen at {at}"))
}

/// What an option of the decision ladder would have done.
pub fn would_have(declared: &DecisionTruth) -> String {
    let did = match (declared.harmful, declared.effective) {
        (true, _) => "would have made things worse",
        (false, true) => "would have restored service",
        (false, false) => "would not have restored service, and harmed nobody",
    };
    match &declared.knowable_after {
        Some(milestone) => format!("{did}; to be known after `{}`", tame(milestone)),
        None => did.to_owned(),
    }
}

/// How a drill ended.
pub fn outcome(outcome: Option<Outcome>) -> &'static str {
    outcome.map_or("still running", Outcome::as_str)
}

/// The rules that were waived for a drill, and why.
pub fn waived(admission: &Admission) -> Vec<String> {
    let unrehearsed = admission.unrehearsed.as_ref();
    let anyway = admission.roster.as_ref().and_then(|roster| roster.anyway.as_ref());
    let told = [
        unrehearsed.map(|why| format!("The scenario was not rehearsed as it is: {}", tame(why))),
        anyway.map(|why| format!("The roster was played as it was: {}", tame(why))),
    ];
    told.into_iter().flatten().collect()
}

/// The one line.
pub fn one_line(unscored: Option<&str>, harmed: Span, worst: Option<(&ClassName, Count)>) -> String {
    if let Some(why) = unscored {
        return format!("This drill is not scored: {why}.");
    }
    match worst {
        _ if harmed == Span::ZERO => "No harm to users was measured.".to_owned(),
        Some((class, count)) => format!(
            "Users were harmed for {}; {class} was hit hardest, with {} of its requests failing.",
            time(harmed),
            percent(count.share())
        ),
        None => format!("Users were harmed for {}.", time(harmed)),
    }
}

/// The account under the one line.
pub fn account(responders: usize, length: Span, declared: Option<Span>, restored: Option<Span>) -> String {
    let team = match responders {
        0 => "Nobody".to_owned(),
        1 => "One responder".to_owned(),
        n => format!("A team of {n} responders"),
    };
    let declared = declared.map_or_else(
        || "No incident was declared".to_owned(),
        |after| format!("An incident was declared {} after StartEx", time(after)),
    );
    let restored = restored.map_or_else(
        || "service was not measured as restored".to_owned(),
        |after| format!("service was back {} after StartEx, as measured", time(after)),
    );
    format!(
        "{team} worked on a real, deliberately broken staging target for {}. {declared}; {restored}.",
        time(length)
    )
}

/// What was measured.
pub fn measured(
    windows: usize,
    harmed: Span,
    inside: Count,
    harmed_classes: &[String],
    late_ms: u32,
) -> String {
    if windows == 0 {
        return "No outage was measured: every second passed the scenario's test for restored service."
            .to_owned();
    }
    let mut text = format!(
        "Users were harmed for {} in {}: {} of {} requests failed ({}). Harmed: {}.",
        time(harmed),
        super::count(windows, "window"),
        number(inside.failed),
        number(inside.sent),
        percent(inside.share()),
        list(harmed_classes)
    );
    if late_ms > 500 {
        let _ = write!(
            text,
            " The synthetic users were up to {late_ms} ms late with their own starts, so part of this is the measuring machine's."
        );
    }
    text
}

/// The story's beats; each with its time in front.
pub fn beat_began(at: &str) -> String {
    format!("{at}: users began to be harmed.")
}

/// The first alarm.
pub fn beat_alarm(at: &str, alarm: &str, after: Option<Span>) -> String {
    after.map_or_else(
        || format!("{at}: the first alarm, {alarm}, was raised."),
        |after| format!("{at}: the first alarm, {alarm}, was raised, {} into the outage.", time(after)),
    )
}

/// A person noticed.
pub fn beat_noticed(at: &str) -> String {
    format!("{at}: the team showed that it had noticed.")
}

/// An incident was declared.
pub fn beat_declared(at: &str, text: &str) -> String {
    format!("{at}: the team declared an incident: \u{201c}{text}\u{201d}")
}

/// The first status update.
pub fn beat_status(at: &str) -> String {
    format!("{at}: the first status update went out.")
}

/// The first change on the target.
pub fn beat_operation(at: &str, argv: &str) -> String {
    format!("{at}: the team first ran `{argv}` on the target.")
}

/// The first guess at the cause.
pub fn beat_guess(at: &str, words: &str) -> String {
    format!("{at}: a first guess at the cause: {words}.")
}

/// Service came back.
pub fn beat_restored(at: &str) -> String {
    format!("{at}: service was back, as measured.")
}

/// It failed again.
pub fn beat_relapsed(at: &str) -> String {
    format!("{at}: service failed again.")
}

/// The drill ended.
pub fn beat_ended(at: &str, outcome: &str) -> String {
    format!("{at}: EndEx ({outcome}).")
}

/// How it was noticed.
pub fn detection(alarms: usize, first: Option<Span>, noticed: Option<Span>) -> String {
    let alarms = match (alarms, first) {
        (0, _) => "No alarm was raised.".to_owned(),
        (n, Some(after)) => {
            format!("{}; the first came {} after users were first harmed.", raised(n), time(after))
        }
        (n, None) => format!("{}.", raised(n)),
    };
    let noticed = noticed.map_or_else(
        || "Nothing in the journal shows that the team noticed.".to_owned(),
        |after| format!("The team showed that it had noticed {} after users were first harmed.", time(after)),
    );
    format!("{alarms} {noticed}")
}

fn raised(alarms: usize) -> String {
    match alarms {
        1 => "One alarm was raised".to_owned(),
        n => format!("{n} alarms were raised"),
    }
}

/// What brought service back.
pub fn resolution(restored: Option<&str>, last_action: Option<&str>, repaired: bool) -> String {
    let Some(restored) = restored else {
        return "Service was not measured as restored during the drill; the faults were taken back after EndEx."
            .to_owned();
    };
    let by = last_action.map_or_else(
        || "No operation was recorded before it.".to_owned(),
        |argv| format!("The last operation before it was `{argv}`."),
    );
    let fault = if repaired {
        "The fault itself had been repaired by the team."
    } else {
        "The fault itself was still there and was taken back after EndEx."
    };
    format!("Service was measured as restored from {restored} on. {by} {fault}")
}

/// How near a claim was.
pub fn nearness(score: f64) -> &'static str {
    match score {
        s if s >= 0.7 => "at the cause",
        s if s >= 0.2 => "near it",
        _ => "elsewhere",
    }
}

/// Thanks to those who were there.
pub fn acknowledgements(people: &[String]) -> String {
    if people.is_empty() {
        "Thanks to everybody who made this practice possible.".to_owned()
    } else {
        format!(
            "Thanks to {} for practising, and for making the next real incident a little easier.",
            list(people)
        )
    }
}

/// Severity and decision: asked, never guessed.
pub const DECISIONS: [(&str, &str); 3] = [
    (
        "Severity",
        "How many users, sites and services were affected, how critical were they, and what did the team know of that at the time?",
    ),
    ("Decision", "Which steps were considered, the lightest first, and why was this one taken?"),
    ("Who decided", "Which role took the decision, and who was asked before?"),
];

/// What people bring to the table.
pub const REFLECTIONS: [(&str, &str); 4] = [
    ("Went well", "What should the team do again just like this?"),
    ("Went poorly", "What made the work harder than it had to be?"),
    ("Got lucky", "What helped that nobody can count on?"),
    ("Surprised", "What did the target or the tools do that nobody expected?"),
];

/// Lessons.
pub const LESSONS: [(&str, &str); 3] = [
    ("The system", "What does the team now know about the target that it did not know before?"),
    ("The response", "What will the team do differently in the next incident?"),
    ("The practice", "What would make this drill itself more useful?"),
];

/// The improvement plan.
pub const IMPROVEMENT: (&str, &str) =
    ("Corrective actions", "Which few actions follow, each with an owner role, a ticket and a due date?");

/// The steps of the talk: heading and opening question.
pub const WALK: [(&str, &str); 8] = [
    ("Before anybody had noticed", "What could have been seen at this time, and where?"),
    ("Noticed", "What did you think was happening, and what made you think so?"),
    ("Working on it", "When did your idea of the cause change, and what changed it?"),
    ("After service was back", "How did you know that it was over, and who told whom?"),
    ("Severity and decisions", "What did you know when you chose, and what would you have needed to know?"),
    ("The reveal", "What of this could have been known then? Where did it show?"),
    ("Trainers and measurement", "Where do they see different things, and who looked where?"),
    ("What we take with us", "Which one to three actions will still be there next month?"),
];
