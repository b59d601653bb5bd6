//! Streams that begin after a sound which is none of the material: what a model hears of a performer. Trained on the
//! material alone, a network never learns what to do then, and may hum for ever what it was given. These streams have heard
//! the material at another pitch, twice over and at another level; what follows is the material from its beginning.

use super::{rows::Cut, streams::Segment};
use crate::{dsp::random::Random, train::TrainConfig};

/// What is heard is the material played this much slower or faster.
const SPEEDS: [f32; 2] = [0.5, 1.8];
/// And this loud, each of two.
const LEVELS: [f32; 2] = [0.05, 1.2];

/// What the samples that streams hear differ from the material by.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ForeignSounds {
    /// Of the first streams; as many samples as a matrix reaches over, from its first one on. `[stream][sample]`
    streams: Vec<Vec<f32>>,
}

/// Samples that a matrix reaches over.
fn reach(cut: &Cut) -> usize {
    (cut.rows - 1) * cut.row_distance + cut.inputs
}

impl ForeignSounds {
    /// None yet, for `foreign_starts` of the streams.
    pub fn new(config: &TrainConfig, cut: &Cut) -> Self {
        let count = (config.foreign_starts * config.streams as f32).round() as usize;
        Self { streams: vec![vec![0.0; reach(cut)]; count] }
    }

    /// Streams that begin so: the first ones.
    pub fn count(&self) -> usize {
        self.streams.len()
    }

    /// The stream goes to the material's beginning and hears something else before it. `material`: `[sample]`.
    pub fn begin(&mut self, stream: usize, material: &[f32], random: &mut Random) {
        let difference = &mut self.streams[stream];
        difference.iter_mut().zip(material).for_each(|(slot, x)| *slot = -x);
        let between = |[least, most]: [f32; 2], random: &mut Random| least + (most - least) * random.uniform();
        for _ in 0..2 {
            let (speed, level) = (between(SPEEDS, random), between(LEVELS, random));
            let begin = random.uniform() * material.len() as f32;
            for (k, slot) in difference.iter_mut().enumerate() {
                let at = begin + speed * k as f32;
                let (index, part) = (at as usize, at.fract());
                let sample = |index: usize| material[index % material.len()];
                *slot += level * (sample(index) * (1.0 - part) + sample(index + 1) * part);
            }
        }
    }

    /// Lets the streams hear it in a segment, for as long as it lasts.
    pub fn add(&mut self, segment: &mut Segment, cut: &Cut) {
        let streams = segment.restarted.len() / cut.rows;
        let matrix = cut.rows * cut.inputs;
        for step in 0..segment.steps {
            let inputs = &mut segment.inputs[step * streams * matrix..][..streams * matrix];
            for (difference, matrix) in self.streams.iter().zip(inputs.chunks_exact_mut(matrix)) {
                for (row, samples) in matrix.chunks_exact_mut(cut.inputs).enumerate() {
                    let of_row = difference.iter().skip(step * cut.advance + row * cut.row_distance);
                    samples.iter_mut().zip(of_row).for_each(|(x, e)| *x += e);
                }
            }
        }
        for difference in &mut self.streams {
            let gone = (segment.steps * cut.advance).min(difference.len());
            difference.rotate_left(gone);
            let kept = difference.len() - gone;
            difference[kept..].fill(0.0);
        }
    }

    /// For a checkpoint. `[stream · sample]`
    pub fn numbers(&self) -> Vec<f32> {
        self.streams.concat()
    }

    /// The way back; as many numbers.
    pub fn restore(&mut self, numbers: &[f32]) {
        let mut rest = numbers;
        for difference in &mut self.streams {
            let (own, others) = rest.split_at(difference.len());
            difference.copy_from_slice(own);
            rest = others;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A line of samples, cut into matrices for two streams that both begin at `from`.
    fn segment(cut: &Cut, steps: usize, from: usize, material: &[f32]) -> Segment {
        let mut inputs = Vec::new();
        for step in 0..steps {
            for _ in 0..2 {
                for row in 0..cut.rows {
                    inputs.extend_from_slice(&material[from + step + row * cut.row_distance..][..cut.inputs]);
                }
            }
        }
        let targets = vec![0.0; 2 * steps];
        let restarted = vec![false; 2 * cut.rows];
        Segment { steps, songs: vec![0; targets.len()], inputs, targets, restarted, ends_update: true }
    }

    #[test]
    fn a_stream_hears_the_other_sound_until_the_material_has_filled_every_row() {
        let mut random = Random::new(3);
        let material: Vec<f32> = (0..500).map(|_| random.normal()).collect();
        let column = Cut {
            inputs: 30,
            label: 1,
            label_offset: 30,
            rows: 1,
            row_distance: 1,
            advance: 1,
            one_label: false,
            grid: 1,
        };
        let transpose = Cut { rows: 3, row_distance: 2, one_label: true, ..column };
        for cut in [column, transpose] {
            let config = TrainConfig { streams: 2, foreign_starts: 0.5, ..TrainConfig::default() };
            let mut foreign = ForeignSounds::new(&config, &cut);
            assert_eq!(foreign.count(), 1);
            foreign.begin(0, &material, &mut random);
            let heard: Vec<f32> = foreign.numbers().iter().zip(&material).map(|(e, x)| e + x).collect();
            assert_ne!(heard, material[..heard.len()]);
            for (from, steps) in [(0, 20), (20, 10), (30, 20)] {
                let plain = segment(&cut, steps, from, &material);
                let mut with = segment(&cut, steps, from, &material);
                foreign.add(&mut with, &cut);
                let matrix = cut.rows * cut.inputs;
                for (index, (&with, &plain)) in with.inputs.iter().zip(&plain.inputs).enumerate() {
                    let (step, stream) = (index / matrix / 2, index / matrix % 2);
                    let at = from + step + index % matrix / cut.inputs * cut.row_distance + index % cut.inputs;
                    let expected = if stream == 0 { heard.get(at).copied().unwrap_or(plain) } else { plain };
                    assert!((with - expected).abs() < 1e-5, "sample {at} of stream {stream}: {with}, {expected}");
                }
                let mut again = ForeignSounds::new(&config, &cut);
                again.restore(&foreign.numbers());
                assert_eq!(again, foreign);
            }
        }
    }
}
