//! Who is who: join tokens, sessions, and how often somebody may ask.

use crate::{
    base::{At, Person},
    drill::event::Hat,
    seed,
};
use std::{
    collections::HashMap,
    fmt,
    net::SocketAddr,
    sync::{Mutex, MutexGuard, PoisonError},
};
use subtle::ConstantTimeEq as _;
use tokio::sync::watch;

/// Sessions that one drill may have.
const SESSIONS_MAX: usize = 512;
/// Requests that somebody may make a second, and at once after a pause.
const REQUESTS_PER_SECOND: u64 = 20;
/// What one request costs, in thousandths.
const REQUEST: u64 = 1000;

/// Every side that has a link.
pub(super) const HATS: [Hat; 4] = [Hat::Instigator, Hat::Responder, Hat::Trainer, Hat::Observer];

/// One secret per hat: whoever has it may join on that side.
#[derive(Clone)]
pub struct Tokens([String; 4]);

impl Tokens {
    /// New ones, 128 bits each.
    pub fn fresh() -> Self {
        Self(HATS.map(|_| seed::token()))
    }

    /// The token of a hat.
    pub fn of(&self, hat: Hat) -> &str {
        let place = HATS.iter().position(|one| *one == hat).expect("every hat is in the list");
        &self.0[place]
    }

    /// The link that a person of that hat gives to `gameday join`.
    pub fn link(&self, console: SocketAddr, hat: Hat) -> String {
        format!("http://{console}/#{}", self.of(hat))
    }

    /// Whose token it is; every one is compared, in constant time.
    pub(super) fn hat(&self, given: &str) -> Option<Hat> {
        let mut found = None;
        for (hat, token) in HATS.into_iter().zip(&self.0) {
            if bool::from(token.as_bytes().ct_eq(given.as_bytes())) {
                found = Some(hat);
            }
        }
        found
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Secrets do not end up in logs.
        f.write_str("Tokens(..)")
    }
}

/// Somebody with a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Caller {
    pub(super) person: Person,
    pub(super) hat: Hat,
    /// The digest of the session's token.
    key: String,
}

#[derive(Debug, Default)]
struct Inside {
    /// By the digest of the session's token: what is in memory opens nothing.
    sessions: HashMap<String, (Person, Hat)>,
    /// By name; the empty one is everybody who has yet to join.
    budgets: HashMap<String, Budget>,
}

/// Every session, and everybody's budget of requests.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    inside: Mutex<Inside>,
    /// Counts the sessions that were closed.
    closed: watch::Sender<u64>,
}

impl Sessions {
    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new session's token; nothing when there are too many.
    pub(super) fn open(&self, person: Person, hat: Hat) -> Option<String> {
        let mut inside = self.inside();
        if inside.sessions.len() >= SESSIONS_MAX {
            return None;
        }
        let token = seed::token();
        inside.sessions.insert(seed::digest(token.as_bytes()), (person, hat));
        Some(token)
    }

    /// Whose session it is.
    pub(super) fn caller(&self, token: &str) -> Option<Caller> {
        let key = seed::digest(token.as_bytes());
        let (person, hat) = self.inside().sessions.get(&key).cloned()?;
        Some(Caller { person, hat, key })
    }

    /// Ends a session, and every stream that it has open.
    pub(super) fn close(&self, caller: &Caller) {
        self.inside().sessions.remove(&caller.key);
        self.closed.send_modify(|count| *count += 1);
    }

    /// Comes back when the session is closed.
    pub(super) async fn until_closed(&self, caller: &Caller) {
        let mut closed = self.closed.subscribe();
        while self.inside().sessions.contains_key(&caller.key) {
            if closed.changed().await.is_err() {
                return;
            }
        }
    }

    /// Takes one request from somebody's budget; `false` when it is used up.
    pub(super) fn may_ask(&self, who: &str, now: At) -> bool {
        let mut inside = self.inside();
        inside.budgets.entry(who.to_owned()).or_insert_with(|| Budget::full(now)).take(now)
    }
}

/// A token bucket in thousandths of a request.
#[derive(Debug)]
struct Budget {
    left: u64,
    at: At,
}

impl Budget {
    fn full(now: At) -> Self {
        Self { left: REQUESTS_PER_SECOND * REQUEST, at: now }
    }

    fn take(&mut self, now: At) -> bool {
        let won = now.since(self.at).millis().saturating_mul(REQUESTS_PER_SECOND);
        self.left = self.left.saturating_add(won).min(REQUESTS_PER_SECOND * REQUEST);
        self.at = now;
        let enough = self.left >= REQUEST;
        if enough {
            self.left -= REQUEST;
        }
        enough
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Span;

    #[test]
    fn a_token_opens_its_own_side_alone() {
        let tokens = Tokens::fresh();
        for hat in HATS {
            assert_eq!(tokens.hat(tokens.of(hat)), Some(hat));
        }
        assert_eq!(tokens.hat(""), None);
        assert_eq!(tokens.hat(&tokens.of(Hat::Responder)[1..]), None);
        assert_eq!(tokens.hat(Tokens::fresh().of(Hat::Responder)), None);
        assert_eq!(format!("{tokens:?}"), "Tokens(..)");
    }

    #[test]
    fn a_session_is_kept_as_a_digest() {
        let sessions = Sessions::default();
        let token = sessions.open("ana".parse().unwrap(), Hat::Responder).unwrap();
        let caller = sessions.caller(&token).unwrap();
        assert_eq!((caller.person.as_str(), caller.hat), ("ana", Hat::Responder));
        assert_eq!(sessions.caller("guess"), None);
        assert!(!format!("{sessions:?}").contains(&token));
        sessions.close(&caller);
        assert_eq!(sessions.caller(&token), None);
    }

    #[test]
    fn a_budget_fills_up_again_and_no_further() {
        let sessions = Sessions::default();
        let start = At::from_millis(1_000_000);
        let asked = |at: At| (0..100).filter(|_| sessions.may_ask("ana", at)).count();
        assert_eq!(asked(start), 20);
        assert_eq!(asked(start + Span::from_millis(100)), 2);
        assert_eq!(asked(start + Span::from_secs(60)), 20);
        // A clock that is set back gives nothing away and takes nothing for ever.
        assert_eq!(asked(start), 0);
        assert_eq!(asked(start + Span::from_secs(1)), 20);
        assert!(sessions.may_ask("ben", start));
    }
}
