//! What a listener would call a fault: of the synthesis, not of the music.
//!
//! Every figure is measured of the sound by itself ([`Figures`]); what the material has of it as well (a noisy recording, a
//! rough string) is forgiven ([`artifacts`]).

use super::{
    prediction::residual,
    spectra::{ANALYSIS_HZ, HOP_SAMPLES, at_analysis_rate, between, decibels, magnitudes, quantile},
};
use serde::Serialize;

/// A click stands out of the residual around it by so much.
const CLICK: f32 = 5.0;
/// It is over after so long …
const CLICK_SECONDS: f64 = 0.001;
/// … and compared with so much before and after it.
const AROUND_SECONDS: f64 = 0.02;
/// Residual below this part of the sound's RMS is no click.
const INAUDIBLE: f64 = 0.02;
/// A sample of the residual counts at most so many times its surroundings, as one onset is not a border.
const MAX_JUMP: f32 = 6.0;
/// Partials down to this below the loudest of their frame.
const PARTIAL_DB: f64 = -40.0;
/// A partial that rises by more from one frame to the next but one begins anew.
const ATTACK_DB: f64 = 6.0;
/// Levels are compared over so many frames: those beside each other have three quarters of their windows in common.
const JITTER_FRAMES: usize = 2;
/// Bins of the noise between partials: 500 to 8000 Hz.
const NOISE_BINS: std::ops::Range<usize> = 46..743;
/// Frames that change by less than this part of themselves are stuck, as the generator's own watch has it.
const STILL: f64 = 0.004;
/// Shorter stretches are notes.
const STUCK_SECONDS: f64 = 0.5;
/// A sound that is steady for more of its time is a held tone: no fault of this kind.
const HELD: f64 = 0.9;
/// Silence in dB full scale, and below the loud frames of the sound.
const SILENT_DB: f64 = -60.0;
const SILENT_BELOW_DB: f64 = -50.0;

/// What is measured of a sound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Figures {
    /// Mean residual of linear prediction at the borders of frames over that between them; 1 where nothing is to be seen.
    /// None without a hop.
    pub border_ratio: Option<f64>,
    /// Isolated impulses in a second.
    pub clicks_per_second: f64,
    /// Deviation of the levels of steady partials from frame to frame, dB.
    pub level_jitter_db: f64,
    /// Level between partials and notes, in the quietest tenth of the frames, below the loud partials, dB.
    pub noise_floor_db: f64,
    /// Share of samples in flat tops or beyond full scale.
    pub clipped_share: f64,
    /// |mean| ÷ RMS.
    pub dc_ratio: f64,
    /// The longest span without any change, seconds.
    pub stuck_seconds: f64,
    /// The longest silence, seconds.
    pub silent_seconds: f64,
}

/// Cleanliness, each part 0…1 with 1 for clean.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Artifacts {
    /// The product of the parts: 1 is clean.
    pub score: f64,
    /// No jumps at the borders of frames.
    pub borders: f64,
    /// No clicks.
    pub clicks: f64,
    /// Partials as steady as the material's.
    pub roughness: f64,
    /// As quiet between the notes as the material.
    pub noise_floor: f64,
    /// Not clipped.
    pub clipping: f64,
    /// No constant offset.
    pub dc: f64,
    /// Not stuck.
    pub stuck: f64,
    /// No long silence.
    pub silence: f64,
    /// What was measured.
    pub figures: Figures,
}

impl Figures {
    /// Measures a sound at its own rate. `hop_samples`: the distance of its frames' borders there, if it was made of frames.
    pub fn of(sound: &[f32], sample_rate_hz: u32, hop_samples: Option<usize>) -> Self {
        let residual = residual(sound, sample_rate_hz);
        let spectra = Spectrum::all(&at_analysis_rate(sound, sample_rate_hz));
        let power: f64 = sound.iter().map(|&x| f64::from(x) * f64::from(x)).sum();
        let count = sound.len().max(1) as f64;
        let rms = (power / count).sqrt();
        let mean = sound.iter().map(|&x| f64::from(x)).sum::<f64>() / count;
        Self {
            border_ratio: hop_samples.and_then(|hop| border_ratio(&residual, hop, rms)),
            clicks_per_second: clicks(&residual, sample_rate_hz, rms) as f64 * f64::from(sample_rate_hz) / count,
            level_jitter_db: level_jitter_db(&spectra),
            noise_floor_db: noise_floor_db(&spectra),
            clipped_share: clipped(sound) as f64 / count,
            dc_ratio: if rms > 1e-6 { mean.abs() / rms } else { 0.0 },
            stuck_seconds: stuck_seconds(&spectra),
            silent_seconds: silent_seconds(sound, sample_rate_hz),
        }
    }
}

