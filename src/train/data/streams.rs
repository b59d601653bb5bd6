//! Parallel streams through the material: segments that follow one another, so that the state can be carried over.

use super::{
    dataset::Dataset,
    foreign::{ForeignSounds, Sources},
    rows::{Cut, Rows, Segment},
};
use crate::{dsp::random::Random, hyperparameters::TrainConfig};

/// Where each stream stands: lattice and unit.
pub(crate) type Place = (u32, u32);

/// Takes segments of `bptt` steps from `streams` places; now and then, and at the material's end, a stream jumps to a
/// random place. With `one_shot` it goes through song after song instead, from beginning to end.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Streams {
    pub places: Vec<Place>,
    /// The song under way (`one_shot`).
    pub song: u32,
    /// What the first streams have heard before.
    pub foreign: ForeignSounds,
    /// Deviation of the noise in each.
    pub noise: Vec<f32>,
    /// The noise in the samples that its next matrix shares with its last one, where rows slide: none after a jump.
    pub held: Vec<Vec<f32>>,
    pub random: Random,
}

impl Streams {
    /// Evenly spread over the material.
    pub fn new(config: &TrainConfig, data: &Dataset, mut random: Random) -> Self {
        if config.one_shot {
            let (foreign, noise) = (ForeignSounds::new(config, &data.cut), vec![config.input_noise]);
            return Self { places: vec![(0, 0)], song: 0, foreign, noise, held: vec![Vec::new()], random };
        }
        let places: Vec<Place> = (0..config.streams)
            .map(|stream| {
                let lattice = random.below(data.rows.lattices() as u32);
                let starts = starts(config, data, lattice);
                (lattice, (u64::from(starts) * stream as u64 / config.streams as u64) as u32 * data.cut.grid as u32)
            })
            .collect();
        let noise = places.iter().map(|_| noise_deviation(config, &mut random)).collect();
        let held = vec![Vec::new(); places.len()];
        Self { places, song: 0, foreign: ForeignSounds::new(config, &data.cut), noise, held, random }
    }

    /// Updates of an epoch.
    pub fn updates_per_epoch(config: &TrainConfig, data: &Dataset) -> u64 {
        match config.one_shot {
            true => data.songs.len() as u64,
            false => (data.frames() as u64).div_ceil((config.streams * config.bptt) as u64).max(1),
        }
    }

    /// The next segment.
    pub fn next(&mut self, config: &TrainConfig, data: &Dataset) -> Segment {
        let mut segment =
            if config.one_shot { self.next_of_song(config, data) } else { self.next_of_all(config, data) };
        if config.input_noise > 0.0 {
            if data.model.slides() {
                self.add_noise_to_samples(&data.cut, &mut segment);
            } else {
                let matrices = segment.inputs.chunks_exact_mut(data.cut.rows * data.cut.inputs);
                for (matrix, &deviation) in matrices.zip(self.noise.iter().cycle()) {
                    matrix.iter_mut().for_each(|x| *x += deviation * self.random.normal());
                }
            }
        }
        segment
    }

    /// Rows that slide hear the same samples again and again. A sample has one noise for all of them, in this segment and
    /// the next, as it has when it is predicted and fed back; were it another one each time, the network would learn to
    /// average it away.
    fn add_noise_to_samples(&mut self, cut: &Cut, segment: &mut Segment) {
        let streams = self.noise.len();
        let gone = segment.steps * cut.advance;
        let reach = gone - cut.advance + (cut.rows - 1) * cut.row_distance + cut.inputs;
        for (stream, (&deviation, noise)) in self.noise.iter().zip(&mut self.held).enumerate() {
            noise.truncate(reach);
            noise.extend((noise.len()..reach).map(|_| deviation * self.random.normal()));
            for step in 0..segment.steps {
                for row in 0..cut.rows {
                    let at = ((step * streams + stream) * cut.rows + row) * cut.inputs;
                    let of_row = &noise[step * cut.advance + row * cut.row_distance..][..cut.inputs];
                    segment.inputs[at..at + cut.inputs].iter_mut().zip(of_row).for_each(|(x, n)| *x += n);
                }
            }
            noise.drain(..gone.min(reach));
        }
    }

