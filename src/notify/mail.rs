//! Letters by e-mail, through a mail server that an administrator has set. It is spoken to with TLS; only a server on this
//! machine may do without.

use super::{MARK, plain_line};
use crate::{
    base::{At, Span},
    clock::BoxFuture,
    drill::command::DeliveryError,
    people::Email,
    post::Mail,
};
use lettre::{
    AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor,
    message::{
        Attachment, Body, Mailbox, MultiPart, MultiPartKind, SinglePart,
        header::{ContentType, HeaderName, HeaderValue},
    },
    transport::smtp::{
        authentication::Credentials,
        client::{Tls, TlsParameters},
        response::{Category, Severity},
    },
};
use std::{fmt, net::IpAddr, time::SystemTime};

/// How long a mail server may take for each step, and for a letter as a whole.
const TIMEOUT: (Span, Span) = (Span::from_secs(20), Span::from_secs(60));

/// Carries letters. It may be asked to carry one again, with the same id, when an answer was lost.
pub trait Carrier: Send + Sync {
    /// Carries one letter, written at `at`.
    fn carry<'a>(&'a self, mail: &'a Mail, at: At) -> BoxFuture<'a, Result<(), DeliveryError>>;
}

/// A mail server.
pub struct MailServer {
    host: String,
    from: Mailbox,
    transport: AsyncSmtpTransport<Tokio1Executor>,
}

/// A name and a password for a mail server. They are never shown.
pub struct Login {
    name: String,
    password: String,
}

/// Why there is no such mail server.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadMailServer {
    /// Another shape.
    #[error(
        "a mail server is written like smtp://mail.example.org:587 (STARTTLS) or smtps://mail.example.org:465"
    )]
    Shape,
    /// TLS cannot be set up.
    #[error("could not prepare TLS: {0}")]
    Tls(String),
    /// Not two lines.
    #[error("the login of a mail server is two lines: a name and a password")]
    Login,
}

impl Login {
    /// Reads a name and a password, each in a line.
    pub fn read(text: &str) -> Result<Self, BadMailServer> {
        let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        match (lines.next(), lines.next(), lines.next()) {
            (Some(name), Some(password), None) => {
                Ok(Self { name: name.to_owned(), password: password.to_owned() })
            }
            _ => Err(BadMailServer::Login),
        }
    }
}

impl MailServer {
    /// Sends through `address`, in the name of `from`.
    pub fn new(address: &str, from: &Email, login: Option<Login>) -> Result<Self, BadMailServer> {
        let (scheme, place) = address.trim().split_once("://").ok_or(BadMailServer::Shape)?;
        let place = place.trim_end_matches('/');
        let (host, port) = match place.rsplit_once(':') {
            Some((host, port)) => (host, Some(port.parse().map_err(|_| BadMailServer::Shape)?)),
            None => (place, None),
        };
        let is_host = |c: char| c.is_ascii_alphanumeric() || c == '.' || c == '-';
        if host.is_empty() || !host.chars().all(is_host) {
            return Err(BadMailServer::Shape);
        }
        let tls =
            || TlsParameters::new(host.to_owned()).map_err(|error| BadMailServer::Tls(error.to_string()));
        let (tls, usual) = match scheme {
            "smtps" => (Tls::Wrapper(tls()?), 465),
            // On its way to this machine nobody reads it.
            "smtp" if is_here(host) => (tls().map_or(Tls::None, Tls::Opportunistic), 25),
            "smtp" => (Tls::Required(tls()?), 587),
            _ => return Err(BadMailServer::Shape),
        };
        let mut transport = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(host)
            .port(port.unwrap_or(usual))
            .tls(tls)
            .timeout(Some(TIMEOUT.0.std()));
        if let Some(Login { name, password }) = login {
            transport = transport.credentials(Credentials::new(name, password));
        }
        let from = Mailbox::new(
            Some("Gameday".to_owned()),
            from.as_str().parse().map_err(|_| BadMailServer::Shape)?,
        );
        Ok(Self { host: host.to_owned(), from, transport: transport.build() })
    }

    fn message(&self, mail: &Mail, at: At) -> Result<Message, lettre::error::Error> {
        let to = mail.to.as_str().parse().map(|to| Mailbox::new(None, to));
        let since = std::time::Duration::from_millis(u64::try_from(at.millis()).unwrap_or(0));
        let message = Message::builder()
            .from(self.from.clone())
            .to(to.map_err(|_| lettre::error::Error::EmailMissingDomain)?)
            .subject(plain_line(&mail.subject))
            .date(SystemTime::UNIX_EPOCH + since)
            .message_id(Some(format!("<{}>", mail.id)))
            .raw_header(raw("X-Gameday", MARK))
            .raw_header(raw("Auto-Submitted", "auto-generated"));
        let message = match &mail.thread {
            Some(thread) => message.references(format!("<{thread}>")),
            None => message,
        };
        match &mail.calendar {
            Some((method, file)) => message.multipart(with_calendar(&mail.text, method, file)),
            None => message.singlepart(SinglePart::plain(mail.text.clone())),
        }
    }

