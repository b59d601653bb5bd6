//! Places in the material that are trained on side by side, and the segments that they hear.

use super::{
    config::ListenConfig,
    material::{ListenMaterial, Piece},
    network::Segment,
};
use crate::{
    dsp::random::Random,
    learn::{FIRST_FRAMES, add_noise},
    model::AVERAGES,
};
use serde::{Deserialize, Serialize};

/// Averages are run for as many of the longest time constants before a place.
const WARM_UP: f32 = 5.0;
/// Where the tilt of a spectrum does nothing.
const PIVOT_HZ: f64 = 700.0;

/// Where a stream is; floats as bits, so that JSON keeps them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Place {
    piece: u32,
    /// The frame before the next segment.
    at: u32,
    gain: u32,
    tilt: u32,
}

/// The streams of a training.
#[derive(Clone, Debug)]
pub(crate) struct Streams {
    pub places: Vec<Place>,
    /// Averages after the frame at each place, `[stream][average][bin]`.
    pub averages: Vec<f32>,
    pub random: Random,
    /// Sums of the weights of all pieces so far, with their lengths.
    odds: Vec<f64>,
    hearing: Hearing,
}

/// How frames are heard.
#[derive(Clone, Debug)]
struct Hearing {
    bins: usize,
    rates: [f32; AVERAGES],
    /// Frames that averages are run for before a place.
    warm_up: usize,
    /// Octaves of every bin above the pivot.
    octaves: Vec<f32>,
    /// Decibels of the whole range of levels.
    range_db: f32,
}

impl Hearing {
    fn of(config: &ListenConfig) -> Self {
        let rate = config.sample_rate_hz;
        let hop_s = config.approach.hop as f32 / rate as f32;
        let longest = config.approach.averages_s.iter().copied().fold(0.0, f32::max);
        let octave = |hz: &f64| libm::log2(hz / PIVOT_HZ) as f32;
        Self {
            bins: config.approach.bins,
            rates: config.approach.average_rates(rate),
            warm_up: (WARM_UP * longest / hop_s) as usize,
            octaves: config.approach.centres_hz(rate).iter().map(octave).collect(),
            range_db: -config.approach.floor_db,
        }
    }

    /// A frame as it is heard at a place.
    fn frame(&self, piece: &Piece, index: usize, place: Place, frame: &mut [f32]) {
        let (gain, tilt) = (f32::from_bits(place.gain), f32::from_bits(place.tilt));
        let levels = &piece.frames[index * self.bins..][..self.bins];
        for ((slot, &level), octave) in frame.iter_mut().zip(levels).zip(&self.octaves) {
            let moved = f32::from(level) * (1.0 / 255.0) + (gain + tilt * octave) / self.range_db;
            *slot = if level > 0 { moved.clamp(0.0, 1.0) } else { 0.0 };
        }
    }

    /// Moves averages, `[average][bin]`, towards a frame.
    fn move_averages(&self, averages: &mut [f32], frame: &[f32]) {
        for (average, rate) in averages.chunks_exact_mut(self.bins).zip(self.rates) {
            average.iter_mut().zip(frame).for_each(|(m, x)| *m += rate * (x - *m));
        }
    }

    /// The averages after the frame at a place.
    fn averages_at(&self, piece: &Piece, place: Place, averages: &mut [f32]) {
        let at = place.at as usize;
        let first = (at + 1).saturating_sub(self.warm_up.max(1));
        let count = (piece.frames.len() / self.bins - first).min(FIRST_FRAMES);
        let mut frame = vec![0.0; self.bins];
        let mut mean = vec![0.0; self.bins];
        for index in first..first + count {
            self.frame(piece, index, place, &mut frame);
            mean.iter_mut().zip(&frame).for_each(|(sum, x)| *sum += x / count as f32);
        }
        averages.chunks_exact_mut(self.bins).for_each(|average| average.copy_from_slice(&mean));
        for index in first..=at {
            self.frame(piece, index, place, &mut frame);
            self.move_averages(averages, &frame);
        }
    }
}

