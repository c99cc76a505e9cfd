//! `gameday run`: a drill of one scenario, from steady state to debrief.

use super::{
    exit::{Exit, Failure},
    home::Home,
    play::{Entrance, Play, Played},
    preflight::Entry,
    resume::resume,
    routes,
    shelf::Shelf,
    show,
};
use crate::{
    base::{At, DrillId},
    calendar::Moment,
    drill::{event::Outcome, plan::Admission},
    library::variants::Pick,
    report::board::Audience,
    scenario::problem::Problem,
    seed::Seed,
};
use serde::Serialize;
use std::{net::SocketAddr, path::PathBuf};

const EXAMPLES: &str = "\
Examples:
  gameday run pool-shrink
  gameday run pool-shrink --autopilot --out results/
  gameday run my-drill.yaml --at \"2026-12-01 14:00 Europe/Berlin\"
  gameday run session-hang --routes routes.yaml
  gameday run pool-shrink --responder ana --responder ben --instigator ina
  gameday run --resume                     after a crash: plays the unfinished drill on

Exit codes: 0 completed, 1 refused, 4 no steady state or start missed, 5 aborted or stopped, 6 something may still be broken.";

/// Runs a drill: a real outage on the embedded target, alarms, people, repair, score and debrief
///
/// The target is laid out and started, the scenario's steady state is measured, the outage begins at its time. Press
/// Ctrl-C once to stop the drill and take every fault back.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Run {
    /// A scenario file, or the name of a built-in scenario
    #[arg(required_unless_present = "resume")]
    scenario: Option<String>,
    /// The scenario's own responders play
    #[arg(long)]
    autopilot: bool,
    /// Takes over a drill whose engine died and plays it on: this one, or the only one there is
    #[arg(
        long,
        value_name = "DRILL",
        num_args = 0..=1,
        conflicts_with_all = ["scenario", "autopilot", "at", "seed", "variant", "injectors"]
    )]
    resume: Option<Vec<DrillId>>,
    /// Begins the outage at this moment: `2026-12-01 14:00 Europe/Berlin`; at once by default
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    /// Shows everything that happens here, also what responders must not see
    #[arg(long)]
    reveal: bool,
    #[command(flatten)]
    entry: Entry,
    #[command(flatten)]
    stage: Staging,
}

/// Options of every command that plays a drill.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Staging {
    /// Where randomness begins; a fresh one by default
    #[arg(long, value_name = "N")]
    pub(super) seed: Option<u64>,
    /// Plays this variant of the scenario; else the seed draws one
    #[arg(long, value_name = "NAME")]
    pub(super) variant: Option<String>,
    /// Where journal, score and debrief are left
    #[arg(long, value_name = "DIR")]
    pub(super) out: Option<PathBuf>,
    #[command(flatten)]
    pub(super) routes: routes::File,
    /// Where people join; any free port by default
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    pub(super) listen: SocketAddr,
    /// Prints nothing but one JSON object at the end
    #[arg(long)]
    pub(super) json: bool,
    #[command(flatten)]
    pub(super) shelf: Shelf,
}

/// The last word in JSON.
#[derive(Serialize)]
struct Summary<'a> {
    outcome: Option<Outcome>,
    clean: bool,
    events: usize,
    folder: &'a std::path::Path,
    debrief: PathBuf,
    /// Codes of the rules that kept it from starting.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    refused: Vec<&'a str>,
}

impl Staging {
    /// The console speaks without TLS, so nobody but this machine may hear it.
    pub(super) fn only_loopback(&self) -> Result<(), Failure> {
        if !self.listen.ip().is_loopback() {
            return Err(Failure::usage(format!(
                "could not listen on {}: the console speaks without TLS",
                self.listen
            ))
            .with_help("Use a loopback address, and a TLS proxy or an SSH tunnel in front of it."));
        }
        Ok(())
    }

