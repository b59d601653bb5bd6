//! A table of pieces beside their MIDI files, `INDEX.csv`: who wrote them, and under which licence they may be used.

use super::error::NotesError;
use crate::text_file::read_text;
use std::{
    collections::HashMap,
    path::{Component, Path},
};

/// The name under which an index is looked for.
const FILE_NAME: &str = "INDEX.csv";
/// No index is larger.
const MAX_BYTES: u64 = 16 << 20;
/// What stands where nothing is known.
const UNKNOWN: &str = "not stated";

/// What an index tells of a piece.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credits {
    /// Who wrote it.
    pub composer: String,
    /// Its title.
    pub title: String,
    /// Its opus or catalogue number; may be empty.
    pub opus: String,
    /// The licence of its score.
    pub licence: String,
    /// Whom that licence wants named; may be empty.
    pub attribution: String,
}

impl Credits {
    /// Of a file that no index tells of.
    fn unknown(path: &Path) -> Self {
        let title = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let [composer, licence] = [UNKNOWN; 2].map(String::from);
        Self { composer, title, opus: String::new(), licence, attribution: String::new() }
    }
}

/// Credits by file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Index {
    /// By file name: the whole path that the index gives, and the credits.
    rows: HashMap<String, Vec<(Vec<String>, Credits)>>,
}

impl Index {
    /// The index in this folder or in the one around it; an empty one where there is none.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn beside(folder: &Path) -> Result<Self, NotesError> {
        let around = folder.canonicalize().ok().and_then(|folder| folder.parent().map(Path::to_path_buf));
        let places = [Some(folder.join(FILE_NAME)), around.map(|around| around.join(FILE_NAME))];
        places.into_iter().flatten().find(|path| path.is_file()).map_or(Ok(Self::default()), |path| Self::read(&path))
    }

    /// Reads a table of comma-separated values whose first row names the columns: `file`, and any of `composer`,
    /// `title`, `opus`, `license`, `maintainer`, `mutopia_id`.
    ///
    /// # Errors
    /// If it cannot be read, is too large, is no such table or has no column `file`.
    pub fn read(path: &Path) -> Result<Self, NotesError> {
        let wrong = |expected: String, actual: &str| NotesError::Unsuitable {
            file: path.into(),
            what: "index",
            expected,
            actual: actual.into(),
        };
        let text = read_text(path, MAX_BYTES)
            .map_err(|source| NotesError::Io { file: path.into(), action: "read", source })?
            .ok_or_else(|| wrong(format!("at most {MAX_BYTES} bytes"), "more"))?;
        let rows = rows_of(&text).ok_or_else(|| wrong("comma-separated values".into(), "a quote that does not end"))?;
        let mut rows = rows.into_iter();
        let names = rows.next().unwrap_or_default();
        let place = |name: &str| names.iter().position(|found| found.trim().eq_ignore_ascii_case(name));
        let file = place("file").ok_or_else(|| wrong("a column `file`".into(), "none"))?;
        let columns = ["composer", "title", "opus", "license", "maintainer", "mutopia_id"].map(place);
        let mut index = Self::default();
        for row in rows {
            let Some(file) = row.get(file).filter(|file| !file.is_empty()) else { continue };
            let [composer, title, opus, licence, maintainer, id] =
                columns.map(|column| column.and_then(|column| row.get(column)).map_or("", |field| field.trim()));
            let parts = parts_of(Path::new(file));
            let Some(name) = parts.last().cloned() else { continue };
            let mut credits = Credits::unknown(Path::new(&name));
            for (field, value) in [
                (&mut credits.composer, composer),
                (&mut credits.title, title),
                (&mut credits.opus, opus),
                (&mut credits.licence, licence),
            ] {
                if !value.is_empty() {
                    *field = value.into();
                }
            }
            credits.attribution =
                [maintainer, id].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", ");
            index.rows.entry(name).or_default().push((parts, credits));
        }
        Ok(index)
    }

    /// Whether it tells of nothing.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// What it tells of a file: the row whose path ends as the file's does. Of an unknown file the title is its name.
    pub fn credits(&self, path: &Path) -> Credits {
        let parts = parts_of(path);
        let shared = |row: &[String]| row.iter().rev().zip(parts.iter().rev()).take_while(|(a, b)| a == b).count();
        let rows = parts.last().and_then(|name| self.rows.get(name));
        let best = rows.and_then(|rows| rows.iter().max_by_key(|(row, _)| shared(row)));
        best.map_or_else(|| Credits::unknown(path), |(_, credits)| credits.clone())
    }
}

/// The names along a path.
fn parts_of(path: &Path) -> Vec<String> {
    let names = path.components().filter_map(|part| match part {
        Component::Normal(name) => Some(name.to_string_lossy().into_owned()),
        _ => None,
    });
    names.collect()
}

/// Rows of comma-separated values; fields may be quoted, with quotes inside written twice. None where a quote does not
/// end.
fn rows_of(text: &str) -> Option<Vec<Vec<String>>> {
    let (mut rows, mut row, mut field) = (Vec::new(), Vec::new(), String::new());
    let mut is_quoted = false;
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '"' if is_quoted && letters.peek() == Some(&'"') => field.extend(letters.next()),
            '"' => is_quoted = !is_quoted,
            _ if is_quoted => field.push(letter),
            ',' => row.push(std::mem::take(&mut field)),
            '\r' => {}
            '\n' => {
                row.push(std::mem::take(&mut field));
                rows.push(std::mem::take(&mut row));
            }
            _ => field.push(letter),
        }
    }
    if !row.is_empty() || !field.is_empty() {
        row.push(field);
        rows.push(row);
    }
    (!is_quoted).then_some(rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn an_index_is_found_beside_the_files_or_around_their_folder() {
        let folder = tempfile::tempdir().expect("space");
        let base = folder.path();
        fs::create_dir_all(base.join("a")).expect("space");
        fs::create_dir_all(base.join("b")).expect("space");
        let table = "composer,file,license,opus,title\r\nBach,midi/a/x.mid,\"CC, \"\"BY\"\"\",BWV 1,\"Aria, da capo\"\n\
                     Haydn,midi/b/x.mid,Public Domain,,Sonata\n";
        fs::write(base.join(FILE_NAME), table).expect("space");
        let index = Index::beside(&base.join("a")).expect("an index");
        assert_eq!(index, Index::beside(base).expect("the same"));
        let bach = index.credits(&base.join("a/x.mid"));
        assert_eq!((&*bach.composer, &*bach.licence, &*bach.opus), ("Bach", "CC, \"BY\"", "BWV 1"));
        assert_eq!(bach.title, "Aria, da capo");
        let haydn = index.credits(&base.join("b/x.mid"));
        assert_eq!((&*haydn.composer, &*haydn.opus, &*haydn.title), ("Haydn", "", "Sonata"));
        let unknown = index.credits(Path::new("y.mid"));
        assert_eq!((&*unknown.composer, &*unknown.title, &*unknown.licence), (UNKNOWN, "y", UNKNOWN));
    }

    #[test]
    fn what_is_no_index_is_refused_and_none_is_none() {
        let folder = tempfile::tempdir().expect("space");
        assert!(Index::beside(folder.path()).expect("none").is_empty());
        for (table, part) in
            [("composer,title\nBach,Aria\n", "column `file`"), ("file\n\"x.mid\n", "quote"), ("", "column `file`")]
        {
            fs::write(folder.path().join(FILE_NAME), table).expect("space");
            let said = Index::beside(folder.path()).expect_err(table).to_string();
            assert!(said.contains("INDEX.csv: index: expected") && said.contains(part), "{said}");
        }
    }
}
