//! The voices that sound: up to four continuations at once, spread over the stereo field, and those that fade.

use super::{
    continuation::{Continuation, MAX_PARTS, Part},
    ensemble,
    history::History,
    models::pair::Models,
    voice::Voice,
};
use crate::{
    approach::{Colour, Manner, Network},
    control::{ParamId, ParamValues},
    dsp::{level::equal_power, resample::Resampler},
    engine::{
        GRID_SAMPLES,
        quantum::{Note, QuantumAudio},
        scope::VoiceReport,
    },
};
use std::{collections::HashMap, sync::Arc};

const GRID: i64 = GRID_SAMPLES as i64;
/// Continuations that sound and that fade.
const MAX_SOUNDING: usize = 2 * ensemble::MAX_VOICES;
/// Voices of a model that are made when it is chosen: warming, playing and fading.
const MADE_AHEAD: usize = 3;
/// Places in the stereo field by number of voices, −1 left to 1 right; a voice takes the first that is free.
const PLACES: [&[f32]; ensemble::MAX_VOICES] =
    [&[0.0], &[-1.0, 1.0], &[-1.0, 1.0, 0.0], &[-1.0, 1.0, -1.0 / 3.0, 1.0 / 3.0]];

#[derive(Debug)]
struct Sounding {
    continuation: Continuation,
    /// Index of its place.
    lane: usize,
}

/// The pool. Voices that are over are used again.
#[derive(Debug)]
pub(super) struct Voices {
    host_hz: u32,
    /// Oldest first.
    sounding: Vec<Sounding>,
    spare: Vec<Voice>,
    /// Buffers for the parts of continuations.
    spare_parts: Vec<Vec<Part>>,
    /// From and to the host's rate, by model rate.
    resamplers: HashMap<u32, (Resampler, Resampler)>,
}

impl Voices {
    /// An empty pool at a host's rate.
    pub fn new(host_hz: u32) -> Self {
        Self {
            host_hz,
            sounding: Vec::with_capacity(MAX_SOUNDING),
            spare: Vec::new(),
            spare_parts: (0..MAX_SOUNDING).map(|_| Vec::with_capacity(MAX_PARTS)).collect(),
            resamplers: HashMap::new(),
        }
    }

    /// True if nothing sounds or is about to.
    pub fn is_empty(&self) -> bool {
        self.sounding.is_empty()
    }

    /// Continuations that have not been told to end, oldest first.
    pub fn unreleased(&self) -> impl Iterator<Item = &Continuation> {
        self.sounding.iter().map(|sounding| &sounding.continuation).filter(|continuation| !continuation.is_released())
    }

    /// Mutable [`Self::unreleased`].
    pub fn unreleased_mut(&mut self) -> impl Iterator<Item = &mut Continuation> {
        self.sounding
            .iter_mut()
            .map(|sounding| &mut sounding.continuation)
            .filter(|continuation| !continuation.is_released())
    }

    /// Continuations that fade.
    pub fn fading(&self) -> usize {
        self.sounding.len() - self.unreleased().count()
    }

    /// Makes voices of the selected models ahead of their seeds, which then wait for no allocation; frees those of other models.
    pub fn make_ahead(&mut self, models: &Models) {
        let is_of = |voice: &Voice, network: &Arc<Network>| Arc::ptr_eq(voice.network(), network);
        let chosen: Vec<&Arc<Network>> = [Some(&models.first), models.second.as_ref()].into_iter().flatten().collect();
        self.spare.retain(|voice| chosen.iter().any(|network| is_of(voice, network)));
        for network in chosen {
            for _ in self.spare.iter().filter(|voice| is_of(voice, network)).count()..MADE_AHEAD {
                let voice = self.make(network);
                self.spare.push(voice);
            }
        }
    }

    /// A voice to be warmed up.
    pub fn take_spare(&mut self, network: &Arc<Network>) -> Voice {
        match self.spare.iter().position(|voice| Arc::ptr_eq(voice.network(), network)) {
            Some(index) => self.spare.swap_remove(index),
            None => self.make(network),
        }
    }

    /// Returns a voice to the pool.
    pub fn give_back(&mut self, voice: Voice) {
        self.spare.push(voice);
    }

    /// Returns all voices of a continuation to the pool.
    pub fn take_apart(&mut self, continuation: Continuation) {
        let parts = continuation.take_apart(|voice| self.spare.push(voice));
        self.spare_parts.push(parts);
    }

    /// A buffer for the parts of a continuation.
    pub fn parts_buffer(&mut self) -> Vec<Part> {
        self.spare_parts.pop().unwrap_or_else(|| Vec::with_capacity(MAX_PARTS))
    }

    /// Takes back an empty [`Self::parts_buffer`].
    pub fn give_back_buffer(&mut self, parts: Vec<Part>) {
        self.spare_parts.push(parts);
    }

    /// From a model's rate to the host's.
    pub fn resampler_to_host(&mut self, model_hz: u32) -> Resampler {
        self.resamplers_of(model_hz).1.clone()
    }

