//! System packages: a build needs a C compiler to link with; the VST3 hosts of the tests are Python packages, in an
//! environment of their own; a browser opens the report of a training; `sympathy play` needs the libraries of sound cards; Ardour, a
//! whole DAW, is installed only where it is asked for.

use crate::run;
use anyhow::{Result, bail};
use std::process::{Command, Stdio};

/// Something that must be there, how to see that it is, and which of Debian's packages bring it.
struct Need {
    what: &'static str,
    proof: &'static [&'static str],
    packages: &'static [&'static str],
    /// False: where apt may not be used, the tests that need it say that they were skipped.
    always: bool,
}

const NEEDS: [Need; 4] = [
    Need { what: "a C compiler", proof: COMPILER_PROOF, packages: &["gcc", "libc6-dev"], always: true },
    Need {
        what: "Python with virtual environments",
        proof: &[PYTHON, "-c", "import venv, ensurepip"],
        packages: &["python3", "python3-venv"],
        always: true,
    },
    Need {
        what: "Chromium",
        proof: &["sh", "-c", "chromium --version || chromium-browser --version || google-chrome --version"],
        packages: &["chromium"],
        always: false,
    },
    Need {
        what: "the libraries of sound cards (for sympathy play)",
        proof: SOUND_PROOF,
        packages: &["pkg-config", "libasound2-dev", "libjack-jackd2-dev"],
        always: false,
    },
];

/// What the tests for other systems need (`cargo xtask cross`).
const CROSS_NEEDS: [Need; 4] = [
    Need {
        what: "a C compiler for Windows",
        proof: &["x86_64-w64-mingw32-gcc", "--version"],
        packages: &["gcc-mingw-w64-x86-64"],
        always: true,
    },
    Need { what: "Wine", proof: &["wine", "--version"], packages: &["wine", "wine64"], always: true },
    Need {
        what: "a C compiler for 64-bit ARM",
        proof: &["aarch64-linux-gnu-gcc", "--version"],
        packages: &["gcc-aarch64-linux-gnu", "libc6-dev-arm64-cross"],
        always: true,
    },
    Need { what: "QEMU's user mode", proof: &["qemu-aarch64", "--version"], packages: &["qemu-user"], always: true },
];

/// What the tests in a whole DAW need (`cargo xtask hosts --ardour`). Other versions have other names for their programs.
const ARDOUR: Need = Need {
    what: "Ardour 7",
    proof: &["sh", "-c", "command -v ardour7-lua && test -x /usr/lib/ardour7/ardour-vst3-scanner"],
    packages: &["ardour"],
    always: true,
};

/// What Python is called where it is not in an environment.
pub const PYTHON: &str = if cfg!(windows) { "python" } else { "python3" };

/// Visual Studio's compiler is found by rustc, not by its name.
#[cfg(windows)]
const COMPILER_PROOF: &[&str] = &["cargo", "--version"];
#[cfg(not(windows))]
const COMPILER_PROOF: &[&str] = &["cc", "--version"];

/// What `alsa-sys` and `jack-sys` ask when they are compiled. Other systems than Linux bring their own libraries.
#[cfg(target_os = "linux")]
const SOUND_PROOF: &[&str] = &["pkg-config", "--exists", "alsa", "jack"];
#[cfg(not(target_os = "linux"))]
const SOUND_PROOF: &[&str] = &["cargo", "--version"];

/// True where the feature `standalone` can be compiled.
pub fn has_sound_libraries() -> bool {
    works(SOUND_PROOF)
}

/// True where the tests in Ardour can run.
pub fn has_ardour() -> bool {
    works(ARDOUR.proof)
}

/// Installs Ardour, where it is missing.
///
/// # Errors
/// If it is missing and cannot be installed.
pub fn ardour() -> Result<()> {
    provide(&[&ARDOUR])
}

/// What the tests for other systems need is there.
///
/// # Errors
/// If it is not.
pub fn need_cross() -> Result<()> {
    match CROSS_NEEDS.iter().find(|need| !works(need.proof)) {
        Some(need) => bail!("missing: {}; run: cargo xtask setup --cross", need.what),
        None => Ok(()),
    }
}

/// Installs what is missing, or says how; with `cross` also what the tests for other systems need.
///
/// # Errors
/// If something is missing and cannot be installed.
pub fn setup(cross: bool) -> Result<()> {
    let needs: Vec<&Need> = NEEDS.iter().chain(CROSS_NEEDS.iter().filter(|_| cross)).collect();
    provide(&needs)?;
    println!("everything a build and the tests need is there");
    Ok(())
}

/// Installs what is missing of it, or says how.
fn provide(needs: &[&Need]) -> Result<()> {
    let mut missing: Vec<&Need> = needs.iter().copied().filter(|need| !works(need.proof)).collect();
    let root = works(&["sh", "-c", "test \"$(id -u)\" = 0"]);
    let is_root_allowed = root || works(&["sudo", "-n", "true"]);
    let apt = works(&["apt-get", "--version"]);
    if !apt || !is_root_allowed {
        missing.retain(|need| need.always);
    }
    if missing.is_empty() {
        return Ok(());
    }
    let what = missing.iter().map(|need| need.what).collect::<Vec<_>>().join(" and ");
    let packages: Vec<&str> = missing.iter().flat_map(|need| need.packages.iter().copied()).collect();
    let install = format!("apt-get install -y --no-install-recommends {}", packages.join(" "));
    if !apt {
        bail!("missing: {what}; install it with this system's package manager (Debian: {install})");
    }
    if !is_root_allowed {
        bail!("missing: {what}; run: sudo apt-get update && sudo {install}");
    }
    println!("installing {}", packages.join(" "));
    for step in ["apt-get update -q", &install] {
        let mut command = if root { run::command("sh")? } else { run::command("sudo")? };
        if !root {
            command.args(["-n", "--preserve-env=DEBIAN_FRONTEND", "sh"]);
        }
        run::succeed(command.args(["-c", step]).env("DEBIAN_FRONTEND", "noninteractive"))?;
    }
    match needs.iter().find(|need| !works(need.proof)) {
        Some(need) => bail!("{} is still missing after the installation", need.what),
        None => Ok(()),
    }
}

fn works(words: &[&str]) -> bool {
    let [program, args @ ..] = words else {
        return false;
    };
    let mut command = Command::new(program);
    command.args(args).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}
