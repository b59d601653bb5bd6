//! The worker's arithmetic: from a quantum of input to a quantum of prediction. No clock, no thread, no ring in here.

use super::{
    clip::{Clip, ClipSlot},
    colour::MorphRamp,
    continuation::{Continuation, Part},
    feedback::FeedbackGuard,
    history::Ear,
    learning::Learning,
    loops::Loops,
    models::{
        pair::{ChosenModels, Models},
        registry::ModelRegistry,
    },
    schedule::{MIN_SEED_SECONDS, SeedPlan, plan_seed},
    seeds::{Origin, Seeds},
    triggers::{MAX_REQUESTS, Planned, Request, Trigger, TriggerDetector},
    voice::{Hearing, SeedSpan, Sound},
    voices::{Voices, max_voices, transposed_hz},
    warming::{MAX_WARMING, Purpose, Purposes, Warming},
};
use crate::{
    approach::{Colour, input_gain},
    control::{ParamId, ParamValues, SeedSource, Stereo, values::HOLD_FOREVER_SECONDS},
    dsp::{level::db_to_gain, random::mix64},
    engine::{
        Alignment, EngineConfig, GRID_SAMPLES, MAX_CHANNELS, SeedMark,
        link::Shared,
        min_reaction_samples,
        quantum::{InQuantum, OutQuantum},
        scope::SeedReport,
    },
};
use std::{sync::Arc, time::Duration};

const GRID: i64 = GRID_SAMPLES as i64;
/// Fade at the end of *Hold*.
const FADE_OUT_SECONDS: f64 = 0.5;

/// State of the worker.
#[derive(Debug)]
pub struct Core {
    sample_rate_hz: u32,
    channels: usize,
    reaction_samples: i64,
    alignment: Alignment,
    shared: Arc<Shared>,
    chosen: ChosenModels,
    seeds: Seeds,
    clip_slot: Arc<ClipSlot>,
    shelf_generation: u64,
    detector: TriggerDetector,
    epoch: u32,
    clock_end: i64,
    /// Run one after the other: in parallel they could exceed the machine.
    warming: Vec<Warming>,
    voices: Voices,
    loops: Loops,
    morph: MorphRamp,
    feedback_guard: FeedbackGuard,
    /// Of the last quantum.
    is_fed_back: bool,
    learning: Learning,
    /// Engine time at which the last voice begins.
    last_start: i64,
}

impl Core {
    /// The state before the first quantum.
    pub fn new(
        config: &EngineConfig,
        reaction_quanta: usize,
        registry: Arc<ModelRegistry>,
        clip_slot: Arc<ClipSlot>,
        shared: Arc<Shared>,
    ) -> Self {
        let mut seeds = Seeds::new(config.sample_rate_hz);
        // Converted here, outside the deadlines: another rate takes a tenth of a second.
        let shelf_generation = clip_slot.generation();
        seeds.set_clip(clip_slot.get());
        Self {
            sample_rate_hz: config.sample_rate_hz,
            channels: config.channels,
            reaction_samples: (reaction_quanta * GRID_SAMPLES) as i64,
            alignment: config.alignment,
            shared,
            learning: Learning::new(config, Arc::clone(&registry)),
            is_fed_back: false,
            chosen: ChosenModels::new(registry, config.mode),
            seeds,
            clip_slot,
            shelf_generation,
            detector: TriggerDetector::new(config.sample_rate_hz),
            epoch: 0,
            clock_end: 0,
            warming: Vec::with_capacity(MAX_WARMING),
            voices: Voices::new(config.sample_rate_hz),
            loops: Loops::new(config.sample_rate_hz),
            morph: MorphRamp::new(config.sample_rate_hz),
            feedback_guard: FeedbackGuard::new(config.sample_rate_hz, reaction_quanta),
            last_start: i64::MIN,
        }
    }

    /// As [`ChosenModels::load_another_embedded`].
    pub fn load_another_embedded(&mut self) -> bool {
        self.chosen.load_another_embedded()
    }

    /// True while something sounds or is being warmed up.
    pub fn is_active(&self) -> bool {
        !self.warming.is_empty() || !self.voices.is_empty() || self.loops.are_recording()
    }

