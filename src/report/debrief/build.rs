//! Fills the debrief's sections from the folds over a journal.

use super::{
    AlarmLine, Compared, Debrief, Detection, Exercise, FORMAT, Field, Header, ImpactSection, Lane, Moment,
    Open, Overview, Response, RoleLine, Strip, TimelineRow, TimelineSection, chart,
};
use crate::{
    base::{At, Person, Span},
    drill::event::{Event, Hat, Recorded},
    report::{
        impact::Impact,
        journal::{Journal, Mark},
        score::{Score, score_with, seen::Seen},
        timeline::Timeline,
        wording::{self, events, page},
    },
    scenario::{act::Act, review::Section},
};

/// Most lines of the debrief's timeline; what is said in the channel goes first.
const ROWS_MAX: usize = 400;

/// Most beats of one sort in the story.
const BEATS_MAX: usize = 8;

/// What every section is filled from.
pub(super) struct Desk<'d, 'a> {
    pub(super) journal: &'d Journal<'a>,
    pub(super) timeline: &'d Timeline<'a>,
    pub(super) impact: &'d Impact,
}

/// The incident strip alone, also of a drill that is under way.
pub fn strip_of(journal: &Journal<'_>) -> Strip {
    let timeline = Timeline::of(journal);
    let impact = Impact::of(journal, &timeline);
    chart::strip(journal, &timeline, &impact)
}

/// Writes up a journal. The same journal gives the same debrief.
pub fn debrief(journal: &Journal<'_>) -> Debrief {
    let timeline = Timeline::of(journal);
    let impact = Impact::of(journal, &timeline);
    let score = score_with(journal, &timeline, &impact, None);
    let desk = Desk { journal, timeline: &timeline, impact: &impact };
    let opens = |list: &[(&str, &str)]| list.iter().map(|pair| open(*pair)).collect::<Vec<_>>();
    Debrief {
        format: FORMAT.to_owned(),
        header: desk.header(),
        overview: desk.overview(&score),
        exercise: desk.exercise(),
        incident: desk.incident(),
        impact: desk.impact_section(),
        strip: chart::strip(journal, &timeline, &impact),
        plots: desk.plots(),
        what_happened: desk.story(),
        detection: desk.detection(),
        timeline: desk.timeline_section(),
        severity: desk.severity(),
        decided: desk.decided(),
        decisions: opens(&page::DECISIONS),
        response: desk.response(),
        reveal: desk.reveal(),
        resolution: desk.resolution(),
        reflections: desk.filled(&page::REFLECTIONS, &Section::ALL[..4]),
        scorecard: desk.scorecard(&score),
        lessons: desk.filled(&page::LESSONS, &Section::ALL[4..]),
        objectives: desk.objectives(),
        improvement_plan: open(page::IMPROVEMENT),
        actions: desk.actions(),
        hints: desk.hints(),
        questions: desk.questions(),
        acknowledgements: page::acknowledgements(&desk.names(None)),
        score,
    }
}

fn open((name, question): (&str, &str)) -> Open {
    Open { name: name.to_owned(), question: question.to_owned(), filled: None }
}

pub(super) fn field(name: &str, value: impl Into<String>) -> Field {
    Field { name: name.to_owned(), value: value.into() }
}

pub(in crate::report) fn moment(journal: &Journal<'_>, at: At) -> Moment {
    Moment { at, utc: at.clock_time(), offset: journal.offset(at) }
}

impl Desk<'_, '_> {
    pub(super) fn moment(&self, at: At) -> Moment {
        moment(self.journal, at)
    }

    /// `13:02:05 UTC (T+2m5s)`.
    pub(super) fn said(&self, at: At) -> String {
        format!("{} UTC ({})", at.clock_time(), self.journal.offset(at))
    }

    /// The first sign that the team had noticed.
    pub(super) fn recognised(&self) -> Option<Mark> {
        let injected = self.timeline.injected().map(|mark| mark.at);
        let onset = self.impact.onset();
        let from = injected.into_iter().chain(onset).min();
        self.timeline.first_recognition(from.unwrap_or(self.journal.start()))
    }

    pub(super) fn names(&self, side: Option<Hat>) -> Vec<String> {
        self.timeline
            .people
            .iter()
            .filter(|(_, hat)| side.is_none_or(|side| side == *hat))
            .map(|(person, _)| person.to_string())
            .collect()
    }

