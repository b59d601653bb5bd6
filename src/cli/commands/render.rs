//! `sympathy render`: a file through the engine of the plugin.

mod notes;

use crate::{
    audio_file::{Depth, LongRecording, Samples, Spool, SpoolWriter, is_pipe},
    cli::{
        automation::{Automation, at_tempo, read_automation},
        error::CliError,
        given::Given,
        instrument::{Instrument, InstrumentArgs, MIN_RATE_HZ, checked_rate},
        midi_place::Place,
        models_at_hand::{load_all, read_model},
        notes::{MidiFile, MidiOrder, TimedOrder, read_notes},
        offline::{Job, RenderOutcome, Song, render_offline},
        one_line,
        output::{Overwrite, SOUND_ENDINGS, SoundFile, check_length, depth_of, refuse_same_places, replace_file},
        picture::write_picture,
        progress::Progress,
        terminal::{remark, say},
    },
    control::{ParamId, ParamValues, SeedSource},
    dsp::{level::gain_to_db, resample::Resampler},
    engine::{Alignment, ClockMode, EngineConfig, SeedMark},
    figure::{Seed, Sound, SoundFigure},
    learn::{Card, LearnState},
    model::EMBEDDED,
    notes::MIDI_ENDINGS,
    worker::ModelRegistry,
};
use clap::{Args, ValueEnum};
use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

/// Longest tail and latest start: a day.
const MAX_SECONDS: f64 = 86_400.0;

/// The options that MIDI files do not have: fields and what is typed.
const NOTE_OPTIONS: [(&str, &str); 9] = [
    ("sidechain", "--sidechain"),
    ("midi", "--midi"),
    ("bits", "--bits"),
    ("stems", "--stems"),
    ("seeds", "--seeds"),
    ("keep_learnt", "--keep-learnt"),
    ("start", "--start"),
    ("alignment", "--alignment"),
    ("clock", "--clock"),
];

/// Options of `sympathy render`.
#[derive(Args, Clone, Debug)]
pub struct RenderArgs {
    /// What was typed
    #[command(flatten)]
    pub given: Given,
    /// Recording to play over: WAV, AIFF, CAF, FLAC, Ogg Vorbis, MP3 or M4A, mono or stereo, 8 to 384 kHz; - is standard input. Or a
    /// MIDI file, which a model of notes answers
    #[arg(value_name = "IN")]
    pub input: PathBuf,
    /// WAV or FLAC file to write, at the rate of IN; - is standard output, as WAV. Of a MIDI file another MIDI file
    #[arg(value_name = "OUT")]
    pub output: PathBuf,
    /// What to do with files that are there
    #[command(flatten)]
    pub overwrite: Overwrite,
    /// What plays
    #[command(flatten)]
    pub instrument: InstrumentArgs,
    /// Of a MIDI file as IN: store the code of a segment of another one, from a measure of sixteen steps on, as aria.mid@5; up to eight,
    /// between which --set base=stored goes by morph or journey
    #[arg(long, value_name = "FILE@MEASURE", value_parser = Place::parse)]
    pub store: Vec<Place>,
    /// JSON file of parameter changes: {"mix": [[seconds, value], ...], ...}, joined by lines
    #[arg(long, value_name = "FILE")]
    pub automate: Option<PathBuf>,
    /// Recording beside IN: what is listened to where seed_source is 1
    #[arg(long, value_name = "FILE")]
    pub sidechain: Option<PathBuf>,
    /// MIDI file: its notes seed continuations where midi_trigger is on, its CC 120 and 123 silence them
    #[arg(long, value_name = "FILE")]
    pub midi: Option<PathBuf>,
    /// Bits of a sample in OUT: 16 and 24 are whole numbers, 32 floats [default: 32 for WAV, 24 for FLAC]
    #[arg(long, value_name = "N", value_parser = depth)]
    pub bits: Option<Depth>,
    /// Also writes the wet alone, as at mix=100, beside OUT: OUT-wet; takes twice as long
    #[arg(long)]
    pub stems: bool,
    /// Tells from which span of IN each continuation was seeded
    #[arg(long)]
    pub seeds: bool,
    /// Model file to write of what was learnt while it played, by the end: with --set learn=on
    #[arg(long, value_name = "FILE.safetensors")]
    pub keep_learnt: Option<PathBuf>,
    /// PNG file to draw waveform and spectrogram of IN and OUT to
    #[arg(long, value_name = "FILE")]
    pub picture: Option<PathBuf>,
    /// Samples a block; the result does not depend on it
    #[arg(long, value_name = "N", default_value_t = 512, value_parser = clap::value_parser!(u16).range(1..=8192))]
    pub block: u16,
    /// How long the continuation goes on after the end of IN
    #[arg(long, value_name = "S", default_value = "10", value_parser = seconds)]
    pub seconds_after: f64,
    /// Song position at which IN begins
    #[arg(long, value_name = "S", default_value = "0", value_parser = seconds)]
    pub start: f64,
    /// Where a continuation sits in time
    #[arg(long, value_enum, default_value_t = AlignmentArg::After)]
    pub alignment: AlignmentArg,
    /// What the clock follows
    #[arg(long, value_enum, default_value_t = ClockArg::Transport)]
    pub clock: ClockArg,
}

