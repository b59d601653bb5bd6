//! Drawings of curves, sounds and piano rolls, as SVG or pixels, and the skeleton of a page that holds them.

pub mod axis;
pub mod canvas;
pub mod curves;
mod error;
pub mod html;
pub mod raster;
mod roll;
mod sound;
pub mod spectrogram;
mod waveform;

pub use curves::curves_svg;
pub use error::{Drawn, FigureError};
pub use html::{escape, page};
pub use roll::{RollFigure, ShownRoll};
pub use sound::{Mark, Seed, Sound, SoundFigure};
pub use waveform::Waveform;
