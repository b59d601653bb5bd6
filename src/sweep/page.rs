//! The results of a sweep as one HTML page that needs nothing else: a table that sorts itself, parallel coordinates, curves, players of
//! the best, what was published beside what was found, and each configuration.

use super::{
    folder::{Folder, State},
    space::shown,
    table::{Row, Table, figure, lower_is_better},
};
use crate::{
    audio_file::{Recording, wav::data_uri},
    figure::{
        FigureError,
        curves::{Chart, Curve, Look, smoothed},
        html::{card, contents, escape, scripted_page, section},
    },
    train::{report::JOURNAL_NAME, run::journal::JournalFile},
};
use serde_json::Value;
use std::{collections::BTreeSet, fmt::Write, path::Path};

/// Curves of so many trainings are drawn, the best.
const MAX_CURVES: usize = 12;
/// So many are lines of the parallel coordinates, the best, and rows of the table with their configuration.
const MAX_LINES: usize = 1000;
const MAX_CONFIGURATIONS: usize = 500;
/// Axes of the parallel coordinates.
const MAX_AXES: usize = 12;
/// Different words on an axis.
const MAX_WORDS: usize = 24;
/// Bytes of sound within the page, and seconds of one.
const MAX_SOUND_BYTES: usize = 24 << 20;
const MAX_SECONDS: usize = 30;

/// What the page does when it is clicked, and nothing else: it may load nothing.
const SCRIPT: &str = include_str!("page.js");
const STYLE: &str = include_str!("page.css");

/// Something to be heard of a training.
#[derive(Clone, Debug)]
pub struct Player {
    /// The training's number.
    pub number: u32,
    /// What it is.
    pub label: String,
    /// The sound.
    pub recording: Recording,
}

/// The page. `by` is the column whose best stand first; `longer` says for a training how it is trained on.
///
/// # Errors
/// [`FigureError`], which no input brings about.
pub fn page(
    folder: &Folder,
    table: &Table,
    by: Option<&str>,
    players: Vec<Player>,
    longer: &dyn Fn(u32) -> String,
) -> Result<String, FigureError> {
    let plan = folder.plan();
    let name = if plan.name.trim().is_empty() { "Sweep" } else { &plan.name };
    let best = by.map(|by| table.best_by(by)).unwrap_or_default();
    // The best, then the others.
    let mut told = best.clone();
    let ranked: BTreeSet<usize> = best.iter().copied().collect();
    told.extend((0..table.rows.len()).filter(|index| !ranked.contains(index)));
    told.truncate(MAX_CONFIGURATIONS);
    let sections = [
        section("results", "Results", &results(table, by, &told)),
        section("published", "Beside what was published", &published(folder, table)),
        section("coordinates", "Parallel coordinates", &coordinates(table, &best, by)),
        section("curves", "Curves", &curves(folder, table, &best)?),
        section("players", "The best, to be heard", &heard(table, players)),
        section("configurations", "Configurations", &configurations(folder, table, &told, longer)),
    ]
    .concat();
    let body = format!(
        "<header>\n<h1>{}</h1>\n<p>{}</p>\n{}{}</header>\n<main>\n{sections}</main>\n\
         <footer>Written by Sympathy {}. This page holds all that it shows and loads nothing.</footer>\n",
        escape(name),
        escape(&counts(table)),
        if plan.notes.is_empty() { String::new() } else { format!("<p>{}</p>\n", escape(&plan.notes)) },
        contents(&sections),
        env!("CARGO_PKG_VERSION")
    );
    Ok(scripted_page(&format!("{name}: sweep"), STYLE, &body, SCRIPT))
}

/// How far all are, in a line.
fn counts(table: &Table) -> String {
    let words = ["done", "running", "begun", "waiting", "failed"];
    let said = words.map(|word| (word, table.count(word)));
    let said: Vec<String> =
        said.iter().filter(|(_, count)| *count > 0).map(|(word, count)| format!("{count} {word}")).collect();
    let plural = if table.rows.len() == 1 { "training" } else { "trainings" };
    format!("{} {plural}: {}", table.rows.len(), said.join(", "))
}

