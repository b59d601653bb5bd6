//! *Align*: measures of the model in a song whose bars begin elsewhere.

use crate::{
    note_codes::coder,
    note_stage::{Deed, Hands, Log, Song, assert_same, made_with, models, perform, values},
};
use std::sync::Arc;
use sympathy::{
    control::notes::NoteParam,
    engine::{Bar, RenderMode},
    notes::live::{Book, Message, NoteModels},
};

const BARS: (NoteParam, f32) = (NoteParam::Align, 1.0);

/// Somebody plays and is answered, twice.
fn played(models: &Arc<NoteModels>, set: &[(NoteParam, f32)], song: &Song, blocks: &[usize]) -> Vec<(i64, Message)> {
    let mut song = song.clone();
    // Codes have enough to say between these keys, and play what they are likely to.
    song.values = values(&[(NoteParam::AnswerLength, 1.0), (NoteParam::Polyphony, 16.0), (NoteParam::Longest, 64.0)]);
    set.iter().for_each(|&(id, value)| song.values.set(id, value));
    song.chord(&[60, 64, 67], 0.0, 1.9);
    song.chord(&[62, 65, 70], 10.0, 12.9);
    let (mut engine, worker) = made_with(&song, models, &Arc::default(), RenderMode::Offline);
    let (mut book, mut log) = (Book::default(), Log::default());
    log.sent.reserve(100_000);
    perform(&mut engine, &mut Hands::Thread(worker.spawn()), &song, blocks, &mut book, &mut log);
    log.sent
}

/// Twelve seconds, from a beat of the song on, with these bars.
fn song(first_beat: f64, bars: &[(f64, f64)]) -> Song {
    let bars = bars.iter().map(|&(start, beats)| Bar { start, beats }).collect();
    Song { first_beat, bars, ..Song::new(48_000, 120.0, 12.0) }
}

