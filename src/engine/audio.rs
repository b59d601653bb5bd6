//! The engine of the audio thread.

use super::{
    audition::{Audition, Auditioner, audition},
    beats::BeatClock,
    clock::{ClockChange, SampleClock},
    duck::gain,
    fades::Flow,
    input::Hearing,
    link::AudioLink,
    meters::Meters,
    mixer::{LOOKAHEAD_SECONDS, Mixer},
    quantum::{Gestures, InQuantum, MAX_NOTES, Note, OutQuantum, QuantumAudio, REGIONS},
    scope::SoundSample,
    sympathetic::SympatheticLayers,
    tail::Tail,
    tap::{TakeOrder, TakeTap},
    types::{Activity, EngineConfig, Event, GRID_SAMPLES, MAX_CHANNELS, Transport},
    waiting::Waiting,
};
use crate::{
    control::{ParamId, ParamValues, SeedSource},
    dsp::{
        float_mode::in_float_mode,
        level::{Ramp, samples},
    },
    learn::LearnBoard,
};
use std::sync::Arc;

/// MIDI controllers that [`Engine::stop_from_midi`] is for.
pub const STOPS: [u8; 6] = [120, 123, 124, 125, 126, 127];
/// Gain of the wet while feedback is detected: −12 dB.
const FEEDBACK_GAIN: f32 = 0.25;
const GRID: i64 = GRID_SAMPLES as i64;
/// A continuation may still start for this long after the input has fallen silent: the longest seed and its warm-up.
const MAY_START_SECONDS: f32 = 13.0;

/// Takes the host's blocks, sends quanta of input to the worker, mixes the predictions that come back.
///
/// # Realtime safety
/// [`Engine::process`], [`Engine::reset`] and [`Engine::stop_from_midi`] neither allocate, free, lock nor log. They make no
/// system call but one clock read per call, unless the call may wait (DESIGN 3).
#[derive(Debug)]
pub struct Engine {
    sample_rate_hz: u32,
    channels: usize,
    reaction_quanta: i64,
    least_seed_quanta: i64,
    lookahead_samples: usize,
    link: AudioLink,
    clock: SampleClock,
    beats: BeatClock,
    waiting: Waiting,
    values: ParamValues,
    mixer: Mixer,
    voice_level: Ramp,
    layers: SympatheticLayers,
    /// Lowers the wet while feedback is detected.
    feedback_gain: Ramp,
    hearing: Hearing,
    stop_held: bool,
    midi_stopped: bool,
    /// After *Stop* is released the wet stays silent up to this quantum: predictions already under way are obsolete.
    muted_until_quantum: Option<i64>,
    epoch: u32,
    first_quantum: i64,
    in_quantum: InQuantum,
    out_quantum: Option<OutQuantum>,
    entered_quantum: Option<i64>,
    flow: Flow,
    tail: Tail,
    tap: Option<TakeTap>,
    audition: Audition,
    auditioner: Auditioner,
    learning: Arc<LearnBoard>,
    active: bool,
    quiet_samples: usize,
    /// Quanta were lost: a new epoch begins as soon as the worker has caught up.
    restart_pending: bool,
    /// And *Stop* was held since: what sounded does not go on.
    stopped_in_loss: bool,
    /// The transport has started: ramps jump at the next sample.
    settle_pending: bool,
    was_playing: bool,
}

