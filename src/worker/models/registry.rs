//! The models an instance can play: 128 stable slots, loaded when they are wanted, off the audio thread.

use super::{
    measure::{factor_to_text, measure_slowness},
    shared::Shared,
};
use crate::{
    approach::Network,
    control::{HasPresets, PresetOf},
    model::{EMBEDDED, EmbeddedModel, ModelData, folder::model_files, is_file_of_notes},
    nn::{Isa, Precision},
};
use std::{
    borrow::Cow,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

/// Longest wait for another thread that looks a model up.
const MAX_WAIT: Duration = Duration::from_secs(5);
/// Number of slots.
pub const SLOTS: usize = 128;

/// What the slots of a plugin hold.
pub trait SlotModel: Sized + Send + Sync + 'static {
    /// The models inside the binary, with their slots.
    fn embedded() -> &'static [EmbeddedModel];

    /// Reads the bytes of a file; `precision`: none, the model chooses. Takes tens of milliseconds.
    ///
    /// # Errors
    /// One line that says what is wrong with the file of this name.
    fn load(bytes: &[u8], file: &Path, precision: Option<Precision>, isa: Isa) -> Result<Self, String>;

    /// As it is called.
    fn title(&self) -> &str;

    /// Those of this kind that instances hold.
    fn shared() -> &'static Shared<Self>;

    /// What an audio thread has to know of it.
    fn facts(&self) -> u16 {
        0
    }

    /// As [`measure_slowness`].
    fn slowness(_: &Arc<Self>) -> Option<f64> {
        None
    }

    /// Whether this may be a file of such a model: false where it plainly is one of another kind.
    fn is_likely(file: &Path) -> bool;
}

impl SlotModel for Network {
    fn embedded() -> &'static [EmbeddedModel] {
        EMBEDDED
    }

    fn load(bytes: &[u8], file: &Path, precision: Option<Precision>, isa: Isa) -> Result<Self, String> {
        let data = ModelData::from_bytes(bytes, file).map_err(|error| error.to_string())?;
        Ok(Self::load(&data, precision, isa))
    }

    fn title(&self) -> &str {
        &self.config().name
    }

    fn shared() -> &'static Shared<Self> {
        static SHARED: Shared<Network> = Shared::new();
        &SHARED
    }

    fn slowness(network: &Arc<Self>) -> Option<f64> {
        measure_slowness(network)
    }

    fn is_likely(file: &Path) -> bool {
        !is_file_of_notes(file).unwrap_or(false)
    }
}

/// The files of a models folder that may hold models of this kind, by name: models of sound and of notes may lie side by side, and each
/// plugin gives its own to its slots. Each file is looked into when it is asked for.
pub fn likely_files<M: SlotModel>(folder: &Path) -> impl Iterator<Item = PathBuf> {
    model_files(folder).into_iter().filter(|file| M::is_likely(file))
}

/// What an audio thread may know of a slot: whether its model is there, and the model's [`SlotModel::facts`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Readiness(u64);

impl Readiness {
    const FAILED: Self = Self(1);

    /// Of a loaded model. What was put into the slot later differs.
    fn ready(facts: u16, revision: u64) -> Self {
        Self(2 | u64::from(facts) << 2 | revision << 18)
    }

    /// False while the model has to be loaded first.
    pub fn is_settled(self) -> bool {
        self != Self::default()
    }

    /// The facts of a loaded model.
    pub fn facts(self) -> Option<u16> {
        (self.0 & 2 != 0).then_some((self.0 >> 2) as u16)
    }
}

#[derive(Clone, Debug, Default)]
enum Source {
    #[default]
    Empty,
    Embedded(usize),
    File(PathBuf),
    Bytes(Arc<[u8]>),
    Missing(String),
}

impl Source {
    /// The bytes of a model's file, and what errors call it; or one line that says why there are none.
    fn bytes<'a, M: SlotModel>(&'a self, slot: u8, name: &'a str) -> Result<(Cow<'a, [u8]>, &'a Path), String> {
        Ok(match self {
            Self::Empty => return Err(format!("model slot {slot} is empty")),
            Self::Missing(reason) => return Err(reason.clone()),
            Self::Embedded(index) => (M::embedded()[*index].bytes.into(), Path::new(name)),
            Self::File(path) => (ModelData::read_bytes(path).map_err(|error| error.to_string())?.into(), path),
            Self::Bytes(bytes) => ((&**bytes).into(), Path::new(name)),
        })
    }
}

