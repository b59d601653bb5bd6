//! What is said of every parameter is true: `docs/PARAMETERS.md` is the table's, and each moves the sound where it says so.
#![allow(missing_docs, reason = "test code")]

#[path = "../common/mod.rs"]
mod common;
mod docs;

use common::{
    drive::{config, drain, playing},
    models, phrase,
};
use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};
use sympathy::{
    control::{
        ParamId,
        ParamId::*,
        values::{SPECS, Stage},
    },
    engine::{Beats, Event, GRID_SAMPLES, Transport},
    session,
    worker::ModelRegistry,
};

const RATE: u32 = 48_000;
const BLOCK: usize = GRID_SAMPLES;

/// Something is played until here, and again between the next two; silence follows.
const SOUND: [f64; 3] = [1.5, 1.7, 2.2];
const LENGTH: f64 = 3.2;
/// The parameter moves at the first sample of a quantum, while something is played.
const MOVE: usize = 1056 * GRID_SAMPLES;
/// The song starts here, where it does.
const SONG_START: f64 = 1.6;
/// What is played as a lesson, and where the song starts in it.
const LESSON: [f64; 2] = [12.6, 11.0];
/// A note is played here.
const NOTE: f64 = 1.8;

const ON: f32 = 1.0;
const WHITE: f32 = 2.0;
const SIDECHAIN: f32 = 1.0;
const CAPTURED: f32 = 4.0;

/// What is there beside the input.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Scene {
    /// Nothing that any parameter here listens to.
    #[default]
    Plain,
    /// A song that starts late.
    Song,
    /// A note.
    Note,
    /// A room in which the input hears the output.
    Room,
    /// Playing without a rest, long enough to be learnt from, and then a song that starts.
    Lesson,
}

/// Where a parameter is heard.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Heard {
    /// Before a reaction time has passed.
    AtOnce,
    /// As soon as the input gives it something to do, which is between these seconds.
    Between(f64, f64),
    /// Not before a reaction time has passed.
    Later,
    /// In no bit of the output.
    Not,
}

struct Case {
    id: ParamId,
    to: f32,
    heard: Heard,
    /// What has to be set for it to act.
    with: &'static [(ParamId, f32)],
    scene: Scene,
}

fn later(id: ParamId, to: f32, with: &'static [(ParamId, f32)]) -> Case {
    Case { id, to, heard: Heard::Later, with, scene: Scene::Plain }
}

fn at_once(id: ParamId, to: f32, with: &'static [(ParamId, f32)]) -> Case {
    Case { heard: Heard::AtOnce, ..later(id, to, with) }
}

impl Case {
    fn of(self, scene: Scene) -> Self {
        Self { scene, ..self }
    }

    fn between(self, from: f64, to: f64) -> Self {
        Self { heard: Heard::Between(from, to), ..self }
    }
}

/// Nothing begins by itself.
const ASKED: &[(ParamId, f32)] = &[(AutoStart, 0.0), (ReseedInterval, 0.0)];
/// One continuation, to the end.
const ONE: &[(ParamId, f32)] = &[(ReseedInterval, 0.0), (Hold, 61.0)];
/// Both layers of strings.
const STRINGS: &[(ParamId, f32)] = &[(SwellLevel, 12.0), (ShimmerLevel, 12.0), (LoopLength, 0.5), (TremoloRate, 20.0)];
const ONSETS: &[(ParamId, f32)] = &[(AutoStart, 0.0), (ReseedInterval, 0.0), (OnsetTrigger, ON)];
const ANSWERS: &[(ParamId, f32)] = &[(AutoStart, 0.0), (ReseedInterval, 0.0), (Answer, ON)];
const NOTES: &[(ParamId, f32)] = &[(AutoStart, 0.0), (ReseedInterval, 0.0), (MidiTrigger, ON)];
const SEVERAL: &[(ParamId, f32)] = &[(Voices, 3.0)];
const DUCKED: &[(ParamId, f32)] = &[(DuckWet, -30.0)];
/// A model that listens.
const LISTENING: &[(ParamId, f32)] = &[(Model, 70.0), (ReseedInterval, 0.0), (Hold, 61.0)];
/// The same, and it learns.
const LEARNS: &[(ParamId, f32)] = &[(Model, 70.0), (ReseedInterval, 0.0), (Hold, 61.0), (Listen, 20.0), (Learn, ON)];
/// The gate lies above the input.
const QUIET: &[(ParamId, f32)] = &[(Gate, 0.0), (SeedSource, WHITE)];
const GUITAR: &[(ParamId, f32)] = &[(Model, 0.0), (ReseedInterval, 0.0), (Hold, 61.0), (SeedLength, 1.0), (Mix, 100.0)];

