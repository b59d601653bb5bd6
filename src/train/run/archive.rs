//! The file of a checkpoint: named tensors and an object of JSON in one safetensors file, with a checksum.

use crate::{
    dsp::random::mix64,
    model::foreign::CHECKPOINT_KEY,
    train::{error::TrainError, net::gradient::Named},
    whole_file::write_whole,
};
use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use serde::de::DeserializeOwned;
use std::{
    collections::{BTreeMap, HashMap},
    fs,
    io::Read,
    path::{Path, PathBuf},
};

const SUM_KEY: &str = "sympathy-checkpoint-sum";
/// No checkpoint is larger: three times a model and the states.
const MAX_BYTES: u64 = 4 << 30;

/// Writes a checkpoint: beside its place first, then moved there. `json` holds its numbers.
pub(crate) fn write(path: &Path, json: &str, tensors: &Named) -> Result<(), TrainError> {
    let fail = |found: String| failed(path, "a place to write", found);
    let bytes: BTreeMap<&str, Vec<u8>> = tensors
        .iter()
        .map(|(name, values)| (&name[..], values.iter().flat_map(|v| v.to_le_bytes()).collect()))
        .collect();
    let mut views = Vec::new();
    for (&name, bytes) in &bytes {
        let view = TensorView::new(Dtype::F32, vec![bytes.len() / 4], bytes).map_err(|e| fail(e.to_string()))?;
        views.push((name, view));
    }
    let sum = sum(json, bytes.iter().map(|(name, bytes)| (*name, &bytes[..])));
    let metadata = HashMap::from([(CHECKPOINT_KEY.to_string(), json.to_string()), (SUM_KEY.to_string(), sum)]);
    let file = safetensors::serialize(views, Some(metadata)).map_err(|e| fail(e.to_string()))?;
    write_whole(path, &file).map_err(|e| fail(e.to_string()))
}

/// A checkpoint that was read and is whole.
pub(crate) struct Archive {
    path: PathBuf,
    bytes: Vec<u8>,
    json: String,
}

impl Archive {
    /// Reads a checkpoint; its tensors are checked when they are taken.
    pub fn open(path: &Path) -> Result<Self, TrainError> {
        let fail = |expected: &str, found: String| failed(path, expected, found);
        let mut bytes = Vec::new();
        let file = fs::File::open(path).map_err(|e| fail("a checkpoint", e.to_string()))?;
        file.take(MAX_BYTES).read_to_end(&mut bytes).map_err(|e| fail("a checkpoint", e.to_string()))?;
        let (_, header) = SafeTensors::read_metadata(&bytes).map_err(|e| fail("a safetensors file", e.to_string()))?;
        let json = header.metadata().as_ref().and_then(|metadata| metadata.get(CHECKPOINT_KEY)).cloned();
        let json = json.ok_or_else(|| fail("a checkpoint of a training", "another safetensors file".into()))?;
        let tensors = SafeTensors::deserialize(&bytes).map_err(|e| fail("tensors that fill it", e.to_string()))?;
        let mut names = tensors.names();
        names.sort_unstable();
        let views = names.into_iter().filter_map(|name| Some((name, tensors.tensor(name).ok()?.data())));
        let found = sum(&json, views);
        let wanted = header.metadata().as_ref().and_then(|metadata| metadata.get(SUM_KEY));
        if wanted != Some(&found) {
            return Err(fail("a whole checkpoint", "damage (its checksum differs)".into()));
        }
        Ok(Self { path: path.into(), bytes, json })
    }

    /// Its numbers.
    pub fn numbers<T: DeserializeOwned>(&self) -> Result<T, TrainError> {
        serde_json::from_str(&self.json).map_err(|e| self.failed("the numbers of a checkpoint", e.to_string()))
    }

    /// A tensor of so many finite numbers.
    pub fn take(&self, name: &str, count: usize) -> Result<Vec<f32>, TrainError> {
        let expected = format!("{count} numbers in tensor `{name}`");
        let tensors = SafeTensors::deserialize(&self.bytes);
        let tensors = tensors.map_err(|e| self.failed("tensors that fill it", e.to_string()))?;
        let view = tensors.tensor(name).map_err(|_| self.failed(&expected, "nothing".into()))?;
        if view.dtype() != Dtype::F32 || Some(view.data().len()) != count.checked_mul(4) {
            return Err(self.failed(&expected, format!("{:?} {:?}", view.dtype(), view.shape())));
        }
        let values: Vec<f32> = view.data().as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
        match values.iter().all(|v| v.is_finite()) {
            true => Ok(values),
            false => Err(self.failed(&format!("finite numbers in tensor `{name}`"), "others".into())),
        }
    }

    /// What is wrong with it.
    pub fn failed(&self, expected: &str, actual: String) -> TrainError {
        failed(&self.path, expected, actual)
    }
}

/// Whether a file says of itself that it is a checkpoint.
pub fn is_checkpoint(path: &Path) -> bool {
    Archive::open(path).is_ok()
}

fn failed(path: &Path, expected: &str, actual: String) -> TrainError {
    TrainError::Checkpoint { path: path.into(), expected: expected.into(), actual }
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
