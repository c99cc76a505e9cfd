//! The debrief as Markdown that a wiki accepts. Text that somebody typed is escaped in one place, [`safe`].

use super::{figure, html::state};
use crate::{
    report::{
        debrief::{Compared, Debrief, Field, Open, TimelineRow},
        score::Score,
        wording::{self, page},
    },
    scenario::Profile,
};

/// The whole debrief.
pub fn markdown(debrief: &Debrief) -> String {
    let mut page = Page::default();
    header(&mut page, debrief);
    exercise(&mut page, debrief);
    impact(&mut page, debrief);
    story(&mut page, debrief);
    severity(&mut page, debrief);
    response(&mut page, debrief);
    reveal(&mut page, debrief);
    page.heading("Resolution");
    page.paragraph(&safe(&debrief.resolution));
    page.heading("Well, poorly, lucky, surprised");
    page.opens(&debrief.reflections);
    learning(&mut page, debrief);
    scores(&mut page, debrief);
    page.out
}

/// Makes a text harmless in Markdown: one line, no control characters, no markup, no link, no list.
/// Plain words between two backticks stay code.
pub(crate) fn safe(text: &str) -> String {
    let tamed = wording::tame(text);
    let tamed = tamed.trim();
    let parts: Vec<&str> = tamed.split('`').collect();
    let last = parts.len() - 1;
    let paired = !parts.len().is_multiple_of(2);
    let apart = parts.iter().enumerate().all(|(index, part)| index == 0 || index == last || !part.is_empty());
    let plain = |part: &&str| !part.contains(['<', '>', '&', '|', '[', ']', '\\']);
    if last == 0 || !paired || !apart || !parts.iter().skip(1).step_by(2).all(plain) {
        return escaped(tamed);
    }
    let spans = parts
        .iter()
        .enumerate()
        .map(|(index, part)| if index % 2 == 0 { escaped(part) } else { format!("`{part}`") });
    spans.collect()
}

/// ` #4 #17`, for events that show something.
fn seqs(evidence: &[u64]) -> String {
    evidence.iter().take(6).map(|seq| format!(" \\#{seq}")).collect()
}

fn escaped(tamed: &str) -> String {
    let mut safe = String::with_capacity(tamed.len() + 8);
    let mut digits_only = true;
    for (index, c) in tamed.char_indices() {
        let rest = &tamed[index..];
        let escape = match c {
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '|' | '~' | '&' | '#' | '$' => true,
            // At the beginning these would make a list, a rule or a heading.
            '-' | '+' | '=' => index == 0,
            '.' | ')' if index > 0 && digits_only => true,
            // Bare addresses must not become links.
            ':' => rest.starts_with("://"),
            '.' => tamed[..index].to_ascii_lowercase().ends_with("www"),
            _ => false,
        };
        digits_only &= c.is_ascii_digit();
        if escape {
            safe.push('\\');
        }
        safe.push(c);
    }
    safe
}

#[derive(Default)]
struct Page {
    out: String,
}

impl Page {
    fn line(&mut self, text: &str) {
        self.out.push_str(text.trim_end());
        self.out.push('\n');
    }

    fn paragraph(&mut self, text: &str) {
        self.line(text);
        self.line("");
    }

    fn heading(&mut self, text: &str) {
        self.paragraph(&format!("## {text}"));
    }

    fn sub(&mut self, text: &str) {
        self.paragraph(&format!("### {text}"));
    }

    fn list(&mut self, items: impl IntoIterator<Item = String>) {
        for item in items {
            self.line(&format!("- {item}"));
        }
        self.line("");
    }

    fn table(&mut self, head: &[&str], rows: impl IntoIterator<Item = Vec<String>>) {
        self.line(&format!("| {} |", head.join(" | ")));
        self.line(&format!("|{}", " --- |".repeat(head.len())));
        for row in rows {
            self.line(&format!("| {} |", row.join(" | ")));
        }
        self.line("");
    }

    fn opens(&mut self, opens: &[Open]) {
        for open in opens {
            self.paragraph(&format!("**{}** _{}_", open.name, open.question));
            self.paragraph(&match &open.filled {
                None => "> (to be filled in by the team)".to_owned(),
                Some(filled) => format!("> {}{}", safe(&filled.text), seqs(&filled.evidence)),
            });
        }
    }

    fn fields(&mut self, fields: &[Field]) {
        self.list(fields.iter().map(|field| format!("**{}:** {}", safe(&field.name), safe(&field.value))));
    }

