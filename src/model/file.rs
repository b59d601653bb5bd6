//! Reading and writing the container.

use super::{
    approach::APPROACHES,
    config::{FORMAT_VERSION, ModelConfig, TensorShape},
    error::ModelError,
    foreign::{Foreign, LOOK_BYTES},
    storage::{from_bytes, from_half, to_bytes, to_half},
};
use crate::{text_file::json_mistake, whole_file::write_whole};
use safetensors::{
    Dtype, SafeTensorError, SafeTensors,
    tensor::{Metadata, TensorView},
};
use serde::{Serialize, de::DeserializeOwned};
use std::{
    collections::{BTreeMap, HashMap},
    fs::File,
    io::{Read, Seek, SeekFrom},
    path::Path,
};

/// No model file is larger.
pub const MAX_FILE_BYTES: u64 = 512 << 20;
/// No header is longer; real ones have some kilobytes.
const MAX_HEADER_BYTES: u64 = 1 << 20;
/// Key of the metadata object.
pub const METADATA_KEY: &str = "sympathy";

/// A validated model: its configuration and every tensor it needs, finite and of the right shape.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelData {
    config: ModelConfig,
    tensors: BTreeMap<String, Vec<f32>>,
    /// As [`Self::maker_frames`].
    maker_frames: Vec<u8>,
}

impl ModelData {
    /// Joins a configuration with its tensors (row-major, under PyTorch's names). Tensors that the configuration does
    /// not name are dropped.
    ///
    /// # Errors
    /// As for a file, under the name `file`.
    pub fn new(config: ModelConfig, tensors: BTreeMap<String, Vec<f32>>, file: &Path) -> Result<Self, ModelError> {
        check_config(&config, file)?;
        let mut tensors = tensors;
        let mut kept = BTreeMap::new();
        for wanted in config.tensors() {
            let expected = format!("{} numbers", wanted.shape.iter().product::<usize>());
            let fail = |actual: String| ModelError::Tensor {
                file: file.into(),
                tensor: wanted.name.clone(),
                expected: expected.clone(),
                actual,
            };
            let values = tensors.remove(&wanted.name).ok_or_else(|| fail("nothing".into()))?;
            if values.len() != wanted.shape.iter().product::<usize>() {
                return Err(fail(format!("{} numbers", values.len())));
            }
            check_finite(&values, &wanted.name, file)?;
            kept.insert(wanted.name, values);
        }
        Ok(Self { config, tensors: kept, maker_frames: Vec::new() })
    }

    /// Reads and validates a file.
    ///
    /// # Errors
    /// Every way in which a file can be wrong; see [`ModelError`].
    pub fn read(path: &Path) -> Result<Self, ModelError> {
        Self::from_bytes(&Self::read_bytes(path)?, path)
    }

    /// What a file holds whose size and kind are those of a model; the rest is for [`Self::from_bytes`].
    ///
    /// # Errors
    /// As [`Self::read`].
    pub(crate) fn read_bytes(path: &Path) -> Result<Vec<u8>, ModelError> {
        let io = |source| ModelError::Io { file: path.into(), action: "read", source };
        let no_file = || ModelError::Foreign {
            file: path.into(),
            found: "a folder or a device".into(),
            remedy: "name a .safetensors file in it".into(),
        };
        // Windows does not even open a folder.
        let mut file = File::open(path).map_err(|source| if path.is_dir() { no_file() } else { io(source) })?;
        let metadata = file.metadata().map_err(io)?;
        if !metadata.is_file() {
            return Err(no_file());
        }
        let size = metadata.len();
        // What it is comes before memory is taken for the rest.
        let mut bytes = Vec::new();
        file.by_ref().take(LOOK_BYTES as u64).read_to_end(&mut bytes).map_err(io)?;
        let mut tail = Vec::new();
        if size > LOOK_BYTES as u64 {
            file.seek(SeekFrom::Start(size - LOOK_BYTES as u64)).map_err(io)?;
            file.by_ref().take(LOOK_BYTES as u64).read_to_end(&mut tail).map_err(io)?;
            file.seek(SeekFrom::Start(bytes.len() as u64)).map_err(io)?;
        }
        check_kind(&bytes, &tail, size, path)?;
        if size > MAX_FILE_BYTES {
            return Err(ModelError::TooLarge { file: path.into(), expected: MAX_FILE_BYTES, actual: size });
        }
        check_start(&bytes, size, path)?;
        bytes.reserve_exact((size as usize).saturating_sub(bytes.len()));
        file.take(size.saturating_sub(bytes.len() as u64)).read_to_end(&mut bytes).map_err(io)?;
        Ok(bytes)
    }

