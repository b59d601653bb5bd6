//! Trainings on this machine: a process each, so many at once.

use super::report;
use crate::{
    cli::{
        error::CliError,
        interrupt::{INTERRUPTED, Interrupt},
        one_line,
        terminal::remark,
    },
    sweep::{Done, Folder, State, Stop},
    train::report::JOURNAL_NAME,
};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value;
use std::{
    collections::VecDeque,
    fs::{File, OpenOptions},
    io::{BufRead, BufReader, Read, Seek, SeekFrom},
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

/// How often the processes are looked at, and how often how far they are.
const POLL: Duration = Duration::from_millis(100);
const DRAW_EVERY: Duration = Duration::from_secs(2);
/// Where the bar cannot be shown, a line is written as often.
const LOG_EVERY: Duration = Duration::from_secs(60);
/// The bar counts in these parts of a training.
const PARTS: f64 = 1000.0;
/// The beginning of a journal, and its end.
const MAX_START_BYTES: u64 = 4 << 20;
const TAIL_BYTES: i64 = 64 << 10;
/// A training's output.
const LOG: &str = "log.txt";

/// A training under way.
struct Running {
    number: u32,
    child: Child,
}

/// Trains what has not ended, `jobs` at once, rung by rung, and writes the results.
///
/// # Errors
/// If the folder cannot be read or written, or no process can be started.
pub fn run(folder: &mut Folder, jobs: usize) -> Result<(), CliError> {
    let interrupt = Interrupt::watch();
    let began = Instant::now();
    let hours = folder.plan().budget.hours;
    let mut writer = super::words::Writer::default();
    let mut view = View::new();
    let is_late = || hours.is_some_and(|hours| began.elapsed().as_secs_f64() > 3600.0 * hours);
    // What this program asks its own processes; others at the same folder go on.
    let stop = folder.stop_of(std::process::id());
    stop.take_back()?;
    let ended = loop {
        let all = rung(folder, jobs, &mut view, &stop, &|| {
            interrupt.is_pressed() || is_late() || folder.stop().is_asked_for()
        });
        let all = match all {
            Ok(all) => all,
            Err(error) => {
                // What is under way saves its checkpoint all the same.
                let _ = stop.ask();
                return Err(error);
            }
        };
        if !all || folder.next_rung(|folder, training| writer.write(folder, training))? == 0 {
            break all;
        }
    };
    stop.take_back()?;
    view.bar.finish_and_clear();
    report::write(folder)?;
    if !ended {
        let why = match (interrupt.is_pressed(), is_late()) {
            (true, _) => "stopped",
            (_, true) => "the hours of the budget are over",
            _ if folder.stop().is_asked_for() => "cancelled",
            _ => "others are still at some trainings",
        };
        remark!("{why}; the same command goes on");
    }
    Ok(())
}

/// Trains what has not ended of what is known. Returns whether all have ended.
fn rung(
    folder: &Folder,
    jobs: usize,
    view: &mut View,
    stop: &Stop,
    is_over: &dyn Fn() -> bool,
) -> Result<bool, CliError> {
    let waiting = folder.trainings().iter().map(|training| training.number);
    let mut waiting: VecDeque<u32> = waiting.filter(|number| !folder.has_ended(*number)).collect();
    view.total(folder.trainings().len(), folder.trainings().len() - waiting.len());
    let mut running: Vec<Running> = Vec::new();
    let mut stopping = false;
    while !running.is_empty() || (!waiting.is_empty() && !stopping) {
        if !stopping && is_over() {
            stopping = true;
            stop.ask()?;
            view.note("stopping: checkpoints are saved; Ctrl-C again ends at once");
        }
        while !stopping && running.len() < jobs {
            let Some(number) = waiting.pop_front() else { break };
            running.push(Running { number, child: start(folder, number, stop)? });
        }
        let mut still = Vec::new();
        for mut one in running {
            match one.child.try_wait() {
                Ok(None) => still.push(one),
                Ok(Some(status)) => {
                    // A key or a signal that ends all of a terminal's programs may have come before it was heard here.
                    let was_stopped = stopping || is_over() || was_asked(status);
                    if !status.success() && !folder.has_ended(one.number) && !was_stopped {
                        let log = folder.place(one.number).join(LOG);
                        let error = format!("its process ended ({status}); {} tells more", log.display());
                        if let Some(claim) = folder.claim(one.number)? {
                            claim.end(&Done::Failed(error))?;
                        }
                    }
                    view.ended(folder, one.number)?;
                }
                Err(source) => {
                    return Err(CliError::Io { path: folder.place(one.number), action: "waited for", source });
                }
            }
        }
        running = still;
        view.draw(folder, &running);
        sleep(POLL);
    }
    Ok(folder.trainings().iter().all(|training| folder.has_ended(training.number)))
}

fn start(folder: &Folder, number: u32, stop: &Stop) -> Result<Child, CliError> {
    let path = folder.place(number).join(LOG);
    let io = |source| CliError::Io { path: path.clone(), action: "written", source };
    let log = OpenOptions::new().create(true).append(true).open(&path).map_err(io)?;
    let program = std::env::current_exe().map_err(io)?;
    let mut command = Command::new(program);
    command.args(["sweep", "task"]).arg(folder.path()).arg(number.to_string()).arg("--stop").arg(stop.path());
    command.stdin(Stdio::null()).stdout(log.try_clone().map_err(io)?).stderr(log);
    command.spawn().map_err(io)
}

/// Whether a process ended because somebody asked it to: Ctrl-C, the terminal's end, the system's.
fn was_asked(status: ExitStatus) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::process::ExitStatusExt;
        const HANGUP: i32 = 1;
        const INTERRUPT: i32 = 2;
        const TERMINATE: i32 = 15;
        if status.signal().is_some_and(|signal| [HANGUP, INTERRUPT, TERMINATE].contains(&signal)) {
            return true;
        }
    }
    status.code() == Some(INTERRUPTED)
}

