//! The editor in front of a real engine: every state that people see is drawn, and what is drawn is looked at.
#![allow(missing_docs, reason = "test code")]

mod brought;
#[path = "../common/mod.rs"]
mod common;
mod learning;
mod notes;
mod raster;
mod stage;

use common::phrase;
use egui_kittest::kittest::Queryable;
use stage::{Player, Stage};
use std::path::PathBuf;
use std::sync::Arc;
use sympathy::{
    control::{
        ParamId, ParamValues,
        settings::{SETTINGS, SettingKind},
    },
    editor::{Edit, Look, Mode, Page, SIZE},
    nn::Isa,
    worker::ModelRegistry,
};

/// Left half and right half of the picture at the centre.
const HEARD: [f32; 4] = [0.02, 0.15, 0.53, 0.55];
const SAID: [f32; 4] = [0.57, 0.15, 0.98, 0.55];

fn registry() -> Arc<ModelRegistry> {
    ModelRegistry::with_embedded(Isa::best())
}

fn stage(change: impl FnOnce(&mut ParamValues)) -> Stage {
    Stage::new(Player::new(&registry(), change), 1.0, SIZE)
}

/// Keeps a picture where people can look at it.
fn keep<V: Default + 'static, P: 'static>(stage: &mut Stage<V, P>, name: &str) -> raster::Picture {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("editor");
    std::fs::create_dir_all(&folder).expect("a folder for pictures");
    let picture = stage.picture();
    picture.save(&folder.join(format!("{name}.png")));
    picture
}

#[test]
fn an_empty_instance_says_what_to_do_and_shows_nothing_that_is_not_there() {
    let mut stage = stage(|_| {});
    let picture = keep(&mut stage, "empty");
    stage.harness.get_by_label("Play: 2.0 seconds, and it joins in.");
    let [input, voice] = [egui::Color32::from_rgb(0x56, 0xb4, 0xe9), egui::Color32::from_rgb(0xf0, 0xa8, 0x1e)];
    assert_eq!(picture.count_near(input, HEARD) + picture.count_near(voice, SAID), 0);
}

#[test]
fn what_is_played_the_seed_and_what_is_said_are_seen() {
    let mut stage = stage(|_| {});
    let input = phrase(48_000, 20.0, 2);
    stage.play(&input, 0.0, 1.5);
    stage.harness.get_by_label("It listens: after 2.0 seconds of you it joins in.");
    let picture = keep(&mut stage, "listening");
    let [input_colour, voice] = [egui::Color32::from_rgb(0x56, 0xb4, 0xe9), egui::Color32::from_rgb(0xf0, 0xa8, 0x1e)];
    assert!(picture.count_near(input_colour, HEARD) > 500, "what is heard");
    stage.play(&input, 1.5, 6.0);
    stage.harness.get_by_label("It plays what may come next.");
    let picture = keep(&mut stage, "playing");
    assert!(picture.count_near(voice, SAID) > 500, "what is said");
    stage.view().looks.look = Look::Spectrogram;
    stage.play(&input, 7.5, 8.0);
    keep(&mut stage, "spectrogram");
    stage.view().looks.mode = Mode::Light;
    stage.play(&input, 15.5, 0.5);
    keep(&mut stage, "light");
}

#[test]
fn four_voices_and_the_strings_are_seen_each_for_itself() {
    let mut stage = stage(|values| {
        values.set(ParamId::Voices, 4.0);
        values.set(ParamId::ReseedInterval, 2.0);
        values.set(ParamId::SeedLength, 1.0);
        values.set(ParamId::Hold, 61.0);
        values.set(ParamId::SwellLevel, 6.0);
    });
    let input = phrase(48_000, 20.0, 2);
    stage.play(&input, 0.0, 11.0);
    let picture = keep(&mut stage, "four-voices-and-strings");
    for colour in [0xf0_a8_1e_u32, 0xd9_87_b4, 0x1f_b8_8c, 0xf0_e4_42] {
        let colour = egui::Color32::from_rgb((colour >> 16) as u8, (colour >> 8) as u8, colour as u8);
        assert!(picture.count_near(colour, SAID) > 100, "{colour:?}");
    }
    let frame = stage.view().frame_seconds();
    println!("median picture laid out in {:.2} ms", 1000.0 * frame);
}

