//! `gameday programme`: a team's practice as a whole.

use super::{
    actions, block_on,
    exit::{Exit, Failure},
    home::Home,
    journal,
    paper::Paper,
    wire,
};
use crate::report::{
    programme::{Coming, Drills, Programme as Practice},
    render,
};

const EXAMPLES: &str = "\
Examples:
  gameday programme
  gameday programme --out practice.html
  gameday programme --format json | jq '.objectives[] | select(.practised == 1).text'";

/// Occurrences of a series that are listed.
const AHEAD: usize = 3;

/// Shows the practice of this home as a whole: what comes next, drills by scenario, objectives, open corrective actions
///
/// Made of the drills that people played here; rehearsals and drills of the autopilot alone do not count. It ranks nothing
/// and names nobody. Titles may hint at a cause: it is for those who run drills.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Programme {
    #[command(flatten)]
    paper: Paper,
}

impl Programme {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        let practice = practice(&Home::open()?)?;
        self.paper.write(&practice, || render::programme(&practice))
    }
}

/// What was practised in a home, and what is planned there.
fn practice(home: &Home) -> Result<Practice, Failure> {
    let mut drills = Drills::default();
    for events in block_on(journal::outlines(home))? {
        drills.add(&events);
    }
    let next = block_on(async {
        let (_, schedule) = wire::open_books(home).await?;
        let calendar = schedule.look().await.map_err(Failure::io("read the calendar"))?;
        let mut coming = calendar.upcoming(schedule.zones(), AHEAD);
        // What is hidden stands at the end: its place would tell.
        coming.sort_by_key(|one| one.hidden);
        let line = |one: crate::calendar::Occurrence<'_>| Coming {
            when: one.told(),
            title: one.entry.title.clone(),
            target: one.entry.target.clone(),
        };
        Ok::<_, Failure>(coming.into_iter().map(line).collect())
    })?;
    Ok(drills.programme(next, actions::known(Vec::new())?.actions))
}
