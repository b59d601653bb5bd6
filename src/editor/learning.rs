//! The page of learning: a take to learn from above, how a model learns while it plays below.

use super::{
    View,
    controls::{self, CELL, Desk, button, focus_ring, is_pressed},
    instance::{Instance, set_at_once},
    theme::{self, Theme, space},
};
use crate::{
    control::ParamId,
    learn::{
        job::{Lessons, State, Status},
        shares,
    },
};
use egui::{
    Align2, Color32, FontId, Id, Rect, Role, Sense, Stroke, Ui, WidgetInfo, pos2,
    text::{LayoutJob, TextWrapping},
    vec2,
};
use std::sync::Arc;

/// The parameters of a take to learn from: they stand above the others.
pub(super) const TAKE: [ParamId; 3] = [ParamId::LearnTake, ParamId::LearnRecord, ParamId::LearnSeconds];
/// What is learnt is heard up to this *Listen*.
const HEARD_LISTEN: f32 = 40.0;
const BUTTON_HEIGHT: f32 = 26.0;
/// Width of what begins a lesson.
const COMMANDS: f32 = 280.0;
/// Widths of what is said of learning while it plays, and of its bar.
const LIVE_WORDS: f32 = 520.0;
const BAR: f32 = 320.0;

/// What this editor has begun.
#[derive(Debug, Default)]
pub(super) struct OwnLesson {
    /// The number of the lesson whose model it chooses.
    number: Option<u64>,
    /// It chooses what is heard of it as well, once it is there.
    hears: bool,
    /// What is to be discarded, if it is asked for once more.
    discards: Option<String>,
}

impl View {
    /// Chooses the model that this editor has let learn, and what is heard of it on the way.
    pub(super) fn follow_lesson(&mut self, instance: &mut dyn Instance) {
        let Some(number) = self.lesson.number else { return };
        let Some(status) = instance.lessons().map(|lessons| lessons.status()) else { return };
        if status.number != number {
            // Before it has begun, or when another has.
            self.lesson.number = self.lesson.number.filter(|_| status.number < number);
            return;
        }
        let chosen = match status.state {
            State::Learning { slot: Some(slot), .. } if std::mem::take(&mut self.lesson.hears) => Some(slot),
            State::Preparing | State::Learning { .. } => None,
            State::Stored { slot } => {
                self.lesson.number = None;
                self.intake.message = Some(format!("It has learnt. {}", hint(instance)));
                Some(slot)
            }
            State::Ready | State::Cancelled { .. } | State::Failed(_) => {
                self.lesson.number = None;
                None
            }
        };
        if let Some(slot) = chosen {
            // Set even where it is selected already: hosts then know that there is something to be saved.
            set_at_once(instance, ParamId::Model, slot.into());
            instance.registry().load_in_background(slot);
        }
    }

    /// Draws the page: `ids` are the parameters below.
    pub(super) fn show_learning(
        &mut self,
        ui: &mut Ui,
        rect: Rect,
        ids: &[ParamId],
        instance: &mut dyn Instance,
        theme: &Theme,
    ) {
        let inside = rect.shrink(space::SMALL);
        self.show_commands(ui, Rect::from_min_size(inside.min, vec2(CELL[0] + COMMANDS, CELL[1])), instance, theme);
        let left = inside.left() + CELL[0] + COMMANDS + 2.0 * space::MEDIUM;
        let place = Rect::from_min_max(pos2(left, inside.top()), pos2(inside.right(), inside.top() + CELL[1]));
        match instance.lessons().map(Arc::clone) {
            Some(lessons) => self.show_lesson(ui, place, &lessons, theme),
            None => {
                ui.painter().text(place.left_top(), Align2::LEFT_TOP, "Nothing learns here.", theme::body(), theme.dim);
            }
        }
        let columns = (inside.width() / CELL[0]).floor().max(1.0) as usize;
        let below = inside.min + vec2(0.0, CELL[1]);
        let next = next_lesson(instance);
        let was_kept = instance.value(ParamId::KeepLearnt) >= 0.5;
        let mut desk = Desk { instance, held: &mut self.held, theme };
        for (index, &id) in ids.iter().enumerate() {
            let (column, row) = (index % columns, index / columns);
            controls::show(ui, below + vec2(column as f32 * CELL[0], row as f32 * CELL[1]), id, &mut desk);
        }
        if !was_kept && instance.value(ParamId::KeepLearnt) >= 0.5 {
            // What is kept here is chosen here.
            self.lesson.number = next.or(self.lesson.number);
        }
        let top = below.y + ids.len().div_ceil(columns) as f32 * CELL[1];
        let live = Rect::from_min_max(pos2(inside.left(), top), pos2(inside.right(), top + CELL[1] - space::SMALL));
        self.show_live(ui, live, instance, theme);
    }

