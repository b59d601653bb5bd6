//! The hyperparameters of a training (Pfalz 2018, 6.1.2): a preset, every value with its meaning, what differs in the end, and the
//! same file as `sympathy configure` writes.

use super::{
    controls::{button, list_row},
    files::{self, Files, Purpose},
    instance::data_folder,
    job::Superseded,
    theme::{self, Mode, Theme, space},
};
use crate::hyperparameters::{
    Draft, Excerpt, Field, Group, Kind, LISTENING_PRESETS, PRESETS, Problem, default_place, excerpt, expected_time,
    parse, shown, train_command, write,
};
use egui::{Align2, ComboBox, Id, Key, Rect, Role, ScrollArea, Sense, TextEdit, Ui, UiBuilder, WidgetInfo, pos2, vec2};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::ErrorKind,
    path::{Path, PathBuf},
};

const TABS_WIDTH: f32 = 170.0;
/// Of the right-hand part of a row, in which its value is changed.
const VALUE_WIDTH: f32 = 330.0;
/// Of what the file is to be called, and what is wrong, below the rows.
const FOOT: f32 = 96.0;
const LINE: f32 = 26.0;

/// What is shown of the configuration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Tab {
    #[default]
    Preset,
    Fields(Group),
    Summary,
}

impl Tab {
    fn title(self) -> String {
        match self {
            Self::Preset => "Preset".into(),
            Self::Fields(group) => with_capital(group.title()),
            Self::Summary => "Summary".into(),
        }
    }
}

/// What came of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Nothing.
    Open,
    /// It was closed.
    Closed,
    /// A recording is to be chosen.
    Choose,
}

/// What a row shows of a field: found when something changes, since it takes a millisecond for all.
#[derive(Clone, Debug)]
struct Row {
    field: &'static Field,
    text: String,
    /// The preset's, where it differs.
    base: Option<String>,
    rule: Option<String>,
}

/// The configuration while it is made: a page of the editor, or a window of its own.
#[derive(Debug)]
pub struct Hyperparameters {
    preset: usize,
    draft: Draft,
    tab: Tab,
    rows: Vec<Row>,
    problems: Vec<Problem>,
    /// What is being typed, by the field.
    typed: BTreeMap<&'static str, String>,
    /// Why it was not taken.
    mistakes: BTreeMap<&'static str, String>,
    /// The field that a recording is chosen for.
    wanted: &'static str,
    /// Where to write, once somebody has typed it.
    place: Option<String>,
    /// The folder of a file without one.
    folder: PathBuf,
    /// The list of files, while it is open in a window of its own.
    files: Option<Files>,
    superseded: Superseded,
    /// What became of the last saving.
    message: Option<Result<PathBuf, String>>,
}

/// The field of the recordings that are learned from.
const MATERIAL: &str = "files";

impl Hyperparameters {
    /// From the first preset. A file goes into `folder` as long as no recording says better.
    pub fn new(folder: PathBuf) -> Self {
        let mut page = Self {
            preset: 0,
            draft: Draft::of(&PRESETS[0]).unwrap_or_default(),
            tab: Tab::Preset,
            rows: Vec::new(),
            problems: Vec::new(),
            typed: BTreeMap::new(),
            mistakes: BTreeMap::new(),
            wanted: MATERIAL,
            place: None,
            folder,
            files: None,
            superseded: Superseded::default(),
            message: None,
        };
        page.look_again();
        page
    }

    /// Another place for the file.
    pub fn write_to(&mut self, place: &Path) {
        self.place = Some(place.display().to_string());
    }

    /// Begins with another preset; the recordings and the name stay.
    pub fn begin_with(&mut self, preset: usize) {
        let Some(mut draft) = PRESETS.get(preset).and_then(|preset| Draft::of(preset).ok()) else { return };
        draft.config.files.clone_from(&self.draft.config.files);
        if self.draft.config.name != self.draft.base.name {
            draft.config.name.clone_from(&self.draft.config.name);
        }
        (self.preset, self.draft) = (preset, draft);
        self.typed.clear();
        self.mistakes.clear();
        self.look_again();
    }

    /// Learns from a part of a recording, too.
    pub fn add_excerpt(&mut self, excerpt: Excerpt) {
        self.add(MATERIAL, excerpt);
    }

