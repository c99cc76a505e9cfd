//! Secrets in command lines and in output: the one table of rules by which they are found, and what is put in their place.
//!
//! Rules know shapes, not meanings. What they cannot catch is told in `docs/shell.md`.

use regex::Regex;
use std::{ops::Range, sync::LazyLock};

/// Stands where a secret was.
pub const MASK: &str = "***";
/// Secrets of command lines that are looked for from then on; shorter ones are too much like words.
const LEARNED_BYTES_MIN: usize = 6;
/// Most of them.
const LEARNED_MAX: usize = 200;
/// Most bytes of a private key that is masked from its first line on.
const KEY_BYTES_MAX: usize = 64 * 1024;

/// A word as a shell reads it: quoted and unquoted pieces up to the next space.
const WORD: &str = r#"(?P<s>(?:"(?:[^"\\]|\\.)*"?|'[^']*'?|\\.|[^\s"'\\])+)"#;
/// The same, and no option.
const VALUE: &str =
    r#"(?P<s>(?:"(?:[^"\\]|\\.)*"?|'[^']*'?|\\.|[^\s"'\\-])(?:"(?:[^"\\]|\\.)*"?|'[^']*'?|\\.|[^\s"'\\])*)"#;
/// Names of what is secret.
const NAMES: &str = "password|passwd|passphrase|passwort|secret|token|api[_-]?key|access[_-]?key|\
                     private[_-]?key|secret[_-]?key|credentials?";

/// The rules: each group `s` is a secret. `WORD`, `VALUE` and `NAMES` stand for the patterns above.
const RULES: &[&str] = &[
    // password=..., "apiToken": "...", AWS_SECRET_ACCESS_KEY=..., X-Api-Key: ..., MYSQL_PWD=...
    r#"(?i)\b[\w.-]*(?:NAMES)(?:[_.-][\w.-]*|\d+|s)?["']?[ \t]*[=:][ \t]*WORD"#,
    r#"(?i)\b(?:(?:\w*_)?pass|\w+_pwd)["']?[ \t]*[=:][ \t]*WORD"#,
    // --password ..., --db-token ..., -pass ...
    r"(?i)(?:^|\s)--?[\w-]*(?:NAMES|pass)[ \t]+VALUE",
    // Programs with short options of their own.
    r"\b(?:mysql|mysqldump|mysqladmin|mysqlimport|mariadb(?:-\w+)?)\b[^|;&\n]*?\s-pWORD",
    r"\bsshpass[ \t]+-p[ \t]*WORD",
    r"\bredis-cli\b[^|;&\n]*?\s-a[ \t]*WORD",
    r#"\bcurl\b[^|;&\n]*?\s(?:-u|--user|--proxy-user|-U)[ \t=]*["']?[^\s:"']+:(?P<s>[^\s"']+)"#,
    // Headers.
    r#"(?i)\bauthorization["']?[ \t]*[:=][ \t]*["']?(?:(?:basic|bearer|digest|token|apikey)[ \t]+)?(?P<s>[^\s"']+)"#,
    r"(?i)\bbearer[ \t]+(?P<s>[A-Za-z0-9._~+/=-]{8,})",
    r#"(?i)\b(?:set-)?cookie["']?:[ \t]*(?P<s>[^"'\r\n]+)"#,
    // https://ana:...@host, and the links of this program.
    r#"[A-Za-z][A-Za-z0-9+.-]*://[^\s/:@"']*:(?P<s>[^\s/"']+)@"#,
    r"/#(?P<s>[0-9a-f]{32})\b",
    // Keys and tokens that are known by how they begin.
    r"(?s)-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----(?P<s>.+?)(?:-----END|\z)",
    r"\b(?P<s>AGE-SECRET-KEY-1[0-9A-Z]+|(?:AKIA|ASIA)[0-9A-Z]{16}|AIza[\w-]{30,}|gh[pousr]_[A-Za-z0-9]{20,}|github_pat_\w{20,}|glpat-[\w-]{16,}|xox[abeprs]-[\w-]{10,}|sk[-_][\w-]{20,}|eyJ[\w-]{5,}\.[\w-]+\.[\w-]*)",
];

/// A long run of letters and digits, of which one that has all sorts is held to be a token. A digest in hexadecimal
/// digits has not.
const LONG: &str = r"[A-Za-z0-9_+=-]{32,}";