    fn next_of_all(&mut self, config: &TrainConfig, data: &Dataset) -> Segment {
        let (cut, steps) = (&data.cut, config.bptt);
        let mut restarted = vec![config.reset_state; self.places.len()];
        for (stream, (place, restarted)) in self.places.iter_mut().zip(&mut restarted).enumerate() {
            let ended = data.lap.is_none() && place.1 as usize > last_place(config, data, place.0);
            if self.random.uniform() < config.restart || ended {
                let lattice = self.random.below(data.rows.lattices() as u32);
                *place = (lattice, self.random.below(starts(config, data, lattice)) * cut.grid as u32);
                // A network that has heard a seed has no state of zeros.
                *restarted |= self.foreign.count() == 0 || self.random.below(2) == 0;
                if let (true, Rows::Samples(material)) = (stream < self.foreign.count(), &data.rows) {
                    let sources = Sources::of(data, material);
                    let most = config.foreign_steps as u32;
                    let steps = if most > 0 { self.random.below(most + 1) as usize } else { 0 };
                    *place = (0, self.foreign.begin(stream, &sources, cut, steps, &mut self.random) as u32);
                }
                self.noise[stream] = noise_deviation(config, &mut self.random);
                self.held[stream].clear();
            }
        }
        let mut segment = gather(&data.rows, cut, &self.places, steps, &restarted, |at| data.song_of(at) as u16);
        self.foreign.add(&mut segment, cut);
        for place in &mut self.places {
            let next = place.1 as usize + steps * cut.advance;
            place.1 = data.lap.map_or(next, |lap| next % lap) as u32;
        }
        segment
    }

    /// Where a song begins (`one_shot`).
    pub fn beginning(&self, song: u32, data: &Dataset) -> Place {
        (0, data.unit_at(0, data.songs[song as usize].span.start) as u32)
    }

    fn next_of_song(&mut self, config: &TrainConfig, data: &Dataset) -> Segment {
        let cut = &data.cut;
        let span = data.songs[self.song as usize % data.songs.len()].span.clone();
        let begin = data.unit_at(0, span.start);
        let place = self.places[0].1.max(begin as u32) as usize;
        // The label has to lie in the song too, except that a cross-fade's last frame may look into the next one.
        let end = data.unit_at(0, span.end).min(data.rows.units(0));
        let one = cut.span(1, data.rows.frames());
        let left = (end + 1).saturating_sub(place + one).div_ceil(cut.advance).max(1);
        let steps = left.min(config.bptt);
        if place == begin {
            self.held[0].clear();
        }
        let restarted = [place == begin || config.reset_state];
        let mut segment =
            gather(&data.rows, cut, &[(0, place as u32)], steps, &restarted, |at| data.song_of(at) as u16);
        segment.ends_update = steps == left;
        self.places[0] = (0, (place + steps * cut.advance) as u32);
        if segment.ends_update {
            self.song = (self.song + 1) % data.songs.len() as u32;
            self.places[0] = self.beginning(self.song, data);
        }
        segment
    }
}

/// How noisy a stream is from a jump on.
fn noise_deviation(config: &TrainConfig, random: &mut Random) -> f32 {
    let most = config.input_noise;
    config.input_noise_min.map_or(most, |least| least * libm::powf(most / least, random.uniform()))
}

/// Places on a lattice from which a whole segment can be taken, in grid steps.
fn starts(config: &TrainConfig, data: &Dataset, lattice: u32) -> u32 {
    (last_place(config, data, lattice) / data.cut.grid + 1) as u32
}

/// The last unit from which a whole segment can be taken; those that follow one another need not stay on the grid.
fn last_place(config: &TrainConfig, data: &Dataset, lattice: u32) -> usize {
    match data.lap {
        // A loop goes on after every place.
        Some(lap) => lap - 1,
        None => data.rows.units(lattice as usize) - data.cut.span(config.bptt, data.rows.frames()),
    }
}

