//! Live detection of onsets: where a note begins, a moment after it did.

use super::{
    level::{db_to_gain, rms},
    stft::MagnitudeStft,
};

/// A spectrum covers this time, a new one is taken after [`HOP_SECONDS`].
const FRAME_SECONDS: f64 = 0.0232;
const HOP_SECONDS: f64 = 0.0058;
/// The rate is divided by a whole number to no less than this.
const MIN_RATE_HZ: u32 = 22_050;
const MIN_HZ: f64 = 60.0;
const MAX_HZ: f64 = 8_000.0;
/// Width of a band where bins are narrower: a semitone.
const BAND_RATIO: f64 = 1.059_463;
/// Amplitudes are compared on a logarithmic scale that turns linear below this (−66 dBFS).
const FLOOR: f32 = 5e-4;
/// Frames of lower power are silent: mean square at −70 dBFS.
const SILENCE: f32 = 1e-7;
/// A frame is compared with earlier ones from this many back, which is half a window …
const LAG: usize = 2;
/// … on: the loudest of so many.
const EARLIER: usize = 4;
/// A sound that loses this many times the power that it gains is ending.
const FALL: f32 = 10.0;
/// Frames whose median is the threshold's base: half a second.
const HISTORY: usize = 86;
/// Frames from one onset to the next: at least 50 ms.
const REFRACTORY: u32 = 9;
/// Parts of a frame in which the place of an onset is sought.
const SLOTS: usize = 32;

/// The beginning of a note.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Onset {
    /// Amplitude of what came in: that of a sine as powerful as the sound since the onset is more powerful than before it.
    /// Full scale = 1.
    pub strength: f32,
    /// Samples of the host's rate from the note's beginning to the end of the quantum just pushed.
    pub offset_samples: usize,
}

/// Finds onsets as SuperFlux does (Böck and Widmer, *Maximum Filter Vibrato Suppression for Onset Detection*, DAFx-13): the
/// spectral flux of Dixon (*Onset Detection Revisited*, DAFx-06) on logarithmic amplitudes in semitone bands. Each is compared
/// with its largest value 12 to 29 ms before: a maximum in time where theirs is one over neighbours in frequency, as the
/// windows are so short that a semitone of vibrato stays within a bin or two, while beats and noise come back to where they
/// were a moment ago. A frame is an onset if its flux exceeds a multiple of the median of the last half second by a margin,
/// and if the power that came in exceeds a level. Multiple, margin and level depend on the sensitivity. There is no
/// look-ahead: an onset is reported 2 to 20 ms after the sound began, in most cases 8.
///
/// # Realtime safety
/// `new` allocates, [`Self::push`] does not. Every 6 ms a push does a real FFT of at most 1024 points. Input is finite.
#[derive(Clone, Debug)]
pub struct OnsetDetector {
    /// Host samples that are averaged to one.
    factor: usize,
    summed: usize,
    sum: f32,
    frame: Vec<f32>,
    hop: usize,
    /// Samples of the next hop that are there.
    fresh: usize,
    stft: MagnitudeStft,
    magnitudes: Vec<f32>,
    /// From power of a bin to square of an amplitude.
    scale: f32,
    /// The first bin of each band, and the end of the last.
    edges: Vec<usize>,
    /// The latest frame's log amplitudes first.
    frames: [Vec<f32>; LAG + EARLIER],
    past: [f32; HISTORY],
    past_len: usize,
    past_at: usize,
    since_onset: u32,
    /// The flux has been below the threshold since the last onset.
    armed: bool,
}

impl OnsetDetector {
    /// A detector that has heard silence so far.
    ///
    /// # Panics
    /// If the rate is below 4000 Hz.
    pub fn new(sample_rate_hz: u32) -> Self {
        assert!(sample_rate_hz >= 4000);
        let factor = (sample_rate_hz / MIN_RATE_HZ).max(1) as usize;
        let rate = f64::from(sample_rate_hz) / factor as f64;
        let window = (FRAME_SECONDS * rate) as usize;
        let fft = window.next_power_of_two();
        let stft = MagnitudeStft::new(window, fft);
        let bin_of = |hz: f64| (hz * fft as f64 / rate) as usize;
        let end = bin_of(MAX_HZ.min(0.48 * rate));
        let mut edges = vec![];
        let mut edge = bin_of(MIN_HZ);
        while edge < end {
            edges.push(edge);
            edge = ((edge as f64 * BAND_RATIO) as usize).max(edge + 1);
        }
        let bands = edges.len();
        edges.push(end);
        // A sine's power is spread over the bins of the window's main lobe.
        let power: f32 = stft.window().iter().map(|w| w * w).sum();
        Self {
            factor,
            summed: 0,
            sum: 0.0,
            frame: vec![0.0; window],
            hop: (HOP_SECONDS * rate) as usize,
            fresh: 0,
            magnitudes: vec![0.0; stft.bins()],
            scale: 4.0 / (power * fft as f32),
            stft,
            edges,
            frames: std::array::from_fn(|_| vec![0.0; bands]),
            past: [0.0; HISTORY],
            past_len: 0,
            past_at: 0,
            since_onset: REFRACTORY,
            armed: true,
        }
    }

