//! What people see: the picture of what is heard and said, the controls, the models, the presets, and how it stands.
//!
//! The editor knows no plugin framework and no window: [`View::show`] draws one picture of an [`Instance`] into whatever
//! [`egui`] draws on, and all that it reads of the engine comes through [`crate::engine::scope`]. Nothing is computed while no
//! picture is drawn.

mod advice;
mod audition;
mod bank;
mod browser;
mod controls;
mod files;
mod history;
mod hyperparameters;
mod instance;
mod intake;
mod job;
mod learning;
mod presets;
mod status;
mod theme;
mod time_line;

pub use advice::Urgency;
pub use hyperparameters::Hyperparameters;
pub use instance::{Activation, Edit, Instance, SoundDevices, presets_folder};
pub use theme::{Mode, fonts};
pub use time_line::Look;

use crate::control::ParamId;
use crate::dsp::level::db_to_gain;
use advice::{Observed, advice};
use bank::{Controls, TABS, pages};
use browser::Browser;
use controls::{CELL, Held, button, is_pressed};
use egui::{
    Align2, Id, Key, Rect, Role, ScrollArea, Sense, Stroke, StrokeKind, TextEdit, Ui, UiBuilder, WidgetInfo, pos2,
    text::{LayoutJob, TextWrapping},
    vec2,
};
use files::{Files, Purpose};
use history::History;
use intake::Intake;
use job::Superseded;
use learning::OwnLesson;
use presets::Presets;
use serde::{Deserialize, Serialize};
use std::{
    collections::VecDeque,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};
use theme::{Theme, space};
use time_line::TimeLine;

/// Size of a new window, in points.
pub const SIZE: [f32; 2] = [1200.0, 700.0];
/// Smallest size at which everything can be reached.
pub const MIN_SIZE: [f32; 2] = [860.0, 520.0];

/// From one picture to the next, with less motion.
const CALM: Duration = Duration::from_millis(100);
/// No window is wider or higher.
const MAX_SIDE: f32 = 8192.0;
const HEADER: f32 = 48.0;
const ADVICE: f32 = 30.0;
const STATUS: f32 = 28.0;
/// A trouble is spoken of for so long after it was last seen.
const TROUBLE_SECONDS: f64 = 6.0;

/// A wet above this is heard: −80 dBFS.
const AUDIBLE: f32 = 1e-4;

/// What lies over the time line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Page {
    /// The time line itself.
    #[default]
    TimeLine,
    /// The list of models.
    Models,
    /// The list of presets.
    Presets,
    /// The list of files, of which one is to be chosen.
    Files,
    /// The hyperparameters of a training.
    Hyperparameters,
}

/// How the editor looks, as it is kept with the project.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Looks {
    /// Dark or light.
    pub mode: Mode,
    /// What the left half of the time line shows.
    pub look: Look,
    /// Strings do not swing, and nothing fades.
    pub reduced_motion: bool,
    /// Width and height of the window, in points.
    pub size: [f32; 2],
}

impl Default for Looks {
    fn default() -> Self {
        Self { mode: Mode::default(), look: Look::default(), reduced_motion: false, size: SIZE }
    }
}

impl Looks {
    /// The same, with a size that a window can have.
    pub fn sanitised(mut self) -> Self {
        for (size, (least, usual)) in self.size.iter_mut().zip(MIN_SIZE.into_iter().zip(SIZE)) {
            *size = if size.is_finite() { size.clamp(least, MAX_SIDE) } else { usual };
        }
        self
    }
}

