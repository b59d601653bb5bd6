//! A thread that runs until it is dropped.

use crate::cli::error::CliError;
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
};

/// See the module.
#[derive(Debug)]
pub struct Background {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Background {
    /// Runs `work` until the flag that it gets is true.
    ///
    /// # Errors
    /// If the system gives no thread.
    pub fn start(name: &str, work: impl FnOnce(&AtomicBool) + Send + 'static) -> Result<Self, CliError> {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::Builder::new().name(name.into()).spawn(move || work(&stopped));
        let thread = thread.map_err(|error| CliError::Device {
            device: format!("the thread {name}"),
            action: "started",
            reason: error.to_string(),
        })?;
        Ok(Self { stop, thread: Some(thread) })
    }

    /// Asks it to end, without waiting until it has.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Release);
    }

    /// True once it runs no more, whyever.
    pub fn is_over(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        self.stop();
        if let Some(thread) = self.thread.take() {
            // A panic there has been reported by its hook.
            let _ = thread.join();
        }
    }
}
