//! Writes the whole tree of one Depot, back to pristine.

use super::{
    aside::Flags,
    catalogue::{Entry, IMPORT},
    directory::Role,
    error::DepotError,
    gate, machine,
    metadata::ROLE,
    preview,
    registry::ENTRIES,
    releases, session, tls,
    topology::{
        CLOCKS, CREDENTIALS, DATABASES, INSTANCES, Instance, LINKS, OBJECT_BYTES, OBJECTS, RELEASES,
        VOLUME_MIB, components, distance_ms, link_address, link_name, name, tls_address,
    },
    volume::{Volume, VolumeError, WriteLimits},
};
use crate::{
    agent,
    base::{Span, supervise::SOCKET},
    clock::{Clock, SystemClock},
    scenario::pack::{
        Care, CertificateLayout, DatabaseLayout, FileFormat, FileLayout, Layout, LinkLayout,
        MachineFileLayout, PartKind, ProcessLayout, QueueLayout, RegistryLayout, ReleaseLayout, VolumeLayout,
    },
};
use std::{
    collections::BTreeMap,
    fs,
    io::ErrorKind,
    os::unix::{fs::symlink, net::UnixStream},
    path::Path,
    time::Duration,
};

/// Says that a folder is a Depot's.
const MARKER: &str = ".depot";
/// Where every address of a Depot lies.
const ADDRESSES: &str = "127.0.0.0/8";
/// How long a Depot says of itself that it may be broken: the longest drill, and an hour around it.
const ATTESTED: Span = Span::from_mins(13 * 60);
/// The layout's file.
const LAYOUT: &str = "layout.json";
/// What a Depot owns under its root; nothing else is ever removed.
const OWNED: [&str; 11] =
    ["bin", "services", "instances", "data", "volumes", "logs", "run", "machine", "flags", "tls", LAYOUT];
/// What of it is made anew when a Depot is reset while it runs.
const RESET: [&str; 6] = ["services", "data", "volumes", "machine", "flags", "tls"];
/// The edge's certificate and key, the authority's, all under the root.
pub(super) const CERTIFICATE: [&str; 4] =
    ["tls/edge.crt", "tls/edge.key", "tls/authority.crt", "tls/authority.key"];
/// The file of web's feature flags.
pub(super) const FLAGS: &str = "flags/web.toml";

/// Writes the tree of a Depot with the addresses of `instance` under `root`, afresh: what an earlier Depot left there is
/// removed. Its processes will run `program`. Fails, touching nothing, when `root` holds something else or a Depot
/// that is running.
pub fn lay_out(root: &Path, instance: u8, program: &Path) -> Result<Layout, DepotError> {
    make_folder(root)?;
    let root = &root.canonicalize().map_err(DepotError::file("find", root))?;
    claim(root)?;
    for folder in ["bin", "instances", "logs", "run"] {
        make_folder(&root.join(folder))?;
    }
    let program = program.canonicalize().map_err(DepotError::file("find", program))?;
    let tool = root.join("bin/depotctl");
    symlink(&program, &tool).map_err(DepotError::file("make", &tool))?;
    for row in &INSTANCES {
        let path = root.join(format!("instances/{}.toml", row.name));
        write(&path, &facts(root, instance, row))?;
    }
    write_state(root)?;
    let layout = layout(root, instance, &program);
    let text = serde_json::to_string_pretty(&layout).expect("a layout has text keys only");
    write(&root.join(LAYOUT), &text)?;
    let attested = agent::attest(root, "gameday", ATTESTED);
    attested.map_err(DepotError::file("attest", root))?;
    Ok(layout)
}

/// Puts everything that changes while a Depot is used back to what a fresh one begins with. Its instances must be
/// started again afterwards: until then they have the old files open.
pub(super) fn reset(root: &Path) -> Result<(), DepotError> {
    for folder in RESET {
        remove(&root.join(folder))?;
    }
    write_state(root)
}

/// Releases, data, volumes, and the small files of the machines.
fn write_state(root: &Path) -> Result<(), DepotError> {
    for component in components() {
        write_releases(root, component)?;
    }
    write_machines(root)?;
    write_certificate(root)?;
    write_objects(root)
}

