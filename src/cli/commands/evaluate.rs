//! `sympathy evaluate`: what a model is worth, in numbers.

mod notes;

use super::sample::colour;
use crate::{
    approach::{Colour, Generator, Network, feed_seed, resynthesise},
    cli::{
        automation::Assignment,
        error::CliError,
        given::Given,
        interrupt::Interrupt,
        models_at_hand::{AnyModel, read_any_model},
        one_line,
        output::{Overwrite, refuse_same_places},
        playing::PlayingArgs,
        progress::Progress,
        recordings::Strict,
        speed::{PrecisionArg, load_network},
        terminal::say,
    },
    evaluate::{
        Continue, Evaluation, Job, Plan, Seed, evaluate, page,
        seeds::{places, transposed},
    },
    whole_file::write_whole,
};
use clap::Args;
use serde_json::json;
use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

/// Examples for `--help`.
pub const HELP: &str = "EXAMPLES:\n  sympathy evaluate electric-guitar-magnitude --material take.wav\n  \
    sympathy evaluate my-model.safetensors --material song.wav --seeds strangers-1.wav strangers-2.wav --random-seeds 8 \
    --json my-model.json --html my-model.html\n  \
    sympathy evaluate --continuation theirs.wav --seeds played.wav --material song.wav\n  \
    sympathy evaluate my-lstm.safetensors scores.roll --toss --random-seeds 4 --json my-lstm.json\n  \
    sympathy evaluate my-autoencoder.safetensors scores.roll --split training\n\n\
    docs/EVALUATE.md says how every figure is made, and what recordings, noise and other models have; docs/NOTES.md does \
    for models of notes.";

/// What the player played next is judged too: so much of it.
const NEXT_SECONDS: f64 = 10.0;
/// Without seeds of its own the material gives this part, from its ends.
const HELD_OUT_PART: f64 = 0.25;
/// Files of any kind.
const MAX_FILES: usize = 512;
/// Seeds and what is kept of their continuations stay below a gigabyte at the usual rates.
const MAX_SEEDS: usize = 192;
/// All material together.
const MAX_MATERIAL_SECONDS: f64 = 8.0 * 3600.0;

/// Options of `sympathy evaluate`.
#[derive(Args, Clone, Debug)]
#[command(allow_negative_numbers = true)]
pub struct EvaluateArgs {
    /// What was typed
    #[command(flatten)]
    pub given: Given,
    /// Embedded model by name, or a model file
    #[arg(value_name = "MODEL", required_unless_present = "continuation")]
    pub model: Option<String>,
    /// For a model of notes: a data set of `sympathy roll`
    #[arg(value_name = "ROLL", conflicts_with_all = ["material", "continuation"])]
    pub data_set: Option<PathBuf>,
    /// What the model was trained on: resemblance and novelty are measured by it
    #[arg(long, value_name = "FILE", num_args = 1.., required_unless_present = "data_set")]
    pub material: Vec<PathBuf>,
    /// What to do with recordings that are not whole
    #[command(flatten)]
    pub strict: Strict,
    /// Recordings to take seeds from, which the model should not have heard [default: the ends of the material]
    #[arg(long, value_name = "FILE", num_args = 1..)]
    pub seeds: Vec<PathBuf>,
    /// Judge these recordings instead of a model, each as what follows the end of the seed file in the same place
    #[arg(long, value_name = "FILE", num_args = 1.., requires = "seeds", conflicts_with_all = ["model", "random_seeds", "temperature", "assignments", "precision"])]
    pub continuation: Vec<PathBuf>,
    /// Length of a continuation
    #[arg(long, value_name = "S", default_value = "30", value_parser = |text: &str| number(text, 5.0, 600.0))]
    pub seconds: f64,
    /// Length of a seed
    #[arg(long, value_name = "S", default_value = "8", value_parser = |text: &str| number(text, 1.0, 60.0))]
    pub seed_seconds: f64,
    /// Places at most from which seeds are taken, each sounded at every transposition
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u8).range(1..=64))]
    pub places: u8,
    /// Continuations of each seed, with random seeds from 0 on
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub random_seeds: u16,
    /// Semitones by which every seed is sounded higher
    #[arg(long, value_name = "LIST", default_value = "0,3,-4", value_delimiter = ',', allow_hyphen_values = true, value_parser = |text: &str| number(text, -12.0, 12.0))]
    pub transpositions: Vec<f64>,
    /// Temperature, as a multiple of the model's own; with a model of notes that of --toss
    #[arg(long, value_name = "X", default_value = "1", value_parser = |text: &str| number(text, 0.0, 10.0))]
    pub temperature: f64,
    /// Sets a parameter of Listening or Colour, as `render` does; may be given many times
    #[arg(long = "set", value_name = "PARAM=VALUE")]
    pub assignments: Vec<Assignment>,
    /// How the model's weights are stored; another precision, other bits
    #[arg(long, value_enum, default_value_t = PrecisionArg::Auto)]
    pub precision: PrecisionArg,
    /// Threads that compute; the figures do not depend on it [default: one a core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=128))]
    pub threads: Option<u8>,
    /// Write every figure, of every continuation
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Write a page with figures, pictures and players, the worst continuations first
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// What to do with files that are there
    #[command(flatten)]
    pub overwrite: Overwrite,
    /// Pieces that are foretold, and from which seeds are taken
    #[arg(long, value_enum, default_value_t = notes::SplitArg::Test, help_heading = HEADING)]
    pub split: notes::SplitArg,
    /// Length of what is played after each seed, in steps
    #[arg(long, value_name = "N", default_value_t = 512, value_parser = clap::value_parser!(u32).range(64..=65_536), help_heading = HEADING)]
    pub steps: u32,
    /// Length of the seeds, in measures of 16 steps
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=1024), help_heading = HEADING)]
    pub seed_measures: u32,
    /// How a model of notes plays
    #[command(flatten)]
    pub playing: PlayingArgs,
}

