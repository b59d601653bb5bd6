//! What is wrong with a field of a configuration.

/// A field that breaks its rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Name of the field, with dots.
    pub field: String,
    /// What it should be.
    pub rule: String,
    /// What it is.
    pub value: String,
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: expected {}, found {}", self.field, self.rule, self.value)
    }
}
