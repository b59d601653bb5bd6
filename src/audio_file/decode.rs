//! Recordings from sound files. A file is hostile until [`Recording::read`] has accepted it.

use super::{
    source::{self, Edit, Stream, Streams, clock},
    spool::{Samples, Spool, SpoolWriter},
};
use std::{
    fs::File,
    io::{self, Read},
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
};
use symphonia::core::{
    codecs::audio::{
        AudioCodecParameters, AudioDecoder, AudioDecoderOptions,
        well_known::{CODEC_ID_FLAC, CODEC_ID_VORBIS},
    },
    errors::Error as SymphoniaError,
    formats::{FormatOptions, FormatReader, Track, TrackType, probe::Hint},
    io::MediaSourceStream,
    meta::MetadataOptions,
};

/// No recording in memory is larger once decoded: 1 GiB of 32-bit samples, 50 minutes of stereo at 44.1 kHz.
const MAX_SAMPLES: usize = 1 << 28;
/// Nor is one on disk: 4 GiB, three hours of stereo at 48 kHz, which is what a WAV file can hold.
const MAX_LONG_SAMPLES: usize = 1 << 30;
/// Nor is one larger than a file of its size can hold: this much in any file …
const MIN_MAX_SAMPLES: usize = 1 << 20;
/// … and, for every byte beyond the first of them, as much as the silence of a codec that compresses it best.
const SMALL_BYTES: u64 = 1 << 10;
const MAX_SAMPLES_PER_BYTE: usize = 1 << 13;
/// No packet is longer; a decoder takes memory for one before it sees any.
const MAX_PACKET_SAMPLES: u64 = 1 << 16;
/// Numbers in the codebooks of Vorbis, for which it takes memory too; encoders make two hundred thousand.
const MAX_CODEBOOK_NUMBERS: u64 = 1 << 21;
/// Silence that stands for what does not decode is bounded likewise: what was lost was sound, and had its bytes.
const MAX_SILENCE_PER_BYTE: usize = 1 << 6;
const MAX_CHANNELS: usize = 2;
const MIN_RATE_HZ: u32 = 4_000;
const MAX_RATE_HZ: u32 = 384_000;
/// What is missing and lasts longer is a damaged clock rather than a gap.
const MAX_GAP_S: f64 = 60.0;
/// Times that differ by less are those of codecs which need a block to begin and to end.
const LEAST_GAP_S: f64 = 0.012;
/// Of a file that is full of damage, so many places are told.
const MAX_WARNINGS: usize = 12;
/// What is read.
const FORMATS: &str = "a WAV, AIFF, CAF, FLAC, Ogg Vorbis, MP3 or M4A file";
/// The name of standard input.
const PIPE: &str = "-";

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
    /// Something of it is missing, and nothing may be.
    #[error("{0}")]
    Incomplete(Warning),
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

/// What is missing of a recording, or was mended.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {what}", path.display())]
pub struct Warning {
    /// The file.
    pub path: PathBuf,
    /// A sentence.
    pub what: String,
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
    /// What is missing of it, or was mended.
    pub warnings: Vec<Warning>,
}

impl Recording {
    /// Decodes a whole file, or what comes through standard input if it is called `-`: one or two channels, 4 to 384 kHz, at most
    /// 2²⁸ samples in all. Headers that are not quite true are mended. What cannot be decoded is silence of its length, so that what follows
    /// keeps its place; a file cut short gives what is there. Each is told in [`Self::warnings`].
    ///
    /// # Errors
    /// If the file cannot be read, is of another format, holds no sound, or sound outside these bounds.
    pub fn read(path: &Path) -> Result<Self, RecordingError> {
        Self::decode(path, streams(path)?)
    }

