//! Work spread over the threads of rayon's pool.

use crate::dsp::float_mode::in_float_mode;
use std::ops::Range;

/// Threads of the pool that this thread belongs to.
pub(crate) fn threads() -> usize {
    rayon::current_num_threads().max(1)
}

/// Runs all jobs, each on a thread in our floating-point mode; a single one here.
pub(crate) fn for_each<J: Send>(jobs: Vec<J>, run: impl Fn(J) + Sync) {
    if jobs.len() < 2 {
        jobs.into_iter().for_each(run);
        return;
    }
    let run = &run;
    rayon::scope(|scope| {
        for job in jobs {
            scope.spawn(move |_| {
                in_float_mode(|| run(job));
            });
        }
    });
}

/// Even parts of `0..count`, one a thread.
pub(crate) fn parts(count: usize) -> Vec<Range<usize>> {
    let parts = threads().min(count).max(1);
    (0..parts).map(|part| part * count / parts..(part + 1) * count / parts).collect()
}

/// Gives every part of the streams its own rows of `values`, `[step][stream][width]`: `[part][step]`.
pub(crate) fn by_part<'a>(
    values: &'a mut [f32],
    parts: &[Range<usize>],
    streams: usize,
    width: usize,
) -> Vec<Vec<&'a mut [f32]>> {
    let mut rows: Vec<Vec<&mut [f32]>> = parts.iter().map(|_| Vec::new()).collect();
    for mut step in values.chunks_exact_mut((streams * width).max(1)) {
        for (part, rows) in parts.iter().zip(&mut rows) {
            let (own, rest) = step.split_at_mut(part.len() * width);
            rows.push(own);
            step = rest;
        }
    }
    rows
}
