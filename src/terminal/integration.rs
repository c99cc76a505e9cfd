//! What makes bash and zsh put [marks](super::marks) between their output. The user's own files are read first; the same
//! text is what people put on a far side.

use super::pty::Program;
use std::{fmt, fs, io, path::Path, str::FromStr};

/// The variable that tells a shell the nonce. ssh passes variables of the locale on, on most systems without being told.
pub const NONCE_VAR: &str = "LC_GAMEDAY";

const BASH: &str = include_str!("integration.bash");
const ZSH: &str = include_str!("integration.zsh");

/// The system's file comes first by itself.
const BASH_FILE: &str = "[[ -r ~/.bashrc ]] && . ~/.bashrc\n";
/// zsh finds its files by `ZDOTDIR`: while it starts these, it is put back to the user's.
const ZSH_ENV: &str = "\
__gameday_zdotdir=$ZDOTDIR
if [[ -n ${GAMEDAY_ZDOTDIR-} ]]; then ZDOTDIR=$GAMEDAY_ZDOTDIR; else unset ZDOTDIR; fi
unset GAMEDAY_ZDOTDIR
[[ -r ${ZDOTDIR:-$HOME}/.zshenv ]] && . ${ZDOTDIR:-$HOME}/.zshenv
__gameday_own=${ZDOTDIR-}
ZDOTDIR=$__gameday_zdotdir
";
const ZSH_FILE: &str = "\
[[ ${HISTFILE-} == $__gameday_zdotdir/* ]] && HISTFILE=${__gameday_own:-$HOME}/.zsh_history
if [[ -n $__gameday_own ]]; then ZDOTDIR=$__gameday_own; else unset ZDOTDIR; fi
unset __gameday_own __gameday_zdotdir
[[ -r ${ZDOTDIR:-$HOME}/.zshrc ]] && . ${ZDOTDIR:-$HOME}/.zshrc
";

/// A shell that can be integrated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shell {
    /// GNU bash, 4.4 or newer.
    Bash,
    /// zsh.
    Zsh,
}

impl Shell {
    /// The program's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Bash => "bash",
            Self::Zsh => "zsh",
        }
    }

    /// The text for the end of somebody's own file.
    pub fn snippet(self) -> &'static str {
        match self {
            Self::Bash => BASH,
            Self::Zsh => ZSH,
        }
    }

    /// An interactive shell that is integrated. Its files are written to `folder`; `zdotdir` is the user's own.
    pub fn program(self, folder: &Path, zdotdir: Option<String>) -> io::Result<Program> {
        let folder_named = folder.display().to_string();
        let mut program = Program { name: self.as_str().to_owned(), integrated: true, ..Program::default() };
        match self {
            Self::Bash => {
                let file = folder.join("bashrc");
                fs::write(&file, format!("{BASH_FILE}{BASH}"))?;
                program.args = vec!["--rcfile".into(), file.display().to_string(), "-i".into()];
            }
            Self::Zsh => {
                fs::write(folder.join(".zshenv"), ZSH_ENV)?;
                fs::write(folder.join(".zshrc"), format!("{ZSH_FILE}{ZSH}"))?;
                program.args = vec!["-i".into()];
                program.env.push(("ZDOTDIR".into(), folder_named));
                program.env.extend(zdotdir.map(|own| ("GAMEDAY_ZDOTDIR".to_owned(), own)));
            }
        }
        Ok(program)
    }
}

impl fmt::Display for Shell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Shell {
    type Err = String;
    /// By its name or its path.
    fn from_str(text: &str) -> Result<Self, String> {
        match Path::new(text).file_name().and_then(|name| name.to_str()) {
            Some("bash") => Ok(Self::Bash),
            Some("zsh") => Ok(Self::Zsh),
            _ => Err(format!(
                "`{text}` is not a shell that can be recorded with its commands: use bash or zsh"
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_is_known_by_its_name_or_path() {
        assert_eq!("/usr/bin/zsh".parse(), Ok(Shell::Zsh));
        assert_eq!("bash".parse(), Ok(Shell::Bash));
        assert!("/usr/bin/fish".parse::<Shell>().is_err() && "".parse::<Shell>().is_err());
    }
}
