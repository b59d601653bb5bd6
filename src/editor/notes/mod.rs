//! The editor of the plugin for notes: the roll of what is heard and said, the controls, the codes, the models, the presets, and how it
//! stands. Like the other editor it knows no plugin framework and no window.

mod advice;
mod codes;
mod history;
mod instance;
mod intake;
mod keeper;
mod models;
mod roll;

pub use instance::{NoteActivation, NoteInstance};
pub use keeper::NoteKeeper;

use super::{
    Looks, Mode,
    bank::show_settings,
    browser::{self, Outcome},
    controls::{self, CELL, Desk, Held, button, named_button, wide_button},
    files::{Chooser, Chosen, Purpose},
    frame::{self, ADVICE, HEADER, Pace, STATUS, TABS},
    instance::set_at_once,
    presets::{self, Presets},
    theme::{self, Theme, space},
};
use crate::control::{
    notes::{NoteParam, notes_by_group},
    settings::NOTE_SETTINGS,
};
use advice::advice;
use egui::{Align2, Id, Key, Rect, Sense, Ui, pos2, vec2};
use history::Steps;
use intake::Intake;
use roll::Keyboard;
use std::{collections::VecDeque, path::PathBuf, process::Child, time::Instant};

/// What a beginner needs, in the order of a first minute.
const FIRST_PAGE: [NoteParam; 11] = [
    NoteParam::Part,
    NoteParam::AnswerAfter,
    NoteParam::AnswerLength,
    NoteParam::Temperature,
    NoteParam::Density,
    NoteParam::Polyphony,
    NoteParam::Velocity,
    NoteParam::Run,
    NoteParam::Continue,
    NoteParam::Freeze,
    NoteParam::Panic,
];
/// Late steps are spoken of for so many seconds.
const TROUBLE_SECONDS: f64 = 6.0;
/// A message is shown for so many seconds.
const MESSAGE_SECONDS: f64 = 20.0;
/// A list that is lower needs more room.
const MIN_LIST: f32 = 240.0;
/// Measures that can be saved.
const SAVED_MEASURES: [usize; 4] = [4, 8, 16, 32];

/// What lies over the roll.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NotePage {
    /// The roll itself.
    #[default]
    Roll,
    /// The list of models.
    Models,
    /// The list of presets.
    Presets,
    /// The list of files, of which one is to be chosen.
    Files,
}

/// What a page of controls shows.
enum Controls {
    Parameters(Vec<NoteParam>),
    Codes,
    Settings,
}

/// The pages of controls and their titles. The model has the header.
fn pages(has_settings: bool) -> Vec<(&'static str, Controls)> {
    let mut pages = vec![("Start", Controls::Parameters(FIRST_PAGE.to_vec()))];
    for spec in notes_by_group().filter(|spec| spec.group != "Models") {
        match pages.last_mut() {
            Some((title, Controls::Parameters(ids))) if *title == spec.group => ids.push(spec.id),
            Some((title, Controls::Codes)) if *title == spec.group => {}
            _ if spec.group == "Code" => pages.push((spec.group, Controls::Codes)),
            _ => pages.push((spec.group, Controls::Parameters(vec![spec.id]))),
        }
    }
    if has_settings {
        pages.push(("Settings", Controls::Settings));
    }
    pages
}

/// One editor.
#[derive(Default)]
pub struct NoteView {
    /// How it looks.
    pub looks: Looks,
    /// What is open.
    pub page: NotePage,
    /// The page of controls that is shown: 0 is *Start*.
    pub tab: usize,
    held: Held<NoteParam>,
    steps: Steps,
    keyboard: Keyboard,
    presets: Presets<NoteParam>,
    /// The presets have been read since the list was opened.
    has_presets: bool,
    search: String,
    applied: Option<(Mode, bool)>,
    /// Counts of late steps with the time at which they were seen.
    late: VecDeque<(f64, u64)>,
    pace: Pace,
    /// File managers that were opened: waited for, or they would stay in the table of processes.
    opened: Vec<Child>,
    sliding: Option<(&'static str, i32)>,
    intake: Intake,
    /// Its message, and since when it is shown.
    message: (Option<String>, f64),
    /// Which of [`SAVED_MEASURES`] are saved.
    saved: usize,
    /// The list of files, while it is open.
    files: Chooser<NotePage>,
}

impl NoteView {
    /// A view that looks like this.
    pub fn new(looks: Looks) -> Self {
        Self { looks, ..Self::default() }
    }

    /// The colour that a window is to be cleared with before [`Self::show`].
    pub fn ground_of_window(&self) -> egui::Rgba {
        Theme::of(self.looks.mode).ground_of_window()
    }

    /// Median seconds that laying out a picture has taken, over the last 240.
    pub fn frame_seconds(&self) -> f32 {
        self.pace.frame_seconds()
    }

