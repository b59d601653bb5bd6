//! Checkpoints: everything from which a training goes on with the same bits, in one safetensors file.

use super::ledger::Ledger;
use crate::{
    audio_file::whole_file::write_whole,
    dsp::random::mix64,
    train::{
        data::{foreign::ForeignSounds, streams::Place},
        error::TrainError,
        net::{cells::LayerState, gradient::Named, network::TrainedNetwork},
        optimiser::Memory,
    },
};
use candle_core::{Device, Tensor};
use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, HashMap},
    fs,
    io::Read,
    path::{Path, PathBuf},
};

const SUM_KEY: &str = "sympathy-checkpoint-sum";
const METADATA_KEY: &str = "sympathy-checkpoint";
/// No checkpoint is larger: three times a model and the states.
const MAX_BYTES: u64 = 4 << 30;

/// The numbers of a checkpoint; floats as bits, which JSON does not always keep.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Counters {
    /// The configuration without the fields that may change on the way.
    pub configuration: String,
    /// [`crate::train::data::dataset::Dataset::fingerprint`].
    pub material: u64,
    pub step: u64,
    pub updates: u64,
    pub elapsed_bits: u64,
    pub ledger: Ledger,
    /// Best loss, epochs waited, reduction of the rate.
    pub plateau: (u32, u32, u64),
    pub validated: u64,
    pub places: Vec<Place>,
    pub song: u32,
    /// Samples for which the other sound of each stream goes on that begins with one.
    #[serde(default)]
    pub foreign_left: Vec<u64>,
    /// Bits of the deviation of the noise in each stream.
    #[serde(default)]
    pub noise: Vec<u32>,
    pub streams_random: [u32; 4],
    pub dropout_random: [u32; 4],
    /// Steps that each layer's clock has counted.
    pub ticks: Vec<u64>,
}

/// Writes a checkpoint: beside its place first, then moved there.
pub(crate) fn write(
    path: &Path,
    counters: &Counters,
    network: &TrainedNetwork,
    memory: &Memory,
    state: &[LayerState],
    foreign: &ForeignSounds,
) -> Result<(), TrainError> {
    let mut tensors: Named = network.tensors()?.into_iter().map(|(name, v)| (format!("weight/{name}"), v)).collect();
    for (prefix, moments) in [("first", &memory.first), ("second", &memory.second)] {
        tensors.extend(moments.iter().map(|(name, values)| (format!("{prefix}/{name}"), values.clone())));
    }
    for (layer, LayerState { h, c, .. }) in state.iter().enumerate() {
        tensors.insert(format!("state/h{layer}"), h.clone());
        tensors.insert(format!("state/c{layer}"), c.clone());
    }
    if foreign.count() > 0 {
        tensors.insert("streams/foreign".into(), foreign.numbers());
    }
    let fail = |found: String| failed(path, "a place to write", found);
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
    let sum = sum(&json, bytes.iter().map(|(name, bytes)| (&name[..], &bytes[..])));
    let metadata = HashMap::from([(METADATA_KEY.to_string(), json), (SUM_KEY.to_string(), sum)]);
    let file = safetensors::serialize(views, Some(metadata)).map_err(|e| fail(e.to_string()))?;
    write_whole(path, &file).map_err(|e| fail(e.to_string()))
}

/// A checkpoint that was read.
pub(crate) struct File {
    path: PathBuf,
    bytes: Vec<u8>,
    pub counters: Counters,
}

impl File {
    /// Reads a checkpoint and its numbers; the tensors are checked when they are restored.
    pub fn open(path: &Path) -> Result<Self, TrainError> {
        let fail = |expected: &str, found: String| failed(path, expected, found);
        let mut bytes = Vec::new();
        let file = fs::File::open(path).map_err(|e| fail("a checkpoint", e.to_string()))?;
        file.take(MAX_BYTES).read_to_end(&mut bytes).map_err(|e| fail("a checkpoint", e.to_string()))?;
        let (_, header) = SafeTensors::read_metadata(&bytes).map_err(|e| fail("a safetensors file", e.to_string()))?;
        let json = header.metadata().as_ref().and_then(|metadata| metadata.get(METADATA_KEY));
        let json = json.ok_or_else(|| fail("a checkpoint of a training", "another safetensors file".into()))?;
        let tensors = SafeTensors::deserialize(&bytes).map_err(|e| fail("tensors that fill it", e.to_string()))?;
        let mut names = tensors.names();
        names.sort_unstable();
        let views = names.into_iter().filter_map(|name| Some((name, tensors.tensor(name).ok()?.data())));
        let found = sum(json, views);
        let wanted = header.metadata().as_ref().and_then(|metadata| metadata.get(SUM_KEY));
        if wanted != Some(&found) {
            return Err(fail("a whole checkpoint", "damage (its checksum differs)".into()));
        }
        let counters = serde_json::from_str(json).map_err(|e| fail("the numbers of a checkpoint", e.to_string()))?;
        Ok(Self { path: path.into(), bytes, counters })
    }

