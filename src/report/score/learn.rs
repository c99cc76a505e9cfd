//! Learn: what is written up and followed up. A journal ends at EndEx, and learning begins there, so it can tell nothing
//! of it; what the team wrote while it played is judged in diagnose, assess and decide.

use super::{Check, Sheet};
use crate::report::wording;

const CHECKS: [(&str, f64); 3] =
    [("learn.sections", 0.40), ("learn.follow-ups", 0.40), ("learn.objectives", 0.20)];

pub(super) fn checks() -> Vec<Check> {
    Sheet::none_of(&CHECKS, wording::NO_DEBRIEF_YET)
}
