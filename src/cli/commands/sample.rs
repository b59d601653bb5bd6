//! `sympathy sample`: the raw prediction of a model.

mod notes;

use crate::{
    approach::{Colour, Generator, Network, feed_seed},
    audio_file::{Depth, is_pipe},
    cli::{
        automation::Assignment,
        error::CliError,
        given::Given,
        interrupt::Interrupt,
        midi_place::{Place, TEMPI},
        models_at_hand::{AnyModel, read_any_model},
        noise_seed::NoiseSeed,
        output::{Overwrite, check_length, refuse_same_places, write_wav},
        picture::write_picture,
        playing::PlayingArgs,
        progress::Progress,
        recordings::Strict,
        speed::{PrecisionArg, load_network},
        terminal::say,
    },
    control::ParamValues,
    control::{ParamId, text},
    dsp::{
        float_mode::FloatMode,
        level::{equal_power, gain_to_db},
        measure::Liveliness,
        random::mix64,
        resample::Resampler,
    },
    figure::{Mark, Sound, SoundFigure},
    model::ModelData,
};
use clap::{Args, ValueEnum};
use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

/// The level of noise for a model that does not know its material's.
const USUAL_LEVEL: f32 = 0.1;
/// Voices that follow each other are faded in and out over this time.
const FADE_SECONDS: f64 = 0.01;
/// The outermost voices stand here, between the middle (0) and a side (1).
const WIDEST: f32 = 0.8;
/// So many samples are looked at to tell whether a prediction still moves, as in figure 19 of the study of RNN and LSTM.
const STILL_SAMPLES: usize = 1000;
/// Below −100 dBFS nothing does.
const STILL_DEVIATION: f64 = 1e-5;
/// A file that nobody named.
const USUAL_SOUND: &str = "sample.wav";
/// The options that models of notes do not have: fields and what is typed.
const SOUND_OPTIONS: [(&str, &str); 13] = [
    ("seed_file", "--seed-file"),
    ("strict", "--strict"),
    ("seed_seconds", "--seed-seconds"),
    ("seconds", "--seconds"),
    ("dropout", "--dropout"),
    ("input_keep", "--input-keep"),
    ("output_keep", "--output-keep"),
    ("fresh_dropout", "--fresh-dropout"),
    ("peaks", "--peaks"),
    ("assignments", "--set"),
    ("voices", "--voices"),
    ("order", "--order"),
    ("rate", "--rate"),
];
/// What can be seen of a sound within the width of a picture.
const MAX_PLOT_SECONDS: f64 = 600.0;

