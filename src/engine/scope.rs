//! What a picture of an instance needs: sound, voices, bands and memory, while somebody looks. Lock-free, and without a byte or an
//! operation as long as nobody does.
//!
//! Each stream has one writer, on the audio thread or the worker's, which overwrites the oldest; a reader that is too slow loses what was
//! overwritten and never holds a writer up.

use super::{
    stream::{Stream, join, split},
    types::GRID_SAMPLES,
};
use crate::dsp::filter_bank::MAX_BANDS;
use std::sync::{
    OnceLock,
    atomic::{
        AtomicU32,
        Ordering::{Acquire, Relaxed, Release},
    },
};

/// Samples of sound that are kept for a reader: 1.4 s at 48 kHz.
const SOUND_SAMPLES: usize = 1 << 16;
/// Quanta whose place is kept, as long as that.
const PLACES: usize = SOUND_SAMPLES / GRID_SAMPLES;
/// Reports of voices: every [`VOICE_QUANTA`] quanta each of eight has one.
const VOICE_REPORTS: usize = 1 << 11;
/// A voice is reported after so many quanta.
const VOICE_QUANTA: i64 = 4;
/// Seeds that are kept.
const SEEDS: usize = 64;
/// Who has not looked for so many quanta, two seconds at 48 kHz, has gone.
const PATIENCE_QUANTA: u32 = 1500;
/// Most bins of a memory.
pub const MAX_MEMORY_BINS: usize = 512;

/// What is heard and said at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct SoundSample {
    /// What models listen to, before *Input Gain*: the mean of the channels.
    pub heard: f32,
    /// The larger amplitude of its channels.
    pub input_peak: f32,
    /// The largest amplitude of the channels of the wet.
    pub wet_peak: f32,
}

/// A quantum of the audio thread.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// Engine time of its first sample.
    pub time: i64,
    /// Which one of the samples that were written for the reader that is.
    pub sample: i64,
    /// Quanta of prediction that lay in the ring.
    pub ready_quanta: u32,
}

/// What a voice sounded like during the last few quanta.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct VoiceReport {
    /// Engine time of the report's end.
    pub time: i64,
    /// Engine time at which the voice begins.
    pub begins: i64,
    /// Its place among the voices, from 0.
    pub lane: u8,
    /// Largest sample since the report before.
    pub peak: f32,
}

/// A continuation and its seed, on engine time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SeedReport {
    /// Where the continuation begins.
    pub begins: i64,
    /// First sample of its seed.
    pub start: i64,
    /// One past the last.
    pub end: i64,
    /// Its place among the voices, from 0.
    pub lane: u8,
}

#[derive(Debug)]
struct Streams {
    sound: Stream<3>,
    places: Stream<5>,
    voices: Stream<6>,
    seeds: Stream<7>,
}

/// See the module.
#[derive(Debug)]
pub struct Scope {
    /// Quanta until nobody looks any more.
    patience: AtomicU32,
    /// Made when somebody looks for the first time.
    streams: OnceLock<Streams>,
    /// Envelopes of the bands, and how many there are.
    bands: [AtomicU32; MAX_BANDS],
    band_count: AtomicU32,
    /// What a listening model remembers, bin by bin, 0 to 1, and how many bins there are.
    memory: Box<[AtomicU32]>,
    memory_bins: AtomicU32,
}

impl Default for Scope {
    fn default() -> Self {
        Self {
            patience: AtomicU32::new(0),
            streams: OnceLock::new(),
            bands: [const { AtomicU32::new(0) }; MAX_BANDS],
            band_count: AtomicU32::new(0),
            memory: (0..MAX_MEMORY_BINS).map(|_| AtomicU32::new(0)).collect(),
            memory_bins: AtomicU32::new(0),
        }
    }
}

/// How far a reader has come.
#[derive(Clone, Copy, Debug, Default)]
pub struct ScopeCursor {
    sound: u64,
    places: u64,
    voices: u64,
    seeds: u64,
}

impl ScopeCursor {
    /// How many moments lie before it.
    pub fn samples(&self) -> u64 {
        self.sound
    }
}

