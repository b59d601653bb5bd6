//! A plucked string: the extended Karplus-Strong algorithm (Jaffe and Smith, *Extensions of the Karplus-Strong
//! plucked-string algorithm*, Computer Music Journal 7(2), 1983), shaped like an electric guitar into a clean input.

use super::random::Random;
use std::f64::consts::{PI, TAU};

/// One pluck of one string.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pluck {
    /// Pitch.
    pub frequency_hz: f64,
    /// How hard: 0…1. Harder is louder and brighter.
    pub velocity: f64,
    /// Where the pick meets the string, as a part of its length.
    pub pick_position: f64,
    /// Time in which the fundamental decays by 60 dB.
    pub decay_seconds: f64,
    /// Time in which partials at 2 kHz decay by 60 dB.
    pub bright_decay_seconds: f64,
    /// From here on a finger damps the string.
    pub damped_after_seconds: f64,
}

/// Where the pickup sits, as a part of the string's length.
const PICKUP_POSITION: f64 = 0.23;
/// How much of the excitation is noise; the rest is the corner of the plucked string.
const NOISE_PART: f64 = 0.12;
/// A string swings in two directions that differ a little in pitch and in loss: gain, cents and part of the decay time.
const POLARISATIONS: [(f64, f64, f64); 2] = [(0.72, -0.35, 1.0), (0.28, 0.5, 0.55)];
/// A damping finger takes 60 dB in this time.
const FINGER_SECONDS: f64 = 0.12;
/// A string this much below full scale is no longer computed.
const INAUDIBLE: f64 = 1e-6;
/// The frequency that [`Pluck::bright_decay_seconds`] speaks of.
const BRIGHT_HZ: f64 = 2000.0;

/// Adds a pluck to `out`, from its first sample on. The same `random` gives the same bits. Allocates.
pub fn add_pluck(pluck: &Pluck, sample_rate_hz: u32, random: &mut Random, out: &mut [f32]) {
    let rate = f64::from(sample_rate_hz);
    let damped_after_samples = (pluck.damped_after_seconds.max(0.0) * rate) as usize;
    let finger = libm::pow(10.0, -3.0 / (FINGER_SECONDS * rate));
    for (gain, cents, decay_part) in POLARISATIONS {
        let tuned = Pluck {
            frequency_hz: pluck.frequency_hz * libm::exp2(cents / 1200.0),
            decay_seconds: pluck.decay_seconds * decay_part,
            ..*pluck
        };
        let mut string = PluckedString::new(&tuned, rate, random);
        let mut gain = gain * pluck.velocity;
        for (index, slot) in out.iter_mut().enumerate() {
            if index >= damped_after_samples {
                gain *= finger;
                if gain < INAUDIBLE {
                    break;
                }
            }
            *slot += (gain * string.next_sample()) as f32;
        }
    }
}

/// A delay line whose output goes through a damping filter and a tuning all-pass back into it.
struct PluckedString {
    line: Vec<f64>,
    position: usize,
    loop_gain: f64,
    /// The damping filter is (1 − S) + S z⁻¹.
    stretch: f64,
    damping_last: f64,
    tuning: f64,
    tuning_in: f64,
    tuning_out: f64,
}

impl PluckedString {
    fn new(pluck: &Pluck, rate: f64, random: &mut Random) -> Self {
        // At least 4 samples a period, so that line, filter and all-pass have room.
        let frequency = pluck.frequency_hz.clamp(20.0, rate / 4.0);
        let (omega, period) = (TAU * frequency / rate, rate / frequency);
        // The damping filter's gain at 2 kHz, one pass a period, gives the bright decay:
        // |H|² = 1 − 4 S (1 − S) sin²(ω/2).
        let bright_omega = (TAU * BRIGHT_HZ / rate).min(PI);
        let bright_gain = decay_per_period(frequency, pluck.bright_decay_seconds);
        let sine = libm::sin(bright_omega / 2.0);
        let product = ((1.0 - bright_gain * bright_gain) / (4.0 * sine * sine)).clamp(0.0, 0.25);
        let stretch = 0.5 * (1.0 - (1.0 - 4.0 * product).max(0.0).sqrt());
        let half_sine = libm::sin(omega / 2.0);
        let damping_gain = (1.0 - 4.0 * stretch * (1.0 - stretch) * half_sine * half_sine).sqrt();
        let loop_gain = (decay_per_period(frequency, pluck.decay_seconds) / damping_gain).min(0.99999);
        let filter_delay = libm::atan2(stretch * libm::sin(omega), 1.0 - stretch + stretch * libm::cos(omega)) / omega;
        // The all-pass makes up the fraction of a sample, kept in 0.1…1.1 where it is well behaved (their eq. 14).
        let length = (period - filter_delay - 0.1) as usize;
        let fraction = period - filter_delay - length as f64;
        let tuning = libm::sin((omega - omega * fraction) / 2.0) / libm::sin((omega + omega * fraction) / 2.0);
        Self {
            line: excitation(length, pluck, rate, random),
            position: 0,
            loop_gain,
            stretch,
            damping_last: 0.0,
            tuning,
            tuning_in: 0.0,
            tuning_out: 0.0,
        }
    }

    fn next_sample(&mut self) -> f64 {
        let out = self.line[self.position];
        let damped = self.loop_gain * ((1.0 - self.stretch) * out + self.stretch * self.damping_last);
        self.damping_last = out;
        let tuned = self.tuning * (damped - self.tuning_out) + self.tuning_in;
        self.tuning_in = damped;
        self.tuning_out = tuned;
        self.line[self.position] = tuned;
        self.position = (self.position + 1) % self.line.len();
        out
    }
}

