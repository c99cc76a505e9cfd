//! `gameday doctor`: what is there, and what is missing.

use super::{
    block_on,
    exit::{Exit, Failure},
    home::Home,
    shelf::Shelf,
    show,
};
use crate::depot;
use serde::Serialize;
use sqlx::{Connection as _, SqliteConnection};
use std::{env, fs, net::TcpListener, path::PathBuf};

const EXAMPLES: &str = "\
Examples:
  gameday doctor
  gameday doctor --json | jq '.checks[] | select(.ok | not)'

Exit code 4 when something is missing that every drill needs.";

/// Descriptors that a drill of several hundred open requests needs.
const DESCRIPTORS: u64 = 1024;

/// Tells whether this machine has what gameday needs, and what is optional
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Doctor {
    /// Prints JSON: {"ok", "checks": [{"name", "needed", "ok", "detail", "help"}]}
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Report {
    ok: bool,
    checks: Vec<Check>,
}

#[derive(Serialize)]
struct Check {
    name: &'static str,
    needed: bool,
    ok: bool,
    detail: String,
    help: Option<&'static str>,
}

impl Check {
    fn of(name: &'static str, found: Result<String, String>, help: &'static str) -> Self {
        let ok = found.is_ok();
        let detail = found.unwrap_or_else(|why| why);
        Self { name, needed: true, ok, detail, help: (!ok).then_some(help) }
    }

    fn optional(self) -> Self {
        Self { needed: false, ..self }
    }
}

impl Doctor {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        let checks = vec![
            Check::of(
                "loopback addresses",
                loopback(),
                "The embedded target lives on 127.0.0.0/8; Linux lets every program listen there.",
            ),
            Check::of(
                "room for a target",
                depot::free_instance()
                    .map(|number| format!("127.{number}.0.0/16 is free"))
                    .map_err(|error| error.to_string()),
                "End targets that nobody needs: `gameday agent status --folder DIR` tells what an agent holds.",
            ),
            Check::of("home folder", home(), "Set GAMEDAY_HOME to a folder that you may write to."),
            Check::of("SQLite", sqlite(), "It is built into the program: please report this."),
            Check::of(
                "script worker",
                scripts(),
                "Scripts run in a process of this program: it must be allowed to start itself.",
            ),
            Check::of("file descriptors", descriptors(), "Raise the limit: `ulimit -n 4096`."),
            Check::of(
                "chromium",
                chromium(),
                "Only for debriefs as PDF: install chromium, or print the HTML page from a browser.",
            )
            .optional(),
        ];
        let report = Report { ok: checks.iter().all(|check| check.ok || !check.needed), checks };
        if self.json {
            show::json(&report)?;
        } else {
            show::print(&readable(&report))?;
        }
        Ok(if report.ok { Exit::Done } else { Exit::World })
    }
}

fn readable(report: &Report) -> String {
    let rows: Vec<_> = report
        .checks
        .iter()
        .map(|check| {
            let verdict = match (check.ok, check.needed) {
                (true, _) => "good",
                (false, true) => "MISSING",
                (false, false) => "optional",
            };
            let help = check.help.map(|help| format!(". {help}")).unwrap_or_default();
            vec![verdict.to_owned(), check.name.to_owned(), format!("{}{help}", check.detail)]
        })
        .collect();
    let end = if report.ok { "Everything that a drill needs is there." } else { "Something is missing." };
    format!("{}\n{end}\n", show::table(&rows))
}

fn loopback() -> Result<String, String> {
    for address in ["127.0.0.1:0", "127.9.8.7:0"] {
        TcpListener::bind(address).map_err(|error| format!("could not listen on {address}: {error}"))?;
    }
    Ok("any of 127.0.0.0/8 can be listened on".to_owned())
}

fn home() -> Result<String, String> {
    let home = Home::open().map_err(|failure| failure.message)?;
    let probe = home.root().join(format!(".probe-{}", std::process::id()));
    fs::write(&probe, "probe")
        .and_then(|()| fs::remove_file(&probe))
        .map_err(|error| format!("could not write in {}: {error}", home.root().display()))?;
    Ok(format!("{} is writable", home.root().display()))
}

fn sqlite() -> Result<String, String> {
    let version = block_on(async {
        let failed = || Failure::io("ask SQLite");
        let mut memory = SqliteConnection::connect("sqlite::memory:").await.map_err(failed())?;
        sqlx::query_scalar::<_, String>("select sqlite_version()")
            .fetch_one(&mut memory)
            .await
            .map_err(failed())
    });
    version.map(|version| format!("version {version}")).map_err(|failure| failure.message)
}

fn scripts() -> Result<String, String> {
    let library = Shelf::default().library().map_err(|failure| failure.message)?;
    let injectors = library.injectors().map_err(|error| error.to_string())?;
    Ok(format!("{} fault injectors answer", injectors.len()))
}

fn descriptors() -> Result<String, String> {
    use nix::sys::resource::{Resource, getrlimit};
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).map_err(|error| error.to_string())?;
    let said = format!("{soft} may be open at once (at most {hard})");
    if soft >= DESCRIPTORS { Ok(said) } else { Err(format!("{said}, and {DESCRIPTORS} are needed")) }
}

fn chromium() -> Result<String, String> {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders: Vec<PathBuf> = env::split_paths(&path).collect();
    ["chromium", "chromium-browser", "google-chrome"]
        .iter()
        .flat_map(|name| folders.iter().map(move |folder| folder.join(name)))
        .find(|program| program.is_file())
        .map(|program| program.display().to_string())
        .ok_or_else(|| "not found".to_owned())
}
