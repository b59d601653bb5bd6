//! Streams that hear what the network itself predicts (Venkatraman, Hebert and Bagnell 2015, *Improving multi-step prediction
//! of learned time series models*): the label stays the material's, so the network learns to find back from the places
//! where its own mistakes have led it. Noise does the same for mistakes that have no memory; its own ones pile up.

use super::{config::TrainConfig, rows::Cut, streams::Segment};
use crate::dsp::random::Random;

/// A stream whose last mistakes have a mean square of this much (the material has 1) has lost its place.
const LOST: f32 = 0.5;
/// So many mistakes decide on it.
const LAST: usize = 256;

/// What the samples that streams hear differ from the material by.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Mistakes {
    /// Of the first streams; as many samples as a matrix reaches over, the newest last. `[stream][sample]`
    streams: Vec<Vec<f32>>,
}

/// Samples that a matrix reaches over.
fn reach(cut: &Cut) -> usize {
    (cut.rows - 1) * cut.row_distance + cut.inputs
}

impl Mistakes {
    /// None yet, for `own_predictions` of the streams.
    pub fn new(config: &TrainConfig, cut: &Cut) -> Self {
        let count = (config.own_predictions * config.streams as f32).round() as usize;
        Self { streams: vec![vec![0.0; reach(cut)]; count] }
    }

    /// Streams that hear themselves: the first ones.
    pub fn count(&self) -> usize {
        self.streams.len()
    }

    /// The stream jumped: it hears the material again.
    pub fn forget(&mut self, stream: usize) {
        if let Some(mistakes) = self.streams.get_mut(stream) {
            mistakes.fill(0.0);
        }
    }

    /// True where a stream no longer follows the material.
    pub fn lost(&self, stream: usize) -> bool {
        self.streams.get(stream).is_some_and(|mistakes| {
            let last = &mistakes[mistakes.len().saturating_sub(LAST)..];
            let square = last.iter().map(|e| e * e).sum::<f32>() / last.len() as f32;
            // A mistake that is no number is one, too.
            !(square <= LOST)
        })
    }

    /// Lets the streams hear themselves through a segment: `predict` says, for the inputs of one step, the prediction of every
    /// stream. What is heard has noise of the deviation `noise` on it.
    pub fn hear<E>(
        &mut self,
        segment: &mut Segment,
        cut: &Cut,
        noise: f32,
        random: &mut Random,
        mut predict: impl FnMut(&[f32]) -> Result<Vec<f32>, E>,
    ) -> Result<(), E> {
        let streams = segment.restarted.len() / cut.rows;
        let matrix = cut.rows * cut.inputs;
        for step in 0..segment.steps {
            let inputs = &mut segment.inputs[step * streams * matrix..][..streams * matrix];
            for (mistakes, matrix) in self.streams.iter().zip(inputs.chunks_exact_mut(matrix)) {
                for (row, samples) in matrix.chunks_exact_mut(cut.inputs).enumerate() {
                    let of_row = &mistakes[step + row * cut.row_distance..];
                    samples.iter_mut().zip(of_row).for_each(|(x, e)| *x += e);
                }
            }
            let predicted = predict(inputs)?;
            let labels = segment.targets.len() / segment.steps / streams;
            for (stream, mistakes) in self.streams.iter_mut().enumerate() {
                // With several rows of a column each, only the last one's label is new.
                let label = segment.targets[(step * streams + stream) * labels + labels - 1];
                let said = predicted[(stream + 1) * labels - 1];
                mistakes.push(said - label + noise * random.normal());
            }
        }
        let reach = reach(cut);
        for mistakes in &mut self.streams {
            mistakes.drain(..mistakes.len() - reach);
        }
        Ok(())
    }

    /// For a checkpoint. `[stream · sample]`
    pub fn numbers(&self) -> Vec<f32> {
        self.streams.concat()
    }

    /// The way back; as many numbers.
    pub fn restore(&mut self, numbers: &[f32]) {
        let mut rest = numbers;
        for mistakes in &mut self.streams {
            let (own, others) = rest.split_at(mistakes.len());
            mistakes.copy_from_slice(own);
            rest = others;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A rising line of samples, cut into matrices for two streams that begin at 0 and 100.
    fn segment(cut: &Cut, steps: usize, from: usize) -> Segment {
        let (mut inputs, mut targets) = (Vec::new(), Vec::new());
        for step in 0..steps {
            for stream in [from, from + 100] {
                for row in 0..cut.rows {
                    let begin = stream + step + row * cut.row_distance;
                    inputs.extend((begin..begin + cut.inputs).map(|x| x as f32));
                }
                targets.push((stream + step + (cut.rows - 1) * cut.row_distance + cut.inputs) as f32);
            }
        }
        let restarted = vec![false; 2 * cut.rows];
        Segment { steps, songs: vec![0; targets.len()], inputs, targets, restarted, ends_update: true }
    }

    #[test]
    fn the_first_streams_hear_what_was_predicted_in_every_row_and_over_the_borders_of_segments() {
        let column = Cut {
            inputs: 3,
            label: 1,
            label_offset: 3,
            rows: 1,
            row_distance: 1,
            advance: 1,
            one_label: false,
            grid: 1,
        };
        let transpose = Cut { rows: 3, row_distance: 2, one_label: true, ..column };
        for cut in [column, transpose] {
            let config = TrainConfig { streams: 2, own_predictions: 0.5, ..TrainConfig::default() };
            let mut mistakes = Mistakes::new(&config, &cut);
            assert_eq!(mistakes.count(), 1);
            let newest = cut.rows * cut.inputs;
            // Says 2 more than it has just heard, where the material rises by 1: it is ahead by one sample more each time.
            let predict = |inputs: &[f32]| {
                Ok::<_, ()>(inputs.chunks_exact(newest).map(|matrix| matrix[newest - 1] + 2.0).collect())
            };
            let (first, second) = (0..5, 5..9);
            for steps in [first, second] {
                let plain = segment(&cut, steps.len(), steps.start);
                let mut heard = segment(&cut, steps.len(), steps.start);
                mistakes.hear(&mut heard, &cut, 0.0, &mut Random::new(1), predict).expect("no error");
                assert_eq!(heard.targets, plain.targets);
                let reach = (cut.rows - 1) * cut.row_distance + cut.inputs;
                for (index, (heard, plain)) in heard.inputs.iter().zip(&plain.inputs).enumerate() {
                    let stream = index / newest % 2;
                    // Samples from the first that was predicted on.
                    let ahead = if stream == 0 { (plain - reach as f32 + 1.0).max(0.0) } else { 0.0 };
                    assert_eq!(heard - plain, ahead, "number {index} of {cut:?}");
                }
            }
            let numbers = mistakes.numbers();
            let mut again = Mistakes::new(&config, &cut);
            again.restore(&numbers);
            assert_eq!(again, mistakes);
            assert!(mistakes.lost(0) && !mistakes.lost(1), "some samples ahead, where 0.7 is lost");
            mistakes.forget(0);
            assert!(!mistakes.lost(0));
        }
    }

    #[test]
    fn a_mistake_that_is_no_number_is_one() {
        let mistakes = Mistakes { streams: vec![vec![0.0, f32::NAN]] };
        assert!(mistakes.lost(0));
    }
}