/// Above the options that only models of notes have.
const HEADING: &str = "Models of notes";
/// The options that models of notes do not have: fields and what is typed.
const SOUND_OPTIONS: [(&str, &str); 9] = [
    ("material", "--material"),
    ("strict", "--strict"),
    ("seeds", "--seeds"),
    ("continuation", "--continuation"),
    ("seconds", "--seconds"),
    ("seed_seconds", "--seed-seconds"),
    ("assignments", "--set"),
    ("threads", "--threads"),
    ("html", "--html"),
];

fn number(text: &str, least: f64, most: f64) -> Result<f64, String> {
    let value = text.trim().parse::<f64>().ok().filter(|value| (least..=most).contains(value));
    value.ok_or_else(|| format!("expected {least} to {most}"))
}

/// Runs the command.
///
/// # Errors
/// If the model, a recording or an output is invalid; nothing is written then.
pub fn run(args: &EvaluateArgs) -> Result<(), CliError> {
    let data = match &args.model {
        Some(name) => match read_any_model(name)? {
            AnyModel::Notes(model) => return notes::run(args, name, &model),
            AnyModel::Sound(data) => {
                refuse_notes(args, name)?;
                Some(data)
            }
        },
        None => {
            refuse_notes(args, "recordings")?;
            None
        }
    };
    check_places(args)?;
    let network = data.map(|data| load_network(&data, args.precision));
    let subject = Subject::new(args, network)?;
    let sounds = Sounds::read(args, subject.sample_rate_hz())?;
    let interrupt = Interrupt::watch();
    let rate = subject.sample_rate_hz();
    let plan = Plan {
        material: sounds.material,
        seeds: sounds.seeds,
        sample_rate_hz: rate,
        hop_samples: subject.hop_samples(),
        length_samples: (args.seconds * f64::from(rate)).round() as usize,
        random_seeds: u64::from(args.random_seeds),
        threads: args.threads.map_or_else(cores, usize::from),
        keep_sounds: args.html.is_some(),
    };
    let total = plan.seeds.len() * usize::from(args.random_seeds) * plan.length_samples;
    let progress = Mutex::new((Progress::new(total), 0));
    let more = |samples: usize| {
        if let Ok(mut state) = progress.lock() {
            state.1 += samples;
            let done = state.1.min(total);
            state.0.update(done);
        }
    };
    let asked = Asked { subject: &subject, args, interrupt: &interrupt };
    let evaluation = evaluate(&plan, &asked, &more)?;
    drop(progress);
    let title = subject.title();
    let notes = notes(args, &plan, &sounds.note);
    let speed = subject.network.is_some();
    // The page is drawn before anything is written.
    let html = match &args.html {
        Some(_) => Some(page::page(&title, &notes, &evaluation, &plan.seeds, speed).map_err(|error| {
            CliError::Option { option: "--html", expected: "a page".into(), actual: error.to_string() }
        })?),
        None => None,
    };
    if let Some(path) = &args.json {
        write(path, format!("{:#}\n", document(args, &title, &notes, &plan, &evaluation)).as_bytes())?;
    }
    if let (Some(path), Some(html)) = (&args.html, html) {
        write(path, html.as_bytes())?;
    }
    say!("{}", one_line(&title));
    for note in &notes {
        say!("{}", one_line(note));
    }
    say!("\n{}", evaluation.table(speed).trim_end());
    for path in args.json.iter().chain(&args.html) {
        say!("{}", one_line(&path.display().to_string()));
    }
    Ok(())
}

