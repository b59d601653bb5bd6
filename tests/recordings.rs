//! Sound files as they lie on musicians' disks: of every format, with headers that are not true, damaged, and changed at random.

mod common;
#[allow(dead_code, reason = "the target of lessons needs more of it")]
#[path = "../fuzz/src/sums.rs"]
mod sums;

use common::program::Desk;
use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
};
use sympathy::{
    audio_file::{LongRecording, Recording, RecordingError, Samples},
    dsp::random::Random,
};

const RATE_HZ: u32 = 22_050;
const LENGTH: usize = 11_025;

/// Reads a file into memory, and onto disk: it is the same sound, with the same words.
fn read_both_ways(path: &Path) -> Result<Recording, RecordingError> {
    let (memory, disk) = (Recording::read(path), LongRecording::read(path));
    match (&memory, &disk) {
        (Ok(memory), Ok(disk)) => {
            let mut sound = vec![vec![0.0; disk.length_samples()]; disk.sound.channels()];
            disk.sound.read(0, &mut sound.iter_mut().map(Vec::as_mut_slice).collect::<Vec<_>>()).expect("a file");
            assert!(memory.channels == sound, "{}: not the same on disk", path.display());
            assert_eq!((memory.sample_rate_hz, &memory.warnings), (disk.sample_rate_hz, &disk.warnings));
        }
        // Memory holds less than a disk, which may be full.
        (Err(memory), _) if memory.to_string().contains("length: expected at most") => {}
        (Err(memory), Err(disk)) => assert_eq!(memory.to_string(), disk.to_string()),
        (Err(memory), Ok(_)) => panic!("{memory}, but not on disk"),
        (Ok(_), Err(disk)) => panic!("{disk}"),
    }
    memory
}

/// The sound of the fixtures, before it was encoded.
fn tone() -> Vec<f32> {
    let partial = |hz: f64, level: f64, fall: f64| {
        move |t: f64| level * (std::f64::consts::TAU * hz * t).sin() * (-fall * t).exp()
    };
    let (low, high) = (partial(440.0, 0.4, 4.0), partial(1320.0, 0.2, 9.0));
    let time = |i: usize| i as f64 / f64::from(RATE_HZ);
    (0..LENGTH).map(|i| (((low(time(i)) + high(time(i))) * 32_767.0).round() / 32_768.0) as f32).collect()
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/sounds").join(name)
}

fn fixtures() -> Vec<String> {
    let entries = fs::read_dir(fixture("")).expect("the folder");
    let mut names: Vec<String> =
        entries.map(|entry| entry.expect("one").file_name().to_string_lossy().into()).collect();
    names.retain(|name| name.starts_with("tone"));
    names.sort();
    names
}

/// Largest deviation from the tone when it is shifted by up to `most` samples: coders need some to begin.
fn deviation(sound: &[f32], most: usize, skipped: usize) -> f32 {
    let tone = tone();
    let of = |shift: usize| {
        let pairs = tone.iter().zip(&sound[shift.min(sound.len())..]).skip(skipped);
        pairs.map(|(a, b)| (a - b).abs()).fold(0.0f32, f32::max)
    };
    (0..=most).map(of).fold(f32::INFINITY, f32::min)
}

#[test]
fn every_format_gives_its_sound() {
    assert_eq!(fixtures().len(), 8);
    // The first samples of a lossy coder are its worst.
    for (name, shift, allowed) in [
        ("tone.flac", 0, 0.0),
        ("tone.aiff", 0, 0.0),
        ("tone.caf", 0, 0.0),
        ("tone-alac.m4a", 0, 0.0),
        ("tone-adpcm.wav", 0, 0.05),
        ("tone.ogg", 0, 0.15),
        ("tone.mp3", 1, 0.15),
        ("tone-aac.m4a", 0, 0.03),
    ] {
        let recording = read_both_ways(&fixture(name)).expect(name);
        assert_eq!((recording.sample_rate_hz, recording.channels.len()), (RATE_HZ, 1), "{name}");
        assert!(recording.warnings.is_empty(), "{name}: {:?}", recording.warnings);
        let off = recording.length_samples().abs_diff(LENGTH);
        // An edit list counts milliseconds.
        let most = if name.ends_with("m4a") { 23 } else { 2048 };
        assert!(off <= if allowed == 0.0 { 0 } else { most }, "{name}: {} samples", recording.length_samples());
        let skipped = match name {
            "tone-aac.m4a" => 2000,
            _ if allowed == 0.0 => 0,
            _ => 500,
        };
        let found = deviation(&recording.channels[0], shift, skipped);
        assert!(found <= allowed, "{name}: off by {found}");
    }
}

