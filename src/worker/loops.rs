//! Predictions that loop silently, one for each region of the filter bank (Pfalz 2018, *Like two strings speaking in
//! sympathy*). A region's prediction plays and is recorded once, is cut where its end resembles its beginning, and from
//! there on loops without the network.

use super::{ensemble, history::History, voice::Voice};
use crate::{
    approach::{Colour, Manner, Network},
    dsp::{
        level::equal_power,
        seam::{cross_fade, find_seam},
    },
    engine::{
        GRID_SAMPLES, MAX_CHANNELS,
        quantum::{QuantumAudio, REGIONS, RegionAudio},
    },
};
use std::sync::Arc;

const GRID: i64 = GRID_SAMPLES as i64;
/// Longest cross-fade at the seam of a loop.
const SEAM_SECONDS: f64 = 0.03;
/// Part of the beginning that is searched for the seam.
const SEARCH_SECONDS: f64 = 0.1;
/// Cross-fade from one loop to the next.
const CROSS_FADE_SECONDS: f64 = 0.25;
const MAX_SECONDS: f64 = 8.0;

/// A recording that becomes a loop.
#[derive(Debug)]
struct Tape {
    network: Arc<Network>,
    /// Predicts until the loop is closed.
    voice: Option<Voice>,
    start_time: i64,
    /// `[length + seam]` in the end.
    sound: Vec<f32>,
    length: usize,
    seam: usize,
    search: usize,
    /// Where it goes on after the end, and how like the end that is.
    back: usize,
    correlation: f32,
    at: usize,
}

impl Tape {
    /// The next sample; `spoken` is the voice's.
    fn next(&mut self, spoken: f32, scratch: &mut Vec<f32>) -> f32 {
        let at = self.at;
        self.at += 1;
        if self.voice.is_some() && !self.is_closed() {
            self.sound.push(spoken);
        }
        if at < self.length {
            if at + 1 == self.length && self.voice.is_some() {
                self.find_way_back(scratch);
            }
            return self.sound[at];
        }
        let past = at - self.length;
        let (old, new) = cross_fade(self.correlation, past as f32 / self.seam as f32);
        let sample = old * self.sound[at] + new * self.sound[self.back + past];
        if past + 1 == self.seam {
            self.at = self.back + self.seam;
        }
        sample
    }

    /// Searches the beginning for the position whose preceding sound best matches the end.
    fn find_way_back(&mut self, scratch: &mut Vec<f32>) {
        scratch.clear();
        scratch.extend_from_slice(&self.sound[self.length - self.seam..self.length]);
        scratch.extend_from_slice(&self.sound[..self.seam + self.search]);
        let found = find_seam(scratch, self.seam, self.seam, self.seam + self.search);
        (self.back, self.correlation) = (found.end, found.correlation);
    }

    fn is_closed(&self) -> bool {
        self.sound.len() >= self.length + self.seam
    }
}

#[derive(Debug, Default)]
struct Region {
    playing: Option<Tape>,
    fading: Option<Tape>,
    /// Memory for the next recording.
    spare: Vec<Vec<f32>>,
}

/// The loops of all regions.
#[derive(Debug)]
pub(super) struct Loops {
    host_hz: u32,
    regions: [Region; REGIONS],
    spoken: [QuantumAudio; 2 * REGIONS],
    scratch: Vec<f32>,
}

impl Loops {
    /// Silence. Memory is taken when the first loop begins.
    pub fn new(host_hz: u32) -> Self {
        Self {
            host_hz,
            regions: Default::default(),
            spoken: [[[0.0; GRID_SAMPLES]; MAX_CHANNELS]; 2 * REGIONS],
            scratch: Vec::new(),
        }
    }

    /// True if no region has a loop.
    pub fn are_empty(&self) -> bool {
        self.tapes().next().is_none()
    }

    /// True if every region loops a prediction of this model, or is about to.
    pub fn are_all_of(&self, network: &Arc<Network>) -> bool {
        let is_of = |tape: &Tape| Arc::ptr_eq(&tape.network, network);
        self.regions.iter().all(|region| region.playing.as_ref().is_some_and(is_of))
    }

