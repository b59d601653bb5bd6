//! Drawing in design units, as SVG or as pixels, by the same code. Colours are fixed here; the style sheet of a report
//! exchanges them in the dark.

use super::{
    error::{Drawn, FigureError},
    raster::Raster,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use plotters::{
    coord::Shift,
    element::BitMapElement,
    prelude::{
        BitMapBackend, DrawingArea, DrawingBackend, IntoDrawingArea, PathElement, Polygon, RGBColor, SVGBackend, Text,
    },
    style::{
        Color, FontDesc, FontFamily, FontStyle, FontTransform, ShapeStyle, TextStyle, register_font,
        text_anchor::{HPos, Pos, VPos},
    },
};
/// The ground.
pub const PAPER: RGBColor = RGBColor(255, 255, 255);
/// Texts and curves.
pub const INK: RGBColor = RGBColor(40, 40, 46);
/// Titles of axes, labels of ticks.
pub const QUIET: RGBColor = RGBColor(94, 96, 106);
/// Lines of a grid.
pub const FAINT: RGBColor = RGBColor(222, 223, 229);
/// What is pointed at.
pub const MARK: RGBColor = RGBColor(220, 60, 40);
/// Curves, told apart also by the colour-blind (after Okabe and Ito 2008).
pub const SERIES: [RGBColor; 7] = [
    RGBColor(0, 108, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 148, 110),
    RGBColor(190, 90, 150),
    RGBColor(214, 146, 0),
    RGBColor(60, 166, 220),
    RGBColor(120, 122, 132),
];

/// Stands where an SVG gets its pictures; see [`with_rasters`].
const PLACE: RGBColor = RGBColor(254, 1, 0);
/// Units of an SVG's coordinates per design unit: coordinates are whole numbers.
const FINENESS: f64 = 8.0;
/// Pixels per design unit of a bitmap.
const PIXELS: f64 = 2.0;
/// Generic, so that every browser has it; in bitmaps the one in the binary stands for it.
const FONT: FontFamily<'static> = FontFamily::SansSerif;
/// plotters writes sizes into an SVG divided by this.
const SVG_FONT: f64 = 1.24;
/// In a bitmap the size is the height of a line; and the font in the binary is a wide one.
const BITMAP_FONT: f64 = 1.05;
/// There a line is centred with what reaches below it: by this part of its size it stands too high.
const BITMAP_LIFT: f64 = 0.09;
/// Coordinates beyond are pulled in: no sum of them overflows.
const FARTHEST: f64 = 1e6;

/// A place in design units, y downwards.
pub type Place = (f64, f64);

/// A rectangle in design units.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Area {
    /// x of its left edge.
    pub left: f64,
    /// y of its upper edge.
    pub top: f64,
    /// To the right.
    pub width: f64,
    /// Downwards.
    pub height: f64,
}

impl Area {
    /// x of its right edge.
    pub fn right(&self) -> f64 {
        self.left + self.width
    }

    /// y of its lower edge.
    pub fn bottom(&self) -> f64 {
        self.top + self.height
    }

    /// The place at parts of the width and, from the bottom, of the height.
    pub fn at(&self, x: f64, y: f64) -> Place {
        (self.left + x * self.width, self.bottom() - y * self.height)
    }
}

/// Where a text stands relative to its place.
#[derive(Clone, Copy, Debug)]
pub enum Anchor {
    /// To the right of it.
    Start,
    /// To the left of it.
    End,
    /// Centred on it.
    Middle,
    /// Centred below it.
    Below,
    /// Centred on it, read from the bottom to the top.
    Upwards,
}

/// A surface to draw on.
pub struct Canvas<'a, B: DrawingBackend> {
    area: DrawingArea<B, Shift>,
    /// Backend's units per design unit.
    scale: f64,
    /// SVG: pictures to be put in afterwards. Bitmap: none.
    rasters: Option<&'a mut Vec<Raster>>,
}