/// Every parameter, once for each stage in which its documentation says that it acts.
fn cases() -> Vec<Case> {
    vec![
        later(Model, 65.0, &[]),
        later(MorphModel, 65.0, &[]),
        at_once(Mix, 20.0, &[]),
        later(Temperature, 1.7, &[]),
        later(Hold, 1.0, ONE),
        later(Continue, ON, ONE),
        later(Freeze, ON, &[]),
        at_once(Stop, ON, &[]),
        at_once(InputGain, 12.0, STRINGS),
        later(InputGain, 12.0, &[]),
        at_once(Gate, 0.0, DUCKED),
        later(Gate, 0.0, &[]),
        later(SeedLength, 0.2, &[]),
        later(RandomSeed, 7.0, &[]),
        later(AutoStart, ON, ASKED),
        later(ReseedInterval, 0.3, &[]),
        at_once(SeedSource, SIDECHAIN, STRINGS),
        later(SeedSource, WHITE, &[]),
        later(Capture, ON, &[(SeedSource, CAPTURED)]),
        later(IntervalBeats, 1.0, ASKED).of(Scene::Song),
        later(StartTrigger, ON, ASKED).of(Scene::Song),
        later(OnsetTrigger, ON, ASKED),
        later(Sensitivity, 0.0, ONSETS),
        later(Answer, ON, ASKED),
        later(AnswerAfter, 0.6, ANSWERS),
        later(MidiTrigger, ON, ASKED).of(Scene::Note),
        later(MidiTranspose, ON, NOTES).of(Scene::Note),
        at_once(VoiceLevel, -12.0, &[]),
        later(Voices, 3.0, &[]),
        later(Stagger, 1.0, SEVERAL),
        at_once(Spread, 0.0, STRINGS),
        later(Spread, 0.0, SEVERAL),
        later(Stereo, 1.0, &[]),
        later(Stretch, 2.0, &[]),
        later(Peaks, 2.0, &[]),
        later(Dropout, 50.0, &[]),
        later(Drift, 80.0, &[]),
        later(Morph, 100.0, &[(MorphModel, 65.0)]),
        later(Listen, 100.0, LISTENING),
        later(Recall, ON, LISTENING),
        later(Thread, 0.05, LISTENING),
        later(Recency, 10.0, LISTENING),
        later(Loyalty, 100.0, LISTENING),
        later(Dynamics, ON, LISTENING),
        later(LevelTemperature, 1.0, LISTENING),
        later(Learn, ON, LISTENING).of(Scene::Lesson),
        later(LearnRate, 100.0, LEARNS).of(Scene::Lesson),
        later(LearnAmount, 30.0, LEARNS).of(Scene::Lesson),
        later(LearnMemory, 8.0, LEARNS).of(Scene::Lesson),
        later(LearnPull, 100.0, LEARNS).of(Scene::Lesson),
        later(LearnForget, ON, LEARNS).of(Scene::Lesson),
        later(CarryOn, ON, LEARNS).of(Scene::Lesson),
        at_once(SwellLevel, 0.0, STRINGS),
        at_once(ShimmerLevel, 0.0, STRINGS),
        at_once(SympathyAttack, 0.5, STRINGS).between(SOUND[0], SOUND[1] + 0.05),
        at_once(SympathyRelease, 0.1, STRINGS),
        at_once(TremoloRate, 5.0, STRINGS),
        at_once(TremoloDepth, 20.0, STRINGS),
        later(LoopLength, 1.0, STRINGS),
        at_once(Tuning, 1.0, STRINGS),
        at_once(Bands, 12.0, STRINGS),
        at_once(LowHz, 300.0, STRINGS),
        at_once(HighHz, 1000.0, STRINGS),
        at_once(BandQ, 8.0, STRINGS),
        at_once(WetGain, -6.0, &[]),
        at_once(DuckWet, -20.0, &[]),
        at_once(DuckDry, -20.0, QUIET),
        at_once(DuckAttack, 0.5, DUCKED).between(SOUND[1], SOUND[1] + 0.05),
        at_once(DuckRelease, 2.0, DUCKED).between(SOUND[0], SOUND[1]),
        at_once(FeedbackGuard, 0.0, GUITAR).of(Scene::Room),
        at_once(Bypass, ON, &[]),
        // They write files, and without a recorder not even these.
        Case { heard: Heard::Not, ..later(Keep, ON, &[]) },
        Case { heard: Heard::Not, ..later(KeepLearnt, ON, &[]) },
        Case { heard: Heard::Not, ..later(LearnTake, ON, &[]) },
        Case { heard: Heard::Not, ..later(LearnRecord, ON, &[]) },
        Case { heard: Heard::Not, ..later(LearnSeconds, 5.0, &[]) },
    ]
}

