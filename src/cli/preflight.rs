//! What only the outside knows before a drill: leftovers, certificates, the safety lever, the target's own word.

use super::{
    allowed::Allowed,
    exit::{Exit, Failure},
    exposure::{Seen, take_in},
    home::Home,
    play::Play,
    recover, safety, show,
    wire::Books,
};
use crate::{
    agent,
    base::Person,
    depot,
    drill::{
        plan::{Admission, NamedRoster, Plan},
        preflight::{self, Bar, Facts, Known, Left, Rehearsed, Standing, code},
    },
    fault::protocol::{Complaint, Listed, State},
    library::Library,
    people::People,
    report::wording::tame,
    scenario::{Scenario, pack::Layout},
    store::Store,
};
use serde::{Deserialize, Serialize};
use std::{
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
};

/// What a certificate begins with.
pub(super) const CERTIFICATE: &str = "gameday/certificate/v1";
/// Largest certificate that is read, in bytes.
const CERTIFICATE_BYTES_MAX: u64 = 1024 * 1024;

/// Options that say who plays, and why a rule is waived.
#[derive(Debug, Clone, Default, clap::Args)]
pub(super) struct Entry {
    /// Names a responder; may be repeated. Then only those who are named may join as one
    #[arg(long, value_name = "NAME")]
    pub(super) responder: Vec<Person>,
    /// Names an instigator; may be repeated. Then only those who are named may join as one
    #[arg(long, value_name = "NAME")]
    pub(super) instigator: Vec<Person>,
    /// Plays although the people who are named do not fit the scenario's roster; the debrief says why
    #[arg(long, value_name = "REASON", value_parser = reason)]
    pub(super) roster_anyway: Option<String>,
    /// Plays although the scenario is not rehearsed as it is; the debrief says why
    #[arg(long, value_name = "REASON", value_parser = reason)]
    pub(super) unrehearsed: Option<String>,
}

/// A reason that says something and fits on a line.
pub(super) fn reason(text: &str) -> Result<String, String> {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.is_empty() || line.len() > 500 || line.chars().any(char::is_control) {
        return Err("a reason has 1 to 500 letters on one line".to_owned());
    }
    Ok(line)
}

impl Entry {
    /// What the plan says of it.
    pub(super) fn admission(self) -> Admission {
        let people = (self.instigator, self.responder);
        admission(people, self.roster_anyway, self.unrehearsed)
    }
}

/// What a plan says of who was named, instigators before responders, and of rules that were waived.
pub(super) fn admission(
    (instigators, responders): (Vec<Person>, Vec<Person>),
    anyway: Option<String>,
    unrehearsed: Option<String>,
) -> Admission {
    let named = !(responders.is_empty() && instigators.is_empty());
    let roster = (named || anyway.is_some()).then_some(NamedRoster {
        instigators,
        responders,
        anyway,
        comcheck: None,
        shifts: Vec::new(),
    });
    Admission { unrehearsed, roster, ..Admission::default() }
}

/// Refuses a play that must not begin, with every reason at once. While people may still sign up (`open`), too few are none.
pub(super) async fn refuse(
    wanted: &Play,
    home: &Home,
    books: &Books,
    plan: &Plan,
    open: bool,
) -> Result<(), Failure> {
    let allowed = Allowed::of(home);
    let facts = Facts {
        allowed: std::iter::once(depot::describe().name).chain(allowed.names()).collect(),
        toxiproxies: allowed.toxiproxies(&plan.target.name),
        agent: None,
        left: left(home, books.store.as_ref()).await?,
        rehearsed: rehearsed(home, (&plan.digest, plan.variant.as_deref()), || {
            Ok(plan.admission.rehearsal || is_built_in(&wanted.scenario)?)
        })?,
        lever: safety::lever(home, plan.target.driver),
        known: known(books, plan, open).await?,
    };
    admit(preflight::bars(plan, &facts))
}

/// What is known of the people whom a plan names as responders.
pub(super) async fn known(books: &Books, plan: &Plan, open: bool) -> Result<Known, Failure> {
    let responders = plan.admission.roster.iter().flat_map(|named| &named.responders);
    let mut known = Known { open, ..Known::default() };
    let Seen { people: book, .. } = take_in(books).await?;
    for person in responders {
        known.people.insert(person.clone(), standing(&book, plan, person));
    }
    Ok(known)
}

/// What is known of somebody, as far as it matters to this drill.
fn standing(book: &People, plan: &Plan, person: &Person) -> Standing {
    let about = book.about(person);
    let pack = plan.roster.mix.as_ref();
    Standing {
        experience: about.zip(pack).and_then(|(about, pack)| about.experience.get(pack).copied()),
        attested: about.map(|about| about.attested.clone()).unwrap_or_default(),
        answered: book.answered(person),
        exposed: {
            // Its own people know it for a reason.
            let others = book.exposed(person, plan.family());
            let told: Vec<_> = others
                .filter(|one| one.drill.as_ref() != Some(&plan.drill))
                .map(|one| tame(&one.to_string()))
                .collect();
            (!told.is_empty()).then(|| told.join("; "))
        },
    }
}

