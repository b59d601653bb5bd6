//! Rows for people and for programs.

use super::{Row, machine::size};
use crate::cli::{
    commands::models::{describe_approach, describe_network},
    one_line,
    speed::shown_factor,
};
use serde_json::{Value, json};

/// Names of the columns.
pub const HEAD: [&str; 12] = [
    "MODEL",
    "APPROACH",
    "NETWORK",
    "PRECISION",
    "WEIGHTS",
    "US A STEP",
    "X REAL TIME",
    "4 VOICES",
    "READ",
    "FMA",
    "INSTANCES",
    "AT 70 %",
];

/// A row of the table.
pub fn text(row: &Row<'_>) -> [String; 12] {
    let (config, figures) = (row.candidate.data.config(), &row.figures);
    let percent = |share: f64| format!("{:.0} %", 100.0 * share);
    [
        row.candidate.name.clone(),
        describe_approach(config),
        describe_network(config),
        format!("{}{}", row.precision, if row.chosen { "*" } else { "" }),
        size(figures.weight_bytes),
        three_digits(1e6 * figures.step_seconds),
        shown_factor(figures.real_time_factor),
        shown_factor(figures.real_time_factor_4_voices),
        percent(figures.read_share),
        percent(figures.fma_share),
        figures.instances().to_string(),
        figures.careful_instances().to_string(),
    ]
}

/// An object of the results.
pub fn json(row: &Row<'_>) -> Value {
    let (config, figures) = (row.candidate.data.config(), &row.figures);
    json!({
        "model": row.candidate.name,
        "title": one_line(&config.name),
        "approach": describe_approach(config),
        "network": describe_network(config),
        "sample_rate_hz": config.sample_rate_hz,
        "precision": row.precision.name(),
        "chosen": row.chosen,
        "weight_bytes": figures.weight_bytes,
        "us_per_step": 1e6 * figures.step_seconds,
        "real_time_factor": figures.real_time_factor,
        "real_time_factor_4_voices": figures.real_time_factor_4_voices,
        "read_share": figures.read_share,
        "fma_share": figures.fma_share,
        "instances": figures.instances(),
        "instances_at_70_percent": figures.careful_instances(),
    })
}

/// Three significant digits.
fn three_digits(value: f64) -> String {
    let decimals = if value < 10.0 {
        2
    } else if value < 100.0 {
        1
    } else {
        0
    };
    format!("{value:.decimals$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_digits_count() {
        assert_eq!([0.157, 4.731, 56.49, 893.6].map(three_digits), ["0.16", "4.73", "56.5", "894"]);
    }
}
