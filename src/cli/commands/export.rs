//! `sympathy export`: a model as a plain PyTorch file.

use crate::{
    cli::{
        error::CliError,
        models_at_hand::{AnyModel, read_any_model},
        output::{Overwrite, refuse_same_places, replace_file},
        playing::{check_grid, cloud},
        recordings::Strict,
        terminal::say,
    },
    dsp::resample::Resampler,
    learn::Hearing,
    model::{
        ModelData, RollModel,
        export::{Names, python_script, to_safetensors, to_torch, without_module},
    },
    nn::{Isa, Precision},
    notes::{Coder, DataSet},
};
use clap::Args;
use std::{
    fs,
    path::{Path, PathBuf},
};

/// Names in the exported file that are taken.
const TAKEN: [&str; 2] = ["pca", "columns"];

/// Options of `sympathy export`.
#[derive(Args, Clone, Debug)]
pub struct ExportArgs {
    /// Model file, or an embedded model by its name
    #[arg(value_name = "MODEL")]
    pub model: String,
    /// File to write: .safetensors, or .pt as torch.save writes it
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// What to do with files that are there
    #[command(flatten)]
    pub overwrite: Overwrite,
    /// Name of the recurrent network
    #[arg(long, value_name = "NAME", default_value = "rnn", value_parser = python_name)]
    pub rnn_prefix: String,
    /// Name of the dense layer
    #[arg(long, value_name = "NAME", default_value = "out", value_parser = python_name)]
    pub linear_prefix: String,
    /// Python file to write that loads FILE; it is printed where this is not given
    #[arg(long, value_name = "FILE.py")]
    pub script: Option<PathBuf>,
    /// Write a model of half the size instead, which the plugin and `sympathy` play: matrices in 16-bit floats
    #[arg(long, conflicts_with_all = ["rnn_prefix", "linear_prefix", "script"])]
    pub half: bool,
    /// Write a model of little more than a quarter of the size instead: large matrices in 8 bits, with a scale for each row
    #[arg(long, conflicts_with_all = ["rnn_prefix", "linear_prefix", "script", "half"])]
    pub int8: bool,
    /// Recording that a listening model was made of, a part of which goes into its file; may be given many times. What learns from a player is
    /// reminded of it. `sympathy train` does so by itself
    #[arg(long, value_name = "FILE", conflicts_with_all = ["rnn_prefix", "linear_prefix", "script"])]
    pub maker: Vec<PathBuf>,
    /// Data set of `sympathy roll` that an autoencoder of notes was trained on: where its codes lie and along which axes they spread goes into
    /// the file. `sympathy train` does so by itself
    #[arg(long, value_name = "DATA.roll", conflicts_with_all = ["rnn_prefix", "linear_prefix", "script", "int8", "maker"])]
    pub codes: Option<PathBuf>,
    /// What to do with recordings that are not whole
    #[command(flatten)]
    pub strict: Strict,
}

/// Examples for the help.
pub const EXAMPLES: &str = "\
EXAMPLES:
  sympathy export guitar.safetensors --out plain.safetensors
  sympathy export piano-magnitude --out piano.pt --script piano.py
  sympathy export noize.safetensors --out noize.pt --rnn-prefix lstm --linear-prefix fc
  sympathy export guitar.safetensors --half --out small.safetensors    a smaller model, not for PyTorch
  sympathy export guitar.safetensors --int8 --out small.safetensors    smaller still
  sympathy export my-autoencoder.safetensors --codes scores.roll --half --out with-axes.safetensors

Nothing is lost: sympathy import makes the same model of FILE again. To train it further in PyTorch take .safetensors, and
save as the script says: torch.save does not keep the configuration.";

fn python_name(text: &str) -> Result<String, String> {
    let begins = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    if begins && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') && !TAKEN.contains(&text) {
        Ok(text.into())
    } else {
        Err(format!("expected a Python name other than {}", TAKEN.join(", ")))
    }
}

/// The model with what it is to be reminded of.
fn with_maker(args: &ExportArgs, model: ModelData) -> Result<ModelData, CliError> {
    if args.maker.is_empty() {
        return Ok(model);
    }
    if !args.half && !args.int8 {
        return Err(CliError::Option {
            option: "--maker",
            expected: "--half or --int8 beside it: a file for PyTorch has no place for it".into(),
            actual: "neither".into(),
        });
    }
    let mut hearing = Hearing::new(&model, Isa::from_environment())?;
    let sounds = args.maker.iter().map(|path| {
        let recording = args.strict.read(path)?;
        let resampler = Resampler::new(recording.sample_rate_hz, hearing.sample_rate_hz());
        Ok(resampler.resample_all(&recording.mono()))
    });
    let sounds = sounds.collect::<Result<Vec<_>, CliError>>()?;
    Ok(model.with_maker_frames(hearing.reminder(&sounds)))
}

