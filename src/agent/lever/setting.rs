//! One setting of a configuration file, however the file is written.

use super::{lines, toml};
use crate::scenario::pack::FileFormat;
use toml_edit::Value;

/// The value of a setting.
#[derive(Debug, Clone)]
pub(super) enum Setting {
    /// In TOML.
    Toml(Value),
    /// As it stands in its line.
    Line(String),
}

/// The value at a key; nothing if the key is not there.
pub(super) fn read(format: FileFormat, text: &str, key: &str) -> Result<Option<Setting>, String> {
    match format {
        FileFormat::Toml => Ok(toml::read(text, key)?.map(Setting::Toml)),
        FileFormat::Lines => Ok(lines::read(text, key)?.map(Setting::Line)),
    }
}

/// Says why the key could not get a value in this text.
pub(super) fn has_place_for(format: FileFormat, text: &str, key: &str) -> Result<(), String> {
    match format {
        FileFormat::Toml if toml::has_table_for(text, key)? => Ok(()),
        FileFormat::Toml => Err(format!("has no table for `{key}`")),
        FileFormat::Lines if lines::read(text, key)?.is_some() => Ok(()),
        FileFormat::Lines => Err(format!("has no line for `{key}`")),
    }
}

/// A value as somebody writes it, for a place where `now` stands.
pub(super) fn value(format: FileFormat, written: &str, now: Option<&Setting>) -> Result<Setting, String> {
    match (format, now) {
        (FileFormat::Toml, Some(Setting::Toml(now))) => toml::value(written, Some(now)).map(Setting::Toml),
        (FileFormat::Toml, _) => toml::value(written, None).map(Setting::Toml),
        (FileFormat::Lines, _) if lines::fits(written) => Ok(Setting::Line(written.to_owned())),
        (FileFormat::Lines, _) => Err(format!("`{written}` does not fit into one line as a value")),
    }
}

/// The text with another value at a key, or, in TOML, without the key.
pub(super) fn with(
    format: FileFormat,
    text: &str,
    key: &str,
    value: Option<&Setting>,
) -> Result<String, String> {
    match (format, value) {
        (FileFormat::Toml, Some(Setting::Toml(value))) => toml::with(text, key, Some(value)),
        (FileFormat::Toml, None) => toml::with(text, key, None),
        (FileFormat::Lines, Some(Setting::Line(value))) => lines::with(text, key, value),
        _ => Err(format!("cannot hold this value at `{key}`")),
    }
}

/// Whether two values mean the same.
pub(super) fn same(a: Option<&Setting>, b: Option<&Setting>) -> bool {
    match (a, b) {
        (Some(Setting::Toml(a)), Some(Setting::Toml(b))) => toml::same(Some(a), Some(b)),
        (Some(Setting::Line(a)), Some(Setting::Line(b))) => a == b,
        (None, None) => true,
        _ => false,
    }
}

/// How a value is written, for messages and records.
pub(super) fn text(value: Option<&Setting>) -> String {
    match value {
        Some(Setting::Toml(value)) => toml::text(Some(value)),
        Some(Setting::Line(line)) => line.clone(),
        None => toml::text(None),
    }
}

/// The text with another value of a key that is there, as somebody with an editor would write it.
///
/// # Errors
/// When the key is not there, or the value does not fit.
pub fn changed(format: FileFormat, text: &str, key: &str, written: &str) -> Result<String, String> {
    let now = read(format, text, key)?;
    has_place_for(format, text, key)?;
    let value = value(format, written, now.as_ref())?;
    with(format, text, key, Some(&value))
}
