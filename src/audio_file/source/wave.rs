//! RIFF, RF64 and BW64 files (Microsoft and IBM, *Multimedia Programming Interface and Data Specifications 1.0*, 1991; EBU Tech 3306;
//! ITU-R BS.2088), read by what is in them rather than by the sizes they tell.

use std::{
    io::{self, Read, Seek, SeekFrom},
    ops::Range,
};

/// Of a `fmt ` chunk this much is looked at.
const MAX_FORMAT: u64 = 64;
const PCM: u16 = 1;
const FLOAT: u16 = 3;
const A_LAW: u16 = 6;
const MU_LAW: u16 = 7;
const EXTENSIBLE: u16 = 0xfffe;
/// What an extensible format adds, and what it says of that.
const EXTENSION: u16 = 22;
/// Sizes that say: not known yet.
const UNFINISHED: [u64; 2] = [0, 0xffff_ffff];
/// No file has more chunks.
const MAX_CHUNKS: usize = 10_000;
/// More bytes than this behind the sound that are no chunk are worth a word.
const WORTH_A_WORD: u64 = 1024;

/// A file as it should have been.
pub(super) struct Wave {
    /// Up to where the sound begins.
    pub header: Vec<u8>,
    /// Where the sound lies in the file.
    pub data: Range<u64>,
    pub warnings: Vec<String>,
}

struct Chunk {
    id: [u8; 4],
    size: u64,
    /// Where its contents begin.
    start: u64,
}

/// Looks a file over whose format is told at `start`. None: without a format or sound; let the decoder say so.
pub(super) fn mend(file: &mut (impl Read + Seek), start: u64, length: u64) -> io::Result<Option<Wave>> {
    let mut warnings = Vec::new();
    let (mut format, mut data, mut long_size) = (None, None, None);
    let mut at = start + 12;
    for _ in 0..MAX_CHUNKS {
        let Some(chunk) = chunk(file, at, length)? else { break };
        match &chunk.id {
            b"ds64" if chunk.size >= 16 => {
                let sizes = bytes(file, chunk.start, 16)?;
                long_size = sizes.get(8..16).and_then(|size| size.try_into().ok()).map(u64::from_le_bytes);
            }
            b"fmt " if format.is_none() => {
                format = Format::read(&bytes(file, chunk.start, chunk.size.min(MAX_FORMAT))?)
            }
            b"data" if data.is_none() => {
                let told = match long_size {
                    Some(long) if chunk.size == UNFINISHED[1] => long,
                    _ => chunk.size,
                };
                data = Some((chunk.start, told));
            }
            _ => {}
        }
        // Of the sound the long size counts.
        let size = data.filter(|&(start, _)| start == chunk.start).map_or(chunk.size, |(_, told)| told);
        at = next(file, &chunk, size, length)?;
    }
    let (Some(format), Some((data_start, told))) = (format, data) else { return Ok(None) };
    let mut end = data_start.saturating_add(told).min(length);
    let seconds = |bytes: u64| bytes as f64 / format.bytes_per_second;
    if UNFINISHED.contains(&told) && !(told == 0 && are_chunks(file, data_start, length)?) {
        end = length;
        if length > data_start {
            warnings
                .push("its header was never finished, as when a recorder loses power; it is read to its end".into());
        }
    } else if data_start.saturating_add(told) > length {
        let (there, told) = (clock(seconds(length - data_start)), clock(seconds(told)));
        warnings.push(format!("it ends at {there}, its header says {told}: the rest is not in the file"));
    } else if !are_chunks(file, data_start + told + told % 2, length)? && !are_chunks(file, data_start + told, length)?
    {
        let left = length - end;
        if left > WORTH_A_WORD {
            warnings.push(format!(
                "its header says that it ends at {}; {left} bytes after that are not read",
                clock(seconds(told))
            ));
        }
    }
    let block = u64::from(format.block.max(1));
    end = data_start + (end - data_start) / block * block;
    Ok(Some(Wave { header: format.header(end - data_start), data: data_start..end, warnings }))
}

/// Minutes and seconds.
pub(in super::super) fn clock(seconds: f64) -> String {
    let hundredths = (seconds * 100.0).round() as u64;
    format!("{}:{:02}.{:02}", hundredths / 6000, hundredths / 100 % 60, hundredths % 100)
}

