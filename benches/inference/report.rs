//! Tables for people, for the README and for programs.

use super::contest::{Contest, Contestant};
use serde_json::{Value, json};
use std::process::Command;
use sympathy::nn::{Isa, Precision};

/// What a row is meant to reach.
#[derive(Clone, Copy)]
enum Target {
    /// Times candle-nn's speed.
    Base(f64),
    /// Times real time.
    RealTime(f64),
}

/// The goal of a configuration with a storage of weights, on the widest instruction set (`widest`) or with AVX2.
fn target(config: &str, precision: Precision, isa: &str, widest: bool) -> Option<Target> {
    use Precision::{Bf16, F16, F32, Int8};
    let target = match (config, precision) {
        ("A", F32) if isa == "avx2" => return Some(Target::Base(24.0)),
        ("A", F32) => Target::Base(40.0),
        ("B", F32) => Target::Base(2.3),
        ("B", Bf16) => Target::Base(4.5),
        ("B", Int8) => Target::Base(10.0),
        ("C" | "C'", F32) => Target::Base(1.15),
        ("C" | "C'", F16 | Bf16) => Target::Base(2.0),
        ("C" | "C'", Int8) => Target::Base(4.0),
        ("D", F32) => Target::Base(14.0),
        ("T", F32) => Target::RealTime(3.0),
        _ => return None,
    };
    widest.then_some(target)
}

impl Contest {
    fn target(&self, contestant: &Contestant) -> Option<(Target, bool)> {
        let (precision, isa) = contestant.ours?;
        let target = target(self.config.name, precision, isa, isa == widest())?;
        let reached = match target {
            Target::Base(factor) => self.times_base(contestant)? >= factor,
            Target::RealTime(factor) => self.real_time_factor(contestant) >= factor,
        };
        Some((target, reached))
    }

    /// A line for everybody.
    pub fn text(&self) -> String {
        let mut text = format!(
            "\n{}  {}\n{:24} {:>10} {:>10} {:>11} {:>10} {:>11} {:>9}  must reach\n",
            self.config.name, self.config.title, "", "us a step", "best", "steps/s", "real time", "candle-nn", "error"
        );
        for contestant in &self.contestants {
            let seconds = contestant.seconds();
            let goal = self.target(contestant).map_or(String::new(), |(target, reached)| {
                format!("{}: {}", target.text(), if reached { "reached" } else { "MISSED" })
            });
            text += &format!(
                "{:24} {:>10} {:>10} {:>11.0} {:>8} × {:>9} × {:>9.1e}  {goal}\n",
                contestant.name,
                digits(seconds * 1e6),
                digits(contestant.best * 1e6),
                1.0 / seconds,
                digits(self.real_time_factor(contestant)),
                self.times_base(contestant).map_or_else(String::new, digits),
                contestant.error,
            );
        }
        text
    }

    /// An object for everybody.
    pub fn json(&self) -> Vec<Value> {
        let row = |contestant: &Contestant| {
            let seconds = contestant.seconds();
            let target = self.target(contestant);
            json!({
                "config": self.config.name,
                "peer": contestant.name,
                "precision": contestant.ours.map(|(precision, _)| precision.name()),
                "isa": contestant.ours.map(|(_, isa)| isa),
                "us": seconds * 1e6,
                "best_us": contestant.best * 1e6,
                "steps_per_second": 1.0 / seconds,
                "real_time_factor": self.real_time_factor(contestant),
                "times_candle": self.times_base(contestant),
                "error": contestant.error,
                "must_reach": target.map(|(target, _)| target.text()),
                "reached": target.map(|(_, reached)| reached),
            })
        };
        self.contestants.iter().map(row).collect()
    }

    /// The configuration's line in the README.
    pub fn markdown(&self) -> String {
        let ours = |precision: Precision, isa: &str| {
            self.contestants.iter().find(|other| other.ours == Some((precision, known(isa))))
        };
        let cell = |contestant: Option<&Contestant>| {
            contestant.map_or_else(
                || "–".into(),
                |contestant| {
                    let ratio =
                        self.times_base(contestant).map_or_else(String::new, |ratio| format!(" ({} ×)", digits(ratio)));
                    digits(contestant.seconds() * 1e6) + &ratio
                },
            )
        };
        let named = |name: &str| self.contestants.iter().find(|other| other.name == name);
        let plain = |contestant: Option<&Contestant>| {
            contestant.map_or_else(|| "–".into(), |contestant| digits(contestant.seconds() * 1e6))
        };
        let mut cells = vec![format!("{}: {}", self.config.name, self.config.title)];
        cells.extend(Precision::ALL.map(|precision| cell(ours(precision, widest()))));
        cells.push(if widest() == "avx2" { "–".into() } else { cell(ours(Precision::F32, "avx2")) });
        cells.extend([plain(named("candle-nn")), plain(named("tract"))]);
        cells.push(ours(Precision::F32, widest()).map_or_else(String::new, |own| digits(self.real_time_factor(own))));
        let goals: Vec<String> = self
            .contestants
            .iter()
            .filter_map(|contestant| {
                let (target, reached) = self.target(contestant)?;
                let (precision, isa) = contestant.ours?;
                let isa = if isa == widest() { "" } else { ", AVX2" };
                Some(format!("{precision}{isa} {}{}", target.text(), if reached { "" } else { " (missed)" }))
            })
            .collect();
        cells.push(goals.join("; "));
        format!("| {} |", cells.join(" | "))
    }
}

/// The head of the README's table.
pub fn markdown_head() -> String {
    let head = [
        "network",
        "f32",
        "f16",
        "bf16",
        "int8",
        "f32, AVX2",
        "candle-nn",
        "tract",
        "× real time, f32",
        "meant to reach",
    ];
    format!("| {} |\n|{}", head.join(" | "), "---|".repeat(head.len()))
}

impl Target {
    fn text(self) -> String {
        match self {
            Self::Base(factor) => format!("≥ {factor} ×"),
            Self::RealTime(factor) => format!("≥ {factor} × real time"),
        }
    }
}

/// Three significant digits.
pub fn digits(value: f64) -> String {
    let places = if value >= 100.0 || value <= 0.0 { 0 } else { 2 - value.log10().floor() as i32 };
    format!("{value:.*}", usize::try_from(places).unwrap_or(0).min(6))
}

/// The widest level of this processor.
fn widest() -> &'static str {
    Isa::best().name()
}

fn known(isa: &str) -> &'static str {
    Isa::by_name(isa).map_or("", |isa| isa.name())
}

/// Processor, instruction set and commit.
pub fn machine() -> [(&'static str, String); 4] {
    let cpuinfo = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let field = |name: &str| {
        let line = cpuinfo.lines().find(|line| line.starts_with(name))?;
        line.split_once(':').map(|(_, value)| value.trim().to_string())
    };
    let model = field("model name").unwrap_or_else(|| std::env::consts::ARCH.into());
    let model = match (field("cpu family"), field("model\t")) {
        (Some(family), Some(number)) => format!("{model} (family {family}, model {number})"),
        _ => model,
    };
    let git = Command::new("git").args(["describe", "--always", "--dirty", "--abbrev=10", "--exclude=*"]).output();
    let commit = git.ok().filter(|output| output.status.success());
    let commit =
        commit.map_or_else(|| "unknown".into(), |output| String::from_utf8_lossy(&output.stdout).trim().into());
    let peers = format!("candle-nn 0.11{}", if cfg!(feature = "tract") { ", tract-onnx 0.23" } else { "" });
    [("cpu", model), ("isa", widest().into()), ("commit", commit), ("peers", peers)]
}