/// [`Alignment`] on the command line.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum AlignmentArg {
    /// Begins one reaction time after the trigger
    After,
    /// Sits at its own time; what lies before its start is skipped
    Now,
}

/// [`ClockMode`] on the command line.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClockArg {
    /// The song position, from --start on
    Transport,
    /// Samples since the beginning
    Free,
}

fn seconds(text: &str) -> Result<f64, String> {
    let value = text.parse::<f64>().ok().filter(|value| (0.0..=MAX_SECONDS).contains(value));
    value.ok_or_else(|| format!("expected 0 to {MAX_SECONDS} s"))
}

fn depth(text: &str) -> Result<Depth, String> {
    match text {
        "16" => Ok(Depth::Int16),
        "24" => Ok(Depth::Int24),
        "32" => Ok(Depth::Float32),
        _ => Err("expected 16, 24 or 32".into()),
    }
}

/// All files that are read.
fn inputs(args: &RenderArgs) -> Vec<(&'static str, &Path)> {
    fn named<'a>(what: &'static str, path: &'a Option<PathBuf>) -> Option<(&'static str, &'a Path)> {
        path.as_deref().map(|path| (what, path))
    }
    let mut inputs = vec![("the input", args.input.as_path())];
    inputs.extend(
        [
            named("the sidechain", &args.sidechain),
            named("the notes", &args.midi),
            named("the automation", &args.automate),
            named("the seed", &args.instrument.seed_file),
        ]
        .into_iter()
        .flatten(),
    );
    inputs.extend(args.instrument.model.iter().map(|model| ("the model", Path::new(model))));
    inputs
}

/// The place of the wet alone.
fn stem(output: &Path) -> PathBuf {
    let part = |part: Option<&OsStr>| part.unwrap_or_default().to_os_string();
    let mut name = part(output.file_stem());
    name.push("-wet.");
    name.push(part(output.extension()));
    output.with_file_name(name)
}

