//! Presets: those of the factory and those of the user's folder, to be loaded, saved, and compared.

use super::{
    controls::{button, list_row, named_button, wide_button},
    instance::ParamHost,
    theme::{self, Theme, space},
};
use crate::control::{
    PresetOf,
    preset::{EXTENSION, HasPresets},
    values::ParamSpec,
};
use crate::model::folder::USER_SLOTS;
use egui::{Align2, Key, Rect, ScrollArea, TextEdit, Ui, UiBuilder, pos2, vec2};
use std::{
    fs::File,
    io::{ErrorKind, Write},
    path::{Path, PathBuf},
};

/// Files of the folder that are looked at.
const MAX_FILES: usize = 1000;
/// Longest name that is saved.
const MAX_NAME: usize = 60;

/// A preset of the list.
#[derive(Clone, Debug)]
pub(super) struct Entry<Id: HasPresets> {
    /// What it is called.
    pub name: String,
    /// What it does, or why it cannot be loaded.
    pub description: String,
    /// The user's.
    pub is_own: bool,
    /// The preset, if it can be loaded.
    pub preset: Option<PresetOf<Id>>,
}

/// The list, and the two sides of a comparison.
#[derive(Debug)]
pub(super) struct Presets<Id: HasPresets> {
    pub entries: Vec<Entry<Id>>,
    /// The one that was loaded last.
    pub current: Option<usize>,
    /// The values of the side that is not heard.
    other: Option<Id::Values>,
    /// B is heard.
    pub is_b: bool,
    /// What is typed as the name to save under.
    pub name: String,
    /// What became of the last saving or loading.
    pub message: Option<String>,
}

impl<Id: HasPresets> Default for Presets<Id> {
    fn default() -> Self {
        let (entries, name) = (Vec::new(), String::new());
        Self { entries, current: None, other: None, is_b: false, name, message: None }
    }
}

impl<Id: HasPresets> Presets<Id> {
    /// Reads the list anew.
    pub fn read(&mut self, folder: Option<&Path>) {
        let loaded =
            self.current.and_then(|index| self.entries.get(index)).map(|entry| (entry.name.clone(), entry.is_own));
        let entry = |preset: PresetOf<Id>, is_own| Entry {
            name: preset.name.clone(),
            description: preset.description.clone(),
            is_own,
            preset: Some(preset),
        };
        self.entries = PresetOf::factory().map(|(_, preset)| entry(preset, false)).collect();
        for path in folder.map(files).unwrap_or_default() {
            let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            self.entries.push(match PresetOf::find(&path.to_string_lossy()) {
                Ok(preset) => entry(preset, true),
                Err(error) => Entry { name: stem, description: error.to_string(), is_own: true, preset: None },
            });
        }
        self.current = loaded.and_then(|loaded| {
            self.entries.iter().position(|entry| (entry.name.as_str(), entry.is_own) == (&loaded.0, loaded.1))
        });
    }

    /// What to show as the one that is loaded.
    pub fn title(&self, values: &Id::Values) -> String {
        let Some(entry) = self.current.and_then(|index| self.entries.get(index)) else {
            return "none".into();
        };
        let is_changed =
            entry.preset.as_ref().is_some_and(|own| differs::<Id>(&own.values_over(|id| id.value(values)), values));
        format!("{}{}", entry.name, if is_changed { " *" } else { "" })
    }

    /// Loads one; says so if its model is not there.
    pub fn load(&mut self, index: usize, instance: &mut (impl ParamHost<Id> + ?Sized)) {
        let Some(entry) = self.entries.get(index) else { return };
        let Some(preset) = &entry.preset else {
            self.message = Some(entry.description.clone());
            return;
        };
        let values = preset.values_over(|id| instance.value(id));
        instance.apply(&values);
        self.current = Some(index);
        self.message = instance.missing_model(preset);
    }

    /// Loads the next one that can be loaded, or the one before.
    pub fn step(&mut self, forward: bool, instance: &mut (impl ParamHost<Id> + ?Sized)) {
        let count = self.entries.len();
        let mut index = self.current;
        for _ in 0..count {
            let next = match (index, forward) {
                (None, true) => 0,
                (None, false) => count - 1,
                (Some(index), true) => (index + 1) % count,
                (Some(index), false) => (index + count - 1) % count,
            };
            index = Some(next);
            if self.entries[next].preset.is_some() {
                self.load(next, instance);
                return;
            }
        }
    }

    /// Changes sides: what is heard becomes the other side, and that is heard. The first time both are alike.
    pub fn swap(&mut self, instance: &mut (impl ParamHost<Id> + ?Sized)) {
        let now = instance.values();
        if let Some(other) = self.other.replace(now) {
            instance.apply(&other);
        }
        self.is_b = !self.is_b;
    }

    /// Saves the values under the name that is typed. No file is ever replaced.
    pub fn save(&mut self, folder: Option<&Path>, values: &Id::Values) {
        let name = self.name.trim().to_owned();
        self.message = Some(match written::<Id>(folder, &name, values) {
            Ok(path) => {
                self.name.clear();
                format!("Saved as {}.", path.display())
            }
            Err(reason) => reason,
        });
        self.read(folder);
        if let Some(index) = self.entries.iter().position(|entry| entry.is_own && entry.name == name) {
            self.current = Some(index);
        }
    }
}