impl Engine {
    /// An engine whose quanta go through `link`; `reaction_quanta` whole quanta of reaction time.
    pub fn new(config: &EngineConfig, link: AudioLink, reaction_quanta: usize) -> Self {
        let rate = config.sample_rate_hz;
        let lookahead_samples = samples(LOOKAHEAD_SECONDS, rate) as usize;
        let values = config.values;
        let (auditioner, audition) = audition(rate);
        let stop_held = values.get(ParamId::Stop) >= 0.5;
        let mut mixer = Mixer::new(
            rate,
            &values,
            // Predictions end one reaction time after Stop: the fade must have ended by then.
            (reaction_quanta.saturating_sub(1) * GRID_SAMPLES) as u32,
        );
        mixer.set_stopped(stop_held);
        mixer.settle();
        Self {
            sample_rate_hz: rate,
            channels: config.channels.clamp(1, MAX_CHANNELS),
            reaction_quanta: reaction_quanta as i64,
            least_seed_quanta: (ParamId::SeedLength.spec().min * rate as f32) as i64 / GRID,
            lookahead_samples,
            link,
            clock: SampleClock::new(config.clock),
            beats: BeatClock::default(),
            waiting: Waiting::new(config.mode),
            values,
            mixer,
            voice_level: Ramp::new(gain(values.get(ParamId::VoiceLevel)), samples(0.010, rate)),
            layers: SympatheticLayers::new(rate, &values),
            feedback_gain: Ramp::new(1.0, samples(0.1, rate)),
            hearing: Hearing::new(config.channels.clamp(1, MAX_CHANNELS), rate, &values),
            stop_held,
            midi_stopped: false,
            muted_until_quantum: None,
            epoch: 1,
            first_quantum: 0,
            in_quantum: InQuantum::empty(1, 0, 0, values),
            out_quantum: None,
            entered_quantum: None,
            flow: Flow::new(),
            tail: Tail::new(lookahead_samples),
            tap: None,
            audition,
            auditioner,
            learning: Arc::clone(&config.learning),
            active: false,
            quiet_samples: usize::MAX,
            restart_pending: false,
            stopped_in_loss: false,
            settle_pending: false,
            was_playing: false,
        }
    }

    /// Sends wet and dry to the take recorder from now on; *Save Take* makes it write files. Not for the audio thread.
    pub fn attach_tap(&mut self, tap: TakeTap) {
        self.tap = Some(tap);
    }

    /// Where sound can be sent that is to be heard beside what is played, live only. Not for the audio thread.
    pub fn auditioner(&self) -> &Auditioner {
        &self.auditioner
    }

    /// What it shows of its learning. Not for the audio thread.
    pub fn learning(&self) -> &Arc<LearnBoard> {
        &self.learning
    }

    /// The reaction time in samples.
    pub fn reaction_samples(&self) -> usize {
        self.reaction_quanta as usize * GRID_SAMPLES
    }

    /// Counters and states, readable from any thread.
    pub fn meters(&self) -> &Arc<Meters> {
        &self.link.shared.meters
    }

    /// The current values of the parameters.
    pub fn values(&self) -> ParamValues {
        self.values
    }

    /// Forgets input, voices and fades; the clock begins at 0. Parameters stay.
    pub fn reset(&mut self) {
        self.feedback_gain.set_target(1.0);
        self.clock.reset();
        self.tail.forget();
        self.midi_stopped = false;
        self.audition.end();
        self.begin_epoch();
        self.settle();
        self.quiet_samples = usize::MAX;
        self.active = false;
        self.waiting.reset();
        self.was_playing = false;
    }

    /// True while the host runs ahead of the wall clock, as in a bounce, reported or not.
    ///
    /// # Realtime safety
    /// Reads a number.
    pub fn is_ahead(&self) -> bool {
        self.waiting.is_ahead()
    }

    /// Whether a MIDI controller means [`Self::stop_from_midi`]: "all sound off" (120), "all notes off" (123), and the changes of
    /// mode (124 to 127), which the standard lets end all notes, too.
    pub fn is_stop(controller: u8) -> bool {
        STOPS.contains(&controller)
    }

    /// MIDI "all sound off" or "all notes off": as *Stop*, until *Stop* is moved, the transport starts, or a reset.
    pub fn stop_from_midi(&mut self) {
        self.midi_stopped = true;
        self.update_stop();
    }

    /// A value that was restored, not set: a button that was down when a project was saved is down, and has not been pressed.
    ///
    /// # Realtime safety
    /// As [`Self::process`].
    pub fn adopt(&mut self, id: ParamId, value: f32) {
        self.values.set(id, value);
    }

    /// A note begins at the next sample. `velocity`: 0…1.
    ///
    /// # Realtime safety
    /// As [`Self::process`].
    pub fn note_on(&mut self, key: u8, velocity: f32) {
        let gestures = &mut self.in_quantum.gestures;
        if gestures.note_count < MAX_NOTES && velocity > 0.0 {
            gestures.notes[gestures.note_count] = Note { key, velocity: velocity.min(1.0) };
            gestures.note_count += 1;
        }
    }

