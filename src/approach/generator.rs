//! A network that has heard a seed and goes on from it, at the model's own rate.

use super::{
    Colour, FrameAnalyser, FrameSynth, Manner, Network,
    colour::{Masks, max_hop},
    delay_line::{Columns, DelayLine},
    head,
    listening::{Listener, Situation},
};
use crate::{
    dsp::random::{Random, mix64},
    nn::{StackState, tanh},
};
use std::sync::Arc;

/// A continuation whose frames change by less than this part of themselves, on average over [`STUCK_SECONDS`], is a drone.
const STUCK_CHANGE: f32 = 0.004;
const STUCK_SECONDS: f32 = 2.0;

/// Feed it the windows of the seed, then let it predict, one hop at a time.
///
/// # Realtime safety
/// `new` allocates, `set_network` may free; the other methods do neither.
#[derive(Clone, Debug)]
pub struct Generator {
    network: Arc<Network>,
    analyser: FrameAnalyser,
    synth: FrameSynth,
    state: StackState,
    random: Random,
    /// Transpose: what the other columns say.
    delay_line: Option<DelayLine>,
    /// Listening: what was heard.
    listener: Option<Box<Listener>>,
    /// Frame of the seed, or the predicted one; where it slides, its newest sample. Padded for the kernel.
    frame: Vec<f32>,
    last_frame: Vec<f32>,
    /// Input of the network; where it slides, its newest number. Padded for the kernel.
    features: Vec<f32>,
    next: Vec<f32>,
    /// The same with less noise: what is heard.
    sounded: Vec<f32>,
    output: Vec<f32>,
    primed: bool,
    /// The last step was one of the seed.
    feeding: bool,
    change: f32,
    change_speed: f32,
    failed: bool,
    /// What is to come has sounded, and the network has not yet stepped.
    pub(super) is_due: bool,
    input_keep: f32,
    output_keep: f32,
    /// Masks last for one predicted step.
    fresh_dropout: bool,
    colour: Colour,
    masks: Masks,
}

impl Generator {
    /// A continuation that has heard nothing.
    pub fn new(network: Arc<Network>) -> Self {
        let config = network.config();
        let (frame, features) = match &network.projection {
            Some(projection) => (projection.make_frame_buffer(), projection.make_feature_buffer()),
            None => (vec![0.0; network.frame_size()], vec![0.0; network.inputs()]),
        };
        let hop_seconds = config.hop_samples() as f32 / config.sample_rate_hz as f32;
        let state = network.stack.make_state();
        Self {
            analyser: FrameAnalyser::new(config),
            synth: FrameSynth::new(config),
            masks: Masks::new(state.units(), hop_seconds),
            state,
            delay_line: network.columns.as_ref().map(Columns::make_delay_line),
            listener: network.listening.as_ref().map(|head| Box::new(Listener::new(head))),
            random: Random::new(0),
            last_frame: frame.clone(),
            frame,
            features,
            next: vec![0.0; config.features()],
            sounded: vec![0.0; config.features()],
            output: network.out.make_output_buffer(),
            primed: false,
            feeding: false,
            change: 1.0,
            change_speed: (hop_seconds / STUCK_SECONDS).min(1.0),
            failed: false,
            is_due: false,
            input_keep: 1.0,
            output_keep: 1.0,
            fresh_dropout: false,
            colour: Colour::default(),
            network,
        }
    }

    /// The model it runs.
    pub fn network(&self) -> &Arc<Network> {
        &self.network
    }

    /// Goes on with other weights from where it is, for sampling while a model is trained. The one held before is freed
    /// here if nobody else has it.
    ///
    /// # Panics
    /// If the configurations differ in more than texts, provenance, figures of the material, temperature, noise and warm-up.
    pub fn set_network(&mut self, network: Arc<Network>) {
        assert!(self.network.can_be_replaced_by(&network), "another network's state cannot be taken over");
        self.network = network;
        self.state.change_stack();
    }

    /// Dropout while sampling (Pfalz 2018): from the next [`Self::reset`] on, inputs and outputs of every layer are kept
    /// with these probabilities and divided by them, always the same ones until the reset after that. 1 and 1, as at
    /// first: all are kept, and nothing is drawn.
    ///
    /// # Panics
    /// If a probability is not above 0 and at most 1.
    pub fn set_dropout(&mut self, input_keep: f32, output_keep: f32) {
        for keep in [input_keep, output_keep] {
            assert!(keep > 0.0 && keep <= 1.0, "a probability of being kept: {keep}");
        }
        (self.input_keep, self.output_keep) = (input_keep, output_keep);
    }

    /// Dropout draws anew before every predicted step, as a network does that was left in training. Off at first. A
    /// network that settles on a constant is kept moving so.
    pub fn set_fresh_dropout(&mut self, fresh: bool) {
        self.fresh_dropout = fresh;
    }

    /// Colours what is predicted from here on. Its masks replace those of [`Self::set_dropout`].
    pub fn set_colour(&mut self, colour: Colour) {
        self.colour = colour;
        self.synth.pick_peaks(colour.peaks);
    }

