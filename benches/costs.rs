//! What a block costs on the audio thread, and what a model costs on the worker.
//!
//! `cargo bench`; `cargo bench --bench costs -- learning` for what learning while it plays costs alone, `-- notes` for the plugin for notes,
//! `-- ensemble [MINUTES]` for eight instances that learn side by side. Every part asserts that it computes something before it is timed.
#![allow(missing_docs, reason = "a program")]

use std::{
    hint::black_box,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};
#[cfg(feature = "take")]
use sympathy::take::{self, TAKE_SECONDS, TakeConfig};
use sympathy::{
    control::{
        ParamId, ParamValues, Preset,
        notes::{NoteParam, NoteValues, Part},
    },
    dsp::{
        feedback::FeedbackDetector,
        filter_bank::{FilterBank, MAX_BANDS},
        follower::BankFollower,
        level::rms,
        onset::OnsetDetector,
        phrase::phrase_in,
        random::Random,
        seam::find_seam,
        tuning::constant_q_centres,
    },
    engine::{Beats, EngineConfig, Event, RenderMode, Transport, take_link},
    learn::{Concurrent, Outcome, Pace},
    model::{EMBEDDED, EmbeddedModel, ModelData},
    nn::Isa,
    notes::live::{self, Book, Gesture, Message, NoteEngineConfig, NoteModels, NoteSink, Stage},
    session,
    worker::ModelRegistry,
};

fn main() {
    let isa = Isa::from_environment();
    println!("instruction set: {}", isa.name());
    let is_asked_for = |part: &str| std::env::args().any(|argument| argument == part);
    if is_asked_for("ensemble") {
        let minutes = std::env::args().find_map(|argument| argument.parse().ok());
        ensemble(minutes.unwrap_or(1.0), isa);
        return;
    }
    if !is_asked_for("notes") {
        learning(isa);
    }
    if is_asked_for("learning") {
        return;
    }
    for (name, tempo, is_played) in
        [("at rest", 120.0, false), ("playing along", 120.0, true), ("the same at 300 bpm", 300.0, true)]
    {
        notes(name, tempo, is_played, isa);
    }
    chord();
    if is_asked_for("notes") {
        return;
    }
    for model in EMBEDDED {
        let mut values = ParamValues::default();
        values.set(ParamId::Model, f32::from(model.slot));
        engine(model.name, values, isa);
        // All bands, and four loops that are renewed with every seed.
        for (id, value) in [(ParamId::SwellLevel, 6.0), (ParamId::ShimmerLevel, 6.0), (ParamId::Bands, 48.0)] {
            values.set(id, value);
        }
        engine(&format!("{} with both sympathetic layers of 48 bands", model.name), values, isa);
    }
    for name in Preset::factory_names() {
        let values = Preset::find(name).expect("a factory preset").values();
        engine(&format!("preset {name}"), values, isa);
    }
    let [without, with, watched] = [(false, false), (true, false), (false, true)].map(at_rest);
    println!(
        "audio thread at rest, 64 samples stereo at 48 kHz: {without:.2} us, with Keep's feed {with:.2} us, with an open editor {watched:.2} us"
    );
    for (what, nanoseconds) in parts() {
        println!("{what}: {:.2} us for 64 samples at 48 kHz", 1e-3 * nanoseconds);
    }
    silent_cell(isa);
    idle(isa);
}

/// The median of a block of 64 on the audio thread while nothing is predicted, in microseconds, with or without the feed of
/// *Keep*, with or without somebody who looks. The other ends are emptied in between.
fn at_rest((is_kept, is_watched): (bool, bool)) -> f64 {
    const BLOCKS: usize = 20_000;
    let (mut engine, mut worker) =
        session::start(EngineConfig::new(48_000), ModelRegistry::with_embedded(Isa::from_environment()));
    let (tap, mut feed) = take_link(48_000, 64);
    if is_kept {
        engine.attach_tap(tap);
    }
    let (mut times_us, mut heard) = (Vec::new(), 0);
    for _ in 0..BLOCKS {
        // Below the gate: nothing begins.
        let (mut left, mut right) = ([1e-4; 64], [1e-4; 64]);
        if is_watched {
            engine.meters().scope().watch();
        }
        let began = Instant::now();
        engine.process(&mut [&mut left, &mut right], &[], Transport::default());
        times_us.push(began.elapsed().as_secs_f64() * 1e6);
        while worker.run_once() {}
        while feed.from_audio.pop().is_ok() {
            heard += 1;
        }
    }
    assert_eq!((heard, engine.meters().take_gaps()), (if is_kept { BLOCKS } else { 0 }, 0));
    times_us.sort_by(f64::total_cmp);
    times_us[BLOCKS / 2]
}

