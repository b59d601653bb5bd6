//! What a jump of the clock does: the old wet fades, and a new history begins.

use super::{Engine, GRID};
use crate::engine::{
    cell::{InCell, REGIONS},
    flow::Flow,
};

impl Engine {
    /// The transport has started or jumped; before it came `old_time`.
    pub(super) fn jump(&mut self, old_time: i64) {
        self.keep_tail(old_time);
        self.guard.set_target(1.0);
        self.midi_stopped = false;
        self.begin_epoch();
        self.in_cell.gestures.song_started = true;
        self.settle_pending = true;
    }

    /// A new history: the worker forgets, and predictions of the old one are no longer taken.
    pub(super) fn begin_epoch(&mut self) {
        let time = self.clock.time();
        self.epoch = self.epoch.wrapping_add(1);
        self.restart_pending = false;
        self.first_cell = time.div_euclid(GRID);
        self.in_cell = InCell::empty(self.epoch, self.first_cell, time.rem_euclid(GRID) as usize, self.values);
        self.in_cell.armed = self.is_armed();
        self.out_cell = None;
        self.entered_cell = None;
        self.flow = Flow::new();
        self.muted_until_cell = None;
        self.mixer.set_stopped(!self.is_armed());
    }

    /// Keeps the next 5 ms of the old epoch's wet, faded out.
    fn keep_tail(&mut self, old_time: i64) {
        let (flow, voices) = (self.flow.gain(), self.voice_level.value());
        let gain = self.mixer.stop_gain() * self.guard.value();
        let mut cell = self.out_cell.take();
        self.tail.begin(gain, |i| {
            let time = old_time + i as i64;
            let (index, position) = (time.div_euclid(GRID), time.rem_euclid(GRID) as usize);
            if cell.as_ref().is_none_or(|cell| cell.index != index) {
                cell = self.link.take(self.epoch, index);
            }
            let loops = cell.as_ref().map_or([0.0; REGIONS], |cell| cell.regions.map(|region| flow * region[position]));
            let layers = self.layers.advance(0.0, loops);
            std::array::from_fn(|channel| {
                let predicted = cell.as_ref().map_or(0.0, |cell| cell.audio[channel][position]);
                flow * voices * predicted + layers[channel]
            })
        });
    }
}
