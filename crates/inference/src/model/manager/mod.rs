//! Versions of models: what is done next to which.

pub mod decide;
