//! How a server writes to people: through which mail server, in whose name, and how long before a start.

use crate::{
    base::Span,
    cli::{exit::Failure, schedule::invite::reminders, wire::Books},
    clock::SystemClock,
    engine::post::{self, Manner, Postman},
    notify::{MailServer, mail::Login},
    people::Email,
};
use std::{env, fs, os::unix::fs::PermissionsExt as _, path::PathBuf, sync::Arc, time::Duration};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// The variable that holds the login, where no file does.
const LOGIN_VAR: &str = "GAMEDAY_MAIL_LOGIN";
/// How long a server that ends waits for a letter that is under way.
const PATIENCE: Duration = Duration::from_secs(5);

#[derive(Debug, clap::Args)]
pub(super) struct Letters {
    /// Invitations, changes and reminders go out through this mail server: `smtp://HOST:587` (STARTTLS), `smtps://HOST:465`
    #[arg(long, value_name = "URL", requires = "mail_from")]
    mail_server: Option<String>,
    /// Who asks; calendars send their answers there
    #[arg(long, value_name = "ADDRESS", requires = "mail_server")]
    mail_from: Option<Email>,
    /// A file with name and password for the mail server, each in a line, that nobody else can read; without it the variable
    /// `GAMEDAY_MAIL_LOGIN` may hold the same
    #[arg(long, value_name = "FILE", requires = "mail_server")]
    mail_login: Option<PathBuf>,
    /// How long before a start people are reminded; may be repeated. 24h and 1h by default
    #[arg(long, value_name = "SPAN", requires = "mail_server")]
    remind: Vec<Span>,
}

/// Letters that go out until a server ends.
pub(super) struct Posting {
    end: CancellationToken,
    task: JoinHandle<()>,
}

impl Letters {
    /// How letters go out; nothing: they do not.
    pub(super) fn manner(self) -> Result<Option<Manner>, Failure> {
        let (Some(server), Some(from)) = (&self.mail_server, self.mail_from.clone()) else { return Ok(None) };
        let remind = reminders(&self.remind)?;
        let bad = |error: crate::notify::mail::BadMailServer| {
            Failure::usage(format!("could not use the mail server: {error}"))
        };
        let login = self.login()?.map(|text| Login::read(&text)).transpose().map_err(bad)?;
        let carrier = Arc::new(MailServer::new(server, &from, login).map_err(bad)?);
        Ok(Some(Manner { carrier, from, remind }))
    }

    fn login(&self) -> Result<Option<String>, Failure> {
        let Some(path) = &self.mail_login else { return Ok(env::var(LOGIN_VAR).ok()) };
        let failed = || Failure::io(format!("read the login {}", path.display()));
        let mode = fs::metadata(path).map_err(failed())?.permissions().mode();
        if mode & 0o077 != 0 {
            return Err(Failure::usage(format!(
                "could not use the login {}: others can read it",
                path.display()
            ))
            .with_help(format!("Keep it for yourself: chmod 600 {}", path.display())));
        }
        fs::read_to_string(path).map_err(failed()).map(Some)
    }
}

impl Posting {
    /// Letters go out from now on.
    pub(super) fn begin(books: Books, manner: Manner) -> Self {
        let end = CancellationToken::new();
        let books = post::Books { schedule: books.schedule, people: books.people, post: books.post };
        let postman = Postman::new(books, manner, Arc::new(SystemClock));
        Self { task: tokio::spawn(postman.work(end.clone())), end }
    }

    /// No letter goes out any more.
    pub(super) async fn close(self) {
        self.end.cancel();
        let stop = self.task.abort_handle();
        if tokio::time::timeout(PATIENCE, self.task).await.is_err() {
            stop.abort();
        }
    }
}
