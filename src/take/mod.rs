//! *Save Take*: records the last two minutes of wet and dry and writes them to files, on a thread of its own per instance. *Learn Take*
//! and *Learn Record*: hands a part of the dry to the instance's lessons.
//!
//! The audio thread sends wet and dry through a ring ([`TakeTap`]); the [`TakeRecorder`] holds the last minutes and is the only
//! one that touches them, so that nothing is shared and nothing waits. While a take is written the recorder keeps reading the ring,
//! except for quanta that would overwrite unwritten frames: those stay in the ring, which has room for four seconds.

mod error;
mod files;
mod history;
mod recorder;
mod settings;
mod status;

pub use error::TakeError;
pub use recorder::{TakeRecorder, TakeRecorderThread};
pub use status::TakeStatus;

use crate::{
    engine::{TakeTap, take_link},
    learn::job::Lessons,
    worker::ModelRegistry,
};
use std::{path::PathBuf, sync::Arc};

/// How much of the past is written.
pub const TAKE_SECONDS: f64 = 120.0;
/// The environment variable that names another folder for takes.
pub const TAKES_FOLDER_VARIABLE: &str = "SYMPATHY_KEEP_FOLDER";

/// Fixed while an instance is active.
#[derive(Clone, Debug)]
pub struct TakeConfig {
    /// The host's rate.
    pub sample_rate_hz: u32,
    /// 1 or 2.
    pub channels: usize,
    /// Longest block that the engine will be given.
    pub max_block_samples: usize,
    /// Longest take.
    pub seconds: f64,
    /// Where takes are written; made when the first one is.
    pub folder: Option<PathBuf>,
    /// What learns from takes, where there is something that does.
    pub lessons: Option<Arc<Lessons>>,
}

/// The folder for takes: `SYMPATHY_KEEP_FOLDER`, or `Sympathy` in the user's folder for music, else for documents, else home,
/// else in the system's folder for data.
pub fn takes_folder() -> Option<PathBuf> {
    if let Some(folder) = std::env::var_os(TAKES_FOLDER_VARIABLE).filter(|folder| !folder.is_empty()) {
        return Some(folder.into());
    }
    let user = directories::UserDirs::new();
    let of_user =
        user.as_ref().map(|user| user.audio_dir().or(user.document_dir()).unwrap_or(user.home_dir()).to_owned());
    let folder = of_user.or_else(|| directories::BaseDirs::new().map(|system| system.data_dir().to_owned()));
    folder.map(|folder| folder.join("Sympathy"))
}

/// The folder for lessons that are not finished: `sympathy/unfinished` in the system's folder for data.
pub fn unfinished_folder() -> Option<PathBuf> {
    Some(directories::BaseDirs::new()?.data_dir().join("sympathy").join("unfinished"))
}

/// Both ends: the tap is for [`crate::engine::Engine::attach_tap`]. Reserves all memory that will be needed; the system gives
/// it as it fills. `status` receives the outcome of takes; `registry` supplies the models' names.
pub fn start(config: TakeConfig, status: Arc<TakeStatus>, registry: Arc<ModelRegistry>) -> (TakeTap, TakeRecorder) {
    let (tap, feed) = take_link(config.sample_rate_hz, config.max_block_samples);
    (tap, TakeRecorder::new(config, feed, status, registry))
}
