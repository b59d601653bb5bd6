//! The results of a sweep as one table: for a terminal, as CSV and as JSON.

use super::{
    folder::{Folder, FolderError, State},
    space::{Training, shown},
};
use crate::hyperparameters::Problem;
use serde_json::{Map, Value, json};
use std::{collections::BTreeSet, fmt::Write};

/// One training and what became of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Which.
    pub training: Training,
    /// What tells it from the others.
    pub title: String,
    /// How far it is.
    pub state: State,
}

/// All trainings of a sweep, by number.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    /// The trainings.
    pub rows: Vec<Row>,
    /// Columns of what varies.
    pub varied: Vec<String>,
    /// Columns of figures: losses first, then what it was judged by, then sizes.
    pub figures: Vec<String>,
}

/// Figures that stand before the scores, and those behind them.
const FIRST: [&str; 2] = ["validation_loss", "training_loss"];
const LAST: [&str; 4] = ["real_time_factor", "epochs", "steps", "parameters"];

/// Whether less of a figure is better; none of what is neither.
pub(super) fn lower_is_better(figure: &str) -> Option<bool> {
    match figure {
        "epochs" | "steps" | "parameters" => None,
        figure => Some(figure.ends_with("loss") || figure.ends_with("mse")),
    }
}

impl Row {
    /// A figure of one that is done.
    pub fn figure(&self, column: &str) -> Option<f64> {
        match &self.state {
            State::Done(outcome) => outcome.figures.get(column).copied(),
            _ => None,
        }
    }

    /// The grade of a figure.
    pub fn grade(&self, column: &str) -> Option<&str> {
        match &self.state {
            State::Done(outcome) => outcome.grades.get(column).map(String::as_str),
            _ => None,
        }
    }

    /// How far it is, in a word.
    pub fn word(&self) -> &'static str {
        match self.state {
            State::Waiting => "waiting",
            State::Begun => "begun",
            State::Running => "running",
            State::Done(_) => "done",
            State::Failed(_) => "failed",
        }
    }
}

impl Table {
    /// Of what lies in a folder now.
    ///
    /// # Errors
    /// If a result cannot be read.
    pub fn of(folder: &Folder) -> Result<Self, FolderError> {
        let mut table = Self::default();
        for training in folder.trainings() {
            let state = folder.state(training.number)?;
            let title = training.title(folder.plan().repeats);
            table.rows.push(Row { training: training.clone(), title, state });
        }
        table.varied = folder.plan().vary.keys().cloned().collect();
        let mut figures: BTreeSet<&String> = BTreeSet::new();
        for row in &table.rows {
            let State::Done(outcome) = &row.state else { continue };
            let others = |name: &&String| !FIRST.contains(&&name[..]) && !LAST.contains(&&name[..]);
            figures.extend(outcome.figures.keys().filter(others));
        }
        let known = |name: &&str| table.rows.iter().any(|row| row.figure(name).is_some());
        let named = |names: &[&str]| names.iter().copied().filter(known).map(String::from).collect::<Vec<_>>();
        table.figures = [named(&FIRST), figures.into_iter().cloned().collect(), named(&LAST)].concat();
        Ok(table)
    }

    /// Trainings of each word of [`Row::word`].
    pub fn count(&self, word: &str) -> usize {
        self.rows.iter().filter(|row| row.word() == word).count()
    }

    /// The numbers of rows in the order of a figure, the best first; those without it are left out.
    pub fn best_by(&self, figure: &str) -> Vec<usize> {
        let lower = lower_is_better(figure).unwrap_or(false);
        let mut best: Vec<(f64, usize)> =
            self.rows.iter().enumerate().filter_map(|(index, row)| Some((row.figure(figure)?, index))).collect();
        best.sort_by(|a, b| if lower { a.0.total_cmp(&b.0) } else { b.0.total_cmp(&a.0) }.then(a.1.cmp(&b.1)));
        best.into_iter().map(|(_, index)| index).collect()
    }

