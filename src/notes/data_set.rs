//! A data set of rolls: pieces with where they come from and what they are for, and one file that holds them.
//!
//! The file (`.roll`) is a safetensors file. Tensors: `columns`, `U8 [steps, 11]`, all pieces one behind the other, a
//! bitmap a step; `offsets`, `I64 [pieces + 1]`, the step at which each piece begins, and the end of the last;
//! `strokes`, as `columns`, where strokes are kept. The metadata key [`ROLL_KEY`] holds one JSON object: format version,
//! rules, pieces.

use super::{
    SEGMENT_STEPS,
    baselines::{Baselines, Counts, Predictor},
    error::NotesError,
    index::Credits,
    roll::{COLUMN_BYTES, MAX_STEPS, Roll},
    score::{Grid, Placed, Score},
    split::{Split, work_of},
};
pub use crate::model::foreign::ROLL_KEY;
use crate::{
    model::{KEYS, LOWEST_KEY, RollRepeats as Repeats, STEPS_PER_MEASURE},
    text_file::json_mistake,
    whole_file::write_whole,
};
use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use serde::{Deserialize, Serialize};
use std::{collections::HashMap, fs::File, io::Read, path::Path};

/// Changes with each change of the file that older programs do not understand.
const FORMAT_VERSION: u32 = 1;
/// No file is larger.
const MAX_FILE_BYTES: u64 = 512 << 20;
/// No description of tensors and pieces is longer.
const MAX_HEADER_BYTES: u64 = 32 << 20;
/// Semitones that copies may be moved by, either way.
const MAX_SEMITONES: i8 = 48;

/// Where segments may begin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Bars {
    /// Every 64 steps from the beginning of a piece, whatever its time signature.
    #[default]
    Any,
    /// On bar lines: only pieces whose bars all have 16 steps.
    Aligned,
}

/// Which scores are taken, and how they become rolls.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rules {
    /// How notes are placed.
    #[serde(flatten)]
    pub grid: Grid,
    /// Where segments may begin.
    pub bars: Bars,
    /// The largest tempo of a piece divided by its smallest, at most; none for any.
    pub max_tempo_range: Option<f64>,
    /// Semitones from which and to which copies of the pieces for training are moved.
    pub transpose: [i8; 2],
}

impl Default for Rules {
    fn default() -> Self {
        Self { grid: Grid::default(), bars: Bars::Any, max_tempo_range: None, transpose: [0, 0] }
    }
}

impl Rules {
    /// The rule that they break: a field, what it should be, and what it is.
    pub fn problem(&self) -> Option<(&'static str, String, String)> {
        let [from, to] = self.transpose;
        let semitones = -MAX_SEMITONES..=MAX_SEMITONES;
        if let Some(problem) = self.grid.problem() {
            return Some(problem);
        }
        if !(semitones.contains(&from) && semitones.contains(&to) && from <= 0 && to >= 0) {
            let expected = format!("-{MAX_SEMITONES}..{MAX_SEMITONES}, or a part of it with 0");
            return Some(("transpose", expected, format!("{from}..{to}")));
        }
        let range = self.max_tempo_range.filter(|range| !(1.0..=1e6).contains(range));
        range.map(|range| ("max_tempo_range", "a number of 1 or more".into(), range.to_string()))
    }

