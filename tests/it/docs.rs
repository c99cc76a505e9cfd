//! The documentation keeps its word: links lead somewhere, lists are complete.

use crate::{
    cli::{folder, gameday, listed, out},
    corpus, tidy,
};
use regex::Regex;
use std::{collections::BTreeSet, path::Path};

/// Text without what stands in code fences and code spans: links there are examples.
fn prose(text: &str) -> String {
    let fenced = Regex::new(r"(?ms)^ *```.*?^ *```[ \t]*$").unwrap();
    let spans = Regex::new(r"`[^`\n]*`").unwrap();
    let text = fenced.replace_all(text, "");
    spans.replace_all(&text, "").into_owned()
}

/// The anchors of a document's headings as they are made on code forges.
fn anchors(text: &str) -> BTreeSet<String> {
    let fenced = Regex::new(r"(?ms)^ *```.*?^ *```[ \t]*$").unwrap();
    let heading = Regex::new(r"(?m)^#{1,6} +(.*?)[ #]*$").unwrap();
    heading
        .captures_iter(&fenced.replace_all(text, ""))
        .map(|found| {
            found[1]
                .to_lowercase()
                .chars()
                .filter_map(|c| match c {
                    ' ' => Some('-'),
                    '-' | '_' => Some(c),
                    _ => c.is_alphanumeric().then_some(c),
                })
                .collect()
        })
        .collect()
}

/// Links of a document that lead nowhere; `path` is its place below `root`.
pub(crate) fn broken_links(root: &Path, path: &str, text: &str) -> Vec<String> {
    let link = Regex::new(r#"\]\(<?([^()\s>]+)>?(?:\s+"[^"]*")?\)"#).unwrap();
    let folder = Path::new(path).parent().unwrap_or(Path::new(""));
    let mut broken = Vec::new();
    for found in link.captures_iter(&prose(text)) {
        let target = &found[1];
        if target.contains("://") || target.starts_with("mailto:") {
            continue;
        }
        let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
        let place = if file.is_empty() { root.join(path) } else { root.join(folder).join(file) };
        let leads_somewhere = place.exists()
            && (anchor.is_empty()
                || std::fs::read_to_string(&place).is_ok_and(|text| anchors(&text).contains(anchor)));
        if !leads_somewhere {
            broken.push(format!("{path}: {target}"));
        }
    }
    broken
}

#[test]
fn every_link_leads_somewhere() {
    let mut read = 0;
    let mut broken = Vec::new();
    for (path, text) in tidy::texts() {
        if tidy::is_a(&path, "md") {
            read += 1;
            broken.extend(broken_links(&tidy::root(), &path, &text));
        }
    }
    assert!(read > 0, "no document was found");
    assert!(broken.is_empty(), "\n{}\n", broken.join("\n"));
}

#[test]
fn a_broken_link_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    std::fs::create_dir(root.join("docs")).unwrap();
    std::fs::write(root.join("docs/a.md"), "# The first, and *last* Word\n").unwrap();
    std::fs::write(root.join("README.md"), "[a](docs/a.md)\n").unwrap();
    for fine in [
        "[a](a.md)",
        "[a](a.md#the-first-and-last-word)",
        "[up](../README.md \"with a title\")",
        "![x](https://example.org/x.png)",
        "`[in](code.md)`",
        "```\n[in](code.md)\n```\n",
        "# Here\n[here](#here)",
    ] {
        std::fs::write(root.join("docs/b.md"), fine).unwrap();
        assert_eq!(broken_links(root, "docs/b.md", fine), [""; 0], "{fine}");
    }
    for wrong in [
        "[a](none.md)",
        "[a](docs/a.md)",
        "[a](a.md#nowhere)",
        "![a](none.png)",
        "[here](#nowhere)",
        "```\ncode\n```\n[a](none.md)",
    ] {
        std::fs::write(root.join("docs/b.md"), wrong).unwrap();
        assert_eq!(broken_links(root, "docs/b.md", wrong).len(), 1, "{wrong}");
    }
}

/// Names in the first column of the tables under `heading`.
fn table_names(text: &str, heading: &str) -> BTreeSet<String> {
    let row = Regex::new(r"^\| *`([a-z-]+)` *\|").unwrap();
    text.lines()
        .skip_while(|line| *line != heading)
        .skip(1)
        .take_while(|line| !line.starts_with("## "))
        .filter_map(|line| row.captures(line).map(|found| found[1].to_owned()))
        .collect()
}

