//! A house's own template: any text with placeholders such as `{{overview.one_line}}` or `{{section.timeline}}`.
//!
//! Values come from the debrief's own fields; a section comes as Markdown. In HTML templates everything is escaped or
//! rendered as HTML.

use super::{
    document::{Document, Section},
    html, markdown,
    view::View,
    whole::{after, story},
};
use crate::{
    base::limits::FILE_BYTES_MAX,
    report::debrief::Debrief,
    report::wording::{page, tame},
};
use serde_json::Value;

/// In which form values are put in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Markdown and plain text.
    Markdown,
    /// HTML.
    Html,
}

/// Why a template cannot be filled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadTemplate {
    /// Larger than [`FILE_BYTES_MAX`].
    #[error("it is larger than {FILE_BYTES_MAX} bytes")]
    TooLarge,
    /// `{{` without its `}}` on the same line.
    #[error("{line}:{column}: `{{{{` is not closed on its line")]
    NotClosed {
        /// From 1.
        line: usize,
        /// From 1, in characters.
        column: usize,
    },
    /// No such placeholder.
    #[error("{line}:{column}: there is no placeholder `{name}`")]
    Unknown {
        /// From 1.
        line: usize,
        /// From 1, in characters.
        column: usize,
        /// As it was written.
        name: String,
    },
}

type Part = fn(&Debrief) -> Option<Section>;

/// Sections by the name of their placeholder.
const SECTIONS: [(&str, Part); 21] = [
    ("exercise", |debrief| Some(story::exercise(debrief))),
    ("incident", |debrief| Some(story::incident(debrief))),
    ("impact", |debrief| Some(story::impact(debrief))),
    ("what_happened", |debrief| Some(story::what_happened(debrief))),
    ("detection", |debrief| Some(story::detection(debrief))),
    ("timeline", |debrief| Some(story::timeline(debrief))),
    ("severity", |debrief| Some(story::severity(debrief))),
    ("response", |debrief| Some(story::response(debrief))),
    ("reveal", |debrief| Some(after::reveal(debrief))),
    ("knowable", |debrief| Some(after::knowable(debrief))),
    ("resolution", |debrief| Some(after::resolution(debrief))),
    ("reflections", |debrief| Some(after::reflections(debrief))),
    ("talk", after::talk),
    ("scorecard", |debrief| Some(after::card(debrief))),
    ("lessons", |debrief| Some(after::lessons(debrief))),
    ("improvement_plan", |debrief| Some(after::improvement(debrief))),
    ("hints", |debrief| Some(after::hints(debrief))),
    ("questions", after::questions),
    ("acknowledgements", |debrief| Some(after::thanks(debrief))),
    ("capabilities", |debrief| Some(after::capabilities(debrief))),
    ("checks", after::checks),
];

/// Single values: where they are in the debrief's JSON.
const VALUES: [(&str, &str); 22] = [
    ("title", "/header/title"),
    ("banner", "/header/banner"),
    ("purpose", "/header/purpose"),
    ("date", "/header/date"),
    ("start", "/header/start/utc"),
    ("end", "/header/end/utc"),
    ("outcome", "/header/outcome"),
    ("profile", "/header/profile"),
    ("drill", "/header/drill"),
    ("scenario", "/header/scenario"),
    ("digest", "/header/digest"),
    ("seed", "/header/seed"),
    ("one_line", "/overview/one_line"),
    ("account", "/overview/text"),
    ("target", "/exercise/target"),
    ("impact_claimed", "/impact/claimed"),
    ("impact_measured", "/impact/measured"),
    ("detection", "/detection/text"),
    ("cause", "/reveal/summary"),
    ("trigger", "/reveal/trigger"),
    ("resolution", "/resolution"),
    ("acknowledgements", "/acknowledgements"),
];

/// Every placeholder, as it is written between the braces.
pub fn placeholders() -> Vec<String> {
    let values = VALUES.iter().map(|(name, _)| (*name).to_owned());
    let fields = FIELDS.iter().map(|(name, _)| (*name).to_owned());
    values.chain(fields).chain(SECTIONS.iter().map(|(name, _)| format!("section.{name}"))).collect()
}

/// Values of the incident at a glance.
const FIELDS: [(&str, &str); 8] = [
    ("outage_began", "Outage began, measured"),
    ("outage_ended", "Outage ended, measured"),
    ("declared", "Incident declared"),
    ("restored", "Service restored, measured"),
    ("all_clear", "All-clear by the team"),
    ("coordinators", "Incident coordinators"),
    ("harmed_classes", "Harmed request classes"),
    ("alarms", "Alarms"),
];

/// Fills a template.
pub fn fill(template: &str, debrief: &Debrief, form: Form) -> Result<String, BadTemplate> {
    if template.len() > FILE_BYTES_MAX {
        return Err(BadTemplate::TooLarge);
    }
    let values = serde_json::to_value(debrief).expect("a debrief is plain data");
    let mut out = String::with_capacity(template.len() * 4);
    for (line, text) in (1..).zip(template.split_inclusive('\n')) {
        let mut rest = text;
        while let Some(open) = rest.find("{{") {
            let column = text[..text.len() - rest.len() + open].chars().count() + 1;
            let inner = &rest[open + 2..];
            let close = inner.find("}}").ok_or(BadTemplate::NotClosed { line, column })?;
            let name = inner[..close].trim();
            let value = value(name, debrief, &values, form);
            let value = value.ok_or_else(|| BadTemplate::Unknown { line, column, name: tame(name) })?;
            out.push_str(&rest[..open]);
            out.push_str(&value);
            rest = &inner[close + 2..];
        }
        out.push_str(rest);
    }
    Ok(out)
}

fn value(name: &str, debrief: &Debrief, values: &Value, form: Form) -> Option<String> {
    if let Some(wanted) = name.strip_prefix("section.") {
        let (_, part) = SECTIONS.iter().find(|(known, _)| *known == wanted)?;
        let document = Document {
            sheet: false,
            lead: Vec::new(),
            sections: part(debrief).into_iter().collect(),
            ..View::Whole.of(debrief)
        };
        return Some(match form {
            Form::Markdown => markdown::sections(&document),
            Form::Html => html::sections(&document),
        });
    }
    let text = if let Some((_, label)) = FIELDS.iter().find(|(known, _)| *known == name) {
        let found = debrief.incident.iter().find(|field| field.name == *label);
        found.map_or_else(|| page::NONE.to_owned(), |field| field.value.clone())
    } else {
        let (_, place) = VALUES.iter().find(|(known, _)| *known == name)?;
        match values.pointer(place) {
            None | Some(Value::Null) => page::NONE.to_owned(),
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
        }
    };
    Some(match form {
        Form::Markdown => markdown::safe(&text),
        Form::Html => super::picture::escape(&text),
    })
}
