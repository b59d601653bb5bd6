//! The audio thread of notes: the player's keys become columns, and predictions notes, each on its sample.
//!
//! Every step has three moments. The column before it is *closed*, a reaction time before the step, and sent to the worker. Its keys
//! are *drawn* from the prediction, where the notes before it may end. Then it is *played*. All three are places in engine time, which
//! do not depend on the host's blocks; of what happens in one sample closing comes first, then what the player and the host do, then
//! drawing and playing.

mod song;

use super::{
    book::{Book, CHANNELS, NoteSink, keys_of},
    hearing::{Heard, Hearing, step_of},
    lattice::{Course, Lattice},
    link::{AudioEnd, Begin, Column, Odds, Sliders, link},
    models::{Facts, NoteModels},
    scope::{NoteScope, StepReport},
    shape::{Outside, Played, Rules, Shape},
    stored::StoredCodes,
    worker::NoteWorker,
};
use crate::{
    control::notes::{
        self as choices, Axes, BEATS_PER_MEASURE, Base, Drawing, Feedback, Hears, NoteParam, NoteValues, Part, Rate,
        Run, SLIDERS, Scale, TossLaw, UNTIL_PLAYED,
    },
    control::settings::MIN_NOTE_REACTION_MS,
    dsp::float_mode::in_float_mode,
    engine::{ClockChange, ClockMode, MAX_REACTION_MS, Meters, RenderMode, SampleClock, Transport, Waiting},
    model::{KEYS, LOWEST_KEY},
    notes::{Choice, Draw, Law},
    worker::Readiness,
};
use std::{sync::Arc, time::Duration};

/// Steps that are left, as a window is told at most.
const MAX_LEFT: i64 = 1 << 20;
/// How hard keys are struck that are pressed in a window.
const WINDOW_VELOCITY: u8 = 80;

/// Fixed while an engine lives.
#[derive(Clone, Debug)]
pub struct NoteEngineConfig {
    /// The host's rate, 8000…384 000.
    pub sample_rate_hz: u32,
    /// Reaction time, from [`MIN_NOTE_REACTION_MS`] to [`MAX_REACTION_MS`].
    pub reaction_ms: f32,
    /// Whether to wait.
    pub mode: RenderMode,
    /// Parameters at the start.
    pub values: NoteValues,
    /// What can play.
    pub models: Arc<NoteModels>,
    /// The codes of the project.
    pub codes: Arc<StoredCodes>,
}

/// What a player does.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Gesture {
    /// A key goes down; a velocity of 0 is one that goes up.
    Down {
        /// 0 to 15.
        channel: u8,
        /// MIDI number.
        key: u8,
        /// 0 to 127.
        velocity: u8,
    },
    /// A key goes up.
    Up {
        /// 0 to 15.
        channel: u8,
        /// MIDI number.
        key: u8,
        /// How fast, 0 to 127.
        velocity: u8,
    },
    /// The sustain pedal, controller 64.
    Pedal {
        /// 0 to 15.
        channel: u8,
        /// 64 or more.
        is_down: bool,
    },
    /// All keys go up, controllers 120 and 123 or a choke: of a channel, or of all. Ours, too.
    AllUp {
        /// 0 to 15.
        channel: Option<u8>,
    },
}

/// The notes of a call: where they go, and which of them sound.
pub struct Stage<'a, S> {
    /// Outlives the engine.
    pub book: &'a mut Book,
    /// Takes the messages.
    pub sink: &'a mut S,
}

/// What comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Moment {
    Close,
    Draw,
    Play,
}

/// What plays.
#[derive(Clone, Copy, Debug)]
struct Speech {
    /// Its first step.
    start: i64,
}

/// What the player plays, for the answer.
#[derive(Clone, Copy, Debug, Default)]
struct Phrase {
    /// The last step in which a key was held.
    last: i64,
    /// Nothing has answered it yet.
    is_open: bool,
}

