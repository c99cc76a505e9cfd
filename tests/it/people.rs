//! People: what is known of them, by the real program, and what was ever written about them reads for ever.

use crate::{
    calendar::NOW,
    cli::{folder, gameday, out},
    secrecy::picky,
};
use gameday::{
    base::book::{Fold as _, Note as _},
    people::{Event, Noted, People},
};
use serde_json::{Value, json};
use std::path::Path;

/// What `gameday people ..` says, as JSON.
pub(crate) fn people(home: &Path, args: &[&str]) -> Value {
    let said = out(gameday(home).arg("people").args(args).arg("--json"));
    serde_json::from_str(&said).unwrap_or_else(|bad| panic!("{bad}: {said}"))
}

fn refused(home: &Path, args: &[&str], code: i32) -> String {
    let ended = gameday(home).arg("people").args(args).assert().code(code);
    String::from_utf8_lossy(&ended.get_output().stderr).into_owned()
}

/// The corpus of stored books: what any released version has written must read for ever.
#[test]
fn a_book_that_was_stored_is_read_for_ever() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/people-v1/every-kind.jsonl");
    let text = std::fs::read_to_string(path).unwrap();
    let mut kinds = std::collections::BTreeSet::new();
    let mut book = People::default();
    for (seq, line) in (0..).zip(text.lines()) {
        let stored: Value = serde_json::from_str(line).unwrap();
        let (kind, data) = (stored["kind"].as_str().unwrap(), stored["data"].to_string());
        let event = Event::of_parts(kind, &data).unwrap_or_else(|bad| panic!("{bad}: {line}"));
        let written = event.parts();
        assert_eq!((written.0.as_str(), &written.1), (kind, &data), "it is written as it was");
        kinds.insert(written.0);
        book.apply(&Noted { seq, at: NOW, event });
    }
    assert_eq!(kinds.len(), 6, "every kind is there: {kinds:?}");
    let exposed = |name: &str| -> Vec<String> {
        let person = name.parse().unwrap();
        book.exposures(&person).map(|(family, one)| format!("{family}: {one}")).collect()
    };
    assert_eq!(exposed("ana"), ["pool-shrink: read or heard its debrief in d-5h8x2k4m, 2026-12-01"]);
    assert_eq!(
        exposed("cem"),
        [
            "logins: wrote it, 2026-12-01 (wrote it last year)",
            "pool-shrink: played it in d-8h9x2k4m, 2026-12-01"
        ]
    );
    assert_eq!(book.answered(&"ana".parse().unwrap()), Some(NOW));
    assert!(book.is_taken_in(&"d-8h9x2k4m".parse().unwrap(), 210));
    let known: Vec<_> = book.everybody().map(|(name, about)| json!({"name": name, "about": about})).collect();
    assert_eq!(
        Value::from(known),
        json!([{"name": "ana", "about": {
            "email": "ana@example.org",
            "zone": "Asia/Tokyo",
            "experience": {"depot": "practised", "shop": "seasoned"},
            "attested": ["depot/shell-access", "shop/vpn"],
        }}])
    );
}

#[test]
fn people_are_added_changed_listed_and_removed() {
    let home = folder();
    let home = home.path();
    assert!(out(gameday(home).args(["people", "list"])).contains("Nobody is known"));
    let ana = json!({
        "name": "ana", "email": "ana@example.org", "zone": "Europe/Berlin",
        "experience": {"depot": "new"}, "attested": ["depot/shell-access"],
    });
    let said = ["--email", "ana@example.org", "--zone", "Europe/Berlin", "--experience", "depot=new"];
    let attest = ["--attest", "depot/shell-access"];
    assert_eq!(people(home, &[&["add", "ana"][..], &said, &attest].concat()), ana);
    assert_eq!(people(home, &["show", "ana"]), ana);
    people(home, &["add", "ben"]);
    assert_eq!(people(home, &["list"]).as_array().unwrap().len(), 2);

    // What is not named stays, and what is taken back is gone.
    let changed =
        people(home, &["change", "ana", "--experience", "depot=practised", "--experience", "shop=new"]);
    assert_eq!(changed["experience"], json!({"depot": "practised", "shop": "new"}));
    assert_eq!(changed["email"], "ana@example.org");
    let gone = ["--no-email", "--no-zone", "--no-experience", "shop", "--retract", "depot/shell-access"];
    let changed = people(home, &[&["change", "ana"][..], &gone].concat());
    assert_eq!(
        changed,
        json!({"name": "ana", "email": null, "zone": null, "experience": {"depot": "practised"}, "attested": []})
    );
    let plain = out(gameday(home).args(["people", "list"]));
    assert_eq!(plain, "ana  -  -  -  depot=practised\nben  -  -  -\n");
    gameday(home).args(["people", "remove", "ben"]).assert().success();
    assert_eq!(people(home, &["list"]).as_array().unwrap().len(), 1);
}

