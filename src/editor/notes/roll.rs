//! The picture at the centre: the roll that scrolls, what you and we have played before *now*, how likely each key was, what is left of an
//! answer, and a keyboard at its side that can be played.

use super::history::{BEATS_PER_MEASURE, Step, Steps};
use crate::{
    editor::theme::{self, Theme},
    model::{KEYS, LOWEST_KEY},
    notes::live::NoteScope,
};
use egui::{
    Align2, Color32, Id, Key, Mesh, Painter, Rect, Role, Sense, Stroke, StrokeKind, Ui, WidgetInfo, pos2, vec2,
};

/// Where *now* lies, as a part of the width.
const NOW: f32 = 0.75;
/// Measures of the whole width.
const MEASURES: f32 = 8.0;
/// Width of the keyboard.
const KEYBOARD: f32 = 46.0;
/// Height of the names above and below the field.
const MARGIN: f32 = 20.0;
/// A lower picture shows nothing.
const MIN_HEIGHT: f32 = 80.0;
/// Keys that are less likely, of 255, are not drawn.
const MIN_ODD: u8 = 12;
/// With more columns than these only notes are drawn.
const MAX_LIKELY_COLUMNS: usize = 600;
/// The octave's black keys, from C.
const BLACK: [bool; 12] = [false, true, false, true, false, false, true, false, true, false, true, false];

/// The name of a key of the 88, counted from the lowest: middle C is C4.
pub(super) fn key_name(key: usize) -> String {
    const NAMES: [&str; 12] = ["C", "C♯", "D", "D♯", "E", "F", "F♯", "G", "G♯", "A", "A♯", "B"];
    let number = key + usize::from(LOWEST_KEY);
    format!("{}{}", NAMES[number % 12], number / 12 - 1)
}

/// The keys that are held down in the window.
#[derive(Debug, Default)]
pub(super) struct Keyboard {
    /// Stay down until they are pressed again.
    latched: u128,
    /// Under the pointer.
    touched: Option<usize>,
}

/// The places of a picture.
struct Field {
    rect: Rect,
    now_x: f32,
    /// Of a step.
    width: f32,
    /// Of a key.
    height: f32,
}

impl Field {
    fn top_of(&self, key: usize) -> f32 {
        self.rect.bottom() - (key + 1) as f32 * self.height
    }

    fn cell(&self, key: usize, from: f32, to: f32) -> Rect {
        let top = self.top_of(key);
        Rect::from_min_max(pos2(from.max(self.rect.left()), top), pos2(to, top + self.height))
    }
}

impl Keyboard {
    /// Draws keyboard and roll into `rect`.
    pub fn show(&mut self, ui: &mut Ui, rect: Rect, steps: &Steps, scope: Option<&NoteScope>, now: f64, theme: &Theme) {
        let painter = ui.painter_at(rect);
        painter.rect_filled(rect, 0.0, theme.panel);
        // In the least window some pages of controls need all of it.
        if rect.height() < MIN_HEIGHT {
            return;
        }
        let inside = Rect::from_min_max(rect.min + vec2(0.0, MARGIN), rect.max - vec2(0.0, 6.0));
        let keyboard = inside.with_max_x(inside.left() + KEYBOARD);
        let field_rect = inside.with_min_x(keyboard.right() + 2.0);
        let now_x = (field_rect.left() + NOW * field_rect.width()).round();
        let per_beat = steps.last().map_or(4.0, |last| last.steps_per_beat.max(0.25));
        let width = field_rect.width() / (MEASURES * BEATS_PER_MEASURE * per_beat);
        let field = Field { rect: field_rect, now_x, width, height: field_rect.height() / KEYS as f32 };
        draw_rows(&painter, &field, theme);
        let progress = steps.progress(now);
        draw_grid(&painter, &field, steps, per_beat, progress, theme);
        let sounding = scope.map_or([0; 2], NoteScope::sounding);
        let clipped = painter.with_clip_rect(field_rect.intersect(painter.clip_rect()));
        draw_odds(&clipped, &field, steps, progress, theme);
        let planes = [(theme.input, 0), (theme.accent, 1)];
        for (colour, plane) in planes {
            draw_notes(&clipped, &field, steps, progress, plane, sounding[plane], colour);
        }
        draw_left(&painter, &field, steps, theme);
        painter.vline(now_x, field_rect.y_range(), Stroke::new(1.5, theme.text));
        let y = rect.top() + 3.0;
        painter.text(pos2(now_x, y), Align2::CENTER_TOP, "now", theme::small(), theme.text);
        painter.text(pos2(field_rect.left() + 4.0, y), Align2::LEFT_TOP, "you", theme::small(), theme.input);
        painter.text(pos2(field_rect.left() + 34.0, y), Align2::LEFT_TOP, "Sympathy", theme::small(), theme.accent);
        self.show_keys(ui, keyboard, &field, sounding, scope, theme);
        let response = ui.interact(field_rect, Id::unique("roll"), Sense::hover());
        response.widget_info(|| WidgetInfo::labeled(Role::Label, true, "Roll: what you and Sympathy have played"));
        if let Some(at) = response.hover_pos() {
            let key = (((field_rect.bottom() - at.y) / field.height) as usize).min(KEYS - 1);
            response.on_hover_text_at_pointer(format!("{}, key {}", key_name(key), key + usize::from(LOWEST_KEY)));
        }
    }

