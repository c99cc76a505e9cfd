//! Files and scripts that mean harm, or are just broken: each gets a clear error with its place, in time, and changes
//! nothing.

use crate::cli::{folder, gameday};
use gameday::library::worker::ScriptRunner;
use gameday::library::{Library, LoadError, template::template};
use gameday::scenario::pack::TargetDescription;
use gameday::scenario::problem::Problem;
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

fn target() -> TargetDescription {
    gameday::depot::describe()
}

fn library(folder: &Path) -> Library {
    let worker = ScriptRunner::Worker(PathBuf::from(env!("CARGO_BIN_EXE_gameday")));
    Library::new(vec![target()], worker).with_injectors(folder.join("fault-injectors"))
}

/// A folder with `drill.yaml`, and the problems of loading it.
struct Bench {
    home: TempDir,
}

impl Bench {
    fn new(scenario: impl AsRef<[u8]>) -> Self {
        let home = tempfile::tempdir().expect("a temporary folder");
        std::fs::create_dir(home.path().join("fault-injectors")).expect("a folder");
        let bench = Self { home };
        bench.put("drill.yaml", scenario);
        bench
    }

    fn put(&self, path: &str, content: impl AsRef<[u8]>) {
        std::fs::write(self.home.path().join(path), content).expect("a file");
    }

    fn load_error(&self) -> LoadError {
        let path = self.home.path().join("drill.yaml");
        match library(self.home.path()).load(path.to_str().expect("a path in UTF-8")) {
            Ok(_) => panic!("this must not load"),
            Err(error) => error,
        }
    }

    fn problems(&self) -> Vec<Problem> {
        self.load_error().problems().to_vec()
    }

    fn only_problem(&self) -> Problem {
        let mut problems = self.problems();
        assert_eq!(problems.len(), 1, "{problems:#?}");
        problems.remove(0)
    }
}

fn good() -> String {
    template("drill", "A drill")
}

/// The good scenario with one part replaced.
fn with(old: &str, new: &str) -> String {
    let good = good();
    assert!(good.contains(old), "{old}");
    good.replacen(old, new, 1)
}

/// A scenario that uses the injector `evil`.
fn with_injector(script: &str) -> Bench {
    let bench = Bench::new(with("injector: process-hang\n    with: {service: session}", "injector: evil"));
    bench.put("fault-injectors/evil.rhai", script);
    bench
}

#[test]
fn the_good_one_loads() {
    let bench = Bench::new(good());
    let path = bench.home.path().join("drill.yaml");
    let scenario = library(bench.home.path())
        .load(path.to_str().unwrap())
        .unwrap_or_else(|bad| panic!("{}", bad.render(false)));
    assert_eq!(scenario.name, "drill");
    assert_eq!(scenario.faults.len(), 1);
    assert_eq!(scenario.digest.len(), 64);
}

#[test]
fn windows_line_ends_and_a_byte_order_mark_do_no_harm() {
    let text = format!("\u{feff}{}", good().replace('\n', "\r\n"));
    let bench = Bench::new(&text);
    let path = bench.home.path().join("drill.yaml");
    assert!(library(bench.home.path()).load(path.to_str().unwrap()).is_ok());
    let bench = Bench::new(text.replace("injector: process-hang", "injector: process-hnag"));
    let problem = bench.only_problem();
    let line = 1 + good().lines().position(|line| line.contains("injector:")).unwrap();
    assert_eq!((problem.line, problem.column), (line, 15), "{problem:?}");
    assert_eq!(problem.help.as_deref(), Some("did you mean `process-hang`?"));
}

#[test]
fn a_mistake_is_shown_with_its_line_and_help() {
    let bench = Bench::new(with("difficulty: 1", "dificulty: 1"));
    let problem = bench.only_problem();
    assert_eq!((problem.column, problem.width), (1, 9), "{problem:?}");
    assert_eq!(problem.message, "unknown field `dificulty`");
    assert_eq!(problem.help.as_deref(), Some("did you mean `difficulty`?"));
    let shown = bench.load_error().render(false);
    assert!(shown.contains("drill.yaml:"), "{shown}");
    assert!(shown.contains("| dificulty: 1"), "{shown}");
    assert!(shown.contains("| ^^^^^^^^^\n"), "{shown}");
}

