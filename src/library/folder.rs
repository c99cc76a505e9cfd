//! A folder of files, on disk or built into the program. Only regular files beneath it are read; links are refused.

use crate::base::limits::FILE_BYTES_MAX;
use include_dir::{Dir, DirEntry, include_dir};
use std::fs::OpenOptions;
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Component, Path, PathBuf};

static SCENARIOS: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/scenarios");
static INJECTORS: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/fault-injectors");
/// Most files that are listed in one folder.
const LISTED_MAX: usize = 2000;
const DEPTH_MAX: usize = 8;

/// A folder.
#[derive(Debug, Clone)]
pub struct Folder {
    place: Place,
}

#[derive(Debug, Clone)]
enum Place {
    /// The folder that links must not lead out of, and the place beneath it.
    Disk {
        root: PathBuf,
        beneath: String,
    },
    BuiltIn {
        dir: Option<&'static Dir<'static>>,
        path: String,
    },
}

/// A file that could not be read.
#[derive(Debug, thiserror::Error)]
#[error("could not read `{path}`: {why}")]
pub struct FolderError {
    /// The path beneath the folder.
    pub path: String,
    /// Why.
    pub why: FolderTrouble,
}

/// Why a file could not be read.
#[derive(Debug, thiserror::Error)]
pub enum FolderTrouble {
    /// There is none.
    #[error("there is no such file")]
    Missing,
    /// It leads out of the folder, or is no plain path.
    #[error("the path must stay beneath its folder: no `..`, no leading `/`")]
    Outside,
    /// It is a link, or lies behind one.
    #[error("links are not followed: put the file itself here")]
    Link,
    /// It is a folder, a pipe, a device.
    #[error("this is not a regular file")]
    NotAFile,
    /// It is too large.
    #[error("the file is larger than {} KiB", .0 / 1024)]
    TooLarge(usize),
    /// The system refused.
    #[error("{0}")]
    Io(#[from] std::io::Error),
}

/// Names of the built-in packs.
pub fn built_in_packs() -> Vec<String> {
    let packs = SCENARIOS.dirs().filter(|dir| dir.get_file(dir.path().join("pack.yaml")).is_some());
    packs.map(|dir| dir.path().to_string_lossy().into_owned()).collect()
}

impl Folder {
    /// A folder on disk. It need not exist: then it is empty.
    pub fn on_disk(path: &Path) -> Self {
        Self { place: Place::Disk { root: path.to_owned(), beneath: String::new() } }
    }

    /// A pack that is built into the program.
    pub fn built_in_pack(name: &str) -> Option<Self> {
        let dir = SCENARIOS.get_dir(name)?;
        dir.get_file(dir.path().join("pack.yaml"))?;
        Some(Self { place: Place::BuiltIn { dir: Some(dir), path: format!("scenarios/{name}") } })
    }

    /// The table-tops that are built into the program. They lie beside the packs.
    pub fn built_in_tabletops() -> Self {
        let path = "scenarios/tabletops".to_owned();
        Self { place: Place::BuiltIn { dir: SCENARIOS.get_dir("tabletops"), path } }
    }

    /// The injectors that are built into the program.
    pub fn built_in_injectors() -> Self {
        Self { place: Place::BuiltIn { dir: Some(&INJECTORS), path: "fault-injectors".to_owned() } }
    }

    /// The folder `name` in this one. It need not exist.
    pub fn beneath(&self, name: &str) -> Self {
        let place = match &self.place {
            Place::Disk { root, beneath } => {
                Place::Disk { root: root.clone(), beneath: joined(beneath, name) }
            }
            Place::BuiltIn { dir, path } => Place::BuiltIn {
                dir: dir.and_then(|dir| dir.get_dir(dir.path().join(name))),
                path: format!("{path}/{name}"),
            },
        };
        Self { place }
    }

    /// How a file of this folder is named to people.
    pub fn shown(&self, path: &str) -> String {
        match &self.place {
            Place::Disk { root, beneath } if root == Path::new(".") => joined(beneath, path),
            Place::Disk { root, beneath } => root.join(joined(beneath, path)).display().to_string(),
            Place::BuiltIn { path: folder, .. } => format!("{folder}/{path}"),
        }
    }

    /// Whether something of this name is here. A link is: reading it tells why it is refused.
    pub fn has(&self, path: &str) -> bool {
        match &self.place {
            Place::Disk { root, beneath } => root.join(joined(beneath, path)).symlink_metadata().is_ok(),
            Place::BuiltIn { dir, .. } => {
                dir.is_some_and(|dir| dir.get_file(dir.path().join(path)).is_some())
            }
        }
    }

    /// Reads a regular file of at most 256 KiB beneath this folder.
    pub fn read(&self, path: &str) -> Result<Vec<u8>, FolderError> {
        self.read_at_most(path, FILE_BYTES_MAX)
    }

    /// The same of a file of at most so many bytes.
    pub fn read_at_most(&self, path: &str, most: usize) -> Result<Vec<u8>, FolderError> {
        self.try_read(path, most).map_err(|why| FolderError { path: path.to_owned(), why })
    }

    fn try_read(&self, path: &str, most: usize) -> Result<Vec<u8>, FolderTrouble> {
        let plain = Path::new(path).components().all(|part| matches!(part, Component::Normal(_)));
        if path.is_empty() || !plain || path.contains('\0') {
            return Err(FolderTrouble::Outside);
        }
        match &self.place {
            Place::Disk { root, beneath } => read_on_disk(root, &joined(beneath, path), most),
            Place::BuiltIn { dir, .. } => {
                let file = dir.and_then(|dir| dir.get_file(dir.path().join(path)));
                Ok(file.ok_or(FolderTrouble::Missing)?.contents().to_vec())
            }
        }
    }

