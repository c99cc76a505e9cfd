//! `gameday replay`: a drill once more, line by line.

use super::{
    block_on,
    exit::{Exit, Failure},
    journal::{self, Source},
    show,
};
use crate::{
    base::{At, Span},
    clock::{Clock, SystemClock},
    report::board::{Audience, replay_line},
};
use std::io::IsTerminal as _;

const EXAMPLES: &str = "\
Examples:
  gameday replay out/journal.jsonl                     ten times as fast as it happened
  gameday replay last --speed 60                       a minute in a second
  gameday replay last --speed 0                        at once
  gameday replay out/journal.jsonl --as instigator     with injections and measurements";

/// How fast a drill is replayed on a terminal when nobody says.
const SPEED: f64 = 10.0;

/// Plays a journal back, one line an event
///
/// As a responder would have seen it, or as an instigator did.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Replay {
    #[command(flatten)]
    source: Source,
    /// How many times as fast as it happened; 0: at once. 10 on a terminal, else 0
    #[arg(long, value_name = "N", value_parser = speed)]
    speed: Option<f64>,
    /// Who looks
    #[arg(long = "as", value_enum, default_value = "responder")]
    audience: Side,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Side {
    /// Nothing of truth and injections
    Responder,
    /// Everything
    Instigator,
}

fn speed(text: &str) -> Result<f64, String> {
    let speed: f64 = text.parse().map_err(|_| "use a number, such as 10".to_owned())?;
    if speed.is_finite() && (0.0..=1_000_000.0).contains(&speed) {
        Ok(speed)
    } else {
        Err("use a number from 0 to 1000000".to_owned())
    }
}

impl Replay {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        let events = self.source.read()?;
        let journal = journal::whole(&events)?;
        let audience = match self.audience {
            Side::Responder => Audience::Responder,
            Side::Instigator => Audience::Instigator,
        };
        let lines: Vec<(At, String)> = events
            .iter()
            .filter_map(|one| Some((one.at, replay_line(journal.plan(), journal.start(), one, audience)?)))
            .collect();
        let terminal = std::io::stdout().is_terminal();
        let speed = self.speed.unwrap_or(if terminal { SPEED } else { 0.0 });
        let Some(first) = lines.first().map(|(at, _)| *at) else {
            return Ok(Exit::Done);
        };
        if speed == 0.0 {
            let text: String = lines.into_iter().map(|(_, line)| line + "\n").collect();
            show::print(&text)?;
            return Ok(Exit::Done);
        }
        block_on(async {
            let began = SystemClock.now();
            for (at, line) in lines {
                SystemClock.sleep_until(began + slowed(at.since(first), speed)).await;
                show::line(&line)?;
            }
            Ok(Exit::Done)
        })
    }
}

/// How long after the first line a line is printed.
fn slowed(after: Span, speed: f64) -> Span {
    let slowed = std::time::Duration::try_from_secs_f64(after.secs() / speed).unwrap_or_default();
    Span::from_millis(u64::try_from(slowed.as_millis()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speeds_divide_time() {
        assert_eq!(slowed(Span::from_secs(60), 60.0), Span::from_secs(1));
        assert_eq!(slowed(Span::from_secs(1), 0.5), Span::from_secs(2));
        assert!(speed("-1").is_err() && speed("inf").is_err() && speed("fast").is_err());
        assert_eq!(speed("0"), Ok(0.0));
    }
}