    /// A line for each training, of the columns that fit a terminal.
    pub fn text(&self) -> String {
        let shown_figures: Vec<&String> =
            self.figures.iter().filter(|name| !LAST.contains(&&name[..]) && !name.contains('.')).collect();
        let mut lines = vec![vec!["NUMBER".to_string(), "TRAINING".into(), String::new()]];
        lines[0].extend(shown_figures.iter().map(|name| name.to_uppercase()));
        let several_rungs = self.rows.iter().any(|row| row.training.rung > 0);
        for row in &self.rows {
            let rung = if several_rungs { format!(", rung {}", row.training.rung + 1) } else { String::new() };
            let mut line = vec![Folder::name_of(row.training.number), row.title.clone() + &rung, row.word().into()];
            line.extend(shown_figures.iter().map(|name| row.figure(name).map_or("–".into(), figure)));
            lines.push(line);
        }
        let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..lines[0].len()).map(width).collect();
        let mut text = String::new();
        for line in &lines {
            let mut said = String::new();
            for (column, (cell, &width)) in line.iter().zip(&widths).enumerate() {
                // Words to the left, numbers to the right. Writing to a string does not fail.
                _ = if column < 3 { write!(said, "{cell:width$}  ") } else { write!(said, "{cell:>width$}  ") };
            }
            text += said.trim_end();
            text.push('\n');
        }
        text
    }

    /// The lines of what failed.
    pub fn failures(&self) -> Vec<String> {
        let told = |row: &Row, what: &str| format!("{} ({}): {what}", Folder::name_of(row.training.number), row.title);
        let failed = self.rows.iter().filter_map(|row| match &row.state {
            State::Failed(error) => Some(told(row, error)),
            State::Done(outcome) => {
                let mistake = outcome.not_judged.as_ref()?;
                Some(told(row, &format!("trained, but not judged: {mistake}")))
            }
            _ => None,
        });
        failed.collect()
    }

    /// Comma-separated values (RFC 4180), a line for each training.
    pub fn csv(&self) -> String {
        let graded: BTreeSet<&String> = self.figures.iter().filter(|name| self.has_grades(name)).collect();
        let mut heads: Vec<String> = ["number", "case", "repeat", "rung", "state"].map(String::from).into();
        heads.extend(self.varied.iter().cloned());
        heads.extend(self.figures.iter().flat_map(|name| match graded.contains(name) {
            true => vec![name.clone(), format!("{name} grade")],
            false => vec![name.clone()],
        }));
        heads.extend(["seconds".into(), "error".into()]);
        let mut text = line(&heads);
        for row in &self.rows {
            let training = &row.training;
            let mut cells = vec![
                training.number.to_string(),
                training.case.clone().unwrap_or_default(),
                (training.repeat + 1).to_string(),
                (training.rung + 1).to_string(),
                row.word().into(),
            ];
            cells.extend(self.varied.iter().map(|name| training.values.get(name).map(shown).unwrap_or_default()));
            for name in &self.figures {
                cells.push(row.figure(name).map(|figure| figure.to_string()).unwrap_or_default());
                if graded.contains(name) {
                    cells.push(row.grade(name).unwrap_or_default().into());
                }
            }
            match &row.state {
                State::Done(outcome) => {
                    cells.extend([format!("{:.1}", outcome.seconds), outcome.not_judged.clone().unwrap_or_default()]);
                }
                State::Failed(error) => cells.extend([String::new(), error.clone()]),
                _ => cells.extend([String::new(), String::new()]),
            }
            text += &line(&cells);
        }
        text
    }

    fn has_grades(&self, figure: &str) -> bool {
        self.rows.iter().any(|row| row.grade(figure).is_some())
    }

    /// All that is known.
    pub fn json(&self, folder: &Folder) -> Value {
        let rows: Vec<Value> = self
            .rows
            .iter()
            .map(|row| {
                let settings: Map<String, Value> = folder.plan().settings_of(&row.training).into_iter().collect();
                let case = folder.plan().case_of(&row.training);
                let mut value = json!({
                    "number": row.training.number,
                    "title": row.title,
                    "case": row.training.case,
                    "repeat": row.training.repeat + 1,
                    "rung": row.training.rung + 1,
                    "parent": row.training.parent,
                    "settings": settings,
                    "state": row.word(),
                });
                if let Some(case) = case.filter(|case| !case.published.is_empty()) {
                    value["published"] = json!(case.published);
                }
                match &row.state {
                    State::Done(outcome) => {
                        value["figures"] = json!(outcome.figures);
                        value["grades"] = json!(outcome.grades);
                        value["seconds"] = json!(outcome.seconds);
                    }
                    State::Failed(error) => value["error"] = json!(error),
                    _ => {}
                }
                value
            })
            .collect();
        json!({ "sympathy": env!("CARGO_PKG_VERSION"), "plan": folder.plan(), "trainings": rows })
    }
}

/// A figure for people.
pub(super) fn figure(value: f64) -> String {
    match value.abs() {
        size if size >= 1000.0 || (size.fract() == 0.0 && size >= 10.0) => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        size if size >= 0.01 || size == 0.0 => format!("{value:.3}"),
        _ => format!("{value:.2e}"),
    }
}

fn line(cells: &[String]) -> String {
    let cell = |text: &String| {
        // A spreadsheet would compute what begins like a formula.
        let is_number = text.parse::<f64>().is_ok();
        let safe = if !is_number && text.starts_with(['=', '+', '-', '@', '\t', '\r']) {
            format!("'{text}")
        } else {
            text.clone()
        };
        if safe.contains([',', '"', '\n', '\r']) { format!("\"{}\"", safe.replace('"', "\"\"")) } else { safe }
    };
    cells.iter().map(cell).collect::<Vec<_>>().join(",") + "\r\n"
}

