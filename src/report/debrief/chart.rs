//! The data of the debrief's two pictures, small enough to be kept in the JSON form.

use super::Moment;
use crate::{
    base::{At, Span},
    drill::{event::Event, measure::BUCKET},
    report::{
        impact::Impact,
        journal::Journal,
        score::secs,
        timeline::Timeline,
        wording::{self, events},
    },
    scenario::act::Act,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Most columns of the failure shares; longer drills are averaged over several seconds.
const COLUMNS_MAX: u64 = 360;
/// How much of the time before StartEx is shown.
const LEAD: Span = Span::from_secs(30);
/// Most marks of one lane.
const MARKS_MAX: usize = 60;

/// What sort of thing happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Lane {
    /// Alarms.
    Alarm,
    /// The team's response: acknowledged, declared, guessed.
    Response,
    /// Log entries and operations on the target.
    Action,
    /// Status updates.
    Status,
    /// What was measured of the service.
    Service,
    /// What was said, asked and pointed at.
    Talk,
    /// StartEx, EndEx, people coming in.
    Exercise,
}

impl Lane {
    /// How the lane is called.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Alarm => "alarm",
            Self::Response => "response",
            Self::Action => "action",
            Self::Status => "status",
            Self::Service => "service",
            Self::Talk => "talk",
            Self::Exercise => "exercise",
        }
    }

    /// The lane of an event.
    pub fn of(event: &Event) -> Self {
        match event {
            Event::AlarmRaised { .. } | Event::AlarmResolved { .. } => Self::Alarm,
            Event::Operated { .. } => Self::Action,
            Event::Restored { .. } | Event::Relapsed | Event::SymptomSeen { .. } => Self::Service,
            Event::Acted { act, .. } => match act {
                Act::Log { .. } | Act::Ran(_) => Self::Action,
                Act::Status { .. } => Self::Status,
                Act::Say(_) | Act::Stumped(_) | Act::Summary(_) => Self::Talk,
                _ => Self::Response,
            },
            Event::InjectSpoken { .. }
            | Event::HintGiven { .. }
            | Event::QuestionAsked { .. }
            | Event::BystanderWrote { .. }
            | Event::BystanderSettled { .. }
            | Event::Observed { .. }
            | Event::Reviewed { .. } => Self::Talk,
            _ => Self::Exercise,
        }
    }
}

/// The picture of the whole drill. Times are seconds from StartEx.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Strip {
    /// The left end.
    pub from: f64,
    /// The right end.
    pub to: f64,
    /// StartEx.
    pub start: Moment,
    /// Failure shares by class.
    pub classes: Vec<ClassSeries>,
    /// Measured outage windows.
    pub measured: Vec<(f64, f64)>,
    /// Claimed outage windows.
    pub claimed: Vec<(f64, f64)>,
    /// Times that alarms were active.
    pub alarms: Vec<AlarmBar>,
    /// Single moments.
    pub marks: Vec<ChartMark>,
    /// Roles.
    pub roles: Vec<RoleBar>,
}

/// The failure share of one class over time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClassSeries {
    /// The class.
    pub name: String,
    /// Seconds that one column stands for.
    pub column: f64,
    /// (seconds from StartEx, share 0 to 1); columns without requests are left out.
    pub points: Vec<(f64, f64)>,
    /// The share inside the measured windows.
    pub inside: f64,
}

/// One moment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChartMark {
    /// Its lane.
    pub lane: Lane,
    /// `raised`, `acknowledged`, `declared`, `status`, `restored`, ...: chooses the shape.
    pub what: String,
    /// Seconds from StartEx.
    pub at: f64,
    /// One or two words that stand beside it.
    pub label: String,
    /// In words.
    pub text: String,
}

/// One time that an alarm was active, in seconds from StartEx.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AlarmBar {
    /// Its name.
    pub alarm: String,
    /// From.
    pub from: f64,
    /// To.
    pub to: f64,
}

/// One time that a role was held.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RoleBar {
    /// The role.
    pub role: String,
    /// Who held it.
    pub person: String,
    /// From, in seconds from StartEx.
    pub from: f64,
    /// To.
    pub to: f64,
}

/// Claimed against measured.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Dumbbell {
    /// Edges of the outage: name, claimed and measured seconds from StartEx.
    pub times: Vec<(String, Option<f64>, Option<f64>)>,
    /// Classes.
    pub shares: Vec<SharePair>,
}

/// One class, claimed and measured; shares are 0 to 1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SharePair {
    /// The class.
    pub class: String,
    /// The claimed interval; equal ends for one figure.
    pub claimed: Option<(f64, f64)>,
    /// What was measured.
    pub measured: f64,
}

pub(super) fn strip(journal: &Journal<'_>, timeline: &Timeline<'_>, impact: &Impact) -> Strip {
    let start = journal.start();
    let at = |moment: At| secs(start, moment);
    let first = journal.measured().first().map_or(start, |(second, _)| *second);
    let from = first.max(start - LEAD).min(start);
    let to = journal.end().max(start + Span::from_secs(1));
    Strip {
        from: at(from),
        to: at(to),
        start: super::build::moment(journal, start),
        classes: series(journal, impact, from, to),
        measured: impact.windows.iter().map(|window| (at(window.from), at(window.to))).collect(),
        claimed: claimed(journal, timeline),
        alarms: timeline
            .alarms
            .iter()
            .take(MARKS_MAX)
            .map(|spell| {
                let end = spell.resolved.map_or(to, |mark| mark.at);
                AlarmBar { alarm: spell.alarm.to_string(), from: at(spell.raised.at), to: at(end) }
            })
            .collect(),
        marks: marks(journal),
        roles: timeline
            .roles
            .iter()
            .take(MARKS_MAX)
            .map(|spell| RoleBar {
                role: spell.role.to_string(),
                person: spell.person.to_string(),
                from: at(spell.from.at),
                to: at(spell.to),
            })
            .collect(),
    }
}

