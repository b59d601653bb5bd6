//! Pictures of sound as files.

use super::{error::CliError, output::replace_file};
use crate::figure::SoundFigure;
use std::{fs, io, path::Path};

/// Writes a picture as PNG.
///
/// # Errors
/// [`CliError::Io`]; nothing is left behind.
pub fn write_picture(path: &Path, figure: &SoundFigure<'_>) -> Result<(), CliError> {
    replace_file(path, |part| fs::write(part, figure.png().map_err(io::Error::other)?))
}
