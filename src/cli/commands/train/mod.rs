//! `sympathy train`: a model from recordings, or from a data set of rolls.

mod listen;
pub mod live;
mod notes;

use crate::{
    approach::{Network, continue_offline, resynthesise},
    audio_file::RecordingError,
    cli::{
        error::CliError,
        interrupt::Interrupt,
        models_at_hand::read_model,
        one_line,
        output::{Overwrite, check_output, refuse_same_places},
        recordings::Strict,
        speed::measure_real_time_factor,
        terminal::remark,
    },
    dsp::{
        float_mode::FloatMode,
        measure::Liveliness,
        phrase::{PHRASE_RATE_HZ, phrase_in},
        resample::Resampler,
    },
    evaluate::liveliness::{Alive, alive},
    hyperparameters::{LISTENING_PRESETS, Preset, Problem, TrainConfig, expected_time},
    model::{ModelData, folder::models_folder},
    nn::Isa,
    text_file::{json_mistake, read_text},
    train::{
        Dataset, Observer, Progress, RunFiles, TrainError, Trained, is_checkpoint,
        listen::ListenConfig,
        notes::NotesConfig,
        run::journal::{EpochEntry, SampleEntry},
        train,
    },
    whole_file::write_whole,
};
use live::Live;
use serde_json::{Map, Value, json};
use std::{
    fs,
    ops::ControlFlow,
    path::{Path, PathBuf},
    sync::Arc,
};

/// What a model of one's own playing begins with.
const GENERAL_MODEL: &str = "guitar";
/// Fields that may be set of its training, which would otherwise be another.
const PERSONAL_FIELDS: [&str; 7] = ["name", "licence", "notes", "lr", "max_steps", "max_minutes", "random_seed"];
/// No configuration is longer.
const MAX_CONFIG_BYTES: u64 = 1 << 20;

/// Options of `sympathy train`.
#[derive(clap::Args, Clone, Debug)]
#[command(after_help = "\
EXAMPLES:
  sympathy train take.wav --out mine.safetensors
  sympathy train take1.wav --preset ten-minutes --out guitar.safetensors
  sympathy train guitar.json --out guitar.safetensors
  sympathy train guitar.json --out quick.safetensors --set max_minutes=1 --set approach.hop=128
  sympathy train guitar.json --out guitar.safetensors --resume
  sympathy train other.json --out other.safetensors --from column.safetensors
  sympathy train recordings/ --preset listening --out mine.safetensors --threads 4
  sympathy train take.wav --from mine.safetensors --out my-take.safetensors
  sympathy train scores.roll --recipe house-lstm --out my-lstm.safetensors
  sympathy train scores.roll --recipe house-lstm --out my-lstm.safetensors --dry-run
  sympathy train scores.roll --recipe house-lstm --out small.safetensors --set hidden=128 --set epochs=20