fn write_machines(root: &Path) -> Result<(), DepotError> {
    let credential = crate::seed::token() + "\n";
    for row in &INSTANCES {
        let folder = machine::folder(root, row.name);
        make_folder(&folder)?;
        write(&folder.join(machine::CLOCK), "0\n")?;
        write(&folder.join(machine::CREDENTIAL), &credential)?;
    }
    let rules = serde_json::to_string_pretty(&gate::Rules::default()).expect("rules have text keys only");
    write(&gate::file(root, "edge"), &(rules + "\n"))?;
    make_folder(&root.join("flags"))?;
    write(&root.join(FLAGS), &flags_text(Flags::default()))
}

/// The file of web's feature flags.
pub(super) fn flags_text(flags: Flags) -> String {
    format!(
        "# Feature flags of web. See depot-web(8).\nread_only = {}\nverify_downloads = {}\n",
        flags.read_only, flags.verify_downloads
    )
}

fn write_certificate(root: &Path) -> Result<(), DepotError> {
    make_folder(&root.join("tls"))?;
    let authority = tls::authority()?;
    let now = SystemClock.now();
    let edge = tls::issue(&authority.key, now + tls::LEFT - tls::LIFE, now + tls::LEFT)?;
    let texts = [edge.certificate, edge.key, authority.certificate, authority.key];
    CERTIFICATE.iter().zip(texts).try_for_each(|(path, text)| write(&root.join(path), &text))
}

/// The layout that [`lay_out`] has saved under `root`.
pub(super) fn saved(root: &Path) -> Result<Layout, DepotError> {
    let path = root.join(LAYOUT);
    let text = fs::read_to_string(&path).map_err(DepotError::file("read", &path))?;
    serde_json::from_str(&text).map_err(|err| DepotError::Config { path, problem: err.to_string() })
}

/// Makes sure that `root` is empty or a Depot's, and empties it of what a Depot owns.
fn claim(root: &Path) -> Result<(), DepotError> {
    let marker = root.join(MARKER);
    if !marker.exists() {
        let mut entries = fs::read_dir(root).map_err(DepotError::file("read", root))?;
        if entries.next().is_some() {
            return Err(DepotError::Foreign { root: root.to_owned() });
        }
        return write(&marker, "This folder belongs to a depot; laying it out again removes what it owns.\n");
    }
    if UnixStream::connect(root.join(SOCKET)).is_ok() {
        return Err(DepotError::Running { root: root.to_owned() });
    }
    for owned in OWNED {
        remove(&root.join(owned))?;
    }
    Ok(())
}

fn remove(path: &Path) -> Result<(), DepotError> {
    let removed = match fs::symlink_metadata(path) {
        Ok(there) if there.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(err) if err.kind() == ErrorKind::NotFound => return Ok(()),
        Err(err) => Err(err),
    };
    removed.map_err(DepotError::file("remove", path))
}

fn make_folder(path: &Path) -> Result<(), DepotError> {
    fs::create_dir_all(path).map_err(DepotError::file("make", path))
}

fn write(path: &Path, text: &str) -> Result<(), DepotError> {
    fs::write(path, text).map_err(DepotError::file("write", path))
}

fn write_releases(root: &Path, component: &str) -> Result<(), DepotError> {
    let folder = root.join("services").join(component);
    for version in RELEASES {
        let release = folder.join("releases").join(version);
        make_folder(&release)?;
        write(&release.join(format!("{component}.toml")), &release_text(component, version))?;
        releases::switch(&folder, version)?;
        releases::record(&folder, &releases::Entry::deploy(version))?;
    }
    Ok(())
}

