//! Gradients under the names of their variables.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// Numbers for every variable, under its name.
pub(crate) type Named = BTreeMap<String, Vec<f32>>;

/// Where the operations of a network leave the gradients of their variables. candle's own store would add each to zeros first, and
/// take new memory for the variable, the zeros and the sum.
#[derive(Debug, Default)]
pub(crate) struct Sink(Mutex<Named>);

impl Sink {
    /// What the last backward pass left.
    pub fn lock(&self) -> MutexGuard<'_, Named> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The vectors of some variables, with anything in them, to be filled and [`put`](Self::put) back.
    pub fn take<const N: usize>(&self, names: [&str; N], lengths: [usize; N]) -> [Vec<f32>; N] {
        let mut named = self.lock();
        std::array::from_fn(|k| {
            let mut values = named.get_mut(names[k]).map(std::mem::take).unwrap_or_default();
            values.resize(lengths[k], 0.0);
            values
        })
    }

    /// Puts vectors (back) under their names.
    pub fn put<const N: usize>(&self, names: [&str; N], gradients: [Vec<f32>; N]) {
        let mut named = self.lock();
        for (name, gradient) in names.into_iter().zip(gradients).filter(|(_, gradient)| !gradient.is_empty()) {
            match named.get_mut(name) {
                Some(slot) => *slot = gradient,
                None => drop(named.insert(name.into(), gradient)),
            }
        }
    }
}
