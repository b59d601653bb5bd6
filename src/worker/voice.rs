//! One network's stream of a continuation: seed, warm-up, place on the lattice, fades.

use super::history::{Ear, History};
use crate::{
    approach::{Colour, Generator, Manner, Network, Predicting},
    dsp::{leash::Leash, level::equal_power, resample::Resampler},
    engine::{Alignment, GRID_SAMPLES, quantum::QuantumAudio},
};
use std::{
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

/// How long a voice takes to fall silent when its network has failed.
const FAILURE_FADE_SECONDS: f32 = 0.005;

/// Maximum transposition as a factor of speed: two octaves.
const MAX_TRANSPOSED: usize = 4;

/// Settings with which a voice starts.
#[derive(Debug)]
pub struct Sound<'a> {
    /// Engine time of the first predicted sample.
    pub start: i64,
    /// Length of the fade-in there.
    pub fade_in_samples: i64,
    /// Reference level of the leash.
    pub seed_rms: f32,
    /// Its alignment in time.
    pub alignment: Alignment,
    /// How what lies before its start is predicted.
    pub manner: Manner<'a>,
    /// Colour of its predictions.
    pub colour: Colour,
    /// Gains of the left and the right channel.
    pub place: [f32; 2],
    /// For a transposed voice: the resampler from the transposed rate to the host's.
    pub transposed: Option<Resampler>,
}

/// What a voice hears of its seed, and after it.
#[derive(Clone, Copy, Debug)]
pub struct Hearing {
    /// The channel.
    pub ear: Ear,
    /// The gain with which a listening model hears it.
    pub gain: f32,
    /// Engine time from which on a listening model remembers what was heard before the seed.
    pub remembers_from: i64,
    /// A listening model goes on hearing the input while it predicts.
    pub is_live: bool,
}

impl Hearing {
    /// The seed alone, as loud as it is.
    pub fn of_seed(ear: Ear) -> Self {
        Self { ear, gain: 1.0, remembers_from: i64::MAX, is_live: false }
    }
}

/// What warming up a window of the seed costs, where remembering one before it costs 1.
const STEP_COST: i64 = 8;
/// As many windows before the seed are remembered as cost what the seed does, or so many: its warm-up has no more time.
const MIN_REMEMBERED: i64 = 64;
/// Windows that are heard in a quantum at most, of those that have gathered while the seed was warmed up.
const MAX_HEARD_PER_QUANTUM: usize = 2;

/// The span of input that seeds a continuation, on engine time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeedSpan {
    /// First sample.
    pub start: i64,
    /// One past the last: nothing from here on is used.
    pub end: i64,
}

/// One stream of a continuation between its seed and its end.
///
/// # Realtime safety
/// `new` allocates, nothing else does.
#[derive(Debug)]
pub struct Voice {
    generator: Generator,
    to_model: Resampler,
    /// Resamplers to the host's rate: at the model's own pitch, and transposed.
    untransposed: Resampler,
    to_host: Resampler,
    /// Gains of the left and the right channel.
    place: [f32; 2],
    /// Gains at the beginning and at the end of the present quantum: its part in a morph.
    weights: [f32; 2],
    leash: Leash,
    window: Vec<f32>,
    /// Next window to hear, counted in hops on the model's lattice: from the first that is remembered, over the first that is fed, to one
    /// past the last that is, and on from there while it predicts.
    next_step: i64,
    end_step: i64,
    first_step: i64,
    memory_step: i64,
    hearing: Hearing,
    /// The window holds the last hop's.
    is_window_filled: bool,
    /// Model samples made, `made[0]` is sample `made_from` of the lattice; before `first_sample` all is silence.
    made: Vec<f32>,
    made_from: i64,
    first_sample: i64,
    /// Model samples up to here are needed in the present quantum.
    needed_end: i64,
    /// The model's hop, and room for the longest that can sound.
    hop_samples: usize,
    hop: Vec<f32>,
    start_time: i64,
    fade_in_samples: i64,
    release: Option<Release>,
    /// The last sample before the network failed, and the samples since.
    last_sample: f32,
    failed_samples: u32,
    /// Largest sample since it was last asked for.
    peak: f32,
}

