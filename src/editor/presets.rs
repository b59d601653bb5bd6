//! Presets: those of the factory and those of the user's folder, to be loaded, saved, and compared.

use super::instance::Instance;
use crate::control::{
    ParamId, ParamValues, Preset,
    preset::{EXTENSION, HasPresets},
    values::{Kind, SPECS, by_group},
};
use crate::model::folder::USER_SLOTS;
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
pub(super) struct Entry {
    /// What it is called.
    pub name: String,
    /// What it does, or why it cannot be loaded.
    pub description: String,
    /// The user's.
    pub is_own: bool,
    /// The preset, if it can be loaded.
    pub preset: Option<Preset>,
}

/// The list, and the two sides of a comparison.
#[derive(Debug, Default)]
pub(super) struct Presets {
    pub entries: Vec<Entry>,
    /// The one that was loaded last.
    pub current: Option<usize>,
    /// The values of the side that is not heard.
    other: Option<ParamValues>,
    /// B is heard.
    pub is_b: bool,
    /// What is typed as the name to save under.
    pub name: String,
    /// What became of the last saving or loading.
    pub message: Option<String>,
}

impl Presets {
    /// Reads the list anew.
    pub fn read(&mut self, folder: Option<&Path>) {
        let loaded =
            self.current.and_then(|index| self.entries.get(index)).map(|entry| (entry.name.clone(), entry.is_own));
        let entry = |preset: Preset, is_own| Entry {
            name: preset.name.clone(),
            description: preset.description.clone(),
            is_own,
            preset: Some(preset),
        };
        self.entries = Preset::factory().map(|(_, preset)| entry(preset, false)).collect();
        for path in folder.map(files).unwrap_or_default() {
            let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            self.entries.push(match Preset::find(&path.to_string_lossy()) {
                Ok(preset) => entry(preset, true),
                Err(error) => Entry { name: stem, description: error.to_string(), is_own: true, preset: None },
            });
        }
        self.current = loaded.and_then(|loaded| {
            self.entries.iter().position(|entry| (entry.name.as_str(), entry.is_own) == (&loaded.0, loaded.1))
        });
    }

    /// What to show as the one that is loaded.
    pub fn title(&self, values: &ParamValues) -> String {
        let Some(entry) = self.current.and_then(|index| self.entries.get(index)) else {
            return "none".into();
        };
        let is_changed =
            entry.preset.as_ref().is_some_and(|own| differs(&own.values_over(|id| values.get(id)), values));
        format!("{}{}", entry.name, if is_changed { " *" } else { "" })
    }

    /// Loads one; says so if its model is not there.
    pub fn load(&mut self, index: usize, instance: &mut dyn Instance) {
        let Some(entry) = self.entries.get(index) else { return };
        let Some(preset) = &entry.preset else {
            self.message = Some(entry.description.clone());
            return;
        };
        let values = preset.values_over(|id| instance.value(id));
        instance.apply(&values);
        self.current = Some(index);
        self.message = instance.registry().missing(preset);
    }

    /// Loads the next one that can be loaded, or the one before.
    pub fn step(&mut self, forward: bool, instance: &mut dyn Instance) {
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
    pub fn swap(&mut self, instance: &mut dyn Instance) {
        let now = instance.values();
        if let Some(other) = self.other.replace(now) {
            instance.apply(&other);
        }
        self.is_b = !self.is_b;
    }

    /// Saves the values under the name that is typed. No file is ever replaced.
    pub fn save(&mut self, folder: Option<&Path>, values: &ParamValues) {
        let name = self.name.trim().to_owned();
        self.message = Some(match written(folder, &name, values) {
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
fn differs(one: &ParamValues, other: &ParamValues) -> bool {
    let set = by_group().filter(|spec| !spec.kind.is_trigger());
    set.map(|spec| spec.id).any(|id| (one.get(id) - other.get(id)).abs() > 1e-4 * (1.0 + one.get(id).abs()))
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let paths = entries.flatten().take(MAX_FILES).map(|entry| entry.path());
    let mut files: Vec<PathBuf> =
        paths.filter(|path| path.extension().is_some_and(|end| end == EXTENSION) && path.is_file()).collect();
    files.sort();
    files
}

fn written(folder: Option<&Path>, name: &str, values: &ParamValues) -> Result<PathBuf, String> {
    let folder = folder.ok_or("This system has no folder for presets.")?;
    let is_plain = |c: char| c.is_alphanumeric() || " -_.,'()&+".contains(c);
    if name.is_empty() || name.len() > MAX_NAME || !name.chars().all(is_plain) || name.starts_with('.') {
        return Err(format!("A preset needs a name of letters, digits and spaces, at most {MAX_NAME}."));
    }
    let path = folder.join(format!("{name}.{EXTENSION}"));
    // A slot of the user's is another model in another project.
    let is_own = |id| USER_SLOTS.contains(&(values.get(id) as u8));
    let is_left_out = |id, kind: Kind| kind.is_trigger() || (ParamId::MODELS.contains(&id) && is_own(id));
    let left_out: Vec<ParamId> =
        SPECS.iter().filter(|spec| is_left_out(spec.id, spec.kind)).map(|spec| spec.id).collect();
    let preset: Preset = Preset::of(name.into(), "Saved from the editor.".into(), values, &left_out, None);
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
