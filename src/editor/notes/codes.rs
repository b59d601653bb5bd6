//! The page *Code*: sixteen sliders with what each of them moves, and the codes that are stored.

use super::NoteInstance;
use crate::{
    control::notes::{Axes, Base, NoteParam, NoteValues, SLIDERS},
    dsp::random::Random,
    editor::{
        controls::{self, CELL, Desk, Held, button, focus_ring, is_pressed},
        instance::set_at_once,
        theme::{self, Theme, space},
    },
    model::RollCodes,
    notes::live::{AXIS_REACH, Code, MAX_STORED},
};
use egui::{Align2, Id, Key, Rect, Role, Sense, Stroke, StrokeKind, Ui, WidgetInfo, pos2, vec2};
use std::time::{SystemTime, UNIX_EPOCH};

/// What else stands on the page, behind the sliders.
const BESIDE: [NoteParam; 6] = [
    NoteParam::Base,
    NoteParam::Axes,
    NoteParam::Morph,
    NoteParam::Journey,
    NoteParam::StoreCode,
    NoteParam::ClearCodes,
];
/// Height of what is said of a slider, at the bottom of its cell.
const EFFECT: f32 = 14.0;
/// Height of the row of buttons and stored codes.
const ROW: f32 = 32.0;
/// An effect below this is none.
const MIN_EFFECT: f32 = 0.2;

/// Height of the page in so many columns of controls.
pub(super) fn height(columns: usize) -> f32 {
    (SLIDERS.len() + BESIDE.len()).div_ceil(columns) as f32 * CELL[1] + ROW
}

/// Numbers of the code of the model that is chosen; none where it has no code, or is not loaded.
pub(super) fn size(instance: &dyn NoteInstance) -> Option<usize> {
    instance.models().get(instance.value(NoteParam::Model) as u8)?.config().code()
}

/// What an axis goes with, in words; nothing where it goes with none of them.
fn effect_of([keys, pitch, length]: [f32; 3]) -> String {
    let kinds = [(keys, "keys"), (pitch, "pitch"), (length, "length")];
    let (effect, name) = kinds.into_iter().max_by(|(a, _), (b, _)| a.abs().total_cmp(&b.abs())).unwrap_or((0.0, ""));
    match effect {
        _ if effect.abs() < MIN_EFFECT => String::new(),
        up if up > 0.0 => format!("{name} +"),
        _ => format!("{name} −"),
    }
}

/// What a slider moves: the words below it, and those under the pointer.
fn moved_by(slider: usize, size: Option<usize>, codes: Option<&RollCodes>, values: &NoteValues) -> (String, String) {
    let Some(size) = size else { return (String::new(), "This model has no code.".into()) };
    if slider >= size {
        return ("—".into(), format!("This model's code has {size} numbers."));
    }
    match codes.filter(|_| Axes::of(values) == Axes::Principal) {
        Some(codes) => {
            let variance: f32 = codes.deviations.iter().map(|deviation| deviation * deviation).sum();
            let deviation = codes.deviations.get(slider).copied().unwrap_or(0.0);
            let share = 100.0 * deviation * deviation / variance.max(1e-12);
            let [keys, pitch, length] = codes.effects.get(slider).copied().unwrap_or_default();
            let text = format!(
                "Axis {}: {share:.0} % of how its material differs. Goes with the number of keys {keys:+.2}, pitch {pitch:+.2}, length \
                 {length:+.2} (correlations).",
                slider + 1
            );
            let effect = effect_of([keys, pitch, length]);
            let short = if effect.is_empty() { format!("{share:.0} %") } else { format!("{effect} {share:.0} %") };
            (short, text)
        }
        None => (format!("number {}", slider + 1), format!("Number {} of the code, from −1 to 1.", slider + 1)),
    }
}

