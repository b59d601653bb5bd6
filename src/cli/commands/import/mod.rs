//! `sympathy import`: a model of a network that PyTorch has trained.

mod notes;
mod plan;

use super::{
    inspect::parameter_count,
    models::{describe_approach, describe_network},
    roll::RepeatsArg,
};
use crate::{
    cli::{
        error::CliError,
        one_line,
        output::{Overwrite, refuse_same_places},
        terminal::{remark, say},
    },
    model::{
        APPROACHES, ModelData, ROLL_APPROACH,
        import::{Choice, ExternalFile, Recognised, restore},
    },
};
use clap::{
    Args, ValueEnum,
    builder::{PossibleValue, PossibleValuesParser},
};
use plan::plan;
use std::path::PathBuf;

/// Options of `sympathy import`.
#[derive(Args, Clone, Debug)]
pub struct ImportArgs {
    /// PyTorch state dictionary (.pt, .pth, .bin) or safetensors file
    #[arg(value_name = "IN")]
    pub input: PathBuf,
    /// Model file to write
    #[arg(long, value_name = "FILE.safetensors")]
    pub out: PathBuf,
    /// What to do with files that are there
    #[command(flatten)]
    pub overwrite: Overwrite,
    /// How sound becomes steps [default: told by the sizes, where it can be]
    #[arg(long, value_parser = importable())]
    pub approach: Option<String>,
    /// Rate of the sound that the network was trained on [default: 22050 with approach sample]
    #[arg(long, value_name = "HZ")]
    pub sample_rate: Option<u32>,
    /// Samples a step (vector) or that a step looks at (column) [default: the network's inputs]
    #[arg(long, value_name = "N", help_heading = "Approaches vector and column")]
    pub seg_len: Option<usize>,
    /// Samples that neighbouring predictions share (vector) [default: 0]
    #[arg(long, value_name = "N", help_heading = "Approaches vector and column")]
    pub overlap: Option<usize>,
    /// Samples from frame to frame
    #[arg(long, value_name = "N", help_heading = "Approach magnitude")]
    pub hop: Option<usize>,
    /// Length of the Blackman window [default: told by the network's inputs]
    #[arg(long, value_name = "N", help_heading = "Approach magnitude")]
    pub window: Option<usize>,
    /// The transform was twice as long as the window
    #[arg(long, help_heading = "Approach magnitude")]
    pub zero_padding: bool,
    /// The network hears magnitudes raised to this power [default: 1]
    #[arg(long, value_name = "P", help_heading = "Approach magnitude")]
    pub power: Option<f32>,
    /// What magnitudes were divided by, the largest of the material [default: measured of --reference]
    #[arg(long, value_name = "X", help_heading = "Approach magnitude")]
    pub magnitude_peak: Option<f32>,
    /// How samples were scaled [default: zscore if its figures or a reference are given, else none]
    #[arg(long, value_enum, help_heading = "Scaling of samples")]
    pub scaling: Option<ScalingArg>,
    /// Subtracted from samples
    #[arg(long, value_name = "M", allow_negative_numbers = true, help_heading = "Scaling of samples")]
    pub scaling_mean: Option<f32>,
    /// Samples were divided by this
    #[arg(long, value_name = "S", help_heading = "Scaling of samples")]
    pub scaling_std: Option<f32>,
    /// Recording that the network was trained on, or one like it: measures scaling, magnitude peak and the material's figures
    #[arg(long, value_name = "FILE.wav")]
    pub reference: Option<PathBuf>,
    /// Steps of a quarter note, 1 to 48 [default: 8]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=48), help_heading = "Approach roll")]
    pub steps_per_quarter: Option<u32>,
    /// What became of a key that was struck again without a gap [default: merge, or onset where the sizes tell]
    #[arg(long, value_enum, help_heading = "Approach roll")]
    pub repeats: Option<RepeatsArg>,
    /// Key of the state dictionary in a checkpoint [default: where the recurrent network is]
    #[arg(long, help_heading = "Which tensors")]
    pub key: Option<String>,
    /// Name of the recurrent network, as model.rnn, or of several in the order in which they run, as enc,dec
    #[arg(long, value_name = "NAME[,NAME]", help_heading = "Which tensors")]
    pub rnn: Option<String>,
    /// Name of the dense layer, as model.head.0, where there are several
    #[arg(long, value_name = "NAME", help_heading = "Which tensors")]
    pub linear: Option<String>,
    /// Leave out trained tensors of other layers: the model does NOT play as it was trained
    #[arg(long, help_heading = "Which tensors")]
    pub drop_others: bool,
    /// Of an nn.RNN, whose weights do not tell [default: tanh]
    #[arg(long, value_enum, help_heading = "Which tensors")]
    pub nonlinearity: Option<NonlinearityArg>,
    /// The dense layer's output went through tanh
    #[arg(long)]
    pub tanh_output: bool,
    /// Noise added to what is fed back, so that continuations differ
    #[arg(long, value_name = "STD", default_value_t = 0.0)]
    pub feedback_noise: f32,
    /// Name shown to the user [default: the file's]
    #[arg(long)]
    pub name: Option<String>,
    /// Licence and attribution of the material
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    pub licence: String,
    /// Free text
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    pub notes: String,
}