/// The audio thread's side.
#[derive(Debug)]
pub struct NoteEngine {
    models: Arc<NoteModels>,
    /// How the slot of *Model* was when it was last looked at.
    ready: Readiness,
    link: AudioEnd,
    waiting: Waiting,
    values: NoteValues,
    sample_rate_hz: u32,
    reaction_samples: i64,
    clock: SampleClock,
    lattice: Lattice,
    /// Beat of the song from which measures are counted.
    origin: f64,
    /// The next step's number does not follow that of the last one, although the song goes on.
    is_recounted: bool,
    hearing: Hearing,
    shape: Shape,
    rules: Rules,
    /// What the host told with the block.
    transport: Transport,
    /// Engine time of the block's first sample, and of the present one.
    block_time: i64,
    now: i64,
    runs: bool,
    /// The host tells no place in the song.
    is_alone: bool,
    epoch: u32,
    /// The next step to be played, and what of it comes next.
    step: i64,
    moment: Moment,
    /// Of the last column that was sent.
    number: u64,
    speech: Option<Speech>,
    phrase: Phrase,
    is_continued: bool,
    /// The code that plays is to be stored; all that are stored are to be forgotten.
    is_stored: bool,
    is_cleared: bool,
    /// Keys and phrases of a window are played: not in a bounce.
    hears_window: bool,
    /// The keys that are pressed in a window, as they were played.
    pressed: u128,
    /// The prediction of the next step, once it was taken.
    odds: Option<Odds>,
    /// The step's keys, once they are drawn.
    drawn: Option<Played>,
    /// What was played in the last step.
    said: Heard,
    stirred: u128,
    /// The channel on which our notes were struck.
    channel: u8,
    /// A column found no room: the worker has to begin anew.
    is_lost: bool,
}

/// An engine and its worker. Loads the models inside the binary and that of *Model*, and allocates everything that these will ever need.
pub fn start(config: &NoteEngineConfig) -> (NoteEngine, NoteWorker) {
    let (audio, worker) = link();
    let mut engine = NoteEngine::new(config, audio);
    let reaction = Duration::from_secs_f64(engine.reaction_samples as f64 / f64::from(config.sample_rate_hz.max(1)));
    let worker = NoteWorker::new(worker, &config.models, Arc::clone(&config.codes), reaction);
    engine.look_at_model();
    (engine, worker)
}

impl NoteEngine {
    fn new(config: &NoteEngineConfig, link: AudioEnd) -> Self {
        let reaction_ms = if config.reaction_ms.is_finite() { config.reaction_ms } else { MIN_NOTE_REACTION_MS };
        let reaction_ms = f64::from(reaction_ms.clamp(MIN_NOTE_REACTION_MS, MAX_REACTION_MS));
        let mut engine = Self {
            models: Arc::clone(&config.models),
            ready: Readiness::default(),
            link,
            waiting: Waiting::new(config.mode),
            values: config.values,
            sample_rate_hz: config.sample_rate_hz,
            reaction_samples: (reaction_ms * 1e-3 * f64::from(config.sample_rate_hz)).round() as i64,
            clock: SampleClock::new(clock_mode(&config.values)),
            lattice: Lattice::new(config.sample_rate_hz),
            origin: 0.0,
            is_recounted: false,
            hearing: Hearing::new(),
            shape: Shape::new(),
            rules: rules(&config.values, 4.0),
            transport: Transport::default(),
            block_time: 0,
            now: 0,
            runs: false,
            is_alone: true,
            epoch: 0,
            step: 0,
            moment: Moment::Close,
            number: 0,
            speech: None,
            phrase: Phrase::default(),
            is_continued: false,
            is_stored: false,
            is_cleared: false,
            hears_window: config.mode == RenderMode::Live,
            pressed: 0,
            odds: None,
            drawn: None,
            said: Heard::default(),
            stirred: 0,
            channel: 0,
            is_lost: false,
        };
        engine.link.want(engine.slot());
        engine.adopt_all();
        engine
    }

    /// Counters.
    pub fn meters(&self) -> &Meters {
        &self.link.shared.meters
    }

