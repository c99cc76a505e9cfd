//! The data of the debrief's pictures of single capabilities. Times are seconds from StartEx.

use super::build::Desk;
use crate::{
    base::{At, Span},
    report::{
        score::{
            diagnose::component_of,
            measure::union,
            seen::{PATIENCE, Passed, Seen, UNCOORDINATED_MAX},
        },
        wording::{self, events, page},
    },
    scenario::act::Role,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Most dots of a picture.
const DOTS_MAX: usize = 40;
/// Most points of a curve.
const POINTS_MAX: usize = 240;

/// The pictures that stand beside single sections.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Plots {
    /// The left and right end of all of them.
    pub span: (f64, f64),
    /// From the first harm to the measured restoration; nothing when nothing was broken.
    pub incident: Option<(f64, f64)>,
    /// How old the last word to people outside was.
    pub status: StatusAge,
    /// Who held which role.
    pub roles: RoleChart,
    /// Each change of the target: announced, done, told.
    pub actions: Vec<ActionDots>,
    /// Where the fault spread, and where the team looked for it.
    pub spread: SpreadChart,
    /// The decision ladder over time, the lightest option first.
    pub ladder: Vec<LadderRow>,
    /// When the milestones were passed.
    pub milestones: Vec<Milestone>,
    /// Failed requests, added up.
    pub failures: Option<Failures>,
}

/// How old the last word to people outside was.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct StatusAge {
    /// Every update.
    pub updates: Vec<StatusDot>,
    /// How long the first may take.
    pub first_within: f64,
    /// How old one may become.
    pub next_within: f64,
}

/// A status update.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StatusDot {
    /// When.
    pub at: f64,
    /// `investigating`, ...
    pub state: String,
    /// When the next one was promised for.
    pub promised: Option<f64>,
}

/// Who held which role.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct RoleChart {
    /// Each role with its holders: person, from, to.
    pub rows: Vec<RoleRow>,
    /// Times of the incident without a coordinator.
    pub gaps: Vec<(f64, f64)>,
    /// Times with two coordinators, or with one who worked on the target, too.
    pub conflicts: Vec<(f64, f64)>,
    /// How long an incident may be without a coordinator.
    pub gap_max: f64,
}

/// One role.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RoleRow {
    /// Which.
    pub role: String,
    /// Person, from, to.
    pub held: Vec<(String, f64, f64)>,
}

/// One change of the target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ActionDots {
    /// The operation.
    pub what: String,
    /// When the log announced it.
    pub logged: Option<f64>,
    /// When it was done.
    pub at: f64,
    /// The first word about its outcome.
    pub told: Option<f64>,
}

/// Where the fault spread, and where the team looked for it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct SpreadChart {
    /// Components, the one at fault first.
    pub components: Vec<String>,
    /// From which to which, by their place.
    pub edges: Vec<(usize, usize)>,
    /// Guesses and answers: when, on which component by its place (nothing: elsewhere), and in words.
    pub claims: Vec<SpreadDot>,
}

/// A guess or answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SpreadDot {
    /// When.
    pub at: f64,
    /// Its place among the components.
    pub on: Option<usize>,
    /// The component as it was claimed.
    pub component: String,
    /// Whether it was the last answer.
    pub answer: bool,
}

/// One option of the decision ladder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LadderRow {
    /// Which.
    pub option: String,
    /// What it would have done.
    pub would: String,
    /// From when on that could be known; nothing: never, or nobody can tell.
    pub known: Option<f64>,
    /// When it was chosen.
    pub chosen: Vec<f64>,
}

/// A milestone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Milestone {
    /// Which.
    pub name: String,
    /// When it was passed.
    pub at: Option<f64>,
    /// The same in words, or why it is not known.
    pub says: String,
}

/// Failed requests, added up.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Failures {
    /// What was measured: (seconds, requests).
    pub actual: Vec<(f64, f64)>,
    /// Failing requests a second while nobody had touched the target.
    pub rate: f64,
    /// Par of the scenario.
    pub par: f64,
    /// Its limit.
    pub limit: f64,
}

