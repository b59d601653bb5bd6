//! Colours, sizes and type: one place for how the editor looks.

use egui::{Color32, FontData, FontDefinitions, FontFamily, FontId};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Dark for a stage, light for a bright room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Light on dark.
    #[default]
    Dark,
    /// Dark on light.
    Light,
}

/// The colours of a mode. Those that tell things apart are of Okabe and Ito's set (*Color Universal Design*, 2008), which people with any
/// kind of colour vision can tell apart; none of them says anything that a word or a shape does not say too.
#[derive(Clone, Copy, Debug)]
pub struct Theme {
    /// Behind everything.
    pub back: Color32,
    /// Behind a group.
    pub panel: Color32,
    /// Behind what can be pressed.
    pub raised: Color32,
    /// Thin lines.
    pub line: Color32,
    /// Text.
    pub text: Color32,
    /// Text of less weight.
    pub dim: Color32,
    /// The one accent: what is said, and what is on.
    pub accent: Color32,
    /// What is heard.
    pub input: Color32,
    /// The voices.
    pub voices: [Color32; 4],
    /// What is wrong.
    pub alarm: Color32,
    /// Text on the accent.
    pub on_accent: Color32,
    /// White and black keys of a keyboard, and what is written on the white ones.
    pub keys: [Color32; 3],
}

const fn rgb(hex: u32) -> Color32 {
    Color32::from_rgb((hex >> 16) as u8, (hex >> 8) as u8, hex as u8)
}

const DARK: Theme = Theme {
    back: rgb(0x0e_11_15),
    panel: rgb(0x16_1b_21),
    raised: rgb(0x23_2a_33),
    line: rgb(0x33_3c_47),
    text: rgb(0xec_ef_f2),
    dim: rgb(0x97_a2_ae),
    accent: rgb(0xf0_a8_1e),
    input: rgb(0x56_b4_e9),
    voices: [rgb(0xf0_a8_1e), rgb(0xd9_87_b4), rgb(0x1f_b8_8c), rgb(0xf0_e4_42)],
    alarm: rgb(0xf0_6a_1a),
    on_accent: rgb(0x14_10_08),
    keys: [rgb(0x9a_a3_ad), rgb(0x0e_11_15), rgb(0x14_10_08)],
};

const LIGHT: Theme = Theme {
    back: rgb(0xf3_f1_ed),
    panel: rgb(0xff_ff_ff),
    raised: rgb(0xe6_e3_dc),
    line: rgb(0xc9_c4_ba),
    text: rgb(0x1d_20_24),
    dim: rgb(0x5b_62_6a),
    accent: rgb(0xb3_67_00),
    input: rgb(0x00_72_b2),
    voices: [rgb(0xb3_67_00), rgb(0xa8_4d_80), rgb(0x00_7d_5a), rgb(0x8a_7a_00)],
    alarm: rgb(0xbf_40_00),
    on_accent: rgb(0xff_ff_ff),
    keys: [rgb(0xff_ff_ff), rgb(0x3a_3f_45), rgb(0x1d_20_24)],
};

impl Theme {
    /// The colours of a mode.
    pub const fn of(mode: Mode) -> &'static Self {
        match mode {
            Mode::Dark => &DARK,
            Mode::Light => &LIGHT,
        }
    }

    /// The colour that a window is to be cleared with before a picture: that of the panels, which are most of it, as it is stored, not as
    /// linear light. Where a processor draws, it is the number of pixels that costs.
    pub fn ground_of_window(&self) -> egui::Rgba {
        let [r, g, b, _] = self.panel.to_array().map(|byte| f32::from(byte) / 255.0);
        egui::Rgba::from_rgb(r, g, b)
    }

    /// The colour of a voice.
    pub fn voice(&self, lane: usize) -> Color32 {
        self.voices[lane % self.voices.len()]
    }
}

/// Distances, in points.
pub mod space {
    /// Between neighbours.
    pub const SMALL: f32 = 6.0;
    /// Between groups.
    pub const MEDIUM: f32 = 12.0;
    /// Corners.
    pub const CORNER: f32 = 5.0;
}

/// Names of keys.
pub fn tiny() -> FontId {
    FontId::new(8.0, FontFamily::Proportional)
}

/// Names, values and help.
pub fn small() -> FontId {
    FontId::new(11.5, FontFamily::Proportional)
}

/// Buttons, lists and sentences.
pub fn body() -> FontId {
    FontId::new(13.5, FontFamily::Proportional)
}

/// Numbers that matter.
pub fn strong() -> FontId {
    FontId::new(13.5, bold())
}

/// The name of the instrument and of what is open.
pub fn title() -> FontId {
    FontId::new(18.0, bold())
}

fn bold() -> FontFamily {
    FontFamily::Name("bold".into())
}

/// The fonts of the pictures, in the editor.
pub fn fonts() -> FontDefinitions {
    let mut fonts = FontDefinitions::empty();
    let named = [
        ("regular", dejavu::sans_condensed::regular(), FontFamily::Proportional),
        ("bold", dejavu::sans_condensed::bold(), bold()),
    ];
    for (name, data, family) in named {
        fonts.font_data.insert(name.into(), Arc::new(FontData::from_static(data)));
        fonts.families.insert(family, vec![name.into()]);
    }
    fonts.families.insert(FontFamily::Monospace, vec!["regular".into()]);
    fonts
}

/// Gives egui's own widgets (fields of text, scroll bars, hints) the same looks.
pub fn apply(context: &egui::Context, mode: Mode, reduced_motion: bool) {
    let theme = Theme::of(mode);
    context.all_styles_mut(|style| {
        style.animation_time = if reduced_motion { 0.0 } else { 0.08 };
        let visuals = &mut style.visuals;
        visuals.dark_mode = mode == Mode::Dark;
        visuals.override_text_color = Some(theme.text);
        visuals.panel_fill = theme.panel;
        visuals.window_fill = theme.panel;
        visuals.extreme_bg_color = theme.back;
        visuals.slider_trailing_fill = true;
        visuals.selection.bg_fill = theme.accent.gamma_multiply(0.5);
        visuals.widgets.noninteractive.bg_stroke.color = theme.line;
        for widget in [&mut visuals.widgets.inactive, &mut visuals.widgets.hovered, &mut visuals.widgets.active] {
            widget.bg_fill = theme.raised;
            widget.weak_bg_fill = theme.raised;
            widget.fg_stroke.color = theme.text;
        }
    });
}