    /// Validates a file that is already in memory; `name` stands for its path in errors.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn from_bytes(bytes: &[u8], name: &Path) -> Result<Self, ModelError> {
        let container = Container::of(bytes, name)?;
        if container.is_of_notes() {
            return Err(ModelError::OtherKind {
                file: name.into(),
                expected: "a model of sound",
                actual: "one of notes (approach roll)".into(),
                remedy: "it plays in Sympathy Notes, and with sympathy render take.mid",
            });
        }
        let config: ModelConfig = container.config(name)?;
        check_config(&config, name)?;
        let views = container.tensors(name)?;
        let mut tensors = BTreeMap::new();
        for wanted in config.tensors() {
            let values = read_tensor(&views, &wanted, name)?;
            check_finite(&values, &wanted.name, name)?;
            tensors.insert(wanted.name, values);
        }
        let maker_frames = read_maker_frames(&views, &config, name)?;
        Ok(Self { config, tensors, maker_frames })
    }

    /// Writes the file: beside its place first, then moved there, so that no half file is ever seen.
    ///
    /// # Errors
    /// [`ModelError::Io`].
    pub fn write(&self, path: &Path) -> Result<(), ModelError> {
        write_whole(path, &self.to_bytes()).map_err(|source| ModelError::Io {
            file: path.into(),
            action: "written",
            source,
        })
    }

    /// The file's bytes, all numbers in 32 bits.
    ///
    /// # Panics
    /// Never: shapes were checked.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.bytes(|_, values| Stored::Whole(whole(values)))
    }

    /// A file of about half the size: matrices in half precision, rounded to the nearest; those with a number beyond its range
    /// (65 504), and all vectors, stay in 32 bits.
    ///
    /// # Panics
    /// Never: shapes were checked.
    pub fn to_half_bytes(&self) -> Vec<u8> {
        self.bytes(halved)
    }

    /// A file of little more than a quarter of the size: the large matrices in bytes, each row in multiples of a 127th of its
    /// largest magnitude, which stands in a tensor beside it; all else loses nothing. A network of
    /// magnitudes that stores its weights in 8 bits makes the same of such a file as of the exact one.
    ///
    /// # Panics
    /// Never: shapes were checked.
    pub fn to_int8_bytes(&self) -> Vec<u8> {
        self.bytes(|tensor, values| match &tensor.shape[..] {
            [_, columns] if ["rnn.", "out.", "context."].iter().any(|part| tensor.name.starts_with(part)) => {
                let (bytes, most) = to_bytes(values, *columns);
                Stored::Bytes(bytes, most)
            }
            _ if values.iter().all(|&value| from_half(to_half(value)) == value) => halved(tensor, values),
            _ => Stored::Whole(whole(values)),
        })
    }

    /// As small a file as loses nothing: each matrix in bytes by the row where these hold it exactly, as they do what was read from
    /// bytes; else in half precision, else in 32 bits.
    ///
    /// # Panics
    /// Never: shapes were checked.
    pub fn to_exact_bytes(&self) -> Vec<u8> {
        self.bytes(|tensor, values| {
            let plain = match values.iter().all(|&value| from_half(to_half(value)) == value) {
                true => halved(tensor, values),
                false => Stored::Whole(whole(values)),
            };
            let (&[_, columns], Stored::Half(stored) | Stored::Whole(stored)) = (&tensor.shape[..], &plain) else {
                return plain;
            };
            let (bytes, most) = to_bytes(values, columns);
            let is_smaller = bytes.len() + size_of_val(&most[..]) < stored.len();
            if is_smaller && from_bytes(&bytes, &most, columns) == values { Stored::Bytes(bytes, most) } else { plain }
        })
    }

    fn bytes(&self, store: impl Fn(&TensorShape, &[f32]) -> Stored) -> Vec<u8> {
        let mut others = Vec::new();
        if !self.maker_frames.is_empty() {
            let bins = self.config.frame_size();
            let shape = vec![self.maker_frames.len() / bins, bins];
            others.push((MAKER_FRAMES.into(), Dtype::U8, shape, self.maker_frames.clone()));
        }
        serialise(&self.config, self.config.tensors(), &self.tensors, store, others)
    }

    /// The same tensors under another configuration, which must name the same tensors of the same shapes.
    ///
    /// # Errors
    /// As for a file, under the model's name.
    pub fn with_config(self, config: ModelConfig) -> Result<Self, ModelError> {
        let name = config.name.clone();
        let maker_frames = self.maker_frames;
        Ok(Self { maker_frames, ..Self::new(config, self.tensors, Path::new(&name))? })
    }

    /// The same model under another configuration, with some tensors replaced.
    ///
    /// # Errors
    /// As for a file, under the model's name.
    pub fn with_tensors(&self, config: ModelConfig, replaced: BTreeMap<String, Vec<f32>>) -> Result<Self, ModelError> {
        let name = config.name.clone();
        let mut tensors = self.tensors.clone();
        tensors.extend(replaced);
        let maker_frames = self.maker_frames.clone();
        Ok(Self { maker_frames, ..Self::new(config, tensors, Path::new(&name))? })
    }

    /// Some frames of the material that a listening model was made of, levels in 255ths, `[frame][bin]`: a model that learns from a player
    /// is reminded of it (docs/LEARNING.md). Empty where a file has none.
    pub fn maker_frames(&self) -> &[u8] {
        &self.maker_frames
    }

    /// The same model with other such frames; those of part of a frame, and all but the first [`MAX_MAKER_FRAMES`], are left out.
    pub fn with_maker_frames(mut self, mut frames: Vec<u8>) -> Self {
        let bins = self.config.frame_size();
        frames.truncate((frames.len() / bins).min(MAX_MAKER_FRAMES) * bins);
        self.maker_frames = frames;
        self
    }

    /// The same model with its frames sounded by their peaks alone, or by all bins; none where it knows no magnitudes.
    pub fn with_peak_picking(mut self, on: bool) -> Option<Self> {
        self.config.approach.magnitude_mut()?.peak_picking = on;
        Some(self)
    }

    /// What the file says of itself.
    pub fn config(&self) -> &ModelConfig {
        &self.config
    }

    /// A tensor of [`ModelConfig::tensors`], row-major.
    ///
    /// # Panics
    /// If the configuration names no such tensor.
    pub fn tensor(&self, name: &str) -> &[f32] {
        &self.tensors[name]
    }
}

