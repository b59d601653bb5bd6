//! The recurrent cells: [`Cell`] and its table [`CELLS`], a file each for their arithmetic, and the layer that is one of them.
//!
//! A new cell is a variant, a row of the table and an arm of each match in this file, a file beside it, and in the trainer
//! its gradient (`train/net/cells`: a file and the matches of its `mod.rs`). All others read the table.

mod clockwork;
mod fused_lstm;
mod gru;
pub(super) mod layer;
mod lstm;
mod rnn;

use crate::nn::{Isa, Precision, kernel::Order};
use clockwork::Clockwork;
use gru::Gru;
use layer::{LayerVoice, LayerWeights};
use lstm::Lstm;
use rnn::Rnn;
use serde::{Deserialize, Serialize};

/// The recurrent cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cell {
    /// PyTorch's `nn.LSTM`, with peepholes where the weights have them.
    Lstm,
    /// PyTorch's `nn.GRU`.
    Gru,
    /// PyTorch's `nn.RNN`, h ← tanh(W·[x; h] + b).
    #[serde(alias = "vanilla", alias = "rnn")]
    RnnTanh,
    /// PyTorch's `nn.RNN` with `nonlinearity="relu"`.
    RnnRelu,
    /// Clockwork RNN (Koutník et al. 2014): [`StackShape::clock_groups`] equal groups of neighbouring units with periods
    /// 1, 2, 4, …; at step t (from 0) those whose period divides t move, all others keep their output; a group hears itself and the
    /// slower ones. Tensors as in `nn.RNN`; what lies below the block diagonal of `weight_hh` has no effect.
    Clockwork,
}

/// What is known of a cell wherever cells are listed, measured, read or written.
#[derive(Clone, Copy, Debug)]
pub struct CellInfo {
    /// The cell.
    pub cell: Cell,
    /// The name in model files and training configurations.
    pub name: &'static str,
    /// Other names on the command line.
    pub aliases: &'static [&'static str],
    /// The name for people.
    pub title: &'static str,
    /// What it is, in a sentence without a full stop.
    pub meaning: &'static str,
    /// The module of PyTorch that computes the same; none where there is none.
    pub torch: Option<TorchModule>,
    /// Rows of `weight_ih` and `weight_hh` per unit.
    pub gates: usize,
    /// It carries a c from step to step beside its output h.
    pub has_c: bool,
}

/// A recurrent module of `torch.nn`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TorchModule {
    /// Its class.
    pub class: &'static str,
    /// Its argument `nonlinearity`, where it has one.
    pub nonlinearity: Option<&'static str>,
}

/// Every cell, in the order of [`Cell`].
pub static CELLS: [CellInfo; 5] = [
    CellInfo {
        cell: Cell::Lstm,
        name: "lstm",
        aliases: &[],
        title: "LSTM",
        meaning: "long short-term memory: four gates, the most to compute",
        torch: Some(TorchModule { class: "LSTM", nonlinearity: None }),
        gates: 4,
        has_c: true,
    },
    CellInfo {
        cell: Cell::Gru,
        name: "gru",
        aliases: &[],
        title: "GRU",
        meaning: "gated recurrent unit: three gates",
        torch: Some(TorchModule { class: "GRU", nonlinearity: None }),
        gates: 3,
        has_c: false,
    },
    CellInfo {
        cell: Cell::RnnTanh,
        name: "rnn_tanh",
        aliases: &["vanilla", "rnn"],
        title: "RNN (tanh)",
        meaning: "simple recurrent network with tanh: the least to compute and to remember",
        torch: Some(TorchModule { class: "RNN", nonlinearity: Some("tanh") }),
        gates: 1,
        has_c: false,
    },
    CellInfo {
        cell: Cell::RnnRelu,
        name: "rnn_relu",
        aliases: &["relu"],
        title: "RNN (ReLU)",
        meaning: "simple recurrent network with a rectifier",
        torch: Some(TorchModule { class: "RNN", nonlinearity: Some("relu") }),
        gates: 1,
        has_c: false,
    },
    CellInfo {
        cell: Cell::Clockwork,
        name: "clockwork",
        aliases: &[],
        title: "clockwork RNN",
        meaning: "groups of units that move every 1, 2, 4, … steps",
        torch: None,
        gates: 1,
        has_c: false,
    },
];

