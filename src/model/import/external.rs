//! A file of another program: which tensors it holds, and their numbers when they are wanted.

use super::{
    container::{Container, SAVE_AGAIN, as_f32, brief},
    error::ImportError,
    torch_zip::TorchZip,
};
use crate::model::{
    MAX_FILE_BYTES, METADATA_KEY,
    file::in_words,
    foreign::{EXPORT_KEY, Foreign, LOOK_BYTES},
};
use candle_core::DType;
use safetensors::{Dtype, SafeTensorError, SafeTensors};
use std::{
    collections::BTreeMap,
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};

/// No header is longer; those of large language models have some megabytes.
const MAX_HEADER_BYTES: u64 = 16 << 20;

/// A file of at most [`MAX_FILE_BYTES`] whose directory has been read.
#[derive(Clone, Debug)]
pub struct ExternalFile {
    path: PathBuf,
    shapes: BTreeMap<String, Vec<usize>>,
    exported: Option<String>,
    source: Source,
}

#[derive(Clone, Debug)]
enum Source {
    Zip(TorchZip),
    Safetensors(Vec<u8>),
}

impl ExternalFile {
    /// Reads a file. `key`: where in a checkpoint the state dictionary lies; without it the usual keys are tried.
    ///
    /// # Errors
    /// If it cannot be read, is damaged, or of a kind that is not read: old pickles, TorchScript, whole modules.
    pub fn read(path: &Path, key: Option<&str>) -> Result<Self, ImportError> {
        let io = |source| ImportError::Io { file: path.into(), source };
        let no_file = || Self::mismatch(path, "a file", "something else (a folder or a device)");
        // Windows does not even open a folder.
        let file = File::open(path).map_err(|source| if path.is_dir() { no_file() } else { io(source) })?;
        let metadata = file.metadata().map_err(io)?;
        if !metadata.is_file() {
            return Err(no_file());
        }
        let size = metadata.len();
        if size > MAX_FILE_BYTES {
            return Err(ImportError::TooLarge { file: path.into(), expected: MAX_FILE_BYTES, actual: size });
        }
        let mut bytes = Vec::with_capacity(size as usize);
        file.take(size).read_to_end(&mut bytes).map_err(io)?;
        Self::from_bytes(bytes, path, key)
    }