/// Objects that staging begins with, with their previews, on both volumes and in the catalogue's import file.
fn write_objects(root: &Path) -> Result<(), DepotError> {
    const UNLIMITED: WriteLimits = WriteLimits { use_percent: 100, count_age: Duration::MAX };
    let nodes: Vec<_> =
        INSTANCES.iter().filter(|row| row.component == "storage").map(|row| row.name).collect();
    let objects = (0..OBJECTS).map(|n| {
        let key = format!("obj-{n}");
        let content = format!("{key} as staging begins with it\n").repeat(OBJECT_BYTES / 32);
        (n + 1, key, content)
    });
    let objects: Vec<(u64, String, String)> = objects.collect();
    for node in &nodes {
        let folder = root.join("volumes").join(node);
        let refused =
            |err: VolumeError| DepotError::Config { path: folder.clone(), problem: err.to_string() };
        let volume = Volume::open(&folder, VOLUME_MIB * 1024 * 1024).map_err(refused)?;
        for (version, key, content) in &objects {
            volume.write(key, *version, content.as_bytes(), UNLIMITED).map_err(refused)?;
            let picture = preview::of(content.as_bytes());
            volume.write(&preview::file(key), *version, &picture, UNLIMITED).map_err(refused)?;
        }
    }
    let changed = SystemClock.now().to_string();
    let mut lines = String::new();
    for (version, key, content) in &objects {
        let entry = Entry {
            key: key.clone(),
            version: *version,
            size: content.len() as u64,
            digest: crate::seed::digest(content.as_bytes()),
            locations: nodes.iter().map(|&node| node.to_owned()).collect(),
            owner: session::STAGING.to_owned(),
            changed: changed.clone(),
            shared: 0,
        };
        lines += &serde_json::to_string(&entry).expect("an entry has text keys only");
        lines.push('\n');
    }
    for (instance, primary) in [("metadata", true), ("replica-west", false)] {
        let folder = root.join("data").join(instance);
        make_folder(&folder)?;
        write(&folder.join(IMPORT), &lines)?;
        let role = serde_json::to_string(&Role { primary, term: 1 }).expect("a role has text keys only");
        write(&folder.join(ROLE), &(role + "\n"))?;
    }
    Ok(())
}

/// The configuration that a release holds.
fn release_text(component: &str, version: &str) -> String {
    let newest = match component {
        "edge" => include_str!("releases/edge.toml"),
        "web" => include_str!("releases/web.toml"),
        "session" => include_str!("releases/session.toml"),
        "metadata" => include_str!("releases/metadata.toml"),
        "storage" => include_str!("releases/storage.toml"),
        "registry" => include_str!("releases/registry.toml"),
        "replica" => include_str!("releases/replica.toml"),
        "queue" => include_str!("releases/queue.toml"),
        "worker" => include_str!("releases/worker.toml"),
        other => unreachable!("there is no component {other}"),
    };
    let text = if version == RELEASES[1] {
        newest.to_owned()
    } else {
        // The older release had a somewhat smaller pool.
        newest.replace("size = 16", "size = 12")
    };
    format!("# depot-{component} {version}\n{text}")
}

fn facts(root: &Path, instance: u8, row: &Instance) -> String {
    let mut text = Vec::new();
    let mut line = |line: String| text.push(line);
    line(format!(
        "# Facts of this instance. They belong to the machine and stay as releases change.\n\
         name = \"{}\"\ncomponent = \"{}\"\ndatacenter = \"{}\"\nlisten = \"{}\"",
        row.name,
        row.component,
        row.datacenter,
        row.address(instance)
    ));
    let quoted = |path: std::path::PathBuf| toml_edit::Value::from(path.display().to_string()).to_string();
    match row.component {
        "metadata" | "replica" | "queue" | "registry" => {
            line(format!("data = {}", quoted(root.join("data").join(row.name))));
        }
        "web" => line(format!("flags = {}", quoted(root.join(FLAGS)))),
        "edge" => {
            let [certificate, key, ..] = CERTIFICATE.map(|path| quoted(root.join(path)));
            let listen = tls_address(instance);
            line(format!("\n[tls]\nlisten = \"{listen}\"\ncertificate = {certificate}\nkey = {key}"));
        }
        "storage" => {
            let path = quoted(root.join("volumes").join(row.name));
            line(format!("\n[volume]\npath = {path}\nsize_mib = {VOLUME_MIB}"));
        }
        _ => {}
    }
    let links: Vec<_> = LINKS.iter().enumerate().filter(|(_, (from, _))| *from == row.name).collect();
    if !links.is_empty() {
        line("\n# Where its neighbours are reached from here.\n[links]".to_owned());
        for (place, (_, to)) in &links {
            line(format!("{to} = \"{}\"", link_address(instance, *place)));
        }
        line(
            "\n# The same by the address that the registry has of them. Others are reached as they are."
                .to_owned(),
        );
        line("[routes]".to_owned());
        for (place, (_, to)) in links {
            let own = Instance::named(to).expect("links lead to instances").address(instance);
            line(format!("\"{own}\" = \"{}\"", link_address(instance, place)));
        }
    }
    text.join("\n") + "\n"
}

