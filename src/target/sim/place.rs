//! Pre-images: what a fault's place was like before, and how it is changed, looked at and taken back by comparison.

use super::{
    laid,
    world::{Life, Process, Release, Settings, World},
};
use crate::{
    base::{At, InjectionId, LinkName, ServiceName, VolumeName, names::is_name},
    fault::{Fault, Place, Presence},
    target::{Inspection, Undone},
};

/// What will be ours, and what was there before.
#[derive(Debug, Clone)]
pub(super) enum PreImage {
    Link {
        link: LinkName,
        toxic: Fault,
    },
    Stop {
        service: ServiceName,
        component: ServiceName,
        generation: u64,
    },
    Kill {
        service: ServiceName,
        component: ServiceName,
        generation: u64,
    },
    Edit {
        component: ServiceName,
        release: String,
        key: String,
        before: Option<String>,
        ours: String,
    },
    Fill {
        volume: VolumeName,
        percent: u8,
    },
    RollOut {
        component: ServiceName,
        before: String,
        made: String,
        base: Settings,
        key: String,
        ours: String,
    },
    Laid {
        fault: Fault,
        /// Whose instance or configuration it lies on.
        component: Option<ServiceName>,
    },
}

fn seen(presence: Presence, detail: impl Into<String>) -> Inspection {
    Inspection { presence, detail: detail.into() }
}

/// The instance of that name, or the only one of that component.
fn instance<'a>(world: &'a World, name: &ServiceName) -> Result<(ServiceName, &'a Process), String> {
    let own = match world.instances(name.as_str()).as_slice() {
        [] => return Err(format!("there is no service `{name}` here")),
        [only] => only.clone(),
        _ => return Err(format!("`{name}` has several instances: name one of them")),
    };
    let process = world.services.get(&own).ok_or_else(|| format!("there is no service `{own}` here"))?;
    Ok((own, process))
}

/// What the model of links cannot say.
fn modelled(fault: &Fault) -> Result<(), String> {
    match fault {
        Fault::LinkSharedBandwidth { .. } => Err(
            "the model does not know how many share a link: rehearse a shared bandwidth on the real target"
                .to_owned(),
        ),
        Fault::LinkHttp { path, .. } if path != "/" => Err(format!(
            "the model does not know the paths of requests: rehearse HTTP faults under `{path}` on the real target"
        )),
        _ => Ok(()),
    }
}

fn plain(value: &str) -> String {
    value.trim().trim_matches('"').to_owned()
}

impl PreImage {
    /// Takes the pre-image. Changes nothing. The error says why the fault cannot be.
    pub(super) fn take(world: &World, fault: &Fault) -> Result<Self, String> {
        match fault {
            Fault::LinkLatency { link, .. }
            | Fault::LinkDown { link }
            | Fault::LinkReset { link, .. }
            | Fault::LinkBandwidth { link, .. }
            | Fault::LinkTimeout { link, .. }
            | Fault::LinkSlowClose { link, .. }
            | Fault::LinkLimitData { link, .. }
            | Fault::LinkSlicer { link, .. }
            | Fault::LinkLoss { link, .. }
            | Fault::LinkSharedBandwidth { link, .. }
            | Fault::LinkHttp { link, .. } => {
                if !world.links.contains_key(link) {
                    return Err(format!("there is no link `{link}` here"));
                }
                modelled(fault)?;
                Ok(Self::Link { link: link.clone(), toxic: fault.clone() })
            }
            Fault::ProcessStop { service } => {
                let (service, process) = instance(world, service)?;
                if process.life != Life::Running {
                    return Err(format!("`{service}` does not run"));
                }
                let (component, generation) = (process.component.clone(), process.generation);
                Ok(Self::Stop { service, component, generation })
            }
            Fault::ProcessKill { service } => {
                let (service, process) = instance(world, service)?;
                if process.life == Life::Down {
                    return Err(format!("`{service}` has no process"));
                }
                let (component, generation) = (process.component.clone(), process.generation);
                Ok(Self::Kill { service, component, generation })
            }
            Fault::FileEdit { file, key, value } => Self::take_edit(world, file, key, value),
            Fault::VolumeRest { volume, free_bytes } => {
                let there =
                    world.volumes.get(volume).ok_or_else(|| format!("there is no volume `{volume}` here"))?;
                let taken = there.size_bytes.saturating_sub(*free_bytes);
                // A rest of less than one per cent is too little for the next upload.
                let percent = (taken * 100).div_ceil(there.size_bytes.max(1));
                let percent = u8::try_from(percent).unwrap_or(100).max(1);
                Self::take(world, &Fault::VolumeFill { volume: volume.clone(), percent })
            }
            Fault::VolumeFill { volume, percent } => {
                let there =
                    world.volumes.get(volume).ok_or_else(|| format!("there is no volume `{volume}` here"))?;
                if !(1..=100).contains(percent) {
                    return Err(format!("{percent} per cent is not from 1 to 100"));
                }
                if there.used_percent() >= *percent {
                    return Err(format!("volume `{volume}` is that full already"));
                }
                Ok(Self::Fill { volume: volume.clone(), percent: *percent })
            }
            Fault::ReleaseRollOut { service, release, key, value } => {
                Self::take_roll_out(world, service, release, key, value)
            }
            _ => {
                laid::may_lie(world, fault)?;
                let component = match fault.place() {
                    Place::Service(own) => world.services.get(&own).map(|process| process.component.clone()),
                    Place::File(file) => file.parse().ok(),
                    _ => None,
                };
                Ok(Self::Laid { fault: fault.clone(), component })
            }
        }
    }

