//! The picture at the centre: to the left of *now* what was heard, with the span that became the seed; to the right of it what is said,
//! from its first sample on; behind both what a listening model remembers; below them the strings.

use super::{
    history::{COLUMNS, HEARD_SECONDS, History, MemoryBin, ROWS, VoicePoint},
    theme::{self, Theme},
};
use egui::{
    Align2, Color32, ColorImage, Mesh, Painter, Pos2, Rect, Shape, Stroke, TextureHandle, TextureOptions, Ui, Vec2,
    pos2, vec2,
};
use serde::{Deserialize, Serialize};

/// Where *now* lies, as a part of the width.
const NOW: f32 = 0.55;
/// How much of a continuation the picture holds before it scrolls.
const SAID_SECONDS: f32 = 12.0;
/// A tick of the scale every so many seconds.
const TICK_SECONDS: usize = 2;
/// Height of the strings, where there are any.
const STRINGS_HEIGHT: f32 = 96.0;
/// Envelope at which a string swings widest.
const WIDE: f32 = 0.05;
/// Points of a string.
const STRING_POINTS: usize = 24;
/// Soft sounds are seen too: a quarter of the amplitude is half the height.
const SHAPE: f32 = 0.5;
/// A fainter strip of what is remembered is not drawn.
const MIN_LIGHT: f32 = 0.02;
/// Width of a bar of a waveform: where a processor draws, thin ones cost more than their pixels.
const BAR_WIDTH: f32 = 2.0;
/// A bar that is thinner is not drawn.
const MIN_BAR: f32 = 1.0;

/// How the left half shows what was heard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Look {
    /// Least and largest samples.
    #[default]
    Waveform,
    /// Levels over frequency.
    Spectrogram,
}

/// What the picture needs from one frame to the next.
#[derive(Default)]
pub(super) struct TimeLine {
    texture: Option<TextureHandle>,
    /// [`History::closed`] when the texture was last filled.
    filled: u64,
    /// Swing of the strings, 0 to 1.
    phase: f32,
}

impl TimeLine {
    /// Draws into `rect`.
    pub fn show(&mut self, ui: &Ui, rect: Rect, history: &History, look: Look, theme: &Theme, reduced_motion: bool) {
        let painter = ui.painter_at(rect);
        let (picture, strings) = if history.bands.is_empty() {
            (rect, None)
        } else {
            let (above, below) = rect.split_top_bottom_at_y(rect.bottom() - STRINGS_HEIGHT);
            (above, Some(below))
        };
        let field = picture.shrink2(vec2(1.0, 22.0));
        let now_x = (field.left() + NOW * field.width()).round();
        let left = Rect::from_min_max(field.min, pos2(now_x, field.bottom()));
        let right = Rect::from_min_max(pos2(now_x, field.top()), field.max);
        draw_memory(&painter, field, &history.memory, theme);
        draw_scale(&painter, left, right, theme);
        match look {
            Look::Waveform => draw_waveform(&painter, left, history, theme),
            Look::Spectrogram => self.draw_spectrogram(ui, &painter, left, history, theme),
        }
        draw_seeds(&painter, left, history, theme);
        draw_voices(&painter, right, history, theme);
        painter.vline(now_x, field.y_range(), Stroke::new(1.5, theme.text));
        let label = |at: Pos2, align, text: &str, colour| {
            painter.text(at, align, text, theme::small(), colour);
        };
        label(picture.left_top() + vec2(10.0, 5.0), Align2::LEFT_TOP, "you", theme.input);
        label(pos2(now_x, picture.top() + 5.0), Align2::CENTER_TOP, "now", theme.text);
        label(picture.right_top() + vec2(-10.0, 5.0), Align2::RIGHT_TOP, "Sympathy", theme.accent);
        if let Some(strings) = strings {
            if !reduced_motion {
                self.phase = (self.phase + 7.0 * ui.input(|input| input.stable_dt).min(0.1)) % 1000.0;
            }
            draw_strings(&painter, strings.shrink2(vec2(10.0, 8.0)), &history.bands, self.phase, theme);
        }
    }

