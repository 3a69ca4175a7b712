//! Where a lock guards something: where whoever may write to the pieces directory cannot write.
//!
//! The rule, for the lock file and every directory above it, at the path that was given and at the path without symbolic
//! links:
//! - outside: it is not in the pieces directory;
//! - closed: neither its group nor others may write to it. A directory with the sticky bit is fine above a file that exists,
//!   because there nobody can replace what belongs to another;
//! - apart: it belongs to root, or to a user who may not write to the pieces directory. Its owner may; this process may if
//!   the system says so. Members of its group are not looked up, nor is root.

use std::{
    fs, io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use rustix::fs::{Access, AtFlags, CWD};

/// Why a lock guards nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unguarded {
    /// It is where components are put.
    #[error("{lock} is in the pieces directory, so whoever puts a component there can pin it")]
    Inside {
        /// The lock file.
        lock: PathBuf,
    },
    /// Others may write to it.
    #[error("{path} can be written to by other users (mode {mode:04o})")]
    Open {
        /// The file or directory.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// A user who may put components into the pieces directory may write to it.
    #[error("{path} belongs to user {user}, who may write to the pieces directory too")]
    SameOwner {
        /// The file or directory.
        path: PathBuf,
        /// The user's id.
        user: u32,
    },
}

/// What the rule asks of a file or directory.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    path: PathBuf,
    mode: u32,
    owner: u32,
    /// A directory above something that exists: with the sticky bit, nobody can replace what belongs to another.
    above: bool,
}

const ROOT: u32 = 0;
const WRITABLE_BY_OTHERS: u32 = 0o022;
const STICKY: u32 = 0o1000;

/// Checks the place of `lock`, which need not exist.
pub(crate) fn check(lock: &Path, pieces: &Path) -> io::Result<Result<(), Unguarded>> {
    let directory = fs::canonicalize(pieces)?;
    let mut writers = vec![fs::metadata(&directory)?.uid()];
    if rustix::fs::accessat(CWD, &directory, Access::WRITE_OK, AtFlags::EACCESS).is_ok() {
        writers.push(rustix::process::geteuid().as_raw());
    }
    let given = std::path::absolute(lock)?;
    let real = match fs::canonicalize(&given) {
        Ok(real) => real,
        Err(error) if error.kind() == io::ErrorKind::NotFound => absent(&given)?,
        Err(error) => return Err(error),
    };
    for path in [&real, &given] {
        if path.starts_with(&directory) {
            return Ok(Err(Unguarded::Inside { lock: lock.to_owned() }));
        }
    }
    for path in [&real, &given] {
        if let Err(unguarded) = closed(&chain(path)?, &writers) {
            return Ok(Err(unguarded));
        }
    }
    Ok(Ok(()))
}

/// The real path of a file that does not exist.
fn absent(path: &Path) -> io::Result<PathBuf> {
    match (path.parent(), path.file_name()) {
        (Some(parent), Some(name)) => Ok(fs::canonicalize(parent)?.join(name)),
        _ => Ok(path.to_owned()),
    }
}

/// What there is of a file and the directories above it.
fn chain(path: &Path) -> io::Result<Vec<Entry>> {
    let mut entries: Vec<Entry> = Vec::new();
    for path in path.ancestors() {
        // A link has no permissions; whoever may write to its directory may replace it.
        match fs::metadata(path) {
            Ok(metadata) => entries.push(Entry {
                path: path.to_owned(),
                mode: metadata.mode() & 0o7777,
                owner: metadata.uid(),
                above: !entries.is_empty(),
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(entries)
}

fn closed(chain: &[Entry], writers: &[u32]) -> Result<(), Unguarded> {
    for Entry { path, mode, owner, above } in chain {
        if mode & WRITABLE_BY_OTHERS != 0 && !(*above && mode & STICKY != 0) {
            return Err(Unguarded::Open { path: path.clone(), mode: *mode });
        }
        if *owner != ROOT && writers.contains(owner) {
            return Err(Unguarded::SameOwner { path: path.clone(), user: *owner });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    fn entry(path: &str, mode: u32, owner: u32) -> Entry {
        Entry { path: path.into(), mode, owner, above: path != "/etc/leno/lock" }
    }

    #[test]
    fn a_lock_is_closed_to_others_and_apart_from_those_who_put_components() {
        const SERVICE: u32 = 900;
        for (lock, directory, owner, expected) in [
            (0o644, 0o755, ROOT, "ok"),
            (0o644, 0o755, 1000, "ok"),
            (0o644, 0o755, SERVICE, "same"),
            (0o664, 0o755, ROOT, "open"),
            (0o646, 0o755, ROOT, "open"),
            (0o644, 0o775, ROOT, "open"),
            (0o644, 0o777, ROOT, "open"),
            (0o644, 0o1777, ROOT, "ok"),
            (0o1666, 0o755, ROOT, "open"),
        ] {
            let chain =
                [entry("/etc/leno/lock", lock, owner), entry("/etc/leno", directory, ROOT), entry("/", 0o755, ROOT)];
            let got = match closed(&chain, &[SERVICE]) {
                Ok(()) => "ok",
                Err(Unguarded::Open { .. }) => "open",
                Err(Unguarded::SameOwner { .. }) => "same",
                Err(Unguarded::Inside { .. }) => "inside",
            };
            assert_eq!(got, expected, "{lock:o} {directory:o} {owner}");
        }
        // A directory above decides too.
        let chain = [entry("/a/b/lock", 0o644, ROOT), entry("/a/b", 0o755, ROOT), entry("/a", 0o755, SERVICE)];
        assert!(matches!(closed(&chain, &[SERVICE]), Err(Unguarded::SameOwner { .. })));
    }

    #[test]
    fn a_lock_in_the_pieces_directory_is_found_out_behind_links_too() {
        let directory = tempfile::tempdir().unwrap();
        let (pieces, outside) = (directory.path().join("pieces"), directory.path().join("outside"));
        fs::create_dir(&pieces).unwrap();
        fs::create_dir(&outside).unwrap();
        let inside = |lock: PathBuf| matches!(check(&lock, &pieces).unwrap(), Err(Unguarded::Inside { .. }));
        assert!(inside(pieces.join("pieces.lock")), "it does not exist yet");
        fs::write(pieces.join("pieces.lock"), "").unwrap();
        assert!(inside(pieces.join("pieces.lock")));
        symlink(pieces.join("pieces.lock"), outside.join("to-lock")).unwrap();
        assert!(inside(outside.join("to-lock")));
        symlink(&outside, pieces.join("to-outside")).unwrap();
        fs::write(outside.join("pieces.lock"), "").unwrap();
        assert!(inside(pieces.join("to-outside/pieces.lock")));
        assert!(!inside(outside.join("pieces.lock")));

        fs::set_permissions(outside.join("pieces.lock"), fs::Permissions::from_mode(0o666)).unwrap();
        let open = check(&outside.join("pieces.lock"), &pieces).unwrap();
        assert!(matches!(&open, Err(Unguarded::Open { mode: 0o666, .. })), "{open:?}");

        // Where everybody may make files, anybody may make a lock that is not there yet.
        fs::set_permissions(&outside, fs::Permissions::from_mode(0o1777)).unwrap();
        fs::set_permissions(outside.join("pieces.lock"), fs::Permissions::from_mode(0o644)).unwrap();
        let open =
            |lock| matches!(check(&outside.join(lock), &pieces).unwrap(), Err(Unguarded::Open { mode: 0o1777, .. }));
        assert_eq!((open("pieces.lock"), open("absent.lock")), (false, true));
    }
}