    fn take_edit(world: &World, file: &str, key: &str, value: &str) -> Result<Self, String> {
        let (component, release, settings) =
            in_use(world, file).ok_or_else(|| format!("there is no file `{file}` here"))?;
        let before = settings.get(key).cloned();
        let ours = ours(settings, key, value)?;
        Ok(Self::Edit { component, release, key: key.to_owned(), before, ours })
    }

    fn take_roll_out(
        world: &World,
        service: &ServiceName,
        release: &str,
        key: &str,
        value: &str,
    ) -> Result<Self, String> {
        let component = world.services.get(service).map_or(service, |process| &process.component);
        let (component, before, settings) = in_use(world, component.as_str())
            .ok_or_else(|| format!("there are no releases of `{service}` here"))?;
        if !is_name(release) {
            return Err(format!("`{release}` is not the name of a release"));
        }
        if world.releases[&component].versions.contains_key(release) {
            return Err(format!("release {release} is there already"));
        }
        let ours = ours(settings, key, value)?;
        Ok(Self::RollOut {
            before,
            made: release.to_owned(),
            base: settings.clone(),
            key: key.to_owned(),
            ours,
            component,
        })
    }

    /// Whether a second injection here would get into the undo of the first.
    pub(super) fn overlaps(&self, other: &Self) -> bool {
        match (self, other) {
            (
                Self::Edit { component, release, key, .. },
                Self::Edit { component: other_component, release: other_release, key: other_key, .. },
            ) => {
                let within = |outer: &str, inner: &str| {
                    inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
                };
                component == other_component
                    && release == other_release
                    && (within(key, other_key) || within(other_key, key))
            }
            (Self::Fill { volume, .. }, Self::Fill { volume: other, .. }) => volume == other,
            (Self::RollOut { component, .. }, Self::RollOut { component: other, .. }) => component == other,
            (Self::RollOut { component, made, .. }, Self::Edit { component: other, release, .. })
            | (Self::Edit { component: other, release, .. }, Self::RollOut { component, made, .. }) => {
                component == other && made == release
            }
            (Self::Laid { fault, .. }, Self::Laid { fault: other, .. }) => laid::overlap(fault, other),
            (Self::Laid { fault, .. }, Self::Fill { volume, .. })
            | (Self::Fill { volume, .. }, Self::Laid { fault, .. }) => {
                fault.place() == Place::Volume(volume.clone())
            }
            // A roll-out restarts the instances, which would repair them.
            (Self::RollOut { component, .. }, process) | (process, Self::RollOut { component, .. }) => {
                process.process().is_some_and(|(_, other)| other == component)
                    || matches!(process, Self::Laid { component: Some(other), .. } if other == component)
            }
            (Self::Laid { fault, .. }, process) | (process, Self::Laid { fault, .. }) => {
                process.process().is_some_and(|(service, _)| fault.place() == Place::Service(service.clone()))
            }
            (a, b) => match (a.process(), b.process()) {
                (Some((a, _)), Some((b, _))) => a == b,
                _ => false,
            },
        }
    }

    fn process(&self) -> Option<(&ServiceName, &ServiceName)> {
        match self {
            Self::Stop { service, component, .. } | Self::Kill { service, component, .. } => {
                Some((service, component))
            }
            _ => None,
        }
    }