/// The rules as they are searched for; to read them takes longer than to use them.
static FOUND_BY: LazyLock<Vec<Regex>> = LazyLock::new(|| {
    let rule = |rule: &&str| {
        let rule = rule.replace("WORD", WORD).replace("VALUE", VALUE).replace("NAMES", NAMES);
        Regex::new(&rule).expect("the rules are tested")
    };
    RULES.iter().map(rule).collect()
});
static LONG_RUN: LazyLock<Regex> = LazyLock::new(|| Regex::new(LONG).expect("the rules are tested"));

/// Finds secrets, and remembers those that somebody typed.
#[derive(Debug, Default)]
pub struct Masker {
    learned: Vec<String>,
    /// Bytes of a private key that were masked since its first line; nothing outside of one.
    key: Option<usize>,
}

impl Masker {
    /// Looks for this from now on.
    pub fn learn(&mut self, secret: &str) {
        let bare = secret.trim_matches(['"', '\'']);
        let is_new = bare.len() >= LEARNED_BYTES_MIN && !self.learned.iter().any(|known| known == bare);
        // A variable's name is no secret.
        if is_new && !bare.starts_with('$') && self.learned.len() < LEARNED_MAX {
            self.learned.push(bare.to_owned());
        }
    }

    /// A command line without its secrets, which are remembered.
    pub fn line(&mut self, line: &str) -> String {
        let spans = self.spans(line);
        for span in &spans {
            self.learn(&line[span.clone()]);
        }
        let mut masked = String::with_capacity(line.len());
        let mut at = 0;
        for span in spans {
            masked.push_str(&line[at..span.start]);
            masked.push_str(MASK);
            at = span.end;
        }
        masked + &line[at..]
    }

    /// Where secrets are in the next piece of output. Pieces are whole lines, as far as there are lines.
    pub fn output(&mut self, text: &str) -> Vec<Range<usize>> {
        let mut spans = self.spans(text);
        if let Some(seen) = self.key {
            let end = text.find("-----END").unwrap_or(text.len());
            spans.push(0..end);
            self.key = Some(seen + end).filter(|seen| end == text.len() && *seen < KEY_BYTES_MAX);
        }
        if let Some(begin) = text.rfind("PRIVATE KEY-----").filter(|at| !text[*at..].contains("-----END")) {
            let is_begin =
                text[..begin].rfind("-----").is_some_and(|at| text[at..].starts_with("-----BEGIN"));
            if is_begin {
                self.key = Some(0);
            }
        }
        united(spans)
    }

    fn spans(&self, text: &str) -> Vec<Range<usize>> {
        let found = FOUND_BY.iter().flat_map(|rule| rule.captures_iter(text));
        let shapes = found.filter_map(|found| found.name("s")).map(|secret| secret.range());
        let long = LONG_RUN.find_iter(text).filter(|run| is_token(run.as_str())).map(|run| run.range());
        let known = self
            .learned
            .iter()
            .flat_map(|secret| text.match_indices(secret.as_str()).map(|(at, found)| at..at + found.len()));
        united(shapes.chain(long).chain(known).collect())
    }
}

fn is_token(run: &str) -> bool {
    let has = |sort: fn(&u8) -> bool| run.bytes().any(|byte| sort(&byte));
    has(u8::is_ascii_lowercase) && has(u8::is_ascii_uppercase) && has(u8::is_ascii_digit)
}

