//! Material as rows, and the model configuration that follows from it.

use super::{
    figures::{gaussian_loss, magnitude_peak, scaling, squared_changes},
    material::{Material, Song},
    pca::Pca,
    rows::{Cut, Rows, uses_frames},
};
use crate::{
    approach::FrameAnalyser,
    audio_file::Warning,
    dsp::{measure::Liveliness, random::mix64},
    hyperparameters::TrainConfig,
    model::{Cell, Head, ModelConfig, Training},
    train::error::TrainError,
};
use std::{collections::BTreeMap, path::Path};

/// Features of a data set take at most this many bytes.
const MAX_BYTES: usize = 2 << 30;
/// Louder material is not sound, but other data.
const MAX_RMS: f32 = 100.0;
/// Vectors are taken at this many places within a hop for their covariance.
const VECTOR_PCA_OFFSETS: usize = 16;
/// The covariance is taken from at most this many frames, evenly spread.
const MAX_PCA_FRAMES: usize = 16_384;

/// What is trained on.
#[derive(Clone, Debug)]
pub struct Dataset {
    /// The model's configuration, complete but for what the training itself finds out.
    pub model: ModelConfig,
    pub(crate) cut: Cut,
    pub(crate) rows: Rows,
    /// Units after which the rows begin again, where the material is a loop.
    pub(crate) lap: Option<usize>,
    /// What is heard before the material and never learned, `[recording][sample]`.
    pub(crate) foreign: Vec<Vec<f32>>,
    /// Rows of what is only tested on, one lattice.
    pub(crate) validation: Rows,
    /// The joined recordings at the model's rate, `[sample]`.
    pub(crate) sound: Vec<f32>,
    pub(crate) songs: Vec<Song>,
    offsets: usize,
    /// Tensors of the projection, under the names of the model file.
    pub(crate) projection: BTreeMap<String, Vec<f32>>,
    /// What weights begin with instead of random numbers; see [`Self::begin_with`].
    pub(crate) first_weights: BTreeMap<String, Vec<f32>>,
    /// Part of the variance that the principal components hold; 1 without.
    pub kept_variance: f32,
    /// Seconds of sound, silences cut out.
    pub seconds: f32,
    /// The loss of repeating the last frame, in the units of the head's loss: mean squared error, or for a mixture the
    /// likelihood of one Gaussian around the last frame whose scales fit the material.
    pub baseline_loss: f32,
    /// What was done to the recordings that their owner should know, a line each.
    pub notes: Vec<String>,
    /// What is missing of the recordings.
    pub warnings: Vec<Warning>,
}

impl Dataset {
    /// Reads the recordings of a checked configuration, relative names in `folder`.
    ///
    /// # Errors
    /// If a recording is refused, or the material is silent, too short or too long.
    pub fn read(config: &TrainConfig, folder: &Path) -> Result<Self, TrainError> {
        Self::of(config, Material::read(config, folder)?)
    }