    /// The time from the last note that is heard to its answer.
    pub fn reaction_ms(&self) -> f32 {
        1000.0 * self.reaction_samples as f32 / self.sample_rate_hz as f32
    }

    /// What a window shows.
    pub fn scope(&self) -> &Arc<NoteScope> {
        &self.link.scope
    }

    /// Steps that stayed silent because their prediction came too late.
    pub fn late_steps(&self) -> u64 {
        self.meters().underruns()
    }

    /// True while steps go by: notes may come without further input.
    pub fn is_running(&self) -> bool {
        self.runs
    }

    /// Forgets what was played, as after a reset of the host. What sounds stays in the book, and ends with the next block.
    ///
    /// # Realtime safety
    /// Does not allocate.
    pub fn reset(&mut self) {
        self.clock.reset();
        self.waiting.reset();
        // Keys may have gone up unheard.
        self.hearing = Hearing::new();
        self.let_window_go();
        self.runs = false;
        self.silence();
    }

    /// Begins a block of this many samples. Whatever has to end because of the transport ends on its first one.
    ///
    /// # Realtime safety
    /// Does not allocate; one look at the clock of the system.
    pub fn begin<S: NoteSink>(&mut self, transport: Transport, samples: usize, stage: &mut Stage<'_, S>) {
        let rate = f64::from(self.sample_rate_hz);
        self.waiting.begin_call(samples as f64 / rate, self.reaction_samples as f64 / rate);
        stage.book.settle(0, stage.sink);
        // What an engine before this one, or before its reset, has left.
        if self.shape.held() == 0 {
            stage.book.release_ours(0, stage.sink);
        }
        self.transport = transport;
        let change = self.clock.follow(transport);
        self.block_time = self.clock.time();
        self.now = self.block_time;
        let ran = self.runs;
        let mut is_other = self.look_at_model();
        if !self.ready.is_settled() && self.waiting.is_ahead() {
            is_other |= self.wait_for_model();
        }
        if !self.may_run() {
            if ran {
                self.end_all(0, stage);
            }
            self.runs = false;
        } else if !ran || is_other || matches!(change, ClockChange::Restart(_)) {
            self.end_all(0, stage);
            self.lattice.forget();
            self.begin_here();
        } else {
            let beats = self.beats();
            if self.follow(beats) == Course::Elsewhere || change == ClockChange::Loop {
                self.end_all_notes(0, stage);
                self.align(beats);
                self.count_anew();
            }
        }
        self.hear_window(stage);
    }

    /// The player plays the keys that are pressed in a window, or lets them go.
    fn hear_window<S: NoteSink>(&mut self, stage: &mut Stage<'_, S>) {
        if !self.hears_window {
            return;
        }
        let pressed = self.link.scope.pressed();
        let changed = pressed ^ std::mem::replace(&mut self.pressed, pressed);
        for key in keys_of(changed) {
            let (channel, is_down) = (0, pressed >> key & 1 == 1);
            let key = key + LOWEST_KEY;
            let down = Gesture::Down { channel, key, velocity: WINDOW_VELOCITY };
            self.hear(if is_down { down } else { Gesture::Up { channel, key, velocity: 0 } }, stage);
        }
    }

    /// What is pressed in a window has gone up: it has to be pressed anew.
    fn let_window_go(&mut self) {
        if std::mem::take(&mut self.pressed) != 0 {
            self.link.scope.press(0);
        }
    }

    /// Goes on to an offset of the block.
    ///
    /// # Realtime safety
    /// Does not allocate. Waits for the worker only in a bounce, or within a long block (DESIGN 3).
    ///
    /// # Panics
    /// Never; an offset before the last one is that one.
    pub fn advance<S: NoteSink>(&mut self, to_offset: usize, stage: &mut Stage<'_, S>) {
        let limit = self.block_time + to_offset as i64;
        while self.runs {
            let due = self.due().max(self.now);
            if due > limit || (due == limit && self.moment != Moment::Close) {
                break;
            }
            self.now = due;
            match self.moment {
                Moment::Close => self.close(),
                Moment::Draw => in_float_mode(|| self.draw(stage)),
                Moment::Play => self.play(stage),
            }
        }
        self.now = self.now.max(limit);
    }

