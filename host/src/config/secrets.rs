//! The data directory and the secrets that this host generates for itself.

use std::{
    fs::{self, DirBuilder, File},
    io::{self, Read as _, Write as _},
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _},
    path::{Path, PathBuf},
};

use leno_base::random;
use leno_sandbox::CacheKey;
use rustix::fs::{Mode, OFlags};
use secrecy::{ExposeSecret as _, SecretString};
use zeroize::Zeroizing;

/// A data directory, or a file in it, that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DataDirError {
    /// The system refused.
    #[error("{path}: {source}")]
    Io {
        /// The directory or file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Others could read or replace what must be this host's alone.
    #[error("{path} {why}; {remedy}")]
    Exposed {
        /// The directory or file.
        path: PathBuf,
        /// What is wrong.
        why: String,
        /// What to do.
        remedy: &'static str,
    },
    /// A secret's file has something else in it.
    #[error(
        "{path} does not contain a secret of 64 hexadecimal characters, as leno writes it; remove the file to get a new one"
    )]
    Malformed {
        /// The file.
        path: PathBuf,
    },
}

/// The directory where this host keeps what is its own.
#[derive(Debug, Clone)]
pub struct DataDir(PathBuf);

impl DataDir {
    /// The file of the secret that signs access tokens when `JWT_SECRET` is not set.
    pub const JWT_SECRET: &'static str = "jwt-secret";
    /// The file of the key of connections when `INTEGRATION_ENCRYPTION_KEY` is not set.
    pub const ENCRYPTION_KEY: &'static str = "encryption-key";

    /// Opens the directory, or makes it for its owner alone (mode 0700).
    ///
    /// # Errors
    /// [`DataDirError`]: the system refuses, or others may write into it.
    pub fn open(path: &Path) -> Result<Self, DataDirError> {
        let failed = |source| DataDirError::Io { path: path.to_owned(), source };
        DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(failed)?;
        let metadata = fs::metadata(path).map_err(failed)?;
        if metadata.mode() & 0o022 != 0 {
            return Err(DataDirError::Exposed {
                path: path.to_owned(),
                why: format!("can be written to by other users (mode {:04o})", metadata.mode() & 0o7777),
                remedy: "remove that permission (chmod 0700), or choose another LENO_DATA_DIR",
            });
        }
        Ok(Self(path.to_owned()))
    }

    /// The path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Where compiled code goes.
    #[must_use]
    pub fn compiled(&self) -> PathBuf {
        self.0.join("compiled")
    }

    /// Where the bytes of components go.
    #[must_use]
    pub fn components(&self) -> PathBuf {
        self.0.join("components")
    }

    /// The key that authenticates compiled code; made on first use.
    ///
    /// # Errors
    /// As [`DataDir::secret`].
    pub fn cache_key(&self) -> Result<CacheKey, DataDirError> {
        let path = self.0.join("cache-key");
        let mut key = Zeroizing::new([0; 32]);
        let text = self.secret("cache-key")?;
        hex::decode_to_slice(text.expose_secret(), &mut *key).map_err(|_| DataDirError::Malformed { path })?;
        Ok(CacheKey::new(*key))
    }

    /// The secret that is kept in file `name`: 32 random bytes in hexadecimal, made on first use, readable by this
    /// host's user alone (mode 0600). Two processes that make it at once get the same.
    ///
    /// # Errors
    /// [`DataDirError`]: the system refuses, others may read it, or something else is in the file.
    pub fn secret(&self, name: &str) -> Result<SecretString, DataDirError> {
        let path = self.0.join(name);
        match read(&path) {
            Err(DataDirError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                self.generate(&path).map_err(|source| DataDirError::Io { path: path.clone(), source })?;
                read(&path)
            }
            done => done,
        }
    }

    /// Writes a new secret beside `path` and gives it that name, unless another process was quicker.
    fn generate(&self, path: &Path) -> io::Result<()> {
        let text = Zeroizing::new(hex::encode(*random::bytes::<32>().map_err(io::Error::other)?));
        let mut file = tempfile::Builder::new().prefix(".new-").tempfile_in(&self.0)?;
        file.write_all(text.as_bytes())?;
        file.as_file().sync_all()?;
        match file.persist_noclobber(path) {
            Ok(_) => File::open(&self.0)?.sync_all(),
            Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            Err(error) => Err(error.error),
        }
    }
}

