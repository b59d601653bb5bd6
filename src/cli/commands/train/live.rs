//! The view of a training while it runs: a bar and what the figures are, or lines in a log file.

use crate::cli::terminal::remark;
use crate::{
    cli::one_line,
    train::{Progress, run::journal::EpochEntry},
};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use std::{
    collections::VecDeque,
    path::Path,
    time::{Duration, Instant},
};

/// Where the bar cannot be shown, a line is written as often.
const LOG_EVERY: Duration = Duration::from_secs(10);
/// The terminal is drawn anew as often.
const DRAW_EVERY: Duration = Duration::from_millis(100);
/// The bar counts in these parts of the whole.
const BAR_LENGTH: u64 = 10_000;
/// The speed is measured over the last stretches of this length.
const SPEED_SECONDS: f64 = 3.0;
/// Characters of the curve.
const CURVE: usize = 40;
/// From as many epochs on the curve shows them, before that it shows steps.
const ENOUGH_EPOCHS: usize = 8;
const LEVELS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// Shows a training on stderr. Made when it begins; where stderr is no terminal, a line is written every 10 seconds and
/// after [`Self::note`].
#[derive(Debug)]
pub struct Live {
    figures: Figures,
    bars: MultiProgress,
    bar: ProgressBar,
    lines: [ProgressBar; 3],
    began: bool,
    drawn: Instant,
    told: Instant,
}

impl Live {
    /// `label` stands before the bar; `frames_per_step`: rows of the material that a step learns from.
    pub fn new(label: &str, frames_per_step: u64) -> Self {
        let bars = MultiProgress::new();
        let style = |template| ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = bars.add(
            ProgressBar::new(BAR_LENGTH)
                .with_style(style("{msg} {bar:30} {percent:>3} %  {elapsed} gone, {eta} left"))
                .with_message(one_line(label)),
        );
        let lines = [(); 3].map(|()| bars.add(ProgressBar::new(1).with_style(style("{wide_msg}"))));
        let now = Instant::now();
        Self { figures: Figures::new(frames_per_step), bars, bar, lines, began: false, drawn: now, told: now }
    }

    /// A step was made.
    pub fn step(&mut self, progress: &Progress) {
        let now = Instant::now();
        self.figures.step(progress, now);
        if self.bar.is_hidden() {
            if now - self.told >= LOG_EVERY {
                self.told = now;
                remark!("{:.0} %: {}", 100.0 * progress.fraction, self.figures.state());
            }
            return;
        }
        if self.began && now - self.drawn < DRAW_EVERY {
            return;
        }
        self.drawn = now;
        self.bar.set_position((progress.fraction * BAR_LENGTH as f64) as u64);
        if !self.began {
            // A resumed training has not made what is behind it in this time.
            self.bar.reset_eta();
            self.began = true;
        }
        self.draw();
    }

    /// An epoch was completed.
    pub fn epoch(&mut self, entry: &EpochEntry) {
        self.figures.epoch(entry);
    }

    /// A sampled output was written.
    pub fn sample(&mut self, output: &Path) {
        self.figures.sample = Some(one_line(&output.display().to_string()));
        if self.bar.is_hidden() {
            remark!("{}", self.figures.last_sample());
        } else {
            self.draw();
        }
    }

    /// After the last step the model is tried, so often of so many times.
    pub fn trial(&mut self, done: usize, of: usize) {
        let now = Instant::now();
        let state = format!("listening to it: {} %", 100 * done / of.max(1));
        if !self.bar.is_hidden() {
            self.lines[2].set_message(state);
        } else if now - self.told >= LOG_EVERY {
            self.told = now;
            remark!("{state}");
        }
    }

    /// Something to be read and kept: a line above the bar.
    pub fn note(&self, text: &str) {
        self.bars.suspend(|| remark!("{}", one_line(text)));
    }

