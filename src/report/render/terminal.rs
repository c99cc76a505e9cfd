//! Boards as plain text for a terminal. Nothing that a person typed can act on it.

use crate::{
    base::{At, Span},
    drill::event::offset,
    report::{
        board::{BoardAction, BoardAlarm, InstigatorBoard, Phase, ResponderBoard, SecondAct},
        ticket::Ticket,
        wording::{self, events, tame, time},
    },
    scenario::{AlarmSeverity, severity::DONT_KNOW},
};
use std::fmt::Write as _;

/// How many lines of the channel are shown.
const TAIL: usize = 12;

fn phase(phase: Phase) -> &'static str {
    match phase {
        Phase::Preparing => "preparing",
        Phase::Running => "running",
        Phase::Ending => "over, faults are being taken back",
        Phase::Closed => "closed",
    }
}

fn put(out: &mut String, line: &str) {
    let _ = writeln!(out, "{}", line.trim_end());
}

/// What a responder sees.
pub fn responder(board: &ResponderBoard) -> String {
    let mut out = String::new();
    put(&mut out, &format!("EXERCISE  {}  [{}]", tame(&board.title), board.drill));
    put(&mut out, &format!("{}  {}", offset(board.start, board.now), phase(board.phase)));
    let declared = board
        .declared
        .as_deref()
        .map_or_else(|| "no incident declared".to_owned(), |text| format!("INCIDENT: {}", tame(text)));
    put(&mut out, &declared);
    put(&mut out, "");
    alarms(&mut out, &board.alarms);
    roles(&mut out, board);
    status(&mut out, board);
    for ticket in &board.tickets {
        put(&mut out, &format!("ticket    {}", ticket_line(ticket)));
    }
    if !board.severity.is_empty() {
        let answered = board.severity.iter().filter(|question| question.answer.is_some()).count();
        put(&mut out, &format!("severity  {answered} of {} answered", board.severity.len()));
    }
    if let Some(decision) = &board.decision {
        let at = offset(board.start, decision.at);
        put(&mut out, &format!("decided   {} ({at}): {}", decision.option, tame(&decision.because)));
    } else if !board.ladder.is_empty() {
        let options: Vec<_> = board.ladder.iter().map(|option| option.name.as_str()).collect();
        put(&mut out, &format!("decide    nothing yet; one of {}", options.join(", ")));
    }
    let open = board.actions.iter().filter(|one| one.closed.is_none());
    for action in open {
        put(&mut out, &format!("to do     {}", action_line(action)));
    }
    for page in &board.pages {
        let at = offset(board.start, page.at);
        put(
            &mut out,
            &format!("paged     {} by {} ({at}): {}", page.with.reaches(), page.by, tame(&page.text)),
        );
    }
    if !board.hints.is_empty() {
        put(&mut out, &format!("hints     {}", tame(&board.hints.join(", "))));
    }
    for question in &board.questions {
        put(&mut out, &format!("question  {}", tame(question)));
    }
    channel(&mut out, board);
    out
}

fn alarms(out: &mut String, alarms: &[BoardAlarm]) {
    if alarms.is_empty() {
        put(out, "alarms    none active");
    }
    for alarm in alarms {
        let loud = match alarm.severity {
            Some(AlarmSeverity::Page) => "PAGE",
            Some(AlarmSeverity::Warning) => "warn",
            Some(AlarmSeverity::Info) | None => "info",
        };
        let acked = alarm
            .acked_by
            .as_ref()
            .map_or_else(|| "NOT ACKNOWLEDGED".to_owned(), |by| format!("ack by {by}"));
        put(
            out,
            &format!(
                "alarm     {loud}  {}  for {}  {acked}  {}",
                alarm.alarm,
                time(alarm.age),
                tame(&alarm.summary)
            ),
        );
    }
}

fn roles(out: &mut String, board: &ResponderBoard) {
    let held: Vec<_> =
        board.roles.iter().filter_map(|one| Some(format!("{} {}", one.role, one.holder.as_ref()?))).collect();
    let held = if held.is_empty() { "nobody holds one yet".to_owned() } else { held.join(", ") };
    put(out, &format!("roles     {held}"));
}

fn status(out: &mut String, board: &ResponderBoard) {
    let Some(status) = &board.status else {
        put(out, "status    none sent yet");
        return;
    };
    let overdue = status.next_due.filter(|due| *due < board.now).map_or(String::new(), |due: At| {
        let late: Span = board.now.since(due);
        format!(", the next is overdue by {}", time(late))
    });
    put(
        out,
        &format!(
            "status    {} {} ago (#{}){overdue}: {}",
            events::status_state(status.state),
            time(status.age),
            status.seq,
            tame(&status.text)
        ),
    );
}

/// `2  ana  ask the metadata people for their figures`.
fn action_line(action: &BoardAction) -> String {
    let owner = action.owner.as_deref().map_or_else(|| "nobody's".to_owned(), tame);
    format!("{}  {owner}  {}", action.number, tame(&action.text))
}

/// The action list, closed entries last.
pub fn actions(board: &ResponderBoard) -> String {
    let mut out = String::new();
    let (open, closed): (Vec<_>, Vec<_>) = board.actions.iter().partition(|one| one.closed.is_none());
    for action in open {
        put(&mut out, &action_line(action));
    }
    for action in closed {
        let how = match action.closed {
            Some((_, true)) => "done",
            _ => "dropped",
        };
        put(&mut out, &format!("{}  ({how})", action_line(action)));
    }
    if out.is_empty() {
        put(&mut out, "Nothing is on the list: `gameday action add` puts something on it.");
    }
    out
}