    /// How learning while it plays stands: in words, what each step is made of, how far it has gone, and its losses over time.
    fn show_live(&self, ui: &mut Ui, rect: Rect, instance: &dyn Instance, theme: &Theme) {
        let Some(activation) = instance.activation() else { return };
        let board = &activation.learning;
        let text = board.text().unwrap_or_else(|| "Learn goes on learning from what you play, while you play.".into());
        let line = Rect::from_min_size(rect.min, vec2(LIVE_WORDS, 18.0));
        words(ui, line, "learning while it plays", &text, theme::body(), theme.text);
        if board.losses().is_none() {
            return;
        }
        let [now, session, maker] = shares(instance.value(ParamId::LearnPull) / 100.0, board.is_reminded());
        let all = (now + session + maker) as f32;
        let bar = Rect::from_min_size(line.left_bottom() + vec2(0.0, 6.0), vec2(BAR, 7.0));
        let mut left = bar.left();
        for (part, colour) in [(now, theme.accent), (session, theme.input), (maker, theme.line)] {
            let right = left + part as f32 / all * bar.width();
            ui.painter().rect_filled(Rect::from_x_y_ranges(left..=right, bar.y_range()), 0.0, colour);
            left = right;
        }
        let percent = |part: usize| 100.0 * part as f32 / all;
        let said = format!(
            "of each step {:.0} % is of now, {:.0} % of the session, {:.0} % the maker's; {:.1} % from the model",
            percent(now),
            percent(session),
            percent(maker),
            100.0 * board.distance()
        );
        let line = Rect::from_min_size(bar.left_bottom() + vec2(0.0, 6.0), vec2(LIVE_WORDS, 16.0));
        words(ui, line, "what it learns from", &said, theme::small(), theme.dim);
        let place = Rect::from_min_max(pos2(rect.left() + LIVE_WORDS + space::MEDIUM, rect.top()), rect.max);
        draw_curve(ui, place, &board.curve(), theme);
    }

    /// What begins a lesson: how much, the last of it, or a recording.
    fn show_commands(&mut self, ui: &mut Ui, rect: Rect, instance: &mut dyn Instance, theme: &Theme) {
        let next = next_lesson(instance);
        let seconds = instance.value(ParamId::LearnSeconds);
        let is_recording = instance.value(ParamId::LearnRecord) >= 0.5;
        let hint = hint(instance);
        let now = ui.input(|input| input.time);
        let mut desk = Desk { instance, held: &mut self.held, theme };
        controls::show(ui, rect.min, ParamId::LearnSeconds, &mut desk);
        let at = rect.min + vec2(CELL[0] + space::SMALL, space::SMALL);
        let last = Rect::from_min_size(at, vec2(160.0, BUTTON_HEIGHT));
        if command(ui, last, &format!("Learn the last {seconds:.0} s"), ParamId::LearnTake, false, theme) {
            controls::press(ParamId::LearnTake, now, &mut desk);
            self.lesson.number = next.or(self.lesson.number);
        }
        let record = Rect::from_min_size(pos2(last.right() + space::SMALL, at.y), vec2(106.0, BUTTON_HEIGHT));
        let text = if is_recording { "Stop and learn" } else { "Record" };
        if command(ui, record, text, ParamId::LearnRecord, is_recording, theme) {
            set_at_once(desk.instance, ParamId::LearnRecord, f32::from(!is_recording));
            if is_recording {
                self.lesson.number = next.or(self.lesson.number);
            }
        }
        let place = Rect::from_min_max(at + vec2(0.0, BUTTON_HEIGHT + space::SMALL), rect.max);
        let galley = ui.painter().layout(hint, theme::small(), theme.dim, place.width());
        ui.painter().galley(place.min, galley, theme.dim);
    }

