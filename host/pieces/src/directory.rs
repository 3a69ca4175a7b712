//! The pieces directory: which files there are, and reading one of them as a whole.

use std::{
    collections::BTreeMap,
    fs, io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use crate::Reason;

/// A file that was written to a moment ago is left alone for as long: the writer may not be done.
pub(crate) const QUIET: Duration = Duration::from_millis(200);

/// The largest file that is read, in bytes.
const MAX_FILE: u64 = 64 << 20;

/// Identifies one state of a file without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    /// Whether both are of one file, whatever it was called.
    pub(crate) fn same_file(&self, other: &Self) -> bool {
        self.inode == other.inode
    }
}

/// What is to be done about a file.
#[derive(Debug)]
pub(crate) enum Found {
    /// A regular file in a state not judged yet.
    File(Stamp),
    /// Written to a moment ago.
    Restless(Stamp),
    /// Not to be read.
    Refused(Reason),
}

fn stamp(metadata: &fs::Metadata) -> Stamp {
    Stamp {
        inode: metadata.ino(),
        size: metadata.size(),
        modified: (metadata.mtime(), metadata.mtime_nsec()),
        changed: (metadata.ctime(), metadata.ctime_nsec()),
    }
}

/// The state of a file; `None` when it does not exist.
pub(crate) fn stamp_of(path: &Path) -> Option<Stamp> {
    fs::symlink_metadata(path).ok().map(|metadata| stamp(&metadata))
}

/// Looks at every `*.wasm` of `directory`; hidden files (uploads under way among them) do not count.
pub(crate) fn scan(directory: &Path, settled: bool) -> io::Result<BTreeMap<String, Found>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        if name.starts_with('.') || !name.ends_with(".wasm") {
            continue;
        }
        match fs::symlink_metadata(entry.path()) {
            Ok(metadata) => found.insert(name, judge(&metadata, settled)),
            // Gone since.
            Err(_) => None,
        };
    }
    Ok(found)
}

fn judge(metadata: &fs::Metadata, settled: bool) -> Found {
    if metadata.is_symlink() {
        return Found::Refused(Reason::new(
            "symlink",
            "this is a symbolic link; put the file itself into the pieces directory",
        ));
    }
    if !metadata.is_file() {
        return Found::Refused(Reason::new("not_a_file", "this is not a regular file"));
    }
    if metadata.len() > MAX_FILE {
        let message = format!("the file has {} bytes; at most {MAX_FILE} are read", metadata.len());
        return Found::Refused(Reason::new("too_large", message));
    }
    let age = metadata.modified().ok().and_then(|modified| SystemTime::now().duration_since(modified).ok());
    // A time in the future is no reason to wait for it.
    if !settled && age.is_some_and(|age| age < QUIET) {
        return Found::Restless(stamp(metadata));
    }
    Found::File(stamp(metadata))
}

/// Reads a file once, whole. `None` when it changed meanwhile.
pub(crate) fn read(path: &Path, expected: Stamp) -> io::Result<Option<Arc<[u8]>>> {
    let mut file = open(path)?;
    let before = file.metadata()?;
    if !before.is_file() || stamp(&before) != expected {
        return Ok(None);
    }
    let mut bytes = Vec::with_capacity(usize::try_from(before.len()).unwrap_or(0));
    io::Read::read_to_end(&mut io::Read::take(&mut file, MAX_FILE + 1), &mut bytes)?;
    Ok((stamp(&file.metadata()?) == expected).then(|| bytes.into()))
}

/// Opens without following a symbolic link that replaced the file since it was checked.
fn open(path: &Path) -> io::Result<fs::File> {
    let flags = rustix::fs::OFlags::RDONLY | rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::CLOEXEC;
    Ok(rustix::fs::open(path, flags, rustix::fs::Mode::empty())?.into())
}

/// The path of `file` in `directory`, if it is the name of a piece's file and not a way out of the directory.
pub(crate) fn path_of(directory: &Path, file: &str) -> Option<PathBuf> {
    let plain = file.ends_with(".wasm")
        && !file.starts_with('.')
        && !file.contains(['/', '\\', '\0'])
        && file.len() <= 255
        && !file.chars().any(char::is_control);
    plain.then(|| directory.join(file))
}

/// Puts a file into `directory` under `name` by rename: a reader sees all of it or nothing. A file of that name is not
/// replaced: [`io::ErrorKind::AlreadyExists`].
pub(crate) fn place(directory: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    let mut file = tempfile::Builder::new().prefix(".upload-").tempfile_in(directory)?;
    io::Write::write_all(&mut file, bytes)?;
    file.as_file().sync_all()?;
    file.persist_noclobber(directory.join(name)).map_err(|error| error.error)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_leave_the_directory() {
        let directory = Path::new("/pieces");
        for bad in ["../x.wasm", "a/b.wasm", "..", "x", ".x.wasm", "a\\b.wasm", "a\nb.wasm", "a\0.wasm", ""] {
            assert_eq!(path_of(directory, bad), None, "{bad:?}");
        }
        assert_eq!(path_of(directory, "a.wasm"), Some("/pieces/a.wasm".into()));
    }

    #[test]
    fn links_large_files_and_changing_files_are_not_read() {
        let temporary = tempfile::tempdir().unwrap();
        let directory = temporary.path();
        fs::write(directory.join("good.wasm"), b"12345").unwrap();
        std::os::unix::fs::symlink("/etc/passwd", directory.join("link.wasm")).unwrap();
        fs::File::create(directory.join("huge.wasm")).unwrap().set_len(2 << 30).unwrap();
        fs::create_dir(directory.join("folder.wasm")).unwrap();
        fs::write(directory.join(".upload-1.wasm"), b"").unwrap();
        fs::write(directory.join("readme.txt"), b"").unwrap();

        let found = scan(directory, true).unwrap();
        let codes: Vec<(String, &str)> = found
            .iter()
            .map(|(name, found)| match found {
                Found::Refused(reason) => (name.clone(), reason.code.as_str()),
                _ => (name.clone(), "ok"),
            })
            .collect();
        let expected =
            [("folder.wasm", "not_a_file"), ("good.wasm", "ok"), ("huge.wasm", "too_large"), ("link.wasm", "symlink")];
        assert_eq!(codes, expected.map(|(name, code)| (name.to_owned(), code)));

        let Some(Found::File(stamp)) = found.get("good.wasm") else { panic!("{found:?}") };
        let path = directory.join("good.wasm");
        assert_eq!(&*read(&path, *stamp).unwrap().unwrap(), b"12345");
        fs::write(&path, b"123456").unwrap();
        assert!(read(&path, *stamp).unwrap().is_none());
        fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink("/etc/passwd", &path).unwrap();
        assert!(read(&path, *stamp).is_err());
    }
}