fn number(row: &Row) -> String {
    Folder::name_of(row.training.number)
}

/// A cell that is sorted by `key`.
fn cell(text: &str, key: Option<f64>) -> String {
    match key {
        Some(key) => format!("<td data-key=\"{key}\">{}</td>", escape(text)),
        None => format!("<td>{}</td>", escape(text)),
    }
}

fn results(table: &Table, by: Option<&str>, told: &[usize]) -> String {
    let told: BTreeSet<usize> = told.iter().copied().collect();
    let several_rungs = table.rows.iter().any(|row| row.training.rung > 0);
    let has_cases = table.rows.iter().any(|row| row.training.case.is_some());
    let has_repeats = table.rows.iter().any(|row| row.training.repeat > 0);
    let mut heads = vec!["number".to_string()];
    heads.extend(has_cases.then(|| "case".to_string()));
    heads.extend(table.varied.iter().cloned());
    heads.extend(has_repeats.then(|| "repeat".to_string()));
    heads.extend(several_rungs.then(|| "rung".to_string()));
    heads.push("state".into());
    heads.extend(table.figures.iter().cloned());
    heads.push("seconds".into());
    let mut html =
        "<p class=\"note\">A click on a heading sorts by it; a row that is pointed at is shown in the drawing \
                    below.</p>\n<div class=\"wide\"><table class=\"sorted\"><thead><tr>"
            .to_string();
    for head in &heads {
        let mark = if Some(&head[..]) == by { " class=\"chosen\"" } else { "" };
        _ = write!(html, "<th{mark}><button type=\"button\">{}</button></th>", escape(&head.replace('_', " ")));
    }
    html += "</tr></thead><tbody>\n";
    for (index, row) in table.rows.iter().enumerate() {
        let number = number(row);
        _ = write!(html, "<tr data-number=\"{number}\"><td data-key=\"{}\">", row.training.number);
        html += &match told.contains(&index) {
            true => format!("<a href=\"#c{number}\">{number}</a></td>"),
            false => format!("{number}</td>"),
        };
        if has_cases {
            html += &cell(row.training.case.as_deref().unwrap_or_default(), None);
        }
        for field in &table.varied {
            let value = row.training.values.get(field).unwrap_or(&Value::Null);
            html += &cell(&shown(value), value.as_f64());
        }
        if has_repeats {
            let repeat = row.training.repeat + 1;
            html += &cell(&repeat.to_string(), Some(repeat.into()));
        }
        if several_rungs {
            let rung = row.training.rung + 1;
            html += &cell(&rung.to_string(), Some(rung.into()));
        }
        html += &cell(row.word(), None);
        for name in &table.figures {
            let value = row.figure(name);
            let text = value.map(figure).unwrap_or_else(|| "–".into());
            let grade = row.grade(name).map(|grade| format!(" {grade}")).unwrap_or_default();
            html += &cell(&(text + &grade), value);
        }
        let seconds = match &row.state {
            State::Done(outcome) => Some(outcome.seconds),
            _ => None,
        };
        html += &cell(&seconds.map_or("–".into(), |seconds| format!("{seconds:.0}")), seconds);
        html += "</tr>\n";
    }
    html += "</tbody></table></div>\n";
    for failure in table.failures().iter().take(MAX_CONFIGURATIONS) {
        _ = writeln!(html, "<p class=\"missing\">failed: {}</p>", escape(failure));
    }
    html
}

