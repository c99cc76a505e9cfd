//! `gameday replay`: a drill once more, line by line, in the terminal or as a recording.

use super::{
    block_on,
    exit::{Exit, Failure},
    journal::{self, Source},
    show,
};
use crate::{
    base::limits,
    clock::{Clock, SystemClock},
    report::{
        Journal,
        board::Audience,
        render::{
            recording::Recording,
            replay::{Frame, WIDTH, WIDTH_MIN, asciicast, beside, frames, slowed},
        },
    },
};
use std::{fs, io::IsTerminal as _, path::PathBuf};

const EXAMPLES: &str = "\
Examples:
  gameday replay out/journal.jsonl                     ten times as fast as it happened
  gameday replay last --speed 60x                      a minute in a second
  gameday replay last --speed 0                        at once
  gameday replay out/journal.jsonl --as instigator     with injections and measurements
  gameday replay last --recording ana.cast             with what stood on ana's terminal
  gameday replay last --asciicast drill.cast --speed 20x";

/// How fast a drill is replayed on a terminal, and in a recording, when nobody says.
const SPEED: f64 = 10.0;
/// Wider lines are hard to read.
const WIDTH_MAX: usize = 240;

/// Plays a journal back, one line an event
///
/// As a responder would have seen it, or as an instigator did. In the terminal, or as an asciicast (version 2) that players
/// of recordings show.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Replay {
    #[command(flatten)]
    source: Source,
    /// How many times as fast as it happened: `60x`, `0.5`; 0: at once. 10 on a terminal and in a recording, else 0
    #[arg(long, value_name = "N", value_parser = speed)]
    speed: Option<f64>,
    /// Who looks; responders see nothing of the truth
    #[arg(long = "as", visible_alias = "role", value_enum, default_value = "responder")]
    audience: Side,
    /// A recording of somebody's terminal, told line by line among the drill's; may be repeated
    #[arg(long, value_name = "FILE")]
    recording: Vec<PathBuf>,
    /// Writes a recording to this file instead of playing
    #[arg(long, value_name = "FILE")]
    asciicast: Option<PathBuf>,
    /// How wide lines may be; the terminal's width by default, else 100
    #[arg(long, value_name = "COLUMNS", value_parser = width)]
    width: Option<usize>,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Side {
    /// Nothing of truth and injections
    Responder,
    /// Everything
    Instigator,
}

fn speed(text: &str) -> Result<f64, String> {
    let number = text.strip_suffix('x').unwrap_or(text);
    let speed: f64 = number.parse().map_err(|_| "use a number, such as 10 or 60x".to_owned())?;
    if speed.is_finite() && (0.0..=1_000_000.0).contains(&speed) {
        Ok(speed)
    } else {
        Err("use a number from 0 to 1000000".to_owned())
    }
}

fn width(text: &str) -> Result<usize, String> {
    let width = text.parse().ok().filter(|width| (WIDTH_MIN..=WIDTH_MAX).contains(width));
    width.ok_or_else(|| format!("use a number from {WIDTH_MIN} to {WIDTH_MAX}"))
}

impl Replay {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        let events = self.source.read()?;
        let journal = journal::whole(&events)?;
        let audience = match self.audience {
            Side::Responder => Audience::Responder,
            Side::Instigator => Audience::Instigator,
        };
        let terminal = std::io::stdout().is_terminal();
        let found = terminal_size::terminal_size().filter(|_| terminal && self.asciicast.is_none());
        let found = found.map(|(columns, _)| usize::from(columns.0).min(WIDTH_MAX));
        let width = self.width.or(found).unwrap_or(WIDTH);
        let recordings = self.recordings(&journal)?;
        let recorded = recordings.iter().flat_map(|one| one.frames(journal.start(), width));
        let frames = beside(frames(&journal, audience, width), recorded);
        if let Some(path) = &self.asciicast {
            let speed = self.speed.unwrap_or(SPEED);
            if speed == 0.0 {
                return Err(Failure::usage("could not record a drill at once: a recording takes time")
                    .with_help("Choose a speed above 0, such as 20x."));
            }
            let cast = asciicast(&frames, &journal.plan().title, width, speed);
            fs::write(path, cast).map_err(Failure::io(format!("write {}", path.display())))?;
            show::line(&format!("{} is written.", path.display()))?;
            return Ok(Exit::Done);
        }
        let speed = self.speed.unwrap_or(if terminal { SPEED } else { 0.0 });
        played(&frames, speed)
    }
}

impl Replay {
    fn recordings(&self, journal: &Journal<'_>) -> Result<Vec<Recording>, Failure> {
        if self.recording.len() > limits::RECORDINGS_MAX {
            let most = limits::RECORDINGS_MAX;
            return Err(Failure::usage(format!("could not replay more than {most} recordings at once")));
        }
        let drill = journal.plan().drill.as_str();
        let read = |path: &PathBuf| {
            let shown = path.display();
            let reading = || format!("read the recording {shown}");
            let bytes = fs::metadata(path).map_err(Failure::io(reading()))?.len();
            if bytes > limits::RECORDING_BYTES_MAX * 2 {
                return Err(Failure::refused(format!("could not {}: it has {bytes} bytes", reading())));
            }
            let text = fs::read_to_string(path).map_err(Failure::io(reading()))?;
            let recording = Recording::read(&text)
                .map_err(|why| Failure::new(Exit::Problems, format!("could not {}: {why}", reading())))?;
            match &recording.drill {
                Some(other) if other != drill => Err(Failure::refused(format!(
                    "could not replay {shown} beside {drill}: it was recorded in {other}"
                ))),
                _ => Ok(recording),
            }
        };
        self.recording.iter().map(read).collect()
    }
}

fn played(frames: &[Frame], speed: f64) -> Result<Exit, Failure> {
    if speed == 0.0 {
        let text: String = frames.iter().map(|frame| frame.text.as_str()).collect();
        show::print(&text)?;
        return Ok(Exit::Done);
    }
    block_on(async {
        let began = SystemClock.now();
        let first = frames.first().map(|frame| frame.at);
        for frame in frames {
            let after = first.map(|first| frame.at.since(first)).unwrap_or_default();
            SystemClock.sleep_until(began + slowed(after, speed)).await;
            show::print(&frame.text)?;
        }
        Ok(Exit::Done)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speeds_and_widths_that_make_no_sense_are_refused() {
        assert!(speed("-1").is_err() && speed("inf").is_err() && speed("fast").is_err());
        assert_eq!((speed("0"), speed("60x"), speed("0.5")), (Ok(0.0), Ok(60.0), Ok(0.5)));
        assert!(width("10").is_err() && width("100").is_ok());
    }
}
