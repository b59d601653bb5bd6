//! *Save Take*: what is written is what was heard, bit for bit, whatever happens meanwhile.
#![cfg(feature = "take")]

use crate::common::{
    assert_same_bits,
    drive::{Blocks, Change, config, drain, run},
    models, phrase,
};
use std::{fs, ops::ControlFlow, path::Path, sync::Arc};
use sympathy::{
    control::{ParamId, ParamValues, values::SPECS},
    dsp::level::equal_power,
    engine::{Engine, EngineConfig, RenderMode},
    learn::{
        Depth, HOLD_OUT_FROM_S, Hearing, Plan,
        job::{Folders, Lessons, Models, State},
        learn, material,
    },
    model::ModelData,
    nn::Isa,
    session,
    take::{self, TakeConfig, TakeRecorder, TakeStatus},
    worker::Worker,
};
use tempfile::TempDir;

const RATE: u32 = 48_000;
const SMALL: &str = "tests/fixtures/listening/small.safetensors";

/// An engine whose last `seconds` are kept in `folder`.
fn engine(config: &EngineConfig, seconds: f64, folder: &Path) -> (Engine, Worker, TakeRecorder, Arc<TakeStatus>) {
    let registry = models::registry();
    let (mut engine, worker) = session::start(config.clone(), Arc::clone(&registry));
    let keep = TakeConfig {
        sample_rate_hz: RATE,
        channels: config.channels,
        max_block_samples: config.max_block_samples,
        seconds,
        folder: Some(folder.into()),
        lessons: None,
    };
    let status = Arc::new(TakeStatus::default());
    let (tap, recorder) = take::start(keep, Arc::clone(&status), registry);
    engine.attach_tap(tap);
    (engine, worker, recorder, status)
}

fn press(at: usize) -> [Change; 2] {
    [(at, 1.0), (at + 100, 0.0)].map(|(at, value)| Change { at, id: ParamId::Keep, value })
}

fn wet_only(channels: usize) -> EngineConfig {
    let mut config = config(RATE, channels, 64);
    config.values.set(ParamId::Mix, 100.0);
    config
}

/// Names of the files with this end, sorted by name.
fn names(folder: &Path, end: &str) -> Vec<String> {
    let entries = fs::read_dir(folder).map(|entries| entries.flatten().collect()).unwrap_or_else(|_| Vec::new());
    let names = entries.iter().map(|entry| entry.file_name().to_string_lossy().into_owned());
    let mut names: Vec<String> = names.filter(|name| name.ends_with(end)).collect();
    names.sort_by_key(|name| (name.len(), name.clone()));
    names
}

/// `[channel][sample]`; checks the format.
fn read(folder: &Path, name: &str, channels: usize) -> Vec<Vec<f32>> {
    let mut reader = hound::WavReader::open(folder.join(name)).expect("a WAV file");
    let spec = reader.spec();
    assert_eq!((spec.channels as usize, spec.sample_rate, spec.bits_per_sample), (channels, RATE, 32));
    assert_eq!(spec.sample_format, hound::SampleFormat::Float);
    let samples: Vec<f32> = reader.samples::<f32>().map(|sample| sample.expect("a sample")).collect();
    (0..channels).map(|channel| samples.iter().skip(channel).step_by(channels).copied().collect()).collect()
}

fn part(sound: &[Vec<f32>], from: usize, to: usize) -> Vec<Vec<f32>> {
    sound.iter().map(|channel| channel[from..to].to_vec()).collect()
}

/// Wet and dry of the `index`-th take.
fn take(folder: &TempDir, index: usize, channels: usize) -> [Vec<Vec<f32>>; 2] {
    ["wet.wav", "dry.wav"].map(|end| read(folder.path(), &names(folder.path(), end)[index], channels))
}

