//! Files that are brought to the editor, dropped onto it or chosen: models, presets, recordings.

use super::{
    files::{MODELS, ends_in},
    instance::{Instance, set_at_once},
    job::{Job, Superseded},
};
use crate::{
    audio_file::{EXTENSIONS, LongRecording, Samples},
    control::{ParamId, Preset, SeedSource},
    worker::{CLIP_RATES_HZ, Clip},
};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

/// No recording that is to be a seed is larger: three quarters of an hour of stereo in 16 bits at 48 kHz.
const MAX_SEED_BYTES: u64 = 512 << 20;

/// What is being read, and what became of it.
#[derive(Debug, Default)]
pub(super) struct Intake {
    /// A recording is decoded on a thread.
    reading: Job<Result<Clip, String>>,
    superseded: Superseded,
    read_path: PathBuf,
    /// What became of the last file, in a sentence.
    pub message: Option<String>,
    /// A recording that could be learned from.
    pub offered: Option<PathBuf>,
}

impl Intake {
    /// Takes a file for what its name says that it is.
    pub fn take(&mut self, path: PathBuf, instance: &mut dyn Instance) {
        if ends_in(&path, MODELS) {
            self.take_model(None, &path, instance);
        } else if ends_in(&path, &EXTENSIONS) {
            self.begin_seed(path);
        } else if ends_in(&path, &["json"]) {
            self.message = Some(match Preset::read(&path) {
                Ok(preset) => {
                    let values = preset.values_over(|id| instance.value(id));
                    instance.apply(&values);
                    let missing = instance.registry().missing(&preset);
                    missing.unwrap_or_else(|| format!("Preset {} is loaded.", preset.name))
                }
                Err(error) => error.to_string(),
            });
        } else {
            let what = "is no model (.safetensors), no preset (.json) and no recording";
            self.message = Some(format!("{} {what}.", path.display()));
        }
    }

    /// Selects a model's file, or gives it to the slot that misses it.
    pub fn take_model(&mut self, missing: Option<u8>, path: &Path, instance: &mut dyn Instance) {
        self.message = match instance.place_model(missing, path) {
            Ok(slot) => {
                // Set even where it is selected already: hosts then know that there is something to be saved.
                set_at_once(instance, ParamId::Model, slot.into());
                instance.registry().load_in_background(slot);
                None
            }
            Err(reason) => Some(reason),
        };
    }

    /// Begins to read a recording that is to be the seed.
    pub fn begin_seed(&mut self, path: PathBuf) {
        self.message = Some(format!("Reading {}…", path.display()));
        self.read_path.clone_from(&path);
        self.superseded.keep(&mut self.reading);
        self.reading = Job::begin("sympathy-seed", move || read_seed(&path));
    }

    /// Takes what has been read meanwhile.
    pub fn look(&mut self, instance: &mut dyn Instance) {
        self.superseded.sweep();
        let was_reading = self.reading.is_some();
        let Some(read) = self.reading.take() else {
            if was_reading && !self.reading.is_some() {
                self.message = Some(format!("{}: reading it failed unexpectedly.", self.read_path.display()));
            }
            return;
        };
        self.message = Some(match read {
            Ok(clip) => {
                let seconds = clip.seconds();
                instance.capture(Arc::new(clip));
                set_at_once(instance, ParamId::SeedSource, SeedSource::Captured.value());
                self.offered = Some(self.read_path.clone());
                let name = self.read_path.file_name().unwrap_or_default().to_string_lossy();
                format!("The last {seconds:.1} s of {name} are the seed.")
            }
            Err(reason) => reason,
        });
    }
}

/// The end of a recording.
fn read_seed(path: &Path) -> Result<Clip, String> {
    // The end is all that is wanted, but a file is read from its beginning.
    let bytes = std::fs::metadata(path).map_err(|error| format!("{}: cannot be read: {error}.", path.display()))?.len();
    if bytes > MAX_SEED_BYTES {
        let most = MAX_SEED_BYTES >> 20;
        return Err(format!("{}: is larger than {most} MiB. Cut out the part that is to be the seed.", path.display()));
    }
    let recording = LongRecording::read(path).map_err(|error| error.to_string())?;
    let rate = recording.sample_rate_hz;
    if !CLIP_RATES_HZ.contains(&rate) {
        let (least, most) = (CLIP_RATES_HZ.start(), CLIP_RATES_HZ.end());
        return Err(format!("{}: expected {least} to {most} samples a second, found {rate}.", path.display()));
    }
    let length = recording.length_samples();
    let most = (ParamId::SeedLength.spec().max * rate as f32) as usize;
    let start = length.saturating_sub(most);
    let mut channels = vec![vec![0.0; length - start]; recording.sound.channels()];
    let mut block: Vec<&mut [f32]> = channels.iter_mut().map(Vec::as_mut_slice).collect();
    recording.sound.read(start, &mut block).map_err(|error| error.to_string())?;
    Clip::new(rate, &channels).ok_or_else(|| format!("{}: its last seconds are silent.", path.display()))
}
