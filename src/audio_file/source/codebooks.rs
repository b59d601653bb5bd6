//! Codebooks of Vorbis (Vorbis I, 3.2.1): some bytes of a header can ask for 16 MiB each, and there may be 256 of them.

/// Begins each.
const SYNC: u128 = 0x56_4342;
/// A decoder takes no larger ones.
const MAX_DIMENSIONS: u64 = 32;
const MAX_ENTRIES: u64 = 1 << 17;
/// The numbers that an entry takes beside its vector: its code, and its place in the tree that decodes it.
const OF_AN_ENTRY: u64 = 10;

/// How many 32-bit numbers a decoder makes of these headers, at most. They are not parsed: what looks like a codebook counts as one.
pub(in crate::audio_file) fn numbers(headers: &[u8]) -> u64 {
    // A codebook begins at any bit, the lowest of a byte first.
    let places = (0..headers.len()).flat_map(|at| {
        let end = headers.len().min(at + 16);
        let mut bytes = [0; 16];
        bytes[..end - at].copy_from_slice(&headers[at..end]);
        (0..8).map(move |bit| u128::from_le_bytes(bytes) >> bit)
    });
    places
        .filter(|bits| bits & 0xff_ffff == SYNC)
        .map(|bits| ((bits >> 24) as u64 & 0xffff, (bits >> 40) as u64 & 0xff_ffff))
        .filter(|&(dimensions, entries)| dimensions <= MAX_DIMENSIONS && entries <= MAX_ENTRIES)
        .map(|(dimensions, entries)| entries * (dimensions + OF_AN_ENTRY))
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codebooks_are_found_at_any_bit() {
        let book = SYNC | 2 << 24 | 100 << 40;
        for bit in 0..40 {
            let headers = [&[0; 3][..], &(book << bit).to_le_bytes(), &[0xff; 30], &book.to_le_bytes()[..8]].concat();
            assert_eq!(numbers(&headers), 2 * 100 * 12, "{bit}");
        }
        assert_eq!(numbers(&(SYNC | 33 << 24 | 100 << 40).to_le_bytes()), 0, "none that is decoded");
        assert_eq!(numbers(&[]), 0);
    }
}
