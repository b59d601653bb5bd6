//! Sampling models of notes: a MIDI file of what one plays.

use super::{SOUND_OPTIONS, SampleArgs, SeedArg};
use crate::{
    cli::{
        error::CliError,
        noise_seed::NoiseSeed,
        one_line,
        output::{refuse_same_places, replace_file},
        playing::{grid_of, predictor},
        terminal::{remark, say},
    },
    dsp::float_mode::FloatMode,
    figure::{RollFigure, ShownRoll},
    model::{KEYS, LOWEST_KEY, RollModel, STEPS_PER_MEASURE},
    notes::{COLUMN_BYTES, Continuation, MAX_STEPS, Roll, Score, Texture},
};
use std::{fs, io, path::Path};

/// A file that nobody named.
const USUAL_OUT: &str = "sample.mid";
/// So many columns are typed at most.
const MAX_TYPED: usize = 1024;

/// Runs the command on a model of notes.
///
/// # Errors
/// If an option belongs to sound, or the seed or the output is invalid; nothing is written then.
pub fn run(args: &SampleArgs, model: &RollModel) -> Result<(), CliError> {
    args.given.refuse(&SOUND_OPTIONS, "a model of sound", &args.model)?;
    let out = args.out.as_deref().unwrap_or(Path::new(USUAL_OUT));
    let read: Vec<(&str, &Path)> = match &args.seed {
        SeedArg::Notes { file, .. } => vec![("the seed", file)],
        SeedArg::Noise(_) => Vec::new(),
    };
    refuse_same_places(&read, &[("the output", out)])?;
    args.overwrite.check(out, "mid")?;
    let picture = out.with_extension("png");
    if args.plot {
        args.overwrite.check(&picture, "png")?;
    }
    let temperature = args.given.has("temperature").then_some(args.temperature);
    let playing = args.playing.playing(temperature, args.random_seed)?;
    let network = predictor(model, &args.model, args.precision)?;
    let (seed, seed_title) = seed(args, model)?;

    let _mode = FloatMode::enter();
    let width = network.column();
    let mut continuation = Continuation::new(network, playing);
    let mut numbers = vec![0.0; seed.len() * width];
    for (step, column) in numbers.chunks_exact_mut(width).enumerate() {
        seed.write_numbers(step, column);
        continuation.hear(column);
    }
    let heard = numbers.len();
    for step in 0..args.steps as usize {
        if continuation.has_failed() {
            return Err(CliError::NoProbability { model: model.config().name.clone(), steps: step });
        }
        numbers.extend_from_slice(continuation.play());
    }
    let whole = Roll::from_numbers(&numbers, width);
    let played = Roll::from_numbers(&numbers[heard..], width);
    let written = if args.include_seed { &whole } else { &played };
    let bytes = Score::midi_of(written, model.config().approach.steps_per_quarter as u32, args.bpm, out)?;
    if args.plot {
        let title = format!("{}, after the {seed_title}", one_line(&model.config().name));
        let rolls = [ShownRoll { title: title.chars().take(90).collect(), columns: whole.held().collect() }];
        let figure = RollFigure {
            rolls: &rolls,
            keys: KEYS,
            lowest: LOWEST_KEY.into(),
            steps_per_measure: STEPS_PER_MEASURE,
            mark: Some((seed.len(), "the seed ends")),
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
    say!("{}: {}", one_line(&out.display().to_string()), summary(args, model, &played));
    if args.plot {
        let steps = whole.len();
        let part = match steps > RollFigure::MAX_STEPS {
            true => format!(", the first {} of {steps} steps", RollFigure::MAX_STEPS),
            false => String::new(),
        };
        say!("{}: the roll of seed and prediction{part}", one_line(&picture.display().to_string()));
    }
    Ok(())
}

/// What the network hears first, and what it is. It hears at least one column, as it has no other way to begin.
fn seed(args: &SampleArgs, model: &RollModel) -> Result<(Roll, String), CliError> {
    let option = |option: &'static str, expected: &str, actual: String| CliError::Option {
        option,
        expected: expected.into(),
        actual,
    };
    let file = match (&args.seed, &args.start) {
        (SeedArg::Noise(noise), start) if args.given.has("seed") && *noise != NoiseSeed::Silence => {
            let actual = format!("{noise:?}{}", if start.is_some() { " beside --start" } else { "" });
            return Err(option(
                "--seed",
                "silence, or a MIDI file and a measure, as song.mid@9",
                actual.to_lowercase(),
            ));
        }
        (SeedArg::Notes { .. }, Some(_)) => {
            return Err(option("--start", "no --seed beside it", "both".into()));
        }
        (SeedArg::Noise(_), Some(start)) => {
            let typed = Roll::from_text(start).filter(|roll| roll.len() <= MAX_TYPED);
            let expected = "columns of keys from ! (A0) to x (C8), 1 to 1024 with blanks between them, as \"C#9b5\"";
            let roll = typed.ok_or_else(|| option("--start", expected, format!("{start:?}")))?;
            let title = format!("column {start:?}");
            return Ok((with_plane(roll, model), title));
        }
        (SeedArg::Noise(_), None) => {
            let silence = Roll::from_numbers(&[0.0; KEYS], KEYS);
            return Ok((with_plane(silence, model), "silence".into()));
        }
        (SeedArg::Notes { file, measure }, None) => (file, *measure as usize),
    };
    let (path, measure) = file;
    let score = Score::read(path)?;
    score.warnings.iter().for_each(|warning| remark!("warning: {}: {warning}", one_line(&path.display().to_string())));
    let unsuitable =
        |expected: String, actual: String| CliError::Unsuitable { path: path.clone(), what: "notes", expected, actual };
    let (roll, _) = score
        .roll(&grid_of(model))
        .map_err(|steps| unsuitable(format!("at most {} steps", MAX_STEPS), steps.to_string()))?;
    let from = (measure - 1) * STEPS_PER_MEASURE;
    if from >= roll.len() {
        let measures = roll.len().div_ceil(STEPS_PER_MEASURE);
        let expected = format!("some at measure {measure}, where the seed begins");
        return Err(unsuitable(expected, format!("{measures} measures of {STEPS_PER_MEASURE} steps")));
    }
    let to = roll.len().min(from + args.seed_measures as usize * STEPS_PER_MEASURE);
    let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
    Ok((roll.part(from..to), format!("seed: {} from measure {measure}", one_line(&name))))
}

/// A roll with the planes that the model knows; a key is struck where it begins.
fn with_plane(roll: Roll, model: &RollModel) -> Roll {
    match model.config().column() > KEYS {
        true => Roll::new(roll.columns().to_vec(), Some(vec![[0; COLUMN_BYTES]; roll.len()])),
        false => roll,
    }
}

fn summary(args: &SampleArgs, model: &RollModel, played: &Roll) -> String {
    let figures = Texture::of(played).figures();
    let approach = &model.config().approach;
    let seconds = 60.0 * played.len() as f64 / (args.bpm * approach.steps_per_quarter as f64);
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
