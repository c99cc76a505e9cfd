//! `gameday people`: who may be invited, how they are reached, and what they know.

mod prove;

use super::{
    block_on,
    exit::{Exit, Failure},
    home::Home,
    shelf::Shelf,
    show, wire,
};
use crate::{
    base::{At, Person},
    clock::{Clock as _, SystemClock},
    engine::book::AskError,
    people::{About, Change, Command, Email, People as Book, Refusal},
    scenario::roster::{Experience, PrerequisiteId},
};
use serde::Serialize;

const EXAMPLES: &str = "\
Examples:
  gameday people add ana --email ana@example.org --zone Europe/Berlin --experience depot=new
  gameday people change ana --experience depot=practised --attest depot/shell-access
  gameday people list
  gameday people show ana --json
  gameday people answered ana
  gameday people remove ana

Nobody has to be here to play. Rules about experience and prerequisites, and invitations, need what is said here.";

/// Keeps who takes part: how they are reached, their time zone, and how well they know what is broken
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct People {
    #[command(subcommand)]
    verb: Verb,
    /// Prints JSON
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Adds somebody
    #[command(
        after_help = "Examples:\n  gameday people add ana --email ana@example.org --zone Europe/Berlin\n  gameday people add ben --experience depot=seasoned --attest depot/shell-access"
    )]
    Add {
        #[command(flatten)]
        who: Who,
        #[command(flatten)]
        said: Said,
    },
    /// Changes what is known of somebody; what is not named stays
    #[command(
        after_help = "Examples:\n  gameday people change ana --email ana@example.net\n  gameday people change ana --experience depot=practised --retract depot/shell-access\n  gameday people change ana --no-email --no-zone --no-experience depot"
    )]
    Change {
        #[command(flatten)]
        who: Who,
        #[command(flatten)]
        said: Said,
        #[command(flatten)]
        unsaid: Unsaid,
    },
    /// Removes somebody; what they have played stays in the journals
    #[command(after_help = "Examples:\n  gameday people remove ana")]
    Remove {
        #[command(flatten)]
        who: Who,
    },
    /// Lists everybody
    #[command(
        after_help = "Examples:\n  gameday people list\n  gameday people list --json | jq -r '.[].email'"
    )]
    List,
    /// Notes that somebody can be reached: they have answered a comcheck, and somebody has heard it
    #[command(
        after_help = "Examples:\n  gameday people answered ana\n\nPeople answer by themselves on their own page of `gameday serve`."
    )]
    Answered {
        #[command(flatten)]
        who: Who,
    },
    /// Runs the commands that prove a scenario's prerequisites, here and as you, and notes what somebody has
    #[command(
        after_help = "Examples:\n  gameday people prove ana my-drill.yaml\n\nWhat has no command is said: `gameday people change ana --attest PACK/NAME`.\n\nExit codes: 0 all are there, 1 one is not."
    )]
    Prove {
        #[command(flatten)]
        who: Who,
        /// A scenario file, or the name of a built-in scenario
        scenario: String,
        #[command(flatten)]
        shelf: Box<Shelf>,
    },
    /// Shows what is known of somebody
    #[command(after_help = "Examples:\n  gameday people show ana\n  gameday people show ana --json")]
    Show {
        #[command(flatten)]
        who: Who,
    },
}

#[derive(Debug, clap::Args)]
struct Who {
    /// The name that drills know
    #[arg(value_name = "NAME")]
    person: Person,
}

/// What is to be known.
#[derive(Debug, clap::Args)]
struct Said {
    /// Where they are written to
    #[arg(long, value_name = "ADDRESS")]
    email: Option<Email>,
    /// Their time zone by its IANA name: `Europe/Berlin`
    #[arg(long, value_name = "ZONE")]
    zone: Option<String>,
    /// How well they know the systems of a pack: `depot=new`, `practised` or `seasoned`; may be repeated
    #[arg(long, value_name = "PACK=LEVEL", value_parser = experience)]
    experience: Vec<(String, Experience)>,
    /// A prerequisite that they say to have: `depot/shell-access`; may be repeated
    #[arg(long, value_name = "PACK/NAME")]
    attest: Vec<PrerequisiteId>,
}

/// What is to be known no more.
#[derive(Debug, Default, clap::Args)]
struct Unsaid {
    /// They have no address any more
    #[arg(long, conflicts_with = "email")]
    no_email: bool,
    /// Their zone is not known
    #[arg(long, conflicts_with = "zone")]
    no_zone: bool,
    /// Their experience with a pack is not known; may be repeated
    #[arg(long, value_name = "PACK")]
    no_experience: Vec<String>,
    /// A prerequisite that they have no longer; may be repeated
    #[arg(long, value_name = "PACK/NAME")]
    retract: Vec<PrerequisiteId>,
}

/// Somebody in JSON.
#[derive(Serialize)]
struct Line<'a> {
    name: &'a Person,
    #[serde(flatten)]
    about: &'a About,
    /// When they last answered a comcheck.
    #[serde(skip_serializing_if = "Option::is_none")]
    answered: Option<At>,
}

fn experience(text: &str) -> Result<(String, Experience), String> {
    let (pack, level) = text.split_once('=').ok_or("write a pack and a level: `depot=new`")?;
    let level =
        show::word(level).map_err(|_| format!("`{level}` is not `new`, `practised` or `seasoned`"))?;
    Ok((pack.to_owned(), level))
}

fn change(said: Said, unsaid: Unsaid) -> Change {
    let gone = unsaid.no_experience.into_iter().map(|pack| (pack, None));
    let levels = said.experience.into_iter().map(|(pack, level)| (pack, Some(level)));
    let retracted = unsaid.retract.into_iter().map(|one| (one, false));
    let attested = said.attest.into_iter().map(|one| (one, true));
    Change {
        email: said.email.map(Some).or(unsaid.no_email.then_some(None)),
        zone: said.zone.map(Some).or(unsaid.no_zone.then_some(None)),
        experience: gone.chain(levels).collect(),
        attested: retracted.chain(attested).collect(),
    }
}