/// Refuses the options that only models of notes have.
fn refuse_notes(args: &EvaluateArgs, name: &str) -> Result<(), CliError> {
    let own = [("data_set", "ROLL"), ("split", "--split"), ("steps", "--steps"), ("seed_measures", "--seed-measures")];
    args.given.refuse(&own, "a model of notes", name)?;
    args.given.refuse(&PlayingArgs::OPTIONS, "a model of notes", name)
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), CliError> {
    write_whole(path, bytes).map_err(|source| CliError::Io { path: path.into(), action: "written", source })
}

/// Refuses outputs that cannot be written, and lists of files that cannot be paired.
fn check_places(args: &EvaluateArgs) -> Result<(), CliError> {
    for (path, extension) in [(&args.json, "json"), (&args.html, "html")] {
        let Some(path) = path else { continue };
        args.overwrite.check(path, extension)?;
    }
    let inputs = || args.material.iter().chain(&args.seeds).chain(&args.continuation);
    let read: Vec<(&str, &Path)> = inputs().map(|path| ("a recording", path.as_path())).collect();
    let outputs = [("the figures", &args.json), ("the page", &args.html)];
    let written: Vec<(&str, &Path)> =
        outputs.iter().filter_map(|(what, path)| Some((*what, path.as_deref()?))).collect();
    refuse_same_places(&read, &written)?;
    if !args.continuation.is_empty() && args.continuation.len() != args.seeds.len() {
        return Err(CliError::Option {
            option: "--continuation",
            expected: format!("as many files as --seeds, {}: each follows the end of one of them", args.seeds.len()),
            actual: args.continuation.len().to_string(),
        });
    }
    if inputs().count() > MAX_FILES {
        return Err(CliError::Option {
            option: "--material",
            expected: format!("at most {MAX_FILES} recordings in all"),
            actual: inputs().count().to_string(),
        });
    }
    let places = if args.continuation.is_empty() { usize::from(args.places) } else { args.seeds.len() };
    check_seeds(places * args.transpositions.len())
}

/// Refuses more seeds, places times transpositions, than are judged at once.
fn check_seeds(seeds: usize) -> Result<(), CliError> {
    if !(1..=MAX_SEEDS).contains(&seeds) {
        return Err(CliError::Option {
            option: "--transpositions",
            expected: format!("at most {MAX_SEEDS} seeds, places times transpositions"),
            actual: seeds.to_string(),
        });
    }
    Ok(())
}

/// A subject with the options of its continuations.
struct Asked<'a> {
    subject: &'a Subject,
    args: &'a EvaluateArgs,
    interrupt: &'a Interrupt,
}

impl Continue<CliError> for Asked<'_> {
    fn continue_seed(&self, job: Job<'_>, progress: &dyn Fn(usize)) -> Result<Vec<f32>, CliError> {
        self.subject.continue_seed(self.args, job, self.interrupt, progress)
    }

    fn as_said(&self, seed: &Seed) -> Option<Vec<f32>> {
        let network =
            self.subject.network.as_ref().filter(|network| network.config().approach.listening().is_some())?;
        Some(resynthesise(network, &seed.sound))
    }
}

