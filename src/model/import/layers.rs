//! What tensors probably are that belong to no part of a model, by the names and shapes of PyTorch's modules, and what can be done.

use super::container::listed;
use std::collections::BTreeMap;

type Shapes = BTreeMap<String, Vec<usize>>;

/// A sort of layer that a model file has no place for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Sort {
    Dense,
    Recurrent,
    Backward,
    Projection,
    Normalisation,
    BatchNormalisation,
    Convolution,
    Attention,
    Embedding,
    Reparametrised,
    State,
    Other,
}

impl Sort {
    fn title(self) -> &'static str {
        match self {
            Self::Dense => "a dense layer",
            Self::Recurrent => "another recurrent layer",
            Self::Backward => "the backward direction of a bidirectional network",
            Self::Projection => "a projection, proj_size",
            Self::Normalisation => "a normalisation, as nn.LayerNorm",
            Self::BatchNormalisation => "a batch normalisation",
            Self::Convolution => "a convolution",
            Self::Attention => "an attention",
            Self::Embedding => "an embedding",
            Self::Reparametrised => "weights in parts, as of spectral_norm or pruning",
            Self::State => "an initial state",
            Self::Other => "a parameter of its own",
        }
    }

    fn remedy(self) -> &'static str {
        match self {
            Self::Dense => {
                "train it again with one nn.Linear, or where nothing nonlinear lies between two, multiply them into one before saving"
            }
            Self::BatchNormalisation => {
                "fold it into the nn.Linear before saving (torch.nn.utils.fusion), or train it again without"
            }
            Self::Reparametrised => {
                "make plain weights of them before saving (torch.nn.utils.parametrize.remove_parametrizations, \
                 remove_spectral_norm, prune.remove)"
            }
            Self::Recurrent => {
                "name all that run in a row (--rnn FIRST,SECOND), or train it again as one network with num_layers"
            }
            Self::Backward => "train it again with bidirectional=False: what is to come cannot be known while playing",
            Self::Projection => "train it again without proj_size",
            Self::Embedding => "train it again on samples or frames as plain numbers",
            Self::State => "train it again from a state of zeros",
            Self::Normalisation | Self::Convolution | Self::Attention | Self::Other => {
                "train it again as an nn.LSTM, nn.GRU or nn.RNN with one nn.Linear behind it, and nothing else that is trained"
            }
        }
    }
}

const ATTENTION: [&str; 6] = ["attn", "attention", "in_proj", "q_proj", "k_proj", "v_proj"];

fn is_embedding(module: &str) -> bool {
    module.to_lowercase().contains("emb")
}

/// Names of modules whose weights have the shape of a dense layer's.
pub(super) fn is_something_else(module: &str) -> bool {
    is_embedding(module) || ATTENTION.iter().any(|word| module.to_lowercase().contains(word))
}

fn sort_of(name: &str, shapes: &Shapes) -> Sort {
    let (module, part) = name.rsplit_once('.').unwrap_or(("", name));
    let beside = |part: &str| {
        let name = if module.is_empty() { part.into() } else { format!("{module}.{part}") };
        shapes.get(&name)
    };
    let lower = name.to_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    let rank = beside("weight").map_or(0, Vec::len);
    if part.ends_with("_reverse") {
        Sort::Backward
    } else if part.starts_with("weight_hr") {
        Sort::Projection
    } else if part.starts_with("running_") || beside("running_mean").is_some() {
        Sort::BatchNormalisation
    } else if has(&["parametrizations.", "weight_orig", "weight_mask"])
        || part == "weight_u"
        || beside("parametrizations.weight.original").is_some()
    {
        Sort::Reparametrised
    } else if has(&["weight_ih", "weight_hh", "bias_ih", "bias_hh"]) {
        Sort::Recurrent
    } else if has(&ATTENTION) {
        Sort::Attention
    } else if rank >= 3 {
        Sort::Convolution
    } else if rank == 2 && is_embedding(module) {
        Sort::Embedding
    } else if rank == 2 {
        Sort::Dense
    } else if rank == 1 && beside("weight").is_some_and(|shape| shape[..] != [1]) {
        Sort::Normalisation
    } else if ["h0", "c0", "h_0", "c_0", "hidden", "init_h", "init_c", "hidden_state", "cell_state"].contains(&part) {
        Sort::State
    } else {
        Sort::Other
    }
}

/// Tensors that would be left out, with what they probably are.
pub(super) fn described(names: &[String], shapes: &Shapes) -> String {
    let mut sorts: BTreeMap<Sort, Vec<&str>> = BTreeMap::new();
    for name in names {
        sorts.entry(sort_of(name, shapes)).or_default().push(name);
    }
    let described =
        sorts.iter().map(|(sort, names)| format!("{} (probably {})", listed(names.iter().copied()), sort.title()));
    described.collect::<Vec<_>>().join("; ")
}

/// What can be done so that none has to be left out.
pub(super) fn remedy(names: &[String], shapes: &Shapes) -> String {
    let mut remedies: Vec<&str> = names.iter().map(|name| sort_of(name, shapes).remedy()).collect();
    remedies.sort_unstable();
    remedies.dedup();
    // One that asks for all at once stands for several.
    if remedies.len() > 2 { Sort::Other.remedy().into() } else { remedies.join("; ") }
}

/// What can be done where weights are kept in parts of an unknown meaning.
pub(super) fn remedy_of_reparametrised() -> &'static str {
    Sort::Reparametrised.remedy()
}

/// Numbers about a training, which no network is made of.
pub(super) fn is_figure(name: &str, shape: &[usize]) -> bool {
    const WORDS: [&str; 14] = [
        "loss",
        "losses",
        "epoch",
        "epochs",
        "step",
        "steps",
        "iteration",
        "iter",
        "lr",
        "accuracy",
        "metric",
        "best",
        "seed",
        "batches",
    ];
    let part = name.rsplit('.').next().unwrap_or(name).to_lowercase();
    shape.iter().all(|&count| count == 1)
        && part.split(|c: char| !c.is_alphanumeric()).any(|word| WORDS.contains(&word))
}
