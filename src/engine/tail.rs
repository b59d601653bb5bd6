//! The end of the wet before a jump, faded out over the beginning of the new epoch.

use super::types::MAX_CHANNELS;

/// Some milliseconds of sound, computed in advance.
///
/// # Realtime safety
/// Only [`Self::new`] allocates.
#[derive(Clone, Debug)]
pub(super) struct Tail {
    /// `[channel][sample]`
    samples: [Vec<f32>; MAX_CHANNELS],
    position: usize,
}

impl Tail {
    /// A silent tail of this length.
    pub fn new(length_samples: usize) -> Self {
        Self { samples: std::array::from_fn(|_| vec![0.0; length_samples]), position: length_samples }
    }

    /// The current sample.
    pub fn value(&self, channel: usize) -> f32 {
        self.samples[channel].get(self.position).copied().unwrap_or(0.0)
    }

    /// Advances by one sample.
    pub fn advance(&mut self) {
        self.position = (self.position + 1).min(self.samples[0].len());
    }

    /// True until the end has been reached.
    pub fn is_sounding(&self) -> bool {
        self.position < self.samples[0].len()
    }

    /// Silence from now on.
    pub fn forget(&mut self) {
        self.position = self.samples[0].len();
    }

    /// Starts a new tail of the samples that `wet` returns, faded out from `gain` to silence.
    pub fn begin(&mut self, gain: f32, mut wet: impl FnMut(usize) -> [f32; MAX_CHANNELS]) {
        let length = self.samples[0].len();
        for i in 0..length {
            let fade = gain * (1.0 - (i + 1) as f32 / length as f32);
            let wet = wet(i);
            for (tail, wet) in self.samples.iter_mut().zip(wet) {
                // The rest of an earlier tail is added.
                let earlier = tail.get(self.position + i).copied().unwrap_or(0.0);
                tail[i] = earlier + fade * wet;
            }
        }
        self.position = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_jump_adds_to_what_is_left_of_the_first() {
        let mut tail = Tail::new(4);
        assert!(!tail.is_sounding() && tail.value(1) == 0.0);
        tail.begin(1.0, |_| [1.0, 2.0]);
        assert_eq!([tail.value(0), tail.value(1)], [0.75, 1.5]);
        tail.advance();
        tail.begin(0.0, |_| [9.0; 2]);
        let rest: Vec<f32> = (0..4)
            .map(|_| {
                let value = tail.value(0);
                tail.advance();
                value
            })
            .collect();
        assert_eq!(rest, [0.5, 0.25, 0.0, 0.0]);
        assert!(!tail.is_sounding());
    }
}
