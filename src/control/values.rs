//! What hosts, the command line and the engine know of every parameter: the types of the table's columns, and what is made
//! of its rows.

use super::{
    choices::{Choice, Dynamics, Peaks, Recall, SeedSource, Stereo, Tuning},
    table::with_parameters,
};

/// The value of [`ParamId::MorphModel`] that is no model.
pub const NO_MODEL: f32 = -1.0;
/// A level of this many dB is off.
pub const SILENT_DB: f32 = -60.0;
/// From this value on *Hold* is without end.
pub const HOLD_FOREVER_SECONDS: f32 = 60.5;
/// Intervals between 0 (never) and this are raised to it.
pub const MIN_INTERVAL_SECONDS: f32 = 0.1;

/// Equal steps of a skewed control are equal steps of the root of the value.
pub const SQUARE_LAW: f32 = 0.5;

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
    /// 0 or 1; something happens each time it becomes 1.
    Trigger,
    /// The same, but what happens changes the project or writes files: hosts do not automate it, as a bounce must not.
    Command,
    /// The number of one of these.
    Choice(&'static [Choice]),
}

impl Kind {
    /// True where the numbers between whole ones mean nothing.
    pub fn is_whole(self) -> bool {
        !matches!(self, Self::Linear | Self::Skewed)
    }

    /// True for what is on or off.
    pub fn is_switch(self) -> bool {
        matches!(self, Self::Switch | Self::Trigger | Self::Command)
    }

    /// True for what happens when it goes on: no preset asks for it, and no state.
    pub fn is_trigger(self) -> bool {
        matches!(self, Self::Trigger | Self::Command)
    }
}

/// Where a parameter acts (DESIGN 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// At once, on the audio thread.
    Rendering,
    /// In what the worker predicts: heard one reaction time later.
    Prediction,
    /// In both.
    Both,
}

/// A number that is written as a word: that at one end of the range, and those beyond a bound.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Word {
    /// At which end.
    pub end: End,
    /// The number closest to the others for which it stands.
    pub bound: f32,
    /// What hosts show.
    pub shown: &'static str,
    /// What people type beside that, the usual word first.
    pub typed: &'static [&'static str],
}

/// An end of a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The least value.
    Least,
    /// The greatest.
    Greatest,
}

/// How the numbers of a parameter are written.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Format {
    /// Unit; empty for a plain number.
    pub unit: &'static str,
    /// The same with a space before it, as it stands behind a number.
    pub spaced_unit: &'static str,
    /// Digits after the point, where hosts show it.
    pub decimals: usize,
    /// A number that is a word.
    pub word: Option<Word>,
    /// The numbers are slots, which can be called by the names of the embedded models of sound.
    pub is_slot: bool,
}

/// The parameters of one plugin.
pub trait Parameter: Copy + PartialEq + std::fmt::Debug + Send + Sync + 'static {
    /// A value of each.
    type Values: Copy + Default + PartialEq + std::fmt::Debug + Send + Sync;

    /// Their rows, in the order of their numbers.
    fn specs() -> &'static [ParamSpec<Self>];

    /// The same group by group, in the order in which hosts show them.
    fn by_group() -> impl Iterator<Item = &'static ParamSpec<Self>>;

    /// The row of this one.
    fn spec(self) -> &'static ParamSpec<Self>;

    /// Its value among these.
    fn value(self, values: &Self::Values) -> f32;

    /// Sets it to the nearest value it can have.
    fn put(self, values: &mut Self::Values, value: f32);
}

