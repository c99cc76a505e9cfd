//! What is called where it belongs: time, randomness, the environment, the end of the process.

use super::{Finding, Source, in_src, line_of, re};

/// What may be called only where it belongs: the pattern, the places, the reason.
const BELONGS: &[(&str, &[&str], &str)] = &[
    (
        r"\b(?:SystemTime|Utc|Local|Zoned|Timestamp)\s*::\s*now\b",
        &["src/clock/"],
        "only `clock` asks for the time",
    ),
    (r"\bthread\s*::\s*sleep\b", &[], "wait for the event, or ask `clock`"),
    (r"\bprocess\s*::\s*exit\b", &["src/cli/"], "only `cli` ends the process"),
    (r"\brand\s*::\s*(?:rng|random)\b", &["src/seed/"], "only `seed` makes randomness"),
    (r"\b(?:SysRng|OsRng|ThreadRng)\b", &["src/seed/"], "only `seed` makes randomness"),
    (
        r"\benv\s*::\s*(?:vars?(?:_os)?|set_var|remove_var)\b",
        &[
            "src/cli/",
            "src/library/worker.rs",
            // A program of its own, and what is handed on to a supervised process.
            "src/depot/operate/mod.rs",
            "src/agent/user.rs",
            // A child that the test starts.
            "src/agent/serve/tests.rs",
        ],
        "only `cli` reads the environment",
    ),
    (r"\bunsafe\b", &["src/agent/process.rs"], "one file only"),
    (
        r"\bat_rest\b",
        &["src/drill/plan.rs", "src/scenario/truth.rs"],
        "the truth is written in the plan alone",
    ),
    (r"\bserde_(?:yaml|saphyr)\b", &["src/scenario/file.rs"], "one file knows the YAML library"),
];

/// Calls and words of code that have a place.
fn belongs(source: &Source) -> Vec<Finding> {
    BELONGS
        .iter()
        .filter(|(_, places, _)| !places.iter().any(|place| source.path.starts_with(place)))
        .flat_map(|(pattern, _, why)| source.matches(pattern, why))
        .collect()
}

/// Rooms that may measure real time with the runtime's instants.
const MEASURING: &[&str] = &["agent", "clock", "depot", "workload"];

/// Real time is measured in few rooms; the standard library's instants are expected where they are asked for.
fn instants_are_expected(source: &Source) -> Vec<Finding> {
    const NEAR: usize = 15;
    if source.is_tests() {
        // These take the name from their parent, where it is judged.
        return Vec::new();
    }
    let lines: Vec<_> = source.code.lines().collect();
    let of_runtime = re(r"\buse\s+tokio\b[^;]*\bInstant\b").is_match(&source.code);
    let mut findings = Vec::new();
    for found in re(r"(\w+\s*::\s*)?\bInstant\s*::\s*now\b").captures_iter(&source.code) {
        let whole = found.get(0).unwrap();
        let named_std = re(r"std\s*::\s*time\s*::\s*$").is_match(&source.code[..whole.start()]);
        let named_tokio = re(r"tokio\s*::\s*$").is_match(&source.code[..whole.start()]);
        if named_tokio || (of_runtime && found.get(1).is_none() && !named_std) {
            if !source.room().is_some_and(|room| MEASURING.contains(&room)) {
                findings.push(source.finding(whole.start(), "this room does not measure time: ask `clock`"));
            }
            continue;
        }
        let line = line_of(&source.code, whole.start());
        let near = &lines[line.saturating_sub(NEAR)..line];
        if !near.iter().any(|line| line.contains("clippy::disallowed_methods")) {
            findings.push(source.finding(
                whole.start(),
                "`Instant::now` without `#[expect(clippy::disallowed_methods, reason = ..)]` nearby",
            ));
        }
    }
    findings
}

#[test]
fn everything_is_called_where_it_belongs() {
    in_src(belongs);
    in_src(instants_are_expected);
}

#[cfg(test)]
mod each_rule_can_fail {
    use super::*;
    use crate::tidy::{NONE, lines};

    #[test]
    fn calls_away_from_home() {
        for (call, home) in [
            ("std::time::SystemTime::now()", "src/clock/mod.rs"),
            ("Utc::now()", "src/clock/mod.rs"),
            ("jiff::Zoned::now()", "src/clock/mod.rs"),
            ("std::process::exit(1)", "src/cli/exit.rs"),
            ("rand::rng()", "src/seed/mod.rs"),
            ("std::env::var(\"HOME\")", "src/cli/home.rs"),
            ("std::env::var_os(\"X\")", "src/library/worker.rs"),
            ("unsafe { f() }", "src/agent/process.rs"),
            ("truth::at_rest::serialize(t)", "src/drill/plan.rs"),
            ("serde_yaml::from_str(t)", "src/scenario/file.rs"),
            ("serde_saphyr::from_str(t)", "src/scenario/file.rs"),
        ] {
            let text = format!("fn f() {{\n    {call};\n}}\n");
            assert_eq!(lines(belongs, "src/report/mod.rs", &text), [2], "{call}");
            assert_eq!(lines(belongs, home, &text), NONE, "{call}");
        }
        assert_eq!(lines(belongs, "src/clock/mod.rs", "std::thread::sleep(d)"), [1]);
        assert_eq!(lines(belongs, "src/a/b.rs", "// unsafe\n#![deny(unsafe_code)]"), NONE);
    }

    #[test]
    fn unexplained_instants() {
        let bare = "fn f() {\n    Instant::now()\n}\n";
        let told =
            "#[expect(clippy::disallowed_methods, reason = \"measures\")]\nfn f() {\n    Instant::now()\n}\n";
        assert_eq!(lines(instants_are_expected, "src/workload/mod.rs", bare), [2]);
        assert_eq!(lines(instants_are_expected, "src/workload/mod.rs", told), NONE);
        let of_runtime = "use tokio::{net, time::{Instant, sleep}};\nfn f() {\n    Instant::now()\n}\n";
        assert_eq!(lines(instants_are_expected, "src/agent/a.rs", of_runtime), NONE);
        assert_eq!(lines(instants_are_expected, "src/report/a.rs", of_runtime), [3]);
        let spelt = "use tokio::time::Instant;\nfn f() {\n    std::time::Instant::now()\n}\n";
        assert_eq!(lines(instants_are_expected, "src/agent/a.rs", spelt), [3]);
        let spelt = "fn f() {\n    tokio::time::Instant::now()\n}\n";
        assert_eq!(lines(instants_are_expected, "src/agent/a.rs", spelt), NONE);
        let far = told.replace("{\n", &format!("{{\n{}", "    g();\n".repeat(20)));
        assert_eq!(lines(instants_are_expected, "src/workload/mod.rs", &far), [23]);
    }
}
