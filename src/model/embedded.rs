//! The models inside the binary. A slot number, once given, is never given to another model.

/// One embedded model file.
#[derive(Clone, Copy, Debug)]
pub struct EmbeddedModel {
    /// Value of the parameter *Model*, 0–63.
    pub slot: u8,
    /// Name on the command line and in a project's state; never changes.
    pub name: &'static str,
    /// Name shown before the file has been read.
    pub title: &'static str,
    /// The file.
    pub bytes: &'static [u8],
}

/// All embedded models, by slot.
pub const EMBEDDED: &[EmbeddedModel] = &[];

impl EmbeddedModel {
    /// Looks a model up by the name it has on the command line.
    pub fn by_name(name: &str) -> Option<&'static Self> {
        EMBEDDED.iter().find(|model| model.name == name)
    }
}
