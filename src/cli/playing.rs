//! Options of how networks of notes play.

use super::{error::CliError, interrupt::Interrupt, progress::Progress, speed::PrecisionArg};
use crate::{
    approach::ColumnPredictor,
    control::{notes::NoteParam, text},
    model::RollModel,
    nn::{Isa, Precision},
    notes::{Choice, CodeCloud, Coder, DataSet, Draw, Feedback, Law, Playing, Repeats, Split},
};
use clap::{Args, ValueEnum};
use std::{path::Path, sync::Arc};

/// A key sounds above this probability, if a recurrent network says it: that of the published window.
const USUAL_THRESHOLD: f32 = 0.2;
/// The same of an autoencoder: what is likelier than not.
pub const USUAL_DECODED_THRESHOLD: f32 = 0.5;

/// Options of how a network of notes plays. Temperature and random seed are those of models of sound.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Models of notes")]
pub struct PlayingArgs {
    /// A key sounds where its probability is larger [default: 0.2, of an autoencoder 0.5]
    #[arg(long, value_name = "P", value_parser = part, conflicts_with = "toss")]
    pub threshold: Option<f32>,
    /// Toss for every key, with its probability as its chance
    #[arg(long)]
    pub toss: bool,
    /// What the temperature does to the chance of a key
    #[arg(long, value_enum, default_value_t = LawArg::Linear, requires = "toss")]
    pub law: LawArg,
    /// What the network hears of its prediction [default: raw, with --toss played]
    #[arg(long, value_enum)]
    pub feedback: Option<FeedbackArg>,
    /// Add a key between C#4 and A5 to every eighth equal column, so that the network goes on
    #[arg(long)]
    pub anti_stall: bool,
    /// How much it stays in the key of its seed, in percent: keys of pitch classes that were held long become likelier
    #[arg(long, value_name = "PERCENT", default_value_t = 0.0, value_parser = percent)]
    pub stay_in_key: f32,
}

impl PlayingArgs {
    /// The fields and options that models of sound do not have.
    pub const OPTIONS: [(&'static str, &'static str); 6] = [
        ("threshold", "--threshold"),
        ("toss", "--toss"),
        ("law", "--law"),
        ("feedback", "--feedback"),
        ("anti_stall", "--anti-stall"),
        ("stay_in_key", "--stay-in-key"),
    ];

    /// Those of them that autoencoders do not have.
    pub const RECURRENT_OPTIONS: [(&'static str, &'static str); 3] =
        [("feedback", "--feedback"), ("anti_stall", "--anti-stall"), ("stay_in_key", "--stay-in-key")];

    /// The probability above which a recurrent network's key counts as said.
    pub fn threshold(&self) -> f32 {
        self.threshold.unwrap_or(USUAL_THRESHOLD)
    }

    /// How an autoencoder's columns are drawn; without `temperature` at 1.
    ///
    /// # Errors
    /// If there is a temperature and nothing is tossed.
    pub fn drawing(&self, temperature: Option<f64>, random_seed: u64) -> Result<Draw, CliError> {
        self.draw(temperature, random_seed, USUAL_DECODED_THRESHOLD)
    }

    fn draw(&self, temperature: Option<f64>, random_seed: u64, usual: f32) -> Result<Draw, CliError> {
        let choice = match (self.toss, temperature) {
            (false, Some(_)) => {
                let (expected, actual) = ("--toss beside it".into(), "none: a threshold has no temperature".into());
                return Err(CliError::Option { option: "--temperature", expected, actual });
            }
            (false, None) => Choice::Threshold(self.threshold.unwrap_or(usual)),
            (true, temperature) => {
                let law = match self.law {
                    LawArg::Linear => Law::Linear,
                    LawArg::Logit => Law::Logit,
                };
                Choice::Toss { law, temperature: temperature.unwrap_or(1.0) as f32 }
            }
        };
        Ok(Draw { choice, random_seed })
    }

    /// How a recurrent network plays; without `temperature` at 1.
    ///
    /// # Errors
    /// If there is a temperature and nothing is tossed.
    pub fn playing(&self, temperature: Option<f64>, random_seed: u64) -> Result<Playing, CliError> {
        let draw = self.draw(temperature, random_seed, USUAL_THRESHOLD)?;
        let feedback = match (self.feedback, self.toss) {
            (Some(FeedbackArg::Raw), _) | (None, false) => Feedback::Raw,
            (Some(FeedbackArg::Played), _) | (None, true) => Feedback::Played,
        };
        Ok(Playing { draw, feedback, stirs: self.anti_stall, stays: self.stay_in_key / 100.0 })
    }
}

