use super::*;
use crate::dsp::{
    pluck::{Pluck, add_pluck},
    random::Random,
};
use std::f64::consts::TAU;

/// E minor over the strings, up and down.
const NOTES_HZ: [f64; 10] = [82.41, 123.47, 164.81, 196.0, 246.94, 329.63, 246.94, 196.0, 164.81, 123.47];

fn pluck(frequency_hz: f64, velocity: f64, damped_after_seconds: f64) -> Pluck {
    Pluck {
        frequency_hz,
        velocity,
        pick_position: 0.13,
        decay_seconds: 4.0,
        bright_decay_seconds: 1.5,
        damped_after_seconds,
    }
}

/// An arpeggio of `count` notes and where they begin, in samples.
fn arpeggio(rate: u32, interval: f64, ring: f64, count: usize, seed: u64) -> (Vec<f32>, Vec<usize>) {
    let mut random = Random::new(seed);
    let mut sound = vec![0.0; ((0.5 + interval * count as f64) * f64::from(rate)) as usize];
    let mut starts = vec![];
    for index in 0..count {
        let late = 0.1 * interval * (f64::from(random.uniform()) - 0.5);
        let start = ((0.3 + interval * index as f64 + late) * f64::from(rate)) as usize;
        let velocity = 0.35 + 0.55 * f64::from(random.uniform());
        add_pluck(&pluck(NOTES_HZ[index % 10], velocity, ring), rate, &mut random, &mut sound[start..]);
        starts.push(start);
    }
    sound.iter_mut().for_each(|x| *x *= 0.3);
    (sound, starts)
}

/// When an onset was reported and where it was said to be, in samples.
#[derive(Debug)]
struct Found {
    now: usize,
    place: usize,
    strength: f32,
}

fn detect(sound: &[f32], rate: u32, sensitivity: f32) -> Vec<Found> {
    let mut detector = OnsetDetector::new(rate);
    let cells = sound.as_chunks::<64>().0;
    let found = cells.iter().enumerate().filter_map(|(index, cell)| {
        let now = 64 * (index + 1);
        let onset = detector.push(cell, sensitivity)?;
        Some(Found { now, place: now.saturating_sub(onset.offset_samples), strength: onset.strength })
    });
    found.collect()
}

/// Notes found within 25 ms, reports that belong to none, and by how many milliseconds 80 % of the places are right.
fn judge(sound: &[f32], starts: &[usize], rate: u32, sensitivity: f32) -> (usize, usize, f64) {
    let ms = |samples: usize| samples as f64 * 1000.0 / f64::from(rate);
    let mut found = detect(sound, rate, sensitivity);
    let mut errors = vec![];
    for &start in starts {
        if let Some(index) = found.iter().position(|f| f.now >= start && ms(f.now - start) <= 25.0) {
            errors.push(ms(found.remove(index).place.abs_diff(start)));
        }
    }
    errors.sort_by(f64::total_cmp);
    (errors.len(), found.len(), errors.get(errors.len() * 8 / 10).copied().unwrap_or(f64::INFINITY))
}

#[test]
fn arpeggios_are_found_within_25_ms() {
    for rate in [44_100, 48_000, 96_000] {
        let (mut hits, mut extra, mut notes) = (0, 0, 0);
        for (interval, ring) in [(0.1, 0.3), (0.125, 1.0), (0.18, 0.3), (0.25, 2.0), (0.5, 0.4)] {
            for seed in 0..2 {
                let (sound, starts) = arpeggio(rate, interval, ring, 40, seed);
                let (hit, more, error_ms) = judge(&sound, &starts, rate, 0.5);
                assert!(hit >= 36 && more <= 2, "{rate} Hz, {interval} s: {hit} of 40, {more} extra");
                assert!(error_ms < 6.0, "{rate} Hz, {interval} s: placed within {error_ms} ms");
                (hits, extra, notes) = (hits + hit, extra + more, notes + 40);
            }
        }
        assert!(100 * hits >= 95 * notes && 100 * extra <= 5 * notes, "{rate} Hz: {hits} of {notes}, {extra} extra");
    }
    // Where a host may go.
    for rate in [8_000, 22_050, 192_000, 384_000] {
        let (sound, starts) = arpeggio(rate, 0.25, 0.4, 20, 5);
        let (hit, more, _) = judge(&sound, &starts, rate, 0.5);
        assert!(hit >= 19 && more <= 1, "{rate} Hz: {hit} of 20, {more} extra");
    }
}

