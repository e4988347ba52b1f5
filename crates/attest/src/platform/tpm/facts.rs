//! What a TPM's evidence proves beyond what every platform says.

use std::sync::Arc;

use serde::{Serialize, Serializer};
use strongroom_crypto::digest::Digest32;

use super::attest::Clock;
use super::key::AttestationKeyPublic;
use super::pcrs::Pcrs;
use super::vouch::Voucher;
use crate::endorsements::Roots;

/// Facts about a TPM and the machine that it sits in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Facts {
    /// The attestation key: SHA-256 of its public area, in hexadecimal.
    #[serde(serialize_with = "key_id")]
    pub(super) attestation_key: AttestationKeyPublic,
    /// Who says that it lives in a genuine TPM.
    pub(super) vouchers: Vec<Voucher>,
    /// Clock and counters at the time of the quote.
    pub(super) clock: Clock,
    /// The TPM maker's firmware version.
    pub(super) firmware_version: u64,
    /// Quoted registers of the SHA-256 bank.
    #[serde(serialize_with = "by_register")]
    pub(super) pcrs: Pcrs,
    #[serde(skip)]
    pub(super) event_log: Option<Arc<[u8]>>,
    #[serde(skip)]
    pub(super) ima_log: Option<Arc<[u8]>>,
}

/// The TPM tells of an earlier time than it did before, or it is another one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WentBack {
    /// Another attestation key.
    #[error("it is another attestation key")]
    OtherKey,
    /// The machine booted in between.
    #[error("the TPM was reset {earlier} times before, now {now} times")]
    Reset {
        /// Then.
        earlier: u32,
        /// Now.
        now: u32,
    },
    /// The machine was suspended in between.
    #[error("the TPM was restarted {earlier} times before, now {now} times")]
    Restarted {
        /// Then.
        earlier: u32,
        /// Now.
        now: u32,
    },
    /// The clock went back.
    #[error("the TPM's clock stood at {earlier} ms before, now at {now} ms")]
    Clock {
        /// Then.
        earlier: u64,
        /// Now.
        now: u64,
    },
}

impl Facts {
    /// The attestation key.
    #[must_use]
    pub const fn attestation_key(&self) -> &AttestationKeyPublic {
        &self.attestation_key
    }

    /// Who says that it lives in a genuine TPM; at least one.
    #[must_use]
    pub fn vouchers(&self) -> &[Voucher] {
        &self.vouchers
    }

    /// Clock and counters at the time of the quote.
    #[must_use]
    pub const fn clock(&self) -> Clock {
        self.clock
    }

    /// The TPM maker's firmware version.
    #[must_use]
    pub const fn firmware_version(&self) -> u64 {
        self.firmware_version
    }

    /// Quoted registers of the SHA-256 bank.
    #[must_use]
    pub const fn pcrs(&self) -> &Pcrs {
        &self.pcrs
    }

    /// Checks that this quote comes after `earlier`, from the same boot of the same machine.
    ///
    /// # Errors
    /// [`WentBack`].
    pub fn follows(&self, earlier: &Self) -> Result<(), WentBack> {
        let (now, then) = (self.clock, earlier.clock);
        if self.attestation_key.key() != earlier.attestation_key.key() {
            Err(WentBack::OtherKey)
        } else if now.reset_count != then.reset_count {
            Err(WentBack::Reset {
                earlier: then.reset_count,
                now: now.reset_count,
            })
        } else if now.restart_count != then.restart_count {
            Err(WentBack::Restarted {
                earlier: then.restart_count,
                now: now.restart_count,
            })
        } else if now.clock_ms < then.clock_ms {
            Err(WentBack::Clock {
                earlier: then.clock_ms,
                now: now.clock_ms,
            })
        } else {
            Ok(())
        }
    }

    /// Whether somebody whom `roots` accept says that the key lives in a genuine TPM. Not only the one whom the claims
    /// name: a key may be pinned by one policy and enrolled for another.
    pub(crate) fn is_vouched_for_by(&self, roots: &Roots) -> bool {
        let mut vouchers = self.vouchers.iter();
        vouchers.any(|voucher| voucher.is_accepted_by(roots, &self.attestation_key))
    }
}

fn key_id<S: Serializer>(key: &AttestationKeyPublic, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&key.id())
}

fn by_register<S: Serializer>(pcrs: &Pcrs, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(pcrs.iter().map(|(pcr, value): (u8, &Digest32)| (pcr, value)))
}
