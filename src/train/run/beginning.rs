//! Weights that a training begins with, taken from a model.

use crate::{
    model::ModelData,
    train::{data::dataset::Dataset, error::TrainError, net::network::newest_column},
};
use std::path::Path;

impl Dataset {
    /// Lets a training begin with the weights of a model of the same cells and sizes instead of random ones. A *transpose* may
    /// begin with a *column*: that is what it is while all rows but the newest weigh nothing. `name` stands for the model in errors.
    ///
    /// # Errors
    /// If a tensor of the model to be trained is not there, or not of its shape.
    pub fn begin_with(&mut self, model: &ModelData, name: &Path) -> Result<(), TrainError> {
        let fail = |expected: String, actual: String| TrainError::Beginning { path: name.into(), expected, actual };
        let (own, theirs) = (&self.model, model.config());
        if own.principal_components + theirs.principal_components > 0 {
            let found = format!("{} and {}", theirs.principal_components, own.principal_components);
            return Err(fail("models without principal components, which differ with the material (train both with principal_components=0)".into(), found));
        }
        if own.cell != theirs.cell {
            return Err(fail(format!("a cell {:?}", own.cell), format!("{:?}", theirs.cell)));
        }
        let tensors = theirs.tensors();
        let column = theirs.slides() && theirs.approach.columns().is_none();
        for wanted in own.tensors() {
            let count = wanted.shape.iter().product();
            let mut values = vec![0.0; count];
            match tensors.iter().find(|tensor| tensor.name == wanted.name) {
                Some(found) if found.shape == wanted.shape => values.copy_from_slice(model.tensor(&wanted.name)),
                None if column && wanted.name == "columns.weight" => values = newest_column(own),
                None if column && wanted.name == "columns.bias" => {}
                found => {
                    let found = found.map_or("nothing".into(), |tensor| format!("{:?}", tensor.shape));
                    return Err(fail(format!("tensor `{}` of shape {:?}", wanted.name, wanted.shape), found));
                }
            }
            self.first_weights.insert(wanted.name, values);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        dsp::random::Random,
        hyperparameters::{TrainApproach, TrainConfig},
        model::{Cell, Head},
        train::{data::material::Material, run::training::Training},
    };

    fn dataset(config: &TrainConfig) -> Dataset {
        let mut random = Random::new(1);
        Dataset::of(config, Material::of((0..8000).map(|_| 0.1 * random.normal()).collect())).expect("good material")
    }

    #[test]
    fn a_transpose_begins_as_the_column_it_was_and_another_cell_is_refused() {
        check(Head::Mse, &[0.0, 0.0, 1.0]);
        // Weight, mean and scale of the newest of three columns.
        let mut newest = [0.0; 27];
        for at in [6, 16, 26] {
            newest[at] = 1.0;
        }
        check(Head::Mixture { components: 1, residual: false }, &newest);
    }

    fn check(head: Head, newest: &[f32]) {
        let column = TrainConfig {
            approach: TrainApproach::Column { seg_len: 8 },
            head,
            principal_components: 0,
            hidden: 4,
            streams: 2,
            bptt: 4,
            ..TrainConfig::default()
        };
        let data = dataset(&column);
        let model = Training::new(&column, &data).and_then(|training| training.model()).expect("a model");
        let name = Path::new("column");

        let transpose = TrainConfig {
            approach: TrainApproach::Transpose { seg_len: 8 },
            num_unrollings: 3,
            int_cursor_inc: Some(2),
            random_seed: 2,
            ..column.clone()
        };
        let mut data = dataset(&transpose);
        data.begin_with(&model, name).expect("the same sizes");
        let begun = Training::new(&transpose, &data).and_then(|training| training.model()).expect("a model");
        let outputs = begun.config().output_size();
        for tensor in model.config().tensors() {
            assert_eq!(begun.tensor(&tensor.name), model.tensor(&tensor.name), "{}", tensor.name);
        }
        assert_eq!((begun.tensor("columns.weight"), begun.tensor("columns.bias")), (newest, &vec![0.0; outputs][..]));

        let wider = TrainConfig { hidden: 5, ..column.clone() };
        let error = dataset(&wider).begin_with(&model, name).expect_err("another width").to_string();
        assert!(error.contains("column: expected tensor") && error.contains("[20, 8]"), "{error}");
        let other = TrainConfig { cell: Cell::Gru, ..column };
        let error = dataset(&other).begin_with(&model, name).expect_err("another cell").to_string();
        assert!(error.contains("expected a cell Gru, found Lstm"), "{error}");
    }
}