/// What the temperature does to the chance of a key.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum LawArg {
    /// Multiplies it: more or fewer keys
    Linear,
    /// Divides its log-odds: bolder or safer choices
    Logit,
}

/// What the network hears of its prediction.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum FeedbackArg {
    /// The probabilities
    Raw,
    /// The keys that sound
    Played,
}

fn percent(text: &str) -> Result<f32, String> {
    let spec = NoteParam::StayInKey.spec();
    text::value(spec, text).map_err(|_| format!("expected {} to {} %", spec.min, spec.max))
}

fn part(text: &str) -> Result<f32, String> {
    text.parse().ok().filter(|part| (0.0..=1.0).contains(part)).ok_or_else(|| "expected 0 to 1".into())
}

/// The recurrent network of a model, its weights stored as asked for; of itself a model of notes stores them whole.
///
/// # Errors
/// If it is an autoencoder.
pub fn predictor(model: &RollModel, name: &str, precision: PrecisionArg) -> Result<Arc<ColumnPredictor>, CliError> {
    let precision = Option::from(precision).unwrap_or(Precision::F32);
    ColumnPredictor::of(model, precision, Isa::from_environment()).map(Arc::new).ok_or_else(|| CliError::Unsuitable {
        path: name.into(),
        what: "network",
        expected: "a recurrent one, which continues what it hears".into(),
        actual: "an autoencoder".into(),
    })
}

/// The autoencoder of a model, its weights stored as asked for; of itself a model of notes stores them whole.
///
/// # Errors
/// If it is a recurrent network.
pub fn coder(model: &RollModel, name: &str, precision: PrecisionArg) -> Result<Coder, CliError> {
    let precision = Option::from(precision).unwrap_or(Precision::F32);
    Coder::of(model, precision, Isa::from_environment()).ok_or_else(|| CliError::Unsuitable {
        path: name.into(),
        what: "network",
        expected: "an autoencoder, which gives back what it is shown".into(),
        actual: "a recurrent one".into(),
    })
}

/// Refuses a data set of another grid than a model's: columns that last longer, or that know strokes, are of another
/// language.
///
/// # Errors
/// Which rule differs, and the option of `sympathy roll` that sets it.
pub fn check_grid(model: &RollModel, data_set: &DataSet, path: &Path) -> Result<(), CliError> {
    let (approach, grid) = (&model.config().approach, &data_set.rules().grid);
    let wrong =
        |what, expected: String, actual: String| CliError::Unsuitable { path: path.into(), what, expected, actual };
    if approach.steps_per_quarter != grid.steps_per_quarter as usize {
        let expected = format!(
            "{} a quarter note, as the model has (sympathy roll --steps-per-quarter)",
            approach.steps_per_quarter
        );
        return Err(wrong("steps", expected, grid.steps_per_quarter.to_string()));
    }
    if approach.repeats != grid.repeats {
        let name = |repeats| match repeats {
            Repeats::Merge => "merge",
            Repeats::Gap => "gap",
            Repeats::Onset => "onset",
        };
        let expected = format!("{}, as the model has (sympathy roll --repeats)", name(approach.repeats));
        return Err(wrong("keys struck again", expected, name(grid.repeats).into()));
    }
    Ok(())
}

/// The codes of all segments for training; copies in other keys do not count.
///
/// # Errors
/// If there are none, or the user leaves.
pub fn cloud(coder: &mut Coder, data_set: &DataSet, path: &Path) -> Result<CodeCloud, CliError> {
    let pieces = data_set.pieces().iter().enumerate();
    let learnt: Vec<usize> = pieces
        .filter(|(_, piece)| piece.split == Split::Training && piece.transposed == 0)
        .map(|(index, _)| index)
        .collect();
    let interrupt = Interrupt::watch();
    let mut progress = Progress::new(learnt.iter().map(|&piece| data_set.columns(piece).len()).sum());
    let (mut cloud, mut done) = (CodeCloud::default(), 0);
    for piece in learnt {
        if interrupt.is_pressed() {
            return Err(CliError::Left);
        }
        let roll = data_set.roll(piece);
        cloud.add(coder, &roll);
        done += roll.len();
        progress.update(done);
    }
    if cloud.mean().is_none() {
        return Err(CliError::Unsuitable {
            path: path.into(),
            what: "pieces",
            expected: "some for training, of whose codes the mean is taken".into(),
            actual: "none".into(),
        });
    }
    Ok(cloud)
}
