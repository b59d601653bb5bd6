//! The inputs that fuzzing keeps, tried once more: whole files are accepted, and nothing panics or takes much memory.

mod seeds;
#[path = "../../fuzz/src/targets.rs"]
mod targets;

use std::{
    fs,
    panic::catch_unwind,
    path::{Path, PathBuf},
};
use targets::{TARGETS, run};

/// The inputs of a kind that a target has.
fn inputs(kind: &str, target: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz").join(kind).join(target);
    let entries = fs::read_dir(folder).into_iter().flatten();
    entries.map(|entry| entry.expect("an input").path()).collect()
}

/// Those of the inputs that are not accepted.
///
/// # Panics
/// If some are worse than that.
fn refused(target: &str, inputs: &[PathBuf]) -> Vec<PathBuf> {
    let mut failed = Vec::new();
    let mut refused = Vec::new();
    for input in inputs {
        let bytes = fs::read(input).expect("an input");
        match catch_unwind(|| run(target, &bytes)) {
            Ok(true) => {}
            Ok(false) => refused.push(input.clone()),
            Err(_) => failed.push(input),
        }
    }
    assert!(failed.is_empty(), "{target}: {failed:?}");
    refused
}

/// `UPDATE_SEEDS` writes them anew.
#[test]
fn whole_files_are_accepted() {
    if std::env::var_os("UPDATE_SEEDS").is_some() {
        seeds::write_all().expect("space");
    }
    for (target, _) in TARGETS {
        let seeds = inputs("seeds", target);
        assert!(seeds.len() > 1, "{target}: {seeds:?}");
        assert_eq!(refused(target, &seeds), [""; 0].map(PathBuf::from), "{target}");
    }
}

#[test]
fn what_fuzzing_has_found_is_survived() {
    for (target, _) in TARGETS {
        let found = inputs("corpus", target);
        assert!(found.len() > 5, "{target}: a corpus of {}", found.len());
        refused(target, &[found, inputs("regressions", target)].concat());
    }
}

#[test]
fn every_target_has_its_program_and_no_folder_is_left_over() {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    for (kind, end) in [("fuzz_targets", ".rs"), ("seeds", ""), ("corpus", ""), ("regressions", "")] {
        for entry in fs::read_dir(fuzz.join(kind)).into_iter().flatten() {
            let name = entry.expect("an entry").file_name().to_string_lossy().into_owned();
            assert!(TARGETS.iter().any(|(target, _)| name == format!("{target}{end}")), "{kind}/{name}");
        }
    }
    for (target, _) in TARGETS {
        let program = fs::read_to_string(fuzz.join(format!("fuzz_targets/{target}.rs"))).expect("its program");
        assert!(program.contains(&format!("fuzz!({target:?})")), "{program}");
    }
}
