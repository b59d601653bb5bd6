//! `sympathy learn`: a listening model that has learnt from a take.

use crate::{
    cli::{
        error::CliError,
        interrupt::Interrupt,
        models_at_hand::read_model,
        one_line,
        output::{Overwrite, refuse_same_places, replace_file},
        progress::Progress,
        recordings::Strict,
        terminal::{remark, say},
    },
    learn::{self, Card, HOLD_OUT_FROM_S, Hearing, LearnError, Losses, Material, Plan},
    nn::Isa,
};
use clap::{Args, ValueEnum};
use std::{
    fs,
    io::{IsTerminal, stderr},
    ops::ControlFlow,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

/// No take is longer; what is learnt from was measured up to a minute.
const MAX_SECONDS: f64 = 600.0;
/// Where the bar cannot be shown, a line is written as often.
const LOG_EVERY: Duration = Duration::from_secs(10);

/// Examples for the help.
pub const HELP: &str = "\
EXAMPLES:
  sympathy learn take.wav                                     makes mine.safetensors of the model any
  sympathy learn take.wav --start 2 --seconds 30 --depth quick --out quick.safetensors
  sympathy learn take.wav --model my-model.safetensors --maker song.wav --licence CC0

What is learnt is heard where Listen stands at 40 or below; at its default of 80 the model follows what you play so closely that
it hardly matters:
  sympathy render in.wav out.wav --model mine.safetensors --set listen=25";

/// How long it learns.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// 300 steps
    Quick,
    /// 600 steps
    Normal,
    /// 1500 steps
    Deep,
}

impl From<Depth> for learn::Depth {
    fn from(depth: Depth) -> Self {
        match depth {
            Depth::Quick => Self::Quick,
            Depth::Normal => Self::Normal,
            Depth::Deep => Self::Deep,
        }
    }
}

/// Options of `sympathy learn`.
#[derive(Args, Clone, Debug)]
pub struct LearnArgs {
    /// Recording to learn from
    #[arg(value_name = "TAKE")]
    pub take: PathBuf,
    /// Model to begin with, one that listens: an embedded one by its name, or a file
    #[arg(long, value_name = "MODEL", default_value = "any")]
    pub model: String,
    /// Model file to write
    #[arg(long, value_name = "FILE.safetensors", default_value = "mine.safetensors")]
    pub out: PathBuf,
    /// Where in the take the playing begins
    #[arg(long, value_name = "S", default_value = "0", value_parser = seconds)]
    pub start: f64,
    /// How much of it is learnt from [default: all, at most 600 s]
    #[arg(long, value_name = "S", value_parser = seconds)]
    pub seconds: Option<f64>,
    /// How long it learns; counted in steps, so that it can be repeated
    #[arg(long, value_enum, default_value_t = Depth::Normal)]
    pub depth: Depth,
    /// Recording of the kind that the model was made of, which keeps it from forgetting that; may be given many times
    #[arg(long, value_name = "FILE")]
    pub maker: Vec<PathBuf>,
    /// What to do with recordings that are not whole
    #[command(flatten)]
    pub strict: Strict,
    /// Name of the model that players see [default: the file's]
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// Licence and attribution of the take, which go into the model file
    #[arg(long, value_name = "TEXT", default_value = "not stated")]
    pub licence: String,
    /// Random seed: another number, other frames are drawn
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub random_seed: u64,
    /// What to do with files that are there
    #[command(flatten)]
    pub overwrite: Overwrite,
}

fn seconds(text: &str) -> Result<f64, String> {
    let value = text.parse::<f64>().ok().filter(|value| (0.0..=86_400.0).contains(value));
    value.ok_or_else(|| "expected 0 to 86400".into())
}

