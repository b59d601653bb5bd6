//! The rows of all parameters, in the order of their ids.

use super::spec::{
    Kind::{self, Integer, Linear, Skewed, Switch},
    PARAM_COUNT, ParamId, ParamSpec,
    Stage::{self, Prediction, Rendering},
};

#[rustfmt::skip]
/// The table. Defaults let the first insert make sound.
pub const SPECS: [ParamSpec; PARAM_COUNT] = [
    spec(ParamId::Mix, "mix", "Mix", "%", [0.0, 100.0], 50.0, Linear, Rendering, "Dry to wet at equal power; exactly dry at 0 and exactly wet at 100."),
    spec(ParamId::SeedLength, "seed_length", "Seed Length", "s", [0.05, 10.0], 2.0, Skewed, Prediction, "How many of the last seconds of input seed a continuation."),
    spec(ParamId::ReseedInterval, "reseed_interval", "Re-seed Interval", "s", [0.0, 60.0], 8.0, Skewed, Prediction, "Time from one seed to the next, counted from song position 0; 0 is never."),
    spec(ParamId::Temperature, "temperature", "Temperature", "x", [0.0, 2.0], 1.0, Linear, Prediction, "How daring the predictions are, as a multiple of what the model's maker recommends."),
    spec(ParamId::Model, "model", "Model", "", [0.0, 127.0], 0.0, Integer, Prediction, "Slot of the model: 0 to 63 embedded, 64 to 127 your own."),
    spec(ParamId::InputGain, "input_gain", "Input Gain", "dB", [-24.0, 24.0], 0.0, Linear, Prediction, "Gain of what the model hears; the dry signal is not touched."),
    spec(ParamId::WetGain, "wet_gain", "Wet Gain", "dB", [-24.0, 12.0], 0.0, Linear, Rendering, "Gain of the continuation, before the soft limit."),
    spec(ParamId::Gate, "gate", "Gate", "dBFS", [-90.0, 0.0], -60.0, Linear, Prediction, "Input whose RMS lies below this is silence: it seeds nothing and ends a phrase."),
    spec(ParamId::Hold, "hold", "Hold", "s", [1.0, 61.0], 12.0, Skewed, Prediction, "How long a continuation plays when no new seed replaces it; above 60 without end."),
    spec(ParamId::RandomSeed, "random_seed", "Random Seed", "", [0.0, 65_535.0], 0.0, Integer, Prediction, "The number from which all that is random follows."),
    spec(ParamId::Stop, "stop", "Stop", "", [0.0, 1.0], 0.0, Switch, Rendering, "Fades everything in 20 ms and starts nothing while on."),
    spec(ParamId::Bypass, "bypass", "Bypass", "", [0.0, 1.0], 0.0, Switch, Rendering, "Dry only, bit for bit, after a 10 ms cross-fade."),
    spec(ParamId::Continue, "continue", "Continue", "", [0.0, 1.0], 0.0, Switch, Prediction, "Seeds a continuation from what was just heard, each time it goes on."),
    spec(ParamId::Freeze, "freeze", "Freeze", "", [0.0, 1.0], 0.0, Switch, Prediction, "Holds what sounds: nothing replaces it and it does not end, until Freeze goes off."),
    spec(ParamId::AutoStart, "auto_start", "Auto Start", "", [0.0, 1.0], 1.0, Switch, Prediction, "Begins by itself once Seed Length of sound has been heard and nothing plays."),
    spec(ParamId::IntervalBeats, "interval_beats", "Re-seed Beats", "beats", [0.0, 64.0], 0.0, Integer, Prediction, "Beats of the song from one seed to the next, while the transport runs; 0 is never."),
    spec(ParamId::StartTrigger, "start_trigger", "Start Trigger", "", [0.0, 1.0], 0.0, Switch, Prediction, "Seeds a continuation when the song starts, as soon as the first quarter second of sound was heard."),
    spec(ParamId::OnsetTrigger, "onset_trigger", "Onset Trigger", "", [0.0, 1.0], 0.0, Switch, Prediction, "Every attack in the input seeds a continuation."),
    spec(ParamId::Sensitivity, "sensitivity", "Sensitivity", "%", [0.0, 100.0], 50.0, Linear, Prediction, "How soft an attack may be that still counts."),
    spec(ParamId::Answer, "answer", "Answer", "", [0.0, 1.0], 0.0, Switch, Prediction, "Call and response: when a phrase has ended, it seeds its continuation."),
    spec(ParamId::AnswerAfter, "answer_after", "Answer After", "s", [0.02, 4.0], 0.25, Skewed, Prediction, "How long the input must lie below the gate before a phrase has ended."),
    spec(ParamId::MidiTrigger, "midi_trigger", "MIDI Trigger", "", [0.0, 1.0], 0.0, Switch, Prediction, "Every note-on seeds a continuation, as loud as its velocity says."),
    spec(ParamId::MidiTranspose, "midi_transpose", "MIDI Transpose", "", [0.0, 1.0], 0.0, Switch, Prediction, "The note transposes its continuation; C3 (60) leaves the pitch."),
    spec(ParamId::Voices, "voices", "Voices", "", [1.0, 4.0], 1.0, Integer, Prediction, "Continuations that sound at once; one more replaces the oldest."),
    spec(ParamId::Stagger, "stagger", "Stagger", "s", [0.0, 4.0], 0.25, Skewed, Prediction, "Least time from the start of one voice to that of the next, with two voices and more."),
    spec(ParamId::Spread, "spread", "Spread", "%", [0.0, 100.0], 70.0, Linear, Prediction, "How far voices stand apart in the stereo field."),
    spec(ParamId::DuckWet, "duck_wet", "Duck Wet", "dB", [-60.0, 0.0], 0.0, Linear, Rendering, "Gain of the wet while the input lies above the gate; -60 is silence."),
    spec(ParamId::DuckDry, "duck_dry", "Duck Dry", "dB", [-60.0, 0.0], 0.0, Linear, Rendering, "Gain of the dry while the input lies below the gate; -60 is silence."),
    spec(ParamId::DuckAttack, "duck_attack", "Duck Attack", "s", [0.005, 1.0], 0.05, Skewed, Rendering, "How long ducking takes once the input rises above the gate."),
    spec(ParamId::DuckRelease, "duck_release", "Duck Release", "s", [0.01, 5.0], 0.5, Skewed, Rendering, "How long it takes back once the input lies below the gate."),
    spec(ParamId::VoiceLevel, "voice_level", "Voice Level", "dB", [-60.0, 12.0], 0.0, Linear, Prediction, "Gain of the continuations; at -60 there are none, only what sounds in sympathy."),
    spec(ParamId::SwellLevel, "swell_level", "Swell Level", "dB", [-60.0, 24.0], -60.0, Linear, Rendering, "Gain of the swell: what you play opens silent loops of predictions, band by band. -60 is off."),
    spec(ParamId::ShimmerLevel, "shimmer_level", "Shimmer Level", "dB", [-60.0, 24.0], -60.0, Linear, Rendering, "Gain of the swell with a tremolo that quickens and deepens with the envelope. -60 is off."),
    spec(ParamId::SympathyAttack, "sympathy_attack", "Sympathy Attack", "s", [0.001, 2.0], 0.05, Skewed, Rendering, "How fast a band opens."),
    spec(ParamId::SympathyRelease, "sympathy_release", "Sympathy Release", "s", [0.05, 10.0], 1.5, Skewed, Rendering, "How fast it closes."),
    spec(ParamId::Bands, "bands", "Bands", "", [8.0, 48.0], 36.0, Integer, Rendering, "Bands of the filter bank, at most; a tuning may have fewer notes."),
    spec(ParamId::LowHz, "low_hz", "Lowest Band", "Hz", [40.0, 2000.0], 80.0, Skewed, Rendering, "Where the bands begin."),
    spec(ParamId::HighHz, "high_hz", "Highest Band", "Hz", [200.0, 12_000.0], 2500.0, Skewed, Rendering, "Where the bands end."),
    spec(ParamId::BandQ, "band_q", "Band Q", "", [2.0, 120.0], 30.0, Skewed, Rendering, "How narrow a band is: its centre divided by its width."),
    spec(ParamId::Tuning, "tuning", "Tuning", "", [0.0, 3.0], 0.0, Integer, Rendering, "Where the bands lie: 0 evenly (constant Q), 1 chromatic, 2 E minor, 3 open strings and their harmonics."),
    spec(ParamId::TremoloRate, "tremolo_rate", "Tremolo Rate", "Hz", [0.5, 20.0], 8.0, Skewed, Rendering, "Rate of the shimmer's tremolo in a band that is fully open."),
    spec(ParamId::TremoloDepth, "tremolo_depth", "Tremolo Depth", "%", [0.0, 100.0], 100.0, Linear, Rendering, "Its depth there."),
    spec(ParamId::LoopLength, "loop_length", "Loop Length", "s", [0.5, 8.0], 4.0, Linear, Prediction, "Length of the loops; each is cut where it best fits."),
    spec(ParamId::FeedbackGuard, "feedback_guard", "Feedback Guard", "", [0.0, 1.0], 1.0, Switch, Rendering, "Lowers the wet by 12 dB while the input contains it, through the room or a bus."),
    spec(ParamId::Keep, "keep", "Keep", "", [0.0, 1.0], 0.0, Switch, Rendering, "Writes the last two minutes of wet and of dry to files, each time it goes on (plugin and `play`)."),
];

#[allow(clippy::too_many_arguments, reason = "one row of the table above")]
const fn spec(
    id: ParamId,
    key: &'static str,
    name: &'static str,
    unit: &'static str,
    [min, max]: [f32; 2],
    default: f32,
    kind: Kind,
    stage: Stage,
    help: &'static str,
) -> ParamSpec {
    ParamSpec { id, key, name, unit, min, max, default, kind, stage, help }
}
