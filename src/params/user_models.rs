//! The user's models of one instance: slots 64 to 127.
//!
//! A fresh instance gives the files of the models folder to slots 64, 65, …, by name. A restored instance keeps the assignment
//! its project stores. Files are looked up, hashed and loaded on a thread of this object; whoever asks the registry for a slot
//! that is still being looked up waits there, and so, for a while, does who shows names or saves.

use super::{
    assigned::{Assigned, Held},
    lookup::{Found, Lookup, file_sha256, relative_path},
    progress::Progress,
    project::{
        Base64File, EMBED_LIMIT_BYTES, Project, STATE_VERSION, StoredEmbedded, StoredModel, StoredProject, Version,
    },
    selection::Selection,
    text,
};
use crate::{
    approach::Network,
    control::values::ParamSpec,
    learn::job::Models,
    model::{MAX_FILE_BYTES, ModelData, folder::USER_SLOTS},
    worker::{ModelRegistry, SlotModel, likely_files},
};
use nice_plug::params::persist::PersistentField;
use std::{
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc::{self, Receiver, Sender},
    },
    thread::JoinHandle,
};

#[derive(Debug)]
struct Inner<M> {
    registry: Arc<ModelRegistry<M>>,
    folder: Option<PathBuf>,
    selection: Arc<Selection>,
    store_files: Arc<AtomicBool>,
    held: Mutex<Held>,
    /// Counts restored projects: what was begun for an earlier one is dropped.
    revision: AtomicU64,
    stop: AtomicBool,
    progress: Arc<Progress>,
}

enum Job {
    Scan(u64),
    Restore(u64),
    /// A file for one slot.
    Place(u64, u8, PathBuf),
    /// The instance goes.
    End,
}

/// See the module.
#[derive(Debug)]
pub struct UserModels<M: SlotModel = Network> {
    shelf: Shelf<M>,
    thread: Option<JoinHandle<()>>,
}

/// What lessons have of the user's models; the instance may go first.
#[derive(Debug)]
struct Shelf<M> {
    inner: Arc<Inner<M>>,
    jobs: Sender<Job>,
}

impl UserModels {
    /// What learns needs of them.
    pub(super) fn for_lessons(&self) -> Arc<dyn Models> {
        let Shelf { inner, jobs } = &self.shelf;
        Arc::new(Shelf { inner: Arc::clone(inner), jobs: jobs.clone() })
    }
}

impl<M: SlotModel> UserModels<M> {
    /// A fresh instance: begins to read `folder`.
    pub fn new(registry: Arc<ModelRegistry<M>>, folder: Option<PathBuf>) -> Self {
        let inner = Arc::new(Inner {
            registry,
            folder,
            selection: Arc::default(),
            store_files: Arc::new(AtomicBool::new(true)),
            held: Mutex::new(Held::Known { embedded: None, user: None }),
            revision: AtomicU64::new(0),
            stop: AtomicBool::new(false),
            progress: Arc::default(),
        });
        let (jobs, receiver) = mpsc::channel();
        let shared = Arc::clone(&inner);
        // Without a thread nobody receives, and what is begun says so.
        let thread =
            std::thread::Builder::new().name("sympathy-models".into()).spawn(move || shared.run(&receiver)).ok();
        let shelf = Shelf { inner, jobs };
        shelf.begin(Job::Scan(0));
        Self { shelf, thread }
    }

    /// What the *Model* parameter reports to.
    pub(super) fn selection(&self) -> Arc<Selection> {
        Arc::clone(&self.shelf.inner.selection)
    }

    /// How far the looking up has come.
    pub(super) fn progress(&self) -> Arc<Progress> {
        Arc::clone(&self.shelf.inner.progress)
    }

    /// Waits for a while until it is known which slots hold models. Not for the audio thread.
    pub fn wait_for_names(&self) {
        self.shelf.inner.progress.wait_for_names();
    }

