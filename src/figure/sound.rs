//! Pictures of sounds: samples, envelope and spectrogram above a common axis of time.

use super::{
    axis::Axis,
    canvas::{Anchor, Area, Canvas, FAINT, INK, MARK, Place, QUIET, SERIES, bitmap, svg},
    error::{Drawn, FigureError},
    raster::{Palette, Raster, level, rgb_png},
    spectrogram::{Frequencies, MAX_DB, MIN_DB, spectrogram},
    waveform::Waveform,
};
use crate::dsp::level::{gain_to_db, rms};
use plotters::prelude::DrawingBackend;
use std::borrow::Cow;

const WIDTH: f64 = 640.0;
const LEFT: f64 = 78.0;
const RIGHT: f64 = 82.0;
const PLOT: f64 = WIDTH - LEFT - RIGHT;
const TITLE: f64 = 34.0;
const WAVE: f64 = 88.0;
const ENVELOPE: f64 = 88.0;
const SPECTROGRAM: f64 = 190.0;
const GAP: f64 = 16.0;
const TIMES: f64 = 36.0;
const TEXT: f64 = 14.5;
/// The envelope's lowest level, dB full scale.
const FLOOR_DB: f64 = -80.0;
/// Samples that are looked at in one go.
const AT_ONCE: usize = 1 << 16;
/// The envelope looks at least at so much at a time, as a period of a low note is no envelope.
const ENVELOPE_SECONDS: f64 = 0.03;

/// A sound to be shown.
#[derive(Clone)]
pub struct Sound<'a> {
    /// Written above it.
    pub title: String,
    /// What is shown of it.
    pub samples: &'a dyn Waveform,
}

/// A moment to be marked in all sounds.
#[derive(Clone, Debug)]
pub struct Mark {
    /// When.
    pub seconds: f64,
    /// What happens there.
    pub label: &'static str,
}

/// A span of the first sound from which something in the last one came; seconds.
#[derive(Clone, Copy, Debug)]
pub struct Seed {
    /// Where it begins.
    pub start: f64,
    /// Where it ends.
    pub end: f64,
    /// Where what came of it begins.
    pub heard: f64,
}

/// One or more sounds, one below the other, on common scales: samples, envelope (RMS and peak) and spectrogram.
#[derive(Clone)]
pub struct SoundFigure<'a> {
    /// Of all sounds.
    pub sample_rate_hz: u32,
    /// From the top.
    pub sounds: &'a [Sound<'a>],
    /// A dashed line.
    pub mark: Option<Mark>,
    /// Bars below the first sound's samples, and arrows above the last one's.
    pub seeds: &'a [Seed],
    /// Show the envelope too.
    pub envelope: bool,
}

impl SoundFigure<'_> {
    /// As SVG, readable by itself and within HTML, the spectrograms inside. Titles may be hostile.
    ///
    /// # Errors
    /// [`FigureError`] if samples cannot be read; nothing else brings one about.
    pub fn svg(&self) -> Result<String, FigureError> {
        let titles: Vec<&str> = self.sounds.iter().map(|sound| sound.title.as_str()).collect();
        let title = format!("{}: samples, envelope and spectrogram over time", titles.join("; "));
        svg(&title, (WIDTH, self.height()), |canvas| self.draw(canvas))
    }

    /// As a PNG file, two pixels to a unit of the SVG.
    ///
    /// # Errors
    /// As [`Self::svg`].
    pub fn png(&self) -> Result<Vec<u8>, FigureError> {
        let (pixels, width, height) = bitmap((WIDTH, self.height()), |canvas| self.draw(canvas))?;
        rgb_png(&pixels, width, height)
    }

    fn height_of_one(&self) -> f64 {
        let envelope = if self.envelope { ENVELOPE + GAP } else { 0.0 };
        TITLE + WAVE + GAP + envelope + SPECTROGRAM + TIMES
    }

    fn height(&self) -> f64 {
        self.height_of_one() * self.sounds.len().max(1) as f64
    }

    fn draw<B: DrawingBackend>(&self, canvas: &mut Canvas<'_, B>) -> Drawn {
        let samples = self.sounds.iter().map(|sound| sound.samples.length_samples()).max().unwrap_or(0).max(1);
        let mut peak = 0.1f32;
        for sound in self.sounds {
            peak = largest_of(sound.samples)?.max(peak);
        }
        let view = View {
            rate: f64::from(self.sample_rate_hz.max(1)),
            samples,
            peak: f64::from((peak.min(1e6) * 10.0).ceil() / 10.0),
            frequencies: Frequencies::new(self.sample_rate_hz),
        };
        for (index, sound) in self.sounds.iter().enumerate() {
            let mut top = self.height_of_one() * index as f64;
            let mut area = |height: f64| {
                let area = Area { left: LEFT, top, width: PLOT, height };
                top += height + GAP;
                area
            };
            area(TITLE - GAP);
            let wave = area(WAVE);
            let title: String = sound.title.chars().take(66).collect();
            canvas.text(&title, (LEFT, wave.top - 18.0), 17.0, INK, Anchor::Start)?;
            view.wave(canvas, sound.samples, &wave)?;
            if self.envelope {
                view.envelope(canvas, sound.samples, &area(ENVELOPE))?;
            }
            let lowest = area(SPECTROGRAM);
            view.spectrogram(canvas, sound.samples, &lowest)?;
            view.times(canvas, &lowest)?;
            if index == 0 {
                view.seeds(canvas, self.seeds, &wave)?;
            }
            if index + 1 == self.sounds.len() {
                view.heard(canvas, self.seeds, &wave)?;
            }
            if let Some(mark) = &self.mark {
                view.mark(canvas, mark, wave.top, lowest.bottom())?;
            }
        }
        Ok(())
    }
}

