//! The audio thread neither allocates nor frees, whatever happens.

use crate::common::{
    drive::{config, drain, everything_moves, playing},
    models, phrase,
};
use crate::counting::counted;
use std::sync::Arc;
use sympathy::{
    control::ParamId,
    engine::{Alignment, Beats, Engine, EngineConfig, Event, RenderMode, Transport, take_link},
    session,
};

/// One block under the counter.
#[track_caller]
fn process(engine: &mut Engine, audio: &mut [Vec<f32>], events: &[Event], transport: Transport, what: &str) {
    let (left, right) = audio.split_at_mut(1);
    let count = match right.first_mut() {
        Some(right) => {
            let mut channels = [left[0].as_mut_slice(), right.as_mut_slice()];
            counted(|| engine.process(&mut channels, events, transport)).0
        }
        None => counted(|| engine.process(&mut [&mut left[0]], events, transport)).0,
    };
    assert_eq!(count, 0, "{what}: allocations and frees in process");
}

#[test]
fn no_case_allocates_or_frees_on_the_audio_thread() {
    let registry = models::registry();
    for (slot, name, _) in models::all_kinds() {
        for (channels, block) in [(1, 64), (2, 480), (2, 8192)] {
            let input = phrase(48_000, 2.0, channels);
            let (mut engine, mut worker) = session::start(config(48_000, channels, slot), Arc::clone(&registry));
            for (i, start) in (0..input[0].len() - block).step_by(block).enumerate() {
                let mut audio: Vec<Vec<f32>> = input.iter().map(|x| x[start..start + block].to_vec()).collect();
                let progress = start as f32 / input[0].len() as f32;
                let what = format!("{name}, {channels} channels, blocks of {block}, block {i}");
                let event = |id, value| [Event { offset_samples: block / 3, id, value }];
                match i % 11 {
                    1 => process(
                        &mut engine,
                        &mut audio,
                        &event(ParamId::Mix, 100.0 * progress),
                        Transport::default(),
                        &what,
                    ),
                    3 => {
                        process(&mut engine, &mut audio, &event(ParamId::SeedLength, 0.3), Transport::default(), &what)
                    }
                    5 => {
                        audio[0][0] = f32::NAN;
                        process(&mut engine, &mut audio, &[], Transport::default(), &what);
                    }
                    7 => process(
                        &mut engine,
                        &mut audio,
                        &event(ParamId::Bypass, (i % 2) as f32),
                        Transport::default(),
                        &what,
                    ),
                    _ => process(&mut engine, &mut audio, &[], Transport::default(), &what),
                }
                // A third of the time the worker does not answer: underruns, and late cells to be dropped.
                if !(0.4..0.5).contains(&progress) && !(0.7..0.9).contains(&progress) {
                    drain(&mut worker);
                }
            }
            assert!(engine.meters().underruns() > 0, "{name}: the underrun was not reached");
            assert!(engine.meters().continuations() > 0, "{name}: nothing played");
        }
    }
}

#[test]
fn every_parameter_trigger_and_note_at_once_does_not_allocate() {
    let input = phrase(48_000, 20.0, 2);
    let changes = everything_moves(48_000, 20.0, 8);
    let (mut engine, mut worker) = session::start(config(48_000, 2, 64), models::registry());
    let block = 256;
    for (i, start) in (0..input[0].len() - block).step_by(block).enumerate() {
        let mut audio: Vec<Vec<f32>> = input.iter().map(|x| x[start..start + block].to_vec()).collect();
        let events: Vec<Event> = changes
            .iter()
            .filter(|change| (start..start + block).contains(&change.at))
            .map(|change| Event { offset_samples: change.at - start, id: change.id, value: change.value })
            .collect();
        let beats = Some(Beats::at(start as f64 / 24_000.0, 120.0));
        let transport = Transport { beats, ..playing(start as i64) };
        process(&mut engine, &mut audio, &events, transport, &format!("block {i}"));
        let notes =
            counted(|| (0..if i % 16 == 0 { i % 7 } else { 0 }).for_each(|key| engine.note_on(60 + key as u8, 0.9))).0;
        assert_eq!(notes, 0, "allocations and frees of notes");
        // Somebody looks, most of the time.
        if i % 500 == 50 {
            engine.meters().scope().watch();
        }
        // Now and then the worker is late.
        if i % 300 < 280 {
            drain(&mut worker);
        }
    }
    let meters = engine.meters();
    assert!(meters.underruns() > 0 && meters.continuations() > 1 && meters.loops() > 1, "{meters:?}");
}

