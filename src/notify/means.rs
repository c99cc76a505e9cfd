//! The file of routes: by which means alarms and letters reach people here.
//!
//! ```yaml
//! format: gameday/routes/v1
//! mail:
//!   server: smtp://mail.example.org:587
//!   from: drills@example.org
//!   login: { file: mail-login }
//! routes:
//!   chat: { slack: { env: DRILLS_HOOK } }
//!   post: { mail: team, optional: true }
//! ```
//!
//! [`Means::read`] reads it with everything that it points to, and says every mistake with its line. Secrets stand in files or
//! in variables; none is ever shown. [`Means::routes`] makes what one drill sends its notices by.

use super::{
    Alertmanager, Notifier, Ntfy, Routes, Slack, Terminal, Webhook,
    http::Pass,
    http::Receiver,
    letters::Letters,
    mail::{Login, MailServer},
    webhook::Key,
};
use crate::{
    base::{DrillId, Person, Span, limits},
    people::Email,
    post,
    scenario::{
        file::{self, Entries, Placed, TextOr},
        problem::{Findings, Problem},
    },
};
use schemars::JsonSchema;
use serde::Deserialize;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::{self, Write},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    sync::Arc,
};

/// The value of `format` in a file of routes.
pub const ROUTES_FORMAT: &str = "gameday/routes/v1";
/// The route that is always there.
pub const TERMINAL: &str = "terminal";

/// The file as it is written.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RoutesFile {
    /// Always `gameday/routes/v1`.
    pub format: Placed<String>,
    /// The mail server of invitations and of mail routes.
    #[serde(default)]
    pub mail: Option<MailFile>,
    /// Ways of alarms and announcements, by name.
    #[serde(default)]
    pub routes: Entries<RouteFile>,
}

/// A mail server.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MailFile {
    /// `smtp://HOST:587` (STARTTLS) or `smtps://HOST:465`. Only one on this machine may do without TLS.
    pub server: Placed<String>,
    /// Who writes; calendars send their answers there.
    pub from: Placed<String>,
    /// Name and password, each in a line.
    #[serde(default)]
    pub login: Option<Placed<KeptFile>>,
    /// How long before a start people are reminded. Default: 24h and 1h.
    #[serde(default)]
    pub remind: Vec<Placed<String>>,
}

/// One route: exactly one of the kinds.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RouteFile {
    /// Posts JSON to an address.
    #[serde(default)]
    pub webhook: Option<Placed<TextOr<KeptFile>>>,
    /// What a webhook's bodies are signed with: `whsec_...`, in a file or a variable.
    #[serde(default)]
    pub sign: Option<Placed<KeptFile>>,
    /// Posts to an incoming webhook of Slack or Mattermost.
    #[serde(default)]
    pub slack: Option<Placed<TextOr<KeptFile>>>,
    /// Writes e-mails: to the `team`, to `everybody`, or to a list of addresses.
    #[serde(default)]
    pub mail: Option<Placed<TextOr<Vec<String>>>>,
    /// Pushes alarms to the Alertmanager whose own page is at this address.
    #[serde(default)]
    pub alertmanager: Option<Placed<TextOr<KeptFile>>>,
    /// Publishes to a topic of ntfy: `https://ntfy.example.org/our-drills`.
    #[serde(default)]
    pub ntfy: Option<Placed<TextOr<KeptFile>>>,
    /// Who we are to an `alertmanager` or `ntfy`: a token in one line, or a name and a password in two.
    #[serde(default)]
    pub pass: Option<Placed<KeptFile>>,
    /// What the names of runbooks are put behind, for the annotation `runbook_url` of an `alertmanager`.
    #[serde(default)]
    pub runbooks: Option<Placed<String>>,
    /// A drill begins although this route did not carry its comcheck. Default: false.
    #[serde(default)]
    pub optional: bool,
}

/// Where a secret is kept: one of the two.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KeptFile {
    /// A file that nobody else can read, beside the file of routes.
    #[serde(default)]
    pub file: Option<PathBuf>,
    /// An environment variable.
    #[serde(default)]
    pub env: Option<String>,
}

/// The JSON Schema of the file.
pub fn schema() -> serde_json::Value {
    schemars::schema_for!(RoutesFile).to_value()
}

/// Gives the value of an environment variable.
pub type Vars<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Every means that was set up.
#[derive(Debug, Clone, Default)]
pub struct Means {
    /// How letters go out; nothing: they do not.
    pub post: Option<Post>,
    routes: BTreeMap<String, Route>,
}

/// How letters go out.
#[derive(Debug, Clone)]
pub struct Post {
    /// Through which server.
    pub server: Arc<MailServer>,
    /// Who writes.
    pub from: Email,
    /// How long before a start people are reminded.
    pub remind: Vec<Span>,
}

