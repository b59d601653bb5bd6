//! Whether the end of a continuation is alive (DESIGN 6): neither a drone, nor noise, nor silence.

use super::spectra::decibels;
use crate::dsp::measure::Liveliness;
use serde::Serialize;

/// The end that is looked at.
pub const END_SECONDS: f64 = 5.0;

/// Figures of the last five seconds against those of a model sound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Alive {
    /// Change of the spectrum, as a multiple.
    pub flux_ratio: f64,
    /// RMS against the other's.
    pub level_db: f64,
    /// Spectral flatness, as a multiple.
    pub flatness_ratio: f64,
    /// Flux 0.5…1.5, level ±6 dB, flatness 0.5…2.
    pub is_alive: bool,
}

/// Compares the end of a sound with what it should be like; both at one rate.
pub fn alive(sound: &[f32], sample_rate_hz: u32, like: &Liveliness) -> Alive {
    let end = ((END_SECONDS * f64::from(sample_rate_hz)) as usize).min(sound.len());
    let own = Liveliness::of(&sound[sound.len() - end..]);
    let ratio = |own: f32, like: f32| f64::from(own / like.max(1e-9)).min(1e6);
    let flux_ratio = ratio(own.flux, like.flux);
    let level_db = decibels(own.rms.into()) - decibels(like.rms.into());
    let flatness_ratio = ratio(own.flatness, like.flatness);
    let is_alive =
        (0.5..=1.5).contains(&flux_ratio) && (-6.0..=6.0).contains(&level_db) && (0.5..=2.0).contains(&flatness_ratio);
    Alive { flux_ratio, level_db, flatness_ratio, is_alive }
}
