//! What kind of file it is, told from its bytes; and numbers of every width as 32-bit floats.

use candle_core::{DType, Device, Tensor};

/// What a user does about a file that is not read.
pub(super) const SAVE_AGAIN: &str = "save it again in Python with torch.save(model.state_dict(), \"model.pt\")";

/// Files that are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Container {
    /// `torch.save` since PyTorch 1.6.
    Zip,
    /// The header's length stands in front.
    Safetensors,
    Other,
}

impl Container {
    pub fn of(bytes: &[u8]) -> Self {
        match bytes {
            [b'P', b'K', 3, 4, ..] => Self::Zip,
            [_, _, _, _, 0, 0, 0, 0, b'{', ..] => Self::Safetensors,
            _ => Self::Other,
        }
    }
}

/// Numbers stored as `kind`, little-endian, as 32-bit floats.
///
/// # Errors
/// In words, if the bytes do not divide.
pub(super) fn as_f32(bytes: &[u8], kind: DType) -> Result<Vec<f32>, String> {
    let size = kind.size_in_bytes();
    if size == 0 || !bytes.len().is_multiple_of(size) {
        return Err(format!("{} bytes for numbers of {size}", bytes.len()));
    }
    if bytes.is_empty() {
        return Ok(Vec::new());
    }
    Tensor::from_raw_buffer(bytes, kind, &[bytes.len() / size], &Device::Cpu)
        .and_then(|tensor| tensor.to_dtype(DType::F32)?.to_vec1())
        .map_err(|error| brief(&error))
}

/// A message of a library without what follows its first line, and no longer than a line: some print whole objects.
pub(super) fn brief(error: &dyn std::fmt::Display) -> String {
    error.to_string().lines().next().unwrap_or_default().chars().take(160).collect()
}

/// Names for a message: some of them, each shortened.
pub(super) fn listed<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    const MOST: usize = 12;
    let mut names = names.into_iter();
    let shown: Vec<String> = names.by_ref().take(MOST).map(|name| name.chars().take(60).collect()).collect();
    match (shown.is_empty(), names.count()) {
        (true, _) => "none".into(),
        (false, 0) => shown.join(", "),
        (false, more) => format!("{} and {more} more", shown.join(", ")),
    }
}
