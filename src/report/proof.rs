//! The proof chain of a drill: steady before, landed, alarm received, repaired, restored, reverted, steady after.
//!
//! Every link is read off the journal and names the event that shows it.

use super::Journal;
use crate::{
    base::{AlarmName, InjectionId},
    drill::event::{Event, InjectionStep, NoticeKind},
};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// The last step of each injection and its event.
type Fates<'a> = BTreeMap<&'a InjectionId, (&'a InjectionStep, u64)>;

/// One link of the chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Link {
    /// Its stable name: `landed`.
    pub name: &'static str,
    /// Whether it holds.
    pub held: bool,
    /// What shows it, or what is missing.
    pub detail: String,
    /// The event that shows it.
    pub evidence: Option<u64>,
}

/// The chain of one drill.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Proof {
    /// The links in order.
    pub links: Vec<Link>,
}

impl Proof {
    /// Reads the chain off a journal.
    pub fn of(journal: &Journal<'_>) -> Self {
        let first = |wanted: &dyn Fn(&Event) -> bool| {
            journal.events().iter().find(|recorded| wanted(&recorded.event)).map(|recorded| recorded.seq)
        };
        let plan = journal.plan();
        let related: BTreeSet<&InjectionId> =
            plan.injections.iter().filter(|one| one.related).map(|one| &one.id).collect();
        let (last, live) = fates(journal);
        let landed = related.iter().all(|id| live.contains_key(id));
        let gone = |step: &InjectionStep| {
            matches!(
                step,
                InjectionStep::Reverted
                    | InjectionStep::Cleared
                    | InjectionStep::Expired
                    | InjectionStep::Aborted { .. }
            )
        };
        let left: Vec<_> =
            last.iter().filter(|(_, (step, _))| !gone(step)).map(|(id, _)| id.to_string()).collect();
        let mut links = vec![
            link(
                "steady-before",
                first(&|event| matches!(event, Event::SteadyStateHeld)),
                "steady state held before the outage",
                "steady state was not seen before the outage",
            ),
            Link {
                name: "landed",
                held: landed && !related.is_empty(),
                detail: if landed {
                    format!(
                        "{} of {} faults were seen on the target and felt by users",
                        live.len(),
                        last.len()
                    )
                } else {
                    "a fault was not seen on the target, or no user felt it".into()
                },
                evidence: live.values().next().copied(),
            },
            link(
                "oracle-failed",
                first(&|event| matches!(event, Event::SymptomSeen { .. })),
                "the oracle failed while the fault was live",
                "the oracle never failed: it cannot tell an outage",
            ),
            Self::alarm(journal),
            Self::quiet(journal),
            Self::invariants(journal),
        ];
        links.push(Self::repaired(journal));
        links.push(link(
            "restored",
            first(&|event| matches!(event, Event::Restored { .. })),
            "service was measured as restored",
            "service was never measured as restored",
        ));
        links.push(Link {
            name: "reverted",
            held: left.is_empty(),
            detail: if left.is_empty() {
                "every fault is gone".into()
            } else {
                format!("something may be left of {}", left.join(", "))
            },
            evidence: last.values().map(|(_, seq)| *seq).max(),
        });
        links.push(link(
            "steady-after",
            first(&|event| matches!(event, Event::Closed { steady_after: Some(true) })),
            "steady state held again after everything was undone",
            "steady state was not seen again",
        ));
        Self { links }
    }

    /// Whether every link holds.
    pub fn holds(&self) -> bool {
        self.links.iter().all(|link| link.held)
    }

