//! Floors: who may import whom.

use super::{Finding, Source, in_src, re, root};

/// A floor's number and each room on it, from the table in `src/lib.rs`.
fn floors(lib: &str) -> Vec<(u32, String)> {
    let line = re(r"(?m)^//! ([0-9]) [a-z]+ +([a-z ]+)$");
    line.captures_iter(lib)
        .flat_map(|found| {
            let floor = found[1].parse().unwrap();
            let rooms: Vec<_> = found[2].split_whitespace().map(str::to_owned).collect();
            rooms.into_iter().map(move |room| (floor, room))
        })
        .collect()
}

/// Imports from a room on the same floor, each agreed on. `agent` is never on the left: it stands alone beside a target.
const NEIGHBOURS: &[(&str, &str)] = &[
    ("clock", "base"),
    ("seed", "base"),
    ("scenario", "fault"),
    ("report", "drill"),
    // Letters are about what is planned, and go to who is known.
    ("post", "calendar"),
    ("post", "people"),
    // The traffic of a real target is the workload.
    ("target", "workload"),
    // What lays a target out attests it, and changes its files, in the agent's words.
    ("depot", "agent"),
    ("staging", "agent"),
    // `gameday serve` opens the other door.
    ("cli", "console"),
];

/// Every room of this crate that the code names, with the place: `crate::room`, `crate::{room, ..}`.
fn rooms_named(code: &str) -> Vec<(usize, String)> {
    let mut named = Vec::new();
    for found in re(r"\bcrate\s*::\s*(\{|[a-z_0-9]+)").captures_iter(code) {
        let whole = found.get(0).unwrap();
        if &found[1] != "{" {
            named.push((whole.start(), found[1].to_owned()));
            continue;
        }
        let mut depth = 1;
        let mut word_may_begin = true;
        let rest = &code[whole.end()..];
        for (at, c) in rest.char_indices() {
            match c {
                '{' => depth += 1,
                '}' => depth -= 1,
                ',' if depth == 1 => word_may_begin = true,
                _ if depth == 1 && word_may_begin && c.is_ascii_lowercase() => {
                    let word = rest[at..]
                        .split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
                        .next()
                        .unwrap_or_default();
                    named.push((whole.end() + at, word.to_owned()));
                    word_may_begin = false;
                }
                _ => {}
            }
            if depth == 0 {
                break;
            }
        }
    }
    named
}

/// A room imports only from lower floors, and only `cli` knows the embedded target.
fn imports_from_below(source: &Source, floors: &[(u32, String)]) -> Vec<Finding> {
    let floor = |room: &str| floors.iter().find(|(_, name)| name == room).map(|(floor, _)| *floor);
    let Some(room) = source.room() else {
        return Vec::new();
    };
    let Some(own) = floor(room) else {
        return vec![source.finding(0, format!("`{room}` is on no floor in src/lib.rs"))];
    };
    let mut findings = Vec::new();
    for (at, other) in rooms_named(source.code_without_tests()) {
        let Some(others) = floor(&other).filter(|_| other != room) else {
            continue;
        };
        if other == "depot" && room != "cli" {
            findings.push(source.finding(at, "only `cli` imports `depot`"));
        } else if room == "agent" && others >= own {
            findings.push(source.finding(at, format!("`agent` imports `{other}`: it stands alone")));
        } else if others > own {
            findings.push(
                source.finding(at, format!("`{room}` (floor {own}) imports `{other}` (floor {others})")),
            );
        } else if others == own && !NEIGHBOURS.contains(&(room, other.as_str())) {
            findings.push(source.finding(
                at,
                format!("`{room}` imports its neighbour `{other}`: agreed pairs are in NEIGHBOURS"),
            ));
        }
    }
    findings
}

/// `super` must not be a way around the floors.
fn no_way_around(source: &Source) -> Vec<Finding> {
    let twice = re(r"\bsuper\s*::\s*super\b");
    let mut findings: Vec<_> = twice
        .find_iter(source.code_without_tests())
        .map(|found| source.finding(found.start(), "`super::super`: name the room instead"))
        .collect();
    let is_root_of_room = source
        .path
        .strip_prefix("src/")
        .is_some_and(|path| path.ends_with("/mod.rs") && path.matches('/').count() == 1);
    if is_root_of_room {
        for found in re(r"\bsuper\s*::").find_iter(source.code_without_tests()) {
            findings.push(source.finding(found.start(), "`super::` leaves the room"));
        }
    }
    findings
}

