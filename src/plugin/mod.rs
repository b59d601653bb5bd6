//! The nice-plug glue: what hosts call, and the exported entry points. No arithmetic.
//!
//! The host's main thread makes, activates and deactivates; its audio thread calls `reset` and `process`. Latency is zero,
//! always.

mod editor;
mod notes;
mod notes_editor;
mod presets;
mod restart;
mod running;
mod transport;
mod window;

use crate::{
    control::ParamId,
    editor::Activation,
    engine::{RenderMode, STOPS},
    learn::job::Folders,
    model::folder::models_folder,
    nn::Isa,
    params::{self, SympathyParams},
    take::{takes_folder, unfinished_folder},
    worker::ModelRegistry,
};
use nice_plug::prelude::*;
use notes::SympathyNotes;
use running::Running;
use std::{
    path::PathBuf,
    sync::{Arc, atomic::Ordering},
};

/// The plugin.
pub struct Sympathy {
    registry: Arc<ModelRegistry>,
    params: Arc<SympathyParams>,
    /// Folder of the takes.
    takes_folder: Option<PathBuf>,
    /// Engine and worker, while active. Without one the dry signal passes.
    running: Option<Running>,
    /// The same, for the editor.
    shown: window::Active<Activation>,
    /// The host's menus of parameters, for the editor.
    menus: Option<HostMenus>,
    /// [`ModelRegistry::labels_generation`], those of the lessons and of learning while it plays, and whether the worker has failed, as the host knows them.
    told: (u64, u64, u64, bool),
}

impl Default for Sympathy {
    fn default() -> Self {
        let registry = ModelRegistry::with_embedded(Isa::from_environment());
        let folders = Folders { unfinished: unfinished_folder(), models: models_folder() };
        let params = Arc::new(SympathyParams::new(&registry, folders));
        Self {
            registry,
            params,
            takes_folder: takes_folder(),
            running: None,
            shown: window::Active::default(),
            menus: None,
            told: (0, 0, 0, false),
        }
    }
}

/// In and out, equally wide, and perhaps a sidechain.
const fn layout(channels: u32, sidechain: &'static [NonZeroU32], name: &'static str) -> AudioIOLayout {
    AudioIOLayout {
        main_input_channels: Some(new_nonzero_u32(channels)),
        main_output_channels: Some(new_nonzero_u32(channels)),
        aux_input_ports: sidechain,
        names: PortNames { layout: Some(name), ..PortNames::const_default() },
        ..AudioIOLayout::const_default()
    }
}

/// Whether a block may wait for the worker as long as it takes. nice-plug's VST3 wrapper hands over the mode of the
/// *previous* set-up, so a performance could be taken for a bounce: there, blocks only wait as far as the clock on the wall
/// allows (DESIGN 3).
fn render_mode(api: PluginApi, mode: ProcessMode) -> RenderMode {
    match (api, mode) {
        (PluginApi::Clap, ProcessMode::Offline) => RenderMode::Offline,
        _ => RenderMode::Live,
    }
}

