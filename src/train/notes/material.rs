//! A data set as batches: which columns are heard in an epoch, and in what order.

use super::{
    config::{GIVEN, Method, NetworkConfig, NotesConfig},
    recurrent::Columns,
};
use crate::{
    dsp::random::{Random, mix64},
    model::{KEYS, RollBaselines, RollRepeats, STEPS_PER_MEASURE},
    notes::{Baselines, DataSet, Roll, SEGMENT_STEPS, Split},
};
use std::collections::{BTreeMap, HashSet};

/// Streams side by side in a test, and columns that each of them hears at once.
const TEST_STREAMS: usize = 16;
const TEST_COLUMNS: usize = 256;

/// The pieces of a data set that a training hears, and what is told of them.
#[derive(Clone, Debug)]
pub struct NotesMaterial {
    /// Bits of a column.
    pub(super) width: usize,
    pub(super) training: Vec<Roll>,
    /// Which of these are copies, moved by semitones.
    copies: Vec<bool>,
    pub(super) validation: Vec<Roll>,
    /// Predictors without a network, on the pieces for training and on those that validate; none without two columns in a
    /// row.
    baselines: [Option<Baselines>; 2],
    /// Licences and whom they want named, with how many of the pieces for training and validation have each.
    pub licences: BTreeMap<String, usize>,
    /// Composers of these pieces.
    pub composers: usize,
    fingerprint: u64,
}

/// Columns of one stream at an update: `pairs` of a column and the one that follows, from `start` on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub piece: usize,
    pub start: usize,
    pub pairs: usize,
    /// The stream forgets what it has heard.
    pub fresh: bool,
}

/// What an epoch hears.
pub(super) struct Epoch {
    /// The pieces, each moved by its semitones.
    pub rolls: Vec<Roll>,
    /// `[update][stream]`; none for a stream that has nothing left.
    pub updates: Vec<Vec<Option<Place>>>,
}

impl NotesMaterial {
    /// The pieces of a data set. Copies that were moved by semitones are pieces for training of their own.
    pub fn new(data: &DataSet) -> Self {
        let rolls = |split: Split| {
            let wanted = data.pieces().iter().enumerate().filter(|(_, piece)| piece.split == split);
            wanted.map(|(index, _)| data.roll(index)).collect::<Vec<_>>()
        };
        let mut licences: BTreeMap<String, usize> = BTreeMap::new();
        let mut composers = HashSet::new();
        for piece in data.pieces().iter().filter(|piece| piece.split != Split::Test && piece.transposed == 0) {
            let credit = match &piece.attribution[..] {
                "" => piece.licence.clone(),
                attribution => format!("{} ({attribution})", piece.licence),
            };
            *licences.entry(credit).or_default() += 1;
            composers.insert(&piece.composer);
        }
        let (training, validation) = (rolls(Split::Training), rolls(Split::Validation));
        let fingerprint = training.iter().chain(&validation).fold(data.pieces().len() as u64, |sum, roll| {
            let planes = roll.columns().iter().chain(roll.strokes().unwrap_or_default());
            let of_roll = planes.flatten().fold(roll.len() as u64, |sum, &byte| mix64(sum ^ u64::from(byte)));
            mix64(sum ^ of_roll)
        });
        let learnt = data.pieces().iter().filter(|piece| piece.split == Split::Training);
        Self {
            width: if data.rules().grid.repeats == RollRepeats::Onset { 2 * KEYS } else { KEYS },
            training,
            copies: learnt.map(|piece| piece.transposed != 0).collect(),
            validation,
            baselines: [Split::Training, Split::Validation].map(|split| data.baselines_of(split)),
            licences,
            composers: composers.len(),
            fingerprint,
        }
    }

    /// The pieces for training that are no copies.
    pub(super) fn originals(&self) -> impl Iterator<Item = &Roll> {
        self.training.iter().zip(&self.copies).filter(|(_, is_copy)| !**is_copy).map(|(roll, _)| roll)
    }

    /// Pieces for training, and that validate.
    pub fn pieces(&self) -> [usize; 2] {
        [self.training.len(), self.validation.len()]
    }

