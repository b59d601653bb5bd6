//! Cutting loops: the position at which a recording best returns to its beginning, and the gains of the cross-fade.

/// Partial sums of a dot product: fixed, so that the order of additions is the same on every processor.
const LANES: usize = 8;
/// The coarse search averages at least this many samples to one.
const MIN_FACTOR: usize = 4;
/// Averages of the loop's beginning, at most.
const TEMPLATE: usize = 1024;
/// Averages that are in view at once.
const TILE: usize = 3072;
/// Peaks of the coarse search that are looked at sample by sample.
const PEAKS: usize = 8;
/// Mean square below which a span is silent (−100 dBFS) and correlates with nothing.
const SILENCE: f32 = 1e-10;

/// Where a loop ends.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Seam {
    /// The loop's length: `buffer[end..end + fade]` fades out while `buffer[..fade]` fades in.
    pub end: usize,
    /// Their normalised cross-correlation, −1…1; 0 where one of them is silent.
    pub correlation: f32,
}

/// The end within `from..=to` where `buffer[end..end + fade]` has the largest normalised cross-correlation with
/// `buffer[..fade]`, as in synchronous overlap-add (Roucos and Wilgus, *High Quality Time-Scale Modification for Speech*,
/// ICASSP 1985). Ends whose fade would leave the buffer are excluded; if none remains, or all is silent, returns the first
/// end with a correlation of 0.
///
/// Coarse to fine: first averages of 4 samples (more, where `fade` is above 4096) in steps of as many, then the 8 best
/// peaks sample by sample. With c candidates that is c · fade / 16 + 112 · fade multiplications: 0.4 million for
/// c = 4096 and a fade of 1024, where a full search takes 4.2 million.
///
/// # Realtime safety
/// Allocates nothing; needs 16 KiB of stack.
pub fn find_seam(buffer: &[f32], fade: usize, from: usize, to: usize) -> Seam {
    let to = to.min(buffer.len().saturating_sub(fade));
    let from = from.min(to);
    let mut best = Seam { end: from, correlation: 0.0 };
    if fade == 0 || buffer.len() < fade {
        return best;
    }
    let begin = &buffer[..fade];
    let begin_energy = dot(begin, begin);
    let silence = SILENCE * fade as f32;
    let mut found = false;
    for peak in coarse_peaks(buffer, fade, from, to).into_iter().flatten() {
        let reach = factor_for(fade) - 1;
        for end in peak.saturating_sub(reach).max(from)..=(peak + reach).min(to) {
            let span = &buffer[end..end + fade];
            let energy = dot(span, span);
            if energy > silence && begin_energy > silence {
                let correlation = dot(begin, span) / (begin_energy.sqrt() * energy.sqrt());
                if !found || correlation > best.correlation {
                    best = Seam { end, correlation };
                    found = true;
                }
            }
        }
    }
    best.correlation = best.correlation.clamp(-1.0, 1.0);
    best
}

/// Gains `(old, new)` of a cross-fade at `position` in [0, 1] between two equally loud signals of this correlation, so that
/// their sum keeps their power: the straight lines 1 − p and p, divided by the root of the power that they would have,
/// (1 − p)² + p² + 2 ρ p (1 − p). For ρ = 1 they stay straight, for ρ = 0 the squares of the gains add up to 1 (the condition is
/// that of Fink, Holters and Zölzer, *Signal-Matched Power-Complementary Cross-Fading and Dry-Wet Mixing*, DAFx-16).
/// Correlations below 0 count as 0: opposite signals have no power to keep. Exactly (1, 0) and (0, 1) at the ends.
///
/// # Realtime safety
/// Safe on the audio thread.
pub fn cross_fade(correlation: f32, position: f32) -> (f32, f32) {
    let new = position.clamp(0.0, 1.0);
    let old = 1.0 - new;
    let power = old * old + new * new + 2.0 * correlation.clamp(0.0, 1.0) * old * new;
    let scale = 1.0 / power.sqrt();
    (old * scale, new * scale)
}

/// Samples that are averaged to one.
fn factor_for(fade: usize) -> usize {
    fade.div_ceil(TEMPLATE).max(MIN_FACTOR)
}