    /// Processes a block in place. `channels`: `[channel][sample]`, equally long; channels past the configured ones are left
    /// alone. `events` are sorted by offset; an offset past the end counts as the end. `transport` is that of offset 0.
    pub fn process(&mut self, channels: &mut [&mut [f32]], events: &[Event], transport: Transport) -> Activity {
        self.process_with_sidechain(channels, &[], events, transport)
    }

    /// [`Self::process`] with a sidechain (`[channel][sample]`); missing channels and samples are silence.
    pub fn process_with_sidechain(
        &mut self,
        channels: &mut [&mut [f32]],
        sidechain: &[&[f32]],
        events: &[Event],
        transport: Transport,
    ) -> Activity {
        in_float_mode(|| self.process_block(channels, sidechain, events, transport))
    }

    fn process_block(
        &mut self,
        channels: &mut [&mut [f32]],
        sidechain: &[&[f32]],
        events: &[Event],
        transport: Transport,
    ) -> Activity {
        let block = channels.iter().map(|channel| channel.len()).min().unwrap_or(0);
        let seconds = |samples: usize| samples as f64 / f64::from(self.sample_rate_hz);
        self.waiting.begin_call(seconds(block), seconds(self.reaction_samples()));
        self.link.set_patience(self.waiting.ahead_seconds());
        let old_time = self.clock.time();
        // In both clock modes: the start of the song ends a stop that came by MIDI.
        let started = transport.playing && !self.was_playing;
        self.was_playing = transport.playing;
        if started && self.midi_stopped {
            self.midi_stopped = false;
            self.update_stop();
        }
        match self.clock.follow(transport) {
            ClockChange::Restart(_) => {
                self.jump(old_time);
            }
            ClockChange::Loop | ClockChange::None => self.go_on_after_loss(),
        }
        self.beats.follow(transport, self.clock.time(), self.sample_rate_hz);
        let mut events = events.iter().peekable();
        let mut done = 0;
        while done < block {
            while let Some(event) = events.next_if(|event| event.offset_samples <= done) {
                self.apply(*event);
            }
            if std::mem::take(&mut self.settle_pending) {
                // A start must not depend on anything before it, not even on a fade under way.
                self.settle();
            }
            let position = self.clock.time().rem_euclid(GRID) as usize;
            self.enter_quantum();
            let until_event = events.peek().map_or(block, |event| event.offset_samples.min(block));
            let end = until_event.min(done + GRID_SAMPLES - position);
            self.segment(channels, sidechain, done, end, position);
            // A performance alone has it.
            if self.waiting.is_ahead() || self.values.get(ParamId::Bypass) >= 0.5 {
                self.audition.end();
            }
            let heard = channels.len().min(self.channels);
            self.audition.add(&mut channels[..heard], done, end);
            self.clock.advance(end - done);
            if position + (end - done) == GRID_SAMPLES {
                self.finish_quantum();
            }
            done = end;
        }
        for event in events {
            self.apply(*event);
        }
        self.activity()
    }

    /// Ends all ramps at their targets.
    fn settle(&mut self) {
        self.mixer.settle();
        self.layers.settle(&self.values);
        self.hearing.settle();
        for ramp in [&mut self.voice_level, &mut self.feedback_gain] {
            ramp.jump(ramp.target());
        }
    }