    /// Ends a block that was begun, of this many samples.
    ///
    /// # Realtime safety
    /// As [`Self::advance`].
    pub fn end<S: NoteSink>(&mut self, samples: usize, stage: &mut Stage<'_, S>) {
        self.advance(samples, stage);
        self.clock.advance(samples);
        if self.link.scope.is_watched() {
            self.link.scope.put_sounding([self.hearing.held(), self.said.held & self.shape.held()]);
        }
    }

    /// The player does something, at the offset that was last gone to.
    ///
    /// # Realtime safety
    /// Does not allocate.
    pub fn hear<S: NoteSink>(&mut self, gesture: Gesture, stage: &mut Stage<'_, S>) {
        let offset = self.offset();
        // The column before the next step is open until it has been closed.
        let first_open = if self.moment == Moment::Close { self.step - 1 } else { self.step };
        let step = if self.runs { step_of(&self.lattice, self.now, first_open) } else { 0 };
        let (book, sink) = (&mut *stage.book, &mut *stage.sink);
        match gesture {
            Gesture::Down { channel, key, velocity: 0 } => {
                self.hearing.release(channel & 15, key, step);
                book.player_releases(channel & 15, key, 0, offset, sink);
            }
            Gesture::Up { channel, key, velocity } => {
                self.hearing.release(channel & 15, key, step);
                book.player_releases(channel & 15, key, velocity.min(127), offset, sink);
            }
            // What was down when the channel became the triggers' goes up as it would have.
            Gesture::Down { channel, .. }
                if self.values.get(NoteParam::TriggerChannel) == f32::from((channel & 15) + 1) =>
            {
                self.is_continued = true;
            }
            Gesture::Down { channel, key, velocity } => {
                let channel = channel & 15;
                self.hearing.strike(channel, key, velocity.min(127), step);
                let through = self.switch(NoteParam::Through) || self.switch(NoteParam::Bypass);
                book.player_strikes(channel, key, velocity.min(127), through, offset, sink);
                // Ours has ended there; what is not passed on does not meet it.
                if through && channel == self.channel && !book.is_ours(channel, key) {
                    self.shape.drop_keys(bit(key));
                }
            }
            Gesture::Pedal { channel, is_down } => {
                if self.switch(NoteParam::Pedal) || !is_down {
                    self.hearing.pedal(channel & 15, is_down, step);
                }
            }
            Gesture::AllUp { channel } => {
                self.hearing.release_all(channel.map(|channel| channel & 15), step);
                book.player_releases_all(channel.map(|channel| channel & 15), offset, sink);
                self.end_all_notes(offset, stage);
                self.let_window_go();
            }
        }
    }