#[derive(Debug)]
enum State<M> {
    NotLoaded,
    Loading,
    Ready {
        network: Arc<M>,
        /// Its measured real-time factor, if below 1. For display only.
        slowness: Option<f64>,
    },
    Failed(String),
}

#[derive(Debug)]
struct Slot<M> {
    name: String,
    source: Source,
    state: State<M>,
    /// Counts changes of the source, so that a load of an earlier source is dropped.
    revision: u64,
}

impl<M> Default for Slot<M> {
    fn default() -> Self {
        Self { name: String::new(), source: Source::Empty, state: State::NotLoaded, revision: 0 }
    }
}

impl<M> Slot<M> {
    /// Why its model cannot play, if that is known.
    fn trouble(&self) -> Option<&str> {
        match (&self.state, &self.source) {
            (State::Failed(reason), _) | (_, Source::Missing(reason)) => Some(reason),
            _ => None,
        }
    }
}

/// Where the model of a slot comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The binary.
    Embedded,
    /// A file of the user's.
    File(PathBuf),
    /// The copy in the project.
    Project,
    /// Nowhere: it was looked for in vain.
    Missing,
}

/// A slot as a list of models shows it.
#[derive(Clone, Debug)]
pub struct SlotEntry<M = Network> {
    /// The slot.
    pub slot: u8,
    /// The model's title, or the name of its file.
    pub title: String,
    /// Where it comes from.
    pub origin: Origin,
    /// Why it cannot play.
    pub trouble: Option<String>,
    /// The model, once it is loaded.
    pub network: Option<Arc<M>>,
}

/// The slots. Shared between the worker, loading threads and the display; of the audio threads that of notes alone asks for a
/// [`Self::readiness`].
#[derive(Debug)]
pub struct ModelRegistry<M = Network> {
    isa: Isa,
    /// `None`: each model chooses.
    precision: Mutex<Option<Precision>>,
    slots: Mutex<Vec<Slot<M>>>,
    /// The [`Readiness`] of each slot; written where the slots are locked.
    readiness: Vec<AtomicU64>,
    changed: Condvar,
    generation: AtomicU64,
    labels: AtomicU64,
}

impl<M: SlotModel> ModelRegistry<M> {
    /// A registry that knows all embedded models; none is loaded yet. Each chooses its precision.
    pub fn with_embedded(isa: Isa) -> Arc<Self> {
        Self::with_precision(None, isa)
    }

    /// As [`Self::with_embedded`], with one precision for all models if it is given.
    pub fn with_precision(precision: Option<Precision>, isa: Isa) -> Arc<Self> {
        let mut slots: Vec<Slot<M>> = (0..SLOTS).map(|_| Slot::default()).collect();
        for (index, model) in M::embedded().iter().enumerate() {
            slots[usize::from(model.slot)] =
                Slot { name: model.name.into(), source: Source::Embedded(index), ..Slot::default() };
        }
        Arc::new(Self {
            isa,
            precision: Mutex::new(precision),
            slots: Mutex::new(slots),
            readiness: (0..SLOTS).map(|_| AtomicU64::new(0)).collect(),
            changed: Condvar::new(),
            generation: AtomicU64::new(0),
            labels: AtomicU64::new(0),
        })
    }

    /// Sets the precision of all models; those loaded in another one are loaded again on demand.
    pub fn set_precision(&self, precision: Option<Precision>) {
        if std::mem::replace(&mut *self.lock_precision(), precision) == precision {
            return;
        }
        // After the change above: a load that read the old precision has an old revision and is dropped.
        let mut slots = self.lock();
        for (slot, ready) in
            slots.iter_mut().zip(&self.readiness).filter(|(slot, _)| !matches!(slot.source, Source::Empty))
        {
            slot.state = State::NotLoaded;
            slot.revision += 1;
            ready.store(0, Ordering::Release);
        }
        drop(slots);
        self.generation.fetch_add(1, Ordering::Release);
        self.changed.notify_all();
    }

