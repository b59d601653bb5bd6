//! The sizes of what learns, and where its tensors lie in one slice.

use crate::model::{AVERAGES, BANDS, BinTier, Head, ModelConfig, ModelData};
use std::{collections::BTreeMap, ops::Range};

/// The tensors that learn, in the order in which they lie in a slice of weights: those of the bins, then those of the bands.
pub const LEARNT: [&str; 10] = [
    "bins.weight_ih_l0",
    "bins.weight_hh_l0",
    "bins.bias_ih_l0",
    "bins.bias_hh_l0",
    "out.weight",
    "out.bias",
    "bands.hidden.weight",
    "bands.hidden.bias",
    "bands.out.weight",
    "bands.out.bias",
];
/// How many of them are the bins'.
pub(super) const BIN_TENSORS: usize = 6;

/// The sizes of a listening model.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shape {
    /// Numbers of a frame.
    pub bins: usize,
    /// Width of the recurrent layers, which stand still.
    pub hidden: usize,
    /// Of the layer over the bins, and of the bands.
    pub tier: BinTier,
    /// The first bin of every band, and one past the last.
    pub bounds: [usize; BANDS + 1],
    /// The mean of a band's bins that its highest level stands for.
    pub band_top: f32,
}

impl Shape {
    /// Of a validated model that listens; none of any other.
    pub fn of(config: &ModelConfig) -> Option<Self> {
        let (Head::Autoregressive(tier), Some(own)) = (config.head, config.approach.listening()) else { return None };
        Some(Self {
            bins: own.bins,
            hidden: config.hidden,
            tier,
            bounds: own.band_bounds(config.sample_rate_hz),
            band_top: own.band_top,
        })
    }

    /// How long each tensor of [`LEARNT`] is.
    fn lengths(&self) -> [usize; LEARNT.len()] {
        let BinTier { levels, hidden, band_hidden, .. } = self.tier;
        [
            3 * hidden * self.tier.inputs(),
            3 * hidden * hidden,
            3 * hidden,
            3 * hidden,
            levels * hidden,
            levels,
            band_hidden * (self.hidden + self.tier.band_inputs()),
            band_hidden,
            levels * band_hidden,
            levels,
        ]
    }

    /// Numbers that learn.
    pub fn weights(&self) -> usize {
        self.lengths().iter().sum()
    }

    /// Where the bins' numbers lie among them; the bands' follow.
    pub fn bin_weights(&self) -> Range<usize> {
        0..self.lengths()[..BIN_TENSORS].iter().sum()
    }

    /// The tensors of [`LEARNT`] in a slice of [`Self::weights`] numbers.
    ///
    /// # Panics
    /// If the slice is too short.
    pub fn split<'a>(&self, mut weights: &'a [f32]) -> [&'a [f32]; LEARNT.len()] {
        self.lengths().map(|length| {
            let (own, rest) = weights.split_at(length);
            weights = rest;
            own
        })
    }

    /// The same, to be changed.
    ///
    /// # Panics
    /// As [`Self::split`].
    pub fn split_mut<'a>(&self, mut weights: &'a mut [f32]) -> [&'a mut [f32]; LEARNT.len()] {
        self.lengths().map(|length| {
            let (own, rest) = std::mem::take(&mut weights).split_at_mut(length);
            weights = rest;
            own
        })
    }

    /// The weights of a model of this shape that learn, in one slice.
    pub fn weights_of(&self, model: &ModelData) -> Vec<f32> {
        LEARNT.iter().flat_map(|name| model.tensor(name)).copied().collect()
    }

    /// The tensors of such a slice by name.
    pub fn tensors(&self, weights: &[f32]) -> BTreeMap<String, Vec<f32>> {
        LEARNT.iter().zip(self.split(weights)).map(|(name, values)| ((*name).into(), values.to_vec())).collect()
    }

    /// Numbers of the averages of a frame.
    pub fn averages(&self) -> usize {
        AVERAGES * self.bins
    }
}