/// Options of `sympathy sample`.
#[derive(Args, Clone, Debug)]
#[command(allow_negative_numbers = true)]
pub struct SampleArgs {
    /// What was typed
    #[command(flatten)]
    pub given: Given,
    /// Embedded model by name, or a model file
    #[arg(value_name = "MODEL")]
    pub model: String,
    /// Recording to take the seed from
    #[arg(long, value_name = "FILE")]
    pub seed_file: Option<PathBuf>,
    /// What to do with a recording that is not whole
    #[command(flatten)]
    pub strict: Strict,
    /// Where in the recording the seed begins, in seconds [default: 0]. For a model of notes: the columns it hears first, a character for
    /// every key from ! (A0) over H (middle C) to x (C8), a blank between columns
    #[arg(long, value_name = "S|COLUMNS")]
    pub start: Option<String>,
    /// Seed without a recording: white, perlin (noise) or silence. For a model of notes: silence [its default], or a MIDI
    /// file and the measure at which the seed begins, as song.mid@9
    #[arg(long, value_name = "SEED", default_value = "perlin", value_parser = SeedArg::parse, conflicts_with = "seed_file")]
    pub seed: SeedArg,
    /// Length of the seed
    #[arg(long, value_name = "S", default_value = "2", value_parser = |text: &str| number(text, 0.0, 600.0))]
    pub seed_seconds: f64,
    /// Length of the prediction
    #[arg(long, value_name = "S", default_value = "10", value_parser = |text: &str| number(text, 0.01, 3600.0))]
    pub seconds: f64,
    /// Temperature, as a multiple of the model's own; with a model of notes that of --toss
    #[arg(long, value_name = "X", default_value = "1", value_parser = |text: &str| number(text, 0.0, 10.0))]
    pub temperature: f64,
    /// Dropout while sampling: part of the inputs and outputs of every layer that is silenced, as the parameter of `render`
    #[arg(long, value_name = "PERCENT", value_parser = percent, conflicts_with_all = ["input_keep", "output_keep"])]
    pub dropout: Option<f32>,
    /// Probability with which an input of a layer is kept
    #[arg(long, value_name = "KEEP", default_value = "1", value_parser = |text: &str| number(text, 0.05, 1.0))]
    pub input_keep: f64,
    /// Probability with which an output of a layer is kept
    #[arg(long, value_name = "KEEP", default_value = "1", value_parser = |text: &str| number(text, 0.05, 1.0))]
    pub output_keep: f64,
    /// Drop out other units at every step, as a network does that was left in training; keeps one moving that would settle
    #[arg(long)]
    pub fresh_dropout: bool,
    /// Sound only the peaks of spectra, or all bins [default: the model's]
    #[arg(long, value_enum)]
    pub peaks: Option<Switch>,
    /// Sets a parameter of Listening or Colour, as `render` does; may be given many times
    #[arg(long = "set", value_name = "PARAM=VALUE")]
    pub assignments: Vec<Assignment>,
    /// How the model's weights are stored; another precision, other bits
    #[arg(long, value_enum, default_value_t = PrecisionArg::Auto)]
    pub precision: PrecisionArg,
    /// Random seed: another number, another prediction
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub random_seed: u64,
    /// Predictions of the same seed, each with a random seed of its own
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=16))]
    pub voices: u8,
    /// How several voices are heard
    #[arg(long, value_enum, default_value_t = Order::Sequential)]
    pub order: Order,
    /// Let the seed be heard first
    #[arg(long)]
    pub include_seed: bool,
    /// Rate of the output [default: the model's]
    #[arg(long, value_name = "HZ", value_parser = clap::value_parser!(u32).range(4_000..=384_000))]
    pub rate: Option<u32>,
    /// WAV file to write, 32-bit float; - is standard output. With a model of notes a MIDI file [default: sample.wav or sample.mid]
    #[arg(long, short, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// What to do with files that are there
    #[command(flatten)]
    pub overwrite: Overwrite,
    /// Draw seed and prediction (waveform, envelope, spectrogram; or the rolls) beside the file, as PNG
    #[arg(long)]
    pub plot: bool,
    /// Length of the prediction, in steps
    #[arg(long, value_name = "N", default_value_t = 512, value_parser = clap::value_parser!(u32).range(1..=65_536), help_heading = HEADING)]
    pub steps: u32,
    /// Length of the seed from a MIDI file, in measures of 16 steps
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=1024), help_heading = HEADING)]
    pub seed_measures: u32,
    /// Tempo of the MIDI file, in quarter notes a minute [default: that of the file it begins with, else 120]
    #[arg(long, value_name = "N", value_parser = |text: &str| number(text, TEMPI[0], TEMPI[1]), help_heading = HEADING)]
    pub bpm: Option<f64>,
    /// Play this code: numbers from -1 to 1 with commas between them, random, or the mean of the codes of --data
    #[arg(long, value_name = "LIST|mean|random", value_parser = CodeArg::parse, allow_hyphen_values = true, conflicts_with_all = ["reconstruct", "from"], help_heading = CODE_HEADING)]
    pub code: Option<CodeArg>,
    /// Data set of `sympathy roll`, for the mean of the codes of its pieces for training
    #[arg(long, value_name = "FILE.roll", requires = "code", help_heading = CODE_HEADING)]
    pub data: Option<PathBuf>,
    /// Encode a segment of a MIDI file, from a measure on, and play what comes back, as piece.mid@5
    #[arg(long, value_name = "FILE@MEASURE", value_parser = Place::parse, conflicts_with = "from", help_heading = CODE_HEADING)]
    pub reconstruct: Option<Place>,
    /// Play codes on the way from this segment of a MIDI file …
    #[arg(long, value_name = "FILE@MEASURE", value_parser = Place::parse, requires = "to", help_heading = CODE_HEADING)]
    pub from: Option<Place>,
    /// … to this one
    #[arg(long, value_name = "FILE@MEASURE", value_parser = Place::parse, requires = "from", help_heading = CODE_HEADING)]
    pub to: Option<Place>,
    /// How many codes, both ends among them, one after the other
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u16).range(2..=256), requires = "from", help_heading = CODE_HEADING)]
    pub points: u16,
    /// How a model of notes plays
    #[command(flatten)]
    pub playing: PlayingArgs,
}

