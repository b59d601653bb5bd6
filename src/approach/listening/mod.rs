//! The listening head: a memory of what was heard, a suggestion recalled from it, and a frame drawn bin by bin.
//!
//! A frame is drawn in three steps: a [`Thread`] through the [`Moments`] heard suggests one; the levels of four bands are drawn, each
//! knowing those before it; a layer of GRU runs over the bins from low to high and draws each, knowing the recurrent layers' context, what
//! sounded just before, the averages, the levels of the bands and the suggestion.

mod layers;
mod levels;
mod recall;

use super::Attention;
use crate::{
    control::Dynamics,
    dsp::random::Random,
    model::{AVERAGES, BANDS, BinTier, Head, Listening, ModelConfig, ModelData},
    nn::{BinScratch, Dense, Isa, Precision, tanh},
};
pub use layers::FrameLayers;
use recall::{Moments, Moving, Thread};

/// What may be recalled: the last seconds heard.
const RECALL_SECONDS: f32 = 20.0;
/// A frame whose loudest bin lies below this, some 40 dB below what is played, is a rest: it is not remembered, and training cuts
/// long ones down.
pub(crate) const REST: f32 = 0.35;
/// Of a longer rest of the seed the first frames count.
const MAX_RESTING_FRAMES: u32 = 16;
/// How unlike its neighbours the drawn level may sound.
const HEARD_REACH: usize = 2;
/// How far above what was heard a bin may be without losing odds to loyalty.
const LOYAL_MARGIN: f32 = 0.12;
/// How much the key of a moment looks at its attack.
const ATTACK_WEIGHT: f32 = 0.7;
/// How fast it notices that the performer plays, and that they rest.
const PRESENT_SECONDS: [f32; 2] = [0.1, 2.0];
/// What remains of *Recency* while the performer rests: what they played last is then all that there is to go on.
const RESTING_RECENCY: f32 = 0.2;
/// Odds that a band's level loses with every step away from where dynamics lean it.
const LEAN_ODDS: f32 = 0.5;

/// The packed weights of the head.
#[derive(Clone, Debug)]
pub(super) struct ListeningHead {
    tier: BinTier,
    own: Listening,
    bounds: [usize; BANDS + 1],
    average_rates: [f32; AVERAGES],
    hop_seconds: f32,
    query: Dense,
    key: Dense,
    /// What learns.
    layers: FrameLayers,
    /// `[bin][position]`
    position: Vec<f32>,
    hidden: usize,
}

impl ListeningHead {
    /// The head of a validated model that has one.
    pub fn of(data: &ModelData, isa: Isa) -> Option<Self> {
        let config: &ModelConfig = data.config();
        let (Head::Autoregressive(tier), Some(own)) = (config.head, config.approach.listening()) else {
            return None;
        };
        let plain = |name: &str| {
            let zeros = vec![0.0; own.key_size];
            Dense::new(2 * own.bins, own.key_size, data.tensor(name), &zeros, Precision::F32, isa)
        };
        let layers = FrameLayers::new(config, |name| data.tensor(name), isa)?;
        Some(Self {
            tier,
            bounds: own.band_bounds(config.sample_rate_hz),
            average_rates: own.average_rates(config.sample_rate_hz),
            hop_seconds: own.hop as f32 / config.sample_rate_hz as f32,
            query: plain("query.weight"),
            key: plain("key.weight"),
            layers,
            position: data.tensor("position").to_vec(),
            hidden: config.hidden,
            own: own.clone(),
        })
    }

    /// Numbers that the recurrent layers tell the bins.
    pub fn context_size(&self) -> usize {
        self.own.bins * self.tier.context
    }

    /// The layers that draw, as they are in the model.
    pub fn layers(&self) -> &FrameLayers {
        &self.layers
    }

    /// Bytes that a frame reads.
    pub fn bytes(&self) -> usize {
        self.query.bytes() + self.key.bytes() + self.layers.bytes() + size_of_val(&self.position[..])
    }

