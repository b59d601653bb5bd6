//! A bill of materials (CycloneDX 1.5, JSON) of what is linked into a program, for those who look through their software for known
//! faults. It holds no time, no random number and no path, so that the same sources give the same file. `cargo cyclonedx` would
//! write such a file too, with all three, and with what only tests and other members of the workspace turn on.

use crate::{
    features::{PACKAGE, PLUGIN, PROGRAM},
    linked::{Crate, Key, linked},
    run,
};
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

/// What a bill is written of, and the features that make it.
pub const BILLS: [(&str, &[&str]); 2] = [("plugin", &PLUGIN), ("program", &PROGRAM)];

/// `cargo xtask sbom`: writes a bill of each of [`BILLS`] for a system, and returns the files in that order.
///
/// # Errors
/// If cargo cannot tell what is linked, or a file cannot be written.
pub fn write(triple: &str, folder: &Path, name: &str) -> Result<Vec<PathBuf>> {
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let lock = run::root()?.join("Cargo.lock");
    let lock = fs::read_to_string(&lock).with_context(|| format!("cannot read {}", lock.display()))?;
    let checksums = checksums(&lock)?;
    let rust = rust_version()?;
    let mut files = Vec::new();
    for (what, features) in BILLS {
        let crates = linked(features, triple)?;
        let bill = bill(what, triple, &crates, &checksums, &rust)?;
        let file = folder.join(format!("{name}-{what}.cdx.json"));
        fs::write(&file, format!("{bill:#}\n")).with_context(|| format!("cannot write {}", file.display()))?;
        println!("{}: {} crates", file.display(), crates.len() - 1);
        files.push(file);
    }
    Ok(files)
}

/// The SHA-256 of every crate of the registry that `Cargo.lock` names.
fn checksums(lock: &str) -> Result<BTreeMap<Key, String>> {
    let lock: toml::Table = lock.parse().context("Cargo.lock is no TOML")?;
    let packages = lock.get("package").and_then(toml::Value::as_array).context("Cargo.lock names no package")?;
    let of = |package: &toml::Value| {
        let text = |field: &str| package.get(field)?.as_str().map(str::to_owned);
        Some(((text("name")?, text("version")?), text("checksum")?))
    };
    Ok(packages.iter().filter_map(of).collect())
}

/// The Rust whose standard library is linked, such as 1.95.0.
fn rust_version() -> Result<String> {
    let output = run::command("rustc")?.arg("--version").output().context("rustc cannot be run")?;
    let said = String::from_utf8_lossy(&output.stdout);
    let version = said.split(' ').nth(1).with_context(|| format!("rustc says {said:?} of its version"))?;
    Ok(version.into())
}

/// The bill of what `crates` make.
///
/// # Errors
/// If the package is not among them, or one of the registry has no checksum.
fn bill(what: &str, triple: &str, crates: &[Crate], checksums: &BTreeMap<Key, String>, rust: &str) -> Result<Value> {
    let ours = crates.iter().find(|one| one.key.0 == PACKAGE).context("the package is not there")?;
    // Its name on crates.io would be another's.
    let our_name = format!("{PACKAGE}-{what}@{}", ours.key.1);
    let std_name = format!("pkg:github/rust-lang/rust@{rust}");
    let name = |key: &Key| if key.0 == PACKAGE { our_name.clone() } else { purl(key) };
    let mut components = vec![json!({
        "type": "library", "bom-ref": std_name, "name": "std", "version": rust, "purl": std_name,
        "description": "Rust's standard library", "licenses": [{ "expression": "MIT OR Apache-2.0" }],
    })];
    let mut dependencies = vec![json!({ "ref": std_name, "dependsOn": [] })];
    for one in crates {
        let needs: Vec<String> = one.needs.iter().map(&name).chain([std_name.clone()]).collect();
        dependencies.push(json!({ "ref": name(&one.key), "dependsOn": needs }));
        if one.key.0 != PACKAGE {
            components.push(component(one, checksums)?);
        }
    }
    Ok(json!({
        "$schema": "http://cyclonedx.org/schema/bom-1.5.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application", "bom-ref": our_name, "name": format!("{PACKAGE} ({what})"), "version": ours.key.1,
                "licenses": [{ "expression": ours.licence }],
            },
            "properties": [
                { "name": "cdx:reproducible", "value": "true" },
                { "name": "sympathy:target", "value": triple },
            ],
        },
        "components": components,
        "dependencies": dependencies,
    }))
}

