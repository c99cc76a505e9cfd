//! What must hold before anything here may be broken.

use super::attestation;
use crate::{
    base::{At, Cidr},
    drill::preflight::code,
    fault::protocol::Complaint,
    scenario::pack::Layout,
};
use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

/// A file of this name in a target's folder or the one above forbids every drill. It always wins.
pub const DENY: &str = "DENY-GAMEDAY";

/// Why nothing may be broken here.
#[derive(Debug, thiserror::Error)]
pub enum Denied {
    /// Somebody has forbidden it.
    #[error("{0} forbids it")]
    Forbidden(PathBuf),
    /// Nothing says that this is a staging target.
    #[error("nothing in {0} says that this is a staging target")]
    NotStaging(PathBuf),
    /// What says so cannot be read.
    #[error("{path} cannot be read as an attestation: {why}")]
    Unreadable {
        /// The attestation.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// What says so holds no longer.
    #[error("the attestation {path} by {by} ended at {until}")]
    Expired {
        /// The attestation.
        path: PathBuf,
        /// When it ended.
        until: At,
        /// Who gave it.
        by: String,
    },
    /// What says so was said of another machine.
    #[error("the attestation {path} by {by} is for another machine")]
    OtherMachine {
        /// The attestation.
        path: PathBuf,
        /// Who gave it.
        by: String,
    },
    /// A part of the layout lies outside the target.
    #[error("{0} lies outside the target's folder")]
    Outside(PathBuf),
    /// The folder is not as the layout says.
    #[error("could not use {0}: it is not the real path of a folder")]
    Root(PathBuf),
    /// Something is reached by a name: what it leads to may change at any moment.
    #[error("the address of {what}, `{address}`, is not an IP address with a port")]
    NotPinned {
        /// The process, link, part or door.
        what: String,
        /// What the layout says.
        address: String,
    },
    /// Something is reached outside of the ranges that the layout declares.
    #[error("the address of {what}, {address}, lies outside of the declared ranges: {ranges}")]
    OutOfRange {
        /// The process, link, part or door.
        what: String,
        /// Its address.
        address: SocketAddr,
        /// What is declared.
        ranges: String,
    },
}

impl Denied {
    /// The same word as everywhere: see [`code`].
    pub fn code(&self) -> &'static str {
        match self {
            Self::Forbidden(_) => code::DENIED,
            Self::NotStaging(_) => code::NOT_ATTESTED,
            Self::Unreadable { .. } => code::ATTESTATION_UNREADABLE,
            Self::Expired { .. } => code::ATTESTATION_EXPIRED,
            Self::OtherMachine { .. } => code::OTHER_MACHINE,
            Self::Outside(_) | Self::Root(_) => code::OUTSIDE_TARGET,
            Self::NotPinned { .. } => code::ADDRESS_NOT_PINNED,
            Self::OutOfRange { .. } => code::ADDRESS_OUT_OF_RANGE,
        }
    }

    /// What is said of it to programs and people.
    pub fn complaint(&self) -> Complaint {
        Complaint { error: self.to_string(), code: self.code().to_owned() }
    }
}

/// Why nothing on the target that is laid out so may be broken; nothing when all is in order.
pub fn refuses(layout: &Layout) -> Option<Denied> {
    let all = check_paths(layout).and_then(|()| check_addresses(layout)).and_then(|()| check(&layout.root));
    all.err()
}

/// Whether the target under `root` may be broken. A marker that cannot be looked at counts as forbidding.
pub(super) fn check(root: &Path) -> Result<(), Denied> {
    for folder in [Some(root), root.parent()].into_iter().flatten() {
        let deny = folder.join(DENY);
        match std::fs::symlink_metadata(&deny) {
            Err(err) if err.kind() == std::io::ErrorKind::NotFound => {}
            _ => return Err(Denied::Forbidden(deny)),
        }
    }
    attestation::check(root)
}

/// Whether everything is reached at an address, and each lies in a range that the layout declares.
pub(super) fn check_addresses(layout: &Layout) -> Result<(), Denied> {
    for (what, address) in instances(layout).filter(|(_, address)| !address.is_empty()).chain(places(layout))
    {
        let Ok(pinned) = address.parse::<SocketAddr>() else {
            return Err(Denied::NotPinned { what, address: address.to_owned() });
        };
        if !layout.addresses.iter().any(|range| range.contains(pinned.ip())) {
            let ranges: Vec<_> = layout.addresses.iter().map(Cidr::to_string).collect();
            let ranges = if ranges.is_empty() { "there are none".to_owned() } else { ranges.join(", ") };
            return Err(Denied::OutOfRange { what, address: pinned, ranges });
        }
    }
    Ok(())
}