    /// Sets the slot's source to a file.
    pub fn set_file(&self, slot: u8, path: PathBuf) {
        let name = path.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
        self.set(slot, name, Source::File(path));
    }

    /// Sets the slot's source to these bytes: a copy stored in a project.
    pub fn set_bytes(&self, slot: u8, name: String, bytes: Vec<u8>) {
        self.set(slot, name, Source::Bytes(bytes.into()));
    }

    /// Marks the slot's model as missing, with the reason.
    pub fn set_missing(&self, slot: u8, name: String, reason: String) {
        self.set(slot, name, Source::Missing(reason));
    }

    /// Resets the slot to its embedded model, or to empty.
    pub fn clear(&self, slot: u8) {
        match M::embedded().iter().enumerate().find(|(_, model)| model.slot == slot) {
            Some((index, model)) => self.set(slot, model.name.into(), Source::Embedded(index)),
            None => self.set(slot, String::new(), Source::Empty),
        }
    }

    /// Marks the slot's model as being looked up: [`Self::load`] blocks until the slot is set or cleared.
    pub fn set_pending(&self, slot: u8) {
        self.set_state(slot, String::new(), Source::Empty, State::Loading);
    }

    fn set(&self, slot: u8, name: String, source: Source) {
        self.set_state(slot, name, source, State::NotLoaded);
    }

    fn set_state(&self, slot: u8, name: String, source: Source, state: State<M>) {
        let index = usize::from(slot);
        if let Some(entry) = self.lock().get_mut(index) {
            *entry = Slot { name, source, state, revision: entry.revision + 1 };
            self.readiness[index].store(0, Ordering::Release);
        }
        self.generation.fetch_add(1, Ordering::Release);
        self.labels.fetch_add(1, Ordering::Release);
        self.changed.notify_all();
    }

    /// Changes with every change of a slot.
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// Changes whenever a [`Self::label`] may have changed.
    ///
    /// # Realtime safety
    /// One atomic load.
    pub fn labels_generation(&self) -> u64 {
        self.labels.load(Ordering::Acquire)
    }

    /// Whether a slot's model is there, and what an audio thread has to know of it.
    ///
    /// # Realtime safety
    /// One atomic load.
    pub fn readiness(&self, slot: u8) -> Readiness {
        self.readiness
            .get(usize::from(slot))
            .map_or(Readiness::FAILED, |ready| Readiness(ready.load(Ordering::Acquire)))
    }

    /// The model of a slot, if it is loaded.
    pub fn get(&self, slot: u8) -> Option<Arc<M>> {
        match &self.lock().get(usize::from(slot))?.state {
            State::Ready { network, .. } => Some(Arc::clone(network)),
            _ => None,
        }
    }

    /// The instruction set of its networks.
    pub(crate) fn isa(&self) -> Isa {
        self.isa
    }

    /// Whether the slot holds a model that ships inside the binary.
    pub fn is_embedded(&self, slot: u8) -> bool {
        matches!(self.lock().get(usize::from(slot)), Some(Slot { source: Source::Embedded(_), .. }))
    }

    /// The measured factor of real time of a loaded model that is slower than real time on this machine.
    pub fn slowness(&self, slot: u8) -> Option<f64> {
        match self.lock().get(usize::from(slot))?.state {
            State::Ready { slowness, .. } => slowness,
            _ => None,
        }
    }

    /// Loads a slot, or waits for the thread that is loading it.
    ///
    /// # Errors
    /// One line that says why there is no model.
    pub fn load(&self, slot: u8) -> Result<Arc<M>, String> {
        self.load_within(slot, MAX_WAIT)
    }

    /// Loads a slot, unless another thread is at it or has it to look up.
    pub fn load_at_once(&self, slot: u8) {
        // Why it failed is in the slot's label.
        let _ = self.load_within(slot, Duration::ZERO);
    }