    /// Decodes what comes through a pipe, to its end; `path` names it in errors.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn read_pipe(path: &Path, pipe: impl Read) -> Result<Self, RecordingError> {
        Self::decode(path, source::of_pipe(pipe).map_err(|source| RecordingError::Io { path: path.into(), source })?)
    }

    fn decode(path: &Path, streams: Streams) -> Result<Self, RecordingError> {
        let mut channels = Vec::new();
        let (sample_rate_hz, warnings) = decode_all(path, streams, &mut channels)?;
        Ok(Self { path: path.into(), sample_rate_hz, channels, warnings })
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

/// A decoded file on disk: of an hour, no more than of a second is in memory.
#[derive(Debug)]
pub struct LongRecording {
    /// Where it came from.
    pub path: PathBuf,
    /// Its own rate.
    pub sample_rate_hz: u32,
    /// One or two channels of finite samples, full scale = 1, at least one sample.
    pub sound: Spool,
    /// What is missing of it, or was mended.
    pub warnings: Vec<Warning>,
}

impl LongRecording {
    /// As [`Recording::read`], the same samples, at most 2³⁰.
    ///
    /// # Errors
    /// As [`Recording::read`], and if no temporary file can be written.
    pub fn read(path: &Path) -> Result<Self, RecordingError> {
        let mut writer = None;
        let (sample_rate_hz, warnings) = decode_all(path, streams(path)?, &mut writer)?;
        let sound = writer.map_or_else(|| SpoolWriter::new(1), Ok).and_then(SpoolWriter::finish);
        let sound = sound.map_err(|source| RecordingError::Io { path: path.into(), source })?;
        Ok(Self { path: path.into(), sample_rate_hz, sound, warnings })
    }

    /// Samples of a channel.
    pub fn length_samples(&self) -> usize {
        self.sound.length_samples()
    }
}

/// Whether a path stands for standard input, or output.
pub fn is_pipe(path: &Path) -> bool {
    path.as_os_str() == PIPE
}

/// What is to be decoded of a file.
fn streams(path: &Path) -> Result<Streams, RecordingError> {
    let io = |source| RecordingError::Io { path: path.into(), source };
    if is_pipe(path) {
        return source::of_pipe(io::stdin().lock()).map_err(io);
    }
    // Looked at before it is opened: opening a pipe waits for someone to write.
    if !std::fs::metadata(path).map_err(io)?.is_file() {
        let (expected, actual) = ("a file", "something else (a folder or a device)".into());
        return Err(RecordingError::Format { path: path.into(), expected, actual });
    }
    source::of_file(File::open(path).map_err(io)?).map_err(io)
}

/// Where decoded samples go.
trait Sink {
    /// More are not taken, of all channels.
    const MAX_SAMPLES: usize;

    /// Comes first: so many channels follow.
    fn begin(&mut self, channels: usize) -> io::Result<()>;

    /// Adds samples, `[channel][sample]`.
    fn append(&mut self, planes: &[Vec<f32>]) -> io::Result<()>;

    /// Puts silence before what begins at sample `at`.
    fn insert_silence(&mut self, at: usize, length: usize) -> io::Result<()>;
}

impl Sink for Vec<Vec<f32>> {
    const MAX_SAMPLES: usize = MAX_SAMPLES;

    fn begin(&mut self, channels: usize) -> io::Result<()> {
        *self = vec![Vec::new(); channels];
        Ok(())
    }

    fn append(&mut self, planes: &[Vec<f32>]) -> io::Result<()> {
        self.iter_mut().zip(planes).for_each(|(channel, plane)| channel.extend_from_slice(plane));
        Ok(())
    }

    fn insert_silence(&mut self, at: usize, length: usize) -> io::Result<()> {
        for channel in self {
            channel.splice(at..at, std::iter::repeat_n(0.0, length));
        }
        Ok(())
    }
}

impl Sink for Option<SpoolWriter> {
    const MAX_SAMPLES: usize = MAX_LONG_SAMPLES;

    fn begin(&mut self, channels: usize) -> io::Result<()> {
        *self = Some(SpoolWriter::new(channels)?);
        Ok(())
    }

    fn append(&mut self, planes: &[Vec<f32>]) -> io::Result<()> {
        let Some(writer) = self else { return Ok(()) };
        writer.write(&planes.iter().map(Vec::as_slice).collect::<Vec<_>>())
    }

    fn insert_silence(&mut self, at: usize, length: usize) -> io::Result<()> {
        self.as_mut().map_or(Ok(()), |writer| writer.insert_silence(at, length))
    }
}

/// Decodes everything; gives its rate and what is missing of it.
fn decode_all(path: &Path, mut streams: Streams, sink: &mut impl Sink) -> Result<(u32, Vec<Warning>), RecordingError> {
    let beginning = std::mem::take(&mut streams.beginning);
    Reading { path, beginning: &beginning, bytes: streams.bytes }.all(streams, sink)
}

/// Decoding of one file: carries what every error needs.
struct Reading<'a> {
    path: &'a Path,
    beginning: &'a [u8],
    /// Of the file.
    bytes: u64,
}