/// Whether a file is a model of notes, by its description alone; none where it is no sound model's file.
pub fn is_file_of_notes(path: &Path) -> Option<bool> {
    #[derive(serde::Deserialize)]
    struct Header {
        #[serde(rename = "__metadata__")]
        metadata: BTreeMap<String, String>,
    }
    // Looked at before it is opened: opening a pipe would block.
    if !std::fs::metadata(path).ok()?.is_file() {
        return None;
    }
    let mut file = File::open(path).ok()?;
    let mut length = [0; 8];
    file.read_exact(&mut length).ok()?;
    let length = Some(u64::from_le_bytes(length)).filter(|length| *length <= MAX_HEADER_BYTES)?;
    let mut header = Vec::new();
    file.take(length).read_to_end(&mut header).ok()?;
    let header: Header = serde_json::from_slice(&header).ok()?;
    let description: serde_json::Value = serde_json::from_str(header.metadata.get(METADATA_KEY)?).ok()?;
    Some(kind_of(&description)? == super::roll::ROLL_APPROACH)
}

fn kind_of(description: &serde_json::Value) -> Option<&str> {
    description.get("approach")?.get("kind")?.as_str()
}

/// A file whose description was read, of whatever model; its numbers were not looked at yet.
pub(super) struct Container<'a> {
    bytes: &'a [u8],
    header: Metadata,
    config: serde_json::Value,
}

