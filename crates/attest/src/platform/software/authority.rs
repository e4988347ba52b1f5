//! The other end of the software platform: root and attestation key, as the simulator holds them. Here, and not in the
//! simulator, because the tests of every verifier mint evidence with it, under roots of their own.

use std::sync::Arc;

use strongroom_crypto::issue::{self, Template, Usage};
use strongroom_crypto::random::Random;
use strongroom_crypto::sign::SigningKey;
use strongroom_crypto::time::UnixTime;
use strongroom_crypto::x509::{Certificate, Names};

use super::{SIMULATION_MARKER, SoftwareEvidence, Statement};
use crate::evidence::Evidence;
use crate::platform::Platform;
use crate::verify::TOLERANCE_SECONDS;

/// How long a root is valid.
pub const ROOT_SECONDS: u64 = 10 * 365 * 24 * 3600;
/// How long an attestation key is valid; it is made anew at each start.
pub const ATTESTATION_KEY_SECONDS: u64 = 365 * 24 * 3600;

/// A root of the software platform with an attestation key under it.
#[derive(Debug)]
pub struct Authority {
    root: Certificate,
    root_key: SigningKey,
    certificate: Certificate,
    key: SigningKey,
}

/// An authority could not be made from what was stored.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AuthorityError {
    /// The stored key is not the one in the stored certificate.
    #[error("the root's key does not belong to its certificate")]
    OtherKey,
    /// A certificate could not be made.
    #[error("a certificate of the software platform cannot be made")]
    Issue(#[from] issue::IssueError),
}

impl Authority {
    /// Mints a new root, and an attestation key under it.
    ///
    /// # Errors
    /// [`AuthorityError::Issue`].
    pub fn generate(now: UnixTime, random: &dyn Random) -> Result<Self, AuthorityError> {
        let root_key = SigningKey::generate_p384();
        let template = template("root", Usage::Authority, now, ROOT_SECONDS);
        let root = issue::self_signed(&template, &root_key, random)?;
        Self::resume(root, root_key, now, random)
    }

    /// Mints a new attestation key under a root made before.
    ///
    /// # Errors
    /// [`AuthorityError`].
    pub fn resume(
        root: Certificate,
        root_key: SigningKey,
        now: UnixTime,
        random: &dyn Random,
    ) -> Result<Self, AuthorityError> {
        if root.spki_der() != root_key.spki_der() {
            return Err(AuthorityError::OtherKey);
        }
        let key = SigningKey::generate_p384();
        let template = template("attestation key", Usage::Leaf, now, ATTESTATION_KEY_SECONDS);
        let name = root.subject_cn().unwrap_or_default().to_owned();
        let certificate = issue::Authority::new(&name, &root_key).issue(&template, key.spki_der(), random)?;
        Ok(Self {
            root,
            root_key,
            certificate,
            key,
        })
    }

    /// The root: what manifests and policies carry, there is no default.
    #[must_use]
    pub const fn root(&self) -> &Certificate {
        &self.root
    }

    /// The root's key, for the simulator to store.
    #[must_use]
    pub const fn root_key(&self) -> &SigningKey {
        &self.root_key
    }

    /// Signs a statement.
    #[must_use]
    pub fn issue(&self, statement: &Statement) -> Evidence {
        let signed = statement.to_bytes();
        let body = SoftwareEvidence::encode(&signed, &self.key.sign(&signed), &self.certificate);
        let evidence =
            SoftwareEvidence::parse(&body).expect("a statement with a short printable version parses");
        Evidence::of(Platform::Software, Arc::new(evidence))
    }
}

fn template(role: &str, usage: Usage, now: UnixTime, seconds: u64) -> Template {
    Template {
        common_name: format!("{SIMULATION_MARKER} {role}"),
        names: Names::default(),
        not_before: now.minus(TOLERANCE_SECONDS),
        not_after: now.plus(seconds),
        usage,
        extensions: Vec::new(),
    }
}
