//! Who is who: invitations, sessions, and how often somebody may ask. Of every secret only its digest is kept, so that
//! neither memory nor file opens anything.

use super::now;
use crate::{
    base::{At, DrillId, Person, Span},
    clock::{Clock as _, SystemClock},
    drill::event::Hat,
    report::{self, Debrief, Journal, grading},
    seed,
};
use serde::{Deserialize, Serialize};
use std::{
    collections::HashMap,
    fmt, fs, io,
    io::Write as _,
    net::{IpAddr, SocketAddr},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};
use tokio::sync::watch;

/// Sessions at the same time.
const SESSIONS_MAX: usize = 2048;
/// Invitations that nobody has accepted yet.
const INVITATIONS_MAX: usize = 2048;
/// How long a personal invitation may be accepted.
const INVITED: Span = Span::from_mins(72 * 60);
/// How long a session lasts: longer than the longest drill and the reading after it, and a week at the list of drills.
const IN_DRILL: Span = Span::from_mins(24 * 60);
const IN_LOBBY: Span = Span::from_mins(7 * 24 * 60);
/// Requests that somebody may make a second, and at once after a pause.
const REQUESTS_PER_SECOND: u64 = 20;
/// What one request costs, in thousandths.
const REQUEST: u64 = 1000;
/// People and addresses whose budgets are known at the same time.
const BUDGETS_MAX: usize = 16 * 1024;
/// Largest file of sessions that is read, in bytes.
const BYTES_MAX: u64 = 4 * 1024 * 1024;

/// Every side of a drill.
pub(super) const HATS: [Hat; 4] = [Hat::Instigator, Hat::Responder, Hat::Trainer, Hat::Observer];

/// One secret per hat: whoever has it may join on that side, as often as they like.
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
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Secrets do not end up in logs.
        f.write_str("Tokens(..)")
    }
}

/// What a session is for.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Place {
    /// The list of drills, and the library.
    Lobby,
    /// One drill.
    Drill(DrillId),
}

/// Leave to come in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Invitation {
    pub(super) place: Place,
    pub(super) hat: Hat,
    /// Whose it is. It is accepted once; without a name it is one side's and holds as long as its drill.
    pub(super) person: Option<Person>,
    pub(super) until: Option<At>,
}

/// An invitation as it is given out.
pub(super) struct Invited {
    pub(super) token: String,
    pub(super) until: At,
}

/// Somebody's leave to act.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Session {
    person: Person,
    hat: Hat,
    place: Place,
    until: At,
}

/// Somebody with a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Caller {
    pub(super) person: Person,
    pub(super) hat: Hat,
    pub(super) place: Place,
    until: At,
    /// The digest of the session's token.
    key: String,
}

impl Caller {
    /// Whose requests and streams are counted together.
    pub(super) fn budget(&self) -> String {
        match &self.place {
            Place::Lobby => format!("lobby/{}", self.person),
            Place::Drill(drill) => format!("{drill}/{}", self.person),
        }
    }

    /// The debrief as they may read it.
    pub(super) fn debrief(&self, journal: &Journal<'_>) -> Debrief {
        match self.hat {
            Hat::Trainer => grading::debrief_for(journal, &self.person),
            _ => report::debrief(journal),
        }
    }
}

/// What outlives the process, by the digests of secrets.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Known {
    sessions: HashMap<String, Session>,
    invitations: HashMap<String, Invitation>,
}

/// Every session and invitation, and everybody's budget of requests.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    known: Mutex<Known>,
    budgets: Mutex<HashMap<String, Budget>>,
    /// Counts the times that sessions were closed.
    closed: watch::Sender<u64>,
    /// Where they are kept; nowhere: they end with the process.
    file: Option<PathBuf>,
}