    /// Pictures a second, over the last 240.
    pub fn pictures_per_second(&self) -> f32 {
        self.pace.pictures_per_second()
    }

    /// Draws a picture and takes what was done with mouse and keys since the last one.
    pub fn show(&mut self, ui: &mut Ui, instance: &mut dyn NoteInstance) {
        let began = Instant::now();
        let had_keyboard = frame::has_keyboard(ui, self.held.is_typing());
        let theme = frame::dress(ui, self.looks, &mut self.applied);
        if !self.has_presets {
            self.presets.read(instance.presets_folder().as_deref());
            self.has_presets = true;
        }
        let now = ui.input(|input| input.time);
        let activation = instance.activation();
        self.steps.update(activation.as_ref(), now);
        self.take_dropped(ui, instance, now);
        let whole = ui.ctx().content_rect();
        let inside = whole.shrink2(vec2(space::MEDIUM, 0.0));
        let rows = |top: f32, height: f32| Rect::from_min_size(pos2(inside.left(), top), vec2(inside.width(), height));
        let header = rows(whole.top(), HEADER);
        let line = rows(header.bottom(), ADVICE);
        let pages = pages(instance.has_settings());
        self.tab = self.tab.min(pages.len() - 1);
        let columns = ((inside.width() - space::MEDIUM) / CELL[0]).floor().max(1.0) as usize;
        let height = match &pages[self.tab].1 {
            Controls::Parameters(ids) => CELL[1] * (ids.len() + usize::from(self.tab == 0)).div_ceil(columns) as f32,
            Controls::Codes => codes::height(columns),
            Controls::Settings => 2.0 * CELL[1],
        };
        let bank_height = TABS + 2.0 * space::SMALL + height;
        let bank = rows(whole.bottom() - space::SMALL - bank_height, bank_height);
        let status = rows(bank.top() - STATUS, STATUS);
        let centre = Rect::from_min_max(line.left_bottom(), status.right_top());
        // A list needs room; in a small window it has that of the controls, too.
        let is_covered = self.page != NotePage::Roll && centre.height() < MIN_LIST;
        let (centre, panels) = match is_covered {
            true => (Rect::from_min_max(centre.min, bank.max), [Rect::from_min_max(centre.min, bank.max); 2]),
            false => (centre, [centre, bank.with_min_y(bank.top() + TABS)]),
        };
        frame::fill_around(ui, whole, panels, theme);
        self.show_header(ui, header, instance, theme);
        self.show_advice(ui, line, instance, now, theme);
        match self.page {
            NotePage::Roll => {
                let scope = activation.as_ref().map(|activation| &*activation.scope);
                roll::show(ui, centre, &mut self.keyboard, &self.steps, scope, now, theme);
            }
            NotePage::Models => self.show_models(ui, centre, instance, theme),
            NotePage::Files => self.show_files(ui, centre, instance, theme),
            NotePage::Presets => {
                if presets::show(ui, centre, &mut self.presets, instance, theme) {
                    self.page = NotePage::Roll;
                }
            }
        }
        if !is_covered {
            self.show_status(ui, status, instance, theme);
            self.show_bank(ui, bank, &pages, instance, theme);
        }
        frame::show_drop(ui, "Drop a model, a preset, or a MIDI file that it is to go on from", theme);
        self.held.end_picture(instance, now);
        self.opened.retain_mut(|child| matches!(child.try_wait(), Ok(None)));
        let is_escaped = ui.input(|input| input.key_pressed(Key::Escape));
        if is_escaped && !self.keyboard.let_go() && !had_keyboard {
            self.page = NotePage::Roll;
        }
        let scope = activation.as_ref().map(|activation| &activation.scope);
        self.keyboard.end_picture(ui, scope, self.page == NotePage::Roll, now);
        self.pace.end(ui, began, self.looks.reduced_motion);
    }

