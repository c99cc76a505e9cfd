//! `gameday schedule`: drills that are to begin by themselves, while `gameday serve` runs. What people are told of them is
//! written by `invite`.

pub(super) mod invite;

mod signing;

use super::{
    block_on,
    exit::{Exit, Failure},
    home::Home,
    preflight::Entry,
    routes,
    serve::{
        booking::{Booked, Bookings, HOURS, asked},
        shelves::Shelves,
    },
    shelf::Shelf,
    show, wire,
};
use crate::{
    base::{At, DrillId, EntryId, Person, Span, limits},
    calendar::{Calendar, Command, Moment, Occurrence, State, When},
    console::{Denied, Order},
    report::wording::tame,
    scenario::roster::Shift,
    seed::Seed,
};
use jiff::{civil::Date, tz::TimeZoneDatabase};
use serde::Serialize;
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  gameday schedule add pool-shrink --at \"2026-12-01 14:00 Europe/Berlin\" --responder ana --responder ben
  gameday schedule add pool-shrink --window \"2026-W50 Europe/Berlin\" --holiday 2026-12-08
  gameday schedule add pool-shrink --every \"1st tue 14:00 Europe/Berlin\" --autopilot
  gameday schedule list
  gameday schedule move s-7f3ab --at \"2026-12-02 14:00 Europe/Berlin\"
  gameday schedule cancel s-7f3ab --day 2027-01-05
  gameday schedule invite s-7f3ab --out drill.ics
  gameday schedule sign-up s-7f3ab cem

`gameday serve` begins what is planned, and may run meanwhile. A start that would be more than 60 seconds late is missed.";

const ADD: &str = "\
Examples:
  gameday schedule add pool-shrink --at \"2026-12-01 14:00 Europe/Berlin\"
  gameday schedule add pool-shrink --at 2026-12-01T13:00:00Z --autopilot --seed 7
  gameday schedule add pool-shrink --at \"2026-12-01 14:00 Europe/Berlin\" --responder ana --comcheck 168h
  gameday schedule add pool-shrink --window \"2026-W50 Europe/Berlin\" --code-blue --instigator ina
  gameday schedule add pool-shrink --at 2026-12-01T13:00:00Z --shift \"0s ana,ben,eva\" --shift \"10m cem,dia,fin\" --instigator ina
  gameday schedule add pool-shrink --window \"2026-W50 Europe/Berlin\" --hours 10:00-16:00 --holiday 2026-12-08
  gameday schedule add pool-shrink --every \"mon,thu 09:30 Asia/Tokyo\" --until 2027-06-30
  gameday schedule add pool-shrink --every \"15th,last day 10:00 UTC\" --times 6
  gameday schedule add pools --scenarios drills/ --at \"2026-12-01 14:00 Europe/Berlin\" --variant east
  gameday schedule add my-drill --scenarios drills/ --every \"last fri 14:00 Europe/Berlin\" --unrehearsed \"a first try\"";

/// Days of each series that are listed.
const LISTED: usize = 5;

