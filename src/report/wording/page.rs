//! The words of the debrief's page: banner, headings, prose and the questions for what only people can fill in.

use std::fmt::Write as _;

use super::{list, number, percent, tame, time};
use crate::{
    base::{ClassName, Span},
    drill::{event::Outcome, plan::Admission},
    report::{follow_up::CorrectiveAction, impact::Count},
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

/// For a team that gave figures and no words.
pub const ASSESSED_IN_FIGURES: &str = "The team assessed the impact in figures.";
/// For a team in which nobody took a role.
pub const NO_ROLE: &str = "Nobody took a role.";
/// For a team that left no trace on the target.
pub const NO_ACTION: &str = "Nothing was logged, and no operation was recorded.";
/// For a team that told nobody.
pub const NO_BROADCAST: &str = "No status update went out.";
/// For a drill without a fault.
pub const NO_FAULT: &str = "Nothing: this drill had no fault.";
/// For a repair that no recorded operation made.
pub const REPAIRED_BY_HAND: &str = "repaired by hand";
/// For a milestone that was not passed.
pub const NOT_PASSED: &str = "not during this drill";
/// For a milestone that a journal cannot tell.
pub const NOT_TOLD: &str = "for people to say: the journal cannot tell";
/// Above the ledger of hints.
pub const HINTS_ARE_FREE: &str = "Hints cost nothing.";
/// For a team that needed none.
pub const NO_HINT: &str = "No hint was given.";
/// How to read the picture of claims.
pub const DUMBBELL: &str = "Diamonds are the team\u{2019}s claims, dots what the synthetic users measured. The longer the line between them, the more there is to ask which instrument would have told.";
/// How to read the strip.
pub const STRIP: &str = "The whole drill on one line of time: what users met above, what the team did below. Most questions ask themselves here.";
/// How to read the picture of roles.
pub const ROLES: &str = "The shaded time is the incident. Crosses mark where nobody coordinated, or where one person had two jobs at once: did it feel like that from inside?";
/// How to read the picture of actions.
pub const ACTIONS: &str = "A diamond is the log entry that announced a change, the square is the change, the disc the first word about what came of it.";
/// How to read the saw.
pub const STATUS_AGE: &str = "The line climbs while people outside wait, and falls with every update. Whose questions came in meanwhile?";
/// How to read the picture of the spread.
pub const SPREAD: &str = "Rows are components, the cause at the top; arrows show how it spread. Diamonds show where the team looked, hollow for a guess, filled for an answer. A symptom is often found before its cause.";
/// How to read the ladder.
pub const LADDER: &str = "From where a bar begins, an option\u{2019}s effect could be known. A choice before that is judged on nothing.";
/// How to read the curve of failures.
pub const FAILURES: &str = "What users met, beside two courses at the rate of failures from before anybody touched the target: doing nothing until the limit, and a repair at par.";
/// How to read the dots.
pub const CAPABILITIES: &str = "Dots by the profile of this drill, hollow diamonds by the other one. There is no sum, and no line from drill to drill.";
/// Above the timeline.
pub const EVERY_LINE: &str = "Every line is an event of the journal. Times are UTC and counted from StartEx.";
/// Above the guesses.
pub const BLIND_ALLEYS: &str = "Blind alleys cost nothing: they are how causes are found";
/// Above the milestones.
pub const MILESTONES: &str = "What was within reach, and when it was reached";
/// Above the yes-or-no card.
pub const CARD: &str = "Answered where the journal can tell; the rest is the team\u{2019}s";
/// Above the checks.
pub const EVIDENCE: &str = "Evidence is the number of a journal event";
/// How corrective actions get onto the list.
pub const TO_THE_LIST: &str = "`gameday actions add` writes down what is agreed on, and so does the trainers\u{2019} page; a later drill can show whether it helped.";
/// Measures of runs side by side, in this order.
pub const MEASURES: [&str; 6] = [
    "noticed, after the first harm",
    "declared, after the first harm",
    "first word outside, after it",
    "service back, after it",
    "users harmed for",
    "length of the drill",
];
/// After the letters of runs whose scenario file differs from the first one's.
pub const OTHER_TEXT: &str = "played another text of the scenario than A: look at both before you compare.";
/// After the letters of runs with another profile.
pub const OTHER_PROFILE: &str = "was judged by another profile than A.";

/// Heads every view of a house.
pub const VIEW_NOTE: &str = "This view tells the truth about the outage from its first line on. The whole debrief keeps it until after the team\u{2019}s own story.";
/// Above contributing factors.
pub const FACTORS_NOT_PEOPLE: &str =
    "Conditions that came together. What one person did is never one of them.";
/// For an alarm without a runbook.
pub const NO_RUNBOOK: &str = "missing";
/// For a drill without alarms.
pub const NO_ALARM: &str = "No alarm was raised.";
/// How an objective is rated.
pub const RATING: &str = "P, S, M or U: performed without challenges, with some, with major ones or added risk, or unable to be performed?";
/// For a drill without a strong check.
pub const NOTHING_STRONG: &str = "No check stands out. What did the trainers see that no journal can?";
/// For a drill without a weak check.
pub const NOTHING_WEAK: &str = "No check is weak. What did the trainers see that no journal can?";
/// Above runs side by side.
pub const NO_RANKING: &str = "Runs of the same scenario beside each other, to see how differently one outage can be worked. Letters are runs, not people; there is no order among them, no sum and no trend. Groups differ, and so does luck.";
/// How to read the signs of runs.
pub const RUN_SIGNS: &str = "Each run has a line and a sign of its own. What is not there could not be told.";
/// What runs side by side open.
pub const COMPARED: [(&str, &str); 3] = [
    ("Where they differ most", "What did the groups see, and when, that led them different ways?"),
    ("Where all were slow", "What of the target, its alarms or its documents would have helped everybody?"),
    ("What to take over", "Which habit of another group would be worth trying in the next drill?"),
];

/// The title of runs side by side.
pub fn side_by_side(title: &str) -> String {
    format!("{}: runs side by side", tame(title))
}

/// Where runs side by side come from.
pub fn compared_source(scenario: &str, runs: usize) -> String {
    format!("Scenario {}, {runs} runs.", tame(scenario))
}

/// Above what went best by the journal.
pub const STRENGTHS: &str = "To begin with, from the journal alone: this went well. What made it possible?";
/// For the talk, under the impact.
pub const ASK_IMPACT: &str = "Which of these figures would you have guessed otherwise, and where could you have looked it up at the time?";
/// For the talk, under the story.
pub const ASK_STORY: &str = "Is this how it felt? Where does the picture go on for minutes in which it felt like seconds, or the other way round?";
/// For the talk, under detection.
pub const ASK_DETECTION: &str =
    "What told you first that something was wrong, and what would have told you sooner?";
/// For the talk, under roles.
pub const ASK_ROLES: &str =
    "When did you know who was coordinating, and how did somebody who came late find out?";
/// For the talk, under actions.
pub const ASK_ACTIONS: &str =
    "Before which of these changes would a word in the log have helped somebody else?";
/// For the talk, under broadcasts.
pub const ASK_BROADCASTS: &str =
    "What would you have wanted to read, and when, had you been one of the users?";
/// For the talk, under the resolution.
pub const ASK_RESOLUTION: &str =
    "What makes you confident that this repair would hold tomorrow, and who would notice if it did not?";

/// A check's finding, with what it asks.
pub fn finding(sentence: &str, question: Option<&str>) -> String {
    question.map_or_else(|| tame(sentence), |question| format!("{} {}", tame(sentence), tame(question)))
}

/// Whose eyes a replay is for.
pub const REPLAY_RESPONDER: &str = "as responders saw it";
/// Whose eyes a replay is for.
pub const REPLAY_INSTIGATOR: &str = "with the truth, as instigators saw it";

/// The line under a replay's title.
pub fn replayed(drill: &str, date: &str, side: &str) -> String {
    format!("Drill {drill} of {date} once more, {side}. Times are counted from StartEx.")
}

/// The team's own words about the impact.
pub fn assessed(text: &str) -> String {
    format!("The team\u{2019}s assessment: \u{201c}{text}\u{201d}")
}

/// Lines that only the journal holds.
pub fn left_out(lines: usize) -> String {
    format!("{} more lines are in the journal.", number(u64::try_from(lines).unwrap_or(u64::MAX)))
}

/// An injector whose fault does not belong to the outage.
pub fn noise(injector: &str) -> String {
    format!("{injector} (noise, not part of the outage)")
}

/// A milestone's name in words.
pub fn milestone(name: &str) -> String {
    let says = match name {
        "symptom" => "the outage was noticed",
        "localised" => "the part at fault was named",
        "mechanism" => "how it fails was understood",
        "mitigated" => "service had stayed good for long enough",
        "root-fixed" => "the fault itself was seen to be gone",
        _ => return tame(name),
    };
    format!("{}: {says}", tame(name))
}

/// The answer to a question of the card.
pub fn card_answer(answer: Option<bool>) -> &'static str {
    match answer {
        Some(true) => "yes",
        Some(false) => "no",
        None => "to answer",
    }
}

