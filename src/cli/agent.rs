//! `gameday agent`: the process beside a target that breaks it and takes it back.

use super::{
    block_on,
    exit::{Exit, Failure},
    preflight::reason,
    show, wire,
};
use crate::{
    agent::{self, AgentError, AgentOptions, Remote, compat},
    base::Span,
    seed::Seed,
    target::{HandError, agent_client::AgentClient},
};
use serde_json::json;
use std::{fmt::Write as _, net::SocketAddr, path::PathBuf};

/// Longest time that one attestation holds.
const ATTESTED_MAX: Span = Span::from_mins(7 * 24 * 60);

const EXAMPLES: &str = "\
Examples:
  gameday agent serve --root depot-1 --folder agent-1
  gameday agent status --folder agent-1
  gameday agent attest --root staging-1 --by ana --for 8h
  gameday agent sweep --root depot-1 --folder agent-1     when no agent runs any more
  gameday agent --compat                                  the fault proxy alone, on 127.0.0.1:8474
  gameday agent --compat --api 127.0.0.1:9000 --folder faults --seed 7";

/// The process beside a target that hosts its links, pulls the levers and takes every fault back
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, args_conflicts_with_subcommands = true, arg_required_else_help = true)]
pub(super) struct Agent {
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    alone: Alone,
}

/// The fault proxy by itself.
#[derive(Debug, clap::Args)]
struct Alone {
    /// Serves the fault proxy alone, with the HTTP API that existing clients speak: no engine, no lease, no token
    #[arg(long)]
    compat: bool,
    /// Where that API listens: a loopback address; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8474", requires = "compat")]
    api: SocketAddr,
    /// Keeps proxies and toxics in this folder over a restart; without it they are forgotten
    #[arg(long, value_name = "DIR", requires = "compat")]
    folder: Option<PathBuf>,
    /// Feeds every draw: the same seed hits the same connections; without it one is chosen and printed
    #[arg(long, value_name = "NUMBER", requires = "compat")]
    seed: Option<u64>,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    Init(Init),
    Serve(Serve),
    Sweep(Sweep),
    Status(Status),
    Attest(Attest),
}

/// Says that a target of yours is staging and may be broken, on this machine and for a time
///
/// Writes `.gameday-staging` into the target's folder. Without it, on another machine, and when its time is over, the
/// agent refuses to break anything there.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  gameday agent attest --root staging-1 --by ana --for 8h")]
struct Attest {
    /// Where the target is laid out
    #[arg(long, value_name = "DIR")]
    root: PathBuf,
    /// Who says so
    #[arg(long, value_name = "NAME", value_parser = reason)]
    by: String,
    /// For how long; a week at most
    #[arg(long = "for", value_name = "TIME", default_value = "8h")]
    span: Span,
}

/// Makes key, certificate and token for an agent on another host, and says what goes where
///
/// What is there is never replaced: an agent that is to have a new token gets a new folder.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  gameday agent init --folder keys --listen 10.0.0.5:7431")]
struct Init {
    /// Where they are written; readable by you alone
    #[arg(long, value_name = "DIR")]
    folder: PathBuf,
    /// Where the agent will listen
    #[arg(long, value_name = "ADDRESS")]
    listen: SocketAddr,
}

/// Runs the agent, and the target's processes under it, in the foreground
///
/// What an earlier agent left is taken back first. Ctrl-C or SIGTERM takes back what is held and ends the target.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  gameday agent serve --root depot-1 --folder agent-1 --linger 1h\n  gameday agent serve --target target.yaml --root /var/lib/shop --folder /var/lib/shop-agent \\\n    --listen 10.0.0.5:7431 --tls-cert keys/agent-cert.pem --tls-key keys/agent-key.pem --token-file keys/agent-token"
)]
struct Serve {
    /// Where the target is laid out
    #[arg(long, value_name = "DIR")]
    root: PathBuf,
    /// The agent's own folder, not under the target's
    #[arg(long, value_name = "DIR")]
    folder: PathBuf,
    /// Where its API listens; port 0 takes a free one. Beyond loopback it needs --tls-cert, --tls-key and --token-file
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// It ends itself so long after the last call once nothing is held; 10m by default, never with --token-file
    #[arg(long, value_name = "TIME")]
    linger: Option<Span>,
    /// Lays this target out under --root first
    #[arg(long, value_name = "FILE")]
    target: Option<PathBuf>,
    /// The certificate for engines on other hosts, as `agent init` makes it
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// Its key
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// The file with the token that engines have to show
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// No lease is longer than this, whatever an engine asks for
    #[arg(long, value_name = "TIME", hide = true)]
    lease_max: Option<Span>,
}