/// The columns by which halving may sort besides losses: scores of models of sound, and of models of notes.
const OF_SOUND: [&str; 8] = [
    "artifacts",
    "resemblance",
    "novelty_to_material",
    "novelty_to_seed",
    "listening",
    "consistency",
    "alive",
    "real_time_factor",
];
const OF_NOTES: [&str; 5] = ["mse", "accuracy", "f1", "listening", "alive"];

/// What is wrong with the column that halving sorts by. Before the scores of what was sampled on the way stands `sampled.`, which models of
/// notes do not have.
pub fn column_problem(by: &str, is_of_notes: bool, is_judged: bool, is_sampled: bool) -> Option<Problem> {
    let (name, sampled) = match by.strip_prefix("sampled.") {
        Some(name) => (name, true),
        None => (by, false),
    };
    if ["validation_loss", "training_loss"].contains(&by) {
        return None;
    }
    let scores: &[&str] = if is_of_notes { &OF_NOTES } else { &OF_SOUND };
    let (rule, value) = if !scores.contains(&name) || (sampled && (is_of_notes || name == "real_time_factor")) {
        (format!("validation_loss, training_loss, {}", scores.join(", ")), format!("{by:?}"))
    } else if sampled && !is_sampled {
        ("a column that there will be: evaluate.sampled makes it".into(), by.to_string())
    } else if !sampled && !is_judged {
        ("a column that there will be: evaluate makes it".into(), by.to_string())
    } else {
        return None;
    };
    Some(Problem { field: "halving.by".into(), rule, value })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sweep::{Done, Outcome, Plan};

    fn folder(home: &std::path::Path) -> Folder {
        let plan = Plan::read(r#"{"name": "a", "vary": {"lr": [0.1, 0.2, 0.3], "name": ["=1+1", "b,\"c\""]}}"#);
        let folder = Folder::create(home, plan.expect("a plan"), |_, _| Ok(())).expect("a folder");
        for (number, loss) in [(1, 0.25), (3, 0.125)] {
            let figures =
                [("validation_loss".to_string(), loss), ("listening".into(), 1.0 - loss), ("steps".into(), 7.0)];
            let grades = [("listening".to_string(), "High".to_string())];
            let (figures, grades) = (figures.into(), grades.into());
            let outcome = Outcome { figures, grades, seconds: 2.0, not_judged: None };
            folder.claim(number).expect("a folder").expect("free").end(&Done::Well(outcome)).expect("space");
        }
        folder.claim(2).expect("a folder").expect("free").end(&Done::Failed("too, bad".into())).expect("space");
        folder
    }

    #[test]
    fn the_table_tells_all() {
        let home = tempfile::tempdir().expect("space");
        let folder = folder(home.path());
        let table = Table::of(&folder).expect("results");
        assert_eq!(table.figures, ["validation_loss", "listening", "steps"]);
        assert_eq!((table.count("done"), table.count("failed"), table.count("waiting")), (2, 1, 3));
        assert_eq!(table.best_by("validation_loss"), [2, 0]);
        assert_eq!(table.best_by("listening"), [2, 0]);
        let csv = table.csv();
        let lines: Vec<&str> = csv.split("\r\n").collect();
        assert_eq!(
            lines[0],
            "number,case,repeat,rung,state,lr,name,validation_loss,listening,listening grade,steps,seconds,error"
        );
        assert_eq!(lines[1], "1,,1,1,done,0.1,'=1+1,0.25,0.75,High,7,2.0,");
        assert_eq!(lines[2], "2,,1,1,failed,0.1,\"b,\"\"c\"\"\",,,,,,\"too, bad\"");
        assert_eq!(lines[6], "6,,1,1,waiting,0.3,\"b,\"\"c\"\"\",,,,,,");
        let text = table.text();
        assert!(text.contains("0003    lr 0.2, name =1+1"), "{text}");
        assert_eq!(table.failures(), ["0002 (lr 0.1, name b,\"c\"): too, bad"]);
        let json = table.json(&folder);
        assert_eq!(json["trainings"][0]["figures"]["listening"], 0.75);
        assert_eq!(json["trainings"][2]["settings"]["lr"], 0.2);
    }

    #[test]
    fn a_column_to_sort_by_is_one_that_there_will_be() {
        let field = |by: &str, judged, sampled| column_problem(by, false, judged, sampled).map(|problem| problem.rule);
        assert_eq!(field("validation_loss", false, false), None);
        assert_eq!(field("listening", true, false), None);
        assert_eq!(field("sampled.listening", false, true), None);
        assert!(field("listening", false, true).is_some());
        assert!(field("sampled.listening", true, false).is_some());
        assert!(field("beauty", true, true).is_some_and(|rule| rule.contains("resemblance")));
        assert!(field("f1", true, true).is_some(), "of notes alone");
        let notes = |by: &str| column_problem(by, true, true, false).map(|problem| problem.rule);
        assert_eq!((notes("f1"), notes("mse")), (None, None));
        assert!(notes("artifacts").is_some() && notes("sampled.alive").is_some());
    }
}
