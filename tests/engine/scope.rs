//! What a picture reads is what is heard, and whoever looks changes nothing.

use crate::common::{
    assert_same_bits,
    drive::{Blocks, config, drain, run},
    models, phrase,
};
use sympathy::{control::ParamId, engine::scope::ScopeCursor, session};

#[test]
fn whoever_looks_sees_what_is_heard_and_changes_no_bit() {
    let input = phrase(48_000, 6.0, 2);
    let mut heard = Vec::new();
    for looks in [false, true] {
        let mut config = config(48_000, 2, 64);
        config.values.set(ParamId::Mix, 100.0);
        config.values.set(ParamId::SwellLevel, 0.0);
        let (mut engine, mut worker) = session::start(config, models::registry());
        let meters = engine.meters().clone();
        let mut cursor = ScopeCursor::default();
        let (mut dry, mut wet, mut voices, mut seeds, mut places) = (Vec::new(), Vec::new(), 0, 0, 0);
        let out = run(&mut engine, &input, &[], None, &Blocks::Fixed(480), |_| {
            if looks {
                let scope = meters.scope();
                scope.watch();
                scope.read_sound(&mut cursor, |sample| {
                    dry.push(sample.heard);
                    wet.push(sample.wet_peak);
                });
                scope.read_voices(&mut cursor, |voice| voices += usize::from(voice.peak > 0.0));
                scope.read_seeds(&mut cursor, |seed| {
                    assert!(seed.start < seed.end && seed.end <= seed.begins);
                    seeds += 1;
                });
                scope.read_places(&mut cursor, |_| places += 1);
            }
            drain(&mut worker);
        });
        if looks {
            // Looking began after the first block.
            let from = input[0].len() - dry.len();
            assert_eq!(from, 480);
            let mean = |channels: &[Vec<f32>], i: usize| 0.5 * (channels[0][i] + channels[1][i]);
            assert!(dry.iter().enumerate().all(|(i, &sample)| sample == mean(&input, from + i)), "the dry");
            // Behind the crossfades of the mix, all of the output is wet.
            assert!(
                (100_000..input[0].len()).all(|i| (wet[i - from] - out[0][i].abs().max(out[1][i].abs())).abs() < 1e-6),
                "the wet"
            );
            // The last may have begun after the last look.
            let continuations = meters.continuations();
            assert!(
                voices > 100 && places > 4000 && (continuations - 1..=continuations).contains(&seeds),
                "{voices} {seeds} {places}"
            );
            assert!(meters.scope().bands().any(|envelope| envelope > 0.0));
        }
        heard.push(out);
    }
    assert_same_bits(&heard[0], &heard[1], "watched");
}
