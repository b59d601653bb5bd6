//! What an autoencoder plays: codes that are typed, drawn, averaged, or of MIDI files and between them.

use super::{CONTINUING_OPTIONS, Sampled, shown};
use crate::{
    cli::{
        commands::sample::{CodeArg, SampleArgs},
        error::CliError,
        midi_place::Piece,
        one_line,
        playing::{PlayingArgs, check_grid, cloud, coder},
    },
    dsp::random::Random,
    model::RollModel,
    notes::{Coder, DataSet, Draw, Roll, Tally},
};

/// Decodes what was asked for.
///
/// # Errors
/// If an option belongs to recurrent networks, no code is asked for or several, or a file is invalid.
pub fn decoded(args: &SampleArgs, model: &RollModel) -> Result<Sampled, CliError> {
    args.given.refuse(&CONTINUING_OPTIONS, "a recurrent network", &args.model)?;
    args.given.refuse(&PlayingArgs::RECURRENT_OPTIONS, "a recurrent network", &args.model)?;
    let temperature = args.given.has("temperature").then_some(args.temperature);
    let draw = args.playing.drawing(temperature, args.random_seed)?;
    let mut coder = coder(model, &args.model, args.precision)?;
    let name = one_line(&model.config().name);
    match (&args.code, &args.reconstruct, (&args.from, &args.to)) {
        (Some(code), ..) => {
            let (code, what) = code_of(args, code, model, &mut coder)?;
            let played = play(&mut coder, &[&code], draw, &name)?;
            Ok(Sampled {
                shown: vec![shown(&format!("{name}, {what}"), &played)],
                written: played.clone(),
                played,
                tempo: None,
                mark: None,
                caption: "the roll",
                lines: vec![format!("code {}", typed(&code))],
            })
        }
        (None, Some(place), _) => {
            let Piece { roll, from, tempo, title } = Piece::read(place, model.config())?;
            let code = coder.encode(&roll, from).to_vec();
            let played = play(&mut coder, &[&code], draw, &name)?;
            let original = roll.part(from..roll.len().min(from + coder.steps()));
            let agreement = agreement(&played, &roll, from, coder.column());
            Ok(Sampled {
                shown: vec![shown(&title, &original), shown(&format!("{name}, from its code"), &played)],
                written: played.clone(),
                played,
                tempo,
                mark: None,
                caption: "the roll of the piece, and that of its code",
                lines: vec![agreement, format!("code {}", typed(&code))],
            })
        }
        (None, None, (Some(from), Some(to))) => {
            let mut lines = Vec::new();
            let mut end = |place| -> Result<_, CliError> {
                let Piece { roll, from, tempo, title } = Piece::read(place, model.config())?;
                let code = coder.encode(&roll, from).to_vec();
                lines.push(format!("code {} of {title}", typed(&code)));
                Ok((code, tempo, title))
            };
            let ((first, tempo, first_title), (last, _, last_title)) = (end(from)?, end(to)?);
            let codes: Vec<Vec<f32>> =
                (0..args.points).map(|point| between(&first, &last, point, args.points)).collect();
            let played = play(&mut coder, &codes.iter().map(Vec::as_slice).collect::<Vec<_>>(), draw, &name)?;
            Ok(Sampled {
                shown: vec![shown(&format!("{name}, from {first_title} to {last_title}"), &played)],
                written: played.clone(),
                played,
                tempo,
                mark: None,
                caption: "the roll",
                lines,
            })
        }
        _ => Err(CliError::Option {
            option: "--code",
            expected: "what an autoencoder shall play: a code, or --reconstruct, or --from and --to".into(),
            actual: "none".into(),
        }),
    }
}

