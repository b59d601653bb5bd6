//! *Keep* in a host. Where takes are written is told by the environment, which belongs to a process of its own.

use super::{AUTOMATION, IRREGULAR, SET, assert_same_bits, host::Job, instance, job, material, phrase, shared};
use clack_extensions::render::RenderMode as HostMode;
use std::{fs, path::Path, process::Command};
use sympathy::{control::ParamId, take::TAKES_FOLDER_VARIABLE};

/// Set for the process that plays.
const PLAYING: &str = "SYMPATHY_TEST_KEEPS";
/// When *Keep* goes on.
const PRESSED: [usize; 2] = [30_001, 60_100];

#[test]
fn a_host_that_switches_keep_on_gets_files_of_what_it_heard() {
    if std::env::var_os(PLAYING).is_some() {
        return play(&sympathy::take::takes_folder().expect("the environment names it"));
    }
    let _shared = shared();
    let folder = tempfile::tempdir().expect("temp");
    let this = std::env::current_exe().expect("this program");
    let name = "take::a_host_that_switches_keep_on_gets_files_of_what_it_heard";
    let mut program = Command::new(this);
    program.args([name, "--exact", "--nocapture"]).env(PLAYING, "1");
    let status = program.env(TAKES_FOLDER_VARIABLE, folder.path().join("made when needed")).status().expect("it runs");
    assert!(status.success());
}

fn play(folder: &Path) {
    let model = material::model();
    for (mode, channels) in [(HostMode::Offline, 2), (HostMode::Offline, 1), (HostMode::Realtime, 2)] {
        let input = phrase(48_000, 1.5, channels);
        let mut plugin = instance(mode, &SET, &model);
        plugin.set_layout(channels, false);
        assert!(!folder.exists(), "nothing is written before it is asked for");
        let mut automation = AUTOMATION.to_vec();
        automation.extend(PRESSED.iter().flat_map(|&at| [(at, ParamId::Keep, 1.0), (at + 50, ParamId::Keep, 0.0)]));
        automation.sort_by_key(|(sample, ..)| *sample);
        // Wet only, so that what comes out is the wet.
        automation.retain(|(_, id, _)| *id != ParamId::Mix);
        plugin.set(ParamId::Mix, 1.0);
        let played = plugin.play(&Job { automation: &automation, ..job(48_000, &input, &IRREGULAR) });
        let text = plugin.text(ParamId::Keep, 0.0);
        assert!(text.starts_with("Off: kept 2"), "{text}");
        assert_eq!(plugin.typed(ParamId::Keep, &text), Some(0.0));
        for (end, sound) in [("wet.wav", &played), ("dry.wav", &input)] {
            let takes = files(folder, end);
            assert_eq!(takes.len(), PRESSED.len(), "{takes:?}");
            for (name, to) in takes.iter().zip(PRESSED) {
                let mut reader = hound::WavReader::open(folder.join(name)).expect("a take");
                let samples: Vec<f32> = reader.samples().map(|sample| sample.expect("a sample")).collect();
                let kept: Vec<Vec<f32>> =
                    (0..channels).map(|i| samples.iter().skip(i).step_by(channels).copied().collect()).collect();
                let heard: Vec<Vec<f32>> = sound.iter().map(|channel| channel[..to].to_vec()).collect();
                assert_same_bits(&kept, &heard, name);
            }
        }
        assert_eq!(files(folder, "settings.json").len(), PRESSED.len());
        fs::remove_dir_all(folder).expect("it is there");
    }
}

fn files(folder: &Path, end: &str) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("the folder").flatten();
    let mut names: Vec<String> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.retain(|name| name.ends_with(end));
    // Of two takes in one second the first has no number.
    names.sort_by_key(|name| (name.len(), name.clone()));
    names
}
