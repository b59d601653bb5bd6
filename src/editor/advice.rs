//! The one line that says how it stands, and what to do about it.

use super::instance::Instance;
use crate::{
    control::{ParamId, SeedSource, values::SILENT_DB},
    dsp::level::db_to_gain,
};

/// How urgent a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Urgency {
    /// All is well.
    Fine,
    /// Something is waited for.
    Waiting,
    /// Something is wrong.
    Trouble,
}

/// What has been observed.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Observed {
    /// Largest sample of the input of late.
    pub input: f32,
    /// Seconds since the input was last above the gate.
    pub silent_seconds: f32,
    /// A continuation sounds or is being warmed up, or strings are heard.
    pub is_sounding: bool,
    /// There is an engine.
    pub is_active: bool,
    /// The worker has failed.
    pub has_failed: bool,
    /// Predictions that came too late, of late.
    pub recent_underruns: u64,
    /// The input contained the wet, of late.
    pub is_feedback: bool,
}

/// What can be heard of it.
const LEVELS: [ParamId; 3] = [ParamId::VoiceLevel, ParamId::SwellLevel, ParamId::ShimmerLevel];
/// Input below this is none: −80 dBFS.
const NOTHING: f32 = 1e-4;
/// So long after the last sound there is no input.
const QUIET_SECONDS: f32 = 2.0;

fn starts_by(instance: &dyn Instance) -> Vec<&'static str> {
    let triggers = [
        (ParamId::StartTrigger, "the song's start"),
        (ParamId::OnsetTrigger, "an attack"),
        (ParamId::Answer, "the end of a phrase"),
        (ParamId::MidiTrigger, "a MIDI note"),
    ];
    triggers.into_iter().filter(|(id, _)| instance.value(*id) >= 0.5).map(|(_, name)| name).collect()
}

/// What to say.
pub(super) fn advice(instance: &dyn Instance, observed: &Observed) -> (Urgency, String) {
    let value = |id| instance.value(id);
    let is_on = |id| value(id) >= 0.5;
    let slot = value(ParamId::Model) as u8;
    let registry = instance.registry();
    if !observed.is_active {
        return (Urgency::Waiting, "The host has not switched the plugin on yet.".into());
    }
    if let Some(reason) = registry.trouble(slot) {
        return (Urgency::Trouble, format!("The model cannot play: {reason} Choose another one above."));
    }
    if observed.has_failed {
        return (Urgency::Trouble, "It has stopped predicting. Start the song again.".into());
    }
    if is_on(ParamId::Bypass) {
        return (Urgency::Waiting, "Bypassed: only what you play is heard.".into());
    }
    if is_on(ParamId::Stop) {
        return (Urgency::Waiting, "Stopped: switch Stop off and it listens again.".into());
    }
    if observed.recent_underruns > 0 {
        let slow = registry.slowness(slot).is_some();
        let what = match (slow, instance.has_settings()) {
            (true, _) => "Choose a smaller model",
            (false, true) => "Raise Reaction Time under Settings, or use fewer voices",
            (false, false) => "Start it with a longer --reaction, or use fewer voices",
        };
        return (Urgency::Trouble, format!("This machine does not keep up. {what}."));
    }
    if observed.is_feedback {
        return (Urgency::Trouble, "It hears itself: turn the wet down, or move the microphone.".into());
    }
    let mix = value(ParamId::Mix);
    let is_inaudible = mix <= 0.0 || LEVELS.iter().all(|&id| value(id) <= SILENT_DB);
    if is_inaudible && observed.is_sounding {
        let what = if mix <= 0.0 { "Mix" } else { "Voice Level" };
        return (Urgency::Waiting, format!("It plays, but {what} is down: turn it up to hear it."));
    }
    if observed.is_sounding {
        let held = if is_on(ParamId::Freeze) { ", and Freeze holds it" } else { "" };
        return (Urgency::Fine, format!("It plays what may come next{held}."));
    }
    let source = SeedSource::of(&instance.values());
    if source.is_heard() && instance.input() == Some(false) {
        let what = "The input is muted: press Input above. Mind feedback: use headphones, or turn the output down.";
        return (Urgency::Waiting, what.into());
    }
    if source == SeedSource::Captured && instance.captured_seconds().is_none() {
        return (Urgency::Waiting, "Nothing has been captured yet: play, then press Capture Seed.".into());
    }
    let gain = db_to_gain(value(ParamId::InputGain));
    let gate = db_to_gain(value(ParamId::Gate));
    if observed.input > NOTHING && gain * observed.input < gate {
        return (Urgency::Waiting, "It hears you, but below the gate: play louder, or turn Gate down.".into());
    }
    let seed = value(ParamId::SeedLength);
    let seconds = if seed == 1.0 { "one second".into() } else { format!("{seed:.1} seconds") };
    if is_on(ParamId::AutoStart) {
        if observed.silent_seconds > QUIET_SECONDS {
            return (Urgency::Waiting, format!("Play: {seconds}, and it joins in."));
        }
        return (Urgency::Fine, format!("It listens: after {seconds} of you it joins in."));
    }
    let starts = starts_by(instance);
    let by = if starts.is_empty() { "when you press Continue".into() } else { format!("with {}", starts.join(" or ")) };
    (Urgency::Waiting, format!("Play: it joins in {by}."))
}
