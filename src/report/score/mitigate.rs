//! Mitigate: service is back and stays back, users were spared, and nothing else was broken on the way.

use super::{
    Check, Sheet,
    measure::{area, lat, prec},
};
use crate::{
    base::Span,
    drill::event::{InjectionStep, Outcome},
    report::wording,
    scenario::Profile,
};

const RESTORED: (&str, f64) = ("mitigate.restored", 0.35);
const SPARED: (&str, f64) = ("mitigate.spared", 0.25);
const HOW: (&str, f64) = ("mitigate.how", 0.20);
const INVARIANTS: (&str, f64) = ("mitigate.invariants", 0.10);
const PRESERVED: (&str, f64) = ("mitigate.preserved", 0.10);
const NO_HARM: (&str, f64) = ("mitigate.no-harm", 1.0);

pub(super) fn checks(sheet: &Sheet<'_, '_>) -> Vec<Check> {
    if sheet.no_fault() {
        return vec![no_harm(sheet)];
    }
    vec![restored(sheet), spared(sheet), how(sheet), invariants(sheet), preserved(sheet)]
}

fn no_harm(sheet: &Sheet<'_, '_>) -> Check {
    let (id, weight) = NO_HARM;
    if let Some(why) = sheet.blind() {
        return Check::unknown(id, weight, why);
    }
    let harmless = sheet.impact.windows.is_empty();
    let score = f64::from(u8::from(harmless));
    Check::scored(id, weight, score, wording::no_harm(harmless))
        .with([("windows of harm", sheet.impact.windows.len() as f64)])
        .against(&["measured.windows"])
}

fn restored(sheet: &Sheet<'_, '_>) -> Check {
    let (id, weight) = RESTORED;
    let duration = sheet.journal.plan().duration;
    if let Some((mark, since)) = sheet.timeline.held_restoration() {
        let after = since.since(sheet.journal.start());
        let score = lat(after.secs(), duration.par.secs(), duration.limit.secs());
        let relapses = sheet.timeline.relapsed.len();
        let said = wording::restored(after, duration.par, relapses);
        return Check::scored(id, weight, score, said)
            .with([
                ("seconds from StartEx", after.secs()),
                ("par in seconds", duration.par.secs()),
                ("limit in seconds", duration.limit.secs()),
            ])
            .by([mark])
            .against(&["measured.restored"]);
    }
    // An abort before the limit leaves open whether the team would have made it.
    if let Some((mark, Outcome::Aborted, _)) = sheet.journal.ended()
        && sheet.journal.length() < duration.limit
    {
        return Check::censored(id, weight, mark.at, wording::restored_censored()).by([mark]);
    }
    let said = wording::not_restored(sheet.timeline.relapsed.len());
    Check::scored(id, weight, 0.0, said)
        .by(sheet.timeline.relapsed.iter().copied())
        .against(&["measured.restored"])
}

/// Failed requests against doing nothing until the limit and against a team at par, both at the rate of failures that
/// was measured before anybody touched the target.
fn spared(sheet: &Sheet<'_, '_>) -> Check {
    let (id, weight) = SPARED;
    if let Some(why) = sheet.blind() {
        return Check::unknown(id, weight, why);
    }
    let rate = sheet.impact.untouched_rate;
    if rate <= 0.0 {
        return Check::unknown(id, weight, wording::NO_FAILED_REQUESTS);
    }
    let duration = sheet.journal.plan().duration;
    let onset = sheet.secs(sheet.onset());
    let until = |end: Span| rate * (end.secs() - onset).max(0.0);
    let (nothing, par) = (until(duration.limit), until(duration.par));
    let mut actual = sheet.impact.inside.failed as f64;
    if sheet.timeline.held_restoration().is_none() {
        // Ending a broken drill early spares nobody.
        let left = duration.limit.secs() - sheet.secs(sheet.journal.end());
        actual += rate * left.max(0.0);
    }
    let score = area(actual, nothing, par);
    Check::scored(id, weight, score, wording::spared(actual, nothing, par))
        .with([("failed requests", actual), ("by doing nothing", nothing), ("at par", par)])
        .against(&["measured.classes"])
}

