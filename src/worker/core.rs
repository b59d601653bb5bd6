//! The worker's arithmetic: from a cell of input to a cell of prediction. No clock, no thread, no ring in here.

use super::{
    bank::{ModelBank, SLOTS},
    ensemble,
    history::History,
    schedule::{LEAST_SEED_SECONDS, SeedPlan, interval_samples, plan_seed, samples_to_next_interval},
    voice::{SeedSpan, Voice},
};
use crate::{
    approach::Network,
    dsp::{level::db_to_gain, random::mix64, resample::Resampler},
    engine::{
        Alignment, EngineConfig, GRID_SAMPLES, ParamId, ParamValues, RenderMode,
        cell::{InCell, OutCell},
        least_reaction_samples,
        link::Shared,
        spec::HOLD_FOREVER_SECONDS,
    },
    model::EMBEDDED,
};
use std::{collections::HashMap, sync::Arc};

const GRID: i64 = GRID_SAMPLES as i64;
/// Old to new continuation.
const CROSS_FADE_SECONDS: f64 = 0.05;
/// From silence to the first continuation.
const FADE_IN_SECONDS: f64 = 0.02;
/// At the end of *Hold*.
const FADE_OUT_SECONDS: f64 = 0.5;

/// A model's warm-up speed is believed up to this times what its size suggests.
const MOST_OPTIMISM: f32 = 4.0;
/// Voices of a model that are made when it is chosen: warming, playing and fading.
const VOICES: usize = 3;

/// A seed being run through its network.
#[derive(Debug)]
struct Warming {
    voice: Voice,
    seed: SeedSpan,
    began: i64,
    /// Engine time at which the seed has ended and been run.
    ready: i64,
}

/// State of the worker.
#[derive(Debug)]
pub struct Core {
    sample_rate_hz: u32,
    reaction_samples: i64,
    alignment: Alignment,
    mode: RenderMode,
    bank: Arc<ModelBank>,
    shared: Arc<Shared>,
    /// Models seen ready, so that the bank's lock is taken only at switches.
    networks: Vec<Option<Arc<Network>>>,
    bank_generation: u64,
    network: Option<Arc<Network>>,
    /// Seconds of seed that the model runs in a second.
    warmup_speed: f32,
    wanted_slot: Option<u8>,
    /// How many of the embedded models have been loaded ahead of their use.
    embedded_loaded: usize,
    history: History,
    epoch: u32,
    clock_end: i64,
    /// Since when sound above the gate has been heard while nothing played.
    sound_since: Option<i64>,
    /// Seeds from what was heard at once, after the worker fell behind.
    start_at_once: bool,
    warming: Option<Warming>,
    current: Option<Voice>,
    fading: Option<Voice>,
    spare: Vec<Voice>,
    /// From and to the host's rate, by model rate.
    resamplers: HashMap<u32, (Resampler, Resampler)>,
}

impl Core {
    /// The state before the first cell.
    pub fn new(config: &EngineConfig, reaction_cells: usize, bank: Arc<ModelBank>, shared: Arc<Shared>) -> Self {
        Self {
            sample_rate_hz: config.sample_rate_hz,
            reaction_samples: (reaction_cells * GRID_SAMPLES) as i64,
            alignment: config.alignment,
            mode: config.mode,
            bank,
            shared,
            networks: vec![None; SLOTS],
            bank_generation: 0,
            network: None,
            warmup_speed: 1.0,
            wanted_slot: None,
            embedded_loaded: 0,
            history: History::new(config.sample_rate_hz),
            epoch: 0,
            clock_end: 0,
            sound_since: None,
            start_at_once: false,
            warming: None,
            current: None,
            fading: None,
            spare: Vec::new(),
            resamplers: HashMap::new(),
        }
    }

    /// Loads one more embedded model, some milliseconds of work. Returns whether there was one left.
    pub fn load_another_embedded(&mut self) -> bool {
        let Some(model) = EMBEDDED.get(self.embedded_loaded) else {
            return false;
        };
        self.embedded_loaded += 1;
        // One that cannot be loaded says why when it is chosen.
        let _ = self.bank.load(model.slot);
        true
    }

    /// True while something sounds or is on its way.
    pub fn is_active(&self) -> bool {
        self.warming.is_some() || self.current.is_some() || self.fading.is_some()
    }

    /// Answers a cell.
    pub fn process(&mut self, cell: &InCell, out: &mut OutCell) {
        self.hear(cell);
        let now = self.history.end();
        self.choose_model(&cell.values);
        self.decide(now, &cell.values);
        self.run_warm_up(now, &cell.values);
        out.epoch = cell.epoch;
        out.index = cell.index + self.reaction_samples / GRID;
        self.sound(out.index * GRID, &cell.values, out);
        out.active = self.is_active();
    }

    /// Hears a cell without playing: the worker is too late for its answer. What sounds is dropped.
    pub fn skip(&mut self, cell: &InCell) {
        self.hear(cell);
        self.drop_voices();
        self.start_at_once = true;
    }

