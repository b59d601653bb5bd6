//! Words to parameters and values, and back: for hosts, the command line, presets and automation alike.

use super::values::{End, Kind, ParamSpec, Parameter, Word};
use crate::model::EMBEDDED;

/// What is longer is not compared with what there is.
const MAX_COMPARED: usize = 40;

/// Why words name no parameter, or no value of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParamError {
    /// No parameter is called this.
    #[error("parameter {key:?}: expected one of {known}, found no such parameter{}", self.suggestion())]
    Unknown {
        /// The keys that there are.
        known: String,
        /// What was said.
        key: String,
        /// What is called almost this.
        nearest: Option<String>,
    },
    /// A parameter cannot have this value.
    #[error("parameter {key:?}: expected {expected}, found {actual}{}", self.suggestion())]
    Value {
        /// The parameter's key.
        key: String,
        /// The rule.
        expected: String,
        /// What was said.
        actual: String,
        /// A value that is called almost this.
        nearest: Option<String>,
    },
}

impl ParamError {
    /// A value that breaks the parameter's own rule.
    pub fn value<Id>(spec: &ParamSpec<Id>, actual: impl Into<String>) -> Self {
        Self::Value { key: spec.key.into(), expected: expected(spec), actual: actual.into(), nearest: None }
    }

    /// What was perhaps meant, as the end of a sentence; empty where nothing is near.
    pub fn suggestion(&self) -> String {
        let (Self::Unknown { nearest, .. } | Self::Value { nearest, .. }) = self;
        nearest.as_ref().map(|nearest| format!("; did you mean {nearest}?")).unwrap_or_default()
    }

    /// The same of a value that stands in this place.
    pub fn at(mut self, place: &str) -> Self {
        if let Self::Value { actual, .. } = &mut self {
            *actual += &format!(" at {place}");
        }
        self
    }
}

/// A name without what people write in different ways: case, spaces and hyphens.
fn folded(text: &str) -> String {
    text.chars().filter(|c| !matches!(c, ' ' | '_' | '-')).flat_map(char::to_lowercase).collect()
}

/// Of these, the one that is written almost as `text` is.
fn nearest<'a>(text: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let wanted = folded(text);
    let length = wanted.chars().count();
    if !(2..=MAX_COMPARED).contains(&length) {
        return None;
    }
    let distances = candidates.map(|name| (strsim::osa_distance(&wanted, &folded(name)), name));
    let (distance, name) = distances.min_by_key(|(distance, _)| *distance)?;
    (distance <= (length / 3).max(1)).then_some(name)
}

/// The parameter with this key, or that hosts show under this name, however it is spaced and capitalised.
///
/// # Errors
/// If there is none.
pub fn parameter<Id: Parameter>(text: &str) -> Result<Id, ParamError> {
    let wanted = folded(text);
    let specs = Id::specs();
    let called = |spec: &&ParamSpec<Id>| folded(spec.key) == wanted || folded(spec.name) == wanted;
    if let Some(spec) = specs.iter().find(called) {
        return Ok(spec.id);
    }
    let names = specs.iter().flat_map(|spec| [spec.key, spec.name]);
    let key = |name: &str| specs.iter().find(|spec| [spec.key, spec.name].contains(&name)).map(|spec| spec.key.into());
    let known = specs.iter().map(|spec| spec.key).collect::<Vec<_>>().join(", ");
    Err(ParamError::Unknown { known, key: text.into(), nearest: nearest(text, names).and_then(key) })
}

/// True where [`shown`] writes the unit itself: some values are words, which have none.
pub fn has_words<Id>(spec: &ParamSpec<Id>) -> bool {
    spec.format.word.is_some() || matches!(spec.kind, Kind::Choice(_))
}

/// A value as hosts show it, rounded; with its unit only where [`has_words`] is true.
pub fn shown<Id>(spec: &ParamSpec<Id>, value: f32) -> String {
    match spec.kind {
        Kind::Choice(choices) => choices.get(value as usize).map(|choice| choice.name).unwrap_or_default().into(),
        Kind::Switch | Kind::Trigger | Kind::Command => if value >= 0.5 { "On" } else { "Off" }.into(),
        _ => match word(spec, value) {
            Some(word) => word.shown.into(),
            None if has_words(spec) => format!("{}{}", rounded(value, spec.format.decimals), unit(spec)),
            None => rounded(value, spec.format.decimals),
        },
    }
}

