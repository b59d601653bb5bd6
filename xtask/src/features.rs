//! Which features of the package are compiled for what. Their names stand here and nowhere else in xtask.

/// The package that everything is about.
pub const PACKAGE: &str = "sympathy";

/// What a host loads, without the trainer and the command line tool.
pub const PLUGIN: [&str; 3] = ["--no-default-features", "--features", "plugin"];

/// The command line program with its trainer: the default features.
pub const PROGRAM: [&str; 0] = [];

/// Sets of features that compile by themselves: nothing, what a renderer needs, the plugin, the trainer, sound cards. The last needs
/// their libraries.
pub const LEAN: [&str; 5] = ["", "cli,take", "plugin", "train", "standalone"];

/// The engine alone, as another Rust program would use it.
pub const ENGINE: [&str; 1] = ["--no-default-features"];

/// The default features with the plugin on top, and sound cards where their libraries are. Always the whole workspace: what is
/// selected decides on the features of dependencies, and so on whether they are compiled once or many times.
pub fn everything(sound: bool) -> [&'static str; 3] {
    ["--workspace", "--features", if sound { "sympathy/plugin,sympathy/standalone" } else { "sympathy/plugin" }]
}