#[test]
fn a_worker_that_fails_and_begins_anew_costs_the_audio_thread_nothing() {
    // A bounce, which loses nothing, so that it fails where it is to.
    let config = EngineConfig { mode: RenderMode::Offline, ..config(48_000, 2, 64) };
    let (mut engine, mut worker) = session::start(config, models::registry());
    worker.panic_after(800);
    let _thread = worker.spawn();
    let input = phrase(48_000, 3.0, 2);
    let mut begun = 0;
    for song in [0, 10_000_000] {
        for start in (0..input[0].len() - 256).step_by(256) {
            let mut audio: Vec<Vec<f32>> = input.iter().map(|x| x[start..start + 256].to_vec()).collect();
            let events = [Event { offset_samples: 9, id: ParamId::Continue, value: (start / 256 % 100 / 99) as f32 }];
            process(
                &mut engine,
                &mut audio,
                &events,
                playing(song + start as i64),
                &format!("song {song}, at {start}"),
            );
        }
        assert_eq!(engine.meters().is_failed(), song == 0, "song {song}");
        let continuations = engine.meters().continuations();
        assert!(continuations > std::mem::replace(&mut begun, continuations), "song {song}: nothing played");
    }
}

#[test]
fn quanta_that_are_lost_and_buttons_that_are_restored_do_not_allocate() {
    let registry = models::registry();
    for mode in [RenderMode::Live, RenderMode::Offline] {
        let config = EngineConfig { mode, ..config(48_000, 2, 64) };
        let (mut engine, mut worker) = session::start(config, Arc::clone(&registry));
        let input = phrase(48_000, 4.0, 2);
        if mode == RenderMode::Live {
            // Longer than the rings hold, and then back: an epoch begins anew within a block.
            for (i, start) in (0..input[0].len() - 8192).step_by(8192).enumerate() {
                let mut audio: Vec<Vec<f32>> = input.iter().map(|x| x[start..start + 8192].to_vec()).collect();
                process(&mut engine, &mut audio, &[], Transport::default(), &format!("away, block {i}"));
            }
            assert!(engine.meters().late_starts() > 0, "nothing was lost");
            drain(&mut worker);
            let mut audio: Vec<Vec<f32>> = input.iter().map(|x| x[..480].to_vec()).collect();
            process(&mut engine, &mut audio, &[], Transport::default(), "back");
        }
        // Offline, whoever waits for room, or for a prediction, waits for this thread.
        let _thread = worker.spawn();
        for (i, start) in (0..input[0].len() - 480).step_by(480).enumerate() {
            let mut audio: Vec<Vec<f32>> = input.iter().map(|x| x[start..start + 480].to_vec()).collect();
            // Jumps with every block fill the ring; then the song goes on.
            let position = if i < 200 { 1_000_000 * i as i64 } else { 480 * i as i64 };
            process(&mut engine, &mut audio, &[], playing(position), &format!("{mode:?}, block {i}"));
            let adopted = counted(|| engine.adopt(ParamId::Keep, (i % 2) as f32)).0;
            assert_eq!(adopted, 0, "a restored button");
        }
    }
}

