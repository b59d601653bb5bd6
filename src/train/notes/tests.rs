//! The trainer against plain sums, against the network that plays, and against itself.

use super::{
    autoencoder::AutoencoderNetwork,
    config::{Loss, NotesConfig, Recipe},
    loss::gain,
    material::{NotesMaterial, Place, write_columns},
    recurrent::{Columns, Dropout, RecurrentNetwork},
    weights::tensors_of,
    *,
};
use crate::{
    approach::{ColumnPredictor, autoencoder_of},
    dsp::random::Random,
    model::{KEYS, RollModelConfig, RollNetwork, STEPS_PER_MEASURE},
    nn::{Cell, Isa, Precision},
    notes::{DataSet, Grid, Piece, Repeats, Roll, Rules, Split},
    train::net::gradient::Named,
};
use candle_core::{Device, Tensor};

/// A piece for a split; works are looked for until one falls into it.
fn piece_for(split: Split, number: usize) -> Piece {
    let mut names = (0..1000).map(|k| Piece::unknown(format!("{number}-{k}.mid")));
    names.find(|piece| piece.split == split).expect("one in sixteen")
}

/// A scale up and down, four steps a note, with a bass every measure.
fn scale(first: usize, length: usize) -> Roll {
    let mut numbers = vec![0.0; length * KEYS];
    for (step, column) in numbers.chunks_exact_mut(KEYS).enumerate() {
        let degree = [0, 2, 4, 5, 7, 5, 4, 2][step / 4 % 8];
        if step % 4 < 3 {
            column[first + degree] = 1.0;
        }
        column[first - 12 + step / 16 % 2 * 5] = f32::from(step % 16 < 14);
    }
    Roll::from_numbers(&numbers, KEYS)
}

fn data() -> DataSet {
    let rules = Rules { grid: Grid { repeats: Repeats::Gap, ..Grid::default() }, ..Rules::default() };
    let mut data = DataSet::new(rules);
    for (number, length) in [130, 64, 97, 200].into_iter().enumerate() {
        data.add(&piece_for(Split::Training, number), &scale(30 + number, length)).expect("few");
    }
    for (number, length) in [150, 70].into_iter().enumerate() {
        data.add(&piece_for(Split::Validation, 10 + number), &scale(31 + number, length)).expect("few");
    }
    data
}

fn config(recipe: &str, overrides: &[&str]) -> NotesConfig {
    let overrides: Vec<String> = overrides.iter().map(ToString::to_string).collect();
    NotesConfig::from_recipe(Recipe::by_name(recipe).expect("a recipe"), &overrides).expect("a good configuration")
}

const SMALL: [&str; 7] =
    ["hidden=12", "sequence=24", "batch=3", "epochs=3", "lr=0.01", "lr_rise_steps=2", "checkpoint_minutes=1e5"];

fn bits_of(model: &crate::model::RollModel) -> Vec<u8> {
    model.to_bytes()
}

#[test]
fn an_epoch_hears_every_pair_of_columns_once() {
    let material = NotesMaterial::new(&data());
    for (overrides, skipped) in [(["carry=true"], 0), (["carry=false"], 24)] {
        let config = config("house-lstm", &[&SMALL[..], &overrides].concat());
        let mut orders = Vec::new();
        for number in 0..2 {
            let epoch = material.epoch(&config, number);
            let mut heard: Vec<Vec<usize>> = material.training.iter().map(|roll| vec![0; roll.len()]).collect();
            let mut at = [None; 3];
            for places in &epoch.updates {
                for (stream, place) in places.iter().enumerate() {
                    let Some(Place { piece, start, pairs, fresh }) = *place else { continue };
                    (start..start + pairs).for_each(|step| heard[piece][step] += 1);
                    assert!(fresh || at[stream] == Some((piece, start)), "the state belongs to what was before");
                    at[stream] = Some((piece, start + pairs));
                }
            }
            for heard in &heard {
                let (last, all) = heard.split_last().expect("columns");
                let missed = all.iter().enumerate().filter(|(_, count)| **count != 1).map(|(step, _)| step);
                // Without a state that goes on, a sequence's last column is only predicted.
                let expected: Vec<usize> =
                    (1..=all.len()).map(|k| k * 24 - 1).filter(|step| *step < all.len()).collect();
                let expected = if skipped > 0 { expected } else { Vec::new() };
                assert_eq!((*last, missed.collect::<Vec<_>>()), (0, expected));
            }
            assert!(epoch.rolls.iter().zip(&material.training).any(|(moved, roll)| moved != roll));
            orders.push(epoch.updates);
        }
        assert_ne!(orders[0], orders[1], "in another order");
        assert_eq!(material.epoch(&config, 1).updates, orders[1]);
    }
    let pairs = |places: &[Option<Place>]| places.iter().flatten().map(|place| place.pairs).sum::<usize>();
    let tested: usize = material.tests().iter().flatten().map(|places| pairs(places)).sum();
    assert_eq!(tested, 150 + 70 - 2);
    let segments = material.test_segments(2);
    // Two whole segments that are the same, and a rest; one and a rest.
    assert_eq!(segments.iter().map(|places| places.iter().flatten().count()).sum::<usize>(), 4);
}

