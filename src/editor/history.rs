//! What was heard and said during the last seconds, as the time line draws it. All times are counted in samples that were written for a
//! reader since the activation, so that jumps of the song tear nothing.

use super::instance::Activation;
use crate::{
    dsp::{
        level::db_to_gain,
        log_spectrum::LogSpectrum,
        stft::{MagnitudeStft, hann},
        vocoder::amplitude_per_peak,
    },
    engine::scope::{Place, ScopeCursor, SeedReport, SoundSample},
};
use std::{collections::VecDeque, sync::Arc};

/// How far back the picture reaches.
pub(super) const HEARD_SECONDS: f32 = 10.0;
/// Columns a second.
pub(super) const COLUMNS_PER_SECOND: usize = 100;
/// How many there are.
pub(super) const COLUMNS: usize = HEARD_SECONDS as usize * COLUMNS_PER_SECOND;
/// Rows of the spectrogram, from low to high.
pub(super) const ROWS: usize = 96;
/// Its lowest and its highest frequency.
pub(super) const SPECTRUM_HZ: [f64; 2] = [55.0, 7040.0];
/// What is softer is black.
const FLOOR_DB: f32 = -84.0;
/// Points of a voice that are kept: more than a minute.
const VOICE_POINTS: usize = 1 << 14;
/// Seeds that are kept.
const SEEDS: usize = 16;
/// What is reported is of about now.
const NEAR_SECONDS: f32 = 5.0;
/// How fast a level falls.
const FALL_DB_PER_SECOND: f32 = 24.0;

/// Least and largest sample of what was heard in ten milliseconds.
pub(super) type Column = [f32; 2];

/// What a voice sounded like until a sample.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct VoicePoint {
    pub sample: i64,
    pub begins: i64,
    pub lane: u8,
    pub peak: f32,
}

/// A bin of what is remembered.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct MemoryBin {
    /// Where it lies between the lowest and the highest frequency of the spectrogram, 0 to 1; others lie outside.
    pub height: f32,
    /// 0 to 1.
    pub level: f32,
}

/// Where a frequency lies on the scale of the spectrogram.
fn height_of(hz: f64) -> f32 {
    let [low, high] = SPECTRUM_HZ;
    ((hz / low).ln() / (high / low).ln()) as f32
}

/// Everything that is drawn of the past.
pub(super) struct History {
    /// Of which activation.
    activation: Option<Activation>,
    cursor: ScopeCursor,
    /// What has been read for the present picture.
    samples: Vec<SoundSample>,
    place: Place,
    /// Samples seen.
    pub now: i64,
    /// The newest last.
    pub columns: VecDeque<Column>,
    open: Column,
    open_samples: usize,
    /// Columns that have been closed since the activation.
    pub closed: u64,
    /// Of each column, levels 0 to 255 from low to high.
    pub spectrum: VecDeque<[u8; ROWS]>,
    analysis: Option<Analysis>,
    /// Peaks of late, of the input and of the wet, as amplitudes.
    pub levels: [f32; 2],
    /// In the order of their beginnings.
    pub seeds: VecDeque<SeedReport>,
    pub voices: VecDeque<VoicePoint>,
    /// Envelopes of the bands.
    pub bands: Vec<f32>,
    /// What is remembered, from low to high.
    pub memory: Vec<MemoryBin>,
    /// Seconds since sound above the gate was last heard.
    pub silent_seconds: f32,
}

struct Analysis {
    stft: MagnitudeStft,
    spectrum: LogSpectrum,
    window: VecDeque<f32>,
    magnitudes: Vec<f32>,
    frame: Vec<f32>,
}

impl Analysis {
    fn new(sample_rate_hz: u32) -> Self {
        // A window of a twentieth of a second tells semitones apart from A2 on.
        let window = (sample_rate_hz as usize / 20).max(64);
        let fft = (2 * window).next_power_of_two();
        let shape = hann(window);
        let amplitude = amplitude_per_peak(&shape);
        let per_hz = fft as f64 / f64::from(sample_rate_hz);
        let [low, high] = SPECTRUM_HZ;
        let centres: Vec<f64> =
            (0..ROWS).map(|row| low * (high / low).powf(row as f64 / (ROWS - 1) as f64) * per_hz).collect();
        let stft = MagnitudeStft::with_window(shape, fft);
        Self {
            spectrum: LogSpectrum::new(&centres, FLOOR_DB, amplitude, stft.bins()),
            magnitudes: vec![0.0; stft.bins()],
            frame: vec![0.0; ROWS],
            window: std::iter::repeat_n(0.0, window).collect(),
            stft,
        }
    }

    fn push(&mut self, sample: f32) {
        self.window.pop_front();
        self.window.push_back(sample);
    }

    fn column(&mut self) -> [u8; ROWS] {
        self.stft.magnitudes(self.window.make_contiguous(), &mut self.magnitudes);
        self.spectrum.levels(&self.magnitudes, 0.0, &mut self.frame);
        std::array::from_fn(|row| (self.frame[row].clamp(0.0, 1.0) * 255.0) as u8)
    }
}

