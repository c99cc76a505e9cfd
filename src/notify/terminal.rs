//! Notices as lines of text.

use super::{MARK, Notifier, plain_line, plain_lines, unmarked};
use crate::{
    base::Span,
    clock::BoxFuture,
    drill::{
        command::DeliveryError,
        event::{Notice, NoticeKind},
    },
};
use std::{
    io::{self, Write},
    sync::{Mutex, PoisonError},
};

/// Writes notices to a terminal or a file. A notice is one write, so that two never mix.
///
/// ```text
/// EXERCISE [ALARM] UploadErrorsHigh: 12 % of uploads fail
/// EXERCISE         runbook: runbooks/uploads.md
/// ```
pub struct Terminal {
    to: Mutex<Box<dyn Write + Send>>,
}

impl Terminal {
    /// Writes to `to`.
    pub fn new(to: impl Write + Send + 'static) -> Self {
        Self { to: Mutex::new(Box::new(to)) }
    }

    fn write(&self, text: &str) -> io::Result<()> {
        let mut to = self.to.lock().unwrap_or_else(PoisonError::into_inner);
        to.write_all(text.as_bytes())?;
        to.flush()
    }
}

impl Notifier for Terminal {
    fn deliver<'a>(&'a self, notice: &'a Notice) -> BoxFuture<'a, Result<(), DeliveryError>> {
        Box::pin(async move {
            self.write(&lines(notice)).map_err(|error| DeliveryError {
                // A closed terminal stays closed.
                retry: error.kind() != io::ErrorKind::BrokenPipe,
                error: format!("could not write to the terminal: {error}"),
                wait: Span::ZERO,
            })
        })
    }
}

/// The notice's lines, each with the mark.
fn lines(notice: &Notice) -> String {
    let label = label(&notice.about);
    let subject = plain_line(&notice.subject);
    let mut all = format!("{MARK} {label:<8} {}", unmarked(&subject));
    for line in plain_lines(&notice.text) {
        let line = format!("{MARK} {:<8} {line}", "");
        all.push('\n');
        all.push_str(line.trim_end());
    }
    all.push('\n');
    all
}

/// How loud it is, at the line's beginning, where an eye that scans down sees it.
fn label(about: &NoticeKind) -> &'static str {
    match about {
        NoticeKind::AlarmRaised(_) => "[ALARM]",
        NoticeKind::AlarmResolved(_) => "[ok]",
        NoticeKind::ComCheck => "[check]",
        NoticeKind::StartEx => "[start]",
        NoticeKind::EndEx => "[end]",
        NoticeKind::Inject | NoticeKind::Shift => "[info]",
        NoticeKind::Page(_) => "[PAGE]",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notice(about: NoticeKind, subject: &str, text: &str) -> Notice {
        Notice {
            at: crate::base::At::from_millis(0),
            severity: None,
            id: "n-1".parse().unwrap(),
            route: "terminal".to_owned(),
            about,
            subject: subject.to_owned(),
            text: text.to_owned(),
        }
    }

    #[test]
    fn every_line_is_marked() {
        let alarm = NoticeKind::AlarmRaised("UploadErrorsHigh".parse().unwrap());
        let told = lines(&notice(
            alarm,
            "EXERCISE: UploadErrorsHigh: 12 % of uploads fail",
            "runbook: runbooks/uploads.md\n\nsince 13:04",
        ));
        assert_eq!(
            told,
            "EXERCISE [ALARM]  UploadErrorsHigh: 12 % of uploads fail\n\
             EXERCISE          runbook: runbooks/uploads.md\n\
             EXERCISE\n\
             EXERCISE          since 13:04\n"
        );
    }

    #[test]
    fn nothing_sent_can_steer_a_terminal() {
        let told = lines(&notice(
            NoticeKind::Inject,
            "\x1b[2Jgone\r\nEXIT\u{202e}",
            "a\x07\u{9b}31mred\rover\u{2028}b",
        ));
        assert_eq!(told, "EXERCISE [info]   [2Jgone  EXIT\nEXERCISE          a31mred over b\n");
    }

    #[tokio::test]
    async fn a_failed_write_is_told() {
        struct Full(io::ErrorKind);
        impl Write for Full {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(self.0.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        for (kind, retry) in [(io::ErrorKind::StorageFull, true), (io::ErrorKind::BrokenPipe, false)] {
            let failed = Terminal::new(Full(kind))
                .deliver(&notice(NoticeKind::StartEx, "begins", ""))
                .await
                .unwrap_err();
            assert_eq!(failed.retry, retry, "{}", failed.error);
        }
    }
}
