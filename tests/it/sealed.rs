//! Sealed scenarios: read by whoever has a key as any other, and by nobody else. By the real program, its server, and the
//! `age` tools of somebody else.

use crate::{
    cli::{folder, gameday, out},
    serve::Server,
    skip::skip,
    stage::{Stage, run},
};
use gameday::{
    depot,
    library::{Library, keys::Keys, seal, template::template, worker::ScriptRunner},
    report::{self, Journal, render},
    seed,
};
use serde_json::{Value, json};
use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process,
};

/// A word in every field that nobody may read before the drill.
const CANARY: &str = "CanaryS3L8";

/// A scenario with the word in everything but its title.
fn told_by_nobody() -> String {
    let text = template("quick", "Nobody can log in")
        .replace(
            "summary: The session service hangs",
            &format!("summary: {CANARY} The session service hangs"),
        )
        .replace("text: Customers", &format!("text: {CANARY} customers"))
        .replace("- Which service do", &format!("- {CANARY} which service do"))
        .replace("says: the session service answers", &format!("says: {CANARY} the session service answers"))
        .replace("says: a volume", &format!("says: {CANARY} a volume"))
        .replace("[session-oncall]", &format!("[{CANARY}]"))
        .replace("text: session is down", &format!("text: {CANARY} session is down"))
        .replace("{text: Restarting session", &format!("{{text: {CANARY} Restarting session"));
    assert_eq!(text.matches(CANARY).count(), 9);
    text
}

fn parsed(text: &[u8]) -> Value {
    serde_json::from_slice(text).unwrap_or_else(|bad| panic!("{bad}: {}", String::from_utf8_lossy(text)))
}

fn ask(home: &Path, args: &[&str]) -> Value {
    parsed(out(gameday(home).args(args).arg("--json")).as_bytes())
}

/// What a command says on both outputs, and how it ends.
fn told(home: &Path, args: &[&str]) -> (i32, String) {
    let ended = gameday(home).args(args).output().unwrap();
    let said = [ended.stdout, ended.stderr].concat();
    (ended.status.code().unwrap(), String::from_utf8_lossy(&said).into_owned())
}

/// A home with a key, and `drills/quick.yaml.age` sealed for it; the text is nowhere any more. Gives the commitment, and the
/// digest that the plan of the text had.
fn sealed(home: &Path, text: &str) -> (String, Value) {
    gameday(home).args(["seal", "--new-identity"]).assert().success();
    let file = home.join("drills/quick.yaml");
    fs::create_dir_all(home.join("drills")).unwrap();
    fs::write(&file, text).unwrap();
    let digest = ask(home, &["plan", "drills/quick.yaml"])["digest"].take();
    let lines = ask(home, &["seal", "drills/quick.yaml"]);
    assert_eq!(lines[0]["file"], "drills/quick.yaml.age");
    fs::remove_file(file).unwrap();
    (lines[0]["commitment"].as_str().unwrap().to_owned(), digest)
}

/// A sealed file with a text that `gameday seal` would not take.
fn forced(home: &Path, text: &str) {
    let key = home.join("home/identity.txt");
    let to = Keys::new(vec![key], None).recipients().unwrap();
    fs::write(home.join("drills/quick.yaml.age"), seal::seal(text.as_bytes(), &to).unwrap().file).unwrap();
}

/// Files beneath a folder in which the word stands.
fn found_in(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(found_in(&path));
        } else if fs::read(&path)
            .is_ok_and(|bytes| bytes.windows(CANARY.len()).any(|one| one == CANARY.as_bytes()))
        {
            found.push(path);
        }
    }
    found
}

