//! The recurrent network and its dense layer among the tensors of a file, by the names that PyTorch gives them.

use super::{container::listed, error::ImportError, external::ExternalFile, pickle::Mismatch};
use crate::nn::{CELLS, Cell};
use std::collections::BTreeMap;

type Shapes = BTreeMap<String, Vec<usize>>;

/// What the user says of a file where its tensors leave a choice.
#[derive(Clone, Copy, Debug, Default)]
pub struct Choice<'a> {
    /// Name of the recurrent network, as `model.rnn`.
    pub rnn: Option<&'a str>,
    /// Name of the dense layer, as `model.head.0`.
    pub linear: Option<&'a str>,
    /// An `nn.RNN` was made with `nonlinearity="relu"`.
    pub relu: bool,
}

/// A recurrent network and the dense layer behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recognised {
    /// Its name in the file; empty where the names have no prefix.
    pub rnn: String,
    /// The dense layer's name.
    pub linear: String,
    /// Told from the rows of `weight_ih`.
    pub cell: Cell,
    /// Layers of cells.
    pub layers: usize,
    /// Width of a layer.
    pub hidden: usize,
    /// Numbers that the first layer takes.
    pub inputs: usize,
    /// Outputs of the dense layer.
    pub outputs: usize,
    /// False if the network was made with `bias=False`.
    pub rnn_bias: bool,
    /// The same of the dense layer.
    pub linear_bias: bool,
    /// Tensors of floats that belong to neither.
    pub left_out: Vec<String>,
}

impl Recognised {
    /// Finds the network in a file.
    ///
    /// # Errors
    /// If there is none, or several of which [`Choice`] names none, or what is there is no recurrent network followed by one
    /// dense layer: more dense layers, both directions, projections.
    pub fn of(file: &ExternalFile, choice: Choice<'_>) -> Result<Self, ImportError> {
        find(file.shapes(), choice).map_err(|(expected, actual)| ImportError::Network {
            file: file.path().into(),
            expected,
            actual,
        })
    }

    /// Reads its tensors under the names of a model file. Biases that are not there are zeros.
    ///
    /// # Errors
    /// As [`ExternalFile::read_tensors`].
    pub fn tensors(&self, file: &ExternalFile) -> Result<BTreeMap<String, Vec<f32>>, ImportError> {
        let names = self.names();
        let there: Vec<&str> =
            names.iter().map(|(_, theirs, _)| &**theirs).filter(|name| file.shapes().contains_key(*name)).collect();
        let mut read = file.read_tensors(&there)?;
        let named = |(ours, theirs, count): (String, String, usize)| {
            (ours, read.remove(&theirs).unwrap_or_else(|| vec![0.0; count]))
        };
        Ok(names.into_iter().map(named).collect())
    }

    /// Our name, theirs, and how many numbers, of every tensor that the model needs.
    fn names(&self) -> Vec<(String, String, usize)> {
        let rows = self.cell.gates() * self.hidden;
        let mut names = Vec::new();
        for layer in 0..self.layers {
            let inputs = if layer == 0 { self.inputs } else { self.hidden };
            let sizes =
                [("weight_ih", rows * inputs), ("weight_hh", rows * self.hidden), ("bias_ih", rows), ("bias_hh", rows)];
            for (part, count) in sizes {
                names.push((format!("rnn.{part}_l{layer}"), dotted(&self.rnn, &format!("{part}_l{layer}")), count));
            }
        }
        names.push(("out.weight".into(), dotted(&self.linear, "weight"), self.outputs * self.hidden));
        names.push(("out.bias".into(), dotted(&self.linear, "bias"), self.outputs));
        names
    }
}

fn dotted(prefix: &str, name: &str) -> String {
    if prefix.is_empty() { name.into() } else { format!("{prefix}.{name}") }
}

fn split(name: &str) -> (&str, &str) {
    name.rsplit_once('.').unwrap_or(("", name))
}

