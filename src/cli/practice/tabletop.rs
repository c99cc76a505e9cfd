//! Walks through a table-top in the terminal: a situation, one's own answer, and only then what others have learned.

use super::record::{Answer, Record};
use crate::{
    base::limits::TEXT_BYTES_MAX,
    cli::{exit::Failure, home::Home, show},
    clock::{Clock as _, SystemClock},
    report::wording::tame,
    scenario::tabletop::{Question, TableTop},
};
use std::io::{BufRead, IsTerminal as _, stdout};

/// Widest line of prose on a terminal.
const WIDTH_MAX: usize = 96;

/// The width of a terminal that does not tell its own.
const WIDTH: usize = 80;

/// How a walk ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Walked {
    /// Every question is answered.
    Through,
    /// Standard input ended before; so many are answered.
    Stopped(usize),
}

/// Asks what is not answered yet, from the first such question on. Each answer is kept before its guidance is shown.
pub(super) fn walk(
    home: &Home,
    key: &str,
    tabletop: &TableTop,
    input: &mut impl BufRead,
) -> Result<Walked, Failure> {
    let record = Record::read(home, key)?;
    let answered = record.answered(tabletop);
    show::print(&opening(tabletop, answered))?;
    for (index, question) in tabletop.questions.iter().enumerate() {
        if record.answer_to(question).is_some() {
            continue;
        }
        show::print(&asked(tabletop, index, question))?;
        let Some(answer) = answer(input)? else {
            let answered = Record::read(home, key)?.answered(tabletop);
            return Ok(Walked::Stopped(answered));
        };
        let answer = Answer::new(question, answer, SystemClock.now());
        Record::change(home, key, |record| record.take(answer.clone()))?;
        show::print(&guidance(question))?;
    }
    Ok(Walked::Through)
}

/// Everything once more, with one's own answers.
pub(super) fn look_back(tabletop: &TableTop, record: &Record) -> Result<(), Failure> {
    show::print(&heading(tabletop))?;
    for (index, question) in tabletop.questions.iter().enumerate() {
        let Some(own) = record.answer_to(question) else { continue };
        show::print(&asked(tabletop, index, question))?;
        let own = own.said.lines().map(|line| prose(line, "  ")).collect::<String>();
        show::print(&format!("{own}{}", guidance(question)))?;
    }
    Ok(())
}

fn heading(tabletop: &TableTop) -> String {
    let roles: Vec<_> = tabletop.roles.iter().map(|role| role.as_str()).collect();
    let about = format!("Level {} of 5. For: {}.", tabletop.level, roles.join(", "));
    let mut text = format!("\x1b[1m{}\x1b[0m\n{about}\n", tame(&tabletop.title));
    if !tabletop.summary.is_empty() {
        text.push_str(&format!("\n{}", prose(&tabletop.summary, "")));
    }
    text
}

fn opening(tabletop: &TableTop, answered: usize) -> String {
    let mut text = heading(tabletop);
    text.push_str(
        "\nThere is seldom one right answer. Write yours, in as many lines as you like, and end it with an empty line.\n\
         Then you read what others have learned. What you write is kept, for you alone. Ctrl-D stops.\n",
    );
    if answered > 0 {
        let of = tabletop.questions.len();
        text.push_str(&format!("\nYou go on where you stopped: {answered} of {of} are answered.\n"));
    }
    text
}

fn asked(tabletop: &TableTop, index: usize, question: &Question) -> String {
    let (number, of) = (index + 1, tabletop.questions.len());
    let mut text = format!("\n\x1b[1mQuestion {number} of {of}\x1b[0m\n\n{}", prose(&question.situation, ""));
    text.push_str(&format!("\n{}", prose(&question.question, "")));
    if !question.offered.is_empty() {
        text.push_str("\nSome would say:\n");
        text.extend(question.offered.iter().map(|offered| point(offered)));
    }
    text.push_str("\nYour answer:\n");
    text
}

fn guidance(question: &Question) -> String {
    let mut text = format!("\n\x1b[1mGuidance\x1b[0m\n\n{}", prose(&question.guidance, ""));
    text.push_str("\nTo think about, or to talk about:\n");
    text.extend(question.discussion.iter().map(|one| point(one)));
    if !question.pointers.is_empty() {
        let pointers: Vec<_> = question.pointers.iter().map(|one| tame(one)).collect();
        text.push_str(&format!("\nRead on: {}\n", pointers.join(", ")));
    }
    text
}

fn point(text: &str) -> String {
    let lines = prose(text, "    ");
    format!("  - {}", lines.trim_start())
}