#[derive(Debug, Clone)]
struct Route {
    kind: Kind,
    optional: bool,
}

#[derive(Debug, Clone)]
enum Kind {
    Webhook(String, Option<Key>),
    Slack(String),
    Ntfy(String, Option<Pass>),
    Mail(Arc<MailServer>, To),
    Alertmanager { address: String, pass: Option<Pass>, runbooks: Option<String> },
}

/// Who a mail route writes to.
#[derive(Debug, Clone, PartialEq, Eq)]
enum To {
    /// Those who were named as responders; everybody, where nobody was.
    Team,
    Everybody,
    These(BTreeSet<Email>),
}

/// Whom a drill's notices may reach.
#[derive(Debug, Clone, Default)]
pub struct Addressees {
    /// Those who were named as responders; none: anybody may be one.
    pub team: BTreeSet<Person>,
    /// Everybody who has an address.
    pub known: BTreeMap<Person, Email>,
}

/// Why there are no such means.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{} in the file of routes", if problems.len() == 1 { "there is a mistake" } else { "there are mistakes" })]
pub struct BadMeans {
    /// Every mistake.
    pub problems: Vec<Problem>,
    /// The text of the file, for messages.
    pub text: String,
}

impl Means {
    /// Reads a file of routes, and every secret that it names; `var` gives the value of an environment variable.
    pub fn read(path: &Path, var: Vars<'_>) -> Result<Self, BadMeans> {
        let shown = path.display().to_string();
        let bytes = fs::read(path).map_err(|error| BadMeans {
            problems: vec![Problem::of_file(&shown, error.to_string())],
            text: String::new(),
        })?;
        let bad = |problems| BadMeans { problems, text: String::from_utf8_lossy(&bytes).into_owned() };
        let file: RoutesFile = file::read(&shown, &bytes).map_err(|problem| bad(vec![problem]))?;
        let folder = path.parent().unwrap_or(Path::new("."));
        let mut check = Check { folder, var, problems: Findings::new(&shown) };
        let means = check.means(&file);
        if check.problems.is_empty() { Ok(means) } else { Err(bad(check.problems.into_problems())) }
    }

    /// The names of all routes of a drill, the terminal first.
    pub fn names(&self) -> Vec<String> {
        [TERMINAL.to_owned()].into_iter().chain(self.routes.keys().cloned()).collect()
    }

    /// The names of those that need not carry a comcheck.
    pub fn optional(&self) -> BTreeSet<String> {
        let optional = self.routes.iter().filter(|(_, route)| route.optional);
        optional.map(|(name, _)| name.clone()).collect()
    }

    /// Whether anybody is reached who does not look at the terminal.
    pub fn reach_people(&self) -> bool {
        !self.routes.is_empty()
    }

    /// What kind of route this is, in a word.
    pub fn kind(&self, name: &str) -> Option<&'static str> {
        if name == TERMINAL {
            return Some(TERMINAL);
        }
        self.routes.get(name).map(|route| match route.kind {
            Kind::Webhook(..) => "webhook",
            Kind::Slack(_) => "slack",
            Kind::Ntfy(..) => "ntfy",
            Kind::Mail(..) => "mail",
            Kind::Alertmanager { .. } => "alertmanager",
        })
    }

    /// What one drill sends its notices by; lines for the terminal go to `terminal`.
    pub fn routes(
        &self,
        drill: &DrillId,
        to: &Addressees,
        terminal: impl Write + Send + 'static,
    ) -> Result<Routes, super::BadDestination> {
        let mut by_name: BTreeMap<String, Arc<dyn Notifier>> = BTreeMap::new();
        by_name.insert(TERMINAL.to_owned(), Arc::new(Terminal::new(terminal)));
        for (name, route) in &self.routes {
            by_name.insert(name.clone(), route.kind.open(drill, to)?);
        }
        Ok(Routes::new(by_name))
    }
}

impl Kind {
    fn open(&self, drill: &DrillId, to: &Addressees) -> Result<Arc<dyn Notifier>, super::BadDestination> {
        Ok(match self {
            Self::Webhook(address, key) => {
                let hook = Webhook::new(address)?.for_drill(drill.clone());
                Arc::new(match key {
                    Some(key) => hook.signed(key.clone()),
                    None => hook,
                })
            }
            Self::Slack(address) => Arc::new(Slack::new(address)?),
            Self::Ntfy(address, pass) => Arc::new(Ntfy::new(address, drill)?.with_pass(pass.clone())),
            Self::Alertmanager { address, pass, runbooks } => Arc::new(
                Alertmanager::new(address, drill)?.with_pass(pass.clone()).with_runbooks(runbooks.clone()),
            ),
            Self::Mail(server, whom) => {
                let everybody: BTreeSet<_> = to.known.values().cloned().collect();
                let named = to.known.iter().filter(|(person, _)| to.team.contains(*person));
                let usual = match whom {
                    To::Team if !to.team.is_empty() => named.map(|(_, email)| email.clone()).collect(),
                    To::Team | To::Everybody => everybody.clone(),
                    To::These(addresses) => addresses.clone(),
                };
                Arc::new(Letters::new(Arc::clone(server), drill.clone(), usual, everybody))
            }
        })
    }
}

