//! Text files as people's editors and shells leave them: with a byte order mark, or in UTF-16, as Windows writes them.

use std::{
    fs::File,
    io::{self, ErrorKind, Read},
    path::Path,
};

/// Reads a file of at most `most` bytes; none where it is larger.
///
/// # Errors
/// If it cannot be read, or is no text.
pub fn read_text(path: &Path, most: u64) -> io::Result<Option<String>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(most + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        return Ok(None);
    }
    let no_text = || io::Error::new(ErrorKind::InvalidData, "it is no text in UTF-8 or UTF-16");
    decode(&bytes).map(Some).ok_or_else(no_text)
}

/// Bytes as text, without their mark. UTF-16 without one is known by the zero in its first character.
fn decode(bytes: &[u8]) -> Option<String> {
    let wide = |bytes: &[u8], unit: fn([u8; 2]) -> u16| {
        let (units, rest) = bytes.as_chunks::<2>();
        let text = String::from_utf16(&units.iter().map(|&bytes| unit(bytes)).collect::<Vec<_>>()).ok()?;
        rest.is_empty().then_some(text)
    };
    match bytes {
        [0xef, 0xbb, 0xbf, text @ ..] => String::from_utf8(text.to_vec()).ok(),
        [0xff, 0xfe, text @ ..] => wide(text, u16::from_le_bytes),
        [0xfe, 0xff, text @ ..] => wide(text, u16::from_be_bytes),
        [first, 0, ..] if *first != 0 => wide(bytes, u16::from_le_bytes),
        [0, second, ..] if *second != 0 => wide(bytes, u16::from_be_bytes),
        _ => String::from_utf8(bytes.to_vec()).ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_read_in_every_coding_that_editors_write() {
        let said = "{\"mix\": [[0, \"50 %\"]]}\r\n– ♪ 𝄞";
        let units: Vec<u16> = said.encode_utf16().collect();
        let little: Vec<u8> = units.iter().flat_map(|unit| unit.to_le_bytes()).collect();
        let big: Vec<u8> = units.iter().flat_map(|unit| unit.to_be_bytes()).collect();
        for (mark, bytes) in [
            (&b""[..], said.as_bytes()),
            (b"\xef\xbb\xbf", said.as_bytes()),
            (b"", &little),
            (b"\xff\xfe", &little),
            (b"", &big),
            (b"\xfe\xff", &big),
        ] {
            assert_eq!(decode(&[mark, bytes].concat()).as_deref(), Some(said), "{mark:?}");
        }
        assert_eq!(decode(b"").as_deref(), Some(""));
        for broken in [&b"\xff"[..], b"\xff\xfe\x00", b"\xff\xfe\x00\xd8", b"a\xc3", b"{\0\"\0m"] {
            assert_eq!(decode(broken), None, "{broken:?}");
        }
        let folder = tempfile::tempdir().expect("space");
        let path = folder.path().join("a.json");
        std::fs::write(&path, "123").expect("space");
        assert_eq!(read_text(&path, 3).expect("a file").as_deref(), Some("123"));
        assert_eq!(read_text(&path, 2).expect("a file"), None);
        std::fs::write(&path, b"\xff\xff").expect("space");
        assert_eq!(read_text(&path, 3).expect_err("no text").to_string(), "it is no text in UTF-8 or UTF-16");
    }
}
