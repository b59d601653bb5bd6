//! Matrices whose sums lie as their rows do.

use super::{
    Isa,
    kernel::{Order, Row},
};
use std::ops::Range;

/// Pairs of vectors in a tile.
pub(super) const PAIRS: usize = 2;

/// Rows one after the other, then zeros up to a whole number of tiles.
pub(super) fn plain_order(rows: Range<usize>, pairs: usize, isa: Isa) -> Order {
    let padded = rows.len().next_multiple_of(2 * pairs * isa.lanes());
    let mut order: Order = rows.map(|source| Some(Row { source, factor: 1.0 })).collect();
    order.resize(padded, None);
    order
}
