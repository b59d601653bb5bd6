use super::*;
use crate::dsp::random::Random;
use std::f64::consts::{PI, TAU};

const RATE: u32 = 48_000;

fn tuned(centres_hz: &[f32], q: f32) -> FilterBank {
    let mut bank = FilterBank::new(RATE);
    bank.tune(centres_hz, q);
    bank
}

/// |H| of the analogue prototype under the bilinear transform.
fn analytic_gain(centre_hz: f64, q: f64, hz: f64) -> f64 {
    let warped = |hz: f64| libm::tan(PI * hz / f64::from(RATE));
    let ratio = warped(hz) / warped(centre_hz);
    let detuning = q * (2f64.sqrt() - 1.0).sqrt() * (ratio - 1.0 / ratio);
    1.0 / (1.0 + detuning * detuning)
}

/// Every band's gain for a sine in the steady state.
fn gains(bank: &mut FilterBank, hz: f64, settle_samples: u32) -> [f64; MAX_BANDS] {
    let mut out = [0.0; MAX_BANDS];
    let mut sums = [(0.0, 0.0); MAX_BANDS];
    let count = RATE / 2;
    for i in 0..settle_samples + count {
        let phase = TAU * hz * f64::from(i) / f64::from(RATE);
        bank.run(libm::sin(phase) as f32, &mut out);
        if i >= settle_samples {
            let window = 1.0 - libm::cos(TAU * f64::from(i - settle_samples) / f64::from(count));
            for ((re, im), &x) in sums.iter_mut().zip(&out) {
                *re += window * f64::from(x) * libm::cos(phase);
                *im += window * f64::from(x) * libm::sin(phase);
            }
        }
    }
    sums.map(|(re, im)| 2.0 / f64::from(count) * (re * re + im * im).sqrt())
}

#[test]
fn magnitudes_are_those_of_the_prototype() {
    let centres = [60.0, 440.0, 3_000.0, 15_000.0, 40_000.0];
    for q in [0.7, 4.0, 30.0] {
        for (band, &centre) in centres.iter().enumerate() {
            // Centres end at 0.45 of the rate.
            let centre = f64::from(centre).min(0.45 * f64::from(RATE));
            for (ratio, name) in [(1.0, "the centre"), (0.5, "an octave below"), (1.02, "close by")] {
                let got = gains(&mut tuned(&centres, q), centre * ratio, RATE)[band];
                let expected = analytic_gain(centre, f64::from(q), centre * ratio);
                let off = 20.0 * libm::log10(got / expected);
                assert!(off.abs() < 0.05, "{centre} Hz, Q {q}, {name}: {got} for {expected}");
            }
        }
    }
}

/// The bank at rest in double precision, as direct forms of the transformed prototype.
fn reference(centre_hz: f64, q: f64, input: &[f32]) -> Vec<f64> {
    let (g, k) = (libm::tan(PI * centre_hz / f64::from(RATE)), 1.0 / (q * (2f64.sqrt() - 1.0).sqrt()));
    let norm = 1.0 / (1.0 + g * k + g * g);
    let (b, c1, c2) = (g * k * norm, 2.0 * (g * g - 1.0) * norm, (1.0 - g * k + g * g) * norm);
    let mut signal: Vec<f64> = input.iter().map(|&x| f64::from(x)).collect();
    for _ in 0..2 {
        let (mut x1, mut x2, mut y1, mut y2) = (0.0, 0.0, 0.0, 0.0);
        for x in &mut signal {
            let y = b * (*x - x2) - c1 * y1 - c2 * y2;
            (x2, x1, y2, y1) = (x1, *x, y1, y);
            *x = y;
        }
    }
    signal
}

#[test]
fn noise_comes_out_as_of_a_slow_reference() {
    let mut random = Random::new(5);
    let noise: Vec<f32> = (0..RATE).map(|_| random.normal()).collect();
    let centres = [30.0, 82.41, 300.0, 1_000.0, 5_000.0, 9_000.0, 12_000.0, 18_000.0, 21_000.0];
    for q in [1.0, 12.0, 80.0] {
        let expected = centres.map(|hz| reference(f64::from(hz), f64::from(q), &noise));
        let (mut one, mut each) = (tuned(&centres, q), tuned(&centres, q));
        let (mut out, mut out_each) = ([0.0; MAX_BANDS], [0.0; MAX_BANDS]);
        for (i, &x) in noise.iter().enumerate() {
            one.run(x, &mut out);
            each.run_each(&[x; MAX_BANDS], &mut out_each);
            assert_eq!(out, out_each);
            assert!(out[centres.len()..].iter().all(|&x| x == 0.0), "bands that are not used");
            for (band, reference) in expected.iter().enumerate() {
                let off = (f64::from(out[band]) - reference[i]).abs();
                assert!(off < 2e-4, "Q {q}, band {band}, sample {i}: {} for {}", out[band], reference[i]);
            }
        }
    }
}