/// Good files with one thing wrong: what, the file, and what is told.
fn broken_files() -> Vec<(&'static str, Vec<u8>, &'static str)> {
    vec![
        ("wrong type", with("difficulty: 1", "difficulty: high").into(), "drill.yaml:"),
        ("a list for a text", with("pack: depot", "pack: [depot]").into(), "drill.yaml:"),
        ("a bad name", with("{class: login", "{class: \"../login\"").into(), "is not a name"),
        ("a bad time", with("at: 2m", "at: soon").into(), "is not a length of time"),
        ("a bad act", with("{take-role: ic}", "{take-over: ic}").into(), "`take-over` is not one of"),
        ("a missing field", with("pack: depot\n", "").into(), "the field `pack` is missing"),
        ("a key twice", with("difficulty: 1", "difficulty: 1\ndifficulty: 2").into(), "stands here twice"),
        ("two documents", format!("{}---\nformat: x\n", good()).into(), "second document"),
    ]
}

fn deep_blocks() -> String {
    let lines: Vec<_> = (0..200).map(|n| format!("{}- a:", " ".repeat(n * 4))).collect();
    lines.join("\n")
}

/// Files that are no scenario at all.
fn no_scenarios() -> Vec<(&'static str, Vec<u8>, &'static str)> {
    let bomb = "objectives: &a [x, x, x]\nsummary: [*a, *a, *a]\n";
    let fields = ["objectives", "owners", "faults", "alarms", "injects", "steady_state", "hints"];
    let laughs: String = std::iter::once("title: &l0 lol\n".to_owned())
        .chain((1..7).map(|n| {
            let ten = vec![format!("*l{}", n - 1); 10].join(", ");
            format!("{}: &l{n} [{ten}]\n", fields[n - 1])
        }))
        .collect();
    vec![
        ("an alias bomb", bomb.into(), "anchors and aliases"),
        ("billion laughs", laughs.into(), "anchors and aliases"),
        ("a merge key", "<<: {a: 1}\n".into(), "merge keys"),
        ("deep nesting", format!("format: {}{}", "[".repeat(2000), "]".repeat(2000)).into(), "drill.yaml"),
        ("deep blocks", deep_blocks().into(), "drill.yaml"),
        ("binary", (0_u8..=255).cycle().take(4000).collect(), "drill.yaml"),
        ("control characters", "title: a\u{1b}[2J\n".into(), "control characters"),
        ("empty", Vec::new(), "drill.yaml"),
        ("blank", b"\n\n   \n".to_vec(), "drill.yaml"),
        ("a scalar", b"hello".to_vec(), "drill.yaml"),
        ("a comment", b"# nothing\n".to_vec(), "drill.yaml"),
        ("huge", vec![b'#'; 300 * 1024], "larger than 256 KiB"),
        ("many nodes", format!("format: [{}]", "1,".repeat(40_000)).into(), "drill.yaml"),
        ("a tag", with("pack: depot", "pack: !!python/object:os.system depot").into(), "drill.yaml:"),
        ("unclosed", with("pack: depot", "pack: \"depot").into(), "drill.yaml:"),
        ("tabs", with("objectives:\n  -", "objectives:\n\t-").into(), "drill.yaml:"),
    ]
}

#[test]
fn files_that_cannot_be_read_as_a_scenario() {
    for (what, content, expected) in broken_files().into_iter().chain(no_scenarios()) {
        let bench = Bench::new(content);
        let shown = bench.load_error().render(false);
        assert!(shown.contains(expected), "{what}: {shown}");
        assert!(shown.len() < 2000, "{what}: {} bytes", shown.len());
    }
}