    fn apply(&mut self, event: Event) {
        let was = self.values.get(event.id);
        self.values.set(event.id, event.value);
        let value = self.values.get(event.id);
        match event.id {
            ParamId::Continue => self.in_quantum.gestures.continued |= was < 0.5 && value >= 0.5,
            ParamId::Capture => self.in_quantum.gestures.captured |= was < 0.5 && value >= 0.5,
            ParamId::LearnForget => self.in_quantum.gestures.forgotten |= was < 0.5 && value >= 0.5,
            ParamId::KeepLearnt => self.in_quantum.gestures.kept |= was < 0.5 && value >= 0.5,
            ParamId::Stop => {
                self.stop_held = value >= 0.5;
                self.midi_stopped = false;
                self.update_stop();
            }
            ParamId::Keep | ParamId::LearnTake | ParamId::LearnRecord => {
                if let (Some(tap), Some(order)) = (&mut self.tap, TakeOrder::of(event.id, was, value)) {
                    tap.ask(order, self.values, &mut self.waiting, &self.link.shared.meters);
                }
            }
            ParamId::VoiceLevel => self.voice_level.set_target(gain(value)),
            id => {
                self.hearing.set(id, &self.values);
                self.mixer.set(id, value);
                self.layers.set(id, value);
            }
        }
    }

    fn is_armed(&self) -> bool {
        !self.stop_held && !self.midi_stopped
    }

    fn update_stop(&mut self) {
        if self.is_armed() {
            self.muted_until_quantum = Some(self.clock.time().div_euclid(GRID) + self.reaction_quanta);
        } else {
            self.stopped_in_loss = true;
            if self.restart_pending {
                // What it would have begun it ends; what sounds nothing is done all the same.
                let Gestures { captured, forgotten, kept, .. } = self.in_quantum.gestures;
                self.in_quantum.gestures = Gestures { captured, forgotten, kept, ..Gestures::default() };
            }
            self.in_quantum.armed = false;
            self.muted_until_quantum = None;
            self.mixer.set_stopped(true);
        }
    }

    /// At the first sample of a quantum: checks that its prediction and the lookahead behind it have arrived.
    fn enter_quantum(&mut self) {
        let time = self.clock.time();
        let index = time.div_euclid(GRID);
        if self.entered_quantum == Some(index) {
            return;
        }
        self.go_on_after_loss();
        self.entered_quantum = Some(index);
        self.layers.begin_quantum(&self.values);
        self.link.set_now(self.epoch, index);
        let scope = self.link.shared.meters.scope();
        if scope.is_watched() {
            scope.put_place(index * GRID, self.link.quanta_on_their_way());
            scope.put_bands(self.layers.envelopes());
        }
        if self.muted_until_quantum.is_some_and(|until| index >= until) {
            self.muted_until_quantum = None;
            self.mixer.set_stopped(false);
        }
        // Before the shortest seed has been heard and the reaction time has passed, no prediction can exist: silence,
        // no underrun, and no need to wait when a host has just begun to hurry.
        let first_predicted = self.first_quantum + self.reaction_quanta + self.least_seed_quanta;
        // At low rates the lookahead is shorter than a quantum: the next quantum is required all the same, to fade out in.
        let last = (time + self.lookahead_samples as i64 - 1).div_euclid(GRID).max(index + 1);
        let from = index.max(first_predicted);
        let wanted = (last - from + 1).max(0) as usize;
        let ready = if wanted == 0 || self.restart_pending {
            // What was not sent is not answered, however long one waits.
            self.link.quanta_ready(self.epoch, from, wanted) >= wanted
        } else {
            self.waiting.wait_for(&mut self.link, self.epoch, from, wanted)
        };
        let in_hand = if ready { 0 } else { self.link.quanta_ready(self.epoch, from, wanted) };
        let in_hand_samples = (from - index) as usize * GRID_SAMPLES + in_hand * GRID_SAMPLES;
        if self.flow.enter_quantum(ready, in_hand_samples, self.lookahead_samples) {
            self.meters().count_underrun();
        }
        self.out_quantum = if index >= first_predicted { self.link.take(self.epoch, index) } else { None };
        if let Some(quantum) = &self.out_quantum {
            self.active = quantum.active;
            self.guard_against_feedback();
        } else if self.link.shared.is_dead() {
            self.active = false;
        }
    }

    fn guard_against_feedback(&mut self) {
        let is_feedback = self.out_quantum.as_ref().is_some_and(|quantum| quantum.feedback);
        let target = if is_feedback && self.values.get(ParamId::FeedbackGuard) >= 0.5 { FEEDBACK_GAIN } else { 1.0 };
        if target < self.feedback_gain.target() {
            self.meters().count_feedback();
        }
        self.feedback_gain.set_target(target);
    }