#[test]
fn what_goes_on_has_one_onset() {
    for rate in [44_100u32, 96_000] {
        let once = |name: &str, sound: Vec<f32>| {
            let found = detect(&sound, rate, 0.5);
            assert!(found.len() == 1 && found[0].now < rate as usize / 40, "{name} at {rate} Hz: {found:?}");
        };
        for hz in [110.0, 330.0, 880.0] {
            let mut phase = 0.0;
            let tone = |i: u32| {
                // A semitone up and down, six times a second.
                let vibrato = libm::sin(TAU * 6.0 * f64::from(i) / f64::from(rate)) / 12.0;
                phase += TAU * hz * libm::exp2(vibrato) / f64::from(rate);
                (1..12).map(|k| libm::sin(phase * f64::from(k)) / f64::from(k)).sum::<f64>() as f32 * 0.2
            };
            once("vibrato", (0..5 * rate).map(tone).collect());
            let mut string = vec![0.0; 6 * rate as usize];
            add_pluck(&pluck(hz, 0.8, 10.0), rate, &mut Random::new(4), &mut string);
            once("a string", string);
        }
        for level in [0.03, 0.1, 0.3] {
            let mut random = Random::new(3);
            once("noise", (0..10 * rate).map(|_| level * random.normal()).collect());
        }
    }
}

#[test]
fn silence_has_none_and_sensitivity_chooses() {
    const RATE: u32 = 48_000;
    let (mut sound, starts) = arpeggio(RATE, 0.4, 0.3, 20, 3);
    // Peak at 1: the loudest of the loud, then 26 dB less, then below −70 dBFS.
    let peak = sound.iter().fold(0.0f32, |peak, x| peak.max(x.abs()));
    let mut found_at = |level: f32, sensitivity: f32| {
        sound.iter_mut().for_each(|x| *x *= level / peak);
        let (hit, more, _) = judge(&sound, &starts, RATE, sensitivity);
        sound.iter_mut().for_each(|x| *x /= level / peak);
        assert!(more <= 1, "{more} extra at level {level}, sensitivity {sensitivity}");
        hit
    };
    assert!(found_at(0.8, 0.0) >= 19 && found_at(0.8, 1.0) >= 19, "loud");
    assert!(found_at(0.04, 0.0) == 0 && found_at(0.04, 1.0) >= 19, "soft");
    assert_eq!(found_at(3e-4, 1.0), 0, "silent");
}

#[test]
fn strength_grows_with_the_attack_and_fifty_milliseconds_pass() {
    const RATE: u32 = 48_000;
    let strength = |level: f32| {
        let mut sound = vec![0.0; RATE as usize];
        add_pluck(&pluck(196.0, 0.7, 1.0), RATE, &mut Random::new(1), &mut sound[10_000..]);
        sound.iter_mut().for_each(|x| *x *= level);
        detect(&sound, RATE, 0.5)[0].strength
    };
    let ratio = strength(0.5) / strength(0.05);
    assert!((5.0..20.0).contains(&ratio) && (0.03..1.0).contains(&strength(0.5)), "{ratio}, {}", strength(0.5));
    // Clicks every 20 ms.
    let clicks: Vec<f32> = (0..2 * RATE).map(|i| if i % 960 == 0 { 0.9 } else { 0.0 }).collect();
    let found = detect(&clicks, RATE, 1.0);
    assert!(found.windows(2).all(|pair| pair[1].now - pair[0].now >= RATE as usize / 20), "{found:?}");
}

#[test]
fn a_reset_forgets_everything() {
    const RATE: u32 = 44_100;
    let (sound, _) = arpeggio(RATE, 0.2, 0.5, 10, 1);
    let mut detector = OnsetDetector::new(RATE);
    let run = |detector: &mut OnsetDetector| -> Vec<Option<Onset>> {
        sound.as_chunks::<64>().0.iter().map(|cell| detector.push(cell, 0.5)).collect()
    };
    let first = run(&mut detector);
    detector.reset();
    assert_eq!(run(&mut detector), first);
}