#[derive(Clone, Copy, Debug)]
struct Release {
    start: i64,
    samples: i64,
}

impl Voice {
    /// A voice of a model at a host's rate. `to_model` and `to_host` convert between the two; their tables are shared.
    pub fn new(network: Arc<Network>, host_hz: u32, to_model: Resampler, to_host: Resampler) -> Self {
        let config = network.config();
        let (model_hz, window, hop) = (config.sample_rate_hz, config.window_samples(), config.hop_samples());
        // What one quantum needs, the rest of the hop on the lattice that this ends in, and a hop more, as a voice's own hops
        // may begin anywhere.
        let per_quantum = GRID_SAMPLES * model_hz as usize / host_hz as usize + 2;
        let generator = Generator::new(network);
        let longest = generator.max_hop_samples();
        let capacity = MAX_TRANSPOSED * (to_host.window_samples() + per_quantum) + 2 * longest;
        Self {
            to_model,
            untransposed: to_host.clone(),
            to_host,
            place: [1.0; 2],
            weights: [1.0; 2],
            leash: Leash::new(0.1, model_hz),
            window: vec![0.0; window],
            next_step: 0,
            end_step: 0,
            first_step: 0,
            memory_step: 0,
            hearing: Hearing::of_seed(Ear::Middle),
            is_window_filled: false,
            made: Vec::with_capacity(capacity),
            made_from: 0,
            first_sample: 0,
            needed_end: i64::MIN,
            hop_samples: hop,
            hop: vec![0.0; longest],
            start_time: 0,
            fade_in_samples: 0,
            release: None,
            last_sample: 0.0,
            failed_samples: 0,
            peak: 0.0,
            generator,
        }
    }

    /// The model.
    pub fn network(&self) -> &Arc<Network> {
        self.generator.network()
    }

    /// Takes a new seed. Its windows follow from the span alone; there is at least one.
    pub fn prepare(&mut self, seed: SeedSpan, random_seed: u64, hearing: Hearing) {
        self.generator.reset(random_seed);
        self.generator.set_input_gain(hearing.gain);
        self.hearing = hearing;
        self.is_window_filled = false;
        self.to_host.clone_from(&self.untransposed);
        let hop = self.hop_samples as i64;
        let window = self.window.len() as i64;
        let first_sample = self.model_sample_at_or_after(seed.start);
        // The last model sample whose filter ends before the seed does.
        let mut last_sample = self.model_sample_at_or_after(seed.end);
        while self.to_model.end_of_input(last_sample) > seed.end {
            last_sample -= 1;
        }
        let last_step = (last_sample + 1 - window).div_euclid(hop);
        self.first_step = (first_sample.div_euclid(hop) + i64::from(first_sample.rem_euclid(hop) > 0)).min(last_step);
        self.end_step = last_step + 1;
        self.memory_step = self.first_step;
        if self.generator.listens() && hearing.remembers_from < seed.start {
            let first = self.model_sample_at_or_after(hearing.remembers_from);
            let most = (STEP_COST * self.seed_steps()).max(MIN_REMEMBERED);
            let first = first.div_euclid(hop) + i64::from(first.rem_euclid(hop) > 0);
            self.memory_step = first.clamp(self.first_step - most, self.first_step);
        }
        self.next_step = self.memory_step;
        self.release = None;
        self.weights = [1.0; 2];
        self.made.clear();
        self.needed_end = i64::MIN;
    }

    /// Windows of the seed.
    fn seed_steps(&self) -> i64 {
        self.end_step - self.first_step
    }