impl People {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        let by: Person = "terminal".parse().expect("it is a name");
        let json = self.json;
        block_on(async {
            let home = Home::open()?;
            match self.verb {
                Verb::Add { who: Who { person }, said } => {
                    let command =
                        Command::Add { person: person.clone(), change: change(said, Unsaid::default()), by };
                    let book = ask(&home, "add", &person, &command).await?;
                    told(&book, &person, json)
                }
                Verb::Change { who: Who { person }, said, unsaid } => {
                    let command =
                        Command::Change { person: person.clone(), change: change(said, unsaid), by };
                    let book = ask(&home, "change what is known of", &person, &command).await?;
                    told(&book, &person, json)
                }
                Verb::Remove { who: Who { person } } => {
                    let command = Command::Remove { person: person.clone(), by };
                    ask(&home, "remove", &person, &command).await?;
                    if !json {
                        show::line(&format!("{person} is not known any more."))?;
                    }
                    Ok(Exit::Done)
                }
                Verb::Answered { who: Who { person } } => {
                    let now = SystemClock.now();
                    let command = Command::Answer { person: person.clone(), now, by };
                    let book = ask(&home, "note the answer of", &person, &command).await?;
                    if !json {
                        show::line(&format!("{person} can be reached."))?;
                        return Ok(Exit::Done);
                    }
                    let about = book.about(&person).cloned().unwrap_or_default();
                    show::json(&Line { name: &person, about: &about, answered: book.answered(&person) })?;
                    Ok(Exit::Done)
                }
                Verb::Prove { who: Who { person }, scenario, shelf } => {
                    let scenario = shelf.load(&scenario)?;
                    prove::prove(&home, person, &scenario.roster.prerequisites, json).await
                }
                Verb::List => list(&look(&home).await?, json),
                Verb::Show { who: Who { person } } => {
                    let book = look(&home).await?;
                    if book.about(&person).is_none() {
                        return Err(refused("show", &person, &Refusal::Unknown(person.clone())));
                    }
                    told(&book, &person, json)
                }
            }
        })
    }
}

async fn look(home: &Home) -> Result<Book, Failure> {
    let books = wire::open_books(home).await?;
    books.people.look().await.map_err(Failure::io("read who is known"))
}

/// Changes the book and gives it as it is then.
async fn ask(home: &Home, what: &str, person: &Person, command: &Command) -> Result<Book, Failure> {
    let books = wire::open_books(home).await?;
    let asked = books.people.ask(|people, _| people.decide(jiff::tz::db(), command)).await;
    asked.map_err(|error| match error {
        AskError::Refused(no) => refused(what, person, &no),
        AskError::Store(error) => Failure::world(format!("could not {what} {person}: {error}")),
    })?;
    books.people.look().await.map_err(Failure::io("read who is known"))
}

fn refused(what: &str, person: &Person, no: &Refusal) -> Failure {
    let message = format!("could not {what} {person}: {no}");
    let (failure, help) = match no {
        Refusal::Known(_) => (Failure::refused(message), "`gameday people change` changes what is known."),
        Refusal::Unknown(_) => (
            Failure::refused(message),
            "`gameday people list` names everybody, `gameday people add` adds somebody.",
        ),
        Refusal::Full | Refusal::TooMuch => {
            (Failure::refused(message), "Remove what is not needed any more.")
        }
        Refusal::NoZone(_) | Refusal::NoPack(_) => {
            (Failure::usage(message), "`gameday help people add` shows how it is written.")
        }
    };
    failure.with_help(help)
}

fn list(book: &Book, json: bool) -> Result<Exit, Failure> {
    let lines: Vec<_> =
        book.everybody().map(|(name, about)| Line { name, about, answered: book.answered(name) }).collect();
    if json {
        show::json(&lines)?;
    } else if lines.is_empty() {
        show::line("Nobody is known. `gameday people add` adds somebody.")?;
    } else {
        let row = |Line { name, about, answered }: &Line<'_>| {
            let experience: Vec<_> =
                about.experience.iter().map(|(pack, level)| format!("{pack}={}", level.word())).collect();
            let said = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
            vec![
                name.to_string(),
                said(about.email.as_ref().map(ToString::to_string)),
                said(about.zone.clone()),
                said(answered.map(|at| format!("answered {at}"))),
                experience.join(" "),
            ]
        };
        show::print(&show::table(&lines.iter().map(row).collect::<Vec<_>>()))?;
    }
    Ok(Exit::Done)
}

/// Somebody, as they are known now.
fn told(book: &Book, person: &Person, json: bool) -> Result<Exit, Failure> {
    let Some(about) = book.about(person) else { return Ok(Exit::Done) };
    if json {
        show::json(&Line { name: person, about, answered: book.answered(person) })?;
        return Ok(Exit::Done);
    }
    show::line(person.as_str())?;
    show::line(&format!("  e-mail: {}", about.email.as_ref().map_or("not known", Email::as_str)))?;
    show::line(&format!("  zone: {}", about.zone.as_deref().unwrap_or("not known")))?;
    let answered = book.answered(person).map_or("none answered".to_owned(), |at| format!("answered {at}"));
    show::line(&format!("  comcheck: {answered}"))?;
    for (pack, level) in &about.experience {
        show::line(&format!("  {pack}: {}", level.word()))?;
    }
    for one in &about.attested {
        show::line(&format!("  has {one}"))?;
    }
    Ok(Exit::Done)
}
