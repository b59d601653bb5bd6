//! Reading candle's tensors without copying them.

use candle_core::{Error, Result, Storage, Tensor, Var};
use std::collections::BTreeMap;

/// Gives `read` the elements of a contiguous tensor of 32-bit floats on the CPU, row-major.
pub(super) fn values<R>(tensor: &Tensor, read: impl FnOnce(&[f32]) -> R) -> Result<R> {
    let (storage, layout) = tensor.storage_and_layout();
    let Storage::Cpu(storage) = &*storage else {
        return Err(Error::Msg("a tensor on the CPU was expected".into()));
    };
    let (start, end) =
        layout.contiguous_offsets().ok_or_else(|| Error::Msg("a contiguous tensor was expected".into()))?;
    Ok(read(&storage.as_slice::<f32>()?[start..end]))
}

/// The first variable that holds a number that is not finite.
pub(super) fn first_not_finite(variables: &BTreeMap<String, Var>) -> Result<Option<String>> {
    for (name, variable) in variables {
        if !values(variable, |values| values.iter().all(|x| x.is_finite()))? {
            return Ok(Some(name.clone()));
        }
    }
    Ok(None)
}
