//! Checkpoints: everything from which a training goes on with the same bits.

use super::{
    archive::{self, Archive},
    ledger::Ledger,
};
use crate::train::{
    data::{
        foreign::ForeignSounds,
        streams::{Place, Streams},
    },
    error::TrainError,
    net::{cells::LayerState, gradient::Named, network::TrainedNetwork},
    optimiser::{Memory, WeightMean},
};
use candle_core::{Device, Tensor};
use serde::{Deserialize, Serialize};
use std::path::Path;

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
    /// Steps over whose weights the mean was taken.
    #[serde(default)]
    pub averaged: u64,
    pub places: Vec<Place>,
    pub song: u32,
    /// Samples for which the other sound of each stream goes on that begins with one.
    #[serde(default)]
    pub foreign_left: Vec<u64>,
    /// Bits of the deviation of the noise in each stream.
    #[serde(default)]
    pub noise: Vec<u32>,
    /// Samples of each stream whose noise is held for its next segment.
    #[serde(default)]
    pub noise_held: usize,
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
    mean: &WeightMean,
    state: &[LayerState],
    streams: &Streams,
) -> Result<(), TrainError> {
    let mut tensors: Named = network.tensors()?.into_iter().map(|(name, v)| (format!("weight/{name}"), v)).collect();
    for (prefix, moments) in [("first", &memory.first), ("second", &memory.second)] {
        tensors.extend(moments.iter().map(|(name, values)| (format!("{prefix}/{name}"), values.clone())));
    }
    tensors.extend(mean.tensors.iter().map(|(name, values)| (format!("mean/{name}"), values.clone())));
    for (layer, LayerState { h, c, .. }) in state.iter().enumerate() {
        tensors.insert(format!("state/h{layer}"), h.clone());
        tensors.insert(format!("state/c{layer}"), c.clone());
    }
    if streams.foreign.count() > 0 {
        tensors.insert("streams/foreign".into(), streams.foreign.numbers());
    }
    if counters.noise_held > 0 {
        tensors.insert("streams/noise".into(), streams.held.concat());
    }
    let json = serde_json::to_string(counters).unwrap_or_default();
    archive::write(path, &json, &tensors)
}

/// A checkpoint that was read.
pub(crate) struct File {
    archive: Archive,
    pub counters: Counters,
}

impl File {
    /// Reads a checkpoint and its numbers; the tensors are checked when they are restored.
    pub fn open(path: &Path) -> Result<Self, TrainError> {
        let archive = Archive::open(path)?;
        let counters = archive.numbers()?;
        Ok(Self { archive, counters })
    }

    /// Puts the tensors into a network, optimiser and state of the same configuration.
    pub fn restore(
        &self,
        network: &TrainedNetwork,
        memory: &mut Memory,
        mean: &mut WeightMean,
        state: &mut [LayerState],
        foreign: &mut ForeignSounds,
        held: &mut [Vec<f32>],
    ) -> Result<(), TrainError> {
        let take = |name: String, count: usize| self.archive.take(&name, count);
        for (name, variable) in &network.variables {
            let count = variable.elem_count();
            let weights = take(format!("weight/{name}"), count)?;
            variable.set(&Tensor::from_vec(weights, variable.shape(), &Device::Cpu)?)?;
            if self.counters.updates > 0 {
                memory.first.insert(name.clone(), take(format!("first/{name}"), count)?);
                memory.second.insert(name.clone(), take(format!("second/{name}"), count)?);
            }
            if self.counters.averaged > 0 {
                mean.tensors.insert(name.clone(), take(format!("mean/{name}"), count)?);
            }
        }
        memory.updates = self.counters.updates;
        mean.steps = self.counters.averaged;
        if self.counters.ticks.len() != state.len() {
            let expected = format!("the clocks of {} layers", state.len());
            return Err(self.archive.failed(&expected, self.counters.ticks.len().to_string()));
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
        // Checkpoints did not always have it.
        if self.counters.noise_held > 0 {
            let each = self.counters.noise_held;
            let noise = take("streams/noise".into(), each.saturating_mul(held.len()))?;
            held.iter_mut().zip(noise.chunks_exact(each)).for_each(|(held, noise)| *held = noise.to_vec());
        }
        Ok(())
    }
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