    /// How many samples the next prediction sounds: the model's hop, stretched where the model's sound can be.
    pub fn hop_samples(&self) -> usize {
        let hop = self.network.config().hop_samples();
        if self.synth.stretches() { self.colour.stretched(hop) } else { hop }
    }

    /// The most that it can become.
    pub fn max_hop_samples(&self) -> usize {
        let hop = self.network.config().hop_samples();
        if self.synth.stretches() { max_hop(hop) } else { hop }
    }

    /// Forgets everything; all that is random from here on follows from `random_seed`.
    pub fn reset(&mut self, random_seed: u64) {
        self.random = Random::new(mix64(random_seed ^ 0x5359_4d50));
        self.forget_state();
        self.synth.reset(&mut self.random);
        self.state.draw_dropout(self.input_keep, self.output_keep, &mut self.random);
        self.masks.reset(random_seed);
        for buffer in [&mut self.frame, &mut self.last_frame, &mut self.features, &mut self.next, &mut self.output] {
            buffer.fill(0.0);
        }
        self.primed = false;
        self.feeding = false;
        self.change = 1.0;
        self.failed = false;
        self.is_due = false;
    }

    /// One step of the seed. `window`: `[window_samples]`, finite. Windows that follow each other lie one hop apart: where they
    /// slide, only the newest sample of those after the first is looked at.
    pub fn feed(&mut self, window: &[f32]) {
        let network = Arc::clone(&self.network);
        let frame_size = network.frame_size();
        let fresh = if network.config().slides() {
            assert_eq!(window.len(), network.config().window_samples());
            let length = window.len();
            if !self.feeding {
                network.stack.prime(&mut self.state, |slots| self.analyser.frame(&window[..length - 1], slots));
            }
            // With emphasis a sample is heard beside the one before it.
            &window[length - 1 - usize::from(network.config().pre_emphasis() > 0.0)..]
        } else {
            window
        };
        self.analyser.frame(fresh, &mut self.frame[..frame_size]);
        match &network.projection {
            Some(projection) => projection.project(&self.frame[..frame_size], &mut self.features),
            None => self.features[..frame_size].copy_from_slice(&self.frame[..frame_size]),
        }
        self.primed = false;
        self.feeding = true;
        if let (Some(head), Some(listener)) = (&network.listening, &mut self.listener) {
            if !listener.hear(head, &self.frame[..frame_size]) {
                return;
            }
            self.features[frame_size..network.inputs()].copy_from_slice(listener.averages());
        }
        self.step();
    }

    /// True if it remembers what it hears, also while it predicts: [`Self::remember`], [`Self::accompany`].
    pub fn listens(&self) -> bool {
        self.listener.is_some()
    }

    /// The slowest average of what a model that listens has heard, bin by bin, 0 to 1; of others nothing.
    pub fn memory(&self) -> &[f32] {
        self.listener.as_ref().map_or(&[], |listener| listener.heard_average())
    }

    /// The gain with which sound is heard from here on; what is predicted is as much softer. Models that listen learned at one
    /// level; others hear sound as it is.
    pub fn set_input_gain(&mut self, gain: f32) {
        if self.listens() && gain > 0.0 && gain.is_finite() {
            self.analyser.set_gain_db(20.0 * libm::log10f(gain));
            self.synth.set_gain(1.0 / gain);
        }
    }

    /// A window of sound before the seed, which a model that listens remembers. `window` as in [`Self::feed`].
    pub fn remember(&mut self, window: &[f32]) {
        let network = Arc::clone(&self.network);
        if let (Some(head), Some(listener)) = (&network.listening, &mut self.listener) {
            let frame = &mut self.frame[..network.frame_size()];
            self.analyser.frame(window, frame);
            listener.hear(head, frame);
        }
    }

    /// A window of what the performer plays while it predicts, which a model that listens remembers. `window` as in [`Self::feed`].
    pub fn accompany(&mut self, window: &[f32]) {
        let network = Arc::clone(&self.network);
        if let (Some(head), Some(listener)) = (&network.listening, &mut self.listener) {
            let frame = &mut self.sounded[..network.frame_size()];
            self.analyser.frame(window, frame);
            listener.accompany(head, frame);
        }
    }

