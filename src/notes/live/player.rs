//! A model that plays: what it has heard, and what it says of the next step.

use super::{
    hearing::write_numbers,
    link::{Begin, Column, Odds, Sliders},
    models::{CodeNetwork, NoteModel, NoteNetwork},
    shape::MAX_COLUMN,
    stored::{Code, CodePath},
};
use crate::{
    approach::{ColumnPredictor, ColumnState},
    control::notes::{Axes, Base},
    model::{KEYS, MAX_CODES, STEPS_PER_MEASURE},
    nn::FeedForwardState,
    notes::Tonality,
};
use std::sync::Arc;

/// Columns of sixteen measures on the finest grid.
const MAX_SEED_COLUMNS: usize = 16 * 4 * 48;
/// Deviations from the base to the end of a slider along a principal axis.
pub const AXIS_REACH: f32 = 3.0;

/// A model, and where it is.
#[derive(Debug)]
pub(super) struct Player {
    pub model: Arc<NoteModel>,
    way: Way,
}

/// Where a model is, by its kind.
#[derive(Debug)]
enum Way {
    Continues(Box<Continuing>),
    PlaysCodes(Box<Coding>),
}

impl Player {
    /// One that has heard nothing. Allocates.
    pub fn new(model: Arc<NoteModel>) -> Self {
        let way = match model.network() {
            NoteNetwork::Recurrent(network) => Way::Continues(Box::new(Continuing::new(network))),
            NoteNetwork::Code(network) => Way::PlaysCodes(Box::new(Coding::new(network))),
        };
        Self { model, way }
    }

    /// Forgets what was heard.
    pub fn reset(&mut self) {
        match &mut self.way {
            Way::Continues(way) => way.reset(),
            Way::PlaysCodes(way) => way.reset(),
        }
    }

    /// Takes these columns for what was heard last, and nothing before them. Does not allocate.
    pub fn bring(&mut self, columns: &[[u128; 2]]) {
        match (&mut self.way, self.model.network()) {
            (Way::Continues(way), NoteNetwork::Recurrent(network)) => way.bring(network, columns),
            (Way::PlaysCodes(way), NoteNetwork::Code(network)) => way.bring(network, columns),
            _ => {}
        }
    }

    /// The code that plays; nothing of a model without codes, or while nothing has played.
    pub fn code(&self) -> &[f32] {
        match &self.way {
            Way::Continues(_) => &[],
            Way::PlaysCodes(way) => &way.code[..way.size],
        }
    }

    /// The code that is to be stored: the one that plays, or while nothing does the one that would. None of a model without codes.
    pub fn stored_code(&mut self, column: &Column, path: &CodePath) -> Option<Code> {
        match (&mut self.way, self.model.network()) {
            (Way::PlaysCodes(way), NoteNetwork::Code(network)) => Some(way.stored_code(network, column, path)),
            _ => None,
        }
    }

    /// Hears a column, and answers if something plays; `path`: the codes that are stored. Does not allocate.
    pub fn answer(&mut self, column: &Column, path: &CodePath) -> Option<Odds> {
        let (mut held, mut strokes) = (column.heard.held, column.heard.strokes);
        if column.hears_itself {
            held |= column.said.held;
            strokes |= column.said.strokes;
        }
        let (width, probabilities) = match (&mut self.way, self.model.network()) {
            (Way::Continues(way), NoteNetwork::Recurrent(network)) => {
                let mut said = *way.answer(network, column, (held, strokes))?;
                way.key.pull(column.stays, column.scale, &mut said[..network.column()]);
                (network.column(), said)
            }
            (Way::PlaysCodes(way), NoteNetwork::Code(network)) => {
                (network.column, *way.answer(network, column, (held, strokes), path)?)
            }
            // The way was made for the network.
            _ => return None,
        };
        Some(Odds { epoch: column.epoch, number: column.number, probabilities, width })
    }
}

