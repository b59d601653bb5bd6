//! Autoencoders under the engine of notes: which code plays, and where.

use crate::{
    common::notes,
    note_stage::{Deed, Hands, Log, Song, made_with, perform, values},
};
use std::{path::Path, sync::Arc};
use sympathy::{
    control::notes::NoteParam,
    engine::{RenderMode, Transport},
    model::{RollCodes, RollModel, RollModelConfig},
    nn::{Isa, Precision},
    notes::{
        Coder, LOWEST_KEY, Roll,
        live::{Book, Code, CodePath, Gesture, Message, NoteModels, Stage, StoredCodes},
    },
};

/// No more than may sound at once.
const SIXTEEN_KEYS: std::ops::RangeInclusive<u8> = 60..=75;

/// An autoencoder in slot 0; with what its codes are like, or without.
pub fn coder(codes: Option<RollCodes>) -> (RollModel, Arc<NoteModels>) {
    let plain = notes::autoencoder(-2.0);
    let config = RollModelConfig { codes, ..plain.config().clone() };
    let tensors = config.tensors().into_iter().map(|tensor| {
        let values = plain.tensor(&tensor.name).to_vec();
        (tensor.name, values)
    });
    let model = RollModel::new(config.clone(), tensors.collect(), Path::new("a test's")).expect("sound");
    let models = NoteModels::with_embedded(Isa::best());
    models.set_bytes(0, "a test's".into(), model.to_bytes());
    models.load(0).expect("an autoencoder");
    (model, models)
}

/// Axes that are the numbers of the code, in another order, with a deviation of an eighth.
pub fn axes() -> RollCodes {
    let axis = |number: usize| (0..4).map(|i| f32::from(u8::from(i == number))).collect();
    RollCodes {
        mean: vec![0.25, -0.5, 0.125, 0.0],
        axes: [2, 0, 3, 1].map(axis).to_vec(),
        deviations: vec![0.125; 4],
        effects: vec![[0.5, 0.0, -0.5]; 4],
    }
}

/// Plays a phrase of 64 steps to an autoencoder, which begins with the beat after it, and gives what it plays as columns from step 72 on.
fn columns_of(models: &Arc<NoteModels>, set: &[(NoteParam, f32)], blocks: &[usize]) -> (Roll, Vec<u128>) {
    columns_in(models, set, blocks, 320)
}

/// The same with codes that are stored, and what happens at steps of the song.
fn columns_with(
    models: &Arc<NoteModels>,
    codes: &Arc<StoredCodes>,
    set: &[(NoteParam, f32)],
    deeds: &[(i64, NoteParam, f32)],
    blocks: &[usize],
) -> Vec<u128> {
    columns_of_all(models, codes, set, deeds, blocks, 320).1
}

/// The same in a loop of so many steps.
fn columns_in(models: &Arc<NoteModels>, set: &[(NoteParam, f32)], blocks: &[usize], steps: i64) -> (Roll, Vec<u128>) {
    columns_of_all(models, &Arc::default(), set, &[], blocks, steps)
}

