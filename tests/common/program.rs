//! Runs the real program in a folder of its own.

use super::models;
use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};
use sympathy::audio_file::Recording;
use tempfile::TempDir;

/// A temporary folder in which `sympathy` is run.
pub struct Desk {
    folder: TempDir,
}

/// What a run left.
#[derive(Debug)]
pub struct Run {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Desk {
    /// An empty folder with one good model, `model.safetensors`.
    pub fn new() -> Self {
        let desk = Self { folder: tempfile::tempdir().expect("a temporary folder") };
        let (_, _, data) = models::all_kinds().swap_remove(0);
        data.write(&desk.path("model.safetensors")).expect("space");
        desk
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Names of the files, sorted.
    pub fn files(&self) -> Vec<String> {
        let entries = fs::read_dir(self.folder.path()).expect("the folder");
        let mut names: Vec<String> =
            entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    /// Runs `sympathy`; `arguments` are separated by spaces.
    pub fn run(&self, arguments: &str) -> Run {
        self.run_with_input(arguments, "")
    }

    /// Starts `sympathy`, with pipes.
    pub fn start(&self, arguments: &str) -> Child {
        let mut command = self.command(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().expect("the program was built with the tests")
    }

    /// `sympathy` before it is started; its takes go into the folder `takes`, models of one's own lie in `own models`.
    pub fn command(&self, arguments: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sympathy"));
        command
            .args(arguments.split_whitespace())
            .current_dir(self.folder.path())
            .env("SYMPATHY_KEEP_FOLDER", self.path("takes"))
            .env("SYMPATHY_MODELS", self.path("own models"))
            .env_remove("COLUMNS");
        command
    }

    /// Runs `sympathy` with `input` on its stdin.
    pub fn run_with_input(&self, arguments: &str, input: &str) -> Run {
        let mut program = self.start(arguments);
        // A program that ends before it has read everything closes the pipe.
        let _ = program.stdin.take().expect("a pipe").write_all(input.as_bytes());
        let output = program.wait_with_output().expect("the program ends");
        Run {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Runs what must succeed, and returns what it printed. What an earlier run wrote is replaced.
    #[track_caller]
    pub fn succeed(&self, arguments: &str) -> String {
        let run = self.run(&replacing(arguments));
        assert_eq!(run.code, Some(0), "sympathy {arguments}: {run:?}");
        assert_eq!(run.stderr, "", "sympathy {arguments}");
        run.stdout
    }

    /// Runs what must succeed and tells how it goes on.
    #[track_caller]
    pub fn succeed_quietly(&self, arguments: &str) {
        let run = self.run(&replacing(arguments));
        assert_eq!(run.code, Some(0), "sympathy {arguments}: {run:?}");
    }

    /// Runs what must fail with exit code 1, one line on stderr that holds all of `parts`, and no new file; not because an earlier run wrote
    /// something.
    #[track_caller]
    pub fn fail(&self, arguments: &str, parts: &[&str]) {
        let before = self.files();
        let run = self.run(&replacing(arguments));
        assert_eq!(run.code, Some(1), "sympathy {arguments}: {run:?}");
        let line = run.stderr.strip_suffix('\n').unwrap_or(&run.stderr);
        assert!(line.starts_with("error: ") && !line.contains('\n'), "sympathy {arguments}: {line:?}");
        for part in parts {
            assert!(line.contains(part), "sympathy {arguments}: {line:?} does not hold {part:?}");
        }
        assert_eq!(run.stdout, "", "sympathy {arguments}");
        assert_eq!(self.files(), before, "sympathy {arguments} left something behind");
    }

    /// A WAV file of 32-bit float samples. `channels`: `[channel][sample]`
    pub fn write_wav(&self, name: &str, sample_rate_hz: u32, channels: &[Vec<f32>]) {
        fs::write(self.path(name), wav_bytes(sample_rate_hz, channels)).expect("space");
    }

    /// What a WAV file holds.
    pub fn read_wav(&self, name: &str) -> Recording {
        Recording::read(&self.path(name)).expect("a WAV file")
    }

    /// A file that has this length and takes no space.
    pub fn write_sparse(&self, name: &str, start: &[u8], length: u64) {
        let path: &Path = &self.path(name);
        fs::write(path, start).expect("space");
        fs::OpenOptions::new().write(true).open(path).and_then(|file| file.set_len(length)).expect("a sparse file");
    }
}

/// The arguments of a command, with the word that lets it replace files where it has one.
pub fn replacing(arguments: &str) -> String {
    let command = arguments.split_whitespace().next().unwrap_or_default();
    let replaces = ["demo", "export", "import", "learn", "render", "roll", "sample"].contains(&command);
    format!("{arguments}{}", if replaces { " --overwrite" } else { "" })
}

/// A WAV file, written from the format's description so that the program's own writer is not its judge.
pub fn wav_bytes(sample_rate_hz: u32, channels: &[Vec<f32>]) -> Vec<u8> {
    let count = channels.len();
    let length = channels.first().map_or(0, Vec::len);
    let data_bytes = 4 * count * length;
    let mut bytes = Vec::with_capacity(44 + data_bytes);
    bytes.extend_from_slice(b"RIFF");
    bytes.extend_from_slice(&(36 + data_bytes as u32).to_le_bytes());
    bytes.extend_from_slice(b"WAVEfmt ");
    bytes.extend_from_slice(&16u32.to_le_bytes());
    // 3: IEEE float.
    bytes.extend_from_slice(&3u16.to_le_bytes());
    bytes.extend_from_slice(&(count as u16).to_le_bytes());
    bytes.extend_from_slice(&sample_rate_hz.to_le_bytes());
    bytes.extend_from_slice(&sample_rate_hz.wrapping_mul(4 * count as u32).to_le_bytes());
    bytes.extend_from_slice(&(4 * count as u16).to_le_bytes());
    bytes.extend_from_slice(&32u16.to_le_bytes());
    bytes.extend_from_slice(b"data");
    bytes.extend_from_slice(&(data_bytes as u32).to_le_bytes());
    for index in 0..length {
        channels.iter().for_each(|channel| bytes.extend_from_slice(&channel[index].to_le_bytes()));
    }
    bytes
}