fn at(seconds: f64) -> usize {
    (seconds * f64::from(RATE)).round() as usize
}

/// Notes with a pause between them, another sound in each channel.
fn input() -> Vec<Vec<f32>> {
    let mut left = phrase(RATE, LENGTH as f32, 1).remove(0);
    let sounds = |i: usize| i < at(SOUND[0]) || (at(SOUND[1])..at(SOUND[2])).contains(&i);
    left.iter_mut().enumerate().filter(|(i, _)| !sounds(*i)).for_each(|(_, x)| *x = 0.0);
    let right = (0..left.len()).map(|i| 0.7 * i.checked_sub(1000).map_or(0.0, |earlier| left[earlier])).collect();
    vec![left, right]
}

/// What is heard, and the reaction time.
struct Played {
    out: Vec<Vec<f32>>,
    reaction_samples: usize,
    /// Where the input was first found to contain the wet.
    feedback: Option<usize>,
}

fn play(registry: &Arc<ModelRegistry>, case: &Case, moved_at: Option<usize>) -> Played {
    let mut config = config(RATE, 2, 64);
    case.with.iter().for_each(|&(id, value)| config.values.set(id, value));
    let (mut engine, mut worker) = session::start(config, Arc::clone(registry));
    let reaction_samples = engine.reaction_samples();
    let input = match case.scene {
        Scene::Lesson => phrase(RATE, LESSON[0] as f32, 2),
        _ => input(),
    };
    let sidechain: Vec<f32> = input[0].iter().rev().copied().collect();
    // The loudspeaker is heard 120 ms later.
    let delay = at(0.12);
    let length = if case.scene == Scene::Room { at(9.0) } else { input[0].len() };
    let mut out = vec![Vec::new(); 2];
    let mut feedback = None;
    for from in (0..length).step_by(BLOCK) {
        let mut block: Vec<Vec<f32>> = (0..2)
            .map(|channel| {
                let played = |i: usize| input[channel].get(i).copied().unwrap_or(0.0);
                let heard_again = |i: usize| match i.checked_sub(delay) {
                    Some(earlier) if case.scene == Scene::Room => 0.5 * out[channel][earlier],
                    _ => 0.0,
                };
                (from..from + BLOCK).map(|i| played(i) + heard_again(i)).collect()
            })
            .collect();
        let beside: Vec<f32> = (from..from + BLOCK).map(|i| sidechain.get(i).copied().unwrap_or(0.0)).collect();
        let event = Event { offset_samples: 0, id: case.id, value: case.to };
        let events: &[Event] = if moved_at == Some(from) { &[event] } else { &[] };
        let transport = match from.checked_sub(at(SONG_START)) {
            Some(position) if case.scene == Scene::Song => {
                let position_beats = position as f64 / f64::from(RATE) * 4.0;
                Transport { beats: Some(Beats::at(position_beats, 240.0)), ..playing(position as i64) }
            }
            _ if case.scene == Scene::Lesson && from >= at(LESSON[1]) => playing((from - at(LESSON[1])) as i64),
            _ => Transport::default(),
        };
        if case.scene == Scene::Note && from == at(NOTE) {
            engine.note_on(67, 0.8);
        }
        let mut channels: Vec<&mut [f32]> = block.iter_mut().map(Vec::as_mut_slice).collect();
        engine.process_with_sidechain(&mut channels, &[&beside], events, transport);
        drain(&mut worker);
        out.iter_mut().zip(block).for_each(|(all, block)| all.extend(block));
        if engine.meters().feedbacks() > 0 {
            feedback.get_or_insert(from);
        }
    }
    assert_eq!(engine.meters().underruns(), 0, "{:?}", case.id);
    Played { out, reaction_samples, feedback }
}

