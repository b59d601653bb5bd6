//! Streams that hear what the network itself predicts (Venkatraman, Hebert and Bagnell 2015, *Improving multi-step prediction
//! of learned time series models*): the label stays the material's, so the network learns to find back from the places
//! where its own mistakes have led it. Noise does the same for mistakes that have no memory; its own ones pile up.

use super::{config::TrainConfig, rows::Cut, streams::Segment};
use crate::dsp::random::Random;

/// A stream whose last mistakes have a mean square of this much (the material has 1) has lost its place.
const LOST: f32 = 0.5;
/// So many mistakes decide on it.
const LAST: usize = 256;
/// A stream that has lost its place is given so many samples to find it again.
const PATIENCE: usize = 4096;
/// A jump is to where the material differs least from what was heard; so many samples are compared.
const COMPARED: usize = 1536;
/// No mistake is larger.
const MOST: f32 = 16.0;
/// What is heard before a jump is the material played this much slower or faster.
const SPEEDS: [f32; 2] = [0.7, 1.4];

/// What the samples that streams hear differ from the material by.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Mistakes {
    /// Of the first streams; as many samples as a matrix reaches over, the newest last. `[stream][sample]`
    streams: Vec<Vec<f32>>,
    /// Samples since the stream was given its place. `[stream]`
    since: Vec<usize>,
}

/// Samples that a matrix reaches over.
fn reach(cut: &Cut) -> usize {
    (cut.rows - 1) * cut.row_distance + cut.inputs
}

impl Mistakes {
    /// None yet, for `own_predictions` of the streams.
    pub fn new(config: &TrainConfig, cut: &Cut) -> Self {
        let count = (config.own_predictions * config.streams as f32).round() as usize;
        Self { streams: vec![vec![0.0; reach(cut)]; count], since: vec![0; count] }
    }

    /// Streams that hear themselves: the first ones.
    pub fn count(&self) -> usize {
        self.streams.len()
    }

    /// The stream jumps: it has heard what resembles the material, but is none of it, at another pitch. Returns the place,
    /// below `places`, from which the material goes on most alike. `material`: `[sample]`.
    pub fn jump(&mut self, stream: usize, material: &[f32], places: usize, random: &mut Random) -> usize {
        let mistakes = &mut self.streams[stream];
        let speed = SPEEDS[0] + (SPEEDS[1] - SPEEDS[0]) * random.uniform();
        let begin = random.uniform() * material.len() as f32;
        for (k, slot) in mistakes.iter_mut().enumerate() {
            let at = begin + speed * k as f32;
            let (index, part) = (at as usize, at.fract());
            let sample = |index: usize| material[index % material.len()];
            *slot = sample(index) * (1.0 - part) + sample(index + 1) * part;
        }
        self.settle(stream, material, places)
    }

    /// The same for a stream that has lost its place, from what it has heard of itself.
    pub fn find_back(&mut self, stream: usize, place: usize, material: &[f32], places: usize) -> usize {
        self.streams[stream].iter_mut().zip(&material[place..]).for_each(|(slot, x)| *slot += x);
        self.settle(stream, material, places)
    }

    /// From what was heard to its difference from the most similar place.
    fn settle(&mut self, stream: usize, material: &[f32], places: usize) -> usize {
        let heard = &mut self.streams[stream];
        let compared = COMPARED.min(heard.len());
        let newest = &heard[heard.len() - compared..];
        let before = heard.len() - compared;
        let difference = |place: usize| {
            let there = &material[place + before..][..compared];
            let (whole, rest) = (there.as_chunks::<16>().0, newest.as_chunks::<16>().0);
            let mut sums = [0.0f32; 16];
            for (a, b) in whole.iter().zip(rest) {
                (0..16).for_each(|lane| sums[lane] += (a[lane] - b[lane]) * (a[lane] - b[lane]));
            }
            sums.iter().sum::<f32>()
        };
        let place = (0..places).map(|place| (difference(place), place)).min_by(|a, b| a.0.total_cmp(&b.0));
        let place = place.map_or(0, |(_, place)| place);
        heard.iter_mut().zip(&material[place..]).for_each(|(slot, x)| *slot -= x);
        self.since[stream] = 0;
        place
    }

    /// True where a stream has not followed the material for too long.
    pub fn lost(&self, stream: usize) -> bool {
        self.streams.get(stream).is_some_and(|mistakes| {
            let last = &mistakes[mistakes.len().saturating_sub(LAST)..];
            let square = last.iter().map(|e| e * e).sum::<f32>() / last.len() as f32;
            // A mistake that is no number is one, too.
            self.since[stream] >= PATIENCE && (square > LOST || square.is_nan())
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
        for (mistakes, since) in self.streams.iter_mut().zip(&mut self.since) {
            mistakes.drain(..mistakes.len() - reach);
            // Rows that hear themselves may wander off as far as they like, but not out of all numbers.
            mistakes.iter_mut().for_each(|e| *e = if e.is_finite() { e.clamp(-MOST, MOST) } else { 0.0 });
            *since += segment.steps;
        }
        Ok(())
    }

    /// For a checkpoint: the mistakes of all streams, then how long they have had their places.
    pub fn numbers(&self) -> Vec<f32> {
        let mut numbers = self.streams.concat();
        // Exact: restarts come long before 2^24 samples, and what is beyond patience is all the same.
        numbers.extend(self.since.iter().map(|&since| since.min(PATIENCE) as f32));
        numbers
    }

    /// The way back; as many numbers.
    pub fn restore(&mut self, numbers: &[f32]) {
        let mut rest = numbers;
        for mistakes in &mut self.streams {
            let (own, others) = rest.split_at(mistakes.len());
            mistakes.copy_from_slice(own);
            rest = others;
        }
        self.since.iter_mut().zip(rest).for_each(|(since, &number)| *since = number as usize);
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
        }
    }

    #[test]
    fn a_lost_stream_goes_on_from_the_most_similar_place() {
        let mut random = Random::new(3);
        let material: Vec<f32> = (0..5000).map(|_| random.normal()).collect();
        let mut mistakes = Mistakes { streams: vec![vec![0.0; 200]], since: vec![0] };
        // Heard: the material from 3000 on, and a little noise; believed: the material from 1000 on.
        let heard: Vec<f32> = material[3000..3200].iter().map(|x| x + 0.1 * random.normal()).collect();
        for (slot, (heard, believed)) in mistakes.streams[0].iter_mut().zip(heard.iter().zip(&material[1000..])) {
            *slot = heard - believed;
        }
        assert!(!mistakes.lost(0), "patience");
        mistakes.since[0] = PATIENCE;
        assert!(mistakes.lost(0));
        assert_eq!(mistakes.find_back(0, 1000, &material, 4800), 3000);
        mistakes.since[0] = PATIENCE;
        assert!(!mistakes.lost(0), "noise of a tenth");

        let place = mistakes.jump(0, &material, 4800, &mut random);
        let heard =
            mistakes.streams[0].iter().zip(&material[place..]).map(|(e, x)| (e + x).powi(2)).sum::<f32>() / 200.0;
        assert!((0.2..1.5).contains(&heard), "as loud as the material, a little less for the straight lines: {heard}");
    }

    #[test]
    fn a_mistake_that_is_no_number_is_one() {
        let mistakes = Mistakes { streams: vec![vec![0.0, f32::NAN]], since: vec![PATIENCE] };
        assert!(mistakes.lost(0));
    }
}