impl<'a> Container<'a> {
    /// Reads the description.
    ///
    /// # Errors
    /// If the file is too large, of another kind, damaged, or of a newer version.
    pub fn of(bytes: &'a [u8], name: &Path) -> Result<Self, ModelError> {
        if bytes.len() as u64 > MAX_FILE_BYTES {
            return Err(ModelError::TooLarge {
                file: name.into(),
                expected: MAX_FILE_BYTES,
                actual: bytes.len() as u64,
            });
        }
        let look = LOOK_BYTES.min(bytes.len());
        check_kind(&bytes[..look], &bytes[bytes.len() - look..], bytes.len() as u64, name)?;
        check_start(bytes, bytes.len() as u64, name)?;
        let (_, header) = SafeTensors::read_metadata(bytes).map_err(|error| damaged(&error, name))?;
        let metadata = header.metadata().as_ref();
        let Some(json) = metadata.and_then(|map| map.get(METADATA_KEY)) else {
            let keys = metadata.into_iter().flat_map(|map| map.keys().map(String::as_str));
            return Err(foreign(Foreign::of_tensors(keys), name));
        };
        let config = parse_config(json, name)?;
        Ok(Self { bytes, header, config })
    }

    fn kind(&self) -> Option<&str> {
        kind_of(&self.config)
    }

    /// Whether it says that it is a model of notes.
    pub fn is_of_notes(&self) -> bool {
        self.kind() == Some(super::roll::ROLL_APPROACH)
    }

    /// The approach that it names, if there is such a one.
    pub fn approach(&self) -> &'static str {
        let known = APPROACHES.iter().find(|info| Some(info.name) == self.kind());
        known.map_or("unknown", |info| info.name)
    }

    /// Its configuration.
    pub fn config<T: DeserializeOwned>(&self, name: &Path) -> Result<T, ModelError> {
        T::deserialize(&self.config).map_err(|error| ModelError::Metadata {
            file: name.into(),
            expected: "the fields of a model".into(),
            actual: json_mistake(&error),
        })
    }

    /// Type and shape of a tensor, if there is one of this name.
    pub fn described(&self, tensor: &str) -> Option<String> {
        self.header.info(tensor).map(|info| format!("{:?} {:?}", info.dtype, info.shape))
    }

    /// The tensors.
    pub fn tensors(&self, name: &Path) -> Result<SafeTensors<'a>, ModelError> {
        SafeTensors::deserialize(self.bytes).map_err(|error| damaged(&error, name))
    }
}

/// A file of these tensors, each stored as `store` says, and of others, as they are: name, type, shape, bytes.
pub(super) fn serialise(
    config: &impl Serialize,
    tensors: Vec<TensorShape>,
    values: &BTreeMap<String, Vec<f32>>,
    store: impl Fn(&TensorShape, &[f32]) -> Stored,
    others: Vec<(String, Dtype, Vec<usize>, Vec<u8>)>,
) -> Vec<u8> {
    let json = serde_json::to_string(config).expect("a configuration is plain data");
    let mut raw = others;
    for tensor in tensors {
        let (dtype, bytes) = match store(&tensor, &values[&tensor.name]) {
            Stored::Whole(bytes) => (Dtype::F32, bytes),
            Stored::Half(bytes) => (Dtype::F16, bytes),
            Stored::Bytes(bytes, most) => {
                raw.push((most_name(&tensor.name), Dtype::F32, vec![most.len()], whole(&most)));
                (Dtype::I8, bytes)
            }
        };
        raw.push((tensor.name, dtype, tensor.shape, bytes));
    }
    let views = raw.iter().map(|(name, dtype, shape, bytes)| {
        (name, TensorView::new(*dtype, shape.clone(), bytes).expect("shapes were checked"))
    });
    let metadata = HashMap::from([(METADATA_KEY.to_string(), json)]);
    safetensors::serialize(views, Some(metadata)).expect("names are unique and shapes were checked")
}

