//! MP4 edit lists (ISO/IEC 14496-12, 8.6.6): which part of what decodes is the sound. Encoders of AAC begin with a thousand samples or
//! two that belong to nobody, and fill the last frame.

use super::read_at;
use std::{io, ops::Range};
use symphonia::core::io::MediaSource;

/// More boxes are not looked through, of one level.
const MAX_BOXES: usize = 4096;
/// Nor more tracks.
const MAX_TRACKS: usize = 64;
/// What is needed of any box fits into this.
const MAX_READ: u64 = 64;

/// The part of a stream that is heard.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::audio_file) struct Edit {
    /// Where it begins, seconds.
    pub start_s: f64,
    /// How long it is, seconds; none: to its end. No less: times are rounded.
    pub length_s: Option<f64>,
}

/// The edit of the first sound, if it has one that leaves something out at its ends and nothing between them.
pub(super) fn edit(file: &mut impl MediaSource, length: u64) -> io::Result<Option<Edit>> {
    let Some(movie) = find(file, 0..length, b"moov")? else { return Ok(None) };
    let Some(movie_ticks) = ticks(file, &movie, b"mvhd")? else { return Ok(None) };
    let mut from = movie.start;
    for _ in 0..MAX_TRACKS {
        let Some(track) = find(file, from..movie.end, b"trak")? else { break };
        from = track.end;
        let Some(media) = find(file, track.clone(), b"mdia")? else { continue };
        let handler = find(file, media.clone(), b"hdlr")?;
        let kind = handler.map(|handler| read_at(file, handler.start + 8, 4)).transpose()?;
        if kind.as_deref() != Some(b"soun") {
            continue;
        }
        let (Some(media_ticks), Some(edits)) = (ticks(file, &media, b"mdhd")?, find(file, track, b"edts")?) else {
            return Ok(None);
        };
        let Some(list) = find(file, edits, b"elst")? else { return Ok(None) };
        let list = read_at(file, list.start, MAX_READ.min(list.end - list.start))?;
        return Ok(single(&list).map(|(duration, start)| Edit {
            start_s: start as f64 / media_ticks,
            length_s: (duration > 0).then_some((duration as f64 + 1.0) / movie_ticks),
        }));
    }
    Ok(None)
}

/// Duration and beginning of a list's only entry, unless that is a pause.
fn single(list: &[u8]) -> Option<(u64, u64)> {
    let (&[version, _, _, _], rest) = list.split_first_chunk()?;
    let (&count, rest) = rest.split_first_chunk()?;
    if u32::from_be_bytes(count) != 1 {
        return None;
    }
    let (duration, start) = if version == 1 {
        let (&duration, rest) = rest.split_first_chunk()?;
        (u64::from_be_bytes(duration), i64::from_be_bytes(*rest.first_chunk()?))
    } else {
        let (&duration, rest) = rest.split_first_chunk()?;
        (u32::from_be_bytes(duration).into(), i32::from_be_bytes(*rest.first_chunk()?).into())
    };
    Some((duration, u64::try_from(start).ok()?))
}

/// Ticks a second, of the head `name` within a box.
fn ticks(file: &mut impl MediaSource, within: &Range<u64>, name: &[u8; 4]) -> io::Result<Option<f64>> {
    let Some(head) = find(file, within.clone(), name)? else { return Ok(None) };
    let head = read_at(file, head.start, MAX_READ.min(head.end - head.start))?;
    let at = if head.first() == Some(&1) { 20 } else { 12 };
    let ticks = head.get(at..).and_then(|rest| rest.first_chunk()).map(|&bytes| u32::from_be_bytes(bytes));
    Ok(ticks.filter(|&ticks| ticks > 0).map(f64::from))
}

/// What the first box of this name holds.
fn find(file: &mut impl MediaSource, within: Range<u64>, name: &[u8; 4]) -> io::Result<Option<Range<u64>>> {
    let mut at = within.start;
    for _ in 0..MAX_BOXES {
        let head = read_at(file, at, 16)?;
        let (Some(&size), Some(kind)) = (head.first_chunk(), head.get(4..8)) else { return Ok(None) };
        let (head_bytes, size) = match u32::from_be_bytes(size) {
            0 => (8, within.end.saturating_sub(at)),
            1 => (16, head.get(8..).and_then(|rest| rest.first_chunk()).map_or(0, |&size| u64::from_be_bytes(size))),
            size => (8, size.into()),
        };
        let end = at.saturating_add(size);
        if size < head_bytes || end > within.end {
            return Ok(None);
        }
        if kind == name {
            return Ok(Some(at + head_bytes..end));
        }
        at = end;
    }
    Ok(None)
}
