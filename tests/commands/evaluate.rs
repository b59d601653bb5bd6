//! The measures of `sympathy evaluate` say what they should of sounds whose worth is known, and the command says the same
//! whatever the number of threads.
//!
//! The material is synthesised. Where `SYMPATHY_DATA` names the folder with the recordings of the model cards, the table of
//! docs/EVALUATE.md is measured too: `cargo test --release --test evaluate -- --nocapture` prints it.

use crate::common::program::Desk;
use std::{fs, path::Path, sync::LazyLock};
use sympathy::{
    audio_file::Recording,
    dsp::{
        pluck::{Pluck, add_pluck},
        random::Random,
        resample::Resampler,
    },
    evaluate::{Criterion, Grade, Job, Judge, Judgement, Plan, Seed, artifacts::Artifacts, evaluate},
};

const RATE: u32 = 22_050;
const SECOND: usize = RATE as usize;
const HOP: usize = 512;

/// A player who makes up phrases from the notes of some chords, on one string instrument: four notes a second with slips
/// of time and force, never twice the same.
fn playing(seconds: usize, tonic: f64, random_seed: u64) -> Vec<f32> {
    let mut random = Random::new(random_seed);
    let mut sound = vec![0.0; seconds * SECOND];
    let mut at = 0.05;
    while at < seconds as f64 - 0.1 {
        let chord = [0.0, 3.0, 7.0, 10.0, 12.0, 15.0][random.below(6) as usize];
        let length = [0.25, 0.25, 0.5, 0.125][random.below(4) as usize];
        let pluck = Pluck {
            frequency_hz: 110.0 * libm::exp2((tonic + chord) / 12.0),
            velocity: 0.45 + 0.5 * f64::from(random.uniform()),
            pick_position: 0.10 + 0.06 * f64::from(random.uniform()),
            decay_seconds: 3.0,
            bright_decay_seconds: 1.0,
            damped_after_seconds: length * (0.8 + 0.6 * f64::from(random.uniform())),
        };
        let start = ((at + 0.01 * f64::from(random.uniform())) * f64::from(RATE)) as usize;
        add_pluck(&pluck, RATE, &mut random, &mut sound[start..]);
        at += length;
    }
    sound.iter_mut().for_each(|x| *x *= 0.4);
    sound
}

/// Material and four seeds by the same player in other keys, of which the first two are the beginnings of these.
struct Stage {
    material: Vec<f32>,
    takes: Vec<Vec<f32>>,
    judge: Judge,
}

static STAGE: LazyLock<Stage> = LazyLock::new(|| {
    let material = playing(24, 0.0, 1);
    let takes: Vec<Vec<f32>> =
        [(2.0, 2), (7.0, 3), (-3.0, 4), (4.0, 5)].map(|(tonic, seed)| playing(24, tonic, seed)).to_vec();
    let seeds: Vec<&[f32]> = takes.iter().map(|take| &take[..8 * SECOND]).collect();
    let judge = Judge::new(&[&material], &seeds, RATE, Some(HOP));
    Stage { material, takes, judge }
});

impl Stage {
    fn judge(&self, sound: &[f32]) -> Judgement {
        self.judge.judge(0, sound)
    }

    /// What the first seed's player played next.
    fn next(&self) -> Vec<f32> {
        self.takes[0][8 * SECOND..].to_vec()
    }
}

fn noise(seconds: usize) -> Vec<f32> {
    let mut random = Random::new(9);
    (0..seconds * SECOND).map(|_| 0.1 * random.normal()).collect()
}

fn sine(seconds: usize) -> Vec<f32> {
    let phase = |i: usize| std::f64::consts::TAU * 330.0 * i as f64 / f64::from(RATE);
    (0..seconds * SECOND).map(|i| 0.2 * libm::sin(phase(i)) as f32).collect()
}

#[test]
fn the_material_itself_is_clean_resembles_itself_and_is_no_news() {
    let found = STAGE.judge(&STAGE.material);
    assert!(found.artifacts.score > 0.97, "{:?}", found.artifacts);
    assert!(found.resemblance.score > 0.99, "{:?}", found.resemblance);
    let novelty = found.novelty_to_material;
    assert!(novelty.score < 0.02 && novelty.longest_run_seconds > 23.0, "{novelty:?}");
}