    /// Computes the prediction for a quantum of input.
    pub fn process(&mut self, quantum: &InQuantum, out: &mut OutQuantum) {
        self.hear(quantum);
        let now = self.seeds.end();
        if self.chosen.choose(&quantum.values, &self.shared.meters)
            && let Some(models) = self.chosen.get()
        {
            self.voices.make_ahead(models);
        }
        self.learn(quantum);
        self.learning.blend(&quantum.values);
        self.decide(now, quantum);
        self.run_warm_up(now, &quantum.values);
        out.epoch = quantum.epoch;
        out.index = quantum.index + self.reaction_samples / GRID;
        self.sound(out.index * GRID, &quantum.values, out);
        out.active = self.is_active();
        out.feedback = self.feedback_guard.hear(quantum, out);
        self.is_fed_back = out.feedback;
    }

    /// Takes a quantum without predicting, as the worker is too late for its answer. All voices are dropped.
    pub fn skip(&mut self, quantum: &InQuantum) {
        self.hear(quantum);
        // What is predicted then is not heard.
        self.is_fed_back = false;
        self.learn(quantum);
        if self.sounds() {
            self.detector.fall_behind();
        }
        self.drop_voices();
    }

    /// As [`Learning::use_thread`].
    pub fn use_thread(&mut self) {
        self.learning.use_thread();
    }

    /// As [`Learning::slow_down`].
    pub fn slow_down_learning(&mut self, most: Duration) {
        self.learning.slow_down(most);
    }

    /// As [`Learning::lacks_update`].
    pub fn lacks_update(&mut self, quantum: &InQuantum) -> bool {
        // What begins anew waits for nothing that was.
        self.goes_on(quantum) && self.learning.lacks_update(quantum)
    }

    /// True if a quantum follows the last one.
    fn goes_on(&self, quantum: &InQuantum) -> bool {
        quantum.epoch == self.epoch && quantum.index * GRID == self.seeds.end()
    }

    fn learn(&mut self, quantum: &InQuantum) {
        self.learning.hear(quantum, self.chosen.get(), self.is_fed_back);
        self.learning.take_due(quantum);
    }

    /// True while something sounds, is being warmed up, or goes round in a loop.
    fn sounds(&self) -> bool {
        self.is_active() || !self.loops.are_empty()
    }

    fn hear(&mut self, quantum: &InQuantum) {
        if !self.goes_on(quantum) {
            self.epoch = quantum.epoch;
            self.seeds.history.restart(quantum.index, quantum.index * GRID + quantum.heard_from as i64);
            let goes_on = quantum.gestures.resumed && (self.sounds() || self.detector.is_behind());
            self.drop_voices();
            self.detector.restart();
            if goes_on {
                self.detector.fall_behind();
            }
            self.feedback_guard.restart();
            self.is_fed_back = false;
            self.learning.begin_epoch(quantum);
            self.chosen.forget();
            self.morph.forget();
        } else if quantum.clock_end != self.clock_end + GRID {
            // The host looped: voices continue, starts planned on the clock are planned again.
            self.abandon_planned();
        }
        self.clock_end = quantum.clock_end;
        self.seeds.history.push(&quantum.played, &quantum.gains);
        self.follow_shelf(quantum);
        let now = self.seeds.end();
        if !quantum.armed {
            self.drop_voices();
            self.detector.forget_sound();
            // Nor does what sounded before go on.
            self.detector.catch_up();
        } else if self.is_above_gate(now, GRID, &quantum.values) {
            self.detector.note_sound(now - GRID);
        }
    }

    /// Captures a seed if the quantum asks for it, and adopts a clip that another thread has put into the slot.
    fn follow_shelf(&mut self, quantum: &InQuantum) {
        if quantum.gestures.captured {
            let samples = self.in_samples(f64::from(quantum.values.get(ParamId::SeedLength)));
            let least = self.in_samples(MIN_SEED_SECONDS);
            // Silence is not captured: the earlier clip stays.
            if let Some(clip) = Clip::capture(&self.seeds.history, samples, least, self.sample_rate_hz) {
                self.clip_slot.put(Some(Arc::new(clip)));
            }
        }
        let generation = self.clip_slot.generation();
        if std::mem::replace(&mut self.shelf_generation, generation) != generation {
            self.seeds.set_clip(self.clip_slot.get());
        }
    }

