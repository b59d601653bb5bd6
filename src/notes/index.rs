//! A table of pieces beside their MIDI files, `INDEX.csv`: who wrote them, and under which licence they may be used.

use super::error::NotesError;
use crate::text_file::read_text;
use std::{
    collections::HashMap,
    path::{Component, Path, PathBuf},
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
    pub(super) fn unknown() -> Self {
        let [composer, licence] = [UNKNOWN; 2].map(String::from);
        Self { composer, title: String::new(), opus: String::new(), licence, attribution: String::new() }
    }
}

/// A row: the names along the path of its file, and the credits.
type Row = (Vec<String>, Credits);

/// Credits by file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Index {
    /// Its own file.
    path: PathBuf,
    /// The names along the path of its folder.
    folder: Vec<String>,
    /// By file name.
    rows: HashMap<String, Vec<Row>>,
}

impl Index {
    /// Where an index of a file may lie, the nearest first: in the folders around it as far as `root`, and in the one
    /// around that.
    pub fn places(file: &Path, root: &Path) -> Vec<PathBuf> {
        let (file, root) = (located(file), root.canonicalize().unwrap_or_else(|_| root.into()));
        let mut places = Vec::new();
        let mut is_beyond = false;
        for folder in file.ancestors().skip(1) {
            places.push(folder.join(FILE_NAME));
            if is_beyond {
                break;
            }
            is_beyond = folder == root || !folder.starts_with(&root);
        }
        places
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
        let folder = parts_of(located(path).parent().unwrap_or(Path::new("")));
        let mut index = Self { path: path.into(), folder, rows: HashMap::new() };
        for row in rows {
            let Some(file) = row.get(file).filter(|file| !file.is_empty()) else { continue };
            let [composer, title, opus, licence, maintainer, id] =
                columns.map(|column| column.and_then(|column| row.get(column)).map_or("", |field| field.trim()));
            let parts = parts_of(Path::new(file));
            let Some(name) = parts.last().cloned() else { continue };
            let title_of_file = Path::new(&name).file_stem().unwrap_or_default().to_string_lossy();
            let mut credits = Credits { title: title_of_file.into_owned(), ..Credits::unknown() };
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

    /// Its own file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What it tells of a file. A row is the file's if its path ends as the file's does from the index's folder on, or
    /// the reverse; of a file elsewhere the whole path has to end as the row's. None where no row is, or where several
    /// fit as well and disagree.
    pub fn credits(&self, path: &Path) -> Option<&Credits> {
        let parts = parts_of(&located(path));
        let inside = parts.strip_prefix(&self.folder[..]).filter(|inside| !inside.is_empty());
        let agrees = |row: &[String]| match inside {
            Some(inside) => row.ends_with(inside) || inside.ends_with(row),
            None => parts.ends_with(row),
        };
        let shared = |row: &[String]| {
            let ends = row.iter().rev().zip(parts.iter().rev());
            (inside == Some(row), ends.take_while(|(a, b)| a == b).count())
        };
        let rows = self.rows.get(parts.last()?)?;
        let fitting = || rows.iter().filter(|(row, _)| agrees(row));
        let most = fitting().map(|(row, _)| shared(row)).max()?;
        let mut best = fitting().filter(|(row, _)| shared(row) == most).map(|(_, credits)| credits);
        let first = best.next()?;
        best.all(|other| other == first).then_some(first)
    }
}

/// A path from the root on, under the name that the file has there.
fn located(path: &Path) -> PathBuf {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    folder.canonicalize().map_or_else(|_| path.into(), |folder| folder.join(path.file_name().unwrap_or_default()))
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

    /// The index that is found for a file of a source.
    fn nearest(base: &Path, file: &str, root: &str) -> Option<PathBuf> {
        let places = Index::places(&base.join(file), &base.join(root));
        places.into_iter().find(|path| path.is_file())
    }

    #[test]
    fn an_index_is_found_in_the_folders_as_far_as_around_the_source() {
        let folder = tempfile::tempdir().expect("space");
        let base = folder.path().canonicalize().expect("a folder");
        fs::create_dir_all(base.join("scores/bach/late/fugues")).expect("space");
        fs::write(base.join(FILE_NAME), "file\n").expect("space");
        let top = Some(base.join(FILE_NAME));
        let deep = "scores/bach/late/fugues/x.mid";
        assert_eq!(nearest(&base, deep, "scores"), top, "around the source");
        assert_eq!(nearest(&base, deep, "."), top, "in it");
        assert_eq!(nearest(&base, deep, "scores/bach"), None, "farther away");
        assert_eq!(nearest(&base, "scores/x.mid", "scores"), top);
        fs::write(base.join("scores/bach").join(FILE_NAME), "file\n").expect("space");
        assert_eq!(nearest(&base, deep, "scores"), Some(base.join("scores/bach").join(FILE_NAME)), "the nearest");
    }

    #[test]
    fn a_row_is_a_files_whose_folders_agree() {
        let folder = tempfile::tempdir().expect("space");
        let base = folder.path();
        let index = |table: &str| {
            fs::write(base.join(FILE_NAME), table).expect("space");
            Index::read(&base.join(FILE_NAME)).expect("an index")
        };
        let composer = |index: &Index, file: &Path| index.credits(file).map(|credits| credits.composer.clone());
        let inside = |index: &Index, file: &str| composer(index, &base.join(file));
        let some = |name: &str| Some(name.to_string());

        let table = index(
            "composer,file,license,opus,title\r\nBach,midi/a/x.mid,\"CC, \"\"BY\"\"\",BWV 1,\"Aria, da capo\"\n\
             Haydn,midi/b/x.mid,Public Domain,,Sonata\n",
        );
        let bach = table.credits(&base.join("a/x.mid")).expect("a row").clone();
        assert_eq!((&*bach.composer, &*bach.licence, &*bach.opus), ("Bach", "CC, \"BY\"", "BWV 1"));
        assert_eq!(bach.title, "Aria, da capo");
        assert_eq!(inside(&table, "b/x.mid"), some("Haydn"));
        assert_eq!(inside(&table, "c/x.mid"), None, "a folder of which it does not tell");
        assert_eq!(inside(&table, "x.mid"), None, "both rows fit");
        assert_eq!(inside(&table, "y.mid"), None);

        let table = index("composer,file\nBach,x.mid\nHaydn,b/x.mid\n");
        assert_eq!(inside(&table, "x.mid"), some("Bach"));
        assert_eq!(inside(&table, "deep/b/x.mid"), some("Haydn"), "as far as the row goes");
        assert_eq!(inside(&table, "b/x.mid"), some("Haydn"), "the row that says more");
        let twice = index("composer,file\nBach,a/x.mid\nHaydn,a/x.mid\nLiszt,b/x.mid\nLiszt,b/x.mid\n");
        assert_eq!((inside(&twice, "a/x.mid"), inside(&twice, "b/x.mid")), (None, some("Liszt")));

        let elsewhere = tempfile::tempdir().expect("space");
        let table = index("composer,file\nBach,a/x.mid\n");
        assert_eq!(composer(&table, &elsewhere.path().join("a/x.mid")), some("Bach"));
        assert_eq!(composer(&table, &elsewhere.path().join("x.mid")), None);
    }

    #[test]
    fn what_is_no_index_is_refused() {
        let folder = tempfile::tempdir().expect("space");
        for (table, part) in
            [("composer,title\nBach,Aria\n", "column `file`"), ("file\n\"x.mid\n", "quote"), ("", "column `file`")]
        {
            let path = folder.path().join(FILE_NAME);
            fs::write(&path, table).expect("space");
            let said = Index::read(&path).expect_err(table).to_string();
            assert!(said.contains("INDEX.csv: index: expected") && said.contains(part), "{said}");
        }
    }
}
