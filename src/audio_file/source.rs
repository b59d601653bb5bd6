//! What decoders are given: files as they should have been written.
//!
//! Recorders lose power, programs write sizes that are not true, tags hold what looks like sound. The headers are small: what is wrong
//! with them is mended here, and the decoders see what a careful program would have written. What cannot be mended, and what is left
//! out, is said.

mod codebooks;
mod mp4;
mod mpeg;
mod ogg;
mod wave;

use super::spool;
use std::{
    io::{self, Cursor, Read, SeekFrom},
    ops::Range,
    path::Path,
    sync::{Arc, LazyLock},
};
use symphonia::core::io::{MediaSource, ReadOnlySource};

pub(super) use codebooks::numbers as numbers_of_codebooks;
pub(super) use mp4::Edit;
pub(super) use wave::clock;

/// Of formats whose pieces are looked at one by one, no larger file is held in memory; a larger one is decoded as it is.
const MAX_LOOKED_AT: u64 = 1 << 29;
/// More is not read from a pipe; a WAV file is not longer.
const MAX_PIPED: u64 = 1 << 32;
/// What a format is told by.
const MAGIC: u64 = 64;
/// So near to the end of a tag the sound begins.
const NEAR: u64 = 1 << 16;
/// A FLAC's name, and of its facts the lengths of blocks.
const FLAC_HEAD: u64 = 12;
/// More blocks of facts are not looked through.
const MAX_FLAC_BLOCKS: usize = 1024;
/// What is looked at of a file that does not decode.
const BEGINNING: u64 = 4096;

/// One stream for a decoder.
pub(super) struct Stream {
    pub media: Box<dyn MediaSource>,
    /// The file name extension that belongs to what was found, if it was recognised.
    pub extension: Option<&'static str>,
    /// Where it ends, in samples of a clock that all parts of a damaged file share.
    pub last: Option<u64>,
    /// The part of it that is heard, where it says so.
    pub edit: Option<Edit>,
}

impl Stream {
    fn new(media: impl MediaSource + 'static, extension: Option<&'static str>) -> Self {
        Self { media: Box::new(media), extension, last: None, edit: None }
    }
}

/// Streams that follow each other, and what was done to get them.
pub(super) struct Streams {
    pub streams: Vec<Stream>,
    pub warnings: Vec<String>,
    /// Where the clock that parts share begins, if it is known.
    pub origin: Option<i64>,
    /// How the file begins, to say what it is if it does not decode.
    pub beginning: Vec<u8>,
    /// Of the file.
    pub bytes: u64,
}

impl Streams {
    fn one(media: impl MediaSource + 'static, extension: Option<&'static str>) -> Self {
        Self::of(vec![Stream::new(media, extension)])
    }

    fn of(streams: Vec<Stream>) -> Self {
        Self { streams, warnings: Vec::new(), origin: None, beginning: Vec::new(), bytes: 0 }
    }
}

/// The streams of what comes through a pipe; it is read to its end, onto disk.
pub(super) fn of_pipe(pipe: impl Read) -> io::Result<Streams> {
    let mut file = spool::temporary_file()?;
    io::copy(&mut pipe.take(MAX_PIPED), &mut file).map_err(|error| match error.kind() {
        io::ErrorKind::StorageFull => spool::of_temporary(error),
        _ => error,
    })?;
    of_file(file)
}

/// The streams of a file, or of anything in which one can go back.
pub(super) fn of_file(mut file: impl MediaSource + 'static) -> io::Result<Streams> {
    let beginning = read_at(&mut file, 0, BEGINNING)?;
    let bytes = file.seek(SeekFrom::End(0))?;
    Ok(Streams { beginning, bytes, ..mended(file, bytes)? })
}

