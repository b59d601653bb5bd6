//! Ogg pages (RFC 3533): those that are damaged are left out, so that what follows them is still found, in its place.

use std::ops::Range;

/// Bytes of a page's head without its table.
const HEAD: usize = 27;
const NAME: &[u8] = b"OggS";
/// Where the check sum stands.
const SUM: Range<usize> = 22..26;
/// Where the position of a page's last sample stands, the number of its stream, and flags of which one says that a stream begins.
const POSITION: Range<usize> = 6..14;
const SERIAL: Range<usize> = 14..18;
const FLAGS: usize = 5;
const BEGINS: u8 = 2;

/// A file that is more often damaged goes on without a place for what follows: every part holds the beginning once more.
const MAX_PARTS: usize = 64;
/// Nor is there a place after a beginning that is longer.
const MAX_BEGINNING: usize = 1 << 22;

/// What is whole of a file.
#[derive(Default)]
pub(super) struct Pages {
    /// Between its damage.
    pub parts: Vec<Part>,
    /// The pages after those that a decoder needs to begin are damaged.
    pub begins_damaged: bool,
}

/// Pages that follow each other without damage, after those that a decoder needs to begin.
#[derive(Default)]
pub(super) struct Part {
    pub bytes: Vec<u8>,
    /// The position in samples of the last one, where the file says so.
    pub last: Option<u64>,
}

/// Takes a file apart where it is damaged.
pub(super) fn whole_pages(file: &[u8]) -> Pages {
    let table = table();
    let (mut at, mut is_damaged) = (0, false);
    let mut pages = Pages::default();
    let mut beginning = Vec::new();
    let (mut is_beginning, mut streams) = (true, 0);
    let mut serial: Option<&[u8]> = None;
    while at < file.len() {
        let Some(page) =
            page_length(&file[at..]).map(|length| &file[at..at + length]).filter(|page| is_whole(page, &table))
        else {
            is_damaged = true;
            let next = file[at + 1..].windows(NAME.len()).position(|window| window == NAME);
            at = next.map_or(file.len(), |next| at + 1 + next);
            continue;
        };
        at += page.len();
        streams += usize::from(page[FLAGS] & BEGINS != 0);
        // Of several streams side by side positions say nothing of the others.
        let is_only = streams <= 1 && *serial.get_or_insert(&page[SERIAL]) == &page[SERIAL];
        let position = page[POSITION].try_into().map_or(u64::MAX, u64::from_le_bytes);
        is_beginning &= position == 0;
        if is_beginning {
            beginning.extend_from_slice(page);
        }
        let can_part = is_only && beginning.len() <= MAX_BEGINNING && pages.parts.len() < MAX_PARTS;
        if std::mem::take(&mut is_damaged) && !is_beginning && can_part {
            match pages.parts.last() {
                Some(part) if part.bytes.len() == beginning.len() => pages.begins_damaged = true,
                _ => pages.parts.push(Part { bytes: beginning.clone(), last: None }),
            }
        }
        if pages.parts.is_empty() {
            pages.parts.push(Part::default());
        }
        if let Some(part) = pages.parts.last_mut() {
            part.bytes.extend_from_slice(page);
            if position != u64::MAX {
                part.last = is_only.then_some(position);
            }
        }
    }
    pages
}

/// The length of the page that begins here, if one does and is all there.
fn page_length(bytes: &[u8]) -> Option<usize> {
    let head = bytes.get(..HEAD).filter(|head| head.starts_with(NAME))?;
    let table = bytes.get(HEAD..HEAD + usize::from(head[HEAD - 1]))?;
    let length = HEAD + table.len() + table.iter().map(|&size| usize::from(size)).sum::<usize>();
    (length <= bytes.len()).then_some(length)
}

fn is_whole(page: &[u8], table: &[u32; 256]) -> bool {
    let step = |sum: u32, byte: u8| (sum << 8) ^ table[usize::from((sum >> 24) as u8 ^ byte)];
    // It is taken with zeros in its own place.
    let byte = |(index, &byte): (usize, &u8)| if SUM.contains(&index) { 0 } else { byte };
    let sum = page.iter().enumerate().map(byte).fold(0, step);
    page[SUM] == sum.to_le_bytes()
}

/// Of the polynomial 0x04c11db7, from the highest bit on.
fn table() -> [u32; 256] {
    std::array::from_fn(|index| {
        (0..8).fold((index as u32) << 24, |sum, _| (sum << 1) ^ if sum >> 31 == 1 { 0x04c1_1db7 } else { 0 })
    })
}
