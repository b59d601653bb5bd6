//! Weights that PyTorch keeps as a direction and a magnitude (`torch.nn.utils.weight_norm`, Salimans and Kingma 2016).

use std::collections::BTreeMap;

type Shapes = BTreeMap<String, Vec<usize>>;

/// A weight's two tensors: w = v · g / ‖v‖.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Norm {
    /// The magnitudes g: of rows, of columns, or one of all.
    pub magnitude: String,
    /// The directions v.
    pub direction: String,
    pub magnitude_shape: Vec<usize>,
    pub shape: Vec<usize>,
}

/// The tensors as a network uses them, and how those are made that are not in the file.
pub(super) fn fold(stored: &Shapes) -> (Shapes, BTreeMap<String, Norm>) {
    let mut shapes = stored.clone();
    let mut norms = BTreeMap::new();
    for (direction, shape) in stored {
        let Some((weight, magnitude)) = names(direction) else { continue };
        let Some(magnitude_shape) = stored.get(&magnitude).filter(|of| broadcasts(of, shape)) else { continue };
        if stored.contains_key(&weight) {
            continue;
        }
        shapes.remove(direction);
        shapes.remove(&magnitude);
        shapes.insert(weight.clone(), shape.clone());
        let (magnitude_shape, direction, shape) = (magnitude_shape.clone(), direction.clone(), shape.clone());
        norms.insert(weight, Norm { magnitude, direction, magnitude_shape, shape });
    }
    (shapes, norms)
}

/// Of a direction's name, the weight's and the magnitude's: `out.weight_v`, or `out.parametrizations.weight.original1`.
fn names(direction: &str) -> Option<(String, String)> {
    if let Some(stem) = direction.strip_suffix("_v") {
        return Some((stem.into(), format!("{stem}_g")));
    }
    let stem = direction.strip_suffix(".original1")?;
    let (module, weight) = stem.rsplit_once("parametrizations.")?;
    Some((format!("{module}{weight}"), format!("{stem}.original0")))
}

fn broadcasts(magnitude: &[usize], shape: &[usize]) -> bool {
    shape.len() >= 2
        && (magnitude.iter().all(|&count| count == 1)
            || magnitude.len() == shape.len() && magnitude.iter().zip(shape).all(|(g, v)| *g == 1 || g == v))
}

impl Norm {
    /// The weight of a matrix, row-major; each row, each column or the whole has its own magnitude.
    pub fn weight(&self, magnitude: &[f32], direction: &[f32]) -> Vec<f32> {
        let columns = self.shape.last().copied().unwrap_or(1).max(1);
        // [1, 1] of a single row is both the row's and the whole's, which are the same.
        let place = |index: usize| match self.magnitude_shape[..] {
            [rows, 1] if rows > 1 => index / columns,
            [1, several] if several > 1 => index % columns,
            _ => 0,
        };
        let mut squares = vec![0.0f64; magnitude.len()];
        direction.iter().enumerate().for_each(|(index, &v)| squares[place(index)] += f64::from(v).powi(2));
        let scaled = |(index, &v): (usize, &f32)| {
            let place = place(index);
            (f64::from(v) * f64::from(magnitude[place]) / squares[place].sqrt()) as f32
        };
        direction.iter().enumerate().map(scaled).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shapes(tensors: &[(&str, &[usize])]) -> Shapes {
        tensors.iter().map(|(name, shape)| ((*name).to_string(), shape.to_vec())).collect()
    }

    #[test]
    fn both_forms_give_the_plain_name_and_other_tensors_stay() {
        for (magnitude, direction) in [
            ("a.out.weight_g", "a.out.weight_v"),
            ("a.out.parametrizations.weight.original0", "a.out.parametrizations.weight.original1"),
        ] {
            let (folded, norms) = fold(&shapes(&[(magnitude, &[3, 1]), (direction, &[3, 2]), ("a.out.bias", &[3])]));
            assert_eq!(folded, shapes(&[("a.out.weight", &[3, 2]), ("a.out.bias", &[3])]));
            assert_eq!(norms["a.out.weight"].magnitude, magnitude);
        }
        // A spectral norm's vector, magnitudes of another size, and a weight that is there.
        for kept in [
            &[("o.weight_v", &[2][..]), ("o.weight_g", &[2])][..],
            &[("o.weight_v", &[3, 2]), ("o.weight_g", &[2, 1])],
            &[("o.weight_v", &[3, 2]), ("o.weight_g", &[3, 1]), ("o.weight", &[3, 2])],
            &[("o.weight_v", &[3, 2])],
        ] {
            assert_eq!(fold(&shapes(kept)), (shapes(kept), BTreeMap::new()));
        }
    }

    #[test]
    fn magnitudes_are_those_of_rows_columns_or_all() {
        let weight = |of: &[usize], magnitude: &[f32]| {
            let (_, norms) = fold(&shapes(&[("w_g", of), ("w_v", &[2, 2])]));
            norms["w"].weight(magnitude, &[3.0, 4.0, 0.0, 2.0])
        };
        assert_eq!(weight(&[2, 1], &[10.0, 1.0]), [6.0, 8.0, 0.0, 1.0]);
        assert_eq!(weight(&[1, 2], &[1.0, 20.0f32.sqrt()]), [1.0, 4.0, 0.0, 2.0]);
        let all = weight(&[], &[29.0f32.sqrt()]);
        assert!(all.iter().zip([3.0, 4.0, 0.0, 2.0]).all(|(a, b)| (a - b).abs() < 1e-6), "{all:?}");
    }
}
