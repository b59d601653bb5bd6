//! Successive halving: all are trained briefly, the better part longer, and so on (Jamieson and Talwalkar 2016, *Non-stochastic best
//! arm identification and hyperparameter optimization*).
//!
//! A training of a later rung begins anew, so that it is what `sympathy train` alone would make with its length, schedule included.

use super::{space::Training, table::lower_is_better};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// How trainings are sorted out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Halving {
    /// A column of the table: `validation_loss`, or a score of `sympathy evaluate`.
    #[serde(default = "by_validation")]
    pub by: String,
    /// The field that says how long a training is.
    #[serde(default = "epochs")]
    pub field: String,
    /// Its value on every rung, the shortest first.
    pub lengths: Vec<Value>,
    /// The part of the trainings of a rung that goes on to the next, at least one.
    #[serde(default = "half")]
    pub keep: f64,
}

fn by_validation() -> String {
    "validation_loss".into()
}

fn epochs() -> String {
    "epochs".into()
}

fn half() -> f64 {
    0.5
}

/// Rungs at most.
const MAX_RUNGS: usize = 32;

impl Halving {
    /// Field, rule and value of what is wrong.
    pub(super) fn problems(&self) -> Vec<(&'static str, String, String)> {
        let mut problems = Vec::new();
        if !(2..=MAX_RUNGS).contains(&self.lengths.len()) {
            problems.push(("lengths", format!("2 to {MAX_RUNGS} lengths"), self.lengths.len().to_string()));
        }
        let numbers: Vec<f64> = self.lengths.iter().map(|length| length.as_f64().unwrap_or(f64::NAN)).collect();
        if !numbers.windows(2).all(|pair| pair[0] < pair[1]) {
            let said = self.lengths.iter().map(Value::to_string).collect::<Vec<_>>().join(", ");
            problems.push(("lengths", "numbers that grow".into(), said));
        }
        if !(self.keep > 0.0 && self.keep < 1.0) {
            problems.push(("keep", "above 0 and below 1".into(), self.keep.to_string()));
        }
        problems
    }

    /// Trainings of each rung, where the first has so many.
    pub fn sizes(&self, first: usize) -> Vec<usize> {
        let next = |size: &usize| Some(self.kept(*size));
        std::iter::successors(Some(first), next).take(self.lengths.len()).collect()
    }

    fn kept(&self, size: usize) -> usize {
        ((size as f64 * self.keep).round() as usize).clamp(1, size.max(1))
    }

    /// The trainings of the rung after `rung`, numbered from `number` on: of those with their figures, which have ended, the better
    /// ones, in their old order. A training without a figure has failed, and does not go on.
    pub(super) fn next(&self, rung: &[(Training, Option<f64>)], mut number: u32) -> Vec<Training> {
        let mut figures: Vec<(usize, f64)> =
            rung.iter().enumerate().filter_map(|(index, (_, figure))| Some((index, (*figure)?))).collect();
        figures.retain(|(_, figure)| figure.is_finite());
        let lower = lower_is_better(&self.by).unwrap_or(false);
        figures.sort_by(|a, b| if lower { a.1.total_cmp(&b.1) } else { b.1.total_cmp(&a.1) }.then(a.0.cmp(&b.0)));
        figures.truncate(self.kept(rung.len()));
        let mut kept: Vec<usize> = figures.into_iter().map(|(index, _)| index).collect();
        kept.sort_unstable();
        kept.into_iter()
            .map(|index| {
                let old = &rung[index].0;
                let training = Training { number, rung: old.rung + 1, parent: Some(old.number), ..old.clone() };
                number += 1;
                training
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Map, json};

    fn halving(by: &str) -> Halving {
        Halving { by: by.into(), field: "epochs".into(), lengths: vec![json!(1), json!(4), json!(16)], keep: 0.3 }
    }

    fn training(number: u32) -> Training {
        Training { number, case: None, values: Map::new(), repeat: 0, rung: 0, parent: None }
    }

    #[test]
    fn rungs_become_smaller_and_never_empty() {
        assert_eq!(halving("x").sizes(10), [10, 3, 1]);
        assert_eq!(halving("x").sizes(1), [1, 1, 1]);
    }

    #[test]
    fn the_better_ones_go_on_and_failures_do_not() {
        let figures = [Some(0.5), None, Some(0.1), Some(f64::NAN), Some(0.2), Some(0.9)];
        let rung: Vec<(Training, Option<f64>)> = (1..).map(training).zip(figures).collect();
        let numbers = |next: &[Training]| next.iter().map(|t| (t.number, t.parent, t.rung)).collect::<Vec<_>>();
        assert_eq!(numbers(&halving("validation_loss").next(&rung, 7)), [(7, Some(3), 1), (8, Some(5), 1)]);
        assert_eq!(numbers(&halving("listening").next(&rung, 7)), [(7, Some(1), 1), (8, Some(6), 1)]);
        let failed: Vec<(Training, Option<f64>)> = (1..4).map(|number| (training(number), None)).collect();
        assert_eq!(halving("x").next(&failed, 4), []);
    }

    #[test]
    fn what_no_halving_is_is_told() {
        let fields = |halving: Halving| halving.problems().into_iter().map(|(field, ..)| field).collect::<Vec<_>>();
        assert_eq!(fields(halving("x")), [""; 0]);
        assert_eq!(fields(Halving { lengths: vec![json!(1)], ..halving("x") }), ["lengths"]);
        assert_eq!(fields(Halving { lengths: vec![json!(2), json!(1)], ..halving("x") }), ["lengths"]);
        assert_eq!(
            fields(Halving { lengths: vec![json!("a"), json!(1)], keep: 1.0, ..halving("x") }),
            ["lengths", "keep"]
        );
    }
}
