//! Before anything is broken, thirteen rules have to hold. Each of them refuses here when it alone does not hold and
//! everything else is in order; and where all hold, nothing refuses.

use crate::{
    cli::{Foreground, folder, gameday},
    stage::{Mailbox, NOW, Stage, run, scenario},
    tidy,
};
use gameday::{
    agent,
    base::{Person, Span, limits},
    clock::{BoxFuture, Clock},
    depot,
    drill::{
        Drill, Phase,
        command::{Command, DeliveryError, Refusal},
        event::{Event, Hat, InjectionStep, Notice, NoticeKind, Outcome, Recorded},
        plan::{Admission, NamedRoster, Plan},
        preflight::{self, Facts, Known, Left, Lever, Rehearsed, Standing, code},
    },
    engine::{Conductor, Hands},
    fault::Fault,
    notify::Notifier,
    report::{self, Journal, render},
    scenario::{
        condition::{Condition, Op, Signal, Subject, Test, Threshold},
        pack::Layout,
        roster::{Experience, Prerequisite},
    },
    store::{MemoryStore, read_jsonl},
};
use serde_json::{Value, json};
use std::{
    collections::BTreeSet,
    fs,
    path::Path,
    sync::{Arc, Mutex},
};

fn person(name: &str) -> Person {
    name.parse().unwrap()
}

/// Everything that a drill needs before it may begin: a target on disk, a plan, what is known outside, and its routes.
struct World {
    _folder: tempfile::TempDir,
    layout: Layout,
    facts: Facts,
    stage: Stage,
    /// Routes that nobody hears.
    deaf: Vec<String>,
}

impl World {
    /// All in order.
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let program = std::env::current_exe().unwrap();
        let layout = depot::lay_out(&folder.path().join("depot"), 77, &program).unwrap();
        let mut stage = Stage::new(&scenario("pool-shrink"), 7, Arc::new(MemoryStore::new()));
        stage.plan.admission.roster = Some(NamedRoster {
            instigators: vec![person("ina")],
            responders: vec![person("dan")],
            ..NamedRoster::default()
        });
        let facts = Facts {
            allowed: vec!["depot".to_owned()],
            toxiproxies: Vec::new(),
            agent: None,
            left: Vec::new(),
            rehearsed: Rehearsed::Yes,
            lever: None,
            known: Known::default(),
        };
        Self { _folder: folder, layout, facts, stage, deaf: Vec::new() }
    }

    fn plan(&mut self) -> &mut Plan {
        &mut self.stage.plan
    }

    /// What is known of the one responder who is named.
    fn dan(&mut self, change: impl FnOnce(&mut Standing)) {
        change(self.facts.known.people.entry(person("dan")).or_default());
    }

    fn attestation(&self, change: impl FnOnce(&mut Value)) {
        let path = self.layout.root.join(agent::STAGING);
        let mut said: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        change(&mut said);
        fs::write(path, said.to_string()).unwrap();
    }

    /// Codes of everything that refuses: first at the door, then, where that lets it in, in the drill itself.
    fn refusals(&mut self) -> Vec<String> {
        self.facts.agent = agent::refuses(&self.layout).map(|denied| denied.complaint());
        let bars = preflight::bars(&self.stage.plan, &self.facts);
        for bar in &bars {
            assert!(code::ALL.contains(&bar.code.as_str()), "{bar:?}");
            assert!(bar.says.len() > 20 && bar.help.ends_with('.'), "{bar:?}");
        }
        let at_the_door: Vec<_> = bars.into_iter().map(|bar| bar.code).collect();
        let of_plan: Vec<_> = preflight::of_plan(&self.stage.plan).into_iter().map(|bar| bar.code).collect();
        let journal = self.play();
        let in_the_drill: Vec<_> = journal.iter().filter_map(barred).collect();
        if at_the_door.is_empty() {
            let wanted = if in_the_drill.is_empty() { Outcome::Completed } else { Outcome::Unfit };
            assert_eq!(Drill::fold(&journal).unwrap().outcome(), Some(wanted));
            return in_the_drill;
        }
        // The plan itself is looked at a second time by the drill, whoever let it in.
        assert_eq!(in_the_drill, of_plan);
        at_the_door
    }

    /// Plays in virtual time, and makes sure that a barred drill has broken nothing.
    fn play(&self) -> Vec<Recorded> {
        run(async {
            let stage = &self.stage;
            let notifier = Arc::new(Deaf { routes: self.deaf.clone(), mail: stage.mail.clone() });
            let hands = Hands { notifier, ..stage.hands() };
            let epoch = stage.sim.take_epoch();
            let mut conductor = Conductor::begin(hands, stage.plan.clone(), None, epoch).await.unwrap();
            conductor.conduct().await.unwrap();
            let journal = stage.journal().await;
            if journal.iter().any(|recorded| barred(recorded).is_some()) {
                assert!(!journal.iter().any(|one| matches!(one.event, Event::Started)));
                assert!(!journal.iter().any(|one| {
                    matches!(one.event.injection_step(), Some((_, InjectionStep::Injecting)))
                }));
            }
            stage.sim.is_pristine().unwrap();
            journal
        })
    }
}

