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

/// Pages that follow each other without damage, after those that a decoder needs to begin.
#[derive(Default)]
pub(super) struct Part {
    pub bytes: Vec<u8>,
    /// The position in samples of the last one, where the file says so.
    pub last: Option<u64>,
}

/// The parts of a file between its damage.
pub(super) fn parts(file: &[u8]) -> Vec<Part> {
    let table = table();
    let (mut at, mut is_damaged) = (0, false);
    let mut parts: Vec<Part> = vec![Part::default()];
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
        if std::mem::take(&mut is_damaged) && !is_beginning && is_only {
            // Damage at once is damage at the beginning: an empty part, which ends where the clock begins.
            if let [first] = &mut parts[..]
                && first.bytes.len() == beginning.len()
            {
                *first = Part { bytes: Vec::new(), last: Some(0) };
            }
            parts.push(Part { bytes: beginning.clone(), last: None });
        }
        if let Some(part) = parts.last_mut() {
            part.bytes.extend_from_slice(page);
            if position != u64::MAX {
                part.last = is_only.then_some(position);
            }
        }
    }
    parts
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
