//! What is said of a field of a training configuration.

use crate::hyperparameters::TrainConfig;

/// What belongs together in an interview.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Group {
    /// The recordings and how they are prepared.
    Material,
    /// How audio becomes steps.
    Approach,
    /// Cells, layers and head.
    Network,
    /// What keeps it from learning by heart.
    Regularisation,
    /// How weights move, and when it ends.
    Training,
    /// What is heard on the way.
    Sampling,
    /// How the model is meant to sound.
    Sound,
}

impl Group {
    /// All of them, in the order of an interview.
    pub const ALL: [Self; 7] = [
        Self::Material,
        Self::Approach,
        Self::Network,
        Self::Regularisation,
        Self::Training,
        Self::Sampling,
        Self::Sound,
    ];

    /// The name for people.
    pub fn title(self) -> &'static str {
        match self {
            Self::Material => "material",
            Self::Approach => "approach",
            Self::Network => "network",
            Self::Regularisation => "regularisation",
            Self::Training => "training",
            Self::Sampling => "sampling while training",
            Self::Sound => "sound",
        }
    }
}

/// What a number counts: which units may stand behind an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// A plain number.
    None,
    /// Hertz.
    Hertz,
    /// Seconds.
    Seconds,
    /// Minutes.
    Minutes,
    /// Decibels.
    Decibels,
    /// A part of a whole, 0 to 1.
    Part,
}

/// What a value may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Text.
    Text,
    /// Recordings or parts of them.
    Recordings,
    /// Yes or no.
    Switch,
    /// A whole number.
    Whole(Unit),
    /// A number.
    Number(Unit),
    /// A whole number or none.
    OptionalWhole,
    /// A number or none.
    OptionalNumber(Unit),
    /// Rows and columns, or none.
    OptionalShape,
    /// A number for each of some names, or none.
    Factors,
    /// One of these names, each with its meaning.
    Choice(&'static [(&'static str, &'static str)]),
}

/// A field of a training configuration.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// Its name, with a dot before a nested one.
    pub key: &'static str,
    /// Where it belongs.
    pub group: Group,
    /// What it means, in a sentence without a full stop.
    pub meaning: &'static str,
    /// What it may be.
    pub kind: Kind,
    /// When it has an effect.
    pub applies: fn(&TrainConfig) -> bool,
}
