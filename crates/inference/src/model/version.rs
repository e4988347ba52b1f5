//! Which version of a model a request means.

/// Which version of a model is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VersionChoice {
    /// The newest that is available.
    Latest,
    /// This one.
    Number(i64),
    /// The one that a label stands for.
    Label(String),
}
