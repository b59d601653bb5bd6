//! `sympathy train` of a listening model.

use super::{Alone, BY_THE_CLOCK, TrainArgs, check_writable, finish, in_threads};
use crate::cli::terminal::remark;
use crate::{
    cli::{error::CliError, interrupt::Interrupt, one_line, output::refuse_same_places, progress::Progress},
    hyperparameters::expected_time,
    model::{ModelConfig, ModelData},
    train::listen::{ListenConfig, ListenMaterial, ListenObserver, ListenProgress, train},
};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Map, Value, json};
use std::{
    ops::ControlFlow,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

/// Where the bar cannot be shown, a line is written as often.
const LOG_EVERY: Duration = Duration::from_secs(10);
/// The terminal is drawn anew as often.
const DRAW_EVERY: Duration = Duration::from_millis(200);
/// The bar counts in these parts of the whole.
const BAR_LENGTH: u64 = 10_000;
/// What a core learns from of a model of the usual size: 2500 were measured with one thread, 4000 with two (Xeon, AVX-512).
const FRAMES_PER_SECOND: f64 = 2000.0;
/// Semitones of the copies of a recording that a model is made personal with.
const TRANSPOSITIONS: [i8; 7] = [-3, -2, -1, 0, 1, 2, 3];
/// Frames of recordings, beside the model, shared by all trainings in its folder.
const CACHE: &str = "frames.cache";

/// Runs the command on a configuration whose recordings lie in `folder`.
///
/// # Errors
/// If the model cannot be trained or written.
pub fn run(
    args: TrainArgs,
    config: &ListenConfig,
    folder: &Path,
    beginning: Option<&ModelData>,
) -> Result<(), CliError> {
    let files = args.run_files();
    let cache = args.cache.clone().unwrap_or_else(|| args.out.with_file_name(CACHE));
    let recordings: Vec<PathBuf> =
        config.files.iter().chain(&config.validation).map(|entry| folder.join(&entry.path)).collect();
    let given = args.inputs.iter().map(|path| ("the configuration", path.as_path()));
    let read: Vec<(&str, &Path)> = recordings.iter().map(|path| ("a recording", path.as_path())).chain(given).collect();
    let mut written = vec![("the model", &*args.out), ("the checkpoint", &files.checkpoint), ("the cache", &cache)];
    written.extend(files.folder.iter().map(|folder| ("the run's folder", folder.as_path())));
    refuse_same_places(&read, &written)?;
    check_writable(&args, &files)?;
    let _alone = Alone::at(&files)?;
    let stop = Interrupt::watch();
    let mut bar = None;
    let analysed = |done: usize, total: usize| {
        bar.get_or_insert_with(|| Progress::new(total)).update(done);
        if stop.is_pressed() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let material = ListenMaterial::read(config, folder, Some(&cache), analysed)?;
    drop(bar);
    args.strict.warn(&material.warnings)?;
    let trained = in_threads(args.threads, || {
        let mut view = View::new(config, stop);
        view.note(&describe(&material));
        material.notes.iter().for_each(|note| view.note(note));
        view.note(&expected_time(None, config.max_steps, config.max_minutes));
        if let Some(steps) = config.max_steps {
            let minutes = minutes(config, steps, args.threads);
            view.note(&format!("that is about {minutes} min where nothing else runs (--threads {})", args.threads));
        }
        if config.max_steps.is_none() {
            view.note(BY_THE_CLOCK);
        }
        let from = beginning.zip(args.from.as_deref()).map(|(model, name)| (model, Path::new(name)));
        let trained = train(config, &material, from, Some(&files), &mut view);
        view.bar.abandon();
        trained
    })?;
    finish(&trained, &args, " a bin")?;
    if let Some(folder) = &files.folder {
        remark!("curves: {}", folder.join("report.html").display());
    }
    Ok(())
}

/// What the configuration does not say of its sizes is as in the model to begin with. Recordings without more are transposed, so that
/// a model does not forget the other keys.
pub(super) fn take_sizes(fields: &mut Map<String, Value>, model: &ModelConfig) {
    let says_approach = fields.get("approach").and_then(Value::as_object).is_some_and(|own| own.len() > 1);
    let Ok(Value::Object(theirs)) = serde_json::to_value(model) else { return };
    for name in ["approach", "head", "layers", "hidden", "sample_rate_hz"] {
        if let Some(value) =
            theirs.get(name).filter(|_| !fields.contains_key(name) || (name == "approach" && !says_approach))
        {
            fields.insert(name.into(), value.clone());
        }
    }
    for file in fields.get_mut("files").and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some(file) = file.as_object_mut().filter(|file| file.len() == 1) {
            file.insert("transpositions".into(), json!(TRANSPOSITIONS));
        }
    }
}

/// What `steps` take, roughly, in whole minutes.
fn minutes(config: &ListenConfig, steps: u64, threads: u16) -> u64 {
    let usual = ListenConfig::default();
    let size = |config: &ListenConfig| (config.layers * config.hidden * config.hidden) as f64;
    let speed = FRAMES_PER_SECOND * f64::from(threads.min(2)) * size(&usual) / size(config).max(1.0);
    let frames = (config.streams * config.bptt) as f64 * steps as f64;
    (frames / speed / 60.0).ceil() as u64
}

fn describe(material: &ListenMaterial) -> String {
    let ([trained, held_out], [pieces, held_out_pieces]) = (material.seconds(), material.counts());
    format!(
        "{:.2} hours of material in {pieces} pieces, {:.2} hours in {held_out_pieces} held out",
        trained / 3600.0,
        held_out / 3600.0
    )
}

/// Shows a training and hears Ctrl-C.
struct View {
    stop: Interrupt,
    bar: ProgressBar,
    frames_per_step: u64,
    /// When this run began, and the step and the part of the training before its first.
    began: Option<(Instant, u64, f64)>,
    told: Instant,
    /// When the measured stretch began, at which step, and the speed of the one before.
    since: Option<(Instant, u64)>,
    speed: Option<f64>,
}

impl View {
    fn new(config: &ListenConfig, stop: Interrupt) -> Self {
        let style = ProgressStyle::with_template("{prefix} {bar:24} {percent:>3} %  {wide_msg}");
        let bar = ProgressBar::new(BAR_LENGTH)
            .with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
            .with_prefix(one_line(&config.name));
        let frames_per_step = (config.streams * config.bptt) as u64;
        Self { stop, bar, frames_per_step, began: None, told: Instant::now(), since: None, speed: None }
    }

    /// The figures in a line.
    fn state(&mut self, progress: &ListenProgress, now: Instant) -> String {
        let ListenProgress { step, fraction, bins, bands, sureness, validation, rate, .. } = *progress;
        let (began, _, before) = *self.began.get_or_insert((now, step, fraction));
        let (since, first) = *self.since.get_or_insert((now, step));
        let seconds = (now - since).as_secs_f64();
        if seconds > 0.0 && (seconds >= LOG_EVERY.as_secs_f64() / 2.0 || self.speed.is_none()) {
            self.speed = Some((step.saturating_sub(first) * self.frames_per_step) as f64 / seconds);
            self.since = Some((now, step));
        }
        let validation =
            validation.map(|[bins, bands]| format!(" (validation {bins:.4}, {bands:.4})")).unwrap_or_default();
        let speed = self.speed.map(|speed| format!(", {speed:.0} frames/s")).unwrap_or_default();
        let gone = fraction - before;
        let left = (now - began).as_secs_f64() * (1.0 - fraction).max(0.0) / gone.max(1e-9);
        let left = if gone > 0.0 { format!(", {:.0} min left", left / 60.0) } else { String::new() };
        format!(
            "step {step}: loss {bins:.4} a bin, {bands:.4} a band{validation}, recall {sureness:.2}, rate {rate:.2e}{speed}{left}"
        )
    }
}

impl ListenObserver for View {
    fn step(&mut self, progress: &ListenProgress) -> ControlFlow<()> {
        let now = Instant::now();
        let every = if self.bar.is_hidden() { LOG_EVERY } else { DRAW_EVERY };
        if self.began.is_none() || now - self.told >= every {
            let state = self.state(progress, now);
            if self.bar.is_hidden() {
                remark!("{:.1} %: {state}", 100.0 * progress.fraction);
            } else {
                self.bar.set_position((progress.fraction * BAR_LENGTH as f64) as u64);
                self.bar.set_message(state);
            }
            self.told = now;
        }
        if !self.stop.is_pressed() {
            return ControlFlow::Continue(());
        }
        self.note("stopping; Ctrl-C again ends at once, without a model");
        ControlFlow::Break(())
    }

    fn note(&mut self, text: &str) {
        self.bar.suspend(|| remark!("{}", one_line(text)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minutes_follow_steps_threads_and_sizes() {
        let usual = ListenConfig::default();
        // 32 streams of 48 frames a step, 2000 frames a second.
        assert_eq!([1, 2, 16].map(|threads| minutes(&usual, 1000, threads)), [13, 7, 7]);
        assert_eq!(minutes(&ListenConfig { hidden: 256, ..ListenConfig::default() }, 1000, 1), 4);
    }
}