/// One editor.
#[derive(Default)]
pub struct View {
    /// How it looks.
    pub looks: Looks,
    /// What is open.
    pub page: Page,
    /// The page of controls that is shown: 0 is *Start*.
    pub tab: usize,
    held: Held,
    history: Option<History>,
    time_line: TimeLine,
    browser: Browser,
    presets: Presets,
    /// The presets have been read since the list was opened.
    has_presets: bool,
    applied: Option<(Mode, bool)>,
    /// Counts of underruns and feedbacks with the time at which they were seen.
    troubles: VecDeque<(f64, u64, u64)>,
    /// What laying out each of the last pictures has cost, in seconds, and when it was begun.
    frames: VecDeque<(Instant, f32)>,
    /// File managers that were opened: waited for, or they would stay in the table of processes.
    opened: Vec<Child>,
    /// The number that a slider of the settings is being dragged to.
    sliding: Option<i32>,
    /// The devices as they were when their page was opened, and those that are chosen.
    devices: Option<SoundDevices>,
    /// Files that were dropped or chosen.
    intake: Intake,
    /// The lesson that was begun here.
    lesson: OwnLesson,
    /// The list of files, and the page from which it was opened.
    files: Option<(Files, Page)>,
    /// What is still being read of a list of files that was closed.
    superseded: Superseded,
    /// The training that is being described, once somebody has asked for it.
    hyperparameters: Option<Hyperparameters>,
    /// Frequencies of what the model of a slot remembers.
    bins: (Option<(u8, u64)>, Vec<f64>),
}

impl View {
    /// A view that looks like this.
    pub fn new(looks: Looks) -> Self {
        Self { looks, ..Self::default() }
    }

    /// The colour that a window is to be cleared with before [`Self::show`]: that of the panels, which are most of it. Where a processor
    /// draws, it is the number of pixels that costs.
    pub fn ground(&self) -> egui::Color32 {
        Theme::of(self.looks.mode).panel
    }

    /// The same as windows take it: as it is stored, not as linear light.
    pub fn ground_of_window(&self) -> egui::Rgba {
        let [r, g, b, _] = self.ground().to_array().map(|byte| f32::from(byte) / 255.0);
        egui::Rgba::from_rgb(r, g, b)
    }

    /// Draws a picture and takes what was done with mouse and keys since the last one.
    pub fn show(&mut self, ui: &mut Ui, instance: &mut dyn Instance) {
        let began = Instant::now();
        // Escape ends what has the keyboard first.
        let had_keyboard = self.held.is_typing()
            || ui.ctx().memory(|memory| memory.focused().is_some())
            || egui::Popup::is_any_open(ui.ctx());
        let theme = Theme::of(self.looks.mode);
        let wanted = (self.looks.mode, self.looks.reduced_motion);
        if self.applied != Some(wanted) {
            theme::apply(ui.ctx(), self.looks.mode, self.looks.reduced_motion);
            self.applied = Some(wanted);
        }
        if !self.has_presets {
            self.presets.read(instance.presets_folder().as_deref());
            self.has_presets = true;
        }
        let activation = instance.activation();
        self.find_bins(instance);
        self.take_dropped(ui, instance);
        self.follow_lesson(instance);
        // Of what is heard before *Input Gain*.
        let gate = db_to_gain(instance.value(ParamId::Gate) - instance.value(ParamId::InputGain));
        let history = self.history.get_or_insert_with(History::new);
        history.update(activation.clone(), self.looks.look == Look::Spectrogram, gate, &self.bins.1);
        let whole = ui.ctx().content_rect();
        let inside = whole.shrink2(vec2(space::MEDIUM, 0.0));
        let rows = |top: f32, height: f32| Rect::from_min_size(pos2(inside.left(), top), vec2(inside.width(), height));
        let header = rows(whole.top(), HEADER);
        let line = rows(header.bottom(), ADVICE);
        let pages = pages(instance.has_settings(), instance.has_sound_card());
        let columns = ((inside.width() - space::MEDIUM) / CELL[0]).floor().max(1.0) as usize;
        let rows_of_controls = match &pages[self.tab.min(pages.len() - 1)].1 {
            Controls::Parameters(ids) => {
                (ids.len() + usize::from(ids.contains(&ParamId::SeedSource))).div_ceil(columns)
            }
            Controls::Learning(ids) => 2 + ids.len().div_ceil(columns),
            Controls::Settings => 2,
            Controls::SoundCard => 1,
        };
        let bank_height = TABS + 2.0 * space::SMALL + CELL[1] * rows_of_controls as f32;
        let bank = rows(whole.bottom() - space::SMALL - bank_height, bank_height);
        let status_row = rows(bank.top() - STATUS, STATUS);
        let centre = Rect::from_min_max(line.left_bottom(), status_row.right_top());
        let panels = match self.page {
            Page::Hyperparameters => [Rect::from_min_max(centre.min, bank.max); 2],
            _ => [centre, bank.with_min_y(bank.top() + TABS)],
        };
        fill_around(ui, whole, panels, theme);
        self.show_header(ui, header, instance, theme);
        self.show_advice(ui, line, instance, activation.as_ref(), theme);
        match self.page {
            Page::TimeLine => self.show_time_line(ui, centre, theme),
            Page::Models => self.show_models(ui, centre, instance, theme),
            Page::Files => self.show_files(ui, centre, instance, theme),
            Page::Hyperparameters => self.show_hyperparameters(ui, panels[0], instance, theme),
            Page::Presets => self.show_presets(ui, centre, instance, theme),
        }
        if self.page != Page::Hyperparameters {
            if let Some(history) = &self.history {
                status::show(ui, status_row, history, activation.as_ref(), instance, theme);
            }
            self.show_bank(ui, bank, &pages, instance, theme);
        }
        show_drop(ui, theme);
        let now = ui.input(|input| input.time);
        self.held.end_picture(instance, now);
        self.opened.retain_mut(|child| matches!(child.try_wait(), Ok(None)));
        if ui.input(|input| input.key_pressed(Key::Escape)) && !had_keyboard {
            self.page = Page::TimeLine;
        }
        self.frames.push_back((began, began.elapsed().as_secs_f32()));
        self.frames.drain(..self.frames.len().saturating_sub(240));
        if self.looks.reduced_motion {
            ui.ctx().request_repaint_after(CALM);
        } else {
            ui.ctx().request_repaint();
        }
    }