    fn compared(&mut self, name: &str, actual: &str, rows: &[Compared]) {
        self.table(
            &[name, "Claimed", actual],
            rows.iter().map(|row| vec![safe(&row.name), safe(&row.claimed), safe(&row.actual)]),
        );
    }

    fn rows(&mut self, rows: &[TimelineRow]) {
        self.table(
            &["UTC", "T+", "Kind", "What", "Event"],
            rows.iter().map(|row| {
                vec![
                    row.moment.utc.clone(),
                    row.moment.offset.clone(),
                    row.lane.as_str().to_owned(),
                    safe(&row.text),
                    format!("\\#{}", row.seq),
                ]
            }),
        );
    }
}

fn header(page: &mut Page, debrief: &Debrief) {
    let header = &debrief.header;
    page.paragraph(&format!("**{}** {}", header.banner, header.purpose));
    page.paragraph(&format!("# {}", safe(&header.title)));
    page.paragraph(&format!("**{}**", safe(&debrief.overview.one_line)));
    page.paragraph(&safe(&debrief.overview.text));
    for waived in &header.waived {
        page.paragraph(&safe(waived));
    }
    page.table(
        &["Date", "StartEx", "EndEx", "Outcome", "Profile", "Drill", "Digest"],
        [vec![
            header.date.clone(),
            format!("{} UTC", header.start.utc),
            format!("{} UTC ({})", header.end.utc, header.end.offset),
            page::outcome(header.outcome).to_owned(),
            page::profile(header.profile).to_owned(),
            safe(&header.drill),
            safe(&header.digest),
        ]],
    );
}

fn exercise(page: &mut Page, debrief: &Debrief) {
    let exercise = &debrief.exercise;
    page.heading("The exercise");
    if !exercise.objectives.is_empty() {
        page.paragraph("What it trains:");
        page.list(exercise.objectives.iter().map(|one| safe(one)));
    }
    let mut fields = vec![
        ("Target", exercise.target.clone()),
        ("Difficulty", format!("{} of 5", exercise.difficulty)),
        ("Time", exercise.duration.clone()),
    ]
    .into_iter()
    .map(|(name, value)| Field { name: name.to_owned(), value })
    .collect::<Vec<_>>();
    fields.extend(exercise.people.iter().cloned());
    page.fields(&fields);
    page.heading("The incident at a glance");
    page.fields(&debrief.incident);
}

fn impact(page: &mut Page, debrief: &Debrief) {
    let impact = &debrief.impact;
    page.heading("Impact: claimed, then measured");
    match &impact.claimed {
        None => page.paragraph(page::NO_ASSESSMENT),
        Some(text) if text.is_empty() => page.paragraph("The team assessed the impact in figures."),
        Some(text) => {
            page.paragraph(&format!("The team's assessment: \u{201c}{}\u{201d}", safe(text)));
        }
    }
    page.paragraph(&safe(&impact.measured));
    if !impact.times.is_empty() {
        page.compared("Time", "Measured", &impact.times);
    }
    page.compared("Failed requests", "Measured", &impact.shares);
    page.paragraph(&format!("_{}_", impact.definition));
}

fn story(page: &mut Page, debrief: &Debrief) {
    page.heading("What happened");
    page.list(debrief.what_happened.iter().map(|beat| safe(beat)));
    page.paragraph(&safe(&super::strip::sentence(&debrief.strip)));
    page.heading("Detection");
    page.paragraph(&safe(&debrief.detection.text));
    if !debrief.detection.alarms.is_empty() {
        page.table(
            &["Alarm", "Raised", "Acknowledged", "Resolved", "It said"],
            debrief.detection.alarms.iter().map(|alarm| {
                vec![
                    safe(&alarm.alarm),
                    alarm.raised.offset.clone(),
                    alarm.acknowledged.clone(),
                    alarm.resolved.clone(),
                    safe(&alarm.summary),
                ]
            }),
        );
    }
    page.heading("Timeline");
    page.rows(&debrief.timeline.rows);
    if debrief.timeline.left_out > 0 {
        page.paragraph(&format!("{} more lines are in the journal.", debrief.timeline.left_out));
    }
}