fn barred(recorded: &Recorded) -> Option<String> {
    match &recorded.event {
        Event::Barred { code, .. } => Some(code.clone()),
        _ => None,
    }
}

/// Delivers to a mailbox, except by the routes that nobody hears.
struct Deaf {
    routes: Vec<String>,
    mail: Arc<Mailbox>,
}

impl Notifier for Deaf {
    fn deliver<'a>(&'a self, notice: &'a Notice) -> BoxFuture<'a, Result<(), DeliveryError>> {
        if self.routes.contains(&notice.route) {
            return Box::pin(async {
                Err(DeliveryError { error: "nobody answers".into(), retry: true, wait: Span::ZERO })
            });
        }
        self.mail.deliver(notice)
    }
}

/// What goes wrong in a world, alone, and the code that it is refused with.
type Case = (&'static str, fn(&mut World));

const CASES: [Case; 36] = [
    (code::NOT_ALLOWED, |world| world.facts.allowed = vec!["somewhere-else".to_owned()]),
    (code::NOT_ATTESTED, |world| fs::remove_file(world.layout.root.join(agent::STAGING)).unwrap()),
    (code::ATTESTATION_UNREADABLE, |world| world.attestation(|said| *said = json!("yes"))),
    (code::ATTESTATION_EXPIRED, |world| {
        world.attestation(|said| said["until"] = json!("2026-01-01T00:00:00.000Z"));
    }),
    (code::OTHER_MACHINE, |world| world.attestation(|said| said["machine"] = json!("0".repeat(64)))),
    (code::DENIED, |world| fs::write(world.layout.root.join(agent::DENY), "").unwrap()),
    (code::DENIED, |world| fs::write(world.layout.root.parent().unwrap().join(agent::DENY), "").unwrap()),
    (code::OUTSIDE_TARGET, |world| world.layout.volumes[0].path = "/".into()),
    (code::ADDRESS_NOT_PINNED, |world| "metadata.staging:80".clone_into(&mut world.layout.links[3].upstream)),
    (code::ADDRESS_NOT_PINNED, |world| world.layout.links[3].upstream.clear()),
    (code::ADDRESS_NOT_PINNED, |world| world.layout.front_door.clear()),
    (code::ADDRESS_OUT_OF_RANGE, |world| "192.0.2.7:80".clone_into(&mut world.layout.front_door)),
    (code::ADDRESS_OUT_OF_RANGE, |world| "192.0.2.7:80".clone_into(&mut world.layout.queues[0].address)),
    (code::ADDRESS_OUT_OF_RANGE, |world| {
        let (elsewhere, address) = ("elsewhere".parse().unwrap(), "192.0.2.7:80".to_owned());
        world.layout.apart.insert(elsewhere, address);
    }),
    (code::QUARANTINED, |world| {
        let left = Left { drill: "d-old".parse().unwrap(), injections: vec!["gd-old".parse().unwrap()] };
        world.facts.left.push(left);
    }),
    (code::BLAST_RADIUS, |world| world.plan().target.caps.services = 1),
    (code::NO_UNDO, |world| {
        world.plan().injections[0].fault =
            Fault::VolumeFill { volume: "nowhere".parse().unwrap(), percent: 90 };
    }),
    (code::NO_DEADLINE, |world| world.plan().duration.limit = limits::DRILL_MAX + Span::from_millis(1)),
    (code::NO_DEADLINE, |world| world.plan().injections[0].until = Some(Span::ZERO)),
    (code::NO_STOP_CONDITION, |world| world.plan().stop_conditions.clear()),
    (code::NOT_STEADY, |world| {
        let too_fast = Test { signal: Signal::P95, threshold: Threshold { op: Op::AtMost, value: 1.0 } };
        world.plan().steady_state = vec![Condition {
            subject: Subject::Class("put".parse().unwrap()),
            tests: vec![too_fast],
            over: Span::from_secs(5),
            held: Span::from_secs(5),
        }];
    }),
    (code::COMCHECK_FAILED, |world| {
        world.plan().routes.push("webhook".to_owned());
        world.deaf.push("webhook".to_owned());
    }),
    (code::NOT_REHEARSED, |world| {
        world.facts.rehearsed = Rehearsed::No("there is no certificate".to_owned());
    }),
    (code::NOT_REHEARSED, |world| {
        // An empty reason is none.
        world.facts.rehearsed = Rehearsed::No("there is no certificate".to_owned());
        world.plan().admission.unrehearsed = Some(" ".to_owned());
    }),
    (code::SAFETY_ENGAGED, |world| {
        let (by, reason) = ("ana".to_owned(), "production is down".to_owned());
        world.facts.lever = Some(Lever::Engaged { by, at: NOW, reason });
    }),
    (code::SAFETY_ENGAGED, |world| world.facts.lever = Some(Lever::Untouched)),
    (code::SAFETY_ENGAGED, |world| world.facts.lever = Some(Lever::Unreadable("not a line".to_owned()))),
    (code::ROSTER_INVALID, |world| roster(world).instigators.clear()),
    (code::ROSTER_INVALID, |world| {
        // Three play by themselves; with four more they are seven, and six may be.
        roster(world).responders = ["dan", "eli", "fay", "gus"].map(person).to_vec();
    }),
    (code::ROSTER_INVALID, |world| {
        // Nobody can be on both sides, whatever the reason.
        roster(world).instigators = vec![person("ana")];
        roster(world).anyway = Some("there is nobody else".to_owned());
    }),
    (code::ROSTER_MIX, |world| {
        world.plan().roster.mix = Some("depot".to_owned());
        world.dan(|dan| dan.experience = Some(Experience::Seasoned));
    }),
    (code::ROSTER_MIX, |world| {
        // Of whom nothing is known, nobody can say that they make a mix.
        world.plan().roster.mix = Some("depot".to_owned());
    }),
    (code::PREREQUISITE_MISSING, |world| {
        let id = "depot/shell-access".parse().unwrap();
        let says = "You can log in on web-east.".to_owned();
        world.plan().roster.prerequisites.push(Prerequisite { id, says, prove: Vec::new() });
        world.dan(|dan| dan.attested.extend(["depot/other".parse().unwrap()]));
    }),
    (code::NOT_REACHED, |world| roster(world).comcheck = Some(Span::from_mins(60))),
    (code::NOT_REACHED, |world| {
        // Too long ago for a start at that time.
        roster(world).comcheck = Some(Span::from_mins(60));
        let long_ago = world.plan().start - Span::from_mins(61);
        world.dan(|dan| dan.answered = Some(long_ago));
    }),
    (code::EXPOSED, |world| world.dan(|dan| dan.exposed = Some("played it in d-old".to_owned()))),
];

fn roster(world: &mut World) -> &mut NamedRoster {
    world.plan().admission.roster.as_mut().unwrap()
}

#[test]
fn where_everything_is_in_order_nothing_refuses() {
    assert_eq!(World::new().refusals(), Vec::<String>::new());
    // A process that listens nowhere leads nowhere else either.
    let mut world = World::new();
    world.layout.processes[1].address.clear();
    assert_eq!(world.refusals(), Vec::<String>::new());
}

#[test]
fn each_rule_refuses_when_it_alone_does_not_hold() {
    let mut wrong = Vec::new();
    for (number, (code, breaks)) in CASES.iter().enumerate() {
        let mut world = World::new();
        breaks(&mut world);
        let refusals = world.refusals();
        if refusals != [*code] {
            wrong.push(format!("case {number}: `{code}` alone was to refuse, and {refusals:?} did"));
        }
    }
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
    let tried: BTreeSet<_> = CASES.iter().map(|(code, _)| *code).collect();
    assert_eq!(tried, code::ALL.into_iter().collect(), "every code has a case");
}

#[test]
fn a_reason_waives_the_rehearsal_and_the_numbers_of_the_roster_and_nothing_else() {
    let mut world = World::new();
    world.facts.rehearsed = Rehearsed::No("there is no certificate".to_owned());
    world.plan().admission.unrehearsed = Some("we try it out".to_owned());
    roster(&mut world).instigators.clear();
    roster(&mut world).anyway = Some("ina comes later".to_owned());
    world.plan().stop_conditions.clear();
    assert_eq!(world.refusals(), [code::NO_STOP_CONDITION]);
}

#[test]
fn a_reason_waives_every_rule_about_the_people_but_that_of_both_sides() {
    let unfit = || {
        let mut world = World::new();
        world.plan().roster.mix = Some("depot".to_owned());
        let (id, says) = ("depot/shell-access".parse().unwrap(), "You can log in.".to_owned());
        world.plan().roster.prerequisites.push(Prerequisite { id, says, prove: Vec::new() });
        world.dan(|dan| dan.exposed = Some("played it in d-old".to_owned()));
        world
    };
    let told: BTreeSet<_> = unfit().refusals().into_iter().collect();
    let wanted = [code::ROSTER_MIX, code::PREREQUISITE_MISSING, code::EXPOSED];
    assert_eq!(told, wanted.map(str::to_owned).into());
    let mut world = unfit();
    roster(&mut world).anyway = Some("dan leads the second half".to_owned());
    assert_eq!(world.refusals(), Vec::<String>::new());
}

#[test]
fn a_mix_has_somebody_who_knows_and_somebody_who_learns() {
    use Experience::{New, Practised, Seasoned};
    let refusals = |levels: &[Option<Experience>]| {
        let mut world = World::new();
        let names = ["dan", "eli", "fay"].map(person);
        world.plan().roster.mix = Some("depot".to_owned());
        world.plan().roster.responders = (1, 9);
        roster(&mut world).responders = names[..levels.len()].to_vec();
        for (name, experience) in names.into_iter().zip(levels) {
            let standing = Standing { experience: *experience, ..Standing::default() };
            world.facts.known.people.insert(name, standing);
        }
        preflight::bars(&world.stage.plan, &world.facts).len()
    };
    for good in [&[Some(New), Some(Seasoned)][..], &[Some(Practised)], &[Some(New), None, Some(Practised)]] {
        assert_eq!(refusals(good), 0, "{good:?}");
    }
    for bad in [&[Some(New), Some(New)][..], &[Some(Seasoned), None], &[None, None], &[Some(New), None, None]]
    {
        assert_eq!(refusals(bad), 1, "{bad:?}");
    }
}

#[test]
fn while_people_may_sign_up_too_few_are_no_reason_and_too_many_are() {
    let mut world = World::new();
    world.facts.known.open = true;
    world.plan().roster.mix = Some("depot".to_owned());
    roster(&mut world).instigators.clear();
    assert_eq!(preflight::bars(&world.stage.plan, &world.facts), []);
    let lacking = preflight::lacking(&world.stage.plan).unwrap();
    assert_eq!(lacking, "0 instigators are named, and the scenario needs 1");
    roster(&mut world).responders = ["dan", "eli", "fay", "gus"].map(person).to_vec();
    let bars = preflight::bars(&world.stage.plan, &world.facts);
    assert_eq!(bars.iter().map(|bar| bar.code.as_str()).collect::<Vec<_>>(), [code::ROSTER_INVALID]);
}

#[test]
fn a_rehearsal_needs_no_rehearsal_and_a_drill_without_a_roster_is_open() {
    let mut world = World::new();
    world.facts.rehearsed = Rehearsed::No("there is no certificate".to_owned());
    world.plan().admission = Admission { rehearsal: true, ..Admission::default() };
    assert_eq!(world.refusals(), Vec::<String>::new());
}

#[test]
fn what_was_waived_stands_at_the_head_of_the_debrief() {
    let mut world = World::new();
    world.plan().admission.unrehearsed = Some("the pager is *new*".to_owned());
    roster(&mut world).anyway = Some("ina is ill".to_owned());
    let journal = world.play();
    let debrief = report::debrief(&Journal::new(&journal).unwrap());
    assert_eq!(debrief.header.waived.len(), 2);
    for page in [render::markdown(&debrief), render::html(&debrief)] {
        let told = page.find("not rehearsed as it is: the pager is").unwrap();
        assert!(page.contains("as it was: ina is ill") && told < page.find("What happened").unwrap());
    }
    let plain = World::new().play();
    assert!(report::debrief(&Journal::new(&plain).unwrap()).header.waived.is_empty());
}

#[test]
fn every_reason_is_told_at_once() {
    let mut world = World::new();
    world.facts.lever = Some(Lever::Untouched);
    world.plan().stop_conditions.clear();
    roster(&mut world).instigators.clear();
    let told: BTreeSet<_> = world.refusals().into_iter().collect();
    let wanted = [code::SAFETY_ENGAGED, code::NO_STOP_CONDITION, code::ROSTER_INVALID];
    assert_eq!(told, wanted.map(str::to_owned).into());
}

#[test]
fn who_is_not_on_the_roster_may_only_watch() {
    let world = World::new();
    let drill = Drill::new(Box::new(world.stage.plan.clone()));
    let join = |name: &str, hat| drill.decide(NOW, &Command::Join { person: person(name), hat }).map(|_| ());
    let refused = |name: &str, wanted| Err(Refusal::NotOnRoster { person: person(name), wanted });
    assert_eq!(join("dan", Hat::Responder), Ok(()));
    assert_eq!(join("ina", Hat::Instigator), Ok(()));
    // The autopilot's own players count as named.
    assert_eq!(join("ben", Hat::Responder), Ok(()));
    assert_eq!(join("eve", Hat::Responder), refused("eve", Hat::Responder));
    assert_eq!(join("dan", Hat::Instigator), refused("dan", Hat::Instigator));
    assert_eq!(join("ina", Hat::Responder), refused("ina", Hat::Responder));
    for hat in [Hat::Trainer, Hat::Observer] {
        assert_eq!(join("eve", hat), Ok(()));
    }
    // Whoever watches may stop it, too.
    assert_eq!(drill.phase(), Phase::Planned);
}

// ---- the comcheck ----------------------------------------------------------------------------------------------

fn comchecks(journal: &[Recorded]) -> Vec<(u64, String)> {
    let queued = journal.iter().filter_map(|one| match &one.event {
        Event::NoticeQueued(notice) if notice.about == NoticeKind::ComCheck => {
            assert!(notice.subject.starts_with("EXERCISE") && notice.subject.contains("nothing is wrong"));
            Some((one.seq, notice.route.clone()))
        }
        _ => None,
    });
    queued.collect()
}

fn seq_of(journal: &[Recorded], wanted: impl Fn(&Event) -> bool) -> u64 {
    journal.iter().find(|one| wanted(&one.event)).unwrap().seq
}

/// Takes nothing by a route until it is told to.
struct Slow {
    mail: Arc<Mailbox>,
    tries: Mutex<u32>,
    refused: u32,
}

impl Notifier for Slow {
    fn deliver<'a>(&'a self, notice: &'a Notice) -> BoxFuture<'a, Result<(), DeliveryError>> {
        let mut tries = self.tries.lock().unwrap();
        *tries += 1;
        if *tries <= self.refused {
            return Box::pin(async {
                Err(DeliveryError { error: "try again".into(), retry: true, wait: Span::ZERO })
            });
        }
        self.mail.deliver(notice)
    }
}

#[test]
fn the_start_waits_for_the_comcheck_of_every_route() {
    run(async {
        let stage = Stage::in_memory(&scenario("pool-shrink"), 7);
        // Tries after 1, 2, 4, 8, 16 and 30 s: the last one arrives after the planned start.
        let notifier = Arc::new(Slow { mail: stage.mail.clone(), tries: Mutex::new(0), refused: 6 });
        let hands = Hands { notifier, ..stage.hands() };
        let epoch = stage.sim.take_epoch();
        let mut conductor = Conductor::begin(hands, stage.plan.clone(), None, epoch).await.unwrap();
        conductor.conduct().await.unwrap();
        let journal = stage.journal().await;
        assert_eq!(comchecks(&journal).len(), 1);
        let arrived = seq_of(&journal, |event| matches!(event, Event::NoticeDelivered { .. }));
        let started = journal.iter().find(|one| matches!(one.event, Event::Started)).unwrap();
        assert!(arrived < started.seq && started.at > stage.plan.start, "{}", started.at);
        assert_eq!(conductor.drill().outcome(), Some(Outcome::Completed));
    });
}

#[test]
fn a_comcheck_that_is_given_up_ends_the_drill_with_route_and_reason() {
    run(async {
        let mut stage = Stage::in_memory(&scenario("pool-shrink"), 7);
        stage.plan.routes = vec!["pager".to_owned()];
        // No such route: nothing helps.
        let hands = Hands { notifier: Arc::new(gameday::notify::Routes::default()), ..stage.hands() };
        let epoch = stage.sim.take_epoch();
        let mut conductor = Conductor::begin(hands, stage.plan.clone(), None, epoch).await.unwrap();
        conductor.conduct().await.unwrap();
        let journal = stage.journal().await;
        let ended = journal.iter().find_map(|one| match &one.event {
            Event::Ended { outcome: Outcome::Unfit, reason } => Some((one.at, reason.clone())),
            _ => None,
        });
        let (at, reason) = ended.unwrap();
        assert!(reason.contains("`pager`") && reason.contains("there is no route"), "{reason}");
        assert!(at < stage.plan.start, "there is nothing to wait for");
    });
}

#[test]
fn a_drill_begins_without_the_comcheck_of_an_optional_route_and_never_waits_for_it() {
    run(async {
        let mut stage = Stage::in_memory(&scenario("pool-shrink"), 7);
        // Nobody will ever carry it.
        stage.plan.routes.push("pager".to_owned());
        stage.plan.optional_routes.insert("pager".to_owned());
        let terminal: Arc<dyn Notifier> = Arc::new(gameday::notify::Terminal::new(std::io::sink()));
        let routes = gameday::notify::Routes::new([("terminal".to_owned(), terminal)].into());
        let hands = Hands { notifier: Arc::new(routes), ..stage.hands() };
        let epoch = stage.sim.take_epoch();
        let mut conductor = Conductor::begin(hands, stage.plan.clone(), None, epoch).await.unwrap();
        conductor.conduct().await.unwrap();
        assert_eq!(conductor.drill().outcome(), Some(Outcome::Completed));
        let journal = stage.journal().await;
        let started = journal.iter().find(|one| matches!(one.event, Event::Started)).unwrap();
        assert_eq!(started.at, stage.plan.start);
        let lost = |one: &Recorded| matches!(&one.event, Event::NoticeFailed { retry_at: None, .. });
        assert!(journal.iter().any(lost), "what it did not carry is told");
    });
}

#[test]
fn an_engine_that_takes_over_sends_no_second_comcheck() {
    run(async {
        let mut stage = Stage::in_memory(&scenario("pool-shrink"), 7);
        stage.plan.routes.push("webhook".to_owned());
        let mut first = stage.begin().await.unwrap();
        let desk = first.desk();
        let asked = async {
            let mut changed = desk.changed();
            while comchecks(&desk.journal(0)).len() < 2 {
                changed.changed().await.unwrap();
            }
        };
        // The engine dies as soon as both are on their way, perhaps before an answer is stored.
        tokio::select! {
            biased;
            () = asked => {}
            conducted = first.conduct() => conducted.unwrap(),
        }
        drop(first);
        let mut second = stage.take_over(true).await.unwrap();
        second.conduct().await.unwrap();
        assert_eq!(second.drill().outcome(), Some(Outcome::Completed));
        let sent = comchecks(&stage.journal().await);
        assert_eq!(sent.iter().map(|(_, route)| route.as_str()).collect::<Vec<_>>(), ["terminal", "webhook"]);
        // The receiver tells a repeated delivery by its id: nobody sees a second one.
        let got = stage.mail.got.lock().unwrap();
        let checks = got.values().filter(|(notice, _)| notice.about == NoticeKind::ComCheck);
        assert_eq!(checks.count(), 2);
        assert!(stage.clock.now() > stage.plan.start);
    });
}

// ---- the real binary -------------------------------------------------------------------------------------------

/// Codes that `gameday ARGS --json` is refused with, and its exit code.
fn told(home: &Path, args: &[&str]) -> (Vec<String>, i32) {
    let mut command = gameday(home);
    // What is not refused would be played.
    command.args(args).arg("--json").timeout(std::time::Duration::from_secs(60));
    let output = command.output().unwrap();
    let said: Value =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|bad| panic!("{bad}: {output:?}"));
    let bars = said["refused"].as_array().unwrap_or_else(|| panic!("{said:#}"));
    let codes = bars.iter().map(|bar| {
        assert!(bar["says"].is_string() && bar["help"].is_string());
        bar["code"].as_str().unwrap().to_owned()
    });
    (codes.collect(), output.status.code().unwrap())
}

