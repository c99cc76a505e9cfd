//! The shape of files: lints, tests, heads, names.

use super::{Finding, Source, everywhere, in_src, re};

/// Lints are met or expected, never switched off.
fn no_allow(source: &Source) -> Vec<Finding> {
    source.matches(r"#!?\[\s*(?:cfg_attr\s*\([^]]*)?allow\s*\(", "use `expect` with a reason")
}

/// Production code has no second shape under test: `cfg(test)` stands once, before `mod tests` at the file's end.
fn tests_stand_apart(source: &Source) -> Vec<Finding> {
    let code = &source.code;
    let mut findings = Vec::new();
    for found in re(r"\bcfg(?:_attr)?\s*!?\s*\([^\n]*\btest\b").find_iter(code) {
        let from = code[..found.start()].rfind('\n').map_or(0, |at| at + 1);
        let rest = &code[from..];
        let module = re(r"^#\[cfg\(test\)\]\s*(?:pub\((?:super|crate)\) )?mod tests( \{|;\s*$)");
        let what = match module.captures(rest) {
            Some(found) if &found[1] != " {" => continue,
            None => "`cfg(test)` may stand only before `mod tests`",
            Some(_) if re(r"\n\}\s*$").is_match(rest) && rest.matches("\n}").count() == 1 => {
                continue;
            }
            Some(_) => "`mod tests` must be the end of the file",
        };
        findings.push(source.finding(found.start(), what));
    }
    findings
}

/// A room says what it is for.
fn rooms_have_a_head(source: &Source) -> Vec<Finding> {
    if source.path.ends_with("/mod.rs") && !source.is_tests() && !source.text.starts_with("//! ") {
        vec![source.finding(0, "a `mod.rs` begins with `//!`: what the room is for")]
    } else {
        Vec::new()
    }
}

/// Names that say nothing.
fn names_say_something(source: &Source) -> Vec<Finding> {
    const EMPTY: &str = r"(?:utils?|managers?|common|helpers?|misc|imp)";
    let mut findings = source.matches(&format!(r"\bmod\s+{EMPTY}\b"), "this name says nothing");
    if re(&format!(r"(?:^|/){EMPTY}(?:\.rs|/)")).is_match(&source.path) {
        findings.push(source.finding(0, "this name says nothing"));
    }
    findings
}

#[test]
fn lints_are_never_switched_off() {
    everywhere(no_allow);
}

#[test]
fn production_code_knows_no_tests() {
    in_src(tests_stand_apart);
}

#[test]
fn rooms_and_names_say_what_they_are() {
    in_src(rooms_have_a_head);
    everywhere(names_say_something);
}

#[cfg(test)]
mod each_rule_can_fail {
    use super::*;
    use crate::tidy::{NONE, lines};

    #[test]
    fn switched_off_lints() {
        assert_eq!(lines(no_allow, "src/a/b.rs", "#[allow(dead_code)]\nfn f() {}\n"), [1]);
        assert_eq!(lines(no_allow, "src/a/b.rs", "\n#![allow(clippy::all)]\n"), [2]);
        assert_eq!(lines(no_allow, "src/a/b.rs", "#[expect(dead_code, reason = \"r\")]\n"), NONE);
    }

    #[test]
    fn tests_among_the_code() {
        let rule = tests_stand_apart;
        let good = "fn f() {}\n\n#[cfg(test)]\nmod tests {\n    fn g() {\n    }\n}\n";
        assert_eq!(lines(rule, "src/a/b.rs", good), NONE);
        assert_eq!(lines(rule, "src/a/b.rs", "#[cfg(test)]\nfn f() {}\n"), [1]);
        assert_eq!(lines(rule, "src/a/b.rs", "fn f() { if cfg!(test) {} }\n"), [1]);
        assert_eq!(lines(rule, "src/a/b.rs", "#[cfg(any(test, unix))]\nfn f() {}\n"), [1]);
        assert_eq!(lines(rule, "src/a/b.rs", "#[cfg_attr(test, derive(Debug))]\nstruct S;\n"), [1]);
        let not_last = format!("{good}\nfn h() {{\n}}\n");
        assert_eq!(lines(rule, "src/a/b.rs", &not_last), [3]);
        assert_eq!(lines(rule, "src/a/b.rs", "#[cfg(unix)]\nfn latest() {}\n"), NONE);
    }

    #[test]
    fn headless_rooms_and_empty_names() {
        assert_eq!(lines(rooms_have_a_head, "src/a/mod.rs", "use b;\n"), [1]);
        assert_eq!(lines(rooms_have_a_head, "src/a/mod.rs", "//! Of a.\n"), NONE);
        assert_eq!(lines(names_say_something, "src/a/mod.rs", "\npub mod utils;\n"), [2]);
        assert_eq!(lines(names_say_something, "src/a/helpers.rs", "fn f() {}\n"), [1]);
        assert_eq!(lines(names_say_something, "tests/it/common/mod.rs", "fn f() {}\n"), [1]);
        assert_eq!(lines(names_say_something, "src/a/commons.rs", "mod impact;\n"), NONE);
    }
}
