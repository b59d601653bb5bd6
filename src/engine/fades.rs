//! The fades of the wet around underruns: predictions in hand are faded out, later ones are faded in.

/// Whether predictions flow, and the gain that follows from it.
#[derive(Clone, Debug, PartialEq)]
pub struct Flow {
    state: State,
    gain: f32,
    step: f32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Flowing,
    FadingOut { left: usize },
    Starved,
    FadingIn { left: usize },
}

impl Flow {
    /// Predictions flow.
    pub fn new() -> Self {
        Self { state: State::Flowing, gain: 1.0, step: 0.0 }
    }

    /// The gain now.
    pub fn gain(&self) -> f32 {
        self.gain
    }

    /// Starts a quantum. `ready`: the whole lookahead has been predicted; otherwise only the samples in hand have.
    /// Returns true if this is the beginning of an underrun.
    pub fn enter_quantum(&mut self, ready: bool, in_hand_samples: usize, fade_in_samples: usize) -> bool {
        match (self.state, ready) {
            (State::Flowing | State::FadingIn { .. }, false) => {
                self.state = State::FadingOut { left: in_hand_samples };
                self.step = -self.gain / in_hand_samples.max(1) as f32;
                if in_hand_samples == 0 {
                    self.starve();
                }
                true
            }
            (State::Starved, true) => {
                self.state = State::FadingIn { left: fade_in_samples };
                self.step = 1.0 / fade_in_samples.max(1) as f32;
                false
            }
            _ => false,
        }
    }

    /// Advances by one sample and returns the gain there.
    pub fn advance(&mut self) -> f32 {
        match &mut self.state {
            State::Flowing | State::Starved => return self.gain,
            State::FadingOut { left } => {
                *left = left.saturating_sub(1);
                self.gain += self.step;
                if *left == 0 {
                    self.starve();
                }
            }
            State::FadingIn { left } => {
                *left = left.saturating_sub(1);
                self.gain += self.step;
                if *left == 0 {
                    *self = Self::new();
                }
            }
        }
        self.gain
    }

    fn starve(&mut self) {
        *self = Self { state: State::Starved, gain: 0.0, step: 0.0 };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fades_out_over_what_is_in_hand_and_in_again() {
        let mut flow = Flow::new();
        assert!(!flow.enter_quantum(true, 256, 100));
        assert_eq!(flow.advance(), 1.0);
        assert!(flow.enter_quantum(false, 128, 100), "an underrun begins");
        let out: Vec<f32> = (0..128).map(|_| flow.advance()).collect();
        assert!(out.windows(2).all(|pair| pair[0] > pair[1] && pair[0] - pair[1] < 0.009));
        assert_eq!(out[127], 0.0);
        assert!(!flow.enter_quantum(false, 0, 100), "it is counted once");
        assert_eq!(flow.advance(), 0.0);
        flow.enter_quantum(true, 256, 100);
        let back: Vec<f32> = (0..100).map(|_| flow.advance()).collect();
        assert!(back[0] > 0.0 && back[0] < 0.02 && back[99] == 1.0);
    }

    #[test]
    fn nothing_in_hand_is_silence_at_once() {
        let mut flow = Flow::new();
        assert!(flow.enter_quantum(false, 0, 100));
        assert_eq!(flow.advance(), 0.0);
    }
}