    /// The means of the bands of a frame, as a part of the level that counts as the highest.
    fn bands(&self, frame: &[f32]) -> [f32; BANDS] {
        std::array::from_fn(|band| {
            let bins = &frame[self.bounds[band]..self.bounds[band + 1]];
            bins.iter().sum::<f32>() / bins.len() as f32 / self.own.band_top
        })
    }
}

/// What one continuation remembers, and the scratch of its frames.
///
/// # Realtime safety
/// `new` allocates; the other methods do not.
#[derive(Clone, Debug)]
pub(super) struct Listener {
    /// `[average][bin]`: what the network hears beside the frame.
    averages: Vec<f32>,
    /// Frames that have entered them.
    averaged: u32,
    /// Frames for which the seed has rested.
    resting_frames: u32,
    /// The slowest average of what the performer played.
    heard_average: Vec<f32>,
    /// Levels of the bands as the performer plays now, and on average.
    performer: [[f32; BANDS]; 2],
    /// What was heard, and what was predicted.
    heard: Moments,
    predicted: Moments,
    thread: Thread,
    /// What the last moment heard, and the last one predicted, are known by.
    heard_key: Vec<f32>,
    predicted_key: Vec<f32>,
    has_heard: bool,
    has_predicted: bool,
    /// What it looks for: moments like its own last one, and like the performer's.
    query: Vec<f32>,
    heard_query: Vec<f32>,
    blended_query: Vec<f32>,
    /// The last frame that was heard or predicted, and the one before it.
    frame: Vec<f32>,
    before: Vec<f32>,
    /// A frame of the performer has entered the averages since the last prediction.
    is_accompanied: bool,
    /// How much of late the performer has played, 0…1.
    presence: f32,
    suggestion: Vec<f32>,
    sight: Vec<f32>,
    projected: Vec<f32>,
    band_inputs: Vec<f32>,
    band_hidden: Vec<f32>,
    band_logits: Vec<f32>,
    known: Vec<f32>,
    bins: BinScratch,
    weights: Vec<f32>,
}

/// What a frame is drawn from.
pub(super) struct Situation<'a> {
    /// Output of the recurrent layers, `[hidden]`.
    pub h: &'a [f32],
    /// What they say of every bin, before tanh: `[bin][context]`.
    pub context: &'a [f32],
    /// Divides the logarithms of odds of bins, and those of bands.
    pub temperature: f32,
    pub band_temperature: f32,
    pub attention: Attention,
    /// What draws it: the head's own layers, or what they have become.
    pub layers: &'a FrameLayers,
}

impl Listener {
    /// A memory without anything in it.
    pub fn new(head: &ListeningHead) -> Self {
        let (bins, key_size) = (head.own.bins, head.own.key_size);
        let capacity = (RECALL_SECONDS / head.hop_seconds).ceil() as usize;
        let tier = &head.tier;
        Self {
            averages: vec![0.0; AVERAGES * bins],
            averaged: 0,
            resting_frames: 0,
            heard_average: vec![0.0; bins],
            performer: [[0.0; BANDS]; 2],
            heard: Moments::new(capacity, key_size, bins),
            predicted: Moments::new(capacity, key_size, bins),
            thread: Thread::new(2 * capacity),
            heard_key: vec![0.0; key_size],
            predicted_key: vec![0.0; key_size],
            has_heard: false,
            has_predicted: false,
            query: vec![0.0; key_size],
            heard_query: vec![0.0; key_size],
            blended_query: vec![0.0; key_size],
            frame: vec![0.0; bins],
            before: vec![0.0; bins],
            is_accompanied: false,
            presence: 0.0,
            suggestion: vec![0.0; bins],
            sight: vec![0.0; 2 * bins],
            projected: head.key.make_output_buffer(),
            band_inputs: vec![0.0; head.hidden + tier.band_inputs()],
            band_hidden: head.layers.bands_hidden.make_output_buffer(),
            band_logits: head.layers.bands_out.make_output_buffer(),
            known: vec![0.0; bins * tier.known_inputs()],
            bins: head.layers.bins.make_scratch(bins),
            weights: vec![0.0; tier.levels],
        }
    }