    /// Their columns.
    pub fn columns(&self) -> [usize; 2] {
        [&self.training, &self.validation].map(|rolls| rolls.iter().map(Roll::len).sum())
    }

    /// What a network has to beat on the pieces for training, and on those that validate; `hears`: it hears the column
    /// before.
    pub fn baselines(&self, hears: bool) -> [Option<RollBaselines>; 2] {
        let of = |found: Baselines| RollBaselines {
            silence: found.silence as f32,
            key_means: found.key_means.map(|error| error as f32),
            hold: hears.then_some(found.hold as f32),
            chain: found.chain.filter(|_| hears).map(|error| error as f32),
        };
        self.baselines.map(|found| found.map(of))
    }

    /// The part of the bits that is on in the pieces for training.
    pub(super) fn density(&self) -> f64 {
        self.baselines[0].map_or(0.0, |found| found.silence)
    }

    /// Tells material from other material.
    pub(super) fn fingerprint(&self) -> u64 {
        self.fingerprint
    }

    /// What the epoch of this number hears: fixed by it and the random seed.
    pub(super) fn epoch(&self, config: &NotesConfig, number: u32) -> Epoch {
        let mut random = Random::new(mix64(config.general.random_seed ^ mix64(u64::from(number) + 1)));
        let [from, to] = config.general.transpose;
        let span = (i32::from(to) - i32::from(from) + 1) as u32;
        let mut semitones = || (i32::from(from) + random.below(span) as i32) as i8;
        let rolls: Vec<Roll> = self.training.iter().map(|roll| roll.transposed(semitones()).0).collect();
        let batch = config.general.batch;
        let updates = match &config.network {
            NetworkConfig::Recurrent(own) if own.carry => in_streams(&rolls, own.sequence, batch, &mut random),
            NetworkConfig::Recurrent(own) => {
                // Where it hears itself, nothing is learnt of what it is given.
                let least = if own.method == Method::Closed { GIVEN } else { 1 };
                // A sequence of so many columns predicts all but its first.
                let place = |piece: usize, start: usize| {
                    let pairs = (rolls[piece].len() - start).min(own.sequence).saturating_sub(1);
                    (pairs >= least).then_some(Place { piece, start, pairs, fresh: true })
                };
                let starts = (0..rolls.len()).flat_map(|piece| {
                    (0..rolls[piece].len()).step_by(own.sequence).filter_map(move |start| place(piece, start))
                });
                in_batches(starts.collect(), batch, &mut random)
            }
            NetworkConfig::Autoencoder(_) => in_batches(segments(&rolls), batch, &mut random),
        };
        Epoch { rolls, updates }
    }

    /// The pieces that validate, each from its beginning to its end, for a recurrent network: groups of streams, the
    /// longest first, and for each group what is heard at once.
    pub(super) fn tests(&self) -> Vec<Vec<Vec<Option<Place>>>> {
        let mut order: Vec<usize> =
            (0..self.validation.len()).filter(|&piece| self.validation[piece].len() > 1).collect();
        order.sort_by_key(|&piece| (std::cmp::Reverse(self.validation[piece].len()), piece));
        let group = |pieces: &[usize]| {
            let pairs = |piece: usize| self.validation[piece].len() - 1;
            let starts = (0..pairs(pieces[0])).step_by(TEST_COLUMNS);
            let place = |piece: usize, start: usize| {
                let pairs = pairs(piece).saturating_sub(start).min(TEST_COLUMNS);
                (pairs > 0).then_some(Place { piece, start, pairs, fresh: start == 0 })
            };
            starts.map(|start| pieces.iter().map(|&piece| place(piece, start)).collect()).collect()
        };
        order.chunks(TEST_STREAMS).map(group).collect()
    }

    /// The segments that validate, for an autoencoder.
    pub(super) fn test_segments(&self, batch: usize) -> Vec<Vec<Option<Place>>> {
        let places: Vec<Option<Place>> = segments(&self.validation).into_iter().map(Some).collect();
        places.chunks(batch).map(<[_]>::to_vec).collect()
    }
}

