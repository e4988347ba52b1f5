//! What may be asked of AMD SEV-SNP machines, beside what may be asked of every platform.

use serde::{Deserialize, Serialize};

/// The policy; its default is the strict one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Policy {}
