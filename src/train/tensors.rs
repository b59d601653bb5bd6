//! Reading candle's tensors without copying them.

use candle_core::{CpuStorage, Error, Layout, Result, Storage, Tensor, Var};
use std::collections::BTreeMap;

/// Gives `read` the elements of contiguous tensors of 32-bit floats on the CPU, row-major.
pub(super) fn values<const N: usize, R>(tensors: [&Tensor; N], read: impl FnOnce([&[f32]; N]) -> R) -> Result<R> {
    let guards = tensors.map(Tensor::storage_and_layout);
    let mut slices = [&[][..]; N];
    for (slot, (storage, layout)) in slices.iter_mut().zip(&guards) {
        let Storage::Cpu(storage) = &**storage else {
            return Err(Error::Msg("a tensor on the CPU was expected".into()));
        };
        *slot = slice(storage, layout)?;
    }
    Ok(read(slices))
}

/// The elements of a contiguous tensor.
pub(super) fn slice<'a>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [f32]> {
    let (start, end) =
        layout.contiguous_offsets().ok_or_else(|| Error::Msg("a contiguous tensor was expected".into()))?;
    Ok(&storage.as_slice::<f32>()?[start..end])
}

/// The first variable that holds a number that is not finite.
pub(super) fn first_not_finite(variables: &BTreeMap<String, Var>) -> Result<Option<String>> {
    for (name, variable) in variables {
        if !values([variable], |[values]| values.iter().all(|x| x.is_finite()))? {
            return Ok(Some(name.clone()));
        }
    }
    Ok(None)
}
