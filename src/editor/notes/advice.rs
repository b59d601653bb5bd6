//! The one line that says how it stands, and what to do about it.

use super::{NoteInstance, history::Steps};
use crate::{
    control::notes::{NoteParam, Part, Run},
    editor::advice::Urgency,
};

/// What to say; `late`: steps that were late, of late.
pub(super) fn advice(instance: &dyn NoteInstance, steps: &Steps, late: u64, now: f64) -> (Urgency, String) {
    let is_on = |id| instance.value(id) >= 0.5;
    let values = instance.values();
    let slot = instance.value(NoteParam::Model) as u8;
    if instance.activation().is_none() {
        return (Urgency::Waiting, "The host has not switched the plugin on yet.".into());
    }
    if let Some(reason) = instance.models().trouble(slot) {
        return (Urgency::Trouble, format!("The model cannot play: {reason} Choose another one above."));
    }
    if !instance.models().readiness(slot).is_settled() {
        return (Urgency::Waiting, "The model is being loaded…".into());
    }
    if instance.has_failed() {
        return (Urgency::Trouble, "It has stopped predicting. Start the song again.".into());
    }
    if is_on(NoteParam::Bypass) {
        return (Urgency::Waiting, "Bypassed: your notes are passed on, and it plays nothing.".into());
    }
    if late > 0 {
        let remedy = match instance.has_settings() {
            true => "Raise Reaction Time under Settings.",
            false => "Start it with a longer --reaction.",
        };
        return (Urgency::Trouble, format!("This machine does not keep up. {remedy}"));
    }
    if !steps.is_running(now) {
        return match Run::of(&values) {
            Run::Transport => (Urgency::Waiting, "The song stands: start it, or set Run to Free.".into()),
            Run::Free => (Urgency::Waiting, "It waits for the host to play.".into()),
        };
    }
    let speaks = steps.last().is_some_and(|last| last.speaks);
    let held = if is_on(NoteParam::Freeze) { ", and Freeze holds it" } else { "" };
    let beats = instance.text(NoteParam::AnswerAfter);
    match (Part::of(&values), speaks) {
        (Part::Answer, true) => (Urgency::Fine, format!("It answers{held}.")),
        (Part::Alongside, true) => (Urgency::Fine, format!("It plays along{held}.")),
        (Part::Answer, false) if steps.last().is_some_and(|last| last.heard[0] != 0) => {
            (Urgency::Fine, format!("It listens: after {beats} of silence it answers."))
        }
        (Part::Answer, false) => {
            (Urgency::Waiting, format!("Play: when you have been silent for {beats}, it answers."))
        }
        (Part::Alongside, false) => (Urgency::Waiting, "Play: it joins in with your first note.".into()),
    }
}