impl Reading<'_> {
    fn io(&self, source: io::Error) -> RecordingError {
        RecordingError::Io { path: self.path.into(), source }
    }

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

    /// The most samples of all channels that a file of this size holds, at so many a byte.
    fn most(&self, per_byte: usize) -> usize {
        let bytes = usize::try_from(self.bytes.saturating_sub(SMALL_BYTES)).unwrap_or(usize::MAX);
        bytes.saturating_mul(per_byte).saturating_add(MIN_MAX_SAMPLES)
    }

    /// All streams, one after the other.
    fn all(
        &self,
        Streams { streams, warnings, mut origin, .. }: Streams,
        sink: &mut impl Sink,
    ) -> Result<(u32, Vec<Warning>), RecordingError> {
        let mut sound = Sound {
            reading: self,
            sample_rate_hz: 0,
            channels: 0,
            length: 0,
            silence: 0,
            sink,
            edit: None,
            left_out: 0,
            warnings,
            unsaid: 0,
            damage: None,
        };
        let count = streams.len();
        for (index, stream) in streams.into_iter().enumerate() {
            let (begin, last) = (sound.length, stream.last);
            // Symphonia 0.6 panics on some damaged headers (in debug builds, where arithmetic is checked). What it owned is
            // dropped; the sound is as it was before its last packet.
            let decoded = catch_unwind(AssertUnwindSafe(|| self.decode(stream, &mut sound)))
                .unwrap_or_else(|_| Err(self.format("a file that decodes", "damage that stopped the decoder")));
            match decoded {
                Err(error) if index > 0 && matches!(error, RecordingError::Format { .. }) => {
                    sound.warnings.push(format!("of {count} files joined in it, number {} does not decode", index + 1));
                }
                decoded => decoded?,
            }
            if let Some(last) = last.and_then(|last| i64::try_from(last).ok()) {
                let origin = *origin.get_or_insert(last - sound.length as i64);
                let end = last.checked_sub(origin).and_then(|end| usize::try_from(end).ok());
                sound.move_to_place(begin, end)?;
            }
        }
        if sound.length == 0 {
            let found = sound.damage.map_or("no sample".to_string(), |_| "none that decodes".to_string());
            return Err(self.property("length", "at least one sample", found));
        }
        let Sound { sample_rate_hz, mut warnings, unsaid, .. } = sound;
        if unsaid > 0 {
            warnings.push(format!("it is damaged at {unsaid} more places"));
        }
        Ok((sample_rate_hz, warnings.into_iter().map(|what| Warning { path: self.path.into(), what }).collect()))
    }

    fn decode(&self, stream: Stream, sound: &mut Sound<'_, impl Sink>) -> Result<(), RecordingError> {
        let mut hint = Hint::new();
        let own = self.path.extension().and_then(|extension| extension.to_str());
        if let Some(extension) = stream.extension.or(own) {
            hint.with_extension(extension);
        }
        let is_part = stream.last.is_some();
        (sound.edit, sound.left_out) = (stream.edit, 0);
        let media = MediaSourceStream::new(stream.media, Default::default());
        let mut container = symphonia::default::get_probe()
            .probe(&hint, media, FormatOptions::default(), MetadataOptions::default())
            .map_err(|_| self.unreadable())?;
        let (mut track, mut decoder) = self.track(&*container)?;
        let is_flac = decoder.codec_params().codec == CODEC_ID_FLAC;
        let more = container.tracks().iter().filter(|track| is_audio(track)).count() - 1;
        if more > 0 {
            sound.warnings.push(format!("it has {} streams of sound; the first is read", more + 1));
        }
        let begin = sound.length;
        // A part begins anywhere; a whole stream where it says.
        let start = (!is_part).then(|| track.start_ts.get().max(0));
        let mut base = Base { samples: begin, ticks: start };
        let mut told = track.num_frames.filter(|_| !is_part);
        let mut planes: Vec<Vec<f32>> = Vec::new();
        loop {
            let packet = match container.next_packet() {
                Ok(Some(packet)) => packet,
                Ok(None) => break,
                // Another stream begins: of a radio, or of files that were joined.
                Err(SymphoniaError::ResetRequired) => {
                    (track, decoder) = self.track(&*container)?;
                    (base, told) = (Base { samples: sound.length, ticks: None }, None);
                    continue;
                }
                // A file cut short: what was decoded counts.
                Err(_) => {
                    sound.damage = Some(sound.length);
                    break;
                }
            };
            if packet.track_id != track.id {
                continue;
            }
            if sound.is_over(begin) {
                break;
            }
            let place = base.place(&track, packet.pts.get());
            // The decoder does not look at it, and would make noise of what is damaged.
            if is_flac && !source::is_whole_flac_frame(&packet.data) {
                sound.damage = Some(sound.length);
                continue;
            }
            match decoder.decode(&packet) {
                Ok(decoded) => {
                    let spec = decoded.spec();
                    sound.check(spec.rate(), spec.channels().count(), decoded.frames())?;
                    sound.keep_place(place)?;
                    decoded.copy_to_vecs_planar(&mut planes);
                    sound.cut(&mut planes, begin);
                    sound.append(&planes)?;
                }
                // Its silence is filled in when the next one tells its time.
                Err(SymphoniaError::DecodeError(_) | SymphoniaError::IoError(_)) => sound.damage = Some(sound.length),
                Err(error) => return Err(self.format("a stream that decodes", error)),
            }
        }
        sound.end(begin, told);
        Ok(())
    }

    fn track(&self, container: &dyn FormatReader) -> Result<(Track, Box<dyn AudioDecoder>), RecordingError> {
        let track = container
            .default_track(TrackType::Audio)
            .or_else(|| container.tracks().iter().find(|track| is_audio(track)));
        let track = track.ok_or_else(|| self.unreadable())?.clone();
        let parameters = track.codec_params.as_ref().and_then(|parameters| parameters.audio());
        let parameters = parameters.ok_or_else(|| self.unreadable())?;
        self.check_size(parameters)?;
        let decoder = symphonia::default::get_codecs()
            .make_audio_decoder(parameters, &AudioDecoderOptions::default())
            .map_err(|_| self.unreadable())?;
        Ok((track, decoder))
    }

    /// Looks at what a header asks a decoder to take memory for.
    fn check_size(&self, parameters: &AudioCodecParameters) -> Result<(), RecordingError> {
        if let Some(samples) = parameters.max_frames_per_packet.filter(|&samples| samples > MAX_PACKET_SAMPLES) {
            return Err(self.property("packets", format!("at most {MAX_PACKET_SAMPLES} samples"), samples));
        }
        let headers = parameters.extra_data.as_deref().filter(|_| parameters.codec == CODEC_ID_VORBIS);
        if let Some(numbers) = headers.map(source::numbers_of_codebooks).filter(|&most| most > MAX_CODEBOOK_NUMBERS) {
            return Err(self.property("codebooks", format!("at most {MAX_CODEBOOK_NUMBERS} numbers"), numbers));
        }
        Ok(())
    }

    fn unreadable(&self) -> RecordingError {
        self.format(FORMATS, source::what_it_is(self.path, self.beginning))
    }
}

