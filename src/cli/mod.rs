//! The command line tool `sympathy`: one file a subcommand. Nothing here is for the audio thread.

pub mod automation;
pub mod commands;
mod error;
mod given;
#[cfg(test)]
mod hostile_json;
pub mod instrument;
mod interrupt;
pub mod midi_place;
pub mod models_at_hand;
pub mod noise_seed;
pub mod notes;
pub mod offline;
mod output;
pub mod picture;
mod playing;
pub mod preset;
mod progress;
mod recordings;
pub mod speed;
mod terminal;
#[cfg(feature = "standalone")]
mod window;

pub use error::CliError;
pub use offline::{Job, RenderOutcome, Song, render_offline, render_to_memory};

use crate::control::{
    notes::notes_by_group,
    text,
    values::{ParamSpec, by_group},
};
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use commands::{bench, demo, evaluate, inspect, learn, models, play, render, roll, sample};
#[cfg(feature = "train")]
use commands::{compare, configure, export, import, sweep, train};
use std::ffi::OsString;

/// What was typed.
#[derive(Parser, Clone, Debug)]
#[command(
    name = "sympathy",
    version,
    about = "Continues a performer's sound with a recurrent network",
    long_about = "Continues a performer's sound with a recurrent network: the engine of the Sympathy plugin, and what \
                  belongs to it, on the command line.",
    after_help = "EXAMPLES:\n  sympathy demo                               hear it: writes demo.wav and demo.png\n  \
                  sympathy render in.wav out.wav              continue a recording\n  \
                  sympathy models                             which models there are\n  \
                  sympathy train guitar.json --out guitar.safetensors    make one of your own\n\n\
                  Exit code: 0 if all went well, 1 if something failed, 2 if the command was not understood.",
    subcommand_required = true,
    arg_required_else_help = true
)]
pub struct Cli {
    /// The subcommand.
    #[command(subcommand)]
    pub command: Command,
}

