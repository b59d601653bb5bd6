//! `sympathy configure`: a configuration by questions (Pfalz 2018, 6.1), or a preset as it is.
//!
//! Questions go to stderr and answers come from stdin, line by line; what stays goes to stdout. So it can be driven by a pipe.

mod interview;
#[cfg(feature = "standalone")]
mod window;
mod words;

use crate::{
    cli::{error::CliError, output::check_output, terminal::say},
    hyperparameters::{
        self, Draft, Excerpt, LISTENING_PRESETS, PRESETS, Preset, Problem, TrainConfig, default_place, excerpt,
        expected_time, train_command,
    },
};
use clap::Args;
use interview::Interview;
use std::{
    io::{self, IsTerminal},
    path::PathBuf,
};

/// Options of `sympathy configure`.
#[derive(Args, Clone, Debug)]
pub struct ConfigureArgs {
    /// Configuration to write; asked for where it is not given
    #[arg(value_name = "OUT.json")]
    pub out: Option<PathBuf>,
    /// Preset to start from
    #[arg(long, value_name = "NAME")]
    pub preset: Option<String>,
    /// Lists the presets
    #[arg(long, conflicts_with_all = ["out", "preset", "files", "overrides", "yes", "window"])]
    pub list_presets: bool,
    /// Recording to learn from, "take.wav 10-40" for a part of it in seconds; may be given many times
    #[arg(long = "file", value_name = "FILE")]
    pub files: Vec<String>,
    /// With --yes: change a field; dots lead into nested fields
    #[arg(long = "set", value_name = "KEY=VALUE", requires = "yes")]
    pub overrides: Vec<String>,
    /// Shows all of it in a window instead of asking
    #[arg(long, conflicts_with = "yes")]
    pub window: bool,
    /// Asks nothing: writes the preset
    #[arg(long, requires = "preset", requires = "files")]
    pub yes: bool,
}

/// Runs the command.
///
/// # Errors
/// If an option is wrong, the answers end before the last question, or the file cannot be written; then nothing was written.
pub fn run(args: &ConfigureArgs) -> Result<(), CliError> {
    if args.list_presets {
        let width = PRESETS.iter().map(|preset| preset.name.len()).max().unwrap_or(0);
        for preset in PRESETS {
            say!("{:width$}  {:10}  {}", preset.name, preset.time(), preset.description);
        }
        return Ok(());
    }
    if let Some(out) = &args.out {
        check_output(out, &["json"])?;
    }
    let preset = args.preset.as_deref().map(preset_by_name).transpose()?;
    let files: Vec<Excerpt> = args
        .files
        .iter()
        .map(|text| excerpt(text).map_err(|rule| wrong_option("--file", rule, text)))
        .collect::<Result<_, _>>()?;
    if args.window {
        return in_window(args, preset, files);
    }
    let (config, out) = match preset.filter(|_| args.yes) {
        Some(preset) => without_questions(args, preset, files)?,
        None => {
            let (mut answers, mut screen) = (io::stdin().lock(), io::stderr().lock());
            let echo = !answers.is_terminal();
            let mut interview = Interview::new(&mut answers, &mut screen, echo, preset, files)?;
            let config = interview.hold()?;
            let out = place(&mut interview, args.out.clone(), &config.name)?;
            (config, out)
        }
    };
    hyperparameters::write(&config, &out).map_err(|source| CliError::Io {
        path: out.clone(),
        action: "written",
        source,
    })?;
    let time = expected_time(config.epochs, config.max_steps, config.max_minutes);
    say!("{}: written; {time}; train it with\n  {}", out.display(), train_command(&out));
    Ok(())
}

#[cfg(feature = "standalone")]
fn in_window(args: &ConfigureArgs, preset: Option<&Preset>, files: Vec<Excerpt>) -> Result<(), CliError> {
    match window::run(preset, files, args.out.as_deref())? {
        Some(out) => say!("{}: written; train it with\n  {}", out.display(), train_command(&out)),
        None => say!("nothing was written"),
    }
    Ok(())
}

#[cfg(not(feature = "standalone"))]
fn in_window(_: &ConfigureArgs, _: Option<&Preset>, _: Vec<Excerpt>) -> Result<(), CliError> {
    Err(CliError::NotBuilt {
        command: "configure --window",
        feature: "standalone",
        remedy: "cargo run --release --features standalone -- configure --window, or leave --window out and answer questions",
    })
}

/// Looks a preset up.
///
/// # Errors
/// The names there are.
fn preset_by_name(name: &str) -> Result<&'static Preset, CliError> {
    if LISTENING_PRESETS.iter().any(|preset| preset.name == name) {
        let rule = "a preset of another approach; a listening model has fields of its own, which are not asked for: \
                    `sympathy train FOLDER --preset NAME --out FILE`";
        return Err(wrong_option("--preset", rule.into(), name));
    }
    let rule = || format!("one of {}", Preset::names());
    Preset::by_name(name).ok_or_else(|| wrong_option("--preset", rule(), name))
}

/// The values of a preset.
///
/// # Errors
/// If it is no good.
fn draft_of(preset: &Preset) -> Result<Draft, CliError> {
    let origin = format!("preset {}", preset.name);
    Draft::of(preset).map_err(|problems| CliError::Problems { origin, problems })
}

fn wrong_option(option: &str, rule: String, value: &str) -> CliError {
    let problem = Problem { field: "value".into(), rule, value: format!("{value:?}") };
    CliError::Problems { origin: option.into(), problems: vec![problem] }
}

fn without_questions(
    args: &ConfigureArgs,
    preset: &Preset,
    files: Vec<Excerpt>,
) -> Result<(TrainConfig, PathBuf), CliError> {
    let stem = files.first().and_then(|file| file.path.file_stem()).unwrap_or_default().to_string_lossy();
    let config = TrainConfig { name: stem.into(), files, ..draft_of(preset)?.config };
    let json = serde_json::to_string(&config).unwrap_or_default();
    let config = TrainConfig::from_json(&json, &args.overrides)
        .map_err(|problems| CliError::Problems { origin: format!("preset {}", preset.name), problems })?;
    let out = args.out.clone().unwrap_or_else(|| default_place(&config.name));
    check_output(&out, &["json"])?;
    if out.exists() {
        let expected = "no file of this name, as --yes asks nothing".into();
        return Err(CliError::Output { path: out, expected, actual: "one".into() });
    }
    Ok((config, out))
}

/// Where to write, until it is a good place and nothing is overwritten that should not be.
fn place(interview: &mut Interview<'_>, given: Option<PathBuf>, name: &str) -> Result<PathBuf, CliError> {
    let mut given = given;
    loop {
        let out = match given.take() {
            Some(out) => out,
            None => {
                let default = default_place(name);
                let answer = interview.ask("the file", &format!("file to write [{}]: ", default.display()))?;
                if answer.is_empty() { default } else { answer.into() }
            }
        };
        if let Err(error) = check_output(&out, &["json"]) {
            interview.say(&format!("  {error}\n"));
            continue;
        }
        let prompt = format!("{} exists. Overwrite it? [y/N]: ", out.display());
        if !out.exists() || interview.ask_yes("overwriting", &prompt, false)? {
            return Ok(out);
        }
    }
}
