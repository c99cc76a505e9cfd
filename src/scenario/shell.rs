//! A command that somebody ran in a recorded shell, as the recorder tells it.

use crate::base::{At, Span, limits};
use serde::{Deserialize, Serialize};

/// A command line with how it ended. It holds no moment of the recorder's clock: clocks of two machines differ, and a
/// command may be told long after it ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShellCommand {
    /// The line as it was typed; secrets are masked, and what is too long is cut.
    pub line: String,
    /// Its exit code; nothing when the shell never told it.
    #[serde(default)]
    pub exit: Option<i32>,
    /// How long it ran.
    pub took: Span,
    /// How long before it was told it began.
    pub ago: Span,
    /// The recording that it is in.
    pub recording: String,
    /// Its number in that recording, from 1. What is told twice is taken once.
    pub number: u32,
    /// Commands right before it that were left out, because too many came in a minute.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub left_out: u32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_zero(count: &u32) -> bool {
    *count == 0
}

impl ShellCommand {
    /// When it began, if it was told at `told`.
    pub fn began(&self, told: At) -> At {
        told - self.ago
    }

    /// How long after its end it was told.
    pub fn late(&self) -> Span {
        Span::from_millis(self.ago.millis().saturating_sub(self.took.millis()))
    }

    /// What is wrong with it; nothing for one that may be taken in.
    pub fn objection(&self) -> Option<String> {
        let most = limits::COMMAND_BYTES_MAX;
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
        if self.line.trim().is_empty() {
            Some("a command line is not empty".into())
        } else if self.line.len() > most {
            Some(format!("a command line has at most {most} bytes, this has {}", self.line.len()))
        } else if !(1..=limits::RECORDING_NAME_MAX).contains(&self.recording.len())
            || !self.recording.chars().all(plain)
        {
            Some("a recording's name has 1 to 64 letters, digits and hyphens".into())
        } else if self.number == 0 {
            Some("commands are counted from 1".into())
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list() -> ShellCommand {
        ShellCommand {
            line: "depotctl list".into(),
            exit: Some(0),
            took: Span::from_secs(2),
            ago: Span::from_secs(5),
            recording: "ana-1".into(),
            number: 1,
            left_out: 0,
        }
    }

    #[test]
    fn it_began_so_long_before_it_was_told() {
        let command = list();
        assert_eq!(command.began(At::from_millis(60_000)), At::from_millis(55_000));
        assert_eq!(command.late(), Span::from_secs(3));
        assert_eq!(ShellCommand { took: Span::from_secs(9), ..command }.late(), Span::ZERO);
    }

    #[test]
    fn what_no_recorder_sends_is_objected_to() {
        assert_eq!(list().objection(), None);
        for wrong in [
            ShellCommand { line: " ".into(), ..list() },
            ShellCommand { line: "x".repeat(limits::COMMAND_BYTES_MAX + 1), ..list() },
            ShellCommand { recording: String::new(), ..list() },
            ShellCommand { recording: "../x".into(), ..list() },
            ShellCommand { number: 0, ..list() },
        ] {
            assert!(wrong.objection().is_some(), "{wrong:?}");
        }
    }
}
