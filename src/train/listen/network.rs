//! The network of a listening model while it is trained: its weights, its loss over a segment, and the gradient of that.
//!
//! The loss is the cross-entropy of the bins of some frames, plus that of the levels of all frames' bands times a weight.

use super::{
    bands::{self, Bands},
    bins::{self, Bins},
    recall::{self, Recall, Ring},
};
use crate::{
    dsp::random::Random,
    model::{AVERAGES, BANDS, BinTier, Head, LAYER_TENSORS, ModelConfig, ModelData},
    nn::Cell,
    train::{
        TrainError,
        net::{
            cells::{Layer, LayerState, Sequence},
            gradient::{Named, Sink},
            tensors::{values, values_of},
            workspace::Workspace,
        },
    },
};
use candle_core::{Device, Result, Tensor, Var};
use std::{collections::BTreeMap, path::Path, sync::Arc};

/// Deviation of the numbers that tell a bin where it is.
const FIRST_POSITION: f32 = 0.3;
/// ln β of an untrained recall.
const FIRST_SHARPNESS: f32 = 2.5;

/// The sizes of a network and of a segment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sizes {
    pub streams: usize,
    pub steps: usize,
    pub bins: usize,
    /// Width of the recurrent layers.
    pub hidden: usize,
    pub tier: BinTier,
    pub key_size: usize,
    /// The latest frames cannot be recalled.
    pub skip: usize,
    /// The first bin of every band, and one past the last.
    pub bounds: [usize; BANDS + 1],
    pub band_top: f32,
}

impl Sizes {
    /// Of a model with this approach; none of any other.
    pub fn of(model: &ModelConfig, streams: usize, steps: usize) -> Option<Self> {
        let (Head::Autoregressive(tier), Some(own)) = (model.head, model.approach.listening()) else { return None };
        Some(Self {
            streams,
            steps,
            bins: own.bins,
            hidden: model.hidden,
            tier,
            key_size: own.key_size,
            skip: own.recall_skip,
            bounds: own.band_bounds(model.sample_rate_hz),
            band_top: own.band_top,
        })
    }

    /// Frames of a segment.
    pub fn rows(&self) -> usize {
        self.streams * self.steps
    }

    /// Numbers that the recurrent layers hear a step.
    pub fn inputs(&self) -> usize {
        (1 + AVERAGES) * self.bins
    }

    /// Where row `[stream][step]` lies in `[step][stream]`.
    pub fn row_of_step_first(&self, row: usize) -> usize {
        row % self.steps * self.streams + row / self.steps
    }

    /// Where row `[step][stream]` lies in `[stream][step]`.
    pub fn row_of_stream_first(&self, row: usize) -> usize {
        row % self.streams * self.steps + row / self.streams
    }

    /// The layer over bins. Its input has a gradient.
    pub fn bin_layer(&self) -> Layer {
        let (inputs, hidden) = (self.tier.inputs(), self.tier.hidden);
        Layer { cell: Cell::Gru, inputs, hidden, clock_groups: 0, lowest: false }
    }
}

/// What a training hears and is to predict at once.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Segment {
    /// `[step][stream][frame, averages from short to long]`
    pub inputs: Vec<f32>,
    /// The frame before the first one, `[stream][bin]`.
    pub first_before: Vec<f32>,
    /// The frames that follow, `[step][stream][bin]`.
    pub targets: Vec<f32>,
    /// Rows whose bins are predicted, from low to high.
    pub picked: Vec<usize>,
    /// Streams that begin anew: `[stream]`.
    pub restarted: Vec<bool>,
}

impl Segment {
    /// The frame before that of a row.
    pub fn before(&self, sizes: &Sizes, row: usize) -> &[f32] {
        match row.checked_sub(sizes.streams) {
            Some(before) => &self.inputs[before * sizes.inputs()..][..sizes.bins],
            None => &self.first_before[row * sizes.bins..][..sizes.bins],
        }
    }
}

