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

/// What is wrong with JSON, without the program's names for things.
pub fn json_mistake(error: &serde_json::Error) -> String {
    const WORDS: [(&str, &str); 14] = [
        ("expected usize", "expected a whole number"),
        ("expected u64", "expected a whole number"),
        ("expected u32", "expected a whole number"),
        ("expected u16", "expected a whole number"),
        ("expected f32", "expected a number"),
        ("expected f64", "expected a number"),
        ("expected a boolean", "expected true or false"),
        ("expected a string", "expected a text"),
        ("expected a sequence", "expected a list"),
        ("expected map", "expected an object"),
        ("expected internally tagged enum", "expected an object with a kind of"),
        ("expected struct", "expected an object of"),
        ("invalid type: ", "found "),
        ("invalid value: ", "found "),
    ];
    if error.is_eof() {
        return format!("it ends too early, in line {}", error.line().max(1));
    }
    WORDS.iter().fold(error.to_string(), |said, (name, word)| said.replace(name, word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistakes_in_json_are_told_in_plain_words() {
        let mistake = |text: &str| json_mistake(&serde_json::from_str::<Vec<u32>>(text).expect_err(text));
        assert_eq!(mistake("[1,\n2"), "it ends too early, in line 2");
        assert_eq!(mistake(""), "it ends too early, in line 1");
        assert_eq!(mistake("[\"a\"]"), "found string \"a\", expected a whole number at line 1 column 4");
        assert_eq!(mistake("{}"), "found map, expected a list at line 1 column 0");
        assert_eq!(mistake("[1 2]"), "expected `,` or `]` at line 1 column 4");
    }

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