    fn load_within(&self, slot: u8, patience: Duration) -> Result<Arc<M>, String> {
        let index = usize::from(slot);
        let deadline = Instant::now() + patience;
        let mut slots = self.lock();
        let (source, name, revision) = loop {
            let Some(entry) = slots.get_mut(index) else {
                return Err(format!("model slot: expected 0 to {}, found {slot}", SLOTS - 1));
            };
            match &entry.state {
                State::Ready { network, .. } => return Ok(Arc::clone(network)),
                State::Failed(reason) => return Err(reason.clone()),
                State::Loading => {
                    // Every slot that is set wakes those who wait for another.
                    let left = deadline.saturating_duration_since(Instant::now());
                    let (woken, _) = self.changed.wait_timeout(slots, left).unwrap_or_else(PoisonError::into_inner);
                    slots = woken;
                    let still = matches!(slots.get(index), Some(Slot { state: State::Loading, .. }));
                    if still && Instant::now() >= deadline {
                        return Err(format!(
                            "model slot {slot}: expected to be loaded within {patience:?}, still is not"
                        ));
                    }
                }
                State::NotLoaded => {
                    entry.state = State::Loading;
                    break (entry.source.clone(), entry.name.clone(), entry.revision);
                }
            }
        };
        drop(slots);
        // Even if reading the file panics, no thread may wait for this slot for ever.
        let loaded = catch_unwind(AssertUnwindSafe(|| self.read(slot, &source, &name)))
            .unwrap_or_else(|_| Err(format!("{name}: reading it failed unexpectedly")));
        let publish = |state: State<M>| {
            let entry = &mut self.lock()[index];
            if entry.revision == revision {
                let ready = match &state {
                    State::Ready { network, .. } => Readiness::ready(network.facts(), revision),
                    _ => Readiness::FAILED,
                };
                entry.state = state;
                self.readiness[index].store(ready.0, Ordering::Release);
                self.labels.fetch_add(1, Ordering::Release);
            }
        };
        publish(match &loaded {
            Ok(network) => State::Ready { network: Arc::clone(network), slowness: None },
            Err(reason) => State::Failed(reason.clone()),
        });
        self.changed.notify_all();
        // Measured after publishing: playback need not wait for it.
        if let Ok(network) = &loaded
            && let Some(slowness) = M::shared().slowness(network, || M::slowness(network))
        {
            publish(State::Ready { network: Arc::clone(network), slowness: Some(slowness) });
        }
        loaded
    }

    /// Loads a slot on a thread of its own, unless it is being loaded already.
    pub fn load_in_background(self: &Arc<Self>, slot: u8) {
        if !matches!(self.lock().get(usize::from(slot)), Some(Slot { state: State::NotLoaded, .. })) {
            return;
        }
        let registry = Arc::clone(self);
        // Without a thread the slot stays unloaded, and is asked for again at the next switch.
        let _ = std::thread::Builder::new().name("sympathy-loader".into()).spawn(move || registry.load(slot));
    }

    /// The display text of a slot: the model's title, with its factor if it is slow; or its name and why it does not play.
    pub fn label(&self, slot: u8) -> String {
        let slots = self.lock();
        let Some(entry) = slots.get(usize::from(slot)) else {
            return "no such slot".into();
        };
        match (&entry.source, &entry.state) {
            (Source::Empty, State::Loading) => "being looked up".into(),
            (Source::Empty, _) => "empty".into(),
            (_, State::Ready { network, slowness: None }) => network.title().into(),
            (_, State::Ready { network, slowness: Some(factor) }) => {
                format!("{} (slow: {} × real time)", network.title(), factor_to_text(*factor))
            }
            (_, State::Failed(reason)) | (Source::Missing(reason), _) => format!("{}: {reason}", entry.name),
            (Source::Embedded(index), _) => M::embedded()[*index].title.into(),
            _ => entry.name.clone(),
        }
    }

    /// Why the model of a slot cannot play, if that is known.
    pub fn trouble(&self, slot: u8) -> Option<String> {
        let slots = self.lock();
        let entry = slots.get(usize::from(slot))?;
        let is_empty = matches!((&entry.source, &entry.state), (Source::Empty, State::NotLoaded));
        let reason = entry.trouble().map(|reason| format!("{}.", reason.trim_end_matches('.')));
        reason.or_else(|| is_empty.then(|| format!("slot {slot} is empty.")))
    }

