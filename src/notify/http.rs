//! What every receiver on the web has in common: how it is reached, and what its answer says about another try.

use crate::{base::Span, clock::BoxFuture, drill::command::DeliveryError};
use reqwest::{
    RequestBuilder, StatusCode, Url,
    header::{HeaderMap, RETRY_AFTER},
    redirect,
};
use std::{fmt, sync::Once};

/// How long a receiver may take for the whole exchange.
const TIMEOUT: Span = Span::from_secs(10);
/// How much of an answer is read, so that the connection can be used again; the rest is dropped, and nothing is shown.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// One receiver on the web, at an address that an administrator has set.
pub struct Receiver {
    to: Url,
    client: reqwest::Client,
}

/// An address that notices cannot be sent to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadDestination {
    /// It is no address at all.
    #[error("this address is not a URL: {0}")]
    NotAUrl(String),
    /// It names no topic.
    #[error(
        "this address ends with no topic: write it like https://ntfy.example.org/our-drills, with letters, digits, `-` and `_`"
    )]
    Topic,
    /// Only the web is spoken here.
    #[error("this address begins with `{0}:`, and only http and https can be used")]
    Scheme(String),
    /// The machine has no certificates that an https receiver could be checked against, or TLS cannot be set up.
    #[error("could not prepare TLS: {0}")]
    Tls(String),
}

/// Who we are to a receiver, or to what stands before it. It is never shown.
#[derive(Clone)]
pub enum Pass {
    /// A name and a password.
    Basic(String, String),
    /// A token.
    Bearer(String),
}

/// What is no pass. Nothing of it is repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a pass is a token in one line, or a name and a password in two")]
pub struct BadPass;

impl Pass {
    /// Reads a token in one line, or a name and a password in two.
    pub fn read(text: &str) -> Result<Self, BadPass> {
        let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        if lines.iter().any(|line| line.chars().any(char::is_control)) {
            return Err(BadPass);
        }
        match lines[..] {
            [token] if token.is_ascii() => Ok(Self::Bearer(token.to_owned())),
            [name, password] if !name.contains(':') => Ok(Self::Basic(name.to_owned(), password.to_owned())),
            _ => Err(BadPass),
        }
    }
}

impl Pass {
    /// The request with a pass, if there is one.
    pub(super) fn on(pass: Option<&Self>, request: RequestBuilder) -> RequestBuilder {
        match pass {
            Some(Self::Basic(name, password)) => request.basic_auth(name, Some(password)),
            Some(Self::Bearer(token)) => request.bearer_auth(token),
            None => request,
        }
    }
}

impl fmt::Debug for Pass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pass(..)")
    }
}

impl Receiver {
    /// The receiver at `address`, which must begin with `http:` or `https:`. Proxies of the environment are not used, and
    /// redirects are not followed.
    pub fn new(address: &str) -> Result<Self, BadDestination> {
        Self::with_timeout(address, TIMEOUT)
    }

    /// The same with another limit for the whole exchange.
    pub fn with_timeout(address: &str, timeout: Span) -> Result<Self, BadDestination> {
        let to: Url = address
            .trim()
            .parse()
            .map_err(|bad: <Url as std::str::FromStr>::Err| BadDestination::NotAUrl(bad.to_string()))?;
        let client = reqwest::Client::builder()
            .timeout(timeout.std())
            .redirect(redirect::Policy::none())
            .no_proxy()
            .user_agent(concat!("gameday/", env!("CARGO_PKG_VERSION")));
        let client = match to.scheme() {
            // No certificate is looked at, and a machine without any can still use it.
            "http" => client.tls_certs_only([]),
            "https" => client,
            other => return Err(BadDestination::Scheme(other.to_owned())),
        };
        install_tls();
        let client = client.build().map_err(|error| BadDestination::Tls(cause(&error)))?;
        Ok(Self { to, client })
    }

    /// Posts what `fill` has put into the request. The status alone decides.
    pub(super) fn post(
        &self,
        fill: impl FnOnce(RequestBuilder) -> RequestBuilder,
    ) -> BoxFuture<'_, Result<(), DeliveryError>> {
        let request = fill(self.client.post(self.to.clone()));
        Box::pin(async move { exchange(request).await.map(drop) })
    }

    /// Asks, and gives as much of the answer as is read.
    pub(super) fn get(
        &self,
        fill: impl FnOnce(RequestBuilder) -> RequestBuilder,
    ) -> BoxFuture<'_, Result<Vec<u8>, DeliveryError>> {
        Box::pin(exchange(fill(self.client.get(self.to.clone()))))
    }
}

async fn exchange(request: RequestBuilder) -> Result<Vec<u8>, DeliveryError> {
    let mut answer = request.send().await.map_err(|error| network(&error))?;
    let verdict = judge(answer.status(), wait(answer.headers()));
    // The status has decided; an answer that then breaks off or never ends changes nothing.
    let mut read = Vec::new();
    while let Ok(Some(chunk)) = answer.chunk().await {
        let room = ANSWER_BYTES_MAX - read.len();
        read.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if chunk.len() >= room {
            break;
        }
    }
    verdict.map(|()| read)
}

