//! The command line tool.

use clap::Parser;

#[derive(Parser)]
#[command(version, about)]
enum Command {
    Train(sympathy::cli::train::TrainArgs),
}

fn main() {
    let Command::Train(args) = Command::parse();
    if let Err(error) = sympathy::cli::train::run(args) {
        eprintln!("error: {error}");
        std::process::exit(1);
    }
}
