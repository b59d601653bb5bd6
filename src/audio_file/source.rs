//! What decoders are given: files as they should have been written.
//!
//! Recorders lose power, programs write sizes that are not true, tags hold what looks like sound. The headers are small: what is wrong
//! with them is mended here, and the decoders see what a careful program would have written. What cannot be mended, and what is left
//! out, is said.

mod mpeg;
mod ogg;
mod wave;

use std::{
    io::{self, Cursor, Read, SeekFrom},
    path::Path,
    sync::LazyLock,
};
use symphonia::core::io::{MediaSource, ReadOnlySource};

pub(super) use wave::clock;

/// Of formats whose pieces are looked at one by one, no larger file is held in memory; a larger one is decoded as it is.
const MAX_LOOKED_AT: u64 = 1 << 29;
/// Nor does more come from a pipe.
const MAX_PIPED: u64 = 1 << 31;
/// What a format is told by.
const MAGIC: u64 = 64;
/// So near to the end of a tag the sound begins.
const NEAR: u64 = 1 << 16;
/// What is looked at of a file that does not decode.
const BEGINNING: u64 = 4096;

/// One stream for a decoder.
pub(super) struct Stream {
    pub media: Box<dyn MediaSource>,
    /// The file name extension that belongs to what was found, if it was recognised.
    pub extension: Option<&'static str>,
    /// Where it ends, in samples of a clock that all parts of a damaged file share.
    pub last: Option<u64>,
}

impl Stream {
    fn new(media: impl MediaSource + 'static, extension: Option<&'static str>) -> Self {
        Self { media: Box::new(media), extension, last: None }
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
}

impl Streams {
    fn one(media: impl MediaSource + 'static, extension: Option<&'static str>) -> Self {
        Self::of(vec![Stream::new(media, extension)])
    }

    fn of(streams: Vec<Stream>) -> Self {
        Self { streams, warnings: Vec::new(), origin: None, beginning: Vec::new() }
    }
}

/// The streams of what comes through a pipe; it is read to its end.
pub(super) fn of_pipe(pipe: impl Read) -> io::Result<Streams> {
    let mut bytes = Vec::new();
    pipe.take(MAX_PIPED).read_to_end(&mut bytes)?;
    of_file(Cursor::new(bytes))
}

/// The streams of a file, or of anything in which one can go back.
pub(super) fn of_file(mut file: impl MediaSource + 'static) -> io::Result<Streams> {
    let beginning = read_at(&mut file, 0, BEGINNING)?;
    Ok(Streams { beginning, ..mended(file)? })
}

fn mended(mut file: impl MediaSource + 'static) -> io::Result<Streams> {
    let length = file.seek(SeekFrom::End(0))?;
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
    if starts(b"fLaC") && is_small {
        let mut bytes = read_at(&mut file, start, MAX_LOOKED_AT)?;
        mend_flac(&mut bytes);
        return Ok(Streams::one(Cursor::new(bytes), Some("flac")));
    }
    // A tag whose size is not quite true is followed by something else before the first frame.
    if is_small && (mpeg::is_frame(&magic) || (start > 0 && mpeg::begins(&read_at(&mut file, start, NEAR)?))) {
        let bytes = read_at(&mut file, start, MAX_LOOKED_AT)?;
        let pieces = mpeg::pieces(&bytes);
        let stream = |piece: &[u8]| Stream::new(Cursor::new(piece.to_vec()), Some("mp3"));
        return Ok(Streams::of(pieces.into_iter().map(|piece| stream(&bytes[piece])).collect()));
    }
    whole(file, None)
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
fn mend_flac(bytes: &mut [u8]) {
    // The name of the format, the head of the block of facts, then the least and the largest length of blocks.
    let Some(&[least_high, least_low, high, low]) = bytes.get(8..12) else { return };
    if u16::from_be_bytes([least_high, least_low]) < 16 || flac_blocks_are_equal(bytes) == Some(true) {
        bytes[8..10].copy_from_slice(&[high, low]);
    }
}

/// Whether a FLAC's first frame says that all its blocks have one length (RFC 9639, 9.1.1); none where that frame does not begin here.
fn flac_blocks_are_equal(bytes: &[u8]) -> Option<bool> {
    let mut at = 4;
    loop {
        let &[head, a, b, c] = bytes.get(at..)?.first_chunk()?;
        at += 4 + u32::from_be_bytes([0, a, b, c]) as usize;
        if head & 0x80 != 0 {
            break;
        }
    }
    let sync = u16::from_be_bytes(*bytes.get(at..)?.first_chunk()?);
    (sync >> 1 == 0xfff8 >> 1).then_some(sync & 1 == 0)
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
