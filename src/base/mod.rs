//! Ground floor: ids, units and limits.
//!
//! Everything above speaks of time and names through these types, so that a number always carries its unit and a
//! name always says what it names. No I/O, no clock, no randomness here.
//!
//! Open first: [`time`] (`At`, `Span`), then [`names`]; [`limits`] is the one table of limits; [`book`] is what small
//! append-only books share; [`cidr`] is a range of addresses; [`screen`] is what a reader sees of terminal output; [`supervise`] is what an operations tool and a supervisor say to each other.

pub mod book;
pub mod cidr;
pub mod limits;
pub mod names;
pub mod screen;
pub mod supervise;
pub mod time;

pub use cidr::Cidr;
pub use names::{
    AlarmName, ClassName, DrillId, EntryId, InjectionId, LinkName, NoticeId, Person, ProbeName, ServiceName,
    VolumeName,
};
pub use time::{At, Span};
