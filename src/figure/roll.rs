//! Pictures of piano rolls: keys over steps.

use super::{
    canvas::{Anchor, Area, Canvas, FAINT, INK, MARK, QUIET, bitmap},
    error::{Drawn, FigureError},
    raster::{Palette, Raster, rgb_png},
};
use plotters::prelude::DrawingBackend;

const LEFT: f64 = 52.0;
const RIGHT: f64 = 20.0;
const TOP: f64 = 34.0;
const BOTTOM: f64 = 40.0;
const GAP: f64 = 46.0;
/// Of a key.
const ROW: f64 = 3.0;
/// Of a step; rolls that are shorter than a page are drawn wider.
const STEP: f64 = 1.0;
const LEAST_WIDTH: f64 = 768.0;
const TEXT: f64 = 14.5;

/// A roll to be shown.
#[derive(Clone, Debug)]
pub struct ShownRoll {
    /// Written above it.
    pub title: String,
    /// Of every step the keys that are held: bit k is key k from the lowest.
    pub columns: Vec<u128>,
}

/// One or more rolls, one below the other, on a common axis of steps.
#[derive(Clone, Debug)]
pub struct RollFigure<'a> {
    /// From the top.
    pub rolls: &'a [ShownRoll],
    /// Keys of a column.
    pub keys: usize,
    /// MIDI number of the lowest key.
    pub lowest: usize,
    /// Steps between two numbers below.
    pub steps_per_measure: usize,
    /// A step to be marked in all rolls, and what happens there.
    pub mark: Option<(usize, &'static str)>,
}

impl RollFigure<'_> {
    /// So many steps of a roll are shown, and no more.
    pub const MAX_STEPS: usize = 2048;

    /// As a PNG file.
    ///
    /// # Errors
    /// [`FigureError`], if the drawing library has one.
    pub fn png(&self) -> Result<Vec<u8>, FigureError> {
        let width = LEFT + RIGHT + self.plot_width();
        let height = TOP + BOTTOM + self.rolls.len() as f64 * self.row_height() - GAP;
        let (pixels, width, height) = bitmap((width, height), |canvas| self.draw(canvas))?;
        rgb_png(&pixels, width, height)
    }

    fn steps(&self) -> usize {
        self.rolls.iter().map(|roll| roll.columns.len()).max().unwrap_or(0).clamp(1, Self::MAX_STEPS)
    }

    fn plot_width(&self) -> f64 {
        (STEP * self.steps() as f64).max(LEAST_WIDTH)
    }

    fn row_height(&self) -> f64 {
        ROW * self.keys as f64 + GAP
    }

    fn draw<B: DrawingBackend>(&self, canvas: &mut Canvas<'_, B>) -> Drawn {
        let steps = self.steps();
        for (index, roll) in self.rolls.iter().enumerate() {
            let top = TOP + index as f64 * self.row_height();
            let area = Area { left: LEFT, top, width: self.plot_width(), height: ROW * self.keys as f64 };
            canvas.text(&roll.title, (LEFT, top - 17.0), 17.0, INK, Anchor::Start)?;
            canvas.raster(&area, self.raster(&roll.columns, steps))?;
            let row = |key: usize| (key as f64 + 0.5) / self.keys as f64;
            for key in (0..self.keys).filter(|key| (key + self.lowest).is_multiple_of(12)) {
                canvas.pale_line([area.at(0.0, row(key)), area.at(1.0, row(key))], QUIET, 0.6)?;
                // Middle C, 60, is C4.
                let name = format!("C{}", (key + self.lowest) as i64 / 12 - 1);
                let (x, y) = area.at(0.0, row(key));
                canvas.text(&name, (x - 7.0, y), TEXT, QUIET, Anchor::End)?;
            }
            let measures = steps.div_ceil(self.steps_per_measure);
            // Numbers stand 30 units apart at least.
            let apart = (measures as f64 * 30.0 / area.width).ceil().max(1.0) as usize;
            for measure in 0..measures {
                let x = (measure * self.steps_per_measure) as f64 / steps as f64;
                canvas.line([area.at(x, 0.0), area.at(x, 1.0)], FAINT, 0.6)?;
                if measure.is_multiple_of(apart) {
                    let (x, y) = area.at(x, 0.0);
                    canvas.text(&(measure + 1).to_string(), (x, y + 6.0), TEXT, QUIET, Anchor::Below)?;
                }
            }
            if let Some((step, label)) = self.mark.filter(|(step, _)| (1..steps).contains(step)) {
                let x = step as f64 / steps as f64;
                canvas.dashes(&[area.at(x, 0.0), area.at(x, 1.0)], MARK, 1.2)?;
                let (x, y) = area.at(x, 1.0);
                canvas.text(label, (x + 5.0, y + 10.0), TEXT, MARK, Anchor::Start)?;
            }
            canvas.frame(&area)?;
        }
        Ok(())
    }

    /// The highest key in the first row.
    fn raster(&self, columns: &[u128], steps: usize) -> Raster {
        let held = |step: usize, key: usize| columns.get(step).is_some_and(|column| column >> key & 1 == 1);
        let rows = (0..self.keys).rev().flat_map(|key| (0..steps).map(move |step| (step, key)));
        let values = rows.map(|(step, key)| if held(step, key) { u8::MAX } else { 0 }).collect();
        Raster { width: steps, height: self.keys, values, palette: Palette::Heat }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figure(rolls: &[ShownRoll]) -> RollFigure<'_> {
        RollFigure { rolls, keys: 88, lowest: 21, steps_per_measure: 16, mark: Some((8, "here")) }
    }

    #[test]
    fn keys_stand_where_they_are_held_the_highest_on_top() {
        let rolls = [ShownRoll { title: "a\nroll".into(), columns: vec![1, 1 << 87, 0] }];
        let raster = figure(&rolls).raster(&rolls[0].columns, 3);
        let on: Vec<usize> = (0..3 * 88).filter(|&place| raster.values[place] > 0).collect();
        assert_eq!(on, [1, 87 * 3]);
    }

    #[test]
    fn rolls_of_every_length_are_drawn() {
        for length in [0, 1, 64, 3000] {
            let roll = ShownRoll { title: "roll".into(), columns: vec![1 << 39; length] };
            let file = figure(&[roll.clone(), roll]).png().expect("a picture");
            let reader = png::Decoder::new(std::io::Cursor::new(&file)).read_info().expect("a PNG file");
            let steps = length.clamp(768, RollFigure::MAX_STEPS) as u32;
            assert_eq!((reader.info().width, reader.info().height), (2 * (steps + 72), 2 * (74 + 2 * (264 + 46) - 46)));
        }
    }
}