    /// The roll of a score, if these rules take it; `name` stands for its file in errors.
    ///
    /// # Errors
    /// Why it is left out.
    pub fn roll_of(&self, score: &Score, name: &Path) -> Result<(Roll, Placed), NotesError> {
        let left_out = |what: &'static str, expected: String, actual: String| NotesError::Unsuitable {
            file: name.into(),
            what,
            expected,
            actual,
        };
        if score.notes.is_empty() {
            let highest = usize::from(LOWEST_KEY) + KEYS - 1;
            let actual = match (score.outside, score.percussion) {
                (0, 0) => "no notes".into(),
                (outside, percussion) => format!("{outside} outside and {percussion} of percussion"),
            };
            return Err(left_out("notes", format!("some in {LOWEST_KEY}…{highest}"), actual));
        }
        let range = score.tempo_range();
        if let Some(most) = self.max_tempo_range.filter(|most| range > *most) {
            return Err(left_out("tempo", format!("at most {most} times the slowest"), format!("{range:.2} times")));
        }
        if self.bars == Bars::Aligned {
            let steps = self.grid.steps_per_quarter;
            let other = score.signature_set().into_iter().find(|&(beats, unit)| {
                u64::from(beats) * 4 * u64::from(steps) != STEPS_PER_MEASURE as u64 * u64::from(unit)
            });
            if let Some((beats, unit)) = other {
                let bar = f64::from(beats * 4 * steps) / f64::from(unit);
                return Err(left_out("bars", format!("{STEPS_PER_MEASURE} steps"), format!("{bar} ({beats}/{unit})")));
            }
            // A signature begins a bar: what it cuts short moves all bars behind it off their columns.
            let ticks_a_bar = STEPS_PER_MEASURE as u64 * u64::from(score.ticks_per_quarter);
            let is_cut = |tick: u64| !(tick * u64::from(steps)).is_multiple_of(ticks_a_bar);
            if score.signatures.iter().any(|&(tick, ..)| is_cut(tick)) {
                let expected = format!("{STEPS_PER_MEASURE} steps, all of them");
                return Err(left_out("bars", expected, "a time signature within one".into()));
            }
        }
        let (roll, placed) = score
            .roll(&self.grid)
            .map_err(|steps| left_out("length", format!("at most {MAX_STEPS} steps"), steps.to_string()))?;
        if roll.len() < SEGMENT_STEPS {
            let expected = format!("at least a segment of {SEGMENT_STEPS} steps");
            return Err(left_out("length", expected, roll.len().to_string()));
        }
        Ok((roll, placed))
    }
}

/// What a data set knows of a piece.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Piece {
    /// The name of its file.
    pub name: String,
    /// Who wrote it.
    pub composer: String,
    /// Its title.
    pub title: String,
    /// The work it belongs to.
    pub work: String,
    /// The licence of its score.
    pub licence: String,
    /// Whom that licence wants named; may be empty.
    #[serde(default)]
    pub attribution: String,
    /// What it is for.
    pub split: Split,
    /// Semitones by which it is moved.
    pub transposed: i8,
}

impl Piece {
    /// A piece by its file's name and its credits.
    pub fn new(name: String, credits: &Credits) -> Self {
        let work = work_of(&credits.composer, &credits.opus, &credits.title);
        let split = Split::of_work(&work);
        let Credits { composer, title, licence, attribution, .. } = credits.clone();
        Self { name, composer, title, work, licence, attribution, split, transposed: 0 }
    }

    /// A piece of which no table tells: a work of its own.
    pub fn unknown(name: String) -> Self {
        let title = Path::new(&name).file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let (work, split) = (name.clone(), Split::of_work(&name));
        Self { work, split, ..Self::new(name, &Credits { title, ..Credits::unknown() }) }
    }
}

/// What stands in the metadata.
#[derive(Serialize, Deserialize)]
struct Header {
    format_version: u32,
    lowest: u8,
    keys: usize,
    steps_per_measure: usize,
    rules: Rules,
    pieces: Vec<Piece>,
}

/// What is read of the metadata before the rest.
#[derive(Deserialize)]
struct Version {
    #[serde(default)]
    format_version: serde_json::Value,
}

/// Pieces and their rolls.
#[derive(Clone, Debug, PartialEq)]
pub struct DataSet {
    rules: Rules,
    pieces: Vec<Piece>,
    /// Where each piece begins, and where the last one ends.
    offsets: Vec<usize>,
    columns: Vec<[u8; COLUMN_BYTES]>,
    /// As long, if the rules keep strokes; else empty.
    strokes: Vec<[u8; COLUMN_BYTES]>,
}