impl Streams {
    pub fn new(config: &ListenConfig, material: &ListenMaterial, random: Random) -> Self {
        let mut sum = 0.0;
        let odds = material.pieces.iter().map(|piece| {
            sum += piece.weight * piece.frames.len() as f64;
            sum
        });
        let odds = odds.collect();
        let hearing = Hearing::of(config);
        let averages = vec![0.0; config.streams * AVERAGES * hearing.bins];
        let mut streams = Self { places: Vec::new(), averages, random, odds, hearing };
        for stream in 0..config.streams {
            let place = streams.draw(config, material);
            streams.places.push(place);
            streams.settle(stream, material);
        }
        streams
    }

    /// A place for a stream, anywhere.
    fn draw(&mut self, config: &ListenConfig, material: &ListenMaterial) -> Place {
        let all = self.odds.last().copied().unwrap_or(0.0);
        let drawn = all * f64::from(self.random.next_u32()) / 4_294_967_296.0;
        let piece = self.odds.partition_point(|&sum| sum <= drawn).min(material.pieces.len() - 1);
        let frames = material.pieces[piece].frames.len() / self.hearing.bins;
        let at = self.random.below((frames - (config.bptt + 2) + 1) as u32);
        let [least, most] = config.gain_db;
        let gain = least + (most - least) * self.random.uniform();
        let tilt = config.tilt_db * (2.0 * self.random.uniform() - 1.0);
        Place { piece: piece as u32, at, gain: gain.to_bits(), tilt: tilt.to_bits() }
    }

    /// Brings the averages of a stream to its place.
    fn settle(&mut self, stream: usize, material: &ListenMaterial) {
        let place = self.places[stream];
        let width = AVERAGES * self.hearing.bins;
        let averages = &mut self.averages[stream * width..][..width];
        self.hearing.averages_at(&material.pieces[place.piece as usize], place, averages);
    }

    /// Whether places that were read lie within the material.
    pub fn fit(places: &[Place], config: &ListenConfig, material: &ListenMaterial) -> bool {
        let inside = |place: &Place| {
            let piece = material.pieces.get(place.piece as usize);
            piece.is_some_and(|piece| (place.at as usize) < piece.frames.len() / material.bins)
        };
        places.len() == config.streams && places.iter().all(inside)
    }

    /// The next segment of all streams, of which some jump. What is heard has noise, where it is not silent; averages and
    /// what is to be predicted have none.
    pub fn next(&mut self, config: &ListenConfig, material: &ListenMaterial, segment: &mut Segment) {
        let (streams, steps, bins) = (config.streams, config.bptt, self.hearing.bins);
        let (width, inputs) = (AVERAGES * bins, (1 + AVERAGES) * bins);
        segment.inputs.resize(streams * steps * inputs, 0.0);
        segment.targets.resize(streams * steps * bins, 0.0);
        segment.first_before.resize(streams * bins, 0.0);
        segment.restarted.clear();
        let mut frame = vec![0.0; bins];
        for stream in 0..streams {
            let place = self.places[stream];
            let frames = material.pieces[place.piece as usize].frames.len() / bins;
            let ends = place.at as usize + steps + 2 > frames;
            let jumps = self.random.uniform() < config.restart || ends;
            if jumps {
                self.places[stream] = self.draw(config, material);
                self.settle(stream, material);
            }
            segment.restarted.push(jumps);
            let place = self.places[stream];
            let piece = &material.pieces[place.piece as usize];
            let averages = &mut self.averages[stream * width..][..width];
            let before = &mut segment.first_before[stream * bins..][..bins];
            self.hearing.frame(piece, place.at as usize, place, before);
            add_noise(before, config.input_noise, &mut self.random);
            for step in 0..=steps {
                self.hearing.frame(piece, place.at as usize + 1 + step, place, &mut frame);
                if let Some(before) = step.checked_sub(1) {
                    segment.targets[(before * streams + stream) * bins..][..bins].copy_from_slice(&frame);
                }
                if step < steps {
                    self.hearing.move_averages(averages, &frame);
                    let input = &mut segment.inputs[(step * streams + stream) * inputs..][..inputs];
                    let (heard, memory) = input.split_at_mut(bins);
                    heard.copy_from_slice(&frame);
                    add_noise(heard, config.input_noise, &mut self.random);
                    memory.copy_from_slice(averages);
                }
            }
            self.places[stream].at += steps as u32;
        }
        self.pick(streams * steps, config.bin_frames, &mut segment.picked);
    }