#[test]
fn whoever_has_a_key_reads_a_sealed_scenario_as_any_other() {
    let home = folder();
    let home = home.path();
    let text = told_by_nobody();
    let (commitment, digest) = sealed(home, &text);
    let file = "drills/quick.yaml.age";
    assert_eq!(told(home, &["check", file]), (0, format!("{file}: good\n")));
    // It is the same scenario: what was rehearsed before it was sealed stays rehearsed.
    assert_eq!(ask(home, &["plan", file])["digest"], digest);
    let listed = ask(home, &["list", "drills"]);
    let wanted = json!([{"name": "quick", "title": "Nobody can log in", "difficulty": 1, "par": "15m", "sealed": commitment}]);
    assert_eq!(listed, wanted);
    let planned =
        ["schedule", "add", file, "--at", "2099-03-03 14:00 Europe/Berlin", "--unrehearsed", "a try"];
    let planned = [&planned[..], &["--scenarios", "drills"]].concat();
    let (code, said) = told(home, &planned);
    assert_ne!(code, 0, "a server's scenarios have names: {said}");

    // The text comes back to the byte, and shows that it is what was committed to.
    assert_eq!(out(gameday(home).args(["unseal", file])), text);
    let whole = out(gameday(home).args(["unseal", file, "--as-committed"]));
    assert_eq!(seed::digest(whole.as_bytes()), commitment);
    assert!(whole.starts_with(&text));
    gameday(home).args(["unseal", file, "--output", "again.yaml"]).assert().success();
    let again = home.join("again.yaml");
    assert_eq!(fs::read_to_string(&again).unwrap(), text);
    assert_eq!(fs::metadata(&again).unwrap().permissions().mode() & 0o777, 0o600);
    let (code, said) = told(home, &["unseal", file, "--output", "again.yaml"]);
    assert!(code == 1 && said.contains("it is there already"), "{said}");
}

#[test]
fn without_a_key_it_is_a_name_and_a_commitment() {
    let home = folder();
    let home = home.path();
    let (commitment, _) = sealed(home, &told_by_nobody());
    let file = "drills/quick.yaml.age";
    let key = home.join("home/identity.txt");
    fs::rename(&key, home.join("away.txt")).unwrap();
    let mut said = String::new();
    let every = [
        &["check", file][..],
        &["check", file, "--lint"],
        &["check", file, "--json"],
        &["plan", file],
        &["run", file],
        &["rehearse", file],
        &["unseal", file],
        &["exposure", "ana", file],
    ];
    for args in every {
        let (code, more) = told(home, args);
        assert!(
            code == 3 && more.contains("this scenario is sealed, and no identity is at hand"),
            "{args:?}: {more}"
        );
        assert!(more.contains("--identity FILE"), "{more}");
        said.push_str(&more);
    }
    assert_eq!(ask(home, &["list", "drills"]), json!([{"name": "quick", "sealed": commitment}]));
    assert!(
        out(gameday(home).args(["list", "drills"])).contains(&format!("sealed, commitment {commitment}"))
    );

    // Another's key, and one that others may read.
    let other = ask(home, &["seal", "--new-identity", "other.txt"]);
    assert!(other["recipient"].as_str().unwrap().starts_with("age1"));
    let (code, more) = told(home, &["plan", file, "--identity", "other.txt"]);
    assert!(code == 3 && more.contains("none of the identities at hand opens it"), "{more}");
    assert_eq!(ask(home, &["list", "drills", "--identity", "other.txt"])[0]["sealed"], commitment);
    let both = gameday(home).args(["check", file]).env("GAMEDAY_IDENTITY", "other.txt:away.txt").assert();
    both.success();
    fs::set_permissions(home.join("away.txt"), fs::Permissions::from_mode(0o644)).unwrap();
    let (code, open) = told(home, &["plan", file, "--identity", "away.txt"]);
    assert!(code == 3 && open.contains("its mode is 644") && open.contains("chmod 600 away.txt"), "{open}");
    assert!(![said, more, open].concat().contains(CANARY));
    assert_eq!(found_in(home), [""; 0].map(PathBuf::from));
}

