//! The controls below the picture: pages of parameters, the settings, and the sound card's devices.

use super::{
    View,
    controls::{self, CELL, Desk, button},
    files::Purpose,
    frame::{self, TABS},
    instance::{Instance, SettingsHost},
    learning::TAKE,
    theme::{self, Theme, space},
};
use crate::control::{
    ParamId,
    settings::{SETTINGS, SettingKind, SettingSpec},
    values::{NO_MODEL, by_group},
};
use crate::worker::ModelRegistry;
use egui::{Align2, Id, Rect, Role, Sense, Ui, UiBuilder, WidgetInfo, pos2, vec2};
use std::sync::Arc;

/// What a beginner needs, in the order of a first minute.
const FIRST_PAGE: [ParamId; 11] = [
    ParamId::Mix,
    ParamId::SeedLength,
    ParamId::Listen,
    ParamId::Hold,
    ParamId::Temperature,
    ParamId::ReseedInterval,
    ParamId::AutoStart,
    ParamId::Continue,
    ParamId::Freeze,
    ParamId::Stop,
    ParamId::Keep,
];

/// What a page of controls shows.
pub(super) enum Controls {
    Parameters(Vec<ParamId>),
    /// Below a take to learn from.
    Learning(Vec<ParamId>),
    Settings,
    SoundCard,
}

impl Controls {
    fn of(mut ids: Vec<ParamId>) -> Self {
        let all = ids.len();
        ids.retain(|id| !TAKE.contains(id));
        if ids.len() == all { Self::Parameters(ids) } else { Self::Learning(ids) }
    }
}

