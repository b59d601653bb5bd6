//! The report of a run: its curves, sounds, weights and hyperparameters as one HTML file that needs nothing else.
//!
//! The drawings are those of [`crate::figure`].

mod learning;
mod settings;
mod sounds;
mod weights;

use super::run::journal::{Journal, JournalError, JournalFile};
use crate::{
    figure::{FigureError, html},
    whole_file::write_whole,
};
use std::{
    io,
    path::{Path, PathBuf},
};

/// The journal within a run's folder.
pub const JOURNAL_NAME: &str = "journal.jsonl";
/// The report within a run's folder.
pub const REPORT_NAME: &str = "report.html";

/// Why a report could not be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReportError {
    /// The journal was refused.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A drawing failed.
    #[error(transparent)]
    Figure(#[from] FigureError),
    /// The file cannot be written.
    #[error("{}: cannot be written: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's word.
        source: io::Error,
    },
}

/// Writes the report of a run, also of one that goes on, from [`JOURNAL_NAME`] and the sounds that it names. A sound that
/// cannot be read is told in its place. The old report stays until the new one is whole.
///
/// # Errors
/// If the journal is refused or the report cannot be written.
pub fn write(run_folder: &Path) -> Result<PathBuf, ReportError> {
    let journal = JournalFile::read(&run_folder.join(JOURNAL_NAME))?;
    let path = run_folder.join(REPORT_NAME);
    let html = html_of(run_folder, &journal)?;
    match write_whole(&path, html.as_bytes()) {
        Ok(()) => Ok(path),
        Err(source) => Err(ReportError::Io { path, source }),
    }
}

fn html_of(run_folder: &Path, journal: &Journal) -> Result<String, FigureError> {
    let config = journal.start.as_ref().map(|start| start.config.clone()).unwrap_or_default();
    let (name, what) = learning::heading(&config);
    let sections = [
        learning::curves(journal)?,
        sounds::sounds(run_folder, journal)?,
        weights::weights(&journal.weights)?,
        settings::settings(&config),
    ]
    .concat();
    let body = format!(
        "<header>\n<h1>{}</h1>\n<p>{}</p>\n{}</header>\n<main>\n{}{sections}</main>\n\
         <footer>Written by Sympathy {}. This page holds all that it shows and loads nothing.</footer>\n",
        html::escape(&name),
        html::escape(&what),
        html::contents(&sections),
        learning::summary(journal),
        env!("CARGO_PKG_VERSION")
    );
    Ok(html::page(&format!("{name}: training report"), &body))
}