/// A recurrent network, and where it is: state and the probabilities of the next column.
#[derive(Debug)]
struct Place {
    state: ColumnState,
    probabilities: [f32; MAX_COLUMN],
}

impl Place {
    fn new(network: &ColumnPredictor) -> Self {
        Self { state: network.make_state(), probabilities: [0.0; MAX_COLUMN] }
    }

    fn reset(&mut self) {
        self.state.reset();
        self.probabilities = [0.0; MAX_COLUMN];
    }

    fn copy_from(&mut self, other: &Self) {
        self.state.copy_from(&other.state);
        self.probabilities = other.probabilities;
    }
}

/// Two states of a recurrent network. One listens: it has heard every column up to the last, so that a continuation begins without a
/// warm-up. The other speaks: a copy of the first, taken where the continuation begins, that then hears itself.
#[derive(Debug)]
struct Continuing {
    listening: Place,
    /// The same after the last column in which a key was held.
    phrase: Place,
    speaking: Place,
    /// The key of all that the player played, and of that from which it speaks.
    heard_key: Tonality,
    key: Tonality,
    past: Past,
    /// A column, and the step of the measure where the network hears it.
    input: Vec<f32>,
}

impl Continuing {
    fn new(network: &ColumnPredictor) -> Self {
        let [listening, phrase, speaking] = std::array::from_fn(|_| Place::new(network));
        let key = Tonality::new(network.steps_per_quarter());
        let input = vec![0.0; network.inputs()];
        Self { listening, phrase, speaking, heard_key: key, key, past: Past::new(), input }
    }

    fn reset(&mut self) {
        [&mut self.listening, &mut self.phrase, &mut self.speaking].into_iter().for_each(Place::reset);
        self.heard_key.reset();
        self.key.reset();
        self.past.forget();
    }

    /// Hears a column; `yours`: the keys that the player held in it.
    fn hear(&mut self, network: &ColumnPredictor, step_of_song: i64, (held, strokes): (u128, u128), yours: u128) {
        write_numbers(held, strokes, &mut self.input[..network.column()]);
        step(network, &mut self.listening, &mut self.input, step_of_song);
        self.heard_key.hear(yours);
        self.past.push(Heard { step: step_of_song, held, strokes, yours });
        if held != 0 {
            self.phrase.copy_from(&self.listening);
        }
    }

    fn bring(&mut self, network: &ColumnPredictor, columns: &[[u128; 2]]) {
        self.listening.reset();
        self.phrase.reset();
        self.heard_key.reset();
        self.past.forget();
        columns.iter().zip(0..).for_each(|(&[held, strokes], step)| self.hear(network, step, (held, strokes), held));
    }

    /// Speaks after the last `seed` columns alone, of which those at the end that are `left` do not count.
    fn begin_after(&mut self, network: &ColumnPredictor, seed: usize, left: usize) {
        let width = network.column();
        self.speaking.reset();
        self.key.reset();
        for back in (left..self.past.count.min(left + seed)).rev() {
            let Heard { step: number, held, strokes, yours } = self.past.back(back);
            self.key.hear(yours);
            write_numbers(held, strokes, &mut self.input[..width]);
            step(network, &mut self.speaking, &mut self.input, number);
        }
    }

    fn answer(
        &mut self,
        network: &ColumnPredictor,
        column: &Column,
        (held, strokes): (u128, u128),
    ) -> Option<&[f32; MAX_COLUMN]> {
        let width = network.column();
        self.hear(network, column.step, (held, strokes), column.heard.held);
        if !column.speaks {
            return None;
        }
        match column.begin {
            Begin::AfterPhrase if column.seed > 0 => self.begin_after(network, column.seed, self.past.rests),
            Begin::Now if column.seed > 0 => self.begin_after(network, column.seed, 0),
            Begin::AfterPhrase | Begin::Now => {
                let place = if column.begin == Begin::Now { &self.listening } else { &self.phrase };
                self.speaking.copy_from(place);
                self.key = self.heard_key;
            }
            Begin::No => {
                write_numbers(column.said.held, column.said.strokes, &mut self.input[..width]);
                if column.raw {
                    self.input[..width].copy_from_slice(&self.speaking.probabilities[..width]);
                    set(column.stirred, &mut self.input[..KEYS]);
                }
                if column.alongside {
                    self.key.hear(column.heard.held);
                    set(column.heard.held, &mut self.input[..KEYS]);
                    set(column.heard.strokes, &mut self.input[KEYS..width]);
                }
                step(network, &mut self.speaking, &mut self.input, column.step);
            }
        }
        Some(&self.speaking.probabilities)
    }
}