impl DataSet {
    /// No data set has more steps: 184 MB a plane.
    pub const MAX_STEPS: usize = 1 << 24;

    /// One without pieces.
    pub fn new(rules: Rules) -> Self {
        Self { rules, pieces: Vec::new(), offsets: vec![0], columns: Vec::new(), strokes: Vec::new() }
    }

    /// Adds a piece, and its copies if it is for training; tells how many of their bits left the 88 keys.
    ///
    /// # Errors
    /// How many steps there would be, if they are too many; then nothing is added.
    pub fn add(&mut self, piece: &Piece, roll: &Roll) -> Result<u64, usize> {
        let [from, to] = if piece.split == Split::Training { self.rules.transpose } else { [0, 0] };
        let copies = usize::from((to - from).unsigned_abs()) + 1;
        let steps = self.columns.len() + copies * roll.len();
        if steps > Self::MAX_STEPS {
            return Err(steps);
        }
        let mut dropped = 0;
        for semitones in from..=to {
            let (moved, lost) = roll.transposed(semitones);
            dropped += lost;
            self.columns.extend_from_slice(moved.columns());
            self.strokes.extend_from_slice(moved.strokes().unwrap_or_default());
            self.offsets.push(self.columns.len());
            self.pieces.push(Piece { transposed: semitones, ..piece.clone() });
        }
        Ok(dropped)
    }

    /// How it was made.
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// Its pieces; copies stand beside what they are copies of.
    pub fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    /// Steps of all pieces.
    pub fn steps(&self) -> usize {
        self.columns.len()
    }

    /// The bitmaps of a piece, by step.
    ///
    /// # Panics
    /// If there is no such piece.
    pub fn columns(&self, piece: usize) -> &[[u8; COLUMN_BYTES]] {
        &self.columns[self.offsets[piece]..self.offsets[piece + 1]]
    }

    /// The roll of a piece.
    ///
    /// # Panics
    /// If there is no such piece.
    pub fn roll(&self, piece: usize) -> Roll {
        let strokes = (self.rules.grid.repeats == Repeats::Onset).then(|| self.strokes(piece).to_vec());
        Roll::new(self.columns(piece).to_vec(), strokes)
    }

    /// The bitmaps of strokes of a piece, by step; none where the rules keep no strokes.
    fn strokes(&self, piece: usize) -> &[[u8; COLUMN_BYTES]] {
        self.strokes.get(self.offsets[piece]..self.offsets[piece + 1]).unwrap_or_default()
    }

    fn counts(&self, wanted: impl Fn(&Piece) -> bool) -> Counts {
        let mut counts = Counts::new(self.rules.grid.repeats == Repeats::Onset);
        let pieces = self.pieces.iter().enumerate().filter(|(_, piece)| piece.transposed == 0 && wanted(piece));
        pieces.for_each(|(index, _)| counts.add(self.columns(index), self.strokes(index)));
        counts
    }

    /// The baselines of all pieces, fitted to themselves; copies do not count. None without two columns in a row.
    pub fn baselines(&self) -> Option<Baselines> {
        let counts = self.counts(|_| true);
        Baselines::of(&counts, Predictor::of(&counts).as_deref())
    }

    /// The baselines of a split, fitted to the pieces for training, as a network is; copies do not count. Without such
    /// pieces there are those alone that need none.
    pub fn baselines_of(&self, split: Split) -> Option<Baselines> {
        let known = Predictor::of(&self.counts(|piece| piece.split == Split::Training));
        Baselines::of(&self.counts(|piece| piece.split == split), known.as_deref())
    }

    /// The MIDI key that is held longest in all pieces; copies do not count.
    pub fn commonest_key(&self) -> Option<u8> {
        self.counts(|_| true).commonest_key().map(|key| LOWEST_KEY + key as u8)
    }

