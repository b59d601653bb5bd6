//! Files that are whole or not there.

use std::{
    collections::BTreeSet,
    ffi::OsString,
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
    process,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
};

/// What is being written.
static PARTS: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

/// Lets `fill` write a file of its own beside `path`, then moves it to its place; on failure it is removed. Programs that write to one
/// place at once each write a whole file.
///
/// # Errors
/// The system's; nothing is left behind.
pub fn replace_file(path: &Path, fill: impl FnOnce(&Path) -> io::Result<()>) -> io::Result<()> {
    let part = PartFile::beside(path);
    fill(part.path()).and_then(|()| part.keep_as(path))
}

/// Removes what is half written: for a program that is about to end.
pub fn remove_parts() {
    let parts = PARTS.lock().unwrap_or_else(PoisonError::into_inner);
    parts.iter().for_each(|path| drop(fs::remove_file(path)));
}

/// Writes `bytes`, onto the disk, before the old file goes.
///
/// # Errors
/// The system's; the old file, if any, is still there.
pub fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    replace_file(path, |part| {
        let mut file = File::create(part)?;
        file.write_all(bytes)?;
        file.sync_all()
    })
}

/// A file that is being written, under a name of its own. It is removed when it goes, unless it is kept.
#[derive(Debug)]
pub struct PartFile {
    path: PathBuf,
}

impl PartFile {
    /// To be kept as `path` one day. Nothing is written yet.
    pub fn beside(path: &Path) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let mut name: OsString = path.into();
        name.push(format!(".{}-{}.part", process::id(), COUNT.fetch_add(1, Ordering::Relaxed)));
        let path = PathBuf::from(name);
        PARTS.lock().unwrap_or_else(PoisonError::into_inner).insert(path.clone());
        Self { path }
    }

    /// Where it is written.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Moves it to its place.
    ///
    /// # Errors
    /// The system's; it is removed then.
    pub fn keep_as(self, path: &Path) -> io::Result<()> {
        fs::rename(&self.path, path)
    }
}

impl Drop for PartFile {
    fn drop(&mut self) {
        // Finds nothing where it was moved to its place.
        let _ = fs::remove_file(&self.path);
        PARTS.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.path);
    }
}
