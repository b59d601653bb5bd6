//! The window of `sympathy play`: the plugin's editor, in front of the engine that the sound card plays.

use super::{
    console::{Heard, Shown},
    sound::InputSwitch,
    sound_card::SoundCard,
};
use crate::{
    cli::{error::CliError, terminal::say, window},
    control::{HasPresets, ParamId, ParamValues, Preset, text},
    editor::{Activation, Edit, Instance, ParamHost, SettingsHost, SoundDevices, View, fonts, presets_folder},
    learn::job::Lessons,
    model::folder::USER_SLOTS,
    take::{TakeStatus, takes_folder},
    worker::{Clip, ClipSlot, ModelRegistry, SlotModel},
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

/// The parameters of the program, as its window knows and moves them. What is moved there goes the way of what is typed: through the
/// console, which knows the values.
pub struct Remote<Id: HasPresets, Own> {
    sender: SyncSender<Heard<Id, Own>>,
    unsent: VecDeque<Heard<Id, Own>>,
    shown: Shown<Id>,
    /// As they were moved here: the console follows a moment later.
    values: Id::Values,
    /// What the console had when these were last compared.
    known: Id::Values,
}

impl<Id: HasPresets, Own> Remote<Id, Own> {
    /// For a console that shows its values in `shown` and listens to `sender`.
    pub fn new(sender: SyncSender<Heard<Id, Own>>, shown: Shown<Id>) -> Self {
        let values = *shown.lock().unwrap_or_else(PoisonError::into_inner);
        Self { sender, unsent: VecDeque::new(), shown, values, known: values }
    }

    /// Takes over what was typed, and what controllers have moved.
    pub fn follow(&mut self) {
        let now = *self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        for id in Id::specs().iter().map(|spec| spec.id) {
            if id.value(&now) != id.value(&self.known) {
                id.put(&mut self.values, id.value(&now));
            }
        }
        self.known = now;
    }

    /// What finds no room is sent with a later picture: no picture waits for the console.
    pub fn send(&mut self, heard: Heard<Id, Own>) {
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

    /// The value of a parameter.
    pub fn value(&self, id: Id) -> f32 {
        id.value(&self.values)
    }

    /// A part of an edit.
    pub fn edit(&mut self, id: Id, edit: Edit) {
        if let Edit::Set(value) = edit {
            id.put(&mut self.values, value);
            self.send(Heard::Set(id, self.value(id)));
        }
    }

    /// Sets every parameter that differs, but triggers.
    pub fn apply(&mut self, values: &Id::Values) {
        for spec in Id::specs().iter().filter(|spec| !spec.kind.is_trigger()) {
            if self.value(spec.id) != spec.id.value(values) {
                self.edit(spec.id, Edit::Set(spec.id.value(values)));
            }
        }
    }
}

/// Gives a model's file to the slot that misses it, or to a free one of the user's.
///
/// # Errors
/// Why there is none for it, in a sentence.
pub fn place_model<M: SlotModel>(models: &ModelRegistry<M>, missing: Option<u8>, path: &Path) -> Result<u8, String> {
    let taken = models.slots();
    let free = USER_SLOTS.into_iter().find(|slot| !taken.contains(slot));
    let slot = missing.or(free).ok_or("All slots for models of your own are taken.")?;
    models.set_file(slot, path.into());
    Ok(slot)
}

/// The program behind the window.
pub struct Outside {
    /// The parameters.
    pub remote: Remote<ParamId, InputSwitch>,
    /// Whether the input is heard.
    pub input: Arc<AtomicBool>,
    /// The models.
    pub registry: Arc<ModelRegistry>,
    /// The engine.
    pub activation: Activation,
    /// What becomes of what is played.
    pub kept: Kept,
    /// None without a sound card.
    pub sound: Option<Arc<Mutex<SoundCard>>>,
}

impl ParamHost<ParamId> for Outside {
    fn value(&self, id: ParamId) -> f32 {
        self.remote.value(id)
    }

    fn edit(&mut self, id: ParamId, edit: Edit) {
        self.remote.edit(id, edit);
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
        self.remote.apply(values);
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
        place_model(&self.registry, missing, path)
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
        Some(self.input.load(Ordering::Relaxed))
    }

    fn set_input(&mut self, on: bool) {
        self.remote.send(Heard::Own(InputSwitch(on)));
    }
}

/// What a window draws.
pub trait Drawn: Send + 'static {
    /// Takes over what has changed elsewhere.
    fn follow(&mut self);
    /// Draws a picture.
    fn show(&mut self, ui: &mut egui::Ui);
    /// The colour that the window is cleared with.
    fn ground(&self) -> egui::Rgba;
    /// Pictures that were drawn a second.
    fn pictures_per_second(&self) -> f32;
}

/// The plugin's editor.
pub struct SoundWindow {
    /// How it looks.
    pub view: View,
    /// What it shows and moves.
    pub outside: Outside,
}

impl Drawn for SoundWindow {
    fn follow(&mut self) {
        self.outside.remote.follow();
    }

    fn show(&mut self, ui: &mut egui::Ui) {
        self.view.show(ui, &mut self.outside);
    }

    fn ground(&self) -> egui::Rgba {
        self.view.ground_of_window()
    }

    fn pictures_per_second(&self) -> f32 {
        self.view.pictures_per_second()
    }
}

struct Window<D> {
    drawn: D,
    is_over: Arc<AtomicBool>,
    /// Pictures a second, of late.
    speed: Arc<AtomicU32>,
}

impl<D: Drawn> App for Window<D> {
    fn build(&mut self, egui: egui::Context, _: &mut Frame) -> Result<(), HandlerError> {
        egui.set_fonts(fonts());
        Ok(())
    }

    fn ui(&mut self, ui: &mut egui::Ui, frame: &mut Frame) {
        self.drawn.follow();
        frame.set_clear_color(self.drawn.ground());
        self.drawn.show(ui);
        self.speed.store(self.drawn.pictures_per_second() as u32, Ordering::Relaxed);
        if self.is_over.load(Ordering::Relaxed) {
            frame.baseview_window().request_close();
        }
    }
}

/// Opens the window on this thread, as systems want it, and runs the console, which listens to `sender`, on another until one of them ends.
///
/// # Errors
/// Those of the console, or why there is no window.
pub fn run<Id: Send, Own: Send>(
    title: &str,
    drawn: impl Drawn,
    sender: SyncSender<Heard<Id, Own>>,
    console: impl FnOnce() -> Result<(), CliError> + Send,
) -> Result<(), CliError> {
    let is_over = Arc::new(AtomicBool::new(false));
    let over = Arc::clone(&is_over);
    let speed: Arc<AtomicU32> = Arc::default();
    std::thread::scope(|scope| {
        let console = scope.spawn(move || {
            let outcome = console();
            over.store(true, Ordering::Relaxed);
            outcome
        });
        let shown = window::show(title, Window { drawn, is_over, speed: Arc::clone(&speed) });
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
