//! The last measures, for who keeps them without a window.

use super::{NoteActivation, history::Steps, intake::save_measures};
use std::{path::Path, time::Instant};

/// The most that the editor saves.
const MEASURES: usize = super::SAVED_MEASURES[super::SAVED_MEASURES.len() - 1];

/// Looks at the steps that go by.
#[derive(Debug)]
pub struct NoteKeeper {
    activation: NoteActivation,
    steps: Steps,
    began: Instant,
}

impl NoteKeeper {
    /// From now on.
    pub fn new(activation: NoteActivation) -> Self {
        let mut keeper = Self { activation, steps: Steps::default(), began: Instant::now() };
        keeper.look();
        keeper
    }

    /// Takes what has gone by since the last look; some hundred steps are not lost in between.
    pub fn look(&mut self) {
        self.steps.update(Some(&self.activation), self.began.elapsed().as_secs_f64());
    }

    /// The engine that it looks at.
    pub fn activation(&self) -> &NoteActivation {
        &self.activation
    }

    /// Saves the last 32 measures as a MIDI file, as the editor does; says so in a sentence.
    ///
    /// # Errors
    /// Why there is nothing to be saved, or nothing was, in a sentence.
    pub fn keep(&mut self, folder: Option<&Path>) -> Result<String, String> {
        self.look();
        save_measures(&self.steps, MEASURES, folder)
    }
}