    /// Back to the beginning.
    pub fn forget(&mut self) {
        self.averages.fill(0.0);
        self.averaged = 0;
        self.resting_frames = 0;
        self.heard_average.fill(0.0);
        self.performer = [[0.0; BANDS]; 2];
        self.heard.forget();
        self.predicted.forget();
        self.thread.forget();
        self.has_heard = false;
        self.has_predicted = false;
        self.frame.fill(0.0);
        self.before.fill(0.0);
        self.is_accompanied = false;
        self.presence = 0.0;
    }

    /// The averages, `[average][bin]`.
    pub fn averages(&self) -> &[f32] {
        &self.averages
    }

    /// The slowest average of what the performer played, `[bin]`.
    pub fn heard_average(&self) -> &[f32] {
        &self.heard_average
    }

    /// A frame of the seed: it enters the memory, and a continuation would go on from it. Returns whether it counts: of a long rest only
    /// the beginning does, as in training; what follows a silence would be silence.
    pub fn hear(&mut self, head: &ListeningHead, frame: &[f32]) -> bool {
        self.resting_frames = if is_rest(frame) { self.resting_frames.saturating_add(1) } else { 0 };
        if self.resting_frames > MAX_RESTING_FRAMES {
            return false;
        }
        self.remember(head, frame);
        self.move_on(frame);
        self.query.copy_from_slice(&self.heard_query);
        true
    }

    /// A frame of the performer while the continuation sounds. A rest is not remembered.
    pub fn accompany(&mut self, head: &ListeningHead, frame: &[f32]) {
        if is_rest(frame) {
            return;
        }
        self.remember(head, frame);
        self.is_accompanied = true;
    }

    fn remember(&mut self, head: &ListeningHead, frame: &[f32]) {
        if self.has_heard {
            self.heard.remember(&self.heard_key, frame);
        }
        self.average(head, frame);
        let slowest = &self.averages[(AVERAGES - 1) * frame.len()..];
        self.heard_average.copy_from_slice(slowest);
        for (level, rate) in self.performer.iter_mut().zip([head.average_rates[0], head.average_rates[AVERAGES - 1]]) {
            let rate = rate.max(1.0 / self.averaged as f32);
            level.iter_mut().zip(head.bands(frame)).for_each(|(level, now)| *level += rate * (now - *level));
        }
        self.see(frame);
        project(&head.key, &self.sight, &mut self.projected, &mut self.heard_key);
        project(&head.query, &self.sight, &mut self.projected, &mut self.heard_query);
        self.has_heard = true;
    }

    /// The averages move towards a frame; the first frames count as their mean.
    fn average(&mut self, head: &ListeningHead, frame: &[f32]) {
        self.averaged = self.averaged.saturating_add(1);
        let least = 1.0 / self.averaged as f32;
        for (average, rate) in self.averages.chunks_exact_mut(frame.len()).zip(head.average_rates) {
            let rate = rate.max(least);
            average.iter_mut().zip(frame).for_each(|(average, &level)| *average += rate * (level - *average));
        }
    }

    /// What a frame is known by, before it is projected: how it, and the shortest average, differ from the longest.
    fn see(&mut self, frame: &[f32]) {
        let bins = frame.len();
        let (short, long) = (&self.averages[..bins], &self.averages[(AVERAGES - 1) * bins..]);
        let (now, attack) = self.sight.split_at_mut(bins);
        for bin in 0..bins {
            now[bin] = frame[bin] - long[bin];
            attack[bin] = ATTACK_WEIGHT * (short[bin] - long[bin]);
        }
    }

    /// From here on it is the last frame.
    fn move_on(&mut self, frame: &[f32]) {
        std::mem::swap(&mut self.before, &mut self.frame);
        self.frame.copy_from_slice(frame);
    }

