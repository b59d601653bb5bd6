//! Models of one's own under the engine of notes: they are loaded, change and go while it plays.

use crate::{
    common::notes,
    counting::counted,
    note_stage::{Deed, Hands, Log, Song, assert_same, made, models, perform, values},
};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use sympathy::{
    control::notes::NoteParam,
    engine::RenderMode,
    notes::live::{Book, Gesture, Message, NoteModels, Stage},
};

/// Models of which that in slot 64 has still to be loaded.
fn with_own(hidden: usize) -> Arc<NoteModels> {
    let models = models(-2.5);
    models.set_bytes(64, "mine".into(), notes::lstm(hidden, -2.0).to_bytes());
    models
}

#[test]
fn a_bounce_waits_for_a_model_that_is_not_there_yet() {
    let mut song = Song::new(48_000, 120.0, 12.0);
    song.values = values(&[(NoteParam::Part, 1.0)]);
    song.chord(&[60, 64, 67], 0.1, 1.9);
    song.chord(&[62, 65], 10.2, 11.0);
    for (beat, slot) in [(7.3, 64.0), (13.1, 9.0), (14.2, 64.0), (20.0, 1.0)] {
        song.deeds.push((song.beats(beat), Deed::Sets(NoteParam::Model, slot)));
    }
    song.deeds.sort_by_key(|&(at, _)| at);
    let play = |models: &Arc<NoteModels>, blocks: &[usize]| {
        let (mut engine, worker) = made(&song, models, RenderMode::Offline);
        let (mut book, mut log) = (Book::default(), Log::default());
        log.sent.reserve(100_000);
        perform(&mut engine, &mut Hands::Thread(worker.spawn()), &song, blocks, &mut book, &mut log);
        assert_eq!(engine.late_steps(), 0);
        log.sent
    };
    let loaded = with_own(20);
    loaded.load(64).expect("recurrent");
    let expected = play(&loaded, &[512]);
    let within = |from: f64, to: f64| {
        let is_there = |&&(at, _): &&(i64, Message)| (song.beats(from)..song.beats(to)).contains(&at);
        expected.iter().filter(is_there).count()
    };
    assert!(within(10.5, 13.0) > 8 && within(13.2, 14.0) == 0, "{} {}", within(10.5, 13.0), within(13.2, 14.0));
    for blocks in [&[512][..], &[64], &[4095, 1]] {
        assert_same(&play(&with_own(20), blocks), &expected, &format!("loaded on the way, blocks of {blocks:?}"));
    }
}

#[test]
fn a_model_may_come_go_and_be_another_one_while_the_engine_lives() {
    let models = with_own(20);
    let mut song = Song::new(48_000, 120.0, 60.0);
    song.values = values(&[(NoteParam::Part, 1.0), (NoteParam::Polyphony, 4.0)]);
    let (mut engine, mut worker) = made(&song, &models, RenderMode::Live);
    let (mut book, mut log) = (Book::default(), Log { room: usize::MAX, ..Log::default() });
    log.sent.reserve(100_000);
    let (mut from, mut chosen) = (0, 0);
    // Plays for some seconds; returns how many keys were struck, and how many ended on the very first sample.
    let mut play = |deed: Option<(NoteParam, f32)>, seconds: i64, works: bool| {
        let (begins, earlier) = (from, log.sent.len());
        if let Some((NoteParam::Model, slot)) = deed {
            chosen = slot as u8;
        }
        while from < begins + seconds * 48_000 {
            log.block = (from, 480);
            let (count, ()) = counted(|| {
                let mut stage = Stage { book: &mut book, sink: &mut log };
                engine.begin(song.transport(from), 480, &mut stage);
                if let Some((id, value)) = deed.filter(|_| from == begins) {
                    engine.set(id, value, &mut stage);
                }
                if from == begins {
                    engine.hear(Gesture::Up { channel: 0, key: 60, velocity: 0 }, &mut stage);
                    engine.hear(Gesture::Down { channel: 0, key: 60, velocity: 90 }, &mut stage);
                }
                engine.end(480, &mut stage);
            });
            assert_eq!(count, 0, "allocations on the audio thread");
            while works && worker.run_once() {}
            // It is loaded by a thread of its own.
            let began = Instant::now();
            while works && !models.readiness(chosen).is_settled() && began.elapsed() < Duration::from_secs(20) {
                worker.run_once();
                std::thread::yield_now();
            }
            from += 480;
        }
        let made = &log.sent[earlier..];
        let struck = made.iter().filter(|(at, message)| *at > begins && matches!(message, Message::On { .. })).count();
        let ended = made.iter().filter(|(at, message)| *at == begins && matches!(message, Message::Off { .. })).count();
        (struck, ended)
    };
    assert!(play(None, 4, true).0 > 10);
    let (struck, ended) = play(Some((NoteParam::Model, 64.0)), 2, false);
    assert!(struck == 0 && ended > 1, "it is not there: {struck}, {ended}");
    assert!(play(None, 4, true).0 > 10, "it is");
    models.set_bytes(64, "another".into(), notes::lstm(12, -2.0).to_bytes());
    let (struck, ended) = play(None, 2, false);
    assert!(struck == 0 && ended > 1, "another one is to be loaded: {struck}, {ended}");
    assert!(play(None, 4, true).0 > 10, "it is loaded");
    models.set_missing(64, "another".into(), "missing".into());
    let (struck, ended) = play(None, 2, true);
    assert!(struck == 0 && ended > 1, "it is gone: {struck}, {ended}");
    assert!(play(Some((NoteParam::Model, 1.0)), 4, true).0 > 10, "and a third one plays");
    assert_eq!(engine.late_steps(), 0, "none of this is lateness");
}

