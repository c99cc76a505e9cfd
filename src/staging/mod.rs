//! Lays a described target out: a staging system of somebody's own, from its blueprint.
//!
//! ```text
//! Blueprint -> free loopback addresses -> folder: files, folders, tool -> prepare -> layout.json for the agent
//! ```
//!
//! Open first: [`lay_out`]. [`addresses`] chooses where everything answers; `containers` asks the Docker Engine; [`operate`] is the operations tool that
//! responders use; [`programs`] finds programs; [`draft`] writes the first `target.yaml`.

pub mod addresses;
mod containers;
pub mod draft;
mod error;
pub mod operate;
pub mod programs;

pub use error::StagingError;

use crate::{
    agent::{DENY, STAGING, attest, user},
    base::{Span, supervise::SOCKET},
    fault::protocol::Attestation,
    scenario::{
        blueprint::{Blueprint, Filling, Preparation, ServicePlan},
        pack::{
            Care, CustomFault, FileLayout, Health, Keeping, Layout, OperationLayout, PostgresLayout,
            ProcessLayout, ToolLayout, VolumeLayout,
        },
    },
};
use std::{
    fs,
    io::{self, Read as _},
    os::unix::{fs::PermissionsExt as _, net::UnixStream},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

/// The layout's file.
const LAYOUT: &str = "layout.json";
/// For how long a target that was laid out may be broken.
const ATTESTED: Span = Span::from_mins(24 * 60);
/// Most of what a failed preparation has said that is shown.
const SAID_CHARS_MAX: usize = 600;

/// A target that is to be laid out.
#[derive(Debug, Clone)]
pub struct Ground<'a> {
    /// Its name.
    pub name: &'a str,
    /// How it is to be.
    pub blueprint: &'a Blueprint,
    /// Its folder.
    pub root: &'a Path,
    /// The number of its loopback addresses; see [`addresses::free_number`].
    pub number: u8,
    /// This program, for the operations tool.
    pub program: &'a Path,
    /// What `DOCKER_HOST` says: which engine runs the containers, where the target file does not say it.
    pub docker_host: Option<&'a str>,
}

/// Lays a target out afresh: what an earlier one has left in the folder is removed. Fails, touching nothing, when the
/// folder holds something else or a target that is running.
pub async fn lay_out(ground: Ground<'_>) -> Result<Layout, StagingError> {
    let Ground { name, blueprint, root, number, program, docker_host } = ground;
    make_folder(root)?;
    let root = root.canonicalize().map_err(StagingError::file("find", root))?;
    claim(&root)?;
    for folder in ["bin", "logs", "run"] {
        make_folder(&root.join(folder))?;
    }
    let mut filling = addresses::filling(blueprint, &root, number);
    for (path, text) in &blueprint.lay_out {
        let path = root.join(path);
        if let Some(folder) = path.parent() {
            make_folder(folder)?;
        }
        write(&path, &filling.fill(text))?;
    }
    for (path, owner) in &blueprint.folders {
        let path = root.join(path);
        make_folder(&path)?;
        give(&path, owner.as_deref())?;
    }
    let socket = containers::socket(blueprint, docker_host)?;
    let mut laid_out = layout(name, blueprint, &root, &filling)?;
    write_tool(&root, &blueprint.tool, program)?;
    for step in &blueprint.prepare {
        prepare(&root, step, blueprint, &filling, socket.as_deref()).await?;
    }
    if let Some(socket) = socket {
        let docker = containers::find(name, blueprint, socket, &mut filling).await?;
        laid_out = Layout { docker: Some(docker), ..layout(name, blueprint, &root, &filling)? };
    }
    let layout = laid_out;
    let text = serde_json::to_string_pretty(&layout).expect("a layout has text keys only");
    write(&root.join(LAYOUT), &text)?;
    Ok(layout)
}

/// What an engine on another host knows of a target: where its services answer, and no more.
pub fn seen_from_afar(blueprint: &Blueprint, about: &Attestation) -> Layout {
    let filling = addresses::filling(blueprint, &about.root, 0);
    Layout {
        apart: blueprint
            .services
            .iter()
            .map(|service| (service.name.clone(), filling.of(service.name.as_str())))
            .collect(),
        links: blueprint.links_at(&filling),
        toxiproxies: blueprint.toxiproxies_at(&filling),
        front_door: filling.of(blueprint.front_door.as_str()),
        tool: Some(ToolLayout { name: blueprint.tool.clone(), operations: Vec::new() }),
        target: about.target.clone(),
        root: about.root.clone(),
        addresses: blueprint.ranges.clone(),
        processes: Vec::new(),
        volumes: Vec::new(),
        files: Vec::new(),
        releases: Vec::new(),
        databases: Vec::new(),
        postgres: Vec::new(),
        certificates: Vec::new(),
        registries: Vec::new(),
        queues: Vec::new(),
        machine_files: Vec::new(),
        custom: Vec::new(),
        docker: None,
    }
}