    /// Draws the next frame: into `drawn` what is fed back, into `heard` what sounds. Both: `[bin]`.
    pub fn draw(
        &mut self,
        head: &ListeningHead,
        now: &Situation<'_>,
        random: &mut Random,
        drawn: &mut [f32],
        heard: &mut [f32],
    ) {
        let Attention { recalls_itself, thread_seconds, recency, .. } = now.attention;
        let jump = head.hop_seconds / thread_seconds.max(head.hop_seconds);
        let recency = recency * (RESTING_RECENCY + (1.0 - RESTING_RECENCY) * self.presence);
        let moving = Moving { jump, recency: recency * head.hop_seconds };
        // While the performer plays, what is like their last moment counts as much as what is like its own.
        for (slot, (own, heard)) in self.blended_query.iter_mut().zip(self.query.iter().zip(&self.heard_query)) {
            *slot = own + self.presence * heard;
        }
        normalise(&mut self.blended_query);
        let rings = &mut [Some(&mut self.heard), recalls_itself.then_some(&mut self.predicted)];
        let recalled = self.thread.next(rings, &self.blended_query, moving, random, &mut self.suggestion);
        let sureness = recalled.unwrap_or_else(|| {
            self.suggestion.copy_from_slice(&self.frame);
            0.0
        });
        let bands = self.draw_bands(head, now, sureness, random);
        self.gather(head, now, &bands, sureness);
        self.draw_bins(head, now, sureness, random, drawn, heard);
    }

    /// The prediction, which is fed back, enters the memory.
    pub fn go_on(&mut self, head: &ListeningHead, frame: &[f32]) {
        if self.has_predicted {
            self.predicted.remember(&self.predicted_key, frame);
        }
        let is_accompanied = std::mem::take(&mut self.is_accompanied);
        let [rise, fall] = PRESENT_SECONDS.map(|seconds| (head.hop_seconds / seconds).min(1.0));
        self.presence += if is_accompanied { rise * (1.0 - self.presence) } else { -fall * self.presence };
        // While the performer plays, the averages are theirs.
        if !is_accompanied {
            self.average(head, frame);
        }
        self.move_on(frame);
        self.see(frame);
        project(&head.query, &self.sight, &mut self.projected, &mut self.query);
        project(&head.key, &self.sight, &mut self.projected, &mut self.predicted_key);
        self.has_predicted = true;
    }

    /// The levels of the bands, 0…1, one after the other.
    fn draw_bands(
        &mut self,
        head: &ListeningHead,
        now: &Situation<'_>,
        sureness: f32,
        random: &mut Random,
    ) -> [f32; BANDS] {
        let hidden = head.hidden;
        let levels = head.tier.levels;
        let recalled = head.bands(&self.suggestion);
        let inputs = &mut self.band_inputs;
        inputs[..hidden].copy_from_slice(now.h);
        inputs[hidden..].fill(0.0);
        inputs[hidden + 2 * BANDS..][..BANDS].copy_from_slice(&recalled);
        inputs[hidden + 3 * BANDS] = sureness;
        let mut bands = [0.0; BANDS];
        for band in 0..BANDS {
            inputs[hidden..][..BANDS].copy_from_slice(&bands);
            let which = &mut inputs[hidden + BANDS..][..BANDS];
            which.fill(0.0);
            which[band] = 1.0;
            now.layers.bands_hidden.forward(inputs, &mut self.band_hidden);
            let activated = &mut self.band_hidden[..head.tier.band_hidden];
            activated.iter_mut().for_each(|x| *x = x.max(0.0));
            now.layers.bands_out.forward(activated, &mut self.band_logits);
            let logits = &mut self.band_logits[..levels];
            let [current, usual] = self.performer.map(|level| level[band]);
            let aim = match now.attention.dynamics {
                Dynamics::Own => None,
                Dynamics::Follow => Some(current),
                Dynamics::Opposite => Some(2.0 * usual - current),
            };
            if let Some(aim) = aim {
                lean(logits, aim, LEAN_ODDS * self.presence);
            }
            let is_sound = logits.iter().all(|logit| logit.is_finite());
            let level = levels::draw(logits, now.band_temperature, random.uniform(), &mut self.weights);
            // What is no number shows itself in the frame, and ends the continuation.
            bands[band] = if is_sound { level as f32 / (levels - 1) as f32 } else { f32::NAN };
        }
        bands
    }