#[test]
fn other_halves_are_new_and_resemble() {
    let (first, second) = STAGE.material.split_at(STAGE.material.len() / 2);
    let judge = Judge::new(&[first], &[&STAGE.takes[0][..8 * SECOND]], RATE, Some(HOP));
    let found = judge.judge(0, second);
    assert!(found.artifacts.score > 0.9, "{:?}", found.artifacts);
    assert!(found.resemblance.score > 0.9, "{:?}", found.resemblance);
    assert!(found.novelty_to_material.score > 0.9, "{:?}", found.novelty_to_material);
    assert!(found.novelty_to_seed.score > 0.9, "{:?}", found.novelty_to_seed);
}

#[test]
fn noise_and_a_held_tone_resemble_nothing_and_only_noise_is_dirty() {
    let found = STAGE.judge(&noise(12));
    assert!(found.artifacts.score < 0.1 && found.artifacts.noise_floor == 0.0, "{:?}", found.artifacts);
    assert!(found.resemblance.score < 0.05, "{:?}", found.resemblance);
    assert_eq!((found.novelty_to_material.score, found.novelty_to_seed.score), (1.0, 1.0));
    assert!(found.listening.whole.own.abs() < 0.5 && !found.alive_like_seed.is_alive, "{:?}", found.listening);
    let found = STAGE.judge(&sine(12));
    assert!(found.artifacts.score > 0.9, "{:?}", found.artifacts);
    assert!(found.resemblance.score < 0.05, "{:?}", found.resemblance);
    assert_eq!((found.novelty_to_material.score, found.novelty_to_seed.score), (1.0, 1.0));
    assert!(!found.alive_like_material.is_alive, "a drone");
    // Nothing is neither new nor clean.
    let found = STAGE.judge(&vec![0.0; 12 * SECOND]);
    assert_eq!((found.novelty_to_material.score, found.resemblance.score, found.listening.score), (0.0, 0.0, 0.0));
    assert!(found.artifacts.score == 0.0 && found.artifacts.silence == 0.0, "{:?}", found.artifacts);
}

#[test]
fn a_cut_up_is_heard_at_its_joints_and_is_no_news() {
    let mut random = Random::new(4);
    let piece = 3 * SECOND / 2;
    let cut: Vec<f32> = (0..12)
        .flat_map(|_| {
            let start = random.below((STAGE.material.len() - piece) as u32) as usize;
            STAGE.material[start..start + piece].to_vec()
        })
        .collect();
    let found = STAGE.judge(&cut);
    assert!(found.novelty_to_material.score < 0.2, "{:?}", found.novelty_to_material);
    assert!(found.novelty_to_material.longest_run_seconds < 3.5, "{:?}", found.novelty_to_material);
    let smooth = STAGE.judge(&STAGE.material).artifacts.figures.clicks_per_second;
    assert!(found.artifacts.figures.clicks_per_second > smooth + 0.15, "{:?}", found.artifacts);
    assert!(found.resemblance.score > 0.9, "{:?}", found.resemblance);
}

#[test]
fn a_loop_of_the_seed_listens_and_is_no_news() {
    let looped: Vec<f32> = STAGE.takes[0][..8 * SECOND].iter().cycle().take(24 * SECOND).copied().collect();
    let found = STAGE.judge(&looped);
    assert!(found.listening.score > 0.95 && found.listening.whole.own > 0.98, "{:?}", found.listening);
    assert_eq!((found.listening.whole.rank, found.listening.last.rank), (0.0, 0.0));
    assert!((found.listening.onset_ratio - 1.0).abs() < 0.2 && found.listening.level_db.abs() < 0.5);
    assert!(found.novelty_to_seed.score < 0.1, "{:?}", found.novelty_to_seed);
    assert!(found.novelty_to_seed.longest_run_seconds > 7.0, "{:?}", found.novelty_to_seed);
    // It is not the material, whose player has other notes.
    assert!(found.novelty_to_material.score > 0.9, "{:?}", found.novelty_to_material);
}