/// Runs the command.
///
/// # Errors
/// If the model does not listen, a recording is refused or too short, or the model cannot be written; nothing is written then.
pub fn run(args: &LearnArgs) -> Result<(), CliError> {
    let mut read = vec![("the take", &*args.take), ("the model", Path::new(&args.model))];
    read.extend(args.maker.iter().map(|path| ("the maker's material", path.as_path())));
    refuse_same_places(&read, &[("the output", &args.out)])?;
    args.overwrite.check(&args.out, "safetensors")?;
    let model = read_model(&args.model)?;
    let isa = Isa::from_environment();
    let mut hearing = Hearing::new(&model, isa).map_err(|error| refused(&args.model, &error))?;
    let player = material(args, &args.take, (args.start, args.seconds), HOLD_OUT_FROM_S, &mut hearing)?;
    let maker = args.maker.iter().map(|path| material(args, path, (0.0, None), 0.0, &mut hearing));
    let mut maker = maker.collect::<Result<Vec<_>, _>>()?;
    // What the model's file holds of it does as well.
    if maker.is_empty() {
        maker.extend(hearing.maker_material(&model));
    }

    let plan = Plan::new(args.depth.into(), args.random_seed);
    let [taught, held_out] = player.seconds();
    let take = one_line(&args.take.display().to_string());
    // Before the first word: whoever reads it may press Ctrl-C.
    let stop = Interrupt::watch();
    remark!("{take}: learning from {taught:.1} s, {held_out:.1} s held out; {} steps", plan.steps);
    if maker.is_empty() {
        remark!(
            "its file holds nothing of what it was made of: without --maker it forgets some of that (docs/LEARNING.md)"
        );
    }
    let mut view = View::new(plan.steps, stop);
    let learnt = learn::learn(&model, &player, &maker, &plan, isa, &mut |progress| view.step(progress.step))?;
    let elapsed = view.began.elapsed().as_secs_f64();
    drop(view);

    let config = card(args).config(model.config(), &learnt, taught, &plan);
    let data = model.with_tensors(config, learnt.tensors())?;
    replace_file(&args.out, |part| fs::write(part, data.to_exact_bytes()))?;
    let out = one_line(&args.out.display().to_string());
    say!("{out}: {} that has learnt from {take}, in {elapsed:.0} s", model.config().name);
    let told = [
        ("your playing", learnt.before.player, learnt.after.player),
        ("the maker's", learnt.before.maker, learnt.after.maker),
    ];
    for (whose, before, after) in told {
        if let (Some(before), Some(after)) = (before, after) {
            say!("loss on {whose}, held out: {}", change(before, after));
        }
    }
    remark!("hear it: sympathy render {take} heard.wav --model {out} --set listen=25");
    Ok(())
}

fn change(before: Losses, after: Losses) -> String {
    format!(
        "{:.3} before, {:.3} after ({:+.3}) a bin; {:.3} before, {:.3} after ({:+.3}) a band",
        before.bins,
        after.bins,
        after.bins - before.bins,
        before.bands,
        after.bands,
        after.bands - before.bands
    )
}

/// A part of a recording, from `start` seconds on, as the model hears it.
fn material(
    args: &LearnArgs,
    path: &Path,
    (start, seconds): (f64, Option<f64>),
    hold_out_from_s: f32,
    hearing: &mut Hearing,
) -> Result<Material, CliError> {
    let unsuitable = |what, expected, actual| CliError::Unsuitable { path: path.into(), what, expected, actual };
    let recording = args.strict.read(path)?;
    let rate = f64::from(recording.sample_rate_hz);
    let length = recording.length_samples() as f64 / rate;
    if start >= length {
        return Err(unsuitable("length", format!("more than --start {start} s"), format!("{length:.1} s")));
    }
    let end = seconds.map_or(length, |seconds| (start + seconds).min(length));
    if end - start > MAX_SECONDS {
        let expected = format!("at most {MAX_SECONDS} s (--start and --seconds choose a part of a take)");
        return Err(unsuitable("length", expected, format!("{:.0} s", end - start)));
    }
    let place = |seconds: f64| ((seconds * rate).round() as usize).min(recording.length_samples());
    let mono = &recording.mono()[place(start)..place(end)];
    learn::material(mono, recording.sample_rate_hz, hold_out_from_s, hearing).map_err(|error| match error {
        LearnError::TooShort { expected, actual } => unsuitable(
            "playing",
            format!("at least {expected} s, silences left out"),
            format!("{actual:.1} s; play longer, or choose another part with --start and --seconds"),
        ),
        error => error.into(),
    })
}

fn refused(model: &str, error: &LearnError) -> CliError {
    match error {
        LearnError::DoesNotListen { approach } => CliError::Option {
            option: "--model",
            expected: "a model that listens, as any, guitar or one trained with the approach listening".into(),
            actual: format!(
                "{model} of the approach {approach}, which knows its own material only: sympathy train makes one of a take"
            ),
        },
        error => CliError::Learn(error.clone()),
    }
}

/// What people are told of the model.
fn card(args: &LearnArgs) -> Card {
    let file = |path: &Path| one_line(&path.file_name().unwrap_or_default().to_string_lossy());
    let stem = args.out.file_stem().unwrap_or_default().to_string_lossy();
    Card {
        name: args.name.clone().unwrap_or_else(|| one_line(&stem)),
        take: file(&args.take),
        licence: args.licence.clone(),
        maker: args.maker.iter().map(|path| file(path)).collect(),
    }
}

/// Shows how far it is and hears Ctrl-C.
struct View {
    began: Instant,
    told: Instant,
    steps: u32,
    bar: Progress,
    stop: Interrupt,
}

impl View {
    fn new(steps: u32, stop: Interrupt) -> Self {
        let now = Instant::now();
        Self { began: now, told: now, steps, bar: Progress::new(steps as usize), stop }
    }

    fn step(&mut self, step: u32) -> ControlFlow<()> {
        self.bar.update(step as usize);
        if self.told.elapsed() >= LOG_EVERY && !stderr().is_terminal() {
            self.told = Instant::now();
            let left = self.began.elapsed().as_secs_f64() * f64::from(self.steps - step) / f64::from(step);
            remark!("{} %, {left:.0} s left", 100 * step / self.steps);
        }
        if self.stop.is_pressed() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}
