//! The sound that is trained on: read, mixed to mono, brought to the model's rate, without its silences.

use crate::{
    audio_file::{
        Recording, Warning,
        find::{is_pattern, recordings},
    },
    dsp::{
        level::{db_to_gain, energy, rms},
        resample::Resampler,
    },
    hyperparameters::{Excerpt, TrainConfig},
    train::error::TrainError,
};
use std::{
    ops::Range,
    path::{Path, PathBuf},
};

/// Loudness is judged over blocks of this length.
const BLOCK_SECONDS: f32 = 0.05;
/// What follows a loud block is kept for so long: the decay of a note.
const TAKE_SECONDS: f32 = 0.15;
/// Shorter pieces are dropped.
const MIN_PIECE_SECONDS: f32 = 0.25;
/// Pieces are joined by a cross-fade of this length.
const JOIN_SECONDS: f32 = 0.01;
/// Silence of this length is worth a word when it is cut out.
const TOLD_SECONDS: f32 = 0.5;

/// A recording's part of the joined sound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Song {
    /// Its file.
    pub name: String,
    /// Samples of the joined sound, without the cross-faded beginning.
    pub span: Range<usize>,
}

/// Recordings joined to one sound at the model's rate.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Material {
    /// What is trained on, `[sample]`.
    pub sound: Vec<f32>,
    /// What is only tested on, `[sample]`.
    pub held_out: Vec<f32>,
    /// The recordings of `sound`, in order.
    pub songs: Vec<Song>,
    /// What is heard before the material and never learned, `[recording][sample]`.
    pub foreign: Vec<Vec<f32>>,
    /// What was done to the recordings that their owner should know.
    pub notes: Vec<String>,
    /// What is missing of the recordings.
    pub warnings: Vec<Warning>,
}

impl Material {
    /// Reads the recordings of a checked configuration. Relative names are looked up in `folder`.
    pub fn read(config: &TrainConfig, folder: &Path) -> Result<Self, TrainError> {
        let mut material = Self::default();
        let fade = (JOIN_SECONDS * config.sample_rate_hz as f32) as usize;
        for excerpt in &each("files", &config.files, folder)? {
            let sound = material.excerpt(excerpt, config, folder)?;
            let kept = sound.len() - (f64::from(config.validation_split) * sound.len() as f64) as usize;
            let start = material.sound.len();
            join(&mut material.sound, &sound[..kept], fade);
            join(&mut material.held_out, &sound[kept..], fade);
            material.songs.push(Song { name: excerpt.path.display().to_string(), span: start..material.sound.len() });
        }
        if config.loop_material {
            close(&mut material.sound, fade);
            let end = material.sound.len();
            material.songs.iter_mut().for_each(|song| song.span = song.span.start.min(end)..song.span.end.min(end));
        }
        for excerpt in &each("validation", &config.validation, folder)? {
            let sound = material.excerpt(excerpt, config, folder)?;
            join(&mut material.held_out, &sound, fade);
        }
        for excerpt in &each("foreign_files", &config.foreign_files, folder)? {
            let sound = material.excerpt(excerpt, config, folder)?;
            material.foreign.push(sound);
        }
        material.foreign.retain(|sound| !sound.is_empty());
        if material.foreign.is_empty() && !config.foreign_files.is_empty() {
            let (expected, actual) = ("foreign_files that sound".into(), "nothing but silence".into());
            return Err(TrainError::Material { expected, actual });
        }
        Ok(material)
    }

