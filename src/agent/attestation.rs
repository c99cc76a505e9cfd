//! The file with which a target says of itself that it is there to be broken: on which machine, until when, by whom.
//!
//! A copy of a staging folder on another machine, and one that was forgotten, say nothing any more.

use super::{boot, durable, guard::Denied};
use crate::{
    base::Span,
    clock::{Clock, SystemClock},
    fault::protocol::Staging,
    seed,
};
use std::{fs, io, path::Path};

/// The file's name, in the target's folder.
pub const STAGING: &str = ".gameday-staging";
/// What the file begins with.
const FORMAT: &str = "gameday/staging/v1";
/// Largest file that is read, in bytes.
const BYTES_MAX: u64 = 4096;

/// Says that the target under `root` may be broken on this machine for so long. Replaces what was said before.
pub fn attest(root: &Path, by: &str, span: Span) -> io::Result<()> {
    let until = SystemClock.now() + span;
    let said = Staging { format: FORMAT.to_owned(), machine: machine()?, until, by: by.to_owned() };
    let text = serde_json::to_vec_pretty(&said).expect("plain data");
    durable::replace(&root.join(STAGING), &text, 0o644)
}

/// What the target says of itself.
pub(super) fn read(root: &Path) -> Result<Staging, Denied> {
    let path = root.join(STAGING);
    let unreadable = |why: String| Denied::Unreadable { path: path.clone(), why };
    match fs::symlink_metadata(&path) {
        Err(err) if err.kind() == io::ErrorKind::NotFound => return Err(Denied::NotStaging(root.to_owned())),
        Err(err) => return Err(unreadable(err.to_string())),
        Ok(there) if !there.is_file() || there.len() > BYTES_MAX => {
            return Err(unreadable("it is no small file of its own".to_owned()));
        }
        Ok(_) => {}
    }
    let text = fs::read(&path).map_err(|err| unreadable(err.to_string()))?;
    let said: Staging = serde_json::from_slice(&text).map_err(|err| unreadable(err.to_string()))?;
    if said.format == FORMAT { Ok(said) } else { Err(unreadable(format!("it is not `{FORMAT}`"))) }
}

/// Whether what the target says holds here and now.
pub(super) fn check(root: &Path) -> Result<(), Denied> {
    let said = read(root)?;
    let path = root.join(STAGING);
    let here = machine().map_err(|err| Denied::Unreadable { path: path.clone(), why: err.to_string() })?;
    if said.machine != here {
        return Err(Denied::OtherMachine { path, by: said.by });
    }
    if said.until <= SystemClock.now() {
        return Err(Denied::Expired { path, until: said.until, by: said.by });
    }
    Ok(())
}

/// Names this machine without giving its id away.
fn machine() -> io::Result<String> {
    let id = fs::read_to_string("/etc/machine-id").unwrap_or_default();
    let id = id.trim();
    let name = if id.is_empty() { format!("boot {}", boot::id()?) } else { format!("machine {id}") };
    Ok(seed::digest(format!("gameday {name}").as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drill::preflight::code;
    use serde_json::{Value, json};

    /// What an attestation that was changed in one field is refused with.
    fn refused(change: impl FnOnce(&mut Value)) -> &'static str {
        let folder = tempfile::tempdir().unwrap();
        attest(folder.path(), "ana", Span::from_mins(1)).unwrap();
        check(folder.path()).unwrap();
        let path = folder.path().join(STAGING);
        let mut said: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        change(&mut said);
        fs::write(&path, said.to_string()).unwrap();
        check(folder.path()).unwrap_err().code()
    }

    #[test]
    fn an_attestation_holds_for_its_time_and_its_machine_alone() {
        let past = SystemClock.now() - Span::from_millis(1);
        assert_eq!(refused(|said| said["until"] = json!(past)), code::ATTESTATION_EXPIRED);
        assert_eq!(refused(|said| said["machine"] = json!("0".repeat(64))), code::OTHER_MACHINE);
        assert_eq!(refused(|said| said["format"] = json!("other/v1")), code::ATTESTATION_UNREADABLE);
        assert_eq!(refused(|said| said["until"] = json!("for ever")), code::ATTESTATION_UNREADABLE);
        assert_eq!(refused(|said| said["machine"] = Value::Null), code::ATTESTATION_UNREADABLE);
        assert_eq!(refused(|said| *said = json!("")), code::ATTESTATION_UNREADABLE);
    }

    #[test]
    fn an_empty_file_a_link_and_no_file_attest_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(STAGING);
        assert_eq!(check(folder.path()).unwrap_err().code(), code::NOT_ATTESTED);
        fs::write(&path, "").unwrap();
        assert_eq!(check(folder.path()).unwrap_err().code(), code::ATTESTATION_UNREADABLE);
        let other = tempfile::tempdir().unwrap();
        attest(other.path(), "ana", Span::from_mins(1)).unwrap();
        fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink(other.path().join(STAGING), &path).unwrap();
        assert_eq!(check(folder.path()).unwrap_err().code(), code::ATTESTATION_UNREADABLE);
    }
}
