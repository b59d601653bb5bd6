//! A configuration as a file, and what it will take to train with it.

use super::TrainConfig;
use crate::whole_file::write_whole;
use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// A file name made of the model's name.
pub fn default_place(name: &str) -> PathBuf {
    let letters = name.chars().map(|c| if c.is_alphanumeric() { c.to_ascii_lowercase() } else { ' ' });
    let words: Vec<String> = letters.collect::<String>().split_whitespace().map(String::from).collect();
    let stem = if words.is_empty() { "training".into() } else { words.join("-") };
    PathBuf::from(stem + ".json")
}

/// Writes a configuration, in place of one that is there; names of recordings, which were relative to the current folder, become
/// relative to the file's or absolute.
///
/// # Errors
/// The system's; then nothing has changed.
pub fn write(config: &TrainConfig, out: &Path) -> io::Result<()> {
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
    let json = serde_json::to_string_pretty(&config).map_err(io::Error::other)?;
    write_whole(out, (json + "\n").as_bytes())
}

/// What to type to train with it.
pub fn train_command(config: &Path) -> String {
    let quoted = |path: &Path| {
        let text = path.display().to_string();
        let is_plain = text.chars().all(|c| c.is_alphanumeric() || "/._-".contains(c));
        if is_plain { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
    };
    format!("sympathy train {} --out {}", quoted(config), quoted(&config.with_extension("safetensors")))
}

/// How long a training takes, in a line.
pub fn expected_time(epochs: Option<u32>, max_steps: Option<u64>, max_minutes: Option<f64>) -> String {
    let ends = [epochs.map(|n| format!("{n} epochs")), max_steps.map(|n| format!("{n} steps"))];
    let ends: Vec<String> = ends.into_iter().flatten().collect();
    match (max_minutes, &ends[..]) {
        (Some(minutes), []) => format!("it trains for {minutes} min"),
        (Some(minutes), ends) => format!("it trains for {}, or {minutes} min if they take longer", ends.join(" or ")),
        (None, ends) => format!("it trains for {}; what is left of it stands in every line", ends.join(" or ")),
    }
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