    /// Whether the server answers and lets us in. Nothing is sent.
    pub async fn check(&self) -> Result<(), DeliveryError> {
        let error = match tokio::time::timeout(TIMEOUT.1.std(), self.transport.test_connection()).await {
            Ok(Ok(true)) => return Ok(()),
            Ok(Ok(false)) => format!("the mail server {} does not answer", self.host),
            Ok(Err(error)) => plain_line(&format!("the mail server {} lets nobody in: {error}", self.host)),
            Err(_) => format!("the mail server {} took too long", self.host),
        };
        Err(DeliveryError { error, retry: true, wait: Span::ZERO })
    }

    async fn send(&self, mail: &Mail, at: At) -> Result<(), DeliveryError> {
        let message = self.message(mail, at).map_err(|error| DeliveryError {
            error: format!("could not write the e-mail: {error}"),
            retry: false,
            wait: Span::ZERO,
        })?;
        match tokio::time::timeout(TIMEOUT.1.std(), self.transport.send(message)).await {
            Ok(Ok(_)) => Ok(()),
            Err(_) => Err(DeliveryError {
                error: format!("the mail server {} took too long", self.host),
                retry: true,
                wait: Span::ZERO,
            }),
            Ok(Err(error)) => Err(DeliveryError {
                retry: !refuses_mailbox(&error),
                error: plain_line(&format!("the mail server {} did not take it: {error}", self.host)),
                wait: Span::ZERO,
            }),
        }
    }
}

/// The text, the calendar file beside it as mailboxes expect it, and as an attachment for all others.
fn with_calendar(text: &str, method: &str, file: &str) -> MultiPart {
    let kind = format!("text/calendar; charset=utf-8; method={method}");
    let kind = ContentType::parse(&kind).expect("it is a content type");
    let both = MultiPart::builder().kind(MultiPartKind::Alternative).boundary("gameday-both");
    let both = both.singlepart(SinglePart::plain(text.to_owned()));
    let both = both.singlepart(SinglePart::builder().header(kind).body(file.to_owned()));
    let attached = ContentType::parse("application/ics").expect("it is a content type");
    let attached = Attachment::new("invite.ics".to_owned()).body(Body::new(file.to_owned()), attached);
    MultiPart::builder()
        .kind(MultiPartKind::Mixed)
        .boundary("gameday-all")
        .multipart(both)
        .singlepart(attached)
}

/// Whether this name is this machine's.
fn is_here(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn raw(name: &'static str, value: &str) -> HeaderValue {
    HeaderValue::new(HeaderName::new_from_ascii_str(name), value.to_owned())
}

/// Whether the server will never take a letter to this mailbox. Everything else, a wrong password too, can be mended.
fn refuses_mailbox(error: &lettre::transport::smtp::Error) -> bool {
    error.status().is_some_and(|code| {
        code.severity == Severity::PermanentNegativeCompletion
            && code.category == Category::MailSystem
            && u16::from(code) != 554
    })
}

impl Carrier for MailServer {
    fn carry<'a>(&'a self, mail: &'a Mail, at: At) -> BoxFuture<'a, Result<(), DeliveryError>> {
        Box::pin(self.send(mail, at))
    }
}

impl fmt::Debug for MailServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MailServer").field("host", &self.host).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(address: &str) -> Result<MailServer, BadMailServer> {
        let login = Login::read("drills\nhunter2\n").unwrap();
        MailServer::new(address, &"drills@example.org".parse().unwrap(), Some(login))
    }

    #[test]
    fn only_mail_servers_are_taken_and_no_password_is_shown() {
        for bad in
            ["", "mail.example.org", "http://mail.example.org", "smtp://", "smtp://a:x", "smtp://u:p@host:25"]
        {
            assert!(matches!(server(bad), Err(BadMailServer::Shape)), "{bad}");
        }
        for good in ["smtp://127.0.0.1:2525", "smtp://localhost", "smtps://mail.example.org"] {
            // A machine without certificates says so.
            match server(good) {
                Ok(server) => assert!(!format!("{server:?}").contains("hunter2")),
                Err(error) => assert!(matches!(error, BadMailServer::Tls(_)), "{error}"),
            }
        }
        for bad in ["", "drills", "drills\nhunter2\nmore"] {
            assert!(Login::read(bad).is_err(), "{bad}");
        }
    }
}