/// Refuses a target that must not be broken, before its agent is started on it.
pub(super) fn refuse_target(layout: &Layout) -> Result<(), Failure> {
    refuse_complaint(agent::refuses(layout).map(|denied| denied.complaint()))
}

/// Refuses a target whose agent takes no drill.
pub(super) fn refuse_complaint(complaint: Option<Complaint>) -> Result<(), Failure> {
    admit(complaint.map(Bar::from).into_iter().collect())
}

/// Refuses the target of an agent on another host that holds something: another engine has it, wherever that is.
pub(super) fn refuse_held(agent: &str, held: &[Listed]) -> Result<(), Failure> {
    let busy = held.iter().filter(|one| one.state == State::Armed || one.state.may_have_effect());
    let bars = busy.map(|one| {
        let what = one.fault.as_deref().unwrap_or("a fault");
        let place = one.place.as_deref().unwrap_or("the target");
        Bar {
            code: code::QUARANTINED.to_owned(),
            says: format!("the agent at {agent} holds {what} on {place} ({}) of another drill", one.id),
            help:
                "Let that drill end. If its engine is gone, the agent takes it back when the lease runs out; \
                   `gameday recover` does it now, where that drill was begun."
                    .to_owned(),
        }
    });
    admit(bars.collect())
}

fn admit(bars: Vec<Bar>) -> Result<(), Failure> {
    if bars.is_empty() { Ok(()) } else { Err(Failure::barred(bars)) }
}

impl Failure {
    /// A drill that must not begin. What may still be broken decides the exit code.
    fn barred(bars: Vec<Bar>) -> Self {
        let exit =
            if bars.iter().any(|bar| bar.code == code::QUARANTINED) { Exit::Broken } else { Exit::Refused };
        let mut message = "could not begin the drill: it is refused".to_owned();
        for bar in &bars {
            message.push_str(&format!("\n  {}: {}\n    {}", bar.code, bar.says, bar.help));
        }
        Self { bars, ..Self::new(exit, message) }
    }

    /// The same, told as JSON where a script reads.
    pub(super) fn told(self, json: bool) -> Self {
        #[derive(Serialize)]
        struct Refused<'a> {
            refused: &'a [Bar],
        }
        if !json || self.bars.is_empty() {
            return self;
        }
        match show::json(&Refused { refused: &self.bars }) {
            Ok(()) => Self::silent(self.exit),
            Err(failure) => failure,
        }
    }
}

/// Drills of this home that may have left something.
async fn left(home: &Home, store: &dyn Store) -> Result<Vec<Left>, Failure> {
    let left = recover::left_behind(home, store).await?;
    Ok(left.into_iter().map(|one| Left { injections: one.unsettled(), drill: one.drill }).collect())
}

/// The fields of a certificate that count here.
#[derive(Deserialize)]
struct Certificate {
    format: String,
    digest: String,
    #[serde(default)]
    variant: Option<String>,
    holds: bool,
}

/// What is known of a rehearsal of this scenario: of each of its variants.
pub(super) fn rehearsal(home: &Home, scenario: &Scenario) -> Result<Rehearsed, Failure> {
    let variants = scenario.variants.iter().map(|name| Some(name.as_str()));
    let each: Vec<_> = if scenario.variants.is_empty() { vec![None] } else { variants.collect() };
    for variant in each {
        let one = rehearsed(home, (&scenario.digest, variant), || is_built_in(scenario))?;
        if one != Rehearsed::Yes {
            return Ok(one);
        }
    }
    Ok(Rehearsed::Yes)
}

/// Where the certificate of a scenario's digest, and of its variant, lies.
pub(super) fn certificate(home: &Home, (digest, variant): (&str, Option<&str>)) -> PathBuf {
    let variant = variant.map(|name| format!("-{name}")).unwrap_or_default();
    home.certificates().join(format!("{digest}{variant}.json"))
}

/// What is known of a rehearsal. A certificate that was left here counts before anything else; without one, what needs
/// none.
fn rehearsed(
    home: &Home,
    (digest, variant): (&str, Option<&str>),
    needs_none: impl FnOnce() -> Result<bool, Failure>,
) -> Result<Rehearsed, Failure> {
    let path = certificate(home, (digest, variant));
    let no = |why: &str| Ok(Rehearsed::No(format!("{} {why}", path.display())));
    let certificate: Certificate = match read(&path) {
        Ok(None) if needs_none()? => return Ok(Rehearsed::Yes),
        Ok(None) => return no("is not there"),
        Err(why) => return no(&format!("cannot be read: {why}")),
        Ok(Some(certificate)) => certificate,
    };
    if certificate.format != CERTIFICATE {
        no(&format!("is not `{CERTIFICATE}`"))
    } else if certificate.digest != digest {
        no("is for another digest")
    } else if certificate.variant.as_deref() != variant {
        no("is for another variant")
    } else if certificate.holds {
        Ok(Rehearsed::Yes)
    } else {
        no("does not hold")
    }
}

