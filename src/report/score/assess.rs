//! Assess: the team's own account of the impact against what the synthetic users measured, and its severity checklist.

mod severity;

use super::{
    Check, Sheet,
    measure::{pct, pct_interval, set_f, win},
};
use crate::{
    base::{At, ClassName},
    drill::measure::BUCKET,
    report::{impact::Count, journal::Mark, wording},
    scenario::act::{ClaimedShare, ImpactClaim},
};
use std::collections::BTreeSet;

const WINDOW: (&str, f64) = ("assess.window", 0.4);
const CLASSES: (&str, f64) = ("assess.classes", 0.2);
const SHARES: (&str, f64) = ("assess.shares", 0.4);
/// What an interval means when nobody says how sure they are.
const CONFIDENCE: f64 = 0.9;

pub(super) fn checks(sheet: &Sheet<'_, '_>) -> Vec<Check> {
    let mut checks = vec![severity::check(sheet)];
    let claim = sheet.timeline.assessments.last();
    let blind = sheet
        .blind()
        .or_else(|| (!sheet.no_fault() && sheet.impact.windows.is_empty()).then_some(wording::NO_OUTAGE));
    for (id, weight) in [WINDOW, CLASSES, SHARES] {
        checks.push(match (blind, claim) {
            (Some(why), _) => Check::unknown(id, weight, why),
            (None, None) if sheet.no_fault() => {
                Check::not_applicable(id, weight, wording::NOTHING_WAS_BROKEN)
            }
            (None, None) => Check::scored(id, weight, 0.0, wording::no_assessment()),
            (None, Some((mark, claim))) => match id {
                "assess.window" => window(sheet, *mark, claim),
                "assess.classes" => classes(sheet, *mark, claim),
                _ => shares(sheet, *mark, claim),
            },
        });
    }
    checks
}

fn window(sheet: &Sheet<'_, '_>, mark: Mark, claim: &ImpactClaim) -> Check {
    let (id, weight) = WINDOW;
    let start = sheet.journal.start();
    let pair = |from: At, to: At| (sheet.secs(from), sheet.secs(to));
    let claimed: Vec<_> =
        claim.windows.iter().map(|one| pair(one.from.resolve(start), one.to.resolve(start))).collect();
    let actual: Vec<_> = sheet.impact.windows.iter().map(|one| pair(one.from, one.to)).collect();
    let score = win(&claimed, &actual, BUCKET.secs());
    let outer = |list: &[(f64, f64)]| {
        let from = list.iter().map(|one| one.0).reduce(f64::min)?;
        let to = list.iter().map(|one| one.1).reduce(f64::max)?;
        Some((from, to))
    };
    let said = wording::window(outer(&claimed), outer(&actual), score);
    let edges = |name: [&'static str; 2], edges: Option<(f64, f64)>| {
        edges.map_or(Vec::new(), |(from, to)| vec![(name[0], from), (name[1], to)])
    };
    Check::scored(id, weight, score, said)
        .with(edges(["claimed from, seconds from StartEx", "claimed to"], outer(&claimed)))
        .with(edges(["measured from", "measured to"], outer(&actual)))
        .by([mark])
        .against(&["measured.windows"])
}

fn classes(sheet: &Sheet<'_, '_>, mark: Mark, claim: &ImpactClaim) -> Check {
    let (id, weight) = CLASSES;
    let claimed: BTreeSet<&ClassName> = claimed_harmed(claim).map(|(class, _)| class).collect();
    let actual: BTreeSet<&ClassName> = sheet.impact.harmed().map(|(class, _)| class).collect();
    let score = set_f(&claimed, &actual, 1.0);
    let names = |set: &BTreeSet<&ClassName>| {
        let names: Vec<_> = set.iter().map(|class| class.as_str()).collect();
        names.join(", ")
    };
    let said = wording::classes(&names(&claimed), &names(&actual), score);
    Check::scored(id, weight, score, said)
        .with([
            ("classes named", claimed.len() as f64),
            ("classes harmed", actual.len() as f64),
            ("in both", claimed.intersection(&actual).count() as f64),
        ])
        .by([mark])
        .against(&["measured.classes"])
}

fn claimed_harmed(claim: &ImpactClaim) -> impl Iterator<Item = (&ClassName, &ClaimedShare)> {
    claim.failed.iter().filter(|(_, share)| share.up_to.unwrap_or(share.percent).max(share.percent) >= 1.0)
}

/// What a claimed share is worth against what was counted.
pub(crate) fn share_score(claim: &ClaimedShare, count: Count) -> f64 {
    match claim.up_to {
        None => pct(claim.percent / 100.0, count.failed, count.sent),
        Some(up_to) => pct_interval(
            (claim.percent / 100.0, up_to / 100.0),
            claim.confidence.map_or(CONFIDENCE, |sure| f64::from(sure) / 100.0),
            count.failed,
            count.sent,
        ),
    }
}

/// The mean over every class that was harmed or is said to have been; a harmed class that is left out earns nothing.
fn shares(sheet: &Sheet<'_, '_>, mark: Mark, claim: &ImpactClaim) -> Check {
    let (id, weight) = SHARES;
    let asked: BTreeSet<&ClassName> = sheet
        .impact
        .harmed()
        .map(|(class, _)| class)
        .chain(claimed_harmed(claim).map(|(class, _)| class))
        .collect();
    if asked.is_empty() {
        return Check::not_applicable(id, weight, wording::NOTHING_TO_COMPARE);
    }
    let mut sum = 0.0;
    let mut lines = Vec::new();
    let mut numbers = Vec::new();
    for class in &asked {
        let count = sheet.impact.classes.get(*class).copied().unwrap_or_default();
        let claimed = claim.failed.get(*class);
        let worth = claimed.map_or(0.0, |claimed| share_score(claimed, count));
        sum += worth;
        numbers.push((format!("{class}: requests"), count.sent as f64));
        numbers.push((format!("{class}: failed"), count.failed as f64));
        numbers.push((format!("{class}: worth of the claim"), worth));
        lines.push(wording::share_pair(class, claimed, count.share()));
    }
    let score = sum / asked.len() as f64;
    Check::scored(id, weight, score, wording::shares(&lines))
        .with(numbers.iter().map(|(name, value)| (name.as_str(), *value)))
        .by([mark])
        .against(&["measured.classes"])
}