    /// How the lesson stands, and what can be done with it.
    fn show_lesson(&mut self, ui: &mut Ui, rect: Rect, lessons: &Lessons, theme: &Theme) {
        lessons.look();
        let (status, unfinished) = (lessons.status(), lessons.unfinished());
        let text = lessons.text();
        let colour = if matches!(status.state, State::Failed(_)) { theme.alarm } else { theme.text };
        let mut job = LayoutJob::simple_singleline(text.clone(), theme::body(), colour);
        job.wrap = TextWrapping::truncate_at_width(rect.width());
        let line = Rect::from_min_size(rect.min + vec2(0.0, space::SMALL), vec2(rect.width(), 18.0));
        let galley = ui.painter().layout_job(job);
        ui.painter().galley(line.min, galley, colour);
        let response = ui.interact(line, Id::unique("lesson"), Sense::hover());
        response.widget_info(|| WidgetInfo::labeled(Role::Label, true, &text));
        response.on_hover_text(text);
        if let Some(part) = part(&status) {
            let bar = Rect::from_min_size(line.left_bottom() + vec2(0.0, 6.0), vec2(rect.width().min(320.0), 7.0));
            ui.painter().rect_filled(bar, 2.0, theme.raised);
            ui.painter().rect_filled(bar.with_max_x(bar.left() + part * bar.width()), 2.0, theme.accent);
            let response = ui.interact(bar, Id::unique("lesson's part"), Sense::hover());
            response.widget_info(|| WidgetInfo::slider(false, part.into(), "Part that is learnt"));
        }
        let row = line.bottom() + 20.0;
        let place = |left: f32, width: f32| Rect::from_min_size(pos2(left, row), vec2(width, BUTTON_HEIGHT));
        let second = rect.left() + 90.0 + space::SMALL;
        if status.is_busy() {
            let is_heard = lessons.is_listened_to();
            if button(ui, place(rect.left(), 90.0), "Hear it", is_heard, theme) {
                lessons.listen(!is_heard);
                self.lesson.hears = !is_heard;
                self.lesson.number = Some(status.number);
            }
            if button(ui, place(second, 90.0), "Cancel", false, theme) {
                lessons.cancel();
            }
            return;
        }
        let Some(latest) = unfinished.first() else { return };
        if button(ui, place(rect.left(), 90.0), "Resume", false, theme) {
            self.lesson.number = lessons.resume(&latest.id);
        }
        let is_sure = self.lesson.discards.as_ref() == Some(&latest.id);
        let text = if is_sure { "Really discard" } else { "Discard" };
        if button(ui, place(second, 120.0), text, is_sure, theme) {
            if is_sure {
                lessons.discard(&latest.id);
            }
            self.lesson.discards = (!is_sure).then(|| latest.id.clone());
        }
        let others = match unfinished.len() - 1 {
            0 => String::new(),
            others => format!(", and {others} more"),
        };
        let said = format!("{}: {}{others}", latest.text(), latest.name);
        let mut job = LayoutJob::simple_singleline(said.clone(), theme::small(), theme.dim);
        let left = second + 120.0 + space::SMALL;
        job.wrap = TextWrapping::truncate_at_width(rect.right() - left);
        let line = Rect::from_min_max(pos2(left, row), pos2(rect.right(), row + BUTTON_HEIGHT));
        let galley = ui.painter().layout_job(job);
        ui.painter().galley(pos2(left, line.center().y - 0.5 * galley.size().y), galley, theme.dim);
        let response = ui.interact(line, Id::unique("unfinished lesson"), Sense::hover());
        response.widget_info(|| WidgetInfo::labeled(Role::Label, true, &said));
        response.on_hover_text(said);
    }
}