#[test]
fn what_the_player_really_played_next_is_high_everywhere() {
    let found = STAGE.judge(&STAGE.next());
    for criterion in sympathy::evaluate::grade::CRITERIA {
        let score = found.score(criterion);
        assert_eq!(criterion.grade(score), Grade::High, "{}: {score} in {found:?}", criterion.name());
    }
    assert!(found.alive_like_seed.is_alive, "{:?}", found.alive_like_seed);
    // Another seed's continuation does not listen to this one.
    let deaf = STAGE.judge(&STAGE.takes[1][8 * SECOND..]);
    assert_eq!(Criterion::Listening.grade(deaf.listening.score), Grade::Low, "{:?}", deaf.listening);
}

#[test]
fn a_copy_stays_one_at_another_level_and_place_and_a_transposed_one_is_none() {
    let copy: Vec<f32> = STAGE.material[SECOND + 137..].iter().map(|x| 0.3 * x).collect();
    let found = STAGE.judge(&copy).novelty_to_material;
    assert!(found.score < 0.05 && found.typical_agreement > 0.95, "{found:?}");
    let higher = Resampler::new(RATE * 53 / 50, RATE).resample_all(&STAGE.material);
    let found = STAGE.judge(&higher).novelty_to_material;
    assert!(found.score > 0.95, "{found:?}");
}

/// What a defect leaves of a part of the score, and that it leaves the rest of the defects alone.
#[track_caller]
fn check_defect(name: &str, part: fn(&Artifacts) -> f64, most: f64, spoil: impl FnOnce(&mut [f32])) {
    let clean = STAGE.judge(&STAGE.next()).artifacts;
    assert!(part(&clean) > 0.93 && clean.score > 0.85, "{name}: {clean:?}");
    let mut sound = STAGE.next();
    spoil(&mut sound);
    let found = STAGE.judge(&sound).artifacts;
    assert!(part(&found) <= most, "{name}: {found:?}");
    assert!(found.score <= part(&found), "{name}: {found:?}");
}

#[test]
fn every_defect_lowers_its_own_part() {
    check_defect(
        "jumps at borders",
        |found| found.borders,
        0.5,
        |sound| {
            sound.iter_mut().step_by(HOP).for_each(|x| *x += 0.01);
        },
    );
    check_defect(
        "clicks",
        |found| found.clicks,
        0.6,
        |sound| {
            sound.iter_mut().skip(3001).step_by(SECOND).for_each(|x| *x += 0.3);
        },
    );
    check_defect(
        "level jitter",
        |found| found.roughness,
        0.75,
        |sound| {
            let mut random = Random::new(5);
            let gains: Vec<f32> = (0..sound.len() / HOP + 2).map(|_| libm::powf(10.0, 0.2 * random.normal())).collect();
            for (index, x) in sound.iter_mut().enumerate() {
                let part = (index % HOP) as f32 / HOP as f32;
                *x *= gains[index / HOP] * (1.0 - part) + gains[index / HOP + 1] * part;
            }
        },
    );
    check_defect(
        "noise",
        |found| found.noise_floor,
        0.7,
        |sound| {
            let mut random = Random::new(6);
            sound.iter_mut().for_each(|x| *x += 0.005 * random.normal());
        },
    );
    check_defect(
        "clipping",
        |found| found.clipping,
        0.5,
        |sound| {
            let peak = sound.iter().fold(0.0f32, |peak, x| peak.max(x.abs()));
            sound.iter_mut().for_each(|x| *x = x.clamp(-0.3 * peak, 0.3 * peak));
        },
    );
    check_defect("an offset", |found| found.dc, 0.5, |sound| sound.iter_mut().for_each(|x| *x += 0.06));
    check_defect(
        "a stuck second",
        |found| found.stuck,
        0.85,
        |sound| {
            let start = 5 * SECOND;
            for index in start..start + SECOND {
                sound[index] = sound[index - HOP];
            }
        },
    );
    check_defect("a hole", |found| found.silence, 0.5, |sound| sound[4 * SECOND..10 * SECOND].fill(0.0));
}

