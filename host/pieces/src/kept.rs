//! Components kept by digest in the data directory, so that the last good version of a file outlives the process.
//!
//! `SHA256.wasm` holds the bytes, `served.json` says which digest each file of the pieces directory was last served from.
//! Both are written by rename and readable by this host's user alone. Bytes count only if their digest is their name.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, DirBuilder, File},
    io::{self, Write as _},
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

use leno_base::{
    Digest,
    budget::{Budget, Exhausted, Share},
};

const INDEX: &str = "served.json";
/// A component younger than this may be about to be served: its bytes are written first, then the index.
const FRESH: Duration = Duration::from_secs(60);

/// Why a component is not kept.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeepError {
    /// The system refused.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// There is no room for it.
    #[error(transparent)]
    Exhausted(#[from] Exhausted),
}

/// A component that no file of the pieces directory was last served from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unneeded {
    /// SHA-256 of its bytes.
    pub digest: Digest,
    /// Bytes.
    pub size: u64,
}

/// The directory of kept components.
pub struct Kept {
    directory: PathBuf,
    budget: Arc<Budget>,
    state: Mutex<State>,
}

struct State {
    /// The digest that each file was last served from.
    served: BTreeMap<String, Digest>,
    /// Whether `served` differs from what is on disk.
    dirty: bool,
    share: Share,
}

/// A component on disk, the one used longest ago first.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Stored {
    used: SystemTime,
    digest: Digest,
    size: u64,
}

