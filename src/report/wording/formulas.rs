//! How each check is reckoned, in one line. The documentation tells the same at length.

/// Every check with its formula, in the order of the score.
pub const FORMULAS: &[(&str, &str)] = &[
    (
        "detect.recognised",
        "lat(from onset to the first sign; par 2 min, limit 30 min): 1 up to par, 0 from the limit, log-linear between",
    ),
    ("detect.declared", "lat(from onset to the declaration; par 5 min, limit 30 min)"),
    (
        "detect.triaged",
        "mean over the outage's alarms of lat(from raised to acknowledged; par 2 min, limit 30 min)",
    ),
    (
        "detect.nothing-broken",
        "1 for an answer that nothing is broken, or an all-clear without an answer; .5 for a hypothesis that says so; else 0",
    ),
    (
        "engage.ticket",
        ".6 lat(from onset to opened; par 5 min, limit 30 min) + .4 mean(words, component, priority)",
    ),
    (
        "engage.owners",
        "F2 of the people on copy against the declared owners: a missing one costs more than one too many",
    ),
    (
        "engage.escalated",
        "1 if help was asked for by par; after par lat(from par; par 5 min, limit 30 min); never 0",
    ),
    ("engage.first-line", "lat(from onset to the warning; par 5 min, limit 30 min)"),
    ("coordinate.ic", "share of the incident with exactly one coordinator; its first 2 min are free"),
    (
        "coordinate.conflicts",
        "1 - max(share of the coordinator's time with a working role, share of operations run by the coordinator)",
    ),
    (
        "coordinate.logged",
        "mean over changes of prec: an entry of its own in the 15 min before 1, within 2 min after .5, else 0",
    ),
    (
        "coordinate.reported",
        "mean over changes of lat(from the change to the first word about it; par 2 min, limit 15 min)",
    ),
    (
        "coordinate.handed-over",
        "hand-overs with a note of five words or more / (hand-overs + roles that stayed with somebody for ten minutes behind their shift)",
    ),
    (
        "diagnose.component",
        "prox: F1 on the graph by which the fault spreads, a neighbour counts 1/2, its neighbour 1/3",
    ),
    ("diagnose.kind", "tax: the same leaf 1, the same family .5, else 0"),
    (
        "diagnose.facts",
        "F1 of the facts that were named x (1 - 2 x the share of false statements that were ticked, at least 0)",
    ),
    ("diagnose.onset", "1 up to an error of 60 s, 0 from 300 s, linear between"),
    ("diagnose.evidence", "two things cited 1; one cited, or two looks, .6; one look .3; none 0"),
    ("diagnose.milestones", "milestones passed / milestones that a journal can show"),
    ("mitigate.restored", "lat(from StartEx to the restoration that held; the scenario's par and limit)"),
    (
        "mitigate.spared",
        "(failed by doing nothing - failed) / (failed by doing nothing - failed at par), held between 0 and 1",
    ),
    (
        "mitigate.how",
        "understand-first: held and root fixed 1, one of both .5; restore-first: held 1, root fixed alone .5; target gone 0",
    ),
    ("mitigate.invariants", "1 if no stop condition failed, else 0"),
    (
        "mitigate.preserved",
        "prec of looks, log entries and guesses before the first change: within 15 min before 1, 2 min after .5, else 0",
    ),
    ("mitigate.no-harm", "1 if no harm was measured, else 0"),
    ("communicate.first", "lat(from onset to the first update; par 5 min, limit 30 min)"),
    (
        "communicate.cadence",
        "share of the incident covered by a fresh update: the first 15 min are free, each update lasts 35 min",
    ),
    (
        "communicate.content",
        "mean over updates of a third each for: five words, an audience, when the next comes or that it is over",
    ),
    ("communicate.promises", "promised updates that came in time / promised updates that fell due"),
    ("communicate.audiences", "of users and stakeholders, the share that was told"),
    (
        "communicate.truthful",
        "1; .25 if \"it is over\" was said more than 60 s before users were no longer harmed",
    ),
    (
        "communicate.mirrored",
        "mean over updates of lat(from sent to mirrored in the ticket; par 5 min, limit 30 min), not mirrored 0",
    ),
    (
        "assess.severity",
        "mean over the checklist's questions: right 1, wrong 0, \"don't know\" what a guess earns, sets by F1",
    ),
    ("assess.window", ".5 F1 of the times + .25 for each outer edge, right up to 60 s, then linear"),
    ("assess.classes", "F1 of the classes named against those harmed"),
    (
        "assess.shares",
        "mean over classes of pct: 1 inside the Wilson 95 % interval, else by the distance to it",
    ),
    (
        "decide.choice",
        "the lightest step known to work 1, .25 less for each heavier rung; harmless but in vain .25; harmful 0",
    ),
    (
        "decide.reasons",
        ".5 for a reason of five words or more + .5 for the decision in the ticket that tracks the incident",
    ),
    ("decide.asked", "1 if somebody else was asked, else 0"),
    ("close.nominal", "good service before the last all-clear / the nominal period, held between 0 and 1"),
    ("close.audiences", "audiences whose last word was that it is over / audiences that were alarmed"),
    (
        "close.role",
        "all-clears by the right role / all-clears: the coordinator to the team, communications or the coordinator outside",
    ),
    ("close.handed-back", "(roles given back + ticket closed) / (roles taken + ticket)"),
    (
        "learn.sections",
        "(.7 x sections with five words or more + .3 x those with an event that shows it) / all sections",
    ),
    ("learn.follow-ups", "of owner role, type and ticket: those given / all, over every corrective action"),
    ("learn.objectives", "objectives that a trainer saw met / objectives judged"),
];

/// The formula of a check; nothing where there is no such check.
pub fn formula(id: &str) -> Option<&'static str> {
    FORMULAS.iter().find(|(known, _)| *known == id).map(|(_, formula)| *formula)
}
