//! The crates that are linked into a program: what it needs when it runs, without macros, which leave only what they wrote, and
//! without what builds and tests need. `cargo tree` tells them, as it looks at the features of the one program; `cargo metadata`
//! joins those of the whole workspace and its tests.

use crate::{features::PACKAGE, run};
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

/// What tells one crate from another: name and version.
pub type Key = (String, String);

/// A crate inside a program.
#[derive(Debug)]
pub struct Crate {
    /// Name and version.
    pub key: Key,
    /// The licences that it offers, as an expression of SPDX.
    pub licence: String,
    /// Where its source is kept.
    pub repository: Option<String>,
    /// Whom it names as authors.
    pub authors: Vec<String>,
    /// Its source on this machine.
    pub folder: PathBuf,
    /// False where the source lies in this repository.
    pub is_from_registry: bool,
    /// What it links in turn.
    pub needs: BTreeSet<Key>,
}

/// The crates inside what these features make of the package on a system; the package itself is the one named [`PACKAGE`].
///
/// # Errors
/// If cargo cannot tell them, or a crate states no licence.
pub fn linked(features: &[&str], triple: &str) -> Result<Vec<Crate>> {
    let mut tree = run::cargo()?;
    tree.args(["tree", "--locked", "--edges", "normal,no-proc-macro", "--prefix", "depth", "--format", "{p}"]);
    let output = tree.args(["--package", PACKAGE, "--target", triple]).args(features).output();
    let output = output.context("cargo tree cannot be run")?;
    ensure!(output.status.success(), "{tree:?}: {}", String::from_utf8_lossy(&output.stderr));
    let graph = graph(&String::from_utf8_lossy(&output.stdout))?;
    described(graph, &run::metadata(&[&["--locked", "--filter-platform", triple], features].concat())?)
}

/// What each crate of a printed tree links. A line is depth, name, `v`, version, and more that does not matter here; where the
/// branches of a crate were printed before, they are not printed again.
fn graph(tree: &str) -> Result<BTreeMap<Key, BTreeSet<Key>>> {
    let mut graph: BTreeMap<Key, BTreeSet<Key>> = BTreeMap::new();
    let mut above: Vec<Key> = Vec::new();
    for line in tree.lines().filter(|line| !line.is_empty()) {
        let unexpected = || format!("cargo tree says {line:?}");
        let name_at = line.find(|c: char| !c.is_ascii_digit()).with_context(unexpected)?;
        let depth: usize = line[..name_at].parse().with_context(unexpected)?;
        let mut words = line[name_at..].split(' ');
        let (name, version) = (words.next(), words.next().and_then(|version| version.strip_prefix('v')));
        let key: Key = (name.with_context(unexpected)?.into(), version.with_context(unexpected)?.into());
        ensure!(depth <= above.len(), "{}", unexpected());
        above.truncate(depth);
        if let Some(parent) = above.last() {
            graph.entry(parent.clone()).or_default().insert(key.clone());
        }
        graph.entry(key.clone()).or_default();
        above.push(key);
    }
    Ok(graph)
}

/// The crates of a graph with what the metadata say of them.
fn described(graph: BTreeMap<Key, BTreeSet<Key>>, metadata: &Value) -> Result<Vec<Crate>> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let packages = metadata["packages"].as_array().context("cargo metadata has no packages")?;
    let packages: BTreeMap<Key, &Value> =
        packages.iter().map(|package| ((text(&package["name"]), text(&package["version"])), package)).collect();
    let describe = |(key, needs): (Key, BTreeSet<Key>)| -> Result<Crate> {
        let package = packages.get(&key).with_context(|| format!("{} {} is not among the packages", key.0, key.1))?;
        let licence = text(&package["license"]);
        ensure!(!licence.is_empty(), "{} states no licence", key.0);
        Ok(Crate {
            key,
            // How crates wrote it before there were expressions.
            licence: licence.replace('/', " OR "),
            repository: package["repository"].as_str().map(str::to_owned),
            authors: package["authors"].as_array().into_iter().flatten().map(text).collect(),
            folder: Path::new(&text(&package["manifest_path"])).parent().map(Path::to_owned).unwrap_or_default(),
            is_from_registry: !package["source"].is_null(),
            needs,
        })
    };
    graph.into_iter().map(describe).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::{PLUGIN, PROGRAM};
    use serde_json::json;

    fn key(name: &str) -> Key {
        (name.into(), "1.0.0".into())
    }

    #[test]
    fn a_printed_tree_is_read() {
        let tree = "0top v1.0.0 (/a folder)\n1a v1.0.0\n2b v1.0.0\n3c v1.0.0\n1b v1.0.0 (*)\n1c v1.0.0\n";
        let graph = graph(tree).expect("a tree");
        let needs = |name: &str| graph[&key(name)].iter().map(|key| key.0.as_str()).collect::<Vec<_>>();
        assert_eq!(
            (needs("top"), needs("a"), needs("b"), needs("c")),
            (vec!["a", "b", "c"], vec!["b"], vec!["c"], vec![])
        );
        for broken in ["a v1.0.0", "1a v1.0.0", "0a", "0a 1.0.0", "0a v1.0.0\n2b v1.0.0"] {
            assert!(super::graph(broken).is_err(), "{broken:?}");
        }
    }

    #[test]
    fn a_crate_without_a_licence_is_an_error() {
        let package = |licence: Option<&str>| {
            json!({ "packages": [{ "name": "a", "version": "1.0.0", "license": licence, "authors": [], "repository": null,
                "manifest_path": "/a/Cargo.toml", "source": "registry" }] })
        };
        let one = || BTreeMap::from([(key("a"), BTreeSet::new())]);
        let known = described(one(), &package(Some("Apache-2.0/MIT"))).expect("a licence");
        assert_eq!((known[0].licence.as_str(), known[0].is_from_registry), ("Apache-2.0 OR MIT", true));
        assert_eq!(described(one(), &package(None)).expect_err("none").to_string(), "a states no licence");
    }

    #[test]
    fn programs_hold_what_they_link_and_nothing_of_macros_tests_and_builds() {
        let names = |features: &[&str]| -> BTreeSet<String> {
            linked(features, run::host()).expect("cargo").into_iter().map(|one| one.key.0).collect()
        };
        let (plugin, program) = (names(&PLUGIN), names(&PROGRAM));
        let metadata = run::metadata(&["--no-deps"]).expect("cargo");
        let ours = metadata["packages"].as_array().expect("packages").iter().find(|package| package["name"] == PACKAGE);
        let dependencies = ours.expect("the package")["dependencies"].as_array().expect("dependencies");
        for dependency in dependencies.iter().filter(|one| one["kind"].is_null() && one["optional"] == false) {
            let name = dependency["name"].as_str().expect("a name");
            assert!(plugin.contains(name) && program.contains(name), "{name}");
        }
        assert!(plugin.contains("nice-plug") && !program.contains("nice-plug"));
        assert!(program.contains("candle-core") && !plugin.contains("candle-core"));
        for name in ["serde_derive", "candle-nn", "clack-host", "tract-onnx", "autocfg", "xtask"] {
            assert!(!plugin.contains(name) && !program.contains(name), "{name}");
        }
    }
}