/// Plans drills that begin by themselves: at a moment, as a surprise in a week, or again and again
///
/// What would keep a drill from beginning is told now, each with its code: a scenario with problems or without a rehearsal,
/// a roster that does not fit, a target that is taken then.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Schedule {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Puts a drill, or a series of drills, on the calendar
    #[command(after_help = ADD)]
    Add(Box<Add>),
    /// Lists what is planned, and what was missed; the moment of a surprise stays hidden
    #[command(
        after_help = "Examples:\n  gameday schedule list\n  gameday schedule list --json | jq -r '.planned[].told'\n  gameday schedule list --reveal"
    )]
    List {
        /// Shows the moments of surprises, too
        #[arg(long)]
        reveal: bool,
        /// Prints JSON
        #[arg(long)]
        json: bool,
    },
    /// Gives a drill another moment, which is announced; of a series the one of `--day`
    #[command(
        after_help = "Examples:\n  gameday schedule move s-7f3ab --at \"2026-12-02 14:00 Europe/Berlin\"\n  gameday schedule move s-9k2cd --day 2027-01-05 --at \"2027-01-07 14:00 Europe/Berlin\""
    )]
    Move {
        #[command(flatten)]
        which: Which,
        /// The new moment: `2026-12-02 14:00 Europe/Berlin`
        #[arg(long, value_name = "TIME")]
        at: String,
    },
    /// Calls a drill off; a series as a whole, or one day of it
    #[command(
        after_help = "Examples:\n  gameday schedule cancel s-7f3ab\n  gameday schedule cancel s-9k2cd --day 2027-01-05"
    )]
    Cancel {
        #[command(flatten)]
        which: Which,
    },
    SignUp(Box<signing::SignUp>),
    Withdraw(signing::Withdraw),
    /// Begins a drill as soon as its target is steady; of a series the next one
    #[command(after_help = "Examples:\n  gameday schedule now s-7f3ab")]
    Now {
        #[command(flatten)]
        which: Which,
    },
    /// Writes the invitation as it stands: an e-mail's text, and a file for people's calendars; of a series to the next one
    #[command(after_help = invite::EXAMPLES)]
    Invite(invite::Invite),
}

/// Which drill is meant.
#[derive(Debug, clap::Args)]
struct Which {
    /// What `gameday schedule list` calls it
    #[arg(value_name = "ID")]
    id: EntryId,
    /// The day of a series, as the list names it: `2027-01-05`
    #[arg(long, value_name = "DAY")]
    day: Option<Date>,
}

#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("when").required(true).args(["at", "window", "every"]))]
struct Add {
    /// A scenario of the library: built in, or in a folder of `--scenarios`
    scenario: String,
    /// At this moment: `2026-12-01 14:00 Europe/Berlin`
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    /// A surprise in the business hours of this week: `2026-W50 Europe/Berlin`
    #[arg(long, value_name = "WEEK")]
    window: Option<String>,
    /// The hours of a surprise
    #[arg(long, value_name = "HOURS", default_value = HOURS, requires = "window")]
    hours: String,
    /// A day of that week on which nobody works; may be repeated
    #[arg(long, value_name = "DAY", requires = "window")]
    holiday: Vec<Date>,
    /// Again and again: `tue 14:00 Europe/Berlin`, `mon,thu 09:30 Asia/Tokyo`, `last fri 14:00 UTC`, or by the days of a month `1st,15th 10:00 UTC`, `last day 10:00 UTC`
    #[arg(long, value_name = "RULE")]
    every: Option<String>,
    /// The last day of a series; without it, it goes on
    #[arg(long, value_name = "DAY", requires = "every", conflicts_with = "times")]
    until: Option<Date>,
    /// How often a series takes place
    #[arg(long, value_name = "N", requires = "every", value_parser = clap::value_parser!(u32).range(1..=i64::from(limits::SERIES_TIMES_MAX)))]
    times: Option<u32>,
    /// Plays this variant of the scenario; else the seed of each drill draws one
    #[arg(long, value_name = "NAME")]
    variant: Option<String>,
    /// Each responder must have answered a comcheck so shortly before the start, or it does not begin
    #[arg(long, value_name = "SPAN")]
    comcheck: Option<Span>,
    /// Everybody is called when it begins, and may come: nobody is named
    #[arg(long, conflicts_with_all = ["responder", "shift"])]
    code_blue: bool,
    /// Who is on from when after the start, in a long drill: `2h cem,dia`; may be repeated, and the first begins at `0s`
    #[arg(long, value_name = "SHIFT")]
    shift: Vec<Shift>,
    /// The scenario's own responders play
    #[arg(long)]
    autopilot: bool,
    /// Where randomness begins; a fresh one by default
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// A folder of scenarios of your own, as `gameday serve` has it; may be repeated
    #[arg(long, value_name = "DIR")]
    scenarios: Vec<PathBuf>,
    /// Prints JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    entry: Entry,
    #[command(flatten)]
    routes: routes::File,
    #[command(flatten)]
    shelf: Shelf,
}