    /// A parameter takes a value, at the offset that was last gone to. A trigger acts where it becomes 1.
    ///
    /// # Realtime safety
    /// Does not allocate. Waits only in a bounce, for a model that is not loaded yet.
    pub fn set<S: NoteSink>(&mut self, id: NoteParam, value: f32, stage: &mut Stage<'_, S>) {
        let before = self.values;
        self.values.set(id, value);
        if self.values.get(id) == before.get(id) {
            return;
        }
        let goes_on = self.switch(id);
        match id {
            NoteParam::Model | NoteParam::Run => self.end_all(self.offset(), stage),
            NoteParam::Continue => self.is_continued |= goes_on,
            NoteParam::StoreCode | NoteParam::ClearCodes if goes_on && !self.runs => {
                // No column follows, and what was heard last is still known.
                let column = self.column(Heard::default(), Begin::No);
                let (stores, clears) = (id == NoteParam::StoreCode, id == NoteParam::ClearCodes);
                self.link.send(Column { hears: false, stores, clears, speaks: false, ..column });
            }
            NoteParam::StoreCode => self.is_stored |= goes_on,
            NoteParam::ClearCodes => self.is_cleared |= goes_on,
            NoteParam::Panic if goes_on => {
                stage.book.release_all(self.offset(), stage.sink);
                self.hearing.release_all(None, self.step);
                self.silence();
                self.let_window_go();
            }
            NoteParam::Bypass if goes_on => self.end_all_notes(self.offset(), stage),
            NoteParam::Part => {
                self.end_all_notes(self.offset(), stage);
                self.speech = None;
            }
            NoteParam::Pedal if !goes_on => {
                let (step, hearing) = (self.step, &mut self.hearing);
                (0..CHANNELS as u8).for_each(|channel| hearing.pedal(channel, false, step));
            }
            NoteParam::Rate | NoteParam::Align => self.end_all_notes(self.offset(), stage),
            _ => {}
        }
        self.adopt_all();
        match id {
            NoteParam::Model => {
                self.wait_for_model();
                self.begin_here();
            }
            NoteParam::Run => self.change_clock(),
            NoteParam::Rate if self.runs => self.count_anew(),
            NoteParam::Align if self.runs => {
                let beats = self.beats();
                self.align(beats);
                self.count_anew();
            }
            NoteParam::FreeTempo if self.runs && self.is_alone => drop(self.follow(None)),
            _ => {}
        }
        // What may no longer sound ends at once; and notes on another channel are others.
        let gone = self.shape.held() & !self.rules.allowed();
        if id == NoteParam::Channel {
            self.end_all_notes(self.offset(), stage);
        } else if gone != 0 {
            self.release(gone, self.offset(), stage);
            self.shape.drop_keys(gone);
        }
    }

    /// Takes a value over without doing what a trigger does.
    ///
    /// # Realtime safety
    /// Does not allocate.
    pub fn adopt(&mut self, id: NoteParam, value: f32) {
        self.values.set(id, value);
        self.link.want(self.slot());
        self.adopt_all();
    }

    /// The column before the next step is closed and sent.
    fn close(&mut self) {
        // Until a worker that is so late has room again, steps pass in silence: each has to go by, or this would be a wait.
        if self.is_lost {
            if self.link.has_room() {
                self.begin_anew();
            } else {
                self.step += 1;
            }
            return;
        }
        let closed = self.step - 1;
        let struck = self.hearing.has_fresh_strokes();
        let heard = self.hearing.column(closed);
        self.report(closed, heard);
        self.follow_bars();
        let brings = self.hears_window && self.link.scope.is_brought();
        self.is_continued |= brings;
        let begin = self.decide(heard, struck);
        self.number += 1;
        let (epoch, number) = (self.epoch, self.number);
        let column = Column { step: closed, brings, ..self.column(heard, begin) };
        // Whoever may wait loses nothing.
        if !self.link.has_room() {
            self.waiting.wait_until(&mut self.link, |link| {
                // A worker whose answers find no room takes no questions.
                link.is_ready(epoch, number);
                link.has_room()
            });
        }
        if self.link.send(column) {
            (self.is_stored, self.is_cleared) = (false, false);
            self.moment = Moment::Draw;
        } else {
            self.meters().count_late_start();
            self.silence();
            self.is_lost = true;
            self.step += 1;
        }
    }

    /// The column of the step that has gone by.
    fn column(&self, heard: Heard, begin: Begin) -> Column {
        Column {
            epoch: self.epoch,
            number: self.number,
            slot: self.slot(),
            step: self.step - 1,
            next: self.step,
            hears: true,
            heard,
            said: self.said,
            stirred: self.stirred,
            begin,
            speaks: self.speech.is_some(),
            alongside: Part::of(&self.values) == Part::Alongside,
            raw: Feedback::of(&self.values) == Feedback::Raw,
            hears_itself: Hears::of(&self.values) == Hears::Both,
            seed: self.steps_of_measures(self.values.get(NoteParam::Seed)) as usize,
            stays: self.values.get(NoteParam::StayInKey) / 100.0,
            scale: self.rules.scale,
            sliders: Sliders {
                base: Base::of(&self.values),
                axes: Axes::of(&self.values),
                values: SLIDERS.map(|slider| self.values.get(slider)),
                morph: self.values.get(NoteParam::Morph) / 100.0,
                journey: self.steps_of_measures(self.values.get(NoteParam::Journey)),
            },
            brings: false,
            stores: self.is_stored,
            clears: self.is_cleared,
        }
    }