    /// The file's bytes.
    ///
    /// # Panics
    /// Never: shapes are right by construction.
    pub fn to_bytes(&self) -> Vec<u8> {
        let header = Header {
            format_version: FORMAT_VERSION,
            lowest: LOWEST_KEY,
            keys: KEYS,
            steps_per_measure: STEPS_PER_MEASURE,
            rules: self.rules,
            pieces: self.pieces.clone(),
        };
        let json = serde_json::to_string(&header).expect("a header is plain data");
        let offsets: Vec<u8> = self.offsets.iter().flat_map(|&offset| (offset as i64).to_le_bytes()).collect();
        let plane = |plane: &'_ [[u8; COLUMN_BYTES]]| (Dtype::U8, vec![plane.len(), COLUMN_BYTES]);
        let mut tensors = vec![
            ("columns", plane(&self.columns), self.columns.as_flattened()),
            ("offsets", (Dtype::I64, vec![self.offsets.len()]), &offsets[..]),
        ];
        if self.rules.grid.repeats == Repeats::Onset {
            tensors.push(("strokes", plane(&self.strokes), self.strokes.as_flattened()));
        }
        let views = tensors.into_iter().map(|(name, (dtype, shape), bytes)| {
            (name, TensorView::new(dtype, shape, bytes).expect("shapes are right"))
        });
        safetensors::serialize(views, Some(HashMap::from([(ROLL_KEY.to_string(), json)]))).expect("names are unique")
    }

    /// Writes the file, whole or not at all.
    ///
    /// # Errors
    /// [`NotesError::Io`].
    pub fn write(&self, path: &Path) -> Result<(), NotesError> {
        let io = |source| NotesError::Io { file: path.into(), action: "written", source };
        write_whole(path, &self.to_bytes()).map_err(io)
    }

