//! What every editor of ours has around its picture: the lines above it, what can be dropped, and how fast it draws.

use super::{
    Looks,
    advice::Urgency,
    controls::button,
    theme::{self, Mode, Theme, space},
};
use egui::{
    Align2, Id, Rect, Role, Sense, Stroke, StrokeKind, Ui, WidgetInfo, pos2,
    text::{LayoutJob, TextWrapping},
    vec2,
};
use std::{
    collections::VecDeque,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

/// Heights of the rows around the picture: the header, the line below it, the line below the picture, and the names of the pages of
/// controls.
pub(super) const HEADER: f32 = 48.0;
pub(super) const ADVICE: f32 = 30.0;
pub(super) const STATUS: f32 = 28.0;
pub(super) const TABS: f32 = 34.0;
/// From one picture to the next, with less motion.
const CALM: Duration = Duration::from_millis(100);
/// Pictures that are remembered.
const PICTURES: usize = 240;

/// The colours of a picture, which egui's own widgets get where they are not the `applied` ones.
pub(super) fn dress(ui: &Ui, looks: Looks, applied: &mut Option<(Mode, bool)>) -> &'static Theme {
    let wanted = (looks.mode, looks.reduced_motion);
    if applied.replace(wanted) != Some(wanted) {
        theme::apply(ui.ctx(), looks.mode, looks.reduced_motion);
    }
    Theme::of(looks.mode)
}

/// Whether something has the keyboard that Escape ends first; `is_typing`: a field of ours has.
pub(super) fn has_keyboard(ui: &Ui, is_typing: bool) -> bool {
    is_typing || ui.ctx().memory(|memory| memory.focused().is_some()) || egui::Popup::is_any_open(ui.ctx())
}

/// What laying out each of the last pictures has cost, in seconds, and when it was begun.
#[derive(Debug, Default)]
pub(super) struct Pace(VecDeque<(Instant, f32)>);

impl Pace {
    /// A picture that was begun then is laid out: the next one is asked for.
    pub fn end(&mut self, ui: &Ui, began: Instant, reduced_motion: bool) {
        self.0.push_back((began, began.elapsed().as_secs_f32()));
        self.0.drain(..self.0.len().saturating_sub(PICTURES));
        if reduced_motion {
            ui.ctx().request_repaint_after(CALM);
        } else {
            ui.ctx().request_repaint();
        }
    }

    /// Median seconds that laying out a picture has taken.
    pub fn frame_seconds(&self) -> f32 {
        let mut sorted: Vec<f32> = self.0.iter().map(|(_, seconds)| *seconds).collect();
        sorted.sort_by(f32::total_cmp);
        sorted.get(sorted.len() / 2).copied().unwrap_or(0.0)
    }

    /// Pictures that were drawn a second.
    pub fn pictures_per_second(&self) -> f32 {
        let (Some(first), Some(last)) = (self.0.front(), self.0.back()) else { return 0.0 };
        let seconds = (last.0 - first.0).as_secs_f32();
        if seconds > 0.0 { (self.0.len() - 1) as f32 / seconds } else { 0.0 }
    }

    /// Tells over the plugin's name which version it is, and how fast it draws.
    pub fn show_about(&self, ui: &Ui, rect: Rect) {
        ui.interact(rect, Id::unique("about"), Sense::hover()).on_hover_ui(|ui| {
            ui.label(format!("Sympathy {}", env!("CARGO_PKG_VERSION")));
            let (rate, seconds) = (self.pictures_per_second(), self.frame_seconds());
            ui.label(format!("{rate:.0} pictures a second, {:.1} ms each to lay out", 1000.0 * seconds));
        });
    }
}

/// The line that says how it stands; returns where it ends.
pub(super) fn advice_line(ui: &Ui, rect: Rect, urgency: Urgency, text: &str, theme: &Theme) -> f32 {
    let (mark, colour) = match urgency {
        Urgency::Fine => ("●", theme.accent),
        Urgency::Waiting => ("○", theme.input),
        Urgency::Trouble => ("▲", theme.alarm),
    };
    let y = rect.center().y;
    let painter = ui.painter_at(rect);
    painter.text(pos2(rect.left() + 4.0, y), Align2::LEFT_CENTER, mark, theme::body(), colour);
    let said = painter.text(pos2(rect.left() + 24.0, y), Align2::LEFT_CENTER, text, theme::body(), theme.text);
    let response = ui.interact(rect, Id::unique("advice"), Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::Label, true, text));
    said.right()
}

/// What happened of late, at the right end of `rect`, behind what is said there: as much of it as there is room for; all of it under
/// the pointer.
pub(super) fn notes_line(ui: &Ui, rect: Rect, notes: &[String], theme: &Theme) {
    let notes = notes.join("   ");
    let right = rect.right();
    let place = Rect::from_x_y_ranges((rect.left() + space::MEDIUM).min(right)..=right, rect.y_range());
    let mut job = LayoutJob::simple_singleline(notes.clone(), theme::small(), theme.dim);
    job.wrap = TextWrapping::truncate_at_width(place.width());
    let painter = ui.painter_at(place);
    let galley = painter.layout_job(job);
    painter.galley(pos2(right - galley.size().x, rect.center().y - 0.5 * galley.size().y), galley, theme.dim);
    if !notes.is_empty() {
        let response = ui.interact(place, Id::unique("notes"), Sense::hover());
        response.widget_info(|| WidgetInfo::labeled(Role::Label, true, &notes));
        response.on_hover_text(notes);
    }
}

