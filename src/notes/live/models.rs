//! The models that an instance can play.

use crate::{
    approach::ColumnPredictor,
    model::{EMBEDDED_NOTES, EmbeddedModel, RollModel, RollRepeats},
    nn::{Isa, Precision},
};
use std::{path::Path, sync::Arc};

/// A model ready to play.
#[derive(Clone, Debug)]
pub struct NoteModel {
    /// As it is called.
    pub name: String,
    /// The network.
    pub network: Arc<ColumnPredictor>,
    /// Steps of a quarter note.
    pub steps_per_quarter: u32,
    /// What it has learnt of keys that are struck again.
    pub repeats: RollRepeats,
}

impl NoteModel {
    /// Of a validated model; none of an autoencoder. Takes milliseconds: not for the audio thread.
    pub fn of(model: &RollModel, precision: Precision, isa: Isa) -> Option<Self> {
        let config = model.config();
        Some(Self {
            name: config.name.clone(),
            network: Arc::new(ColumnPredictor::of(model, precision, isa)?),
            steps_per_quarter: config.approach.steps_per_quarter as u32,
            repeats: config.approach.repeats,
        })
    }
}

/// Models in their slots. Fixed while an engine lives: both threads look them up without a lock.
#[derive(Clone, Debug, Default)]
pub struct NoteModels(Vec<(u8, NoteModel)>);

impl NoteModels {
    /// Models with their slots. Of several in one slot the first counts.
    pub fn new(models: Vec<(u8, NoteModel)>) -> Self {
        Self(models)
    }

    /// The models inside the binary.
    pub fn embedded(precision: Precision, isa: Isa) -> Self {
        let model = |embedded: &EmbeddedModel| {
            let model = RollModel::from_bytes(embedded.bytes, Path::new(embedded.name)).ok()?;
            Some((embedded.slot, NoteModel::of(&model, precision, isa)?))
        };
        Self(EMBEDDED_NOTES.iter().filter_map(model).collect())
    }

    /// Puts a model into a slot, in place of another one.
    pub fn put(&mut self, slot: u8, model: NoteModel) {
        self.0.retain(|(place, _)| *place != slot);
        self.0.push((slot, model));
    }

    /// The model in a slot.
    pub fn get(&self, slot: u8) -> Option<&NoteModel> {
        self.0.iter().find(|(place, _)| *place == slot).map(|(_, model)| model)
    }

    /// All of them, with their slots.
    pub fn all(&self) -> impl Iterator<Item = (u8, &NoteModel)> {
        self.0.iter().map(|(slot, model)| (*slot, model))
    }
}
