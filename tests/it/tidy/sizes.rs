//! Sizes: a file in one sitting, a function on a page.

use super::{Finding, Source, everywhere, re};

const FILE_LINES_MAX: usize = 700;
const FUNCTION_LINES_MAX: usize = 80;

/// A file stays readable in one sitting; tests at its end do not count, and a file of tests is a file.
fn file_size(source: &Source) -> Vec<Finding> {
    let code = if source.is_tests() { source.code.as_str() } else { source.code_without_tests() };
    let lines = code.lines().count();
    if lines > FILE_LINES_MAX {
        vec![source.finding(0, format!("{lines} lines without tests, at most {FILE_LINES_MAX}"))]
    } else {
        Vec::new()
    }
}

/// A function stays on a page; empty lines and comments do not count.
fn function_size(source: &Source) -> Vec<Finding> {
    let code = source.code.as_str();
    let mut findings = Vec::new();
    for found in re(r"\bfn\s+(\w+)").captures_iter(code) {
        let start = found.get(0).unwrap().start();
        let Some(body) = body_of(&code[start..]) else {
            continue;
        };
        let lines = body.lines().filter(|line| !line.trim().is_empty()).count();
        if lines > FUNCTION_LINES_MAX {
            findings.push(
                source.finding(
                    start,
                    format!("`{}` has {lines} lines, at most {FUNCTION_LINES_MAX}", &found[1]),
                ),
            );
        }
    }
    findings
}

/// What stands between the braces of the function that `code` begins with; nothing when it has no body.
fn body_of(code: &str) -> Option<&str> {
    let mut nested = 0;
    let mut begin = None;
    let mut braces = 0;
    for (at, c) in code.char_indices() {
        match (begin, c) {
            (None, '(' | '[') => nested += 1,
            (None, ')' | ']') => nested -= 1,
            (None, ';') if nested == 0 => return None,
            (None, '{') if nested == 0 => {
                begin = Some(at + 1);
                braces = 1;
            }
            (Some(_), '{') => braces += 1,
            (Some(begin), '}') => {
                braces -= 1;
                if braces == 0 {
                    return Some(&code[begin..at]);
                }
            }
            _ => {}
        }
    }
    None
}

#[test]
fn files_and_functions_are_short() {
    everywhere(file_size);
    everywhere(function_size);
}

#[cfg(test)]
mod each_rule_can_fail {
    use super::*;
    use crate::tidy::{NONE, lines};

    #[test]
    fn long_files_and_functions() {
        let long = "fn f() {}\n".repeat(701);
        assert_eq!(lines(file_size, "src/a/b.rs", &long), [1]);
        let tests = format!("fn f() {{}}\n#[cfg(test)]\nmod tests {{\n{}}}\n", "\n".repeat(900));
        assert_eq!(lines(file_size, "src/a/b.rs", &tests), NONE);
        assert_eq!(lines(file_size, "src/a/tests.rs", &long), [1]);
        assert_eq!(lines(file_size, "tests/it/a.rs", &long), [1]);
        let body = |count| {
            format!(
                "\n\nfn f(a: [u8; 2]) -> u8\nwhere\n    u8: Copy,\n{{\n{}}}\n",
                "    g(\"}\");\n".repeat(count)
            )
        };
        assert_eq!(lines(function_size, "src/a/b.rs", &body(81)), [3]);
        assert_eq!(lines(function_size, "src/a/b.rs", &body(80)), NONE);
        let trait_only = format!("trait T {{ fn f(); }}\n{}", "struct S {}\n".repeat(100));
        assert_eq!(lines(function_size, "src/a/b.rs", &trait_only), NONE);
    }
}
