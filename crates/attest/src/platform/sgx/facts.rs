//! What SGX evidence proves beyond what every platform says.

use serde::Serialize;

use crate::platform::dcap::{EnclaveReport, PlatformFacts};

/// Facts about an enclave and the platform that it runs on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Facts {
    pub(super) quote_version: u16,
    pub(super) enclave: EnclaveReport,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) platform: Option<PlatformFacts>,
}

impl Facts {
    /// Version of the quote.
    #[must_use]
    pub const fn quote_version(&self) -> u16 {
        self.quote_version
    }

    /// What SGX says of the enclave.
    #[must_use]
    pub const fn enclave(&self) -> &EnclaveReport {
        &self.enclave
    }

    /// The platform. Claims always have one.
    #[must_use]
    pub const fn platform(&self) -> Option<&PlatformFacts> {
        self.platform.as_ref()
    }
}