/// Runs the command.
///
/// # Errors
/// If a file or an option is invalid; no output is written then.
pub fn run(args: &RenderArgs) -> Result<(), CliError> {
    let ending = args.input.extension().map(|ending| ending.to_ascii_lowercase());
    if ending.is_some_and(|ending| MIDI_ENDINGS.iter().any(|midi| ending == *midi)) {
        return notes::run(args);
    }
    args.given.refuse(&[("store", "--store")], "a MIDI file as IN", &args.input.display().to_string())?;
    let wet = args.stems.then(|| stem(&args.output));
    let mut written = vec![("the output", args.output.as_path())];
    written.extend(wet.iter().map(|wet| ("the wet", wet.as_path())));
    written.extend(args.picture.iter().map(|picture| ("the picture", picture.as_path())));
    written.extend(args.keep_learnt.iter().map(|model| ("what was learnt", model.as_path())));
    refuse_same_places(&inputs(args), &written)?;
    if wet.is_some() && is_pipe(&args.output) {
        let (expected, actual) = ("a file as OUT, beside which the wet is written".into(), "standard output".into());
        return Err(CliError::Option { option: "--stems", expected, actual });
    }
    for output in [Some(&args.output), wet.as_ref()].into_iter().flatten() {
        args.overwrite.check_sound(output, &SOUND_ENDINGS)?;
    }
    let depth = depth_of(&args.output, args.bits)?;
    if let Some(picture) = &args.picture {
        args.overwrite.check(picture, "png")?;
    }
    if let Some(model) = &args.keep_learnt {
        args.overwrite.check(model, "safetensors")?;
    }
    let mut config = EngineConfig {
        reaction_ms: args.instrument.reaction,
        learn_timing: args.instrument.learn_timing(),
        alignment: match args.alignment {
            AlignmentArg::After => Alignment::After,
            AlignmentArg::Now => Alignment::Now,
        },
        clock: match args.clock {
            ClockArg::Transport => ClockMode::Transport,
            ClockArg::Free => ClockMode::Free,
        },
        ..EngineConfig::new(MIN_RATE_HZ)
    };
    let Instrument { values, registry, captured } = args.instrument.make()?;
    config.values = values;
    let recording = args.instrument.strict.read_long(&args.input)?;
    config.sample_rate_hz = checked_rate(&args.input, recording.sample_rate_hz)?;
    let automation = match &args.automate {
        Some(path) => read_automation(path, config.sample_rate_hz, at_tempo(args.instrument.tempo))?,
        None => Automation::default(),
    };
    load_all(&registry, &config.values, &automation)?;
    if args.keep_learnt.is_some() && !is_set(&config.values, &automation, ParamId::Learn) {
        return Err(nothing_kept("learn off".into()));
    }
    let midi = match &args.midi {
        Some(path) => read_notes(path, config.sample_rate_hz)?,
        None => MidiFile::default(),
    };
    args.instrument.strict.warn(&midi.warnings)?;
    let sidechain = match &args.sidechain {
        Some(path) => Some(beside(args.instrument.strict.read_long(path)?, config.sample_rate_hz)?),
        None => None,
    };
    let rate = f64::from(config.sample_rate_hz);
    let length = recording.length_samples() + (args.seconds_after * rate).round() as usize;
    check_length(&args.output, recording.sound.channels(), length, depth)?;
    if let Some(path) = &args.midi {
        let remarks = remarks(&midi, &config.values, &automation, config.sample_rate_hz, length as u64);
        remarks.iter().for_each(|line| remark!("note: {}: {line}", path.display()));
    }
    let song = Song { start_samples: (args.start * rate).round() as i64, beats_per_minute: args.instrument.tempo };
    let label_slot = config.values.get(ParamId::Model) as u8;
    let job = Job {
        song,
        block_samples: usize::from(args.block),
        length_samples: length,
        sidechain: sidechain.as_ref().map(|sound| sound as &dyn Samples),
        automation: Some(&automation),
        notes: &midi.orders,
        captured,
        keeps_learnt: args.keep_learnt.is_some(),
        ..Job::of(&recording.sound)
    };
    for line in unheard(args, &config.values, &automation, length as u64, rate) {
        remark!("warning: {}", one_line(&line));
    }
    // The picture looks at it again, and OUT may not be a file.
    let mut shown = if args.picture.is_some() { Some(SpoolWriter::new(1).map_err(CliError::Temporary)?) } else { None };
    let show =
        |block: &[&[f32]]| shown.as_mut().map_or(Ok(()), |shown| shown.write(&block[..1]).map_err(CliError::Temporary));
    let (outcome, compute_seconds) = render_file(&args.output, depth, &registry, &config, &job, show)?;
    if let Some(path) = &wet {
        let mut alone = config.clone();
        alone.values.set(ParamId::Mix, 100.0);
        let automation = automation.without(ParamId::Mix);
        let job = Job { automation: Some(&automation), keeps_learnt: false, ..job };
        render_file(path, depth, &registry, &alone, &job, |_| Ok(()))?;
        say!("{}: the wet alone", path.display());
    }
    if let (Some(picture), Some(shown)) = (&args.picture, shown) {
        let output = shown.finish().map_err(CliError::Temporary)?;
        fn titled<'a>(path: &Path, samples: &'a Spool) -> Sound<'a> {
            Sound { title: path.display().to_string(), samples }
        }
        let sounds = [titled(&args.input, &recording.sound), titled(&args.output, &output)];
        let (sample_rate_hz, mark) = (config.sample_rate_hz, None);
        let seconds = |samples: i64| samples as f64 / rate;
        let seed =
            |mark: &SeedMark| Seed { start: seconds(mark.start), end: seconds(mark.end), heard: seconds(mark.begins) };
        let seeds: Vec<Seed> = outcome.seeds.iter().map(seed).collect();
        write_picture(picture, &SoundFigure { sample_rate_hz, sounds: &sounds, mark, seeds: &seeds, envelope: false })?;
        say!("{}: waveform and spectrogram of both", picture.display());
    }
    say!(
        "{}: {}",
        args.output.display(),
        summary(&registry.label(label_slot), &outcome, config.sample_rate_hz, compute_seconds)
    );
    if let Some(path) = &args.keep_learnt {
        write_learnt(path, args, &outcome)?;
    }
    if args.seeds {
        let seconds = |samples: i64| samples as f64 / rate;
        for SeedMark { begins, start, end } in outcome.seeds.iter().copied() {
            say!("seed: {:.3} s to {:.3} s, heard from {:.3} s on", seconds(start), seconds(end), seconds(begins));
        }
    }
    Ok(())
}