impl Scope {
    /// Somebody looks, now and for the next two seconds. Allocates a megabyte the first time: not for the audio thread.
    pub fn watch(&self) {
        self.streams.get_or_init(|| Streams {
            sound: Stream::new(SOUND_SAMPLES),
            places: Stream::new(PLACES),
            voices: Stream::new(VOICE_REPORTS),
            seeds: Stream::new(SEEDS),
        });
        self.patience.store(PATIENCE_QUANTA, Release);
    }

    /// Nobody looks any more.
    pub fn leave(&self) {
        self.patience.store(0, Release);
    }

    /// Whether somebody looks.
    ///
    /// # Realtime safety
    /// One atomic load.
    pub fn is_watched(&self) -> bool {
        self.patience.load(Relaxed) > 0
    }

    fn watched(&self) -> Option<&Streams> {
        (self.patience.load(Acquire) > 0).then(|| self.streams.get()).flatten()
    }

    /// The next moment.
    ///
    /// # Realtime safety
    /// Wait-free; one atomic load where nobody looks.
    pub(super) fn put_sound(&self, sample: SoundSample) {
        if let Some(streams) = self.watched() {
            streams.sound.push([sample.heard, sample.input_peak, sample.wet_peak].map(f32::to_bits));
        }
    }

    /// A quantum begins at this engine time.
    ///
    /// # Realtime safety
    /// As [`Self::put_sound`].
    pub(super) fn put_place(&self, time: i64, ready_quanta: usize) {
        if let Some(streams) = self.watched() {
            // What a reader stores meanwhile may be lost: it looks again with its next picture.
            self.patience.store(self.patience.load(Relaxed).saturating_sub(1), Relaxed);
            let sample = streams.sound.written() as i64;
            let ([a, b], [c, d]) = (split(time), split(sample));
            streams.places.push([a, b, c, d, ready_quanta as u32]);
        }
    }

    /// Envelopes of the bands.
    ///
    /// # Realtime safety
    /// As [`Self::put_sound`].
    pub(super) fn put_bands(&self, envelopes: &[f32]) {
        if self.is_watched() {
            self.bands.iter().zip(envelopes).for_each(|(slot, envelope)| slot.store(envelope.to_bits(), Relaxed));
            self.band_count.store(envelopes.len().min(MAX_BANDS) as u32, Relaxed);
        }
    }

    /// A report is due of voices in the quantum at this engine time.
    pub(crate) fn reports_voices_at(&self, time: i64) -> bool {
        self.is_watched() && time.div_euclid(GRID_SAMPLES as i64) % VOICE_QUANTA == 0
    }

    /// For the worker, the only one that writes it.
    pub(crate) fn put_voice(&self, report: VoiceReport) {
        if let Some(streams) = self.watched() {
            let ([a, b], [c, d]) = (split(report.time), split(report.begins));
            streams.voices.push([a, b, c, d, report.lane.into(), report.peak.to_bits()]);
        }
    }

    /// For the worker, the only one that writes it.
    pub(crate) fn put_seed(&self, report: SeedReport) {
        if let Some(streams) = self.watched() {
            let [begins, start, end] = [report.begins, report.start, report.end].map(split);
            let lane = report.lane.into();
            streams.seeds.push([begins[0], begins[1], start[0], start[1], end[0], end[1], lane]);
        }
    }

    /// For the worker, the only one that writes it. An empty one: the model remembers nothing.
    pub(crate) fn put_memory(&self, levels: &[f32]) {
        self.memory.iter().zip(levels).for_each(|(slot, level)| slot.store(level.to_bits(), Relaxed));
        self.memory_bins.store(levels.len().min(MAX_MEMORY_BINS) as u32, Relaxed);
    }

    /// The end of all that has been written so far: who begins to look there sees nothing old.
    pub fn end(&self) -> ScopeCursor {
        self.streams.get().map_or_else(ScopeCursor::default, |streams| ScopeCursor {
            sound: streams.sound.written(),
            places: streams.places.written(),
            voices: streams.voices.written(),
            seeds: streams.seeds.written(),
        })
    }

    /// Gives `each` the moments since the last call; returns the number of the first, counted as in [`Place`].
    pub fn read_sound(&self, cursor: &mut ScopeCursor, mut each: impl FnMut(SoundSample)) -> u64 {
        let Some(streams) = self.streams.get() else { return cursor.sound };
        let mut count = 0;
        let (end, _) = streams.sound.read(cursor.sound, |words| {
            count += 1;
            let [heard, input_peak, wet_peak] = words.map(f32::from_bits);
            each(SoundSample { heard, input_peak, wet_peak });
        });
        cursor.sound = end;
        end - count
    }