/// A published rating is compared with the grade; other values only stand there.
fn published(folder: &Folder, table: &Table) -> String {
    let plan = folder.plan();
    let mut columns: Vec<&str> = Vec::new();
    for name in plan.cases.iter().flat_map(|case| case.published.keys()) {
        if !columns.contains(&&name[..]) {
            columns.push(name);
        }
    }
    if columns.is_empty() {
        return String::new();
    }
    let mut html = "<div class=\"wide\"><table><thead><tr><th>training</th>".to_string();
    for column in &columns {
        _ = write!(html, "<th>{0}, published</th><th>{0}, here</th>", escape(&column.replace('_', " ")));
    }
    html += "</tr></thead><tbody>\n";
    let (mut agreed, mut compared) = (0, 0);
    for row in &table.rows {
        let Some(case) = plan.case_of(&row.training).filter(|case| !case.published.is_empty()) else { continue };
        _ = write!(html, "<tr><th>{}</th>", escape(&row.title));
        for column in &columns {
            let theirs = case.published.get(*column).map(shown);
            let ours = row.figure(column).map(figure);
            let grade = row.grade(column);
            let mut mark = "";
            if let (Some(theirs), Some(grade)) = (&theirs, grade) {
                let same = theirs.eq_ignore_ascii_case(grade);
                (agreed, compared) = (agreed + usize::from(same), compared + 1);
                mark = if same { " class=\"agrees\"" } else { " class=\"differs\"" };
            }
            let ours = ours.map(|figure| format!("{} {figure}", grade.unwrap_or_default()));
            let text = |text: Option<String>| escape(text.as_deref().unwrap_or("–").trim());
            _ = write!(html, "<td>{}</td><td{mark}>{}</td>", text(theirs), text(ours));
        }
        html += "</tr>\n";
    }
    html += "</tbody></table></div>\n";
    if compared > 0 {
        _ = writeln!(html, "<p class=\"note\">{agreed} of {compared} ratings are the published ones.</p>");
    }
    html
}

/// An axis of the parallel coordinates: a place for every row, and what stands beside it.
struct Axis {
    title: String,
    /// 0 below to 1 above, by row; none where a row has no value.
    places: Vec<Option<f64>>,
    ticks: Vec<(f64, String)>,
}

impl Axis {
    fn of_numbers(title: &str, values: Vec<Option<f64>>) -> Option<Self> {
        let known = || values.iter().flatten().copied();
        let (least, most) = (known().fold(f64::MAX, f64::min), known().fold(f64::MIN, f64::max));
        // Where all are the same there is nothing to see.
        if least >= most {
            return None;
        }
        // Sizes and rates go over decades.
        let log = least > 0.0 && most / least > 30.0;
        let scale = |x: f64| if log { libm::log(x) } else { x };
        let (low, high) = (scale(least), scale(most));
        let place = |x: f64| (scale(x) - low) / (high - low);
        let ticks = vec![(0.0, figure(least)), (1.0, figure(most))];
        Some(Self { title: title.into(), places: values.iter().map(|x| x.map(place)).collect(), ticks })
    }

    fn of_words(title: &str, values: Vec<Option<String>>) -> Option<Self> {
        let mut words: Vec<&String> = values.iter().flatten().collect();
        words.sort();
        words.dedup();
        if words.len() < 2 || words.len() > MAX_WORDS {
            return None;
        }
        let last = (words.len() - 1) as f64;
        let place = |word: &String| words.binary_search(&word).ok().map(|index| 1.0 - index as f64 / last);
        let places = values.iter().map(|word| place(word.as_ref()?)).collect();
        let ticks =
            words.iter().enumerate().map(|(index, word)| (1.0 - index as f64 / last, (*word).clone())).collect();
        Some(Self { title: title.into(), places, ticks })
    }
}

fn axes(table: &Table, by: Option<&str>) -> Vec<Axis> {
    let mut axes = Vec::new();
    let rows = || table.rows.iter();
    if rows().any(|row| row.training.case.is_some()) {
        axes.extend(Axis::of_words("case", rows().map(|row| row.training.case.clone()).collect()));
    }
    for field in &table.varied {
        let value = |row: &Row| row.training.values.get(field).cloned();
        let are_numbers = rows().all(|row| value(row).is_none_or(|value| value.is_number()));
        axes.extend(match are_numbers {
            true => Axis::of_numbers(field, rows().map(|row| value(row).as_ref().and_then(Value::as_f64)).collect()),
            false => Axis::of_words(field, rows().map(|row| value(row).as_ref().map(shown)).collect()),
        });
    }
    let mut figures: Vec<&str> = table.figures.iter().map(String::as_str).filter(|name| Some(*name) != by).collect();
    figures.retain(|name| lower_is_better(name).is_some());
    figures.truncate(MAX_AXES.saturating_sub(axes.len() + 1));
    figures.extend(by);
    for name in figures {
        let values = rows().map(|row| row.figure(name)).collect();
        axes.extend(Axis::of_numbers(&name.replace('_', " "), values));
    }
    axes
}

