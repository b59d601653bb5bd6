//! `sympathy demo`: hear a model without a recording.

use super::render::summary;
use crate::{
    cli::{
        automation::{Automation, TimedValue, at_tempo, read_automation},
        error::CliError,
        models_at_hand::{load_all, make_registry},
        notes::{MidiOrder, TimedOrder},
        offline::{Job, RenderOutcome, USUAL_TEMPO, render_to_memory},
        output::{Overwrite, write_wav},
        picture::write_picture,
        progress::Progress,
        speed::PrecisionArg,
        terminal::say,
    },
    control::{ParamId, ParamValues, Preset},
    dsp::phrase::{PHRASE_RATE_HZ, PHRASE_SECONDS, phrase_in},
    engine::EngineConfig,
    figure::{Mark, Sound, SoundFigure},
};
use clap::Args;
use std::{fs, path::PathBuf, sync::Arc};

/// How long the continuation plays on alone.
const SILENCE_SECONDS: f64 = 12.0;
/// Seeds fall into the phrase, the last of them just before its end; later ones are silent, below the gate, and leave the
/// continuation alone.
const RESEED_SECONDS: f32 = 4.0;

/// The second key of a comparison, in semitones above the first.
const OTHER_KEY: u8 = 3;

/// Options of `sympathy demo`.
#[derive(Args, Clone, Debug)]
pub struct DemoArgs {
    /// Embedded model by name, or a model file; guitar where this is not given
    #[arg(long, value_name = "NAME|FILE")]
    pub model: Option<String>,
    /// Factory preset by name, or a preset's file
    #[arg(long, value_name = "NAME|FILE")]
    pub preset: Option<String>,
    /// JSON file of parameter changes, as for `sympathy render`
    #[arg(long, value_name = "FILE")]
    pub automate: Option<PathBuf>,
    /// WAV file to write; the picture stands beside it
    #[arg(long, value_name = "FILE", default_value = "demo.wav")]
    pub out: PathBuf,
    /// What to do with files that are there
    #[command(flatten)]
    pub overwrite: Overwrite,
    /// Random seed: another number, another continuation
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u16,
    /// Play the phrase in two keys, one after the other: a model that listens follows, one that replays does not
    #[arg(long)]
    pub compare: bool,
    /// How the model's weights are stored; another precision, other bits
    #[arg(long, value_enum, default_value_t = PrecisionArg::Auto)]
    pub precision: PrecisionArg,
}

/// When a footswitch is pressed for a preset that waits for one: in the rest before the phrase's second half.
const PRESSED_SECONDS: f64 = 3.75;
/// What is played on keys for a preset that waits for notes: seconds, key, velocity.
const KEYS: [(f64, u8, f32); 6] =
    [(3.0, 60, 0.7), (4.5, 64, 0.6), (6.0, 57, 0.8), (8.25, 60, 0.8), (11.25, 67, 0.6), (14.25, 55, 0.9)];

/// What hands and feet do for presets that do nothing by themselves.
struct Hands {
    presses: bool,
    notes: Vec<TimedOrder>,
}

impl Hands {
    fn for_what_waits(values: &ParamValues) -> Self {
        let on = |id: ParamId| values.get(id) >= 0.5;
        let keys = on(ParamId::MidiTrigger);
        let begins = [
            ParamId::AutoStart,
            ParamId::ReseedInterval,
            ParamId::IntervalBeats,
            ParamId::StartTrigger,
            ParamId::OnsetTrigger,
            ParamId::Answer,
        ];
        let sounds = [ParamId::SwellLevel, ParamId::ShimmerLevel].into_iter().any(|id| values.get(id) > id.spec().min);
        let waits = !keys && !sounds && begins.into_iter().all(|id| values.get(id) == 0.0);
        let note = |&(seconds, key, velocity): &(f64, u8, f32)| TimedOrder {
            sample: (seconds * f64::from(PHRASE_RATE_HZ)) as u64,
            order: MidiOrder::Note { key, velocity },
        };
        Self { presses: waits, notes: if keys { KEYS.iter().map(note).collect() } else { Vec::new() } }
    }
}

/// The footswitch goes down, and up a tenth of a second later.
fn pressed() -> [TimedValue; 2] {
    let at = |seconds: f64, value| TimedValue {
        sample: (seconds * f64::from(PHRASE_RATE_HZ)) as u64,
        id: ParamId::Continue,
        value,
    };
    [at(PRESSED_SECONDS, 1.0), at(PRESSED_SECONDS + 0.1, 0.0)]
}