/// The tensor of [`ModelData::maker_frames`].
const MAKER_FRAMES: &str = "maker.frames";
/// At most as many are read and written: some minutes.
pub const MAX_MAKER_FRAMES: usize = 1 << 14;

/// Reads [`ModelData::maker_frames`].
fn read_maker_frames(views: &SafeTensors<'_>, config: &ModelConfig, file: &Path) -> Result<Vec<u8>, ModelError> {
    let Ok(view) = views.tensor(MAKER_FRAMES) else { return Ok(Vec::new()) };
    let bins = config.frame_size();
    match view.shape() {
        &[frames, width] if view.dtype() == Dtype::U8 && width == bins && frames <= MAX_MAKER_FRAMES => {
            Ok(view.data().to_vec())
        }
        shape => Err(ModelError::Tensor {
            file: file.into(),
            tensor: MAKER_FRAMES.into(),
            expected: format!("U8 [at most {MAX_MAKER_FRAMES}, {bins}]"),
            actual: format!("{:?} {shape:?}", view.dtype()),
        }),
    }
}

/// A tensor on its way into a file.
pub(super) enum Stored {
    Whole(Vec<u8>),
    Half(Vec<u8>),
    /// And the largest magnitude of every row.
    Bytes(Vec<u8>, Vec<f32>),
}

/// A matrix in half precision if all of it has one.
pub(super) fn halved(tensor: &TensorShape, values: &[f32]) -> Stored {
    match tensor.shape.len() == 2 && values.iter().all(|&value| from_half(to_half(value)).is_finite()) {
        true => Stored::Half(values.iter().flat_map(|&value| to_half(value).to_le_bytes()).collect()),
        false => Stored::Whole(whole(values)),
    }
}

