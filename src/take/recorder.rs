//! The recorder as a thread, or stepped by hand.

use super::{
    TakeConfig,
    error::TakeError,
    files::TakeFiles,
    history::History,
    settings::{TakeInfo, to_json},
    status::TakeStatus,
};
use crate::{
    control::{ParamId, ParamValues},
    engine::{MAX_CHANNELS, TakeFeed},
    worker::ModelRegistry,
};
use chrono::{DateTime, Local, SecondsFormat};
use std::{
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

/// While a take is written, so much sound finds room beside it.
const SLACK_SECONDS: f64 = 2.0;
/// Frames that are written before the recorder listens again.
const FRAMES_AT_ONCE: usize = 8192;
/// How often the recorder looks at the ring, which holds four seconds.
const SLEEP: Duration = Duration::from_millis(250);

/// A take that is asked for.
#[derive(Debug)]
struct Request {
    /// Frames of the history.
    span: Range<u64>,
    values: ParamValues,
    date: DateTime<Local>,
}

/// A take that is being written; the span of its request begins at what is still to be written.
struct Writing {
    request: Request,
    files: TakeFiles,
    settings: String,
}

/// Owns the last minutes; writes takes.
pub struct TakeRecorder {
    config: TakeConfig,
    feed: TakeFeed,
    /// `None`: there was no memory for it.
    history: Option<History>,
    writing: Option<Writing>,
    queued: Option<Request>,
    status: Arc<TakeStatus>,
    registry: Arc<ModelRegistry>,
}

impl TakeRecorder {
    pub(crate) fn new(
        mut config: TakeConfig,
        feed: TakeFeed,
        status: Arc<TakeStatus>,
        registry: Arc<ModelRegistry>,
    ) -> Self {
        config.channels = config.channels.clamp(1, MAX_CHANNELS);
        let history = History::new(config.channels, capacity_frames(&config)).ok();
        Self { config, feed, history, writing: None, queued: None, status, registry }
    }

    /// Takes in what was heard and writes a part of the take under way. Returns whether there was anything to do.
    pub fn run_once(&mut self) -> bool {
        let heard = self.listen();
        let wrote = self.write();
        heard || wrote
    }

    fn listen(&mut self) -> bool {
        let mut heard = false;
        while let Ok(quantum) = self.feed.from_audio.peek() {
            if !self.has_room(quantum.lost_samples + quantum.length as u64) {
                break;
            }
            let Ok(quantum) = self.feed.from_audio.pop() else {
                break;
            };
            heard = true;
            if let Some(history) = &mut self.history {
                history.push(&quantum);
            }
            if let Some(values) = quantum.keep {
                self.ask(values);
            }
        }
        heard
    }

    /// Whether so many frames overwrite nothing that is still to be written.
    fn has_room(&self, frames: u64) -> bool {
        let requests = self.writing.as_ref().map(|writing| &writing.request).into_iter().chain(&self.queued);
        let oldest = requests.map(|request| request.span.start).min();
        self.history
            .as_ref()
            .zip(oldest)
            .is_none_or(|(history, oldest)| history.end() + frames <= oldest + history.capacity_frames())
    }

    /// *Save Take* went on, with these parameters.
    fn ask(&mut self, values: ParamValues) {
        let Some(history) = &self.history else {
            let bytes = History::bytes(self.config.channels, capacity_frames(&self.config));
            return self.status.set_failed(&TakeError::NoMemory { bytes });
        };
        let longest = (self.config.seconds * f64::from(self.config.sample_rate_hz)) as u64;
        let span = history.end().saturating_sub(longest).max(history.start())..history.end();
        // Before the first sound there is nothing that could be lost.
        if span.is_empty() {
            return;
        }
        let request = Request { span, values, date: Local::now() };
        match (&self.writing, &self.queued) {
            (None, _) => self.begin(request),
            (Some(_), None) => self.queued = Some(request),
            (Some(_), Some(_)) => self.status.count_missed(),
        }
    }

    fn begin(&mut self, request: Request) {
        self.status.set_writing();
        let stamp = request.date.format("%Y-%m-%d %H.%M.%S").to_string();
        let (rate, channels) = (self.config.sample_rate_hz, self.config.channels);
        let files = match &self.config.folder {
            Some(folder) => TakeFiles::create(folder, &stamp, rate, channels),
            None => Err(TakeError::NoFolder),
        };
        match files {
            Ok(files) => {
                let settings = self.settings(&request, &files);
                self.writing = Some(Writing { request, files, settings });
            }
            Err(error) => self.status.set_failed(&error),
        }
    }

    fn settings(&self, request: &Request, files: &TakeFiles) -> String {
        let slot = request.values.get(ParamId::Model) as u8;
        let loaded = self.registry.get(slot).map(|network| network.config().name.clone());
        let [wet, dry] = files.names();
        let span = &request.span;
        let kept = TakeInfo {
            date: request.date.to_rfc3339_opts(SecondsFormat::Secs, false),
            version: env!("CARGO_PKG_VERSION"),
            model: loaded.unwrap_or_else(|| self.registry.label(slot)),
            sample_rate_hz: self.config.sample_rate_hz,
            channels: self.config.channels,
            seconds: (span.end - span.start) as f64 / f64::from(self.config.sample_rate_hz),
            lost_samples: self.history.as_ref().map_or(0, |history| history.lost_frames(span)),
            wet,
            dry,
        };
        to_json(&files.name, &kept, &request.values)
    }

    fn write(&mut self) -> bool {
        if self.writing.is_none()
            && let Some(request) = self.queued.take()
        {
            self.begin(request);
        }
        let (Some(writing), Some(history)) = (&mut self.writing, &self.history) else {
            return false;
        };
        let span = &mut writing.request.span;
        let (wet, dry) = history.part(span.clone(), FRAMES_AT_ONCE);
        let written = writing.files.write(wet, dry);
        span.start += (wet.len() / self.config.channels) as u64;
        let is_done = span.is_empty();
        if let Err(error) = written {
            self.writing = None;
            self.status.set_failed(&error);
        } else if is_done && let Some(writing) = self.writing.take() {
            match writing.files.finish(&writing.settings) {
                Ok(name) => self.status.set_kept(name),
                Err(error) => self.status.set_failed(&error),
            }
        }
        true
    }

    /// Runs on a thread of its own until the handle is dropped; a take that was asked for by then is written to its end.
    pub fn spawn(mut self) -> TakeRecorderThread {
        let stop = Arc::new(AtomicBool::new(false));
        let (stopped, status) = (Arc::clone(&stop), Arc::clone(&self.status));
        let spawned = std::thread::Builder::new().name("sympathy-recorder".into()).spawn(move || {
            self.feed.register_keeper(std::thread::current());
            while !stopped.load(Ordering::Acquire) {
                // The audio thread wakes nobody but where it may wait.
                if !self.run_once() {
                    std::thread::park_timeout(SLEEP);
                }
            }
            while self.run_once() {}
        });
        let handle = spawned.map_err(|error| status.set_failed(&TakeError::NoThread(error))).ok();
        TakeRecorderThread { stop, handle }
    }
}

fn capacity_frames(config: &TakeConfig) -> usize {
    ((config.seconds + SLACK_SECONDS) * f64::from(config.sample_rate_hz)) as usize
}

/// A running recorder; dropping it finishes what is under way and joins the thread. Not for the audio thread.
#[derive(Debug)]
pub struct TakeRecorderThread {
    stop: Arc<AtomicBool>,
    handle: Option<JoinHandle<()>>,
}

impl Drop for TakeRecorderThread {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        if let Some(handle) = self.handle.take() {
            handle.thread().unpark();
            // A panic there has been reported by its hook; there is nothing to add.
            let _ = handle.join();
        }
    }
}
