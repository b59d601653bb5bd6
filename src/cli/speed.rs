//! How weights are stored, whether a model keeps up with real time, and how that is said.

use crate::cli::terminal::remark;
use crate::{
    approach::Network,
    model::ModelData,
    nn::{Isa, Precision},
    worker::{USUAL_HOST_HZ, factor_to_text, measure_slowness, measure_voices},
};
use clap::ValueEnum;
use std::sync::Arc;

/// Long enough for a figure of two digits, short enough for a list.
const MEASURE_SECONDS: f64 = 0.06;

/// How weights are stored, on the command line.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum PrecisionArg {
    /// The most compact storage whose predictions stay within a bound of the exact ones
    Auto,
    /// 32 bits, as trained
    F32,
    /// 16 bits, the accurate ones
    F16,
    /// 16 bits, the fast ones
    Bf16,
    /// 8 bits
    Int8,
}

impl From<PrecisionArg> for Option<Precision> {
    fn from(argument: PrecisionArg) -> Self {
        match argument {
            PrecisionArg::Auto => None,
            PrecisionArg::F32 => Some(Precision::F32),
            PrecisionArg::F16 => Some(Precision::F16),
            PrecisionArg::Bf16 => Some(Precision::Bf16),
            PrecisionArg::Int8 => Some(Precision::Int8),
        }
    }
}

/// Seconds of sound per second of computing: one voice on one core at 48 kHz, stored as the model chooses, measured for a
/// moment.
pub fn measure_real_time_factor(data: &ModelData) -> f64 {
    let network = Arc::new(Network::load(data, None, Isa::from_environment()));
    measure_voices(&network, USUAL_HOST_HZ, 1, MEASURE_SECONDS)
}

/// A factor of real time for a table.
pub fn shown_factor(factor: f64) -> String {
    if factor < 10.0 { factor_to_text(factor) } else { format!("{factor:.0}") }
}

/// The warning about a model whose measured real-time factor is below 1.
pub fn slow_warning(name: &str, factor: f64) -> String {
    format!(
        "warning: {}: {} × real time on this machine (one voice on one core at 48 kHz); played live it will drop out",
        super::one_line(name),
        factor_to_text(factor)
    )
}

/// A model on its own, stored as asked for; warns if it is slow.
pub fn load_network(data: &ModelData, precision: PrecisionArg) -> Arc<Network> {
    let network = Arc::new(Network::load(data, precision.into(), Isa::from_environment()));
    warn_if_slow(&data.config().name, measure_slowness(&network));
    network
}

/// Says so on stderr.
pub fn warn_if_slow(name: &str, slowness: Option<f64>) {
    if let Some(factor) = slowness {
        remark!("{}", slow_warning(name, factor));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_warning_is_one_line_with_the_name_and_the_factor() {
        assert_eq!(
            slow_warning("Huge\nLSTM", 0.4123),
            "warning: Huge LSTM: 0.41 × real time on this machine (one voice on one core at 48 kHz); played live it will \
             drop out"
        );
        assert_eq!([0.00123, 0.5, 3.456, 51.3].map(shown_factor), ["0.0012", "0.50", "3.46", "51"]);
    }

    #[test]
    fn names_of_precisions_are_the_librarys() {
        for value in PrecisionArg::value_variants() {
            let name = value.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default();
            let precision: Option<Precision> = (*value).into();
            assert_eq!(name, precision.map_or("auto", Precision::name));
        }
    }
}
