//! Marks that an integrated shell puts between its output: a command begins, a prompt is shown.
//!
//! A mark is an operating system command of a terminal, `ESC ] 7475 ; NONCE ; P ; EXIT BEL` or `... ; C ; LINE BEL`.
//! Only who knows the recording's nonce can make one; anything else is output like any other.

/// The number of the operating system command. No terminal gives it a meaning.
const NUMBER: &str = "7475";
/// Longest mark in bytes. What is longer is none.
const MARK_BYTES_MAX: usize = 64 * 1024;
/// Ends a mark.
const BELL: u8 = 7;

/// A piece of what a shell has sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// Output, to be shown.
    Output(Vec<u8>),
    /// A prompt is about to be shown, and how the command before it ended.
    Prompt(Option<i32>),
    /// A command line begins to run.
    Begins(String),
}

/// Takes the marks out of a stream of bytes.
#[derive(Debug)]
pub struct Marks {
    /// How a mark begins.
    intro: Vec<u8>,
    /// What may be the beginning of a mark.
    held: Vec<u8>,
}

impl Marks {
    /// Marks of the shell that was told this nonce.
    pub fn of(nonce: &str) -> Self {
        Self { intro: format!("\x1b]{NUMBER};{nonce};").into_bytes(), held: Vec::new() }
    }

    /// The pieces of what has come, in order.
    pub fn take(&mut self, bytes: &[u8]) -> Vec<Piece> {
        self.held.extend_from_slice(bytes);
        let mut pieces = Vec::new();
        while let Some(begin) = find(&self.held, &self.intro) {
            let body = begin + self.intro.len();
            let Some(length) = self.held[body..].iter().position(|byte| *byte == BELL) else {
                if self.held.len() - begin <= MARK_BYTES_MAX {
                    push(&mut pieces, self.held.drain(..begin));
                } else {
                    push(&mut pieces, self.held.drain(..));
                }
                return pieces;
            };
            let mark = read(&self.held[body..body + length]);
            let end = body + length + 1;
            // What has the nonce and no meaning is left out, too: nobody is to see the nonce.
            push(&mut pieces, self.held[..begin].iter().copied());
            pieces.extend(mark);
            self.held.drain(..end);
        }
        let open = (1..self.intro.len()).rev().find(|length| self.held.ends_with(&self.intro[..*length]));
        let shown = self.held.len() - open.unwrap_or(0);
        push(&mut pieces, self.held.drain(..shown));
        pieces
    }

    /// What was held because more might have come.
    pub fn rest(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.held)
    }
}

fn push(pieces: &mut Vec<Piece>, output: impl Iterator<Item = u8>) {
    let output: Vec<u8> = output.collect();
    if !output.is_empty() {
        pieces.push(Piece::Output(output));
    }
}

fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).position(|window| window == what)
}

fn read(body: &[u8]) -> Option<Piece> {
    let text = String::from_utf8_lossy(body);
    match text.split_once(';')? {
        ("P", exit) => Some(Piece::Prompt(exit.parse().ok())),
        ("C", line) => Some(Piece::Begins(line.replace("%0a", "\n").replace("%25", "%"))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn mark(nonce: &str, body: &str) -> String {
        format!("\x1b]{NUMBER};{nonce};{body}\x07")
    }

    fn output(text: &str) -> Piece {
        Piece::Output(text.as_bytes().to_vec())
    }

    #[test]
    fn marks_are_taken_out_of_what_is_shown() {
        let mut marks = Marks::of("n1");
        let sent = format!("a{}b{}c", mark("n1", "C;echo 100%25%0als"), mark("n1", "P;3"));
        let taken = marks.take(sent.as_bytes());
        let command = Piece::Begins("echo 100%\nls".to_owned());
        assert_eq!(taken, [output("a"), command, output("b"), Piece::Prompt(Some(3)), output("c")]);
    }

    #[test]
    fn who_does_not_know_the_nonce_cannot_make_one() {
        let forged = format!("{}{}", mark("n2", "C;rm -rf /"), mark("", "P;0"));
        assert_eq!(Marks::of("n1").take(forged.as_bytes()), [output(&forged)]);
    }

    #[test]
    fn a_mark_without_an_end_is_output() {
        let mut marks = Marks::of("n1");
        let long = format!("\x1b]{NUMBER};n1;C;{}", "x".repeat(MARK_BYTES_MAX));
        assert_eq!(marks.take(long.as_bytes()), [output(&long)]);
        assert_eq!(marks.take(b"\x1b]74"), []);
        assert_eq!(marks.rest(), b"\x1b]74");
    }

    proptest! {
        #[test]
        fn cuts_in_the_stream_change_nothing(
            words in proptest::collection::vec("[a-z\\x1b\\]7;]{0,12}", 1..6),
            cuts in proptest::collection::vec(1_usize..9, 1..60),
        ) {
            let prompt = mark("n1", "P;0");
            let sent: String = words.iter().flat_map(|word| [word.as_str(), prompt.as_str()]).collect();
            let mut marks = Marks::of("n1");
            let (mut rest, mut pieces) = (sent.as_bytes(), Vec::new());
            for cut in cuts.iter().cycle() {
                let (now, later) = rest.split_at((*cut).min(rest.len()));
                pieces.extend(marks.take(now));
                rest = later;
                if rest.is_empty() {
                    break;
                }
            }
            let prompts = pieces.iter().filter(|piece| **piece == Piece::Prompt(Some(0))).count();
            let shown: Vec<u8> = pieces
                .into_iter()
                .filter_map(|piece| if let Piece::Output(bytes) = piece { Some(bytes) } else { None })
                .flatten()
                .collect();
            prop_assert_eq!(prompts, words.len());
            prop_assert_eq!(shown, words.concat().into_bytes());
        }
    }
}