/// The subcommands.
#[derive(Subcommand, Clone, Debug)]
pub enum Command {
    /// Renders a phrase of the program's own making with an embedded model
    #[command(
        long_about = "Plays a phrase on a synthesised plucked string (no recording is needed), lets a model continue it \
                      for 12 seconds of silence, and writes the sound and a picture of dry and wet (waveform and \
                      spectrogram).",
        after_help = "EXAMPLES:\n  sympathy demo\n  sympathy demo --model piano-magnitude --out piano.wav --seed 7\n  \
                      sympathy demo --model my-model.safetensors --out mine.wav\n  \
                      sympathy demo --preset strings-in-sympathy --out strings.wav"
    )]
    Demo(demo::DemoArgs),
    /// Renders a recording through the engine of the plugin
    #[command(
        long_about = "Renders a recording through the very engine that the plugin runs, with the transport playing from \
                      --start: the same parameters give the same samples as in a host. The result is as long as the \
                      recording plus --seconds-after. At mix=0 it is the recording, bit for bit.",
        after_help = render_help()
    )]
    Render(render::RenderArgs),
    /// Plays live: the engine of the plugin on a sound card, or Sympathy Notes between MIDI ports
    #[command(
        long_about = "Plays live: the engine of the plugin on a sound card or JACK, without a host. The input is muted until \
                      it is switched on (type i and Enter, or --input on), so that nothing feeds back through the room \
                      unasked. With --notes it is Sympathy Notes: keys from a MIDI input, notes to a MIDI output behind \
                      which an instrument has to sound them. While it plays, lines typed on the terminal are commands: \
                      ? tells them.",
        after_help = play::HELP
    )]
    Play(play::PlayArgs),
    #[cfg(feature = "train")]
    /// Asks for every hyperparameter and writes a configuration to train with
    #[command(
        long_about = "Asks for a preset, for the recordings and for every hyperparameter that matters to them, explains each, \
                      shows a summary to confirm or change, and writes a configuration for `sympathy train`. Groups of \
                      questions can be skipped. Answers come from stdin, a line each, so that they can be piped.",
        after_help = "EXAMPLES:\n  sympathy configure guitar.json\n  sympathy configure --list-presets\n  \
                      sympathy configure --window --file take.wav      all of it in a window\n  \
                      sympathy configure guitar.json --preset ten-minutes --file take.wav --yes\n  \
                      sympathy configure guitar.json --preset column --file \"take.wav 10-40\" --yes --set hidden=64"
    )]
    Configure(configure::ConfigureArgs),
    #[cfg(feature = "train")]
    /// Trains a model on recordings
    Train(train::TrainArgs),
    #[cfg(feature = "train")]
    /// Trains recurrent architectures on the same sound and compares their times and errors
    #[command(
        long_about = "Trains the twelve models of a study of recurrent architectures (vanilla, GRU, LSTM and clockwork \
                      networks of one to three layers), or a list of models, on the same sound under the same budget: \
                      spectra, RMSProp, windows of 200 frames. Tells parameters, seconds for 5 epochs and errors, and \
                      draws the errors over the epochs. Ctrl-C keeps the models that are done.",
        after_help = compare_help()
    )]
    Compare(compare::CompareArgs),
    #[cfg(feature = "train")]
    /// Trains many models of one plan, here or on a cluster, and compares them
    #[command(
        long_about = "Trains many models of one plan: a base configuration and what varies of it, as a grid, at random or by \
                      successive halving, each as often as is asked for. Each training is a process with its own folder, \
                      configuration and checkpoint; several run at once, here or as tasks of a Slurm cluster. In the end a page \
                      compares all of them, with curves, scores and sounds.",
        after_help = sweep::HELP
    )]
    Sweep(Box<sweep::SweepArgs>),
    /// Lets a model that listens learn from a take, in a minute or two
    #[command(
        long_about = "Lets a model that listens learn from a take: makes another model file, which the plugin and every command \
                      play. Of the model only the small layers move that decide how loud each note of a frame is; what it \
                      knows of time stays. Tells how well it foresees playing that it did not learn from, before and after \
                      (the last tenth of a take of 20 s or more). Takes one core for a minute or two. Ctrl-C leaves nothing \
                      behind.",
        after_help = learn::HELP
    )]
    Learn(learn::LearnArgs),
    /// Samples a model: its raw prediction, away from the engine
    #[command(
        long_about = "Lets a model hear a seed and predict what comes next: the raw prediction, without the plugin's leash, \
                      levels and cross-fades. A seed is a part of a file, or noise as loud as the material. With several \
                      voices each has a random seed of its own. At the end stand figures that tell whether the sound is \
                      alive: change of the spectrum, level, flatness, and each as a multiple of the material's. A model of notes hears \
                      a part of a MIDI file, columns that are typed, or silence, and a MIDI file of what it plays is written. An \
                      autoencoder of notes plays a code: one that is typed or drawn, that of a part of a MIDI file, or those \
                      between two parts.",
        after_help = "EXAMPLES:\n  sympathy sample piano-magnitude --seed-file take.wav --start 3 --seconds 20\n  \
                      sympathy sample my-model.safetensors --seed white --temperature 1.5 --out noise.wav --plot\n  \
                      sympathy sample my-model.safetensors --seed-file take.wav --voices 4 --order together --dropout 10%\n  \
                      sympathy sample my-lstm.safetensors --seed song.mid@9 --steps 512 --toss --out answer.mid\n  \
                      sympathy sample my-lstm.safetensors --start \"C#9b5\" --steps 128 --toss --out chord.mid --plot\n  \
                      sympathy sample my-autoencoder.safetensors --reconstruct song.mid@5 --out again.mid --plot\n  \
                      sympathy sample my-autoencoder.safetensors --from aria.mid@1 --to song.mid@5 --points 5 --out way.mid\n  \
                      sympathy sample my-autoencoder.safetensors --code random --random-seed 7 --threshold 0.1 --out code.mid"
    )]
    Sample(Box<sample::SampleArgs>),
    /// Judges a model: artifacts, resemblance, novelty, and whether it listens
    #[command(
        long_about = "Lets a model continue seeds that it has not heard and judges what comes: freedom from artifacts, \
                      resemblance to its material, novelty against the material and against the seed, whether it listens to \
                      the seed (its pitches, colour, density), consistency and speed. Each criterion is a figure from 0 to 1, \
                      High, Medium or Low. What the player of a seed really played next is judged beside it. A model of notes is judged by \
                      what it says of a data set of rolls, beside what needs no network, and a recurrent one by what it plays \
                      on its own after seeds from there.",
        after_help = evaluate::HELP
    )]
    Evaluate(Box<evaluate::EvaluateArgs>),
    /// Makes a data set of piano rolls of MIDI files
    #[command(
        long_about = "Reads MIDI files as piano rolls, columns of 88 keys on a grid of steps, and writes them into one file to train on. \
                      Tells what the scores are like, what every predictor without a network gets wrong, and which files \
                      were left out and why. Of a data set, or of MIDI files, it also writes a piece as a MIDI file, to be heard \
                      as it is on the grid.",
        after_help = roll::HELP
    )]
    Roll(Box<roll::RollArgs>),
    /// Lists the embedded models
    #[command(
        long_about = "Lists the embedded models, and those of a folder with --dir. The last column is measured now: \
                      seconds of sound per second of computing on one core of this machine.",
        after_help = "EXAMPLES:\n  sympathy models\n  sympathy models --dir ~/my-models"
    )]
    Models(models::ModelsArgs),
    /// Measures what models cost on this machine
    #[command(
        long_about = "Measures every embedded model, and those that are named, on one core of this machine: how long a step \
                      takes, how many times faster than real time it plays, how much of what the core can read and compute \
                      it uses, and how many instances fit. Takes a second or two for each. Close what else is running.",
        after_help = bench::HELP
    )]
    Bench(bench::BenchArgs),
    /// Tells everything that stands in a model file
    #[command(
        long_about = "Reads and checks a model file, or an embedded model by its name, and tells everything that stands \
                      in it: sizes, approach, head, the material's figures, how it was trained, all tensors.",
        after_help = "EXAMPLES:\n  sympathy inspect my-model.safetensors\n  sympathy inspect my-model.safetensors --json"
    )]
    Inspect(inspect::InspectArgs),
    #[cfg(feature = "train")]
    /// Makes a model of a network that PyTorch has trained
    #[command(
        long_about = "Makes a model of a network that PyTorch has trained: reads a state dictionary or a plain \
                      safetensors file, tells cell, layers and sizes from its tensors, and takes from the options what \
                      these do not tell. Says what it assumed. Weights of 16 and 64 bits become 32.",
        after_help = import::EXAMPLES
    )]
    Import(Box<import::ImportArgs>),
    #[cfg(feature = "train")]
    /// Writes a model as a plain PyTorch file
    #[command(
        long_about = "Writes a model's tensors under the names that PyTorch's modules have, and a Python script that loads \
                      them. What the modules do not hold goes along: principal components as tensors, the configuration \
                      as JSON in the metadata (.pt: a record of the archive).",
        after_help = export::EXAMPLES
    )]
    Export(export::ExportArgs),
}

