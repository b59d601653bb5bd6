//! `sympathy sweep`: many trainings of one plan, on this machine or on a cluster.

mod check;
mod local;
mod report;
mod slurm;
mod task;
mod words;

use crate::{
    cli::{
        error::CliError,
        one_line,
        terminal::{remark, say},
    },
    hyperparameters::Problem,
    sweep::{BuiltIn, Folder, Plan, State, Stop, Table, settled},
    text_file::read_text,
};
use clap::{Args, Subcommand};
use serde_json::json;
use std::path::{Path, PathBuf};

/// No plan is longer.
const MAX_PLAN_BYTES: u64 = 4 << 20;

/// Examples for `--help`.
pub const HELP: &str = "\
EXAMPLES:
  sympathy sweep plan.json
  sympathy sweep plan.json --dry-run
  sympathy sweep plan.json take1.wav take2.wav --out hops.sweep --jobs 2
  sympathy sweep dissertation-table-5-1 take.wav
  sympathy sweep plan.json --set epochs=5 --out quick.sweep
  sympathy sweep status hops.sweep
  sympathy sweep collect hops.sweep
  sympathy sweep plan.json --slurm
  sympathy sweep cancel hops.sweep

A plan, for example; docs/SWEEPS.md tells every field:
  {\"inputs\": [\"take.wav\"], \"preset\": \"magnitude\", \"set\": {\"epochs\": 50},
   \"vary\": {\"approach.hop\": [256, 512], \"lr\": {\"from\": 1e-4, \"to\": 1e-2, \"scale\": \"log\", \"count\": 3}},
   \"repeats\": 2, \"evaluate\": {}}

The same command goes on with what is not done yet: a training that was stopped goes on from its checkpoint, one that is done is
never made again, one that failed is left as it is (--retry tries it once more). Ctrl-C saves checkpoints and ends.";

/// Options of `sympathy sweep`.
#[derive(Args, Clone, Debug)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct SweepArgs {
    /// What is wanted of a sweep that was begun
    #[command(subcommand)]
    pub action: Option<Action>,
    /// A plan (JSON), or one of the program's: dissertation-table-5-1, table-5-1-hops, comparison-table-1, noize-comparison, noize-large
    #[arg(value_name = "PLAN", required = true)]
    pub plan: Option<PathBuf>,
    /// What is trained on, instead of the plan's inputs
    #[arg(value_name = "SOUND|ROLL")]
    pub inputs: Vec<PathBuf>,
    /// Change a field of all configurations, as `set` in the plan does
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub overrides: Vec<String>,
    /// The sweep's folder [default: the plan's name with .sweep]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Trainings at once [default: as many as there are cores for]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub jobs: Option<u16>,
    /// Let a cluster train: submits one job array to Slurm (sbatch), and returns
    #[arg(long, conflicts_with = "jobs")]
    pub slurm: bool,
    /// Only check the plan, and say what it comes to
    #[arg(long)]
    pub dry_run: bool,
    /// Try trainings again that have failed
    #[arg(long)]
    pub retry: bool,
}

