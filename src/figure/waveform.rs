//! Samples to be drawn, wherever they lie.

use super::error::FigureError;
use std::{borrow::Cow, ops::Range};

/// Samples wherever they lie, full scale = 1.
pub trait Waveform {
    /// How many there are.
    fn length_samples(&self) -> usize;

    /// Those of `range`, which lies within them.
    ///
    /// # Errors
    /// If they cannot be read.
    fn read(&self, range: Range<usize>) -> Result<Cow<'_, [f32]>, FigureError>;
}

impl Waveform for Vec<f32> {
    fn length_samples(&self) -> usize {
        self.len()
    }

    fn read(&self, range: Range<usize>) -> Result<Cow<'_, [f32]>, FigureError> {
        Ok(Cow::Borrowed(&self[range]))
    }
}