    /// Makes the change. The error says why it cannot be made; then nothing is changed.
    pub(super) fn apply(&self, world: &mut World, id: &InjectionId, now: At) -> Result<(), String> {
        let changed = || "it has changed since it was armed".to_owned();
        match self {
            Self::Link { link, toxic } => {
                let link = world.links.get_mut(link).ok_or_else(changed)?;
                link.toxics.insert(id.clone(), (toxic.clone(), now));
            }
            Self::Stop { service, generation, .. } | Self::Kill { service, generation, .. } => {
                let process = world.services.get_mut(service).ok_or_else(changed)?;
                if process.generation != *generation || process.life == Life::Down {
                    return Err(format!("`{service}` is another process than when this was armed"));
                }
                if matches!(self, Self::Stop { .. }) {
                    process.live(Life::Stopped, now);
                } else {
                    process.live(Life::Down, now);
                    process.held_by = Some(id.clone());
                }
            }
            Self::Edit { component, release, key, before, ours } => {
                let releases = world.releases.get_mut(component).ok_or_else(changed)?;
                let there = releases.versions.get_mut(release).ok_or_else(changed)?;
                if there.settings.get(key) != before.as_ref() {
                    return Err(changed());
                }
                there.settings.insert(key.clone(), ours.clone());
                world.reload(component.as_str(), now);
            }
            Self::Fill { volume, percent } => {
                let volume = world.volumes.get_mut(volume).ok_or_else(changed)?;
                volume.ballast.insert(id.clone(), *percent);
            }
            Self::RollOut { component, before, made, base, key, ours } => {
                let releases = world.releases.get_mut(component).ok_or_else(changed)?;
                let same = releases.in_use().is_some_and(|release| release.settings == *base);
                if releases.current != *before || !same || releases.versions.contains_key(made) {
                    return Err(changed());
                }
                let mut settings = base.clone();
                settings.insert(key.clone(), ours.clone());
                let release = Release { settings, base: base.clone(), written: Settings::new(), made: true };
                releases.versions.insert(made.clone(), release);
                releases.lay_on(made);
                world.restart(component.as_str(), now);
            }
            Self::Laid { fault, .. } => {
                laid::may_lie(world, fault)?;
                world.laid.insert(id.clone(), fault.clone());
            }
        }
        Ok(())
    }

    /// Looks, and changes nothing.
    pub(super) fn inspect(&self, world: &World, id: &InjectionId) -> Inspection {
        let (there, what) = match self {
            Self::Link { link, .. } => (
                world.links.get(link).is_some_and(|link| link.toxics.contains_key(id)),
                format!("the toxic on link {link}"),
            ),
            Self::Stop { service, generation, .. } => (
                world.services.get(service).is_some_and(|process| {
                    process.generation == *generation && process.life == Life::Stopped
                }),
                format!("{service} being stopped"),
            ),
            Self::Kill { service, .. } => (
                world.services.get(service).is_some_and(|process| process.held_by.as_ref() == Some(id)),
                format!("{service} being kept down"),
            ),
            Self::Fill { volume, .. } => (
                world.volumes.get(volume).is_some_and(|volume| volume.ballast.contains_key(id)),
                format!("the ballast on volume {volume}"),
            ),
            Self::Laid { fault, .. } => {
                (world.laid.contains_key(id), format!("the {} on {}", fault.kind(), fault.place()))
            }
            Self::Edit { component, release, key, before, ours } => {
                let now = setting(world, component, release, key);
                return match now {
                    Some(now) if now == ours => seen(Presence::Present, format!("`{key}` is {ours}")),
                    now if now == before.as_ref() => seen(Presence::Clean, format!("`{key}` is as before")),
                    now => {
                        let now = now.map_or("gone", String::as_str);
                        seen(Presence::Diverged, format!("`{key}` is {now}, neither ours nor as before"))
                    }
                };
            }
            Self::RollOut { component, made, key, ours, .. } => {
                let current = world.releases.get(component).map(|releases| &releases.current);
                if current == Some(made) && setting(world, component, made, key) != Some(ours) {
                    let detail = format!("`{key}` in {made} is neither ours nor as before");
                    return seen(Presence::Diverged, detail);
                }
                (current == Some(made), format!("{component} running {made}"))
            }
        };
        let presence = if there { Presence::Present } else { Presence::Clean };
        seen(presence, format!("{what}: {}", if there { "there" } else { "not there" }))
    }

    /// Takes it back: only what is still ours is written.
    pub(super) fn undo(&self, world: &mut World, id: &InjectionId, now: At) -> Undone {
        match self.inspect(world, id).presence {
            Presence::Diverged | Presence::Unknown => return Undone::Diverged,
            Presence::Clean => {
                self.clear_up(world);
                return Undone::AlreadyClean;
            }
            Presence::Present => {}
        }
        match self {
            Self::Link { link, .. } => {
                if let Some(link) = world.links.get_mut(link) {
                    link.toxics.remove(id);
                }
            }
            Self::Stop { service, .. } => {
                if let Some(process) = world.services.get_mut(service) {
                    process.live(Life::Running, now);
                }
            }
            Self::Kill { service, .. } => world.restart(service.as_str(), now),
            Self::Fill { volume, .. } => {
                if let Some(volume) = world.volumes.get_mut(volume) {
                    volume.ballast.remove(id);
                }
            }
            Self::Edit { component, release, key, before, .. } => {
                let settings = world
                    .releases
                    .get_mut(component)
                    .and_then(|releases| releases.versions.get_mut(release))
                    .map(|release| &mut release.settings);
                match (settings, before) {
                    (Some(settings), Some(before)) => drop(settings.insert(key.clone(), before.clone())),
                    (Some(settings), None) => drop(settings.remove(key)),
                    (None, _) => {}
                }
                world.reload(component.as_str(), now);
            }
            Self::Laid { .. } => world.lift(id, now),
            Self::RollOut { component, before, .. } => {
                if let Some(releases) = world.releases.get_mut(component) {
                    releases.go_back_to(before);
                }
                self.clear_up(world);
                world.restart(component.as_str(), now);
            }
        }
        Undone::Restored
    }

