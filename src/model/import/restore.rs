//! An exported model comes back as it was.

use super::{ExternalFile, ImportError, container::brief, layers};
use crate::model::{ModelData, export::Exported};

/// The model that [`crate::model::export`] wrote into a file, with the weights that are there now; none if another program
/// made the file.
///
/// # Errors
/// If what the export left does not parse, the tensors no longer fit it, or there are more than it tells of.
pub fn restore(file: &ExternalFile) -> Option<Result<ModelData, ImportError>> {
    let json = file.exported()?;
    let parsed = serde_json::from_str::<Exported>(json).map_err(|error| ImportError::Format {
        file: file.path().into(),
        expected: "the configuration of an exported model".into(),
        actual: brief(&error),
    });
    Some(parsed.and_then(|exported| {
        let theirs: Vec<&str> = file.shapes().keys().map(String::as_str).collect();
        let wanted = exported.config.tensors();
        let is_known = |name: &str| {
            let ours = exported.names.ours(name);
            wanted.iter().any(|tensor| tensor.name == ours)
        };
        let others: Vec<String> = theirs.iter().filter(|name| !is_known(name)).map(|name| name.to_string()).collect();
        if !others.is_empty() {
            let (names, remedy) = (layers::described(&others, file.shapes()), layers::remedy(&others, file.shapes()));
            return Err(ImportError::Network {
                file: file.path().into(),
                expected: "the tensors of the exported model and no others".into(),
                actual: format!("tensors of other layers too: {names}; {remedy}"),
            });
        }
        let tensors = file.read_tensors(&theirs)?;
        let ours = tensors.into_iter().map(|(name, values)| (exported.names.ours(&name), values)).collect();
        Ok(ModelData::new(exported.config, ours, file.path())?)
    }))
}