    /// Median seconds that laying out a picture has taken, over the last 240.
    pub fn frame_seconds(&self) -> f32 {
        let mut sorted: Vec<f32> = self.frames.iter().map(|(_, seconds)| *seconds).collect();
        sorted.sort_by(f32::total_cmp);
        sorted.get(sorted.len() / 2).copied().unwrap_or(0.0)
    }

    /// Pictures that were drawn a second, over the last 240.
    pub fn pictures_per_second(&self) -> f32 {
        let (Some(first), Some(last)) = (self.frames.front(), self.frames.back()) else { return 0.0 };
        let seconds = (last.0 - first.0).as_secs_f32();
        if seconds > 0.0 { (self.frames.len() - 1) as f32 / seconds } else { 0.0 }
    }

    /// The frequencies of what the selected model remembers, once it is loaded.
    fn find_bins(&mut self, instance: &dyn Instance) {
        let registry = instance.registry();
        let slot = instance.value(ParamId::Model) as u8;
        let key = (slot, registry.labels_generation());
        if self.bins.0 == Some(key) {
            return;
        }
        self.bins.0 = Some(key);
        self.bins.1 = registry.get(slot).map_or_else(Vec::new, |network| {
            let config = network.config();
            config.approach.listening().map_or_else(Vec::new, |own| own.centres_hz(config.sample_rate_hz))
        });
    }

