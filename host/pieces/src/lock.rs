//! `pieces.lock`: which bytes may be which piece, and what it may ask for.
//!
//! An attacker who can write to the pieces directory could replace a piece by another one of the same name. A pin binds
//! name and version to a reviewed SHA-256, and records what the piece asked for then; in production only pinned bytes are
//! loaded, as long as they ask for no more. So in production a lock counts only where that attacker cannot write, or with a
//! signature.

use std::{
    fs, io,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use leno_base::Digest;
use leno_metadata::PieceName;
use serde::{Deserialize, Serialize};

use crate::{
    approval::Asks,
    place::{self, Unguarded},
    signature::{BadSignature, LockKey, SigningKey},
};

/// One pinned piece.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pin {
    /// Short name.
    pub name: String,
    /// Exact version.
    pub version: semver::Version,
    /// Digest of the component's bytes.
    pub sha256: Digest,
    /// What it may ask for; nothing in a lock of before there were approvals.
    #[serde(default, rename = "approved")]
    pub asks: Asks,
}

/// The content of `pieces.lock`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lock {
    /// The pins, in the file as `[[piece]]` tables.
    #[serde(default, rename = "piece")]
    pub pins: Vec<Pin>,
}

/// A lock file, and why it may be believed.
#[derive(Debug, Clone)]
pub struct LockFile {
    /// Where it is.
    pub path: PathBuf,
    /// Why it may be believed.
    pub trust: Trust,
}

/// Why a lock file may be believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trust {
    /// It need not be: outside of production.
    Anywhere,
    /// Whoever may write to this directory, where the pieces are, cannot write to it.
    Apart(PathBuf),
    /// It is signed with this key.
    Signed(LockKey),
}

/// A lock file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Reading or writing failed.
    #[error("the lock {path}: {source}")]
    Io {
        /// The file.
        path: String,
        /// What the system said.
        source: io::Error,
    },
    /// It is not what `leno lock` writes.
    #[error("{path} is not a lock file: {reason}; write it again with `leno lock`")]
    Malformed {
        /// The file.
        path: String,
        /// What is wrong.
        reason: String,
    },
    /// Those it guards against may write to it.
    #[error(
        "the lock guards nothing: {0}; in production put it where only root or another user may write (LENO_PIECES_LOCK), or sign it with `leno lock --sign KEYFILE` and set LENO_LOCK_KEY"
    )]
    Unguarded(#[from] Unguarded),
    /// Its signature does not count.
    #[error("{path} does not count: {reason}; write it again with `leno lock --sign KEYFILE`")]
    Signature {
        /// The file.
        path: String,
        /// What is wrong.
        reason: BadSignature,
    },
}

/// The lock's verdict on a component's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict<'a> {
    /// Pinned, and these are the bytes.
    Pinned(&'a Pin),
    /// Pinned to other bytes.
    Other(Digest),
    /// Not mentioned.
    Unpinned,
}

const HEAD: &str =
    "# Written by `leno lock`: the pieces that were reviewed. In production only these bytes are loaded.\n\n";

impl LockFile {
    /// Reads the file. One that is not there pins nothing.
    ///
    /// # Errors
    /// [`LockError`]; also where it may not be believed.
    pub fn read(&self) -> Result<Lock, LockError> {
        if let Trust::Apart(pieces) = &self.trust {
            place::check(&self.path, pieces).map_err(|source| self.failed(source))??;
        }
        let text = match fs::read_to_string(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Lock::default()),
            Err(source) => return Err(self.failed(source)),
        };
        if let Trust::Signed(key) = &self.trust {
            key.check(&text).map_err(|reason| LockError::Signature { path: self.shown(), reason })?;
        }
        toml::from_str(&text)
            .map_err(|error| LockError::Malformed { path: self.shown(), reason: error.message().to_owned() })
    }

    fn shown(&self) -> String {
        self.path.display().to_string()
    }

    fn failed(&self, source: io::Error) -> LockError {
        LockError::Io { path: self.shown(), source }
    }
}

impl Lock {
    /// Writes the pins, sorted, by rename: a reader sees the old file or the new one. Everybody may read it, for it is
    /// written by another user than the one who serves; nobody else may write it.
    ///
    /// # Errors
    /// [`LockError::Io`].
    pub fn write(&self, path: &Path, sign: Option<&SigningKey>) -> Result<(), LockError> {
        let failed = |source| LockError::Io { path: path.display().to_string(), source };
        let mut sorted = self.clone();
        sorted.pins.sort();
        let text = toml::to_string(&sorted).map_err(|error| failed(io::Error::other(error)))?;
        let mut text = format!("{HEAD}{text}");
        if let Some(key) = sign {
            text.push_str(&key.line(&text));
        }
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let mut file = tempfile::NamedTempFile::new_in(parent).map_err(failed)?;
        io::Write::write_all(&mut file, text.as_bytes()).map_err(failed)?;
        file.as_file().set_permissions(fs::Permissions::from_mode(0o644)).map_err(failed)?;
        file.as_file().sync_all().map_err(failed)?;
        file.persist(path).map_err(|error| failed(error.error))?;
        Ok(())
    }

    /// Whether any pin is for these bytes: checked before they are compiled.
    pub(crate) fn knows(&self, digest: Digest) -> bool {
        self.pins.iter().any(|pin| pin.sha256 == digest)
    }

    /// The lock's verdict on `name@version` with these bytes.
    pub(crate) fn verdict(&self, name: &PieceName, version: &semver::Version, digest: Digest) -> Verdict<'_> {
        match self.pins.iter().find(|pin| pin.name == name.short() && pin.version == *version) {
            None => Verdict::Unpinned,
            Some(pin) if pin.sha256 == digest => Verdict::Pinned(pin),
            Some(pin) => Verdict::Other(pin.sha256),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back_by_everybody_and_a_strange_file_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("pieces.lock");
        let file = LockFile { path: path.clone(), trust: Trust::Anywhere };
        assert_eq!(file.read().unwrap(), Lock::default());
        let asks = Asks { secrets: true, hosts: vec!["a.test".into()], credentials: vec!["OAUTH2 to a.test".into()] };
        let pin = Pin { name: "text".into(), version: semver::Version::new(0, 1, 0), sha256: Digest::of(b"x"), asks };
        let lock = Lock { pins: vec![pin.clone()] };
        lock.write(&path, None).unwrap();
        assert_eq!(file.read().unwrap(), lock);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o644);

        let name: PieceName = "text".parse().unwrap();
        assert_eq!(lock.verdict(&name, &pin.version, pin.sha256), Verdict::Pinned(&pin));
        assert_eq!(lock.verdict(&name, &semver::Version::new(0, 2, 0), pin.sha256), Verdict::Unpinned);
        assert_eq!(lock.verdict(&name, &pin.version, Digest::of(b"y")), Verdict::Other(pin.sha256));

        fs::write(&path, "[[piece]]\nname = 'text'\nversion = '1'\n").unwrap();
        assert!(file.read().unwrap_err().to_string().contains("leno lock"));
        // A lock of before there were approvals approves nothing.
        fs::write(&path, format!("[[piece]]\nname = 'text'\nversion = '0.1.0'\nsha256 = '{}'\n", pin.sha256)).unwrap();
        assert_eq!(file.read().unwrap().pins[0].asks, Asks::default());
    }
}
