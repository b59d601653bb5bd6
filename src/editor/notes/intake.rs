//! Files that are brought to the editor of notes, dropped onto it or chosen: models, presets, MIDI files; and the MIDI file that it saves.

use super::{NoteInstance, history::Steps};
use crate::{
    control::{
        NotePreset,
        notes::{BEATS_PER_MEASURE, NoteParam},
    },
    editor::{
        files::{MODELS, ends_in},
        instance::set_at_once,
        job::{Job, Superseded},
    },
    notes::{Grid, MIDI_ENDINGS, Score, live::MAX_BROUGHT},
};
use std::{
    fs::File,
    io::{ErrorKind, Write},
    path::{Path, PathBuf},
};

/// Names of saved files that are tried.
const MAX_FILES: usize = 10_000;

/// Columns of a file, and what is to be said of them.
type Phrase = (Vec<[u128; 2]>, String);

/// What is being read, and what became of it.
#[derive(Debug, Default)]
pub(super) struct Intake {
    reading: Job<Result<Phrase, String>>,
    superseded: Superseded,
    /// What became of the last file, in a sentence.
    pub message: Option<String>,
    /// A file was saved.
    pub has_saved: bool,
}

impl Intake {
    /// Takes a file for what its name says that it is.
    pub fn take(&mut self, path: PathBuf, instance: &mut dyn NoteInstance) {
        if ends_in(&path, MODELS) {
            self.take_model(None, &path, instance);
        } else if ends_in(&path, &MIDI_ENDINGS) {
            self.begin_phrase(path, instance);
        } else if ends_in(&path, &["json"]) {
            self.message = Some(match NotePreset::read(&path) {
                Ok(preset) => {
                    let values = preset.values_over(|id| instance.value(id));
                    instance.apply(&values);
                    let missing = instance.missing_model(&preset);
                    missing.unwrap_or_else(|| format!("Preset {} is loaded.", preset.name))
                }
                Err(error) => error.to_string(),
            });
        } else {
            let what = "is no model (.safetensors), no preset (.json) and no MIDI file (.mid)";
            self.message = Some(format!("{} {what}.", path.display()));
        }
    }

    /// Selects a model's file, or gives it to the slot that misses it.
    pub fn take_model(&mut self, missing: Option<u8>, path: &Path, instance: &mut dyn NoteInstance) {
        self.message = match instance.place_model(missing, path) {
            Ok(slot) => {
                // Set even where it is selected already: hosts then know that there is something to be saved.
                set_at_once(instance, NoteParam::Model, slot.into());
                instance.models().load_in_background(slot);
                None
            }
            Err(reason) => Some(reason),
        };
    }

    /// Begins to read a MIDI file that is to be gone on from, on the grid of the model.
    pub fn begin_phrase(&mut self, path: PathBuf, instance: &dyn NoteInstance) {
        let Some(model) = instance.models().get(instance.value(NoteParam::Model) as u8) else {
            self.message = Some("Choose a model first: a MIDI file is read on its grid.".into());
            return;
        };
        let grid = Grid::of(&model.config().approach);
        self.message = Some(format!("Reading {}…", path.display()));
        self.superseded.keep(&mut self.reading);
        self.reading = Job::begin("sympathy-midi", move || read_phrase(&path, &grid));
    }

    /// Takes what has been read meanwhile; `runs`: the song does.
    pub fn look(&mut self, instance: &dyn NoteInstance, runs: bool) {
        self.superseded.sweep();
        let was_reading = self.reading.is_some();
        let Some(read) = self.reading.take() else {
            if was_reading && !self.reading.is_some() {
                self.message = Some("Reading the MIDI file failed unexpectedly.".into());
            }
            return;
        };
        self.message = Some(match (read, instance.activation()) {
            (Ok((columns, what)), Some(activation)) => {
                activation.scope.bring(columns);
                let when = if runs { "" } else { ", once the song runs" };
                format!("It goes on from {what}{when}.")
            }
            (Ok(_), None) => "The host has to switch the plugin on first.".into(),
            (Err(reason), _) => reason,
        });
    }

    /// Saves the last measures into `folder`, under a name that is free.
    pub fn save(&mut self, steps: &Steps, measures: usize, folder: Option<&Path>) {
        let saved = save_measures(steps, measures, folder);
        self.has_saved |= saved.is_ok();
        self.message = Some(saved.unwrap_or_else(|reason| reason));
    }
}

/// Saves the last measures into `folder`, under a name that is free; says so in a sentence, or why not.
pub(super) fn save_measures(steps: &Steps, measures: usize, folder: Option<&Path>) -> Result<String, String> {
    let (path, measures) = saved(steps, measures, folder)?;
    let what = if measures == 1 { "The last measure is".into() } else { format!("{measures} measures are") };
    Ok(format!("{what} saved as {}.", path.display()))
}

/// The end of a file: whole measures, sixteen of the model inside.
fn read_phrase(path: &Path, grid: &Grid) -> Result<Phrase, String> {
    let score = Score::read(path).map_err(|error| error.to_string())?;
    let (roll, _) = score.roll(grid).map_err(|steps| format!("{}: is too long: {steps} steps.", path.display()))?;
    let mut columns = roll.sets();
    if columns.iter().all(|[held, _]| *held == 0) {
        return Err(format!("{}: has no notes that it could go on from.", path.display()));
    }
    let per_measure = BEATS_PER_MEASURE as usize * grid.steps_per_quarter as usize;
    let measures = columns.len().div_ceil(per_measure);
    let heard = measures.min((MAX_BROUGHT / per_measure).max(1));
    columns.drain(..(measures - heard) * per_measure);
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let what = if heard == 1 { "measure".into() } else { format!("{heard} measures") };
    Ok((columns, format!("the last {what} of {name}")))
}

/// The file, and how many measures are in it.
fn saved(steps: &Steps, measures: usize, folder: Option<&Path>) -> Result<(PathBuf, usize), String> {
    let folder = folder.ok_or("This system has no folder for takes.")?;
    let part = steps.part(measures).ok_or("Nothing was played in these measures: there is nothing to save.")?;
    let tracks = [("You", &part.you), ("Sympathy", &part.ours)];
    std::fs::create_dir_all(folder).map_err(|error| format!("{}: cannot be made: {error}", folder.display()))?;
    for number in 1..=MAX_FILES {
        let path = folder.join(format!("Sympathy Notes {number}.mid"));
        let mut file = match File::create_new(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::AlreadyExists => continue,
            Err(error) => return Err(format!("{}: cannot be written: {error}", path.display())),
        };
        let bytes = Score::midi_of_parts(&tracks, part.steps_per_quarter, part.per_minute, &path);
        let bytes = bytes.map_err(|error| error.to_string());
        let written = bytes.and_then(|bytes| {
            let written = file.write_all(&bytes).and_then(|()| file.sync_all());
            written.map_err(|error| format!("{}: cannot be written: {error}", path.display()))
        });
        if let Err(reason) = written {
            // Half a file is none.
            let _ = std::fs::remove_file(&path);
            return Err(reason);
        }
        return Ok((path, part.measures));
    }
    Err(format!("{}: holds {MAX_FILES} saved files. Move some elsewhere.", folder.display()))
}
