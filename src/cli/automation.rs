//! Parameters from outside: `--set key=value` and automation files.

use super::error::CliError;
use crate::{
    control::{
        ParamError, ParamId,
        said::{Pairs, Said},
        text,
        values::Parameter,
    },
    text_file::{json_mistake, read_text},
};
use std::{ops::Range, path::Path};

/// No automation file is larger: over half a million points.
const MAX_AUTOMATION_BYTES: u64 = 16 << 20;
/// The latest point: over eleven days.
const MAX_SECONDS: f64 = 1e6;

/// A parameter takes a value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TimedValue<Id = ParamId> {
    /// Sample, counted from the first one rendered.
    pub sample: u64,
    /// The parameter.
    pub id: Id,
    /// Its new value, in its own unit.
    pub value: f32,
}

/// A `--set` as it was typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    /// Left of the `=`.
    pub key: String,
    /// Right of it.
    pub value: String,
}

impl std::str::FromStr for Assignment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((key, value)) if !key.is_empty() && !value.is_empty() => {
                Ok(Self { key: key.trim().into(), value: value.trim().into() })
            }
            _ => Err(format!("expected PARAM=VALUE, as in mix=100, found {text:?}")),
        }
    }
}

impl Assignment {
    /// The parameter and the value meant. `origin`: where it was typed.
    ///
    /// # Errors
    /// If there is no such parameter, or it cannot have this value.
    pub fn resolve<Id: Parameter>(&self, origin: &str) -> Result<(Id, f32), CliError> {
        let wrong = |source| CliError::Parameter { origin: origin.into(), source };
        let id: Id = text::parameter(&self.key).map_err(wrong)?;
        let value = text::value(id.spec(), &self.value).map_err(wrong)?;
        Ok((id, value))
    }
}

/// How parameters move in the course of a rendering.
#[derive(Clone, Debug, PartialEq)]
pub struct Automation<Id = ParamId> {
    /// One a parameter.
    curves: Vec<Curve<Id>>,
}

impl<Id> Default for Automation<Id> {
    fn default() -> Self {
        Self { curves: Vec::new() }
    }
}

#[derive(Clone, Debug, PartialEq)]
struct Curve<Id> {
    id: Id,
    /// Samples rise, or stay.
    points: Vec<Point>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Point {
    sample: u64,
    value: f32,
    /// A line leads to the next one.
    ramps: bool,
}

/// Samples from a value on a line to the next, counted from the first sample rendered: blocks do not matter.
const RAMP_SAMPLES: u64 = 64;

impl<Id: Parameter> Automation<Id> {
    /// Parameters that jump to these values.
    pub fn steps(values: &[TimedValue<Id>]) -> Self {
        let mut curves: Vec<Curve<Id>> = Vec::new();
        for &TimedValue { sample, id, value } in values {
            let point = Point { sample, value, ramps: false };
            match curves.iter_mut().find(|curve| curve.id == id) {
                Some(curve) => curve.points.push(point),
                None => curves.push(Curve { id, points: vec![point] }),
            }
        }
        curves.iter_mut().for_each(|curve| curve.points.sort_by_key(|point| point.sample));
        Self { curves }
    }

    /// Puts the values that parameters take within these samples behind `changes`, in order.
    pub fn changes(&self, samples: Range<u64>, changes: &mut Vec<TimedValue<Id>>) {
        let begin = changes.len();
        for curve in &self.curves {
            curve.changes(&samples, changes);
        }
        changes[begin..].sort_by_key(|change| change.sample);
    }

    /// Every value that a point says, and of which parameter.
    pub fn values(&self) -> impl Iterator<Item = (Id, f32)> {
        self.curves.iter().flat_map(|curve| curve.points.iter().map(|point| (curve.id, point.value)))
    }

    /// The same, and jumps of parameters that it does not move.
    pub fn with(mut self, values: &[TimedValue<Id>]) -> Self {
        let free = |curve: &Curve<Id>| self.curves.iter().all(|own| own.id != curve.id);
        let more: Vec<Curve<Id>> = Self::steps(values).curves.into_iter().filter(free).collect();
        self.curves.extend(more);
        self
    }

    /// The same but for one parameter, which stays as it is.
    pub fn without(&self, id: Id) -> Self {
        Self { curves: self.curves.iter().filter(|curve| curve.id != id).cloned().collect() }
    }

