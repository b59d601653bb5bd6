//! The picture at the centre: the roll that scrolls, what you and we have played before *now*, how likely each key was, what is left of an
//! answer, and a keyboard at its side that can be played.

use super::history::{Step, Steps};
use crate::{
    control::notes::BEATS_PER_MEASURE,
    editor::theme::{self, Theme},
    model::{KEYS, LOWEST_KEY},
    notes::live::NoteScope,
};
use egui::{
    Align2, Color32, EventFilter, Id, Key, Mesh, Painter, Rect, Response, Role, Sense, Stroke, StrokeKind, Ui,
    WidgetInfo, pos2, vec2,
};
use std::sync::{Arc, Weak};

/// Where *now* lies, as a part of the width.
const NOW: f32 = 0.75;
/// Measures of the whole width.
const MEASURES: f32 = 8.0;
/// Width of the keyboard.
const KEYBOARD: f32 = 46.0;
/// Height of the names above and below the field.
const MARGIN: f32 = 20.0;
/// A lower or narrower picture shows nothing.
const MIN_HEIGHT: f32 = 80.0;
const MIN_WIDTH: f32 = 240.0;
/// Keys that are less likely, of 255, are not drawn.
const MIN_ODD: u8 = 12;
/// Lines of the grid beyond *now*, at most.
const MAX_STEPS: f32 = 4096.0;
/// With more columns than these only notes are drawn.
const MAX_LIKELY_COLUMNS: usize = 600;
/// The octave's black keys, from C.
const BLACK: [bool; 12] = [false, true, false, true, false, false, true, false, true, false, true, false];

/// A key is down for at least so long, in seconds: an engine looks once a block.
const PRESS_SECONDS: f64 = 0.2;
/// Where the keyboard's own cursor stands at first: middle C.
const MIDDLE_C: usize = 39;

/// The name of a key of the 88, counted from the lowest: middle C is C4.
pub(super) fn key_name(key: usize) -> String {
    const NAMES: [&str; 12] = ["C", "C♯", "D", "D♯", "E", "F", "F♯", "G", "G♯", "A", "A♯", "B"];
    let number = key + usize::from(LOWEST_KEY);
    format!("{}{}", NAMES[number % 12], number / 12 - 1)
}

/// The keys that are held down in the window.
#[derive(Debug)]
pub(super) struct Keyboard {
    /// Stay down until they are pressed again.
    latched: u128,
    /// The one under the pointer, or that was pressed with a key, and since when.
    touched: Option<(usize, f64)>,
    /// What the arrow keys move, while the keyboard has the focus.
    cursor: usize,
    /// Of which activation, and what was pressed in it.
    told: Option<(Weak<NoteScope>, u128)>,
}

impl Default for Keyboard {
    fn default() -> Self {
        Self { latched: 0, touched: None, cursor: MIDDLE_C, told: None }
    }
}