fn columns_of_all(
    models: &Arc<NoteModels>,
    codes: &Arc<StoredCodes>,
    set: &[(NoteParam, f32)],
    deeds: &[(i64, NoteParam, f32)],
    blocks: &[usize],
    steps: i64,
) -> (Roll, Vec<u128>) {
    let phrase = Roll::from_text(&"H HL HLO HLO HLO LO O  JM JMQ JMQ MQ Q Q Q  ".repeat(4)).expect("keys").part(0..64);
    // Eight steps of 3000 samples a beat.
    let mut song = Song::new(48_000, 120.0, 20.0);
    song.parts = vec![(0, 3000 * steps); (320 / steps) as usize];
    song.loops = song.parts.len() > 1;
    song.values = values(&[
        (NoteParam::Drawing, 1.0),
        (NoteParam::Threshold, 0.5),
        (NoteParam::AntiStall, 0.0),
        (NoteParam::Polyphony, 16.0),
        (NoteParam::AnswerLength, 8.0),
        (NoteParam::Through, 0.0),
        (NoteParam::Longest, 64.0),
        (NoteParam::Lowest, f32::from(*SIXTEEN_KEYS.start())),
        (NoteParam::Highest, f32::from(*SIXTEEN_KEYS.end())),
    ]);
    set.iter().for_each(|&(id, value)| song.values.set(id, value));
    for (start, end, key) in phrase.notes() {
        let key = key + LOWEST_KEY;
        song.deeds.push((3000 * start as i64, Deed::Plays(Gesture::Down { channel: 0, key, velocity: 90 })));
        song.deeds.push((3000 * end as i64, Deed::Plays(Gesture::Up { channel: 0, key, velocity: 0 })));
    }
    song.deeds.extend(deeds.iter().map(|&(step, id, value)| (3000 * step, Deed::Sets(id, value))));
    song.deeds.sort_by_key(|&(at, deed)| (at, matches!(deed, Deed::Plays(Gesture::Down { .. }))));
    let (mut engine, worker) = made_with(&song, models, codes, RenderMode::Offline);
    let (mut book, mut log) = (Book::default(), Log::default());
    log.sent.reserve(100_000);
    perform(&mut engine, &mut Hands::Thread(worker.spawn()), &song, blocks, &mut book, &mut log);
    let (mut held, mut next) = (0u128, 0);
    let columns = (0..200i64).map(|step| {
        while let Some(&(_, message)) = log.sent.get(next).filter(|&&(at, _)| at <= 3000 * step) {
            next += 1;
            match message {
                Message::On { key, .. } => held |= 1 << (key - LOWEST_KEY),
                Message::Off { key, .. } => held &= !(1 << (key - LOWEST_KEY)),
            }
        }
        held
    });
    (phrase, columns.collect())
}

/// What the decoder says of a code, at the steps from 80 on.
fn decoded(model: &RollModel, code: &[f32]) -> Vec<u128> {
    let mut coder = Coder::of(model, Precision::F32, Isa::best()).expect("an autoencoder");
    let segment = coder.decode(code).to_vec();
    let column = |step: usize| {
        let numbers = &segment[step % 64 * 88..][..88];
        SIXTEEN_KEYS
            .map(|key| usize::from(key - LOWEST_KEY))
            .filter(|&key| numbers[key] > 0.5)
            .fold(0, |keys, key| keys | 1u128 << key)
    };
    (80..200).map(column).collect()
}

#[test]
fn an_autoencoder_plays_the_code_of_your_phrase_at_the_places_of_the_song() {
    let (model, models) = coder(None);
    let (phrase, columns) = columns_of(&models, &[], &[512]);
    let mut coder = Coder::of(&model, Precision::F32, Isa::best()).expect("an autoencoder");
    let code = coder.encode(&phrase, 0).to_vec();
    let expected = decoded(&model, &code);
    assert!(expected.iter().collect::<std::collections::BTreeSet<_>>().len() > 4, "columns differ");
    assert!(columns[80..] == expected, "{:?} for {:?}", &columns[80..90], &expected[..10]);
    assert!(columns[..64].iter().all(|keys| *keys == 0), "it waits for the phrase's end");
    for blocks in [&[64][..], &[4095, 1, 0, 700]] {
        assert!(columns_of(&models, &[], blocks).1 == columns, "blocks of {blocks:?}");
    }
}