fn mended(mut file: impl MediaSource + 'static, length: u64) -> io::Result<Streams> {
    let start = after_tags(&mut file, length)?;
    let magic = read_at(&mut file, start, MAGIC)?;
    let starts = |text: &[u8]| magic.starts_with(text);
    if matches!(magic.get(..4), Some(b"RIFF" | b"RF64" | b"BW64")) && magic.get(8..12) == Some(b"WAVE") {
        return Ok(match wave::mend(&mut file, start, length)? {
            Some(wave) => {
                let warnings = wave.warnings;
                file.seek(SeekFrom::Start(wave.data.start))?;
                let sound = file.take(wave.data.end - wave.data.start);
                let media = ReadOnlySource::new(Cursor::new(wave.header).chain(sound));
                Streams { warnings, ..Streams::one(media, Some("wav")) }
            }
            None => whole(file, Some("wav"))?,
        });
    }
    let is_small = length <= MAX_LOOKED_AT;
    if starts(b"OggS") && is_small {
        let stream = |part: ogg::Part| Stream { last: part.last, ..Stream::new(Cursor::new(part.bytes), Some("ogg")) };
        let pages = ogg::whole_pages(&read_at(&mut file, start, MAX_LOOKED_AT)?);
        // Where no page is whole, the decoder may say what it is.
        return match pages.parts.is_empty() {
            true => whole(file, Some("ogg")),
            false => Ok(Streams {
                origin: pages.begins_damaged.then_some(0),
                ..Streams::of(pages.parts.into_iter().map(stream).collect())
            }),
        };
    }
    if starts(b"fLaC") {
        let mut head = read_at(&mut file, start, FLAC_HEAD)?;
        let blocks_are_equal = flac_blocks_are_equal(&mut file, start)?;
        mend_flac(&mut head, blocks_are_equal);
        file.seek(SeekFrom::Start(start + head.len() as u64))?;
        return Ok(Streams::one(ReadOnlySource::new(Cursor::new(head).chain(file)), Some("flac")));
    }
    // A tag whose size is not quite true is followed by something else before the first frame.
    if is_small && (mpeg::is_frame(&magic) || (start > 0 && mpeg::begins(&read_at(&mut file, start, NEAR)?))) {
        let bytes = Arc::new(read_at(&mut file, start, MAX_LOOKED_AT)?);
        let pieces = mpeg::pieces(&bytes);
        let stream = |range| Stream::new(Cursor::new(Piece { bytes: Arc::clone(&bytes), range }), Some("mp3"));
        return Ok(Streams::of(pieces.into_iter().map(stream).collect()));
    }
    if magic.get(4..8) == Some(b"ftyp") {
        let edit = mp4::edit(&mut file, length)?;
        let mut streams = whole(file, Some("m4a"))?;
        streams.streams.iter_mut().for_each(|stream| stream.edit = edit);
        return Ok(streams);
    }
    whole(file, None)
}

/// A part of a file in memory, which all parts hold.
struct Piece {
    bytes: Arc<Vec<u8>>,
    range: Range<usize>,
}

impl AsRef<[u8]> for Piece {
    fn as_ref(&self) -> &[u8] {
        &self.bytes[self.range.clone()]
    }
}

fn whole(mut file: impl MediaSource + 'static, extension: Option<&'static str>) -> io::Result<Streams> {
    file.rewind()?;
    Ok(Streams::one(file, extension))
}

/// Where the sound begins: after ID3v2 tags, which programs also put before what is no MP3. What is in them is nobody's business here.
fn after_tags(file: &mut impl MediaSource, length: u64) -> io::Result<u64> {
    let mut start = 0;
    while let Some(tag) = mpeg::tag_length(&read_at(file, start, MAGIC)?).filter(|tag| start + tag < length) {
        start += tag;
    }
    Ok(start)
}

