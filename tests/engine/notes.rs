//! The engine of notes: the same messages on the same samples, no hanging note, no allocation.

use crate::{
    counting::counted,
    note_codes::{axes, coder},
    note_stage::{Deed, Hands, Log, Song, assert_same, eventful, made, models, perform, render, values},
};
use std::time::Duration;
use sympathy::{
    control::notes::NoteParam,
    dsp::random::Random,
    engine::{Bar, Beats, RenderMode, Transport},
    notes::live::{Book, CHANNELS, Gesture, Message, Stage},
};

#[test]
fn the_same_messages_on_the_same_samples_at_any_block_size_rate_and_tempo() {
    for (rate, tempo) in [(44_100, 37.5), (48_000, 120.0), (96_000, 299.9), (8000, 10.0), (48_000, 1500.0)] {
        let song = eventful(rate, tempo);
        let expected = render(&song, &[441]);
        let ours = expected.iter().filter(|(_, message)| matches!(message, Message::On { .. })).count();
        assert!(ours > 60, "{rate} Hz, {tempo} bpm: {ours} notes");
        for blocks in [&[1024][..], &[64], &[4095], &[8192], &[7, 1, 800, 3, 0, 64]] {
            assert_same(&render(&song, blocks), &expected, &format!("{rate} Hz, {tempo} bpm, blocks of {blocks:?}"));
        }
        if rate == 48_000 {
            assert_same(&render(&song, &[1]), &expected, "blocks of 1");
        }
    }
}

#[test]
fn a_performance_with_a_worker_in_time_is_the_bounce() {
    let song = eventful(48_000, 120.0);
    let (mut engine, worker) = made(&song, &models(-2.5), RenderMode::Live);
    let (mut book, mut log) = (Book::default(), Log::default());
    log.sent.reserve(100_000);
    perform(&mut engine, &mut Hands::Here(Box::new(worker)), &song, &[96, 32], &mut book, &mut log);
    assert_eq!((engine.late_steps(), engine.meters().waits()), (0, 0));
    assert_same(&log.sent, &render(&song, &[512]), "live");
}

#[test]
fn the_answer_comes_after_the_silence_on_the_grid_and_lasts_as_long_as_it_was_asked_to() {
    let mut song = Song::new(48_000, 120.0, 20.0);
    song.values = values(&[(NoteParam::AnswerLength, 2.0), (NoteParam::AnswerAfter, 1.0)]);
    song.chord(&[60, 64, 67], 0.0, 1.9);
    let sent = render(&song, &[512]);
    let ours: Vec<i64> = sent.iter().filter(|&&(at, _)| at > song.beats(2.5)).map(|&(at, _)| at).collect();
    // Silent from beat 2 on (8 steps a beat: the release is nearest to step 15, heard until then).
    let (first, last) = (*ours.first().expect("an answer"), *ours.last().expect("an answer"));
    assert!((song.beats(2.9)..=song.beats(3.5)).contains(&first), "{first}");
    assert!(last <= song.beats(11.1), "two measures, not {}", last as f64 / 24_000.0);
    for at in ours {
        assert_eq!(at % 3000, 0, "on a step");
    }
    // It is another with another random seed, and as dense as is asked for.
    let count = |set: &[(NoteParam, f32)]| {
        let mut other = song.clone();
        set.iter().for_each(|&(id, value)| other.values.set(id, value));
        let other = render(&other, &[512]);
        (other != sent, other.iter().filter(|(_, message)| matches!(message, Message::On { .. })).count())
    };
    let plain = sent.iter().filter(|(_, message)| matches!(message, Message::On { .. })).count();
    assert!(count(&[(NoteParam::RandomSeed, 1.0)]).0);
    let thin = count(&[(NoteParam::Density, -3.0)]).1;
    assert!((4..plain / 2).contains(&thin), "{thin} of {plain}");
    let silent = [(NoteParam::TossLaw, 1.0), (NoteParam::Temperature, 0.0), (NoteParam::AntiStall, 0.0)];
    assert_eq!(count(&silent).1, 3, "the player's alone");
    assert_eq!(count(&[(NoteParam::Through, 0.0)]).1, plain - 3);
    assert_eq!(count(&[(NoteParam::Bypass, 1.0)]).1, 3);
    assert_eq!(count(&[(NoteParam::Model, 9.0)]).1, 3, "there is no such model");
}