    /// Of recordings at the model's rate.
    pub(crate) fn of(config: &TrainConfig, material: Material) -> Result<Self, TrainError> {
        let Material { sound, held_out, songs, foreign, notes, warnings } = material;
        let level = Liveliness::of(&sound);
        let wrong = |expected: &str, actual: String| TrainError::Material { expected: expected.into(), actual };
        if level.rms < 1e-6 {
            let expected = "at least 0.25 s of sound louder than the threshold of `trim_silence_db`";
            return Err(wrong(expected, "nothing but silence".into()));
        }
        if !level.rms.is_finite() || level.rms > MAX_RMS {
            return Err(wrong("sound of about full scale 1", format!("an RMS of {}", level.rms)));
        }
        if sound.windows(2).all(|pair| (pair[0] - pair[1]).abs() < 1e-7 * level.rms) {
            return Err(wrong("sound that moves", format!("a constant of {}", sound[0])));
        }
        let mut model = model_config(config, &sound);
        model.material = level;
        if let Some((field, expected, actual)) = model.problem() {
            let actual = format!("{field} = {actual}");
            return Err(TrainError::Material { expected: format!("a model with {field} of {expected}"), actual });
        }
        let cut_rows = if uses_frames(&model) { config.offsets * model.inputs() } else { model.hop_samples() };
        let bytes = cut_rows * (sound.len() / model.hop_samples()) * size_of::<f32>();
        if bytes > MAX_BYTES {
            let expected = format!("features of at most {MAX_BYTES} bytes (fewer files, components or offsets)");
            return Err(TrainError::Material { expected, actual: format!("{bytes} bytes") });
        }
        let cut = Cut::of(config, &model);
        check_length(config, &model, &cut, &sound, &songs)?;
        let pca = match config.principal_components {
            0 => None,
            components => Some(principal_components(&model, &sound, components, config.whitening)?),
        };
        let rows = match config.loop_material {
            true => Rows::looped(&sound, &model, cut.span(config.bptt, false)),
            false => Rows::of(&sound, &model, pca.as_ref(), config.offsets),
        };
        let changes = squared_changes(&rows, &cut);
        model.training.repeat_loss = (changes.iter().sum::<f64>() / changes.len() as f64) as f32;
        let baseline_loss = match model.head {
            Head::Mse => model.training.repeat_loss,
            Head::Mixture { .. } | Head::Autoregressive(_) => gaussian_loss(&changes),
        };
        model.training.baseline_loss = Some(baseline_loss);
        Ok(Self {
            baseline_loss,
            kept_variance: pca.as_ref().map_or(1.0, |pca| pca.kept),
            seconds: sound.len() as f32 / model.sample_rate_hz as f32,
            validation: Rows::of(&held_out, &model, pca.as_ref(), 1),
            projection: pca.as_ref().map(|pca| projection_tensors(pca, &rows)).unwrap_or_default(),
            first_weights: BTreeMap::new(),
            offsets: config.offsets,
            cut,
            rows,
            lap: config.loop_material.then_some(sound.len()),
            foreign,
            sound,
            songs,
            notes,
            warnings,
            model,
        })
    }

    /// Matrices that an epoch shows: one per advance of the cursor.
    pub fn frames(&self) -> usize {
        self.lap.unwrap_or_else(|| self.rows.units(0)).div_ceil(self.cut.advance)
    }

    /// Rows that a step learns from; of the longest recording where a step is a whole one.
    pub fn rows_per_step(&self, config: &TrainConfig) -> u64 {
        match config.one_shot {
            true => self.songs.iter().map(|song| song.span.len() / self.model.hop_samples()).max().unwrap_or(0) as u64,
            false => (config.streams * self.cut.rows * config.bptt) as u64,
        }
    }

    /// The sample of the joined sound at which a unit begins.
    pub(crate) fn sample_of(&self, lattice: usize, unit: usize) -> usize {
        match self.rows {
            Rows::Frames { .. } => {
                let hop = self.model.hop_samples();
                unit * hop + lattice * hop / self.offsets
            }
            Rows::Samples(_) => unit,
        }
    }

    /// The first unit of a lattice that begins at or after a sample.
    pub(crate) fn unit_at(&self, lattice: usize, sample: usize) -> usize {
        match self.rows {
            Rows::Frames { .. } => {
                let hop = self.model.hop_samples();
                sample.saturating_sub(lattice * hop / self.offsets).div_ceil(hop)
            }
            Rows::Samples(_) => sample,
        }
    }

    /// The song to which what follows the row at a unit belongs.
    pub(crate) fn song_of(&self, (lattice, unit): (usize, usize)) -> usize {
        let label = unit + self.cut.label_offset;
        let end = self.sample_of(lattice, self.lap.map_or(label, |lap| label % lap));
        self.songs.partition_point(|song| song.span.end <= end).min(self.songs.len().saturating_sub(1))
    }

