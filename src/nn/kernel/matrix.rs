//! A matrix packed for the kernels.

use super::{AlignedBuffer, Lanes, quantise::round_row};
use crate::nn::{Isa, Precision};
use half::{bf16, f16};

/// Pairs of vectors in a tile of a matrix that [`PackedMatrix::multiply`] takes.
pub const PAIRS: usize = 2;

/// What stands at a place of the packed order: a row of the matrix times a factor.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Row {
    /// Index in the matrix as it is given.
    pub source: usize,
    /// A power of two, so that it changes nothing but the exponent.
    pub factor: f32,
}

/// The rows of a packed matrix in their order: tile by tile, vector by vector, lane by lane. `None`: zeros.
pub type Order = Vec<Option<Row>>;

/// Columns that are multiplied with one vector.
#[derive(Clone, Debug)]
pub struct Segment {
    columns: usize,
    /// `[tile][column][pair]` of what the storage makes of a pair of vectors; bytes: `[tile][column / 4][vector][lane][4]`.
    weights: AlignedBuffer,
    /// Bytes only, `[tile][vector][lane]`: what a byte of the row stands for, and what is added to its sum of whole numbers.
    scales: AlignedBuffer,
    corrections: AlignedBuffer,
}

impl Segment {
    /// Length of the vector.
    #[inline(always)]
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// A tile's weights, `pairs` to a column.
    #[inline(always)]
    pub fn tile<T: bytemuck::Pod>(&self, index: usize, pairs: usize) -> &[T] {
        let all: &[T] = self.weights.view();
        // Bytes stand in words of four columns: as many units to a word as the others have to a column.
        let length = if self.scales.bytes() > 0 { self.columns.div_ceil(4) } else { self.columns } * pairs;
        &all[index * length..][..length]
    }

    /// Of a tile: what its bytes stand for, and what is added to their sums, pairs of vectors each.
    #[inline(always)]
    pub fn scales<T: bytemuck::Pod>(&self, tile: usize, pairs: usize) -> [&[T]; 2] {
        [&self.scales, &self.corrections].map(|buffer| &buffer.view()[tile * pairs..(tile + 1) * pairs])
    }

    fn bytes(&self) -> usize {
        self.weights.bytes() + self.scales.bytes() + self.corrections.bytes()
    }
}

/// Weights and bias, in tiles of `2 · pairs` vectors.
#[derive(Clone, Debug)]
pub struct PackedMatrix {
    pairs: usize,
    tiles: usize,
    padded_rows: usize,
    segments: Vec<Segment>,
    /// `[tile][vector][lane]`
    bias: AlignedBuffer,
    precision: Precision,
}

impl PackedMatrix {
    /// As [`Self::with_pairs`], in the tiles that [`Self::multiply`] takes.
    ///
    /// # Panics
    /// If a length does not fit.
    pub fn new(
        order: &[Option<Row>],
        blocks: &[(&[f32], usize)],
        bias: &[f32],
        precision: Precision,
        isa: Isa,
    ) -> Self {
        Self::with_pairs(order, PAIRS, blocks, bias, precision, isa)
    }

    /// Packs `blocks`, each row-major `[rows][columns_i]` as PyTorch stores weights, and `bias` (`[rows]`), in the order given,
    /// whose length is a whole number of tiles.
    ///
    /// # Panics
    /// If a length does not fit.
    pub fn with_pairs(
        order: &[Option<Row>],
        pairs: usize,
        blocks: &[(&[f32], usize)],
        bias: &[f32],
        precision: Precision,
        isa: Isa,
    ) -> Self {
        let tile_rows = 2 * pairs * isa.lanes();
        assert!(order.len().is_multiple_of(tile_rows));
        assert!(blocks.iter().all(|(weights, columns)| weights.len() == bias.len() * columns));
        let packed_bias: Vec<f32> =
            order.iter().map(|row| row.map_or(0.0, |row| row.factor * bias[row.source])).collect();
        Self {
            pairs,
            tiles: order.len() / tile_rows,
            padded_rows: order.len(),
            segments: blocks
                .iter()
                .map(|&(weights, columns)| {
                    Packing { order, pairs, weights, columns, lanes: isa.lanes() }.pack(precision, isa)
                })
                .collect(),
            bias: AlignedBuffer::of(&packed_bias),
            precision,
        }
    }

    /// Pairs of vectors in a tile.
    pub fn pairs(&self) -> usize {
        self.pairs
    }

    /// Tiles.
    pub fn tiles(&self) -> usize {
        self.tiles
    }

    /// How weights are stored.
    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// Length of a result: the rows, padded to whole tiles.
    pub fn padded_rows(&self) -> usize {
        self.padded_rows
    }