impl Cell {
    /// Its row of [`CELLS`].
    pub fn info(self) -> &'static CellInfo {
        &CELLS[self as usize]
    }

    /// Rows of `weight_ih` and `weight_hh` per unit.
    pub fn gates(self) -> usize {
        self.info().gates
    }
}

/// What all layers of a stack share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StackShape {
    /// The cell.
    pub cell: Cell,
    /// Clockwork: equal groups of neighbouring units, a divisor of the width. Other cells do not look at it.
    pub clock_groups: usize,
    /// Inputs of the first layer; the others have `hidden`.
    pub inputs: usize,
    /// Width of every layer.
    pub hidden: usize,
    /// A layer's output is its h plus its input, where both have the same width; its own recurrence hears h alone.
    pub residual: bool,
}

impl StackShape {
    /// Inputs of a layer.
    pub(super) fn inputs_of(&self, layer: usize) -> usize {
        if layer == 0 { self.inputs } else { self.hidden }
    }
}

/// The packed weights of a layer.
#[derive(Clone, Debug)]
pub(super) enum Layer {
    Lstm(Lstm),
    Gru(Gru),
    Rnn(Rnn),
    Clockwork(Clockwork),
}

impl Layer {
    /// The layer `index` of a stack.
    ///
    /// # Panics
    /// If a length does not fit, or the groups of a clockwork do not divide the width.
    pub fn new(shape: &StackShape, index: usize, weights: &LayerWeights<'_>, precision: Precision, isa: Isa) -> Self {
        let (inputs, hidden) = (shape.inputs_of(index), shape.hidden);
        assert!(weights.peepholes.is_none() || shape.cell == Cell::Lstm);
        match shape.cell {
            Cell::Lstm => Self::Lstm(Lstm::new(inputs, hidden, weights, precision, isa)),
            Cell::Gru => Self::Gru(Gru::new(inputs, hidden, weights, precision, isa)),
            Cell::RnnTanh => Self::Rnn(Rnn::new(inputs, hidden, false, weights, precision, isa)),
            Cell::RnnRelu => Self::Rnn(Rnn::new(inputs, hidden, true, weights, precision, isa)),
            Cell::Clockwork => {
                Self::Clockwork(Clockwork::new(inputs, hidden, shape.clock_groups, weights, precision, isa))
            }
        }
    }

    #[inline(always)]
    pub fn step<const V: usize>(&self, voices: &mut [LayerVoice<'_>; V]) {
        match self {
            Self::Lstm(lstm) => lstm.step(voices),
            Self::Gru(gru) => gru.step(voices),
            Self::Rnn(rnn) => rnn.step(voices),
            Self::Clockwork(clockwork) => clockwork.step(voices),
        }
    }

    /// Bytes that a step reads.
    pub fn bytes(&self) -> usize {
        match self {
            Self::Lstm(lstm) => lstm.bytes(),
            Self::Gru(gru) => gru.bytes(),
            Self::Rnn(rnn) => rnn.bytes(),
            Self::Clockwork(clockwork) => clockwork.bytes(),
        }
    }

    /// How the sums over x lie.
    pub fn order(&self) -> Order {
        match self {
            Self::Lstm(lstm) => lstm.order(),
            Self::Gru(gru) => gru.order(),
            Self::Rnn(rnn) => rnn.order(),
            Self::Clockwork(clockwork) => clockwork.order(),
        }
    }

    /// The bias of the sums over x.
    pub fn bias_of_x(&self, weights: &LayerWeights<'_>) -> Vec<f32> {
        match self {
            // Its sums over h are kept apart.
            Self::Gru(_) => weights.bias_ih.to_vec(),
            Self::Lstm(_) | Self::Rnn(_) | Self::Clockwork(_) => weights.summed_bias(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_a_row_for_every_cell_that_files_name() {
        for (index, info) in CELLS.iter().enumerate() {
            assert_eq!(info.cell as usize, index, "{} is out of order", info.name);
            assert_eq!(serde_json::to_value(info.cell).expect("a name"), info.name);
            assert_eq!(info.cell.info().name, info.name);
        }
        // Serde says which names it knows.
        let known = serde_json::from_str::<Cell>("\"?\"").expect_err("no cell").to_string();
        let names: Vec<&str> = known.split('`').skip(3).step_by(2).collect();
        assert!(names.len() >= CELLS.len(), "{known}");
        for name in names {
            let listed = CELLS.iter().any(|info| info.name == name || info.aliases.contains(&name));
            assert!(listed, "{name} has no row");
        }
    }
}
