//! What people type, made into values: trimmed, with a comma or a point, with or without a unit, in several words.

use crate::hyperparameters::{Excerpt, Field, Kind, Unit};
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};

const YES: [&str; 7] = ["y", "yes", "true", "on", "1", "ja", "oui"];
const NO: [&str; 7] = ["n", "no", "false", "off", "0", "nein", "non"];
const NONE: [&str; 4] = ["none", "null", "-", "off"];

/// Reads an answer to the question for a field.
///
/// # Errors
/// What was expected.
pub fn parse(field: &Field, text: &str) -> Result<Value, String> {
    let text = text.trim();
    let none = NONE.contains(&&text.to_lowercase()[..]);
    match field.kind {
        Kind::Text => Ok(json!(if none { "" } else { text })),
        Kind::Switch => yes_or_no(text).map(Value::from).ok_or_else(|| "yes or no".into()),
        Kind::OptionalWhole | Kind::OptionalNumber(_) | Kind::OptionalShape if none => Ok(Value::Null),
        Kind::Whole(unit) => whole(text, unit),
        Kind::OptionalWhole => whole(text, Unit::None),
        Kind::Number(unit) | Kind::OptionalNumber(unit) => number(text, unit).map(Value::from),
        Kind::OptionalShape => shape(text),
        Kind::Choice(names) => choose(text, names).map(Value::from),
        Kind::Factors if none => Ok(json!({})),
        Kind::Factors => factors(text),
        Kind::Recordings => excerpt(text).map(|excerpt| json!([excerpt])),
    }
}

/// Names with a number each, with commas between them.
fn factors(text: &str) -> Result<Value, String> {
    let rule = || "names with a number each, such as `rnn.weight_ih_l0 0.1, out 0.5`, or none".to_string();
    let mut factors = Map::new();
    for pair in text.split(',') {
        let words: Vec<&str> = pair.split([' ', '=', ':']).filter(|word| !word.is_empty()).collect();
        let [name, number] = words[..] else { return Err(rule()) };
        factors.insert(name.into(), json!(number.parse::<f64>().map_err(|_| rule())?));
    }
    Ok(Value::Object(factors))
}

/// Yes or no in several spellings.
pub fn yes_or_no(text: &str) -> Option<bool> {
    let text = text.trim().to_lowercase();
    let is_in = |words: &[&str]| words.contains(&&text[..]);
    if is_in(&YES) { Some(true) } else { is_in(&NO).then_some(false) }
}

/// One of the names: by its number from 1, its name or the beginning of it.
///
/// # Errors
/// The names.
pub fn choose(text: &str, names: &[(&'static str, &'static str)]) -> Result<&'static str, String> {
    let text = text.trim().to_lowercase();
    let by_number = text.parse::<usize>().ok().and_then(|number| names.get(number.checked_sub(1)?));
    let by_name = names.iter().find(|(name, _)| *name == text);
    let mut begin = names.iter().filter(|(name, _)| !text.is_empty() && name.starts_with(&text));
    let by_beginning = begin.next().filter(|_| begin.next().is_none());
    let found = by_number.or(by_name).or(by_beginning);
    let all = || names.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
    found.map(|(name, _)| *name).ok_or_else(|| format!("a number from 1 to {} or one of {}", names.len(), all()))
}

/// A recording, or a part of one: `take.wav`, `take.wav 10-40`, `take.wav 10s-`. The file has to be there.
///
/// # Errors
/// What was expected.
pub fn excerpt(text: &str) -> Result<Excerpt, String> {
    let text = text.trim().trim_matches(['"', '\'']);
    if text.is_empty() {
        return Err("the name of a recording".into());
    }
    let mut excerpt = Excerpt { path: PathBuf::from(text), ..Excerpt::default() };
    if !excerpt.path.is_file()
        && let Some((path, part)) = text.rsplit_once(char::is_whitespace)
        && let Some((start, end)) = part.split_once(['-', '–'])
    {
        let seconds = |text: &str| if text.is_empty() { Ok(None) } else { number(text, Unit::Seconds).map(Some) };
        let path = PathBuf::from(path.trim_end().trim_matches(['"', '\'']));
        excerpt = Excerpt { path, start_s: seconds(start)?, end_s: seconds(end)? };
    }
    if excerpt.path.is_file() { Ok(excerpt) } else { Err(missing(&excerpt.path)) }
}

