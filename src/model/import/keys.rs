//! The recurrent network and its dense layer among the tensors of a file, by the names that PyTorch gives them.

use super::{
    container::listed,
    error::ImportError,
    external::ExternalFile,
    layers,
    pickle::{Mismatch, is_average},
    weight_norm::{self, Norm},
};
use crate::nn::{CELLS, Cell};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    hash::{DefaultHasher, Hasher},
};

type Shapes = BTreeMap<String, Vec<usize>>;

/// No model has as many layers.
const MAX_NETWORKS: usize = 64;
/// The tensors of a layer of cells.
const PARTS: [&str; 4] = ["weight_ih", "weight_hh", "bias_ih", "bias_hh"];

/// What the user says of a file where its tensors leave a choice.
#[derive(Clone, Copy, Debug, Default)]
pub struct Choice<'a> {
    /// Name of the recurrent network, as `model.rnn`, or names in the order in which they run, with commas between.
    pub rnn: Option<&'a str>,
    /// Name of the dense layer, as `model.head.0`.
    pub linear: Option<&'a str>,
    /// An `nn.RNN` was made with `nonlinearity="relu"`.
    pub relu: bool,
    /// Trained tensors of other layers are left out rather than refused: what is made does not play as it was trained.
    pub drop_others: bool,
}

/// A recurrent network and the dense layer behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recognised {
    /// Its name in the file; empty where the names have no prefix. Several in a row: with commas between.
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
    /// Trained tensors that belong to neither; none but with [`Choice::drop_others`].
    pub left_out: Vec<String>,
    /// What else a user should know of how the file was understood.
    pub notes: Vec<String>,
    /// Where each layer's tensors are: before and after the name of the part.
    places: Vec<(String, String)>,
    norms: BTreeMap<String, Norm>,
}

impl Recognised {
    /// Finds the network in a file.
    ///
    /// # Errors
    /// If there is none, or several of which neither the names nor [`Choice`] tell the order, or what is there is no recurrent
    /// network followed by one dense layer: more dense layers, both directions, projections, normalisations and all else
    /// that is trained.
    pub fn of(file: &ExternalFile, choice: Choice<'_>) -> Result<Self, ImportError> {
        let mismatch = |(expected, actual)| ImportError::Network { file: file.path().into(), expected, actual };
        let (mut shapes, norms) = weight_norm::fold(file.shapes());
        let mut notes = file.notes().to_vec();
        shapes.retain(|name, shape| !layers::is_figure(name, shape));
        leave_averages(&mut shapes, choice.rnn, &mut notes);
        let found = find(&shapes, choice).or_else(|first| {
            // What makes it ambiguous or too much may be there twice: the same module under two names.
            let copies = copies(file, &shapes, &norms, choice);
            if copies.is_empty() {
                return Err(first);
            }
            shapes.retain(|name, _| !copies.contains(name));
            find(&shapes, choice)
        });
        let mut found = found.map_err(mismatch)?;
        if !found.left_out.is_empty() {
            let copies = copies(file, &shapes, &norms, choice);
            found.left_out.retain(|name| !copies.contains(name));
        }
        if !norms.is_empty() {
            notes.push(format!("folded: weight_norm of {}", listed(norms.keys().map(String::as_str))));
        }
        Ok(Self { notes, norms, ..found })
    }

    /// Reads its tensors under the names of a model file. Biases that are not there are zeros.
    ///
    /// # Errors
    /// As [`ExternalFile::read_tensors`].
    pub fn tensors(&self, file: &ExternalFile) -> Result<BTreeMap<String, Vec<f32>>, ImportError> {
        let names = self.names();
        let theirs: Vec<&str> = names.iter().map(|(_, theirs, _)| &**theirs).collect();
        let mut read = read_folded(file, &self.norms, &theirs)?;
        let named = |(ours, theirs, count): (String, String, usize)| {
            (ours, read.remove(&theirs).unwrap_or_else(|| vec![0.0; count]))
        };
        Ok(names.into_iter().map(named).collect())
    }