/// What [`RecurrentNetwork::pass`] computes, in plain sums of 64 bits; LSTM alone. From column `given` on it hears what it
/// predicted, and is judged from the column before on.
fn plain_loss(model: &RollModelConfig, weights: &Named, columns: &Columns, loss: Loss, given: Option<usize>) -> f64 {
    let RollNetwork::Recurrent { layers, hidden, .. } = model.network else { panic!("recurrent") };
    let (inputs, column, streams) = (model.inputs(), model.column(), columns.streams);
    let product = |name: &str, x: &[f64]| -> Vec<f64> {
        let rows = weights[name].chunks_exact(x.len());
        rows.map(|row| row.iter().zip(x).map(|(w, x)| f64::from(*w) * x).sum()).collect()
    };
    let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
    let (mut sum, mut count) = (0.0, 0);
    for stream in 0..streams {
        let mut states = vec![(vec![0.0; hidden], vec![0.0; hidden]); layers];
        let mut said = Vec::new();
        for step in 0..columns.scored.len() / streams {
            let row = step * streams + stream;
            let mut x: Vec<f64> = columns.inputs[row * inputs..][..inputs].iter().map(|x| f64::from(*x)).collect();
            if given.is_some_and(|given| step >= given) {
                x[..column].copy_from_slice(&said);
            }
            for (layer, (h, c)) in states.iter_mut().enumerate() {
                let name = |part: &str| format!("rnn.{part}_l{layer}");
                let (from_x, from_h) = (product(&name("weight_ih"), &x), product(&name("weight_hh"), h));
                let gate = |k: usize| {
                    let bias = weights[&name("bias_ih")][k] + weights[&name("bias_hh")][k];
                    from_x[k] + from_h[k] + f64::from(bias)
                };
                for k in 0..hidden {
                    let (i, f) = (sigmoid(gate(k)), sigmoid(gate(hidden + k)));
                    let (g, o) = (gate(2 * hidden + k).tanh(), sigmoid(gate(3 * hidden + k)));
                    c[k] = f * c[k] + i * g;
                    x.resize(hidden.max(x.len()), 0.0);
                    x[k] = o * c[k].tanh();
                }
                x.truncate(hidden);
                h.copy_from_slice(&x);
            }
            let out = product("out.weight", &x);
            said = out.iter().zip(&weights["out.bias"]).map(|(z, b)| sigmoid(z + f64::from(*b))).collect();
            if columns.scored[row] && given.is_none_or(|given| step + 1 >= given) {
                for (k, out) in out.iter().enumerate() {
                    let (z, t) =
                        (out + f64::from(weights["out.bias"][k]), f64::from(columns.targets[row * column + k]));
                    sum += match loss {
                        Loss::Mse => (sigmoid(z) - t).powi(2),
                        Loss::Bce => z.max(0.0) + (-z.abs()).exp().ln_1p() - t * z,
                    };
                    count += 1;
                }
            }
        }
    }
    sum / f64::from(count)
}

/// Some numbers of each tensor's gradient are the slopes of a loss, as the weight is moved `by` so much either way.
#[track_caller]
fn assert_slopes(gradient: &Named, weights: &Named, by: f32, loss: Loss, of: impl Fn(&Named) -> f64) {
    for (name, gradient) in gradient {
        let most = gradient.iter().fold(0.0f32, |most, g| most.max(g.abs()));
        assert!(most > 1e-6, "{name}: {most}");
        let steepest = gradient.iter().position(|g| g.abs() == most).expect("one");
        for at in [steepest, 0, gradient.len() / 2] {
            let moved = |by: f32| {
                let mut weights = weights.clone();
                weights.get_mut(name).expect("a tensor")[at] += by;
                (f64::from(weights[name][at]), of(&weights))
            };
            let ((above, high), (below, low)) = (moved(by), moved(-by));
            let slope = f64::from(gain(loss)) * (high - low) / (above - below);
            let error = (f64::from(gradient[at]) - slope).abs();
            assert!(error < 1e-3 * f64::from(most), "{name}[{at}]: {} for {slope}", gradient[at]);
        }
    }
}

fn small_columns(phase: bool) -> Columns {
    let material = NotesMaterial::new(&data());
    let place = |piece: usize, start: usize, pairs: usize| Some(Place { piece, start, pairs, fresh: true });
    let mut columns = Columns::default();
    let places = [place(0, 3, 9), None, place(2, 90, 6)];
    write_columns(&material.training, &places, KEYS, phase, &mut columns);
    assert_eq!(columns.scored.iter().filter(|scored| **scored).count(), 15);
    columns
}

fn small_model(phase: bool) -> RollModelConfig {
    let mut model = RollModelConfig::new(RollNetwork::Recurrent { cell: Cell::Lstm, layers: 2, hidden: 7 });
    model.approach.phase = phase;
    model
}