/// Above the options that only models of notes have.
const HEADING: &str = "Models of notes";
/// Above those that only autoencoders have.
const CODE_HEADING: &str = "Autoencoders of notes";

/// What a model hears first, without a recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SeedArg {
    /// Sound of the program's own making.
    Noise(NoiseSeed),
    /// A part of a MIDI file.
    Notes(Place),
}

impl SeedArg {
    fn parse(text: &str) -> Result<Self, String> {
        if let Ok(noise) = NoiseSeed::from_str(text, false) {
            return Ok(Self::Noise(noise));
        }
        let place = Place::of(text)?.ok_or("expected white, perlin, silence, or a MIDI file, as song.mid@9")?;
        Ok(Self::Notes(place))
    }
}

/// Where a code is from that no MIDI file has.
#[derive(Clone, Debug, PartialEq)]
pub enum CodeArg {
    /// Typed.
    Numbers(Vec<f32>),
    /// Drawn with the random seed.
    Random,
    /// The mean of the codes of a data set.
    Mean,
}

impl CodeArg {
    fn parse(text: &str) -> Result<Self, String> {
        match text {
            "random" => Ok(Self::Random),
            "mean" => Ok(Self::Mean),
            _ => {
                let number = |text: &str| text.trim().parse().ok().filter(|x: &f32| x.abs() <= 1.0);
                let numbers = text.split(',').map(number).collect::<Option<_>>().map(Self::Numbers);
                numbers.ok_or_else(|| "expected random, mean, or numbers from -1 to 1, as 0.5,-0.25".into())
            }
        }
    }
}

/// On or off.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Switch {
    /// The peaks alone
    On,
    /// All bins
    Off,
}

/// How several voices become one sound.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// One after the other
    Sequential,
    /// At once, from left to right
    Together,
}

fn number(text: &str, least: f64, most: f64) -> Result<f64, String> {
    let value = text.parse::<f64>().ok().filter(|value| (least..=most).contains(value));
    value.ok_or_else(|| format!("expected {least} to {most}"))
}

fn percent(text: &str) -> Result<f32, String> {
    let spec = ParamId::Dropout.spec();
    text::value(spec, text).map_err(|_| format!("expected {} to {} %", spec.min, spec.max))
}

/// Runs the command.
///
/// # Errors
/// If the model, the seed or the output is invalid; nothing is written then.
pub fn run(args: &SampleArgs) -> Result<(), CliError> {
    match read_any_model(&args.model)? {
        AnyModel::Sound(data) => run_sound(args, data),
        AnyModel::Notes(model) => notes::run(args, &model),
    }
}