/// A chunk of a RIFF file, with the byte that makes its size even.
fn chunk(id: &[u8; 4], contents: &[u8]) -> Vec<u8> {
    let mut bytes = id.to_vec();
    bytes.extend((contents.len() as u32).to_le_bytes());
    bytes.extend(contents);
    bytes.resize(bytes.len().next_multiple_of(2), 0);
    bytes
}

fn riff(id: &[u8; 4], chunks: &[Vec<u8>]) -> Vec<u8> {
    let contents = chunks.concat();
    let mut bytes = id.to_vec();
    bytes.extend((contents.len() as u32 + 4).to_le_bytes());
    bytes.extend(b"WAVE");
    bytes.extend(contents);
    bytes
}

/// What a `fmt ` chunk holds: the format, two channels, `bits`; then `more`.
fn format(tag: u16, bits: u16, more: &[u8]) -> Vec<u8> {
    let block = 2 * bits / 8;
    let mut contents = tag.to_le_bytes().to_vec();
    contents.extend(2u16.to_le_bytes());
    contents.extend(RATE_HZ.to_le_bytes());
    contents.extend((RATE_HZ * u32::from(block)).to_le_bytes());
    contents.extend(block.to_le_bytes());
    contents.extend(bits.to_le_bytes());
    contents.extend(more);
    contents
}

/// The extension of an extensible format, and `more`.
fn extension(tag: u8, bits: u16, more: usize) -> Vec<u8> {
    let mut bytes = (22 + more as u16).to_le_bytes().to_vec();
    bytes.extend(bits.to_le_bytes());
    bytes.extend(3u32.to_le_bytes());
    bytes.extend([tag, 0, 0, 0, 0, 0, 0x10, 0, 0x80, 0, 0, 0xaa, 0, 0x38, 0x9b, 0x71]);
    bytes.resize(bytes.len() + more, 0);
    bytes
}

/// The tone on two channels, one of them inverted, in `bits` of integers or 32 of floats.
fn samples(bits: u16, is_float: bool) -> Vec<u8> {
    let frame = |x: f32| [x, -x];
    tone()
        .into_iter()
        .flat_map(frame)
        .flat_map(|x| match (bits, is_float) {
            (_, true) => x.to_le_bytes().to_vec(),
            (8, _) => vec![(x * 128.0).round().clamp(-128.0, 127.0) as i8 as u8 ^ 0x80],
            (16, _) => ((x * 32_768.0) as i16).to_le_bytes().to_vec(),
            (24, _) => ((x * 8_388_608.0) as i32).to_le_bytes()[..3].to_vec(),
            _ => ((f64::from(x) * 2_147_483_648.0) as i32).to_le_bytes().to_vec(),
        })
        .collect()
}

