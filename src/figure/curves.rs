//! Curves over steps or epochs.

use super::{
    axis::Axis,
    canvas::{Anchor, Area, Canvas, FAINT, INK, QUIET, SERIES, svg},
    error::{Drawn, FigureError},
};
use plotters::prelude::{DrawingBackend, RGBColor};

const WIDTH: f64 = 640.0;
const LEFT: f64 = 84.0;
const RIGHT: f64 = 30.0;
const TITLE: f64 = 34.0;
const LEGEND_ROW: f64 = 23.0;
const PLOT: f64 = 250.0;
const BELOW: f64 = 56.0;
const TEXT: f64 = 15.0;
/// Width of a letter of the legend in a wide font, on average.
const LETTER: f64 = 0.58 * TEXT;
/// A dash of its colour and the gap before the next name.
const LEGEND_EXTRA: f64 = 46.0;
/// Longest name in a legend.
const MAX_LETTERS: usize = 44;
/// Points a curve has at most: a few per pixel.
const COLUMNS: usize = 600;

/// How a curve is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// A line.
    Line,
    /// What was measured, behind the curve that was smoothed; the next curve has the same colour.
    Pale,
    /// Dashes.
    Dashed,
    /// What the others are measured by: grey dashes.
    Reference,
}

/// A curve: its name and its points in the order of x.
#[derive(Clone, Debug)]
pub struct Curve {
    /// Its name in the legend.
    pub label: String,
    /// (x, y), in the order of x.
    pub points: Vec<(f64, f64)>,
    /// How it is drawn.
    pub look: Look,
}

/// A drawing of curves on common axes.
#[derive(Clone, Debug)]
pub struct Chart<'a> {
    /// Above it.
    pub title: &'a str,
    /// Title of the horizontal axis, with its unit.
    pub x_label: &'a str,
    /// Title of the vertical axis, with its unit.
    pub y_label: &'a str,
    /// What is drawn.
    pub curves: &'a [Curve],
    /// Points that are not above 0 are then left out.
    pub log_y: bool,
}

/// An SVG of curves, each with a name and points (x, y) in the order of x. `log_y`: logarithmic axis; points that are not
/// above 0 are then left out, as are those that are not finite. Texts may be hostile; nothing outside is referred to.
///
/// # Errors
/// [`FigureError`], which no input brings about.
pub fn curves_svg(
    title: &str,
    x_label: &str,
    y_label: &str,
    series: &[(String, Vec<(f64, f64)>)],
    log_y: bool,
) -> Result<String, FigureError> {
    let curves: Vec<Curve> = series
        .iter()
        .enumerate()
        .map(|(index, (label, points))| {
            // Beyond the colours, dashes tell curves apart.
            let look = if (index / SERIES.len()).is_multiple_of(2) { Look::Line } else { Look::Dashed };
            Curve { label: label.clone(), points: points.clone(), look }
        })
        .collect();
    Chart { title, x_label, y_label, curves: &curves, log_y }.svg()
}

