//! `gameday completions`: for shells.

use super::{
    exit::{Exit, Failure},
    show,
};
use clap::CommandFactory as _;

const EXAMPLES: &str = "\
Examples:
  gameday completions bash > ~/.local/share/bash-completion/completions/gameday
  gameday completions zsh > ~/.zfunc/_gameday
  gameday completions fish > ~/.config/fish/completions/gameday.fish";

/// Prints a completion script for a shell
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Completions {
    /// The shell
    #[arg(value_enum)]
    shell: clap_complete::Shell,
}

impl Completions {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut super::Cli::command(), "gameday", &mut script);
        show::print(&String::from_utf8_lossy(&script))?;
        Ok(Exit::Done)
    }
}
