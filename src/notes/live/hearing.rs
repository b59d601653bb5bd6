//! What of the player's keys the network hears: columns, each of the keys that are held at a step.

use super::{book::keys_of, lattice::Lattice};
use crate::model::{KEYS, LOWEST_KEY};

/// The player's strokes whose velocity is remembered.
const STROKES: usize = 16;

/// A key of the 88.
#[derive(Clone, Copy, Debug, Default)]
struct Key {
    /// Channels on which it is down, a bit each.
    down: u16,
    /// Channels on which only the pedal holds it.
    pedalled: u16,
    /// The step in which its last note begins.
    start: i64,
    /// The first step after that note, once it has ended.
    end: i64,
    /// The steps of the note before it, which may not have been heard to its end.
    before: (i64, i64),
    /// A note has been heard of it.
    is_known: bool,
}

impl Key {
    fn is_held(&self) -> bool {
        self.down | self.pedalled != 0
    }

    /// Whether it is held in a step.
    fn sounds_in(&self, step: i64) -> bool {
        let now = self.start <= step && (self.is_held() || self.end > step);
        self.is_known && (now || (self.before.0..self.before.1).contains(&step))
    }
}

/// A column that the player has made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Heard {
    /// Keys that are held, from the lowest of the 88.
    pub held: u128,
    /// Keys that are struck.
    pub strokes: u128,
}

/// The player's hands, as far as they are known.
#[derive(Clone, Debug)]
pub(super) struct Hearing {
    keys: [Key; KEYS],
    pedals: u16,
    /// Velocities of the last strokes.
    velocities: [u8; STROKES],
    stroke_count: usize,
    /// Strokes since the last column, whatever their step.
    fresh_strokes: usize,
    /// A note of two steps or more ends a step before its key is struck again, as the network has learnt it.
    leaves_gaps: bool,
}

impl Hearing {
    pub fn new() -> Self {
        Self {
            keys: [Key::default(); KEYS],
            pedals: 0,
            velocities: [0; STROKES],
            stroke_count: 0,
            fresh_strokes: 0,
            leaves_gaps: false,
        }
    }

    /// Begins anew before `step`, for a network that has learnt gaps before keys are struck again, or has not. What is held is struck in it.
    pub fn begin(&mut self, step: i64, leaves_gaps: bool) {
        self.leaves_gaps = leaves_gaps;
        for key in &mut self.keys {
            *key = Key { start: step, end: i64::MAX, before: (0, 0), is_known: key.is_held(), ..*key };
        }
        (self.stroke_count, self.fresh_strokes) = (0, 0);
    }

    /// The keys that are held, bit 0 the lowest of the 88.
    pub fn held(&self) -> u128 {
        self.keys.iter().enumerate().filter(|(_, key)| key.is_held()).fold(0, |held, (index, _)| held | 1 << index)
    }

    /// A key goes down; `step` is the one in which its note begins. Keys outside the 88 are not heard.
    pub fn strike(&mut self, channel: u8, key: u8, velocity: u8, step: i64) {
        let leaves_gaps = self.leaves_gaps;
        let Some(key) = self.key(key) else { return };
        if key.is_known {
            let end = if key.is_held() { step } else { key.end.min(step) };
            let gap = i64::from(leaves_gaps && end == step && end - key.start > 1);
            key.before = (key.start, end - gap);
        }
        key.down |= 1 << channel;
        key.pedalled &= !(1 << channel);
        (key.start, key.end, key.is_known) = (step, i64::MAX, true);
        self.velocities[self.stroke_count % STROKES] = velocity;
        self.stroke_count += 1;
        self.fresh_strokes += 1;
    }

    /// A key goes up; `step` is the first one without it.
    pub fn release(&mut self, channel: u8, key: u8, step: i64) {
        let is_pedalled = self.pedals >> channel & 1 == 1;
        let Some(key) = self.key(key) else { return };
        if key.down >> channel & 1 == 1 {
            key.down &= !(1 << channel);
            key.pedalled |= u16::from(is_pedalled) << channel;
            end(key, step);
        }
    }

    /// All keys go up: of a channel, or of all.
    pub fn release_all(&mut self, channel: Option<u8>, step: i64) {
        let channels = channel.map_or(u16::MAX, |channel| 1 << channel);
        for key in &mut self.keys {
            if key.is_held() {
                key.down &= !channels;
                key.pedalled &= !channels;
                end(key, step);
            }
        }
    }

    /// The sustain pedal of a channel.
    pub fn pedal(&mut self, channel: u8, is_down: bool, step: i64) {
        if is_down {
            self.pedals |= 1 << channel;
            return;
        }
        self.pedals &= !(1 << channel);
        for key in &mut self.keys {
            if key.pedalled >> channel & 1 == 1 {
                key.pedalled &= !(1 << channel);
                end(key, step);
            }
        }
    }

    /// The column of a step. Notes begin in it that began after the column before it was closed.
    pub fn column(&mut self, step: i64) -> Heard {
        let mut heard = Heard::default();
        for (index, key) in self.keys.iter().enumerate().filter(|(_, key)| key.sounds_in(step)) {
            heard.held |= 1 << index;
            heard.strokes |= u128::from(key.start == step || key.before.0 == step) << index;
        }
        self.fresh_strokes = 0;
        heard
    }

    /// The song is counted anew: steps are `by` more.
    pub fn recount(&mut self, by: i64) {
        let move_by = |step: &mut i64| *step = if *step == i64::MAX { *step } else { step.saturating_add(by) };
        for key in &mut self.keys {
            [&mut key.start, &mut key.end, &mut key.before.0, &mut key.before.1].into_iter().for_each(move_by);
        }
    }