/// The names of the pages of controls, of which one is shown; true where another one was chosen.
pub(super) fn show_tabs(ui: &mut Ui, rect: Rect, titles: &[&str], tab: &mut usize, theme: &Theme) -> bool {
    let width = ((rect.width() + 4.0) / titles.len() as f32 - 4.0).min(126.0);
    let mut is_chosen = false;
    for (index, title) in titles.iter().enumerate() {
        let place = pos2(rect.left() + index as f32 * (width + 4.0), rect.top());
        if button(ui, Rect::from_min_size(place, vec2(width, TABS - 6.0)), title, *tab == index, theme) {
            *tab = index;
            is_chosen = true;
        }
    }
    is_chosen
}

/// The buttons at the right end of the header: at the very end that of `last`, before it those of the looks; returns where they begin.
pub(super) fn show_looks(
    ui: &mut Ui,
    rect: Rect,
    looks: &mut Looks,
    theme: &Theme,
    last: impl FnOnce(&mut Ui, Rect),
) -> f32 {
    let y = rect.center().y;
    let mut right = rect.right();
    let mut next = |width: f32| {
        right -= width;
        let place = Rect::from_min_size(pos2(right, y - 14.0), vec2(width, 28.0));
        right -= 4.0;
        place
    };
    last(ui, next(76.0));
    let other = if looks.mode == Mode::Dark { "Light" } else { "Dark" };
    if button(ui, next(58.0), other, false, theme) {
        looks.mode = if looks.mode == Mode::Dark { Mode::Light } else { Mode::Dark };
    }
    if button(ui, next(96.0), "Less motion", looks.reduced_motion, theme) {
        looks.reduced_motion = !looks.reduced_motion;
    }
    right
}

/// A figure of the line below the picture: its name, the figure, whether it is bad, and what it means.
pub(super) type Figure = (&'static str, String, bool, &'static str);

/// Figures at the right end of the line below the picture.
pub(super) fn show_figures(ui: &Ui, rect: Rect, figures: &[Figure], theme: &Theme) {
    let y = rect.center().y;
    let mut right = rect.right();
    for (name, value, is_bad, hint) in figures.iter().rev() {
        let colour = if *is_bad { theme.alarm } else { theme.text };
        let value = if *is_bad { format!("▲ {value}") } else { value.clone() };
        let painter = ui.painter();
        let drawn = painter.text(pos2(right, y), Align2::RIGHT_CENTER, value, theme::small(), colour);
        let name = painter.text(pos2(drawn.left() - 5.0, y), Align2::RIGHT_CENTER, name, theme::small(), theme.dim);
        let area = drawn.union(name).expand2(vec2(4.0, 6.0));
        ui.interact(area, ui.scope_id().with(hint), Sense::hover()).on_hover_text(*hint);
        right = name.left() - 18.0;
    }
}

/// Fills what is around two panels, the one below the other.
pub(super) fn fill_around(ui: &Ui, whole: Rect, [upper, lower]: [Rect; 2], theme: &Theme) {
    let painter = ui.painter();
    let rows = |from: f32, to: f32| {
        painter.rect_filled(Rect::from_x_y_ranges(whole.x_range(), from..=to), 0.0, theme.back);
    };
    rows(whole.top(), upper.top());
    if lower.top() > upper.bottom() {
        rows(upper.bottom(), lower.top());
    }
    rows(lower.bottom(), whole.bottom());
    let beside = upper.top()..=lower.bottom();
    for columns in [whole.left()..=upper.left(), upper.right()..=whole.right()] {
        painter.rect_filled(Rect::from_x_y_ranges(columns, beside.clone()), 0.0, theme.back);
    }
}

/// Says what can be dropped, while something is held over the window.
pub(super) fn show_drop(ui: &Ui, text: &str, theme: &Theme) {
    if ui.input(|input| input.raw.hovered_files.is_empty()) {
        return;
    }
    let whole = ui.ctx().content_rect();
    let painter = ui.painter();
    painter.rect_filled(whole, 0.0, theme.back.gamma_multiply(0.85));
    painter.rect_stroke(whole.shrink(8.0), space::CORNER, Stroke::new(2.0, theme.accent), StrokeKind::Inside);
    painter.text(whole.center(), Align2::CENTER_CENTER, text, theme::title(), theme.text);
}

/// Opens a folder in the system's file manager.
pub(super) fn reveal(folder: &Path) -> Result<Child, String> {
    let program = match std::env::consts::OS {
        "windows" => "explorer",
        "macos" => "open",
        _ => "xdg-open",
    };
    let quiet = || Stdio::null();
    let opened = Command::new(program).arg(folder).stdin(quiet()).stdout(quiet()).stderr(quiet()).spawn();
    opened.map_err(|error| format!("{}: {program} cannot open it: {error}", folder.display()))
}
