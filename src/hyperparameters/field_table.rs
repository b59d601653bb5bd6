//! The table of all fields.

use super::{
    approach::TrainApproach,
    field::{Field, Group, Kind, Unit},
    options::{LrSchedule, Optimiser, SamplingMode},
};
use crate::{
    hyperparameters::TrainConfig,
    model::{self, Cell, Head},
    nn,
};

const fn field(
    key: &'static str,
    group: Group,
    kind: Kind,
    applies: fn(&TrainConfig) -> bool,
    meaning: &'static str,
) -> Field {
    Field { key, group, meaning, kind, applies }
}

const TEXT: Kind = Kind::Text;
const SWITCH: Kind = Kind::Switch;
const WHOLE: Kind = Kind::Whole(Unit::None);
const NUMBER: Kind = Kind::Number(Unit::None);
const PART: Kind = Kind::Number(Unit::Part);
const SECONDS: Kind = Kind::Number(Unit::Seconds);

fn always(_: &TrainConfig) -> bool {
    true
}

fn vector(config: &TrainConfig) -> bool {
    matches!(config.approach, TrainApproach::Vector { .. })
}

fn magnitude(config: &TrainConfig) -> bool {
    matches!(config.approach, TrainApproach::Magnitude { .. })
}

fn samples(config: &TrainConfig) -> bool {
    config.planned_approach().hears_samples()
}

fn segments(config: &TrainConfig) -> bool {
    config.approach.seg_len().is_some()
}

/// A frame of several numbers is predicted at once.
fn frames(config: &TrainConfig) -> bool {
    config.planned_approach().framing().predicts_frames()
}

fn rows(config: &TrainConfig) -> bool {
    config.num_unrollings > 1
}

fn components(config: &TrainConfig) -> bool {
    frames(config) && config.principal_components > 0
}

fn lstm(config: &TrainConfig) -> bool {
    config.cell == Cell::Lstm
}

fn clockwork(config: &TrainConfig) -> bool {
    config.cell == Cell::Clockwork
}

fn stacked(config: &TrainConfig) -> bool {
    config.layers > 1
}

fn mse(config: &TrainConfig) -> bool {
    config.head == Head::Mse
}

fn mixture(config: &TrainConfig) -> bool {
    !mse(config)
}

fn slides(config: &TrainConfig) -> bool {
    config.planned_approach().framing().slides()
}

fn one_sample_steps(config: &TrainConfig) -> bool {
    !frames(config) && segmented(config)
}

fn slides_in_segments(config: &TrainConfig) -> bool {
    slides(config) && segmented(config)
}

fn foreign(config: &TrainConfig) -> bool {
    slides_in_segments(config) && config.foreign_starts > 0.0
}

fn foreign_in_loop(config: &TrainConfig) -> bool {
    foreign(config) && config.loop_material
}

fn noisy(config: &TrainConfig) -> bool {
    segmented(config) && config.input_noise > 0.0
}

fn stepwise(config: &TrainConfig) -> bool {
    config.optimiser != Optimiser::Rprop
}

fn dropout(config: &TrainConfig) -> bool {
    config.use_dropout
}

fn regularised(config: &TrainConfig) -> bool {
    config.regularization
}

fn plateau(config: &TrainConfig) -> bool {
    config.lr_schedule == LrSchedule::Plateau
}

fn momentum(config: &TrainConfig) -> bool {
    matches!(config.optimiser, Optimiser::Sgd | Optimiser::Rmsprop)
}

fn adam(config: &TrainConfig) -> bool {
    config.optimiser == Optimiser::Adam
}

fn segmented(config: &TrainConfig) -> bool {
    !config.one_shot
}

fn sampled(config: &TrainConfig) -> bool {
    config.sampling.mode != SamplingMode::Off
}

fn sequential(config: &TrainConfig) -> bool {
    config.sampling.mode == SamplingMode::Sequential
}

fn concurrent(config: &TrainConfig) -> bool {
    config.sampling.mode == SamplingMode::Concurrent
}

