//! Parallel streams through the material: segments that follow one another, so that the state can be carried over.

use super::{
    dataset::Dataset,
    foreign::ForeignSounds,
    rows::{Cut, Rows},
};
use crate::{dsp::random::Random, train::TrainConfig};

/// Where each stream stands: lattice and unit.
pub(crate) type Place = (u32, u32);

/// Some steps' worth of rows.
pub(crate) struct Segment {
    /// Matrices that follow one another.
    pub steps: usize,
    /// What the network hears. `[step][stream · rows][input]`
    pub inputs: Vec<f32>,
    /// What follows, without noise. `[step][stream · rows][label]`, or `[step][stream][label]` where a matrix has one label.
    pub targets: Vec<f32>,
    /// The song of each label.
    pub songs: Vec<u16>,
    /// Rows of the batch that begin anew and forget their state. `[stream · rows]`
    pub restarted: Vec<bool>,
    /// The weights move after this segment.
    pub ends_update: bool,
}

/// Takes segments of `bptt` steps from `streams` places; now and then, and at the material's end, a stream jumps to a
/// random place. With `one_shot` it goes through song after song instead, from beginning to end.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Streams {
    pub places: Vec<Place>,
    /// The song under way (`one_shot`).
    pub song: u32,
    /// What the first streams have heard before.
    pub foreign: ForeignSounds,
    pub random: Random,
}

impl Streams {
    /// Evenly spread over the material.
    pub fn new(config: &TrainConfig, data: &Dataset, mut random: Random) -> Self {
        if config.one_shot {
            return Self { places: vec![(0, 0)], song: 0, foreign: ForeignSounds::new(config, &data.cut), random };
        }
        let places = (0..config.streams)
            .map(|stream| {
                let lattice = random.below(data.rows.lattices() as u32);
                let starts = starts(config, data, lattice);
                (lattice, (u64::from(starts) * stream as u64 / config.streams as u64) as u32 * data.cut.grid as u32)
            })
            .collect();
        Self { places, song: 0, foreign: ForeignSounds::new(config, &data.cut), random }
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
                self.add_noise_to_samples(config.input_noise, &data.cut, &mut segment);
            } else {
                segment.inputs.iter_mut().for_each(|x| *x += config.input_noise * self.random.normal());
            }
        }
        segment
    }

    /// Rows that slide hear the same samples again and again. A sample has one noise for all of them, as it has when it is
    /// predicted and fed back; were it another one each time, the network would learn to average it away.
    fn add_noise_to_samples(&mut self, deviation: f32, cut: &Cut, segment: &mut Segment) {
        let streams = segment.restarted.len() / cut.rows;
        let reach = (segment.steps - 1) * cut.advance + (cut.rows - 1) * cut.row_distance + cut.inputs;
        let mut noise = vec![0.0f32; reach];
        for stream in 0..streams {
            noise.iter_mut().for_each(|n| *n = deviation * self.random.normal());
            for step in 0..segment.steps {
                for row in 0..cut.rows {
                    let at = ((step * streams + stream) * cut.rows + row) * cut.inputs;
                    let of_row = &noise[step * cut.advance + row * cut.row_distance..][..cut.inputs];
                    segment.inputs[at..at + cut.inputs].iter_mut().zip(of_row).for_each(|(x, n)| *x += n);
                }
            }
        }
    }

    fn next_of_all(&mut self, config: &TrainConfig, data: &Dataset) -> Segment {
        let (cut, steps) = (&data.cut, config.bptt);
        let mut restarted = vec![config.reset_state; self.places.len()];
        for (stream, (place, restarted)) in self.places.iter_mut().zip(&mut restarted).enumerate() {
            let ended = place.1 as usize > last_place(config, data, place.0);
            if self.random.uniform() < config.restart || ended {
                let lattice = self.random.below(data.rows.lattices() as u32);
                *place = (lattice, self.random.below(starts(config, data, lattice)) * cut.grid as u32);
                *restarted = true;
                if let (true, Rows::Samples(material)) = (stream < self.foreign.count(), &data.rows) {
                    *place = (0, 0);
                    self.foreign.begin(stream, material, &mut self.random);
                    // A network that has heard a seed has no state of zeros.
                    *restarted = self.random.below(2) == 0;
                }
            }
        }
        let mut segment = gather(&data.rows, cut, &self.places, steps, &restarted, |at| data.song_of(at) as u16);
        self.foreign.add(&mut segment, cut);
        self.places.iter_mut().for_each(|place| place.1 += (steps * cut.advance) as u32);
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

/// Places on a lattice from which a whole segment can be taken, in grid steps.
fn starts(config: &TrainConfig, data: &Dataset, lattice: u32) -> u32 {
    (last_place(config, data, lattice) / data.cut.grid + 1) as u32
}

/// The last unit from which a whole segment can be taken; those that follow one another need not stay on the grid.
fn last_place(config: &TrainConfig, data: &Dataset, lattice: u32) -> usize {
    data.rows.units(lattice as usize) - data.cut.span(config.bptt, data.rows.frames())
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