/// A day of the list, in JSON.
#[derive(Serialize)]
struct Line<'a> {
    id: &'a EntryId,
    day: Date,
    drill: DrillId,
    scenario: &'a str,
    title: &'a str,
    target: &'a str,
    /// When, as people may read it.
    told: String,
    /// The instant; nothing for a surprise, and where the time is not there on that day.
    at: Option<At>,
    /// The rule of a series.
    every: Option<String>,
    /// Its last day, if it has an end.
    until: Option<Date>,
    /// The variant that somebody named, for whoever asks for what is hidden.
    variant: Option<&'a str>,
    state: &'static str,
    /// Who takes part as things are.
    responders: Vec<Person>,
    instigators: Vec<Person>,
    trainers: Vec<Person>,
    observers: Vec<Person>,
    /// Everybody is called when it begins.
    code_blue: bool,
    /// Who is on from when after the start.
    shifts: Vec<Shift>,
    /// Why it was not to be.
    why: Option<String>,
}

/// A series of which nothing is to come, in JSON.
#[derive(Serialize)]
struct Ended<'a> {
    id: &'a EntryId,
    scenario: &'a str,
    target: &'a str,
    /// When it took place, as people may read it.
    told: String,
}

/// The list in JSON.
#[derive(Serialize)]
struct Listed<'a> {
    planned: Vec<Line<'a>>,
    past: Vec<Line<'a>>,
    /// Series that have come to their end.
    ended: Vec<Ended<'a>>,
}

/// What was planned, in JSON.
#[derive(Serialize)]
struct Added<'a> {
    id: &'a EntryId,
    /// The first drill.
    drill: &'a DrillId,
    told: String,
    /// Days on which it is not held: its time does not exist then, or exists twice.
    not_held: Vec<Date>,
    /// Who has to sign up before it can begin, if people were named.
    lacking: Option<String>,
}

/// What a refusal becomes on the command line.
fn refused(what: &str, denied: Denied) -> Failure {
    let message = format!("could not {what}: {}", denied.error);
    let (mut failure, is_time) = match denied.code {
        "bad-time" | "bad-reason" | "which-day" => (Failure::usage(message), denied.code == "bad-time"),
        "no-calendar" => (Failure::world(message), false),
        _ => (Failure::refused(message), false),
    };
    if is_time {
        failure = failure.with_help(
            "Times are written like `2026-12-01 14:00 Europe/Berlin`, weeks like `2026-W50 Europe/Berlin`, rules like `1st tue 14:00 Europe/Berlin`, `15th 14:00 Europe/Berlin` or `last day 14:00 Europe/Berlin`, last days of series like `2027-06-30`.",
        );
    }
    for bar in &denied.bars {
        failure.message.push_str(&format!("\n  {}: {}\n    {}", bar.code, bar.says, bar.help));
    }
    Failure { bars: denied.bars, ..failure }
}

impl Schedule {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        block_on(async {
            let home = Home::open()?;
            match self.verb {
                Verb::Add(add) => add.run(home).await,
                Verb::List { reveal, json } => list(&home, reveal, json).await,
                Verb::Invite(invite) => invite.run(&home).await,
                Verb::Move { which, at } => {
                    let to = Moment::read(jiff::tz::db(), &at).map_err(|why| {
                        let error = format!("could not understand the time `{at}`: {why}");
                        refused("move the drill", Denied::new("bad-time", error))
                    })?;
                    let Which { id: entry, day } = which;
                    let command = Command::Move { entry, day, to, by: somebody() };
                    change(&home, "move the drill", &command, "It is announced for then.").await
                }
                Verb::Cancel { which: Which { id: entry, day } } => {
                    let command = Command::Cancel { entry, day, by: somebody() };
                    change(&home, "call the drill off", &command, "Called off.").await
                }
                Verb::SignUp(sign_up) => sign_up.run(home).await,
                Verb::Withdraw(withdraw) => withdraw.run(&home).await,
                Verb::Now { which: Which { id: entry, day } } => {
                    let command = Command::StartNow { entry, day, by: somebody() };
                    let said = "It begins as soon as its target is steady, if `gameday serve` runs.";
                    change(&home, "begin the drill", &command, said).await
                }
            }
        })
    }
}

