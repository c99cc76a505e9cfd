//! Recordings of terminals beside a drill: what stood on somebody's screen, among the lines of the replay.

use super::replay::{Frame, MARGIN, WIDTH_MIN};
use crate::{
    base::{At, Person, Span, screen},
    drill::event::offset,
};
use anstyle::Style;
use serde_json::Value;
use std::time::Duration;

/// How a screen that a program has for itself begins and ends. What stands on it is no line of a replay.
const FULL_SCREEN: [&str; 2] = ["\x1b[?1049h", "\x1b[?47h"];
const FULL_SCREEN_ENDS: [&str; 2] = ["\x1b[?1049l", "\x1b[?47l"];
/// Stands for it.
const FULL_SCREEN_SHOWN: &str = "(a program that fills the screen)";

/// What an asciicast of version 2 shows, line by line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recording {
    /// Whose terminal it is; nothing where the recorder did not say.
    pub person: Option<Person>,
    /// The drill that it belongs to, if the recorder knew.
    pub drill: Option<String>,
    /// Each line with when it was whole.
    pub lines: Vec<(At, String)>,
}

impl Recording {
    /// Reads one. The error names the line that is wrong.
    pub fn read(text: &str) -> Result<Self, String> {
        let mut events = text.lines().enumerate();
        let head: Value = events
            .next()
            .and_then(|(_, line)| serde_json::from_str(line).ok())
            .filter(|head: &Value| head["version"] == 2)
            .ok_or("line 1 is not the head of an asciicast, version 2")?;
        let ours = &head["gameday"];
        let exact = ours["began"].as_str().and_then(|began| At::try_from(began.to_owned()).ok());
        let rounded =
            head["timestamp"].as_i64().and_then(|seconds| seconds.checked_mul(1000)).map(At::from_millis);
        let began = exact.or(rounded).ok_or("line 1 does not say when the recording began")?;
        let mut screen = Screen { lines: Vec::new(), open: String::new(), last: began, full: false };
        for (index, line) in events {
            let wrong = || format!("line {} is not an event of an asciicast", index + 1);
            // A recorder that was killed leaves half a line.
            let Ok(event) = serde_json::from_str::<(f64, String, Value)>(line) else {
                if index + 1 == text.lines().count() {
                    break;
                }
                return Err(wrong());
            };
            let (seconds, sort, shown) = event;
            let after = Duration::try_from_secs_f64(seconds)
                .ok()
                .and_then(|after| u64::try_from(after.as_millis()).ok());
            let after = after.map(Span::from_millis).ok_or_else(wrong)?;
            if let (true, Some(shown)) = (sort == "o", shown.as_str()) {
                screen.show(began + after, shown);
            }
        }
        Ok(Self {
            person: ours["person"].as_str().and_then(|name| name.parse().ok()),
            drill: ours["drill"].as_str().map(str::to_owned),
            lines: screen.close(),
        })
    }

    /// Its lines as frames of a replay that starts at `start`.
    pub fn frames(&self, start: At, width: usize) -> impl Iterator<Item = Frame> {
        let who = self.person.as_ref().map_or("terminal", Person::as_str);
        let room = width.max(WIDTH_MIN).saturating_sub(MARGIN + 2);
        self.lines
            .iter()
            .map(move |(at, line)| Frame { at: *at, text: row(&offset(start, *at), who, line, room) })
    }
}

/// `T+1m2s    ana       | depotctl list`, what does not fit beneath.
fn row(offset: &str, who: &str, line: &str, room: usize) -> String {
    let dim = Style::new().dimmed();
    let who: String = who.chars().take(9).collect();
    let mut text = String::new();
    // Columns stay columns: what is too wide is broken where it has to be.
    let letters: Vec<char> = line.chars().collect();
    for (index, row) in letters.chunks(room).map(String::from_iter).enumerate() {
        let (when, who) = if index == 0 { (offset, who.as_str()) } else { ("", "") };
        text.push_str(&format!("{dim}{when:<9} {who:<9} |{dim:#} {row}\n"));
    }
    text
}

/// Output becomes lines.
struct Screen {
    lines: Vec<(At, String)>,
    open: String,
    last: At,
    full: bool,
}

impl Screen {
    fn show(&mut self, at: At, shown: &str) {
        self.last = at;
        for piece in shown.split_inclusive('\n') {
            self.open.push_str(piece);
            if piece.ends_with('\n') {
                self.end_line();
            }
        }
    }

    fn end_line(&mut self) {
        let line = std::mem::take(&mut self.open);
        let begins = FULL_SCREEN.iter().find_map(|mark| line.find(mark));
        let ends = FULL_SCREEN_ENDS.iter().find_map(|mark| line.rfind(mark).map(|at| at + mark.len()));
        let seen = match (begins, ends, self.full) {
            (Some(begin), _, false) => &line[..begin],
            (_, Some(end), _) => &line[end..],
            (_, None, true) => "",
            _ => &line,
        };
        let seen = screen::plain(seen);
        if !seen.trim().is_empty() {
            self.lines.push((self.last, seen));
        }
        if begins.is_some() && !self.full {
            self.lines.push((self.last, FULL_SCREEN_SHOWN.to_owned()));
        }
        self.full = ends.is_none() && (self.full || begins.is_some());
    }

    fn close(mut self) -> Vec<(At, String)> {
        if !self.open.is_empty() {
            self.end_line();
        }
        self.lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = r#"{"version":2,"width":80,"height":24,"timestamp":1,"gameday":{"person":"ana","drill":"d-1","began":"1970-01-01T00:00:01.500Z"}}"#;

    fn lines(text: &str) -> Vec<(i64, String)> {
        let recording = Recording::read(text).unwrap();
        recording.lines.into_iter().map(|(at, line)| (at.millis(), line)).collect()
    }

    #[test]
    fn a_recording_becomes_lines_with_their_moments() {
        let text = format!(
            "{HEAD}\n{}\n{}\n{}\n{}\n",
            r#"[0.5,"o","\u001b[1m$ \u001b[0mls"]"#,
            r#"[1.0,"o","\r\na  b\r\n\r\nhalf"]"#,
            r#"[1.1,"m","ls"]"#,
            r#"[1.2,"o","\u001b[?1049hTOP\r\nmore\r\n\u001b[?1049l$ exit\r\n"]"#
        );
        let line = |at, text: &str| (at, text.to_owned());
        assert_eq!(
            lines(&text),
            [
                line(2500, "$ ls"),
                line(2500, "a  b"),
                line(2700, "half"),
                line(2700, FULL_SCREEN_SHOWN),
                line(2700, "$ exit")
            ]
        );
        let frames: Vec<_> = Recording::read(&text).unwrap().frames(At::from_millis(0), 60).collect();
        assert!(frames[0].text.contains("T+2s") && frames[0].text.contains("ana"), "{frames:?}");
    }

    #[test]
    fn one_of_another_recorder_can_be_read_and_what_is_none_cannot() {
        let plain = r#"{"version":2,"width":80,"height":24,"timestamp":7}"#;
        assert_eq!(lines(&format!("{plain}\n[0.0,\"o\",\"x\\r\\n\"]\n[0.1,\"o\"")), [(7000, "x".to_owned())]);
        for wrong in ["", "{\"version\":1}", "{\"version\":2}", &format!("{plain}\nx\n[0.0,\"o\",\"x\"]")] {
            assert!(Recording::read(wrong).is_err(), "{wrong}");
        }
    }
}
