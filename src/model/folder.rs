//! The folder in which people keep models of their own, and the slots that these have.

use std::{
    ops::RangeInclusive,
    path::{Path, PathBuf},
};

/// The environment variable that names another models folder.
pub const MODELS_FOLDER_VARIABLE: &str = "SYMPATHY_MODELS";
/// Slots of people's own models: the files of the folder have them in the order of their names.
pub const USER_SLOTS: RangeInclusive<u8> = 64..=127;

/// How model files end.
const EXTENSION: &str = "safetensors";
/// Files of the models folder that are looked at; a folder with more is not one of models.
const MAX_FILES: usize = 4096;
/// Levels of folders that are looked into.
const DEEPEST_LEVEL: usize = 4;

/// The folder in which the user keeps models: `SYMPATHY_MODELS`, or `sympathy/models` in the system's folder for data.
#[cfg(any(feature = "plugin", feature = "cli"))]
pub fn models_folder() -> Option<PathBuf> {
    match std::env::var_os(MODELS_FOLDER_VARIABLE) {
        Some(folder) if !folder.is_empty() => Some(folder.into()),
        _ => directories::BaseDirs::new().map(|folders| folders.data_dir().join("sympathy").join("models")),
    }
}

/// The model files in a folder and the folders in it, by name. A folder that cannot be read holds none.
pub fn model_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    collect(folder, DEEPEST_LEVEL, &mut files);
    files.sort();
    files
}

fn collect(folder: &Path, levels: usize, files: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return;
    };
    for entry in entries.flatten().take(MAX_FILES) {
        let path = entry.path();
        // Links to folders are not followed: they may lead in circles.
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        if is_folder && levels > 1 {
            collect(&path, levels - 1, files);
        } else if files.len() < MAX_FILES && path.extension().is_some_and(|end| end == EXTENSION) && path.is_file() {
            files.push(path);
        }
    }
}