fn engage(home: &Path) {
    let mut engage = gameday(home);
    engage.args(["safety", "engage", "--reason", "production is down", "--by", "ana"]).assert().success();
}

#[test]
fn an_engaged_lever_lets_nothing_begin_until_it_is_released() {
    let home = folder();
    let status = || -> Value {
        let output = gameday(home.path()).args(["safety", "--json"]).output().unwrap();
        serde_json::from_slice(&output.stdout).unwrap()
    };
    assert_eq!((&status()["engaged"], &status()["moved"]), (&json!(false), &Value::Null));
    engage(home.path());
    assert_eq!((&status()["engaged"], &status()["moved"]["by"]), (&json!(true), &json!("ana")));
    for args in
        [&["demo"][..], &["demo", "--autopilot"], &["run", "pool-shrink"], &["rehearse", "pool-shrink"]]
    {
        assert_eq!(told(home.path(), args), (vec![code::SAFETY_ENGAGED.to_owned()], 1), "{args:?}");
    }
    let mut demo = gameday(home.path());
    let said = demo.arg("demo").assert().code(1).get_output().stderr.clone();
    let said = String::from_utf8(said).unwrap();
    for word in ["safety-engaged", "by ana: production is down", "gameday safety release"] {
        assert!(said.contains(word), "{word} in\n{said}");
    }
    assert!(!home.path().join("home/targets").read_dir().unwrap().any(|_| true), "nothing was laid out");
    let mut release = gameday(home.path());
    release.args(["safety", "release", "--reason", "it is back", "--by", "ben"]).assert().success();
    assert_eq!((&status()["engaged"], &status()["own_targets"]), (&json!(false), &json!(true)));
    let mut none = gameday(home.path());
    none.args(["safety", "engage", "--reason", " "]).assert().code(2);
}