fn missing(path: &Path) -> String {
    let found = if path.exists() { "is none" } else { "does not exist" };
    format!("a file to read (`take.wav`, or `take.wav 10-40` for a part of it); {} {found}", path.display())
}

fn shape(text: &str) -> Result<Value, String> {
    let numbers = text.trim_matches(['[', ']', '(', ')']).split([',', 'x', '×', ' ']).filter(|part| !part.is_empty());
    let numbers: Option<Vec<u32>> = numbers.map(|part| part.parse().ok()).collect();
    match numbers.as_deref() {
        Some([rows, columns]) => Ok(json!([rows, columns])),
        _ => Err("two whole numbers, such as 100 x 1024, or none".into()),
    }
}

fn whole(text: &str, unit: Unit) -> Result<Value, String> {
    let plain: String = text.chars().filter(|c| !c.is_whitespace() && !"_'’".contains(*c)).collect();
    // A whole number has no decimals: three digits behind a mark are thousands.
    let mut groups = plain.split([',', '.']);
    let first = groups.next().unwrap_or_default();
    let grouped = !first.is_empty() && first.len() <= 3 && groups.all(|group| group.len() == 3);
    let digits: String = plain.chars().filter(|c| !grouped || !",.".contains(*c)).collect();
    if let Ok(number) = digits.parse::<u64>() {
        return Ok(json!(number));
    }
    let value = number(text, unit).map_err(|_| whole_rule(unit))?;
    let rounded = value.round();
    // Above 2⁵³ not every whole number is a float.
    let is_whole = (value - rounded).abs() < 1e-6 && (0.0..9e15).contains(&rounded);
    if is_whole { Ok(json!(rounded as u64)) } else { Err(whole_rule(unit)) }
}

fn whole_rule(unit: Unit) -> String {
    format!("a whole number{}", examples(unit))
}

/// A number with a unit or without: `0,5`, `50 %`, `22.05k`, `−50 dB`, `1.5 min`.
fn number(text: &str, unit: Unit) -> Result<f64, String> {
    let rule = || format!("a number{}", examples(unit));
    let plain: String = text
        .to_lowercase()
        .chars()
        .filter(|c| !c.is_whitespace() && !"_'’".contains(*c))
        .map(|c| if c == '−' { '-' } else { c })
        .collect();
    let end = plain.find(|c: char| !c.is_ascii_digit() && !".,+-e".contains(c)).unwrap_or(plain.len());
    let (digits, suffix) = plain.split_at(end);
    if digits.matches([',', '.']).count() > 1 {
        return Err(rule());
    }
    let value: f64 = digits.replace(',', ".").parse().map_err(|_| rule())?;
    let value = value * factor(unit, suffix).ok_or_else(rule)?;
    if value.is_finite() { Ok(tidy(value)) } else { Err(rule()) }
}

/// 22.05 · 1000 as 22050 and not as 22050.000000000004.
fn tidy(value: f64) -> f64 {
    format!("{value:.12e}").parse().unwrap_or(value)
}

fn factor(unit: Unit, suffix: &str) -> Option<f64> {
    Some(match (unit, suffix) {
        (_, "") => 1.0,
        (Unit::None | Unit::Hertz, "k") | (Unit::Hertz, "khz") => 1000.0,
        (Unit::Hertz, "hz") => 1.0,
        (Unit::Seconds, "s" | "sec" | "second" | "seconds") => 1.0,
        (Unit::Seconds, "ms") => 0.001,
        (Unit::Seconds, "min" | "m") => 60.0,
        (Unit::Minutes, "min" | "m" | "minute" | "minutes") => 1.0,
        (Unit::Minutes, "h" | "hour" | "hours") => 60.0,
        (Unit::Minutes, "s") => 1.0 / 60.0,
        (Unit::Decibels, "db" | "dbfs") => 1.0,
        (Unit::Part, "%") => 0.01,
        _ => return None,
    })
}