    /// Predicts the next hop of sound. `manner`: a temperature, which multiplies the model's own temperature and feedback noise (1 is what its
    /// maker recommends, 0 is without chance in every step), or what else a [`Manner`] says. `out`: [`Self::hop_samples`], finite whatever happens; after a NaN or an infinity in
    /// the network it is silence and [`Self::has_failed`] is true.
    pub fn predict<'a>(&mut self, manner: impl Into<Manner<'a>>, out: &mut [f32]) {
        self.sound(manner.into(), out);
        if std::mem::take(&mut self.is_due) {
            self.step();
        }
    }

    /// The first half of [`Self::predict`], up to the step of the network: it is due, unless the continuation has failed.
    pub(super) fn sound(&mut self, manner: Manner<'_>, out: &mut [f32]) {
        let temperature = manner.temperature;
        let network = Arc::clone(&self.network);
        let config = network.config();
        let frame_size = network.frame_size();
        if self.failed {
            out.fill(0.0);
            return;
        }
        if !self.primed {
            self.synth.prime(&self.frame[..frame_size]);
            self.last_frame.copy_from_slice(&self.frame);
            self.primed = true;
        }
        self.feeding = false;
        let inputs = network.inputs();
        if let (Some(head), Some(listener)) = (&network.listening, &mut self.listener) {
            let attention = self.colour.attention;
            let situation = Situation {
                h: self.state.output(),
                context: &self.output[..network.output_size()],
                temperature: temperature * attention.bin_temperature(config.temperature),
                band_temperature: (temperature + attention.level_temperature).max(0.0),
                attention,
                layers: manner.layers_of(&network).unwrap_or(head.layers()),
            };
            listener.draw(head, &situation, &mut self.random, &mut self.next, &mut self.sounded);
        } else {
            let current = &self.features[..inputs];
            let chance = head::Chance {
                temperature: temperature * config.temperature,
                spread: config.sound_spread,
                random: &mut self.random,
            };
            head::draw(config.head, &self.output, current, chance, &mut self.next, &mut self.sounded);
        }
        if !self.next.iter().all(|x| x.is_finite()) {
            self.fail(out);
            return;
        }
        match &network.projection {
            Some(projection) => {
                projection.clamp(&mut self.next);
                projection.reconstruct(&self.next, &mut self.frame);
            }
            None if self.listener.is_some() => self.frame[..frame_size].copy_from_slice(&self.next),
            None => self.frame[..frame_size].copy_from_slice(&self.sounded),
        }
        // A model that listens is fed what was drawn; what sounds is softened.
        let sounding = if self.listener.is_some() { &self.sounded } else { &self.frame };
        self.synth.sound(&sounding[..frame_size], out);
        if !out.iter().all(|x| x.is_finite()) {
            self.fail(out);
            return;
        }
        self.watch_change();
        let spread = temperature * config.feedback_noise;
        if spread > 0.0 {
            self.next.iter_mut().for_each(|x| *x += spread * self.random.normal());
        }
        let (features, averages) = self.features[..inputs].split_at_mut(self.next.len());
        features.copy_from_slice(&self.next);
        if let (Some(head), Some(listener)) = (&network.listening, &mut self.listener) {
            listener.go_on(head, &self.next);
            averages.copy_from_slice(listener.averages());
        }
        if self.fresh_dropout {
            self.state.draw_dropout(self.input_keep, self.output_keep, &mut self.random);
        }
        self.masks.step(&self.colour, &mut self.state);
        self.is_due = true;
    }

    /// What the network said last: parameters of the next frame, before anything is drawn.
    pub(super) fn said(&self) -> &[f32] {
        &self.output[..self.network.output_size()]
    }

    /// True once the network has produced something that is not a number; stays so until [`Self::reset`].
    pub fn has_failed(&self) -> bool {
        self.failed
    }

    /// True while the frames hardly change: the continuation has become a drone.
    pub fn is_stuck(&self) -> bool {
        self.change < STUCK_CHANGE
    }

    fn step(&mut self) {
        let network = Arc::clone(&self.network);
        let (input, state) = self.parts();
        network.stack.step(input, state);
        let (h, output) = self.dense_parts();
        network.out.forward(h, output);
        self.after_step();
    }

    /// What the network hears next, and its state.
    pub(super) fn parts(&mut self) -> (&[f32], &mut StackState) {
        (&self.features[..self.network.inputs()], &mut self.state)
    }

    /// What the dense layer hears after a step of the stack, and where it writes.
    pub(super) fn dense_parts(&mut self) -> (&[f32], &mut [f32]) {
        (self.state.output(), &mut self.output)
    }

    /// What follows the dense layer.
    pub(super) fn after_step(&mut self) {
        let network = &self.network;
        let config = network.config();
        if let (Some(columns), Some(line)) = (&network.columns, &mut self.delay_line) {
            let said = &mut self.output[..network.output_size()];
            line.push(said);
            columns.predict(line, said);
        }
        if config.tanh_output {
            self.output[..config.features()].iter_mut().for_each(|y| *y = tanh(*y));
        }
    }

    fn forget_state(&mut self) {
        self.state.reset();
        if let Some(line) = &mut self.delay_line {
            line.reset();
        }
        if let Some(listener) = &mut self.listener {
            listener.forget();
        }
    }

    fn fail(&mut self, out: &mut [f32]) {
        out.fill(0.0);
        self.forget_state();
        self.next.fill(0.0);
        self.output.fill(0.0);
        self.features.fill(0.0);
        self.failed = true;
    }

    fn watch_change(&mut self) {
        let frame_size = self.network.frame_size();
        let (new, last) = (&self.frame[..frame_size], &mut self.last_frame[..frame_size]);
        let (mut change, mut total) = (0.0f32, 1e-9f32);
        for (a, b) in new.iter().zip(&*last) {
            change += (a - b).abs();
            total += a.abs();
        }
        self.change += self.change_speed * ((change / total).min(1.0) - self.change);
        last.copy_from_slice(new);
    }
}
