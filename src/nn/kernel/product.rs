//! Products of a tile of weights with the vectors of one or more voices.
//!
//! A sum runs over the columns in order, in one register, whatever the number of voices: that is why a voice's bits do not
//! depend on it.

use super::{Kernel, Lanes, matrix::Segment};
use crate::nn::{Isa, Precision};
use std::{array::from_fn, marker::PhantomData};

/// The sums of a tile: pairs of vectors.
pub type Pairs<L, const P: usize> = [[<L as Lanes>::F; 2]; P];
/// The sums of a tile for every voice.
pub type Sums<L, const P: usize, const V: usize> = [Pairs<L, P>; V];

/// What a voice's vector is multiplied as.
#[derive(Clone, Copy, Debug)]
pub struct Operand<'a> {
    /// The numbers themselves.
    pub values: &'a [f32],
    /// The same as bytes, and what one step of them stands for; only looked at with [`Precision::Int8`].
    pub quads: &'a [i32],
    pub scale: f32,
}

/// How weights lie in memory.
pub trait Storage {
    /// Whether operands are wanted as bytes.
    const QUANTISES: bool;

    /// sums ← sums + (tile of weights) · x.
    fn accumulate<L: Lanes, const P: usize, const V: usize>(
        lanes: L,
        segment: &Segment,
        tile: usize,
        x: [Operand<'_>; V],
        sums: &mut Sums<L, P, V>,
    );

    /// As [`Self::accumulate`] for one voice and two tiles that follow each other, side by side: one alone would leave the
    /// processor waiting for its sums.
    fn accumulate_twice<L: Lanes, const P: usize>(
        lanes: L,
        segment: &Segment,
        tile: usize,
        x: Operand<'_>,
        sums: &mut [Pairs<L, P>; 2],
    );
}

/// As they were trained.
pub struct Single;
/// IEEE half precision.
pub struct Half;
/// bfloat16, the rows of a pair of vectors alternating.
pub struct Brain;
/// Bytes, four columns side by side.
pub struct Byte;

/// What lies in memory for a pair of vectors and one column, and how it becomes `f32`.
trait Unit {
    type Stored<L: Lanes>: bytemuck::Pod;
    fn widen<L: Lanes>(lanes: L, stored: &Self::Stored<L>) -> [L::F; 2];
}

impl Unit for Single {
    type Stored<L: Lanes> = [L::F; 2];

    #[inline(always)]
    fn widen<L: Lanes>(_: L, stored: &[L::F; 2]) -> [L::F; 2] {
        *stored
    }
}

impl Unit for Half {
    type Stored<L: Lanes> = [L::Halves; 2];

    #[inline(always)]
    fn widen<L: Lanes>(lanes: L, stored: &[L::Halves; 2]) -> [L::F; 2] {
        [lanes.widen_f16(stored[0]), lanes.widen_f16(stored[1])]
    }
}

impl Unit for Brain {
    type Stored<L: Lanes> = L::F;

    #[inline(always)]
    fn widen<L: Lanes>(lanes: L, stored: &L::F) -> [L::F; 2] {
        lanes.widen_bf16(*stored)
    }
}

impl<U: Unit> Storage for U {
    const QUANTISES: bool = false;

