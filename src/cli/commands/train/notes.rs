//! `sympathy train` of a model of notes.

use super::{Alone, Store, TrainArgs, check_writable, in_threads, is_roll};
use crate::{
    cli::{
        commands::inspect::notes::{describe, parameters},
        error::CliError,
        interrupt::Interrupt,
        one_line,
        output::{check_output, refuse_same_places},
        terminal::{remark, say},
    },
    model::{RollBaselines, RollModelConfig, RollNetwork},
    notes::DataSet,
    train::notes::{
        Figures, NotesConfig, NotesEpoch, NotesMaterial, NotesObserver, NotesProgress, Recipe, TrainedNotes, train,
    },
    whole_file::write_whole,
};
use indicatif::{ProgressBar, ProgressStyle};
use std::{
    ops::ControlFlow,
    path::Path,
    time::{Duration, Instant},
};

/// Where the bar cannot be shown, a line is written as often.
const LOG_EVERY: Duration = Duration::from_secs(30);
/// The terminal is drawn anew as often.
const DRAW_EVERY: Duration = Duration::from_millis(200);
/// The bar counts in these parts of an epoch.
const BAR_LENGTH: u64 = 1000;

/// Runs the command on a data set of rolls.
///
/// # Errors
/// If the recipe does not fit the data, or the model cannot be trained or written.
pub fn run(args: &TrainArgs) -> Result<(), CliError> {
    check_output(&args.out, &["safetensors"])?;
    let config = config(args)?;
    let path = data_set(args)?;
    let files = args.run_files();
    let mut written: Vec<(&str, &Path)> = vec![("the model", &args.out), ("the checkpoint", &files.checkpoint)];
    written.extend(files.folder.iter().map(|folder| ("the run's folder", folder.as_path())));
    refuse_same_places(&[("the data set", path)], &written)?;
    check_writable(args, &files)?;
    let data = DataSet::read(path)?;
    let misfits = config.misfits(data.rules());
    if !misfits.is_empty() {
        return Err(CliError::Problems { origin: path.display().to_string(), problems: misfits });
    }
    let material = NotesMaterial::new(&data);
    if args.dry_run {
        say!("{}: {}", config.general.name, network_of(&config.model()));
        say!("{}", of_material(&material));
        say!("{}", to_beat(&material, config.hears_before()));
        return Ok(());
    }
    let _alone = Alone::at(&files)?;
    let stop = Interrupt::watch();
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let trained = in_threads(args.threads, || {
        let mut view = View::new(&config, &material, stop);
        view.note(&format!("{}; {}", network_of(&config.model()), of_material(&material)));
        view.note(&to_beat(&material, config.hears_before()));
        let trained = train(&config, &material, &name, Some(&files), &mut view);
        view.bar.abandon();
        trained
    })?;
    finish(&trained, args)?;
    if let Some(folder) = &files.folder {
        remark!("curves: {}", folder.join("report.html").display());
    }
    Ok(())
}

/// The configuration that is asked for.
///
/// # Errors
/// If there is no such recipe, or for everything that is wrong in it.
pub(super) fn config(args: &TrainArgs) -> Result<NotesConfig, CliError> {
    let recipe = recipe(args)?;
    data_set(args)?;
    if let Some(Store::Int8) = args.store {
        let (expected, actual) = ("f32 or f16 for a model of notes".into(), "int8".into());
        return Err(CliError::Option { option: "--store", expected, actual });
    }
    NotesConfig::from_recipe(recipe, &args.overrides)
        .map_err(|problems| CliError::Problems { origin: recipe.name.into(), problems })
}

fn recipe(args: &TrainArgs) -> Result<&'static Recipe, CliError> {
    let refused = |actual: String| CliError::Option {
        option: "--recipe",
        expected: format!("one of {}", Recipe::names()),
        actual,
    };
    let name = args.recipe.as_deref().ok_or_else(|| refused("none, but a data set of rolls".into()))?;
    Recipe::by_name(name).ok_or_else(|| refused(format!("{name:?}")))
}

/// The one data set that is trained on.
fn data_set(args: &TrainArgs) -> Result<&Path, CliError> {
    let wrong =
        |expected: &str, actual: String| CliError::Option { option: "--recipe", expected: expected.into(), actual };
    match &args.inputs[..] {
        [path] if is_roll(path) => Ok(path),
        [path] => {
            let expected = "a data set of rolls (sympathy roll SCORES --out scores.roll makes one of MIDI files)";
            Err(wrong(expected, path.display().to_string()))
        }
        paths => Err(wrong("one data set of rolls", paths.len().to_string())),
    }
}

fn network_of(model: &RollModelConfig) -> String {
    format!("{}, parameters: {}", describe(model), parameters(model))
}

fn of_material(material: &NotesMaterial) -> String {
    let ([pieces, held_out], [columns, tested]) = (material.pieces(), material.columns());
    let composers = material.composers;
    format!(
        "{pieces} pieces of {columns} columns to learn from, {held_out} of {tested} that validate, {composers} composers"
    )
}

/// What the network has to beat.
fn to_beat(material: &NotesMaterial, hears: bool) -> String {
    let [training, validation] = material.baselines(hears);
    let of = |name: &str, found: Option<RollBaselines>| {
        found.map(|found| {
            // A bit that is said to be on or off, for certain, is wrong or right.
            let wrong = found.hold.map_or(found.silence, |hold| hold.min(found.silence));
            format!("{name}: {} (accuracy {:.2} %)", listed(&found), 100.0 * (1.0 - wrong))
        })
    };
    let all = [of("training", training), of("validation", validation)];
    let all: Vec<String> = all.into_iter().flatten().collect();
    format!("mean squared errors without a network, {}", all.join("; "))
}