fn nothing_kept(actual: String) -> CliError {
    CliError::Option {
        option: "--keep-learnt",
        expected:
            "something that was learnt by the end: --set learn=on, a model that listens, and two seconds of playing"
                .into(),
        actual,
    }
}

/// Whether a switch is on, or goes on.
fn is_set(values: &ParamValues, automation: &Automation, id: ParamId) -> bool {
    values.get(id) >= 0.5 || automation.values().any(|(moved, value)| moved == id && value >= 0.5)
}

/// Makes a model file of what was learnt while it played.
fn write_learnt(path: &Path, args: &RenderArgs, outcome: &RenderOutcome) -> Result<(), CliError> {
    let kept = outcome.learning.take_kept().ok_or_else(|| nothing_kept("nothing".into()))?;
    let embedded = EMBEDDED.iter().find(|model| model.slot == kept.slot).map(|model| model.name);
    let base = read_model(embedded.or(args.instrument.model.as_deref()).unwrap_or_default())?;
    let name = |path: Option<&OsStr>| one_line(&path.unwrap_or_default().to_string_lossy());
    let card = Card {
        name: name(path.file_stem()),
        take: name(args.input.file_name()),
        licence: "not stated".into(),
        ..Card::default()
    };
    let other = || nothing_kept(format!("what another model than {} has learnt", base.config().name));
    let data = card.kept_model(&base, &kept).ok_or_else(other)?;
    replace_file(path, |part| fs::write(part, data.to_exact_bytes()))?;
    say!("{}: {} that has learnt while it played", one_line(&path.display().to_string()), base.config().name);
    Ok(())
}

/// What was asked for and does nothing, a line each.
fn unheard(args: &RenderArgs, values: &ParamValues, automation: &Automation, length: u64, rate: f64) -> Vec<String> {
    let mut lines = Vec::new();
    let sidechain = SeedSource::Sidechain.value();
    let source = |(id, value): (ParamId, f32)| id == ParamId::SeedSource && value == sidechain;
    let listens = values.get(ParamId::SeedSource) == sidechain || automation.values().any(source);
    match (&args.sidechain, listens) {
        (Some(path), false) => lines
            .push(format!("--sidechain {}: nobody listens to it; --set seed_source=sidechain does", path.display())),
        (None, true) => lines.push("seed_source is sidechain, and there is none: --sidechain FILE gives one".into()),
        _ => {}
    }
    for (id, count, first) in automation.after(length) {
        let points = if count == 1 { "1 point lies".into() } else { format!("{count} points lie") };
        lines.push(format!(
            "{}: {}: {points} after the end at {:.2} s, the first at {:.2} s",
            args.automate.as_deref().unwrap_or(Path::new("--automate")).display(),
            id.spec().key,
            length as f64 / rate,
            first as f64 / rate
        ));
    }
    lines
}

/// Renders into a file with a progress bar, and says by how much samples exceed full scale. `show` gets each block as well.
/// Returns the outcome and the seconds it took.
///
/// # Errors
/// Those of the rendering, of the file and of `show`; nothing is left behind.
fn render_file(
    path: &Path,
    depth: Depth,
    registry: &Arc<ModelRegistry>,
    config: &EngineConfig,
    job: &Job<'_>,
    mut show: impl FnMut(&[&[f32]]) -> Result<(), CliError>,
) -> Result<(RenderOutcome, f64), CliError> {
    let mut file = SoundFile::create(path, config.sample_rate_hz, job.input.channels(), depth)?;
    let mut progress = Progress::new(job.length_samples);
    let mut done = 0;
    let outcome = render_offline(Arc::clone(registry), config.clone(), job, |block| {
        file.write(block)?;
        show(block)?;
        done += block.first().map_or(0, |channel| channel.len());
        progress.update(done);
        Ok(())
    })?;
    let peak = file.finish()?;
    if peak > 1.0 {
        let fate = if depth == Depth::Float32 { "kept, as floats hold them" } else { "clipped" };
        remark!(
            "warning: {}: samples exceed full scale by up to {:.1} dB, and are {fate}; lower wet_gain or the input",
            one_line(&path.display().to_string()),
            gain_to_db(peak)
        );
    }
    Ok((outcome, progress.elapsed().as_secs_f64()))
}

