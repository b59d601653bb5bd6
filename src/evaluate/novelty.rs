//! Whether a sound is a copy of another: which of its seconds follow one passage there frame by frame.
//!
//! Two takes of one clean guitar have the same long-term spectrum, often the same chords, and always decays: at one second
//! a plain log-mel spectrogram takes one for the other. A copy has more: *when* every band rises and falls. A window of
//! one second therefore matches a passage only if both agree along one diagonal of frames:
//!
//! - **dynamics**: the correlation of their log-mel spectra over frames and bands, each band's mean over the window taken
//!   away from both. What is the same in all passages of an instrument is in these means and does not count; a held tone
//!   has nothing left.
//! - **pitches**: the cosine of their chroma frames, each frame's mean taken away. A passage that was transposed has another
//!   one.

use super::{
    chroma::{CLASSES, chroma_frames},
    mel::{BANDS, log_mel, mel},
    spectra::{ANALYSIS_HZ, Frames, HOP_SAMPLES, WINDOW_SAMPLES, quantile},
};
use serde::Serialize;

/// Bins of a log-mel spectrum less than this part of nearly the loudest do not count (−40 dB): a prediction lacks hiss.
const FLOOR: f32 = 0.01;
/// A band that is never louder than this many nepers above the floor is not compared: a prediction may lack the highest.
const AUDIBLE: f32 = 1.5;
/// Chroma for the alignment: shorter windows than those of [`super::chroma::chroma`], on the frames of the log-mel spectra.
const CHROMA_WINDOW: usize = 4096;
/// Frames of the sound that are compared: every second one; all of the other sound's are.
const STRIDE: usize = 2;
/// A window of one second, in frames that are compared.
const ROWS: usize = 22;
/// Seconds from one window to the next.
const STEP_SECONDS: f64 = (STRIDE * HOP_SAMPLES) as f64 / ANALYSIS_HZ as f64;
/// Seconds that a window covers, from the centre of its first frame to that of its last.
const WINDOW_SECONDS: f64 = ROWS as f64 * STEP_SECONDS;
/// Both agreements must exceed this. Other passages of the same player and instrument stay below in 90 to 100 of 100
/// windows (docs/EVALUATE.md); what a network replays lies above.
const LITERAL: f32 = 0.9;
/// A window quieter than this part of the loud ones (−34 dB) is silence, which is never counted.
const SILENT: f32 = 0.02;
/// Below this mean square, in nepers, nothing moves within a window.
const STILL: f32 = 0.003;

/// How new a sound is against another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Novelty {
    /// 1 − the copied share; 0 where nothing sounds.
    pub score: f64,
    /// Share of the sound that lies in a literal window, silent windows left out.
    pub copied_share: f64,
    /// Share of the windows of one second, silent ones left out, that follow some passage of the other sound.
    pub literal_share: f64,
    /// The longest stretch of sound that follows one passage without a break, in seconds.
    pub longest_run_seconds: f64,
    /// Median over the windows of the best agreement with any passage.
    pub typical_agreement: f64,
    /// Windows that are not silent.
    pub windows: usize,
}

/// What is compared of a sound.
#[derive(Clone, Debug)]
pub struct Fingerprint {
    /// Log-mel frames.
    mel: Frames,
    /// Roots of chroma on the same frames, each without its mean.
    chroma: Frames,
    /// Mean magnitude of a frame.
    loudness: Vec<f32>,
}

impl Fingerprint {
    /// Of a sound at [`ANALYSIS_HZ`].
    pub fn of(sound: &[f32]) -> Self {
        let bands = mel(sound);
        let loudness = bands.rows().map(|row| row.iter().sum::<f32>() / BANDS as f32).collect();
        // The windows of both kinds of frames have the same centres.
        let margin = (CHROMA_WINDOW - WINDOW_SAMPLES) / 2;
        let mut padded = vec![0.0; margin];
        padded.extend_from_slice(sound);
        padded.resize((sound.len() + 2 * margin).max(CHROMA_WINDOW), 0.0);
        let mut chroma = chroma_frames(&padded, CHROMA_WINDOW, HOP_SAMPLES);
        for row in chroma.rows_mut() {
            row.iter_mut().for_each(|x| *x = x.sqrt());
            let mean = row.iter().sum::<f32>() / CLASSES as f32;
            row.iter_mut().for_each(|x| *x -= mean);
        }
        Self { mel: log_mel(&bands, FLOOR), chroma, loudness }
    }