    fn decide(&mut self, now: i64, quantum: &InQuantum) {
        let values = &quantum.values;
        let frozen = values.get(ParamId::Freeze) >= 0.5;
        if !frozen {
            self.end_held(now, values);
        }
        let requests = self.take_requests(quantum);
        let Some(models) = self.chosen.get().cloned() else {
            return;
        };
        self.abandon(|warming| !warming.is_of(&models));
        if frozen {
            self.abandon(|_| true);
            return;
        }
        if self.detector.is_within_phrase(now) {
            self.abandon(|warming| now < warming.taken_back_until);
        }
        for request in requests.into_iter().flatten() {
            self.grant(now, request, values);
        }
        if self.warming.is_empty() && !self.begin_by_itself(now, &models, values) {
            self.begin_planned(now, quantum);
        }
    }

    /// The requests of this quantum, copied out of the detector.
    fn take_requests(&mut self, quantum: &InQuantum) -> [Option<Request>; MAX_REQUESTS] {
        let mut requests = self.detector.due(quantum, &self.seeds.history).iter().copied();
        std::array::from_fn(|_| requests.next())
    }

    fn grant(&mut self, now: i64, request: Request, values: &ParamValues) {
        let source = SeedSource::of(values);
        let mut available = self.available(source);
        if source.is_heard() {
            available = (available - (now - request.seed_end)).min(request.max_seed);
        }
        if let Some(plan) = self.plan(values, available, None)
            && self.is_above_gate(request.seed_end, plan.seed_samples, values)
        {
            self.begin(now, plan, request, Purposes::of(values), values);
        }
    }

    /// Length in samples of the longest seed available now.
    fn available(&self, source: SeedSource) -> i64 {
        self.seeds.available_samples(source, self.in_samples(MIN_SEED_SECONDS))
    }

    /// Plans a seed for the selected models from the sound that is available.
    fn plan(&self, values: &ParamValues, available: i64, interval: Option<i64>) -> Option<SeedPlan> {
        let speed = self.chosen.get()?.warmup_speed(self.ears(values).len());
        plan_seed(values, available, speed, self.sample_rate_hz, interval)
    }

    /// Starts a first continuation, or replaces one that has failed or belongs to another model. Returns whether one was due.
    fn begin_by_itself(&mut self, now: i64, models: &Models, values: &ParamValues) -> bool {
        let wanted = Purposes::of(values);
        let idle = self.voices.unreleased().next().is_none();
        let may_start = self.detector.may_start(now, values);
        let is_replaced =
            self.voices.unreleased().any(|continuation| Self::is_to_be_replaced(continuation, models, now));
        let missing = Purposes {
            play: wanted.play && if idle { may_start } else { is_replaced },
            loops: wanted.loops && may_start && !self.loops.are_all_of(&models.first),
        };
        if !(missing.play || missing.loops) {
            return false;
        }
        let Some(plan) = self.plan(values, self.available(SeedSource::of(values)), None) else {
            return false;
        };
        self.detector.catch_up();
        if self.is_above_gate(now, plan.seed_samples, values) {
            self.begin(now, plan, Request::at(Trigger::AutoStart, now), missing, values);
        } else if idle {
            self.detector.forget_sound();
        }
        true
    }

    fn is_to_be_replaced(continuation: &Continuation, models: &Models, now: i64) -> bool {
        !continuation.is_of(models) || (continuation.is_broken() && now > continuation.start_time())
    }

    /// Starts that the clock or the song has planned: their warm-up follows the input, so that they are ready in time.
    fn begin_planned(&mut self, now: i64, quantum: &InQuantum) {
        let values = &quantum.values;
        for planned in self.detector.planned(values, self.clock_end, quantum.beats).into_iter().flatten() {
            let Planned { trigger, wait, interval } = planned;
            let mut available = self.available(SeedSource::of(values));
            if SeedSource::of(values).is_heard() {
                available += wait;
            }
            if let Some(plan) = self.plan(values, available, Some(interval))
                && wait <= plan.warmup_samples
                // No warm-up for a silent seed.
                && self.is_above_gate(now, plan.seed_samples - wait, values)
            {
                self.begin(now, plan, Request::at(trigger, now + wait), Purposes::of(values), values);
                return;
            }
        }
    }