/// The binary holds nothing: it calls `cli`.
fn binary_calls_cli_alone(source: &Source) -> Vec<Finding> {
    if source.path != "src/main.rs" {
        return Vec::new();
    }
    re(r"\bgameday\s*::\s*(\{|\w+)")
        .captures_iter(&source.code)
        .filter(|found| &found[1] != "cli")
        .map(|found| source.finding(found.get(0).unwrap().start(), "`main.rs` may name `cli` alone"))
        .collect()
}

fn house_floors() -> Vec<(u32, String)> {
    floors(&std::fs::read_to_string(root().join("src/lib.rs")).unwrap())
}

#[test]
fn every_room_is_on_a_floor_and_every_floor_exists() {
    let lib = std::fs::read_to_string(root().join("src/lib.rs")).unwrap();
    let mut on_floors: Vec<_> = floors(&lib).into_iter().map(|(_, room)| room).collect();
    let mut rooms: Vec<_> =
        re(r"(?m)^pub mod (\w+);").captures_iter(&lib).map(|found| found[1].to_owned()).collect();
    on_floors.sort();
    rooms.sort();
    assert_eq!(on_floors, rooms);
    let numbers: std::collections::BTreeSet<_> = floors(&lib).into_iter().map(|(floor, _)| floor).collect();
    assert_eq!(numbers, (0..=5).collect());
}

#[test]
fn rooms_import_from_below() {
    let floors = house_floors();
    in_src(|source| imports_from_below(source, &floors));
    in_src(no_way_around);
    in_src(binary_calls_cli_alone);
}

#[cfg(test)]
mod each_rule_can_fail {
    use super::*;
    use crate::tidy::{NONE, lines};

    #[test]
    fn upward_and_sideways_imports() {
        let floors = floors(
            "//! 5 doors    cli       console\n//! 4 conduct  engine\n//! 3 hands    store  target  agent  depot\n//! 2 game     drill\n//! 0 ground   base\n",
        );
        let rule = |source: &Source| imports_from_below(source, &floors);
        let wrong = "use crate::base::At;\nuse crate::engine::Conduct;\nfn f() { crate::cli::run() }\nuse crate::{\n    base::{At, Span},\n    console::Page, target::{Injector},\n    store,\n};\n";
        assert_eq!(lines(rule, "src/store/sqlite.rs", wrong), [2, 3, 6, 6]);
        assert_eq!(lines(rule, "src/agent/mod.rs", "use crate::target::Injector;\n"), [1]);
        assert_eq!(lines(rule, "src/target/mod.rs", "use crate::agent::Wire;\n"), [1]);
        assert_eq!(lines(rule, "src/engine/mod.rs", "use crate::depot::lay_out;\n"), [1]);
        assert_eq!(lines(rule, "src/cli/wire.rs", "use crate::depot::lay_out;\n"), NONE);
        assert_eq!(lines(rule, "src/cellar/mod.rs", "fn f() {}\n"), [1]);
        assert_eq!(lines(rule, "src/base/mod.rs", "// crate::engine\nfn f() { \"crate::engine\" }"), NONE);
    }

    #[test]
    fn ways_around_the_floors() {
        assert_eq!(lines(no_way_around, "src/store/mod.rs", "use super::engine;\n"), [1]);
        assert_eq!(lines(no_way_around, "src/store/sqlite.rs", "use super::super::engine;\n"), [1]);
        assert_eq!(lines(no_way_around, "src/store/sqlite.rs", "use super::Store;\n"), NONE);
        let with_tests = "#[cfg(test)]\nmod tests {\n    use super::*;\n}\n";
        assert_eq!(lines(no_way_around, "src/store/mod.rs", with_tests), NONE);
        assert_eq!(lines(binary_calls_cli_alone, "src/main.rs", "use gameday::engine;\n"), [1]);
        assert_eq!(lines(binary_calls_cli_alone, "src/main.rs", "gameday::cli::main()\n"), NONE);
    }
}