impl Kept {
    /// Opens the directory, making it for this user alone (mode 0700) if it is not there.
    ///
    /// # Errors
    /// The system refuses. An index that cannot be read counts as empty.
    pub fn open(directory: PathBuf, budget: Arc<Budget>) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(&directory)?;
        let served = match fs::read(directory.join(INDEX)) {
            Ok(text) => serde_json::from_slice(&text).unwrap_or_else(|error| {
                tracing::warn!(directory = %directory.display(), %error, "which components were served is not known any more");
                BTreeMap::new()
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => BTreeMap::new(),
            Err(error) => return Err(error),
        };
        let share = budget.count(0);
        let kept = Self { directory, budget, state: Mutex::new(State { served, dirty: false, share }) };
        let total = total(&kept.stored()?);
        kept.lock().share = kept.budget.count(total);
        Ok(kept)
    }

    /// Keeps a component. Components that no file was last served from make room for it.
    pub(crate) fn keep(&self, digest: Digest, bytes: &[u8]) -> Result<(), KeepError> {
        let mut state = self.lock();
        let path = self.path(digest);
        if let Ok(file) = File::options().append(true).open(&path)
            && file.metadata()?.len() == bytes.len() as u64
        {
            // What was used longest ago goes first.
            return Ok(file.set_modified(SystemTime::now())?);
        }
        let size = bytes.len() as u64;
        self.make_room(&mut state, size)?;
        self.write(&path, bytes)?;
        state.share = self.budget.count(total(&self.stored()?));
        Ok(())
    }

    fn make_room(&self, state: &mut State, size: u64) -> Result<(), KeepError> {
        self.budget.allows(size)?;
        let needed: BTreeSet<Digest> = state.served.values().copied().collect();
        let mut stored = self.stored()?;
        let mut sum = total(&stored);
        stored.retain(|stored| !needed.contains(&stored.digest));
        let limit = self.budget.limit();
        // Nothing is removed in vain.
        if sum.saturating_sub(total(&stored)).saturating_add(size) > limit {
            return Err(self.budget.refuse(None).into());
        }
        for old in stored {
            if sum.saturating_add(size) <= limit {
                break;
            }
            fs::remove_file(self.path(old.digest))?;
            sum = sum.saturating_sub(old.size);
        }
        Ok(())
    }

    /// The component that `file` was last served from, if its bytes are intact.
    pub(crate) fn last_served(&self, file: &str) -> Option<(Digest, Arc<[u8]>)> {
        let digest = *self.lock().served.get(file)?;
        let bytes = fs::read(self.path(digest)).ok()?;
        if Digest::of(&bytes) != digest {
            tracing::warn!(file, %digest, "a kept component is damaged and is not used");
            return None;
        }
        Some((digest, bytes.into()))
    }

    /// Takes note that `file` is served from `digest`.
    pub(crate) fn serves(&self, file: &str, digest: Digest) {
        let mut state = self.lock();
        state.dirty |= state.served.insert(file.to_owned(), digest) != Some(digest);
    }

    /// Takes note that `file` is gone.
    pub(crate) fn forget(&self, file: &str) {
        let mut state = self.lock();
        state.dirty |= state.served.remove(file).is_some();
    }

    /// Takes note that only these files are left.
    pub(crate) fn retain(&self, present: impl Fn(&str) -> bool) {
        let mut state = self.lock();
        let before = state.served.len();
        state.served.retain(|file, _| present(file));
        state.dirty |= state.served.len() != before;
    }

    /// Writes the index, if it has changed.
    pub(crate) fn save(&self) -> io::Result<()> {
        let mut state = self.lock();
        if !state.dirty {
            return Ok(());
        }
        let text = serde_json::to_vec_pretty(&state.served).map_err(io::Error::other)?;
        self.write(&self.directory.join(INDEX), &text)?;
        state.dirty = false;
        Ok(())
    }

    /// The components that no file was last served from, but for those of the last minute, which may be about to be.
    ///
    /// # Errors
    /// The directory cannot be read.
    pub fn unneeded(&self) -> io::Result<Vec<Unneeded>> {
        let state = self.lock();
        let needed: BTreeSet<Digest> = state.served.values().copied().collect();
        let fresh = |used: SystemTime| SystemTime::now().duration_since(used).is_ok_and(|age| age < FRESH);
        let unneeded = |stored: &Stored| !needed.contains(&stored.digest) && !fresh(stored.used);
        let mut stored = self.stored()?;
        stored.retain(unneeded);
        Ok(stored.iter().map(|old| Unneeded { digest: old.digest, size: old.size }).collect())
    }

    /// Removes a component.
    ///
    /// # Errors
    /// The system refuses.
    pub fn remove(&self, component: &Unneeded) -> io::Result<()> {
        fs::remove_file(self.path(component.digest))
    }

    /// Every component, the one used longest ago first.
    fn stored(&self) -> io::Result<Vec<Stored>> {
        let mut stored = Vec::new();
        for entry in fs::read_dir(&self.directory)? {
            let entry = entry?;
            let name = entry.file_name();
            let digest = name.to_str().and_then(|name| name.strip_suffix(".wasm")).and_then(|hex| hex.parse().ok());
            if let (Some(digest), Ok(metadata)) = (digest, entry.metadata()) {
                stored.push(Stored { used: metadata.modified()?, digest, size: metadata.len() });
            }
        }
        stored.sort();
        Ok(stored)
    }

    fn path(&self, digest: Digest) -> PathBuf {
        self.directory.join(format!("{digest}.wasm"))
    }

    /// Writes a file of mode 0600 by rename.
    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let mut file = tempfile::Builder::new().prefix(".new-").tempfile_in(&self.directory)?;
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        file.persist(path).map_err(|error| error.error)?;
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn total(stored: &[Stored]) -> u64 {
    stored.iter().map(|stored| stored.size).sum()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::budgets::COMPONENT_BYTES;

    fn kept(directory: &Path, limit: u64) -> Kept {
        Kept::open(directory.join("components"), Budget::with(&COMPONENT_BYTES, limit)).unwrap()
    }

    fn age(kept: &Kept, digest: Digest, seconds: u64) {
        let file = File::options().append(true).open(kept.path(digest)).unwrap();
        file.set_modified(SystemTime::now() - Duration::from_secs(seconds)).unwrap();
    }

    #[test]
    fn what_a_file_was_served_from_is_found_again_unless_it_is_damaged() {
        let directory = tempfile::tempdir().unwrap();
        let digest = Digest::of(b"good");
        let first = kept(directory.path(), 100);
        first.keep(digest, b"good").unwrap();
        first.serves("a.wasm", digest);
        first.save().unwrap();
        let again = kept(directory.path(), 100);
        assert_eq!(again.last_served("a.wasm"), Some((digest, b"good"[..].into())));
        assert_eq!(again.last_served("b.wasm"), None);
        assert_eq!(again.budget.used(), 4);
        let modes = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((modes(&again.directory), modes(&again.path(digest))), (0o700, 0o600));
        fs::write(again.path(digest), b"evil").unwrap();
        assert_eq!(again.last_served("a.wasm"), None);
        fs::write(again.directory.join(INDEX), b"junk").unwrap();
        assert_eq!(kept(directory.path(), 100).last_served("a.wasm"), None);
    }

    #[test]
    fn old_versions_make_room_and_what_is_served_never_does() {
        let directory = tempfile::tempdir().unwrap();
        let kept = kept(directory.path(), 10);
        let [served, old, older, new] =
            [&b"aaaa"[..], b"bbb", b"cc_", b"ddd"].map(|bytes: &[u8]| (Digest::of(bytes), bytes));
        for (digest, bytes) in [served, old, older] {
            kept.keep(digest, bytes).unwrap();
        }
        kept.serves("a.wasm", served.0);
        age(&kept, served.0, 400);
        age(&kept, older.0, 300);
        age(&kept, old.0, 200);
        kept.keep(new.0, new.1).unwrap();
        let present = |digest| kept.path(digest).exists();
        assert_eq!([served, old, older, new].map(|(digest, _)| present(digest)), [true, true, false, true]);
        assert_eq!(kept.budget.used(), 10);

        let large = Digest::of(b"eeeeeee");
        assert!(matches!(kept.keep(large, b"eeeeeee"), Err(KeepError::Exhausted(_))));
        assert!(present(old.0) && present(new.0), "nothing is removed in vain");
        assert_eq!(kept.budget.refusals(), 1);
    }

    #[test]
    fn only_what_no_file_needs_is_unneeded() {
        let directory = tempfile::tempdir().unwrap();
        let kept = kept(directory.path(), 100);
        let [served, old, fresh] = [&b"a"[..], b"b", b"c"].map(|bytes: &[u8]| Digest::of(bytes));
        kept.keep(served, b"a").unwrap();
        kept.keep(old, b"b").unwrap();
        kept.keep(fresh, b"c").unwrap();
        kept.serves("a.wasm", served);
        age(&kept, served, 3600);
        age(&kept, old, 3600);
        let unneeded = kept.unneeded().unwrap();
        assert_eq!(unneeded, [Unneeded { digest: old, size: 1 }]);
        kept.remove(&unneeded[0]).unwrap();
        assert_eq!(kept.unneeded().unwrap(), []);
        kept.forget("a.wasm");
        assert_eq!(kept.unneeded().unwrap().len(), 1);
    }
}
