//! The settings of a take, as `sympathy render --preset` reads them.

use crate::control::{ParamId, ParamValues, Preset};
use serde::Serialize;

/// What a take was.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct TakeInfo {
    /// When *Save Take* went on, local time with its offset from UTC (RFC 3339).
    pub date: String,
    /// Of Sympathy.
    pub version: &'static str,
    /// The model's name.
    pub model: String,
    pub sample_rate_hz: u32,
    pub channels: usize,
    pub seconds: f64,
    /// Samples of each channel that were lost: silence in both files.
    pub lost_samples: u64,
    /// File names.
    pub wet: String,
    pub dry: String,
}

/// The file's text. Every parameter is in it but *Save Take* itself, which would ask for a take again.
pub(crate) fn to_json(name: &str, kept: &TakeInfo, values: &ParamValues) -> String {
    let description = format!("The settings of a take of {:.1} s, with {}.", kept.seconds, kept.model);
    Preset::of(format!("Kept {name}"), description, values, &[ParamId::Keep], Some(kept)).to_json()
}