/// What a MIDI file does otherwise than its notes make expect.
fn remarks(
    midi: &MidiFile,
    values: &ParamValues,
    automation: &Automation,
    sample_rate_hz: u32,
    length: u64,
) -> Vec<String> {
    let mut remarks = Vec::new();
    let seconds = |sample: u64| sample as f64 / f64::from(sample_rate_hz);
    let is_note = |order: &&TimedOrder| matches!(order.order, MidiOrder::Note { .. });
    if midi.patterns > 0 {
        remarks.push(format!("its {} patterns (format 2) are played one after the other", midi.patterns));
    }
    let Some(last) = midi.orders.iter().rfind(is_note) else {
        remarks.push("there is no note in it".into());
        return remarks;
    };
    if !is_set(values, automation, ParamId::MidiTrigger) {
        remarks.push("its notes do nothing while midi_trigger is off: add --set midi_trigger=on".into());
        return remarks;
    }
    if last.sample >= length {
        let first =
            midi.orders.iter().filter(is_note).find(|order| order.sample >= length).map_or(0, |first| first.sample);
        let (first, end) = (seconds(first), seconds(length));
        remarks.push(format!("its notes from {first:.2} s on are not played: the sound ends at {end:.2} s"));
    }
    // At the first sample the start of the song undoes it.
    let stop = midi.orders.iter().find(|order| order.order == MidiOrder::Stop && order.sample > 0);
    if let Some(stop) = stop.filter(|stop| stop.sample < last.sample && stop.sample < length)
        && !automation.values().any(|(id, _)| id == ParamId::Stop)
    {
        remarks.push(format!(
            "it silences all from {:.2} s on (CC 120 or 123): notes after that do nothing",
            seconds(stop.sample)
        ));
    }
    remarks
}

/// One line that tells what happened.
pub fn summary(model: &str, outcome: &RenderOutcome, sample_rate_hz: u32, compute_seconds: f64) -> String {
    let seconds = outcome.length_samples as f64 / f64::from(sample_rate_hz);
    let meters = &outcome.meters;
    let counted = |count: u64, what: &str| match count {
        1 => format!("1 {what}"),
        count => format!("{count} {what}s"),
    };
    let mut line = format!(
        "{seconds:.2} s of {model}, {}, {}, {:.0} x real time",
        counted(meters.continuations(), "continuation"),
        counted(meters.underruns(), "underrun"),
        seconds / compute_seconds.max(1e-6)
    );
    if meters.wet_failures() > 0 {
        line += &format!(", {} (the model produced NaN or infinity)", counted(meters.wet_failures(), "wet failure"));
    }
    if meters.seed_clipped_ms() > 0 {
        line += &format!(", last seed shortened by {} ms to keep its warm-up below 2 s", meters.seed_clipped_ms());
    }
    if meters.feedbacks() > 0 {
        line += &format!(", {} (the input contained the wet)", counted(meters.feedbacks(), "feedback"));
    }
    if meters.loops() > 0 {
        line += &format!(", {}", counted(meters.loops(), "loop"));
    } else if meters.continuations() == 0 {
        line += "; nothing asked for a continuation, or no seed was above the gate";
    }
    let learning = &outcome.learning;
    if let Some([base, learnt]) = learning.losses() {
        let loss = format!("loss {base:.3} before, {learnt:.3} learnt ({:+.3})", learnt - base);
        line += &format!("; {}, {loss}", counted(learning.updates(), "update"));
        if learning.rolled_back() > 0 {
            line += &format!(", {} taken back", learning.rolled_back());
        }
    } else if learning.state() == LearnState::DoesNotLearn {
        line += "; this model does not listen, so it does not learn";
    }
    line
}

/// A recording at the rate of what it is beside.
///
/// # Errors
/// [`CliError::Temporary`].
fn beside(recording: LongRecording, sample_rate_hz: u32) -> Result<Spool, CliError> {
    if recording.sample_rate_hz == sample_rate_hz {
        return Ok(recording.sound);
    }
    let resampler = Resampler::new(recording.sample_rate_hz, sample_rate_hz);
    recording.sound.resampled(&resampler).map_err(CliError::Temporary)
}
