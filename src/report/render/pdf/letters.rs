//! The two faces that every PDF carries, how wide words are in them, and where lines break.

use crate::report::wording::tame;
use krilla::{
    Data,
    text::{Font, GlyphId, KrillaGlyph},
};
use skrifa::{FontRef, MetadataProvider as _, instance::LocationRef, prelude::Size};
use std::collections::HashMap;

const REGULAR: &[u8] = include_bytes!("fonts/OpenSans-Regular.ttf");
const STRONG: &[u8] = include_bytes!("fonts/OpenSans-Semibold.ttf");
/// Stands for what the faces have no letter for.
const UNKNOWN: char = '\u{fffd}';

/// A weight of the face.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Weight {
    Regular,
    Strong,
}

/// Colours by what they mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ink {
    Text,
    Soft,
    Line,
    Paper,
    Measured,
    Claimed,
    Bad,
    Good,
    Role,
    Code,
}

/// How a text looks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Style {
    pub(super) weight: Weight,
    pub(super) size: f32,
    pub(super) ink: Ink,
}

/// Words of one look on one line.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Run {
    pub(super) text: String,
    pub(super) style: Style,
    /// From the line's beginning.
    pub(super) x: f32,
    pub(super) width: f32,
}

/// One line.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Line {
    pub(super) runs: Vec<Run>,
    pub(super) width: f32,
}

struct Face {
    font: Font,
    glyphs: HashMap<char, (u32, f32)>,
}

/// Both faces with the widths of their letters.
pub(super) struct Letters {
    regular: Face,
    strong: Face,
}

impl Face {
    fn read(bytes: &'static [u8]) -> Self {
        let known = "the faces that come with the program are fonts";
        let face = FontRef::new(bytes).expect(known);
        let widths = face.glyph_metrics(Size::new(1.0), LocationRef::default());
        let glyphs = face.charmap().mappings().filter_map(|(code, glyph)| {
            Some((char::from_u32(code)?, (glyph.to_u32(), widths.advance_width(glyph)?)))
        });
        Self { glyphs: glyphs.collect(), font: Font::new(Data::from(bytes), 0).expect(known) }
    }

    fn glyph(&self, letter: char) -> (u32, f32) {
        self.glyphs.get(&letter).copied().unwrap_or_default()
    }
}

impl Letters {
    pub(super) fn new() -> Self {
        Self { regular: Face::read(REGULAR), strong: Face::read(STRONG) }
    }

    fn face(&self, weight: Weight) -> &Face {
        match weight {
            Weight::Regular => &self.regular,
            Weight::Strong => &self.strong,
        }
    }

    pub(super) fn font(&self, weight: Weight) -> Font {
        self.face(weight).font.clone()
    }

    /// The text as both faces can show it.
    pub(super) fn shown(&self, text: &str) -> String {
        let letter = |letter: char| match letter {
            '\u{202f}' => '\u{2009}',
            known if self.regular.glyphs.contains_key(&known) => known,
            _ => UNKNOWN,
        };
        tame(text).chars().map(letter).collect()
    }

    pub(super) fn width(&self, text: &str, style: Style) -> f32 {
        let face = self.face(style.weight);
        text.chars().map(|letter| face.glyph(letter).1 * style.size).sum()
    }

    /// What the PDF draws for a text that [`shown`](Self::shown) has seen.
    pub(super) fn glyphs(&self, text: &str, weight: Weight) -> Vec<KrillaGlyph> {
        let face = self.face(weight);
        text.char_indices()
            .map(|(at, letter)| {
                let (glyph, advance) = face.glyph(letter);
                KrillaGlyph::new(
                    GlyphId::new(glyph),
                    advance,
                    0.0,
                    0.0,
                    0.0,
                    at..at + letter.len_utf8(),
                    None,
                )
            })
            .collect()
    }