A configuration names the recordings; every other field has a default, or the preset's value. `sympathy configure` asks
for them one by one:
  {\"name\": \"Guitar\", \"files\": [{\"path\": \"take1.wav\", \"end_s\": 30}], \"epochs\": 1500}

While it trains, sampled outputs and a report with pictures go into the folder beside the model (FILE.run). Ctrl-C ends the
training after the step under way and writes the model as it is; after a crash or a power cut --resume goes on from the last
checkpoint and ends with the same weights.")]
pub struct TrainArgs {
    /// A configuration (JSON), or the recordings themselves; for a model of notes a data set of `sympathy roll`
    #[arg(value_name = "CONFIG|SOUND|ROLL", required = true)]
    inputs: Vec<PathBuf>,
    /// What to do with recordings that are not whole
    #[command(flatten)]
    strict: Strict,
    /// The model file to write
    #[arg(long, value_name = "FILE.safetensors")]
    out: PathBuf,
    /// Begin from a preset (`sympathy configure --list-presets`, listening, personal); the configuration's fields and --set come on top
    #[arg(long, value_name = "NAME")]
    preset: Option<String>,
    /// What to train on a data set of rolls: house-lstm, house-code, m-ae1, m-ae1-published, m-ae2, m-lstm1
    #[arg(long, value_name = "NAME", conflicts_with_all = ["preset", "from", "data", "cache", "strict"])]
    recipe: Option<String>,
    /// Only say what the recipe would train, on what, and beside which predictors without a network
    #[arg(long, requires = "recipe")]
    dry_run: bool,
    /// Change a field of the configuration or of the recipe; dots lead into nested fields
    #[arg(long = "set", value_name = "KEY=VALUE")]
    overrides: Vec<String>,
    /// Begin with the weights of a model of the same sizes, without principal components (as of --preset listening, column or transpose;
    /// ten-minutes has some); a transpose may begin with a column. Recordings alone take everything but what they are from a listening
    /// model [default: guitar, for recordings without a preset]
    #[arg(long, value_name = "MODEL")]
    from: Option<String>,
    /// Go on from the checkpoint; from the beginning if there is none yet
    #[arg(long)]
    resume: bool,
    /// Begin anew where there are the model and the checkpoint of an earlier run, and replace them
    #[arg(long, conflicts_with = "resume")]
    overwrite: bool,
    /// Where to keep the checkpoint [default: the model's name with .checkpoint]
    #[arg(long, value_name = "FILE")]
    checkpoint: Option<PathBuf>,
    /// Folder for sampled outputs and the report [default: the model's name with .run]
    #[arg(long, value_name = "DIR")]
    run: Option<PathBuf>,
    /// Neither sample on the way nor write a report
    #[arg(long, conflicts_with = "run")]
    no_run: bool,
    /// Threads to multiply matrices with
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256))]
    threads: u16,
    /// How the model is stored [default: int8 for listening models, f16 for others]
    #[arg(long, value_enum)]
    store: Option<Store>,
    /// Folder of recordings whose names are relative [default: the configuration's]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Listening models: folder for the frames of recordings, used again by the next training [default: frames.cache beside the model]
    #[arg(long, value_name = "DIR")]
    cache: Option<PathBuf>,
}

/// Said where nothing but the clock ends a training.
const BY_THE_CLOCK: &str =
    "max_minutes is the only end: the schedule follows the clock, and another run gives other bits";

impl TrainArgs {
    /// Where the training keeps its files: as asked for, else beside the model.
    fn run_files(&self) -> RunFiles {
        let beside = |extension| self.out.with_extension(extension);
        RunFiles {
            checkpoint: self.checkpoint.clone().unwrap_or_else(|| beside("checkpoint")),
            resume: self.resume,
            folder: (!self.no_run).then(|| self.run.clone().unwrap_or_else(|| beside("run"))),
        }
    }

    /// Recordings alone, and nothing that only another training would have, ask for a model of one's own playing.
    fn is_personal(&self) -> bool {
        let is_taken = |said: &String| PERSONAL_FIELDS.iter().any(|field| said.split('=').next() == Some(field));
        let others = self.from.is_some() || self.preset.is_some();
        !others && !self.inputs.iter().any(|path| is_json(path)) && self.overrides.iter().all(is_taken)
    }
}

/// Whether a path names a data set of rolls.
pub fn is_roll(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("roll"))
}

/// Whether a path names a configuration.
pub fn is_json(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json"))
}

/// What a training was asked for, every field checked.
pub enum Asked {
    /// A model of sound.
    Sound(Box<TrainConfig>),
    /// A model that listens.
    Listening(Box<ListenConfig>),
    /// A model of notes.
    Notes(Box<NotesConfig>),
}

impl Asked {
    /// The fields of the configuration, complete. For sound they are what [`TrainArgs`] take as a configuration.
    pub fn fields(&self) -> Value {
        match self {
            Self::Sound(config) => serde_json::to_value(config).unwrap_or_default(),
            Self::Listening(config) => serde_json::to_value(config).unwrap_or_default(),
            Self::Notes(config) => config.to_json(),
        }
    }
}

impl TrainArgs {
    /// The model to begin with, by name or as a file.
    pub fn begins_with(&self) -> Option<&str> {
        self.from.as_deref().or(self.is_personal().then_some(GENERAL_MODEL))
    }