#[test]
fn keep_does_not_allocate_whoever_listens_or_does_not() {
    let input = phrase(48_000, 9.0, 2);
    // Heard at once; never, so that the ring fills up; by nobody, as the other end is gone, for which no bounce waits.
    for (who, mode) in [(0, RenderMode::Live), (1, RenderMode::Live), (2, RenderMode::Live), (2, RenderMode::Offline)] {
        let config = EngineConfig { mode, ..config(48_000, 2, 64) };
        let (mut engine, mut worker) = session::start(config, models::registry());
        let (tap, feed) = take_link(48_000, 512);
        let mut feed = Some(feed).filter(|_| who < 2);
        engine.attach_tap(tap);
        for (i, start) in (0..input[0].len() - 480).step_by(480).enumerate() {
            let mut audio: Vec<Vec<f32>> = input.iter().map(|x| x[start..start + 480].to_vec()).collect();
            // All that the recorder can be asked for, each going on and off.
            let asked = [
                (77, ParamId::Keep),
                (78, ParamId::LearnTake),
                (78, ParamId::LearnRecord),
                (300, ParamId::LearnSeconds),
            ];
            let asked = asked.map(|(offset_samples, id)| {
                let value = if id == ParamId::LearnSeconds { 10.0 + (i % 2) as f32 } else { (i % 2) as f32 };
                Event { offset_samples, id, value }
            });
            // The worker answers first, so that an offline block need not wait for it.
            drain(&mut worker);
            process(&mut engine, &mut audio, &asked, Transport::default(), &format!("{who} {mode:?}, block {i}"));
            if who == 0
                && let Some(feed) = &mut feed
            {
                while feed.from_audio.pop().is_ok() {}
            }
        }
        assert_eq!(engine.meters().take_gaps() > 0, who > 0);
    }
}

#[test]
fn switches_stops_jumps_resets_and_waits_do_not_allocate() {
    let registry = models::registry();
    for mode in [RenderMode::Live, RenderMode::Offline] {
        let mut config = EngineConfig { mode, ..config(48_000, 2, 64) };
        // Strings ring on where the song jumps.
        config.values.set(ParamId::SwellLevel, 0.0);
        let (mut engine, worker) = session::start(config, Arc::clone(&registry));
        let _thread = worker.spawn();
        let input = phrase(48_000, 4.0, 2);
        for (i, start) in (0..input[0].len() - 480).step_by(480).enumerate() {
            let mut audio: Vec<Vec<f32>> = input.iter().map(|x| x[start..start + 480].to_vec()).collect();
            let event = |id, value| vec![Event { offset_samples: 100, id, value }];
            let events = match i {
                100 => event(ParamId::Model, 65.0),
                130 => event(ParamId::Model, 66.0),
                // An empty slot: what plays goes on.
                160 => event(ParamId::Model, 100.0),
                200 => event(ParamId::Stop, 1.0),
                220 => event(ParamId::Stop, 0.0),
                _ => Vec::new(),
            };
            let transport =
                if i < 250 { Transport::default() } else { playing(5 + 480 * i as i64 + i as i64 / 50 * 9999) };
            process(&mut engine, &mut audio, &events, transport, &format!("{mode:?}, block {i}"));
            if i == 240 {
                assert_eq!(counted(|| engine.stop_from_midi()).0, 0, "stop from MIDI");
                assert_eq!(counted(|| engine.reset()).0, 0, "reset");
            }
        }
        assert!(engine.meters().continuations() > 2);
    }
}

#[test]
fn a_step_of_a_network_does_not_allocate() {
    use sympathy::{
        approach::{Generator, Network},
        model::{Approach, Column, Head},
        nn::{Isa, Precision},
    };
    // Long enough for every stage of its filters.
    let long = models::config(Approach::Column(Column { seg_len: 600 }), Head::Mse, 0);
    let long = ("long column".into(), models::random_model(long, 3));
    for (name, data) in models::every_approach_and_cell().into_iter().chain([long]) {
        for precision in Precision::ALL {
            let network = Arc::new(Network::with_precision(&data, precision, Isa::best()));
            let config = network.config().clone();
            let mut continuation = Generator::new(Arc::clone(&network));
            // A tone, which models that listen do not take for a rest.
            let window: Vec<f32> = (0..config.window_samples()).map(|i| 0.1 * libm::sinf(0.2 * i as f32)).collect();
            let mut out = vec![0.0; config.hop_samples()];
            for (keep, fresh) in [(1.0, false), (0.5, false), (0.5, true)] {
                let (count, ()) = counted(|| {
                    continuation.set_dropout(keep, keep);
                    continuation.set_fresh_dropout(fresh);
                    continuation.reset(3);
                    continuation.set_input_gain(2.0);
                    for _ in 0..5 {
                        // Nothing, but with models that listen.
                        continuation.remember(&window);
                    }
                    for _ in 0..5 {
                        continuation.feed(&window);
                    }
                    for _ in 0..300 {
                        continuation.accompany(&window);
                        continuation.predict(0.5, &mut out);
                    }
                });
                assert_eq!(count, 0, "{name}, {precision}, kept with {keep}, drawn anew: {fresh}");
            }
        }
    }
}