/// Whoever may type here.
fn somebody() -> Person {
    "terminal".parse().expect("it is a name")
}

async fn change(home: &Home, what: &str, command: &Command, said: &str) -> Result<Exit, Failure> {
    let schedule = wire::open_books(home).await?.schedule;
    schedule.ask(command).await.map_err(|error| {
        refused(what, error.into()).with_help("`gameday schedule list` shows what is planned, with its days.")
    })?;
    show::line(said)?;
    Ok(Exit::Done)
}

impl Add {
    async fn run(self, home: Home) -> Result<Exit, Failure> {
        let what = "plan the drill";
        let (order, seed, json) = self.order();
        let books = wire::open_books(&home).await?;
        let shelves = Shelves::new(home.clone(), self.shelf, self.scenarios);
        let zones = books.schedule.zones().clone();
        let ask = asked(&zones, &order).map_err(|denied| refused(what, denied))?;
        let ask = ask.ok_or_else(|| Failure::usage("could not plan the drill: say when"))?;
        let means = self.routes.standing(&home)?;
        let bookings = Bookings { home, books, shelves, means };
        let booked = bookings.plan(&order, ask, seed, (somebody(), None)).await;
        let Booked { entry, drill, gaps, lacking } =
            booked.map_err(|denied| refused(what, denied).told(json))?;
        let told = entry.when.to_string();
        if json {
            show::json(&Added { id: &entry.id, drill: &drill, told, not_held: gaps, lacking })?;
            return Ok(Exit::Done);
        }
        show::line(&format!("{} is planned: {}, {told}.", entry.id, tame(&entry.title)))?;
        for day in gaps {
            show::line(&format!("Not on {day}: its time does not exist on that day, or exists twice."))?;
        }
        if let Some(lacking) = lacking {
            show::line(&format!("Before it can begin, others have to sign up: {lacking}."))?;
        }
        show::line("`gameday serve` begins it, and has to run then.")?;
        Ok(Exit::Done)
    }

    fn order(&self) -> (Order, Seed, bool) {
        let order = Order {
            scenario: self.scenario.clone(),
            at: self.at.clone(),
            window: self.window.clone(),
            hours: Some(self.hours.clone()),
            holidays: self.holiday.iter().map(Date::to_string).collect(),
            every: self.every.clone(),
            until: self.until.map(|day| day.to_string()),
            times: self.times,
            variant: self.variant.clone(),
            responders: self.entry.responder.clone(),
            instigators: self.entry.instigator.clone(),
            autopilot: self.autopilot,
            unrehearsed: self.entry.unrehearsed.clone(),
            roster_anyway: self.entry.roster_anyway.clone(),
            comcheck: self.comcheck.map(|span| span.to_string()),
            code_blue: self.code_blue,
            shifts: self.shift.iter().map(Shift::to_string).collect(),
        };
        (order, self.seed.map_or_else(Seed::fresh, Seed), self.json)
    }
}

