//! The hyperparameters of a training, as people choose them: fields, their rules, what people are told of them, presets, published
//! names, and the answers in which they are given. The trainer reads them; the command line and the editor ask for them.

mod answers;
mod approach;
mod draft;
mod field;
mod field_table;
mod fields;
mod options;
mod overrides;
mod parse;
mod presets;
mod problem;
mod published;
mod rules;
mod train_config;
mod written;

pub use answers::{choose, excerpt, parse, yes_or_no};
pub use approach::TrainApproach;
pub use draft::{Draft, shown};
pub use field::{Field, Group, Kind, Unit};
pub use options::{Excerpt, LrSchedule, Optimiser, SampleScaling, Sampling, SamplingMode, SeedAdvance};
pub use presets::{LISTENING_PRESETS, PRESETS, Preset};
pub use problem::Problem;
pub use train_config::TrainConfig;
pub use written::{default_place, expected_time, train_command, write};