    /// How a parameter shows a slot. Hosts ask for names as soon as there is an instance, and not again.
    pub(super) fn shows(&self) -> impl Fn(i32) -> String + Clone + Send + Sync + 'static {
        let (registry, progress) = (Arc::clone(&self.shelf.inner.registry), self.progress());
        move |slot| {
            if u8::try_from(slot).is_ok_and(|slot| USER_SLOTS.contains(&slot)) {
                progress.wait_for_names();
            }
            text::slot_to_text(&registry, slot)
        }
    }

    /// How a parameter reads a slot.
    pub(super) fn reads<Id: Sync>(
        &self,
        spec: &'static ParamSpec<Id>,
    ) -> impl Fn(&str) -> Option<i32> + Send + Sync + 'static {
        let (registry, progress) = (Arc::clone(&self.shelf.inner.registry), self.progress());
        move |typed| {
            text::text_to_slot(&registry, spec, typed).or_else(|| {
                progress.wait_for_names();
                text::text_to_slot(&registry, spec, typed)
            })
        }
    }

    /// The switch that lets projects keep copies of files.
    pub(super) fn store_files(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.shelf.inner.store_files)
    }

    /// Gives a file to a slot of the user's: to the one whose model is missing, if that is the one that is meant, or to a free one. The file is
    /// read and checked later; another one than the missing model's is refused then, with the reason in the slot's label.
    ///
    /// # Errors
    /// Why there is no slot for it, in a sentence.
    pub fn place(&self, missing: Option<u8>, path: &Path) -> Result<u8, String> {
        self.shelf.place(missing, path)
    }
}

impl<M: SlotModel> Shelf<M> {
    fn place(&self, missing: Option<u8>, path: &Path) -> Result<u8, String> {
        let file = std::fs::metadata(path).map_err(|error| format!("{}: cannot be read: {error}.", path.display()))?;
        if !file.is_file() || file.len() > MAX_FILE_BYTES || path.to_str().is_none() {
            let most = MAX_FILE_BYTES >> 20;
            return Err(format!(
                "{}: expected a model's file of at most {most} MiB with a plain name.",
                path.display()
            ));
        }
        self.inner.progress.wait_for_names();
        let (slot, revision) = self.inner.place(missing, path)?;
        if let Some(revision) = revision {
            self.begin(Job::Place(revision, slot, path.into()));
        }
        Ok(slot)
    }

    /// Hands work to the thread. Until it is done, whoever asks the registry for one of its slots waits.
    fn begin(&self, job: Job) {
        let slots = match job {
            Job::Scan(_) | Job::Restore(_) | Job::End => USER_SLOTS,
            Job::Place(_, slot, _) => slot..=slot,
        };
        for slot in slots.clone() {
            self.inner.registry.set_pending(slot);
        }
        self.inner.progress.begin();
        if self.jobs.send(job).is_err() {
            self.inner.progress.run_next();
            self.inner.progress.has_ended();
            for slot in slots {
                self.inner.registry.set_missing(slot, "your models".into(), "this system gives no thread".into());
            }
        }
    }
}

impl Models for Shelf<Network> {
    fn file(&self, slot: u8) -> Result<(String, Vec<u8>), String> {
        if let Some(model) = Network::embedded().iter().find(|model| model.slot == slot) {
            return Ok((model.name.into(), model.bytes.into()));
        }
        let held = match &*self.inner.lock() {
            Held::Known { user: Some(user), .. } => user.iter().find(|model| model.stored.slot == slot).cloned(),
            _ => None,
        };
        let Some(Assigned { stored, found, .. }) = held else { return Err(format!("slot {slot} holds no model")) };
        let bytes = match (found, stored.file) {
            (Some(path), _) => ModelData::read_bytes(&path).map_err(|error| error.to_string())?,
            (None, Some(copy)) => copy.decode().ok_or("the copy of the model in the project is damaged")?,
            (None, None) => return Err(format!("{}: its file is missing", stored.name)),
        };
        Ok((stored.name, bytes))
    }