    fn hear(&mut self, cell: &InCell) {
        if cell.epoch != self.epoch || cell.index * GRID != self.history.end() {
            self.epoch = cell.epoch;
            self.history.restart(cell.index, cell.index * GRID + cell.heard_from as i64);
            self.drop_voices();
            self.sound_since = None;
            self.start_at_once = false;
            // Not even the model that played before: a bounce from here does not know it.
            self.network = None;
            self.wanted_slot = None;
        } else if cell.clock_end != self.clock_end + GRID {
            // The host looped: voices go on, what was planned for the clock is planned anew.
            self.abandon_planned();
        }
        self.clock_end = cell.clock_end;
        self.history.push(&cell.audio, db_to_gain(cell.values.get(ParamId::InputGain)));
        let now = self.history.end();
        if !cell.armed {
            self.drop_voices();
            self.sound_since = None;
        } else if self.history.rms(now, GRID) >= db_to_gain(cell.values.get(ParamId::Gate)) {
            self.sound_since.get_or_insert(now - GRID);
        }
    }

    /// Embedded models are waited for, for they take milliseconds; so are all others offline, and before anything has ever
    /// played. Otherwise they are loaded beside.
    fn choose_model(&mut self, values: &ParamValues) {
        let generation = self.bank.generation();
        let changed = std::mem::replace(&mut self.bank_generation, generation) != generation;
        if changed {
            self.networks.fill(None);
        }
        let slot = values.get(ParamId::Model) as u8;
        let switched = self.wanted_slot.replace(slot) != Some(slot);
        let index = usize::from(slot).min(SLOTS - 1);
        if self.networks[index].is_none() {
            self.networks[index] = self.bank.get(slot);
        }
        if self.networks[index].is_none() && (switched || changed) {
            if self.mode == RenderMode::Offline || self.network.is_none() || self.bank.is_embedded(slot) {
                self.networks[index] = self.bank.load(slot).ok();
            } else {
                self.shared.meters.count_late_switch();
                self.bank.load_in_background(slot);
            }
        }
        let Some(network) = self.networks[index].clone() else {
            return;
        };
        if self.network.as_ref().is_none_or(|current| !Arc::ptr_eq(current, &network)) {
            // A file may promise what no machine keeps.
            let config = network.config();
            self.warmup_speed = config.warmup_speed.min(MOST_OPTIMISM * config.conservative_warmup_speed());
            self.network = Some(Arc::clone(&network));
            self.make_voices(&network);
        }
    }

    fn decide(&mut self, now: i64, values: &ParamValues) {
        self.end_held(now, values);
        let Some(network) = self.network.clone() else {
            return;
        };
        let rate = self.sample_rate_hz;
        let speed = self.warmup_speed;
        if self.warming.as_ref().is_some_and(|warming| !Arc::ptr_eq(warming.voice.network(), &network)) {
            self.abandon_warming();
        }
        if self.warming.is_some() {
            return;
        }
        let heard = self.history.heard_samples();
        let wish = self.in_samples(f64::from(values.get(ParamId::SeedLength)).max(LEAST_SEED_SECONDS));
        let begin_now = match &self.current {
            Some(voice) => {
                let switch = !Arc::ptr_eq(voice.network(), &network);
                let broken = voice.has_failed() || voice.has_collapsed();
                switch || (broken && now > voice.start_time())
            }
            None => self.start_at_once || self.sound_since.is_some_and(|since| now - since >= wish),
        };
        if begin_now && let Some(plan) = plan_seed(values, heard, speed, rate, None) {
            self.start_at_once = false;
            if self.is_above_gate(now, plan.seed_samples, values) {
                self.begin(now, now, plan, &network, values);
            } else if self.current.is_none() {
                self.sound_since = None;
            }
            return;
        }
        let Some(wait) = samples_to_next_interval(values, self.clock_end, rate) else {
            return;
        };
        let interval = interval_samples(values, rate);
        if let Some(plan) = plan_seed(values, heard + wait, speed, rate, interval)
            && wait <= plan.warmup_samples
        {
            self.begin(now, now + wait, plan, &network, values);
        }
    }

    /// Begins to run the seed that ends at `seed_end`, now or a warm-up from now.
    fn begin(&mut self, now: i64, seed_end: i64, plan: SeedPlan, network: &Arc<Network>, values: &ParamValues) {
        let clipped_ms = plan.clipped_samples * 1000 / i64::from(self.sample_rate_hz);
        self.shared.meters.set_seed_clipped_ms(clipped_ms as u32);
        let mut voice = self.take_spare(network);
        let seed = SeedSpan { start: seed_end - plan.seed_samples, end: seed_end };
        // What is random follows from the number and from the place on the clock, not from what played before.
        let clock = self.clock_end + (seed_end - now);
        let random_seed = mix64(mix64(values.get(ParamId::RandomSeed) as u64) ^ clock as u64);
        voice.prepare(seed, random_seed);
        self.warming = Some(Warming { voice, seed, began: now, ready: seed_end.max(now + plan.warmup_samples) });
    }