fn first_difference(a: &[Vec<f32>], b: &[Vec<f32>]) -> Option<usize> {
    let differs = |(a, b): (&Vec<f32>, &Vec<f32>)| a.iter().zip(b).position(|(x, y)| x.to_bits() != y.to_bits());
    a.iter().zip(b).filter_map(differs).min()
}

/// What is wrong with a case, if something is.
fn fault(registry: &Arc<ModelRegistry>, case: &Case, still: &Played) -> Option<String> {
    let mut moved_at = MOVE;
    if case.scene == Scene::Room {
        // A tenth of a second after the feedback was found.
        let Some(found) = still.feedback else { return Some("the feedback was not found".into()) };
        moved_at = found + 75 * BLOCK;
    } else if case.scene == Scene::Lesson {
        // When something has been learnt.
        moved_at = 3 * MOVE;
    }
    let moved = play(registry, case, Some(moved_at));
    let reaction = still.reaction_samples;
    let seconds = |samples: usize| samples as f64 / f64::from(RATE);
    let first = first_difference(&still.out, &moved.out);
    let is_right = match (case.heard, first) {
        (Heard::AtOnce, Some(first)) => (moved_at..moved_at + reaction).contains(&first),
        (Heard::Between(from, to), Some(first)) => (at(from)..at(to)).contains(&first),
        (Heard::Later, Some(first)) => first >= moved_at + reaction,
        (Heard::Not, first) => first.is_none(),
        (_, None) => false,
    };
    let found = first.map_or("in no bit".into(), |first| format!("from {:.4} s on", seconds(first)));
    (!is_right).then(|| format!("moved at {:.4} s, heard {found}, expected {:?}", seconds(moved_at), case.heard))
}

#[test]
fn every_parameter_is_heard_where_its_documentation_says_so() {
    let cases = cases();
    for spec in &SPECS {
        let heard: Vec<Heard> = cases.iter().filter(|case| case.id == spec.id).map(|case| case.heard).collect();
        let (at_once, later) = (
            heard.iter().any(|heard| matches!(heard, Heard::AtOnce | Heard::Between(..))),
            heard.contains(&Heard::Later),
        );
        let expected = match spec.stage {
            Stage::Rendering => (true, false),
            Stage::Prediction => (false, true),
            Stage::Both => (true, true),
        };
        let makes_files = [Keep, KeepLearnt, LearnTake, LearnRecord, LearnSeconds].contains(&spec.id);
        let is_unheard = heard == [Heard::Not] && makes_files;
        assert!(
            is_unheard || (at_once, later) == expected,
            "{}: what says that it acts in {:?}?",
            spec.key,
            spec.stage
        );
    }

    let registry = models::registry();
    registry.load(0).expect("an embedded model");
    // Without a move the parameter of the case does not matter: cases with the same prerequisites share it.
    let mut stills: BTreeMap<String, &Case> = BTreeMap::new();
    let key = |case: &Case| format!("{:?} {:?}", case.with, case.scene);
    cases.iter().for_each(|case| _ = stills.insert(key(case), case));
    let stills: Vec<(String, &Case)> = stills.into_iter().collect();
    let stills: BTreeMap<String, Played> =
        in_parallel(&stills, |(key, case)| (key.clone(), play(&registry, case, None))).into_iter().collect();
    let faults = in_parallel(&cases, |case| {
        fault(&registry, case, &stills[&key(case)]).map(|fault| format!("{}: {fault}", case.id.spec().key))
    });
    let faults: Vec<String> = faults.into_iter().flatten().collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// On all cores; the results in the order of the items.
fn in_parallel<T: Sync, R: Send>(items: &[T], job: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, |count| count.get()) {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(item) = items.get(index) else { break };
                    let result = job(item);
                    done.lock().expect("no job has panicked").push((index, result));
                }
            });
        }
    });
    let mut done = done.into_inner().expect("no job has panicked");
    done.sort_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, result)| result).collect()
}