#[test]
fn the_journal_page_tells_of_every_kind_step_and_act() {
    let page = std::fs::read_to_string(tidy::root().join("docs/journal.md")).unwrap();
    for (heading, names) in [
        ("## Kinds", corpus::KINDS),
        ("## Steps of an injection", corpus::STEPS),
        ("## Acts", corpus::ACTS),
        ("## Entries of trainers", corpus::REVIEWS),
    ] {
        let written = table_names(&page, heading);
        let known = names.iter().map(|name| (*name).to_owned()).collect();
        assert_eq!(written, known, "{heading}");
    }
}

#[test]
fn the_page_of_the_protocol_tells_of_every_refusal() {
    let page = std::fs::read_to_string(tidy::root().join("docs/revert-protocol.md")).unwrap();
    let known = gameday::drill::preflight::code::ALL.map(str::to_owned).into();
    assert_eq!(table_names(&page, "## Before anything is broken"), known);
}

/// The page's lines from `heading` to the next one of its level.
fn section<'a>(page: &'a str, heading: &str) -> Vec<&'a str> {
    let lines = page.lines().skip_while(|line| *line != heading).skip(1);
    lines.take_while(|line| !line.starts_with("## ")).collect()
}

#[test]
fn the_page_of_the_command_line_names_every_command_and_option() {
    let home = folder();
    let page = std::fs::read_to_string(tidy::root().join("docs/cli.md")).unwrap();
    let row = Regex::new(r"(?m)^\| `([a-z][a-z -]*)` \|").unwrap();
    let rows: BTreeSet<_> = row.captures_iter(&page).map(|found| found[1].to_owned()).collect();
    let option = Regex::new(r"(?m)^ +(?:-[a-zA-Z], )?(--[a-z-]+)").unwrap();
    let written = Regex::new(r"--[a-z-]+").unwrap();
    let written: BTreeSet<_> = written.find_iter(&page).map(|found| found.as_str()).collect();
    let mut missing = Vec::new();
    let commands = listed(&out(gameday(home.path()).arg("help")));
    assert!(commands.len() > 20, "{commands:?}");
    for name in &commands {
        let mut parts = vec![vec![name.clone()]];
        let help = out(gameday(home.path()).args(["help", name]));
        parts.extend(listed(&help).into_iter().map(|part| vec![name.clone(), part]));
        // A family of commands has a row of its own, or one for each of its members.
        let covered = |path: &Vec<String>| rows.contains(&path.join(" "));
        if !(covered(&parts[0]) || parts.len() > 1 && parts[1..].iter().all(covered)) {
            missing.push(format!("the command `{name}`"));
        }
        for path in parts {
            let help = out(gameday(home.path()).arg("help").args(&path));
            for found in option.captures_iter(&help) {
                if !["--help", "--version"].contains(&&found[1]) && !written.contains(&found[1]) {
                    missing.push(format!("`{} {}`", path.join(" "), &found[1]));
                }
            }
        }
    }
    // And the other way round: nothing is promised that is not there.
    for promised in rows.iter().filter(|row| *row != "help") {
        let words: Vec<_> = promised.split(' ').collect();
        if !commands.iter().any(|name| name == words[0]) {
            missing.push(format!("there is no command `{promised}`"));
        }
    }
    assert!(missing.is_empty(), "docs/cli.md lacks:\n{}", missing.join("\n"));
}

#[test]
fn the_page_of_the_command_line_names_every_exit_code() {
    let home = folder();
    let page = std::fs::read_to_string(tidy::root().join("docs/cli.md")).unwrap();
    let number = |text: &str| text.trim().parse::<u8>().ok();
    let written: BTreeSet<_> = section(&page, "## Exit codes")
        .into_iter()
        .filter_map(|line| line.strip_prefix('|')?.split('|').next().and_then(number))
        .collect();
    let table = out(gameday(home.path()).args(["help", "exit-codes"]));
    let known: BTreeSet<_> =
        table.lines().filter_map(|line| line.split_whitespace().next().and_then(number)).collect();
    assert!(known.len() > 5, "{table}");
    assert_eq!(written, known);
}

#[test]
fn the_tests_of_the_readme_are_those_that_are_run_before_a_change_is_taken() {
    let read = |name: &str| std::fs::read_to_string(tidy::root().join(name)).unwrap();
    let readme = read("README.md");
    let fence = Regex::new(r"(?s)Run the tests:\s+```sh\n(.*?)\n```").unwrap();
    let command = &fence.captures(&readme).expect("the README says how to run the tests")[1];
    assert!(!command.contains('\n') && command.starts_with("cargo "), "{command}");
    let step = Regex::new(r#"(?m)^step "tests" (.*)$"#).unwrap();
    let ci = read(".ci/run");
    let run: Vec<_> = step.captures_iter(&ci).map(|found| found[1].to_owned()).collect();
    assert_eq!(run, [command]);
}