#[test]
fn what_is_wrong_is_said_with_what_to_do() {
    let mut late = stage(|_| {});
    let input = phrase(48_000, 20.0, 2);
    late.play(&input, 0.0, 4.0);
    for block in 0..60 {
        late.player().play(&input, 4 * 48_000 + 512 * block, true);
    }
    late.harness.step();
    late.harness.get_by_label_contains("This machine does not keep up.");
    keep(&mut late, "underruns");

    let registry = registry();
    registry.set_missing(70, "cello".into(), "missing: not in the project, and not in the models folder".into());
    let mut missing = Stage::new(Player::new(&registry, |values| values.set(ParamId::Model, 70.0)), 1.0, SIZE);
    missing.harness.step();
    missing.harness.get_by_label_contains("The model cannot play: missing:");
    missing.view().page = Page::Models;
    missing.harness.run_steps(3);
    keep(&mut missing, "missing-model");
}

#[test]
fn models_are_chosen_from_the_list_and_one_after_the_other() {
    let mut stage = stage(|_| {});
    stage.harness.step();
    stage.harness.get_by_label_contains("Model: Guitar").click();
    stage.harness.run_steps(4);
    keep(&mut stage, "models");
    stage.harness.get_by_label("Piano (magnitude)").click();
    stage.harness.run_steps(2);
    assert_eq!(stage.player().values.get(ParamId::Model), 2.0);
    stage.harness.get_by_label("Next Model").click();
    stage.harness.run_steps(2);
    assert_eq!(stage.player().values.get(ParamId::Model), 3.0);
    let edits = &stage.player().edits;
    assert_eq!(edits.len(), 6, "each from its beginning to its end: {edits:?}");
    stage.harness.get_by_label("Close").click();
    stage.harness.run_steps(2);
    assert_eq!(stage.view().page, Page::TimeLine);
}

#[test]
fn presets_are_loaded_saved_compared_and_never_overwritten() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut player = Player::new(&registry(), |values| values.set(ParamId::Model, 2.0));
    player.data = Some(folder.path().into());
    let mut stage = Stage::new(player, 1.0, SIZE);
    stage.harness.step();
    stage.harness.get_by_label("Next Preset").click();
    stage.harness.run_steps(2);
    let first = stage.player().values;
    assert_ne!(first, ParamValues::default());
    assert_eq!(first.get(ParamId::Model), 2.0, "a preset that names no model leaves it alone");
    stage.harness.get_by_label("Compare A and B").click();
    stage.harness.run_steps(2);
    assert_eq!(stage.player().values, first, "at first both sides are alike");
    stage.player().values.set(ParamId::Mix, 12.0);
    stage.harness.get_by_label("Compare A and B").click();
    stage.harness.run_steps(2);
    assert_eq!(stage.player().values, first);
    stage.harness.get_by_label_contains("Preset: ").click();
    stage.harness.run_steps(2);
    for mix in [first.get(ParamId::Mix), 7.0] {
        stage.player().values.set(ParamId::Mix, mix);
        stage.harness.get_by_role(egui::Role::TextInput).focus();
        stage.harness.run_steps(1);
        stage.harness.get_by_role(egui::Role::TextInput).type_text("Mine");
        stage.harness.run_steps(1);
        stage.harness.get_by_label("Save").click();
        stage.harness.run_steps(2);
    }
    keep(&mut stage, "presets");
    let saved = folder.path().join("presets/Mine.json");
    let preset = sympathy::control::Preset::find(&saved.to_string_lossy()).expect("a preset");
    assert_eq!(preset.values(), first);
    assert_eq!(std::fs::read_dir(folder.path().join("presets")).expect("the folder").count(), 1);
}