/// Instances, and where they answer: probes ask there. One that listens nowhere has an empty address.
fn instances(layout: &Layout) -> impl Iterator<Item = (String, &str)> {
    let processes = layout.processes.iter().map(|process| (&process.service, &process.address));
    processes.chain(&layout.apart).map(|(service, address)| (format!("process {service}"), address.as_str()))
}

/// Everything else that is reached. Each of these has an address, or it cannot do what it is there for.
fn places(layout: &Layout) -> impl Iterator<Item = (String, &str)> {
    let links = layout.links.iter().flat_map(|link| {
        [
            (format!("link {}", link.link), &link.listen),
            (format!("the far end of {}", link.link), &link.upstream),
        ]
    });
    let toxiproxies = layout.toxiproxies.iter().flat_map(|one| {
        [(format!("link {}", one.link), &one.listen), (format!("the toxiproxy of {}", one.link), &one.api)]
    });
    let shown =
        layout.certificates.iter().map(|one| (format!("certificate {}", one.certificate), &one.address));
    let registries = layout.registries.iter().map(|one| (format!("registry {}", one.service), &one.address));
    let queues = layout.queues.iter().map(|one| (format!("queue {}", one.service), &one.address));
    let door = [("the front door".to_owned(), &layout.front_door)];
    let postgres = layout.postgres.iter().map(|one| (format!("database {}", one.database), &one.address));
    let all =
        links.chain(toxiproxies).chain(shown).chain(registries).chain(queues).chain(postgres).chain(door);
    all.map(|(what, address)| (what, address.as_str()))
}