/// The matrices of `steps` steps from `places` on; `song_of` a lattice and unit.
fn gather(
    rows: &Rows,
    cut: &Cut,
    places: &[Place],
    steps: usize,
    restarted: &[bool],
    song_of: impl Fn((usize, usize)) -> u16,
) -> Segment {
    let labels = if cut.one_label { 1 } else { cut.rows };
    let mut segment = Segment {
        steps,
        inputs: Vec::with_capacity(steps * places.len() * cut.rows * cut.inputs),
        targets: Vec::with_capacity(steps * places.len() * labels * cut.label),
        songs: Vec::with_capacity(steps * places.len() * labels),
        scored: vec![true; steps * places.len() * labels],
        restarted: restarted.iter().flat_map(|&restarted| std::iter::repeat_n(restarted, cut.rows)).collect(),
        ends_update: true,
    };
    for step in 0..steps {
        for &(lattice, unit) in places {
            let (lattice, matrix) = (lattice as usize, unit as usize + step * cut.advance);
            for row in 0..cut.rows {
                let unit = matrix + row * cut.row_distance;
                segment.inputs.extend_from_slice(rows.input(lattice, unit, cut));
                if !cut.one_label || row + 1 == cut.rows {
                    segment.targets.extend_from_slice(rows.label(lattice, unit, cut));
                    segment.songs.push(song_of((lattice, unit)));
                }
            }
        }
    }
    segment
}

/// Segments that cover material which is only tested on: some streams side by side, one after the other.
pub(crate) struct Evaluation<'a> {
    data: &'a Dataset,
    config: &'a TrainConfig,
    places: Vec<Place>,
    steps_left: usize,
}

/// The validation is heard in at most so many streams.
const STREAMS: usize = 8;
/// And in at most so many steps of each: its beginning and seven other places, where it is longer.
const MAX_STEPS: usize = 2048;
/// Rows of a segment that no memory will mind.
const ROWS: usize = 4096;

impl<'a> Evaluation<'a> {
    /// None if the held-out material is too short.
    pub fn of(config: &'a TrainConfig, data: &'a Dataset) -> Option<Self> {
        let rows = &data.validation;
        let one = data.cut.span(1, rows.frames());
        let matrices = (rows.units(0) + 1).checked_sub(one)?.div_ceil(data.cut.advance);
        let streams = STREAMS.min(matrices);
        if streams == 0 {
            return None;
        }
        let apart = matrices / streams;
        let places = (0..streams).map(|stream| (0, (stream * apart * data.cut.advance) as u32)).collect();
        Some(Self { data, config, places, steps_left: apart.min(MAX_STEPS) })
    }

    /// Streams side by side.
    pub fn streams(&self) -> usize {
        self.places.len()
    }

    /// Rows that will be heard.
    pub fn rows(&self) -> u64 {
        (self.places.len() * self.data.cut.rows * self.steps_left) as u64
    }