    /// The same with another beginning and other fields.
    pub fn with(&self, preset: Option<&str>, recipe: Option<&str>, overrides: Vec<String>) -> Self {
        let [preset, recipe] = [preset, recipe].map(|name| name.map(String::from));
        Self { preset, recipe, overrides, ..self.clone() }
    }

    fn is_of_notes(&self) -> bool {
        self.recipe.is_some() || self.inputs.iter().any(|path| is_roll(path))
    }
}

/// What is to be trained, and the folder of its recordings. `beginning`: what [`TrainArgs::begins_with`] names.
///
/// # Errors
/// If the configuration cannot be read, or for everything that is wrong in it.
pub fn asked(args: &TrainArgs, beginning: Option<&ModelData>) -> Result<(Asked, PathBuf), CliError> {
    if args.is_of_notes() {
        return Ok((Asked::Notes(Box::new(notes::config(args)?)), PathBuf::new()));
    }
    let (mut fields, origin, folder) = fields(args, beginning)?;
    let problems = |problems| CliError::Problems { origin, problems };
    if ListenConfig::is_meant(&fields, &args.overrides) {
        if let Some(model) = beginning.filter(|model| model.config().approach.listening().is_some()) {
            listen::take_sizes(&mut fields, model.config());
        }
        let config = ListenConfig::from_fields(fields, &args.overrides).map_err(problems)?;
        return Ok((Asked::Listening(Box::new(config)), folder));
    }
    let config = TrainConfig::from_json(&Value::Object(fields).to_string(), &args.overrides).map_err(problems)?;
    Ok((Asked::Sound(Box::new(config)), folder))
}

/// Runs the command.
///
/// # Errors
/// If the model cannot be trained or written.
pub fn run(mut args: TrainArgs) -> Result<(), CliError> {
    if args.is_of_notes() {
        return notes::run(&args);
    }
    args.from = args.begins_with().map(String::from);
    // What cannot be written should be told before an hour of training.
    check_output(&args.out, &["safetensors"])?;
    let beginning = args.from.as_deref().map(read_model).transpose()?;
    let (config, data_folder) = match asked(&args, beginning.as_ref())? {
        (Asked::Sound(config), folder) => (config, folder),
        (Asked::Listening(config), folder) => return listen::run(args, &config, &folder, beginning.as_ref()),
        (Asked::Notes(_), _) => return notes::run(&args),
    };
    let files = args.run_files();
    check_places(&args, &config, &data_folder, &files)?;
    let _alone = Alone::at(&files)?;
    let stop = Interrupt::watch();
    let trained = in_threads(args.threads, || {
        let mut data = Dataset::read(&config, &data_folder)?;
        if let (Some(model), Some(name)) = (&beginning, &args.from) {
            data.begin_with(model, Path::new(name))?;
        }
        if let Some(first) = data.warnings.first().filter(|_| args.strict.strict) {
            return Err(RecordingError::Incomplete(first.clone()).into());
        }
        if stop.is_pressed() {
            return Err(TrainError::Left);
        }
        let mut view = View { live: Live::new(&config.name, data.rows_per_step(&config)), stop };
        view.live.note(&describe(&data));
        data.warnings.iter().for_each(|warning| view.live.note(&format!("warning: {warning}")));
        data.notes.iter().for_each(|note| view.live.note(note));
        view.live.note(&expected_time(config.epochs, config.max_steps, config.max_minutes));
        if config.epochs.is_none() && config.max_steps.is_none() {
            view.live.note(BY_THE_CLOCK);
        }
        let trained = train(&config, &data, Some(&files), &mut view);
        view.live.finish();
        trained
    })?;
    finish(&trained, &args, "")?;
    if let Some(folder) = &files.folder {
        remark!("pictures and sampled outputs: {}", folder.join("report.html").display());
    }
    Ok(())
}

/// How a model's matrices lie in its file.
#[derive(clap::ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
enum Store {
    /// 32 bits, as trained
    F32,
    /// 16 bits
    F16,
    /// Large matrices in 8 bits, with a scale for each row
    Int8,
}