/// Whether everything which may be changed lies beneath the root. Nothing is ever touched elsewhere, not even to undo.
pub(super) fn check_paths(layout: &Layout) -> Result<(), Denied> {
    let root = &layout.root;
    if root.canonicalize().ok().as_ref() != Some(root) {
        return Err(Denied::Root(root.clone()));
    }
    let paths = layout
        .volumes
        .iter()
        .map(|volume| &volume.path)
        .chain(layout.files.iter().map(|file| &file.path))
        .chain(layout.processes.iter().map(|process| &process.log))
        .chain(layout.releases.iter().flat_map(|release| [&release.folder, &release.current]))
        .chain(layout.databases.iter().map(|database| &database.path))
        .chain(
            layout
                .certificates
                .iter()
                .flat_map(|one| [&one.path, &one.key, &one.authority, &one.authority_key]),
        )
        .chain(layout.registries.iter().map(|registry| &registry.path))
        .chain(layout.queues.iter().map(|queue| &queue.path))
        .chain(layout.postgres.iter().filter_map(|one| one.password_file.as_ref()))
        .chain(layout.machine_files.iter().map(|file| &file.path));
    for path in paths {
        let up = path.components().any(|part| part == std::path::Component::ParentDir);
        // What is there must lie beneath the root with every link followed; `current` is a link by nature.
        let real = path.canonicalize().unwrap_or_else(|_| path.clone());
        if up || !path.starts_with(root) || !real.starts_with(root) {
            return Err(Denied::Outside(path.clone()));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{super::lever::tests::layout, *};

    #[test]
    fn a_marker_is_needed_and_the_deny_marker_always_wins() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("depot");
        std::fs::create_dir(&root).unwrap();
        let layout = layout(&root);
        check(&layout.root).unwrap();
        for place in [layout.root.clone(), layout.root.parent().unwrap().to_owned()] {
            let deny = place.join(DENY);
            std::fs::write(&deny, "").unwrap();
            assert!(matches!(check(&layout.root), Err(Denied::Forbidden(_))));
            std::fs::remove_file(deny).unwrap();
        }
        std::fs::remove_file(layout.root.join(attestation::STAGING)).unwrap();
        assert!(matches!(check(&layout.root), Err(Denied::NotStaging(_))));
        std::fs::write(layout.root.join(DENY), "").unwrap();
        assert!(matches!(check(&layout.root), Err(Denied::Forbidden(_))));
    }

    /// With one of each part that has an address or a file of its own.
    fn with_parts(layout: Layout) -> Layout {
        let path = layout.root.join("x");
        let part = serde_json::json!({"service": "web-east", "address": "127.0.0.1:1", "path": path});
        let database = serde_json::json!({"database": "catalogue", "service": "web-east", "path": path});
        let postgres = serde_json::json!({"database": "shop", "service": "web-east", "address": "127.0.0.1:1",
            "user": "shop", "name": "shop", "password_file": path});
        let flags =
            serde_json::json!({"kind": "flags", "name": "flags", "service": "web-east", "path": path});
        let certificate = serde_json::json!({
            "certificate": "front", "service": "web-east", "address": "127.0.0.1:1", "path": path, "key": path,
            "authority": path, "authority_key": path, "subject": "web",
        });
        let toxiproxy = serde_json::json!({
            "link": "t", "listen": "127.0.0.1:1", "api": "127.0.0.1:1", "proxy": "t",
        });
        Layout {
            toxiproxies: vec![serde_json::from_value(toxiproxy).unwrap()],
            certificates: vec![serde_json::from_value(certificate).unwrap()],
            registries: vec![serde_json::from_value(part.clone()).unwrap()],
            queues: vec![serde_json::from_value(part).unwrap()],
            databases: vec![serde_json::from_value(database).unwrap()],
            postgres: vec![serde_json::from_value(postgres).unwrap()],
            machine_files: vec![serde_json::from_value(flags).unwrap()],
            ..layout
        }
    }

    /// Whether an address may be empty, and where it stands.
    type Way = (bool, fn(&mut Layout) -> &mut String);

    #[test]
    fn every_address_is_pinned_and_lies_in_a_declared_range() {
        let folder = tempfile::tempdir().unwrap();
        let good = with_parts(layout(folder.path()));
        assert!(refuses(&good).is_none());
        let ways: [Way; 11] = [
            (true, |layout| &mut layout.processes[1].address),
            (true, |layout| layout.apart.entry("elsewhere".parse().unwrap()).or_default()),
            (false, |layout| &mut layout.links[0].listen),
            (false, |layout| &mut layout.links[0].upstream),
            (false, |layout| &mut layout.toxiproxies[0].listen),
            (false, |layout| &mut layout.toxiproxies[0].api),
            (false, |layout| &mut layout.certificates[0].address),
            (false, |layout| &mut layout.registries[0].address),
            (false, |layout| &mut layout.queues[0].address),
            (false, |layout| &mut layout.postgres[0].address),
            (false, |layout| &mut layout.front_door),
        ];
        for (number, (may_be_empty, place)) in ways.into_iter().enumerate() {
            for (address, wanted) in [
                ("127.0.0.1:80", None),
                ("10.0.0.1:80", Some(code::ADDRESS_OUT_OF_RANGE)),
                ("[::1]:80", Some(code::ADDRESS_OUT_OF_RANGE)),
                ("localhost:80", Some(code::ADDRESS_NOT_PINNED)),
                ("127.0.0.1", Some(code::ADDRESS_NOT_PINNED)),
                (" ", Some(code::ADDRESS_NOT_PINNED)),
                ("", (!may_be_empty).then_some(code::ADDRESS_NOT_PINNED)),
            ] {
                let mut layout = good.clone();
                address.clone_into(place(&mut layout));
                let code = refuses(&layout).map(|denied| denied.code());
                assert_eq!(code, wanted, "way {number}, `{address}`");
            }
        }
        let mut none = good;
        none.addresses.clear();
        assert_eq!(refuses(&none).unwrap().code(), code::ADDRESS_OUT_OF_RANGE);
    }

    #[test]
    fn nothing_outside_the_target_is_ever_in_reach() {
        let folder = tempfile::tempdir().unwrap();
        let good = with_parts(layout(folder.path()));
        check_paths(&good).unwrap();
        let places: [fn(&mut Layout) -> &mut PathBuf; 14] = [
            |layout| &mut layout.volumes[0].path,
            |layout| &mut layout.files[0].path,
            |layout| &mut layout.processes[0].log,
            |layout| &mut layout.releases[0].folder,
            |layout| &mut layout.releases[0].current,
            |layout| &mut layout.databases[0].path,
            |layout| layout.postgres[0].password_file.as_mut().unwrap(),
            |layout| &mut layout.certificates[0].path,
            |layout| &mut layout.certificates[0].key,
            |layout| &mut layout.certificates[0].authority,
            |layout| &mut layout.certificates[0].authority_key,
            |layout| &mut layout.registries[0].path,
            |layout| &mut layout.queues[0].path,
            |layout| &mut layout.machine_files[0].path,
        ];
        for (number, place) in places.into_iter().enumerate() {
            let mut bad = good.clone();
            *place(&mut bad) = "/etc/passwd".into();
            assert!(matches!(check_paths(&bad), Err(Denied::Outside(_))), "place {number}");
        }
        let outside = tempfile::tempdir().unwrap();
        let mut bad = good.clone();
        bad.volumes[0].path = outside.path().to_owned();
        assert!(matches!(check_paths(&bad), Err(Denied::Outside(_))));
        let mut bad = good.clone();
        bad.volumes[0].path = good.root.join("volumes/../../x");
        assert!(matches!(check_paths(&bad), Err(Denied::Outside(_))));
        let link = good.root.join("volumes/link");
        std::os::unix::fs::symlink(outside.path(), &link).unwrap();
        let mut bad = good;
        bad.volumes[0].path = link;
        assert!(matches!(check_paths(&bad), Err(Denied::Outside(_))));
    }
}