    /// The ring of columns as a texture, of which only new columns are sent.
    fn draw_spectrogram(&mut self, ui: &Ui, painter: &Painter, rect: Rect, history: &History, theme: &Theme) {
        let fresh = self.texture.is_none();
        let texture = self.texture.get_or_insert_with(|| {
            let empty = ColorImage::filled([COLUMNS, ROWS], Color32::TRANSPARENT);
            ui.ctx().load_texture("spectrogram", empty, TextureOptions::LINEAR)
        });
        let missing = if fresh { COLUMNS as u64 } else { history.closed.wrapping_sub(self.filled).min(COLUMNS as u64) };
        let colour = |level: u8| {
            let part = f32::from(level) / 255.0;
            theme.input.gamma_multiply(part * part * 1.2)
        };
        let count = history.spectrum.len();
        for back in (1..=missing as usize).rev() {
            let column = &history.spectrum[count - back];
            let at = (history.closed + COLUMNS as u64 - back as u64) % COLUMNS as u64;
            let pixels: Vec<Color32> = column.iter().rev().map(|&level| colour(level)).collect();
            texture.set_partial([at as usize, 0], ColorImage::new([1, ROWS], pixels), TextureOptions::LINEAR);
        }
        self.filled = history.closed;
        // The oldest column is the one that is overwritten next.
        let split = (history.closed % COLUMNS as u64) as f32 / COLUMNS as f32;
        let middle = rect.left() + (1.0 - split) * rect.width();
        let part = |from: f32, to: f32, u: [f32; 2]| {
            let place = Rect::from_min_max(pos2(from, rect.top()), pos2(to, rect.bottom()));
            let uv = Rect::from_min_max(pos2(u[0], 0.0), pos2(u[1], 1.0));
            painter.image(texture.id(), place, uv, Color32::WHITE);
        };
        part(rect.left(), middle, [split, 1.0]);
        part(middle, rect.right(), [0.0, split]);
    }
}

/// Where a sample lies on the left.
fn heard_x(rect: Rect, history: &History, sample: i64) -> f32 {
    let seconds = (history.now - sample) as f32 / history.sample_rate_hz();
    rect.right() - seconds / HEARD_SECONDS * rect.width()
}

fn height_of(amplitude: f32) -> f32 {
    libm::powf(amplitude.clamp(0.0, 1.0), SHAPE)
}

/// Bars of one colour as one mesh.
struct Bars(Mesh);

impl Bars {
    fn new() -> Self {
        Self(Mesh::default())
    }

    fn add(&mut self, rect: Rect, colour: Color32) {
        self.0.add_colored_rect(rect, colour);
    }

    /// A strip whose colour changes from its top to its bottom.
    fn add_graded(&mut self, rect: Rect, top: Color32, bottom: Color32) {
        let first = self.0.vertices.len() as u32;
        for (at, colour) in [
            (rect.left_top(), top),
            (rect.right_top(), top),
            (rect.left_bottom(), bottom),
            (rect.right_bottom(), bottom),
        ] {
            self.0.colored_vertex(at, colour);
        }
        self.0.add_triangle(first, first + 1, first + 2);
        self.0.add_triangle(first + 2, first + 1, first + 3);
    }

    fn draw(self, painter: &Painter) {
        if !self.0.is_empty() {
            painter.add(Shape::mesh(self.0));
        }
    }
}

fn draw_scale(painter: &Painter, left: Rect, right: Rect, theme: &Theme) {
    let faint = Stroke::new(1.0, theme.line.gamma_multiply(0.5));
    let tick = |x: f32, text: String| {
        painter.vline(x, left.y_range(), faint);
        painter.text(pos2(x, left.bottom() + 4.0), Align2::CENTER_TOP, text, theme::small(), theme.dim);
    };
    for seconds in (TICK_SECONDS..HEARD_SECONDS as usize).step_by(TICK_SECONDS) {
        tick(left.right() - seconds as f32 / HEARD_SECONDS * left.width(), format!("−{seconds} s"));
    }
    for seconds in (TICK_SECONDS..SAID_SECONDS as usize).step_by(TICK_SECONDS) {
        tick(right.left() + seconds as f32 / SAID_SECONDS * right.width(), format!("{seconds} s"));
    }
    painter.hline(left.x_range(), left.center().y, faint);
    painter.hline(right.x_range(), right.center().y, faint);
}