/// The ends of the best local peaks among every [`factor_for`]-th candidate.
fn coarse_peaks(buffer: &[f32], fade: usize, from: usize, to: usize) -> [Option<usize>; PEAKS] {
    let mut peaks = [(f32::NEG_INFINITY, None); PEAKS];
    let factor = factor_for(fade);
    // A fade shorter than the factor is one average.
    let length = (fade / factor).max(1);
    let mean = |at: usize| buffer[at..buffer.len().min(at + factor)].iter().sum::<f32>();
    let mut template = [0.0; TEMPLATE];
    let template = &mut template[..length];
    template.iter_mut().enumerate().for_each(|(index, slot)| *slot = mean(index * factor));
    let steps = (to - from) / factor + 1;
    let mut tile = [0.0; TILE];
    // The scores of the last two candidates: a peak is known one later.
    let (mut last, mut before) = (f32::NEG_INFINITY, f32::NEG_INFINITY);
    let mut keep = |score: f32, step: usize| {
        let place = peaks.iter().position(|peak| score > peak.0).unwrap_or(PEAKS);
        if place < PEAKS {
            peaks[place..].rotate_right(1);
            peaks[place] = (score, Some(from + step * factor));
        }
    };
    let mut step = 0;
    while step < steps {
        let count = (TILE - length + 1).min(steps - step);
        let averages = &mut tile[..count + length - 1];
        averages.iter_mut().enumerate().for_each(|(index, slot)| *slot = mean(from + (step + index) * factor));
        let mut energy: f64 = averages[..length].iter().map(|&x| f64::from(x) * f64::from(x)).sum();
        for index in 0..count {
            let span = &averages[index..index + length];
            // The template's own energy is the same for all.
            let score = dot(template, span) / (energy.max(1e-12) as f32).sqrt();
            if last > before && last >= score {
                keep(last, step + index - 1);
            }
            (before, last) = (last, score);
            if index + 1 < count {
                let (leaves, enters) = (f64::from(span[0]), f64::from(averages[index + length]));
                energy = (energy + enters * enters - leaves * leaves).max(0.0);
            }
        }
        step += count;
    }
    if last > before {
        keep(last, steps - 1);
    }
    peaks.map(|peak| peak.1)
}