fn read(path: &Path) -> Result<SecretString, DataDirError> {
    let failed = |source| DataDirError::Io { path: path.to_owned(), source };
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let mut file = File::from(rustix::fs::open(path, flags, Mode::empty()).map_err(|error| failed(error.into()))?);
    let metadata = file.metadata().map_err(failed)?;
    let exposed = |why: String| DataDirError::Exposed {
        path: path.to_owned(),
        why,
        remedy: "another user may know the secret: remove the file to get a new one",
    };
    if !metadata.is_file() {
        return Err(exposed("is not a regular file".into()));
    }
    if metadata.mode() & 0o077 != 0 {
        return Err(exposed(format!("can be read by other users (mode {:04o})", metadata.mode() & 0o7777)));
    }
    if metadata.uid() != rustix::process::geteuid().as_raw() {
        return Err(exposed("belongs to another user".into()));
    }
    let mut text = Zeroizing::new(String::new());
    io::Read::take(&mut file, 128).read_to_string(&mut text).map_err(failed)?;
    let secret = text.trim_end();
    if secret.len() == 64 && secret.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        Ok(SecretString::from(secret))
    } else {
        Err(DataDirError::Malformed { path: path.to_owned() })
    }
}

/// Whether others than its owner may read a file.
pub(super) fn exposed(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|metadata| metadata.mode() & 0o077 != 0)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    fn chmod(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn a_generated_secret_stays_the_same_and_is_its_owners_alone() {
        let temporary = tempfile::tempdir().unwrap();
        let path = temporary.path().join("deep/data");
        let first = DataDir::open(&path).unwrap().secret("jwt-secret").unwrap();
        let again = DataDir::open(&path).unwrap().secret("jwt-secret").unwrap();
        assert_eq!(first.expose_secret(), again.expose_secret());
        assert_ne!(first.expose_secret(), DataDir(path.clone()).secret("other").unwrap().expose_secret());
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o700);
        assert_eq!(fs::metadata(path.join("jwt-secret")).unwrap().mode() & 0o777, 0o600);
        assert!(DataDir(path).cache_key().is_ok());
    }

    #[test]
    fn processes_that_start_at_once_agree_on_the_secret() {
        let temporary = tempfile::tempdir().unwrap();
        let data = DataDir::open(temporary.path()).unwrap();
        let secrets: Vec<String> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| data.secret("s").unwrap())).collect();
            threads.into_iter().map(|thread| thread.join().unwrap().expose_secret().to_owned()).collect()
        });
        assert!(secrets.iter().all(|secret| *secret == secrets[0]));
        let left: Vec<_> = fs::read_dir(temporary.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, ["s"]);
    }

    #[test]
    fn a_secret_that_others_can_read_or_put_there_is_refused() {
        let temporary = tempfile::tempdir().unwrap();
        let data = DataDir::open(temporary.path()).unwrap();
        let path = temporary.path().join("s");
        data.secret("s").unwrap();
        for mode in [0o640, 0o604, 0o660] {
            chmod(&path, mode);
            assert!(data.secret("s").unwrap_err().to_string().contains("read by other users"), "{mode:o}");
        }
        chmod(&path, 0o600);
        for content in ["", "short", &"x".repeat(64), &"a".repeat(65)] {
            fs::write(&path, content).unwrap();
            let error = data.secret("s").unwrap_err().to_string();
            assert!(error.contains("does not contain a secret"), "{content:?}: {error}");
        }
        fs::rename(&path, temporary.path().join("elsewhere")).unwrap();
        symlink(temporary.path().join("elsewhere"), &path).unwrap();
        assert!(data.secret("s").is_err());
    }

    #[test]
    fn a_data_directory_that_others_can_write_to_is_refused() {
        let temporary = tempfile::tempdir().unwrap();
        for (mode, fine) in [(0o777, false), (0o770, false), (0o755, true), (0o700, true)] {
            chmod(temporary.path(), mode);
            assert_eq!(DataDir::open(temporary.path()).is_ok(), fine, "{mode:o}");
        }
        let file = temporary.path().join("file");
        fs::write(&file, "").unwrap();
        assert!(DataDir::open(&file).is_err());
    }
}
