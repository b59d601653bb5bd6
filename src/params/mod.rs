//! Parameters, settings and what a project stores, in one place: nice-plug's side of [`crate::control::values`].
//!
//! [`SympathyParams`] is shared by the host's threads; reading a value is one atomic load. The user's models live in
//! [`UserModels`], whose thread looks files up, reads and checks them, so that neither the main nor the audio thread does.

mod assigned;
mod captured;
mod convert;
mod groups;
mod host_state;
mod kept_codes;
mod loads;
mod looks;
mod lookup;
mod notes;
mod progress;
mod project;
mod reaction;
mod selection;
mod settings;
mod table;
mod text;
mod user_models;

pub use captured::{CapturedSeed, StoredClip, StoredSeed};
pub use convert::{normalised, plain};
pub use groups::{Colour, Output, ParamEditor, Play, Seed, Slots, Sympathy, Voices};
pub use host_state::sanitise;
pub use kept_codes::{CodesOfProject, KeptCodes, KnownCodes};
pub use loads::Loads;
pub use looks::KeptLooks;
pub use notes::{NoteCounts, NoteParams, NoteSettings, sanitise_notes};
pub use project::{
    Base64File, EMBED_LIMIT_BYTES, Project, STATE_VERSION, StoredEmbedded, StoredModel, StoredProject, Version,
};
pub use reaction::MeasuredReaction;
pub use settings::{AlignmentSetting, ClockSetting, PrecisionSetting, Settings};
pub use table::SympathyParams;
pub use user_models::UserModels;