#[test]
fn gradients_of_recurrent_networks_are_the_slopes_of_plain_sums() {
    for (loss, phase) in [(Loss::Bce, false), (Loss::Mse, true)] {
        let (model, columns) = (small_model(phase), small_columns(phase));
        assert_eq!(columns.inputs.len() / columns.scored.len(), KEYS + if phase { STEPS_PER_MEASURE } else { 0 });
        let network = RecurrentNetwork::new(&model, &mut Random::new(2)).expect("weights").expect("recurrent");
        let figures = network.pass(&columns, &mut network.zero_state(3), loss, None, true).expect("a pass");
        let weights = tensors_of(&network.variables).expect("weights");
        let expected = plain_loss(&model, &weights, &columns, loss, None);
        assert!((f64::from(figures.loss()) - expected).abs() < 1e-6, "{figures:?} for {expected}");
        assert_slopes(&network.gradient(), &weights, 1e-2, loss, |weights| {
            plain_loss(&model, weights, &columns, loss, None)
        });
    }
}

#[test]
fn a_state_that_goes_on_gives_what_one_sequence_gives() {
    let (model, whole) = (small_model(false), small_columns(false));
    let network = RecurrentNetwork::new(&model, &mut Random::new(2)).expect("weights").expect("recurrent");
    let expected = network.probabilities(&whole, &mut network.zero_state(3)).expect("a pass");
    let mut state = network.zero_state(3);
    let (rows, mut found) = (whole.scored.len(), Vec::new());
    for (part, fresh) in [(0..12, true), (12..rows, false)] {
        let columns = Columns {
            streams: 3,
            inputs: whole.inputs[part.start * KEYS..part.end * KEYS].to_vec(),
            targets: whole.targets[part.start * KEYS..part.end * KEYS].to_vec(),
            scored: whole.scored[part].to_vec(),
            fresh: vec![fresh; 3],
        };
        found.extend(network.probabilities(&columns, &mut state).expect("a pass"));
    }
    assert_eq!(found, expected);
}

#[test]
fn dropout_silences_a_part_on_the_way_up_and_its_gradient() {
    let (model, columns) = (small_model(false), small_columns(false));
    let network = RecurrentNetwork::new(&model, &mut Random::new(2)).expect("weights").expect("recurrent");
    let pass = |seed: u64, part: f32| {
        let mut random = Random::new(seed);
        let dropout = (part > 0.0).then_some(Dropout { part, random: &mut random });
        let figures = network.pass(&columns, &mut network.zero_state(3), Loss::Bce, dropout, true).expect("a pass");
        (figures.loss(), network.gradient().clone())
    };
    assert_eq!(pass(1, 0.5), pass(1, 0.5));
    assert_ne!(pass(1, 0.5).0, pass(2, 0.5).0);
    assert_ne!(pass(1, 0.5).0, pass(1, 0.0).0);
    // The same factors: the slope of the loss with respect to a weight that is heard through them.
    let (name, at) = ("rnn.weight_ih_l0", 5 * KEYS + 33);
    let gradient = pass(3, 0.5).1;
    let steepest = |name: &str| {
        let values = &gradient[name];
        (0..values.len()).max_by(|a, b| values[*a].abs().total_cmp(&values[*b].abs())).expect("numbers")
    };
    for (name, at) in [(name, at), (name, steepest(name)), ("out.weight", steepest("out.weight"))] {
        let variable = &network.variables[name];
        let weights = tensors_of(&network.variables).expect("weights")[name].clone();
        let moved = |by: f32| {
            let mut weights = weights.clone();
            weights[at] += by;
            variable.set(&Tensor::from_vec(weights, variable.shape(), &Device::Cpu).expect("a shape")).expect("set");
            pass(3, 0.5).0
        };
        let slope = gain(Loss::Bce) * (moved(0.05) - moved(-0.05)) / 0.1;
        moved(0.0);
        assert!(
            (slope - gradient[name][at]).abs() < 2e-3 + 0.02 * slope.abs(),
            "{name}: {slope}, {}",
            gradient[name][at]
        );
    }
}