/// Writes the model and says what became of it. `of`: what the training loss is of.
fn finish(trained: &Trained, args: &TrainArgs, of: &str) -> Result<(), CliError> {
    let (model, out) = (&trained.model, &args.out);
    let listens = model.config().approach.listening().is_some();
    let bytes = match args.store.unwrap_or(if listens { Store::Int8 } else { Store::F16 }) {
        Store::F32 => model.to_bytes(),
        Store::F16 => model.to_half_bytes(),
        Store::Int8 => model.to_int8_bytes(),
    };
    write_whole(out, &bytes).map_err(|source| CliError::Io { path: out.clone(), action: "written", source })?;
    let training = &trained.model.config().training;
    let validation = training.validation_loss.map(|loss| format!(", validation {loss:.4}")).unwrap_or_default();
    remark!(
        "{} after {} steps, {} epochs: loss {:.4}{of}{validation}; wrote {}",
        if trained.interrupted { "stopped" } else { "finished" },
        trained.steps,
        training.epochs,
        training.final_loss,
        out.display()
    );
    if let Some(verdict) = verdict(model) {
        remark!("{verdict}");
    }
    let name = one_line(&out.display().to_string());
    remark!("hear it: sympathy demo --model {name} --out heard.wav");
    if let Some(folder) = models_folder() {
        remark!("for the plugin, copy it to {} and insert a new instance", folder.display());
    }
    Ok(())
}

/// How long a model that was trained is tried.
const TRIAL_SECONDS: f32 = 15.0;
/// So often, each time with another random seed.
const TRIALS: u64 = 3;
/// The slowest that is tried, in multiples of real time.
const SLOWEST_TRIAL: f64 = 2.0;

/// Whether a model keeps moving after the demo's phrase, in a line; none where it is too slow to try.
fn verdict(model: &ModelData) -> Option<String> {
    let config = model.config();
    if measure_real_time_factor(model) < SLOWEST_TRIAL {
        return None;
    }
    let seed = Resampler::new(PHRASE_RATE_HZ, config.sample_rate_hz).resample_all(&phrase_in(0));
    let network = Arc::new(Network::load(model, None, Isa::from_environment()));
    let (like, whose) = match config.material.flux > 0.0 {
        true => (config.material, "the material's"),
        // As the model can say it: its frames hold no noise.
        false => (Liveliness::of(&resynthesise(&network, &seed)), "the seed's"),
    };
    let trial = |random_seed| {
        let sound = continue_offline(&network, &seed, TRIAL_SECONDS, 1.0, random_seed);
        alive(&sound, config.sample_rate_hz, &like)
    };
    let trials: Vec<Alive> = (0..TRIALS).map(trial).collect();
    let middle = |figure: fn(&Alive) -> f64| {
        let mut figures: Vec<f64> = trials.iter().map(figure).collect();
        figures.sort_by(f64::total_cmp);
        figures[figures.len() / 2]
    };
    let figures = format!(
        "at the end of {TRIAL_SECONDS} s after the demo's phrase, spectral change {:.2} ×, level {:+.1} dB, flatness {:.2} × {whose}",
        middle(|trial| trial.flux_ratio),
        middle(|trial| trial.level_db),
        middle(|trial| trial.flatness_ratio)
    );
    let count = trials.iter().filter(|trial| trial.is_alive).count() as u64;
    Some(match (count, 2 * count > TRIALS) {
        (TRIALS, _) => format!("it is alive: {figures}"),
        (_, true) => format!("it is alive in {count} of {TRIALS} trials: {figures} in the middle one"),
        _ => format!(
            "it is not alive yet, in {count} of {TRIALS} trials: {figures} in the middle one; train longer, give it more sound, or try \
             sympathy sample --temperature 1.3"
        ),
    })
}