/// Draws the page into `rect`; returns what is to be said.
pub(super) fn show(
    ui: &mut Ui,
    rect: Rect,
    instance: &mut dyn NoteInstance,
    held: &mut Held<NoteParam>,
    theme: &Theme,
) -> Option<String> {
    let values = instance.values();
    let model = instance.models().get(instance.value(NoteParam::Model) as u8);
    let size = model.as_ref().and_then(|model| model.config().code());
    let codes = model.as_ref().and_then(|model| model.config().codes.as_ref());
    let columns = ((rect.width() - 2.0 * space::SMALL) / CELL[0]).floor().max(1.0) as usize;
    for (index, id) in SLIDERS.into_iter().chain(BESIDE).enumerate() {
        let (column, row) = (index % columns, index / columns);
        let at = rect.min + vec2(space::SMALL + column as f32 * CELL[0], space::SMALL + row as f32 * CELL[1]);
        controls::show(ui, at, id, &mut Desk { instance, held, theme });
        if index < SLIDERS.len() {
            let (short, long) = moved_by(index, size, codes, &values);
            let below = Rect::from_min_size(at + vec2(0.0, CELL[1] - EFFECT), vec2(CELL[0], EFFECT));
            ui.painter().text(below.center(), Align2::CENTER_CENTER, short, theme::small(), theme.accent);
            ui.interact(below, Id::unique(("effect", index)), Sense::hover()).on_hover_text(long);
        }
    }
    let y = rect.bottom() - ROW + 2.0;
    let row = Rect::from_min_size(pos2(rect.left() + space::SMALL, y), vec2(rect.width() - 2.0 * space::SMALL, 26.0));
    show_row(ui, row, instance, size, theme)
}

fn show_row(
    ui: &mut Ui,
    rect: Rect,
    instance: &mut dyn NoteInstance,
    size: Option<usize>,
    theme: &Theme,
) -> Option<String> {
    let mut x = rect.left();
    let mut next = |width: f32| {
        let place = Rect::from_min_size(pos2(x, rect.top()), vec2(width, rect.height()));
        x += width + 4.0;
        place
    };
    // Deviations: along a principal axis the end of a slider is three of them away.
    let mut deviations = None;
    if button(ui, next(84.0), "Random", false, theme) {
        deviations = Some(1.0);
    }
    if button(ui, next(84.0), "Wilder", false, theme) {
        deviations = Some(2.0);
    }
    if button(ui, next(84.0), "All to 0", false, theme) {
        deviations = Some(0.0);
    }
    if let Some(deviations) = deviations {
        let time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let mut random = Random::new(time.as_nanos() as u64);
        for id in SLIDERS {
            set_at_once(instance, id, (random.normal() * deviations / AXIS_REACH).clamp(-1.0, 1.0));
        }
    }
    for (name, base) in [("Yours", Base::You), ("Mean", Base::Mean), ("Zero", Base::Zero), ("Stored", Base::Stored)] {
        let is_on = Base::of(&instance.values()) == base;
        if button(ui, next(66.0), name, is_on, theme) {
            set_at_once(instance, NoteParam::Base, base.value());
        }
    }
    let path = instance.codes().get();
    let stored = path.codes();
    let from = next(8.0).right() + 4.0;
    let width = ((rect.right() - from) / MAX_STORED as f32 - 4.0).clamp(8.0, 38.0);
    let mut said = None;
    for index in 0..MAX_STORED {
        let place = next(width);
        match stored_button(ui, place, index, stored.get(index), theme) {
            Some(Deed::Choose) if index < stored.len() => {
                set_at_once(instance, NoteParam::Base, Base::Stored.value());
                set_at_once(instance, NoteParam::Journey, 0.0);
                go_to(instance, index as f32, stored.len());
            }
            Some(Deed::Choose | Deed::Replace) => {
                let slot = instance.value(NoteParam::Model) as u8;
                let code = instance.activation().map_or_else(Vec::new, |activation| activation.scope.code(slot));
                match (size, code.is_empty()) {
                    (Some(_), false) => {
                        let numbers = std::array::from_fn(|i| code.get(i).copied().unwrap_or(0.0));
                        let place = place_of(instance, stored.len());
                        instance.codes().put(index, numbers);
                        let count = instance.codes().get().codes().len();
                        said = Some(format!("Stored as {}.", name_of(index.min(count - 1))));
                        go_to(instance, place, count);
                        mark_changed(instance);
                    }
                    (Some(_), true) => said = Some("Nothing has played yet: what plays is what is stored.".into()),
                    (None, _) => said = Some("This model has no code to store.".into()),
                }
            }
            Some(Deed::Forget) if index < stored.len() => {
                let place = place_of(instance, stored.len());
                instance.codes().remove(index);
                // What was behind it has moved up.
                let place = if place > index as f32 { place - 1.0 } else { place };
                go_to(instance, place, stored.len() - 1);
                mark_changed(instance);
            }
            _ => {}
        }
    }
    said
}

