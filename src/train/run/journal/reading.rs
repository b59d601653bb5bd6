//! Reading of journals. A file is hostile: lines, lists and names have bounds, and of long runs a part is kept.

use super::{Entry, EpochEntry, SampleEntry, Start, StepEntry, WeightHistogram, error::JournalError};
use std::{
    fs::File,
    io::{BufRead, BufReader, ErrorKind, Read},
    path::{Path, PathBuf},
};

/// No entry is longer; the longest is the beginning, with its list of recordings.
const MAX_LINE_BYTES: u64 = 4 << 20;
/// So many entries of a kind are kept at most.
const MAX_STEPS: usize = 200_000;
const MAX_EPOCHS: usize = 20_000;
const MAX_SAMPLES: usize = 2_000;
const MAX_WEIGHTS: usize = 200;
/// So many songs, tensors and bins are kept of an entry.
const MAX_SONGS: usize = 64;
const MAX_TENSORS: usize = 64;
const MAX_BINS: usize = 512;
const MAX_NAME_BYTES: usize = 4096;

/// What a journal told.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Journal {
    /// The beginning, if it was written.
    pub start: Option<Start>,
    /// Steps in order; of more than 200 000 every second, fourth, … and the last.
    pub steps: Vec<StepEntry>,
    /// Epochs in order, without their weights; of more than 20 000 a part likewise.
    pub epochs: Vec<EpochEntry>,
    /// Weights after epochs, at most 201 of them, evenly spread.
    pub weights: Vec<(u32, Vec<WeightHistogram>)>,
    /// Outputs in order; of more than 2000 a part likewise.
    pub samples: Vec<SampleEntry>,
}

/// Takes histograms out of an entry; of what no training writes, what there may be.
fn sound_histograms(weights: &mut Vec<WeightHistogram>) -> Vec<WeightHistogram> {
    let mut histograms = std::mem::take(weights);
    histograms.retain(|w| w.counts.len() <= MAX_BINS && w.tensor.len() <= MAX_NAME_BYTES);
    shortened(histograms, MAX_TENSORS)
}

impl Journal {
    pub(crate) fn read(path: &Path) -> Result<Self, JournalError> {
        let mut lines = Lines::open(path)?;
        let mut start = None;
        let mut steps = Thinned::new(MAX_STEPS);
        let mut epochs = Thinned::new(MAX_EPOCHS);
        let mut weights = Thinned::new(MAX_WEIGHTS);
        let mut samples = Thinned::new(MAX_SAMPLES);
        while let Some((entry, _)) = lines.next_entry()? {
            match entry {
                Entry::Start(mut entry) => {
                    entry.songs.truncate(MAX_SONGS);
                    let histograms = sound_histograms(&mut entry.weights);
                    if !histograms.is_empty() {
                        weights.push((0, histograms));
                    }
                    start = Some(entry);
                }
                Entry::Step(entry) => steps.push(entry),
                Entry::Epoch(mut entry) => {
                    entry.songs = shortened(entry.songs, MAX_SONGS);
                    let histograms = sound_histograms(&mut entry.weights);
                    if !histograms.is_empty() {
                        weights.push((entry.epoch, histograms));
                    }
                    epochs.push(entry);
                }
                Entry::Sample(entry) => {
                    let longest = entry.seed.as_os_str().len().max(entry.output.as_os_str().len());
                    if longest > MAX_NAME_BYTES {
                        return Err(lines.error("a file name of at most 4096 bytes", &format!("{longest}")));
                    }
                    samples.push(entry);
                }
            }
        }
        Ok(Self {
            start,
            steps: steps.finish(),
            epochs: epochs.finish(),
            weights: weights.finish(),
            samples: samples.finish(),
        })
    }
}

/// The first `most` items, without the memory of the others.
fn shortened<T>(mut items: Vec<T>, most: usize) -> Vec<T> {
    items.truncate(most);
    items.shrink_to_fit();
    items
}

/// The lines of a journal as entries.
pub(crate) struct Lines {
    path: PathBuf,
    reader: BufReader<File>,
    line: Vec<u8>,
    number: u64,
}

impl Lines {
    pub(crate) fn open(path: &Path) -> Result<Self, JournalError> {
        let file = File::open(path).map_err(JournalError::io(path, "read"))?;
        Ok(Self { path: path.into(), reader: BufReader::new(file), line: Vec::new(), number: 0 })
    }

    /// None if there is no such file.
    pub(crate) fn open_if_there(path: &Path) -> Result<Option<Self>, JournalError> {
        match Self::open(path) {
            Err(JournalError::Io { source, .. }) if source.kind() == ErrorKind::NotFound => Ok(None),
            opened => opened.map(Some),
        }
    }

    /// The next entry and its line without the end; none at the end of the file or at a half-written last line.
    pub(crate) fn next_entry(&mut self) -> Result<Option<(Entry, &[u8])>, JournalError> {
        self.line.clear();
        self.number += 1;
        let read = (&mut self.reader).take(MAX_LINE_BYTES).read_until(b'\n', &mut self.line);
        if read.map_err(JournalError::io(&self.path, "read"))? == 0 {
            return Ok(None);
        }
        let ended = self.line.pop_if(|byte| *byte == b'\n').is_some();
        if !ended && self.line.len() as u64 == MAX_LINE_BYTES {
            return Err(self.error("an entry of at most 4 MiB", "a longer line"));
        }
        match serde_json::from_slice(&self.line) {
            Ok(entry) => Ok(Some((entry, &self.line))),
            Err(_) if !ended => Ok(None),
            // The line is the file's, not that of the entry.
            Err(error) => Err(self.error("an entry of a journal", &error.to_string().replace(" at line 1 ", " at "))),
        }
    }