#[test]
fn two_takes_hold_what_was_heard_bit_for_bit_in_blocks_of_any_size() {
    for channels in [1, 2] {
        let input = phrase(RATE, 4.0, channels);
        // The second ends where a ring of half a second has been around several times.
        let (first, second) = (12_345, 170_001);
        let changes = [press(first), press(second)].concat();
        for blocks in [Blocks::Fixed(1), Blocks::Fixed(64), Blocks::Random(1000), Blocks::Fixed(8192)] {
            let folder = tempfile::tempdir().expect("temp");
            let what = format!("{channels} channels, {blocks:?}");
            let (mut engine, mut worker, mut recorder, status) = engine(&wet_only(channels), 0.5, folder.path());
            let out = run(&mut engine, &input, &changes, None, &blocks, |_| {
                drain(&mut worker);
                while recorder.run_once() {}
            });
            assert_eq!((status.kept(), status.failed(), status.missed()), (2, 0, 0), "{what}: {:?}", status.text());
            for (index, (from, to)) in [(0, first), (second - 24_000, second)].into_iter().enumerate() {
                let [wet, dry] = take(&folder, index, channels);
                assert_same_bits(&wet, &part(&out, from, to), &format!("{what}: wet {index}"));
                assert_same_bits(&dry, &part(&input, from, to), &format!("{what}: dry {index}"));
            }
            assert!(names(folder.path(), ".part").is_empty());
            assert!(part(&out, first, second).iter().flatten().any(|x| x.abs() > 1e-3), "{what}: it played");
        }
    }
}

#[test]
fn the_wet_is_kept_before_mix_and_bypass() {
    let input = phrase(RATE, 2.0, 2);
    for (mix, bypass) in [(37.0, 0.0), (0.0, 0.0), (37.0, 1.0)] {
        let mut config = config(RATE, 2, 64);
        config.values.set(ParamId::Mix, mix);
        config.values.set(ParamId::Bypass, bypass);
        let folder = tempfile::tempdir().expect("temp");
        let (mut engine, mut worker, mut recorder, _) = engine(&config, 10.0, folder.path());
        let out = run(&mut engine, &input, &press(90_000), None, &Blocks::Fixed(480), |_| {
            drain(&mut worker);
            while recorder.run_once() {}
        });
        let [wet, dry] = take(&folder, 0, 2);
        assert!(wet[0].iter().any(|x| x.abs() > 1e-3), "mix {mix}, bypass {bypass}: it played");
        let (dry_gain, wet_gain) = if bypass == 0.0 { equal_power(mix / 100.0) } else { (1.0, 0.0) };
        let mix_of = |wet: &f32, dry: &f32| if wet_gain == 0.0 { *dry } else { dry * dry_gain + wet * wet_gain };
        let mixed: Vec<Vec<f32>> =
            wet.iter().zip(&dry).map(|(wet, dry)| wet.iter().zip(dry).map(|(w, d)| mix_of(w, d)).collect()).collect();
        assert_same_bits(&mixed, &part(&out, 0, 90_000), &format!("mix {mix}, bypass {bypass}"));
    }
}

#[test]
fn what_a_busy_disk_makes_it_lose_is_silence_of_the_same_length() {
    let input = phrase(RATE, 9.0, 1);
    let folder = tempfile::tempdir().expect("temp");
    let (mut engine, mut worker, mut recorder, status) = engine(&wet_only(1), 20.0, folder.path());
    let (mut done, mut resumed) = (0, 0);
    let out = run(&mut engine, &input, &press(400_000), None, &Blocks::Fixed(500), |samples| {
        drain(&mut worker);
        done += samples;
        // The recorder stands still from 1 s to 7 s: longer than the ring.
        if !(48_000..336_000).contains(&done) {
            resumed = if resumed == 0 && done > 48_000 { done } else { resumed };
            while recorder.run_once() {}
        }
    });
    assert_eq!((engine.meters().take_gaps(), status.kept()), (1, 1));
    let [wet, dry] = take(&folder, 0, 1);
    let lost = dry[0].iter().zip(&input[0]).position(|(kept, heard)| kept != heard).expect("something was lost");
    assert!((48_000 + 4 * 48_000..336_000).contains(&lost), "the ring holds four seconds: {lost}");
    let back = resumed.next_multiple_of(64);
    for (kept, heard) in [(&wet, &out), (&dry, &input)] {
        assert_same_bits(&part(kept, 0, lost / 64 * 64), &part(heard, 0, lost / 64 * 64), "before");
        assert!(kept[0][lost / 64 * 64..resumed / 64 * 64].iter().all(|x| *x == 0.0), "lost");
        assert_same_bits(&part(kept, back, 400_000), &part(heard, back, 400_000), "after");
    }
    let settings = fs::read_to_string(folder.path().join(&names(folder.path(), ".json")[0])).expect("settings");
    let settings: serde_json::Value = serde_json::from_str(&settings).expect("JSON");
    let told = settings["kept"]["lost_samples"].as_u64().expect("a number") as usize;
    assert_eq!(told, resumed / 64 * 64 - lost / 64 * 64);
}

