//! Material as features, and the model configuration that follows from it.

use super::{config::TrainConfig, error::TrainError, material, options::TrainApproach, pca::Pca};
use crate::{
    approach::{FrameAnalyser, Projection},
    dsp::{measure::Liveliness, random::mix64, stft::MagnitudeStft},
    model::{Approach, Cell, FORMAT_VERSION, Head, ModelConfig, Scaling, Training},
    nn::Isa,
};
use std::{collections::BTreeMap, path::Path};

/// Features of a data set take at most this many bytes.
const MAX_BYTES: usize = 2 << 30;
/// Vectors are taken at this many places within a hop for their covariance.
const VECTOR_PCA_OFFSETS: usize = 16;
/// The covariance is taken from at most this many frames, evenly spread.
const MAX_PCA_FRAMES: usize = 16_384;

/// What is trained on.
#[derive(Clone, Debug)]
pub struct Dataset {
    /// The model's configuration, complete but for what the training itself finds out.
    pub model: ModelConfig,
    /// Rows of the material cut at evenly spaced places within a hop. `[offset][row · row_size]`
    pub(super) lattices: Vec<Vec<f32>>,
    /// Rows of the validation recordings, one lattice. Empty if there are none.
    pub(super) validation: Vec<f32>,
    /// Tensors of the projection, under the names of the model file.
    pub(super) projection: BTreeMap<String, Vec<f32>>,
    /// Part of the variance that the principal components hold; 1 without.
    pub kept_variance: f32,
    /// Seconds of sound, silences cut out.
    pub seconds: f32,
    /// The loss of repeating the last frame, in the units of the head's loss: mean squared error, or for a mixture the
    /// likelihood of one Gaussian around the last frame whose scales fit the material.
    pub baseline_loss: f32,
}

impl Dataset {
    /// Reads the recordings of a checked configuration, relative names in `folder`.
    ///
    /// # Errors
    /// If a recording is refused, or the material is silent, too short or too long.
    pub fn read(config: &TrainConfig, folder: &Path) -> Result<Self, TrainError> {
        let sound = material::read(&config.files, config, folder)?;
        let held_out = material::read(&config.validation, config, folder)?;
        Self::of(config, &sound, &held_out)
    }

    /// Of a sound at the model's rate, and one to be tested on.
    pub(super) fn of(config: &TrainConfig, sound: &[f32], held_out: &[f32]) -> Result<Self, TrainError> {
        let level = Liveliness::of(sound);
        if level.rms < 1e-6 {
            return Err(TrainError::Material {
                expected: "sound louder than the threshold of `trim_silence_db`".into(),
                actual: format!("{} s of silence", sound.len() as f32 / config.sample_rate_hz as f32),
            });
        }
        let mut model = model_config(config, sound);
        model.material = level;
        let bytes = config.offsets * (sound.len() / model.hop_samples()) * model.features() * size_of::<f32>();
        if bytes > MAX_BYTES {
            let expected = format!("features of at most {MAX_BYTES} bytes (fewer files, components or offsets)");
            return Err(TrainError::Material { expected, actual: format!("{bytes} bytes") });
        }
        let pca = match config.principal_components {
            0 => None,
            components => Some(principal_components(&model, sound, components, config.whitening)?),
        };
        let encoder = Encoder::new(&model, pca.as_ref());
        let validation = encoder.rows(held_out);
        let lattices: Vec<Vec<f32>> = (0..config.offsets)
            .map(|k| encoder.rows(sound.get(k * model.hop_samples() / config.offsets..).unwrap_or(&[])))
            .collect();
        let row_size = model.features();
        let needed = config.bptt + 2;
        let least = lattices.iter().map(|rows| rows.len() / row_size).min().unwrap_or(0);
        if least < needed {
            return Err(TrainError::Material {
                expected: format!("at least {needed} frames (bptt + 2)"),
                actual: format!("{least} frames"),
            });
        }
        let changes = squared_changes(&lattices[0], row_size);
        model.training.repeat_loss = (changes.iter().sum::<f64>() / row_size as f64) as f32;
        let projection = pca.as_ref().map(|pca| projection_tensors(pca, &lattices)).unwrap_or_default();
        Ok(Self {
            baseline_loss: match model.head {
                Head::Mse => model.training.repeat_loss,
                Head::Mixture { .. } => gaussian_loss(&changes),
            },
            kept_variance: pca.as_ref().map_or(1.0, |pca| pca.kept),
            seconds: sound.len() as f32 / model.sample_rate_hz as f32,
            validation,
            projection,
            lattices,
            model,
        })
    }

    /// Rows of a lattice; all lattices have this many or one more or less.
    pub fn frames(&self) -> usize {
        self.lattices[0].len() / self.model.features()
    }

    /// A number that changes with the features: a checkpoint goes on with the material it began with.
    pub(super) fn fingerprint(&self) -> u64 {
        let values = self.lattices.iter().flatten().chain(&self.validation);
        values.fold(0, |hash, value| mix64(hash ^ u64::from(value.to_bits())))
    }
}

