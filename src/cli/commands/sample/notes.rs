//! Sampling models of notes: a MIDI file of what one plays.

mod codes;

use super::{SOUND_OPTIONS, SampleArgs, SeedArg};
use crate::{
    cli::{
        error::CliError,
        interrupt::Interrupt,
        midi_place::Piece,
        noise_seed::NoiseSeed,
        one_line,
        output::{refuse_same_places, replace_file},
        playing::predictor,
        progress::Progress,
        terminal::say,
    },
    dsp::float_mode::FloatMode,
    figure::{RollFigure, ShownRoll},
    model::{KEYS, LOWEST_KEY, RollModel, RollNetwork, STEPS_PER_MEASURE},
    notes::{COLUMN_BYTES, Continuation, Roll, Score, Texture},
};
use std::{fs, io, path::Path};

/// A file that nobody named.
const USUAL_OUT: &str = "sample.mid";
/// So many columns are typed at most.
const MAX_TYPED: usize = 1024;
/// That of files which tell none.
const USUAL_TEMPO: f64 = 120.0;
/// The options that only autoencoders have: fields and what is typed.
pub const CODE_OPTIONS: [(&str, &str); 6] = [
    ("code", "--code"),
    ("data", "--data"),
    ("reconstruct", "--reconstruct"),
    ("from", "--from"),
    ("to", "--to"),
    ("points", "--points"),
];
/// The options that they do not have.
const CONTINUING_OPTIONS: [(&str, &str); 5] = [
    ("start", "--start"),
    ("seed", "--seed"),
    ("include_seed", "--include-seed"),
    ("steps", "--steps"),
    ("seed_measures", "--seed-measures"),
];

