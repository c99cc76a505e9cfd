//! A team's practice as a whole: which scenarios were played when, what they train, what was agreed on and is still open, and
//! what comes next. Nothing here ranks drills, adds up figures or names people.

use super::follow_up::CorrectiveAction;
use crate::{
    base::{At, DrillId, Person},
    drill::event::{Event, Hat, Outcome, Recorded},
    scenario::review::Review,
};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// The version of the JSON form.
pub const FORMAT: &str = "gameday/programme/v1";
/// The kinds of events that it is made of.
pub const KINDS: [&str; 5] = ["planned", "joined", "started", "ended", "reviewed"];

/// What a team has practised, and what comes next.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Programme {
    /// [`FORMAT`].
    pub format: &'static str,
    /// What is planned, in order; a surprise at the end, for its place would tell.
    pub next: Vec<Coming>,
    /// By title.
    pub scenarios: Vec<Practised>,
    /// By their words.
    pub objectives: Vec<Objective>,
    /// Corrective actions that are not done, the oldest first.
    pub open: Vec<CorrectiveAction>,
    /// How many of them are kept from somebody who is still to play what they came out of.
    pub kept: usize,
    /// Drills that count for nothing here: rehearsals, those that never began, and those that the autopilot played alone.
    pub left_out: usize,
}

/// Something that is planned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Coming {
    /// When, as everybody may read it.
    pub when: String,
    /// The scenario's title.
    pub title: String,
    /// What is broken.
    pub target: String,
}

/// A scenario that was played.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Practised {
    /// Its name.
    pub scenario: String,
    /// The family of scenarios that share its answer.
    pub family: String,
    /// Its title, as it was last.
    pub title: String,
    /// Its runs, the oldest first.
    pub runs: Vec<Run>,
}

/// One drill that people played.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Run {
    /// The drill.
    pub drill: DrillId,
    /// `StartEx`.
    pub at: At,
    /// How many people responded.
    pub responders: usize,
    /// How it ended; nothing: it runs.
    pub outcome: Option<Outcome>,
}

/// Something that drills train.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Objective {
    /// Its words.
    pub text: String,
    /// Drills in which it was practised.
    pub practised: usize,
    /// The last time.
    pub last: At,
    /// How often a trainer has said whether it was met.
    pub judged: usize,
    /// How often it was.
    pub met: usize,
}

/// Drills, one after the other, on their way to a programme.
#[derive(Debug, Default)]
pub struct Drills {
    scenarios: BTreeMap<String, Practised>,
    objectives: BTreeMap<String, Objective>,
    left_out: usize,
}

impl Drills {
    /// Adds a drill by its events of [`KINDS`], in their order.
    pub fn add(&mut self, events: &[Recorded]) {
        let Some(Event::Planned(plan)) = events.first().map(|one| &one.event) else { return };
        let started = events.iter().find(|one| matches!(one.event, Event::Started)).map(|one| one.at);
        let players = plan.players();
        let people: BTreeSet<&Person> = events
            .iter()
            .filter_map(|one| match &one.event {
                Event::Joined { person, hat: Hat::Responder } if !players.contains(person) => Some(person),
                _ => None,
            })
            .collect();
        let Some(at) = started.filter(|_| !people.is_empty() && !plan.admission.rehearsal) else {
            self.left_out += 1;
            return;
        };
        let outcome = events.iter().find_map(|one| match one.event {
            Event::Ended { outcome, .. } => Some(outcome),
            _ => None,
        });
        let practised = self.scenarios.entry(plan.scenario.clone()).or_insert_with(|| Practised {
            scenario: plan.scenario.clone(),
            family: plan.family().to_owned(),
            title: String::new(),
            runs: Vec::new(),
        });
        if practised.runs.iter().all(|run| run.at <= at) {
            practised.title.clone_from(&plan.title);
        }
        practised.runs.push(Run { drill: plan.drill.clone(), at, responders: people.len(), outcome });
        let judged: BTreeMap<usize, bool> = events
            .iter()
            .filter_map(|one| match &one.event {
                Event::Reviewed { entry: Review::Objective { number, met, .. }, .. } => Some((*number, *met)),
                _ => None,
            })
            .collect();
        for (number, text) in (1..).zip(&plan.objectives) {
            let fresh = || Objective { text: text.clone(), practised: 0, last: at, judged: 0, met: 0 };
            let objective = self.objectives.entry(text.clone()).or_insert_with(fresh);
            objective.practised += 1;
            objective.last = objective.last.max(at);
            objective.judged += usize::from(judged.contains_key(&number));
            objective.met += usize::from(judged.get(&number) == Some(&true));
        }
    }

    /// The programme, with what is planned and the corrective actions of all its drills.
    pub fn programme(self, next: Vec<Coming>, actions: Vec<CorrectiveAction>) -> Programme {
        let mut scenarios: Vec<_> = self.scenarios.into_values().collect();
        for one in &mut scenarios {
            one.runs.sort_by_key(|run| run.at);
        }
        scenarios.sort_by(|a, b| (&a.title, &a.scenario).cmp(&(&b.title, &b.scenario)));
        Programme {
            format: FORMAT,
            next,
            scenarios,
            objectives: self.objectives.into_values().collect(),
            open: actions.into_iter().filter(|action| action.done.is_none()).collect(),
            kept: 0,
            left_out: self.left_out,
        }
    }
}

impl Programme {
    /// Leaves out what came of drills of these families: an action tells what was wrong.
    pub fn keep_back(&mut self, families: &[String]) {
        let kept = self.scenarios.iter().filter(|one| families.contains(&one.family));
        let drills: BTreeSet<_> = kept.flat_map(|one| &one.runs).map(|run| run.drill.clone()).collect();
        let before = self.open.len();
        self.open.retain(|action| !drills.contains(action.id.drill()));
        self.kept = before - self.open.len();
    }
}
