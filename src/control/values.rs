//! What hosts, the command line and the engine know of every parameter. The rows are in [`SPECS`]; ids and keys never change.

pub use super::table::SPECS;

/// Names of the values of [`ParamId::Tuning`].
pub const TUNINGS: [&str; 4] = ["Constant Q", "Chromatic", "E minor", "Open Strings"];

/// Names of the values of [`ParamId::Peaks`].
pub const PEAKS: [&str; 3] = ["As Trained", "All Bins", "Peaks Only"];
/// Names of the values of [`ParamId::Stereo`].
pub const STEREO: [&str; 3] = ["Mid", "Linked", "Dual"];
/// Names of the values of [`ParamId::SeedSource`].
pub const SEED_SOURCES: [&str; 5] = ["Input", "Sidechain", "White Noise", "Perlin Noise", "Captured"];
/// The value of [`ParamId::MorphModel`] that is no model.
pub const NO_MODEL: f32 = -1.0;

/// How a parameter's numbers are spread over a host's control, and what kind of number it is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// A real number; equal steps of the control are equal steps of the value.
    Linear,
    /// A real number; small values get more of the control (square law).
    Skewed,
    /// A whole number.
    Integer,
    /// 0 or 1.
    Switch,
}

/// Where a parameter acts (DESIGN 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// At once, on the audio thread.
    Rendering,
    /// In what the worker predicts: heard one reaction time later.
    Prediction,
}

/// The parameters, in the order of [`SPECS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(usize)]
pub enum ParamId {
    /// Dry to wet.
    Mix,
    /// How much of the input seeds a continuation.
    SeedLength,
    /// Time from one seed to the next.
    ReseedInterval,
    /// Spread of the predictions.
    Temperature,
    /// Slot of the model.
    Model,
    /// Gain of what the model hears.
    InputGain,
    /// Gain of what the model plays.
    WetGain,
    /// Level below which a seed starts nothing.
    Gate,
    /// How long a continuation plays when nothing replaces it.
    Hold,
    /// Number from which all that is random follows.
    RandomSeed,
    /// Fades everything and disarms.
    Stop,
    /// Dry only.
    Bypass,
    /// Seeds a continuation when it goes on.
    Continue,
    /// Holds what sounds.
    Freeze,
    /// Whether the first continuation begins by itself.
    AutoStart,
    /// Beats of the song from one seed to the next.
    IntervalBeats,
    /// Whether the song's start seeds a continuation.
    StartTrigger,
    /// Whether attacks seed continuations.
    OnsetTrigger,
    /// How soft an attack may be.
    Sensitivity,
    /// Whether the end of a phrase seeds its answer.
    Answer,
    /// How long it must be quiet before a phrase has ended.
    AnswerAfter,
    /// Whether notes seed continuations.
    MidiTrigger,
    /// Whether the note transposes.
    MidiTranspose,
    /// Continuations that sound at once.
    Voices,
    /// From the start of one continuation to that of the next.
    Stagger,
    /// How far voices stand apart.
    Spread,
    /// How far the wet steps back while the performer plays.
    DuckWet,
    /// How far the dry steps back while the performer is quiet.
    DuckDry,
    /// How fast that happens when the performer begins.
    DuckAttack,
    /// And when the performer ends.
    DuckRelease,
    /// Level of the continuations.
    VoiceLevel,
    /// Level of the sympathetic swell.
    SwellLevel,
    /// Level of the swell with a tremolo.
    ShimmerLevel,
    /// How fast a band opens.
    SympathyAttack,
    /// How fast it closes.
    SympathyRelease,
    /// Bands of the filter bank.
    Bands,
    /// Lowest band.
    LowHz,
    /// Highest band.
    HighHz,
    /// How narrow bands are.
    BandQ,
    /// Where the bands lie.
    Tuning,
    /// Fastest tremolo.
    TremoloRate,
    /// Deepest tremolo.
    TremoloDepth,
    /// Length of the loops.
    LoopLength,
    /// Whether the wet steps back when it is heard again in the input.
    FeedbackGuard,
    /// How slowly the frames of a continuation follow each other.
    Stretch,
    /// Which bins of a frame sound.
    Peaks,
    /// Part of the network that is silenced.
    Dropout,
    /// How far the network wanders.
    Drift,
    /// Slot of a second model.
    MorphModel,
    /// From the first model to the second.
    Morph,
    /// What the models hear of two channels.
    Stereo,
    /// What seeds are made of.
    SeedSource,
    /// Keeps the seed of this moment in the project.
    Capture,
    /// Writes down what was just heard when it goes on.
    Keep,
}