    /// True while a network predicts.
    pub fn are_recording(&self) -> bool {
        self.tapes().any(|tape| tape.voice.is_some())
    }

    /// True if a region can take a new prediction: the last change has ended.
    pub fn is_free(&self, region: usize, time: i64) -> bool {
        let region = &self.regions[region];
        region.fading.is_none() && region.playing.as_ref().is_none_or(|tape| tape.start_time <= time)
    }

    /// A voice that has been started becomes the loop of a region.
    pub fn record(&mut self, region: usize, voice: Voice, seconds: f32) {
        let samples = |seconds: f64| (seconds * f64::from(self.host_hz)).round() as usize;
        let length = samples(f64::from(seconds).min(MAX_SECONDS)).max(4 * GRID_SAMPLES);
        let seam = samples(SEAM_SECONDS).min(length / 4);
        let search = samples(SEARCH_SECONDS).min(length / 4);
        self.scratch.reserve(2 * seam + search);
        let region = &mut self.regions[region];
        let mut sound = region.spare.pop().unwrap_or_default();
        sound.clear();
        sound.reserve(length + seam);
        let tape = Tape {
            network: Arc::clone(voice.network()),
            start_time: voice.start_time(),
            voice: Some(voice),
            sound,
            length,
            seam,
            search,
            back: 0,
            correlation: 0.0,
            at: 0,
        };
        region.fading = region.playing.replace(tape);
    }

    /// Sets the colour of future recordings.
    pub fn set_colour(&mut self, colour: Colour) {
        self.recording_mut().for_each(|voice| voice.set_colour(colour));
    }

    /// As [`Voice::accompany`], for the voices that are recorded.
    pub fn accompany(&mut self, history: &mut History, gate: Option<f32>) {
        self.recording_mut().for_each(|voice| voice.accompany(history, gate));
    }

    fn recording_mut(&mut self) -> impl Iterator<Item = &mut Voice> {
        let tapes = self.regions.iter_mut().flat_map(|region| region.playing.iter_mut().chain(&mut region.fading));
        tapes.filter_map(|tape| tape.voice.as_mut())
    }

    /// Writes the quantum from engine time `time` on to `out`. Voices that are done go to `done`. Returns how many have
    /// failed.
    pub fn sound(
        &mut self,
        time: i64,
        manner: Manner<'_>,
        out: &mut RegionAudio,
        mut done: impl FnMut(Voice),
    ) -> usize {
        let mut voices: [Option<&mut Voice>; 2 * REGIONS] = [const { None }; 2 * REGIONS];
        let tapes = self.regions.iter_mut().flat_map(|region| [&mut region.playing, &mut region.fading]);
        for (slot, tape) in voices.iter_mut().zip(tapes) {
            *slot = tape.as_mut().and_then(|tape| tape.voice.as_mut());
        }
        self.spoken = [[[0.0; GRID_SAMPLES]; MAX_CHANNELS]; 2 * REGIONS];
        let failed = ensemble::sound_apart(&mut voices, time, manner, &mut self.spoken);
        let fade = (CROSS_FADE_SECONDS * f64::from(self.host_hz)) as f32;
        for (index, (region, out)) in self.regions.iter_mut().zip(out).enumerate() {
            out.fill(0.0);
            for (i, slot) in out.iter_mut().enumerate() {
                let now = time + i as i64;
                let Some(tape) = region.playing.as_mut().filter(|tape| now >= tape.start_time) else {
                    if let Some(tape) = &mut region.fading {
                        *slot = tape.next(self.spoken[2 * index + 1][0][i], &mut self.scratch);
                    }
                    continue;
                };
                let (old, new) = equal_power((now - tape.start_time) as f32 / fade);
                *slot = new * tape.next(self.spoken[2 * index][0][i], &mut self.scratch);
                if let Some(tape) = region.fading.as_mut().filter(|_| old > 0.0) {
                    *slot += old * tape.next(self.spoken[2 * index + 1][0][i], &mut self.scratch);
                }
            }
            region.tidy(time + GRID, fade as i64, &mut done);
        }
        failed
    }

