//! What a comparison found, and how it is told: a table, JSON, drawings, a page.

use super::contender::REFERENCE;
use crate::figure::{FigureError, curves_svg, escape, page};
use serde::Serialize;
use std::fmt::Write;

/// The study counted the seconds of so many epochs.
const COUNTED_EPOCHS: f64 = 5.0;

/// A whole comparison.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Outcome {
    /// The recordings.
    pub audio: Vec<String>,
    /// Seconds of sound that were trained on.
    pub material_seconds: f32,
    /// Frames in it.
    pub frames: usize,
    /// Numbers in a frame.
    pub inputs: usize,
    /// Units of a layer, where a model has no width of its own.
    pub width: usize,
    /// Epochs, as the study counts them.
    pub epochs: f64,
    /// Threads.
    pub threads: u16,
    /// Mean squared error of repeating the last frame.
    pub repeat_error: f32,
    /// True if not all models were trained.
    pub interrupted: bool,
    /// A row for each model.
    pub rows: Vec<Row>,
}

/// What was found of a model.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Row {
    /// Its name.
    pub name: String,
    /// Layers.
    pub layers: usize,
    /// Trained weights.
    pub parameters: u64,
    /// Seconds of 5 epochs, validation not counted.
    pub seconds_per_5_epochs: f64,
    /// The study's, on its machine.
    pub published_seconds: Option<f64>,
    /// Training error of the last stretch: mean squared error of the next frame.
    pub final_error: Option<f32>,
    /// The same on the held-out end of the sound, without noise.
    pub validation_error: Option<f32>,
    /// What stopped it, if anything did.
    pub failure: Option<String>,
    /// Training error over the epochs.
    pub curve: Vec<(f64, f64)>,
}

impl Row {
    /// Notes the time that so many epochs took.
    pub fn set_seconds(&mut self, seconds: f64, epochs: f64) {
        self.seconds_per_5_epochs = COUNTED_EPOCHS * seconds / epochs;
    }
}

const HEADINGS: [&str; 7] =
    ["model", "parameters", "s / 5 epochs", "x vanilla-1", "published", "final error", "validation error"];

impl Outcome {
    /// Cells of the table, row by row.
    fn cells(&self) -> Vec<[String; 7]> {
        let reference = self.rows.iter().find(|row| row.name == REFERENCE);
        let none = || "-".to_string();
        let error = |error: Option<f32>| error.map_or_else(none, |error| format!("{error:.6}"));
        let published = |row: &Row| Some(row.published_seconds? / super::contender::TABLE_1[0].1);
        let cells = |row: &Row| {
            let ratio = reference.map(|reference| row.seconds_per_5_epochs / reference.seconds_per_5_epochs);
            let times = |ratio: Option<f64>| ratio.map_or_else(none, |ratio| format!("{ratio:.2}"));
            [
                row.name.clone(),
                row.parameters.to_string(),
                format!("{:.2}", row.seconds_per_5_epochs),
                times(ratio),
                times(published(row)),
                row.failure.clone().unwrap_or_else(|| error(row.final_error)),
                error(row.validation_error),
            ]
        };
        self.rows.iter().map(cells).collect()
    }

