//! Pictures of sound as files.

use super::{error::CliError, output::replace_file};
use crate::{
    audio_file::{Samples, Spool},
    figure::{FigureError, SoundFigure, Waveform},
};
use std::{borrow::Cow, fs, io, ops::Range, path::Path};

/// The first channel of a sound on disk is what is drawn of it.
impl Waveform for Spool {
    fn length_samples(&self) -> usize {
        Samples::length_samples(self)
    }

    fn read(&self, range: Range<usize>) -> Result<Cow<'_, [f32]>, FigureError> {
        let mut samples = vec![0.0; range.len()];
        Samples::read(self, range.start, &mut [&mut samples]).map_err(FigureError::new)?;
        Ok(Cow::Owned(samples))
    }
}

/// Writes a picture as PNG.
///
/// # Errors
/// [`CliError::Io`]; nothing is left behind.
pub fn write_picture(path: &Path, figure: &SoundFigure<'_>) -> Result<(), CliError> {
    replace_file(path, |part| fs::write(part, figure.png().map_err(io::Error::other)?))
}