    /// Silence, at once.
    pub fn clear(&mut self, mut done: impl FnMut(Voice)) {
        for region in &mut self.regions {
            for tape in region.playing.take().into_iter().chain(region.fading.take()) {
                region.spare.push(tape.sound);
                tape.voice.into_iter().for_each(&mut done);
            }
        }
    }

    fn tapes(&self) -> impl Iterator<Item = &Tape> {
        self.regions.iter().flat_map(|region| region.playing.iter().chain(&region.fading))
    }
}

impl Region {
    /// Releases voices whose recording is complete, and loops that have faded.
    fn tidy(&mut self, time: i64, fade: i64, done: &mut impl FnMut(Voice)) {
        for tape in [&mut self.playing, &mut self.fading].into_iter().flatten().filter(|tape| tape.is_closed()) {
            tape.voice.take().into_iter().for_each(&mut *done);
        }
        if self.playing.as_ref().is_some_and(|tape| time >= tape.start_time + fade)
            && let Some(tape) = self.fading.take()
        {
            self.spare.push(tape.sound);
            tape.voice.into_iter().for_each(done);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{dsp::random::Random, model::ModelData, nn::Isa};
    use std::path::Path;

    fn tape(length: usize, seam: usize, search: usize) -> Tape {
        let data = ModelData::from_bytes(crate::model::EMBEDDED[1].bytes, Path::new("embedded")).expect("sound");
        let network = Arc::new(Network::new(&data, Isa::best()));
        let resampler = crate::dsp::resample::Resampler::new(11_025, 11_025);
        let voice = Voice::new(Arc::clone(&network), 11_025, resampler.clone(), resampler);
        Tape {
            network,
            voice: Some(voice),
            start_time: 0,
            sound: Vec::new(),
            length,
            seam,
            search,
            back: 0,
            correlation: 0.0,
            at: 0,
        }
    }

    /// The sound of a source; an open loop asks its voice for more.
    fn play(tape: &mut Tape, samples: usize, mut source: impl FnMut(usize) -> f32) -> Vec<f32> {
        let mut scratch = Vec::new();
        (0..samples)
            .map(|i| {
                let sample = tape.next(source(i), &mut scratch);
                if tape.is_closed() {
                    tape.voice = None;
                }
                sample
            })
            .collect()
    }

    #[test]
    fn a_tone_goes_round_without_a_seam() {
        // No whole number of periods fits.
        let tone = |i: usize| 0.5 * libm::sinf(0.0731 * i as f32);
        let mut tape = tape(6000, 300, 1000);
        let heard = play(&mut tape, 40_000, tone);
        assert_eq!(tape.sound.len(), 6300, "no more than that is recorded");
        assert_eq!(&heard[..6000], &(0..6000).map(tone).collect::<Vec<_>>()[..], "the first time it is the prediction");
        let steepest = heard.windows(2).map(|pair| (pair[1] - pair[0]).abs()).fold(0.0f32, f32::max);
        assert!(steepest < 1.05 * 0.5 * 0.0731, "a step of {steepest}");
        for span in heard[6000..].chunks_exact(516) {
            let level = crate::dsp::level::rms(span);
            assert!((level / 0.353_55 - 1.0).abs() < 0.05, "the level of a seam is {level}");
        }
    }

    #[test]
    fn noise_goes_round_at_one_level_and_really_repeats() {
        let mut random = Random::new(3);
        let mut tape = tape(6000, 300, 1000);
        let heard = play(&mut tape, 60_000, |_| random.normal());
        let period = 6000 - tape.back;
        assert_eq!(heard[20_000..30_000 - period], heard[20_000 + period..30_000]);
        for span in heard.chunks_exact(600) {
            let level = crate::dsp::level::rms(span);
            assert!((0.8..1.25).contains(&level), "{level}");
        }
    }
}