/// Containers whose sound is whole: as they should be, and with what programs do to headers. Every one with whether it is worth a warning.
fn wave_files() -> Vec<(String, Vec<u8>, bool)> {
    let mut files = Vec::new();
    let kinds = [(1, 8, false), (1, 16, false), (1, 24, false), (1, 32, false), (3, 32, true)];
    for (tag, bits, is_float) in kinds {
        let data = chunk(b"data", &samples(bits, is_float));
        let formats = [
            ("plain", format(tag, bits, &[])),
            ("with a size of nothing", format(tag, bits, &[0, 0])),
            ("longer than needed", format(tag, bits, &[7; 24])),
            ("extensible", format(0xfffe, bits, &extension(tag as u8, bits, 0))),
            ("extensible and longer", format(0xfffe, bits, &extension(tag as u8, bits, 8))),
            ("without bytes a second", {
                let mut wrong = format(tag, bits, &[]);
                wrong[8..14].fill(0);
                wrong
            }),
        ];
        for (what, format) in &formats {
            let name =
                |fault: &str| format!("{bits} bits{}, format {what}, {fault}", if is_float { " float" } else { "" });
            let format = chunk(b"fmt ", format);
            let whole = riff(b"RIFF", &[format.clone(), data.clone()]);
            let size_at = whole.len() - data.len() + 4;
            let mut add = |fault: &str, bytes: Vec<u8>, warns: bool| files.push((name(fault), bytes, warns));
            let with = |at: usize, value: u32| {
                let mut bytes = whole.clone();
                bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
                bytes
            };
            add("whole", whole.clone(), false);
            let told = whole.len() as u32 - 8;
            for (fault, size) in
                [("8 too small", told - 8), ("too large", told + 1000), ("0", 0), ("unknown", u32::MAX)]
            {
                add(&format!("RIFF size {fault}"), with(4, size), false);
            }
            add("data size 0", with(size_at, 0), true);
            add("data size unknown", with(size_at, u32::MAX), true);
            let mut crashed = with(size_at, 0);
            crashed[4..8].fill(0);
            add("both sizes 0", crashed, true);
            let junk = chunk(b"JUNK", &[1; 28]);
            let bext = chunk(b"bext", &[b' '; 602]);
            let odd = chunk(b"LIST", b"INFOISFT\x05\0\0\0Lavf5");
            add("bext and JUNK before", riff(b"RIFF", &[junk, bext.clone(), format.clone(), data.clone()]), false);
            add(
                "odd chunks around",
                riff(b"RIFF", &[odd.clone(), format.clone(), odd.clone(), data.clone(), odd.clone()]),
                false,
            );
            let unpadded = odd[..odd.len() - 1].to_vec();
            assert_ne!(odd.len(), unpadded.len());
            let without_pad = [unpadded.clone(), format.clone(), unpadded.clone(), data.clone()];
            add("odd chunks without a pad", riff(b"RIFF", &without_pad), false);
            for id in [b"RF64", b"BW64"] {
                let mut sizes = (whole.len() as u64).to_le_bytes().to_vec();
                sizes.extend((data.len() as u64 - 8).to_le_bytes());
                sizes.extend([0; 12]);
                let mut long = riff(id, &[chunk(b"ds64", &sizes), format.clone(), data.clone(), bext.clone()]);
                long[4..8].fill(0xff);
                let at = long.len() - bext.len() - data.len() + 4;
                long[at..at + 4].fill(0xff);
                add(&String::from_utf8_lossy(id), long, false);
            }
            let mut tagged = b"ID3\x04\0\0\0\0\x0f\x68".to_vec();
            tagged.resize(tagged.len() + 2024, 0xff);
            tagged.extend(&whole);
            add("after an ID3 tag", tagged, false);
        }
    }
    files
}

#[test]
fn headers_that_are_not_true_cost_no_sample() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("a.wav");
    let tone = tone();
    let files = wave_files();
    assert_eq!(files.len(), 5 * 6 * 14);
    for (name, bytes, warns) in files {
        fs::write(&path, bytes).expect("space");
        let recording = read_both_ways(&path).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!((recording.sample_rate_hz, recording.channels.len()), (RATE_HZ, 2), "{name}");
        assert_eq!(recording.length_samples(), LENGTH, "{name}");
        let step = if name.starts_with("8 bits") { 1.0 / 128.0 } else { 1.0 / 32_768.0 };
        for (index, (x, y)) in recording.channels[0].iter().zip(&recording.channels[1]).enumerate() {
            assert!((x - tone[index]).abs() <= step && (y + tone[index]).abs() <= step, "{name}: {x}, {y} at {index}");
        }
        assert_eq!(!recording.warnings.is_empty(), warns, "{name}: {:?}", recording.warnings);
    }
}