#[test]
fn what_it_says_itself_has_a_gradient() {
    for (loss, phase, given) in [(Loss::Mse, false, 4), (Loss::Bce, true, 2)] {
        let (model, columns) = (small_model(phase), small_columns(phase));
        let network = RecurrentNetwork::new(&model, &mut Random::new(2)).expect("weights").expect("recurrent");
        // Weights large enough that what it says is told from silence.
        let weights: Named = tensors_of(&network.variables)
            .expect("weights")
            .into_iter()
            .map(|(name, values)| (name, values.iter().map(|w| 3.0 * w).collect()))
            .collect();
        take(&network, &weights);
        let mut heard = columns.clone();
        let figures = network.pass_closed(&mut heard, given, loss, None).expect("a pass");
        let expected = plain_loss(&model, &weights, &columns, loss, Some(given));
        assert!((f64::from(figures.loss()) - expected).abs() < 1e-6, "{figures:?} for {expected}");
        assert!((plain_loss(&model, &weights, &columns, loss, None) - expected).abs() > 1e-3);
        // The columns that were given stay, and with them the steps of the measure.
        let inputs = model.inputs();
        let (before, after) = heard.inputs.split_at(3 * given * inputs);
        assert_eq!(before, &columns.inputs[..before.len()]);
        let all = after.chunks_exact(inputs).zip(columns.inputs[before.len()..].chunks_exact(inputs));
        assert!(all.into_iter().all(|(own, of_data)| own[..KEYS] != of_data[..KEYS] && own[KEYS..] == of_data[KEYS..]));
        assert_slopes(&network.gradient(), &weights, 2e-3, loss, |weights| {
            plain_loss(&model, weights, &columns, loss, Some(given))
        });
    }
}

fn take(network: &RecurrentNetwork, weights: &Named) {
    for (name, values) in weights {
        let variable = &network.variables[name];
        let tensor = Tensor::from_slice(values, variable.shape(), &Device::Cpu).expect("a shape");
        variable.set(&tensor).expect("set");
    }
}

#[test]
fn a_network_of_any_cell_that_hears_itself_knows_its_slopes_with_dropout_as_well() {
    for (cell, part) in [(Cell::Gru, 0.0), (Cell::RnnTanh, 0.3), (Cell::RnnRelu, 0.0), (Cell::Lstm, 0.3)] {
        let model = RollModelConfig::new(RollNetwork::Recurrent { cell, layers: 2, hidden: 7 });
        let network = RecurrentNetwork::new(&model, &mut Random::new(2)).expect("weights").expect("recurrent");
        let columns = small_columns(false);
        let steps = columns.scored.len() / 3;
        // Given all of it, it is the network that hears the data and is judged at its last column.
        let mut all = columns.clone();
        let given = network.pass_closed(&mut all, steps, Loss::Mse, None).expect("a pass");
        let of_given = network.gradient().clone();
        let plain = network.pass(&all, &mut network.zero_state(3), Loss::Mse, None, true).expect("a pass");
        assert_eq!((all.inputs == columns.inputs, given.bits), (true, plain.bits));
        assert!((given.loss() - plain.loss()).abs() < 1e-7, "{cell:?}: {given:?}, {plain:?}");
        for (name, gradient) in &*network.gradient() {
            let most = gradient.iter().fold(0.0f32, |most, g| most.max(g.abs()));
            let close = |(a, b): (&f32, &f32)| (a - b).abs() <= 1e-5 * most;
            assert!(most > 0.0 && gradient.iter().zip(&of_given[name]).all(close), "{cell:?}, {name}");
        }
        let pass = || {
            let mut random = Random::new(5);
            let dropout = (part > 0.0).then_some(Dropout { part, random: &mut random });
            let figures = network.pass_closed(&mut columns.clone(), 3, Loss::Bce, dropout).expect("a pass");
            (f64::from(figures.loss()), network.gradient().clone())
        };
        let ((loss, gradient), again) = (pass(), pass());
        assert!(loss > 0.0 && (loss, &gradient) == (again.0, &again.1), "{cell:?}: the same bits");
        for (name, values) in &gradient {
            let steepest = (0..values.len()).max_by(|a, b| values[*a].abs().total_cmp(&values[*b].abs())).expect("one");
            let variable = &network.variables[name];
            let weights = tensors_of(&network.variables).expect("weights")[name].clone();
            let moved = |by: f32| {
                let mut weights = weights.clone();
                weights[steepest] += by;
                let tensor = Tensor::from_vec(weights, variable.shape(), &Device::Cpu).expect("a shape");
                variable.set(&tensor).expect("set");
                pass().0
            };
            let slope = f64::from(gain(Loss::Bce)) * (moved(0.005) - moved(-0.005)) / 0.01;
            moved(0.0);
            let error = (slope - f64::from(values[steepest])).abs();
            assert!(error < 2e-3 + 0.02 * slope.abs(), "{cell:?}, {name}: {slope}, {}", values[steepest]);
        }
    }
}

#[test]
fn what_is_trained_is_what_plays() {
    let material = NotesMaterial::new(&data());
    let config = config("house-lstm", &[&SMALL[..], &["phase=true", "epochs=2"]].concat());
    let trained = train(&config, &material, "scales.roll", None, &mut |_: &NotesProgress| ControlFlow::Continue(()))
        .expect("a training");
    let model = trained.model;
    let columns = small_columns(true);
    let network = RecurrentNetwork::new(&config.model(), &mut Random::new(0)).expect("weights").expect("recurrent");
    for (name, variable) in &network.variables {
        let values = Tensor::from_slice(model.tensor(name), variable.shape(), &Device::Cpu).expect("the same shape");
        variable.set(&values).expect("set");
    }
    let expected = network.probabilities(&columns, &mut network.zero_state(3)).expect("a pass");
    for isa in Isa::all() {
        let player = ColumnPredictor::of(&model, Precision::F32, isa).expect("recurrent");
        for stream in [0, 2] {
            let mut state = player.make_state();
            for row in (stream..columns.scored.len()).step_by(3) {
                let input = &columns.inputs[row * player.inputs()..][..player.inputs()];
                let found = player.step(input, &mut state);
                for (found, expected) in found.iter().zip(&expected[row * KEYS..]) {
                    assert!((found - expected).abs() <= 1e-5, "{}: {found} for {expected}", isa.name());
                }
            }
        }
    }
}

