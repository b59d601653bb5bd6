//! MIDI files of `sympathy render`: what others read of them is played, what cannot be read is told, stops are heard.

use crate::common::program::Desk;
use std::fs;
use sympathy::dsp::level::rms;

const RATE_HZ: u32 = 44_100;
/// Nothing but notes seeds anything, and nothing but the wet is heard.
const KEYS: &str = "render in.wav out.wav --model model.safetensors --set midi_trigger=1 --set auto_start=0 --set \
                    reseed_interval=0 --set seed_length=0.1 --set mix=100 --seconds-after 0 --seeds --midi notes.mid";

/// A desk with three seconds of sound, and a file of one track with 480 ticks a beat.
fn desk(track: &[u8]) -> Desk {
    let desk = Desk::new();
    desk.write_wav("in.wav", RATE_HZ, &crate::common::phrase(RATE_HZ, 3.0, 1));
    write(&desk, track);
    desk
}

fn write(desk: &Desk, track: &[u8]) {
    let header = b"MThd\0\0\0\x06\0\0\0\x01\x01\xe0MTrk";
    let file = [&header[..], &(track.len() as u32).to_be_bytes(), track].concat();
    fs::write(desk.path("notes.mid"), file).expect("space");
}

#[test]
fn a_text_between_notes_loses_none() {
    let between: &[&[u8]] = &[
        b"\x81\x70\x90\x3c\x64\x00\xff\x01\x02hi\x81\x70\x3c\x00",
        b"\x81\x70\x43\x64\x81\x70\x43\x00\x81\x70\x48\x64\x81\x70\x48\x00\x00\xff\x2f\x00",
    ];
    let desk = desk(&between.concat());
    let said = desk.succeed(KEYS);
    let heard: Vec<&str> = said.lines().filter(|line| line.starts_with("seed: ")).collect();
    assert_eq!(heard.len(), 3, "{said}");
    for (line, seconds) in heard.iter().zip([0.25, 0.75, 1.25]) {
        let end: f64 = line.split(" to ").nth(1).and_then(|rest| rest.split(' ').next()?.parse().ok()).expect("a time");
        assert!((end - seconds).abs() < 0.01, "{line}");
    }
}

#[test]
fn what_cannot_be_read_is_told_once_and_refused_if_so_asked() {
    let desk = desk(b"\x81\x70\x90\x3c\x64\x81\x70\x3c\x00\x81\x70\x43\xe4\x81\x70\x43\x00\x81\x70\x48\x64\x81\x70\x48\x00\x00\xff\x2f\x00");
    let run = desk.run(&format!("{KEYS} --overwrite"));
    assert_eq!(run.code, Some(0), "{run:?}");
    let warning =
        "notes.mid: track 1 is damaged at bar 1 (0.50 s): notes may be missing there, and what follows may come early";
    assert_eq!(run.stderr, format!("warning: {warning}\n"));
    assert_eq!(run.stdout.matches("seed: ").count(), 2, "{run:?}");
    fs::remove_file(desk.path("out.wav")).expect("the sound");
    desk.fail(&format!("{KEYS} --strict"), &[warning]);
}

#[test]
fn all_sound_off_silences_the_wet() {
    let tail = b"\x83\x60\x80\x3c\x00\x00\xff\x2f";
    let at_1_5_s = |controller: u8| [&b"\x87\x40\x90\x3c\x64\x83\x60"[..], &[0xb0, controller, 0], tail].concat();
    let desk = desk(&at_1_5_s(7));
    let wet = |controller: u8| {
        write(&desk, &at_1_5_s(controller));
        desk.succeed(KEYS);
        desk.read_wav("out.wav").channels.swap_remove(0)
    };
    let second = RATE_HZ as usize;
    let on = wet(7);
    assert!(rms(&on[2 * second..]) > 1e-3, "a volume silences nothing");
    for controller in [120, 123, 124, 127] {
        let off = wet(controller);
        let same = on.iter().zip(&off).take_while(|(on, off)| on.to_bits() == off.to_bits()).count();
        assert!((66_150..66_160).contains(&same), "CC {controller}: to the sample: {same}");
        assert!(off[66_150 + second / 40..].iter().all(|&x| x == 0.0), "CC {controller}: faded in 20 ms");
    }
}

#[test]
fn notes_that_do_nothing_are_told() {
    let note = b"\x83\x60\x90\x3c\x64\x83\x60\x3c\x00";
    let desk = desk(note);
    let remarks = |arguments: &str| {
        let run = desk.run(&format!(
            "render in.wav out.wav --model model.safetensors --seconds-after 0 --midi notes.mid --overwrite {arguments}"
        ));
        assert_eq!(run.code, Some(0), "{run:?}");
        run.stderr
    };
    let off = "note: notes.mid: its notes do nothing while midi_trigger is off: add --set midi_trigger=on\n";
    assert_eq!(remarks(""), off);
    fs::write(desk.path("on.json"), r#"{"midi_trigger": [[1, 1]]}"#).expect("space");
    for on in ["--set midi_trigger=on", "--preset played-by-keys", "--automate on.json"] {
        assert_eq!(remarks(on), "", "{on}");
    }
    write(&desk, b"\x00\xc0\x05\x00\xff\x2f\x00");
    assert_eq!(remarks("--set midi_trigger=on"), "note: notes.mid: there is no note in it\n");
    // A stop at 1 s, and notes at 2 s and 4 s.
    write(&desk, b"\x87\x40\xb0\x7b\x00\x87\x40\x90\x3c\x64\x8f\x00\x3e\x64\x00\xff\x2f\x00");
    let said = remarks("--set midi_trigger=on");
    assert!(said.contains("its notes from 4.00 s on are not played: the sound ends at 3.00 s"), "{said}");
    assert!(said.contains("it silences all from 1.00 s on (CC 120 or 123): notes after that do nothing"), "{said}");
}