    /// A number that changes with the features: a checkpoint goes on with the material it began with.
    pub(crate) fn fingerprint(&self) -> u64 {
        let foreign = self.foreign.iter().flatten().copied();
        let values = self.rows.numbers().chain(self.validation.numbers()).chain(foreign);
        values.fold(0, |hash, value| mix64(hash ^ u64::from(value.to_bits())))
    }
}

/// Refuses material that is shorter than one sequence.
fn check_length(
    config: &TrainConfig,
    model: &ModelConfig,
    cut: &Cut,
    sound: &[f32],
    songs: &[Song],
) -> Result<(), TrainError> {
    let frames = uses_frames(model);
    // In samples: the last lattice begins almost a hop late.
    let samples_of = |units: usize| match frames {
        true => (units - 1) * model.hop_samples() + model.window_samples() + model.hop_samples(),
        // With emphasis the first sample only serves the second.
        false => units + 1,
    };
    let rate = model.sample_rate_hz as f32;
    let fail = |what: &str, needed: usize, found: usize| TrainError::Material {
        expected: format!("{what} of at least {:.2} s, one sequence of the configuration", needed as f32 / rate),
        actual: format!("{:.2} s", found as f32 / rate),
    };
    if !config.one_shot {
        let needed = samples_of(cut.span(config.bptt, frames));
        return if sound.len() < needed { Err(fail("material", needed, sound.len())) } else { Ok(()) };
    }
    let needed = samples_of(cut.span(2, frames));
    match songs.iter().find(|song| song.span.len() < needed) {
        Some(song) => Err(fail(&song.name, needed, song.span.len())),
        None => Ok(()),
    }
}