/// What learning while it plays costs: on the audio thread, beside the same without it, and the learner's thread.
fn learning(isa: Isa) {
    let model = EMBEDDED.iter().find(|model| model.name == "any").expect("it is embedded");
    let mut values = ParamValues::default();
    values.set(ParamId::Model, f32::from(model.slot));
    for (learn, name) in [(0.0, "any"), (1.0, "any that learns"), (0.0, "any"), (1.0, "any that learns")] {
        values.set(ParamId::Learn, learn);
        engine(name, values, isa);
    }
    update(model, isa);
}

/// Eight instances that learn, in the time of a performance, as a host with one audio thread has them: every ten seconds one of them is
/// removed and another put into its place. Tells what was late and what memory they take, and asserts that no thread of them stays.
fn ensemble(minutes: f64, isa: Isa) {
    const INSTANCES: usize = 8;
    const BLOCK: usize = 256;
    const RATE: usize = 48_000;
    const REPLACED_EVERY: usize = 10 * RATE;
    let registry = ModelRegistry::with_embedded(isa);
    let model = EMBEDDED.iter().find(|model| model.name == "any").expect("it is embedded");
    registry.load(model.slot).expect("it is sound");
    let mut values = ParamValues::default();
    for (id, value) in [(ParamId::Model, f32::from(model.slot)), (ParamId::Learn, 1.0), (ParamId::Listen, 40.0)] {
        values.set(id, value);
    }
    // What they play, each in a key of its own: a phrase of some eight seconds, and silence up to nine.
    let phrases: Vec<Vec<f32>> = (0..INSTANCES as u8)
        .map(|semitones| {
            let mut sound = phrase_in(semitones);
            sound.resize(9 * RATE, 0.0);
            sound
        })
        .collect();
    let begin = || {
        let config = EngineConfig { values, learning: Arc::default(), ..EngineConfig::new(RATE as u32) };
        let board = Arc::clone(&config.learning);
        let (engine, worker) = session::start(config, Arc::clone(&registry));
        (engine, worker.spawn(), board, 0)
    };
    let (threads_before, memory_before) = (threads(), resident_megabytes());
    let mut instances: Vec<_> = (0..INSTANCES).map(|_| begin()).collect();
    let (mut updates, mut late, mut skipped, mut underruns, mut replaced) = (0, 0, 0, 0, 0);
    let mut count = |(engine, _, board, _): &(sympathy::engine::Engine, _, Arc<sympathy::learn::LearnBoard>, usize)| {
        updates += board.updates();
        late += board.late();
        skipped += board.skipped();
        underruns += engine.meters().underruns();
    };
    let mut random = Random::new(8);
    let (mut most_megabytes, mut block_us, mut closing, mut due) = (0.0f64, Vec::new(), Vec::new(), Duration::ZERO);
    let processor_before = processor_seconds();
    let began = Instant::now();
    let samples = (minutes * 60.0 * RATE as f64) as usize / BLOCK * BLOCK;
    for at in (0..samples).step_by(BLOCK) {
        for (number, (engine, _, _, since)) in instances.iter_mut().enumerate() {
            let phrase = &phrases[number];
            let mut left: [f32; BLOCK] = std::array::from_fn(|k| phrase[(at + k) % phrase.len()]);
            let mut right = left;
            let position = Some((at - *since) as i64);
            let transport = Transport { playing: true, position_samples: position, loop_samples: None, beats: None };
            let block_began = Instant::now();
            engine.process(&mut [&mut left, &mut right], &[], transport);
            block_us.push(block_began.elapsed().as_secs_f64() * 1e6);
        }
        if at % REPLACED_EVERY < BLOCK && at >= REPLACED_EVERY {
            most_megabytes = most_megabytes.max(resident_megabytes());
            let number = random.below(INSTANCES as u32) as usize;
            let mut instance = begin();
            instance.3 = at + BLOCK;
            count(&instances[number]);
            // As hosts do it, away from the audio thread.
            let removed = std::mem::replace(&mut instances[number], instance);
            closing.push(std::thread::spawn(move || drop(removed)));
            replaced += 1;
        }
        // A host that was kept from its work does not catch up.
        due = (due + Duration::from_secs_f64(BLOCK as f64 / RATE as f64)).max(began.elapsed());
        std::thread::sleep(due.saturating_sub(began.elapsed()));
    }
    let cores = (processor_seconds() - processor_before) / began.elapsed().as_secs_f64();
    instances.iter().for_each(&mut count);
    drop(instances);
    closing.into_iter().for_each(|handle| handle.join().expect("it closes"));
    assert!(updates > 0, "nothing was learnt");
    assert_eq!(threads(), threads_before, "threads have stayed");
    println!(
        "{INSTANCES} instances that learn, {minutes} min, {replaced} of them replaced: {updates} updates, {late} late, {skipped} skipped; \
         {underruns} underruns; audio thread, {BLOCK} samples stereo: {}; {cores:.2} cores; \
         {memory_before:.0} MB before, {most_megabytes:.0} MB at most, {:.0} MB after",
        percentiles(block_us),
        resident_megabytes()
    );
}