    /// Runs as much of the seed as the time since its beginning asks for, whatever the machine could do.
    fn run_warm_up(&mut self, now: i64, values: &ParamValues) {
        let Some(warming) = &mut self.warming else {
            return;
        };
        let steps = warming.voice.seed_steps();
        let span = (warming.ready - warming.began).max(GRID);
        let due = if now >= warming.ready { steps } else { steps * (now - warming.began) / span };
        warming.voice.warm(&mut self.history, due, &self.shared.stop);
        if now == warming.seed.end && !self.is_above_gate(now, self.warming_seed_samples(), values) {
            self.abandon_warming();
            return;
        }
        // A fade that has not ended yet keeps the next one waiting: two voices at most are heard at once.
        if self.warming.as_ref().is_some_and(|warming| now >= warming.ready) && self.fading.is_none() {
            self.promote(now, values);
        }
    }

    fn warming_seed_samples(&self) -> i64 {
        self.warming.as_ref().map_or(GRID, |warming| warming.seed.end - warming.seed.start)
    }

    fn promote(&mut self, now: i64, values: &ParamValues) {
        let Some(Warming { mut voice, seed, .. }) = self.warming.take() else {
            return;
        };
        let model_hz = voice.network().config().sample_rate_hz;
        let least = least_reaction_samples(self.sample_rate_hz, model_hz).div_ceil(GRID_SAMPLES) * GRID_SAMPLES;
        let start = now + self.reaction_samples.max(least as i64);
        // The level to keep to is the performer's, before what Input Gain adds for the model's ears.
        let level = self.history.performer_rms(seed.end, seed.end - seed.start);
        let seconds = if self.current.is_some() { CROSS_FADE_SECONDS } else { FADE_IN_SECONDS };
        let fade = self.in_samples(seconds);
        voice.start(start, fade, level, self.alignment, values.get(ParamId::Temperature));
        self.shared.meters.count_continuation();
        if let Some(mut old) = self.current.replace(voice) {
            old.release(start, fade);
            self.fading = Some(old);
        }
    }

    /// A voice that has played for *Hold* fades.
    fn end_held(&mut self, now: i64, values: &ParamValues) {
        let hold = values.get(ParamId::Hold);
        let window = now + self.reaction_samples;
        let fade = self.in_samples(FADE_OUT_SECONDS);
        let end = if hold >= HOLD_FOREVER_SECONDS { i64::MAX } else { self.in_samples(f64::from(hold)) };
        let Some(voice) = &mut self.current else {
            return;
        };
        if !voice.is_released() && window - voice.start_time() >= end {
            voice.release(window, fade);
            self.sound_since = None;
        }
    }

    fn sound(&mut self, time: i64, values: &ParamValues, out: &mut OutCell) {
        let [left, right] = &mut out.audio;
        left.fill(0.0);
        let mut sounding = [self.fading.as_mut(), self.current.as_mut()];
        for _ in 0..ensemble::sound(&mut sounding, time, values.get(ParamId::Temperature), left) {
            self.shared.meters.count_wet_failure();
        }
        for voice in [&mut self.fading, &mut self.current] {
            if voice.as_ref().is_some_and(|voice| voice.is_over(time + GRID)) {
                self.spare.extend(voice.take());
            }
        }
        right.copy_from_slice(left);
    }

    fn is_above_gate(&self, end: i64, samples: i64, values: &ParamValues) -> bool {
        self.history.rms(end, samples) >= db_to_gain(values.get(ParamId::Gate))
    }

    fn in_samples(&self, seconds: f64) -> i64 {
        (seconds * f64::from(self.sample_rate_hz)).round() as i64
    }

    /// Voices of a model are made when it is chosen, and those of others let go: no seed waits for an allocation.
    fn make_voices(&mut self, network: &Arc<Network>) {
        self.spare.retain(|voice| Arc::ptr_eq(voice.network(), network));
        while self.spare.len() < VOICES {
            let voice = self.make_voice(network);
            self.spare.push(voice);
        }
    }

    fn make_voice(&mut self, network: &Arc<Network>) -> Voice {
        let (host_hz, model_hz) = (self.sample_rate_hz, network.config().sample_rate_hz);
        let (to_model, to_host) = self
            .resamplers
            .entry(model_hz)
            .or_insert_with(|| (Resampler::new(host_hz, model_hz), Resampler::new(model_hz, host_hz)));
        Voice::new(Arc::clone(network), host_hz, to_model.clone(), to_host.clone())
    }

    fn take_spare(&mut self, network: &Arc<Network>) -> Voice {
        match self.spare.iter().position(|voice| Arc::ptr_eq(voice.network(), network)) {
            Some(index) => self.spare.swap_remove(index),
            None => self.make_voice(network),
        }
    }

    fn abandon_warming(&mut self) {
        if let Some(warming) = self.warming.take() {
            self.spare.push(warming.voice);
        }
    }

    /// Drops a seed whose end lies ahead on a clock that has jumped.
    fn abandon_planned(&mut self) {
        if self.warming.as_ref().is_some_and(|warming| warming.seed.end > self.history.end()) {
            self.abandon_warming();
        }
    }

    fn drop_voices(&mut self) {
        self.abandon_warming();
        self.spare.extend(self.current.take().into_iter().chain(self.fading.take()));
    }
}