#[test]
fn what_is_predicted_depends_on_the_player() {
    let answer = |keys: &[u8]| {
        let mut song = Song::new(48_000, 120.0, 10.0);
        song.values = values(&[(NoteParam::Through, 0.0), (NoteParam::AnswerAfter, 0.25)]);
        song.chord(keys, 0.0, 2.0);
        render(&song, &[512])
    };
    assert_ne!(answer(&[60, 64, 67]), answer(&[61, 65, 68]));
}

#[test]
fn it_stays_in_the_key_of_what_it_goes_on_from() {
    // How many of its notes are in the player's pitch classes.
    let answer = |chord: [u8; 3], stays: f32, set: &[(NoteParam, f32)]| {
        let mut song = Song::new(48_000, 120.0, 40.0);
        song.values =
            values(&[(NoteParam::Through, 0.0), (NoteParam::StayInKey, stays), (NoteParam::AnswerLength, 8.0)]);
        set.iter().for_each(|&(id, value)| song.values.set(id, value));
        song.chord(&[58, 63], 0.0, 4.0);
        song.chord(&chord, 4.0, 8.0);
        let keys: Vec<u8> = render(&song, &[512])
            .into_iter()
            .filter_map(|(_, message)| if let Message::On { key, .. } = message { Some(key) } else { None })
            .collect();
        let inside = keys.iter().filter(|key| chord.iter().any(|own| own % 12 == *key % 12)).count();
        (inside as f64 / keys.len() as f64, keys.len())
    };
    for chord in [[60, 64, 67], [61, 65, 68]] {
        let (freely, of_all) = answer(chord, 0.0, &[]);
        let (held, as_many) = answer(chord, 100.0, &[]);
        let (usual, _) = answer(chord, 25.0, &[]);
        assert!(usual > freely + 0.05 && held > usual, "{usual} between {freely} and {held}");
        assert!(held > freely + 0.2, "{held} for {freely}");
        assert!((0.5..2.0).contains(&(as_many as f64 / of_all as f64)), "{as_many} notes for {of_all}");
        // Of the last measure alone the chord before it is not heard.
        let (of_the_last, _) = answer(chord, 100.0, &[(NoteParam::Seed, 1.0)]);
        assert!(of_the_last > held, "{of_the_last} for {held}");
    }
    // Playing along it follows a player who goes elsewhere, without beginning anew.
    let along = [(NoteParam::Part, 1.0), (NoteParam::Reseed, 0.0)];
    let (freely, _) = answer([60, 64, 67], 0.0, &along);
    let (held, _) = answer([60, 64, 67], 100.0, &along);
    assert!(held > freely + 0.05, "{held} for {freely}");
}