fn find(shapes: &Shapes, choice: Choice<'_>) -> Result<Recognised, Mismatch> {
    let rnn = choose_rnn(shapes, choice.rnn)?;
    let network = measure_rnn(shapes, &rnn, choice.relu)?;
    let with_linear = choose_linear(shapes, network, choice.linear)?;
    let used: Vec<String> = with_linear.names().into_iter().map(|(_, theirs, _)| theirs).collect();
    let left_out: Vec<String> = shapes.keys().filter(|name| !used.contains(name)).cloned().collect();
    // Who names the parts has looked at the rest.
    if !left_out.is_empty() && choice.rnn.is_none() && choice.linear.is_none() {
        let found = format!("tensors of other layers too: {}", listed(left_out.iter().map(|name| &**name)));
        let rnn = if rnn.is_empty() { "\"\"".to_string() } else { rnn };
        let linear = &with_linear.linear;
        return Err((
            format!("nothing but {rnn} and {linear} (--rnn {rnn} --linear {linear} leaves the rest out)"),
            found,
        ));
    }
    Ok(Recognised { left_out, ..with_linear })
}

fn choose_rnn(shapes: &Shapes, wanted: Option<&str>) -> Result<String, Mismatch> {
    let mut found: Vec<&str> = shapes
        .keys()
        .map(|name| split(name))
        .filter(|(_, part)| part.starts_with("weight_hh"))
        .map(|(prefix, _)| prefix)
        .collect();
    found.dedup();
    let there = || {
        if found.is_empty() {
            format!("the tensors {}", listed(shapes.keys().map(|name| &**name)))
        } else {
            listed(found.iter().copied())
        }
    };
    match (wanted.map(|wanted| wanted.trim_end_matches('.')), &found[..]) {
        (Some(wanted), found) if found.contains(&wanted) => Ok(wanted.into()),
        (Some(wanted), _) => Err((format!("a recurrent network {wanted:?} (--rnn)"), there())),
        (None, [one]) => Ok((*one).into()),
        (None, []) => Err(("the tensors of an nn.LSTM, nn.GRU or nn.RNN, as rnn.weight_ih_l0".into(), there())),
        (None, _) => Err(("one recurrent network (choose with --rnn NAME)".into(), there())),
    }
}

/// Sizes of the recurrent network; the dense layer is not known yet.
fn measure_rnn(shapes: &Shapes, rnn: &str, relu: bool) -> Result<Recognised, Mismatch> {
    let name = |part: &str, layer: usize| dotted(rnn, &format!("{part}_l{layer}"));
    let parts: Vec<&str> =
        shapes.keys().map(|name| split(name)).filter(|(prefix, _)| *prefix == rnn).map(|(_, part)| part).collect();
    if parts.iter().any(|part| part.ends_with("_reverse")) {
        return Err(("one direction: it cannot be known what comes".into(), "bidirectional=True".into()));
    }
    if parts.iter().any(|part| part.starts_with("weight_hr")) {
        return Err(("a network without projection".into(), "proj_size > 0".into()));
    }
    let matrix = |part: &str, layer: usize| {
        let name = name(part, layer);
        match shapes.get(&name).map(|shape| &shape[..]) {
            Some(&[rows, columns]) if rows > 0 && columns > 0 => Ok((rows, columns)),
            Some(shape) => Err((format!("`{name}` of two axes"), format!("{shape:?}"))),
            None => Err((format!("`{name}`"), "nothing".to_string())),
        }
    };
    let ((rows, inputs), (_, hidden)) = (matrix("weight_ih", 0)?, matrix("weight_hh", 0)?);
    let nonlinearity = if relu { "relu" } else { "tanh" };
    let fits = |cell: Cell| {
        let cell = cell.info();
        (rows / hidden, rows % hidden) == (cell.gates, 0)
            && cell.torch.is_some_and(|torch| torch.nonlinearity.is_none_or(|own| own == nonlinearity))
    };
    let Some(cell) = CELLS.iter().map(|info| info.cell).find(|&cell| fits(cell)) else {
        let expected = format!("`{}` of {} times {hidden} rows", name("weight_ih", 0), gates_of_modules());
        return Err((expected, format!("{rows} rows")));
    };
    if relu && cell.info().torch.is_none_or(|torch| torch.nonlinearity.is_none()) {
        return Err(("an nn.RNN, as --nonlinearity is relu".into(), format!("{cell:?}")));
    }
    let layers = (0..).take_while(|&layer| shapes.contains_key(&name("weight_hh", layer))).count();
    let bias = shapes.contains_key(&name("bias_ih", 0));
    for layer in 0..layers {
        let columns = if layer == 0 { inputs } else { hidden };
        let mut wanted = vec![("weight_ih", vec![rows, columns]), ("weight_hh", vec![rows, hidden])];
        if bias {
            wanted.extend([("bias_ih", vec![rows]), ("bias_hh", vec![rows])]);
        }
        for (part, shape) in wanted {
            let name = name(part, layer);
            let found = shapes.get(&name);
            if found != Some(&shape) {
                let found = found.map_or("nothing".into(), |found| format!("{found:?}"));
                return Err((format!("`{name}` of shape {shape:?}"), found));
            }
        }
    }
    Ok(Recognised {
        rnn: rnn.into(),
        linear: String::new(),
        cell,
        layers,
        hidden,
        inputs,
        outputs: 0,
        rnn_bias: bias,
        linear_bias: false,
        left_out: Vec::new(),
    })
}