/// Number of parameters.
pub const PARAM_COUNT: usize = 54;

/// What is known of a parameter.
#[derive(Clone, Copy, Debug)]
pub struct ParamSpec {
    /// The parameter.
    pub id: ParamId,
    /// Name on the command line, in automation files and as the id in hosts and states.
    pub key: &'static str,
    /// Name shown to the user.
    pub name: &'static str,
    /// Unit of the value; empty for a plain number.
    pub unit: &'static str,
    /// Least value.
    pub min: f32,
    /// Largest value.
    pub max: f32,
    /// Value of a new instance.
    pub default: f32,
    /// Kind of number.
    pub kind: Kind,
    /// Where it acts.
    pub stage: Stage,
    /// One sentence.
    pub help: &'static str,
}

/// A level of this many dB is off.
pub const SILENT_DB: f32 = -60.0;
/// From this value on *Hold* is without end.
pub const HOLD_FOREVER_SECONDS: f32 = 60.5;
/// Intervals between 0 (never) and this are raised to it.
pub const MIN_INTERVAL_SECONDS: f32 = 0.1;

impl ParamId {
    /// The row of the table.
    pub const fn spec(self) -> &'static ParamSpec {
        &SPECS[self as usize]
    }

    /// A parameter by its key.
    pub fn by_key(key: &str) -> Option<Self> {
        SPECS.iter().find(|spec| spec.key == key).map(|spec| spec.id)
    }
}

impl ParamSpec {
    /// The nearest value this parameter can have; a NaN becomes the default.
    pub fn sanitise(&self, value: f32) -> f32 {
        if value.is_nan() {
            return self.default;
        }
        let value = value.clamp(self.min, self.max);
        if matches!(self.kind, Kind::Integer | Kind::Switch) { value.round() } else { value }
    }

    /// True if `value` can be set as it is.
    pub fn accepts(&self, value: f32) -> bool {
        self.sanitise(value) == value
    }
}

/// One value per parameter, plain (in the parameter's unit).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ParamValues([f32; PARAM_COUNT]);

impl Default for ParamValues {
    fn default() -> Self {
        Self(SPECS.map(|spec| spec.default))
    }
}

impl ParamValues {
    /// The value of a parameter.
    pub fn get(&self, id: ParamId) -> f32 {
        self.0[id as usize]
    }

    /// Sets a parameter to the nearest value it can have.
    pub fn set(&mut self, id: ParamId, value: f32) {
        self.0[id as usize] = id.spec().sanitise(value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sound_and_its_keys_are_frozen() {
        for (index, spec) in SPECS.iter().enumerate() {
            assert_eq!(spec.id as usize, index);
            assert!(spec.min < spec.max && spec.accepts(spec.default), "{}", spec.key);
            assert_eq!(ParamId::by_key(spec.key), Some(spec.id));
        }
        let keys = SPECS.map(|spec| spec.key).join(" ");
        assert_eq!(
            keys,
            "mix seed_length reseed_interval temperature model input_gain wet_gain gate hold random_seed stop bypass \
             continue freeze auto_start interval_beats start_trigger onset_trigger sensitivity answer answer_after midi_trigger \
             midi_transpose voices stagger spread duck_wet duck_dry duck_attack duck_release voice_level swell_level \
             shimmer_level sympathy_attack sympathy_release bands low_hz high_hz band_q tuning tremolo_rate tremolo_depth \
             loop_length feedback_guard stretch peaks dropout drift morph_model morph stereo seed_source capture keep",
            "a changed key loses users' automation"
        );
    }

    #[test]
    fn values_are_sanitised() {
        let mut values = ParamValues::default();
        values.set(ParamId::Model, 3.4);
        values.set(ParamId::Mix, f32::NAN);
        values.set(ParamId::Gate, -1000.0);
        assert_eq!(
            [values.get(ParamId::Model), values.get(ParamId::Mix), values.get(ParamId::Gate)],
            [3.0, 50.0, -90.0]
        );
    }
}
