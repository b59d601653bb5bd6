//! The settings of a take, as `sympathy render --preset` reads them.

use crate::control::{ParamId, ParamValues, values::SPECS};
use serde::Serialize;
use std::collections::BTreeMap;

/// What a take was.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct TakeInfo {
    /// When *Keep* went on, local time with its offset from UTC (RFC 3339).
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

#[derive(Serialize)]
struct Preset<'a> {
    name: String,
    description: String,
    parameters: BTreeMap<&'static str, f32>,
    kept: &'a TakeInfo,
}

/// The file's text. Every parameter is in it but *Keep* itself, which would ask for a take again.
pub(crate) fn to_json(name: &str, kept: &TakeInfo, values: &ParamValues) -> String {
    let parameters =
        SPECS.iter().filter(|spec| spec.id != ParamId::Keep).map(|spec| (spec.key, values.get(spec.id))).collect();
    let description = format!("The settings of a take of {:.1} s, with {}.", kept.seconds, kept.model);
    let preset = Preset { name: format!("Kept {name}"), description, parameters, kept };
    // Numbers and texts only: there is nothing that could not be written.
    serde_json::to_string_pretty(&preset).unwrap_or_default() + "\n"
}