    /// Our name, theirs, and how many numbers, of every tensor that the model needs.
    fn names(&self) -> Vec<(String, String, usize)> {
        let rows = self.cell.gates() * self.hidden;
        let mut names = Vec::new();
        for (layer, (module, suffix)) in self.places.iter().enumerate() {
            let inputs = if layer == 0 { self.inputs } else { self.hidden };
            let counts = [rows * inputs, rows * self.hidden, rows, rows];
            for (part, count) in PARTS.into_iter().zip(counts) {
                names.push((format!("rnn.{part}_l{layer}"), dotted(module, &format!("{part}{suffix}")), count));
            }
        }
        names.push(("out.weight".into(), dotted(&self.linear, "weight"), self.outputs * self.hidden));
        names.push(("out.bias".into(), dotted(&self.linear, "bias"), self.outputs));
        names
    }
}

/// Those of the tensors that are there, weights in two parts put together.
fn read_folded(
    file: &ExternalFile,
    norms: &BTreeMap<String, Norm>,
    names: &[&str],
) -> Result<BTreeMap<String, Vec<f32>>, ImportError> {
    let mut stored: Vec<&str> = Vec::new();
    for name in names {
        match norms.get(*name) {
            Some(norm) => stored.extend([&*norm.magnitude, &*norm.direction]),
            None if file.shapes().contains_key(*name) => stored.push(name),
            None => {}
        }
    }
    let mut read = file.read_tensors(&stored)?;
    for name in names {
        let Some(norm) = norms.get(*name) else { continue };
        if let (Some(magnitude), Some(direction)) = (read.remove(&norm.magnitude), read.remove(&norm.direction)) {
            read.insert((*name).into(), norm.weight(&magnitude, &direction));
        }
    }
    Ok(read)
}

fn dotted(prefix: &str, name: &str) -> String {
    if prefix.is_empty() { name.into() } else { format!("{prefix}.{name}") }
}

fn split(name: &str) -> (&str, &str) {
    name.rsplit_once('.').unwrap_or(("", name))
}

/// Moving averages of a network's weights stand aside, unless they are all there is or are asked for.
fn leave_averages(shapes: &mut Shapes, wanted: Option<&str>, notes: &mut Vec<String>) {
    let is_network = |averages: bool| {
        shapes.keys().any(|name| name.contains("weight_hh") && name.split('.').any(is_average) == averages)
    };
    if !is_network(true) || !is_network(false) {
        return;
    }
    let asked = wanted.is_some_and(|wanted| wanted.split('.').any(is_average));
    shapes.retain(|name, _| name.split('.').any(is_average) == asked);
    if !asked {
        notes.push("not read: the moving average of the weights that the file holds too".into());
    }
}

/// The tensors of modules that are there under another name as well, number by number.
fn copies(
    file: &ExternalFile,
    shapes: &Shapes,
    norms: &BTreeMap<String, Norm>,
    choice: Choice<'_>,
) -> BTreeSet<String> {
    let mut modules: BTreeMap<&str, Vec<(&str, &[usize])>> = BTreeMap::new();
    for (name, shape) in shapes {
        let (module, part) = split(name);
        modules.entry(module).or_default().push((part, shape));
    }
    // Only what has the parts and shapes of another can be its copy.
    let mut alike: BTreeMap<&[(&str, &[usize])], Vec<&str>> = BTreeMap::new();
    modules.iter().for_each(|(module, parts)| alike.entry(parts).or_default().push(module));
    alike.retain(|_, modules| modules.len() > 1);
    let names: Vec<String> = alike
        .iter()
        .flat_map(|(parts, modules)| {
            modules.iter().flat_map(|module| parts.iter().map(|(part, _)| dotted(module, part)))
        })
        .collect();
    let names: Vec<&str> = names.iter().map(|name| &**name).collect();
    let Ok(numbers) = read_folded(file, norms, &names) else { return BTreeSet::new() };
    let asked = |module: &str| {
        choice.linear == Some(module) || choice.rnn.is_some_and(|rnn| rnn.split(',').any(|name| name.trim() == module))
    };
    let mut copies = BTreeSet::new();
    for (parts, modules) in &alike {
        let values = |module: &str| -> Vec<Option<&Vec<f32>>> {
            parts.iter().map(|(part, _)| numbers.get(&dotted(module, part))).collect()
        };
        // Those asked for stay, and of the others the first. Constants are alike by chance.
        let (asked, others): (Vec<&str>, Vec<&str>) = modules.iter().partition(|module| asked(module));
        let mut kept: HashMap<u64, &str> = HashMap::new();
        for (is_asked, module) in
            asked.iter().map(|module| (true, module)).chain(others.iter().map(|module| (false, module)))
        {
            let own = values(module);
            let varied = own.iter().flatten().any(|numbers| numbers.iter().any(|number| *number != numbers[0]));
            let mut hasher = DefaultHasher::new();
            own.iter()
                .flatten()
                .flat_map(|numbers| numbers.iter())
                .for_each(|number| hasher.write_u32(number.to_bits()));
            let first = *kept.entry(hasher.finish()).or_insert(module);
            if varied && !is_asked && first != *module && values(first) == own {
                copies.extend(parts.iter().map(|(part, _)| dotted(module, part)));
            }
        }
    }
    copies
}