/// A vetted question that was asked.
pub fn asked_at(question: &str, at: &str) -> String {
    format!("{question} (asked at {at})")
}

/// Why there are no figures.
pub fn nothing_scored(why: &str) -> String {
    format!("Nothing is scored: {why}.")
}

/// By which rules the figures are.
pub fn profile_and_scorer(of: Profile, scorer: u32) -> String {
    format!("Profile of this drill: {}. Scorer version {scorer}.", profile(of))
}

/// Where a write-up comes from. A scenario that was sealed had committed to its text before.
pub fn source(drill: &str, scenario: &str, seed: u64, digest: &str, sealed: Option<&str>) -> String {
    let sealed = sealed
        .map(|commitment| format!(" The scenario was sealed and had committed to {}.", tame(commitment)));
    format!(
        "Drill {}, scenario {}, seed {seed}, digest {}.{}",
        tame(drill),
        tame(scenario),
        tame(digest),
        sealed.unwrap_or_default()
    )
}

/// How a corrective action stands.
pub fn action_stands(action: &CorrectiveAction) -> String {
    let told = |note: &str| if note.is_empty() { String::new() } else { format!(": {}", tame(note)) };
    let mut stands = action
        .done
        .as_ref()
        .map_or_else(|| "open".to_owned(), |(at, note)| format!("done on {}{}", at.date(), told(note)));
    for tested in &action.tested {
        let _ = write!(stands, "; put to the test in {}{}", tested.drill, told(&tested.note));
    }
    stands
}

