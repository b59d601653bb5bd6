//! Frames of recordings on disk, so that the next training need not analyse them again.
//!
//! An entry's name is a hash of the recording's bytes and of all that its frames depend on besides. An entry that is damaged is as
//! good as none.

use crate::whole_file::write_whole;
use sha2::{Digest, Sha256};
use std::{fs, io, path::PathBuf};

const MAGIC: &[u8; 16] = b"sympathy frames\n";
/// Bytes of a hash.
const HASH: usize = 32;
/// No recording has more frames.
const MAX_BYTES: u64 = 1 << 32;

/// A folder of frames.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cache {
    folder: PathBuf,
}

impl Cache {
    /// Of this folder, which is made if need be.
    pub fn open(folder: PathBuf) -> io::Result<Self> {
        fs::create_dir_all(&folder)?;
        Ok(Self { folder })
    }

    /// The name of an entry: the hash of a recording's bytes, and what its frames depend on besides.
    pub fn name(recording: &[u8; HASH], settings: &str) -> String {
        let mut hash = Sha256::new();
        hash.update(recording);
        hash.update(settings.as_bytes());
        hex(&hash.finalize())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name).with_extension("frames")
    }

    /// The frames of an entry, `[frame][bin]`; none if there is no entry or it is damaged.
    pub fn read(&self, name: &str, bins: usize) -> Option<Vec<u8>> {
        let path = self.path(name);
        if fs::metadata(&path).ok()?.len() > MAX_BYTES {
            return None;
        }
        let mut bytes = fs::read(&path).ok()?;
        let content = bytes.len().checked_sub(HASH)?;
        let whole = bytes.starts_with(MAGIC) && Sha256::digest(&bytes[..content])[..] == bytes[content..];
        let fits = whole && (content - MAGIC.len()).is_multiple_of(bins);
        if !fits {
            return None;
        }
        bytes.truncate(content);
        bytes.drain(..MAGIC.len());
        Some(bytes)
    }

    /// Writes an entry, whole or not at all.
    pub fn write(&self, name: &str, frames: &[u8]) -> io::Result<()> {
        let mut bytes = Vec::with_capacity(MAGIC.len() + frames.len() + HASH);
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(frames);
        let sum = Sha256::digest(&bytes);
        bytes.extend_from_slice(&sum);
        write_whole(&self.path(name), &bytes)
    }
}

/// The hash of a file.
pub(super) fn hash_of_file(path: &std::path::Path) -> io::Result<[u8; HASH]> {
    let mut hash = Sha256::new();
    let mut file = io::BufReader::with_capacity(1 << 16, fs::File::open(path)?);
    loop {
        let bytes = io::BufRead::fill_buf(&mut file)?;
        if bytes.is_empty() {
            return Ok(hash.finalize().into());
        }
        hash.update(bytes);
        let count = bytes.len();
        io::BufRead::consume(&mut file, count);
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_come_back_and_damaged_ones_do_not() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let cache = Cache::open(folder.path().join("a/b")).expect("a folder");
        let name = Cache::name(&[7; HASH], "settings");
        assert_ne!(name, Cache::name(&[7; HASH], "other settings"));
        assert_eq!(cache.read(&name, 3), None);
        cache.write(&name, &[1, 2, 3, 4, 5, 6]).expect("space");
        assert_eq!(cache.read(&name, 3), Some(vec![1, 2, 3, 4, 5, 6]));
        assert_eq!(cache.read(&name, 4), None, "no whole number of frames");
        let whole = fs::read(cache.path(&name)).expect("the entry");
        for damaged in [&whole[..whole.len() - 1], &whole[..10], &[]] {
            fs::write(cache.path(&name), damaged).expect("space");
            assert_eq!(cache.read(&name, 3), None);
        }
        for at in [0, 17, whole.len() - 1] {
            let mut damaged = whole.clone();
            damaged[at] ^= 1;
            fs::write(cache.path(&name), damaged).expect("space");
            assert_eq!(cache.read(&name, 3), None, "{at}");
        }
        fs::write(cache.path(&name), whole).expect("space");
        assert!(cache.read(&name, 3).is_some());
    }
}
