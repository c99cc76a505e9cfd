//! Which targets may be broken from here, and which toxiproxies belong to them: `allowed-targets` in the home, a target
//! in each line, with the addresses behind its name.

use super::{exit::Failure, home::Home};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

/// What people have said. A list that cannot be read allows nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Allowed(BTreeMap<String, BTreeSet<String>>);

impl Allowed {
    /// What was said in this home.
    pub(super) fn of(home: &Home) -> Self {
        Self::read(&fs::read_to_string(home.allowed()).unwrap_or_default())
    }

    fn read(text: &str) -> Self {
        let mut all = Self::default();
        for line in text.lines() {
            let mut words = line.split_whitespace().map(str::to_owned);
            if let Some(name) = words.next() {
                all.allow(&name, words);
            }
        }
        all
    }

    fn written(&self) -> String {
        let line = |(name, toxiproxies): (&String, &BTreeSet<String>)| {
            let words: Vec<_> = std::iter::once(name).chain(toxiproxies).map(String::as_str).collect();
            words.join(" ") + "\n"
        };
        self.0.iter().map(line).collect()
    }

    /// Targets of one's own.
    pub(super) fn names(&self) -> impl Iterator<Item = String> {
        self.0.keys().cloned()
    }

    /// Where the toxiproxies are that belong to this target.
    pub(super) fn toxiproxies(&self, target: &str) -> Vec<String> {
        self.0.get(target).into_iter().flatten().cloned().collect()
    }

    /// This target may be broken, and these toxiproxies belong to it beside those that were named before.
    pub(super) fn allow(&mut self, target: &str, toxiproxies: impl IntoIterator<Item = String>) {
        self.0.entry(target.to_owned()).or_default().extend(toxiproxies);
    }

    /// It may not be broken any more. False: it might not before.
    pub(super) fn forbid(&mut self, target: &str) -> bool {
        self.0.remove(target).is_some()
    }

    /// Writes it down.
    pub(super) fn keep(&self, home: &Home) -> Result<(), Failure> {
        let path = home.allowed();
        fs::write(&path, self.written()).map_err(Failure::io(format!("write {}", path.display())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_said_is_read_back_and_can_be_taken_back() {
        let mut all = Allowed::read("shop\n\n  stage 127.0.0.1:8474  127.0.0.1:8475\n");
        assert_eq!(all.toxiproxies("stage"), ["127.0.0.1:8474", "127.0.0.1:8475"]);
        assert!(all.toxiproxies("shop").is_empty() && all.toxiproxies("nobody").is_empty());
        all.allow("shop", ["127.0.0.1:9".to_owned()]);
        all.allow("shop", []);
        assert_eq!(all.written(), "shop 127.0.0.1:9\nstage 127.0.0.1:8474 127.0.0.1:8475\n");
        assert_eq!(Allowed::read(&all.written()), all);
        assert!(all.forbid("shop") && !all.forbid("shop"));
        assert_eq!(all.names().collect::<Vec<_>>(), ["stage"]);
    }
}
