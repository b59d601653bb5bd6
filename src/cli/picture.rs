//! Pictures of sound: waveform and spectrogram, one above the other, as a PNG. The font is in the binary.

use super::{error::CliError, output::replace_file};
use crate::dsp::{level::gain_to_db, stft::MagnitudeStft};
use plotters::{
    coord::Shift,
    element::BitMapElement,
    prelude::{
        BitMapBackend, DrawingArea, DrawingAreaErrorKind, IntoDrawingArea, PathElement, RGBColor, Rectangle, Text,
    },
    style::{
        Color, FontStyle, TextStyle, register_font,
        text_anchor::{HPos, Pos, VPos},
    },
};
use std::{
    error::Error,
    fs::File,
    io::{self, BufWriter},
    path::Path,
};

/// A sound to be shown.
#[derive(Clone, Debug)]
pub struct Take<'a> {
    /// Written above it.
    pub title: String,
    /// `[sample]`
    pub samples: &'a [f32],
}

/// A moment to be marked in all takes.
#[derive(Clone, Debug)]
pub struct Mark {
    /// When.
    pub seconds: f64,
    /// What happens there.
    pub label: &'static str,
}

const WIDTH: i32 = 1400;
const LEFT: i32 = 84;
const RIGHT: i32 = 96;
const TITLE: i32 = 40;
const WAVE: i32 = 120;
const GAP: i32 = 12;
const SPECTROGRAM: i32 = 260;
const TIME_AXIS: i32 = 52;
const TAKE: i32 = TITLE + WAVE + GAP + SPECTROGRAM + TIME_AXIS;
const PLOT_WIDTH: i32 = WIDTH - LEFT - RIGHT;

/// Frequencies shown; the upper one is lowered to half the rate.
const LEAST_HZ: f32 = 60.0;
const MOST_HZ: f32 = 10_000.0;
/// Levels shown, relative to a full-scale sine.
const LEAST_DB: f32 = -100.0;
const MOST_DB: f32 = -15.0;
/// Longest windows separate low notes, shorter ones separate onsets.
const WINDOW_SECONDS: f64 = 0.08;

const BACKGROUND: RGBColor = RGBColor(255, 255, 255);
const INK: RGBColor = RGBColor(40, 40, 46);
const FAINT: RGBColor = RGBColor(200, 200, 206);
const WAVE_INK: RGBColor = RGBColor(52, 92, 140);
const MARK_INK: RGBColor = RGBColor(220, 60, 40);
/// From quiet to loud; lightness rises all the way, so that it reads in grey too.
const COLOURS: [[f32; 3]; 6] = [
    [0.0, 0.0, 8.0],
    [40.0, 11.0, 84.0],
    [120.0, 28.0, 109.0],
    [205.0, 65.0, 70.0],
    [250.0, 150.0, 25.0],
    [252.0, 250.0, 160.0],
];
const FONT: &str = "label";

type Canvas<'a> = DrawingArea<BitMapBackend<'a>, Shift>;
type Drawn = Result<(), Box<dyn Error + Send + Sync>>;

