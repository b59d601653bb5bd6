//! Parameters from outside: `--set key=value` and automation files.

use super::error::CliError;
use crate::control::{
    ParamError, ParamId,
    said::{Pairs, Said},
    text,
};
use std::{fs::File, io::Read, path::Path};

/// No automation file is larger: over half a million points.
const MAX_AUTOMATION_BYTES: u64 = 16 << 20;
/// The latest point: over eleven days.
const MAX_SECONDS: f64 = 1e6;

/// A parameter takes a value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TimedValue {
    /// Sample, counted from the first one rendered.
    pub sample: u64,
    /// The parameter.
    pub id: ParamId,
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
    pub fn resolve(&self, origin: &str) -> Result<(ParamId, f32), CliError> {
        let wrong = |source| CliError::Parameter { origin: origin.into(), source };
        let id = text::parameter(&self.key).map_err(wrong)?;
        let value = text::value(id.spec(), &self.value).map_err(wrong)?;
        Ok((id, value))
    }
}

/// Reads an automation file: `{"mix": [[seconds, value], …], …}`, values as numbers or words. A parameter steps to `value` at the sample
/// `round(seconds · rate)` from the beginning of the file that is rendered. The result is sorted by sample.
///
/// # Errors
/// Everything in which a file can be wrong: unreadable, too large, not JSON, an unknown parameter or one named twice, times
/// that are negative or do not rise, values a parameter cannot have.
pub fn read_automation(path: &Path, sample_rate_hz: u32) -> Result<Vec<TimedValue>, CliError> {
    let io = |source| CliError::Io { path: path.into(), action: "read", source };
    let mut text = String::new();
    File::open(path).map_err(io)?.take(MAX_AUTOMATION_BYTES + 1).read_to_string(&mut text).map_err(io)?;
    if text.len() as u64 > MAX_AUTOMATION_BYTES {
        return Err(CliError::Automation {
            path: path.into(),
            expected: format!("at most {MAX_AUTOMATION_BYTES} bytes"),
            actual: "more".into(),
        });
    }
    let curves: Pairs<Vec<(f64, Said)>> = serde_json::from_str(&text).map_err(|error| CliError::Automation {
        path: path.into(),
        expected: "JSON of the form {\"mix\": [[seconds, value], ...], ...}".into(),
        actual: error.to_string(),
    })?;
    let origin = path.display().to_string();
    let wrong = |source| CliError::Parameter { origin: origin.clone(), source };
    let mut points = Vec::new();
    let mut seen: Vec<ParamId> = Vec::new();
    for (key, curve) in &curves.0 {
        let id = text::parameter(key).map_err(wrong)?;
        let broken = |expected, actual| wrong(ParamError::Value { key: key.clone(), expected, actual, nearest: None });
        if seen.contains(&id) {
            return Err(broken("one list of points".into(), "two".into()));
        }
        seen.push(id);
        let mut last = f64::NEG_INFINITY;
        for (index, (seconds, said)) in curve.iter().enumerate() {
            let seconds = *seconds;
            if !(0.0..=MAX_SECONDS).contains(&seconds) {
                return Err(broken(format!("times of 0 to {MAX_SECONDS} s"), format!("{seconds} at point {index}")));
            }
            if seconds <= last {
                let actual = format!("{seconds} s after {last} s at point {index}");
                return Err(broken("times that rise".into(), actual));
            }
            last = seconds;
            let value = said.value(id.spec()).map_err(|error| wrong(error.at(&format!("point {index}"))))?;
            points.push(TimedValue { sample: (seconds * f64::from(sample_rate_hz)).round() as u64, id, value });
        }
    }
    // Stable: points of one parameter that fall on one sample keep their order, and the last one holds.
    points.sort_by_key(|point| point.sample);
    Ok(points)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<TimedValue>, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.json");
        std::fs::write(&path, text).unwrap();
        read_automation(&path, 48_000).map_err(|error| error.to_string())
    }

    #[test]
    fn points_fall_on_exact_samples_in_order() {
        let points = read(r#"{"mix": [[0, 0], [1.00001, 100.0]], "model": [[0.5, 3]]}"#).unwrap();
        let got: Vec<(u64, &str, f32)> = points.iter().map(|p| (p.sample, p.id.spec().key, p.value)).collect();
        assert_eq!(got, [(0, "mix", 0.0), (24_000, "model", 3.0), (48_000, "mix", 100.0)]);
        assert_eq!(read("{}").unwrap(), []);
        let words = read(r#"{"Seed Source": [[0, "captured"]], "mix": [[0, "50 %"]]}"#).unwrap();
        assert_eq!(words.iter().map(|point| point.value).collect::<Vec<_>>(), [4.0, 50.0]);
    }

    #[test]
    fn hostile_files_are_refused_in_one_line() {
        let deep = "[".repeat(100_000);
        for (text, expected) in [
            ("", "expected JSON"),
            ("[]", "expected JSON"),
            (deep.as_str(), "expected JSON"),
            ("{\"mix\": 3}", "expected JSON"),
            ("{\"mix\": [[0]]}", "expected JSON"),
            ("{\"mix\": [[0, 1, 2]]}", "expected JSON"),
            ("{\"mix\": [[\"0\", 1]]}", "expected JSON"),
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
