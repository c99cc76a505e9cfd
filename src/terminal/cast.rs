//! The recording: an asciicast of version 2, written as it happens, without the secrets.
//!
//! Output is held until its line is whole, because a secret that is typed comes letter by letter. What is typed is never
//! recorded, only what the terminal shows of it.

use super::mask::{MASK, Masker};
use crate::base::{At, Span, limits, screen::visible};
use serde_json::json;
use std::{fs::File, io, io::Write as _, ops::Range};

/// Most bytes that are held; a screen that is drawn without a line's end comes through in pieces of this size.
const HELD_BYTES_MAX: usize = 32 * 1024;

/// What is known of a recording when it begins.
#[derive(Debug, Clone)]
pub struct Header {
    /// When it begins.
    pub began: At,
    /// Columns and lines of the terminal.
    pub size: (u16, u16),
    /// What it is.
    pub title: String,
    /// Its name, as commands of the timeline have it.
    pub name: String,
    /// Who is recorded.
    pub person: String,
    /// The drill.
    pub drill: String,
}

/// Writes one recording.
#[derive(Debug)]
pub struct Recorder {
    file: Option<File>,
    began: At,
    written: u64,
    masker: Masker,
    /// Output with when it came, whose line may go on.
    held: Vec<(Span, String)>,
    /// Bytes of a letter that is not whole.
    broken: Vec<u8>,
    /// A line is being typed: it is held until it is run.
    typing: bool,
    /// Why nothing more is recorded.
    ended: Option<String>,
}

impl Recorder {
    /// Begins a recording in an empty file.
    pub fn begin(file: File, header: &Header, masker: Masker) -> io::Result<Self> {
        let mut recorder = Self {
            file: Some(file),
            began: header.began,
            written: 0,
            masker,
            held: Vec::new(),
            broken: Vec::new(),
            typing: false,
            ended: None,
        };
        let Header { began, size: (width, height), title, name, person, drill } = header;
        let head = json!({
            "version": 2,
            "width": width,
            "height": height,
            "timestamp": began.millis() / 1000,
            "title": title,
            "env": {"TERM": "xterm-256color"},
            "gameday": {"recording": name, "person": person, "drill": drill, "began": began},
        });
        let line = format!("{head}\n");
        recorder.written = line.len() as u64;
        if let Some(file) = &mut recorder.file {
            file.write_all(line.as_bytes())?;
        }
        Ok(recorder)
    }

    /// The terminal shows this.
    pub fn output(&mut self, at: At, bytes: &[u8]) {
        self.broken.extend_from_slice(bytes);
        let text = whole_letters(&mut self.broken);
        if text.is_empty() {
            return;
        }
        let ends_line = text.contains('\n');
        self.held.push((at.since(self.began), text));
        let held: usize = self.held.iter().map(|(_, text)| text.len()).sum();
        if held > HELD_BYTES_MAX {
            self.write_held();
        } else if ends_line && !self.typing {
            self.write_lines();
        }
    }

    /// A prompt is about to be shown.
    pub fn prompt(&mut self) {
        self.write_held();
        self.typing = true;
    }

    /// What was typed at the prompt is run now. Gives the line as it may be told; a line that is told is marked.
    pub fn begins(&mut self, at: At, line: &str, is_told: bool) -> String {
        self.typing = false;
        let masked = self.masker.line(line);
        if masked == line {
            self.write_held();
        } else {
            // However it was edited, nothing of it is left.
            self.held.clear();
            let shown = masked.replace('\n', "\r\n");
            self.event(at.since(self.began), "o", &format!("\r$ {shown}\r\n"));
        }
        if is_told {
            self.event(at.since(self.began), "m", &masked);
        }
        masked
    }

    /// The terminal has another size.
    pub fn resized(&mut self, at: At, (columns, lines): (u16, u16)) {
        self.write_held();
        self.event(at.since(self.began), "r", &format!("{columns}x{lines}"));
    }

    /// A command line without its secrets.
    pub fn masked(&mut self, line: &str) -> String {
        self.masker.line(line)
    }

    /// Writes what is held, and says why the recording is not whole, if it is not.
    pub fn finish(mut self) -> Option<String> {
        if !self.broken.is_empty() {
            let rest = String::from_utf8_lossy(&self.broken).into_owned();
            let at = self.held.last().map_or(Span::ZERO, |(at, _)| *at);
            self.held.push((at, rest));
        }
        self.write_held();
        self.ended
    }

