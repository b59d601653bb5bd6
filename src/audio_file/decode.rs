//! Recordings from WAV, FLAC, OGG Vorbis and MP3 files. A file is hostile until [`Recording::read`] has accepted it.

use std::{
    fs::File,
    path::{Path, PathBuf},
};
use symphonia::core::{
    codecs::audio::AudioDecoderOptions,
    errors::Error as SymphoniaError,
    formats::{FormatOptions, TrackType, probe::Hint},
    io::MediaSourceStream,
    meta::MetadataOptions,
};

/// No recording is larger once decoded: 1 GiB of 32-bit samples, 50 minutes of stereo at 44.1 kHz.
const MAX_SAMPLES: usize = 1 << 28;
const MAX_CHANNELS: usize = 2;
const MIN_RATE_HZ: u32 = 4_000;
const MAX_RATE_HZ: u32 = 384_000;

/// Why a recording was refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecordingError {
    /// The file cannot be opened or read.
    #[error("{}: cannot be read: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's word.
        source: std::io::Error,
    },
    /// The container or the codec is not one of those that are read, or is broken.
    #[error("{}: expected {expected}, found {actual}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What should be there.
        expected: &'static str,
        /// What is.
        actual: String,
    },
    /// A property of the sound lies outside what is taken.
    #[error("{}: {property}: expected {expected}, found {actual}", path.display())]
    Property {
        /// The file.
        path: PathBuf,
        /// Which property.
        property: &'static str,
        /// Its rule.
        expected: String,
        /// Its value.
        actual: String,
    },
}

/// A decoded file.
#[derive(Clone, Debug, PartialEq)]
pub struct Recording {
    /// Where it came from.
    pub path: PathBuf,
    /// Its own rate.
    pub sample_rate_hz: u32,
    /// One or two channels of finite samples, full scale = 1. `[channel][sample]`, at least one sample.
    pub channels: Vec<Vec<f32>>,
}

impl Recording {
    /// Decodes a whole file: one or two channels, 4 to 384 kHz, at most 2²⁸ samples in all. Packets that do not decode
    /// are left out, as players do; a file cut short gives what is there.
    ///
    /// # Errors
    /// If the file cannot be read, is of another format, holds no sound, or sound outside these bounds.
    pub fn read(path: &Path) -> Result<Self, RecordingError> {
        let io = |source| RecordingError::Io { path: path.into(), source };
        // Looked at before it is opened: opening a pipe waits for someone to write.
        if !std::fs::metadata(path).map_err(io)?.is_file() {
            return Err(Reading { path }.format("a file", "something else (a folder or a device)"));
        }
        let file = File::open(path).map_err(io)?;
        // Symphonia 0.6 panics on some damaged headers (in debug builds, where arithmetic is checked). What it owned is
        // dropped, nothing else saw it.
        let reading = Reading { path };
        std::panic::catch_unwind(|| reading.decode(file))
            .unwrap_or_else(|_| Err(reading.format("a file that decodes", "damage that stopped the decoder")))
    }

    /// Samples of a channel.
    pub fn length_samples(&self) -> usize {
        self.channels.first().map_or(0, Vec::len)
    }

    /// The mean of the channels, `[sample]`.
    pub fn mono(&self) -> Vec<f32> {
        match &self.channels[..] {
            [left, right] => left.iter().zip(right).map(|(l, r)| 0.5 * (l + r)).collect(),
            channels => channels.first().cloned().unwrap_or_default(),
        }
    }
}

/// Decoding of one file: carries the name that every error needs.
struct Reading<'a> {
    path: &'a Path,
}