    /// Takes a quantum; `Some` if an onset was found in it. `sensitivity` in [0, 1]: at 0 only attacks of −24 dBFS and more
    /// that stand out clearly count, at 1 those of −64 dBFS too, and steady noise may cause some; 0.5 is the default.
    pub fn push(&mut self, cell: &[f32; 64], sensitivity: f32) -> Option<Onset> {
        let mut onset = None;
        for (index, &x) in cell.iter().enumerate() {
            self.sum += x;
            self.summed += 1;
            if self.summed < self.factor {
                continue;
            }
            let at = self.frame.len() - self.hop + self.fresh;
            self.frame[at] = self.sum / self.factor as f32;
            (self.sum, self.summed) = (0.0, 0);
            self.fresh += 1;
            if self.fresh == self.hop {
                self.fresh = 0;
                if self.analyse(sensitivity.clamp(0.0, 1.0)) {
                    let place = self.place();
                    let offset_samples = cell.len() - 1 - index + place * self.factor;
                    onset = onset.or(Some(Onset { strength: self.strength(place), offset_samples }));
                }
                self.frame.copy_within(self.hop.., 0);
            }
        }
        onset
    }

    /// As if it had heard silence so far.
    pub fn reset(&mut self) {
        self.frame.fill(0.0);
        self.frames.iter_mut().for_each(|frame| frame.fill(0.0));
        self.past = [0.0; HISTORY];
        (self.summed, self.sum, self.fresh, self.past_len, self.past_at) = (0, 0.0, 0, 0, 0);
        (self.since_onset, self.armed) = (REFRACTORY, true);
    }

    /// Whether a full frame shows an onset.
    fn analyse(&mut self, sensitivity: f32) -> bool {
        let (flux, rise) = self.flux();
        let silent = self.frame.iter().map(|x| x * x).sum::<f32>() < SILENCE * self.frame.len() as f32;
        self.since_onset = self.since_onset.saturating_add(1);
        if silent {
            // What comes next is compared with itself and not with silence, whose median is 0.
            self.past = [0.0; HISTORY];
            (self.past_len, self.past_at) = (0, 0);
            self.armed = true;
            return false;
        }
        let threshold = (4.6 - 2.8 * sensitivity) * self.median() + 0.12 - 0.08 * sensitivity;
        self.past[self.past_at] = flux;
        self.past_at = (self.past_at + 1) % HISTORY;
        self.past_len = (self.past_len + 1).min(HISTORY);
        if flux <= threshold {
            self.armed = true;
            return false;
        }
        let least = db_to_gain(-24.0 - 40.0 * sensitivity);
        let found = self.armed && self.since_onset >= REFRACTORY && rise >= least * least;
        if found {
            self.armed = false;
            self.since_onset = 0;
        }
        found
    }

    /// Mean over bands of what the logarithmic amplitude gained, and the sum of what its square gained; the latter is 0 where
    /// far more was lost: a string that is stopped.
    fn flux(&mut self) -> (f32, f32) {
        self.stft.magnitudes(&self.frame, &mut self.magnitudes);
        self.frames.rotate_right(1);
        let (now, before) = self.frames.split_at_mut(LAG);
        let now = &mut now[0];
        let bands = now.len();
        let (mut flux, mut rise, mut fall) = (0.0, 0.0, 0.0);
        for (band, slot) in now.iter_mut().enumerate() {
            let bins = &self.magnitudes[self.edges[band]..self.edges[band + 1]];
            let power = self.scale * bins.iter().map(|m| m * m).sum::<f32>();
            *slot = libm::log1pf(power.sqrt() / FLOOR);
            let largest = before.iter().fold(0.0f32, |largest, frame| largest.max(frame[band]));
            flux += (*slot - largest).max(0.0);
            let amplitude = FLOOR * libm::expm1f(largest);
            let gained = power - amplitude * amplitude;
            *if gained > 0.0 { &mut rise } else { &mut fall } += gained.abs();
        }
        (flux / bands as f32, if fall > FALL * rise { 0.0 } else { rise })
    }

    /// Median of the flux since the last silence, half a second at most. It is 0 for the first frames: their flux is the
    /// onset's own.
    fn median(&self) -> f32 {
        let mut past = self.past;
        let count = self.past_len.max(2 * (LAG + EARLIER) - 3);
        *past[..count].select_nth_unstable_by(count / 2, f32::total_cmp).1
    }

    /// How many samples before its end the frame's energy rises most: parts of 0.7 ms, three against the six before.
    fn place(&self) -> usize {
        let slot = self.frame.len() / SLOTS;
        let mut energies = [0.0f32; SLOTS];
        let first = self.frame.len() - slot * SLOTS;
        for (energy, samples) in energies.iter_mut().zip(self.frame[first..].chunks_exact(slot)) {
            // Differences: low strings that ring on would hide an attack.
            *energy = samples.windows(2).map(|pair| (pair[1] - pair[0]) * (pair[1] - pair[0])).sum::<f32>();
        }
        let mut best = (0.0, SLOTS / 2);
        for index in 6..SLOTS - 2 {
            let after: f32 = energies[index..index + 3].iter().sum();
            let before: f32 = energies[index - 6..index].iter().sum();
            let ratio = after / (before + SILENCE);
            if ratio > best.0 {
                best = (ratio, index);
            }
        }
        (SLOTS - best.1) * slot
    }

    /// See [`Onset::strength`]; the onset was `place` samples before the frame's end.
    fn strength(&self, place: usize) -> f32 {
        let (before, after) = self.frame.split_at(self.frame.len() - place);
        let (before, after) = (rms(before), rms(after));
        (2.0 * (after * after - before * before).max(0.0)).sqrt()
    }
}

#[cfg(test)]
mod tests;