/// What a network carries from segment to segment.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct State {
    pub layers: Vec<LayerState>,
    pub rings: Vec<Ring>,
}

impl State {
    /// Forgets what the marked streams remember.
    pub fn forget(&mut self, restarted: &[bool]) {
        self.layers.iter_mut().for_each(|layer| layer.forget(restarted));
        self.rings.iter_mut().zip(restarted).filter(|(_, restarted)| **restarted).for_each(|(ring, _)| ring.clear());
    }
}

/// Losses of a segment.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Losses {
    /// Mean cross-entropy of a bin, in nats.
    pub bins: f32,
    /// Mean cross-entropy of a band.
    pub bands: f32,
    /// Mean cosine of what is recalled.
    pub sureness: f32,
}

/// Gradients of what the bands and the bins both hear.
pub(super) struct Shared<'a> {
    /// `[step][stream][hidden]`
    pub h: &'a mut [f32],
    /// `[stream][step][bin]`
    pub suggestions: &'a mut [f32],
    /// `[stream][step]`
    pub sureness: &'a mut [f32],
}

/// Weights of a listening model, and how they are trained.
pub(crate) struct ListeningNetwork {
    model: ModelConfig,
    layers: Vec<Layer>,
    /// What the cross-entropy of the bands counts beside that of the bins.
    band_weight: f32,
    /// Moments that each stream can recall from earlier segments.
    ring: usize,
    work: Arc<Workspace>,
    sink: Sink,
    /// Under the names of the model file.
    pub variables: BTreeMap<String, Var>,
}

impl ListeningNetwork {
    /// Weights begin as in PyTorch: uniform within ±1/√inputs, of recurrent layers within ±1/√hidden. Queries and keys begin
    /// equal, so that a moment is most like itself.
    pub fn new(model: &ModelConfig, band_weight: f32, ring: usize, random: &mut Random) -> Result<Self> {
        let mut tensors = model.tensors();
        tensors.sort_by(|a, b| a.name.cmp(&b.name));
        let mut variables: BTreeMap<String, Var> = BTreeMap::new();
        for tensor in tensors {
            let count = tensor.shape.iter().product();
            let weights = match &tensor.name[..] {
                // "key.weight" comes before "query.weight".
                "query.weight" => values([variables["key.weight"].as_tensor()], |[key]| key.to_vec())?,
                name => first_weights(model, name, count, random),
            };
            variables.insert(tensor.name, Var::from_vec(weights, tensor.shape, &Device::Cpu)?);
        }
        let layer = |index| Layer {
            cell: model.cell,
            inputs: if index == 0 { model.inputs() } else { model.hidden },
            hidden: model.hidden,
            clock_groups: 0,
            lowest: index == 0,
        };
        Ok(Self {
            layers: (0..model.layers).map(layer).collect(),
            model: model.clone(),
            band_weight,
            ring,
            work: Arc::default(),
            sink: Sink::default(),
            variables,
        })
    }

    /// Begins with the weights of another model of the same tensors. `name` stands for it in errors.
    pub fn begin_with(&self, model: &ModelData, name: &Path) -> std::result::Result<(), TrainError> {
        let fail = |expected: String, actual: String| TrainError::Beginning { path: name.into(), expected, actual };
        let theirs = model.config();
        if theirs.approach.listening().is_none() {
            let found = theirs.approach.info().name;
            return Err(fail("a listening model".into(), format!("a model of the approach {found}")));
        }
        if (theirs.cell, &theirs.approach, theirs.sample_rate_hz)
            != (self.model.cell, &self.model.approach, self.model.sample_rate_hz)
        {
            let of = |model: &ModelConfig| {
                let approach = serde_json::to_string(&model.approach).unwrap_or_default();
                format!("{:?} at {} Hz, {approach}", model.cell, model.sample_rate_hz)
            };
            return Err(fail(of(&self.model), of(theirs)));
        }
        let shapes = theirs.tensors();
        for wanted in self.model.tensors() {
            let found = shapes.iter().find(|found| found.name == wanted.name);
            if found != Some(&wanted) {
                let found = found.map_or("nothing".into(), |found| format!("{:?}", found.shape));
                return Err(fail(format!("tensor `{}` of shape {:?}", wanted.name, wanted.shape), found));
            }
            let values = Tensor::from_slice(model.tensor(&wanted.name), wanted.shape, &Device::Cpu)?;
            self.variables[&wanted.name].set(&values)?;
        }
        Ok(())
    }