impl Desk<'_, '_> {
    pub(super) fn plots(&self) -> Plots {
        let seen = Seen::of(self.journal, self.timeline, self.impact);
        let incident = seen.incident().map(|(from, to)| (self.secs(from), self.secs(to)));
        let line = self.timeline;
        Plots {
            span: (0.0, self.secs(self.journal.end()).max(1.0)),
            incident,
            status: self.status_age(),
            roles: self.role_chart(&seen, incident),
            actions: self.action_dots(&seen),
            spread: incident.map_or_else(SpreadChart::default, |_| self.spread_chart()),
            ladder: self.ladder_rows(&seen),
            milestones: self.milestones(&seen),
            failures: (self.impact.untouched_rate > 0.0 && !line.injections.is_empty())
                .then(|| self.failures()),
        }
    }

    fn secs(&self, at: At) -> f64 {
        crate::report::score::secs(self.journal.start(), at)
    }

    fn status_age(&self) -> StatusAge {
        let updates = self.timeline.statuses.iter().take(DOTS_MAX).map(|status| StatusDot {
            at: self.secs(status.mark.at),
            state: events::status_state(status.state).to_owned(),
            promised: status.next_in.map(|next| self.secs(status.mark.at + next)),
        });
        StatusAge {
            updates: updates.collect(),
            first_within: PATIENCE.0.secs(),
            next_within: PATIENCE.1.secs(),
        }
    }

    fn role_chart(&self, seen: &Seen<'_, '_>, incident: Option<(f64, f64)>) -> RoleChart {
        let mut rows: Vec<RoleRow> = Vec::new();
        for spell in self.timeline.roles.iter().take(DOTS_MAX) {
            let held = (spell.person.to_string(), self.secs(spell.from.at), self.secs(spell.to));
            match rows.iter_mut().find(|row| row.role == spell.role.as_str()) {
                Some(row) => row.held.push(held),
                None => rows.push(RoleRow { role: spell.role.to_string(), held: vec![held] }),
            }
        }
        let ics: Vec<(f64, f64)> = self
            .timeline
            .roles
            .iter()
            .filter(|spell| spell.role == Role::Ic)
            .map(|spell| (self.secs(spell.from.at), self.secs(spell.to)))
            .collect();
        let mut conflicts: Vec<(f64, f64)> =
            seen.both_hats().into_iter().map(|(from, to)| (self.secs(from), self.secs(to))).collect();
        for (index, one) in ics.iter().enumerate() {
            let others = ics[index + 1..].iter().map(|other| (one.0.max(other.0), one.1.min(other.1)));
            conflicts.extend(others.filter(|(from, to)| from < to));
        }
        RoleChart {
            rows,
            gaps: incident.map_or(Vec::new(), |whole| gaps(&union(&ics), whole)),
            conflicts: union(&conflicts),
            gap_max: UNCOORDINATED_MAX.secs(),
        }
    }

    fn action_dots(&self, seen: &Seen<'_, '_>) -> Vec<ActionDots> {
        let operation = |seq| self.timeline.operations.iter().find(|one| one.mark.seq == seq);
        seen.courses()
            .into_iter()
            .take(DOTS_MAX)
            .map(|course| ActionDots {
                what: operation(course.action.seq).map_or_else(
                    || page::REPAIRED_BY_HAND.to_owned(),
                    |one| wording::cut(&wording::tame(&one.argv.join(" ")), 60),
                ),
                logged: course.logged.map(|mark| self.secs(mark.at)),
                at: self.secs(course.action.at),
                told: course.told.map(|mark| self.secs(mark.at)),
            })
            .collect()
    }

    fn spread_chart(&self) -> SpreadChart {
        let plan = self.journal.plan();
        let cause = &plan.truth.cause;
        if cause.component.is_empty() {
            return SpreadChart::default();
        }
        let mut components = vec![component_of(plan, &cause.component).to_owned()];
        for name in cause.spreads.iter().flat_map(|(from, to)| [from, to]) {
            if !components.contains(name) {
                components.push(name.clone());
            }
        }
        let place = |name: &str| components.iter().position(|known| known == name);
        let edges = cause.spreads.iter().filter_map(|(from, to)| Some((place(from)?, place(to)?)));
        let mut claims: Vec<_> = self
            .timeline
            .hypotheses
            .iter()
            .map(|(mark, claim)| (*mark, *claim, false))
            .chain(self.timeline.causes.iter().map(|(mark, claim)| (*mark, *claim, true)))
            .collect();
        claims.sort_by_key(|(mark, ..)| *mark);
        let dots = claims.into_iter().take(DOTS_MAX).filter_map(|(mark, claim, answer)| {
            let component = wording::tame(claim.component.as_deref()?);
            let on = place(component_of(plan, &component));
            Some(SpreadDot { at: self.secs(mark.at), on, component, answer })
        });
        SpreadChart { edges: edges.collect(), claims: dots.collect(), components }
    }

