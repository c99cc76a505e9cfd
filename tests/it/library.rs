//! The built-in scenarios, and the documentation held against the code.

use gameday::base::Span;
use gameday::fault::Fault;
use gameday::library::worker::ScriptRunner;
use gameday::library::{Library, template::template, variants::Pick};
use gameday::scenario::act::Act;
use gameday::scenario::file;
use gameday::scenario::pack::{CatalogueKind, TargetDescription};
use gameday::scenario::{AlarmTrigger, Band, Moment, Play, Scenario};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

fn target() -> TargetDescription {
    gameday::depot::describe()
}

fn library() -> Library {
    Library::new(vec![target()], ScriptRunner::Worker(PathBuf::from(env!("CARGO_BIN_EXE_gameday"))))
}

/// Every built-in scenario, each variant of it as one of its own.
fn built_in() -> Vec<(String, Scenario)> {
    let loaded = |name: &str| library().load(name).unwrap_or_else(|bad| panic!("{}", bad.render(false)));
    let all = Library::built_in().into_iter().flat_map(|name| {
        let first = loaded(&name);
        if first.variants.is_empty() {
            return vec![(name, first)];
        }
        let each = first.variants.iter().map(|variant| {
            let read = library().load_one(&name, Pick::Named(variant));
            (format!("{name}, {variant}"), read.unwrap_or_else(|bad| panic!("{}", bad.render(false))))
        });
        each.collect()
    });
    all.collect()
}

/// Two variants of one scenario look alike and have another answer each.
#[test]
fn variants_of_a_built_in_scenario_look_alike_and_have_another_answer_each() {
    let mut families: BTreeMap<String, Vec<Scenario>> = BTreeMap::new();
    for (_, scenario) in built_in().into_iter().filter(|(_, scenario)| scenario.variant.is_some()) {
        families.entry(scenario.name.clone()).or_default().push(scenario);
    }
    assert!(!families.is_empty());
    for (name, variants) in families {
        let alike = |of: &Scenario| {
            let derived = of.alarms.iter().filter(|alarm| alarm.related).cloned().collect::<Vec<_>>();
            (of.title.clone(), format!("{derived:?}"), format!("{:?}", of.injects))
        };
        let answers: BTreeSet<_> = variants
            .iter()
            .map(|one| (one.truth.cause.component.clone(), one.reference_solution.clone()))
            .collect();
        assert_eq!(answers.len(), variants.len(), "{name}");
        assert!(variants.iter().all(|one| alike(one) == alike(&variants[0])), "{name}");
    }
}

#[test]
fn every_built_in_scenario_loads_and_is_complete() {
    let names = Library::built_in();
    assert_eq!(
        names,
        [
            "bakery/frozen-shelf",
            "bakery/late-orders",
            "depot/expired-door",
            "depot/lagging-copy",
            "depot/late-previews",
            "depot/lone-credential",
            "depot/pool-shrink",
            "depot/session-hang",
            "depot/slow-crossing",
            "depot/two-releases",
            "guestbook/cache-hang",
            "guestbook/short-signatures",
            "guestbook/slow-entries",
        ]
    );
    for (name, scenario) in built_in() {
        assert!(name.starts_with(&format!("{}/{}", scenario.pack.name, scenario.name)), "{name}");
        assert!(!scenario.summary.is_empty() && scenario.objectives.len() >= 2, "{name}");
        assert!(scenario.questions.len() >= 3 && !scenario.hints.is_empty(), "{name}");
        assert!(scenario.truth.cause.facts.len() >= 4, "{name}");
        assert!(scenario.truth.cause.distractors.len() >= 5, "{name}");
        assert!(scenario.truth.decision.values().any(|option| option.effective), "{name}");
        assert!(scenario.severity.len() >= 4 && scenario.truth.priority.is_some(), "{name}");
        for band in [Band::Right, Band::Near, Band::Wrong] {
            assert!(scenario.sample_claims.iter().any(|claim| claim.band == band), "{name}: {band:?}");
        }
        let derived = |trigger: &AlarmTrigger| matches!(trigger, AlarmTrigger::When(_));
        assert!(scenario.alarms.iter().any(|alarm| alarm.related && derived(&alarm.trigger)), "{name}");
        assert!(scenario.alarms.iter().any(|alarm| !alarm.related), "{name}");
        assert!(
            !scenario.title.to_lowercase().contains(&scenario.truth.cause.component),
            "{name}: the title tells"
        );
    }
}