fn run_sound(args: &SampleArgs, data: ModelData) -> Result<(), CliError> {
    let others = [("steps", "--steps"), ("seed_measures", "--seed-measures"), ("bpm", "--bpm")];
    args.given.refuse(&others, "a model of notes", &args.model)?;
    args.given.refuse(&notes::CODE_OPTIONS, "a model of notes", &args.model)?;
    args.given.refuse(&PlayingArgs::OPTIONS, "a model of notes", &args.model)?;
    let out = args.out.as_deref().unwrap_or(Path::new(USUAL_SOUND));
    let seed_file: Vec<(&str, &Path)> = args.seed_file.iter().map(|path| ("the seed", path.as_path())).collect();
    refuse_same_places(&seed_file, &[("the output", out)])?;
    args.overwrite.check_sound(out, &["wav"])?;
    let picture = out.with_extension("png");
    if args.plot && is_pipe(out) {
        let (expected, actual) = ("a file as --out, beside which it is drawn".into(), "standard output".into());
        return Err(CliError::Option { option: "--plot", expected, actual });
    }
    if args.plot {
        args.overwrite.check(&picture, "png")?;
    }
    let data = with_peaks(args, data)?;
    let config = data.config().clone();
    let model_hz = config.sample_rate_hz;
    let rate_hz = args.rate.unwrap_or(model_hz);
    let heard_once = (args.seconds + if args.include_seed { args.seed_seconds } else { 0.0 }) * f64::from(rate_hz);
    check_length(out, 2, heard_once as usize * usize::from(args.voices), Depth::Float32)?;
    let (seed, seed_title) = seed(args, &data)?;
    let colour = colour(&args.assignments)?;

    let interrupt = Interrupt::watch();
    let _mode = FloatMode::enter();
    let network = load_network(&data, args.precision);
    let length = (args.seconds * f64::from(model_hz)).round() as usize;
    let mut progress = Progress::new(length * usize::from(args.voices));
    let mut voices = Vec::new();
    for voice in 0..usize::from(args.voices) {
        voices.push(predict(args, &network, &seed, (voice, colour), length, &mut progress, &interrupt)?);
    }
    let compute_seconds = progress.elapsed().as_secs_f64();
    drop(progress);

    let mut channels = arrange(&voices, args.order, model_hz);
    if args.include_seed {
        // As loud as a voice in the middle.
        let gain = if channels.len() == 2 { equal_power(0.5).0 } else { 1.0 };
        for channel in &mut channels {
            channel.splice(0..0, seed.iter().map(|x| gain * x));
        }
    }
    let resampler = Resampler::new(model_hz, rate_hz);
    let resampled: Vec<Vec<f32>> = channels.iter().map(|channel| resampler.resample_all(channel)).collect();
    if args.plot {
        plot(&picture, model_hz, (&seed, &seed_title), &voices)?;
    }
    // A picture without its sound would be half a result.
    write_wav(out, rate_hz, &resampled).inspect_err(|_| {
        if args.plot {
            drop(fs::remove_file(&picture))
        }
    })?;
    say!("{}: {}", out.display(), summary(&config.name, &config.material, &voices, model_hz, compute_seconds));
    for (index, voice) in voices.iter().enumerate().filter(|(_, voice)| ends_as_constant(voice)) {
        let spread = deviation(&voice[voice.len() - STILL_SAMPLES..]);
        say!(
            "voice {}: its last {STILL_SAMPLES} samples are a constant (standard deviation {spread:.1e}); a mixture head, \
             more training or --fresh-dropout with a model trained with dropout keep one moving",
            index + 1
        );
    }
    if args.plot {
        say!("{}: waveform, envelope and spectrogram of seed and prediction", picture.display());
    }
    Ok(())
}

/// What the assignments say of how it is predicted.
///
/// # Errors
/// If a parameter is unknown, is none of those, or cannot have its value.
pub fn colour(assignments: &[Assignment]) -> Result<Colour, CliError> {
    let mut values = ParamValues::default();
    for assignment in assignments {
        let (id, value) = assignment.resolve("--set")?;
        if !Colour::PARAMETERS.contains(&id) {
            return Err(CliError::Option {
                option: "--set",
                expected: format!("one of {}", Colour::PARAMETERS.map(|id| id.spec().key).join(", ")),
                actual: format!("{}, which acts in `render` and in the plugin", id.spec().key),
            });
        }
        values.set(id, value);
    }
    Ok(Colour::of(&values))
}

fn with_peaks(args: &SampleArgs, data: ModelData) -> Result<ModelData, CliError> {
    let Some(peaks) = args.peaks else { return Ok(data) };
    data.with_peak_picking(peaks == Switch::On).ok_or_else(|| CliError::Option {
        option: "--peaks",
        expected: "a model of magnitudes".into(),
        actual: format!("{} of another approach", args.model),
    })
}

