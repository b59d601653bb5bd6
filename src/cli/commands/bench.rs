//! `sympathy bench`: what models cost on this machine.

mod figures;
mod machine;
mod table;

use super::models::{files_of, print_table};
use crate::cli::terminal::say;
use crate::{
    approach::Network,
    cli::{error::CliError, models_at_hand::read_model, one_line, progress::Progress, speed::PrecisionArg},
    dsp::float_mode::FloatMode,
    model::{EMBEDDED, ModelData},
    nn::{Isa, Precision},
};
use clap::Args;
use figures::Figures;
use machine::Machine;
use serde_json::json;
use std::{path::PathBuf, sync::Arc};

/// What stands below the options.
pub const HELP: &str = "COLUMNS:
  PRECISION    how the weights are stored; * is what the model chooses by itself
  WEIGHTS      bytes that a step reads at most
  US A STEP    of one step of the raw prediction: network, head, and frame to sound
  X REAL TIME  seconds of sound per second of computing, one voice as the plugin's worker plays it at 48 kHz,
               with resamplers; 4 VOICES: the same while four play together
  READ         the weights over the time of a step, as a part of what the core reads from a buffer of that size from its begin
               to its end; above 100 % where a cache keeps half of them, as they are read back and forth
  FMA          2 x the multiplications of a step as the approach is written down, over its time, as a part of what the core
               can compute; above 100 % some of them were saved or done in 8 bits
  INSTANCES    instances with one voice that a core carries: the whole part of X REAL TIME; AT 70 %: of 0.7 times it

JSON (--json), one object:
  machine      cpu, isa, fma_gflops (32-bit operations in 1e9 a second), reads: [{bytes, gb_per_second}]
  results      one for each model and precision: model, title, approach, network, sample_rate_hz, precision, chosen,
               weight_bytes, us_per_step, real_time_factor, real_time_factor_4_voices, read_share, fma_share, instances,
               instances_at_70_percent. Shares are parts of 1
  refused      why files of --dir are not models

EXAMPLES:
  sympathy bench
  sympathy bench my-model.safetensors --all-precisions
  sympathy bench --no-embedded --dir ~/my-models --json";

/// Options of `sympathy bench`.
#[derive(Args, Clone, Debug)]
pub struct BenchArgs {
    /// Model files, or embedded models by name
    #[arg(value_name = "MODEL")]
    pub models: Vec<String>,
    /// Also measures the .safetensors files of a folder
    #[arg(long, value_name = "FOLDER")]
    pub dir: Option<PathBuf>,
    /// Leaves out embedded models that are not named
    #[arg(long)]
    pub no_embedded: bool,
    /// How weights are stored
    #[arg(long, value_enum, default_value_t = PrecisionArg::Auto, conflicts_with = "all_precisions")]
    pub precision: PrecisionArg,
    /// Measures every storage of weights
    #[arg(long)]
    pub all_precisions: bool,
    /// How long each figure is measured
    #[arg(long, value_name = "SECONDS", default_value_t = 0.25, value_parser = seconds)]
    pub seconds: f64,
    /// Prints one JSON object
    #[arg(long)]
    pub json: bool,
}

/// A model to be measured.
struct Candidate {
    /// What it was called by.
    name: String,
    data: ModelData,
}

/// A row of the table.
struct Row<'a> {
    candidate: &'a Candidate,
    precision: Precision,
    /// True if the model chooses this precision by itself.
    chosen: bool,
    figures: Figures,
}

/// Runs the command.
///
/// # Errors
/// If a model that was named, an embedded one or the folder cannot be read, before anything is measured. A file of the
/// folder that is no model is listed with the reason.
pub fn run(args: &BenchArgs) -> Result<(), CliError> {
    let (candidates, refused) = candidates(args)?;
    let isa = Isa::from_environment();
    let mut machine = Machine::measure(args.seconds);
    let mut progress = Progress::new(candidates.len());
    let mut rows = Vec::new();
    for (done, candidate) in candidates.iter().enumerate() {
        progress.update(done);
        rows.extend(measure(candidate, args, isa, &mut machine));
    }
    drop(progress);
    if args.json {
        let results: Vec<_> = rows.iter().map(table::json).collect();
        say!("{:#}", json!({"machine": machine.json(isa), "results": results, "refused": refused}));
        return Ok(());
    }
    say!("{}\n", machine.text(isa));
    if rows.is_empty() {
        say!("no models: none was named, and none is in the folder");
    } else {
        let head = std::iter::once(table::HEAD.map(String::from));
        print_table(&head.chain(rows.iter().map(table::text)).collect::<Vec<_>>());
    }
    refused.iter().for_each(|reason| say!("not a model: {reason}"));
    Ok(())
}

/// All models that are to be measured, and why files of the folder are not.
fn candidates(args: &BenchArgs) -> Result<(Vec<Candidate>, Vec<String>), CliError> {
    let mut names: Vec<&str> = Vec::new();
    if !args.no_embedded {
        names.extend(EMBEDDED.iter().map(|model| model.name));
    }
    for name in &args.models {
        if !names.contains(&name.as_str()) {
            names.push(name);
        }
    }
    let mut candidates = Vec::new();
    for name in names {
        candidates.push(Candidate { name: one_line(name), data: read_model(name)? });
    }
    let mut refused = Vec::new();
    for path in args.dir.as_deref().map(files_of).transpose()?.unwrap_or_default() {
        match ModelData::read(&path) {
            Ok(data) => candidates.push(Candidate { name: one_line(&path.to_string_lossy()), data }),
            Err(error) => refused.push(one_line(&error.to_string())),
        }
    }
    Ok((candidates, refused))
}

fn measure<'a>(candidate: &'a Candidate, args: &BenchArgs, isa: Isa, machine: &mut Machine) -> Vec<Row<'a>> {
    let _mode = FloatMode::enter();
    let preferred = Network::load(&candidate.data, None, isa);
    let chosen = preferred.precision();
    let mut networks = vec![];
    match (args.all_precisions, Option::<Precision>::from(args.precision)) {
        (true, _) => {
            networks.extend(Precision::ALL.map(|precision| Network::load(&candidate.data, Some(precision), isa)));
        }
        (false, Some(precision)) => networks.push(Network::load(&candidate.data, Some(precision), isa)),
        (false, None) => networks.push(preferred),
    }
    let row = |network: Network| {
        let precision = network.precision();
        let figures = Figures::measure(&Arc::new(network), args.seconds, machine);
        Row { candidate, precision, chosen: precision == chosen, figures }
    };
    networks.into_iter().map(row).collect()
}

fn seconds(text: &str) -> Result<f64, String> {
    let seconds: f64 = text.parse().map_err(|_| "expected a number".to_string())?;
    if (0.001..=60.0).contains(&seconds) { Ok(seconds) } else { Err("expected 0.001 to 60".into()) }
}