    /// `start..end` of the block lies inside one quantum, from `position` on.
    fn segment(
        &mut self,
        channels: &mut [&mut [f32]],
        sidechain: &[&[f32]],
        start: usize,
        end: usize,
        position: usize,
    ) {
        const SILENCE: QuantumAudio = [[0.0; GRID_SAMPLES]; MAX_CHANNELS];
        let scope = self.link.shared.meters.scope();
        let is_watched = scope.is_watched();
        for (i, position) in (start..end).zip(position..) {
            let heard =
                self.hearing.hear(channels, sidechain, i, (&mut self.in_quantum, position), &self.link.shared.meters);
            let gains = self.mixer.advance(heard);
            let voices = self.voice_level.advance();
            let flow = self.flow.advance();
            let predicted = self.out_quantum.as_ref().map_or(&SILENCE, |quantum| &quantum.audio);
            let loops =
                self.out_quantum.as_ref().map_or([0.0; REGIONS], |quantum| quantum.regions.map(|r| flow * r[position]));
            let layers = self.layers.advance(heard, loops);
            let guard = self.feedback_gain.advance();
            let mut quiet = self.in_quantum.played.iter().all(|channel| channel[position] == 0.0);
            let mut loudest = 0.0f32;
            for (channel, samples) in channels.iter_mut().take(self.channels).enumerate() {
                // What is no number would go on into everything behind: it is silence here as well.
                let dry = if samples[i].is_finite() { samples[i] } else { 0.0 };
                quiet &= dry == 0.0;
                let played = predicted[channel][position] * voices * flow + layers[channel];
                let wet = gains.limited(guard * played + self.tail.value(channel));
                samples[i] = gains.output(dry, wet);
                loudest = loudest.max(wet.abs());
                if let Some(tap) = &mut self.tap {
                    tap.put(channel, dry, wet);
                }
            }
            if let Some(tap) = &mut self.tap {
                tap.advance(&mut self.waiting, &self.link.shared.meters);
            }
            if is_watched {
                let played = [0, 1].map(|channel| self.in_quantum.played[channel][position]);
                let [left, right] = played;
                scope.put_sound(SoundSample {
                    heard: 0.5 * (left + right),
                    input_peak: left.abs().max(right.abs()),
                    wet_peak: loudest,
                });
            }
            self.tail.advance();
            self.quiet_samples = if quiet { self.quiet_samples.saturating_add(1) } else { 0 };
        }
    }

    fn finish_quantum(&mut self) {
        let next_index = self.in_quantum.index + 1;
        let mut quantum = InQuantum::empty(self.epoch, next_index, 0, self.values);
        quantum.armed = self.is_armed();
        std::mem::swap(&mut quantum, &mut self.in_quantum);
        quantum.values = self.values;
        quantum.clock_end = self.clock.clock();
        quantum.beats = self.beats.at(self.clock.time());
        let (epoch, index, gestures) = (quantum.epoch, quantum.index, quantum.gestures);
        // Nobody hears the rest of an epoch in which the worker has failed. Were it sent nevertheless, it could fill the ring.
        if !self.restart_pending && self.link.shared.is_dead() {
            return;
        }
        // Whoever may wait loses nothing.
        if !self.restart_pending && !self.link.has_place() {
            self.waiting.wait_for_room(&mut self.link, epoch, index);
        }
        // The worker is over a second late: the lost input cannot be recovered. A new epoch begins when it has caught up.
        if !self.restart_pending && !self.link.send(quantum) {
            self.meters().count_late_start();
            self.restart_pending = true;
            self.stopped_in_loss = false;
        }
        if self.restart_pending {
            // What was asked for is asked for once there is room; a note would begin too late.
            self.in_quantum.gestures = Gestures { note_count: 0, ..gestures };
        }
    }