/// Draws an SVG of `width` by `height`; `title` is what is read out instead of it.
pub fn svg(
    title: &str,
    (width, height): (f64, f64),
    draw: impl FnOnce(&mut Canvas<'_, SVGBackend<'_>>) -> Drawn,
) -> Result<String, FigureError> {
    let mut text = String::new();
    let mut rasters = Vec::new();
    {
        let size = ((width * FINENESS) as u32, (height * FINENESS) as u32);
        let area = SVGBackend::with_string(&mut text, size).into_drawing_area();
        area.fill(&PAPER).map_err(FigureError::new)?;
        let mut canvas = Canvas { area, scale: FINENESS, rasters: Some(&mut rasters) };
        draw(&mut canvas)?;
        canvas.area.present().map_err(FigureError::new)?;
    }
    let body = text.split_once('>').ok_or_else(|| FigureError::new("an SVG without a beginning"))?.1;
    let body = with_rasters(body, &rasters)?;
    let (w, h) = (width * FINENESS, height * FINENESS);
    Ok(format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {w} {h}\" \
         role=\"img\"><title>{}</title>{body}",
        super::html::escape(title)
    ))
}

/// Draws RGB pixels, row by row; returns them with their width and height.
pub fn bitmap(
    (width, height): (f64, f64),
    draw: impl FnOnce(&mut Canvas<'_, BitMapBackend<'_>>) -> Drawn,
) -> Result<(Vec<u8>, u32, u32), FigureError> {
    register_font("sans-serif", FontStyle::Normal, dejavu::sans::regular())
        .map_err(|_| FigureError::new("the font in the binary is damaged"))?;
    let size = ((width * PIXELS) as u32, (height * PIXELS) as u32);
    let mut pixels = vec![0; 3 * size.0 as usize * size.1 as usize];
    {
        let area = BitMapBackend::with_buffer(&mut pixels, size).into_drawing_area();
        area.fill(&PAPER).map_err(FigureError::new)?;
        let mut canvas = Canvas { area, scale: PIXELS, rasters: None };
        draw(&mut canvas)?;
        canvas.area.present().map_err(FigureError::new)?;
    }
    Ok((pixels, size.0, size.1))
}

