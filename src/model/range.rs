//! Ranges of numbers, and what lies outside of them.

use std::fmt::Display;

/// A field that breaks its rule: name, rule, value.
pub(crate) type FieldProblem = (&'static str, String, String);

/// Collects what is out of range, in the order of the fields.
#[derive(Default)]
pub(crate) struct Check(pub Vec<FieldProblem>);

impl Check {
    /// `field` has a value that keeps its rule.
    pub fn require(&mut self, holds: bool, field: &'static str, rule: impl Display, value: impl Display) {
        if !holds {
            self.0.push((field, rule.to_string(), value.to_string()));
        }
    }

    /// `field` lies between two numbers. A NaN lies in no range.
    pub fn range<T: PartialOrd + Display>(&mut self, field: &'static str, value: T, least: T, most: T) {
        let holds = value >= least && value <= most;
        self.require(holds, field, format!("{least} to {most}"), value);
    }
}