fn model_config(config: &TrainConfig, sound: &[f32]) -> ModelConfig {
    let approach = match config.approach {
        TrainApproach::Vector { seg_len, overlap, emphasis, gain } => {
            Approach::Vector { seg_len, overlap, emphasis, gain }
        }
        TrainApproach::Sample => Approach::Sample,
        TrainApproach::Column { seg_len } => Approach::Column { seg_len },
        TrainApproach::Transpose { seg_len } => Approach::Transpose {
            seg_len,
            num_unrollings: config.num_unrollings,
            int_cursor_inc: config.int_cursor_inc.unwrap_or(1),
        },
        TrainApproach::Magnitude { window, hop, zero_padding, peak_picking, power, sharpen } => {
            let fft = window * (1 + usize::from(zero_padding));
            let magnitude_peak = magnitude_peak(sound, window, fft, hop);
            Approach::Magnitude { window, hop, zero_padding, peak_picking, magnitude_peak, power, sharpen }
        }
    };
    let mut model = ModelConfig {
        format_version: FORMAT_VERSION,
        name: config.name.clone(),
        approach,
        cell: config.cell,
        layers: config.layers,
        hidden: config.hidden,
        peepholes: config.peepholes,
        clock_groups: if config.cell == Cell::Clockwork { config.clock_groups } else { 0 },
        residual_layers: config.use_residual,
        tanh_output: config.tanh_output,
        head: config.head,
        sample_rate_hz: config.sample_rate_hz,
        scaling: scaling(config, sound),
        principal_components: config.principal_components,
        temperature: config.temperature,
        feedback_noise: config.feedback_noise,
        warmup_speed: 1.0,
        material: Liveliness::default(),
        training: Training {
            material: config.files.iter().map(|file| file.path.display().to_string()).collect(),
            licence: config.licence.clone(),
            hyperparameters: serde_json::to_value(config).unwrap_or_default(),
            version: env!("CARGO_PKG_VERSION").into(),
            ..Training::default()
        },
        notes: config.notes.clone(),
    };
    model.warmup_speed = model.conservative_warmup_speed();
    model
}

/// Mean and deviation of what the network hears of the samples: after the emphasis.
fn scaling(config: &TrainConfig, sound: &[f32]) -> Scaling {
    let emphasis = match config.approach {
        TrainApproach::Vector { emphasis, .. } => emphasis,
        _ => 0.0,
    };
    let heard = || sound.windows(2).map(|pair| f64::from(pair[1] - emphasis * pair[0]));
    let count = sound.len().max(2) as f64 - 1.0;
    let mean = heard().sum::<f64>() / count;
    let variance = heard().map(|x| (x - mean).powi(2)).sum::<f64>() / count;
    Scaling { mean: mean as f32, std: variance.sqrt().max(1e-6) as f32 }
}

/// The largest magnitude of a sound's frames.
pub fn magnitude_peak(sound: &[f32], window: usize, fft: usize, hop: usize) -> f32 {
    let mut stft = MagnitudeStft::new(window, fft);
    let mut frame = vec![0.0; stft.bins()];
    let mut peak = 1e-6f32;
    for samples in sound.windows(window).step_by(hop) {
        stft.magnitudes(samples, &mut frame);
        peak = frame.iter().fold(peak, |peak, &m| peak.max(m));
    }
    peak
}

/// Sound to rows: the features of its frames.
struct Encoder<'a> {
    model: &'a ModelConfig,
    projection: Option<Projection>,
}

impl<'a> Encoder<'a> {
    fn new(model: &'a ModelConfig, pca: Option<&Pca>) -> Self {
        let projection = pca.map(|pca| {
            let open = vec![0.0; pca.scale.len()];
            Projection::new(&pca.basis, &pca.mean, &pca.scale, &open, &open, Isa::from_environment())
        });
        Self { model, projection }
    }

    /// `[row · features]`
    fn rows(&self, sound: &[f32]) -> Vec<f32> {
        let (hop, row_size) = (self.model.hop_samples(), self.model.features());
        let mut rows = Vec::with_capacity(sound.len() / hop * row_size);
        let mut analyser = FrameAnalyser::new(self.model);
        let mut frame = vec![0.0; self.model.frame_size()];
        let mut features = self.projection.as_ref().map(Projection::make_feature_buffer);
        for samples in sound.windows(self.model.window_samples()).step_by(hop) {
            analyser.frame(samples, &mut frame);
            match (&self.projection, &mut features) {
                (Some(projection), Some(features)) => {
                    projection.project(&frame, features);
                    rows.extend_from_slice(&features[..row_size]);
                }
                _ => rows.extend_from_slice(&frame),
            }
        }
        rows
    }
}

