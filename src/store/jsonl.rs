//! A journal as a file: one event a line, as `gameday run --out` leaves it and `gameday score` reads it.

use crate::{
    base::limits,
    drill::event::{BadLine, Recorded},
};
use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read, Write},
    path::Path,
};

/// Why a journal file was not read. Lines count from 1. Completes "could not read FILE".
#[derive(Debug, thiserror::Error)]
pub enum JournalFileError {
    /// The file cannot be opened or read.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// A folder, a pipe or a device.
    #[error("it is not a regular file")]
    NotAFile,
    /// It has no events at all.
    #[error("it holds no events")]
    Empty,
    /// The file is larger than any journal.
    #[error("it is larger than {max} bytes", max = limits::JOURNAL_BYTES_MAX)]
    TooLarge,
    /// There are more lines than a drill may have events.
    #[error("line {line}: a journal has at most {max} events", max = limits::EVENTS_MAX)]
    TooMany {
        /// The first line too many.
        line: u64,
    },
    /// The line is longer than any event.
    #[error("line {line}: longer than {max} bytes", max = limits::EVENT_BYTES_MAX)]
    LineTooLong {
        /// The line.
        line: u64,
    },
    /// The last line has no end: the file was cut, or is still being written.
    #[error("line {line}: cut off in the middle; the events before it are whole")]
    Torn {
        /// The line.
        line: u64,
    },
    /// The line is not UTF-8.
    #[error("line {line}: not UTF-8")]
    NotText {
        /// The line.
        line: u64,
    },
    /// The line is not an event that this program can read.
    #[error("line {line}: {bad}")]
    Line {
        /// The line.
        line: u64,
        /// What is wrong with it.
        bad: BadLine,
    },
    /// Lines are missing, doubled or swapped.
    #[error("line {line}: event number {found} where {expected} must follow")]
    WrongOrder {
        /// The line.
        line: u64,
        /// The number that must come.
        expected: u64,
        /// The number that came.
        found: u64,
    },
}

/// Writes each event as a line. The writer is flushed, not synced.
pub fn write_jsonl(journal: &[Recorded], mut to: impl Write) -> io::Result<()> {
    for record in journal {
        let mut line = record.to_line();
        line.push('\n');
        to.write_all(line.as_bytes())?;
    }
    to.flush()
}

/// Reads a whole journal from a file: every line an event, numbered 0, 1, 2, ...
pub fn read_jsonl(path: &Path) -> Result<Vec<Recorded>, JournalFileError> {
    // Looked at before it is opened: opening a pipe would wait for its writer.
    let facts = std::fs::metadata(path)?;
    if !facts.is_file() {
        return Err(JournalFileError::NotAFile);
    }
    if facts.len() > limits::JOURNAL_BYTES_MAX {
        return Err(JournalFileError::TooLarge);
    }
    read_lines(BufReader::new(File::open(path)?.take(limits::JOURNAL_BYTES_MAX)))
}