#[test]
fn the_autopilot_of_every_built_in_scenario_plays_a_whole_drill_in_time() {
    for (name, scenario) in built_in() {
        let verbs: BTreeSet<&str> = scenario.autopilot.iter().map(|play| play.act.verb()).collect();
        for verb in [
            "role",
            "ack",
            "declare",
            "hypothesis",
            "log",
            "operate",
            "status",
            "ticket",
            "cause",
            "assess",
            "severity",
            "decide",
            "resolve",
        ] {
            assert!(verbs.contains(verb), "{name}: nobody does `{verb}`");
        }
        // What repairs it is played, in the same order, and each repair is logged before.
        let operations = scenario.autopilot.iter().filter_map(|play| match &play.act {
            Act::Operate(argv) => Some(argv.clone()),
            _ => None,
        });
        let operations: Vec<_> = operations.collect();
        let mut rest = operations.iter();
        for repair in &scenario.reference_solution {
            assert!(rest.any(|argv| argv == repair), "{name}: {repair:?} is not played");
        }
        // Every right fact is claimed and no other.
        let facts: BTreeSet<_> = scenario.truth.cause.facts.iter().map(|fact| fact.id.clone()).collect();
        let claimed = scenario.autopilot.iter().find_map(|play| match &play.act {
            Act::Cause(claim) => Some(claim.facts.iter().cloned().collect::<BTreeSet<_>>()),
            _ => None,
        });
        assert_eq!(claimed, Some(facts), "{name}");
        // Every alarm is acknowledged, noise as well.
        let acks: BTreeSet<_> = scenario
            .autopilot
            .iter()
            .filter_map(|play| match &play.act {
                Act::Ack(alarm) => Some(alarm.clone()),
                _ => None,
            })
            .collect();
        assert_eq!(acks, scenario.alarms.iter().map(|alarm| alarm.name.clone()).collect(), "{name}");
    }
}

#[test]
fn the_autopilot_waits_for_little_beyond_what_is_measured() {
    for (name, scenario) in built_in() {
        let plays = &scenario.autopilot;
        let at = |is: fn(&Moment) -> bool| plays.iter().position(|play| is(&play.after)).unwrap();
        let alarm = at(|after| matches!(after, Moment::Alarm(_)));
        let restored = at(|after| *after == Moment::Restored);
        let waits = |plays: &[Play]| plays.iter().fold(Span::ZERO, |sum, play| sum + play.wait);
        assert!(waits(&plays[alarm..restored]) <= Span::from_secs(35), "{name}");
        assert!(waits(&plays[restored..]) <= Span::from_secs(15), "{name}");
    }
}

#[test]
fn the_digest_changes_with_every_part_and_with_nothing_else() {
    let first = library().load("pool-shrink").unwrap_or_else(|bad| panic!("{}", bad.render(false)));
    let again = library().load("depot/pool-shrink").unwrap_or_else(|bad| panic!("{}", bad.render(false)));
    assert_eq!(first.digest, again.digest);
    let home = tempfile::tempdir().unwrap();
    let injectors = home.path().join("fault-injectors");
    std::fs::create_dir(&injectors).unwrap();
    let script = std::fs::read_to_string("fault-injectors/config-rollout.rhai").unwrap();
    std::fs::write(injectors.join("config-rollout.rhai"), format!("{script}\n")).unwrap();
    let changed = library().with_injectors(&injectors).load("pool-shrink").ok().unwrap();
    assert_ne!(first.digest, changed.digest);
    assert_eq!(first.faults, changed.faults);
}

#[test]
fn the_documentation_of_the_pack_becomes_its_catalogue() {
    let pack = library().load_pack("depot").unwrap_or_else(|bad| panic!("{}", bad.render(false)));
    let page = pack.entry("depotctl(1)").expect("the tool has a manual page");
    assert_eq!(page.kind, CatalogueKind::Man);
    assert!(!page.anchors.is_empty() && page.digest.len() == 64 && !page.title.starts_with('#'));
    let runbook = pack.entry("runbooks/uploads.md").expect("there is a runbook");
    assert_eq!(runbook.kind, CatalogueKind::Doc);
}