fn draw_waveform(painter: &Painter, rect: Rect, history: &History, theme: &Theme) {
    let middle = rect.center().y;
    let half = 0.5 * rect.height();
    let mut bars = Bars::new();
    // Bars begin at a column whose number is the same from picture to picture: they scroll, and do not flicker.
    let together = ((BAR_WIDTH * COLUMNS as f32 / rect.width()).round() as usize).max(1);
    let width = rect.width() / COLUMNS as f32;
    let count = history.columns.len();
    let first = (history.closed as i64 - count as i64).rem_euclid(together as i64) as usize;
    let (mut i, mut columns) = (0, history.columns.iter());
    while i < count {
        let here = if i == 0 && first > 0 { together - first } else { together };
        let [least, most] = columns
            .by_ref()
            .take(here)
            .fold([0.0f32; 2], |[least, most], column| [least.min(column[0]), most.max(column[1])]);
        let (up, down) = (half * height_of(most), half * height_of(-least));
        let x = rect.left() + i as f32 * width;
        let end = (x + here as f32 * width).min(rect.right());
        if up + down >= MIN_BAR {
            bars.add(Rect::from_min_max(pos2(x, middle - up), pos2(end, middle + down)), theme.input);
        }
        i += here;
    }
    bars.draw(painter);
}

/// The span of the last seeds: a bracket below, and a veil.
fn draw_seeds(painter: &Painter, rect: Rect, history: &History, theme: &Theme) {
    let latest = history.seeds.len().saturating_sub(1);
    for (i, seed) in history.seeds.iter().enumerate() {
        let from = heard_x(rect, history, seed.start).max(rect.left());
        let to = heard_x(rect, history, seed.end).min(rect.right());
        if to <= from + 1.0 {
            continue;
        }
        let colour = theme.voice(seed.lane.into());
        let strength = if i == latest { 1.0 } else { 0.35 };
        let span = Rect::from_min_max(pos2(from, rect.top()), pos2(to, rect.bottom()));
        painter.rect_filled(span, 0.0, colour.gamma_multiply(0.13 * strength));
        let stroke = Stroke::new(2.0, colour.gamma_multiply(strength));
        let y = rect.bottom() - 3.0;
        painter.hline(span.x_range(), y, stroke);
        for x in [from, to] {
            painter.vline(x, (y - 7.0)..=y, stroke);
        }
        if i == latest && to - from > 54.0 {
            let seconds = (seed.end - seed.start) as f32 / history.sample_rate_hz();
            let text = format!("seed {seconds:.1} s");
            painter.text(pos2(0.5 * (from + to), y - 6.0), Align2::CENTER_BOTTOM, text, theme::small(), colour);
        }
    }
}

/// The points of what has been heard of the voices that sound, and of those that have just ended.
fn heard_points(history: &History) -> impl Iterator<Item = &VoicePoint> {
    history.voices.iter().filter(|point| point.sample <= history.now)
}

