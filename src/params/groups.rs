//! The parameters in the groups under which hosts show them.

use super::{
    convert::{float_range, int_range},
    text,
};
use crate::{
    control::{
        ParamId,
        values::{Kind, ParamSpec},
    },
    take::TakeStatus,
    worker::ClipSlot,
};
use nice_plug::prelude::{BoolParam, FloatParam, IntParam, Param, Params, RemoteControlsPage};
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

/// A kind of the framework's parameters, made from a row of the table.
trait Row: Param {
    fn of(spec: &'static ParamSpec) -> Self;
    fn plain(&self) -> f32;
}

impl Row for FloatParam {
    fn of(spec: &'static ParamSpec) -> Self {
        let param = Self::new(spec.name, spec.default, float_range(spec))
            .with_value_to_string(Arc::new(move |value| text::float_to_text(spec, value)))
            .with_string_to_value(Arc::new(move |typed| text::text_to_float(spec, typed)));
        if text::has_words(spec.id) { param } else { param.with_unit(spaced_unit(spec)) }
    }

    fn plain(&self) -> f32 {
        self.value()
    }
}

impl Row for IntParam {
    fn of(spec: &'static ParamSpec) -> Self {
        let param = Self::new(spec.name, spec.default as i32, int_range(spec));
        if text::has_words(spec.id) {
            param
                .with_value_to_string(Arc::new(move |value| text::float_to_text(spec, value as f32)))
                .with_string_to_value(Arc::new(move |typed| text::text_to_float(spec, typed).map(|value| value as i32)))
        } else {
            param
        }
    }

    fn plain(&self) -> f32 {
        self.value() as f32
    }
}

impl Row for BoolParam {
    fn of(spec: &'static ParamSpec) -> Self {
        debug_assert_eq!(spec.kind, Kind::Switch);
        let param = Self::new(spec.name, spec.default >= 0.5);
        if spec.id == ParamId::Bypass { param.make_bypass() } else { param }
    }

    fn plain(&self) -> f32 {
        f32::from(self.value())
    }
}

/// Hosts put the unit right behind the number: it brings its own space.
fn spaced_unit(spec: &ParamSpec) -> &'static str {
    match spec.unit {
        "%" => " %",
        "s" => " s",
        "x" => " x",
        "dB" => " dB",
        "dBFS" => " dBFS",
        "Hz" => " Hz",
        other => other,
    }
}

