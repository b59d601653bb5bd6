//! Frames of samples: scaled and pre-emphasised on the way in, cross-faded and put right again on the way out.

use crate::model::{ModelConfig, Scaling};

/// Windows of sound to frames.
#[derive(Clone, Debug)]
pub(super) struct Analysis {
    scaling: Scaling,
    emphasis: f32,
}

impl Analysis {
    pub fn new(config: &ModelConfig) -> Self {
        Self { scaling: config.scaling, emphasis: config.pre_emphasis() }
    }

    pub fn frame(&self, window: &[f32], frame: &mut [f32]) {
        let Self { scaling, emphasis } = self;
        // With emphasis the window begins one sample before the frame.
        let before = window.len() - frame.len();
        assert_eq!(before, usize::from(*emphasis > 0.0));
        for (i, slot) in frame.iter_mut().enumerate() {
            let last = if before == 0 { 0.0 } else { *emphasis * window[i] };
            *slot = (window[i + before] - last - scaling.mean) / scaling.std;
        }
    }
}

/// Frames to sound.
#[derive(Clone, Debug)]
pub(super) struct Synthesis {
    scaling: Scaling,
    hop: usize,
    /// The part of the last frame that lies past its hop. `[overlap]`
    tail: Vec<f32>,
    emphasis: f32,
    gain: f32,
    /// The last sample that sounded, before the gain.
    last: f32,
}

impl Synthesis {
    pub fn new(config: &ModelConfig, hop: usize, overlap: usize, gain: f32) -> Self {
        let (scaling, emphasis) = (config.scaling, config.pre_emphasis());
        Self { scaling, hop, tail: vec![0.0; overlap], emphasis, gain, last: 0.0 }
    }

    pub fn reset(&mut self) {
        self.tail.fill(0.0);
        self.last = 0.0;
    }

    pub fn prime(&mut self, frame: &[f32]) {
        let overlap = self.tail.len();
        self.tail.copy_from_slice(&frame[self.hop..][..overlap]);
    }

    pub fn sound(&mut self, frame: &[f32], out: &mut [f32]) {
        let Self { scaling, hop, tail, emphasis, gain, last } = self;
        let overlap = tail.len();
        for (i, (slot, &new)) in out.iter_mut().zip(frame).enumerate() {
            // What the last frame said of the shared samples is faded into what this one says.
            let x = tail.get(i).map_or(new, |&old| old + (new - old) * raised_cosine(i, overlap));
            *last = x * scaling.std + scaling.mean + *emphasis * *last;
            *slot = *last * *gain;
        }
        tail.copy_from_slice(&frame[*hop..]);
    }
}

/// Rises from 0 to 1 over `length` samples.
fn raised_cosine(at: usize, length: usize) -> f32 {
    0.5 - 0.5 * libm::cosf(std::f32::consts::PI * (at as f32 + 0.5) / length as f32)
}