    /// An excerpt at the model's rate, trimmed and levelled.
    fn excerpt(&mut self, excerpt: &Excerpt, config: &TrainConfig, folder: &Path) -> Result<Vec<f32>, TrainError> {
        let recording = Recording::read(&folder.join(&excerpt.path))?;
        let cut = cut(excerpt, &recording)?;
        self.warnings.extend_from_slice(&recording.warnings);
        let name = excerpt.path.display();
        let seconds = recording.length_samples() as f64 / f64::from(recording.sample_rate_hz);
        if let Some(end) = excerpt.end_s.filter(|&end| end > seconds + 0.01) {
            self.notes.push(format!("{name}: ends at {seconds:.2} s, before its end_s = {end}"));
        }
        if recording.sample_rate_hz != config.sample_rate_hz {
            let (from, to) = (recording.sample_rate_hz, config.sample_rate_hz);
            self.notes.push(format!("{name}: resampled from {from} to {to} Hz"));
        }
        if recording.channels.len() > 1 {
            self.notes.push(format!("{name}: stereo, mixed to mono"));
        }
        let mut sound = Resampler::new(recording.sample_rate_hz, config.sample_rate_hz).resample_all(&cut);
        let rate = config.sample_rate_hz as f32;
        if let Some(threshold_db) = config.trim_silence_db {
            let trimmed = without_silence(&sound, db_to_gain(threshold_db), rate);
            let lost = sound.len().saturating_sub(trimmed.len()) as f32 / rate;
            if lost >= TOLD_SECONDS {
                self.notes.push(format!("{name}: {lost:.1} s quieter than {threshold_db} dBFS cut out"));
            }
            sound = trimmed;
        }
        if sound.is_empty() {
            self.notes.push(format!("{name}: nothing but silence, left out"));
        }
        if let Some(level_db) = config.normalise_rms_db {
            let level = rms(&sound);
            let gain = if level > 0.0 { db_to_gain(level_db) / level } else { 1.0 };
            sound.iter_mut().for_each(|x| *x *= gain);
        }
        Ok(sound)
    }
}

/// The recordings that entries stand for.
fn each(field: &str, entries: &[Excerpt], folder: &Path) -> Result<Vec<Excerpt>, TrainError> {
    let mut excerpts = Vec::new();
    for (index, entry) in entries.iter().enumerate() {
        let path = folder.join(&entry.path);
        match &named(field, index, &path)?[..] {
            [only] if *only == path => excerpts.push(entry.clone()),
            found => excerpts.extend(found.iter().map(|path| Excerpt { path: path.clone(), ..entry.clone() })),
        }
    }
    Ok(excerpts)
}

/// The recordings of an entry, which may be a folder or a name with wildcards. A single one that is missing is found, so that reading it says
/// what is wrong.
pub(in crate::train) fn named(field: &str, index: usize, path: &Path) -> Result<Vec<PathBuf>, TrainError> {
    let found = recordings(path).map_err(|source| TrainError::Io { path: path.into(), source })?;
    if found.is_empty() && !path.is_dir() && !is_pattern(path) {
        return Ok(vec![path.into()]);
    }
    if found.is_empty() {
        let expected = format!("{field}[{index}].path to name recordings");
        return Err(TrainError::Material { expected, actual: format!("none at {}", path.display()) });
    }
    Ok(found)
}

/// The excerpt's part of the recording's mono sum.
fn cut(excerpt: &Excerpt, recording: &Recording) -> Result<Vec<f32>, TrainError> {
    let rate = f64::from(recording.sample_rate_hz);
    let mono = recording.mono();
    let place = |seconds: f64| ((seconds * rate).round() as usize).min(mono.len());
    let start = place(excerpt.start_s.unwrap_or(0.0));
    let end = excerpt.end_s.map_or(mono.len(), place);
    if start >= end {
        return Err(TrainError::Material {
            expected: format!("{} to last longer than its start_s", recording.path.display()),
            actual: format!("{:.3} s", mono.len() as f64 / rate),
        });
    }
    Ok(mono[start..end].to_vec())
}

