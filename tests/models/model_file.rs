//! A model file is hostile: whatever is wrong with it is an error that names it, and never a panic.

use crate::common::{SEED, models};
use serde_json::{Value, json};
use std::{
    fs::{self, File},
    path::Path,
    sync::Arc,
};
use sympathy::{
    approach::{Generator, Network, continue_offline},
    dsp::random::Random,
    model::{Approach, Head, METADATA_KEY, ModelData, ModelError, TensorShape, Transpose},
    nn::{Isa, Precision},
};

const NAME: &str = "guest.safetensors";

fn read(bytes: &[u8]) -> Result<ModelData, ModelError> {
    ModelData::from_bytes(bytes, Path::new(NAME))
}

/// The error of a file that must be refused, as text.
#[track_caller]
fn refused(bytes: &[u8], what: &str) -> String {
    let error = read(bytes).err().unwrap_or_else(|| panic!("{what}: was accepted")).to_string();
    assert!(error.contains(NAME) && !error.contains('\n'), "{what}: {error:?}");
    // The program's own terms.
    for term in ["usize", "u32", "f32", "serde", "header", "tagged enum", "struct "] {
        assert!(!error.contains(term), "{what}: {term}: {error:?}");
    }
    error
}

fn header_end(bytes: &[u8]) -> usize {
    let length = bytes.first_chunk::<8>().expect("a whole file");
    8 + u64::from_le_bytes(*length) as usize
}

/// The file with another header. Tensors stay.
fn with_header(bytes: &[u8], edit: impl FnOnce(&mut Value)) -> Vec<u8> {
    let end = header_end(bytes);
    let mut header: Value = serde_json::from_slice(&bytes[8..end]).expect("a header");
    edit(&mut header);
    let mut text = header.to_string().into_bytes();
    // The data begins at a multiple of 8.
    text.resize(text.len().next_multiple_of(8), b' ');
    let mut edited = (text.len() as u64).to_le_bytes().to_vec();
    edited.extend_from_slice(&text);
    edited.extend_from_slice(&bytes[end..]);
    edited
}

/// The file with another metadata object.
fn with_config(bytes: &[u8], edit: impl FnOnce(&mut Value)) -> Vec<u8> {
    with_header(bytes, |header| {
        let place = &mut header["__metadata__"][METADATA_KEY];
        let mut config: Value = serde_json::from_str(place.as_str().expect("text")).expect("an object");
        edit(&mut config);
        *place = config.to_string().into();
    })
}

/// A file that is none, yet was accepted, must also play without a panic, finite throughout.
fn play(data: &ModelData) {
    let mut continuation = Generator::new(Arc::new(Network::new(data, Isa::best())));
    continuation.reset(1);
    let config = data.config();
    let mut hop = vec![0.0; config.hop_samples()];
    continuation.feed(&vec![0.1; config.window_samples()]);
    for _ in 0..4 {
        continuation.predict(config.temperature, &mut hop);
        assert!(hop.iter().all(|x| x.is_finite()));
    }
}

#[test]
fn every_kind_of_model_comes_back_as_it_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(NAME);
    for (_, kind, data) in models::all_kinds() {
        data.write(&path).unwrap();
        assert_eq!(ModelData::read(&path).unwrap(), data, "{kind}");
        assert_eq!(fs::read(&path).unwrap(), data.to_bytes(), "{kind}");
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing but the file");
}

#[test]
fn columns_that_reach_too_far_back_are_refused() {
    // Tiny files: what they ask for is the memory of a voice.
    let model = |num_unrollings, int_cursor_inc, head| {
        let approach = Approach::Transpose(Transpose { seg_len: 1, num_unrollings, int_cursor_inc });
        let config = models::config(approach, head, 0);
        let zeros = |tensor: TensorShape| (tensor.name, vec![0.0; tensor.shape.iter().product()]);
        let tensors = config.tensors().into_iter().map(zeros).collect();
        ModelData::new(config, tensors, Path::new(NAME)).map_err(|error| error.to_string())
    };
    let mixture = Head::Mixture { components: 16, residual: false };
    for (head, num_unrollings, most) in [(Head::Mse, 1024, 1_048_575), (mixture, 16, 16_383)] {
        let error = model(num_unrollings, 8192, head).expect_err("much memory");
        for part in [NAME, "num_unrollings × int_cursor_inc", &format!("at most {most} samples")] {
            assert!(error.contains(part), "{error}");
        }
        let distance = most / (num_unrollings - 1);
        play(&model(num_unrollings, distance, head).expect("as much as may be"));
        assert!(model(num_unrollings, distance + 1, head).is_err(), "a little more");
    }
}

