//! Voices that step together: what one says depends on itself alone.

use crate::common::models;
use crate::counting::counted;
use std::sync::Arc;
use sympathy::{
    approach::{Generator, Network, Predicting, predict_together},
    dsp::level::rms,
    engine::GRID_SAMPLES,
    model::ModelData,
    nn::{Isa, Precision},
    worker::{Ensemble, MAX_VOICES, measure_voices},
};

fn networks() -> Vec<(String, Arc<Network>)> {
    let models = models::all_kinds();
    let of = |data: &ModelData, precision| Arc::new(Network::with_precision(data, precision, Isa::best()));
    let pairs = models.iter().flat_map(|(_, name, data)| Precision::ALL.map(|precision| (name, data, precision)));
    pairs.map(|(name, data, precision)| (format!("{name}, {precision}"), of(data, precision))).collect()
}

/// What voices 0…3 are made of: random seed and start in host samples.
const VOICES: [(u64, u32); MAX_VOICES] = [(7, 0), (8, 77), (1000, 640), (12, 3001)];

/// The sound of some of [`VOICES`] together. `[cell][sample]`
fn sound(network: &Arc<Network>, host_hz: u32, voices: &[usize], cells: usize) -> Vec<[f32; GRID_SAMPLES]> {
    let mut ensemble = Ensemble::new(network, host_hz);
    for &voice in voices {
        let (random_seed, delay) = VOICES[voice];
        ensemble.add(random_seed, delay);
    }
    let mut sound = vec![[0.0; GRID_SAMPLES]; cells];
    for (index, cell) in sound.iter_mut().enumerate() {
        // Automated, so that it matters in which cell a hop is predicted.
        ensemble.next_quantum(0.3 + 0.01 * (index % 50) as f32, cell);
    }
    sound
}

