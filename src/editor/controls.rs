//! Knobs, switches, choices and buttons, each for one parameter. All can be reached and moved with the keyboard.

use super::{
    instance::{Edit, ParamHost, set_at_once},
    theme::{self, Theme, space},
};
use crate::control::{
    HasPresets,
    text::{nearest_value, range, typed},
    values::{Kind, ParamSpec},
};
use egui::{
    Align2, CursorIcon, Id, Key, PointerButton, Pos2, Rect, Response, Role, Sense, SetOpenCommand, Shape, Stroke,
    StrokeKind, TextEdit, Ui, WidgetInfo, pos2, vec2,
};

/// Size of a control with its name and its value.
pub(super) const CELL: [f32; 2] = [92.0, 96.0];
/// Points of a drag from one end of the range to the other.
const TRAVEL: f32 = 220.0;
/// With shift a drag is so much finer.
const FINE: f32 = 0.1;
/// Points of a fine wheel or a pad that are a notch.
const POINTS_PER_NOTCH: f32 = 40.0;
/// A trigger is down for at least so long, in seconds: an engine looks once a block.
const PRESS_SECONDS: f64 = 0.25;
/// And so long after it was last seen to be held.
const HELD_SECONDS: f64 = 0.05;
/// One notch of the wheel, or one press of an arrow key, as a part of the range.
const NOTCH: f32 = 0.02;
/// Height of a row of a list.
const ROW_HEIGHT: f32 = 30.0;
/// Radius of a knob.
const RADIUS: f32 = 21.0;
/// A knob's least and greatest angle, clockwise from straight down.
const SWEEP: [f32; 2] = [0.14 * std::f32::consts::TAU, 0.86 * std::f32::consts::TAU];
const ARC_POINTS: usize = 32;

/// What a control holds while it is used.
#[derive(Clone, Debug)]
pub(super) struct Held<P> {
    /// The parameter that is dragged, and where its control stands, unrounded.
    dragged: Option<(P, f32)>,
    /// The trigger that is down until then.
    pressed: Option<(P, f64)>,
    /// The part of a notch that the wheel has turned.
    wheel: f32,
    /// Its control is in the present picture.
    is_shown: bool,
    /// So is the field in which a value is typed.
    is_typed_shown: bool,
    /// The parameter whose value is being typed, and the text.
    typed: Option<(P, String)>,
}

impl<P> Default for Held<P> {
    fn default() -> Self {
        Self { dragged: None, pressed: None, wheel: 0.0, is_shown: false, is_typed_shown: false, typed: None }
    }
}

impl<P: HasPresets> Held<P> {
    /// True while a field of text has the keyboard.
    pub fn is_typing(&self) -> bool {
        self.typed.is_some()
    }

    /// Lets go what is dragged: the host must hear of the end.
    fn let_go(&mut self, instance: &mut dyn ParamHost<P>) {
        if let Some((id, _)) = self.dragged.take() {
            instance.edit(id, Edit::End);
        }
    }

    fn release(&mut self, instance: &mut dyn ParamHost<P>) {
        if let Some((id, _)) = self.pressed.take() {
            instance.edit(id, Edit::Set(0.0));
            instance.edit(id, Edit::End);
        }
    }

    /// At the end of a picture: a control that has gone from it holds nothing any more, and a trigger comes up in time.
    pub fn end_picture(&mut self, instance: &mut dyn ParamHost<P>, now: f64) {
        if !std::mem::take(&mut self.is_shown) {
            self.let_go(instance);
        }
        if self.pressed.is_some_and(|(_, until)| now >= until) {
            self.release(instance);
        }
        if !std::mem::take(&mut self.is_typed_shown) {
            self.typed = None;
        }
    }
}

/// What all controls need.
pub(super) struct Desk<'a, P: HasPresets> {
    pub instance: &'a mut dyn ParamHost<P>,
    pub held: &'a mut Held<P>,
    pub theme: &'a Theme,
}