/// Σ a b in a fixed order of additions.
pub(crate) fn dot(a: &[f32], b: &[f32]) -> f32 {
    let (rows, rest) = a.as_chunks::<LANES>();
    let (others, other_rest) = b.as_chunks::<LANES>();
    let mut sums = [0.0f32; LANES];
    for (x, y) in rows.iter().zip(others) {
        for lane in 0..LANES {
            sums[lane] += x[lane] * y[lane];
        }
    }
    let tail: f32 = rest.iter().zip(other_rest).map(|(x, y)| x * y).sum();
    sums.iter().sum::<f32>() + tail
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dsp::{
        level::{gain_to_db, rms},
        pluck::{Pluck, add_pluck},
        random::Random,
    };
    use std::f64::consts::TAU;

    const RATE: usize = 48_000;
    const FADE: usize = 1024;

    fn sine(hz: f64, count: usize) -> Vec<f32> {
        (0..count).map(|i| 0.5 * libm::sin(TAU * hz * i as f64 / RATE as f64) as f32).collect()
    }

    fn noise(seed: u64, count: usize) -> Vec<f32> {
        let mut random = Random::new(seed);
        (0..count).map(|_| 0.2 * random.normal()).collect()
    }

    fn plucked(hz: f64, count: usize) -> Vec<f32> {
        let mut out = vec![0.0; count];
        let pluck = Pluck {
            frequency_hz: hz,
            velocity: 0.7,
            pick_position: 0.13,
            decay_seconds: 4.0,
            bright_decay_seconds: 1.5,
            damped_after_seconds: 100.0,
        };
        add_pluck(&pluck, RATE as u32, &mut Random::new(1), &mut out);
        out
    }

    /// Two rounds of a loop.
    fn looped(buffer: &[f32], seam: Seam, fade: usize) -> Vec<f32> {
        let mut out = buffer[..seam.end].to_vec();
        for index in 0..seam.end {
            out.push(if index < fade {
                let (old, new) = cross_fade(seam.correlation, index as f32 / fade as f32);
                old * buffer[seam.end + index] + new * buffer[index]
            } else {
                buffer[index]
            });
        }
        out
    }

    fn largest_step(sound: &[f32]) -> f32 {
        sound.windows(2).fold(0.0, |largest, pair| (pair[1] - pair[0]).abs().max(largest))
    }

    fn exhaustive(buffer: &[f32], fade: usize, from: usize, to: usize) -> f32 {
        let score = |end: usize| {
            let (begin, span) = (&buffer[..fade], &buffer[end..end + fade]);
            dot(begin, span) / (dot(begin, begin) * dot(span, span)).sqrt()
        };
        (from..=to).map(score).fold(f32::NEG_INFINITY, f32::max)
    }

    #[test]
    fn a_sine_loops_without_a_mark() {
        for hz in [82.41, 443.7, 1_234.5, 5_000.3, 12_000.0, 17_001.0] {
            let buffer = sine(hz, RATE);
            let seam = find_seam(&buffer, FADE, RATE / 2 + 17, RATE / 2 + 17 + 4096);
            assert!(seam.correlation > 0.9, "{hz} Hz: {seam:?}");
            assert!(hz > 4000.0 || seam.correlation > 0.995, "{hz} Hz: {seam:?}");
            let out = looped(&buffer, seam, FADE);
            let step = largest_step(&out) / largest_step(&buffer);
            assert!(step < 1.05, "{hz} Hz jumps by {step} of its largest step");
            // Whole periods, so that the level of a part is that of the sine.
            let period = (libm::round(hz * FADE as f64 / 4.0 / RATE as f64).max(1.0) * RATE as f64 / hz) as usize;
            for part in out[seam.end - FADE..seam.end + 2 * FADE].windows(period) {
                let ripple = gain_to_db(rms(part) / rms(&buffer[..period]));
                assert!(ripple.abs() < 0.5, "{hz} Hz: {ripple} dB at the seam");
            }
        }
    }

    #[test]
    fn noise_loops_without_a_dip() {
        const PART: usize = RATE / 200;
        let (mut fading, mut steady) = ([0.0f64; FADE / PART], 0.0);
        for seed in 0..60 {
            let buffer = noise(seed, 12_000);
            let seam = find_seam(&buffer, FADE, 6_000, 10_000);
            assert!((0.05..0.3).contains(&seam.correlation), "noise is like itself by chance only: {seam:?}");
            let out = looped(&buffer, seam, FADE);
            for (sum, part) in fading.iter_mut().zip(out[seam.end..].chunks_exact(PART)) {
                *sum += f64::from(rms(part)).powi(2) / 60.0;
            }
            steady += f64::from(rms(&buffer)).powi(2) / 60.0;
        }
        for power in fading {
            let off = 10.0 * libm::log10(power / steady);
            assert!(off.abs() < 1.0, "{off} dB in the fade");
        }
    }

    #[test]
    fn a_decaying_string_meets_itself_in_phase() {
        // A string's two polarisations drift apart, and most so within the many periods of a high one.
        for (hz, least) in [(82.41, 0.8), (196.0, 0.8), (659.26, 0.5)] {
            let buffer = plucked(hz, 2 * RATE);
            // From behind the attack on, as a performer who is late would record it.
            let buffer = &buffer[2_000..];
            let seam = find_seam(buffer, FADE, RATE, RATE + 4096);
            assert!(seam.correlation > least, "{hz} Hz: {seam:?}");
            let periods = seam.end as f64 * hz / RATE as f64;
            assert!((periods - libm::round(periods)).abs() < 0.2, "{hz} Hz: {periods} periods");
            let out = looped(buffer, seam, FADE);
            assert!(largest_step(&out) <= 1.05 * largest_step(buffer));
            let (quiet, loud) = (rms(&buffer[seam.end..][..FADE]), rms(&buffer[..FADE]));
            let level = rms(&out[seam.end..][..FADE]);
            assert!(level > 0.95 * quiet && level < 1.05 * loud, "{hz} Hz: {level} between {quiet} and {loud}");
        }
    }

    #[test]
    fn coarse_to_fine_finds_what_a_full_search_finds() {
        let mut chord = plucked(110.0, RATE);
        plucked(164.81, RATE).iter().zip(&mut chord).for_each(|(x, slot)| *slot += x);
        let sounds =
            [("noise", noise(3, RATE), 0.6), ("a string", plucked(329.63, RATE), 0.99), ("a chord", chord, 0.99)];
        for (name, buffer, part) in sounds {
            for (fade, from, to) in [(1024, 20_000, 24_096), (256, 9_999, 10_500), (5_000, 30_000, 40_000)] {
                let best = exhaustive(&buffer, fade, from, to);
                let got = find_seam(&buffer, fade, from, to);
                assert!((from..=to).contains(&got.end));
                assert!(got.correlation >= part * best, "{name}, fade {fade}: {got:?} for {best}");
                let span = &buffer[got.end..got.end + fade];
                let own = dot(&buffer[..fade], span) / (dot(&buffer[..fade], &buffer[..fade]) * dot(span, span)).sqrt();
                assert!((own - got.correlation).abs() < 1e-4);
            }
        }
        // A repetition is found to the sample, in noise too, wherever it lies.
        let repeated = noise(5, 20_000);
        for at in [10_000, 10_001, 10_002, 10_003, 14_096] {
            let mut buffer = repeated.clone();
            buffer.copy_within(..FADE, at);
            let seam = find_seam(&buffer, FADE, 10_000, 14_096);
            assert!(seam.end == at && seam.correlation > 0.999, "{at}: {seam:?}");
        }
    }

    #[test]
    fn a_quiet_match_behind_loud_noise_is_found() {
        let mut buffer = noise(7, 20_000);
        buffer[10_000..12_000].iter_mut().for_each(|x| *x *= 30.0);
        buffer.copy_within(..FADE, 13_001);
        buffer[12_000..].iter_mut().for_each(|x| *x *= 0.1);
        assert_eq!(find_seam(&buffer, FADE, 10_000, 14_096).end, 13_001);
    }

    #[test]
    fn silence_and_odd_sizes_end_somewhere() {
        let silent = vec![0.0; 10_000];
        assert_eq!(find_seam(&silent, FADE, 5_000, 9_000), Seam { end: 5_000, correlation: 0.0 });
        let mut half = noise(1, 10_000);
        half[4_000..].fill(0.0);
        assert_eq!(find_seam(&half, FADE, 5_000, 8_000).correlation, 0.0, "nothing to meet");
        let buffer = noise(2, 3_000);
        for (fade, from, to) in [(0, 5, 9), (1, 5, 9), (3, 10, 20), (3_000, 0, 9), (4_000, 1, 2), (100, 9_999, 99_999)]
        {
            let seam = find_seam(&buffer, fade, from, to);
            assert!(seam.end + fade <= buffer.len() || fade > buffer.len(), "{seam:?}");
            assert!(seam.correlation.abs() <= 1.0);
        }
        assert_eq!(find_seam(&[], 10, 0, 10), Seam { end: 0, correlation: 0.0 });
    }

    #[test]
    fn gains_keep_the_power_of_what_correlates() {
        for rho in [0.0, 0.3, 0.9, 1.0] {
            assert_eq!((cross_fade(rho, 0.0), cross_fade(rho, 1.0)), ((1.0, 0.0), (0.0, 1.0)));
            for i in 0..=100 {
                let (old, new) = cross_fade(rho, i as f32 / 100.0);
                assert!((old * old + new * new + 2.0 * rho * old * new - 1.0).abs() < 1e-6, "{rho} at {i} %");
            }
        }
        let (old, new) = cross_fade(1.0, 0.25);
        assert!((old - 0.75).abs() < 1e-6 && (new - 0.25).abs() < 1e-6, "linear");
        assert_eq!(cross_fade(-1.0, 0.5), cross_fade(0.0, 0.5));
        assert!((cross_fade(0.0, 0.5).0 - 0.5f32.sqrt()).abs() < 1e-6);
    }
}