/// Runs the command.
///
/// # Errors
/// If there is no such model or the files cannot be written.
pub fn run(args: &DemoArgs) -> Result<(), CliError> {
    args.overwrite.check(&args.out, "wav")?;
    let picture = args.out.with_extension("png");
    args.overwrite.check(&picture, "png")?;
    let mut config = EngineConfig::new(PHRASE_RATE_HZ);
    match &args.preset {
        Some(name) => config.values = Preset::find(name)?.values(),
        None => config.values.set(ParamId::ReseedInterval, RESEED_SECONDS),
    }
    config.values.set(ParamId::RandomSeed, f32::from(args.seed));
    let registry = make_registry(args.model.as_deref(), args.precision, &mut config.values)?;
    let automation = match &args.automate {
        Some(path) => read_automation(path, PHRASE_RATE_HZ, at_tempo(USUAL_TEMPO))?,
        None => Automation::default(),
    };
    let hands = Hands::for_what_waits(&config.values);
    let automation = if hands.presses { automation.with(&pressed()) } else { automation };
    load_all(&registry, &config.values, &automation)?;
    let model = registry.label(config.values.get(ParamId::Model) as u8);

    let keys: &[u8] = if args.compare { &[0, OTHER_KEY] } else { &[0] };
    let mut dries = Vec::new();
    let mut mixes: Vec<(Vec<Vec<f32>>, RenderOutcome)> = Vec::new();
    let mut wets = Vec::new();
    let mut compute_seconds = Vec::new();
    for &key in keys {
        let mut dry = phrase_in(key);
        dry.resize(((PHRASE_SECONDS + SILENCE_SECONDS) * f64::from(PHRASE_RATE_HZ)) as usize, 0.0);
        let input = vec![dry];
        let job = Job { automation: Some(&automation), notes: &hands.notes, ..Job::of(&input) };
        let mut progress = Progress::new(job.length_samples);
        let mixed = render_to_memory(Arc::clone(&registry), config.clone(), &job, |done| progress.update(done))?;
        compute_seconds.push(progress.elapsed().as_secs_f64());
        drop(progress);
        let mut wet_only = config.clone();
        wet_only.values.set(ParamId::Mix, 100.0);
        let mut progress = Progress::new(job.length_samples);
        let (wet, _) = render_to_memory(Arc::clone(&registry), wet_only, &job, |done| progress.update(done))?;
        dries.extend(input);
        mixes.push(mixed);
        wets.push(wet);
    }
    let mut sounds = Vec::new();
    for ((&key, dry), wet) in keys.iter().zip(&dries).zip(&wets) {
        let where_it_is = if key == 0 { String::new() } else { format!(", {key} semitones higher") };
        sounds
            .push(Sound { title: format!("dry: the phrase, a synthesised plucked string{where_it_is}"), samples: dry });
        sounds.push(Sound { title: format!("wet: the continuation, {model}"), samples: &wet[0] });
    }
    let mark = Some(Mark { seconds: PHRASE_SECONDS, label: "the phrase ends" });
    write_picture(
        &picture,
        &SoundFigure { sample_rate_hz: PHRASE_RATE_HZ, sounds: &sounds, mark, seeds: &[], envelope: false },
    )?;
    let mut all = vec![Vec::new(); mixes[0].0.len()];
    for (mixed, _) in &mixes {
        all.iter_mut().zip(mixed).for_each(|(all, channel)| all.extend_from_slice(channel));
    }
    // A picture without its sound would be half a result.
    write_wav(&args.out, PHRASE_RATE_HZ, &all).inspect_err(|_| drop(fs::remove_file(&picture)))?;
    for ((_, mixed), seconds) in mixes.iter().zip(compute_seconds) {
        say!("{}: {}", args.out.display(), summary(&model, mixed, PHRASE_RATE_HZ, seconds));
    }
    say!("{}: waveform and spectrogram of dry and wet", picture.display());
    if hands.presses {
        say!("Continue was pressed at {PRESSED_SECONDS} s, as a footswitch would.");
    }
    if !hands.notes.is_empty() {
        say!("Keys were played: {} notes from {} s on.", hands.notes.len(), KEYS[0].0);
    }
    if args.preset.is_some() {
        return Ok(());
    }
    say!(
        "\nListen: when 2 s of the phrase have been heard, the model begins to play along under it; at 4 s and at 8 s it \
         takes a new seed.\nFrom {PHRASE_SECONDS} s on you hear nothing but the network. Another number, another \
         continuation: sympathy demo --seed {} --overwrite",
        u32::from(args.seed) + 1
    );
    Ok(())
}