    fn put(&self, name: &str, bytes: Vec<u8>) -> Result<u8, String> {
        let slot = self.inner.put(name, bytes)?;
        // Here, on the lesson's thread: what plays goes on meanwhile.
        self.inner.registry.load_at_once(slot);
        Ok(slot)
    }

    fn place(&self, name: &str, path: &Path) -> Result<u8, String> {
        match self.inner.replace(name, path) {
            Some((slot, revision)) => {
                self.begin(Job::Place(revision, slot, path.into()));
                Ok(slot)
            }
            None => Self::place(self, None, path),
        }
    }
}

impl<M: SlotModel> Drop for UserModels<M> {
    fn drop(&mut self) {
        let Shelf { inner, jobs } = &self.shelf;
        inner.stop.store(true, Ordering::Relaxed);
        // A lesson may still hold the other end.
        let _ = jobs.send(Job::End);
        if let Some(thread) = self.thread.take() {
            // Joined, so that no code of the plugin runs when the host unloads it. A panic there was reported by its hook.
            let _ = thread.join();
        }
        // Whoever still waits for a slot waits no longer.
        for slot in USER_SLOTS {
            self.shelf.inner.registry.clear(slot);
        }
    }
}

impl<M: SlotModel> PersistentField<'_, StoredProject> for UserModels<M> {
    fn set(&self, project: StoredProject) {
        if let Some(job) = self.shelf.inner.take_over(project) {
            self.shelf.begin(job);
        }
    }

    fn map<F: Fn(&StoredProject) -> R, R>(&self, f: F) -> R {
        // What is saved at once is what is saved later.
        self.shelf.inner.progress.wait_for_end();
        let project = self.shelf.inner.project();
        f(&project)
    }
}

