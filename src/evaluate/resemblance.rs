//! Whether a sound could be of the material: its instrument, and the way that is played.

use super::{
    chroma::{CLASSES, chroma_frames},
    mel::{BANDS, mel},
    onsets::onset_rate,
    spectra::{ANALYSIS_HZ, WINDOW_SAMPLES, between, decibels, excerpts, quantile, windowed},
};
use crate::dsp::{measure::Liveliness, stft::hann};
use serde::Serialize;

/// Frames quieter than this part of the loud ones (−40 dB) are rests and have no colour.
const REST: f32 = 0.01;
/// A band's part of its frame is looked at down to −60 dB.
const FLOOR: f64 = 1e-3;
/// Bands that are averaged, so that the places of single notes do not count.
const SMOOTH: usize = 5;
/// Distance of spectra up to which two sounds are of one instrument, dB; the material's own halves may ask for more.
const SAME_DB: f64 = 2.0;
const MAX_SAME_DB: f64 = 3.0;
/// From so much more on it is another one.
const OTHER_DB: f64 = 3.0;
/// Of each recording so much is looked at by itself: a minute.
const MAX_PART: usize = 60 * ANALYSIS_HZ as usize;
/// Half a second in frames of chroma.
const LATER: usize = 5;
/// Register: semitones above the lowest pitch that is looked at.
const REGISTER: usize = 56;
const LOWEST_HZ: f64 = 75.0;
/// Material in another key has the same histogram of pitches at up to so many semitones' distance.
const MAX_SHIFT: isize = 7;

/// How much a sound resembles the material.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Resemblance {
    /// The geometric mean of `timbre` and of the mean of the other four: another instrument is no resemblance however it
    /// is played.
    pub score: f64,
    /// Distribution of log-mel spectra, 0…1.
    pub timbre: f64,
    /// Intervals that sound together and after each other, whatever the key, 0…1.
    pub intervals: f64,
    /// Histogram of pitches, up to a transposition, 0…1.
    pub register: f64,
    /// Onsets in a second, 0…1.
    pub onsets: f64,
    /// Change of the spectrum, 0…1.
    pub flux: f64,
    /// What `timbre` was made of: distance of mean and spread of the log-mel spectra, dB.
    pub spectral_distance_db: f64,
    /// Onsets in a second as a multiple of the material's.
    pub onset_ratio: f64,
    /// Flux as a multiple of the material's.
    pub flux_ratio: f64,
}

/// What is compared of a sound.
#[derive(Clone, Debug, PartialEq)]
pub struct Character {
    colour: [f64; BANDS],
    spread: [f64; BANDS],
    intervals: Vec<f64>,
    register: Vec<f64>,
    onset_rate: f64,
    flux: f64,
}

impl Character {
    /// Of a sound at [`ANALYSIS_HZ`].
    pub fn of(sound: &[f32]) -> Self {
        let (colour, spread) = colour(sound);
        Self {
            colour,
            spread,
            intervals: intervals(sound),
            register: register(sound),
            onset_rate: onset_rate(sound, ANALYSIS_HZ),
            flux: f64::from(Liveliness::of(sound).flux),
        }
    }

    /// Distance of spectra, dB.
    fn distance_db(&self, other: &Self) -> f64 {
        let distance = |a: &[f64; BANDS], b: &[f64; BANDS]| {
            let square = a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>();
            (square / BANDS as f64).sqrt()
        };
        let (colour, spread) = (distance(&self.colour, &other.colour), distance(&self.spread, &other.spread));
        (colour * colour + 0.25 * spread * spread).sqrt()
    }
}

/// The material as what others are compared with.
#[derive(Clone, Debug, PartialEq)]
pub struct Material {
    whole: Character,
    parts: Vec<Character>,
    /// How far its own halves lie apart, dB.
    same_db: f64,
}

impl Material {
    /// Of recordings at [`ANALYSIS_HZ`]. A continuation may resemble any of them, or all together.
    pub fn of(recordings: &[&[f32]]) -> Self {
        let all = excerpts(recordings, ANALYSIS_HZ);
        let (first, second) = all.split_at(all.len() / 2);
        let halves = Character::of(first).distance_db(&Character::of(second));
        let parts = if recordings.len() > 1 {
            recordings.iter().map(|part| Character::of(&part[..part.len().min(MAX_PART)])).collect()
        } else {
            vec![]
        };
        Self { whole: Character::of(&all), parts, same_db: (1.2 * halves).clamp(SAME_DB, MAX_SAME_DB) }
    }

    /// Compares a sound with it.
    pub fn resemblance(&self, sound: &Character) -> Resemblance {
        let parts = self.parts.iter().map(|part| self.compare(sound, part));
        let first = self.compare(sound, &self.whole);
        parts.fold(first, |best, found| if found.score > best.score { found } else { best })
    }

    fn compare(&self, sound: &Character, part: &Character) -> Resemblance {
        let distance = sound.distance_db(part);
        let (onset_ratio, flux_ratio) =
            (ratio(sound.onset_rate, part.onset_rate, 0.2), ratio(sound.flux, part.flux, 1e-3));
        let mean =
            |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| (a - b).abs()).sum::<f64>() / a.len().max(1) as f64;
        let timbre = between(distance, self.same_db, self.same_db + OTHER_DB);
        let intervals = between(mean(&sound.intervals, &part.intervals), 0.06, 0.25);
        let register = between(moved(&sound.register, &part.register), 1.5, 5.0);
        let onsets = between(libm::log2(onset_ratio).abs(), 0.6, 2.0);
        let flux = between(libm::log2(flux_ratio).abs(), 0.4, 1.2);
        Resemblance {
            score: (timbre * 0.25 * (intervals + register + onsets + flux)).sqrt(),
            timbre,
            intervals,
            register,
            onsets,
            flux,
            spectral_distance_db: distance,
            onset_ratio,
            flux_ratio,
        }
    }
}