/// What a run is refused with is seen while the lever holds it back anyway.
#[test]
fn a_scenario_of_ones_own_needs_a_certificate_or_a_reason() {
    let home = folder();
    let shipped = fs::read_to_string(tidy::root().join("scenarios/depot/pool-shrink.yaml")).unwrap();
    let own = home.path().join("pool-shrink.yaml");
    engage(home.path());
    let codes = |more: &[&str]| told(home.path(), &[&["run", "pool-shrink.yaml"], more].concat()).0;
    let lever = code::SAFETY_ENGAGED.to_owned();
    // As it is shipped, it was rehearsed before it was.
    fs::write(&own, &shipped).unwrap();
    assert_eq!(codes(&[]), std::slice::from_ref(&lever));
    fs::write(&own, format!("{shipped}\n# changed\n")).unwrap();
    assert_eq!(codes(&[]), [lever.clone(), code::NOT_REHEARSED.to_owned()]);
    assert_eq!(codes(&["--unrehearsed", "we try it out"]), std::slice::from_ref(&lever));
    // A rehearsal of just this leaves a certificate, and that lets it in.
    let plan = gameday(home.path()).args(["plan", "pool-shrink.yaml", "--json"]).output().unwrap();
    let plan: Value = serde_json::from_slice(&plan.stdout).unwrap();
    let digest = plan["digest"].as_str().unwrap();
    let certificate = |holds: bool| {
        let path = home.path().join(format!("home/certificates/{digest}.json"));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let text = json!({"format": "gameday/certificate/v1", "digest": digest, "holds": holds});
        fs::write(path, text.to_string()).unwrap();
    };
    certificate(false);
    assert_eq!(codes(&[]), [lever.clone(), code::NOT_REHEARSED.to_owned()]);
    certificate(true);
    assert_eq!(codes(&[]), [lever]);
}

