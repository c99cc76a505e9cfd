//! Sessions with a console: kept in the home folder, one file each, readable by its owner alone.

use crate::{
    base::Span,
    cli::{
        block_on,
        exit::{Exit, Failure},
        home::Home,
        show,
    },
    drill::event::Hat,
    scenario::act::Act,
};
use reqwest::{Client, Response, StatusCode, Url};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use std::{
    env, fs,
    io::Write as _,
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

/// The variable that names a session's file.
pub(super) const SESSION_VAR: &str = "GAMEDAY_SESSION";
/// The file that holds the name of the last joined session's file.
const LAST: &str = "last";
/// How long an answer may take.
const PATIENCE: Span = Span::from_secs(15);
/// Most characters of an answer that is not the console's which are shown.
const STRANGE_CHARS_MAX: usize = 200;

/// Options that every verb has.
#[derive(Debug, Clone, clap::Args)]
pub(in crate::cli) struct Common {
    /// Another session than the last joined; also through `GAMEDAY_SESSION`
    #[arg(long, value_name = "FILE")]
    session: Option<PathBuf>,
    /// Prints the answer as JSON
    #[arg(long)]
    pub(super) json: bool,
}

/// Somebody's seat in a drill.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::cli) struct Session {
    /// The console: `http://127.0.0.1:4100`.
    pub(super) console: String,
    pub(super) person: String,
    pub(super) hat: Hat,
    #[serde(default)]
    pub(super) drill: Option<String>,
    secret: String,
}

/// How something that was told was heard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Heard {
    /// It is in the journal.
    Taken,
    /// The drill says no, and will say it again.
    Refused(String),
    /// The console does not know this session.
    Unknown(String),
    /// Nobody heard it, as far as is known.
    Away(String),
}

/// What the console answers to a join.
#[derive(Deserialize)]
struct Joined {
    session: String,
    person: String,
    hat: Hat,
    drill: Option<String>,
}

/// Why the console did not do it.
#[derive(Deserialize)]
struct Complaint {
    code: String,
    error: String,
}

impl Session {
    /// Joins a drill. `what` completes "could not".
    pub(in crate::cli) async fn join(console: &str, token: &str, name: &str) -> Result<Self, Failure> {
        let body = json!({"token": token, "name": name});
        let request = client()?.post(format!("{console}/api/join")).json(&body);
        let joined: Joined = answer("join the drill", console, request.send().await).await?;
        Ok(Self {
            console: console.to_owned(),
            person: joined.person,
            hat: joined.hat,
            drill: joined.drill,
            secret: joined.session,
        })
    }

    /// Keeps the session as the last joined one and answers its file.
    pub(in crate::cli) fn save(&self, home: &Home) -> Result<PathBuf, Failure> {
        let name = format!("{}.json", self.file_stem());
        let path = home.sessions().join(&name);
        let text = serde_json::to_string_pretty(self).expect("a session is plain data");
        write_private(&path, &text)?;
        write_private(&home.sessions().join(LAST), &name)?;
        Ok(path)
    }

    /// Writes what `amtool` reads with `--http.config.file`, and answers its file.
    pub(super) fn save_for_amtool(&self, home: &Home) -> Result<PathBuf, Failure> {
        let path = home.sessions().join(format!("{}.amtool.yml", self.file_stem()));
        write_private(&path, &format!("authorization:\n  type: Bearer\n  credentials: {}\n", self.secret))?;
        Ok(path)
    }

    fn file_stem(&self) -> String {
        let place = self.console.split("://").last().unwrap_or_default().replace([':', '[', ']', '/'], "-");
        format!("{}-{place}", self.person)
    }