    /// Shows a window the step that has gone by, before anything is decided from it.
    fn report(&mut self, step: i64, heard: Heard) {
        let is_recounted = std::mem::take(&mut self.is_recounted);
        if !self.link.scope.is_watched() {
            return;
        }
        let speech = self.speech.filter(|speech| speech.start <= step);
        let odds = self.odds.filter(|odds| speech.is_some() && (odds.epoch, odds.number) == (self.epoch, self.number));
        let mut probabilities = [0; KEYS];
        if let Some(odds) = odds {
            probabilities.iter_mut().zip(odds.probabilities).for_each(|(byte, odd)| *byte = (255.0 * odd) as u8);
        }
        let length = self.values.get(NoteParam::AnswerLength);
        let has_end =
            Part::of(&self.values) == Part::Answer && length < UNTIL_PLAYED && !self.switch(NoteParam::Freeze);
        let left = speech.filter(|_| has_end).map(|speech| {
            let end = speech.start.saturating_add(self.steps_of_measures(length));
            end.saturating_sub(step + 1).clamp(0, MAX_LEFT) as u32
        });
        self.link.scope.put(&StepReport {
            step,
            is_recounted,
            heard: heard.sets(),
            said: self.said.sets(),
            probabilities,
            speaks: speech.is_some(),
            begins: speech.is_some_and(|speech| speech.start == step),
            is_late: speech.is_some() && odds.is_none() && !self.switch(NoteParam::Bypass),
            left,
            steps_per_beat: self.steps_per_beat() as f32,
            seconds: (self.lattice.step_samples() / f64::from(self.sample_rate_hz)) as f32,
        });
    }

    /// Whether something begins or ends with the next step, once the column before it is known. `struck`: a key was struck since the
    /// last one.
    fn decide(&mut self, heard: Heard, struck: bool) -> Begin {
        let (next, closed) = (self.step, self.step - 1);
        let freezes = self.switch(NoteParam::Freeze);
        let sounds = heard.held != 0;
        if sounds {
            self.phrase = Phrase { last: closed, is_open: true };
        }
        let mut begin = Begin::No;
        match (Part::of(&self.values), self.speech) {
            (Part::Answer, Some(speech)) if !freezes => {
                let length = self.values.get(NoteParam::AnswerLength);
                let is_over = match length < UNTIL_PLAYED {
                    true => next - speech.start >= self.steps_of_measures(length),
                    false => struck,
                };
                if is_over {
                    self.speech = None;
                }
            }
            (Part::Alongside, None) if sounds => begin = Begin::Now,
            (Part::Alongside, Some(speech)) if !freezes && next > speech.start => {
                let interval = self.steps_of_measures(self.values.get(NoteParam::Reseed));
                if interval > 0 && next.rem_euclid(interval) == 0 {
                    begin = Begin::Now;
                }
            }
            _ => {}
        }
        if Part::of(&self.values) == Part::Answer && self.speech.is_none() && self.phrase.is_open {
            let beats = f64::from(self.values.get(NoteParam::AnswerAfter));
            let silence = ((beats * self.steps_per_beat()).round() as i64).max(1);
            if closed - self.phrase.last >= silence {
                begin = Begin::AfterPhrase;
            }
        }
        if std::mem::take(&mut self.is_continued) && !(freezes && self.speech.is_some()) {
            begin = Begin::AfterPhrase;
        }
        if begin != Begin::No {
            self.speech = Some(Speech { start: next });
            self.phrase.is_open = false;
            self.meters().count_continuation();
        }
        begin
    }