#[test]
fn while_one_is_written_one_more_waits_and_others_are_counted() {
    let input = phrase(RATE, 4.0, 1);
    let folder = tempfile::tempdir().expect("temp");
    let (mut engine, mut worker, mut recorder, status) = engine(&wet_only(1), 1.0, folder.path());
    let changes = [press(96_000), press(100_000), press(104_000), press(108_000)].concat();
    let mut done = 0;
    let out = run(&mut engine, &input, &changes, None, &Blocks::Fixed(1000), |samples| {
        drain(&mut worker);
        done += samples;
        // The first is begun and the recorder falls asleep over it; the others are asked for meanwhile.
        if done <= 97_000 || (109_000..110_000).contains(&done) {
            recorder.run_once();
        } else if done >= 110_000 {
            while recorder.run_once() {}
        }
    });
    assert_eq!((status.kept(), status.missed(), status.failed()), (2, 2, 0));
    for (index, end) in [(0, 96_000), (1, 100_000)] {
        let [wet, dry] = take(&folder, index, 1);
        assert_same_bits(&wet, &part(&out, end - 48_000, end), "wet");
        assert_same_bits(&dry, &part(&input, end - 48_000, end), "dry");
    }
}

#[test]
fn folders_that_cannot_be_written_are_told_and_the_sound_goes_on() {
    let home = tempfile::tempdir().expect("temp");
    let file = home.path().join("file");
    fs::write(&file, "").expect("space");
    let input = phrase(RATE, 1.0, 2);
    let cases = [(file.join("takes"), false), (home.path().join("takes"), true)];
    // Windows lets nobody remove a folder while a file in it is open.
    for (folder, vanishes) in cases.into_iter().filter(|(_, vanishes)| !(cfg!(windows) && *vanishes)) {
        let (mut engine, mut worker, mut recorder, status) = engine(&wet_only(2), 10.0, &folder);
        let mut steps = 0;
        let changes = press(24_000);
        run(&mut engine, &input, &changes, None, &Blocks::Fixed(480), |_| {
            drain(&mut worker);
            steps += usize::from(recorder.run_once());
            // Somebody takes the disk out while the take is written.
            if vanishes && status.text().is_some_and(|text| text == "writing") && folder.exists() {
                fs::remove_dir_all(&folder).expect("it was there");
            }
        });
        while recorder.run_once() {}
        assert_eq!((status.kept(), status.failed()), (0, 1), "{}", folder.display());
        let text = status.text().expect("an outcome");
        assert!(text.starts_with("failed: ") && text.contains(&*folder.to_string_lossy()), "{text}");
        assert!(text.contains("cannot be written") && !text.contains('\n'), "{text}");
    }
    assert!(!home.path().join("takes").exists());
}

#[test]
fn an_instance_that_ends_finishes_its_take_and_a_bounce_loses_nothing() {
    let input = phrase(RATE, 40.0, 2);
    let folder = tempfile::tempdir().expect("temp");
    // Far faster than real time: the audio thread has to wait for the recorder, which sleeps most of the time.
    let config = EngineConfig { mode: RenderMode::Offline, ..wet_only(2) };
    let (mut engine, worker, recorder, status) = engine(&config, 30.0, folder.path());
    let (worker, recorder) = (worker.spawn(), recorder.spawn());
    let length = input[0].len();
    let out = run(&mut engine, &input, &press(length - 200), None, &Blocks::Fixed(512), |_| {});
    let gaps = engine.meters().take_gaps();
    drop(engine);
    drop(worker);
    drop(recorder);
    assert_eq!((status.kept(), gaps), (1, 0), "{:?}", status.text());
    let [wet, dry] = take(&folder, 0, 2);
    let end = length - 200;
    assert_same_bits(&wet, &part(&out, end - 30 * 48_000, end), "wet");
    assert_same_bits(&dry, &part(&input, end - 30 * 48_000, end), "dry");
}