    #[inline(always)]
    fn accumulate<L: Lanes, const P: usize, const V: usize>(
        lanes: L,
        segment: &Segment,
        tile: usize,
        x: [Operand<'_>; V],
        sums: &mut Sums<L, P, V>,
    ) {
        let columns: &[[U::Stored<L>; P]] = segment.tile::<U::Stored<L>>(tile, P).as_chunks().0;
        let x: [&[f32]; V] = from_fn(|v| &x[v].values[..columns.len()]);
        let mut local = *sums;
        for k in 0..columns.len() {
            let factors: [L::F; V] = from_fn(|v| lanes.splat(x[v][k]));
            for p in 0..P {
                let [a, b] = U::widen(lanes, &columns[k][p]);
                for v in 0..V {
                    local[v][p][0] = lanes.mul_add(a, factors[v], local[v][p][0]);
                    local[v][p][1] = lanes.mul_add(b, factors[v], local[v][p][1]);
                }
            }
        }
        *sums = local;
    }

    #[inline(always)]
    fn accumulate_twice<L: Lanes, const P: usize>(
        lanes: L,
        segment: &Segment,
        tile: usize,
        x: Operand<'_>,
        sums: &mut [Pairs<L, P>; 2],
    ) {
        let first: &[[U::Stored<L>; P]] = segment.tile::<U::Stored<L>>(tile, P).as_chunks().0;
        let second: &[[U::Stored<L>; P]] = segment.tile::<U::Stored<L>>(tile + 1, P).as_chunks().0;
        let (second, x) = (&second[..first.len()], &x.values[..first.len()]);
        let [mut sums_first, mut sums_second] = *sums;
        for k in 0..first.len() {
            let factor = lanes.splat(x[k]);
            for p in 0..P {
                let [a, b] = U::widen(lanes, &first[k][p]);
                sums_first[p][0] = lanes.mul_add(a, factor, sums_first[p][0]);
                sums_first[p][1] = lanes.mul_add(b, factor, sums_first[p][1]);
                let [a, b] = U::widen(lanes, &second[k][p]);
                sums_second[p][0] = lanes.mul_add(a, factor, sums_second[p][0]);
                sums_second[p][1] = lanes.mul_add(b, factor, sums_second[p][1]);
            }
        }
        *sums = [sums_first, sums_second];
    }
}

/// Bytes are no [`Unit`]: their products are summed as whole numbers and scaled once.
impl Storage for Byte {
    const QUANTISES: bool = true;