fn principal_components(
    model: &ModelConfig,
    sound: &[f32],
    components: usize,
    whitening: f32,
) -> Result<Pca, TrainError> {
    let hop = model.hop_samples();
    let frames = (sound.len() + hop).saturating_sub(model.window_samples()) / hop;
    let mut stride = frames.div_ceil(MAX_PCA_FRAMES).max(1) * hop;
    if let Approach::Vector { .. } = model.approach {
        // Raw samples look different at every place of a hop: a basis from one lattice fits no other sound.
        stride = (stride / VECTOR_PCA_OFFSETS).max(1);
    }
    let mut analyser = FrameAnalyser::new(model);
    let size = model.frame_size();
    let mut chosen = Vec::new();
    for samples in sound.windows(model.window_samples()).step_by(stride) {
        let start = chosen.len();
        chosen.resize(start + size, 0.0);
        analyser.frame(samples, &mut chosen[start..]);
    }
    Pca::of(&chosen, size, components, whitening)
}

fn projection_tensors(pca: &Pca, lattices: &[Vec<f32>]) -> BTreeMap<String, Vec<f32>> {
    let components = pca.scale.len();
    let (mut least, mut most) = (vec![f32::INFINITY; components], vec![f32::NEG_INFINITY; components]);
    for row in lattices.iter().flat_map(|rows| rows.chunks_exact(components)) {
        for (c, &value) in row.iter().enumerate() {
            least[c] = least[c].min(value);
            most[c] = most[c].max(value);
        }
    }
    let tensors = [
        ("pca.basis", pca.basis.clone()),
        ("pca.mean", pca.mean.clone()),
        ("pca.scale", pca.scale.clone()),
        ("pca.min", least),
        ("pca.max", most),
    ];
    tensors.into_iter().map(|(name, values)| (name.to_string(), values)).collect()
}

/// Mean squared change from row to row, per feature.
fn squared_changes(rows: &[f32], row_size: usize) -> Vec<f64> {
    let mut changes = vec![0.0f64; row_size];
    let count = (rows.len() / row_size - 1).max(1) as f64;
    for pair in rows.windows(2 * row_size).step_by(row_size) {
        let (last, next) = pair.split_at(row_size);
        for (sum, (a, b)) in changes.iter_mut().zip(last.iter().zip(next)) {
            *sum += f64::from(b - a).powi(2) / count;
        }
    }
    changes
}

/// Negative log likelihood per feature of Gaussians with these variances on their own data: ½ ln(2πe·v).
fn gaussian_loss(variances: &[f64]) -> f32 {
    let constant = (std::f64::consts::TAU * std::f64::consts::E).ln();
    let logs: f64 = variances.iter().map(|v| 0.5 * (constant + v.max(1e-12).ln())).sum();
    (logs / variances.len() as f64) as f32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dsp::random::Random;

    fn sound() -> Vec<f32> {
        let mut random = Random::new(3);
        (0..44_100).map(|i| 0.3 * libm::sinf(i as f32 * 0.05) + 0.05 * random.normal()).collect()
    }

    #[test]
    fn features_lie_in_range_and_their_figures_are_right() {
        let config =
            TrainConfig { principal_components: 16, whitening: 1.0, offsets: 2, bptt: 16, ..TrainConfig::default() };
        let data = Dataset::of(&config, &sound(), &sound()[..4000]).expect("good material");
        assert_eq!(data.lattices.len(), 2);
        assert_eq!(data.frames(), (44_100 - 2048) / 512 + 1);
        let rows = data.lattices[0].chunks_exact(16);
        for c in 0..16 {
            let values: Vec<f64> = rows.clone().map(|row| f64::from(row[c])).collect();
            let mean = values.iter().sum::<f64>() / values.len() as f64;
            let deviation = (values.iter().map(|v| v * v).sum::<f64>() / values.len() as f64).sqrt();
            assert!(mean.abs() < 1e-3 && (deviation - 1.0).abs() < 1e-2, "component {c}: {mean}, {deviation}");
        }
        // Nearly white features change by about √2 of their deviation.
        assert!((0.2..2.5).contains(&data.model.training.repeat_loss), "{}", data.model.training.repeat_loss);
        assert_eq!(data.validation.len() / 16, (4000 - 2048) / 512 + 1);
    }

    #[test]
    fn rows_of_a_vector_hold_the_segment_and_its_overlap() {
        let config = TrainConfig {
            approach: TrainApproach::Vector { seg_len: 64, overlap: 16, emphasis: 0.0, gain: 1.0 },
            head: Head::Mse,
            principal_components: 0,
            ..TrainConfig::default()
        };
        let data = Dataset::of(&config, &sound(), &[]).expect("good material");
        let rows: Vec<&[f32]> = data.lattices[0].chunks_exact(80).collect();
        assert_eq!(rows[3][64..], rows[4][..16]);
        let level: f64 = rows.iter().flat_map(|row| &row[..64]).map(|&x| f64::from(x) * f64::from(x)).sum();
        assert!((level / (rows.len() as f64 * 64.0) - 1.0).abs() < 0.01);
    }

    #[test]
    fn silence_and_too_little_are_refused() {
        let config = TrainConfig::default();
        let silent = Dataset::of(&config, &[0.0; 44_100], &[]).expect_err("silence").to_string();
        assert!(silent.contains("silence"), "{silent}");
        let short = Dataset::of(&config, &sound()[..4000], &[]).expect_err("too short").to_string();
        assert!(short.contains("66 frames"), "{short}");
    }
}