#[test]
fn a_voice_has_the_same_bits_alone_and_among_others() {
    for (name, network) in networks() {
        for host_hz in [48_000] {
            const CELLS: usize = 100;
            let alone: Vec<_> = (0..MAX_VOICES).map(|voice| sound(&network, host_hz, &[voice], CELLS)).collect();
            for (index, voice) in alone.iter().enumerate() {
                let tail = voice[CELLS / 2..].concat();
                assert!(rms(&tail) > 1e-4, "{name}: voice {index} is silent");
                assert!(
                    index == 0 || tail != alone[0][CELLS / 2..].concat(),
                    "{name}: voices 0 and {index} are the same"
                );
            }
            for together in [&[0, 1][..], &[2, 0, 1], &[0, 1, 2, 3], &[3, 1, 2, 0]] {
                let mixed = sound(&network, host_hz, together, CELLS);
                for (cell, mixed) in mixed.iter().enumerate() {
                    for (i, &heard) in mixed.iter().enumerate() {
                        // Voices are added in their order, so a sum of solos in that order has the same bits.
                        let expected = together.iter().fold(0.0f32, |sum, &voice| sum + alone[voice][cell][i]);
                        assert_eq!(
                            heard.to_bits(),
                            expected.to_bits(),
                            "{name}, {host_hz} Hz, {together:?}, cell {cell}"
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn voices_of_one_model_predict_in_the_same_cells_whatever_their_phase() {
    for (name, network) in networks().into_iter().step_by(Precision::ALL.len()) {
        let mut cells = [1, 4].map(|count| {
            let mut ensemble = Ensemble::new(&network, 48_000);
            VOICES[..count].iter().for_each(|&(random_seed, delay)| ensemble.add(random_seed, delay));
            let mut cell = [0.0; GRID_SAMPLES];
            // From where all of them sound.
            (0..300).map(|_| ensemble.next_quantum(1.0, &mut cell)).skip(60).collect::<Vec<bool>>()
        });
        let [one, four] = &mut cells;
        assert_eq!(one, four, "{name}");
        assert!(one.contains(&true), "{name}: no hop at all");
    }
}

struct Singer(Generator, Vec<f32>);

impl Predicting for Singer {
    fn parts(&mut self) -> Option<(&mut Generator, &mut [f32])> {
        Some((&mut self.0, &mut self.1))
    }
}

/// A continuation that has heard something of its own.
fn singer(network: &Arc<Network>, random_seed: u64) -> Singer {
    let config = network.config();
    let mut continuation = Generator::new(Arc::clone(network));
    continuation.reset(random_seed);
    let window: Vec<f32> =
        (0..config.window_samples()).map(|i| 0.1 * libm::sinf(i as f32 * 0.02 * random_seed as f32)).collect();
    (0..3).for_each(|_| continuation.feed(&window));
    Singer(continuation, vec![0.0; config.hop_samples()])
}

#[test]
fn networks_may_be_mixed_and_more_than_four_predict_in_turn() {
    for pair in networks().windows(2) {
        let [(name, first), (_, second)] = pair else { unreachable!("windows of two") };
        let cast: Vec<_> = (1..=11).map(|i| (if i % 3 == 0 { second } else { first }, i)).collect();
        let mut choir: Vec<Singer> = cast.iter().map(|(network, i)| singer(network, *i)).collect();
        let mut soloists: Vec<Singer> = cast.iter().map(|(network, i)| singer(network, *i)).collect();
        for hop in 0..20 {
            predict_together(&mut choir, 0.8);
            for (Singer(_, together), Singer(continuation, alone)) in choir.iter().zip(&mut soloists) {
                continuation.predict(0.8, alone);
                assert!(together == alone, "{name}, hop {hop}");
            }
        }
    }
}

#[test]
fn a_failed_voice_is_silent_and_leaves_the_others_alone() {
    for (name, data) in models::all_kinds().iter().filter(|(slot, ..)| [65, 66].contains(slot)).map(|(_, n, d)| (n, d))
    {
        let network = Arc::new(Network::new(data, Isa::best()));
        let mut choir: Vec<Singer> = (1..=4).map(|i| singer(&network, i)).collect();
        let mut soloist = singer(&network, 4);
        for hop in 0..20 {
            if hop == 7 {
                choir[1].0.feed(&vec![f32::NAN; data.config().window_samples()]);
            }
            predict_together(&mut choir, 0.8);
            soloist.0.predict(0.8, &mut soloist.1);
            assert!(choir[3].1 == soloist.1, "{name}, hop {hop}");
            assert_eq!(choir[1].0.has_failed(), hop >= 7, "{name}, hop {hop}");
            assert!(hop < 7 || choir[1].1.iter().all(|&x| x == 0.0), "{name}, hop {hop}");
        }
        assert!(!choir[0].0.has_failed() && !choir[3].0.has_failed(), "{name}");
    }
}

#[test]
fn no_cell_and_no_hop_allocates_whatever_the_rates() {
    for (name, network) in networks() {
        for host_hz in [8000, 44_100, 192_000] {
            for count in [1, MAX_VOICES] {
                let mut ensemble = Ensemble::new(&network, host_hz);
                VOICES[..count].iter().for_each(|&(random_seed, delay)| ensemble.add(random_seed, delay));
                let mut cell = [0.0; GRID_SAMPLES];
                let (allocations, hops) =
                    counted(|| (0..150).filter(|_| ensemble.next_quantum(1.0, &mut cell)).count());
                assert_eq!(allocations, 0, "{name}, {count} voices, {host_hz} Hz");
                assert!(hops > 0, "{name}: nothing was predicted");
            }
        }
    }
}

#[test]
fn measuring_gives_a_figure_for_every_approach_and_number_of_voices() {
    for (name, network) in networks().into_iter().step_by(Precision::ALL.len()) {
        for voices in 1..=MAX_VOICES {
            let factor = measure_voices(&network, 44_100, voices, 1e-3);
            assert!(factor.is_finite() && factor > 0.0, "{name}, {voices} voices: {factor}");
        }
    }
}
