//! Options of the instrument, shared by `render` and `play`: model, preset, parameters, seed.

use super::{
    automation::Assignment,
    error::CliError,
    given::Given,
    models_at_hand::{choose_model, make_note_registry, make_registry},
    offline::USUAL_TEMPO,
    one_line,
    preset::chosen_values,
    recordings::Strict,
    speed::PrecisionArg,
};
use crate::{
    control::{
        ParamId, ParamValues, SeedSource,
        notes::{NoteParam, NoteValues},
    },
    engine::{
        DEFAULT_LEARN_DELAY_MS, DEFAULT_LEARN_UPDATES, DEFAULT_REACTION_MS, LearnTiming, MAX_LEARN_DELAY_MS,
        MAX_LEARN_UPDATES, MAX_REACTION_MS, MIN_LEARN_DELAY_MS,
    },
    notes::live::{NoteModel, NoteModels},
    worker::{Clip, ModelRegistry},
};
use clap::Args;
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

/// The lowest rate at which the engine runs.
pub const MIN_RATE_HZ: u32 = 8_000;
/// The highest.
pub const MAX_RATE_HZ: u32 = 384_000;
/// The rate at which the engine of notes runs: nothing is heard of it but where notes fall.
pub const NOTE_RATE_HZ: u32 = 48_000;
/// What a slot of notes should hold.
pub const EMPTY_NOTE_SLOT: &str = "a slot that holds a model of notes; --model names one by its file";

/// Options that say what plays.
#[derive(Args, Clone, Debug)]
pub struct InstrumentArgs {
    /// Embedded model by name, or a model file; guitar where this is not given, of notes piano-scores
    #[arg(long, value_name = "NAME|FILE")]
    pub model: Option<String>,
    /// Model to morph to, by name or file
    #[arg(long, value_name = "NAME|FILE")]
    pub morph_model: Option<String>,
    /// Factory preset by name (sympathy render --help lists them), or a preset's file; --set comes on top
    #[arg(long, value_name = "NAME|FILE")]
    pub preset: Option<String>,
    /// Sets a parameter, in its own unit; may be given many times
    #[arg(long = "set", value_name = "PARAM=VALUE")]
    pub assignments: Vec<Assignment>,
    /// Recording whose end seeds the continuations, as if it had been captured: sets seed_source to 4
    #[arg(long, value_name = "FILE")]
    pub seed_file: Option<PathBuf>,
    /// Tempo of the song, for intervals in beats and for notes
    #[arg(long, value_name = "BPM", default_value_t = USUAL_TEMPO, value_parser = tempo)]
    pub tempo: f64,
    /// Reaction time; raised to the least possible
    #[arg(long, value_name = "MS", default_value_t = DEFAULT_REACTION_MS, value_parser = reaction_ms)]
    pub reaction: f32,
    /// How the model's weights are stored; another precision, other bits
    #[arg(long, value_enum, default_value_t = PrecisionArg::Auto)]
    pub precision: PrecisionArg,
    /// Updates a second of what learns while it plays: more learn faster and cost as many times the computing
    #[arg(long, value_name = "N", default_value_t = DEFAULT_LEARN_UPDATES, value_parser = learn_updates)]
    pub learn_updates: u8,
    /// How long after it was played what was learnt of it is heard
    #[arg(long, value_name = "MS", default_value_t = DEFAULT_LEARN_DELAY_MS, value_parser = learn_delay_ms)]
    pub learn_delay: u16,
    /// What to do with recordings that are not whole
    #[command(flatten)]
    pub strict: Strict,
}

/// The instrument that the options describe.
#[derive(Debug)]
pub struct Instrument {
    /// All parameters.
    pub values: ParamValues,
    /// The models, not loaded yet.
    pub registry: Arc<ModelRegistry>,
    /// The captured seed.
    pub captured: Option<Arc<Clip>>,
}

/// The same for notes.
#[derive(Debug)]
pub struct NoteInstrument {
    /// All parameters.
    pub values: NoteValues,
    /// The models.
    pub models: Arc<NoteModels>,
    /// The one that is chosen: it is loaded.
    pub model: Arc<NoteModel>,
}

impl InstrumentArgs {
    /// The options that belong to sound: fields and what is typed.
    const SOUND_OPTIONS: [(&'static str, &'static str); 5] = [
        ("morph_model", "--morph-model"),
        ("seed_file", "--seed-file"),
        ("tempo", "--tempo"),
        ("learn_updates", "--learn-updates"),
        ("learn_delay", "--learn-delay"),
    ];

    /// When what learns while it plays is renewed.
    pub fn learn_timing(&self) -> LearnTiming {
        LearnTiming { updates_per_second: self.learn_updates, delay_ms: self.learn_delay }
    }

    /// Refuses what does not belong to notes.
    ///
    /// # Errors
    /// The first such option that was typed.
    pub fn refuse_sound_options(&self, given: &Given, input: &Path) -> Result<(), CliError> {
        given.refuse(&Self::SOUND_OPTIONS, "a recording as IN", &input.display().to_string())
    }