impl<B: DrawingBackend> Canvas<'_, B> {
    /// Pixels that a raster should have in an area.
    pub fn pixels(&self, area: &Area) -> (usize, usize) {
        let density = if self.rasters.is_some() { 1.0 } else { PIXELS };
        ((area.width * density) as usize, (area.height * density) as usize)
    }

    /// A line through points.
    pub fn line(&mut self, points: impl IntoIterator<Item = Place>, colour: RGBColor, width: f64) -> Drawn {
        let style = self.stroke(colour, 1.0, width);
        self.path(points, style)
    }

    /// A line through which others are seen.
    pub fn pale_line(&mut self, points: impl IntoIterator<Item = Place>, colour: RGBColor, width: f64) -> Drawn {
        let style = self.stroke(colour, 0.35, width);
        self.path(points, style)
    }

    /// Dashes of 5 units.
    pub fn dashes(&mut self, points: &[Place], colour: RGBColor, width: f64) -> Drawn {
        let style = self.stroke(colour, 1.0, width);
        // Carried over from piece to piece, so that curves of many pieces are dashed too.
        let mut gone = 0.0;
        for pair in points.windows(2) {
            let ((x0, y0), (x1, y1)) = (pair[0], pair[1]);
            let length = libm::hypot(x1 - x0, y1 - y0);
            let mut from = 0.0;
            while from < length {
                let phase = libm::fmod(gone, 10.0);
                let rest = if phase < 5.0 { 5.0 - phase } else { 10.0 - phase };
                // Ensures progress in spite of rounding.
                let to = (from + rest.max(0.01)).min(length);
                let at = |part: f64| (x0 + (x1 - x0) * part / length, y0 + (y1 - y0) * part / length);
                if phase < 5.0 {
                    self.path([at(from), at(to)], style)?;
                }
                gone += to - from;
                from = to;
            }
        }
        Ok(())
    }

    /// A filled polygon.
    pub fn polygon(&mut self, points: impl IntoIterator<Item = Place>, colour: RGBColor) -> Drawn {
        let points: Vec<(i32, i32)> = points.into_iter().map(|place| self.unit(place)).collect();
        self.area.draw(&Polygon::new(points, colour.filled())).map_err(FigureError::new)
    }

    /// A frame of thin lines.
    pub fn frame(&mut self, area: &Area) -> Drawn {
        let corners = [area.at(0.0, 0.0), area.at(1.0, 0.0), area.at(1.0, 1.0), area.at(0.0, 1.0), area.at(0.0, 0.0)];
        self.line(corners, QUIET, 0.8)
    }

    /// A text of one line; `size` in design units.
    pub fn text(&mut self, text: &str, place: Place, size: f64, colour: RGBColor, anchor: Anchor) -> Drawn {
        let (h, v) = match anchor {
            Anchor::Start => (HPos::Left, VPos::Center),
            Anchor::End => (HPos::Right, VPos::Center),
            Anchor::Middle | Anchor::Upwards => (HPos::Center, VPos::Center),
            Anchor::Below => (HPos::Center, VPos::Top),
        };
        let turn = if matches!(anchor, Anchor::Upwards) { FontTransform::Rotate270 } else { FontTransform::None };
        let (factor, lift) = if self.rasters.is_some() { (SVG_FONT, 0.0) } else { (BITMAP_FONT, BITMAP_LIFT * size) };
        let place =
            if matches!(anchor, Anchor::Upwards) { (place.0 + lift, place.1) } else { (place.0, place.1 + lift) };
        let font = FontDesc::new(FONT, size * factor * self.scale, FontStyle::Normal).transform(turn);
        let style = TextStyle::from(font).color(&colour).pos(Pos::new(h, v));
        let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        self.area.draw(&Text::new(text, self.unit(place), style)).map_err(FigureError::new)
    }

    /// A picture that fills an area.
    pub fn raster(&mut self, area: &Area, raster: Raster) -> Drawn {
        let (low, high) = (self.unit(area.at(0.0, 1.0)), self.unit(area.at(1.0, 0.0)));
        match &mut self.rasters {
            Some(rasters) => {
                rasters.push(raster);
                let place = plotters::element::Rectangle::new([low, high], PLACE.filled());
                self.area.draw(&place).map_err(FigureError::new)
            }
            None => {
                let (width, height) = self.pixels(area);
                let pixels = raster.stretched(width, height).rgb();
                let element: BitMapElement<'_, (i32, i32)> =
                    BitMapElement::with_owned_buffer(low, (width as u32, height as u32), pixels)
                        .ok_or_else(|| FigureError::new("pixels of another size"))?;
                self.area.draw(&element).map_err(FigureError::new)
            }
        }
    }

    fn path(&mut self, points: impl IntoIterator<Item = Place>, style: ShapeStyle) -> Drawn {
        let points: Vec<(i32, i32)> = points.into_iter().map(|place| self.unit(place)).collect();
        self.area.draw(&PathElement::new(points, style)).map_err(FigureError::new)
    }

    fn stroke(&self, colour: RGBColor, alpha: f64, width: f64) -> ShapeStyle {
        let width = (width * self.scale).round().max(1.0) as u32;
        ShapeStyle { color: colour.mix(alpha), filled: false, stroke_width: width }
    }

    fn unit(&self, (x, y): Place) -> (i32, i32) {
        // A number that is none becomes 0.
        let unit = |value: f64| (value.clamp(-FARTHEST, FARTHEST) * self.scale).round() as i32;
        (unit(x), unit(y))
    }
}

/// Puts pictures in the places that were left for them, in order.
fn with_rasters(body: &str, rasters: &[Raster]) -> Result<String, FigureError> {
    let mut rasters = rasters.iter();
    let place = format!(" opacity=\"1\" fill=\"#{:02X}{:02X}{:02X}\" stroke=\"none\"/>", PLACE.0, PLACE.1, PLACE.2);
    let mut whole = String::with_capacity(body.len());
    for line in body.lines() {
        match line.strip_suffix(&place).and_then(|line| line.strip_prefix("<rect")) {
            Some(position) => {
                let raster = rasters.next().ok_or_else(|| FigureError::new("a picture too few"))?;
                let data = STANDARD.encode(raster.png()?);
                whole.push_str("<image preserveAspectRatio=\"none\"");
                whole.push_str(position);
                whole.push_str(" href=\"data:image/png;base64,");
                whole.push_str(&data);
                whole.push_str("\"/>\n");
            }
            None => {
                whole.push_str(line);
                whole.push('\n');
            }
        }
    }
    Ok(whole)
}