#[test]
fn another_instrument_is_no_resemblance() {
    // An organ: steady partials, no decay, the same notes.
    let mut random = Random::new(7);
    let mut sound = vec![0.0; 12 * SECOND];
    for (index, x) in sound.iter_mut().enumerate() {
        let note = [0.0, 3.0, 7.0, 10.0][index / (SECOND / 2) % 4];
        let phase = std::f64::consts::TAU * 220.0 * libm::exp2(note / 12.0) * index as f64 / f64::from(RATE);
        let tone: f64 = (1..12).map(|k| libm::sin(f64::from(k) * phase) / f64::from(k).sqrt()).sum();
        *x = (0.05 * tone) as f32 + 1e-5 * random.normal();
    }
    let found = STAGE.judge(&sound).resemblance;
    assert!(found.score < 0.25, "{found:?}");
}

/// A continuer that loops its seed, some random seeds a little noisier.
fn looping(job: Job<'_>, progress: &dyn Fn(usize)) -> Result<Vec<f32>, String> {
    let mut random = Random::new(job.random_seed);
    let gain = 1e-4 * job.random_seed as f32;
    progress(job.length_samples);
    Ok(job.seed.sound.iter().cycle().take(job.length_samples).map(|x| x + gain * random.normal()).collect())
}

#[test]
fn an_evaluation_has_the_same_figures_on_any_number_of_threads() {
    let seeds: Vec<Seed> = STAGE.takes[..3]
        .iter()
        .map(|take| Seed {
            name: "a seed".into(),
            transposition: 0.0,
            sound: take[..4 * SECOND].to_vec(),
            next: take[4 * SECOND..12 * SECOND].to_vec(),
        })
        .collect();
    let plan = Plan {
        material: vec![STAGE.material[..10 * SECOND].to_vec()],
        seeds,
        sample_rate_hz: RATE,
        hop_samples: Some(HOP),
        length_samples: 6 * SECOND,
        random_seeds: 2,
        threads: 1,
        keep_sounds: true,
    };
    let figures = |threads: usize| {
        let found = evaluate(&Plan { threads, ..plan.clone() }, &looping, &|_| ()).expect("no error");
        let mut json = found.json();
        json.as_object_mut().expect("an object").remove("speed");
        (json.to_string(), found)
    };
    let ((alone, found), (together, others)) = (figures(1), figures(4));
    assert_eq!(alone, together);
    assert_eq!(found.shown, others.shown);
    assert_eq!((found.continued.len(), found.player.iter().flatten().count()), (6, 3));
    assert!(found.summary(Criterion::NoveltyToSeed).score < 0.1, "{:?}", found.summary(Criterion::NoveltyToSeed));
    assert_eq!(found.summary(Criterion::Listening).grade, Grade::High);
    assert!(found.summary(Criterion::NoveltyToSeed).player > Some(0.8), "{:?}", found.summaries());
    assert!(found.consistency() > 0.8, "{}", found.consistency());
    let failed = evaluate(
        &plan,
        &|job: Job<'_>, progress: &dyn Fn(usize)| {
            if job.seed_index == 1 { Err("no".to_string()) } else { looping(job, progress) }
        },
        &|_| (),
    );
    assert_eq!(failed, Err("no".into()));
}