#[test]
fn a_sealed_file_that_is_not_right_is_refused_and_nothing_of_it_is_told() {
    let home = folder();
    let home = home.path();
    let text = told_by_nobody();
    sealed(home, &text);
    let file = "drills/quick.yaml.age";
    let good = fs::read_to_string(home.join(file)).unwrap();
    // Mistakes in the text: their places and nothing else, since words of the text and names of other files stand in messages.
    for (old, new) in [
        ("    component: session\n", "    component: CanaryS3L8x\n"),
        ("injector: process-hang", "injector: CanaryS3L8x"),
        ("pack: depot", "pack: CanaryS3L8x"),
        ("difficulty: 1 ", "CanaryS3L8: 1 "),
    ] {
        let line = 1 + text[..text.find(old.trim()).unwrap()].matches('\n').count();
        forced(home, &text.replacen(old, new, 1));
        for args in [
            &["check", file][..],
            &["check", file, "--json"],
            &["plan", file],
            &["list", "drills"],
            &["run", file],
        ] {
            let (code, said) = told(home, args);
            assert!(code == 3 && !said.contains(CANARY), "{args:?}: {said}");
            assert!(said.contains("something is to be mended here"), "{said}");
            let place =
                said.contains(&format!("{file}:{line}:")) || said.contains(&format!("\"line\": {line},"));
            assert!(place, "{old}: {said}");
        }
    }
    // Injectors are files of their own: which one it is is told neither.
    let injectors = home.join("CanaryS3L8");
    fs::create_dir(&injectors).unwrap();
    fs::write(injectors.join("process-hang.rhai"), "fn describe( {").unwrap();
    forced(home, &text);
    let (code, said) = told(home, &["check", file, "--injectors", "CanaryS3L8"]);
    assert!(code == 3 && said.contains("in a file that it uses") && !said.contains("process-hang"), "{said}");

    let cut = &good[..good.len() / 2];
    let large = "x".repeat(600 * 1024);
    for (bytes, why) in [
        ("title: x\n", "this is not an age file"),
        (cut, "the sealed file is damaged"),
        (&large, "larger than 512 KiB"),
    ] {
        fs::write(home.join(file), bytes).unwrap();
        let (code, said) = told(home, &["check", file]);
        assert!(code == 3 && said.contains(why), "{why}: {said}");
    }
}

#[test]
fn variants_of_a_sealed_scenario_are_named_to_nobody() {
    let home = folder();
    let home = home.path();
    let text = told_by_nobody();
    sealed(home, &text);
    let text = text.replace("    component: session\n", "    component: $(who)\n");
    forced(
        home,
        &format!("{text}variants:\n  {CANARY}-a: {{who: session}}\n  {CANARY}-b: {{who: sesion}}\n"),
    );
    let file = "drills/quick.yaml.age";
    let (code, said) = told(home, &["check", file]);
    assert!(code == 3 && said.contains("something is to be mended here") && !said.contains(CANARY), "{said}");
    let (code, said) = told(home, &["plan", file, "--variant", "other"]);
    assert!(code == 3 && said.contains("there is no variant `other`") && !said.contains(CANARY), "{said}");
    let (_, said) = told(home, &["plan", file, "--variant", &format!("{CANARY}-a")]);
    assert!(said.contains(&format!("variant {CANARY}-a, seed")), "who has a key sees the plan: {said}");
}

