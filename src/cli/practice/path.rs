//! The path, from easy to hard: table-tops, and drills with one seat that is the learner's.

use crate::{drill::seat::Seat, library::Library, scenario::act::Role};
use serde::Serialize;

/// One step.
#[derive(Debug)]
pub(super) struct Step {
    /// What is typed; a table-top's own name.
    pub(super) name: &'static str,
    /// What is done in it.
    pub(super) work: Work,
}

/// What is done in a step.
#[derive(Debug)]
pub(super) enum Work {
    /// Questions are answered.
    TableTop,
    /// A real drill is played.
    Drill(Part),
}

/// A drill and the learner's part in it. The scenario's name would tell too much, so it is told nowhere.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) title: &'static str,
    pub(super) scenario: &'static str,
    pub(super) seat: Seat,
    /// What the others do meanwhile, and what is waited for.
    pub(super) about: &'static str,
    /// What is typed, by its turn.
    pub(super) verbs: &'static [&'static str],
}

/// How a step is called to scripts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Kind {
    #[serde(rename = "tabletop")]
    TableTop,
    Drill,
}

impl Step {
    const fn tabletop(name: &'static str) -> Self {
        Self { name, work: Work::TableTop }
    }

    pub(super) fn kind(&self) -> Kind {
        match self.work {
            Work::TableTop => Kind::TableTop,
            Work::Drill(_) => Kind::Drill,
        }
    }
}

/// Every step, in order.
pub(super) const PATH: [Step; 7] = [
    Step::tabletop("first-alarm"),
    Step {
        name: "answer-alarms",
        work: Work::Drill(Part {
            title: "Answer alarms, and say that it is an incident",
            scenario: "session-hang",
            seat: Seat::FirstResponder,
            about: "Three colleagues coordinate, repair and tell users. They wait for you to answer each alarm, and to say \
                    that it is an incident.",
            verbs: &[
                "gameday board                      how things stand",
                "gameday ack ALARM                  somebody is on it",
                "gameday declare \"what, for whom\"   it is an incident",
            ],
        }),
    },
    Step::tabletop("coordinating"),
    Step {
        name: "tell-people",
        work: Work::Drill(Part {
            title: "Keep the ticket, and tell people outside",
            scenario: "pool-shrink",
            seat: Seat::Holder(Role::Communications),
            about: "Ana coordinates and Ben repairs. They wait for your ticket, and for your word to users: at the beginning, \
                    when it gets better, and when it is over.",
            verbs: &[
                "gameday role take communications",
                "gameday ticket open \"what, for whom\" --on COMPONENT --priority very-urgent",
                "gameday status \"...\" --state investigating --to users --next 10m",
                "gameday status \"...\" --state monitoring --to users --next 10m",
                "gameday status \"...\" --state resolved --to users",
            ],
        }),
    },
    Step {
        name: "repair",
        work: Work::Drill(Part {
            title: "Find it and repair it",
            scenario: "expired-door",
            seat: Seat::Holder(Role::Operations),
            about: "Ana coordinates and Cho tells users. Nobody but you touches the target: the others wait until users are \
                    well again, as it is measured. Log before you change something.",
            verbs: &[
                "gameday role take operations",
                "depotctl list, depotctl logs, depotctl metrics, and whatever else you like",
                "gameday log \"what I am going to do\" --on COMPONENT",
                "gameday hypothesis --component COMPONENT --text \"what I believe\"",
                "gameday say \"what came of it\"",
            ],
        }),
    },
    Step::tabletop("deciding"),
    Step {
        name: "lead",
        work: Work::Drill(Part {
            title: "Lead the incident",
            scenario: "slow-crossing",
            seat: Seat::Holder(Role::Ic),
            about: "Ben repairs and Cho tells users. They wait for you: for the alarm that is answered, for the incident that is \
                    declared, and for your decision. You do not touch the target. At the end you say what it was, whom it hurt, \
                    how bad it was, and that it is over.",
            verbs: &[
                "gameday role take ic",
                "gameday ack ALARM, gameday declare \"what, for whom\"",
                "gameday decide                     what can be decided; then: decide OPTION --because \"...\" --asked ben",
                "gameday board --facts              what a cause may name; then: gameday cause ..., gameday assess ...",
                "gameday severity                   the checklist",
                "gameday resolve \"...\"              when it has been good for a while",
            ],
        }),
    },
];

/// The step of this name.
pub(super) fn find(name: &str) -> Option<&'static Step> {
    PATH.iter().find(|step| step.name == name)
}

/// Names of built-in table-tops that are no step; they are walked through by their names all the same.
pub(super) fn beside() -> Vec<String> {
    Library::built_in_tabletops().into_iter().filter(|name| find(name).is_none()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{depot, library::worker::ScriptRunner};

    #[test]
    fn every_step_can_be_walked() {
        let library = Library::new(vec![depot::describe()], ScriptRunner::InProcess);
        let mut levels = Vec::new();
        for step in &PATH {
            match &step.work {
                Work::TableTop => levels.push(Library::load_tabletop(step.name).unwrap().level),
                Work::Drill(part) => {
                    let scenario = library.load(part.scenario).unwrap();
                    assert!(part.seat.is_in(&scenario.autopilot), "{}", step.name);
                    assert!(!step.name.contains(part.scenario) && !part.about.contains(part.scenario));
                }
            }
        }
        assert!(levels.is_sorted(), "from easy to hard");
        assert_eq!(levels.len() + 4, PATH.len());
    }
}