/// A value as it is typed, exactly and with its unit.
pub fn typed<Id>(spec: &ParamSpec<Id>, value: f32) -> String {
    match spec.kind {
        Kind::Choice(choices) => choices.get(value as usize).map(|choice| choice.key).unwrap_or_default().into(),
        Kind::Switch | Kind::Trigger | Kind::Command => if value >= 0.5 { "on" } else { "off" }.into(),
        _ => match word(spec, value) {
            Some(word) => word.typed.first().copied().unwrap_or(word.shown).into(),
            None => format!("{value}{}", unit(spec)),
        },
    }
}

fn unit<Id>(spec: &ParamSpec<Id>) -> &'static str {
    if spec.unit.is_empty() { "" } else { spec.format.spaced_unit }
}

fn rounded(value: f32, decimals: usize) -> String {
    let factor = 10.0f32.powi(decimals as i32);
    // Adding 0 turns a negative zero into a plain one.
    format!("{:.decimals$}", (value * factor).round() / factor + 0.0)
}

/// The same with its unit, as hosts show both together.
pub fn with_unit<Id>(spec: &ParamSpec<Id>, value: f32) -> String {
    shown(spec, value) + if has_words(spec) { "" } else { spec.format.spaced_unit }
}

/// The word for a value, if it has one.
fn word<Id>(spec: &ParamSpec<Id>, value: f32) -> Option<Word> {
    spec.format.word.filter(|word| match word.end {
        End::Least => value <= word.bound,
        End::Greatest => value >= word.bound,
    })
}

/// What people type and what [`shown`] and [`typed`] write, as the parameter takes it.
///
/// # Errors
/// If it is neither a word nor a number that the parameter can have as it is.
pub fn value<Id>(spec: &ParamSpec<Id>, text: &str) -> Result<f32, ParamError> {
    let read = spoken(spec, text).or_else(|| accepted(spec, number(spec, text)?));
    read.ok_or_else(|| {
        let nearest = nearest(text, words(spec).into_iter()).map(str::to_owned);
        ParamError::Value { key: spec.key.into(), expected: expected(spec), actual: format!("{text:?}"), nearest }
    })
}

/// The same, and of numbers out of range the nearest that the parameter can have.
pub fn nearest_value<Id>(spec: &ParamSpec<Id>, text: &str) -> Option<f32> {
    spoken(spec, text).or_else(|| number(spec, text).map(|number| spec.sanitise(number as f32)))
}

/// A number as the parameter takes it; `None` if it would have to be changed.
pub fn accepted<Id>(spec: &ParamSpec<Id>, number: f64) -> Option<f32> {
    // In 32 bits, as the ends of the range are: 0.05 lies below the 0.05 of a wider number.
    let value = number as f32;
    spec.accepts(value).then_some(value)
}

/// A value that was said in a word.
fn spoken<Id>(spec: &ParamSpec<Id>, text: &str) -> Option<f32> {
    let said = text.trim().to_lowercase();
    if let Some(word) = spec.format.word
        && (said == word.shown || word.typed.contains(&said.as_str()))
    {
        return Some(if word.end == End::Least { spec.min } else { spec.max });
    }
    match spec.kind {
        Kind::Switch | Kind::Trigger | Kind::Command => switch(&said).map(f32::from),
        Kind::Choice(choices) => {
            let said = folded(&said);
            let chosen = |choice: &super::Choice| folded(choice.key) == said || folded(choice.name) == said;
            choices.iter().position(chosen).map(|index| index as f32)
        }
        _ if spec.format.is_slot => {
            let said = folded(&said);
            let model = EMBEDDED.iter().find(|model| folded(model.name) == said || folded(model.title) == said)?;
            Some(f32::from(model.slot))
        }
        _ => None,
    }
}

/// On or off, as people say it.
pub fn switch(text: &str) -> Option<bool> {
    match text.trim().to_lowercase().as_str() {
        "on" | "1" | "true" | "yes" => Some(true),
        "off" | "0" | "false" | "no" => Some(false),
        _ => None,
    }
}

/// The number in the parameter's own unit.
fn number<Id>(spec: &ParamSpec<Id>, text: &str) -> Option<f64> {
    let text = text.trim().to_lowercase().replace('−', "-").replace(',', ".");
    // Longer units first: some end as others do.
    let units: &[(&str, f64)] = match spec.unit {
        "s" => &[("ms", 1000.0), ("s", 1.0)],
        "Hz" => &[("khz", 0.001), ("hz", 1.0)],
        "dBFS" => &[("dbfs", 1.0), ("db", 1.0)],
        "x" => &[("x", 1.0), ("×", 1.0)],
        unit => &[(&unit.to_lowercase(), 1.0)],
    };
    let with_unit = units.iter().find_map(|(unit, parts)| Some((text.strip_suffix(unit)?, parts)));
    let (number, parts) = with_unit.unwrap_or((&text, &1.0));
    number.trim_end().parse::<f64>().ok().filter(|value| value.is_finite()).map(|value| value / parts)
}