fn is_audio(track: &Track) -> bool {
    track.codec_params.as_ref().is_some_and(|parameters| parameters.audio().is_some())
}

/// Where a stream's clock began.
struct Base {
    samples: usize,
    ticks: Option<i64>,
}

impl Base {
    /// Where a packet's time lies: after so many samples, by so many seconds.
    fn place(&mut self, track: &Track, ticks: i64) -> Option<(usize, f64)> {
        let base = track.time_base?;
        // Below 0 lies what a decoder needs to begin, which it leaves out.
        let ticks = ticks.max(0);
        let since = ticks.checked_sub(*self.ticks.get_or_insert(ticks))?;
        let seconds = since as f64 * f64::from(base.numer.get()) / f64::from(base.denom.get());
        (seconds >= 0.0).then_some((self.samples, seconds))
    }
}

/// What has been decoded so far.
struct Sound<'a, S> {
    reading: &'a Reading<'a>,
    sample_rate_hz: u32,
    /// None before the first packet.
    channels: usize,
    /// Samples of a channel.
    length: usize,
    /// Of them, those that stand for what does not decode.
    silence: usize,
    sink: &'a mut S,
    /// Which part of the stream is heard.
    edit: Option<Edit>,
    /// Samples of the stream that came before that part.
    left_out: usize,
    warnings: Vec<String>,
    /// Places that are damaged beyond those that are told.
    unsaid: usize,
    /// Where something did not decode, if nothing has since.
    damage: Option<usize>,
}