/// What a network played, and what is told of it.
struct Sampled {
    played: Roll,
    /// What is written: this, or with the seed before it.
    written: Roll,
    /// Of the file that it begins with, in quarter notes a minute.
    tempo: Option<f64>,
    shown: Vec<ShownRoll>,
    /// A step to be marked in the picture, and what happens there.
    mark: Option<(usize, &'static str)>,
    /// What the picture shows.
    caption: &'static str,
    /// Said after the summary.
    lines: Vec<String>,
}

/// Runs the command on a model of notes.
///
/// # Errors
/// If an option belongs to sound, or the seed or the output is invalid; nothing is written then.
pub fn run(args: &SampleArgs, model: &RollModel) -> Result<(), CliError> {
    args.given.refuse(&SOUND_OPTIONS, "a model of sound", &args.model)?;
    let out = args.out.as_deref().unwrap_or(Path::new(USUAL_OUT));
    let seed = match &args.seed {
        SeedArg::Notes(place) => Some(place),
        SeedArg::Noise(_) => None,
    };
    let places = [("the seed", seed), ("the piece", args.reconstruct.as_ref())].into_iter();
    let places = places.chain([("the first piece", args.from.as_ref()), ("the last piece", args.to.as_ref())]);
    let read: Vec<(&str, &Path)> = places.filter_map(|(what, place)| Some((what, &*place?.file))).collect();
    refuse_same_places(&read, &[("the output", out)])?;
    args.overwrite.check(out, "mid")?;
    let picture = out.with_extension("png");
    if args.plot {
        args.overwrite.check(&picture, "png")?;
    }
    let _mode = FloatMode::enter();
    let sampled = match model.config().network {
        RollNetwork::Recurrent { .. } => continued(args, model)?,
        RollNetwork::Autoencoder { .. } => codes::decoded(args, model)?,
    };
    let tempo = args.bpm.or(sampled.tempo).unwrap_or(USUAL_TEMPO);
    let bytes = Score::midi_of(&sampled.written, model.config().approach.steps_per_quarter as u32, tempo, out)?;
    if args.plot {
        let figure = RollFigure {
            rolls: &sampled.shown,
            keys: KEYS,
            lowest: LOWEST_KEY.into(),
            steps_per_measure: STEPS_PER_MEASURE,
            mark: sampled.mark,
        };
        let png = figure.png().map_err(io::Error::other);
        replace_file(&picture, |part| fs::write(part, png?))?;
    }
    // A picture without its notes would be half a result.
    replace_file(out, |part| fs::write(part, &bytes)).inspect_err(|_| {
        if args.plot {
            drop(fs::remove_file(&picture))
        }
    })?;
    say!("{}: {}", one_line(&out.display().to_string()), summary(tempo, model, &sampled.played));
    sampled.lines.iter().for_each(|line| say!("{line}"));
    if args.plot {
        let steps = sampled.shown.iter().map(|roll| roll.columns.len()).max().unwrap_or(0);
        let part = match steps > RollFigure::MAX_STEPS {
            true => format!(", the first {} of {steps} steps", RollFigure::MAX_STEPS),
            false => String::new(),
        };
        say!("{}: {}{part}", one_line(&picture.display().to_string()), sampled.caption);
    }
    Ok(())
}

/// What a recurrent network plays after its seed.
fn continued(args: &SampleArgs, model: &RollModel) -> Result<Sampled, CliError> {
    args.given.refuse(&CODE_OPTIONS, "an autoencoder", &args.model)?;
    let temperature = args.given.has("temperature").then_some(args.temperature);
    let playing = args.playing.playing(temperature, args.random_seed)?;
    let network = predictor(model, &args.model, args.precision)?;
    let (seed, seed_title, tempo) = seed(args, model)?;
    let width = network.column();
    let mut continuation = Continuation::new(network, playing);
    let interrupt = Interrupt::watch();
    let mut progress = Progress::new(seed.len() + args.steps as usize);
    let mut more = |done: usize| {
        progress.update(done);
        if interrupt.is_pressed() { Err(CliError::Left) } else { Ok(()) }
    };
    let mut numbers = vec![0.0; seed.len() * width];
    for (step, column) in numbers.chunks_exact_mut(width).enumerate() {
        more(step)?;
        seed.write_numbers(step, column);
        continuation.hear(column);
    }
    let heard = numbers.len();
    for step in 0..args.steps as usize {
        more(seed.len() + step)?;
        if continuation.has_failed() {
            return Err(CliError::NoProbability { model: model.config().name.clone(), steps: step });
        }
        numbers.extend_from_slice(continuation.play());
    }
    let whole = Roll::from_numbers(&numbers, width);
    let played = Roll::from_numbers(&numbers[heard..], width);
    let title = format!("{}, after the {seed_title}", one_line(&model.config().name));
    Ok(Sampled {
        shown: vec![shown(&title, &whole)],
        written: if args.include_seed { whole } else { played.clone() },
        played,
        tempo,
        mark: Some((seed.len(), "the seed ends")),
        caption: "the roll of seed and prediction",
        lines: Vec::new(),
    })
}

fn shown(title: &str, roll: &Roll) -> ShownRoll {
    ShownRoll { title: title.chars().take(90).collect(), columns: roll.held().collect() }
}

/// What the network hears first, what it is, and its tempo. It hears at least one column, as it has no other way to
/// begin.
fn seed(args: &SampleArgs, model: &RollModel) -> Result<(Roll, String, Option<f64>), CliError> {
    let option = |option: &'static str, expected: &str, actual: String| CliError::Option {
        option,
        expected: expected.into(),
        actual,
    };
    match (&args.seed, &args.start) {
        (SeedArg::Noise(noise), start) if args.given.has("seed") && *noise != NoiseSeed::Silence => {
            let actual = format!("{noise:?}{}", if start.is_some() { " beside --start" } else { "" });
            Err(option("--seed", "silence, or a MIDI file and a measure, as song.mid@9", actual.to_lowercase()))
        }
        (SeedArg::Notes(_), Some(_)) => Err(option("--start", "no --seed beside it", "both".into())),
        (SeedArg::Noise(_), Some(start)) => {
            let typed = Roll::from_text(start).filter(|roll| roll.len() <= MAX_TYPED);
            let expected = "columns of keys from ! (A0) to x (C8), 1 to 1024 with blanks between them, as \"C#9b5\"";
            let roll = typed.ok_or_else(|| option("--start", expected, format!("{start:?}")))?;
            Ok((with_plane(roll, model), format!("column {start:?}"), None))
        }
        (SeedArg::Noise(_), None) => {
            let silence = Roll::from_numbers(&[0.0; KEYS], KEYS);
            Ok((with_plane(silence, model), "silence".into(), None))
        }
        (SeedArg::Notes(place), None) => {
            let Piece { roll, from, tempo, title } = Piece::read(place, model.config())?;
            let to = roll.len().min(from + args.seed_measures as usize * STEPS_PER_MEASURE);
            Ok((roll.part(from..to), format!("seed: {title}"), tempo))
        }
    }
}

/// A roll with the planes that the model knows; a key is struck where it begins.
fn with_plane(roll: Roll, model: &RollModel) -> Roll {
    match model.config().column() > KEYS {
        true => Roll::new(roll.columns().to_vec(), Some(vec![[0; COLUMN_BYTES]; roll.len()])),
        false => roll,
    }
}

fn summary(tempo: f64, model: &RollModel, played: &Roll) -> String {
    let figures = Texture::of(played).figures();
    let approach = &model.config().approach;
    let seconds = 60.0 * played.len() as f64 / (tempo * approach.steps_per_quarter as f64);
    let percent = |part: f64| format!("{:.0} %", 100.0 * part);
    format!(
        "{} steps ({seconds:.1} s) of {}, {:.2} keys a column, {} empty, {} standing still, {} floods, {} notes of {:.1} steps",
        played.len(),
        one_line(&model.config().name),
        figures.keys,
        percent(figures.empty),
        percent(figures.stalls),
        percent(figures.floods),
        played.notes().len(),
        figures.note_length,
    )
}
