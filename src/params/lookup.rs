//! Finding a stored model again: in the project, where it was, or anywhere in the models folder. Blocking; for the thread of
//! [`super::UserModels`].

use super::project::{StoredModel, hex, sha256_hex};
use crate::model::{MAX_FILE_BYTES, folder::model_files};
use sha2::{Digest, Sha256};
use std::{
    collections::HashMap,
    fs::File,
    io::Read,
    path::{Component, Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
};

/// Where a model was found.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// In the project.
    Bytes(Vec<u8>),
    /// In a file.
    File(PathBuf),
}

/// Looks models up; remembers the hashes of the models folder.
#[derive(Debug)]
pub(super) struct Lookup<'a> {
    folder: Option<&'a Path>,
    stop: &'a AtomicBool,
    by_hash: Option<HashMap<String, PathBuf>>,
}

impl<'a> Lookup<'a> {
    /// Looks into `folder`; gives up soon after `stop` is set.
    pub fn new(folder: Option<&'a Path>, stop: &'a AtomicBool) -> Self {
        Self { folder, stop, by_hash: None }
    }

    /// The copy in the project, the file where it was, its place in the models folder, any file of that folder with the same
    /// hash, in this order. A file with another hash is another model, whatever its name.
    ///
    /// # Errors
    /// One line that says where it was looked for.
    pub fn find(&mut self, model: &StoredModel) -> Result<Found, String> {
        let copy = model.file.as_ref().map(|file| file.decode().filter(|bytes| fits(model, &sha256_hex(bytes))));
        let copy_is_damaged = matches!(copy, Some(None));
        if let Some(Some(bytes)) = copy {
            return Ok(Found::Bytes(bytes));
        }
        let absolute = model.path.as_deref().map(PathBuf::from).filter(|path| path.is_absolute());
        let relative = self.folder.zip(model.relative.as_deref()).and_then(|(folder, path)| join(folder, path));
        let mut other_file = None;
        for path in absolute.iter().chain(&relative) {
            match file_sha256(path, self.stop) {
                Some(sha256) if fits(model, &sha256) => return Ok(Found::File(path.clone())),
                Some(_) => other_file = Some(path.clone()),
                None => {}
            }
        }
        if let Some(path) = model.sha256.as_ref().and_then(|sha256| self.hashes().get(sha256)) {
            return Ok(Found::File(path.clone()));
        }
        Err(reason(absolute.as_deref(), self.folder, copy_is_damaged, other_file.as_deref()))
    }

    fn hashes(&mut self) -> &HashMap<String, PathBuf> {
        let (folder, stop) = (self.folder, self.stop);
        self.by_hash.get_or_insert_with(|| {
            let files = folder.map(model_files).unwrap_or_default();
            // Of two equal files the first by name is taken.
            files.into_iter().rev().filter_map(|path| Some((file_sha256(&path, stop)?, path))).collect()
        })
    }
}

fn fits(model: &StoredModel, sha256: &str) -> bool {
    model.sha256.as_ref().is_none_or(|wanted| wanted.eq_ignore_ascii_case(sha256))
}

fn reason(path: Option<&Path>, folder: Option<&Path>, copy_is_damaged: bool, other_file: Option<&Path>) -> String {
    let mut places = Vec::new();
    if copy_is_damaged {
        places.push("its copy in the project is damaged".to_string());
    }
    if let Some(path) = other_file {
        places.push(format!("{} is another file", path.display()));
    }
    if let Some(path) = path.filter(|path| Some(*path) != other_file) {
        places.push(format!("not at {}", path.display()));
    }
    if let Some(folder) = folder {
        places.push(format!("not in {}", folder.display()));
    }
    format!("missing: {}", places.join(", "))
}

/// A stored relative path below a folder; `None` if it leads elsewhere.
fn join(folder: &Path, relative: &str) -> Option<PathBuf> {
    let parts = Path::new(relative);
    let inside = parts.components().all(|part| matches!(part, Component::Normal(_)));
    (inside && !relative.is_empty()).then(|| folder.join(parts))
}

