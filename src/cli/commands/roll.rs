//! `sympathy roll`: MIDI files as a data set of piano rolls, and its pieces as MIDI files.

use crate::{
    audio_file::find::files,
    cli::{
        error::CliError,
        interrupt::Interrupt,
        one_line,
        output::{Overwrite, refuse_same_places, replace_file},
        progress::Progress,
        recordings::Strict,
        terminal::{remark, say},
    },
    notes::{
        Bars, Baselines, DataSet, Figures, Grid, Index, MIDI_ENDINGS, NotesError, Piece, Repeats, Roll, Rounding,
        Rules, STEPS_PER_MEASURE, Score, Split,
    },
};
use clap::{Args, ValueEnum};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fs,
    path::{Component, Path, PathBuf},
};

/// How the names of data sets end.
const ROLL_ENDING: &str = "roll";
/// Names that are told where one was not found.
const MAX_TOLD: usize = 5;

/// Examples for the help.
pub const HELP: &str = "\
EXAMPLES:
  sympathy roll scores                                  what is in a folder, and how it would be read
  sympathy roll scores --out scores.roll                makes a data set of it
  sympathy roll scores --out wide.roll --transpose=-6..5 --max-tempo-range 1.5
  sympathy roll scores --out published.roll --steps-per-quarter 8 --floor --repeats merge
  sympathy roll scores.roll --piece aria --to-midi aria-on-the-grid.mid
  sympathy roll aria.mid --to-midi coarse.mid --steps-per-quarter 2

Who wrote a piece, its opus and its licence stand in a table INDEX.csv in the source, a folder of it or the one around it, with columns file,
composer, title, opus, license, maintainer. All pieces of a work (composer and opus, or the title without the movement) are in one split:
training, validation or test.";

/// Where segments begin.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum BarsArg {
    /// Every 64 steps, whatever the time signature
    Any,
    /// On bar lines: only pieces whose bars have 16 steps
    Aligned,
}

/// What becomes of a key that is struck again without a gap.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum RepeatsArg {
    /// It goes on, as one note
    Merge,
    /// The note before it ends a step earlier, unless it has but one
    Gap,
    /// It goes on, and a second plane tells where it was struck
    Onset,
}

impl From<RepeatsArg> for Repeats {
    fn from(repeats: RepeatsArg) -> Self {
        match repeats {
            RepeatsArg::Merge => Self::Merge,
            RepeatsArg::Gap => Self::Gap,
            RepeatsArg::Onset => Self::Onset,
        }
    }
}

/// Options of `sympathy roll`.
#[derive(Args, Clone, Debug)]
pub struct RollArgs {
    /// MIDI files, folders of them, names with * and ?; or one data set
    #[arg(value_name = "SOURCE", required = true)]
    pub sources: Vec<PathBuf>,
    /// Data set to write; without it, all is read and told
    #[arg(short, long, value_name = "FILE.roll")]
    pub out: Option<PathBuf>,
    /// Steps of a quarter note, 1 to 48 [default: 4]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=48))]
    pub steps_per_quarter: Option<u32>,
    /// Round down to a step, counted from the first note, instead of to the nearest, counted from the first bar
    #[arg(long)]
    pub floor: bool,
    /// Let the sustain pedal lengthen notes
    #[arg(long)]
    pub pedal: bool,
    /// Leave out pieces whose fastest tempo is more than X times their slowest
    #[arg(long, value_name = "X", value_parser = tempo_range)]
    pub max_tempo_range: Option<f64>,
    /// Where segments begin [default: any]
    #[arg(long, value_enum)]
    pub bars: Option<BarsArg>,
    /// What becomes of a key that is struck again without a gap [default: gap]
    #[arg(long, value_enum)]
    pub repeats: Option<RepeatsArg>,
    /// Add copies of the pieces for training, moved by A to B semitones
    #[arg(long, value_name = "A..B", value_parser = semitones, allow_hyphen_values = true)]
    pub transpose: Option<[i8; 2]>,
    /// Table of the pieces [default: the nearest INDEX.csv, from a file's folder to the one around the source]
    #[arg(long, value_name = "FILE.csv")]
    pub index: Option<PathBuf>,
    /// What to do with files that are not whole
    #[command(flatten)]
    pub strict: Strict,
    /// MIDI file to write: a piece as it is on the grid
    #[arg(long, value_name = "FILE.mid")]
    pub to_midi: Option<PathBuf>,
    /// Which piece that is: a part of its name
    #[arg(long, value_name = "NAME", requires = "to_midi")]
    pub piece: Option<String>,
    /// Its tempo, in quarter notes a minute
    #[arg(long, value_name = "N", default_value_t = 120.0, requires = "to_midi", value_parser = quarters_per_minute)]
    pub bpm: f64,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
    /// What to do with files that are there
    #[command(flatten)]
    pub overwrite: Overwrite,
}

