//! What the program says, on standard output and standard error, and how wide that may be.
//!
//! Nobody may be reading: who has gone (`sympathy models | head -1`) is no reason to leave the rest of the work undone, nor to
//! panic. Whatever else keeps words from being written, a full disk for one, is an error once the work is done.

use std::{
    fmt::Arguments,
    io::{self, ErrorKind, IsTerminal, Write},
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
};
use textwrap::{Options, WordSeparator, WordSplitter};

/// Columns where no terminal says otherwise.
const COLUMNS: usize = 80;
/// Neither narrower nor wider, whatever a terminal says.
const LEAST: usize = 40;
const MOST: usize = 120;

/// The first thing that kept words from being written.
static FAILURE: Mutex<Option<io::Error>> = Mutex::new(None);
/// Whether standard output is for sound.
static IS_OUTPUT_SOUND: AtomicBool = AtomicBool::new(false);

/// As [`println!`].
macro_rules! say {
    ($($words:tt)*) => { $crate::cli::terminal::write(format_args!($($words)*)) };
}

/// As [`eprintln!`].
macro_rules! remark {
    ($($words:tt)*) => { $crate::cli::terminal::write_aside(format_args!($($words)*)) };
}

pub(crate) use {remark, say};

/// Words go to standard error from now on: the sound itself goes to standard output.
pub fn leave_output_to_sound() {
    IS_OUTPUT_SOUND.store(true, Ordering::Relaxed);
}

/// Writes a line to standard output.
pub fn write(words: Arguments<'_>) {
    if IS_OUTPUT_SOUND.load(Ordering::Relaxed) {
        return write_aside(words);
    }
    note(writeln!(io::stdout().lock(), "{words}"));
}

/// Writes a line to standard error. Who cannot even be told that is not told.
pub fn write_aside(words: Arguments<'_>) {
    writeln!(io::stderr().lock(), "{words}").ok();
}

/// Keeps the first failure that is not for want of a reader.
fn note(written: io::Result<()>) {
    if let Err(error) = written
        && error.kind() != ErrorKind::BrokenPipe
    {
        FAILURE.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).get_or_insert(error);
    }
}

/// Writes what is left, and tells whether all words were written.
///
/// # Errors
/// The first failure; that a reader has gone is none.
pub fn finish() -> io::Result<()> {
    note(io::stdout().lock().flush());
    FAILURE.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).take().map_or(Ok(()), Err)
}

/// Columns of the terminal; where there is none, those of `COLUMNS`, or 80.
pub fn width() -> usize {
    let of_terminal = terminal_size::terminal_size().map(|(width, _)| usize::from(width.0));
    of_terminal.or_else(said_width).unwrap_or(COLUMNS).clamp(LEAST, MOST)
}

/// The same for tables; there is no limit for those that a program reads through a pipe.
pub fn table_width() -> usize {
    let is_read = io::stdout().is_terminal() || said_width().is_some();
    if is_read { width() } else { usize::MAX }
}

fn said_width() -> Option<usize> {
    std::env::var("COLUMNS").ok()?.parse().ok()
}

/// Every line broken at words so that it fits. What goes on stands where the last column of the line began, two spaces or more
/// after another; a command's goes on after a backslash, as shells have it, and what is said about it stands below.
pub fn wrapped(text: &str, width: usize) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 8);
    for line in text.lines() {
        wrap_line(line, width, &mut out);
    }
    out.truncate(out.trim_end_matches('\n').len());
    out
}

fn wrap_line(line: &str, width: usize, out: &mut String) {
    let length = |text: &str| text.chars().count();
    if length(line) <= width {
        *out += line;
        out.push('\n');
        return;
    }
    let indent = line.len() - line.trim_start().len();
    let is_command = line.trim_start().starts_with("sympathy ");
    let column = line.rfind("  ").map(|gap| gap + 2).filter(|&at| at > indent);
    if let (true, Some(at)) = (is_command, column) {
        wrap_line(line[..at].trim_end(), width, out);
        wrap_line(&format!("{:indent$}  {}", "", &line[at..]), width, out);
        return;
    }
    // A column that leaves half of the width to its words.
    let narrow = column.filter(|&at| 2 * length(&line[..at]) <= width);
    let head = &line[..narrow.unwrap_or(indent)];
    let hang = " ".repeat(length(head) + if narrow.is_some() { 0 } else { 2 * (1 + usize::from(is_command)) });
    let end = if is_command { " \\" } else { "" };
    let options = Options::new(width - end.len())
        .initial_indent(head)
        .subsequent_indent(&hang)
        .break_words(false)
        .word_separator(WordSeparator::AsciiSpace)
        .word_splitter(WordSplitter::NoHyphenation);
    *out += &textwrap::wrap(&line[head.len()..], options).join(&format!("{end}\n"));
    out.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_are_broken_where_their_last_column_began() {
        for (line, expected) in [
            ("short   enough", "short   enough"),
            ("all of this is one long line of words", "all of this is one\n  long line of words"),
            ("  key   what it is for", "  key   what it is\n        for"),
            ("  a very long column   and a text", "  a very long column\n    and a text"),
            ("  sympathy render in.wav out.wav", "  sympathy render \\\n      in.wav \\\n      out.wav"),
            ("  sympathy demo    hear it at once", "  sympathy demo\n    hear it at once"),
            ("one\n\ntwo", "one\n\ntwo"),
            ("averyveryverylongwordalone", "averyveryverylongwordalone"),
            ("  ä   öööö üüüüüü ßßßßßßß", "  ä   öööö üüüüüü\n      ßßßßßßß"),
        ] {
            assert_eq!(wrapped(line, 20), expected);
        }
    }
}