fn model_config(config: &TrainConfig, sound: &[f32]) -> ModelConfig {
    let approach =
        config.approach_of_model(|frames| magnitude_peak(sound, frames.window, frames.fft_samples(), frames.hop));
    let mut model = ModelConfig {
        name: config.name.clone(),
        peepholes: config.peepholes,
        clock_groups: if config.cell == Cell::Clockwork { config.clock_groups } else { 0 },
        residual_layers: config.use_residual,
        emphasis: config.emphasis,
        tanh_output: config.tanh_output,
        head: config.head,
        scaling: scaling(config, sound),
        principal_components: config.principal_components,
        temperature: config.temperature,
        feedback_noise: config.feedback_noise,
        sound_spread: config.sound_spread,
        training: Training {
            material: config.files.iter().map(|file| file.path.display().to_string()).collect(),
            licence: config.licence.clone(),
            hyperparameters: serde_json::to_value(config).unwrap_or_default(),
            version: env!("CARGO_PKG_VERSION").into(),
            ..Training::default()
        },
        notes: config.notes.clone(),
        ..ModelConfig::new(approach, config.cell, config.layers, config.hidden, config.sample_rate_hz)
    };
    model.warmup_speed = config.warmup_speed.unwrap_or_else(|| model.conservative_warmup_speed());
    model
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
    if model.approach.hears_samples() {
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

fn projection_tensors(pca: &Pca, rows: &Rows) -> BTreeMap<String, Vec<f32>> {
    let components = pca.scale.len();
    let (mut least, mut most) = (vec![f32::INFINITY; components], vec![f32::NEG_INFINITY; components]);
    for (index, value) in rows.numbers().enumerate() {
        let c = index % components;
        least[c] = least[c].min(value);
        most[c] = most[c].max(value);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{dsp::random::Random, hyperparameters::TrainApproach};

    fn sound() -> Vec<f32> {
        let mut random = Random::new(3);
        (0..44_100).map(|i| 0.3 * libm::sinf(i as f32 * 0.05) + 0.05 * random.normal()).collect()
    }

    fn material(sound: Vec<f32>, held_out: Vec<f32>) -> Material {
        Material { held_out, ..Material::of(sound) }
    }

    #[test]
    fn features_lie_in_range_and_their_figures_are_right() {
        let config =
            TrainConfig { principal_components: 16, whitening: 1.0, offsets: 2, bptt: 16, ..TrainConfig::default() };
        let data = Dataset::of(&config, material(sound(), sound()[..4000].to_vec())).expect("good material");
        assert_eq!(data.rows.lattices(), 2);
        assert_eq!(data.frames(), (44_100 - 2048) / 512 + 1);
        let Rows::Frames { lattices, .. } = &data.rows else { panic!("frames") };
        let rows = lattices[0].chunks_exact(16);
        for c in 0..16 {
            let values: Vec<f64> = rows.clone().map(|row| f64::from(row[c])).collect();
            let mean = values.iter().sum::<f64>() / values.len() as f64;
            let deviation = (values.iter().map(|v| v * v).sum::<f64>() / values.len() as f64).sqrt();
            assert!(mean.abs() < 1e-3 && (deviation - 1.0).abs() < 1e-2, "component {c}: {mean}, {deviation}");
        }
        // Nearly white features change by about √2 of their deviation.
        assert!((0.2..2.5).contains(&data.model.training.repeat_loss), "{}", data.model.training.repeat_loss);
        assert_eq!(data.validation.units(0), (4000 - 2048) / 512 + 1);
    }

    #[test]
    fn rows_and_labels_lie_where_the_approach_says() {
        let plain = |approach, num_unrollings, int_cursor_inc| TrainConfig {
            approach,
            num_unrollings,
            int_cursor_inc,
            head: Head::Mse,
            principal_components: 0,
            bptt: 4,
            ..TrainConfig::default()
        };
        let vector = TrainApproach::Vector { seg_len: 64, overlap: 16, emphasis: 0.0, gain: 1.0 };
        for (config, inputs, label, offset, advance) in [
            (plain(vector, 1, None), 80, 80, 64, 64),
            (plain(TrainApproach::Column { seg_len: 64 }, 10, Some(64)), 64, 1, 64, 1),
            (plain(TrainApproach::Transpose { seg_len: 64 }, 10, Some(64)), 64, 1, 64, 1),
            (plain(TrainApproach::Sample, 1, None), 1, 1, 1, 1),
        ] {
            let data = Dataset::of(&config, material(sound(), Vec::new())).expect("good material");
            let Rows::Samples(samples) = &data.rows else { panic!("samples") };
            let level = samples.iter().map(|&x| f64::from(x) * f64::from(x)).sum::<f64>() / samples.len() as f64;
            assert!((level - 1.0).abs() < 0.01, "{level}");
            let cut = data.cut;
            assert_eq!((cut.inputs, cut.label, cut.label_offset, cut.advance), (inputs, label, offset, advance));
            assert_eq!(data.rows.input(0, 100, &cut), &samples[100..100 + inputs]);
            assert_eq!(data.rows.label(0, 100, &cut), &samples[100 + offset..100 + offset + label]);
            assert_eq!(data.frames(), 44_100usize.div_ceil(advance));
        }
    }

    #[test]
    fn songs_are_found_by_what_is_predicted() {
        let config = TrainConfig { principal_components: 0, bptt: 4, ..TrainConfig::default() };
        let mut material = material(sound(), Vec::new());
        material.songs =
            vec![Song { name: "a".into(), span: 0..20_000 }, Song { name: "b".into(), span: 20_000..44_100 }];
        let data = Dataset::of(&config, material).expect("good material");
        let border = 20_000usize.div_ceil(512);
        assert_eq!((data.song_of((0, border - 2)), data.song_of((0, border - 1))), (0, 1));
        assert_eq!(data.song_of((0, 10_000)), 1);
    }

    #[test]
    fn silence_and_too_little_are_refused() {
        let config = TrainConfig::default();
        let silent = Dataset::of(&config, material(vec![0.0; 44_100], Vec::new())).expect_err("silence").to_string();
        assert!(silent.contains("silence"), "{silent}");
        let short = Dataset::of(&config, material(sound()[..4000].to_vec(), Vec::new()));
        let short = short.expect_err("too short").to_string();
        assert!(short.contains("material of at least 1.60 s") && short.contains("0.18 s"), "{short}");
    }
}