impl Drop for Keyboard {
    fn drop(&mut self) {
        // What is pressed in a window that is closed goes up.
        if let Some(scope) = self.told.take().and_then(|(scope, _)| scope.upgrade()) {
            scope.press(0);
        }
    }
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

/// Draws the keyboard and the roll into `rect`.
pub(super) fn show(
    ui: &mut Ui,
    rect: Rect,
    keyboard: &mut Keyboard,
    steps: &Steps,
    scope: Option<&NoteScope>,
    now: f64,
    theme: &Theme,
) {
    let painter = ui.painter_at(rect);
    painter.rect_filled(rect, 0.0, theme.panel);
    // In the least window some pages of controls need all of it.
    if rect.height() < MIN_HEIGHT || rect.width() < MIN_WIDTH {
        return;
    }
    let inside = Rect::from_min_max(rect.min + vec2(0.0, MARGIN), rect.max - vec2(0.0, 6.0));
    let keys = inside.with_max_x(inside.left() + KEYBOARD);
    let field_rect = inside.with_min_x(keys.right() + 2.0);
    let now_x = (field_rect.left() + NOW * field_rect.width()).round();
    let per_beat = steps.last().map_or(4.0, |last| last.steps_per_beat.max(0.25));
    let width = field_rect.width() / (MEASURES * BEATS_PER_MEASURE as f32 * per_beat);
    let field = Field { rect: field_rect, now_x, width, height: field_rect.height() / KEYS as f32 };
    draw_rows(&painter, &field, theme);
    let progress = steps.progress(now);
    draw_grid(&painter, &field, steps, per_beat, progress, theme);
    let sounding = scope.map_or([0; 2], NoteScope::sounding);
    // A step is told a reaction time before its end.
    let past = field_rect.with_max_x(now_x);
    let clipped = painter.with_clip_rect(past.intersect(painter.clip_rect()));
    draw_odds(&clipped, &field, steps, progress, theme);
    for (plane, colour) in [theme.input, theme.accent].into_iter().enumerate() {
        draw_notes(&clipped, &field, steps, progress, plane, sounding[plane], colour);
    }
    draw_left(&painter, &field, steps, theme);
    painter.vline(now_x, field_rect.y_range(), Stroke::new(1.5, theme.text));
    let y = rect.top() + 3.0;
    painter.text(pos2(now_x, y), Align2::CENTER_TOP, "now", theme::small(), theme.text);
    painter.text(pos2(field_rect.left() + 4.0, y), Align2::LEFT_TOP, "you", theme::small(), theme.input);
    painter.text(pos2(field_rect.left() + 34.0, y), Align2::LEFT_TOP, "Sympathy", theme::small(), theme.accent);
    keyboard.show(ui, keys, &field, sounding, now, theme);
    let response = ui.interact(field_rect, Id::unique("roll"), Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::Label, true, "Roll: what you and Sympathy have played"));
    if let Some(at) = response.hover_pos() {
        let key = (((field_rect.bottom() - at.y) / field.height) as usize).min(KEYS - 1);
        response.on_hover_text_at_pointer(format!("{}, key {}", key_name(key), key + usize::from(LOWEST_KEY)));
    }
}

impl Keyboard {
    /// Lets go what stays down; false where nothing does.
    pub fn let_go(&mut self) -> bool {
        std::mem::take(&mut self.latched) != 0
    }

    /// Plays what is pressed, at the end of a picture; `is_shown`: the keyboard is in it.
    pub fn end_picture(&mut self, ui: &Ui, scope: Option<&Arc<NoteScope>>, is_shown: bool, now: f64) {
        let is_down = ui.input(|input| input.pointer.primary_down());
        let ends = |&mut (_, since): &mut (usize, f64)| (!is_shown || !is_down) && now - since >= PRESS_SECONDS;
        self.touched.take_if(ends);
        let Some(scope) = scope else {
            (self.latched, self.told) = (0, None);
            return;
        };
        match &self.told {
            // Another activation, or a panic has let all keys go: nothing goes on by itself.
            Some((known, told)) if known.as_ptr() != Arc::as_ptr(scope) || scope.pressed() != *told => {
                (self.latched, self.touched) = (0, None);
            }
            _ => {}
        }
        let pressed = self.latched | self.touched.map_or(0, |(key, _)| 1 << key);
        scope.press(pressed);
        self.told = Some((Arc::downgrade(scope), pressed));
    }

    /// What the pointer and the keys of the computer do.
    fn play(&mut self, ui: &Ui, rect: Rect, response: &Response, now: f64) {
        let key_at = |y: f32| (((rect.bottom() - y) / rect.height() * KEYS as f32).max(0.0) as usize).min(KEYS - 1);
        let (at, is_down, is_fresh, is_chord) = ui.input(|input| {
            let pointer = &input.pointer;
            (pointer.latest_pos(), pointer.primary_down(), pointer.primary_pressed(), input.modifiers.shift)
        });
        match at {
            // Decided where it is pressed.
            Some(at) if is_fresh && response.contains_pointer() => {
                self.cursor = key_at(at.y);
                self.press(is_chord, now);
            }
            // To another key, without letting go.
            Some(at) if is_down && response.is_pointer_button_down_on() => {
                if let Some((key, since)) = &mut self.touched
                    && *key != key_at(at.y)
                {
                    (*key, *since) = (key_at(at.y), now);
                }
            }
            _ => {}
        }
        if response.has_focus() {
            ui.ctx().memory_mut(|memory| {
                let filter = EventFilter { vertical_arrows: true, ..Default::default() };
                memory.set_focus_lock_filter(response.id, filter);
            });
            let count = |key| ui.input(|input| input.num_presses(key));
            self.cursor = (self.cursor + count(Key::ArrowUp)).min(KEYS - 1).saturating_sub(count(Key::ArrowDown));
            if count(Key::Space) + count(Key::Enter) > 0 {
                self.press(is_chord, now);
            }
        }
    }

