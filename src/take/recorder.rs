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
    engine::{MAX_CHANNELS, TakeFeed, TakeOrder},
    learn::job::{MAX_TAKE_SECONDS, Take},
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

/// Room for new sound while a take is being written.
const SLACK_SECONDS: f64 = 2.0;
/// Frames written before the recorder reads the ring again.
const FRAMES_AT_ONCE: usize = 8192;
/// How often the recorder looks at the ring, which holds four seconds.
const SLEEP: Duration = Duration::from_millis(250);

/// A requested take.
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
    /// `None` if its memory could not be allocated.
    history: Option<History>,
    writing: Option<Writing>,
    queued: Option<Request>,
    /// The first frame of a take to learn from, while it is recorded.
    mark: Option<u64>,
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
        Self { config, feed, history, writing: None, queued: None, mark: None, status, registry }
    }

    /// Reads the ring and writes a part of the take under way. Returns whether there was work to do.
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
            let Some(request) = quantum.request else { continue };
            for order in request.orders() {
                match order {
                    TakeOrder::Save => self.ask(request.values),
                    TakeOrder::LearnLast => self.learn_last(&request.values),
                    TakeOrder::Mark => self.mark = self.history.as_ref().map(History::end),
                    TakeOrder::LearnMarked => self.learn_marked(&request.values),
                }
            }
        }
        if let (Some(lessons), Some(history), true) = (&self.config.lessons, &self.history, heard) {
            let rate = self.config.sample_rate_hz as f32;
            let seconds = self.mark.map(|mark| (history.end() - mark) as f32 / rate);
            lessons.set_recording(seconds.map(|seconds| seconds.min(self.config.seconds as f32)));
        }
        heard
    }

    /// *Learn Take* went on.
    fn learn_last(&self, values: &ParamValues) {
        let seconds = f64::from(values.get(ParamId::LearnSeconds));
        self.learn(seconds, 0, values);
    }

    /// *Learn Record* went off.
    fn learn_marked(&mut self, values: &ParamValues) {
        // Without one it went on before there was anything to hear it.
        if let Some(mark) = self.mark.take() {
            self.learn(MAX_TAKE_SECONDS, mark, values);
        }
    }

    /// Hands the last seconds to the lessons, but nothing from before a frame.
    fn learn(&self, seconds: f64, from: u64, values: &ParamValues) {
        let Some(lessons) = &self.config.lessons else { return };
        let Some(history) = &self.history else {
            let bytes = History::bytes(self.config.channels, capacity_frames(&self.config));
            return lessons.refuse(&TakeError::NoMemory { bytes }.to_string());
        };
        let rate = f64::from(self.config.sample_rate_hz);
        let longest = (seconds.min(self.config.seconds) * rate) as u64;
        let span = history.end().saturating_sub(longest).max(history.start()).max(from)..history.end();
        if span.is_empty() {
            return lessons.refuse("nothing has been played yet");
        }
        lessons.begin(Take {
            lost_seconds: (history.lost_frames(&span) as f64 / rate) as f32,
            mono: history.mono(span),
            sample_rate_hz: self.config.sample_rate_hz,
            slot: values.get(ParamId::Model) as u8,
            date: Local::now().format("%Y-%m-%d %H.%M").to_string(),
        });
    }

    /// True if so many new frames overwrite no frame that is still to be written.
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
        // Before the first sound nothing can be lost.
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

    /// Runs on a thread of its own until the handle is dropped; a take requested before is written to its end.
    pub fn spawn(mut self) -> TakeRecorderThread {
        let stop = Arc::new(AtomicBool::new(false));
        let (stopped, status) = (Arc::clone(&stop), Arc::clone(&self.status));
        let spawned = std::thread::Builder::new().name("sympathy-recorder".into()).spawn(move || {
            self.feed.register_recorder(std::thread::current());
            while !stopped.load(Ordering::Acquire) {
                // The audio thread wakes this one only in a bounce, so the recorder has to poll.
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

impl Drop for TakeRecorder {
    fn drop(&mut self) {
        if let (Some(lessons), Some(_)) = (&self.config.lessons, self.mark) {
            lessons.set_recording(None);
            lessons.refuse("the host has stopped the plugin while it recorded: record again");
        }
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
            // A panic of the recorder has been reported by the panic hook already.
            let _ = handle.join();
        }
    }
}