fn tempo_range(text: &str) -> Result<f64, String> {
    text.parse().ok().filter(|range| (1.0..=1e6).contains(range)).ok_or_else(|| "expected a number of 1 or more".into())
}

fn quarters_per_minute(text: &str) -> Result<f64, String> {
    text.parse().ok().filter(|bpm| (4.0..=999.0).contains(bpm)).ok_or_else(|| "expected 4 to 999".into())
}

fn semitones(text: &str) -> Result<[i8; 2], String> {
    let parts = text.split_once("..").and_then(|(from, to)| Some([from.parse().ok()?, to.parse().ok()?]));
    let rules = |transpose| Rules { transpose, ..Rules::default() };
    parts
        .filter(|&parts| rules(parts).problem().is_none())
        .ok_or_else(|| "expected -48..48, or a part of it with 0, as -6..5".into())
}

impl RollArgs {
    fn rules(&self) -> Rules {
        Rules {
            grid: Grid {
                steps_per_quarter: self.steps_per_quarter.unwrap_or(Grid::default().steps_per_quarter),
                rounding: if self.floor { Rounding::Floor } else { Rounding::Nearest },
                pedal: self.pedal,
                repeats: self.repeats.map_or(Repeats::Gap, Repeats::from),
            },
            bars: if self.bars == Some(BarsArg::Aligned) { Bars::Aligned } else { Bars::Any },
            max_tempo_range: self.max_tempo_range,
            transpose: self.transpose.unwrap_or_default(),
        }
    }

    /// An option that says how MIDI files are read, if one was given.
    fn reading_option(&self) -> Option<&'static str> {
        [
            ("--steps-per-quarter", self.steps_per_quarter.is_some()),
            ("--floor", self.floor),
            ("--pedal", self.pedal),
            ("--max-tempo-range", self.max_tempo_range.is_some()),
            ("--bars", self.bars.is_some()),
            ("--repeats", self.repeats.is_some()),
            ("--transpose", self.transpose.is_some()),
            ("--index", self.index.is_some()),
            ("--out", self.out.is_some()),
        ]
        .into_iter()
        .find_map(|(name, is_given)| is_given.then_some(name))
    }
}

/// A file that is read, and what it is called in errors.
type Input = (&'static str, PathBuf);

/// What was read.
struct Gathered {
    /// The files that a source stands for, and the tables of them.
    inputs: Vec<Input>,
    data_set: DataSet,
    /// Of MIDI files; a data set does not keep them.
    figures: Option<Figures>,
    /// Files that were left out, and why.
    left_out: Vec<(PathBuf, String)>,
    /// Bits of copies that left the 88 keys.
    dropped_bits: u64,
}

/// Runs the command.
///
/// # Errors
/// If no piece can be taken or the MIDI file cannot be made, and nothing is written then; or if a file cannot be written.
pub fn run(args: &RollArgs) -> Result<(), CliError> {
    let read: Vec<(&str, &Path)> = args.sources.iter().map(|path| ("the source", path.as_path())).collect();
    let written = [("the data set", &args.out), ("the MIDI file", &args.to_midi)];
    let written: Vec<(&str, &Path)> =
        written.iter().filter_map(|(what, path)| Some((*what, path.as_deref()?))).collect();
    refuse_same_places(&read, &written)?;
    if let Some(out) = &args.out {
        args.overwrite.check(out, ROLL_ENDING)?;
    }
    if let Some(out) = &args.to_midi {
        args.overwrite.check(out, "mid")?;
    }
    let gathered = gather(args)?;
    // A source may be a folder that holds what would be replaced.
    let inputs: Vec<(&str, &Path)> = gathered.inputs.iter().map(|(what, path)| (*what, path.as_path())).collect();
    refuse_same_places(&inputs, &written)?;
    let midi = match &args.to_midi {
        Some(path) => Some((path, midi_of(args, &gathered.data_set, path)?)),
        None => None,
    };
    if let Some(out) = &args.out {
        gathered.data_set.write(out)?;
    }
    if let Some((path, bytes)) = midi {
        replace_file(path, |part| fs::write(part, &bytes))?;
    }
    if args.json {
        say!("{:#}", as_json(&gathered));
        return Ok(());
    }
    as_text(&gathered).iter().for_each(|line| say!("{line}"));
    for (what, path) in written {
        say!("\n{}: {what}", one_line(&path.display().to_string()));
    }
    Ok(())
}

fn gather(args: &RollArgs) -> Result<Gathered, CliError> {
    let is_roll = |path: &&PathBuf| {
        path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case(ROLL_ENDING)) && !path.is_dir()
    };
    match (args.sources.iter().find(is_roll), args.reading_option()) {
        (None, _) => from_midi(args),
        (Some(path), _) if args.sources.len() > 1 => {
            Err(unsuitable(path, "source", "one data set, or MIDI files", "both"))
        }
        (Some(_), Some(option)) => Err(CliError::Option {
            option,
            expected: "MIDI files, which are yet to be read".into(),
            actual: "a data set".into(),
        }),
        (Some(path), None) => {
            let data_set = DataSet::read(path)?;
            Ok(Gathered { inputs: Vec::new(), data_set, figures: None, left_out: Vec::new(), dropped_bits: 0 })
        }
    }
}

