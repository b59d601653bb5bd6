//! Small files stand for models: nothing here loads one.

use super::*;
use crate::{
    nn::Isa,
    notes::live::NoteModels,
    params::project::{Base64File, EMBED_LIMIT_BYTES, sha256_hex},
};
use std::{
    path::Path,
    time::{Duration, Instant},
};

const DEADLINE: Duration = Duration::from_secs(20);

fn instance(folder: &Path) -> (Arc<ModelRegistry>, UserModels) {
    let registry = ModelRegistry::with_embedded(Isa::best());
    let models = UserModels::new(Arc::clone(&registry), Some(folder.to_owned()));
    (registry, models)
}

/// Waits for a condition that the models' thread brings about.
fn wait_for(what: &str, condition: impl Fn() -> bool) {
    let began = Instant::now();
    while !condition() {
        assert!(began.elapsed() < DEADLINE, "never: {what}");
        std::thread::yield_now();
    }
}

fn saved(models: &UserModels) -> String {
    models.map(|project| serde_json::to_string(project).expect("plain data"))
}

fn restore(models: &UserModels, json: &str) {
    models.set(serde_json::from_str(json).expect("some JSON"));
}

fn is_settled(models: &UserModels) -> bool {
    match &*models.shelf.inner.lock() {
        Held::Known { user: Some(user), .. } => user.iter().all(|model| model.stored.sha256.is_some()),
        _ => false,
    }
}

fn folder_with(files: &[(&str, &[u8])]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("temp");
    for (name, content) in files {
        std::fs::write(folder.path().join(name), content).expect("temp");
    }
    folder
}

