//! `sympathy export`: a model as a plain PyTorch file.

use crate::{
    cli::{
        error::CliError,
        models_at_hand::read_model,
        output::{Overwrite, refuse_same_places, replace_file},
        recordings::Strict,
        terminal::say,
    },
    dsp::resample::Resampler,
    learn::Hearing,
    model::{
        ModelData,
        export::{Names, python_script, to_safetensors, to_torch, without_module},
    },
    nn::Isa,
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

/// Runs the command.
///
/// # Errors
/// If the model is refused or a file cannot be written.
pub fn run(args: &ExportArgs) -> Result<(), CliError> {
    let torch =
        !args.half && !args.int8 && args.out.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("pt"));
    let mut read = vec![("the model", Path::new(&args.model))];
    read.extend(args.maker.iter().map(|path| ("the maker's material", path.as_path())));
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
    let model = with_maker(args, read_model(&args.model)?)?;
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
