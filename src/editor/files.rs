//! A list of folders and files, in which one is chosen: the same on every system, and nothing of the system's has to be there.

use super::{
    controls::{button, list_row},
    job::{Job, Superseded},
    theme::{self, Theme, space},
};
use crate::{audio_file::EXTENSIONS, notes::MIDI_ENDINGS, text_file::read_text, whole_file::write_whole};
use egui::{Align2, Key, Rect, ScrollArea, TextEdit, Ui, UiBuilder, pos2, vec2};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// Endings of models.
pub(super) const MODELS: &[&str] = &["safetensors"];
/// Entries of a folder that are looked at.
const MAX_ENTRIES: usize = 10_000;
/// Where the folder of the last file is noted.
const LAST_FOLDER: &str = "last-folder.txt";
/// No path is longer.
const MAX_NOTE_BYTES: u64 = 1 << 15;
const PLACES_WIDTH: f32 = 150.0;

/// What a file is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// A model, to be one of the user's.
    Model,
    /// The model that a slot misses.
    Missing(u8),
    /// A recording, to be the seed.
    Seed,
    /// A recording, to learn from.
    Material,
    /// A MIDI file, to go on from.
    Phrase,
}

impl Purpose {
    fn title(self) -> &'static str {
        match self {
            Self::Model => "Choose a model",
            Self::Missing(_) => "Where is the model?",
            Self::Seed => "Choose a recording as the seed",
            Self::Material => "Choose a recording to learn from",
            Self::Phrase => "Choose a MIDI file that it is to go on from",
        }
    }

    fn endings(self) -> &'static [&'static str] {
        match self {
            Self::Model | Self::Missing(_) => MODELS,
            Self::Seed | Self::Material => &EXTENSIONS,
            Self::Phrase => &MIDI_ENDINGS,
        }
    }
}

/// What came of a picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Nothing yet.
    Open,
    /// It was left without a choice.
    Left,
    /// This file.
    Chosen(PathBuf),
}

/// What a folder holds, by name.
#[derive(Debug, Default)]
struct Entries {
    folders: Vec<PathBuf>,
    files: Vec<PathBuf>,
    /// There is more than is looked at.
    is_cut: bool,
}

/// Or why it cannot be read.
type Listing = Result<Entries, String>;