#[test]
fn jumps_loops_and_stops_end_what_sounds_and_a_new_start_is_the_first_one_again() {
    let mut song = Song::new(48_000, 120.0, 8.0);
    song.values = values(&[(NoteParam::Part, 1.0)]);
    song.chord(&[60, 64], 0.5, 1.0);
    let once = render(&song, &[512]);
    // The host starts again from 0; the player does the same.
    let length = song.parts[0].1;
    let mut twice = song.clone();
    twice.parts.push((0, length));
    let again: Vec<_> = song.deeds.iter().map(|&(at, deed)| (at + length, deed)).collect();
    twice.deeds.extend(again);
    let both = render(&twice, &[512]);
    let second: Vec<_> = both.iter().skip_while(|&&(at, _)| at < length).map(|&(at, m)| (at - length, m)).collect();
    let (ends, second): (Vec<_>, Vec<_>) =
        second.into_iter().partition(|&(at, message)| at == 0 && matches!(message, Message::Off { .. }));
    assert!(!ends.is_empty(), "what sounded has ended on the first sample");
    assert!(second == once[..second.len()] && second.len() + ends.len() >= once.len());
    // In a loop it goes on, though the player is silent.
    let mut looped = song.clone();
    looped.parts.push((0, length));
    looped.loops = true;
    let looped = render(&looped, &[512]);
    let in_loop = looped.iter().filter(|&&(at, message)| at > length && matches!(message, Message::On { .. })).count();
    assert!(in_loop > 20, "{in_loop} notes");
    let jumped = {
        let mut jumped = song.clone();
        jumped.parts.push((0, length));
        render(&jumped, &[512])
    };
    assert_eq!(jumped.iter().filter(|&&(at, message)| at > length && matches!(message, Message::On { .. })).count(), 0);
}

#[test]
fn a_late_worker_makes_silence_and_no_note_hangs() {
    let mut song = eventful(48_000, 120.0);
    song.values.set(NoteParam::Part, 1.0);
    let (mut engine, mut worker) = made(&song, &models(-2.5), RenderMode::Live);
    worker.slow_down(Duration::from_millis(20));
    let (mut book, mut log) = (Book::default(), Log::default());
    log.sent.reserve(100_000);
    // Many times faster than any clock, so that it waits in vain for what it may not wait for.
    perform(&mut engine, &mut Hands::Thread(worker.spawn()), &song, &[64], &mut book, &mut log);
    let mut stage = Stage { book: &mut book, sink: &mut log };
    engine.reset();
    stage.sink.block = (i64::MAX / 2, 64);
    engine.begin(Transport::default(), 64, &mut stage);
    engine.end(64, &mut stage);
    engine.set(NoteParam::Panic, 1.0, &mut stage);
    assert!(engine.late_steps() > 0 || engine.meters().late_starts() > 0 || engine.meters().waits() > 0);
    assert!(book.is_empty() && log.sounding == [0; CHANNELS]);
}

#[test]
fn a_worker_that_has_panicked_plays_again_after_the_next_start() {
    let mut song = Song::new(48_000, 120.0, 6.0);
    song.values = values(&[(NoteParam::Part, 1.0)]);
    song.chord(&[60, 64], 0.1, 1.0);
    let length = song.parts[0].1;
    song.parts.push((0, length));
    let again: Vec<_> = song.deeds.iter().map(|&(at, deed)| (at + length, deed)).collect();
    song.deeds.extend(again);
    let (mut engine, mut worker) = made(&song, &models(-2.5), RenderMode::Offline);
    worker.panic_after(60);
    let (mut book, mut log) = (Book::default(), Log::default());
    log.sent.reserve(100_000);
    perform(&mut engine, &mut Hands::Thread(worker.spawn()), &song, &[512], &mut book, &mut log);
    let ons = |from: i64, to: i64| {
        let within =
            |&&(at, message): &&(i64, Message)| (from..to).contains(&at) && matches!(message, Message::On { .. });
        log.sent.iter().filter(within).count()
    };
    assert!(engine.late_steps() > 20, "{}", engine.late_steps());
    assert_eq!(ons(length - 48_000, length), 0, "it is silent");
    assert!(ons(length + 48_000, 2 * length) > 10, "and plays again");
}

/// Anything that a host and a player can do, in any order.
fn random_deed(random: &mut Random) -> Deed {
    let (channel, key) = (random.below(2) as u8, 40 + random.below(30) as u8);
    match random.below(12) {
        0..=3 => Deed::Plays(Gesture::Down { channel, key, velocity: random.below(128) as u8 }),
        4 | 5 => Deed::Plays(Gesture::Up { channel, key, velocity: 0 }),
        6 => Deed::Plays(Gesture::Pedal { channel, is_down: random.below(2) == 0 }),
        7 => Deed::Plays(Gesture::AllUp { channel: (random.below(2) == 0).then_some(channel) }),
        _ => {
            let specs = &sympathy::control::notes::NOTE_SPECS;
            let spec = &specs[random.below(specs.len() as u32) as usize];
            Deed::Sets(spec.id, spec.min + (spec.max - spec.min) * random.uniform())
        }
    }
}

