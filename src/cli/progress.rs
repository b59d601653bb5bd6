//! A progress bar for long operations.

use indicatif::{ProgressBar, ProgressStyle};
use std::time::{Duration, Instant};

/// Work shorter than this shows no bar.
const PATIENCE: Duration = Duration::from_secs(1);

/// Appears on the terminal after a second and goes without a trace; nothing is shown where stderr is no terminal.
pub struct Progress {
    began: Instant,
    total_samples: usize,
    bar: Option<ProgressBar>,
}

impl Progress {
    /// Work on this many samples begins now.
    pub fn new(total_samples: usize) -> Self {
        Self { began: Instant::now(), total_samples, bar: None }
    }

    /// So many samples are done.
    pub fn update(&mut self, done_samples: usize) {
        if self.bar.is_none() && self.began.elapsed() > PATIENCE {
            let style = ProgressStyle::with_template("{wide_bar} {percent:>3} %  {eta} left");
            self.bar = Some(
                ProgressBar::new(self.total_samples as u64)
                    .with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar())),
            );
        }
        if let Some(bar) = &self.bar {
            bar.set_position(done_samples as u64);
        }
    }

    /// Time since the beginning.
    pub fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