#[test]
fn half_precision_is_half_as_large_and_comes_back_rounded() {
    for (_, kind, data) in models::all_kinds() {
        let bytes = data.to_half_bytes();
        let rounded = read(&bytes).unwrap_or_else(|error| panic!("{kind}: {error}"));
        assert_eq!(rounded.config(), data.config(), "{kind}");
        let mut saved = 0;
        for tensor in data.config().tensors() {
            let pairs = rounded.tensor(&tensor.name).iter().zip(data.tensor(&tensor.name));
            let matrix = tensor.shape.len() == 2;
            // 11 significant bits.
            let bound = |x: f32| if matrix { x.abs() / 2048.0 + 3e-8 } else { 0.0 };
            assert!(pairs.clone().all(|(a, b)| (a - b).abs() <= bound(*b)), "{kind}: {}", tensor.name);
            saved += if matrix { 2 * pairs.len() } else { 0 };
        }
        let whole = data.to_bytes();
        assert_eq!(whole.len() - header_end(&whole), bytes.len() - header_end(&bytes) + saved, "{kind}");
        assert_eq!(rounded.to_half_bytes(), bytes, "{kind}: rounding twice changes nothing");

        let end = header_end(&bytes);
        for cut in [end, end + 1, bytes.len() - 1] {
            refused(&bytes[..cut], &format!("{kind} cut after {cut} bytes"));
        }
        // The first tensor of the file is one of 16 bits or one of 32: ones everywhere are a NaN in both.
        let mut wild = bytes;
        wild[end..end + 4].fill(0xff);
        let error = refused(&wild, "a weight that is no number");
        assert!(error.contains("expected finite numbers"), "{error}");
    }
}

#[test]
fn the_smallest_exact_file_loses_nothing_and_keeps_what_was_rounded_small() {
    for (_, kind, data) in models::all_kinds() {
        for stored in [data.to_bytes(), data.to_half_bytes(), data.to_int8_bytes()] {
            let model = read(&stored).expect("a model");
            let exact = model.to_exact_bytes();
            let again = read(&exact).unwrap_or_else(|error| panic!("{kind}: {error}"));
            assert!(again == model, "{kind}: a number was lost");
            assert!(exact.len() <= stored.len(), "{kind}: {} bytes of {}", exact.len(), stored.len());
        }
    }
}

#[test]
fn eight_bits_come_back_rounded_by_the_row_and_faults_in_them_are_named() {
    let mut random = Random::new(SEED);
    let seed: Vec<f32> = (0..4000).map(|_| 0.1 * random.normal()).collect();
    for (_, kind, data) in models::all_kinds() {
        let bytes = data.to_int8_bytes();
        assert!(bytes.len() < data.to_bytes().len(), "{kind}");
        let rounded = read(&bytes).unwrap_or_else(|error| panic!("{kind}: {error}"));
        assert_eq!(rounded.config(), data.config(), "{kind}");
        let mut in_bytes = 0;
        for tensor in data.config().tensors() {
            let (back, whole) = (rounded.tensor(&tensor.name), data.tensor(&tensor.name));
            if back == whole {
                continue;
            }
            in_bytes += 1;
            for (back, whole) in back.chunks(tensor.shape[1]).zip(whole.chunks(tensor.shape[1])) {
                let most = whole.iter().fold(0.0f32, |most, w| most.max(w.abs()));
                let near = back.iter().zip(whole).all(|(a, b)| (a - b).abs() <= 0.501 * most / 127.0);
                assert!(near, "{kind}: {}", tensor.name);
            }
        }
        assert!(in_bytes >= 3, "{kind}: both matrices of the recurrent network and the dense layer");
        assert_eq!(rounded.to_int8_bytes(), bytes, "{kind}: rounding twice changes nothing");
        // A network that rounds its weights so makes the same of them; others leave some of them whole.
        if kind.starts_with("magnitude") {
            let said = [&data, &rounded].map(|data| {
                let network = Arc::new(Network::with_precision(data, Precision::Int8, Isa::best()));
                continue_offline(&network, &seed, 0.2, 1.0, 5)
            });
            assert!(said[0] == said[1], "{kind}");
        }

        let cut = header_end(&bytes) + 1;
        refused(&bytes[..cut], &format!("{kind} cut after {cut} bytes"));
        let renamed = with_header(&bytes, |header| {
            let tensor = header.as_object_mut().unwrap().remove("rnn.weight_hh_l0.row_max").expect("it is there");
            header["rnn.weight_hh_l0.most"] = tensor;
        });
        let error = refused(&renamed, "without the largest of the rows");
        assert!(error.contains("tensor `rnn.weight_hh_l0.row_max`: expected F32 ["), "{error}");
        let shape =
            |shape: &[usize]| with_header(&bytes, |header| header["rnn.weight_hh_l0.row_max"]["shape"] = json!(shape));
        let rows = data.config().tensors().iter().find(|tensor| tensor.name == "rnn.weight_hh_l0").unwrap().shape[0];
        let error = refused(&shape(&[rows, 1]), "a matrix of the largest");
        assert!(error.contains(&format!("`rnn.weight_hh_l0.row_max`: expected F32 [{rows}], found F32 [{rows}, 1]")));
        // Beside bytes every number of which is finite, one that is none.
        let header: Value = serde_json::from_slice(&bytes[8..header_end(&bytes)]).unwrap();
        let at = header["rnn.weight_hh_l0.row_max"]["data_offsets"][0].as_u64().unwrap() as usize + header_end(&bytes);
        for wild in [f32::NAN, f32::INFINITY] {
            let mut bytes = bytes.clone();
            bytes[at..at + 4].copy_from_slice(&wild.to_le_bytes());
            let error = refused(&bytes, "a largest that is no number");
            assert!(error.contains("expected finite numbers"), "{error}");
        }
    }
}

