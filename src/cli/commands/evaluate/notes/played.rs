//! What a recurrent network plays on its own after seeds from a data set: whether it is alive, and whether it listens.

use super::{EvaluateArgs, Work, check_seeds};
use crate::{
    approach::ColumnPredictor,
    cli::error::CliError,
    evaluate::spectra::correlation,
    model::STEPS_PER_MEASURE,
    notes::{Continuation, DataSet, Playing, Roll, Runs, Split, Texture, TextureFigures},
};
use serde::Serialize;
use std::sync::Arc;

/// Pitch classes that correlate so much with those of the seed listen to it …
const LEAST_OWN: f64 = 0.6;
/// … if they do so many times as much as with those of other seeds.
const LEAST_RATIO: f64 = 3.0;
/// A network can begin in its seed's key and lose it: so many steps are looked at by themselves.
const FIRST_STEPS: usize = 4 * STEPS_PER_MEASURE;
/// Columns of a piece that are looked for in what was played, in the time of a column that a network computes.
const SEARCHED_A_COLUMN: usize = 64;

/// A part of a piece, and what comes after it there.
pub struct Seed {
    piece: usize,
    /// Its first step.
    from: usize,
    /// Semitones by which it is moved.
    transposition: i8,
    roll: Roll,
    /// At most as long as what is played.
    next: Option<Roll>,
}

/// Correlations of pitch classes, by how long each is held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Pitches {
    /// With those of the seed.
    pub own_seed: f64,
    /// The mean of that with those of the other seeds; none where there is no other.
    pub other_seeds: Option<f64>,
}

impl Pitches {
    fn of(played: &Texture, seeds: &[Texture], own: usize) -> Self {
        let with = |seed: &Texture| {
            let [a, b] = [played, seed].map(|texture| texture.classes().map(|count| count as f64));
            correlation(&a, &b)
        };
        let others = seeds.iter().enumerate().filter(|(index, _)| *index != own);
        let others: Vec<f64> = others.map(|(_, seed)| with(seed)).collect();
        Self { own_seed: with(&seeds[own]), other_seeds: mean(others) }
    }

    /// Of several.
    fn mean(all: &[Self]) -> Option<Self> {
        let own_seed = mean(all.iter().map(|pitches| pitches.own_seed))?;
        Some(Self { own_seed, other_seeds: mean(all.iter().filter_map(|pitches| pitches.other_seeds)) })
    }

    /// Whether it plays in the seed's pitches, and not in those of all; none where there is no other seed.
    pub fn listens(&self) -> Option<bool> {
        self.other_seeds.map(|other| self.own_seed >= LEAST_OWN && self.own_seed >= LEAST_RATIO * other)
    }
}

/// What a network made of one seed.
#[derive(Serialize)]
pub struct Played {
    /// The piece.
    seed: String,
    /// The measure at which the seed begins, from 1.
    measure: usize,
    transposition: i8,
    random_seed: u64,
    #[serde(flatten)]
    pub texture: TextureFigures,
    /// The part of the time that it and the material give to the same pitch classes.
    pub pitch_class_overlap: f64,
    /// The longest run of columns that stands in a piece for training.
    pub longest_copy: usize,
    pub alive: bool,
    #[serde(flatten)]
    pub pitches: Pitches,
    /// Of its first four measures.
    pub first: Pitches,
    pub listens: Option<bool>,
}

/// All that a network plays on its own.
pub struct Free {
    pub playing: Playing,
    pub played: Vec<Played>,
    /// The mean of what was played.
    pub pitches: Pitches,
    /// The same of its first four measures.
    pub first: Pitches,
    /// The same of what comes after the seeds in their pieces; none where all seeds end with theirs.
    pub of_pieces: Option<Pitches>,
}

impl Free {
    /// The mean of a figure.
    pub fn mean(&self, figure: impl Fn(&Played) -> f64) -> f64 {
        mean(self.played.iter().map(figure)).unwrap_or(0.0)
    }
}

/// None of nothing.
fn mean(numbers: impl IntoIterator<Item = f64>) -> Option<f64> {
    let (count, sum) = numbers.into_iter().fold((0u32, 0.0), |(count, sum), number| (count + 1, sum + number));
    (count > 0).then(|| sum / f64::from(count))
}

/// What all these pieces are like.
pub fn texture_of(data_set: &DataSet, pieces: &[usize]) -> Texture {
    let mut texture = Texture::default();
    pieces.iter().for_each(|&piece| texture.add(&data_set.roll(piece)));
    texture
}

/// A network, and how it is let play.
pub struct Performance<'a> {
    network: &'a Arc<ColumnPredictor>,
    title: &'a str,
    playing: Playing,
    transpositions: Vec<i8>,
    places: usize,
    seed_steps: usize,
    steps: usize,
    random_seeds: u64,
}

impl<'a> Performance<'a> {
    /// As the options say.
    ///
    /// # Errors
    /// If a temperature has no toss, a transposition is no semitone, or there are too many seeds.
    pub fn new(args: &EvaluateArgs, network: &'a Arc<ColumnPredictor>, title: &'a str) -> Result<Self, CliError> {
        let temperature = args.given.has("temperature").then_some(args.temperature);
        let playing = args.playing.playing(temperature, 0)?;
        if let Some(between) = args.transpositions.iter().find(|semitones| semitones.fract() != 0.0) {
            let (expected, actual) = ("whole semitones with a model of notes".into(), between.to_string());
            return Err(CliError::Option { option: "--transpositions", expected, actual });
        }
        check_seeds(usize::from(args.places) * args.transpositions.len())?;
        Ok(Self {
            network,
            title,
            playing,
            transpositions: args.transpositions.iter().map(|semitones| *semitones as i8).collect(),
            places: args.places.into(),
            seed_steps: args.seed_measures as usize * STEPS_PER_MEASURE,
            steps: args.steps as usize,
            random_seeds: args.random_seeds.into(),
        })
    }