macro_rules! group {
    ($(#[$doc:meta])* $name:ident: $($key:tt $field:ident $kind:ident $id:ident,)*) => {
        $(#[$doc])*
        #[derive(Params)]
        pub struct $name {
            $(
                #[doc = concat!("`", $key, "`")]
                #[id = $key]
                pub $field: $kind,
            )*
        }

        impl $name {
            pub(super) fn new() -> Self {
                Self { $($field: Row::of(ParamId::$id.spec()),)* }
            }

            /// Puts all of them on a controller's page; the framework begins another after eight.
            pub(super) fn add_to(&self, page: &mut impl RemoteControlsPage) {
                $(page.add_param(&self.$field);)*
            }

            /// The plain value of one of its parameters, as the host left it.
            pub(super) fn value(&self, id: ParamId) -> Option<f32> {
                match id {
                    $(ParamId::$id => Some(self.$field.plain()),)*
                    _ => None,
                }
            }
        }
    };
}

group! {
    /// What a performer reaches for.
    Play:
    "mix" mix FloatParam Mix,
    "temperature" temperature FloatParam Temperature,
    "hold" hold FloatParam Hold,
    "continue" continue_now BoolParam Continue,
    "freeze" freeze BoolParam Freeze,
    "stop" stop BoolParam Stop,
}

group! {
    /// What is heard, and when it seeds a continuation.
    Seed:
    "input_gain" input_gain FloatParam InputGain,
    "gate" gate FloatParam Gate,
    "seed_length" seed_length FloatParam SeedLength,
    "random_seed" random_seed IntParam RandomSeed,
    "auto_start" auto_start BoolParam AutoStart,
    "reseed_interval" reseed_interval FloatParam ReseedInterval,
    "seed_source" seed_source IntParam SeedSource,
    "capture" capture BoolParam Capture,
    "interval_beats" interval_beats IntParam IntervalBeats,
    "start_trigger" start_trigger BoolParam StartTrigger,
    "onset_trigger" onset_trigger BoolParam OnsetTrigger,
    "sensitivity" sensitivity FloatParam Sensitivity,
    "answer" answer BoolParam Answer,
    "answer_after" answer_after FloatParam AnswerAfter,
    "midi_trigger" midi_trigger BoolParam MidiTrigger,
}

group! {
    /// How many continuations sound, and where.
    Voices:
    "voice_level" voice_level FloatParam VoiceLevel,
    "voices" voices IntParam Voices,
    "stagger" stagger FloatParam Stagger,
    "spread" spread FloatParam Spread,
    "midi_transpose" midi_transpose BoolParam MidiTranspose,
    "stereo" stereo IntParam Stereo,
}

group! {
    /// How they differ from what their model would say.
    Colour:
    "stretch" stretch FloatParam Stretch,
    "peaks" peaks IntParam Peaks,
    "dropout" dropout FloatParam Dropout,
    "drift" drift FloatParam Drift,
    "morph" morph FloatParam Morph,
}

group! {
    /// The strings that answer at once.
    Sympathy:
    "swell_level" swell_level FloatParam SwellLevel,
    "shimmer_level" shimmer_level FloatParam ShimmerLevel,
    "sympathy_attack" sympathy_attack FloatParam SympathyAttack,
    "sympathy_release" sympathy_release FloatParam SympathyRelease,
    "tremolo_rate" tremolo_rate FloatParam TremoloRate,
    "tremolo_depth" tremolo_depth FloatParam TremoloDepth,
    "loop_length" loop_length FloatParam LoopLength,
    "tuning" tuning IntParam Tuning,
    "bands" bands IntParam Bands,
    "low_hz" low_hz FloatParam LowHz,
    "high_hz" high_hz FloatParam HighHz,
    "band_q" band_q FloatParam BandQ,
}

group! {
    /// What becomes of them.
    Output:
    "wet_gain" wet_gain FloatParam WetGain,
    "duck_wet" duck_wet FloatParam DuckWet,
    "duck_dry" duck_dry FloatParam DuckDry,
    "duck_attack" duck_attack FloatParam DuckAttack,
    "duck_release" duck_release FloatParam DuckRelease,
    "feedback_guard" feedback_guard BoolParam FeedbackGuard,
    "bypass" bypass BoolParam Bypass,
    "keep" keep BoolParam Keep,
}

/// Gives a switch something to say beside on and off.
fn with_note(switch: BoolParam, note: impl Fn() -> Option<String> + Send + Sync + 'static) -> BoolParam {
    let shown = move |on| text::switch_to_text(on, note());
    switch.with_value_to_string(Arc::new(shown)).with_string_to_value(Arc::new(text::text_to_switch))
}

impl Output {
    /// Lets *Keep* show what became of the last take, and *Feedback Guard* how often it had to step in.
    pub(super) fn with_notes(mut self, status: Arc<TakeStatus>, feedbacks: Arc<AtomicU64>) -> Self {
        self.keep = with_note(self.keep, move || status.text());
        self.feedback_guard = with_note(self.feedback_guard, move || match feedbacks.load(Ordering::Relaxed) {
            0 => None,
            1 => Some("the input contained the wet".into()),
            times => Some(format!("the input contained the wet, {times} times")),
        });
        self
    }
}

impl Seed {
    /// Lets *Capture* show what it has captured.
    pub(super) fn with_captured(mut self, clip_slot: Arc<ClipSlot>) -> Self {
        self.capture = with_note(self.capture, move || Some(format!("{:.1} s captured", clip_slot.get()?.seconds())));
        self
    }
}
