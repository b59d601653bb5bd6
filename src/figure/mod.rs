//! Drawings of curves and sounds, as SVG or pixels, and the skeleton of a page that holds them.

pub(crate) mod axis;
pub(crate) mod canvas;
pub(crate) mod curves;
pub(crate) mod html;
pub(crate) mod raster;
mod sound;
pub(crate) mod spectrogram;

pub use canvas::FigureError;
pub use curves::curves_svg;
pub use html::{escape, page};
pub use sound::{Mark, Sound, SoundFigure};