/// Every piece from its beginning to its end in one of the streams, the pieces in random order, each in the stream that
/// is free first.
fn in_streams(rolls: &[Roll], sequence: usize, streams: usize, random: &mut Random) -> Vec<Vec<Option<Place>>> {
    let mut order: Vec<usize> = (0..rolls.len()).filter(|&piece| rolls[piece].len() > 1).collect();
    shuffle(&mut order, random);
    let mut lines: Vec<Vec<Place>> = vec![Vec::new(); streams];
    for piece in order {
        let pairs = rolls[piece].len() - 1;
        let free = (0..streams).min_by_key(|&stream| lines[stream].len()).unwrap_or(0);
        lines[free].extend((0..pairs).step_by(sequence).map(|start| Place {
            piece,
            start,
            pairs: (pairs - start).min(sequence),
            fresh: start == 0,
        }));
    }
    let updates = lines.iter().map(Vec::len).max().unwrap_or(0);
    (0..updates).map(|update| lines.iter().map(|line| line.get(update).copied()).collect()).collect()
}

/// In random order. The last batch is smaller.
fn in_batches(mut places: Vec<Place>, batch: usize, random: &mut Random) -> Vec<Vec<Option<Place>>> {
    shuffle(&mut places, random);
    places.chunks(batch).map(|places| places.iter().copied().map(Some).collect()).collect()
}

fn shuffle<T>(values: &mut [T], random: &mut Random) {
    for last in (1..values.len()).rev() {
        values.swap(last, random.below(last as u32 + 1) as usize);
    }
}

/// The segments of four measures of all pieces, every one once and without those in which no key is held.
fn segments(rolls: &[Roll]) -> Vec<Place> {
    let mut known = HashSet::new();
    let mut places = Vec::new();
    for (piece, roll) in rolls.iter().enumerate() {
        for start in (0..roll.len()).step_by(SEGMENT_STEPS) {
            let end = roll.len().min(start + SEGMENT_STEPS);
            let planes = (&roll.columns()[start..end], roll.strokes().map(|strokes| &strokes[start..end]));
            if planes.0.as_flattened().iter().any(|byte| *byte > 0) && known.insert(planes) {
                places.push(Place { piece, start, pairs: SEGMENT_STEPS, fresh: true });
            }
        }
    }
    places
}

/// Writes the columns of some places of `rolls`, `[step][stream]`, for a recurrent network.
pub(super) fn write_columns(rolls: &[Roll], places: &[Option<Place>], width: usize, phase: bool, out: &mut Columns) {
    let streams = places.len();
    let steps = places.iter().flatten().map(|place| place.pairs).max().unwrap_or(0);
    let inputs = width + if phase { STEPS_PER_MEASURE } else { 0 };
    out.streams = streams;
    for (values, width) in [(&mut out.inputs, inputs), (&mut out.targets, width)] {
        values.clear();
        values.resize(steps * streams * width, 0.0);
    }
    out.scored.clear();
    out.scored.resize(steps * streams, false);
    out.fresh.clear();
    // What has nothing left forgets, so that no number of it depends on what was there.
    out.fresh.extend(places.iter().map(|place| place.is_none_or(|place| place.fresh)));
    for (stream, place) in places.iter().enumerate() {
        let Some(Place { piece, start, pairs, .. }) = *place else { continue };
        for step in 0..pairs {
            let row = step * streams + stream;
            let input = &mut out.inputs[row * inputs..][..inputs];
            rolls[piece].write_numbers(start + step, &mut input[..width]);
            if phase {
                input[width + (start + step) % STEPS_PER_MEASURE] = 1.0;
            }
            rolls[piece].write_numbers(start + step + 1, &mut out.targets[row * width..][..width]);
            out.scored[row] = true;
        }
    }
}

/// Writes the segments of some places of `rolls`, `[stream][column]`; columns behind the end of a piece are empty.
pub(super) fn write_segments(rolls: &[Roll], places: &[Option<Place>], width: usize, out: &mut Vec<f32>) {
    out.clear();
    for Place { piece, start, pairs, .. } in places.iter().flatten() {
        for step in *start..start + pairs {
            let first = out.len();
            out.resize(first + width, 0.0);
            if step < rolls[*piece].len() {
                rolls[*piece].write_numbers(step, &mut out[first..]);
            }
        }
    }
}