    /// Parameters with points that are never reached: how many, and the sample of the first.
    pub fn after(&self, length: u64) -> impl Iterator<Item = (Id, usize, u64)> {
        self.curves.iter().filter_map(move |curve| {
            let late = &curve.points[curve.points.partition_point(|point| point.sample < length)..];
            late.first().map(|point| (curve.id, late.len(), point.sample))
        })
    }
}

impl<Id: Parameter> Curve<Id> {
    fn changes(&self, samples: &Range<u64>, changes: &mut Vec<TimedValue<Id>>) {
        let mut index = self.points.partition_point(|point| point.sample < samples.start).saturating_sub(1);
        while let Some(from) = self.points.get(index).filter(|point| point.sample < samples.end) {
            if from.sample >= samples.start {
                changes.push(TimedValue { sample: from.sample, id: self.id, value: from.value });
            }
            index += 1;
            let Some(to) = self.points.get(index).filter(|_| from.ramps) else {
                continue;
            };
            let first = (from.sample + 1).max(samples.start).next_multiple_of(RAMP_SAMPLES);
            for sample in (first..to.sample.min(samples.end)).step_by(RAMP_SAMPLES as usize) {
                let part = (sample - from.sample) as f64 / (to.sample - from.sample) as f64;
                let value = f64::from(from.value) + part * (f64::from(to.value) - f64::from(from.value));
                changes.push(TimedValue { sample, id: self.id, value: self.id.spec().sanitise(value as f32) });
            }
        }
    }
}

/// Reads an automation file: `{"mix": [[time, value], [time, value, "hold"], …], …}`. A time is a number of seconds from the
/// beginning of the file that is rendered, or a word, as `"8 beats"`, which `seconds_of_beats` tells in seconds; a value a number or a word.
/// Lines join the points, from the sample `round(seconds · rate)` on; after a point with `"hold"` the value stays, as those do
/// that know no numbers between: choices, switches, whole numbers.
///
/// # Errors
/// Everything in which a file can be wrong: unreadable, too large, not JSON, an unknown parameter or one named twice, times
/// that are negative or do not rise, values a parameter cannot have.
pub fn read_automation<Id: Parameter>(
    path: &Path,
    sample_rate_hz: u32,
    seconds_of_beats: impl Fn(f64) -> f64,
) -> Result<Automation<Id>, CliError> {
    let io = |source| CliError::Io { path: path.into(), action: "read", source };
    let Some(text) = read_text(path, MAX_AUTOMATION_BYTES).map_err(io)? else {
        return Err(CliError::Automation {
            path: path.into(),
            expected: format!("at most {MAX_AUTOMATION_BYTES} bytes"),
            actual: "more".into(),
        });
    };
    let curves: Pairs<Vec<Vec<Said>>> = serde_json::from_str(&text).map_err(|error| CliError::Automation {
        path: path.into(),
        expected: "JSON of the form {\"parameter\": [[seconds, value], ...], ...}".into(),
        actual: json_mistake(&error),
    })?;
    let origin = path.display().to_string();
    let wrong = |source| CliError::Parameter { origin: origin.clone(), source };
    let mut automation = Automation::default();
    for (key, curve) in &curves.0 {
        let id = text::parameter::<Id>(key).map_err(wrong)?;
        let broken = |expected, actual| wrong(ParamError::Value { key: key.clone(), expected, actual, nearest: None });
        if automation.curves.iter().any(|curve| curve.id == id) {
            return Err(broken("one list of points".into(), "two".into()));
        }
        let mut points: Vec<Point> = Vec::with_capacity(curve.len());
        let mut last = f64::NEG_INFINITY;
        for (index, parts) in curve.iter().enumerate() {
            let (time, said, holds) = match &parts[..] {
                [time, value] => (time, value, false),
                [time, value, Said::Word(word)] if word == "hold" => (time, value, true),
                _ => {
                    let expected = "points of the form [seconds, value] or [seconds, value, \"hold\"]".into();
                    return Err(broken(expected, format!("another at point {index}")));
                }
            };
            let seconds = seconds(time, &seconds_of_beats).ok_or_else(|| {
                let expected = format!("times of 0 to {MAX_SECONDS} s, as 8.5 or \"16 beats\"");
                broken(expected, format!("{} at point {index}", shown(time)))
            })?;
            if seconds <= last {
                let actual = format!("{seconds} s after {last} s at point {index}");
                return Err(broken("times that rise".into(), actual));
            }
            last = seconds;
            let value = said.value(id.spec()).map_err(|error| wrong(error.at(&format!("point {index}"))))?;
            let sample = (seconds * f64::from(sample_rate_hz)).round() as u64;
            points.push(Point { sample, value, ramps: !holds && !id.spec().kind.is_whole() });
        }
        automation.curves.push(Curve { id, points });
    }
    Ok(automation)
}

/// How long beats last at one tempo.
pub fn at_tempo(beats_per_minute: f64) -> impl Fn(f64) -> f64 {
    move |beats| beats * 60.0 / beats_per_minute
}

/// A time in seconds; none if it is none.
fn seconds(said: &Said, seconds_of_beats: impl Fn(f64) -> f64) -> Option<f64> {
    let seconds = match said {
        Said::Number(seconds) => *seconds,
        Said::Word(word) => {
            let word = word.trim().to_lowercase().replace(',', ".");
            let number = |number: &str| number.trim_end().parse::<f64>().ok().filter(|number| number.is_finite());
            match word.strip_suffix("beats").or_else(|| word.strip_suffix("beat")) {
                Some(beats) => seconds_of_beats(number(beats)?),
                None => {
                    let units = [("ms", 0.001), ("s", 1.0)];
                    let with_unit = units.iter().find_map(|(unit, length)| Some((word.strip_suffix(unit)?, length)));
                    let (text, length) = with_unit.unwrap_or((&word, &1.0));
                    number(text)? * length
                }
            }
        }
    };
    (0.0..=MAX_SECONDS).contains(&seconds).then_some(seconds)
}

fn shown(said: &Said) -> String {
    match said {
        Said::Number(number) => number.to_string(),
        Said::Word(word) => format!("{word:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<TimedValue>, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.json");
        std::fs::write(&path, text).unwrap();
        let automation =
            read_automation::<ParamId>(&path, 48_000, at_tempo(90.0)).map_err(|error| error.to_string())?;
        let mut changes = Vec::new();
        automation.changes(0..u64::MAX, &mut changes);
        Ok(changes)
    }

    #[test]
    fn points_fall_on_exact_samples_in_order() {
        let points = read(r#"{"mix": [[0, 0, "hold"], [1.00001, 100.0]], "model": [[0.5, 3]]}"#).unwrap();
        let got: Vec<(u64, &str, f32)> = points.iter().map(|p| (p.sample, p.id.spec().key, p.value)).collect();
        assert_eq!(got, [(0, "mix", 0.0), (24_000, "model", 3.0), (48_000, "mix", 100.0)]);
        assert_eq!(read("{}").unwrap(), []);
        let words = read(r#"{"Seed Source": [[0, "captured"]], "mix": [[0, "50 %"]]}"#).unwrap();
        assert_eq!(words.iter().map(|point| point.value).collect::<Vec<_>>(), [4.0, 50.0]);
    }

    #[test]
    fn lines_join_the_points_and_what_is_held_or_whole_jumps() {
        let text = r#"{"mix": [["0 s", 0], ["2 beats", 100, "hold"], [2, 50], ["4 beats", "0 %"]],
                       "voices": [[0, 1], [0.5, 4]]}"#;
        let points = read(text).unwrap();
        let mix: Vec<(u64, f32)> =
            points.iter().filter(|p| p.id == ParamId::Mix).map(|p| (p.sample, p.value)).collect();
        // Two beats of 90 a minute are 64 000 samples.
        let at = |sample: u64| mix.iter().rev().find(|(at, _)| *at <= sample).expect("a value").1;
        assert_eq!((at(0), at(32_000), at(63_999)), (0.0, 50.0, 99.9));
        assert_eq!((at(64_000), at(95_999), at(96_000)), (100.0, 100.0, 50.0));
        assert!((at(112_000) - 25.0).abs() < 0.1 && at(128_000) == 0.0 && mix.len() < 1600);
        assert!(mix.is_sorted_by_key(|(sample, _)| *sample));
        let voices: Vec<f32> = points.iter().filter(|p| p.id == ParamId::Voices).map(|p| p.value).collect();
        assert_eq!(voices, [1.0, 4.0]);
        // In whatever blocks it is asked for.
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.json");
        std::fs::write(&path, text).unwrap();
        let automation = read_automation::<ParamId>(&path, 48_000, at_tempo(90.0)).unwrap();
        for block in [1, 63, 64, 1000] {
            let mut changes = Vec::new();
            (0..130_000).step_by(block).for_each(|from| automation.changes(from..from + block as u64, &mut changes));
            assert_eq!(changes, points, "{block}");
        }
        let late: Vec<_> = automation.after(96_000).collect();
        assert_eq!(late, [(ParamId::Mix, 2, 96_000)]);
    }

    #[test]
    fn hostile_files_are_refused_in_one_line() {
        let deep = "[".repeat(100_000);
        for (text, expected) in [
            ("", "expected JSON"),
            ("[]", "expected JSON"),
            (deep.as_str(), "expected JSON"),
            ("{\"mix\": 3}", "expected JSON"),
            ("{\"mix\": [[0]]}", "expected points of the form [seconds, value]"),
            ("{\"mix\": [[0, 1, 2]]}", "found another at point 0"),
            ("{\"mix\": [[0, 1, \"held\"]]}", "expected points of the form"),
            ("{\"mix\": [[\"soon\", 1]]}", "as 8.5 or \"16 beats\", found \"soon\" at point 0"),
            ("{\"mix\": [[\"-1 beats\", 1]]}", "expected times of 0 to"),
            ("{\"mix\": [[0, [1]]]}", "expected a number or a word"),
            ("{\"mix\": [[0, \"loud\"]]}", "expected a number from 0 to 100 %, found \"loud\" at point 0"),
            ("{\"stereo\": [[0, 1], [1, \"duel\"]]}", "found \"duel\" at point 1; did you mean dual?"),
            ("{\"mix\": [[0, 1]], \"Mix\": []}", "expected one list of points, found two"),
            ("{\"mix\": [[0, NaN]]}", "expected JSON"),
            ("{\"mix\": [[0, 1e999]]}", "expected JSON"),
            ("{\"mix\": [[0, 1]]} x", "expected JSON"),
            ("{\"mux\": [[0, 1]]}", "expected one of mix, seed_length"),
            ("{\"a\\nb\": []}", "expected one of mix, seed_length"),
            ("{\"mix\": [[0, 101]]}", "expected a number from 0 to 100 %, found 101 at point 0"),
            ("{\"mix\": [[0, 1e300]]}", "expected a number from 0 to 100 %"),
            ("{\"model\": [[0, 1.5]]}", "expected a whole number from 0 to 127 or one of electric-guitar-magnitude"),
            ("{\"mix\": [[1, 1], [1, 2]]}", "expected times that rise, found 1 s after 1 s at point 1"),
            ("{\"mix\": [[2, 1], [1, 2]]}", "expected times that rise"),
            ("{\"mix\": [[-1, 1]]}", "expected times of 0 to"),
            ("{\"mix\": [[1e300, 1]]}", "expected times of 0 to"),
            ("{\"mix\": [[0, 1]], \"mix\": []}", "expected one list of points, found two"),
        ] {
            let error = read(text).expect_err(text.get(..40).unwrap_or(text));
            assert!(error.contains(expected) && error.contains("a.json") && !error.contains('\n'), "{error}");
        }
    }

    #[test]
    fn assignments_are_checked() {
        let resolve = |text: &str| -> Result<(ParamId, f32), String> {
            text.parse::<Assignment>()?.resolve("--set").map_err(|error| error.to_string())
        };
        assert_eq!(resolve("mix=12.5"), Ok((ParamId::Mix, 12.5)));
        assert_eq!(resolve(" gate = -30 "), Ok((ParamId::Gate, -30.0)));
        assert_eq!(resolve("Seed Source=Perlin Noise"), Ok((ParamId::SeedSource, 3.0)));
        for bad in ["mix", "mix=", "=1", "", "mix=loud", "mix=nan", "mix=inf", "mix=-1", "mux=1", "stop=0.5", "mix=1=2"]
        {
            assert!(resolve(bad).is_err(), "{bad}");
        }
    }
}