/// Refuses, before any work is done, places of which one would overwrite another, and those that hold something else.
fn check_places(args: &TrainArgs, config: &TrainConfig, data_folder: &Path, files: &RunFiles) -> Result<(), CliError> {
    let recordings: Vec<PathBuf> = [&config.files, &config.validation, &config.foreign_files]
        .into_iter()
        .flatten()
        .map(|excerpt| data_folder.join(&excerpt.path))
        .collect();
    let given = args.inputs.iter().map(|path| ("the configuration", path.as_path()));
    let read: Vec<(&str, &Path)> = recordings.iter().map(|path| ("a recording", path.as_path())).chain(given).collect();
    let mut written: Vec<(&str, &Path)> = vec![("the model", &args.out), ("the checkpoint", &files.checkpoint)];
    written.extend(files.folder.iter().map(|folder| ("the run's folder", folder.as_path())));
    refuse_same_places(&read, &written)?;
    check_writable(args, files)
}

/// Refuses places for the model, the checkpoint and the run's folder that hold something else.
fn check_writable(args: &TrainArgs, files: &RunFiles) -> Result<(), CliError> {
    let wrong = |path: &Path, expected: &str, actual: &str| CliError::Output {
        path: path.into(),
        expected: expected.into(),
        actual: actual.into(),
    };
    if let Some(folder) = files.folder.as_deref().filter(|folder| folder.exists() && !folder.is_dir()) {
        return Err(wrong(folder, "a folder for the run", "a file"));
    }
    if files.checkpoint.exists() && !files.resume {
        if !is_checkpoint(&files.checkpoint) {
            return Err(wrong(&files.checkpoint, "a place for a checkpoint", "something else"));
        }
        if !args.overwrite {
            let expected = "no earlier run (--resume goes on with it, --overwrite begins anew)";
            return Err(wrong(&files.checkpoint, expected, "its checkpoint"));
        }
    }
    // What a stopped training wrote is replaced when it goes on.
    Overwrite { overwrite: args.overwrite || args.resume }.check(&args.out, "safetensors")
}

/// No other training writes the same files while this lives.
struct Alone {
    /// Locked; the system unlocks it however the program ends.
    _file: fs::File,
    path: PathBuf,
}

impl Alone {
    fn at(files: &RunFiles) -> Result<Self, CliError> {
        let path = files.checkpoint.with_extension("lock");
        let file =
            fs::File::create(&path).map_err(|source| CliError::Io { path: path.clone(), action: "written", source })?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file, path }),
            Err(fs::TryLockError::WouldBlock) => {
                let expected = "no training at work on the same files (wait for it, or give another --out)".into();
                Err(CliError::Output { path: files.checkpoint.clone(), expected, actual: "one".into() })
            }
            Err(fs::TryLockError::Error(source)) => Err(CliError::Io { path, action: "locked", source }),
        }
    }
}

impl Drop for Alone {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

/// Runs `work` in a pool of as many threads as candle is to multiply with.
///
/// # Errors
/// As `work`, or if the system gives no threads.
pub fn in_threads<R: Send>(threads: u16, work: impl FnOnce() -> Result<R, TrainError> + Send) -> Result<R, CliError> {
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads.into())
        // For as long as the thread lives.
        .start_handler(|_| std::mem::forget(FloatMode::enter()))
        .build()
        .map_err(|error| CliError::Training(format!("{threads} threads cannot be started: {error}")))?;
    pool.install(work).map_err(CliError::from)
}

