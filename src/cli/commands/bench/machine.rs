//! What a core of this machine can do at best: fused multiply-adds, and reads from buffers of some size.

use crate::nn::Isa;
use pulp::{Arch, Simd, WithSimd};
use serde_json::{Value, json};
use std::{collections::BTreeMap, hint::black_box, time::Instant};

/// Sums side by side: enough to hide the latency of an addition, few enough for the registers of AVX2.
const SUMS: usize = 12;
/// Multiply-adds of a vector between two looks at the clock.
const ROUNDS: usize = 100_000;
/// Buffers are a whole number of these long.
const GRAIN_BYTES: usize = 4096;
/// Bytes that are read between two looks at the clock, and at least the whole buffer.
const BATCH_BYTES: usize = 16 << 20;
/// A model may have more weights than this; what is read from main memory is read at one speed.
const MAX_BYTES: usize = 256 << 20;

/// Figures of one core, those of reads measured when they are asked for.
pub struct Machine {
    seconds: f64,
    /// 32-bit operations, in 10⁹ a second; a multiply-add is two.
    fma_gflops: f64,
    /// Bytes of the buffer, 10⁹ bytes a second.
    reads: BTreeMap<usize, f64>,
}

impl Machine {
    /// Measures each figure for so many seconds.
    pub fn measure(seconds: f64) -> Self {
        let operations = 2.0 * (ROUNDS * SUMS) as f64;
        let rate = best_rate(seconds, || operations * Arch::new().dispatch(Multiply) as f64);
        Self { seconds, fma_gflops: 1e-9 * rate, reads: BTreeMap::new() }
    }

    /// 32-bit operations that a core does, in 10⁹ a second.
    pub fn fma_gflops(&self) -> f64 {
        self.fma_gflops
    }

    /// What a core reads in 10⁹ bytes a second, over and over, from so large a buffer.
    pub fn read_gb_per_second(&mut self, bytes: usize) -> f64 {
        let bytes = bytes.clamp(1, MAX_BYTES).next_multiple_of(GRAIN_BYTES);
        *self.reads.entry(bytes).or_insert_with(|| {
            let buffer = vec![1e-3f32; bytes / size_of::<f32>()];
            let passes = (BATCH_BYTES / bytes).max(1);
            // The first pass brings the buffer as near as it fits.
            Arch::new().dispatch(Read { buffer: &buffer, passes: 1 });
            let read = || {
                Arch::new().dispatch(Read { buffer: &buffer, passes });
                (bytes * passes) as f64
            };
            1e-9 * best_rate(self.seconds, read)
        })
    }

    /// One line for people.
    pub fn text(&self, isa: Isa) -> String {
        let reads: Vec<String> = self.reads.iter().map(|(bytes, rate)| format!("{} {rate:.0}", size(*bytes))).collect();
        let reads = if reads.is_empty() { String::new() } else { format!("; reads in GB/s: {}", reads.join(", ")) };
        format!("{}, {}; one core: {:.0} GFLOP/s{reads}", cpu(), isa.name(), self.fma_gflops)
    }

    /// The same for programs.
    pub fn json(&self, isa: Isa) -> Value {
        let reads = self.reads.iter().map(|(bytes, rate)| json!({"bytes": bytes, "gb_per_second": rate}));
        json!({
            "cpu": cpu(),
            "isa": isa.name(),
            "fma_gflops": self.fma_gflops,
            "reads": reads.collect::<Vec<_>>(),
        })
    }
}

/// A number of bytes, to three digits.
pub fn size(bytes: usize) -> String {
    let bytes = bytes as f64;
    if bytes < 999.5 * 1024.0 {
        format!("{:.0} KiB", bytes / 1024.0)
    } else {
        format!("{:.1} MiB", bytes / 1024.0 / 1024.0)
    }
}

/// The processor's own name where the system tells it.
fn cpu() -> String {
    let cpuinfo = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let line = cpuinfo.lines().find(|line| line.starts_with("model name"));
    let name = line.and_then(|line| line.split_once(':')).map(|(_, name)| super::one_line(name));
    name.filter(|name| !name.is_empty()).unwrap_or_else(|| std::env::consts::ARCH.into())
}

/// `work` says how much it did; the best of its runs in so many seconds, per second.
fn best_rate(seconds: f64, mut work: impl FnMut() -> f64) -> f64 {
    let (all, mut best) = (Instant::now(), 0.0f64);
    while best == 0.0 || all.elapsed().as_secs_f64() < seconds {
        let began = Instant::now();
        let done = work();
        // A clock may be coarse.
        best = best.max(done / began.elapsed().as_secs_f64().max(1e-9));
    }
    best
}

/// Multiply-adds on registers; answers how many numbers a vector has.
struct Multiply;

impl WithSimd for Multiply {
    type Output = usize;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> usize {
        let factor = simd.splat_f32s(black_box(0.5));
        let addend = simd.splat_f32s(black_box(0.25));
        let mut sums = [simd.splat_f32s(black_box(1.0)); SUMS];
        for _ in 0..ROUNDS {
            for sum in &mut sums {
                *sum = simd.mul_add_e_f32s(*sum, factor, addend);
            }
        }
        black_box(sums.map(|sum| simd.reduce_sum_f32s(sum)));
        S::F32_LANES
    }
}

/// Reads a buffer from one end to the other, each number multiplied and added as a weight is.
struct Read<'a> {
    buffer: &'a [f32],
    passes: usize,
}

impl WithSimd for Read<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let factor = simd.splat_f32s(black_box(0.5));
        let mut sums = [simd.splat_f32s(0.0); SUMS];
        for _ in 0..self.passes {
            let (vectors, _) = S::as_simd_f32s(black_box(self.buffer));
            for group in vectors.chunks_exact(SUMS) {
                for (sum, &vector) in sums.iter_mut().zip(group) {
                    *sum = simd.mul_add_e_f32s(vector, factor, *sum);
                }
            }
        }
        black_box(sums.map(|sum| simd.reduce_sum_f32s(sum)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units() {
        assert_eq!(
            [300, 27_000, 1_022_000, 1_800_000].map(size),
            ["0 KiB", "26 KiB", "998 KiB", "1.7 MiB"].map(String::from)
        );
    }

    #[test]
    fn figures_are_positive_and_a_size_is_measured_once() {
        let mut machine = Machine::measure(0.001);
        assert!(machine.fma_gflops() > 0.0 && machine.fma_gflops().is_finite());
        let rate = machine.read_gb_per_second(10_000);
        assert!(rate > 0.0 && rate.is_finite());
        assert_eq!(machine.read_gb_per_second(12_000), rate);
        assert_eq!(machine.reads.len(), 1);
        assert!(machine.read_gb_per_second(0) > 0.0);
    }
}
