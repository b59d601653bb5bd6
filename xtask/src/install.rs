//! Copies the bundles to where the user's hosts look for them.

use crate::bundle::{Bundles, Profile, bundle};
use anyhow::{Context, Result, bail};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// Folders of the user for CLAP and for VST3.
fn plugin_folders() -> Result<[PathBuf; 2]> {
    let (variable, parts): (_, [&[&str]; 2]) = if cfg!(target_os = "windows") {
        ("LOCALAPPDATA", [&["Programs", "Common", "CLAP"], &["Programs", "Common", "VST3"]])
    } else if cfg!(target_os = "macos") {
        ("HOME", [&["Library", "Audio", "Plug-Ins", "CLAP"], &["Library", "Audio", "Plug-Ins", "VST3"]])
    } else {
        ("HOME", [&[".clap"], &[".vst3"]])
    };
    match std::env::var_os(variable) {
        Some(home) if !home.is_empty() => {
            Ok(parts.map(|parts| parts.iter().fold(PathBuf::from(&home), |path, part| path.join(part))))
        }
        _ => bail!("{variable} is not set: your plugin folders are not known"),
    }
}

/// Bundles and installs.
pub fn install() -> Result<()> {
    let [clap_folder, vst3_folder] = plugin_folders()?;
    let Bundles { clap, vst3 } = bundle(Profile::Bundle, None)?;
    for (bundle, folder) in [(clap, clap_folder), (vst3, vst3_folder)] {
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let name = bundle.file_name().context("a bundle has a name")?;
        let place = folder.join(name);
        replace(&bundle, &place).with_context(|| format!("cannot install {}", place.display()))?;
        println!("installed {}", place.display());
    }
    Ok(())
}

/// Puts a copy in place of whatever is there. Copied beside first: a host never finds half a bundle.
fn replace(from: &Path, to: &Path) -> Result<()> {
    let mut beside = to.as_os_str().to_owned();
    beside.push(".new");
    let beside = PathBuf::from(beside);
    remove(&beside)?;
    copy(from, &beside)?;
    remove(to)?;
    Ok(fs::rename(&beside, to)?)
}

fn remove(path: &Path) -> Result<()> {
    if path.is_dir() {
        fs::remove_dir_all(path)?;
    } else if path.exists() {
        fs::remove_file(path)?;
    }
    Ok(())
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    if !from.is_dir() {
        fs::copy(from, to)?;
        return Ok(());
    }
    fs::create_dir(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        copy(&entry.path(), &to.join(entry.file_name()))?;
    }
    Ok(())
}
