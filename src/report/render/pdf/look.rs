//! How a picture's classes look on paper. The page's style sheet (`plot.css`) says the same for screens.

use super::letters::{Ink, Style, Weight};

/// A class on paper.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Look {
    /// Colour and opacity.
    pub(super) fill: Option<(Ink, f32)>,
    pub(super) stroke: Option<Stroke>,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Stroke {
    pub(super) ink: Ink,
    pub(super) width: f32,
    /// Lengths of dash and gap.
    pub(super) dash: Option<(f32, f32)>,
}

const fn fill(ink: Ink, opacity: f32) -> Look {
    Look { fill: Some((ink, opacity)), stroke: None }
}

const fn stroke(ink: Ink, width: f32) -> Look {
    Look { fill: None, stroke: Some(Stroke { ink, width, dash: None }) }
}

const fn dashed(ink: Ink, width: f32, dash: (f32, f32)) -> Look {
    Look { fill: None, stroke: Some(Stroke { ink, width, dash: Some(dash) }) }
}

const fn edged(ink: Ink, edge: Ink, width: f32) -> Look {
    Look { fill: Some((ink, 1.0)), stroke: Some(Stroke { ink: edge, width, dash: None }) }
}

/// The look of a shape's class; nothing for a class that is not known here.
pub(super) fn shape(class: &str) -> Option<Look> {
    Some(match class {
        "window" => fill(Ink::Measured, 0.08),
        "area" => fill(Ink::Bad, 0.2),
        "gap" => fill(Ink::Bad, 0.28),
        "known" => fill(Ink::Good, 0.16),
        "edge" => stroke(Ink::Bad, 1.4),
        "saw" => stroke(Ink::Measured, 1.8),
        "par" => dashed(Ink::Good, 1.6, (6.0, 3.0)),
        "limit" => dashed(Ink::Soft, 1.2, (3.0, 3.0)),
        "nothing" => dashed(Ink::Bad, 1.6, (2.0, 3.0)),
        "base" => stroke(Ink::Soft, 1.5),
        "axis" => stroke(Ink::Soft, 1.0),
        "full" => dashed(Ink::Line, 1.0, (2.0, 3.0)),
        "grid" | "lane" => stroke(Ink::Line, 0.8),
        "start" => dashed(Ink::Soft, 1.0, (3.0, 3.0)),
        "bond" | "arrow" => stroke(Ink::Soft, 1.6),
        "bracket" => stroke(Ink::Claimed, 2.0),
        "b-measured" => fill(Ink::Measured, 1.0),
        "b-claimed" => fill(Ink::Claimed, 1.0),
        "b-alarm" => fill(Ink::Bad, 0.45),
        "b-role" => edged(Ink::Role, Ink::Line, 0.8),
        "m-alarm" => edged(Ink::Bad, Ink::Paper, 0.8),
        "m-ink" => edged(Ink::Text, Ink::Paper, 0.8),
        "m-good" => edged(Ink::Good, Ink::Paper, 0.8),
        "m-claimed" => edged(Ink::Claimed, Ink::Paper, 0.8),
        "m-measured" => edged(Ink::Measured, Ink::Paper, 0.8),
        "m-hollow" => edged(Ink::Paper, Ink::Text, 1.4),
        "m-claimed-hollow" => edged(Ink::Paper, Ink::Claimed, 2.0),
        _ => return None,
    })
}

/// The look of a text's class.
pub(super) fn text(class: &str) -> Option<Style> {
    let look = |size, weight, ink| Style { weight, size, ink };
    Some(match class {
        "t-name" => look(12.5, Weight::Strong, Ink::Text),
        "t-head" => look(12.5, Weight::Strong, Ink::Soft),
        "t-lane" => look(11.5, Weight::Regular, Ink::Text),
        "t-small" | "t-tick" | "t-note" | "t-mark" => look(11.0, Weight::Regular, Ink::Soft),
        "t-window" | "t-measured" => look(11.5, Weight::Strong, Ink::Measured),
        "t-claimed" => look(11.5, Weight::Strong, Ink::Claimed),
        "t-role" => look(11.0, Weight::Regular, Ink::Text),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::{shape, text};
    use crate::report::{
        Journal, debrief,
        render::document::{Block, Document},
        tests::builder::{do_nothing, perfect},
    };

    #[test]
    fn every_class_of_a_picture_has_a_look_on_paper() {
        for play in [perfect(), do_nothing()] {
            let journal = play.journal();
            let document = Document::of(&debrief(&Journal::new(&journal).unwrap()));
            for block in document.sections.iter().flat_map(|section| &section.blocks) {
                let Block::Figure(figure) = block else { continue };
                for class in figure.picture.classes() {
                    assert!(shape(class).is_some() || text(class).is_some(), "{class}");
                }
            }
        }
    }
}