    /// Takes a recording for the field that asked for it, or to learn from it.
    pub(super) fn add_recording(&mut self, path: PathBuf) {
        let key = std::mem::replace(&mut self.wanted, MATERIAL);
        self.add(key, Excerpt { path, ..Excerpt::default() });
    }

    /// No recording was chosen for the field that asked for one.
    pub(super) fn wants_none(&mut self) {
        self.wanted = MATERIAL;
    }

    /// What was written last.
    pub fn written(&self) -> Option<&Path> {
        self.message.as_ref()?.as_deref().ok()
    }

    fn add(&mut self, key: &'static str, excerpt: Excerpt) {
        let Some(field) = Field::by_key(key) else { return };
        let mut excerpts: Vec<Excerpt> = serde_json::from_value(field.value(&self.draft.config)).unwrap_or_default();
        if !excerpts.contains(&excerpt) {
            excerpts.push(excerpt);
        }
        self.set(field, json!(excerpts));
        self.draft.name_after_recording();
        self.look_again();
    }

    fn set(&mut self, field: &'static Field, value: Value) {
        match field.with_value(&self.draft.config, value) {
            Ok(config) => {
                self.draft.config = config;
                self.mistakes.remove(field.key);
                self.typed.remove(field.key);
                self.look_again();
            }
            Err(problem) => {
                self.mistakes.insert(field.key, format!("Expected {}, found {}.", problem.rule, problem.value));
            }
        }
    }

    /// Reads what was typed for a field.
    fn take(&mut self, field: &'static Field, text: &str) {
        if field.kind == Kind::Recordings {
            match excerpt(text) {
                Ok(excerpt) => {
                    self.typed.remove(field.key);
                    self.mistakes.remove(field.key);
                    self.add(field.key, excerpt);
                }
                Err(rule) => drop(self.mistakes.insert(field.key, format!("Expected {rule}."))),
            }
            return;
        }
        match parse(field, text) {
            Ok(value) => self.set(field, value),
            Err(rule) => drop(self.mistakes.insert(field.key, format!("Expected {rule}, found {text:?}."))),
        }
    }

