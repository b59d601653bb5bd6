//! A window of the program's own.

use super::error::CliError;
use crate::editor::{MIN_SIZE, SIZE};
use egui_baseview::{
    App, EguiWindow, EguiWindowSettings, GraphicsConfig,
    baseview::{dpi::LogicalSize, gl::GlConfig},
};

/// Shows a window on this thread, as systems want it, until it is closed.
///
/// # Errors
/// Why there is none.
pub fn show(title: &str, app: impl App) -> Result<(), CliError> {
    let size = |[width, height]: [f32; 2]| LogicalSize::new(f64::from(width), f64::from(height));
    let gl_config = GlConfig { depth_bits: 0, stencil_bits: 0, ..GlConfig::default() };
    let graphics = GraphicsConfig { gl_config, dithering: false, ..GraphicsConfig::default() };
    let settings = EguiWindowSettings::new()
        .with_title(title)
        .with_size(size(SIZE))
        .with_min_size(Some(size(MIN_SIZE)))
        .with_resizable(true)
        .with_graphics_config(graphics);
    let shown = EguiWindow::create(settings, app)
        .map_err(|error| error.to_string())
        .and_then(|window| window.run_until_closed().map_err(|error| error.to_string()));
    shown.map_err(|reason| CliError::Device { device: "the window".into(), action: "shown", reason })
}