/// Encoder and decoder in plain sums of 64 bits.
fn plain_code_loss(model: &RollModelConfig, weights: &Named, segments: &[f32], loss: Loss) -> f64 {
    let RollNetwork::Autoencoder { widths, tied, .. } = &model.network else { panic!("an autoencoder") };
    let last = widths.len() - 2;
    let mut sum = 0.0;
    for segment in segments.chunks_exact(widths[0]) {
        let mut x: Vec<f64> = segment.iter().map(|x| f64::from(*x)).collect();
        for layer in 0..2 * (last + 1) {
            let (half, index) = if layer <= last { ("encoder", layer) } else { ("decoder", layer - last - 1) };
            let bias = &weights[&format!("{half}.{index}.bias")];
            let mirrored = *tied && half == "decoder";
            let matrix = match mirrored {
                true => &weights[&format!("encoder.{}.weight", last - index)],
                false => &weights[&format!("{half}.{index}.weight")],
            };
            let weight = |row: usize, column: usize| match mirrored {
                true => matrix[column * bias.len() + row],
                false => matrix[row * x.len() + column],
            };
            let outputs = (0..bias.len()).map(|row| {
                let y = (0..x.len()).map(|k| f64::from(weight(row, k)) * x[k]).sum::<f64>() + f64::from(bias[row]);
                match (half, index == last) {
                    ("encoder", true) => y.tanh(),
                    ("decoder", true) => y,
                    _ => {
                        if y > 0.0 {
                            y
                        } else {
                            y.exp_m1()
                        }
                    }
                }
            });
            x = outputs.collect();
        }
        for (z, t) in x.iter().zip(segment) {
            let t = f64::from(*t);
            sum += match loss {
                Loss::Mse => (1.0 / (1.0 + (-z).exp()) - t).powi(2),
                Loss::Bce => z.max(0.0) + (-z.abs()).exp().ln_1p() - t * z,
            };
        }
    }
    sum / segments.len() as f64
}

#[test]
fn gradients_of_autoencoders_are_the_slopes_of_plain_sums_tied_and_not() {
    for (tied, loss) in [(true, Loss::Bce), (false, Loss::Mse)] {
        let config = config("house-code", &["widths=[5632,6,5,3]", "dropout=[]", &format!("tied={tied}")]);
        let model = config.model();
        let network = AutoencoderNetwork::new(&model, &mut Random::new(5)).expect("weights");
        let mut random = Random::new(6);
        for variable in network.variables.values().filter(|variable| variable.rank() == 1) {
            let values: Vec<f32> = (0..variable.elem_count()).map(|_| 0.3 * random.normal()).collect();
            variable.set(&Tensor::from_vec(values, variable.shape(), &Device::Cpu).expect("a shape")).expect("set");
        }
        let segments: Vec<f32> = (0..2 * 5632).map(|_| f32::from(random.below(20) == 0)).collect();
        let none: &[f32] = &[];
        let figures = network.pass(&segments, loss, Some((none, &mut random))).expect("a pass");
        let weights = tensors_of(&network.variables).expect("weights");
        let expected = plain_code_loss(&model, &weights, &segments, loss);
        assert!((f64::from(figures.loss()) - expected).abs() < 2e-6, "{figures:?} for {expected}");
        let gradient = network.gradient();
        assert_eq!(gradient.len(), network.variables.len());
        for (name, gradient) in &*gradient {
            let most = gradient.iter().fold(0.0f32, |most, g| most.max(g.abs()));
            assert!(most > 1e-7, "{name}: {most}");
            let steepest = gradient.iter().position(|g| g.abs() == most).expect("one");
            for at in [steepest, gradient.len() / 3] {
                let moved = |by: f32| {
                    let mut weights = weights.clone();
                    weights.get_mut(name).expect("a tensor")[at] += by;
                    (f64::from(weights[name][at]), plain_code_loss(&model, &weights, &segments, loss))
                };
                let ((above, high), (below, low)) = (moved(1e-3), moved(-1e-3));
                let slope = f64::from(gain(loss)) * (high - low) / (above - below);
                let error = (f64::from(gradient[at]) - slope).abs();
                assert!(error < 1e-3 * f64::from(most), "tied {tied}, {name}[{at}]: {} for {slope}", gradient[at]);
            }
        }
    }
}