fn layout(root: &Path, instance: u8, program: &Path) -> Layout {
    let processes = INSTANCES.iter().map(|row| ProcessLayout {
        service: name(row.name),
        component: name(row.component),
        program: program.to_owned(),
        argv0: format!("depot-{}", row.component),
        args: ["depot", "serve", row.component, "--root"]
            .into_iter()
            .map(str::to_owned)
            .chain([root.display().to_string(), "--instance".to_owned(), row.name.to_owned()])
            .collect(),
        log: root.join("logs").join(format!("{}.log", row.name)),
        address: row.address(instance),
        care: Care::default(),
    });
    let links = LINKS.iter().enumerate().map(|(place, (from, to))| LinkLayout {
        link: name(&link_name(from, to)),
        listen: link_address(instance, place),
        upstream: Instance::named(to).expect("links lead to instances").address(instance),
        distance_ms: distance_ms(from, to),
        http: true,
    });
    let volumes = INSTANCES.iter().filter(|row| row.component == "storage").map(|row| VolumeLayout {
        volume: name(row.name),
        path: root.join("volumes").join(row.name),
        size_bytes: VOLUME_MIB * 1024 * 1024,
    });
    let service = |component: &str| root.join("services").join(component);
    Layout {
        target: "depot".to_owned(),
        root: root.to_owned(),
        addresses: vec![ADDRESSES.parse().expect("the loopback range is one")],
        processes: processes.collect(),
        links: links.collect(),
        toxiproxies: Vec::new(),
        volumes: volumes.collect(),
        files: components()
            .into_iter()
            .map(|component| FileLayout {
                file: component.to_owned(),
                component: name(component),
                path: service(component).join("current").join(format!("{component}.toml")),
                format: FileFormat::Toml,
            })
            .collect(),
        releases: components()
            .into_iter()
            .map(|component| ReleaseLayout {
                component: name(component),
                folder: service(component).join("releases"),
                current: service(component).join("current"),
                config: format!("{component}.toml"),
            })
            .collect(),
        databases: databases(root),
        postgres: Vec::new(),
        certificates: vec![certificate(root, instance)],
        registries: vec![RegistryLayout {
            service: name("registry"),
            address: address("registry", instance),
            path: root.join("data/registry").join(ENTRIES),
        }],
        queues: vec![QueueLayout {
            service: name("queue"),
            address: address("queue", instance),
            path: root.join("data/queue").join(super::queue::DATABASE),
        }],
        machine_files: machine_files(root),
        custom: Vec::new(),
        docker: None,
        front_door: address("edge", instance),
        apart: BTreeMap::new(),
        tool: None,
    }
}

fn address(own: &str, instance: u8) -> String {
    Instance::named(own).expect("it is in the table").address(instance)
}

fn databases(root: &Path) -> Vec<DatabaseLayout> {
    let database = |&(database, service, file): &(&str, &str, &str)| DatabaseLayout {
        database: database.to_owned(),
        service: name(service),
        path: root.join("data").join(service).join(file),
    };
    DATABASES.iter().map(database).collect()
}

fn certificate(root: &Path, instance: u8) -> CertificateLayout {
    let [path, key, authority, authority_key] = CERTIFICATE.map(|file| root.join(file));
    CertificateLayout {
        certificate: "edge".to_owned(),
        service: name("edge"),
        path,
        key,
        authority,
        authority_key,
        address: tls_address(instance),
        subject: tls::SUBJECT.to_owned(),
    }
}