    fn error(&self, expected: &'static str, actual: &str) -> JournalError {
        JournalError::line(&self.path, self.number, expected, actual)
    }
}

/// A list that keeps every n-th item, n a power of two that grows, and the last.
struct Thinned<T> {
    kept: Vec<T>,
    /// The last item, unless it was kept.
    last: Option<T>,
    most: usize,
    stride: u64,
    seen: u64,
}

impl<T> Thinned<T> {
    fn new(most: usize) -> Self {
        Self { kept: Vec::new(), last: None, most, stride: 1, seen: 0 }
    }

    fn push(&mut self, item: T) {
        if self.kept.len() == self.most {
            let mut index = 0;
            self.kept.retain(|_| {
                index += 1;
                index % 2 == 1
            });
            self.stride *= 2;
        }
        if self.seen.is_multiple_of(self.stride) {
            self.kept.push(item);
            self.last = None;
        } else {
            self.last = Some(item);
        }
        self.seen += 1;
    }

    fn finish(mut self) -> Vec<T> {
        self.kept.extend(self.last);
        self.kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thinning_keeps_every_nth_and_the_last() {
        for (most, count) in [(4, 0), (4, 1), (4, 4), (4, 5), (4, 100), (10, 1000), (7, 12_345)] {
            let mut thinned = Thinned::new(most);
            (0..count).for_each(|i| thinned.push(i));
            let kept = thinned.finish();
            assert!(
                kept.len() <= most + 1 && kept.len() >= (most / 2).min(count as usize),
                "{most} of {count}: {kept:?}"
            );
            assert_eq!(kept.last().copied(), (count > 0).then(|| count - 1), "{most} of {count}");
            let strides: Vec<u64> = kept.windows(2).map(|pair| pair[1] - pair[0]).collect();
            let even = strides.split_last().is_none_or(|(_, rest)| rest.iter().all(|s| *s == strides[0]));
            assert!(even, "{most} of {count}: {kept:?}");
        }
    }

    #[test]
    fn hostile_lines_are_refused_by_number() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("journal.jsonl");
        let good = r#"{"event":"step","step":1,"loss":0.5,"rate":0.1,"gradient_norm":1.0}"#;
        let long = format!("{{\"event\":\"{}\"}}", "x".repeat(5 << 20));
        let name = "x".repeat(5000);
        let far = format!(r#"{{"event":"sample","step":1,"stream":0,"seed":"a","output":"{name}"}}"#);
        let deep = format!(r#"{{"event":"start","config":{}"#, "[".repeat(100_000));
        for (bad, part) in [
            ("what is this?", "an entry of a journal"),
            (r#"{"event":"\u001b[31mred"}"#, "unknown variant"),
            (r#"{"event":"step","step":-1,"loss":0.5,"rate":0.1,"gradient_norm":1.0}"#, "invalid"),
            (&deep, "recursion"),
            (&long, "at most 4 MiB"),
            (&far, "at most 4096 bytes"),
            ("", "an entry"),
        ] {
            std::fs::write(&path, format!("{good}\n{bad}\n{good}\n")).expect("space");
            let error = Journal::read(&path).expect_err(part).to_string();
            assert!(error.contains("journal.jsonl: line 2: ") && error.contains(part), "{error}");
            assert!(error.len() < 500 && !error.chars().any(char::is_control), "{error:?}");
        }
        std::fs::write(&path, [0xff, 0xfe, b'\n']).expect("space");
        assert!(Journal::read(&path).is_err());
        std::fs::write(&path, "").expect("space");
        assert_eq!(Journal::read(&path).expect("an empty journal"), Journal::default());
    }

    #[test]
    fn long_lists_are_shortened() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("journal.jsonl");
        let histogram =
            |bins: usize| serde_json::json!({ "tensor": "w", "least": 0.0, "most": 1.0, "counts": vec![1; bins] });
        let weights: Vec<_> = (0..100).map(|i| histogram(if i == 0 { 600 } else { 5 })).collect();
        let errors = serde_json::json!({ "loss": 0.5, "mae": null, "mbe": 0.0 });
        let epoch = serde_json::json!({ "event": "epoch", "epoch": 1, "step": 5, "seconds": 1.0, "train": errors,
            "validation": null, "songs": vec![Some(0.5); 1000], "weights": weights });
        std::fs::write(&path, format!("{epoch}\n")).expect("space");
        let journal = Journal::read(&path).expect("a journal");
        assert_eq!((journal.epochs[0].songs.len(), journal.epochs[0].weights.len()), (MAX_SONGS, 0));
        let (epoch, weights) = &journal.weights[0];
        assert_eq!((*epoch, weights.len()), (1, MAX_TENSORS));
        assert!(weights.iter().all(|w| w.counts.len() == 5) && journal.epochs[0].train.mae.is_nan());
    }
}
