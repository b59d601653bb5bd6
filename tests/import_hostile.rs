//! Damaged and hostile files of other programs: an error or sound numbers, soon, and never a panic.
#![cfg(feature = "train")]
#![allow(missing_docs, reason = "test code")]

mod common;

use common::models;
use std::{
    fs,
    path::{Path, PathBuf},
};
use sympathy::{
    dsp::random::Random,
    model::{
        Approach, Head,
        export::{Names, to_torch},
        import::{Choice, ExternalFile, Recognised},
    },
};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/pytorch").join(name)
}

/// Everything that an import does with a file.
fn import(bytes: Vec<u8>, name: &str) -> Result<(), String> {
    let file = ExternalFile::from_bytes(bytes, Path::new(name), None).map_err(|error| error.to_string())?;
    let found = Recognised::of(&file, Choice::default()).map_err(|error| error.to_string())?;
    let tensors = found.tensors(&file).map_err(|error| error.to_string())?;
    let bytes: usize = tensors.values().map(|values| 4 * values.len()).sum();
    assert!(bytes < 1 << 20, "{bytes} bytes from a small file");
    Ok(())
}

#[test]
fn damage_gives_an_error_or_numbers_and_never_a_panic() {
    let mut random = Random::new(common::SEED);
    let mut accepted = 0;
    for name in ["lstm.pt", "gru.pt", "half.pt", "checkpoint.pt", "rnn_tanh.safetensors", "whole_module.pt"] {
        let whole = fs::read(fixture(name)).expect("a fixture");
        let mut check = |bytes: Vec<u8>| match import(bytes, name) {
            Ok(()) => accepted += 1,
            Err(error) => assert!(error.contains(name) && error.len() < 2000, "{name}: {error:?}"),
        };
        (0..whole.len()).step_by(7).for_each(|length| check(whole[..length].to_vec()));
        for _ in 0..1500 {
            let mut bytes = whole.clone();
            bytes[random.below(whole.len() as u32) as usize] ^= 1 << random.below(8);
            check(bytes);
        }
        for _ in 0..500 {
            let mut bytes = whole.clone();
            for _ in 0..8 {
                bytes[random.below(whole.len() as u32) as usize] = random.next_u32() as u8;
            }
            check(bytes);
        }
    }
    assert!(accepted > 100, "{accepted} accepted: flips in names of unused records and the like");
}

/// An archive like PyTorch's around a pickle; the checksums are right, so that what follows them is reached.
fn archive_around(pickle: &[u8]) -> Vec<u8> {
    let options = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, bytes) in [("a/data.pkl", pickle), ("a/data/0", &[0; 64])] {
        zip.start_file(name, options).expect("a record");
        std::io::Write::write_all(&mut zip, bytes).expect("memory");
    }
    zip.finish().expect("memory").into_inner()
}

/// The pickle inside an archive of ours.
fn pickle_of(archive: &[u8]) -> Vec<u8> {
    let mut zip = zip::ZipArchive::new(std::io::Cursor::new(archive)).expect("an archive");
    let mut pickle = Vec::new();
    let mut record = zip.by_name("archive/data.pkl").expect("a pickle");
    std::io::Read::read_to_end(&mut record, &mut pickle).expect("memory");
    pickle
}

#[test]
fn archives_of_countless_records_are_refused_unread() {
    let whole = fs::read(fixture("lstm.pt")).expect("a fixture");
    for (signature, count, part) in [("PK\x01\x02", 200_000, "more than 100000 records"), ("PK\x05\x06", 40, "places")]
    {
        let mut bytes = whole.clone();
        let at = bytes.len() / 2;
        bytes.splice(at..at, signature.repeat(count).into_bytes());
        let error = import(bytes, "x.pt").expect_err("too many");
        assert!(error.contains(part), "{error}");
    }
}

#[test]
fn damaged_pickles_under_a_right_checksum_do_no_harm() {
    let model = models::random_model(models::config(Approach::Sample, Head::Mse, 0), 1);
    let names = Names { rnn: "lstm".into(), linear: "fc".into() };
    let pickle = pickle_of(&to_torch(&model, &names));
    let mut random = Random::new(common::SEED);
    for round in 0..6000 {
        let mut damaged = pickle.clone();
        for _ in 0..1 + round % 3 {
            let at = random.below(pickle.len() as u32) as usize;
            damaged[at] = if round % 2 == 0 { random.next_u32() as u8 } else { damaged[at] ^ 1 << random.below(8) };
        }
        let error = import(archive_around(&damaged), "x.pt").expect_err("the records are too short");
        assert!(error.contains("x.pt") && error.len() < 2000, "{error:?}");
    }
}

/// The pickle of one 32-bit tensor `w` in a storage of 16 numbers. `numbers`: offset, rows, columns, strides.
fn pickle_of_view(numbers: [i32; 5]) -> Vec<u8> {
    let text = |text: &str| [b"X", &(text.len() as u32).to_le_bytes()[..], text.as_bytes()].concat();
    let number = |number: i32| [b"J", &number.to_le_bytes()[..]].concat();
    let [offset, rows, columns, down, right] = numbers.map(number);
    [
        &b"\x80\x02}"[..],
        &text("w"),
        b"ctorch._utils\n_rebuild_tensor_v2\n((",
        &text("storage"),
        b"ctorch\nFloatStorage\n",
        &text("0"),
        &text("cpu"),
        b"K\x10tQ",
        &offset,
        &rows,
        &columns,
        b"\x86",
        &down,
        &right,
        b"\x86\x89NtRs.",
    ]
    .concat()
}

#[test]
fn views_lie_within_their_storage_and_take_no_more_than_a_model() {
    let read = |numbers| {
        let file = ExternalFile::from_bytes(archive_around(&pickle_of_view(numbers)), Path::new("x.pt"), None)?;
        file.read_tensors(&["w"]).map(|mut tensors| tensors.remove("w").expect("it was asked for"))
    };
    assert_eq!(read([0, 4, 4, 4, 1]).expect("all of it").len(), 16);
    assert_eq!(read([3, 3, 4, 1, 3]).expect("transposed").len(), 12);
    assert_eq!(read([5, 100, 100, 0, 0]).expect("one number").len(), 10_000);
    assert!(read([0, 0, 7, 1, 1]).expect("nothing").is_empty());
    let most = i32::MAX;
    for (numbers, part) in [
        ([1, 4, 4, 4, 1], "numbers within a storage of 64 bytes"),
        ([16, 1, 1, 1, 1], "numbers within a storage of 64 bytes"),
        ([most, 2, 2, most, most], "numbers within a storage of 64 bytes"),
        ([0, 2, 2, most, most], "numbers within a storage of 64 bytes"),
        ([0, most, most, 0, 0], "at most 536870912 bytes"),
        ([0, 16_384, 16_384, 0, 0], "at most 536870912 bytes"),
        ([-1, 4, 4, 4, 1], "a size that is no whole number"),
        ([0, -4, 4, 4, 1], "a size that is no whole number"),
    ] {
        let error = read(numbers).expect_err(part).to_string();
        assert!(error.contains(part) && error.contains("x.pt"), "{numbers:?}: {error}");
    }
}