/// A figure of this process that Linux tells in /proc/self/status.
fn status(name: &str) -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    line.split_whitespace().next()?.parse().ok()
}

fn threads() -> usize {
    status("Threads").unwrap_or(0.0) as usize
}

fn resident_megabytes() -> f64 {
    status("VmRSS").unwrap_or(0.0) / 1024.0
}

/// Of all threads that run.
fn processor_seconds() -> f64 {
    let Ok(stat) = std::fs::read_to_string("/proc/self/stat") else { return 0.0 };
    // Clock ticks, 100 a second, of user and system: the 12th and 13th after the name.
    let after = stat.rsplit(')').next().unwrap_or("").split_whitespace().collect::<Vec<_>>();
    [11, 12].iter().filter_map(|&field| after.get(field)?.parse::<f64>().ok()).sum::<f64>() / 100.0
}

/// What the plugin for notes costs in a minute: a block of 64 on the audio thread, a step on the worker, and both of a core.
fn notes(name: &str, tempo: f64, is_played: bool, isa: Isa) {
    const BLOCK: usize = 64;
    const SECONDS: usize = 60;
    let mut values = NoteValues::default();
    values.set(NoteParam::Part, Part::Alongside.value());
    let config = NoteEngineConfig {
        sample_rate_hz: 48_000,
        reaction_ms: 50.0,
        mode: RenderMode::Live,
        values,
        models: NoteModels::with_embedded(isa),
        codes: Arc::default(),
    };
    let (mut engine, mut worker) = live::start(&config);
    let (mut book, mut sent) = (Book::default(), Count(0));
    let (mut block_us, mut worker_us, mut steps) = (Vec::new(), 0.0, 0);
    for from in (0..SECONDS * 48_000).step_by(BLOCK) {
        let position = from as f64 * tempo / (60.0 * 48_000.0);
        let beats = Some(Beats::at(position, tempo));
        let transport = Transport { playing: true, position_samples: Some(from as i64), loop_samples: None, beats };
        let mut stage = Stage { book: &mut book, sink: &mut sent };
        let began = Instant::now();
        engine.begin(transport, BLOCK, &mut stage);
        // A key every half second.
        if is_played && from % 24_000 < BLOCK {
            let key = 60 + (from / 24_000 * 7 % 12) as u8;
            engine.hear(Gesture::Down { channel: 0, key, velocity: 90 }, &mut stage);
        } else if is_played && (12_000..12_000 + BLOCK).contains(&(from % 24_000)) {
            engine.hear(Gesture::AllUp { channel: None }, &mut stage);
        }
        engine.end(BLOCK, &mut stage);
        block_us.push(began.elapsed().as_secs_f64() * 1e6);
        let began = Instant::now();
        while worker.run_once() {
            steps += 1;
        }
        worker_us += began.elapsed().as_secs_f64() * 1e6;
    }
    assert_eq!((sent.0 > 100, engine.late_steps()), (is_played, 0));
    let audio_us: f64 = block_us.iter().sum();
    block_us.sort_by(f64::total_cmp);
    let [median, p99, most] =
        [block_us.len() / 2, block_us.len() * 99 / 100, block_us.len() - 1].map(|at| block_us[at]);
    println!(
        "notes, {name}: {median:.2} us, p99 {p99:.2} us, at most {most:.0} us for 64 samples at 48 kHz; {:.0} us a step of the worker; {:.2} % of a core",
        worker_us / f64::from(steps.max(1)),
        (audio_us + worker_us) / (SECONDS as f64 * 1e4)
    );
}