    fn show_keys(
        &mut self,
        ui: &mut Ui,
        rect: Rect,
        field: &Field,
        sounding: [u128; 2],
        scope: Option<&NoteScope>,
        theme: &Theme,
    ) {
        let response = ui.interact(rect, Id::unique("keyboard"), Sense::click_and_drag());
        response.widget_info(|| WidgetInfo::labeled(Role::Button, true, "Keyboard"));
        let key_at = |y: f32| (((rect.bottom() - y) / field.height).max(0.0) as usize).min(KEYS - 1);
        let (is_down, is_fresh, is_chord) =
            ui.input(|input| (input.pointer.primary_down(), input.pointer.primary_pressed(), input.modifiers.shift));
        let at = response.interact_pointer_pos().filter(|_| response.is_pointer_button_down_on() && is_down);
        let touched = at.map(|at| key_at(at.y));
        if let Some(key) = touched.filter(|_| is_fresh && is_chord) {
            self.latched ^= 1 << key;
        } else if is_fresh && touched.is_some() {
            self.latched = 0;
        }
        self.touched = touched.filter(|_| !is_chord);
        if ui.input(|input| input.key_pressed(Key::Escape)) {
            self.latched = 0;
        }
        if let Some(scope) = scope {
            scope.press(self.latched | self.touched.map_or(0, |key| 1 << key));
        }
        let painter = ui.painter_at(rect.expand2(vec2(0.0, 1.0)));
        for key in 0..KEYS {
            let is_black = BLACK[(key + usize::from(LOWEST_KEY)) % 12];
            let cell = field.cell(key, 0.0, 0.0);
            let whole = Rect::from_x_y_ranges(rect.left()..=rect.right(), cell.y_range());
            let place = if is_black { whole.with_max_x(rect.left() + 0.62 * rect.width()) } else { whole };
            let plain = theme.keys[usize::from(is_black)];
            let fill = match (sounding[0] >> key & 1, sounding[1] >> key & 1) {
                (1, _) => theme.input,
                (_, 1) => theme.accent,
                _ => plain,
            };
            painter.rect_filled(place.shrink2(vec2(0.0, 0.25)), 0.0, fill);
        }
        for key in (0..KEYS).filter(|key| (key + usize::from(LOWEST_KEY)) % 12 == 0) {
            let at = pos2(rect.right() - 2.0, field.cell(key, 0.0, 0.0).center().y);
            painter.text(at, Align2::RIGHT_CENTER, key_name(key), theme::tiny(), theme.keys[2]);
        }
        if response.has_focus() {
            painter.rect_stroke(rect, 0.0, Stroke::new(1.5, theme.text), StrokeKind::Inside);
        }
        response
            .on_hover_text_at_pointer("Click to play a key; with shift it stays down, for a chord. Escape lets go.");
    }
}

fn draw_rows(painter: &Painter, field: &Field, theme: &Theme) {
    for key in 0..KEYS {
        let row = field.cell(key, field.rect.left(), field.rect.right());
        let in_octave = (key + usize::from(LOWEST_KEY)) % 12;
        if BLACK[in_octave] {
            painter.rect_filled(row, 0.0, theme.back.gamma_multiply(0.6));
        }
        if in_octave == 0 {
            painter.hline(row.x_range(), row.bottom(), Stroke::new(1.0, theme.line));
        }
    }
}

/// Where the last step ends.
fn end_of_last(field: &Field, progress: f32) -> f32 {
    field.now_x - progress * field.width
}

/// The steps that are in the picture, from the oldest on, each with where it begins.
fn visible<'a>(field: &'a Field, steps: &'a Steps, progress: f32) -> impl Iterator<Item = (f32, &'a Step)> {
    let end = end_of_last(field, progress);
    let count = (((end - field.rect.left()) / field.width).ceil().max(0.0) as usize).min(steps.all().len());
    let from = end - count as f32 * field.width;
    let shown = steps.all().iter().skip(steps.all().len() - count);
    shown.enumerate().map(move |(index, step)| (from + index as f32 * field.width, step))
}