#[test]
fn the_template_passes_the_check_whatever_its_title() {
    let home = tempfile::tempdir().unwrap();
    for title in ["A drill", "colon: \"quotes\" # and 'more'", "- [x]", "na\u{ef}ve \u{1f600}", "line\nbreak"]
    {
        let path = home.path().join("mine.yaml");
        std::fs::write(&path, template("mine", title)).unwrap();
        let scenario =
            library().load(path.to_str().unwrap()).unwrap_or_else(|bad| panic!("{}", bad.render(false)));
        assert_eq!(scenario.title, title.replace('\n', " "));
    }
}

/// Every property of every object in a schema, with the text that explains it.
fn properties(schema: &Value, found: &mut Vec<(String, bool)>) {
    match schema {
        Value::Object(map) => {
            if let Some(Value::Object(fields)) = map.get("properties") {
                for (name, field) in fields {
                    found.push((name.clone(), field.get("description").is_some()));
                }
            }
            map.values().for_each(|value| properties(value, found));
        }
        Value::Array(list) => list.iter().for_each(|value| properties(value, found)),
        _ => {}
    }
}

fn doc(name: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn names_all(page: &str, text: &str, names: impl IntoIterator<Item = String>) {
    let missing: Vec<_> = names.into_iter().filter(|name| !text.contains(&format!("`{name}`"))).collect();
    assert!(missing.is_empty(), "docs/{page} does not name: {missing:?}");
}

#[test]
fn every_field_is_explained_in_the_schema_and_in_the_docs() {
    for (page, schema) in [
        ("scenario.md", file::schema()),
        ("pack.md", file::pack_schema()),
        ("target.md", file::target_schema()),
        ("tabletops.md", file::tabletop_schema()),
    ] {
        let mut found = Vec::new();
        properties(&schema, &mut found);
        assert!(found.len() > 10, "{page}");
        let unexplained: Vec<_> = found.iter().filter(|(_, explained)| !explained).collect();
        // Variants of an act are properties too; what they hold is explained at the variant.
        let acts = [
            "take-role",
            "release-role",
            "hand-over",
            "say",
            "log",
            "ack",
            "declare",
            "status",
            "stumped",
            "hypothesis",
            "cause",
            "assess",
            "resolve",
            "operate",
            "ticket",
            "open",
            "update",
            "note",
            "cc",
            "close",
            "severity",
            "decide",
            "page",
            "action",
            "add",
            "assign",
            "done",
            "drop",
            "summary",
        ];
        let unexplained: Vec<_> =
            unexplained.iter().filter(|(name, _)| !acts.contains(&name.as_str())).collect();
        assert!(unexplained.is_empty(), "{page}: {unexplained:?}");
        names_all(page, &doc(page), found.into_iter().map(|(name, _)| name));
    }
    names_all("scenario.md", &doc("scenario.md"), gameday::fault::kind::all());
}

#[test]
fn every_injector_and_every_fault_is_in_the_docs() {
    let page = "fault-injectors.md";
    let text = doc(page);
    let injectors = library().injectors().unwrap_or_else(|bad| panic!("{}", bad.render(false)));
    for injector in &injectors {
        names_all(page, &text, [injector.name.clone(), injector.description.kind.clone()]);
        names_all(page, &text, injector.description.params.keys().cloned());
        assert!(
            injector.source.starts_with(&format!("// {}: ", injector.name)),
            "{} has no head",
            injector.name
        );
    }
    let schema = schemars::schema_for!(Fault).to_value();
    let kinds = schema["oneOf"]
        .as_array()
        .expect("an enum")
        .iter()
        .map(|variant| variant["properties"]["kind"]["const"].as_str().expect("a kind").to_owned());
    let kinds: Vec<_> = kinds.collect();
    assert_eq!(kinds.len(), 48);
    names_all(page, &text, kinds);
    let mut fields = Vec::new();
    properties(&schema, &mut fields);
    names_all(page, &text, fields.into_iter().map(|(name, _)| name));
}

#[test]
fn the_list_of_scenarios_in_the_docs_is_complete_and_true() {
    let text = doc("scenarios.md");
    let names = Library::built_in();
    for name in &names {
        let scenario = library().load(name).unwrap_or_else(|bad| panic!("{}", bad.render(false)));
        let (short, duration) = (&scenario.name, &scenario.duration);
        let row = format!(
            "| `{short}` | {} | {} | {} of {} |",
            scenario.title, scenario.difficulty, duration.par, duration.limit
        );
        assert!(text.contains(&row), "docs/scenarios.md has no row `{row}`");
    }
    let rows = text.lines().filter(|line| line.starts_with("| `")).count();
    assert_eq!(rows, names.len(), "a row of a scenario that there is not");
}

#[test]
fn the_example_injector_of_the_docs_works() {
    let text = doc("fault-injectors.md");
    let script =
        text.split("```rhai\n").nth(1).and_then(|rest| rest.split("```").next()).expect("an example");
    let home = tempfile::tempdir().unwrap();
    std::fs::write(home.path().join("slow-then-down.rhai"), script).unwrap();
    let scenario = template("mine", "A drill").replace(
        "injector: process-hang\n    with: {service: session}",
        "injector: slow-then-down\n    with: {link: web-east-metadata, latency: 300ms}",
    );
    let path = home.path().join("mine.yaml");
    std::fs::write(&path, scenario).unwrap();
    let library = library().with_injectors(home.path());
    let scenario = library.load(path.to_str().unwrap()).unwrap_or_else(|bad| panic!("{}", bad.render(false)));
    let kinds: Vec<_> = scenario.faults.iter().map(|fault| fault.timed.fault.kind()).collect();
    assert_eq!(kinds, ["link-latency", "link-down"]);
}

#[test]
fn the_example_scenarios_of_the_docs_load() {
    let home = tempfile::tempdir().unwrap();
    let text = doc("scenario.md");
    let examples: Vec<_> =
        text.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    let whole = examples.iter().filter(|example| example.starts_with("format:"));
    let mut loaded = 0;
    for example in whole {
        let path = home.path().join("mine.yaml");
        std::fs::write(&path, example).unwrap();
        library().load(path.to_str().unwrap()).unwrap_or_else(|bad| panic!("{}", bad.render(false)));
        loaded += 1;
    }
    assert!(loaded >= 1);
}

/// A scenario on the disk, made of a built-in one by changing parts of its text.
fn changed(name: &str, changes: &[(&str, &str)]) -> Scenario {
    let folder = tempfile::tempdir().unwrap();
    let mut text = std::fs::read_to_string(format!("scenarios/depot/{name}.yaml")).unwrap();
    for (from, to) in changes {
        assert!(text.contains(from), "{from}");
        text = text.replace(from, to);
    }
    let path = folder.path().join("changed.yaml");
    std::fs::write(&path, text).unwrap();
    library().load(path.to_str().unwrap()).unwrap_or_else(|bad| panic!("{}", bad.render(false)))
}

#[test]
fn the_format_says_correlated_staged_and_adapting_faults_noise_and_silence() {
    let hang = "  - at: 15s\n    injector: process-hang\n    with: {service: session}\n";
    let scenario = changed(
        "session-hang",
        &[(
            hang,
            "  - {at: 15s, injector: process-hang, with: {service: session}}\n  \
             # Correlated: the same rack, the same moment.\n  \
             - {at: 15s, injector: slow-link, with: {links: web-east-session, latency: 100ms}}\n  \
             # Staged: worse after a while. No alarm watches it.\n  \
             - {at: 3m, injector: nearly-full-volume, with: {volume: storage-east, free_kib: 8}}\n  \
             # Noise: something else that is odd, and not the cause.\n  \
             - {at: 1m, injector: slow-process, related: false, with: {service: storage-west, percent: 20}}\n  \
             # Adapting: when service is back, the next one hangs.\n  \
             - {at: 5m, injector: stubborn-hang, with: {first: web-east, second: web-west}}\n",
        )],
    );
    let kinds: Vec<_> = scenario.faults.iter().map(|one| (one.timed.fault.kind(), one.related)).collect();
    let expected = [
        ("process-stop", true),
        ("link-latency", true),
        ("process-throttle", false),
        ("volume-rest", true),
        ("process-stop", true),
    ];
    assert_eq!(kinds, expected);
    assert_eq!(scenario.faults[0].timed.at, scenario.faults[1].timed.at);
    let [reactor] = &scenario.reactors[..] else { panic!("{:?}", scenario.reactors) };
    assert_eq!(
        (reactor.injector.as_str(), reactor.params["second"].as_str()),
        ("stubborn-hang", Some("web-west"))
    );
    // An alarm without any fault behind it.
    assert!(scenario.alarms.iter().any(|alarm| !alarm.related));
}
