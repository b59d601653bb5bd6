//! Codes that the player has stored: places in the space of codes, and the way from one to the next.

use crate::model::MAX_CODES;
use std::sync::{
    Mutex, MutexGuard, PoisonError,
    atomic::{AtomicU64, Ordering},
};

/// Codes that are stored, at most.
pub const MAX_STORED: usize = 8;

/// A code; numbers that a model does not have are 0.
pub type Code = [f32; MAX_CODES];

/// Codes in their order.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct CodePath {
    count: usize,
    codes: [Code; MAX_STORED],
}

impl CodePath {
    /// Of these; what is not between −1 and 1 is put there, and a NaN to 0. Those after the last of [`MAX_STORED`] are left out.
    pub fn of(codes: impl IntoIterator<Item = Code>) -> Self {
        let mut path = Self::default();
        for code in codes.into_iter().take(MAX_STORED) {
            path.codes[path.count] = code.map(|x| if x.is_nan() { 0.0 } else { x.clamp(-1.0, 1.0) });
            path.count += 1;
        }
        path
    }

    /// The same with another one at the end; where there is no room the first one goes.
    fn with(&self, code: Code) -> Self {
        let spare = usize::from(self.count == MAX_STORED);
        Self::of(self.codes()[spare..].iter().copied().chain([code]))
    }

    /// The codes.
    pub fn codes(&self) -> &[Code] {
        &self.codes[..self.count]
    }

    /// The place a part of the way, 0 to 1, from the first to the last; none without codes.
    pub fn along(&self, part: f32) -> Option<Code> {
        let ways = self.count.checked_sub(1)?;
        let place = part.clamp(0.0, 1.0) * ways as f32;
        let from = (place as usize).min(ways);
        Some(between(&self.codes[from], &self.codes[(from + 1).min(ways)], place - from as f32))
    }

    /// The place a part of the way, 0 to 1, from the first over all others back to the first; none without codes.
    pub fn around(&self, part: f32) -> Option<Code> {
        let last = self.count.checked_sub(1)?;
        let place = part.clamp(0.0, 1.0) * self.count as f32;
        let from = (place as usize).min(last);
        Some(between(&self.codes[from], &self.codes[(from + 1) % self.count], place - from as f32))
    }
}

fn between(a: &Code, b: &Code, part: f32) -> Code {
    std::array::from_fn(|i| a[i] + (b[i] - a[i]) * part)
}

/// The codes of a project: written by a window, by a project that is loaded and by the worker, read by the worker. Not for the audio
/// thread.
#[derive(Debug, Default)]
pub struct StoredCodes {
    path: Mutex<CodePath>,
    generation: AtomicU64,
}

impl StoredCodes {
    fn lock(&self) -> MutexGuard<'_, CodePath> {
        // It is replaced in one piece.
        self.path.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// As they are now.
    pub fn get(&self) -> CodePath {
        *self.lock()
    }

    /// Changes with every change; one atomic load.
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    fn change(&self, to: impl FnOnce(&CodePath) -> CodePath) -> u64 {
        let mut path = self.lock();
        *path = to(&path);
        self.generation.fetch_add(1, Ordering::Release) + 1
    }

    /// Replaces all; returns [`Self::generation`] as it is then.
    pub fn set(&self, path: CodePath) -> u64 {
        self.change(|_| path)
    }

    /// Stores a code behind the others. Where there is no room the first one goes.
    pub fn push(&self, code: Code) {
        self.change(|path| path.with(code));
    }

    /// Stores a code in place of one that is there; behind the others where there is none.
    pub fn put(&self, index: usize, code: Code) {
        self.change(|path| match index < path.count {
            true => CodePath::of(path.codes().iter().enumerate().map(|(i, &old)| if i == index { code } else { old })),
            false => path.with(code),
        });
    }

    /// Forgets one.
    pub fn remove(&self, index: usize) {
        self.change(|path| {
            CodePath::of(path.codes().iter().enumerate().filter(|(i, _)| *i != index).map(|(_, &code)| code))
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(first: f32) -> Code {
        std::array::from_fn(|i| if i == 0 { first } else { 0.0 })
    }

    #[test]
    fn a_path_leads_from_code_to_code_and_around() {
        let path = CodePath::of([code(-1.0), code(0.0), code(0.5)]);
        for (part, expected) in [(0.0, -1.0), (0.25, -0.5), (0.5, 0.0), (0.75, 0.25), (1.0, 0.5), (9.0, 0.5)] {
            assert_eq!(path.along(part), Some(code(expected)), "{part}");
        }
        for (part, expected) in [(0.0, -1.0), (0.5, 0.25), (5.0 / 6.0, -0.25), (1.0, -1.0)] {
            assert!((path.around(part).expect("codes")[0] - expected).abs() < 1e-6, "{part}");
        }
        let one = CodePath::of([code(0.5)]);
        assert_eq!((one.along(0.7), one.around(0.7)), (Some(code(0.5)), Some(code(0.5))));
        assert_eq!((CodePath::default().along(0.5), CodePath::default().around(0.5)), (None, None));
    }

    #[test]
    fn codes_are_stored_replaced_and_forgotten_and_there_are_never_too_many() {
        let stored = StoredCodes::default();
        let firsts = || stored.get().codes().iter().map(|code| code[0]).collect::<Vec<_>>();
        (0..9).for_each(|i| stored.push(code(i as f32 / 10.0)));
        assert_eq!(firsts(), [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8]);
        stored.remove(1);
        stored.put(0, code(7.0));
        stored.put(50, code(f32::NAN));
        assert_eq!(firsts(), [1.0, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.0]);
        assert_eq!(stored.generation(), 12);
        stored.set(CodePath::default());
        assert_eq!(firsts(), [] as [f32; 0]);
    }
}
