//! An instance on a stage: a real engine that is played to, and the editor in front of it.

use crate::{
    common::drive::{drain, playing},
    raster::{Picture, Raster},
};
use egui_kittest::{Harness, HarnessBuilder, TestRenderer};
use std::{
    cell::RefCell,
    path::{Path, PathBuf},
    rc::Rc,
    sync::Arc,
};
use sympathy::{
    control::{
        ParamId, ParamValues, Preset,
        settings::{SETTINGS, SettingKind},
        text,
        values::SPECS,
    },
    editor::{Activation, Edit, Instance, ParamHost, SettingsHost, SoundDevices, View, fonts},
    engine::{Engine, EngineConfig, Event},
    learn::job::Lessons,
    session,
    worker::{Clip, ModelRegistry, Worker},
};

/// The instance, as the editor sees it, and what it has done.
pub struct Player {
    pub values: ParamValues,
    pub settings: [f32; SETTINGS.len()],
    pub registry: Arc<ModelRegistry>,
    pub engine: Option<(Engine, Worker)>,
    pub data: Option<PathBuf>,
    pub placed: Vec<(Option<u8>, PathBuf)>,
    pub clip: Option<Arc<Clip>>,
    pub captured: Option<f32>,
    pub take: Option<String>,
    pub lessons: Option<Arc<Lessons>>,
    /// Every part of an edit.
    pub edits: Vec<(ParamId, Edit)>,
    pub restarts: usize,
    /// Whether the host has menus of its own, where it was asked for them, and for which it has none after all.
    pub has_host_menus: bool,
    pub asked_menus: Vec<(ParamId, egui::Pos2)>,
    pub refused_menu: Option<ParamId>,
    /// Outside a host.
    pub sound: Option<SoundDevices>,
    /// Loudest sample of the last block that was played.
    pub peak: f32,
    position: i64,
    told: ParamValues,
}

impl Player {
    pub fn new(registry: &Arc<ModelRegistry>, change: impl FnOnce(&mut ParamValues)) -> Self {
        let mut values = ParamValues::default();
        change(&mut values);
        let config = EngineConfig { values, ..EngineConfig::new(48_000) };
        let slot = values.get(ParamId::Model) as u8;
        let _ = registry.load(slot);
        let engine = Some(session::start(config, Arc::clone(registry)));
        Self {
            values,
            settings: SETTINGS.each_ref().map(|spec| match spec.kind {
                SettingKind::Whole { default, .. } => default as f32,
                SettingKind::Switch(on) => f32::from(on),
                SettingKind::Choice(_) => 0.0,
            }),
            registry: Arc::clone(registry),
            engine,
            data: None,
            placed: Vec::new(),
            clip: None,
            captured: None,
            take: None,
            lessons: None,
            edits: Vec::new(),
            restarts: 0,
            has_host_menus: false,
            asked_menus: Vec::new(),
            refused_menu: None,
            sound: None,
            peak: 0.0,
            position: 0,
            told: values,
        }
    }

    /// Plays a block of 512 samples; the worker answers if it is there.
    pub fn play(&mut self, input: &[Vec<f32>], from: usize, is_late: bool) {
        let Some((engine, worker)) = &mut self.engine else { return };
        let mut block: Vec<Vec<f32>> =
            input.iter().map(|channel| (0..512).map(|i| channel[(from + i) % channel.len()]).collect()).collect();
        let mut channels: Vec<&mut [f32]> = block.iter_mut().map(Vec::as_mut_slice).collect();
        let changed = SPECS.iter().map(|spec| spec.id).filter(|id| self.values.get(*id) != self.told.get(*id));
        let events: Vec<Event> =
            changed.map(|id| Event { offset_samples: 0, id, value: self.values.get(id) }).collect();
        self.told = self.values;
        engine.process(&mut channels, &events, playing(self.position));
        self.position += 512;
        self.peak = channels.iter().flat_map(|channel| channel.iter()).fold(0.0, |peak, x| x.abs().max(peak));
        if !is_late {
            drain(worker);
        }
    }
}

impl ParamHost<ParamId> for Player {
    fn value(&self, id: ParamId) -> f32 {
        self.values.get(id)
    }

    fn edit(&mut self, id: ParamId, edit: Edit) {
        self.edits.push((id, edit));
        if let Edit::Set(value) = edit {
            self.values.set(id, value);
        }
    }

    fn text(&self, id: ParamId) -> String {
        text::with_unit(id.spec(), self.value(id))
    }

    fn apply(&mut self, values: &ParamValues) {
        self.values = *values;
    }

    fn missing_model(&self, preset: &Preset) -> Option<String> {
        self.registry.missing(preset)
    }

    fn presets_folder(&self) -> Option<PathBuf> {
        Some(self.data.as_ref()?.join("presets"))
    }

    fn ask_host_menu(&mut self, id: ParamId, at: egui::Pos2) -> bool {
        self.asked_menus.push((id, at));
        self.has_host_menus
    }

    fn is_host_menu_refused(&mut self, id: ParamId) -> bool {
        self.refused_menu.take_if(|refused| *refused == id).is_some()
    }
}