    /// What to say of a preset that asks for a model that cannot play, if that is known.
    pub fn missing<Id: HasPresets>(&self, preset: &PresetOf<Id>) -> Option<String> {
        let reason = preset.slots().find_map(|slot| self.trouble(slot))?;
        Some(format!("{} asks for a model that is not there: {reason}", preset.name))
    }

    /// What a list of models shows, by slot.
    pub fn entries(&self) -> Vec<SlotEntry<M>> {
        let slots = self.lock();
        let held = slots.iter().zip(0..).filter(|(entry, _)| !matches!(entry.source, Source::Empty));
        held.map(|(entry, slot)| {
            let network = match &entry.state {
                State::Ready { network, .. } => Some(Arc::clone(network)),
                _ => None,
            };
            let title = match (&entry.source, &network) {
                (_, Some(network)) => network.title().into(),
                (Source::Embedded(index), None) => M::embedded()[*index].title.into(),
                _ => entry.name.clone(),
            };
            let origin = match &entry.source {
                Source::Embedded(_) | Source::Empty => Origin::Embedded,
                Source::File(path) => Origin::File(path.clone()),
                Source::Bytes(_) => Origin::Project,
                Source::Missing(_) => Origin::Missing,
            };
            SlotEntry { slot, title, origin, trouble: entry.trouble().map(str::to_owned), network }
        })
        .collect()
    }

    /// Slots that hold something.
    pub fn slots(&self) -> Vec<u8> {
        let slots = self.lock();
        (0..SLOTS as u8).filter(|&slot| !matches!(slots[usize::from(slot)].source, Source::Empty)).collect()
    }

    fn read(&self, slot: u8, source: &Source, name: &str) -> Result<Arc<M>, String> {
        let (bytes, file) = source.bytes::<M>(slot, name)?;
        let precision = *self.lock_precision();
        M::shared().model(&bytes, precision, self.isa, || M::load(&bytes, file, precision, self.isa))
    }

    fn lock_precision(&self) -> MutexGuard<'_, Option<Precision>> {
        self.precision.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Slot<M>>> {
        // A loading thread that panicked leaves whole slots behind.
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ModelRegistry {
    /// Reads a slot's model as it is stored, if the network is that of the slot. Takes tens of milliseconds.
    ///
    /// # Errors
    /// One line that says why it cannot be read.
    pub(crate) fn data(&self, slot: u8, network: &Arc<Network>) -> Result<ModelData, String> {
        let (source, name) = match self.lock().get(usize::from(slot)) {
            Some(Slot { state: State::Ready { network: own, .. }, source, name, .. }) if Arc::ptr_eq(own, network) => {
                (source.clone(), name.clone())
            }
            _ => return Err(format!("model slot {slot} holds another model now")),
        };
        let (bytes, file) = source.bytes::<Network>(slot, &name)?;
        if !Network::shared().is_of(network, &bytes) {
            return Err(format!("{name}: the file has changed since it was loaded"));
        }
        ModelData::from_bytes(&bytes, file).map_err(|error| error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_precision_loads_models_anew_and_the_same_one_does_not() {
        let registry = ModelRegistry::<Network>::with_embedded(Isa::best());
        let first = registry.load(0).expect("an embedded model");
        registry.set_pending(64);
        registry.set_precision(None);
        assert!(registry.get(0).is_some_and(|network| Arc::ptr_eq(&network, &first)));
        let generation = registry.generation();
        registry.set_precision(Some(Precision::F16));
        assert_ne!(registry.generation(), generation, "workers look again");
        assert!(registry.get(0).is_none());
        assert_eq!(registry.label(64), "being looked up", "whoever looks it up goes on");
        let began = Instant::now();
        registry.load_at_once(64);
        assert!(began.elapsed() < MAX_WAIT / 2, "whoever looks it up does not wait for itself");
        let again = registry.load(0).expect("an embedded model");
        assert!(!Arc::ptr_eq(&first, &again));
        assert_eq!((registry.slowness(0), registry.slowness(127)), (None, None));
    }
}
