//! The words of a team's practice as a whole.

/// The title of a team's practice as a whole.
pub const TITLE: &str = "Our practice";
/// How it is to be read.
pub const NOTE: &str = "What was practised and what comes next. Drills are no contest: there is no order among them, no sum and no trend, and nobody's name.";
/// How to read its signs.
pub const SIGNS: &str =
    "A disc is a drill that was completed, a cross one that ended otherwise, a diamond one that still runs.";
/// Nothing is on the calendar.
pub const NOTHING_PLANNED: &str = "Nothing is planned. `gameday schedule add` does it.";
/// No drill was played by people.
pub const NOTHING_PLAYED: &str = "Nothing was practised yet.";
/// Nothing is open.
pub const NOTHING_OPEN: &str = "No corrective action is open here.";

/// How much was practised, in a sentence.
pub fn practised(drills: usize, scenarios: usize) -> String {
    match (drills, scenarios) {
        (0, _) => NOTHING_PLAYED.to_owned(),
        (1, _) => "One drill was practised.".to_owned(),
        (drills, 1) => format!("{drills} drills of one scenario were practised."),
        (drills, scenarios) => format!("{drills} drills of {scenarios} scenarios were practised."),
    }
}

/// What a programme does not count.
pub fn left_out(drills: usize) -> String {
    let which = "rehearsals, drills that never began, and those that nobody but the autopilot played";
    match drills {
        0 => "Every drill of this home counts.".to_owned(),
        drills => format!("{drills} more are left out: {which}."),
    }
}

/// Actions that the reader is not shown.
pub fn kept(actions: usize) -> String {
    format!("{actions} more came out of drills that you are still to play.")
}

/// How many people responded.
pub fn people(count: usize) -> String {
    if count == 1 { "1 person".to_owned() } else { format!("{count} people") }
}

/// How often something was practised.
pub fn times(count: usize) -> String {
    if count == 1 { "once".to_owned() } else { format!("{count} times") }
}

/// How often trainers saw that an objective was met.
pub fn met(met: usize, judged: usize) -> String {
    if judged == 0 { "not judged".to_owned() } else { format!("{met} of {judged}") }
}