    /// What its warm-up costs: the windows of the seed, and those before it that are remembered.
    pub fn warm_up_cost(&self) -> i64 {
        self.first_step - self.memory_step + STEP_COST * self.seed_steps()
    }

    /// Hears windows until so much of [`Self::warm_up_cost`] has been spent, the input known so far ends, or `stop` is set. `known`: engine times of
    /// the input that is known; what has been forgotten is not remembered. `hear` gives samples of the model's lattice.
    pub fn warm(
        &mut self,
        known: Range<i64>,
        cost: i64,
        stop: &AtomicBool,
        mut hear: impl FnMut(&Resampler, i64) -> f32,
    ) {
        let remembered = self.first_step - self.memory_step;
        let due = self.memory_step + cost.min(remembered) + ((cost - remembered) / STEP_COST).max(0);
        while self.next_step < due.min(self.end_step) && !stop.load(Ordering::Relaxed) {
            let is_before_seed = self.next_step < self.first_step;
            if is_before_seed && self.next_window_begins() < known.start {
                self.is_window_filled = false;
                self.next_step += 1;
                continue;
            }
            if !self.fill_window(known.end, &mut hear) {
                return;
            }
            if is_before_seed {
                self.generator.remember(&self.window);
            } else {
                self.generator.feed(&self.window);
            }
            self.next_step += 1;
        }
    }

    /// A listening model hears what has been played since, up to the input's end. `gate`: RMS below which nothing was played; none:
    /// it does not listen now.
    ///
    /// # Realtime safety
    /// Does not allocate for model rates of 8 kHz and above.
    pub fn accompany(&mut self, history: &mut History, gate: Option<f32>) {
        if !self.generator.listens() || !self.hearing.is_live {
            return;
        }
        let ear = self.hearing.ear;
        for _ in 0..MAX_HEARD_PER_QUANTUM {
            if self.next_window_ends() > history.end() {
                return;
            }
            let end = self.next_window_ends();
            let span = end - self.to_model.end_of_input(self.next_step * self.hop_samples as i64);
            if gate.is_some_and(|gate| history.rms(end, span) >= gate) {
                self.fill_window(history.end(), &mut |resampler: &Resampler, k| {
                    history.model_sample(ear, resampler, k)
                });
                self.generator.accompany(&self.window);
            } else {
                self.is_window_filled = false;
            }
            self.next_step += 1;
        }
    }

    /// Engine time of the first input of the next window.
    fn next_window_begins(&self) -> i64 {
        let (whole, _) = self.to_model.position(self.next_step * self.hop_samples as i64);
        self.to_model.first_input(whole)
    }

    /// Engine time at which the next window's last sample is known.
    fn next_window_ends(&self) -> i64 {
        self.to_model.end_of_input(self.next_step * self.hop_samples as i64 + self.window.len() as i64 - 1)
    }

    /// The next window, if the input known so far has it.
    fn fill_window(&mut self, end: i64, hear: &mut impl FnMut(&Resampler, i64) -> f32) -> bool {
        let (hop, window) = (self.hop_samples, self.window.len());
        if self.next_window_ends() > end {
            return false;
        }
        let fresh = if self.is_window_filled { hop.min(window) } else { window };
        self.window.copy_within(fresh.., 0);
        let first = self.next_step * hop as i64;
        for i in window - fresh..window {
            self.window[i] = hear(&self.to_model, first + i as i64);
        }
        self.is_window_filled = true;
        true
    }