fn examples(unit: Unit) -> &'static str {
    match unit {
        Unit::None => "",
        Unit::Hertz => " of hertz (22050 or 22.05k)",
        Unit::Seconds => " of seconds (30 or 30s)",
        Unit::Minutes => " of minutes (90 or 1.5h)",
        Unit::Decibels => " of decibels (-50)",
        Unit::Part => " from 0 to 1 (0.5 or 50%)",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn factors_are_names_with_a_number_each() {
        let field = Field::by_key("lr_factors").expect("a field");
        let expected = json!({"out": 2.0, "rnn.weight_ih_l0": 0.1});
        assert_eq!(parse(field, "rnn.weight_ih_l0 0.1, out=2"), Ok(expected));
        assert_eq!(parse(field, "none"), Ok(json!({})));
        for wrong in ["out", "out x", "out 1 2", "out 1,"] {
            assert!(parse(field, wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn numbers_are_read_as_people_write_them() {
        for (text, unit, value) in [
            (" 0,5 ", Unit::None, 0.5),
            ("1e-4", Unit::None, 1e-4),
            ("−50 dB", Unit::Decibels, -50.0),
            ("-50dBFS", Unit::Decibels, -50.0),
            ("50 %", Unit::Part, 0.5),
            ("22.05k", Unit::Hertz, 22_050.0),
            ("44,1 kHz", Unit::Hertz, 44_100.0),
            ("11_025 Hz", Unit::Hertz, 11_025.0),
            ("30s", Unit::Seconds, 30.0),
            ("250 ms", Unit::Seconds, 0.25),
            ("1.5h", Unit::Minutes, 90.0),
            ("30 s", Unit::Minutes, 0.5),
        ] {
            assert_eq!(number(text, unit), Ok(value), "{text}");
        }
        for (text, unit) in [
            ("", Unit::None),
            ("loud", Unit::Decibels),
            ("1,000.5", Unit::None),
            ("nan", Unit::None),
            ("inf", Unit::None),
            ("1e999", Unit::None),
            ("30 km", Unit::Seconds),
            ("5%", Unit::Seconds),
            ("--5", Unit::None),
        ] {
            assert!(number(text, unit).is_err(), "{text}");
        }
    }

    #[test]
    fn whole_numbers_have_no_decimals() {
        for (text, value) in [("22.05k", 22_050), ("11,025", 11_025), ("11 025", 11_025), ("44.100", 44_100), ("7", 7)]
        {
            assert_eq!(whole(text, Unit::Hertz), Ok(json!(value)), "{text}");
        }
        assert_eq!(whole("18446744073709551615", Unit::None), Ok(json!(u64::MAX)));
        for text in ["1.5", "-3", "", "a", "1e300", "0x10", "3.1415"] {
            assert!(whole(text, Unit::None).is_err(), "{text}");
        }
    }

    #[test]
    fn words_and_choices() {
        let words = ["Yes", " y", "ON", "1", "no", "Nein", "off"];
        let read: Vec<_> = words.iter().map(|word| yes_or_no(word)).collect();
        assert_eq!(read, [true, true, true, true, false, false, false].map(Some));
        assert_eq!(yes_or_no("maybe"), None);
        let names = [("lstm", ""), ("rnn_tanh", ""), ("rnn_relu", "")];
        assert_eq!(
            (choose("2", &names), choose("LSTM", &names), choose("l", &names)),
            (Ok("rnn_tanh"), Ok("lstm"), Ok("lstm"))
        );
        for text in ["0", "4", "rnn", "", "gru"] {
            assert!(choose(text, &names).is_err(), "{text}");
        }
        assert_eq!(shape("100 x 1024"), Ok(json!([100, 1024])));
        assert_eq!(shape("[1, 1]"), Ok(json!([1, 1])));
        assert!(shape("1").is_err() && shape("a x b").is_err());
    }

    #[test]
    fn recordings_have_to_be_there_and_may_be_cut() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("my take 1-2.wav");
        std::fs::write(&path, "sound").expect("space");
        let name = path.display();
        let cut = |text: String| excerpt(&text).map(|e| (e.path, e.start_s, e.end_s));
        assert_eq!(cut(format!(" {name} ")), Ok((path.clone(), None, None)));
        assert_eq!(cut(format!("{name} 10-40s")), Ok((path.clone(), Some(10.0), Some(40.0))));
        assert_eq!(cut(format!("\"{name}\" 1,5–")), Ok((path.clone(), Some(1.5), None)));
        assert_eq!(cut(format!("{name} -30")), Ok((path.clone(), None, Some(30.0))));
        assert!(cut(format!("{name} a-b")).is_err());
        assert!(cut(format!("{}/no.wav", folder.path().display())).is_err_and(|e| e.contains("does not exist")));
        assert!(cut(folder.path().display().to_string()).is_err_and(|e| e.contains("is none")));
    }
}
