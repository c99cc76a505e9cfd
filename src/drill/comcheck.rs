//! Whether every route has carried a message before the exercise: a page that nobody gets is no page.

use super::{
    event::{Notice, NoticeKind},
    plan::Plan,
};
use crate::base::NoticeId;
use std::collections::BTreeMap;

/// The comchecks of a drill, by route.
#[derive(Debug, Clone, Default)]
pub(super) struct Comchecks(BTreeMap<String, Comcheck>);

#[derive(Debug, Clone)]
struct Comcheck {
    notice: NoticeId,
    state: State,
}

#[derive(Debug, Clone)]
enum State {
    /// On its way; what the last try met.
    Open(Option<String>),
    Passed,
    /// Given up.
    Failed(String),
}

impl Comchecks {
    /// A notice was queued.
    pub(super) fn sent(&mut self, notice: &Notice) {
        if notice.about == NoticeKind::ComCheck {
            let sent = Comcheck { notice: notice.id.clone(), state: State::Open(None) };
            self.0.insert(notice.route.clone(), sent);
        }
    }

    /// A notice's receiver has it.
    pub(super) fn arrived(&mut self, notice: &NoticeId) {
        self.set(notice, State::Passed);
    }

    /// A try of a notice failed; `given_up`: the last one.
    pub(super) fn failed(&mut self, notice: &NoticeId, error: &str, given_up: bool) {
        let error = error.to_owned();
        self.set(notice, if given_up { State::Failed(error) } else { State::Open(Some(error)) });
    }

    fn set(&mut self, notice: &NoticeId, state: State) {
        if let Some(one) = self.0.values_mut().find(|one| one.notice == *notice) {
            one.state = state;
        }
    }

    /// Whether one was sent through this route.
    pub(super) fn knows(&self, route: &str) -> bool {
        self.0.contains_key(route)
    }

    /// Whether every route has carried one that has to.
    pub(super) fn passed(&self, plan: &Plan) -> bool {
        self.open(plan).next().is_none()
    }

    /// Whether one of those can no longer arrive.
    pub(super) fn is_hopeless(&self, plan: &Plan) -> bool {
        let failed = self.0.iter().filter(|(_, one)| matches!(one.state, State::Failed(_)));
        failed.into_iter().any(|(route, _)| !plan.optional_routes.contains(route))
    }

    /// Each route that has carried none and has to, and why, in a sentence.
    pub(super) fn open<'a>(&'a self, plan: &'a Plan) -> impl Iterator<Item = String> + 'a {
        plan.routes.iter().filter(|route| !plan.optional_routes.contains(*route)).filter_map(|route| {
            let why = match self.0.get(route).map(|one| &one.state) {
                Some(State::Passed) => return None,
                Some(State::Failed(error) | State::Open(Some(error))) => error,
                Some(State::Open(None)) => "its receiver has not answered",
                None => "none was sent",
            };
            Some(format!("no comcheck went through the route `{route}`: {why}"))
        })
    }
}
