//! The list of models: those inside the binary and the user's, with what is known of each.

use super::{
    audition::Audition,
    controls::{button, list_row},
    instance::{Activation, Instance, set_at_once},
    job::Job,
    theme::{self, Theme, space},
};
use crate::{
    approach::Network,
    control::ParamId,
    worker::{ModelRegistry, Origin, SlotEntry, SlotModel, USUAL_HOST_HZ, factor_to_text, measure_voices},
};
use egui::{Align2, Rect, ScrollArea, Sense, TextEdit, Ui, UiBuilder, pos2, vec2};
use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

/// How long a model is run to measure its factor of real time.
const MEASURED_SECONDS: f64 = 0.3;

/// What came of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Nothing.
    Open,
    /// The list was closed.
    Closed,
    /// A model's file is to be chosen.
    Add,
    /// The model that this slot misses is to be found.
    Locate(u8),
    /// A model is to be trained.
    Train,
}

/// What the list needs from one picture to the next.
#[derive(Debug, Default)]
pub(super) struct Browser {
    search: String,
    /// Factors of real time by slot.
    factors: BTreeMap<u8, f64>,
    /// The one that is being measured, on a thread, so that no picture waits.
    measuring: Job<(u8, f64)>,
    audition: Audition,
    /// [`ModelRegistry::generation`] that the factors belong to.
    generation: u64,
}

/// The slot of the next model that can play, or of the one before.
pub(super) fn step<M: SlotModel>(registry: &ModelRegistry<M>, now: u8, forward: bool) -> Option<u8> {
    let playable = registry.entries().into_iter().filter(|entry| entry.trouble.is_none());
    let slots: Vec<u8> = playable.map(|entry| entry.slot).collect();
    let next = if forward {
        slots.iter().find(|&&slot| slot > now).or(slots.first())
    } else {
        slots.iter().rev().find(|&&slot| slot < now).or(slots.last())
    };
    next.copied()
}

impl Browser {
    /// Draws the list, and what is known of the selected model.
    pub fn show(&mut self, ui: &mut Ui, rect: Rect, instance: &mut dyn Instance, theme: &Theme) -> Outcome {
        let registry = Arc::clone(instance.registry());
        let generation = registry.generation();
        if std::mem::replace(&mut self.generation, generation) != generation {
            self.factors.clear();
        }
        let inside = rect.shrink(space::MEDIUM);
        ui.painter().text(inside.left_top(), Align2::LEFT_TOP, "Models", theme::title(), theme.text);
        let close = Rect::from_min_size(inside.right_top() - vec2(80.0, 0.0), vec2(80.0, 26.0));
        let mut outcome = if button(ui, close, "Close", false, theme) { Outcome::Closed } else { Outcome::Open };
        let train = Rect::from_min_size(close.left_top() - vec2(120.0 + space::SMALL, 0.0), vec2(120.0, 26.0));
        if button(ui, train, "Train a model…", false, theme) {
            outcome = Outcome::Train;
        }
        let add = train.translate(vec2(-(120.0 + space::SMALL), 0.0));
        if button(ui, add, "Add a model…", false, theme) {
            outcome = Outcome::Add;
        }
        let search = Rect::from_min_size(inside.left_top() + vec2(110.0, 0.0), vec2(260.0, 26.0));
        ui.put(
            search,
            TextEdit::singleline(&mut self.search).hint_text("Search").font(theme::body()).align(Align2::LEFT_CENTER),
        );
        let body = Rect::from_min_max(pos2(inside.left(), inside.top() + 36.0), inside.max);
        let (list, card) = body.split_left_right_at_fraction(0.55);
        let selected = instance.value(ParamId::Model) as u8;
        let list = list.with_max_x(list.right() - space::MEDIUM);
        let chosen = list_models(ui, list, &self.search, &registry, selected, instance.models_folder(), theme);
        if let Some(slot) = chosen {
            set_at_once(instance, ParamId::Model, slot.into());
        }
        let entry = registry.entries().into_iter().find(|entry| entry.slot == selected);
        ui.scope_builder(UiBuilder::new().max_rect(card), |ui| {
            ScrollArea::vertical().id_salt("card").auto_shrink(false).show(ui, |ui| match &entry {
                Some(entry) => {
                    if self.card(ui, entry, &registry, theme) {
                        outcome = Outcome::Locate(entry.slot);
                    }
                    if let (Some(activation), Some(_)) = (instance.activation(), &entry.network) {
                        self.show_audition(ui, entry.slot, &registry, &activation, theme);
                    }
                }
                None => drop(ui.label(format!("Slot {selected} is empty."))),
            });
        });
        outcome
    }

    /// What is known of a model. Returns true if it is missing and to be located.
    fn card(&mut self, ui: &mut Ui, entry: &SlotEntry, registry: &Arc<ModelRegistry>, theme: &Theme) -> bool {
        ui.label(egui::RichText::new(&entry.title).font(theme::title()));
        if let Some(trouble) = &entry.trouble {
            return show_trouble(ui, trouble, &entry.origin, theme);
        }
        let Some(network) = &entry.network else {
            registry.load_in_background(entry.slot);
            ui.label("Being loaded…");
            return false;
        };
        let factor = self.factor(entry);
        let config = network.config();
        let mut line = |name: &str, value: String| card_line(ui, name, value, theme);
        line("Approach", config.approach.info().name.into());
        line("Network", format!("{} × {} {}", config.layers, config.hidden, config.cell.info().title));
        line("Rate", format!("{} Hz", config.sample_rate_hz));
        line("Weights", format!("{:.1} MB a step", network.step_bytes() as f64 / 1e6));
        line("Here", factor);
        line("From", origin(&entry.origin));
        let training = &config.training;
        if !training.material.is_empty() {
            line("Learned from", training.material.join(", "));
        }
        if !training.licence.is_empty() {
            line("Licence", training.licence.clone());
        }
        false
    }

