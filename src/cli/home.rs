//! Where state lives: `GAMEDAY_HOME`, else `$XDG_STATE_HOME/gameday`, else `~/.local/state/gameday`.

use super::exit::Failure;
use std::{
    env, fs,
    os::unix::fs::{DirBuilderExt, PermissionsExt},
    path::{Path, PathBuf},
};

/// The variable that names the folder.
pub const HOME_VAR: &str = "GAMEDAY_HOME";

/// The folder of everything that gameday keeps. Readable by its owner alone: journals hold the ground truth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Home(PathBuf);

impl Home {
    /// Finds the folder and makes it, with its subfolders, when it is not there.
    pub fn open() -> Result<Self, Failure> {
        let home = Self::find()?;
        home.make()?;
        Ok(home)
    }

    /// Finds the folder; nothing is made.
    pub fn find() -> Result<Self, Failure> {
        place(|name| env::var_os(name).map(PathBuf::from)).map(Self).ok_or_else(|| {
            Failure::world("could not find a place for gameday's state: neither GAMEDAY_HOME nor HOME is set")
                .with_help(format!("Set {HOME_VAR} to a folder that you may write to."))
        })
    }

    /// The home in this folder.
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self(root.into())
    }

    /// Makes the folder and its subfolders, each with mode 0700.
    pub fn make(&self) -> Result<(), Failure> {
        for folder in [self.root().to_owned(), self.sessions(), self.targets(), self.agents()] {
            fs::DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(&folder)
                .map_err(Failure::io(format!("make the folder {}", folder.display())))?;
        }
        let mode = fs::metadata(self.root())
            .map_err(Failure::io(format!("look at {}", self.0.display())))?
            .permissions()
            .mode();
        if mode & 0o077 != 0 {
            fs::set_permissions(self.root(), fs::Permissions::from_mode(0o700))
                .map_err(Failure::io(format!("close {} to others", self.0.display())))?;
        }
        Ok(())
    }

    /// The folder itself.
    pub fn root(&self) -> &Path {
        &self.0
    }

    /// The journals and the calendar: one SQLite file.
    pub fn journal(&self) -> PathBuf {
        self.0.join("journal.db")
    }

    /// Sessions of people who joined a drill from here.
    pub fn sessions(&self) -> PathBuf {
        self.0.join("sessions")
    }

    /// Every move of the safety lever; the last one counts.
    pub fn safety(&self) -> PathBuf {
        self.0.join("safety.jsonl")
    }

    /// Scenarios that are written in a server's editor, unless it was started with a folder of others.
    pub fn scenarios(&self) -> PathBuf {
        self.0.join("scenarios")
    }

    /// Corrective actions, one entry in each line.
    pub fn actions(&self) -> PathBuf {
        self.0.join("actions.jsonl")
    }

    /// What rehearsals have proved, by the scenario's digest.
    pub fn certificates(&self) -> PathBuf {
        self.0.join("certificates")
    }

    /// By which means alarms and letters reach people.
    pub fn routes(&self) -> PathBuf {
        self.0.join("routes.yaml")
    }

    /// Names of described targets that may be broken from here, one in each line.
    pub fn allowed(&self) -> PathBuf {
        self.0.join("allowed-targets")
    }

    /// The key that opens sealed scenarios where no other is named.
    pub fn identity(&self) -> PathBuf {
        self.0.join("identity.txt")
    }

    /// Who may come in at the server, as digests of secrets.
    pub fn people(&self) -> PathBuf {
        self.0.join("people.json")
    }

    /// Who came in at the server, was let in, began a drill, or was shown the truth.
    pub fn audit(&self) -> PathBuf {
        self.0.join("audit.jsonl")
    }

    /// What somebody has answered and played on their path: a file for each step.
    pub fn practice(&self) -> PathBuf {
        self.0.join("practice")
    }

    /// Recordings of terminals: a folder for each drill.
    pub fn recordings(&self) -> PathBuf {
        self.0.join("recordings")
    }

    /// Targets that are laid out here.
    pub fn targets(&self) -> PathBuf {
        self.0.join("targets")
    }

    /// Folders of agents: apart from the targets, where responders look.
    pub fn agents(&self) -> PathBuf {
        self.0.join("agents")
    }
}

/// The folder's place, given the variables. Empty and relative ones of the XDG kind count as not set.
fn place(var: impl Fn(&str) -> Option<PathBuf>) -> Option<PathBuf> {
    let given = var(HOME_VAR).filter(|path| !path.as_os_str().is_empty());
    if let Some(path) = given {
        return std::path::absolute(path).ok();
    }
    let absolute = |name| var(name).filter(|path| path.is_absolute());
    absolute("XDG_STATE_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".local/state")))
        .map(|state| state.join("gameday"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(vars: &[(&str, &str)]) -> Option<PathBuf> {
        place(|name| vars.iter().find(|(known, _)| *known == name).map(|(_, value)| PathBuf::from(value)))
    }

    #[test]
    fn the_first_variable_that_says_something_wins() {
        let all = [(HOME_VAR, "/a"), ("XDG_STATE_HOME", "/b"), ("HOME", "/c")];
        assert_eq!(with(&all), Some("/a".into()));
        assert_eq!(with(&all[1..]), Some("/b/gameday".into()));
        assert_eq!(with(&all[2..]), Some("/c/.local/state/gameday".into()));
        assert_eq!(with(&[(HOME_VAR, ""), ("XDG_STATE_HOME", "b"), ("HOME", "/c")]), with(&all[2..]));
        assert_eq!(with(&[]), None);
    }

    #[test]
    fn the_folder_is_its_owners_alone() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path().join("state"));
        home.make().unwrap();
        fs::set_permissions(home.root(), fs::Permissions::from_mode(0o755)).unwrap();
        home.make().unwrap();
        for path in [home.root().to_owned(), home.sessions(), home.targets(), home.agents()] {
            let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
            assert_eq!(mode, 0o700, "{}", path.display());
        }
    }
}
