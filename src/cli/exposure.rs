//! `gameday exposure`: who knows which answer; and what the program itself has seen of that.

use super::{
    block_on,
    exit::{Exit, Failure},
    home::Home,
    preflight::reason,
    shelf::{self, Shelf},
    show,
    wire::{self, Books},
};
use crate::{
    base::{DrillId, Person, names::is_name},
    drill::{
        Drill,
        event::{Event, Hat, Recorded},
    },
    library::Library,
    people::{Command, Exposure as One, How, People},
    report::wording::tame,
};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

const EXAMPLES: &str = "\
Examples:
  gameday exposure ana
  gameday exposure ana pool-shrink
  gameday exposure ana pool-shrink --json | jq .may_play
  gameday exposure add ana pool-shrink --how debriefed --note \"heard it at lunch\"

What is seen in drills and on the server's pages is written down by itself. Whoever knows an answer cannot play: a planned drill
refuses them, with this as its reason.";

/// Says who knows which answer, and therefore may not play it
///
/// Scenarios of one family share their answer; without `family:` in its file a scenario is its own family.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, args_conflicts_with_subcommands = true, arg_required_else_help = true)]
pub(super) struct Exposure {
    #[command(subcommand)]
    verb: Option<Verb>,
    /// Who
    #[arg(value_name = "NAME")]
    person: Option<Person>,
    /// A scenario, or the name of its family; all without it
    #[arg(value_name = "SCENARIO")]
    scenario: Option<String>,
    /// Prints JSON: who, whether they may play, and by family how they know it
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    shelf: Shelf,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Writes down that somebody knows an answer
    #[command(
        after_help = "Examples:\n  gameday exposure add ana pool-shrink --how debriefed --note \"heard it at lunch\"\n  gameday exposure add tom drills/logins.yaml --how wrote"
    )]
    Add(Add),
}

#[derive(Debug, clap::Args)]
struct Add {
    /// Who
    #[arg(value_name = "NAME")]
    person: Person,
    /// A scenario, or the name of its family
    #[arg(value_name = "SCENARIO")]
    scenario: String,
    /// How: wrote, ran, rehearsed, debriefed, played, watched or viewed
    #[arg(long, value_name = "HOW", value_parser = how)]
    how: How,
    /// What is to be remembered of it
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    note: Option<String>,
    #[command(flatten)]
    shelf: Shelf,
}

/// The answer in JSON.
#[derive(Serialize)]
struct Told<'a> {
    person: &'a Person,
    /// Of the scenario that was asked for.
    may_play: Option<bool>,
    exposures: BTreeMap<&'a str, Vec<&'a One>>,
}

fn how(text: &str) -> Result<How, String> {
    show::word(text).map_err(|_| "say wrote, ran, rehearsed, debriefed, played, watched or viewed".to_owned())
}

impl Exposure {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        block_on(async {
            let home = Home::open()?;
            let books = wire::open_books(&home).await?;
            match (self.verb, self.person) {
                (Some(Verb::Add(add)), _) => add.run(&books).await,
                (None, Some(person)) => {
                    let scenario = self.scenario.as_deref();
                    let family = scenario.map(|scenario| family(&self.shelf, scenario)).transpose()?;
                    told(&books, &person, family.as_deref(), self.json).await
                }
                (None, None) => Err(Failure::usage("could not tell an exposure: say whose")
                    .with_help("`gameday help exposure` shows how.")),
            }
        })
    }
}

/// The family of a scenario of the library, or of a family's own name.
fn family(shelf: &Shelf, scenario: &str) -> Result<String, Failure> {
    match shelf.library()?.load(scenario) {
        Ok(loaded) => Ok(loaded.family),
        Err(error) if Library::is_sealed(scenario) => Err(shelf::complain(&error)),
        // It may be a server's own, or gone.
        Err(_) if is_name(scenario) => Ok(scenario.to_owned()),
        Err(_) => Err(Failure::usage(format!("could not find the scenario `{scenario}`"))
            .with_help("Name one of `gameday list`, a file, or a family.")),
    }
}

impl Add {
    async fn run(self, books: &Books) -> Result<Exit, Failure> {
        let family = family(&self.shelf, &self.scenario)?;
        let by: Person = "terminal".parse().expect("it is a name");
        let person = self.person.clone();
        let expose = Command::Expose {
            person: self.person,
            family: family.clone(),
            how: self.how,
            drill: None,
            note: self.note,
            by: Some(by),
        };
        let asked = books.people.ask(|book, _| book.decide(jiff::tz::db(), &expose)).await;
        asked.map_err(Failure::io("write the exposure down"))?;
        show::line(&format!("{person} knows the answer of {family}: {}.", self.how.told()))?;
        Ok(Exit::Done)
    }
}