impl History {
    pub fn new() -> Self {
        Self {
            activation: None,
            cursor: ScopeCursor::default(),
            samples: Vec::new(),
            place: Place::default(),
            now: 0,
            columns: std::iter::repeat_n(Column::default(), COLUMNS).collect(),
            open: Column::default(),
            open_samples: 0,
            closed: 0,
            spectrum: std::iter::repeat_n([0; ROWS], COLUMNS).collect(),
            analysis: None,
            levels: [0.0; 2],
            seeds: VecDeque::new(),
            voices: VecDeque::new(),
            bands: Vec::new(),
            memory: Vec::new(),
            silent_seconds: f32::INFINITY,
        }
    }

    /// The rate of what is drawn.
    pub fn sample_rate_hz(&self) -> f32 {
        self.activation.as_ref().map_or(48_000.0, |activation| activation.sample_rate_hz as f32)
    }

    /// Quanta of prediction that lay in the ring.
    pub fn ready_quanta(&self) -> u32 {
        self.place.ready_quanta
    }

    /// Reads what is new. Another activation begins anew. `with_spectrum`: a picture shows it; `gate`: what is softer is silence;
    /// `bins_hz`: the frequencies of what is remembered.
    pub fn update(&mut self, activation: Option<Activation>, with_spectrum: bool, gate: f32, bins_hz: &[f64]) {
        let same = match (&self.activation, &activation) {
            (Some(old), Some(new)) => Arc::ptr_eq(&old.meters, &new.meters),
            (None, None) => true,
            _ => false,
        };
        if !same {
            *self = Self::new();
            if let Some(activation) = &activation {
                self.cursor = activation.meters.scope().end();
                self.now = self.cursor.samples() as i64;
            }
            self.activation = activation;
        }
        let Some(Activation { meters, sample_rate_hz, .. }) = self.activation.clone() else { return };
        let scope = meters.scope();
        scope.watch();
        if !with_spectrum {
            self.analysis = None;
        }
        let mut analysis = with_spectrum.then(|| self.analysis.take().unwrap_or_else(|| Analysis::new(sample_rate_hz)));
        scope.read_places(&mut self.cursor, |place| self.place = place);
        let before = self.now;
        let mut samples = std::mem::take(&mut self.samples);
        samples.clear();
        let first = scope.read_sound(&mut self.cursor, |sample| samples.push(sample)) as i64;
        let per_column = (sample_rate_hz as usize / COLUMNS_PER_SECOND).max(1);
        // What was overwritten before it could be read is a gap of its length.
        let missed = usize::try_from(first - before).unwrap_or(0).min(COLUMNS * per_column);
        let mut loudest = [0.0f32; 2];
        for sample in std::iter::repeat_n(SoundSample::default(), missed).chain(samples.iter().copied()) {
            loudest = [loudest[0].max(sample.input_peak), loudest[1].max(sample.wet_peak)];
            let [least, most] = self.open;
            self.open = [least.min(sample.heard), most.max(sample.heard)];
            self.open_samples += 1;
            if let Some(analysis) = &mut analysis {
                analysis.push(sample.heard);
            }
            if self.open_samples >= per_column {
                self.columns.pop_front();
                self.columns.push_back(std::mem::take(&mut self.open));
                self.spectrum.pop_front();
                self.spectrum.push_back(analysis.as_mut().map_or([0; ROWS], Analysis::column));
                self.open_samples = 0;
                self.closed += 1;
            }
        }
        self.now = first + samples.len() as i64;
        self.samples = samples;
        self.analysis = analysis;
        let seconds = (self.now - before) as f32 / sample_rate_hz as f32;
        let fall = db_to_gain(-FALL_DB_PER_SECOND * seconds);
        for (level, loudest) in self.levels.iter_mut().zip(loudest) {
            *level = loudest.max(*level * fall);
        }
        self.silent_seconds = if loudest[0] > gate { 0.0 } else { self.silent_seconds + seconds };
        let offset = self.place.sample - self.place.time;
        // After a jump of the song a report of the time before it would lie anywhere.
        let (now, near) = (self.now, (NEAR_SECONDS * sample_rate_hz as f32) as i64);
        let is_near = |sample: i64| (now - near..=now + near).contains(&sample);
        scope.read_seeds(&mut self.cursor, |seed| {
            let SeedReport { begins, start, end, lane } = seed;
            if !is_near(begins + offset) {
                return;
            }
            self.seeds.push_back(SeedReport {
                begins: begins + offset,
                start: start + offset,
                end: end + offset,
                lane,
            });
        });
        scope.read_voices(&mut self.cursor, |voice| {
            let (sample, begins) = (voice.time + offset, voice.begins + offset);
            if is_near(sample) {
                self.voices.push_back(VoicePoint { sample, begins, lane: voice.lane, peak: voice.peak });
            }
        });
        self.seeds.drain(..self.seeds.len().saturating_sub(SEEDS));
        self.voices.drain(..self.voices.len().saturating_sub(VOICE_POINTS));
        self.bands.clear();
        self.bands.extend(scope.bands());
        self.memory.clear();
        if meters.is_sounding() {
            let bins = scope.memory().zip(bins_hz);
            self.memory.extend(bins.map(|(level, &hz)| MemoryBin { height: height_of(hz), level }));
        }
    }

    /// Nothing is written for this picture any more.
    pub fn stop_watching(&self) {
        if let Some(activation) = &self.activation {
            activation.meters.scope().leave();
        }
    }
}

impl Drop for History {
    fn drop(&mut self) {
        self.stop_watching();
    }
}