#[test]
fn a_named_roster_must_fit() {
    let home = folder();
    engage(home.path());
    let codes = |more: &[&str]| told(home.path(), &[&["run", "pool-shrink"], more].concat()).0;
    let (lever, roster) = (code::SAFETY_ENGAGED.to_owned(), code::ROSTER_INVALID.to_owned());
    assert_eq!(codes(&["--responder", "ana", "--instigator", "ina"]), std::slice::from_ref(&lever));
    assert_eq!(codes(&["--responder", "ana"]), [lever.clone(), roster.clone()]);
    assert_eq!(codes(&["--instigator", "ina"]), [lever.clone(), roster.clone()]);
    assert_eq!(codes(&["--instigator", "ina", "--autopilot"]), std::slice::from_ref(&lever));
    assert_eq!(codes(&["--responder", "ana", "--instigator", "ana"]), [lever.clone(), roster]);
    assert_eq!(codes(&["--responder", "ana", "--roster-anyway", "ina is late"]), [lever]);
}

#[test]
fn a_deny_marker_keeps_the_target_from_being_started() {
    let home = folder();
    fs::create_dir_all(home.path().join("home/targets")).unwrap();
    fs::write(home.path().join("home/targets").join(agent::DENY), "").unwrap();
    assert_eq!(told(home.path(), &["run", "pool-shrink"]), (vec![code::DENIED.to_owned()], 1));
    assert!(!home.path().join("home/agents").read_dir().unwrap().any(|_| true), "no agent was started");
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a deadline for what must happen soon")]
fn engaging_the_lever_stops_a_drill_that_runs() {
    let home = folder();
    let mut run = Foreground::start(home.path(), &["run", "pool-shrink", "--json", "--out", "drill"]);
    let status = || -> Value {
        let output = gameday(home.path()).args(["safety", "--json"]).output().unwrap();
        serde_json::from_slice(&output.stdout).unwrap()
    };
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(90);
    while status()["running"] == json!([]) {
        assert!(std::time::Instant::now() < deadline, "no drill is being conducted");
    }
    // It returns when nothing runs any more.
    engage(home.path());
    assert_eq!(status()["running"], json!([]));
    assert_eq!(run.0.wait().unwrap().code(), Some(5));
    let journal = read_jsonl(&home.path().join("drill/journal.jsonl")).unwrap();
    let drill = Drill::fold(&journal).unwrap();
    assert!(drill.outcome() == Some(Outcome::Stopped) && drill.is_clean(), "{:?}", drill.outcome());
    assert!(journal.iter().any(|recorded| match &recorded.event {
        Event::StopRequested { reason, real_incident: true, .. } => {
            reason == "the safety lever was engaged by ana: production is down"
        }
        _ => false,
    }));
}

#[test]
fn a_target_of_ones_own_is_attested_for_a_time() {
    let home = folder();
    fs::create_dir(home.path().join("staging-1")).unwrap();
    let attest = |span: &str| {
        let mut command = gameday(home.path());
        command.args(["agent", "attest", "--root", "staging-1", "--by", "ana", "--for", span]);
        command
    };
    attest("8h").assert().success();
    let said = fs::read(home.path().join("staging-1").join(agent::STAGING)).unwrap();
    let said: Value = serde_json::from_slice(&said).unwrap();
    assert_eq!(said["by"], "ana");
    attest("0s").assert().code(2);
    attest("200h").assert().code(2);
}