/// `t1  top-priority  on session  Nobody can log in  (open, 2 updates in it, copied ana)`.
fn ticket_line(ticket: &Ticket) -> String {
    let priority = ticket.priority.map_or(String::new(), |priority| format!("{priority}  "));
    let on = ticket.on.as_deref().map_or(String::new(), |on| format!("on {}  ", tame(on)));
    let stands = if ticket.closed.is_some() { "closed" } else { "open" };
    let updates = wording::count(ticket.mirrors().count(), "update");
    let cc = if ticket.cc.is_empty() { "nobody".to_owned() } else { tame(&ticket.cc.join(", ")) };
    format!("{}  {priority}{on}{}  ({stands}, {updates} in it, copied: {cc})", ticket.id, tame(&ticket.title))
}

/// Tickets with everything that was done to them. `start` is StartEx.
pub fn tickets<'t>(tickets: impl IntoIterator<Item = &'t Ticket>, start: At) -> String {
    let mut out = String::new();
    for ticket in tickets {
        put(&mut out, &ticket_line(ticket));
        if !ticket.text.is_empty() {
            put(&mut out, &format!("  {}", tame(&ticket.text)));
        }
        for entry in &ticket.entries {
            put(&mut out, &format!("  {:<9} {} {}", offset(start, entry.at), entry.by, tame(&entry.text)));
        }
    }
    if out.is_empty() {
        put(&mut out, "No ticket is there: `gameday ticket open` opens one.");
    }
    out
}

/// The decision ladder, and the team's last decision.
pub fn ladder(board: &ResponderBoard) -> String {
    let mut out = String::new();
    if board.ladder.is_empty() {
        put(&mut out, "This drill offers no decision ladder.");
        return out;
    }
    put(&mut out, "What may be decided, the slightest perturbation first:");
    for option in &board.ladder {
        put(&mut out, &format!("  {:<10}  {}", option.name, option.says));
    }
    let last = board.decision.as_ref().map_or_else(
        || "none yet".to_owned(),
        |last| {
            let at = offset(board.start, last.at);
            format!("{} by {} ({at}): {}", last.option, last.by, tame(&last.because))
        },
    );
    put(&mut out, &format!("decision: {last}"));
    out
}

/// The severity checklist with its options and the team's last answers.
pub fn severity(board: &ResponderBoard) -> String {
    let mut out = String::new();
    for question in &board.severity {
        let how = if question.many { "any of" } else { "one of" };
        put(&mut out, &format!("{}  {}", tame(&question.name), tame(&question.asks)));
        put(&mut out, &format!("  {how}: {}; or {DONT_KNOW}", tame(&question.options.join(", "))));
        let answer = match (&question.answer, question.answered) {
            (Some(answer), Some(at)) => {
                format!("{} ({})", tame(&answer.to_string()), offset(board.start, at))
            }
            _ => "none yet".to_owned(),
        };
        put(&mut out, &format!("  answer: {answer}"));
    }
    if out.is_empty() {
        put(&mut out, "This drill asks no severity checklist.");
    }
    out
}

fn channel(out: &mut String, board: &ResponderBoard) {
    put(out, "");
    let skip = board.channel.len().saturating_sub(TAIL);
    for line in &board.channel[skip..] {
        put(out, &format!("{:<9} {}", offset(board.start, line.at), tame(&line.text)));
    }
}

/// What an instigator sees.
pub fn instigator(board: &InstigatorBoard) -> String {
    let mut out = responder(&board.responders);
    put(&mut out, "");
    put(&mut out, "-- for instigators only --");
    let service = match board.restored {
        None => "no symptom yet",
        Some(false) => "broken, as measured",
        Some(true) => "restored, as measured",
    };
    put(&mut out, &format!("service   {service}"));
    for (class, figures) in &board.measured {
        put(
            &mut out,
            &format!(
                "measured  {class}: {} of {} failed, p95 {} ms",
                wording::percent(figures.failed),
                figures.sent,
                figures.p95_ms
            ),
        );
    }
    for one in &board.injections {
        put(
            &mut out,
            &format!("injection {}  T+{}  {} on {}  {}", one.id, one.at, one.fault, one.target, one.state),
        );
    }
    if board.stumped {
        put(&mut out, "the team is stumped: a question may be asked");
        for (index, question) in board.question_bank.iter().enumerate() {
            put(&mut out, &format!("  {}. {}", index + 1, tame(question)));
        }
    }
    for one in board.held.iter().filter(|one| one.sent.is_none()) {
        let (from, text) = (tame(&one.from), tame(&one.text));
        put(
            &mut out,
            &format!("held      inject {}, about T+{}: {from} to {}: {text}", one.number, one.at, one.to),
        );
    }
    for one in board.messages.iter().filter(|one| one.passed_on.is_none()) {
        put(&mut out, &format!("message   {} by {}: {}", one.seq, one.by, tame(&one.text)));
    }
    if board.second_act == SecondAct::MayBegin {
        put(&mut out, "the first act is concluded: `gameday second-act` begins the second");
    }
    out
}