/// Removes a target's folder, if it is one.
pub fn remove(root: &Path) -> Result<(), StagingError> {
    if root.join(STAGING).is_file() {
        fs::remove_dir_all(root).map_err(StagingError::file("remove", root))?;
    }
    Ok(())
}

/// Makes sure that the folder is empty or a target's, and empties it.
fn claim(root: &Path) -> Result<(), StagingError> {
    let entries = || fs::read_dir(root).map_err(StagingError::file("read", root));
    let marker = root.join(STAGING);
    if !marker.is_file() {
        if entries()?.next().is_some() {
            return Err(StagingError::Foreign { root: root.to_owned() });
        }
        return say_staging(root);
    }
    if UnixStream::connect(root.join(SOCKET)).is_ok() {
        return Err(StagingError::Running { root: root.to_owned() });
    }
    for entry in entries()? {
        let path = entry.map_err(StagingError::file("read", root))?.path();
        if path == marker || path == root.join(DENY) {
            continue;
        }
        let removed = match fs::symlink_metadata(&path) {
            Ok(there) if there.is_dir() => fs::remove_dir_all(&path),
            _ => fs::remove_file(&path),
        };
        removed.map_err(StagingError::file("remove", &path))?;
    }
    say_staging(root)
}

/// Gameday made the folder to be broken, and says so anew each time.
fn say_staging(root: &Path) -> Result<(), StagingError> {
    attest(root, "gameday", ATTESTED).map_err(StagingError::file("attest", root))
}

fn make_folder(path: &Path) -> Result<(), StagingError> {
    fs::create_dir_all(path).map_err(StagingError::file("make", path))
}

fn write(path: &Path, text: &str) -> Result<(), StagingError> {
    fs::write(path, text).map_err(StagingError::file("write", path))
}

/// Gives a folder to its owner, where this process is root.
fn give(path: &Path, owner: Option<&str>) -> Result<(), StagingError> {
    let Some(owner) = owner.filter(|_| nix::unistd::Uid::effective().is_root()) else {
        return Ok(());
    };
    let owner = user::find(owner).map_err(StagingError::file("give away", path))?;
    std::os::unix::fs::chown(path, Some(owner.uid.as_raw()), Some(owner.gid.as_raw()))
        .map_err(StagingError::file("give away", path))
}

/// The tool is this program, told where the target is.
fn write_tool(root: &Path, name: &str, program: &Path) -> Result<(), StagingError> {
    let path = root.join("bin").join(name);
    let quoted = |path: &Path| format!("'{}'", path.display().to_string().replace('\'', r"'\''"));
    let (program, here) = (quoted(program), quoted(root));
    write(&path, &format!("#!/bin/sh\nexec {program} target operate --root {here} -- \"$@\"\n"))?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755))
        .map_err(StagingError::file("open to others", &path))
}

/// Runs one step; what it says is kept in `logs/prepare.log`.
async fn prepare(
    root: &Path,
    step: &Preparation,
    blueprint: &Blueprint,
    filling: &Filling,
    socket: Option<&Path>,
) -> Result<(), StagingError> {
    let argv = runnable(&step.argv, blueprint, filling)?;
    let line = argv.join(" ");
    let log = root.join("logs/prepare.log");
    let open = || fs::OpenOptions::new().create(true).append(true).read(true).open(&log);
    let out = open().map_err(StagingError::file("write", &log))?;
    let before = out.metadata().map_or(0, |about| about.len());
    let failed = |why: String| {
        let said = tail(&log, before);
        StagingError::Prepare { line: line.clone(), why, said }
    };
    let mut command = Command::new(&argv[0]);
    user::run_as(&mut command, step.user.as_deref()).map_err(|err| failed(err.to_string()))?;
    let err = out.try_clone().map_err(StagingError::file("write", &log))?;
    command.args(&argv[1..]).current_dir(root).stdin(Stdio::null()).stdout(out).stderr(err);
    command.envs(socket.map(containers::environment));
    let mut child = tokio::process::Command::from(command)
        .kill_on_drop(true)
        .spawn()
        .map_err(|err| failed(err.to_string()))?;
    match tokio::time::timeout(Duration::from_millis(step.within_ms), child.wait()).await {
        Ok(Ok(status)) if status.success() => Ok(()),
        Ok(Ok(status)) => Err(failed(status.to_string())),
        Ok(Err(err)) => Err(failed(err.to_string())),
        Err(_) => Err(failed(format!("it took longer than {} s", step.within_ms / 1000))),
    }
}

