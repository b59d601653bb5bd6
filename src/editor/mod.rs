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
mod frame;
mod history;
mod hyperparameters;
mod instance;
mod intake;
mod job;
mod learning;
mod notes;
mod presets;
mod status;
mod theme;
mod time_line;

pub use advice::Urgency;
pub use hyperparameters::Hyperparameters;
pub use instance::{Activation, Edit, Instance, ParamHost, SettingsHost, SoundDevices, presets_folder};
pub use notes::{NoteActivation, NoteInstance, NoteKeeper, NotePage, NoteView};
pub use theme::{Mode, fonts};
pub use time_line::Look;

use crate::control::ParamId;
use crate::dsp::level::db_to_gain;
use advice::{Observed, advice};
use bank::{Controls, pages};
use browser::Browser;
use controls::{CELL, Held, button, is_pressed, named_button, wide_button};
use egui::{Align2, Id, Key, Rect, Role, Sense, Ui, WidgetInfo, pos2, vec2};
use files::{Chooser, Chosen, Purpose};
use frame::{ADVICE, HEADER, Pace, STATUS, TABS};
use history::History;
use intake::Intake;
use learning::OwnLesson;
use presets::Presets;
use serde::{Deserialize, Serialize};
use std::{collections::VecDeque, path::PathBuf, process::Child, time::Instant};
use theme::{Theme, space};
use time_line::TimeLine;

/// Size of a new window, in points.
pub const SIZE: [f32; 2] = [1200.0, 700.0];
/// Smallest size at which everything can be reached.
pub const MIN_SIZE: [f32; 2] = [860.0, 520.0];