/// A name, models, and what is set for them.
type Performer = (&'static str, Arc<NoteModels>, Vec<(NoteParam, f32)>);

/// What plays: a network that hears the column before, with tosses; and a code, whose columns have places.
fn performers() -> [Performer; 2] {
    let code = vec![(NoteParam::Drawing, 1.0), (NoteParam::Threshold, 0.5), (NoteParam::AntiStall, 0.0)];
    [("LSTM", models(-2.5), Vec::new()), ("code", coder(None).1, code)]
}

#[test]
fn measures_begin_with_the_bars_that_something_begins_in() {
    for (name, models, set) in performers() {
        let play = |align: bool, song: &Song, blocks: &[usize]| {
            let align = align.then_some(BARS);
            played(&models, &set.iter().copied().chain(align).collect::<Vec<_>>(), song, blocks)
        };
        let plain = play(false, &song(0.0, &[]), &[441]);
        assert!(plain.iter().filter(|(_, message)| matches!(message, Message::On { .. })).count() > 30, "{name}");
        // Of four beats from the beginning on, or where nothing is told, bars are the song's measures.
        let none = [
            (f64::NAN, 4.0),
            (f64::INFINITY, 4.0),
            (1e300, 4.0),
            (0.0, 0.0),
            (0.0, -4.0),
            (0.0, 5e-324),
            (0.0, f64::NAN),
        ];
        for bars in [&[][..], &[(0.0, 4.0)]].into_iter().chain(none.iter().map(std::slice::from_ref)) {
            assert_same(&play(true, &song(0.0, bars), &[441]), &plain, &format!("{name}, {bars:?}"));
        }
        // Bars that begin at beat 1, entered with one of them: as in a song without upbeat.
        let later = song(5.0, &[(1.0, 4.0)]);
        let (followed, ignored) = (play(true, &later, &[441]), play(false, &later, &[441]));
        assert_same(&followed, &play(false, &song(4.0, &[]), &[441]), name);
        assert!(followed != ignored, "{name}");
        // Entered with the upbeat: the answers lie as if it had been the last beat of a bar.
        let upbeat = song(0.0, &[(0.0, 1.0), (1.0, 4.0)]);
        let followed = play(true, &upbeat, &[441]);
        assert_same(&followed, &play(false, &song(3.0, &[]), &[441]), name);
        // A bar of two beats from beat 8 on: what begins after it is on the bars again, two beats further.
        let longer = play(true, &song(0.0, &[(0.0, 4.0), (8.0, 2.0), (10.0, 4.0)]), &[441]);
        let before = |sent: &[(i64, Message)]| {
            let count = sent.iter().filter(|(at, _)| *at < 10 * 24_000).count();
            assert!((10..sent.len() - 10).contains(&count), "{name}: messages before and after");
            count
        };
        assert_same(&longer[..before(&longer)], &plain[..before(&plain)], name);
        let moved = play(false, &song(2.0, &[]), &[441]);
        assert_same(&longer[before(&longer)..], &moved[before(&moved)..], name);
        for blocks in [&[64][..], &[4095], &[7, 1, 800, 3, 0, 64]] {
            assert_same(&play(true, &upbeat, blocks), &followed, &format!("{name}, blocks of {blocks:?}"));
        }
    }
}

#[test]
fn what_is_aligned_while_it_plays_ends_what_sounds_and_goes_on_with_the_bars() {
    let (_, models, set) = &performers()[1];
    let mut changed = song(4.0, &[(1.0, 4.0)]);
    changed.deeds.push((changed.beats(5.0), Deed::Sets(NoteParam::Align, 1.0)));
    let found = played(models, set, &changed, &[441]);
    for blocks in [&[64][..], &[1024]] {
        assert_same(&played(models, set, &changed, blocks), &found, "blocks");
    }
    let sounding = found.iter().filter(|(at, _)| *at < changed.beats(5.0)).fold(0, |sum, (_, message)| match message {
        Message::On { .. } => sum + 1,
        Message::Off { .. } => sum - 1,
    });
    let ends = found.iter().filter(|(at, _)| *at == changed.beats(5.0));
    assert!(sounding > 0 && ends.filter(|(_, message)| matches!(message, Message::Off { .. })).count() >= sounding);
    let later = |sent: &[(i64, Message)]| -> Vec<(i64, Message)> {
        let later: Vec<_> = sent.iter().filter(|(at, _)| *at >= changed.beats(10.0)).copied().collect();
        assert!(later.len() > 10);
        later
    };
    let aligned = played(models, &[&set[..], &[BARS]].concat(), &song(4.0, &[(1.0, 4.0)]), &[441]);
    assert_same(&later(&found), &later(&aligned), "the next answer");
}

#[test]
fn in_three_a_bar_is_a_measure_of_answers() {
    let three = || song(0.0, &[(0.0, 3.0)]);
    for (name, models, set) in performers() {
        let play = |more: &[(NoteParam, f32)], song: &Song, blocks: &[usize]| {
            played(&models, &[&set[..], &[BARS], more].concat(), song, blocks)
        };
        let found = play(&[(NoteParam::AnswerLength, 2.0)], &three(), &[441]);
        let first = found.iter().find(|(at, _)| *at > three().beats(2.5)).expect("an answer").0;
        let last = found.iter().map(|(at, _)| *at).filter(|at| *at < three().beats(10.0)).max().expect("its end");
        assert!((three().beats(4.0)..=three().beats(6.0)).contains(&(last - first)), "{name}: {first} to {last}");
        for blocks in [&[64][..], &[4095], &[7, 1, 800, 3, 0, 64]] {
            let again = play(&[(NoteParam::AnswerLength, 2.0)], &three(), blocks);
            assert_same(&again, &found, &format!("{name}, blocks of {blocks:?}"));
        }
        // Bars that begin a sixteenth beside the eighths leave what swings where it is.
        let places = |bars: &[(f64, f64)]| {
            let found = play(&[(NoteParam::Swing, 75.0)], &song(0.0, bars), &[441]);
            let ours = found.iter().map(|(at, _)| at % 12_000);
            ours.collect::<std::collections::BTreeSet<_>>()
        };
        assert!(places(&[(0.0, 1.75), (1.75, 4.0)]).is_subset(&places(&[])), "{name}");
    }
}

#[test]
fn seeds_are_renewed_with_the_bars() {
    let mut song = song(0.0, &[(0.0, 3.0)]);
    song.values = values(&[BARS, (NoteParam::Part, 1.0), (NoteParam::Reseed, 1.0)]);
    song.chord(&[60, 64, 67], 0.2, 22.0);
    let (mut engine, worker) = made_with(&song, &models(-2.5), &Arc::default(), RenderMode::Offline);
    engine.scope().watch();
    let (mut book, mut log) = (Book::default(), Log::default());
    perform(&mut engine, &mut Hands::Thread(worker.spawn()), &song, &[441], &mut book, &mut log);
    let (mut begins, mut steps) = (Vec::new(), Vec::new());
    engine.scope().read(0, |report| {
        if report.begins {
            begins.push(steps.len());
        }
        steps.push((report.step, report.is_recounted));
    });
    // Behind the first one, which follows the first key, every three beats of eight steps.
    assert!(begins.len() > 5 && begins[1..].windows(2).all(|pair| pair[1] - pair[0] == 24), "{begins:?}");
    let follows = |pair: &&[(i64, bool)]| pair[0].0 + 1 != pair[1].0;
    let gaps: Vec<(i64, bool)> = steps.windows(2).filter(follows).map(|pair| pair[1]).collect();
    assert!(gaps.len() > 5 && gaps.iter().all(|(step, is_recounted)| step % 32 == 0 && *is_recounted), "{gaps:?}");
    assert!(begins[1..].iter().all(|&place| steps[place].0 % 32 == 0), "{begins:?}");
}