impl fmt::Debug for Receiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Paths and queries are often secrets.
        f.debug_struct("Receiver").field("host", &self.to.host_str()).finish_non_exhaustive()
    }
}

/// How long the receiver asks us to wait, in seconds. A date says nothing without its clock.
fn wait(headers: &HeaderMap) -> Span {
    let asked = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok());
    asked
        .and_then(|seconds| seconds.trim().parse::<u32>().ok())
        .map_or(Span::ZERO, |seconds| Span::from_secs(seconds.into()))
}

/// What a status says: taken, worth another try, or not.
fn judge(status: StatusCode, wait: Span) -> Result<(), DeliveryError> {
    if status.is_success() {
        return Ok(());
    }
    let retry = status.is_server_error()
        || status == StatusCode::REQUEST_TIMEOUT
        || status == StatusCode::TOO_MANY_REQUESTS;
    let error = if status.is_redirection() {
        format!("the receiver points elsewhere ({status}), and redirects are not followed")
    } else {
        format!("the receiver answered {status}")
    };
    Err(DeliveryError { error, retry, wait })
}

fn network(error: &reqwest::Error) -> DeliveryError {
    let error = if error.is_timeout() {
        "the receiver did not answer in time".to_owned()
    } else if error.is_connect() {
        format!("could not connect to the receiver: {}", cause(error))
    } else {
        format!("the exchange with the receiver failed: {}", cause(error))
    };
    DeliveryError { error, retry: true, wait: Span::ZERO }
}

/// The innermost reason. Outer ones name the address, which may be a secret.
fn cause(error: &dyn std::error::Error) -> String {
    let mut inner = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    inner.to_string()
}

fn install_tls() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // An error says that the process has chosen a provider before; that one is used.
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_web_is_a_destination() {
        for (address, told) in [
            ("", "not a URL"),
            ("hooks.example.org/x", "not a URL"),
            ("ftp://example.org/x", "`ftp:`"),
            ("file:///etc/passwd", "`file:`"),
            ("http://", "not a URL"),
        ] {
            let bad = Receiver::new(address).unwrap_err().to_string();
            assert!(bad.contains(told), "{address}: {bad}");
        }
        assert!(Receiver::new("http://127.0.0.1:1/hook").is_ok());
        // A machine without certificates says so, and only for https.
        let secure = Receiver::new("https://example.org/hook");
        assert!(matches!(secure, Ok(_) | Err(BadDestination::Tls(_))), "{secure:?}");
    }

    #[test]
    fn the_address_is_not_shown() {
        let receiver = Receiver::new("http://u:pw@example.org/services/T0/secret?key=k").unwrap();
        let shown = format!("{receiver:?}");
        for part in ["pw", "secret", "key"] {
            assert!(!shown.contains(part), "{shown}");
        }
    }

    #[test]
    fn a_wait_is_told_in_seconds_or_not_at_all() {
        for (told, expected) in
            [("120", 120), (" 7 ", 7), ("-1", 0), ("Fri, 31 Dec 1999 23:59:59 GMT", 0), ("", 0)]
        {
            let headers = [(RETRY_AFTER, told.parse().unwrap())].into_iter().collect();
            assert_eq!(wait(&headers), Span::from_secs(expected), "{told}");
        }
        let asked = judge(StatusCode::TOO_MANY_REQUESTS, Span::from_secs(120)).unwrap_err();
        assert_eq!((asked.retry, asked.wait), (true, Span::from_secs(120)));
    }

    #[test]
    fn a_status_says_whether_to_try_again() {
        for (status, expected) in [
            (200, None),
            (202, None),
            (204, None),
            (301, Some(false)),
            (307, Some(false)),
            (400, Some(false)),
            (401, Some(false)),
            (404, Some(false)),
            (408, Some(true)),
            (410, Some(false)),
            (429, Some(true)),
            (500, Some(true)),
            (503, Some(true)),
        ] {
            let verdict = judge(StatusCode::from_u16(status).unwrap(), Span::ZERO);
            assert_eq!(verdict.err().map(|error| error.retry), expected, "{status}");
        }
    }

    #[test]
    fn a_pass_is_a_token_or_a_name_and_a_password_and_is_never_shown() {
        assert!(matches!(Pass::read(" t0ken \n"), Ok(Pass::Bearer(token)) if token == "t0ken"));
        assert!(
            matches!(Pass::read("drills\n\npa ss\n"), Ok(Pass::Basic(name, word)) if name == "drills" && word == "pa ss")
        );
        for wrong in ["", "\n", "a\nb\nc", "a:b\nc", "t\u{7}k", "tökn"] {
            assert_eq!(Pass::read(wrong).err(), Some(BadPass), "{wrong:?}");
        }
        assert!(!format!("{:?}", Pass::read("canary")).contains("canary"));
    }
}