    /// A state in which nothing was heard.
    pub fn zero_state(&self, streams: usize) -> State {
        let layers = self.layers.iter().map(|layer| LayerState::zeros(layer.cell, streams, layer.hidden)).collect();
        State { layers, rings: vec![Ring::default(); streams] }
    }

    /// The losses of a segment; moves `state`, and keeps the gradient for [`Self::gradient`] where it is wanted.
    pub fn pass(&self, segment: &Segment, state: &mut State, wants_gradient: bool) -> Result<Losses> {
        let streams = state.rings.len();
        let steps = segment.targets.len() / self.model.features() / streams.max(1);
        let Some(sizes) = Sizes::of(&self.model, streams, steps) else {
            return Err(candle_core::Error::Msg("a listening model was expected".into()));
        };
        let (names, tensors): (Vec<&str>, Vec<&Tensor>) =
            self.variables.iter().map(|(name, variable)| (&name[..], variable.as_tensor())).unzip();
        values_of(&tensors, |slices| {
            let weights: BTreeMap<&str, &[f32]> = names.iter().copied().zip(slices.iter().copied()).collect();
            self.run(sizes, segment, state, &weights, wants_gradient)
        })
    }

    fn run(
        &self,
        sizes: Sizes,
        segment: &Segment,
        state: &mut State,
        weights: &BTreeMap<&str, &[f32]>,
        wants_gradient: bool,
    ) -> Losses {
        let work = &self.work;
        let mut layers: Vec<(Vec<&[f32]>, Sequence)> = Vec::new();
        for (index, (&layer, start)) in self.layers.iter().zip(&mut state.layers).enumerate() {
            let own: Vec<&[f32]> =
                LAYER_TENSORS[..4].iter().map(|part| weights[&format!("rnn.{part}_l{index}")[..]]).collect();
            let x = layers.last().map_or(&segment.inputs, |(_, below)| &below.h);
            let sequence = Sequence::run(layer, x, &own, start.clone(), work);
            *start = sequence.end();
            layers.push((own, sequence));
        }
        let h = layers.last().map_or(&[][..], |(_, sequence)| &sequence.h);
        let of_recall = recall::Weights {
            query: weights["query.weight"],
            key: weights["key.weight"],
            sharpness: weights["recall.sharpness"][0],
        };
        let of_bands = bands::Weights {
            hidden: weights["bands.hidden.weight"],
            hidden_bias: weights["bands.hidden.bias"],
            out: weights["bands.out.weight"],
            out_bias: weights["bands.out.bias"],
        };
        let of_bins = bins::Weights {
            context: weights["context.weight"],
            context_bias: weights["context.bias"],
            position: weights["position"],
            gru: std::array::from_fn(|part| weights[&format!("bins.{}_l0", LAYER_TENSORS[part])[..]]),
            out: weights["out.weight"],
            out_bias: weights["out.bias"],
        };
        let recall = Recall::run(sizes, &segment.inputs, of_recall, &state.rings, work);
        let bands = Bands::run(sizes, h, &segment.targets, &recall, of_bands, self.band_weight, work);
        let bins = Bins::run(sizes, h, segment, &bands.classes, &recall, of_bins, work);
        if wants_gradient {
            self.backward(
                sizes,
                segment,
                &state.rings,
                &layers,
                (&recall, of_recall),
                ((&bands, of_bands), (&bins, of_bins)),
            );
        }
        recall.keep(&mut state.rings, &segment.targets, self.ring);
        let sureness = recall.sureness.iter().sum::<f32>() / sizes.rows() as f32;
        Losses { bins: bins.loss, bands: bands.loss, sureness }
    }

