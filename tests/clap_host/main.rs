//! The plugin in a real CLAP host, in this process: what it plays must be, bit for bit, what the engine plays offline.

#[path = "../common/counting.rs"]
mod allocations;
mod bundle;
#[path = "../common/mod.rs"]
mod common;
mod host;
mod material;
mod notes;
mod take;

use clack_extensions::render::RenderMode as HostMode;
use common::{assert_same_bits, drive::is_machine_busy, phrase};
use host::{Job, MAX_BLOCK, Plugin};
use std::sync::{PoisonError, RwLock, RwLockReadGuard};
use sympathy::{
    control::{ParamId, ParamValues},
    engine::{EngineConfig, Event, RenderMode, Transport},
    nn::{Isa, Precision},
    params::plain,
    session,
    worker::ModelRegistry,
};

/// What the tests set, as the host's 0…1: short seeds and intervals, so that two seconds hold several continuations.
const SET: [(ParamId, f32); 4] = [
    (ParamId::SeedLength, 0.125),
    (ParamId::ReseedInterval, 0.09375),
    (ParamId::Temperature, 0.375),
    (ParamId::RandomSeed, 0.25),
];
/// *Mix* and *Seed Length*, at samples that are on no grid and in no block's beginning.
const AUTOMATION: [(usize, ParamId, f32); 7] = [
    (0, ParamId::Mix, 0.25),
    (1001, ParamId::Mix, 0.3),
    (1001, ParamId::SeedLength, 0.2),
    (20_011, ParamId::Mix, 1.0),
    (33_333, ParamId::SeedLength, 0.15),
    (33_334, ParamId::Mix, 0.61),
    (50_001, ParamId::WetGain, 0.7),
];
/// A host that is not offline is only waited for as long as it is ahead: its test has the machine for itself.
static MACHINE: RwLock<()> = RwLock::new(());
const IRREGULAR: [usize; 9] = [1, 63, 64, 65, 441, 7, 1024, 3, 4095];

/// The engine offline, with the plain values the plugin must have seen.
fn reference(job: &Job<'_>, set: &[(ParamId, f32)], model: &[u8]) -> Vec<Vec<f32>> {
    reference_in(None, job, set, model)
}

fn reference_in(precision: Option<Precision>, job: &Job<'_>, set: &[(ParamId, f32)], model: &[u8]) -> Vec<Vec<f32>> {
    const BLOCK: usize = 1000;
    let registry = ModelRegistry::with_precision(precision, Isa::from_environment());
    registry.set_bytes(material::SLOT, material::NAME.into(), model.to_vec());
    let mut values = ParamValues::default();
    values.set(ParamId::Model, material::SLOT.into());
    // What a host sets at the very first sample is where a parameter starts from.
    let at_start =
        job.automation.iter().filter(|(sample, ..)| *sample == 0).map(|&(_, id, normalised)| (id, normalised));
    for (id, normalised) in set.iter().copied().chain(at_start) {
        values.set(id, plain(id, normalised));
    }
    let config = EngineConfig {
        channels: job.input.len(),
        max_block_samples: BLOCK,
        mode: RenderMode::Offline,
        values,
        ..EngineConfig::new(job.sample_rate_hz)
    };
    let (mut engine, worker) = session::start(config, registry);
    let _worker = worker.spawn();
    let mut output = job.input.to_vec();
    let samples = output.first().map_or(0, Vec::len);
    for start in (0..samples).step_by(BLOCK) {
        let end = (start + BLOCK).min(samples);
        let events: Vec<Event> = job
            .automation
            .iter()
            .filter(|(sample, ..)| (start..end).contains(sample))
            .map(|&(sample, id, normalised)| Event { offset_samples: sample - start, id, value: plain(id, normalised) })
            .collect();
        let transport = Transport {
            playing: job.start.is_some(),
            position_samples: job.start.map(|first| first + start as i64),
            loop_samples: None,
            beats: None,
        };
        let mut channels: Vec<&mut [f32]> = output.iter_mut().map(|channel| &mut channel[start..end]).collect();
        engine.process(&mut channels, &events, transport);
    }
    let meters = engine.meters();
    assert!(meters.continuations() >= 2, "the reference plays: {} continuations", meters.continuations());
    assert_eq!((meters.underruns(), meters.wet_failures()), (0, 0));
    output
}

