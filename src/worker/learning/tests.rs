//! What is learnt, and when it is heard.
use crate::model::ModelData;
use std::path::Path;

/// The model of `tests/fixtures/listening/make.py`.
pub fn model() -> ModelData {
    ModelData::read(Path::new("tests/fixtures/listening/small.safetensors")).expect("the fixture")
}