    fn show_header(&mut self, ui: &mut Ui, rect: Rect, instance: &mut dyn Instance, theme: &Theme) {
        let y = rect.center().y;
        let at = |x: f32, width: f32| Rect::from_min_size(pos2(x, y - 14.0), vec2(width, 28.0));
        ui.painter().text(pos2(rect.left() + 2.0, y), Align2::LEFT_CENTER, "Sympathy", theme::title(), theme.text);
        let word = Rect::from_min_size(rect.min, vec2(104.0, HEADER));
        ui.interact(word, Id::unique("about"), Sense::hover()).on_hover_ui(|ui| {
            ui.label(format!("Sympathy {}", env!("CARGO_PKG_VERSION")));
            let (rate, seconds) = (self.pictures_per_second(), self.frame_seconds());
            ui.label(format!("{rate:.0} pictures a second, {:.1} ms each to lay out", 1000.0 * seconds));
        });
        let names = 0.5 * (rect.width() - 110.0 - if instance.input().is_some() { 412.0 } else { 350.0 }) - 70.0;
        let mut x = rect.left() + 110.0;
        let mut next = |width: f32| {
            let place = at(x, width);
            x += width + 4.0;
            place
        };
        let slot = instance.value(ParamId::Model) as u8;
        let model = instance.registry().label(slot);
        if named_button(ui, next(28.0), "◀", "Previous Model", theme) {
            browser::step(instance, false);
        }
        if wide_button(ui, next(names), "Model", &model, self.page == Page::Models, theme) {
            self.page = if self.page == Page::Models { Page::TimeLine } else { Page::Models };
        }
        if named_button(ui, next(28.0), "▶", "Next Model", theme) {
            browser::step(instance, true);
        }
        next(6.0);
        if named_button(ui, next(28.0), "◀", "Previous Preset", theme) {
            self.presets.step(false, instance);
        }
        let title = self.presets.title(&instance.values());
        if wide_button(ui, next(names), "Preset", &title, self.page == Page::Presets, theme) {
            self.page = if self.page == Page::Presets { Page::TimeLine } else { Page::Presets };
            self.presets.read(instance.presets_folder().as_deref());
        }
        if named_button(ui, next(28.0), "▶", "Next Preset", theme) {
            self.presets.step(true, instance);
        }
        let side = if self.presets.is_b { "B" } else { "A" };
        if named_button(ui, next(34.0), side, "Compare A and B", theme) {
            self.presets.swap(instance);
        }
        let mut right = rect.right();
        let mut last = |width: f32| {
            right -= width;
            let place = at(right, width);
            right -= 4.0;
            place
        };
        let bypassed = instance.value(ParamId::Bypass) >= 0.5;
        if button(ui, last(76.0), "Bypass", bypassed, theme) {
            instance::set_at_once(instance, ParamId::Bypass, f32::from(!bypassed));
        }
        let other = if self.looks.mode == Mode::Dark { "Light" } else { "Dark" };
        if button(ui, last(58.0), other, false, theme) {
            self.looks.mode = if self.looks.mode == Mode::Dark { Mode::Light } else { Mode::Dark };
        }
        if let Some(on) = instance.input()
            && button(ui, last(58.0), "Input", on, theme)
        {
            instance.set_input(!on);
        }
        if button(ui, last(96.0), "Less motion", self.looks.reduced_motion, theme) {
            self.looks.reduced_motion = !self.looks.reduced_motion;
        }
    }

    fn show_advice(
        &mut self,
        ui: &mut Ui,
        rect: Rect,
        instance: &dyn Instance,
        activation: Option<&Activation>,
        theme: &Theme,
    ) {
        let now = ui.input(|input| input.time);
        let counts =
            activation.map_or((0, 0), |activation| (activation.meters.underruns(), activation.meters.feedbacks()));
        if self.troubles.back().is_none_or(|last| (last.1, last.2) != counts) {
            self.troubles.push_back((now, counts.0, counts.1));
        }
        while self.troubles.len() > 1 && self.troubles[1].0 < now - TROUBLE_SECONDS {
            self.troubles.pop_front();
        }
        let recent = |count: fn(&(f64, u64, u64)) -> u64| match (self.troubles.front(), self.troubles.back()) {
            (Some(first), Some(last)) if last.0 > now - TROUBLE_SECONDS => count(last).saturating_sub(count(first)),
            _ => 0,
        };
        let (level, wet, silent) = self.history.as_ref().map_or((0.0, 0.0, f32::INFINITY), |history| {
            (history.levels[0], history.levels[1], history.silent_seconds)
        });
        let observed = Observed {
            input: level,
            silent_seconds: silent,
            is_sounding: activation.is_some_and(|activation| activation.meters.is_sounding()) || wet > AUDIBLE,
            is_active: activation.is_some(),
            has_failed: activation.is_some_and(|activation| activation.meters.is_failed()),
            recent_underruns: recent(|counts| counts.1),
            is_feedback: recent(|counts| counts.2) > 0,
        };
        let (urgency, text) = advice(instance, &observed);
        let (mark, colour) = match urgency {
            Urgency::Fine => ("●", theme.accent),
            Urgency::Waiting => ("○", theme.input),
            Urgency::Trouble => ("▲", theme.alarm),
        };
        let y = rect.center().y;
        let painter = ui.painter_at(rect);
        painter.text(pos2(rect.left() + 4.0, y), Align2::LEFT_CENTER, mark, theme::body(), colour);
        let said = painter.text(pos2(rect.left() + 24.0, y), Align2::LEFT_CENTER, &text, theme::body(), theme.text);
        let response = ui.interact(rect, Id::unique("advice"), Sense::hover());
        response.widget_info(|| WidgetInfo::labeled(Role::Label, true, &text));
        let notes = [
            self.intake.message.clone(),
            instance.captured_seconds().map(|seconds| format!("{seconds:.1} s captured")),
            instance.take_text().map(|text| format!("take: {text}")),
            self.presets.message.clone(),
        ];
        let notes: Vec<String> = notes.into_iter().flatten().collect();
        let mut right = rect.right();
        let folder = instance.takes_folder().filter(|_| instance.take_text().is_some());
        if let Some(folder) = folder {
            right -= 96.0;
            if button(ui, Rect::from_min_size(pos2(right, y - 11.0), vec2(96.0, 22.0)), "Show takes", false, theme) {
                match reveal(&folder) {
                    Ok(child) => self.opened.push(child),
                    Err(reason) => self.presets.message = Some(reason),
                }
            }
            right -= 10.0;
        }
        if let Some(path) = self.intake.offered.clone() {
            right -= 110.0;
            if button(ui, Rect::from_min_size(pos2(right, y - 11.0), vec2(110.0, 22.0)), "Train from it…", false, theme)
            {
                self.intake.offered = None;
                self.open_hyperparameters(instance);
                if let Some(page) = &mut self.hyperparameters {
                    page.add_recording(path);
                }
            }
            right -= 10.0;
        }
        let notes = notes.join("   ");
        // As much of it as there is room for; all of it under the pointer.
        let place = Rect::from_x_y_ranges((said.right() + space::MEDIUM).min(right)..=right, rect.y_range());
        let mut job = LayoutJob::simple_singleline(notes.clone(), theme::small(), theme.dim);
        job.wrap = TextWrapping::truncate_at_width(place.width());
        let painter = ui.painter_at(place);
        let galley = painter.layout_job(job);
        painter.galley(pos2(right - galley.size().x, y - 0.5 * galley.size().y), galley, theme.dim);
        if !notes.is_empty() {
            let response = ui.interact(place, Id::unique("notes"), Sense::hover());
            response.widget_info(|| WidgetInfo::labeled(Role::Label, true, &notes));
            response.on_hover_text(notes);
        }
    }