    /// Starts the voice after its seed.
    pub fn start(&mut self, sound: Sound<'_>) {
        let Sound { start, fade_in_samples, seed_rms, manner, colour, .. } = sound;
        self.place = sound.place;
        self.generator.set_colour(colour);
        // A transposed voice is not on the lattice of the input's time.
        let alignment = if sound.transposed.is_some() { Alignment::After } else { sound.alignment };
        if let Some(transposed) = sound.transposed {
            self.to_host = transposed;
        }
        let config = self.generator.network().config();
        self.leash = Leash::new(seed_rms, config.sample_rate_hz);
        self.last_sample = 0.0;
        self.failed_samples = 0;
        self.peak = 0.0;
        let hop = self.hop_samples as i64;
        // Where the first predicted sample belongs by its own time.
        let own_place = (self.end_step - 1) * hop + config.prediction_samples() as i64;
        self.start_time = start;
        self.fade_in_samples = fade_in_samples;
        self.first_sample = self.model_sample_at_or_after(start);
        let skip = match alignment {
            Alignment::After => 0,
            Alignment::Now => (self.first_sample - own_place).max(0),
        };
        self.made_from = self.first_sample - skip;
        self.made.clear();
        // Skipped samples are predicted and dropped.
        let mut made = 0;
        let sounding = self.generator.hop_samples();
        while made + sounding as i64 <= skip {
            self.generator.predict(manner, &mut self.hop[..sounding]);
            made += sounding as i64;
        }
        self.made_from += made;
        if made < skip {
            self.generator.predict(manner, &mut self.hop[..sounding]);
            self.take_hop();
            self.made.drain(..(skip - made) as usize);
            self.made_from = self.first_sample;
        }
    }

    /// Sets the colour of future predictions.
    pub fn set_colour(&mut self, colour: Colour) {
        self.generator.set_colour(colour);
    }

    /// Gains at the beginning and at the end of the next quantum.
    pub fn set_weights(&mut self, weights: [f32; 2]) {
        self.weights = weights;
    }

    /// From `start` on the voice fades over `samples`. An earlier release stays.
    pub fn release(&mut self, start: i64, samples: i64) {
        self.release.get_or_insert(Release { start, samples });
    }

    /// True if it fades or has faded.
    pub fn is_released(&self) -> bool {
        self.release.is_some()
    }

    /// True if nothing is heard from `time` on.
    pub fn is_over(&self, time: i64) -> bool {
        self.release.is_some_and(|release| time >= release.start + release.samples)
    }

    /// Engine time of the first sample heard.
    pub fn start_time(&self) -> i64 {
        self.start_time
    }

    /// The largest sample since the last call.
    pub fn take_peak(&mut self) -> f32 {
        std::mem::take(&mut self.peak)
    }

    /// As [`Generator::memory`].
    pub fn memory(&self) -> &[f32] {
        self.generator.memory()
    }

    /// True if the network has failed.
    pub fn has_failed(&self) -> bool {
        self.generator.has_failed()
    }

    /// True if it has collapsed to silence or to a drone.
    pub fn has_collapsed(&self) -> bool {
        let silent_seconds =
            self.leash.silent_samples() as f32 / self.generator.network().config().sample_rate_hz as f32;
        self.generator.is_stuck() || silent_seconds > 2.0
    }

    /// Determines how far the quantum from engine time `time` on needs the model: to the end of a hop on the model's lattice, which
    /// all voices of a model share, so that they need their hops in the same quanta, wherever their own hops begin.
    pub fn begin_quantum(&mut self, time: i64) {
        self.needed_end = i64::MIN;
        if time + (GRID_SAMPLES as i64) <= self.start_time || self.is_over(time) {
            return;
        }
        let (whole, _) = self.to_host.position(time + GRID_SAMPLES as i64 - 1);
        self.need(self.to_host.first_input(whole) + self.to_host.window_samples() as i64);
    }

    /// Model samples up to `end` of the lattice are needed, and the rest of their hop there.
    fn need(&mut self, end: i64) {
        let hop = self.hop_samples as i64;
        self.needed_end = (end + hop - 1).div_euclid(hop) * hop;
    }

    /// True while another hop has to be predicted for the present quantum.
    pub fn is_short(&self) -> bool {
        self.made_end() < self.needed_end
    }

    /// One past the last model sample made.
    pub fn made_end(&self) -> i64 {
        self.made_from + self.made.len() as i64
    }