    /// The session that is named, or the last joined one.
    pub(super) fn find(common: &Common) -> Result<Self, Failure> {
        let variable = || env::var_os(SESSION_VAR).map(PathBuf::from);
        let named = common.session.clone().or_else(variable).filter(|path| !path.as_os_str().is_empty());
        let path = named.map_or_else(last_joined, Ok)?;
        let shown = path.display();
        let text = fs::read(&path).map_err(Failure::io(format!("read the session {shown}")))?;
        serde_json::from_slice(&text).map_err(|error| {
            Failure::new(Exit::Problems, format!("could not understand the session {shown}: {error}"))
                .with_help("Join the drill again: gameday join LINK --as NAME")
        })
    }

    /// `GET`.
    pub(super) async fn get<T: DeserializeOwned>(&self, what: &str, path: &str) -> Result<T, Failure> {
        let request = client()?.get(format!("{}{path}", self.console)).bearer_auth(&self.secret);
        answer(what, &self.console, request.timeout(PATIENCE.std()).send().await).await
    }

    /// `POST`.
    pub(super) async fn post(&self, what: &str, path: &str, body: &Value) -> Result<Value, Failure> {
        let request = client()?.post(format!("{}{path}", self.console)).bearer_auth(&self.secret).json(body);
        answer(what, &self.console, request.timeout(PATIENCE.std()).send().await).await
    }

    /// Tells the drill something, again and again if need be: what is to be done next depends on how it was heard.
    pub(super) async fn tell(&self, act: &Act) -> Heard {
        let Ok(client) = client() else { return Heard::Away("no HTTP client could be made".into()) };
        let request = client.post(format!("{}/api/act", self.console)).bearer_auth(&self.secret).json(act);
        let response = match request.timeout(PATIENCE.std()).send().await {
            Ok(response) => response,
            Err(error) if error.is_connect() => return Heard::Away("nobody answers".into()),
            Err(error) => return Heard::Away(error.without_url().to_string()),
        };
        let status = response.status();
        let text = response.text().await.unwrap_or_default();
        if status.is_success() {
            let is_ours = serde_json::from_str::<Value>(&text).is_ok_and(|answer| answer["ok"] == true);
            return if is_ours { Heard::Taken } else { Heard::Away("it answers something strange".into()) };
        }
        let said = serde_json::from_str::<Complaint>(&text).ok().map(|complaint| complaint.error);
        match (status, said) {
            (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN, Some(said)) => Heard::Unknown(said),
            (
                StatusCode::CONFLICT | StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY,
                Some(said),
            ) => Heard::Refused(said),
            (status, said) => Heard::Away(said.unwrap_or_else(|| format!("it answers {status}"))),
        }
    }

    /// The live stream, from the first event on.
    pub(super) async fn events(&self) -> Result<Response, Failure> {
        let request = client()?.get(format!("{}/api/events", self.console)).bearer_auth(&self.secret);
        good("follow the drill", &self.console, request.send().await).await
    }
}

/// The file of the last joined session.
fn last_joined() -> Result<PathBuf, Failure> {
    let folder = Home::find()?.sessions();
    let last = fs::read_to_string(folder.join(LAST)).map_err(|_| {
        Failure::refused("could not find a session: nobody has joined a drill from here")
            .with_help("Join one: gameday join LINK --as NAME")
    })?;
    Ok(folder.join(Path::new(last.trim()).file_name().unwrap_or_default()))
}

/// Sends what is asked and prints that it is done. `what` completes "could not".
pub(super) fn send(
    common: &Common,
    what: &str,
    path: &str,
    body: &Value,
    said: &str,
) -> Result<Exit, Failure> {
    let session = Session::find(common)?;
    let done = block_on(session.post(what, path, body))?;
    if common.json {
        show::json(&done)?;
    } else {
        show::line(said)?;
    }
    Ok(Exit::Done)
}

/// Sends a responder's act.
pub(super) fn send_act(common: &Common, what: &str, act: &Act, said: &str) -> Result<Exit, Failure> {
    let body = serde_json::to_value(act).expect("an act is plain data");
    send(common, what, "/api/act", &body, said)
}

