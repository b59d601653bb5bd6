//! What a model file says of itself, and the shapes that follow from it.

use super::approach::{AVERAGES, Approach, BANDS, Framing, one};
use crate::{
    dsp::measure::Liveliness,
    nn::{Cell, StackShape},
};
use serde::{Deserialize, Serialize};

/// The version this program writes, and the newest it reads.
pub const FORMAT_VERSION: u32 = 1;
/// Names of a recurrent layer's tensors, in this order, before `_l` and its number; the last is there with peepholes only.
pub const LAYER_TENSORS: [&str; 5] = ["weight_ih", "weight_hh", "bias_ih", "bias_hh", "weight_peephole"];

/// How a step's output becomes the next frame (DESIGN 6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Head {
    /// The output is the frame.
    Mse,
    /// Weights, means and scales of diagonal Gaussians. The output layer holds `components` logits, then
    /// `[components][features]` means, then `[components][features]` logarithms of scales.
    Mixture {
        /// Number of Gaussians.
        components: usize,
        /// True: the outputs called means are changes, added to the input.
        #[serde(default)]
        residual: bool,
    },
    /// The bins of a frame are drawn one after the other, each from a categorical distribution over its level, after the levels of
    /// the frame's bands: a layer of GRU runs over the bins from low to high (two tiers as in MelNet, Vasquez and Lewis 2019).
    /// With the approach *listening* only.
    Autoregressive(BinTier),
}

/// Sizes of the network that draws the bins of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BinTier {
    /// Steps of a level, from silence to full scale.
    pub levels: usize,
    /// Width of the GRU over bins.
    pub hidden: usize,
    /// Numbers that the recurrent layers tell each bin.
    pub context: usize,
    /// Numbers that tell a bin where it is.
    pub position: usize,
    /// Width of the layer that draws the levels of bands.
    pub band_hidden: usize,
}

impl Default for BinTier {
    /// The values that the recipe was found with.
    fn default() -> Self {
        Self { levels: 32, hidden: 96, context: 6, position: 4, band_hidden: 128 }
    }
}

impl BinTier {
    /// What a bin hears that is known before the frame is drawn: the last frame at the bin below, the bin itself and the two above,
    /// the frame before that, the averages, context, position, the levels of the bands, what is recalled at the bin and
    /// the one above, and how sure that is.
    pub fn known_inputs(&self) -> usize {
        5 + AVERAGES + self.context + self.position + BANDS + 3
    }

    /// What a bin hears: the levels drawn at the two bins below, then all that is known.
    pub fn inputs(&self) -> usize {
        2 + self.known_inputs()
    }

    /// What the layer of the bands hears beside the recurrent layers' output: the levels drawn so far, which one is to be drawn,
    /// those recalled, and how sure that is.
    pub fn band_inputs(&self) -> usize {
        3 * BANDS + 1
    }
}

/// Samples are scaled to (x − mean) / std before the network sees them.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Scaling {
    /// Subtracted.
    pub mean: f32,
    /// Divided by.
    pub std: f32,
}

impl Default for Scaling {
    /// Samples as they are.
    fn default() -> Self {
        Self { mean: 0.0, std: 1.0 }
    }
}

/// What the material of the training sounds like.
pub type MaterialFigures = Liveliness;

/// Where a model comes from.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Training {
    /// Names of the recordings.
    #[serde(default)]
    pub material: Vec<String>,
    /// Licence and attribution of the material.
    #[serde(default)]
    pub licence: String,
    /// The training configuration, as it was read.
    #[serde(default)]
    pub hyperparameters: serde_json::Value,
    /// Epochs trained.
    #[serde(default)]
    pub epochs: u32,
    /// Mean training loss of the last epoch.
    #[serde(default)]
    pub final_loss: f32,
    /// Loss on the held-out part, where there was one.
    #[serde(default)]
    pub validation_loss: Option<f32>,
    /// Mean squared error of repeating the last frame, on the same features: what a prediction has to beat.
    #[serde(default)]
    pub repeat_loss: f32,
    /// Loss of repeating the last frame, in the units of the other losses; files from before version 0.2 do not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline_loss: Option<f32>,
    /// Version of the program that trained it.
    #[serde(default)]
    pub version: String,
}