/// Beats that a bar may begin at or have, and some that none does.
fn odd(random: &mut Random) -> f64 {
    let beats = [3.0, 3.0, 4.0, 1.0, 0.25, 3.5, 0.0, -2.0, 5e-324, 1e-9, 1e300, f64::NAN, f64::INFINITY];
    beats[random.below(beats.len() as u32) as usize]
}

#[test]
fn whatever_a_host_does_no_note_hangs_and_the_audio_thread_allocates_nothing() {
    let kinds = [models(-1.5), coder(Some(axes())).1];
    let mut random = Random::new(2);
    let (mut struck, mut counted_in_all, mut of_workers, mut brought) = (0usize, 0, 0, 0);
    let rounds = if cfg!(debug_assertions) { 150 } else { 2000 };
    for round in 0..rounds {
        let song = Song::new(8000, 280.0, 1.0);
        // Every fourth round with an autoencoder.
        let models = &kinds[usize::from(round % 4 == 3)];
        let (mut engine, worker) = made(&song, models, RenderMode::Live);
        let mut hands = Hands::Here(Box::new(worker));
        let (mut book, mut log) = (Book::default(), Log::default());
        let mut position = 0i64;
        let mut playing = true;
        for block in 0..200 {
            let length = [1, 16, 64, 200, 0][random.below(5) as usize];
            log.block = (block * 1000, length);
            log.room = if random.below(6) == 0 { random.below(4) as usize } else { usize::MAX };
            match random.below(24) {
                0 => playing = !playing,
                1 => position = i64::from(random.below(100_000)) - 1000,
                2 => engine.reset(),
                // A new activation, at another rate; the book outlives it.
                3 => {
                    let (other, worker) = made(&song, models, RenderMode::Live);
                    (engine, hands) = (other, Hands::Here(Box::new(worker)));
                }
                _ => {}
            }
            let tempo = [280.0, 280.0, 280.0, 120.0, f64::NAN, 0.0][random.below(6) as usize];
            let transport = Transport { playing, ..Song { tempo, ..song.clone() }.transport(position) };
            let bar = Bar { start: odd(&mut random), beats: odd(&mut random) };
            let beats = transport.beats.map(|beats| Beats { bar: Some(bar), ..beats });
            let transport = Transport { beats, ..transport };
            let deeds: Vec<Deed> = (0..random.below(4)).map(|_| random_deed(&mut random)).collect();
            // In every other round a window looks, plays keys and brings phrases.
            if round % 2 == 1 {
                engine.scope().watch();
                match random.below(6) {
                    0 => engine.scope().press(u128::from(random.below(1 << 30)) << 20),
                    1 => engine.scope().press(0),
                    2 => {
                        engine.scope().bring(vec![[1 << 40, 1 << 40]; 12]);
                        brought += 1;
                    }
                    _ => {}
                }
            }
            // Another model has to be loaded, by the worker.
            let may_load = deeds.iter().any(|deed| matches!(deed, Deed::Sets(NoteParam::Model, _)));
            let mut by_worker = 0;
            let mut work = |hands: &mut Hands| by_worker += counted(|| hands.work()).0;
            let mut stage = Stage { book: &mut book, sink: &mut log };
            let mut count = counted(|| engine.begin(transport, length, &mut stage)).0;
            for (index, deed) in deeds.iter().enumerate() {
                count += counted(|| {
                    engine.advance((index * length / 4).min(length.saturating_sub(1)), &mut stage);
                    match *deed {
                        Deed::Plays(gesture) => engine.hear(gesture, &mut stage),
                        Deed::Sets(id, value) => engine.set(id, value, &mut stage),
                    }
                })
                .0;
                work(&mut hands);
            }
            count += counted(|| engine.end(length, &mut stage)).0;
            work(&mut hands);
            of_workers += if may_load { 0 } else { by_worker };
            counted_in_all += count;
            position += length as i64;
        }
        struck += log.sounding.iter().map(|keys| keys.count_ones() as usize).sum::<usize>();
        // The host stops, and the player lets go.
        log.block = (1_000_000, 64);
        log.room = usize::MAX;
        let mut stage = Stage { book: &mut book, sink: &mut log };
        engine.begin(Transport::default(), 64, &mut stage);
        engine.hear(Gesture::AllUp { channel: None }, &mut stage);
        engine.end(64, &mut stage);
        assert_eq!(engine.scope().pressed(), 0, "the window's keys go up with the others");
        let runs_free = engine.is_running();
        if runs_free {
            // By its own tempo it goes on.
            log.block = (1_000_064, 64);
            let mut stage = Stage { book: &mut book, sink: &mut log };
            engine.begin(Transport::default(), 64, &mut stage);
            engine.set(NoteParam::Panic, 0.0, &mut stage);
            engine.set(NoteParam::Panic, 1.0, &mut stage);
        }
        assert!(book.is_empty(), "{book:?}");
        assert_eq!(log.sounding, [0; CHANNELS], "a note hangs");
    }
    assert_eq!((counted_in_all, of_workers), (0, 0), "allocations");
    assert!(struck > rounds / 2, "{struck} notes sounded at the ends");
    assert!(brought > rounds, "{brought} phrases were brought");
}