#[test]
fn a_drag_is_one_edit_and_keys_move_what_they_point_at() {
    let mut stage = stage(|_| {});
    stage.harness.step();
    let knob = stage.harness.get_by_label("Mix").rect().center();
    stage.harness.drag_at(knob);
    stage.harness.step();
    for step in 1..=20 {
        stage.harness.hover_at(knob - egui::vec2(0.0, 4.0 * step as f32));
        stage.harness.step();
    }
    stage.harness.drop_at(knob - egui::vec2(0.0, 80.0));
    stage.harness.run_steps(2);
    let value = stage.player().values.get(ParamId::Mix);
    assert!(value > 75.0 && value < 95.0, "{value}");
    let edits = std::mem::take(&mut stage.player().edits);
    let count = |wanted: Edit| edits.iter().filter(|(_, edit)| *edit == wanted).count();
    assert_eq!((edits[0].1, edits.last().map(|edit| edit.1)), (Edit::Begin, Some(Edit::End)));
    assert_eq!((count(Edit::Begin), count(Edit::End)), (1, 1));

    // A control that goes while it is dragged is let go.
    let knob = stage.harness.get_by_label("Mix").rect().center();
    stage.harness.drag_at(knob);
    stage.harness.step();
    stage.harness.hover_at(knob - egui::vec2(0.0, 30.0));
    stage.harness.run_steps(2);
    stage.view().tab = 8;
    stage.harness.run_steps(2);
    let edits = std::mem::take(&mut stage.player().edits);
    assert_eq!((edits[0].1, edits.last().map(|edit| edit.1)), (Edit::Begin, Some(Edit::End)));
    stage.view().tab = 0;
    stage.harness.drop_at(knob);
    stage.harness.run_steps(2);
    stage.player().edits.clear();

    stage.harness.get_by_label("Mix").focus();
    stage.harness.run_steps(2);
    stage.harness.key_press(egui::Key::Home);
    stage.harness.run_steps(2);
    assert_eq!(stage.player().values.get(ParamId::Mix), 0.0);
    stage.harness.key_press(egui::Key::ArrowUp);
    stage.harness.run_steps(2);
    assert_eq!(stage.player().values.get(ParamId::Mix), 2.0);
    stage.harness.get_by_label("Freeze").click();
    stage.harness.run_steps(2);
    assert_eq!(stage.player().values.get(ParamId::Freeze), 1.0);
}

#[test]
fn every_parameter_and_setting_is_on_some_page() {
    let mut stage = stage(|_| {});
    stage.harness.step();
    let mut seen = vec!["Model"];
    for setting in &SETTINGS {
        assert!(stage.harness.query_by_label(setting.name).is_none(), "{}", setting.name);
    }
    for tab in ["Start", "Play", "Seed", "Listening", "Learning", "Voices", "Colour", "Sympathy", "Output", "Settings"]
    {
        stage.harness.get_by_label(tab).click();
        stage.harness.run_steps(2);
        keep(&mut stage, &format!("page-{}", tab.to_lowercase()));
        for spec in &sympathy::control::values::SPECS {
            if stage.harness.query_all_by_label(spec.name).next().is_some() {
                seen.push(spec.name);
            }
        }
    }
    for setting in &SETTINGS {
        stage.harness.get_by_label(setting.name);
    }
    let window = stage.harness.ctx.content_rect();
    let button = stage.harness.get_by_label("Restart now").rect();
    assert!(window.contains_rect(button), "{button:?} in {window:?}");
    stage.harness.get_by_label("int8").click();
    stage.harness.get_by_label("Restart now").click();
    stage.harness.run_steps(2);
    assert_eq!((stage.player().settings[5], stage.player().restarts), (4.0, 1));
    for spec in &sympathy::control::values::SPECS {
        assert!(seen.contains(&spec.name), "{}", spec.name);
    }
}

#[test]
fn the_numbers_of_settings_are_dragged_one_by_one() {
    let mut stage = stage(|_| {});
    stage.harness.step();
    stage.harness.get_by_label("Settings").click();
    stage.harness.run_steps(2);
    let places: Vec<egui::Pos2> =
        stage.harness.get_all_by_role(egui::accesskit::Role::SpinButton).map(|number| number.rect().center()).collect();
    let numbers: Vec<usize> =
        (0..SETTINGS.len()).filter(|&at| matches!(SETTINGS[at].kind, SettingKind::Whole { .. })).collect();
    assert_eq!(places.len(), numbers.len());
    for (place, which) in places.into_iter().zip(numbers) {
        let before = stage.player().settings;
        stage.harness.drag_at(place);
        stage.harness.step();
        for step in 1..=20 {
            stage.harness.hover_at(place + egui::vec2(3.0 * step as f32, 0.0));
            stage.harness.step();
        }
        stage.harness.drop_at(place + egui::vec2(60.0, 0.0));
        stage.harness.run_steps(2);
        let after = stage.player().settings;
        let moved: Vec<usize> = (0..SETTINGS.len()).filter(|&at| before[at] != after[at]).collect();
        assert_eq!(moved, [which], "{}", SETTINGS[which].name);
        assert!(after[which] > before[which], "{}", SETTINGS[which].name);
    }
}

