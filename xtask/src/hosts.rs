//! Hosts that load the bundles from their files: a CLAP host among the tests, real VST3 hosts from PyPI in a virtual
//! environment below the target folder, and Ardour, where it is installed.

use crate::{
    bundle::Bundles,
    run::{self, Tally, cargo},
    setup::{self, PYTHON},
};
use anyhow::{Context, Result};
use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
};

const SCRIPTS: [&str; 2] = ["vst3_pedalboard.py", "vst3_dawdreamer.py"];
const ARDOUR_SCRIPT: &str = "vst3_ardour.py";

/// Where the CLAP host among the tests finds the file to load.
const CLAP_VARIABLE: &str = "SYMPATHY_TEST_CLAP";

/// Loads the CLAP bundle from its file and plays it, in the host among the tests, compiled as `selection` says.
pub fn play_in_clap_host(bundles: &Bundles, selection: &[&str], variables: &[(String, OsString)]) -> Result<Tally> {
    let mut command = cargo()?;
    command.arg("test").args(selection).args(["--test", "clap_host", "--", "--ignored", "bundle::"]);
    command.env(CLAP_VARIABLE, bundles.clap_file()).envs(variables.iter().map(|(name, value)| (name, value)));
    run::counted(&mut command)
}

/// Runs every script against the bundle and the command line tool; that of Ardour only where it is installed, as a check of a
/// change is to need no DAW.
pub fn play_in_vst3_hosts(bundles: &Bundles, cli: &Path) -> Result<Tally> {
    let folder = run::root()?.join("hosts");
    let python = environment(&folder.join("requirements.txt"))?;
    let has_ardour = setup::has_ardour();
    let mut tally = Tally::default();
    for script in SCRIPTS.into_iter().chain(has_ardour.then_some(ARDOUR_SCRIPT)) {
        let mut command = run::command(&python)?;
        command.arg(folder.join(script)).arg("--plugin").arg(&bundles.vst3).arg("--cli").arg(cli);
        // Nothing is written into the checkout.
        command.env("PYTHONDONTWRITEBYTECODE", "1");
        tally.add(run::counted(&mut command)?);
    }
    if !has_ardour {
        println!(
            "left out: Ardour 7 is not installed (cargo xtask hosts --ardour installs it: apt-get install ardour)"
        );
    }
    Ok(tally)
}

/// The environment's Python, with everything that `requirements` asks for.
fn environment(requirements: &Path) -> Result<PathBuf> {
    let venv = run::target_folder()?.join("hosts-venv");
    let python = if cfg!(windows) { venv.join("Scripts").join("python.exe") } else { venv.join("bin").join("python") };
    // Written last, so that half an environment is made anew.
    let stamp = venv.join("installed.txt");
    let wanted = fs::read_to_string(requirements).with_context(|| format!("cannot read {}", requirements.display()))?;
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(python);
    }
    run::succeed(run::command(PYTHON)?.args(["-m", "venv", "--clear"]).arg(&venv))?;
    let quiet = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"];
    run::succeed(run::command(&python)?.args(quiet).arg(requirements))?;
    fs::write(&stamp, wanted).with_context(|| format!("cannot write {}", stamp.display()))?;
    Ok(python)
}
