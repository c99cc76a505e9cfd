//! The Docker Engine API over its unix socket: the few calls that levers, the operations tool and whoever lays a target
//! out need. A connection for each call; every call has a limit of time, and every answer one of size.
//!
//! Paths carry no version, so that old and new engines answer alike; nothing here differs between versions.
//!
//! Open first: [`Docker`]; [`container`] is what the engine says of one.

pub mod container;

use crate::scenario::pack::ContainerLayout;
use container::Container;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{Method, Request, StatusCode, body::Bytes, header};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use serde_json::{Value, json};
use std::{
    io,
    path::{Path, PathBuf},
    time::Duration,
};
use tokio::net::UnixStream;

/// The label that says of a container that it may be broken, with the target's name as its value.
pub const LABEL: &str = "gameday.staging";
/// How long a container may take to end by itself before the engine kills it.
pub const GRACE: Duration = Duration::from_secs(5);
/// How long the engine may take for one call, its grace included.
const PATIENCE: Duration = Duration::from_secs(12);
/// Most bytes of an answer.
const ANSWER_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Longest sentence of the engine's that is passed on, in characters.
const SAID_CHARS_MAX: usize = 300;

/// Why the engine did not do as it was asked.
#[derive(Debug, thiserror::Error)]
pub enum DockerError {
    /// Nobody answers there.
    #[error("could not reach the Docker Engine at {}: {why}", socket.display())]
    Unreachable {
        /// The socket.
        socket: PathBuf,
        /// What happened.
        why: String,
    },
    /// It takes too long.
    #[error("the Docker Engine did not {what} within {} s", PATIENCE.as_secs())]
    Silent {
        /// What was asked.
        what: String,
    },
    /// It says no.
    #[error("the Docker Engine could not {what}: {says} ({status})")]
    Refused {
        /// What was asked.
        what: String,
        /// The status of its answer.
        status: StatusCode,
        /// Its own words.
        says: String,
    },
    /// What it says cannot be understood.
    #[error("the Docker Engine was asked to {what}, and its answer cannot be understood: {why}")]
    Answer {
        /// What was asked.
        what: String,
        /// What is wrong with it.
        why: String,
    },
    /// A described container is not there, or there are several.
    #[error("{0}")]
    NotFound(String),
}

/// An engine, known by its socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Docker {
    socket: PathBuf,
}

/// What the engine says when something is wrong.
#[derive(Debug, Deserialize)]
struct Said {
    message: String,
}

/// A container in a list.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Listed {
    id: String,
}

impl Docker {
    /// The engine that listens on this socket.
    pub fn at(socket: &Path) -> Self {
        Self { socket: socket.to_owned() }
    }

    /// The container that a target describes: by its name, or by the labels that compose gives it.
    pub async fn find(&self, place: &ContainerLayout) -> Result<Container, DockerError> {
        let Some(project) = &place.project else {
            let found = self.look(&place.name).await?;
            // The engine takes the beginning of an id for a name, too.
            return found
                .filter(|one| one.name() == place.name)
                .ok_or_else(|| DockerError::NotFound(format!("there is no container `{}`", place.name)));
        };
        let labels = json!({"label": [
            format!("com.docker.compose.project={project}"),
            format!("com.docker.compose.service={}", place.name),
            "com.docker.compose.oneoff=False",
        ]});
        let query = format!("/containers/json?all=1&filters={}", encoded(&labels.to_string()));
        let what = format!("list the containers of `{}` in the project `{project}`", place.name);
        let listed: Vec<Listed> = self.ask(&what, &query).await?;
        let says = |count: &str| format!("the compose project `{project}` has {count} `{}`", place.name);
        match listed.as_slice() {
            [one] => self.look(&one.id).await?.ok_or_else(|| DockerError::NotFound(says("no container of"))),
            [] => Err(DockerError::NotFound(says("no container of"))),
            several => {
                let help = "leave `project` out and name one of them";
                Err(DockerError::NotFound(format!(
                    "{}: {help}",
                    says(&format!("{} containers of", several.len()))
                )))
            }
        }
    }

    /// A container by its id or name; nothing: there is none.
    pub async fn look(&self, id: &str) -> Result<Option<Container>, DockerError> {
        let what = format!("look at the container `{}`", short(id));
        let (status, answer) = self.call(&what, Method::GET, &format!("/containers/{id}/json"), None).await?;
        if status == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        understood(&what, &accepted(&what, status, answer)?).map(Some)
    }

    /// Freezes every process of it.
    pub async fn pause(&self, id: &str) -> Result<(), DockerError> {
        self.tell("pause", id, "/pause").await
    }

    /// Lets them run on.
    pub async fn unpause(&self, id: &str) -> Result<(), DockerError> {
        self.tell("unpause", id, "/unpause").await
    }