/// The path of a file inside a folder, with `/` between the parts on every system.
pub(super) fn relative_path(folder: &Path, file: &Path) -> Option<String> {
    let parts: Option<Vec<&str>> = file.strip_prefix(folder).ok()?.iter().map(|part| part.to_str()).collect();
    parts.map(|parts| parts.join("/"))
}

/// The hash of a file of a model's size; `None` if there is no such file or it cannot be read.
pub(super) fn file_sha256(path: &Path, stop: &AtomicBool) -> Option<String> {
    // Looked at before it is opened: opening a pipe would block.
    let metadata = std::fs::metadata(path).ok()?;
    if !metadata.is_file() || metadata.len() > MAX_FILE_BYTES {
        return None;
    }
    let mut file = File::open(path).ok()?.take(MAX_FILE_BYTES);
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        if stop.load(Ordering::Relaxed) {
            return None;
        }
        match file.read(&mut buffer).ok()? {
            0 => return Some(hex(&hash.finalize())),
            count => hash.update(&buffer[..count]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::params::Base64File;

    static GO_ON: AtomicBool = AtomicBool::new(false);

    fn stored(content: &[u8]) -> StoredModel {
        StoredModel { slot: 64, name: "bells".into(), sha256: Some(sha256_hex(content)), ..StoredModel::default() }
    }

    #[test]
    fn every_place_is_looked_at_in_order() {
        let (home, folder) = (tempfile::tempdir().expect("temp"), tempfile::tempdir().expect("temp"));
        let absolute = home.path().join("bells.safetensors");
        let inside = folder.path().join("sub");
        std::fs::create_dir(&inside).expect("temp");
        let (relative, renamed) = (inside.join("bells.safetensors"), inside.join("renamed.safetensors"));
        for path in [&absolute, &relative, &renamed] {
            std::fs::write(path, b"bells").expect("temp");
        }
        let mut model = stored(b"bells");
        model.file = Some(Base64File::encode(b"bells"));
        model.path = absolute.to_str().map(str::to_owned);
        model.relative = relative_path(folder.path(), &relative);
        assert_eq!(model.relative.as_deref(), Some("sub/bells.safetensors"));
        let find = |model: &StoredModel| Lookup::new(Some(folder.path()), &GO_ON).find(model);

        assert_eq!(find(&model), Ok(Found::Bytes(b"bells".to_vec())));
        model.file = Some(Base64File::encode(b"damaged"));
        assert_eq!(find(&model), Ok(Found::File(absolute.clone())));
        std::fs::write(&absolute, b"retrained").expect("temp");
        assert_eq!(find(&model), Ok(Found::File(relative.clone())), "another hash is another model");
        std::fs::remove_file(&relative).expect("temp");
        assert_eq!(find(&model), Ok(Found::File(renamed.clone())));
        std::fs::remove_file(&renamed).expect("temp");
        let reason = find(&model).expect_err("nothing is left");
        assert!(reason.starts_with("missing: its copy in the project is damaged, "), "{reason}");
        assert!(reason.contains("bells.safetensors is another file") && !reason.contains('\n'), "{reason}");
    }

    #[test]
    fn hostile_paths_lead_nowhere() {
        let folder = tempfile::tempdir().expect("temp");
        std::fs::write(folder.path().join("a.safetensors"), b"a").expect("temp");
        for relative in ["../a.safetensors", "/etc/passwd", "", "sub/../../a.safetensors", "\0"] {
            let model = StoredModel { relative: Some(relative.into()), ..stored(b"other") };
            assert!(Lookup::new(Some(folder.path()), &GO_ON).find(&model).is_err(), "{relative:?}");
        }
        for path in ["/dev/zero", "relative/path", "\0", "/", ""] {
            let model = StoredModel { path: Some(path.into()), ..stored(b"other") };
            assert!(Lookup::new(None, &GO_ON).find(&model).is_err(), "{path:?}");
        }
    }
}
