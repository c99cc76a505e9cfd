//! The write-up as PDF: A4, faces embedded, pictures as lines, and tagged (PDF/UA-1) for who has it read out. The bytes
//! are the same every time: there is no date and no chance in them.
//!
//! Open first: [`layout`] for where things stand, [`paint`] for how they are drawn.

mod layout;
mod letters;
mod look;
mod paint;
mod table;

use super::document::Document;
use letters::Letters;

/// The whole document as a PDF.
pub(super) fn pdf(document: &Document) -> Vec<u8> {
    let letters = Letters::new();
    paint::painted(document, &layout::set(document, &letters))
}