#[cfg(feature = "train")]
fn compare_help() -> String {
    format!(
        "MODELS: a cell (vanilla, relu, gru, lstm, clockwork), layers and, if not --width, units of a layer: lstm-2x256. \
         All:\n  {}\n\nEXAMPLES:\n  sympathy compare take.wav --out comparison\n  \
         sympathy compare take.wav --out comparison --models lstm-1,lstm-1x256,gru-2 --epochs 20\n  \
         sympathy compare song.wav --out original --width 2048 --seconds 180 --threads 8",
        compare::table_1_names()
    )
}

/// A line for each parameter, under the titles of their groups.
fn parameter_lines<Id: 'static>(specs: impl Iterator<Item = &'static ParamSpec<Id>>) -> String {
    let mut lines = String::new();
    let mut group = None;
    for spec in specs {
        if group.replace(spec.group) != Some(spec.group) && !spec.group.is_empty() {
            lines += &format!("\n {}:\n", spec.group);
        }
        let (range, default) = (text::range(spec), text::typed(spec, spec.default));
        lines += &format!("  {:17} {range}, default {default}. {}\n", spec.key, spec.help);
    }
    lines
}

fn render_help() -> String {
    format!(
        "PARAMETERS for --set and --automate, by these names or those that hosts show, with or without the unit:\n{}\nPARAMETERS where IN is a MIDI file:\n{}\nPRESETS:\n{}\n\nEXAMPLES:\n  sympathy render in.flac out.wav\n  \
         sympathy render in.wav out.wav --preset strings-in-sympathy\n  \
         sympathy render in.wav wet.wav --model my-model.safetensors --set mix=100 --set reseed_interval=4\n  \
         sympathy render in.wav out.wav --midi keys.mid --set midi_trigger=on --set auto_start=off\n  \
         sympathy render in.wav out.wav --automate fades.json --seconds-after 30\n  \
         sympathy render in.wav out.wav --model any --set learn=on --set listen=25 --keep-learnt mine.safetensors\n  \
         sympathy render take.mid answer.mid --set answer_length=2 --picture rolls.png\n  \
         sympathy render take.mid answer.mid --preset beside-you\n  \
         where fades.json holds {{\"mix\": [[0, 0], [8.5, 100]], \"temperature\": [[\"8 beats\", 0.8]]}}: at so many seconds \
         or beats of IN this value, and lines between; [8.5, 100, \"hold\"] stays until the next point",
        parameter_lines(by_group()),
        parameter_lines(notes_by_group()),
        preset::list()
    )
}