/// The metadata object `sympathy` of a model file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelConfig {
    /// [`FORMAT_VERSION`].
    pub format_version: u32,
    /// Shown to the user.
    pub name: String,
    /// How audio becomes steps.
    pub approach: Approach,
    /// The recurrent cell.
    pub cell: Cell,
    /// Layers of cells.
    pub layers: usize,
    /// Width of a layer.
    pub hidden: usize,
    /// LSTM: the gates see the cell through diagonal weights `rnn.weight_peephole_l{k}`, `(3·hidden)` in the order i, f, o
    /// (Gers and Schmidhuber 2000): i and f the last one, o the new one.
    #[serde(default, skip_serializing_if = "is_false")]
    pub peepholes: bool,
    /// Clockwork: groups of units, a divisor of the width; 0 for other cells.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub clock_groups: usize,
    /// A layer's input is added to its output where both have the same width (He et al. 2016).
    #[serde(default, skip_serializing_if = "is_false")]
    pub residual_layers: bool,
    /// Outputs of the dense layer go through tanh. With an `mse` head only.
    #[serde(default, skip_serializing_if = "is_false")]
    pub tanh_output: bool,
    /// How outputs become frames.
    pub head: Head,
    /// The rate at which the model hears and speaks.
    pub sample_rate_hz: u32,
    /// Scaling of samples (vector, sample).
    pub scaling: Scaling,
    /// What is heard keeps this part of how far a draw of a mixture lies from what was to be expected (its weighted mean), 0…1;
    /// the network hears all of it. A model that has learned to hear through noise then sounds clean. Without principal
    /// components only.
    #[serde(default = "one")]
    pub sound_spread: f32,
    /// Where the frame slides: the network hears x\[n\] − emphasis · x\[n−1\]; what it says is put right again. 0: plain samples.
    #[serde(default, skip_serializing_if = "is_zero_number")]
    pub emphasis: f32,
    /// Principal components that stand for a frame; 0: the frame itself.
    #[serde(default)]
    pub principal_components: usize,
    /// The spread of a mixture is multiplied by this; the parameter *Temperature* multiplies it in turn.
    pub temperature: f32,
    /// Standard deviation of the noise added to features that are fed back, times the parameter *Temperature*. With an
    /// `mse` head it is what makes random seeds differ.
    #[serde(default)]
    pub feedback_noise: f32,
    /// Seconds of seed that any machine is expected to run per second of clock (DESIGN 4).
    pub warmup_speed: f32,
    /// Figures of the material.
    #[serde(default)]
    pub material: MaterialFigures,
    /// Provenance.
    #[serde(default)]
    pub training: Training,
    /// Free text.
    #[serde(default)]
    pub notes: String,
}

fn is_false(flag: &bool) -> bool {
    !flag
}

fn is_zero_number(number: &f32) -> bool {
    *number == 0.0
}

fn is_zero(number: &usize) -> bool {
    *number == 0
}

/// A tensor that must be in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorShape {
    /// PyTorch's name.
    pub name: String,
    /// Row-major shape.
    pub shape: Vec<usize>,
}

impl ModelConfig {
    /// A model of these sizes in which all else is neutral: the output is the frame, samples are heard as they are, nothing is
    /// added and nothing is known of where it comes from.
    pub fn new(approach: Approach, cell: Cell, layers: usize, hidden: usize, sample_rate_hz: u32) -> Self {
        Self {
            format_version: FORMAT_VERSION,
            name: "Untitled".into(),
            approach,
            cell,
            layers,
            hidden,
            peepholes: false,
            clock_groups: 0,
            residual_layers: false,
            tanh_output: false,
            head: Head::Mse,
            sample_rate_hz,
            scaling: Scaling::default(),
            sound_spread: 1.0,
            emphasis: 0.0,
            principal_components: 0,
            temperature: 1.0,
            feedback_noise: 0.0,
            warmup_speed: 1.0,
            material: MaterialFigures::default(),
            training: Training::default(),
            notes: String::new(),
        }
    }