    /// Leaves the gradients of all weights in the sink.
    fn backward(
        &self,
        sizes: Sizes,
        segment: &Segment,
        rings: &[Ring],
        layers: &[(Vec<&[f32]>, Sequence)],
        (recall, of_recall): (&Recall, recall::Weights<'_>),
        ((bands, of_bands), (bins, of_bins)): ((&Bands, bands::Weights<'_>), (&Bins, bins::Weights<'_>)),
    ) {
        let work = &self.work;
        let h = layers.last().map_or(&[][..], |(_, sequence)| &sequence.h);
        let mut of_h = work.take(h.len());
        let mut of_suggestions = work.take(sizes.rows() * sizes.bins);
        of_suggestions.fill(0.0);
        let mut of_sureness = vec![0.0; sizes.rows()];
        let mut shared = Shared { h: &mut of_h, suggestions: &mut of_suggestions, sureness: &mut of_sureness };

        let names = ["bands.hidden.weight", "bands.hidden.bias", "bands.out.weight", "bands.out.bias"];
        let lengths = [of_bands.hidden, of_bands.hidden_bias, of_bands.out, of_bands.out_bias].map(<[f32]>::len);
        let mut gradients = self.sink.take(names, lengths);
        let [hidden, hidden_bias, out, out_bias] = &mut gradients;
        let own = bands::Gradients { hidden, hidden_bias, out, out_bias };
        bands.backward(sizes, h, of_bands, own, &mut shared, work);
        self.sink.put(names, gradients);

        let names = ["context.weight", "context.bias", "position", "out.weight", "out.bias"];
        let lengths = [of_bins.context, of_bins.context_bias, of_bins.position, of_bins.out, of_bins.out_bias];
        let mut gradients = self.sink.take(names, lengths.map(<[f32]>::len));
        let gru_names: [String; 5] = std::array::from_fn(|part| format!("bins.{}_l0", LAYER_TENSORS[part]));
        let gru_names: [&str; 5] = std::array::from_fn(|part| &gru_names[part][..]);
        let mut gru =
            self.sink.take(gru_names, std::array::from_fn(|part| of_bins.gru.get(part).map_or(0, |part| part.len())));
        let [context, context_bias, position, out, out_bias] = &mut gradients;
        let own = bins::Gradients { context, context_bias, position, gru: &mut gru, out, out_bias };
        bins.backward(sizes, segment, of_bins, own, &mut shared, work);
        self.sink.put(names, gradients);
        self.sink.put(gru_names, gru);

        let names = ["query.weight", "key.weight", "recall.sharpness"];
        let mut gradients = self.sink.take(names, [of_recall.query.len(), of_recall.key.len(), 1]);
        let [query, key, sharpness] = &mut gradients;
        let own = recall::Gradients { query, key, sharpness: &mut sharpness[0] };
        recall.backward(&segment.inputs, rings, &of_suggestions, &of_sureness, own, work);
        self.sink.put(names, gradients);

        let mut of_outputs = of_h.to_vec();
        for (index, (weights, sequence)) in layers.iter().enumerate().rev() {
            let names: [String; 5] = std::array::from_fn(|part| format!("rnn.{}_l{index}", LAYER_TENSORS[part]));
            let names: [&str; 5] = std::array::from_fn(|part| &names[part][..]);
            let mut gradients =
                self.sink.take(names, std::array::from_fn(|part| weights.get(part).map_or(0, |part| part.len())));
            let x = if index == 0 { &segment.inputs } else { &layers[index - 1].1.h };
            if let Some(below) = sequence.backward(x, weights, &of_outputs, &mut gradients, work) {
                of_outputs = below;
            }
            self.sink.put(names, gradients);
        }
    }

    /// The gradient that the last [`Self::pass`] with one has left. Numbers may be taken out of it; their memory is used again.
    pub fn gradient(&self) -> std::sync::MutexGuard<'_, Named> {
        self.sink.lock()
    }

