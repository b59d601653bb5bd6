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

/// Columns of the two blocks of a matrix.
const COLUMNS: [usize; 2] = [21, 37];

/// The sums of voices that hear different things, and those of the first alone.
fn products(matrix: &PackedMatrix, isa: Isa, sweep: Sweep, x: &[[Vec<f32>; 2]; 2]) -> [Vec<f32>; 3] {
    let [mut first, mut second, mut alone] = [(); 3].map(|()| vec![0.0; matrix.padded_rows()]);
    let mut quads = [(); 3].map(|()| COLUMNS.map(|columns| vec![0; words(columns)]));
    let [first_quads, second_quads, alone_quads] = &mut quads;
    matrix.multiply(
        isa,
        sweep,
        &mut [factors(&x[0], first_quads, &mut first), factors(&x[1], second_quads, &mut second)],
    );
    matrix.multiply(isa, sweep, &mut [factors(&x[0], alone_quads, &mut alone)]);
    [first, second, alone]
}

fn factors<'a>(x: &'a [Vec<f32>; 2], quads: &'a mut [Vec<i32>; 2], sums: &'a mut [f32]) -> Factors<'a> {
    Factors { start: None, x: x.each_ref().map(Vec::as_slice), quads: quads.each_mut().map(Vec::as_mut_slice), sums }
}

#[test]
fn the_way_through_a_matrix_changes_no_bit() {
    let mut random = Random::new(5);
    for isa in Isa::all() {
        for tiles in 1..6 {
            let rows = tiles * 2 * PAIRS * isa.lanes();
            let order: Order = (0..rows).map(|source| Some(Row { source, factor: 1.0 })).collect();
            let weights = COLUMNS.map(|columns| draw(&mut random, rows * columns));
            let bias = draw(&mut random, rows);
            let x = [(); 2].map(|()| COLUMNS.map(|columns| draw(&mut random, columns)));
            let blocks = [(&weights[0][..], COLUMNS[0]), (&weights[1][..], COLUMNS[1])];
            for precision in Precision::ALL {
                let what = format!("{}, {tiles} tiles, {precision}", isa.name());
                let matrix = PackedMatrix::new(&order, &blocks, &bias, precision, isa);
                let [there, back] = [0, 1].map(|step| products(&matrix, isa, Sweep::of_step(step), &x));
                assert_eq!(there, back, "{what}");
                assert_eq!(there[0], there[2], "{what}");
                for (voice, x) in x.iter().enumerate() {
                    for (row, &found) in there[voice].iter().enumerate() {
                        let products = blocks.iter().zip(x).flat_map(|((weights, columns), x)| {
                            weights[row * columns..].iter().zip(x).map(|(&w, &x)| f64::from(w) * f64::from(x))
                        });
                        let difference = (f64::from(found) - f64::from(bias[row]) - products.sum::<f64>()).abs();
                        assert!(difference < 0.5, "{what}, voice {voice}, row {row}: off by {difference}");
                    }
                }
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