    fn activity(&self) -> Activity {
        let may_start = (MAY_START_SECONDS * self.sample_rate_hz as f32) as usize + self.reaction_samples();
        let sounding = self.active || self.layers.is_sounding() || self.tail.is_sounding();
        let may_start = self.quiet_samples < may_start || !SeedSource::of(&self.values).is_heard();
        // An idle plugin is put to sleep and finds its position moved: what was learnt would be forgotten.
        let learns = self.values.get(ParamId::Learn) >= 0.5;
        if sounding || learns || (self.is_armed() && may_start) { Activity::KeepAlive } else { Activity::Idle }
    }

    /// Begins a new epoch after a start or jump of the transport; engine time was `old_time` before it.
    fn jump(&mut self, old_time: i64) {
        self.keep_tail(old_time);
        self.feedback_gain.set_target(1.0);
        self.midi_stopped = false;
        self.audition.end();
        self.begin_epoch();
        self.in_quantum.gestures.song_started = true;
        self.settle_pending = true;
    }

    /// Begins a new epoch if quanta were lost and the worker has caught up.
    fn go_on_after_loss(&mut self) {
        if self.restart_pending && self.link.has_room() {
            let gestures = self.in_quantum.gestures;
            self.begin_epoch();
            self.in_quantum.gestures = Gestures { resumed: !self.stopped_in_loss, ..gestures };
        }
    }

    /// Begins a new epoch: the worker forgets its history, and predictions of the old epoch are discarded.
    fn begin_epoch(&mut self) {
        let time = self.clock.time();
        self.epoch = self.epoch.wrapping_add(1);
        self.restart_pending = false;
        self.first_quantum = time.div_euclid(GRID);
        // A worker that was given up, or has failed, is asked once more, unless it is dead.
        self.link.set_now(self.epoch, self.first_quantum);
        self.meters().set_failed(self.link.shared.is_dead());
        self.in_quantum = InQuantum::empty(self.epoch, self.first_quantum, time.rem_euclid(GRID) as usize, self.values);
        self.in_quantum.armed = self.is_armed();
        self.out_quantum = None;
        self.entered_quantum = None;
        self.flow = Flow::new();
        self.muted_until_quantum = None;
        self.mixer.set_stopped(!self.is_armed());
    }

    /// Keeps the next 5 ms of the old epoch's wet, faded out.
    fn keep_tail(&mut self, old_time: i64) {
        let (flow, voices) = (self.flow.gain(), self.voice_level.value());
        let gain = self.mixer.stop_gain() * self.feedback_gain.value();
        let mut quantum = self.out_quantum.take();
        self.tail.begin(gain, |i| {
            let time = old_time + i as i64;
            let (index, position) = (time.div_euclid(GRID), time.rem_euclid(GRID) as usize);
            if quantum.as_ref().is_none_or(|quantum| quantum.index != index) {
                quantum = self.link.take(self.epoch, index);
            }
            let loops = quantum
                .as_ref()
                .map_or([0.0; REGIONS], |quantum| quantum.regions.map(|region| flow * region[position]));
            let layers = self.layers.advance(0.0, loops);
            std::array::from_fn(|channel| {
                let predicted = quantum.as_ref().map_or(0.0, |quantum| quantum.audio[channel][position]);
                flow * voices * predicted + layers[channel]
            })
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{link, types::RenderMode};

    #[test]
    fn a_worker_that_has_failed_is_sent_nothing_until_the_next_epoch() {
        let config = EngineConfig { mode: RenderMode::Offline, channels: 1, ..EngineConfig::new(48_000) };
        let (audio, mut worker) = link::link(48_000, 512, 4);
        let mut engine = Engine::new(&config, audio, 4);
        let epoch = engine.epoch;
        worker.shared.mark_failed(epoch);
        // Longer than the ring holds, and nobody empties it.
        for _ in 0..300 {
            engine.process(&mut [&mut [0.1; 512]], &[], Transport::default());
        }
        assert_eq!((engine.meters().is_failed(), engine.meters().late_starts(), engine.epoch), (true, 0, epoch));
        assert!(worker.from_audio.pop().is_err(), "nothing was sent");
        engine.reset();
        engine.process(&mut [&mut [0.1; 64]], &[], Transport::default());
        assert!(worker.from_audio.pop().is_ok_and(|quantum| quantum.epoch > epoch), "the next is");
    }
}
