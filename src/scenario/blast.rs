//! How much of a target a plan touches at the same time, and whether the target has what it touches.

use super::pack::{Part, TargetDescription};
use crate::base::{ServiceName, Span};
use crate::fault::{Fault, Place};
use std::collections::BTreeSet;

/// More of one sort is touched at the same time than the target allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blast {
    /// The fault that begins then, by its index.
    pub fault: usize,
    /// From when on, counted from StartEx.
    pub at: Span,
    /// `services`, `links` or `volumes`.
    pub what: &'static str,
    /// How many have a fault.
    pub count: usize,
    /// How many may.
    pub cap: usize,
}

/// A fault with the time of its beginning and of its planned end.
pub type Timed<'a> = (Span, Option<Span>, &'a Fault);

/// The first moment for each sort at which more of it is touched than the target's caps allow.
pub fn beyond_caps(target: &TargetDescription, faults: &[Timed<'_>]) -> Vec<Blast> {
    let mut told: Vec<Blast> = Vec::new();
    for (index, (now, _, _)) in faults.iter().enumerate() {
        let (mut services, mut links, mut volumes) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        let live = faults.iter().filter(|(at, until, _)| at <= now && until.is_none_or(|until| until > *now));
        for (_, _, fault) in live {
            match fault.place() {
                Place::Link(link) => {
                    links.insert(link);
                }
                Place::Volume(volume) => {
                    volumes.insert(volume);
                }
                Place::Service(service) => {
                    services.extend(target.instances(service.as_str()).map(|service| service.name.clone()));
                }
                Place::File(name) => {
                    let file = target.files.iter().find(|known| known.name == name);
                    let part = || target.parts.iter().find(|part| part.name == name);
                    let owner = file.map(|file| &file.component).or_else(|| part().map(|part| &part.service));
                    services.extend(instances(target, owner));
                }
                Place::Part { kind, name } => {
                    services.extend(instances(target, part(target, kind, &name).map(|part| &part.service)));
                }
                Place::FrontDoor => {}
            }
        }
        let counts = [
            ("services", services.len(), target.caps.services),
            ("links", links.len(), target.caps.links),
            ("volumes", volumes.len(), target.caps.volumes),
        ];
        for (what, count, cap) in counts {
            if count > cap && told.iter().all(|blast| blast.what != what) {
                told.push(Blast { fault: index, at: *now, what, count, cap });
            }
        }
    }
    told
}

/// The instances of an instance or component.
fn instances(target: &TargetDescription, owner: Option<&ServiceName>) -> Vec<ServiceName> {
    let of = |owner: &ServiceName| target.instances(owner.as_str()).map(|one| one.name.clone()).collect();
    owner.map(of).unwrap_or_default()
}

fn part<'a>(target: &'a TargetDescription, kind: &str, name: &str) -> Option<&'a Part> {
    target.parts.iter().find(|part| part.name == name && part.kind.as_str() == kind)
}

/// Whether the target has the place that the fault changes: else nobody can look at it, or undo it.
pub fn has_place(target: &TargetDescription, fault: &Fault) -> bool {
    match fault.place() {
        Place::Link(link) => target.links.iter().any(|known| known.name == link),
        Place::Volume(volume) => target.volumes.iter().any(|known| known.name == volume),
        Place::File(file) => {
            target.files.iter().any(|known| known.name == file)
                || target.parts.iter().any(|part| part.name == file)
        }
        Place::Part { kind, name } => part(target, kind, &name).is_some(),
        Place::FrontDoor => true,
        Place::Service(service) => target.has_service(service.as_str()),
    }
}