/// The gain of one period that decays by 60 dB in `seconds`.
fn decay_per_period(frequency_hz: f64, seconds: f64) -> f64 {
    libm::pow(10.0, -3.0 / (frequency_hz * seconds.max(1e-3)))
}

/// One period of what the pick leaves on the string: a corner and some noise, dulled by a soft stroke, with the combs of the
/// pick's and the pickup's places. No DC, peak 1.
fn excitation(length: usize, pluck: &Pluck, rate: f64, random: &mut Random) -> Vec<f64> {
    let mut period: Vec<f64> = (0..length).map(|_| NOISE_PART * f64::from(random.normal())).collect();
    // A corner at every place has the spectrum of an impulse; its height grows with the period, as its energy is spread.
    period[0] += 0.5 * (length as f64).sqrt();
    let cutoff_hz = 750.0 * libm::pow(6.0, pluck.velocity.clamp(0.0, 1.0));
    let pole = libm::exp(-TAU * cutoff_hz / rate);
    for _ in 0..2 {
        // Twice round, so that the filter's state is that of a periodic signal.
        let mut state = 0.0;
        for index in 0..2 * length {
            state = (1.0 - pole) * period[index % length] + pole * state;
            if index >= length {
                period[index - length] = state;
            }
        }
    }
    for place in [pluck.pick_position, PICKUP_POSITION] {
        let distance = ((place.clamp(0.0, 1.0) * length as f64) as usize).min(length - 1).max(1);
        let source = period.clone();
        for (index, slot) in period.iter_mut().enumerate() {
            *slot -= source[(index + length - distance) % length];
        }
    }
    let mean = period.iter().sum::<f64>() / length as f64;
    let peak = period.iter().fold(1e-9f64, |peak, x| peak.max((x - mean).abs()));
    period.iter_mut().for_each(|x| *x = (*x - mean) / peak);
    period
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dsp::level::rms;

    const RATE: u32 = 44_100;

    fn pluck(frequency_hz: f64) -> Pluck {
        Pluck {
            frequency_hz,
            velocity: 0.7,
            pick_position: 0.13,
            decay_seconds: 4.0,
            bright_decay_seconds: 1.5,
            damped_after_seconds: 10.0,
        }
    }

    fn play(pluck: &Pluck, seconds: usize) -> Vec<f32> {
        let mut out = vec![0.0; seconds * RATE as usize];
        add_pluck(pluck, RATE, &mut Random::new(1), &mut out);
        out
    }

    /// Power at a frequency, by the definition (Hann window).
    fn power_at(samples: &[f32], hz: f64) -> f64 {
        let n = samples.len() as f64;
        let (mut re, mut im) = (0.0, 0.0);
        for (i, &x) in samples.iter().enumerate() {
            let window = 0.5 - 0.5 * libm::cos(TAU * i as f64 / n);
            let phase = TAU * hz * i as f64 / f64::from(RATE);
            re += window * f64::from(x) * libm::cos(phase);
            im += window * f64::from(x) * libm::sin(phase);
        }
        re * re + im * im
    }

    #[test]
    fn strings_are_in_tune_within_two_cents() {
        for hz in [82.41, 110.0, 329.63, 659.26, 1318.5] {
            let sound = play(&pluck(hz), 1);
            // The decay does not move a peak; the strongest of many close frequencies is the pitch.
            let (_, cents) = (-20..=20)
                .map(|step| f64::from(step) * 0.5)
                .map(|cents| (power_at(&sound, hz * libm::exp2(cents / 1200.0)), cents))
                .fold((0.0, f64::NAN), |best, found| if found.0 > best.0 { found } else { best });
            assert!(cents.abs() < 2.0, "{hz} Hz is off by {cents} cents");
        }
    }

    #[test]
    fn the_fundamental_decays_as_asked() {
        let sound = play(&pluck(220.0), 3);
        let at = |second: f64| power_at(&sound[(second * f64::from(RATE)) as usize..][..8820], 220.0);
        let lost_db = 10.0 * libm::log10(at(0.5) / at(2.0));
        // 60 dB in 4 s is 22.5 dB in 1.5 s; the second polarisation, which decays sooner, adds a little.
        assert!((20.0..29.0).contains(&lost_db), "{lost_db} dB in 1.5 s");
    }

    #[test]
    fn a_harder_stroke_is_louder_and_brighter_and_a_finger_ends_it() {
        let soft = play(&Pluck { velocity: 0.2, ..pluck(196.0) }, 1);
        let hard = play(&Pluck { velocity: 0.9, ..pluck(196.0) }, 1);
        let louder = rms(&hard) / rms(&soft);
        assert!(louder > 2.0, "{louder}");
        let brightness = |s: &[f32]| power_at(s, 196.0 * 9.0) / power_at(s, 196.0);
        assert!(brightness(&hard) > 4.0 * brightness(&soft));
        let short = play(&Pluck { damped_after_seconds: 0.3, ..pluck(196.0) }, 1);
        assert!(rms(&short[22_050..]) < 1e-5 && rms(&short[..13_000]) > 0.01);
    }

    #[test]
    fn nothing_depends_on_sane_numbers() {
        for hz in [0.0, 1e-9, 1e9, f64::INFINITY] {
            for place in [-1.0, 0.0, 0.5, 2.0] {
                let wild =
                    Pluck { frequency_hz: hz, pick_position: place, velocity: 1.0, decay_seconds: 0.0, ..pluck(1.0) };
                assert!(play(&wild, 1).iter().all(|x| x.is_finite() && x.abs() <= 4.0), "{wild:?}");
            }
        }
    }
}
