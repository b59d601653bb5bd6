//! The window of `sympathy play`: the plugin's editor, in front of the engine that the sound card plays.

use super::{
    console::{Heard, Shown},
    sound_card::SoundCard,
};
use crate::{
    cli::{error::CliError, terminal::say, window},
    control::{ParamId, ParamValues, Preset, text, values::SPECS},
    editor::{Activation, Edit, Instance, ParamHost, SettingsHost, SoundDevices, View, fonts, presets_folder},
    learn::job::Lessons,
    model::folder::USER_SLOTS,
    take::{TakeStatus, takes_folder},
    worker::{Clip, ClipSlot, ModelRegistry},
};
use egui_baseview::{App, Frame, baseview::HandlerError};
use std::{
    collections::VecDeque,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU32, Ordering},
        mpsc::{SyncSender, TrySendError},
    },
};

/// What becomes of what is played, beside sound.
pub struct Kept {
    /// The seed that was captured.
    pub clip_slot: Arc<ClipSlot>,
    /// Takes.
    pub takes: Arc<TakeStatus>,
    /// What learns from them.
    pub lessons: Arc<Lessons>,
}

/// The program behind the window. What is moved here goes the way of what is typed: through the console, which knows the values.
pub struct Outside {
    sender: SyncSender<Heard>,
    unsent: VecDeque<Heard>,
    shown: Shown,
    /// As they were moved here: the console follows a moment later.
    values: ParamValues,
    is_input_on: bool,
    /// What the console had when these were last compared.
    known: (ParamValues, bool),
    registry: Arc<ModelRegistry>,
    activation: Activation,
    kept: Kept,
    /// None without a sound card.
    sound: Option<Arc<Mutex<SoundCard>>>,
}

impl Outside {
    /// For a console that shows its values in `shown` and listens to `sender`.
    pub fn new(
        sender: SyncSender<Heard>,
        shown: Shown,
        registry: Arc<ModelRegistry>,
        activation: Activation,
        kept: Kept,
        sound: Option<Arc<Mutex<SoundCard>>>,
    ) -> Self {
        let known = *shown.lock().unwrap_or_else(PoisonError::into_inner);
        let (values, is_input_on) = known;
        Self { sender, unsent: VecDeque::new(), shown, values, is_input_on, known, registry, activation, kept, sound }
    }

    /// Takes over what was typed, and what controllers have moved.
    fn follow(&mut self) {
        let now = *self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        for spec in &SPECS {
            if now.0.get(spec.id) != self.known.0.get(spec.id) {
                self.values.set(spec.id, now.0.get(spec.id));
            }
        }
        if now.1 != self.known.1 {
            self.is_input_on = now.1;
        }
        self.known = now;
    }

    /// What finds no room is sent with a later picture: no picture waits for the console.
    fn send(&mut self, heard: Heard) {
        self.unsent.push_back(heard);
        while let Some(heard) = self.unsent.pop_front() {
            match self.sender.try_send(heard) {
                Ok(()) => {}
                Err(TrySendError::Full(heard)) => {
                    self.unsent.push_front(heard);
                    return;
                }
                // A console that has ended needs no more.
                Err(TrySendError::Disconnected(_)) => self.unsent.clear(),
            }
        }
    }
}

impl ParamHost<ParamId> for Outside {
    fn value(&self, id: ParamId) -> f32 {
        self.values.get(id)
    }

    fn edit(&mut self, id: ParamId, edit: Edit) {
        if let Edit::Set(value) = edit {
            self.values.set(id, value);
            self.send(Heard::Set(id, self.values.get(id)));
        }
    }

    fn text(&self, id: ParamId) -> String {
        match id {
            ParamId::Model | ParamId::MorphModel if self.value(id) >= 0.0 => self.registry.label(self.value(id) as u8),
            ParamId::LearnTake | ParamId::LearnRecord | ParamId::KeepLearnt => {
                format!("{}: {}", text::shown(id.spec(), self.value(id)), self.kept.lessons.text())
            }
            ParamId::Learn => {
                let told = self.activation.learning.text().map_or_else(String::new, |told| format!(": {told}"));
                format!("{}{told}", text::shown(id.spec(), self.value(id)))
            }
            _ => text::with_unit(id.spec(), self.value(id)),
        }
    }

    fn apply(&mut self, values: &ParamValues) {
        for spec in SPECS.iter().filter(|spec| !spec.kind.is_trigger()) {
            if self.values.get(spec.id) != values.get(spec.id) {
                self.edit(spec.id, Edit::Set(values.get(spec.id)));
            }
        }
    }