#[test]
fn only_what_is_good_and_whole_is_sealed_and_nothing_is_written_over() {
    let home = folder();
    let home = home.path();
    sealed(home, &told_by_nobody());
    fs::write(home.join("quick.yaml"), told_by_nobody()).unwrap();
    fs::write(home.join("bad.yaml"), told_by_nobody().replace("\ndifficulty: 1", "\ndifficulty: 9")).unwrap();
    let text = told_by_nobody();
    let (before, _) = text.split_once("autopilot:\n").unwrap();
    fs::write(home.join("apart.yaml"), format!("{before}autopilot: play.yaml\n")).unwrap();
    fs::write(home.join("play.yaml"), "- {after: start, who: ana, do: {take-role: ic}}\n").unwrap();
    let recipient =
        ask(home, &["seal", "--new-identity", "other.txt"])["recipient"].as_str().unwrap().to_owned();
    fs::write(home.join("team.txt"), format!("# the instigators\n{recipient}\n")).unwrap();
    for (args, code, why) in [
        (&["seal", "bad.yaml", "quick.yaml"][..], 3, "difficulty goes from 1"),
        (&["seal", "apart.yaml"], 3, "the autopilot\u{2019}s play is in another file"),
        (&["seal", "drills/quick.yaml.age"], 3, "sealed already"),
        (&["seal", "quick.yaml", "--output", "drills/quick.yaml.age"], 1, "it is there already"),
        (&["seal", "quick.yaml", "--output", "quick.txt"], 2, "no sealed scenario's name"),
        (&["seal", "quick.yaml", "--to", "age1nobody"], 2, "write a recipient as"),
        (
            &["seal", "quick.yaml", "--recipients-file", "quick.yaml"],
            4,
            "quick.yaml:8: this is not a recipient",
        ),
        (&["seal", "--new-identity", "other.txt"], 1, "it is there already"),
        (&["unseal", "quick.yaml"], 3, "this is not an age file"),
    ] {
        let (ended, said) = told(home, args);
        assert!(ended == code && said.contains(why), "{args:?}: {ended} {said}");
    }
    assert!(!home.join("quick.yaml.age").exists() && !home.join("bad.yaml.age").exists());
    let alone = folder();
    let (code, said) = told(alone.path(), &["seal", "pool-shrink"]);
    assert!(code == 2 && said.contains("nobody is named who can open it"), "{said}");

    // For others alone: what is at hand here does not open it.
    let (code, said) = told(home, &["seal", "quick.yaml", "--recipients-file", "team.txt"]);
    assert!(code == 0 && said.contains("Still readable: quick.yaml."), "{said}");
    assert_eq!(told(home, &["check", "quick.yaml.age"]).0, 3);
    assert_eq!(told(home, &["check", "quick.yaml.age", "--identity", "other.txt"]).0, 0);
}

#[test]
fn a_server_keeps_what_is_sealed_to_itself_and_plans_it() {
    run(async {
        let home = folder();
        let home = home.path();
        let (commitment, _) = sealed(home, &told_by_nobody());
        let server = Server::over(home, "drills", "127.0.0.1:0");
        let ina = server.join(&server.link).await;
        let (_, library) = server.get(&ina, "/api/library").await;
        let listed =
            library["scenarios"].as_array().unwrap().iter().find(|one| one["name"] == "quick").unwrap();
        assert_eq!((&listed["title"], &listed["problems"]), (&json!("Nobody can log in"), &json!([])));

        // It is neither shown nor written over.
        let (status, answer) = server.get(&ina, "/api/scenario?scenario=quick").await;
        assert!(status == 409 && answer["code"] == "sealed", "{status} {answer}");
        let over = json!({"scenario": "quick", "text": template("quick", "Other"), "was": seed::digest(b"")});
        let (status, answer) = server.post(&ina, "/api/scenario", over).await;
        assert!(status == 409 && answer["code"] == "sealed", "{status} {answer}");
        assert!(!home.join("drills/quick.yaml").exists());

        // Planned for a far day, it is on no disk, in no log and in no answer.
        let order =
            json!({"scenario": "quick", "at": "2099-03-03 14:00 Europe/Berlin", "unrehearsed": "a try"});
        let (status, planned) = server.post(&ina, "/api/drills", order).await;
        assert_eq!(status, 200, "{planned}");
        let said = [library, planned].map(|one| one.to_string()).concat();
        assert!(!said.contains(CANARY), "{said}");
        assert_eq!(found_in(home), [""; 0].map(PathBuf::from));
        assert!(fs::metadata(home.join("log")).unwrap().len() > 0, "the log is looked through");

        // Without its key it is listed as what it is.
        drop(server);
        fs::remove_file(home.join("home/identity.txt")).unwrap();
        let server = Server::over(home, "drills", "127.0.0.1:0");
        let (_, library) = server.get(&ina, "/api/library").await;
        let listed =
            library["scenarios"].as_array().unwrap().iter().find(|one| one["name"] == "quick").unwrap();
        let problem = listed["problems"][0].as_str().unwrap();
        assert!(problem.contains("this scenario is sealed") && problem.contains(&commitment), "{problem}");
    });
}