    /// The blocks of columns.
    #[inline(always)]
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// The bias in packed order, as pairs of vectors of `L`.
    #[inline(always)]
    pub fn bias<L: Lanes>(&self) -> &[[L::F; 2]] {
        &self.bias.view()[..self.tiles * self.pairs]
    }

    /// Weights on the way from those of `from`, at 0, to those of `to`, at 1: matrices of one shape in 32 bits.
    ///
    /// # Panics
    /// If they are stored in fewer.
    pub fn blend(&mut self, from: &Self, to: &Self, amount: f32) {
        assert!([&*self, from, to].iter().all(|matrix| matrix.precision == Precision::F32), "bytes have no middle");
        for (own, (from, to)) in self.segments.iter_mut().zip(from.segments.iter().zip(&to.segments)) {
            own.weights.blend(&from.weights, &to.weights, amount);
        }
        self.bias.blend(&from.bias, &to.bias, amount);
    }

    /// Bytes that a product reads.
    pub fn bytes(&self) -> usize {
        self.segments.iter().map(Segment::bytes).sum::<usize>() + self.bias.bytes()
    }
}

/// One block on its way.
struct Packing<'a> {
    order: &'a [Option<Row>],
    pairs: usize,
    weights: &'a [f32],
    columns: usize,
    lanes: usize,
}

/// Where a row stands.
struct Place {
    tile: usize,
    /// Vector within the tile.
    vector: usize,
    lane: usize,
}

impl Packing<'_> {
    fn pack(&self, precision: Precision, isa: Isa) -> Segment {
        let count = self.order.len() * self.columns;
        let mut segment = Segment {
            columns: self.columns,
            weights: AlignedBuffer::default(),
            scales: AlignedBuffer::default(),
            corrections: AlignedBuffer::default(),
        };
        match precision {
            Precision::F32 => {
                segment.weights = AlignedBuffer::new(4 * count);
                self.fill(segment.weights.view_mut::<f32>(), false, |w| w);
            }
            Precision::F16 => {
                // Rather the largest number than an infinity.
                let most = f16::MAX.to_f32();
                segment.weights = AlignedBuffer::new(2 * count);
                self.fill(segment.weights.view_mut::<u16>(), false, |w| f16::from_f32(w.clamp(-most, most)).to_bits());
            }
            Precision::Bf16 => {
                segment.weights = AlignedBuffer::new(2 * count);
                self.fill(segment.weights.view_mut::<u16>(), true, |w| bf16::from_f32(w).to_bits());
            }
            Precision::Int8 => self.fill_bytes(&mut segment, isa.byte_offset()),
        }
        segment
    }

    fn place(&self, index: usize) -> Place {
        let vectors = 2 * self.pairs;
        let vector = index / self.lanes;
        Place { tile: vector / vectors, vector: vector % vectors, lane: index % self.lanes }
    }

    /// The places that hold a row, and their rows.
    fn rows(&self) -> impl Iterator<Item = (usize, f32, &[f32])> {
        self.order.iter().enumerate().filter_map(|(index, row)| {
            row.map(|row| (index, row.factor, &self.weights[row.source * self.columns..][..self.columns]))
        })
    }

    fn fill<T>(&self, slots: &mut [T], interleaved: bool, convert: impl Fn(f32) -> T) {
        let lanes = self.lanes;
        for (index, factor, weights) in self.rows() {
            let Place { tile, vector, lane } = self.place(index);
            let within = if interleaved { 2 * lane + vector % 2 } else { vector % 2 * lanes + lane };
            for (column, &weight) in weights.iter().enumerate() {
                let pair = (tile * self.columns + column) * self.pairs + vector / 2;
                slots[2 * lanes * pair + within] = convert(factor * weight);
            }
        }
    }

    /// `offset` is what is added to the bytes of the other factor: its part of a sum is known beforehand.
    fn fill_bytes(&self, segment: &mut Segment, offset: u8) {
        let quads = self.columns.div_ceil(4);
        segment.weights = AlignedBuffer::new(4 * quads * self.order.len());
        segment.scales = AlignedBuffer::new(4 * self.order.len());
        segment.corrections = AlignedBuffer::new(4 * self.order.len());
        let bytes = segment.weights.view_mut::<i8>();
        for (index, factor, weights) in self.rows() {
            let Place { tile, vector, lane } = self.place(index);
            let (scale, row) = round_row(weights.iter().map(|w| factor * w));
            let mut sum = 0;
            for (column, byte) in row.enumerate() {
                let word = (tile * quads + column / 4) * 2 * self.pairs + vector;
                bytes[4 * (word * self.lanes + lane) + column % 4] = byte;
                sum += i32::from(byte);
            }
            segment.scales.view_mut::<f32>()[index] = scale;
            segment.corrections.view_mut::<i32>()[index] = -i32::from(offset) * sum;
        }
    }
}
