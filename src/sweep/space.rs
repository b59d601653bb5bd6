//! What varies: lists and ranges, and one training with its values.

use crate::dsp::random::Random;
use serde::{Deserialize, Deserializer, Serialize, de::Error};
use serde_json::{Map, Number, Value};

/// What a field is tried with.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Values {
    /// Each of these.
    List(Vec<Value>),
    /// Numbers between two.
    Range(Range),
}

impl<'de> Deserialize<'de> for Values {
    /// By hand, so that what is wrong with a range is told.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::Array(values) => Ok(Self::List(values)),
            range @ Value::Object(_) => serde_json::from_value(range).map(Self::Range).map_err(Error::custom),
            other => Err(Error::custom(format!("found {other}, expected a list of values, or a range of from and to"))),
        }
    }
}

/// Numbers from one to another, both included; whole numbers if both are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Range {
    /// The least.
    pub from: Number,
    /// The largest.
    pub to: Number,
    /// How they are spread.
    #[serde(default)]
    pub scale: Scale,
    /// Of a grid: so many of them, evenly spread. A random search draws any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u32>,
}

/// How the numbers of a range are spread.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scale {
    /// Evenly.
    #[default]
    Linear,
    /// Evenly in their logarithms.
    Log,
}

impl Values {
    /// How many a grid tries.
    pub fn count(&self) -> usize {
        match self {
            Self::List(values) => values.len(),
            Self::Range(range) => range.all().len(),
        }
    }

    /// The rule that it breaks, and how.
    pub(super) fn problem(&self, is_grid: bool) -> Option<(String, String)> {
        match self {
            Self::List(values) if values.is_empty() => Some(("one value or more".into(), "an empty list".into())),
            Self::List(_) => None,
            Self::Range(range) => range.problem(is_grid),
        }
    }

    /// All that a grid tries.
    pub(super) fn all(&self) -> Vec<Value> {
        match self {
            Self::List(values) => values.clone(),
            Self::Range(range) => range.all(),
        }
    }

    /// One of them.
    pub(super) fn draw(&self, random: &mut Random) -> Value {
        match self {
            Self::List(values) => values[random.below(values.len() as u32) as usize].clone(),
            Self::Range(range) => range.draw(f64::from(random.uniform())),
        }
    }
}

impl Range {
    fn ends(&self) -> (f64, f64) {
        (self.from.as_f64().unwrap_or(f64::NAN), self.to.as_f64().unwrap_or(f64::NAN))
    }

    fn is_whole(&self) -> bool {
        self.from.as_i64().is_some() && self.to.as_i64().is_some()
    }

    fn problem(&self, is_grid: bool) -> Option<(String, String)> {
        let (from, to) = self.ends();
        let said = format!("{from} to {to}");
        // Also not a number.
        if from.partial_cmp(&to) != Some(std::cmp::Ordering::Less) || !(to - from).is_finite() {
            return Some(("`from` below `to`".into(), said));
        }
        if self.scale == Scale::Log && from <= 0.0 {
            return Some(("numbers above 0, for a logarithm".into(), said));
        }
        match self.count {
            None if is_grid => Some(("`count`: how many of a range a grid tries".into(), "none".into())),
            Some(count) if !(2..=100_000).contains(&count) => {
                Some(("a count of 2 to 100000".into(), count.to_string()))
            }
            _ => None,
        }
    }

    /// `part` of the way, 0 to 1.
    fn at(&self, part: f64) -> Value {
        let (from, to) = self.ends();
        let number = match self.scale {
            Scale::Linear => from + part * (to - from),
            Scale::Log => libm::exp(libm::log(from) + part * (libm::log(to) - libm::log(from))),
        };
        let number = number.clamp(from, to);
        if self.is_whole() {
            return Value::from(number.round() as i64);
        }
        // Seven digits are more than any training feels, and can be read.
        let short: f64 = format!("{number:.6e}").parse().unwrap_or(number);
        Number::from_f64(short).map_or(Value::Null, Value::Number)
    }

    /// What a number from 0 to below 1 draws. Whole numbers that are spread evenly are drawn as often as each other, the ends too.
    fn draw(&self, part: f64) -> Value {
        match (self.from.as_i64(), self.to.as_i64(), self.scale) {
            (Some(from), Some(to), Scale::Linear) => {
                let width = (to as f64 - from as f64) + 1.0;
                Value::from(from.saturating_add((part * width) as i64).min(to))
            }
            _ => self.at(part),
        }
    }