/// A column that was heard, and its step of the song.
#[derive(Clone, Copy, Debug, Default)]
struct Heard {
    step: i64,
    held: u128,
    strokes: u128,
    yours: u128,
}

/// The columns that were heard last.
#[derive(Debug)]
struct Past {
    columns: Vec<Heard>,
    next: usize,
    count: usize,
    /// Columns at the end in which no key was held.
    rests: usize,
}

impl Past {
    fn new() -> Self {
        Self { columns: vec![Heard::default(); MAX_SEED_COLUMNS], next: 0, count: 0, rests: 0 }
    }

    fn forget(&mut self) {
        (self.next, self.count, self.rests) = (0, 0, 0);
    }

    fn push(&mut self, heard: Heard) {
        self.columns[self.next] = heard;
        self.next = (self.next + 1) % MAX_SEED_COLUMNS;
        self.count = MAX_SEED_COLUMNS.min(self.count + 1);
        self.rests = if heard.held == 0 { MAX_SEED_COLUMNS.min(self.rests + 1) } else { 0 };
    }

    /// The column so many before the last one.
    fn back(&self, back: usize) -> Heard {
        self.columns[(self.next + 2 * MAX_SEED_COLUMNS - 1 - back) % MAX_SEED_COLUMNS]
    }
}

/// Puts keys into a plane; there may be none.
fn set(keys: u128, plane: &mut [f32]) {
    plane.iter_mut().enumerate().filter(|(key, _)| keys >> key & 1 == 1).for_each(|(_, slot)| *slot = 1.0);
}

/// A step of the network; the column stands in `input`, `number` is its step of the song.
fn step(network: &ColumnPredictor, place: &mut Place, input: &mut [f32], number: i64) {
    let width = network.column();
    let phases = &mut input[width..];
    if !phases.is_empty() {
        phases.fill(0.0);
        phases[number.rem_euclid(STEPS_PER_MEASURE as i64) as usize] = 1.0;
    }
    let said = network.step(input, &mut place.state);
    place.probabilities[..width].copy_from_slice(said);
    // Weights so large that sums overflow: it is silent, and hears nothing of it.
    if !place.probabilities.iter().all(|probability| probability.is_finite()) {
        place.reset();
    }
}

/// An autoencoder: a code becomes a segment, of which the song's step plays its column. The code lies where the sliders are, seen from
/// a base.
#[derive(Debug)]
struct Coding {
    /// The last segment that was heard, each column at its place: its step of the song modulo the segment's length.
    heard: Vec<f32>,
    /// The same after the last column in which a key was held.
    phrase: Vec<f32>,
    /// The place of the column that was heard last.
    last: Option<i64>,
    /// The code of what was heard where the playing began.
    yours: Code,
    /// The code that plays, and how many numbers it has, once something has played.
    code: Code,
    size: usize,
    encoding: FeedForwardState,
    decoding: FeedForwardState,
    probabilities: [f32; MAX_COLUMN],
}

impl Coding {
    fn new(network: &CodeNetwork) -> Self {
        Self {
            heard: vec![0.0; network.steps * network.column],
            phrase: vec![0.0; network.steps * network.column],
            last: None,
            yours: [0.0; MAX_CODES],
            code: [0.0; MAX_CODES],
            size: 0,
            encoding: network.network.encoder().make_state(),
            decoding: network.network.decoder().make_state(),
            probabilities: [0.0; MAX_COLUMN],
        }
    }