    fn look_again(&mut self) {
        let config = &self.draft.config;
        let row = |field: &'static Field| {
            let (value, base) = (field.value(config), field.value(&self.draft.base));
            let base = (value != base).then(|| shown(&base));
            Row { field, text: shown(&value), base, rule: field.rule(config) }
        };
        self.rows = Field::all().iter().filter(|field| (field.applies)(config)).map(row).collect();
        self.problems = config.problems();
        self.message = None;
    }

    /// That of the first recording, or the usual one.
    fn folder(&self) -> &Path {
        let beside = self.draft.config.files.first().and_then(|file| file.path.parent());
        beside.filter(|folder| folder.is_absolute()).unwrap_or(&self.folder)
    }

    /// Where the file goes: beside the first recording, called as the model.
    fn place(&self) -> String {
        let proposed = || self.folder().join(default_place(&self.draft.config.name)).display().to_string();
        self.place.clone().unwrap_or_else(proposed)
    }

    fn save(&mut self) {
        // A name alone means the folder that was proposed, not the one that the host runs in.
        self.message = Some(written(&self.draft, &self.folder().join(self.place().trim())));
    }

    /// Draws it over a whole window, with the list of files when one is to be chosen. Returns false when it is to be closed.
    pub fn show_alone(&mut self, ui: &mut Ui, mode: Mode) -> bool {
        let theme = Theme::of(mode);
        theme::apply(ui.ctx(), mode, false);
        let whole = ui.ctx().content_rect();
        ui.painter().rect_filled(whole, 0.0, theme.panel);
        let rect = whole.shrink(space::SMALL);
        let dropped = ui.input(|input| input.raw.dropped_files.clone());
        dropped.iter().for_each(|file| self.add_recording(file.path().to_path_buf()));
        if let Some(files) = &mut self.files {
            match files.show(ui, rect, theme) {
                files::Outcome::Open => return true,
                files::Outcome::Left => self.wants_none(),
                files::Outcome::Chosen(path) => self.add_recording(path),
            }
            if let Some(files) = self.files.take() {
                files.close(&mut self.superseded);
            }
            return true;
        }
        match self.show(ui, rect, theme) {
            Outcome::Open => true,
            Outcome::Closed => false,
            Outcome::Choose => {
                self.files = Some(Files::open(Purpose::Material, None, data_folder()));
                true
            }
        }
    }

    /// Draws it as a page.
    pub(super) fn show(&mut self, ui: &mut Ui, rect: Rect, theme: &Theme) -> Outcome {
        let mut outcome = Outcome::Open;
        let inside = rect.shrink(space::MEDIUM);
        ui.painter().text(inside.left_top(), Align2::LEFT_TOP, "Train a model", theme::title(), theme.text);
        let about = "Hyperparameters for sympathy train: begin with a preset, change what you like, save.";
        ui.painter().text(inside.left_top() + vec2(150.0, 5.0), Align2::LEFT_TOP, about, theme::small(), theme.dim);
        let close = Rect::from_min_size(inside.right_top() - vec2(80.0, 0.0), vec2(80.0, LINE));
        if button(ui, close, "Close", false, theme) {
            outcome = Outcome::Closed;
        }
        let body = Rect::from_min_max(pos2(inside.left(), inside.top() + 36.0), inside.max);
        self.show_tabs(ui, body.with_max_x(body.left() + TABS_WIDTH), theme);
        let right = body.with_min_x(body.left() + TABS_WIDTH + space::MEDIUM);
        let (list, foot) = right.split_top_bottom_at_y(right.bottom() - FOOT);
        ui.scope_builder(UiBuilder::new().max_rect(list), |ui| {
            ScrollArea::vertical().id_salt(("hyperparameters", self.tab.title())).auto_shrink(false).show(ui, |ui| {
                match self.tab {
                    Tab::Preset => self.show_presets(ui, theme),
                    Tab::Fields(group) => {
                        if self.show_fields(ui, group, theme) {
                            outcome = Outcome::Choose;
                        }
                    }
                    Tab::Summary => self.show_summary(ui, theme),
                }
            });
        });
        self.show_foot(ui, foot, theme);
        outcome
    }

    fn show_tabs(&mut self, ui: &mut Ui, rect: Rect, theme: &Theme) {
        let fields = Group::ALL.into_iter().map(Tab::Fields);
        let tabs = std::iter::once(Tab::Preset).chain(fields).chain([Tab::Summary]);
        let shown: Vec<Tab> = tabs.filter(|tab| self.has_rows(*tab)).collect();
        let now = self.tab;
        for (index, tab) in shown.into_iter().enumerate() {
            let place = Rect::from_min_size(rect.min + vec2(0.0, 32.0 * index as f32), vec2(rect.width(), 28.0));
            if button(ui, place, &tab.title(), tab == now, theme) {
                self.tab = tab;
            }
        }
    }

    fn has_rows(&self, tab: Tab) -> bool {
        match tab {
            Tab::Fields(group) => self.rows.iter().any(|row| row.field.group == group),
            Tab::Preset | Tab::Summary => true,
        }
    }

    fn show_presets(&mut self, ui: &mut Ui, theme: &Theme) {
        let mut chosen = None;
        for (index, preset) in PRESETS.iter().enumerate() {
            let (rect, is_chosen) = list_row(ui, ("training preset", index), preset.name, index == self.preset, theme);
            let painter = ui.painter_at(rect);
            let y = rect.center().y;
            painter.text(pos2(rect.left() + 12.0, y), Align2::LEFT_CENTER, preset.name, theme::body(), theme.text);
            let more = preset.description;
            painter.text(pos2(rect.left() + 190.0, y), Align2::LEFT_CENTER, more, theme::small(), theme.dim);
            painter.text(pos2(rect.right() - 8.0, y), Align2::RIGHT_CENTER, preset.time(), theme::small(), theme.dim);
            if is_chosen {
                chosen = Some(index);
            }
        }
        if let Some(index) = chosen {
            self.begin_with(index);
        }
        ui.add_space(space::MEDIUM);
        ui.colored_label(theme.text, "A model that listens to you has fewer hyperparameters, and needs no file:");
        for preset in LISTENING_PRESETS {
            let from = if preset.name == "personal" { " --from guitar" } else { "" };
            let line = format!("sympathy train FOLDER --preset {}{from} --out mine.safetensors", preset.name);
            ui.colored_label(theme.dim, format!("{line}: {}", preset.description));
        }
    }

    /// Returns true if a recording is to be chosen.
    fn show_fields(&mut self, ui: &mut Ui, group: Group, theme: &Theme) -> bool {
        let mut chooses = false;
        let rows: Vec<Row> = self.rows.iter().filter(|row| row.field.group == group).cloned().collect();
        for row in rows {
            let key = row.field.key;
            let excerpts: Vec<Excerpt> = match row.field.kind {
                Kind::Recordings => serde_json::from_value(row.field.value(&self.draft.config)).unwrap_or_default(),
                _ => Vec::new(),
            };
            let meaning_width = ui.available_width() - VALUE_WIDTH - 2.0 * space::MEDIUM;
            let small = |text: String, colour| ui.painter().layout(text, theme::small(), colour, meaning_width);
            let meaning = small(sentence(row.field.meaning), theme.dim);
            let mistake = self.mistakes.get(key).map(|mistake| small(format!("▲ {mistake}"), theme.alarm));
            let base = row.base.as_ref().filter(|_| row.field.kind != Kind::Recordings);
            let base = base.map(|base| small(format!("The preset's value: {base}"), theme.accent));
            let below: f32 = [&mistake, &base].into_iter().flatten().map(|galley| galley.size().y + 2.0).sum();
            let height = (22.0 + meaning.size().y + below).max(36.0 + LINE * excerpts.len() as f32) + 8.0;
            let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), height), Sense::hover());
            let response = ui.interact(rect, Id::unique(("hyperparameter row", key)), Sense::hover());
            let words = match self.mistakes.get(key) {
                Some(mistake) => format!("{key}: {mistake}"),
                None => key.to_owned(),
            };
            response.widget_info(|| WidgetInfo::labeled(Role::Label, true, &words));
            let painter = ui.painter_at(rect);
            painter.hline(rect.x_range(), rect.bottom() - 1.0, egui::Stroke::new(1.0, theme.raised));
            let name =
                painter.text(rect.left_top() + vec2(0.0, 3.0), Align2::LEFT_TOP, key, theme::strong(), theme.text);
            if let Some(rule) = &row.rule {
                let at = name.right_top() + vec2(10.0, 2.0);
                painter.text(at, Align2::LEFT_TOP, rule, theme::small(), theme.dim);
            }
            let mut y = rect.top() + 22.0;
            for galley in [Some(meaning), mistake, base].into_iter().flatten() {
                let step = galley.size().y + 2.0;
                painter.galley(pos2(rect.left(), y), galley, theme.dim);
                y += step;
            }
            let place =
                Rect::from_min_size(pos2(rect.right() - VALUE_WIDTH, rect.top() + 4.0), vec2(VALUE_WIDTH - 12.0, LINE));
            // A child: what is put into it does not move the next row.
            let mut child = ui.new_child(UiBuilder::new().id_salt(("hyperparameter value", key)).max_rect(place));
            chooses |= self.show_value(&mut child, place, &row, &excerpts, theme);
            if let Some(more) = row.field.more() {
                response.on_hover_text_at_pointer(more);
            }
        }
        chooses
    }

    /// The right-hand part of a row. Returns true if a recording is to be chosen.
    fn show_value(&mut self, ui: &mut Ui, rect: Rect, row: &Row, excerpts: &[Excerpt], theme: &Theme) -> bool {
        let field = row.field;
        match field.kind {
            Kind::Switch => {
                for (index, (text, on)) in [("No", false), ("Yes", true)].into_iter().enumerate() {
                    let place = Rect::from_min_size(rect.min + vec2(64.0 * index as f32, 0.0), vec2(60.0, LINE));
                    if button(ui, place, text, (row.text == "yes") == on, theme) {
                        self.set(field, json!(on));
                    }
                }
            }
            Kind::Choice(names) => {
                let mut chosen = None;
                let list = |ui: &mut Ui| {
                    let combo = ComboBox::from_id_salt(field.key).selected_text(&row.text).width(rect.width());
                    let response = combo.show_ui(ui, |ui| {
                        for (name, meaning) in names {
                            if ui.selectable_label(row.text == *name, *name).on_hover_text(*meaning).clicked() {
                                chosen = Some(*name);
                            }
                        }
                    });
                    response.response
                };
                ui.scope_builder(UiBuilder::new().max_rect(rect), list);
                if let Some(name) = chosen {
                    self.set(field, json!(name));
                }
            }
            Kind::Recordings => return self.show_recordings(ui, rect, field, excerpts, theme),
            _ => self.show_text(ui, rect, field, &row.text),
        }
        false
    }

    /// A field of text: what is typed counts once it is left.
    fn show_text(&mut self, ui: &mut Ui, rect: Rect, field: &'static Field, text: &str) {
        let mut typed = self.typed.get(field.key).cloned().unwrap_or_else(|| text.to_owned());
        let edit = TextEdit::singleline(&mut typed)
            .id_salt(("hyperparameter", field.key))
            .hint_text(if field.kind == Kind::Recordings { "take.wav, or take.wav 10-40" } else { "" })
            .font(theme::body())
            .align(Align2::LEFT_CENTER);
        let response = ui.put(rect, edit);
        response.widget_info(|| WidgetInfo::labeled(Role::TextInput, true, field.key));
        if response.changed() {
            self.typed.insert(field.key, typed.clone());
        }
        if response.lost_focus() && self.typed.contains_key(field.key) {
            if ui.input(|input| input.key_pressed(Key::Escape)) {
                self.typed.remove(field.key);
                self.mistakes.remove(field.key);
            } else {
                self.take(field, &typed);
            }
        }
    }

    fn show_recordings(
        &mut self,
        ui: &mut Ui,
        rect: Rect,
        field: &'static Field,
        excerpts: &[Excerpt],
        theme: &Theme,
    ) -> bool {
        for (index, excerpt) in excerpts.iter().enumerate() {
            let place = rect.translate(vec2(0.0, LINE * index as f32));
            let text = shown(&json!(excerpt));
            let name = place.with_max_x(place.right() - 34.0);
            // The end of a path says most.
            let painter = ui.painter_at(name);
            let galley = painter.layout_no_wrap(text, theme::small(), theme.text);
            let x = name.left().min(name.right() - galley.size().x);
            painter.galley(pos2(x, name.center().y - 0.5 * galley.size().y), galley, theme.text);
            let remove = Rect::from_min_size(pos2(place.right() - 28.0, place.top() + 1.0), vec2(28.0, LINE - 4.0));
            if button(ui, remove, "×", false, theme) {
                let left: Vec<&Excerpt> = excerpts.iter().filter(|other| *other != excerpt).collect();
                self.set(field, json!(left));
            }
        }
        let line = rect.translate(vec2(0.0, LINE * excerpts.len() as f32));
        self.show_text(ui, line.with_max_x(line.right() - 84.0), field, "");
        let choose = Rect::from_min_size(pos2(line.right() - 78.0, line.top()), vec2(78.0, LINE));
        let is_chosen = button(ui, choose, "Choose…", false, theme);
        if is_chosen {
            self.wanted = field.key;
        }
        is_chosen
    }

    fn show_summary(&mut self, ui: &mut Ui, theme: &Theme) {
        let changed = self.rows.iter().filter(|row| row.base.is_some()).count();
        let preset = PRESETS.get(self.preset).map_or("", |preset| preset.name);
        ui.colored_label(
            theme.text,
            format!("Preset {preset}; {changed} of {} values differ from it.", self.rows.len()),
        );
        for group in Group::ALL {
            let rows: Vec<&Row> = self.rows.iter().filter(|row| row.field.group == group).collect();
            if rows.is_empty() {
                continue;
            }
            ui.add_space(space::SMALL);
            ui.label(egui::RichText::new(with_capital(group.title())).font(theme::strong()));
            for row in rows {
                let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), 19.0), Sense::hover());
                let painter = ui.painter_at(rect);
                let colour = if row.base.is_some() { theme.accent } else { theme.dim };
                let mark = if row.base.is_some() { "● " } else { "" };
                let name = format!("{mark}{}", row.field.key);
                painter.text(rect.left_center() + vec2(8.0, 0.0), Align2::LEFT_CENTER, name, theme::small(), colour);
                let value = match &row.base {
                    Some(base) => format!("{}   (the preset: {base})", row.text),
                    None => row.text.clone(),
                };
                painter.text(
                    rect.left_center() + vec2(240.0, 0.0),
                    Align2::LEFT_CENTER,
                    value,
                    theme::small(),
                    theme.text,
                );
            }
        }
    }

    fn show_foot(&mut self, ui: &mut Ui, rect: Rect, theme: &Theme) {
        ui.painter().hline(rect.x_range(), rect.top() + 4.0, egui::Stroke::new(1.0, theme.line));
        let line = Rect::from_min_size(rect.min + vec2(0.0, 12.0), vec2(rect.width(), LINE));
        let mut place = self.place();
        let save = Rect::from_min_size(pos2(line.right() - 80.0, line.top()), vec2(80.0, LINE));
        let field = line.with_max_x(save.left() - space::SMALL);
        let edit = TextEdit::singleline(&mut place)
            .id_salt("place of the file")
            .font(theme::body())
            .align(Align2::LEFT_CENTER);
        let response = ui.put(field, edit);
        response.widget_info(|| WidgetInfo::labeled(Role::TextInput, true, "Save as"));
        if response.changed() {
            self.place = Some(place);
            self.message = None;
        }
        if button(ui, save, "Save", self.problems.is_empty(), theme) {
            self.save();
        }
        let below = Rect::from_min_max(pos2(rect.left(), line.bottom() + 4.0), rect.max);
        let copied = match &self.message {
            Some(Ok(path)) => {
                let command = train_command(path);
                paragraph(
                    ui,
                    below.with_max_x(below.right() - 90.0),
                    &format!("Saved. Train with it:  {command}"),
                    theme.text,
                );
                let copy = Rect::from_min_size(pos2(below.right() - 80.0, below.top()), vec2(80.0, LINE));
                button(ui, copy, "Copy", false, theme).then_some(command)
            }
            Some(Err(reason)) => {
                paragraph(ui, below, &format!("▲ {reason}"), theme.alarm);
                None
            }
            None => {
                let (text, colour) = match &self.problems[..] {
                    [] => (self.time(), theme.dim),
                    [problem] if problem.field == MATERIAL => {
                        ("Under material, choose a recording to learn from.".into(), theme.input)
                    }
                    problems => (problems.iter().map(|p| format!("▲ {p}")).collect::<Vec<_>>().join("\n"), theme.alarm),
                };
                paragraph(ui, below, &text, colour);
                None
            }
        };
        if let Some(command) = copied {
            ui.ctx().copy_text(command);
        }
    }

    fn time(&self) -> String {
        let config = &self.draft.config;
        sentence(&expected_time(config.epochs, config.max_steps, config.max_minutes))
    }
}