#[test]
fn a_worker_that_stands_still_for_long_keeps_no_block_waiting_and_plays_when_it_goes_on() {
    let mut song = Song::new(48_000, 120.0, 30.0);
    song.values = values(&[(NoteParam::Part, 1.0)]);
    let (mut engine, mut worker) = made(&song, &models(-1.5), RenderMode::Live);
    let (mut book, mut log) = (Book::default(), Log { room: usize::MAX, ..Log::default() });
    log.sent.reserve(10_000);
    for from in (0..30 * 48_000).step_by(512) {
        log.block = (from, 512);
        let (count, ()) = counted(|| {
            let mut stage = Stage { book: &mut book, sink: &mut log };
            engine.begin(song.transport(from), 512, &mut stage);
            if from == 0 {
                engine.hear(Gesture::Down { channel: 0, key: 60, velocity: 90 }, &mut stage);
            }
            engine.end(512, &mut stage);
        });
        assert_eq!(count, 0, "allocations");
        // For twenty seconds, more steps than there is room for, it does nothing.
        while from > 20 * 48_000 && worker.run_once() {}
    }
    assert_eq!(engine.meters().late_starts(), 1, "told once");
    let ours = log.sent.iter().filter(|(at, message)| *at > 0 && matches!(message, Message::On { .. }));
    assert!(ours.count() > 10);
}

#[test]
fn where_the_host_tells_no_place_or_tempo_steps_go_on_and_notes_end() {
    for (position, per_minute) in
        [(f64::NAN, 120.0), (8.0, f64::NAN), (4.3e9, 120.0), (8.0, 0.0), (f64::INFINITY, 120.0)]
    {
        let mut song = Song::new(48_000, 120.0, 20.0);
        song.values = values(&[(NoteParam::Part, 1.0), (NoteParam::Longest, 2.0)]);
        let (mut engine, worker) = made(&song, &models(-1.5), RenderMode::Offline);
        let _worker = worker.spawn();
        let (mut book, mut log) = (Book::default(), Log { room: usize::MAX, ..Log::default() });
        log.sent.reserve(10_000);
        for from in (0..20 * 48_000).step_by(512) {
            log.block = (from, 512);
            let mut transport = song.transport(from);
            if from > 4 * 48_000 {
                transport.beats = Some(Beats::at(position, per_minute));
            }
            let mut stage = Stage { book: &mut book, sink: &mut log };
            engine.begin(transport, 512, &mut stage);
            if from == 0 {
                engine.hear(Gesture::Down { channel: 0, key: 60, velocity: 90 }, &mut stage);
            }
            engine.end(512, &mut stage);
        }
        let late = log.sent.iter().filter(|(at, _)| *at > 10 * 48_000).count();
        assert!(late > 20, "{position}, {per_minute}: {late} messages");
    }
}

