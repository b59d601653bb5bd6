//! Ctrl-C as a flag, for commands that tidy up before they end.

use super::error::CliError;
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

/// True once Ctrl-C was pressed.
#[derive(Clone, Debug, Default)]
pub struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Watches from now on; once per program.
    ///
    /// # Errors
    /// The system's.
    pub fn watch() -> Result<Self, CliError> {
        let interrupt = Self::default();
        let flag = Arc::clone(&interrupt.0);
        ctrlc::set_handler(move || {
            // The second Ctrl-C ends the program at once, with the exit code 130 that shells use.
            if flag.swap(true, Ordering::Relaxed) {
                std::process::exit(130);
            }
        })
        .map_err(|error| CliError::Training(format!("Ctrl-C cannot be caught: {error}")))?;
        Ok(interrupt)
    }

    /// It was pressed.
    pub fn is_pressed(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