/// The control of a parameter, of the kind that it needs, in a cell from `at` on.
pub(super) fn show<P: HasPresets>(ui: &mut Ui, at: Pos2, id: P, desk: &mut Desk<'_, P>) {
    let rect = Rect::from_min_size(at, CELL.into());
    match id.spec().kind {
        Kind::Linear | Kind::Skewed | Kind::Integer => knob(ui, rect, id, desk),
        Kind::Switch => switch(ui, rect, id, desk),
        Kind::Trigger | Kind::Command => trigger(ui, rect, id, desk),
        Kind::Choice(_) => choice(ui, rect, id, desk),
    }
    desk.held.is_shown |= desk.held.dragged.is_some_and(|(dragged, _)| dragged == id);
    desk.held.is_typed_shown |= desk.held.typed.as_ref().is_some_and(|(typed, _)| *typed == id);
}

/// Presses a trigger for a moment, as its own control does.
pub(super) fn press<P: HasPresets>(id: P, now: f64, desk: &mut Desk<'_, P>) {
    desk.held.release(desk.instance);
    desk.held.pressed = Some((id, now + PRESS_SECONDS));
    desk.instance.edit(id, Edit::Begin);
    desk.instance.edit(id, Edit::Set(1.0));
}

fn name_of<P>(ui: &Ui, rect: Rect, spec: &ParamSpec<P>, theme: &Theme) {
    let painter = ui.painter();
    let laid_out = |name: &str| painter.layout_no_wrap(name.into(), theme::small(), theme.dim);
    let mut galley = laid_out(spec.name);
    // On the page of its group it need not say the group.
    if galley.size().x > CELL[0] - 4.0
        && let Some(rest) = spec.name.strip_prefix(spec.group)
    {
        galley = laid_out(rest.trim_start());
    }
    let at = rect.center_top() - vec2(0.5 * galley.size().x, 0.0);
    painter.galley(at, galley, theme.dim);
}

/// The ring around what has the keyboard.
pub(super) fn focus_ring(ui: &Ui, response: &Response, rect: Rect, theme: &Theme) {
    if response.has_focus() {
        ui.painter().rect_stroke(rect, space::CORNER, Stroke::new(1.5, theme.text), StrokeKind::Outside);
    }
}