/// Neither is taken below `least`.
fn ratio(a: f64, b: f64, least: f64) -> f64 {
    a.max(least) / b.max(least)
}

/// Mean and deviation over frames of every band's part of its frame, in dB, smoothed over bands.
fn colour(sound: &[f32]) -> ([f64; BANDS], [f64; BANDS]) {
    let bands = mel(sound);
    let sums: Vec<f32> = bands.rows().map(|row| row.iter().sum()).collect();
    let rest = (REST * quantile(sums.iter().copied(), 0.95)).max(1e-6);
    let (mut sum, mut squares, mut count) = ([0.0; BANDS], [0.0; BANDS], 0.0f64);
    for (row, _) in bands.rows().zip(&sums).filter(|(_, sum)| **sum > rest) {
        let total: f64 = row.iter().map(|&x| f64::from(x)).sum();
        for (band, &x) in row.iter().enumerate() {
            let db = decibels(f64::from(x) / total + FLOOR);
            sum[band] += db;
            squares[band] += db * db;
        }
        count += 1.0;
    }
    let mean = sum.map(|x| x / count.max(1.0));
    let deviation = std::array::from_fn(|band| (squares[band] / count.max(1.0) - mean[band].powi(2)).max(0.0).sqrt());
    (smooth(&mean), smooth(&deviation))
}

fn smooth(values: &[f64; BANDS]) -> [f64; BANDS] {
    std::array::from_fn(|band| {
        let near = (0..SMOOTH).map(|step| values[(band + step).saturating_sub(SMOOTH / 2).min(BANDS - 1)]);
        near.sum::<f64>() / SMOOTH as f64
    })
}

/// How much of the chroma lies each interval apart: within frames (1 to 6 semitones), and from a frame to the one half a
/// second later (0 to 11).
fn intervals(sound: &[f32]) -> Vec<f64> {
    let mut frames = chroma_frames(sound, 8192, 2048);
    let sums: Vec<f32> = frames.rows().map(|row| row.iter().sum()).collect();
    let rest = (REST * quantile(sums.iter().copied(), 0.95)).max(1e-6);
    let mut rows: Vec<[f64; CLASSES]> = Vec::new();
    for (row, _) in frames.rows_mut().zip(&sums).filter(|(_, sum)| **sum > rest) {
        let roots: [f64; CLASSES] = std::array::from_fn(|class| f64::from(row[class]).sqrt());
        let length = roots.iter().map(|x| x * x).sum::<f64>().sqrt() + 1e-9;
        rows.push(roots.map(|x| x / length));
    }
    let apart = |a: &[f64; CLASSES], b: &[f64; CLASSES], semitones: usize| {
        (0..CLASSES).map(|class| a[class] * b[(class + semitones) % CLASSES]).sum::<f64>()
    };
    let together = (1..=6).map(|k| rows.iter().map(|row| apart(row, row, k)).sum::<f64>() / rows.len().max(1) as f64);
    let after = (0..CLASSES).map(|k| {
        let pairs = rows.iter().zip(rows.iter().skip(LATER));
        pairs.map(|(a, b)| apart(a, b, k)).sum::<f64>() / rows.len().saturating_sub(LATER).max(1) as f64
    });
    together.chain(after).collect()
}

/// Histogram of the peaks of spectra over semitones from 75 Hz, each counted with the root of its magnitude; its sum is 1.
fn register(sound: &[f32]) -> Vec<f64> {
    let bin_hz = f64::from(ANALYSIS_HZ) / (4 * WINDOW_SAMPLES) as f64;
    // The first and the last bin have no neighbour.
    let semitones: Vec<(usize, usize)> = (1..2 * WINDOW_SAMPLES)
        .map(|bin| (bin, 12.0 * libm::log2(bin as f64 * bin_hz / LOWEST_HZ)))
        .filter(|(_, semitone)| (0.0..REGISTER as f64 - 0.5).contains(semitone))
        .map(|(bin, semitone)| (bin, semitone.round() as usize))
        .collect();
    let mut histogram = vec![0.0; REGISTER];
    windowed(sound, hann(4 * WINDOW_SAMPLES), WINDOW_SAMPLES, |row| {
        for &(bin, semitone) in &semitones {
            if row[bin] > row[bin - 1] && row[bin] > row[bin + 1] {
                histogram[semitone] += f64::from(row[bin]).sqrt();
            }
        }
    });
    let sum = histogram.iter().sum::<f64>().max(1e-9);
    histogram.iter_mut().for_each(|x| *x /= sum);
    histogram
}

/// The earth mover's distance of two histograms in semitones, of the best transposition.
fn moved(a: &[f64], b: &[f64]) -> f64 {
    let distance = |shift: isize| {
        let mut carried = 0.0f64;
        let mut cost = 0.0;
        for index in -MAX_SHIFT..a.len() as isize + MAX_SHIFT {
            let at = |x: &[f64], place: isize| usize::try_from(place).ok().and_then(|place| x.get(place)).copied();
            carried += at(a, index).unwrap_or(0.0) - at(b, index - shift).unwrap_or(0.0);
            cost += carried.abs();
        }
        cost
    };
    (-MAX_SHIFT..=MAX_SHIFT).map(distance).fold(f64::MAX, f64::min)
}