    /// Reads and checks a file.
    ///
    /// # Errors
    /// If it cannot be read, is too large, or is no data set that this version understands.
    pub fn read(path: &Path) -> Result<Self, NotesError> {
        let io = |source| NotesError::Io { file: path.into(), action: "read", source };
        let mut bytes = Vec::new();
        File::open(path).map_err(io)?.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes).map_err(io)?;
        Self::from_bytes(&bytes, path)
    }

    /// Checks a file that is already in memory; `name` stands for its path in errors.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn from_bytes(bytes: &[u8], name: &Path) -> Result<Self, NotesError> {
        let wrong = |what: &'static str, expected: String, actual: String| NotesError::Unsuitable {
            file: name.into(),
            what,
            expected,
            actual,
        };
        let container = |actual: &str| wrong("data set", "a .roll file of sympathy roll".into(), actual.into());
        if bytes.len() as u64 > MAX_FILE_BYTES {
            return Err(container("a file that is larger than any"));
        }
        let header = bytes.first_chunk::<8>().map(|length| u64::from_le_bytes(*length));
        if header.is_none_or(|length| length > MAX_HEADER_BYTES.min(bytes.len() as u64 - 8)) {
            return Err(container("something else, or a part of one"));
        }
        let damaged = |_| container("a damaged file, or something else");
        let (_, metadata) = SafeTensors::read_metadata(bytes).map_err(damaged)?;
        let json = metadata.metadata().as_ref().and_then(|map| map.get(ROLL_KEY));
        let json = json.ok_or_else(|| container("tensors of another program, or a model"))?;
        // The version comes first: a newer file may differ in everything else.
        let version: Version =
            serde_json::from_str(json).map_err(|error| wrong("metadata", "JSON".into(), json_mistake(&error)))?;
        let version = version.format_version.as_u64().unwrap_or(0);
        if !(1..=u64::from(FORMAT_VERSION)).contains(&version) {
            let expected = format!("1 to {FORMAT_VERSION}; a newer Sympathy may read it");
            return Err(wrong("format version", expected, version.to_string()));
        }
        let header: Header = serde_json::from_str(json)
            .map_err(|error| wrong("metadata", "the fields of a data set".into(), json_mistake(&error)))?;
        for (what, expected, actual) in [
            ("lowest", usize::from(LOWEST_KEY), usize::from(header.lowest)),
            ("keys", KEYS, header.keys),
            ("steps_per_measure", STEPS_PER_MEASURE, header.steps_per_measure),
        ] {
            if expected != actual {
                return Err(wrong(what, expected.to_string(), actual.to_string()));
            }
        }
        if let Some((field, expected, actual)) = header.rules.problem() {
            return Err(wrong(field, expected, actual));
        }
        let views = SafeTensors::deserialize(bytes).map_err(damaged)?;
        let plane = |tensor: &'static str, steps: Option<usize>| {
            let expected = || match steps {
                Some(steps) => format!("U8 [{steps}, {COLUMN_BYTES}]"),
                None => format!("U8 [at most {}, {COLUMN_BYTES}]", Self::MAX_STEPS),
            };
            let view = views.tensor(tensor).map_err(|_| wrong(tensor, expected(), "nothing".into()))?;
            match view.shape() {
                &[rows, COLUMN_BYTES]
                    if view.dtype() == Dtype::U8 && steps.unwrap_or(rows) == rows && rows <= Self::MAX_STEPS =>
                {
                    Ok(view.data().as_chunks().0.to_vec())
                }
                shape => Err(wrong(tensor, expected(), format!("{:?} {shape:?}", view.dtype()))),
            }
        };
        let columns: Vec<[u8; COLUMN_BYTES]> = plane("columns", None)?;
        let strokes = match header.rules.grid.repeats {
            Repeats::Onset => plane("strokes", Some(columns.len()))?,
            Repeats::Merge | Repeats::Gap => Vec::new(),
        };
        let count = header.pieces.len() + 1;
        let expected = || format!("I64 [{count}], rising from 0 to {} by at most {MAX_STEPS}", columns.len());
        let view = views.tensor("offsets").map_err(|_| wrong("offsets", expected(), "nothing".into()))?;
        if view.dtype() != Dtype::I64 || view.shape() != [count] {
            return Err(wrong("offsets", expected(), format!("{:?} {:?}", view.dtype(), view.shape())));
        }
        let offsets = view.data().as_chunks::<8>().0.iter().map(|bytes| i64::from_le_bytes(*bytes));
        let offsets: Vec<usize> = offsets.map(|offset| usize::try_from(offset).unwrap_or(usize::MAX)).collect();
        let rises = offsets.windows(2).all(|pair| pair[0] < pair[1] && pair[1] - pair[0] <= MAX_STEPS);
        if offsets.first() != Some(&0) || offsets.last() != Some(&columns.len()) || !rises {
            return Err(wrong("offsets", expected(), "others".into()));
        }
        Ok(Self { rules: header.rules, pieces: header.pieces, offsets, columns, strokes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        dsp::random::Random,
        notes::{Note, roll::bitmap},
    };

    fn credits(composer: &str, opus: &str) -> Credits {
        let [licence, attribution] = ["CC0", ""].map(String::from);
        Credits { composer: composer.into(), title: "Aria".into(), opus: opus.into(), licence, attribution }
    }

    /// A piece of an opus with this split.
    fn piece_of(split: Split) -> Piece {
        let mut pieces = (1..).map(|opus| Piece::new("aria.mid".into(), &credits("Bach", &format!("BWV {opus}"))));
        pieces.find(|piece| piece.split == split).expect("one in sixteen")
    }

    fn random_roll(seed: u64, length: usize, strokes: bool) -> Roll {
        let mut random = Random::new(seed);
        let mut plane = || (0..length).map(|_| bitmap((0..4).map(|_| 1u128 << random.below(88)).sum())).collect();
        let columns: Vec<[u8; COLUMN_BYTES]> = plane();
        Roll::new(columns, strokes.then(plane))
    }

    fn small(repeats: Repeats) -> DataSet {
        let grid = Grid { repeats, ..Grid::default() };
        let mut data_set = DataSet::new(Rules { grid, transpose: [-6, 5], ..Rules::default() });
        for (seed, split) in Split::ALL.into_iter().enumerate() {
            data_set
                .add(&piece_of(split), &random_roll(seed as u64, 70 + seed, repeats == Repeats::Onset))
                .expect("few");
        }
        data_set
    }

    #[test]
    fn a_data_set_is_the_same_once_it_is_written_and_read() {
        for repeats in [Repeats::Merge, Repeats::Gap, Repeats::Onset] {
            let data_set = small(repeats);
            let again = DataSet::from_bytes(&data_set.to_bytes(), Path::new("again.roll")).expect("a file of our own");
            assert_eq!(again, data_set);
            let roll = random_roll(2, 72, repeats == Repeats::Onset);
            assert_eq!(again.roll(again.pieces().len() - 1), roll);
        }
    }

    #[test]
    fn only_what_is_trained_on_is_copied_and_copies_move_no_figure() {
        let data_set = small(Repeats::Gap);
        let copies = |split| data_set.pieces().iter().filter(|piece| piece.split == split).count();
        assert_eq!(Split::ALL.map(copies), [12, 1, 1]);
        let mut plain = DataSet::new(Rules::default());
        for (seed, split) in Split::ALL.into_iter().enumerate() {
            plain.add(&piece_of(split), &random_roll(seed as u64, 70 + seed, false)).expect("few");
        }
        assert_eq!((data_set.baselines(), data_set.commonest_key()), (plain.baselines(), plain.commonest_key()));
        for split in Split::ALL {
            assert_eq!(data_set.baselines_of(split), plain.baselines_of(split));
        }
        let moved = data_set.pieces().iter().position(|piece| piece.transposed == 5).expect("a copy");
        assert_eq!(data_set.roll(moved), random_roll(0, 70, false).transposed(5).0);
    }

    #[test]
    fn baselines_count_strokes_and_make_nothing_up() {
        let (onset, gap) = (small(Repeats::Onset), small(Repeats::Gap));
        // The planes of strokes are random, too, and as large.
        let ones =
            |plane: &[[u8; COLUMN_BYTES]]| plane.as_flattened().iter().map(|byte| byte.count_ones()).sum::<u32>();
        let pieces = || (0..onset.pieces().len()).filter(|&piece| onset.pieces()[piece].transposed == 0);
        let counted: u32 = pieces().map(|piece| ones(onset.columns(piece)) + ones(onset.strokes(piece))).sum();
        let steps: usize = pieces().map(|piece| onset.columns(piece).len()).sum();
        let found = onset.baselines().expect("columns");
        assert_eq!(found.silence, f64::from(counted) / (2 * KEYS * steps) as f64);
        assert_eq!(found.keys, gap.baselines().expect("columns").keys, "that are held");

        let mut untrained = DataSet::new(Rules::default());
        untrained.add(&piece_of(Split::Test), &random_roll(1, 70, false)).expect("few");
        let found = untrained.baselines_of(Split::Test).expect("columns");
        assert_eq!((found.key_means, found.chain), (None, None), "nothing to fit to");
        assert!(found.silence > 0.0 && found.hold > 0.0);
        assert_eq!(untrained.baselines_of(Split::Training), None);
    }

    #[test]
    fn files_of_which_no_table_tells_are_works_of_their_own() {
        let pieces = ["bach/1.mid", "haydn/1.mid"].map(|name| Piece::unknown(name.into()));
        assert_eq!(pieces.each_ref().map(|piece| &*piece.work), ["bach/1.mid", "haydn/1.mid"]);
        assert_eq!((&*pieces[0].title, &*pieces[0].composer, &*pieces[0].licence), ("1", "not stated", "not stated"));
        assert_eq!(pieces[0].split, Split::of_work("bach/1.mid"));
    }

    #[test]
    fn more_steps_than_there_may_be_are_refused() {
        let mut data_set = DataSet::new(Rules { transpose: [-11, 12], ..Rules::default() });
        let roll = Roll::new(vec![[0; COLUMN_BYTES]; MAX_STEPS], None);
        assert_eq!(data_set.add(&piece_of(Split::Training), &roll), Err(24 * MAX_STEPS));
        assert!(data_set.pieces().is_empty());
    }

    #[test]
    fn rules_leave_pieces_out_for_a_reason() {
        let note = |start, end| Note { start, end, key: 60, channel: 0, velocity: 80 };
        let good = Score {
            ticks_per_quarter: 480,
            notes: vec![note(0, 480 * 16)],
            tempi: vec![(0, 500_000)],
            signatures: vec![(0, 4, 4)],
            pedal: Vec::new(),
            end: 480 * 16,
            has_velocities: false,
            outside: 0,
            percussion: 0,
            unclosed: 0,
            warnings: Vec::new(),
        };
        let aligned = Rules { bars: Bars::Aligned, max_tempo_range: Some(1.5), ..Rules::default() };
        assert!(aligned.roll_of(&good, Path::new("good.mid")).is_ok());
        for (score, parts) in [
            (Score { notes: Vec::new(), ..good.clone() }, ["notes: expected some in 21…108", "found no notes"]),
            (
                Score { notes: Vec::new(), outside: 3, ..good.clone() },
                ["notes: ", "found 3 outside and 0 of percussion"],
            ),
            (
                Score { tempi: vec![(0, 500_000), (9, 800_000)], ..good.clone() },
                ["tempo: expected at most 1.5", "1.60"],
            ),
            (Score { signatures: vec![(0, 3, 4)], ..good.clone() }, ["bars: expected 16 steps", "found 12 (3/4)"]),
            (Score { signatures: vec![(0, 4, 4), (9, 9, 8)], ..good.clone() }, ["bars: expected 16 steps", "18 (9/8)"]),
            (
                Score { signatures: vec![(0, 4, 4), (480, 4, 4)], ..good.clone() },
                ["bars: expected 16 steps, all", "within"],
            ),
            (Score { notes: vec![note(0, 480)], ..good.clone() }, ["at least a segment of 64 steps", "found 4"]),
            (
                Score { notes: vec![note(0, 1 << 40)], end: 1 << 40, ..good.clone() },
                ["length: expected at most 1048576 steps", "found 9162596898"],
            ),
        ] {
            let error = aligned.roll_of(&score, Path::new("bad.mid")).expect_err(parts[0]).to_string();
            assert!(error.starts_with("bad.mid: ") && parts.iter().all(|part| error.contains(part)), "{error}");
        }
        let two_four = Score { signatures: vec![(0, 2, 4)], ..good };
        assert!(aligned.roll_of(&two_four, Path::new("2.mid")).is_err(), "eight steps at 4 a quarter");
        let fine = Rules { grid: Grid { steps_per_quarter: 8, ..Grid::default() }, ..aligned };
        assert!(fine.roll_of(&two_four, Path::new("2.mid")).is_ok(), "sixteen at 8");
    }

    #[test]
    fn what_is_no_data_set_is_refused_in_words() {
        let good = small(Repeats::Onset);
        let header = |change: &dyn Fn(&mut serde_json::Value), tensors: [(&str, Dtype, Vec<usize>, Vec<u8>); 3]| {
            let bytes = good.to_bytes();
            let (_, metadata) = SafeTensors::read_metadata(&bytes).expect("a file");
            let mut json: serde_json::Value =
                serde_json::from_str(&metadata.metadata().as_ref().expect("metadata")[ROLL_KEY]).expect("JSON");
            change(&mut json);
            let views = tensors.iter().map(|(name, dtype, shape, bytes)| {
                (*name, TensorView::new(*dtype, shape.clone(), bytes).expect("a shape"))
            });
            safetensors::serialize(views, Some(HashMap::from([(ROLL_KEY.into(), json.to_string())]))).expect("a file")
        };
        let plane = || (Dtype::U8, vec![good.steps(), COLUMN_BYTES], good.columns.as_flattened().to_vec());
        let offsets = |offsets: &[usize]| -> (Dtype, Vec<usize>, Vec<u8>) {
            let bytes = offsets.iter().flat_map(|&offset| (offset as i64).to_le_bytes()).collect();
            (Dtype::I64, vec![offsets.len()], bytes)
        };
        let tensors = |wrong: &[usize]| {
            let (columns, places) = (plane(), offsets(wrong));
            [
                ("columns", columns.0, columns.1.clone(), columns.2.clone()),
                ("offsets", places.0, places.1, places.2),
                ("strokes", columns.0, columns.1, columns.2),
            ]
        };
        let whole = || tensors(&good.offsets);
        assert!(DataSet::from_bytes(&header(&|_| (), whole()), Path::new("good.roll")).is_ok());
        let mut falling = good.offsets.clone();
        falling.swap(1, 2);
        let mut narrow = whole();
        narrow[0].2 = vec![good.steps() * COLUMN_BYTES];
        let mut short = whole();
        short[2].2[0] -= 1;
        short[2].3.truncate((good.steps() - 1) * COLUMN_BYTES);
        let truncated = good.to_bytes();
        for (bytes, parts) in [
            (b"a letter".to_vec(), ["data set: expected a .roll file", "something else"]),
            (Vec::new(), ["data set: expected a .roll file", "something else"]),
            (truncated[..truncated.len() / 2].to_vec(), ["data set: expected a .roll file", "damaged"]),
            (
                header(&|json| json["format_version"] = 2.into(), whole()),
                ["format version: expected 1 to 1", "found 2"],
            ),
            (header(&|json| json["keys"] = 96.into(), whole()), ["keys: expected 88", "found 96"]),
            (header(&|json| json["rules"]["steps_per_quarter"] = 0.into(), whole()), ["steps_per_quarter", "found 0"]),
            (header(&|json| json["rules"]["transpose"][1] = 100.into(), whole()), ["transpose", "-6..100"]),
            (header(&|json| json["rules"]["repeats"] = "twice".into(), whole()), ["metadata", "twice"]),
            (
                header(&|json| json["pieces"] = serde_json::json!([]), whole()),
                ["offsets: expected I64 [1]", "I64 [15]"],
            ),
            (header(&|_| (), tensors(&falling)), ["offsets: expected I64 [15], rising", "others"]),
            (header(&|_| (), narrow), ["columns: expected U8 [at most", "found U8 ["]),
            (header(&|_| (), short), ["strokes: expected U8 [", "found U8 ["]),
        ] {
            let error = DataSet::from_bytes(&bytes, Path::new("bad.roll")).expect_err(parts[0]).to_string();
            assert!(error.starts_with("bad.roll: ") && parts.iter().all(|part| error.contains(part)), "{error}");
        }
    }

    #[test]
    fn damaged_files_are_refused_or_read_and_never_a_panic() {
        let good = small(Repeats::Onset).to_bytes();
        let mut random = Random::new(5);
        for _ in 0..3000 {
            let mut bytes = good.clone();
            for _ in 0..=random.below(4) {
                // The description is what can break a reader.
                let place = random.below(3000.min(bytes.len() as u32)) as usize;
                bytes[place] = random.next_u32() as u8;
            }
            if random.below(8) == 0 {
                bytes.truncate(random.below(bytes.len() as u32) as usize);
            }
            if let Ok(read) = DataSet::from_bytes(&bytes, Path::new("guest.roll")) {
                (0..read.pieces().len()).for_each(|piece| drop(read.roll(piece).notes()));
                read.baselines();
            }
        }
    }
}
