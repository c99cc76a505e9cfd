//! The operations tool: `depotctl`.
//!
//! It reads the tree of a Depot, asks the supervisor for what concerns processes, and waits until what it has changed
//! answers again.

use super::{
    config::{current_file, problem_with},
    error::DepotError,
    layout::saved,
    releases,
    supervisor::{self, SupervisorError},
};
use crate::{
    base::{
        Span,
        supervise::{Process, Request, Signal},
    },
    clock::{Clock, SystemClock},
    scenario::pack::{Layout, ProcessLayout},
};
use clap::{Parser, Subcommand, error::ErrorKind};
use std::{
    ffi::OsStr,
    fs,
    io::{Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    time::Duration,
};

/// How long an instance may take to answer after it was started again.
const READY: Span = Span::from_secs(15);
/// How often it is asked meanwhile, and a followed log looked at.
const LOOK: Span = Span::from_millis(150);

/// Why the tool did not do it.
#[derive(Debug, thiserror::Error)]
pub enum OperateError {
    /// The command line makes no sense; the text says what would.
    #[error("{0}")]
    Usage(String),
    /// What was asked for does not exist or may not be.
    #[error("{0}")]
    Refused(String),
    /// The tree could not be read or written.
    #[error(transparent)]
    Depot(#[from] DepotError),
    /// The supervisor or an instance does not answer.
    #[error("{0}")]
    World(String),
    /// The output could not be written.
    #[error("could not write the output: {0}")]
    Output(#[from] std::io::Error),
}

impl OperateError {
    /// The exit code: 1 refused, 2 usage, 4 the world is unavailable.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) => 2,
            Self::Refused(_) => 1,
            Self::Depot(_) | Self::World(_) | Self::Output(_) => 4,
        }
    }
}

impl From<SupervisorError> for OperateError {
    fn from(err: SupervisorError) -> Self {
        match err {
            SupervisorError::Refused(_) => Self::Refused(err.to_string()),
            _ => Self::World(err.to_string()),
        }
    }
}

const EXAMPLES: &str = "\
Examples:
  depotctl list                          what runs, where, and in which release
  depotctl logs web-east -n 50           the last 50 lines of an instance's log
  depotctl metrics web-east              its numbers
  depotctl restart session               end it and start it again
  depotctl releases web                  which releases there are
  depotctl rollback web                  back to the release before
  depotctl set web storage.timeout_ms 800
                                         change a setting and have it read";

/// Operates a depot.
#[derive(Debug, Parser)]
#[command(name = "depotctl", bin_name = "depotctl", version = super::topology::RELEASES[1], after_help = EXAMPLES)]
struct Tool {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Instances: datacenter, process, state, release, address
    List,
    /// Ends an instance, or all of a component one after the other, and starts it again
    Restart {
        /// An instance or a component
        #[arg(value_name = "INSTANCE|COMPONENT")]
        name: String,
    },
    /// Has a component, or one instance, read its configuration again
    Reload {
        /// A component or an instance
        #[arg(value_name = "COMPONENT|INSTANCE")]
        name: String,
    },
    /// Shows the end of an instance's log
    Logs {
        /// An instance
        instance: String,
        /// How many lines
        #[arg(short = 'n', long, default_value_t = 20)]
        lines: usize,
        /// Goes on as lines come in
        #[arg(short, long)]
        follow: bool,
    },
    /// Releases of a component; `*` marks the one in use
    Releases {
        /// A component
        component: String,
    },
    /// Puts a release of a component to use, instance after instance
    Deploy {
        /// A component
        component: String,
        /// A version that `depotctl releases` shows
        version: String,
    },
    /// Puts the release that was in use before to use again
    Rollback {
        /// A component
        component: String,
    },
    /// Shows a component's configuration
    Config {
        /// A component
        component: String,
    },
    /// Changes a setting in the release in use, and has it read
    Set {
        /// A component
        component: String,
        /// A dotted key: `pool.size`
        key: String,
        /// Its new value
        value: String,
    },
    /// Shows an instance's metrics
    Metrics {
        /// An instance
        instance: String,
    },
}

/// The tool as a program of its own. `args` begin with the program's name; the depot's root is taken from `DEPOT_ROOT`,
/// or is the folder above the one that the program was called from (`ROOT/bin/depotctl`). Gives the exit code.
pub async fn depotctl(args: Vec<String>) -> u8 {
    let called = args.first().map(PathBuf::from).unwrap_or_default();
    let rest = args.get(1..).unwrap_or_default();
    let mut out = std::io::stdout();
    let result = match find_root(&called) {
        Some(root) => run(&root, rest, &mut out).await,
        // Help needs no depot.
        None => match parse(rest) {
            Err(early) => early.finish(&mut out),
            Ok(_) => Err(OperateError::World(
                "could not find the depot: set DEPOT_ROOT, or call depotctl by its full path".to_owned(),
            )),
        },
    };
    match result {
        Ok(()) => 0,
        Err(OperateError::Usage(text)) => {
            eprint!("{text}");
            2
        }
        Err(err) => {
            eprintln!("depotctl: {err}");
            err.exit_code()
        }
    }
}

fn find_root(called: &Path) -> Option<PathBuf> {
    if let Some(root) = std::env::var_os("DEPOT_ROOT") {
        return Some(PathBuf::from(root));
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    root_above(called, &path)
}

/// The root above `called`, looked up in `path` when it is a bare name.
fn root_above(called: &Path, path: &OsStr) -> Option<PathBuf> {
    let bare = called.components().count() == 1;
    let candidates: Vec<_> = if bare {
        std::env::split_paths(path).map(|folder| folder.join(called)).collect()
    } else {
        vec![called.to_owned()]
    };
    candidates
        .iter()
        .filter(|candidate| candidate.exists())
        .filter_map(|candidate| Some(std::path::absolute(candidate).ok()?.parent()?.parent()?.to_owned()))
        .find(|root| root.join("layout.json").exists())
}

/// Runs one command on the depot in `root`; `args` do not include the program's name. What it shows goes to `out`.
pub async fn run(root: &Path, args: &[String], out: &mut (dyn Write + Send)) -> Result<(), OperateError> {
    let tool = match parse(args) {
        Ok(tool) => tool,
        Err(early) => return early.finish(out),
    };
    let desk = Desk { root, layout: saved(root)? };
    match tool.verb {
        Verb::List => desk.list(out).await,
        Verb::Restart { name } => desk.restart(&name, out).await,
        Verb::Reload { name } => desk.reload(&name, out).await,
        Verb::Logs { instance, lines, follow } => desk.logs(&instance, lines, follow, out).await,
        Verb::Releases { component } => desk.releases(&component, out),
        Verb::Deploy { component, version } => desk.deploy(&component, &version, out).await,
        Verb::Rollback { component } => desk.roll_back(&component, out).await,
        Verb::Config { component } => desk.config(&component, out),
        Verb::Set { component, key, value } => desk.set(&component, &key, &value, out).await,
        Verb::Metrics { instance } => desk.metrics(&instance, out).await,
    }
}

/// The command line ended the command before it began: help, or a mistake.
enum Early {
    Help(String),
    Mistake(String),
}

impl Early {
    fn finish(self, out: &mut (dyn Write + Send)) -> Result<(), OperateError> {
        match self {
            Self::Help(text) => Ok(out.write_all(text.as_bytes())?),
            Self::Mistake(text) => Err(OperateError::Usage(text)),
        }
    }
}

fn parse(args: &[String]) -> Result<Tool, Early> {
    let line = std::iter::once("depotctl").chain(args.iter().map(String::as_str));
    Tool::try_parse_from(line).map_err(|err| match err.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Early::Help(err.to_string()),
        _ => Early::Mistake(err.to_string()),
    })
}

/// A depot, and what can be done with it.
struct Desk<'a> {
    root: &'a Path,
    layout: Layout,
}