/// What is evaluated: a network, or recordings of whatever else continued the seeds.
struct Subject {
    network: Option<Arc<Network>>,
    colour: Colour,
    recordings: Vec<(u32, Vec<f32>)>,
    names: Vec<String>,
}

impl Subject {
    fn new(args: &EvaluateArgs, network: Option<Arc<Network>>) -> Result<Self, CliError> {
        let (mut recordings, mut names) = (Vec::new(), Vec::new());
        let colour = colour(&args.assignments)?;
        for path in &args.continuation {
            let recording = args.strict.read(path)?;
            let seconds = recording.length_samples() as f64 / f64::from(recording.sample_rate_hz);
            if seconds < 5.0 {
                return Err(too_short(path, "at least 5 s of a continuation", seconds));
            }
            names.push(name(path));
            recordings.push((recording.sample_rate_hz, recording.mono()));
        }
        Ok(Self { network, colour, recordings, names })
    }

    fn sample_rate_hz(&self) -> u32 {
        match &self.network {
            Some(network) => network.config().sample_rate_hz,
            None => self.recordings.first().map_or(44_100, |(rate, _)| *rate),
        }
    }

    /// Recordings do not tell where their frames' borders are.
    fn hop_samples(&self) -> Option<usize> {
        self.network.as_ref().map(|network| network.config().hop_samples())
    }

    fn title(&self) -> String {
        match &self.network {
            Some(network) => network.config().name.clone(),
            None => self.names.join(", "),
        }
    }

    fn continue_seed(
        &self,
        args: &EvaluateArgs,
        job: Job<'_>,
        interrupt: &Interrupt,
        progress: &dyn Fn(usize),
    ) -> Result<Vec<f32>, CliError> {
        if let Some(network) = &self.network {
            return predict(args, network, self.colour, job, interrupt, progress);
        }
        if interrupt.is_pressed() {
            return Err(CliError::Left);
        }
        // Seeds stand in the order of their files, each at all transpositions.
        let (rate, sound) = &self.recordings[job.seed_index / args.transpositions.len()];
        let mut sound = transposed(sound, *rate, job.seed.transposition, self.sample_rate_hz());
        sound.truncate(job.length_samples);
        progress(job.length_samples);
        Ok(sound)
    }
}

fn predict(
    args: &EvaluateArgs,
    network: &Arc<Network>,
    colour: Colour,
    job: Job<'_>,
    interrupt: &Interrupt,
    progress: &dyn Fn(usize),
) -> Result<Vec<f32>, CliError> {
    let config = network.config();
    let mut generator = Generator::new(Arc::clone(network));
    generator.reset(job.random_seed);
    generator.set_colour(colour);
    let hop = generator.hop_samples();
    feed_seed(&mut generator, &job.seed.sound);
    let mut sound = vec![0.0; job.length_samples.next_multiple_of(hop)];
    // Reports are worth their lock from a tenth of a second on.
    let report = (config.sample_rate_hz as usize / 10).max(1);
    let mut fresh = 0;
    for (index, out) in sound.chunks_exact_mut(hop).enumerate() {
        if interrupt.is_pressed() {
            return Err(CliError::Left);
        }
        generator.predict(args.temperature as f32, out);
        if generator.has_failed() {
            let seconds = (index * hop) as f64 / f64::from(config.sample_rate_hz);
            return Err(CliError::NotFinite { model: config.name.clone(), voice: job.seed_index + 1, seconds });
        }
        fresh += hop;
        if fresh >= report {
            progress(std::mem::take(&mut fresh));
        }
    }
    progress(fresh);
    sound.truncate(job.length_samples);
    Ok(sound)
}

/// Material and seeds at the rate of the evaluation.
struct Sounds {
    material: Vec<Vec<f32>>,
    seeds: Vec<Seed>,
    /// Where the seeds are from.
    note: String,
}