/// Keeps the blocks of at least `gate` RMS and what follows them shortly after.
fn without_silence(sound: &[f32], gate: f32, rate: f32) -> Vec<f32> {
    let block = ((BLOCK_SECONDS * rate) as usize).max(1);
    let kept_blocks = (TAKE_SECONDS / BLOCK_SECONDS).round() as usize;
    let least_piece = (MIN_PIECE_SECONDS * rate) as usize;
    let fade = (JOIN_SECONDS * rate) as usize;
    let gate_energy = f64::from(gate) * f64::from(gate);
    let mut kept = Vec::new();
    let mut piece_start = None;
    let mut quiet_blocks = usize::MAX;
    let mut end_piece = |start: &mut Option<usize>, end: usize| {
        if let Some(start) = start.take()
            && end - start >= least_piece
        {
            join(&mut kept, &sound[start..end], fade);
        }
    };
    for (index, samples) in sound.chunks(block).enumerate() {
        let loud = energy(samples) > gate_energy * samples.len() as f64;
        quiet_blocks = if loud { 0 } else { quiet_blocks.saturating_add(1) };
        if quiet_blocks <= kept_blocks {
            piece_start.get_or_insert(index * block);
        } else {
            end_piece(&mut piece_start, index * block);
        }
    }
    end_piece(&mut piece_start, sound.len());
    kept
}

/// Appends `piece`, its beginning cross-faded with the end of what is there.
fn join(sound: &mut Vec<f32>, piece: &[f32], fade_samples: usize) {
    let fade = fade_samples.min(sound.len()).min(piece.len());
    let start = sound.len() - fade;
    for (i, (slot, &x)) in sound[start..].iter_mut().zip(piece).enumerate() {
        *slot += (x - *slot) * ((i as f32 + 0.5) / fade as f32);
    }
    sound.extend_from_slice(&piece[fade..]);
}

/// Makes a loop of a sound: its end goes over into its beginning.
fn close(sound: &mut Vec<f32>, fade_samples: usize) {
    let fade = fade_samples.min(sound.len() / 2);
    let end = sound.split_off(sound.len() - fade);
    for (i, (slot, x)) in sound.iter_mut().zip(end).enumerate() {
        *slot = x + (*slot - x) * ((i as f32 + 0.5) / fade as f32);
    }
}

#[cfg(test)]
impl Material {
    /// One song of a sound at the model's rate, nothing held out.
    pub fn of(sound: Vec<f32>) -> Self {
        let songs = vec![Song { name: "a".into(), span: 0..sound.len() }];
        Self { sound, songs, ..Self::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_is_cut_out_and_decays_are_kept() {
        let rate = 1000.0;
        let mut sound = vec![0.0; 1000];
        sound.extend((0..500).map(|i| libm::sinf(i as f32)));
        sound.extend(vec![0.0; 2000]);
        sound.extend((0..700).map(|i| libm::sinf(i as f32)));
        let kept = without_silence(&sound, 0.01, rate);
        // 150 ms of decay after the first piece, 10 ms of cross-fade at the join.
        assert_eq!(kept.len(), 500 + 150 + 700 - 10);
        assert_eq!(kept[..500], sound[1000..1500]);
        assert!(without_silence(&[0.0; 5000], 0.01, rate).is_empty());
    }

    #[test]
    fn a_loop_has_no_step_where_it_begins_again() {
        let mut sound: Vec<f32> = (0..100).map(|i| i as f32).collect();
        close(&mut sound, 10);
        assert_eq!(sound.len(), 90);
        assert_eq!(sound[10..], (10..90).map(|i| i as f32).collect::<Vec<f32>>());
        // From 89 on as it went, into the beginning.
        assert!((sound[0] - 90.0).abs() < 5.0 && (sound[9] - 9.0).abs() < 5.0, "{sound:?}");
        assert!(sound[..11].windows(2).all(|pair| (pair[1] - pair[0]).abs() < 9.1));
    }

    #[test]
    fn joins_have_no_step() {
        let mut sound = vec![1.0; 20];
        join(&mut sound, &[0.0; 20], 10);
        assert_eq!(sound.len(), 30);
        assert!(sound.windows(2).all(|w| (w[1] - w[0]).abs() <= 0.1001), "{sound:?}");
    }
}