    fn frames(&self) -> usize {
        self.mel.len().min(self.chroma.len())
    }
}

/// How new `sound` is against all of `others`.
pub fn novelty<'a>(sound: &Fingerprint, others: impl IntoIterator<Item = &'a Fingerprint>) -> Novelty {
    let compared = Compared::new(sound);
    let audible = compared.audible();
    let mut found = Found { best: vec![0.0; audible.len()], longest: 0 };
    for other in others {
        compared.search(other, &audible, &mut found);
    }
    let windows = audible.iter().filter(|audible| **audible).count();
    let is_literal = |window: usize| audible[window] && found.best[window] > LITERAL;
    let literal = (0..audible.len()).filter(|&window| is_literal(window)).count();
    // A row of the sound is copied if any window that holds it is; it counts if any such window is audible.
    let holds = |row: usize| row.saturating_sub(ROWS - 1)..(row + 1).min(audible.len());
    let copied = (0..compared.rows).filter(|&row| holds(row).any(is_literal)).count();
    let counted = (0..compared.rows).filter(|&row| holds(row).any(|window| audible[window])).count();
    let copied_share = copied as f64 / counted.max(1) as f64;
    let best = found.best.iter().zip(&audible).filter(|(_, audible)| **audible).map(|(&x, _)| x);
    Novelty {
        score: if windows == 0 { 0.0 } else { 1.0 - copied_share },
        copied_share,
        literal_share: literal as f64 / windows.max(1) as f64,
        longest_run_seconds: match found.longest {
            0 => 0.0,
            windows => WINDOW_SECONDS + (windows - 1) as f64 * STEP_SECONDS,
        },
        typical_agreement: f64::from(quantile(best, 0.5)),
        windows,
    }
}

/// What the search has found.
struct Found {
    /// The best agreement of every window.
    best: Vec<f32>,
    /// The longest run, in windows.
    longest: usize,
}

/// The rows of the sound that are compared, and what of them does not depend on the other sound.
struct Compared<'a> {
    sound: &'a Fingerprint,
    /// Bands that take part, as 0 or 1.
    bands: [f32; BANDS],
    /// Every [`STRIDE`]-th log-mel frame; bands that take no part are 0.
    mel: Frames,
    /// Of every window: what is left of its log-mel spectrum without the means of the bands.
    mel_energy: Vec<f32>,
    mel_mean: Frames,
    /// Of every window.
    chroma_energy: Vec<f32>,
    rows: usize,
}

impl<'a> Compared<'a> {
    fn new(sound: &'a Fingerprint) -> Self {
        let edge = libm::logf(FLOOR) + AUDIBLE;
        let bands = std::array::from_fn(|band| {
            let loud = quantile(sound.mel.rows().map(|row| row[band]), 0.95);
            f32::from(u8::from(loud > edge))
        });
        let rows = sound.frames().div_ceil(STRIDE);
        let mut mel = Frames::new(BANDS);
        for row in (0..rows).map(|row| sound.mel.row(row * STRIDE)) {
            mel.push(|slots| masked(row, &bands, slots));
        }
        let windows = (rows + 1).saturating_sub(ROWS);
        let (mut mel_mean, mut mel_energy, mut chroma_energy) = (Frames::new(BANDS), Vec::new(), Vec::new());
        for window in 0..windows {
            mel_energy.push(window_of(&mel, window, 1, &mut mel_mean));
            let chroma = (0..ROWS).map(|row| sound.chroma.row((window + row) * STRIDE));
            chroma_energy.push(chroma.map(|row| dot::<CLASSES>(row, row)).sum());
        }
        Self { sound, bands, mel, mel_energy, mel_mean, chroma_energy, rows }
    }

    /// Which windows are not silent.
    fn audible(&self) -> Vec<bool> {
        let loud = quantile(self.sound.loudness.iter().copied(), 0.95).max(1e-4);
        let window = |window: usize| {
            let frames = (0..ROWS).map(|row| self.sound.loudness[(window + row) * STRIDE]);
            frames.sum::<f32>() / ROWS as f32 > SILENT * loud
        };
        (0..self.mel_energy.len()).map(window).collect()
    }