#[test]
fn references_that_lead_nowhere_are_all_told_at_once() {
    let scenario = good()
        .replace("{service: session}", "{service: sesion}")
        .replace("{class: login, failed: \"> 20 %\"", "{class: logn, failed: \"> 20\"")
        .replace("probe: staging-neighbours", "probe: staging-neighbors")
        .replace("kind: process.hang ", "kind: process.hung ")
        .replace("session -> web, web -> edge", "session -> webb, web edge")
        .replace("catalogue: [runbooks/logins.md]", "catalogue: [nothing(1)]")
        .replace("- depotctl restart session", "- depotctl reboot session")
        .replace("alarm LoginErrorsHigh", "alarm LoginErrorHigh")
        .replace("at: 5m\n    unless", "at: 50m\n    unless")
        .replace("workload: evening", "workload: morning")
        .replace("facts: [session-silent]", "facts: [session-quiet]")
        .replace("knowable_after: localised", "knowable_after: localized");
    let bench = Bench::new(scenario);
    let problems = bench.problems();
    let told: Vec<_> = problems.iter().map(|problem| problem.message.as_str()).collect();
    for expected in [
        "`service`: there is no service `sesion`",
        "there is no request class `logn`",
        "`> 20` is not a threshold",
        "there is no probe `staging-neighbors`",
        "there is no kind of fault `process.hung`",
        "there is no component `webb`",
        "`web edge` is not a spread",
        "there is no entry in the documentation catalogue `nothing(1)`",
        "the target has no operation `depotctl reboot session`",
        "there is no alarm `LoginErrorHigh`",
        "50m is not before the drill's limit",
        "there is no workload in the pack `morning`",
        "there is no fact `session-quiet`",
        "there is no milestone `localized`",
    ] {
        assert!(told.iter().any(|message| message.contains(expected)), "{expected}: {told:#?}");
    }
    assert!(problems.iter().all(|problem| problem.line > 0), "{problems:#?}");
    let lines: Vec<_> = problems.iter().map(|problem| problem.line).collect();
    assert!(lines.is_sorted(), "{lines:?}");
}

#[test]
fn a_severity_checklist_has_answers_among_its_options() {
    let truth = |severity: &str| {
        with(
            "severity: {live: true, users: everybody, sites: [east, west]}   #",
            &format!("severity: {severity}   #"),
        )
    };
    let own =
        "{live: true, users: everybody, sites: [east, west], backup: {ask: Is there a backup?, options: ";
    for (severity, expected) in [
        (
            "{live: maybe, users: few, sites: [east]}".to_owned(),
            "`maybe` is no answer to `live`: use true, false or",
        ),
        ("{live: true, users: few, sites: [north]}".to_owned(), "`north` is no answer to `sites`"),
        ("{live: true, users: few, sites: []}".to_owned(), "`sites` needs an answer"),
        ("{live: [true, false], users: few, sites: [east]}".to_owned(), "`live` has one answer"),
        ("{live: true, users: [few, nobody], sites: [east]}".to_owned(), "`users` has one answer"),
        ("{live: true, userz: few}".to_owned(), "there is no standard question `userz`"),
        ("{live: true, users: dont-know}".to_owned(), "the truth knows"),
        ("{live: {ask: Is it?, options: [a, b], answer: a}}".to_owned(), "`live` is a standard question"),
        (format!("{own}[one], answer: one}}}}"), "from 2 to 12 options"),
        (format!("{own}[a, a], answer: a}}}}"), "the option `a` stands here twice"),
        (format!("{own}[a, dont-know], answer: a}}}}"), "`dont-know` is not an option"),
        (format!("{own}[a, b], answer: c}}}}"), "`c` is no answer to `backup`"),
        (format!("{own}[a, b], right: a}}}}"), "unknown field `right`"),
    ] {
        let shown = Bench::new(truth(&severity)).load_error().render(false);
        assert!(shown.contains(expected), "{severity}: {shown}");
    }
    // A question of one's own is asked after the standard ones, with its options and without its answer.
    let bench = Bench::new(truth(&format!("{own}[fresh, old, none], answer: old}}}}")));
    let path = bench.home.path().join("drill.yaml");
    let scenario = library(bench.home.path()).load(path.to_str().unwrap()).ok().unwrap();
    let asked: Vec<_> = scenario.severity.iter().map(|question| question.id.as_str()).collect();
    assert_eq!(asked, ["live", "users", "sites", "backup"]);
    assert_eq!(scenario.severity[3].options, ["fresh", "old", "none"]);
    assert_eq!(scenario.truth.severity["backup"], "old");
    // The autopilot answers what is asked, and opens a ticket before it writes into it.
    for (old, new, expected) in [
        (
            "{severity: {live: true",
            "{severity: {alive: true",
            "no question of the severity checklist `alive`",
        ),
        ("{severity: {live: true", "{severity: {live: perhaps", "`perhaps` is no answer to `live`"),
        (
            "{ticket: {open: {title: Nobody can log in, on: session, cc: [session-oncall]}}}",
            "{ticket: {note: {text: x}}}",
            "the ticket t1 is not open yet",
        ),
        ("on: session, cc:", "on: sesion, cc:", "there is no component `sesion`"),
        ("{open: {title", "{opened: {title", "`opened` is not one of the words"),
    ] {
        let shown = Bench::new(with(old, new)).load_error().render(false);
        assert!(shown.contains(expected), "{new}: {shown}");
    }
}

