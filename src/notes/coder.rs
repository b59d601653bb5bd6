//! An autoencoder with room to run in: columns to a code, and a code to the probabilities of columns.

use super::roll::Roll;
use crate::{
    approach::autoencoder_of,
    model::RollModel,
    nn::{Autoencoder, FeedForwardState, Isa, Precision},
};

/// An autoencoder of segments, and room for a pass each way.
#[derive(Clone, Debug)]
pub struct Coder {
    network: Autoencoder,
    there: FeedForwardState,
    back: FeedForwardState,
    /// Numbers of a column.
    column: usize,
    /// The columns that are encoded.
    segment: Vec<f32>,
}

impl Coder {
    /// Packs a validated model; none of a recurrent network. Takes milliseconds.
    pub fn of(model: &RollModel, precision: Precision, isa: Isa) -> Option<Self> {
        let network = autoencoder_of(model, precision, isa)?;
        let config = model.config();
        Some(Self {
            there: network.encoder().make_state(),
            back: network.decoder().make_state(),
            column: config.column(),
            segment: vec![0.0; config.inputs()],
            network,
        })
    }

    /// Columns that it encodes at once.
    pub fn steps(&self) -> usize {
        self.segment.len() / self.column
    }

    /// Numbers of a column.
    pub fn column(&self) -> usize {
        self.column
    }

    /// Numbers of a code.
    pub fn code(&self) -> usize {
        self.network.decoder().inputs()
    }

    /// The code of a roll's columns from a step on; beyond the end of the roll nothing is held. Each number is within
    /// −1…1.
    pub fn encode(&mut self, roll: &Roll, from: usize) -> &[f32] {
        for (step, column) in self.segment.chunks_exact_mut(self.column).enumerate() {
            match from + step < roll.len() {
                true => roll.write_numbers(from + step, column),
                false => column.fill(0.0),
            }
        }
        self.network.encoder().forward(&self.segment, &mut self.there)
    }

    /// The probabilities of all columns, one after the other.
    ///
    /// # Panics
    /// If the code has another length than [`Self::code`].
    pub fn decode(&mut self, code: &[f32]) -> &[f32] {
        self.network.decoder().forward(code, &mut self.back)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::{
        dsp::random::Random,
        model::{CodeActivation, HiddenActivation, KEYS, RollModelConfig, RollNetwork},
    };
    use std::path::Path;

    /// One of a single measure, with random weights.
    pub(in crate::notes) fn coder() -> Coder {
        let (hidden, code) = (HiddenActivation::Elu, CodeActivation::Tanh);
        let widths = vec![16 * KEYS, 9, 3];
        let mut config = RollModelConfig::new(RollNetwork::Autoencoder { widths, tied: true, hidden, code });
        config.approach.measures = 1;
        let mut random = Random::new(6);
        let tensors = config.tensors().into_iter().map(|tensor| {
            let count = tensor.shape.iter().product::<usize>();
            (tensor.name, (0..count).map(|_| 0.5 * random.normal()).collect())
        });
        let model = RollModel::new(config.clone(), tensors.collect(), Path::new("small")).expect("a sound model");
        Coder::of(&model, Precision::F32, Isa::best()).expect("an autoencoder")
    }

    #[test]
    fn columns_are_encoded_in_their_order_and_silence_follows_the_end() {
        let mut coder = coder();
        assert_eq!((coder.steps(), coder.column(), coder.code()), (16, 88, 3));
        let roll = Roll::from_text("H HJ J  L H").expect("keys");
        let from_second = coder.encode(&roll, 1).to_vec();
        let filled = Roll::from_text(&format!("HJ J  L H{}", " ".repeat(11))).expect("keys");
        assert_eq!(filled.len(), 16);
        assert_eq!(coder.encode(&filled, 0), from_second);
        assert_ne!(coder.encode(&roll, 0), from_second);
        assert!(from_second.iter().all(|x| x.abs() <= 1.0));
        let decoded = coder.decode(&from_second).to_vec();
        assert_eq!(decoded.len(), 16 * 88);
        assert!(decoded.iter().all(|p| (0.0..=1.0).contains(p)));
    }
}