/// A file that a source stands for.
struct Found {
    path: PathBuf,
    /// Its name in the data set.
    name: String,
    /// The folder that is its source, or that holds it.
    root: PathBuf,
}

/// Every file once, with a name of its own.
fn found_files(sources: &[PathBuf]) -> Result<Vec<Found>, CliError> {
    // (where it is, the path as it was found, names along its path that name it, the source's folder)
    let mut found: Vec<(PathBuf, PathBuf, usize, &Path)> = Vec::new();
    for source in sources {
        let paths = files(source, &MIDI_ENDINGS).map_err(|error| CliError::Io {
            path: source.clone(),
            action: "read",
            source: error,
        })?;
        if paths.is_empty() {
            let expected = format!("a MIDI file, or a folder of them (.{})", MIDI_ENDINGS.join(", ."));
            return Err(unsuitable(source, "source", &expected, "none"));
        }
        let root = source.ancestors().find(|folder| folder.is_dir()).unwrap_or(Path::new("."));
        for path in paths {
            let inside = path.strip_prefix(source).map_or(0, |inside| inside.components().count());
            let place = path.canonicalize().unwrap_or_else(|_| path.clone());
            found.push((place, path, inside.max(1), root));
        }
    }
    // Stable: a file that several sources name is called as the first one has it.
    found.sort_by(|a, b| a.0.cmp(&b.0));
    found.dedup_by(|a, b| a.0 == b.0);
    let names = unlike_names(found.iter().map(|(_, path, count, _)| (&**path, *count)));
    let found = found.into_iter().zip(names);
    Ok(found.map(|((_, path, _, root), name)| Found { path, name, root: root.into() }).collect())
}

/// The last names along each path, so many as are given, and where others are called so, as many folders before them as
/// it takes.
fn unlike_names<'a>(paths: impl Iterator<Item = (&'a Path, usize)>) -> Vec<String> {
    let mut kept: Vec<(Vec<String>, usize)> = paths
        .map(|(path, count)| {
            let base = path.ancestors().nth(count).filter(|base| !base.as_os_str().is_empty());
            let base = base.unwrap_or(Path::new("."));
            let inside = path.strip_prefix(base).unwrap_or(path);
            let whole = base.canonicalize().unwrap_or_else(|_| base.into()).join(inside);
            let names = whole.components().filter_map(|part| match part {
                Component::Normal(name) => Some(name.to_string_lossy().replace('\\', "/")),
                _ => None,
            });
            (names.collect(), count)
        })
        .collect();
    loop {
        let names: Vec<String> =
            kept.iter().map(|(parts, count)| parts[parts.len().saturating_sub(*count)..].join("/")).collect();
        let mut uses: HashMap<String, usize> = HashMap::new();
        names.iter().for_each(|name| *uses.entry(name.clone()).or_default() += 1);
        let more: Vec<bool> =
            kept.iter().zip(&names).map(|((parts, count), name)| uses[name] > 1 && *count < parts.len()).collect();
        if !more.contains(&true) {
            return names;
        }
        kept.iter_mut().zip(more).for_each(|((_, count), more)| *count += usize::from(more));
    }
}

/// The tables beside the sources, each read once.
#[derive(Default)]
struct Indices {
    /// By the file that a table would be; none where there is none.
    read: HashMap<PathBuf, Option<Index>>,
}