/// What is known of a parameter.
#[derive(Clone, Copy, Debug)]
pub struct ParamSpec<Id = ParamId> {
    /// The parameter.
    pub id: Id,
    /// Name on the command line, in automation files and as the id in hosts and states.
    pub key: &'static str,
    /// Name shown to the user.
    pub name: &'static str,
    /// The title of its group.
    pub group: &'static str,
    /// Unit of the value; empty for a plain number.
    pub unit: &'static str,
    /// How its numbers are written.
    pub format: Format,
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

/// Kind, least, greatest and default value.
pub(super) struct Range(pub Kind, pub f32, pub f32, pub f32);

pub(super) const fn linear(min: f32, max: f32, default: f32) -> Range {
    Range(Kind::Linear, min, max, default)
}

pub(super) const fn skewed(min: f32, max: f32, default: f32) -> Range {
    Range(Kind::Skewed, min, max, default)
}

pub(super) const fn integer(min: f32, max: f32, default: f32) -> Range {
    Range(Kind::Integer, min, max, default)
}

pub(super) const fn switch(on: bool) -> Range {
    Range(Kind::Switch, 0.0, 1.0, if on { 1.0 } else { 0.0 })
}

pub(super) const fn trigger() -> Range {
    Range(Kind::Trigger, 0.0, 1.0, 0.0)
}

pub(super) const fn command() -> Range {
    Range(Kind::Command, 0.0, 1.0, 0.0)
}

/// The first is the default.
pub(super) const fn choice(choices: &'static [Choice]) -> Range {
    Range(Kind::Choice(choices), 0.0, (choices.len() - 1) as f32, 0.0)
}

macro_rules! number {
    ($unit:literal, $decimals:literal) => {
        Format { unit: $unit, spaced_unit: concat!(" ", $unit), decimals: $decimals, word: None, is_slot: false }
    };
}

pub(super) const PERCENT: Format = number!("%", 1);
pub(super) const RATIO: Format = number!("x", 2);
pub(super) const NUMBER: Format = number!("", 1);
pub(super) const WHOLE: Format = number!("", 0);
pub(super) const SWITCH: Format = WHOLE;
pub(super) const CHOICE: Format = WHOLE;
const DECIBELS: Format = number!("dB", 1);
const FULL_SCALE: Format = number!("dBFS", 1);
const PER_SECOND: Format = number!("/s", 2);
const HERTZ: Format = number!("Hz", 1);
const SHORT_TIME: Format = number!("s", 3);
const TIME: Format = number!("s", 2);
const LONG_TIME: Format = number!("s", 1);
/// A level whose least value is silence.
const LEVEL: Format = with_word(DECIBELS, End::Least, SILENT_DB, "−∞", &["off", "-inf"]);
const HOLD: Format = with_word(TIME, End::Greatest, HOLD_FOREVER_SECONDS, "∞", &["inf", "infinity", "forever"]);
const INTERVAL: Format = with_word(TIME, End::Least, 0.0, "never", &["never", "off"]);
const BEATS: Format = with_word(number!("beats", 0), End::Least, 0.0, "never", &["never", "off"]);
const SLOT: Format = Format { is_slot: true, ..WHOLE };
const SECOND_SLOT: Format = with_word(SLOT, End::Least, NO_MODEL, "off", &["off", "none"]);

pub(super) const fn with_word(
    format: Format,
    end: End,
    bound: f32,
    shown: &'static str,
    typed: &'static [&'static str],
) -> Format {
    Format { word: Some(Word { end, bound, shown, typed }), ..format }
}

