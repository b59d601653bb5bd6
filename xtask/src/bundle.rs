//! Bundles: what a host loads.

use crate::run;
use anyhow::{Context, Result};
use std::path::PathBuf;

const PACKAGE: &str = "sympathy";

/// How the bundles are compiled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// What users get.
    Bundle,
    /// Quick to build, slow to run, with assertions.
    Debug,
}

/// Where the bundles lie.
#[derive(Clone, Debug)]
pub struct Bundles {
    /// `Sympathy.clap`.
    pub clap: PathBuf,
    /// `Sympathy.vst3`.
    pub vst3: PathBuf,
}

/// Builds the plugin, without trainer and command line, and bundles it.
pub fn bundle(profile: Profile) -> Result<Bundles> {
    let root = run::root()?;
    // nice-plug-xtask reads bundler.toml and calls cargo where it stands.
    std::env::set_current_dir(&root).with_context(|| format!("cannot enter {}", root.display()))?;
    let target = run::target_folder()?;
    let profile = match profile {
        Profile::Bundle => "bundle",
        Profile::Debug => "dev",
    };
    let features = ["--no-default-features", "--features", "plugin", "--lib", "--profile", profile];
    let mut args = features.map(String::from).to_vec();
    nice_plug_xtask::build(&[PACKAGE.into()], &args)?;
    if profile == "dev" {
        // Cargo's folder for this profile has another name, which is the bundler's default.
        args.truncate(features.len() - 2);
    }
    nice_plug_xtask::bundle(&target, PACKAGE, &args, false)?;
    let bundled = target.join("bundled");
    Ok(Bundles { clap: bundled.join("Sympathy.clap"), vst3: bundled.join("Sympathy.vst3") })
}