    /// Puts the tensors into a network, optimiser and state of the same configuration.
    pub fn restore(
        &self,
        network: &TrainedNetwork,
        memory: &mut Memory,
        state: &mut [LayerState],
        foreign: &mut ForeignSounds,
    ) -> Result<(), TrainError> {
        let fail = |expected: &str, found: String| failed(&self.path, expected, found);
        let tensors = SafeTensors::deserialize(&self.bytes).map_err(|e| fail("tensors that fill it", e.to_string()))?;
        let take = |name: String, count: usize| -> Result<Vec<f32>, TrainError> {
            let expected = format!("{count} numbers in tensor `{name}`");
            let view = tensors.tensor(&name).map_err(|_| fail(&expected, "nothing".into()))?;
            if view.dtype() != Dtype::F32 || view.data().len() != 4 * count {
                return Err(fail(&expected, format!("{:?} {:?}", view.dtype(), view.shape())));
            }
            let values: Vec<f32> =
                view.data().as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
            match values.iter().all(|v| v.is_finite()) {
                true => Ok(values),
                false => Err(fail(&format!("finite numbers in tensor `{name}`"), "others".into())),
            }
        };
        for (name, variable) in &network.variables {
            let count = variable.elem_count();
            let weights = take(format!("weight/{name}"), count)?;
            variable.set(&Tensor::from_vec(weights, variable.shape(), &Device::Cpu)?)?;
            if self.counters.updates > 0 {
                memory.first.insert(name.clone(), take(format!("first/{name}"), count)?);
                memory.second.insert(name.clone(), take(format!("second/{name}"), count)?);
            }
        }
        memory.updates = self.counters.updates;
        if self.counters.ticks.len() != state.len() {
            return Err(fail(&format!("the clocks of {} layers", state.len()), self.counters.ticks.len().to_string()));
        }
        for (layer, (state, &tick)) in state.iter_mut().zip(&self.counters.ticks).enumerate() {
            state.h = take(format!("state/h{layer}"), state.h.len())?;
            state.c = take(format!("state/c{layer}"), state.c.len())?;
            state.tick = tick;
        }
        if foreign.count() > 0 {
            let count = foreign.numbers().len();
            foreign.restore(&take("streams/foreign".into(), count)?);
        }
        Ok(())
    }
}

fn failed(path: &Path, expected: &str, actual: String) -> TrainError {
    TrainError::Checkpoint { path: path.into(), expected: expected.into(), actual }
}

/// Whether a file says of itself that it is a checkpoint.
pub fn is_checkpoint(path: &Path) -> bool {
    File::open(path).is_ok()
}

/// Of the numbers and all tensors, in the order of their names.
fn sum<'a>(json: &str, tensors: impl Iterator<Item = (&'a str, &'a [u8])>) -> String {
    let mut sum = 0;
    let mut add = |bytes: &[u8]| {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            sum = mix64(sum ^ u64::from_le_bytes(word));
        }
    };
    add(json.as_bytes());
    for (name, bytes) in tensors {
        add(name.as_bytes());
        add(bytes);
    }
    format!("{sum:016x}")
}

/// The fields in which two configurations (JSON objects) differ, as each has them.
pub(crate) fn difference(wanted: &str, found: &str) -> (String, String) {
    let parse = |json: &str| serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(json);
    let (Ok(wanted), Ok(found)) = (parse(wanted), parse(found)) else {
        return (wanted.into(), found.into());
    };
    let differing: Vec<&String> =
        wanted.keys().chain(found.keys()).filter(|key| wanted.get(*key) != found.get(*key)).collect();
    let list = |of: &serde_json::Map<String, serde_json::Value>| {
        let mut fields: Vec<String> = differing
            .iter()
            .map(|key| format!("{key} = {}", of.get(*key).map_or("nothing".into(), ToString::to_string)))
            .collect();
        fields.sort();
        fields.dedup();
        fields.join(", ")
    };
    (list(&wanted), list(&found))
}