/// What was typed, understood: by a command whose help fits the terminal.
///
/// # Errors
/// If it was not understood, or help was asked for: what is to be printed, and where.
pub fn parse(words: impl IntoIterator<Item = OsString>) -> Result<Cli, clap::Error> {
    Cli::from_arg_matches(&command(terminal::width()).try_get_matches_from(words)?)
}

/// The commands, their help as wide as this.
pub fn command(width: usize) -> clap::Command {
    fn fitted(command: clap::Command, width: usize) -> clap::Command {
        let after = command.get_after_help().map(|help| terminal::wrapped(&help.to_string(), width));
        let fitted_command = command.term_width(width).mut_subcommands(|command| fitted(command, width));
        match after {
            Some(after) => fitted_command.after_help(after),
            None => fitted_command,
        }
    }
    fitted(Cli::command(), width)
}

/// Runs a command.
///
/// # Errors
/// Whatever stopped it; nothing half-written is left behind. Words that could not be written do not stop it.
pub fn run(cli: Cli) -> Result<(), CliError> {
    run_command(cli)?;
    terminal::finish().map_err(|source| CliError::Io { path: "standard output".into(), action: "written", source })
}

fn run_command(cli: Cli) -> Result<(), CliError> {
    interrupt::Interrupt::catch()?;
    match cli.command {
        Command::Demo(args) => demo::run(&args),
        Command::Render(args) => render::run(&args),
        Command::Play(args) => play::run(&args),
        #[cfg(feature = "train")]
        Command::Configure(args) => configure::run(&args),
        #[cfg(feature = "train")]
        Command::Train(args) => train::run(args),
        #[cfg(feature = "train")]
        Command::Compare(args) => compare::run(&args),
        #[cfg(feature = "train")]
        Command::Sweep(args) => sweep::run(&args),
        Command::Learn(args) => learn::run(&args),
        Command::Sample(args) => sample::run(&args),
        Command::Evaluate(args) => evaluate::run(&args),
        Command::Roll(args) => roll::run(&args),
        Command::Models(args) => models::run(&args),
        Command::Bench(args) => bench::run(&args),
        Command::Inspect(args) => inspect::run(&args),
        #[cfg(feature = "train")]
        Command::Import(args) => import::run(&args),
        #[cfg(feature = "train")]
        Command::Export(args) => export::run(&args),
    }
}

/// The lines of an error's message: one, or one for each problem of a configuration.
pub fn lines(error: &CliError) -> Vec<String> {
    match error {
        #[cfg(feature = "train")]
        CliError::Problems { origin, problems } => {
            problems.iter().map(|problem| one_line(&format!("{origin}: {problem}"))).collect()
        }
        other => vec![one_line(&other.to_string())],
    }
}

/// Tells of an error on standard error.
pub fn report(line: &str) {
    terminal::remark!("error: {line}");
}

/// A message as one line of printable characters, whatever a file's name or content brought into it.
pub fn one_line(message: &str) -> String {
    let mut line = String::with_capacity(message.len());
    for character in message.trim().chars() {
        line.push(if character.is_control() { ' ' } else { character });
    }
    line
}
