//! Frames as principal components (Pearson 1901; Hotelling 1933): z = B·(x − mean) / scale, x ≈ Bᵀ·(scale·z) + mean.

use crate::{
    model::ModelData,
    nn::{Dense, Isa, Precision},
};

/// The basis of a model file, ready for one frame at a time.
///
/// # Realtime safety
/// `new` allocates; the other methods do not.
#[derive(Clone, Debug)]
pub struct Projection {
    forward: Dense,
    backward: Dense,
    least: Vec<f32>,
    most: Vec<f32>,
}

impl Projection {
    /// From its parts: `basis` `[components][frame]` with orthonormal rows, `mean` `[frame]`, `scale`, `least` and `most`
    /// `[components]` (bounds of the material's features).
    ///
    /// # Panics
    /// If a length does not fit.
    pub fn new(basis: &[f32], mean: &[f32], scale: &[f32], least: &[f32], most: &[f32], isa: Isa) -> Self {
        let (frame, components) = (mean.len(), scale.len());
        assert!(basis.len() == frame * components && least.len() == components && most.len() == components);
        let mut weight = basis.to_vec();
        let mut bias = vec![0.0; components];
        let mut transposed = vec![0.0; basis.len()];
        for (c, row) in basis.chunks_exact(frame).enumerate() {
            let centre: f64 = row.iter().zip(mean).map(|(&b, &m)| f64::from(b) * f64::from(m)).sum();
            bias[c] = (-centre / f64::from(scale[c])) as f32;
            for (f, &b) in row.iter().enumerate() {
                weight[c * frame + f] = b / scale[c];
                transposed[f * components + c] = b * scale[c];
            }
        }
        Self {
            forward: Dense::new(frame, components, &weight, &bias, Precision::F32, isa),
            backward: Dense::new(components, frame, &transposed, mean, Precision::F32, isa),
            least: least.to_vec(),
            most: most.to_vec(),
        }
    }

    /// From a model file; `None` if it has none.
    pub fn of(data: &ModelData, isa: Isa) -> Option<Self> {
        (data.config().principal_components > 0).then(|| {
            let tensor = |name| data.tensor(name);
            let [basis, mean, scale] = ["pca.basis", "pca.mean", "pca.scale"].map(tensor);
            Self::new(basis, mean, scale, tensor("pca.min"), tensor("pca.max"), isa)
        })
    }

    /// A buffer for [`Self::project`]; the first `components` numbers count.
    pub fn make_feature_buffer(&self) -> Vec<f32> {
        self.forward.make_output_buffer()
    }

    /// A buffer for [`Self::reconstruct`]; the first `frame` numbers count.
    pub fn make_frame_buffer(&self) -> Vec<f32> {
        self.backward.make_output_buffer()
    }

    /// Frame to features.
    pub fn project(&self, frame: &[f32], features: &mut [f32]) {
        self.forward.forward(frame, features);
    }

    /// Features to frame.
    pub fn reconstruct(&self, features: &[f32], frame: &mut [f32]) {
        self.backward.forward(features, frame);
    }

    /// Keeps features inside what the material showed: the first fence against running away.
    pub fn clamp(&self, features: &mut [f32]) {
        for (value, (&least, &most)) in features.iter_mut().zip(self.least.iter().zip(&self.most)) {
            // Not `f32::clamp`, which panics on crossed bounds: a file may hold any.
            *value = value.max(least).min(most);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn projects_and_reconstructs_what_lies_in_the_basis() {
        let h = 0.5f32.sqrt();
        let basis = [h, h, 0.0, h, -h, 0.0];
        let p = Projection::new(&basis, &[1.0, 2.0, 3.0], &[2.0, 4.0], &[-1.0; 2], &[1.0; 2], Isa::best());
        let (mut z, mut x) = (p.make_feature_buffer(), p.make_frame_buffer());
        p.project(&[2.0, 4.0, 3.0], &mut z);
        assert!((z[0] - 3.0 * h / 2.0).abs() < 1e-6 && (z[1] + h / 4.0).abs() < 1e-6, "{z:?}");
        p.reconstruct(&z[..2], &mut x);
        for (got, want) in x.iter().zip([2.0, 4.0, 3.0]) {
            assert!((got - want).abs() < 1e-5, "{x:?}");
        }
        p.clamp(&mut z[..2]);
        assert_eq!(z[0], 1.0);
    }
}