impl Plugin for Sympathy {
    const NAME: &'static str = "Sympathy";
    const VENDOR: &'static str = "Sympathy";
    const URL: &'static str = "";
    const EMAIL: &'static str = "";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    /// The sidechain has to be asked for, which only CLAP hosts can: as part of the first layout it would be in every VST3 host's, and
    /// nice-plug's VST3 wrapper reads buses that a host has not passed (pedalboard crashed).
    const AUDIO_IO_LAYOUTS: &'static [AudioIOLayout] = &[
        layout(2, &[], "Stereo"),
        layout(1, &[], "Mono"),
        layout(2, &[new_nonzero_u32(2)], "Stereo with sidechain"),
        layout(1, &[new_nonzero_u32(1)], "Mono with sidechain"),
    ];
    /// Notes, and "all sound off" and "all notes off".
    const MIDI_INPUT: MidiConfig = MidiConfig::MidiCCs;
    const SAMPLE_ACCURATE_AUTOMATION: bool = true;

    type Editor = window::HostedEditor<editor::Instanced>;
    type SysExMessage = ();
    type BackgroundTask = ();

    fn params(&self) -> Arc<dyn Params> {
        Arc::clone(&self.params) as Arc<dyn Params>
    }

    fn editor(&mut self, _: AsyncExecutor<Self>) -> Option<Self::Editor> {
        let instance = editor::Instanced::new(&self.params, &self.registry, &self.shown);
        Some(window::HostedEditor::new(instance, self.menus.clone()))
    }

    fn filter_state(state: &mut PluginState) {
        params::sanitise(state);
    }

    fn activate(
        &mut self,
        layout: &AudioIOLayout,
        config: &BufferConfig,
        context: &mut impl ActivateContext<Self>,
    ) -> bool {
        self.shown.set(None);
        // The old worker ends before the new one begins.
        self.running = None;
        // Models in another precision are loaded again by the next worker.
        self.registry.set_precision(self.params.settings.precision.value().into());
        let channels = layout.main_output_channels.map_or(0, NonZeroU32::get);
        let mode = render_mode(context.plugin_api(), config.process_mode);
        self.running =
            Running::start(&self.params, &self.registry, self.takes_folder.as_deref(), channels, config, mode);
        self.shown.set(self.running.as_ref().map(Running::activation));
        true
    }

    fn reset(&mut self) {
        if let Some(running) = &mut self.running {
            running.reset();
        }
    }

    fn process(
        &mut self,
        buffer: &mut Buffer,
        aux: &mut AuxiliaryBuffers,
        context: &mut impl ProcessContext<Self>,
    ) -> ProcessStatus {
        match &mut self.running {
            Some(running) => running.process(&self.params, buffer.as_slice(), aux.inputs.first_mut(), context),
            None => ProcessStatus::Normal,
        }
    }

    fn deactivate(&mut self) {
        self.running = None;
        self.shown.set(None);
    }
}

impl ClapPlugin for Sympathy {
    fn remote_controls(&self, context: &mut impl RemoteControlsContext) {
        self.params.remote_pages(context);
    }

    fn param_texts_changed(&mut self) -> bool {
        let has_failed = self.params.has_failed.load(Ordering::Relaxed);
        let (lessons, board) = (self.params.lessons.generation(), self.params.board.generation());
        let now = (self.registry.labels_generation(), lessons, board, has_failed);
        std::mem::replace(&mut self.told, now) != now
    }

    fn preset_loader(&mut self) -> Option<Box<dyn PresetLoader>> {
        Some(Box::new(presets::Loader::new(&self.params, &self.registry)))
    }

    fn preset_provider() -> Option<Box<dyn PresetProvider>> {
        Some(Box::new(presets::Provider::<ParamId>::default()))
    }

    fn set_host_menus(&mut self, menus: HostMenus) {
        self.menus = Some(menus);
    }

    const CLAP_ID: &'static str = "org.sympathy.sympathy";
    const CLAP_DESCRIPTION: Option<&'static str> = Some("Listens to what is played and continues it");
    const CLAP_MANUAL_URL: Option<&'static str> = None;
    const CLAP_SUPPORT_URL: Option<&'static str> = None;
    const CLAP_FEATURES: &'static [ClapFeature] = &[ClapFeature::AudioEffect, ClapFeature::Stereo, ClapFeature::Mono];
}

impl Vst3Plugin for Sympathy {
    fn vst3_programs(&mut self) -> Option<(Vec<Program>, Box<dyn PresetLoader>)> {
        Some((presets::programs::<ParamId>(), Box::new(presets::Loader::new(&self.params, &self.registry))))
    }

    fn set_host_menus(&mut self, menus: HostMenus) {
        self.menus = Some(menus);
    }

    const VST3_CLASS_ID: [u8; 16] = *b"SympathyContinue";
    const VST3_SUBCATEGORIES: &'static [Vst3SubCategory] = &[Vst3SubCategory::Fx, Vst3SubCategory::Generator];
    /// Those that stop ([`crate::engine::Engine::is_stop`]): for each, a hidden parameter.
    const VST3_MIDI_CONTROLLERS: Option<&'static [u8]> = Some(&STOPS);
    /// Or the settings could not be reached in Ardour.
    const VST3_LISTS_NON_AUTOMATABLE: bool = true;
}

nice_export_clap!(Sympathy, SympathyNotes<false>);
nice_export_vst3!(Sympathy, SympathyNotes<true>);

#[cfg(test)]
mod tests;