fn read(path: &Path) -> Result<Option<Certificate>, String> {
    match fs::metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.to_string()),
        Ok(there) if there.len() > CERTIFICATE_BYTES_MAX => return Err("it is too large".to_owned()),
        Ok(_) => {}
    }
    let text = fs::read(path).map_err(|error| error.to_string())?;
    serde_json::from_slice(&text).map(Some).map_err(|error| error.to_string())
}

/// Whether exactly this comes with the program: the set that is shipped is rehearsed before a release.
fn is_built_in(scenario: &Scenario) -> Result<bool, Failure> {
    let library = super::shelf::Shelf::default().library()?;
    Ok(Library::built_in().iter().any(|name| {
        name.rsplit('/').next() == Some(scenario.name.as_str())
            && library.load(name).is_ok_and(|shipped| shipped.digest == scenario.digest)
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{base::At, drill::plan::PlanOptions, library::worker::ScriptRunner, seed::Seed};
    use serde_json::json;

    fn plan() -> Plan {
        let library = Library::new(vec![depot::describe()], ScriptRunner::InProcess);
        let scenario = library.load("pool-shrink").unwrap_or_else(|bad| panic!("{}", bad.render(false)));
        let (seed, start) = (Seed(7), At::from_millis(0));
        Plan::resolve(&scenario, PlanOptions { seed, start, autopilot: false, routes: Vec::new() })
    }

    /// What is known when this lies in the certificate's place, and the scenario is none of those that are shipped.
    fn known(file: Option<&str>) -> Rehearsed {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path());
        home.make().unwrap();
        let plan = plan();
        fs::create_dir_all(home.certificates()).unwrap();
        if let Some(text) = file {
            fs::write(home.certificates().join(format!("{}.json", plan.digest)), text).unwrap();
        }
        rehearsed(&home, (&plan.digest, None), || Ok(false)).unwrap()
    }

    #[test]
    fn only_a_certificate_that_holds_for_this_digest_counts() {
        let digest = plan().digest;
        let good = json!({"format": CERTIFICATE, "digest": digest, "holds": true, "scenario": "pool-shrink"});
        assert_eq!(known(Some(&good.to_string())), Rehearsed::Yes);
        for (field, value) in
            [("holds", json!(false)), ("digest", json!("0".repeat(64))), ("format", json!("other"))]
        {
            let mut bad = good.clone();
            bad[field] = value;
            assert!(matches!(known(Some(&bad.to_string())), Rehearsed::No(_)), "{field}");
        }
        for bad in [None, Some(""), Some("{}"), Some("not json")] {
            assert!(matches!(known(bad), Rehearsed::No(_)), "{bad:?}");
        }
    }

    #[test]
    fn what_is_shipped_and_a_rehearsal_itself_need_none_and_a_failed_rehearsal_here_counts_more() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path());
        let digest = plan().digest;
        assert_eq!(rehearsed(&home, (&digest, None), || Ok(true)).unwrap(), Rehearsed::Yes);
        fs::create_dir_all(home.certificates()).unwrap();
        let failed = json!({"format": CERTIFICATE, "digest": digest, "holds": false});
        fs::write(home.certificates().join(format!("{digest}.json")), failed.to_string()).unwrap();
        assert!(matches!(rehearsed(&home, (&digest, None), || Ok(true)).unwrap(), Rehearsed::No(_)));
        assert_eq!(rehearsed(&home, (&"f".repeat(64), None), || Ok(true)).unwrap(), Rehearsed::Yes);
    }

    #[test]
    fn what_may_be_broken_ends_with_6_and_everything_else_with_1() {
        let bar = |code: &str| Bar { code: code.to_owned(), says: "so".into(), help: "thus".into() };
        let one = Failure::barred(vec![bar(code::SAFETY_ENGAGED), bar(code::NOT_REHEARSED)]);
        assert_eq!(one.exit, Exit::Refused);
        assert!(one.message.contains("safety-engaged: so\n    thus\n  not-rehearsed: so"), "{}", one.message);
        let six = Failure::barred(vec![bar(code::SAFETY_ENGAGED), bar(code::QUARANTINED)]);
        assert_eq!(six.exit, Exit::Broken);
    }

    #[test]
    fn a_reason_says_something() {
        assert_eq!(reason("  the  pager\nis new ").unwrap(), "the pager is new");
        assert!(reason(" \n ").is_err() && reason(&"x".repeat(501)).is_err() && reason("a\u{1b}b").is_err());
    }
}