    /// What its approach says.
    fn framing(&self) -> &dyn Framing {
        self.approach.framing()
    }

    /// Samples from one step to the next.
    pub fn hop_samples(&self) -> usize {
        self.framing().hop_samples()
    }

    /// Samples that a step of the seed looks at.
    pub fn window_samples(&self) -> usize {
        self.samples_before() + self.framing().window_samples()
    }

    /// Samples from the beginning of a step's window to what the step predicts.
    pub fn prediction_samples(&self) -> usize {
        self.samples_before() + self.framing().prediction_samples()
    }

    /// With emphasis a window begins one sample before its frame.
    fn samples_before(&self) -> usize {
        usize::from(self.approach.hears_samples() && self.pre_emphasis() > 0.0)
    }

    /// What part of the sample before is taken from each sample that the network hears.
    pub fn pre_emphasis(&self) -> f32 {
        self.framing().emphasis().unwrap_or(self.emphasis)
    }

    /// True where the frame slides by one sample a step and only that sample is predicted.
    pub fn slides(&self) -> bool {
        self.framing().slides()
    }

    /// Numbers in a frame that the network hears, before principal components: samples or bins.
    pub fn frame_size(&self) -> usize {
        self.framing().frame_size()
    }

    /// Numbers that the network takes a step.
    pub fn inputs(&self) -> usize {
        match self.approach.listening() {
            // The frame, then the averages.
            Some(_) => (1 + AVERAGES) * self.frame_size(),
            None if self.principal_components > 0 => self.principal_components,
            None => self.frame_size(),
        }
    }

    /// Numbers that are predicted a step: the next frame's features, or one sample where the frame slides.
    pub fn features(&self) -> usize {
        if self.slides() {
            1
        } else if self.approach.listening().is_some() {
            self.frame_size()
        } else {
            self.inputs()
        }
    }

    /// Outputs of the dense layer.
    pub fn output_size(&self) -> usize {
        match self.head {
            Head::Mse => self.features(),
            Head::Mixture { components, .. } => components * (1 + 2 * self.features()),
            Head::Autoregressive(tier) => tier.levels,
        }
    }

    /// The sizes of the recurrent layers.
    pub fn stack_shape(&self) -> StackShape {
        StackShape {
            cell: self.cell,
            clock_groups: self.clock_groups,
            inputs: self.inputs(),
            hidden: self.hidden,
            residual: self.residual_layers,
        }
    }