#[test]
fn journal_and_debrief_say_what_the_sealed_scenario_had_committed_to() {
    let home = folder();
    let home = home.path();
    let text = fs::read_to_string("scenarios/depot/session-hang.yaml").unwrap();
    let (commitment, _) = sealed(home, &text);
    let keys = Keys::new(vec![home.join("home/identity.txt")], None);
    let library = Library::new(vec![depot::describe()], ScriptRunner::InProcess).with_keys(keys);
    let path = home.join("drills/quick.yaml.age");
    let scenario = library.load(path.to_str().unwrap()).unwrap_or_else(|bad| panic!("{}", bad.render(false)));
    let stage = Stage::in_memory(&scenario, 7);
    assert_eq!(stage.plan.sealed.as_ref(), Some(&commitment));
    run(async {
        let mut conductor = stage.begin().await.unwrap();
        conductor.conduct().await.unwrap();
        let journal = stage.journal().await;
        let page = render::markdown(&report::debrief(&Journal::new(&journal).unwrap()));
        assert!(
            page.contains(&format!("The scenario was sealed and had committed to {commitment}.")),
            "{page}"
        );
    });
}

/// A program of the `age` tools; nothing: they are not here.
fn tool(name: &str) -> Option<process::Command> {
    let found =
        process::Command::new(name).arg("--version").output().is_ok_and(|ended| ended.status.success());
    if !found {
        skip("age is not installed");
    }
    found.then(|| process::Command::new(name))
}

fn ended(command: &mut process::Command) -> Vec<u8> {
    let ended = command.output().unwrap();
    assert!(ended.status.success(), "{command:?}: {}", String::from_utf8_lossy(&ended.stderr));
    ended.stdout
}

#[test]
fn the_age_tools_open_what_is_sealed_and_their_keys_seal() {
    let (Some(mut age), Some(mut keygen)) = (tool("age"), tool("age-keygen")) else { return };
    let home = folder();
    let home = home.path();
    let text = told_by_nobody();
    let (commitment, _) = sealed(home, &text);
    let file = home.join("drills/quick.yaml.age");
    let key = home.join("home/identity.txt");
    let whole = ended(age.arg("--decrypt").arg("-i").arg(&key).arg(&file));
    assert_eq!(seed::digest(&whole), commitment, "`age --decrypt | sha256sum` shows the commitment");
    assert!(whole.starts_with(text.as_bytes()));

    // A key of theirs, by its public half from their tool.
    let theirs = home.join("theirs.txt");
    ended(keygen.arg("-o").arg(&theirs));
    let public =
        String::from_utf8(ended(process::Command::new("age-keygen").arg("-y").arg(&theirs))).unwrap();
    fs::write(home.join("drills/other.yaml"), &text).unwrap();
    let lines = ask(home, &["seal", "drills/other.yaml", "--to", public.trim()]);
    assert_eq!(lines[0]["file"], "drills/other.yaml.age");
    fs::remove_file(home.join("drills/other.yaml")).unwrap();
    let opened =
        gameday(home).args(["unseal", "drills/other.yaml.age", "--identity", "theirs.txt"]).output().unwrap();
    assert_eq!(opened.stdout, text.as_bytes());
    let ours = String::from_utf8(ended(process::Command::new("age-keygen").arg("-y").arg(&key))).unwrap();
    assert_eq!(ours.trim(), Keys::new(vec![key], None).recipients().unwrap()[0].to_string());

    // What their tool makes alone commits to nothing, and is no scenario.
    let mut other = process::Command::new("age");
    let plain = home.join("plain.yaml");
    fs::write(&plain, &text).unwrap();
    ended(other.args(["--armor", "-r", ours.trim(), "-o"]).arg(home.join("plain.yaml.age")).arg(&plain));
    let (code, said) = told(home, &["check", "plain.yaml.age"]);
    assert!(code == 3 && said.contains("it commits to nothing"), "{said}");
}
