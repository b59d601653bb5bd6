//! From a call to a voice: a seed waits for its turn, is run through its network, and becomes what it was asked for.

use super::{
    calls::Call,
    colour::colour_of,
    core::Core,
    group::{Group, Part},
    history::Ear,
    models::Models,
    schedule::SeedPlan,
    seeds::Origin,
    voice::{SeedSpan, Sound},
    voices::{most_voices, transposed_hz},
    warming::{MOST_WARMING, Purpose, Purposes, Warming},
};
use crate::{
    dsp::{level::db_to_gain, random::mix64},
    engine::{GRID_SAMPLES, ParamId, ParamValues, SeedMark, SeedSource, Stereo, least_reaction_samples},
};

/// Old to new continuation.
const CROSS_FADE_SECONDS: f64 = 0.05;
/// From silence to the first continuation.
const FADE_IN_SECONDS: f64 = 0.02;
/// What could only be run later than this after it was asked for is not: nobody would know any more what it answers.
const LONGEST_QUEUE_SECONDS: f64 = 4.0;

impl Core {
    /// Puts a seed in the queue, once for each purpose, to be run now or as soon as those before it have been.
    pub(super) fn begin(&mut self, now: i64, plan: SeedPlan, call: Call, purposes: Purposes, values: &ParamValues) {
        let clipped_ms = plan.clipped_samples * 1000 / i64::from(self.sample_rate_hz);
        self.shared.meters.set_seed_clipped_ms(clipped_ms as u32);
        for purpose in purposes.all() {
            self.queue(now, plan, call, purpose, values);
        }
    }

    fn queue(&mut self, now: i64, plan: SeedPlan, call: Call, purpose: Purpose, values: &ParamValues) {
        let began = self.warming.iter().map(|warming| warming.ready).max().map_or(now, |ready| ready.max(now));
        let is_in_time = began - now <= self.in_samples(LONGEST_QUEUE_SECONDS) && self.warming.len() < MOST_WARMING;
        let Some(models) = self.chosen.get().filter(|_| is_in_time).cloned() else {
            self.shared.meters.count_missed_call();
            return;
        };
        let seed = SeedSpan { start: call.seed_end - plan.seed_samples, end: call.seed_end };
        let mut group = self.group(&models, purpose, values);
        // What is random follows from the number, the place on the clock and the note, not from what played before.
        let clock = self.clock_end + (call.seed_end - now);
        let key = match purpose {
            Purpose::Play => call.note.map_or(0, |note| 1 + u64::from(note.key)),
            Purpose::Loop(region) => 200 + region as u64,
        };
        let random_seed = mix64(mix64(values.get(ParamId::RandomSeed) as u64) ^ clock as u64) ^ (key << 56);
        group.prepare(seed, random_seed);
        let ready = seed.end.max(call.not_before).max(began + plan.warmup_samples);
        let taken_back_until = if call.is_answer { call.not_before } else { i64::MIN };
        self.warming.push(Warming { group, seed, purpose, began, ready, taken_back_until, note: call.note });
    }

    /// Voices for a seed: of both models and for each ear, or, to loop, one.
    fn group(&mut self, models: &Models, purpose: Purpose, values: &ParamValues) -> Group {
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
        Group::new(parts)
    }

    /// What the models hear of the channels.
    pub(super) fn ears(&self, values: &ParamValues) -> &'static [Ear] {
        if self.channels > 1 && Stereo::of(values) != Stereo::Mid { &[Ear::Left, Ear::Right] } else { &[Ear::Middle] }
    }

    /// Runs as much of the seeds as the time since their beginning asks for, whatever the machine could do.
    pub(super) fn run_warm_up(&mut self, now: i64, values: &ParamValues) {
        for index in 0..self.warming.len() {
            let warming = &mut self.warming[index];
            let (due, seed) = (warming.due(now), warming.seed);
            warming.group.warm(&mut self.seeds, seed, due, &self.shared.stop);
        }
        let seeds_end_now = self.warming.iter().filter(|warming| now == warming.seed.end);
        let too_soft = seeds_end_now.map(|warming| warming.seed).find(|seed| {
            // What was planned ahead could not yet be listened to.
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

    /// The first in the queue that has been run. Fades that have not ended yet keep the next voice waiting.
    fn next_ready(&self, now: i64, values: &ParamValues) -> Option<usize> {
        let may_play = self.voices.fading() < most_voices(values);
        self.warming.iter().position(|warming| now >= warming.ready && (may_play || warming.purpose != Purpose::Play))
    }

    /// A voice becomes the loop of a region, unless that is just changing.
    fn record(&mut self, now: i64, region: usize, warming: Warming, values: &ParamValues) {
        let Warming { mut group, seed, .. } = warming;
        let Some(models) = self.chosen.get() else {
            self.voices.take_apart(group);
            return;
        };
        let start = self.earliest_start(now, models.first.config().sample_rate_hz);
        if !self.loops.is_free(region, start) {
            self.voices.take_apart(group);
            return;
        }
        group.start(|part| Sound {
            start,
            fade_in_samples: 0,
            seed_rms: self.seeds.level(part.origin.source, part.ear, seed),
            alignment: self.alignment,
            daring: values.get(ParamId::Temperature),
            colour: colour_of(values),
            place: [1.0; 2],
            transposed: None,
        });
        let parts = group.take_apart(|voice| self.loops.record(region, voice, values.get(ParamId::LoopLength)));
        self.voices.give_back_buffer(parts);
        self.shared.meters.count_loop();
    }

    fn earliest_start(&self, now: i64, model_hz: u32) -> i64 {
        let least = least_reaction_samples(self.sample_rate_hz, model_hz).div_ceil(GRID_SAMPLES) * GRID_SAMPLES;
        now + self.reaction_samples.max(least as i64)
    }

    fn promote(&mut self, now: i64, warming: Warming, values: &ParamValues) {
        let Warming { mut group, seed, note, .. } = warming;
        let Some(models) = self.chosen.get().cloned() else {
            self.voices.take_apart(group);
            return;
        };
        let transposition = note.filter(|_| values.get(ParamId::MidiTranspose) >= 0.5);
        let most = most_voices(values);
        let mut start = self.earliest_start(now, transposed_hz(models.lowest_hz(), transposition));
        // Who plays keys sets the time; all others keep their distance.
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
        // Several voices are together as loud as one.
        let level = note.map_or(1.0, |note| note.velocity * note.velocity) / (most as f32).sqrt();
        let (seeds, voices) = (&self.seeds, &mut self.voices);
        group.start(|part| Sound {
            start,
            fade_in_samples,
            seed_rms: seeds.level(part.origin.source, part.ear, seed),
            alignment: self.alignment,
            daring: values.get(ParamId::Temperature),
            colour: colour_of(values),
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
        self.shared.meters.count_continuation();
        self.voices.add(group, lane);
    }
}
