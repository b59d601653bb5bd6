//! Products against plain sums, at every instruction-set level.

use super::{Dots, Factors, Kernel, Lanes, Order, PAIRS, PackedMatrix, Row, Sweep, quantise::quantise, words};
use crate::{
    dsp::random::Random,
    nn::{Isa, Precision},
};

fn draw(random: &mut Random, count: usize) -> Vec<f32> {
    (0..count).map(|_| random.normal()).collect()
}

#[test]
fn few_rows_are_summed_as_they_are_written_whatever_is_left_over() {
    let mut random = Random::new(3);
    for isa in Isa::all() {
        for columns in 0..70 {
            for rows in 1..5 {
                let (weights, bias) = (draw(&mut random, rows * columns), draw(&mut random, rows));
                let x = draw(&mut random, columns);
                let mut y = vec![f32::NAN; rows];
                Dots::new(columns, &weights, &bias, isa).multiply(isa, &x, &mut y);
                for (row, &found) in y.iter().enumerate() {
                    let products = weights[row * columns..].iter().zip(&x).map(|(&w, &x)| f64::from(w) * f64::from(x));
                    let expected = f64::from(bias[row]) + products.sum::<f64>();
                    let difference = (f64::from(found) - expected).abs();
                    assert!(difference < 1e-5, "{}, {rows} × {columns}, row {row}: {found}, {expected}", isa.name());
                }
            }
        }
    }
}

/// The sums of voices that hear different things, and those of the first alone.
fn products(matrix: &PackedMatrix, isa: Isa, sweep: Sweep, x: [&[f32]; 2]) -> [Vec<f32>; 3] {
    let mut sums = [(); 3].map(|()| vec![0.0; matrix.padded_rows()]);
    let mut quads = [(); 3].map(|()| vec![0; words(x[0].len())]);
    let [first, second, alone] = &mut sums;
    let [first_quads, second_quads, alone_quads] = &mut quads;
    let factors = |x, quads, sums| Factors { start: None, x: [x, &[]], quads: [quads, &mut []], sums };
    matrix.multiply(isa, sweep, &mut [factors(x[0], first_quads, first), factors(x[1], second_quads, second)]);
    matrix.multiply(isa, sweep, &mut [factors(x[0], alone_quads, alone)]);
    sums
}

#[test]
fn the_way_through_a_matrix_changes_no_bit() {
    const COLUMNS: usize = 37;
    let mut random = Random::new(5);
    for isa in Isa::all() {
        for tiles in 1..6 {
            let rows = tiles * 2 * PAIRS * isa.lanes();
            let order: Order = (0..rows).map(|source| Some(Row { source, factor: 1.0 })).collect();
            let (weights, bias) = (draw(&mut random, rows * COLUMNS), draw(&mut random, rows));
            let x = [draw(&mut random, COLUMNS), draw(&mut random, COLUMNS)];
            for precision in Precision::ALL {
                let matrix = PackedMatrix::new(&order, &[(&weights, COLUMNS)], &bias, precision, isa);
                let [there, back] = [0, 1].map(|step| products(&matrix, isa, Sweep::of_step(step), [&x[0], &x[1]]));
                assert_eq!(there, back, "{}, {tiles} tiles, {precision}", isa.name());
                assert_eq!(there[0], there[2], "{}, {tiles} tiles, {precision}", isa.name());
                let products = weights.iter().zip(&x[0]).map(|(&w, &x)| f64::from(w) * f64::from(x));
                let expected = f64::from(bias[0]) + products.sum::<f64>();
                let difference = (f64::from(there[0][0]) - expected).abs();
                assert!(difference < 0.3, "{}, {tiles} tiles, {precision}: {difference}", isa.name());
            }
        }
    }
}

struct Round<'a>(&'a [f32], &'a mut [i32]);

impl Kernel for Round<'_> {
    type Output = f32;

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) -> f32 {
        quantise(lanes, self.0, self.1)
    }
}

#[test]
fn the_step_of_bytes_reaches_the_largest_and_tells_of_what_is_not_finite_wherever_it_stands() {
    let mut random = Random::new(7);
    for isa in Isa::all() {
        for length in 1..40 {
            let mut quads = vec![0; words(length)];
            let values = draw(&mut random, length);
            for place in 0..length {
                let mut values = values.clone();
                values[place] = -9.0;
                assert_eq!(isa.launch(Round(&values, &mut quads)), 9.0 / 127.0, "{}, {length}, {place}", isa.name());
                for wrong in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
                    values[place] = wrong;
                    let step = isa.launch(Round(&values, &mut quads));
                    assert!(!step.is_finite(), "{}, {length}, {place}: {wrong} gave {step}", isa.name());
                }
            }
        }
    }
}