#[test]
fn what_is_not_a_file() {
    let bench = Bench::new(good());
    let home = bench.home.path();
    let load = |path: &Path| match library(home).load(path.to_str().unwrap()) {
        Ok(_) => panic!("{} must not load", path.display()),
        Err(error) => error.render(false),
    };
    std::fs::create_dir(home.join("folder.yaml")).unwrap();
    assert!(load(&home.join("folder.yaml")).contains("not a regular file"));
    assert!(load(&home.join("none.yaml")).contains("no such file"));
    symlink(home.join("drill.yaml"), home.join("link.yaml")).unwrap();
    assert!(load(&home.join("link.yaml")).contains("links are not followed"));
    assert!(load(Path::new("no-such-drill")).contains("no built-in scenario"));
    assert!(load(Path::new("/dev/zero")).contains("not a regular file"));
    nix::unistd::mkfifo(&home.join("pipe.yaml"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    assert!(load(&home.join("pipe.yaml")).contains("not a regular file"));
}

#[test]
fn a_player_file_stays_beneath_its_folder() {
    let (head, _) =
        good().split_once("autopilot:").map(|(head, tail)| (head.to_owned(), tail.to_owned())).unwrap();
    let outside = tempfile::tempdir().unwrap();
    std::fs::write(outside.path().join("plays.yaml"), "[]").unwrap();
    for (path, expected) in [
        ("../plays.yaml", "must stay beneath"),
        ("/etc/passwd", "must stay beneath"),
        ("players/link.yaml", "links are not followed"),
        ("away/plays.yaml", "links are not followed"),
        ("players/none.yaml", "no such file"),
    ] {
        let bench = Bench::new(format!("{head}autopilot: {path}\n"));
        std::fs::create_dir(bench.home.path().join("players")).unwrap();
        symlink(outside.path().join("plays.yaml"), bench.home.path().join("players/link.yaml")).unwrap();
        symlink(outside.path(), bench.home.path().join("away")).unwrap();
        let problem = bench.only_problem();
        assert!(problem.message.contains(expected), "{path}: {problem:?}");
        assert!(problem.line > 0, "{path}: {problem:?}");
    }
    let bench = Bench::new(format!("{head}autopilot: plays.yaml\n"));
    bench.put("plays.yaml", "- {who: ana, do: {ack: NoSuchAlarm}}\n");
    let problem = bench.only_problem();
    assert!(problem.file.ends_with("plays.yaml") && problem.line == 1, "{problem:?}");
    bench.put("plays.yaml", "- {who: ana, do: {say: hello}}\n");
    let path = bench.home.path().join("drill.yaml");
    assert_eq!(
        library(bench.home.path()).load(path.to_str().unwrap()).map(|one| one.autopilot.len()).ok(),
        Some(1)
    );
}

#[test]
fn a_pack_stays_beneath_its_folder() {
    let home = tempfile::tempdir().unwrap();
    let pack = home.path().join("depot");
    std::fs::create_dir_all(home.path().join("outside")).unwrap();
    std::fs::create_dir(&pack).unwrap();
    std::fs::write(home.path().join("outside/a.md"), "# A").unwrap();
    symlink(home.path().join("outside"), pack.join("linked")).unwrap();
    // It points at no document, because the pack will have none.
    let drill = good().replace("catalogue: [runbooks/logins.md]", "catalogue: []");
    std::fs::write(pack.join("drill.yaml"), drill).unwrap();
    let original = include_str!("../../scenarios/depot/pack.yaml");
    let load = |docs: &str| {
        let text = original.replacen("docs: docs ", &format!("docs: {docs} "), 1);
        assert!(docs == "docs" || text != original);
        std::fs::write(pack.join("pack.yaml"), text).unwrap();
        library(home.path()).load(pack.join("drill.yaml").to_str().unwrap())
    };
    for docs in ["../outside", "/etc", "linked/../../outside"] {
        let shown = load(docs).err().expect("it leads out").render(false);
        assert!(shown.contains("names a folder within the pack"), "{docs}: {shown}");
    }
    // A linked folder counts as empty.
    assert!(load("linked").expect("an empty folder does no harm").pack.catalogue.is_empty());
    assert!(load("docs").is_ok());
    std::fs::remove_file(pack.join("pack.yaml")).unwrap();
    symlink(home.path().join("elsewhere.yaml"), pack.join("pack.yaml")).unwrap();
    std::fs::write(home.path().join("elsewhere.yaml"), original).unwrap();
    let path = pack.join("drill.yaml");
    let shown = library(home.path()).load(path.to_str().unwrap()).err().expect("a link").render(false);
    assert!(shown.contains("links are not followed"), "{shown}");
}

#[test]
fn a_script_that_is_missing_or_a_link_is_refused() {
    let bench = Bench::new(with("injector: process-hang", "injector: proces-hang"));
    assert_eq!(bench.only_problem().help.as_deref(), Some("did you mean `process-hang`?"));
    let bench = Bench::new(with("injector: process-hang", "injector: ../../etc/passwd"));
    assert!(bench.only_problem().message.contains("there is no fault injector"));
    let bench = with_injector("");
    std::fs::remove_file(bench.home.path().join("fault-injectors/evil.rhai")).unwrap();
    symlink("/etc/passwd", bench.home.path().join("fault-injectors/evil.rhai")).unwrap();
    assert!(bench.only_problem().message.contains("links are not followed"));
}

#[test]
fn a_folder_on_disk_is_laid_over_the_built_in_injectors() {
    let bench = Bench::new(good());
    let own = "fn describe() { #{summary: \"s\", kind: \"process.crash\", params: #{service: #{type: \"service\", about: \"a\"}}} }\n\
               fn plan(p) { [#{fault: #{kind: \"process-kill\", service: p.service}}] }";
    bench.put("fault-injectors/process-hang.rhai", own);
    let path = bench.home.path().join("drill.yaml");
    let scenario = library(bench.home.path()).load(path.to_str().unwrap()).ok().unwrap();
    assert_eq!(scenario.faults[0].timed.fault.kind(), "process-kill");
}

const HEAD: &str = "fn describe() { #{summary: \"s\", kind: \"process.hang\"} }\n";

/// Scripts: what, the text after `describe`, and what is told.
const SCRIPTS: &[(&str, &str, &str)] = &[
    ("syntax", "fn plan(p) {\n  let = ;\n}", "evil.rhai:3:7: Expecting name of a variable"),
    ("no plan", "", "no function `plan(params)`"),
    ("endless", "fn plan(p) { loop {} }", "does not end"),
    ("endless inside", "fn f() { while true {} } fn plan(p) { f() }", "does not end"),
    ("nested loops", "fn plan(p) { for a in 0..1000000 { for b in 0..1000000 { } } }", "does not end"),
    ("recursion", "fn f(n) { f(n + 1) + f(n + 2) } fn plan(p) { f(0) }", "levels deep"),
    ("text without end", "fn plan(p) { let s = \"x\"; loop { s += s; } }", "too large"),
    ("array without end", "fn plan(p) { let a = [1]; loop { a.push(a); } }", "too large"),
    ("eval", "fn plan(p) { eval(\"40 + 2\") }", "evil"),
    ("import", "import \"/etc/passwd\" as p;\nfn plan(p) { [] }", "evil"),
    ("closures", "fn plan(p) { [1, 2].filter(|x| [1].filter(|y| true)) }", "evil"),
    ("function pointers", "fn f() { loop {} } fn plan(p) { Fn(\"f\").call() }", "evil"),
    (
        "a huge answer",
        "fn plan(p) { let a = []; for i in 0..900 { a.push(\"0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789\"); } a }",
        "64 KiB",
    ),
    ("something else", "fn plan(p) { 42 }", "must answer with an array"),
    (
        "an unknown fault",
        "fn plan(p) { [#{fault: #{kind: \"rm-rf\", path: \"/\"}}] }",
        "unknown variant `rm-rf`",
    ),
    (
        "an unknown place",
        "fn plan(p) { [#{fault: #{kind: \"process-kill\", service: \"sesion\"}}] }",
        "there is no service instance `sesion`",
    ),
    (
        "too many",
        "fn plan(p) { let a = []; for i in 0..65 { a.push(#{fault: #{kind: \"process-stop\", service: \"session\"}}); } a }",
        "more than 64 faults",
    ),
];

#[test]
fn hostile_scripts_end_in_time_with_an_error_in_the_file() {
    let deep = format!("fn plan(p) {{ {}1{} }}", "(".repeat(500), ")".repeat(500));
    for (what, script, expected) in SCRIPTS.iter().chain([&("deep", deep.as_str(), "evil")]) {
        let bench = with_injector(&format!("{HEAD}{script}"));
        #[expect(clippy::disallowed_methods, reason = "this is about real time")]
        let started = Instant::now();
        let shown = bench.load_error().render(false);
        assert!(started.elapsed() < Duration::from_secs(5), "{what}: {:?}", started.elapsed());
        assert!(shown.contains(expected), "{what}: {shown}");
        assert!(shown.contains("drill.yaml:") || shown.contains("evil.rhai:"), "{what}: {shown}");
    }
}

#[test]
fn an_injector_is_checked_by_itself() {
    let home = folder();
    let good = format!("{HEAD}fn plan(p) {{ [] }}\n");
    std::fs::write(home.path().join("good.rhai"), good).unwrap();
    std::fs::write(home.path().join("broken.rhai"), format!("{HEAD}fn plan(p) {{\n  let = ;\n}}\n")).unwrap();
    std::fs::write(home.path().join("dumb.rhai"), "fn plan(p) { [] }\n").unwrap();
    gameday(home.path()).args(["check", "good.rhai"]).assert().success().stdout("good.rhai: good\n");
    let told = gameday(home.path()).args(["check", "broken.rhai", "dumb.rhai", "none.rhai"]).assert().code(3);
    let told = String::from_utf8_lossy(&told.get_output().stderr).into_owned();
    for words in
        ["broken.rhai:3:7: Expecting name of a variable", "dumb.rhai", "could not find an injector here"]
    {
        assert!(told.contains(words), "{words}: {told}");
    }
}

/// Waits until `look` finds something, for at most ten seconds.
fn wait_for<T>(look: impl Fn() -> Option<T>) -> Option<T> {
    #[expect(clippy::disallowed_methods, reason = "this waits for another process")]
    let started = Instant::now();
    while started.elapsed() < Duration::from_secs(10) {
        if let Some(found) = look() {
            return Some(found);
        }
        std::thread::yield_now();
    }
    None
}

#[test]
fn the_worker_gives_up_memory_files_and_time_before_it_reads() {
    let mut worker = Command::new(env!("CARGO_BIN_EXE_gameday"))
        .arg("script-worker")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let file = format!("/proc/{}/limits", worker.id());
    let row = |limits: &str, name: &str| {
        let line = limits.lines().find(|line| line.starts_with(name)).unwrap_or_default().to_owned();
        line[name.len()..].split_whitespace().take(2).map(str::to_owned).collect::<Vec<_>>()
    };
    let memory = 256 * 1024 * 1024;
    let limits = wait_for(|| {
        let limits = std::fs::read_to_string(&file).ok()?;
        (row(&limits, "Max address space")[0] == memory.to_string()).then_some(limits)
    });
    let limits = limits.expect("the worker limits itself without reading anything");
    assert_eq!(row(&limits, "Max cpu time"), ["2", "2"]);
    assert_eq!(row(&limits, "Max file size"), ["0", "0"]);
    assert_eq!(row(&limits, "Max core file size"), ["0", "0"]);
    assert_eq!(row(&limits, "Max open files"), ["16", "16"]);
    // A request that is no request gets an answer all the same.
    drop(worker.stdin.take().map(|mut stdin| stdin.write_all(b"{}")));
    let answer = worker.wait_with_output().unwrap();
    assert!(String::from_utf8_lossy(&answer.stdout).contains("could not read its request"), "{answer:?}");
}

/// Loads the good scenario with a shell script in the worker's place.
fn with_worker(script: &str) -> LoadError {
    let bench = Bench::new(good());
    let program = bench.home.path().join("worker");
    std::fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o700)).unwrap();
    let library = Library::new(vec![target()], ScriptRunner::Worker(program));
    let path = bench.home.path().join("drill.yaml");
    // A process that another test starts at this moment may still hold the script open for writing.
    let busy = |error: &LoadError| error.to_string().contains("Text file busy");
    let error = wait_for(|| library.load(path.to_str().unwrap()).err().filter(|error| !busy(error)));
    error.expect("this worker gives no answer")
}