/// Judges what was measured of a sound by what was measured of the material.
pub fn artifacts(figures: Figures, material: &Figures) -> Artifacts {
    let usual = material.border_ratio.unwrap_or(1.0).max(1.0);
    let borders = figures.border_ratio.map_or(1.0, |ratio| between(ratio / usual, 1.15, 2.5));
    let clicks = between(figures.clicks_per_second - material.clicks_per_second, 0.1, 2.0);
    let roughness = between(figures.level_jitter_db - material.level_jitter_db, 0.3, 2.5);
    let noise_floor = between(figures.noise_floor_db - material.noise_floor_db.max(-75.0), 6.0, 36.0);
    let clipping = between(figures.clipped_share - material.clipped_share, 1e-4, 0.01);
    let dc = between(figures.dc_ratio - material.dc_ratio, 0.02, 0.5);
    let stuck = between(figures.stuck_seconds - material.stuck_seconds, 0.0, 4.0);
    let rest = (1.5 * material.silent_seconds).max(1.5);
    let silence = between(figures.silent_seconds - rest, 0.0, 5.0);
    let score = borders * clicks * roughness * noise_floor * clipping * dc * stuck * silence;
    Artifacts { score, borders, clicks, roughness, noise_floor, clipping, dc, stuck, silence, figures }
}

/// The residual, as a multiple of its surroundings, folded by the hop: the largest mean at any place of a frame over the
/// median of all places. Three samples count as one place. Less than what chance alone would show is 1.
fn border_ratio(residual: &[f32], hop: usize, rms: f64) -> Option<f64> {
    let frames = residual.len().checked_div(hop)?;
    if hop < 16 || frames < 20 {
        return None;
    }
    let floor = (1e-4 * rms) as f32 + 1e-9;
    let mut sums = vec![0.0f64; hop];
    let mut places: Vec<f32> = Vec::with_capacity(hop);
    let mut squares = 0.0;
    for frame in residual.chunks_exact(hop) {
        let around = frame.iter().map(|x| x.abs()).sum::<f32>() / hop as f32 + floor;
        for (sum, x) in sums.iter_mut().zip(frame) {
            let jump = f64::from((x.abs() / around).min(MAX_JUMP));
            *sum += jump;
            squares += jump * jump;
        }
    }
    let mean = sums.iter().sum::<f64>() / (frames * hop) as f64;
    let deviation = (squares / (frames * hop) as f64 - mean * mean).max(0.0).sqrt();
    for place in 0..hop {
        let near = sums[(place + hop - 1) % hop] + sums[place] + sums[(place + 1) % hop];
        places.push((near / (3 * frames) as f64) as f32);
    }
    let largest = f64::from(places.iter().fold(0.0f32, |largest, &x| largest.max(x)));
    let median = f64::from(quantile(places, 0.5)).max(1e-9);
    let chance = 4.0 * deviation / (3.0 * frames as f64).sqrt();
    Some(((largest - chance) / median).max(1.0))
}

/// Impulses that nothing before or after them is like: an attack goes on, a click does not.
fn clicks(residual: &[f32], sample_rate_hz: u32, rms: f64) -> usize {
    let samples = |seconds: f64| ((seconds * f64::from(sample_rate_hz)) as usize).max(2);
    let (gap, around) = (samples(CLICK_SECONDS), samples(AROUND_SECONDS));
    let least = (INAUDIBLE * rms) as f32 + 1e-6;
    let largest = |from: usize, to: usize| {
        residual[from.min(residual.len())..to.min(residual.len())]
            .iter()
            .fold(0.0f32, |largest, x| largest.max(x.abs()))
    };
    let mut found = 0;
    // The sound's own beginning and end are no clicks.
    let end = residual.len().saturating_sub(around);
    let mut index = around;
    while index < end {
        let x = residual[index].abs();
        let is_peak = x > least && x >= largest(index.saturating_sub(gap), index + gap + 1);
        if is_peak {
            let before = largest(index.saturating_sub(around), index.saturating_sub(gap));
            let after = largest(index + gap + 1, index + around);
            if x > CLICK * before.max(after) {
                found += 1;
            }
            index += gap;
        }
        index += 1;
    }
    found
}

/// What is looked at of a frame.
struct Spectrum {
    /// Bins and levels (dB, at the top of the parabola through three bins) of its peaks.
    partials: Vec<(usize, f64)>,
    largest: f32,
    /// Median of [`NOISE_BINS`].
    noise: f32,
    sum: f64,
    /// Of all bins since the frame before, without signs.
    change: f64,
}

impl Spectrum {
    /// Of all frames of a sound at [`ANALYSIS_HZ`].
    fn all(sound: &[f32]) -> Vec<Self> {
        let mut all = Vec::new();
        let mut last: Vec<f32> = Vec::new();
        magnitudes(sound, |row| {
            let largest = row.iter().fold(0.0f32, |a, &x| a.max(x));
            all.push(Self {
                partials: partials(row, largest),
                largest,
                noise: quantile(row[NOISE_BINS].iter().copied(), 0.5),
                sum: row.iter().map(|&x| f64::from(x)).sum(),
                change: row.iter().zip(&last).map(|(a, b)| f64::from((a - b).abs())).sum(),
            });
            last.clear();
            last.extend_from_slice(row);
        });
        all
    }
}