/// A model of notes: its file has the tensors under PyTorch's names as it is.
fn of_notes(args: &ExportArgs, model: RollModel) -> Result<(), CliError> {
    let wrong = |option, expected: &str, actual: &str| {
        Err(CliError::Option { option, expected: expected.into(), actual: actual.into() })
    };
    if args.int8 || !args.maker.is_empty() {
        return wrong(if args.int8 { "--int8" } else { "--maker" }, "a model of sound", "a model of notes");
    }
    if !args.half && args.codes.is_none() {
        return wrong("--half", "--half or --codes: PyTorch reads a model of notes as it is", "neither");
    }
    let mut made = model;
    if let Some(path) = &args.codes {
        let Some(mut coder) = Coder::of(&made, Precision::F32, Isa::from_environment()) else {
            return wrong("--codes", "an autoencoder of notes", "a recurrent network, which has no code");
        };
        let data = DataSet::read(path)?;
        check_grid(&made, &data, path)?;
        let codes = cloud(&mut coder, &data, path)?.describe().ok_or_else(|| CliError::Unsuitable {
            path: path.clone(),
            what: "pieces",
            expected: "two segments for training at least, along whose codes axes may lie".into(),
            actual: "one".into(),
        })?;
        made = made.with_codes(Some(codes), Path::new(&args.model))?;
    }
    let (bytes, stored) = match args.half {
        true => (made.to_half_bytes(), "matrices in 16-bit floats"),
        false => (made.to_bytes(), "all numbers in 32 bits"),
    };
    replace_file(&args.out, |part| fs::write(part, &bytes))?;
    let codes = if made.config().codes.is_some() { ", with the axes of its codes" } else { "" };
    say!("{}: a model with {stored}{codes}, {} bytes", args.out.display(), bytes.len());
    Ok(())
}

/// Runs the command.
///
/// # Errors
/// If the model is refused or a file cannot be written.
pub fn run(args: &ExportArgs) -> Result<(), CliError> {
    let is_model = args.half || args.int8 || args.codes.is_some();
    let torch = !is_model && args.out.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("pt"));
    let mut read = vec![("the model", Path::new(&args.model))];
    read.extend(args.maker.iter().map(|path| ("the maker's material", path.as_path())));
    read.extend(args.codes.iter().map(|path| ("the data set", path.as_path())));
    refuse_same_places(&read, &[("the output", &args.out)])?;
    args.overwrite.check(&args.out, if torch { "pt" } else { "safetensors" })?;
    if let Some(script) = &args.script {
        args.overwrite.check(script, "py")?;
    }
    if args.rnn_prefix == args.linear_prefix {
        return Err(CliError::Option {
            option: "--linear-prefix",
            expected: "another name than --rnn-prefix".into(),
            actual: args.linear_prefix.clone(),
        });
    }
    let model = match read_any_model(&args.model)? {
        AnyModel::Sound(model) => with_maker(args, model)?,
        AnyModel::Notes(model) => return of_notes(args, model),
    };
    if args.codes.is_some() {
        return Err(CliError::Option {
            option: "--codes",
            expected: "an autoencoder of notes".into(),
            actual: "a model of sound".into(),
        });
    }
    let smaller = match (args.half, args.int8) {
        (true, _) => Some((model.to_half_bytes(), "matrices in 16-bit floats")),
        (_, true) => Some((model.to_int8_bytes(), "its large matrices in 8 bits")),
        _ => None,
    };
    if let Some((bytes, stored)) = smaller {
        replace_file(&args.out, |part| fs::write(part, &bytes))?;
        say!("{}: a model with {stored}, {} bytes", args.out.display(), bytes.len());
        return Ok(());
    }
    let names = Names { rnn: args.rnn_prefix.clone(), linear: args.linear_prefix.clone() };
    let bytes = if torch { to_torch(&model, &names) } else { to_safetensors(&model, &names) };
    replace_file(&args.out, |part| fs::write(part, &bytes))?;
    let file = args.out.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let script = python_script(model.config(), &names, &file);
    say!("{}: {} tensors, {} bytes", args.out.display(), model.config().tensors().len(), bytes.len());
    if let Some(part) = without_module(model.config()) {
        say!("no module of PyTorch has {part}: only the tensors are there");
    }
    match &args.script {
        Some(path) => {
            replace_file(path, |part| fs::write(part, &script))?;
            say!("{}: loads it in Python", path.display());
        }
        None => say!("\n{}", script.trim_end()),
    }
    Ok(())
}
