//! A model that travels inside a project, so that no file is needed.

use crate::common::models;
use sympathy::{
    control::ParamId,
    model::Head,
    params::{Base64File, Project, StoredModel, StoredProject},
};

/// The slot of the test's model.
pub const SLOT: u8 = 64;
/// Its name in the project.
pub const NAME: &str = "travelling";

/// A small model file.
pub fn model() -> Vec<u8> {
    let head = Head::Mixture { components: 3, residual: true };
    models::random_model(models::config(models::magnitude(), head, 8), 1).to_bytes()
}

/// The persisted field that carries the model inside the project.
pub fn project(model: &[u8]) -> String {
    let stored =
        StoredModel { slot: SLOT, name: NAME.into(), file: Some(Base64File::encode(model)), ..StoredModel::default() };
    let project = Project { user: Some(vec![stored]), ..Project::default() };
    serde_json::to_string(&StoredProject::Known(project)).expect("plain data")
}

/// A whole state, as the plugin saves it: the length, then JSON.
pub fn state(model: &[u8]) -> Vec<u8> {
    state_in(model, "auto")
}

/// The same with a precision.
pub fn state_in(model: &[u8], precision: &str) -> Vec<u8> {
    let json = serde_json::json!({
        "version": "",
        "params": { ParamId::Model.spec().key: { "i32": SLOT }, "precision": { "string": precision } },
        "fields": { "models": project(model) },
    });
    framed(json.to_string().as_bytes())
}

/// Bytes as nice-plug frames them for CLAP.
pub fn framed(json: &[u8]) -> Vec<u8> {
    [&(json.len() as u64).to_le_bytes()[..], json].concat()
}