/// Understand-first rewards the root fix; restore-first takes any restoration that holds.
fn how(sheet: &Sheet<'_, '_>) -> Check {
    let (id, weight) = HOW;
    let held = sheet.timeline.held_restoration().is_some();
    let related = || sheet.timeline.injections.iter().filter(|injection| injection.planned.related);
    let gone = related().find_map(|one| one.first(|step| matches!(step, InjectionStep::Gone { .. })));
    if let Some(mark) = gone {
        return Check::scored(id, weight, 0.0, wording::target_gone()).by([mark]);
    }
    // A repair may well differ from what was there before the fault: changed by hand counts as repaired.
    let repaired: Vec<_> = related()
        .filter_map(|one| {
            one.first(|step| matches!(step, InjectionStep::Cleared | InjectionStep::Diverged { .. }))
        })
        .collect();
    let all = related().count();
    // There is at least one, or nothing is broken in this drill and nobody asks.
    let root = repaired.len() == all;
    let score = match (sheet.profile, held, root) {
        (_, false, false) => 0.0,
        (Profile::RestoreFirst, true, _) | (_, true, true) => 1.0,
        (_, true, false) | (_, false, true) => 0.5,
    };
    Check::scored(id, weight, score, wording::how(sheet.profile, held, root))
        .with([("faults of the outage", all as f64), ("of these repaired", repaired.len() as f64)])
        .by(repaired)
        .against(&["measured.injections"])
}

fn invariants(sheet: &Sheet<'_, '_>) -> Check {
    let (id, weight) = INVARIANTS;
    let failed = &sheet.timeline.stops_failed;
    if sheet.journal.plan().stop_conditions.is_empty() {
        return Check::not_applicable(id, weight, wording::NO_INVARIANTS);
    }
    let score = f64::from(u8::from(failed.is_empty()));
    Check::scored(id, weight, score, wording::invariants(failed.is_empty()))
        .with([("stop conditions that failed", failed.len() as f64)])
        .by(failed.iter().map(|(mark, _)| *mark))
}

/// Verbs that only look.
const LOOKS: &[&str] = &[
    "list",
    "logs",
    "log",
    "show",
    "status",
    "health",
    "metrics",
    "get",
    "cat",
    "ps",
    "describe",
    "inspect",
    "releases",
    "check",
    "top",
    "config",
    "trace",
    "replication",
    "rules",
    "locks",
];

/// Whether an operation only looks. `config set` does not.
pub(super) fn only_looks(argv: &[String]) -> bool {
    argv.iter().any(|word| LOOKS.contains(&word.as_str())) && !argv.iter().any(|word| word == "set")
}

/// Whether the first act that changes the target came after something that keeps what it would have destroyed: an
/// operation that looks, a log entry, or a guess. Asked for when understanding comes first.
fn preserved(sheet: &Sheet<'_, '_>) -> Check {
    let (id, weight) = PRESERVED;
    if sheet.profile == Profile::RestoreFirst {
        return Check::not_applicable(id, weight, wording::NOT_ASKED_BY_PROFILE);
    }
    let line = sheet.timeline;
    if line.operations.is_empty() {
        return Check::unknown(id, weight, wording::SHELL_NOT_RECORDED);
    }
    let Some(first) = line.operations.iter().find(|operation| !only_looks(operation.argv)) else {
        return Check::not_applicable(id, weight, wording::NOTHING_CHANGED);
    };
    let looked =
        line.operations.iter().filter(|operation| only_looks(operation.argv)).map(|operation| operation.mark);
    let seen: Vec<_> = looked
        .chain(line.logs.iter().map(|(mark, _, _)| *mark))
        .chain(line.hypotheses.iter().map(|(mark, _)| *mark))
        .collect();
    let before: Vec<_> = seen.iter().map(|mark| sheet.secs(mark.at)).collect();
    let score = prec(&before, sheet.secs(first.mark.at));
    let evidence = seen.iter().copied().filter(|mark| mark.seq < first.mark.seq).chain([first.mark]);
    let looks = seen.iter().filter(|mark| mark.seq < first.mark.seq).count();
    Check::scored(id, weight, score, wording::preserved(score))
        .with([("looks, log entries and guesses before the first change", looks as f64)])
        .by(evidence)
}