    /// The training is over: the last figures stay on the terminal.
    pub fn finish(self) {
        if let Some(progress) = self.figures.progress.filter(|_| !self.bar.is_hidden()) {
            self.bar.set_position((progress.fraction * BAR_LENGTH as f64) as u64);
            self.draw();
        }
        self.lines.iter().chain([&self.bar]).for_each(ProgressBar::abandon);
    }

    fn draw(&self) {
        let texts = [self.figures.state(), self.figures.curve(), self.figures.last_sample()];
        for (line, text) in self.lines.iter().zip(texts) {
            line.set_message(text);
        }
    }
}

/// What is shown, as text.
#[derive(Debug)]
struct Figures {
    frames_per_step: u64,
    progress: Option<Progress>,
    epoch: Option<EpochEntry>,
    sample: Option<String>,
    /// Losses of the last epochs.
    epochs: VecDeque<f32>,
    /// Losses of the whole run, every `stride`th step.
    steps: Vec<f32>,
    stride: u64,
    seen: u64,
    /// Where the measured stretch began, and the speed of the one before.
    since: Option<(Instant, u64)>,
    frames_per_second: Option<f64>,
}

impl Figures {
    fn new(frames_per_step: u64) -> Self {
        Self {
            frames_per_step,
            progress: None,
            epoch: None,
            sample: None,
            epochs: VecDeque::new(),
            steps: Vec::new(),
            stride: 1,
            seen: 0,
            since: None,
            frames_per_second: None,
        }
    }

    fn step(&mut self, progress: &Progress, now: Instant) {
        self.progress = Some(*progress);
        let (began, first) = *self.since.get_or_insert((now, progress.step));
        let seconds = (now - began).as_secs_f64();
        if seconds > 0.0 && (seconds >= SPEED_SECONDS || self.frames_per_second.is_none()) {
            let frames = progress.step.saturating_sub(first) * self.frames_per_step;
            self.frames_per_second = Some(frames as f64 / seconds);
        }
        if seconds >= SPEED_SECONDS {
            self.since = Some((now, progress.step));
        }
        if self.seen.is_multiple_of(self.stride) {
            self.steps.push(progress.loss);
        }
        self.seen += 1;
        // An even number: the next step to be kept is then the next multiple of the doubled stride.
        if self.steps.len() == 2 * (CURVE / 2) {
            self.steps = self.steps.iter().copied().step_by(2).collect();
            self.stride *= 2;
        }
    }

    fn epoch(&mut self, entry: &EpochEntry) {
        self.epochs.push_back(entry.train.loss);
        if self.epochs.len() > CURVE {
            self.epochs.pop_front();
        }
        self.epoch = Some(entry.clone());
    }

    /// Step, losses, learning rate, speed.
    fn state(&self) -> String {
        let Some(Progress { step, epoch, loss, baseline_loss, rate, .. }) = self.progress else {
            return String::new();
        };
        let validation = self.epoch.as_ref().and_then(|epoch| epoch.validation);
        let validation = validation.map(|errors| format!("validation {:.4}, ", errors.loss)).unwrap_or_default();
        let speed = self.frames_per_second.map(|speed| format!(", {speed:.0} frames/s")).unwrap_or_default();
        format!(
            "step {step}, epoch {epoch}: loss {loss:.4} ({validation}repeating the last frame {baseline_loss:.4}), \
             rate {rate:.2e}{speed}"
        )
    }

    /// The losses of the last epochs as a row of bars, or those of the steps so far.
    fn curve(&self) -> String {
        let (what, values) = if self.epochs.len() >= ENOUGH_EPOCHS {
            (format!("last {} epochs", self.epochs.len()), self.epochs.iter().copied().collect())
        } else {
            ("steps so far".to_string(), self.steps.clone())
        };
        let Some((low, high)) = range(&values) else {
            return String::new();
        };
        format!("loss {} {low:.4} to {high:.4}, {what}", sparkline(&values))
    }