impl<S: Sink> Sound<'_, S> {
    /// Tells of a damaged place, or counts it where many have been told.
    fn warn(&mut self, what: String) {
        if self.warnings.len() < MAX_WARNINGS { self.warnings.push(what) } else { self.unsaid += 1 }
    }

    fn time(&self, samples: usize) -> String {
        clock(samples as f64 / f64::from(self.sample_rate_hz.max(1)))
    }

    /// Silence up to where the next packet belongs, if something before it is missing.
    fn keep_place(&mut self, place: Option<(usize, f64)>) -> Result<(), RecordingError> {
        let length = self.length;
        let rate_hz = f64::from(self.sample_rate_hz);
        let seconds = |samples: usize| samples as f64 / rate_hz;
        let place = place.map(|(start, after_s)| start.saturating_add((after_s * rate_hz).round() as usize));
        let place = place.map(|place| place.saturating_sub(self.left_out));
        let gap = place.and_then(|place| place.checked_sub(length)).filter(|&gap| {
            let is_damaged = self.damage.is_some() && gap > 0;
            (is_damaged || seconds(gap) >= LEAST_GAP_S) && self.may_be_silence(gap)
        });
        if let Some(gap) = gap {
            self.check(self.sample_rate_hz, self.channels, gap)?;
            let (from, long) = (self.time(length), seconds(gap));
            self.warn(format!("at {from} it is damaged: {long:.2} s do not decode and are silence"));
            self.insert_silence(length, gap)?;
        } else if self.damage.is_some() {
            self.warn(format!("at {} it is damaged: a part does not decode and is left out", self.time(length)));
        }
        self.damage = None;
        Ok(())
    }

    /// Silence before a part that began at `begin` and should end at `end`.
    fn move_to_place(&mut self, begin: usize, end: Option<usize>) -> Result<(), RecordingError> {
        let Some(gap) = end.and_then(|end| end.checked_sub(self.length)).filter(|&gap| gap > 0) else {
            return Ok(());
        };
        if !self.may_be_silence(gap) {
            return Ok(());
        }
        let seconds = gap as f64 / f64::from(self.sample_rate_hz);
        self.check(self.sample_rate_hz, self.channels, gap)?;
        let from = self.time(begin);
        self.warn(format!("at {from} it is damaged: {seconds:.2} s do not decode and are silence"));
        self.insert_silence(begin, gap)
    }

    /// Whether so many samples may be missing; what tells of more is a damaged clock.
    fn may_be_silence(&self, gap: usize) -> bool {
        let all = self.silence.saturating_add(gap).saturating_mul(self.channels);
        gap as f64 / f64::from(self.sample_rate_hz) <= MAX_GAP_S && all <= self.reading.most(MAX_SILENCE_PER_BYTE)
    }

    fn insert_silence(&mut self, at: usize, length: usize) -> Result<(), RecordingError> {
        self.sink.insert_silence(at, length).map_err(|error| self.reading.io(error))?;
        self.length += length;
        self.silence += length;
        Ok(())
    }

    /// Compares the length of a stream that began at `begin` with what its header told.
    fn end(&mut self, begin: usize, told: Option<u64>) {
        let length = self.length;
        // Of what the header tells, that which is heard.
        let most = self.edit.and_then(|edit| edit.length_s).map_or(u64::MAX, |seconds| self.samples(seconds) as u64);
        let told = told.map(|told| told.saturating_sub(self.left_out as u64).min(most));
        let missing = told.and_then(|told| (begin as u64).saturating_add(told).checked_sub(length as u64)).unwrap_or(0);
        let says = missing as f64 / f64::from(self.sample_rate_hz.max(1)) >= LEAST_GAP_S;
        // A container that was mended tells what is there.
        if says {
            let (there, told) = (self.time(length), self.time(length + missing as usize));
            self.warnings
                .push(format!("it ends at {there}, its header says {told}: the rest is missing or does not decode"));
        } else if self.damage.is_some() && length > begin {
            self.warnings.push(format!("at {} it is damaged: what follows does not decode", self.time(length)));
        }
    }

    /// Looks at a packet before memory is taken for it.
    fn check(&mut self, rate_hz: u32, channels: usize, frames: usize) -> Result<(), RecordingError> {
        let fail = |property, expected: String, actual: String| Err(self.reading.property(property, expected, actual));
        if self.channels == 0 {
            if !(1..=MAX_CHANNELS).contains(&channels) {
                return fail("channels", format!("1 to {MAX_CHANNELS}"), channels.to_string());
            }
            if !(MIN_RATE_HZ..=MAX_RATE_HZ).contains(&rate_hz) {
                return fail("sample rate", format!("{MIN_RATE_HZ} to {MAX_RATE_HZ} Hz"), format!("{rate_hz} Hz"));
            }
            (self.sample_rate_hz, self.channels) = (rate_hz, channels);
            self.sink.begin(channels).map_err(|error| self.reading.io(error))?;
        }
        if (rate_hz, channels) != (self.sample_rate_hz, self.channels) {
            let expected = format!("{} Hz, {} channels throughout", self.sample_rate_hz, self.channels);
            return fail("stream", expected, format!("{rate_hz} Hz, {channels} channels midway"));
        }
        let most = self.reading.most(MAX_SAMPLES_PER_BYTE);
        if (self.length + frames) * channels > most.min(S::MAX_SAMPLES) {
            let (most, of_what) = if most < S::MAX_SAMPLES {
                (most, format!(" of a file of {} bytes", self.reading.bytes))
            } else {
                (S::MAX_SAMPLES, String::new())
            };
            return fail("length", format!("at most {most} samples in all channels{of_what}"), "more".into());
        }
        Ok(())
    }

    fn append(&mut self, planes: &[Vec<f32>]) -> Result<(), RecordingError> {
        for plane in planes {
            if let Some(index) = plane.iter().position(|x| !x.is_finite()) {
                let found = format!("{} at sample {}", plane[index], self.length + index);
                return Err(self.reading.property("samples", "finite numbers", found));
            }
        }
        self.sink.append(planes).map_err(|error| self.reading.io(error))?;
        self.length += planes.first().map_or(0, Vec::len);
        Ok(())
    }

    fn samples(&self, seconds: f64) -> usize {
        (seconds * f64::from(self.sample_rate_hz)).round() as usize
    }

    /// Where the part that is heard of the stream ends that began at sample `begin`.
    fn edit_end(&self, begin: usize) -> Option<usize> {
        let seconds = self.edit?.length_s?;
        Some(begin.saturating_add(self.samples(seconds)))
    }

    /// Whether all of it has been heard.
    fn is_over(&self, begin: usize) -> bool {
        self.channels > 0 && self.edit_end(begin).is_some_and(|end| self.length >= end)
    }

    /// Leaves out what is not to be heard of the stream that began at sample `begin`.
    fn cut(&mut self, planes: &mut [Vec<f32>], begin: usize) {
        let Some(Edit { start_s, .. }) = self.edit else { return };
        let before = self.samples(start_s).saturating_sub(self.left_out).min(planes.first().map_or(0, Vec::len));
        let end = self.edit_end(begin).unwrap_or(usize::MAX);
        for plane in planes {
            plane.drain(..before);
            plane.truncate(end.saturating_sub(self.length));
        }
        self.left_out += before;
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
        assert_eq!(
            recording,
            Recording { path, sample_rate_hz: 22_050, channels: channels.clone(), warnings: Vec::new() }
        );
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
            ("text.wav", "M4A file, found text"),
            ("empty.wav", "M4A file, found an empty file"),
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