/// The approaches as which a network can be imported.
fn importable() -> PossibleValuesParser {
    let importable = APPROACHES.iter().filter(|approach| approach.plain_network.is_some());
    let importable = importable.map(|approach| PossibleValue::new(approach.name).help(approach.meaning));
    let roll = PossibleValue::new(ROLL_APPROACH).help("Notes instead of sound: columns of 88 keys");
    PossibleValuesParser::new(importable.chain([roll]))
}

/// How samples were scaled.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScalingArg {
    /// As they are
    None,
    /// Divided by the largest
    Peak,
    /// Mean 0, standard deviation 1
    Zscore,
}

/// `nonlinearity` of an `nn.RNN`.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum NonlinearityArg {
    /// h = tanh(…)
    Tanh,
    /// h = max(0, …)
    Relu,
}

/// Examples for the help.
pub const EXAMPLES: &str = "\
EXAMPLES:
  sympathy import lstm.pt --out noize.safetensors --reference song.wav
  sympathy import gru.pth --out gru.safetensors --approach magnitude --sample-rate 11025 --hop 256 --reference song.wav
  sympathy import checkpoint.pt --out m.safetensors --key net --rnn net.rnn --linear net.head.0 --sample-rate 16000
  sympathy import two.pt --out two.safetensors --rnn enc,dec   two nn.LSTM in a row, whose names do not tell their order
  sympathy import autoencoder.pt --out notes.safetensors --approach roll --steps-per-quarter 8
  sympathy import plain.safetensors --out again.safetensors     what sympathy export wrote comes back as it was

IN holds an nn.LSTM, nn.GRU or nn.RNN of one direction, without projection, and an nn.Linear behind it, under any names:
as a state dictionary, torch.save(model.state_dict(), \"model.pt\"), or inside a checkpoint, as
torch.save({'epoch': 5, 'model_state_dict': model.state_dict(), 'optimizer_state_dict': ..., 'loss': loss}, \"model.pt\").
Networks and cells (nn.LSTMCell, nn.GRUCell, nn.RNNCell) in a row are layers, where their names are numbered and their
sizes fit; weight_norm is folded; batch_first makes no difference to the weights, dropout none to what is predicted.

With --approach roll IN holds an LSTM of 88 keys, or an autoencoder: nn.Linear in a row, ELU between them, tanh at the code, a
sigmoid at the end, the decoder the encoder's mirror image; a decoder of biases alone is tied (docs/NOTES.md).

Whatever else was trained (a normalisation, a second dense layer, a convolution, an attention, an embedding) cannot be
kept, and the file is refused with the names of those tensors. --drop-others leaves them out all the same, and the model
then does not play as it was trained. Whole modules, TorchScript and files older than PyTorch 1.6 are refused as well.
Nothing of a file is executed.";

/// Runs the command.
///
/// # Errors
/// If the file is refused, the options contradict it or leave something open, or the model cannot be written.
pub fn run(args: &ImportArgs) -> Result<(), CliError> {
    refuse_same_places(&[("the input", &args.input)], &[("the model", &args.out)])?;
    args.overwrite.check(&args.out, "safetensors")?;
    let file = ExternalFile::read(&args.input, args.key.as_deref())?;
    let relu = args.nonlinearity == Some(NonlinearityArg::Relu);
    let choice =
        Choice { rnn: args.rnn.as_deref(), linear: args.linear.as_deref(), relu, drop_others: args.drop_others };
    if args.approach.as_deref() == Some(ROLL_APPROACH) {
        return notes::run(args, &file, choice);
    }
    let untouched = args.approach.is_none() && args.rnn.is_none() && args.linear.is_none();
    let mut left_out = String::new();
    let (model, said) = match restore(&file).filter(|_| untouched) {
        Some(restored) => {
            (restored?, vec!["restored: all that sympathy export kept; other options are not used".into()])
        }
        None => {
            let found = Recognised::of(&file, choice)?;
            left_out = found.left_out.join(", ");
            plan(args, &file, &found)?
        }
    };
    model.write(&args.out)?;
    say!("{}", summary(args, &model, &said));
    if !left_out.is_empty() {
        remark!("warning: the model does not play as it was trained: left out {}", one_line(&left_out));
    }
    Ok(())
}

fn summary(args: &ImportArgs, model: &ModelData, said: &[String]) -> String {
    let config = model.config();
    let (input, out) = (args.input.display(), args.out.display());
    let mut lines = vec![format!(
        "{out}: {}, {}, {}, {} Hz, {} parameters, from {input}",
        config.name,
        describe_network(config),
        describe_approach(config),
        config.sample_rate_hz,
        parameter_count(model)
    )];
    lines.extend(said.iter().map(|line| format!("  {line}")));
    lines.push(format!("all about it: sympathy inspect {out}"));
    lines.push(format!("hear it:      sympathy render IN.wav OUT.wav --model {out}"));
    lines.iter().map(|line| one_line_keeping_indent(line)).collect::<Vec<String>>().join("\n")
}

/// Names come from files.
fn one_line_keeping_indent(line: &str) -> String {
    let indent = line.len() - line.trim_start().len();
    format!("{}{}", &line[..indent], one_line(line))
}