const SCALINGS: Kind =
    Kind::Choice(&[("none", "as they are"), ("peak", "divided by the largest"), ("zscore", "mean 0 and deviation 1")]);
/// All but the first, *listening*, whose training has a configuration of its own (`ListenConfig`).
const APPROACHES: Kind = Kind::Choice(&{
    let mut names = [("", ""); model::APPROACHES.len() - 1];
    let mut index = 0;
    while index < names.len() {
        names[index] = (model::APPROACHES[index + 1].name, model::APPROACHES[index + 1].meaning);
        index += 1;
    }
    names
});
const CELLS: Kind = Kind::Choice(&{
    let mut names = [("", ""); nn::CELLS.len()];
    let mut index = 0;
    while index < names.len() {
        names[index] = (nn::CELLS[index].name, nn::CELLS[index].meaning);
        index += 1;
    }
    names
});
const HEADS: Kind = Kind::Choice(&[
    ("mse", "the output is the prediction, trained with the squared error"),
    ("mixture", "the output is a mixture of Gaussians from which the prediction is drawn: stays alive"),
]);
const OPTIMISERS: Kind = Kind::Choice(&[
    ("adam", "Adam; with weight_decay AdamW"),
    ("rmsprop", "RMSProp, with momentum"),
    ("sgd", "stochastic gradient descent, with momentum"),
    ("rprop", "resilient propagation: needs the gradient of the whole excerpt at once"),
]);
const SCHEDULES: Kind = Kind::Choice(&[
    ("constant", "the learning rate stays"),
    ("cosine", "it falls to a hundredth over the training"),
    ("plateau", "it falls when the loss has not become better for a while"),
]);
const MODES: Kind = Kind::Choice(&[
    ("off", "nothing is sampled"),
    ("sequential", "training pauses for it every few steps"),
    ("concurrent", "a few steps of sound per step of training, the weights moving under them"),
]);
const SEEDS: Kind = Kind::Choice(&[
    ("random", "anywhere in the material, drawn anew"),
    ("same", "always at the same places"),
    ("training_cursor", "where the training is"),
]);

use Group::{Approach, Material, Network, Regularisation, Sampling, Sound, Training};

