//! Ctrl-C: a flag for commands that tidy up before they end; others leave no half of a file behind.

use super::error::CliError;
use crate::whole_file::remove_parts;
use std::sync::{
    Arc, LazyLock,
    atomic::{AtomicBool, Ordering},
};

/// The exit code that shells use.
pub const INTERRUPTED: i32 = 130;

/// True once Ctrl-C was pressed.
#[derive(Clone, Debug, Default)]
pub struct Interrupt(Arc<AtomicBool>);

/// Pressed, and whether somebody watches.
static PRESSED: LazyLock<Interrupt> = LazyLock::new(Interrupt::default);
static IS_WATCHED: AtomicBool = AtomicBool::new(false);
/// Asked for by something else than a key.
static IS_ASKED: AtomicBool = AtomicBool::new(false);

impl Interrupt {
    /// From now on Ctrl-C removes what is half written and ends the program, unless a command watches for it.
    ///
    /// # Errors
    /// The system's.
    pub fn catch() -> Result<(), CliError> {
        ctrlc::set_handler(|| {
            // The second Ctrl-C ends the program at once.
            let again = PRESSED.0.swap(true, Ordering::Relaxed);
            if again || !IS_WATCHED.load(Ordering::Relaxed) {
                remove_parts();
                std::process::exit(INTERRUPTED);
            }
        })
        .map_err(|error| CliError::Training(format!("Ctrl-C cannot be caught: {error}")))
    }

    /// Watches from now on: the command ends by itself.
    pub fn watch() -> Self {
        IS_WATCHED.store(true, Ordering::Relaxed);
        PRESSED.clone()
    }

    /// Asks for the same in another way: what watches ends by itself. Ctrl-C is then still the first.
    #[cfg(feature = "train")]
    pub fn ask(&self) {
        IS_ASKED.store(true, Ordering::Relaxed);
    }

    /// It was pressed, or the same was asked for.
    pub fn is_pressed(&self) -> bool {
        self.0.load(Ordering::Relaxed) || IS_ASKED.load(Ordering::Relaxed)
    }
}