    /// The keys of the next step are drawn; notes that are not among them end.
    fn draw<S: NoteSink>(&mut self, stage: &mut Stage<'_, S>) {
        self.moment = Moment::Play;
        self.drawn = None;
        let offset = self.offset();
        if self.speech.is_none() || self.switch(NoteParam::Bypass) {
            self.end_all_notes(offset, stage);
            return;
        }
        let (epoch, number) = (self.epoch, self.number);
        if self.odds.is_none_or(|odds| (odds.epoch, odds.number) != (epoch, number)) {
            self.waiting.wait_until(&mut self.link, |link| link.is_ready(epoch, number));
            self.odds = self.link.take(epoch, number);
        }
        let Some(odds) = &self.odds else {
            self.meters().count_underrun();
            self.end_all_notes(offset, stage);
            return;
        };
        let drawn = self.shape.column(self.step, &odds.probabilities[..odds.width], &self.rules);
        self.release(drawn.ends, offset, stage);
        self.drawn = Some(drawn);
    }

    /// The next step is played.
    fn play<S: NoteSink>(&mut self, stage: &mut Stage<'_, S>) {
        let offset = self.offset();
        (self.said, self.stirred) = (Heard::default(), 0);
        if let Some(drawn) = self.drawn.take() {
            // What has been dropped since it was drawn is not struck: nobody would end it.
            for key in keys_of(drawn.strokes & self.shape.held()) {
                let velocity = self.velocity(key);
                if !stage.book.strike(self.channel, key + LOWEST_KEY, velocity, offset, stage.sink) {
                    self.shape.drop_keys(1 << key);
                }
            }
            let held = drawn.held & self.shape.held();
            self.said = Heard { held, strokes: drawn.strokes & held };
            self.stirred = drawn.stirred & held;
        }
        self.step += 1;
        self.moment = Moment::Close;
    }

    /// How hard a key of the next step is struck.
    fn velocity(&self, key: u8) -> u8 {
        let get = |id| self.values.get(id);
        let own = get(NoteParam::Velocity);
        let player = self.hearing.velocity().unwrap_or(own);
        let level = own + (player - own) * get(NoteParam::Follow) / 100.0;
        let unlikely = 1.0 - self.shape.probability(usize::from(key)).clamp(0.0, 1.0);
        let beats = self.step as f64 / self.steps_per_beat();
        let accent = if beats == beats.floor() { get(NoteParam::Accent) } else { 0.0 };
        (level - get(NoteParam::Depth) * unlikely + accent).round().clamp(1.0, 127.0) as u8
    }

    /// When the next thing is due, in engine time.
    fn due(&self) -> i64 {
        let step = self.lattice.time_of(self.step);
        let part = 1.0 - f64::from(self.values.get(NoteParam::Gate)) / 100.0;
        let sooner = (part * self.lattice.step_samples()) as i64;
        match self.moment {
            Moment::Close => step.saturating_sub(self.reaction_samples + sooner),
            Moment::Draw => step.saturating_sub(sooner),
            Moment::Play => step,
        }
    }

    /// Nothing plays any more. The book is not touched.
    fn silence(&mut self) {
        self.shape.clear();
        self.speech = None;
        self.odds = None;
        self.drawn = None;
        self.said = Heard::default();
        self.stirred = 0;
    }

    fn end_all<S: NoteSink>(&mut self, offset: usize, stage: &mut Stage<'_, S>) {
        self.end_all_notes(offset, stage);
        self.silence();
    }

    /// Ends what sounds; what plays goes on with the next step that is drawn.
    fn end_all_notes<S: NoteSink>(&mut self, offset: usize, stage: &mut Stage<'_, S>) {
        self.drawn = None;
        stage.book.release_ours(offset, stage.sink);
        self.shape.clear();
    }

