use super::*;
use crate::dsp::{
    pluck::{Pluck, add_pluck},
    random::Random,
};
use std::f64::consts::TAU;

/// Two orders of notes of A minor.
const UP_HZ: [f64; 6] = [110.0, 130.81, 164.81, 220.0, 261.63, 329.63];
const DOWN_HZ: [f64; 6] = [220.0, 164.81, 329.63, 110.0, 130.81, 246.94];

/// Plucks of these notes in turn, about every `interval` seconds.
fn plucks(seed: u64, notes_hz: &[f64], interval: f64, seconds: f64, rate: u32) -> Vec<f32> {
    let mut random = Random::new(seed);
    let mut out = vec![0.0; (seconds * f64::from(rate)) as usize];
    let mut time = 0.0;
    for &frequency_hz in notes_hz.iter().cycle() {
        let start = (time * f64::from(rate)) as usize;
        if start >= out.len() {
            break;
        }
        let pluck = Pluck {
            frequency_hz,
            velocity: 0.4 + 0.5 * f64::from(random.uniform()),
            pick_position: 0.1 + 0.1 * f64::from(random.uniform()),
            decay_seconds: 4.0,
            bright_decay_seconds: 1.5,
            damped_after_seconds: 2.0 * interval,
        };
        add_pluck(&pluck, rate, &mut random, &mut out[start..]);
        time += interval * (0.97 + 0.06 * f64::from(random.uniform()));
    }
    out.iter_mut().for_each(|x| *x *= 0.3);
    out
}

/// A held tone with partials, vibrato (cents and its rate) and breath of its own.
fn held(seed: u64, hz: f64, cents: f64, vibrato_hz: f64, breath: f32, rate: u32) -> Vec<f32> {
    let mut random = Random::new(seed);
    let partials: Vec<(f64, f64)> = (1..20)
        .map(|k| ((0.3 + f64::from(random.uniform())) / f64::from(k), TAU * f64::from(random.uniform())))
        .collect();
    let start = TAU * f64::from(random.uniform());
    let mut phase = 0.0;
    let sample = |i: u32| {
        let time = f64::from(i) / f64::from(rate);
        let swing = cents / 1200.0 * libm::sin(TAU * vibrato_hz * time + start);
        phase += TAU * hz * libm::exp2(swing) / f64::from(rate);
        let tone: f64 = (1..).zip(&partials).map(|(k, (gain, at))| gain * libm::sin(phase * f64::from(k) + at)).sum();
        0.1 * tone as f32 + breath * random.normal()
    };
    (0..6 * rate).map(sample).collect()
}

fn noise(seed: u64, level: f32, count: usize) -> Vec<f32> {
    let mut random = Random::new(seed);
    (0..count).map(|_| level * random.normal()).collect()
}

/// The input that hears `wet` after `seconds`, half as loud, with noise 20 dB below that.
fn fed_back(wet: &[f32], seconds: f64, rate: u32) -> Vec<f32> {
    let mut input = vec![0.0; (seconds * f64::from(rate)) as usize];
    input.extend(wet[..wet.len() - input.len()].iter().map(|x| 0.5 * x));
    let hiss = noise(99, 0.1 * rms(&input), input.len());
    input.iter_mut().zip(hiss).for_each(|(x, n)| *x += n);
    input
}

/// The detector's result and its lag in seconds, from second `from` on, eight times a second.
fn results(input: &[f32], wet: &[f32], rate: u32, from: f64) -> Vec<(f32, f32)> {
    let mut detector = FeedbackDetector::new(rate);
    let mut out = vec![];
    for (index, (x, w)) in input.as_chunks::<64>().0.iter().zip(wet.as_chunks::<64>().0).enumerate() {
        detector.push(x, w);
        let eighth = |index: usize| 8 * 64 * index / rate as usize;
        if 64 * index >= (from * f64::from(rate)) as usize && eighth(index + 1) > eighth(index) {
            out.push((detector.correlation(), detector.lag_seconds()));
        }
    }
    out
}

#[test]
fn the_own_output_is_found_at_any_lag() {
    for rate in [44_100u32, 48_000, 96_000] {
        let wets = [
            ("fast", plucks(1, &UP_HZ, 0.15, 5.0, rate)),
            ("slow", plucks(2, &UP_HZ, 0.7, 5.0, rate)),
            ("noise", noise(4, 0.1, 5 * rate as usize)),
        ];
        for (name, wet) in wets {
            // The last but one lies half way between two samples of the lower rate.
            let lags = [0.0, 0.003, 0.12, 0.003_125, 0.45, 0.4998];
            for &lag in if rate == 48_000 { &lags[..] } else { &lags[3..4] } {
                for (got, place) in results(&fed_back(&wet, lag, rate), &wet, rate, 3.0) {
                    assert!(got > 0.9, "{name} at {rate} Hz after {lag} s: {got}");
                    assert!((f64::from(place) - lag).abs() < 1e-4, "{name} at {rate} Hz after {lag} s: {place} s");
                }
            }
        }
    }
}