#[test]
fn sliders_go_from_their_base_along_numbers_or_axes() {
    const MEAN: f32 = 1.0;
    const ZERO: f32 = 2.0;
    const RAW: f32 = 1.0;
    let (bare, of_bare) = coder(None);
    let (model, models) = coder(Some(axes()));
    let sliders = [(NoteParam::Slider1, 0.5), (NoteParam::Slider2, -0.75), (NoteParam::Slider4, 1.0)];
    let with = |base: f32, raw: f32| [&sliders[..], &[(NoteParam::Base, base), (NoteParam::Axes, raw)]].concat();
    let cases = [
        (&models, with(ZERO, RAW), [0.5, -0.75, 0.0, 1.0]),
        (&models, with(MEAN, RAW), [0.75, -1.0, 0.125, 1.0]),
        // Three deviations are three eighths; axes 1 to 4 are the numbers 3, 1, 4 and 2.
        (&models, with(ZERO, 0.0), [-0.28125, 0.375, 0.1875, 0.0]),
        (&models, with(MEAN, 0.0), [-0.03125, -0.125, 0.3125, 0.0]),
        // Of a model that says nothing of its codes the axes are raw and the mean zero.
        (&of_bare, with(MEAN, 0.0), [0.5, -0.75, 0.0, 1.0]),
    ];
    let mut all = Vec::new();
    for (models, set, code) in cases {
        let expected = decoded(&bare, &code);
        assert!(columns_of(models, &set, &[512]).1[80..] == expected, "{set:?}");
        all.push(expected);
    }
    assert!(all[0] != all[1] && all[1] != all[2] && all[2] != all[3], "codes are told apart");
    assert_eq!(model.config().code(), Some(4));
}

#[test]
fn in_a_loop_that_is_shorter_than_a_segment_your_last_columns_are_your_last() {
    let (model, models) = coder(None);
    // Half of a segment, over and over: in the first two rounds the phrase is played.
    let (phrase, columns) = columns_in(&models, &[], &[512], 32);
    let mut coder = Coder::of(&model, Precision::F32, Isa::best()).expect("an autoencoder");
    let code = coder.encode(&phrase, 0).to_vec();
    // From step 80 on, which is step 16 of the third round.
    let expected = &decoded(&model, &code)[..16];
    assert!(columns[80..96] == *expected, "{:?} for {:?}", &columns[80..84], &expected[..4]);
}

/// A code whose first numbers are these.
fn code(first: [f32; 4]) -> Code {
    std::array::from_fn(|i| first.get(i).copied().unwrap_or(0.0))
}

const STORED: (NoteParam, f32) = (NoteParam::Base, 3.0);

#[test]
fn stored_codes_are_places_between_which_it_morphs_and_around_which_it_goes() {
    let (model, models) = coder(None);
    let codes: Arc<StoredCodes> = Arc::default();
    let [a, b, c] = [[0.75, -1.0, 0.125, 1.0], [-0.75, 0.5, 1.0, -0.5], [-0.25, 1.0, -1.0, 0.0]];
    let play = |set: &[(NoteParam, f32)]| {
        columns_with(&models, &codes, &[&[STORED], set].concat(), &[], &[512])[80..].to_vec()
    };
    assert!(play(&[]) == columns_of(&models, &[], &[512]).1[80..], "where none is stored it is yours");
    codes.push(code(a));
    assert!(play(&[(NoteParam::Morph, 70.0)]) == decoded(&model, &a), "one is one");
    codes.push(code(b));
    codes.push(code(c));
    let middle: Vec<f32> = a.iter().zip(b).map(|(a, b)| a + (b - a) * 0.5).collect();
    assert!(play(&[(NoteParam::Morph, 25.0)]) == decoded(&model, &middle), "half of the way to the second of three");
    assert!(play(&[(NoteParam::Morph, 100.0)]) == decoded(&model, &c));
    let slid: Vec<f32> = c.iter().enumerate().map(|(i, x)| if i == 0 { x + 0.5 } else { *x }).collect();
    assert!(play(&[(NoteParam::Morph, 100.0), (NoteParam::Slider1, 0.5)]) == decoded(&model, &slid));
    // A journey of two measures of 32 steps; by the place of the song, whatever Morph is.
    let journey = [(NoteParam::Journey, 2.0), (NoteParam::Morph, 100.0)];
    let journeyed = play(&journey);
    let mut found = std::collections::BTreeSet::new();
    for (at, column) in journeyed.iter().enumerate() {
        let path = CodePath::of([code(a), code(b), code(c)]);
        let place = path.around(((80 + at) % 64) as f32 / 64.0).expect("codes");
        let expected = decoded(&model, &place[..4])[at];
        assert_eq!(*column, expected, "step {}", 80 + at);
        found.insert(expected);
    }
    assert!(found.len() > 8, "{} different columns", found.len());
    for blocks in [&[64][..], &[4095, 1, 0, 700]] {
        let other = columns_with(&models, &codes, &[&[STORED], &journey[..]].concat(), &[], blocks);
        assert!(other[80..] == journeyed, "blocks of {blocks:?}");
    }
}

