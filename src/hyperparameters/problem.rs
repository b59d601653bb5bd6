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

impl Problem {
    /// Of a field, its rule and its value.
    pub fn new(field: impl Into<String>, rule: impl Into<String>, value: impl ToString) -> Self {
        Self { field: field.into(), rule: rule.into(), value: value.to_string() }
    }

    /// Of a field that there is not, in `place` (what stands before its name); `rule` says of what it should be one. Where one of the
    /// `known` is meant, it is named.
    pub fn unknown<'a>(
        place: &str,
        field: &str,
        rule: impl Into<String>,
        known: impl Iterator<Item = &'a String>,
    ) -> Self {
        let near = known.map(|name| (strsim::osa_distance(field, name), name)).min();
        let near = near.filter(|(distance, _)| *distance <= (field.chars().count() / 3).max(1));
        let suggestion = near.map(|(_, name)| format!("; did you mean {name}?")).unwrap_or_default();
        Self::new(format!("{place}{field}"), rule, format!("no such field{suggestion}"))
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: expected {}, found {}", self.field, self.rule, self.value)
    }
}