    /// Ends it as it wants to be ended; after [`GRACE`] it is killed. No restart policy starts it again.
    pub async fn stop(&self, id: &str) -> Result<(), DockerError> {
        self.tell("stop", id, &format!("/stop?t={}", GRACE.as_secs())).await
    }

    /// Kills it (SIGKILL). No restart policy starts it again.
    pub async fn kill(&self, id: &str) -> Result<(), DockerError> {
        self.tell("kill", id, "/kill?signal=SIGKILL").await
    }

    /// Starts it; one that runs is left alone.
    pub async fn start(&self, id: &str) -> Result<(), DockerError> {
        self.tell("start", id, "/start").await
    }

    /// Ends it and starts it again, also a paused one.
    pub async fn restart(&self, id: &str) -> Result<(), DockerError> {
        self.tell("restart", id, &format!("/restart?t={}", GRACE.as_secs())).await
    }

    /// Gives it other limits.
    pub async fn update(&self, id: &str, limits: &Value) -> Result<(), DockerError> {
        self.post(
            &format!("update the container `{}`", short(id)),
            &format!("/containers/{id}/update"),
            limits,
        )
        .await
    }

    /// Takes it off a network.
    pub async fn disconnect(&self, id: &str, network: &str) -> Result<(), DockerError> {
        let what = format!("disconnect `{}` from the network `{network}`", short(id));
        let body = json!({"Container": id, "Force": false});
        self.post(&what, &format!("/networks/{}/disconnect", encoded(network)), &body).await
    }

    /// Puts it on a network, with this configuration of its end.
    pub async fn connect(&self, id: &str, network: &str, endpoint: &Value) -> Result<(), DockerError> {
        let what = format!("connect `{}` to the network `{network}`", short(id));
        let body = json!({"Container": id, "EndpointConfig": endpoint});
        self.post(&what, &format!("/networks/{}/connect", encoded(network)), &body).await
    }

    /// The last lines of what it has said.
    pub async fn logs(&self, container: &Container, lines: usize) -> Result<String, DockerError> {
        let what = format!("read the log of `{}`", container.name());
        let path = format!("/containers/{}/logs?stdout=1&stderr=1&tail={lines}", container.id);
        let (status, answer) = self.call(&what, Method::GET, &path, None).await?;
        let answer = accepted(&what, status, answer)?;
        let text = if container.config.tty { answer.to_vec() } else { unframed(&answer) };
        Ok(String::from_utf8_lossy(&text).into_owned())
    }

    /// One of the calls that take nothing. What is so already (304) is good.
    async fn tell(&self, verb: &str, id: &str, path: &str) -> Result<(), DockerError> {
        let what = format!("{verb} the container `{}`", short(id));
        let path = format!("/containers/{id}{path}");
        let (status, answer) = self.call(&what, Method::POST, &path, None).await?;
        if status == StatusCode::NOT_MODIFIED {
            return Ok(());
        }
        accepted(&what, status, answer).map(drop)
    }

    async fn post(&self, what: &str, path: &str, body: &Value) -> Result<(), DockerError> {
        let (status, answer) = self.call(what, Method::POST, path, Some(body)).await?;
        accepted(what, status, answer).map(drop)
    }

    async fn ask<T: for<'a> Deserialize<'a>>(&self, what: &str, path: &str) -> Result<T, DockerError> {
        let (status, answer) = self.call(what, Method::GET, path, None).await?;
        understood(what, &accepted(what, status, answer)?)
    }

    async fn call(
        &self,
        what: &str,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<(StatusCode, Bytes), DockerError> {
        let done = tokio::time::timeout(PATIENCE, self.exchange(what, method, path, body)).await;
        done.unwrap_or_else(|_| Err(DockerError::Silent { what: what.to_owned() }))
    }

    async fn exchange(
        &self,
        what: &str,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<(StatusCode, Bytes), DockerError> {
        let lost = |why: String| DockerError::Unreachable { socket: self.socket.clone(), why };
        let stream = UnixStream::connect(&self.socket).await.map_err(|err| lost(told(&err)))?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|err| lost(err.to_string()))?;
        let text = body.map(Value::to_string).unwrap_or_default();
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, "docker")
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::new(Bytes::from(text)))
            .map_err(|err| DockerError::Answer { what: what.to_owned(), why: err.to_string() })?;
        let talk = async {
            let answer = sender.send_request(request).await.map_err(|err| lost(err.to_string()))?;
            let status = answer.status();
            let whole = Limited::new(answer.into_body(), ANSWER_BYTES_MAX).collect().await;
            let whole =
                whole.map_err(|err| DockerError::Answer { what: what.to_owned(), why: err.to_string() })?;
            Ok((status, whole.to_bytes()))
        };
        tokio::pin!(talk);
        tokio::select! {
            done = &mut talk => done,
            _ = connection => talk.await,
        }
    }
}

