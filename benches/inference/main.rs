//! One recurrent stream, each step needing the last one's output, on one thread: this package beside candle-nn and tract.
//!
//! ```sh
//! cargo bench --bench inference --features tract -- [--quick] [--config A,B] [--rounds N] [--markdown | --json]
//! ```
//!
//! Without `--features tract` candle-nn is the only peer and tract need not be compiled. All peers have the same random
//! weights and do the same work (`work.rs`); what each says over hundreds of steps is compared with plain loops in double precision before
//! it is timed. Times are processor time of the thread, the median over the rounds of the median batch of about 4 ms; everybody
//! takes turns in every round, and a ratio is the median of the ratios of the rounds, so that other load weighs on both.
//!
//! Transpose: a peer's step is one column's, and the other columns come from a delay line as they do here (`all columns`: all 64 as
//! a batch, as the approach is written down). Sliding networks run here as continuations, with all that belongs to one.
//!
//! `--serve` answers each line `CONFIG SECONDS` on stdin with one round as JSON; `benches/inference.py` sets it beside PyTorch
//! and onnxruntime.
#![allow(missing_docs, reason = "a program")]

mod candle;
mod clock;
mod contest;
mod ours;
mod peer;
mod report;
#[cfg(feature = "tract")]
mod tract;
mod work;

use contest::Contest;
use std::{collections::BTreeMap, io::Write, process::ExitCode};
use sympathy::dsp::float_mode::FloatMode;
use work::{CONFIGS, Config};

/// candle's pool listens to this.
const THREADS_VARIABLE: &str = "RAYON_NUM_THREADS";

#[derive(Clone, Copy, PartialEq)]
enum Form {
    Text,
    Markdown,
    Json,
    Serve,
}

struct Options {
    form: Form,
    configs: Vec<Config>,
    rounds: usize,
    seconds: f64,
}

fn main() -> ExitCode {
    if std::env::var(THREADS_VARIABLE).as_deref() != Ok("1") {
        return on_one_thread();
    }
    let options = match options() {
        Ok(options) => options,
        Err(problem) => {
            eprintln!("error: {problem}");
            return ExitCode::from(2);
        }
    };
    let _mode = FloatMode::enter();
    match options.form {
        Form::Serve => serve(),
        _ => run(&options),
    }
    ExitCode::SUCCESS
}

/// Starts this program again, told to use one thread.
fn on_one_thread() -> ExitCode {
    let again = std::env::current_exe().and_then(|program| {
        std::process::Command::new(program).args(std::env::args_os().skip(1)).env(THREADS_VARIABLE, "1").status()
    });
    match again {
        Ok(status) => ExitCode::from(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1)),
        Err(error) => {
            eprintln!("error: cannot be started again with {THREADS_VARIABLE}=1: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) {
    let machine = report::machine();
    let mut results = Vec::new();
    match options.form {
        Form::Text => machine.iter().for_each(|(name, value)| println!("{name}: {value}")),
        Form::Markdown => {
            let [cpu, isa, commit, peers] = machine.each_ref().map(|(_, value)| value);
            println!(
                "{cpu}, {isa}, commit {commit}, {peers}, {} rounds:\n\n{}",
                options.rounds,
                report::markdown_head()
            );
        }
        _ => {}
    }
    for &config in &options.configs {
        let mut contest = Contest::new(config, true);
        (0..options.rounds).for_each(|_| contest.round(options.seconds));
        match options.form {
            Form::Text => print!("{}", contest.text()),
            Form::Markdown => println!("{}", contest.markdown()),
            _ => results.extend(contest.json()),
        }
    }
    if options.form == Form::Json {
        let machine: BTreeMap<_, _> = machine.into_iter().collect();
        println!("{:#}", serde_json::json!({"machine": machine, "results": results}));
    }
}

/// One round for every line on stdin.
fn serve() {
    let mut contests: BTreeMap<&str, Contest> = BTreeMap::new();
    for line in std::io::stdin().lines().map_while(Result::ok) {
        let Some((name, seconds)) = line.split_once(' ') else { continue };
        let (Some(config), Ok(seconds)) = (by_name(name), seconds.parse()) else { continue };
        let contest = contests.entry(config.name).or_insert_with(|| Contest::new(config, false));
        contest.round(seconds);
        let last: BTreeMap<&str, f64> = contest
            .contestants
            .iter()
            .filter_map(|contestant| Some((contestant.name.as_str(), 1e6 * contestant.rounds.last()?)))
            .collect();
        println!("{}", serde_json::json!({"config": config.name, "us": last}));
        // Whoever reads is gone: so are we.
        if std::io::stdout().flush().is_err() {
            return;
        }
    }
}

fn by_name(name: &str) -> Option<Config> {
    CONFIGS.into_iter().find(|config| config.name.eq_ignore_ascii_case(name.trim()))
}

fn options() -> Result<Options, String> {
    let mut options = Options { form: Form::Text, configs: CONFIGS.to_vec(), rounds: 7, seconds: 0.3 };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or(format!("{argument}: expected a value, found none"));
        match argument.as_str() {
            // Cargo's own.
            "--bench" => {}
            "--markdown" => options.form = Form::Markdown,
            "--json" => options.form = Form::Json,
            "--serve" => options.form = Form::Serve,
            "--quick" => (options.rounds, options.seconds) = (3, 0.05),
            "--rounds" => {
                let text = value()?;
                let rounds = text.parse().ok().filter(|&rounds| rounds > 0);
                options.rounds = rounds.ok_or(format!("--rounds: expected a whole number above 0, found {text}"))?;
            }
            "--config" => {
                let known = CONFIGS.map(|config| config.name).join(", ");
                let unknown = |name: &str| format!("--config: expected some of {known}, found {name}");
                let found = value()?;
                let configs = found.split(',').map(|name| by_name(name).ok_or_else(|| unknown(name)));
                options.configs = configs.collect::<Result<_, _>>()?;
            }
            other => return Err(format!("expected one of the options in benches/inference/main.rs, found {other}")),
        }
    }
    Ok(options)
}