/// The menu of a right click, under an id of its own: a list of choices has egui's. It is the host's, where the host has one: there
/// are automation, modulation and controllers. With shift it is the editor's everywhere.
fn menu<P: HasPresets>(
    response: &Response,
    id: P,
    desk: &mut Desk<'_, P>,
    content: impl FnOnce(&mut Ui, &mut Desk<'_, P>),
) {
    let open = if response.secondary_clicked() {
        let at = response.interact_pointer_pos().unwrap_or(response.rect.center());
        let is_ours = response.ctx.input(|input| input.modifiers.shift);
        Some(is_ours || !desk.instance.ask_host_menu(id, at))
    } else if desk.instance.is_host_menu_refused(id) {
        Some(true)
    } else {
        response.clicked().then_some(false)
    };
    let popup = egui::Popup::menu(response).id(response.id.with("menu")).at_pointer_fixed();
    popup.open_memory(open.map(SetOpenCommand::Bool)).show(|ui| content(ui, desk));
}

/// The row of a menu that sets a parameter to its default.
fn reset_row<P: HasPresets>(ui: &mut Ui, spec: &ParamSpec<P>, desk: &mut Desk<'_, P>) {
    if ui.button(format!("Reset to {}", typed(spec, spec.default))).clicked() {
        set_at_once(desk.instance, spec.id, spec.default);
        ui.close();
    }
}

/// Help, and the menu of a right click.
fn hint_and_menu<P: HasPresets>(response: Response, id: P, desk: &mut Desk<'_, P>) -> Response {
    let spec = id.spec();
    let response = response.on_hover_ui_at_pointer(|ui| {
        ui.set_max_width(280.0);
        ui.label(spec.help);
        if !spec.kind.is_trigger() {
            ui.colored_label(desk.theme.dim, format!("{}; double click: {}", range(spec), typed(spec, spec.default)));
        }
    });
    menu(&response, id, desk, |ui, desk| {
        ui.label(spec.name);
        if !spec.kind.is_trigger() {
            reset_row(ui, spec, desk);
        }
        if !spec.kind.is_switch() && ui.button("Type a value…").clicked() {
            begin_typing(desk, id);
            ui.close();
        }
    });
    response
}

fn begin_typing<P: HasPresets>(desk: &mut Desk<'_, P>, id: P) {
    desk.held.typed = Some((id, desk.instance.text(id)));
}

fn knob<P: HasPresets>(ui: &mut Ui, rect: Rect, id: P, desk: &mut Desk<'_, P>) {
    let spec = id.spec();
    let theme = desk.theme;
    let response = ui.interact(rect, Id::unique(("control", spec.key)), Sense::click_and_drag());
    let value = desk.instance.value(id);
    response.widget_info(|| WidgetInfo::slider(true, value.into(), spec.name));
    turn(ui, &response, id, desk);
    let value = desk.instance.value(id);
    let place = spec.position(value);
    name_of(ui, rect, spec, theme);
    let centre = pos2(rect.center().x, rect.top() + 18.0 + RADIUS);
    let angle = |place: f32| SWEEP[0] + place * (SWEEP[1] - SWEEP[0]);
    let at = |angle: f32, radius: f32| centre + vec2(-libm::sinf(angle) * radius, libm::cosf(angle) * radius);
    let arc = |from: f32, to: f32, stroke: Stroke| {
        let points = (0..=ARC_POINTS).map(|i| at(from + (to - from) * i as f32 / ARC_POINTS as f32, RADIUS)).collect();
        Shape::line(points, stroke)
    };
    let painter = ui.painter();
    let is_lit = response.hovered() || response.dragged() || response.has_focus();
    painter.circle_filled(centre, RADIUS - 5.0, if is_lit { theme.line } else { theme.raised });
    painter.add(arc(SWEEP[0], SWEEP[1], Stroke::new(4.0, theme.raised)));
    // Ranges around nothing fill from there.
    let zero = if spec.min < 0.0 && spec.max > 0.0 && spec.default == 0.0 { spec.position(0.0) } else { 0.0 };
    painter.add(arc(angle(zero.min(place)), angle(zero.max(place)), Stroke::new(4.0, theme.accent)));
    painter.line_segment([at(angle(place), 6.0), at(angle(place), RADIUS - 5.0)], Stroke::new(2.5, theme.text));
    let below = Rect::from_min_max(pos2(rect.left(), centre.y + RADIUS + 4.0), rect.max);
    value_field(ui, below, id, desk);
    focus_ring(ui, &response, rect.shrink(2.0), theme);
    hint_and_menu(response, id, desk);
}

/// The value below a control, or the field in which it is typed.
fn value_field<P: HasPresets>(ui: &mut Ui, rect: Rect, id: P, desk: &mut Desk<'_, P>) {
    let spec = id.spec();
    let is_typed = desk.held.typed.as_ref().is_some_and(|(typed, _)| *typed == id);
    if !is_typed {
        let text = desk.instance.text(id);
        let painter = ui.painter_at(rect.expand(6.0));
        painter.text(rect.center_top(), Align2::CENTER_TOP, text, theme::small(), desk.theme.text);
        return;
    }
    let Some((_, text)) = &mut desk.held.typed else { return };
    let field = TextEdit::singleline(text).font(theme::small()).desired_width(rect.width() - 12.0);
    let response = ui.put(Rect::from_center_size(rect.center_top() + vec2(0.0, 8.0), vec2(rect.width(), 18.0)), field);
    if !response.has_focus() && !response.lost_focus() {
        response.request_focus();
    }
    if response.lost_focus() {
        // The keyboard is the host's again at once.
        let taken = ui.input(|input| input.key_pressed(Key::Enter)).then(|| nearest_value(spec, text)).flatten();
        desk.held.typed = None;
        if let Some(value) = taken {
            set_at_once(desk.instance, id, value);
        }
    }
}

/// Drag, wheel, keys and double click of what can be turned.
fn turn<P: HasPresets>(ui: &Ui, response: &Response, id: P, desk: &mut Desk<'_, P>) {
    let spec = id.spec();
    let place = spec.position(desk.instance.value(id));
    if response.drag_started_by(PointerButton::Primary) {
        desk.held.let_go(desk.instance);
        desk.held.dragged = Some((id, place));
        desk.instance.edit(id, Edit::Begin);
    }
    if let Some((dragged, from)) = desk.held.dragged
        && dragged == id
    {
        let motion = ui.input(|input| {
            let delta = input.pointer.delta();
            (delta.x - delta.y) / TRAVEL * if input.modifiers.shift { FINE } else { 1.0 }
        });
        if motion != 0.0 {
            let place = (from + motion).clamp(0.0, 1.0);
            desk.held.dragged = Some((id, place));
            desk.instance.edit(id, Edit::Set(spec.value_at(place)));
        }
        // The host must hear of the end, whatever became of the pointer.
        if !response.dragged() {
            desk.held.dragged = None;
            desk.instance.edit(id, Edit::End);
        }
        ui.ctx().set_cursor_icon(CursorIcon::ResizeVertical);
        return;
    }
    if response.double_clicked() {
        set_at_once(desk.instance, id, spec.default);
        return;
    }
    if response.clicked() && ui.input(|input| input.modifiers.command) {
        begin_typing(desk, id);
        return;
    }
    let steps = notches(ui, response, desk.held);
    if steps != 0.0 {
        let wide = if spec.kind.is_whole() { (1.0 / (spec.max - spec.min)).max(NOTCH) } else { NOTCH };
        let fine = if ui.input(|input| input.modifiers.shift) && !spec.kind.is_whole() { FINE } else { 1.0 };
        let value = spec.value_at((place + steps * wide * fine).clamp(0.0, 1.0));
        set_at_once(desk.instance, id, value);
    }
    if response.has_focus() {
        let pressed = |key| ui.input(|input| input.key_pressed(key));
        if pressed(Key::Home) {
            set_at_once(desk.instance, id, spec.min);
        } else if pressed(Key::End) {
            set_at_once(desk.instance, id, spec.max);
        } else if pressed(Key::Delete) || pressed(Key::Backspace) {
            set_at_once(desk.instance, id, spec.default);
        } else if pressed(Key::Enter) {
            begin_typing(desk, id);
        }
    }
}

/// Steps of the wheel over it, and of the arrow keys while it has the keyboard.
fn notches<P>(ui: &Ui, response: &Response, held: &mut Held<P>) -> f32 {
    let mut steps = 0.0;
    if response.hovered() {
        // Events as they come: egui spreads a notch over many pictures.
        ui.input(|input| {
            for event in &input.events {
                let egui::Event::MouseWheel { unit, delta, .. } = event else { continue };
                let way = if delta.y != 0.0 { delta.y } else { delta.x };
                match unit {
                    egui::MouseWheelUnit::Point => held.wheel += way / POINTS_PER_NOTCH,
                    _ => held.wheel += way,
                }
            }
        });
        steps += held.wheel.trunc();
        held.wheel = held.wheel.fract();
    }
    if response.has_focus() {
        ui.ctx().memory_mut(|memory| {
            let filter = egui::EventFilter { horizontal_arrows: true, vertical_arrows: true, ..Default::default() };
            memory.set_focus_lock_filter(response.id, filter);
        });
        let count = |key| ui.input(|input| input.num_presses(key)) as f32;
        steps += count(Key::ArrowUp) + count(Key::ArrowRight) - count(Key::ArrowDown) - count(Key::ArrowLeft);
    }
    steps
}

/// Whether it was pressed, with the mouse or the keyboard.
pub(super) fn is_pressed(ui: &Ui, response: &Response) -> bool {
    response.clicked()
        || (response.has_focus() && ui.input(|input| input.key_pressed(Key::Enter) || input.key_pressed(Key::Space)))
}

fn switch<P: HasPresets>(ui: &mut Ui, rect: Rect, id: P, desk: &mut Desk<'_, P>) {
    let spec = id.spec();
    let theme = desk.theme;
    let response = ui.interact(rect, Id::unique(("control", spec.key)), Sense::click());
    if is_pressed(ui, &response) {
        let on = desk.instance.value(id) < 0.5;
        set_at_once(desk.instance, id, f32::from(on));
    }
    let on = desk.instance.value(id) >= 0.5;
    response.widget_info(|| WidgetInfo::selected(Role::Switch, true, on, spec.name));
    name_of(ui, rect, spec, theme);
    let pill = Rect::from_center_size(pos2(rect.center().x, rect.top() + 18.0 + RADIUS), vec2(44.0, 22.0));
    let painter = ui.painter();
    painter.rect_filled(pill, 11.0, if on { theme.accent } else { theme.raised });
    let x = if on { pill.right() - 11.0 } else { pill.left() + 11.0 };
    let knob = if on { theme.on_accent } else { theme.dim };
    painter.circle_filled(pos2(x, pill.center().y), 8.0, knob);
    let text = desk.instance.text(id);
    let below = Rect::from_min_max(pos2(rect.left(), pill.bottom() + 13.0), rect.max);
    ui.painter_at(below).text(below.center_top(), Align2::CENTER_TOP, text, theme::small(), theme.text);
    focus_ring(ui, &response, rect.shrink(2.0), theme);
    hint_and_menu(response, id, desk);
}

fn trigger<P: HasPresets>(ui: &mut Ui, rect: Rect, id: P, desk: &mut Desk<'_, P>) {
    let spec = id.spec();
    let theme = desk.theme;
    let response = ui.interact(rect, Id::unique(("control", spec.key)), Sense::click_and_drag());
    response.widget_info(|| WidgetInfo::labeled(Role::Button, true, spec.name));
    let now = ui.input(|input| input.time);
    // A finger keeps it down; a short press lasts long enough to be seen.
    let is_held = response.is_pointer_button_down_on() && ui.input(|input| input.pointer.primary_down());
    match desk.held.pressed {
        Some((pressed, earlier)) if pressed == id && is_held => {
            desk.held.pressed = Some((id, earlier.max(now + HELD_SECONDS)));
        }
        Some((pressed, _)) if pressed == id => {}
        _ if is_held || is_pressed(ui, &response) => press(id, now, desk),
        _ => {}
    }
    name_of(ui, rect, spec, theme);
    let centre = pos2(rect.center().x, rect.top() + 18.0 + RADIUS);
    let lit = desk.instance.value(id) >= 0.5 || is_held;
    let painter = ui.painter();
    painter.circle_filled(centre, RADIUS - 1.0, if lit { theme.accent } else { theme.raised });
    painter.circle_stroke(
        centre,
        RADIUS - 1.0,
        Stroke::new(2.0, if response.hovered() { theme.text } else { theme.accent }),
    );
    let text = desk.instance.text(id);
    let text = text.strip_prefix("Off: ").or(text.strip_prefix("On: ")).unwrap_or("press").to_owned();
    let below = Rect::from_min_max(pos2(rect.left(), centre.y + RADIUS + 4.0), rect.max);
    ui.painter_at(below).text(below.center_top(), Align2::CENTER_TOP, text, theme::small(), theme.text);
    focus_ring(ui, &response, rect.shrink(2.0), theme);
    hint_and_menu(response, id, desk);
}

fn choice<P: HasPresets>(ui: &mut Ui, rect: Rect, id: P, desk: &mut Desk<'_, P>) {
    let spec = id.spec();
    let Kind::Choice(choices) = spec.kind else { return };
    let theme = desk.theme;
    let response = ui.interact(rect, Id::unique(("control", spec.key)), Sense::click());
    response.widget_info(|| WidgetInfo::labeled(Role::ComboBox, true, spec.name));
    let now = desk.instance.value(id) as usize;
    let steps = notches(ui, &response, desk.held);
    if steps != 0.0 {
        let last = choices.len() as f32 - 1.0;
        set_at_once(desk.instance, id, (now as f32 + steps).clamp(0.0, last));
    }
    name_of(ui, rect, spec, theme);
    let field =
        Rect::from_center_size(pos2(rect.center().x, rect.top() + 18.0 + RADIUS), vec2(rect.width() - 8.0, 26.0));
    let painter = ui.painter_at(field.expand(2.0));
    painter.rect_filled(field, space::CORNER, if response.hovered() { theme.line } else { theme.raised });
    painter.text(
        field.center(),
        Align2::CENTER_CENTER,
        choices[now.min(choices.len() - 1)].name,
        theme::small(),
        theme.text,
    );
    focus_ring(ui, &response, rect.shrink(2.0), theme);
    egui::Popup::menu(&response).show(|ui| {
        for (index, choice) in choices.iter().enumerate() {
            let button = ui.selectable_label(index == now, choice.name).on_hover_text(choice.meaning);
            if button.clicked() {
                set_at_once(desk.instance, id, index as f32);
                ui.close();
            }
        }
    });
    let below = pos2(rect.center().x, field.bottom() + 8.0);
    ui.painter().text(
        below,
        Align2::CENTER_TOP,
        format!("{} of {}", now + 1, choices.len()),
        theme::small(),
        theme.dim,
    );
    let response = response.on_hover_text_at_pointer(spec.help);
    menu(&response, id, desk, |ui, desk| reset_row(ui, spec, desk));
}

/// The choice of one of `choices`, values and what they are called, asked for while the list is open; in a cell from `at` on.
pub(super) fn list<P: HasPresets>(
    ui: &mut Ui,
    at: Pos2,
    id: P,
    choices: impl Fn() -> Vec<(f32, String)>,
    desk: &mut Desk<'_, P>,
) {
    let rect = Rect::from_min_size(at, CELL.into());
    let spec = id.spec();
    let theme = desk.theme;
    let response = ui.interact(rect, Id::unique(("control", spec.key)), Sense::click());
    response.widget_info(|| WidgetInfo::labeled(Role::ComboBox, true, spec.name));
    name_of(ui, rect, spec, theme);
    let middle = pos2(rect.center().x, rect.top() + 18.0 + RADIUS);
    let field = Rect::from_center_size(middle, vec2(rect.width() - 8.0, 26.0));
    let painter = ui.painter_at(field);
    painter.rect_filled(field, space::CORNER, if response.hovered() { theme.line } else { theme.raised });
    let text = desk.instance.text(id);
    painter.text(field.left_center() + vec2(6.0, 0.0), Align2::LEFT_CENTER, &text, theme::small(), theme.text);
    focus_ring(ui, &response, rect.shrink(2.0), theme);
    let now = desk.instance.value(id);
    egui::Popup::menu(&response).show(|ui| {
        let chosen = choices().into_iter().find(|(value, name)| ui.selectable_label(now == *value, name).clicked());
        if let Some((value, _)) = chosen {
            set_at_once(desk.instance, id, value);
            ui.close();
        }
    });
    let response = response.on_hover_text_at_pointer(format!("{text}. {}", spec.help));
    menu(&response, id, desk, |ui, desk| reset_row(ui, spec, desk));
}

/// A row of a list that can be chosen, under what is written on it. Returns its place, and whether it was chosen.
pub(super) fn list_row(
    ui: &mut Ui,
    id: impl std::hash::Hash + std::fmt::Debug,
    name: &str,
    is_current: bool,
    theme: &Theme,
) -> (Rect, bool) {
    let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), ROW_HEIGHT), Sense::hover());
    let response = ui.interact(rect, Id::unique(id), Sense::click());
    response.widget_info(|| WidgetInfo::selected(Role::ListBoxOption, true, is_current, name));
    let painter = ui.painter_at(rect);
    if is_current || response.hovered() || response.has_focus() {
        let fill = if is_current { theme.raised } else { theme.line.gamma_multiply(0.4) };
        painter.rect_filled(rect, space::CORNER, fill);
    }
    if is_current {
        let mark = Rect::from_min_size(rect.left_top() + vec2(0.0, 5.0), vec2(3.0, ROW_HEIGHT - 10.0));
        painter.rect_filled(mark, 1.5, theme.accent);
    }
    (rect, is_pressed(ui, &response))
}