/// What the system says, and what to do about the two that are met most.
fn told(err: &io::Error) -> String {
    match err.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
            format!("{err}; is the engine running, and is this its socket?")
        }
        io::ErrorKind::PermissionDenied => {
            format!("{err}; be root, or in the group that owns the socket")
        }
        _ => err.to_string(),
    }
}

fn accepted(what: &str, status: StatusCode, answer: Bytes) -> Result<Bytes, DockerError> {
    if status.is_success() {
        return Ok(answer);
    }
    let said = serde_json::from_slice::<Said>(&answer)
        .map_or_else(|_| String::from_utf8_lossy(&answer).into_owned(), |said| said.message);
    let says = said.trim().chars().take(SAID_CHARS_MAX).collect();
    Err(DockerError::Refused { what: what.to_owned(), status, says })
}

fn understood<T: for<'a> Deserialize<'a>>(what: &str, answer: &[u8]) -> Result<T, DockerError> {
    serde_json::from_slice(answer)
        .map_err(|err| DockerError::Answer { what: what.to_owned(), why: err.to_string() })
}

/// The first twelve digits of an id, as the engine's own tools show it; names stay as they are.
fn short(id: &str) -> &str {
    let is_id = id.len() == 64 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_id { &id[..12] } else { id }
}

/// A text within a path or a query.
fn encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~');
    let one = |byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    text.bytes().map(one).collect()
}

/// What was said, without the heads of eight bytes that tell the two outputs apart.
fn unframed(mut framed: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    while let Some((head, rest)) = framed.split_at_checked(8) {
        let length = u32::from_be_bytes([head[4], head[5], head[6], head[7]]);
        let length = usize::try_from(length).unwrap_or(usize::MAX).min(rest.len());
        text.extend_from_slice(&rest[..length]);
        framed = &rest[length..];
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read as _, Write as _};

    /// An engine that answers every call alike.
    fn engine(folder: &Path, answer: &'static [u8]) -> Docker {
        let socket = folder.join("docker.sock");
        let listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        std::thread::spawn(move || {
            for mut stream in listener.incoming().map_while(Result::ok) {
                let _ = stream.read(&mut [0; 2048]);
                let _ = stream.write_all(answer);
            }
        });
        Docker::at(&socket)
    }

    fn place(project: Option<&str>) -> ContainerLayout {
        ContainerLayout {
            service: "redis".parse().unwrap(),
            component: "cache".parse().unwrap(),
            name: "redis".to_owned(),
            project: project.map(str::to_owned),
            port: Some(6379),
            address: String::new(),
        }
    }

    #[tokio::test]
    async fn an_engine_that_is_not_there_says_no_or_talks_nonsense_is_told_in_a_sentence() {
        let folder = tempfile::tempdir().unwrap();
        let nobody = Docker::at(&folder.path().join("nothing.sock"));
        let says = nobody.find(&place(None)).await.unwrap_err().to_string();
        assert!(says.contains("nothing.sock") && says.contains("is the engine running"), "{says}");
        for (answer, wanted) in [
            (&b"HTTP/1.1 500 X\r\ncontent-length: 18\r\n\r\n{\"message\":\"full\"}"[..], "full (500"),
            (&b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n[}"[..], "cannot be understood"),
            (&b"HTTP/1.1 404 X\r\ncontent-length: 0\r\n\r\n"[..], "no container `redis`"),
            (&b""[..], "could not reach"),
        ] {
            let folder = tempfile::tempdir().unwrap();
            let says = engine(folder.path(), answer).find(&place(None)).await.unwrap_err().to_string();
            assert!(says.contains(wanted), "{says}");
        }
        let folder = tempfile::tempdir().unwrap();
        let two = &b"HTTP/1.1 200 OK\r\ncontent-length: 23\r\n\r\n[{\"Id\":\"a\"},{\"Id\":\"b\"}]"[..];
        let says = engine(folder.path(), two).find(&place(Some("shop"))).await.unwrap_err().to_string();
        assert!(says.contains("2 containers of") && says.contains("name one of them"), "{says}");
    }

    #[test]
    fn texts_are_encoded_and_frames_are_taken_off() {
        assert_eq!(encoded("a-b_1.2 {\"x\"}/é"), "a-b_1.2%20%7B%22x%22%7D%2F%C3%A9");
        let framed = b"\x01\0\0\0\0\0\0\x03abc\x02\0\0\0\0\0\0\x02de\x01\0\0\0\0\0\0\xffcut";
        assert_eq!(unframed(framed), b"abcdecut");
        assert_eq!(unframed(b"\x01\0"), b"");
    }
}