    /// Breaks a text into lines of at most this width. Words between backticks are code.
    pub(super) fn lines(&self, text: &str, style: Style, width: f32) -> Vec<Line> {
        let mut lines = vec![Line::default()];
        for piece in pieces(&self.shown(text)) {
            let style = if piece.code { Style { ink: Ink::Code, ..style } } else { style };
            let space = if piece.spaced { self.width(" ", style) } else { 0.0 };
            let wide = self.width(&piece.text, style);
            let line = lines.last().expect("there is always a line");
            if piece.spaced && line.width > 0.0 && line.width + space + wide > width {
                lines.push(Line::default());
            }
            let mut rest = piece.text.as_str();
            while !rest.is_empty() {
                let line = lines.last_mut().expect("there is always a line");
                let spaced = piece.spaced && line.width > 0.0 && rest.len() == piece.text.len();
                let gap = if spaced { space } else { 0.0 };
                let fits = self.fitting(rest, style, width - line.width - gap);
                // Even the narrowest column takes a letter at a time.
                let least = rest.chars().next().map_or(0, char::len_utf8);
                let fits = if line.width == 0.0 { fits.max(least) } else { fits };
                if fits > 0 {
                    line.add(self, if spaced { " " } else { "" }, &rest[..fits], style);
                    rest = &rest[fits..];
                }
                if !rest.is_empty() {
                    lines.push(Line::default());
                }
            }
        }
        lines
    }

    /// How many bytes of a word fit.
    fn fitting(&self, word: &str, style: Style, room: f32) -> usize {
        let mut wide = 0.0;
        for (at, letter) in word.char_indices() {
            wide += self.face(style.weight).glyph(letter).1 * style.size;
            if wide > room + 0.01 {
                return at;
            }
        }
        word.len()
    }
}

impl Line {
    fn add(&mut self, letters: &Letters, space: &str, word: &str, style: Style) {
        let text = format!("{space}{word}");
        let wide = letters.width(&text, style);
        match self.runs.last_mut() {
            Some(run) if run.style == style => {
                run.text.push_str(&text);
                run.width += wide;
            }
            _ => self.runs.push(Run { text, style, x: self.width, width: wide }),
        }
        self.width += wide;
    }
}

struct Piece {
    text: String,
    code: bool,
    /// Whether a space stands before it, where a line may break.
    spaced: bool,
}

fn pieces(text: &str) -> Vec<Piece> {
    let parts: Vec<&str> = text.split('`').collect();
    // An odd backtick is only a backtick.
    let paired = parts.len() % 2 == 1;
    let parts = if paired { parts } else { vec![text] };
    let mut pieces = Vec::new();
    let mut spaced = false;
    for (index, part) in parts.into_iter().enumerate() {
        for (nth, word) in part.split(' ').enumerate() {
            spaced |= nth > 0;
            if !word.is_empty() {
                pieces.push(Piece { text: word.to_owned(), code: index % 2 == 1, spaced });
                spaced = false;
            }
        }
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    const STYLE: Style = Style { weight: Weight::Regular, size: 10.0, ink: Ink::Text };

    fn texts(lines: &[Line]) -> Vec<String> {
        lines.iter().map(|line| line.runs.iter().map(|run| run.text.as_str()).collect()).collect()
    }

    #[test]
    fn lines_break_at_spaces_and_long_words_anywhere() {
        let letters = Letters::new();
        let lines = letters.lines("one two three", STYLE, letters.width("one two", STYLE) + 0.1);
        assert_eq!(texts(&lines), ["one two", "three"]);
        let lines = letters.lines("abcdefghij", STYLE, letters.width("abcd", STYLE) + 0.1);
        assert!(lines.len() >= 3 && texts(&lines).concat() == "abcdefghij");
        for line in letters.lines(&"words of `some code` ".repeat(40), STYLE, 120.0) {
            assert!(line.width <= 120.1, "{}", line.width);
        }
        assert_eq!(texts(&letters.lines("abc", STYLE, 0.5)), ["a", "b", "c"]);
    }

    #[test]
    fn every_letter_can_be_shown() {
        let letters = Letters::new();
        assert_eq!(letters.shown("12\u{202f}345 Ωж \u{4e2d}\u{7}"), "12\u{2009}345 Ωж \u{fffd}");
        for weight in [Weight::Regular, Weight::Strong] {
            let text = letters.shown("The quick „fox“ – jumps… 100 % \u{4e2d}");
            assert!(letters.glyphs(&text, weight).iter().all(|glyph| glyph.glyph_id.to_u32() != 0));
        }
    }
}
