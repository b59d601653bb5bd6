//! MPEG audio: where tags end, and where one file ends and another begins that was joined to it.

use std::ops::Range;

/// Bytes of an ID3v2 head, and of the foot that may repeat it.
const TAG_HEAD: u64 = 10;
/// Layer III: bits a second in thousands, of MPEG 1 and of 2 and 2.5 (ISO/IEC 11172-3, 13818-3).
const KBITS: [[u32; 14]; 2] = [
    [32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
    [8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
];
/// Rates of MPEG 1; those of 2 are half, of 2.5 a quarter.
const RATES_HZ: [u32; 3] = [44_100, 48_000, 32_000];
/// More files are not joined; what follows belongs to the last.
const MAX_PIECES: usize = 4096;
/// Frames that have to follow each other before noise is believed to be sound.
const SURE: usize = 3;

/// The length of the ID3v2 tag that begins here, if one does (id3.org, *ID3 tag version 2.4.0*).
pub(super) fn tag_length(bytes: &[u8]) -> Option<u64> {
    let head = bytes.get(..TAG_HEAD as usize).filter(|head| head.starts_with(b"ID3"))?;
    let size = head[6..10].iter().fold(0u64, |size, &byte| size << 7 | u64::from(byte & 0x7f));
    let foot = if head[5] & 0x10 != 0 { TAG_HEAD } else { 0 };
    Some(TAG_HEAD + size + foot)
}

/// True if a frame of Layer III begins here.
pub(super) fn is_frame(bytes: &[u8]) -> bool {
    Frame::read(bytes).is_some()
}

/// True if several frames follow each other somewhere in here.
pub(super) fn begins(bytes: &[u8]) -> bool {
    first_frame(bytes, 0).is_some()
}

/// The files that were joined, each without its tags. A decoder trusts what the first says of its length, and would end there.
pub(super) fn pieces(bytes: &[u8]) -> Vec<Range<usize>> {
    let mut pieces = Vec::new();
    let mut start = first_frame(bytes, 0).unwrap_or(0);
    let mut at = start;
    while at < bytes.len() {
        let rest = &bytes[at..];
        if let Some(frame) = Frame::read(rest) {
            // A file's first frame may tell how long it is: one in the middle begins another.
            if at > start && pieces.len() < MAX_PIECES && frame.tells_length(rest) {
                pieces.push(start..at);
                start = at;
            }
            at += frame.length.min(rest.len());
            continue;
        }
        let after_tag = tag_length(rest).map(|length| at + (length as usize).min(rest.len()));
        let is_tag = after_tag.is_some() && pieces.len() < MAX_PIECES;
        match first_frame(bytes, after_tag.unwrap_or(at + 1)) {
            Some(next) if is_tag => {
                pieces.push(start..at);
                (start, at) = (next, next);
            }
            Some(next) => at = next,
            None => break,
        }
    }
    pieces.push(start..bytes.len());
    pieces.retain(|piece| !piece.is_empty());
    pieces
}

/// The first place from `at` on where frames follow each other.
fn first_frame(bytes: &[u8], at: usize) -> Option<usize> {
    (at..bytes.len().saturating_sub(4)).find(|&place| {
        let mut next = place;
        bytes[place] == 0xff
            && (0..SURE).all(|count| {
                let Some(frame) = bytes.get(next..).and_then(Frame::read) else {
                    // The last frames of a file have none after them.
                    return count > 0 && next >= bytes.len();
                };
                next += frame.length;
                true
            })
    })
}

/// A frame's head.
struct Frame {
    length: usize,
    is_mpeg_1: bool,
    is_mono: bool,
}

impl Frame {
    fn read(bytes: &[u8]) -> Option<Self> {
        let &[0xff, version, rates, mode, ..] = bytes else { return None };
        // Eleven bits of ones, a version that exists, Layer III.
        if version & 0xe6 != 0xe2 || version & 0x18 == 0x08 {
            return None;
        }
        let is_mpeg_1 = version & 0x18 == 0x18;
        let kbits = *KBITS[usize::from(!is_mpeg_1)].get(usize::from(rates >> 4).checked_sub(1)?)?;
        let part = match version & 0x18 {
            0x18 => 1,
            0x10 => 2,
            _ => 4,
        };
        let rate_hz = RATES_HZ.get(usize::from(rates >> 2 & 3))? / part;
        let samples = if is_mpeg_1 { 1152 } else { 576 };
        let padding = usize::from(rates >> 1 & 1);
        let length = (samples / 8 * kbits * 1000 / rate_hz) as usize + padding;
        Some(Self { length, is_mpeg_1, is_mono: mode >> 6 == 3 })
    }

    /// True of a frame that holds no sound but how much of it follows (Xing, Info, VBRI).
    fn tells_length(&self, bytes: &[u8]) -> bool {
        let side = match (self.is_mpeg_1, self.is_mono) {
            (true, false) => 32,
            (true, true) | (false, false) => 17,
            (false, true) => 9,
        };
        let at = |place: usize, name: &[u8]| bytes.get(place..).is_some_and(|rest| rest.starts_with(name));
        at(4 + side, b"Xing") || at(4 + side, b"Info") || at(36, b"VBRI")
    }
}