    /// Presses the key at the cursor: one of a chord that stays, or it alone.
    fn press(&mut self, is_chord: bool, now: f64) {
        if is_chord {
            self.latched ^= 1 << self.cursor;
        } else {
            (self.latched, self.touched) = (0, Some((self.cursor, now)));
        }
    }

    fn show(&mut self, ui: &mut Ui, rect: Rect, field: &Field, sounding: [u128; 2], now: f64, theme: &Theme) {
        let response = ui.interact(rect, Id::unique("keyboard"), Sense::click_and_drag());
        response.widget_info(|| WidgetInfo::labeled(Role::Button, true, "Keyboard"));
        self.play(ui, rect, &response, now);
        let painter = ui.painter_at(rect.expand2(vec2(0.0, 1.0)));
        let [white, black, names] = theme.keys;
        painter.rect_filled(rect, 0.0, white);
        for key in 0..KEYS {
            let in_octave = (key + usize::from(LOWEST_KEY)) % 12;
            let cell = field.cell(key, 0.0, 0.0);
            let whole = Rect::from_x_y_ranges(rect.x_range(), cell.y_range());
            let place = if BLACK[in_octave] { whole.with_max_x(rect.left() + 0.62 * rect.width()) } else { whole };
            let fill = match ((sounding[0] | self.latched) >> key & 1, sounding[1] >> key & 1) {
                (1, _) => Some(theme.input),
                (_, 1) => Some(theme.accent),
                _ => BLACK[in_octave].then_some(black),
            };
            if let Some(fill) = fill {
                painter.rect_filled(place, 0.0, fill);
            }
            // Between C and B, and F and E, there is no black key.
            if matches!(in_octave, 0 | 5) {
                painter.hline(whole.x_range(), whole.bottom(), Stroke::new(0.5, black));
            }
        }
        for key in (0..KEYS).filter(|key| (key + usize::from(LOWEST_KEY)) % 12 == 0) {
            let at = pos2(rect.right() - 2.0, field.cell(key, 0.0, 0.0).center().y);
            painter.text(at, Align2::RIGHT_CENTER, key_name(key), theme::tiny(), names);
        }
        if response.has_focus() {
            painter.rect_stroke(rect, 0.0, Stroke::new(1.5, theme.text), StrokeKind::Inside);
            let row = field.cell(self.cursor, 0.0, 0.0).y_range();
            let cursor = Rect::from_x_y_ranges(rect.x_range(), row.expand(1.0));
            painter.rect_stroke(cursor, 1.0, Stroke::new(1.5, theme.alarm), StrokeKind::Outside);
        }
        response.on_hover_text_at_pointer(
            "Click to play a key; with shift it stays down, for a chord. Escape lets go. Arrow keys and Enter do it, too.",
        );
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
        let per_measure = (BEATS_PER_MEASURE as f32 * per_beat).round().max(1.0) as i64;
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
    let from = end_of_last(field, progress);
    let count = ((field.rect.right() - from) / field.width).clamp(0.0, MAX_STEPS) as i64;
    for ahead in 0..=count {
        line(from + ahead as f32 * field.width, last.step.saturating_add(ahead + 1));
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
    let end = end_of_last(field, progress).min(field.now_x);
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
            let measures = left as f32 / (BEATS_PER_MEASURE as f32 * last.steps_per_beat.max(0.25));
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