/// Where *Morph* stands among so many codes: 0 is the first, 1 the second.
fn place_of(instance: &dyn NoteInstance, count: usize) -> f32 {
    instance.value(NoteParam::Morph) / 100.0 * count.saturating_sub(1) as f32
}

/// Puts *Morph* there: it is a part of the way, which is longer with more codes.
fn go_to(instance: &mut dyn NoteInstance, place: f32, count: usize) {
    let part = 100.0 * place / count.saturating_sub(1).max(1) as f32;
    if part != instance.value(NoteParam::Morph) {
        set_at_once(instance, NoteParam::Morph, part);
    }
}

fn name_of(index: usize) -> char {
    char::from(b'A' + index as u8)
}

/// Hosts know of a change of the project by a parameter that is set, though it stays what it was.
fn mark_changed(instance: &mut dyn NoteInstance) {
    let base = instance.value(NoteParam::Base);
    set_at_once(instance, NoteParam::Base, base);
}

/// What is done with a stored code.
enum Deed {
    Choose,
    Replace,
    Forget,
}

/// The button of a stored code: its place, and its numbers as a small picture.
fn stored_button(ui: &mut Ui, rect: Rect, index: usize, code: Option<&Code>, theme: &Theme) -> Option<Deed> {
    let name = name_of(index).to_string();
    let response = ui.interact(rect, Id::unique(("stored", index)), Sense::click());
    let what = if code.is_some() { "stored" } else { "empty" };
    response.widget_info(|| WidgetInfo::labeled(Role::Button, true, format!("Code {name}: {what}")));
    let painter = ui.painter_at(rect.expand(2.0));
    painter.rect_filled(rect, space::CORNER, if response.hovered() { theme.line } else { theme.raised });
    match code {
        Some(code) => {
            let width = (rect.width() - 18.0) / code.len() as f32;
            for (i, number) in code.iter().enumerate() {
                let x = rect.left() + 15.0 + i as f32 * width;
                let (from, to) = (rect.center().y, rect.center().y - number * 0.42 * rect.height());
                painter.vline(x, from.min(to)..=from.max(to), Stroke::new(width.max(1.0), theme.accent));
            }
        }
        None => drop(painter.rect_stroke(rect, space::CORNER, Stroke::new(1.0, theme.line), StrokeKind::Inside)),
    }
    let colour = if code.is_some() { theme.text } else { theme.dim };
    painter.text(rect.left_center() + vec2(4.0, 0.0), Align2::LEFT_CENTER, &name, theme::small(), colour);
    focus_ring(ui, &response, rect, theme);
    let shift = ui.input(|input| input.modifiers.shift);
    let is_deleted =
        response.has_focus() && ui.input(|input| input.key_pressed(Key::Delete) || input.key_pressed(Key::Backspace));
    let deed = match (is_pressed(ui, &response), response.secondary_clicked() || is_deleted) {
        (true, _) if shift => Some(Deed::Replace),
        (true, _) => Some(Deed::Choose),
        (_, true) => Some(Deed::Forget),
        _ => None,
    };
    let hint = match code {
        Some(_) => {
            "Click: it plays from here. With shift: what plays takes its place. Right click or Delete: it is forgotten."
        }
        None => "Click: what plays is stored here.",
    };
    response.on_hover_text(hint);
    deed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_axis_moves_is_said_in_a_word() {
        assert_eq!(effect_of([0.1, -0.47, 0.3]), "pitch −");
        assert_eq!(effect_of([0.32, 0.0, 0.3]), "keys +");
        assert_eq!(effect_of([0.1, -0.1, 0.15]), "");
    }
}