impl Reading<'_> {
    fn format(&self, expected: &'static str, actual: impl ToString) -> RecordingError {
        RecordingError::Format { path: self.path.into(), expected, actual: actual.to_string() }
    }

    fn property(&self, property: &'static str, expected: impl ToString, actual: impl ToString) -> RecordingError {
        RecordingError::Property {
            path: self.path.into(),
            property,
            expected: expected.to_string(),
            actual: actual.to_string(),
        }
    }

    fn decode(&self, file: File) -> Result<Recording, RecordingError> {
        let mut hint = Hint::new();
        if let Some(extension) = self.path.extension().and_then(|extension| extension.to_str()) {
            hint.with_extension(extension);
        }
        let stream = MediaSourceStream::new(Box::new(file), Default::default());
        let mut container = symphonia::default::get_probe()
            .probe(&hint, stream, FormatOptions::default(), MetadataOptions::default())
            .map_err(|e| self.format("a WAV, FLAC, OGG or MP3 file", e))?;
        let track =
            container.default_track(TrackType::Audio).ok_or_else(|| self.format("an audio track", "none"))?.clone();
        let parameters = track.codec_params.as_ref().and_then(|parameters| parameters.audio());
        let parameters = parameters.ok_or_else(|| self.format("a known codec", "none"))?;
        let mut decoder = symphonia::default::get_codecs()
            .make_audio_decoder(parameters, &AudioDecoderOptions::default())
            .map_err(|e| self.format("PCM, FLAC, Vorbis or MP3", e))?;
        let mut sound = Sound { reading: self, sample_rate_hz: 0, channels: Vec::new() };
        let mut packet_planes: Vec<Vec<f32>> = Vec::new();
        let mut broken = None;
        loop {
            let packet = match container.next_packet() {
                Ok(Some(packet)) => packet,
                Ok(None) => break,
                Err(SymphoniaError::ResetRequired) => return Err(self.format("one stream", "several in a chain")),
                // A file cut short: what was decoded counts.
                Err(error) => {
                    broken = Some(error);
                    break;
                }
            };
            if packet.track_id != track.id {
                continue;
            }
            match decoder.decode(&packet) {
                Ok(decoded) => {
                    let spec = decoded.spec();
                    sound.check(spec.rate(), spec.channels().count(), decoded.frames())?;
                    decoded.copy_to_vecs_planar(&mut packet_planes);
                    sound.append(&packet_planes)?;
                }
                Err(error @ (SymphoniaError::DecodeError(_) | SymphoniaError::IoError(_))) => broken = Some(error),
                Err(error) => return Err(self.format("a stream that decodes", error)),
            }
        }
        if sound.channels.first().is_none_or(Vec::is_empty) {
            let found = broken.map_or("no sample".to_string(), |error| format!("no sample: {error}"));
            return Err(self.property("length", "at least one sample", found));
        }
        Ok(Recording { path: self.path.into(), sample_rate_hz: sound.sample_rate_hz, channels: sound.channels })
    }
}

/// What has been decoded so far.
struct Sound<'a> {
    reading: &'a Reading<'a>,
    sample_rate_hz: u32,
    channels: Vec<Vec<f32>>,
}