fn read_at(file: &mut impl MediaSource, start: u64, length: u64) -> io::Result<Vec<u8>> {
    file.seek(SeekFrom::Start(start))?;
    let mut bytes = Vec::new();
    file.by_ref().take(length).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Some encoders leave the least length of a block 0 in the header; the format knows none below 16 (RFC 9639, 8.2). Others count the
/// last block, which is not meant, though their frames say that all have one length. It is then that of all blocks, by which decoders
/// tell time.
fn mend_flac(head: &mut [u8], blocks_are_equal: bool) {
    // The name of the format, the head of the block of facts, then the least and the largest length of blocks.
    let Some(&[least_high, least_low, high, low]) = head.get(8..12) else { return };
    if u16::from_be_bytes([least_high, least_low]) < 16 || blocks_are_equal {
        head[8..10].copy_from_slice(&[high, low]);
    }
}

/// Whether a FLAC's first frame says that all its blocks have one length (RFC 9639, 9.1.1); not where that frame does not begin
/// after the head.
fn flac_blocks_are_equal(file: &mut impl MediaSource, start: u64) -> io::Result<bool> {
    let mut at = start + 4;
    for _ in 0..MAX_FLAC_BLOCKS {
        let Some(&[head, a, b, c]) = read_at(file, at, 4)?.first_chunk() else { return Ok(false) };
        at += 4 + u64::from(u32::from_be_bytes([0, a, b, c]));
        if head & 0x80 != 0 {
            return Ok(read_at(file, at, 2)? == [0xff, 0xf8]);
        }
    }
    Ok(false)
}

/// True if the check sum of a FLAC frame holds (RFC 9639, 9.3): over the frame with its sum, it is 0.
pub(super) fn is_whole_flac_frame(frame: &[u8]) -> bool {
    static TABLE: LazyLock<[u16; 256]> = LazyLock::new(|| {
        let bit = |sum: u16, _| (sum << 1) ^ if sum >> 15 == 1 { 0x8005 } else { 0 };
        std::array::from_fn(|byte| (0..8).fold((byte as u16) << 8, bit))
    });
    frame.iter().fold(0u16, |sum, &byte| (sum << 8) ^ TABLE[usize::from((sum >> 8) as u8 ^ byte)]) == 0
}

/// What a file that begins so and does not decode seems to be, and what can be done about it.
pub(super) fn what_it_is(path: &Path, magic: &[u8]) -> String {
    if magic.is_empty() {
        return "an empty file".into();
    }
    let has = |at: usize, text: &[u8]| magic.get(at..).is_some_and(|rest| rest.starts_with(text));
    let contains = |text: &[u8]| magic.windows(text.len()).any(|window| window == text);
    let sound = match () {
        () if has(0, b"OggS") && contains(b"OpusHead") => "an Opus file",
        () if has(0, b"OggS") => "a damaged Ogg file, or one of another codec than Vorbis and FLAC",
        () if has(0, b"RIFX") => "a WAV file of a big-endian machine (RIFX)",
        () if has(0, b"RIFF") && has(8, b"AVI") => "a film (AVI)",
        () if has(0, b"RIFF") || has(0, b"RF64") || has(0, b"BW64") => "a damaged WAV file, or one of an unknown codec",
        () if has(0, b"FORM") => "a damaged AIFF file, or one of an unknown codec",
        () if has(0, b"caff") => "a damaged CAF file, or one of an unknown codec",
        () if has(0, b"fLaC") => "a damaged FLAC file",
        () if has(4, b"ftyp") => "an MP4 file without sound that is read (AAC or ALAC)",
        () if has(0, &[0x30, 0x26, 0xb2, 0x75]) => "a Windows Media file",
        () if has(0, b"wvpk") => "a WavPack file",
        () if has(0, b"MAC ") => "a Monkey's Audio file",
        () if has(0, b"riff\x2e\x91\xcf\x11") => "a Wave64 file",
        () if has(0, b".snd") => "an AU file",
        () if has(0, &[0x1a, 0x45, 0xdf, 0xa3]) => "a Matroska or WebM file",
        () => {
            return match () {
                () if has(0, b"MThd") => "a MIDI file; it belongs behind --midi".into(),
                () if has(0, b"PK\x03\x04") => "an archive (ZIP); unpack it first".into(),
                () if has(0, b"\x89PNG") || has(0, &[0xff, 0xd8, 0xff]) => "a picture".into(),
                () if magic.iter().all(|byte| matches!(byte, b'\t' | b'\n' | b'\r' | 0x20..=0x7e)) => "text".into(),
                () => "something else, or damage".into(),
            };
        }
    };
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let target = Path::new(&*name).with_extension("wav");
    let target = if target.as_os_str() == &*name { "sound.wav".into() } else { target.display().to_string() };
    format!("{sound}; convert it, for example: ffmpeg -i \"{name}\" \"{target}\"")
}