    /// The button that lets the model continue a phrase, or ends that.
    fn show_audition(
        &mut self,
        ui: &mut Ui,
        slot: u8,
        registry: &Arc<ModelRegistry>,
        activation: &Activation,
        theme: &Theme,
    ) {
        ui.add_space(space::SMALL);
        let (place, response) = ui.allocate_exact_size(vec2(110.0, 26.0), Sense::hover());
        let is_heard = self.audition.slot() == Some(slot);
        if button(ui, place, if is_heard { "End audition" } else { "Audition" }, is_heard, theme) {
            if is_heard {
                self.audition.stop();
            } else {
                self.audition.begin(slot, registry, activation);
            }
        }
        response.on_hover_text("Lets it continue a built-in phrase, beside what you play.");
    }

    /// How fast the model runs on this machine, in words.
    fn factor(&mut self, entry: &SlotEntry) -> String {
        self.factors.extend(self.measuring.take());
        if let Some(factor) = self.factors.get(&entry.slot) {
            return format!("{} × real time", factor_to_text(*factor));
        }
        // One at a time, or they would slow each other down.
        if !self.measuring.is_some()
            && let Some(network) = entry.network.clone()
        {
            let slot = entry.slot;
            let measure = move || (slot, measure_voices(&network, USUAL_HOST_HZ, 1, MEASURED_SECONDS));
            self.measuring = Job::begin("sympathy-measure", measure);
        }
        "being measured…".into()
    }
}

/// What people may look for a model by, besides its slot and title.
pub(super) trait Searched {
    /// Its kind.
    fn kind(&self) -> &'static str;
}

impl Searched for Network {
    fn kind(&self) -> &'static str {
        self.config().approach.info().name
    }
}

/// Draws the list of models in which `search` occurs; returns the slot of the one that was chosen.
pub(super) fn list_models<M: SlotModel + Searched>(
    ui: &mut Ui,
    rect: Rect,
    search: &str,
    registry: &ModelRegistry<M>,
    selected: u8,
    folder: Option<PathBuf>,
    theme: &Theme,
) -> Option<u8> {
    let wanted = search.to_lowercase();
    let text = |entry: &SlotEntry<M>| {
        let kind = entry.network.as_ref().map_or("", |network| network.kind());
        format!("{} {} {kind}", entry.slot, entry.title).to_lowercase()
    };
    let mut entries = registry.entries();
    entries.retain(|entry| wanted.is_empty() || text(entry).contains(&wanted));
    let mut chosen = None;
    ui.scope_builder(UiBuilder::new().max_rect(rect), |ui| {
        ScrollArea::vertical().id_salt("models").auto_shrink(false).show(ui, |ui| {
            for entry in &entries {
                if row(ui, entry, entry.slot == selected, theme) {
                    chosen = Some(entry.slot);
                }
            }
            if entries.is_empty() {
                ui.label("No model of that name.");
            }
            if let Some(folder) = folder {
                ui.add_space(space::MEDIUM);
                ui.colored_label(theme.dim, format!("Your own models: {}", folder.display()));
            }
        });
    });
    chosen
}

/// A name and what is said of it.
pub(super) fn card_line(ui: &mut Ui, name: &str, value: impl Into<String>, theme: &Theme) {
    ui.horizontal_wrapped(|ui| {
        ui.colored_label(theme.dim, name);
        ui.label(value.into());
    });
}

/// Where a model comes from.
pub(super) fn origin(origin: &Origin) -> String {
    match origin {
        Origin::Embedded => "inside Sympathy".into(),
        Origin::File(path) => path.display().to_string(),
        Origin::Project => "the copy in this project".into(),
        Origin::Missing => "nowhere".into(),
    }
}

/// Why a model cannot play; true if it is missing and to be located.
pub(super) fn show_trouble(ui: &mut Ui, trouble: &str, origin: &Origin, theme: &Theme) -> bool {
    ui.colored_label(theme.alarm, format!("▲ {trouble}"));
    if !matches!(origin, Origin::Missing) {
        return false;
    }
    ui.label("If you have its file, show where it is. The right one is known by its content, under any name.");
    ui.add_space(space::SMALL);
    let (place, _) = ui.allocate_exact_size(vec2(110.0, 26.0), Sense::hover());
    button(ui, place, "Locate…", false, theme)
}

fn row<M>(ui: &mut Ui, entry: &SlotEntry<M>, is_selected: bool, theme: &Theme) -> bool {
    let (rect, is_chosen) = list_row(ui, ("model", entry.slot), &entry.title, is_selected, theme);
    let painter = ui.painter_at(rect);
    let y = rect.center().y;
    painter.text(pos2(rect.left() + 36.0, y), Align2::RIGHT_CENTER, entry.slot, theme::small(), theme.dim);
    let (colour, mark) = if entry.trouble.is_some() { (theme.alarm, "▲ ") } else { (theme.text, "") };
    painter.text(
        pos2(rect.left() + 48.0, y),
        Align2::LEFT_CENTER,
        format!("{mark}{}", entry.title),
        theme::body(),
        colour,
    );
    let whose = match entry.origin {
        Origin::Embedded => "built in",
        Origin::File(_) => "yours",
        Origin::Project => "in the project",
        Origin::Missing => "missing",
    };
    painter.text(pos2(rect.right() - 8.0, y), Align2::RIGHT_CENTER, whose, theme::small(), theme.dim);
    is_chosen
}