    fn show_header(&mut self, ui: &mut Ui, rect: Rect, instance: &mut dyn NoteInstance, theme: &Theme) {
        const NAME: f32 = 158.0;
        let y = rect.center().y;
        let at = |x: f32, width: f32| Rect::from_min_size(pos2(x, y - 14.0), vec2(width, 28.0));
        ui.painter().text(
            pos2(rect.left() + 2.0, y),
            Align2::LEFT_CENTER,
            "Sympathy Notes",
            theme::title(),
            theme.text,
        );
        self.pace.show_about(ui, Rect::from_min_size(rect.min, vec2(NAME - 6.0, HEADER)));
        let names = 0.5 * (rect.width() - NAME - 350.0) - 70.0;
        let mut x = rect.left() + NAME;
        let mut next = |width: f32| {
            let place = at(x, width);
            x += width + 4.0;
            place
        };
        let slot = instance.value(NoteParam::Model) as u8;
        let model = instance.models().label(slot);
        let mut stepped = None;
        if named_button(ui, next(28.0), "◀", "Previous Model", theme) {
            stepped = browser::step(instance.models(), slot, false);
        }
        if wide_button(ui, next(names), "Model", &model, self.page == NotePage::Models, theme) {
            self.turn_to(NotePage::Models);
        }
        if named_button(ui, next(28.0), "▶", "Next Model", theme) {
            stepped = browser::step(instance.models(), slot, true);
        }
        if let Some(slot) = stepped {
            set_at_once(instance, NoteParam::Model, slot.into());
        }
        next(6.0);
        let is_open = self.page == NotePage::Presets;
        if presets::show_buttons(ui, next, names, &mut self.presets, instance, is_open, theme) {
            self.turn_to(NotePage::Presets);
        }
        frame::show_looks(ui, rect, &mut self.looks, theme, |ui, place| {
            let bypassed = instance.value(NoteParam::Bypass) >= 0.5;
            if button(ui, place, "Bypass", bypassed, theme) {
                set_at_once(instance, NoteParam::Bypass, f32::from(!bypassed));
            }
        });
    }

    /// Opens a page, or closes it where it is open.
    fn turn_to(&mut self, page: NotePage) {
        self.page = if self.page == page { NotePage::Roll } else { page };
    }

    fn show_advice(&mut self, ui: &mut Ui, rect: Rect, instance: &dyn NoteInstance, now: f64, theme: &Theme) {
        let count = instance.late_steps();
        if self.late.back().is_none_or(|last| last.1 != count) {
            self.late.push_back((now, count));
        }
        while self.late.len() > 1 && self.late[1].0 < now - TROUBLE_SECONDS {
            self.late.pop_front();
        }
        let late = match (self.late.front(), self.late.back()) {
            (Some(first), Some(last)) if last.0 > now - TROUBLE_SECONDS => last.1.saturating_sub(first.1),
            _ => 0,
        };
        let (urgency, text) = advice(instance, &self.steps, late, now);
        let said = frame::advice_line(ui, rect, urgency, &text, theme);
        if self.message.0 != self.intake.message {
            self.message = (self.intake.message.clone(), now);
        } else if now - self.message.1 > MESSAGE_SECONDS {
            self.intake.message = None;
        }
        let lacks_code = || "This model has no code: an autoencoder has one (Models).".to_owned();
        let is_code = matches!(pages(instance.has_settings())[self.tab].1, Controls::Codes);
        let notes = [
            (is_code && codes::size(instance).is_none()).then(lacks_code),
            self.intake.message.clone(),
            self.presets.message.clone(),
        ];
        let notes: Vec<String> = notes.into_iter().flatten().collect();
        frame::notes_line(ui, rect.with_min_x(said), &notes, theme);
    }

    /// Takes files that have been dropped onto the window, and what was read of one.
    fn take_dropped(&mut self, ui: &Ui, instance: &mut dyn NoteInstance, now: f64) {
        self.files.sweep();
        self.intake.look(instance, self.steps.is_running(now));
        let files = ui.input(|input| input.raw.dropped_files.clone());
        for path in files.iter().map(|file| file.path().to_path_buf()) {
            match (self.page, self.files.purpose()) {
                // As if it had been chosen from the list.
                (NotePage::Files, Some(purpose)) => {
                    self.page = self.files.close();
                    self.take_chosen(purpose, path, instance);
                }
                _ => self.intake.take(path, instance),
            }
        }
    }

    fn choose_file(&mut self, purpose: Purpose, instance: &dyn NoteInstance) {
        let own = match purpose {
            Purpose::Phrase => instance.takes_folder().map(|folder| ("Takes", folder)),
            _ => instance.models_folder().map(|folder| ("Models", folder)),
        };
        let back = std::mem::replace(&mut self.page, NotePage::Files);
        self.files.open(purpose, own, instance.data_folder(), back);
    }

    fn show_files(&mut self, ui: &mut Ui, rect: Rect, instance: &mut dyn NoteInstance, theme: &Theme) {
        match self.files.show(ui, rect, theme) {
            Chosen::Open => {}
            Chosen::Left(back) => self.page = back,
            Chosen::File(purpose, path, back) => {
                self.page = back;
                self.take_chosen(purpose, path, instance);
            }
        }
    }

    fn take_chosen(&mut self, purpose: Purpose, path: PathBuf, instance: &mut dyn NoteInstance) {
        match purpose {
            Purpose::Missing(slot) => self.intake.take_model(Some(slot), &path, instance),
            Purpose::Phrase => {
                self.intake.begin_phrase(path, instance);
                self.page = NotePage::Roll;
            }
            _ => self.intake.take_model(None, &path, instance),
        }
    }