    /// Draws `count` of as many rows, sorted.
    fn pick(&mut self, rows: usize, count: usize, picked: &mut Vec<usize>) {
        let mut all: Vec<usize> = (0..rows).collect();
        for index in 0..count.min(rows) {
            let other = index + self.random.below((rows - index) as u32) as usize;
            all.swap(index, other);
        }
        picked.clear();
        picked.extend_from_slice(&all[..count.min(rows)]);
        picked.sort_unstable();
    }
}

/// Segments from the beginning of held-out pieces, side by side, without noise.
pub(crate) struct Examination<'a> {
    pieces: Vec<&'a Piece>,
    hearing: Hearing,
    averages: Vec<f32>,
    at: usize,
    frames: usize,
    steps: usize,
}

/// Of the frames of a held-out piece, the bins of one in so many are tested on.
const EXAMINED: usize = 4;

impl<'a> Examination<'a> {
    /// Of as many pieces as there are streams at most, evenly spread; none where nothing is held out.
    pub fn new(config: &ListenConfig, material: &'a ListenMaterial) -> Option<Self> {
        let mut all: Vec<&Piece> = material.held_out.iter().collect();
        // Short ones would shorten all.
        let is_long = |piece: &&Piece| piece.frames.len() / material.bins >= config.validation_frames + 2;
        if all.iter().any(is_long) {
            all.retain(is_long);
        }
        let count = all.len().min(config.streams);
        let pieces: Vec<&Piece> = (0..count).map(|index| all[index * all.len() / count]).collect();
        let hearing = Hearing::of(config);
        let shortest = pieces.iter().map(|piece| piece.frames.len() / hearing.bins).min()?;
        let frames = config.validation_frames.min(shortest.saturating_sub(2)) / config.bptt * config.bptt;
        let mut averages = vec![0.0; pieces.len() * AVERAGES * hearing.bins];
        for (piece, averages) in pieces.iter().zip(averages.chunks_exact_mut(AVERAGES * hearing.bins)) {
            hearing.averages_at(piece, Place::default(), averages);
        }
        Some(Self { pieces, hearing, averages, at: 0, frames, steps: config.bptt })
    }

    pub fn streams(&self) -> usize {
        self.pieces.len()
    }

    /// The next segment, until the frames are at an end.
    pub fn next(&mut self) -> Option<Segment> {
        if self.at >= self.frames {
            return None;
        }
        let (streams, bins, steps) = (self.streams(), self.hearing.bins, self.steps);
        let (width, inputs) = (AVERAGES * bins, (1 + AVERAGES) * bins);
        let mut segment = Segment {
            inputs: vec![0.0; streams * steps * inputs],
            first_before: vec![0.0; streams * bins],
            targets: vec![0.0; streams * steps * bins],
            picked: (0..steps).step_by(EXAMINED).flat_map(|step| step * streams..(step + 1) * streams).collect(),
            restarted: vec![false; streams],
        };
        let mut frame = vec![0.0; bins];
        for (stream, piece) in self.pieces.iter().enumerate() {
            let averages = &mut self.averages[stream * width..][..width];
            let before = &mut segment.first_before[stream * bins..][..bins];
            self.hearing.frame(piece, self.at, Place::default(), before);
            for step in 0..=steps {
                self.hearing.frame(piece, self.at + 1 + step, Place::default(), &mut frame);
                if let Some(before) = step.checked_sub(1) {
                    segment.targets[(before * streams + stream) * bins..][..bins].copy_from_slice(&frame);
                }
                if step < steps {
                    self.hearing.move_averages(averages, &frame);
                    let input = &mut segment.inputs[(step * streams + stream) * inputs..][..inputs];
                    input[..bins].copy_from_slice(&frame);
                    input[bins..].copy_from_slice(averages);
                }
            }
        }
        self.at += steps;
        Some(segment)
    }
}
