//! `pieces.lock`: which bytes may be which piece.
//!
//! An attacker who can write to the pieces directory could replace a piece by another one of the same name. A pin binds
//! name and version to a reviewed SHA-256; in production only pinned bytes are loaded.

use std::{fs, io, path::Path};

use leno_base::Digest;
use leno_metadata::PieceName;
use serde::{Deserialize, Serialize};

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
}

/// The content of `pieces.lock`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lock {
    /// The pins, in the file as `[[piece]]` tables.
    #[serde(default, rename = "piece")]
    pub pins: Vec<Pin>,
}

/// A lock file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Reading or writing failed.
    #[error("{path}: {source}")]
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
}

/// The lock's verdict on a component's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Pinned, and these are the bytes.
    Pinned,
    /// Not mentioned.
    Unpinned,
}

const HEAD: &str =
    "# Written by `leno lock`: the pieces that were reviewed. In production only these bytes are loaded.\n\n";

impl Lock {
    /// Reads a lock file. A file that is not there pins nothing.
    ///
    /// # Errors
    /// [`LockError`].
    pub fn read(path: &Path) -> Result<Self, LockError> {
        let shown = || path.display().to_string();
        match fs::read_to_string(path) {
            Ok(text) => toml::from_str(&text)
                .map_err(|error| LockError::Malformed { path: shown(), reason: error.message().to_owned() }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(source) => Err(LockError::Io { path: shown(), source }),
        }
    }

    /// Writes the pins, sorted, by rename: a reader sees the old file or the new one.
    ///
    /// # Errors
    /// [`LockError`].
    pub fn write(&self, path: &Path) -> Result<(), LockError> {
        let failed = |source| LockError::Io { path: path.display().to_string(), source };
        let mut sorted = self.clone();
        sorted.pins.sort();
        let text = toml::to_string(&sorted).map_err(|error| failed(io::Error::other(error)))?;
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let mut file = tempfile::NamedTempFile::new_in(parent).map_err(failed)?;
        io::Write::write_all(&mut file, format!("{HEAD}{text}").as_bytes()).map_err(failed)?;
        file.persist(path).map_err(|error| failed(error.error))?;
        Ok(())
    }

    /// Whether any pin is for these bytes: checked before they are compiled.
    pub(crate) fn knows(&self, digest: Digest) -> bool {
        self.pins.iter().any(|pin| pin.sha256 == digest)
    }

    /// The lock's verdict on `name@version` with these bytes.
    ///
    /// # Errors
    /// The pinned digest, when it is another.
    pub(crate) fn verdict(
        &self,
        name: &PieceName,
        version: &semver::Version,
        digest: Digest,
    ) -> Result<Verdict, Digest> {
        match self.pins.iter().find(|pin| pin.name == name.short() && pin.version == *version) {
            None => Ok(Verdict::Unpinned),
            Some(pin) if pin.sha256 == digest => Ok(Verdict::Pinned),
            Some(pin) => Err(pin.sha256),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back_and_a_strange_file_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("pieces.lock");
        assert_eq!(Lock::read(&path).unwrap(), Lock::default());
        let pin = Pin { name: "text".into(), version: semver::Version::new(0, 1, 0), sha256: Digest::of(b"x") };
        let lock = Lock { pins: vec![pin.clone()] };
        lock.write(&path).unwrap();
        assert_eq!(Lock::read(&path).unwrap(), lock);

        let name: PieceName = "text".parse().unwrap();
        assert_eq!(lock.verdict(&name, &pin.version, pin.sha256), Ok(Verdict::Pinned));
        assert_eq!(lock.verdict(&name, &semver::Version::new(0, 2, 0), pin.sha256), Ok(Verdict::Unpinned));
        assert_eq!(lock.verdict(&name, &pin.version, Digest::of(b"y")), Err(pin.sha256));

        fs::write(&path, "[[piece]]\nname = 'text'\nversion = '1'\n").unwrap();
        assert!(Lock::read(&path).unwrap_err().to_string().contains("leno lock"));
    }
}