impl Sessions {
    /// Those of an earlier process, kept in this file from now on.
    pub(super) fn kept_in(file: &Path) -> io::Result<Self> {
        let known = match fs::metadata(file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Known::default(),
            Err(error) => return Err(error),
            Ok(there) if there.len() > BYTES_MAX => return Err(io::Error::other("it is too large")),
            Ok(_) => serde_json::from_slice(&fs::read(file)?)?,
        };
        Ok(Self { known: Mutex::new(known), file: Some(file.to_owned()), ..Self::default() })
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes down what is known. A disk that is full must not keep people from a drill that runs.
    fn keep(&self, known: &Known) {
        let Some(file) = &self.file else { return };
        let new = file.with_extension("new");
        let write = || -> io::Result<()> {
            let text = serde_json::to_vec(known)?;
            let mut out =
                fs::OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(&new)?;
            out.write_all(&text)?;
            out.sync_all()?;
            fs::rename(&new, file)
        };
        if let Err(error) = write() {
            tracing::warn!(%error, file = %file.display(), "sessions could not be written down");
        }
    }

    /// Lets whoever has one of these tokens into a drill.
    pub(super) fn admit(&self, tokens: &Tokens, drill: &DrillId) {
        let mut known = self.known();
        for hat in HATS {
            let place = Place::Drill(drill.clone());
            let invitation = Invitation { place, hat, person: None, until: None };
            known.invitations.insert(digest(tokens.of(hat)), invitation);
        }
        self.keep(&known);
    }

    /// A personal invitation; it takes the place of an earlier one of that person there. Nothing when there are too many.
    pub(super) fn invite(&self, place: Place, person: Person, hat: Hat) -> Option<Invited> {
        let (mut known, now) = (self.known(), now());
        known.invitations.retain(|_, one| {
            one.until.is_none_or(|until| until > now)
                && !(one.place == place && one.person.as_ref() == Some(&person))
        });
        if known.invitations.len() >= INVITATIONS_MAX {
            return None;
        }
        let (token, until) = (seed::token(), now + INVITED);
        let invitation = Invitation { place, hat, person: Some(person), until: Some(until) };
        known.invitations.insert(digest(&token), invitation);
        self.keep(&known);
        Some(Invited { token, until })
    }

    /// What a token lets in to. It is not used up by this.
    pub(super) fn invitation(&self, token: &str) -> Option<Invitation> {
        let known = self.known();
        let found = known.invitations.get(&digest(token))?;
        found.until.is_none_or(|until| until > now()).then(|| found.clone())
    }

    /// Uses a personal invitation up; `false` when somebody was faster.
    pub(super) fn accept(&self, token: &str) -> bool {
        let mut known = self.known();
        let key = digest(token);
        let Some(found) = known.invitations.get(&key) else { return false };
        if found.person.is_some() {
            known.invitations.remove(&key);
            self.keep(&known);
        }
        true
    }

    /// A new session's token; nothing when there are too many.
    pub(super) fn open(&self, person: Person, hat: Hat, place: Place) -> Option<String> {
        let (mut known, now) = (self.known(), now());
        known.sessions.retain(|_, one| one.until > now);
        if known.sessions.len() >= SESSIONS_MAX {
            return None;
        }
        let until = now + if place == Place::Lobby { IN_LOBBY } else { IN_DRILL };
        let token = seed::token();
        known.sessions.insert(digest(&token), Session { person, hat, place, until });
        self.keep(&known);
        Some(token)
    }

    /// Whose session it is.
    pub(super) fn caller(&self, token: &str) -> Option<Caller> {
        let key = digest(token);
        let Session { person, hat, place, until } = self.known().sessions.get(&key).cloned()?;
        (until > now()).then_some(Caller { person, hat, place, until, key })
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.known().sessions.len()
    }

    /// Drills that somebody has a session of.
    pub(super) fn drills(&self) -> Vec<DrillId> {
        let known = self.known();
        let mut drills: Vec<_> = known
            .sessions
            .values()
            .filter_map(|one| match &one.place {
                Place::Drill(drill) => Some(drill.clone()),
                Place::Lobby => None,
            })
            .collect();
        drills.sort();
        drills.dedup();
        drills
    }

    /// Ends a session, and every stream that it has open.
    pub(super) fn close(&self, caller: &Caller) {
        self.end(|key, _| *key == caller.key, |_| false);
    }

    /// Ends what a person has in a place: sessions with their streams, and invitations. Says how many.
    pub(super) fn revoke(&self, person: &Person, place: &Place) -> usize {
        self.end(
            |_, one| one.person == *person && one.place == *place,
            |one| one.person.as_ref() == Some(person) && one.place == *place,
        )
    }

    /// Nobody has anything left in a drill that nobody reads any more.
    pub(super) fn forget(&self, drill: &DrillId) {
        let gone = Place::Drill(drill.clone());
        self.end(|_, one| one.place == gone, |one| one.place == gone);
    }

    fn end(
        &self,
        session: impl Fn(&String, &Session) -> bool,
        invitation: impl Fn(&Invitation) -> bool,
    ) -> usize {
        let mut known = self.known();
        let before = known.sessions.len() + known.invitations.len();
        known.sessions.retain(|key, one| !session(key, one));
        known.invitations.retain(|_, one| !invitation(one));
        let ended = before - known.sessions.len() - known.invitations.len();
        if ended > 0 {
            self.keep(&known);
            drop(known);
            self.closed.send_modify(|count| *count += 1);
        }
        ended
    }

    /// Comes back when the session is closed, or its time is over.
    pub(super) async fn until_closed(&self, caller: &Caller) {
        let mut closed = self.closed.subscribe();
        let gone = async {
            while self.known().sessions.contains_key(&caller.key) {
                if closed.changed().await.is_err() {
                    return;
                }
            }
        };
        tokio::select! {
            () = gone => {}
            () = SystemClock.sleep_until(caller.until) => {}
        }
    }

    /// Takes one request from somebody's budget; `false` when it is used up.
    pub(super) fn may_ask(&self, who: &str, now: At) -> bool {
        let mut budgets = self.budgets.lock().unwrap_or_else(PoisonError::into_inner);
        if budgets.len() >= BUDGETS_MAX {
            // Who has a full budget is known as well when forgotten.
            budgets.retain(|_, one| !one.is_full(now));
        }
        if budgets.len() >= BUDGETS_MAX && !budgets.contains_key(who) {
            return false;
        }
        budgets.entry(who.to_owned()).or_insert_with(|| Budget::full(now)).take(now)
    }

    /// The same for an address that has no session yet.
    pub(super) fn may_come(&self, from: IpAddr, now: At) -> bool {
        self.may_ask(&format!("from/{from}"), now)
    }
}

fn digest(token: &str) -> String {
    seed::digest(token.as_bytes())
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

    fn fill(&mut self, now: At) {
        let won = now.since(self.at).millis().saturating_mul(REQUESTS_PER_SECOND);
        self.left = self.left.saturating_add(won).min(REQUESTS_PER_SECOND * REQUEST);
        self.at = now;
    }

    fn is_full(&mut self, now: At) -> bool {
        self.fill(now);
        self.left >= REQUESTS_PER_SECOND * REQUEST
    }

    fn take(&mut self, now: At) -> bool {
        self.fill(now);
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
    use std::os::unix::fs::PermissionsExt as _;

    fn drill() -> DrillId {
        "d-one".parse().unwrap()
    }

    fn ana() -> Person {
        "ana".parse().unwrap()
    }

    #[test]
    fn a_token_opens_its_own_side_alone_and_as_often_as_it_is_used() {
        let (sessions, tokens) = (Sessions::default(), Tokens::fresh());
        sessions.admit(&tokens, &drill());
        for hat in HATS {
            for _ in 0..2 {
                assert_eq!(sessions.invitation(tokens.of(hat)).unwrap().hat, hat);
                assert!(sessions.accept(tokens.of(hat)));
            }
        }
        for wrong in ["", &tokens.of(Hat::Responder)[1..], Tokens::fresh().of(Hat::Responder)] {
            assert_eq!(sessions.invitation(wrong), None);
            assert!(!sessions.accept(wrong));
        }
        assert_eq!(format!("{tokens:?}"), "Tokens(..)");
    }

    #[test]
    fn a_personal_invitation_is_accepted_once_within_72_hours() {
        let sessions = Sessions::default();
        let place = Place::Drill(drill());
        let first = sessions.invite(place.clone(), ana(), Hat::Responder).unwrap();
        let second = sessions.invite(place.clone(), ana(), Hat::Observer).unwrap();
        assert_eq!(sessions.invitation(&first.token), None, "a new one takes the place of the old one");
        assert_eq!(sessions.invitation(&second.token).unwrap().hat, Hat::Observer);
        assert!(second.until <= now() + INVITED && second.until > now() + Span::from_mins(71 * 60));
        assert!(sessions.accept(&second.token) && !sessions.accept(&second.token));
        let late = sessions.invite(place, ana(), Hat::Responder).unwrap();
        sessions.known().invitations.values_mut().for_each(|one| one.until = Some(now()));
        assert_eq!(sessions.invitation(&late.token), None);
    }

    #[test]
    fn a_session_is_kept_as_a_digest_and_outlives_the_process() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("people.json");
        let sessions = Sessions::kept_in(&file).unwrap();
        let token = sessions.open(ana(), Hat::Responder, Place::Drill(drill())).unwrap();
        let invited = sessions.invite(Place::Lobby, ana(), Hat::Trainer).unwrap();
        let caller = sessions.caller(&token).unwrap();
        assert_eq!((caller.person.as_str(), caller.hat), ("ana", Hat::Responder));
        assert_eq!(sessions.caller("guess"), None);
        let text = fs::read_to_string(&file).unwrap();
        for secret in [&token, &invited.token] {
            assert!(!format!("{sessions:?}").contains(secret) && !text.contains(secret));
        }
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        let again = Sessions::kept_in(&file).unwrap();
        assert_eq!(again.caller(&token), Some(caller.clone()));
        assert!(again.invitation(&invited.token).is_some() && again.drills() == [drill()]);
        again.close(&caller);
        assert_eq!(again.caller(&token), None);
        assert_eq!(Sessions::kept_in(&file).unwrap().caller(&token), None);
    }

    #[test]
    fn who_is_revoked_has_nothing_left_there_and_all_elsewhere() {
        let sessions = Sessions::default();
        let (here, there) = (Place::Drill(drill()), Place::Lobby);
        let gone = sessions.open(ana(), Hat::Responder, here.clone()).unwrap();
        let stays = sessions.open(ana(), Hat::Trainer, there.clone()).unwrap();
        let invited = sessions.invite(here.clone(), ana(), Hat::Responder).unwrap();
        assert_eq!(sessions.revoke(&ana(), &here), 2);
        assert!(sessions.caller(&gone).is_none() && sessions.invitation(&invited.token).is_none());
        assert!(sessions.caller(&stays).is_some());
        assert_eq!(sessions.revoke(&ana(), &here), 0);
    }

    #[test]
    fn a_session_ends_with_its_time() {
        let sessions = Sessions::default();
        let token = sessions.open(ana(), Hat::Responder, Place::Drill(drill())).unwrap();
        sessions.known().sessions.values_mut().for_each(|one| one.until = now());
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

    #[test]
    fn budgets_of_many_addresses_are_not_kept_for_ever() {
        let (sessions, start) = (Sessions::default(), At::from_millis(0));
        for number in 0..40_000 {
            sessions.may_ask(&number.to_string(), start + Span::from_millis(number));
        }
        assert!(sessions.budgets.lock().unwrap().len() <= BUDGETS_MAX);
    }
}