/// In the order of an interview.
#[rustfmt::skip]
pub(crate) const FIELDS: &[Field] = &[
    field("name", Material, TEXT, always, "name of the model, shown to those who play it"),
    field("files", Material, Kind::Recordings, always, "recordings to learn from, heard one after the other"),
    field("validation", Material, Kind::Recordings, always, "recordings that are only tested on"),
    field("validation_split", Material, PART, always, "part of the end of every recording that is only tested on"),
    field("licence", Material, TEXT, always, "licence and attribution of the recordings, kept in the model file"),
    field("notes", Material, TEXT, always, "free text, kept in the model file"),
    field("sample_rate_hz", Material, Kind::Whole(Unit::Hertz), always, "rate at which the model hears and sounds"),
    field("trim_silence_db", Material, Kind::OptionalNumber(Unit::Decibels), always, "level below which stretches are cut out (RMS, dB full scale), or none"),
    field("normalise_rms_db", Material, Kind::OptionalNumber(Unit::Decibels), always, "level to which every file is brought (RMS, dB full scale), or none"),
    field("loop_material", Material, SWITCH, one_sample_steps, "the recordings are a loop: after their end comes their beginning, without a seam"),
    field("scaling", Material, SCALINGS, samples, "how samples are scaled before the network hears them"),

    field("approach.kind", Approach, APPROACHES, always, "how audio becomes steps of the network and steps become audio"),
    field("approach.seg_len", Approach, WHOLE, segments, "samples of a segment (a step, or what a step looks at)"),
    field("approach.overlap", Approach, WHOLE, vector, "samples that neighbouring predictions share and are cross-faded over"),
    field("emphasis", Approach, PART, slides, "pre-emphasis: the network hears each sample less this part of the one before"),
    field("approach.emphasis", Approach, PART, vector, "pre-emphasis: the network hears each sample less this part of the one before"),
    field("approach.gain", Approach, NUMBER, vector, "gain of what is predicted"),
    field("approach.window", Approach, WHOLE, magnitude, "length of the window of a spectrum in samples"),
    field("approach.hop", Approach, WHOLE, magnitude, "samples from spectrum to spectrum: short hops are faithful, long ones dreamy"),
    field("approach.zero_padding", Approach, SWITCH, magnitude, "transform twice as long as the window, for finer bins"),
    field("approach.peak_picking", Approach, SWITCH, magnitude, "sound only the peaks of a spectrum"),
    field("approach.power", Approach, NUMBER, magnitude, "power to which magnitudes are raised for the network; 0.5 lets it hear the faint ones"),
    field("approach.sharpen", Approach, Kind::OptionalNumber(Unit::None), magnitude, "power to which predicted magnitudes are raised, above 1 partials stand out; none finds it by listening after the training"),
    field("num_unrollings", Approach, WHOLE, always, "rows of the matrix that is one input, each with a state of its own"),
    field("int_cursor_inc", Approach, Kind::OptionalWhole, rows, "from the beginning of a row to that of the next, in samples (magnitude: frames); none: a step"),
    field("ext_cursor_inc", Approach, Kind::OptionalWhole, always, "from a matrix to the next, in samples (magnitude: frames); none: a step"),
    field("label_shape", Approach, Kind::OptionalShape, always, "rows and columns of a label; follows from the approach, none leaves it to it"),
    field("label_offset", Approach, Kind::OptionalWhole, always, "from the first element of a row to the first of its label; follows from the approach"),
    field("output_shape", Approach, Kind::OptionalShape, always, "rows and columns of a prediction; follows from the approach"),
    field("principal_components", Approach, WHOLE, frames, "principal components that stand for a frame; 0: the frame itself"),
    field("whitening", Approach, PART, components, "how much the small components are enlarged: 0 not at all, 1 until all are alike"),
    field("offsets", Approach, WHOLE, frames, "places within a hop at which the material is cut: more to learn from the same recording"),

    field("cell", Network, CELLS, always, "the recurrent cell"),
    field("layers", Network, WHOLE, always, "layers of cells"),
    field("hidden", Network, WHOLE, always, "units of a layer"),
    field("peepholes", Network, SWITCH, lstm, "let the gates see the cell"),
    field("forget_bias", Network, NUMBER, lstm, "bias of the forget gate at the beginning; large ones remember longer"),
    field("clock_groups", Network, WHOLE, clockwork, "groups of units with periods 1, 2, 4, …; a divisor of hidden"),
    field("use_residual", Network, SWITCH, stacked, "layers above the first learn what is added to their input"),
    field("head.kind", Network, HEADS, always, "how outputs become frames"),
    field("head.components", Network, WHOLE, mixture, "Gaussians in the mixture"),
    field("head.residual", Network, SWITCH, mixture, "the mixture is one of changes from the last frame"),
    field("tanh_output", Network, SWITCH, mse, "outputs go through tanh, so that they stay within ±1"),
    field("weight_stddev", Network, Kind::OptionalNumber(Unit::None), always, "deviation of the noise with which the dense layer begins; none: uniform, as in PyTorch"),

    field("use_dropout", Regularisation, SWITCH, always, "leave out units at random while training"),
    field("input_keep", Regularisation, PART, dropout, "probability with which an input of a layer is kept"),
    field("output_keep", Regularisation, PART, dropout, "probability with which an output of a layer is kept"),
    field("state_keep", Regularisation, PART, dropout, "probability with which a number of the state is kept from step to step"),
    field("regularization", Regularisation, SWITCH, always, "keep the weights of the recurrent layers small (L2)"),
    field("reg_amount", Regularisation, NUMBER, regularised, "how much the weights' squares count in the loss"),
    field("weight_decay", Regularisation, NUMBER, adam, "decoupled weight decay of the matrices (AdamW)"),
    field("input_noise", Regularisation, NUMBER, always, "deviation of the noise added to what the network hears: it learns to find back"),
    field("input_noise_min", Regularisation, Kind::OptionalNumber(Unit::None), noisy, "least deviation of that noise: every stream has its own between the two; none: all have the same"),
    field("foreign_starts", Regularisation, PART, slides_in_segments, "part of the streams that begin after another sound than the material"),
    field("foreign_files", Regularisation, Kind::Recordings, foreign, "recordings that are this other sound, never learned; none: the material itself, faster or slower"),
    field("foreign_steps", Regularisation, WHOLE, foreign_in_loop, "most steps for which the other sound goes on, unscored, before the material begins"),

    field("optimiser", Training, OPTIMISERS, always, "how gradients become changes of the weights"),
    field("lr", Training, NUMBER, always, "learning rate at the beginning"),
    field("lr_factors", Training, Kind::Factors, stepwise, "factors of the learning rate for tensors whose names begin so, or none"),
    field("lr_schedule", Training, SCHEDULES, always, "how the learning rate goes on"),
    field("lr_rise_steps", Training, WHOLE, always, "steps over which the learning rate rises from 0"),
    field("plateau_patience", Training, WHOLE, plateau, "epochs without a better loss before the learning rate falls"),
    field("plateau_factor", Training, PART, plateau, "what the learning rate is multiplied by then"),
    field("momentum", Training, PART, momentum, "momentum of the changes"),
    field("loss_ceiling", Training, Kind::OptionalNumber(Unit::None), always, "loss of a prediction above which it counts no more than this much, or none"),
    field("clip_norm", Training, Kind::OptionalNumber(Unit::None), always, "largest norm of the whole gradient, or none"),
    field("clip_value", Training, Kind::OptionalNumber(Unit::None), always, "largest number of the gradient, or none"),
    field("average_last", Training, PART, always, "part of the training, its last by epochs or steps, over whose steps the weights are averaged; 0: the last weights"),
    field("epochs", Training, Kind::OptionalWhole, always, "stop after as many times through the material, or none"),
    field("max_steps", Training, Kind::OptionalWhole, always, "stop after as many updates of the weights, however much material there is"),
    field("max_minutes", Training, Kind::OptionalNumber(Unit::Minutes), always, "stop after as many minutes, or none"),
    field("one_shot", Training, SWITCH, always, "every recording is one sequence with one update at its end"),
    field("streams", Training, WHOLE, segmented, "places in the material that are trained on side by side"),
    field("bptt", Training, WHOLE, segmented, "steps through which the gradient flows back; 1 is the dissertation's"),
    field("reset_state", Training, SWITCH, segmented, "forget the state after every segment of bptt steps"),
    field("restart", Training, PART, segmented, "probability, per segment, that a stream jumps to another place"),
    field("random_seed", Training, WHOLE, always, "fixes every random number of the training"),
    field("checkpoint_minutes", Training, Kind::Number(Unit::Minutes), always, "minutes between checkpoints"),

    field("sampling.mode", Sampling, MODES, always, "when outputs are made on the way"),
    field("sampling.every_steps", Sampling, WHOLE, sequential, "training steps from one pause to the next"),
    field("sampling.steps_per_step", Sampling, WHOLE, concurrent, "steps of sound per training step"),
    field("sampling.streams", Sampling, WHOLE, sampled, "outputs at once"),
    field("sampling.seconds", Sampling, SECONDS, sampled, "length of an output"),
    field("sampling.seed_seconds", Sampling, SECONDS, sampled, "length of the seed of an output"),
    field("sampling.seed_advance", Sampling, SEEDS, sampled, "where in the material seeds are taken"),
    field("sampling.temperature", Sampling, NUMBER, sampled, "temperature of the outputs, as a multiple of the model's own temperature"),

    field("temperature", Sound, NUMBER, always, "temperature at which the model is meant to sound: low is tame, high is wild"),
    field("feedback_noise", Sound, NUMBER, always, "deviation of the noise added to what is fed back while it sounds"),
    field("sound_spread", Sound, PART, always, "part that is heard of how far a mixture's draw lies from what was to be expected; all of it is fed back"),
    field("warmup_speed", Sound, Kind::OptionalNumber(Unit::None), always, "seconds of seed that the model runs through per second; none: what a slow machine manages"),
];