    /// Every tensor a file of this configuration holds.
    pub fn tensors(&self) -> Vec<TensorShape> {
        let tensor = |name: String, shape: &[usize]| TensorShape { name, shape: shape.to_vec() };
        let mut tensors = Vec::new();
        let rows = self.cell.gates() * self.hidden;
        for layer in 0..self.layers {
            let inputs = if layer == 0 { self.inputs() } else { self.hidden };
            tensors.push(tensor(format!("rnn.weight_ih_l{layer}"), &[rows, inputs]));
            tensors.push(tensor(format!("rnn.weight_hh_l{layer}"), &[rows, self.hidden]));
            tensors.push(tensor(format!("rnn.bias_ih_l{layer}"), &[rows]));
            tensors.push(tensor(format!("rnn.bias_hh_l{layer}"), &[rows]));
            if self.peepholes {
                tensors.push(tensor(format!("rnn.weight_peephole_l{layer}"), &[3 * self.hidden]));
            }
        }
        let head_hidden = if let Head::Autoregressive(tier) = self.head { tier.hidden } else { self.hidden };
        tensors.push(tensor("out.weight".into(), &[self.output_size(), head_hidden]));
        tensors.push(tensor("out.bias".into(), &[self.output_size()]));
        if let (Head::Autoregressive(tier), Some(listening)) = (self.head, self.approach.listening()) {
            let bins = listening.bins;
            let mut dense = |name: &str, outputs: usize, inputs: usize, has_bias: bool| {
                tensors.push(tensor(format!("{name}.weight"), &[outputs, inputs]));
                if has_bias {
                    tensors.push(tensor(format!("{name}.bias"), &[outputs]));
                }
            };
            dense("context", bins * tier.context, self.hidden, true);
            dense("bands.hidden", tier.band_hidden, self.hidden + tier.band_inputs(), true);
            dense("bands.out", tier.levels, tier.band_hidden, true);
            dense("query", listening.key_size, 2 * bins, false);
            dense("key", listening.key_size, 2 * bins, false);
            tensors.push(tensor("recall.sharpness".into(), &[1]));
            tensors.push(tensor("position".into(), &[bins, tier.position]));
            tensors.push(tensor("bins.weight_ih_l0".into(), &[3 * tier.hidden, tier.inputs()]));
            tensors.push(tensor("bins.weight_hh_l0".into(), &[3 * tier.hidden, tier.hidden]));
            tensors.push(tensor("bins.bias_ih_l0".into(), &[3 * tier.hidden]));
            tensors.push(tensor("bins.bias_hh_l0".into(), &[3 * tier.hidden]));
        }
        if let Some(columns) = self.approach.columns() {
            // All that the dense layer says of the oldest column first.
            let outputs = self.output_size();
            tensors.push(tensor("columns.weight".into(), &[outputs, columns.num_unrollings * outputs]));
            tensors.push(tensor("columns.bias".into(), &[outputs]));
        }
        if self.principal_components > 0 {
            let (components, frame) = (self.principal_components, self.frame_size());
            tensors.push(tensor("pca.basis".into(), &[components, frame]));
            tensors.push(tensor("pca.mean".into(), &[frame]));
            tensors.push(tensor("pca.scale".into(), &[components]));
            tensors.push(tensor("pca.min".into(), &[components]));
            tensors.push(tensor("pca.max".into(), &[components]));
        }
        tensors
    }

    /// Multiplications of one step.
    pub fn multiplications_per_step(&self) -> u64 {
        let bins = self.approach.listening().map_or(1, |listening| listening.bins as u64);
        let times = |name: &str| match name {
            "position" => 0,
            _ if name.starts_with("bins.") => bins,
            "out.weight" => bins,
            _ if name.starts_with("bands.") => BANDS as u64,
            _ => 1,
        };
        let matrices = self.tensors().into_iter().filter(|tensor| tensor.shape.len() == 2);
        matrices.map(|tensor| times(&tensor.name) * tensor.shape.iter().product::<usize>() as u64).sum()
    }

    /// Multiplications of a step of the seed, of which nothing is drawn.
    fn multiplications_per_seed_step(&self) -> u64 {
        if self.approach.listening().is_none() {
            return self.multiplications_per_step();
        }
        let is_run = |name: &str| ["rnn.", "context.", "query.", "key."].iter().any(|part| name.starts_with(part));
        let matrices = self.tensors().into_iter().filter(|tensor| tensor.shape.len() == 2 && is_run(&tensor.name));
        matrices.map(|tensor| tensor.shape.iter().product::<usize>() as u64).sum()
    }

    /// Seconds of seed per second of clock that a slow machine manages with half a core to spare: 1 billion
    /// multiplications a second, an overhead of 10 µs a step.
    pub fn conservative_warmup_speed(&self) -> f32 {
        let step_seconds = 1e-9 * self.multiplications_per_seed_step() as f64 + 1e-5;
        let hop_seconds = self.hop_samples() as f64 / f64::from(self.sample_rate_hz);
        (0.5 * hop_seconds / step_seconds).clamp(1.0, 64.0) as f32
    }
}