    /// The weights as they are, under the names of the model file.
    pub fn tensors(&self) -> Result<Named> {
        let all = self.variables.iter();
        all.map(|(name, variable)| Ok((name.clone(), values([variable.as_tensor()], |[w]| w.to_vec())?))).collect()
    }
}

fn first_weights(model: &ModelConfig, name: &str, count: usize, random: &mut Random) -> Vec<f32> {
    let (Head::Autoregressive(tier), Some(own)) = (model.head, model.approach.listening()) else {
        return vec![0.0; count];
    };
    let normal = |deviation: f32, random: &mut Random| (0..count).map(|_| deviation * random.normal()).collect();
    let fan_in = match name {
        "position" => return normal(FIRST_POSITION, random),
        "key.weight" => return normal(1.0 / (own.key_size as f32).sqrt(), random),
        "recall.sharpness" => return vec![FIRST_SHARPNESS; count],
        _ if name.starts_with("bands.hidden.") => model.hidden + tier.band_inputs(),
        _ if name.starts_with("bands.out.") => tier.band_hidden,
        _ if name.starts_with("bins.") || name.starts_with("out.") => tier.hidden,
        _ => model.hidden,
    };
    let bound = 1.0 / (fan_in as f32).sqrt();
    (0..count).map(|_| bound * (2.0 * random.uniform() - 1.0)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        learn::{BAND_WEIGHT, Batch, Hearing, Update, Wanted},
        model::{Approach, Listening},
        nn::Isa,
    };
    use candle_core::safetensors::load;

    const STREAMS: usize = 3;
    const RING: usize = 12;

    /// The model of `tests/fixtures/pytorch/listening.py`.
    fn fixture() -> ModelConfig {
        let own = Listening {
            window: 256,
            hop: 64,
            lowest_hz: 100.0,
            bins: 20,
            bins_per_octave: 12.0,
            band_edges_hz: [200.0, 350.0, 520.0],
            key_size: 8,
            recall_skip: 3,
            ..Listening::default()
        };
        let tier = BinTier { levels: 8, hidden: 12, context: 2, position: 3, band_hidden: 10 };
        let mut model = ModelConfig::new(Approach::Listening(own), Cell::Lstm, 1, 24, 8000);
        model.head = Head::Autoregressive(tier);
        model
    }

    #[test]
    fn losses_and_gradients_are_those_of_pytorch() {
        let tensors = load("tests/fixtures/pytorch/listening.safetensors", &Device::Cpu).expect("the fixture");
        let numbers = |name: &str| -> Vec<f32> {
            tensors[name].flatten_all().and_then(|tensor| tensor.to_vec1()).expect("numbers of 32 bits")
        };
        let model = fixture();
        assert_eq!(Sizes::of(&model, 1, 1).expect("a listening model").bounds, [0, 4, 8, 14, 20]);
        let network = ListeningNetwork::new(&model, 0.3, RING, &mut Random::new(1)).expect("weights");
        for (name, variable) in &network.variables {
            variable.set(&tensors[&format!("weight/{name}")]).expect("the same shape");
        }
        let mut state = network.zero_state(STREAMS);
        for (index, expected) in numbers("losses").chunks(3).enumerate() {
            let of = |name: &str| numbers(&format!("{index}/{name}"));
            let segment = Segment {
                inputs: of("inputs"),
                first_before: of("first_before"),
                targets: of("targets"),
                picked: of("picked").iter().map(|&row| row as usize).collect(),
                restarted: of("restarted").iter().map(|&restarted| restarted > 0.0).collect(),
            };
            state.forget(&segment.restarted);
            let losses = network.pass(&segment, &mut state, true).expect("a pass");
            for (got, expected) in [losses.bins, losses.bands, losses.sureness].iter().zip(expected) {
                assert!((got - expected).abs() < 2e-6, "segment {index}: {got} for {expected}");
            }
        }
        let gradient = network.gradient();
        assert_eq!(gradient.len(), network.variables.len());
        for (name, got) in &*gradient {
            let expected = numbers(&format!("gradient/{name}"));
            let most = expected.iter().fold(0.0f32, |most, g| most.max(g.abs()));
            assert!(most > 1e-4 && got.len() == expected.len(), "{name}: {most}");
            for (got, expected) in got.iter().zip(&expected) {
                assert!((got - expected).abs() < 2e-6 + 1e-4 * most, "{name}: {got} for {expected}, largest {most}");
            }
        }
    }

    #[test]
    fn gradients_are_those_that_learning_from_single_frames_has() {
        let path = Path::new("tests/fixtures/listening/small.safetensors");
        let data = ModelData::read(path).expect("the fixture");
        let mut model = data.config().clone();
        let bins = model.frame_size();
        let mut random = Random::new(4);
        // Tones that stay for a while, and rests.
        let frames: Vec<u8> = (0..60 * bins)
            .map(|at| ((at / bins / 9 * 7 + at % bins * 5) % 11) as u32 * 20 + random.below(30))
            .map(|level| if level < 60 { 0 } else { level as u8 })
            .collect();
        if let Approach::Listening(own) = &mut model.approach {
            own.recall_skip = 4;
        }
        let data = data.with_config(model.clone()).expect("the same tensors");
        let material = Hearing::new(&data, Isa::best()).expect("it listens").of_frames(frames.clone(), false);
        let network = ListeningNetwork::new(&model, BAND_WEIGHT, RING, &mut Random::new(1)).expect("weights");
        network.begin_with(&data, path).expect("the same tensors");
        let mut state = network.zero_state(1);
        // From the first frame on, as the recurrent layers begin there; the last one only follows.
        let level = |index: usize| frames[index * bins..][..bins].iter().map(|&level| f32::from(level) * (1.0 / 255.0));
        let mut segment = Segment { first_before: vec![0.0; bins], restarted: vec![true], ..Segment::default() };
        let [averages, ..] = material.parts();
        for (index, averages) in averages.chunks_exact(AVERAGES * bins).enumerate().take(59) {
            segment.inputs.extend(level(index).chain(averages.iter().copied()));
            segment.targets.extend(level(index + 1));
        }
        segment.picked = (1..59).collect();
        let losses = network.pass(&segment, &mut state, true).expect("a pass");
        let mut update = Update::new(&data, Isa::best()).expect("it listens");
        let mut batch = Batch::new(*update.shape(), 60);
        (1..59).for_each(|moment| material.push(moment, 0.0, &mut random, &mut batch));
        let weights = update.shape().weights_of(&data);
        let got = update.run(&weights, &batch, Wanted::Gradient);
        assert!((got.bins as f32 - losses.bins).abs() < 1e-6, "{got:?} {losses:?}");
        let gradient = network.gradient();
        for (name, got) in update.shape().tensors(update.gradient()) {
            if name.starts_with("bands.") {
                continue;
            }
            let expected = &gradient[&name];
            let most = expected.iter().fold(0.0f32, |most, g| most.max(g.abs()));
            assert!(most > 1e-4 && got.len() == expected.len(), "{name}: {most}");
            for (got, expected) in got.iter().zip(expected) {
                assert!((got - expected).abs() < 2e-5 * most, "{name}: {got} for {expected}, largest {most}");
            }
        }
    }
}
