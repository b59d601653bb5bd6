//! `sympathy configure --window`: the same table as the interview's, all of it in sight.

use crate::{
    cli::{error::CliError, window},
    editor::{Hyperparameters, Mode, fonts},
    hyperparameters::{Excerpt, PRESETS, Preset},
};
use egui_baseview::{App, Frame, baseview::HandlerError};
use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

struct Window {
    page: Hyperparameters,
    /// What was written last.
    written: Arc<Mutex<Option<PathBuf>>>,
}

impl App for Window {
    fn build(&mut self, egui: egui::Context, _: &mut Frame) -> Result<(), HandlerError> {
        egui.set_fonts(fonts());
        Ok(())
    }

    fn ui(&mut self, ui: &mut egui::Ui, frame: &mut Frame) {
        let goes_on = self.page.show_alone(ui, Mode::Dark);
        if let Some(path) = self.page.written() {
            *self.written.lock().unwrap_or_else(PoisonError::into_inner) = Some(path.into());
        }
        if !goes_on {
            frame.baseview_window().request_close();
        }
    }
}

/// Shows the window until it is closed. Returns what was written last, if anything was.
///
/// # Errors
/// Why there is no window.
pub fn run(preset: Option<&Preset>, files: Vec<Excerpt>, out: Option<&Path>) -> Result<Option<PathBuf>, CliError> {
    let mut page = Hyperparameters::new(std::env::current_dir().unwrap_or_default());
    if let Some(index) = preset.and_then(|preset| PRESETS.iter().position(|other| other == preset)) {
        page.begin_with(index);
    }
    files.into_iter().for_each(|excerpt| page.add_excerpt(excerpt));
    if let Some(out) = out {
        page.write_to(out);
    }
    let written: Arc<Mutex<Option<PathBuf>>> = Arc::default();
    window::show("Sympathy", Window { page, written: Arc::clone(&written) })?;
    let mut written = written.lock().unwrap_or_else(PoisonError::into_inner);
    Ok(written.take())
}
