//! The results of a sweep as files: a page, CSV, JSON.

use super::{task, words};
use crate::{
    audio_file::Recording,
    cli::{
        error::CliError,
        one_line,
        terminal::{remark, say},
    },
    sweep::{Folder, Player, Table, page},
    text_file::read_text,
    train::{report::JOURNAL_NAME, run::journal::JournalFile},
    whole_file::write_whole,
};
use serde_json::Value;
use std::path::PathBuf;

/// So many of the best are heard.
const MAX_HEARD: usize = 8;
/// All cases are heard where there are no more.
const MAX_CASES_HEARD: usize = 24;
/// Columns by which the best are chosen where halving does not say it, in this order.
const BEST_BY: [&str; 4] = ["validation_loss", "sampled.resemblance", "resemblance", "training_loss"];
/// So many lines of the table are shown in a terminal.
const MAX_LINES: usize = 60;

/// Writes `sweep.html`, `sweep.csv` and `sweep.json` of what there is, and says it.
///
/// # Errors
/// If a result cannot be read or a file cannot be written.
pub fn write(folder: &Folder) -> Result<(), CliError> {
    let table = Table::of(folder)?;
    let by = best_by(folder, &table);
    // What is typed from it may be typed in any folder.
    let here = folder.absolute()?;
    let longer = |number| longer(&here, number);
    let players = players(folder, &table, by.as_deref());
    let html = page(folder, &table, by.as_deref(), players, &longer).map_err(|error| CliError::Option {
        option: "sweep.html",
        expected: "a page".into(),
        actual: error.to_string(),
    })?;
    let files =
        [("sweep.csv", table.csv()), ("sweep.json", format!("{:#}\n", table.json(folder))), ("sweep.html", html)];
    for (name, text) in files {
        let path = folder.path().join(name);
        write_whole(&path, text.as_bytes()).map_err(|source| CliError::Io { path, action: "written", source })?;
    }
    let text = table.text();
    text.lines().take(MAX_LINES + 1).for_each(|line| say!("{}", line_of(line)));
    if table.rows.len() > MAX_LINES {
        say!("… and {} more", table.rows.len() - MAX_LINES);
    }
    table.failures().iter().take(MAX_LINES).for_each(|failure| remark!("failed: {}", one_line(failure)));
    if let Some(best) = by.as_ref().and_then(|by| Some((by, *table.best_by(by).first()?))) {
        let (by, row) = (best.0, &table.rows[best.1]);
        let number = Folder::name_of(row.training.number);
        say!("best by {}: {number}, {}", by.replace('_', " "), one_line(&row.title));
    }
    say!("{}", one_line(&folder.path().join("sweep.html").display().to_string()));
    Ok(())
}

/// A line without control characters, its blanks kept.
fn line_of(line: &str) -> String {
    line.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn best_by(folder: &Folder, table: &Table) -> Option<String> {
    let of_halving = folder.plan().halving.as_ref().map(|halving| halving.by.as_str());
    let known = |by: &&str| table.figures.iter().any(|name| name == by);
    of_halving.into_iter().chain(BEST_BY).find(known).map(String::from)
}

/// What the best have said: the last output that was sampled on the way, and a continuation of the finished model where one lies there.
fn players(folder: &Folder, table: &Table, by: Option<&str>) -> Vec<Player> {
    let cases = folder.plan().cases.len();
    let chosen: Vec<u32> = if cases > 0 && table.rows.len() <= MAX_CASES_HEARD {
        table.rows.iter().map(|row| row.training.number).collect()
    } else {
        let best = by.map(|by| table.best_by(by)).unwrap_or_default();
        best.into_iter().take(MAX_HEARD).map(|index| table.rows[index].training.number).collect()
    };
    let mut players = Vec::new();
    for number in chosen {
        let place = folder.place(number);
        let mut add = |path: PathBuf, label: String| {
            players.extend(Recording::read(&path).map(|recording| Player { number, label, recording }));
        };
        let run = place.join("model.run");
        let journal = JournalFile::read(&run.join(JOURNAL_NAME)).ok();
        let samples = journal.map(|journal| task::long_samples(&run, &journal)).unwrap_or_default();
        if let Some(sample) = samples.last() {
            let label = format!("sampled while it was trained, up to step {}", sample.step);
            add(run.join(&sample.output), label);
        }
        add(place.join(words::CONTINUATION), "the finished model goes on after the beginning of a recording".into());
    }
    players
}

/// What is typed to train one twice as long.
fn longer(folder: &Folder, number: u32) -> String {
    let Some(training) = folder.training(number) else { return String::new() };
    let fields = read_text(&folder.place(number).join(words::CONFIG), 1 << 20).ok().flatten();
    let fields: Value = fields.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
    let words = words::longer_words(folder, training, &fields).unwrap_or_default();
    words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ")
}

/// A word as a shell takes it.
pub fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,+@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) { word.into() } else { format!("'{}'", word.replace('\'', "'\\''")) }
}
