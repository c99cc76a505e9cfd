//! The operations tool of a described target: what responders repair it with.

use super::{LAYOUT, containers};
use crate::{
    agent,
    base::{
        ServiceName,
        supervise::{Answer, LINE_BYTES_MAX, Process, Request, SOCKET, Signal},
    },
    scenario::{
        blueprint::{Slot, slots},
        pack::{
            ContainerLayout, DockerLayout, FileLayout, Layout, OperationLayout, ProcessLayout, Reload,
            ToolLayout,
        },
    },
};
use std::{
    fmt::Write as _,
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

/// How long the supervisor may take: a restart waits for a process to end.
const PATIENCE: Duration = Duration::from_secs(30);
/// Lines of a log that are shown when nobody says how many.
const LINES: usize = 20;

/// Why an operation was not done.
#[derive(Debug, thiserror::Error)]
pub enum OperateError {
    /// It is not one, or not in this form.
    #[error("{0}")]
    Usage(String),
    /// It cannot be done like this.
    #[error("{0}")]
    Refused(String),
    /// The target, or this machine, did not do its part.
    #[error("{0}")]
    World(String),
}

/// Carries one operation out on the target in this folder; prints with `out`. Answers the exit code.
pub fn operate(root: &Path, args: &[String], out: &mut impl FnMut(&str)) -> Result<u8, OperateError> {
    let path = root.join(LAYOUT);
    let world = |what: &str, err: &dyn std::fmt::Display| {
        OperateError::World(format!("could not {what} {}: {err}", path.display()))
    };
    let text = fs::read(&path).map_err(|err| world("read", &err))?;
    let layout: Layout = serde_json::from_slice(&text).map_err(|err| world("understand", &err))?;
    let tool = layout.tool.clone().ok_or_else(|| world("use", &"it has no operations tool"))?;
    let desk = Desk { root: root.to_owned(), layout };
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args.as_slice() {
        [] | ["help" | "--help" | "-h", ..] => out(&help(&tool)),
        ["list"] => out(&desk.list()?),
        ["restart", name] => desk.restart(name, out)?,
        ["reload", component] => desk.reload(component, out)?,
        ["logs", instance] => out(&desk.logs(instance, LINES)?),
        ["logs", instance, "-n", lines] => {
            let lines =
                lines.parse().map_err(|_| OperateError::Usage(format!("`{lines}` is not a number")))?;
            out(&desk.logs(instance, lines)?);
        }
        ["config", file] => out(&desk.config(file)?),
        ["set", file, key, value] => desk.set(file, key, value, out)?,
        [name, rest @ ..] => {
            if let Some(operation) = tool.operations.iter().find(|operation| operation.name == *name) {
                return desk.run(operation, rest);
            }
            let message = format!("there is no operation `{}`\n\n{}", args.join(" "), help(&tool));
            return Err(OperateError::Usage(message));
        }
    }
    Ok(0)
}

fn help(tool: &ToolLayout) -> String {
    let mut rows = vec![
        ("list".to_owned(), "instances: state, process, address"),
        ("restart INSTANCE|COMPONENT".to_owned(), "end it and start it again"),
        ("reload COMPONENT".to_owned(), "have it read its configuration again"),
        ("logs INSTANCE [-n LINES]".to_owned(), "the end of its log"),
        ("config FILE".to_owned(), "show a configuration file"),
        ("set FILE KEY VALUE".to_owned(), "change a setting and have it read"),
    ];
    for operation in &tool.operations {
        let takes = operation.takes.join(" ").to_uppercase();
        rows.push((format!("{} {takes}", operation.name).trim_end().to_owned(), operation.about.as_str()));
    }
    let width = rows.iter().map(|(line, _)| line.chars().count()).max().unwrap_or(0);
    let mut text = format!("Operations of {}:\n", tool.name);
    for (line, about) in rows {
        let _ = writeln!(text, "  {} {line:<width$}  {about}", tool.name);
    }
    text
}

struct Desk {
    root: PathBuf,
    layout: Layout,
}

impl Desk {
    fn ask(&self, request: &Request) -> Result<Answer, OperateError> {
        let lost = |err: std::io::Error| {
            OperateError::World(format!("could not reach the supervisor of {}: {err}", self.root.display()))
        };
        let mut stream = UnixStream::connect(self.root.join(SOCKET)).map_err(lost)?;
        stream.set_read_timeout(Some(PATIENCE)).map_err(lost)?;
        let mut line = serde_json::to_string(request).expect("a request is plain data");
        line.push('\n');
        stream.write_all(line.as_bytes()).map_err(lost)?;
        let mut text = String::new();
        BufReader::new(stream.take(LINE_BYTES_MAX as u64)).read_line(&mut text).map_err(lost)?;
        let answer: Answer = serde_json::from_str(&text)
            .map_err(|err| OperateError::World(format!("could not understand the supervisor: {err}")))?;
        if answer.ok {
            return Ok(answer);
        }
        Err(OperateError::Refused(answer.error.unwrap_or_else(|| "it was refused".to_owned())))
    }

    fn processes(&self) -> Result<Vec<Process>, OperateError> {
        Ok(self.ask(&Request::List)?.processes.unwrap_or_default())
    }

    fn list(&self) -> Result<String, OperateError> {
        let mut text = String::new();
        for process in self.processes()? {
            let layout = self.layout.processes.iter().find(|one| one.service == process.service);
            let pid = process.pid.map_or_else(|| "-".to_owned(), |pid| pid.to_string());
            let address = layout.map_or("", |one| one.address.as_str());
            let (service, state) = (process.service.to_string(), process.state);
            let restarts = process.restarts;
            let _ = writeln!(text, "{service:<16} {state:<8} {pid:>7} {restarts:>3} restarts  {address}");
        }
        if let Some(docker) = &self.layout.docker {
            text.push_str(&containers::list(docker).map_err(|err| OperateError::World(err.to_string()))?);
        }
        let container = |service: &ServiceName| self.containers().any(|one| one.service == *service);
        for (service, address) in self.layout.apart.iter().filter(|(service, _)| !container(service)) {
            let service = service.to_string();
            let _ = writeln!(text, "{service:<16} {:<8} {:>7} {:>3}           {address}", "apart", "-", "");
        }
        Ok(text)
    }

    fn containers(&self) -> impl Iterator<Item = &ContainerLayout> {
        self.layout.docker.iter().flat_map(|docker| &docker.containers)
    }

    /// The containers that a name stands for, each with its engine.
    fn containers_of(&self, name: &str) -> Vec<(&DockerLayout, &ContainerLayout)> {
        let named = |one: &&ContainerLayout| one.service.as_str() == name || one.component.as_str() == name;
        let docker = self.layout.docker.iter();
        docker
            .flat_map(|docker| docker.containers.iter().filter(named).map(move |one| (docker, one)))
            .collect()
    }

    /// The instances that a name stands for.
    fn instances(&self, name: &str) -> Result<Vec<&ProcessLayout>, OperateError> {
        let all = self.layout.processes.iter();
        let found: Vec<_> =
            all.filter(|one| one.service.as_str() == name || one.component.as_str() == name).collect();
        if found.is_empty() {
            let processes = self.layout.processes.iter().map(|one| &one.service);
            let all = processes.chain(self.containers().map(|one| &one.service));
            let known: Vec<_> = all.map(ServiceName::as_str).collect();
            return Err(OperateError::Refused(format!("there is no `{name}` here: {}", known.join(", "))));
        }
        Ok(found)
    }

    fn restart(&self, name: &str, out: &mut impl FnMut(&str)) -> Result<(), OperateError> {
        let found = self.containers_of(name);
        for (docker, container) in &found {
            containers::restart(docker, container).map_err(|err| OperateError::World(err.to_string()))?;
            out(&format!("{} is started again\n", container.service));
        }
        if !found.is_empty() {
            return Ok(());
        }
        for instance in self.instances(name)? {
            self.ask(&Request::Restart { service: instance.service.clone() })?;
            out(&format!("{} is started again\n", instance.service));
        }
        Ok(())
    }

    fn reload(&self, component: &str, out: &mut impl FnMut(&str)) -> Result<(), OperateError> {
        for instance in self.instances(component)? {
            let service: ServiceName = instance.service.clone();
            match instance.care.reload {
                Reload::Hup => self.ask(&Request::Signal { service, signal: Signal::Hup })?,
                Reload::Restart => self.ask(&Request::Restart { service })?,
                Reload::None => {
                    out(&format!("{service} reads its configuration by itself, or never\n"));
                    continue;
                }
            };
            out(&format!("{} reads its configuration again\n", instance.service));
        }
        Ok(())
    }

    fn logs(&self, instance: &str, lines: usize) -> Result<String, OperateError> {
        let mut text = String::new();
        let found = self.containers_of(instance);
        for (docker, container) in &found {
            let said = containers::logs(docker, container, lines);
            text.push_str(&said.map_err(|err| OperateError::World(err.to_string()))?);
        }
        if !found.is_empty() {
            return Ok(text);
        }
        for one in self.instances(instance)? {
            let whole = fs::read(&one.log)
                .map_err(|err| OperateError::World(format!("could not read {}: {err}", one.log.display())))?;
            let whole = String::from_utf8_lossy(&whole);
            let all: Vec<_> = whole.lines().collect();
            for line in &all[all.len().saturating_sub(lines)..] {
                text.push_str(line);
                text.push('\n');
            }
        }
        Ok(text)
    }

    fn file(&self, name: &str) -> Result<&FileLayout, OperateError> {
        self.layout.files.iter().find(|file| file.file == name).ok_or_else(|| {
            let known: Vec<_> = self.layout.files.iter().map(|file| file.file.as_str()).collect();
            OperateError::Refused(format!("there is no file `{name}` here: {}", known.join(", ")))
        })
    }

    fn config(&self, name: &str) -> Result<String, OperateError> {
        let path = &self.file(name)?.path;
        fs::read_to_string(path)
            .map_err(|err| OperateError::World(format!("could not read {}: {err}", path.display())))
    }

    fn set(
        &self,
        name: &str,
        key: &str,
        value: &str,
        out: &mut impl FnMut(&str),
    ) -> Result<(), OperateError> {
        let file = self.file(name)?;
        let text = self.config(name)?;
        let changed = agent::changed(file.format, &text, key, value)
            .map_err(|why| OperateError::Refused(format!("{}: {why}", file.path.display())))?;
        fs::write(&file.path, changed)
            .map_err(|err| OperateError::World(format!("could not write {}: {err}", file.path.display())))?;
        out(&format!("{key} is {value} in {}\n", file.path.display()));
        self.reload(file.component.as_str(), out)
    }

    /// Runs an operation of the target's own, in the target's folder.
    fn run(&self, operation: &OperationLayout, given: &[&str]) -> Result<u8, OperateError> {
        if given.len() != operation.takes.len() {
            let takes = operation.takes.join(" ").to_uppercase();
            return Err(OperateError::Usage(format!("`{}` takes: {takes}", operation.name)));
        }
        let argv: Vec<String> = operation.argv.iter().map(|arg| filled(arg, operation, given)).collect();
        let program = argv.first().map(String::as_str).unwrap_or_default();
        let engine = self.layout.docker.iter().map(|docker| containers::environment(&docker.socket));
        let status = Command::new(program).args(&argv[1..]).current_dir(&self.root).envs(engine).status();
        let status =
            status.map_err(|err| OperateError::World(format!("could not run `{program}`: {err}")))?;
        Ok(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1))
    }
}

/// An argument with what was given for its words in braces.
fn filled(arg: &str, operation: &OperationLayout, given: &[&str]) -> String {
    let mut text = String::new();
    let mut from = 0;
    for (range, slot) in slots(arg) {
        let Slot::Other(word) = slot else { continue };
        let Some(place) = operation.takes.iter().position(|known| known == word) else { continue };
        text.push_str(&arg[from..range.start]);
        text.push_str(given[place]);
        from = range.end;
    }
    text.push_str(&arg[from..]);
    text
}