fn draw_grid(painter: &Painter, field: &Field, steps: &Steps, per_beat: f32, progress: f32, theme: &Theme) {
    let line = |x: f32, step: i64| {
        let per_measure = (BEATS_PER_MEASURE * per_beat).round().max(1.0) as i64;
        if !field.rect.x_range().contains(x) {
            return;
        }
        if step.rem_euclid(per_measure) == 0 {
            painter.vline(x, field.rect.y_range(), Stroke::new(1.0, theme.line));
            let measure = (step.div_euclid(per_measure) + 1).to_string();
            painter.text(
                pos2(x + 3.0, field.rect.top() - 2.0),
                Align2::LEFT_BOTTOM,
                measure,
                theme::small(),
                theme.dim,
            );
        } else if step.rem_euclid(per_beat.round().max(1.0) as i64) == 0 {
            painter.vline(x, field.rect.y_range(), Stroke::new(1.0, theme.line.gamma_multiply(0.35)));
        }
    };
    for (x, step) in visible(field, steps, progress) {
        line(x, step.report.step);
        if step.is_elsewhere {
            painter.vline(x, field.rect.y_range(), Stroke::new(1.0, theme.dim));
        }
        if step.report.begins {
            painter.vline(x, field.rect.y_range(), Stroke::new(1.0, theme.accent));
        }
        if step.report.is_late {
            let place =
                Rect::from_min_max(pos2(x, field.rect.bottom() - 4.0), pos2(x + field.width, field.rect.bottom()));
            painter.rect_filled(place, 0.0, theme.alarm);
        }
    }
    let Some(last) = steps.last() else { return };
    let (mut x, mut step) = (end_of_last(field, progress), last.step.saturating_add(1));
    while x < field.rect.right() {
        line(x, step);
        (x, step) = (x + field.width, step.saturating_add(1));
    }
}

/// How likely each key was: the brighter, the likelier.
fn draw_odds(painter: &Painter, field: &Field, steps: &Steps, progress: f32, theme: &Theme) {
    if field.rect.width() / field.width > MAX_LIKELY_COLUMNS as f32 {
        return;
    }
    let mut mesh = Mesh::default();
    for (x, step) in visible(field, steps, progress).filter(|(_, step)| step.report.speaks) {
        for (key, &odd) in step.report.probabilities.iter().enumerate().filter(|(_, odd)| **odd >= MIN_ODD) {
            let part = f32::from(odd) / 255.0;
            mesh.add_colored_rect(field.cell(key, x, x + field.width), theme.accent.gamma_multiply(0.1 + 0.35 * part));
        }
    }
    painter.add(mesh);
}

/// The notes of one plane: the player's, or ours. Those of `sounding` go on to *now*.
fn draw_notes(
    painter: &Painter,
    field: &Field,
    steps: &Steps,
    progress: f32,
    plane: usize,
    sounding: u128,
    colour: Color32,
) {
    let mut starts = [None; KEYS];
    let mut before = 0u128;
    // Where you and we hold the same key, both are seen.
    let (top, part): (f32, f32) = if plane == 0 { (0.0, 0.6) } else { (0.12, 0.88) };
    let note = |key: usize, from: f32, to: f32| {
        let cell = field.cell(key, from, (to - 1.0).max(from + 1.0));
        let place =
            Rect::from_min_size(cell.min + vec2(0.0, top * field.height), vec2(cell.width(), part * field.height));
        painter.rect_filled(place.expand2(vec2(0.0, 0.5)), 1.0, colour);
    };
    for (x, Step { report, is_elsewhere }) in visible(field, steps, progress) {
        let [held, struck] = if plane == 0 { report.heard } else { report.said };
        let mut changed = held ^ before | struck;
        if *is_elsewhere {
            changed |= before | held;
        }
        while changed != 0 {
            let key = changed.trailing_zeros() as usize;
            changed &= changed - 1;
            if let Some(from) = starts[key].take() {
                note(key, from, x);
            }
            starts[key] = (held >> key & 1 == 1).then_some(x);
        }
        before = held;
    }
    let end = end_of_last(field, progress);
    for (key, start) in starts.into_iter().enumerate() {
        let goes_on = sounding >> key & 1 == 1;
        match start {
            Some(from) => note(key, from, if goes_on { field.now_x } else { end }),
            None if goes_on => note(key, end, field.now_x),
            None => {}
        }
    }
}

/// What is left of what plays, beyond *now*.
fn draw_left(painter: &Painter, field: &Field, steps: &Steps, theme: &Theme) {
    let Some(last) = steps.last().filter(|last| last.speaks) else { return };
    let (to, text) = match last.left {
        Some(left) => {
            let measures = left as f32 / (BEATS_PER_MEASURE * last.steps_per_beat.max(0.25));
            (field.now_x + left as f32 * field.width, format!("{measures:.1} measures left"))
        }
        None => (field.rect.right(), "it goes on".into()),
    };
    let band =
        Rect::from_min_max(pos2(field.now_x, field.rect.top()), pos2(to.min(field.rect.right()), field.rect.bottom()));
    painter.rect_filled(band, 0.0, theme.accent.gamma_multiply(0.06));
    let at = pos2(field.now_x + 6.0, field.rect.bottom() - 3.0);
    painter.text(at, Align2::LEFT_BOTTOM, text, theme::small(), theme.accent);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_called_as_musicians_call_them() {
        assert_eq!([0, 39, 40, 87].map(key_name), ["A0", "C4", "C♯4", "C8"]);
    }
}