/// The words that are values of a parameter.
fn words<Id>(spec: &ParamSpec<Id>) -> Vec<&'static str> {
    let mut words = spec.format.word.map_or_else(Vec::new, |word| [&[word.shown], word.typed].concat());
    match spec.kind {
        Kind::Choice(choices) => words.extend(choices.iter().flat_map(|choice| [choice.key, choice.name])),
        Kind::Switch | Kind::Trigger | Kind::Command => words.extend(["on", "off"]),
        _ if spec.format.is_slot => words.extend(EMBEDDED.iter().map(|model| model.name)),
        _ => {}
    }
    words
}

/// A parameter's rule.
fn expected<Id>(spec: &ParamSpec<Id>) -> String {
    let numbers = if spec.kind.is_whole() { "a whole number" } else { "a number" };
    let range = format!("{numbers} from {} to {}{}", spec.min, spec.max, unit(spec));
    match (spec.kind, spec.format.word) {
        (Kind::Choice(choices), _) => {
            let keys: Vec<&str> = choices.iter().map(|choice| choice.key).collect();
            format!("one of {}", keys.join(", "))
        }
        (Kind::Switch | Kind::Trigger | Kind::Command, _) => "on or off".into(),
        _ if spec.format.is_slot => {
            let names: Vec<&str> = EMBEDDED.iter().map(|model| model.name).collect();
            let off = if spec.format.word.is_some() { ", off" } else { "" };
            format!("{range}{off} or one of {}", names.join(", "))
        }
        (_, Some(word)) => format!("{range} or {}", word.typed.first().unwrap_or(&word.shown)),
        (_, None) => range,
    }
}