    /// True if a key was struck since the last column was closed.
    pub fn has_fresh_strokes(&self) -> bool {
        self.fresh_strokes > 0
    }

    /// The mean velocity of the last strokes, if there were any.
    pub fn velocity(&self) -> Option<f32> {
        let known = &self.velocities[..self.stroke_count.min(STROKES)];
        (!known.is_empty()).then(|| known.iter().map(|&velocity| f32::from(velocity)).sum::<f32>() / known.len() as f32)
    }

    fn key(&mut self, key: u8) -> Option<&mut Key> {
        self.keys.get_mut(usize::from(key.checked_sub(LOWEST_KEY)?))
    }
}

/// The note of a key that nothing holds any more ends; it has been there for one step at least.
fn end(key: &mut Key, step: i64) {
    if !key.is_held() && key.is_known {
        key.end = step.max(key.start + 1);
    }
}

/// Writes a column as numbers: 88, or 176 with strokes.
pub(super) fn write_numbers(held: u128, strokes: u128, numbers: &mut [f32]) {
    numbers.fill(0.0);
    for (plane, keys) in numbers.chunks_mut(KEYS).zip([held, strokes]) {
        keys_of(keys).for_each(|key| plane[usize::from(key)] = 1.0);
    }
}

/// The step to which an event belongs: the nearest, but none whose column is closed already.
pub(super) fn step_of(lattice: &Lattice, time: i64, first_open: i64) -> i64 {
    lattice.nearest_step(time).max(first_open)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_heard_in_the_columns_that_they_are_held_in() {
        let mut hearing = Hearing::new();
        hearing.strike(0, 60, 80, 4);
        hearing.strike(1, 60, 100, 4);
        hearing.strike(0, 20, 100, 4);
        hearing.strike(0, 109, 100, 4);
        let c = 1u128 << 39;
        assert_eq!(hearing.column(3), Heard::default(), "it begins later");
        assert_eq!(hearing.column(4), Heard { held: c, strokes: c });
        hearing.release(0, 60, 6);
        assert_eq!(hearing.column(5), Heard { held: c, strokes: 0 }, "another channel holds it");
        hearing.release(1, 60, 7);
        assert_eq!([6, 7, 8].map(|step| hearing.column(step).held), [c, 0, 0]);
        assert_eq!(hearing.velocity(), Some(90.0));
    }

    #[test]
    fn the_shortest_note_is_heard_once() {
        let mut hearing = Hearing::new();
        hearing.strike(0, 21, 1, 9);
        hearing.release(0, 21, 9);
        assert!(hearing.has_fresh_strokes());
        assert_eq!([8, 9, 10].map(|step| hearing.column(step).held), [0, 1, 0]);
        assert!(!hearing.has_fresh_strokes());
    }

    #[test]
    fn the_pedal_holds_what_is_released() {
        let mut hearing = Hearing::new();
        hearing.pedal(0, true, 0);
        hearing.strike(0, 21, 64, 0);
        hearing.strike(1, 22, 64, 0);
        hearing.release(0, 21, 1);
        hearing.release(1, 22, 1);
        assert_eq!([0, 1, 2].map(|step| hearing.column(step).held), [3, 1, 1]);
        hearing.pedal(0, false, 3);
        assert_eq!(hearing.column(3).held, 0);
        hearing.strike(0, 23, 64, 4);
        hearing.release_all(None, 6);
        assert_eq!([4, 5, 6].map(|step| hearing.column(step).held), [4, 4, 0]);
    }

    #[test]
    fn what_is_held_when_all_begins_anew_is_struck_then() {
        let mut hearing = Hearing::new();
        hearing.strike(0, 30, 64, 0);
        hearing.strike(0, 31, 64, 0);
        hearing.release(0, 31, 400);
        hearing.begin(-7, false);
        assert_eq!([-8, -7].map(|step| hearing.column(step).held), [0, 1 << 9]);
        assert_eq!(hearing.column(1), Heard { held: 1 << 9, strokes: 0 });
    }

    #[test]
    fn a_key_that_is_struck_again_goes_on_or_leaves_a_gap_as_the_network_has_learnt_it() {
        for (leaves_gaps, columns) in [(false, [1, 1, 1, 1, 1, 0]), (true, [1, 1, 0, 1, 1, 0])] {
            let mut hearing = Hearing::new();
            hearing.begin(0, leaves_gaps);
            hearing.strike(0, 21, 64, 0);
            assert_eq!([0, 1].map(|step| hearing.column(step).held), [1, 1]);
            // Released and struck again within step 2, before its column is closed.
            hearing.release(0, 21, 3);
            hearing.strike(0, 21, 64, 3);
            hearing.release(0, 21, 5);
            let heard: Vec<Heard> = (2..6).map(|step| hearing.column(step)).collect();
            assert_eq!(heard.iter().map(|heard| heard.held).collect::<Vec<_>>(), columns[2..]);
            assert_eq!(heard.iter().map(|heard| heard.strokes).collect::<Vec<_>>(), [0, 1, 0, 0]);
        }
        // A note of one step is heard whatever comes after it.
        let mut hearing = Hearing::new();
        hearing.begin(0, true);
        for step in 0..3 {
            hearing.strike(0, 21, 64, step);
            hearing.release(0, 21, step + 1);
        }
        assert_eq!(
            [0, 1, 2, 3].map(|step| hearing.column(step).held),
            [0, 1, 1, 0],
            "of a column not closed in time the last two notes are known"
        );
    }
}