/// In order, and none within another.
fn united(mut spans: Vec<Range<usize>>) -> Vec<Range<usize>> {
    spans.retain(|span| !span.is_empty());
    spans.sort_by_key(|span| span.start);
    let mut united: Vec<Range<usize>> = Vec::with_capacity(spans.len());
    for span in spans {
        match united.last_mut() {
            Some(last) if span.start <= last.end => last.end = last.end.max(span.end),
            _ => united.push(span),
        }
    }
    united
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Each shape with `§` in the place of the secret.
    const SHAPES: &[&str] = &[
        "export DB_PASSWORD=§",
        "password: §",
        r#"{"user": "ana", "password": "§"}"#,
        "curl -H 'X-Api-Key: §' https://x",
        "AWS_SECRET_ACCESS_KEY=§ aws s3 ls",
        "MYSQL_PWD=§ mysql -u root",
        "psql --password § -h db",
        "tool --db-token=§",
        "openssl rsa -pass §",
        "mysql -u root -p§ shop",
        "mysqldump -h db -p§ shop | gzip",
        "sshpass -p § ssh web-1",
        "redis-cli -h cache -a § ping",
        "curl -s -u ana:§ https://x",
        "curl -H 'Authorization: Bearer §' https://x",
        "Authorization: Basic §",
        "Cookie: session=§",
        "git clone https://ana:§@git.example.org/x.git",
        "postgres://app:§@db/shop",
        "echo ghp_aaaaaaaaaaaaaaaaaaaa§",
        "echo eyJhbGciOi.§.x",
        "-----BEGIN RSA PRIVATE KEY-----\n§\n-----END RSA PRIVATE KEY-----",
        "echo -----BEGIN PRIVATE KEY----- §",
    ];

    /// What responders type and read all day.
    const HARMLESS: &[&str] = &[
        "depotctl logs web-east -n 200 | grep '\"level\":\"error\"'",
        "depotctl set pool.size=40 --on web",
        "PWD=/srv/shop ls -la /var/lib/gameday/targets/depot-1/run",
        "[sudo] password for ana: ",
        "mysql --password --host db",
        "git show 9fceb02d0ae598e95dc970b74767f19372d61af8",
        "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "3f0c1c1e-8f3b-4c5d-9d8e-0a1b2c3d4e5f",
        "http://127.0.0.1:4100/health",
        "the author: Ana, at 13:04:05",
        "bash: secretly: command not found",
    ];

    fn places(spans: Vec<Range<usize>>) -> Vec<(usize, usize)> {
        spans.into_iter().map(|span| (span.start, span.end)).collect()
    }

    #[test]
    fn every_shape_hides_its_secret_and_nothing_else_is_touched() {
        for shape in SHAPES {
            let masked = Masker::default().line(&shape.replace('§', "hunter2horse"));
            assert!(masked.contains(MASK) && !masked.contains("hunter2"), "{shape}: {masked}");
        }
        for line in HARMLESS {
            assert_eq!(Masker::default().line(line), *line);
        }
    }

    #[test]
    fn the_rest_of_the_line_can_be_read() {
        let mask = |line: &str| Masker::default().line(line);
        assert_eq!(mask("mysql -u root -phunter2 shop"), "mysql -u root -p*** shop");
        assert_eq!(
            mask("psql 'postgres://a:b%40c@db/x' -c 'select 1'"),
            "psql 'postgres://a:***@db/x' -c 'select 1'"
        );
        assert_eq!(mask(r#"a --password "two words" --host x"#), "a --password *** --host x");
        assert_eq!(
            mask("gameday join 'http://h:1/#0123456789abcdef0123456789abcdef' --as ana"),
            "gameday join 'http://h:1/#***' --as ana"
        );
    }

    #[test]
    fn what_somebody_typed_is_known_from_then_on() {
        let mut masker = Masker::default();
        masker.line("export DB_PASSWORD='hunter2horse' X_TOKEN=$DB_PASSWORD");
        assert_eq!(masker.line("echo hunter2horse; echo $DB_PASSWORD"), "echo ***; echo $DB_PASSWORD");
        assert_eq!(places(masker.output("hunter2horse\n")), [(0, 12)]);
    }

    #[test]
    fn a_key_is_masked_to_its_last_line() {
        let mut masker = Masker::default();
        assert_eq!(places(masker.output("-----BEGIN OPENSSH PRIVATE KEY-----\n")), [(35, 36)]);
        assert_eq!(places(masker.output("b3BlbnNz\n")), [(0, 9)]);
        assert_eq!(places(masker.output("aC1rZXk\n-----END OPENSSH PRIVATE KEY-----\n")), [(0, 8)]);
        assert!(masker.output("b3BlbnNz\n").is_empty());
        assert!(masker.output("-----BEGIN CERTIFICATE-----\nMIIB\n").is_empty());
    }

    proptest! {
        #[test]
        fn no_secret_of_a_known_shape_is_left(
            shape in proptest::sample::select(SHAPES),
            secret in "[A-Za-z0-9]{12,24}",
            before in "[a-z ]{0,20}",
        ) {
            let line = format!("{before} {}", shape.replace('§', &secret));
            // A secret that is part of the shape itself would be there anyway.
            prop_assume!(!format!("{before} {shape}").contains(&secret));
            let mut masker = Masker::default();
            let masked = masker.line(&line);
            prop_assert!(!masked.contains(&secret), "{}", masked);
            prop_assert_eq!(masker.line(&masked), masked);
        }

        #[test]
        fn any_text_can_be_masked(text in "(?s).{0,200}", secret in ".{0,20}") {
            let mut masker = Masker::default();
            masker.learn(&secret);
            masker.line(&text);
            for span in masker.output(&text) {
                prop_assert!(text.is_char_boundary(span.start) && text.is_char_boundary(span.end));
            }
        }
    }
}