impl Sound<'_> {
    /// Looks at a packet before memory is taken for it.
    fn check(&mut self, rate_hz: u32, channels: usize, frames: usize) -> Result<(), RecordingError> {
        let fail = |property, expected: String, actual: String| Err(self.reading.property(property, expected, actual));
        if self.channels.is_empty() {
            if !(1..=MAX_CHANNELS).contains(&channels) {
                return fail("channels", format!("1 to {MAX_CHANNELS}"), channels.to_string());
            }
            if !(MIN_RATE_HZ..=MAX_RATE_HZ).contains(&rate_hz) {
                return fail("sample rate", format!("{MIN_RATE_HZ} to {MAX_RATE_HZ} Hz"), format!("{rate_hz} Hz"));
            }
            self.sample_rate_hz = rate_hz;
            self.channels = vec![Vec::new(); channels];
        }
        if (rate_hz, channels) != (self.sample_rate_hz, self.channels.len()) {
            let expected = format!("{} Hz, {} channels throughout", self.sample_rate_hz, self.channels.len());
            return fail("stream", expected, format!("{rate_hz} Hz, {channels} channels midway"));
        }
        if (self.channels[0].len() + frames) * channels > MAX_SAMPLES {
            return fail("length", format!("at most {MAX_SAMPLES} samples in all channels"), "more".into());
        }
        Ok(())
    }

    fn append(&mut self, planes: &[Vec<f32>]) -> Result<(), RecordingError> {
        for (channel, plane) in self.channels.iter_mut().zip(planes) {
            if let Some(index) = plane.iter().position(|x| !x.is_finite()) {
                let found = format!("{} at sample {}", plane[index], channel.len() + index);
                return Err(self.reading.property("samples", "finite numbers", found));
            }
            channel.extend_from_slice(plane);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dsp::random::Random;

    fn write_wav(path: &Path, channels: &[Vec<f32>], sample_rate_hz: u32) {
        let spec = hound::WavSpec {
            channels: channels.len() as u16,
            sample_rate: sample_rate_hz,
            bits_per_sample: 32,
            sample_format: hound::SampleFormat::Float,
        };
        let mut writer = hound::WavWriter::create(path, spec).expect("a new file");
        for index in 0..channels[0].len() {
            channels.iter().for_each(|channel| writer.write_sample(channel[index]).expect("space"));
        }
        writer.finalize().expect("space");
    }

    #[test]
    fn a_float_wav_comes_back_with_its_bits() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("a.wav");
        let mut random = Random::new(1);
        let channels: Vec<Vec<f32>> = (0..2).map(|_| (0..5000).map(|_| random.normal()).collect()).collect();
        write_wav(&path, &channels, 22_050);
        let recording = Recording::read(&path).expect("a good file");
        assert_eq!(recording, Recording { path, sample_rate_hz: 22_050, channels: channels.clone() });
        assert_eq!(recording.mono()[7], 0.5 * (channels[0][7] + channels[1][7]));
    }

    #[test]
    fn what_is_no_recording_is_refused_in_one_line() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let place = |name: &str| folder.path().join(name);
        std::fs::write(place("text.wav"), "this is a letter, not a sound").expect("space");
        std::fs::write(place("empty.wav"), "").expect("space");
        write_wav(&place("no-sample.wav"), &[vec![]], 44_100);
        write_wav(&place("slow.wav"), &[vec![0.0; 100]], 3999);
        write_wav(&place("nan.wav"), &[vec![0.0, f32::NAN]], 44_100);
        write_wav(&place("three.wav"), &vec![vec![0.0; 100]; 3], 44_100);
        for (name, part) in [
            ("text.wav", "expected a WAV, FLAC, OGG or MP3 file"),
            ("empty.wav", "expected a WAV, FLAC, OGG or MP3 file"),
            ("no-sample.wav", "at least one sample"),
            ("slow.wav", "4000 to 384000 Hz, found 3999 Hz"),
            ("nan.wav", "found NaN at sample 1"),
            ("three.wav", "channels: expected 1 to 2, found 3"),
            ("absent.wav", "cannot be read"),
            ("", "expected a file"),
        ] {
            let error = Recording::read(&place(name)).expect_err(name).to_string();
            assert!(error.contains(part) && error.contains(name) && !error.contains('\n'), "{name}: {error}");
        }
    }

    #[test]
    fn damage_gives_an_error_or_finite_sound_and_never_a_panic() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("damaged.wav");
        write_wav(&path, &[vec![0.25; 400], vec![0.5; 400]], 44_100);
        let whole = std::fs::read(&path).expect("the file");
        let mut random = Random::new(2);
        for round in 0..400 {
            let mut bytes = whole.clone();
            if round % 2 == 0 {
                bytes.truncate(random.below(whole.len() as u32) as usize);
            }
            for _ in 0..random.below(6) {
                // Mostly the header, where the damage is worst.
                let at = random.below(80) as usize;
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = random.next_u32() as u8;
                }
            }
            std::fs::write(&path, &bytes).expect("space");
            if let Ok(recording) = Recording::read(&path) {
                assert!(recording.length_samples() > 0 && recording.length_samples() <= whole.len(), "round {round}");
                assert!(recording.channels.iter().flatten().all(|x| x.is_finite()), "round {round}");
            }
        }
    }
}
