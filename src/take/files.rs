//! The files of a take: written beside their places, and moved there when all are whole. Nothing is ever overwritten.

use super::error::TakeError;
use hound::{SampleFormat, WavSpec, WavWriter};
use std::{
    fs::{self, File, OpenOptions},
    io::{BufWriter, ErrorKind},
    path::{Path, PathBuf},
};

/// Number of takes that can be named in one second.
const USABLE_PART_OF_A_SECOND: u32 = 999;

/// Three files under way.
pub(crate) struct TakeFiles {
    /// What their names begin with.
    pub name: String,
    wet: WavFile,
    dry: WavFile,
    settings: Part,
}

impl TakeFiles {
    /// Makes the folder and the files. Their names begin with `stamp`, and a number where that is taken.
    ///
    /// # Errors
    /// [`TakeError`]; nothing is left behind but the folder.
    pub fn create(folder: &Path, stamp: &str, sample_rate_hz: u32, channels: usize) -> Result<Self, TakeError> {
        fs::create_dir_all(folder).map_err(TakeError::io(folder))?;
        let spec = WavSpec {
            channels: channels as u16,
            sample_rate: sample_rate_hz,
            bits_per_sample: 32,
            sample_format: SampleFormat::Float,
        };
        for number in 1..=USABLE_PART_OF_A_SECOND {
            let name = if number == 1 { stamp.to_owned() } else { format!("{stamp} ({number})") };
            let place = |end: &str| folder.join(format!("{name} {end}"));
            let places = [place("wet.wav"), place("dry.wav"), place("settings.json")];
            // Creating this file reserves the name: other instances may save a take in the same second.
            let Some((wet, file)) = Part::create(&places[0])? else {
                continue;
            };
            if places.iter().any(|place| place.exists()) {
                continue;
            }
            let (Some((dry, dry_file)), Some((settings, _))) = (Part::create(&places[1])?, Part::create(&places[2])?)
            else {
                continue;
            };
            return Ok(Self {
                name,
                wet: WavFile::new(wet, file, spec)?,
                dry: WavFile::new(dry, dry_file, spec)?,
                settings,
            });
        }
        Err(TakeError::NoName { folder: folder.into() })
    }

    /// Names of the files of wet and dry.
    pub fn names(&self) -> [String; 2] {
        [&self.wet, &self.dry].map(|file| match file.part.place.file_name() {
            Some(name) => name.to_string_lossy().into_owned(),
            None => String::new(),
        })
    }

    /// Appends interleaved samples.
    ///
    /// # Errors
    /// [`TakeError::Io`].
    pub fn write(&mut self, wet: &[f32], dry: &[f32]) -> Result<(), TakeError> {
        self.wet.write(wet)?;
        self.dry.write(dry)
    }

    /// Writes the settings and moves all to their places.
    ///
    /// # Errors
    /// [`TakeError::Io`]; what was not moved is removed.
    pub fn finish(self, settings: &str) -> Result<String, TakeError> {
        fs::write(&self.settings.path, settings).map_err(TakeError::io(&self.settings.place))?;
        let parts = [self.wet.finish()?, self.dry.finish()?, self.settings];
        for part in &parts {
            fs::rename(&part.path, &part.place).map_err(TakeError::io(&part.place))?;
        }
        Ok(self.name)
    }
}

struct WavFile {
    writer: WavWriter<BufWriter<File>>,
    part: Part,
}

impl WavFile {
    fn new(part: Part, file: File, spec: WavSpec) -> Result<Self, TakeError> {
        let writer =
            WavWriter::new(BufWriter::with_capacity(1 << 16, file), spec).map_err(TakeError::wav(&part.place))?;
        Ok(Self { writer, part })
    }

    fn write(&mut self, samples: &[f32]) -> Result<(), TakeError> {
        samples
            .iter()
            .try_for_each(|&sample| self.writer.write_sample(sample))
            .map_err(TakeError::wav(&self.part.place))
    }

    fn finish(self) -> Result<Part, TakeError> {
        self.writer.finalize().map_err(TakeError::wav(&self.part.place))?;
        Ok(self.part)
    }
}

/// A file `PLACE.part`; removed when this goes, which finds nothing where it was moved.
struct Part {
    path: PathBuf,
    place: PathBuf,
}

impl Part {
    /// `None` if there is one already.
    fn create(place: &Path) -> Result<Option<(Self, File)>, TakeError> {
        let mut path = place.as_os_str().to_owned();
        path.push(".part");
        let path = PathBuf::from(path);
        match OpenOptions::new().write(true).create_new(true).open(&path) {
            Ok(file) => Ok(Some((Self { path, place: place.into() }, file))),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(None),
            Err(error) => Err(TakeError::io(place)(error)),
        }
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).expect("the folder");
        let mut names: Vec<String> =
            entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    #[test]
    fn takes_of_one_second_have_names_of_their_own() {
        let folder = tempfile::tempdir().expect("temp");
        let create = || TakeFiles::create(folder.path(), "now", 48_000, 1);
        let mut first = create().expect("space");
        let second = create().expect("space");
        assert_eq!([&first.name, &second.name], ["now", "now (2)"]);
        first.write(&[0.5], &[0.25]).expect("space");
        assert_eq!(first.finish("{}").expect("space"), "now");
        drop(second);
        assert_eq!(
            names(folder.path()),
            ["now dry.wav", "now settings.json", "now wet.wav"],
            "a dropped take leaves nothing"
        );
        fs::remove_file(folder.path().join("now wet.wav")).expect("it is there");
        assert_eq!(create().expect("space").name, "now (2)", "the dry of the first is still there");
    }
}
