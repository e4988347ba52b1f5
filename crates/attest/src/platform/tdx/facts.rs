//! What TDX evidence proves beyond what every platform says.

use std::sync::Arc;

use serde::Serialize;
use strongroom_crypto::digest::Digest32;

use super::report::TdReport;
use crate::platform::dcap::PlatformFacts;

/// Facts about a TD and the platform that it runs on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Facts {
    pub(super) quote_version: u16,
    pub(super) td: TdReport,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) platform: Option<PlatformFacts>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) program: Option<Digest32>,
    #[serde(skip)]
    pub(super) event_log: Option<Arc<[u8]>>,
}

impl Facts {
    /// Version of the quote.
    #[must_use]
    pub const fn quote_version(&self) -> u16 {
        self.quote_version
    }

    /// What the TDX module says of the TD.
    #[must_use]
    pub const fn td(&self) -> &TdReport {
        &self.td
    }

    /// The platform. Claims always have one.
    #[must_use]
    pub const fn platform(&self) -> Option<&PlatformFacts> {
        self.platform.as_ref()
    }

    /// The program that our own event in RTMR3 names.
    #[must_use]
    pub const fn program(&self) -> Option<Digest32> {
        self.program
    }
}