fn listed(baselines: &RollBaselines) -> String {
    baselines.named().map(|(name, error)| format!("{name} {error:.4}")).collect::<Vec<_>>().join(", ")
}

fn shown(figures: &Figures, loss: &str) -> String {
    let (mse, accuracy) = (figures.mse(), 100.0 * figures.accuracy());
    match loss {
        "mse" => format!("mse {mse:.5}, accuracy {accuracy:.2} %"),
        loss => format!("{loss} {:.5}, mse {mse:.5}, accuracy {accuracy:.2} %", figures.loss()),
    }
}

/// Writes the model and says what became of it.
fn finish(trained: &TrainedNotes, args: &TrainArgs) -> Result<(), CliError> {
    let (model, out) = (&trained.model, &args.out);
    let bytes = match args.store.unwrap_or(Store::F16) {
        Store::F32 => model.to_bytes(),
        Store::F16 | Store::Int8 => model.to_half_bytes(),
    };
    write_whole(out, &bytes).map_err(|source| CliError::Io { path: out.clone(), action: "written", source })?;
    let ended = match &trained.end {
        Some(why) => format!("finished ({why})"),
        None => "stopped".into(),
    };
    remark!("{ended} after {} steps, {} epochs; wrote {}", trained.steps, trained.epochs, out.display());
    let config = model.config();
    if let Some(own) = &config.provenance {
        let whose = if own.validated { "validation" } else { "training" };
        let beside = own.baselines.as_ref().map(|all| format!("; without a network: {}", listed(all)));
        remark!(
            "the weights of epoch {}: {whose} mse {:.5}, accuracy {:.2} %{}",
            config.training.epochs,
            own.mse,
            100.0 * own.accuracy,
            beside.unwrap_or_default()
        );
    }
    if matches!(config.network, RollNetwork::Recurrent { .. }) {
        let name = one_line(&out.display().to_string());
        remark!("hear it: sympathy sample {name} --toss --out heard.mid");
    }
    Ok(())
}

/// Shows a training and hears Ctrl-C.
struct View {
    stop: Interrupt,
    bar: ProgressBar,
    epochs: u32,
    loss: &'static str,
    /// What validation is read against.
    beside: String,
    told: Instant,
    /// When the measured stretch began, and the columns heard since.
    since: Instant,
    columns: usize,
}

impl View {
    fn new(config: &NotesConfig, material: &NotesMaterial, stop: Interrupt) -> Self {
        let style = ProgressStyle::with_template("{prefix} {bar:24} {percent:>3} %  {wide_msg}");
        let bar = ProgressBar::new(BAR_LENGTH)
            .with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
            .with_prefix(one_line(&config.general.name));
        let [of_training, of_validation] = material.baselines(config.hears_before());
        let beside = of_validation.or(of_training).map(|found| format!(" ({})", listed(&found))).unwrap_or_default();
        let now = Instant::now();
        let (epochs, loss) = (config.general.epochs, config.general.loss.name());
        Self { stop, bar, epochs, loss, beside, told: now, since: now, columns: 0 }
    }
}

impl NotesObserver for View {
    fn step(&mut self, progress: &NotesProgress) -> ControlFlow<()> {
        let now = Instant::now();
        self.columns += progress.columns;
        let every = if self.bar.is_hidden() { LOG_EVERY } else { DRAW_EVERY };
        if now - self.told >= every {
            let NotesProgress { step, epoch, mean_loss, rate, of_epoch, .. } = *progress;
            let seconds = (now - self.since).as_secs_f64();
            let speed = self.columns as f64 / seconds.max(1e-9);
            let loss = self.loss;
            let state = format!("step {step}: {loss} {mean_loss:.5}, rate {rate:.2e}, {speed:.0} columns/s");
            let epoch = (epoch + 1).min(self.epochs);
            if self.bar.is_hidden() {
                remark!("epoch {epoch}, {:.0} %: {state}", 100.0 * of_epoch);
            } else {
                self.bar.set_position((of_epoch * BAR_LENGTH as f64) as u64);
                self.bar.set_message(format!("epoch {epoch} of {}, {state}", self.epochs));
            }
            self.told = now;
            if seconds >= 5.0 {
                (self.since, self.columns) = (now, 0);
            }
        }
        if !self.stop.is_pressed() {
            return ControlFlow::Continue(());
        }
        self.note("stopping; Ctrl-C again ends at once, without a model");
        ControlFlow::Break(())
    }

    fn epoch(&mut self, epoch: &NotesEpoch) {
        let validation = epoch
            .validation
            .as_ref()
            .map(|figures| format!("; validation {}{}", shown(figures, self.loss), self.beside));
        let best = if epoch.is_best { ", kept" } else { "" };
        self.note(&format!(
            "epoch {}: training {}{}{best}",
            epoch.epoch,
            shown(&epoch.training, self.loss),
            validation.unwrap_or_default()
        ));
        self.told = Instant::now();
    }

    fn note(&mut self, text: &str) {
        self.bar.suspend(|| remark!("{}", one_line(text)));
    }
}