/// The fields of the configuration before the overrides, where it comes from, and the folder of its recordings.
/// Recordings alone, and a listening model to begin with, ask for a personal one.
fn fields(args: &TrainArgs, beginning: Option<&ModelData>) -> Result<(Map<String, Value>, String, PathBuf), CliError> {
    let (configs, recordings): (Vec<&PathBuf>, Vec<&PathBuf>) = args.inputs.iter().partition(|path| is_json(path));
    let listens = beginning.is_some_and(|model| model.config().approach.listening().is_some());
    let personal = Some("personal").filter(|_| listens && configs.is_empty());
    let mut fields = match args.preset.as_deref().or(personal) {
        Some(name) => preset(name)?,
        None => Map::new(),
    };
    let mut origin = "configuration".to_string();
    let mut folder = PathBuf::new();
    match configs[..] {
        [] => {
            let stem = recordings.first().and_then(|path| path.file_stem()).unwrap_or_default();
            fields.insert("name".into(), json!(stem.to_string_lossy()));
        }
        [path] => {
            origin = path.display().to_string();
            // Under the names of the preset's fields, so that the file's win over them.
            let own = read_config(path)?;
            let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            let unnamed = !own.contains_key("name");
            let own = if ListenConfig::is_meant(&own, &args.overrides) || ListenConfig::is_meant(&fields, &[]) {
                own
            } else {
                TrainConfig::translate(Value::Object(own))
                    .map_err(|problems| CliError::Problems { origin: origin.clone(), problems })?
            };
            fields.extend(own);
            if unnamed {
                fields.insert("name".into(), json!(stem));
            }
            folder = path.parent().map(Path::to_path_buf).unwrap_or_default();
        }
        [_, second, ..] => {
            return Err(CliError::Problems {
                origin: second.display().to_string(),
                problems: vec![Problem {
                    field: "CONFIG.json".into(),
                    rule: "one configuration".into(),
                    value: format!("{}", configs.len()),
                }],
            });
        }
    }
    if !recordings.is_empty() {
        folder = PathBuf::new();
        let mut files = Vec::new();
        for path in recordings {
            let name = path.to_str().ok_or_else(|| CliError::Output {
                path: path.clone(),
                expected: "a name of Unicode characters, as it goes into the model file".into(),
                actual: "other bytes".into(),
            })?;
            files.push(json!({ "path": name }));
        }
        fields.insert("files".into(), Value::Array(files));
    }
    Ok((fields, origin, args.data.clone().unwrap_or(folder)))
}

/// The fields of a preset.
///
/// # Errors
/// If there is none of this name.
pub fn preset(name: &str) -> Result<Map<String, Value>, CliError> {
    let preset = LISTENING_PRESETS.iter().find(|preset| preset.name == name).or_else(|| Preset::by_name(name));
    let listening = || LISTENING_PRESETS.iter().map(|preset| preset.name).collect::<Vec<_>>().join(", ");
    let preset = preset.ok_or_else(|| CliError::Problems {
        origin: "--preset".into(),
        problems: vec![Problem {
            field: format!("{name:?}"),
            rule: format!("one of {}, {}", Preset::names(), listening()),
            value: "no such preset".into(),
        }],
    })?;
    match preset.config_json() {
        Value::Object(fields) => Ok(fields),
        _ => Ok(Map::new()),
    }
}

fn read_config(path: &Path) -> Result<Map<String, Value>, CliError> {
    let io = |source| CliError::Io { path: path.into(), action: "read", source };
    let problem = |rule: String, value: String| CliError::Problems {
        origin: path.display().to_string(),
        problems: vec![Problem { field: "configuration".into(), rule, value }],
    };
    let Some(text) = read_text(path, MAX_CONFIG_BYTES).map_err(io)? else {
        return Err(problem(format!("at most {MAX_CONFIG_BYTES} bytes"), "more".into()));
    };
    serde_json::from_str(&text).map_err(|error| problem("a JSON object".into(), json_mistake(&error)))
}

/// Shows a training and hears Ctrl-C.
struct View {
    live: Live,
    stop: Interrupt,
}

impl Observer for View {
    fn step(&mut self, progress: &Progress) -> ControlFlow<()> {
        self.live.step(progress);
        if !self.stop.is_pressed() {
            return ControlFlow::Continue(());
        }
        self.live.note("stopping; Ctrl-C again ends at once, without a model");
        ControlFlow::Break(())
    }

    fn epoch(&mut self, entry: &EpochEntry) {
        self.live.epoch(entry);
    }

    fn sample(&mut self, entry: &SampleEntry) {
        self.live.sample(&entry.output);
    }

    fn trial(&mut self, done: usize, of: usize) {
        self.live.trial(done, of);
    }

    fn note(&mut self, text: &str) {
        self.live.note(text);
    }
}

fn describe(data: &Dataset) -> String {
    format!(
        "{:.1} s of material, {} frames of {} features ({:.1} % of the variance); flux {:.3}, RMS {:.4}, flatness {:.5}",
        data.seconds,
        data.frames(),
        data.model.inputs(),
        100.0 * data.kept_variance,
        data.model.material.flux,
        data.model.material.rms,
        data.model.material.flatness
    )
}