    /// The next segment; none at the end.
    pub fn next(&mut self) -> Option<Segment> {
        // As many rows as a step of the training hears, or some thousand: memory was reckoned for that.
        let trained = self.config.streams * self.config.bptt / self.places.len();
        let cheap = ROWS / (self.places.len() * self.data.cut.rows);
        let steps = self.steps_left.min(trained.max(cheap).max(1));
        if steps == 0 {
            return None;
        }
        let restarted = vec![false; self.places.len()];
        let segment = gather(&self.data.validation, &self.data.cut, &self.places, steps, &restarted, |_| 0);
        self.steps_left -= steps;
        self.places.iter_mut().for_each(|place| place.1 += (steps * self.data.cut.advance) as u32);
        Some(segment)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{hyperparameters::TrainApproach, model::Head, train::data::material::Material};

    fn column() -> TrainConfig {
        TrainConfig {
            approach: TrainApproach::Column { seg_len: 8 },
            emphasis: 0.5,
            head: Head::Mse,
            principal_components: 0,
            loop_material: true,
            input_noise: 0.0,
            restart: 0.0,
            streams: 3,
            bptt: 16,
            ..TrainConfig::default()
        }
    }

    fn dataset(config: &TrainConfig) -> Dataset {
        let mut random = Random::new(1);
        Dataset::of(config, Material::of((0..101).map(|_| 0.1 * random.normal()).collect())).expect("good material")
    }

    #[test]
    fn streams_go_round_a_loop_without_a_seam() {
        let config = column();
        let data = dataset(&config);
        let (sound, scaling) = (&data.sound, data.model.scaling);
        let lap: Vec<f32> =
            (0..101).map(|i| (sound[i] - 0.5 * sound[(i + 100) % 101] - scaling.mean) / scaling.std).collect();
        assert_eq!((data.frames(), Streams::updates_per_epoch(&config, &data)), (101, 3));
        let mut streams = Streams::new(&config, &data, Random::new(2));
        let begin: Vec<usize> = streams.places.iter().map(|place| place.1 as usize).collect();
        // More than twice round.
        for segment in 0..14 {
            let heard = streams.next(&config, &data);
            assert!(heard.restarted.iter().all(|restarted| !restarted) && heard.scored.iter().all(|scored| *scored));
            for step in 0..16 {
                for (stream, begin) in begin.iter().enumerate() {
                    let at = |offset: usize| lap[(begin + 16 * segment + step + offset) % 101];
                    let row = step * 3 + stream;
                    let expected: Vec<f32> = (0..8).map(at).collect();
                    assert_eq!(heard.inputs[row * 8..][..8], expected);
                    assert_eq!(heard.targets[row], at(8));
                }
            }
            assert!(streams.places.iter().all(|place| place.1 < 101));
        }
    }

    #[test]
    fn every_stream_has_its_own_noise_until_it_jumps() {
        let config = TrainConfig { input_noise: 1.0, input_noise_min: Some(0.01), streams: 200, ..column() };
        let data = dataset(&config);
        let mut streams = Streams::new(&config, &data, Random::new(3));
        let before = streams.noise.clone();
        let mut sorted = before.clone();
        sorted.sort_by(f32::total_cmp);
        assert!(sorted[0] >= 0.01 && sorted[199] <= 1.0);
        // Even in the logarithm: half of them below a tenth.
        assert!((0.05..0.2).contains(&sorted[100]) && sorted[10] < 0.02 && sorted[190] > 0.5, "{sorted:?}");
        let plain = TrainConfig { input_noise: 0.0, input_noise_min: None, ..config.clone() };
        let clean = Streams { random: Random::new(4), ..streams.clone() }.next(&plain, &data);
        let heard = streams.next(&config, &data);
        for (stream, &deviation) in before.iter().enumerate() {
            // Of 23 different samples that the 16 rows of a stream are cut from.
            let of = |segment: &Segment, k: usize| {
                let (step, at) = if k < 8 { (0, k) } else { (k - 7, 7) };
                segment.inputs[(step * 200 + stream) * 8 + at]
            };
            let squares = (0..23).map(|k| (of(&heard, k) - of(&clean, k)).powi(2)).sum::<f32>();
            let found = (squares / 23.0).sqrt();
            assert!((0.4..1.8).contains(&(found / deviation)), "{found} for {deviation}");
        }
        assert_eq!(streams.noise, before);
        let jumping = TrainConfig { restart: 1.0, ..config };
        streams.next(&jumping, &data);
        assert!(streams.noise.iter().zip(&before).all(|(new, old)| new != old));
    }

    #[test]
    fn a_sample_keeps_its_noise_from_segment_to_segment_until_the_stream_jumps() {
        let config = TrainConfig { input_noise: 1.0, ..column() };
        let data = dataset(&config);
        let mut streams = Streams::new(&config, &data, Random::new(3));
        let clean = TrainConfig { input_noise: 0.0, ..config.clone() };
        let mut silent = streams.clone();
        // What each stream hears beside the material: of a segment's first matrix, and of the samples that each step adds.
        let mut noises = |streams: &mut Streams, config: &TrainConfig| {
            let (heard, plain) = (streams.next(config, &data), silent.next(&clean, &data));
            let noise = |row: usize, k: usize| heard.inputs[row * 8 + k] - plain.inputs[row * 8 + k];
            (0..3)
                .map(|stream| {
                    (0..23).map(|k| if k < 8 { noise(stream, k) } else { noise((k - 7) * 3 + stream, 7) }).collect()
                })
                .collect::<Vec<Vec<f32>>>()
        };
        let [first, second] = [0; 2].map(|_| noises(&mut streams, &config));
        for (first, second) in first.iter().zip(&second) {
            // A segment of 16 steps ends 16 samples on: of 8 samples, 7 are heard again.
            assert!(first[16..].iter().zip(&second[..7]).all(|(a, b)| (a - b).abs() < 1e-5), "{first:?} {second:?}");
            assert!(second[7..].iter().all(|n| n.abs() > 1e-6));
        }
        let jumping = TrainConfig { restart: 1.0, ..config };
        let places = streams.places.clone();
        let heard = streams.next(&jumping, &data);
        assert!(heard.restarted.iter().all(|restarted| *restarted) && streams.places != places);
        assert!(streams.held.iter().all(|held| held.len() == 7));
    }
}