fn find(shapes: &Shapes, choice: Choice<'_>) -> Result<Recognised, Mismatch> {
    let names = choose_rnns(shapes, choice.rnn)?;
    let networks = names.iter().map(|name| measure_rnn(shapes, name, choice.relu)).collect::<Result<Vec<_>, _>>()?;
    let network = in_a_row(networks)?;
    let with_linear = choose_linear(shapes, network, choice)?;
    let used: BTreeSet<String> = with_linear.names().into_iter().map(|(_, theirs, _)| theirs).collect();
    let left_out: Vec<String> = shapes.keys().filter(|name| !used.contains(*name)).cloned().collect();
    if !left_out.is_empty() && !choice.drop_others {
        let (rnn, linear) = (shown(&with_linear.rnn), shown(&with_linear.linear));
        return Err((
            format!(
                "nothing but {rnn} and {linear}, for all else would be left out and the model not play as it was trained"
            ),
            format!(
                "tensors of other layers too: {}; {}",
                layers::described(&left_out, shapes),
                layers::remedy(&left_out, shapes)
            ),
        ));
    }
    Ok(Recognised { left_out, ..with_linear })
}

/// A module's name for people.
fn shown(module: &str) -> &str {
    if module.is_empty() { "the network without a name" } else { module }
}

/// The recurrent networks by name, in the order in which they run.
fn choose_rnns(shapes: &Shapes, wanted: Option<&str>) -> Result<Vec<String>, Mismatch> {
    let mut found: Vec<&str> = shapes
        .keys()
        .map(|name| split(name))
        .filter(|(_, part)| part.starts_with("weight_hh"))
        .map(|(prefix, _)| prefix)
        .collect();
    found.sort_unstable();
    found.dedup();
    let there = || {
        if found.is_empty() {
            format!("the tensors {}", listed(shapes.keys().map(|name| &**name)))
        } else {
            listed(found.iter().copied().map(shown))
        }
    };
    if let Some(wanted) = wanted {
        let wanted: Vec<&str> = wanted.split(',').map(|name| name.trim().trim_end_matches('.')).collect();
        if wanted.len() > MAX_NETWORKS {
            return Err((format!("at most {MAX_NETWORKS} recurrent networks (--rnn)"), wanted.len().to_string()));
        }
        return match wanted.iter().find(|name| !found.contains(name)) {
            Some(absent) => Err((format!("a recurrent network {absent:?} (--rnn)"), there())),
            None => Ok(wanted.into_iter().map(String::from).collect()),
        };
    }
    match &found[..] {
        [] => {
            let reparametrised = shapes.keys().any(|name| name.contains("weight_hh"));
            let remedy =
                if reparametrised { format!("; {}", layers::remedy_of_reparametrised()) } else { String::new() };
            let expected = "the tensors of an nn.LSTM, nn.GRU or nn.RNN, as rnn.weight_ih_l0";
            Err((expected.into(), format!("{}{remedy}", there())))
        }
        [one] => Ok(vec![(*one).into()]),
        several if several.len() > MAX_NETWORKS => Err((
            format!("at most {MAX_NETWORKS} recurrent networks in a row"),
            format!("{}: {}", several.len(), there()),
        )),
        several => match numbered(several) {
            Some(ordered) => Ok(ordered.into_iter().map(String::from).collect()),
            None => {
                let expected = "one recurrent network, or several that are numbered in the order in which they run \
                                (or choose with --rnn FIRST,SECOND, which names all of them in that order)";
                Err((expected.into(), there()))
            }
        },
    }
}

