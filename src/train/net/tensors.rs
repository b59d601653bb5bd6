//! Reading candle's tensors without copying them.

use crate::nn::vectorize;
use candle_core::{CpuStorage, Error, InplaceOp1, Layout, Result, Storage, Tensor, Var};
use pulp::Arch;
use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

/// Gives `read` the elements of contiguous tensors of 32-bit floats on the CPU, row-major.
pub(crate) fn values<const N: usize, R>(tensors: [&Tensor; N], read: impl FnOnce([&[f32]; N]) -> R) -> Result<R> {
    values_of(&tensors, |slices| read(std::array::from_fn(|k| slices[k])))
}

/// [`values`] of a number of tensors that is not known beforehand.
pub(crate) fn values_of<R>(tensors: &[&Tensor], read: impl FnOnce(&[&[f32]]) -> R) -> Result<R> {
    let guards: Vec<_> = tensors.iter().map(|tensor| tensor.storage_and_layout()).collect();
    let mut slices = Vec::new();
    for (storage, layout) in &guards {
        let Storage::Cpu(storage) = &**storage else {
            return Err(Error::Msg("a tensor on the CPU was expected".into()));
        };
        slices.push(slice(storage, layout)?);
    }
    Ok(read(&slices))
}

/// Gives `change` the elements of a variable, to be changed where they are.
pub(crate) fn change(variable: &Var, change: impl FnOnce(&mut [f32])) -> Result<()> {
    variable.inplace_op1(&Change(Mutex::new(Some(change))))
}

/// A change that is made once.
struct Change<F>(Mutex<Option<F>>);

impl<F: FnOnce(&mut [f32])> InplaceOp1 for Change<F> {
    fn name(&self) -> &'static str {
        "change"
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> Result<()> {
        let (start, end) = range(layout)?;
        let change = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let (Some(change), CpuStorage::F32(values)) = (change, storage) {
            change(&mut values[start..end]);
        }
        Ok(())
    }
}

/// True where no number is infinite or none.
pub(crate) fn all_finite(values: &[f32]) -> bool {
    // As whole numbers, so that it is the largest of vectors and no branch.
    let largest = |values: &[f32]| values.iter().fold(0, |most, x| (x.to_bits() & !(1 << 31)).max(most));
    let arch = Arch::new();
    values.chunks(4096).all(|values| {
        vectorize(
            arch,
            #[inline(always)]
            || largest(values),
        ) < f32::INFINITY.to_bits()
    })
}

/// The elements of a contiguous tensor.
pub(crate) fn slice<'a>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [f32]> {
    let (start, end) = range(layout)?;
    Ok(&storage.as_slice::<f32>()?[start..end])
}

fn range(layout: &Layout) -> Result<(usize, usize)> {
    layout.contiguous_offsets().ok_or_else(|| Error::Msg("a contiguous tensor was expected".into()))
}

/// The first variable that holds a number that is not finite.
pub(crate) fn first_not_finite(variables: &BTreeMap<String, Var>) -> Result<Option<String>> {
    for (name, variable) in variables {
        if !values([variable], |[values]| all_finite(values))? {
            return Ok(Some(name.clone()));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    #[test]
    fn variables_are_changed_where_they_are() {
        let variable = Var::new(&[1.0f32, 2.0], &Device::Cpu).expect("a tensor");
        change(&variable, |values| values[1] = 5.0).expect("values");
        assert_eq!(variable.to_vec1::<f32>().expect("values"), [1.0, 5.0]);
    }

    #[test]
    fn what_is_not_finite_is_found_anywhere() {
        for bad in [f32::NAN, -f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            for (len, place) in [(1, 0), (5000, 4999), (9000, 17)] {
                let mut values = vec![-f32::MAX; len];
                assert!(all_finite(&values));
                values[place] = bad;
                assert!(!all_finite(&values), "{bad} at {place} of {len}");
            }
        }
    }
}