    /// Asks for one more hop.
    pub fn ask_for_a_hop(&mut self) {
        self.needed_end = self.made_end() + 1;
    }

    /// Adds the voice's sound from engine time `time` on to `out`, at its place. All that [`Self::begin_quantum`] found to be
    /// needed has been predicted.
    pub fn add_to(&mut self, time: i64, out: &mut QuantumAudio) {
        if time + (GRID_SAMPLES as i64) <= self.start_time || self.is_over(time) {
            return;
        }
        let [left, right] = out;
        for (i, (left, right)) in left.iter_mut().zip(right).enumerate() {
            let now = time + i as i64;
            if now < self.start_time {
                continue;
            }
            let gain = self.gain(now);
            if gain == 0.0 && self.is_over(now) {
                break;
            }
            let [from, to] = self.weights;
            let weight = from + (to - from) * (i as f32 / GRID_SAMPLES as f32);
            let sample = weight * gain * self.sample(now);
            self.peak = self.peak.max(sample.abs());
            *left += self.place[0] * sample;
            *right += self.place[1] * sample;
        }
        self.forget(time + GRID_SAMPLES as i64);
    }

    fn gain(&self, now: i64) -> f32 {
        let since = now - self.start_time;
        let mut gain = 1.0;
        if since < self.fade_in_samples {
            gain = equal_power(since as f32 / self.fade_in_samples as f32).1;
        }
        match self.release {
            Some(release) if now >= release.start => {
                gain * equal_power((now - release.start) as f32 / release.samples.max(1) as f32).0
            }
            _ => gain,
        }
    }

    fn sample(&mut self, now: i64) -> f32 {
        let (whole, fraction) = self.to_host.position(now);
        let first = self.to_host.first_input(whole);
        if first >= self.made_from {
            return self.to_host.sample(fraction, &self.made[(first - self.made_from) as usize..]);
        }
        // Before its first sample a voice is silent.
        let missing = (self.made_from - first) as usize;
        self.made.splice(..0, std::iter::repeat_n(0.0, missing));
        self.made_from = first;
        self.to_host.sample(fraction, &self.made)
    }

    /// Takes over the hop that has been predicted.
    pub fn take_hop(&mut self) {
        let hop = &mut self.hop[..self.generator.hop_samples()];
        if self.generator.has_failed() {
            // A short fade instead of a step to silence.
            let fade = FAILURE_FADE_SECONDS * self.generator.network().config().sample_rate_hz as f32;
            for slot in hop.iter_mut() {
                self.failed_samples = self.failed_samples.saturating_add(1);
                *slot = self.last_sample * (1.0 - self.failed_samples as f32 / fade).max(0.0);
            }
        } else {
            self.leash.process(hop);
            self.last_sample = hop.last().copied().unwrap_or(0.0);
        }
        self.made.extend_from_slice(hop);
    }

    /// Drops model samples that no sample from `time` on needs.
    fn forget(&mut self, time: i64) {
        let (whole, _) = self.to_host.position(time);
        let unneeded = (self.to_host.first_input(whole) - self.made_from).clamp(0, self.made.len() as i64);
        self.made.drain(..unneeded as usize);
        self.made_from += unneeded;
    }

    /// The first sample of the model's lattice that is not before engine time `time`.
    fn model_sample_at_or_after(&self, time: i64) -> i64 {
        let (whole, fraction) = self.to_host.position(time);
        whole + i64::from(fraction > 0.0)
    }
}

/// A voice predicts together with others while it is short.
impl Predicting for Option<&mut Voice> {
    fn parts(&mut self) -> Option<(&mut Generator, &mut [f32])> {
        let voice = self.as_mut().filter(|voice| voice.is_short())?;
        let sounding = voice.generator.hop_samples();
        Some((&mut voice.generator, &mut voice.hop[..sounding]))
    }
}