fn read_lines(mut from: impl BufRead) -> Result<Vec<Recorded>, JournalFileError> {
    // A line and its end.
    let most = limits::EVENT_BYTES_MAX as u64 + 1;
    let mut journal = Vec::new();
    let mut bytes = Vec::new();
    for seq in 0_u64.. {
        let line = seq + 1;
        bytes.clear();
        from.by_ref().take(most).read_until(b'\n', &mut bytes)?;
        if bytes.is_empty() {
            break;
        }
        if seq >= limits::EVENTS_MAX {
            return Err(JournalFileError::TooMany { line });
        }
        let ended = bytes.pop_if(|last| *last == b'\n').is_some();
        if bytes.len() > limits::EVENT_BYTES_MAX {
            return Err(JournalFileError::LineTooLong { line });
        }
        let read = std::str::from_utf8(&bytes)
            .map_err(|_| JournalFileError::NotText { line })
            .and_then(|text| Recorded::from_line(text).map_err(|bad| JournalFileError::Line { line, bad }));
        let record = match read {
            Ok(record) => record,
            // A newer program's line is whole, whether or not its end is there.
            Err(bad @ JournalFileError::Line { bad: BadLine::TooNew { .. }, .. }) => return Err(bad),
            Err(_) if !ended => return Err(JournalFileError::Torn { line }),
            Err(bad) => return Err(bad),
        };
        if record.seq != seq {
            return Err(JournalFileError::WrongOrder { line, expected: seq, found: record.seq });
        }
        journal.push(record);
    }
    if journal.is_empty() { Err(JournalFileError::Empty) } else { Ok(journal) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{base::At, drill::event::Event};

    fn journal(count: u64) -> Vec<Recorded> {
        (0..count)
            .map(|seq| Recorded {
                seq,
                at: At::from_millis(1_796_130_000_000),
                event: Event::TookOver { epoch: seq, resume: true },
            })
            .collect()
    }

    fn text(journal: &[Recorded]) -> String {
        let mut bytes = Vec::new();
        write_jsonl(journal, &mut bytes).unwrap();
        String::from_utf8(bytes).unwrap()
    }

    fn refusal(text: &[u8]) -> String {
        read_lines(text).unwrap_err().to_string()
    }

    #[test]
    fn what_is_written_reads_back() {
        let journal = journal(20);
        assert_eq!(read_lines(text(&journal).as_bytes()).unwrap(), journal);
    }

    #[test]
    fn a_whole_last_line_needs_no_end() {
        let journal = journal(3);
        let written = text(&journal);
        assert_eq!(read_lines(written.trim_end().as_bytes()).unwrap(), journal);
    }

    #[test]
    fn a_cut_anywhere_in_a_line_is_reported_by_its_number() {
        let written = text(&journal(3));
        let second = written.find('\n').unwrap() + 1;
        let third = written.rfind("{\"seq\":2").unwrap();
        for cut in second + 1..third - 2 {
            let told = refusal(&written.as_bytes()[..cut]);
            assert!(told.starts_with("line 2: cut off"), "{cut}: {told}");
        }
    }

    #[test]
    fn missing_doubled_and_swapped_lines_are_refused() {
        let written = text(&journal(4));
        let lines: Vec<_> = written.lines().collect();
        for (order, told) in [
            (vec![0, 2, 3], "line 2: event number 2 where 1 must follow"),
            (vec![0, 1, 1, 2], "line 3: event number 1 where 2 must follow"),
            (vec![0, 2, 1, 3], "line 2: event number 2 where 1 must follow"),
            (vec![1, 2, 3], "line 1: event number 1 where 0 must follow"),
        ] {
            let shuffled = order.iter().map(|&i| lines[i]).collect::<Vec<_>>().join("\n");
            assert_eq!(refusal(shuffled.as_bytes()), told);
        }
    }

    #[test]
    fn hostile_files_are_refused_with_the_line() {
        let good = text(&journal(1));
        let after = |bad: &[u8]| refusal(&[good.as_bytes(), bad].concat());
        assert_eq!(refusal(b""), "it holds no events");
        assert_eq!(after(b"\xff\xfe\n"), "line 2: not UTF-8");
        assert!(after(b"\n").starts_with("line 2: line is not a journal event"));
        assert!(after(b"[]\n").starts_with("line 2: line is not a journal event"));
        assert!(after("[".repeat(100_000).as_bytes()).starts_with("line 2: cut off"));
        let newer = br#"{"seq":1,"at":"2026-12-01T13:00:00.000Z","kind":"started","v":99}"#;
        assert!(after(newer).contains("version 99"), "{}", after(newer));
    }

    #[test]
    fn a_line_has_a_limit_and_memory_too() {
        let endless = io::repeat(b'x').take(1 << 40);
        let told = read_lines(BufReader::new(endless)).unwrap_err();
        assert!(matches!(told, JournalFileError::LineTooLong { line: 1 }), "{told}");
    }

    #[test]
    fn a_folder_and_a_missing_file_are_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let told = read_jsonl(folder.path()).unwrap_err();
        assert!(matches!(told, JournalFileError::NotAFile), "{told}");
        let told = read_jsonl(&folder.path().join("none.jsonl")).unwrap_err();
        assert!(matches!(told, JournalFileError::Io(_)), "{told}");
    }
}