impl<M: SlotModel> Inner<M> {
    fn lock(&self) -> MutexGuard<'_, Held> {
        // Whoever panicked while it held the lock has left whole values behind.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_overtaken(&self, revision: u64) -> bool {
        self.stop.load(Ordering::Relaxed) || self.revision.load(Ordering::Acquire) != revision
    }

    fn run(&self, jobs: &Receiver<Job>) {
        while let Ok(job) = jobs.recv() {
            self.progress.run_next();
            match job {
                Job::End => return,
                Job::Scan(revision) => self.scan(revision),
                Job::Restore(revision) => self.restore(revision),
                Job::Place(revision, slot, path) => self.look_at_placed(revision, slot, &path),
            }
            self.progress.has_ended();
        }
    }

    /// Holds what a project stores from now on; returns what there is to look up.
    fn take_over(&self, project: StoredProject) -> Option<Job> {
        let mut held = self.lock();
        self.selection.forget_used();
        if let Held::Known { embedded: Some(earlier), .. } = &*held
            && !is_embedded::<M>(earlier)
        {
            self.registry.clear(earlier.slot);
        }
        match project {
            StoredProject::Known(Project { embedded, user, .. }) => {
                let embedded = embedded.filter(|model| !USER_SLOTS.contains(&model.slot));
                self.check_embedded(embedded.as_ref());
                let unchanged = user.as_deref().is_some_and(|user| held.has_found(user));
                let user = user.map(|user| self.assign(user));
                if let (true, Held::Known { embedded: earlier, .. }) = (unchanged, &mut *held) {
                    *earlier = embedded;
                    return None;
                }
                let job = if user.is_some() { Job::Restore } else { Job::Scan };
                *held = Held::Known { embedded, user };
                Some(job(self.next_revision()))
            }
            StoredProject::Unknown(value) => {
                *held = Held::Unknown(value);
                Some(Job::Restore(self.next_revision()))
            }
        }
    }

    /// Notes a file for a slot, or finds the slot that has it; with the revision, if it is to be looked at.
    fn place(&self, missing: Option<u8>, path: &Path) -> Result<(u8, Option<u64>), String> {
        let mut held = self.lock();
        let revision = self.revision.load(Ordering::Acquire);
        if let Some(slot) = missing {
            held.entry_mut(slot).ok_or_else(|| format!("This project has no model in slot {slot}."))?;
            return Ok((slot, Some(revision)));
        }
        let Held::Known { user: Some(user), .. } = &mut *held else {
            return Err("The models of this project are not known: wait a moment, or save it with this version.".into());
        };
        if let Some(model) = user.iter().find(|model| model.found.as_deref() == Some(path)) {
            return Ok((model.stored.slot, None));
        }
        let is_free = |slot: &u8| user.iter().all(|model| model.stored.slot != *slot);
        let slot = USER_SLOTS.into_iter().find(is_free).ok_or("All slots for models of your own are taken.")?;
        let placed = self.assigned_file(slot, path.into());
        user.push(Assigned { found: None, ready: false, ..placed });
        Ok((slot, Some(revision)))
    }

    /// Gives a model that is still learning to the slot of its name, or to a free one; the project carries a copy. Returns the slot.
    fn put(&self, name: &str, bytes: Vec<u8>) -> Result<u8, String> {
        let copy = (bytes.len() as u64 <= EMBED_LIMIT_BYTES).then(|| Base64File::encode(&bytes));
        let mut held = self.lock();
        let Held::Known { user: Some(user), .. } = &mut *held else {
            return Err("The models of this project are not known: wait a moment, or save it with this version.".into());
        };
        let is_free = |slot: &u8| user.iter().all(|model| model.stored.slot != *slot);
        let slot = match user.iter().find(|model| model.is_learning(name)) {
            Some(model) => model.stored.slot,
            None => USER_SLOTS.into_iter().find(is_free).ok_or("All slots for models of your own are taken.")?,
        };
        user.retain(|model| model.stored.slot != slot);
        let stored = StoredModel { slot, name: name.into(), file: copy, ..StoredModel::default() };
        user.push(Assigned { stored, found: None, ready: true, encoded: true });
        self.registry.set_bytes(slot, name.into(), bytes);
        Ok(slot)
    }

    /// Notes the finished file for the slot of a model that was learning, if there is one; with the revision.
    fn replace(&self, name: &str, path: &Path) -> Option<(u8, u64)> {
        let mut held = self.lock();
        let revision = self.revision.load(Ordering::Acquire);
        let Held::Known { user: Some(user), .. } = &mut *held else { return None };
        let model = user.iter_mut().find(|model| model.is_learning(name))?;
        let slot = model.stored.slot;
        let placed = self.assigned_file(slot, path.into());
        *model = Assigned { found: None, ready: false, ..placed };
        Some((slot, revision))
    }

    /// Looks at the file that was given to a slot. Where it is not the missing model's, the project goes on saying where that one was.
    fn look_at_placed(&self, revision: u64, slot: u8, path: &Path) {
        let Some(stored) = self.lock().entry_mut(slot).map(|entry| entry.stored.clone()) else {
            // Another project has come meanwhile: what it says of the slot is said again.
            self.restore(self.revision.load(Ordering::Acquire));
            return;
        };
        let placed = self.assigned_file(slot, path.into()).stored;
        let is_new = stored.sha256.is_none();
        let wanted = StoredModel { path: placed.path.clone(), relative: placed.relative.clone(), ..stored };
        let found = Lookup::new(self.folder.as_deref(), &self.stop).find(&wanted);
        let is_here = matches!(&found, Ok(Found::File(file)) if file == path);
        let sha256 = if is_here && is_new { file_sha256(path, &self.stop) } else { wanted.sha256.clone() };
        if !self.publish_found(revision, wanted, found) {
            self.restore(self.revision.load(Ordering::Acquire));
            return;
        }
        if let Some(entry) = self.lock().entry_mut(slot).filter(|_| is_here) {
            entry.stored = StoredModel { path: placed.path, relative: placed.relative, sha256, ..entry.stored.clone() };
        }
        self.load_current(revision);
    }

    /// What was begun before counts no more.
    fn next_revision(&self) -> u64 {
        self.revision.fetch_add(1, Ordering::AcqRel) + 1
    }

    /// Notices when this version has another embedded model, or none, where the project used one.
    fn check_embedded(&self, stored: Option<&StoredEmbedded>) {
        let Some(stored) = stored else {
            return;
        };
        if !is_embedded::<M>(stored) {
            let reason = "not among the models of this version of Sympathy".into();
            self.registry.set_missing(stored.slot, stored.name.clone(), reason);
        }
    }

    /// Slots of a stored list; those that are not the user's, and the second of a pair, are left out.
    fn assign(&self, user: Vec<StoredModel>) -> Vec<Assigned> {
        let mut assigned: Vec<Assigned> = Vec::new();
        for stored in user {
            if USER_SLOTS.contains(&stored.slot) && assigned.iter().all(|other| other.stored.slot != stored.slot) {
                // What a project carries it goes on carrying.
                let encoded = stored.file.is_some();
                if encoded {
                    self.selection.note_used(stored.slot);
                }
                assigned.push(Assigned { stored, found: None, ready: false, encoded });
            }
        }
        assigned
    }

    /// Gives the files of the models folder to the slots, by name; hashes them afterwards.
    fn scan(&self, revision: u64) {
        let files = self.folder.iter().flat_map(|folder| likely_files::<M>(folder));
        let files = files.take_while(|_| !self.is_overtaken(revision));
        let assigned: Vec<Assigned> =
            USER_SLOTS.zip(files).map(|(slot, path)| self.assigned_file(slot, path)).collect();
        {
            let mut held = self.lock();
            if self.is_overtaken(revision) {
                return;
            }
            for slot in USER_SLOTS {
                match assigned.iter().find(|model| model.stored.slot == slot).and_then(|model| model.found.clone()) {
                    Some(path) => self.registry.set_file(slot, path),
                    None => self.registry.clear(slot),
                }
            }
            if let Held::Known { user, .. } = &mut *held {
                *user = Some(assigned.clone());
            }
        }
        self.progress.has_names();
        self.load_current(revision);
        for model in assigned {
            let sha256 = model.found.as_deref().and_then(|path| file_sha256(path, &self.stop));
            let mut held = self.lock();
            if self.is_overtaken(revision) {
                return;
            }
            if let Some(entry) = held.entry_mut(model.stored.slot) {
                entry.stored.sha256 = sha256;
            }
        }
    }

    fn assigned_file(&self, slot: u8, path: PathBuf) -> Assigned {
        let name = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        let relative = self.folder.as_deref().and_then(|folder| relative_path(folder, &path));
        let absolute = std::path::absolute(&path).ok().and_then(|path| path.to_str().map(str::to_owned));
        let stored = StoredModel { slot, name, path: absolute, relative, ..StoredModel::default() };
        Assigned { stored, found: Some(path), ready: true, encoded: false }
    }

    /// Looks up what the project stores, the selected slots first.
    fn restore(&self, revision: u64) {
        let [current, second] = self.selection.both();
        let unknown = || StoredModel { slot: current, name: "unknown".into(), ..StoredModel::default() };
        let (foreign, mut wanted) = match &*self.lock() {
            Held::Known { user: Some(user), .. } => (None, user.iter().map(|model| model.stored.clone()).collect()),
            Held::Known { user: None, .. } => (None, Vec::new()),
            Held::Unknown(value) => (Some(why_unknown(value)), vec![unknown()]),
        };
        wanted.sort_by_key(|model| (model.slot != current, model.slot != second));
        let mut lookup = Lookup::new(self.folder.as_deref(), &self.stop);
        for slot in USER_SLOTS.filter(|slot| wanted.iter().all(|model| model.slot != *slot)) {
            if !self.publish(revision, slot, |_| self.registry.clear(slot)) {
                return;
            }
        }
        for model in wanted.into_iter().filter(|model| USER_SLOTS.contains(&model.slot)) {
            let found = foreign.clone().map_or_else(|| lookup.find(&model), Err);
            let slot = model.slot;
            if !self.publish_found(revision, model, found) {
                return;
            }
            if self.selection.both().contains(&slot) {
                self.load_current(revision);
            }
        }
    }

    /// Gives the registry what was found of a model, or why nothing was. Returns whether it still counts.
    fn publish_found(&self, revision: u64, model: StoredModel, found: Result<Found, String>) -> bool {
        let StoredModel { slot, name, .. } = model;
        self.publish(revision, slot, |entry| {
            let ready = found.is_ok();
            let path = match found {
                Ok(Found::Bytes(bytes)) => {
                    self.registry.set_bytes(slot, name, bytes);
                    None
                }
                Ok(Found::File(path)) => {
                    self.registry.set_file(slot, path.clone());
                    Some(path)
                }
                Err(reason) => {
                    self.registry.set_missing(slot, name, reason);
                    None
                }
            };
            if let Some(entry) = entry {
                (entry.found, entry.ready) = (path, ready);
            }
        })
    }

    /// Does something to a slot, unless another project has been restored since. Returns whether it did.
    fn publish(&self, revision: u64, slot: u8, change: impl FnOnce(Option<&mut Assigned>)) -> bool {
        let mut held = self.lock();
        let current = !self.is_overtaken(revision);
        if current {
            change(held.entry_mut(slot));
        }
        current
    }

    /// A worker that had been refused a slot takes it as soon as it is loaded.
    fn load_current(&self, revision: u64) {
        for slot in self.selection.both() {
            if USER_SLOTS.contains(&slot) && !self.is_overtaken(revision) {
                // A project that is restored now has the slot looked up anew, by this very thread: nothing to wait for.
                self.registry.load_at_once(slot);
            }
        }
    }

    /// What is stored now.
    fn project(&self) -> StoredProject {
        let mut held = self.lock();
        match &mut *held {
            Held::Unknown(value) => StoredProject::Unknown(value.clone()),
            Held::Known { embedded, user } => StoredProject::Known(Project {
                version: Version,
                embedded: self.selected_embedded(embedded.as_ref()),
                user: user.as_mut().map(|user| self.store_all(user)),
            }),
        }
    }

    fn store_all(&self, user: &mut [Assigned]) -> Vec<StoredModel> {
        let files = self.store_files.load(Ordering::Relaxed);
        user.iter_mut().map(|model| model.store(files, self.selection.is_used(model.stored.slot))).collect()
    }

    /// The name of the selected embedded model; where this version lacks the project's, that name stays.
    fn selected_embedded(&self, restored: Option<&StoredEmbedded>) -> Option<StoredEmbedded> {
        let slot = self.selection.current();
        restored.filter(|model| model.slot == slot).cloned().or_else(|| {
            let model = M::embedded().iter().find(|model| model.slot == slot)?;
            Some(StoredEmbedded { slot, name: model.name.into() })
        })
    }
}

/// Why a project's list of models cannot be read.
fn why_unknown(list: &serde_json::Value) -> String {
    match list.get("version").and_then(serde_json::Value::as_u64) {
        Some(version) if version > u64::from(STATE_VERSION) => format!(
            "missing: the project was saved by a later version of Sympathy (its list of models has version {version}, this one reads \
             {STATE_VERSION}); it is kept as it is"
        ),
        _ => "missing: the project's list of models is damaged; it is kept as it is".into(),
    }
}

fn is_embedded<M: SlotModel>(stored: &StoredEmbedded) -> bool {
    M::embedded().iter().any(|model| model.slot == stored.slot && model.name == stored.name)
}

#[cfg(test)]
mod tests;
