//! Counts what a thread allocates and frees, and how much it has at most. Its own module, as it replaces the allocator of the program it is part of.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
};

struct Counting;

thread_local! {
    static COUNT: Cell<usize> = const { Cell::new(0) };
    /// Bytes allocated less those freed, and the most of it.
    static BYTES: Cell<(isize, isize)> = const { Cell::new((0, 0)) };
}

fn count(taken: usize, freed: usize) {
    // During a thread's destruction there is nothing to count.
    let _ = COUNT.try_with(|count| count.set(count.get() + 1));
    let _ = BYTES.try_with(|bytes| {
        let (now, most) = bytes.get();
        // While an allocation moves there are both.
        bytes.set((now + taken as isize - freed as isize, most.max(now + taken as isize)));
    });
}

// SAFETY: every call is handed on to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size(), 0);
        // SAFETY: as promised by the caller.
        unsafe { System.alloc(layout) }
    }

    /// Or zeros would be written where the system has them already, and memory be taken that nothing needs.
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size(), 0);
        // SAFETY: as promised by the caller.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(0, layout.size());
        // SAFETY: as promised by the caller.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size, layout.size());
        // SAFETY: as promised by the caller.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Allocations and frees of this thread while `body` runs.
#[allow(dead_code, reason = "not every program asks for it")]
pub fn counted<T>(body: impl FnOnce() -> T) -> (usize, T) {
    let before = COUNT.with(Cell::get);
    let result = body();
    (COUNT.with(Cell::get) - before, result)
}

/// The most bytes that this thread has beyond those it had before, while `body` runs.
pub fn peak_bytes<T>(body: impl FnOnce() -> T) -> (usize, T) {
    let before = BYTES.with(|bytes| {
        let (now, _) = bytes.get();
        bytes.set((now, now));
        now
    });
    let result = body();
    (BYTES.with(|bytes| bytes.get().1 - before) as usize, result)
}

#[test]
fn the_counter_counts() {
    let (count, boxed) = counted(|| Box::new(1));
    assert_eq!(count, 1);
    assert_eq!(counted(move || drop(boxed)).0, 1);
    assert_eq!(counted(|| std::hint::black_box(2) + 2).0, 0);
    let (most, kept) = peak_bytes(|| {
        drop(std::hint::black_box(vec![0u8; 3000]));
        std::hint::black_box(vec![0u8; 1000])
    });
    assert_eq!(most, 3000);
    assert_eq!(peak_bytes(move || drop(kept)).0, 0);
}
