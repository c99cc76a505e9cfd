//! A step that is a real drill: the learner has one seat, and the autopilot the others.

use super::{
    path::{Part, Step},
    record::{Drilled, Record},
    tabletop::prose,
};
use crate::{
    base::Person,
    cli::{
        exit::{Exit, Failure},
        home::Home,
        play::{Entrance, Play, Played},
        shelf::Shelf,
        show,
        verb::session::{Session, read_link},
    },
    clock::{Clock as _, SystemClock},
    drill::{
        event::{Event, Outcome},
        plan::Admission,
    },
    library::variants::Pick,
    notify::Means,
    report::{Journal, board::Audience, part},
    seed::Seed,
};
use std::path::PathBuf;

/// Plays a step's drill and shows the learner's part beside a practised one.
pub(super) fn play(step: &Step, part: &Part, name: &Person, out: Option<PathBuf>) -> Result<Exit, Failure> {
    let shelf = Shelf::default();
    let seed = Seed::fresh();
    let scenario = shelf.load_one(part.scenario, Pick::Drawn(seed))?;
    if scenario.autopilot.iter().any(|play| play.who == *name) {
        return Err(Failure::usage(format!(
            "could not take the seat as `{name}`: a colleague has this name"
        ))
        .with_help("Choose another one: --as NAME"));
    }
    show::print(&brief(part))?;
    let play = Play {
        documents: shelf.documents(part.scenario)?,
        scenario,
        seed,
        start: None,
        admission: Admission::default(),
        autopilot: true,
        seat: Some(part.seat),
        means: Means::default(),
        entrance: Entrance::Alone(name.clone()),
        out,
        show: Some(Audience::Responder),
    };
    let played = crate::cli::block_on(play.play())?;
    conclude(step, &played)
}

fn brief(part: &Part) -> String {
    let mut text = format!("\x1b[1m{}\x1b[0m\nYou are {}.\n\n", part.title, part.seat);
    text.push_str(&prose(part.about, ""));
    text.push_str("\nYour part, from another terminal or on the page:\n");
    text.extend(part.verbs.iter().map(|verb| format!("  {verb}\n")));
    text.push_str(
        "\nThe outage is real, on a system that is there to be broken. Nobody sees how you do. For an act of yours the \
         others wait three minutes, and then they go on. Ctrl-C stops, and takes everything back.\n\n",
    );
    text
}

/// Gives the learner their seat as soon as the drill answers, and says how it is used.
pub(in crate::cli) fn sit_down(home: Home, person: Person, link: String, tool: String) {
    tokio::spawn(async move {
        if let Err(failure) = seated(&home, &person, &link, &tool).await {
            show::complain(&format!(
                "gameday: {failure}\nJoin by hand: gameday join '{link}' --as {person}\n"
            ));
        }
    });
}

async fn seated(home: &Home, person: &Person, link: &str, tool: &str) -> Result<(), Failure> {
    let (console, token) = read_link(link)?;
    Session::join(&console, &token, person.as_str()).await?.save(home)?;
    show::print(&format!(
        "\nYou have your seat, as {person}. Your page: {link}\n\
         Or in another terminal, with nothing to paste first: gameday board\n\
         The target's operations tool: {tool}\n\n"
    ))
}

/// Keeps how it went, and shows it.
fn conclude(step: &Step, played: &Played) -> Result<Exit, Failure> {
    let home = Home::open()?;
    let journal = Journal::new(&played.journal).map_err(Failure::io("read the journal back"))?;
    let rows = part::own_part(&journal);
    let folder = std::path::absolute(&played.folder).unwrap_or_else(|_| played.folder.clone());
    let drilled = Drilled {
        drill: journal.plan().drill.clone(),
        at: SystemClock.now(),
        outcome: played.outcome,
        parts: rows.len(),
        done: rows.iter().filter(|row| row.own.is_some()).count(),
        folder: folder.display().to_string(),
    };
    if journal.has_started() {
        Record::change(&home, step.name, |record| record.drills.push(drilled.clone()))?;
    }
    let outcome = played.outcome.map_or("unfinished", Outcome::as_str);
    let left = if played.clean { "nothing is left on the target" } else { "SOMETHING MAY BE LEFT" };
    show::print(&format!("\nThe drill ended: {outcome}; {left}.\n"))?;
    show::print(&beside(&journal, &rows))?;
    let refused = played.journal.iter().filter_map(|one| match &one.event {
        Event::Played { refused: Some(why), .. } => Some(why.as_str()),
        _ => None,
    });
    for why in refused {
        show::line(&format!("A colleague could not do their part: {}", crate::report::wording::tame(why)))?;
    }
    show::print(&format!(
        "\nThe debrief tells the whole story, the truth and the figures: {}\nNobody else has seen it.\n",
        folder.join("debrief.html").display()
    ))?;
    Ok(played.exit())
}

/// The learner's part and a practised one, line by line.
fn beside(journal: &Journal<'_>, rows: &[part::Row]) -> String {
    if !journal.has_started() {
        return "It ended before it began.\n".to_owned();
    }
    let mut text = String::from("\n\x1b[1mYour part, beside a practised one\x1b[0m\n");
    for row in rows {
        let turn = row.due.map_or_else(|| "-".to_owned(), |due| journal.offset(due));
        text.push_str(&format!("\n  {turn}  a practised colleague {}\n", row.practised));
        text.push_str(&match &row.own {
            Some((at, words)) => format!("  {}  you: {words}\n", journal.offset(*at)),
            None if row.due.is_none() => "  -  the drill ended before its turn\n".to_owned(),
            None => "  -  you did not come to it\n".to_owned(),
        });
    }
    text
}