#[test]
fn a_reset_forgets_keys_that_go_up_unheard() {
    let mut song = Song::new(48_000, 120.0, 20.0);
    song.values = values(&[(NoteParam::AnswerLength, 1.0)]);
    let (mut engine, worker) = made(&song, &models(-1.5), RenderMode::Offline);
    let _worker = worker.spawn();
    let (mut book, mut log) = (Book::default(), Log { room: usize::MAX, ..Log::default() });
    log.sent.reserve(10_000);
    for from in (0..12 * 48_000).step_by(512) {
        log.block = (from, 512);
        let mut stage = Stage { book: &mut book, sink: &mut log };
        let at = |second: i64| (second * 48_000..second * 48_000 + 512).contains(&from);
        if at(2) {
            engine.reset();
            stage.book.release_all(0, stage.sink);
        }
        engine.begin(song.transport(from), 512, &mut stage);
        // Of the first one nobody tells that it ends.
        let (down, up) = (at(1) || at(3), at(4));
        if down {
            engine.hear(Gesture::Down { channel: 0, key: if at(1) { 48 } else { 60 }, velocity: 90 }, &mut stage);
        } else if up {
            engine.hear(Gesture::Up { channel: 0, key: 60, velocity: 0 }, &mut stage);
        }
        engine.end(512, &mut stage);
    }
    let answers =
        log.sent.iter().filter(|(at, message)| *at > 4 * 48_000 + 512 && matches!(message, Message::On { .. }));
    assert!(answers.count() > 5, "it answers");
}

#[test]
fn under_a_tempo_that_glides_steps_lie_within_a_sample_and_a_half_of_their_places() {
    let mut song = Song::new(48_000, 60.0, 20.0);
    song.values = values(&[(NoteParam::AnswerLength, 33.0), (NoteParam::AnswerAfter, 0.25)]);
    // From 60 to 180 in twenty seconds; the host tells the tempo at the beginning of each block.
    let seconds = |at: i64| at as f64 / 48_000.0;
    let tempo = |at: i64| 60.0 + 6.0 * seconds(at);
    let beats = |at: i64| seconds(at) + seconds(at).powi(2) / 20.0;
    for block in [64, 512] {
        let (mut engine, worker) = made(&song, &models(-1.5), RenderMode::Offline);
        let _worker = worker.spawn();
        let (mut book, mut log) = (Book::default(), Log { room: usize::MAX, ..Log::default() });
        log.sent.reserve(10_000);
        for from in (0..20 * 48_000).step_by(block) {
            log.block = (from, block);
            let beats = Some(Beats::at(beats(from), tempo(from)));
            let transport = Transport { playing: true, position_samples: Some(from), loop_samples: None, beats };
            let mut stage = Stage { book: &mut book, sink: &mut log };
            engine.begin(transport, block, &mut stage);
            match from / block as i64 {
                0 => engine.hear(Gesture::Down { channel: 0, key: 60, velocity: 90 }, &mut stage),
                40 => engine.hear(Gesture::Up { channel: 0, key: 60, velocity: 0 }, &mut stage),
                _ => {}
            }
            engine.end(block, &mut stage);
        }
        let mut farthest = 0.0f64;
        let ours = log.sent.iter().filter(|(at, message)| *at > 0 && matches!(message, Message::On { .. }));
        for &(at, _) in ours.clone() {
            let steps = 8.0 * beats(at);
            let samples_a_step = 60.0 * 48_000.0 / tempo(at) / 8.0;
            farthest = farthest.max((steps - steps.round()).abs() * samples_a_step);
        }
        assert!(ours.count() > 200);
        assert!(farthest < 1.5, "blocks of {block}: {farthest} samples");
    }
}