#[test]
fn what_is_missing_is_said_and_the_rest_keeps_its_place() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let read = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        fs::write(&path, bytes).expect("space");
        let recording = read_both_ways(&path).unwrap_or_else(|error| panic!("{name}: {error}"));
        let said: Vec<String> = recording.warnings.iter().map(|warning| warning.what.clone()).collect();
        (recording.channels[0].clone(), said.join("; "))
    };
    let bytes = |name: &str| fs::read(fixture(name)).expect("a fixture");

    let wave = riff(b"RIFF", &[chunk(b"fmt ", &format(1, 16, &[])), chunk(b"data", &samples(16, false))]);
    let (sound, said) = read("cut.wav", &wave[..44 + 4 * LENGTH / 2]);
    assert_eq!(
        (sound.len(), &*said),
        (LENGTH / 2, "it ends at 0:00.25, its header says 0:00.50: the rest is not in the file")
    );
    let mut short = wave.clone();
    short[40..44].copy_from_slice(&4000u32.to_le_bytes());
    let (sound, said) = read("more.wav", &short);
    assert_eq!(sound.len(), 1000);
    assert!(said.contains("it ends at 0:00.05; 40100 bytes after that are not read"), "{said}");
    assert!(!read("nothing.wav", &[wave, b"junk".to_vec()].concat()).1.contains("not read"));

    // Of lossless formats every sample outside the damage stands where it stood, and the damage is silence.
    let mut flac = bytes("tone.flac");
    // The first half is padding.
    let middle = flac.len() - 2500;
    flac[middle..middle + 200].fill(0);
    let (sound, said) = read("mid.flac", &flac);
    let tone = tone();
    assert_eq!(sound.len(), LENGTH, "{said}");
    assert!(said.contains("is damaged") && said.contains("are silence"), "{said}");
    let damaged: Vec<usize> = (0..LENGTH).filter(|&i| sound[i] != tone[i]).collect();
    assert!(!damaged.is_empty() && damaged.len() < 5000, "{}", damaged.len());
    assert!(damaged.iter().all(|&i| sound[i] == 0.0));
    // Nor does damage of the first frame move the others.
    let mut first = bytes("tone.flac");
    let begin = (0..first.len() - 1).find(|&i| first[i] == 0xff && first[i + 1] & 0xfe == 0xf8).expect("a frame");
    first[begin + 40..begin + 90].fill(0x55);
    let (sound, said) = read("first.flac", &first);
    assert_eq!((sound.len(), sound[LENGTH - 900..].to_vec()), (LENGTH, tone[LENGTH - 900..].to_vec()), "{said}");
    assert!(said.contains("at 0:00.00 it is damaged"), "{said}");
    let whole = bytes("tone.flac");
    let (sound, said) = read("cut.flac", &whole[..whole.len() - 2500]);
    assert!(sound.len() < LENGTH && sound == tone[..sound.len()] && said.contains("its header says 0:00.50"), "{said}");

    let ogg = bytes("tone.ogg");
    let pages: Vec<usize> = (0..ogg.len() - 4).filter(|&i| &ogg[i..i + 4] == b"OggS").collect();
    let whole = read_both_ways(&fixture("tone.ogg")).expect("a fixture").channels[0].clone();
    for (number, &page) in pages.iter().enumerate().skip(2).take(pages.len() - 3) {
        let mut damaged = ogg.clone();
        damaged[page + 60] ^= 0x55;
        let (sound, said) = read("mid.ogg", &damaged);
        assert!(said.contains("is damaged") && said.contains("are silence"), "page {number}: {said}");
        assert_eq!(sound.len(), whole.len(), "page {number}: {said}");
        let same = sound.iter().zip(&whole).filter(|(a, b)| a == b).count();
        assert!(same > whole.len() / 3, "page {number}: {same} of {} samples in their place", whole.len());
        // The last page has little but the end of what the one before it begins.
        assert!(number + 2 == pages.len() || sound[LENGTH - 100..] == whole[LENGTH - 100..], "page {number}: the end");
    }

    let mp3 = bytes("tone.mp3");
    let mut hole = mp3.clone();
    let middle = hole.len() / 2;
    hole[middle..middle + 300].fill(0xaa);
    let (sound, said) = read("mid.mp3", &hole);
    assert!(sound.len().abs_diff(LENGTH) < 1200 * 3, "{} samples; {said}", sound.len());
}