/// The number of the lesson that would begin now; while one goes on, another is refused.
fn next_lesson(instance: &dyn Instance) -> Option<u64> {
    let status = instance.lessons().map(|lessons| lessons.status())?;
    (!status.is_busy()).then(|| status.number + 1)
}

/// A line of words, cut where it ends and whole under the pointer.
fn words(ui: &mut Ui, rect: Rect, id: &str, text: &str, font: FontId, colour: Color32) {
    let mut job = LayoutJob::simple_singleline(text.into(), font, colour);
    job.wrap = TextWrapping::truncate_at_width(rect.width());
    let galley = ui.painter().layout_job(job);
    ui.painter().galley(rect.min, galley, colour);
    let response = ui.interact(rect, Id::unique(id), Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::Label, true, text));
    response.on_hover_text(text);
}

/// The losses of the model and of what it has learnt, on what each had not learnt from yet: what lies between them is what it has gained.
fn draw_curve(ui: &mut Ui, rect: Rect, curve: &[[f32; 2]], theme: &Theme) {
    if curve.len() < 2 {
        return;
    }
    ui.painter().rect_filled(rect, space::CORNER, theme.raised);
    let (mut least, mut most) = (f32::INFINITY, f32::NEG_INFINITY);
    curve.iter().flatten().for_each(|&loss| (least, most) = (least.min(loss), most.max(loss)));
    let span = (most - least).max(0.05);
    let inside = rect.shrink(space::SMALL);
    let at = |index: usize, loss: f32| {
        let across = index as f32 / (curve.len() - 1) as f32;
        pos2(inside.left() + across * inside.width(), inside.bottom() - (loss - least) / span * inside.height())
    };
    for (which, colour) in [(0, theme.dim), (1, theme.accent)] {
        let points = curve.iter().enumerate().map(|(index, losses)| at(index, losses[which])).collect();
        ui.painter().line(points, Stroke::new(1.5, colour));
    }
    let said = "Loss over the last updates: grey the model as it was, in colour what it has learnt. Lower is better.";
    let response = ui.interact(rect, Id::unique("learning curve"), Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::Label, true, said));
    response.on_hover_text(said);
}

/// The part of a bar.
fn part(status: &Status) -> Option<f32> {
    match status.state {
        State::Preparing => Some(0.0),
        State::Learning { part, .. } => Some(part),
        _ => None,
    }
}

fn hint(instance: &dyn Instance) -> String {
    let listen = instance.value(ParamId::Listen);
    let now = if listen > HEARD_LISTEN { format!("; it stands at {listen:.0}") } else { String::new() };
    format!("What is learnt is heard where Listen stands at {HEARD_LISTEN:.0} or below{now}.")
}

/// A button for a command, with words of its own. Returns whether it was pressed.
fn command(ui: &mut Ui, rect: Rect, text: &str, id: ParamId, is_on: bool, theme: &Theme) -> bool {
    let spec = id.spec();
    let response = ui.interact(rect, Id::unique(("command", spec.key)), Sense::click());
    response.widget_info(|| WidgetInfo::selected(Role::Button, true, is_on, spec.name));
    let fill = match (is_on, response.hovered()) {
        (true, _) => theme.accent,
        (false, true) => theme.line,
        (false, false) => theme.raised,
    };
    ui.painter().rect_filled(rect, space::CORNER, fill);
    let colour = if is_on { theme.on_accent } else { theme.text };
    ui.painter().text(rect.center(), Align2::CENTER_CENTER, text, theme::body(), colour);
    focus_ring(ui, &response, rect, theme);
    let pressed = is_pressed(ui, &response);
    response.on_hover_text(spec.help);
    pressed
}