    fn show_models(&mut self, ui: &mut Ui, rect: Rect, instance: &mut dyn NoteInstance, theme: &Theme) {
        match models::show(ui, rect, &mut self.search, instance, theme) {
            Outcome::Open | Outcome::Train => {}
            Outcome::Closed => self.page = NotePage::Roll,
            Outcome::Add => self.choose_file(Purpose::Model, instance),
            Outcome::Locate(slot) => self.choose_file(Purpose::Missing(slot), instance),
        }
    }

    /// The line below the roll: how it runs, and the file that can be saved.
    fn show_status(&mut self, ui: &mut Ui, rect: Rect, instance: &dyn NoteInstance, theme: &Theme) {
        let y = rect.center().y;
        let place = |x: f32, width: f32| Rect::from_min_size(pos2(x, y - 11.0), vec2(width, 22.0));
        let mut x = rect.left();
        if button(ui, place(x, 96.0), "Save MIDI", false, theme) {
            let folder = instance.takes_folder();
            self.intake.save(&self.steps, SAVED_MEASURES[self.saved], folder.as_deref());
        }
        x += 100.0;
        let measures = SAVED_MEASURES[self.saved];
        if button(ui, place(x, 120.0), &format!("last {measures} measures"), false, theme) {
            self.saved = (self.saved + 1) % SAVED_MEASURES.len();
        }
        x += 124.0;
        if let Some(folder) = instance.takes_folder().filter(|_| self.intake.has_saved)
            && button(ui, place(x, 96.0), "Show takes", false, theme)
        {
            match frame::reveal(&folder) {
                Ok(child) => self.opened.push(child),
                Err(reason) => self.intake.message = Some(reason),
            }
        }
        let step_ms = self.steps.last().map(|last| 1000.0 * last.seconds);
        let tempo = self.steps.last().map(|last| 60.0 / (last.seconds.max(1e-4) * last.steps_per_beat.max(1e-3)));
        let reaction = instance.activation().map(|activation| activation.reaction_ms);
        let late = instance.late_steps();
        let shown = |value: Option<f32>, unit: &str| value.map_or("–".into(), |value| format!("{value:.0} {unit}"));
        let items = [
            ("Tempo", shown(tempo, "bpm"), false, "The tempo that its steps follow."),
            ("Step", shown(step_ms, "ms"), false, "How long a step is: a note begins and ends on one."),
            ("Reaction", shown(reaction, "ms"), false, "The time from the last note that is heard to its answer."),
            (
                "Late steps",
                late.to_string(),
                late > 0,
                "Steps that stayed silent because their prediction came too late.",
            ),
        ];
        frame::show_figures(ui, rect, &items, theme);
    }

    fn show_bank(
        &mut self,
        ui: &mut Ui,
        rect: Rect,
        pages: &[(&'static str, Controls)],
        instance: &mut dyn NoteInstance,
        theme: &Theme,
    ) {
        let titles: Vec<&str> = pages.iter().map(|(title, _)| *title).collect();
        frame::show_tabs(ui, rect, &titles, &mut self.tab, theme);
        let body = Rect::from_min_max(pos2(rect.left(), rect.top() + TABS), rect.max);
        let ids = match &pages[self.tab.min(pages.len() - 1)].1 {
            Controls::Parameters(ids) => ids,
            Controls::Codes => {
                if let Some(said) = codes::show(ui, body, instance, &mut self.held, theme) {
                    self.intake.message = Some(said);
                }
                return;
            }
            Controls::Settings => {
                show_settings(ui, body.shrink(space::MEDIUM), &NOTE_SETTINGS, instance, &mut self.sliding, theme);
                return;
            }
        };
        let columns = ((body.width() - 2.0 * space::SMALL) / CELL[0]).floor().max(1.0) as usize;
        let at = |index: usize| {
            let (column, row) = (index % columns, index / columns);
            body.min + vec2(space::SMALL + column as f32 * CELL[0], space::SMALL + row as f32 * CELL[1])
        };
        let mut desk = Desk { instance, held: &mut self.held, theme };
        for (index, &id) in ids.iter().enumerate() {
            controls::show(ui, at(index), id, &mut desk);
        }
        if self.tab == 0 {
            let place = Rect::from_min_size(at(ids.len()) + vec2(4.0, 26.0), vec2(CELL[0] - 8.0, 26.0));
            let is_pressed = button(ui, place, "MIDI file…", false, theme);
            ui.interact(place, Id::unique("MIDI file"), Sense::hover())
                .on_hover_text("It goes on from the end of a file.");
            if is_pressed {
                self.choose_file(Purpose::Phrase, instance);
            }
        }
    }
}