fn draw_voices(painter: &Painter, rect: Rect, history: &History, theme: &Theme) {
    let per_second = history.sample_rate_hz();
    let recent = history.now - (0.2 * per_second) as i64;
    // What sounds now began then.
    let sounding = heard_points(history).filter(|point| point.sample >= recent).map(|point| point.begins).min();
    let Some(origin) = sounding else {
        return;
    };
    let origin = origin.max(history.now - (0.95 * SAID_SECONDS * per_second) as i64);
    let lanes = heard_points(history).filter(|point| point.sample >= origin).map(|point| point.lane).max();
    let lanes = usize::from(lanes.unwrap_or(0)) + 1;
    let height = rect.height() / lanes as f32;
    let count = (rect.width() / BAR_WIDTH).ceil() as usize + 1;
    let mut peaks = vec![vec![0.0f32; count]; lanes];
    // Those of a fixed lattice, so that they scroll and do not flicker.
    let samples_a_bar = ((BAR_WIDTH / rect.width() * SAID_SECONDS * per_second) as i64).max(1);
    let first = origin.div_euclid(samples_a_bar);
    for point in heard_points(history).filter(|point| point.sample >= origin) {
        let at = (point.sample.div_euclid(samples_a_bar) - first) as usize;
        if let Some(peak) = peaks[usize::from(point.lane)].get_mut(at) {
            *peak = peak.max(point.peak);
        }
    }
    for (lane, peaks) in peaks.iter().enumerate() {
        let mut bars = Bars::new();
        let middle = rect.top() + (lane as f32 + 0.5) * height;
        for (at, &peak) in peaks.iter().enumerate() {
            let half = 0.5 * height * height_of(peak);
            if half >= 0.5 * MIN_BAR {
                let sample = (first + at as i64) * samples_a_bar - origin;
                let x = rect.left() + sample as f32 / per_second / SAID_SECONDS * rect.width();
                let place = Rect::from_min_max(pos2(x, middle - half), pos2(x + BAR_WIDTH, middle + half));
                bars.add(
                    place.with_min_x(x.max(rect.left())).with_max_x((x + BAR_WIDTH).min(rect.right())),
                    theme.voice(lane),
                );
            }
        }
        bars.draw(painter);
    }
    let head = rect.left() + (history.now - origin) as f32 / per_second / SAID_SECONDS * rect.width();
    painter.vline(head.min(rect.right()), rect.y_range(), Stroke::new(1.0, theme.accent.gamma_multiply(0.6)));
}

/// What is remembered, as light at its pitch across the whole width.
fn draw_memory(painter: &Painter, rect: Rect, memory: &[MemoryBin], theme: &Theme) {
    let most = memory.iter().map(|bin| bin.level).fold(0.0f32, f32::max);
    // What is remembered faintly shines as brightly as what is remembered well: it is the harmony that counts.
    let strength = |level: f32| libm::powf(level / most.max(0.05), 3.0);
    let light = |level: f32| theme.accent.gamma_multiply(0.32 * strength(level));
    let mut bars = Bars::new();
    for pair in memory.windows(2) {
        let [low, high] = [pair[0], pair[1]].map(|bin| rect.bottom() - bin.height * rect.height());
        let place = Rect::from_min_max(pos2(rect.left(), high), pos2(rect.right(), low));
        // What cannot be seen is not drawn: a strip is as wide as the picture.
        if rect.contains_rect(place) && strength(pair[0].level.max(pair[1].level)) > MIN_LIGHT {
            bars.add_graded(place, light(pair[1].level), light(pair[0].level));
        }
    }
    bars.draw(painter);
}

/// One line a band, the lowest at the bottom, swinging as wide as its envelope says and the faster the higher it is.
fn draw_strings(painter: &Painter, rect: Rect, bands: &[f32], phase: f32, theme: &Theme) {
    let step = rect.height() / bands.len() as f32;
    for (band, &envelope) in bands.iter().enumerate() {
        let y = rect.bottom() - (band as f32 + 0.5) * step;
        let part = (envelope / WIDE).clamp(0.0, 1.0);
        let colour = theme.line.lerp_to_gamma(theme.accent, libm::powf(part, 0.4));
        let stroke = Stroke::new(1.0 + part, colour);
        if part < 0.004 {
            painter.hline(rect.x_range(), y, stroke);
            continue;
        }
        let swing = 2.5 * step * libm::sqrtf(part) * libm::sinf(phase * (6.0 + 0.35 * band as f32));
        let points = (0..=STRING_POINTS)
            .map(|i| {
                let along = i as f32 / STRING_POINTS as f32;
                let bow = libm::sinf(std::f32::consts::PI * along);
                rect.left_top() + Vec2::new(along * rect.width(), y - rect.top() + swing * bow)
            })
            .collect();
        painter.line(points, stroke);
    }
}

/// What the picture says to who points at it.
pub(super) const HINT: &str = "Left of now: what you play, and the span that became the seed. Right of now: what it says, each voice in its \
                               colour. Behind both, the pitches that a listening model remembers. Click to switch between waveform and \
                               spectrogram.";