#[test]
fn it_is_drawn_in_any_size() {
    let registry = registry();
    for (name, scale, size) in [("150-percent", 1.5, SIZE), ("small", 1.0, sympathy::editor::MIN_SIZE)] {
        let mut stage = Stage::new(Player::new(&registry, |_| {}), scale, size);
        stage.play(&phrase(48_000, 5.0, 2), 0.0, 3.0);
        let picture = keep(&mut stage, name);
        let input = egui::Color32::from_rgb(0x56, 0xb4, 0xe9);
        assert!(picture.count_near(input, [0.02, 0.1, 0.53, 0.5]) > 300, "{name}: what is heard");
        // Everything is inside the window.
        let window = stage.harness.ctx.content_rect();
        for label in ["Mix", "Save Take", "Bypass", "Settings", "Next Preset"] {
            let place = stage.harness.get_by_label(label).rect();
            assert!(window.contains_rect(place), "{name}: {label} at {place:?}");
        }
    }
}

#[test]
fn choices_are_chosen_from_their_list() {
    let mut stage = stage(|_| {});
    stage.harness.step();
    stage.harness.get_by_label("Seed").click();
    stage.harness.run_steps(2);
    stage.harness.get_by_label("Seed Source").click();
    stage.harness.run_steps(3);
    keep(&mut stage, "choice");
    stage.harness.get_by_label("Perlin Noise").click();
    stage.harness.run_steps(3);
    assert_eq!(stage.player().values.get(ParamId::SeedSource), 3.0);
    assert_eq!(stage.player().edits.len(), 3);
    stage.harness.get_by_label("Colour").click();
    stage.harness.run_steps(2);
    stage.harness.get_by_label("Morph Model").click();
    stage.harness.run_steps(3);
    stage.harness.get_by_label("Any instrument").click();
    stage.harness.run_steps(3);
    assert_eq!(stage.player().values.get(ParamId::MorphModel), 4.0);
}

#[test]
fn outside_a_host_the_devices_of_the_sound_card_are_chosen() {
    let mut stage = stage(|_| {});
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    stage.player().sound = Some(sympathy::editor::SoundDevices {
        outputs: names(&["speakers", "broken"]),
        inputs: names(&["guitar", "microphone"]),
        output: "speakers".into(),
        input: "none".into(),
    });
    stage.harness.step();
    stage.harness.get_by_label("Sound card").click();
    stage.harness.run_steps(2);
    let choose = |stage: &mut Stage, which: &str, device: &str| {
        stage.harness.get_by_role_and_label(egui::Role::ComboBox, which).click();
        stage.harness.run_steps(3);
        stage.harness.get_by_label(device).click();
        stage.harness.run_steps(3);
    };
    choose(&mut stage, "Input", "guitar");
    keep(&mut stage, "sound-card");
    stage.harness.get_by_label("It plays on speakers.");
    choose(&mut stage, "Output", "broken");
    stage.harness.get_by_label("broken: it cannot be opened.");
    let now = stage.player().sound.clone().expect("a card");
    assert_eq!((&now.output[..], &now.input[..]), ("speakers", "guitar"));
}

#[test]
fn a_short_press_of_a_trigger_lasts_and_another_button_presses_nothing() {
    let mut stage = stage(|_| {});
    stage.harness.step();
    let at = stage.harness.get_by_label("Continue").rect().center();
    let press = |stage: &mut Stage, button, pressed| {
        let modifiers = egui::Modifiers::NONE;
        stage.harness.event(egui::Event::PointerMoved(at));
        stage.harness.event(egui::Event::PointerButton { pos: at, button, pressed, modifiers });
        stage.harness.step();
    };
    press(&mut stage, egui::PointerButton::Secondary, true);
    press(&mut stage, egui::PointerButton::Secondary, false);
    assert_eq!(stage.player().edits, []);
    stage.harness.key_press(egui::Key::Escape);
    stage.harness.run_steps(3);
    press(&mut stage, egui::PointerButton::Primary, true);
    press(&mut stage, egui::PointerButton::Primary, false);
    stage.harness.run_steps(5);
    assert_eq!(stage.player().values.get(ParamId::Continue), 1.0, "down for a while");
    stage.harness.run_steps(30);
    let edits = [Edit::Begin, Edit::Set(1.0), Edit::Set(0.0), Edit::End].map(|edit| (ParamId::Continue, edit));
    assert_eq!(stage.player().edits, edits);
}