#[test]
fn a_number_too_large_for_half_precision_keeps_its_matrix_whole() {
    let (_, kind, data) = models::all_kinds().swap_remove(0);
    let tensors = data.config().tensors().into_iter().map(|tensor| {
        let mut values = data.tensor(&tensor.name).to_vec();
        if tensor.name == "out.weight" {
            values[3] = 65_520.0;
        }
        (tensor.name, values)
    });
    let large = ModelData::new(data.config().clone(), tensors.collect(), Path::new(NAME)).unwrap();
    let read = read(&large.to_half_bytes()).unwrap();
    assert_eq!(read.tensor("out.weight"), large.tensor("out.weight"), "{kind}");
    assert_ne!(read.tensor("rnn.weight_hh_l0"), large.tensor("rnn.weight_hh_l0"), "{kind}");
}

#[test]
fn a_file_cut_anywhere_is_refused() {
    for (_, kind, data) in models::all_kinds() {
        let bytes = data.to_bytes();
        let end = header_end(&bytes);
        let mut cuts: Vec<usize> = (0..=end).collect();
        let mut boundary = end;
        for tensor in data.config().tensors() {
            boundary += 4 * tensor.shape.iter().product::<usize>();
            cuts.extend([boundary - 1, boundary]);
        }
        for cut in cuts.into_iter().filter(|&cut| cut < bytes.len()) {
            refused(&bytes[..cut], &format!("{kind} cut after {cut} bytes"));
        }
        let mut longer = bytes;
        longer.extend_from_slice(&[0; 8]);
        refused(&longer, &format!("{kind} with something behind it"));
    }
}

#[test]
fn each_fault_is_its_own_error() {
    let bytes = models::all_kinds().swap_remove(0).2.to_bytes();
    let end = header_end(&bytes);

    let error = refused(b"a letter to a friend, not a model at all", "wrong magic");
    assert!(error.contains("expected a model of Sympathy, found a text"), "{error}");
    for length in [u64::MAX, u64::MAX - 7, 1 << 40, bytes.len() as u64, (1 << 20) + 1] {
        let mut absurd = bytes.clone();
        absurd[..8].copy_from_slice(&length.to_le_bytes());
        let error = refused(&absurd, "header length");
        assert!(
            error.contains("damaged, or no model: expected the description of a model at its beginning"),
            "{error}"
        );
    }
    let error = refused(&with_header(&bytes, |header| header["__metadata__"] = json!({})), "no metadata");
    assert!(error.contains("found plain tensors"), "{error}");
    let error = refused(
        &with_header(&bytes, |header| header["__metadata__"][METADATA_KEY] = "{oops".into()),
        "broken metadata",
    );
    assert!(error.contains("metadata `sympathy`: expected a JSON object"), "{error}");
    let error = refused(&with_config(&bytes, |config| config["format_version"] = 2.into()), "newer");
    assert!(error.contains("format version: expected at most 1, found 2"), "{error}");

    let renamed = with_header(&bytes, |header| {
        let tensor = header["out.bias"].take();
        header.as_object_mut().unwrap().remove("out.bias");
        header["out.base"] = tensor;
    });
    let error = refused(&renamed, "missing tensor");
    assert!(error.contains("tensor `out.bias`: expected F32 or F16 [51], found nothing"), "{error}");
    let reshaped = with_header(&bytes, |header| header["out.weight"]["shape"] = json!([12, 51]));
    let error = refused(&reshaped, "wrong shape");
    assert!(error.contains("tensor `out.weight`: expected F32, F16 or I8 [51, 12], found F32 [12, 51]"), "{error}");
    let retyped = with_header(&bytes, |header| header["out.weight"]["dtype"] = "I32".into());
    let error = refused(&retyped, "wrong type");
    assert!(error.contains("tensor `out.weight`: expected F32, F16 or I8 [51, 12], found I32 [51, 12]"), "{error}");

    for number in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let mut wild = bytes.clone();
        wild[end + 4 * 7..][..4].copy_from_slice(&number.to_le_bytes());
        let error = refused(&wild, "a weight that is no number");
        assert!(error.contains("expected finite numbers") && error.contains("at element 7"), "{error}");
    }
}