#[test]
fn another_who_plays_the_same_is_not_feedback() {
    const RATE: u32 = 48_000;
    let tone = |seed, hz, cents, vibrato_hz| held(seed, hz, cents, vibrato_hz, 0.003, RATE);
    let pair = |a: &[f64], every_a, b: &[f64], every_b, seed| {
        (plucks(seed, a, every_a, 6.0, RATE), plucks(seed + 1, b, every_b, 6.0, RATE))
    };
    let strangers = [
        ("one key", pair(&UP_HZ, 0.15, &DOWN_HZ, 0.15, 11)),
        ("one key, another time", pair(&UP_HZ, 0.2, &DOWN_HZ, 0.4, 13)),
        ("one melody", pair(&UP_HZ, 0.4, &UP_HZ, 0.4, 15)),
        ("one slow melody", pair(&UP_HZ, 0.8, &UP_HZ, 0.8, 17)),
        ("one note", pair(&[110.0], 2.0, &[110.0], 2.3, 19)),
        ("one high note", pair(&[440.0], 2.0, &[440.0], 2.3, 21)),
        ("one note again and again", pair(&[220.0], 0.25, &[220.0], 0.25, 23)),
        ("an A with two vibratos", (tone(21, 220.0, 20.0, 5.0), tone(22, 220.0, 15.0, 5.7))),
        ("an A with one vibrato", (tone(21, 220.0, 20.0, 5.0), tone(22, 220.0, 20.0, 5.0))),
        ("a straight A", (tone(21, 220.0, 0.0, 1.0), tone(22, 220.0, 0.0, 1.0))),
        ("a higher straight A", (tone(23, 440.0, 0.0, 1.0), tone(24, 440.0, 0.0, 1.0))),
        ("noise", (noise(1, 0.1, 288_000), noise(2, 0.1, 288_000))),
    ];
    for (name, (input, wet)) in strangers {
        let most = results(&input, &wet, RATE, 0.0).iter().fold(0.0f32, |most, result| most.max(result.0));
        assert!(most < 0.7, "{name}: {most}");
    }
    // The plain correlation would not do.
    let (a, b) = (tone(23, 440.0, 0.0, 1.0), tone(24, 440.0, 0.0, 1.0));
    let mut detector = FeedbackDetector::new(RATE);
    a.as_chunks::<64>().0.iter().zip(b.as_chunks::<64>().0).for_each(|(a, b)| detector.push(a, b));
    let plain = (PAD..120).map(|lag| detector.exact(lag).0).fold(0.0, f32::max);
    assert!(plain > 0.75, "{plain}");
}

#[test]
fn a_note_that_rings_on_is_followed_and_an_end_is_noticed() {
    const RATE: u32 = 48_000;
    let wet = plucks(3, &[110.0], 2.0, 8.0, RATE);
    let input = fed_back(&wet, 0.12, RATE);
    for (got, _) in results(&input, &wet, RATE, 3.5) {
        assert!(got > 0.8, "{got} while the string rings");
    }
    let mut input = fed_back(&wet, 0.12, RATE);
    let own = plucks(8, &DOWN_HZ, 0.2, 8.0, RATE);
    input[4 * RATE as usize..].copy_from_slice(&own[4 * RATE as usize..]);
    for (got, _) in results(&input, &wet, RATE, 5.5) {
        assert!(got < 0.4, "{got} after the end");
    }
}

#[test]
fn only_the_spans_that_overlap_count() {
    const RATE: u32 = 48_000;
    let mut wet = plucks(6, &UP_HZ, 0.15, 5.0, RATE);
    let mut input = fed_back(&wet, 0.01, RATE);
    // What the second of input does not reach back to is 14 dB louder.
    for sound in [&mut wet, &mut input] {
        sound[..3 * RATE as usize].iter_mut().for_each(|x| *x *= 5.0);
    }
    for (got, _) in &results(&input, &wet, RATE, 4.3)[..2] {
        assert!(*got > 0.9, "{got}");
    }
}

#[test]
fn quiet_signals_and_a_reset_detector_have_none() {
    const RATE: u32 = 48_000;
    let loud = plucks(1, &UP_HZ, 0.15, 4.0, RATE);
    let gain = 0.0009 / rms(&loud);
    let quiet: Vec<f32> = loud.iter().map(|x| x * gain).collect();
    for (input, wet) in [(&loud, &quiet), (&quiet, &loud), (&quiet, &quiet)] {
        assert!(results(input, wet, RATE, 0.0).iter().all(|result| result.0 == 0.0));
    }
    let mut detector = FeedbackDetector::new(RATE);
    let mut run = || -> Vec<f32> {
        detector.reset();
        assert_eq!((detector.correlation(), detector.lag_seconds()), (0.0, 0.0));
        let cells = loud.as_chunks::<64>().0.iter();
        let found = cells.map(|cell| {
            detector.push(cell, cell);
            detector.correlation()
        });
        found.collect()
    };
    let first = run();
    assert!(first[first.len() - 1] > 0.9);
    assert_eq!(run(), first);
}
