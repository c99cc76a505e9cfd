//! Words that no file holds.

use super::{Finding, is_a, line_of, none, re, texts};
use regex::Regex;

/// Nothing is left for later. The words are put together here, since this file is read too.
fn nothing_left_for_later(path: &str, text: &str) -> Vec<Finding> {
    let words =
        re(&["TO", "DO|FIX", "ME|\\bXX", "X\\b|(?i:not impl", "emented)|\\bunimpl", "emented!|\\bto", "do!"]
            .concat());
    findings_in(path, text, &words, "nothing is left for later")
}

/// Nobody's machine is in a committed file.
fn no_machine_paths(path: &str, text: &str) -> Vec<Finding> {
    let paths = re(&[
        r"(?:^|[^A-Za-z0-9_.~$}>-])/(?:wo",
        r"rk|ro",
        r"ot|ho",
        r"me/[a-z]+|Us",
        r"ers/[A-Za-z]+|t",
        r"mp/[A-Za-z0-9]+)(?:/|\b)",
    ]
    .concat());
    findings_in(path, text, &paths, "a path of one machine")
}

fn findings_in(path: &str, text: &str, pattern: &Regex, what: &str) -> Vec<Finding> {
    pattern
        .find_iter(text)
        .map(|found| Finding {
            path: path.to_owned(),
            line: line_of(text, found.end()),
            what: format!("`{}`: {what}", found.as_str().trim()),
        })
        .collect()
}

#[test]
fn nothing_is_left_for_later_anywhere() {
    none(
        texts()
            .iter()
            .filter(|(path, _)| is_a(path, "rs") || is_a(path, "md"))
            .flat_map(|(path, text)| nothing_left_for_later(path, text)),
    );
}

#[test]
fn no_committed_file_names_a_machine() {
    none(texts().iter().flat_map(|(path, text)| no_machine_paths(path, text)));
}

#[cfg(test)]
mod each_rule_can_fail {
    use super::*;

    #[test]
    fn things_left_for_later() {
        for (before, after) in
            [("TO", "DO: later"), ("FIX", "ME"), ("not impl", "emented yet"), ("to", "do!()")]
        {
            let text = format!("fine\n{before}{after}\n");
            let found = nothing_left_for_later("docs/a.md", &text);
            assert_eq!(found.len(), 1, "{text}");
            assert_eq!(found[0].line, 2);
        }
        assert_eq!(nothing_left_for_later("docs/a.md", "what to do now, and how it is implemented\n"), []);
    }

    #[test]
    fn paths_of_one_machine() {
        for path in
            [["/wo", "rk/x"], ["/ro", "ot/.cargo"], ["/ho", "me/ana/x"], ["/t", "mp/abc"], ["/Us", "ers/ana"]]
        {
            let path = path.concat();
            for text in [format!("see `{path}`\n"), format!("{path}\n"), format!("a = \"{path}\"\n")] {
                assert_eq!(no_machine_paths("a.toml", &text).len(), 1, "{text}");
            }
        }
        let fine = "GET /rooted, /workload, https://example.org/work/x, net/work/y, /tmp alone\n";
        assert_eq!(no_machine_paths("a.md", fine), []);
    }
}
