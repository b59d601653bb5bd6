//! The layers of an autoencoder among the tensors of a file, by the names that `nn.Sequential` of `nn.Linear` gives
//! them.

use super::{error::ImportError, external::ExternalFile, layers};
use std::collections::BTreeMap;

/// An encoder of dense layers and a decoder that mirrors it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DenseChain {
    /// The width of every layer from the inputs to the code, both included.
    pub widths: Vec<usize>,
    /// The decoder has biases alone: its weights are the encoder's, transposed.
    pub tied: bool,
    /// Our name and theirs of every tensor.
    names: Vec<(String, String)>,
}

/// A module of dense weights: its name, outputs and inputs.
type Module<'a> = (&'a str, [usize; 2]);

impl DenseChain {
    /// Finds the layers in a file: in the order of the numbers in their names, those of the encoder first, whatever the
    /// two are called.
    ///
    /// # Errors
    /// If other tensors are there, a layer has no bias, or the layers are not an encoder and a decoder that mirrors it.
    pub fn of(file: &ExternalFile) -> Result<Self, ImportError> {
        let mismatch = |expected: &str, actual: String| ImportError::Network {
            file: file.path().into(),
            expected: expected.into(),
            actual,
        };
        let (mut weights, mut biases): (Vec<Module<'_>>, Vec<(&str, usize)>) = (Vec::new(), Vec::new());
        for (name, shape) in file.shapes().iter().filter(|(name, shape)| !layers::is_figure(name, shape)) {
            let (module, part) = name.rsplit_once('.').unwrap_or(("", name));
            match (part, &shape[..]) {
                ("weight", &[outputs, inputs]) => weights.push((module, [outputs, inputs])),
                ("bias", &[outputs]) => biases.push((module, outputs)),
                _ => return Err(mismatch("dense layers alone, each a weight and a bias", format!("{name} {shape:?}"))),
            }
        }
        weights.sort_by_cached_key(|(module, _)| natural(module));
        biases.sort_by_cached_key(|(module, _)| natural(module));
        let mut own = BTreeMap::from_iter(biases.iter().copied());
        for (module, [outputs, _]) in &weights {
            if own.remove(module) != Some(*outputs) {
                let actual = format!("no bias of {outputs} numbers beside {module}.weight");
                return Err(mismatch("a bias for every dense layer", actual));
            }
        }
        let alone: Vec<(&str, usize)> = biases.iter().copied().filter(|(module, _)| own.contains_key(module)).collect();
        let tied = !alone.is_empty();
        let shape = |layers: &[Module<'_>]| layers.iter().map(|(_, [a, b])| format!("{b} to {a}")).collect::<Vec<_>>();
        let fail = |layers: &[Module<'_>]| {
            let actual = match layers {
                [] => "no dense layer".into(),
                layers => format!("layers of {}", shape(layers).join(", ")),
            };
            let expected = "an encoder of dense layers and a decoder that mirrors it, each in the order of the numbers in \
                            their names, as encoder.0, encoder.2, decoder.0, decoder.2";
            mismatch(expected, actual)
        };
        // In the order of letters *decoder* stands before *encoder*.
        let mut decoder_last = weights.clone();
        decoder_last.rotate_left(weights.len() / 2);
        let ordered = [weights.clone(), decoder_last];
        let count = if tied { weights.len() } else { weights.len() / 2 };
        let found = ordered.into_iter().find_map(|layers| {
            let widths = chained(&layers)?;
            let (there, back) = widths.split_at_checked(count + 1)?;
            let mirrors = match tied {
                true => alone.iter().map(|(_, outputs)| outputs).eq(there.iter().rev().skip(1)),
                false => back.iter().eq(there.iter().rev().skip(1)),
            };
            // The other way round, decoder first, the layers fit as well: a code is narrower than what it stands for.
            (mirrors && there.last() < there.first()).then(|| (layers.clone(), there.to_vec()))
        });
        let Some((layers, widths)) = found else { return Err(fail(&weights)) };
        let mut names = Vec::new();
        for (index, (module, _)) in layers.iter().enumerate() {
            let (half, index) = if index < count { ("encoder", index) } else { ("decoder", index - count) };
            for part in ["weight", "bias"] {
                names.push((format!("{half}.{index}.{part}"), dotted(module, part)));
            }
        }
        let alone = alone.iter().enumerate();
        names.extend(alone.map(|(index, (module, _))| (format!("decoder.{index}.bias"), dotted(module, "bias"))));
        Ok(Self { widths, tied, names })
    }

    /// Reads its tensors under the names of a model file.
    ///
    /// # Errors
    /// As [`ExternalFile::read_tensors`].
    pub fn tensors(&self, file: &ExternalFile) -> Result<BTreeMap<String, Vec<f32>>, ImportError> {
        let theirs: Vec<&str> = self.names.iter().map(|(_, theirs)| &**theirs).collect();
        let mut read = file.read_tensors(&theirs)?;
        Ok(self.names.iter().filter_map(|(ours, theirs)| Some((ours.clone(), read.remove(theirs)?))).collect())
    }
}

fn dotted(module: &str, part: &str) -> String {
    if module.is_empty() { part.into() } else { format!("{module}.{part}") }
}

/// A key by which names stand in the order of the numbers in them.
fn natural(name: &str) -> Vec<(&str, u64)> {
    let mut parts = Vec::new();
    let mut rest = name;
    while !rest.is_empty() {
        let (text, after) = rest.split_at(rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len()));
        let (digits, after) = after.split_at(after.find(|c: char| !c.is_ascii_digit()).unwrap_or(after.len()));
        parts.push((text, digits.parse().unwrap_or(u64::MAX)));
        rest = after;
    }
    parts
}

/// The widths along layers of which each takes what the one before gives.
fn chained(layers: &[Module<'_>]) -> Option<Vec<usize>> {
    let (_, [_, first]) = layers.first()?;
    let mut widths = vec![*first];
    for (_, [outputs, inputs]) in layers {
        if widths.last() != Some(inputs) {
            return None;
        }
        widths.push(*outputs);
    }
    Some(widths)
}

#[cfg(test)]
mod tests {
    use super::*;
    use safetensors::{Dtype, tensor::TensorView};
    use std::path::Path;

    /// The layers of 8-4-2-4-8 under these names, in the order in which they run.
    fn chain(modules: [&str; 4]) -> Result<DenseChain, ImportError> {
        let bytes = [0; 4 * 8 * 4];
        let shapes = [[4, 8], [2, 4], [4, 2], [8, 4]];
        let views = modules.into_iter().zip(shapes).flat_map(|(module, [outputs, inputs])| {
            let view = |shape: &[usize]| {
                let size = 4 * shape.iter().product::<usize>();
                TensorView::new(Dtype::F32, shape.to_vec(), &bytes[..size]).expect("a shape")
            };
            [(dotted(module, "weight"), view(&[outputs, inputs])), (dotted(module, "bias"), view(&[outputs]))]
        });
        let file = safetensors::serialize(views, None).expect("names that differ");
        DenseChain::of(&ExternalFile::from_bytes(file, Path::new("theirs.safetensors"), None)?)
    }

    #[test]
    fn decoders_are_found_however_layers_are_named() {
        for modules in [
            ["0", "2", "4", "6"],
            ["encoder.0", "encoder.2", "decoder.0", "decoder.2"],
            ["enc1", "enc2", "dec1", "dec2"],
            ["encoder.block1.0", "encoder.block2.0", "decoder.block1.0", "decoder.block2.0"],
            ["a9", "a10", "b1", "b2"],
        ] {
            let found = chain(modules).unwrap_or_else(|error| panic!("{modules:?}: {error}"));
            assert_eq!((&found.widths[..], found.tied), (&[8, 4, 2][..], false), "{modules:?}");
            let theirs: Vec<&str> = found.names.iter().step_by(2).map(|(_, theirs)| &**theirs).collect();
            assert_eq!(theirs, modules.map(|module| format!("{module}.weight")), "{modules:?}");
        }
        let said = chain(["first", "then", "back", "out"]).expect_err("no order").to_string();
        assert!(said.contains("in the order of the numbers in their names, as encoder.0, encoder.2"), "{said}");
    }
}
