//! Releases and settings: what is in use, another one, the one before.

use super::{Desk, OperateError, Out};
use crate::depot::{
    config::{current_file, problem_with},
    error::DepotError,
    releases, supervisor,
};
use std::{fs, path::Path};

impl Desk<'_> {
    pub(super) fn releases(&self, component: &str, out: Out<'_>) -> Result<(), OperateError> {
        let folder = self.component_folder(component)?;
        let current = releases::current(&folder)?;
        for version in releases::versions(&folder)? {
            let mark = if version == current { '*' } else { ' ' };
            writeln!(out, "{mark} {version}")?;
        }
        Ok(())
    }

    pub(super) async fn deploy(
        &self,
        component: &str,
        version: &str,
        out: Out<'_>,
    ) -> Result<(), OperateError> {
        let folder = self.component_folder(component)?;
        let versions = releases::versions(&folder)?;
        if !versions.iter().any(|there| there == version) {
            return Err(OperateError::Refused(format!(
                "`{component}` has no release `{version}`; there are {}",
                versions.join(", ")
            )));
        }
        self.put_to_use(component, &folder, &releases::Entry::deploy(version), out).await
    }

    pub(super) async fn roll_back(&self, component: &str, out: Out<'_>) -> Result<(), OperateError> {
        let folder = self.component_folder(component)?;
        let current = releases::current(&folder)?;
        let before = releases::before(&folder, &current)?.ok_or_else(|| {
            OperateError::Refused(format!("no release of `{component}` was in use before {current}"))
        })?;
        self.put_to_use(component, &folder, &releases::Entry::roll_back(&before), out).await
    }

    async fn put_to_use(
        &self,
        component: &str,
        folder: &Path,
        entry: &releases::Entry,
        out: Out<'_>,
    ) -> Result<(), OperateError> {
        let version = &entry.version;
        let file = folder.join("releases").join(version).join(format!("{component}.toml"));
        let text = fs::read_to_string(&file).map_err(DepotError::file("read", &file))?;
        problem_with(component, &text).map_err(|problem| {
            OperateError::Refused(format!("release {version} of `{component}` cannot run: {problem}"))
        })?;
        let old = releases::current(folder)?;
        // Whoever could not be asked to restart must not be left with a switched link.
        supervisor::list(self.root).await?;
        releases::switch(folder, version)?;
        releases::record(folder, entry)?;
        writeln!(out, "{component}: {old} -> {version}")?;
        self.restart_all(&self.instances(component)?, out).await
    }

    pub(super) fn config(&self, component: &str, out: Out<'_>) -> Result<(), OperateError> {
        let folder = self.component_folder(component)?;
        let file = current_file(self.root, component);
        let text = fs::read_to_string(&file).map_err(DepotError::file("read", &file))?;
        writeln!(out, "# {component} {}: {}", releases::current(&folder)?, file.display())?;
        Ok(out.write_all(text.as_bytes())?)
    }

    pub(super) async fn set(
        &self,
        component: &str,
        key: &str,
        value: &str,
        out: Out<'_>,
    ) -> Result<(), OperateError> {
        self.component_folder(component)?;
        let path = current_file(self.root, component);
        let file = path.canonicalize().map_err(DepotError::file("find", &path))?;
        let text = fs::read_to_string(&file).map_err(DepotError::file("read", &file))?;
        let (changed, old) = with_setting(&text, key, value).map_err(OperateError::Refused)?;
        problem_with(component, &changed)
            .map_err(|problem| OperateError::Refused(format!("`{key}` cannot be {value}: {problem}")))?;
        let fresh = file.with_extension("toml.new");
        fs::write(&fresh, changed).map_err(DepotError::file("write", &fresh))?;
        fs::rename(&fresh, &file).map_err(DepotError::file("replace", &file))?;
        writeln!(out, "{component}: {key} was {old}, is {value}")?;
        self.reload(component, out).await
    }
}

/// `text` with `key` set to `value`, comments kept, and the old value. The new value has the old one's type.
fn with_setting(text: &str, key: &str, value: &str) -> Result<(String, String), String> {
    use toml_edit::Value;
    let mut document: toml_edit::DocumentMut =
        text.parse().map_err(|err| format!("the file in use cannot be read: {err}"))?;
    let known = keys(document.as_table());
    let unknown = || format!("there is no setting `{key}`; there are {}", known.join(", "));
    let mut item = document.as_item_mut();
    for part in key.split('.') {
        item = item.get_mut(part).ok_or_else(unknown)?;
    }
    let old = item.as_value_mut().ok_or_else(unknown)?;
    let expected = |kind: &str| format!("`{key}` is {kind}, and `{value}` is not");
    let mut new = match old {
        Value::Integer(_) => Value::from(value.parse::<i64>().map_err(|_| expected("a whole number"))?),
        Value::Float(_) => Value::from(value.parse::<f64>().map_err(|_| expected("a number"))?),
        Value::Boolean(_) => Value::from(value.parse::<bool>().map_err(|_| expected("`true` or `false`"))?),
        Value::String(_) => Value::from(value.trim_matches('"')),
        _ => {
            return Err(format!("`{key}` cannot be set with this tool: edit the file"));
        }
    };
    let shown = old.clone().decorated("", "").to_string();
    *new.decor_mut() = old.decor().clone();
    *old = new;
    Ok((document.to_string(), shown))
}

/// The dotted keys of all settings in `table`.
pub(in crate::depot) fn keys(table: &toml_edit::Table) -> Vec<String> {
    let mut found = Vec::new();
    for (key, item) in table {
        match item.as_table() {
            Some(inner) => found.extend(keys(inner).iter().map(|below| format!("{key}.{below}"))),
            None => found.push(key.to_owned()),
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# head\n[pool]\nsize = 16 # enough\n\n[storage]\npolicy = \"both\"\n";

    #[test]
    fn a_setting_changes_and_the_comments_stay() {
        let (changed, old) = with_setting(TEXT, "pool.size", "4").unwrap();
        assert_eq!(changed, TEXT.replace("16", "4"));
        assert_eq!(old, "16");
        let (changed, _) = with_setting(TEXT, "storage.policy", "near").unwrap();
        assert_eq!(changed, TEXT.replace("both", "near"));
    }

    #[test]
    fn a_wrong_setting_is_refused_with_what_there_is() {
        let refused = |key, value| with_setting(TEXT, key, value).unwrap_err();
        assert_eq!(
            refused("pool.sise", "4"),
            "there is no setting `pool.sise`; there are pool.size, storage.policy"
        );
        assert_eq!(refused("pool", "4"), "there is no setting `pool`; there are pool.size, storage.policy");
        assert_eq!(refused("pool.size", "few"), "`pool.size` is a whole number, and `few` is not");
    }
}
