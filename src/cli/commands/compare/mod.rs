//! `sympathy compare`: recurrent architectures on the same sound under the same budget, as the study that compared GRU,
//! clockwork, LSTM and vanilla networks of one to three layers.

mod contender;
mod outcome;

use self::{
    contender::{Contender, TABLE_1},
    outcome::{Outcome, Row},
};
use super::train::in_threads;
use crate::cli::terminal::{remark, say};
use crate::{
    cli::{error::CliError, interrupt::Interrupt, output::replace_file},
    hyperparameters::{Excerpt, Preset, TrainApproach, TrainConfig},
    train::{Dataset, Observer, Progress, TrainError, run::journal::EpochEntry, train},
};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use std::{
    fs, io,
    ops::ControlFlow,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

/// In an epoch of the study every frame is trained on so often: windows of 200 frames, one every 5 frames.
const PASSES_PER_EPOCH: f64 = 40.0;
/// This part of the sound is held out.
const VALIDATION_SPLIT: f32 = 0.15;
/// Frames follow each other by the width, but by no more samples than this, so that some seconds are enough.
const MAX_HOP: usize = 512;
/// Curves are drawn with at most so many points.
const CURVE_POINTS: usize = 400;
/// The bar counts in these parts of the whole.
const BAR_LENGTH: u64 = 100_000;

/// Options of `sympathy compare`.
#[derive(Args, Clone, Debug)]
pub struct CompareArgs {
    /// Recordings to train on
    #[arg(value_name = "AUDIO", required = true)]
    pub audio: Vec<PathBuf>,
    /// Folder for compare.json, compare.svg and compare.html; made where there is none
    #[arg(long, value_name = "FOLDER")]
    pub out: PathBuf,
    /// Units of a layer, and magnitudes of a frame less one; 2048 is the original
    #[arg(long, value_name = "N", default_value_t = 128, value_parser = clap::value_parser!(u16).range(16..=4096))]
    pub width: u16,
    /// Seconds of sound, from the beginning of the recordings
    #[arg(long, value_name = "S", default_value = "10", value_parser = |text: &str| number(text, 0.1, 3600.0))]
    pub seconds: f64,
    /// Epochs, as the study counts them: each frame is trained on 40 times
    #[arg(long, value_name = "N", default_value = "5", value_parser = |text: &str| number(text, 0.025, 1000.0))]
    pub epochs: f64,
    /// Models: a list such as lstm-2,gru-1x256, or all twelve of the study
    #[arg(long, value_name = "LIST", default_value = "all")]
    pub models: String,
    /// Threads to multiply matrices with
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub threads: u16,
}

fn number(text: &str, least: f64, most: f64) -> Result<f64, String> {
    let value = text.parse::<f64>().ok().filter(|value| (least..=most).contains(value));
    value.ok_or_else(|| format!("expected {least} to {most}"))
}

/// Runs the command.
///
/// # Errors
/// If an option or a recording is wrong, no model could be trained, or the folder cannot be written.
pub fn run(args: &CompareArgs) -> Result<(), CliError> {
    let contenders = Contender::list(&args.models, args.width.into()).map_err(|name| CliError::Option {
        option: "--models",
        expected: "all, or models such as lstm-2 or gru-1x256 (vanilla, relu, gru, lstm, clockwork)".into(),
        actual: format!("{name:?}"),
    })?;
    let base = base(args)?;
    // What cannot be trained or written is told before the first minute is spent.
    for contender in &contenders {
        let problems = contender.config(&base).problems();
        if !problems.is_empty() {
            return Err(CliError::Problems { origin: contender.name.clone(), problems });
        }
    }
    let data = Dataset::read(&contenders[0].config(&base), Path::new(""))?;
    let inputs = data.model.inputs();
    let was_there = args.out.is_dir();
    if !was_there {
        fs::create_dir(&args.out).map_err(|source| CliError::Io { path: args.out.clone(), action: "made", source })?;
    }
    let interrupt = Interrupt::watch();
    let mut outcome = Outcome {
        audio: args.audio.iter().map(|path| path.display().to_string()).collect(),
        material_seconds: data.seconds,
        frames: data.frames(),
        inputs,
        width: args.width.into(),
        epochs: passes(args.epochs) / PASSES_PER_EPOCH,
        threads: args.threads,
        repeat_error: data.baseline_loss,
        ..Outcome::default()
    };
    drop(data);
    let mut overview = Overview::new(&contenders, inputs);
    for contender in &contenders {
        let config = contender.config(&base);
        match in_threads(args.threads, || race(contender, &config, &mut overview, &interrupt))? {
            Some(row) => outcome.rows.push(row),
            None => break,
        }
        overview.finished(contender);
    }
    overview.bar.finish_and_clear();
    outcome.interrupted = outcome.rows.len() < contenders.len();
    if outcome.rows.is_empty() {
        if !was_there {
            // Still empty.
            let _ = fs::remove_dir(&args.out);
        }
        return Err(CliError::Left);
    }
    write(&outcome, &args.out)?;
    say!("{}", outcome.table().trim_end());
    say!("errors: mean squared; repeating the last frame has {:.6}", outcome.repeat_error);
    if outcome.interrupted {
        say!("stopped: {} of {} models", outcome.rows.len(), contenders.len());
    }
    say!("{}: the same with curves, as compare.json and compare.svg too", args.out.join("compare.html").display());
    Ok(())
}

/// Times that the material is gone through: a whole number, at least 1.
fn passes(epochs: f64) -> f64 {
    (PASSES_PER_EPOCH * epochs).round().max(1.0)
}

/// What all models have in common: the preset of the study at this width.
fn base(args: &CompareArgs) -> Result<TrainConfig, CliError> {
    let preset = Preset::by_name("comparison").map_or("{}", |preset| preset.json);
    let overrides = [r#"files=[{"path": "x"}]"#.to_string()];
    let preset = TrainConfig::from_json(preset, &overrides)
        .map_err(|problems| CliError::Problems { origin: "preset comparison".into(), problems })?;
    let width = usize::from(args.width);
    let TrainApproach::Magnitude { zero_padding, peak_picking, power, sharpen, .. } = preset.approach else {
        return Err(CliError::Training("preset comparison: expected magnitudes".into()));
    };
    let end_s = Some(args.seconds / args.audio.len() as f64);
    Ok(TrainConfig {
        files: args.audio.iter().map(|path| Excerpt { path: path.clone(), start_s: None, end_s }).collect(),
        // So many magnitudes and the one at 0 Hz.
        approach: TrainApproach::Magnitude {
            window: (2 * width).max(64),
            hop: width.min(MAX_HOP),
            zero_padding,
            peak_picking,
            power,
            sharpen,
        },
        validation_split: VALIDATION_SPLIT,
        epochs: Some(passes(args.epochs) as u32),
        ..preset
    })
}

/// Trains one model; none if Ctrl-C was pressed before its end.
fn race(
    contender: &Contender,
    config: &TrainConfig,
    overview: &mut Overview,
    interrupt: &Interrupt,
) -> Result<Option<Row>, TrainError> {
    let data = Dataset::read(config, Path::new(""))?;
    let passes = f64::from(config.epochs.unwrap_or(1));
    let mut view =
        View { contender, overview, interrupt, curve: Vec::new(), training: Duration::ZERO, since: Instant::now() };
    let trained = train(config, &data, None, &mut view);
    let View { curve, training, .. } = view;
    let mut row = Row {
        name: contender.name.clone(),
        layers: contender.layers,
        published_seconds: contender.published_seconds(),
        curve: thinned(&curve),
        ..Row::default()
    };
    match trained {
        Ok(trained) if trained.interrupted => return Ok(None),
        Ok(trained) => {
            let model = trained.model.config();
            let sizes = model.tensors().into_iter().map(|tensor| tensor.shape.iter().product::<usize>() as u64);
            row.parameters = sizes.sum();
            row.final_error = Some(model.training.final_loss);
            row.validation_error = model.training.validation_loss;
            row.set_seconds(training.as_secs_f64(), passes / PASSES_PER_EPOCH);
        }
        // One that fails is a result too; the others go on.
        Err(error @ TrainError::Diverged { .. }) => row.failure = Some(crate::cli::one_line(&error.to_string())),
        Err(error) => return Err(error),
    }
    Ok(Some(row))
}

/// At most [`CURVE_POINTS`] points, each the mean of its neighbours.
fn thinned(curve: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let size = curve.len().div_ceil(CURVE_POINTS).max(1);
    let mean = |points: &[(f64, f64)]| {
        let count = points.len() as f64;
        let sum = points.iter().fold((0.0, 0.0), |(x, y), point| (x + point.0, y + point.1));
        (sum.0 / count, sum.1 / count)
    };
    curve.chunks(size).map(mean).collect()
}

fn write(outcome: &Outcome, folder: &Path) -> Result<(), CliError> {
    let text = |name: &str, text: io::Result<String>| replace_file(&folder.join(name), |part| fs::write(part, text?));
    text("compare.json", serde_json::to_string_pretty(outcome).map_err(io::Error::other))?;
    text("compare.svg", outcome.svg().map_err(io::Error::other))?;
    text("compare.html", outcome.html().map_err(io::Error::other))
}

/// How far all models are.
struct Overview {
    bar: ProgressBar,
    /// Cost of the models that are done, and of all.
    done: f64,
    all: f64,
    inputs: usize,
    number: usize,
    count: usize,
}

impl Overview {
    fn new(contenders: &[Contender], inputs: usize) -> Self {
        let style = ProgressStyle::with_template("{bar:30} {percent:>3} %  {msg}  {eta} left");
        let bar = ProgressBar::new(BAR_LENGTH).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        let all = contenders.iter().map(|contender| contender.cost(inputs)).sum();
        Self { bar, done: 0.0, all, inputs, number: 1, count: contenders.len() }
    }

    fn step(&mut self, contender: &Contender, progress: &Progress) {
        let done = self.done + progress.fraction * contender.cost(self.inputs);
        self.bar.set_position((BAR_LENGTH as f64 * done / self.all) as u64);
        self.bar
            .set_message(format!("{} ({} of {}): error {:.5}", contender.name, self.number, self.count, progress.loss));
    }

    fn finished(&mut self, contender: &Contender) {
        if self.bar.is_hidden() {
            remark!("{} ({} of {}): done", contender.name, self.number, self.count);
        }
        self.done += contender.cost(self.inputs);
        self.number += 1;
    }
}

/// Follows one training.
struct View<'a> {
    contender: &'a Contender,
    overview: &'a mut Overview,
    interrupt: &'a Interrupt,
    curve: Vec<(f64, f64)>,
    /// Time of the steps alone.
    training: Duration,
    since: Instant,
}

impl Observer for View<'_> {
    fn step(&mut self, progress: &Progress) -> ControlFlow<()> {
        self.training += self.since.elapsed();
        self.overview.step(self.contender, progress);
        self.since = Instant::now();
        if self.interrupt.is_pressed() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    fn epoch(&mut self, entry: &EpochEntry) {
        self.curve.push((f64::from(entry.epoch) / PASSES_PER_EPOCH, f64::from(entry.train.loss)));
        // The time since the last step went into validation.
        self.since = Instant::now();
    }
}

/// The models of the study, for the help.
pub fn table_1_names() -> String {
    TABLE_1.map(|(name, _)| name).join(", ")
}