    /// Compares every window with every passage. Chroma comes first: the costlier log-mel spectra are looked at only
    /// where the pitches agree.
    fn search(&self, other: &Fingerprint, audible: &[bool], found: &mut Found) {
        let windows = self.mel_energy.len();
        let span = (ROWS - 1) * STRIDE + 1;
        let Some(passages) = (other.frames() + 1).checked_sub(span).filter(|&passages| passages > 0) else { return };
        let mut theirs = Frames::new(BANDS);
        for row in other.mel.rows() {
            theirs.push(|slots| masked(row, &self.bands, slots));
        }
        let live = self.bands.iter().sum::<f32>() * ROWS as f32;
        let (mut their_mean, mut their_mel, mut their_chroma) = (Frames::new(BANDS), Vec::new(), Vec::new());
        for passage in 0..passages {
            their_mel.push(window_of(&theirs, passage, STRIDE, &mut their_mean));
            let chroma = (0..ROWS).map(|row| other.chroma.row(passage + row * STRIDE));
            their_chroma.push(chroma.map(|row| dot::<CLASSES>(row, row)).sum::<f32>());
        }
        let mut chroma = vec![0.0; self.rows];
        let mut products = vec![f32::NAN; self.rows];
        // Window w lies beside passage w · STRIDE + diagonal.
        let lowest = -((windows.saturating_sub(1) * STRIDE) as isize);
        for diagonal in lowest..passages as isize {
            let beside = |row: usize| usize::try_from((row * STRIDE) as isize + diagonal).ok();
            let first = (0..windows).find(|&window| beside(window).is_some()).unwrap_or(windows);
            let count = (first..windows).take_while(|&window| beside(window).is_some_and(|at| at < passages)).count();
            if count == 0 {
                continue;
            }
            let at = |row: usize| beside(row).unwrap_or(0);
            for row in first..first + count + ROWS - 1 {
                chroma[row] = dot::<CLASSES>(self.sound.chroma.row(row * STRIDE), other.chroma.row(at(row)));
                products[row] = f32::NAN;
            }
            let mut run = 0;
            for window in first..first + count {
                let passage = at(window);
                let pitch = chroma[window..window + ROWS].iter().sum::<f32>()
                    / (self.chroma_energy[window] * their_chroma[passage]).sqrt().max(1e-9);
                let best = &mut found.best[window];
                // What cannot become the best is not looked at; a run needs both to be literal.
                let hopeless = pitch <= *best && pitch <= LITERAL;
                let still = self.mel_energy[window] < STILL * live || their_mel[passage] < STILL * live;
                let agreement = if !audible[window] || hopeless || still {
                    0.0
                } else {
                    let product: f32 = (window..window + ROWS)
                        .map(|row| {
                            let slot = &mut products[row];
                            if slot.is_nan() {
                                *slot = dot::<BANDS>(self.mel.row(row), theirs.row(at(row)));
                            }
                            *slot
                        })
                        .sum();
                    let means = dot::<BANDS>(self.mel_mean.row(window), their_mean.row(passage));
                    let energy = (self.mel_energy[window] * their_mel[passage]).sqrt();
                    pitch.min((product - ROWS as f32 * means) / energy)
                };
                *best = best.max(agreement);
                run = if agreement > LITERAL { run + 1 } else { 0 };
                found.longest = found.longest.max(run);
            }
        }
    }
}

fn masked(row: &[f32], bands: &[f32; BANDS], slots: &mut [f32]) {
    slots.iter_mut().zip(row).zip(bands).for_each(|((slot, x), band)| *slot = x * band);
}

/// The mean of a window of rows `stride` apart, appended to `means`; returns the energy without it.
fn window_of(frames: &Frames, first: usize, stride: usize, means: &mut Frames) -> f32 {
    let (mut energy, mut mean) = (0.0, [0.0f32; BANDS]);
    for row in (0..ROWS).map(|row| frames.row(first + row * stride)) {
        energy += dot::<BANDS>(row, row);
        mean.iter_mut().zip(row).for_each(|(slot, x)| *slot += x / ROWS as f32);
    }
    means.push(|slots| slots.copy_from_slice(&mean));
    (energy - ROWS as f32 * dot::<BANDS>(&mean, &mean)).max(0.0)
}

/// Four sums side by side, so that the order of additions is fixed and the processor's lanes are used.
fn dot<const WIDTH: usize>(a: &[f32], b: &[f32]) -> f32 {
    const LANES: usize = 4;
    let mut sums = [0.0f32; LANES];
    for (a, b) in a[..WIDTH].chunks_exact(LANES).zip(b[..WIDTH].chunks_exact(LANES)) {
        for lane in 0..LANES {
            sums[lane] += a[lane] * b[lane];
        }
    }
    (sums[0] + sums[1]) + (sums[2] + sums[3])
}
