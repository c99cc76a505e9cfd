//! The entries of trainers in the corpus.

use super::n;
use gameday::scenario::review::{ActionKind, DimensionName, Rating, Review, Section, Wanted};

/// What a trainer writes after EndEx, with and without what may be left out.
pub(super) fn reviews() -> Vec<Review> {
    let said = || "two people led for a while".to_owned();
    let mut all: Vec<_> = Rating::ALL
        .into_iter()
        .zip(DimensionName::ALL)
        .map(|(rating, dimension)| Review::Grade { dimension, rating, because: said() })
        .collect();
    all.extend([
        Review::HandIn { overall: "calm, and late with the users".to_owned() },
        Review::Invalidate {
            check: "coordinate.logged".to_owned(),
            because: "they logged on paper".to_owned(),
        },
        Review::Read { fact: "f2".to_owned(), stated: true },
        Review::Write { section: Section::Lucky, text: said(), evidence: vec![3, 5] },
        Review::Write { section: Section::Practice, text: said(), evidence: Vec::new() },
        Review::FollowUp(Wanted {
            action: "an alarm on the pool".to_owned(),
            issue: Some("nobody saw it fill up".to_owned()),
            kind: Some(ActionKind::Prevent),
            owner: Some("web-oncall".to_owned()),
            ticket: Some("OPS-12".to_owned()),
            due: Some(n("2026-12-15")),
        }),
        Review::FollowUp(Wanted {
            action: "a canary".to_owned(),
            issue: None,
            kind: None,
            owner: None,
            ticket: None,
            due: None,
        }),
        Review::Objective { number: 1, met: false, because: String::new() },
    ]);
    all
}
