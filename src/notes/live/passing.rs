//! A player's controllers: what they are to the engine, and which are passed on though nothing else is.

pub use crate::notes::score::{PEDAL_DOWN, SUSTAIN};

use super::engine::Gesture;
use crate::engine::STOPS;

impl Gesture {
    /// What a player does with a controller; `is_on`: it is at [`PEDAL_DOWN`] or above. None of what only colours the sound.
    pub fn of_controller(channel: u8, number: u8, is_on: bool) -> Option<Self> {
        let channel = channel & 15;
        match number {
            SUSTAIN => Some(Self::Pedal { channel, is_down: is_on }),
            stop if STOPS.contains(&stop) => Some(Self::AllUp { channel: Some(channel) }),
            _ => None,
        }
    }
}

/// The sustain pedals that were passed on and are down, a bit a channel: where one is lifted is passed on in any case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pedals(u16);

impl Pedals {
    /// A pedal moves; `passes`: controllers are passed on. True where one is lifted of which others know that it is down.
    pub fn lifts(&mut self, channel: u8, is_down: bool, passes: bool) -> bool {
        let bit = 1 << (channel & 15);
        let was_down = self.0 & bit != 0;
        if !is_down {
            self.0 &= !bit;
            return was_down;
        }
        self.0 |= if passes { bit } else { 0 };
        false
    }

    /// The channels whose pedals are down.
    pub fn down(&self) -> impl Iterator<Item = u8> + use<> {
        let pedals = self.0;
        (0..16).filter(move |channel| pedals >> channel & 1 == 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pedals_that_were_passed_on_are_lifted_and_others_are_not() {
        let mut pedals = Pedals::default();
        assert!(!pedals.lifts(3, false, true), "it was not down");
        assert!(!pedals.lifts(3, true, false) && pedals == Pedals::default(), "nobody has heard of it");
        assert!(!pedals.lifts(3, true, true) && pedals.down().eq([3]));
        assert!(!pedals.lifts(15, true, true) && pedals.down().eq([3, 15]));
        assert!(pedals.lifts(3, false, false) && pedals.down().eq([15]), "in any case");
    }

    #[test]
    fn controllers_are_stops_pedals_or_nothing() {
        let gesture = |number| Gesture::of_controller(2, number, true);
        assert_eq!(gesture(64), Some(Gesture::Pedal { channel: 2, is_down: true }));
        let stops: Vec<u8> =
            (0..128).filter(|&number| matches!(gesture(number), Some(Gesture::AllUp { .. }))).collect();
        assert_eq!(stops, STOPS);
        assert_eq!(gesture(1), None);
    }
}