    /// The same from memory; `name` stands for the path in errors.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn from_bytes(bytes: Vec<u8>, name: &Path, key: Option<&str>) -> Result<Self, ImportError> {
        if bytes.len() as u64 > MAX_FILE_BYTES {
            let actual = bytes.len() as u64;
            return Err(ImportError::TooLarge { file: name.into(), expected: MAX_FILE_BYTES, actual });
        }
        let look = LOOK_BYTES.min(bytes.len());
        let kind = Foreign::of(&bytes[..look], &bytes[bytes.len() - look..], bytes.len() as u64, name);
        if let Some(kind) = kind.filter(|kind| kind.is_no_import()) {
            return Err(Self::foreign(kind, name));
        }
        match Container::of(&bytes) {
            Container::Zip => {
                let zip =
                    TorchZip::new(bytes, key).map_err(|(expected, actual)| Self::mismatch(name, &expected, &actual))?;
                let shapes = zip.tensors.iter().map(|(name, place)| (name.clone(), place.shape.clone())).collect();
                let exported = zip.text(EXPORT_KEY);
                Ok(Self { path: name.into(), shapes, exported, source: Source::Zip(zip) })
            }
            Container::Safetensors => Self::from_safetensors(bytes, name),
            Container::Other => {
                let expected = format!("a PyTorch state dictionary or a safetensors file ({SAVE_AGAIN})");
                Err(Self::mismatch(name, &expected, "something else, or a damaged one"))
            }
        }
    }

    fn from_safetensors(bytes: Vec<u8>, name: &Path) -> Result<Self, ImportError> {
        let damaged = |error| Self::damaged(name, &error);
        let header = bytes.first_chunk::<8>().map_or(0, |length| u64::from_le_bytes(*length));
        if header > MAX_HEADER_BYTES {
            let expected = format!("a list of its tensors of at most {MAX_HEADER_BYTES} bytes");
            return Err(Self::mismatch(name, &expected, &header.to_string()));
        }
        let (_, header) = SafeTensors::read_metadata(&bytes).map_err(damaged)?;
        let metadata = header.metadata().clone().unwrap_or_default();
        let kind = Foreign::of_tensors(metadata.keys().map(String::as_str));
        if kind.is_no_import() {
            return Err(Self::foreign(kind, name));
        }
        if metadata.contains_key(METADATA_KEY) {
            let found = "a model of Sympathy's own: it needs no import";
            return Err(Self::mismatch(name, "a file of another program", found));
        }
        let mut shapes = BTreeMap::new();
        for (name, view) in SafeTensors::deserialize(&bytes).map_err(damaged)?.iter() {
            if float_kind(view.dtype()).is_some() {
                shapes.insert(name.to_string(), view.shape().to_vec());
            }
        }
        let exported = metadata.get(EXPORT_KEY).cloned();
        Ok(Self { path: name.into(), shapes, exported, source: Source::Safetensors(bytes) })
    }

    /// The tensors of 16-, 32- or 64-bit floats, and their shapes.
    pub fn shapes(&self) -> &BTreeMap<String, Vec<usize>> {
        &self.shapes
    }

    /// What a user should know of where in a checkpoint the tensors were found.
    pub fn notes(&self) -> &[String] {
        match &self.source {
            Source::Zip(zip) => &zip.notes,
            Source::Safetensors(_) => &[],
        }
    }

    /// Where it came from.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The configuration that an export left, JSON.
    pub fn exported(&self) -> Option<&str> {
        self.exported.as_deref()
    }

    /// The numbers of some tensors, row-major, rounded to 32 bits.
    ///
    /// # Errors
    /// If there is no such tensor, its numbers lie outside the file, or all together take more than [`MAX_FILE_BYTES`].
    pub fn read_tensors(&self, names: &[&str]) -> Result<BTreeMap<String, Vec<f32>>, ImportError> {
        let mut bytes = 0u64;
        for name in names {
            let shape = self.shapes.get(*name).ok_or_else(|| self.tensor(name, "a tensor of floats", "nothing"))?;
            let size = shape.iter().try_fold(4u64, |size, &count| size.checked_mul(count as u64));
            bytes = bytes.saturating_add(size.unwrap_or(u64::MAX));
        }
        if bytes > MAX_FILE_BYTES {
            return Err(ImportError::TooLarge { file: self.path.clone(), expected: MAX_FILE_BYTES, actual: bytes });
        }
        match &self.source {
            Source::Zip(zip) => zip
                .read(names.iter().copied())
                .map_err(|(name, (expected, actual))| self.tensor(&name, &expected, &actual)),
            Source::Safetensors(bytes) => {
                let tensors = SafeTensors::deserialize(bytes).map_err(|error| Self::damaged(&self.path, &error))?;
                let read = |name: &&str| {
                    let fail = |actual: String| self.tensor(name, "a tensor of floats", &actual);
                    let view = tensors.tensor(name).map_err(|error| fail(brief(&error)))?;
                    let kind = float_kind(view.dtype()).ok_or_else(|| fail(format!("{:?}", view.dtype())))?;
                    Ok((name.to_string(), as_f32(view.data(), kind).map_err(fail)?))
                };
                names.iter().map(read).collect()
            }
        }
    }

    fn tensor(&self, name: &str, expected: &str, actual: &str) -> ImportError {
        ImportError::Tensor {
            file: self.path.clone(),
            tensor: name.into(),
            expected: expected.into(),
            actual: actual.into(),
        }
    }

    fn damaged(file: &Path, error: &SafeTensorError) -> ImportError {
        let (expected, found) = in_words(error);
        Self::mismatch(
            file,
            &format!("a whole safetensors file with {expected}"),
            &format!("{found}; copy or download it again"),
        )
    }

    fn foreign(kind: Foreign, file: &Path) -> ImportError {
        ImportError::Foreign { file: file.into(), found: kind.found().into(), remedy: kind.remedy(file) }
    }

    fn mismatch(file: &Path, expected: &str, actual: &str) -> ImportError {
        ImportError::Format { file: file.into(), expected: expected.into(), actual: actual.into() }
    }
}

fn float_kind(kind: Dtype) -> Option<DType> {
    match kind {
        Dtype::F32 => Some(DType::F32),
        Dtype::F64 => Some(DType::F64),
        Dtype::F16 => Some(DType::F16),
        Dtype::BF16 => Some(DType::BF16),
        _ => None,
    }
}