/// Beside others.
fn shared() -> RwLockReadGuard<'static, ()> {
    // A failed test leaves nothing behind that another one could stumble over.
    MACHINE.read().unwrap_or_else(PoisonError::into_inner)
}

fn instance(mode: HostMode, set: &[(ParamId, f32)], model: &[u8]) -> Plugin {
    let mut plugin = Plugin::new();
    assert!(plugin.load(&material::state(model)));
    for &(id, normalised) in set {
        plugin.set(id, normalised);
    }
    plugin.set_render_mode(mode);
    plugin
}

fn job<'a>(sample_rate_hz: u32, input: &'a [Vec<f32>], blocks: &'a [usize]) -> Job<'a> {
    Job {
        sample_rate_hz,
        input,
        sidechain: None,
        blocks,
        automation: &AUTOMATION,
        notes: &[],
        start: None,
        tempo: true,
    }
}

#[test]
fn every_rate_width_and_block_plays_the_engines_bits() {
    let _shared = shared();
    let model = material::model();
    for sample_rate_hz in [44_100, 48_000, 96_000] {
        for channels in [1, 2] {
            let input = phrase(sample_rate_hz, 1.5, channels);
            let expected = reference(&job(sample_rate_hz, &input, &[512]), &SET, &model);
            assert_ne!(expected, input);
            for blocks in [&[1][..], &[64], &IRREGULAR, &[MAX_BLOCK]] {
                let mut plugin = instance(HostMode::Offline, &SET, &model);
                plugin.set_layout(channels, false);
                let played = plugin.play(&job(sample_rate_hz, &input, blocks));
                let what = format!("{sample_rate_hz} Hz, {channels} channels, blocks {blocks:?}");
                assert_same_bits(&played, &expected, &what);
                assert_eq!(plugin.latency(), 0);
            }
        }
    }
}

#[test]
fn a_start_in_the_middle_of_the_song_has_its_own_bits() {
    let _shared = shared();
    let model = material::model();
    let input = phrase(48_000, 1.5, 2);
    let mut starts = Vec::new();
    for start in [0, 1_234_567] {
        let mut job = job(48_000, &input, &[512]);
        job.start = Some(start);
        let expected = reference(&job, &SET, &model);
        for tempo in [true, false] {
            for blocks in [&[480][..], &IRREGULAR] {
                (job.blocks, job.tempo) = (blocks, tempo);
                let mut plugin = instance(HostMode::Offline, &SET, &model);
                let what = format!("from {start}, tempo {tempo}, blocks {blocks:?}");
                let state = plugin.save();
                assert_same_bits(&plugin.play(&job), &expected, &what);
                // The automation has moved the parameters.
                assert!(plugin.load(&state));
                assert_same_bits(&plugin.play(&job), &expected, &format!("{what}, once more"));
            }
        }
        starts.push(expected);
    }
    assert_ne!(starts[0], starts[1], "what is random follows from the song position");
}

#[test]
fn a_host_that_never_says_offline_but_runs_ahead_gets_the_same_bits() {
    let _alone = MACHINE.write().unwrap_or_else(PoisonError::into_inner);
    let model = material::model();
    let input = phrase(44_100, 3.0, 2);
    let expected = reference(&job(44_100, &input, &[512]), &SET, &model);
    for blocks in [&[64][..], &[512], &[MAX_BLOCK]] {
        // The bits are the same but for underruns, which other programs can cause, or another guest of a virtual machine's host: every
        // attempt without one is compared, and more are made where none of three has been.
        let mut undisturbed = 0;
        for attempt in 0..12 {
            if attempt >= 3 && undisturbed > 0 {
                break;
            }
            let mut plugin = instance(HostMode::Realtime, &SET, &model);
            let played = plugin.play(&job(44_100, &input, blocks));
            if plugin.underruns() == 0 {
                assert_same_bits(&played, &expected, &format!("as fast as it can, blocks {blocks:?}"));
                undisturbed += 1;
            }
        }
        assert!(undisturbed > 0 || is_machine_busy(), "blocks {blocks:?}: twelve attempts, none without an underrun");
    }
}