async fn list(home: &Home, reveal: bool, json: bool) -> Result<Exit, Failure> {
    let schedule = wire::open_books(home).await?.schedule;
    let calendar = schedule.look().await.map_err(Failure::io("read the calendar"))?;
    let listed = listed(&calendar, schedule.zones(), reveal);
    if json {
        show::json(&listed)?;
        return Ok(Exit::Done);
    }
    if listed.planned.is_empty() {
        show::line("Nothing is planned. `gameday schedule add` does it.")?;
    }
    for line in &listed.planned {
        let every = line.every.as_deref().map(|rule| format!(", every {rule}")).unwrap_or_default();
        let until = line.until.map(|until| format!(", until {until}")).unwrap_or_default();
        let variant = line.variant.map(|name| format!(", variant {}", tame(name))).unwrap_or_default();
        show::line(&format!(
            "{}  {}  {}{variant}, on {}{every}{until}",
            line.id,
            line.told,
            tame(line.scenario),
            tame(line.target)
        ))?;
        let sides = [
            ("responders", &line.responders),
            ("instigators", &line.instigators),
            ("trainers", &line.trainers),
            ("observers", &line.observers),
        ];
        for (side, people) in sides.into_iter().filter(|(_, people)| !people.is_empty()) {
            let names: Vec<_> = people.iter().map(Person::as_str).collect();
            show::line(&format!("    {side}: {}", names.join(", ")))?;
        }
        if line.code_blue {
            show::line("    Code Blue: everybody is called when it begins")?;
        }
        for shift in &line.shifts {
            show::line(&format!("    {}", shift.told()))?;
        }
    }
    for line in listed.past.iter().filter(|line| line.why.is_some()) {
        let why = tame(line.why.as_deref().unwrap_or_default());
        show::line(&format!("{}  {}  {}: {}: {why}", line.id, line.told, tame(line.scenario), line.state))?;
    }
    for series in &listed.ended {
        let Ended { id, scenario, target, told } = series;
        show::line(&format!("{id}  ended  {}, on {}, {told}", tame(scenario), tame(target)))?;
    }
    Ok(Exit::Done)
}

fn listed<'a>(calendar: &'a Calendar, zones: &TimeZoneDatabase, reveal: bool) -> Listed<'a> {
    let line = |one: Occurrence<'a>| {
        let (state, why) = match &one.state {
            State::Waiting => ("planned", None),
            State::Begun { .. } => ("begun", None),
            State::Missed { .. } => ("missed", Some("no server began it in time".to_owned())),
            State::Skipped(why) => ("skipped", Some(why.clone())),
            State::Failed(why) => ("failed", Some(why.clone())),
            State::Cancelled => ("cancelled", None),
        };
        let hidden = one.hidden && !reveal;
        let moment = one.moment.as_ref().ok();
        let told = moment.filter(|_| one.hidden && reveal).map_or_else(|| one.told(), ToString::to_string);
        let series = match &one.entry.when {
            When::Every(series) => Some(series),
            _ => None,
        };
        Line {
            id: &one.entry.id,
            day: one.day,
            drill: one.drill(),
            scenario: &one.entry.wanted.scenario,
            title: &one.entry.title,
            target: &one.entry.target,
            told,
            at: moment.filter(|_| !hidden).map(|moment| moment.at),
            every: series.map(|series| series.rule.to_string()),
            until: series.and_then(|series| series.until),
            variant: one.entry.wanted.variant.as_deref().filter(|_| reveal),
            state,
            responders: one.wanted.responders.clone(),
            instigators: one.wanted.instigators.clone(),
            trainers: one.wanted.trainers.clone(),
            observers: one.wanted.observers.clone(),
            code_blue: one.wanted.code_blue,
            shifts: one.wanted.shifts.clone(),
            why,
        }
    };
    let mut coming = calendar.upcoming(zones, LISTED);
    // What is hidden stands at the end: its place would tell.
    coming.sort_by_key(|one| one.hidden && !reveal);
    let past: Vec<_> = calendar.past(zones).into_iter().rev().take(limits::ENTRIES_MAX).map(line).collect();
    let ended = calendar.ended(zones).into_iter().rev().take(limits::ENTRIES_MAX);
    let ended = ended.map(|entry| Ended {
        id: &entry.id,
        scenario: &entry.wanted.scenario,
        target: &entry.target,
        told: entry.when.to_string(),
    });
    Listed { planned: coming.into_iter().map(line).collect(), past, ended: ended.collect() }
}