    /// An alarm that belongs to the outage reached somebody.
    fn alarm(journal: &Journal<'_>) -> Link {
        let plan = journal.plan();
        let is_related = |about: &NoticeKind| match about {
            NoticeKind::AlarmRaised(name) => {
                plan.alarms.iter().any(|rule| rule.related && rule.name == *name)
            }
            _ => false,
        };
        let queued: BTreeSet<_> = journal
            .events()
            .iter()
            .filter_map(|recorded| match &recorded.event {
                Event::NoticeQueued(notice) if is_related(&notice.about) => Some(&notice.id),
                _ => None,
            })
            .collect();
        let received = journal.events().iter().find(|recorded| {
            matches!(&recorded.event, Event::NoticeDelivered { notice, .. } if queued.contains(notice))
        });
        link(
            "alarm-received",
            received.map(|recorded| recorded.seq),
            "an alarm of the outage was delivered",
            "no alarm of the outage was delivered",
        )
    }

    /// While nothing was broken, no alarm of the outage was raised: what points at the fault is silent without it.
    fn quiet(journal: &Journal<'_>) -> Link {
        let plan = journal.plan();
        let broken = journal.events().iter().find_map(|recorded| match &recorded.event {
            Event::Injection { step: InjectionStep::Injecting, .. } => Some(recorded.seq),
            _ => None,
        });
        let related = |alarm: &AlarmName| plan.alarms.iter().any(|rule| rule.related && rule.name == *alarm);
        let early =
            journal.events().iter().take_while(|recorded| Some(recorded.seq) != broken).find(
                |recorded| matches!(&recorded.event, Event::AlarmRaised { alarm, .. } if related(alarm)),
            );
        Link {
            name: "quiet-before",
            held: early.is_none(),
            detail: match early {
                None => "no alarm of the outage was raised before anything was broken".into(),
                Some(_) => "an alarm of the outage was raised while nothing was broken".into(),
            },
            evidence: early.map(|recorded| recorded.seq).or(broken),
        }
    }

    /// What has to hold whatever is broken did hold.
    fn invariants(journal: &Journal<'_>) -> Link {
        let failed = journal
            .events()
            .iter()
            .find(|recorded| matches!(recorded.event, Event::StopConditionFailed { .. }));
        Link {
            name: "invariants",
            held: failed.is_none(),
            detail: match failed {
                None => "every stop condition held".into(),
                Some(_) => "a stop condition did not hold: the fault reaches further than it may".into(),
            },
            evidence: failed.map(|recorded| recorded.seq),
        }
    }

    /// The reference solution was run on the target, every operation ended well.
    fn repaired(journal: &Journal<'_>) -> Link {
        let done: Vec<_> = journal
            .events()
            .iter()
            .filter_map(|recorded| match &recorded.event {
                Event::Operated { argv, exit: Some(0), .. } => Some((argv, recorded.seq)),
                _ => None,
            })
            .collect();
        let wanted = &journal.plan().reference_solution;
        let missing: Vec<_> = wanted
            .iter()
            .filter(|argv| !done.iter().any(|(run, _)| run == argv))
            .map(|argv| argv.join(" "))
            .collect();
        Link {
            name: "repaired",
            held: missing.is_empty() && !wanted.is_empty(),
            detail: if missing.is_empty() {
                "the reference solution was run on the target".into()
            } else {
                format!("not run, or without success: {}", missing.join("; "))
            },
            evidence: done.last().map(|(_, seq)| *seq),
        }
    }
}

/// The last step of every injection, and the event that made it live.
fn fates<'a>(journal: &Journal<'a>) -> (Fates<'a>, BTreeMap<&'a InjectionId, u64>) {
    let (mut last, mut live) = (BTreeMap::new(), BTreeMap::new());
    for recorded in journal.events() {
        if let Event::Injection { id, step } = &recorded.event {
            if !matches!(step, InjectionStep::Stuck { .. }) {
                last.insert(id, (step, recorded.seq));
            }
            if matches!(step, InjectionStep::Live) {
                live.insert(id, recorded.seq);
            }
        }
    }
    (last, live)
}

fn link(name: &'static str, evidence: Option<u64>, held: &str, missing: &str) -> Link {
    let detail = if evidence.is_some() { held } else { missing };
    Link { name, held: evidence.is_some(), detail: detail.to_owned(), evidence }
}
