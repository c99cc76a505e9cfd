//! What responders may do to the modelled service: `depotctl`, with its exit codes.

use super::world::{Life, Releases, World};
use crate::base::At;
use std::fmt::Write;

/// Done, with what is shown.
type Done = Result<String, (i32, String)>;

/// It cannot be done, and nothing was changed.
fn refused(why: impl Into<String>) -> (i32, String) {
    (1, why.into())
}

impl World {
    /// Runs one operation: the exit code (0 done, 1 refused, 2 not understood) and what it shows.
    pub(super) fn operate(&mut self, argv: &[String], now: At) -> (i32, String) {
        let words: Vec<_> = argv.iter().map(String::as_str).collect();
        let done = match words.as_slice() {
            ["depotctl", "list"] => Ok(self.list()),
            ["depotctl", "restart", name] => self.restart_named(name, now),
            ["depotctl", "reload", name] => self.reload_named(name, now),
            ["depotctl", "logs", name] => self.logs(name),
            ["depotctl", "releases", component] => self.show_releases(component),
            ["depotctl", "deploy", component, version] => self.deploy(component, version, now),
            ["depotctl", "rollback", component] => self.roll_back(component, now),
            ["depotctl", "config", component] => self.config(component),
            ["depotctl", "set", component, key, value] => self.set(component, key, value, now),
            ["depotctl", "metrics", name] => self.metrics(name),
            ["depotctl", "registry", "register", name] => self.register(name),
            _ => Err((2, format!("`{}` is about a part that this modelled target has not", words.join(" ")))),
        };
        match done {
            Ok(shown) => (0, shown),
            Err(failed) => failed,
        }
    }

    fn component(&mut self, component: &str) -> Result<&mut Releases, (i32, String)> {
        self.releases
            .iter_mut()
            .find(|(name, _)| name.as_str() == component)
            .map(|(_, releases)| releases)
            .ok_or_else(|| refused(format!("there is no component `{component}`")))
    }

    fn known(&self, name: &str) -> Result<(), (i32, String)> {
        if self.instances(name).is_empty() {
            return Err(refused(format!("there is no instance or component `{name}`")));
        }
        Ok(())
    }

    fn list(&self) -> String {
        let mut shown = String::new();
        for (name, process) in &self.services {
            let release = self.releases.get(&process.component).map_or("-", |releases| &releases.current);
            let _ =
                writeln!(shown, "{name:<14} {:<6} {:<8} {release}", process.datacenter, process.life.word());
        }
        shown
    }

    fn restart_named(&mut self, name: &str, now: At) -> Done {
        self.known(name)?;
        self.restart(name, now);
        Ok(lines(self.instances(name).iter().map(|own| format!("{own} restarted, healthy"))))
    }

    fn reload_named(&mut self, name: &str, now: At) -> Done {
        self.known(name)?;
        self.reload(name, now);
        Ok(lines(self.instances(name).iter().map(|own| format!("{own} reads its configuration"))))
    }

    fn register(&mut self, name: &str) -> Done {
        let known = self.services.keys().find(|own| own.as_str() == name).cloned();
        let own = known.ok_or_else(|| refused(format!("there is no instance `{name}`")))?;
        self.registered(&own);
        Ok(format!("{own} is registered\n"))
    }

    fn logs(&self, name: &str) -> Done {
        let process = self.services.iter().find(|(own, _)| own.as_str() == name);
        let (_, process) = process.ok_or_else(|| refused(format!("there is no instance `{name}`")))?;
        Ok(lines(process.log.iter().cloned()))
    }

    fn show_releases(&mut self, component: &str) -> Done {
        let releases = self.component(component)?;
        let mark = |version: &String| if *version == releases.current { '*' } else { ' ' };
        Ok(lines(releases.versions.keys().map(|version| format!("{} {version}", mark(version)))))
    }

    fn deploy(&mut self, component: &str, version: &str, now: At) -> Done {
        let releases = self.component(component)?;
        if !releases.versions.contains_key(version) {
            return Err(refused(format!("`{component}` has no release `{version}`")));
        }
        let old = releases.current.clone();
        releases.lay_on(version);
        version.clone_into(&mut releases.chosen);
        self.restart(component, now);
        Ok(format!("{component}: {old} -> {version}\n"))
    }

    fn roll_back(&mut self, component: &str, now: At) -> Done {
        let releases = self.component(component)?;
        let old = releases.current.clone();
        let place = releases.pile.iter().rposition(|version| *version == old);
        let before = place.and_then(|place| place.checked_sub(1)).map(|place| releases.pile[place].clone());
        let before =
            before.ok_or_else(|| refused(format!("no release of `{component}` was in use before {old}")))?;
        releases.go_back_to(&before);
        releases.chosen.clone_from(&before);
        self.restart(component, now);
        Ok(format!("{component}: {old} -> {before}\n"))
    }

    fn config(&mut self, component: &str) -> Done {
        let releases = self.component(component)?;
        let mut shown = format!("# {component} {}\n", releases.current);
        for (key, value) in releases.in_use().iter().flat_map(|release| &release.settings) {
            let _ = writeln!(shown, "{key} = {value}");
        }
        Ok(shown)
    }

    fn set(&mut self, component: &str, key: &str, value: &str, now: At) -> Done {
        let releases = self.component(component)?;
        let current = releases.current.clone();
        let release = releases.versions.get_mut(&current);
        let release = release.ok_or_else(|| refused(format!("release {current} is gone")))?;
        let value = value.trim_matches('"');
        let old = release.settings.get(key).cloned();
        let old = old.ok_or_else(|| refused(format!("there is no setting `{key}`")))?;
        may_be(key, &old, value).map_err(refused)?;
        // Who writes what is there already has not taken the value over.
        if old != value {
            release.settings.insert(key.to_owned(), value.to_owned());
            release.written.insert(key.to_owned(), value.to_owned());
        }
        self.reload(component, now);
        Ok(format!("{component}: {key} was {old}, is {value}\n"))
    }

    fn metrics(&self, name: &str) -> Done {
        let process = self.services.iter().find(|(own, _)| own.as_str() == name);
        let (own, process) = process.ok_or_else(|| refused(format!("there is no instance `{name}`")))?;
        if process.life != Life::Running {
            return Err((4, format!("could not get the metrics of {own}: it does not answer\n")));
        }
        let mut shown = format!("starts_total {}\n", process.generation + 1);
        if process.component.as_str() == "web" {
            let _ = writeln!(shown, "pool_size {}", self.number("web", "pool.size"));
        }
        for volume in self.volumes.values().filter(|volume| volume.service == *own) {
            let _ = writeln!(shown, "volume_used_percent {}", volume.used_percent());
        }
        Ok(shown)
    }
}

/// Each with its line feed.
fn lines(all: impl Iterator<Item = String>) -> String {
    all.flat_map(|line| [line, "\n".to_owned()]).collect()
}

/// Whether a responder's value fits the setting.
fn may_be(key: &str, old: &str, value: &str) -> Result<(), String> {
    let one_of = |words: &[&str]| {
        if words.contains(&value) {
            return Ok(());
        }
        Err(format!("`{key}` cannot be {value}: it is one of {}", words.join(", ")))
    };
    match key {
        "storage.policy" => one_of(&["both", "near"]),
        "storage.read" => one_of(&["spread", "near"]),
        "pool.size" if value == "0" => Err("`pool.size` is 0: it must be from 1 to 1024".to_owned()),
        _ if old.parse::<u64>().is_ok() && value.parse::<u64>().is_err() => {
            Err(format!("`{key}` is a whole number, and `{value}` is not"))
        }
        _ => Ok(()),
    }
}