impl Indices {
    /// The nearest table of a file.
    fn of(&mut self, found: &Found) -> Result<Option<&Index>, CliError> {
        for place in Index::places(&found.path, &found.root) {
            if !self.read.contains_key(&place) {
                let index = place.is_file().then(|| Index::read(&place)).transpose()?;
                self.read.insert(place.clone(), index);
            }
            if self.read[&place].is_some() {
                return Ok(self.read[&place].as_ref());
            }
        }
        Ok(None)
    }
}

fn from_midi(args: &RollArgs) -> Result<Gathered, CliError> {
    let rules = args.rules();
    if args.floor && rules.bars == Bars::Aligned {
        return Err(CliError::Option {
            option: "--floor",
            expected: "--bars any, as steps are counted from the first note".into(),
            actual: "--bars aligned".into(),
        });
    }
    let given = args.index.as_deref().map(Index::read).transpose()?;
    let found = found_files(&args.sources)?;
    let (mut indices, mut progress) = (Indices::default(), Progress::new(found.len()));
    let interrupt = Interrupt::watch();
    let mut gathered = Gathered {
        inputs: found.iter().map(|found| ("a source", found.path.clone())).collect(),
        data_set: DataSet::new(rules),
        figures: Some(Figures::default()),
        left_out: Vec::new(),
        dropped_bits: 0,
    };
    gathered.inputs.extend(given.iter().map(|index| ("the table of the pieces", index.path().into())));
    let (mut first_refusal, mut untold) = (None, 0);
    for (number, file) in found.iter().enumerate() {
        let path = &file.path;
        if interrupt.is_pressed() {
            return Err(CliError::Left);
        }
        progress.update(number);
        let read = Score::read(path).and_then(|score| whole(score, path, args.strict)).and_then(|score| {
            let (roll, placed) = rules.roll_of(&score, path)?;
            Ok((score, roll, placed))
        });
        let (score, roll, placed) = match read {
            Ok(read) => read,
            Err(error) => {
                gathered.left_out.push((path.clone(), error.reason()));
                first_refusal.get_or_insert(error);
                continue;
            }
        };
        let index = match &given {
            Some(index) => Some(index),
            None => indices.of(file)?,
        };
        let piece = match index.and_then(|index| index.credits(path)) {
            Some(credits) => Piece::new(file.name.clone(), credits),
            None => {
                untold += 1;
                Piece::unknown(file.name.clone())
            }
        };
        gathered.dropped_bits += gathered.data_set.add(&piece, &roll).map_err(|steps| {
            let expected = format!("at most {} steps in all", DataSet::MAX_STEPS);
            unsuitable(path, "data set", &expected, &format!("{steps}, with this piece"))
        })?;
        if let Some(figures) = &mut gathered.figures {
            figures.add(&score, &roll, &placed);
        }
    }
    let tables = indices.read.values().flatten();
    gathered.inputs.extend(tables.map(|index| ("the table of the pieces", index.path().into())));
    if untold > 0 {
        let taken = found.len() - gathered.left_out.len();
        remark!("of {untold} of {taken} pieces no table tells: their composers and licences are not known");
    }
    match (first_refusal, &found[..]) {
        _ if !gathered.data_set.pieces().is_empty() => Ok(gathered),
        (Some(error), [_]) => Err(error.into()),
        (first, _) => {
            let reason = first.map(|error| error.to_string()).unwrap_or_default();
            let actual = format!("none of {} files; {reason}", found.len());
            Err(unsuitable(&args.sources[0], "pieces", "at least one that can be taken", &actual))
        }
    }
}

/// A score of which nothing is missing, or that may miss something, which is told then.
fn whole(score: Score, path: &Path, strict: Strict) -> Result<Score, NotesError> {
    let mut warnings = score.warnings.clone();
    match score.unclosed {
        0 => {}
        1 => warnings.push("1 note never ends: it lasts until its track does".into()),
        count => warnings.push(format!("{count} notes never end: they last until their track does")),
    }
    if let Some(warning) = warnings.first().filter(|_| strict.strict) {
        return Err(NotesError::Unsuitable {
            file: path.into(),
            what: "notes",
            expected: "all of them".into(),
            actual: warning.clone(),
        });
    }
    warnings.iter().for_each(|warning| remark!("warning: {}", one_line(&format!("{}: {warning}", path.display()))));
    Ok(score)
}