impl Desk<'_> {
    /// The instances that `name` stands for; refuses an unknown name with the names that there are.
    fn instances(&self, name: &str) -> Result<Vec<&ProcessLayout>, OperateError> {
        let all = &self.layout.processes;
        let found: Vec<_> =
            all.iter().filter(|p| p.service.as_str() == name || p.component.as_str() == name).collect();
        if found.is_empty() {
            let names: Vec<_> = all.iter().map(|p| p.service.as_str()).collect();
            return Err(OperateError::Refused(format!(
                "there is no instance or component `{name}`; there are {}",
                names.join(", ")
            )));
        }
        Ok(found)
    }

    fn instance(&self, name: &str) -> Result<&ProcessLayout, OperateError> {
        let found = self.instances(name)?;
        match found.as_slice() {
            [one] => Ok(one),
            several => {
                let names: Vec<_> = several.iter().map(|p| p.service.as_str()).collect();
                Err(OperateError::Refused(format!(
                    "`{name}` has several instances; name one of {}",
                    names.join(", ")
                )))
            }
        }
    }

    /// The folder of a component's releases; refuses an unknown component.
    fn component_folder(&self, component: &str) -> Result<PathBuf, OperateError> {
        let releases = &self.layout.releases;
        if releases.iter().any(|release| release.component.as_str() == component) {
            return Ok(self.root.join("services").join(component));
        }
        let names: Vec<_> = releases.iter().map(|release| release.component.as_str()).collect();
        Err(OperateError::Refused(format!(
            "there is no component `{component}`; there are {}",
            names.join(", ")
        )))
    }

    async fn list(&self, out: &mut (dyn Write + Send)) -> Result<(), OperateError> {
        let running = supervisor::list(self.root).await?;
        writeln!(
            out,
            "{:<14} {:<6} {:>8} {:<8} {:>8} {:<12} ADDRESS",
            "INSTANCE", "DC", "PID", "STATE", "RESTARTS", "RELEASE"
        )?;
        for process in &self.layout.processes {
            let release = releases::current(&self.component_folder(process.component.as_str())?)?;
            let seen = running.iter().find(|there| there.service == process.service);
            let pid = seen.and_then(|there| there.pid).map_or_else(|| "-".to_owned(), |pid| pid.to_string());
            let state = seen.map_or_else(|| "unknown".to_owned(), |there| there.state.to_string());
            writeln!(
                out,
                "{:<14} {:<6} {pid:>8} {state:<8} {:>8} {release:<12} {}",
                process.service,
                datacenter(process),
                seen.map_or(0, |there| there.restarts),
                process.address
            )?;
        }
        Ok(())
    }

    async fn restart(&self, name: &str, out: &mut (dyn Write + Send)) -> Result<(), OperateError> {
        self.restart_all(&self.instances(name)?, out).await
    }

    /// Restarts instances one after the other, so that the others serve meanwhile.
    async fn restart_all(
        &self,
        instances: &[&ProcessLayout],
        out: &mut (dyn Write + Send),
    ) -> Result<(), OperateError> {
        for process in instances {
            let before = self.pid(process).await?;
            supervisor::request(self.root, &Request::Restart { service: process.service.clone() }).await?;
            self.wait_until_ready(process, before).await?;
            writeln!(out, "{} restarted, healthy", process.service)?;
        }
        Ok(())
    }

    async fn pid(&self, process: &ProcessLayout) -> Result<Option<u32>, OperateError> {
        let running: Vec<Process> = supervisor::list(self.root).await?;
        Ok(running.into_iter().find(|there| there.service == process.service).and_then(|there| there.pid))
    }

    async fn wait_until_ready(
        &self,
        process: &ProcessLayout,
        before: Option<u32>,
    ) -> Result<(), OperateError> {
        let deadline = SystemClock.now() + READY;
        let mut why = "its process is still the old one".to_owned();
        loop {
            let pid = self.pid(process).await?;
            if pid.is_some() && pid != before {
                match ask(process, "/health", Duration::from_secs(2)).await {
                    Ok(_) => return Ok(()),
                    Err(reason) => why = reason,
                }
            }
            if SystemClock.now() >= deadline {
                return Err(OperateError::World(format!(
                    "{} is not healthy {READY} after its restart: {why} (see `depotctl logs {}`)",
                    process.service, process.service
                )));
            }
            SystemClock.sleep_until(SystemClock.now() + LOOK).await;
        }
    }

    async fn reload(&self, name: &str, out: &mut (dyn Write + Send)) -> Result<(), OperateError> {
        for process in self.instances(name)? {
            let request = Request::Signal { service: process.service.clone(), signal: Signal::Hup };
            supervisor::request(self.root, &request).await?;
            writeln!(out, "{} reads its configuration", process.service)?;
        }
        Ok(())
    }

    async fn logs(
        &self,
        instance: &str,
        lines: usize,
        follow: bool,
        out: &mut (dyn Write + Send),
    ) -> Result<(), OperateError> {
        let path = &self.instance(instance)?.log;
        let mut file = fs::File::open(path).map_err(DepotError::file("read", path))?;
        let mut offset = write_tail(&mut file, lines, out)?;
        if !follow {
            return Ok(());
        }
        loop {
            out.flush()?;
            SystemClock.sleep_until(SystemClock.now() + LOOK).await;
            if file.metadata()?.len() < offset {
                // It was cut off or replaced by a shorter one.
                file = fs::File::open(path).map_err(DepotError::file("read", path))?;
                offset = 0;
            }
            file.seek(SeekFrom::Start(offset))?;
            offset += std::io::copy(&mut file, out)?;
        }
    }

    fn releases(&self, component: &str, out: &mut (dyn Write + Send)) -> Result<(), OperateError> {
        let folder = self.component_folder(component)?;
        let current = releases::current(&folder)?;
        for version in releases::versions(&folder)? {
            let mark = if version == current { '*' } else { ' ' };
            writeln!(out, "{mark} {version}")?;
        }
        Ok(())
    }

    async fn deploy(
        &self,
        component: &str,
        version: &str,
        out: &mut (dyn Write + Send),
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

    async fn roll_back(&self, component: &str, out: &mut (dyn Write + Send)) -> Result<(), OperateError> {
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
        out: &mut (dyn Write + Send),
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

    fn config(&self, component: &str, out: &mut (dyn Write + Send)) -> Result<(), OperateError> {
        let folder = self.component_folder(component)?;
        let file = current_file(self.root, component);
        let text = fs::read_to_string(&file).map_err(DepotError::file("read", &file))?;
        writeln!(out, "# {component} {}: {}", releases::current(&folder)?, file.display())?;
        Ok(out.write_all(text.as_bytes())?)
    }

    async fn set(
        &self,
        component: &str,
        key: &str,
        value: &str,
        out: &mut (dyn Write + Send),
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

    async fn metrics(&self, instance: &str, out: &mut (dyn Write + Send)) -> Result<(), OperateError> {
        let process = self.instance(instance)?;
        let page = ask(process, "/metrics", Duration::from_secs(5)).await.map_err(|why| {
            OperateError::World(format!("could not get the metrics of {}: {why}", process.service))
        })?;
        Ok(out.write_all(page.as_bytes())?)
    }
}

fn datacenter(process: &ProcessLayout) -> &'static str {
    super::topology::Instance::named(process.service.as_str()).map_or("-", |row| row.datacenter)
}

/// The body of a good answer of an instance, asked at its own address.
async fn ask(process: &ProcessLayout, path: &str, timeout: Duration) -> Result<String, String> {
    let client = super::call::client().map_err(|err| err.to_string())?;
    let url = format!("http://{}{path}", process.address);
    let answer = client.get(url).timeout(timeout).send().await.map_err(|err| {
        if err.is_timeout() {
            "it does not answer in time".to_owned()
        } else {
            "it cannot be reached".to_owned()
        }
    })?;
    let status = answer.status();
    let body = answer.text().await.map_err(|_| "its answer broke off".to_owned())?;
    if status.is_success() { Ok(body) } else { Err(format!("it answers {status}: {}", body.trim())) }
}

/// Writes the last `lines` lines of `file`; gives the place after them.
fn write_tail(file: &mut fs::File, lines: usize, out: &mut (dyn Write + Send)) -> std::io::Result<u64> {
    const BLOCK: u64 = 64 * 1024;
    let end = file.metadata()?.len();
    let (mut from, mut text) = (end, Vec::new());
    loop {
        // One more than asked for: the first may be the end of a line that is not wanted.
        if from == 0 || text.split(|byte| *byte == b'\n').count() > lines + 1 {
            break;
        }
        let step = BLOCK.min(from);
        from -= step;
        file.seek(SeekFrom::Start(from))?;
        let mut block = vec![0; usize::try_from(step).unwrap_or(0)];
        file.read_exact(&mut block)?;
        block.append(&mut text);
        text = block;
    }
    let whole: Vec<_> = text.split_inclusive(|byte| *byte == b'\n').collect();
    for line in &whole[whole.len().saturating_sub(lines)..] {
        out.write_all(line)?;
    }
    Ok(end)
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
pub(super) fn keys(table: &toml_edit::Table) -> Vec<String> {
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

    #[test]
    fn the_root_is_found_from_where_the_tool_was_called() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        fs::create_dir(root.join("bin")).unwrap();
        for file in ["bin/depotctl", "layout.json"] {
            fs::write(root.join(file), "").unwrap();
        }
        let path = std::env::join_paths([Path::new("/nowhere"), &root.join("bin")]).unwrap();
        assert_eq!(root_above(&root.join("bin/depotctl"), OsStr::new("")), Some(root.to_owned()));
        assert_eq!(root_above(Path::new("depotctl"), &path), Some(root.to_owned()));
        assert_eq!(root_above(Path::new("depotctl"), OsStr::new("/nowhere")), None);
    }

    #[test]
    fn a_tail_ends_with_the_last_line() {
        let mut file = tempfile::tempfile().unwrap();
        let text: String = (0..20_000).map(|n| ["line ", &n.to_string(), "\n"].concat()).collect();
        file.write_all(text.as_bytes()).unwrap();
        for (lines, expected) in [(0, ""), (2, "line 19998\nline 19999\n"), (50_000, text.as_str())] {
            let mut out = Vec::new();
            assert_eq!(write_tail(&mut file, lines, &mut out).unwrap(), text.len() as u64);
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
    }
}
