//! One setting of a text with one setting in each line: `key value`, `key = value`, `key: value`, `key value;`. Nothing
//! around its value is touched. Sections (`[name]`) go before the key: `name.key`.

use std::ops::Range;

/// The value of a key, as it is written; nothing if the key is not there.
pub(super) fn read(text: &str, key: &str) -> Result<Option<String>, String> {
    Ok(find(text, key)?.map(|range| text[range].to_owned()))
}

/// The text with another value of a key that is there.
pub(super) fn with(text: &str, key: &str, value: &str) -> Result<String, String> {
    let range = find(text, key)?.ok_or_else(|| format!("has no line for `{key}`"))?;
    Ok([&text[..range.start], value, &text[range.end..]].concat())
}

/// Whether a value fits into a line.
pub(super) fn fits(value: &str) -> bool {
    !value.trim().is_empty() && value.trim() == value && !value.contains(['\n', '\r', '\0', '{', '}', ';'])
}

/// Where the value of a key stands. More than one line for it is an error: nobody could say which one is meant.
fn find(text: &str, key: &str) -> Result<Option<Range<usize>>, String> {
    let mut found = None;
    let mut section = String::new();
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        if let Some(name) = line.trim().strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            name.trim().clone_into(&mut section);
        } else if let Some((word, value)) = setting(line) {
            let plain = word == key;
            let sectioned = key.strip_prefix(section.as_str()).and_then(|rest| rest.strip_prefix('.'));
            if plain || (!section.is_empty() && sectioned == Some(word)) {
                if found.is_some() {
                    return Err(format!("has several lines for `{key}`"));
                }
                found = Some(start + value.start..start + value.end);
            }
        }
        start += line.len();
    }
    Ok(found)
}

/// The key of a line, and where its value stands in it.
fn setting(line: &str) -> Option<(&str, Range<usize>)> {
    let indent = line.len() - line.trim_start().len();
    let rest = &line[indent..];
    let length = rest.find(|c: char| c.is_whitespace() || matches!(c, '=' | ':' | ';'))?;
    let word = &rest[..length];
    if word.is_empty() || word.starts_with(['#', ';', '}']) {
        return None;
    }
    let after = rest[length..].trim_start();
    let after = after.strip_prefix(['=', ':']).unwrap_or(after).trim_start();
    let begin = line.len() - after.len();
    let comment = after.find(" #").or_else(|| after.find("\t#")).unwrap_or(after.len());
    let value = after[..comment].trim_end();
    let value = value.strip_suffix(';').unwrap_or(value).trim_end();
    // A block that begins here is no setting.
    if value.is_empty() || value.ends_with('{') {
        return None;
    }
    Some((word, begin..begin + value.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NGINX: &str = "# front\nhttp {\n  server {\n    listen 127.0.0.1:80;\n    client_max_body_size 64k; # enough\n    location / {\n      proxy_pass http://127.0.0.1:81;\n    }\n  }\n}\n";

    #[test]
    fn a_value_is_read_and_changed_and_comes_back_to_the_byte() {
        for (text, key, before, ours) in [
            (NGINX, "client_max_body_size", "64k", "64"),
            (NGINX, "listen", "127.0.0.1:80", "127.0.0.1:90"),
            ("maxmemory 10mb\nsave \"\"\n", "maxmemory", "10mb", "1mb"),
            ("max_connections = 100  # each\n", "max_connections", "100", "3"),
            ("[a]\nx=1\n[b]\nx = 2\n", "b.x", "2", "7"),
            ("writes: direct", "writes", "direct", "queued"),
        ] {
            assert_eq!(read(text, key).unwrap().as_deref(), Some(before), "{key}");
            let changed = with(text, key, ours).unwrap();
            assert_eq!(read(&changed, key).unwrap().as_deref(), Some(ours));
            assert_eq!(changed.len() + before.len(), text.len() + ours.len());
            assert_eq!(with(&changed, key, before).unwrap(), text);
        }
    }

    #[test]
    fn what_is_not_one_setting_is_refused() {
        assert_eq!(read(NGINX, "server").unwrap(), None, "a block is no setting");
        assert_eq!(read("# maxmemory 1\n;x = 1\n", "maxmemory").unwrap(), None);
        assert!(read("a 1\na 2\n", "a").unwrap_err().contains("several"));
        assert!(read("[a]\nx=1\n[b]\nx=2\n", "x").is_err(), "which one?");
        assert!(with("a 1\n", "b", "2").unwrap_err().contains("no line"));
        for value in ["", " 1", "1; evil", "a\nb", "{"] {
            assert!(!fits(value), "{value:?}");
        }
        assert!(fits("64k") && fits("http://127.0.0.1:81"));
    }
}