#[test]
fn bypass_and_no_mix_are_the_input_bit_for_bit() {
    let _shared = shared();
    let model = material::model();
    let input = phrase(48_000, 1.0, 2);
    for (id, normalised) in [(ParamId::Bypass, 1.0), (ParamId::Mix, 0.0)] {
        let mut plugin = instance(HostMode::Offline, &[(id, normalised)], &model);
        let job = Job { automation: &[], ..job(48_000, &input, &IRREGULAR) };
        assert_same_bits(&plugin.play(&job), &input, id.spec().name);
    }
}

#[test]
fn layers_triggers_and_colours_play_the_engines_bits() {
    let _shared = shared();
    let model = material::model();
    let input = phrase(48_000, 3.0, 2);
    // As the host's 0…1: the first embedded model beside, both channels apart, strings at 12 dB.
    let strings = [(ParamId::SwellLevel, 0.857), (ParamId::ShimmerLevel, 0.8), (ParamId::LoopLength, 0.1)];
    let voices =
        [(ParamId::Voices, 1.0), (ParamId::Stagger, 0.1), (ParamId::OnsetTrigger, 1.0), (ParamId::Answer, 1.0)];
    let colours = [(ParamId::Stretch, 0.5), (ParamId::Dropout, 0.2), (ParamId::Drift, 0.5), (ParamId::Peaks, 0.5)];
    let apart = [(ParamId::Stereo, 1.0), (ParamId::MorphModel, 1.0 / 128.0), (ParamId::DuckWet, 0.9)];
    for group in [&strings[..], &voices, &colours, &apart] {
        let set = [&SET[..], group].concat();
        let expected = reference(&job(48_000, &input, &[512]), &set, &model);
        assert_ne!(expected, reference(&job(48_000, &input, &[512]), &SET, &model), "{group:?} is heard");
        for blocks in [&IRREGULAR[..], &[MAX_BLOCK]] {
            let played = instance(HostMode::Offline, &set, &model).play(&job(48_000, &input, blocks));
            assert_same_bits(&played, &expected, &format!("{group:?}, blocks {blocks:?}"));
        }
    }
}

#[test]
fn notes_begin_continuations_at_their_own_samples_without_allocating() {
    let _shared = shared();
    let model = material::model();
    let input = phrase(48_000, 2.0, 2);
    // As the host's 0…1: nothing begins by itself, and only the wet is heard.
    let set = [
        (ParamId::AutoStart, 0.0),
        (ParamId::ReseedInterval, 0.0),
        (ParamId::MidiTrigger, 1.0),
        (ParamId::MidiTranspose, 1.0),
        (ParamId::Voices, 1.0),
        (ParamId::SeedLength, 0.125),
        (ParamId::Mix, 1.0),
    ];
    let play = |notes: &[(usize, u16)], blocks: &[usize]| {
        let mut plugin = instance(HostMode::Offline, &set, &model);
        plugin.play(&Job { notes, automation: &[], ..job(48_000, &input, blocks) })
    };
    let notes = [(24_001, 60), (24_001, 67), (40_063, 48)];
    let played = play(&notes, &[512]);
    assert_same_bits(&played, &play(&notes, &IRREGULAR), "notes in other blocks");
    let is_silent = |out: &[Vec<f32>]| out.iter().flatten().all(|x| *x == 0.0);
    assert!(is_silent(&play(&[], &[512])) && is_silent(&[played[0][..24_001].to_vec()]) && !is_silent(&played));
}

#[test]
fn a_sidechain_is_listened_to_in_place_of_the_input() {
    let _shared = shared();
    let model = material::model();
    let (input, silence) = (phrase(48_000, 3.0, 2), vec![vec![0.0; 144_000]; 2]);
    let play = |source: f32, input: &[Vec<f32>], sidechain: Option<Vec<Vec<f32>>>| {
        let mut plugin = instance(HostMode::Offline, &[], &model);
        plugin.set_layout(2, sidechain.is_some());
        let automation = [(0, ParamId::Mix, 1.0), (0, ParamId::SeedSource, source / 4.0)];
        plugin.play(&Job { sidechain, automation: &automation, ..job(48_000, input, &IRREGULAR) })
    };
    let heard = play(0.0, &input, None);
    assert!(heard[0].iter().any(|x| x.abs() > 1e-3), "nothing played");
    assert_same_bits(&heard, &play(1.0, &silence, Some(input.clone())), "the same sound beside");
    assert_same_bits(&heard, &play(0.0, &input, Some(silence)), "nobody listens to the sidechain");
}

