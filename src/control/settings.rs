//! Settings: what is fixed while an instance is active, and counts from the next activation on. They are no parameters: no
//! automation moves them, and no preset has them.

use super::Choice;

/// Reaction time of a new instance.
pub const DEFAULT_REACTION_MS: f32 = 50.0;
/// Shortest reaction time of the plugin for notes.
pub const MIN_NOTE_REACTION_MS: f32 = 10.0;
/// Longest reaction time that can be set.
pub const MAX_REACTION_MS: f32 = 500.0;

/// What a setting may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SettingKind {
    /// A whole number.
    Whole {
        /// Least value.
        min: i32,
        /// Largest value.
        max: i32,
        /// Value of a new instance.
        default: i32,
    },
    /// On or off, and which of them at first.
    Switch(bool),
    /// One of these; at first the first.
    Choice(&'static [Choice]),
}

/// What is known of a setting.
#[derive(Clone, Copy, Debug)]
pub struct SettingSpec {
    /// Its id in hosts and states; never changes.
    pub key: &'static str,
    /// Name shown to the user.
    pub name: &'static str,
    /// Unit of the value; empty where it has none.
    pub unit: &'static str,
    /// What it may be.
    pub kind: SettingKind,
    /// What says the same on the command line; empty for nothing.
    pub option: &'static str,
    /// What it does.
    pub help: &'static str,
}

const fn choice(key: &'static str, name: &'static str, meaning: &'static str) -> Choice {
    Choice { key, name, meaning }
}

/// The reaction time wanted.
pub const REACTION: SettingSpec = SettingSpec {
    key: "reaction",
    name: "Reaction Time",
    unit: "ms",
    kind: SettingKind::Whole { min: 0, max: MAX_REACTION_MS as i32, default: DEFAULT_REACTION_MS as i32 },
    option: "--reaction",
    help: "How much later predictions answer; raised to the least possible.",
};

/// Whether the reaction time is measured instead.
pub const REACTION_AUTO: SettingSpec = SettingSpec {
    key: "reaction_auto",
    name: "Measure Reaction Time",
    unit: "",
    kind: SettingKind::Switch(false),
    option: "",
    help: "Measures once what this machine and the model need; the number counts instead and is stored in the project.",
};

/// Where continuations sit in time.
pub const ALIGNMENT: SettingSpec = SettingSpec {
    key: "alignment",
    name: "Alignment",
    unit: "",
    kind: SettingKind::Choice(&[
        choice("after", "After", "A continuation begins when it is heard: one reaction time after what asked for it."),
        choice("now", "Now", "A continuation sits at its own time; what lies before its start is skipped."),
    ]),
    option: "--alignment",
    help: "Where a continuation sits in time.",
};

/// What the sample clock follows.
pub const CLOCK: SettingSpec = SettingSpec {
    key: "clock",
    name: "Clock",
    unit: "",
    kind: SettingKind::Choice(&[
        choice("transport", "Transport", "The host's song position, while its transport runs."),
        choice("free", "Free", "Samples since the start."),
    ]),
    option: "--clock",
    help: "What intervals are counted from.",
};

/// Whether the project keeps a copy of the user's small models.
pub const STORE_MODELS: SettingSpec = SettingSpec {
    key: "store_models",
    name: "Store Models in Project",
    unit: "",
    kind: SettingKind::Switch(true),
    option: "",
    help: "Puts a copy of each of your own models that is used into the project, up to 4 MiB each; counts from the next \
           saving on.",
};

/// Updates a second of what learns while it plays, of a new instance.
pub const DEFAULT_LEARN_UPDATES: u8 = 2;
/// The most updates a second.
pub const MAX_LEARN_UPDATES: u8 = 4;
/// Time from what an update has heard to where it is heard, of a new instance.
pub const DEFAULT_LEARN_DELAY_MS: u16 = 1000;
/// The shortest such time.
pub const MIN_LEARN_DELAY_MS: u16 = 500;
/// The longest.
pub const MAX_LEARN_DELAY_MS: u16 = 4000;

/// How often what learns while it plays is renewed.
pub const LEARN_UPDATES: SettingSpec = SettingSpec {
    key: "learn_updates",
    name: "Learn Updates",
    unit: "a second",
    kind: SettingKind::Whole { min: 1, max: MAX_LEARN_UPDATES as i32, default: DEFAULT_LEARN_UPDATES as i32 },
    option: "--learn-updates",
    help: "How often what it learns while you play is renewed: more learn faster and cost as many times the computing; fewer where updates \
           are late. What has been learnt is forgotten when the engine starts with it: Keep Learnt before.",
};

/// How much later what was learnt is heard.
pub const LEARN_DELAY: SettingSpec = SettingSpec {
    key: "learn_delay",
    name: "Learn Delay",
    unit: "ms",
    kind: SettingKind::Whole {
        min: MIN_LEARN_DELAY_MS as i32,
        max: MAX_LEARN_DELAY_MS as i32,
        default: DEFAULT_LEARN_DELAY_MS as i32,
    },
    option: "--learn-delay",
    help: "How long after you have played it what was learnt of it is heard; later where updates are late. What has been learnt is \
           forgotten when the engine starts with it: Keep Learnt before.",
};

/// The reaction time of the plugin for notes.
pub const NOTE_REACTION: SettingSpec = SettingSpec {
    kind: SettingKind::Whole {
        min: MIN_NOTE_REACTION_MS as i32,
        max: MAX_REACTION_MS as i32,
        default: DEFAULT_REACTION_MS as i32,
    },
    help: "The time from the last note that is heard to its answer.",
    ..REACTION
};

/// How the weights of models are stored while they run.
pub const PRECISION: SettingSpec = SettingSpec {
    key: "precision",
    name: "Precision",
    unit: "",
    kind: SettingKind::Choice(&[
        choice(
            "auto",
            "Auto",
            "The most compact with which the model still predicts what it does in 32 bits, within a bound.",
        ),
        choice("f32", "f32", "32 bits, as trained."),
        choice("f16", "f16", "16 bits."),
        choice("bf16", "bf16", "16 bits, of which fewer are the number's and more its exponent's."),
        choice("int8", "int8", "8 bits, with a scale for each row."),
    ]),
    option: "--precision",
    help: "How the model's weights are stored. Another precision, other bits.",
};

/// All settings, in the order in which hosts show them.
pub static SETTINGS: [SettingSpec; 8] =
    [REACTION, REACTION_AUTO, ALIGNMENT, CLOCK, STORE_MODELS, PRECISION, LEARN_UPDATES, LEARN_DELAY];

/// The settings of the plugin for notes.
pub static NOTE_SETTINGS: [SettingSpec; 2] = [NOTE_REACTION, STORE_MODELS];