/// Names that differ in one number, by that number: `l1`, `l2`; `cells.0`, `cells.1`; `rnn`, `rnn2`.
fn numbered<'a>(names: &[&'a str]) -> Option<Vec<&'a str>> {
    let tokens = |name: &'a str| -> Vec<&'a str> {
        let digit = |c: char| c.is_ascii_digit();
        let mut rest = name;
        let mut tokens = Vec::new();
        while let Some(first) = rest.chars().next() {
            let end = rest.find(|c: char| digit(c) != digit(first)).unwrap_or(rest.len());
            let (token, behind) = rest.split_at(end);
            tokens.push(token);
            rest = behind;
        }
        tokens
    };
    let mut all: Vec<(Vec<&str>, &str)> = names.iter().map(|name| (tokens(name), *name)).collect();
    // The first may do without a number, if the second's leaves room.
    let most = all.iter().map(|(tokens, _)| tokens.len()).max()?;
    let second = all
        .iter()
        .filter(|(tokens, _)| tokens.len() == most)
        .filter_map(|(tokens, _)| tokens.last()?.parse::<u32>().ok())
        .min();
    let mut bare = all.iter_mut().filter(|(tokens, _)| tokens.len() + 1 == most);
    if let (Some((tokens, _)), None) = (bare.next(), bare.next()) {
        tokens.push(if second? > 1 { "1" } else { "0" });
    }
    let (first, _) = all.first()?.clone();
    let differing: Vec<usize> =
        (0..first.len()).filter(|&at| all.iter().any(|(tokens, _)| tokens.get(at) != first.get(at))).collect();
    let [at] = differing[..] else { return None };
    let mut numbers: Vec<(u32, &str)> = Vec::new();
    for (tokens, name) in &all {
        if tokens.len() != first.len() {
            return None;
        }
        numbers.push((tokens[at].parse().ok()?, name));
    }
    numbers.sort_unstable();
    let distinct = numbers.windows(2).all(|pair| pair[0].0 != pair[1].0);
    distinct.then(|| numbers.into_iter().map(|(_, name)| name).collect())
}

/// Several networks as the layers of one.
fn in_a_row(networks: Vec<Recognised>) -> Result<Recognised, Mismatch> {
    let described: Vec<String> = networks
        .iter()
        .map(|one| format!("{} ({}, {} → {})", shown(&one.rnn), one.cell.info().title, one.inputs, one.hidden))
        .collect();
    let there = || listed(described.iter().map(|text| &**text));
    let fail = |expected: &str, remedy: &str| Err((expected.to_string(), format!("{}; {remedy}", there())));
    if networks.windows(2).any(|pair| pair[0].cell != pair[1].cell) {
        return fail("recurrent layers of one kind, as a model has", "train it again with one kind of cell");
    }
    if networks.windows(2).any(|pair| pair[1].inputs != pair[0].hidden) {
        let expected = "recurrent networks in a row, each of which takes what the one before gives";
        return fail(expected, "networks that run side by side cannot be kept: train it again with num_layers");
    }
    if networks.windows(2).any(|pair| pair[0].hidden != pair[1].hidden) {
        let expected = "recurrent layers of one width, as a model has";
        return fail(expected, "train it again with layers of one width");
    }
    let mut networks = networks.into_iter();
    let mut whole = networks.next().ok_or_else(|| ("a recurrent network".to_string(), "none".to_string()))?;
    for next in networks {
        whole.rnn = format!("{}, {}", whole.rnn, next.rnn);
        whole.layers += next.layers;
        whole.rnn_bias |= next.rnn_bias;
        whole.places.extend(next.places);
    }
    Ok(whole)
}