    /// The team is the subject: people appear by the role that they held.
    pub(super) fn role_of(&self, person: &Person, mark: Mark) -> String {
        let roles = self.timeline.roles_at(person, mark);
        if !roles.is_empty() {
            let roles: Vec<_> = roles.iter().map(|role| role.as_str()).collect();
            return roles.join(", ");
        }
        let side = self.timeline.people.iter().find(|(one, _)| *one == person);
        match side {
            None | Some((_, Hat::Responder)) => page::A_RESPONDER.to_owned(),
            Some((_, side)) => format!("the {}", events::hat(*side)),
        }
    }

    fn header(&self) -> Header {
        let plan = self.journal.plan();
        Header {
            banner: page::BANNER.to_owned(),
            purpose: page::PURPOSE.to_owned(),
            title: plan.title.clone(),
            drill: plan.drill.to_string(),
            scenario: plan.scenario.clone(),
            digest: plan.digest.clone(),
            sealed: plan.sealed.clone(),
            variant: plan.variant.clone(),
            seed: plan.seed.0,
            waived: page::waived(&plan.admission),
            profile: plan.profile,
            outcome: self.journal.ended().map(|(_, outcome, _)| outcome),
            date: self.journal.start().date(),
            start: self.moment(self.journal.start()),
            end: self.moment(self.journal.end()),
        }
    }

    fn after_start(&self, at: At) -> Span {
        at.since(self.journal.start())
    }

    fn overview(&self, score: &Score) -> Overview {
        let line = self.timeline;
        let worst = self.impact.harmed().max_by(|a, b| a.1.share().total_cmp(&b.1.share()));
        let declared = line.declared.first().map(|(mark, _)| self.after_start(mark.at));
        let restored = line.held_restoration().map(|(_, since)| self.after_start(since));
        Overview {
            one_line: page::one_line(score.unscored.as_deref(), self.impact.length(), worst),
            text: page::account(
                self.names(Some(Hat::Responder)).len(),
                self.journal.length(),
                declared,
                restored,
            ),
        }
    }

    fn exercise(&self) -> Exercise {
        let plan = self.journal.plan();
        let sides = [
            ("Responders", Hat::Responder),
            ("Instigators", Hat::Instigator),
            ("Trainers", Hat::Trainer),
            ("Observers", Hat::Observer),
        ];
        Exercise {
            objectives: plan.objectives.clone(),
            difficulty: plan.difficulty,
            target: plan.target.name.clone(),
            people: sides
                .into_iter()
                .map(|(name, hat)| (name, self.names(Some(hat))))
                .filter(|(_, names)| !names.is_empty())
                .map(|(name, names)| field(name, names.join(", ")))
                .collect(),
            duration: format!(
                "par {}, limit {}",
                wording::time(plan.duration.par),
                wording::time(plan.duration.limit)
            ),
        }
    }

    fn incident(&self) -> Vec<Field> {
        let line = self.timeline;
        let said = |at: Option<At>| at.map_or_else(|| page::NONE.to_owned(), |at| self.said(at));
        let coordinators: Vec<_> = line
            .roles
            .iter()
            .filter(|spell| spell.role == crate::scenario::act::Role::Ic)
            .map(|spell| spell.person.to_string())
            .collect();
        let harmed: Vec<_> = self.impact.harmed().map(|(class, _)| class.as_str()).collect();
        vec![
            field("Outage began, measured", said(self.impact.onset())),
            field("Outage ended, measured", said(self.impact.last())),
            field("Incident declared", said(line.declared.first().map(|(mark, _)| mark.at))),
            field("Service restored, measured", said(line.held_restoration().map(|(_, since)| since))),
            field("All-clear by the team", said(line.resolved.last().map(|(mark, _)| mark.at))),
            field("Incident coordinators", or_none(&dedup(coordinators))),
            field("Harmed request classes", or_none(&harmed)),
            field("Alarms", line.alarms.len().to_string()),
        ]
    }