    fn reset(&mut self) {
        self.heard.fill(0.0);
        self.phrase.fill(0.0);
        self.last = None;
        self.yours = [0.0; MAX_CODES];
        self.size = 0;
    }

    fn answer(
        &mut self,
        network: &CodeNetwork,
        column: &Column,
        (held, strokes): (u128, u128),
        path: &CodePath,
    ) -> Option<&[f32; MAX_COLUMN]> {
        let width = network.column;
        let place = |step: i64| step.rem_euclid(network.steps as i64) as usize * width;
        // Where the song loops or is counted anew, what was heard still lies right before it.
        let step = column.next - 1;
        if let Some(last) = self.last.replace(step).filter(|last| last + 1 != step) {
            let by = place(step - (last + 1));
            self.heard.rotate_right(by);
            self.phrase.rotate_right(by);
        }
        let now = place(step);
        write_numbers(held, strokes, &mut self.heard[now..now + width]);
        if held != 0 {
            self.phrase.copy_from_slice(&self.heard);
        }
        if !column.speaks {
            return None;
        }
        let segment = match column.begin {
            Begin::AfterPhrase => Some(&self.phrase),
            Begin::Now => Some(&self.heard),
            Begin::No => None,
        };
        if let Some(segment) = segment {
            let code = network.network.encoder().forward(segment, &mut self.encoding);
            self.yours[..code.len()].copy_from_slice(code);
        }
        self.code = placed(network, column, &self.yours, path);
        self.size = network.network.decoder().inputs();
        let (code, next) = (&self.code[..self.size], place(column.next));
        let said = network.network.decoder().forward_rows(code, next..next + width, &mut self.decoding);
        self.probabilities.fill(0.0);
        if said.iter().all(|probability| probability.is_finite()) {
            self.probabilities[..width].copy_from_slice(said);
        }
        Some(&self.probabilities)
    }

    fn bring(&mut self, network: &CodeNetwork, columns: &[[u128; 2]]) {
        let width = network.column;
        // It begins where a segment does, whatever was before it.
        self.last = None;
        self.heard.fill(0.0);
        for (place, &[held, strokes]) in columns.iter().enumerate() {
            let at = place % network.steps * width;
            write_numbers(held, strokes, &mut self.heard[at..at + width]);
        }
        self.phrase.copy_from_slice(&self.heard);
    }

    fn stored_code(&mut self, network: &CodeNetwork, column: &Column, path: &CodePath) -> Code {
        if column.speaks {
            return self.code;
        }
        let code = network.network.encoder().forward(&self.phrase, &mut self.encoding);
        let mut yours = [0.0; MAX_CODES];
        yours[..code.len()].copy_from_slice(code);
        placed(network, column, &yours, path)
    }
}

/// The code of the step after a column, where the sliders are. A model that says nothing of its codes has raw axes, and zero for its
/// mean; where nothing is stored, the player's own code is the base.
fn placed(network: &CodeNetwork, column: &Column, yours: &Code, path: &CodePath) -> Code {
    let sliders = &column.sliders;
    let mut code = match sliders.base {
        Base::You => *yours,
        Base::Mean | Base::Zero => [0.0; MAX_CODES],
        Base::Stored => stored(path, sliders, column.next).unwrap_or(*yours),
    };
    if let (Base::Mean, Some(codes)) = (sliders.base, &network.codes) {
        code.iter_mut().zip(&codes.mean).for_each(|(slot, mean)| *slot = *mean);
    }
    match (sliders.axes, &network.codes) {
        (Axes::Principal, Some(codes)) => {
            for ((axis, deviation), slider) in codes.axes.iter().zip(&codes.deviations).zip(sliders.values) {
                code.iter_mut().zip(axis).for_each(|(slot, part)| *slot += AXIS_REACH * slider * deviation * part);
            }
        }
        _ => code.iter_mut().zip(sliders.values).for_each(|(slot, slider)| *slot += slider),
    }
    code.map(|number| if number.is_finite() { number.clamp(-1.0, 1.0) } else { 0.0 })
}

