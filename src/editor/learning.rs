//! The page of learning: a take to learn from above, how a model learns while it plays below.

use super::{
    View,
    controls::{self, CELL, Desk, button, focus_ring, is_pressed},
    instance::{Instance, set_at_once},
    theme::{self, Theme, space},
};
use crate::{
    control::ParamId,
    learn::job::{Lessons, State, Status},
};
use egui::{
    Align2, Id, Rect, Role, Sense, Ui, WidgetInfo, pos2,
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
        let mut desk = Desk { instance, held: &mut self.held, theme };
        for (index, &id) in ids.iter().enumerate() {
            let (column, row) = (index % columns, index / columns);
            controls::show(ui, below + vec2(column as f32 * CELL[0], row as f32 * CELL[1]), id, &mut desk);
        }
    }

    /// What begins a lesson: how much, the last of it, or a recording.
    fn show_commands(&mut self, ui: &mut Ui, rect: Rect, instance: &mut dyn Instance, theme: &Theme) {
        // While one goes on, another is refused.
        let status = instance.lessons().map(|lessons| lessons.status());
        let next = status.filter(|status| !status.is_busy()).map(|status| status.number + 1);
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