/// Which part of a training is done, by its journal; none where that does not say.
pub fn how_far(place: &Path) -> Option<f64> {
    let mut file = File::open(place.join("model.run").join(JOURNAL_NAME)).ok()?;
    let mut first = String::new();
    BufReader::new(&file).take(MAX_START_BYTES).read_line(&mut first).ok()?;
    let start: Value = serde_json::from_str(&first).ok()?;
    let length = file.metadata().ok()?.len() as i64;
    file.seek(SeekFrom::Start((length - TAIL_BYTES).max(0) as u64)).ok()?;
    let mut tail = Vec::new();
    file.take(TAIL_BYTES as u64).read_to_end(&mut tail).ok()?;
    let tail = String::from_utf8_lossy(&tail);
    let entries = tail.lines().rev().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let step = entries.filter_map(|entry| entry["step"].as_u64()).next()? as f64;
    let config = &start["config"];
    let of_epochs =
        config["epochs"].as_f64().zip(start["steps_per_epoch"].as_f64()).map(|(count, steps)| count * steps);
    let steps = [config["max_steps"].as_f64(), of_epochs].into_iter().flatten().fold(f64::MAX, f64::min);
    Some((step / steps.max(1.0)).clamp(0.0, 1.0)).filter(|_| steps < f64::MAX)
}

/// Shows how far all are.
struct View {
    bar: ProgressBar,
    drawn: Option<Instant>,
    logged: Instant,
    ended: usize,
    total: usize,
}

impl View {
    fn new() -> Self {
        let style = ProgressStyle::with_template("{bar:24} {percent:>3} %  {eta} left  {wide_msg}");
        let bar = ProgressBar::new(0).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        Self { bar, drawn: None, logged: Instant::now(), ended: 0, total: 0 }
    }

    fn total(&mut self, total: usize, ended: usize) {
        (self.total, self.ended) = (total, ended);
        self.bar.set_length((total as f64 * PARTS) as u64);
        // What was done before says nothing of the time that is left.
        self.bar.set_position((ended as f64 * PARTS) as u64);
        self.bar.reset_eta();
    }

    fn note(&self, text: &str) {
        self.bar.suspend(|| remark!("{}", one_line(text)));
    }

    fn ended(&mut self, folder: &Folder, number: u32) -> Result<(), CliError> {
        let title = folder.training(number).map(|training| training.title(folder.plan().repeats)).unwrap_or_default();
        let how = match folder.state(number)? {
            State::Done(outcome) => {
                let loss = outcome.figures.get("validation_loss").map(|loss| format!(", validation loss {loss:.4}"));
                format!("done in {:.0} s{}", outcome.seconds, loss.unwrap_or_default())
            }
            State::Failed(error) => format!("failed: {error}"),
            _ => "not done".into(),
        };
        self.ended += usize::from(folder.has_ended(number));
        self.note(&format!("{} ({} of {}), {title}: {how}", Folder::name_of(number), self.ended, self.total));
        Ok(())
    }

    fn draw(&mut self, folder: &Folder, running: &[Running]) {
        let every = if self.bar.is_hidden() { LOG_EVERY } else { DRAW_EVERY };
        let due = match (self.bar.is_hidden(), self.drawn) {
            (true, _) => self.logged.elapsed() >= every,
            (false, drawn) => drawn.is_none_or(|drawn| drawn.elapsed() >= every),
        };
        if !due || running.is_empty() {
            return;
        }
        let far: Vec<(u32, Option<f64>)> =
            running.iter().map(|one| (one.number, how_far(&folder.place(one.number)))).collect();
        let said: Vec<String> = far
            .iter()
            .map(|(number, part)| match part {
                Some(part) => format!("{} {:.0} %", Folder::name_of(*number), 100.0 * part),
                None => Folder::name_of(*number),
            })
            .collect();
        if self.bar.is_hidden() {
            remark!("{} of {} have ended; under way: {}", self.ended, self.total, said.join(", "));
            self.logged = Instant::now();
        } else {
            let parts: f64 = far.iter().filter_map(|(_, part)| *part).sum();
            self.bar.set_position(((self.ended as f64 + parts) * PARTS) as u64);
            self.bar.set_message(format!("{} of {}; {}", self.ended, self.total, said.join(", ")));
            self.drawn = Some(Instant::now());
        }
    }
}
