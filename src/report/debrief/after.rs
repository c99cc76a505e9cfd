//! The second half of the debrief: the reveal, the resolution, the yes-or-no card and the ledgers.

use super::{CardLine, ClaimLine, Compared, HintLine, InjectionLine, QuestionLine, Reveal, build::Desk};
use crate::{
    drill::event::{Event, Hat, InjectionStep},
    report::{
        journal::Mark,
        score::{Score, claim_nearness, seen::Seen},
        wording::{self, events, page},
    },
    scenario::act::CauseClaim,
};

impl Desk<'_, '_> {
    pub(super) fn reveal(&self) -> Reveal {
        let plan = self.journal.plan();
        let cause = &plan.truth.cause;
        let mut claims: Vec<(Mark, &CauseClaim)> =
            self.timeline.hypotheses.iter().chain(&self.timeline.causes).copied().collect();
        claims.sort_by_key(|(mark, _)| *mark);
        Reveal {
            summary: plan.summary.clone(),
            trigger: wording::tame(&cause.trigger),
            compared: self.compared(),
            severity: self.severity_compared(),
            ladder: self.ladder_compared(),
            facts: cause.facts.iter().map(|fact| fact.says.clone()).collect(),
            contributing: cause.contributing.clone(),
            spread: cause.spreads.iter().map(|(from, to)| format!("{from} to {to}")).collect(),
            owners: plan.truth.owners.clone(),
            claims: claims
                .into_iter()
                .take(50)
                .map(|(mark, claim)| ClaimLine {
                    moment: self.moment(mark.at),
                    text: events::claim_words(claim),
                    nearness: page::nearness(claim_nearness(plan, claim)).to_owned(),
                })
                .collect(),
            injections: self.injections(),
        }
    }

    fn compared(&self) -> Vec<Compared> {
        let cause = &self.journal.plan().truth.cause;
        let claim = self.timeline.causes.last().map(|(_, claim)| *claim);
        let given = |value: Option<String>| value.unwrap_or_else(|| page::NOT_CLAIMED.to_owned());
        let row = |name: &str, claimed: Option<String>, actual: String| Compared {
            name: name.to_owned(),
            claimed: given(claimed),
            actual,
        };
        let injected = self.timeline.injected();
        let onset =
            claim.and_then(|claim| claim.onset).map(|when| self.said(when.resolve(self.journal.start())));
        vec![
            row("Component", claim.and_then(|claim| claim.component.clone()), cause.component.clone()),
            row("Kind of fault", claim.and_then(|claim| claim.kind.clone()), cause.kind.clone()),
            row("It began", onset, injected.map_or_else(|| page::NONE.to_owned(), |mark| self.said(mark.at))),
            row(
                "In words",
                claim.filter(|claim| !claim.text.is_empty()).map(|claim| wording::tame(&claim.text)),
                cause.trigger.clone(),
            ),
        ]
    }

    fn injections(&self) -> Vec<InjectionLine> {
        self.timeline
            .injections
            .iter()
            .map(|one| InjectionLine {
                id: one.planned.id.to_string(),
                fault: format!("{} on {}", one.planned.fault.kind(), one.planned.fault.place()),
                injector: one.planned.injector.clone(),
                related: one.planned.related,
                history: one
                    .steps
                    .iter()
                    .take(30)
                    .map(|(mark, step)| format!("{} {}", events::step(step), self.journal.offset(mark.at)))
                    .collect(),
            })
            .collect()
    }

    pub(super) fn resolution(&self) -> String {
        let line = self.timeline;
        let restored = line.held_restoration();
        let courses = Seen::of(self.journal, line, self.impact).courses();
        let last = restored.and_then(|(mark, _)| {
            let change = courses.iter().rev().find(|course| course.action.seq < mark.seq)?;
            line.operations.iter().find(|operation| operation.mark.seq == change.action.seq)
        });
        let mut related = line.injections.iter().filter(|one| one.planned.related);
        let repaired = related.all(|one| {
            one.first(|step| matches!(step, InjectionStep::Cleared | InjectionStep::Diverged { .. }))
                .is_some()
        });
        page::resolution(
            restored.map(|(_, since)| self.said(since)).as_deref(),
            last.map(|operation| wording::tame(&operation.argv.join(" "))).as_deref(),
            repaired,
        )
    }

    pub(super) fn hints(&self) -> Vec<HintLine> {
        self.timeline
            .hints
            .iter()
            .map(|(mark, entry, anchor)| HintLine {
                moment: self.moment(mark.at),
                pointer: anchor.map_or_else(|| (*entry).to_owned(), |anchor| format!("{entry}#{anchor}")),
            })
            .collect()
    }

    pub(super) fn questions(&self) -> Vec<QuestionLine> {
        self.journal
            .plan()
            .questions
            .iter()
            .enumerate()
            .map(|(index, text)| QuestionLine {
                text: text.clone(),
                asked: self
                    .timeline
                    .questions
                    .iter()
                    .find(|(_, asked)| *asked == index)
                    .map(|(mark, _)| self.moment(mark.at)),
            })
            .collect()
    }

    /// The Wikimedia card: what the journal can answer is answered, the rest is left to people.
    pub(super) fn scorecard(&self, score: &Score) -> Vec<CardLine> {
        let line = self.timeline;
        let responders = self.names(Some(Hat::Responder)).len();
        // A fresh word that was not true kept nobody up to date.
        let of = |id: &str| score.check(id).and_then(|one| one.score);
        let current =
            of("communicate.cadence").map(|fresh| fresh.min(of("communicate.truthful").unwrap_or(1.0)));
        let owners = of("engage.owners");
        let follow_ups = &line.reviews.follow_ups;
        let owned = follow_ups.iter().all(|(_, one)| one.owner.is_some());
        let told_users = line.statuses.iter().any(|status| status.to.iter().any(|to| to == "users"));
        let first_alarm = line.alarms.first().map(|spell| spell.raised);
        let monitoring_first = match (first_alarm, self.recognised()) {
            (Some(alarm), Some(noticed)) => Some(alarm < noticed),
            (Some(_), None) => Some(true),
            (None, Some(_)) => Some(false),
            (None, None) => None,
        };
        let given_up = self
            .journal
            .events()
            .iter()
            .any(|recorded| matches!(&recorded.event, Event::NoticeFailed { retry_at: None, .. }));
        let card = [
            ("people", "Were the responders others than in the last five incidents?", None),
            ("people", "Were they prepared to respond well?", None),
            ("people", "Were fewer than five people called?", Some(responders < 5)),
            ("people", "Was the right team called?", owners.map(|share| share >= 0.9)),
            ("people", "Was it within working hours?", None),
            ("process", "Was the status kept current?", current.map(|share| share >= 0.9)),
            ("process", "Were users told in public?", Some(told_users)),
            ("process", "Is there a ticket that tracks the incident?", Some(!line.tickets.is_empty())),
            ("process", "Does every follow-up have an owner?", (!follow_ups.is_empty()).then_some(owned)),
            ("process", "Is this the first incident of its kind?", None),
            ("tooling", "Was no open task left that would have prevented or eased it?", None),
            ("tooling", "Did the means of communication work?", Some(!given_up)),
            ("tooling", "Did monitoring speak before people did?", monitoring_first),
            ("tooling", "Were the engineering tools available?", None),
            ("tooling", "Did an existing runbook guide the fix?", None),
        ];
        card.into_iter()
            .map(|(about, question, answer)| CardLine {
                about: about.to_owned(),
                question: question.to_owned(),
                answer,
            })
            .collect()
    }
}