/// What is still to be agreed on is a dash.
pub fn or_open(given: Option<&str>) -> String {
    given.map_or_else(|| "\u{2013}".to_owned(), tame)
}

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
pub fn did(declared: &DecisionTruth) -> &'static str {
    match (declared.harmful, declared.effective) {
        (true, _) => "would have made things worse",
        (false, true) => "would have restored service",
        (false, false) => "would not have restored service, and harmed nobody",
    }
}

/// The same with when that could be known.
pub fn would_have(declared: &DecisionTruth) -> String {
    let did = did(declared);
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

/// The first look at the target, or change of it.
pub fn beat_operation(at: &str, argv: &str) -> String {
    format!("{at}: the team first turned to the target, with `{argv}`.")
}

/// The first guess at the cause.
pub fn beat_guess(at: &str, words: &str) -> String {
    format!("{at}: a first guess at the cause: {words}.")
}

/// The target was changed.
pub fn beat_change(at: &str, argv: &str) -> String {
    format!("{at}: `{argv}`, run by the team, was done.")
}

/// A decision was recorded.
pub fn beat_decided(at: &str, option: &str, because: &str) -> String {
    format!("{at}: the team decided on `{option}`: \u{201c}{because}\u{201d}")
}

/// It was said to be over.
pub fn beat_all_clear(at: &str, harmed: bool) -> String {
    if harmed {
        format!("{at}: the team gave the all-clear; users were still being harmed.")
    } else {
        format!("{at}: the team gave the all-clear.")
    }
}

/// The team could not get any further, and said so.
pub fn beat_stumped(at: &str) -> String {
    format!("{at}: the team said that it was stumped, which is how help can be offered.")
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
        || "No change was recorded before it.".to_owned(),
        |argv| format!("The last change before that was confirmed was `{argv}`."),
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
