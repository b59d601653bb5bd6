//! Why a picture could not be drawn.

use std::fmt::Display;

/// Why a picture could not be drawn.
#[derive(Clone, Debug, thiserror::Error)]
#[error("a picture cannot be drawn: {0}")]
pub struct FigureError(pub String);

impl FigureError {
    /// From what the drawing library says.
    pub fn new(error: impl Display) -> Self {
        Self(error.to_string())
    }
}

/// What drawing gives.
pub type Drawn = Result<(), FigureError>;