    fn last_sample(&self) -> String {
        self.sample.as_ref().map(|name| format!("sampled {name}")).unwrap_or_default()
    }
}

/// Least and largest finite value.
fn range(values: &[f32]) -> Option<(f32, f32)> {
    let finite = values.iter().copied().filter(|value| value.is_finite());
    finite.fold(None, |range, value| {
        let (low, high) = range.unwrap_or((value, value));
        Some((low.min(value), high.max(value)))
    })
}

/// A character a value, as high as the value lies between the least and the largest; a space where it is not finite.
fn sparkline(values: &[f32]) -> String {
    let (low, high) = range(values).unwrap_or((0.0, 0.0));
    let last = LEVELS.len() - 1;
    let character = |&value: &f32| match value.is_finite() {
        false => ' ',
        true if high <= low => LEVELS[0],
        true => LEVELS[(((value - low) / (high - low) * last as f32).round() as usize).min(last)],
    };
    values.iter().map(character).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::run::journal::Errors;

    fn progress(step: u64, loss: f32) -> Progress {
        Progress { step, epoch: 1, fraction: 0.5, loss, baseline_loss: 0.9, gradient_norm: 1.0, rate: 2e-3 }
    }

    fn epoch(loss: f32) -> EpochEntry {
        let train = Errors { loss, mae: 0.1, mbe: 0.0, ..Errors::default() };
        let validation = Some(Errors { loss: 0.25, ..train });
        EpochEntry { epoch: 1, step: 10, seconds: 1.0, train, validation, songs: vec![], weights: vec![] }
    }

    #[test]
    fn a_sparkline_follows_the_values() {
        assert_eq!(sparkline(&[7.0, 6.0, 0.0, f32::NAN, 3.5]), "█▇▁ ▅");
        assert_eq!(sparkline(&[2.0, 2.0]), "▁▁");
        assert_eq!(sparkline(&[]), "");
        assert_eq!(sparkline(&[f32::MIN, f32::MAX]).chars().count(), 2);
    }

    #[test]
    fn figures_tell_losses_rate_and_speed() {
        let mut figures = Figures::new(1024);
        assert_eq!((figures.state(), figures.curve(), figures.last_sample()), Default::default());
        let began = Instant::now();
        figures.step(&progress(101, 0.5), began);
        figures.step(&progress(111, 0.4), began + Duration::from_secs(5));
        let expected = "step 111, epoch 1: loss 0.4000 (repeating the last frame 0.9000), rate 2.00e-3, 2048 frames/s";
        assert_eq!(figures.state(), expected);
        assert_eq!(figures.curve(), "loss █▁ 0.4000 to 0.5000, steps so far");
        // A faster stretch counts from where the last one ended.
        figures.step(&progress(211, 0.4), began + Duration::from_secs(9));
        assert!(figures.state().ends_with("25600 frames/s"), "{}", figures.state());
        figures.epoch(&epoch(0.3));
        assert!(figures.state().contains("(validation 0.2500, repeating"), "{}", figures.state());
    }

    #[test]
    fn the_curve_stays_short_and_moves_on_to_epochs() {
        let mut figures = Figures::new(1);
        for step in 0..10_000 {
            figures.step(&progress(step, 1.0 / (1 + step) as f32), Instant::now());
            assert!(figures.steps.len() < CURVE, "step {step}");
        }
        let kept: Vec<f32> =
            (0..).step_by(figures.stride as usize).map(|step| 1.0 / (1 + step) as f32).take(5).collect();
        assert_eq!(figures.steps[..5], kept);
        (0..100).for_each(|i| figures.epoch(&epoch(i as f32)));
        assert!(figures.curve().ends_with("60.0000 to 99.0000, last 40 epochs"), "{}", figures.curve());
        assert_eq!(figures.curve().chars().filter(|c| LEVELS.contains(c)).count(), CURVE);
    }
}
