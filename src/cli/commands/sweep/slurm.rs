//! A sweep on a cluster: one array of tasks for Slurm, each of which is `sympathy sweep task` on the same folder, and a job behind it that
//! collects and submits the next rung. All that is known of how far they are comes from the folder.

use super::{report, words};
use crate::{
    cli::{
        error::CliError,
        one_line,
        terminal::{remark, say},
    },
    hyperparameters::Problem,
    sweep::{Done, Folder, Plan},
    text_file::read_text,
    whole_file::write_whole,
};
use serde::{Deserialize, Serialize};
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// What is said in a sweep's folder of its jobs.
const FOLDER: &str = "slurm";
const JOBS: &str = "jobs.json";
/// Slurm's own, where a cluster does not say.
const USUAL_ARRAY: usize = 1001;
/// No list is longer.
const MAX_LIST_BYTES: u64 = 64 << 20;

/// What was found of a cluster.
#[derive(Default)]
pub struct Found {
    pub problems: Vec<Problem>,
    pub warnings: Vec<String>,
}

/// What one of Slurm's commands has printed.
fn asked(program: &str, arguments: &[&str], input: Option<&Path>) -> Result<String, String> {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null());
    command.args(input);
    let output = command.output().map_err(|error| format!("{program} cannot be run: {error}"))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_string();
    if output.status.success() {
        // `sbatch --test-only` speaks on the other channel.
        Ok(format!("{}\n{}", text(&output.stdout), text(&output.stderr)).trim().to_string())
    } else {
        Err(one_line(&format!("{program}: {}", text(&output.stderr))))
    }
}

/// Looks whether the cluster would take the sweep.
pub fn check(plan: &Plan) -> Found {
    let mut found = Found::default();
    if let Err(error) = asked("sbatch", &["--version"], None) {
        found.problems.push(Problem::new(
            "--slurm",
            "Slurm's commands (sbatch, scontrol, scancel) on this machine",
            error,
        ));
        return found;
    }
    let most = match asked("scontrol", &["show", "config"], None) {
        Ok(config) => array_limit(&config),
        Err(error) => {
            found.problems.push(Problem::new("--slurm", "a cluster that answers", error));
            return found;
        }
    };
    let tasks = tasks_of(plan.trainings().len(), plan);
    if most == 0 {
        found.problems.push(Problem::new("--slurm", "a cluster that takes job arrays", "none (its MaxArraySize is 0)"));
    } else if tasks > most {
        let enough = plan.trainings().len().div_ceil(most);
        let rule = format!("at most {most} tasks, which is the cluster's MaxArraySize");
        found.problems.push(Problem::new(
            "plan",
            rule,
            format!("{tasks} (slurm.trainings_per_task {enough} would do)"),
        ));
    }
    // The scheduler's own word on time, memory, partition, account and all other options.
    let script = script(plan, "true", Path::new("/dev/null"), "0");
    let tested = tempfile::NamedTempFile::new().map_err(|error| error.to_string()).and_then(|file| {
        fs::write(file.path(), script).map_err(|error| error.to_string())?;
        asked("sbatch", &["--test-only"], Some(file.path()))
    });
    if let Err(error) = tested {
        found.problems.push(Problem::new("slurm", "what the cluster takes", error));
    }
    if plan.budget.hours.is_some() {
        found
            .warnings
            .push("budget.hours counts for trainings on this machine alone; slurm.time bounds each task".into());
    }
    if plan.slurm.time.is_none() {
        found.warnings.push("slurm.time is not set: each task has the time that the partition gives by default".into());
    }
    found
}

/// So many tasks an array may have, from what `scontrol show config` says.
fn array_limit(config: &str) -> usize {
    let line = config.lines().find_map(|line| line.trim().strip_prefix("MaxArraySize"));
    let number = line.and_then(|line| line.trim_start_matches([' ', '=']).trim().parse::<usize>().ok());
    // Indices go up to one less, from 0 on.
    number.unwrap_or(USUAL_ARRAY)
}

