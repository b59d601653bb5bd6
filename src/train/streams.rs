//! Parallel streams through the material: segments that follow one another, so that the state can be carried over.

use super::{config::TrainConfig, dataset::Dataset};
use crate::dsp::random::Random;

/// Where each stream stands: lattice and row.
pub(super) type Place = (u32, u32);

/// One step's worth of rows.
pub(super) struct Segment {
    /// What the network hears. `[step][stream][input]`
    pub inputs: Vec<f32>,
    /// What follows, without noise. `[step][stream][target]`
    pub targets: Vec<f32>,
    /// Streams that begin anew and forget their state. `[stream]`
    pub restarted: Vec<bool>,
}

/// Takes segments of `bptt` steps from `streams` places; now and then, and at the material's end, a stream jumps to a
/// random place.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Streams {
    pub places: Vec<Place>,
    pub random: Random,
}

impl Streams {
    /// Evenly spread over the material.
    pub fn new(config: &TrainConfig, data: &Dataset, mut random: Random) -> Self {
        let places = (0..config.streams)
            .map(|stream| {
                let lattice = random.below(data.lattices.len() as u32);
                let starts = last_start(config, data, lattice) + 1;
                (lattice, (u64::from(starts) * stream as u64 / config.streams as u64) as u32)
            })
            .collect();
        Self { places, random }
    }

    /// The next segment.
    pub fn next(&mut self, config: &TrainConfig, data: &Dataset) -> Segment {
        let (inputs, row_size) = (data.model.features(), data.model.features());
        let streams = self.places.len();
        let mut segment = Segment {
            inputs: vec![0.0; config.bptt * streams * inputs],
            targets: vec![0.0; config.bptt * streams * row_size],
            restarted: vec![false; streams],
        };
        for (stream, place) in self.places.iter_mut().enumerate() {
            let jump = self.random.uniform() < config.restart;
            if jump || place.1 > last_start(config, data, place.0) {
                let lattice = self.random.below(data.lattices.len() as u32);
                *place = (lattice, self.random.below(last_start(config, data, lattice) + 1));
                segment.restarted[stream] = true;
            }
            let rows = &data.lattices[place.0 as usize][place.1 as usize * row_size..];
            for step in 0..config.bptt {
                let at = step * streams + stream;
                let (row, next) = (&rows[step * row_size..], &rows[(step + 1) * row_size..]);
                segment.inputs[at * inputs..][..inputs].copy_from_slice(&row[..inputs]);
                segment.targets[at * row_size..][..row_size].copy_from_slice(&next[..row_size]);
            }
            place.1 += config.bptt as u32;
        }
        if config.input_noise > 0.0 {
            segment.inputs.iter_mut().for_each(|x| *x += config.input_noise * self.random.normal());
        }
        segment
    }
}

/// The last row from which a whole segment and the row after it can be taken.
fn last_start(config: &TrainConfig, data: &Dataset, lattice: u32) -> u32 {
    let rows = data.lattices[lattice as usize].len() / data.model.features();
    (rows - config.bptt - 1) as u32
}
