//! How much of a target a plan touches at the same time, and whether the target has what it touches.

use super::pack::TargetDescription;
use crate::base::Span;
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
                Place::File(file) => {
                    let component =
                        target.files.iter().find(|known| known.name == file).map(|known| &known.component);
                    let component = component.map_or("", |component| component.as_str());
                    services.extend(target.instances(component).map(|service| service.name.clone()));
                }
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

/// Whether the target has the place that the fault changes: else nobody can look at it, or undo it.
pub fn has_place(target: &TargetDescription, fault: &Fault) -> bool {
    match fault.place() {
        Place::Link(link) => target.links.iter().any(|known| known.name == link),
        Place::Volume(volume) => target.volumes.iter().any(|known| known.name == volume),
        Place::File(file) => target.files.iter().any(|known| known.name == file),
        Place::Service(service) => target.has_service(service.as_str()),
    }
}
