//! Streams that begin after a sound which is none of the material: what a model hears of a performer. Trained on the
//! material alone, a network never learns what to do then, and may hum for ever what it was given. These streams have heard
//! other recordings, or the material itself at another pitch, twice over and at another level; what follows is the material from
//! its beginning.

use super::{
    dataset::Dataset,
    rows::{Cut, Segment},
};
use crate::{dsp::random::Random, hyperparameters::TrainConfig, model::Scaling};

/// The material is heard this much slower or faster.
const SPEEDS: [f32; 2] = [0.5, 1.8];
/// And this loud, each of two.
const LEVELS: [f32; 2] = [0.05, 1.2];
/// Other recordings are heard this loud, in powers of ten.
const LOG_LEVELS: [f32; 2] = [-1.0, 0.15];
/// Part of the sounds of other recordings that are two at once.
const TWO: f32 = 0.25;
/// Part of them that are noise instead, and how loud it is against the material, in powers of ten.
const NOISE: f32 = 0.06;
const LOG_NOISE: [f32; 2] = [-3.0, 0.0];

/// What the samples that streams hear differ from the material by.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ForeignSounds {
    /// Of the first streams.
    streams: Vec<Difference>,
}

/// What a stream hears less the material.
#[derive(Clone, Debug, PartialEq)]
struct Difference {
    /// From the first sample of the stream's matrix on: as many as a matrix reaches over, and those for which the sound may go on.
    samples: Vec<f32>,
    /// So many of them are another sound. Predictions of them are not scored.
    left: usize,
}

/// Samples that a matrix reaches over.
fn reach(cut: &Cut) -> usize {
    (cut.rows - 1) * cut.row_distance + cut.inputs
}

/// What other sounds are made of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sources<'a> {
    /// The material as the network hears it, `[sample]`; of a loop one lap.
    pub material: &'a [f32],
    /// It is a loop.
    pub looped: bool,
    /// Other recordings; none: the material is the other sound.
    pub recordings: &'a [Vec<f32>],
    /// What makes of a recording what the network hears of it.
    pub emphasis: f32,
    pub scaling: Scaling,
}

impl<'a> Sources<'a> {
    /// Of material that is heard as `rows`.
    pub fn of(data: &'a Dataset, rows: &'a [f32]) -> Self {
        Self {
            material: &rows[..data.lap.unwrap_or(rows.len())],
            looped: data.lap.is_some(),
            recordings: &data.foreign,
            emphasis: data.model.pre_emphasis(),
            scaling: data.model.scaling,
        }
    }

    /// Adds the material at two speeds and levels.
    fn add_material(&self, sum: &mut [f32], random: &mut Random) {
        for _ in 0..2 {
            let (speed, level) = (between(SPEEDS, random), between(LEVELS, random));
            let begin = random.uniform() * self.material.len() as f32;
            for (k, slot) in sum.iter_mut().enumerate() {
                *slot += level * played(self.material, begin + speed * k as f32);
            }
        }
    }

    /// Adds one or two recordings, each at a speed and level, or noise.
    fn add_recordings(&self, sum: &mut [f32], random: &mut Random) {
        let power = |[least, most]: [f32; 2], random: &mut Random| libm::exp10f(between([least, most], random));
        if random.uniform() < NOISE {
            let deviation = power(LOG_NOISE, random);
            sum.iter_mut().for_each(|slot| *slot += deviation * random.normal());
            return;
        }
        let count = if random.uniform() < TWO { 2 } else { 1 };
        for _ in 0..count {
            let sound = &self.recordings[random.below(self.recordings.len() as u32) as usize];
            let speed = SPEEDS[0] * libm::powf(SPEEDS[1] / SPEEDS[0], random.uniform());
            let level = power(LOG_LEVELS, random);
            let begin = random.uniform() * sound.len() as f32;
            let mut before = played(sound, begin);
            for (k, slot) in sum.iter_mut().enumerate() {
                let x = played(sound, begin + speed * (k + 1) as f32);
                *slot += level * ((x - self.emphasis * before - self.scaling.mean) / self.scaling.std);
                before = x;
            }
        }
    }
}

fn between([least, most]: [f32; 2], random: &mut Random) -> f32 {
    least + (most - least) * random.uniform()
}

/// A sound between its samples, round and round.
fn played(sound: &[f32], at: f32) -> f32 {
    let (index, part) = (at as usize, at.fract());
    let sample = |index: usize| sound[index % sound.len()];
    sample(index) * (1.0 - part) + sample(index + 1) * part
}