#[test]
fn tags_of_any_size_and_files_joined_end_to_end_are_heard_whole() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("a.mp3");
    let mp3 = fs::read(fixture("tone.mp3")).expect("a fixture");
    let read = |bytes: &[u8]| {
        fs::write(&path, bytes).expect("space");
        read_both_ways(&path).expect("an MP3 file")
    };
    let alone = read(&mp3);
    let tag = |length: usize, fill: &[u8]| {
        let mut bytes = b"ID3\x03\0\0".to_vec();
        bytes.extend((0..4).rev().map(|group| (length >> (7 * group) & 0x7f) as u8));
        bytes.extend(fill.iter().copied().cycle().take(length));
        bytes
    };
    // Pictures larger than what a probe looks through, other formats' beginnings, and what looks like frames of sound.
    for (length, fill) in
        [(1_300_000, &[0x12][..]), (70_000, b"RIFFxxxxWAVEfmt OggSfLaC"), (5000, &mp3[..417]), (3, b"a")]
    {
        let tagged = [tag(length, fill), mp3.clone()].concat();
        assert_eq!(read(&tagged).channels, alone.channels, "a tag of {length} bytes");
        let twice = [tag(length, fill), tag(20, b"x"), mp3.clone()].concat();
        assert_eq!(read(&twice).channels, alone.channels, "two tags");
    }
    let joined = read(&[mp3.clone(), tag(3000, &[0xff, 0xfb]), mp3.clone(), mp3.clone()].concat());
    let expected = alone.channels[0].repeat(3);
    assert_eq!(joined.channels[0], expected);
    assert!(joined.warnings.is_empty(), "{:?}", joined.warnings);
}

#[test]
fn what_an_edit_list_leaves_out_at_the_end_is_no_damage() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for name in ["tone-aac.m4a", "tone-alac.m4a"] {
        let mut bytes = fs::read(fixture(name)).expect("a fixture");
        let whole = read_both_ways(&fixture(name)).expect("a fixture").channels[0].clone();
        // After the name of the box: version, count, then the duration in milliseconds.
        let list = bytes.windows(4).position(|name| name == b"elst").expect("an edit list") + 12;
        for milliseconds in [0u32, 1, 200, 499, 100_000] {
            bytes[list..list + 4].copy_from_slice(&milliseconds.to_be_bytes());
            let path = folder.path().join(name);
            fs::write(&path, &bytes).expect("space");
            let cut = read_both_ways(&path).expect("a good file");
            let most =
                if milliseconds == 0 { usize::MAX } else { (milliseconds as usize + 1) * RATE_HZ as usize / 1000 + 1 };
            assert!(cut.warnings.is_empty() || milliseconds > 1000, "{name}, {milliseconds} ms: {:?}", cut.warnings);
            let length = cut.length_samples();
            assert!(
                length <= most && length + 2 >= most.min(whole.len()),
                "{name}, {milliseconds} ms: {length} samples"
            );
            assert!(cut.channels[0][..length.min(whole.len())] == whole[..length.min(whole.len())]);
        }
    }
}

#[test]
fn some_encoders_leave_a_header_of_flac_half_empty() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("a.flac");
    let mut flac = fs::read(fixture("tone.flac")).expect("a fixture");
    flac[8..10].fill(0);
    fs::write(&path, flac).expect("space");
    assert_eq!(read_both_ways(&path).expect("a FLAC file").channels[0], tone());
}

