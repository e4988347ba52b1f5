//! Models: where they lie, what opens them, which versions are served.

pub mod bundle;
pub mod files;
pub mod keys;
pub mod load;
pub mod manager;
pub mod plain;
pub mod plan;
pub mod policy;
pub mod reference;
pub mod registry;
pub mod version;

pub use files::ModelFiles;
pub use plan::{ModelPlan, Source};
pub use registry::{Models, Servable, State};
pub use version::VersionChoice;