    /// Takes files that have been dropped onto the window.
    fn take_dropped(&mut self, ui: &Ui, instance: &mut dyn Instance) {
        self.superseded.sweep();
        self.intake.look(instance);
        let files = ui.input(|input| input.raw.dropped_files.clone());
        for path in files.iter().map(|file| file.path().to_path_buf()) {
            match (self.page, &mut self.hyperparameters, &self.files) {
                (Page::Hyperparameters, Some(page), _) => page.add_recording(path),
                // As if it had been chosen from the list.
                (Page::Files, _, Some((files, _))) => {
                    let purpose = files.purpose;
                    self.close_files();
                    self.take_chosen(purpose, path, instance);
                }
                _ => self.intake.take(path, instance),
            }
        }
    }

    fn choose_file(&mut self, purpose: Purpose, instance: &dyn Instance) {
        let own = match purpose {
            Purpose::Model | Purpose::Missing(_) => instance.models_folder().map(|folder| ("Models", folder)),
            Purpose::Seed | Purpose::Material => instance.takes_folder().map(|folder| ("Takes", folder)),
        };
        let back = std::mem::replace(&mut self.page, Page::Files);
        self.files = Some((Files::open(purpose, own, instance.data_folder()), back));
    }

    fn show_files(&mut self, ui: &mut Ui, rect: Rect, instance: &mut dyn Instance, theme: &Theme) {
        let Some((files, _)) = &mut self.files else {
            self.page = Page::TimeLine;
            return;
        };
        let (outcome, purpose) = (files.show(ui, rect, theme), files.purpose);
        match outcome {
            files::Outcome::Open => {}
            files::Outcome::Left => {
                if let Some(page) = &mut self.hyperparameters {
                    page.wants_none();
                }
                self.close_files();
            }
            files::Outcome::Chosen(path) => {
                self.close_files();
                self.take_chosen(purpose, path, instance);
            }
        }
    }

    /// Back to the page from which the list was opened.
    fn close_files(&mut self) {
        if let Some((files, back)) = self.files.take() {
            files.close(&mut self.superseded);
            self.page = back;
        }
    }