    /// Writes the lines that are whole, and goes on to hold the last one.
    fn write_lines(&mut self) {
        let mut rest = Vec::new();
        if let Some(last) = self.held.iter().rposition(|(_, text)| text.contains('\n')) {
            rest = self.held.split_off(last + 1);
            if let Some((at, text)) = self.held.last_mut() {
                let open = text.split_off(text.rfind('\n').map_or(0, |end| end + 1));
                if !open.is_empty() {
                    rest.insert(0, (*at, open));
                }
            }
        }
        self.write_held();
        self.held = rest;
    }

    fn write_held(&mut self) {
        let pieces = std::mem::take(&mut self.held);
        let whole: String = pieces.iter().map(|(_, text)| text.as_str()).collect();
        let seen = visible(&whole);
        let text: String = seen.iter().map(|(_, letter)| *letter).collect();
        let hidden = hidden(&text, &seen, &self.masker.output(&text));
        let mut from = 0;
        for (at, piece) in pieces {
            let kept = without(&piece, from, &hidden);
            from += piece.len();
            if !kept.is_empty() {
                self.event(at, "o", &kept);
            }
        }
    }

    fn event(&mut self, at: Span, sort: &str, text: &str) {
        let line = format!("{}\n", json!([at.secs(), sort, text]));
        let too_long = at > limits::RECORDING_TIME_MAX;
        if too_long || self.written + line.len() as u64 > limits::RECORDING_BYTES_MAX {
            let why = if too_long {
                format!("it is {} long", limits::RECORDING_TIME_MAX)
            } else {
                format!("it has {} bytes", limits::RECORDING_BYTES_MAX)
            };
            let note = json!([at.secs(), "o", format!("\r\n[gameday: the recording ends here: {why}]\r\n")]);
            self.write(&format!("{note}\n"));
            self.end(why);
        } else {
            self.write(&line);
        }
    }

    fn write(&mut self, line: &str) {
        let Some(file) = &mut self.file else { return };
        self.written += line.len() as u64;
        if let Err(error) = file.write_all(line.as_bytes()) {
            self.end(error.to_string());
        }
    }

    /// Nothing more is recorded.
    fn end(&mut self, why: String) {
        self.file = None;
        self.ended.get_or_insert(why);
    }
}

/// Takes the whole letters out; what belongs to no letter is replaced.
fn whole_letters(bytes: &mut Vec<u8>) -> String {
    let open = match std::str::from_utf8(bytes) {
        Err(error) if error.error_len().is_none() => error.valid_up_to(),
        // What is wrong further ahead is replaced; what may go on at the end is kept.
        Err(_) => bytes.len() - unfinished(bytes),
        Ok(_) => bytes.len(),
    };
    let rest = bytes.split_off(open);
    let text = String::from_utf8_lossy(bytes).into_owned();
    *bytes = rest;
    text
}

/// How many bytes at the end may be the beginning of a letter.
fn unfinished(bytes: &[u8]) -> usize {
    (1..=3.min(bytes.len()))
        .find(|count| {
            let tail = &bytes[bytes.len() - count..];
            std::str::from_utf8(tail)
                .is_err_and(|error| error.valid_up_to() == 0 && error.error_len().is_none())
        })
        .unwrap_or(0)
}

/// Places of the output that are hidden, from spans of what is visible.
fn hidden(text: &str, seen: &[(usize, char)], spans: &[Range<usize>]) -> Vec<Range<usize>> {
    let place = |byte: usize| text[..byte].chars().count();
    spans
        .iter()
        .filter_map(|span| {
            let (first, last) = (seen.get(place(span.start))?, seen.get(place(span.end).checked_sub(1)?)?);
            Some(first.0..last.0 + last.1.len_utf8())
        })
        .collect()
}