fn machine_files(root: &Path) -> Vec<MachineFileLayout> {
    let of = |kind: PartKind, service: &str, path| MachineFileLayout {
        kind,
        name: service.to_owned(),
        service: name(service),
        path,
    };
    let clocks = CLOCKS
        .map(|service| of(PartKind::Clock, service, machine::folder(root, service).join(machine::CLOCK)));
    let credentials = CREDENTIALS.map(|service| {
        of(PartKind::Credential, service, machine::folder(root, service).join(machine::CREDENTIAL))
    });
    let mut files = vec![of(PartKind::Flags, "web", root.join(FLAGS))];
    files.extend(clocks.into_iter().chain(credentials));
    files
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::depot::{config, describe};

    fn program() -> std::path::PathBuf {
        std::env::current_exe().unwrap()
    }

    #[test]
    fn the_tree_fits_the_description_and_every_file_can_be_read() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("depot");
        let layout = lay_out(&root, 77, &program()).unwrap();
        let target = describe();
        let described: Vec<_> = target.services.iter().map(|service| &service.name).collect();
        assert_eq!(layout.processes.iter().map(|process| &process.service).collect::<Vec<_>>(), described);
        for (link, described) in layout.links.iter().zip(&target.links) {
            assert_eq!((&link.link, link.distance_ms), (&described.name, described.distance.millis()));
        }
        for process in &layout.processes {
            let facts = config::Facts::read(&root, process.service.as_str()).unwrap();
            assert_eq!(facts.listen, process.address);
            for address in facts.links.values() {
                assert!(layout.links.iter().any(|link| link.listen == *address), "{address}");
            }
        }
        for release in &layout.releases {
            for version in RELEASES {
                let text = fs::read_to_string(release.folder.join(version).join(&release.config)).unwrap();
                config::problem_with(release.component.as_str(), &text).unwrap();
            }
            assert_eq!(fs::read_link(&release.current).unwrap(), Path::new("releases/2026.11.2"));
        }
        assert_eq!(saved(&root).unwrap(), layout);
    }

    #[test]
    fn laying_out_again_removes_what_it_owns_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let first = lay_out(root, 77, &program()).unwrap();
        fs::write(root.join("volumes/storage-east/old"), "old").unwrap();
        fs::write(root.join("notes"), "keep").unwrap();
        fs::write(&first.files[0].path, "spoilt").unwrap();
        let again = lay_out(root, 77, &program()).unwrap();
        assert_eq!(first, again);
        assert!(!root.join("volumes/storage-east/old").exists());
        assert_eq!(fs::read_to_string(root.join("notes")).unwrap(), "keep");
        assert_ne!(fs::read_to_string(&again.files[0].path).unwrap(), "spoilt");
    }

    #[test]
    fn a_foreign_folder_and_a_running_depot_are_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let foreign = folder.path().join("home");
        fs::create_dir_all(foreign.join("services")).unwrap();
        assert!(matches!(lay_out(&foreign, 77, &program()), Err(DepotError::Foreign { .. })));
        assert!(foreign.join("services").exists());

        let root = folder.path().join("depot");
        lay_out(&root, 77, &program()).unwrap();
        let supervisor = std::os::unix::net::UnixListener::bind(root.join(SOCKET)).unwrap();
        assert!(matches!(lay_out(&root, 77, &program()), Err(DepotError::Running { .. })));
        drop(supervisor);
        lay_out(&root, 77, &program()).unwrap();
    }

    #[test]
    fn an_owned_link_is_removed_and_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let (root, other) = (folder.path().join("depot"), folder.path().join("other"));
        lay_out(&root, 77, &program()).unwrap();
        fs::create_dir(&other).unwrap();
        fs::write(other.join("precious"), "x").unwrap();
        fs::remove_dir_all(root.join("logs")).unwrap();
        symlink(&other, root.join("logs")).unwrap();
        lay_out(&root, 77, &program()).unwrap();
        assert!(other.join("precious").exists());
    }
}
