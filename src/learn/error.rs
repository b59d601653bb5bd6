//! Why nothing was learnt.

/// What stopped a study; the weights are then as they were.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum LearnError {
    /// Only models that listen have the layers that learn.
    #[error("expected a model that listens, found one of the approach {approach}")]
    DoesNotListen {
        /// What it is.
        approach: &'static str,
    },
    /// There is too little of it.
    #[error("expected at least {expected} s of playing, silences left out, found {actual:.1} s")]
    TooShort {
        /// The least.
        expected: f32,
        /// What there is.
        actual: f32,
    },
    /// Weights or sound are beyond what numbers hold. The step was not made.
    #[error("step {step}: expected finite numbers, found {found}; the weights before it are kept")]
    NotFinite {
        /// Steps made before.
        step: u64,
        /// What is none.
        found: &'static str,
    },
    /// What was saved cannot be gone on with.
    #[error("expected {expected}, found {found}")]
    Damaged {
        /// What would be gone on with.
        expected: &'static str,
        /// What it is.
        found: String,
    },
    /// The observer asked for it.
    #[error("stopped")]
    Stopped,
}