    /// Releases continuations that have played for *Hold*.
    fn end_held(&mut self, now: i64, values: &ParamValues) {
        let hold = values.get(ParamId::Hold);
        let window = now + self.reaction_samples;
        let fade = self.in_samples(FADE_OUT_SECONDS);
        let end = if hold >= HOLD_FOREVER_SECONDS { i64::MAX } else { self.in_samples(f64::from(hold)) };
        let mut ended = false;
        for continuation in
            self.voices.unreleased_mut().filter(|continuation| window.saturating_sub(continuation.start_time()) >= end)
        {
            continuation.release(window, fade);
            ended = true;
        }
        if ended && self.voices.unreleased().next().is_none() {
            self.detector.forget_sound();
        }
    }

    fn sound(&mut self, time: i64, values: &ParamValues, out: &mut OutQuantum) {
        out.audio = [[0.0; GRID_SAMPLES]; MAX_CHANNELS];
        // What is held does not follow the performer.
        let is_held = values.get(ParamId::Freeze) >= 0.5;
        let gate = (!is_held).then(|| db_to_gain(values.get(ParamId::Gate)));
        self.voices.accompany(&mut self.seeds.history, gate);
        self.loops.accompany(&mut self.seeds.history, gate);
        let colour = Colour::of(values);
        self.voices.set_colour(colour, self.morph.next_quantum(values));
        self.loops.set_colour(colour);
        let manner = self.learning.manner(values);
        for _ in 0..self.voices.sound(time, manner, &mut out.audio) {
            self.shared.meters.count_wet_failure();
        }
        let scope = self.shared.meters.scope();
        if scope.reports_voices_at(time) {
            self.voices.report(time + GRID, |report| scope.put_voice(report));
            scope.put_memory(self.voices.memory());
        }
        if !Purposes::of(values).loops {
            self.loops.clear(|voice| self.voices.give_back(voice));
        }
        for _ in 0..self.loops.sound(time, manner, &mut out.regions, |voice| self.voices.give_back(voice)) {
            self.shared.meters.count_wet_failure();
        }
    }

    fn is_above_gate(&self, end: i64, samples: i64, values: &ParamValues) -> bool {
        self.seeds.is_above(db_to_gain(values.get(ParamId::Gate)), SeedSource::of(values), end, samples)
    }

    fn in_samples(&self, seconds: f64) -> i64 {
        (seconds * f64::from(self.sample_rate_hz)).round() as i64
    }

    fn abandon(&mut self, which: impl Fn(&Warming) -> bool) {
        while let Some(index) = self.warming.iter().position(&which) {
            let warming = self.warming.remove(index);
            self.voices.take_apart(warming.continuation);
        }
    }

    /// Drops seeds whose end lies ahead on a clock that has jumped.
    fn abandon_planned(&mut self) {
        let now = self.seeds.end();
        self.abandon(|warming| warming.seed.end > now);
    }

    fn drop_voices(&mut self) {
        self.abandon(|_| true);
        self.voices.drop_all();
        self.loops.clear(|voice| self.voices.give_back(voice));
        self.last_start = i64::MIN;
    }

    /// Queues a seed, once for each purpose, for warm-up after those before it.
    fn begin(&mut self, now: i64, plan: SeedPlan, request: Request, purposes: Purposes, values: &ParamValues) {
        let clipped_ms = plan.clipped_samples * 1000 / i64::from(self.sample_rate_hz);
        self.shared.meters.set_seed_clipped_ms(clipped_ms as u32);
        for purpose in purposes.all() {
            self.queue(now, plan, request, purpose, values);
        }
    }

