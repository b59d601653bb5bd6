//! Whether a continuation has listened to its seed: pitch classes, colour, density and level.
//!
//! Chroma is compared with the seed's own and with those of all other seeds (each sounded at several transpositions, so
//! that a model that always plays in one key is found out).

use super::{
    chroma::{CLASSES, chroma},
    mel::{log_mel, mel},
    onsets::onset_rate,
    spectra::{ANALYSIS_HZ, between, correlation, level_db},
};
use serde::Serialize;

/// The first and the last seconds that are looked at by themselves.
const EDGE_SECONDS: usize = 5;
/// Floor of the long-term spectrum, −80 dB.
const FLOOR: f32 = 1e-4;

/// What a continuation is compared with.
#[derive(Clone, Debug, PartialEq)]
pub struct Heard {
    /// Of the whole sound.
    pub chroma: [f64; CLASSES],
    /// Mean over frames of the log-mel spectrum.
    pub colour: Vec<f64>,
    /// Onsets in a second.
    pub onset_rate: f64,
    /// Root mean square, dB full scale.
    pub level_db: f64,
}

impl Heard {
    /// Of a sound at [`ANALYSIS_HZ`].
    pub fn of(sound: &[f32]) -> Self {
        Self {
            chroma: chroma(sound),
            colour: log_mel(&mel(sound), FLOOR).mean(),
            onset_rate: onset_rate(sound, ANALYSIS_HZ),
            level_db: level_db(sound),
        }
    }
}

/// Chroma of a span against all seeds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Pitches {
    /// Correlation with the chroma of its own seed, −1…1.
    pub own: f64,
    /// Mean correlation with those of the other seeds.
    pub other: f64,
    /// The part of the other seeds that it is closer to than to its own: 0 is the best, 0.5 what a deaf one has.
    pub rank: f64,
}

/// How much of a seed is in its continuation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Listening {
    /// own × (1 − 2 rank) of the whole, 0…1: 1 is in the seed's pitches and in no other's, 0 is deaf.
    pub score: f64,
    /// The first five seconds.
    pub first: Pitches,
    /// The last five.
    pub last: Pitches,
    /// All of it.
    pub whole: Pitches,
    /// Correlation of the long-term log-mel spectra.
    pub timbre: f64,
    /// Onsets in a second, as a multiple of the seed's; of a seed without any, of one in ten seconds.
    pub onset_ratio: f64,
    /// Level against the seed's.
    pub level_db: f64,
}

/// Compares a continuation, at [`ANALYSIS_HZ`], with the seed of this number and with all others.
///
/// # Panics
/// If there is no such seed.
pub fn listening(sound: &[f32], seeds: &[Heard], own: usize) -> Listening {
    let edge = (EDGE_SECONDS * ANALYSIS_HZ as usize).min(sound.len());
    let seed = &seeds[own];
    let heard = Heard::of(sound);
    let whole = pitches(&heard.chroma, seeds, own);
    Listening {
        score: whole.own.clamp(0.0, 1.0) * between(whole.rank, 0.0, 0.5),
        first: pitches(&chroma(&sound[..edge]), seeds, own),
        last: pitches(&chroma(&sound[sound.len() - edge..]), seeds, own),
        whole,
        timbre: correlation(&heard.colour, &seed.colour),
        onset_ratio: heard.onset_rate / seed.onset_rate.max(0.1),
        level_db: heard.level_db - seed.level_db,
    }
}

fn pitches(chroma: &[f64; CLASSES], seeds: &[Heard], own: usize) -> Pitches {
    let mine = correlation(chroma, &seeds[own].chroma);
    let others: Vec<f64> =
        (0..seeds.len()).filter(|&index| index != own).map(|index| correlation(chroma, &seeds[index].chroma)).collect();
    let count = others.len().max(1) as f64;
    Pitches {
        own: mine,
        other: others.iter().sum::<f64>() / count,
        rank: others.iter().filter(|&&other| other > mine).count() as f64 / count,
    }
}