fn tasks_of(trainings: usize, plan: &Plan) -> usize {
    trainings.div_ceil(plan.slurm.trainings_per_task as usize)
}

/// A script for `sbatch`.
fn script(plan: &Plan, command: &str, output: &Path, array: &str) -> String {
    let slurm = &plan.slurm;
    let mut lines = vec!["#!/bin/sh".to_string()];
    let mut option = |text: String| lines.push(format!("#SBATCH {text}"));
    option("--job-name=sympathy-sweep".into());
    option(format!("--array={array}{}", slurm.at_once.map(|most| format!("%{most}")).unwrap_or_default()));
    // A task that is put back goes on with the same file.
    option(format!("--output={}", output_of(output)));
    option("--open-mode=append".into());
    option(format!("--cpus-per-task={}", plan.threads));
    option(if slurm.requeue { "--requeue" } else { "--no-requeue" }.into());
    // As Ctrl-C: the task saves its checkpoint.
    option(format!("--signal=B:INT@{}", slurm.grace_s));
    let named =
        [("time", &slurm.time), ("mem", &slurm.memory), ("partition", &slurm.partition), ("account", &slurm.account)];
    for (name, value) in named {
        value.iter().for_each(|value| option(format!("--{name}={value}")));
    }
    slurm.options.iter().for_each(|text| option(text.clone()));
    lines.push(format!("exec {command}"));
    lines.join("\n") + "\n"
}

/// The place of an output as `sbatch` takes it. The last part says what stands for the numbers of job and task; the folder's own per cent
/// signs say nothing.
fn output_of(path: &Path) -> String {
    let folder = path.parent().unwrap_or(Path::new("")).to_string_lossy().replace('%', "%%");
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    report::quoted(&format!("{folder}/{name}"))
}

/// What was submitted.
#[derive(Default, Serialize, Deserialize)]
struct Jobs {
    /// Numbers of jobs, the oldest first.
    jobs: Vec<String>,
}

fn jobs_of(folder: &Folder) -> Result<Jobs, CliError> {
    let path = folder.path().join(FOLDER).join(JOBS);
    match read_text(&path, MAX_LIST_BYTES) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Jobs::default()),
        Err(source) => Err(CliError::Io { path, action: "read", source }),
        Ok(text) => serde_json::from_str(&text.unwrap_or_default()).map_err(|error| CliError::Io {
            path,
            action: "read",
            source: error.into(),
        }),
    }
}

/// The part of a list that a task makes.
#[derive(Serialize, Deserialize)]
struct List {
    /// Numbers of trainings that a task makes.
    per_task: u32,
    /// Numbers of trainings, in the order of the tasks.
    numbers: Vec<u32>,
}

/// The trainings of this task, which Slurm has told its index.
///
/// # Errors
/// If the list cannot be read, or this is no task of an array.
pub fn numbers_of_task(list: &Path) -> Result<Vec<u32>, CliError> {
    let parsed = list_of(list)?;
    let said = std::env::var("SLURM_ARRAY_TASK_ID").unwrap_or_default();
    let index: usize = said.parse().map_err(|_| CliError::Option {
        option: "SLURM_ARRAY_TASK_ID",
        expected: "the index of a task, as Slurm sets it".into(),
        actual: format!("{said:?}"),
    })?;
    let part = parsed.numbers.chunks(parsed.per_task.max(1) as usize).nth(index);
    Ok(part.map(<[u32]>::to_vec).unwrap_or_default())
}

fn submitted(arguments: &[&str], script: &Path) -> Result<String, CliError> {
    let refused =
        |actual: String| CliError::Option { option: "--slurm", expected: "a job that is taken".into(), actual };
    let arguments: Vec<&str> = std::iter::once("--parsable").chain(arguments.iter().copied()).collect();
    let said = asked("sbatch", &arguments, Some(script)).map_err(refused)?;
    // With federated clusters their name stands behind.
    let job = said.lines().next().unwrap_or_default().split(';').next().unwrap_or_default().trim().to_string();
    if job.is_empty() || !job.chars().all(|c| c.is_ascii_digit()) { Err(refused(said)) } else { Ok(job) }
}

