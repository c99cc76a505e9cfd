//! Commands of recorded shells.

use gameday::{base::Span, scenario::shell::ShellCommand};

/// One as most are, and one with everything that can be said of it.
pub(super) fn commands() -> [ShellCommand; 2] {
    let usual = ShellCommand {
        line: "depotctl list".to_owned(),
        exit: Some(0),
        took: Span::from_millis(40),
        ago: Span::from_millis(45),
        recording: "ana-7f3ab2".to_owned(),
        number: 1,
        left_out: 0,
    };
    let late = ShellCommand { exit: None, ago: Span::from_mins(3), number: 9, left_out: 7, ..usual.clone() };
    [usual, late]
}