/// The seed at the model's rate, and what it is.
fn seed(args: &SampleArgs, data: &ModelData) -> Result<(Vec<f32>, String), CliError> {
    let wrong = |option: &'static str, expected: &str, actual: String| CliError::Option {
        option,
        expected: expected.into(),
        actual,
    };
    let config = data.config();
    let Some(path) = &args.seed_file else {
        let SeedArg::Noise(noise) = args.seed else {
            return Err(wrong("--seed", "white, perlin or silence", "a MIDI file, for models of notes".into()));
        };
        if let Some(start) = &args.start {
            return Err(wrong("--start", "a --seed-file, in which it is a place", format!("{start} and no file")));
        }
        let level = if config.material.rms > 0.0 { config.material.rms } else { USUAL_LEVEL };
        let length = (args.seed_seconds * f64::from(config.sample_rate_hz)).round() as usize;
        let sound = noise.sound(length, config.sample_rate_hz, level, args.random_seed);
        return Ok((sound, format!("seed: {noise:?}").to_lowercase()));
    };
    let start = args.start.as_deref().unwrap_or("0");
    let start = number(start, 0.0, 86_400.0).map_err(|_| wrong("--start", "0 to 86400 s", format!("{start:?}")))?;
    let recording = args.strict.read(path)?;
    let rate = f64::from(recording.sample_rate_hz);
    let mono = recording.mono();
    let place = |seconds: f64| ((seconds * rate).round() as usize).min(mono.len());
    let part = &mono[place(start)..place(start + args.seed_seconds)];
    if part.is_empty() && args.seed_seconds > 0.0 {
        return Err(CliError::Unsuitable {
            path: path.clone(),
            what: "length",
            expected: format!("more than {start} s, where the seed begins"),
            actual: format!("{:.3} s", mono.len() as f64 / rate),
        });
    }
    let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
    let title = format!("seed: {} from {start} s", crate::cli::one_line(&name));
    Ok((Resampler::new(recording.sample_rate_hz, config.sample_rate_hz).resample_all(part), title))
}

/// One voice, `[sample]` at the model's rate.
fn predict(
    args: &SampleArgs,
    network: &Arc<Network>,
    seed: &[f32],
    (voice, colour): (usize, Colour),
    length: usize,
    progress: &mut Progress,
    interrupt: &Interrupt,
) -> Result<Vec<f32>, CliError> {
    let config = network.config();
    let mut continuation = Generator::new(Arc::clone(network));
    let keep = |keep: f64| args.dropout.map_or(keep as f32, |silenced| 1.0 - 0.01 * silenced);
    continuation.set_dropout(keep(args.input_keep), keep(args.output_keep));
    continuation.set_fresh_dropout(args.fresh_dropout);
    // The first voice has the number that was asked for.
    let own = if voice == 0 { 0 } else { mix64(voice as u64) };
    continuation.reset(args.random_seed ^ own);
    continuation.set_colour(colour);
    let hop = continuation.hop_samples();
    feed_seed(&mut continuation, seed);
    let mut sound = vec![0.0; length.next_multiple_of(hop)];
    for (index, out) in sound.chunks_exact_mut(hop).enumerate() {
        if interrupt.is_pressed() {
            return Err(CliError::Left);
        }
        continuation.predict(args.temperature as f32, out);
        if continuation.has_failed() {
            let seconds = (index * hop) as f64 / f64::from(config.sample_rate_hz);
            return Err(CliError::NotFinite { model: config.name.clone(), voice: voice + 1, seconds });
        }
        progress.update(voice * length + (index * hop).min(length));
    }
    sound.truncate(length);
    Ok(sound)
}

/// Voices as one sound, `[channel][sample]`: stereo only where several sound at once.
fn arrange(voices: &[Vec<f32>], order: Order, sample_rate_hz: u32) -> Vec<Vec<f32>> {
    let [first, ..] = voices else { return vec![Vec::new()] };
    match (voices.len(), order) {
        (1, _) => vec![first.clone()],
        (_, Order::Sequential) => {
            let fade = ((FADE_SECONDS * f64::from(sample_rate_hz)) as usize).min(first.len() / 2).max(1);
            let faded = |voice: &Vec<f32>| {
                let mut voice = voice.clone();
                let length = voice.len();
                for i in 0..fade.min(length) {
                    let gain = equal_power(i as f32 / fade as f32).1;
                    voice[i] *= gain;
                    voice[length - 1 - i] *= gain;
                }
                voice
            };
            vec![voices.iter().flat_map(faded).collect()]
        }
        (count, Order::Together) => {
            let mut channels = vec![vec![0.0; first.len()]; 2];
            // Voices differ: their powers add up.
            let gain = 1.0 / (count as f32).sqrt();
            for (index, voice) in voices.iter().enumerate() {
                let side = WIDEST * (2.0 * index as f32 / (count - 1) as f32 - 1.0);
                let (left, right) = equal_power(0.5 + 0.5 * side);
                for (channel, gain) in channels.iter_mut().zip([gain * left, gain * right]) {
                    channel.iter_mut().zip(voice).for_each(|(slot, x)| *slot += gain * x);
                }
            }
            channels
        }
    }
}