/// Submits all trainings that have not ended as one array, and behind it the job that collects.
///
/// # Errors
/// If the folder cannot be written or the cluster refuses.
pub fn submit(folder: &Folder) -> Result<(), CliError> {
    let waiting = folder.trainings().iter().map(|training| training.number);
    let numbers: Vec<u32> = waiting.filter(|number| !folder.has_ended(*number)).collect();
    if numbers.is_empty() {
        say!("all trainings have ended");
        return report::write(folder);
    }
    let shown = folder.path();
    let folder = folder.absolute()?;
    let place = folder.path().join(FOLDER);
    let io = |path: &Path| {
        let path = path.to_path_buf();
        move |source| CliError::Io { path, action: "written", source }
    };
    fs::create_dir_all(&place).map_err(io(&place))?;
    let round = (1..).find(|round| !place.join(list_name(*round)).exists()).unwrap_or(1);
    let write = |name: String, text: String| -> Result<PathBuf, CliError> {
        let path = place.join(name);
        write_whole(&path, text.as_bytes()).map_err(io(&path)).map(|()| path)
    };
    let note = |job: &str| -> Result<(), CliError> {
        let mut jobs = jobs_of(&folder)?;
        jobs.jobs.push(job.to_string());
        let text = serde_json::to_string_pretty(&jobs).unwrap_or_default();
        write(JOBS.into(), format!("{text}\n")).map(drop)
    };
    let program = std::env::current_exe().map_err(io(&place))?;
    let word = |path: &Path| report::quoted(&path.to_string_lossy());
    let tasks = tasks_of(numbers.len(), folder.plan());
    let list = List { per_task: folder.plan().slurm.trainings_per_task, numbers };
    let list = write(list_name(round), serde_json::to_string(&list).unwrap_or_default())?;
    let command = format!("{} sweep task {} --array {}", word(&program), word(folder.path()), word(&list));
    let text = script(folder.plan(), &command, &place.join("%A_%a.txt"), &format!("0-{}", tasks - 1));
    let array = submitted(&[], &write(format!("array-{round}.sh"), text)?)?;
    note(&array)?;
    // Small: it has none of the array's sizes, but may run where the array may.
    let slurm = &folder.plan().slurm;
    let mut after = vec!["#!/bin/sh".to_string()];
    let mut option = |text: String| after.push(format!("#SBATCH {text}"));
    option("--job-name=sympathy-collect".into());
    option(format!("--output={}", output_of(&place.join("%j.txt"))));
    slurm.partition.iter().for_each(|name| option(format!("--partition={name}")));
    slurm.account.iter().for_each(|name| option(format!("--account={name}")));
    slurm.options.iter().for_each(|text| option(text.clone()));
    let command = format!("{} sweep next {} --array {}", word(&program), word(folder.path()), word(&list));
    after.push(format!("exec {command}"));
    let next = write(format!("next-{round}.sh"), after.join("\n") + "\n")?;
    match submitted(&[&format!("--dependency=afterany:{array}")], &next) {
        Ok(job) => note(&job)?,
        Err(error) => remark!(
            "warning: nothing collects by itself, nor begins another rung: {}; sympathy sweep collect does",
            one_line(&error.to_string())
        ),
    }
    let plural = if tasks == 1 { "task" } else { "tasks" };
    say!("job {array}: {tasks} {plural}; sympathy sweep status {} tells how far it is", word(shown));
    Ok(())
}

/// The name of an array's list.
fn list_name(round: u32) -> String {
    format!("array-{round}.json")
}

fn list_of(path: &Path) -> Result<List, CliError> {
    let io = |source| CliError::Io { path: path.into(), action: "read", source };
    let text = read_text(path, MAX_LIST_BYTES).map_err(io)?.unwrap_or_default();
    serde_json::from_str(&text).map_err(|error| io(error.into()))
}