/// The largest finite sample, without its sign.
fn largest_of(samples: &dyn Waveform) -> Result<f32, FigureError> {
    let (mut peak, mut start, length) = (0.0f32, 0, samples.length_samples());
    while start < length {
        let end = (start + AT_ONCE).min(length);
        let span = samples.read(start..end)?;
        peak = span.iter().filter(|x| x.is_finite()).fold(peak, |peak, x| peak.max(x.abs()));
        start = end;
    }
    Ok(peak)
}

/// Times of more than two minutes as clocks show them, at most nine; none for shorter sounds.
fn clock_ticks(seconds: f64) -> Option<Vec<(f64, String)>> {
    const STEPS: [u32; 10] = [15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200];
    if seconds <= 120.0 {
        return None;
    }
    let step = STEPS.into_iter().find(|&step| seconds / f64::from(step) <= 8.0).unwrap_or((seconds / 8.0) as u32);
    let ticks = (0..=(seconds / f64::from(step)) as u32).map(|index| {
        let at = index * step;
        let (hours, minutes, rest) = (at / 3600, at / 60 % 60, at % 60);
        let text =
            if seconds < 3600.0 { format!("{minutes}:{rest:02}") } else { format!("{hours}:{minutes:02}:{rest:02}") };
        (f64::from(at), text)
    });
    Some(ticks.collect())
}

/// What all sounds share.
struct View {
    rate: f64,
    samples: usize,
    peak: f64,
    frequencies: Frequencies,
}