/// No window is wider or higher.
const MAX_SIDE: f32 = 8192.0;
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
    held: Held<ParamId>,
    history: Option<History>,
    time_line: TimeLine,
    browser: Browser,
    presets: Presets<ParamId>,
    /// The presets have been read since the list was opened.
    has_presets: bool,
    applied: Option<(Mode, bool)>,
    /// Counts of underruns and feedbacks with the time at which they were seen.
    troubles: VecDeque<(f64, u64, u64)>,
    pace: Pace,
    /// File managers that were opened: waited for, or they would stay in the table of processes.
    opened: Vec<Child>,
    /// The setting whose slider is being dragged, and to which number.
    sliding: Option<(&'static str, i32)>,
    /// The devices as they were when their page was opened, and those that are chosen.
    devices: Option<SoundDevices>,
    /// Files that were dropped or chosen.
    intake: Intake,
    /// The lesson that was begun here.
    lesson: OwnLesson,
    /// The list of files, while it is open.
    files: Chooser<Page>,
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

    /// The colour that a window is to be cleared with before [`Self::show`].
    pub fn ground_of_window(&self) -> egui::Rgba {
        Theme::of(self.looks.mode).ground_of_window()
    }

    /// Draws a picture and takes what was done with mouse and keys since the last one.
    pub fn show(&mut self, ui: &mut Ui, instance: &mut dyn Instance) {
        let began = Instant::now();
        let had_keyboard = frame::has_keyboard(ui, self.held.is_typing());
        let theme = frame::dress(ui, self.looks, &mut self.applied);
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
            Controls::Settings => 3,
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
        frame::fill_around(ui, whole, panels, theme);
        self.show_header(ui, header, instance, theme);
        self.show_advice(ui, line, instance, activation.as_ref(), theme);
        match self.page {
            Page::TimeLine => self.show_time_line(ui, centre, theme),
            Page::Models => self.show_models(ui, centre, instance, theme),
            Page::Files => self.show_files(ui, centre, instance, theme),
            Page::Hyperparameters => self.show_hyperparameters(ui, panels[0], instance, theme),
            Page::Presets => {
                if presets::show(ui, centre, &mut self.presets, instance, theme) {
                    self.page = Page::TimeLine;
                }
            }
        }
        if self.page != Page::Hyperparameters {
            if let Some(history) = &self.history {
                status::show(ui, status_row, history, activation.as_ref(), instance, theme);
            }
            self.show_bank(ui, bank, &pages, instance, theme);
        }
        frame::show_drop(ui, "Drop a model, a preset, or a recording that is to be the seed", theme);
        let now = ui.input(|input| input.time);
        self.held.end_picture(instance, now);
        self.opened.retain_mut(|child| matches!(child.try_wait(), Ok(None)));
        if ui.input(|input| input.key_pressed(Key::Escape)) && !had_keyboard {
            self.page = Page::TimeLine;
        }
        self.pace.end(ui, began, self.looks.reduced_motion);
    }

    /// Median seconds that laying out a picture has taken, over the last 240.
    pub fn frame_seconds(&self) -> f32 {
        self.pace.frame_seconds()
    }

    /// Pictures that were drawn a second, over the last 240.
    pub fn pictures_per_second(&self) -> f32 {
        self.pace.pictures_per_second()
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
        self.pace.show_about(ui, Rect::from_min_size(rect.min, vec2(104.0, HEADER)));
        let names = 0.5 * (rect.width() - 110.0 - if instance.input().is_some() { 412.0 } else { 350.0 }) - 70.0;
        let mut x = rect.left() + 110.0;
        let mut next = |width: f32| {
            let place = at(x, width);
            x += width + 4.0;
            place
        };
        let slot = instance.value(ParamId::Model) as u8;
        let model = instance.registry().label(slot);
        let mut stepped = None;
        if named_button(ui, next(28.0), "◀", "Previous Model", theme) {
            stepped = browser::step(instance.registry(), slot, false);
        }
        if wide_button(ui, next(names), "Model", &model, self.page == Page::Models, theme) {
            self.page = if self.page == Page::Models { Page::TimeLine } else { Page::Models };
        }
        if named_button(ui, next(28.0), "▶", "Next Model", theme) {
            stepped = browser::step(instance.registry(), slot, true);
        }
        if let Some(slot) = stepped {
            instance::set_at_once(instance, ParamId::Model, slot.into());
        }
        next(6.0);
        if presets::show_buttons(ui, next, names, &mut self.presets, instance, self.page == Page::Presets, theme) {
            self.page = if self.page == Page::Presets { Page::TimeLine } else { Page::Presets };
        }
        let left = frame::show_looks(ui, rect, &mut self.looks, theme, |ui, place| {
            let bypassed = instance.value(ParamId::Bypass) >= 0.5;
            if button(ui, place, "Bypass", bypassed, theme) {
                instance::set_at_once(instance, ParamId::Bypass, f32::from(!bypassed));
            }
        });
        if let Some(on) = instance.input()
            && button(ui, at(left - 58.0, 58.0), "Input", on, theme)
        {
            instance.set_input(!on);
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
        let said_right = frame::advice_line(ui, rect, urgency, &text, theme);
        let y = rect.center().y;
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
                match frame::reveal(&folder) {
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
        frame::notes_line(ui, rect.with_max_x(right).with_min_x(said_right), &notes, theme);
    }

    /// Takes files that have been dropped onto the window.
    fn take_dropped(&mut self, ui: &Ui, instance: &mut dyn Instance) {
        self.files.sweep();
        self.intake.look(instance);
        let files = ui.input(|input| input.raw.dropped_files.clone());
        for path in files.iter().map(|file| file.path().to_path_buf()) {
            match (self.page, &mut self.hyperparameters, self.files.purpose()) {
                (Page::Hyperparameters, Some(page), _) => page.add_recording(path),
                // As if it had been chosen from the list.
                (Page::Files, _, Some(purpose)) => {
                    self.page = self.files.close();
                    self.take_chosen(purpose, path, instance);
                }
                _ => self.intake.take(path, instance),
            }
        }
    }

    fn choose_file(&mut self, purpose: Purpose, instance: &dyn Instance) {
        let own = match purpose {
            Purpose::Model | Purpose::Missing(_) => instance.models_folder().map(|folder| ("Models", folder)),
            Purpose::Seed | Purpose::Material | Purpose::Phrase => {
                instance.takes_folder().map(|folder| ("Takes", folder))
            }
        };
        let back = std::mem::replace(&mut self.page, Page::Files);
        self.files.open(purpose, own, instance.data_folder(), back);
    }

    fn show_files(&mut self, ui: &mut Ui, rect: Rect, instance: &mut dyn Instance, theme: &Theme) {
        match self.files.show(ui, rect, theme) {
            Chosen::Open => {}
            Chosen::Left(back) => {
                if let Some(page) = &mut self.hyperparameters {
                    page.wants_none();
                }
                self.page = back;
            }
            Chosen::File(purpose, path, back) => {
                self.page = back;
                self.take_chosen(purpose, path, instance);
            }
        }
    }

    fn take_chosen(&mut self, purpose: Purpose, path: PathBuf, instance: &mut dyn Instance) {
        match purpose {
            Purpose::Model => self.intake.take_model(None, &path, instance),
            Purpose::Missing(slot) => self.intake.take_model(Some(slot), &path, instance),
            Purpose::Seed => self.intake.begin_seed(path),
            // Of the other plugin.
            Purpose::Phrase => {}
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
}