/// After an array has ended: tells what of its tasks died without a word, collects, and submits the next rung, where there is one.
///
/// # Errors
/// If the folder cannot be read or written, or the cluster refuses.
pub fn next(folder: &mut Folder, list: &Path) -> Result<(), CliError> {
    let list = list_of(list)?;
    let is_cancelled = folder.stop().is_asked_for();
    for &number in list.numbers.iter().filter(|_| !is_cancelled) {
        // No task of the array is left: what has not ended, and was not asked to stop, has died.
        if folder.has_ended(number) || folder.was_stopped(number) || folder.training(number).is_none() {
            continue;
        }
        if let Some(claim) = folder.claim(number)? {
            let logs = folder.path().join(FOLDER);
            claim.end(&Done::Failed(format!(
                "its task ended without a word, as for want of memory (slurm.memory) or time; the logs in {} tell more, and --retry \
                 goes on from its checkpoint",
                logs.display()
            )))?;
        }
    }
    let mut writer = words::Writer::default();
    let all = folder.trainings().iter().all(|training| folder.has_ended(training.number));
    if !is_cancelled && all && folder.next_rung(|folder, training| writer.write(folder, training))? > 0 {
        submit(folder)?;
    }
    report::write(folder)
}

/// Takes all tasks that have not begun out of the queue. Those that have hear it from the folder.
///
/// # Errors
/// If the list of jobs cannot be read.
pub fn cancel(folder: &Folder) -> Result<(), CliError> {
    for job in jobs_of(folder)?.jobs.iter().filter(|job| !job.is_empty()) {
        if let Err(error) = asked("scancel", &["--state=PENDING", job], None) {
            remark!("warning: {}", one_line(&error));
        }
    }
    Ok(())
}

/// Puts this task back into the queue: its time is up, and its checkpoint is saved. Nothing where this is no task.
pub fn requeue(plan: &Plan) {
    let of = |name: &str| std::env::var(name).ok();
    let Some((array, index)) = of("SLURM_ARRAY_JOB_ID").zip(of("SLURM_ARRAY_TASK_ID")) else { return };
    if !plan.slurm.requeue {
        return;
    }
    match asked("scontrol", &["requeue", &format!("{array}_{index}")], None) {
        Ok(_) => remark!("back in the queue"),
        Err(error) => remark!("warning: it is not back in the queue: {}", one_line(&error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_script_asks_for_what_the_plan_says() {
        let plan = Plan::read(
            r#"{"threads": 2, "slurm": {"time": "01:30:00", "memory": "2G", "partition": "long", "at_once": 40,
                "options": ["--qos=low"], "requeue": false, "grace_s": 90}}"#,
        )
        .expect("a plan");
        let script = script(&plan, "'/a b/sympathy' sweep task x", Path::new("/tmp/my sweep/%A_%a.txt"), "0-7");
        let lines: Vec<&str> = script.lines().collect();
        assert_eq!(lines[0], "#!/bin/sh");
        for line in [
            "#SBATCH --array=0-7%40",
            "#SBATCH --output='/tmp/my sweep/%A_%a.txt'",
            "#SBATCH --cpus-per-task=2",
            "#SBATCH --no-requeue",
            "#SBATCH --signal=B:INT@90",
            "#SBATCH --time=01:30:00",
            "#SBATCH --mem=2G",
            "#SBATCH --partition=long",
            "#SBATCH --qos=low",
        ] {
            assert!(lines.contains(&line), "{line}: {script}");
        }
        assert_eq!(lines.last(), Some(&"exec '/a b/sympathy' sweep task x"));
    }

    #[test]
    fn the_limit_of_arrays_is_the_cluster_s() {
        assert_eq!(array_limit("A = 1\nMaxArraySize            = 5001\nMaxJobs = 3"), 5001);
        assert_eq!(array_limit("nothing"), 1001);
        assert_eq!(array_limit("MaxArraySize = 0"), 0);
    }
}