/// A button with a word on it. Returns whether it was pressed.
pub(super) fn button(ui: &mut Ui, rect: Rect, text: &str, is_on: bool, theme: &Theme) -> bool {
    let response =
        ui.interact(rect, Id::unique(("button", text, rect.left() as i32, rect.top() as i32)), Sense::click());
    response.widget_info(|| WidgetInfo::selected(Role::Button, true, is_on, text));
    let painter = ui.painter_at(rect.expand(2.0));
    let fill = match (is_on, response.hovered()) {
        (true, _) => theme.accent,
        (false, true) => theme.line,
        (false, false) => theme.raised,
    };
    painter.rect_filled(rect, space::CORNER, fill);
    let colour = if is_on { theme.on_accent } else { theme.text };
    painter.text(rect.center(), Align2::CENTER_CENTER, text, theme::body(), colour);
    focus_ring(ui, &response, rect, theme);
    is_pressed(ui, &response)
}

/// A button with a sign on it, and a name.
pub(super) fn named_button(ui: &mut Ui, rect: Rect, sign: &str, name: &str, theme: &Theme) -> bool {
    let response = ui.interact(rect, Id::unique(("button", name)), Sense::click());
    response.widget_info(|| WidgetInfo::labeled(Role::Button, true, name));
    ui.painter().rect_filled(rect, space::CORNER, if response.hovered() { theme.line } else { theme.raised });
    ui.painter().text(rect.center(), Align2::CENTER_CENTER, sign, theme::body(), theme.text);
    focus_ring(ui, &response, rect, theme);
    let pressed = is_pressed(ui, &response);
    response.on_hover_text(name);
    pressed
}

/// A button that says what is chosen.
pub(super) fn wide_button(ui: &mut Ui, rect: Rect, name: &str, text: &str, is_on: bool, theme: &Theme) -> bool {
    let response = ui.interact(rect, Id::unique(("button", name)), Sense::click());
    response.widget_info(|| WidgetInfo::labeled(Role::Button, true, format!("{name}: {text}")));
    let painter = ui.painter_at(rect);
    painter.rect_filled(rect, space::CORNER, if response.hovered() { theme.line } else { theme.raised });
    if is_on {
        painter.hline(rect.x_range(), rect.bottom() - 1.0, Stroke::new(2.0, theme.accent));
    }
    let y = rect.center().y;
    let name = painter.text(pos2(rect.left() + 10.0, y), Align2::LEFT_CENTER, name, theme::small(), theme.dim);
    painter.text(pos2(name.right() + 8.0, y), Align2::LEFT_CENTER, text, theme::strong(), theme.text);
    focus_ring(ui, &response, rect, theme);
    let pressed = is_pressed(ui, &response);
    response.on_hover_text(text);
    pressed
}