#[test]
fn a_fresh_instance_takes_the_folder_by_name() {
    let folder = folder_with(&[("b.safetensors", b"bb"), ("a.safetensors", b"aa"), ("notes.txt", b"no model")]);
    let (registry, models) = instance(folder.path());
    wait_for("the scan", || is_settled(&models));
    let slots: Vec<u8> = registry.slots().into_iter().filter(|slot| USER_SLOTS.contains(slot)).collect();
    assert_eq!(slots, [64, 65]);
    assert_eq!((registry.label(64), registry.label(65)), ("a".to_string(), "b".to_string()));
    let json = saved(&models);
    assert!(json.contains(&sha256_hex(b"aa")) && json.contains(r#""relative":"a.safetensors""#), "{json}");
    assert!(!json.contains(r#""file""#), "what was never selected is not copied into the project: {json}");
}

#[test]
fn what_is_saved_at_once_is_what_is_saved_later() {
    let large = vec![7; 20 << 20];
    let folder = folder_with(&[("a.safetensors", b"aa"), ("large.safetensors", &large)]);
    let (_registry, models) = instance(folder.path());
    let at_once = saved(&models);
    assert!(at_once.contains("sha256"), "{at_once}");
    assert!(is_settled(&models));
    assert_eq!(saved(&models), at_once);
    let (_registry, empty) = instance(&folder.path().join("nowhere"));
    let at_once = saved(&empty);
    wait_for("the scan", || is_settled(&empty));
    assert_eq!(saved(&empty), at_once);
}

#[test]
fn a_selected_model_travels_in_the_project() {
    let folder = folder_with(&[("a.safetensors", b"aa"), ("b.safetensors", b"bb")]);
    let (_bank, models) = instance(folder.path());
    wait_for("the scan", || is_settled(&models));
    models.shelf.inner.selection.select(65);
    let json = saved(&models);
    let copy = format!("\"file\":\"{}\"", base64_of(b"bb"));
    assert!(json.contains(&copy) && json.matches("file").count() == 1, "{json}");

    let elsewhere = tempfile::tempdir().expect("temp");
    std::fs::remove_file(folder.path().join("b.safetensors")).expect("temp");
    let (registry, models) = instance(elsewhere.path());
    restore(&models, &json);
    wait_for("the copy", || registry.label(65) == "b");
    assert!(saved(&models).contains(&copy), "and goes on travelling");
    models.shelf.inner.store_files.store(false, Ordering::Relaxed);
    assert!(saved(&models).contains(&copy), "the only copy is never thrown away");
}

#[test]
fn the_switch_and_the_size_keep_files_out() {
    let large = vec![7; EMBED_LIMIT_BYTES as usize + 1];
    let folder = folder_with(&[("a.safetensors", b"aa"), ("large.safetensors", &large)]);
    let (_bank, models) = instance(folder.path());
    wait_for("the scan", || is_settled(&models));
    models.shelf.inner.selection.select(64);
    models.shelf.inner.selection.select(65);
    models.shelf.inner.store_files.store(false, Ordering::Relaxed);
    assert!(!saved(&models).contains(r#""file""#));
    models.shelf.inner.store_files.store(true, Ordering::Relaxed);
    assert_eq!(saved(&models).matches(r#""file""#).count(), 1, "only the small one");
}

#[test]
fn a_missing_model_says_why_and_stays_in_the_state() {
    let folder = folder_with(&[]);
    let (registry, models) = instance(folder.path());
    models.shelf.inner.selection.select(70);
    // An absolute path, as this system writes it.
    let path = folder.path().join("nowhere").join("bells.safetensors");
    let json = format!(
        r#"{{"version":1,"user":[{{"slot":70,"name":"bells","sha256":"{}","path":{}}}]}}"#,
        sha256_hex(b"bells"),
        serde_json::json!(path)
    );
    restore(&models, &json);
    wait_for("the reason", || registry.label(70).contains(&format!("missing: not at {}", path.display())));
    assert!(registry.load(70).is_err());
    assert_eq!(saved(&models), json);
}

#[test]
fn a_restored_instance_keeps_its_own_assignment() {
    let folder = folder_with(&[("a.safetensors", b"aa"), ("b.safetensors", b"bb")]);
    let (registry, models) = instance(folder.path());
    let sha256 = sha256_hex(b"aa");
    restore(&models, &format!(r#"{{"version":1,"user":[{{"slot":100,"name":"x","sha256":"{sha256}"}}]}}"#));
    wait_for("slot 100", || registry.label(100) == "a");
    assert_eq!(registry.slots().into_iter().filter(|slot| USER_SLOTS.contains(slot)).collect::<Vec<_>>(), [100]);
    restore(&models, r#"{"version":1}"#);
    wait_for("a scan, as for a project saved too early", || is_settled(&models) && registry.label(100) == "empty");
    assert_eq!((registry.label(64), registry.label(65)), ("a".to_string(), "b".to_string()));
}

#[test]
fn an_undo_step_looks_nothing_up_again() {
    let folder = folder_with(&[("a.safetensors", b"aa")]);
    let (registry, models) = instance(folder.path());
    wait_for("the scan", || is_settled(&models));
    let json = saved(&models);
    let generation = registry.generation();
    restore(&models, &json);
    assert_eq!(registry.generation(), generation, "the same models, in the same places");
    restore(&models, &json.replace("a.safetensors", "b.safetensors"));
    assert_ne!(registry.generation(), generation);
}

#[test]
fn foreign_and_hostile_lists_are_kept_and_do_no_harm() {
    let folder = folder_with(&[("a.safetensors", b"aa")]);
    let (registry, models) = instance(folder.path());
    models.shelf.inner.selection.select(64);
    for (json, reason) in [
        (r#"{"new":[1,2,3],"version":9}"#, "has version 9, this one reads 1"),
        ("[]", "is damaged"),
        (r#"{"user":{"slot":64},"version":1}"#, "is damaged"),
    ] {
        restore(&models, json);
        wait_for(reason, || registry.label(64).contains(reason));
        assert_eq!(saved(&models), json);
    }
    let hostile = r#"{"version":1,"user":[
        {"slot":3,"name":"not the user's"}, {"slot":64,"name":"","file":"?","path":"/dev/zero"},
        {"slot":64,"name":"twice"}, {"slot":127,"name":"\u0000","sha256":"zz","relative":"../../x"}]}"#;
    restore(&models, hostile);
    wait_for("both reasons", || [64, 127].iter().all(|slot| registry.label(*slot).contains("missing")));
    assert!(!saved(&models).contains("twice"));
}

#[test]
fn another_embedded_model_is_noticed() {
    let folder = folder_with(&[]);
    let (registry, models) = instance(folder.path());
    models.shelf.inner.selection.select(63);
    let json = r#"{"version":1,"embedded":{"slot":63,"name":"of-a-later-version"},"user":[]}"#;
    restore(&models, json);
    assert!(registry.label(63).contains("not among the models of this version"), "{}", registry.label(63));
    assert_eq!(saved(&models), json, "the name stays for the version that knows it");
    restore(&models, r#"{"version":1,"user":[]}"#);
    assert_eq!(registry.label(63), "empty");
}

#[test]
fn whoever_asks_during_a_lookup_waits_for_its_end() {
    let folder = folder_with(&[("a.safetensors", b"no model")]);
    for _ in 0..20 {
        let (registry, models) = instance(folder.path());
        let error = registry.load(64).expect_err("no model");
        assert!(error.contains("a.safetensors"), "the slot was asked before it was known: {error}");
        drop(models);
        assert_eq!(registry.label(64), "empty");
    }
}

fn base64_of(bytes: &[u8]) -> String {
    let file = serde_json::to_string(&Base64File::encode(bytes)).expect("plain data");
    file.trim_matches('"').to_owned()
}

#[test]
fn a_missing_model_is_located_by_its_content_and_another_file_is_refused() {
    let (folder, home) =
        (folder_with(&[]), folder_with(&[("found.safetensors", b"bells"), ("other.safetensors", b"x")]));
    let (registry, models) = instance(folder.path());
    let sha256 = sha256_hex(b"bells");
    let json = format!(r#"{{"version":1,"user":[{{"slot":70,"name":"bells","sha256":"{sha256}","path":"/old/b"}}]}}"#);
    restore(&models, &json);
    wait_for("the reason", || registry.label(70).contains("missing: not at /old/b"));
    let other = home.path().join("other.safetensors");
    assert_eq!(models.place(Some(70), &other), Ok(70));
    wait_for("a refusal", || registry.label(70).contains("other.safetensors is another file"));
    assert!(saved(&models).contains(r#""path":"/old/b""#), "the project still knows where it was");
    assert!(models.place(Some(70), &home.path().join("gone.safetensors")).is_err_and(|reason| reason.contains("gone")));
    let found = home.path().join("found.safetensors");
    assert_eq!(models.place(Some(70), &found), Ok(70));
    wait_for("the file", || registry.label(70) == "found");
    let kept = saved(&models);
    assert!(kept.contains("found.safetensors") && kept.contains(&sha256), "{kept}");
    assert!(models.place(Some(99), &found).is_err_and(|reason| reason.contains("no model in slot 99")));
}

#[test]
fn a_model_is_added_to_the_first_free_slot_once() {
    let (folder, home) = (folder_with(&[("a.safetensors", b"aa")]), folder_with(&[("new.safetensors", b"new")]));
    let (registry, models) = instance(folder.path());
    wait_for("the scan", || is_settled(&models));
    let new = home.path().join("new.safetensors");
    assert_eq!(models.place(None, &new), Ok(65));
    wait_for("the file and its hash", || registry.label(65) == "new" && is_settled(&models));
    assert_eq!(models.place(None, &new), Ok(65), "it has a slot");
    assert_eq!(models.place(None, &folder.path().join("a.safetensors")), Ok(64));
    let json = saved(&models);
    assert!(json.contains(&sha256_hex(b"new")), "{json}");
    restore(&models, r#"{"version":1,"user":[]}"#);
    restore(&models, &json);
    wait_for("it is found again", || registry.label(65) == "new");
    restore(&models, r#"{"version":9}"#);
    assert!(models.place(None, &new).is_err(), "what a later version has stored is kept as it is");
}

#[test]
fn what_learns_is_carried_by_the_project_and_its_file_takes_its_place() {
    let small = std::fs::read("tests/fixtures/listening/small.safetensors").expect("the fixture");
    let folder = folder_with(&[("a.safetensors", &small)]);
    let (registry, models) = instance(folder.path());
    wait_for("the scan", || is_settled(&models));
    let lessons = models.for_lessons();
    assert_eq!(lessons.file(64), Ok(("a".into(), small.clone())));
    assert_eq!(lessons.file(4).map(|(name, _)| name), Ok("any".into()));
    assert!(lessons.file(90).is_err_and(|why| why.contains("slot 90 holds no model")));

    // Heard while it learns: in one slot, whatever else comes, and in the project.
    assert_eq!(lessons.put("a, learnt now", small.clone()), Ok(65));
    assert!(registry.get(65).is_some(), "it is loaded at once");
    let carried = saved(&models);
    assert_eq!(lessons.put("a, learnt now", small.clone()), Ok(65));
    assert_eq!(lessons.file(65), Ok(("a, learnt now".into(), small.clone())));
    let (other_registry, other) = instance(folder.path());
    restore(&other, &carried);
    wait_for("the copy", || other_registry.load(65).is_ok());
    assert_eq!(other.for_lessons().put("a, learnt now", small.clone()), Ok(65), "a project that was loaded meanwhile");

    // Its file.
    let path = folder.path().join("a, learnt now.safetensors");
    std::fs::write(&path, &small).expect("temp");
    assert_eq!(lessons.place("a, learnt now", &path), Ok(65));
    assert_eq!(lessons.place("a, learnt now", &path), Ok(65), "a file has one slot");
    wait_for("its hash", || is_settled(&models));
    let entry = registry.entries().into_iter().find(|entry| entry.slot == 65).expect("a model");
    assert_eq!(entry.origin, crate::worker::Origin::File(path.clone()));
    assert!(saved(&models).contains(r#""relative":"a, learnt now.safetensors""#));

    // Without having been heard it takes a free slot.
    let another = folder.path().join("another.safetensors");
    std::fs::write(&another, &small).expect("temp");
    assert_eq!(lessons.place("another", &another), Ok(66));
    // The instance goes first: what a lesson asks for then is refused, and nobody waits.
    drop(models);
    let _ = lessons.place("later", &folder.path().join("none.safetensors"));
}

/// A file that says what approach it has.
fn described(kind: &str) -> Vec<u8> {
    let description = serde_json::json!({ "approach": { "kind": kind } }).to_string();
    let header = serde_json::json!({ "__metadata__": { "sympathy": description } }).to_string();
    [&(header.len() as u64).to_le_bytes()[..], header.as_bytes()].concat()
}

#[test]
fn each_plugin_takes_the_models_of_its_kind_from_the_folder() {
    let (notes, sound, broken) = (described("roll"), described("column"), u64::MAX.to_le_bytes());
    let folder = folder_with(&[
        ("a.safetensors", &notes),
        ("b.safetensors", &sound),
        ("c.safetensors", &notes),
        ("d.safetensors", &broken),
    ]);
    let (registry, models) = instance(folder.path());
    wait_for("the scan", || is_settled(&models));
    assert_eq!(
        [64, 65, 66].map(|slot| registry.label(slot)),
        ["b", "d", "empty"],
        "what may be one is shown with its fault"
    );
    let registry = NoteModels::with_embedded(Isa::best());
    let models = UserModels::new(Arc::clone(&registry), Some(folder.path().to_owned()));
    models.wait_for_names();
    assert_eq!([64, 65, 66, 67].map(|slot| registry.label(slot)), ["a", "c", "d", "empty"]);
}
