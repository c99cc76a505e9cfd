//! `gameday routes`: by which means alarms and letters reach people, and whether they do.

use super::{
    block_on,
    exit::{Exit, Failure},
    home::Home,
    show, wire,
};
use crate::{
    base::{At, DrillId},
    clock::{Clock as _, SystemClock},
    drill::event::{Notice, NoticeKind},
    notify::{Addressees, Means, Notifier as _, means::BadMeans},
    scenario::problem::render_problems,
    seed::Seed,
};
use serde::Serialize;
use std::{
    env,
    path::{Path, PathBuf},
};

const EXAMPLES: &str = "\
Examples:
  gameday routes
  gameday routes --send
  gameday routes --routes routes.yaml --json

The file is `routes.yaml` in the state folder, unless another one is named:

  format: gameday/routes/v1
  routes:
    chat: { slack: { env: DRILLS_HOOK } }

Exit codes: 0 all is well, 3 the file has mistakes, 4 a route did not carry its message.";

/// Lists the routes of alarms and announcements, and proves that they carry
///
/// `--send` sends one message through each, marked as an exercise in which nothing is wrong, and says what came of it. A
/// drill does the same before it begins.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Routes {
    #[command(flatten)]
    file: File,
    /// Sends a message through each
    #[arg(long)]
    send: bool,
    /// Prints JSON: [{"name", "kind", "optional", "error"}]; `error` is null where a message was taken
    #[arg(long)]
    json: bool,
}

/// Which file says how alarms reach people.
#[derive(Debug, Clone, Default, clap::Args)]
pub(super) struct File {
    /// The file of routes; by default `routes.yaml` in the state folder, if it is there
    #[arg(long, value_name = "FILE", env = "GAMEDAY_ROUTES")]
    pub(super) routes: Option<PathBuf>,
}

/// A route, in JSON.
#[derive(Serialize)]
struct Line {
    name: String,
    kind: &'static str,
    optional: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    sent: Option<bool>,
    error: Option<String>,
}

impl File {
    /// The means of the file that was named, or of the usual one.
    pub(super) fn standing(&self, home: &Home) -> Result<Means, Failure> {
        let usual = home.routes();
        match &self.routes {
            None if usual.exists() => read(&usual),
            _ => self.named(),
        }
    }

    /// The means of the file that was named; without it there is this terminal alone.
    pub(super) fn named(&self) -> Result<Means, Failure> {
        let named = self.routes.as_deref().filter(|path| !path.as_os_str().is_empty());
        named.map_or_else(|| Ok(Means::default()), read)
    }
}

fn read(path: &Path) -> Result<Means, Failure> {
    Means::read(path, &|name| env::var(name).ok()).map_err(|BadMeans { problems, text }| {
        show::complain(&render_problems(&problems, &|_| Some(text.clone()), true));
        Failure::silent(Exit::Problems)
    })
}

impl Routes {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        let home = Home::open()?;
        let means = self.file.standing(&home)?;
        block_on(self.tell(home, means))
    }

    async fn tell(self, home: Home, means: Means) -> Result<Exit, Failure> {
        let known = wire::open_books(&home).await?.addresses().await?;
        let to = Addressees { known, ..Addressees::default() };
        let drill: DrillId =
            format!("d-{}", Seed::fresh().opaque("comcheck", 8)).parse().expect("made of letters");
        let routes = means.routes(&drill, &to, std::io::stderr());
        let routes = routes.map_err(Failure::io("prepare the routes"))?;
        let optional = means.optional();
        let mut lines = Vec::new();
        for name in means.names() {
            let sent = if self.send {
                Some(routes.deliver(&comcheck(&drill, &name, SystemClock.now())).await)
            } else {
                None
            };
            let error = sent.clone().and_then(Result::err).map(|error| error.error);
            let kind = means.kind(&name).expect("it is one of them");
            let optional = optional.contains(&name);
            lines.push(Line { kind, optional, sent: sent.map(|sent| sent.is_ok()), error, name });
        }
        if self.json {
            show::json(&lines)?;
        } else {
            lines.iter().try_for_each(|line| show::line(&told(line)))?;
        }
        let silent = lines.iter().any(|line| line.error.is_some() && !line.optional);
        Ok(if silent { Exit::World } else { Exit::Done })
    }
}

fn told(line: &Line) -> String {
    let optional = if line.optional { ", optional" } else { "" };
    let came = match (&line.error, line.sent) {
        (Some(error), _) => format!("  FAILED: {error}"),
        (None, Some(_)) => "  carried a message".to_owned(),
        (None, None) => String::new(),
    };
    format!("{:<16} {}{optional}{came}", line.name, line.kind)
}

fn comcheck(drill: &DrillId, route: &str, at: At) -> Notice {
    Notice {
        id: format!("{drill}.{route}").parse().expect("made of names"),
        route: route.to_owned(),
        at,
        about: NoticeKind::ComCheck,
        severity: None,
        subject: "EXERCISE comcheck: nothing is wrong, somebody tries whether messages arrive".to_owned(),
        text: "Nothing has to be done.".to_owned(),
        runbook: None,
    }
}