/// Draws the takes one above the other, on common scales.
///
/// # Errors
/// [`CliError::Io`]; nothing is left behind.
pub fn draw_picture(path: &Path, sample_rate_hz: u32, takes: &[Take<'_>], mark: Option<&Mark>) -> Result<(), CliError> {
    replace_file(path, |part| {
        let size = (WIDTH as u32, (TAKE * takes.len() as i32 + GAP) as u32);
        let mut pixels = vec![0; 3 * size.0 as usize * size.1 as usize];
        draw(&mut pixels, size, sample_rate_hz, takes, mark).map_err(io::Error::other)?;
        let mut encoder = png::Encoder::new(BufWriter::new(File::create(part)?), size.0, size.1);
        encoder.set_color(png::ColorType::Rgb);
        let mut writer = encoder.write_header().map_err(io::Error::other)?;
        writer.write_image_data(&pixels).map_err(io::Error::other)?;
        writer.finish().map_err(io::Error::other)
    })
}

/// Fills `pixels`, RGB bytes row by row.
fn draw(pixels: &mut [u8], size: (u32, u32), sample_rate_hz: u32, takes: &[Take<'_>], mark: Option<&Mark>) -> Drawn {
    register_font(FONT, FontStyle::Normal, dejavu::sans::regular()).map_err(|_| "the font in the binary is damaged")?;
    let canvas = BitMapBackend::with_buffer(pixels, size).into_drawing_area();
    canvas.fill(&BACKGROUND).map_err(owned)?;
    let peak = takes.iter().flat_map(|take| take.samples).fold(0.1f32, |peak, x| peak.max(x.abs()));
    let scales = Scales {
        rate: f64::from(sample_rate_hz),
        samples: takes.iter().map(|take| take.samples.len()).max().unwrap_or(0).max(1),
        peak: (peak * 10.0).ceil() / 10.0,
        most_hz: MOST_HZ.min(0.5 * sample_rate_hz as f32),
    };
    for (index, take) in takes.iter().enumerate() {
        let top = TAKE * index as i32;
        write(&canvas, &take.title, (LEFT, top + TITLE - 10), 19.0, (HPos::Left, VPos::Bottom))?;
        draw_wave(&canvas, take, &scales, top + TITLE)?;
        draw_spectrogram(&canvas, take, &scales, top + TITLE + WAVE + GAP)?;
        draw_times(&canvas, &scales, top + TITLE)?;
        if let Some(mark) = mark {
            draw_mark(&canvas, mark, &scales, top + TITLE)?;
        }
    }
    canvas.present().map_err(owned)
}

/// What all takes share.
struct Scales {
    rate: f64,
    samples: usize,
    peak: f32,
    most_hz: f32,
}

impl Scales {
    /// The first sample of a column of the plot.
    fn sample_at(&self, column: i32) -> usize {
        (column as f64 * self.samples as f64 / f64::from(PLOT_WIDTH)) as usize
    }

    fn x_of(&self, seconds: f64) -> i32 {
        LEFT + (seconds * self.rate / self.samples as f64 * f64::from(PLOT_WIDTH)).round() as i32
    }

    fn seconds(&self) -> f64 {
        self.samples as f64 / self.rate
    }

    /// The frequency at a height of 0 (bottom) to 1 (top).
    fn hz_at(&self, height: f32) -> f32 {
        LEAST_HZ * libm::powf(self.most_hz / LEAST_HZ, height)
    }

    fn height_of(&self, hz: f32) -> f32 {
        libm::logf(hz / LEAST_HZ) / libm::logf(self.most_hz / LEAST_HZ)
    }
}

fn draw_wave(canvas: &Canvas<'_>, take: &Take<'_>, scales: &Scales, top: i32) -> Drawn {
    let half = WAVE / 2;
    let y = |value: f32| top + half - (value / scales.peak * half as f32).round() as i32;
    for value in [-scales.peak, 0.0, scales.peak] {
        line(canvas, [(LEFT, y(value)), (LEFT + PLOT_WIDTH, y(value))], &FAINT)?;
        write(canvas, &format!("{value:.1}"), (LEFT - 8, y(value)), 15.0, (HPos::Right, VPos::Center))?;
    }
    for column in 0..PLOT_WIDTH {
        let end = scales.sample_at(column + 1).min(take.samples.len());
        let span = &take.samples[scales.sample_at(column).min(end)..end];
        let (low, high) = span.iter().fold((f32::MAX, f32::MIN), |(low, high), &x| (low.min(x), high.max(x)));
        if low <= high {
            line(canvas, [(LEFT + column, y(low)), (LEFT + column, y(high) - 1)], &WAVE_INK)?;
        }
    }
    Ok(())
}

fn draw_spectrogram(canvas: &Canvas<'_>, take: &Take<'_>, scales: &Scales, top: i32) -> Drawn {
    let image = spectrogram(take, scales);
    let size = (PLOT_WIDTH as u32, SPECTROGRAM as u32);
    let element: BitMapElement<'_, (i32, i32)> =
        BitMapElement::with_owned_buffer((LEFT, top), size, image).ok_or("a picture of another size")?;
    canvas.draw(&element).map_err(owned)?;
    for hz in [100.0f32, 200.0, 500.0, 1000.0, 2000.0, 5000.0, 10_000.0].into_iter().filter(|&hz| hz <= scales.most_hz)
    {
        let y = top + SPECTROGRAM - (scales.height_of(hz) * SPECTROGRAM as f32).round() as i32;
        line(canvas, [(LEFT - 5, y), (LEFT - 1, y)], &INK)?;
        let text = if hz < 1000.0 { format!("{hz} Hz") } else { format!("{} kHz", hz / 1000.0) };
        write(canvas, &text, (LEFT - 8, y), 15.0, (HPos::Right, VPos::Center))?;
    }
    let x = LEFT + PLOT_WIDTH + 14;
    for row in 0..SPECTROGRAM {
        let part = 1.0 - row as f32 / SPECTROGRAM as f32;
        let [r, g, b] = colour(part);
        line(canvas, [(x, top + row), (x + 14, top + row)], &RGBColor(r, g, b))?;
    }
    for db in [-100, -80, -60, -40, -20] {
        let part = (db as f32 - LEAST_DB) / (MOST_DB - LEAST_DB);
        let y = top + SPECTROGRAM - (part * SPECTROGRAM as f32).round() as i32;
        // A minus as wide as the plus of other programs, not a hyphen.
        write(canvas, &format!("−{} dB", -db), (x + 20, y), 13.0, (HPos::Left, VPos::Center))?;
    }
    Ok(())
}

/// RGB bytes of the spectrogram, row by row from the top.
fn spectrogram(take: &Take<'_>, scales: &Scales) -> Vec<u8> {
    let window = ((WINDOW_SECONDS * scales.rate) as usize).next_power_of_two().max(64);
    let mut stft = MagnitudeStft::new(window, window);
    // The peak of a full-scale sine: half the sum of the Blackman window, 0.42 N / 2.
    let full_scale = 0.21 * window as f32;
    let bin_hz = scales.rate as f32 / window as f32;
    let mut magnitudes = vec![0.0; stft.bins()];
    let mut samples = vec![0.0; window];
    let mut image = vec![0; (3 * PLOT_WIDTH * SPECTROGRAM) as usize];
    for column in 0..PLOT_WIDTH {
        let centre = (scales.sample_at(column) + scales.sample_at(column + 1)) / 2;
        for (offset, slot) in samples.iter_mut().enumerate() {
            let index = (centre + offset).checked_sub(window / 2);
            *slot = index.and_then(|index| take.samples.get(index)).copied().filter(|x| x.is_finite()).unwrap_or(0.0);
        }
        stft.magnitudes(&samples, &mut magnitudes);
        for row in 0..SPECTROGRAM {
            let height = |edge: f32| (SPECTROGRAM as f32 - row as f32 - edge) / SPECTROGRAM as f32;
            let (low, high) = (scales.hz_at(height(1.0)) / bin_hz, scales.hz_at(height(0.0)) / bin_hz);
            let db = gain_to_db(largest(&magnitudes, low, high) / full_scale);
            let rgb = colour((db - LEAST_DB) / (MOST_DB - LEAST_DB));
            let at = (3 * (row * PLOT_WIDTH + column)) as usize;
            image[at..at + 3].copy_from_slice(&rgb);
        }
    }
    image
}

/// The largest magnitude between two places on the axis of bins; between bins on a straight line.
fn largest(magnitudes: &[f32], low: f32, high: f32) -> f32 {
    let last = magnitudes.len() - 1;
    let between = |place: f32| {
        let bin = (place as usize).min(last);
        let part = (place - bin as f32).clamp(0.0, 1.0);
        magnitudes[bin] * (1.0 - part) + magnitudes[(bin + 1).min(last)] * part
    };
    let inside = magnitudes.get(low.ceil() as usize..=(high.floor() as usize).min(last)).unwrap_or(&[]);
    inside.iter().fold(between(low).max(between(high)), |top, &m| top.max(m))
}

fn colour(part: f32) -> [u8; 3] {
    let place = part.clamp(0.0, 1.0) * (COLOURS.len() - 1) as f32;
    let index = (place as usize).min(COLOURS.len() - 2);
    let mix = place - index as f32;
    std::array::from_fn(|i| (COLOURS[index][i] * (1.0 - mix) + COLOURS[index + 1][i] * mix).round() as u8)
}

fn draw_times(canvas: &Canvas<'_>, scales: &Scales, top: i32) -> Drawn {
    let bottom = top + WAVE + GAP + SPECTROGRAM;
    for (from, to) in [(top, top + WAVE), (top + WAVE + GAP, bottom)] {
        let frame = Rectangle::new([(LEFT - 1, from - 1), (LEFT + PLOT_WIDTH, to)], INK.stroke_width(1));
        canvas.draw(&frame).map_err(owned)?;
    }
    // The finest step of 1, 2 or 5 that gives at most 12 labels.
    let steps = (-2..=6).flat_map(|power| [1.0, 2.0, 5.0].map(|step| step * libm::pow(10.0, f64::from(power))));
    let step = steps.into_iter().find(|step| scales.seconds() / step <= 12.0).unwrap_or(1e6);
    let decimals = if step >= 1.0 {
        0
    } else if step >= 0.1 {
        1
    } else {
        2
    };
    for index in 0..=(scales.seconds() / step) as i32 {
        let seconds = f64::from(index) * step;
        let x = scales.x_of(seconds);
        line(canvas, [(x, bottom), (x, bottom + 5)], &INK)?;
        write(canvas, &format!("{seconds:.decimals$} s"), (x, bottom + 8), 15.0, (HPos::Center, VPos::Top))?;
    }
    Ok(())
}

fn draw_mark(canvas: &Canvas<'_>, mark: &Mark, scales: &Scales, top: i32) -> Drawn {
    let x = scales.x_of(mark.seconds);
    let bottom = top + WAVE + GAP + SPECTROGRAM;
    // Dashed: the sound below stays readable.
    for y in (top..bottom).step_by(8) {
        line(canvas, [(x, y), (x, (y + 4).min(bottom))], &MARK_INK)?;
    }
    write(canvas, mark.label, (x + 6, top + 4), 14.0, (HPos::Left, VPos::Top))
}

fn line(canvas: &Canvas<'_>, points: [(i32, i32); 2], colour: &RGBColor) -> Drawn {
    canvas.draw(&PathElement::new(points, *colour)).map_err(owned)
}

fn write(canvas: &Canvas<'_>, text: &str, place: (i32, i32), size: f64, (h, v): (HPos, VPos)) -> Drawn {
    let style = TextStyle::from((FONT, size)).color(&INK).pos(Pos::new(h, v));
    canvas.draw(&Text::new(text.to_string(), place, style)).map_err(owned)
}

/// The plotter's errors borrow its types; their text is all that is told.
fn owned<E: Error + Send + Sync>(error: DrawingAreaErrorKind<E>) -> Box<dyn Error + Send + Sync> {
    error.to_string().into()
}