impl SettingsHost for Player {
    fn setting(&self, key: &str) -> f32 {
        let keys = SETTINGS.each_ref().map(|spec| spec.key);
        self.settings[keys.iter().position(|other| *other == key).expect("a setting")]
    }

    fn set_setting(&mut self, key: &str, value: f32) {
        let keys = SETTINGS.each_ref().map(|spec| spec.key);
        self.settings[keys.iter().position(|other| *other == key).expect("a setting")] = value;
    }

    fn restart(&mut self) {
        self.restarts += 1;
    }
}

impl Instance for Player {
    fn registry(&self) -> &Arc<ModelRegistry> {
        &self.registry
    }

    fn activation(&self) -> Option<Activation> {
        let (engine, _) = self.engine.as_ref()?;
        Some(Activation { reaction_ms: 50.7, ..Activation::of(engine, 48_000) })
    }

    fn captured_seconds(&self) -> Option<f32> {
        self.captured
    }

    fn take_text(&self) -> Option<String> {
        self.take.clone()
    }

    fn takes_folder(&self) -> Option<PathBuf> {
        None
    }

    fn lessons(&self) -> Option<&Arc<Lessons>> {
        self.lessons.as_ref()
    }

    fn data_folder(&self) -> Option<PathBuf> {
        self.data.clone()
    }

    fn place_model(&mut self, missing: Option<u8>, path: &Path) -> Result<u8, String> {
        self.placed.push((missing, path.into()));
        let slot = missing.unwrap_or(64);
        self.registry.set_file(slot, path.into());
        Ok(slot)
    }

    fn capture(&mut self, clip: Arc<Clip>) {
        self.captured = Some(clip.seconds());
        self.clip = Some(clip);
    }

    fn models_folder(&self) -> Option<PathBuf> {
        Some("/home/you/.local/share/sympathy/models".into())
    }

    fn has_sound_card(&self) -> bool {
        self.sound.is_some()
    }

    fn sound_devices(&self) -> SoundDevices {
        self.sound.clone().unwrap_or_default()
    }

    fn choose_devices(&mut self, output: &str, input: &str) -> Result<(), String> {
        let sound = self.sound.as_mut().expect("a card");
        if output == "broken" {
            return Err("broken: it cannot be opened.".into());
        }
        (sound.output, sound.input) = (output.into(), input.into());
        Ok(())
    }
}

/// A window, and what it stands in front of.
pub struct Stage<V = View, P = Player> {
    pub harness: Harness<'static, (V, P)>,
    ground: fn(&V) -> egui::Rgba,
    raster: Rc<RefCell<Raster>>,
    scale: f32,
}

struct Eyes(Rc<RefCell<Raster>>);

impl TestRenderer for Eyes {
    fn handle_delta(&mut self, delta: &mut egui::TexturesDelta) {
        self.0.borrow_mut().take(delta);
    }
}

impl<V: Default + 'static, P: 'static> Stage<V, P> {
    /// A window that is drawn by `show`, on its `ground`.
    pub fn of(
        player: P,
        scale: f32,
        size: [f32; 2],
        show: fn(&mut egui::Ui, &mut V, &mut P),
        ground: fn(&V) -> egui::Rgba,
    ) -> Self {
        let raster = Rc::new(RefCell::new(Raster::default()));
        let harness = HarnessBuilder::default()
            .with_size(size)
            .with_pixels_per_point(scale)
            .with_step_dt(1.0 / 60.0)
            .renderer(Eyes(Rc::clone(&raster)))
            .with_context_setup(|context| context.set_fonts(fonts()))
            .build_ui_state(move |ui, (view, player)| show(ui, view, player), (V::default(), player));
        Self { harness, ground, raster, scale }
    }

    pub fn view(&mut self) -> &mut V {
        &mut self.harness.state_mut().0
    }

    pub fn player(&mut self) -> &mut P {
        &mut self.harness.state_mut().1
    }

    /// What is to be seen.
    pub fn picture(&mut self) -> Picture {
        self.harness.step();
        let output = self.harness.output();
        let primitives = self.harness.ctx.tessellate(output.shapes.clone(), self.scale);
        let size = self.harness.ctx.content_rect().size() * self.scale;
        let ground = (self.ground)(&self.harness.state().0);
        let [r, g, b, _] = ground.to_array().map(|part| (255.0 * part).round() as u8);
        let back = egui::Color32::from_rgb(r, g, b);
        self.raster.borrow().draw(&primitives, [size.x as usize, size.y as usize], self.scale, back)
    }
}

impl Stage {
    pub fn new(player: Player, scale: f32, size: [f32; 2]) -> Self {
        Self::of(player, scale, size, |ui, view: &mut View, player| view.show(ui, player), View::ground_of_window)
    }

    /// Plays so many seconds of `input`, a picture every sixtieth of a second or so.
    pub fn play(&mut self, input: &[Vec<f32>], from: f32, seconds: f32) {
        let blocks = (seconds * 48_000.0 / 512.0) as usize;
        for block in 0..blocks {
            self.player().play(input, (from * 48_000.0) as usize + 512 * block, false);
            if block % 2 == 0 {
                self.harness.step();
            }
        }
        self.harness.step();
    }
}
