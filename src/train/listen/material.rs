//! The recordings of a listening model's training, as frames of 8 bits a bin.

use super::{
    cache::{self, Cache},
    config::{ListenConfig, ListenFiles},
};
use crate::{
    approach::FrameAnalyser,
    audio_file::{Recording, Warning},
    dsp::{float_mode::FloatMode, random::mix64, resample::Resampler},
    learn::{REMINDER_PIECES, REMINDER_SECONDS, frames, is_silent, make_loud, middle, without_silence},
    model::ModelConfig,
    train::{TrainError, data::material::named},
};
use std::{
    collections::BTreeSet,
    io,
    ops::ControlFlow,
    path::{Path, PathBuf},
    sync::{
        atomic::{AtomicBool, AtomicUsize, Ordering},
        mpsc,
    },
    thread,
};

/// Changes with the analysis, so that old entries of a cache are not taken for new ones.
const ANALYSIS: u32 = 1;

/// One recording at one transposition.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Piece {
    /// Levels in 255ths, `[frame][bin]`.
    pub frames: Vec<u8>,
    /// How often it is heard.
    pub weight: f64,
}

/// Material for a listening model.
#[derive(Clone, Debug, PartialEq)]
pub struct ListenMaterial {
    /// What is trained on.
    pub(crate) pieces: Vec<Piece>,
    /// What is only tested on.
    pub(crate) held_out: Vec<Piece>,
    /// Names of the recordings; those of a folder together.
    pub(crate) names: Vec<String>,
    pub(crate) bins: usize,
    /// Seconds of a frame.
    hop_s: f64,
    /// What was done to the recordings that their owner should know.
    pub notes: Vec<String>,
    /// What is missing of the recordings.
    pub warnings: Vec<Warning>,
}

/// What is to be analysed.
struct Task<'a> {
    path: PathBuf,
    entry: &'a ListenFiles,
    semitones: f32,
    is_held_out: bool,
}

/// Levels in 255ths, `[frame][bin]`, and what is missing of the recording.
#[derive(Clone, Default)]
struct Analysed {
    frames: Vec<u8>,
    warnings: Vec<Warning>,
}

impl ListenMaterial {
    /// Reads and analyses the recordings of a checked configuration, on all cores. Relative names are looked up in `folder`;
    /// frames are kept in the folder `cache`, if there is one. `progress` is told how many of how many are done, and may stop it.
    ///
    /// # Errors
    /// If a recording is refused, nothing is left to train on, the cache cannot be written, or it was stopped.
    pub fn read(
        config: &ListenConfig,
        folder: &Path,
        cache: Option<&Path>,
        mut progress: impl FnMut(usize, usize) -> ControlFlow<()>,
    ) -> Result<Self, TrainError> {
        let model = config.model();
        let cache = match cache {
            Some(path) => Some(Cache::open(path.into()).map_err(at(path))?),
            None => None,
        };
        let (mut tasks, mut names) = (Vec::new(), Vec::new());
        for (field, entries) in [("files", &config.files), ("validation", &config.validation)] {
            for (index, entry) in entries.iter().enumerate() {
                let path = folder.join(&entry.path);
                let found = named(field, index, &path)?;
                let shown = entry.path.display();
                names.push(match &found[..] {
                    [_] => shown.to_string(),
                    all => format!("{shown} ({} recordings)", all.len()),
                });
                let held_out = held_out(&found, entry.hold_out_every);
                for path in found {
                    let is_held_out = field == "validation" || held_out.contains(&piece_name(&path));
                    for &semitones in &entry.transpositions {
                        tasks.push(Task { path: path.clone(), entry, semitones, is_held_out });
                    }
                }
            }
        }
        let analysed = analyse_all(&tasks, &model, cache.as_ref(), &mut progress)?;
        let hop_s = model.hop_samples() as f64 / f64::from(model.sample_rate_hz);
        let bins = model.frame_size();
        let mut material = Self {
            pieces: Vec::new(),
            held_out: Vec::new(),
            names,
            bins,
            hop_s,
            notes: Vec::new(),
            warnings: Vec::new(),
        };
        let (mut frames_before, mut short) = (0, 0);
        for (task, Analysed { frames, warnings }) in tasks.iter().zip(analysed) {
            // Every transposition of a recording has them.
            let new = warnings.into_iter().filter(|warning| !material.warnings.contains(warning)).collect::<Vec<_>>();
            material.warnings.extend(new);
            frames_before += frames.len() / bins;
            let frames = match config.cut_silence_s {
                Some(longest) => without_silence(&frames, bins, (f64::from(longest) / hop_s) as usize),
                None => frames,
            };
            let piece = Piece { frames, weight: task.entry.weight };
            // A segment, the frame before it and the one after.
            let is_short = piece.frames.len() / bins < config.bptt + 2;
            if is_short || piece.frames.chunks_exact(bins).all(is_silent) {
                short += 1;
            } else if task.is_held_out {
                material.held_out.push(piece);
            } else {
                material.pieces.push(piece);
            }
        }
        let all: usize = material.pieces.iter().chain(&material.held_out).map(|piece| piece.frames.len() / bins).sum();
        if material.pieces.is_empty() {
            let expected = format!("recordings of at least {:.1} s of sound", (config.bptt + 2) as f64 * hop_s);
            return Err(TrainError::Material { expected, actual: "none that is not held out".into() });
        }
        if short > 0 {
            material.notes.push(format!("{short} recordings are too short or silent and left out"));
        }
        let cut = frames_before.saturating_sub(all) as f64 / frames_before.max(1) as f64;
        material.notes.push(format!("{:.1} % of the material cut out as silence or too short", 100.0 * cut));
        Ok(material)
    }

