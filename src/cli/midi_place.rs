//! Places in MIDI files, as the command line names them, and the files on the grid of a model.

use super::{error::CliError, one_line, terminal::remark};
use crate::{
    model::{RollModelConfig, STEPS_PER_MEASURE},
    notes::{Grid, MAX_STEPS, MIDI_ENDINGS, Roll, Score},
};
use std::path::{Path, PathBuf};

/// The slowest and the fastest tempo, in quarter notes a minute.
pub const TEMPI: [f64; 2] = [4.0, 999.0];

/// A measure of a MIDI file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub file: PathBuf,
    /// The measure, from 1.
    pub measure: u32,
}

impl Place {
    /// What names a MIDI file, and perhaps a measure of it.
    ///
    /// # Errors
    /// In words.
    pub fn parse(text: &str) -> Result<Self, String> {
        Self::of(text)?.ok_or_else(|| "expected a MIDI file and a measure of it, as song.mid@9".into())
    }

    /// None of what names no MIDI file. Without a measure it is the first.
    ///
    /// # Errors
    /// In words.
    pub fn of(text: &str) -> Result<Option<Self>, String> {
        let is_midi = |name: &str| {
            let ending = Path::new(name).extension().map(|ending| ending.to_string_lossy().to_lowercase());
            ending.is_some_and(|ending| MIDI_ENDINGS.contains(&&*ending))
        };
        let place = text.rsplit_once('@').filter(|(name, _)| is_midi(name));
        match place.map(|(name, measure)| (name, measure.parse().ok().filter(|measure| *measure > 0))) {
            Some((name, Some(measure))) => Ok(Some(Self { file: name.into(), measure })),
            Some((name, None)) => Err(format!("expected a measure from 1 on, as {name}@9")),
            None => Ok(is_midi(text).then(|| Self { file: text.into(), measure: 1 })),
        }
    }
}

/// A MIDI file on the grid of a model, and a place in it.
pub struct Piece {
    /// The whole file.
    pub roll: Roll,
    /// The step of the place.
    pub from: usize,
    /// The tempo there, if the file tells one.
    pub tempo: Option<f64>,
    /// File and measure.
    pub title: String,
}

impl Piece {
    /// Reads a MIDI file as a model of this configuration would have it: on its grid, with its rule for keys that are struck again.
    ///
    /// # Errors
    /// If it cannot be read, or ends before the place.
    pub fn read(place: &Place, model: &RollModelConfig) -> Result<Self, CliError> {
        let Place { file, measure } = place;
        let score = Score::read(file)?;
        score
            .warnings
            .iter()
            .for_each(|warning| remark!("warning: {}: {warning}", one_line(&file.display().to_string())));
        let unsuitable = |expected: String, actual: String| CliError::Unsuitable {
            path: file.clone(),
            what: "notes",
            expected,
            actual,
        };
        let grid = Grid::of(&model.approach);
        let (roll, _) =
            score.roll(&grid).map_err(|steps| unsuitable(format!("at most {} steps", MAX_STEPS), steps.to_string()))?;
        let from = (*measure as usize - 1) * STEPS_PER_MEASURE;
        if from >= roll.len() {
            let measures = roll.len().div_ceil(STEPS_PER_MEASURE);
            let expected = format!("some at measure {measure}, which was asked for");
            return Err(unsuitable(expected, format!("{measures} measures of {STEPS_PER_MEASURE} steps")));
        }
        let tick = from as u64 * u64::from(score.ticks_per_quarter) / u64::from(grid.steps_per_quarter);
        let name = file.file_name().unwrap_or(file.as_os_str()).to_string_lossy();
        Ok(Self {
            roll,
            from,
            tempo: score.tempo_at(tick).map(|tempo| tempo.clamp(TEMPI[0], TEMPI[1])),
            title: format!("{} from measure {measure}", one_line(&name)),
        })
    }
}