/// The end of what was said since the file was so long.
fn tail(log: &Path, from: u64) -> String {
    let mut text = Vec::new();
    let read = || -> io::Result<Vec<u8>> {
        let mut file = fs::File::open(log)?;
        io::Seek::seek(&mut file, io::SeekFrom::Start(from))?;
        file.read_to_end(&mut text)?;
        Ok(text)
    };
    let text = read().unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let chars: Vec<char> = text.trim().chars().collect();
    chars[chars.len().saturating_sub(SAID_CHARS_MAX)..].iter().collect()
}

/// A command with placeholders filled and its program found.
fn runnable(argv: &[String], blueprint: &Blueprint, filling: &Filling) -> Result<Vec<String>, StagingError> {
    let mut argv = filling.fill_all(argv);
    if let Some(program) = argv.first_mut() {
        *program = programs::find(program, &blueprint.programs)?.display().to_string();
    }
    Ok(argv)
}

fn layout(name: &str, blueprint: &Blueprint, root: &Path, filling: &Filling) -> Result<Layout, StagingError> {
    let mut processes = Vec::new();
    for service in &blueprint.services {
        if service.keeping.is_some() {
            processes.push(process(service, blueprint, root, filling)?);
        }
    }
    let apart = blueprint
        .services
        .iter()
        .filter(|service| service.keeping.is_none())
        .map(|service| (service.name.clone(), filling.of(service.name.as_str())));
    let operations = blueprint.operations.iter().map(|operation| {
        Ok(OperationLayout { argv: runnable(&operation.argv, blueprint, filling)?, ..operation.clone() })
    });
    let custom = blueprint.custom.iter().map(|custom| {
        let all = |argv: &[String]| runnable(argv, blueprint, filling);
        Ok(CustomFault {
            apply: all(&custom.apply)?,
            revert: all(&custom.revert)?,
            inspect: all(&custom.inspect)?,
            ..custom.clone()
        })
    });
    Ok(Layout {
        target: name.to_owned(),
        root: root.to_owned(),
        addresses: blueprint.ranges.clone(),
        processes,
        links: blueprint.links_at(filling),
        toxiproxies: blueprint.toxiproxies_at(filling),
        volumes: blueprint
            .volumes
            .iter()
            .map(|(volume, path, size_mib)| VolumeLayout {
                volume: volume.clone(),
                path: root.join(path),
                size_bytes: size_mib * 1024 * 1024,
            })
            .collect(),
        files: blueprint
            .files
            .iter()
            .map(|file| FileLayout {
                file: file.name.clone(),
                component: file.component.clone(),
                path: root.join(&file.path),
                format: file.format,
            })
            .collect(),
        releases: Vec::new(),
        databases: Vec::new(),
        postgres: blueprint
            .databases
            .iter()
            .map(|database| PostgresLayout {
                address: filling.of(database.service.as_str()),
                password_file: database.password_file.as_ref().map(|path| root.join(path)),
                ..database.clone()
            })
            .collect(),
        certificates: Vec::new(),
        registries: Vec::new(),
        queues: Vec::new(),
        machine_files: Vec::new(),
        custom: custom.collect::<Result<_, StagingError>>()?,
        docker: None,
        front_door: filling.of(blueprint.front_door.as_str()),
        apart: apart.collect(),
        tool: Some(ToolLayout {
            name: blueprint.tool.clone(),
            operations: operations.collect::<Result<_, StagingError>>()?,
        }),
    })
}

fn process(
    service: &ServicePlan,
    blueprint: &Blueprint,
    root: &Path,
    filling: &Filling,
) -> Result<ProcessLayout, StagingError> {
    let argv0 = service.start.first().cloned().unwrap_or_default();
    let argv =
        if service.start.is_empty() { Vec::new() } else { runnable(&service.start, blueprint, filling)? };
    let keeping = match service.keeping.clone().unwrap_or_default() {
        Keeping::Found { pid_file, start } if !start.is_empty() => {
            Keeping::Found { pid_file, start: runnable(&start, blueprint, filling)? }
        }
        other => other,
    };
    let health = match &service.health {
        Health::Command(argv) => Health::Command(runnable(argv, blueprint, filling)?),
        other => other.clone(),
    };
    let environment = service.environment.iter().map(|(key, value)| (key.clone(), filling.fill(value)));
    Ok(ProcessLayout {
        service: service.name.clone(),
        component: service.component.clone(),
        program: argv.first().map(PathBuf::from).unwrap_or_default(),
        argv0,
        args: argv.into_iter().skip(1).collect(),
        log: root.join("logs").join(format!("{}.log", service.name)),
        address: filling.of(service.name.as_str()),
        care: Care {
            user: service.user.clone(),
            folder: Some(root.join(&service.folder)),
            environment: environment.collect(),
            health,
            stop: service.stop,
            reload: service.reload,
            keeping,
        },
    })
}