impl ForeignSounds {
    /// None yet, for `foreign_starts` of the streams.
    pub fn new(config: &TrainConfig, cut: &Cut) -> Self {
        let count = (config.foreign_starts * config.streams as f32).round() as usize;
        let samples = vec![0.0; reach(cut) + config.foreign_steps * cut.advance];
        Self { streams: vec![Difference { samples, left: 0 }; count] }
    }

    /// Streams that begin so: the first ones.
    pub fn count(&self) -> usize {
        self.streams.len()
    }

    /// The stream hears another sound, which goes on for `steps` steps, before the material's beginning. Returns the place
    /// in the material at which it stands.
    pub fn begin(
        &mut self,
        stream: usize,
        sources: &Sources<'_>,
        cut: &Cut,
        steps: usize,
        random: &mut Random,
    ) -> usize {
        let material = sources.material;
        let left = reach(cut) + steps * cut.advance;
        // What it hears after that is the first that it is to predict, where there is something before it.
        let place = if sources.looped { (material.len() - left % material.len()) % material.len() } else { 0 };
        let difference = &mut self.streams[stream];
        let (own, rest) = difference.samples.split_at_mut(left);
        own.iter_mut().zip(material.iter().cycle().skip(place)).for_each(|(slot, x)| *slot = -x);
        rest.fill(0.0);
        difference.left = left;
        if sources.recordings.is_empty() {
            sources.add_material(own, random);
        } else {
            sources.add_recordings(own, random);
        }
        place
    }

    /// Lets the streams hear it in a segment, for as long as it lasts, and keeps predictions of it from being scored.
    pub fn add(&mut self, segment: &mut Segment, cut: &Cut) {
        let streams = segment.restarted.len() / cut.rows;
        let matrix = cut.rows * cut.inputs;
        let labels = if cut.one_label { cut.rows - 1..cut.rows } else { 0..cut.rows };
        for step in 0..segment.steps {
            let inputs = &mut segment.inputs[step * streams * matrix..][..streams * matrix];
            for (difference, matrix) in self.streams.iter().zip(inputs.chunks_exact_mut(matrix)) {
                for (row, samples) in matrix.chunks_exact_mut(cut.inputs).enumerate() {
                    let of_row = difference.samples.iter().skip(step * cut.advance + row * cut.row_distance);
                    samples.iter_mut().zip(of_row).for_each(|(x, e)| *x += e);
                }
            }
            let scored = &mut segment.scored[step * streams * labels.len()..][..streams * labels.len()];
            for (difference, scored) in self.streams.iter().zip(scored.chunks_exact_mut(labels.len())) {
                for (row, scored) in labels.clone().zip(scored) {
                    let label = step * cut.advance + row * cut.row_distance + cut.label_offset;
                    *scored = label >= difference.left;
                }
            }
        }
        for difference in &mut self.streams {
            let gone = segment.steps * cut.advance;
            difference.left = difference.left.saturating_sub(gone);
            let gone = gone.min(difference.samples.len());
            difference.samples.rotate_left(gone);
            let kept = difference.samples.len() - gone;
            difference.samples[kept..].fill(0.0);
        }
    }

    /// For a checkpoint. `[stream · sample]`
    pub fn numbers(&self) -> Vec<f32> {
        self.streams.iter().flat_map(|difference| &difference.samples).copied().collect()
    }

    /// The way back; as many numbers.
    pub fn restore(&mut self, numbers: &[f32]) {
        let mut rest = numbers;
        for Difference { samples, .. } in &mut self.streams {
            let (own, others) = rest.split_at(samples.len());
            samples.copy_from_slice(own);
            rest = others;
        }
    }

    /// For a checkpoint: for how many samples the sound of each stream goes on.
    pub fn left(&self) -> Vec<u64> {
        self.streams.iter().map(|difference| difference.left as u64).collect()
    }

    /// The way back; as many numbers.
    pub fn restore_left(&mut self, left: &[u64]) {
        self.streams.iter_mut().zip(left).for_each(|(difference, &left)| difference.left = left as usize);
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
        let (restarted, scored) = (vec![false; 2 * cut.rows], vec![true; targets.len()]);
        Segment { steps, songs: vec![0; targets.len()], inputs, targets, scored, restarted, ends_update: true }
    }

