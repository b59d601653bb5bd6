//! Judging models of notes: what they say of a data set, and what recurrent ones play on their own.

mod played;
mod report;

use super::{EvaluateArgs, SOUND_OPTIONS, check_seeds};
use crate::{
    cli::{
        error::CliError,
        interrupt::Interrupt,
        one_line,
        output::refuse_same_places,
        playing::{PlayingArgs, USUAL_DECODED_THRESHOLD, check_grid, coder, predictor},
        progress::Progress,
        terminal::say,
    },
    dsp::float_mode::FloatMode,
    model::{RollModel, RollNetwork},
    notes::{Baselines, DataSet, PredictionFigures, Split, Tally, TextureFigures},
};
use clap::ValueEnum;
use played::{Free, Performance};
use std::path::Path;

/// The options that autoencoders do not have, as they play nothing on their own: fields and what is typed.
const RECURRENT_OPTIONS: [(&str, &str); 8] = [
    ("places", "--places"),
    ("random_seeds", "--random-seeds"),
    ("transpositions", "--transpositions"),
    ("temperature", "--temperature"),
    ("steps", "--steps"),
    ("seed_measures", "--seed-measures"),
    ("toss", "--toss"),
    ("law", "--law"),
];

/// Which part of a data set is foretold, and gives the seeds.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum SplitArg {
    /// What the network learnt from
    Training,
    /// What decides when a training ends
    Validation,
    /// What nothing was decided by
    Test,
}

impl From<SplitArg> for Split {
    fn from(argument: SplitArg) -> Self {
        match argument {
            SplitArg::Training => Self::Training,
            SplitArg::Validation => Self::Validation,
            SplitArg::Test => Self::Test,
        }
    }
}

/// All figures of one model.
struct Judgement {
    title: String,
    split: Split,
    pieces: usize,
    prediction: PredictionFigures,
    /// Of saying the column before once more; only beside networks that hear it.
    held: Option<PredictionFigures>,
    baselines: Baselines,
    /// What the pieces for training are like, or those that are judged where there are none.
    material: TextureFigures,
    /// What a recurrent network plays.
    free: Option<Free>,
}

/// How far the work is, and whether it shall go on.
struct Work {
    progress: Progress,
    done: usize,
    interrupt: Interrupt,
}

impl Work {
    /// So much of it more is done, in columns that a network computes.
    ///
    /// # Errors
    /// If the user has left.
    fn more(&mut self, columns: usize) -> Result<(), CliError> {
        self.done += columns;
        self.progress.update(self.done);
        if self.interrupt.is_pressed() { Err(CliError::Left) } else { Ok(()) }
    }
}

/// Runs the command on a model of notes.
///
/// # Errors
/// If an option belongs to sound, or the data set is of another grid or has no such pieces; nothing is written then.
pub fn run(args: &EvaluateArgs, name: &str, model: &RollModel) -> Result<(), CliError> {
    args.given.refuse(&SOUND_OPTIONS, "a model of sound", name)?;
    if matches!(model.config().network, RollNetwork::Autoencoder { .. }) {
        args.given.refuse(&RECURRENT_OPTIONS, "a recurrent network", name)?;
        args.given.refuse(&PlayingArgs::RECURRENT_OPTIONS, "a recurrent network", name)?;
    }
    let Some(path) = &args.data_set else {
        let (expected, actual) = ("a data set behind it, as of sympathy roll (.roll)".into(), "none".into());
        return Err(CliError::Option { option: "MODEL", expected, actual });
    };
    if let Some(json) = &args.json {
        args.overwrite.check(json, "json")?;
        refuse_same_places(&[("the data set", path), ("the model", Path::new(name))], &[("the figures", json)])?;
    }
    let data_set = DataSet::read(path)?;
    check_grid(model, &data_set, path)?;
    let judgement = judge(args, name, model, &data_set, path)?;
    if let Some(json) = &args.json {
        super::write(json, format!("{:#}\n", report::document(args, path, &judgement)).as_bytes())?;
    }
    report::table(args, &judgement).iter().for_each(|line| say!("{line}"));
    if let Some(json) = &args.json {
        say!("\n{}", one_line(&json.display().to_string()));
    }
    Ok(())
}

fn judge(
    args: &EvaluateArgs,
    name: &str,
    model: &RollModel,
    data_set: &DataSet,
    path: &Path,
) -> Result<Judgement, CliError> {
    let split = Split::from(args.split);
    let of = |wanted: Split| -> Vec<usize> {
        let pieces = data_set.pieces().iter().enumerate();
        pieces.filter(|(_, piece)| piece.split == wanted && piece.transposed == 0).map(|(index, _)| index).collect()
    };
    let pieces = of(split);
    let baselines = data_set.baselines_of(split).ok_or_else(|| CliError::Unsuitable {
        path: path.into(),
        what: "pieces",
        expected: format!("some of two columns or more for {}, or another --split", split.name()),
        actual: if pieces.is_empty() { "none".into() } else { "shorter ones".into() },
    })?;
    let learnt = Some(of(Split::Training)).filter(|learnt| !learnt.is_empty()).unwrap_or_else(|| pieces.clone());
    let columns: usize = pieces.iter().map(|&piece| data_set.columns(piece).len()).sum();
    let _mode = FloatMode::enter();
    let mut work = Work { progress: Progress::new(columns), done: 0, interrupt: Interrupt::watch() };
    let title = one_line(&model.config().name);
    let mut steps = 0;
    // Weights can be so large that sums overflow.
    let check = |said: &[f32], steps: usize| match said.iter().all(|probability| probability.is_finite()) {
        true => Ok(()),
        false => Err(CliError::NoProbability { model: title.clone(), steps }),
    };
    let (said, held, free) = if matches!(model.config().network, RollNetwork::Recurrent { .. }) {
        let network = predictor(model, name, args.precision)?;
        let threshold = args.playing.threshold();
        let performance = Performance::new(args, &network, &title)?;
        let seeds = performance.seeds(data_set, &pieces);
        work.progress = Progress::new(columns + performance.columns(&seeds, data_set));
        let (mut said, mut held) = (Tally::new(threshold), Tally::new(USUAL_DECODED_THRESHOLD));
        for &piece in &pieces {
            let roll = data_set.roll(piece);
            said.add_piece(&network, &roll, |said| {
                steps += 1;
                check(said, steps)?;
                work.more(1)
            })?;
            held.add_held(&roll, network.column());
        }
        let free = performance.play(data_set, &learnt, &seeds, &mut work)?;
        (said, held.figures(), Some(free))
    } else {
        let mut coder = coder(model, name, args.precision)?;
        let segment = coder.steps();
        let mut said = Tally::new(args.playing.threshold.unwrap_or(USUAL_DECODED_THRESHOLD));
        for &piece in &pieces {
            said.add_segments(&mut coder, &data_set.roll(piece), |said| {
                steps += segment;
                check(said, steps)?;
                work.more(segment)
            })?;
        }
        (said, None, None)
    };
    Ok(Judgement {
        split,
        pieces: pieces.len(),
        prediction: said.figures().expect("there are two columns in a row"),
        held,
        baselines,
        material: played::texture_of(data_set, &learnt).figures(),
        free,
        title,
    })
}