#[test]
fn what_cannot_be_read_is_named_and_can_be_converted() {
    let desk = Desk::new();
    let opus = [b"OggS".as_slice(), &[0; 24], b"OpusHead", &[0; 40]].concat();
    for (name, bytes, parts) in [
        ("a.opus", &opus[..], &["found an Opus file", "ffmpeg -i \"a.opus\" \"a.wav\""][..]),
        ("b.wav", b"RIFX\0\0\0\x24WAVEfmt \0\0\0\x10", &["RIFX", "ffmpeg -i \"b.wav\" \"sound.wav\""]),
        ("c.wma", &[0x30, 0x26, 0xb2, 0x75, 0x8e, 0x66, 0xcf, 0x11], &["a Windows Media file"]),
        ("d.wav", b"MThd\0\0\0\x06\0\0\0\x01\x01\xe0MTrk", &["a MIDI file; it belongs behind --midi"]),
        ("e.wav", b"PK\x03\x04 some songs", &["an archive (ZIP); unpack it first"]),
        ("f.wav", b"{\"not\": \"sound\"}", &["found text"]),
        ("g.wav", b"", &["found an empty file"]),
    ] {
        fs::write(desk.path(name), bytes).expect("space");
        desk.fail(&format!("render {name} out.wav"), &[&[name], parts].concat());
    }
}

#[test]
fn a_pipe_is_read_a_warning_is_one_line_and_strict_is_strict() {
    let desk = Desk::new();
    let wave = riff(b"RIFF", &[chunk(b"fmt ", &format(1, 16, &[])), chunk(b"data", &samples(16, false))]);
    fs::write(desk.path("cut.wav"), &wave[..30_000]).expect("space");
    let run = desk.run("render cut.wav out.wav --set mix=0 --seconds-after 0");
    assert_eq!(run.code, Some(0), "{run:?}");
    // What stands in the middle of a pipeline.
    let mut program = desk.start("render - - --set mix=0 --seconds-after 0 --bits 24");
    program.stdin.take().expect("a pipe").write_all(&wave).expect("it is read");
    let output = program.wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.starts_with("-: 0.50 s of Guitar"), "{said}");
    fs::write(desk.path("whole.wav"), &wave).expect("space");
    desk.succeed("render whole.wav out24.wav --set mix=0 --seconds-after 0 --bits 24");
    assert!(output.stdout == fs::read(desk.path("out24.wav")).expect("it was written"), "the same file");
    desk.fail("render whole.wav - --stems", &["--stems: expected a file as OUT"]);
    let output = desk.start("sample model.safetensors --seconds 0.2 --out -").wait_with_output().expect("it ends");
    desk.succeed("sample model.safetensors --seconds 0.2 --out s.wav");
    assert!(output.stdout == fs::read(desk.path("s.wav")).expect("it was written"), "the same prediction");
    desk.fail("sample model.safetensors --plot --out -", &["--plot: expected a file as --out"]);
    // Who reads may go.
    let mut program = desk.start("render whole.wav - --set mix=0 --seconds-after 20");
    drop(program.stdout.take());
    assert_eq!(program.wait().expect("it ends").code(), Some(0), "nobody listens");
    assert!(
        run.stderr.starts_with("warning: cut.wav: it ends at 0:00.34,") && run.stderr.lines().count() == 1,
        "{run:?}"
    );
    assert_eq!(desk.read_wav("out.wav").length_samples(), (30_000 - 44) / 4);
    desk.fail("render cut.wav strict.wav --strict", &["cut.wav: it ends at 0:00.34"]);
    let long: Vec<f32> = tone().repeat(8);
    desk.write_wav("long.wav", RATE_HZ, &[long]);
    let whole = fs::read(desk.path("long.wav")).expect("the file");
    fs::write(desk.path("cut.wav"), &whole[..whole.len() / 2]).expect("space");
    desk.fail(
        "train cut.wav --preset ten-minutes --out m.safetensors --no-run --strict",
        &["cut.wav: it ends at 0:02.00"],
    );
}

