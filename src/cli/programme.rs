//! `gameday programme`: a team's practice as a whole.

use super::{
    actions, block_on,
    exit::{Exit, Failure},
    home::Home,
    journal,
    paper::Paper,
    wire,
};
use crate::{
    engine::calendar::Schedule,
    report::{
        programme::{Coming, Drills, Programme as Practice},
        render,
    },
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
        let home = Home::open()?;
        let practice = block_on(async {
            let books = wire::open_books(&home).await?;
            practice(&home, &books.schedule).await
        })?;
        self.paper.write(&practice, || render::programme(&practice))
    }
}

/// What was practised in a home, and what is planned there.
pub(super) async fn practice(home: &Home, schedule: &Schedule) -> Result<Practice, Failure> {
    let (mut drills, mut asked) = (Drills::default(), Vec::new());
    for (drill, events) in journal::outlines(home).await? {
        drills.add(&events);
        asked.extend(journal::asked_in(&drill, &events));
    }
    let calendar = schedule.look().await.map_err(Failure::io("read the calendar"))?;
    let mut coming = calendar.upcoming(schedule.zones(), AHEAD);
    // What is hidden stands at the end: its place would tell.
    coming.sort_by_key(|one| one.hidden);
    let next = coming.into_iter().map(|one| Coming {
        when: one.told(),
        title: one.entry.title.clone(),
        target: one.entry.target.clone(),
    });
    Ok(drills.programme(next.collect(), actions::follow_up(home, asked)?.actions))
}