fn severity(page: &mut Page, debrief: &Debrief) {
    page.heading("Severity and decisions");
    if !debrief.severity.is_empty() {
        page.table(
            &["Severity checklist", "The team's answer", "Given"],
            debrief.severity.iter().map(|line| {
                let given = line.moment.as_ref().map_or(String::new(), |moment| moment.offset.clone());
                vec![safe(&line.question), safe(&line.answer), given]
            }),
        );
    }
    if !debrief.decided.is_empty() {
        page.table(
            &["Decided", "By", "Option", "Because", "Asked", "Event"],
            debrief.decided.iter().map(|line| {
                vec![
                    line.moment.offset.clone(),
                    safe(&line.by),
                    safe(&line.option),
                    safe(&line.because),
                    safe(&line.asked),
                    format!("\\#{}", line.seq),
                ]
            }),
        );
    }
    page.opens(&debrief.decisions);
}

fn tickets(page: &mut Page, debrief: &Debrief) {
    page.sub("Tickets");
    if debrief.response.tickets.is_empty() {
        page.paragraph(page::NO_TICKET);
    }
    for ticket in &debrief.response.tickets {
        page.paragraph(&format!("**{}** {}", safe(&ticket.id), safe(&ticket.title)));
        page.fields(&ticket.fields);
        if !ticket.text.is_empty() {
            page.paragraph(&safe(&ticket.text));
        }
        page.rows(&ticket.entries);
    }
}

fn response(page: &mut Page, debrief: &Debrief) {
    let response = &debrief.response;
    page.heading("Response");
    page.sub("Roles");
    if response.roles.is_empty() {
        page.paragraph("Nobody took a role.");
    } else {
        page.table(
            &["Role", "Held by", "From", "To"],
            response.roles.iter().map(|line| {
                vec![safe(&line.role), safe(&line.person), line.from.offset.clone(), line.to.offset.clone()]
            }),
        );
    }
    page.sub("Log and actions");
    if response.actions.is_empty() {
        page.paragraph("Nothing was logged, and no operation was recorded.");
    } else {
        page.rows(&response.actions);
    }
    page.sub("Broadcasts");
    if response.broadcasts.is_empty() {
        page.paragraph("No status update went out.");
    } else {
        page.rows(&response.broadcasts);
    }
    tickets(page, debrief);
}

fn reveal(page: &mut Page, debrief: &Debrief) {
    let reveal = &debrief.reveal;
    page.paragraph("---");
    page.heading(page::REVEAL);
    page.paragraph(&format!("_{}_", page::REVEAL_NOTE));
    page.paragraph(&safe(&reveal.summary));
    page.compared("The cause", "Truth", &reveal.compared);
    if !reveal.severity.is_empty() {
        page.compared("Severity checklist", "Declared", &reveal.severity);
    }
    if !reveal.ladder.is_empty() {
        page.table(
            &["Decision ladder", "The team", "Declared"],
            reveal.ladder.iter().map(|row| vec![safe(&row.name), safe(&row.claimed), safe(&row.actual)]),
        );
    }
    let lists = [
        ("What was true of it", &reveal.facts),
        ("What let it happen", &reveal.contributing),
        ("How it spread", &reveal.spread),
        ("Who owns the part", &reveal.owners),
    ];
    for (title, items) in lists {
        if !items.is_empty() {
            page.sub(title);
            page.list(items.iter().map(|item| safe(item)));
        }
    }
    if !reveal.claims.is_empty() {
        page.sub("Guesses and answers on the way");
        page.table(
            &["T+", "It said", "It was"],
            reveal
                .claims
                .iter()
                .map(|claim| vec![claim.moment.offset.clone(), safe(&claim.text), claim.nearness.clone()]),
        );
    }
    page.sub("What was injected");
    if reveal.injections.is_empty() {
        page.paragraph("Nothing: this drill had no fault.");
    }
    page.list(reveal.injections.iter().map(|one| {
        let noise = if one.related { "" } else { " (noise, not part of the outage)" };
        format!("**{}** by {}{noise}: {}", safe(&one.fault), safe(&one.injector), one.history.join(", "))
    }));
}