/// As "4 (LSTM), 3 (GRU) or 1 (RNN)".
fn gates_of_modules() -> String {
    let mut all: Vec<String> =
        CELLS.iter().filter_map(|cell| Some(format!("{} ({})", cell.gates, cell.torch?.class))).collect();
    all.dedup();
    let last = all.pop().unwrap_or_default();
    format!("{} or {last}", all.join(", "))
}

/// A dense layer of a file.
struct Linear<'a> {
    name: &'a str,
    inputs: usize,
    outputs: usize,
    bias: bool,
}

fn linears(shapes: &Shapes) -> Vec<Linear<'_>> {
    let linear = |(name, shape): (&'_ String, &Vec<usize>)| {
        let &[outputs, inputs] = &shape[..] else { return None };
        let bias = shapes.get(&format!("{}bias", name.strip_suffix("weight")?));
        Some((outputs, inputs, bias.is_some_and(|shape| shape[..] == [outputs])))
    };
    shapes
        .iter()
        .filter_map(|(name, shape)| {
            let (prefix, "weight") = split(name) else { return None };
            let (outputs, inputs, bias) = linear((name, shape))?;
            Some(Linear { name: prefix, inputs, outputs, bias })
        })
        .collect()
}

fn choose_linear(shapes: &Shapes, network: Recognised, wanted: Option<&str>) -> Result<Recognised, Mismatch> {
    let all = linears(shapes);
    let hidden = network.hidden;
    let described: Vec<String> =
        all.iter().map(|linear| format!("{} ({} → {})", linear.name, linear.inputs, linear.outputs)).collect();
    let there = || listed(described.iter().map(|text| &**text));
    let fitting: Vec<&Linear<'_>> = all.iter().filter(|linear| linear.inputs == hidden).collect();
    let chosen = match wanted.map(|wanted| wanted.trim_end_matches('.')) {
        Some(wanted) => match all.iter().find(|linear| linear.name == wanted) {
            Some(linear) if linear.inputs == hidden => linear,
            Some(_) => {
                return Err((format!("a dense layer of {hidden} inputs, the network's width (--linear)"), there()));
            }
            None => return Err((format!("a dense layer {wanted:?} (--linear)"), there())),
        },
        None => {
            // What one number of output goes into cannot be told from what takes the input.
            let leads_on = |linear: &&Linear<'_>| {
                linear.outputs > 1 && all.iter().any(|next| next.name != linear.name && next.inputs == linear.outputs)
            };
            let chained = fitting.iter().copied().find(leads_on);
            match (&fitting[..], chained) {
                ([], _) => {
                    let found = there();
                    return Err((format!("an nn.Linear of {hidden} inputs behind the network"), found));
                }
                (_, Some(_)) => {
                    return Err(("one dense layer behind the network (no more than one can be run)".into(), there()));
                }
                ([one], None) => one,
                (_, None) => {
                    let expected = format!("one dense layer of {hidden} inputs (choose with --linear NAME)");
                    return Err((expected, there()));
                }
            }
        }
    };
    Ok(Recognised { linear: chosen.name.into(), outputs: chosen.outputs, linear_bias: chosen.bias, ..network })
}