#[test]
fn the_settings_are_a_preset_of_the_same_values() {
    let mut config = config(RATE, 1, 64);
    let mut values = ParamValues::default();
    for (i, spec) in SPECS.iter().enumerate().filter(|(_, spec)| spec.id != ParamId::Keep) {
        values.set(spec.id, spec.min + (spec.max - spec.min) * (0.137 * (i + 1) as f32).fract());
    }
    values.set(ParamId::Model, 64.0);
    values.set(ParamId::MorphModel, 1.0);
    config.values = values;
    let folder = tempfile::tempdir().expect("temp");
    let (mut engine, _, mut recorder, _) = engine(&config, 10.0, folder.path());
    run(&mut engine, &phrase(RATE, 0.1, 1), &press(4000), None, &Blocks::Fixed(64), |_| {});
    while recorder.run_once() {}
    let path = folder.path().join(&names(folder.path(), "settings.json")[0]);
    let settings: serde_json::Value = serde_json::from_slice(&fs::read(&path).expect("a file")).expect("JSON");
    let kept = &settings["kept"];
    assert_eq!((&kept["model"], &kept["sample_rate_hz"]), (&"Test model".into(), &RATE.into()));
    assert_eq!((&kept["version"], &kept["channels"]), (&env!("CARGO_PKG_VERSION").into(), &1.into()));
    assert!(kept["date"].as_str().is_some_and(|date| date.len() >= 20 && date.contains('T')), "{kept}");
    for (name, end) in [("wet", "wet.wav"), ("dry", "dry.wav")] {
        assert_eq!(kept[name], names(folder.path(), end)[0]);
    }
    for spec in SPECS.iter().filter(|spec| spec.id != ParamId::Keep) {
        let value = settings["parameters"][spec.key].as_f64().expect(spec.key) as f32;
        assert_eq!(value.to_bits(), values.get(spec.id).to_bits(), "{}", spec.key);
    }
    assert!(settings["parameters"].get("keep").is_none(), "loading it asks for no take");
    #[cfg(feature = "cli")]
    render_takes(&path, &values);
}

/// `render --preset` plays what the parameters one by one do.
#[cfg(feature = "cli")]
fn render_takes(preset: &Path, values: &ParamValues) {
    let desk = crate::common::program::Desk::new();
    desk.write_wav("in.wav", RATE, &phrase(RATE, 3.0, 1));
    fs::copy(preset, desk.path("settings.json")).expect("space");
    let common = "render in.wav out.wav --model model.safetensors --seconds-after 1";
    desk.succeed(&format!("{common} --preset settings.json"));
    let from_preset = desk.read_wav("out.wav").channels;
    let rest = SPECS.iter().filter(|spec| !matches!(spec.id, ParamId::Keep | ParamId::Model));
    let sets: String = rest.map(|spec| format!(" --set {}={}", spec.key, values.get(spec.id))).collect();
    desk.succeed(&format!("{common}{sets}"));
    assert_same_bits(&from_preset, &desk.read_wav("out.wav").channels, "settings");
}

/// What the test below runs in a process of its own, whose files can hold no more than 512 bytes.
#[cfg(unix)]
#[test]
fn a_take_for_which_there_is_no_room() {
    let Some(folder) = std::env::var_os("SYMPATHY_TEST_FULL_FOLDER") else {
        return;
    };
    let (mut engine, mut worker, mut recorder, status) = engine(&wet_only(1), 2.0, Path::new(&folder));
    let input = phrase(RATE, 3.0, 1);
    let whole = run(&mut engine, &input, &press(72_000), None, &Blocks::Fixed(480), |_| {
        drain(&mut worker);
        while recorder.run_once() {}
    });
    println!("status: {}", status.text().expect("a take was asked for"));
    assert!(whole[0][72_000..].iter().any(|x| *x != 0.0), "the sound goes on");
}

#[cfg(unix)]
#[test]
fn a_full_disk_is_told_and_leaves_no_piece_of_a_take() {
    let folder = TempDir::new().expect("a temporary folder");
    let program = std::env::current_exe().expect("this program");
    let test = "take::a_take_for_which_there_is_no_room";
    let line = format!("trap '' XFSZ; ulimit -f 1; exec {} --exact {test} --nocapture", program.display());
    let output = std::process::Command::new("sh")
        .args(["-c", &line])
        .env("SYMPATHY_TEST_FULL_FOLDER", folder.path())
        .output()
        .expect("a shell");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("status: failed: ") && said.contains("cannot be written"), "{said}");
    assert_eq!(names(folder.path(), ""), [""; 0]);
}

/// The small listening model, in any slot.
#[derive(Debug)]
struct Small;