/// A piece that begins at `from`, with [`MASK`] where something hidden begins and nothing for the rest of it.
fn without(piece: &str, from: usize, hidden: &[Range<usize>]) -> String {
    let mut kept = String::with_capacity(piece.len());
    for (at, letter) in piece.char_indices() {
        let at = from + at;
        let within = hidden.partition_point(|range| range.end <= at);
        match hidden.get(within).filter(|range| range.contains(&at)) {
            Some(range) if range.start == at => kept.push_str(MASK),
            // Lines stay lines.
            Some(_) if matches!(letter, '\r' | '\n') => kept.push(letter),
            Some(_) => {}
            None => kept.push(letter),
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::screen::plain;
    use proptest::prelude::*;
    use serde_json::Value;
    use std::io::{Read as _, Seek as _};

    fn recorded(play: impl FnOnce(&mut Recorder)) -> Vec<(f64, String, String)> {
        let mut file = tempfile::tempfile().unwrap();
        let header = Header {
            began: At::from_millis(1000),
            size: (80, 24),
            title: "x".into(),
            name: "ana-1".into(),
            person: "ana".into(),
            drill: "d".into(),
        };
        let mut recorder = Recorder::begin(file.try_clone().unwrap(), &header, Masker::default()).unwrap();
        play(&mut recorder);
        assert_eq!(recorder.finish(), None);
        let mut text = String::new();
        file.rewind().unwrap();
        file.read_to_string(&mut text).unwrap();
        let mut lines = text.lines();
        let head: Value = serde_json::from_str(lines.next().unwrap()).unwrap();
        assert_eq!(
            (&head["version"], &head["width"], &head["timestamp"]),
            (&json!(2), &json!(80), &json!(1))
        );
        lines.map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    fn shown(events: &[(f64, String, String)]) -> String {
        events.iter().filter(|event| event.1 == "o").map(|event| event.2.as_str()).collect()
    }

    fn at(ms: i64) -> At {
        At::from_millis(1000 + ms)
    }

    #[test]
    fn output_keeps_its_time_and_its_letters() {
        let events = recorded(|recorder| {
            recorder.output(at(500), "h\u{e9}".as_bytes());
            recorder.output(at(700), &[0xc3]);
            recorder.output(at(900), &[0xa9, b'\r', b'\n', 0xff]);
            recorder.resized(at(1000), (100, 30));
        });
        let event = |at, sort: &str, text: &str| (at, sort.to_owned(), text.to_owned());
        assert_eq!(
            events,
            [
                event(0.5, "o", "h\u{e9}"),
                event(0.9, "o", "\u{e9}\r\n"),
                event(0.9, "o", "\u{fffd}"),
                event(1.0, "r", "100x30")
            ]
        );
    }

    #[test]
    fn a_secret_that_is_typed_letter_by_letter_is_not_there() {
        let typed = "mysql -phunter2horse";
        for marked in [false, true] {
            let events = recorded(|recorder| {
                if marked {
                    recorder.prompt();
                }
                for (index, letter) in (0..).zip(typed.chars()) {
                    let letter = format!("\x1b[1m{letter}x\x08\x1b[K");
                    recorder.output(at(10 * index), letter.as_bytes());
                }
                recorder.output(at(300), b"\r\n");
                if marked {
                    assert_eq!(recorder.begins(at(301), typed, true), "mysql -p***");
                }
                recorder.output(at(400), b"the word is hunter2horse\r\n");
            });
            let text: Vec<_> = shown(&events).lines().map(plain).collect();
            assert!(text.iter().any(|line| line.ends_with("mysql -p***")), "{text:?}");
            // Only a shell that tells its lines teaches what to look for.
            assert_eq!(text.concat().contains("hunter2horse"), !marked, "{text:?}");
            assert_eq!(events.iter().any(|event| event.1 == "m" && event.2 == "mysql -p***"), marked);
        }
    }

    #[test]
    fn a_recording_that_is_too_long_says_so() {
        let header = Header {
            began: At::from_millis(0),
            size: (80, 24),
            title: String::new(),
            name: "a".into(),
            person: "a".into(),
            drill: "d".into(),
        };
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut recorder = Recorder::begin(file.reopen().unwrap(), &header, Masker::default()).unwrap();
        recorder.output(At::from_millis(0) + limits::RECORDING_TIME_MAX + Span::from_secs(1), b"late\r\n");
        recorder.output(At::from_millis(1), b"more\r\n");
        assert_eq!(recorder.finish(), Some("it is 12h long".to_owned()));
        let text = std::fs::read_to_string(file.path()).unwrap();
        assert!(text.contains("the recording ends here: it is 12h long") && !text.contains("more"), "{text}");
    }

    proptest! {
        #[test]
        fn what_is_no_secret_is_recorded_to_the_letter(
            pieces in proptest::collection::vec("(?s).{0,30}", 0..20)
        ) {
            // Long runs and words of the rules are other tests' matter.
            let pieces: Vec<String> =
                pieces.iter().map(|piece| piece.replace(|c: char| c.is_ascii_alphanumeric() || "#:@=-".contains(c), "a ")).collect();
            let events = recorded(|recorder| {
                for (index, piece) in (0..).zip(&pieces) {
                    recorder.output(at(index), piece.as_bytes());
                }
            });
            prop_assert_eq!(shown(&events), pieces.concat());
        }
    }
}
