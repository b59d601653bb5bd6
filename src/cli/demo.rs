//! `sympathy demo`: hear a model without a recording.

use super::{
    error::CliError,
    models_at_hand::{load_all, make_bank},
    output::{check_output, write_wav},
    phrase::{PHRASE_RATE_HZ, PHRASE_SECONDS, phrase},
    picture::{Mark, Take, draw_picture},
    render::{Job, render_with_progress, summary},
};
use crate::{
    engine::{EngineConfig, ParamId},
    model::EMBEDDED,
};
use clap::Args;
use std::{path::PathBuf, sync::Arc};

/// How long the continuation plays on alone.
const SILENCE_SECONDS: f64 = 12.0;
/// The phrase is longer than one interval and shorter than two, so that a seed is taken in it and one at its end; the next
/// ones are silent, below the gate, and leave the continuation alone.
const RESEED_SECONDS: f32 = 4.0;

/// Options of `sympathy demo`.
#[derive(Args, Clone, Debug)]
pub struct DemoArgs {
    /// Embedded model by name, or a model file; the first embedded one where this is not given
    #[arg(long, value_name = "NAME|FILE")]
    pub model: Option<String>,
    /// WAV file to write; the picture stands beside it
    #[arg(long, value_name = "FILE", default_value = "demo.wav")]
    pub out: PathBuf,
    /// Random seed: another number, another continuation
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u16,
}

/// Runs the command.
///
/// # Errors
/// If there is no such model or the files cannot be written.
pub fn run(args: &DemoArgs) -> Result<(), CliError> {
    check_output(&args.out, "wav")?;
    let picture = args.out.with_extension("png");
    check_output(&picture, "png")?;
    let mut config = EngineConfig::new(PHRASE_RATE_HZ);
    config.values.set(ParamId::ReseedInterval, RESEED_SECONDS);
    config.values.set(ParamId::RandomSeed, f32::from(args.seed));
    if let Some(first) = EMBEDDED.first() {
        config.values.set(ParamId::Model, f32::from(first.slot));
    }
    let bank = make_bank(args.model.as_deref(), &mut config.values)?;
    load_all(&bank, &config.values, &[])?;
    let model = bank.label(config.values.get(ParamId::Model) as u8);

    let mut dry = phrase();
    dry.resize(((PHRASE_SECONDS + SILENCE_SECONDS) * f64::from(PHRASE_RATE_HZ)) as usize, 0.0);
    let input = [dry];
    let job = Job { start_samples: 0, block_samples: 512, input: &input, automation: &[] };
    let (mixed, compute_seconds) = render_with_progress(Arc::clone(&bank), config.clone(), &job)?;
    config.values.set(ParamId::Mix, 100.0);
    let (wet, _) = render_with_progress(bank, config, &job)?;
    write_wav(&args.out, PHRASE_RATE_HZ, &mixed.channels)?;
    let dry_title = "dry: the phrase, a synthesised plucked string".to_string();
    let takes = [
        Take { title: dry_title, samples: &input[0] },
        Take { title: format!("wet: the continuation, {model}"), samples: &wet.channels[0] },
    ];
    let mark = Mark { seconds: PHRASE_SECONDS, label: "the phrase ends" };
    draw_picture(&picture, PHRASE_RATE_HZ, &takes, Some(&mark))?;
    println!("{}: {}", args.out.display(), summary(&model, &mixed, PHRASE_RATE_HZ, compute_seconds));
    println!("{}: waveform and spectrogram of dry and wet", picture.display());
    println!(
        "\nListen: to {RESEED_SECONDS} s the phrase plays alone. From there on the model answers under it, seeded with the 2 s \
         before.\nAt 8 s it takes a new seed; from {PHRASE_SECONDS} s on you hear nothing but the network.\nAnother number, \
         another continuation: sympathy demo --seed {}",
        u32::from(args.seed) + 1
    );
    Ok(())
}