impl Chart<'_> {
    /// The drawing.
    ///
    /// # Errors
    /// [`FigureError`], which no input brings about.
    pub fn svg(&self) -> Result<String, FigureError> {
        let rows = self.legend();
        let height = TITLE + LEGEND_ROW * rows.len() as f64 + PLOT + BELOW;
        svg(self.title, (WIDTH, height), |canvas| self.draw(canvas, &rows))
    }

    fn draw<B: DrawingBackend>(&self, canvas: &mut Canvas<'_, B>, rows: &[Vec<LegendItem>]) -> Drawn {
        canvas.text(self.title, (LEFT, TITLE / 2.0 + 2.0), 18.0, INK, Anchor::Start)?;
        for (row, items) in rows.iter().enumerate() {
            let y = TITLE + LEGEND_ROW * (row as f64 + 0.4);
            for item in items {
                let ends = [(item.x, y), (item.x + 20.0, y)];
                match item.look {
                    Look::Dashed | Look::Reference => canvas.dashes(&ends, item.colour, 2.0)?,
                    Look::Pale => canvas.pale_line(ends, item.colour, 3.0)?,
                    Look::Line => canvas.line(ends, item.colour, 2.0)?,
                }
                canvas.text(&item.label, (item.x + 26.0, y), TEXT, QUIET, Anchor::Start)?;
            }
        }
        let top = TITLE + LEGEND_ROW * rows.len() as f64;
        let plot = Area { left: LEFT, top, width: WIDTH - LEFT - RIGHT, height: PLOT };
        canvas.text(self.x_label, (plot.left + plot.width / 2.0, plot.bottom() + 42.0), TEXT, QUIET, Anchor::Middle)?;
        canvas.text(self.y_label, (12.0, top + PLOT / 2.0), TEXT, QUIET, Anchor::Upwards)?;
        let points: Vec<Vec<(f64, f64)>> = self.curves.iter().map(|curve| self.visible(curve)).collect();
        let (Some(x), Some(y)) = (self.x_axis(&points), self.y_axis(&points)) else {
            canvas.frame(&plot)?;
            return canvas.text("nothing yet", plot.at(0.5, 0.5), TEXT, QUIET, Anchor::Middle);
        };
        for (value, text) in y.ticks(6) {
            let height = y.part(value);
            canvas.line([plot.at(0.0, height), plot.at(1.0, height)], FAINT, 1.0)?;
            let (_, at) = plot.at(0.0, height);
            canvas.text(&text, (plot.left - 7.0, at), TEXT, QUIET, Anchor::End)?;
        }
        for (value, text) in x.ticks(6) {
            let (at, _) = plot.at(x.part(value), 0.0);
            canvas.line([(at, plot.bottom()), (at, plot.bottom() + 4.0)], QUIET, 1.0)?;
            canvas.text(&text, (at, plot.bottom() + 7.0), TEXT, QUIET, Anchor::Below)?;
        }
        for ((curve, points), colour) in self.curves.iter().zip(&points).zip(self.colours()) {
            let drawn = thinned(points, &x);
            let places: Vec<_> = drawn.iter().map(|&(a, b)| plot.at(x.part(a), y.part(b))).collect();
            match (curve.look, &places[..]) {
                // One point is no line.
                (_, &[(a, b)]) => canvas.line([(a - 3.0, b), (a + 3.0, b)], colour, 3.0)?,
                (Look::Line, _) => canvas.line(places, colour, 1.8)?,
                (Look::Pale, _) => canvas.pale_line(places, colour, 1.0)?,
                (Look::Dashed | Look::Reference, _) => canvas.dashes(&places, colour, 1.6)?,
            }
        }
        canvas.frame(&plot)
    }

    fn visible(&self, curve: &Curve) -> Vec<(f64, f64)> {
        let seen = |&&(x, y): &&(f64, f64)| x.is_finite() && y.is_finite() && (!self.log_y || y > 0.0);
        curve.points.iter().filter(seen).copied().collect()
    }

    fn x_axis(&self, points: &[Vec<(f64, f64)>]) -> Option<Axis> {
        let axis = Axis::over(points.iter().flatten().map(|point| point.0), false, false)?;
        Some(Axis { whole: points.iter().flatten().all(|point| libm::trunc(point.0) == point.0), ..axis })
    }

    /// Over all curves; of the pale ones over all but the outermost hundredths, as a single wild step should not press
    /// everything flat.
    fn y_axis(&self, points: &[Vec<(f64, f64)>]) -> Option<Axis> {
        let mut values = Vec::new();
        for (curve, points) in self.curves.iter().zip(points) {
            let mut own: Vec<f64> = points.iter().map(|point| point.1).collect();
            if curve.look == Look::Pale {
                own.sort_by(f64::total_cmp);
                let cut = own.len() / 100;
                own = own[cut..own.len() - cut].to_vec();
            }
            values.extend(own);
        }
        Axis::over(values, self.log_y, true)
    }

    /// A pale curve shares the colour of the next one.
    fn colours(&self) -> Vec<RGBColor> {
        let mut next = 0;
        let colour = |curve: &Curve| {
            if curve.look == Look::Reference {
                return QUIET;
            }
            let colour = SERIES[next % SERIES.len()];
            next += usize::from(curve.look != Look::Pale);
            colour
        };
        self.curves.iter().map(colour).collect()
    }

    /// The names in rows that are not wider than the picture.
    fn legend(&self) -> Vec<Vec<LegendItem>> {
        let mut rows: Vec<Vec<LegendItem>> = Vec::new();
        let mut x = f64::INFINITY;
        // A single curve is what the title says.
        let names = if self.curves.len() > 1 { self.curves } else { &[] };
        for (curve, colour) in names.iter().zip(self.colours()) {
            let mut label: String = curve.label.chars().take(MAX_LETTERS).collect();
            if label.len() < curve.label.len() {
                label.push('…');
            }
            let width = LEGEND_EXTRA + LETTER * label.chars().count() as f64;
            if x + width > WIDTH {
                rows.push(Vec::new());
                x = LEFT;
            }
            if let Some(row) = rows.last_mut() {
                row.push(LegendItem { x, label, colour, look: curve.look });
            }
            x += width;
        }
        rows
    }
}

struct LegendItem {
    x: f64,
    label: String,
    colour: RGBColor,
    look: Look,
}