/// The largest magnitude of loud frames.
fn loud(spectra: &[Spectrum]) -> f32 {
    quantile(spectra.iter().map(|spectrum| spectrum.largest), 0.95)
}

/// Partials that are there before, now and after: how far the level now lies off the line through the others.
fn level_jitter_db(spectra: &[Spectrum]) -> f64 {
    // In frames that are hardly heard nothing is a partial.
    let least = decibels(f64::from(0.03 * loud(spectra))) + PARTIAL_DB;
    let (mut sum, mut count) = (0.0, 0usize);
    for five in spectra.windows(2 * JITTER_FRAMES + 1) {
        let [before, now, after] = [0, JITTER_FRAMES, 2 * JITTER_FRAMES].map(|frame| five[frame].partials.as_slice());
        for &(bin, level) in now.iter().filter(|(_, level)| *level > least) {
            let near = |partials: &[(usize, f64)]| {
                let first = partials.partition_point(|(other, _)| other + 1 < bin);
                let found = partials.get(first).filter(|(other, level)| *other <= bin + 1 && *level > least);
                found.map(|(_, level)| *level)
            };
            if let (Some(before), Some(after)) = (near(before), near(after))
                && after - before < ATTACK_DB
            {
                sum += (before - 2.0 * level + after).abs();
                count += 1;
            }
        }
    }
    // The second difference of independent deviations has six times their variance; the mean of |x| is 0.798 σ.
    if count == 0 { 0.0 } else { sum / count as f64 / (6f64.sqrt() * 0.798) }
}

fn partials(row: &[f32], largest: f32) -> Vec<(usize, f64)> {
    let least = largest * libm::powf(10.0, PARTIAL_DB as f32 / 20.0) + 1e-6;
    let mut found = Vec::new();
    for bin in 4..row.len() - 1 {
        if row[bin] > least && row[bin] > row[bin - 1] && row[bin] >= row[bin + 1] {
            let [a, b, c] = [bin - 1, bin, bin + 1].map(|bin| decibels(f64::from(row[bin])));
            let place = 0.5 * (a - c) / (a - 2.0 * b + c).min(-1e-9);
            found.push((bin, b - 0.25 * (a - c) * place));
        }
    }
    found
}

fn noise_floor_db(spectra: &[Spectrum]) -> f64 {
    let loud = loud(spectra);
    let floor = quantile(spectra.iter().map(|spectrum| spectrum.noise), 0.1);
    if loud > 0.0 { decibels(f64::from(floor / loud)) } else { -120.0 }
}

/// Samples in plateaus of four or more near the peak, and beyond full scale.
fn clipped(sound: &[f32]) -> usize {
    let peak = sound.iter().fold(0.0f32, |peak, x| peak.max(x.abs()));
    let (mut count, mut run) = (0, 1);
    for pair in sound.windows(2) {
        let flat = pair[1].abs() >= 0.9 * peak && (pair[1] - pair[0]).abs() < 1e-5 * peak;
        if !flat {
            run = 1;
            continue;
        }
        run += 1;
        count += match run {
            4 => 4,
            5.. => 1,
            _ => 0,
        };
    }
    let beyond = if peak > 1.0 { sound.iter().filter(|x| x.abs() > 1.0).count() } else { 0 };
    count + beyond
}

fn stuck_seconds(spectra: &[Spectrum]) -> f64 {
    let audible = 1e-3 * spectra.iter().fold(0.0f64, |a, spectrum| a.max(spectrum.sum)) + 1e-4;
    let (mut longest, mut run, mut still) = (0usize, 0usize, 0usize);
    for spectrum in spectra.iter().skip(1) {
        let stands = spectrum.sum > audible && spectrum.change < STILL * spectrum.sum;
        run = if stands { run + 1 } else { 0 };
        still += usize::from(stands);
        longest = longest.max(run);
    }
    let seconds = longest as f64 * HOP_SAMPLES as f64 / f64::from(ANALYSIS_HZ);
    let held = still as f64 > HELD * spectra.len() as f64;
    if held || seconds < STUCK_SECONDS { 0.0 } else { seconds }
}

fn silent_seconds(sound: &[f32], sample_rate_hz: u32) -> f64 {
    let part = (0.05 * f64::from(sample_rate_hz)) as usize;
    let levels: Vec<f64> = sound.chunks(part.max(1)).map(super::spectra::level_db).collect();
    let loud = f64::from(quantile(levels.iter().map(|&x| x as f32), 0.95));
    let edge = SILENT_DB.max(loud + SILENT_BELOW_DB);
    let (mut longest, mut run) = (0, 0);
    for level in levels {
        run = if level < edge { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    longest as f64 * 0.05
}
