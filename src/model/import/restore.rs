//! An exported model comes back as it was.

use super::{ExternalFile, ImportError};
use crate::model::{ModelData, export::Exported};

/// The model that [`crate::model::export`] wrote into a file, with the weights that are there now; none if another program
/// made the file.
///
/// # Errors
/// If what the export left does not parse, or the tensors no longer fit it.
pub fn restore(file: &ExternalFile) -> Option<Result<ModelData, ImportError>> {
    let json = file.exported()?;
    let parsed = serde_json::from_str::<Exported>(json).map_err(|error| ImportError::Format {
        file: file.path().into(),
        expected: "the configuration of an exported model".into(),
        actual: error.to_string(),
    });
    Some(parsed.and_then(|exported| {
        let theirs: Vec<&str> = file.shapes().keys().map(String::as_str).collect();
        let tensors = file.read_tensors(&theirs)?;
        let ours = tensors.into_iter().map(|(name, values)| (exported.names.ours(&name), values)).collect();
        Ok(ModelData::new(exported.config, ours, file.path())?)
    }))
}