    /// Gives `each` the quanta since the last call.
    pub fn read_places(&self, cursor: &mut ScopeCursor, mut each: impl FnMut(Place)) {
        if let Some(streams) = self.streams.get() {
            cursor.places = streams
                .places
                .read(cursor.places, |[a, b, c, d, ready_quanta]| {
                    each(Place { time: join(a, b), sample: join(c, d), ready_quanta });
                })
                .0;
        }
    }

    /// Gives `each` the reports of voices since the last call.
    pub fn read_voices(&self, cursor: &mut ScopeCursor, mut each: impl FnMut(VoiceReport)) {
        if let Some(streams) = self.streams.get() {
            cursor.voices = streams
                .voices
                .read(cursor.voices, |[a, b, c, d, lane, peak]| {
                    let peak = f32::from_bits(peak);
                    each(VoiceReport { time: join(a, b), begins: join(c, d), lane: lane as u8, peak });
                })
                .0;
        }
    }

    /// Gives `each` the seeds since the last call.
    pub fn read_seeds(&self, cursor: &mut ScopeCursor, mut each: impl FnMut(SeedReport)) {
        if let Some(streams) = self.streams.get() {
            cursor.seeds = streams
                .seeds
                .read(cursor.seeds, |[a, b, c, d, e, f, lane]| {
                    each(SeedReport { begins: join(a, b), start: join(c, d), end: join(e, f), lane: lane as u8 });
                })
                .0;
        }
    }

    /// The envelopes of the bands now, from low to high.
    pub fn bands(&self) -> impl Iterator<Item = f32> {
        let count = self.band_count.load(Relaxed) as usize;
        self.bands.iter().take(count).map(|slot| f32::from_bits(slot.load(Relaxed)))
    }

    /// What a listening model remembers now, bin by bin from low to high, 0 to 1.
    pub fn memory(&self) -> impl Iterator<Item = f32> {
        let count = self.memory_bins.load(Relaxed) as usize;
        self.memory.iter().take(count).map(|slot| f32::from_bits(slot.load(Relaxed)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_written_while_nobody_looks() {
        let scope = Scope::default();
        let mut cursor = ScopeCursor::default();
        let sample = SoundSample { heard: 0.5, input_peak: 0.75, wet_peak: 0.25 };
        scope.put_sound(sample);
        scope.put_bands(&[1.0; 4]);
        assert!(scope.streams.get().is_none() && scope.bands().count() == 0);
        scope.watch();
        scope.put_place(-64, 7);
        scope.put_sound(sample);
        scope.put_voice(VoiceReport { time: -1, begins: i64::MIN, lane: 3, peak: 0.5 });
        scope.put_seed(SeedReport { begins: 1 << 40, start: -5, end: 6, lane: 1 });
        scope.put_bands(&[0.25; 5]);
        let mut seen = Vec::new();
        assert_eq!(scope.read_sound(&mut cursor, |sample| seen.push(sample)), 0);
        assert_eq!(seen, [sample]);
        scope.read_places(&mut cursor, |place| assert_eq!(place, Place { time: -64, sample: 0, ready_quanta: 7 }));
        scope.read_voices(&mut cursor, |voice| {
            assert_eq!(voice, VoiceReport { time: -1, begins: i64::MIN, lane: 3, peak: 0.5 });
        });
        scope.read_seeds(&mut cursor, |seed| {
            assert_eq!(seed, SeedReport { begins: 1 << 40, start: -5, end: 6, lane: 1 });
        });
        assert_eq!(scope.bands().collect::<Vec<_>>(), [0.25; 5]);
        scope.leave();
        scope.put_sound(sample);
        assert_eq!(scope.read_sound(&mut cursor, |_| panic!("nobody looks")), 1);
        assert_eq!(scope.end().sound, 1);
        // Who does not say that it goes is gone all the same.
        scope.watch();
        (0..i64::from(PATIENCE_QUANTA)).for_each(|quantum| scope.put_place(quantum, 0));
        assert!(!scope.is_watched());
    }
}