#[test]
fn what_may_no_longer_sound_when_it_is_played_is_not_struck_although_it_was_drawn() {
    // With half a gate the keys of a step are drawn half a step before it is played. In between the range moves, and back after it.
    let mut song = Song::new(48_000, 120.0, 30.0);
    song.values = values(&[
        (NoteParam::Part, 1.0),
        (NoteParam::Gate, 50.0),
        (NoteParam::Lowest, 60.0),
        (NoteParam::Highest, 60.0),
        (NoteParam::Longest, 0.25),
        (NoteParam::Density, 2.0),
    ]);
    song.chord(&[48], 0.0, 56.0);
    let played = |step: i32| song.beats(f64::from(step) / 8.0);
    let moved: Vec<i64> = (4..400).step_by(2).map(played).collect();
    let mut deeds = Vec::new();
    for &at in &moved {
        deeds.push((at - 700, Deed::Sets(NoteParam::Lowest, 59.0)));
        deeds.push((at - 700, Deed::Sets(NoteParam::Highest, 59.0)));
        deeds.push((at + 700, Deed::Sets(NoteParam::Highest, 60.0)));
        deeds.push((at + 700, Deed::Sets(NoteParam::Lowest, 60.0)));
    }
    song.deeds.extend(deeds);
    song.deeds.sort_by_key(|&(at, _)| at);
    let sent = render(&song, &[512]);
    let mut count = 0;
    for (at, message) in sent {
        if let Message::On { key: 60, .. } = message {
            assert!(!moved.contains(&at), "struck at {at}, out of range");
            count += 1;
        }
    }
    assert!(count > 20, "{count} notes");
}

#[test]
fn a_short_seed_forgets_what_was_before_it() {
    // Other phrases, then the same measure.
    let answer = |before: &[u8], seed: f32| {
        let mut song = Song::new(48_000, 120.0, 12.0);
        song.values = values(&[(NoteParam::Through, 0.0), (NoteParam::AnswerAfter, 1.0), (NoteParam::Seed, seed)]);
        song.chord(before, 0.0, 2.0);
        // A measure of 32 steps, so that the phrase's last measure is this one.
        song.chord(&[60, 64, 67], 2.0, 6.0);
        render(&song, &[512])
    };
    let (low, high) = ([40, 47], [76, 83, 88]);
    assert_ne!(answer(&low, 0.0), answer(&high, 0.0), "all of it is heard");
    assert_ne!(answer(&low, 2.0), answer(&high, 2.0), "two measures reach back to it");
    assert_eq!(answer(&low, 1.0), answer(&high, 1.0), "one does not");
    assert_ne!(answer(&low, 1.0), answer(&low, 0.0));
    // All that there is, from silence, is what the running state has heard.
    assert_eq!(answer(&low, 16.0), answer(&low, 0.0));
}

