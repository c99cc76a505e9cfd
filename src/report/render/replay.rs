//! A drill once more: one frame for every line, for a terminal or as an asciicast. Colours say what sort of line it is, and
//! so does the word before it; lines break at the width that there is.

use crate::{
    base::{At, Span},
    drill::event::offset,
    report::{
        Journal,
        board::{Audience, replay_words},
        debrief::Lane,
        wording::{page, tame},
    },
};
use anstyle::{AnsiColor, Style};
use serde_json::json;

/// How wide a replay is where nobody says.
pub const WIDTH: usize = 100;
/// Narrower is not readable.
pub const WIDTH_MIN: usize = 40;
/// Room for the time and the kind of a line.
pub(super) const MARGIN: usize = 20;
/// Lines of a terminal that an asciicast asks for.
const HEIGHT: usize = 30;

/// One line of a replay, which may take several of the terminal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// When it happened.
    pub at: At,
    /// What is printed, with its newline.
    pub text: String,
}

/// The frames of a drill, the first of them its title. Responders' frames hold nothing of the truth.
pub fn frames(journal: &Journal<'_>, audience: Audience, width: usize) -> Vec<Frame> {
    let plan = journal.plan();
    let width = width.max(WIDTH_MIN);
    let lines = journal.events().iter().filter_map(|recorded| {
        let words = replay_words(plan, recorded, audience)?;
        let lane = Lane::of(&recorded.event);
        let text = line(&offset(journal.start(), recorded.at), lane, &words, width);
        Some(Frame { at: recorded.at, text })
    });
    let lines: Vec<Frame> = lines.collect();
    let Some(first) = lines.first() else {
        return lines;
    };
    let title = Frame { at: first.at, text: title(journal, audience, width) };
    std::iter::once(title).chain(lines).collect()
}

/// The frames of a drill with what stood on screens, each at its moment. The title stays the first.
pub fn beside(frames: Vec<Frame>, recorded: impl Iterator<Item = Frame>) -> Vec<Frame> {
    let mut frames = frames.into_iter();
    let title = frames.next();
    let mut rest: Vec<Frame> = frames.chain(recorded).collect();
    rest.sort_by_key(|frame| frame.at);
    let first = rest.first().map(|frame| frame.at);
    let title = title.map(|title| Frame { at: first.map_or(title.at, |first| first.min(title.at)), ..title });
    title.into_iter().chain(rest).collect()
}

fn title(journal: &Journal<'_>, audience: Audience, width: usize) -> String {
    let plan = journal.plan();
    let (bold, dim) = (Style::new().bold(), Style::new().dimmed());
    let side = match audience {
        Audience::Responder => page::REPLAY_RESPONDER,
        Audience::Instigator => page::REPLAY_INSTIGATOR,
    };
    let words = page::replayed(plan.drill.as_str(), &journal.start().date(), side);
    let mut text = format!("{bold}{}  {}{bold:#}\n", page::BANNER, tame(&plan.title));
    for row in wrapped(&words, width) {
        text.push_str(&format!("{dim}{row}{dim:#}\n"));
    }
    text + "\n"
}

/// `T+1m2s    alarm     UploadErrorsHigh: ...`, what does not fit beneath.
fn line(offset: &str, lane: Lane, words: &str, width: usize) -> String {
    let (dim, style) = (Style::new().dimmed(), style(lane));
    let rows = wrapped(words, width.saturating_sub(MARGIN));
    let mut text = String::new();
    for (index, row) in rows.iter().enumerate() {
        let (when, kind) = if index == 0 { (offset, lane.as_str()) } else { ("", "") };
        text.push_str(&format!("{dim}{when:<9}{dim:#} {style}{kind:<9} {row}{style:#}\n"));
    }
    text
}

fn style(lane: Lane) -> Style {
    let colour = |colour: AnsiColor| Style::new().fg_color(Some(colour.into()));
    match lane {
        Lane::Alarm => colour(AnsiColor::Yellow).bold(),
        Lane::Service => colour(AnsiColor::Green).bold(),
        Lane::Action => colour(AnsiColor::Cyan),
        Lane::Status => colour(AnsiColor::Blue),
        Lane::Response => Style::new().bold(),
        Lane::Talk => Style::new(),
        Lane::Exercise => Style::new().dimmed(),
    }
}

/// Breaks at spaces; a word that is too long by itself is broken where it has to be.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut rows = vec![String::new()];
    for word in text.split_whitespace() {
        let mut rest: Vec<char> = word.chars().collect();
        while !rest.is_empty() {
            let row = rows.last_mut().expect("there is always a row");
            let used = row.chars().count();
            let gap = usize::from(used > 0);
            if used + gap + rest.len() <= width {
                row.push_str(if used > 0 { " " } else { "" });
                row.extend(rest.drain(..));
            } else if used > 0 {
                rows.push(String::new());
            } else {
                row.extend(rest.drain(..width));
            }
        }
    }
    rows
}

/// How long after the first a frame is shown at this speed.
pub fn slowed(after: Span, speed: f64) -> Span {
    let slowed = std::time::Duration::try_from_secs_f64(after.secs() / speed).unwrap_or_default();
    Span::from_millis(u64::try_from(slowed.as_millis()).unwrap_or(u64::MAX))
}

/// The frames as an asciicast, version 2: a recording of a terminal that players show at its own speed.
pub fn asciicast(frames: &[Frame], title: &str, width: usize, speed: f64) -> String {
    let first = frames.first().map_or(At::from_millis(0), |frame| frame.at);
    let header = json!({
        "version": 2,
        "width": width.max(WIDTH_MIN),
        "height": HEIGHT,
        "timestamp": first.millis() / 1000,
        "title": tame(title),
        "env": {"TERM": "xterm-256color"},
    });
    let mut text = format!("{header}\n");
    for frame in frames {
        let seconds = slowed(frame.at.since(first), speed).secs();
        let shown = frame.text.replace('\n', "\r\n");
        text.push_str(&format!("{}\n", json!([seconds, "o", shown])));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_row_is_wider_than_it_may_be_and_nothing_is_lost() {
        let text = "one two three averyveryverylongwordthatdoesnotfit end";
        for width in [8, 13, 40] {
            let rows = wrapped(text, width);
            assert!(rows.iter().all(|row| row.chars().count() <= width), "{rows:?}");
            let kept: String = rows.concat().split_whitespace().collect();
            assert_eq!(kept, text.split_whitespace().collect::<String>());
        }
    }

    #[test]
    fn speeds_divide_time() {
        assert_eq!(slowed(Span::from_secs(60), 60.0), Span::from_secs(1));
        assert_eq!(slowed(Span::from_secs(1), 0.5), Span::from_secs(2));
    }

    #[test]
    fn an_asciicast_has_a_header_and_an_event_a_line() {
        let frame = |at, text: &str| Frame { at: At::from_millis(at), text: text.to_owned() };
        let cast = asciicast(&[frame(5000, "a\n"), frame(65_000, "b\n")], "Title", 80, 60.0);
        let lines: Vec<serde_json::Value> =
            cast.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!((&lines[0]["version"], &lines[0]["timestamp"]), (&json!(2), &json!(5)));
        assert_eq!(lines[1..], [json!([0.0, "o", "a\r\n"]), json!([1.0, "o", "b\r\n"])]);
    }
}
