//! Histograms of the weights over epochs: a heat map a tensor.

use crate::{
    figure::{
        Drawn, FigureError,
        axis::Axis,
        canvas::{Anchor, Area, Canvas, INK, QUIET, svg},
        html::{card, section},
        raster::{Palette, Raster, level},
    },
    train::run::journal::WeightHistogram,
};
use plotters::prelude::DrawingBackend;

const WIDTH: f64 = 420.0;
const LEFT: f64 = 66.0;
const RIGHT: f64 = 14.0;
const TITLE: f64 = 30.0;
const PLOT: f64 = 150.0;
const BELOW: f64 = 46.0;
const TEXT: f64 = 14.0;
/// So many tensors are shown.
const MAX_PANELS: usize = 64;
/// Rows of a heat map.
const ROWS: usize = 75;
/// This part of the weights may lie beyond either end of the axis: single far ones would press the others flat.
const TAIL: f64 = 0.002;

/// Histograms of one tensor over epochs.
type Layer<'a> = (&'a str, Vec<(u32, &'a WeightHistogram)>);

/// The section; empty without histograms.
pub(super) fn weights(entries: &[(u32, Vec<WeightHistogram>)]) -> Result<String, FigureError> {
    let mut layers: Vec<Layer<'_>> = Vec::new();
    for (epoch, histograms) in entries {
        for histogram in histograms.iter().filter(|histogram| is_sound(histogram)) {
            match layers.iter().position(|(name, _)| *name == histogram.tensor) {
                Some(index) => layers[index].1.push((*epoch, histogram)),
                None if layers.len() < MAX_PANELS => layers.push((&histogram.tensor, vec![(*epoch, histogram)])),
                None => {}
            }
        }
    }
    if layers.is_empty() {
        return Ok(String::new());
    }
    let mut body = "<p class=\"note\">How the numbers of each tensor are spread, from the first epoch to the \
                    last: the stronger the colour, the more of them have this value.</p>\n<div class=\"grid small\">\n"
        .to_string();
    for layer in &layers {
        let title = format!("{}: spread of the weights over epochs", layer.0);
        body.push_str(&card(&svg(&title, (WIDTH, TITLE + PLOT + BELOW), |canvas| draw(canvas, layer))?));
    }
    body.push_str("</div>\n");
    Ok(section("weights", "Weights", &body))
}

fn is_sound(histogram: &WeightHistogram) -> bool {
    let WeightHistogram { least, most, counts, .. } = histogram;
    least.is_finite() && most.is_finite() && least <= most && counts.iter().any(|count| *count > 0)
}

fn draw<B: DrawingBackend>(canvas: &mut Canvas<'_, B>, (name, layer): &Layer<'_>) -> Drawn {
    let plot = Area { left: LEFT, top: TITLE, width: WIDTH - LEFT - RIGHT, height: PLOT };
    let short: String = name.chars().take(44).collect();
    canvas.text(&short, (LEFT, TITLE / 2.0 + 1.0), 15.0, INK, Anchor::Start)?;
    let (Some((first, _)), Some((last, _))) = (layer.first(), layer.last()) else {
        return Ok(());
    };
    let (first, last) = (f64::from(*first), f64::from(*last));
    let y = values_axis(layer);
    let (width, _) = canvas.pixels(&plot);
    canvas.raster(&plot, heat(layer, &y, if first < last { width } else { 1 }))?;
    for (value, text) in y.ticks(5) {
        let (x, height) = plot.at(0.0, y.part(value));
        canvas.line([(x - 4.0, height), (x, height)], QUIET, 1.0)?;
        canvas.text(&text, (x - 7.0, height), TEXT, QUIET, Anchor::End)?;
    }
    let x = Axis { low: first, high: last.max(first + 1e-9), log: false, whole: true };
    for (value, text) in x.ticks(5) {
        let part = if first < last { x.part(value) } else { 0.5 };
        let (at, bottom) = plot.at(part, 0.0);
        canvas.line([(at, bottom), (at, bottom + 4.0)], QUIET, 1.0)?;
        canvas.text(&text, (at, bottom + 6.0), TEXT, QUIET, Anchor::Below)?;
    }
    canvas.text("epoch", (plot.left + plot.width / 2.0, plot.bottom() + 34.0), TEXT, QUIET, Anchor::Middle)?;
    canvas.text("weight", (12.0, TITLE + PLOT / 2.0), TEXT, QUIET, Anchor::Upwards)?;
    canvas.frame(&plot)
}

/// From the value below which hardly any weight lies, in all epochs together, to that above which hardly any does.
fn values_axis(layer: &[(u32, &WeightHistogram)]) -> Axis {
    let mut bins: Vec<(f64, f64, f64)> = Vec::new();
    for (_, histogram) in layer {
        let total: f64 = histogram.counts.iter().map(|count| f64::from(*count)).sum();
        for (index, &count) in histogram.counts.iter().enumerate().filter(|(_, count)| **count > 0) {
            let (low, high) = bin(histogram, index);
            bins.push((low, high, f64::from(count) / total / layer.len() as f64));
        }
    }
    let outermost = |bins: &[(f64, f64, f64)]| {
        let mut beyond = 0.0;
        bins.iter()
            .find(|bin| {
                beyond += bin.2;
                beyond > TAIL
            })
            .copied()
    };
    bins.sort_by(|a, b| a.0.total_cmp(&b.0));
    let low = outermost(&bins).map_or(0.0, |bin| bin.0);
    bins.sort_by(|a, b| b.1.total_cmp(&a.1));
    let high = outermost(&bins).map_or(0.0, |bin| bin.1);
    let all = Axis::over([low, high], false, true);
    all.unwrap_or(Axis { low: -1.0, high: 1.0, log: false, whole: false })
}

/// Ends of a bin.
fn bin(histogram: &WeightHistogram, index: usize) -> (f64, f64) {
    let (least, most) = (f64::from(histogram.least), f64::from(histogram.most));
    let width = (most - least) / histogram.counts.len() as f64;
    (least + width * index as f64, least + width * (index + 1) as f64)
}

/// The share of weights in every row of values, at the epochs from left to right.
fn heat(layer: &[(u32, &WeightHistogram)], y: &Axis, width: usize) -> Raster {
    let row_of = |value: f64| y.part(value) * ROWS as f64;
    let columns: Vec<Vec<f64>> = layer.iter().map(|(_, histogram)| shares(histogram, row_of)).collect();
    let most = columns.iter().flatten().fold(f64::MIN_POSITIVE, |most, &share| most.max(share));
    let (first, last) = layer.first().zip(layer.last()).map_or((0, 0), |(first, last)| (first.0, last.0));
    let mut values = vec![0; width * ROWS];
    let mut entry = 0;
    for column in 0..width {
        let epoch = f64::from(first) + f64::from(last.saturating_sub(first)) * (column as f64 + 0.5) / width as f64;
        // The nearest one.
        let off = |entry: usize| (f64::from(layer[entry].0) - epoch).abs();
        while entry + 1 < layer.len() && off(entry + 1) <= off(entry) {
            entry += 1;
        }
        for (row, share) in columns[entry].iter().enumerate() {
            // The root shows tails that are thin beside a narrow peak.
            values[(ROWS - 1 - row) * width + column] = level((share / most).sqrt() as f32);
        }
    }
    Raster { width, height: ROWS, values, palette: Palette::Heat }
}

/// How much of a histogram falls into each row, from the bottom; each bin spread evenly over the rows that it covers.
fn shares(histogram: &WeightHistogram, row_of: impl Fn(f64) -> f64) -> Vec<f64> {
    let total: f64 = histogram.counts.iter().map(|count| f64::from(*count)).sum();
    let mut shares = vec![0.0; ROWS];
    for (index, &count) in histogram.counts.iter().enumerate() {
        let (low, high) = bin(histogram, index);
        let (low, high) = (row_of(low), row_of(high));
        let share = f64::from(count) / total;
        let rows = (low as usize).min(ROWS - 1)..=(high as usize).min(ROWS - 1);
        for row in rows {
            let covered = high.min((row + 1) as f64) - low.max(row as f64);
            // What lies beyond the axis, or has no width, falls into one row.
            shares[row] += if high - low > 1e-9 { share * covered.max(0.0) / (high - low) } else { share };
        }
    }
    shares
}

#[cfg(test)]
mod tests {
    use super::*;

    fn histogram(tensor: &str, least: f32, most: f32, counts: &[u32]) -> WeightHistogram {
        WeightHistogram { tensor: tensor.into(), least, most, counts: counts.to_vec() }
    }

    #[test]
    fn shares_of_a_histogram_add_up_and_lie_at_their_values() {
        let axis = Axis { low: -1.0, high: 1.0, log: false, whole: false };
        let row_of = |value: f64| axis.part(value) * ROWS as f64;
        let shares_of = |h: &WeightHistogram| shares(h, row_of);
        let whole = shares_of(&histogram("w", -1.0, 1.0, &[1, 2, 3, 4]));
        assert!((whole.iter().sum::<f64>() - 1.0).abs() < 1e-9);
        assert!((whole[..ROWS / 2].iter().sum::<f64>() - 0.3).abs() < 0.02);
        let narrow = shares_of(&histogram("w", 0.5, 0.5, &[9]));
        assert_eq!(narrow.iter().position(|share| *share > 0.0), Some(ROWS * 3 / 4));
        assert!((narrow.iter().sum::<f64>() - 1.0).abs() < 1e-9);
    }

    #[test]
    fn far_weights_do_not_press_the_axis_flat() {
        let mut counts = [0; 1000];
        counts[500] = 100_000;
        counts[999] = 3;
        let tall = histogram("w", -50.0, 50.0, &counts);
        let axis = values_axis(&[(1, &tall)]);
        assert!(axis.low > -0.1 && axis.high < 0.2, "{axis:?}");
    }

    #[test]
    fn heat_moves_with_the_epochs() {
        let (low, high) = (histogram("w", 0.0, 1.0, &[1, 0]), histogram("w", 0.0, 1.0, &[0, 1]));
        let axis = Axis { low: 0.0, high: 1.0, log: false, whole: false };
        let raster = heat(&[(1, &low), (101, &high)], &axis, 100);
        let at = |row: usize, column: usize| raster.values[row * 100 + column];
        assert_eq!([at(70, 10), at(5, 10), at(70, 90), at(5, 90)], [255, 0, 0, 255]);
        assert_eq!([at(5, 49), at(5, 50)], [0, 255], "the nearest epoch");
    }

    #[test]
    fn hostile_histograms_are_left_out_or_drawn() {
        let odd = vec![
            histogram("nan", f32::NAN, 1.0, &[1]),
            histogram("none", 0.0, 1.0, &[]),
            histogram("empty", 0.0, 1.0, &[0, 0]),
            histogram("turned", 1.0, 0.0, &[1]),
            histogram("<script>", 0.0, 0.0, &[u32::MAX, u32::MAX]),
            histogram("far", f32::MIN, f32::MAX, &[1, 0, 1]),
        ];
        let html = weights(&[(7, odd.clone()), (7, odd.clone()), (3, odd)]).expect("pictures");
        assert_eq!(html.matches("<svg").count(), 2);
        assert!(!html.contains("<script>"));
        assert_eq!(weights(&[]).expect("nothing"), "");
    }
}
