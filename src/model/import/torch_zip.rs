//! The archive that `torch.save` writes: records stored without compression, one of them the pickle.

use super::{
    container::{SAVE_AGAIN, as_f32, brief, listed},
    pickle::{self, Mismatch, Place, StateDict},
};
use crate::model::MAX_FILE_BYTES;
use std::{
    collections::BTreeMap,
    io::{Cursor, Read},
};
use zip::{CompressionMethod, ZipArchive};

/// No pickle of a state dictionary is longer.
const MAX_PICKLE_BYTES: u64 = 16 << 20;
/// Records of an archive.
const MAX_RECORDS: usize = 100_000;
/// The end of the directory comes in up to three parts, and chance may look like one.
const MAX_ENDS: usize = 8;
/// No other text in an archive is longer.
const MAX_TEXT_BYTES: u64 = 1 << 20;

/// An archive and the places of its tensors.
#[derive(Clone, Debug)]
pub(super) struct TorchZip {
    bytes: Vec<u8>,
    /// What stands before a record's name, with its slash.
    folder: String,
    pub tensors: BTreeMap<String, Place>,
    /// What a user should know of where they were found.
    pub notes: Vec<String>,
}

impl TorchZip {
    pub fn new(bytes: Vec<u8>, key: Option<&str>) -> Result<Self, Mismatch> {
        let mut archive = Archive::open(&bytes)?;
        let names = archive.names()?;
        let folders: Vec<&str> = names.iter().filter_map(|name| name.strip_suffix("data.pkl")).collect();
        let folder = match folders[..] {
            [folder] if folder.is_empty() || folder.ends_with('/') => folder.to_string(),
            [] => {
                return Err(("a record data.pkl, as torch.save writes it".into(), listed(names.iter().map(|n| &**n))));
            }
            _ => return Err(("one record data.pkl".into(), format!("{}", folders.len()))),
        };
        if names.iter().any(|name| name.starts_with(&format!("{folder}code/"))) {
            return Err((format!("a state dictionary ({SAVE_AGAIN})"), "TorchScript".into()));
        }
        let byte_order = format!("{folder}byteorder");
        if names.contains(&byte_order) && archive.record(&byte_order, MAX_TEXT_BYTES)? != b"little" {
            return Err(("little-endian numbers".into(), "others".into()));
        }
        let pickle = archive.record(&format!("{folder}data.pkl"), MAX_PICKLE_BYTES)?;
        let StateDict { tensors, notes } = pickle::state_dict(&pickle, key)?;
        Ok(Self { tensors, notes, folder, bytes })
    }

    /// A text that lies in the archive besides.
    pub fn text(&self, name: &str) -> Option<String> {
        let mut archive = Archive::open(&self.bytes).ok()?;
        String::from_utf8(archive.record(&format!("{}{name}", self.folder), MAX_TEXT_BYTES).ok()?).ok()
    }

    /// The numbers of some tensors of [`Self::tensors`], row-major. Each storage is read once.
    pub fn read<'a>(
        &self,
        names: impl IntoIterator<Item = &'a str>,
    ) -> Result<BTreeMap<String, Vec<f32>>, (String, Mismatch)> {
        let mut archive = Archive::open(&self.bytes).map_err(|mismatch| ("data.pkl".to_string(), mismatch))?;
        let mut records: BTreeMap<&str, Vec<u8>> = BTreeMap::new();
        let mut left = MAX_FILE_BYTES;
        let mut values = BTreeMap::new();
        for name in names {
            let fail = |mismatch| (name.to_string(), mismatch);
            let place = self.tensors.get(name).ok_or_else(|| fail(("a tensor of floats".into(), "nothing".into())))?;
            if !records.contains_key(&*place.record) {
                let record = archive.record(&format!("{}data/{}", self.folder, place.record), left).map_err(fail)?;
                left -= record.len() as u64;
                records.insert(&place.record, record);
            }
            let numbers = spread(place, &records[&*place.record]).map_err(fail)?;
            values.insert(name.to_string(), numbers);
        }
        Ok(values)
    }
}