    fn queue(&mut self, now: i64, plan: SeedPlan, request: Request, purpose: Purpose, values: &ParamValues) {
        let began = self.warming.iter().map(|warming| warming.ready).max().map_or(now, |ready| ready.max(now));
        let is_in_time = began - now <= self.in_samples(MAX_QUEUE_SECONDS) && self.warming.len() < MAX_WARMING;
        let Some(models) = self.chosen.get().filter(|_| is_in_time).cloned() else {
            self.shared.meters.count_missed_trigger();
            return;
        };
        let seed = SeedSpan { start: request.seed_end - plan.seed_samples, end: request.seed_end };
        let mut continuation = self.continuation(&models, purpose, values);
        // Random streams follow from the random seed, the position on the clock and the note, not from earlier voices.
        let clock = self.clock_end + (request.seed_end - now);
        let key = match purpose {
            Purpose::Play => request.note().map_or(0, |note| 1 + u64::from(note.key)),
            Purpose::Loop(region) => 200 + region as u64,
        };
        let random_seed = mix64(mix64(values.get(ParamId::RandomSeed) as u64) ^ clock as u64) ^ (key << 56);
        let seeds = &self.seeds;
        continuation.prepare(seed, random_seed, |part| {
            let is_live = part.origin.source.is_heard();
            Hearing {
                ear: part.ear,
                gain: input_gain(seeds.loudest(part.origin, part.ear, seed)),
                remembers_from: if is_live { seeds.history.start() } else { i64::MAX },
                is_live,
            }
        });
        let ready = seed.end.max(request.not_before).max(began + plan.warmup_samples);
        let taken_back_until = if request.trigger == Trigger::Answer { request.not_before } else { i64::MIN };
        self.warming.push(Warming {
            continuation,
            seed,
            purpose,
            began,
            ready,
            taken_back_until,
            note: request.note(),
        });
    }

    /// Voices for a seed: of both models and for each ear, or, to loop, one.
    fn continuation(&mut self, models: &Models, purpose: Purpose, values: &ParamValues) -> Continuation {
        let source = SeedSource::of(values);
        let noise_seed = mix64(values.get(ParamId::RandomSeed) as u64 ^ 0x006e_6f69_7365);
        let input_gain = db_to_gain(values.get(ParamId::InputGain));
        let (ears, second): (&[Ear], _) = match purpose {
            Purpose::Play => (self.ears(values), models.second.as_ref()),
            Purpose::Loop(_) => (&[Ear::Middle], None),
        };
        let is_dual = Stereo::of(values) == Stereo::Dual;
        let mut parts = self.voices.parts_buffer();
        for (network, is_second) in [(Some(&models.first), false), (second, true)] {
            for &ear in ears {
                let own_chance = if is_dual && ear == Ear::Right { mix64(ear as u64) } else { 0 };
                let origin = Origin { source, noise_seed, input_gain, own_chance };
                let voice = network.map(|network| self.voices.take_spare(network));
                parts.extend(voice.map(|voice| Part { voice, is_second, ear, origin }));
            }
        }
        Continuation::new(parts)
    }