fn unsuitable(path: &Path, what: &'static str, expected: &str, actual: &str) -> CliError {
    CliError::Unsuitable { path: path.into(), what, expected: expected.into(), actual: actual.into() }
}

/// The MIDI file of the piece that is meant, to be written to `out`.
fn midi_of(args: &RollArgs, data_set: &DataSet, out: &Path) -> Result<Vec<u8>, CliError> {
    let wanted = args.piece.as_deref().unwrap_or_default();
    let exact = originals(data_set).filter(|(_, piece)| piece.name == wanted);
    let mut meant: Vec<(usize, &Piece)> = exact.collect();
    if meant.is_empty() {
        meant = originals(data_set).filter(|(_, piece)| piece.name.contains(wanted)).collect();
    }
    let [(index, _)] = meant[..] else {
        let listed = if meant.is_empty() { originals(data_set).collect() } else { meant.clone() };
        let mut listed: Vec<&str> = listed.iter().map(|(_, piece)| &*piece.name).collect();
        let more = listed.len() > MAX_TOLD;
        listed.truncate(MAX_TOLD);
        return Err(CliError::Option {
            option: "--piece",
            expected: format!("a part of one name: {}{}", listed.join(", "), if more { ", …" } else { "" }),
            actual: if meant.is_empty() { format!("{wanted:?}") } else { format!("{} of them", meant.len()) },
        });
    };
    let roll: Roll = data_set.roll(index);
    Ok(Score::midi_of(&roll, data_set.rules().grid.steps_per_quarter, args.bpm, out)?)
}

/// Pieces without their copies.
fn originals(data_set: &DataSet) -> impl Iterator<Item = (usize, &Piece)> {
    data_set.pieces().iter().enumerate().filter(|(_, piece)| piece.transposed == 0)
}

/// Pieces, works and steps, of all or of a split.
fn sizes(data_set: &DataSet, split: Option<Split>) -> [usize; 3] {
    let pieces = || originals(data_set).filter(|(_, piece)| split.is_none_or(|split| piece.split == split));
    let works: BTreeSet<&str> = pieces().map(|(_, piece)| &*piece.work).collect();
    [pieces().count(), works.len(), pieces().map(|(index, _)| data_set.columns(index).len()).sum()]
}

/// How often each licence stands there, the commonest first.
fn licences(data_set: &DataSet) -> Vec<(&str, usize)> {
    let mut counts = BTreeMap::new();
    originals(data_set).for_each(|(_, piece)| *counts.entry(&*piece.licence).or_default() += 1);
    let mut counts: Vec<(&str, usize)> = counts.into_iter().collect();
    counts.sort_by_key(|&(_, count)| std::cmp::Reverse(count));
    counts
}

fn as_json(gathered: &Gathered) -> Value {
    let data_set = &gathered.data_set;
    let splits = Split::ALL.map(|split| {
        let [pieces, works, steps] = sizes(data_set, Some(split));
        let baselines = data_set.baselines_of(split);
        (split.name(), json!({"pieces": pieces, "works": works, "steps": steps, "baselines": baselines}))
    });
    let [pieces, works, steps] = sizes(data_set, None);
    let left_out: Vec<Value> =
        gathered.left_out.iter().map(|(path, why)| json!({"file": path.display().to_string(), "why": why})).collect();
    json!({
        "rules": data_set.rules(),
        "pieces": pieces,
        "works": works,
        "composers": composers(data_set),
        "licences": licences(data_set).into_iter().collect::<BTreeMap<_, _>>(),
        "steps": steps,
        "steps_with_copies": data_set.steps(),
        "bits_of_copies_outside": gathered.dropped_bits,
        "scores": gathered.figures,
        "baselines": data_set.baselines(),
        "splits": splits.into_iter().collect::<BTreeMap<_, _>>(),
        "commonest_key": data_set.commonest_key(),
        "left_out": left_out,
    })
}

fn composers(data_set: &DataSet) -> usize {
    originals(data_set).map(|(_, piece)| &*piece.composer).collect::<BTreeSet<_>>().len()
}

