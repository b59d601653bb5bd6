//! Numbers and texts as the bytes of a file of our own: a mark and a version at the beginning, a checksum at the end.

use super::error::LearnError;

/// Of the checksum (Fowler, Noll and Vo: FNV-1a with 64 bits).
const BASIS: u64 = 0xcbf2_9ce4_8422_2325;
const PRIME: u64 = 0x0000_0100_0000_01b3;
/// Longest text.
const MAX_TEXT: usize = 4096;

/// The checksum of some bytes: tells what was torn or has rotted, not what was forged.
fn checksum(bytes: &[u8]) -> u64 {
    bytes.iter().fold(BASIS, |sum, &byte| (sum ^ u64::from(byte)).wrapping_mul(PRIME))
}

/// Bytes that are being written.
pub(super) struct Out(Vec<u8>);

impl Out {
    /// With the mark of what they are, and its version.
    pub fn new(mark: [u8; 8], version: u32) -> Self {
        let mut out = Self(mark.to_vec());
        out.u32(version);
        out
    }

    pub fn u32(&mut self, value: u32) {
        self.0.extend(value.to_le_bytes());
    }

    pub fn u64(&mut self, value: u64) {
        self.0.extend(value.to_le_bytes());
    }

    /// At most [`MAX_TEXT`] bytes of it.
    pub fn text(&mut self, text: &str) {
        let end = (0..=text.len().min(MAX_TEXT)).rev().find(|&end| text.is_char_boundary(end)).unwrap_or(0);
        self.bytes(&text.as_bytes()[..end]);
    }

    /// Their number and they.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.u64(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
    }

    /// Without their number.
    pub fn floats(&mut self, values: &[f32]) {
        self.0.reserve(size_of_val(values));
        values.iter().for_each(|value| self.0.extend(value.to_le_bytes()));
    }

    /// The checksum of what was written.
    pub fn sum(&self) -> u64 {
        checksum(&self.0)
    }

    /// All of them, with their checksum.
    pub fn finish(mut self) -> Vec<u8> {
        let sum = self.sum();
        self.u64(sum);
        self.0
    }
}

/// Bytes that are being read: whatever they are, an answer or an error.
pub(super) struct In<'a>(&'a [u8]);

fn damaged(expected: &'static str, found: impl Into<String>) -> LearnError {
    LearnError::Damaged { expected, found: found.into() }
}

impl<'a> In<'a> {
    /// Behind mark and version, once the checksum is right.
    ///
    /// # Errors
    /// If they are something else, of a later version, or damaged.
    pub fn open(bytes: &'a [u8], mark: [u8; 8], version: u32) -> Result<Self, LearnError> {
        let mut reader = Self(bytes);
        if reader.take(mark.len())? != mark {
            return Err(damaged("a lesson that was saved", "something else"));
        }
        let found = reader.u32()?;
        if found != version {
            return Err(damaged("a lesson of this version of Sympathy", format!("one of version {found}")));
        }
        let length = reader.0.len().checked_sub(size_of::<u64>());
        let (body, sum) = reader.0.split_at(length.ok_or_else(|| damaged("all of a lesson", "a part of it"))?);
        if checksum(&bytes[..bytes.len() - sum.len()]).to_le_bytes() != sum {
            return Err(damaged("a whole lesson", "damage (its checksum differs)"));
        }
        Ok(Self(body))
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], LearnError> {
        let (own, rest) = self.0.split_at_checked(count).ok_or_else(|| damaged("all of a lesson", "a part of it"))?;
        self.0 = rest;
        Ok(own)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], LearnError> {
        self.take(N)?.try_into().map_err(|_| damaged("all of a lesson", "a part of it"))
    }

    pub fn u32(&mut self) -> Result<u32, LearnError> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    pub fn u64(&mut self) -> Result<u64, LearnError> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    pub fn text(&mut self) -> Result<String, LearnError> {
        let bytes = self.bytes()?;
        let text = std::str::from_utf8(bytes).ok().filter(|text| text.len() <= MAX_TEXT);
        text.map(str::to_owned).ok_or_else(|| damaged("a short text", format!("{} bytes", bytes.len())))
    }

    /// As many as were written together.
    pub fn bytes(&mut self) -> Result<&'a [u8], LearnError> {
        let count = self.u64()?;
        self.take(usize::try_from(count).unwrap_or(usize::MAX))
    }

    /// So many finite numbers.
    pub fn floats(&mut self, count: usize) -> Result<Vec<f32>, LearnError> {
        let bytes = self.take(count.saturating_mul(size_of::<f32>()))?;
        let values: Vec<f32> = bytes.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
        match values.iter().find(|value| !value.is_finite()) {
            Some(value) => Err(damaged("finite numbers", value.to_string())),
            None => Ok(values),
        }
    }

    /// Whether it ends here.
    ///
    /// # Errors
    /// If it does not.
    pub fn end(self) -> Result<(), LearnError> {
        if self.0.is_empty() { Ok(()) } else { Err(damaged("the end of a lesson", "more")) }
    }
}