/// Whether two differ in what a preset sets.
fn differs<Id: HasPresets>(one: &Id::Values, other: &Id::Values) -> bool {
    let set = Id::specs().iter().filter(|spec| !spec.kind.is_trigger());
    set.map(|spec| spec.id).any(|id| (id.value(one) - id.value(other)).abs() > 1e-4 * (1.0 + id.value(one).abs()))
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let paths = entries.flatten().take(MAX_FILES).map(|entry| entry.path());
    let mut files: Vec<PathBuf> =
        paths.filter(|path| path.extension().is_some_and(|end| end == EXTENSION) && path.is_file()).collect();
    files.sort();
    files
}

fn written<Id: HasPresets>(folder: Option<&Path>, name: &str, values: &Id::Values) -> Result<PathBuf, String> {
    let folder = folder.ok_or("This system has no folder for presets.")?;
    let is_plain = |c: char| c.is_alphanumeric() || " -_.,'()&+".contains(c);
    if name.is_empty() || name.len() > MAX_NAME || !name.chars().all(is_plain) || name.starts_with('.') {
        return Err(format!("A preset needs a name of letters, digits and spaces, at most {MAX_NAME}."));
    }
    let path = folder.join(format!("{name}.{EXTENSION}"));
    // A slot of the user's is another model in another project.
    let is_own = |id: Id| USER_SLOTS.contains(&(id.value(values) as u8));
    let is_left_out =
        |spec: &&ParamSpec<Id>| spec.kind.is_trigger() || (Id::MODELS.contains(&spec.id) && is_own(spec.id));
    let left_out: Vec<Id> = Id::specs().iter().filter(is_left_out).map(|spec| spec.id).collect();
    let preset: PresetOf<Id> = PresetOf::of(name.into(), "Saved from the editor.".into(), values, &left_out, None);
    let text = preset.to_json();
    std::fs::create_dir_all(folder).map_err(|error| format!("{}: cannot be made: {error}", folder.display()))?;
    let there = || format!("There is a preset of that name already ({}). Choose another one.", path.display());
    let unwritten = |error| format!("{}: cannot be written: {error}", path.display());
    let mut file = match File::create_new(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::AlreadyExists => return Err(there()),
        Err(error) => return Err(unwritten(error)),
    };
    if let Err(error) = file.write_all(text.as_bytes()).and_then(|()| file.sync_all()) {
        // Half a preset is none.
        let _ = std::fs::remove_file(&path);
        return Err(unwritten(error));
    }
    Ok(path)
}

/// Draws the page of presets; true once it is to be closed.
pub(super) fn show<Id: HasPresets>(
    ui: &mut Ui,
    rect: Rect,
    presets: &mut Presets<Id>,
    instance: &mut (impl ParamHost<Id> + ?Sized),
    theme: &Theme,
) -> bool {
    let inside = rect.shrink(space::MEDIUM);
    ui.painter().text(inside.left_top(), Align2::LEFT_TOP, "Presets", theme::title(), theme.text);
    let close = Rect::from_min_size(inside.right_top() - vec2(80.0, 0.0), vec2(80.0, 26.0));
    let is_closed = button(ui, close, "Close", false, theme);
    let name = Rect::from_min_size(inside.left_top() + vec2(110.0, 0.0), vec2(260.0, 26.0));
    let field = TextEdit::singleline(&mut presets.name)
        .hint_text("Name of a new preset")
        .font(theme::body())
        .align(Align2::LEFT_CENTER);
    let typed = ui.put(name, field);
    let save = Rect::from_min_size(name.right_top() + vec2(space::SMALL, 0.0), vec2(70.0, 26.0));
    let entered = typed.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter));
    if button(ui, save, "Save", false, theme) || entered {
        let values = instance.values();
        presets.save(instance.presets_folder().as_deref(), &values);
    }
    let body = Rect::from_min_max(pos2(inside.left(), inside.top() + 36.0), inside.max);
    let mut chosen = None;
    ui.scope_builder(UiBuilder::new().max_rect(body), |ui| {
        ScrollArea::vertical().id_salt("presets").auto_shrink(false).show(ui, |ui| {
            for (index, entry) in presets.entries.iter().enumerate() {
                if preset_row(ui, index, entry, presets.current == Some(index), theme) {
                    chosen = Some(index);
                }
            }
        });
    });
    if let Some(index) = chosen {
        presets.load(index, instance);
    }
    is_closed
}

fn preset_row<Id: HasPresets>(ui: &mut Ui, index: usize, entry: &Entry<Id>, is_current: bool, theme: &Theme) -> bool {
    let (rect, is_chosen) = list_row(ui, ("preset", index), &entry.name, is_current, theme);
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

/// The buttons of the header that choose a preset and compare two, each at the next place of its width; `width`: that of the name. True
/// if the list is to be opened or closed.
pub(super) fn show_buttons<Id: HasPresets>(
    ui: &mut Ui,
    mut next: impl FnMut(f32) -> Rect,
    width: f32,
    presets: &mut Presets<Id>,
    instance: &mut (impl ParamHost<Id> + ?Sized),
    is_open: bool,
    theme: &Theme,
) -> bool {
    if named_button(ui, next(28.0), "◀", "Previous Preset", theme) {
        presets.step(false, instance);
    }
    let title = presets.title(&instance.values());
    let is_pressed = wide_button(ui, next(width), "Preset", &title, is_open, theme);
    if is_pressed {
        presets.read(instance.presets_folder().as_deref());
    }
    if named_button(ui, next(28.0), "▶", "Next Preset", theme) {
        presets.step(true, instance);
    }
    let side = if presets.is_b { "B" } else { "A" };
    if named_button(ui, next(34.0), side, "Compare A and B", theme) {
        presets.swap(instance);
    }
    is_pressed
}
