//! The models that an instance can play.

use super::{hearing::write_numbers, stored::Code};
use crate::{
    approach::{ColumnPredictor, autoencoder_of},
    model::{EMBEDDED_NOTES, EmbeddedModel, RollCodes, RollModel, RollModelConfig, RollRepeats, is_file_of_notes},
    nn::{Autoencoder, Isa, Precision},
    worker::{ModelRegistry, Readiness, Shared, SlotModel},
};
use std::path::Path;

/// The models in their slots. Both threads look them up: the worker loads them, the audio thread asks for their [`Facts`].
pub type NoteModels = ModelRegistry<NoteModel>;

/// A model ready to play.
#[derive(Debug)]
pub struct NoteModel {
    config: RollModelConfig,
    network: NoteNetwork,
    facts: Facts,
}

/// How it plays.
#[derive(Debug)]
pub(super) enum NoteNetwork {
    /// It continues what it hears.
    Recurrent(ColumnPredictor),
    /// It plays codes.
    Code(CodeNetwork),
}

/// An autoencoder, and what its codes are like.
#[derive(Debug)]
pub(super) struct CodeNetwork {
    pub network: Autoencoder,
    /// Numbers of a column.
    pub column: usize,
    /// Columns of a segment.
    pub steps: usize,
    pub codes: Option<RollCodes>,
}

/// What the audio thread has to know of a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts {
    /// Steps of a quarter note, 1 to 48.
    pub steps_per_quarter: u8,
    /// What it has learnt of keys that are struck again.
    pub repeats: RollRepeats,
}

const REPEATS: [RollRepeats; 3] = [RollRepeats::Merge, RollRepeats::Gap, RollRepeats::Onset];

impl Facts {
    /// Those of the model in a slot; none where no model is ready.
    pub fn of(ready: Readiness) -> Option<Self> {
        let [steps_per_quarter, repeats] = ready.facts()?.to_le_bytes();
        Some(Self { steps_per_quarter, repeats: *REPEATS.get(usize::from(repeats))? })
    }

    fn packed(self) -> u16 {
        let repeats = REPEATS.iter().position(|repeats| *repeats == self.repeats).unwrap_or(0);
        u16::from_le_bytes([self.steps_per_quarter, repeats as u8])
    }
}

impl NoteModel {
    /// Of a validated model. Takes milliseconds: not for the audio thread.
    pub fn of(model: &RollModel, precision: Precision, isa: Isa) -> Option<Self> {
        let config = model.config();
        let recurrent = ColumnPredictor::of(model, precision, isa).map(NoteNetwork::Recurrent);
        let code = || {
            let network = autoencoder_of(model, precision, isa)?;
            let (column, steps, codes) = (config.column(), config.segment(), config.codes.clone());
            Some(NoteNetwork::Code(CodeNetwork { network, column, steps, codes }))
        };
        Some(Self {
            config: config.clone(),
            network: recurrent.or_else(code)?,
            facts: Facts {
                steps_per_quarter: config.approach.steps_per_quarter as u8,
                repeats: config.approach.repeats,
            },
        })
    }

    /// The network.
    pub(super) fn network(&self) -> &NoteNetwork {
        &self.network
    }

    /// The code of a segment that begins with these columns, of keys that are held and of them struck; what it lacks is silent. None of a
    /// model without codes. Allocates.
    pub fn encode(&self, columns: &[[u128; 2]]) -> Option<Code> {
        let NoteNetwork::Code(code) = &self.network else { return None };
        let mut segment = vec![0.0; code.steps * code.column];
        for (numbers, &[held, strokes]) in segment.chunks_exact_mut(code.column).zip(columns) {
            write_numbers(held, strokes, numbers);
        }
        let mut state = code.network.encoder().make_state();
        let said = code.network.encoder().forward(&segment, &mut state);
        Some(std::array::from_fn(|i| said.get(i).copied().unwrap_or(0.0)))
    }

    /// What is known of it.
    pub fn config(&self) -> &RollModelConfig {
        &self.config
    }

    /// What the audio thread has to know of it.
    pub fn facts(&self) -> Facts {
        self.facts
    }
}

impl SlotModel for NoteModel {
    fn embedded() -> &'static [EmbeddedModel] {
        EMBEDDED_NOTES
    }

    /// In `f32`, if nothing else is asked for: a step is cheap.
    fn load(bytes: &[u8], file: &Path, precision: Option<Precision>, isa: Isa) -> Result<Self, String> {
        let model = RollModel::from_bytes(bytes, file).map_err(|error| error.to_string())?;
        Self::of(&model, precision.unwrap_or(Precision::F32), isa).ok_or_else(|| {
            format!("{}: expected a recurrent model of notes or an autoencoder, found neither", file.display())
        })
    }

    fn title(&self) -> &str {
        &self.config.name
    }

    fn shared() -> &'static Shared<Self> {
        static SHARED: Shared<NoteModel> = Shared::new();
        &SHARED
    }

    fn facts(&self) -> u16 {
        self.facts.packed()
    }

    fn is_likely(file: &Path) -> bool {
        is_file_of_notes(file).unwrap_or(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_audio_thread_learns_the_facts_of_what_is_loaded() {
        for repeats in REPEATS {
            let facts = Facts { steps_per_quarter: 48, repeats };
            assert_eq!(
                facts.packed().to_le_bytes(),
                [48, REPEATS.iter().position(|&one| one == repeats).unwrap_or(9) as u8]
            );
        }
        let models = NoteModels::with_embedded(Isa::best());
        assert!(!models.readiness(0).is_settled(), "nothing was loaded");
        let model = models.load(0).expect("the embedded one");
        let loaded = models.readiness(0);
        assert_eq!(Facts::of(loaded), Some(model.facts()));
        assert_eq!(model.facts(), Facts { steps_per_quarter: 4, repeats: RollRepeats::Gap });
        models.set_bytes(0, "again".into(), EMBEDDED_NOTES[0].bytes.into());
        assert!(!models.readiness(0).is_settled(), "it is another one");
        models.load(0).expect("the same");
        assert_eq!(Facts::of(models.readiness(0)), Some(model.facts()));
        assert_ne!(models.readiness(0), loaded, "and told from the one before");
        assert!(models.load(1).is_err());
        assert!(models.readiness(1).is_settled() && Facts::of(models.readiness(1)).is_none(), "there is none");
        assert!(models.readiness(200).is_settled());
    }
}
