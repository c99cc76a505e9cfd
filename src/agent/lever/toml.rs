//! One key of a TOML text: read, compared and written without touching anything around it.

use toml_edit::{DocumentMut, Item, Table, TableLike, Value};

fn document(text: &str) -> Result<DocumentMut, String> {
    text.parse::<DocumentMut>().map_err(|err| format!("is not TOML: {}", err.message()))
}

/// The tables on the way, and the last part of a dotted key.
fn split(key: &str) -> (Vec<&str>, &str) {
    let mut parts: Vec<_> = key.split('.').collect();
    let last = parts.pop().unwrap_or(key);
    (parts, last)
}

/// The value at a dotted key, without the comments around it. Nothing if the key, or a table on its way, is not there.
pub(super) fn read(text: &str, key: &str) -> Result<Option<Value>, String> {
    let document = document(text)?;
    let mut item = document.as_item();
    for part in key.split('.') {
        let Some(next) = item.as_table_like().and_then(|table| table.get(part)) else {
            return Ok(None);
        };
        item = next;
    }
    match item {
        Item::None => Ok(None),
        Item::Value(value) => {
            let mut value = value.clone();
            value.decor_mut().clear();
            Ok(Some(value))
        }
        Item::Table(_) | Item::ArrayOfTables(_) => Err(format!("has a table at `{key}`")),
    }
}

/// Whether the table that holds the last part of a dotted key is there.
pub(super) fn has_table_for(text: &str, key: &str) -> Result<bool, String> {
    let mut document = document(text)?;
    Ok(table_of(document.as_table_mut(), &split(key).0).is_some())
}

fn table_of<'a>(root: &'a mut Table, path: &[&str]) -> Option<&'a mut dyn TableLike> {
    let mut table: &mut dyn TableLike = root;
    for part in path {
        table = table.get_mut(part)?.as_table_like_mut()?;
    }
    Some(table)
}

/// The text with another value at a dotted key, or without the key. Comments and order stay.
pub(super) fn with(text: &str, key: &str, value: Option<&Value>) -> Result<String, String> {
    let mut document = document(text)?;
    let (path, last) = split(key);
    let table =
        table_of(document.as_table_mut(), &path).ok_or_else(|| format!("has no table for `{key}`"))?;
    match (value, table.get_mut(last)) {
        (None, _) => {
            table.remove(last);
        }
        (Some(value), Some(Item::Value(there))) => {
            let decor = there.decor().clone();
            *there = value.clone();
            *there.decor_mut() = decor;
        }
        (Some(value), _) => {
            table.insert(last, Item::Value(value.clone()));
        }
    }
    Ok(document.to_string())
}

/// A value as it is written in a file. What is no TOML value is taken as text where there is a text now.
pub(super) fn value(written: &str, now: Option<&Value>) -> Result<Value, String> {
    match written.trim().parse::<Value>() {
        Ok(mut value) => {
            value.decor_mut().clear();
            Ok(value)
        }
        Err(_) if now.is_some_and(Value::is_str) => Ok(Value::from(written)),
        Err(_) => Err(format!("`{written}` is not a TOML value: a text needs quotation marks")),
    }
}

/// Whether two values mean the same, however they are written.
pub(super) fn same(a: Option<&Value>, b: Option<&Value>) -> bool {
    match (a, b) {
        (None, None) => true,
        (Some(a), Some(b)) => same_value(a, b),
        _ => false,
    }
}

fn same_value(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::String(a), Value::String(b)) => a.value() == b.value(),
        (Value::Integer(a), Value::Integer(b)) => a.value() == b.value(),
        (Value::Float(a), Value::Float(b)) => a.value().total_cmp(b.value()).is_eq(),
        (Value::Boolean(a), Value::Boolean(b)) => a.value() == b.value(),
        (Value::Datetime(a), Value::Datetime(b)) => a.value() == b.value(),
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same_value(a, b))
        }
        (Value::InlineTable(a), Value::InlineTable(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| same(Some(a), b.get(key)))
        }
        _ => false,
    }
}

/// How a value is written, for messages and records.
pub(super) fn text(value: Option<&Value>) -> String {
    value.map_or_else(|| "nothing".to_owned(), |value| value.to_string().trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# head\n[pool]\n# connections\nsize = 1_6 # each\nlimits = { soft = 1, hard = 2 }\n\n[log]\nlevel = \"info\"\n";

    fn at(text: &str, key: &str) -> String {
        super::text(read(text, key).unwrap().as_ref())
    }

    #[test]
    fn a_value_changes_and_comes_back_to_the_byte() {
        for (key, ours) in [
            ("pool.size", "2"),
            ("pool.limits.hard", "7"),
            ("log.level", "\"debug\""),
            ("pool.extra", "true"),
            ("top", "1"),
        ] {
            let before = read(TEXT, key).unwrap();
            let new = value(ours, before.as_ref()).unwrap();
            let changed = with(TEXT, key, Some(&new)).unwrap();
            assert_eq!(at(&changed, key), ours);
            assert!(changed.contains("# connections\n"));
            let back = with(&changed, key, before.as_ref()).unwrap();
            assert_eq!(back, TEXT, "{key}");
        }
        let changed = with(TEXT, "pool.size", Some(&Value::from(2))).unwrap();
        assert!(changed.contains("size = 2 # each"), "{changed}");
    }

    #[test]
    fn values_are_compared_by_what_they_mean() {
        let same = |a: &str, b: &str| same_value(&a.parse().unwrap(), &b.parse().unwrap());
        assert!(same("16", "0x10"));
        assert!(same("\"a\"", "'a'"));
        assert!(same("[1, 2]", "[ 1,2 ]"));
        assert!(same("{a = 1, b = 2}", "{b=2,a=1}"));
        assert!(!same("1", "1.0"));
        assert!(!same("\"1\"", "1"));
        assert!(!same("[1]", "[1, 1]"));
    }

    #[test]
    fn what_cannot_be_a_value_is_refused() {
        assert!(read(TEXT, "pool").unwrap_err().contains("table"));
        assert!(read("size = ", "size").is_err());
        assert!(!has_table_for(TEXT, "nowhere.size").unwrap());
        assert!(has_table_for(TEXT, "pool.size").unwrap());
        assert!(value("debug", Some(&Value::from("info"))).is_ok());
        assert!(value("debug", Some(&Value::from(1))).is_err());
    }
}
