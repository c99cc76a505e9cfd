//! `gameday serve`: the list of drills, the library, and every drill that is begun from there, in one long-running process.
//!
//! Open first: `program`, the office behind the console: it begins drills and finds them again. `planned` begins what the
//! calendar says, `booking` puts something on it; `posting` is how people are told of it; `shelves` is the library with check and
//! rehearsal; `past` lets people read a drill that is over; `secrecy` keeps answers from those who are to play them; `own`
//! is what those may know, and how they take part.

pub(super) mod booking;
mod own;
mod past;
mod planned;
mod posting;
mod program;
mod secrecy;
pub(super) mod shelves;

use super::{
    block_on,
    exit::{Exit, Failure},
    home::Home,
    interrupt::Interrupts,
    routes,
    shelf::Shelf,
    show, wire,
};
use crate::{
    base::Person,
    console::{self, Lobby, PublicUrl},
    drill::event::Hat,
};
use posting::Posting;
use program::Program;
use serde::Serialize;
use shelves::Shelves;
use std::{net::SocketAddr, path::PathBuf, sync::Arc};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

const EXAMPLES: &str = "\
Examples:
  gameday serve
  gameday serve --listen 127.0.0.1:7070 --as ina
  gameday serve --scenarios drills/ --routes routes.yaml
  gameday serve --listen 0.0.0.0:7070 --public-url https://drills.example.org

The link that is printed lets one person in, once, within 72 hours. SIGTERM or Ctrl-C stops a drill that runs and takes
every fault back; a second one leaves at once. Drills that were left unfinished are played on when it starts again.

Exit codes: 0 ended, 1 another server has this home, 2 the address needs TLS in front, 4 it cannot listen.";

/// Lists drills and scenarios in the browser, and lets instigators begin drills
///
/// One process for every drill of this home: planned, running and past, with their debriefs; the library with check and
/// rehearsal; personal invitations. At most one drill at a time has a target.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Serve {
    /// Where it listens
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:7070")]
    listen: SocketAddr,
    /// The address that people use: something with TLS stands in front and passes on what comes
    #[arg(long, value_name = "URL")]
    public_url: Option<PublicUrl>,
    /// The name of the first instigator, whose link is printed
    #[arg(long = "as", value_name = "NAME", default_value = "instigator")]
    name: Person,
    /// A folder of scenarios of your own (`*.yaml`), beside the built-in ones; may be repeated. New ones are written into
    /// the first; without it, into `scenarios` in the state folder
    #[arg(long, value_name = "DIR")]
    scenarios: Vec<PathBuf>,
    #[command(flatten)]
    routes: routes::File,
    /// Prints the line as JSON: {"listen", "link"}
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    shelf: Shelf,
}

/// The line in JSON.
#[derive(Serialize)]
struct Listening<'a> {
    listen: SocketAddr,
    link: &'a str,
}

impl Serve {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        if !self.listen.ip().is_loopback() && self.public_url.is_none() {
            return Err(Failure::usage(format!(
                "could not listen on {}: the console speaks without TLS",
                self.listen
            ))
            .with_help(
                "Put a TLS proxy in front and name its address with --public-url https://NAME, or use a loopback address.",
            ));
        }
        let home = Home::open()?;
        let alone = wire::lock_drill(&home, "serve")?
            .ok_or_else(|| Failure::refused("could not serve: another `gameday serve` has this home"))?;
        let ended = block_on(self.serve(home));
        drop(alone);
        ended
    }

    async fn serve(self, home: Home) -> Result<Exit, Failure> {
        let means = self.routes.standing(&home)?;
        let books = wire::open_books(&home).await?;
        let listener = TcpListener::bind(self.listen)
            .await
            .map_err(Failure::io(format!("listen on {}", self.listen)))?;
        let listen = listener.local_addr().map_err(Failure::io("read the server's address"))?;
        let entrance = console::Entrance {
            listen,
            public: self.public_url,
            people: Some(home.people()),
            audit: Some(home.audit()),
        };
        let lobby = Lobby::new(entrance).map_err(Failure::io(format!(
            "read {} and {}",
            home.people().display(),
            home.audit().display()
        )))?;
        let interrupts = Interrupts::watch();
        let shelves = Shelves::new(home.clone(), self.shelf, self.scenarios);
        let program =
            Program::open(home, Arc::clone(&lobby), shelves, means.clone(), interrupts.clone()).await?;
        lobby.staff(Arc::new(program.clone()));
        program.find_again().await?;
        let posting = means.post.map(|post| Posting::begin(books, post));
        let link = lobby
            .invite(self.name.clone(), Hat::Instigator)
            .ok_or_else(|| Failure::refused("could not invite anybody: there are too many invitations"))?;
        let end = CancellationToken::new();
        let mut server = tokio::spawn(Arc::clone(&lobby).serve(listener, end.clone()));
        if self.json {
            let said = serde_json::to_string(&Listening { listen, link: &link });
            show::line(&said.expect("the line is plain data"))?;
        } else {
            show::line(&format!(
                "gameday serve listens on http://{listen}; {} comes in with {link}",
                self.name
            ))?;
        }
        let broken = tokio::select! {
            () = interrupts.first.cancelled() => None,
            ended = &mut server => Some(ended),
        };
        let exit = program.close().await;
        if let Some(posting) = posting {
            posting.close().await;
        }
        lobby.close();
        end.cancel();
        let ended = match broken {
            Some(ended) => ended,
            None => server.await,
        };
        ended
            .map_err(Failure::io("keep the server up"))?
            .map_err(Failure::io(format!("answer on {listen}")))?;
        Ok(exit)
    }
}