    fn take_chosen(&mut self, purpose: Purpose, path: PathBuf, instance: &mut dyn Instance) {
        match purpose {
            Purpose::Model => self.intake.take_model(None, &path, instance),
            Purpose::Missing(slot) => self.intake.take_model(Some(slot), &path, instance),
            Purpose::Seed => self.intake.begin_seed(path),
            Purpose::Material => {
                if let Some(page) = &mut self.hyperparameters {
                    page.add_recording(path);
                }
            }
        }
    }

    fn open_hyperparameters(&mut self, instance: &dyn Instance) {
        let folder = || directories::UserDirs::new().map(|user| user.home_dir().to_path_buf()).unwrap_or_default();
        let folder = || instance.takes_folder().filter(|takes| takes.is_dir()).unwrap_or_else(folder);
        self.hyperparameters.get_or_insert_with(|| Hyperparameters::new(folder()));
        self.page = Page::Hyperparameters;
    }

    fn show_hyperparameters(&mut self, ui: &mut Ui, rect: Rect, instance: &dyn Instance, theme: &Theme) {
        let Some(page) = &mut self.hyperparameters else { return };
        match page.show(ui, rect, theme) {
            hyperparameters::Outcome::Open => {}
            hyperparameters::Outcome::Closed => self.page = Page::TimeLine,
            hyperparameters::Outcome::Choose => self.choose_file(Purpose::Material, instance),
        }
    }

    fn show_models(&mut self, ui: &mut Ui, rect: Rect, instance: &mut dyn Instance, theme: &Theme) {
        match self.browser.show(ui, rect, instance, theme) {
            browser::Outcome::Open => {}
            browser::Outcome::Closed => self.page = Page::TimeLine,
            browser::Outcome::Add => self.choose_file(Purpose::Model, instance),
            browser::Outcome::Locate(slot) => self.choose_file(Purpose::Missing(slot), instance),
            browser::Outcome::Train => self.open_hyperparameters(instance),
        }
    }

    fn show_time_line(&mut self, ui: &mut Ui, rect: Rect, theme: &Theme) {
        let Some(history) = &self.history else { return };
        self.time_line.show(ui, rect, history, self.looks.look, theme, self.looks.reduced_motion);
        let response = ui.interact(rect, Id::unique("time line"), Sense::click());
        let (now, other) = match self.looks.look {
            Look::Waveform => ("Time line: waveform", Look::Spectrogram),
            Look::Spectrogram => ("Time line: spectrogram", Look::Waveform),
        };
        response.widget_info(|| WidgetInfo::labeled(Role::Button, true, now));
        controls::focus_ring(ui, &response, rect.shrink(2.0), theme);
        if is_pressed(ui, &response) {
            self.looks.look = other;
        }
        response.on_hover_text_at_pointer(time_line::HINT);
    }

    fn show_presets(&mut self, ui: &mut Ui, rect: Rect, instance: &mut dyn Instance, theme: &Theme) {
        let inside = rect.shrink(space::MEDIUM);
        ui.painter().text(inside.left_top(), Align2::LEFT_TOP, "Presets", theme::title(), theme.text);
        let close = Rect::from_min_size(inside.right_top() - vec2(80.0, 0.0), vec2(80.0, 26.0));
        if button(ui, close, "Close", false, theme) {
            self.page = Page::TimeLine;
        }
        let name = Rect::from_min_size(inside.left_top() + vec2(110.0, 0.0), vec2(260.0, 26.0));
        let field = TextEdit::singleline(&mut self.presets.name)
            .hint_text("Name of a new preset")
            .font(theme::body())
            .align(Align2::LEFT_CENTER);
        let typed = ui.put(name, field);
        let save = Rect::from_min_size(name.right_top() + vec2(space::SMALL, 0.0), vec2(70.0, 26.0));
        let entered = typed.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter));
        if button(ui, save, "Save", false, theme) || entered {
            let values = instance.values();
            self.presets.save(instance.presets_folder().as_deref(), &values);
        }
        let body = Rect::from_min_max(pos2(inside.left(), inside.top() + 36.0), inside.max);
        let mut chosen = None;
        ui.scope_builder(UiBuilder::new().max_rect(body), |ui| {
            ScrollArea::vertical().id_salt("presets").auto_shrink(false).show(ui, |ui| {
                for (index, entry) in self.presets.entries.iter().enumerate() {
                    if preset_row(ui, index, entry, self.presets.current == Some(index), theme) {
                        chosen = Some(index);
                    }
                }
            });
        });
        if let Some(index) = chosen {
            self.presets.load(index, instance);
        }
    }
}