/// The pages of controls and their titles: what a beginner needs, then the groups, then the settings. The model has the header,
/// the one to morph to its place beside *Morph*.
pub(super) fn pages(has_settings: bool, has_sound_card: bool) -> Vec<(&'static str, Controls)> {
    let mut pages = vec![("Start", FIRST_PAGE.to_vec())];
    for spec in by_group().filter(|spec| spec.group != "Models") {
        match pages.last_mut() {
            Some((title, ids)) if *title == spec.group => ids.push(spec.id),
            _ => pages.push((spec.group, vec![spec.id])),
        }
        if spec.id == ParamId::Morph
            && let Some((_, ids)) = pages.last_mut()
        {
            ids.push(ParamId::MorphModel);
        }
    }
    let mut pages: Vec<(&'static str, Controls)> =
        pages.into_iter().map(|(title, ids)| (title, Controls::of(ids))).collect();
    if has_settings {
        pages.push(("Settings", Controls::Settings));
    }
    if has_sound_card {
        pages.push(("Sound card", Controls::SoundCard));
    }
    pages
}

impl View {
    /// The choice of the sound card's devices.
    fn show_devices(&mut self, ui: &mut Ui, rect: Rect, instance: &mut dyn Instance, theme: &Theme) {
        let devices = self.devices.get_or_insert_with(|| instance.sound_devices());
        let before = (devices.output.clone(), devices.input.clone());
        let mut none_first = vec!["none".to_owned()];
        none_first.extend(devices.inputs.iter().cloned());
        let rows = [("Output", &devices.outputs, &mut devices.output), ("Input", &none_first, &mut devices.input)];
        for (index, (name, all, chosen)) in rows.into_iter().enumerate() {
            let y = rect.top() + 6.0 + 34.0 * index as f32;
            ui.painter().text(pos2(rect.left() + 4.0, y + 13.0), Align2::LEFT_CENTER, name, theme::body(), theme.text);
            let place = Rect::from_min_size(pos2(rect.left() + 80.0, y), vec2(560.0f32.min(rect.width() - 90.0), 26.0));
            let mut child = ui.new_child(UiBuilder::new().id_salt(("device", name)).max_rect(place));
            let combo = egui::ComboBox::from_id_salt(name).selected_text(chosen.as_str()).width(place.width());
            let shown = combo.show_ui(&mut child, |ui| {
                for device in all {
                    if ui.selectable_label(chosen == device, device).clicked() {
                        chosen.clone_from(device);
                    }
                }
            });
            shown.response.widget_info(|| WidgetInfo::labeled(Role::ComboBox, true, name));
        }
        if (&devices.output, &devices.input) == (&before.0, &before.1) {
            return;
        }
        let (output, input) = (devices.output.clone(), devices.input.clone());
        self.intake.message = Some(match instance.choose_devices(&output, &input) {
            Ok(()) => format!("It plays on {output}."),
            Err(reason) => reason,
        });
        self.devices = None;
    }

    pub(super) fn show_bank(
        &mut self,
        ui: &mut Ui,
        rect: Rect,
        pages: &[(&'static str, Controls)],
        instance: &mut dyn Instance,
        theme: &Theme,
    ) {
        let titles: Vec<&str> = pages.iter().map(|(title, _)| *title).collect();
        if frame::show_tabs(ui, rect, &titles, &mut self.tab, theme) {
            // Asked for anew when the page is opened: devices come and go.
            self.devices = None;
        }
        let body = Rect::from_min_max(pos2(rect.left(), rect.top() + TABS), rect.max);
        let ids = match pages.get(self.tab) {
            Some((_, Controls::Parameters(ids))) => ids,
            Some((_, Controls::Learning(ids))) => {
                self.show_learning(ui, body, ids, instance, theme);
                return;
            }
            Some((_, Controls::SoundCard)) => {
                self.show_devices(ui, body.shrink(space::MEDIUM), instance, theme);
                return;
            }
            _ => {
                show_settings(ui, body.shrink(space::MEDIUM), &SETTINGS, instance, &mut self.sliding, theme);
                return;
            }
        };
        let registry = Arc::clone(instance.registry());
        let mut desk = Desk { instance, held: &mut self.held, theme };
        let columns = ((body.width() - 2.0 * space::SMALL) / CELL[0]).floor().max(1.0) as usize;
        for (index, &id) in ids.iter().enumerate() {
            let (column, row) = (index % columns, index / columns);
            let at = body.min + vec2(space::SMALL, space::SMALL) + vec2(column as f32 * CELL[0], row as f32 * CELL[1]);
            if id == ParamId::MorphModel {
                controls::list(ui, at, id, || slots(&registry), &mut desk);
            } else {
                controls::show(ui, at, id, &mut desk);
            }
        }
        if ids.contains(&ParamId::SeedSource) {
            let (column, row) = (ids.len() % columns, ids.len() / columns);
            let at = body.min + vec2(space::SMALL, space::SMALL) + vec2(column as f32 * CELL[0], row as f32 * CELL[1]);
            let place = Rect::from_min_size(at + vec2(4.0, 26.0), vec2(CELL[0] - 8.0, 26.0));
            if button(ui, place, "Recording…", false, theme) {
                self.choose_file(Purpose::Seed, instance);
            }
        }
    }
}

/// The slots of models that can play, and none.
fn slots(registry: &ModelRegistry) -> Vec<(f32, String)> {
    let playable = registry.entries().into_iter().filter(|entry| entry.trouble.is_none());
    let off = (NO_MODEL, "off".into());
    std::iter::once(off).chain(playable.map(|entry| (entry.slot.into(), entry.title))).collect()
}

/// Draws settings; `sliding`: the one whose slider is being dragged, and to which number.
pub(super) fn show_settings(
    ui: &mut Ui,
    rect: Rect,
    specs: &[SettingSpec],
    host: &mut (impl SettingsHost + ?Sized),
    sliding: &mut Option<(&'static str, i32)>,
    theme: &Theme,
) {
    let columns = 2;
    let rows = specs.len().div_ceil(columns);
    let size = vec2(rect.width() / columns as f32, (rect.height() / rows as f32).min(46.0));
    for (index, spec) in specs.iter().enumerate() {
        let (column, row) = (index / rows, index % rows);
        let at = rect.min + vec2(column as f32 * size.x, row as f32 * size.y);
        let place = Rect::from_min_size(at, size).shrink2(vec2(4.0, 3.0));
        let response = ui.interact(place, Id::unique(("setting", spec.key)), Sense::hover());
        response.widget_info(|| WidgetInfo::labeled(Role::Label, true, spec.name));
        ui.painter().text(place.left_center(), Align2::LEFT_CENTER, spec.name, theme::body(), theme.text);
        let field = Rect::from_min_max(
            pos2(place.left() + 180.0, place.top() + 2.0),
            pos2(place.right() - 24.0, place.bottom() - 2.0),
        );
        show_setting(ui, field, spec, host, sliding, theme);
        response.on_hover_text_at_pointer(spec.help);
    }
    let below = pos2(rect.left() + 4.0, rect.top() + rows as f32 * size.y + 20.0);
    let text = "Settings count from the next start of the engine. Most hosts are asked for one when the song stands.";
    ui.painter().text(below, Align2::LEFT_CENTER, text, theme::small(), theme.dim);
    let place = Rect::from_min_size(pos2(rect.right() - 110.0, below.y - 13.0), vec2(110.0, 26.0));
    if button(ui, place, "Restart now", false, theme) {
        host.restart();
    }
}

fn show_setting(
    ui: &mut Ui,
    rect: Rect,
    spec: &SettingSpec,
    host: &mut (impl SettingsHost + ?Sized),
    sliding: &mut Option<(&'static str, i32)>,
    theme: &Theme,
) {
    let now = host.setting(spec.key);
    match spec.kind {
        SettingKind::Whole { min, max, .. } => {
            let dragged_to = sliding.filter(|(key, _)| *key == spec.key);
            let mut value = dragged_to.map_or(now as i32, |(_, value)| value);
            let slider = egui::Slider::new(&mut value, min..=max).suffix(format!(" {}", spec.unit));
            let response = ui.put(rect, slider);
            // A drag is one change, at its end.
            if response.dragged() {
                *sliding = Some((spec.key, value));
            } else if dragged_to.is_some() {
                *sliding = None;
            }
            if response.drag_stopped() || (response.changed() && !response.dragged()) {
                host.set_setting(spec.key, value as f32);
            }
        }
        SettingKind::Switch(_) => {
            let on = now >= 0.5;
            for (index, (text, value)) in [("Off", 0.0), ("On", 1.0)].into_iter().enumerate() {
                let place = Rect::from_min_size(rect.min + vec2(index as f32 * 64.0, 0.0), vec2(60.0, rect.height()));
                if button(ui, place, text, on == (value == 1.0), theme) {
                    host.set_setting(spec.key, value);
                }
            }
        }
        SettingKind::Choice(choices) => {
            let width = (rect.width() / choices.len() as f32).min(96.0);
            for (index, choice) in choices.iter().enumerate() {
                let at = rect.min + vec2(index as f32 * width, 0.0);
                let place = Rect::from_min_size(at, vec2(width - 4.0, rect.height()));
                if button(ui, place, choice.name, now as usize == index, theme) {
                    host.set_setting(spec.key, index as f32);
                }
            }
        }
    }
}