/// Takes back whatever an agent that is gone has left
///
/// Needs no engine and no network: the agent's folder holds every undo. Exit code 6 when something may still be broken.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  gameday agent sweep --root depot-1 --folder agent-1\n  gameday agent sweep --root depot-1 --folder agent-1 --json"
)]
struct Sweep {
    /// Where the target is laid out
    #[arg(long, value_name = "DIR")]
    root: PathBuf,
    /// The agent's own folder
    #[arg(long, value_name = "DIR")]
    folder: PathBuf,
    /// Prints JSON
    #[arg(long)]
    json: bool,
}

/// Tells what a running agent holds
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  gameday agent status --folder agent-1\n  gameday agent status --folder agent-1 --json | jq .injections"
)]
struct Status {
    /// The agent's own folder
    #[arg(long, value_name = "DIR")]
    folder: PathBuf,
    /// Prints JSON: {"agent", "processes", "injections"}
    #[arg(long)]
    json: bool,
}

impl Agent {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        let Some(verb) = self.verb else { return self.alone.run() };
        match verb {
            Verb::Init(verb) => verb.run(),
            Verb::Serve(verb) => block_on(verb.run()),
            Verb::Sweep(verb) => verb.run(),
            Verb::Status(verb) => block_on(verb.run()),
            Verb::Attest(verb) => verb.run(),
        }
    }
}

impl Alone {
    fn run(self) -> Result<Exit, Failure> {
        if !self.compat {
            return Err(Failure::usage("could not tell what is to be done").with_help(
                "`gameday agent --compat` serves the fault proxy alone; `gameday help agent` has the rest.",
            ));
        }
        let seed = self.seed.map_or_else(Seed::fresh, Seed);
        let memory = match &self.folder {
            Some(folder) => format!("Proxies and toxics are kept in {}.", folder.display()),
            None => "Proxies and toxics are forgotten when it ends; --folder keeps them.".to_owned(),
        };
        let options = compat::CompatOptions { api: self.api, folder: self.folder, seed };
        let ready = |address| {
            let text = format!(
                "listening on http://{address}, seed {}\n\
                 No engine stands behind this: no lease, so a toxic stays until somebody removes it, and no token,\n\
                 so everybody on this machine may set one. {memory} Ctrl-C ends it.\n",
                seed.0
            );
            // Nobody has to read it.
            let _ = show::print(&text);
        };
        block_on(async { compat::serve(options, ready).await.map_err(|error| failed(&error)) })?;
        Ok(Exit::Done)
    }
}

/// How an agent's failure ends a command.
pub(super) fn failed(error: &AgentError) -> Failure {
    let said = error.to_string();
    let message =
        if said.starts_with("could not") { said } else { format!("could not do the agent's work: {said}") };
    match error {
        AgentError::Denied(_) => Failure::refused(message),
        AgentError::NotLoopback(_) => Failure::usage(message),
        _ => Failure::world(message),
    }
}

impl Init {
    fn run(self) -> Result<Exit, Failure> {
        let made = agent::invite(&self.folder).map_err(|error| failed(&error))?;
        let (certificate, key) = (made.remote.certificate.display(), made.remote.key.display());
        let (listen, token) = (self.listen, made.token_file.display());
        show::print(&format!(
            "On the target's host:\n  gameday agent serve --target target.yaml --root ROOT --folder FOLDER --listen {listen} \\\n    \
             --tls-cert {certificate} --tls-key {key} --token-file {token}\n\n\
             In target.yaml on the engine's machine, with the token's file copied there by a way that you trust:\n  \
             driver: agent\n  agent:\n    address: {listen}\n    fingerprint: {}\n    token_file: {token}\n",
            made.fingerprint
        ))?;
        Ok(Exit::Done)
    }
}

