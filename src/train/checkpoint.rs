//! Checkpoints: everything from which a training goes on with the same bits, in one safetensors file.

use super::{cells::LayerState, error::TrainError, network::TrainedNetwork, optimiser::Adam, streams::Place};
use candle_core::{Device, Tensor};
use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, HashMap},
    fs::File,
    io::{Read, Write},
    path::Path,
};

const METADATA_KEY: &str = "sympathy-checkpoint";
/// No checkpoint is larger: three times a model and the states.
const MAX_BYTES: u64 = 4 << 30;

/// The numbers of a checkpoint; floats as bits, which JSON does not always keep.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Counters {
    /// The configuration without the fields that may change on the way.
    pub configuration: String,
    /// [`super::dataset::Dataset::fingerprint`].
    pub material: u64,
    pub step: u64,
    pub updates: u64,
    pub elapsed_bits: u64,
    pub epoch_sum_bits: u64,
    pub epoch_steps: u64,
    pub epoch_loss_bits: Option<u32>,
    pub running_loss_bits: Option<u32>,
    /// Steps made by every layer.
    pub ticks: Vec<u64>,
    pub places: Vec<Place>,
    pub streams_random: [u32; 4],
    pub dropout_random: [u32; 4],
}

/// Tensors of a checkpoint under names with a prefix, as they are written.
type Tensors = BTreeMap<String, Vec<f32>>;

/// Writes a checkpoint: beside its place first, then moved there.
pub(super) fn write(
    path: &Path,
    counters: &Counters,
    network: &TrainedNetwork,
    adam: &Adam,
    state: &[LayerState],
) -> Result<(), TrainError> {
    let mut tensors: Tensors = network.tensors()?.into_iter().map(|(name, v)| (format!("weight/{name}"), v)).collect();
    for (prefix, moments) in [("first", &adam.first), ("second", &adam.second)] {
        tensors.extend(moments.iter().map(|(name, values)| (format!("{prefix}/{name}"), values.clone())));
    }
    for (layer, LayerState { h, c, .. }) in state.iter().enumerate() {
        tensors.insert(format!("state/h{layer}"), h.clone());
        tensors.insert(format!("state/c{layer}"), c.clone());
    }
    let fail = |found: String| TrainError::Checkpoint {
        path: path.into(),
        expected: "a place to write".into(),
        actual: found,
    };
    let bytes: BTreeMap<String, Vec<u8>> = tensors
        .into_iter()
        .map(|(name, values)| (name, values.iter().flat_map(|v| v.to_le_bytes()).collect()))
        .collect();
    let mut views = Vec::new();
    for (name, bytes) in &bytes {
        let view = TensorView::new(Dtype::F32, vec![bytes.len() / 4], bytes).map_err(|e| fail(e.to_string()))?;
        views.push((name.clone(), view));
    }
    let json = serde_json::to_string(counters).map_err(|e| fail(e.to_string()))?;
    let metadata = HashMap::from([(METADATA_KEY.to_string(), json)]);
    let file = safetensors::serialize(views, Some(metadata)).map_err(|e| fail(e.to_string()))?;
    let mut part = path.as_os_str().to_owned();
    part.push(".part");
    let written = File::create(&part)
        .and_then(|mut out| out.write_all(&file).and_then(|()| out.sync_all()))
        .and_then(|()| std::fs::rename(&part, path));
    if written.is_err() {
        // Nothing half-written is left behind; the first error is the one to tell.
        let _ = std::fs::remove_file(&part);
    }
    written.map_err(|e| fail(e.to_string()))
}

/// Reads a checkpoint into a network, optimiser and state of the same configuration.
pub(super) fn read(
    path: &Path,
    network: &TrainedNetwork,
    adam: &mut Adam,
    state: &mut [LayerState],
) -> Result<Counters, TrainError> {
    let fail = |expected: &str, found: String| TrainError::Checkpoint {
        path: path.into(),
        expected: expected.into(),
        actual: found,
    };
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(|e| fail("a checkpoint", e.to_string()))?;
    file.take(MAX_BYTES).read_to_end(&mut bytes).map_err(|e| fail("a checkpoint", e.to_string()))?;
    let (_, header) = SafeTensors::read_metadata(&bytes).map_err(|e| fail("a safetensors file", e.to_string()))?;
    let json = header.metadata().as_ref().and_then(|metadata| metadata.get(METADATA_KEY));
    let json = json.ok_or_else(|| fail("a checkpoint of a training", "another safetensors file".into()))?;
    let counters: Counters =
        serde_json::from_str(json).map_err(|e| fail("the numbers of a checkpoint", e.to_string()))?;
    let tensors = SafeTensors::deserialize(&bytes).map_err(|e| fail("tensors that fill it", e.to_string()))?;
    let take = |name: String, count: usize| -> Result<Vec<f32>, TrainError> {
        let expected = format!("{count} numbers in tensor `{name}`");
        let view = tensors.tensor(&name).map_err(|_| fail(&expected, "nothing".into()))?;
        if view.dtype() != Dtype::F32 || view.data().len() != 4 * count {
            return Err(fail(&expected, format!("{:?} {:?}", view.dtype(), view.shape())));
        }
        let values: Vec<f32> = view.data().as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
        match values.iter().all(|v| v.is_finite()) {
            true => Ok(values),
            false => Err(fail(&format!("finite numbers in tensor `{name}`"), "others".into())),
        }
    };
    for (name, variable) in &network.variables {
        let count = variable.elem_count();
        let weights = take(format!("weight/{name}"), count)?;
        variable.set(&Tensor::from_vec(weights, variable.shape(), &Device::Cpu)?)?;
        if counters.updates > 0 {
            adam.first.insert(name.clone(), take(format!("first/{name}"), count)?);
            adam.second.insert(name.clone(), take(format!("second/{name}"), count)?);
        }
    }
    adam.updates = counters.updates;
    if counters.ticks.len() != state.len() {
        return Err(fail(&format!("the clocks of {} layers", state.len()), format!("of {}", counters.ticks.len())));
    }
    for (layer, (state, tick)) in state.iter_mut().zip(&counters.ticks).enumerate() {
        state.tick = *tick;
        state.h = take(format!("state/h{layer}"), state.h.len())?;
        state.c = take(format!("state/c{layer}"), state.c.len())?;
    }
    Ok(counters)
}
