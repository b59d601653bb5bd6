//! Where the bands of a [`FilterBank`](super::filter_bank::FilterBank) lie.

use super::filter_bank::MAX_BANDS;
pub use crate::control::Tuning;

/// Notes that a [`Tuning`] chooses from, as MIDI numbers: up to 23 kHz.
const NOTES: usize = 138;
/// Semitones of the natural minor scale on E above C.
const E_MINOR: [usize; 7] = [4, 6, 7, 9, 11, 0, 2];
/// E2 A2 D3 G3 B3 E4 as MIDI numbers.
const OPEN_STRINGS: [usize; 6] = [40, 45, 50, 55, 59, 64];
/// Harmonics of an open string that are used.
const HARMONICS: usize = 4;
/// Two frequencies that are closer than 30 cents count as one.
const SAME: f32 = 1.017_479_7;

impl Tuning {
    /// Writes at most `bands` (and [`MAX_BANDS`]) centres within `low_hz..=high_hz` to `out`, rising, in Hz, and returns
    /// their number. The tuned layouts (A4 = 440 Hz, equal temperament) return the notes that lie in the range, and where
    /// these are more than `bands` they spread their choice evenly; a range without a note gives 0.
    ///
    /// # Realtime safety
    /// Safe on the audio thread.
    pub fn centres(self, low_hz: f32, high_hz: f32, bands: usize, out: &mut [f32; MAX_BANDS]) -> usize {
        let bands = bands.min(MAX_BANDS);
        let mut notes = [0.0; NOTES];
        let mut count = 0;
        let mut add = |hz: f32| {
            if (low_hz..=high_hz).contains(&hz) {
                notes[count] = hz;
                count += 1;
            }
        };
        match self {
            Self::ConstantQ => {
                constant_q_centres(low_hz, high_hz, &mut out[..bands]);
                return bands;
            }
            Self::Chromatic => (0..NOTES).for_each(|note| add(note_hz(note))),
            Self::EMinor => {
                (0..NOTES).filter(|note| E_MINOR.contains(&(note % 12))).for_each(|note| add(note_hz(note)));
            }
            Self::OpenStrings => {
                let mut all: [f32; OPEN_STRINGS.len() * HARMONICS] =
                    std::array::from_fn(|i| note_hz(OPEN_STRINGS[i / HARMONICS]) * (i % HARMONICS + 1) as f32);
                all.sort_unstable_by(f32::total_cmp);
                let mut last = 0.0;
                for hz in all {
                    if hz > last * SAME {
                        add(hz);
                        last = hz;
                    }
                }
            }
        }
        let kept = bands.min(count);
        for (index, slot) in out[..kept].iter_mut().enumerate() {
            // Both ends are kept; a single band takes the middle.
            *slot = notes[if kept > 1 { (index * (count - 1) + (kept - 1) / 2) / (kept - 1) } else { count / 2 }];
        }
        kept
    }
}

/// The frequency of a MIDI note in equal temperament, A4 = 440 Hz.
fn note_hz(note: usize) -> f32 {
    (440.0 * libm::exp2((note as f64 - 69.0) / 12.0)) as f32
}

/// Fills `out` with centres from `low_hz` to `high_hz` (above 0), equally far apart on a logarithmic scale; a single one is
/// the geometric mean.
///
/// # Realtime safety
/// Safe on the audio thread.
pub fn constant_q_centres(low_hz: f32, high_hz: f32, out: &mut [f32]) {
    let octaves = libm::log2(f64::from(high_hz) / f64::from(low_hz));
    let last = out.len().max(2) - 1;
    let single = out.len() == 1;
    for (index, slot) in out.iter_mut().enumerate() {
        let position = if single { 0.5 } else { index as f64 / last as f64 };
        *slot = (f64::from(low_hz) * libm::exp2(octaves * position)) as f32;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn centres(tuning: Tuning, low_hz: f32, high_hz: f32, bands: usize) -> Vec<f32> {
        let mut out = [0.0; MAX_BANDS];
        let count = tuning.centres(low_hz, high_hz, bands, &mut out);
        let found = out[..count].to_vec();
        assert!(found.windows(2).all(|pair| pair[0] < pair[1]), "{tuning:?} rises: {found:?}");
        assert!(found.iter().all(|hz| (low_hz * 0.9999..=high_hz * 1.0001).contains(hz)), "{tuning:?}: {found:?}");
        found
    }

    fn assert_close(got: &[f32], expected: &[f32]) {
        assert_eq!(got.len(), expected.len(), "{got:?}");
        assert!(got.iter().zip(expected).all(|(a, b)| (a / b - 1.0).abs() < 1e-4), "{got:?} for {expected:?}");
    }

    #[test]
    fn constant_q_is_even_in_octaves() {
        assert_close(&centres(Tuning::ConstantQ, 100.0, 800.0, 4), &[100.0, 200.0, 400.0, 800.0]);
        assert_close(&centres(Tuning::ConstantQ, 100.0, 400.0, 1), &[200.0]);
        assert_eq!(centres(Tuning::ConstantQ, 20.0, 20_000.0, 1000).len(), MAX_BANDS);
        assert!(centres(Tuning::ConstantQ, 20.0, 20_000.0, 0).is_empty());
    }

    #[test]
    fn notes_are_those_within_the_range() {
        assert_close(&centres(Tuning::Chromatic, 430.0, 530.0, 48), &[440.0, 466.16, 493.88, 523.25]);
        let octave = [329.63, 369.99, 392.0, 440.0, 493.88, 523.25, 587.33, 659.26];
        assert_close(&centres(Tuning::EMinor, 329.0, 660.0, 48), &octave);
        assert!(centres(Tuning::EMinor, 341.0, 360.0, 48).is_empty(), "F is not in the scale");
        // Fewer bands than notes: both ends and an even choice between.
        assert_close(&centres(Tuning::EMinor, 329.0, 660.0, 3), &[329.63, 493.88, 659.26]);
        assert_close(&centres(Tuning::EMinor, 329.0, 660.0, 1), &[493.88]);
        let wide = centres(Tuning::Chromatic, 1.0, 1e6, 48);
        assert_eq!(wide.len(), 48);
        assert!(wide.windows(2).all(|pair| (1.1..1.2).contains(&(pair[1] / pair[0]))), "two or three semitones");
    }

    #[test]
    fn open_strings_and_their_harmonics() {
        let found = centres(Tuning::OpenStrings, 20.0, 20_000.0, 48);
        assert_close(&found[..5], &[82.41, 110.0, 146.83, 164.81, 196.0]);
        assert_close(&found[found.len() - 1..], &[1318.5]);
        assert!(found.windows(2).all(|pair| pair[1] > pair[0] * SAME));
        // Of 24, six are there already: B3, A4, D5 and B5 once, E4 twice.
        assert_eq!(found.len(), 18);
        assert_eq!(centres(Tuning::OpenStrings, 20.0, 20_000.0, 6).len(), 6);
    }
}