    /// Paths of all files beneath that end in `.{end}`, sorted; links are left out.
    pub fn list(&self, end: &str) -> Vec<String> {
        let mut paths = Vec::new();
        match &self.place {
            Place::Disk { root, beneath } => {
                if !behind_link(root, beneath) {
                    list_on_disk(&root.join(beneath), "", DEPTH_MAX, &mut paths);
                }
            }
            Place::BuiltIn { dir: Some(dir), .. } => list_built_in(dir, dir.path(), &mut paths),
            Place::BuiltIn { dir: None, .. } => {}
        }
        let end = format!(".{end}");
        paths.retain(|path| path.ends_with(&end));
        paths.sort();
        paths
    }
}

fn read_on_disk(root: &Path, path: &str, most: usize) -> Result<Vec<u8>, FolderTrouble> {
    if behind_link(root, path) {
        return Err(FolderTrouble::Link);
    }
    let walked = root.join(path);
    // The flags hold even when the path is changed behind the look above; a pipe must not block the open.
    let flags = nix::fcntl::OFlag::O_NOFOLLOW | nix::fcntl::OFlag::O_NONBLOCK;
    let file = OpenOptions::new().read(true).custom_flags(flags.bits()).open(&walked).map_err(trouble)?;
    if !file.metadata()?.is_file() {
        return Err(FolderTrouble::NotAFile);
    }
    let mut bytes = Vec::new();
    let bound = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
    file.take(bound).read_to_end(&mut bytes)?;
    if bytes.len() > most { Err(FolderTrouble::TooLarge(most)) } else { Ok(bytes) }
}

/// Whether `path`, or a folder on the way to it from `root`, is a link.
fn behind_link(root: &Path, path: &str) -> bool {
    let mut walked = root.to_owned();
    Path::new(path).components().any(|part| {
        walked.push(part);
        walked.symlink_metadata().is_ok_and(|about| about.file_type().is_symlink())
    })
}

fn joined(beneath: &str, path: &str) -> String {
    if beneath.is_empty() { path.to_owned() } else { format!("{beneath}/{path}") }
}

fn trouble(error: std::io::Error) -> FolderTrouble {
    match error.kind() {
        std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory => FolderTrouble::Missing,
        _ if error.raw_os_error() == Some(nix::errno::Errno::ELOOP as i32) => FolderTrouble::Link,
        _ => FolderTrouble::Io(error),
    }
}

fn list_on_disk(root: &Path, beneath: &str, depth: usize, paths: &mut Vec<String>) {
    let Ok(entries) = std::fs::read_dir(root.join(beneath)) else {
        return;
    };
    for entry in entries.flatten() {
        let Some(name) = entry.file_name().to_str().map(str::to_owned) else {
            continue;
        };
        let path = if beneath.is_empty() { name } else { format!("{beneath}/{name}") };
        let Ok(kind) = entry.file_type() else {
            continue;
        };
        if paths.len() >= LISTED_MAX {
            return;
        } else if kind.is_file() {
            paths.push(path);
        } else if kind.is_dir() && depth > 1 {
            list_on_disk(root, &path, depth - 1, paths);
        }
    }
}

fn list_built_in(dir: &'static Dir<'static>, root: &Path, paths: &mut Vec<String>) {
    for entry in dir.entries() {
        match entry {
            DirEntry::Dir(deeper) => list_built_in(deeper, root, paths),
            DirEntry::File(file) => {
                let path = file.path().strip_prefix(root).unwrap_or(file.path());
                paths.push(path.to_string_lossy().into_owned());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn only_regular_files_beneath_the_folder_are_read() {
        let home = tempfile::tempdir().unwrap();
        let root = home.path().join("pack");
        std::fs::create_dir_all(root.join("docs")).unwrap();
        std::fs::write(home.path().join("secret"), "s").unwrap();
        std::fs::write(root.join("docs/a.md"), "# A").unwrap();
        symlink(home.path().join("secret"), root.join("link.md")).unwrap();
        symlink(home.path(), root.join("up")).unwrap();
        nix::unistd::mkfifo(&root.join("pipe.md"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        std::fs::write(root.join("large.md"), vec![b'x'; FILE_BYTES_MAX + 1]).unwrap();
        let folder = Folder::on_disk(&root);
        assert_eq!(folder.read("docs/a.md").unwrap(), b"# A");
        assert_eq!(folder.list("md"), ["docs/a.md", "large.md"]);
        let why = |path: &str| folder.read(path).expect_err(path).why;
        assert!(matches!(why("link.md"), FolderTrouble::Link));
        assert!(matches!(why("up/secret"), FolderTrouble::Link));
        assert!(matches!(why("../secret"), FolderTrouble::Outside));
        assert!(matches!(why("docs/../../secret"), FolderTrouble::Outside));
        assert!(matches!(why("/etc/passwd"), FolderTrouble::Outside));
        assert!(matches!(why("docs"), FolderTrouble::NotAFile));
        assert!(matches!(why("pipe.md"), FolderTrouble::NotAFile));
        assert!(matches!(why("large.md"), FolderTrouble::TooLarge(FILE_BYTES_MAX)));
        assert!(matches!(why("none.md"), FolderTrouble::Missing));
        symlink("docs", root.join("papers")).unwrap();
        assert!(folder.beneath("papers").list("md").is_empty());
        assert!(matches!(folder.beneath("papers").read("a.md").unwrap_err().why, FolderTrouble::Link));
        assert_eq!(folder.beneath("docs").read("a.md").unwrap(), b"# A");
    }
}