/// A paragraph: broken into lines on a terminal, and in one line for whatever else reads it.
pub(super) fn prose(text: &str, indent: &str) -> String {
    let found = terminal_size::terminal_size().map_or(WIDTH, |(columns, _)| usize::from(columns.0));
    let width = if stdout().is_terminal() { found.min(WIDTH_MAX) } else { usize::MAX };
    wrapped(&tame(text), indent, width)
}

fn wrapped(text: &str, indent: &str, width: usize) -> String {
    let mut lines = String::new();
    let mut line = indent.to_owned();
    for word in text.split_whitespace() {
        let fresh = line.len() == indent.len();
        if !fresh && line.chars().count() + 1 + word.chars().count() > width {
            lines.push_str(&format!("{line}\n"));
            indent.clone_into(&mut line);
        } else if !fresh {
            line.push(' ');
        }
        line.push_str(word);
    }
    format!("{lines}{line}\n")
}

/// Reads an answer up to an empty line or the end; nothing when there is none.
fn answer(input: &mut impl BufRead) -> Result<Option<String>, Failure> {
    let mut answer = String::new();
    loop {
        let Some((line, cut)) = line(input, TEXT_BYTES_MAX).map_err(Failure::io("read your answer"))? else {
            return Ok(Some(answer.trim().to_owned()).filter(|answer| !answer.is_empty()));
        };
        let line = tame(line.trim_end());
        if line.trim().is_empty() {
            if !answer.trim().is_empty() {
                return Ok(Some(answer.trim().to_owned()));
            }
            show::line("A few words of your own first: guidance comes after them. Ctrl-D stops here.")?;
            continue;
        }
        let room = TEXT_BYTES_MAX.saturating_sub(answer.len() + 1);
        let kept = &line[..line.floor_char_boundary(room)];
        if cut || kept.len() < line.len() {
            show::line(&format!(
                "That was more than is kept: the first {TEXT_BYTES_MAX} bytes of an answer are."
            ))?;
        }
        answer.push_str(kept);
        answer.push('\n');
    }
}

/// The next line of at most `most` bytes, and whether there was more of it, which is passed over; nothing at the end.
fn line(input: &mut impl BufRead, most: usize) -> std::io::Result<Option<(String, bool)>> {
    let (mut bytes, mut cut, mut any) = (Vec::new(), false, false);
    loop {
        let buffer = input.fill_buf()?;
        if buffer.is_empty() {
            break;
        }
        any = true;
        let end = buffer.iter().position(|byte| *byte == b'\n');
        let piece = &buffer[..end.unwrap_or(buffer.len())];
        let room = most - bytes.len();
        cut |= piece.len() > room;
        bytes.extend_from_slice(&piece[..piece.len().min(room)]);
        let used = end.map_or(buffer.len(), |end| end + 1);
        input.consume(used);
        if end.is_some() {
            break;
        }
    }
    Ok(any.then(|| (String::from_utf8_lossy(&bytes).into_owned(), cut)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufReader, Cursor};

    #[test]
    fn an_answer_ends_with_an_empty_line_and_does_not_grow_for_ever() {
        let mut input = Cursor::new("\n\none\r\n two\n\nthree".as_bytes());
        assert_eq!(answer(&mut input).unwrap().as_deref(), Some("one\n two"));
        assert_eq!(answer(&mut input).unwrap().as_deref(), Some("three"));
        assert_eq!(answer(&mut input).unwrap(), None);
        // A line without an end, letters of two bytes.
        let endless = "ä".repeat(3 * TEXT_BYTES_MAX);
        let mut input =
            BufReader::with_capacity(7, Cursor::new(format!("{endless}\nmore\n\nnext\n").into_bytes()));
        let kept = answer(&mut input).unwrap().unwrap();
        assert!((TEXT_BYTES_MAX - 8..=TEXT_BYTES_MAX).contains(&kept.len()), "{}", kept.len());
        assert_eq!(answer(&mut input).unwrap().as_deref(), Some("next"));
        let mut input = Cursor::new(b"\xff \x1b[2J ok".as_slice());
        assert_eq!(answer(&mut input).unwrap().as_deref(), Some("\u{fffd} [2J ok"));
    }

    #[test]
    fn prose_is_broken_between_words() {
        assert_eq!(wrapped("one two  three", "  ", 9), "  one two\n  three\n");
        assert_eq!(wrapped("one two\nthree", "", usize::MAX), "one two three\n");
        assert_eq!(wrapped("immeasurable", "", 4), "immeasurable\n");
    }
}