    /// Frames of what is trained on.
    pub fn frames(&self) -> usize {
        self.pieces.iter().map(|piece| piece.frames.len() / self.bins).sum()
    }

    /// Seconds of what is trained on and of what is held out.
    pub fn seconds(&self) -> [f64; 2] {
        [&self.pieces, &self.held_out].map(|pieces| {
            let frames: usize = pieces.iter().map(|piece| piece.frames.len() / self.bins).sum();
            frames as f64 * self.hop_s
        })
    }

    /// Pieces that are trained on and that are held out, each transposition counted.
    pub fn counts(&self) -> [usize; 2] {
        [self.pieces.len(), self.held_out.len()]
    }

    /// Some seconds of pieces all over what is trained on, for the model's file.
    pub(crate) fn reminder(&self) -> Vec<u8> {
        let step = self.pieces.len().div_ceil(REMINDER_PIECES).max(1);
        let each = (REMINDER_SECONDS / self.pieces.len().clamp(1, REMINDER_PIECES) as f64 / self.hop_s) as usize;
        let pieces = self.pieces.iter().step_by(step);
        pieces.flat_map(|piece| middle(&piece.frames, self.bins, each)).copied().collect()
    }

    /// A number that other material hardly has.
    pub(crate) fn fingerprint(&self) -> u64 {
        let mut sum = 0;
        for piece in self.pieces.iter().chain(&self.held_out) {
            sum = mix64(sum ^ piece.frames.len() as u64);
            for chunk in piece.frames.chunks(8) {
                let mut word = [0; 8];
                word[..chunk.len()].copy_from_slice(chunk);
                sum = mix64(sum ^ u64::from_le_bytes(word));
            }
        }
        sum
    }
}

fn at(path: &Path) -> impl Fn(io::Error) -> TrainError + use<> {
    let path = path.to_path_buf();
    move |source| TrainError::Io { path: path.clone(), source }
}

/// What a recording is a rendering of: its name without its extension and without what follows the last `~`.
fn piece_name(path: &Path) -> PathBuf {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    path.with_file_name(stem.rsplit_once('~').map_or(&stem[..], |(name, _)| name))
}

/// The pieces that are held out: the middle one of every `every`.
fn held_out(recordings: &[PathBuf], every: Option<usize>) -> BTreeSet<PathBuf> {
    let Some(every) = every else { return BTreeSet::new() };
    let names: BTreeSet<PathBuf> = recordings.iter().map(|path| piece_name(path)).collect();
    names.into_iter().skip((every - 1) / 2).step_by(every).collect()
}