/// What a parameter may be, in one phrase, for help.
pub fn range<Id>(spec: &ParamSpec<Id>) -> String {
    match spec.kind {
        Kind::Choice(choices) => choices.iter().map(|choice| choice.key).collect::<Vec<_>>().join(", "),
        Kind::Switch | Kind::Trigger | Kind::Command => "off, on".into(),
        _ => {
            let range = format!("{} to {}{}", spec.min, spec.max, unit(spec));
            match spec.format.word {
                Some(word) if word.end == End::Least => format!("{range}; {} is {}", spec.min, typed(spec, spec.min)),
                Some(word) => format!("{range}; above {} is {}", word.bound.floor(), typed(spec, spec.max)),
                None => range,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::values::{ParamId, SPECS};

    fn set(assignment: &str) -> Result<f32, String> {
        let (key, text) = assignment.split_once('=').expect("a test's constant");
        let id: ParamId = parameter(key).map_err(|error| error.to_string())?;
        value(id.spec(), text).map_err(|error| error.to_string())
    }

    #[test]
    fn names_words_and_units_are_understood() {
        for (assignment, expected) in [
            ("seed_source=captured", 4.0),
            ("Seed Source=Perlin Noise", 3.0),
            ("seed-source= white ", 2.0),
            ("seed_source=1", 1.0),
            ("stereo=dual", 2.0),
            ("Tuning=e_minor", 2.0),
            ("Peak Picking=peaks only", 2.0),
            ("auto_start=on", 1.0),
            ("AUTO START=Off", 0.0),
            ("mix=50%", 50.0),
            ("mix=12.5 %", 12.5),
            ("gate=-60dBFS", -60.0),
            ("gate=−48,5 dB", -48.5),
            ("seed_length=2s", 2.0),
            ("sympathy_attack=50 ms", 0.05),
            ("high_hz=2.5 kHz", 2500.0),
            ("Temperature=1.5 ×", 1.5),
            ("hold=inf", 61.0),
            ("hold=∞", 61.0),
            ("Re-seed Interval=never", 0.0),
            ("Re-seed Beats=16 beats", 16.0),
            ("swell_level=off", -60.0),
            ("duck_wet=−∞", -60.0),
            ("morph_model=off", -1.0),
            ("morph_model=guitar", 3.0),
            ("model=electric-guitar-vector", 1.0),
            ("Model=Any Instrument", 4.0),
            ("model=64", 64.0),
            ("Capture Seed=on", 1.0),
            ("save take=no", 0.0),
        ] {
            assert_eq!(set(assignment), Ok(expected), "{assignment}");
        }
    }

    #[test]
    fn what_is_almost_right_is_suggested_and_what_is_wrong_refused() {
        for (assignment, message) in [
            ("mux=1", "found no such parameter; did you mean mix?"),
            ("Sead Source=1", "did you mean seed_source?"),
            ("Highest Bnd=1", "did you mean high_hz?"),
            ("model=gitar", "did you mean guitar?"),
            ("stereo=duel", "expected one of mid, linked, dual, found \"duel\"; did you mean dual?"),
            ("hold=infinty", "expected a number from 1 to 61 s or inf, found \"infinty\"; did you mean infinity?"),
            ("stop=onn", "expected on or off, found \"onn\"; did you mean on?"),
        ] {
            let error = set(assignment).expect_err(assignment);
            assert!(
                error.ends_with(message) || error.ends_with(&format!("found no such parameter; {message}")),
                "{error}"
            );
        }
        for assignment in ["something else=1", "mix=loud", "x=1", "=1"] {
            let error = set(assignment).expect_err(assignment);
            assert!(!error.contains("did you mean"), "{error}");
        }
        for text in ["", "nan", "inf", "-1", "101", "1e999", "%", "1 s", "1 ms", "0x10", "off"] {
            assert!(value(ParamId::Mix.spec(), text).is_err(), "{text}");
        }
        for text in ["0.5", "5", "-1", "inputs and outputs"] {
            assert!(value(ParamId::SeedSource.spec(), text).is_err(), "{text}");
        }
        let long = "mix".repeat(1_000_000);
        assert!(parameter::<ParamId>(&long).is_err());
    }

    #[test]
    fn no_two_parameters_and_no_two_values_have_one_name() {
        for (index, spec) in SPECS.iter().enumerate() {
            let names = [folded(spec.key), folded(spec.name)];
            for other in &SPECS[..index] {
                assert!(!names.contains(&folded(other.key)) && !names.contains(&folded(other.name)), "{}", spec.key);
            }
            assert_eq!(parameter(spec.name), Ok(spec.id));
        }
        for spec in &SPECS {
            if let Kind::Choice(choices) = spec.kind {
                for (index, choice) in choices.iter().enumerate() {
                    for word in [choice.key, choice.name] {
                        assert_eq!(value(spec, word), Ok(index as f32), "{}: {word}", spec.key);
                    }
                }
            }
        }
    }

    #[test]
    fn words_and_numbers_are_shown() {
        let show = |id: ParamId, value| shown(id.spec(), value);
        assert_eq!(show(ParamId::Hold, 61.0), "∞");
        assert_eq!(show(ParamId::Hold, 12.0), "12.00 s");
        assert_eq!(show(ParamId::ReseedInterval, 0.0), "never");
        assert_eq!(show(ParamId::InputGain, -0.04), "0.0");
        assert_eq!(show(ParamId::SeedSource, 3.0), "Perlin Noise");
        assert_eq!(show(ParamId::AutoStart, 1.0), "On");
        assert_eq!(show(ParamId::DuckAttack, 0.05), "0.050");
        assert_eq!(show(ParamId::SwellLevel, -60.0), "−∞");
        assert_eq!(show(ParamId::IntervalBeats, 16.0), "16 beats");
        assert_eq!(show(ParamId::RandomSeed, 65_535.0), "65535");
        let said = |id: ParamId, value| typed(id.spec(), value);
        assert_eq!(said(ParamId::Mix, 12.345), "12.345 %");
        assert_eq!(said(ParamId::SeedSource, 3.0), "perlin");
        assert_eq!(said(ParamId::Hold, 61.0), "inf");
        assert_eq!(said(ParamId::Model, 2.0), "2");
    }

    #[test]
    fn what_is_shown_and_what_is_typed_can_be_read() {
        for spec in &SPECS {
            for value in [spec.min, spec.default, spec.max] {
                assert_eq!(nearest_value(spec, &shown(spec, value)), Some(value), "{}", spec.key);
            }
            for step in 0..=100 {
                let exact = spec.sanitise(spec.min + (spec.max - spec.min) * step as f32 / 100.0);
                let text = typed(spec, exact);
                // A word stands for all numbers beyond its bound.
                let meant =
                    if word(spec, exact).is_some_and(|word| word.end == End::Greatest) { spec.max } else { exact };
                assert_eq!(value(spec, &text), Ok(meant), "{}: {text}", spec.key);
            }
        }
        assert_eq!(nearest_value(ParamId::Mix.spec(), "250 %"), Some(100.0), "held in the range");
        assert_eq!(nearest_value(ParamId::Voices.spec(), "2.4"), Some(2.0));
        for nonsense in ["", "NaN", "inf", "loud", "1e999", "%"] {
            assert_eq!(nearest_value(ParamId::Mix.spec(), nonsense), None, "{nonsense}");
        }
    }
}
