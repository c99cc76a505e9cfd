//! What must hold before anything here may be broken.

use crate::scenario::pack::Layout;
use std::path::{Path, PathBuf};

/// A file of this name in a target's folder or the one above forbids every drill. It always wins.
pub const DENY: &str = "DENY-GAMEDAY";
/// One of these in a target's folder says that it is there to be broken. Written by whoever lays it out.
pub const STAGING: [&str; 2] = [".gameday-staging", ".depot"];

/// Why nothing may be broken here.
#[derive(Debug, thiserror::Error)]
pub enum Denied {
    /// Somebody has forbidden it.
    #[error("{0} forbids it")]
    Forbidden(PathBuf),
    /// Nothing says that this is a staging target.
    #[error("nothing in {0} says that this is a staging target")]
    NotStaging(PathBuf),
    /// A part of the layout lies outside the target.
    #[error("{0} lies outside the target's folder")]
    Outside(PathBuf),
    /// The folder is not as the layout says.
    #[error("could not use {0}: it is not the real path of a folder")]
    Root(PathBuf),
}

/// Whether the target under `root` may be broken. A marker that cannot be looked at counts as forbidding.
pub(super) fn check(root: &Path) -> Result<(), Denied> {
    for folder in [Some(root), root.parent()].into_iter().flatten() {
        let deny = folder.join(DENY);
        match std::fs::symlink_metadata(&deny) {
            Err(err) if err.kind() == std::io::ErrorKind::NotFound => {}
            _ => return Err(Denied::Forbidden(deny)),
        }
    }
    if STAGING.iter().any(|marker| root.join(marker).is_file()) {
        Ok(())
    } else {
        Err(Denied::NotStaging(root.to_owned()))
    }
}

/// Whether everything which may be changed lies beneath the root. Nothing is ever touched elsewhere, not even to undo.
pub(super) fn check_paths(layout: &Layout) -> Result<(), Denied> {
    let root = &layout.root;
    if root.canonicalize().ok().as_ref() != Some(root) {
        return Err(Denied::Root(root.clone()));
    }
    let paths = layout
        .volumes
        .iter()
        .map(|volume| &volume.path)
        .chain(layout.files.iter().map(|file| &file.path))
        .chain(layout.processes.iter().map(|process| &process.log))
        .chain(layout.releases.iter().flat_map(|release| [&release.folder, &release.current]));
    for path in paths {
        let up = path.components().any(|part| part == std::path::Component::ParentDir);
        // What is there must lie beneath the root with every link followed; `current` is a link by nature.
        let real = path.canonicalize().unwrap_or_else(|_| path.clone());
        if up || !path.starts_with(root) || !real.starts_with(root) {
            return Err(Denied::Outside(path.clone()));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{super::lever::tests::layout, *};

    #[test]
    fn a_marker_is_needed_and_the_deny_marker_always_wins() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("depot");
        std::fs::create_dir(&root).unwrap();
        let layout = layout(&root);
        check(&layout.root).unwrap();
        for place in [layout.root.clone(), layout.root.parent().unwrap().to_owned()] {
            let deny = place.join(DENY);
            std::fs::write(&deny, "").unwrap();
            assert!(matches!(check(&layout.root), Err(Denied::Forbidden(_))));
            std::fs::remove_file(deny).unwrap();
        }
        std::fs::remove_file(layout.root.join(STAGING[0])).unwrap();
        assert!(matches!(check(&layout.root), Err(Denied::NotStaging(_))));
        std::fs::write(layout.root.join(STAGING[1]), "").unwrap();
        check(&layout.root).unwrap();
    }

    #[test]
    fn nothing_outside_the_target_is_ever_in_reach() {
        let folder = tempfile::tempdir().unwrap();
        let good = layout(folder.path());
        check_paths(&good).unwrap();
        let outside = tempfile::tempdir().unwrap();
        let mut bad = good.clone();
        bad.volumes[0].path = outside.path().to_owned();
        assert!(matches!(check_paths(&bad), Err(Denied::Outside(_))));
        let mut bad = good.clone();
        bad.volumes[0].path = good.root.join("volumes/../../x");
        assert!(matches!(check_paths(&bad), Err(Denied::Outside(_))));
        let link = good.root.join("volumes/link");
        std::os::unix::fs::symlink(outside.path(), &link).unwrap();
        let mut bad = good;
        bad.volumes[0].path = link;
        assert!(matches!(check_paths(&bad), Err(Denied::Outside(_))));
    }
}