impl Models for Small {
    fn file(&self, _slot: u8) -> Result<(String, Vec<u8>), String> {
        Ok(("small".into(), fs::read(SMALL).expect("the fixture")))
    }

    fn put(&self, _name: &str, _bytes: Vec<u8>) -> Result<u8, String> {
        Err("nobody listens".into())
    }

    fn place(&self, _name: &str, _path: &Path) -> Result<u8, String> {
        Ok(64)
    }
}

/// What the instance learns from an input of 6 s, where the parameters move at these seconds.
fn learn_from(input: &[Vec<f32>], moves: &[(f64, ParamId, f32)], folder: &Path) -> (State, Option<ModelData>) {
    let config = wet_only(input.len());
    let registry = models::registry();
    let (mut engine, mut worker) = session::start(config.clone(), Arc::clone(&registry));
    let folders = Folders { unfinished: Some(folder.join("unfinished")), models: Some(folder.join("models")) };
    let lessons = Arc::new(Lessons::new(Arc::new(Small), folders));
    let keep = TakeConfig {
        sample_rate_hz: RATE,
        channels: input.len(),
        max_block_samples: config.max_block_samples,
        seconds: 5.0,
        folder: None,
        lessons: Some(Arc::clone(&lessons)),
    };
    let (tap, mut recorder) = take::start(keep, Arc::default(), registry);
    engine.attach_tap(tap);
    let changes: Vec<Change> =
        moves.iter().map(|&(at, id, value)| Change { at: (at * f64::from(RATE)) as usize, id, value }).collect();
    run(&mut engine, input, &changes, None, &Blocks::Fixed(480), |_| {
        drain(&mut worker);
        while recorder.run_once() {}
    });
    drop(recorder);
    while lessons.status().is_busy() {
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    let made = names(&folder.join("models"), ".safetensors");
    (
        lessons.status().state,
        made.first().map(|name| ModelData::read(&folder.join("models").join(name)).expect("a model")),
    )
}

#[test]
fn what_is_learnt_is_the_mean_of_what_was_played_last_or_since_it_was_asked_for() {
    let input = phrase(RATE, 6.0, 2);
    let mono: Vec<f32> = input[0].iter().zip(&input[1]).map(|(left, right)| 0.5 * (left + right)).collect();
    let (take, record, length) = (ParamId::LearnTake, ParamId::LearnRecord, ParamId::LearnSeconds);
    for (moves, from, to) in [
        // The last five seconds; all that the recorder holds of thirty.
        (vec![(0.0, length, 30.0), (5.5, take, 1.0), (5.6, take, 0.0)], 0.5, 5.5),
        (vec![(1.0, record, 1.0), (4.25, record, 0.0)], 1.0, 4.25),
        (vec![(0.0, record, 1.0), (3.0, record, 0.0)], 0.0, 3.0),
    ] {
        let folder = TempDir::new().expect("temp");
        let (state, made) = learn_from(&input, &moves, folder.path());
        let sample = |seconds: f64| (seconds * f64::from(RATE)) as usize;
        assert_eq!(state, State::Stored { slot: 64 });
        let model = ModelData::read(Path::new(SMALL)).expect("the fixture");
        let isa = Isa::from_environment();
        let mut hearing = Hearing::new(&model, isa).expect("it listens");
        let player =
            material(&mono[sample(from)..sample(to)], RATE, HOLD_OUT_FROM_S, &mut hearing).expect("long enough");
        let plan = Plan::new(Depth::Normal, 0);
        let learnt = learn(&model, &player, &[], &plan, isa, &mut |_| ControlFlow::Continue(())).expect("finite");
        let made = made.expect("a model");
        for (name, expected) in learnt.tensors() {
            assert!(made.tensor(&name) == expected, "{name} of {from} to {to} s");
        }
    }
}

#[test]
fn a_recording_that_the_host_cuts_off_is_said_and_one_that_never_began_is_nothing() {
    let input = phrase(RATE, 3.0, 1);
    let folder = TempDir::new().expect("temp");
    let (state, _) = learn_from(&input, &[(1.0, ParamId::LearnRecord, 1.0)], folder.path());
    assert!(matches!(&state, State::Failed(why) if why.contains("record again")), "{state:?}");
    let (state, _) = learn_from(&input, &[], folder.path());
    assert_eq!(state, State::Ready);
}