#[test]
fn what_plays_or_would_is_stored_and_all_of_it_forgotten() {
    let (model, models) = coder(None);
    let codes: Arc<StoredCodes> = Arc::default();
    // While nothing plays: the code of what was played last. Then what plays, with its slider, twice as the switch goes off and on.
    let deeds = [
        (66, NoteParam::StoreCode, 1.0),
        (90, NoteParam::StoreCode, 0.0),
        (100, NoteParam::Slider2, 0.5),
        (110, NoteParam::StoreCode, 1.0),
        (111, NoteParam::StoreCode, 0.0),
    ];
    let (phrase, _) = columns_of_all(&models, &codes, &[], &deeds, &[512], 320);
    let mut coder = Coder::of(&model, Precision::F32, Isa::best()).expect("an autoencoder");
    let yours = coder.encode(&phrase, 0).to_vec();
    let slid: Vec<f32> =
        yours.iter().enumerate().map(|(i, x)| (if i == 1 { x + 0.5 } else { *x }).clamp(-1.0, 1.0)).collect();
    let path = codes.get();
    assert_eq!(path.codes().len(), 2);
    assert_eq!(&path.codes()[0][..4], &yours[..]);
    assert_eq!(&path.codes()[1][..4], &slid[..]);
    assert_eq!(path.codes()[1][4..], [0.0; 12]);
    // Where the song stands it is what was played before that.
    let mut song = Song::new(48_000, 120.0, 20.0);
    song.values = values(&[]);
    for (start, end, key) in phrase.notes() {
        let key = key + LOWEST_KEY;
        song.deeds.push((3000 * start as i64, Deed::Plays(Gesture::Down { channel: 0, key, velocity: 90 })));
        song.deeds.push((3000 * end as i64, Deed::Plays(Gesture::Up { channel: 0, key, velocity: 0 })));
    }
    song.deeds.sort_by_key(|&(at, deed)| (at, matches!(deed, Deed::Plays(Gesture::Down { .. }))));
    song.parts = vec![(0, 3000 * 66)];
    let (mut engine, worker) = made_with(&song, &models, &codes, RenderMode::Live);
    let mut book = Book::default();
    let mut hands = Hands::Here(Box::new(worker));
    perform(&mut engine, &mut hands, &song, &[512], &mut book, &mut Log::default());
    let mut log = Log { room: usize::MAX, ..Log::default() };
    let stands = Transport { playing: false, ..song.transport(3000 * 66) };
    let mut stopped = |deed: Option<(NoteParam, f32)>| {
        log.block = (3000 * 66, 512);
        let mut stage = Stage { book: &mut book, sink: &mut log };
        engine.begin(stands, 512, &mut stage);
        if let Some((id, value)) = deed {
            engine.set(id, value, &mut stage);
        }
        engine.end(512, &mut stage);
        hands.work();
    };
    stopped(None);
    stopped(Some((NoteParam::StoreCode, 1.0)));
    assert_eq!(codes.get().codes().len(), 3);
    assert_eq!(&codes.get().codes()[2][..4], &yours[..], "and not of the silence that begins with the next start");
    stopped(Some((NoteParam::ClearCodes, 1.0)));
    assert_eq!(codes.get().codes().len(), 0, "at once");
    codes.push(path.codes()[0]);
    perform(&mut engine, &mut hands, &song, &[512], &mut book, &mut Log::default());
    assert_eq!(codes.get().codes().len(), 1, "and not again when it starts");
    let cleared = columns_with(&models, &codes, &[STORED], &[(100, NoteParam::ClearCodes, 1.0)], &[512]);
    assert!(codes.get().codes().is_empty());
    let own = decoded(&model, &yours);
    assert!(cleared[80..100] == own[..20] && cleared[104..] == own[24..], "what was stored first was yours, too");
}