    fn all(&self) -> Vec<Value> {
        let count = self.count.unwrap_or(2).max(2);
        let mut all: Vec<Value> = (0..count).map(|index| self.at(f64::from(index) / f64::from(count - 1))).collect();
        // Whole numbers can fall together.
        all.dedup();
        all
    }
}

/// One training of a sweep.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Training {
    /// From 1; its folder is named by it.
    pub number: u32,
    /// The name of its case; none where the plan has none.
    pub case: Option<String>,
    /// What varies, of it.
    pub values: Map<String, Value>,
    /// Which of the repeats, from 0.
    pub repeat: u32,
    /// Which rung of halving, from 0.
    pub rung: u32,
    /// The number of the same training on the rung before.
    pub parent: Option<u32>,
}

impl Training {
    /// What tells it from the others, in a line.
    pub fn title(&self, repeats: u32) -> String {
        let mut parts: Vec<String> = self.case.iter().cloned().collect();
        parts.extend(self.values.iter().map(|(field, value)| format!("{field} {}", shown(value))));
        if repeats > 1 {
            parts.push(format!("repeat {}", self.repeat + 1));
        }
        if parts.is_empty() { format!("training {}", self.number) } else { parts.join(", ") }
    }
}

/// A value as people read it.
pub(super) fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn range(json: Value) -> Values {
        serde_json::from_value(json).expect("a range")
    }

    #[test]
    fn ranges_are_spread_evenly_and_whole_where_their_ends_are() {
        assert_eq!(range(json!({"from": 1, "to": 9, "count": 3})).all(), [json!(1), json!(5), json!(9)]);
        assert_eq!(
            range(json!({"from": 8, "to": 512, "scale": "log", "count": 4})).all(),
            [8, 32, 128, 512].map(|x| json!(x))
        );
        assert_eq!(
            range(json!({"from": 1e-4, "to": 1e-2, "scale": "log", "count": 3})).all(),
            [1e-4, 1e-3, 1e-2].map(|x| json!(x))
        );
        assert_eq!(range(json!({"from": 1, "to": 3, "count": 9})).count(), 3, "each whole number once");
        assert_eq!(range(json!({"from": 0.0, "to": 1, "count": 2})).all(), [json!(0.0), json!(1.0)]);
    }

    #[test]
    fn draws_stay_inside_and_reach_both_ends() {
        let mut random = Random::new(3);
        let whole = range(json!({"from": 2, "to": 5}));
        let mut seen: Vec<i64> = (0..200).map(|_| whole.draw(&mut random).as_i64().expect("whole")).collect();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen, [2, 3, 4, 5]);
        let ends = (0..400).filter(|_| range(json!({"from": 1, "to": 3})).draw(&mut random) != json!(2)).count();
        assert!((230..300).contains(&ends), "each end as often as the middle: {ends}");
        let log = range(json!({"from": 1e-5, "to": 1e-1, "scale": "log"}));
        let drawn: Vec<f64> = (0..400).map(|_| log.draw(&mut random).as_f64().expect("a number")).collect();
        assert!(drawn.iter().all(|x| (1e-5..=1e-1).contains(x)));
        let low = drawn.iter().filter(|x| **x < 1e-3).count();
        assert!((150..250).contains(&low), "half of them lie in the lower half of the decades: {low}");
        let list = Values::List(vec![json!("a"), json!("b")]);
        assert!((0..50).map(|_| list.draw(&mut random)).any(|value| value == json!("b")));
    }

    #[test]
    fn what_no_range_is_is_told() {
        for (json, is_grid) in [
            (json!({"from": 2, "to": 2, "count": 3}), true),
            (json!({"from": 3, "to": 2, "count": 3}), true),
            (json!({"from": 0, "to": 2, "scale": "log", "count": 3}), true),
            (json!({"from": 1, "to": 2}), true),
            (json!({"from": 1, "to": 2, "count": 1}), true),
            (json!({"from": 1, "to": 2, "count": 0}), false),
            (json!([]), true),
        ] {
            assert!(range(json.clone()).problem(is_grid).is_some(), "{json}");
        }
        assert_eq!(range(json!({"from": 1, "to": 2})).problem(false), None, "a random search draws any");
        assert!(serde_json::from_value::<Values>(json!({"from": 1, "to": 2, "step": 1})).is_err());
    }
}