/// What 88 beginnings and as many ends take.
fn chord() {
    let mut times_us: Vec<f64> = (0..1000)
        .map(|_| {
            let (mut book, mut sent) = (Book::default(), Count(0));
            let began = Instant::now();
            (21..109).for_each(|key| assert!(book.strike(0, key, 80, 0, &mut sent)));
            book.release_ours(1, &mut sent);
            let time_us = began.elapsed().as_secs_f64() * 1e6;
            assert_eq!(sent.0, 2 * 88);
            time_us
        })
        .collect();
    times_us.sort_by(f64::total_cmp);
    println!("notes, 88 beginnings and ends: {:.2} us", times_us[times_us.len() / 2]);
}

/// Counts what is sent.
struct Count(usize);

impl NoteSink for Count {
    fn send(&mut self, _: usize, message: Message) -> bool {
        black_box(message);
        self.0 += 1;
        true
    }
}

/// What an update takes that is made every half second while *Learn* is on, with the hearing of that half second.
fn update(model: &EmbeddedModel, isa: Isa) {
    const INTERVAL_S: f64 = 0.5;
    const WARM_UP: u64 = 20;
    let data = ModelData::from_bytes(model.bytes, Path::new(model.name)).expect("it is sound");
    // In the precision in which it plays.
    let network = ModelRegistry::with_embedded(isa).load(model.slot).expect("it is sound");
    let mut learner = Concurrent::new(&data, network, 120.0, isa).expect("it listens");
    let config = data.config();
    let frames = (INTERVAL_S * f64::from(config.sample_rate_hz) / config.hop_samples() as f64) as usize;
    let mut random = Random::new(1);
    let mut frame = vec![0.0; config.frame_size()];
    let mut times_ms = Vec::new();
    for number in 0..WARM_UP + 40 {
        let began = Instant::now();
        for _ in 0..frames {
            frame.iter_mut().for_each(|level| *level = (*level + 0.1 * random.normal()).clamp(0.0, 1.0));
            learner.hear(&frame, true);
        }
        let pace =
            Pace { rate: 0.5, memory_seconds: 120.0, pull: 0.3, interval_seconds: INTERVAL_S, random_seed: number };
        let outcome = learner.update(&pace);
        // All of the maker's material has been heard by then.
        if number >= WARM_UP {
            times_ms.push(began.elapsed().as_secs_f64() * 1e3);
            assert!(matches!(outcome, Outcome::Learnt { .. }), "{outcome:?}");
        }
    }
    times_ms.sort_by(f64::total_cmp);
    let [median, most] = [times_ms[times_ms.len() / 2], times_ms[times_ms.len() - 1]];
    println!(
        "an update of what {} learns: {median:.0} ms, at most {most:.0} ms; {:.0} % of a core",
        model.name,
        median / (10.0 * INTERVAL_S)
    );
}