/// The console's address and the token of a link: `http://127.0.0.1:4100/#TOKEN`.
pub(in crate::cli) fn read_link(link: &str) -> Result<(String, String), Failure> {
    let wrong = |why: &str| {
        Failure::usage(format!("could not understand the link: {why}"))
            .with_help("It looks like http://127.0.0.1:4100/#0123456789abcdef; quote it in the shell.")
    };
    let url = Url::parse(link).map_err(|error| wrong(&error.to_string()))?;
    let scheme = url.scheme();
    if !matches!(scheme, "http" | "https") {
        return Err(wrong("it begins neither with http:// nor with https://"));
    }
    let token = url.fragment().filter(|token| !token.is_empty());
    let token = token.ok_or_else(|| wrong("it has no token behind a `#`"))?;
    let host = url.host_str().ok_or_else(|| wrong("it names no host"))?;
    let port = url.port_or_known_default().unwrap_or(80);
    let port = if scheme == "https" && port == 443 { String::new() } else { format!(":{port}") };
    Ok((format!("{scheme}://{host}{port}"), token.to_owned()))
}

fn client() -> Result<Client, Failure> {
    // The library wants a provider of cryptography even where none is used; a second one changes nothing.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(Span::from_secs(3).std())
        .build()
        .map_err(Failure::io("make an HTTP client"))
}

async fn answer<T: DeserializeOwned>(
    what: &str,
    console: &str,
    sent: reqwest::Result<Response>,
) -> Result<T, Failure> {
    let response = good(what, console, sent).await?;
    response.json().await.map_err(|error| {
        Failure::world(format!("could not {what}: {console} answered something strange: {error}"))
    })
}

/// The answer when it is a success, else what the console said.
async fn good(what: &str, console: &str, sent: reqwest::Result<Response>) -> Result<Response, Failure> {
    let response = sent.map_err(|error| {
        let why = if error.is_connect() { "nobody answers".to_owned() } else { error.to_string() };
        Failure::world(format!("could not {what}: {console}: {why}"))
            .with_help("Is the drill still running? A new one has a new link.")
    })?;
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    let text = response.text().await.unwrap_or_default();
    let Ok(complaint) = serde_json::from_str::<Complaint>(&text) else {
        let text: String = text.chars().filter(|c| !c.is_control()).take(STRANGE_CHARS_MAX).collect();
        return Err(Failure::world(format!("could not {what}: {console} answered {status} {text}")));
    };
    let message = format!("could not {what}: {}", complaint.error);
    Err(match (status, complaint.code.as_str()) {
        (StatusCode::CONFLICT | StatusCode::BAD_REQUEST | StatusCode::NOT_FOUND, _) => {
            Failure::refused(message)
        }
        (StatusCode::UNAUTHORIZED, _) => {
            Failure::refused(message).with_help("Join the drill again: gameday join LINK --as NAME")
        }
        _ => Failure::world(message),
    })
}

fn write_private(path: &Path, text: &str) -> Result<(), Failure> {
    let write = || {
        let mut file =
            fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
        file.set_permissions(fs::Permissions::from_mode(0o600))?;
        file.write_all(text.as_bytes())
    };
    write().map_err(Failure::io(format!("write {}", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_an_address_and_a_token() {
        let read = read_link("http://127.0.0.1:4100/#abc").unwrap();
        assert_eq!(read, ("http://127.0.0.1:4100".to_owned(), "abc".to_owned()));
        let read = read_link("https://drills.example.org/#abc").unwrap();
        assert_eq!(read, ("https://drills.example.org".to_owned(), "abc".to_owned()));
        for wrong in ["127.0.0.1:4100", "http://127.0.0.1:4100/", "ftp://127.0.0.1/#abc", "http://x/#", ""] {
            assert_eq!(read_link(wrong).unwrap_err().exit, Exit::Usage, "{wrong}");
        }
    }
}
