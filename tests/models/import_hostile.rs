//! Damaged and hostile files of other programs: an error or sound numbers, soon, and never a panic.
#![cfg(feature = "train")]

use crate::common::models;
use crate::counting::peak_bytes;
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

/// Files of each kind that are changed at random.
const MUTATIONS: usize = 20_000;
/// A small file takes no more memory than some copies of itself and what is made of it.
const MAX_BYTES: usize = 4 << 20;
const TORCH_FILES: [&str; 14] = [
    "lstm.pt",
    "gru.pt",
    "half.pt",
    "rnn_relu.pt",
    "checkpoint.pt",
    "tutorial.pt",
    "in_a_row.pt",
    "cells.pt",
    "weight_norm.pt",
    "layer_norm.pt",
    "protocol_4.pt",
    "whole_module.pt",
    "before_1_6.pt",
    "torchscript.pt",
];

/// Some bytes other than they were, some bits, or a part twice, away or zeroed.
fn damaged(whole: &[u8], random: &mut Random) -> Vec<u8> {
    let mut bytes = whole.to_vec();
    let mut place = || random.below(whole.len() as u32) as usize;
    let (from, to) = (place(), place());
    let part = from.min(to)..from.max(to).min(from.min(to) + 64);
    match random.below(8) {
        0 => bytes[part].fill(0),
        1 => {
            bytes.drain(part);
        }
        2 => {
            bytes.splice(from..from, whole[part].iter().copied());
        }
        3 | 4 => (0..8).for_each(|_| bytes[random.below(whole.len() as u32) as usize] = random.next_u32() as u8),
        _ => {
            (0..=random.below(3)).for_each(|_| bytes[random.below(whole.len() as u32) as usize] ^= 1 << random.below(8))
        }
    }
    bytes
}

/// Imports a damaged file; true if something was made of it.
fn survives(bytes: Vec<u8>, name: &str) -> bool {
    let (most, result) = peak_bytes(|| import(bytes, name));
    assert!(most < MAX_BYTES, "{name}: {most} bytes");
    match result {
        Ok(()) => true,
        Err(error) => {
            assert!(error.contains(name) && error.len() < 3000, "{name}: {error:?}");
            false
        }
    }
}

#[test]
fn damage_gives_an_error_or_numbers_and_never_a_panic() {
    let mut random = Random::new(crate::common::SEED);
    for (kind, names) in [("torch", &TORCH_FILES[..]), ("safetensors", &["rnn_tanh.safetensors"])] {
        let mut accepted = 0;
        for name in names {
            let whole = fs::read(fixture(name)).expect("a fixture");
            for length in (0..whole.len()).step_by(7) {
                survives(whole[..length].to_vec(), name);
            }
            for _ in 0..MUTATIONS / names.len() + 1 {
                accepted += usize::from(survives(damaged(&whole, &mut random), name));
            }
        }
        assert!(accepted > 100, "{kind}: {accepted} accepted: flips in names of unused records and the like");
    }
}

/// An archive like PyTorch's around a pickle; the checksums are right, so that what follows them is reached.
fn archive_around(pickle: &[u8]) -> Vec<u8> {
    archive(&[("a/data.pkl".into(), pickle.to_vec()), ("a/data/0".into(), vec![0; 64])])
}

fn archive(records: &[(String, Vec<u8>)]) -> Vec<u8> {
    let options = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, bytes) in records {
        zip.start_file(&**name, options).expect("a record");
        std::io::Write::write_all(&mut zip, bytes).expect("memory");
    }
    zip.finish().expect("memory").into_inner()
}

/// The records of an archive.
fn records_of(archive: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut zip = zip::ZipArchive::new(std::io::Cursor::new(archive)).expect("an archive");
    let mut records = Vec::new();
    for index in 0..zip.len() {
        let mut record = zip.by_index(index).expect("a record");
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut record, &mut bytes).expect("memory");
        records.push((record.name().expect("a name").into_owned(), bytes));
    }
    records
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
fn countless_modules_and_layers_take_no_time() {
    type Tensors = Vec<(String, Vec<usize>)>;
    let dense = (0..40_000).map(|k| (format!("m{k}.weight"), vec![2])).collect();
    let networks = (0..20_000)
        .flat_map(|k| [(format!("l{k}.weight_ih_l0"), vec![4, 1]), (format!("l{k}.weight_hh_l0"), vec![4, 1])]);
    let layers = (0..20_000)
        .flat_map(|k| [(format!("l.weight_ih_l{k}"), vec![4, 1]), (format!("l.weight_hh_l{k}"), vec![4, 1])]);
    let more: [Tensors; 3] = [dense, networks.collect(), layers.collect()];
    let mut random = Random::new(crate::common::SEED);
    for more in more {
        let own = [("rnn.weight_ih_l0", [4, 1]), ("rnn.weight_hh_l0", [4, 1])];
        let tensors: Tensors = own.iter().map(|(name, shape)| ((*name).into(), shape.to_vec())).chain(more).collect();
        let bytes: Vec<Vec<u8>> = tensors
            .iter()
            .map(|(_, shape)| {
                (0..shape.iter().product::<usize>()).flat_map(|_| random.next_u32().to_le_bytes()).collect()
            })
            .collect();
        let views = tensors.iter().zip(&bytes).map(|((name, shape), bytes)| {
            let view = safetensors::tensor::TensorView::new(safetensors::Dtype::F32, shape.clone(), bytes);
            (name, view.expect("the right length"))
        });
        let file = safetensors::serialize(views, None).expect("plain tensors");
        let start = std::time::Instant::now();
        let error = import(file, "x.safetensors").expect_err("no dense layer");
        assert!(error.len() < 3000 && start.elapsed().as_secs() < 10, "{:?}: {error}", start.elapsed());
    }
}

#[test]
fn damaged_pickles_under_a_right_checksum_do_no_harm() {
    let model = models::random_model(models::config(Approach::Sample, Head::Mse, 0), 1);
    let names = Names { rnn: "lstm".into(), linear: "fc".into() };
    let read = |name: &&str| fs::read(fixture(name)).expect("a fixture");
    // One is no archive, another's records are compressed.
    let zips = TORCH_FILES.iter().filter(|name| !["before_1_6.pt", "torchscript.pt"].contains(name));
    let zips = zips.map(read).chain([to_torch(&model, &names)]);
    let archives: Vec<_> = zips.map(|bytes| records_of(&bytes)).collect();
    let mut random = Random::new(crate::common::SEED);
    let mut accepted = 0;
    for round in 0..MUTATIONS {
        let mut records = archives[round % archives.len()].clone();
        let pickle = records.iter_mut().find(|(name, _)| name.ends_with("data.pkl")).expect("a pickle");
        pickle.1 = damaged(&pickle.1, &mut random);
        accepted += usize::from(survives(archive(&records), "x.pt"));
    }
    assert!(accepted > 100, "{accepted} accepted: flips in numbers of the optimizer and the like");
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