#[test]
fn the_command_tells_a_table_and_writes_json_and_a_page() {
    let desk = Desk::new();
    desk.write_wav("material.wav", RATE, &[playing(20, 0.0, 1)]);
    desk.write_wav("played.wav", RATE, &[playing(20, 5.0, 2)]);
    let quick = "evaluate model.safetensors --material material.wav --seconds 5 --seed-seconds 3 --places 1";
    let said = desk.succeed(&format!("{quick} --seeds played.wav --random-seeds 2 --json a.json --html a.html"));
    for part in [
        "Test model",
        "CRITERION",
        "freedom from artifacts",
        "rank of its own",
        "speed, x real time",
        "a.json",
        "a.html",
    ] {
        assert!(said.contains(part), "{part} in {said}");
    }
    let json: serde_json::Value =
        serde_json::from_slice(&fs::read(desk.path("a.json")).expect("a file")).expect("JSON");
    assert_eq!(json["seeds"].as_array().map(Vec::len), Some(3), "one place at three transpositions: {json}");
    assert_eq!(json["evaluation"]["continuations"].as_array().map(Vec::len), Some(6));
    assert_eq!(json["evaluation"]["criteria"][0]["criterion"], "artifacts");
    let html = fs::read_to_string(desk.path("a.html")).expect("a file");
    assert_eq!(html.matches("<audio").count(), 6, "a seed and a continuation of each of three seeds");
    assert!(html.contains("<svg") && html.contains("The worst continuations") && !html.contains("<script"));
    // The ends of the material are the seeds, unless others are given; another number of threads is nothing else.
    let said = desk.succeed(&format!("{quick} --threads 1"));
    assert!(said.contains("the last 5.0 s of the material"), "{said}");
    let figures = |said: &str| said.lines().filter(|line| !line.contains("real time")).collect::<Vec<_>>().join("\n");
    assert_eq!(figures(&said), figures(&desk.succeed(&format!("{quick} --threads 3"))));
}

#[test]
fn recordings_can_be_judged_as_continuations() {
    let desk = Desk::new();
    let take = playing(20, 5.0, 2);
    desk.write_wav("material.wav", RATE, &[playing(16, 0.0, 1)]);
    desk.write_wav("seed.wav", RATE, &[take[..8 * SECOND].to_vec()]);
    desk.write_wav("next.wav", RATE, &[take[8 * SECOND..].to_vec()]);
    let other = playing(20, -1.0, 3);
    desk.write_wav("seed2.wav", RATE, &[other[..8 * SECOND].to_vec()]);
    desk.write_wav("next2.wav", RATE, &[other[8 * SECOND..].to_vec()]);
    let seeds = "--material material.wav --seeds seed.wav seed2.wav --continuation";
    let score = |said: &str, name: &str| -> f64 {
        let line = said.lines().find(|line| line.starts_with(name)).expect("a row");
        line[30..].split_whitespace().next().and_then(|word| word.parse().ok()).expect("a number")
    };
    let right = desk.succeed(&format!("evaluate {seeds} next.wav next2.wav"));
    let wrong = desk.succeed(&format!("evaluate {seeds} next2.wav next.wav"));
    assert!(score(&right, "listening") > 0.6 && score(&wrong, "listening") < 0.2, "{right}\n{wrong}");
    assert!(!right.contains("real time"), "{right}");
    desk.fail(&format!("evaluate {seeds} next.wav"), &["--continuation", "as many files as --seeds, 2", "found 1"]);
}

#[test]
fn what_cannot_be_evaluated_is_told_and_nothing_is_overwritten() {
    let desk = Desk::new();
    desk.write_wav("material.wav", RATE, &[playing(20, 0.0, 1)]);
    desk.write_wav("short.wav", RATE, &[vec![0.1; SECOND / 2]]);
    desk.write_wav("silent.wav", RATE, &[vec![0.0; 4 * SECOND]]);
    fs::write(desk.path("old.json"), "mine").expect("space");
    let start = "evaluate model.safetensors --material";
    desk.fail(&format!("{start} material.wav --json old.json"), &["old.json", "--overwrite"]);
    assert_eq!(fs::read(desk.path("old.json")).expect("the file"), b"mine");
    desk.fail(&format!("{start} material.wav --json a.txt"), &["a name that ends in .json"]);
    desk.fail(&format!("{start} short.wav"), &["short.wav", "at least 16 s", "0.50 s"]);
    desk.fail(&format!("{start} silent.wav"), &["silent.wav", "silence"]);
    desk.fail(&format!("{start} material.wav --seeds short.wav"), &["short.wav", "at least 1 s"]);
    desk.fail(&format!("{start} none.wav"), &["none.wav", "cannot be read"]);
    desk.fail(&format!("{start} material.wav --places 64 --transpositions 0,1,2,-3"), &["--transpositions", "256"]);
    desk.fail("evaluate no-model --material material.wav", &["no-model"]);
}