/// What can be done with a sweep that was begun.
#[derive(Subcommand, Clone, Debug)]
pub enum Action {
    /// Tells how far a sweep is
    Status {
        /// The sweep's folder
        #[arg(value_name = "DIR")]
        folder: PathBuf,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Writes the results so far as sweep.html, sweep.csv and sweep.json into the folder
    Collect {
        /// The sweep's folder
        #[arg(value_name = "DIR")]
        folder: PathBuf,
    },
    /// Asks all that train for a sweep to save their checkpoints and end, here and on a cluster
    Cancel {
        /// The sweep's folder
        #[arg(value_name = "DIR")]
        folder: PathBuf,
    },
    /// Makes one training of a sweep, or those of a task of an array
    #[command(hide = true)]
    Task {
        /// The sweep's folder
        folder: PathBuf,
        /// The training
        #[arg(required_unless_present = "array")]
        number: Option<u32>,
        /// The list of an array's trainings, of which SLURM_ARRAY_TASK_ID says the part
        #[arg(long, conflicts_with = "number")]
        array: Option<PathBuf>,
        /// A file that asks it to stop by being there, besides the folder's own
        #[arg(long)]
        stop: Option<PathBuf>,
    },
    /// After an array has ended: collects, and submits the next rung
    #[command(hide = true)]
    Next {
        /// The sweep's folder
        folder: PathBuf,
        /// The list of the array's trainings
        #[arg(long)]
        array: PathBuf,
    },
}

/// Runs the command.
///
/// # Errors
/// If the plan is wrong, its folder is another sweep's, or nothing can be run or written.
pub fn run(args: &SweepArgs) -> Result<(), CliError> {
    match &args.action {
        Some(Action::Status { folder, json }) => status(folder, *json),
        Some(Action::Collect { folder }) => report::write(&Folder::open(folder)?),
        Some(Action::Cancel { folder }) => cancel(folder),
        Some(Action::Task { folder, number, array, stop }) => {
            let folder = Folder::open(folder)?;
            let numbers = match (number, array) {
                (Some(number), _) => vec![*number],
                (None, array) => slurm::numbers_of_task(array.as_deref().unwrap_or(Path::new("")))?,
            };
            let asker = task::Asker { stop: stop.clone().map(Stop::at), is_of_array: array.is_some() };
            task::run(&folder, &numbers, &asker)
        }
        Some(Action::Next { folder, array }) => slurm::next(&mut Folder::open(folder)?, array),
        None => start(args),
    }
}

fn start(args: &SweepArgs) -> Result<(), CliError> {
    let path = args.plan.clone().unwrap_or_default();
    let (plan, origin) = read(&path, args)?;
    let place = place(args, &path);
    let mut problems = plan.problems();
    let mut checked = check::Checked::default();
    if Plan::is_countable(&problems) {
        checked = check::check(&plan, &place, args.slurm);
        problems.append(&mut checked.problems);
    }
    if !problems.is_empty() {
        return Err(CliError::Problems { origin, problems });
    }
    let summary = summary(&plan, checked.bytes);
    checked.warnings.iter().for_each(|warning| remark!("warning: {}", one_line(warning)));
    if args.dry_run {
        remark!("{summary}");
        for training in plan.trainings().iter().take(SHOWN) {
            say!("{}  {}", Folder::name_of(training.number), one_line(&training.title(plan.repeats)));
        }
        if plan.trainings().len() > SHOWN {
            say!("… and {} more", plan.trainings().len() - SHOWN);
        }
        return Ok(());
    }
    let mut folder = open_or_create(&place, plan)?;
    remark!("{summary}");
    if folder.stop().take_back()? {
        // Whoever was asked to stop has heard it by then.
        std::thread::sleep(task::HEARD_AFTER);
    }
    if args.retry {
        let count = folder.forgive()?;
        remark!("{count} that failed are tried again");
    }
    if args.slurm {
        return slurm::submit(&folder);
    }
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let jobs = args.jobs.map_or_else(|| (cores / usize::from(folder.plan().threads)).max(1), usize::from);
    local::run(&mut folder, jobs)
}

/// So many trainings are listed by `--dry-run`.
const SHOWN: usize = 200;

/// Where the sweep lies.
fn place(args: &SweepArgs, plan: &Path) -> PathBuf {
    let mut name = plan.file_stem().unwrap_or_default().to_os_string();
    name.push(".sweep");
    args.out.clone().unwrap_or_else(|| name.into())
}

/// The plan, its paths absolute, and what it is called in messages.
fn read(path: &Path, args: &SweepArgs) -> Result<(Plan, String), CliError> {
    let origin = path.display().to_string();
    let problem = |rule: String, value: String| CliError::Problems {
        origin: origin.clone(),
        problems: vec![Problem { field: "plan".into(), rule, value }],
    };
    let built_in = path.to_str().and_then(BuiltIn::by_name);
    let (text, home) = match built_in.filter(|_| !path.exists()) {
        Some(plan) => (plan.json.to_string(), PathBuf::new()),
        None => {
            let text = read_text(path, MAX_PLAN_BYTES).map_err(|source| {
                if source.kind() == std::io::ErrorKind::NotFound {
                    return problem(format!("a file, or one of {}", BuiltIn::names()), "neither".into());
                }
                CliError::Io { path: path.into(), action: "read", source }
            })?;
            let text = text.ok_or_else(|| problem("at most 4 MiB".into(), "more".into()))?;
            (text, path.parent().map(Path::to_path_buf).unwrap_or_default())
        }
    };
    let here = std::env::current_dir().map_err(|source| CliError::Io { path: ".".into(), action: "read", source })?;
    let refused = |problems| CliError::Problems { origin: origin.clone(), problems };
    let mut plan = Plan::parse(&text).map_err(refused)?.in_folder(&here.join(home));
    if !args.inputs.is_empty() {
        plan.inputs = args.inputs.iter().map(|input| settled(&here, input)).collect();
    }
    for said in &args.overrides {
        let (field, value) = said.split_once('=').ok_or_else(|| CliError::Option {
            option: "--set",
            expected: "KEY=VALUE".into(),
            actual: format!("{said:?}"),
        })?;
        let value = serde_json::from_str(value).unwrap_or_else(|_| value.into());
        plan.set.insert(field.into(), value);
    }
    Ok((plan, origin))
}

/// What a plan comes to, in a line.
fn summary(plan: &Plan, bytes: u64) -> String {
    let count = plan.count();
    let plural = if count == 1 { "training" } else { "trainings" };
    let mut parts = Vec::new();
    if !plan.cases.is_empty() {
        parts.push(format!("{} cases", plan.cases.len()));
    }
    parts.extend((!plan.vary.is_empty()).then(|| plan.vary.keys().cloned().collect::<Vec<_>>().join(" × ")));
    if plan.repeats > 1 {
        parts.push(format!("{} repeats", plan.repeats));
    }
    if let Some(halving) = &plan.halving {
        let sizes: Vec<String> = halving.sizes(plan.trainings().len()).iter().map(ToString::to_string).collect();
        parts.push(format!("rungs of {}", sizes.join(", ")));
    }
    let of = if parts.is_empty() { String::new() } else { format!(" ({})", parts.join(", ")) };
    format!("{count} {plural}{of}, about {} MiB on the disk", bytes.div_ceil(1 << 20))
}

/// The sweep in a folder, or a new one.
fn open_or_create(place: &Path, plan: Plan) -> Result<Folder, CliError> {
    if Folder::is_there(place) {
        let folder = Folder::open(place)?;
        if !folder.is_of(&plan)? {
            return Err(CliError::Output {
                path: place.into(),
                expected: "the sweep of this plan, to go on with it (another --out begins a new one)".into(),
                actual: "that of another plan, or of this one before it was changed".into(),
            });
        }
        return Ok(folder);
    }
    let is_empty = std::fs::read_dir(place).map_or(true, |mut entries| entries.next().is_none());
    if place.exists() && !is_empty && !Folder::is_half_made(place) {
        return Err(CliError::Output {
            path: place.into(),
            expected: "a place for a new folder, or that of a sweep".into(),
            actual: "something else".into(),
        });
    }
    let mut writer = words::Writer::default();
    Ok(Folder::create(place, plan, |folder, training| writer.write(folder, training))?)
}

fn status(path: &Path, as_json: bool) -> Result<(), CliError> {
    let folder = Folder::open(path)?;
    let table = Table::of(&folder)?;
    let words = ["done", "running", "begun", "waiting", "failed"];
    if as_json {
        let mut rows = Vec::new();
        for row in &table.rows {
            let far = local::how_far(&folder.place(row.training.number));
            rows.push(json!({ "number": row.training.number, "title": row.title, "state": row.word(), "part": far }));
        }
        let counts: serde_json::Map<String, serde_json::Value> =
            words.iter().map(|word| (word.to_string(), json!(table.count(word)))).collect();
        say!("{:#}", json!({ "counts": counts, "trainings": rows }));
        return Ok(());
    }
    let counts: Vec<String> = words
        .iter()
        .map(|word| format!("{} {word}", table.count(word)))
        .filter(|said| !said.starts_with("0 "))
        .collect();
    say!("{}: {}", one_line(&path.display().to_string()), counts.join(", "));
    for row in table.rows.iter().filter(|row| matches!(row.state, State::Running | State::Begun)).take(SHOWN) {
        let far = local::how_far(&folder.place(row.training.number));
        let far = far.map(|part| format!(", {:.0} %", 100.0 * part)).unwrap_or_default();
        say!("{}  {}: {}{far}", Folder::name_of(row.training.number), one_line(&row.title), row.word());
    }
    table.failures().iter().take(SHOWN).for_each(|failure| say!("failed: {}", one_line(failure)));
    Ok(())
}

fn cancel(path: &Path) -> Result<(), CliError> {
    let folder = Folder::open(path)?;
    folder.stop().ask()?;
    slurm::cancel(&folder)?;
    say!(
        "asked to stop: what is under way saves a checkpoint and ends; the command that began the sweep goes on with it"
    );
    Ok(())
}
