//! The manifest in force, as it was set. Anybody may read it.

use std::sync::Arc;

use super::Coordinator;
use crate::state::InForce;

impl Coordinator {
    /// The manifest in force; after a rollback, the one that was.
    pub fn manifest(&self) -> Option<Arc<InForce>> {
        self.view().manifest.clone()
    }
}