pub(super) fn whole(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

/// The tensor beside a matrix of bytes, of the largest magnitude of each row.
fn most_name(tensor: &str) -> String {
    format!("{tensor}.row_max")
}

/// A tensor of the wanted shape, whatever it is stored in.
pub(super) fn read_tensor(views: &SafeTensors<'_>, wanted: &TensorShape, file: &Path) -> Result<Vec<f32>, ModelError> {
    let fail = |tensor: &str, expected: String, actual: String| ModelError::Tensor {
        file: file.into(),
        tensor: tensor.into(),
        expected,
        actual,
    };
    let types = if wanted.shape.len() == 2 { "F32, F16 or I8" } else { "F32 or F16" };
    let expected = || format!("{types} {:?}", wanted.shape);
    let view = views.tensor(&wanted.name).map_err(|_| fail(&wanted.name, expected(), "nothing".into()))?;
    let floats = |bytes: &[u8]| bytes.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
    match (view.dtype(), &wanted.shape[..]) {
        (Dtype::F32, shape) if view.shape() == shape => Ok(floats(view.data())),
        (Dtype::F16, shape) if view.shape() == shape => {
            Ok(view.data().as_chunks::<2>().0.iter().map(|bytes| from_half(u16::from_le_bytes(*bytes))).collect())
        }
        (Dtype::I8, shape @ &[rows, columns]) if view.shape() == shape => {
            let name = most_name(&wanted.name);
            let fail = |actual| fail(&name, format!("F32 [{rows}]"), actual);
            let most = views.tensor(&name).map_err(|_| fail("nothing".into()))?;
            if most.dtype() != Dtype::F32 || most.shape() != [rows] {
                return Err(fail(format!("{:?} {:?}", most.dtype(), most.shape())));
            }
            let most: Vec<f32> = floats(most.data());
            check_finite(&most, &name, file)?;
            Ok(from_bytes(view.data(), &most, columns))
        }
        (dtype, _) => Err(fail(&wanted.name, expected(), format!("{dtype:?} {:?}", view.shape()))),
    }
}

fn container(file: &Path, expected: &str, actual: &str) -> ModelError {
    ModelError::Container { file: file.into(), expected: expected.into(), actual: actual.into() }
}

/// Refuses what is something else than a safetensors file.
fn check_kind(head: &[u8], tail: &[u8], size: u64, file: &Path) -> Result<(), ModelError> {
    Foreign::of(head, tail, size, file).map_or(Ok(()), |kind| Err(foreign(kind, file)))
}

fn foreign(kind: Foreign, file: &Path) -> ModelError {
    ModelError::Foreign { file: file.into(), found: kind.found().into(), remedy: kind.remedy(file) }
}

/// The file begins with the length of the description of its tensors.
fn check_start(start: &[u8], size: u64, file: &Path) -> Result<(), ModelError> {
    let Some(length) = start.first_chunk::<8>() else {
        return Err(container(file, "the beginning of a model", &format!("a file of {size} bytes")));
    };
    let (length, most) = (u64::from_le_bytes(*length), MAX_HEADER_BYTES.min(size.saturating_sub(8)));
    if length > most {
        let actual = if length <= MAX_HEADER_BYTES && start.get(8) == Some(&b'{') {
            "a file that ends within it"
        } else {
            "something else"
        };
        return Err(container(file, "the description of a model at its beginning", actual));
    }
    Ok(())
}

fn damaged(error: &SafeTensorError, file: &Path) -> ModelError {
    let (expected, actual) = in_words(error);
    container(file, expected, actual)
}

/// What the reader of safetensors expected and found, without its terms.
pub(super) fn in_words(error: &SafeTensorError) -> (&'static str, &'static str) {
    match error {
        SafeTensorError::MetadataIncompleteBuffer => {
            ("all the weights that it lists, and nothing else", "another number of them")
        }
        SafeTensorError::TensorInvalidInfo
        | SafeTensorError::InvalidOffset(_)
        | SafeTensorError::ValidationOverflow
        | SafeTensorError::MisalignedSlice => ("weights of the sizes that it lists, one behind the other", "others"),
        _ => ("a list of its tensors at its beginning", "one that cannot be read"),
    }
}

fn parse_config(json: &str, file: &Path) -> Result<serde_json::Value, ModelError> {
    let fail =
        |expected: &str, actual: String| ModelError::Metadata { file: file.into(), expected: expected.into(), actual };
    let value: serde_json::Value =
        serde_json::from_str(json).map_err(|error| fail("a JSON object", json_mistake(&error)))?;
    // The version comes first: a newer file may differ in everything else.
    let version = value.get("format_version").and_then(serde_json::Value::as_u64);
    let version = version.ok_or_else(|| fail("a whole number `format_version`", "none".into()))?;
    if version == 0 || version > u64::from(FORMAT_VERSION) {
        return Err(ModelError::Version { file: file.into(), expected: FORMAT_VERSION, actual: version });
    }
    Ok(value)
}

fn check_config(config: &ModelConfig, file: &Path) -> Result<(), ModelError> {
    match config.problem() {
        None => Ok(()),
        Some((field, expected, actual)) => Err(ModelError::Field { file: file.into(), field, expected, actual }),
    }
}

pub(super) fn check_finite(values: &[f32], tensor: &str, file: &Path) -> Result<(), ModelError> {
    match values.iter().position(|value| !value.is_finite()) {
        None => Ok(()),
        Some(index) => {
            Err(ModelError::NotFinite { file: file.into(), tensor: tensor.into(), index, actual: values[index] })
        }
    }
}