#[test]
fn a_bounce_waits_for_a_model_that_another_project_puts_into_the_slot() {
    let models = with_own(20);
    let mut song = Song::new(48_000, 120.0, 60.0);
    song.values = values(&[(NoteParam::Part, 1.0), (NoteParam::Model, 64.0)]);
    let (mut engine, worker) = made(&song, &models, RenderMode::Offline);
    let _worker = worker.spawn();
    let (mut book, mut log) = (Book::default(), Log { room: usize::MAX, ..Log::default() });
    log.sent.reserve(100_000);
    for from in (0..8 * 48_000).step_by(480) {
        if from == 4 * 48_000 {
            models.set_bytes(64, "another".into(), notes::lstm(12, -2.0).to_bytes());
        }
        log.block = (from, 480);
        let mut stage = Stage { book: &mut book, sink: &mut log };
        engine.begin(song.transport(from), 480, &mut stage);
        if from % 48_000 == 0 {
            engine.hear(Gesture::Down { channel: 0, key: 60, velocity: 90 }, &mut stage);
        }
        engine.end(480, &mut stage);
    }
    assert_eq!((engine.late_steps(), engine.meters().is_failed()), (0, false));
    // Of 3000 samples a step, the first one may have passed.
    let again = 4 * 48_000 + 1..4 * 48_000 + 8 * 3000;
    assert!(log.sent.iter().any(|(at, message)| again.contains(at) && matches!(message, Message::On { .. })));
}

#[test]
fn after_a_worker_has_panicked_a_model_that_is_not_loaded_can_be_chosen() {
    let models = with_own(20);
    let mut song = Song::new(48_000, 120.0, 60.0);
    song.values = values(&[(NoteParam::Part, 1.0)]);
    let (mut engine, mut worker) = made(&song, &models, RenderMode::Live);
    worker.panic_after(3);
    let _worker = worker.spawn();
    let (mut book, mut log) = (Book::default(), Log { room: usize::MAX, ..Log::default() });
    log.sent.reserve(1_000_000);
    let began = Instant::now();
    let (mut from, mut chosen) = (0i64, None);
    // In time with the clock, until the other model plays.
    while began.elapsed() < Duration::from_secs(30) {
        log.block = (from, 480);
        let mut stage = Stage { book: &mut book, sink: &mut log };
        engine.begin(song.transport(from), 480, &mut stage);
        if from % 48_000 == 0 {
            engine.hear(Gesture::Up { channel: 0, key: 60, velocity: 0 }, &mut stage);
            engine.hear(Gesture::Down { channel: 0, key: 60, velocity: 90 }, &mut stage);
        }
        if chosen.is_none() && engine.late_steps() > 3 {
            engine.set(NoteParam::Model, 64.0, &mut stage);
            chosen = Some(from);
        }
        engine.end(480, &mut stage);
        let is_ours = |&&(at, message): &&(i64, Message)| {
            chosen.is_some_and(|chosen| at > chosen) && matches!(message, Message::On { key, .. } if key != 60)
        };
        if log.sent.iter().filter(is_ours).count() > 5 {
            return;
        }
        std::thread::sleep(Duration::from_millis(2));
        from += 480;
    }
    panic!("it never plays again: chosen at {chosen:?}");
}