/// Whether nothing moves at the end, though there may be a level.
fn ends_as_constant(voice: &[f32]) -> bool {
    voice.len() >= STILL_SAMPLES && deviation(&voice[voice.len() - STILL_SAMPLES..]) < STILL_DEVIATION
}

fn deviation(samples: &[f32]) -> f64 {
    let count = samples.len().max(1) as f64;
    let mean = samples.iter().map(|&x| f64::from(x)).sum::<f64>() / count;
    (samples.iter().map(|&x| (f64::from(x) - mean).powi(2)).sum::<f64>() / count).sqrt()
}

fn plot(
    picture: &Path,
    sample_rate_hz: u32,
    (seed, seed_title): (&[f32], &str),
    voices: &[Vec<f32>],
) -> Result<(), CliError> {
    let most = (MAX_PLOT_SECONDS * f64::from(sample_rate_hz)) as usize;
    let title = |voice: usize| match voices.len() {
        1 => "prediction".to_string(),
        count => format!("prediction {} of {count}", voice + 1),
    };
    let joined: Vec<Vec<f32>> =
        voices.iter().map(|voice| seed.iter().chain(voice).take(most).copied().collect()).collect();
    let sounds: Vec<Sound<'_>> = joined
        .iter()
        .enumerate()
        .map(|(voice, samples)| Sound { title: format!("{}, after the {seed_title}", title(voice)), samples })
        .collect();
    let mark = Mark { seconds: seed.len() as f64 / f64::from(sample_rate_hz), label: "the seed ends" };
    write_picture(
        picture,
        &SoundFigure { sample_rate_hz, sounds: &sounds, mark: Some(mark), seeds: &[], envelope: true },
    )
}

fn summary(
    model: &str,
    material: &Liveliness,
    voices: &[Vec<f32>],
    sample_rate_hz: u32,
    compute_seconds: f64,
) -> String {
    let sound = voices.concat();
    let own = Liveliness::of(&sound);
    let ratio = |own: f32, material: f32| match material > 0.0 {
        true => format!(" ({:.2} x material)", own / material),
        false => String::new(),
    };
    let level = gain_to_db(own.rms);
    let beside = match material.rms > 0.0 {
        true => format!(" ({:+.1} dB to material)", level - gain_to_db(material.rms)),
        false => String::new(),
    };
    let seconds = sound.len() as f64 / f64::from(sample_rate_hz);
    format!(
        "{seconds:.2} s of {}, flux {:.3}{}, RMS {level:.1} dB{beside}, flatness {:.5}{}, {:.1} x real time",
        crate::cli::one_line(model),
        own.flux,
        ratio(own.flux, material.flux),
        own.flatness,
        ratio(own.flatness, material.flatness),
        seconds / compute_seconds.max(1e-6)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dsp::level::rms;

    #[test]
    fn voices_follow_each_other_or_stand_side_by_side() {
        let voices: Vec<Vec<f32>> =
            (1..=4).map(|k| (0..8000).map(|i| libm::sinf((i * k) as f32 * 0.1)).collect()).collect();
        assert_eq!(arrange(&voices[..1], Order::Together, 8000), voices[..1]);
        let after = arrange(&voices, Order::Sequential, 8000);
        assert_eq!((after.len(), after[0].len()), (1, 32_000));
        // No step at the joints, and nothing changed between them.
        assert_eq!((after[0][8000], after[0][7999]), (0.0, 0.0));
        assert_eq!(after[0][8100..15_900], voices[1][100..7900]);
        let chord = arrange(&voices, Order::Together, 8000);
        assert_eq!((chord.len(), chord[0].len()), (2, 8000));
        let power = rms(&chord[0]).powi(2) + rms(&chord[1]).powi(2);
        assert!((power - rms(&voices[0]).powi(2)).abs() < 0.02, "{power}");
        assert_ne!(chord[0], chord[1]);
        assert_eq!(arrange(&[vec![], vec![]], Order::Sequential, 8000), [vec![0.0; 0]]);
    }
}