/// Sizes of the recurrent network; the dense layer is not known yet.
fn measure_rnn(shapes: &Shapes, rnn: &str, relu: bool) -> Result<Recognised, Mismatch> {
    let parts: Vec<&str> =
        shapes.keys().map(|name| split(name)).filter(|(prefix, _)| *prefix == rnn).map(|(_, part)| part).collect();
    let with = |is: &dyn Fn(&str) -> bool| -> Vec<String> {
        parts.iter().filter(|part| is(part)).map(|part| dotted(rnn, part)).collect()
    };
    let unfit = |expected: &str, why: &str, names: Vec<String>| {
        let found = format!("{why}: {}; {}", listed(names.iter().map(|name| &**name)), layers::remedy(&names, shapes));
        Err((expected.to_string(), found))
    };
    let backward = with(&|part| part.ends_with("_reverse"));
    if !backward.is_empty() {
        return unfit("one direction: it cannot be known what comes", "bidirectional=True", backward);
    }
    let projections = with(&|part| part.starts_with("weight_hr"));
    if !projections.is_empty() {
        return unfit("a network without projection", "proj_size > 0", projections);
    }
    // The cells of PyTorch are a layer without a number.
    let is_cell = parts.contains(&"weight_hh");
    let suffix = |layer: usize| if is_cell { String::new() } else { format!("_l{layer}") };
    let name = |part: &str, layer: usize| dotted(rnn, &format!("{part}{}", suffix(layer)));
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
    let several = (0..).take_while(|&layer| shapes.contains_key(&name("weight_hh", layer)));
    let layers = if is_cell { 1 } else { several.count() };
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
        notes: Vec::new(),
        places: (0..layers).map(|layer| (rnn.to_string(), suffix(layer))).collect(),
        norms: BTreeMap::new(),
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
            (!layers::is_something_else(prefix)).then_some(Linear { name: prefix, inputs, outputs, bias })
        })
        .collect()
}

fn choose_linear(shapes: &Shapes, network: Recognised, choice: Choice<'_>) -> Result<Recognised, Mismatch> {
    let all = linears(shapes);
    let hidden = network.hidden;
    let described: Vec<String> =
        all.iter().map(|linear| format!("{} ({} → {})", linear.name, linear.inputs, linear.outputs)).collect();
    let there = || listed(described.iter().map(|text| &**text));
    let fitting: Vec<&Linear<'_>> = all.iter().filter(|linear| linear.inputs == hidden).collect();
    let chosen = match choice.linear.map(|wanted| wanted.trim_end_matches('.')) {
        Some(wanted) => match all.iter().find(|linear| linear.name == wanted) {
            Some(linear) if linear.inputs == hidden => linear,
            Some(_) => {
                return Err((format!("a dense layer of {hidden} inputs, the network's width (--linear)"), there()));
            }
            None => return Err((format!("a dense layer {wanted:?} (--linear)"), there())),
        },
        None => match &fitting[..] {
            [one] => one,
            [_, ..] if choice.drop_others => {
                return Err((format!("one dense layer of {hidden} inputs (choose with --linear NAME)"), there()));
            }
            several => {
                let recurrent: BTreeSet<String> = network.names().into_iter().map(|(_, theirs, _)| theirs).collect();
                let others: Vec<String> = shapes.keys().filter(|name| !recurrent.contains(*name)).cloned().collect();
                let double = several.is_empty() && all.iter().any(|linear| linear.inputs == 2 * hidden);
                let why =
                    if double { "; twice the width is what two networks or directions side by side give" } else { "" };
                let found = match (several, &others[..]) {
                    (_, []) => "none".into(),
                    _ => {
                        format!("{}{why}; {}", layers::described(&others, shapes), layers::remedy(&others, shapes))
                    }
                };
                let expected = match several {
                    [] => format!("an nn.Linear of {hidden} inputs behind the network"),
                    _ => format!("one dense layer behind the network, not {} that cannot all be kept", several.len()),
                };
                return Err((expected, found));
            }
        },
    };
    Ok(Recognised { linear: chosen.name.into(), outputs: chosen.outputs, linear_bias: chosen.bias, ..network })
}

#[cfg(test)]
mod tests {
    use super::numbered;

    #[test]
    fn numbers_in_names_tell_the_order() {
        for (names, ordered) in [
            (&["l1", "l2"][..], &["l1", "l2"][..]),
            (&["cells.0", "cells.1", "cells.10", "cells.2"], &["cells.0", "cells.1", "cells.2", "cells.10"]),
            (&["m.lstm", "m.lstm2"], &["m.lstm", "m.lstm2"]),
            (&["net.1.rnn", "net.0.rnn"], &["net.0.rnn", "net.1.rnn"]),
            (&["rnn_10_a", "rnn_9_a"], &["rnn_9_a", "rnn_10_a"]),
        ] {
            assert_eq!(numbered(names).as_deref(), Some(ordered), "{names:?}");
        }
        for names in [
            &["gru", "rnn"][..],
            &["a1", "b2"],
            &["a.0.b.1", "a.1.b.0"],
            &["l1", "l01"],
            &["l1", "l99999999999"],
            &["l", "l0"],
        ] {
            assert_eq!(numbered(names), None, "{names:?}");
        }
    }
}