/// The list while it is open.
#[derive(Debug)]
pub(super) struct Files {
    /// What is looked for.
    pub purpose: Purpose,
    folder: PathBuf,
    listing: Listing,
    /// A folder is read on a thread: one of a network may take its time.
    reading: Job<Listing>,
    superseded: Superseded,
    /// The path as it is typed.
    typed: String,
    /// Folders that people keep things in.
    places: Vec<(&'static str, PathBuf)>,
    /// The file in which the folder is noted.
    note: Option<PathBuf>,
}

impl Files {
    /// Opens the list where the last file was chosen, or among the system's folder for music. `own`: a folder of Sympathy's that may hold what
    /// is looked for. `data`: Sympathy's folder for data.
    pub fn open(purpose: Purpose, own: Option<(&'static str, PathBuf)>, data: Option<PathBuf>) -> Self {
        let mut places: Vec<(&'static str, PathBuf)> = own.into_iter().collect();
        if let Some(user) = directories::UserDirs::new() {
            let known =
                [("Music", user.audio_dir()), ("Downloads", user.download_dir()), ("Desktop", user.desktop_dir())];
            places.extend(known.into_iter().filter_map(|(name, folder)| Some((name, folder?.to_path_buf()))));
            places.push(("Home", user.home_dir().to_path_buf()));
        }
        places.push(("Computer", PathBuf::from(std::path::MAIN_SEPARATOR_STR)));
        let note = data.map(|folder| folder.join(LAST_FOLDER));
        let last = note.as_ref().and_then(|file| read_text(file, MAX_NOTE_BYTES).ok()?).map(PathBuf::from);
        let folder = last.filter(|folder| folder.is_absolute()).unwrap_or_else(|| places[0].1.clone());
        let mut files = Self {
            purpose,
            folder: PathBuf::new(),
            listing: Ok(Entries::default()),
            reading: Job::default(),
            superseded: Superseded::default(),
            typed: String::new(),
            places,
            note,
        };
        files.go(folder);
        files
    }

    fn go(&mut self, folder: PathBuf) {
        let endings = self.purpose.endings();
        let read = folder.clone();
        self.superseded.keep(&mut self.reading);
        self.reading = Job::begin("sympathy-files", move || listing(&read, endings));
        self.typed = folder.display().to_string();
        self.folder = folder;
    }

    /// Closes the list; what is being read of a slow folder is waited for elsewhere.
    pub fn close(mut self, superseded: &mut Superseded) {
        superseded.keep(&mut self.reading);
        superseded.keep_all(self.superseded);
    }

    /// Draws the list.
    pub fn show(&mut self, ui: &mut Ui, rect: Rect, theme: &Theme) -> Outcome {
        self.superseded.sweep();
        if let Some(listing) = self.reading.take() {
            self.listing = listing;
        }
        let inside = rect.shrink(space::MEDIUM);
        ui.painter().text(inside.left_top(), Align2::LEFT_TOP, self.purpose.title(), theme::title(), theme.text);
        let close = Rect::from_min_size(inside.right_top() - vec2(80.0, 0.0), vec2(80.0, 26.0));
        let mut outcome = if button(ui, close, "Cancel", false, theme) { Outcome::Left } else { Outcome::Open };
        let line = Rect::from_min_size(inside.left_top() + vec2(0.0, 34.0), vec2(inside.width(), 26.0));
        let up = line.with_max_x(line.left() + 40.0);
        if button(ui, up, "Up", false, theme)
            && let Some(parent) = self.folder.parent().map(Path::to_path_buf)
        {
            self.go(parent);
        }
        let field = line.with_min_x(up.right() + space::SMALL);
        let typed = ui.put(field, TextEdit::singleline(&mut self.typed).font(theme::body()).align(Align2::LEFT_CENTER));
        if typed.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter)) {
            let path = self.folder.join(self.typed.trim());
            if path.is_dir() {
                self.go(path);
            } else {
                outcome = Outcome::Chosen(path);
            }
        }
        let body = Rect::from_min_max(pos2(inside.left(), line.bottom() + space::SMALL), inside.max);
        for (index, (name, folder)) in self.places.clone().into_iter().enumerate() {
            let at = body.min + vec2(0.0, 32.0 * index as f32);
            let place = Rect::from_min_size(at, vec2(PLACES_WIDTH - space::MEDIUM, 28.0));
            if body.contains_rect(place) && button(ui, place, name, folder == self.folder, theme) {
                self.go(folder);
            }
        }
        let list = body.with_min_x(body.left() + PLACES_WIDTH);
        let mut entered = None;
        ui.scope_builder(UiBuilder::new().max_rect(list), |ui| {
            ScrollArea::vertical().id_salt("files").auto_shrink(false).show(ui, |ui| match &self.listing {
                Ok(Entries { folders, files, is_cut }) => {
                    for folder in folders {
                        if entry(ui, folder, true, theme) {
                            entered = Some(folder.clone());
                        }
                    }
                    for file in files {
                        if entry(ui, file, false, theme) {
                            outcome = Outcome::Chosen(file.clone());
                        }
                    }
                    if *is_cut {
                        ui.label(format!("This folder holds more: only {MAX_ENTRIES} entries were looked at."));
                    }
                    if self.reading.is_some() {
                        ui.label("Being read…");
                    } else if files.is_empty() {
                        ui.colored_label(
                            theme.dim,
                            format!("No files here that end in .{}.", self.purpose.endings()[0]),
                        );
                    }
                }
                Err(reason) => drop(ui.colored_label(theme.alarm, format!("▲ {reason}"))),
            });
        });
        if let Some(folder) = entered {
            self.go(folder);
        }
        if let Outcome::Chosen(file) = &outcome
            && let Some(folder) = file.parent().and_then(Path::to_str)
            && let Some(note) = &self.note
        {
            // A note that cannot be written is missed next time, and no more.
            let written = note.parent().map(fs::create_dir_all).map(|_| write_whole(note, folder.as_bytes()));
            drop(written);
        }
        outcome
    }
}

/// The list while it is open, and the page to go back to.
#[derive(Debug)]
pub(super) struct Chooser<P> {
    open: Option<(Files, P)>,
    /// What is still being read of a list that was closed.
    superseded: Superseded,
}

impl<P> Default for Chooser<P> {
    fn default() -> Self {
        Self { open: None, superseded: Superseded::default() }
    }
}

/// What came of a picture of the list, and the page to go back to.
pub(super) enum Chosen<P> {
    /// Nothing yet.
    Open,
    /// It was left without a choice.
    Left(P),
    /// This file, for this.
    File(Purpose, PathBuf, P),
}

impl<P: Copy + Default> Chooser<P> {
    /// Opens the list from the page `back`, as [`Files::open`].
    pub fn open(&mut self, purpose: Purpose, own: Option<(&'static str, PathBuf)>, data: Option<PathBuf>, back: P) {
        self.open = Some((Files::open(purpose, own, data), back));
    }

    /// What is looked for, while it is open.
    pub fn purpose(&self) -> Option<Purpose> {
        self.open.as_ref().map(|(files, _)| files.purpose)
    }

    /// Closes the list; what is being read of a slow folder is waited for elsewhere.
    pub fn close(&mut self) -> P {
        let Some((files, back)) = self.open.take() else { return P::default() };
        files.close(&mut self.superseded);
        back
    }

    /// Draws the list.
    pub fn show(&mut self, ui: &mut Ui, rect: Rect, theme: &Theme) -> Chosen<P> {
        let Some((files, _)) = &mut self.open else { return Chosen::Left(P::default()) };
        let (outcome, purpose) = (files.show(ui, rect, theme), files.purpose);
        match outcome {
            Outcome::Open => Chosen::Open,
            Outcome::Left => Chosen::Left(self.close()),
            Outcome::Chosen(path) => Chosen::File(purpose, path, self.close()),
        }
    }

    /// Lets go what has been read meanwhile.
    pub fn sweep(&mut self) {
        self.superseded.sweep();
    }
}

/// Whether a file ends in one of these, in small letters or capitals.
pub(super) fn ends_in(path: &Path, endings: &[&str]) -> bool {
    path.extension().is_some_and(|end| endings.contains(&&end.to_string_lossy().to_lowercase()[..]))
}

fn listing(folder: &Path, endings: &[&str]) -> Listing {
    let entries = fs::read_dir(folder).map_err(|error| format!("{}: cannot be read: {error}", folder.display()))?;
    let is_hidden = |path: &Path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
    let mut entries = entries.flatten();
    let paths = entries.by_ref().take(MAX_ENTRIES).map(|entry| entry.path()).filter(|path| !is_hidden(path));
    let (mut folders, mut files): (Vec<PathBuf>, Vec<PathBuf>) = paths.partition(|path| path.is_dir());
    files.retain(|path| ends_in(path, endings) && path.is_file());
    let key = |path: &PathBuf| path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    folders.sort_by_cached_key(key);
    files.sort_by_cached_key(key);
    Ok(Entries { folders, files, is_cut: entries.next().is_some() })
}

fn entry(ui: &mut Ui, path: &Path, is_folder: bool, theme: &Theme) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let (rect, is_chosen) = list_row(ui, ("file", path), &name, false, theme);
    let painter = ui.painter_at(rect);
    let y = rect.center().y;
    if is_folder {
        painter.text(pos2(rect.left() + 12.0, y), Align2::LEFT_CENTER, "▶", theme::small(), theme.dim);
    }
    painter.text(pos2(rect.left() + 32.0, y), Align2::LEFT_CENTER, &name, theme::body(), theme.text);
    is_chosen
}
