//! The way between two models.

use crate::{
    control::{ParamId, ParamValues},
    engine::GRID_SAMPLES,
};

/// From one model to the other at the fastest.
const MORPH_SECONDS: f32 = 0.02;

/// Where between two models it sounds, quantum by quantum: a jump of the parameter becomes a short way.
#[derive(Debug)]
pub(super) struct MorphRamp {
    at: Option<f32>,
    most_per_quantum: f32,
}

impl MorphRamp {
    /// At rest nowhere.
    pub fn new(sample_rate_hz: u32) -> Self {
        Self { at: None, most_per_quantum: GRID_SAMPLES as f32 / (MORPH_SECONDS * sample_rate_hz as f32) }
    }

    /// Begins wherever the parameter is.
    pub fn forget(&mut self) {
        self.at = None;
    }

    /// Where it is at the beginning and at the end of the next quantum, 0 at the first model to 1 at the second.
    pub fn next_quantum(&mut self, values: &ParamValues) -> [f32; 2] {
        let target = values.get(ParamId::Morph) / 100.0;
        let from = self.at.unwrap_or(target);
        let to = from + (target - from).clamp(-self.most_per_quantum, self.most_per_quantum);
        self.at = Some(to);
        [from, to]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_jump_becomes_a_way_of_twenty_milliseconds_and_arrives() {
        let mut values = ParamValues::default();
        values.set(ParamId::Morph, 0.0);
        let mut ramp = MorphRamp::new(48_000);
        assert_eq!(ramp.next_quantum(&values), [0.0, 0.0]);
        values.set(ParamId::Morph, 100.0);
        let way: Vec<[f32; 2]> = (0..16).map(|_| ramp.next_quantum(&values)).collect();
        assert!(way.windows(2).all(|pair| pair[0][1] == pair[1][0] && pair[1][1] >= pair[1][0]));
        assert!(way[7][1] < 0.6 && way[15] == [1.0, 1.0], "{way:?}");
    }
}