    /// What every bin knows before the frame is drawn.
    fn gather(&mut self, head: &ListeningHead, now: &Situation<'_>, bands: &[f32; BANDS], sureness: f32) {
        let BinTier { context, position, .. } = head.tier;
        let bins = head.own.bins;
        let at = |frame: &[f32], bin: usize| frame.get(bin).copied().unwrap_or(0.0);
        for (bin, slots) in self.known.chunks_exact_mut(head.tier.known_inputs()).enumerate() {
            slots[0] = if bin == 0 { 0.0 } else { self.frame[bin - 1] };
            slots[1] = self.frame[bin];
            slots[2] = at(&self.frame, bin + 1);
            slots[3] = at(&self.frame, bin + 2);
            slots[4] = self.before[bin];
            let rest = &mut slots[5..];
            let (averages, rest) = rest.split_at_mut(AVERAGES);
            for (slot, average) in averages.iter_mut().zip(self.averages.chunks_exact(bins)) {
                *slot = average[bin];
            }
            let (own_context, rest) = rest.split_at_mut(context);
            for (slot, &x) in own_context.iter_mut().zip(&now.context[bin * context..]) {
                *slot = tanh(x);
            }
            let (own_position, rest) = rest.split_at_mut(position);
            own_position.copy_from_slice(&head.position[bin * position..][..position]);
            let (own_bands, rest) = rest.split_at_mut(BANDS);
            own_bands.copy_from_slice(bands);
            rest.copy_from_slice(&[self.suggestion[bin], at(&self.suggestion, bin + 1), sureness]);
        }
    }

    fn draw_bins(
        &mut self,
        head: &ListeningHead,
        now: &Situation<'_>,
        sureness: f32,
        random: &mut Random,
        drawn: &mut [f32],
        heard: &mut [f32],
    ) {
        let levels = head.tier.levels;
        let top = (levels - 1) as f32;
        let (listen, loyalty) = (now.attention.listen_odds(), now.attention.loyal_odds());
        now.layers.bins.begin(&self.known, &mut self.bins);
        let mut below = [0.0; 2];
        for bin in 0..drawn.len() {
            let logits = now.layers.bins.next(bin, below, &mut self.bins);
            let is_sound = logits.iter().all(|logit| logit.is_finite());
            if loyalty > 0.0 {
                let free = self.heard_average[bin] + LOYAL_MARGIN;
                for (level, logit) in logits.iter_mut().enumerate() {
                    *logit -= loyalty * levels as f32 * (level as f32 / top - free).max(0.0);
                }
            }
            if listen > 0.0 {
                lean(logits, self.suggestion[bin], listen * sureness * levels as f32 / top);
            }
            let level = levels::draw(logits, now.temperature, random.uniform(), &mut self.weights);
            drawn[bin] = if is_sound { level as f32 / top } else { f32::NAN };
            // The lowest level is silence.
            heard[bin] = match level {
                0 => 0.0,
                _ => levels::soften(logits, level, HEARD_REACH, &mut self.weights) / top,
            };
            below = [drawn[bin], below[0]];
        }
    }
}

fn is_rest(frame: &[f32]) -> bool {
    frame.iter().all(|&level| level < REST)
}

/// Levels lose odds with every step of theirs that lies between them and `aim` (0…1).
fn lean(logits: &mut [f32], aim: f32, odds_per_step: f32) {
    let aim = aim * (logits.len() - 1) as f32;
    for (level, logit) in logits.iter_mut().enumerate() {
        *logit -= odds_per_step * (level as f32 - aim).abs();
    }
}

/// `[key_size]` of unit length; of nothing, zeros.
fn project(dense: &Dense, sight: &[f32], scratch: &mut [f32], out: &mut [f32]) {
    dense.forward(sight, scratch);
    out.copy_from_slice(&scratch[..out.len()]);
    normalise(out);
}

fn normalise(vector: &mut [f32]) {
    let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt() + 1e-9;
    vector.iter_mut().for_each(|x| *x /= length);
}

#[cfg(test)]
mod tests;