/// A crate that is not ours.
fn component(one: &Crate, checksums: &BTreeMap<Key, String>) -> Result<Value> {
    let purl = purl(&one.key);
    let mut component = json!({
        "type": "library", "bom-ref": purl, "name": one.key.0, "version": one.key.1, "purl": purl,
        "licenses": [{ "expression": one.licence }],
    });
    if let Some(address) = &one.repository {
        component["externalReferences"] = json!([{ "type": "vcs", "url": address }]);
    }
    if let Some(checksum) = checksums.get(&one.key) {
        component["hashes"] = json!([{ "alg": "SHA-256", "content": checksum }]);
    } else {
        ensure!(!one.is_from_registry, "Cargo.lock has no checksum of {} {}", one.key.0, one.key.1);
        component["pedigree"] = json!({
            "ancestors": [{ "type": "library", "name": one.key.0, "version": one.key.1, "purl": purl }],
            "notes": "Changed in this repository; vendor/README.md says how.",
        });
    }
    Ok(component)
}

/// What package registries call a crate among all that there is.
fn purl((name, version): &Key) -> String {
    // The plus of build metadata would be read as a blank.
    format!("pkg:cargo/{name}@{}", version.replace('+', "%2B"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn key(name: &str) -> Key {
        (name.into(), "1.0.0+b".into())
    }

    fn one(name: &str, is_from_registry: bool, needs: &[&str]) -> Crate {
        Crate {
            key: key(name),
            licence: "MIT".into(),
            repository: None,
            authors: Vec::new(),
            folder: PathBuf::from("/not/told"),
            is_from_registry,
            needs: needs.iter().map(|name| key(name)).collect(),
        }
    }

    #[test]
    fn a_bill_names_every_crate_with_its_checksum_and_no_path() {
        let lock = "version = 4\n[[package]]\nname = \"a\"\nversion = \"1.0.0+b\"\nsource = \"r\"\nchecksum = \"17\"\n";
        let checksums = checksums(lock).expect("a lock file");
        let crates = [one("a", true, &[]), one("changed", false, &["a"]), one(PACKAGE, false, &["a", "changed"])];
        let bill = bill("plugin", "triple", &crates, &checksums, "1.95.0").expect("all there");
        assert!(!bill.to_string().contains("/not/told"));
        let refs: Vec<&str> =
            bill["components"].as_array().expect("a list").iter().filter_map(|one| one["bom-ref"].as_str()).collect();
        assert_eq!(refs, ["pkg:github/rust-lang/rust@1.95.0", "pkg:cargo/a@1.0.0%2Bb", "pkg:cargo/changed@1.0.0%2Bb"]);
        assert_eq!(bill["components"][1]["hashes"], json!([{ "alg": "SHA-256", "content": "17" }]));
        assert_eq!(bill["components"][2]["pedigree"]["ancestors"][0]["purl"], "pkg:cargo/changed@1.0.0%2Bb");
        assert_eq!(bill["metadata"]["component"]["bom-ref"], "sympathy-plugin@1.0.0+b");
        let told: BTreeMap<&str, usize> = bill["dependencies"]
            .as_array()
            .expect("a list")
            .iter()
            .filter_map(|one| Some((one["ref"].as_str()?, one["dependsOn"].as_array()?.len())))
            .collect();
        assert_eq!((told.len(), told["sympathy-plugin@1.0.0+b"], told["pkg:cargo/a@1.0.0%2Bb"]), (4, 3, 1));
    }

    #[test]
    fn a_crate_of_the_registry_without_a_checksum_is_an_error() {
        let crates = [one("a", true, &[]), one(PACKAGE, false, &["a"])];
        let error = bill("plugin", "triple", &crates, &BTreeMap::new(), "1.95.0").expect_err("no checksum");
        assert_eq!(error.to_string(), "Cargo.lock has no checksum of a 1.0.0+b");
    }

    #[test]
    fn every_linked_crate_of_the_registry_has_a_checksum_in_the_lock_file() {
        let folder = std::env::temp_dir().join(format!("sympathy-sbom-{}", std::process::id()));
        let files = write(run::host(), &folder, "a").expect("two bills");
        let again = write(run::host(), &folder, "b").expect("two bills");
        for (file, again) in files.iter().zip(&again) {
            assert_eq!(fs::read(file).expect("written"), fs::read(again).expect("written"), "{}", file.display());
        }
        let bill: Value = serde_json::from_slice(&fs::read(&files[0]).expect("written")).expect("JSON");
        let components = bill["components"].as_array().expect("a list");
        let without: BTreeSet<String> = components
            .iter()
            .filter(|one| one["hashes"].is_null())
            .filter_map(|one| Some(one["name"].as_str()?.to_owned()))
            .collect();
        // Those that are changed here.
        let vendor = fs::read_dir(run::root().expect("a root").join("vendor")).expect("vendor");
        let changed = vendor.flatten().filter(|entry| entry.path().is_dir());
        let changed = changed.map(|entry| entry.file_name().to_string_lossy().into_owned());
        let expected: BTreeSet<String> = changed.chain(["std".to_owned()]).collect();
        assert_eq!(without, expected, "{} components", components.len());
        fs::remove_dir_all(folder).expect("it is there");
    }
}
