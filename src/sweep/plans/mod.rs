//! The plans that are part of the program: tables of the research that it grows from.

/// A plan by name.
#[derive(Clone, Copy, Debug)]
pub struct BuiltIn {
    /// Its name.
    pub name: &'static str,
    /// The plan.
    pub json: &'static str,
}

/// All of them.
pub const PLANS: [BuiltIn; 5] = [
    BuiltIn { name: "dissertation-table-5-1", json: include_str!("dissertation-table-5-1.json") },
    BuiltIn { name: "table-5-1-hops", json: include_str!("table-5-1-hops.json") },
    BuiltIn { name: "comparison-table-1", json: include_str!("comparison-table-1.json") },
    BuiltIn { name: "noize-comparison", json: include_str!("noize-comparison.json") },
    BuiltIn { name: "noize-large", json: include_str!("noize-large.json") },
];

impl BuiltIn {
    /// Looks a plan up.
    pub fn by_name(name: &str) -> Option<&'static Self> {
        PLANS.iter().find(|plan| plan.name == name)
    }

    /// All names, for a message.
    pub fn names() -> String {
        PLANS.map(|plan| plan.name).join(", ")
    }
}