    /// Seeds from places that are spread evenly over all measures of these pieces, each at all transpositions.
    pub fn seeds(&self, data_set: &DataSet, pieces: &[usize]) -> Vec<Seed> {
        let begin = pieces.iter().flat_map(|&piece| {
            let whole = data_set.columns(piece).len().saturating_sub(self.seed_steps) / STEPS_PER_MEASURE;
            // The last seed of a piece ends with it, or nearly.
            (0..=whole).map(move |measure| (piece, measure * STEPS_PER_MEASURE))
        });
        let all: Vec<(usize, usize)> = begin.collect();
        let places = self.places.min(all.len());
        let mut seeds = Vec::new();
        for place in 0..places {
            let (piece, from) = all[(2 * place + 1) * all.len() / (2 * places)];
            let roll = data_set.roll(piece);
            let to = roll.len().min(from + self.seed_steps);
            let next = roll.part(to..roll.len().min(to + self.steps));
            for &transposition in &self.transpositions {
                let moved = |part: &Roll| part.transposed(transposition).0;
                let next = (!next.is_empty()).then(|| moved(&next));
                seeds.push(Seed { piece, from, transposition, roll: moved(&roll.part(from..to)), next });
            }
        }
        seeds
    }

    /// How much work it is, in columns that a network computes.
    pub fn columns(&self, seeds: &[Seed], data_set: &DataSet) -> usize {
        let heard: usize = seeds.iter().map(|seed| seed.roll.len() + self.steps).sum();
        let searched = seeds.len() * data_set.steps() / SEARCHED_A_COLUMN;
        self.random_seeds as usize * (heard + searched)
    }

    /// Plays after every seed and judges what comes; `learnt` are the pieces of the material.
    ///
    /// # Errors
    /// If the network has no probabilities, or the user leaves.
    pub fn play(
        &self,
        data_set: &DataSet,
        learnt: &[usize],
        seeds: &[Seed],
        work: &mut Work,
    ) -> Result<Free, CliError> {
        let material = texture_of(data_set, learnt);
        let textures: Vec<Texture> = seeds.iter().map(|seed| Texture::of(&seed.roll)).collect();
        let mut played = Vec::new();
        for (index, seed) in seeds.iter().enumerate() {
            for random_seed in 0..self.random_seeds {
                let roll = self.continued(seed, random_seed, work)?;
                let runs = Runs::of(&roll);
                let mut longest_copy = 0;
                for (piece, known) in data_set.pieces().iter().enumerate() {
                    // All of the data set is part of the work, so that its share can be told before.
                    work.more(data_set.columns(piece).len() / SEARCHED_A_COLUMN)?;
                    if known.split == Split::Training {
                        longest_copy = longest_copy.max(runs.longest_in(data_set.columns(piece)));
                    }
                }
                let texture = Texture::of(&roll);
                let (figures, pitches) = (texture.figures(), Pitches::of(&texture, &textures, index));
                let first = Texture::of(&roll.part(0..roll.len().min(FIRST_STEPS)));
                played.push(Played {
                    seed: data_set.pieces()[seed.piece].name.clone(),
                    measure: seed.from / STEPS_PER_MEASURE + 1,
                    transposition: seed.transposition,
                    random_seed,
                    texture: figures,
                    pitch_class_overlap: texture.class_overlap(&material),
                    longest_copy,
                    alive: figures.is_alive(&material.figures(), longest_copy),
                    pitches,
                    first: Pitches::of(&first, &textures, index),
                    listens: pitches.listens(),
                });
            }
        }
        let mean = |pitches: fn(&Played) -> Pitches| {
            Pitches::mean(&played.iter().map(pitches).collect::<Vec<_>>()).unwrap_or_default()
        };
        let (pitches, first) = (mean(|played| played.pitches), mean(|played| played.first));
        let next = seeds.iter().enumerate().filter_map(|(index, seed)| Some((index, seed.next.as_ref()?)));
        let of_pieces: Vec<Pitches> =
            next.map(|(index, next)| Pitches::of(&Texture::of(next), &textures, index)).collect();
        Ok(Free { playing: self.playing, played, pitches, first, of_pieces: Pitches::mean(&of_pieces) })
    }

    fn continued(&self, seed: &Seed, random_seed: u64, work: &mut Work) -> Result<Roll, CliError> {
        let mut playing = self.playing;
        playing.draw.random_seed = random_seed;
        let mut continuation = Continuation::new(Arc::clone(self.network), playing);
        let width = self.network.column();
        let mut column = vec![0.0; width];
        for step in 0..seed.roll.len() {
            seed.roll.write_numbers(step, &mut column);
            continuation.hear(&column);
            work.more(1)?;
        }
        let mut numbers = Vec::with_capacity(self.steps * width);
        for step in 0..self.steps {
            if continuation.has_failed() {
                return Err(CliError::NoProbability { model: self.title.into(), steps: step });
            }
            numbers.extend_from_slice(continuation.play());
            work.more(1)?;
        }
        Ok(Roll::from_numbers(&numbers, width))
    }
}