pub(super) fn claimed(journal: &Journal<'_>, timeline: &Timeline<'_>) -> Vec<(f64, f64)> {
    let start = journal.start();
    timeline.assessments.last().map_or(Vec::new(), |(_, claim)| {
        claim
            .windows
            .iter()
            .map(|one| (secs(start, one.from.resolve(start)), secs(start, one.to.resolve(start))))
            .collect()
    })
}

fn series(journal: &Journal<'_>, impact: &Impact, from: At, to: At) -> Vec<ClassSeries> {
    let start = journal.start();
    let length = to.since(from).millis() / BUCKET.millis();
    let column_secs = length.div_ceil(COLUMNS_MAX).max(1);
    let mut sums: BTreeMap<&str, BTreeMap<u64, (u64, u64)>> =
        impact.classes.keys().map(|class| (class.as_str(), BTreeMap::new())).collect();
    for (second, bucket) in journal.measured() {
        if *second < from || *second >= to {
            continue;
        }
        let column = second.since(from).millis() / BUCKET.millis() / column_secs;
        for (class, tally) in &bucket.classes {
            if let Some(columns) = sums.get_mut(class.as_str()) {
                let sum = columns.entry(column).or_default();
                sum.0 += u64::from(tally.failed);
                sum.1 += u64::from(tally.sent);
            }
        }
    }
    let column = Span::from_secs(column_secs);
    sums.into_iter()
        .map(|(name, columns)| ClassSeries {
            name: name.to_owned(),
            column: column.secs(),
            points: columns
                .into_iter()
                .filter(|(_, (_, sent))| *sent > 0)
                .map(|(index, (failed, sent))| {
                    let at = secs(start, from + Span::from_secs(index * column_secs));
                    (at, thousandth(failed as f64 / sent as f64))
                })
                .collect(),
            inside: impact
                .classes
                .iter()
                .find(|(class, _)| class.as_str() == name)
                .map_or(0.0, |(_, count)| count.share()),
        })
        .collect()
}

fn thousandth(share: f64) -> f64 {
    (share * 1000.0).round() / 1000.0
}

fn marks(journal: &Journal<'_>) -> Vec<ChartMark> {
    let start = journal.start();
    let mut per_lane: BTreeMap<Lane, usize> = BTreeMap::new();
    let mut marks = Vec::new();
    for recorded in journal.events() {
        if journal.ended().is_some_and(|(end, _, _)| recorded.seq >= end.seq) {
            break;
        }
        let Some((what, label)) = shape(&recorded.event) else {
            continue;
        };
        let lane = Lane::of(&recorded.event);
        let seen = per_lane.entry(lane).or_default();
        *seen += 1;
        if *seen > MARKS_MAX {
            continue;
        }
        // A restoration is shown where it began, which is where the measured window ends.
        let at = match &recorded.event {
            Event::Restored { since } => *since,
            _ => recorded.at,
        };
        let text = events::line(journal.plan(), &recorded.event).unwrap_or_default();
        marks.push(ChartMark {
            lane,
            what: what.to_owned(),
            at: secs(start, at),
            label: label.to_owned(),
            text: wording::cut(&text, 120),
        });
    }
    marks
}

/// What chooses the shape, and the word beside it.
fn shape(event: &Event) -> Option<(&'static str, &'static str)> {
    Some(match event {
        // The alarm's bar bears its name.
        Event::AlarmRaised { .. } => ("raised", ""),
        Event::Restored { .. } => ("restored", "restored"),
        Event::Relapsed => ("relapsed", "relapsed"),
        Event::Operated { .. } => ("operated", "ran"),
        Event::Acted { act, .. } => match act {
            Act::Ack(_) => ("acknowledged", "ack"),
            Act::Declare { .. } => ("declared", "declared"),
            Act::Log { .. } => ("logged", "log"),
            Act::Status { state, .. } => ("status", events::status_state(*state)),
            Act::Hypothesis(_) => ("guessed", "guess"),
            Act::Decide { .. } => ("decided", "decided"),
            Act::Cause(_) => ("answered", "answer"),
            Act::Resolve(_) => ("all-clear", "all-clear"),
            _ => return None,
        },
        _ => return None,
    })
}

pub(super) fn dumbbell(journal: &Journal<'_>, timeline: &Timeline<'_>, impact: &Impact) -> Dumbbell {
    let start = journal.start();
    let claimed = claimed(journal, timeline);
    let first = claimed.iter().map(|one| one.0).reduce(f64::min);
    let last = claimed.iter().map(|one| one.1).reduce(f64::max);
    let measured = |at: Option<At>| at.map(|at| secs(start, at));
    let claim = timeline.assessments.last().map(|(_, claim)| *claim);
    let mut times = vec![
        (wording::page::BEGAN.to_owned(), first, measured(impact.onset())),
        (wording::page::OVER.to_owned(), last, measured(impact.last())),
    ];
    times.retain(|(_, claimed, measured)| claimed.is_some() || measured.is_some());
    let shares = impact
        .classes
        .iter()
        .map(|(class, count)| {
            let claimed = claim.and_then(|claim| claim.failed.get(class)).map(|one| {
                let low = (one.percent / 100.0).clamp(0.0, 1.0);
                (low, one.up_to.map_or(low, |up| (up / 100.0).clamp(low, 1.0)))
            });
            SharePair { class: class.to_string(), claimed, measured: count.share() }
        })
        .collect();
    Dumbbell { times, shares }
}
