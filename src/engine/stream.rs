//! Records that one thread writes and any other reads, without either ever waiting: what a picture of an instance is drawn from.

use std::sync::atomic::{
    AtomicU32, AtomicU64,
    Ordering::{Acquire, Relaxed, Release},
    fence,
};

/// The last `capacity` records of `N` words: written by one thread, read by any other.
#[derive(Debug)]
pub(crate) struct Stream<const N: usize> {
    records: Box<[[AtomicU32; N]]>,
    /// Records that have been begun, and that are whole.
    begun: AtomicU64,
    written: AtomicU64,
}

impl<const N: usize> Stream<N> {
    /// An empty one. Allocates.
    pub fn new(capacity: usize) -> Self {
        let empty = || std::array::from_fn(|_| AtomicU32::new(0));
        Self { records: (0..capacity).map(|_| empty()).collect(), begun: AtomicU64::new(0), written: AtomicU64::new(0) }
    }

    /// How many records have been written.
    pub fn written(&self) -> u64 {
        self.written.load(Acquire)
    }

    /// Adds a record, over the oldest.
    ///
    /// # Realtime safety
    /// Wait-free.
    pub fn push(&self, record: [u32; N]) {
        let count = self.written.load(Relaxed);
        self.begun.store(count + 1, Relaxed);
        // Whoever sees a word of the record sees that it was begun.
        fence(Release);
        let place = &self.records[(count % self.records.len() as u64) as usize];
        place.iter().zip(record).for_each(|(slot, word)| slot.store(word, Relaxed));
        self.written.store(count + 1, Release);
    }

    /// Gives `each` the records from number `from` on that are still there; returns the number after the last, and of how many were lost.
    pub fn read(&self, from: u64, mut each: impl FnMut([u32; N])) -> (u64, u64) {
        let capacity = self.records.len() as u64;
        let written = self.written.load(Acquire);
        let mut next = from.clamp(written.saturating_sub(capacity), written);
        let mut lost = next - from.min(next);
        while next < written {
            let record = self.records[(next % capacity) as usize].each_ref().map(|slot| slot.load(Relaxed));
            fence(Acquire);
            // Overwritten while it was read.
            if self.begun.load(Relaxed) > next + capacity {
                lost += 1;
            } else {
                each(record);
            }
            next += 1;
        }
        (written, lost)
    }
}

/// Two words for 64 bits.
pub(crate) fn split(value: i64) -> [u32; 2] {
    [value as u32, (value as u64 >> 32) as u32]
}

/// And back.
pub(crate) fn join(low: u32, high: u32) -> i64 {
    (u64::from(low) | u64::from(high) << 32) as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_sees_whole_records_in_order_and_is_told_what_it_lost() {
        let stream: Stream<3> = Stream::new(8);
        let total: u32 = if cfg!(miri) { 200 } else { 200_000 };
        std::thread::scope(|scope| {
            scope.spawn(|| (0..total).for_each(|i| stream.push([i, i ^ 0xffff, !i])));
            let (mut next, mut seen, mut lost) = (0, 0, 0);
            let mut last = None;
            while next < u64::from(total) {
                let (end, gone) = stream.read(next, |[a, b, c]| {
                    assert_eq!((b, c), (a ^ 0xffff, !a), "torn");
                    assert!(last.is_none_or(|last| a > last), "out of order");
                    last = Some(a);
                    seen += 1;
                });
                (next, lost) = (end, lost + gone);
            }
            assert_eq!(seen + lost, u64::from(total));
        });
    }
}
