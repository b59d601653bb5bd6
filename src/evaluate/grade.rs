//! High, medium and low, and where they begin.

use serde::Serialize;

/// What is judged; of each more is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Criterion {
    /// Cleanliness: 1 is free of artifacts.
    Artifacts,
    /// To the material.
    Resemblance,
    /// Against the material.
    NoveltyToMaterial,
    /// Against the seed.
    NoveltyToSeed,
    /// To the seed.
    Listening,
}

/// All of them, in the order of tables.
pub const CRITERIA: [Criterion; 5] = [
    Criterion::Artifacts,
    Criterion::Resemblance,
    Criterion::NoveltyToMaterial,
    Criterion::NoveltyToSeed,
    Criterion::Listening,
];

/// How good a figure is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Grade {
    /// Hardly.
    Low,
    /// In part.
    Medium,
    /// As it should be.
    High,
}

impl Criterion {
    /// For tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Artifacts => "freedom from artifacts",
            Self::Resemblance => "resemblance to the material",
            Self::NoveltyToMaterial => "novelty against the material",
            Self::NoveltyToSeed => "novelty against the seed",
            Self::Listening => "listening to the seed",
        }
    }

    /// From here on it is high, and from here on medium.
    pub fn thresholds(self) -> (f64, f64) {
        match self {
            Self::Artifacts | Self::NoveltyToMaterial => (0.8, 0.5),
            Self::Resemblance => (0.7, 0.4),
            // A continuation that takes up what was played is not to be told from a loop by a single second.
            Self::NoveltyToSeed => (0.5, 0.25),
            // What players' own next seconds reach.
            Self::Listening => (0.5, 0.25),
        }
    }

    /// The grade of a score.
    pub fn grade(self, score: f64) -> Grade {
        let (high, medium) = self.thresholds();
        grade(score, high, medium)
    }
}

/// Consistency: 0.8 and 0.6.
pub fn grade_consistency(score: f64) -> Grade {
    grade(score, 0.8, 0.6)
}

/// Real-time factor of a voice on one core: 40 lets a whole set of voices play beside a host, 4 one of them.
pub fn grade_speed(real_time_factor: f64) -> Grade {
    grade(real_time_factor, 40.0, 4.0)
}

fn grade(score: f64, high: f64, medium: f64) -> Grade {
    if score >= high {
        Grade::High
    } else if score >= medium {
        Grade::Medium
    } else {
        Grade::Low
    }
}

impl std::fmt::Display for Grade {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::High => "High",
            Self::Medium => "Medium",
            Self::Low => "Low",
        })
    }
}