    /// Gains (left, right) of the first free place among `most` voices, and its index. In the middle both are 1.
    pub fn free_place(&self, most: usize, spread: f32) -> (usize, [f32; 2]) {
        let places = PLACES[most.clamp(1, PLACES.len()) - 1];
        let is_free = |lane: &usize| {
            !self.sounding.iter().any(|sounding| sounding.lane == *lane && !sounding.continuation.is_released())
        };
        let lane = (0..places.len()).find(is_free).unwrap_or(0);
        let position = spread * places[lane];
        if position == 0.0 {
            return (lane, [1.0, 1.0]);
        }
        let (left, right) = equal_power(0.5 * (position + 1.0));
        (lane, [left, right].map(|gain| std::f32::consts::SQRT_2 * gain))
    }

    /// A continuation that has been placed and started sounds from now on.
    pub fn add(&mut self, continuation: Continuation, lane: usize) {
        self.sounding.push(Sounding { continuation, lane });
    }

    /// Ends the oldest continuations from `start` on, until at most `most` are left.
    pub fn release_oldest(&mut self, most: usize, start: i64, fade: i64) {
        let surplus = self.unreleased().count().saturating_sub(most);
        self.unreleased_mut().take(surplus).for_each(|continuation| continuation.release(start, fade));
    }

    /// As [`Voice::accompany`], for all voices.
    pub fn accompany(&mut self, history: &mut History, gate: Option<f32>) {
        self.sounding.iter_mut().for_each(|sounding| sounding.continuation.accompany(history, gate));
    }

    /// Sets the colour of future predictions; `morph` (0…1) at the beginning and at the end of the next quantum.
    pub fn set_colour(&mut self, colour: Colour, morph: [f32; 2]) {
        self.sounding.iter_mut().for_each(|sounding| sounding.continuation.set_colour(colour, morph));
    }

    /// Adds all voices of the quantum from engine time `time` on to `out`. Returns how many voices have failed in it.
    pub fn sound(&mut self, time: i64, manner: Manner<'_>, out: &mut QuantumAudio) -> usize {
        let mut voices = self.sounding.iter_mut().flat_map(|sounding| sounding.continuation.voices_mut());
        let mut together: [Option<&mut Voice>; MAX_SOUNDING * MAX_PARTS] = std::array::from_fn(|_| voices.next());
        let failed = ensemble::sound(&mut together, time, manner, out);
        drop(voices);
        while let Some(index) = self.sounding.iter().position(|sounding| sounding.continuation.is_over(time + GRID)) {
            let over = self.sounding.remove(index);
            self.take_apart(over.continuation);
        }
        failed
    }

    /// Gives `report` what each continuation sounded like up to engine time `time`.
    pub fn report(&mut self, time: i64, mut report: impl FnMut(VoiceReport)) {
        for Sounding { continuation, lane } in &mut self.sounding {
            let peak = continuation.voices_mut().map(Voice::take_peak).fold(0.0, f32::max);
            report(VoiceReport { time, begins: continuation.start_time(), lane: *lane as u8, peak });
        }
    }

    /// What the model of the newest continuation remembers of what was heard.
    pub fn memory(&self) -> &[f32] {
        self.sounding.last().map_or(&[], |sounding| sounding.continuation.memory())
    }

    /// Silence, at once.
    pub fn drop_all(&mut self) {
        while let Some(sounding) = self.sounding.pop() {
            self.take_apart(sounding.continuation);
        }
    }

    fn make(&mut self, network: &Arc<Network>) -> Voice {
        let (to_model, to_host) = self.resamplers_of(network.config().sample_rate_hz).clone();
        Voice::new(Arc::clone(network), self.host_hz, to_model, to_host)
    }

    fn resamplers_of(&mut self, model_hz: u32) -> &(Resampler, Resampler) {
        let host_hz = self.host_hz;
        let make = || (Resampler::new(host_hz, model_hz), Resampler::new(model_hz, host_hz));
        self.resamplers.entry(model_hz).or_insert_with(make)
    }
}

/// Continuations that may sound at once.
pub(super) fn max_voices(values: &ParamValues) -> usize {
    values.get(ParamId::Voices) as usize
}

/// The rate at which a model's samples are read so that its middle C sounds as `note`, at most two octaves away.
pub(super) fn transposed_hz(model_hz: u32, note: Option<Note>) -> u32 {
    let semitones = note.map_or(0, |note| (i32::from(note.key) - 60).clamp(-24, 24));
    (f64::from(model_hz) * libm::exp2(f64::from(semitones) / 12.0)).round() as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_as_loud_as_the_middle_and_the_middle_is_exact() {
        let voices = Voices::new(48_000);
        assert_eq!(voices.free_place(1, 1.0), (0, [1.0, 1.0]));
        assert_eq!(voices.free_place(4, 0.0).1, [1.0, 1.0]);
        for spread in [0.1, 0.5, 1.0] {
            let (lane, [left, right]) = voices.free_place(2, spread);
            assert_eq!(lane, 0);
            assert!((left * left + right * right - 2.0).abs() < 1e-6 && left > right, "{left} {right}");
        }
        let (_, hard_left) = voices.free_place(2, 1.0);
        assert!(hard_left[1].abs() < 1e-6);
    }
}