    #[inline(always)]
    fn accumulate<L: Lanes, const P: usize, const V: usize>(
        lanes: L,
        segment: &Segment,
        tile: usize,
        x: [Operand<'_>; V],
        sums: &mut Sums<L, P, V>,
    ) {
        let columns: &[[[L::F; 2]; P]] = segment.tile::<[L::F; 2]>(tile, P).as_chunks().0;
        let [scales, corrections]: [&[[L::F; 2]]; 2] = segment.scales(tile, P);
        let start: [[L::I; 2]; P] = from_fn(|p| corrections[p].map(|bits| lanes.as_whole(bits)));
        let mut whole = [start; V];
        let quads: [&[i32]; V] = from_fn(|v| &x[v].quads[..columns.len()]);
        for k in 0..columns.len() {
            let factors: [L::I; V] = from_fn(|v| lanes.splat_whole(quads[v][k]));
            for p in 0..P {
                for v in 0..V {
                    whole[v][p][0] = lanes.dot(columns[k][p][0], factors[v], whole[v][p][0]);
                    whole[v][p][1] = lanes.dot(columns[k][p][1], factors[v], whole[v][p][1]);
                }
            }
        }
        for v in 0..V {
            add_scaled(lanes, whole[v], scales, x[v].scale, &mut sums[v]);
        }
    }

    #[inline(always)]
    fn accumulate_twice<L: Lanes, const P: usize>(
        lanes: L,
        segment: &Segment,
        tile: usize,
        x: Operand<'_>,
        sums: &mut [Pairs<L, P>; 2],
    ) {
        let first: &[[[L::F; 2]; P]] = segment.tile::<[L::F; 2]>(tile, P).as_chunks().0;
        let second: &[[[L::F; 2]; P]] = segment.tile::<[L::F; 2]>(tile + 1, P).as_chunks().0;
        let (second, quads) = (&second[..first.len()], &x.quads[..first.len()]);
        let start = |tile: usize| -> [[L::I; 2]; P] {
            let [_, corrections]: [&[[L::F; 2]]; 2] = segment.scales(tile, P);
            from_fn(|p| [lanes.as_whole(corrections[p][0]), lanes.as_whole(corrections[p][1])])
        };
        let (mut whole_first, mut whole_second) = (start(tile), start(tile + 1));
        for k in 0..first.len() {
            let factor = lanes.splat_whole(quads[k]);
            for p in 0..P {
                whole_first[p][0] = lanes.dot(first[k][p][0], factor, whole_first[p][0]);
                whole_first[p][1] = lanes.dot(first[k][p][1], factor, whole_first[p][1]);
                whole_second[p][0] = lanes.dot(second[k][p][0], factor, whole_second[p][0]);
                whole_second[p][1] = lanes.dot(second[k][p][1], factor, whole_second[p][1]);
            }
        }
        for (t, (whole, sums)) in [whole_first, whole_second].into_iter().zip(sums).enumerate() {
            add_scaled(lanes, whole, segment.scales(tile + t, P)[0], x.scale, sums);
        }
    }
}

/// sums ← sums + whole numbers · what one of them stands for.
#[inline(always)]
fn add_scaled<L: Lanes, const P: usize>(
    lanes: L,
    whole: [[L::I; 2]; P],
    scales: &[[L::F; 2]],
    scale: f32,
    sums: &mut Pairs<L, P>,
) {
    let scale = lanes.splat(scale);
    for p in 0..P {
        for i in 0..2 {
            sums[p][i] = lanes.mul_add(lanes.to_float(whole[p][i]), lanes.mul(scales[p][i], scale), sums[p][i]);
        }
    }
}

/// sums ← sums + weights · x for one tile of one pair of vectors: four sums side by side, so that the processor need not wait
/// for one addition after the other.
#[inline(always)]
pub fn thin_product<L: Lanes>(lanes: L, segment: &Segment, x: &[f32], sums: [L::F; 2]) -> [L::F; 2] {
    const CHAINS: usize = 4;
    let units: &[[L::F; 2]] = segment.tile(0, 1);
    let x = &x[..segment.columns()];
    let mut partial = [[lanes.splat(0.0); 2]; CHAINS];
    partial[0] = sums;
    let (quads, rest) = (units.chunks_exact(CHAINS), units.chunks_exact(CHAINS).remainder());
    let (x_quads, x_rest) = (x.chunks_exact(CHAINS), x.chunks_exact(CHAINS).remainder());
    let mut add = |c: usize, unit: &[L::F; 2], x: f32| {
        let factor = lanes.splat(x);
        partial[c] = from_fn(|i| lanes.mul_add(unit[i], factor, partial[c][i]));
    };
    for (units, x) in quads.zip(x_quads) {
        for c in 0..CHAINS {
            add(c, &units[c], x[c]);
        }
    }
    for (c, (unit, &x)) in rest.iter().zip(x_rest).enumerate() {
        add(c, unit, x);
    }
    let [a, b, c, d] = partial;
    from_fn(|i| lanes.add(lanes.add(a[i], b[i]), lanes.add(c[i], d[i])))
}

/// Something to compute with weights of whatever storage, at whatever instruction set.
pub trait StorageKernel {
    /// Computes it. Must be inlined.
    fn run<L: Lanes, S: Storage>(self, lanes: L);
}

/// Runs a kernel with the storage that `precision` means.
#[inline(always)]
pub fn launch_stored(isa: Isa, precision: Precision, kernel: impl StorageKernel) {
    match precision {
        Precision::F32 => isa.launch(Stored::<_, Single>(kernel, PhantomData)),
        Precision::F16 => isa.launch(Stored::<_, Half>(kernel, PhantomData)),
        Precision::Bf16 => isa.launch(Stored::<_, Brain>(kernel, PhantomData)),
        Precision::Int8 => isa.launch_for_bytes(Stored::<_, Byte>(kernel, PhantomData)),
    }
}

struct Stored<K, S>(K, PhantomData<S>);

impl<K: StorageKernel, S: Storage> Kernel for Stored<K, S> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) {
        self.0.run::<L, S>(lanes);
    }
}
