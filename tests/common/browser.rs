//! Headless Chromium.

use std::{
    path::Path,
    process::{Command, Stdio},
};

const NAMES: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];
const FLAGS: &str = "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking \
                     --disable-component-update --disable-sync --hide-scrollbars --mute-audio \
                     --force-device-scale-factor=1";

/// A browser with an empty profile.
pub struct Browser {
    program: &'static str,
    profile: tempfile::TempDir,
}

impl Browser {
    /// None, with a word on why, where there is no browser.
    ///
    /// # Panics
    /// If there is none on Linux although `CI` is `true`: there it has to be.
    pub fn find() -> Option<Self> {
        let there =
            |name: &&str| Command::new(name).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
        let found = NAMES.into_iter().find(|name| there(name).is_ok_and(|status| status.success()));
        match found {
            Some(program) => Some(Self { program, profile: tempfile::tempdir().expect("a temporary folder") }),
            None if cfg!(target_os = "linux") && std::env::var("CI").is_ok_and(|ci| ci == "true") => {
                panic!("expected Chromium, found none")
            }
            None => {
                println!("skipped: there is no Chromium (Debian: apt-get install chromium)");
                None
            }
        }
    }

    /// Opens a page and returns what the browser made of it, as HTML.
    pub fn dump(&self, page: &Path) -> String {
        self.run(page, &["--dump-dom"])
    }

    /// Opens a page in a window of this size and photographs it.
    pub fn photograph(&self, page: &Path, width: u32, height: u32, picture: &Path) {
        let size = format!("--window-size={width},{height}");
        self.run(page, &[&size, &format!("--screenshot={}", picture.display())]);
    }

    fn run(&self, page: &Path, arguments: &[&str]) -> String {
        let output = Command::new(self.program)
            .args(FLAGS.split_whitespace())
            .arg(format!("--user-data-dir={}", self.profile.path().display()))
            .arg("--virtual-time-budget=10000")
            .args(arguments)
            .arg(format!("file://{}", page.display()))
            .stdin(Stdio::null())
            .output()
            .expect("the browser was found");
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}: {told}", output.status);
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}