    fn impact_section(&self) -> ImpactSection {
        let chart = chart::dumbbell(self.journal, self.timeline, self.impact);
        let claim = self.timeline.assessments.last().map(|(_, claim)| *claim);
        let start = self.journal.start();
        let time = |seconds: Option<f64>, none: &str| {
            seconds.map_or_else(
                || none.to_owned(),
                |seconds| {
                    let millis = format!("{:.0}", seconds.abs() * 1000.0);
                    let span = Span::from_millis(millis.parse().unwrap_or_default());
                    self.said(if seconds < 0.0 { start - span } else { start + span })
                },
            )
        };
        let times = chart
            .times
            .iter()
            .map(|(name, claimed, measured)| Compared {
                name: name.clone(),
                claimed: time(*claimed, page::NOT_CLAIMED),
                actual: time(*measured, page::NOT_MEASURED),
            })
            .collect();
        let shares = self
            .impact
            .classes
            .iter()
            .map(|(class, count)| Compared {
                name: class.to_string(),
                claimed: claim
                    .and_then(|claim| claim.failed.get(class))
                    .map_or_else(|| page::NOT_CLAIMED.to_owned(), wording::claimed_share),
                actual: format!(
                    "{} ({} of {})",
                    wording::percent(count.share()),
                    wording::number(count.failed),
                    wording::number(count.sent)
                ),
            })
            .collect();
        let harmed: Vec<_> = self.impact.harmed().map(|(class, _)| class.to_string()).collect();
        ImpactSection {
            claimed: claim.map(|claim| wording::tame(&claim.text)),
            measured: page::measured(
                self.impact.windows.len(),
                self.impact.length(),
                self.impact.inside,
                &harmed,
                self.impact.lateness_ms_max,
            ),
            definition: page::DEFINITION.to_owned(),
            times,
            shares,
            chart,
        }
    }

    /// The beats of the story, by time.
    fn story(&self) -> Vec<String> {
        let line = self.timeline;
        let mut beats: Vec<(At, String)> = Vec::new();
        let mut beat = |at: Option<At>, words: &dyn Fn(&str) -> String| {
            if let Some(at) = at {
                beats.push((at, words(&self.said(at))));
            }
        };
        beat(self.impact.onset(), &page::beat_began);
        let alarm = line.alarms.first();
        beat(alarm.map(|alarm| alarm.raised.at), &|at| {
            let alarm = alarm.expect("there is a first alarm here");
            let after = self.impact.onset().filter(|onset| *onset <= alarm.raised.at);
            let after = after.map(|onset| alarm.raised.at.since(onset));
            page::beat_alarm(at, alarm.alarm.as_str(), after)
        });
        beat(self.recognised().map(|mark| mark.at), &page::beat_noticed);
        if let Some((mark, text)) = line.declared.first() {
            beat(Some(mark.at), &|at| page::beat_declared(at, &wording::tame(text)));
        }
        beat(line.statuses.first().map(|status| status.mark.at), &page::beat_status);
        if let Some((mark, claim)) = line.hypotheses.first() {
            beat(Some(mark.at), &|at| page::beat_guess(at, &events::claim_words(claim)));
        }
        if let Some(operation) = line.operations.first() {
            beat(Some(operation.mark.at), &|at| {
                page::beat_operation(at, &wording::tame(&operation.argv.join(" ")))
            });
        }
        self.deeds(&mut beat);
        for (_, since) in line.restored.iter().take(5) {
            beat(Some(*since), &page::beat_restored);
        }
        for mark in line.relapsed.iter().take(5) {
            beat(Some(mark.at), &page::beat_relapsed);
        }
        if let Some((mark, outcome, _)) = self.journal.ended() {
            beat(Some(mark.at), &|at| page::beat_ended(at, outcome.as_str()));
        }
        beats.sort_by_key(|(at, _)| *at);
        beats.into_iter().map(|(_, words)| words).collect()
    }

    /// What the team did: changes, decisions, all-clears, and being stumped.
    fn deeds(&self, beat: &mut impl FnMut(Option<At>, &dyn Fn(&str) -> String)) {
        let line = self.timeline;
        let first = line.operations.first().map(|operation| operation.mark.seq);
        for course in Seen::of(self.journal, line, self.impact).courses().into_iter().take(BEATS_MAX) {
            let operation = line.operations.iter().find(|one| one.mark.seq == course.action.seq);
            // The first look or change has a beat of its own.
            if let Some(operation) = operation.filter(|one| Some(one.mark.seq) != first) {
                let argv = wording::tame(&operation.argv.join(" "));
                beat(Some(operation.mark.at), &|at| page::beat_change(at, &argv));
            }
        }
        for decision in line.decisions.iter().take(BEATS_MAX) {
            let because = wording::tame(decision.because);
            beat(Some(decision.mark.at), &|at| page::beat_decided(at, decision.option.as_str(), &because));
        }
        for (mark, _) in line.resolved.iter().take(BEATS_MAX) {
            let harmed = self.impact.window_at(mark.at).is_some();
            beat(Some(mark.at), &|at| page::beat_all_clear(at, harmed));
        }
        for (mark, _) in line.stumped.iter().take(BEATS_MAX) {
            beat(Some(mark.at), &page::beat_stumped);
        }
    }