/// The table of docs/EVALUATE.md.
#[test]
fn recordings_stand_where_they_should() {
    let Some(folder) = std::env::var_os("SYMPATHY_DATA") else { return };
    let read = |name: &str| {
        let recording = Recording::read(&Path::new(&folder).join(name)).expect("a recording of the model cards");
        Resampler::new(recording.sample_rate_hz, RATE).resample_all(&recording.mono())
    };
    let first = read("guitar/klon_di_01_seg000-039.wav");
    let second = read("guitar/klon_di_02_seg040-079.wav");
    let held_out = read("guitar/klon_di_08_seg157-211.wav");
    let glide = read("guitar/cycfi_glines1.wav");
    let material = [&first[..], &second[..5 * SECOND]].concat();
    let higher = Resampler::new(26_222, RATE).resample_all(&held_out);
    let seeds: Vec<&[f32]> =
        vec![&held_out[..8 * SECOND], &glide[..8 * SECOND], &higher[..8 * SECOND], &held_out[14 * SECOND..22 * SECOND]];
    let judge = Judge::new(&[&material], &seeds, RATE, Some(HOP));
    let show = |name: &str, found: &Judgement| {
        println!(
            "| {name} | {:.2} | {:.2} | {:.2} | {:.2} | {:.2} | {:.2} / {:.2} / {:.2} |",
            found.artifacts.score,
            found.resemblance.score,
            found.novelty_to_material.score,
            found.novelty_to_seed.score,
            found.listening.score,
            found.listening.whole.own,
            found.listening.whole.other,
            found.listening.whole.rank
        );
    };
    let judged = |name: &str, sound: &[f32]| {
        let found = judge.judge(0, sound);
        show(name, &found);
        found
    };
    let found = judged("the material itself", &material);
    assert!(found.artifacts.score > 0.97 && found.resemblance.score > 0.99 && found.novelty_to_material.score < 0.02);
    let halves = Judge::new(&[&first[..10 * SECOND]], &seeds, RATE, Some(HOP));
    let found = halves.judge(0, &first[10 * SECOND..]);
    show("its other half", &found);
    assert!(found.artifacts.score > 0.9 && found.resemblance.score > 0.9 && found.novelty_to_material.score > 0.9);
    let found = judged("what the player played next", &held_out[8 * SECOND..18 * SECOND]);
    assert!(found.artifacts.score > 0.9 && found.resemblance.score > 0.9, "{found:?}");
    assert!(found.novelty_to_material.score > 0.8 && found.novelty_to_seed.score > 0.5, "{found:?}");
    assert!(found.listening.whole.own > 0.7, "{:?}", found.listening);
    let found = judged("another take of the series", &second[5 * SECOND..]);
    assert!(found.resemblance.score > 0.9 && found.novelty_to_material.score > 0.9, "{found:?}");
    for (name, file) in [
        ("a piano", "piano/clair_de_lune_rendered_fluidr3_first120s.flac"),
        ("a nylon-string guitar", "nylon/carcassim__o60_carcassi_op60_03.flac"),
        ("a string orchestra", "other/librosa_brahms.ogg"),
        ("another electric guitar", "guitar/cycfi_glines1.wav"),
    ] {
        let sound = read(file);
        let found = judged(name, &sound[..sound.len().min(30 * SECOND)]);
        assert!(found.resemblance.score < 0.3 && found.novelty_to_material.score > 0.95, "{name}: {found:?}");
    }
    let found = judged("white noise", &noise(12));
    assert!(found.artifacts.score < 0.1 && found.resemblance.score < 0.05, "{found:?}");
    let found = judged("a held sine", &sine(12));
    assert!(found.artifacts.score > 0.9 && found.resemblance.score < 0.05, "{found:?}");
    let looped: Vec<f32> = seeds[0].iter().cycle().take(30 * SECOND).copied().collect();
    let found = judged("the seed looped", &looped);
    assert!(found.novelty_to_seed.score < 0.1 && found.listening.whole.own > 0.98, "{found:?}");
}