impl View {
    /// The part of a sound in a column of the plot, and at least `least` samples around it.
    fn column<'a>(
        &self,
        samples: &'a dyn Waveform,
        column: usize,
        least: usize,
    ) -> Result<Cow<'a, [f32]>, FigureError> {
        let edge = |column: usize| (column as f64 * self.samples as f64 / PLOT) as usize;
        let (start, end) = (edge(column), edge(column + 1));
        let more = least.saturating_sub(end - start);
        let start = start.saturating_sub(more / 2);
        let end = (end + more - more / 2).min(samples.length_samples());
        samples.read(start.min(end)..end)
    }

    fn wave<B: DrawingBackend>(&self, canvas: &mut Canvas<'_, B>, samples: &dyn Waveform, area: &Area) -> Drawn {
        let height = |value: f64| 0.5 + 0.5 * (value / self.peak).clamp(-1.0, 1.0);
        for value in [-self.peak, 0.0, self.peak] {
            let place = area.at(0.0, height(value));
            canvas.line([place, area.at(1.0, height(value))], FAINT, 1.0)?;
            let text = super::axis::short(value, 1);
            canvas.text(&text, (place.0 - 6.0, place.1), TEXT, QUIET, Anchor::End)?;
        }
        // At least a thin line, also where there is silence.
        let thin = 0.4 / area.height;
        let (mut upper, mut lower) = (Vec::new(), Vec::new());
        for column in 0..PLOT as usize {
            let span = self.column(samples, column, 1)?;
            let (low, high) = span
                .iter()
                .filter(|x| x.is_finite())
                .fold((f32::MAX, f32::MIN), |(low, high), &x| (low.min(x), high.max(x)));
            if low <= high {
                let x = column as f64 / PLOT;
                upper.push(area.at(x, height(f64::from(high)) + thin));
                lower.push(area.at(x, height(f64::from(low)) - thin));
            }
        }
        if upper.len() > 1 {
            canvas.polygon(upper.into_iter().chain(lower.into_iter().rev()), SERIES[0])?;
        }
        canvas.text("amplitude", (14.0, area.top + area.height / 2.0), TEXT, QUIET, Anchor::Upwards)?;
        canvas.frame(area)
    }

    fn envelope<B: DrawingBackend>(&self, canvas: &mut Canvas<'_, B>, samples: &dyn Waveform, area: &Area) -> Drawn {
        let axis = Axis { low: FLOOR_DB, high: 0.0, log: false, whole: true };
        for db in [-60, -40, -20] {
            let height = axis.part(f64::from(db));
            let place = area.at(0.0, height);
            canvas.line([place, area.at(1.0, height)], FAINT, 1.0)?;
            canvas.text(&format!("−{}", -db), (place.0 - 6.0, place.1), TEXT, QUIET, Anchor::End)?;
        }
        let least = (ENVELOPE_SECONDS * self.rate) as usize;
        let (mut peaks, mut means): (Vec<Place>, Vec<Place>) = (Vec::new(), Vec::new());
        for column in 0..PLOT as usize {
            let span = self.column(samples, column, least.max(1))?;
            if span.is_empty() {
                break;
            }
            let peak = span.iter().fold(0.0f32, |peak, x| peak.max(x.abs()));
            let place = |gain: f32| area.at(column as f64 / PLOT, axis.part(f64::from(gain_to_db(gain))));
            peaks.push(place(peak));
            means.push(place(rms(&span)));
        }
        for (index, (name, line)) in [("peak", peaks), ("RMS", means)].into_iter().enumerate() {
            let colour = SERIES[1 - index];
            canvas.line(line, colour, 1.3)?;
            let y = area.top + 14.0 + 20.0 * index as f64;
            let x = area.right() + 8.0;
            canvas.line([(x, y), (x + 14.0, y)], colour, 2.0)?;
            canvas.text(name, (x + 19.0, y), TEXT, QUIET, Anchor::Start)?;
        }
        canvas.text("dB FS", (14.0, area.top + area.height / 2.0), TEXT, QUIET, Anchor::Upwards)?;
        canvas.frame(area)
    }

    fn spectrogram<B: DrawingBackend>(&self, canvas: &mut Canvas<'_, B>, samples: &dyn Waveform, area: &Area) -> Drawn {
        let raster = spectrogram(samples, self.samples, &self.frequencies, canvas.pixels(area))?;
        canvas.raster(area, raster)?;
        for (height, text) in self.frequencies.ticks() {
            let (x, y) = area.at(0.0, height);
            canvas.line([(x - 4.0, y), (x, y)], QUIET, 1.0)?;
            canvas.text(text, (x - 6.0, y), TEXT, QUIET, Anchor::End)?;
        }
        let scale = Area { left: area.right() + 8.0, width: 12.0, ..*area };
        let (width, height) = (1, 128);
        let values = (0..height).map(|row| level(1.0 - (row as f32 + 0.5) / height as f32)).collect();
        canvas.raster(&scale, Raster { width, height, values, palette: Palette::Level })?;
        for db in [-100, -80, -60, -40, -20] {
            let height = (f64::from(db) - f64::from(MIN_DB)) / f64::from(MAX_DB - MIN_DB);
            let (x, y) = scale.at(1.0, height);
            // A minus as wide as the plus of other programs, not a hyphen.
            let unit = if db == -20 { " dB" } else { "" };
            canvas.text(&format!("−{}{unit}", -db), (x + 4.0, y), 13.5, QUIET, Anchor::Start)?;
        }
        canvas.frame(area)
    }

    /// The place of a moment, from the left.
    fn place(&self, seconds: f64) -> f64 {
        LEFT + PLOT * (seconds * self.rate / self.samples as f64).clamp(0.0, 1.0)
    }

    fn seeds<B: DrawingBackend>(&self, canvas: &mut Canvas<'_, B>, seeds: &[Seed], area: &Area) -> Drawn {
        for (index, seed) in seeds.iter().enumerate() {
            // Seeds overlap: one in two lies higher.
            let y = area.bottom() - 4.0 - 5.0 * (index % 2) as f64;
            canvas.line([(self.place(seed.start), y), (self.place(seed.end), y)], MARK, 3.0)?;
        }
        if !seeds.is_empty() {
            canvas.text("seeds", (area.right() + 6.0, area.bottom() - 7.0), TEXT, MARK, Anchor::Start)?;
        }
        Ok(())
    }

    fn heard<B: DrawingBackend>(&self, canvas: &mut Canvas<'_, B>, seeds: &[Seed], area: &Area) -> Drawn {
        for seed in seeds {
            let (x, y) = (self.place(seed.heard), area.top);
            canvas.polygon([(x - 4.0, y - 7.0), (x + 4.0, y - 7.0), (x, y)], MARK)?;
        }
        Ok(())
    }

    fn times<B: DrawingBackend>(&self, canvas: &mut Canvas<'_, B>, area: &Area) -> Drawn {
        let axis = Axis { low: 0.0, high: self.samples as f64 / self.rate, log: false, whole: false };
        let ticks = match clock_ticks(axis.high) {
            Some(ticks) => ticks,
            None => axis.ticks(8).into_iter().map(|(seconds, text)| (seconds, format!("{text} s"))).collect(),
        };
        for (seconds, text) in ticks {
            let (x, y) = area.at(axis.part(seconds), 0.0);
            canvas.line([(x, y), (x, y + 4.0)], QUIET, 1.0)?;
            canvas.text(&text, (x, y + 7.0), TEXT, QUIET, Anchor::Below)?;
        }
        Ok(())
    }

    fn mark<B: DrawingBackend>(&self, canvas: &mut Canvas<'_, B>, mark: &Mark, top: f64, bottom: f64) -> Drawn {
        let x = self.place(mark.seconds);
        // Dashed: the sound below stays readable.
        canvas.dashes(&[(x, top), (x, bottom)], MARK, 1.4)?;
        canvas.text(mark.label, (x + 5.0, top + 10.0), TEXT, MARK, Anchor::Start)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(file: &[u8]) -> (Vec<u8>, usize, usize) {
        let mut reader = png::Decoder::new(std::io::Cursor::new(file)).read_info().expect("a PNG file");
        let mut pixels = vec![0; reader.output_buffer_size().expect("small")];
        let info = reader.next_frame(&mut pixels).expect("a whole picture");
        (pixels, info.width as usize, info.height as usize)
    }

    #[test]
    fn svg_and_png_show_the_same_place_for_the_same_sound() {
        let tone: Vec<f32> = (0..22_050).map(|i| 0.5 * libm::sinf(0.1 * i as f32)).collect();
        let sounds =
            [Sound { title: "tone".into(), samples: &tone }, Sound { title: "none".into(), samples: &Vec::new() }];
        const SEEDS: [Seed; 1] = [Seed { start: 0.1, end: 0.3, heard: 0.4 }];
        let mark = Some(Mark { seconds: 0.5, label: "here" });
        let figure = SoundFigure { sample_rate_hz: 22_050, sounds: &sounds, mark, seeds: &SEEDS, envelope: true };
        let svg = figure.svg().expect("a picture");
        // A spectrogram and a scale each.
        assert_eq!(svg.matches("<image ").count(), 4);
        assert!(svg.contains("tone") && svg.contains("1 kHz") && svg.contains("dB FS") && svg.contains("here"));
        assert_eq!(svg.matches("http").count(), 1, "the namespace and nothing else");
        let (pixels, width, height) = decoded(&figure.png().expect("a picture"));
        assert_eq!((width, height), (1280, (2.0 * figure.height()) as usize));
        let at = |x: f64, y: f64| {
            let index = 3 * ((2.0 * y) as usize * width + (2.0 * x) as usize);
            [pixels[index], pixels[index + 1], pixels[index + 2]]
        };
        // In the middle of the first wave, and in the empty one below.
        assert_eq!(at(LEFT + 100.0, TITLE + WAVE / 2.0 + 5.0), [0, 108, 178]);
        assert_eq!(at(LEFT + 100.0, figure.height_of_one() + TITLE + WAVE / 2.0 + 5.0), [255; 3]);
    }

    #[test]
    fn odd_sounds_are_drawn() {
        for samples in [vec![], vec![1.0], vec![f32::NAN; 10], vec![f32::MAX; 10], vec![0.0; 100_000]] {
            let sounds = [Sound { title: "\u{0}<".into(), samples: &samples }];
            for sample_rate_hz in [0, 8000, 384_000] {
                let figure = SoundFigure { sample_rate_hz, sounds: &sounds, mark: None, seeds: &[], envelope: true };
                assert!(figure.svg().is_ok());
                assert!(sample_rate_hz != 8000 || figure.png().is_ok());
            }
        }
    }
}