const WIDTH: f64 = 1240.0;
const HEIGHT: f64 = 420.0;
const TOP: f64 = 56.0;
const BOTTOM: f64 = 26.0;
const SIDE: f64 = 84.0;

/// One line for each training, from axis to axis.
fn coordinates(table: &Table, best: &[usize], by: Option<&str>) -> String {
    let axes = axes(table, by);
    if axes.len() < 2 || best.is_empty() {
        return String::new();
    }
    let x = |index: usize| SIDE + (WIDTH - 2.0 * SIDE) * index as f64 / (axes.len() - 1) as f64;
    let y = |place: f64| TOP + (HEIGHT - TOP - BOTTOM) * (1.0 - place);
    let mut svg = format!("<svg class=\"lines\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\">\n");
    // The worst first, so that the best lie on top.
    for (rank, &index) in best.iter().enumerate().take(MAX_LINES).rev() {
        let row = &table.rows[index];
        let points: Vec<String> = axes
            .iter()
            .enumerate()
            .filter_map(|(axis, found)| Some(format!("{:.1},{:.1}", x(axis), y(found.places[index]?))))
            .collect();
        let part = rank as f64 / (best.len() - 1).max(1) as f64;
        let class = if rank == 0 {
            "best"
        } else if part <= 0.25 {
            "good"
        } else {
            "rest"
        };
        _ = writeln!(
            svg,
            "<polyline class=\"{class}\" data-number=\"{}\" points=\"{}\"><title>{}</title></polyline>",
            number(row),
            points.join(" "),
            escape(&format!("{}: {}", number(row), row.title))
        );
    }
    for (index, axis) in axes.iter().enumerate() {
        let (at, anchor) = (x(index), if index + 1 == axes.len() { "end" } else { "start" });
        let beside = if anchor == "end" { at - 6.0 } else { at + 6.0 };
        _ = writeln!(svg, "<line x1=\"{at}\" x2=\"{at}\" y1=\"{}\" y2=\"{}\"/>", y(1.0), y(0.0));
        // Neighbours stand at two heights, as there may be many.
        let height = if index % 2 == 0 { 18 } else { 36 };
        let head = escape(&axis.title);
        _ = writeln!(svg, "<text class=\"head\" x=\"{at}\" y=\"{height}\" text-anchor=\"middle\">{head}</text>");
        for (place, text) in &axis.ticks {
            let short: String = text.chars().take(28).collect();
            let height = y(*place) + 4.0;
            _ = writeln!(
                svg,
                "<text x=\"{beside}\" y=\"{height:.1}\" text-anchor=\"{anchor}\">{}</text>",
                escape(&short)
            );
        }
    }
    svg += "</svg>\n";
    let by = by.unwrap_or_default().replace('_', " ");
    format!(
        "<p class=\"note\">Each line is a training; the best by {} is thick, the best quarter coloured.</p>\n<figure \
         class=\"card\">{svg}</figure>\n",
        escape(&by)
    )
}