/// What listening takes, in nanoseconds a cell: the registry and its envelopes on the audio thread, the rest on the worker.
fn parts() -> [(&'static str, f64); 4] {
    let mut random = Random::new(4);
    let noise: Vec<[f32; 64]> = (0..7500).map(|_| std::array::from_fn(|_| 0.1 * random.normal())).collect();
    let per_cell = |hear: &mut dyn FnMut(&[f32; 64])| {
        let began = Instant::now();
        noise.iter().for_each(hear);
        began.elapsed().as_nanos() as f64 / noise.len() as f64
    };
    let mut centres = [0.0; MAX_BANDS];
    constant_q_centres(80.0, 2500.0, &mut centres);
    let (mut registry, mut envelopes) = (FilterBank::new(48_000), BankFollower::new(48_000));
    registry.tune(&centres, 30.0);
    let (mut onsets, mut feedback) = (OnsetDetector::new(48_000), FeedbackDetector::new(48_000));
    let mut bands = [0.0; MAX_BANDS];
    let registry = per_cell(&mut |cell| {
        for &x in cell {
            registry.run(x, &mut bands);
            black_box(envelopes.advance(&bands));
        }
    });
    let onsets = per_cell(&mut |cell| _ = black_box(onsets.push(cell, 0.5)));
    let feedback = per_cell(&mut |cell| feedback.push(cell, cell));
    let sound = noise.as_flattened();
    let began = Instant::now();
    black_box(find_seam(sound, 1440, 20_000, 24_800));
    let seam = began.elapsed().as_nanos() as f64;
    [
        ("filter registry of 48 bands and its envelopes", registry),
        ("onset detector", onsets),
        ("feedback detector", feedback),
        ("cutting a loop, once in its life", seam),
    ]
}

/// What a live worker and a recorder take while nothing is heard: blocks of silence, paced as a sound card does; and the recorder
/// while no block comes at all.
fn idle(isa: Isa) {
    const SECONDS: f64 = 5.0;
    let registry = ModelRegistry::with_embedded(isa);
    let (mut engine, worker) = session::start(EngineConfig::new(48_000), Arc::clone(&registry));
    let _thread = worker.spawn();
    #[cfg(feature = "take")]
    let _keeper = {
        let (sample_rate_hz, channels, max_block_samples) = (48_000, 2, 480);
        let config = TakeConfig {
            sample_rate_hz,
            channels,
            max_block_samples,
            seconds: TAKE_SECONDS,
            folder: None,
            lessons: None,
        };
        let (tap, recorder) = take::start(config, Arc::default(), registry);
        engine.attach_tap(tap);
        recorder.spawn()
    };
    let mut run = |seconds: f64| {
        for _ in 0..(seconds * 100.0) as usize {
            let (mut left, mut right) = ([0.0; 480], [0.0; 480]);
            engine.process(&mut [&mut left, &mut right], &[], Transport::default());
            std::thread::sleep(Duration::from_millis(10));
        }
    };
    run(0.5);
    let (before, began) = (["worker", "recorder"].map(thread_nanoseconds), Instant::now());
    run(SECONDS);
    let told = |name: &str, what: &str, before: Option<u64>, began: Instant| {
        if let (Some(before), Some(after)) = (before, thread_nanoseconds(name)) {
            let part = (after - before) as f64 / began.elapsed().as_nanos() as f64;
            println!("idle {name}, {what}: {:.3} % of a core", 100.0 * part);
        }
    };
    told("worker", "silence at 48 kHz", before[0], began);
    told("recorder", "silence at 48 kHz", before[1], began);
    let (before, began) = (thread_nanoseconds("recorder"), Instant::now());
    std::thread::sleep(Duration::from_secs_f64(SECONDS));
    told("recorder", "no blocks", before, began);
}

/// What the worker's arithmetic of a silent cell takes, without the waking of a thread.
fn silent_cell(isa: Isa) {
    const CELLS: u32 = 20_000;
    let (mut engine, mut worker) = session::start(EngineConfig::new(48_000), ModelRegistry::with_embedded(isa));
    let mut worker_ns = 0;
    for _ in 0..CELLS {
        engine.process(&mut [&mut [0.0; 64], &mut [0.0; 64]], &[], Transport::default());
        let began = Instant::now();
        while worker.run_once() {}
        worker_ns += began.elapsed().as_nanos();
    }
    println!("worker, a silent cell: {:.2} us", worker_ns as f64 * 1e-3 / f64::from(CELLS));
}

/// Processor time of a thread of Sympathy's, where the system tells (Linux).
fn thread_nanoseconds(name: &str) -> Option<u64> {
    let tasks = std::fs::read_dir("/proc/self/task").ok()?;
    let thread = tasks.flatten().find(|task| {
        let comm = std::fs::read_to_string(task.path().join("comm")).unwrap_or_default();
        // Both names have the 15 characters that the kernel keeps.
        comm.trim_end() == format!("sympathy-{name}")
    })?;
    std::fs::read_to_string(thread.path().join("schedstat")).ok()?.split(' ').next()?.parse().ok()
}

fn percentiles(mut times_us: Vec<f64>) -> String {
    times_us.sort_by(f64::total_cmp);
    let at = |part: f64| times_us[((times_us.len() - 1) as f64 * part) as usize];
    format!("p50 {:.2} us, p99 {:.2} us, max {:.1} us", at(0.5), at(0.99), at(1.0))
}

/// An engine at 48 kHz in blocks of 64, its worker stepped in between: both sides are timed for themselves. It hears phrases of
/// 2 s with a rest of 0.4 s, and every 4 s a key and *Continue* are pressed.
fn engine(name: &str, values: ParamValues, isa: Isa) {
    const RATE: usize = 48_000;
    const SECONDS: usize = 20;
    let registry = ModelRegistry::with_embedded(isa);
    let began = Instant::now();
    registry.load(values.get(ParamId::Model) as u8).expect("an embedded model is sound");
    let load_ms = began.elapsed().as_secs_f64() * 1e3;
    let (mut engine, mut worker) = session::start(EngineConfig { values, ..EngineConfig::new(RATE as u32) }, registry);
    let mut random = Random::new(1);
    let (mut audio_us, mut worker_seconds) = (Vec::new(), 0.0);
    let mut heard = 0.0f32;
    for start in (0..SECONDS * RATE).step_by(64) {
        let level = if start % (12 * RATE / 5) < 2 * RATE { 0.2 } else { 0.0 };
        let sample = |i: usize, noise: f32| level * (libm::sinf((start + i) as f32 * 0.03) + 0.05 * noise);
        let mut left: Vec<f32> = (0..64).map(|i| sample(i, random.normal())).collect();
        let mut right = left.clone();
        let dry = left.clone();
        let pressed = [0.0, 1.0].map(|value| Event { offset_samples: 0, id: ParamId::Continue, value });
        let events = if start % (4 * RATE) == 0 { &pressed[..] } else { &[] };
        let beats = Beats::at(start as f64 / (RATE / 2) as f64, 120.0);
        let transport =
            Transport { playing: true, position_samples: Some(start as i64), loop_samples: None, beats: Some(beats) };
        let began = Instant::now();
        if !events.is_empty() {
            engine.note_on(60, 0.8);
        }
        engine.process(&mut [&mut left, &mut right], events, transport);
        audio_us.push(began.elapsed().as_secs_f64() * 1e6);
        heard = heard.max(rms(&left.iter().zip(&dry).map(|(out, dry)| out - dry).collect::<Vec<_>>()));
        let began = Instant::now();
        while worker.run_once() {}
        worker_seconds += began.elapsed().as_secs_f64();
    }
    assert!(heard > 1e-3 && engine.meters().underruns() == 0, "{name}: nothing was played");
    println!(
        "{name}: model loaded in {load_ms:.1} ms; audio thread, 64 samples stereo: {}; worker {:.0} x real time",
        percentiles(audio_us),
        SECONDS as f64 / worker_seconds
    );
}
