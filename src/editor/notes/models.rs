//! The list of models of notes, with what is known of each.

use super::NoteInstance;
use crate::{
    control::notes::NoteParam,
    editor::{
        browser::{Outcome, Searched, card_line, list_models, origin, show_trouble},
        controls::button,
        instance::set_at_once,
        theme::{self, Theme, space},
    },
    model::{RollModelConfig, RollNetwork},
    notes::live::NoteModel,
    worker::SlotEntry,
};
use egui::{Align2, Rect, ScrollArea, TextEdit, Ui, UiBuilder, pos2, vec2};
use std::sync::Arc;

impl Searched for NoteModel {
    fn kind(&self) -> &'static str {
        kind(self.config())
    }
}

fn kind(config: &RollModelConfig) -> &'static str {
    match config.network {
        RollNetwork::Recurrent { .. } => "Continues",
        RollNetwork::Autoencoder { .. } => "Code",
    }
}

/// Draws the list, and what is known of the selected model.
pub(super) fn show(
    ui: &mut Ui,
    rect: Rect,
    search: &mut String,
    instance: &mut dyn NoteInstance,
    theme: &Theme,
) -> Outcome {
    let models = Arc::clone(instance.models());
    let inside = rect.shrink(space::MEDIUM);
    ui.painter().text(inside.left_top(), Align2::LEFT_TOP, "Models", theme::title(), theme.text);
    let close = Rect::from_min_size(inside.right_top() - vec2(80.0, 0.0), vec2(80.0, 26.0));
    let mut outcome = if button(ui, close, "Close", false, theme) { Outcome::Closed } else { Outcome::Open };
    let add = Rect::from_min_size(close.left_top() - vec2(120.0 + space::SMALL, 0.0), vec2(120.0, 26.0));
    if button(ui, add, "Add a model…", false, theme) {
        outcome = Outcome::Add;
    }
    let field = Rect::from_min_size(inside.left_top() + vec2(110.0, 0.0), vec2(260.0, 26.0));
    ui.put(field, TextEdit::singleline(search).hint_text("Search").font(theme::body()).align(Align2::LEFT_CENTER));
    let body = Rect::from_min_max(pos2(inside.left(), inside.top() + 36.0), inside.max);
    let (list, card) = body.split_left_right_at_fraction(0.55);
    let selected = instance.value(NoteParam::Model) as u8;
    let list = list.with_max_x(list.right() - space::MEDIUM);
    if let Some(slot) = list_models(ui, list, search, &models, selected, instance.models_folder(), theme) {
        set_at_once(instance, NoteParam::Model, slot.into());
    }
    let entry = models.entries().into_iter().find(|entry| entry.slot == selected);
    ui.scope_builder(UiBuilder::new().max_rect(card), |ui| {
        ScrollArea::vertical().id_salt("card").auto_shrink(false).show(ui, |ui| match &entry {
            Some(entry) => {
                if show_card(ui, entry, theme) {
                    outcome = Outcome::Locate(entry.slot);
                }
                if entry.network.is_none() && entry.trouble.is_none() {
                    models.load_in_background(entry.slot);
                }
            }
            None => drop(ui.label(format!("Slot {selected} is empty."))),
        });
    });
    outcome
}

/// What is known of a model. Returns true if it is missing and to be located.
fn show_card(ui: &mut Ui, entry: &SlotEntry<NoteModel>, theme: &Theme) -> bool {
    ui.label(egui::RichText::new(&entry.title).font(theme::title()));
    if let Some(trouble) = &entry.trouble {
        return show_trouble(ui, trouble, &entry.origin, theme);
    }
    let Some(model) = &entry.network else {
        ui.label("Being loaded…");
        return false;
    };
    let config = model.config();
    let mut line = |name: &str, value: String| card_line(ui, name, value, theme);
    match &config.network {
        RollNetwork::Recurrent { cell, layers, hidden } => {
            line("Plays", "what may come next".into());
            line("Network", format!("{layers} × {hidden} {}", cell.info().title));
        }
        RollNetwork::Autoencoder { widths, .. } => {
            line("Plays", "codes: the sliders move what you have played".into());
            let widths: Vec<String> = widths.iter().map(usize::to_string).collect();
            line("Network", format!("{} and back", widths.join("-")));
        }
    }
    line("Grid", format!("{} steps a quarter note", config.approach.steps_per_quarter));
    line("From", origin(&entry.origin));
    let training = &config.training;
    if let [first, rest @ ..] = &training.material[..] {
        let more = if rest.is_empty() { String::new() } else { format!(" and {} more", rest.len()) };
        line("Learned from", format!("{first}{more}"));
    }
    if !training.licence.is_empty() {
        line("Licence", training.licence.clone());
    }
    if !config.notes.is_empty() {
        line("Notes", config.notes.clone());
    }
    false
}
