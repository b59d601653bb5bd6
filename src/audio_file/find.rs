//! Recordings by the names that a configuration gives: files, folders, and names with `*`, `?` and `[a-z]`.

use super::EXTENSIONS;
use std::{
    fs, io,
    path::{Component, Path, PathBuf},
};

/// Folders are not followed deeper, and nothing holds more files.
const MAX_DEPTH: usize = 16;
const MAX_FILES: usize = 100_000;

/// The recordings that `path` stands for, sorted by name. A name that is there as it is written is meant so.
///
/// # Errors
/// The system's, of a folder that cannot be read; and if there are too many.
pub fn recordings(path: &Path) -> io::Result<Vec<PathBuf>> {
    files(path, &EXTENSIONS)
}

/// The same of files with other endings, which are given in small letters.
///
/// # Errors
/// As [`recordings`].
pub fn files(path: &Path, extensions: &[&str]) -> io::Result<Vec<PathBuf>> {
    let mut found = vec![PathBuf::new()];
    if path.exists() {
        found = vec![path.into()];
    } else {
        for component in path.components() {
            let mut next = Vec::new();
            for base in found {
                match component {
                    Component::Normal(name) if has_wildcard(name) => {
                        let folder = if base.as_os_str().is_empty() { Path::new(".") } else { &base };
                        let fits = |entry: &PathBuf| {
                            let found = entry.file_name().unwrap_or_default().to_string_lossy();
                            matches(&name.to_string_lossy(), &found)
                        };
                        let inside = if folder.is_dir() { entries(folder)? } else { Vec::new() };
                        next.extend(inside.into_iter().filter(fits).filter_map(|e| Some(base.join(e.file_name()?))));
                    }
                    _ => next.push(base.join(component)),
                }
            }
            found = next;
        }
        found.retain(|path| path.exists());
    }
    let mut files = Vec::new();
    for path in found {
        if path.is_dir() { collect(&path, MAX_DEPTH, extensions, &mut files)? } else { files.push(path) }
    }
    files.sort();
    files.dedup();
    Ok(files)
}

/// True of a name that may stand for several.
pub fn is_pattern(path: &Path) -> bool {
    path.components().any(|component| has_wildcard(component.as_os_str()))
}

fn collect(folder: &Path, depth: usize, extensions: &[&str], files: &mut Vec<PathBuf>) -> io::Result<()> {
    for path in entries(folder)? {
        let extension = path.extension().unwrap_or_default().to_ascii_lowercase();
        if path.is_dir() {
            if depth > 0 {
                collect(&path, depth - 1, extensions, files)?;
            }
        } else if extensions.iter().any(|known| extension == *known) {
            files.push(path);
        }
        if files.len() > MAX_FILES {
            return Err(io::Error::other(format!("expected at most {MAX_FILES} files, found more")));
        }
    }
    Ok(())
}

fn entries(folder: &Path) -> io::Result<Vec<PathBuf>> {
    fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect()
}

fn has_wildcard(name: &std::ffi::OsStr) -> bool {
    name.as_encoded_bytes().iter().any(|byte| matches!(byte, b'*' | b'?' | b'['))
}

/// A part of a pattern.
enum Token {
    /// `*`: any characters.
    Many,
    /// `?`, `[a-z]` or itself: a character within one of these ranges.
    One(Vec<(char, char)>),
}

fn tokens(pattern: &str) -> Vec<Token> {
    let chars: Vec<char> = pattern.chars().collect();
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(&c) = chars.get(at) {
        at += 1;
        let class =
            (c == '[').then(|| chars[at..].iter().position(|&c| c == ']').filter(|&length| length > 0)).flatten();
        tokens.push(match (c, class) {
            ('*', _) => Token::Many,
            ('?', _) => Token::One(vec![('\0', char::MAX)]),
            (_, Some(length)) => {
                let mut inside = &chars[at..at + length];
                let mut ranges = Vec::new();
                while let [first, rest @ ..] = inside {
                    (inside, _) = match rest {
                        ['-', last, rest @ ..] => (rest, ranges.push((*first, *last))),
                        rest => (rest, ranges.push((*first, *first))),
                    };
                }
                at += length + 1;
                Token::One(ranges)
            }
            _ => Token::One(vec![(c, c)]),
        });
    }
    tokens
}

/// Whether a name fits a pattern.
fn matches(pattern: &str, name: &str) -> bool {
    let (pattern, name) = (tokens(pattern), name.chars().collect::<Vec<char>>());
    let (mut p, mut n) = (0, 0);
    // Where the last * stands, and up to where it reaches so far.
    let mut star: Option<(usize, usize)> = None;
    while n < name.len() {
        match pattern.get(p) {
            Some(Token::Many) => {
                star = Some((p, n));
                p += 1;
            }
            Some(Token::One(ranges)) if ranges.iter().any(|&(first, last)| (first..=last).contains(&name[n])) => {
                (p, n) = (p + 1, n + 1);
            }
            _ => match star {
                Some((at, reach)) => {
                    star = Some((at, reach + 1));
                    (p, n) = (at + 1, reach + 1);
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|token| matches!(token, Token::Many))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_and_patterns_give_recordings_in_the_order_of_their_names() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let base = folder.path();
        fs::create_dir_all(base.join("b/deep")).expect("a folder");
        for name in ["z.wav", "a.FLAC", "b/deep/c.mp3", "b/x1.wav", "b/x22.wav", "notes.txt"] {
            fs::write(base.join(name), b"").expect("space");
        }
        let names = |path: &str| -> Vec<String> {
            let found = recordings(&base.join(path)).expect("a folder");
            let short = |path: &PathBuf| path.strip_prefix(base).expect("inside").to_string_lossy().into_owned();
            found.iter().map(short).collect()
        };
        assert_eq!(names(""), ["a.FLAC", "b/deep/c.mp3", "b/x1.wav", "b/x22.wav", "z.wav"]);
        assert_eq!(names("b/x?.wav"), ["b/x1.wav"]);
        assert_eq!(names("b/*2*"), ["b/x22.wav"]);
        assert_eq!(names("*/x*"), ["b/x1.wav", "b/x22.wav"]);
        assert_eq!(names("?"), ["b/deep/c.mp3", "b/x1.wav", "b/x22.wav"], "a folder that fits");
        assert_eq!(names("notes.txt"), ["notes.txt"], "as it is written");
        assert_eq!(names("none*"), [""; 0]);
        assert_eq!(names("b/x[0-1a]*.wav"), ["b/x1.wav"]);
        assert_eq!(names("[a-b]*"), ["a.FLAC", "b/deep/c.mp3", "b/x1.wav", "b/x22.wav"]);
        assert!(matches("[x", "[x") && matches("[]", "[]") && matches("[a-]", "-") && !matches("[b-c]", "a"));
        assert!(matches("a*b*c", "a-b-b-c") && !matches("a*b*c", "a-b-b-d") && matches("**", ""));
    }
}