/// The report for people, by line.
fn as_text(gathered: &Gathered) -> Vec<String> {
    let data_set = &gathered.data_set;
    let [pieces, works, steps] = sizes(data_set, None);
    let grid = data_set.rules().grid;
    let row = |name: &str, value: String| format!("  {name:24} {}", one_line(&value));
    let mut lines = vec!["Pieces".into()];
    lines.push(row("pieces", pieces.to_string()));
    lines.push(row("works", works.to_string()));
    lines.push(row("composers", composers(data_set).to_string()));
    let listed: Vec<String> = licences(data_set).iter().map(|(licence, count)| format!("{count} {licence}")).collect();
    lines.push(row("licences", listed.join(", ")));
    lines.push(row("steps", format!("{steps}, {} a quarter note", grid.steps_per_quarter)));
    if let Some(figures) = &gathered.figures {
        lines.extend(score_rows(figures).into_iter().map(|(name, value)| row(name, value)));
    }
    if data_set.pieces().len() > pieces {
        let [from, to] = data_set.rules().transpose;
        let outside = match gathered.dropped_bits {
            0 => String::new(),
            bits => format!("; {bits} bits of them lie outside the 88 keys"),
        };
        let copies = data_set.pieces().len() - pieces;
        lines.push(row("copies", format!("{copies}, moved by {from} to {to} semitones{outside}")));
    }

    lines.extend(["".into(), "Mean squared error without a network".into()]);
    let header = ["pieces", "works", "steps", "keys held", "silence", "key means", "hold", "chain"];
    let cells = |name: &str, cells: &[String]| {
        let cells: String = cells.iter().map(|cell| format!("{cell:>10}")).collect();
        format!("  {name:10}{cells}")
    };
    lines.push(cells("", &header.map(String::from)));
    let line = |name: &str, sizes: [usize; 3], baselines: Option<Baselines>| {
        let mut row = sizes.map(|size| size.to_string()).to_vec();
        row.extend(baselines.map_or(vec!["–".into(); 5], |known| {
            let errors = [Some(known.silence), known.key_means, Some(known.hold), known.chain];
            let errors = errors.map(|error| error.map_or("–".into(), |error| format!("{error:.4}")));
            [format!("{:.2}", known.keys)].into_iter().chain(errors).collect()
        }));
        cells(name, &row)
    };
    lines.push(line("all", [pieces, works, steps], data_set.baselines()));
    for split in Split::ALL {
        lines.push(line(split.name(), sizes(data_set, Some(split)), data_set.baselines_of(split)));
    }
    lines.push("  key means and chain: of all, or for a split of the pieces for training".into());

    if !gathered.left_out.is_empty() {
        lines.extend(["".into(), format!("Left out: {}", gathered.left_out.len())]);
        lines.extend(
            gathered
                .left_out
                .iter()
                .map(|(path, why)| format!("  {}", one_line(&format!("{}: {why}", path.display())))),
        );
    }
    lines
}

/// What is told of the scores.
fn score_rows(figures: &Figures) -> Vec<(&'static str, String)> {
    let mut rows = vec![
        ("length", format!("{:.1} h", figures.seconds / 3600.0)),
        (
            "to train on",
            format!(
                "{:.0} measures of {STEPS_PER_MEASURE} steps: {} whole segments of 4, {} whole sequences of 16",
                figures.measures(),
                figures.segments,
                figures.sequences
            ),
        ),
    ];
    let keys = figures.lowest_key.zip(figures.highest_key);
    let range = keys.map_or(String::new(), |(lowest, highest)| format!(", keys {lowest} to {highest}"));
    rows.push(("notes", format!("{}{range}", figures.notes)));
    let mut signatures: Vec<(&String, &usize)> = figures.signatures.iter().collect();
    signatures.sort_by_key(|&(_, count)| std::cmp::Reverse(count));
    let signatures: Vec<String> = signatures.iter().map(|(name, count)| format!("{count} {name}")).collect();
    rows.push(("time signatures", signatures.join(", ")));
    let percent = |notes| format!("{:.1} % of the notes", figures.percent(notes));
    rows.extend([
        ("with several tempi", figures.with_tempi.to_string()),
        ("with a sustain pedal", figures.with_pedal.to_string()),
        ("with several velocities", figures.with_velocities.to_string()),
        ("with a rest or an upbeat", figures.late.to_string()),
        ("off the grid", percent(figures.off_grid)),
        ("shorter than a step", format!("{}, which last one all the same", percent(figures.lengthened))),
        ("repeated at once", percent(figures.repeated)),
    ]);
    let left_out = [(figures.outside, "outside the 88 keys"), (figures.percussion, "of percussion")];
    let left_out: Vec<String> =
        left_out.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")).collect();
    if !left_out.is_empty() {
        rows.push(("notes left out", left_out.join(", ")));
    }
    rows
}