/// What is worth saying of a field beyond its meaning.
#[rustfmt::skip]
pub(crate) const MORE: &[(&str, &str)] = &[
    ("files", "Half a minute of one instrument is a good beginning. A part of a file: `take.wav 10-40` (seconds)."),
    ("sample_rate_hz", "Half the rate is the highest sound there is, and half the rate is half the work. 11025 was the dissertation's."),
    ("loop_material", "For a riff or a groove that is to go round for ever. Its end and its beginning are cross-faded over 10 ms."),
    ("scaling", "Networks learn best from numbers around 1; recordings are mostly far below. Magnitudes have a scaling of their own."),
    ("approach.kind", "Spectra and segments compute hundreds of samples a step and run live on anything. The approaches with a sample a \
      step have no joints and no frames, and need that much more time, for training too. A listening model, which follows what is \
      played, has other fields, which are not asked for here: `sympathy train FOLDER --preset listening --out FILE`."),
    ("approach.hop", "The dissertation found the hop the most musical of all numbers: from 56 (faithful) to 1024 (dreamy) for a window of 1024."),
    ("num_unrollings", "With transpose the rows are what a sample is made of. With the others only the last row is ever heard, and rows \
      are a batch like streams."),
    ("principal_components", "The network then sees that many numbers instead of a whole frame, sorted by how much of the sound they carry. \
      A mixture needs them: it treats its numbers as independent."),
    ("head.kind", "Trained with the squared error, a network predicts the mean of all that might come, and fed with it settles on a \
      constant, unless it knows its material by heart. A mixture says what might come and draws one of it."),
    ("layers", "A second layer helps with minutes of material; half a minute is learned by one."),
    ("use_dropout", "It makes the network rely on no single unit, and keeps a squared error from settling on a constant."),
    ("input_noise", "While it sounds, a network hears its own mistakes; while it is trained it hears none. Noise teaches it to find back."),
    ("foreign_starts", "A network that has only ever heard its material may hum what a performer played for ever. This teaches it to begin."),
    ("input_noise_min", "With noise of many strengths a network learns what is faint from streams with little, and to find back from those with much."),
    ("foreign_files", "Other playing than the material, the more of it the better. It is heard at 0.5 to 1.8 times its speed, 20 dB fainter to 3 dB \
      louder, sometimes two at once, now and then plain noise instead."),
    ("foreign_steps", "A performer does not stop where the model comes in. It needs loop_material: what follows is the loop from its beginning."),
    ("lr_factors", "Names are those of the model file: `rnn.weight_ih_l0 0.1` lets the weights of the input move ten times more slowly than the \
      others, which a long row of loud samples needs. 0 leaves them as they are."),
    ("loss_ceiling", "A few surprises, such as the attack of a chord, would else be all that is learned from."),
    ("lr", "Too large: the loss jumps or the training stops with a number that is none. Too small: nothing happens. Change it by threes."),
    ("average_last", "The mean of the weights that a training passes through is steadier than any of them (Izmailov et al. 2018). With lr_schedule constant, \
      0.3 to 0.5 is usual."),
    ("epochs", "Where only minutes end a training, another run gives other weights: the schedule follows the clock."),
    ("bptt", "How far back the network can learn to look: steps × hop. The state itself goes on beyond it."),
    ("sampling.mode", "Concurrent is the dissertation's: what the moving weights say has a life of its own that a finished model may lack."),
    ("warmup_speed", "Measure it with `sympathy bench` on the slowest machine it is to run on. Higher: a continuation begins sooner, and drops out at \
      first where the machine is too slow."),
    ("temperature", "It only matters while the model sounds and can be changed there."),
];