#[test]
fn files_full_of_damage_or_of_chunks_are_read_in_bounded_time_and_memory() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let ogg = fs::read(fixture("tone.ogg")).expect("a fixture");
    let pages: Vec<usize> = (0..ogg.len() - 4).filter(|&i| &ogg[i..i + 4] == b"OggS").collect();
    let (beginning, sound) = ogg.split_at(pages[2]);
    let mut damaged = sound.to_vec();
    damaged[60] ^= 0x55;
    let path = folder.path().join("a.ogg");
    fs::write(&path, [beginning, &[damaged, sound.to_vec()].concat().repeat(300)].concat()).expect("space");
    let recording = read_both_ways(&path).expect("some of it decodes");
    assert!((1..=13).contains(&recording.warnings.len()), "{:?}", recording.warnings);
    // Every head of a chunk would be a look into the file.
    let path = folder.path().join("a.wav");
    let empty = chunk(b"JUNK", &[]).repeat(2_000_000);
    let wave = [chunk(b"fmt ", &format(1, 16, &[])), chunk(b"data", &samples(16, false)), empty.clone()];
    fs::write(&path, riff(b"RIFF", &wave)).expect("space");
    assert_eq!(read_both_ways(&path).expect("a WAV file").length_samples(), LENGTH);
    fs::write(&path, riff(b"RIFF", &[empty, wave[0].clone(), wave[1].clone()])).expect("space");
    let _ = read_both_ways(&path);
    // A pipe has no name to look at again.
    let error = Recording::read_pipe(Path::new("-"), &b"{\"not\": \"sound\"}"[..]).expect_err("text").to_string();
    assert!(error.contains("-: expected") && error.contains("found text"), "{error}");
}

/// Silence compresses well and gaps are made of nothing: a file of kilobytes filled 4 GiB.
#[test]
fn a_small_file_is_no_long_sound() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("a");
    let read = |bytes: &[u8]| {
        fs::write(&path, bytes).expect("space");
        read_both_ways(&path)
    };
    // Frames of 65 535 samples that are all 0, 13 bytes each.
    let mut flac = b"fLaC\x80\0\0\x22\xff\xff\xff\xff\0\0\0\0\0\0\x0a\xc4\x40\xf0\0\0\0\0".to_vec();
    flac.resize(42, 0);
    for number in 0..70 {
        flac.extend([0xff, 0xf8, 0x79, 0x08, number, 0xff, 0xfe, 0, 0, 0, 0, 0, 0]);
    }
    let short = read(&sums::mended(&flac[..42 + 13 * 16])).expect("as much as the smallest file may hold");
    assert_eq!(short.length_samples(), 16 * 65_535);
    let error = read(&sums::mended(&flac)).expect_err("17 times as much").to_string();
    assert!(error.contains("at most 1048576 samples in all channels of a file of 952 bytes"), "{error}");

    // Packets of one sample each, which say that they last for ten seconds.
    let chunk = |id: &[u8], bytes: &[u8]| [id, &(bytes.len() as u64).to_be_bytes(), bytes].concat();
    let numbers = |numbers: [u32; 5]| numbers.map(u32::to_be_bytes).concat();
    let description = [&48_000f64.to_be_bytes()[..], b"lpcm", &numbers([2, 2, 0, 1, 16])].concat();
    for packets in [2, 1000] {
        // 10 · 48 000 in groups of seven bits.
        let table = [&[0x9d, 0xa6, 0][..]; 1000][..packets].concat();
        let table = [&(packets as u64).to_be_bytes()[..], &[0; 16], &table].concat();
        let data = vec![1; 4 + 2 * packets];
        let chunks = [chunk(b"desc", &description), chunk(b"pakt", &table), chunk(b"data", &data)].concat();
        let bytes = [b"caff\0\x01\0\0", &chunks[..]].concat();
        let length = read(&bytes).expect("a sample a packet").length_samples();
        let most = (1 << 20) + 64 * bytes.len();
        assert!((480_000..=most).contains(&length), "{packets} packets: {length} samples");
    }
}

/// How many changed files of each kind are tried; `SYMPATHY_MUTATIONS=20000` tries more.
fn mutations() -> u32 {
    std::env::var("SYMPATHY_MUTATIONS").ok().and_then(|count| count.parse().ok()).unwrap_or(400)
}