fn learning(page: &mut Page, debrief: &Debrief) {
    if !debrief.score.questions.is_empty() {
        page.heading(page::TALK_ABOUT);
        page.list(debrief.score.questions.iter().map(|one| safe(one)));
    }
    page.heading("Scorecard");
    page.table(
        &["About", "Question", "Answer"],
        debrief.scorecard.iter().map(|line| {
            let answer = match line.answer {
                Some(true) => "yes",
                Some(false) => "no",
                None => "to answer",
            };
            vec![line.about.clone(), line.question.clone(), answer.to_owned()]
        }),
    );
    page.heading("Lessons");
    page.opens(&debrief.lessons);
    page.heading("Improvement plan");
    page.opens(std::slice::from_ref(&debrief.improvement_plan));
    plan(page, debrief);
    page.heading("Hints");
    page.paragraph("Hints cost nothing.");
    if debrief.hints.is_empty() {
        page.paragraph("No hint was given.");
    } else {
        page.list(debrief.hints.iter().map(|hint| format!("{} {}", hint.moment.offset, safe(&hint.pointer))));
    }
    if !debrief.questions.is_empty() {
        page.heading("Question bank");
        page.list(debrief.questions.iter().map(|question| {
            let asked = question
                .asked
                .as_ref()
                .map_or(String::new(), |asked| format!(" (asked at {})", asked.offset));
            format!("{}{asked}", safe(&question.text))
        }));
    }
    page.heading("Acknowledgements");
    page.paragraph(&safe(&debrief.acknowledgements));
}

/// The objectives as a trainer saw them, then the corrective actions, or an empty line for the first of them.
fn plan(page: &mut Page, debrief: &Debrief) {
    page.list(debrief.objectives.iter().map(|one| {
        let met = if one.met { "met" } else { "not met" };
        let because =
            if one.because.is_empty() { String::new() } else { format!(": {}", safe(&one.because)) };
        format!("Objective {met}: {}{because}", safe(&one.text))
    }));
    let given = |field: &Option<String>| field.as_deref().map_or_else(|| "\u{2013}".to_owned(), safe);
    let rows = debrief.actions.iter().map(|one| {
        vec![safe(&one.action), given(&one.kind), given(&one.owner), given(&one.ticket), given(&one.due)]
    });
    if debrief.actions.is_empty() {
        let heads = ["Issue", "Corrective action", "Type", "Owner role", "Ticket", "Due"];
        page.table(&heads, [vec![" ".to_owned(); 6]]);
    } else {
        page.table(&["Corrective action", "Type", "Owner role", "Ticket", "Due"], rows);
    }
}

/// What trainers gave, beside what was measured.
fn grades(page: &mut Page, score: &Score) {
    let graded = || score.dimensions.iter().filter_map(|one| Some((one, one.together.as_ref()?)));
    if graded().next().is_none() {
        return;
    }
    page.sub("Graded by trainers");
    page.table(
        &["Capability", "Measured", "Grades", "Half and half", "In words"],
        graded().map(|(one, together)| {
            let letters: Vec<_> = one.grades.iter().map(|grade| grade.rating.as_str()).collect();
            let seen = one.grades.iter().map(|grade| format!(" \u{201c}{}\u{201d}", safe(&grade.because)));
            let half = match together.score {
                Some(_) => figure(together.score),
                None => "disagreement".to_owned(),
            };
            vec![
                one.name.as_str().to_owned(),
                figure(one.score),
                letters.join(", "),
                half,
                format!("{}{}", together.sentence, seen.collect::<String>()),
            ]
        }),
    );
}

fn scores(page: &mut Page, debrief: &Debrief) {
    let score = &debrief.score;
    page.heading("Capabilities");
    if let Some(why) = &score.unscored {
        page.paragraph(&format!("Nothing is scored: {why}."));
        return;
    }
    page.paragraph(&format!("_{}_", page::ABOUT_SCORES));
    page.paragraph(&format!(
        "Profile of this drill: {}. Scorer version {}.",
        page::profile(score.profile),
        score.scorer
    ));
    page.table(
        &["Capability", "Figure", "In words", "understand-first", "restore-first"],
        score.dimensions.iter().map(|dimension| {
            let weight = |profile| {
                let (found, weight) = (dimension.figures.of(profile), dimension.weights.of(profile));
                format!("{} (weighs {weight:.2})", figure(found))
            };
            vec![
                dimension.name.as_str().to_owned(),
                figure(dimension.score),
                safe(&dimension.sentence),
                weight(Profile::UnderstandFirst),
                weight(Profile::RestoreFirst),
            ]
        }),
    );
    grades(page, score);
    page.heading("Appendix: every check");
    page.table(
        &["Check", "Figure", "Finding", "Evidence"],
        score.dimensions.iter().flat_map(|dimension| &dimension.checks).map(|check| {
            let seen: Vec<_> = check.evidence.iter().take(6).map(|seq| format!("\\#{seq}")).collect();
            let value =
                if check.score.is_some() { figure(check.score) } else { state(&check.state).to_owned() };
            vec![check.id.clone(), value, safe(&check.sentence), seen.join(" ")]
        }),
    );
}
