//! What a model is worth, in numbers: the criteria of the dissertation (few artifacts, resemblance to the material, no
//! literal copy, consistency, speed) and whether it listens. Formulas, sources and calibration are in `docs/EVALUATE.md`.
//!
//! The measures are pure functions on mono samples: [`artifacts`], [`resemblance`], [`novelty`], [`listening`],
//! [`liveliness`]. [`Judge`] holds what they share between the continuations of one evaluation, [`run`] lets anything that
//! continues seeds be judged, [`page`] draws what was found.

pub mod artifacts;
pub mod chroma;
pub mod grade;
pub mod judge;
pub mod listening;
pub mod liveliness;
pub mod mel;
pub mod novelty;
pub mod onsets;
pub mod page;
mod prediction;
pub mod report;
pub mod resemblance;
pub mod run;
pub mod seeds;
pub mod spectra;

pub use grade::{Criterion, Grade};
pub use judge::{Judge, Judgement};
pub use report::{Evaluation, Summary};
pub use run::{Continue, Job, Plan, evaluate};
pub use seeds::{Seed, transposed};
pub use spectra::ANALYSIS_HZ;