fn bytes(file: &mut (impl Read + Seek), start: u64, count: u64) -> io::Result<Vec<u8>> {
    file.seek(SeekFrom::Start(start))?;
    let mut bytes = Vec::new();
    file.take(count).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The chunk whose head lies here, if one does.
fn chunk(file: &mut (impl Read + Seek), at: u64, length: u64) -> io::Result<Option<Chunk>> {
    if at.saturating_add(8) > length {
        return Ok(None);
    }
    let head = bytes(file, at, 8)?;
    let Ok(head) = <[u8; 8]>::try_from(head) else { return Ok(None) };
    let [a, b, c, d, size @ ..] = head;
    let id = [a, b, c, d];
    let is_name = id.iter().all(|byte| matches!(byte, 0x20..=0x7e));
    Ok(is_name.then(|| Chunk { id, size: u64::from(u32::from_le_bytes(size)), start: at + 8 }))
}

/// Where the next chunk begins: after a byte that makes the size even, which some programs leave out.
fn next(file: &mut (impl Read + Seek), chunk: &Chunk, size: u64, length: u64) -> io::Result<u64> {
    let end = chunk.start.saturating_add(size);
    if size.is_multiple_of(2) {
        return Ok(end);
    }
    let is_pad = bytes(file, end, 1)?.first().is_none_or(|&byte| byte == 0);
    let fits = |found: Option<Chunk>| found.is_some_and(|found| found.start.saturating_add(found.size) <= length + 1);
    // No name begins with 0.
    Ok(if !is_pad && fits(self::chunk(file, end, length)?) { end } else { end + 1 })
}

/// True if what lies from here to the end of the file is chunks, or nothing.
fn are_chunks(file: &mut (impl Read + Seek), start: u64, length: u64) -> io::Result<bool> {
    let mut at = start;
    for _ in 0..MAX_CHUNKS {
        if at + 1 >= length {
            return Ok(true);
        }
        let Some(chunk) = chunk(file, at, length)? else { return Ok(false) };
        if chunk.start + chunk.size > length + 1 {
            return Ok(false);
        }
        at = next(file, &chunk, chunk.size, length)?;
    }
    Ok(false)
}

/// A `fmt ` chunk.
struct Format {
    block: u16,
    bytes_per_second: f64,
    /// As it stands in the file, cut to what it should be.
    bytes: Vec<u8>,
}

impl Format {
    /// Of at least 16 bytes; longer ones than a format needs are common.
    fn read(bytes: &[u8]) -> Option<Self> {
        let short = |at: usize| Some(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?));
        let tag = short(0)?;
        let (channels, bits) = (short(2)?, short(14)?);
        let rate_hz = u32::from_le_bytes(bytes.get(4..8)?.try_into().ok()?);
        let least = (u32::from(channels) * u32::from(bits.div_ceil(8))).min(u32::from(u16::MAX)) as u16;
        let is_plain = matches!(tag, PCM | FLOAT | A_LAW | MU_LAW | EXTENSIBLE);
        let block = match short(12)? {
            told if is_plain && told < least => least,
            told => told,
        };
        let mut kept = bytes.to_vec();
        match tag {
            PCM | FLOAT => kept.truncate(16),
            // These tell that they add nothing.
            A_LAW | MU_LAW => {
                kept.truncate(16);
                kept.extend([0, 0]);
            }
            EXTENSIBLE if bytes.len() >= 40 => {
                kept.truncate(40);
                kept[16..18].copy_from_slice(&EXTENSION.to_le_bytes());
            }
            // Without its extension it can only be what it looks like.
            EXTENSIBLE => {
                kept.truncate(16);
                kept[..2].copy_from_slice(&PCM.to_le_bytes());
            }
            _ => {}
        }
        // Bytes a second and a block, in which some programs err.
        if is_plain {
            kept[8..12].copy_from_slice(&rate_hz.saturating_mul(u32::from(block)).to_le_bytes());
            kept[12..14].copy_from_slice(&block.to_le_bytes());
        }
        let told = kept.get(8..12).and_then(|told| told.try_into().ok()).map_or(0, u32::from_le_bytes);
        Some(Self { block, bytes_per_second: f64::from(told.max(1)), bytes: kept })
    }

    /// Everything before the sound.
    fn header(&self, data_size: u64) -> Vec<u8> {
        let size = |size: u64| u32::try_from(size).unwrap_or(u32::MAX - 1024).to_le_bytes();
        let format_size = self.bytes.len() + self.bytes.len() % 2;
        let mut header = b"RIFF".to_vec();
        header.extend(size(data_size.saturating_add(4 + 8 + format_size as u64 + 8)));
        header.extend(b"WAVEfmt ");
        header.extend(size(self.bytes.len() as u64));
        header.extend(&self.bytes);
        header.resize(20 + format_size, 0);
        header.extend(b"data");
        header.extend(size(data_size));
        header
    }
}