    /// Removes our release, which nobody uses now, unless somebody has worked on it.
    fn clear_up(&self, world: &mut World) {
        let Self::RollOut { component, before, made, .. } = self else { return };
        let Some(releases) = world.releases.get_mut(component) else { return };
        if releases.chosen == *made && releases.current == *before {
            releases.chosen.clone_from(before);
        }
        let ours = releases.versions.get(made).is_some_and(|there| there.made && there.written.is_empty());
        if ours && releases.current != *made {
            releases.versions.remove(made);
            releases.pile.retain(|version| version != made);
        }
    }
}

/// A component, its release in use and that release's settings.
fn in_use<'a>(world: &'a World, component: &str) -> Option<(ServiceName, String, &'a Settings)> {
    let (name, releases) = world.releases.iter().find(|(name, _)| name.as_str() == component)?;
    Some((name.clone(), releases.current.clone(), &releases.in_use()?.settings))
}

fn setting<'a>(world: &'a World, component: &ServiceName, release: &str, key: &str) -> Option<&'a String> {
    world.releases.get(component)?.versions.get(release)?.settings.get(key)
}

/// The value that will be ours, if it may be.
fn ours(settings: &Settings, key: &str, value: &str) -> Result<String, String> {
    let table = key.rsplit_once('.').map_or("", |(table, _)| table);
    let has_table = |known: &String| known.rsplit_once('.').is_some_and(|(other, _)| other == table);
    if !settings.keys().any(has_table) {
        return Err(format!("there is no table for `{key}`"));
    }
    let ours = plain(value);
    if settings.get(key) == Some(&ours) {
        return Err(format!("`{key}` is {ours} already"));
    }
    Ok(ours)
}

/// Looks at the place of a fault that nothing is held of.
pub(super) fn inspect_unarmed(world: &World, id: &InjectionId, fault: &Fault) -> Inspection {
    let looked = match fault {
        Fault::LinkLatency { .. }
        | Fault::LinkDown { .. }
        | Fault::LinkReset { .. }
        | Fault::LinkBandwidth { .. }
        | Fault::LinkTimeout { .. }
        | Fault::LinkSlowClose { .. }
        | Fault::LinkLimitData { .. }
        | Fault::LinkSlicer { .. }
        | Fault::LinkLoss { .. }
        | Fault::LinkSharedBandwidth { .. }
        | Fault::LinkHttp { .. } => {
            return PreImage::take(world, fault)
                .map_or_else(|why| seen(Presence::Unknown, why), |pre| pre.inspect(world, id));
        }
        Fault::ProcessStop { service } => {
            instance(world, service).map(|(_, process)| process.life == Life::Stopped)
        }
        Fault::ProcessKill { service } => {
            instance(world, service).map(|(_, process)| process.life == Life::Down)
        }
        Fault::FileEdit { file, key, value } => in_use(world, file)
            .map(|(_, _, settings)| settings.get(key) == Some(&plain(value)))
            .ok_or_else(|| format!("there is no file `{file}` here")),
        Fault::VolumeFill { volume, .. } | Fault::VolumeRest { volume, .. } => world
            .volumes
            .get(volume)
            .map(|volume| volume.ballast.contains_key(id))
            .ok_or_else(|| format!("there is no volume `{volume}` here")),
        Fault::ReleaseRollOut { service, release, .. } => {
            let component = world.services.get(service).map_or(service, |process| &process.component);
            in_use(world, component.as_str())
                .map(|(_, current, _)| current == *release)
                .ok_or_else(|| format!("there are no releases of `{service}` here"))
        }
        _ => {
            return PreImage::take(world, fault)
                .map_or_else(|why| seen(Presence::Unknown, why), |pre| pre.inspect(world, id));
        }
    };
    match looked {
        Ok(true) => seen(Presence::Present, format!("the {} is there", fault.kind())),
        Ok(false) => seen(Presence::Clean, format!("there is no {}", fault.kind())),
        Err(why) => seen(Presence::Unknown, why),
    }
}