#[test]
fn a_worker_that_plays_does_not_allocate() {
    let registry = models::registry();
    for (slot, name, _) in models::all_kinds() {
        for (rate, alignment) in [(48_000, Alignment::After), (44_100, Alignment::Now), (96_000, Alignment::After)] {
            let config = EngineConfig { alignment, ..config(rate, 1, slot) };
            let (mut engine, mut worker) = session::start(config, Arc::clone(&registry));
            for block in phrase(rate, 2.5, 1)[0].chunks_mut(441) {
                engine.process(&mut [block], &[], Transport::default());
                // Voices and resamplers are made with the first cells.
                let warm = engine.meters().continuations() > 0;
                let (count, ()) = counted(|| drain(&mut worker));
                assert!(!warm || count == 0, "{name}, {rate} Hz: {count} allocations and frees");
            }
            assert!(engine.meters().continuations() > 2, "{name}: seeds and fades were not reached");
        }
    }
}

/// What the callbacks of a sound card run: the bridge from the input, orders of the terminal, notes, the switch of the input.
#[cfg(feature = "standalone")]
#[test]
fn the_callbacks_of_a_sound_card_do_not_allocate() {
    use rtrb::RingBuffer;
    use sympathy::cli::commands::play::{
        bridge::bridge,
        performer::{MidiOrder, Order, Performer},
    };
    let (engine, mut worker) = session::start(config(48_000, 2, 64), models::registry());
    let (mut midi, notes) = RingBuffer::new(16);
    let (mut performer, mut orders, monitor) = Performer::new(engine, notes, 48_000, 120.0, true);
    let (mut input, mut output) = bridge(2, None, 256, &monitor);
    for (index, block) in phrase(48_000, 4.0, 1)[0].chunks_exact(256).enumerate() {
        let interleaved: Vec<f32> = block.iter().flat_map(|&x| [x, x]).collect();
        if index % 40 == 7 {
            orders.push(Order::Set(ParamId::MidiTrigger, 1.0)).expect("room");
            orders.push(Order::Input(index % 80 == 7)).expect("room");
            midi.push(MidiOrder::Note { key: 60, velocity: 0.7 }).expect("room");
        }
        if index % 200 == 150 {
            midi.push(MidiOrder::Stop).expect("room");
        }
        if index % 200 == 190 {
            // A program is chosen: all parameters at once.
            for spec in sympathy::control::values::SPECS.iter().filter(|spec| spec.id != ParamId::Model) {
                orders.push(Order::Set(spec.id, spec.default)).expect("room");
            }
        }
        let (mut left, mut right) = ([0.0; 256], [0.0; 256]);
        let (count, ()) = counted(|| {
            // Now and then the input's device gives nothing, or too much.
            for _ in 0..[1, 0, 1, 2][index / 8 % 4] {
                input.push(&interleaved, |x| x);
            }
            output.fill(&mut [&mut left, &mut right]);
            performer.play(&mut [&mut left, &mut right]);
        });
        assert_eq!(count, 0, "allocations and frees in callback {index}");
        drain(&mut worker);
    }
    assert!(monitor.meters.continuations() > 1, "{}", monitor.summary());
}