    /// Material that is no loop, with which the other sound is made.
    fn plain(material: &[f32]) -> Sources<'_> {
        let scaling = Scaling { mean: 0.0, std: 1.0 };
        Sources { material, looped: false, recordings: &[], emphasis: 0.0, scaling }
    }

    const COLUMN: Cut =
        Cut { inputs: 30, label: 1, label_offset: 30, rows: 1, row_distance: 1, advance: 1, one_label: false, grid: 1 };

    #[test]
    fn another_recording_goes_on_unscored_before_the_loop_begins() {
        let mut random = Random::new(5);
        let material: Vec<f32> = (0..90).map(|_| random.normal()).collect();
        // A slow sine: at any speed and level its neighbours are alike, and the emphasis leaves little of it.
        let recording = |hz: f32| (0..4000).map(|i| libm::sinf(hz * i as f32)).collect::<Vec<f32>>();
        let recordings = [recording(0.001), recording(0.002)];
        let scaling = Scaling { mean: 0.0, std: 0.5 };
        let sources = Sources { material: &material, looped: true, recordings: &recordings, emphasis: 0.9, scaling };
        let two_rows = Cut { rows: 2, row_distance: 7, ..COLUMN };
        for cut in [COLUMN, Cut { one_label: true, ..two_rows }, two_rows] {
            let config = TrainConfig { streams: 2, foreign_starts: 0.5, foreign_steps: 40, ..TrainConfig::default() };
            let mut foreign = ForeignSounds::new(&config, &cut);
            for goes_on in [0, 13, 40, 5] {
                let place = foreign.begin(0, &sources, &cut, goes_on, &mut random);
                let length = reach(&cut) + goes_on;
                assert_eq!((place + length) % 90, 0, "the loop begins after {length} samples");
                // Two segments, so that the sound goes over from one to the next.
                for (from, steps) in [(0, 20), (20, 60)] {
                    let lap: Vec<f32> = material.iter().cycle().skip(place).take(400).copied().collect();
                    let labels = if cut.one_label { 1 } else { cut.rows };
                    let mut heard = segment(&cut, steps, from, &lap);
                    heard.scored = vec![true; 2 * labels * steps];
                    foreign.add(&mut heard, &cut);
                    let matrix = cut.rows * cut.inputs;
                    for step in 0..steps {
                        let inputs = &heard.inputs[2 * step * matrix..][..matrix];
                        for (at, &x) in inputs.iter().enumerate() {
                            let sample = from + step + at / cut.inputs * cut.row_distance + at % cut.inputs;
                            let is_material = (x - lap[sample]).abs() < 1e-5;
                            assert_eq!(is_material, sample >= length, "sample {sample} of {length}");
                        }
                        for label in 0..labels {
                            let row = cut.rows - labels + label;
                            let sample = from + step + row * cut.row_distance + cut.label_offset;
                            let scored = [0, 1].map(|stream| heard.scored[(2 * step + stream) * labels + label]);
                            assert_eq!(scored, [sample >= length, true], "label {sample} after {length}");
                        }
                    }
                }
                let mut again = ForeignSounds::new(&config, &cut);
                again.restore(&foreign.numbers());
                again.restore_left(&foreign.left());
                assert_eq!(again, foreign);
            }
        }
    }

    #[test]
    fn recordings_are_heard_as_the_network_hears_the_material() {
        let mut random = Random::new(6);
        // A constant: whatever its speed, the emphasis leaves a tenth of it.
        let recordings = [vec![2.0; 500]];
        let scaling = Scaling { mean: 0.1, std: 0.5 };
        let material = vec![0.0; 60];
        let sources = Sources { material: &material, looped: true, recordings: &recordings, emphasis: 0.9, scaling };
        let (mut noises, mut pairs, mut levels) = (0, 0, Vec::new());
        for _ in 0..2000 {
            let mut sum = [0.0; 30];
            sources.add_recordings(&mut sum, &mut random);
            if sum.iter().any(|x| (x - sum[0]).abs() > 1e-4) {
                noises += 1;
                continue;
            }
            let level = sum[0] / 0.2;
            pairs += usize::from(level > 1.413);
            levels.push(level);
        }
        levels.sort_by(f32::total_cmp);
        let (least, most) = (levels[0], levels[levels.len() - 1]);
        assert!((0.099..0.12).contains(&least) && (1.42..2.83).contains(&most), "{least} to {most}");
        assert!((80..170).contains(&noises) && (10..500).contains(&pairs), "{noises} noises, {pairs} loud pairs");
    }

    #[test]
    fn a_stream_hears_the_other_sound_until_the_material_has_filled_every_row() {
        let mut random = Random::new(3);
        let material: Vec<f32> = (0..500).map(|_| random.normal()).collect();
        let transpose = Cut { rows: 3, row_distance: 2, one_label: true, ..COLUMN };
        for cut in [COLUMN, transpose] {
            let config = TrainConfig { streams: 2, foreign_starts: 0.5, ..TrainConfig::default() };
            let mut foreign = ForeignSounds::new(&config, &cut);
            assert_eq!(foreign.count(), 1);
            let place = foreign.begin(0, &plain(&material), &cut, 0, &mut random);
            assert_eq!(place, 0);
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
                again.restore_left(&foreign.left());
                assert_eq!(again, foreign);
            }
        }
    }
}