    fn ladder_rows(&self, seen: &Seen<'_, '_>) -> Vec<LadderRow> {
        let plan = self.journal.plan();
        let rows = plan.ladder.iter().filter_map(|option| {
            let declared = plan.truth.decision.get(option)?;
            let known = match declared.knowable_after.as_deref().map(|name| seen.passed(name)) {
                None => Some(0.0),
                Some(Passed::At(mark)) => Some(self.secs(mark.at)),
                Some(Passed::Never | Passed::Untold) => None,
            };
            let chosen = self.timeline.decisions.iter().filter(|one| one.option == *option);
            Some(LadderRow {
                option: option.to_string(),
                would: page::did(declared).to_owned(),
                known,
                chosen: chosen.map(|one| self.secs(one.mark.at)).collect(),
            })
        });
        rows.collect()
    }

    fn milestones(&self, seen: &Seen<'_, '_>) -> Vec<Milestone> {
        let plan = self.journal.plan();
        plan.truth
            .milestones
            .iter()
            .map(|name| {
                let passed = seen.passed(name);
                let at = match passed {
                    Passed::At(mark) => Some(mark.at),
                    Passed::Never | Passed::Untold => None,
                };
                Milestone {
                    name: name.clone(),
                    at: at.map(|at| self.secs(at)),
                    says: match passed {
                        Passed::At(mark) => self.said(mark.at),
                        Passed::Never => page::NOT_PASSED.to_owned(),
                        Passed::Untold => page::NOT_TOLD.to_owned(),
                    },
                }
            })
            .collect()
    }

    fn failures(&self) -> Failures {
        let duration = self.journal.plan().duration;
        let mut sums: BTreeMap<i64, f64> = BTreeMap::new();
        for (second, bucket) in self.journal.measured() {
            if self.impact.window_at(*second).is_some() {
                let failed: u32 = bucket.classes.values().map(|tally| tally.failed).sum();
                *sums.entry(second.millis()).or_default() += f64::from(failed);
            }
        }
        let thin = sums.len().div_ceil(POINTS_MAX).max(1);
        let mut sum = 0.0;
        let mut actual = Vec::new();
        for (index, (second, failed)) in sums.iter().enumerate() {
            sum += failed;
            if index % thin == 0 || index + 1 == sums.len() {
                actual.push((self.secs(At::from_millis(*second) + Span::from_secs(1)), sum));
            }
        }
        Failures {
            actual,
            // Fine enough that its sums are those of the score.
            rate: (self.impact.untouched_rate * 1e6).round() / 1e6,
            par: duration.par.secs(),
            limit: duration.limit.secs(),
        }
    }
}

/// What of `whole` lies in none of `held`, which do not overlap and are in order.
fn gaps(held: &[(f64, f64)], whole: (f64, f64)) -> Vec<(f64, f64)> {
    let mut from = whole.0;
    let mut gaps = Vec::new();
    for (start, end) in held {
        if *start > from && from < whole.1 {
            gaps.push((from, start.min(whole.1)));
        }
        from = from.max(*end);
    }
    if from < whole.1 {
        gaps.push((from, whole.1));
    }
    gaps
}

#[cfg(test)]
mod tests {
    use super::gaps;

    #[test]
    fn gaps_are_what_nobody_holds() {
        assert_eq!(gaps(&[(2.0, 4.0), (6.0, 20.0)], (0.0, 10.0)), [(0.0, 2.0), (4.0, 6.0)]);
        assert_eq!(gaps(&[], (0.0, 10.0)), [(0.0, 10.0)]);
        assert_eq!(gaps(&[(0.0, 3.0)], (5.0, 9.0)), [(5.0, 9.0)]);
        assert_eq!(gaps(&[(12.0, 15.0)], (5.0, 9.0)), [(5.0, 9.0)]);
    }
}
