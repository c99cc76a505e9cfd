//! `gameday schedule sign-up` and `withdraw`: who takes part in a planned drill.

use super::{Which, change, refused, somebody};
use crate::{
    base::Person,
    calendar::{self, Command, Side},
    cli::{
        exit::{Exit, Failure},
        home::Home,
        preflight::reason,
        serve::{booking::Bookings, shelves::Shelves},
        shelf::Shelf,
        show, wire,
    },
    notify::Means,
    scenario::roster::PrerequisiteId,
};
use serde::Serialize;
use std::path::PathBuf;

/// Signs somebody up for a planned drill; of a series for the one of `--day`
///
/// Every rule about the people is looked at now, and once more when the drill begins: what responders must have, that they do not
/// know the answer, that nobody is on two sides, and how many there may be. Too few are told, and keep it from beginning.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  gameday schedule sign-up s-7f3ab ana
  gameday schedule sign-up s-7f3ab ana --attest depot/shell-access
  gameday schedule sign-up s-7f3ab ina --side instigator
  gameday schedule sign-up s-9k2cd ben --day 2027-01-05 --side observer
  gameday schedule sign-up s-7f3ab eva --roster-anyway \"she only leads the communication\"")]
pub(super) struct SignUp {
    #[command(flatten)]
    which: Which,
    /// Who takes part
    #[arg(value_name = "NAME")]
    person: Person,
    /// On which side: responder, instigator, trainer or observer
    #[arg(long, value_name = "SIDE", default_value = "responder", value_parser = side)]
    side: Side,
    /// A prerequisite of the scenario that they say to have: `depot/shell-access`; may be repeated
    #[arg(long, value_name = "PACK/NAME")]
    attest: Vec<PrerequisiteId>,
    /// Plays although a rule about the people says no; the debrief says why
    #[arg(long, value_name = "REASON", value_parser = reason)]
    roster_anyway: Option<String>,
    /// A folder of scenarios of your own, as `gameday serve` has it; may be repeated
    #[arg(long, value_name = "DIR")]
    scenarios: Vec<PathBuf>,
    /// Prints JSON: {"lacking"}
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    shelf: Shelf,
}

/// Withdraws somebody from a planned drill; of a series from the one of `--day`
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  gameday schedule withdraw s-7f3ab ana
  gameday schedule withdraw s-9k2cd ben --day 2027-01-05")]
pub(super) struct Withdraw {
    #[command(flatten)]
    which: Which,
    /// Who does not take part
    #[arg(value_name = "NAME")]
    person: Person,
}

/// What is told of a sign-up, in JSON.
#[derive(Serialize)]
struct SignedUp {
    /// Who has to sign up before it can begin.
    lacking: Option<String>,
}

fn side(text: &str) -> Result<Side, String> {
    show::word(text).map_err(|_| "a side is responder, instigator, trainer or observer".to_owned())
}

impl SignUp {
    pub(super) async fn run(self, home: Home) -> Result<Exit, Failure> {
        let what = format!("sign {} up", self.person);
        let books = wire::open_books(&home).await?;
        let shelves = Shelves::new(home.clone(), self.shelf, self.scenarios);
        let bookings = Bookings { home, books, shelves, means: Means::default() };
        let asked = calendar::SignUp {
            entry: self.which.id,
            day: self.which.day,
            person: self.person.clone(),
            side: self.side,
            anyway: self.roster_anyway,
            by: somebody(),
        };
        let signed = bookings.sign_up(asked, self.attest).await;
        let lacking = signed.map_err(|denied| refused(&what, denied).told(self.json))?;
        if self.json {
            show::json(&SignedUp { lacking })?;
            return Ok(Exit::Done);
        }
        show::line(&format!("{} takes part as {}.", self.person, self.side.word()))?;
        if let Some(lacking) = lacking {
            show::line(&format!("Before it can begin, others have to sign up: {lacking}."))?;
        }
        Ok(Exit::Done)
    }
}

impl Withdraw {
    pub(super) async fn run(self, home: &Home) -> Result<Exit, Failure> {
        let what = format!("withdraw {}", self.person);
        let said = format!("{} does not take part.", self.person);
        let (entry, day) = (self.which.id, self.which.day);
        let command = Command::Withdraw { entry, day, person: self.person, by: somebody() };
        change(home, &what, &command, &said).await
    }
}