    fn detection(&self) -> Detection {
        let line = self.timeline;
        let onset = self.impact.onset();
        let after = |at: Option<At>| Some(at?.since(onset?));
        Detection {
            text: page::detection(
                line.alarms.len(),
                after(line.alarms.first().map(|spell| spell.raised.at)),
                after(self.recognised().map(|mark| mark.at)),
            ),
            alarms: line
                .alarms
                .iter()
                .take(50)
                .map(|spell| {
                    let until = |mark: Option<Mark>| {
                        mark.map_or_else(
                            || "not".to_owned(),
                            |mark| format!("after {}", wording::time(mark.at.since(spell.raised.at))),
                        )
                    };
                    AlarmLine {
                        alarm: spell.alarm.to_string(),
                        raised: self.moment(spell.raised.at),
                        acknowledged: until(spell.acked.map(|(mark, _)| mark)),
                        resolved: until(spell.resolved),
                        summary: wording::tame(spell.summary),
                        runbook: spell.rule.and_then(|rule| rule.runbook.clone()),
                    }
                })
                .collect(),
        }
    }

    fn row(&self, recorded: &Recorded) -> Option<TimelineRow> {
        let mark = Mark { seq: recorded.seq, at: recorded.at };
        let plan = self.journal.plan();
        let who = |person: &Person| self.role_of(person, mark);
        let text = match &recorded.event {
            Event::Observed { by, about, text } => events::observed(&who(by), *about, text),
            event => events::open_line(plan, event, who).or_else(|| events::line(plan, event))?,
        };
        Some(TimelineRow {
            moment: self.moment(recorded.at),
            lane: Lane::of(&recorded.event),
            text,
            seq: recorded.seq,
        })
    }

    fn timeline_section(&self) -> TimelineSection {
        let wanted = |recorded: &&Recorded| {
            matches!(
                recorded.event,
                Event::SymptomSeen { .. } | Event::Restored { .. } | Event::Relapsed | Event::Observed { .. }
            ) || (events::open_to_responders(&recorded.event)
                && !matches!(recorded.event, Event::Joined { .. }))
        };
        let all: Vec<&Recorded> = self.journal.events().iter().filter(wanted).collect();
        let talk = |recorded: &&Recorded| {
            matches!(&recorded.event, Event::Acted { act: Act::Say(_) | Act::Ran(_), .. })
        };
        let mut kept: Vec<&Recorded> = if all.len() > ROWS_MAX {
            all.iter().filter(|one| !talk(one)).copied().collect()
        } else {
            all.clone()
        };
        if kept.len() > ROWS_MAX {
            // Both ends of a very long drill tell more than its middle.
            let tail = kept.split_off(kept.len() - ROWS_MAX / 2);
            kept.truncate(ROWS_MAX / 2);
            kept.extend(tail);
        }
        TimelineSection {
            left_out: all.len() - kept.len(),
            rows: kept.into_iter().filter_map(|one| self.row(one)).collect(),
        }
    }

    fn rows_of(&self, which: impl Fn(&Event) -> bool) -> Vec<TimelineRow> {
        self.journal
            .events()
            .iter()
            .filter(|recorded| which(&recorded.event))
            .take(100)
            .filter_map(|recorded| self.row(recorded))
            .collect()
    }

    fn response(&self) -> Response {
        Response {
            roles: self
                .timeline
                .roles
                .iter()
                .take(50)
                .map(|spell| RoleLine {
                    role: spell.role.to_string(),
                    person: spell.person.to_string(),
                    from: self.moment(spell.from.at),
                    to: self.moment(spell.to),
                })
                .collect(),
            actions: self.rows_of(|event| Lane::of(event) == Lane::Action),
            broadcasts: self.rows_of(|event| Lane::of(event) == Lane::Status),
            tickets: self.tickets(),
        }
    }
}

pub(super) fn or_none<T: AsRef<str>>(names: &[T]) -> String {
    if names.is_empty() { page::NONE.to_owned() } else { wording::list(names) }
}

fn dedup(mut names: Vec<String>) -> Vec<String> {
    let mut seen = std::collections::BTreeSet::new();
    names.retain(|name| seen.insert(name.clone()));
    names
}