#[test]
fn a_command_proves_what_somebody_has_and_one_that_fails_proves_nothing() {
    let home = folder();
    let home = home.path();
    picky(home);
    let file = home.join("own/picky.yaml");
    let says = "says: You can log in on web-east.}";
    let text = std::fs::read_to_string(&file).unwrap();
    let proved = format!("{}, prove: [test, -e, key]}}", says.trim_end_matches('}'));
    std::fs::write(&file, text.replace(says, &proved)).unwrap();
    people(home, &["add", "ana"]);
    let prove = |code: i32| {
        let ended =
            gameday(home).args(["people", "prove", "ana", "own/picky.yaml", "--json"]).assert().code(code);
        serde_json::from_slice::<Value>(&ended.get_output().stdout).unwrap()
    };
    assert_eq!(prove(1)[0]["why"], "`test` ended with 1");
    assert_eq!(people(home, &["show", "ana"])["attested"], json!([]));
    std::fs::write(home.join("key"), "").unwrap();
    assert_eq!(prove(0)[0]["proved"], true);
    assert_eq!(people(home, &["show", "ana"])["attested"], json!(["depot/shell-access"]));
    // What is no program proves nothing either, and a command of no words is none.
    std::fs::write(&file, text.replace(says, &proved.replace("[test, -e, key]", "[no-such-program]")))
        .unwrap();
    assert!(prove(1)[0]["why"].as_str().unwrap().contains("could not run"));
    std::fs::write(&file, text.replace(says, &proved.replace("[test, -e, key]", "[]"))).unwrap();
    gameday(home).args(["check", "own/picky.yaml"]).assert().code(3);
}

#[test]
fn what_makes_no_sense_of_a_person_is_refused_with_its_reason() {
    let home = folder();
    let home = home.path();
    people(home, &["add", "ana"]);
    for (args, code, said) in [
        (&["add", "ana"][..], 1, "ana is known already"),
        (&["show", "ben"], 1, "nobody called ben is known"),
        (&["remove", "ben"], 1, "nobody called ben is known"),
        (&["change", "ben", "--no-email"], 1, "nobody called ben is known"),
        (&["add", "ben", "--email", "ben@"], 2, "is not an e-mail address"),
        (&["add", "ben", "--email", "ben@example.org\nBcc: x@example.org"], 2, "is not an e-mail address"),
        (&["add", "ben", "--zone", "Nowhere/Land"], 2, "there is no zone `Nowhere/Land`"),
        (
            &["add", "ben", "--experience", "depot=expert"],
            2,
            "`expert` is not `new`, `practised` or `seasoned`",
        ),
        (&["add", "ben", "--experience", "depot"], 2, "write a pack and a level"),
        (&["add", "ben", "--experience", "a pack=new"], 2, "`a pack` is not a pack's name"),
        (&["add", "ben", "--attest", "shell-access"], 2, "is not a prerequisite"),
        (&["add", "not a name"], 2, "is not a name"),
        (&["change", "ana", "--email", "ana@example.org", "--no-email"], 2, "cannot be used with"),
    ] {
        let told = refused(home, args, code);
        assert!(told.contains(said), "{args:?}: {told}");
    }
    assert_eq!(people(home, &["list"]).as_array().unwrap().len(), 1, "nothing was written");
}