    /// The play of a scenario with these options.
    pub(super) fn play(&self, scenario: &str, autopilot: bool, start: Option<At>) -> Result<Play, Failure> {
        self.only_loopback()?;
        let seed = self.seed.map_or_else(Seed::fresh, Seed);
        Ok(Play {
            scenario: self.shelf.load_one(scenario, self.pick(seed))?,
            documents: self.shelf.documents(scenario)?,
            seed,
            start,
            admission: Admission::default(),
            autopilot,
            seat: None,
            means: self.routes.named()?,
            entrance: Entrance::Own(self.listen),
            out: self.out.clone(),
            show: (!self.json).then_some(Audience::Responder),
        })
    }

    fn pick(&self, seed: Seed) -> Pick<'_> {
        self.variant.as_deref().map_or(Pick::Drawn(seed), Pick::Named)
    }

    /// What is still missing in a scenario, or in the variant that is named, each in a line.
    pub(super) fn lint(&self, scenario: &str) -> Result<Vec<String>, Failure> {
        let found =
            self.shelf.lint_one(scenario, self.variant.as_deref().map_or(Pick::At(0), Pick::Named))?;
        Ok(found.iter().map(Problem::headline).collect())
    }

    /// Plays to the end; a refusal is told as these options want it.
    pub(super) fn see_through(&self, play: Play) -> Result<Played, Failure> {
        super::block_on(play.play()).map_err(|failure| failure.told(self.json))
    }

    /// Says how it went and where everything is.
    pub(super) fn conclude(&self, played: &Played) -> Result<Exit, Failure> {
        let debrief = played.folder.join("debrief.html");
        if self.json {
            show::json(&Summary {
                outcome: played.outcome,
                clean: played.clean,
                events: played.journal.len(),
                folder: &played.folder,
                debrief,
                refused: played.refused().collect(),
            })?;
        } else {
            let outcome = played.outcome.map_or("unfinished", Outcome::as_str);
            let left = if played.clean { "nothing is left on the target" } else { "SOMETHING MAY BE LEFT" };
            show::print(&format!(
                "\nThe drill ended: {outcome}; {left}.\n  journal  {}\n  score    {}\n  debrief  {}\n",
                played.folder.join("journal.jsonl").display(),
                played.folder.join("score.json").display(),
                debrief.display(),
            ))?;
        }
        Ok(played.exit())
    }
}

impl Run {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        let start = self.at.as_deref().map(moment).transpose()?;
        let Some(scenario) = &self.scenario else {
            let audience = if self.reveal { Audience::Instigator } else { Audience::Responder };
            return super::block_on(resume(&self.stage, self.resume.iter().flatten().next(), audience));
        };
        let mut play = self.stage.play(scenario, self.autopilot, start)?;
        if self.reveal && play.show.is_some() {
            play.show = Some(Audience::Instigator);
        }
        play.admission = self.entry.admission();
        play.means = self.stage.routes.standing(&Home::find()?)?;
        let played = self.stage.see_through(play)?;
        self.stage.conclude(&played)
    }
}

/// Reads `2026-12-01 14:00 Europe/Berlin` (or RFC 3339). A civil time that does not exist in its zone, or exists twice,
/// is refused.
fn moment(text: &str) -> Result<At, Failure> {
    Moment::read(jiff::tz::db(), text).map(|moment| moment.at).map_err(|why| {
        Failure::usage(format!("could not understand the time `{text}`: {why}"))
            .with_help("Write it like `2026-12-01 14:00 Europe/Berlin` or `2026-12-01T13:00:00Z`.")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_with_a_zone_are_read() {
        let at = moment("2026-12-01 14:00 Europe/Berlin").unwrap();
        assert_eq!(at.to_string(), "2026-12-01T13:00:00.000Z");
        assert_eq!(moment("2026-12-01T13:00:00Z").unwrap(), at);
    }

    #[test]
    fn times_that_are_no_moment_are_refused() {
        // The first does not exist (spring), the second exists twice (autumn).
        for text in [
            "2027-03-28 02:30 Europe/Berlin",
            "2026-10-25 02:30 Europe/Berlin",
            "noon",
            "2026-12-01 14:00 Nowhere/Land",
        ] {
            assert_eq!(moment(text).unwrap_err().exit, Exit::Usage, "{text}");
        }
    }
}