/// Makes of the rows of a table: the parameters, how many there are, their specifications, and a value for each.
macro_rules! declare {
    ([$Id:ident, $COUNT:ident, $ROWS:ident, $SPECS:ident, $Values:ident] $(
        $(#[$doc:meta])* $group:ident $place:ident $title:literal $(in $host_title:literal)? {
            $($number:literal $id:ident $field:ident $key:literal $name:literal $kind:ident($($range:tt)*) $format:ident
                $stage:ident $help:literal;)*
        }
    )*) => {
        #[doc = concat!("The parameters. Their numbers are their places in [`", stringify!($SPECS), "`].")]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(usize)]
        pub enum $Id {
            $($(#[doc = $help] $id = $number,)*)*
        }

        /// Number of parameters.
        pub const $COUNT: usize = [$($($Id::$id,)*)*].len();

        /// In the order of the table.
        const $ROWS: [ParamSpec<$Id>; $COUNT] = [$($({
            let Range(kind, min, max, default) = $kind($($range)*);
            ParamSpec {
                id: $Id::$id,
                key: $key,
                name: $name,
                group: $title,
                unit: $format.unit,
                format: $format,
                min,
                max,
                default,
                kind,
                stage: Stage::$stage,
                help: $help,
            }
        },)*)*];

        /// The rows of the table, in the order of their numbers.
        pub static $SPECS: [ParamSpec<$Id>; $COUNT] = {
            // Does not compile where a number is left out; where one is given twice, the enum does not.
            let mut specs = $ROWS;
            let mut row = 0;
            while row < $COUNT {
                specs[$ROWS[row].id as usize] = $ROWS[row];
                row += 1;
            }
            specs
        };

        impl $Id {
            /// The row of the table.
            pub const fn spec(self) -> &'static ParamSpec<$Id> {
                &$SPECS[self as usize]
            }

            /// A parameter by its key.
            pub fn by_key(key: &str) -> Option<Self> {
                $SPECS.iter().find(|spec| spec.key == key).map(|spec| spec.id)
            }
        }

        impl Parameter for $Id {
            type Values = $Values;

            fn specs() -> &'static [ParamSpec<Self>] {
                &$SPECS
            }

            fn by_group() -> impl Iterator<Item = &'static ParamSpec<Self>> {
                $ROWS.iter().map(|row| row.id.spec())
            }

            fn spec(self) -> &'static ParamSpec<Self> {
                &$SPECS[self as usize]
            }

            fn value(self, values: &$Values) -> f32 {
                values.get(self)
            }

            fn put(self, values: &mut $Values, value: f32) {
                values.set(self, value);
            }
        }

        /// One value per parameter, plain (in the parameter's unit).
        #[derive(Clone, Copy, Debug, PartialEq)]
        pub struct $Values([f32; $COUNT]);

        impl Default for $Values {
            fn default() -> Self {
                Self($SPECS.each_ref().map(|spec| spec.default))
            }
        }

        impl $Values {
            /// The value of a parameter.
            pub fn get(&self, id: $Id) -> f32 {
                self.0[id as usize]
            }

            /// Sets a parameter to the nearest value it can have.
            pub fn set(&mut self, id: $Id, value: f32) {
                self.0[id as usize] = id.spec().sanitise(value);
            }
        }
    };
}
#[cfg(feature = "notes")]
pub(super) use declare;

/// [`declare`] of the table of the audio plugin.
macro_rules! declare_parameters {
    ($($rows:tt)*) => {
        declare!([ParamId, PARAM_COUNT, ROWS, SPECS, ParamValues] $($rows)*);
    };
}

with_parameters!(declare_parameters);

/// All parameters as the table has them: group by group, in the order in which hosts show them.
pub fn by_group() -> impl Iterator<Item = &'static ParamSpec> {
    ParamId::by_group()
}

impl<Id> ParamSpec<Id> {
    /// The nearest value this parameter can have; a NaN becomes the default.
    pub fn sanitise(&self, value: f32) -> f32 {
        if value.is_nan() {
            return self.default;
        }
        let value = value.clamp(self.min, self.max);
        if self.kind.is_whole() { value.round() } else { value }
    }

    /// Where a value stands between the ends of a control, 0 to 1.
    pub fn position(&self, value: f32) -> f32 {
        let part = ((value - self.min) / (self.max - self.min)).clamp(0.0, 1.0);
        if self.kind == Kind::Skewed { libm::powf(part, SQUARE_LAW) } else { part }
    }

    /// The value where a control stands between its ends, 0 to 1.
    pub fn value_at(&self, position: f32) -> f32 {
        let part = if self.kind == Kind::Skewed { libm::powf(position, 1.0 / SQUARE_LAW) } else { position };
        self.sanitise(self.min + part * (self.max - self.min))
    }

    /// True if `value` can be set as it is.
    pub fn accepts(&self, value: f32) -> bool {
        self.sanitise(value) == value
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
        let keys = SPECS.each_ref().map(|spec| spec.key).join(" ");
        assert_eq!(
            keys,
            "mix seed_length reseed_interval temperature model input_gain wet_gain gate hold random_seed stop bypass \
             continue freeze auto_start interval_beats start_trigger onset_trigger sensitivity answer answer_after midi_trigger \
             midi_transpose voices stagger spread duck_wet duck_dry duck_attack duck_release voice_level swell_level \
             shimmer_level sympathy_attack sympathy_release bands low_hz high_hz band_q tuning tremolo_rate tremolo_depth \
             loop_length feedback_guard stretch peaks dropout drift morph_model morph stereo seed_source capture keep \
             listen recall thread recency loyalty dynamics level_temperature \
             learn learn_rate learn_amount learn_memory learn_pull learn_forget carry_on keep_learnt learn_take learn_record learn_seconds",
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
