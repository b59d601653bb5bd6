//! Memory that a training uses again at every step. Fresh memory has to be cleared by the system, page by page, which takes longer
//! than what is done with it.

use std::{
    ops::{Deref, DerefMut},
    sync::{Arc, Mutex, PoisonError},
};

/// Buffers that are at rest.
#[derive(Debug, Default)]
pub(crate) struct Workspace(Mutex<Vec<Vec<f32>>>);

impl Workspace {
    /// A buffer of `len` numbers, which are anything.
    pub fn take(self: &Arc<Self>, len: usize) -> Buffer {
        let mut resting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let fitting = (0..resting.len()).filter(|&k| resting[k].len() >= len).min_by_key(|&k| resting[k].len());
        let values = match fitting {
            Some(k) => resting.swap_remove(k),
            None => {
                // What is too small for this step gives way, so that steps of many lengths do not add up.
                let largest = (0..resting.len()).max_by_key(|&k| resting[k].len());
                if let Some(k) = largest {
                    resting.swap_remove(k);
                }
                drop(resting);
                vec![0.0; len]
            }
        };
        Buffer { values, len, home: Arc::clone(self) }
    }
}

/// A buffer in use; it goes back when it is dropped.
#[derive(Debug)]
pub(crate) struct Buffer {
    values: Vec<f32>,
    len: usize,
    home: Arc<Workspace>,
}

impl Deref for Buffer {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        &self.values[..self.len]
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.values[..self.len]
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let values = std::mem::take(&mut self.values);
        self.home.0.lock().unwrap_or_else(PoisonError::into_inner).push(values);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_come_back_and_do_not_add_up() {
        let work = Arc::new(Workspace::default());
        let mut first = work.take(10);
        first.fill(1.0);
        let place = first.as_ptr();
        drop(first);
        let small = work.take(4);
        assert_eq!((small.as_ptr(), small.len()), (place, 4));
        drop(small);
        for len in 11..50 {
            assert_eq!(work.take(len).len(), len);
        }
        assert_eq!(work.0.lock().expect("no panic").len(), 1);
    }
}