/// Numbers of a storage in the order of a tensor's rows. The tensor's size was checked by the caller of
/// [`TorchZip::read`].
fn spread(place: &Place, storage: &[u8]) -> Result<Vec<f32>, Mismatch> {
    let size = place.kind.size_in_bytes();
    let outside = || {
        let expected = format!("numbers within a storage of {} bytes", storage.len());
        (expected, format!("shape {:?}, strides {:?}, offset {}", place.shape, place.strides, place.offset))
    };
    if place.shape.contains(&0) {
        return Ok(Vec::new());
    }
    let reach = place
        .shape
        .iter()
        .zip(&place.strides)
        .try_fold(place.offset, |reach, (&count, &stride)| reach.checked_add((count - 1).checked_mul(stride)?));
    let end = reach.and_then(|reach| reach.checked_add(1)?.checked_mul(size)).ok_or_else(outside)?;
    let used = storage.get(place.offset * size..end).ok_or_else(outside)?;
    let numbers = as_f32(used, place.kind).map_err(|found| ("whole numbers".to_string(), found))?;
    let mut row_major = Vec::with_capacity(place.shape.iter().product());
    walk(&place.shape, &place.strides, &numbers, &mut row_major);
    Ok(row_major)
}

/// Appends the numbers of a block that begins with the first of `numbers`.
fn walk(shape: &[usize], strides: &[usize], numbers: &[f32], row_major: &mut Vec<f32>) {
    match (shape, strides) {
        ([count, shape @ ..], [stride, strides @ ..]) => {
            (0..*count).for_each(|k| walk(shape, strides, &numbers[k * stride..], row_major));
        }
        _ => row_major.push(numbers[0]),
    }
}

/// The directory is read as a whole, an entry for a few bytes, and again from every place that looks like its end: what would
/// take long or much memory is refused before. Each entry and each end begins with its signature.
fn check_directory(bytes: &[u8]) -> Result<(), String> {
    let (mut entries, mut ends) = (0, 0);
    for signature in bytes.windows(4) {
        match signature {
            b"PK\x01\x02" => entries += 1,
            b"PK\x05\x06" | b"PK\x06\x06" | b"PK\x06\x07" => ends += 1,
            _ => {}
        }
    }
    if entries > MAX_RECORDS {
        return Err(format!("more than {MAX_RECORDS} records"));
    }
    if ends > MAX_ENDS { Err(format!("{ends} places at which its directory might end")) } else { Ok(()) }
}

struct Archive<'a> {
    zip: ZipArchive<Cursor<&'a [u8]>>,
    length: u64,
}

impl<'a> Archive<'a> {
    fn open(bytes: &'a [u8]) -> Result<Self, Mismatch> {
        let fail =
            |found| ("a whole file as torch.save writes it".to_string(), format!("{found}; copy or download it again"));
        check_directory(bytes).map_err(fail)?;
        let zip = ZipArchive::new(Cursor::new(bytes)).map_err(|_| fail("one that is cut short or damaged".into()))?;
        Ok(Self { zip, length: bytes.len() as u64 })
    }

    fn names(&self) -> Result<Vec<String>, Mismatch> {
        let names = self.zip.file_names().map(|name| name.map(|name| name.into_owned()));
        names.collect::<Result<_, _>>().map_err(|error| ("records with names".into(), brief(&error)))
    }

    /// A record of at most `most` bytes; stored as it is, it cannot be longer than the archive.
    fn record(&mut self, name: &str, most: u64) -> Result<Vec<u8>, Mismatch> {
        let fail = |found: String| (format!("the record {name}"), found);
        let record = self.zip.by_name(name).map_err(|error| fail(brief(&error)))?;
        if record.compression() != CompressionMethod::Stored {
            return Err(fail(format!("a compressed one; {SAVE_AGAIN}")));
        }
        let size = record.size();
        if size > most.min(self.length) {
            return Err((format!("a record {name} of at most {} bytes", most.min(self.length)), size.to_string()));
        }
        let mut bytes = Vec::with_capacity(size as usize);
        // The checksum is compared at the end.
        record.take(most + 1).read_to_end(&mut bytes).map_err(|error| fail(brief(&error)))?;
        if bytes.len() as u64 != size {
            return Err(fail(format!("{} bytes instead of {size}", bytes.len())));
        }
        Ok(bytes)
    }
}