/// Bits turned, bytes set, parts cut out, doubled, or filled.
fn mutate(bytes: &mut Vec<u8>, random: &mut Random) {
    for _ in 0..1 + random.below(8) {
        let length = bytes.len() as u32;
        if length == 0 {
            return;
        }
        // Mostly in the header, where damage is worst.
        let reach = if random.below(3) == 0 { length } else { length.min(200) };
        let at = random.below(reach) as usize;
        let span = 1 + random.below(64.min(length - at as u32)) as usize;
        let end = (at + span).min(bytes.len());
        match random.below(6) {
            0 => bytes[at] ^= 1 << random.below(8),
            1 => bytes[at] = random.next_u32() as u8,
            2 => bytes[at..end].fill([0, 0xff][random.below(2) as usize]),
            3 => drop(bytes.drain(at..end)),
            4 => {
                let part = bytes[at..end].to_vec();
                drop(bytes.splice(at..at, part));
            }
            _ => bytes.truncate(at + random.below(length) as usize),
        }
    }
}

/// The most memory that a command held, MiB; its output goes.
#[cfg(target_os = "linux")]
fn most_memory_mib(desk: &Desk, arguments: &str) -> u64 {
    let mut program = desk.command(arguments);
    let mut program =
        program.stdout(std::process::Stdio::null()).spawn().expect("the program was built with the tests");
    let mut most = 0;
    let code = loop {
        if let Some(code) = program.try_wait().expect("it runs") {
            break code;
        }
        let status = fs::read_to_string(format!("/proc/{}/status", program.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
        most = kib.unwrap_or(0).max(most);
        std::thread::sleep(std::time::Duration::from_millis(5));
    };
    assert!(code.success(), "sympathy {arguments}: {code}");
    most / 1024
}

/// In memory, ten minutes of stereo are 220 MiB, and were held three times.
#[test]
#[cfg(target_os = "linux")]
fn memory_does_not_grow_with_the_length_of_a_rendering() {
    const SECONDS: u32 = 600;
    let desk = Desk::new();
    let head =
        [&b"RIFF\xff\xff\xff\xffWAVE"[..], &chunk(b"fmt ", &format(1, 16, &[])), b"data\xff\xff\xff\xff"].concat();
    let bytes = u64::from(SECONDS) * u64::from(RATE_HZ) * 4;
    desk.write_sparse("long.wav", &head, head.len() as u64 + bytes);
    desk.write_sparse("short.wav", &head, head.len() as u64 + bytes / 600);
    let options = "--model model.safetensors --set auto_start=off --seconds-after 0 --picture p.png --overwrite";
    let short = most_memory_mib(
        &desk,
        &format!("render short.wav o.flac --bits 16 --sidechain short.wav --set seed_source=sidechain {options}"),
    );
    let long = most_memory_mib(
        &desk,
        &format!("render long.wav o.flac --bits 16 --sidechain long.wav --set seed_source=sidechain {options}"),
    );
    assert!(desk.read_wav("o.flac").length_samples() as u32 == SECONDS * RATE_HZ);
    assert!(long < short + 24, "{long} MiB for ten minutes, {short} MiB for a second");
}

#[test]
fn changed_files_give_finite_sound_or_an_error() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let wave = riff(b"RIFF", &[chunk(b"fmt ", &format(1, 16, &[])), chunk(b"data", &samples(16, false)[..8000])]);
    let mut kinds: Vec<(String, Vec<u8>)> =
        fixtures().into_iter().map(|name| (name.clone(), fs::read(fixture(&name)).expect("a fixture"))).collect();
    kinds.push(("plain.wav".into(), wave));
    for (name, whole) in kinds {
        let mut random = Random::new(14);
        let path = folder.path().join(&name);
        for round in 0..mutations() {
            let mut bytes = whole.clone();
            mutate(&mut bytes, &mut random);
            fs::write(&path, &bytes).expect("space");
            // Both ways now and then: it takes twice as long.
            match if round % 8 == 0 { read_both_ways(&path) } else { Recording::read(&path) } {
                Ok(recording) => {
                    assert!(recording.channels.iter().flatten().all(|x| x.is_finite()), "{name}, round {round}");
                    // What is made up is the silence of a gap, which is bounded.
                    assert!(recording.length_samples() < 400_000_000, "{name}, round {round}");
                }
                Err(error) => {
                    let line = error.to_string();
                    assert!(!line.contains('\n') && line.contains(&name), "{name}, round {round}: {line}");
                }
            }
        }
    }
}
