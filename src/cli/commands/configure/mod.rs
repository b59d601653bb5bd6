//! `sympathy configure`: a configuration by questions (Pfalz 2018, 6.1), or a preset as it is.
//!
//! Questions go to stderr and answers come from stdin, line by line; what stays goes to stdout. So it can be driven by a pipe.

mod answers;
mod draft;
mod interview;

use super::train::expected_time;
use crate::{
    cli::{
        error::CliError,
        output::{check_output, replace_file},
        terminal::say,
    },
    train::{Excerpt, LISTENING_PRESETS, PRESETS, Preset, Problem, TrainConfig},
};
use answers::excerpt;
use clap::Args;
use draft::Draft;
use interview::Interview;
use std::{
    fs,
    io::{self, IsTerminal},
    path::{Path, PathBuf},
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
    #[arg(long, conflicts_with_all = ["out", "preset", "files", "overrides", "yes"])]
    pub list_presets: bool,
    /// Recording to learn from, "take.wav 10-40" for a part of it in seconds; may be given many times
    #[arg(long = "file", value_name = "FILE")]
    pub files: Vec<String>,
    /// With --yes: change a field; dots lead into nested fields
    #[arg(long = "set", value_name = "KEY=VALUE", requires = "yes")]
    pub overrides: Vec<String>,
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
    write(&config, &out)?;
    let time = expected_time(config.epochs, config.max_steps, config.max_minutes);
    say!("{}: written; {time}; train it with\n  {}", out.display(), train_command(&out));
    Ok(())
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
    let config = TrainConfig { name: stem.into(), files, ..Draft::of(preset)?.config };
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

/// A file name made of the model's name.
fn default_place(name: &str) -> PathBuf {
    let letters = name.chars().map(|c| if c.is_alphanumeric() { c.to_ascii_lowercase() } else { ' ' });
    let words: Vec<String> = letters.collect::<String>().split_whitespace().map(String::from).collect();
    let stem = if words.is_empty() { "training".into() } else { words.join("-") };
    PathBuf::from(stem + ".json")
}

/// Writes the configuration; names of recordings, which were relative to the current folder, become relative to the file's
/// or absolute.
fn write(config: &TrainConfig, out: &Path) -> Result<(), CliError> {
    let mut config = config.clone();
    let folder = out.parent().filter(|folder| !folder.as_os_str().is_empty());
    if let Some(folder) = folder {
        let folder = fs::canonicalize(folder).unwrap_or_else(|_| folder.into());
        let recordings = config.files.iter_mut().chain(&mut config.validation).chain(&mut config.foreign_files);
        for excerpt in recordings {
            let path = fs::canonicalize(&excerpt.path).unwrap_or_else(|_| excerpt.path.clone());
            excerpt.path = path.strip_prefix(&folder).map(Path::to_path_buf).unwrap_or(path);
        }
    }
    let json = serde_json::to_string_pretty(&config).map_err(io::Error::other);
    replace_file(out, |part| json.and_then(|json| fs::write(part, json + "\n")))
}

fn train_command(config: &Path) -> String {
    let quoted = |path: &Path| {
        let text = path.display().to_string();
        let is_plain = text.chars().all(|c| c.is_alphanumeric() || "/._-".contains(c));
        if is_plain { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
    };
    format!("sympathy train {} --out {}", quoted(config), quoted(&config.with_extension("safetensors")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_names_come_from_model_names() {
        assert_eq!(default_place("My Guitar (2)"), Path::new("my-guitar-2.json"));
        assert_eq!(default_place("../../etc"), Path::new("etc.json"));
        assert_eq!(default_place("?!"), Path::new("training.json"));
        assert_eq!(
            train_command(Path::new("my take.json")),
            "sympathy train 'my take.json' --out 'my take.safetensors'"
        );
    }
}