async fn told(books: &Books, person: &Person, wanted: Option<&str>, json: bool) -> Result<Exit, Failure> {
    let Seen { people, .. } = take_in(books).await?;
    let mut exposures: BTreeMap<&str, Vec<&One>> = BTreeMap::new();
    for (family, one) in people.exposures(person).filter(|(of, _)| wanted.is_none_or(|wanted| wanted == *of))
    {
        exposures.entry(family).or_default().push(one);
    }
    if json {
        let may_play = wanted.map(|_| exposures.is_empty());
        show::json(&Told { person, may_play, exposures })?;
        return Ok(Exit::Done);
    }
    match (wanted, exposures.is_empty()) {
        (Some(family), true) => show::line(&format!("{person} may play {family}."))?,
        (Some(family), false) => show::line(&format!("{person} may not play {family}:"))?,
        (None, true) => show::line(&format!("{person} knows no answer."))?,
        (None, false) => {}
    }
    for (family, all) in exposures {
        for one in all {
            show::line(&format!("  {family}: {}", tame(&one.to_string())))?;
        }
    }
    Ok(Exit::Done)
}

/// What is known of people, with every drill taken in.
pub(super) struct Seen {
    pub(super) people: People,
    /// Drills that are not over, with those who are to play or play them.
    pub(super) live: Vec<Live>,
}

/// A drill that is not over.
pub(super) struct Live {
    pub(super) drill: DrillId,
    pub(super) family: String,
    pub(super) responders: BTreeSet<Person>,
}

/// Writes down who has come to know what in drills since the last time. Those that are over are read again
/// only when somebody has written them up since.
pub(super) async fn take_in(books: &Books) -> Result<Seen, Failure> {
    let failed = || "read who is known".to_owned();
    let people = books.people.look().await.map_err(Failure::io(failed()))?;
    let mut live = Vec::new();
    for entry in books.store.drills().await.map_err(Failure::io("list the drills"))? {
        if people.is_taken_in(&entry.drill, entry.events) {
            continue;
        }
        let journal = books.store.read(&entry.drill, 0).await;
        let journal = journal.map_err(Failure::io(format!("read the journal of {}", entry.drill)))?;
        let Ok(drill) = Drill::fold(&journal) else {
            tracing::warn!(drill = %entry.drill, "who came to know the answer of this drill is not known: its journal cannot be read");
            continue;
        };
        let family = drill.plan().family().to_owned();
        if !drill.is_over() {
            let named = drill.plan().admission.roster.iter().flat_map(|named| named.responders.clone());
            let joined = joined(&journal).filter(|(_, hat)| *hat == Hat::Responder).map(|(person, _)| person);
            let responders = named.chain(joined.cloned()).collect();
            live.push(Live { drill: entry.drill.clone(), family: family.clone(), responders });
        }
        let who = who(&drill, &journal);
        let events = drill.is_over().then_some(journal.len() as u64);
        let seen = Command::TakeIn { drill: entry.drill, family, who, events };
        let asked = books.people.ask(|book, _| book.decide(jiff::tz::db(), &seen)).await;
        asked.map_err(Failure::io("write down who knows the answer"))?;
    }
    let people = books.people.look().await.map_err(Failure::io(failed()))?;
    Ok(Seen { people, live })
}

fn joined(journal: &[Recorded]) -> impl Iterator<Item = (&Person, Hat)> {
    journal.iter().filter_map(|recorded| match &recorded.event {
        Event::Joined { person, hat } => Some((person, *hat)),
        _ => None,
    })
}

/// Who has come to know the answer of a drill: those who run it at once, the others when it has started.
fn who(drill: &Drill, journal: &[Recorded]) -> BTreeMap<Person, How> {
    let players = drill.plan().players();
    let started = drill.started_at().is_some();
    let mut all = BTreeMap::new();
    for (person, hat) in joined(journal).filter(|(person, _)| !players.contains(*person)) {
        let how = match hat {
            Hat::Instigator | Hat::Trainer if drill.plan().admission.rehearsal => How::Rehearsed,
            Hat::Instigator | Hat::Trainer => How::Ran,
            Hat::Responder if started => How::Played,
            Hat::Observer if started => How::Watched,
            Hat::Responder | Hat::Observer => continue,
        };
        all.insert(person.clone(), how);
    }
    all
}
