//! Compiled code on disk.
//!
//! A file here is native code that the host will run, so it is as good as the host's own binary: the directory belongs to
//! the host's user alone (mode 0700), and a file counts only if its HMAC-SHA-256, under a key kept elsewhere, covers the
//! component's digest, the engine's settings and every byte. Anything else is a miss, and is compiled again.

use std::{
    fmt,
    fs::{self, Permissions},
    hash::{Hash as _, Hasher},
    io::{self, Write as _},
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    sync::Arc,
    time::SystemTime,
};

use hmac::{Hmac, KeyInit as _, Mac as _};
use leno_base::Digest;
use sha2::{Digest as _, Sha256};
use wasmtime::component::Component;
use zeroize::Zeroizing;

type HmacSha256 = Hmac<Sha256>;

/// Bytes of the authentication code at the start of a file.
const MAC: usize = 32;
/// Compiled code kept, in bytes; the files unused for longest go first.
const KEEP: u64 = 2 << 30;

/// The key that authenticates cached code: 32 random bytes, kept outside of the cache directory.
#[derive(Clone)]
pub struct CacheKey(Arc<Zeroizing<[u8; 32]>>);

impl CacheKey {
    /// A key of `bytes`.
    #[must_use]
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Arc::new(Zeroizing::new(bytes)))
    }
}

impl fmt::Debug for CacheKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CacheKey(..)")
    }
}

/// A cache directory that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    /// Reading or writing failed.
    #[error("compiled-code cache {path}: {source}")]
    Io {
        /// The directory or file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Other users could write native code into it.
    #[error("compiled-code cache {path} {why}; make it a directory of the user that runs leno, with mode 0700")]
    Exposed {
        /// The directory.
        path: PathBuf,
        /// What is wrong.
        why: &'static str,
    },
}

/// A directory of authenticated compiled code.
#[derive(Debug, Clone)]
pub struct Cache {
    directory: PathBuf,
    key: CacheKey,
}

impl Cache {
    /// Opens the cache at `directory`, making it if it is not there.
    ///
    /// # Errors
    /// The directory cannot be made, or others may write to it.
    pub fn open(directory: impl Into<PathBuf>, key: CacheKey) -> Result<Self, CacheError> {
        let directory = directory.into();
        let failed = |source| CacheError::Io { path: directory.clone(), source };
        if !directory.exists() {
            fs::create_dir_all(&directory).map_err(failed)?;
            fs::set_permissions(&directory, Permissions::from_mode(0o700)).map_err(failed)?;
        }
        let metadata = fs::symlink_metadata(&directory).map_err(failed)?;
        let exposed = |why| CacheError::Exposed { path: directory.clone(), why };
        if !metadata.is_dir() {
            return Err(exposed("is not a directory"));
        }
        if metadata.mode() & 0o077 != 0 {
            return Err(exposed("is open to other users"));
        }
        if metadata.uid() != rustix::process::geteuid().as_raw() {
            return Err(exposed("belongs to another user"));
        }
        Ok(Self { directory, key })
    }

    /// Whether there is a file for the component with `digest`, intact or not.
    pub(crate) fn has(&self, engine: &wasmtime::Engine, digest: Digest) -> bool {
        self.path(engine, digest).exists()
    }

    /// The compiled form of the component with `digest`, if an intact one for this engine is here.
    pub(crate) fn load(&self, engine: &wasmtime::Engine, digest: Digest) -> Option<Component> {
        let path = self.path(engine, digest);
        let file = fs::read(&path).ok()?;
        // A file too short for a MAC has a wrong one.
        let (mac, native) = file.split_at_checked(MAC).unwrap_or_default();
        if self.mac(engine, digest, native).verify_slice(mac).is_err() {
            tracing::warn!(%digest, "cached code failed authentication; the component is compiled again");
            return None;
        }
        let component = deserialize(engine, native).ok()?;
        // The time of the last use decides what goes first.
        let _ = fs::File::open(&path).and_then(|file| file.set_modified(SystemTime::now()));
        Some(component)
    }

    /// Keeps compiled code: into a temporary file, then by rename, so that a reader never sees half of it.
    pub(crate) fn save(&self, engine: &wasmtime::Engine, digest: Digest, native: &[u8]) -> Result<(), CacheError> {
        let failed = |source| CacheError::Io { path: self.directory.clone(), source };
        let mut file = tempfile::Builder::new().prefix(".new-").tempfile_in(&self.directory).map_err(failed)?;
        file.write_all(&self.mac(engine, digest, native).finalize().into_bytes()).map_err(failed)?;
        file.write_all(native).map_err(failed)?;
        file.persist(self.path(engine, digest)).map_err(|error| failed(error.error))?;
        self.prune().map_err(failed)
    }

    fn path(&self, engine: &wasmtime::Engine, digest: Digest) -> PathBuf {
        let settings = hex::encode(settings_hash(engine));
        self.directory.join(format!("{digest}-{}.cwasm", settings.get(..16).unwrap_or(&settings)))
    }

    fn mac(&self, engine: &wasmtime::Engine, digest: Digest, native: &[u8]) -> HmacSha256 {
        // HMAC takes a key of any length, so this cannot fail; an empty MAC would match nothing.
        let mut mac =
            HmacSha256::new_from_slice(&**self.key.0).unwrap_or_else(|_| HmacSha256::new(&Default::default()));
        mac.update(digest.as_bytes());
        mac.update(&settings_hash(engine));
        mac.update(native);
        mac
    }

    /// Removes the files unused for longest until [`KEEP`] is kept.
    fn prune(&self) -> io::Result<()> {
        let mut files: Vec<(SystemTime, u64, PathBuf)> = Vec::new();
        for entry in fs::read_dir(&self.directory)? {
            let entry = entry?;
            if let Ok(metadata) = entry.metadata() {
                files.push((metadata.modified()?, metadata.len(), entry.path()));
            }
        }
        files.sort();
        let mut total: u64 = files.iter().map(|(_, size, _)| size).sum();
        for (_, size, path) in files {
            if total <= KEEP {
                break;
            }
            fs::remove_file(path)?;
            total -= size;
        }
        Ok(())
    }

    /// The path of the cache.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }
}

/// Turns compiled code into a component.
#[allow(unsafe_code)]
pub(crate) fn deserialize(engine: &wasmtime::Engine, native: &[u8]) -> wasmtime::Result<Component> {
    // SAFETY: `native` came from `Engine::precompile_component` in this process, in its compiling child, or from a cache
    // file whose MAC over every byte was just verified under a key that only this host has.
    unsafe { Component::deserialize(engine, native) }
}

/// A digest of everything that decides whether compiled code fits the engine: wasmtime's version and settings.
fn settings_hash(engine: &wasmtime::Engine) -> [u8; 32] {
    let mut hasher = Sha256Hasher(Sha256::new());
    engine.precompile_compatibility_hash().hash(&mut hasher);
    hasher.0.finalize().into()
}

/// `std`'s hasher is not stable between builds; SHA-256 is.
struct Sha256Hasher(Sha256);

impl Hasher for Sha256Hasher {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        let digest: [u8; 32] = self.0.clone().finalize().into();
        u64::from_le_bytes(digest.first_chunk().copied().unwrap_or_default())
    }
}