    /// The channels that the models hear.
    fn ears(&self, values: &ParamValues) -> &'static [Ear] {
        if self.channels > 1 && Stereo::of(values) != Stereo::Mid { &[Ear::Left, Ear::Right] } else { &[Ear::Middle] }
    }

    /// Warms seeds up as far as the clock prescribes, however fast the machine is.
    fn run_warm_up(&mut self, now: i64, values: &ParamValues) {
        for index in 0..self.warming.len() {
            let warming = &mut self.warming[index];
            let (due, seed) = (warming.due(now), warming.seed);
            warming.continuation.warm(&mut self.seeds, seed, due, &self.shared.stop);
        }
        let seeds_end_now = self.warming.iter().filter(|warming| now == warming.seed.end);
        let too_soft = seeds_end_now.map(|warming| warming.seed).find(|seed| {
            // The seed of a planned start could not be measured earlier.
            !self.is_above_gate(now, seed.end - seed.start, values)
        });
        if let Some(seed) = too_soft {
            self.abandon(|warming| warming.seed == seed);
        }
        while let Some(index) = self.next_ready(now, values) {
            let warming = self.warming.remove(index);
            match warming.purpose {
                Purpose::Play => self.promote(now, warming, values),
                Purpose::Loop(region) => self.record(now, region, warming, values),
            }
        }
    }

    /// The first in the queue that has been warmed up. Fades under way delay the next voice.
    fn next_ready(&self, now: i64, values: &ParamValues) -> Option<usize> {
        let may_play = self.voices.fading() < max_voices(values);
        self.warming.iter().position(|warming| now >= warming.ready && (may_play || warming.purpose != Purpose::Play))
    }

    /// A voice becomes the loop of a region, unless that is just changing.
    fn record(&mut self, now: i64, region: usize, warming: Warming, values: &ParamValues) {
        let Warming { mut continuation, seed, .. } = warming;
        let Some(models) = self.chosen.get() else {
            self.voices.take_apart(continuation);
            return;
        };
        let start = self.earliest_start(now, models.first.config().sample_rate_hz);
        if !self.loops.is_free(region, start) {
            self.voices.take_apart(continuation);
            return;
        }
        continuation.start(|part| Sound {
            start,
            fade_in_samples: 0,
            seed_rms: self.seeds.level(part.origin.source, part.ear, seed),
            alignment: self.alignment,
            manner: self.learning.manner(values),
            colour: Colour::of(values),
            place: [1.0; 2],
            transposed: None,
        });
        let parts = continuation.take_apart(|voice| self.loops.record(region, voice, values.get(ParamId::LoopLength)));
        self.voices.give_back_buffer(parts);
        self.shared.meters.count_loop();
    }

    fn earliest_start(&self, now: i64, model_hz: u32) -> i64 {
        let least = min_reaction_samples(self.sample_rate_hz, model_hz).div_ceil(GRID_SAMPLES) * GRID_SAMPLES;
        now + self.reaction_samples.max(least as i64)
    }

    fn promote(&mut self, now: i64, warming: Warming, values: &ParamValues) {
        let Warming { mut continuation, seed, note, .. } = warming;
        let Some(models) = self.chosen.get().cloned() else {
            self.voices.take_apart(continuation);
            return;
        };
        let transposition = note.filter(|_| values.get(ParamId::MidiTranspose) >= 0.5);
        let most = max_voices(values);
        let mut start = self.earliest_start(now, transposed_hz(models.lowest_hz(), transposition));
        // Notes set their own time; all other triggers observe Stagger.
        if most > 1 && note.is_none() && !self.voices.is_empty() {
            let stagger = self.in_samples(f64::from(values.get(ParamId::Stagger)));
            start = start.max(self.last_start.saturating_add(stagger));
        }
        self.last_start = start.max(self.last_start);
        let idle = self.voices.unreleased().next().is_none();
        let fade_in_samples = self.in_samples(if idle { FADE_IN_SECONDS } else { CROSS_FADE_SECONDS });
        for old in self.voices.unreleased_mut().filter(|old| Self::is_to_be_replaced(old, &models, now)) {
            old.release(start, fade_in_samples);
        }
        self.voices.release_oldest(most - 1, start, fade_in_samples);
        let (lane, place) = self.voices.free_place(most, values.get(ParamId::Spread) / 100.0);
        // Several voices together are as loud as one.
        let level = note.map_or(1.0, |note| note.velocity * note.velocity) / (most as f32).sqrt();
        let (seeds, voices) = (&self.seeds, &mut self.voices);
        continuation.start(|part| Sound {
            start,
            fade_in_samples,
            seed_rms: seeds.level(part.origin.source, part.ear, seed),
            alignment: self.alignment,
            manner: self.learning.manner(values),
            colour: Colour::of(values),
            place: match part.ear {
                Ear::Middle => place.map(|gain| gain * level),
                Ear::Left => [place[0] * level, 0.0],
                Ear::Right => [0.0, place[1] * level],
            },
            transposed: transposition.is_some().then(|| {
                let model_hz = part.voice.network().config().sample_rate_hz;
                voices.resampler_to_host(transposed_hz(model_hz, transposition))
            }),
        });
        let clock = self.clock_end - self.seeds.end();
        let mark = SeedMark { begins: start + clock, start: seed.start + clock, end: seed.end + clock };
        self.shared.meters.note_seed(mark);
        let report = SeedReport { begins: start, start: seed.start, end: seed.end, lane: lane as u8 };
        // What does not come from what is heard has no place in the picture of it.
        if SeedSource::of(values).is_heard() {
            self.shared.meters.scope().put_seed(report);
        }
        self.shared.meters.count_continuation();
        self.voices.add(continuation, lane);
    }
}

/// Cross-fade from the old to the new continuation.
const CROSS_FADE_SECONDS: f64 = 0.05;
/// Fade-in of the first continuation after silence.
const FADE_IN_SECONDS: f64 = 0.02;
/// Requests that could only be warmed up later than this are dropped: they would no longer relate to their trigger.
const MAX_QUEUE_SECONDS: f64 = 4.0;