/// The place on the way along the stored codes in a step of the song; none where nothing is stored.
fn stored(path: &CodePath, sliders: &Sliders, step: i64) -> Option<Code> {
    match sliders.journey {
        0 => path.along(sliders.morph),
        around => path.around(step.rem_euclid(around) as f32 / around as f32),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notes::generator::tests::network;

    const CHORD: u128 = 0b1001_0001 << 39;
    const OTHER: u128 = CHORD << 1;

    fn column(heard: u128, said: u128, begin: Begin) -> Column {
        let held = |held| super::super::hearing::Heard { held, strokes: 0 };
        Column {
            epoch: 0,
            number: 0,
            slot: 0,
            step: 0,
            next: 1,
            hears: true,
            heard: held(heard),
            said: held(said),
            stirred: 0,
            begin,
            speaks: true,
            alongside: false,
            raw: false,
            hears_itself: false,
            seed: 0,
            stays: 0.25,
            scale: 0xfff,
            sliders: Sliders { base: Base::You, axes: Axes::Raw, values: [0.0; MAX_CODES], morph: 0.0, journey: 0 },
            brings: false,
            stores: false,
            clears: false,
        }
    }

    #[test]
    fn the_key_is_that_of_what_the_player_played_and_of_what_it_goes_on_from() {
        let network = network(|_| (), -2.0);
        let expected = |columns: &[(u128, usize)]| {
            let mut key = Tonality::new(network.steps_per_quarter());
            columns.iter().for_each(|&(keys, count)| (0..count).for_each(|_| key.hear(keys)));
            key
        };
        let heard = |way: &mut Continuing, keys: u128, count: usize| {
            for _ in 0..count {
                let column = Column { speaks: false, ..column(keys, 0, Begin::No) };
                way.answer(&network, &column, (keys, 0));
            }
        };
        let mut way = Continuing::new(&network);
        heard(&mut way, CHORD, 20);
        heard(&mut way, OTHER, 7);
        heard(&mut way, 0, 3);
        way.answer(&network, &column(0, 0, Begin::AfterPhrase), (0, 0));
        assert_eq!(way.key, expected(&[(CHORD, 20), (OTHER, 7)]), "of all");
        // What it plays itself is heard, and does not count; nor does, in an answer, what is played meanwhile.
        for hears_itself in [false, true] {
            let column = Column { hears_itself, ..column(OTHER, CHORD, Begin::No) };
            way.answer(&network, &column, (OTHER | CHORD, 0));
        }
        assert_eq!(way.key, expected(&[(CHORD, 20), (OTHER, 7)]), "as where it began");
        way.answer(&network, &Column { hears_itself: true, ..column(0, CHORD, Begin::AfterPhrase) }, (CHORD, 0));
        assert_eq!(way.key, expected(&[(CHORD, 20), (OTHER, 9)]), "and where it begins again");
        // Of the last columns alone, its own and rests among them.
        way.answer(&network, &Column { seed: 4, ..column(0, 0, Begin::Now) }, (0, 0));
        assert_eq!(way.key, expected(&[(OTHER, 2)]));
        // Playing along it hears the player all the time.
        way.answer(&network, &Column { alongside: true, ..column(CHORD, 0, Begin::No) }, (CHORD, 0));
        assert_eq!(way.key, expected(&[(OTHER, 2), (CHORD, 1)]));
        // What is brought is all that there is, and after a reset there is nothing.
        way.bring(&network, &[[OTHER, 0], [0, 0]]);
        way.answer(&network, &column(0, 0, Begin::Now), (0, 0));
        assert_eq!(way.key, expected(&[(OTHER, 1)]));
        way.reset();
        assert_eq!((way.key, way.heard_key), (expected(&[]), expected(&[])));
    }
}
