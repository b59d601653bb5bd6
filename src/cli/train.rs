//! `sympathy train`: a model from recordings.

use crate::{
    dsp::float_mode::FloatMode,
    train::{Checkpoints, Dataset, Progress, TrainConfig, TrainError, train},
};
use indicatif::{ProgressBar, ProgressStyle};
use std::{
    error::Error,
    ops::ControlFlow,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

/// No configuration is longer.
const MAX_CONFIG_BYTES: u64 = 1 << 20;
/// Where the bar cannot be shown, a line is written as often.
const LOG_EVERY: Duration = Duration::from_secs(10);
/// The bar counts in these parts of the whole.
const BAR_LENGTH: u64 = 10_000;

/// Options of `sympathy train`.
#[derive(clap::Args, Clone, Debug)]
#[command(after_help = "\
EXAMPLES:
  sympathy train guitar.json --out guitar.safetensors
  sympathy train guitar.json --out quick.safetensors --set max_minutes=1 --set approach.hop=128
  sympathy train guitar.json --out guitar.safetensors --resume --set max_minutes=60

A configuration names the recordings; every other field has a default:
  {\"name\": \"Guitar\", \"files\": [{\"path\": \"take1.wav\", \"end_s\": 30}], \"max_minutes\": 10}

Ctrl-C ends the training after the step under way and writes the model as it is.")]
pub struct TrainArgs {
    /// The configuration: JSON
    #[arg(value_name = "CONFIG.json")]
    config: PathBuf,
    /// The model file to write
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Change a field of the configuration; dots lead into nested fields
    #[arg(long = "set", value_name = "KEY=VALUE")]
    overrides: Vec<String>,
    /// Go on from the checkpoint
    #[arg(long)]
    resume: bool,
    /// Where to keep the checkpoint [default: the model's name with .checkpoint]
    #[arg(long, value_name = "FILE")]
    checkpoint: Option<PathBuf>,
    /// Threads to multiply matrices with
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256))]
    threads: u16,
    /// Folder of recordings whose names are relative [default: the configuration's]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

/// Runs the command.
///
/// # Errors
/// Whatever keeps the model from being written, in words.
pub fn run(args: TrainArgs) -> Result<(), Box<dyn Error>> {
    let config = TrainConfig::from_json(&read_config(&args.config)?, &args.overrides)
        .map_err(|problems| format!("{}: {}", args.config.display(), TrainError::Config(problems)))?;
    // A folder that does not exist should be told before an hour of training.
    let out_folder = args.out.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if !out_folder.is_dir() {
        return Err(format!("{}: expected a folder for the model, found none", out_folder.display()).into());
    }
    let checkpoint = args.checkpoint.unwrap_or_else(|| args.out.with_extension("checkpoint"));
    let checkpoints = Checkpoints { path: checkpoint, resume: args.resume };
    let data_folder = args.data.or_else(|| args.config.parent().map(Path::to_path_buf)).unwrap_or_default();
    let stop = Arc::new(AtomicBool::new(false));
    let handler_stop = Arc::clone(&stop);
    ctrlc::set_handler(move || handler_stop.store(true, Ordering::Relaxed))?;
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(args.threads.into())
        // For as long as the thread lives.
        .start_handler(|_| std::mem::forget(FloatMode::enter()))
        .build()?;
    let trained = pool.install(|| {
        let data = Dataset::read(&config, &data_folder)?;
        eprintln!("{}", describe(&data));
        let bar = ProgressBar::new(BAR_LENGTH)
            .with_style(ProgressStyle::with_template("{bar:30} {percent:>3} %  {msg}  ETA {eta}")?);
        let mut told = Instant::now();
        let trained = train(&config, &data, Some(&checkpoints), &mut |progress| {
            bar.set_position((progress.fraction * BAR_LENGTH as f64) as u64);
            bar.set_message(message(progress));
            // In a log file there is no bar.
            if bar.is_hidden() && told.elapsed() >= LOG_EVERY {
                told = Instant::now();
                eprintln!("{:.0} %: {}", 100.0 * progress.fraction, message(progress));
            }
            if stop.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        bar.finish();
        Ok::<_, Box<dyn Error + Send + Sync>>(trained?)
    });
    let trained = trained.map_err(|error| error as Box<dyn Error>)?;
    trained.model.write(&args.out)?;
    let training = &trained.model.config().training;
    let validation = training.validation_loss.map(|loss| format!(", validation {loss:.4}")).unwrap_or_default();
    let how = if trained.interrupted { "stopped" } else { "finished" };
    eprintln!(
        "{how} after {} steps, {} epochs: loss {:.4}{validation}; wrote {}",
        trained.steps,
        training.epochs,
        training.final_loss,
        args.out.display()
    );
    Ok(())
}

fn read_config(path: &Path) -> Result<String, Box<dyn Error>> {
    let size = std::fs::metadata(path).map_err(|e| format!("{}: cannot be read: {e}", path.display()))?.len();
    if size > MAX_CONFIG_BYTES {
        let name = path.display();
        return Err(format!("{name}: a configuration has at most {MAX_CONFIG_BYTES} bytes, this one has {size}").into());
    }
    Ok(std::fs::read_to_string(path).map_err(|e| format!("{}: cannot be read: {e}", path.display()))?)
}

fn describe(data: &Dataset) -> String {
    format!(
        "{:.1} s of material, {} frames of {} features ({:.1} % of the variance); flux {:.3}, RMS {:.4}, flatness {:.5}",
        data.seconds,
        data.frames(),
        data.model.features(),
        100.0 * data.kept_variance,
        data.model.material.flux,
        data.model.material.rms,
        data.model.material.flatness
    )
}

fn message(progress: &Progress) -> String {
    format!(
        "step {}, epoch {}: loss {:.4} (repeating the last frame: {:.4})",
        progress.step, progress.epoch, progress.loss, progress.baseline_loss
    )
}