/// Points of many are replaced by the least and the largest in each column of pixels.
fn thinned(points: &[(f64, f64)], x: &Axis) -> Vec<(f64, f64)> {
    if points.len() <= 2 * COLUMNS {
        return points.to_vec();
    }
    let column = |point: &(f64, f64)| (x.part(point.0) * COLUMNS as f64) as usize;
    let mut kept = Vec::with_capacity(2 * COLUMNS);
    for group in points.chunk_by(|a, b| column(a) == column(b)) {
        let by_y = |a: &&(f64, f64), b: &&(f64, f64)| a.1.total_cmp(&b.1);
        if let (Some(&low), Some(&high)) = (group.iter().min_by(by_y), group.iter().max_by(by_y)) {
            kept.extend(if low.0 <= high.0 { [low, high] } else { [high, low] });
        }
    }
    kept
}

/// The mean of the values so far in which older ones count less, over about a fortieth of them.
pub fn smoothed(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let keep = 1.0 - 1.0 / (points.len() as f64 / 40.0).max(1.0);
    let (mut sum, mut weight) = (0.0, 0.0);
    points
        .iter()
        .filter(|(_, y)| y.is_finite())
        .map(|&(x, y)| {
            sum = keep * sum + y;
            weight = keep * weight + 1.0;
            (x, sum / weight)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dsp::random::Random;

    #[test]
    fn thinning_keeps_every_extreme() {
        let mut random = Random::new(8);
        let points: Vec<(f64, f64)> = (0..50_000).map(|i| (f64::from(i), f64::from(random.normal()))).collect();
        let axis = Axis::over(points.iter().map(|p| p.0), false, false).expect("points");
        let kept = thinned(&points, &axis);
        assert!(kept.len() <= 2 * COLUMNS + 2, "{}", kept.len());
        assert!(kept.windows(2).all(|pair| pair[0].0 <= pair[1].0));
        let largest = |points: &[(f64, f64)]| points.iter().map(|p| p.1).fold(f64::MIN, f64::max);
        assert_eq!(largest(&kept), largest(&points));
        assert_eq!(thinned(&points[..100], &axis), points[..100]);
    }

    #[test]
    fn smoothing_begins_at_once_and_passes_over_what_is_no_number() {
        let points: Vec<(f64, f64)> = (0..400).map(|i| (f64::from(i), if i == 7 { f64::NAN } else { 3.0 })).collect();
        let smooth = smoothed(&points);
        assert_eq!(smooth.len(), 399);
        assert!(smooth.iter().all(|(_, y)| (y - 3.0).abs() < 1e-9));
        let jump: Vec<(f64, f64)> = (0..400).map(|i| (f64::from(i), f64::from(u8::from(i >= 200)))).collect();
        let after = smoothed(&jump)[210].1;
        assert!((0.6..0.75).contains(&after), "1 − 1/e after a time constant of 10 steps: {after}");
    }

    #[test]
    fn curves_are_drawn_whatever_they_hold() {
        let hostile = "</svg><script>alert(1)</script>\u{1b}\"&'";
        let series = [
            (hostile.to_string(), vec![(1.0, 0.5), (2.0, f64::NAN), (3.0, -0.1), (4.0, f64::INFINITY)]),
            ("empty".into(), vec![]),
            ("one".into(), vec![(2.0, 0.3)]),
            ("far".into(), vec![(f64::MAX, f64::MAX), (f64::MIN, f64::MIN)]),
        ];
        for log in [false, true] {
            for take in 0..=series.len() {
                let svg = curves_svg(hostile, "epoch", "loss", &series[..take], log).expect("a picture");
                assert!(svg.starts_with("<svg ") && svg.trim_end().ends_with("</svg>"), "{svg}");
                assert!(!svg.contains("<script") && !svg.contains('\u{1b}'), "{svg}");
                assert_eq!(svg.matches("</svg>").count(), 1);
                assert_eq!(svg.contains("nothing yet"), take == 0);
            }
        }
    }

    #[test]
    fn a_legend_of_many_names_takes_several_rows() {
        let series: Vec<_> =
            (0..12).map(|i| (format!("curve number {i}"), vec![(0.0, 1.0), (1.0, f64::from(i))])).collect();
        let svg = curves_svg("t", "x", "y", &series, false).expect("a picture");
        assert!((0..12).all(|i| svg.contains(&format!("curve number {i}"))));
        let curves: Vec<Curve> =
            series.into_iter().map(|(label, points)| Curve { label, points, look: Look::Line }).collect();
        let chart = Chart { title: "t", x_label: "x", y_label: "y", curves: &curves, log_y: false };
        let rows = chart.legend();
        assert!(rows.len() >= 3 && rows.iter().all(|row| !row.is_empty()));
    }
}