#[test]
fn a_neighbour_a_fourth_away_is_30_db_down() {
    let semitones: [f32; 25] = std::array::from_fn(|i| 220.0 * libm::exp2f(i as f32 / 12.0));
    for band in [5, 12, 19] {
        let got = gains(&mut tuned(&semitones, 30.0), f64::from(semitones[band]), RATE);
        assert!((got[band] - 1.0).abs() < 0.01);
        for other in [band - 5, band + 5] {
            assert!(got[other] < 0.0316, "band {other} hears band {band} with {}", got[other]);
        }
    }
}

#[test]
fn each_band_has_its_own_input_in_run_each() {
    let mut bank = tuned(&[500.0; 3], 5.0);
    let (mut inputs, mut out) = ([0.0; MAX_BANDS], [0.0; MAX_BANDS]);
    inputs[1] = 1.0;
    inputs[3] = 1.0;
    bank.run_each(&inputs, &mut out);
    assert!(out[1] > 0.0 && out.iter().enumerate().all(|(band, &x)| band == 1 || x == 0.0), "{out:?}");
}

/// The largest output and the largest step of any band under noise, with a new tuning every 64 samples, and whether
/// all of it was finite.
fn extremes(level: f32, mut retune: impl FnMut(&mut FilterBank, &mut Random)) -> (f32, f32) {
    let (mut bank, mut random) = (tuned(&[100.0, 1_000.0, 10_000.0], 3.0), Random::new(9));
    let (mut last, mut out) = ([0.0; MAX_BANDS], [0.0; MAX_BANDS]);
    let (mut peak, mut step) = (0.0f32, 0.0f32);
    for i in 0..4 * RATE {
        if i % 64 == 0 {
            retune(&mut bank, &mut random);
        }
        bank.run(level * (2.0 * random.uniform() - 1.0), &mut out);
        for (&x, &before) in out.iter().zip(&last) {
            assert!(x.is_finite());
            (peak, step) = (peak.max(x.abs()), step.max((x - before).abs()));
        }
        last = out;
    }
    (peak, step)
}

#[test]
fn wild_tuning_neither_clicks_nor_blows_up() {
    // The widest filters make the largest steps of those that rest.
    let (_, still) = extremes(1.0, |bank, _| bank.tune(&[12_000.0; 8], 0.5));
    let (peak, step) = extremes(1.0, |bank, random| {
        let centres: [f32; 12] = std::array::from_fn(|_| 50.0 * libm::powf(200.0, random.uniform()));
        let bands = 4 + random.below(9) as usize;
        bank.tune(&centres[..bands], 0.5 * libm::powf(200.0, random.uniform()));
    });
    assert!(peak < 2.0 && step < 1.1 * still, "peak {peak}, step {step} for {still}");
    let (peak, _) = extremes(64.0, |bank, random| {
        let centres: [f32; MAX_BANDS] = std::array::from_fn(|_| 1e5 * random.uniform());
        bank.tune(&centres[..random.below(49) as usize], 2_000.0 * random.uniform());
    });
    assert!(peak < 128.0, "{peak}");
    let (peak, _) = extremes(64.0, |bank, _| bank.tune(&[f32::NAN, f32::INFINITY, -1.0, 0.0], f32::NAN));
    assert!(peak < 128.0, "{peak}");
}

#[test]
fn a_band_that_goes_fades_out_and_leaves_nothing() {
    let mut bank = tuned(&[440.0, 880.0], 20.0);
    let mut out = [0.0; MAX_BANDS];
    let mut last = 0.0f32;
    let mut largest = 0.0f32;
    for i in 0..RATE {
        if i == RATE / 2 + 13 {
            bank.tune(&[440.0], 20.0);
            assert_eq!(bank.bands(), 1);
        }
        bank.run(libm::sinf(std::f32::consts::TAU * 880.0 / RATE as f32 * i as f32), &mut out);
        largest = largest.max((out[1] - last).abs());
        last = out[1];
        assert!(i <= RATE / 2 + 13 + 64 || out[1] == 0.0);
    }
    assert!((0.1..0.125).contains(&largest), "steps are the sine's own: {largest}");
    // Back again: from silence, not from where it was.
    bank.tune(&[440.0, 880.0], 20.0);
    (0..200).for_each(|_| bank.run(0.0, &mut out));
    assert_eq!(out[1], 0.0);
    bank.reset();
    bank.run(1.0, &mut out);
    assert_eq!((bank.bands(), out), (0, [0.0; MAX_BANDS]));
}