fn with_capital(text: &str) -> String {
    let mut letters = text.chars();
    let first: String = letters.next().into_iter().flat_map(char::to_uppercase).collect();
    format!("{first}{}", letters.as_str())
}

fn sentence(text: &str) -> String {
    format!("{}.", with_capital(text))
}

/// What the foot says.
fn paragraph(ui: &mut Ui, rect: Rect, text: &str, colour: egui::Color32) {
    let painter = ui.painter_at(rect);
    let galley = painter.layout(text.into(), theme::small(), colour, rect.width());
    painter.galley(rect.min, galley, colour);
    let response = ui.interact(rect, Id::unique("hyperparameters foot"), Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::Label, true, text));
}

/// Writes a file that is not there yet.
fn written(draft: &Draft, place: &Path) -> Result<PathBuf, String> {
    if let Some(problem) = draft.config.problems().first() {
        return Err(format!("Not saved: {problem}."));
    }
    if place.extension().is_none_or(|end| end != "json") {
        return Err(format!("{}: its name has to end in .json.", place.display()));
    }
    let unwritten = |error| format!("{}: cannot be written: {error}", place.display());
    if let Err(error) = File::create_new(place) {
        return Err(match error.kind() {
            ErrorKind::AlreadyExists => format!("{} is there already. Choose another name.", place.display()),
            _ => unwritten(error),
        });
    }
    write(&draft.config, place).map_err(|error| {
        // The name that was reserved.
        let _ = fs::remove_file(place);
        unwritten(error)
    })?;
    Ok(place.into())
}
