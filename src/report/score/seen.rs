//! What the debrief's pictures show of the folds that checks are reckoned from: the same moments, by the same rules.

use super::{Sheet, communicate, coordinate, diagnose::milestone};
use crate::{
    base::{At, Span},
    report::{
        impact::Impact,
        journal::{Journal, Mark},
        timeline::Timeline,
    },
    scenario::act::Role,
};

/// A change of the target: announced, done, told.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Course {
    pub(crate) action: Mark,
    pub(crate) logged: Option<Mark>,
    pub(crate) told: Option<Mark>,
}

/// When something could be known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Passed {
    /// At this moment.
    At(Mark),
    /// Not during this drill.
    Never,
    /// A journal cannot tell.
    Untold,
}

/// Moments and spans that several checks look at.
pub(crate) struct Seen<'s, 'a> {
    sheet: Sheet<'s, 'a>,
}

/// How long people outside may wait: for the first word, and from one to the next.
pub(crate) const PATIENCE: (Span, Span) = (
    communicate::FIRST_WITHIN,
    Span::from_millis(communicate::PERIOD.millis() + communicate::GRACE.millis()),
);

/// How long an incident may be without a coordinator.
pub(crate) const UNCOORDINATED_MAX: Span = coordinate::GRACE;

impl<'s, 'a> Seen<'s, 'a> {
    pub(crate) fn of(journal: &'s Journal<'a>, timeline: &'s Timeline<'a>, impact: &'s Impact) -> Self {
        Self { sheet: Sheet { journal, timeline, impact, profile: journal.plan().profile } }
    }

    /// From the first harm to the measured restoration, or to EndEx; nothing when nothing was broken.
    pub(crate) fn incident(&self) -> Option<(At, At)> {
        (!self.sheet.no_fault()).then(|| (self.sheet.onset(), self.sheet.incident_end()))
    }

    /// Every change of the target.
    pub(crate) fn courses(&self) -> Vec<Course> {
        coordinate::courses(&self.sheet)
            .into_iter()
            .map(|(action, logged, told)| Course { action, logged, told })
            .collect()
    }

    /// When a milestone was passed.
    pub(crate) fn passed(&self, name: &str) -> Passed {
        match milestone(&self.sheet, name) {
            None => Passed::Untold,
            Some(None) => Passed::Never,
            Some(Some(mark)) => Passed::At(mark),
        }
    }

    /// Times at which one person coordinated and worked on the target at once.
    pub(crate) fn both_hats(&self) -> Vec<(At, At)> {
        let roles = &self.sheet.timeline.roles;
        let ics = roles.iter().filter(|spell| spell.role == Role::Ic);
        ics.flat_map(|ic| {
            let working = roles
                .iter()
                .filter(|spell| coordinate::WORKING.contains(&spell.role) && spell.person == ic.person);
            working.map(|spell| (spell.from.at.max(ic.from.at), spell.to.min(ic.to)))
        })
        .filter(|(from, to)| from < to)
        .collect()
    }
}