#[test]
fn scales_are_learned_to_below_hold_and_again_with_the_same_bits() {
    let material = NotesMaterial::new(&data());
    let plain = ["dropout=0", "transpose=[0,0]", "lr_schedule=constant", "lr_rise_steps=1", "patience=null"];
    let overrides = [&["hidden=32", "sequence=32", "batch=4", "epochs=100", "lr=0.01"], &plain[..]].concat();
    let run = || {
        let config = config("house-lstm", &overrides);
        train(&config, &material, "scales.roll", None, &mut |_: &NotesProgress| ControlFlow::Continue(())).expect("one")
    };
    let trained = run();
    let own = trained.model.config().provenance.clone().expect("provenance");
    let hold = own.baselines.and_then(|baselines| baselines.hold).expect("it hears the column before");
    assert!(own.validated && own.mse < 0.8 * hold, "{} beside {hold}", own.mse);
    assert_eq!((own.recipe.as_str(), own.pieces), ("house-lstm", [4, 2]));
    let training = &trained.model.config().training;
    assert_eq!(training.material, ["scales.roll"]);
    assert_eq!(training.licence, "not stated: 6");
    assert_eq!(bits_of(&run().model), bits_of(&trained.model));
}

#[test]
fn a_network_that_hears_itself_goes_on_with_a_scale() {
    let material = NotesMaterial::new(&data());
    let plain = ["dropout=0", "transpose=[0,0]", "lr_schedule=constant", "lr_rise_steps=1", "patience=null"];
    let sizes = ["method=closed", "carry=false", "hidden=32", "sequence=48", "batch=4", "epochs=200", "lr=0.01"];
    let config = config("house-lstm", &[&sizes[..], &plain].concat());
    // Pieces of 64, 97 and 200 columns end with fewer than it is given, and one.
    let pairs = |epoch: u32| -> Vec<usize> {
        let mut pairs: Vec<usize> =
            material.epoch(&config, epoch).updates.iter().flatten().flatten().map(|place| place.pairs).collect();
        pairs.sort_unstable();
        pairs
    };
    assert_eq!(pairs(0), [33, 47, 47, 47, 47, 47, 47, 47, 47, 47]);
    let mut losses = Vec::new();
    let mut observer = |progress: &NotesProgress| {
        losses.push(progress.loss);
        ControlFlow::Continue(())
    };
    let trained = train(&config, &material, "scales.roll", None, &mut observer).expect("one");
    let own = trained.model.config().provenance.clone().expect("provenance");
    let (first, last) = (losses[0], losses[losses.len() - 1]);
    assert!(last < 0.6 * first, "{first} to {last}");
    // Where it hears the data as well, though it has never learnt to.
    assert!(own.baselines.is_some_and(|baselines| own.mse < baselines.silence), "{own:?}");
}

#[test]
fn autoencoders_learn_segments_to_below_silence_and_decode_what_was_trained() {
    let material = NotesMaterial::new(&data());
    let plain = ["transpose=[0,0]", "lr_schedule=constant", "lr_rise_steps=1", "patience=null", "keep=last"];
    let overrides = [&["widths=[5632,24,8]", "dropout=[]", "epochs=150", "batch=3", "lr=0.01"], &plain[..]].concat();
    for tied in ["tied=true", "tied=false"] {
        let config = config("house-code", &[&overrides[..], &[tied]].concat());
        let mut losses = Vec::new();
        let trained = train(&config, &material, "scales.roll", None, &mut |progress: &NotesProgress| {
            losses.push(progress.mean_loss);
            ControlFlow::Continue(())
        });
        let model = trained.expect("a training").model;
        assert!(losses[losses.len() - 1] < 0.2 * losses[0], "{tied}: {losses:?}");
        // As the player decodes it.
        let trainer = AutoencoderNetwork::new(&config.model(), &mut Random::new(0)).expect("weights");
        for (name, variable) in &trainer.variables {
            let values =
                Tensor::from_slice(model.tensor(name), variable.shape(), &Device::Cpu).expect("the same shape");
            variable.set(&values).expect("set");
        }
        let player = autoencoder_of(&model, Precision::F32, Isa::best()).expect("an autoencoder");
        let (mut there, mut back) = (player.encoder().make_state(), player.decoder().make_state());
        let mut best = f32::INFINITY;
        for roll in &material.training {
            let mut segment = vec![0.0; 5632];
            for (step, column) in segment.chunks_exact_mut(KEYS).enumerate() {
                roll.write_numbers(step, column);
            }
            let code = player.encoder().forward(&segment, &mut there).to_vec();
            let decoded = player.decoder().forward(&code, &mut back);
            let wrong = decoded.iter().zip(&segment).filter(|(p, t)| (**p > 0.5) != (**t > 0.5)).count();
            let square = |(p, t): (&f32, &f32)| f64::from(p - t).powi(2);
            let mse = decoded.iter().zip(&segment).map(square).sum::<f64>() / 5632.0;
            let figures = trainer.pass(&segment, Loss::Bce, None).expect("a pass");
            assert!((f64::from(figures.mse()) - mse).abs() < 1e-6, "{tied}: {mse}, {figures:?}");
            assert_eq!(figures.accuracy(), 1.0 - wrong as f32 / 5632.0, "{tied}");
            best = best.min(wrong as f32 / segment.iter().sum::<f32>());
        }
        assert!(best < 0.5, "{tied}: {best} of a segment's keys are wrong");
    }
}