impl Serve {
    async fn run(self) -> Result<Exit, Failure> {
        if let Some(target) = &self.target {
            wire::lay_out_here(target, &self.root).await?;
        }
        let options = AgentOptions::at(&self.root, &self.folder).map_err(|error| failed(&error))?;
        // Engines on other hosts come and go.
        let unasked = if self.token_file.is_some() { Span::from_mins(60 * 24 * 365) } else { options.linger };
        let remote = self.tls_cert.zip(self.tls_key).map(|(certificate, key)| Remote { certificate, key });
        let options = AgentOptions {
            listen: self.listen,
            linger: self.linger.unwrap_or(unasked),
            lease_max: self.lease_max,
            remote,
            token_file: self.token_file,
            ..options
        };
        agent::serve(options).await.map_err(|error| failed(&error))?;
        Ok(Exit::Done)
    }
}

impl Attest {
    fn run(self) -> Result<Exit, Failure> {
        let root = self.root.display();
        if self.span == Span::ZERO || self.span > ATTESTED_MAX {
            return Err(Failure::usage(format!("could not attest {root} for {}", self.span))
                .with_help(format!("Say for how long it is staging: at most {ATTESTED_MAX}.")));
        }
        agent::attest(&self.root, &self.by, self.span).map_err(Failure::io(format!("attest {root}")))?;
        show::line(&format!("{root} may be broken on this machine for {}, says {}.", self.span, self.by))?;
        Ok(Exit::Done)
    }
}

impl Sweep {
    fn run(self) -> Result<Exit, Failure> {
        let options = AgentOptions::at(&self.root, &self.folder).map_err(|error| failed(&error))?;
        let report = agent::sweep(&self.folder, &options.layout).map_err(|error| failed(&error))?;
        let clean = report.is_clean();
        if self.json {
            show::json(&report)?;
        } else {
            let mut text = format!(
                "taken back: {}, clean already: {}\n",
                report.restored.len(),
                report.already_clean.len()
            );
            for id in &report.diverged {
                let _ = writeln!(text, "{id}: somebody else changed the place; people have to decide");
            }
            for (id, why) in &report.failed {
                let _ = writeln!(text, "{id}: could not be taken back: {why}");
            }
            for name in &report.damaged {
                let _ = writeln!(text, "{name}: this record cannot be read");
            }
            text.push_str(if clean {
                "Nothing is broken any more.\n"
            } else {
                "Something may still be broken.\n"
            });
            show::print(&text)?;
        }
        Ok(if clean { Exit::Done } else { Exit::Broken })
    }
}

impl Status {
    async fn run(self) -> Result<Exit, Failure> {
        let folder = self.folder.display();
        let failed = |error: HandError| {
            Failure::world(format!("could not ask the agent of {folder}: {error}"))
                .with_help("If none runs, `gameday agent sweep` takes back what it left.")
        };
        let client = AgentClient::connect(&self.folder).map_err(failed)?;
        let about = client.attestation().await.map_err(failed)?;
        let processes = client.processes().await.map_err(failed)?;
        let injections = client.injections().await.map_err(failed)?;
        if self.json {
            show::json(&json!({"agent": about, "processes": processes, "injections": injections}))?;
            return Ok(Exit::Done);
        }
        let ready = if about.ready { "ready" } else { "starting" };
        let mut text =
            format!("{} in {}: {ready}, pid {}\n\n", about.target, about.root.display(), about.pid);
        let rows: Vec<_> = processes
            .iter()
            .map(|one| {
                let pid = one.pid.map_or_else(|| "-".to_owned(), |pid| pid.to_string());
                vec![
                    one.service.to_string(),
                    one.state.to_string(),
                    pid,
                    format!("{} restarts", one.restarts),
                ]
            })
            .collect();
        text.push_str(&show::table(&rows));
        let rows: Vec<_> = injections
            .iter()
            .map(|one| {
                let state = serde_json::to_value(one.state).expect("a word");
                vec![
                    one.id.to_string(),
                    one.fault.clone().unwrap_or_default(),
                    one.place.clone().unwrap_or_default(),
                    state.as_str().unwrap_or_default().to_owned(),
                    one.note.clone(),
                ]
            })
            .collect();
        text.push_str(if rows.is_empty() { "\nno injections\n" } else { "\n" });
        text.push_str(&show::table(&rows));
        show::print(&text)?;
        Ok(Exit::Done)
    }
}
