//! What a window sees of the engine of notes, and keys that are pressed in it.

use crate::{
    counting::counted,
    note_stage::{Hands, Log, Song, made, models, perform, values},
};
use sympathy::{
    control::notes::NoteParam,
    engine::RenderMode,
    notes::{
        LOWEST_KEY,
        live::{Book, Message, Stage, StepReport},
    },
};

fn keys_of(keys: u128) -> impl Iterator<Item = u8> {
    (0..88).filter(move |key| keys >> key & 1 == 1)
}

/// A phrase and its answer of two measures.
fn song() -> Song {
    let mut song = Song::new(48_000, 120.0, 10.0);
    song.values = values(&[(NoteParam::AnswerLength, 2.0)]);
    song.chord(&[60, 64, 67], 0.0, 2.0);
    song
}

#[test]
fn every_step_is_reported_with_what_was_heard_said_and_likely() {
    let song = song();
    let play = |is_watched: bool| {
        let (mut engine, worker) = made(&song, &models(-2.5), RenderMode::Offline);
        if is_watched {
            engine.scope().watch();
        }
        let (mut book, mut log) = (Book::default(), Log::default());
        log.sent.reserve(100_000);
        perform(&mut engine, &mut Hands::Thread(worker.spawn()), &song, &[512], &mut book, &mut log);
        let mut steps: Vec<StepReport> = Vec::new();
        engine.scope().read(0, |step| steps.push(step));
        (log.sent, steps)
    };
    let (unseen, none) = play(false);
    let (sent, steps) = play(true);
    assert!(none.is_empty() && sent == unseen, "what is played does not depend on who looks");
    assert!(steps.windows(2).all(|pair| pair[1].step == pair[0].step + 1));
    // 3000 samples a step, 8 steps a quarter note.
    let first = steps.iter().position(|step| step.begins).expect("an answer");
    assert_eq!(steps.iter().filter(|step| step.begins).count(), 1);
    let speaking: Vec<&StepReport> = steps.iter().filter(|step| step.speaks).collect();
    assert_eq!(speaking.len(), 64, "two measures");
    assert_eq!(steps[first].left, Some(63));
    assert_eq!(speaking[63].left, Some(0));
    let mut strokes = 0;
    for step in &steps {
        assert_eq!((step.steps_per_beat, step.seconds, step.is_late), (8.0, 0.0625, false));
        assert_eq!(step.speaks, step.probabilities.iter().any(|&odd| odd > 0), "{}", step.step);
        assert_eq!(step.said[1] & !step.said[0], 0);
        for key in keys_of(step.said[1]) {
            let at = step.step * 3000;
            let is_it = |&(sent, message): &(i64, Message)| {
                sent == at && matches!(message, Message::On { key: struck, .. } if struck == key + LOWEST_KEY)
            };
            assert!(sent.iter().any(is_it), "key {key} in step {}", step.step);
            strokes += 1;
        }
    }
    let struck = sent.iter().filter(|(at, message)| *at > 0 && matches!(message, Message::On { .. })).count();
    assert_eq!(strokes, struck, "every one of ours");
    assert_eq!(strokes.min(10), 10);
    let chord = [60, 64, 67].map(|key| 1u128 << (key - LOWEST_KEY)).iter().sum::<u128>();
    let heard = |step: i64| steps.iter().find(|report| report.step == step).expect("reported").heard;
    assert_eq!([heard(0), heard(15), heard(16)], [[chord, chord], [chord, 0], [0, 0]]);
}

#[test]
fn a_bounce_hears_nothing_of_a_window() {
    let song = song();
    let play = |is_pressed: bool| {
        let (mut engine, worker) = made(&song, &models(-2.5), RenderMode::Offline);
        if is_pressed {
            engine.scope().press(1 << 39 | 1 << 50);
            engine.scope().bring(vec![[1 << 30, 1 << 30]; 16]);
        }
        let (mut book, mut log) = (Book::default(), Log::default());
        log.sent.reserve(100_000);
        perform(&mut engine, &mut Hands::Thread(worker.spawn()), &song, &[512], &mut book, &mut log);
        log.sent
    };
    assert!(play(true) == play(false));
}

#[test]
fn keys_pressed_in_a_window_are_played_heard_and_answered() {
    let song = Song::new(48_000, 120.0, 10.0);
    let (mut engine, worker) = made(&song, &models(-2.5), RenderMode::Live);
    let (mut book, mut log) = (Book::default(), Log { room: usize::MAX, ..Log::default() });
    log.sent.reserve(100_000);
    let mut hands = Hands::Here(Box::new(worker));
    engine.scope().watch();
    for from in (0..6 * 48_000).step_by(480) {
        match from {
            4800 => engine.scope().press(1 << 39 | 1 << 43),
            9600 => engine.scope().press(1 << 43),
            48_000 => engine.scope().press(0),
            _ => {}
        }
        log.block = (from, 480);
        let (count, ()) = counted(|| {
            let mut stage = Stage { book: &mut book, sink: &mut log };
            engine.begin(song.transport(from), 480, &mut stage);
            engine.end(480, &mut stage);
        });
        assert_eq!(count, 0, "allocations on the audio thread");
        hands.work();
    }
    let of = |key: u8| {
        let mine = log.sent.iter().filter(move |(at, message)| {
            *at <= 48_000
                && [Some(key)]
                    == [match message {
                        Message::On { key, .. } | Message::Off { key, .. } => Some(*key),
                    }]
        });
        mine.map(|(at, message)| (*at, matches!(message, Message::On { .. }))).collect::<Vec<_>>()
    };
    assert_eq!(of(60), [(4800, true), (9600, false)]);
    assert_eq!(of(64), [(4800, true), (48_000, false)]);
    let answered =
        log.sent.iter().filter(|(at, message)| *at > 48_000 && matches!(message, Message::On { .. })).count();
    assert!(answered > 10, "{answered} keys answer");
    let mut heard = [false; 2];
    engine.scope().read(0, |step| {
        heard = [heard[0] | (step.heard[0] >> 39 & 1 == 1), heard[1] | (step.heard[0] >> 43 & 1 == 1)];
    });
    assert_eq!(heard, [true, true]);
}
