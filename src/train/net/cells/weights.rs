//! The variables of a layer.

/// What a layer's variables hold.
#[derive(Clone, Copy)]
pub(crate) struct Weights<'a> {
    /// `(gates·hidden, inputs)`
    pub ih: &'a [f32],
    /// `(gates·hidden, hidden)`
    pub hh: &'a [f32],
    /// `(gates·hidden)`
    pub bias_ih: &'a [f32],
    /// `(gates·hidden)`
    pub bias_hh: &'a [f32],
    /// `(3·hidden)`: i, f, o; empty without peepholes.
    pub peephole: &'a [f32],
}

impl<'a> Weights<'a> {
    /// From slices in the order of [`LAYER_TENSORS`](crate::model::LAYER_TENSORS).
    pub fn of(parts: &[&'a [f32]]) -> Self {
        let part = |index: usize| parts.get(index).copied().unwrap_or_default();
        Self { ih: part(0), hh: part(1), bias_ih: part(2), bias_hh: part(3), peephole: part(4) }
    }

    /// The sum of both biases.
    pub fn bias(&self) -> Vec<f32> {
        self.bias_ih.iter().zip(self.bias_hh).map(|(a, b)| a + b).collect()
    }
}

/// The same places of a gradient.
pub(crate) struct WeightsMut<'a> {
    pub ih: &'a mut [f32],
    pub hh: &'a mut [f32],
    pub bias_ih: &'a mut [f32],
    pub bias_hh: &'a mut [f32],
    pub peephole: &'a mut [f32],
}

impl<'a> WeightsMut<'a> {
    pub fn of([ih, hh, bias_ih, bias_hh, peephole]: &'a mut [Vec<f32>; 5]) -> Self {
        Self { ih, hh, bias_ih, bias_hh, peephole }
    }
}