/// The check of one file.
struct Check<'a> {
    folder: &'a Path,
    var: Vars<'a>,
    problems: Findings,
}

impl Check<'_> {
    fn means(&mut self, file: &RoutesFile) -> Means {
        if *file.format != ROUTES_FORMAT {
            let told = format!("the format is `{ROUTES_FORMAT}`");
            self.problems.add(file.format.place, told);
        }
        if file.routes.0.len() > limits::ROUTES_MAX {
            let place = file.routes.0[limits::ROUTES_MAX].0.place;
            self.problems.add(place, format!("there are at most {} routes", limits::ROUTES_MAX));
        }
        let post = file.mail.as_ref().and_then(|mail| self.post(mail));
        let server = post.as_ref().map(|post| &post.server);
        let mut routes = BTreeMap::new();
        for (name, route) in &file.routes.0 {
            let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
            if name.is_empty() || name.len() > limits::ROUTE_NAME_MAX || !name.chars().all(fits) {
                let told = "a route's name is made of small letters, digits and `-`";
                self.problems.add(name.place, told);
            } else if **name == TERMINAL {
                self.problems.add(name.place, "the route `terminal` is always there");
            }
            if let Some(kind) = self.kind(name, route, file.mail.is_some(), server) {
                routes.insert(name.value.clone(), Route { kind, optional: route.optional });
            }
        }
        Means { post, routes }
    }

    fn post(&mut self, file: &MailFile) -> Option<Post> {
        let from = file.from.parse::<Email>();
        if let Err(why) = &from {
            self.problems.add(file.from.place, why.to_string());
        }
        let login = file.login.as_ref().map(|kept| {
            let text = self.secret(kept)?;
            let login = Login::read(&text);
            login.map_err(|why| self.problems.add(kept.place, why.to_string())).ok()
        });
        let spans: Option<Vec<Span>> = file.remind.iter().map(|span| self.span(span)).collect();
        let remind = spans.and_then(|spans| {
            let taken = post::reminders(&spans);
            if taken.is_none() {
                let told = format!(
                    "there are at most {} reminders, each a minute or more before the start",
                    limits::REMINDERS_MAX
                );
                self.problems.add(file.remind[0].place, told);
            }
            taken
        });
        let from = from.ok()?;
        let login = match login {
            Some(None) => return None,
            Some(Some(login)) => Some(login),
            None => None,
        };
        match MailServer::new(&file.server, &from, login) {
            Ok(server) => Some(Post { server: Arc::new(server), from, remind: remind? }),
            Err(why) => {
                self.problems.add(file.server.place, why.to_string());
                None
            }
        }
    }

    fn span(&mut self, text: &Placed<String>) -> Option<Span> {
        text.parse()
            .map_err(|why: crate::base::time::BadSpan| self.problems.add(text.place, why.to_string()))
            .ok()
    }

    fn kind(
        &mut self,
        name: &Placed<String>,
        file: &RouteFile,
        has_mail: bool,
        server: Option<&Arc<MailServer>>,
    ) -> Option<Kind> {
        let kinds = [
            file.webhook.is_some(),
            file.slack.is_some(),
            file.ntfy.is_some(),
            file.mail.is_some(),
            file.alertmanager.is_some(),
        ];
        if kinds.iter().filter(|is| **is).count() != 1 {
            let all = "`webhook`, `slack`, `ntfy`, `mail`, `alertmanager`";
            self.problems.add(name.place, format!("the route `{}` is one of {all}", name.value));
            return None;
        }
        if let Some(sign) = file.sign.as_ref().filter(|_| file.webhook.is_none()) {
            self.problems.add(sign.place, "only a `webhook` is signed");
        }
        if let Some(pass) = file.pass.as_ref().filter(|_| file.alertmanager.is_none() && file.ntfy.is_none())
        {
            self.problems.add(pass.place, "only `alertmanager` and `ntfy` have a `pass`");
        }
        if let Some(runbooks) = file.runbooks.as_ref().filter(|_| file.alertmanager.is_none()) {
            self.problems.add(runbooks.place, "only an `alertmanager` has `runbooks`");
        }
        if let Some(address) = &file.alertmanager {
            return self.alertmanager(file, address);
        }
        if let Some(address) = &file.webhook {
            let key = file.sign.as_ref().map(|kept| {
                let text = self.secret(kept)?;
                Key::read(&text).map_err(|why| self.problems.add(kept.place, why.to_string())).ok()
            });
            let address = self.address(address, |address| Webhook::new(address).map(drop))?;
            return match key {
                Some(None) => None,
                Some(key) => Some(Kind::Webhook(address, key)),
                None => Some(Kind::Webhook(address, None)),
            };
        }
        if let Some(address) = &file.ntfy {
            let pass = self.pass(file).ok()?;
            let nobody: DrillId = "d-none".parse().expect("it is a name");
            let address = self.address(address, |address| Ntfy::new(address, &nobody).map(drop))?;
            return Some(Kind::Ntfy(address, pass));
        }
        if let Some(address) = &file.slack {
            return self.address(address, |address| Slack::new(address).map(drop)).map(Kind::Slack);
        }
        let whom = file.mail.as_ref()?;
        let to = self.whom(whom)?;
        if !has_mail {
            let help =
                "say which one: mail: { server: smtp://mail.example.org:587, from: drills@example.org }";
            self.problems.add_with_help(whom.place, "no mail server is set", help);
        }
        Some(Kind::Mail(Arc::clone(server?), to))
    }

    fn alertmanager(&mut self, file: &RouteFile, address: &Placed<TextOr<KeptFile>>) -> Option<Kind> {
        let pass = self.pass(file).ok()?;
        if let Some(written) = &file.runbooks {
            let known = Receiver::new(written).map(drop);
            known.map_err(|why| self.problems.add(written.place, why.to_string())).ok()?;
        }
        let runbooks = file.runbooks.as_ref().map(|written| written.trim().to_owned());
        let address = self.address(address, |address| Receiver::new(address).map(drop))?;
        Some(Kind::Alertmanager { address, pass, runbooks })
    }

    /// Who we are to a receiver, if that is said; an error was told.
    fn pass(&mut self, file: &RouteFile) -> Result<Option<Pass>, ()> {
        let Some(kept) = &file.pass else { return Ok(None) };
        let text = self.secret(kept).ok_or(())?;
        Pass::read(&text).map(Some).map_err(|why| self.problems.add(kept.place, why.to_string()))
    }

    fn whom(&mut self, whom: &Placed<TextOr<Vec<String>>>) -> Option<To> {
        let list = match &whom.value {
            TextOr::Text(word) if word == "team" => return Some(To::Team),
            TextOr::Text(word) if word == "everybody" => return Some(To::Everybody),
            TextOr::Text(one) => std::slice::from_ref(one),
            TextOr::Other(list) => list,
        };
        let addresses: Result<BTreeSet<Email>, _> = list.iter().map(|one| one.parse()).collect();
        match addresses {
            Ok(addresses) if !addresses.is_empty() && addresses.len() <= limits::ROUTE_MAILBOXES_MAX => {
                Some(To::These(addresses))
            }
            Ok(_) => {
                let told = format!("a mail route has 1 to {} addresses", limits::ROUTE_MAILBOXES_MAX);
                self.problems.add(whom.place, told);
                None
            }
            Err(why) => {
                let help = "write `team`, `everybody`, or a list of addresses";
                self.problems.add_with_help(whom.place, why.to_string(), help);
                None
            }
        }
    }

    /// An address that `accepts` takes.
    fn address(
        &mut self,
        written: &Placed<TextOr<KeptFile>>,
        accepts: impl Fn(&str) -> Result<(), super::BadDestination>,
    ) -> Option<String> {
        let address = match &written.value {
            TextOr::Text(address) => address.clone(),
            TextOr::Other(kept) => self.secret(&Placed { value: kept.clone(), place: written.place })?,
        };
        let address = address.trim().to_owned();
        accepts(&address).map_err(|why| self.problems.add(written.place, why.to_string())).ok()?;
        Some(address)
    }

    /// What is kept apart.
    fn secret(&mut self, kept: &Placed<KeptFile>) -> Option<String> {
        let said = match (&kept.file, &kept.env) {
            (Some(path), None) => self.secret_file(path),
            (None, Some(name)) => (self.var)(name).ok_or_else(|| format!("the variable {name} is not set")),
            _ => Err("a secret is kept in one place: `{ file: PATH }` or `{ env: NAME }`".to_owned()),
        };
        said.map_err(|why| self.problems.add(kept.place, why)).ok()
    }

    fn secret_file(&self, path: &Path) -> Result<String, String> {
        let path = self.folder.join(path);
        let told = |error: io::Error| format!("could not read {}: {error}", path.display());
        let about = fs::metadata(&path).map_err(told)?;
        if about.permissions().mode() & 0o077 != 0 {
            let path = path.display();
            return Err(format!("others can read {path}; keep it for yourself: chmod 600 {path}"));
        }
        if about.len() > limits::SECRET_BYTES_MAX {
            return Err(format!("{} is too large for a secret", path.display()));
        }
        fs::read_to_string(&path).map_err(told)
    }
}
