//! `docs/PARAMETERS.md`, written from the tables. `UPDATE_DOCS=1 cargo test --test parameters` writes it anew.

use std::{fmt::Write as _, fs, path::Path};
use sympathy::control::{
    Choice,
    notes::notes_by_group,
    settings::{SETTINGS, SettingKind},
    text,
    values::{Kind, ParamSpec, SPECS, Stage, by_group},
};

const INTRODUCTION: &str = "\
# Parameters

Written from the table in [src/control/table.rs](../src/control/table.rs) by a test; `UPDATE_DOCS=1 cargo test --test parameters`
writes it anew.

*Id* is the name on the command line (`--set seed_source=captured`), in presets and automation files, and what hosts store;
it never changes. The name in the first column is understood there as well, however it is capitalised (`--set \"Seed
Source=Perlin Noise\"`), and so are units: `mix=50%`, `gate=-60dBFS`, `seed_length=2s`, `sympathy_attack=50ms`.

*Heard*: **at once** is rendered on the audio thread, from the sample on at which the parameter moves (filters and tremolo of the
strings from the next 64 samples on); **later** changes what the network predicts, which is heard one *Reaction Time* later and, where
it concerns seeds, with the next continuation; **both** does one and the other.

All parameters can be automated, to the sample, but *Keep Learnt*, *Learn Take* and *Learn Record*, which make files. Real
numbers glide to their new value within a few milliseconds where a step would click.
";

fn choices(document: &mut String, choices: &[Choice]) {
    for choice in choices {
        _ = writeln!(document, "  - `{}` {}: {}", choice.key, choice.name, choice.meaning);
    }
}

const NOTES: &str = "
# Sympathy Notes

The plugin for notes ([NOTES.md](NOTES.md#sympathy-notes)); on the command line `sympathy render take.mid answer.mid --set …`. *Heard*: **at once** from the step on that is drawn
next, **later** from the next column on that is closed, a *Reaction Time* ahead of its step. Of the settings above it has *Reaction Time* and *Store Models in Project*.
";

/// Groups of rows, each a table.
fn rows<Id: 'static>(document: &mut String, heading: &str, specs: impl Iterator<Item = &'static ParamSpec<Id>>) {
    let mut group = "";
    for spec in specs {
        if spec.group != group {
            group = spec.group;
            _ = write!(
                document,
                "\n{heading} {group}\n\n| name | id | range | default | heard | |\n|---|---|---|---|---|---|\n"
            );
        }
        let stage = match spec.stage {
            Stage::Rendering => "at once",
            Stage::Prediction => "later",
            Stage::Both => "both",
        };
        let (range, default) = (text::range(spec), text::typed(spec, spec.default));
        _ = writeln!(document, "| {} | `{}` | {range} | {default} | {stage} | {} |", spec.name, spec.key, spec.help);
    }
}

/// The values of parameters that are words.
fn meanings_of<Id: 'static>(document: &mut String, specs: impl Iterator<Item = &'static ParamSpec<Id>>) {
    for spec in specs {
        if let Kind::Choice(values) = spec.kind {
            _ = writeln!(document, "- **{}** (`{}`)", spec.name, spec.key);
            choices(document, values);
        }
    }
}

fn document() -> String {
    let mut document = INTRODUCTION.to_string();
    rows(&mut document, "##", by_group());
    document += "\n## Choices\n\n";
    meanings_of(&mut document, by_group());

    document += "\n## Triggers\n\nSomething happens each time they go on, so they suit a footswitch. They stay on until they \
                 are moved back; a project that is opened with one on does nothing of the kind.\n\n";
    for spec in by_group().filter(|spec| spec.kind.is_trigger()) {
        _ = writeln!(document, "- **{}** (`{}`): {}", spec.name, spec.key, spec.help);
    }

    document += "\n## Settings\n\nFixed while the plugin is active: they count from its next activation on, and cannot be \
                 automated. No preset has them.\n\n| name | id | command line | range | default | |\n|---|---|---|---|---|---|\n";
    let mut meanings = String::new();
    for setting in &SETTINGS {
        let (range, default) = match setting.kind {
            SettingKind::Whole { min, max, default } => {
                (format!("{min} to {max} {}", setting.unit), format!("{default} {}", setting.unit))
            }
            SettingKind::Switch(on) => ("off, on".into(), if on { "on" } else { "off" }.into()),
            SettingKind::Choice(values) => {
                _ = writeln!(meanings, "- **{}**", setting.name);
                choices(&mut meanings, values);
                let keys: Vec<&str> = values.iter().map(|choice| choice.key).collect();
                (keys.join(", "), keys[0].into())
            }
        };
        let option = if setting.option.is_empty() { String::new() } else { format!("`{}`", setting.option) };
        let (name, key, help) = (setting.name, setting.key, setting.help);
        _ = writeln!(document, "| {name} | `{key}` | {option} | {range} | {default} | {help} |");
    }
    document = document + "\n" + &meanings + NOTES;
    rows(&mut document, "##", notes_by_group());
    document += "\n## Choices of notes\n\n";
    meanings_of(&mut document, notes_by_group());
    document
}

#[test]
fn the_page_is_the_tables() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/PARAMETERS.md");
    let expected = document();
    for spec in &SPECS {
        assert!(expected.contains(&format!("| `{}` |", spec.key)), "{}", spec.key);
    }
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder for the page");
        fs::write(&path, &expected).expect("space for the page");
    }
    let found = fs::read_to_string(&path).unwrap_or_default().replace("\r\n", "\n");
    assert!(
        found == expected,
        "docs/PARAMETERS.md is not the tables': UPDATE_DOCS=1 cargo test --test parameters writes it anew"
    );
}