impl Sounds {
    fn read(args: &EvaluateArgs, rate: u32) -> Result<Self, CliError> {
        let mut material = Vec::new();
        let mut seconds = 0.0;
        for path in &args.material {
            let mut played = Played::read(path, args.strict)?;
            seconds += played.seconds();
            if seconds > MAX_MATERIAL_SECONDS {
                return Err(CliError::Option {
                    option: "--material",
                    expected: format!("at most {} h in all", MAX_MATERIAL_SECONDS / 3600.0),
                    actual: format!("more with {}", name(path)),
                });
            }
            // At once, as hours at their own rate would be many gigabytes.
            played.convert(rate);
            material.push(played);
        }
        let (files, note) = if args.seeds.is_empty() {
            let ends: Vec<Played> =
                material.iter_mut().filter_map(|played| played.hold_out(args.seed_seconds)).collect();
            let Some(first) = args.material.first().filter(|_| ends.is_empty()) else {
                let seconds: f64 = ends.iter().map(Played::seconds).sum();
                let note = format!(
                    "seeds: the last {seconds:.1} s of the material, which count as none here; the model may have been \
                     trained on them (--seeds takes recordings that it has not heard)"
                );
                return Ok(Self { seeds: seeds(args, &ends, rate)?, material: sounds_of(material), note });
            };
            let seconds = material.iter().map(Played::seconds).fold(0.0, f64::max);
            return Err(too_short(
                first,
                &format!("at least {} s, of which the end gives seeds, or --seeds", 2.0 * args.seed_seconds),
                seconds,
            ));
        } else {
            let files = args.seeds.iter().map(|path| Played::read(path, args.strict)).collect::<Result<Vec<_>, _>>()?;
            (files, format!("seeds: {}", args.seeds.iter().map(|path| name(path)).collect::<Vec<_>>().join(", ")))
        };
        Ok(Self { seeds: seeds(args, &files, rate)?, material: sounds_of(material), note })
    }
}

fn sounds_of(material: Vec<Played>) -> Vec<Vec<f32>> {
    material.into_iter().map(|played| played.sound).collect()
}

/// A recording as it was read.
struct Played {
    path: PathBuf,
    sample_rate_hz: u32,
    sound: Vec<f32>,
    /// Where the sound begins in its file.
    start_seconds: f64,
}

impl Played {
    fn read(path: &Path, strict: Strict) -> Result<Self, CliError> {
        let recording = strict.read(path)?;
        let sound = recording.mono();
        if sound.iter().all(|x| x.abs() < 1e-5) {
            return Err(CliError::Unsuitable {
                path: path.into(),
                what: "level",
                expected: "something to be heard".into(),
                actual: "silence".into(),
            });
        }
        Ok(Self { path: path.into(), sample_rate_hz: recording.sample_rate_hz, sound, start_seconds: 0.0 })
    }

    fn seconds(&self) -> f64 {
        self.sound.len() as f64 / f64::from(self.sample_rate_hz)
    }

    fn convert(&mut self, rate: u32) {
        self.sound = transposed(&self.sound, self.sample_rate_hz, 0.0, rate);
        self.sample_rate_hz = rate;
    }

    /// Takes the end away, if enough is left.
    fn hold_out(&mut self, seed_seconds: f64) -> Option<Self> {
        let seconds = (HELD_OUT_PART * self.seconds()).max(seed_seconds);
        if self.seconds() < 2.0 * seed_seconds {
            return None;
        }
        let start = self.sound.len() - (seconds * f64::from(self.sample_rate_hz)) as usize;
        Some(Self {
            path: self.path.clone(),
            sample_rate_hz: self.sample_rate_hz,
            start_seconds: self.start_seconds + start as f64 / f64::from(self.sample_rate_hz),
            sound: self.sound.split_off(start),
        })
    }
}