    /// The table for a terminal.
    pub fn table(&self) -> String {
        let cells = self.cells();
        let lines: Vec<Vec<&str>> = std::iter::once(HEADINGS.to_vec())
            .chain(cells.iter().map(|row| row.iter().map(String::as_str).collect()))
            .collect();
        let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..HEADINGS.len()).map(width).collect();
        let mut text = String::new();
        for line in lines {
            for (column, (cell, &width)) in line.iter().zip(&widths).enumerate() {
                // Names to the left, numbers to the right.
                let _ = if column == 0 { write!(text, "{cell:width$}") } else { write!(text, "  {cell:>width$}") };
            }
            text.push('\n');
        }
        text
    }

    /// One drawing for each number of layers, one below the other; errors on a logarithmic axis.
    ///
    /// # Errors
    /// [`FigureError`], which no input brings about.
    pub fn svg(&self) -> Result<String, FigureError> {
        let mut panels = Vec::new();
        let mut numbers: Vec<usize> = self.rows.iter().map(|row| row.layers).collect();
        numbers.sort_unstable();
        numbers.dedup();
        for layers in numbers {
            let rows = self.rows.iter().filter(|row| row.layers == layers && !row.curve.is_empty());
            let series: Vec<_> = rows.map(|row| (row.name.clone(), row.curve.clone())).collect();
            let plural = if layers == 1 { "layer" } else { "layers" };
            let title = format!("Error of models with {layers} {plural}");
            panels.push(curves_svg(&title, "epochs", "mean squared error", &series, true)?);
        }
        Ok(stacked(&panels))
    }

    /// The page: it needs nothing else.
    ///
    /// # Errors
    /// As [`Self::svg`].
    pub fn html(&self) -> Result<String, FigureError> {
        let mut body = "<h1>Recurrent architectures compared</h1>\n".to_string();
        let cut = if self.interrupted { " It was stopped before all models were trained." } else { "" };
        let _ = writeln!(
            body,
            "<p>{} models of width {}, trained for {} epochs with {} on the same {:.1} s of {}: {} frames of {} \
             magnitudes. An epoch is the study's: windows of 200 frames, one every 5 frames.{cut}</p>",
            self.rows.len(),
            self.width,
            self.epochs,
            if self.threads == 1 { "1 thread".into() } else { format!("{} threads", self.threads) },
            self.material_seconds,
            escape(&self.audio.join(", ")),
            self.frames,
            self.inputs,
        );
        body += "<section>\n<h2>Times and errors</h2>\n<div class=\"card\">\n<table>\n<thead><tr>";
        HEADINGS.iter().for_each(|heading| body += &format!("<th>{heading}</th>"));
        body += "</tr></thead>\n<tbody>\n";
        for row in self.cells() {
            body += "<tr>";
            row.iter().for_each(|cell| body += &format!("<td>{}</td>", escape(cell)));
            body += "</tr>\n";
        }
        body += "</tbody>\n</table>\n</div>\n";
        let _ = writeln!(
            body,
            "<p>Errors are mean squared errors of the next frame; repeating the last frame has {:.6}. Published: seconds of \
             the study's Table 1 as multiples of its vanilla-1.</p>\n</section>",
            self.repeat_error
        );
        let _ = writeln!(
            body,
            "<section>\n<h2>Errors over the epochs</h2>\n<figure class=\"card\">{}</figure>\n</section>",
            self.svg()?
        );
        Ok(page("Recurrent architectures compared", &body))
    }
}

/// Drawings of one width, one below the other.
fn stacked(panels: &[String]) -> String {
    let number = |svg: &str, name: &str| {
        let text =
            svg.split_once(&format!(" {name}=\"")).and_then(|(_, rest)| rest.split_once('"')).map(|(text, _)| text);
        text.and_then(|text| text.parse::<f64>().ok()).unwrap_or(0.0)
    };
    let (mut body, mut width, mut height) = (String::new(), 0.0f64, 0.0);
    for panel in panels {
        let _ = write!(body, "<g transform=\"translate(0 {height})\">{panel}</g>");
        width = width.max(number(panel, "width"));
        height += number(panel, "height");
    }
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\">{body}</svg>"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome() -> Outcome {
        let row = |name: &str, layers: usize, seconds: f64| {
            let mut row = Row {
                name: name.into(),
                layers,
                parameters: 1000,
                published_seconds: Some(79.0 * seconds),
                final_error: Some(0.25),
                curve: vec![(0.5, 1.0), (1.0, 0.1), (1.5, f64::NAN)],
                ..Row::default()
            };
            row.set_seconds(seconds, 5.0);
            row
        };
        let mut outcome = Outcome { audio: vec!["<script>.wav".into()], width: 8, epochs: 5.0, ..Outcome::default() };
        outcome.rows = vec![row("gru-3", 3, 3.0), row("vanilla-1", 1, 1.5), row("lstm-1", 1, 6.0)];
        outcome.rows[2].failure = Some("step 3: NaN".into());
        outcome
    }

    #[test]
    fn the_table_tells_ratios_and_failures() {
        let table = outcome().table();
        let lines: Vec<Vec<&str>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(lines[1], ["gru-3", "1000", "3.00", "2.00", "3.00", "0.250000", "-"]);
        assert_eq!(lines[2][3..5], ["1.00", "1.50"]);
        assert!(table.contains("step 3: NaN"));
        let lone = Outcome { rows: outcome().rows.split_off(2), ..outcome() };
        assert!(lone.table().contains("  -"), "without the reference there is no ratio");
    }

    #[test]
    fn the_page_has_a_drawing_for_each_number_of_layers_and_nothing_hostile() {
        let svg = outcome().svg().expect("a drawing");
        assert!(svg.contains("1 layer<") && svg.contains("3 layers<") && !svg.contains("NaN"), "{svg}");
        assert_eq!(svg.matches("<svg").count(), 3);
        assert_eq!(svg.matches("<svg").count(), svg.matches("</svg>").count());
        let html = outcome().html().expect("a page");
        assert!(!html.contains("<script>") && html.contains("&lt;script&gt;.wav") && html.contains("gru-3"));
        assert!(!html.contains("src=") && !html.contains("href="), "it needs nothing else");
        assert!(Outcome::default().html().is_ok());
    }
}