/// The frames of all tasks, in their order.
fn analyse_all(
    tasks: &[Task<'_>],
    model: &ModelConfig,
    cache: Option<&Cache>,
    progress: &mut dyn FnMut(usize, usize) -> ControlFlow<()>,
) -> Result<Vec<Analysed>, TrainError> {
    let workers = thread::available_parallelism().map_or(1, Into::into).min(tasks.len());
    let (next, stopped) = (AtomicUsize::new(0), AtomicBool::new(false));
    let (sender, receiver) = mpsc::channel();
    let mut analysed = vec![Analysed::default(); tasks.len()];
    thread::scope(|scope| {
        for _ in 0..workers {
            let (sender, next, stopped) = (sender.clone(), &next, &stopped);
            scope.spawn(move || {
                let _mode = FloatMode::enter();
                let mut analyser = FrameAnalyser::new(model);
                while !stopped.load(Ordering::Relaxed) {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(task) = tasks.get(index) else { break };
                    // Nobody listens any more after an error.
                    if sender.send((index, frames_of(task, model, &mut analyser, cache))).is_err() {
                        break;
                    }
                }
            });
        }
        drop(sender);
        let mut done = 0;
        for (index, frames) in receiver {
            match frames {
                Ok(frames) => analysed[index] = frames,
                Err(error) => {
                    stopped.store(true, Ordering::Relaxed);
                    return Err(error);
                }
            }
            done += 1;
            if progress(done, tasks.len()).is_break() {
                stopped.store(true, Ordering::Relaxed);
                return Err(TrainError::Left);
            }
        }
        Ok(())
    })?;
    Ok(analysed)
}

/// The frames of one task, from the cache or from the recording.
fn frames_of(
    task: &Task<'_>,
    model: &ModelConfig,
    analyser: &mut FrameAnalyser,
    cache: Option<&Cache>,
) -> Result<Analysed, TrainError> {
    // What is no file, as a pipe, is refused when it is read; nobody waits for it.
    let Some(cache) = cache.filter(|_| task.path.is_file()) else { return analysed(task, model, analyser) };
    let hash = cache::hash_of_file(&task.path).map_err(at(&task.path))?;
    let name = Cache::name(&hash, &settings(task, model));
    if let Some(frames) = cache.read(&name, model.frame_size()) {
        return Ok(Analysed { frames, warnings: Vec::new() });
    }
    let analysed = analysed(task, model, analyser)?;
    // What is not whole is said every time.
    if analysed.warnings.is_empty() {
        cache.write(&name, &analysed.frames).map_err(at(&task.path))?;
    }
    Ok(analysed)
}

/// What frames depend on besides the recording.
fn settings(task: &Task<'_>, model: &ModelConfig) -> String {
    let own = model.approach.listening();
    let sizes = own.map(|own| (own.window, own.hop, own.bins));
    let scale = own.map(|own| [own.lowest_hz, own.bins_per_octave, own.floor_db]);
    let part = (task.entry.start_s, task.entry.end_s, task.semitones);
    format!("{ANALYSIS} {} {sizes:?} {scale:?} {part:?}", model.sample_rate_hz)
}

fn analysed(task: &Task<'_>, model: &ModelConfig, analyser: &mut FrameAnalyser) -> Result<Analysed, TrainError> {
    let recording = Recording::read(&task.path)?;
    let mono = recording.mono();
    let place = |seconds: f64| ((seconds * f64::from(recording.sample_rate_hz)).round() as usize).min(mono.len());
    let (start, end) = (task.entry.start_s.map_or(0, place), task.entry.end_s.map_or(mono.len(), place));
    if start >= end {
        let seconds = mono.len() as f64 / f64::from(recording.sample_rate_hz);
        let expected = format!("{} to last longer than its start_s", task.path.display());
        return Err(TrainError::Material { expected, actual: format!("{seconds:.3} s") });
    }
    // Played faster, it sounds higher.
    let speed = libm::exp2(f64::from(task.semitones) / 12.0);
    let rate = (f64::from(recording.sample_rate_hz) * speed).round() as u32;
    let mut sound = Resampler::new(rate, model.sample_rate_hz).resample_all(&mono[start..end]);
    make_loud(&mut sound);
    Ok(Analysed { frames: frames(&sound, model, analyser), warnings: recording.warnings })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn renderings_of_one_piece_are_held_out_together() {
        let paths =
            ["f/a~25.wav", "f/a~27.wav", "f/b.wav", "f/c~x~1.flac", "f/c~x~2.flac", "g/b.wav"].map(PathBuf::from);
        let held: Vec<PathBuf> = held_out(&paths, Some(3)).into_iter().collect();
        assert_eq!(held, [PathBuf::from("f/b")]);
        let held: Vec<PathBuf> = held_out(&paths, Some(2)).into_iter().collect();
        assert_eq!(held, ["f/a", "f/c~x"].map(PathBuf::from));
        assert!(held_out(&paths, None).is_empty());
        assert_eq!(piece_name(Path::new("f/c~x~2.flac")), PathBuf::from("f/c~x"));
    }
}