#[test]
fn a_training_that_is_stopped_anywhere_goes_on_with_the_same_bits() {
    let material = NotesMaterial::new(&data());
    let code = ["widths=[5632,6,3]", "dropout=[0.2,0,0.1]", "batch=2", "epochs=3"];
    let lstm = [&SMALL[..], &["dropout=0.2", "method=scheduled"]].concat();
    let closed = [&SMALL[..], &["dropout=0.2", "method=closed", "carry=false"]].concat();
    for (recipe, overrides) in [("house-lstm", &lstm[..]), ("house-lstm", &closed), ("house-code", &code)] {
        let config = config(recipe, overrides);
        let whole = train(&config, &material, "a.roll", None, &mut |_: &NotesProgress| ControlFlow::Continue(()))
            .expect("a training");
        for stop in [1, 7, whole.steps - 1] {
            let folder = tempfile::tempdir().expect("a folder");
            let mut files = RunFiles {
                checkpoint: folder.path().join("a.checkpoint"),
                resume: false,
                folder: Some(folder.path().join("a.run")),
            };
            let mut seen = 0;
            let stopped = train(&config, &material, "a.roll", Some(&files), &mut |progress: &NotesProgress| {
                seen = progress.step;
                if progress.step == stop { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            })
            .expect("a training");
            assert_eq!((stopped.end, stopped.steps, seen), (None, stop, stop));
            files.resume = true;
            let resumed =
                train(&config, &material, "a.roll", Some(&files), &mut |_: &NotesProgress| ControlFlow::Continue(()))
                    .expect("a training");
            assert_eq!(resumed.steps, whole.steps, "{recipe}, {stop}");
            assert_eq!(bits_of(&resumed.model), bits_of(&whole.model), "{recipe}, {stop}");
            let best = crate::model::RollModel::read(&folder.path().join("a.run").join(BEST_NAME)).expect("a model");
            // What its codes are like is told of the finished model alone.
            let finished = resumed.model.config();
            assert_eq!(finished.codes.is_some(), finished.code().is_some(), "{recipe}");
            assert_eq!(finished, whole.model.config(), "{recipe}, {stop}");
            let finished = RollModelConfig { codes: None, ..finished.clone() };
            assert_eq!(best.config(), &finished, "the best so far lies in the folder");
            let other =
                NotesConfig { recipe: config.recipe, ..self::config(recipe, &[overrides, &["lr=0.5"]].concat()) };
            let error =
                train(&other, &material, "a.roll", Some(&files), &mut |_: &NotesProgress| ControlFlow::Break(()));
            let error = error.expect_err("another configuration").to_string();
            assert!(error.contains("the same configuration") && error.contains("lr = 0.5"), "{error}");
        }
    }
}

#[test]
fn what_is_no_number_any_more_ends_it_with_the_last_good_checkpoint() {
    let material = NotesMaterial::new(&data());
    let folder = tempfile::tempdir().expect("a folder");
    let checkpoint = folder.path().join("a.checkpoint");
    let files = RunFiles { checkpoint: checkpoint.clone(), resume: false, folder: None };
    let overrides = ["clip_norm=null", "checkpoint_minutes=0", "lr_schedule=constant"];
    let mut config = config("house-lstm", &[&SMALL[..4], &overrides].concat());
    config.general.lr = 1e38;
    config.general.lr_rise_steps = 0;
    let error = train(&config, &material, "a.roll", Some(&files), &mut |_: &NotesProgress| ControlFlow::Continue(()));
    let error = error.map(|trained| trained.epochs).expect_err("infinity").to_string();
    assert!(error.contains("expected finite numbers"), "{error}");
    assert!(error.contains("the last good weights are in") == checkpoint.exists(), "{error}");
}

#[test]
fn the_epoch_that_is_asked_for_is_kept_and_patience_ends() {
    let material = NotesMaterial::new(&data());
    let run = |overrides: &[&str]| {
        let config = config("house-lstm", &[&SMALL[..], overrides].concat());
        train(&config, &material, "a.roll", None, &mut |_: &NotesProgress| ControlFlow::Continue(()))
            .expect("a training")
    };
    let (third, last) = (run(&["keep_epoch=2"]), run(&["keep=last", "epochs=2"]));
    assert_eq!((third.epochs, third.model.config().training.epochs), (3, 2));
    assert_eq!(third.model.tensor("out.weight"), last.model.tensor("out.weight"));
    // A rate of nothing: what validates stays as it is.
    let still = run(&["lr=0", "patience=2", "epochs=50", "dropout=0"]);
    assert_eq!((still.epochs, still.model.config().training.epochs), (3, 1));
    assert_eq!(still.end.as_deref(), Some("2 epochs without a better validation loss"));
}

#[test]
fn recipes_have_the_stated_sizes_and_no_problems() {
    let count = |recipe: &str| config(recipe, &[]).model().parameters_with_one_bias();
    assert_eq!(count("m-ae1"), 6_055_056);
    assert_eq!(count("m-ae2"), 6_055_056);
    assert_eq!(count("m-ae1-published"), 12_101_776);
    assert_eq!(count("m-lstm1"), 3_224_088);
    for recipe in RECIPES {
        assert_eq!(recipe.config().problems(), [], "{}", recipe.name);
        assert!(recipe.description.len() < 100);
        // In half precision both fit into what is embedded.
        let bytes = 2 * recipe.config().model().parameters();
        assert!(!recipe.name.starts_with("house") || bytes <= 5 << 20, "{}: {bytes}", recipe.name);
    }
}

#[test]
fn every_problem_of_a_configuration_is_told_at_once() {
    let recipe = Recipe::by_name("house-lstm").expect("a recipe");
    let problems = |overrides: &[&str]| {
        let overrides: Vec<String> = overrides.iter().map(ToString::to_string).collect();
        let problems = NotesConfig::from_recipe(recipe, &overrides).expect_err("problems");
        problems.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let said = problems(&["hiden=8", "lr=fast", "epochs", "widths=[5632,16]", "method=close"]);
    assert_eq!(said.len(), 5, "{said:#?}");
    for (said, parts) in said.iter().zip([
        ["--set hiden", "did you mean hidden?"],
        ["--set lr", "fast"],
        ["--set epochs", "no `=`"],
        ["--set widths", "a field of house-lstm"],
        ["--set method", "closed"],
    ]) {
        assert!(parts.iter().all(|part| said.contains(part)), "{said}");
    }
    let said =
        problems(&["lr=-1", "dropout=1", "batch=0", "transpose=[1,30]", "optimiser=rprop", "hidden=0", "epochs=0"]);
    assert_eq!(said.len(), 7, "{said:#?}");
    assert!(said.iter().any(|said| said == "hidden: expected 1 to 8192, found 0"), "{said:#?}");
    let said = problems(&["method=closed", "sequence=17"]);
    assert_eq!(said.len(), 2, "{said:#?}");
    assert!(said[0].starts_with("sequence: expected 18 or more") && said[1].starts_with("carry: "), "{said:#?}");
    let said = problems(&["hidden=8192", "layers=16", "batch=1024", "sequence=4096"]);
    assert!(said.len() == 1 && said[0].contains("MiB of weights"), "{said:#?}");
    let said = problems(&["hidden=2000", "batch=1024", "sequence=4096"]);
    assert!(said.len() == 1 && said[0].starts_with("batch: expected at most 8 GiB"), "{said:#?}");
}

#[test]
fn data_of_another_grid_is_told_of_and_can_be_taken() {
    let eight = Grid { steps_per_quarter: 8, repeats: Repeats::Merge, ..Grid::default() };
    let rules = Rules { grid: eight, ..Rules::default() };
    let said: Vec<String> = config("house-lstm", &[]).misfits(&rules).iter().map(ToString::to_string).collect();
    assert_eq!(said.len(), 2, "{said:#?}");
    assert!(said[0].starts_with("steps_per_quarter: expected 4") && said[0].ends_with("found 8"), "{said:#?}");
    assert!(said[1].contains("--set repeats=merge"), "{said:#?}");
    assert_eq!(config("house-lstm", &["steps_per_quarter=8", "repeats=merge"]).misfits(&rules), []);
    assert_eq!(config("m-lstm1", &[]).misfits(&rules), []);
}

#[test]
fn strokes_are_heard_and_predicted() {
    let grid = Grid { repeats: Repeats::Onset, ..Grid::default() };
    let mut data = DataSet::new(Rules { grid, ..Rules::default() });
    let plain = scale(30, 100);
    let roll = Roll::new(plain.columns().to_vec(), Some(vec![[0; 11]; 100]));
    data.add(&piece_for(Split::Training, 0), &roll).expect("few");
    let material = NotesMaterial::new(&data);
    let config = config("house-lstm", &[&SMALL[..], &["repeats=onset"]].concat());
    let trained = train(&config, &material, "a.roll", None, &mut |_: &NotesProgress| ControlFlow::Continue(()))
        .expect("a training");
    assert_eq!((trained.model.config().column(), trained.epochs), (176, 3));
    let own = trained.model.config().provenance.as_ref().expect("provenance");
    assert!(!own.validated && own.pieces == [1, 0]);

    let empty = NotesMaterial::new(&DataSet::new(Rules { grid, ..Rules::default() }));
    let error = train(&config, &empty, "a.roll", None, &mut |_: &NotesProgress| ControlFlow::Continue(()));
    assert!(error.expect_err("nothing").to_string().contains("pieces for training"));
}
