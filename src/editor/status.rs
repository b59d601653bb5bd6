//! The line of truth: levels, ring, load, underruns, reaction time.

use super::{
    frame::{Figure, show_figures},
    history::History,
    instance::Activation,
    theme::{self, Theme},
};
use crate::{control::ParamId, dsp::level::gain_to_db, engine::GRID_SAMPLES};
use egui::{Align2, Rect, Ui, pos2, vec2};

/// Of the meters of levels.
const METER: [f32; 2] = [110.0, 7.0];
/// In a narrow window.
const SHORT_METER: f32 = 56.0;
/// Narrower than this.
const NARROW: f32 = 1000.0;
/// Where a meter begins.
const LEAST_DB: f32 = -60.0;
/// Above this it could be too loud.
const HOT_DB: f32 = -3.0;

/// Draws the line into `rect`.
pub(super) fn show(
    ui: &mut Ui,
    rect: Rect,
    history: &History,
    activation: Option<&Activation>,
    instance: &dyn super::Instance,
    theme: &Theme,
) {
    let y = rect.center().y;
    let mut x = rect.left();
    let width = if rect.width() < NARROW { SHORT_METER } else { METER[0] };
    let meter = |name: &str, level: f32, x: &mut f32| {
        let painter = ui.painter();
        painter.text(pos2(*x, y), Align2::LEFT_CENTER, name, theme::small(), theme.dim);
        let bar = Rect::from_min_size(pos2(*x + 24.0, y - 0.5 * METER[1]), vec2(width, METER[1]));
        painter.rect_filled(bar, 2.0, theme.raised);
        let part = ((gain_to_db(level) - LEAST_DB) / -LEAST_DB).clamp(0.0, 1.0);
        let filled = bar.with_max_x(bar.left() + part * bar.width());
        let is_hot = gain_to_db(level) > HOT_DB;
        painter.rect_filled(filled, 2.0, if is_hot { theme.alarm } else { theme.input });
        let text = if level > 1e-5 { format!("{:.0} dB", gain_to_db(level)) } else { "−∞".into() };
        painter.text(pos2(bar.right() + 44.0, y), Align2::RIGHT_CENTER, text, theme::small(), theme.text);
        *x = bar.right() + 60.0;
    };
    meter("In", history.levels[0], &mut x);
    meter("Out", history.levels[1], &mut x);
    let Some(Activation { meters, sample_rate_hz, reaction_ms, .. }) = activation else { return };
    let per_quantum_ms = 1000.0 * GRID_SAMPLES as f32 / *sample_rate_hz as f32;
    let ahead_ms = history.ready_quanta() as f32 * per_quantum_ms;
    let load = meters.load();
    let underruns = meters.underruns();
    let guard = match (instance.value(ParamId::FeedbackGuard) >= 0.5, meters.feedbacks()) {
        (false, _) => "off".into(),
        (true, 0) => "quiet".into(),
        (true, times) => format!("{times} ×"),
    };
    let figures: [Figure; 5] = [
        ("Reaction", format!("{reaction_ms:.0} ms"), false, "How much later it answers."),
        (
            "Ahead",
            format!("{ahead_ms:.0} ms"),
            false,
            "How much of what it says is ready. At 0 the next block would find nothing: an underrun.",
        ),
        (
            "Load",
            format!("{:.0} %", 100.0 * load),
            load > 0.8,
            "How much of one processor core predicting takes. Near 100 % it does not keep up.",
        ),
        (
            "Underruns",
            underruns.to_string(),
            underruns > 0,
            "How often a prediction came too late and the wet was faded out, since the plugin was switched on.",
        ),
        ("Guard", guard, meters.feedbacks() > 0, "How often the input contained the wet and the wet stepped back."),
    ];
    show_figures(ui, rect, &figures, theme);
}