#[test]
fn a_worker_that_dies_hangs_or_babbles_hurts_nobody() {
    #[expect(clippy::disallowed_methods, reason = "this is about real time")]
    let started = Instant::now();
    assert!(with_worker("kill -9 $$").render(false).contains("more than 256 MiB of memory"));
    assert!(with_worker("exec cat /dev/zero").render(false).contains("too large"));
    assert!(matches!(with_worker("echo hello"), LoadError::Worker(_)));
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    let hanging = with_worker("exec sleep 1000").render(false);
    assert!(hanging.contains("did not end within 5s and was killed"), "{hanging}");
    assert!(started.elapsed() < Duration::from_secs(9), "{:?}", started.elapsed());
}

#[test]
fn a_program_that_is_no_worker_is_the_worlds_failure() {
    for program in ["/bin/true", "/no/such/program"] {
        let library = Library::new(vec![target()], ScriptRunner::Worker(PathBuf::from(program)));
        let bench = Bench::new(good());
        let path = bench.home.path().join("drill.yaml");
        assert!(matches!(library.load(path.to_str().unwrap()), Err(LoadError::Worker(_))), "{program}");
    }
}

#[test]
fn the_built_in_injectors_describe_themselves() {
    let nowhere = tempfile::tempdir().unwrap();
    let injectors = library(nowhere.path()).injectors().unwrap_or_else(|bad| panic!("{}", bad.render(false)));
    assert!(injectors.len() >= 8, "{}", injectors.len());
}
