//! The notices of everything that a plugin file contains and that is not ours: licences of the crates and of the material that the
//! embedded models were trained on.

use crate::{
    features::{PACKAGE, PLUGIN},
    linked::{Crate, linked},
    run,
};
use anyhow::{Context, Result};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

/// The beginnings of the names under which crates keep their licences.
const FILES: [&str; 6] = ["LICENSE", "LICENCE", "COPYING", "COPYRIGHT", "NOTICE", "UNLICENSE"];

/// For crates that hold no text of their own.
const MIT: &str = "\
Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated documentation files \
(the \"Software\"), to deal in the Software without restriction, including without limitation the rights to use, copy, modify, \
merge, publish, distribute, sublicense, and/or sell copies of the Software, and to permit persons to whom the Software is \
furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial portions of the Software.

THE SOFTWARE IS PROVIDED \"AS IS\", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES \
OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR COPYRIGHT HOLDERS BE \
LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM, OUT OF OR IN \
CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.";
const ISC: &str = "\
Permission to use, copy, modify, and/or distribute this software for any purpose with or without fee is hereby granted, provided \
that the above copyright notice and this permission notice appear in all copies.

THE SOFTWARE IS PROVIDED \"AS IS\" AND THE AUTHOR DISCLAIMS ALL WARRANTIES WITH REGARD TO THIS SOFTWARE INCLUDING ALL IMPLIED \
WARRANTIES OF MERCHANTABILITY AND FITNESS. IN NO EVENT SHALL THE AUTHOR BE LIABLE FOR ANY SPECIAL, DIRECT, INDIRECT, OR \
CONSEQUENTIAL DAMAGES OR ANY DAMAGES WHATSOEVER RESULTING FROM LOSS OF USE, DATA OR PROFITS, WHETHER IN AN ACTION OF CONTRACT, \
NEGLIGENCE OR OTHER TORTIOUS ACTION, ARISING OUT OF OR IN CONNECTION WITH THE USE OR PERFORMANCE OF THIS SOFTWARE.";

/// Writes the notices for the plugin of a system.
///
/// # Errors
/// If cargo cannot tell the dependencies, a crate states no licence, or the file cannot be written.
pub fn write(triple: &str, file: &Path) -> Result<()> {
    let mut crates = linked(&PLUGIN, triple)?;
    crates.retain(|one| one.key.0 != PACKAGE);
    let mut text = format!(
        "Sympathy contains the work of others: {} crates, and models trained on recordings.\n\n\
         Each crate is used unchanged but where the list says so, under one of the licences that it offers; its source is at the \
         address beside it, and on crates.io. The texts follow below. Rust's standard library is inside as well: MIT OR Apache-2.0 \
         (https://github.com/rust-lang/rust).\n\n",
        crates.len()
    );
    let mut texts: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for one in &crates {
        let (name, version) = &one.key;
        let source = one.repository.clone().unwrap_or_else(|| format!("crates.io, {name}"));
        let changed = if one.is_from_registry { "" } else { ", changed: vendor/ of Sympathy's source" };
        writeln!(text, "{name} {version}: {} ({source}{changed})", one.licence)?;
        let found = licence_texts(&one.folder)?;
        let title = format!("{name} {version}");
        if found.is_empty() {
            texts.entry(stated_text(one)?).or_default().insert(title);
        } else {
            for found in found {
                texts.entry(found).or_default().insert(title.clone());
            }
        }
    }
    text.push_str("\nThe models\n\n");
    text.push_str(&models()?);
    for (licence, names) in texts {
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        write!(text, "\n{}\n{}\n\n{licence}\n", "=".repeat(80), names.join(", "))?;
    }
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))?;
    println!("{}: {} crates", file.display(), crates.len());
    Ok(())
}

/// The text of the licence that a crate only names.
///
/// # Errors
/// If it is neither MIT nor ISC.
fn stated_text(one: &Crate) -> Result<String> {
    let names: Vec<&str> = one.licence.split([' ', '(', ')']).collect();
    let text = [("MIT", MIT), ("ISC", ISC)].into_iter().find(|(name, _)| names.contains(name));
    let (name, text) = text.with_context(|| format!("{} holds no text of its licence, {}", one.key.0, one.licence))?;
    let authors = if one.authors.is_empty() { format!("the authors of {}", one.key.0) } else { one.authors.join(", ") };
    Ok(format!("{name} licence (named by the crate)\n\nCopyright {authors}\n\n{text}"))
}

/// The texts in a crate's folder, in the order of their names.
fn licence_texts(folder: &Path) -> Result<Vec<String>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().to_uppercase();
        if entry.file_type()?.is_file() && FILES.iter().any(|beginning| name.starts_with(beginning)) {
            files.push(entry.path());
        }
    }
    files.sort();
    let read = |path: &PathBuf| -> Result<String> {
        let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        // The same text with other ends of lines is the same text.
        Ok(String::from_utf8_lossy(&bytes).replace('\r', "").trim().to_owned())
    };
    files.iter().map(read).collect()
}

/// What the cards of the models say of their material.
fn models() -> Result<String> {
    let folder = run::root()?.join("models");
    let mut cards: Vec<PathBuf> = fs::read_dir(&folder)?.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    cards.retain(|path| path.extension().is_some_and(|extension| extension == "md"));
    cards.sort();
    let mut text = String::new();
    for card in cards {
        let content = fs::read_to_string(&card).with_context(|| format!("cannot read {}", card.display()))?;
        let title = content.lines().next().unwrap_or_default().trim_start_matches("# ");
        let material = material(&content).with_context(|| format!("{} tells no material", card.display()))?;
        write!(text, "{title}\n\n{material}\n\n")?;
    }
    Ok(text)
}

/// The section of a card that tells the material and its licence.
fn material(card: &str) -> Option<&str> {
    let section = card.split("\n## ").find_map(|section| section.strip_prefix("Material\n"))?;
    (!section.trim().is_empty()).then(|| section.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_licence_that_is_only_named_has_its_text() {
        let of = |licence: &str| {
            stated_text(&Crate {
                key: ("a".into(), "1.0.0".into()),
                licence: licence.into(),
                repository: None,
                authors: vec!["B".into()],
                folder: PathBuf::new(),
                is_from_registry: true,
                needs: BTreeSet::new(),
            })
        };
        assert!(of("Apache-2.0 OR MIT").expect("one of two").contains("Copyright B\n\nPermission is hereby granted"));
        assert!(of("ISC").expect("a text").contains("Permission to use"));
        assert!(of("MPL-2.0").is_err());
    }

    #[test]
    fn every_card_tells_its_material() {
        let text = models().expect("cards");
        assert!(text.contains("Piano (magnitude)") && text.contains("BSD 3-Clause"), "{text}");
        assert_eq!(material("# A\n\n## Material\n\n## Training\n\nx"), None);
        assert_eq!(material("# A\n\n## Material\n\nb\nc\n\n## Training\n\nx"), Some("b\nc"));
    }
}