    fn release<S: NoteSink>(&mut self, keys: u128, offset: usize, stage: &mut Stage<'_, S>) {
        for key in keys_of(keys) {
            stage.book.release(self.channel, key + LOWEST_KEY, offset, stage.sink);
        }
    }

    /// What follows from the values.
    fn adopt_all(&mut self) {
        let steps_per_beat = self.steps_per_beat();
        self.lattice.set_steps_per_beat(steps_per_beat);
        self.lattice.set_swing(f64::from(self.values.get(NoteParam::Swing)) / 100.0);
        self.rules = rules(&self.values, steps_per_beat);
        self.channel = self.values.get(NoteParam::Channel) as u8 - 1;
    }

    /// Takes over what is known of the model that is chosen. True if that is another one than before, or none any more.
    fn look_at_model(&mut self) -> bool {
        let ready = self.models.readiness(self.slot());
        if std::mem::replace(&mut self.ready, ready) == ready {
            return false;
        }
        self.adopt_all();
        true
    }

    /// The model is to be there. A bounce waits until it is; a performance goes on without it until then. Returns whether it is another one
    /// than before.
    fn wait_for_model(&mut self) -> bool {
        let slot = self.slot();
        self.link.want(slot);
        if self.waiting.is_ahead() {
            let models = &self.models;
            self.waiting.wait_until(&mut self.link, |_| models.readiness(slot).is_settled());
        }
        self.look_at_model()
    }

    fn slot(&self) -> u8 {
        self.values.get(NoteParam::Model) as u8
    }

    fn model(&self) -> Option<Facts> {
        Facts::of(self.ready)
    }

    fn steps_per_beat(&self) -> f64 {
        let rate = match Rate::of(&self.values) {
            Rate::Half => 0.5,
            Rate::Normal => 1.0,
            Rate::Double => 2.0,
        };
        rate * self.model().map_or(4.0, |model| f64::from(model.steps_per_quarter))
    }

    fn steps_of_measures(&self, measures: f32) -> i64 {
        (f64::from(measures) * BEATS_PER_MEASURE * self.steps_per_beat()).round() as i64
    }

    fn switch(&self, id: NoteParam) -> bool {
        self.values.get(id) >= 0.5
    }

    fn offset(&self) -> usize {
        (self.now - self.block_time).max(0) as usize
    }
}

fn clock_mode(values: &NoteValues) -> ClockMode {
    match Run::of(values) {
        Run::Transport => ClockMode::Transport,
        Run::Free => ClockMode::Free,
    }
}

/// A key of the 88 as a bit, by its MIDI number; none outside.
fn bit(key: u8) -> u128 {
    key.checked_sub(LOWEST_KEY).filter(|&key| usize::from(key) < KEYS).map_or(0, |key| 1 << key)
}

fn rules(values: &NoteValues, steps_per_beat: f64) -> Rules {
    let get = |id| values.get(id);
    Rules {
        draw: Draw {
            choice: match Drawing::of(values) {
                Drawing::Threshold => Choice::Threshold(get(NoteParam::Threshold)),
                Drawing::Toss => Choice::Toss {
                    law: match TossLaw::of(values) {
                        TossLaw::Linear => Law::Linear,
                        TossLaw::Logit => Law::Logit,
                    },
                    temperature: get(NoteParam::Temperature),
                },
            },
            random_seed: get(NoteParam::RandomSeed) as u64,
        },
        density: get(NoteParam::Density),
        range: (get(NoteParam::Lowest) as u8, get(NoteParam::Highest) as u8),
        outside: match choices::Outside::of(values) {
            choices::Outside::Mute => Outside::Mute,
            choices::Outside::Fold => Outside::Fold,
        },
        scale: Scale::pitch_classes(values),
        polyphony: get(NoteParam::Polyphony) as usize,
        join: get(NoteParam::Join) as u8,
        shortest: get(NoteParam::Shortest) as i64,
        longest: ((f64::from(get(NoteParam::Longest)) * steps_per_beat).round() as i64).max(1),
        stirs: get(NoteParam::AntiStall) >= 0.5,
    }
}