fn curves(folder: &Folder, table: &Table, best: &[usize]) -> Result<String, FigureError> {
    let mut shown_rows: Vec<&Row> = best.iter().take(MAX_CURVES).map(|&index| &table.rows[index]).collect();
    if shown_rows.is_empty() {
        shown_rows = table.rows.iter().filter(|row| row.word() == "running").take(MAX_CURVES).collect();
    }
    let (mut training, mut validation) = (Vec::new(), Vec::new());
    for row in shown_rows {
        let path = folder.place(row.training.number).join("model.run").join(JOURNAL_NAME);
        let Ok(journal) = JournalFile::read(&path) else { continue };
        let steps: Vec<(f64, f64)> = journal.steps.iter().map(|step| (step.step as f64, step.loss.into())).collect();
        let tested: Vec<(f64, f64)> = journal
            .epochs
            .iter()
            .filter_map(|epoch| Some((epoch.step as f64, f64::from(epoch.validation?.loss))))
            .collect();
        let label: String = format!("{} {}", number(row), row.title).chars().take(40).collect();
        let curve = |points| Curve { label: label.clone(), points, look: Look::Line };
        training.push(curve(smoothed(&steps)));
        validation.push(curve(tested));
    }
    let mut html = String::new();
    for (title, curves) in [("Training loss, smoothed", training), ("Validation loss", validation)] {
        let curves: Vec<Curve> = curves.into_iter().filter(|curve| curve.points.len() > 1).collect();
        let mut values = curves.iter().flat_map(|curve| &curve.points).map(|point| point.1).filter(|y| y.is_finite());
        let log_y = values.all(|y| y > 0.0);
        if !curves.is_empty() {
            html += &card(&Chart { title, x_label: "step", y_label: "loss", curves: &curves, log_y }.svg()?);
        }
    }
    Ok(if html.is_empty() { html } else { format!("<div class=\"grid\">\n{html}</div>\n") })
}

fn heard(table: &Table, players: Vec<Player>) -> String {
    let mut left = MAX_SOUND_BYTES;
    let mut html = String::new();
    for mut player in players {
        let most = MAX_SECONDS * player.recording.sample_rate_hz as usize;
        player.recording.channels.iter_mut().for_each(|channel| channel.truncate(most));
        let sound = data_uri(&player.recording);
        let Some(rest) = left.checked_sub(sound.len()) else { break };
        left = rest;
        let title = table.rows.iter().find(|row| row.training.number == player.number).map(|row| &row.title[..]);
        let title = escape(&format!("{} {}", Folder::name_of(player.number), title.unwrap_or_default()));
        let label = escape(&player.label);
        _ = writeln!(
            html,
            "<figure class=\"card sound\"><h3>{title}</h3><audio controls preload=\"metadata\" aria-label=\"{title}, \
             {label}\" src=\"{sound}\"></audio><figcaption>{label}</figcaption></figure>"
        );
    }
    if html.is_empty() { html } else { format!("<div class=\"grid small\">\n{html}</div>\n") }
}

fn configurations(folder: &Folder, table: &Table, told: &[usize], longer: &dyn Fn(u32) -> String) -> String {
    let mut html = String::new();
    for row in told.iter().map(|&index| &table.rows[index]) {
        let number = number(row);
        let json = configuration(&folder.place(row.training.number));
        let train_longer = match row.state {
            State::Done(_) => format!(
                "<p>Train this one twice as long, as a model of its own: <code>{}</code> <button type=\"button\" class=\"copy\">copy</button></p>\n",
                escape(&longer(row.training.number))
            ),
            _ => String::new(),
        };
        _ = writeln!(
            html,
            "<details id=\"c{number}\"><summary>{number} {}</summary>\n{train_longer}<pre>{}</pre></details>",
            escape(&row.title),
            crate::figure::html::escape_lines(&json)
        );
    }
    if table.rows.len() > MAX_CONFIGURATIONS {
        _ = writeln!(
            html,
            "<p class=\"note\">Of the best {MAX_CONFIGURATIONS}; the others lie as config.json in the folders of their numbers.</p>"
        );
    }
    html
}

fn configuration(place: &Path) -> String {
    const MAX_BYTES: u64 = 64 << 10;
    match crate::text_file::read_text(&place.join("config.json"), MAX_BYTES) {
        Ok(Some(text)) => text,
        Ok(None) => "config.json: longer than is shown here".into(),
        Err(error) => format!("config.json: cannot be read: {error}"),
    }
}