    /// Reads all files that are named.
    ///
    /// # Errors
    /// If a file or a value is invalid.
    pub fn make(&self) -> Result<Instrument, CliError> {
        let named =
            [(ParamId::Model, "--model", &self.model), (ParamId::MorphModel, "--morph-model", &self.morph_model)];
        let taken = named.into_iter().filter(|(_, _, name)| name.is_some()).map(|(id, option, _)| (id, option));
        let mut values = chosen_values(self.preset.as_deref(), &self.assignments, &taken.collect::<Vec<_>>())?;
        let captured = captured_from(self.seed_file.as_deref(), self.strict, &mut values)?;
        let registry = make_registry(self.model.as_deref(), self.precision, &mut values)?;
        if let Some(name) = &self.morph_model {
            choose_model(&registry, name, ParamId::MorphModel, &mut values)?;
        }
        Ok(Instrument { values, registry, captured })
    }

    /// The same for notes. `taken`: parameters that options of their own set, beside *Model*; `why`: why the model is one of notes.
    ///
    /// # Errors
    /// If a file or a value is invalid, or the chosen slot holds no model.
    pub fn make_notes(&self, taken: &[(NoteParam, &str)], why: &str) -> Result<NoteInstrument, CliError> {
        let model = self.model.iter().map(|_| (NoteParam::Model, "--model"));
        let taken: Vec<_> = model.chain(taken.iter().copied()).collect();
        let mut values = chosen_values(self.preset.as_deref(), &self.assignments, &taken)?;
        let models = make_note_registry(self.model.as_deref(), self.precision, &mut values, why)?;
        let slot = values.get(NoteParam::Model) as u8;
        let sets_model = |assignment: &Assignment| matches!(assignment.resolve("--set"), Ok((NoteParam::Model, _)));
        let preset = self.preset.as_ref().filter(|_| !self.assignments.iter().any(sets_model));
        let model = models.load(slot).map_err(|reason| CliError::Option {
            option: if preset.is_some() { "--preset" } else { "--set" },
            expected: EMPTY_NOTE_SLOT.into(),
            actual: format!(
                "model={slot}{}: {}",
                preset.map(|name| format!(" in {}", one_line(name))).unwrap_or_default(),
                one_line(&reason)
            ),
        })?;
        Ok(NoteInstrument { values, models, model })
    }
}

fn tempo(text: &str) -> Result<f64, String> {
    let value = text.parse::<f64>().ok().filter(|value| (1.0..=999.0).contains(value));
    value.ok_or_else(|| "expected 1 to 999 beats a minute".into())
}

fn reaction_ms(text: &str) -> Result<f32, String> {
    let value = text.parse::<f32>().ok().filter(|value| (0.0..=MAX_REACTION_MS).contains(value));
    value.ok_or_else(|| format!("expected 0 to {MAX_REACTION_MS} ms"))
}

fn learn_updates(text: &str) -> Result<u8, String> {
    let value = text.parse().ok().filter(|value| (1..=MAX_LEARN_UPDATES).contains(value));
    value.ok_or_else(|| format!("expected 1 to {MAX_LEARN_UPDATES} updates a second"))
}

fn learn_delay_ms(text: &str) -> Result<u16, String> {
    let value = text.parse().ok().filter(|value| (MIN_LEARN_DELAY_MS..=MAX_LEARN_DELAY_MS).contains(value));
    value.ok_or_else(|| format!("expected {MIN_LEARN_DELAY_MS} to {MAX_LEARN_DELAY_MS} ms"))
}

/// The end of a recording as the captured seed, if one is given: it becomes the seed source.
///
/// # Errors
/// If the file is no recording, or silent.
fn captured_from(path: Option<&Path>, strict: Strict, values: &mut ParamValues) -> Result<Option<Arc<Clip>>, CliError> {
    let Some(path) = path else {
        return Ok(None);
    };
    let recording = strict.read(path)?;
    let clip = Clip::new(checked_rate(path, recording.sample_rate_hz)?, &recording.channels).ok_or_else(|| {
        CliError::Unsuitable { path: path.into(), what: "seed", expected: "a sound".into(), actual: "silence".into() }
    })?;
    values.set(ParamId::SeedSource, SeedSource::Captured.value());
    Ok(Some(Arc::new(clip)))
}

/// A recording's rate, if the engine runs at it.
///
/// # Errors
/// If it does not.
pub fn checked_rate(path: &Path, rate: u32) -> Result<u32, CliError> {
    if (MIN_RATE_HZ..=MAX_RATE_HZ).contains(&rate) {
        return Ok(rate);
    }
    Err(CliError::Unsuitable {
        path: path.into(),
        what: "sample rate",
        expected: format!("{MIN_RATE_HZ} to {MAX_RATE_HZ} Hz"),
        actual: format!("{rate} Hz"),
    })
}