    fn missing_model(&self, preset: &Preset) -> Option<String> {
        self.registry.missing(preset)
    }

    fn presets_folder(&self) -> Option<PathBuf> {
        presets_folder::<ParamId>()
    }
}

impl SettingsHost for Outside {
    fn setting(&self, _key: &str) -> f32 {
        0.0
    }

    fn set_setting(&mut self, _key: &str, _value: f32) {}

    fn restart(&mut self) {}
}

impl Instance for Outside {
    fn has_settings(&self) -> bool {
        false
    }

    fn registry(&self) -> &Arc<ModelRegistry> {
        &self.registry
    }

    fn activation(&self) -> Option<Activation> {
        Some(self.activation.clone())
    }

    fn captured_seconds(&self) -> Option<f32> {
        Some(self.kept.clip_slot.get()?.seconds())
    }

    fn take_text(&self) -> Option<String> {
        self.kept.takes.text()
    }

    fn takes_folder(&self) -> Option<PathBuf> {
        takes_folder()
    }

    fn lessons(&self) -> Option<&Arc<Lessons>> {
        Some(&self.kept.lessons)
    }

    fn place_model(&mut self, missing: Option<u8>, path: &Path) -> Result<u8, String> {
        let taken = self.registry.slots();
        let free = USER_SLOTS.into_iter().find(|slot| !taken.contains(slot));
        let slot = missing.or(free).ok_or("All slots for models of your own are taken.")?;
        self.registry.set_file(slot, path.into());
        Ok(slot)
    }

    fn capture(&mut self, clip: Arc<Clip>) {
        self.kept.clip_slot.put(Some(clip));
    }

    fn has_sound_card(&self) -> bool {
        self.sound.is_some()
    }

    fn sound_devices(&self) -> SoundDevices {
        let sound = self.sound.as_ref().map(|sound| sound.lock().unwrap_or_else(PoisonError::into_inner).devices());
        sound.unwrap_or_default()
    }

    fn choose_devices(&mut self, output: &str, input: &str) -> Result<(), String> {
        let Some(sound) = &self.sound else { return Ok(()) };
        let mut sound = sound.lock().unwrap_or_else(PoisonError::into_inner);
        sound.change(output, input).map_err(|error| error.to_string())
    }

    fn input(&self) -> Option<bool> {
        Some(self.is_input_on)
    }

    fn set_input(&mut self, on: bool) {
        self.is_input_on = on;
        self.send(Heard::Input(on));
    }
}

struct Window {
    view: View,
    outside: Outside,
    is_over: Arc<AtomicBool>,
    /// Pictures a second, of late.
    speed: Arc<AtomicU32>,
}

impl App for Window {
    fn build(&mut self, egui: egui::Context, _: &mut Frame) -> Result<(), HandlerError> {
        egui.set_fonts(fonts());
        Ok(())
    }

    fn ui(&mut self, ui: &mut egui::Ui, frame: &mut Frame) {
        self.outside.follow();
        frame.set_clear_color(self.view.ground_of_window());
        self.view.show(ui, &mut self.outside);
        self.speed.store(self.view.pictures_per_second() as u32, Ordering::Relaxed);
        if self.is_over.load(Ordering::Relaxed) {
            frame.baseview_window().request_close();
        }
    }
}

/// Opens the window on this thread, as systems want it, and runs the console on another until one of them ends.
///
/// # Errors
/// Those of the console, or why there is no window.
pub fn run(outside: Outside, console: impl FnOnce() -> Result<(), CliError> + Send) -> Result<(), CliError> {
    let sender = outside.sender.clone();
    let is_over = Arc::new(AtomicBool::new(false));
    let over = Arc::clone(&is_over);
    let speed: Arc<AtomicU32> = Arc::default();
    std::thread::scope(|scope| {
        let console = scope.spawn(move || {
            let outcome = console();
            over.store(true, Ordering::Relaxed);
            outcome
        });
        let shown = window::show(Window { view: View::default(), outside, is_over, speed: Arc::clone(&speed) });
        // A console that has ended listens no more; one that has not makes room.
        let _ = sender.send(Heard::Closed);
        drop(sender);
        let outcome = console.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        if shown.is_ok() {
            say!("{} pictures a second", speed.load(Ordering::Relaxed));
        }
        outcome.and(shown)
    })
}
