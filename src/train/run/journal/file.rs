//! The file of a journal: one JSON entry a line, in the order in which things happened.

use super::{
    Entry,
    error::JournalError,
    reading::{Journal, Lines},
};
use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

/// A journal that is being written. Every entry is on its way to the disk when [`Self::append`] returns, so that a killed
/// program leaves whole lines and at most one broken one.
#[derive(Debug)]
pub struct JournalFile {
    path: PathBuf,
    file: File,
    /// Bytes of whole lines.
    length: u64,
}

impl JournalFile {
    /// Begins an empty journal; one of the same name is overwritten.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn create(path: &Path) -> Result<Self, JournalError> {
        File::create(path).map_err(JournalError::io(path, "written"))?;
        Self::open(path)
    }

    /// Goes on with a journal: entries up to `step` (included) stay, later ones and a half-written last line go, as
    /// those steps will be made again. A missing file is begun.
    ///
    /// # Errors
    /// If the file cannot be read or written, or holds a line that is no entry; it is then unchanged.
    pub fn resume(path: &Path, step: u64) -> Result<Self, JournalError> {
        let Some(mut lines) = Lines::open_if_there(path)? else {
            return Self::create(path);
        };
        let mut name = path.as_os_str().to_owned();
        name.push(".part");
        let part = PathBuf::from(name);
        let kept = (|| {
            let mut out = BufWriter::new(File::create(&part).map_err(JournalError::io(path, "written"))?);
            while let Some((entry, line)) = lines.next_entry()? {
                if entry.step().is_none_or(|made| made <= step) {
                    out.write_all(line)
                        .and_then(|()| out.write_all(b"\n"))
                        .map_err(JournalError::io(path, "written"))?;
                }
            }
            let file = out.into_inner().map_err(io::IntoInnerError::into_error);
            let whole = file.and_then(|file| file.sync_all()).and_then(|()| fs::rename(&part, path));
            whole.map_err(JournalError::io(path, "written"))
        })();
        if kept.is_err() {
            // The first error is the one to tell.
            let _ = fs::remove_file(&part);
        }
        kept?;
        Self::open(path)
    }

    fn open(path: &Path) -> Result<Self, JournalError> {
        let file = OpenOptions::new().append(true).open(path).map_err(JournalError::io(path, "written"))?;
        let length = file.metadata().map_err(JournalError::io(path, "written"))?.len();
        Ok(Self { path: path.into(), file, length })
    }

    /// Adds an entry.
    ///
    /// # Errors
    /// If it cannot be written; the journal is then as before.
    pub fn append(&mut self, entry: &Entry) -> Result<(), JournalError> {
        let written = serde_json::to_vec(entry).map_err(io::Error::other).and_then(|mut line| {
            line.push(b'\n');
            self.file.write_all(&line).map(|()| line.len() as u64)
        });
        match written {
            Ok(bytes) => {
                self.length += bytes;
                Ok(())
            }
            Err(source) => {
                // What there is of the line goes; if it cannot, readers pass over it.
                let _ = self.file.set_len(self.length);
                Err(JournalError::io(&self.path, "written")(source))
            }
        }
    }

    /// Reads a journal, also one that is being written. Of very long ones a part is kept, evenly spread.
    ///
    /// # Errors
    /// If the file cannot be read or holds a line that is no entry.
    pub fn read(path: &Path) -> Result<Journal, JournalError> {
        Journal::read(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::run::journal::{EpochEntry, Errors, SampleEntry, Start, StepEntry};

    fn start() -> Entry {
        Entry::Start(Start {
            config: serde_json::json!({ "name": "a" }),
            parameters: 3,
            material_seconds: 1.0,
            frames: 10,
            steps_per_epoch: 2,
            baseline_loss: 0.5,
            baselines: Default::default(),
            weights: Vec::new(),
            sample_rate_hz: 22_050,
            material: "material.wav".into(),
            songs: vec!["a.wav".into()],
        })
    }

    fn step(step: u64) -> Entry {
        Entry::Step(StepEntry { step, loss: 1.0 / step as f32, rate: 1e-3, gradient_norm: 2.0 })
    }

    fn epoch(step: u64) -> Entry {
        let train = Errors { loss: 0.1, mae: 0.2, mbe: -0.3, ..Errors::default() };
        let epoch = (step / 2) as u32;
        let weights = Vec::new();
        Entry::Epoch(EpochEntry { epoch, step, seconds: 1.5, train, validation: None, songs: vec![None], weights })
    }

    fn sample(step: u64) -> Entry {
        Entry::Sample(SampleEntry { step, stream: 0, seed: "s.wav".into(), output: "o.wav".into() })
    }

    fn write(path: &Path, entries: &[Entry]) {
        let mut journal = JournalFile::create(path).expect("a temporary folder");
        entries.iter().for_each(|entry| journal.append(entry).expect("space"));
    }

    #[test]
    fn a_resumed_journal_equals_an_uninterrupted_one() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (whole, killed) = (folder.path().join("whole.jsonl"), folder.path().join("killed.jsonl"));
        let all = [start(), step(1), step(2), epoch(2), sample(2), step(3), step(4), epoch(4)];
        write(&whole, &all);
        // The last checkpoint was at step 2; the program died while it wrote.
        write(&killed, &all[..7]);
        let mut bytes = fs::read(&killed).expect("the journal");
        bytes.extend_from_slice(b"{\"event\":\"epo");
        fs::write(&killed, &bytes).expect("space");
        assert_eq!(JournalFile::read(&killed).expect("a broken last line is passed over").steps.len(), 4);
        let mut journal = JournalFile::resume(&killed, 2).expect("a good journal");
        all[5..].iter().for_each(|entry| journal.append(entry).expect("space"));
        assert_eq!(fs::read_to_string(&killed).expect("the journal"), fs::read_to_string(&whole).expect("the journal"));
        assert_eq!(fs::read_dir(folder.path()).expect("the folder").count(), 2, "nothing else is left");
        // Whole, but for the end of its last line.
        fs::write(&killed, bytes.split_last_chunk::<14>().expect("longer").0).expect("space");
        JournalFile::resume(&killed, 9).expect("a good journal").append(&epoch(4)).expect("space");
        assert_eq!(fs::read_to_string(&killed).expect("the journal"), fs::read_to_string(&whole).expect("the journal"));
    }

    #[test]
    fn a_missing_journal_is_begun_and_a_folder_is_refused() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("journal.jsonl");
        JournalFile::resume(&path, 7).expect("a new file").append(&step(8)).expect("space");
        assert_eq!(JournalFile::read(&path).expect("a journal").steps[0].step, 8);
        for error in [
            JournalFile::create(folder.path()).expect_err("a folder"),
            JournalFile::resume(folder.path(), 1).expect_err("a folder"),
            JournalFile::read(&folder.path().join("absent")).expect_err("nothing"),
        ] {
            let text = error.to_string();
            assert!(text.contains("cannot be") && text.contains("tmp") && !text.contains('\n'), "{text}");
        }
    }

    /// `/dev/full` answers every write with "no space left".
    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_told_with_the_name() {
        let mut journal = JournalFile::open(Path::new("/dev/full")).expect("the device");
        let error = journal.append(&step(1)).expect_err("no space").to_string();
        assert!(error.starts_with("/dev/full: cannot be written: "), "{error}");
    }

    #[test]
    fn numbers_that_are_not_finite_come_back_as_nan() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("journal.jsonl");
        let entry = StepEntry { step: 1, loss: f32::INFINITY, rate: 0.1, gradient_norm: f64::NAN };
        write(&path, &[Entry::Step(entry)]);
        let steps = JournalFile::read(&path).expect("a journal").steps;
        assert!(steps[0].loss.is_nan() && steps[0].gradient_norm.is_nan());
    }
}