#[test]
fn a_key_on_the_trigger_channel_continues_and_is_neither_heard_nor_passed_on() {
    let song = |set: &[(NoteParam, f32)], triggers: &[(u8, f64)]| {
        let mut song = Song::new(48_000, 120.0, 8.0);
        song.values = values(&[(NoteParam::AnswerAfter, 16.0), (NoteParam::AnswerLength, 2.0)]);
        set.iter().for_each(|&(id, value)| song.values.set(id, value));
        song.chord(&[60, 64, 67], 0.0, 1.9);
        for &(channel, beat) in triggers {
            let at = song.beats(beat);
            song.deeds.push((at, Deed::Plays(Gesture::Down { channel, key: 33, velocity: 90 })));
            song.deeds.push((at + 1000, Deed::Plays(Gesture::Up { channel, key: 33, velocity: 0 })));
        }
        song.deeds.sort_by_key(|&(at, _)| at);
        render(&song, &[512])
    };
    let ours = |sent: &[(i64, Message)]| {
        sent.iter().filter(|(at, message)| *at > 48_000 && matches!(message, Message::On { channel: 0, .. })).count()
    };
    let on = [(NoteParam::TriggerChannel, 10.0)];
    let quiet = song(&on, &[]);
    assert_eq!(ours(&quiet), 0, "it would wait for sixteen beats");
    let triggered = song(&on, &[(9, 4.0)]);
    assert!(ours(&triggered) > 5, "{}", ours(&triggered));
    let is_of_nine = |message: &Message| match *message {
        Message::On { channel, .. } | Message::Off { channel, .. } => channel == 9,
    };
    assert!(triggered.iter().all(|(_, message)| !is_of_nine(message)), "it is not passed on");
    assert!(triggered.iter().any(|&(at, _)| (4 * 24_000..6 * 24_000).contains(&at)), "it begins with the next step");
    // It is heard on another channel, and does not trigger.
    let other = song(&on, &[(8, 4.0)]);
    assert!(ours(&other) == 0 && other.len() > quiet.len());
    assert_eq!(song(&[], &[(9, 4.0)]).len(), other.len(), "off, it is a channel like any");
}

#[test]
fn a_key_of_yours_ends_ours_where_it_is_passed_on_and_is_not_met_where_it_is_not() {
    // One key, that sounds all the time.
    let always = [
        (NoteParam::Drawing, 1.0),
        (NoteParam::Threshold, 0.0),
        (NoteParam::Lowest, 60.0),
        (NoteParam::Highest, 60.0),
        (NoteParam::Longest, 64.0),
        (NoteParam::AnswerLength, 8.0),
    ];
    let sent = |through: f32, channel: f32| {
        let mut song = Song::new(48_000, 120.0, 12.0);
        song.values = values(&always);
        song.values.set(NoteParam::Through, through);
        song.values.set(NoteParam::Channel, channel);
        song.chord(&[50], 0.0, 1.9);
        song.chord(&[60], 8.25, 10.25);
        let (from, to) = (song.beats(8.0), song.beats(10.0));
        let sent = render(&song, &[512]);
        let before = sent.iter().filter(|(at, message)| *at < from && matches!(message, Message::On { key: 60, .. }));
        assert_eq!(before.count(), 1, "it sounds");
        sent.into_iter().filter(|(at, _)| (from..to).contains(at)).map(|(at, message)| (at - from, message)).collect()
    };
    let (off, on) =
        (|channel| Message::Off { channel, key: 60, velocity: 0 }, Message::On { channel: 0, key: 60, velocity: 90 });
    let sent_through: Vec<(i64, Message)> = sent(1.0, 1.0);
    assert_eq!(
        sent_through,
        [(6000, off(0)), (6000, on)],
        "ours ends where yours begins, and is not struck while you hold it"
    );
    let not_passed: Vec<(i64, Message)> = sent(0.0, 1.0);
    assert_eq!(not_passed, [], "ours goes on");
    let elsewhere: Vec<(i64, Message)> = sent(1.0, 2.0);
    assert_eq!(elsewhere, [(6000, on)], "on another channel there is nothing to end");
}

#[test]
fn two_engines_of_one_model_know_nothing_of_each_other() {
    let (one, mut other) = (eventful(48_000, 120.0), eventful(48_000, 120.0));
    other.deeds.truncate(3);
    let expected = [render(&one, &[512]), render(&other, &[512])];
    let together = std::thread::scope(|scope| {
        [&one, &other].map(|song| scope.spawn(|| render(song, &[512]))).map(|thread| thread.join().expect("no panic"))
    });
    assert!(together == expected);
}
