//! Every parameter, in one table: what hosts, the command line and the engine know of it. Ids and keys never change.

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
}

/// Number of parameters.
pub const PARAM_COUNT: usize = 12;

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

/// From this value on *Hold* is without end.
pub const HOLD_FOREVER_SECONDS: f32 = 60.5;
/// Intervals between 0 (never) and this are raised to it.
pub const LEAST_INTERVAL_SECONDS: f32 = 0.1;

#[rustfmt::skip]
/// The table. Defaults let the first insert make sound.
pub const SPECS: [ParamSpec; PARAM_COUNT] = [
    spec(ParamId::Mix, "mix", "Mix", "%", 0.0, 100.0, 50.0, Kind::Linear, Stage::Rendering, "Dry to wet at equal power; exactly dry at 0 and exactly wet at 100."),
    spec(ParamId::SeedLength, "seed_length", "Seed Length", "s", 0.05, 10.0, 2.0, Kind::Skewed, Stage::Prediction, "How many of the last seconds of input seed a continuation."),
    spec(ParamId::ReseedInterval, "reseed_interval", "Re-seed Interval", "s", 0.0, 60.0, 8.0, Kind::Skewed, Stage::Prediction, "Time from one seed to the next, counted from song position 0; 0 is never."),
    spec(ParamId::Temperature, "temperature", "Temperature", "x", 0.0, 2.0, 1.0, Kind::Linear, Stage::Prediction, "How daring the predictions are, as a multiple of what the model's maker recommends."),
    spec(ParamId::Model, "model", "Model", "", 0.0, 127.0, 0.0, Kind::Integer, Stage::Prediction, "Slot of the model: 0 to 63 embedded, 64 to 127 your own."),
    spec(ParamId::InputGain, "input_gain", "Input Gain", "dB", -24.0, 24.0, 0.0, Kind::Linear, Stage::Prediction, "Gain of what the model hears; the dry signal is not touched."),
    spec(ParamId::WetGain, "wet_gain", "Wet Gain", "dB", -24.0, 12.0, 0.0, Kind::Linear, Stage::Rendering, "Gain of the continuation, before the soft limit."),
    spec(ParamId::Gate, "gate", "Gate", "dBFS", -90.0, 0.0, -60.0, Kind::Linear, Stage::Prediction, "A seed whose RMS lies below this starts nothing."),
    spec(ParamId::Hold, "hold", "Hold", "s", 1.0, 61.0, 12.0, Kind::Skewed, Stage::Prediction, "How long a continuation plays when no new seed replaces it; above 60 without end."),
    spec(ParamId::RandomSeed, "random_seed", "Random Seed", "", 0.0, 65_535.0, 0.0, Kind::Integer, Stage::Prediction, "The number from which all that is random follows."),
    spec(ParamId::Stop, "stop", "Stop", "", 0.0, 1.0, 0.0, Kind::Switch, Stage::Rendering, "Fades everything in 20 ms and starts nothing while on."),
    spec(ParamId::Bypass, "bypass", "Bypass", "", 0.0, 1.0, 0.0, Kind::Switch, Stage::Rendering, "Dry only, bit for bit, after a 10 ms cross-fade."),
];

#[allow(clippy::too_many_arguments, reason = "one row of the table above")]
const fn spec(
    id: ParamId,
    key: &'static str,
    name: &'static str,
    unit: &'static str,
    min: f32,
    max: f32,
    default: f32,
    kind: Kind,
    stage: Stage,
    help: &'static str,
) -> ParamSpec {
    ParamSpec { id, key, name, unit, min, max, default, kind, stage, help }
}

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
            "mix seed_length reseed_interval temperature model input_gain wet_gain gate hold random_seed stop bypass",
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