#[test]
fn a_notch_of_the_wheel_is_one_step_and_a_value_can_be_typed() {
    let mut stage = stage(|_| {});
    stage.harness.step();
    let at = stage.harness.get_by_label("Mix").rect().center();
    stage.harness.hover_at(at);
    stage.harness.step();
    let (unit, delta) = (egui::MouseWheelUnit::Line, egui::vec2(0.0, 1.0));
    let (modifiers, phase, source) = (egui::Modifiers::NONE, egui::TouchPhase::Move, egui::MouseWheelSource::Wheel);
    stage.harness.event(egui::Event::MouseWheel { unit, delta, modifiers, phase, source });
    stage.harness.run_steps(20);
    assert_eq!(stage.player().values.get(ParamId::Mix), 52.0);
    stage.harness.get_by_label("Mix").focus();
    stage.harness.run_steps(2);
    stage.harness.key_press(egui::Key::Enter);
    stage.harness.run_steps(3);
    let field = stage.harness.get_by_role(egui::Role::TextInput);
    field.focus();
    stage.harness.key_press_modifiers(egui::Modifiers::COMMAND, egui::Key::A);
    stage.harness.run_steps(1);
    stage.harness.get_by_role(egui::Role::TextInput).type_text("12.5 %");
    stage.harness.run_steps(1);
    stage.harness.key_press(egui::Key::Enter);
    stage.harness.run_steps(3);
    assert_eq!(stage.player().values.get(ParamId::Mix), 12.5);
    assert!(stage.harness.query_by_role(egui::Role::TextInput).is_none(), "the keyboard is the host's again");
}

#[test]
fn a_right_click_opens_the_hosts_menu_where_there_is_one_and_with_shift_the_editors() {
    let mut stage = stage(|values| values.set(ParamId::Mix, 20.0));
    stage.harness.step();
    let click = |stage: &mut Stage, pos: egui::Pos2, modifiers| {
        stage.harness.event(egui::Event::PointerMoved(pos));
        for pressed in [true, false] {
            let button = egui::PointerButton::Secondary;
            stage.harness.event_modifiers(egui::Event::PointerButton { pos, button, pressed, modifiers }, modifiers);
            stage.harness.step();
        }
        stage.harness.run_steps(3);
    };
    let close = |stage: &mut Stage| {
        stage.harness.key_press(egui::Key::Escape);
        stage.harness.run_steps(3);
        assert!(stage.harness.query_by_label_contains("Reset to ").is_none());
    };
    // Every kind of control, with what its own menu has.
    let controls = [
        ("Start", "Mix", ParamId::Mix, Some("Reset to 50 %")),
        ("Start", "Freeze", ParamId::Freeze, Some("Reset to ")),
        ("Start", "Continue", ParamId::Continue, None),
        ("Seed", "Seed Source", ParamId::SeedSource, Some("Reset to ")),
        ("Colour", "Morph Model", ParamId::MorphModel, Some("Reset to ")),
    ];
    for (tab, label, id, row) in controls {
        stage.harness.get_by_label(tab).click();
        stage.harness.run_steps(2);
        let at = stage.harness.get_by_label(label).rect().center() + egui::vec2(3.0, -2.0);
        let is_ours = |stage: &Stage| row.is_some_and(|row| stage.harness.query_by_label_contains(row).is_some());
        for has_host_menus in [false, true] {
            stage.player().has_host_menus = has_host_menus;
            click(&mut stage, at, egui::Modifiers::NONE);
            assert_eq!(std::mem::take(&mut stage.player().asked_menus), [(id, at)], "{label}");
            assert_eq!(is_ours(&stage), !has_host_menus && row.is_some(), "{label}");
            close(&mut stage);
        }
        click(&mut stage, at, egui::Modifiers::SHIFT);
        assert_eq!(stage.player().asked_menus, [], "{label}: the host is not asked");
        assert_eq!(is_ours(&stage), row.is_some(), "{label}");
        // The host's takes its place; beside ours, which lies to the right of the pointer and below.
        click(&mut stage, at - egui::vec2(8.0, 8.0), egui::Modifiers::NONE);
        assert_eq!(stage.player().asked_menus.pop().map(|(id, _)| id), Some(id), "{label}");
        assert!(!is_ours(&stage), "{label}: one menu, not two");
        // The host has none of this parameter after all.
        stage.player().refused_menu = Some(id);
        stage.harness.run_steps(3);
        assert_eq!(is_ours(&stage), row.is_some(), "{label}");
        close(&mut stage);
        assert_eq!(stage.player().edits, []);
    }
    stage.harness.get_by_label("Start").click();
    stage.harness.run_steps(2);
    let at = stage.harness.get_by_label("Mix").rect().center();
    click(&mut stage, at, egui::Modifiers::SHIFT);
    stage.harness.get_by_label("Reset to 50 %").click();
    stage.harness.run_steps(3);
    assert_eq!(stage.player().values.get(ParamId::Mix), 50.0);
}