#[test]
fn a_state_restores_parameters_and_model_in_another_instance() {
    let _shared = shared();
    let model = material::model();
    let mut first = instance(HostMode::Offline, &SET, &model);
    first.set(ParamId::Hold, 1.0);
    let state = first.save();
    let mut second = Plugin::new();
    assert!(second.load(&state));
    second.set_render_mode(HostMode::Offline);
    for &(id, normalised) in &SET {
        assert_eq!(second.value(id), first.value(id), "{}", id.spec().name);
        assert!((second.value(id) - f64::from(normalised)).abs() < 1e-4);
    }
    assert_eq!(second.text(ParamId::Hold, 1.0), "∞");
    assert_eq!(second.save(), state);
    let input = phrase(48_000, 1.5, 2);
    let job = job(48_000, &input, &[256]);
    let played = first.play(&job);
    // Both instances must have been given the values before the automation moved them.
    assert_same_bits(&second.play(&job), &played, "restored");
    assert_same_bits(&played, &reference(&job, &[&SET[..], &[(ParamId::Hold, 1.0)]].concat(), &model), "engine");
}

#[test]
fn hostile_states_are_refused_or_tamed() {
    let _shared = shared();
    let model = material::model();
    let good = material::state(&model);
    let mut plugin = instance(HostMode::Offline, &[], &model);
    let before = plugin.save();
    let lie = [&u64::MAX.to_le_bytes()[..], b"{}"].concat();
    let nested = material::framed("[".repeat(100_000).as_bytes());
    let wrong_types = material::framed(br#"{"version":1,"params":[],"fields":7}"#);
    for bad in [&[][..], &good[..4], &good[..good.len() / 2], &lie, &nested, &wrong_types, &material::framed(b"\xff")] {
        assert!(!plugin.load(bad), "{} bytes", bad.len());
        assert_eq!(plugin.save(), before, "a refused state changes nothing");
    }
    let tamed = [
        r#"{"params":{"mix":{"f32":1e38},"model":{"i32":-7},"clock":{"i32":9}},"fields":{"models":"{\"version\":1"}}"#,
        r#"{"params":{},"fields":{"models":"{\"version\":1,\"user\":[{\"slot\":64,\"name\":\"x\",\"file\":\"!!\"}]}"}}"#,
    ];
    let input = phrase(48_000, 0.2, 2);
    for json in tamed {
        assert!(plugin.load(&material::framed(json.as_bytes())), "{json}");
        let played = plugin.play(&Job { automation: &[], ..job(48_000, &input, &[512]) });
        assert!(played.iter().flatten().all(|sample| sample.is_finite()));
    }
    assert!(plugin.text(ParamId::Model, 64.0 / 127.0).contains("its copy in the project is damaged"));
}

#[test]
fn the_precision_of_a_project_is_the_engines_from_the_next_activation_on() {
    let _shared = shared();
    let model = material::model();
    let input = phrase(48_000, 1.5, 2);
    let job = job(48_000, &input, &[480]);
    let mut plugin = instance(HostMode::Offline, &SET, &model);
    for precision in Precision::ALL {
        // A state sets everything anew.
        assert!(plugin.load(&material::state_in(&model, precision.name())));
        SET.iter().for_each(|&(id, normalised)| plugin.set(id, normalised));
        let expected = reference_in(Some(precision), &job, &SET, &model);
        assert_same_bits(&plugin.play(&job), &expected, precision.name());
    }
}

#[test]
fn hosts_see_names_units_and_words() {
    let _shared = shared();
    let mut plugin = Plugin::new();
    let names = plugin.names().join(", ");
    for name in
        ["Mix", "Seed Length", "Re-seed Interval", "Model", "Hold", "Bypass", "Reaction Time", "Alignment", "Precision"]
    {
        assert!(names.contains(name), "{name} in {names}");
    }
    assert_eq!(plugin.text(ParamId::Mix, 0.5), "50.0 %");
    assert_eq!(plugin.text(ParamId::ReseedInterval, 0.0), "never");
    assert_eq!(plugin.typed(ParamId::Mix, "25 %"), Some(0.25));
    assert_eq!(plugin.typed(ParamId::Mix, "loud"), None);
    let slot = plugin.typed(ParamId::Model, "64").expect("a number");
    assert_eq!((slot * 127.0).round(), 64.0);
    assert!(plugin.text(ParamId::Model, 1.0).starts_with("127: "));
}