/// Fills what is around two panels, the one below the other.
fn fill_around(ui: &Ui, whole: Rect, [upper, lower]: [Rect; 2], theme: &Theme) {
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
fn show_drop(ui: &Ui, theme: &Theme) {
    if ui.input(|input| input.raw.hovered_files.is_empty()) {
        return;
    }
    let whole = ui.ctx().content_rect();
    let painter = ui.painter();
    painter.rect_filled(whole, 0.0, theme.back.gamma_multiply(0.85));
    painter.rect_stroke(whole.shrink(8.0), space::CORNER, Stroke::new(2.0, theme.accent), StrokeKind::Inside);
    let text = "Drop a model, a preset, or a recording that is to be the seed";
    painter.text(whole.center(), Align2::CENTER_CENTER, text, theme::title(), theme.text);
}

fn preset_row(ui: &mut Ui, index: usize, entry: &presets::Entry, is_current: bool, theme: &Theme) -> bool {
    let (rect, is_chosen) = controls::list_row(ui, ("preset", index), &entry.name, is_current, theme);
    let painter = ui.painter_at(rect);
    let y = rect.center().y;
    let colour = if entry.preset.is_some() { theme.text } else { theme.alarm };
    painter.text(pos2(rect.left() + 12.0, y), Align2::LEFT_CENTER, &entry.name, theme::body(), colour);
    painter.text(pos2(rect.left() + 250.0, y), Align2::LEFT_CENTER, &entry.description, theme::small(), theme.dim);
    if entry.is_own {
        painter.text(pos2(rect.right() - 8.0, y), Align2::RIGHT_CENTER, "yours", theme::small(), theme.dim);
    }
    is_chosen
}

fn named_button(ui: &mut Ui, rect: Rect, sign: &str, name: &str, theme: &Theme) -> bool {
    let response = ui.interact(rect, Id::unique(("button", name)), Sense::click());
    response.widget_info(|| WidgetInfo::labeled(Role::Button, true, name));
    ui.painter().rect_filled(rect, space::CORNER, if response.hovered() { theme.line } else { theme.raised });
    ui.painter().text(rect.center(), Align2::CENTER_CENTER, sign, theme::body(), theme.text);
    controls::focus_ring(ui, &response, rect, theme);
    let pressed = is_pressed(ui, &response);
    response.on_hover_text(name);
    pressed
}

/// A button that says what is chosen.
fn wide_button(ui: &mut Ui, rect: Rect, name: &str, text: &str, is_on: bool, theme: &Theme) -> bool {
    let response = ui.interact(rect, Id::unique(("button", name)), Sense::click());
    response.widget_info(|| WidgetInfo::labeled(Role::Button, true, format!("{name}: {text}")));
    let painter = ui.painter_at(rect);
    painter.rect_filled(rect, space::CORNER, if response.hovered() { theme.line } else { theme.raised });
    if is_on {
        painter.hline(rect.x_range(), rect.bottom() - 1.0, Stroke::new(2.0, theme.accent));
    }
    let y = rect.center().y;
    let name = painter.text(pos2(rect.left() + 10.0, y), Align2::LEFT_CENTER, name, theme::small(), theme.dim);
    painter.text(pos2(name.right() + 8.0, y), Align2::LEFT_CENTER, text, theme::strong(), theme.text);
    controls::focus_ring(ui, &response, rect, theme);
    let pressed = is_pressed(ui, &response);
    response.on_hover_text(text);
    pressed
}

/// Opens a folder in the system's file manager.
fn reveal(folder: &Path) -> Result<Child, String> {
    let program = match std::env::consts::OS {
        "windows" => "explorer",
        "macos" => "open",
        _ => "xdg-open",
    };
    let quiet = || Stdio::null();
    let opened = Command::new(program).arg(folder).stdin(quiet()).stdout(quiet()).stderr(quiet()).spawn();
    opened.map_err(|error| format!("{}: {program} cannot open it: {error}", folder.display()))
}
