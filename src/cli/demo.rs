//! `gameday demo`: the first five minutes.

use super::{
    exit::{Exit, Failure},
    run::Staging,
    show,
};

const EXAMPLES: &str = "\
Examples:
  gameday demo --autopilot     watch a whole drill, about two minutes
  gameday demo                 play it yourself, from other terminals";

/// The scenario that newcomers meet.
const SCENARIO: &str = "pool-shrink";

/// Starts the embedded target and a first drill on it; with --autopilot it plays itself
///
/// Nothing else has to be installed: the target is a small object store of real processes on loopback addresses. The
/// outage begins about half a minute later.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Demo {
    /// The scenario's own responders play
    #[arg(long)]
    autopilot: bool,
    #[command(flatten)]
    stage: Staging,
}

impl Demo {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        let play = self.stage.play(SCENARIO, self.autopilot, None)?;
        if !self.stage.json {
            let who = if self.autopilot {
                "Three responders of the autopilot will play; you can watch, or join them."
            } else {
                "You play: join from another terminal, look at the target, repair it."
            };
            show::line(&format!("A drill on a small object store, with a real outage. {who}"))?;
        }
        let played = self.stage.see_through(play)?;
        self.stage.conclude(&played)
    }
}