/// Seeds in the order of their files and places, each at all transpositions.
fn seeds(args: &EvaluateArgs, files: &[Played], rate: u32) -> Result<Vec<Seed>, CliError> {
    let mut chosen: Vec<(usize, std::ops::Range<usize>)> = Vec::new();
    if args.continuation.is_empty() {
        let most = usize::from(args.places);
        let found: Vec<Vec<_>> = files
            .iter()
            .map(|played| {
                places(&played.sound, played.sample_rate_hz, args.seed_seconds, args.seconds.min(NEXT_SECONDS), most)
            })
            .collect();
        // One place of each file, then a second one of each that has more.
        let rounds = (0..most).flat_map(|round| found.iter().enumerate().map(move |file| (round, file)));
        let all = rounds.filter_map(|(round, (file, spans))| Some((file, spans.get(round)?.clone())));
        chosen.extend(all.take(most));
        chosen.sort_by_key(|(file, span)| (*file, span.start));
    } else {
        for (file, played) in files.iter().enumerate() {
            let length = (args.seed_seconds * f64::from(played.sample_rate_hz)) as usize;
            chosen.push((file, played.sound.len().saturating_sub(length)..played.sound.len()));
        }
    }
    let Some(played) = files.first().filter(|_| chosen.is_empty()) else {
        let all = chosen.iter().flat_map(|(file, span)| {
            args.transpositions.iter().map(move |&semitones| seed(&files[*file], span, semitones, rate))
        });
        return Ok(all.collect());
    };
    Err(too_short(&played.path, "at least 1 s above −60 dBFS to be a seed", played.seconds()))
}

fn seed(played: &Played, span: &std::ops::Range<usize>, semitones: f64, rate: u32) -> Seed {
    let played_hz = f64::from(played.sample_rate_hz);
    let next = span.end..(span.end + (NEXT_SECONDS * played_hz) as usize).min(played.sound.len());
    let sound = |span: std::ops::Range<usize>| transposed(&played.sound[span], played.sample_rate_hz, semitones, rate);
    let higher = if semitones == 0.0 { String::new() } else { format!(", {semitones:+} semitones") };
    let start = played.start_seconds + span.start as f64 / played_hz;
    Seed {
        name: format!("{} from {start:.1} s{higher}", name(&played.path)),
        transposition: semitones,
        sound: sound(span.clone()),
        next: sound(next),
    }
}

fn too_short(path: &Path, expected: &str, seconds: f64) -> CliError {
    CliError::Unsuitable {
        path: path.into(),
        what: "length",
        expected: expected.into(),
        actual: format!("{seconds:.2} s"),
    }
}

fn name(path: &Path) -> String {
    one_line(&path.file_name().unwrap_or(path.as_os_str()).to_string_lossy())
}

/// So many files are named; of more there is the number.
const NAMED: usize = 4;

/// What was evaluated how.
fn notes(args: &EvaluateArgs, plan: &Plan, seeds: &str) -> Vec<String> {
    let seconds: f64 = plan.material.iter().map(|sound| sound.len() as f64 / f64::from(plan.sample_rate_hz)).sum();
    let mut files: Vec<String> = args.material.iter().take(NAMED).map(|path| name(path)).collect();
    if args.material.len() > NAMED {
        files.push(format!("{} more", args.material.len() - NAMED));
    }
    let semitones: Vec<String> =
        args.transpositions.iter().map(|x| if *x == 0.0 { "0".into() } else { format!("{x:+}") }).collect();
    let random = if args.continuation.is_empty() {
        format!(", {} random {}", args.random_seeds, if args.random_seeds == 1 { "seed" } else { "seeds" })
    } else {
        String::new()
    };
    vec![
        format!("material: {seconds:.1} s of {}", files.join(", ")),
        seeds.to_string(),
        format!(
            "{} seeds of up to {} s ({} {} at {} semitones), continued for up to {} s{random}",
            plan.seeds.len(),
            args.seed_seconds,
            plan.seeds.len() / args.transpositions.len(),
            if plan.seeds.len() == args.transpositions.len() { "place" } else { "places" },
            semitones.join(", "),
            args.seconds,
        ),
    ]
}

fn document(
    args: &EvaluateArgs,
    title: &str,
    notes: &[String],
    plan: &Plan,
    evaluation: &Evaluation,
) -> serde_json::Value {
    let seeds: Vec<_> = plan
        .seeds
        .iter()
        .map(|seed| {
            json!({
                "name": seed.name,
                "transposition": seed.transposition,
                "seconds": seed.sound.len() as f64 / f64::from(plan.sample_rate_hz),
            })
        })
        .collect();
    json!({
        "sympathy": env!("CARGO_PKG_VERSION"),
        "subject": title,
        "notes": notes,
        "temperature": args.temperature,
        "set": args.assignments.iter().map(|said| format!("{}={}", said.key, said.value)).collect::<Vec<_>>(),
        "seeds": seeds,
        "evaluation": evaluation.json(),
    })
}