/// A code that no single MIDI file has, and what it is.
fn code_of(
    args: &SampleArgs,
    code: &CodeArg,
    model: &RollModel,
    coder: &mut Coder,
) -> Result<(Vec<f32>, String), CliError> {
    let wrong = |option, expected: String, actual: String| Err(CliError::Option { option, expected, actual });
    if args.data.is_some() && *code != CodeArg::Mean {
        return wrong("--data", "--code mean beside it".into(), "another code".into());
    }
    match (code, &args.data) {
        (CodeArg::Numbers(numbers), _) if numbers.len() != coder.code() => {
            wrong("--code", format!("{} numbers, as the model has", coder.code()), numbers.len().to_string())
        }
        (CodeArg::Numbers(numbers), _) => Ok((numbers.clone(), "a code that was typed".into())),
        (CodeArg::Random, _) => {
            let mut random = Random::new(args.random_seed);
            let code = (0..coder.code()).map(|_| 2.0 * random.uniform() - 1.0).collect();
            Ok((code, format!("random code {}", args.random_seed)))
        }
        (CodeArg::Mean, None) => match &model.config().codes {
            Some(codes) => Ok((codes.mean.clone(), "the mean code of what it has learnt".into())),
            None => wrong(
                "--data",
                "a data set, of whose codes the mean is taken, as the model says nothing of its codes".into(),
                "none".into(),
            ),
        },
        (CodeArg::Mean, Some(path)) => {
            let data_set = DataSet::read(path)?;
            check_grid(model, &data_set, path)?;
            let name = one_line(&path.file_name().unwrap_or(path.as_os_str()).to_string_lossy());
            Ok((cloud(coder, &data_set, path)?.mean().unwrap_or_default(), format!("the mean code of {name}")))
        }
    }
}

/// A code on the straight way between two.
fn between(first: &[f32], last: &[f32], point: u16, points: u16) -> Vec<f32> {
    let part = f32::from(point) / f32::from(points - 1);
    first.iter().zip(last).map(|(a, b)| (1.0 - part) * a + part * b).collect()
}

/// What the decoder says of codes, one after the other, drawn.
fn play(coder: &mut Coder, codes: &[&[f32]], draw: Draw, name: &str) -> Result<Roll, CliError> {
    let (width, steps) = (coder.column(), coder.steps());
    let mut numbers = vec![0.0; codes.len() * steps * width];
    for (index, (code, segment)) in codes.iter().zip(numbers.chunks_exact_mut(steps * width)).enumerate() {
        let said = coder.decode(code);
        if !said.iter().all(|probability| probability.is_finite()) {
            return Err(CliError::NoProbability { model: name.into(), steps: index * steps });
        }
        for (step, (said, column)) in said.chunks_exact(width).zip(segment.chunks_exact_mut(width)).enumerate() {
            draw.column((index * steps + step) as u64, said, column);
        }
    }
    Ok(Roll::from_numbers(&numbers, width))
}

/// How what came back agrees with the piece, on both sides of middle C.
fn agreement(played: &Roll, piece: &Roll, from: usize, width: usize) -> String {
    let mut numbers = vec![0.0; played.len() * width];
    numbers.chunks_exact_mut(width).enumerate().for_each(|(step, column)| played.write_numbers(step, column));
    let mut tally = Tally::new(0.5);
    tally.add_columns(&numbers, width, piece, from);
    let Some(figures) = tally.figures() else { return String::new() };
    let (bass, treble) = (figures.bass, figures.treble);
    format!(
        "F1 of keys {:.3} below middle C, {:.3} from there on; of beginnings {:.3}, {:.3}",
        bass.keys.f1, treble.keys.f1, bass.onsets.f1, treble.onsets.f1
    )
}

/// As `--code` takes it, to the last bit.
fn typed(code: &[f32]) -> String {
    code.iter().map(f32::to_string).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_between_two_codes_is_straight_and_has_both_ends() {
        let (first, last) = ([0.3, -0.7, 1.0], [-0.9, -0.7, 0.1]);
        assert_eq!(between(&first, &last, 0, 5), first);
        assert_eq!(between(&first, &last, 4, 5), last);
        let middle = between(&first, &last, 2, 5);
        assert!(middle.iter().zip([-0.3, -0.7, 0.55]).all(|(a, b)| (a - b).abs() < 1e-6), "{middle:?}");
    }

    #[test]
    fn a_code_is_typed_as_it_is() {
        let code = [0.1 + 0.2, -1.0, f32::MIN_POSITIVE, 1.0 / 3.0];
        assert_eq!(CodeArg::parse(&typed(&code)), Ok(CodeArg::Numbers(code.to_vec())));
    }
}