#[test]
fn absurd_numbers_are_refused_before_memory_is_taken() {
    let bytes = models::all_kinds().swap_remove(0).2.to_bytes();
    let absurd =
        [json!(0), json!(-1), json!(u64::MAX), json!(1u64 << 62), json!(1e308), json!(null), json!("12"), json!([])];
    let sizes = ["/layers", "/hidden", "/principal_components", "/sample_rate_hz", "/approach/window", "/approach/hop"];
    let heads = ["/head/components", "/format_version"];
    for place in sizes.into_iter().chain(heads) {
        for value in &absurd {
            let edited = with_config(&bytes, |config| *config.pointer_mut(place).expect(place) = value.clone());
            refused(&edited, &format!("{place} = {value}"));
        }
    }
    let numbers =
        ["/temperature", "/warmup_speed", "/feedback_noise", "/scaling/mean", "/scaling/std", "/approach/power"];
    for place in numbers.into_iter().chain(["/approach/magnitude_peak", "/approach/sharpen"]) {
        for value in [json!(-1e30), json!(1e30), json!(1e308), json!(null), json!("1")] {
            let edited = with_config(&bytes, |config| *config.pointer_mut(place).expect(place) = value.clone());
            refused(&edited, &format!("{place} = {value}"));
        }
    }
    for name in ["", "\u{7}", &"x".repeat(81)] {
        refused(&with_config(&bytes, |config| config["name"] = name.into()), &format!("name {name:?}"));
    }
    for shape in [json!([u64::MAX, u64::MAX]), json!([1u64 << 40, 1u64 << 40]), json!([]), json!([-1])] {
        refused(
            &with_header(&bytes, |header| header["out.weight"]["shape"] = shape.clone()),
            &format!("shape {shape}"),
        );
    }
    for offsets in [json!([0, u64::MAX]), json!([u64::MAX, 0]), json!([8, 4])] {
        let edited = with_header(&bytes, |header| header["out.weight"]["data_offsets"] = offsets.clone());
        refused(&edited, &format!("offsets {offsets}"));
    }
    // A network that would need 16 GiB: the file would have to hold it, so nothing is allocated.
    let vast = with_config(&bytes, |config| (config["hidden"], config["layers"]) = (8192.into(), 16.into()));
    let error = refused(&vast, "a vast network");
    assert!(error.contains("tensor `rnn.weight_ih_l0`: expected F32, F16 or I8 [32768, 8]"), "{error}");
}

#[test]
fn sizes_beyond_the_cap_folders_and_absent_files_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(NAME);
    let error = |path: &Path| ModelData::read(path).expect_err("must be refused").to_string();
    assert!(error(&path).contains("cannot be read"));
    assert!(error(folder.path()).contains("found a folder"));
    fs::write(&path, b"\x10\0\0\0\0\0\0\0{").unwrap();
    File::options().write(true).open(&path).and_then(|file| file.set_len((512 << 20) + 1)).unwrap();
    assert!(error(&path).contains("at most 536870912 bytes, this one has 536870913"));
}

#[test]
fn random_damage_never_panics() {
    let mut random = Random::new(SEED);
    let kinds = models::all_kinds();
    let files = kinds.iter().flat_map(|(_, kind, data)| [(kind, data.to_bytes()), (kind, data.to_int8_bytes())]);
    for (kind, whole) in files {
        let end = header_end(&whole) as u32;
        // 20 000 files in all, and some.
        for variant in 0..1500 {
            let mut bytes = whole.clone();
            for _ in 0..=random.below(4) {
                // Mostly the header, where damage is worst.
                let reach = if random.below(4) > 0 { end } else { whole.len() as u32 };
                bytes[random.below(reach) as usize] ^= 1 << random.below(8);
            }
            match read(&bytes) {
                Ok(damaged) => play(&damaged),
                Err(error) => assert!(error.to_string().contains(NAME), "{kind} {variant}: {error}"),
            }
        }
    }
}
