//! What the layers over the bins and bands hear while they are taught: the order of their inputs is one for all trainers.

use crate::model::{AVERAGES, BANDS, BinTier};

/// Numbers of a bin's input before the context: two of the frame itself, four of the last one, one of the one before, the averages.
pub(crate) const BEFORE_CONTEXT: usize = 2 + 5 + AVERAGES;

/// What is known of a frame, of which each bin hears its part. Frames and suggestion: `[bin]`.
#[derive(Clone, Copy)]
pub(crate) struct BinHears<'a> {
    /// The frame to be predicted: a bin hears the two below it.
    pub target: &'a [f32],
    /// The last frame, and the one before it.
    pub heard: &'a [f32],
    pub before: &'a [f32],
    /// `[average][bin]`
    pub averages: &'a [f32],
    /// What the recurrent layers say, `[bin][context]`.
    pub context: &'a [f32],
    /// `[bin][position]`
    pub position: &'a [f32],
    /// Levels of the bands of the frame to be predicted, 0…1.
    pub levels: [f32; BANDS],
    pub suggestion: &'a [f32],
    pub sureness: f32,
}

impl BinHears<'_> {
    /// Writes what a bin hears, `[tier.inputs()]`.
    pub fn write(&self, tier: &BinTier, bin: usize, input: &mut [f32]) {
        let bins = self.heard.len();
        let at = |values: &[f32], at: usize| if at < bins { values[at] } else { 0.0 };
        let below = |values: &[f32], by: usize| if bin >= by { values[bin - by] } else { 0.0 };
        let (start, rest) = input.split_at_mut(BEFORE_CONTEXT);
        start[..7].copy_from_slice(&[
            below(self.target, 1),
            below(self.target, 2),
            below(self.heard, 1),
            self.heard[bin],
            at(self.heard, bin + 1),
            at(self.heard, bin + 2),
            self.before[bin],
        ]);
        for (slot, average) in start[7..].iter_mut().zip(self.averages.chunks_exact(bins)) {
            *slot = average[bin];
        }
        let (context, rest) = rest.split_at_mut(tier.context);
        context.copy_from_slice(&self.context[bin * tier.context..][..tier.context]);
        let (position, rest) = rest.split_at_mut(tier.position);
        position.copy_from_slice(&self.position[bin * tier.position..][..tier.position]);
        rest[..BANDS].copy_from_slice(&self.levels);
        rest[BANDS..].copy_from_slice(&[self.suggestion[bin], at(self.suggestion, bin + 1), self.sureness]);
    }
}

/// The level of every band of a frame: 1 is the highest that a level can say.
pub(crate) fn band_levels(bounds: &[usize; BANDS + 1], band_top: f32, frame: &[f32]) -> [f32; BANDS] {
    std::array::from_fn(|band| {
        let bins = &frame[bounds[band]..bounds[band + 1]];
        bins.iter().sum::<f32>() / bins.len() as f32 / band_top
    })
}

/// The class of a level, 0…1, of which there are `levels`.
pub(crate) fn class(level: f32, levels: usize) -> u8 {
    let last = (levels - 1) as f32;
    (level * last).round_ties_even().clamp(0.0, last) as u8
}
